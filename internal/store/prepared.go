package store

import (
	"context"
	"database/sql/driver"
	"errors"
)

// connector opens SQLite connections that keep their prepared statements. SQLite
// reads the text of a statement anew each time it is prepared, which was a tenth
// of a login, and database/sql has no place for what a transaction prepared: it
// closes that with the transaction.
type connector struct {
	dsn    string
	driver driver.Driver
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	open, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	wrapped, ok := open.(connection)
	if !ok {
		return nil, errors.Join(errors.New("store: the SQLite driver lacks what a connection needs"), open.Close())
	}
	return &keeping{connection: wrapped, idle: map[string]*kept{}}, nil
}

// connection is what is used of the driver's. It has no ExecContext and no
// QueryContext: without them database/sql prepares every statement, executes it
// and closes it.
type connection interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// statement is what is used of the driver's.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keeping is one connection and its statements that nobody uses just now. Like
// every connection of database/sql it is used by one goroutine at a time.
type keeping struct {
	connection
	idle map[string]*kept // by their text
}

// What one connection keeps at most. Longer texts are those of many rows at once,
// whose number is another each time.
const (
	keptStatements = 256
	keptText       = 4 << 10 // bytes
)

// PrepareContext takes a statement out of those that are idle, or prepares it.
// One that is in use is never handed out twice.
func (k *keeping) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if kept, ok := k.idle[query]; ok {
		delete(k.idle, query)
		return kept, nil
	}
	prepared, err := k.connection.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	usable, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(errors.New("store: the SQLite driver lacks what a statement needs"), prepared.Close())
	}
	return &kept{statement: usable, query: query, of: k}, nil
}

// Close closes the statements before the connection.
func (k *keeping) Close() error {
	var err error
	for _, idle := range k.idle {
		err = errors.Join(err, idle.statement.Close())
	}
	return errors.Join(err, k.connection.Close())
}

// kept is a prepared statement that goes back to its connection when it is
// closed.
type kept struct {
	statement
	query string
	of    *keeping
}

func (s *kept) Close() error {
	_, another := s.of.idle[s.query]
	if another || len(s.query) > keptText || len(s.of.idle) >= keptStatements {
		return s.statement.Close()
	}
	s.of.idle[s.query] = s
	return nil
}
