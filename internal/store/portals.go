package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"idms/internal/fault"
)

// PortalCode is the last step of a hand-over on its way to a portal's own host:
// it stands for a session, once and for a moment.
type PortalCode struct {
	Hash        []byte // of the code
	SessionID   string
	Portal      string // origin that it is meant for
	BrowserHash []byte // of the cookie that the portal's host set when the hand-over began
	ReturnTo    string // a path on the portal's host
	Expires     time.Time
}

type portalCodeRow struct {
	CodeHash    []byte
	SessionID   string
	Portal      string
	BrowserHash []byte
	ReturnTo    string
	Expires     int64
}

// KeepPortalCode remembers a code until it is used. It is for the session that
// this token, by its hash, opens now; when an elevation has changed the token, or
// the session has ended, it is fault.NotFound.
func (s *Store) KeepPortalCode(ctx context.Context, code PortalCode, tokenHash []byte) error {
	statement := `INSERT INTO portal_codes (code_hash, session_id, portal, browser_hash, return_to, expires)
		SELECT ?, id, ?, ?, ?, ? FROM sessions WHERE id = ? AND token_hash = ?`
	if s.dialect == onPostgres {
		statement += " FOR SHARE" // an elevation comes before or after, not between
	}
	done := s.write.WithContext(ctx).Exec(statement, code.Hash, code.Portal, code.BrowserHash, code.ReturnTo,
		micros(code.Expires), code.SessionID, tokenHash)
	if done.Error != nil {
		return wrap(done.Error, "keep a portal's code")
	}
	if done.RowsAffected == 0 {
		return fault.New(fault.NotFound, "You are not logged in.")
	}
	return nil
}

// ConsumePortalCode uses a code up, whatever it turns out to be worth. Of any
// number of transactions that try, in any number of processes, one gets it.
func (tx *Tx) ConsumePortalCode(hash []byte) (code PortalCode, found bool, err error) {
	var rows []portalCodeRow
	err = tx.db.Raw(`DELETE FROM portal_codes WHERE code_hash = ?
		RETURNING code_hash, session_id, portal, browser_hash, return_to, expires`, hash).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return PortalCode{}, false, wrap(err, "consume a portal's code")
	}
	row := rows[0]
	return PortalCode{
		Hash: row.CodeHash, SessionID: row.SessionID, Portal: row.Portal,
		BrowserHash: row.BrowserHash, ReturnTo: row.ReturnTo, Expires: instant(row.Expires),
	}, true, nil
}

// OpenPortalToken gives a portal a token for a session, and says whose and of
// which record the session is. opened is false when it has ended.
func (tx *Tx) OpenPortalToken(tokenHash []byte, sessionID, portal string, now time.Time) (userID, recordKey string, opened bool, err error) {
	var found []struct{ UserID, Key string }
	err = tx.db.Raw(`SELECT s.user_id, r.key FROM sessions s JOIN records r ON r.id = s.record_id WHERE s.id = ? AND s.expires > ?`,
		sessionID, micros(now)).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return "", "", false, wrap(err, "find the session of a portal's token")
	}
	// Selected from the session, so that one that ends meanwhile gets none.
	done := tx.db.Exec(`INSERT INTO portal_tokens (token_hash, session_id, portal, opened)
		SELECT ?, id, ?, ? FROM sessions WHERE id = ?`, tokenHash, portal, micros(now), sessionID)
	return found[0].UserID, found[0].Key, done.RowsAffected == 1, wrap(done.Error, "open a portal's token")
}

// ForgetPortalToken makes a portal's token worthless. The session stays.
func (tx *Tx) ForgetPortalToken(tokenHash []byte) error {
	return wrap(tx.db.Exec("DELETE FROM portal_tokens WHERE token_hash = ?", tokenHash).Error, "forget a portal's token")
}

// forgetPortalTokens makes all tokens of a session worthless, wherever they are,
// and the codes that would become one.
func (tx *Tx) forgetPortalTokens(sessionID string) error {
	if err := tx.db.Exec("DELETE FROM portal_codes WHERE session_id = ?", sessionID).Error; err != nil {
		return wrap(err, "forget the portals' codes")
	}
	return wrap(tx.db.Exec("DELETE FROM portal_tokens WHERE session_id = ?", sessionID).Error, "forget the portals' tokens")
}

// PortalSession finds a session by the hash of a portal's token, with the portal
// that the token belongs to. It is Session in everything else.
func (s *Store) PortalSession(ctx context.Context, tokenHash []byte, now time.Time) (visit Visit, portal string, err error) {
	visit, portal, _, err = s.portalSession(ctx, tokenHash, now, "''")
	return visit, portal, err
}

// PortalPass is PortalSession with the keys of the person's groups, in order: all
// that a portal's proxy is told about each request, in one statement.
func (s *Store) PortalPass(ctx context.Context, tokenHash []byte, now time.Time) (visit Visit, portal string, groups []string, err error) {
	list := "COALESCE((SELECT group_concat(DISTINCT m.group_key) FROM membership_sources m WHERE m.user_id = s.user_id), '')"
	if s.dialect == onPostgres {
		list = "COALESCE((SELECT string_agg(DISTINCT m.group_key, ',') FROM membership_sources m WHERE m.user_id = s.user_id), '')"
	}
	visit, portal, joined, err := s.portalSession(ctx, tokenHash, now, list)
	if err != nil || joined == "" {
		return visit, portal, nil, err
	}
	groups = strings.Split(joined, ",") // no key has a comma (idms.IsKey)
	slices.Sort(groups)
	return visit, portal, groups, nil
}

func (s *Store) portalSession(ctx context.Context, tokenHash []byte, now time.Time, groups string) (visit Visit, portal, joined string, err error) {
	var row struct {
		Visit  visitRow `gorm:"embedded"`
		Portal string
		Groups string
	}
	visit, err = row.Visit.visit(s.read.WithContext(ctx).Raw(`SELECT `+visitColumns+`, p.portal AS portal, `+groups+` AS groups
		FROM `+visits+` JOIN portal_tokens p ON p.session_id = s.id
		WHERE p.token_hash = ? AND `+visitable, append([]any{tokenHash}, visitableAt(now)...)...).Scan(&row))
	return visit, row.Portal, row.Groups, err
}

// EndPortalSession ends the session of a portal's token, whatever has become of
// its person and its record. It is false when there was none.
func (s *Store) EndPortalSession(ctx context.Context, tokenHash []byte, portal string) (bool, error) {
	done := s.write.WithContext(ctx).Exec(`DELETE FROM sessions WHERE id IN
		(SELECT session_id FROM portal_tokens WHERE token_hash = ? AND portal = ?)`, tokenHash, portal)
	return done.RowsAffected == 1, wrap(done.Error, "end a portal's session")
}
