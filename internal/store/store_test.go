package store_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/test/needs"
)

// noon is the instant at which tests happen.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)

// house is a place for a store: a database of one dialect, and a keyset.
type house struct {
	url, path, keyset string
}

// open starts one process in the house.
func (h house) open(t testing.TB) *store.Store {
	t.Helper()
	s, err := h.tryOpen(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (h house) tryOpen(t testing.TB) (*store.Store, error) {
	t.Helper()
	box, err := secret.Open(h.keyset)
	if err != nil {
		t.Fatal(err)
	}
	return store.Open(t.Context(), store.Config{
		URL: h.url, Path: h.path, Box: box,
		Clock:     func() time.Time { return noon },
		NewKey:    func(string, time.Time) (saml.Key, error) { return oneKey() },
		Retention: store.Retention{Traces: 90 * day, Unverified: 5, Audit: 400 * day, Idle: 2 * time.Hour},
	})
}

const day = 24 * time.Hour

// oneKey is one RSA key for all tests: making one takes long.
var oneKey = sync.OnceValues(func() (saml.Key, error) { return saml.NewKey(rand.Reader, "idms test", noon) })

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, h house)) {
	t.Run("sqlite", func(t *testing.T) {
		folder := t.TempDir()
		test(t, house{path: filepath.Join(folder, "idms.db"), keyset: filepath.Join(folder, "keyset.json")})
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, house{url: needs.PostgreSQL(t), keyset: filepath.Join(t.TempDir(), "keyset.json")})
	})
}

// onEach is onBoth for tests that need one open store.
func onEach(t *testing.T, test func(t *testing.T, s *store.Store)) {
	onBoth(t, func(t *testing.T, h house) { test(t, h.open(t)) })
}

var ctx = context.Background()

func TestSmoke(t *testing.T) {
	onEach(t, func(t *testing.T, s *store.Store) {
		all, err := s.Records(ctx)
		t.Log(all, err)
	})
}
