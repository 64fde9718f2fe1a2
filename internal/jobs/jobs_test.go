package jobs

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/secret"
	"idms/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens an empty database that keeps its audit trail for a day.
func open(t *testing.T) *store.Store {
	t.Helper()
	folder := t.TempDir()
	box, err := secret.Open(filepath.Join(folder, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{
		Path: filepath.Join(folder, "idms.sqlite"), Box: box,
		Retention: store.Retention{Audit: 24 * time.Hour},
		Clock:     func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// write writes an event of yesterday, which is due, and returns how to ask
// whether it is still there.
func write(t *testing.T, s *store.Store) (kept func() bool) {
	t.Helper()
	if err := s.Audit(t.Context(), audit.Event{At: noon.Add(-25 * time.Hour), Action: audit.LoggedOut}); err != nil {
		t.Fatal(err)
	}
	return func() bool {
		events, _, err := s.Events(t.Context(), store.EventFilter{}, "", 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(events) > 0
	}
}

func TestAPurgeHappensAtTheStartAndAtEveryTickUntilItIsStopped(t *testing.T) {
	s := open(t)
	ctx, stop := context.WithCancel(t.Context())
	// A purge begins with a look at the clock, and a tick is taken when it is over.
	begins, tick := make(chan bool), make(chan time.Time)
	clock := func() time.Time {
		begins <- true
		return noon
	}
	var said bytes.Buffer
	ended := make(chan struct{})
	kept := write(t, s)
	go func() {
		defer close(ended)
		Run(ctx, s, clock, slog.New(slog.NewTextHandler(&said, nil)), tick)
	}()

	<-begins
	tick <- noon
	if kept() {
		t.Error("the start did not purge")
	}
	kept = write(t, s)
	<-begins
	tick <- noon
	if kept() {
		t.Error("a tick did not purge")
	}
	stop()
	<-begins
	<-ended
	if got := strings.Count(said.String(), "msg=purged"); got != 2 {
		t.Errorf("%d lines about purges, want one for each that removed something:\n%s", got, said.String())
	}
}

func TestAPurgeThatFailsIsLoggedAndOneThatWasStoppedIsNot(t *testing.T) {
	s := open(t)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	if Purge(stopped, s, noon, log); said.Len() > 0 {
		t.Errorf("stopped, it says %s", said.String())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if Purge(t.Context(), s, noon, log); !strings.Contains(said.String(), "level=ERROR") || !strings.Contains(said.String(), "tried again") {
		t.Errorf("failed, it says %q", said.String())
	}
}
