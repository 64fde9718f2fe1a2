// Package tokens owns the keys with which machines use the API: what each may do,
// when it ends, and what it looks like. It leaves keeping them to store, and which
// route asks for which role to api.
package tokens

import (
	"regexp"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/session"
)

// Token is one key, without its secret: that is shown once and never kept.
type Token struct {
	ID      string // UUIDv7; safe to show, opens nothing
	Name    string // of what uses it; the audit trail names it
	Role    roles.Role
	Created time.Time
	By      string // who made it
	Expires time.Time
	Used    time.Time // last use, exact to a minute; zero: never
}

// Over says whether the token has ended at now.
func (t Token) Over(now time.Time) bool { return !now.Before(t.Expires) }

// Who is how the audit trail, versions and memberships name what was done with the
// token.
func (t Token) Who() string { return "token: " + t.Name }

// MaxLife is how far away the end of a token may be.
const MaxLife = 366 * 24 * time.Hour

var name = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Check finds every problem of a token that is about to be made.
func (t Token) Check(now time.Time) fault.Problems {
	var problems fault.Problems
	if len(t.Name) > 63 || !name.MatchString(t.Name) {
		problems.Add("name", "Name what uses the token: small letters and digits, with hyphens between them, at most 63.")
	}
	if !t.Role.Known() {
		problems.Add("role", "Write owner, editor or reader.")
	}
	switch {
	case t.Over(now):
		problems.Add("expires", "Choose an end that is still to come.")
	case t.Expires.After(now.Add(MaxLife)):
		problems.Add("expires", "A token lasts at most %d days.", int(MaxLife.Hours()/24))
	}
	return problems
}

// prefix makes a token recognisable, for people and for programs that look for
// secrets where none should be.
const prefix = "idms_"

// New returns a fresh secret, and the only thing that may be kept of it. It is 256
// random bits, so one plain SHA-256 is enough; slow hashes are for passwords.
func New() (secret string, hash []byte) {
	random, hash := session.NewToken()
	return prefix + random, hash
}

// Hash finds what is kept of a secret. It is false for anything that New could not
// have made; then there is nothing to look up.
func Hash(secret string) ([]byte, bool) {
	random, ok := strings.CutPrefix(secret, prefix)
	if !ok {
		return nil, false
	}
	return session.Hash(random)
}
