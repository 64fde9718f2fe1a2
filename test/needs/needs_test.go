package needs_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"idms/test/needs"
)

func TestADatabaseBelongsToOneTestAndGoesWithIt(t *testing.T) {
	ctx := context.Background()
	connect := func(t *testing.T, address string) *pgx.Conn {
		t.Helper()
		connection, err := pgx.Connect(ctx, address)
		if err != nil {
			t.Fatal(err)
		}
		return connection
	}
	mine := connect(t, needs.PostgreSQL(t))
	defer mine.Close(ctx)
	if _, err := mine.Exec(ctx, "CREATE TABLE remembered ()"); err != nil {
		t.Fatal(err)
	}

	var another string
	t.Run("another test finds an empty one", func(t *testing.T) {
		another = needs.PostgreSQL(t)
		// Left open on purpose: dropping the database must end it.
		connection := connect(t, another)
		var tables int
		if err := connection.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil {
			t.Fatal(err)
		}
		if tables != 0 {
			t.Errorf("the new database has %d tables, want none", tables)
		}
	})
	if connection, err := pgx.Connect(ctx, another); err == nil {
		connection.Close(ctx)
		t.Error("the database of a finished test can still be reached")
	}
}
