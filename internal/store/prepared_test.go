package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	modernc "modernc.org/sqlite"
)

// keepingDB is a SQLite file with one connection that keeps its statements, and
// a look at how many it keeps.
func keepingDB(t *testing.T) (db *sql.DB, idle func() map[string]*kept) {
	t.Helper()
	db = sql.OpenDB(connector{address(filepath.Join(t.TempDir(), "x.sqlite")), &modernc.Driver{}})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db, func() (found map[string]*kept) {
		connection, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if err := connection.Raw(func(driver any) error { found = driver.(*keeping).idle; return nil }); err != nil {
			t.Fatal(err)
		}
		return found
	}
}

func TestAStatementOfATransactionIsPreparedOnceForAllTransactions(t *testing.T) {
	db, idle := keepingDB(t)
	_, err := db.Exec("CREATE TABLE t (n INTEGER)")
	must(t, err)
	const insert = "INSERT INTO t VALUES (?)"
	var first *kept
	for n := range 3 {
		tx, err := db.Begin()
		must(t, err)
		_, err = tx.Exec(insert, n)
		must(t, err)
		must(t, tx.Commit())
		if first == nil {
			first = idle()[insert]
		}
		if got := idle()[insert]; got == nil || got != first {
			t.Fatalf("transaction %d left the statement %p, the first one %p", n, got, first)
		}
	}
	var sum int
	must(t, db.QueryRow("SELECT sum(n) FROM t").Scan(&sum))
	if sum != 0+1+2 {
		t.Errorf("the sum is %d", sum)
	}
}

func TestAStatementInUseIsNotHandedOutAgain(t *testing.T) {
	db, _ := keepingDB(t)
	tx, err := db.Begin()
	must(t, err)
	defer tx.Rollback()
	const three = "SELECT 1 UNION SELECT 2 UNION SELECT 3"
	outer, err := tx.Query(three)
	must(t, err)
	pairs := 0
	for outer.Next() {
		inner, err := tx.Query(three)
		must(t, err)
		for inner.Next() {
			pairs++
		}
		must(t, inner.Close())
	}
	must(t, outer.Close())
	if pairs != 9 {
		t.Errorf("two readings of one statement, one within the other, gave %d pairs", pairs)
	}
}

func TestAStatementThatWasInterruptedOrFailedWorksAgain(t *testing.T) {
	db, _ := keepingDB(t)
	_, err := db.Exec("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT")
	must(t, err)
	const insert = "INSERT INTO t VALUES (?)"
	_, err = db.Exec(insert, 1)
	must(t, err)
	if _, err := db.Exec(insert, 1); err == nil {
		t.Fatal("the same key went in twice")
	}
	_, err = db.Exec(insert, 2)
	must(t, err)

	// An interrupt that comes before the first step is lost, so that one try may
	// count to its end.
	const long = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < ?) SELECT max(n) FROM c"
	var n int
	interrupted := false
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		interrupted = db.QueryRowContext(ctx, long, 1_000_000).Scan(&n) != nil
		cancel()
		if interrupted {
			break
		}
	}
	if !interrupted {
		t.Error("counting to a million took less than 20 ms, twenty times")
	}
	must(t, db.QueryRow(long, 5).Scan(&n))
	if n != 5 {
		t.Errorf("counted to %d", n)
	}
}

func TestAStatementFollowsAChangeOfTheTable(t *testing.T) {
	db, _ := keepingDB(t)
	_, err := db.Exec("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1)")
	must(t, err)
	var n, m int
	must(t, db.QueryRow("SELECT * FROM t").Scan(&n))
	_, err = db.Exec("ALTER TABLE t ADD COLUMN m INTEGER NOT NULL DEFAULT 2")
	must(t, err)
	must(t, db.QueryRow("SELECT * FROM t").Scan(&n, &m))
	if n != 1 || m != 2 {
		t.Errorf("read %d and %d", n, m)
	}
}

func TestWhatAConnectionKeepsIsBounded(t *testing.T) {
	db, idle := keepingDB(t)
	for n := range keptStatements + 50 {
		_, err := db.Exec(fmt.Sprintf("SELECT %d", n))
		must(t, err)
	}
	if got := len(idle()); got != keptStatements {
		t.Errorf("keeps %d statements, and may keep %d", got, keptStatements)
	}

	db, idle = keepingDB(t)
	long := "SELECT '" + strings.Repeat("x", keptText) + "'"
	_, err := db.Exec(long)
	must(t, err)
	if idle()[long] != nil {
		t.Errorf("keeps a statement of %d bytes", len(long))
	}
}
