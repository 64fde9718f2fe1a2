package store

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/users"
)

type sessionRow struct {
	ID            string `gorm:"primaryKey"`
	TokenHash     []byte
	UserID        string
	RecordID      string
	NameID        string // saml.NameID as JSON
	SessionIndex  string
	Level         int
	Why           string
	Elevated      int
	ElevatedUntil int64
	Opened        int64
	Seen          int64
	Expires       int64
}

func (sessionRow) TableName() string { return "sessions" }

var sessionColumns = columns("s", "id", "user_id", "record_id", "name_id", "session_index",
	"level", "why", "elevated", "elevated_until", "opened", "seen", "expires")

// OpenSession writes a session; its ID is the caller's (NewID), and tokenHash
// is what session.NewToken gave beside the token.
func (tx *Tx) OpenSession(opened session.Session, tokenHash []byte) error {
	nameID, err := json.Marshal(opened.NameID)
	if err != nil {
		return err
	}
	return wrap(tx.db.Create(&sessionRow{
		ID: opened.ID, TokenHash: tokenHash, UserID: opened.UserID, RecordID: opened.RecordID,
		NameID: string(nameID), SessionIndex: opened.SessionIndex,
		Level: int(opened.Level), Why: opened.Why, Elevated: int(opened.Elevated), ElevatedUntil: micros(opened.ElevatedUntil),
		Opened: micros(opened.Opened), Seen: micros(opened.Seen), Expires: micros(opened.Expires),
	}).Error, "open a session")
}

// SetElevated gives a session another level for a while (S26), and a new token:
// whoever had the old one, a portal's or a code for one before the elevation has
// nothing now.
// It returns when the session ends, and false when it has ended meanwhile.
func (tx *Tx) SetElevated(sessionID string, tokenHash []byte, level console.Level, until time.Time) (expires time.Time, alive bool, err error) {
	var ends []int64
	err = tx.db.Raw("UPDATE sessions SET token_hash = ?, elevated = ?, elevated_until = ? WHERE id = ? RETURNING expires",
		tokenHash, int(level), micros(until), sessionID).Scan(&ends).Error
	if err != nil || len(ends) == 0 {
		return time.Time{}, false, wrap(err, "elevate a session")
	}
	return instant(ends[0]), true, tx.forgetPortalTokens(sessionID)
}

// EndElevation takes a session back to its own level. An ended session stays so.
func (s *Store) EndElevation(ctx context.Context, sessionID string, now time.Time) error {
	return wrap(s.write.WithContext(ctx).Exec("UPDATE sessions SET elevated_until = ? WHERE id = ? AND elevated_until > ?",
		micros(now), sessionID, micros(now)).Error, "end an elevation")
}

// Visit is a session with the person and the record it belongs to.
type Visit struct {
	Session session.Session
	Account users.Account
	Record  Edition
}

// Session finds a session by the hash of its token. A session that has expired,
// whose person is not enabled any more or whose record takes no logins is
// fault.NotFound; whether it was left alone for too long is the caller's to ask
// (session.Over).
func (s *Store) Session(ctx context.Context, tokenHash []byte, now time.Time) (Visit, error) {
	var row struct {
		Session sessionRow `gorm:"embedded;embeddedPrefix:s_"`
		User    userRow    `gorm:"embedded;embeddedPrefix:u_"`
		Record  recordRow  `gorm:"embedded;embeddedPrefix:r_"`
	}
	found := s.read.WithContext(ctx).Raw(`SELECT `+sessionColumns+`, `+userColumns+`, `+recordColumns+`
		FROM sessions s JOIN users u ON u.id = s.user_id JOIN records r ON r.id = s.record_id
		WHERE s.token_hash = ? AND s.expires > ? AND u.state IN ? AND r.state = ?`,
		tokenHash, micros(now), []users.State{"", users.Enabled}, idms.Active).Scan(&row)
	if found.Error != nil {
		return Visit{}, wrap(found.Error, "find a session")
	}
	if found.RowsAffected == 0 {
		return Visit{}, fault.New(fault.NotFound, "You are not logged in.")
	}
	var nameID saml.NameID
	if err := json.Unmarshal([]byte(row.Session.NameID), &nameID); err != nil {
		return Visit{}, wrap(err, "read a session")
	}
	return Visit{
		Session: session.Session{
			ID: row.Session.ID, UserID: row.Session.UserID, RecordID: row.Session.RecordID, RecordKey: row.Record.Key,
			NameID: nameID, SessionIndex: row.Session.SessionIndex,
			Level: console.Level(row.Session.Level), Why: row.Session.Why, Elevated: console.Level(row.Session.Elevated),
			ElevatedUntil: instant(row.Session.ElevatedUntil),
			Opened:        instant(row.Session.Opened), Seen: instant(row.Session.Seen), Expires: instant(row.Session.Expires),
		},
		Account: row.User.account(),
		Record:  row.Record.edition(),
	}, nil
}

// touchEvery is how exactly the last use of a session is known.
const touchEvery = time.Minute

// Touch notes that a session is in use at now: at most one write a minute. It
// never brings an ended session back.
func (s *Store) Touch(ctx context.Context, used session.Session, now time.Time) error {
	if now.Sub(used.Seen) < touchEvery {
		return nil
	}
	return wrap(s.write.WithContext(ctx).Exec("UPDATE sessions SET seen = ? WHERE id = ? AND seen <= ?",
		micros(now), used.ID, micros(now.Add(-touchEvery))).Error, "touch a session")
}

// EndSession ends the session of a token, by the token's hash and whatever has
// become of its person and its record. It is false when there was none.
func (s *Store) EndSession(ctx context.Context, tokenHash []byte) (bool, error) {
	ended, err := endSessions(s.write.WithContext(ctx), "token_hash = ?", tokenHash)
	return ended == 1, err
}

func endSessions(db *gorm.DB, which string, is any) (int, error) {
	done := db.Exec("DELETE FROM sessions WHERE "+which, is)
	return int(done.RowsAffected), wrap(done.Error, "end sessions")
}
