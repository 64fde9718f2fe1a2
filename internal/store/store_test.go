package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/session"
	"idms/internal/users"
	"idms/test/database"
	"idms/test/needs"
)

const day = 24 * time.Hour

// noon is the instant at which tests happen.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)

var (
	ctx = context.Background()
	bob = Author{Who: "bob", Reason: "ticket 7", Now: noon}
)

// house is a place for a store: a database of one dialect, and a keyset.
type house struct {
	dialect           dialect
	url, path, keyset string
}

// open starts one process in the house.
func (h house) open(t testing.TB) *Store {
	t.Helper()
	s, err := h.tryOpen(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (h house) tryOpen(t testing.TB) (*Store, error) {
	t.Helper()
	box, err := secret.Open(h.keyset)
	if err != nil {
		t.Fatal(err)
	}
	return Open(ctx, Config{
		URL: h.url, Path: h.path, Box: box,
		Clock:     func() time.Time { return noon },
		NewKey:    func(string, time.Time) (saml.Key, error) { return oneKey() },
		Retention: Retention{Traces: 90 * day, Unverified: 5, Audit: 400 * day, Idle: 2 * time.Hour},
	})
}

// oneKey is one RSA key for all tests: making one takes long.
var oneKey = sync.OnceValues(func() (saml.Key, error) { return saml.NewKey(rand.Reader, "idms test", noon) })

func sqliteHouse(t testing.TB) house {
	folder := t.TempDir()
	return house{dialect: onSQLite, path: filepath.Join(folder, "a b?c", "idms.db"), keyset: filepath.Join(folder, "keyset.json")}
}

func postgresHouse(t testing.TB) house {
	return house{dialect: onPostgres, url: needs.PostgreSQL(t), keyset: filepath.Join(t.TempDir(), "keyset.json")}
}

// inBoth runs a test in an empty house of each dialect.
func inBoth(t *testing.T, test func(t *testing.T, h house)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteHouse(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, postgresHouse(t)) })
}

// onBoth runs a test of one open store on each dialect; the tables are there before
// it is opened.
func onBoth(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("sqlite", func(t *testing.T) {
		h := sqliteHouse(t)
		database.SQLiteAt(t, h.path)
		test(t, h.open(t))
	})
	t.Run("postgres", func(t *testing.T) {
		h := house{dialect: onPostgres, url: database.PostgreSQL(t), keyset: filepath.Join(t.TempDir(), "keyset.json")}
		test(t, h.open(t))
	})
}

func TestATransactionHappensWhollyOrNotAtAllS2(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		before := counts(t, s)
		refused := errors.New("refused")
		err := s.InTx(ctx, func(tx *Tx) error {
			logIn(t, tx, acme, "ada", "platform")
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatalf("the transaction ended with %v", err)
		}
		if after := counts(t, s); after != before {
			t.Errorf("a login that failed at its end left something:\n%s\nbefore:\n%s", after, before)
		}
		// The same steps do write when nothing fails.
		must(t, s.InTx(ctx, func(tx *Tx) error { logIn(t, tx, acme, "ada", "platform"); return nil }))
		if after := counts(t, s); after == before {
			t.Error("a login that succeeded wrote nothing")
		}
	})
}

func TestATransactionThatTheDatabaseEndedIsTriedAgainAFewTimes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for _, tt := range []struct {
			name  string
			fails int // times
			code  string
			tries int
			want  bool
		}{
			{"a serialization failure, twice", 2, "40001", 3, true},
			{"a deadlock, once", 1, "40P01", 2, true},
			{"a deadlock each time", 99, "40P01", transactionTries, false},
			{"a broken constraint is not passing", 99, "23505", 1, false},
		} {
			tries := 0
			err := s.InTx(ctx, func(tx *Tx) error {
				tries++
				if err := tx.SaveTrace(Trace{Ref: NewRef(), At: noon}); err != nil {
					return err
				}
				if tries <= tt.fails {
					return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: tt.code})
				}
				return nil
			})
			if tries != tt.tries || (err == nil) != tt.want {
				t.Errorf("%s: %d tries, then %v", tt.name, tries, err)
			}
		}
		if n := count(t, s, "traces"); n != 2 {
			t.Errorf("%d traces are kept, want those of the two that succeeded", n)
		}
	})
}

