package store

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// Locks keep transactions of different processes apart on PostgreSQL. They are
// numbers that it remembers until the transaction ends, and cost no write. On
// SQLite every transaction is the only writer already, so they are nothing.
//
// Taken in this order, so that no two can wait for each other: changes of
// records, one record, one account, owners.

// lockNumber turns a name into a lock. Two names that share a number would only
// wait for each other.
func lockNumber(name ...string) int64 {
	sum := sha256.Sum256([]byte("idms/" + strings.Join(name, "/")))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// lockAccount lets one login of an account in at a time, whether or not the
// account exists yet, and keeps the record from changing until it ends.
func (tx *Tx) lockAccount(recordID, folded string) error {
	return tx.lock("SELECT pg_advisory_xact_lock_shared(?), pg_advisory_xact_lock(?)",
		lockNumber("record", recordID), lockNumber("account", recordID, folded))
}

// lockChanges lets one change of records or groups in at a time.
func (tx *Tx) lockChanges() error {
	return tx.lock("SELECT pg_advisory_xact_lock(?)", lockNumber("changes"))
}

// lockOwners lets one change of who owns idms in at a time: two at once could take
// the last two owners away, each for the sake of the other (S44).
func (tx *Tx) lockOwners() error {
	return tx.lock("SELECT pg_advisory_xact_lock(?)", lockNumber("owners"))
}

// lockRecords waits until no login through these records is under way, and
// keeps new ones out until the transaction ends.
func (tx *Tx) lockRecords(ids []string) error {
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if err := tx.lock("SELECT pg_advisory_xact_lock(?)", lockNumber("record", id)); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) lock(statement string, numbers ...any) error {
	if tx.store.dialect != onPostgres {
		return nil
	}
	return wrap(tx.db.Exec(statement, numbers...).Error, "lock")
}
