// Package store owns what lasts: records and their versions, groups, people and
// their memberships, sessions, pending requests, used assertions, traces and the
// audit trail. It is the only package that speaks SQL, in two dialects: SQLite,
// embedded, and PostgreSQL, which any number of processes may share.
//
// Rows are private; the values of the packages below go in and come out. What
// must not half-happen is one [Store.InTx]. Times come out in UTC, exact to a
// microsecond. What only the owner of the keyset may read is sealed with
// [secret.Box] for the row it stands in.
//
// It leaves deciding to idms, the course of a login to login, and the shape of
// the tables to migrations.
package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm"

	"idms/internal/fault"
	"idms/internal/saml"
	"idms/internal/secret"
)

// Config is what a Store is made of.
type Config struct {
	URL  string // postgres://…; "" is SQLite at Path
	Path string // SQLite file; it and its folder are made when they are not there

	Box       *secret.Box
	Log       *slog.Logger // nil: nothing is logged
	Retention Retention

	// Fixed are the settings by name that this process's configuration sets: what
	// owners have adjusted of them does not count here.
	Fixed []string

	Clock func() time.Time // nil is time.Now

	// NewKey makes the key of a new record; nil is saml.NewKey.
	NewKey func(commonName string, now time.Time) (saml.Key, error)
}

// Store keeps everything in one database. It is safe for concurrent use.
type Store struct {
	dialect dialect
	// SQLite has one writer at a time: a pool of one connection makes writers
	// queue in this process, fairly, instead of polling for the file's lock.
	// Readers have connections of their own and never wait. On PostgreSQL both
	// are one pool.
	read, write *gorm.DB
	close       func() error
	pool        *pgxpool.Pool // of PostgreSQL
	file        *openFile     // of SQLite

	box       *secret.Box
	nameKey   []byte // of the names in traces
	log       *slog.Logger
	retention Retention
	fixed     []string
	clock     func() time.Time
	newKey    func(commonName string, now time.Time) (saml.Key, error)

	settled  atomic.Pointer[settled]
	settling sync.Mutex
	opened   bool // there are tables to read settings from

	unverified atomic.Uint64 // traces saved by this process, to know when to trim

	described descriptions // what records say of their directories
}

// openFile is a file as it was when it was opened.
type openFile struct {
	path string
	info os.FileInfo
}

// Ping is nil when the database answers. A SQLite file that was taken away, or
// another put in its place, would go on answering, and what is written to it is gone
// with the process.
func (s *Store) Ping(ctx context.Context) error {
	if s.file != nil {
		info, err := os.Stat(s.file.path)
		if err != nil {
			return wrap(err, "look for the SQLite file")
		}
		if !os.SameFile(info, s.file.info) {
			return fmt.Errorf("store: %s was replaced while it was open; start anew", s.file.path)
		}
	}
	db, err := s.read.DB()
	if err != nil {
		return err
	}
	return db.PingContext(ctx)
}

// Close ends all connections. Transactions under way fail.
func (s *Store) Close() error { return s.close() }

// Tx is one transaction. Its writes are seen by nobody before it ends.
type Tx struct {
	store *Store
	db    *gorm.DB
}

// transactionTries is how often a transaction is tried that PostgreSQL ends for
// reasons of its own.
const transactionTries = 4

// InTx runs use in one transaction: everything it writes happens, or nothing
// does and the error is use's own. On PostgreSQL, use runs again, in a new
// transaction, when the first met a deadlock or a serialization failure; it must
// therefore have no effect outside of tx. Inside, only tx may be used: on SQLite
// the Store's own methods would wait for this very transaction.
func (s *Store) InTx(ctx context.Context, use func(tx *Tx) error) error {
	if s.opened {
		s.current(ctx)
	}
	for try := 1; ; try++ {
		err := s.write.WithContext(ctx).Transaction(func(db *gorm.DB) error {
			return use(&Tx{store: s, db: db})
		})
		if try == transactionTries || !isTransient(err) {
			return unreachable(err)
		}
		// A while that differs, so that the same two do not meet again.
		pause := time.NewTimer(time.Duration(rand.IntN(20*try)) * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// isTransient recognizes what PostgreSQL asks to try again: a serialization
// failure or a deadlock (SQLSTATE class 40).
func isTransient(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "40001" || failure.Code == "40P01")
}

// NewID returns a fresh UUIDv7, as every row with an ID has one.
func NewID() string {
	return uuid.Must(uuid.NewV7()).String() // fails only where crypto/rand does, which never returns
}

// isID says whether text can be an ID at all: PostgreSQL fails on any other
// instead of finding nothing.
func isID(text string) bool { return len(text) == 36 && uuid.Validate(text) == nil }

// micros is how an instant is stored: microseconds since 1970, and 0 for the
// zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant is the opposite of micros.
func instant(stored int64) time.Time {
	if stored == 0 {
		return time.Time{}
	}
	return time.UnixMicro(stored).UTC()
}

// wrap names the operation that failed.
func wrap(err error, operation string) error {
	if err == nil {
		return nil
	}
	return unreachable(fmt.Errorf("store: %s: %w", operation, err))
}

// unreachable classifies the errors of a database that does not answer: nothing
// is broken here, and trying again helps.
func unreachable(err error) error {
	var network net.Error
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Hide(err, fault.Upstream, "The service cannot reach its database at the moment. Please try again in a moment.")
	}
	return err
}