func TestTwoThatWaitForEachOtherBothEnd(t *testing.T) {
	s := postgresHouse(t).open(t)
	acme := newRecord(t, s, "acme", "platform")
	// Each takes one account and then asks for the other's. On the second try
	// the other is already done.
	var meet sync.WaitGroup
	meet.Add(2)
	var both sync.WaitGroup
	for _, order := range [][2]string{{"ada", "grace"}, {"grace", "ada"}} {
		both.Go(func() {
			first := true
			err := s.InTx(ctx, func(tx *Tx) error {
				if err := tx.lockAccount(acme.ID, order[0]); err != nil {
					return err
				}
				if first {
					first = false
					meet.Done()
					meet.Wait()
				}
				return tx.lockAccount(acme.ID, order[1])
			})
			if err != nil {
				t.Errorf("%v: %v", order, err)
			}
		})
	}
	both.Wait()
}

func TestAClosedStoreSaysSo(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		must(t, s.Ping(ctx))
		must(t, s.Close())
		if err := s.Ping(ctx); err == nil {
			t.Error("the database answers after the end")
		}
	})
}

// The file would go on answering from its open descriptor, and everything written
// to it would be gone at the next start.
func TestASQLiteFileThatWasTakenAwayIsNoDatabase(t *testing.T) {
	folder := t.TempDir()
	h := house{dialect: onSQLite, path: filepath.Join(folder, "idms.sqlite"), keyset: filepath.Join(folder, "keyset.json")}
	s := h.open(t)
	must(t, s.Ping(ctx))
	must(t, os.Rename(h.path, h.path+".away"))
	if err := s.Ping(ctx); err == nil {
		t.Error("it answers without its file")
	}
	must(t, os.WriteFile(h.path, nil, 0o600))
	if err := s.Ping(ctx); err == nil {
		t.Error("it answers beside another file")
	}
	must(t, os.Remove(h.path))
	must(t, os.Rename(h.path+".away", h.path))
	must(t, s.Ping(ctx))
}

func TestWhatStrangersTypeIsLookedForAndIsNoFault(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for _, odd := range []string{"a\x00b", "a\xffb", "\xc3", strings.Repeat("a", 1<<16)} {
			_, byName := s.Credential(ctx, odd)
			_, _, byHandle := s.Logout(ctx, odd, noon)
			_, byKey := s.Edition(ctx, odd)
			_, byRef := s.TestLogin(ctx, odd)
			_, byRecord := s.UserID(ctx, odd, odd)
			for what, err := range map[string]error{"a username": byName, "a logout": byHandle, "a record": byKey, "a test": byRef, "a person": byRecord} {
				if fault.KindOf(err) != fault.NotFound {
					t.Errorf("%s called %.9q: %v", what, odd, err)
				}
			}
		}
	})
}

func TestASlowStatementIsLoggedWithoutItsValues(t *testing.T) {
	var text strings.Builder
	log := sqlLog{slog.New(slog.NewTextHandler(&text, nil))}
	s := sqliteHouse(t).open(t)
	db := s.read.Session(&gorm.Session{Logger: clockBack{log}})
	must(t, db.Exec("SELECT ?", "ada@example.com").Error)
	if !strings.Contains(text.String(), "SELECT ?") || strings.Contains(text.String(), "ada@") {
		t.Errorf("the log says %q", text.String())
	}
}

// clockBack makes every statement slow.
type clockBack struct{ sqlLog }

func (l clockBack) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	l.sqlLog.Trace(ctx, begin.Add(-slow), statement, err)
}

// --- what tests do and see

// newRecord applies an active record that adds people to groups by a rule each.
func newRecord(t testing.TB, s *Store, key string, inGroups ...string) Edition {
	t.Helper()
	file := idms.File{Records: []idms.Record{sample(key, inGroups...)}}
	for _, group := range inGroups {
		file.Groups = append(file.Groups, groups.Group{Key: group, Name: "The " + group})
	}
	if _, err := s.Apply(ctx, file, bob); err != nil {
		t.Fatal(err)
	}
	return edition(t, s, key)
}

