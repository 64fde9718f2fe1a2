// Package groups owns group memberships: the associations of a record, the
// sources of a membership, and which sources a login or a directory sync adds
// and takes away (S30 to S38). Groups change in no other way, save by a named
// administrator or SCIM (S36). It leaves matching to rules, directories to
// ldapsync, and keeping memberships to store.
package groups

import (
	"time"

	"idms/internal/rules"
)

// Group is a set of people that the portal knows by key.
type Group struct {
	ID   string // UUIDv7
	Key  string // immutable
	Name string
}

// Association is one rule that adds a person to a group at login, and, with
// UpdateOnLogin, removes them (S30–S33).
type Association struct {
	rules.Rule
	Group         string // key of the group
	UpdateOnLogin bool
	OnlyOwn       bool // removal takes only what this record granted (S31)
	OnMissing     OnMissing
}

// OnMissing is what a missing attribute means for removal (S33).
type OnMissing string

const (
	Remove OnMissing = "remove" // what "" means
	Keep   OnMissing = "keep"
)

// Kind is where a membership comes from (S35).
type Kind string

const (
	Manual          Kind = "manual"      // By names the administrator
	FromAssociation Kind = "association" // By is the key of the association's rule
	FromDirectory   Kind = "directory"   // By is the record key
	FromSCIM        Kind = "scim"        // By names the client
)

// Source is one reason for which a person is in a group.
type Source struct {
	Kind   Kind      `json:"kind" yaml:"kind"`
	Record string    `json:"record,omitempty" yaml:"record"` // key of the record that granted it; "" for manual and SCIM
	By     string    `json:"by" yaml:"by"`                   // administrator, rule key, record key, or SCIM client
	Since  time.Time `json:"since" yaml:"since"`
}

// same is true for two sources that are one reason, whenever it began.
func (s Source) same(other Source) bool {
	return s.Kind == other.Kind && s.Record == other.Record && s.By == other.By
}

// Membership is one person in one group, with every reason for it. A
// membership without a source does not exist.
type Membership struct {
	Group   string   `json:"group" yaml:"group"` // key
	Sources []Source `json:"sources" yaml:"sources"`
}

// Change is one source that a login adds to or takes from a membership. The
// membership begins with its first source and ends with its last.
type Change struct {
	Group  string `json:"group"`
	Source Source `json:"source"`
	Remove bool   `json:"remove,omitempty"`
}

// Verdict is what happens to one person's membership of one group.
type Verdict string

const (
	Added     Verdict = "added"     // was no member, is one now
	Confirmed Verdict = "confirmed" // is a member, and there is reason to be
	Removed   Verdict = "removed"   // was a member, is none now
	Held      Verdict = "held"      // would be removed, but others granted it too (S31)
	Protected Verdict = "protected" // would be removed, but an attribute is unknown (S14, S33)
	Needed    Verdict = "needed"    // would be removed, but nobody else could administer idms (S44)
	Untouched Verdict = "untouched" // not true, and nothing asks for removal (S30)
)

// Outcome is the verdict on one group, and why.
type Outcome struct {
	Group   string   `json:"group"`
	Verdict Verdict  `json:"verdict"`
	Rule    string   `json:"rule,omitempty"` // key of the association that decided; "" for the directory
	Left    []Source `json:"left,omitempty"` // what holds a Held membership
}

// Words say what a source is, to whoever asks why a person is in a group.
func (s Source) Words() string {
	switch s.Kind {
	case Manual:
		return "by " + s.By
	case FromAssociation:
		return "by the rule " + s.By + " of " + s.Record
	case FromDirectory:
		return "by the directory of " + s.Record
	case FromSCIM:
		return "by the SCIM client " + s.By
	}
	return string(s.Kind) + " " + s.By
}
