package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/users"
)

// The ends of sessions: single logout, and whoever ends somebody else's.

// Logout is a session that has ended here, whose identity provider is to hear of
// it or has heard: the session's row is gone.
type Logout struct {
	Handle       string // opaque; the browser knows the row by it
	RequestID    string // of the LogoutRequest
	RecordID     string
	UserID       string
	NameID       saml.NameID
	SessionIndex string
	Others       int            // further sessions of the person that ended at the same time
	Sent         bool           // a browser has been sent off with the request
	Answer       saml.LogoutEnd // of the provider
	Issued       time.Time
	Expires      time.Time
}

type logoutRow struct {
	Handle       string `gorm:"primaryKey"`
	RequestID    string
	RecordID     string
	UserID       string
	NameID       string // as in sessions
	SessionIndex string
	Others       int
	Sent         bool
	Answer       string
	Issued       int64
	Expires      int64
}

func (logoutRow) TableName() string { return "pending_logouts" }

// KeepLogout remembers a logout that a provider is to be told of.
func (s *Store) KeepLogout(ctx context.Context, l Logout) error {
	nameID, err := json.Marshal(l.NameID)
	if err != nil {
		return err
	}
	return wrap(s.write.WithContext(ctx).Create(&logoutRow{
		Handle: l.Handle, RequestID: l.RequestID, RecordID: l.RecordID, UserID: l.UserID,
		NameID: string(nameID), SessionIndex: l.SessionIndex, Others: l.Others,
		Issued: micros(l.Issued), Expires: micros(l.Expires),
	}).Error, "keep a logout")
}

// Logout finds a logout by its handle, with the key of its record. One that had
// ended at now is fault.NotFound.
func (s *Store) Logout(ctx context.Context, handle string, now time.Time) (l Logout, recordKey string, err error) {
	notFound := fault.New(fault.NotFound, "This logout is over.")
	if !storable(handle) {
		return Logout{}, "", notFound
	}
	var found []struct {
		Row       logoutRow `gorm:"embedded"`
		RecordKey string
	}
	err = s.read.WithContext(ctx).Raw(`SELECT l.*, r.key AS record_key FROM pending_logouts l JOIN records r ON r.id = l.record_id
		WHERE l.handle = ? AND l.expires > ?`, handle, micros(now)).Scan(&found).Error
	if err != nil {
		return Logout{}, "", wrap(err, "find a logout")
	}
	if len(found) == 0 {
		return Logout{}, "", notFound
	}
	row := found[0].Row
	l = Logout{
		Handle: row.Handle, RequestID: row.RequestID, RecordID: row.RecordID, UserID: row.UserID,
		SessionIndex: row.SessionIndex, Others: row.Others, Sent: row.Sent, Answer: saml.LogoutEnd(row.Answer),
		Issued: instant(row.Issued), Expires: instant(row.Expires),
	}
	if err := json.Unmarshal([]byte(row.NameID), &l.NameID); err != nil {
		return Logout{}, "", wrap(err, "read a logout")
	}
	return l, found[0].RecordKey, nil
}

// SendLogout notes that a browser is sent off with the request. It is true the
// first time.
func (s *Store) SendLogout(ctx context.Context, handle string) (bool, error) {
	done := s.write.WithContext(ctx).Exec("UPDATE pending_logouts SET sent = ? WHERE handle = ? AND sent = ?", true, handle, false)
	return done.RowsAffected == 1, wrap(done.Error, "send a logout")
}

// AnswerLogout notes how the provider of a record answered a LogoutRequest of
// ours. Of any number of answers, in any number of processes, one gets true.
func (tx *Tx) AnswerLogout(recordID, requestID string, end saml.LogoutEnd, now time.Time) (handle, userID string, awaited bool, err error) {
	var found []struct{ Handle, UserID string }
	err = tx.db.Raw(`UPDATE pending_logouts SET answer = ? WHERE request_id = ? AND record_id = ? AND answer = '' AND expires > ?
		RETURNING handle, user_id`, string(end), requestID, recordID, micros(now)).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return "", "", false, wrap(err, "answer a logout")
	}
	return found[0].Handle, found[0].UserID, true, nil
}

// UseLogoutRequest remembers that a LogoutRequest was used, as UseAssertion does
// of an assertion.
func (tx *Tx) UseLogoutRequest(issuer, id string, until time.Time) (bool, error) {
	return tx.UseAssertion("logout\x00"+issuer, id, until)
}

// nameDigest is what sessions are found by.
func nameDigest(name saml.NameID) []byte {
	digest := sha256.Sum256([]byte(name.Value))
	return digest[:]
}

// SessionsNamed are the sessions of a record whose NameID has this text, whatever
// its format and qualifiers, in the order of their opening.
func (tx *Tx) SessionsNamed(recordID, name string) ([]session.Session, error) {
	named := saml.NameID{Value: name}
	// Those without a digest are of another release, and are compared one by one
	// until the last of them has ended.
	list, err := tx.sessions("s.record_id = ? AND (s.name_digest = ? OR s.name_digest IS NULL)", recordID, nameDigest(named))
	return slices.DeleteFunc(list, func(one session.Session) bool { return one.NameID.Value != name }), err
}

