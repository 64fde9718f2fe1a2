// Package database gives a test an empty database that has the tables of this version
// already, copied from one that was migrated once: migrating takes ten times as long
// as copying. It owns the originals. It leaves the server to test/needs, and what
// else a database begins with (the built-in groups, the mark of the keyset) to
// store.Open, which finds nothing to migrate. Tests of the migrations themselves
// begin with a database that has nothing.
package database

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers sqlite

	"idms/migrations"
	"idms/test/needs"
)

// SQLite returns the path of a file of this test's own.
func SQLite(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "idms.sqlite")
	SQLiteAt(t, path)
	return path
}

// SQLiteAt makes the file at a path, and its folder.
func SQLiteAt(t testing.TB, path string) {
	t.Helper()
	file, err := original()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// original is the content of a migrated file.
var original = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "idms-database-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "idms.sqlite")
	if err := migrate("sqlite", path, "sqlite", goose.DialectSQLite3); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// PostgreSQL returns the URL of a database of this test's own, as needs.PostgreSQL
// does.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	version, err := digest("postgres")
	if err != nil {
		t.Fatal(err)
	}
	return needs.PostgreSQLCopy(t, "idms_test_tables_"+version, func(url string) error {
		return migrate("pgx", url, "postgres", goose.DialectPostgres)
	})
}

// migrate brings an empty database up to date.
func migrate(driver, source, folder string, dialect goose.Dialect) error {
	files, err := fs.Sub(migrations.Files, folder)
	if err != nil {
		return err
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	defer db.Close()
	provider, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(context.Background())
	return err
}

// digest is short for the content of a folder of migrations.
func digest(folder string) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations.Files, folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.Files, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), err
}
