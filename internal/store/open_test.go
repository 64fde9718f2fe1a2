package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/secret"
	"idms/migrations"
)

func TestTheFirstStartMakesEverythingAndTheSecondNothing(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		first := h.open(t)
		local, err := first.Record(ctx, idms.LocalKey)
		if err != nil || local.State != idms.Active || local.Version != 1 {
			t.Errorf("the built-in record is %+v (%v), want it active (S40)", local, err)
		}
		before := counts(t, first)
		must(t, first.Close())

		second := h.open(t)
		if after := counts(t, second); after != before {
			t.Errorf("the second start wrote something:\n%s\nbefore:\n%s", after, before)
		}
		if again, err := second.Record(ctx, idms.LocalKey); err != nil || again.ID != local.ID {
			t.Errorf("the built-in record was made anew (%v)", err)
		}
	})
}

func TestProcessesThatStartAtOnceBringTheDatabaseUpToDateOnce(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		var wait sync.WaitGroup
		for range 6 {
			wait.Go(func() {
				s, err := h.tryOpen(t)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Record(ctx, idms.LocalKey); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		s := h.open(t)
		files, err := migrations.Files.ReadDir("sqlite")
		must(t, err)
		steps := len(files)
		for table, want := range map[string]int{"records": 1, "record_versions": 1, "meta": 2, "goose_db_version": 1 + steps} {
			if got := count(t, s, table); got != want {
				t.Errorf("%s has %d rows, want %d", table, got, want)
			}
		}
	})
}

// During an upgrade two versions run side by side: the older one must be able to
// start on what the newer one has expanded.
func TestAnOlderVersionStartsOnAnExpandedDatabase(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		s := h.open(t)
		must(t, s.write.Exec("ALTER TABLE users ADD COLUMN title TEXT NOT NULL DEFAULT ''").Error)
		must(t, s.write.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, ?)", true).Error)
		must(t, s.Close())

		s = h.open(t)
		acme := newRecord(t, s, "acme")
		loggedIn(t, s, acme, "ada")
		loggedIn(t, s, acme, "ada")
	})
}

func TestALostKeysetStopsTheStart(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		first := h.open(t)
		before := counts(t, first)
		must(t, first.Close())

		lost := h
		lost.keyset = filepath.Join(t.TempDir(), "keyset.json") // made anew, as after a lost disk
		_, err := lost.tryOpen(t)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), lost.keyset) || !strings.Contains(fault.Sentence(err), "backup") {
			t.Errorf("a start with another keyset ended with %v", err)
		}

		again := h.open(t)
		if after := counts(t, again); after != before {
			t.Errorf("the refused start wrote something:\n%s\nbefore:\n%s", after, before)
		}
	})
}

func TestARotatedKeysetStillBelongsToTheDatabase(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		running := h.open(t)
		acme := newRecord(t, running, "acme")
		must(t, secret.Rotate(h.keyset))
		after := h.open(t)
		newRecord(t, after, "beta")
		for process, s := range map[string]*Store{"started after the rotation": after, "running during it": running} {
			for _, id := range []string{acme.ID, edition(t, s, "beta").ID} {
				if keys, err := s.SPKeys(ctx, id); err != nil || len(keys) != 1 {
					t.Errorf("a process %s reads %d keys (%v)", process, len(keys), err)
				}
			}
		}
	})
}

func TestNoStoreOpensWithoutAKeyset(t *testing.T) {
	if _, err := Open(ctx, Config{Path: sqliteHouse(t).path}); err == nil {
		t.Error("a store opened that could seal nothing")
	}
}

func TestAnAddressThatCannotBeUsedIsExplainedWithoutItsPassword(t *testing.T) {
	for name, c := range map[string]Config{
		"no URL":        {URL: "postgres://idms:hunter2@localhost:port/idms"},
		"nobody there":  {URL: "postgres://idms:hunter2@127.0.0.1:1/idms?connect_timeout=2"},
		"not to be had": {Path: "/dev/null/idms.db"},
		"no path":       {},
	} {
		box, err := secret.Open(filepath.Join(t.TempDir(), "keyset.json"))
		must(t, err)
		c.Box = box
		_, err = Open(ctx, c)
		if fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSQLiteFilesAreForThisUserAlone(t *testing.T) {
	h := sqliteHouse(t)
	newRecord(t, h.open(t), "acme")
	files, err := os.ReadDir(filepath.Dir(h.path))
	must(t, err)
	for _, file := range files {
		info, err := file.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", file.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Dir(h.path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v (%v)", info.Mode(), err)
	}
}

// What the code reads and writes must be there in both dialects alike.
func TestBothDialectsHaveTheSameTablesAndColumns(t *testing.T) {
	shape := map[dialect][]string{}
	inBoth(t, func(t *testing.T, h house) {
		s := h.open(t)
		for _, table := range tables(t, s) {
			rows, err := s.read.Raw("SELECT * FROM " + table + " WHERE 1 = 0").Rows()
			must(t, err)
			columns, err := rows.Columns()
			must(t, err)
			rows.Close()
			shape[h.dialect] = append(shape[h.dialect], table+": "+strings.Join(columns, ", "))
		}
	})
	if t.Failed() || len(shape) < 2 {
		return
	}
	if !slices.Equal(shape[onSQLite], shape[onPostgres]) {
		t.Errorf("SQLite has\n%s\nPostgreSQL has\n%s", strings.Join(shape[onSQLite], "\n"), strings.Join(shape[onPostgres], "\n"))
	}
}

func TestTheStorageReferenceNamesEveryTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/storage.md")
	must(t, err)
	for _, table := range tables(t, sqliteHouse(t).open(t)) {
		if !strings.Contains(string(page), "`"+table+"`") {
			t.Errorf("docs/reference/storage.md does not name the table %s", table)
		}
	}
}
