package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/libtnb/sqlite"
	"github.com/pressly/goose/v3"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite" // in pure Go

	"idms/internal/fault"
	"idms/internal/saml"
	"idms/migrations"
)

// dialect is one of the two databases. Its name is the folder of its migrations.
type dialect string

const (
	onSQLite   dialect = "sqlite"
	onPostgres dialect = "postgres"
)

const (
	// busyTimeout is how long SQLite waits for another process, in milliseconds.
	busyTimeout = 5_000
	// sqliteDriver is the name under which modernc.org/sqlite registers itself.
	sqliteDriver = "sqlite"
	// startTimeout is how long a start waits for another process that is
	// bringing the database up to date.
	startTimeout = 5 * time.Minute
	// postgresConnections at most, for one process; pool_max_conns in the URL
	// says otherwise.
	postgresConnections = 16
)

// Open connects to the database, brings it up to date and checks that the keyset
// belongs to it. Of processes that start at once, one does the work and the
// others wait. The errors that an administrator can mend are fault.Invalid.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Box == nil {
		return nil, errors.New("store: no keyset given")
	}
	s := &Store{box: c.Box, log: c.Log, retention: c.Retention, fixed: c.Fixed, newKey: c.NewKey}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	s.clock = c.Clock
	if s.newKey == nil {
		s.newKey = func(name string, now time.Time) (saml.Key, error) { return saml.NewKey(rand.Reader, name, now) }
	}
	open := s.openSQLite
	if c.URL != "" {
		open = s.openPostgres
	}
	if err := open(ctx, c); err != nil {
		return nil, err
	}
	s.opened = true
	s.current(ctx) // so that the first login does not pay for it
	return s, nil
}

// openSQLite opens the file at c.Path.
func (s *Store) openSQLite(ctx context.Context, c Config) error {
	s.dialect = onSQLite
	if err := makeFile(c.Path); err != nil {
		return fault.Hide(err, fault.Invalid, "The SQLite file "+c.Path+" cannot be made. Choose a folder that this user may write to.")
	}
	// Held from before the first connection: switching a new file to WAL must not
	// meet another process either.
	unlock, err := lockFile(ctx, c.Path)
	if err != nil {
		return wrap(err, "wait for another start")
	}
	defer unlock()

	// _txlock=immediate: a transaction that reads first and then writes would
	// otherwise fail as soon as two meet.
	if s.write, err = s.gorm(address(c.Path, "_txlock=immediate"), 1); err != nil {
		return wrap(err, "open "+c.Path)
	}
	if s.read, err = s.gorm(address(c.Path, "_pragma=query_only(1)"), max(4, runtime.GOMAXPROCS(0))); err != nil {
		return errors.Join(wrap(err, "open "+c.Path), closeAll(s.write))
	}
	s.close = func() error { return errors.Join(closeAll(s.read), closeAll(s.write)) }
	if err := s.begin(ctx, c.Clock()); err != nil {
		return errors.Join(err, s.close())
	}
	info, err := os.Stat(c.Path)
	if err != nil {
		return errors.Join(wrap(err, "look for the SQLite file"), s.close())
	}
	s.file = &openFile{c.Path, info}
	return nil
}

// openPostgres connects to c.URL.
func (s *Store) openPostgres(ctx context.Context, c Config) error {
	s.dialect = onPostgres
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		// The parser's own message may repeat the password.
		return fault.New(fault.Invalid, "The database URL cannot be read. Write postgres://user:password@host:5432/database.")
	}
	if !strings.Contains(c.URL, "pool_max_conns") {
		config.MaxConns = postgresConnections
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "idms"
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return wrap(err, "connect")
	}
	s.pool = pool
	db := stdlib.OpenDBFromPool(pool)
	s.close = func() error {
		err := db.Close()
		pool.Close()
		return err
	}
	if s.write, err = gorm.Open(postgres.New(postgres.Config{Conn: db}), s.settings()); err != nil {
		return errors.Join(fault.Hide(err, fault.Invalid, "The PostgreSQL server does not answer. Look at the database URL and at the server."), s.close())
	}
	s.read = s.write
	unlock, err := lockDatabase(ctx, db)
	if err != nil {
		return errors.Join(wrap(err, "wait for another start"), s.close())
	}
	err = s.begin(ctx, c.Clock())
	unlock() // its connection is one of those that close waits for
	if err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

// begin makes the database ready for this version of the program. The caller
// holds the lock that keeps other starts out.
func (s *Store) begin(ctx context.Context, now time.Time) error {
	if err := s.migrate(ctx); err != nil {
		return wrap(err, "bring the database up to date")
	}
	if err := s.checkKeyset(ctx); err != nil {
		return err
	}
	if err := s.readNameKey(ctx); err != nil {
		return err
	}
	return wrap(s.ensureBuiltIn(ctx, now), "make the built-in record and groups")
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations.Files, string(s.dialect))
	if err != nil {
		return err
	}
	db, err := s.write.DB()
	if err != nil {
		return err
	}
	dialects := map[dialect]goose.Dialect{onSQLite: goose.DialectSQLite3, onPostgres: goose.DialectPostgres}
	provider, err := goose.NewProvider(dialects[s.dialect], db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	applied, err := provider.Up(ctx)
	for _, one := range applied {
		s.log.InfoContext(ctx, "migration applied", "file", filepath.Base(one.Source.Path), "took", one.Duration)
	}
	return err
}