// sample is a record as a file holds it.
func sample(key string, inGroups ...string) idms.Record {
	record := idms.Record{Key: key, Name: "Record " + key, State: idms.Active, CreateUsers: true}
	for _, group := range inGroups {
		pattern, err := rules.ParsePattern("^"+group+"$", rules.Options{})
		if err != nil {
			panic(err)
		}
		record.Associations = append(record.Associations, groups.Association{
			Group: group, Rule: rules.Rule{Key: "in-" + group, Attribute: "groups", Pattern: pattern},
		})
	}
	return record
}

func edition(t testing.TB, s *Store, key string) Edition {
	t.Helper()
	e, err := s.Edition(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// visitor is somebody who logged in.
type visitor struct {
	account users.Account
	session session.Session
	hash    []byte // of the session's token
}

// logIn does all that the transaction of a login does.
func logIn(t testing.TB, tx *Tx, record Edition, username string, inGroups ...string) visitor {
	t.Helper()
	known, err := tx.Known(record, username)
	must(t, err)
	v := visitor{account: users.Account{
		ID: NewID(), RecordID: record.ID, State: users.Enabled, Created: noon, LastSeen: noon, NameID: "n-" + username,
		Profile: users.Profile{Username: username, Email: username + "@example.com", FirstName: "A", LastName: "L", Phone: "1"},
	}}
	if known.Account != nil {
		v.account.ID, v.account.Created = known.Account.ID, known.Account.Created
		must(t, tx.UpdateUser(v.account))
	} else {
		must(t, tx.CreateUser(v.account))
	}
	if fresh, err := tx.UseAssertion("https://idp.example", NewID(), noon.Add(time.Hour)); err != nil || !fresh {
		t.Fatalf("a new assertion was used before (%v)", err)
	}
	var changes []groups.Change
	for _, group := range inGroups {
		changes = append(changes, groups.Change{Group: group, Source: byRule(record.Key, group)})
	}
	must(t, tx.ApplyChanges(v.account.ID, changes, noon))
	v.session = session.Session{
		ID: NewID(), UserID: v.account.ID, RecordID: record.ID, RecordKey: record.Key,
		NameID:       saml.NameID{Value: "n-" + username, Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"},
		SessionIndex: "_1", Level: console.Restricted,
		Opened: noon, Seen: noon, Expires: noon.Add(12 * time.Hour),
	}
	_, v.hash = session.NewToken()
	must(t, tx.OpenSession(v.session, v.hash))
	return v
}

func loggedIn(t testing.TB, s *Store, record Edition, username string, inGroups ...string) visitor {
	t.Helper()
	var v visitor
	must(t, s.InTx(ctx, func(tx *Tx) error {
		v = logIn(t, tx, record, username, inGroups...)
		return nil
	}))
	return v
}

func byRule(record, group string) groups.Source {
	return groups.Source{Kind: groups.FromAssociation, Record: record, By: "in-" + group, Since: noon}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tables are all tables of the database, without the one of the migrations.
func tables(t testing.TB, s *Store) []string {
	t.Helper()
	list := "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if s.dialect == onPostgres {
		list = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	var names []string
	must(t, s.read.Raw(list).Scan(&names).Error)
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == "goose_db_version" })
}

func count(t testing.TB, s *Store, table string) int {
	t.Helper()
	var n int
	must(t, s.read.Raw("SELECT count(*) FROM "+table).Row().Scan(&n))
	return n
}

// counts are the rows of every table.
func counts(t testing.TB, s *Store) string {
	t.Helper()
	var all strings.Builder
	for _, table := range tables(t, s) {
		fmt.Fprintf(&all, "%s %d\n", table, count(t, s, table))
	}
	return all.String()
}

// tally counts the statements of a store.
type tally struct {
	logger.Interface
	n atomic.Int64
}

func (c *tally) LogMode(logger.LogLevel) logger.Interface { return c }
func (c *tally) Trace(context.Context, time.Time, func() (string, int64), error) {
	c.n.Add(1)
}

// statements counts those of the writers that do runs.
func statements(s *Store, do func()) int { return counted(s.write, do) }

// readings counts those of the readers, which on PostgreSQL are the writers too.
func readings(s *Store, do func()) int { return counted(s.read, do) }

func counted(db *gorm.DB, do func()) int {
	count := &tally{Interface: logger.Discard}
	former := db.Logger
	db.Logger = count
	defer func() { db.Logger = former }()
	do()
	return int(count.n.Load())
}
