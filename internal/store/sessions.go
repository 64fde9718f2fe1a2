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
	NameDigest    []byte // of its text
	SessionIndex  string
	Level         int
	Why           string
	Elevated      int
	ElevatedUntil int64
	Opened        int64
	Seen          int64
	Expires       int64

	AuthContext     string
	ElevatedContext string
}

func (sessionRow) TableName() string { return "sessions" }

var sessionColumns = columns("s", "id", "user_id", "record_id", "name_id", "session_index",
	"level", "why", "elevated", "elevated_until", "opened", "seen", "expires", "auth_context", "elevated_context")

// OpenSession writes a session; its ID is the caller's (NewID), and tokenHash
// is what session.NewToken gave beside the token.
func (tx *Tx) OpenSession(opened session.Session, tokenHash []byte) error {
	nameID, err := json.Marshal(opened.NameID)
	if err != nil {
		return err
	}
	return wrap(tx.db.Create(&sessionRow{
		ID: opened.ID, TokenHash: tokenHash, UserID: opened.UserID, RecordID: opened.RecordID,
		NameID: string(nameID), NameDigest: nameDigest(opened.NameID), SessionIndex: opened.SessionIndex,
		Level: int(opened.Level), Why: opened.Why, Elevated: int(opened.Elevated), ElevatedUntil: micros(opened.ElevatedUntil),
		Opened: micros(opened.Opened), Seen: micros(opened.Seen), Expires: micros(opened.Expires),
		AuthContext: opened.AuthContext, ElevatedContext: opened.ElevatedContext,
	}).Error, "open a session")
}

// SetElevated gives a session another level for a while (S26), by the context
// that the person authenticated in, and a new token: whoever had the old one, a
// portal's or a code for one before the elevation has nothing now. The provider knows its own session by the newest assertion, so what
// that one says of it is what single logout goes by.
// It returns when the session ends, and false when it has ended meanwhile.
func (tx *Tx) SetElevated(sessionID string, tokenHash []byte, level console.Level, context string, until time.Time, name saml.NameID, index string) (expires time.Time, alive bool, err error) {
	nameID, err := json.Marshal(name)
	if err != nil {
		return time.Time{}, false, err
	}
	var ends []int64
	err = tx.db.Raw(`UPDATE sessions SET token_hash = ?, elevated = ?, elevated_context = ?, elevated_until = ?, name_id = ?, name_digest = ?, session_index = ?
		WHERE id = ? RETURNING expires`,
		tokenHash, int(level), context, micros(until), string(nameID), nameDigest(name), index, sessionID).Scan(&ends).Error
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
	var row visitRow
	return row.visit(s.read.WithContext(ctx).Raw(`SELECT `+visitColumns+` FROM `+visits+` WHERE s.token_hash = ? AND `+visitable,
		append([]any{tokenHash}, visitableAt(now)...)...).Scan(&row))
}

type visitRow struct {
	Session sessionRow `gorm:"embedded;embeddedPrefix:s_"`
	User    userRow    `gorm:"embedded;embeddedPrefix:u_"`
	Record  recordRow  `gorm:"embedded;embeddedPrefix:r_"`
}

var visitColumns = sessionColumns + ", " + userColumns + ", " + recordColumns

// A session opens something while it has not expired, its person is enabled and
// its record takes logins.
const (
	visits    = "sessions s JOIN users u ON u.id = s.user_id JOIN records r ON r.id = s.record_id"
	visitable = "s.expires > ? AND u.state IN ? AND r.state = ?"
)

func visitableAt(now time.Time) []any {
	return []any{micros(now), []users.State{"", users.Enabled}, idms.Active}
}

// visit is the row, when there was one.
func (row *visitRow) visit(found *gorm.DB) (Visit, error) {
	if found.Error != nil {
		return Visit{}, wrap(found.Error, "find a session")
	}
	if found.RowsAffected == 0 {
		return Visit{}, fault.New(fault.NotFound, "You are not logged in.")
	}
	opened, err := row.Session.session(row.Record.Key)
	if err != nil {
		return Visit{}, err
	}
	return Visit{Session: opened, Account: row.User.account(), Record: row.Record.edition()}, nil
}

func (row sessionRow) session(recordKey string) (session.Session, error) {
	var nameID saml.NameID
	if err := json.Unmarshal([]byte(row.NameID), &nameID); err != nil {
		return session.Session{}, wrap(err, "read a session")
	}
	return session.Session{
		ID: row.ID, UserID: row.UserID, RecordID: row.RecordID, RecordKey: recordKey,
		NameID: nameID, SessionIndex: row.SessionIndex,
		Level: console.Level(row.Level), Why: row.Why, Elevated: console.Level(row.Elevated),
		ElevatedUntil: instant(row.ElevatedUntil),
		AuthContext:   row.AuthContext, ElevatedContext: row.ElevatedContext,
		Opened: instant(row.Opened), Seen: instant(row.Seen), Expires: instant(row.Expires),
	}, nil
}

// SessionsOf are the sessions of a person that have not expired at now, oldest
// first, for a transaction that has locked the account (Known): no login and no
// elevation adds or changes one before it ends.
func (tx *Tx) SessionsOf(userID, recordKey string, now time.Time) ([]session.Session, error) {
	var rows []sessionRow
	if err := tx.db.Order("opened, id").Find(&rows, "user_id = ? AND expires > ?", userID, micros(now)).Error; err != nil {
		return nil, wrap(err, "list sessions")
	}
	all := make([]session.Session, len(rows))
	for i, row := range rows {
		var err error
		if all[i], err = row.session(recordKey); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// LowerSession gives a session the levels of lowered, and its reason. It never
// brings an ended session, or an ended elevation, back.
func (tx *Tx) LowerSession(lowered session.Session) error {
	return wrap(tx.db.Exec("UPDATE sessions SET level = ?, why = ?, elevated = ? WHERE id = ?",
		int(lowered.Level), lowered.Why, int(lowered.Elevated), lowered.ID).Error, "lower a session")
}

// EndSessionByID ends a session wherever its tokens are.
func (tx *Tx) EndSessionByID(sessionID string) error {
	_, err := endSessions(tx.db, "id = ?", sessionID)
	return err
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

func endSessions(db *gorm.DB, which string, is ...any) (int, error) {
	done := db.Exec("DELETE FROM sessions WHERE "+which, is...)
	return int(done.RowsAffected), wrap(done.Error, "end sessions")
}