// canary is sealed with the keyset that a database began with.
var canary = []byte("this keyset belongs to this database")

// checkKeyset refuses to start with a keyset that cannot read what the database
// holds: better now, and with a sentence, than at somebody's login.
func (s *Store) checkKeyset(ctx context.Context) error {
	place := []byte("meta/keyset")
	kept := metaRow{Name: "keyset"}
	err := s.write.WithContext(ctx).Take(&kept).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		if kept.Sealed, err = s.box.Seal(canary, place); err != nil {
			return wrap(err, "mark the database with the keyset")
		}
		return wrap(s.write.WithContext(ctx).Create(&kept).Error, "mark the database with the keyset")
	}
	if err != nil {
		return wrap(err, "check the keyset")
	}
	if _, err := s.box.Unseal(kept.Sealed, place); err != nil {
		return fault.Hide(err, fault.Invalid, fmt.Sprintf(
			"The database was sealed with another keyset than %s. Put back the keyset that belongs to this database, from the backup of the data folder, and start again. Nothing was changed.",
			s.box.Source()))
	}
	return nil
}

// readNameKey reads the key under which traces are found by name, and makes it on the
// first start that needs it. It stays when keys are rotated: what was written under it
// would be found no more.
func (s *Store) readNameKey(ctx context.Context) error {
	place := []byte("meta/names")
	kept := metaRow{Name: "names"}
	err := s.write.WithContext(ctx).Take(&kept).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		s.nameKey = make([]byte, sha256.Size)
		rand.Read(s.nameKey) // never fails: crypto/rand ends the program instead
		if kept.Sealed, err = s.box.Seal(s.nameKey, place); err != nil {
			return wrap(err, "make the key of names")
		}
		return wrap(s.write.WithContext(ctx).Create(&kept).Error, "make the key of names")
	}
	if err != nil {
		return wrap(err, "read the key of names")
	}
	s.nameKey, err = s.box.Unseal(kept.Sealed, place)
	return wrap(err, "read the key of names")
}

type metaRow struct {
	Name   string `gorm:"primaryKey"`
	Sealed []byte
}

func (metaRow) TableName() string { return "meta" }

// gorm opens a SQLite database with at most so many connections.
func (s *Store) gorm(dsn string, connections int) (*gorm.DB, error) {
	conns := sql.OpenDB(connector{dsn, &modernc.Driver{}})
	db, err := gorm.Open(sqlite.New(sqlite.Config{Conn: conns}), s.settings())
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections) // opening one costs more than a login
	return db, nil
}

func (s *Store) settings() *gorm.Config {
	return &gorm.Config{
		Logger:                 sqlLog{s.log},
		TranslateError:         true,
		SkipDefaultTransaction: true, // one statement is one transaction anyway
	}
}

// address is the DSN of a SQLite file.
func address(path string, more ...string) string {
	parameters := append([]string{
		fmt.Sprintf("_pragma=busy_timeout(%d)", busyTimeout),
		"_pragma=journal_mode(WAL)",
		"_pragma=synchronous(NORMAL)",
		"_pragma=foreign_keys(1)",
	}, more...)
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(parameters, "&")
}

// makeFile makes the file, and its folder, for this user alone; SQLite gives
// the files beside it the same rights.
func makeFile(path string) error {
	if path == "" {
		return errors.New("no path given")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// lockFile keeps other processes from starting on the same SQLite file. The lock
// is a transaction on a second, empty SQLite file: it works wherever SQLite
// works, and ends with the process that holds it.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	path += ".start"
	if err := makeFile(path); err != nil {
		return nil, err
	}
	db, err := sql.Open(sqliteDriver, fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)",
		(&url.URL{Path: path}).EscapedPath(), startTimeout.Milliseconds()))
	if err != nil {
		return nil, err
	}
	connection, err := db.Conn(ctx)
	if err == nil {
		_, err = connection.ExecContext(ctx, "BEGIN EXCLUSIVE")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() {
		// Closing the connection ends the transaction.
		_ = connection.Close()
		_ = db.Close()
	}, nil
}

// lockDatabase keeps other processes from starting on the same PostgreSQL
// database. The lock belongs to one connection and ends with it.
func lockDatabase(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	connection, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	lock := lockNumber("start")
	if _, err := connection.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return func() {
		// Also when the start was given up: the connection goes back to a pool.
		_, _ = connection.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock)
		_ = connection.Close()
	}, nil
}

func closeAll(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}