func (tx *Tx) sessions(which string, args ...any) ([]session.Session, error) {
	var rows []struct {
		Session   sessionRow `gorm:"embedded;embeddedPrefix:s_"`
		RecordKey string
	}
	err := tx.db.Raw("SELECT "+sessionColumns+", r.key AS record_key FROM sessions s JOIN records r ON r.id = s.record_id WHERE "+which+" ORDER BY s.id", args...).
		Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "find sessions")
	}
	list := make([]session.Session, len(rows))
	for i, row := range rows {
		if list[i], err = row.Session.session(row.RecordKey); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// EndSessions ends the sessions with these IDs, and returns the IDs of those that
// had not ended already.
func (tx *Tx) EndSessions(ids []string) (ended []string, err error) {
	for batch := range slices.Chunk(ids, rowsAtOnce) {
		var gone []string
		if err := tx.db.Raw("DELETE FROM sessions WHERE id IN ? RETURNING id", batch).Scan(&gone).Error; err != nil {
			return nil, wrap(err, "end sessions")
		}
		ended = append(ended, gone...)
	}
	slices.Sort(ended)
	return ended, nil
}

// EndSessionsOfPerson ends every session of an account, and returns their IDs.
func (tx *Tx) EndSessionsOfPerson(userID string) (ended []string, err error) {
	err = tx.db.Raw("DELETE FROM sessions WHERE user_id = ? RETURNING id", userID).Scan(&ended).Error
	slices.Sort(ended)
	return ended, wrap(err, "end a person's sessions")
}

// maxNamedSessions bounds how many sessions one event names; all are counted.
const maxNamedSessions = 100

// EndedSessions tell the audit trail which sessions have ended.
func EndedSessions(ids []string) []audit.Change {
	changes := []audit.Change{{Field: "sessions", From: strconv.Itoa(len(ids)), To: "0"}}
	for _, id := range ids[:min(len(ids), maxNamedSessions)] {
		changes = append(changes, audit.Change{Field: "session", From: id})
	}
	return changes
}

// SessionsOf are the sessions of a person, by the record's key and the username as
// somebody types it, that have not expired at now; the oldest first. Nobody by
// that name is fault.NotFound.
func (s *Store) SessionsOf(ctx context.Context, recordKey, username string, now time.Time) ([]session.Session, error) {
	tx := &Tx{store: s, db: s.read.WithContext(ctx)}
	record, user, err := tx.person(recordKey, username)
	if err != nil {
		return nil, err
	}
	return tx.sessions("s.record_id = ? AND s.user_id = ? AND s.expires > ?", record.ID, user, micros(now))
}

// person finds an account by its record's key and its username (S40).
func (tx *Tx) person(recordKey, username string) (Edition, string, error) {
	record, err := tx.edition(recordKey)
	if err != nil {
		return Edition{}, "", err
	}
	var ids []string
	err = tx.db.Raw("SELECT id FROM users WHERE record_id = ? AND username_folded = ?", record.ID, users.Fold(username)).Scan(&ids).Error
	if err != nil {
		return Edition{}, "", wrap(err, "find a person")
	}
	if len(ids) == 0 {
		return Edition{}, "", fault.New(fault.NotFound, "There is no person %q in the record %q.", username, recordKey)
	}
	return record, ids[0], nil
}

// EndSessionsOf ends every session of a person in an administrator's name, and
// returns how many. Nobody by that name is fault.NotFound.
func (s *Store) EndSessionsOf(ctx context.Context, recordKey, username string, by Author) (ended int, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		record, user, err := tx.person(recordKey, username)
		if err != nil {
			return err
		}
		ids, err := tx.EndSessionsOfPerson(user)
		if ended = len(ids); err != nil || ended == 0 {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.SessionsEnded, Who: by.Who, Reason: by.Reason,
			Record: record.Key, User: user, Changes: EndedSessions(ids)})
	})
	return ended, err
}

// EndAllSessions ends every session of a record in an administrator's name, and
// returns how many.
func (s *Store) EndAllSessions(ctx context.Context, recordKey string, by Author) (ended int, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		record, err := tx.edition(recordKey)
		if err != nil {
			return err
		}
		var ids []string
		if err := tx.db.Raw("DELETE FROM sessions WHERE record_id = ? RETURNING id", record.ID).Scan(&ids).Error; err != nil {
			return wrap(err, "end a record's sessions")
		}
		slices.Sort(ids)
		if ended = len(ids); ended == 0 {
			return nil
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.SessionsEnded, Who: by.Who, Reason: by.Reason,
			Record: record.Key, Changes: EndedSessions(ids)})
	})
	return ended, err
}

// EndSessionByID ends one session, by the ID that may be shown, in an
// administrator's name. It is false when there was none.
func (s *Store) EndSessionByID(ctx context.Context, id string, by Author) (ended bool, err error) {
	if !isID(id) {
		return false, nil
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		found, err := tx.sessions("s.id = ?", id)
		if ended = len(found) == 1; err != nil || !ended {
			return err
		}
		if err := tx.mayTouch(found[0].UserID, by); err != nil {
			return err
		}
		if _, err := tx.EndSessions([]string{id}); err != nil {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.SessionsEnded, Who: by.Who, Reason: by.Reason,
			Record: found[0].RecordKey, User: found[0].UserID, Changes: EndedSessions([]string{id})})
	})
	return ended, err
}
