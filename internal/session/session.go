// Package session owns what a session is: who it belongs to, what it may do and
// when it is over, and the token that a browser holds for it. It leaves keeping
// sessions to store and cookies to web.
package session

import (
	"time"

	"idms/internal/console"
	"idms/internal/saml"
)

// Session is one login of one person through one record. It lives as a row of
// our own: the browser's token says only which.
type Session struct {
	ID        string // UUIDv7; safe to show, opens nothing
	UserID    string
	RecordID  string
	RecordKey string

	// What the identity provider called the person and its own session, for
	// single logout.
	NameID       saml.NameID
	SessionIndex string

	Level         console.Level // as the login decided
	Why           string        // that level, in a sentence for the person
	Elevated      console.Level // as the last elevation decided (S26)
	ElevatedUntil time.Time     // zero: never elevated

	// The authentication contexts that login and elevation came with: by them the
	// session is decided anew when rules change (S43).
	AuthContext     string
	ElevatedContext string

	Opened  time.Time
	Seen    time.Time // last use, exact to a minute
	Expires time.Time // end, whatever the person does
}

// LevelAt is what the session may do at now. An elevation only ever adds, and
// ends before the session does (S26).
func (s Session) LevelAt(now time.Time) console.Level {
	if now.Before(s.ElevatedUntil) {
		return max(s.Level, s.Elevated)
	}
	return s.Level
}

// Over says whether the session has ended at now: by its expiry, or because
// nobody used it for idle. An idle of 0 is no idle end.
func (s Session) Over(now time.Time, idle time.Duration) bool {
	return !now.Before(s.Expires) || idle > 0 && now.Sub(s.Seen) >= idle
}
