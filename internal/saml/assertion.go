package saml

import (
	"time"

	"idms/internal/rules"
)

// NameID is the subject of an assertion (SAML core 2.2.3).
type NameID struct {
	Value           string `json:"value"`
	Format          string `json:"format,omitempty"`
	NameQualifier   string `json:"name_qualifier,omitempty"`
	SPNameQualifier string `json:"sp_name_qualifier,omitempty"`
}

// Assertion is the one verified assertion of a response: every field comes
// from the element that the signature covers.
type Assertion struct {
	ID           string
	Issuer       string
	NameID       NameID
	SessionIndex string
	AuthnContext string    // AuthnContextClassRef, "" when none came
	AuthnInstant time.Time //
	IssueInstant time.Time
	InResponseTo string // "" when unsolicited

	// Until is when the assertion can no longer be accepted, skew included:
	// its ID is remembered until then (M17).
	Until time.Time
	// SessionUntil is SessionNotOnOrAfter; zero when the provider sets none.
	SessionUntil time.Time

	// Attributes by Name, as S12 merges them. Names that begin with "@" have
	// been left out (S13).
	Attributes rules.Attributes

	// SignedBy is the SHA-256 fingerprint, in lower-case hexadecimal, of the
	// configured certificate whose key verified the signature.
	SignedBy  string
	Encrypted bool
}

// Facts are the attributes and, before them, the pseudo-attributes that rules
// and mapping may name (S13).
func (a Assertion) Facts() rules.Attributes {
	facts := make(rules.Attributes, 0, len(a.Attributes)+5)
	for _, pseudo := range [...]struct{ name, value string }{
		{"@name_id", a.NameID.Value},
		{"@name_id_format", a.NameID.Format},
		{"@auth_context", a.AuthnContext},
		{"@issuer", a.Issuer},
		{"@session_index", a.SessionIndex},
	} {
		if pseudo.value != "" {
			facts = append(facts, rules.Attribute{Name: pseudo.name, Values: []string{pseudo.value}})
		}
	}
	return append(facts, a.Attributes...)
}
