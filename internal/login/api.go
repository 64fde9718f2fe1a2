// Package login owns the way a login goes: begin, complete, elevate, end, the
// test login, and the cache of compiled policies. It leaves proof to saml, the decision to
// idms, the transaction's SQL to store, and everything a browser sees, cookies
// included, to web.
package login

import (
	"time"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/trace"
	"idms/internal/users"
)

// Choice is one way to log in, as the login page offers it.
type Choice struct {
	Key     string // of the record
	Label   string
	HasIcon bool
}

// Start is a visitor who wants to log in.
type Start struct {
	Record   string // key
	Origin   string // scheme://host[:port] the visitor is on, from the configured ones
	ReturnTo string // where to go afterwards; only a path of ours is kept (M22)
}

// Begun is a login on its way to the identity provider.
type Begun struct {
	// Elsewhere is set instead of everything else when the login must begin at
	// another address: on the origin of the record's ACS, or at the record's
	// custom login URL (S55).
	Elsewhere string
	Outgoing  saml.Outgoing
	Pending   Ticket
}

// Ticket is a secret for a cookie.
type Ticket struct {
	Name    string // suffix of the cookie's name; "" for the session
	Value   string
	Expires time.Time
}

// Post is a response that a browser brought to an ACS.
type Post struct {
	Record     string            // key in the address
	Origin     string            // scheme://host[:port] it was posted to
	Response   string            // the SAMLResponse field as posted, base64
	RelayState string            //
	Tickets    map[string]string // this browser's pending cookies: suffix → value
	Address    string            // of the browser, for the audit trail
	InAddress  bool              // the response came in a query instead of a posted form: it is refused unread (M01)
}

// Outcome is how a login ended. Exactly one of Session, Refusal and Tested is set.
type Outcome struct {
	Reference string // of the trace: safe to show (S60)
	Session   *Ticket
	Refusal   *Refusal
	Tested    *Tested  // it was a test login, and nothing has come of it
	Purpose   string   // "login", "elevate" or "test"
	ReturnTo  string   // a path of ours
	Spent     []string // suffixes of pending cookies that are used up
}

// Refusal is what the visitor may know of a refused login (S60).
type Refusal struct {
	Code     trace.Code // for the log and metrics; never on the page
	Sentence string
	Record   string // key, to begin again
}

// Visitor is somebody with a session.
type Visitor struct {
	Session    session.Session
	Account    users.Account
	RecordName string
	Level      console.Level // now
	Why        string        // why this level, for the person: one sentence
	CanElevate bool          // S26
	Local      bool          // came by password, through no identity provider
	Role       roles.Role    // as an administrator
	Groups     []Group
	// ChangePasswordURL is where the provider lets people change their password;
	// "" when the record does not say.
	ChangePasswordURL string
}

// Group is one group of a visitor and why they are in it (S35).
type Group struct {
	Key, Name string
	Sources   []string // in words: "by the rule platform of acme, since 2026-03-01"
	From      []groups.Source
}
