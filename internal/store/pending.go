package store

import (
	"context"
	"time"

	"idms/internal/idms"
)

// Pending is a login on its way to an identity provider and back: what one
// browser waits for.
type Pending struct {
	Handle     string // opaque; names the row, and may travel as RelayState
	CookieHash []byte // of the secret in the browser's cookie (M15, M23)
	RecordID   string
	RequestID  string // of the AuthnRequest
	Purpose    idms.Purpose
	SessionID  string // of the session to be elevated; "" when logging in
	UserID     string // of that session's account
	ReturnTo   string // a path of ours
	ForceAuthn bool
	Issued     time.Time
	Expires    time.Time
}

type pendingRow struct {
	Handle     string `gorm:"primaryKey"`
	CookieHash []byte
	RecordID   string
	RequestID  string
	Purpose    string
	SessionID  string
	UserID     string
	ReturnTo   string
	ForceAuthn bool
	Issued     int64
	Expires    int64
}

func (pendingRow) TableName() string { return "pending_requests" }

// BeginRequest remembers a login that begins.
func (s *Store) BeginRequest(ctx context.Context, p Pending) error {
	return wrap(s.write.WithContext(ctx).Create(&pendingRow{
		Handle: p.Handle, CookieHash: p.CookieHash, RecordID: p.RecordID, RequestID: p.RequestID,
		Purpose: string(p.Purpose), SessionID: p.SessionID, UserID: p.UserID,
		ReturnTo: p.ReturnTo, ForceAuthn: p.ForceAuthn, Issued: micros(p.Issued), Expires: micros(p.Expires),
	}).Error, "begin a request")
}

// maxCookies bounds how many pending cookies of one browser are looked at.
const maxCookies = 32

// Pending are the requests of a record that this browser waits for, by the
// hashes of its cookies; of more than 32 cookies the first 32 count. Those that
// had ended at now are only counted.
func (s *Store) Pending(ctx context.Context, recordID string, cookieHashes [][]byte, now time.Time) (live []Pending, expired int, err error) {
	if len(cookieHashes) == 0 {
		return nil, 0, nil
	}
	var rows []pendingRow
	err = s.read.WithContext(ctx).Order("issued, handle").Find(&rows, "cookie_hash IN ? AND record_id = ?",
		cookieHashes[:min(len(cookieHashes), maxCookies)], recordID).Error
	if err != nil {
		return nil, 0, wrap(err, "find pending requests")
	}
	for _, row := range rows {
		if row.Expires <= micros(now) {
			expired++
			continue
		}
		live = append(live, Pending{
			Handle: row.Handle, CookieHash: row.CookieHash, RecordID: row.RecordID, RequestID: row.RequestID,
			Purpose: idms.Purpose(row.Purpose), SessionID: row.SessionID, UserID: row.UserID,
			ReturnTo: row.ReturnTo, ForceAuthn: row.ForceAuthn, Issued: instant(row.Issued), Expires: instant(row.Expires),
		})
	}
	return live, expired, nil
}

// ConsumePending uses a pending request up. Of any number of transactions that
// try, in any number of processes, one gets true.
func (tx *Tx) ConsumePending(handle string) (bool, error) {
	done := tx.db.Exec("DELETE FROM pending_requests WHERE handle = ?", handle)
	return done.RowsAffected == 1, wrap(done.Error, "consume a pending request")
}
