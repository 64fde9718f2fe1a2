package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
	moderncsqlite "modernc.org/sqlite"
)

// bulk is a transaction that writes many rows: by COPY on PostgreSQL, by
// statements of many rows on SQLite.
type bulk struct {
	*Tx
	ctx        context.Context
	sql        *sql.Tx
	copy       *pgx.Conn // nil on SQLite
	written    int       // rows
	statements int
}

// inBulk is InTx for many rows, tried once: whoever calls it can start over.
func (s *Store) inBulk(ctx context.Context, use func(b *bulk) error) error {
	err := s.write.WithContext(ctx).Connection(func(db *gorm.DB) error {
		connection, ok := db.Statement.ConnPool.(*sql.Conn)
		if !ok {
			return errors.New("store: no connection of its own")
		}
		if s.dialect == onSQLite {
			// An index that is filled in no order is touched everywhere: pages that
			// stay in memory are written once, and not each time. A statement of many
			// rows keeps each page as it was, to be undone alone; in a file that took a
			// quarter of a first run, and in memory it is gone with the statement.
			if _, err := connection.ExecContext(ctx, fmt.Sprintf("PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY", bulkCache)); err != nil {
				return err
			}
			defer func() {
				last := context.WithoutCancel(ctx)
				_, _ = connection.ExecContext(last, "PRAGMA cache_size = -2000; PRAGMA temp_store = DEFAULT; PRAGMA shrink_memory") // SQLite's own
			}()
		}
		return db.Transaction(func(db *gorm.DB) error {
			b := &bulk{Tx: &Tx{store: s, db: db}, ctx: ctx}
			if b.sql, ok = db.Statement.ConnPool.(*sql.Tx); !ok {
				return errors.New("store: no transaction of its own")
			}
			if s.dialect == onSQLite {
				return use(b)
			}
			err := connection.Raw(func(raw any) error {
				b.copy = raw.(*stdlib.Conn).Conn()
				return nil
			})
			if err != nil {
				return err
			}
			return use(b)
		})
	})
	return unreachable(err)
}

// bulkCache is how much of a SQLite file a bulk transaction keeps in memory, in
// KiB.
const bulkCache = 16 << 10

// id is an ID as the driver takes it without a detour through text.
func (b *bulk) id(id uuid.UUID) any {
	if b.copy != nil {
		return pgtype.UUID{Bytes: id, Valid: true}
	}
	return id.String()
}

// perStatement is how many values one statement of SQLite has: 100 people or 500
// memberships, beyond which nothing is gained.
const perStatement = 1200

// insert writes n rows into a table. row appends the values of the i-th.
func (b *bulk) insert(table string, columns []string, n int, row func(i int, into []any) []any) error {
	if n == 0 {
		return nil
	}
	if b.copy != nil {
		b.statements++
		i := 0
		values := make([]any, 0, len(columns))
		copied, err := b.copy.CopyFrom(b.ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
			if i == n {
				return nil, nil
			}
			values = row(i, values[:0])
			i++
			return values, nil
		}))
		b.written += int(copied)
		return wrap(err, "copy into "+table)
	}
	most := max(1, perStatement/len(columns))
	one := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	text := func(rows int) string {
		return "INSERT INTO " + table + " (" + strings.Join(columns, ",") + ") VALUES " + one + strings.Repeat(","+one, rows-1)
	}
	var full *sql.Stmt
	values := make([]any, 0, most*len(columns))
	for from := 0; from < n; from += most {
		rows := min(most, n-from)
		values = values[:0]
		for i := from; i < from+rows; i++ {
			values = row(i, values)
		}
		var err error
		switch {
		case rows < most:
			_, err = b.sql.ExecContext(b.ctx, text(rows), values...)
		case full == nil:
			if full, err = b.sql.PrepareContext(b.ctx, text(most)); err == nil {
				defer full.Close()
				_, err = full.ExecContext(b.ctx, values...)
			}
		default:
			_, err = full.ExecContext(b.ctx, values...)
		}
		if err != nil {
			return wrap(err, "insert into "+table)
		}
		b.statements++
		b.written += rows
	}
	return nil
}

// stage fills a table that is there for this transaction alone, for statements
// to merge from. columns are names and types, of both dialects alike.
func (b *bulk) stage(table string, columns []stageColumn, n int, row func(i int, into []any) []any) error {
	var names, list []string
	for _, column := range columns {
		kind := column.kind[0]
		if b.copy != nil {
			kind = column.kind[1]
		}
		names = append(names, column.name)
		list = append(list, column.name+" "+kind)
	}
	end := ""
	if b.copy != nil {
		end = " ON COMMIT DROP"
	}
	for _, statement := range []string{
		"DROP TABLE IF EXISTS " + table,
		"CREATE TEMP TABLE " + table + " (" + strings.Join(list, ", ") + ")" + end,
	} {
		if _, err := b.sql.ExecContext(b.ctx, statement); err != nil {
			return wrap(err, "make a staging table")
		}
	}
	before := b.written
	err := b.insert(table, names, n, row)
	b.written = before // nothing that lasts
	return err
}

// unstage takes a staging table away where it would outlive the transaction.
func (b *bulk) unstage(tables ...string) error {
	for _, table := range tables {
		if _, err := b.sql.ExecContext(b.ctx, "DROP TABLE IF EXISTS "+table); err != nil {
			return wrap(err, "drop a staging table")
		}
	}
	return nil
}

type stageColumn struct {
	name string
	kind [2]string // on SQLite, on PostgreSQL
}

var (
	stageText  = [2]string{"TEXT", "TEXT"}
	stageBytes = [2]string{"BLOB", "BYTEA"}
	stageID    = [2]string{"TEXT", "UUID"}
)

// exec runs a statement that counts as written rows.
func (b *bulk) exec(statement string, args ...any) (int, error) {
	done := b.db.Exec(statement, args...)
	b.statements++
	b.written += int(done.RowsAffected)
	return int(done.RowsAffected), wrap(done.Error, "apply a plan")
}

// breaksARule is true for an error of a unique or foreign key: what a plan was
// made of has changed meanwhile.
func breaksARule(err error) bool {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(failure.Code, "23")
	}
	if failure, ok := errors.AsType[*moderncsqlite.Error](err); ok {
		const constraint = 19
		return failure.Code()&0xff == constraint
	}
	return errors.Is(err, gorm.ErrDuplicatedKey) || errors.Is(err, gorm.ErrForeignKeyViolated)
}
