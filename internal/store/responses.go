package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"gorm.io/gorm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/roles"
)

// Responses as they arrived, for records that ask for it until an end: sealed beside
// the trace, and gone with it or after ResponsesKept. Whoever has one that was not
// used, and is in time, may be taken for its person: only an owner sees one, and each
// look is told to the audit trail.

// Bounds of the responses that are kept.
const (
	MaxResponse     = 1 << 20            // bytes, as posted; a larger one is not kept
	ResponsesKept   = 7 * 24 * time.Hour // since the login, whatever the record says later
	responsesPerKey = 100                // the newest of a record, of those that were proved and of the others
)

type responseRow struct {
	Ref       string `gorm:"primaryKey"`
	RecordKey string
	Verified  bool
	At        int64
	Sealed    []byte
}

func (responseRow) TableName() string { return "kept_responses" }

func (row responseRow) place() []byte { return []byte("kept_responses/" + row.Ref) }

// keepResponse keeps what a trace brings, and lets the oldest go.
func (s *Store) keepResponse(db *gorm.DB, t Trace) error {
	if t.Response == "" || len(t.Response) > MaxResponse {
		return nil
	}
	row := responseRow{Ref: t.Ref, RecordKey: t.Record, Verified: t.Verified, At: micros(t.At)}
	packed, err := pack([]byte(t.Response))
	if err == nil {
		row.Sealed, err = s.box.Seal(packed, row.place())
	}
	if err != nil {
		return wrap(err, "seal a response")
	}
	if err := db.Create(&row).Error; err != nil {
		return wrap(err, "keep a response")
	}
	return wrap(db.Exec(`DELETE FROM kept_responses WHERE ref IN (SELECT ref FROM kept_responses
		WHERE record_key = ? AND verified = ? ORDER BY at DESC, ref DESC LIMIT ? OFFSET ?)`,
		t.Record, t.Verified, purgeAtOnce, responsesPerKey).Error, "let responses go")
}

// HasResponse is true when the response of a login is still kept.
func (s *Store) HasResponse(ctx context.Context, ref string) (bool, error) {
	var n int64
	err := s.read.WithContext(ctx).Model(&responseRow{}).Where("ref = ?", ref).Count(&n).Error
	return n > 0, wrap(err, "look for a response")
}

// Arrived is what a browser posted in a login: the SAMLResponse field as it came.
type Arrived string

// Message is the document in it, and false when what was posted is not base64.
func (a Arrived) Message() ([]byte, bool) {
	message, err := base64.StdEncoding.DecodeString(string(a))
	return message, err == nil
}

// ReadResponse is the response of a login, or fault.NotFound. That it was read, and
// by whom, is in the audit trail before anybody has it. It is for owners:
// fault.Denied. ref is exactly a trace's.
func (s *Store) ReadResponse(ctx context.Context, ref string, by Author) (posted Arrived, err error) {
	if !by.Role.May(roles.Owner) {
		return "", fault.New(fault.Denied, "What arrived in a login is for owners to look at.")
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		var row responseRow
		found := tx.db.Limit(1).Find(&row, "ref = ?", ref)
		if found.Error != nil {
			return wrap(found.Error, "find a response")
		}
		if found.RowsAffected == 0 {
			return fault.New(fault.NotFound, "Nothing is kept of what arrived in this login.")
		}
		packed, err := s.box.Unseal(row.Sealed, row.place())
		if err != nil {
			return fmt.Errorf("store: the response of %s: %w", ref, err)
		}
		text, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("store: the response of %s: %w", ref, err)
		}
		posted = Arrived(text)
		var user string
		if err := tx.db.Raw("SELECT user_id FROM traces WHERE ref = ?", ref).Row().Scan(&user); err != nil {
			return wrap(err, "find a trace")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.ResponseRead, Who: by.Who, Reason: by.Reason,
			Record: row.RecordKey, User: user, Trace: ref})
	})
	if err != nil {
		return "", err
	}
	return posted, nil
}
