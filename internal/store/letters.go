package store

import (
	"context"
	"crypto/sha256"
	"time"

	"idms/internal/mail"
)

// letterRow is a letter that went out.
type letterRow struct {
	ID          string `gorm:"primaryKey"`
	AddressHash []byte
	Sent        int64
}

func (letterRow) TableName() string { return "letters" }

// NoteLetter is a mail.Count: it notes a letter to an address that goes out at an
// instant, unless may objects to how many went out in the time before. Letters of all
// processes that share the database count, one after the other.
func (s *Store) NoteLetter(ctx context.Context, address string, at time.Time, within time.Duration, may func(mail.Past) error) error {
	hash := sha256.Sum256([]byte(address))
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lock("SELECT pg_advisory_xact_lock(?)", lockNumber("letters")); err != nil {
			return err
		}
		var past struct {
			To    int `gorm:"column:to_it"`
			InAll int
		}
		err := tx.db.Raw("SELECT count(*) AS in_all, COALESCE(sum(CASE WHEN address_hash = ? THEN 1 ELSE 0 END), 0) AS to_it FROM letters WHERE sent > ?",
			hash[:], micros(at.Add(-within))).Scan(&past).Error
		if err != nil {
			return wrap(err, "count letters")
		}
		if err := may(mail.Past(past)); err != nil {
			return err
		}
		return wrap(tx.db.Create(&letterRow{ID: NewID(), AddressHash: hash[:], Sent: micros(at)}).Error, "note a letter")
	})
}
