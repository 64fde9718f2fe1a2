// Package groups owns group memberships: the associations of a record, the
// sources of a membership, and which memberships a login adds and removes. It
// leaves matching to rules, directories to ldapsync, and keeping memberships
// to store.
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
	FromAssociation Kind = "association" // By is "record-key/rule-key"
	FromDirectory   Kind = "directory"   // By is the record key
	FromSCIM        Kind = "scim"        // By names the client
)

// Source is one reason for which a person is in a group.
type Source struct {
	Kind   Kind      `json:"kind" yaml:"kind"`
	Record string    `json:"record,omitempty" yaml:"record"` // key of the record that granted it; "" for manual and SCIM
	By     string    `json:"by" yaml:"by"`                   // administrator, rule key, or SCIM client
	Since  time.Time `json:"since" yaml:"since"`
}

// Membership is one person in one group, with every reason for it. A
// membership without a source does not exist.
type Membership struct {
	Group   string   `json:"group" yaml:"group"` // key
	Sources []Source `json:"sources" yaml:"sources"`
}

// Change is one source that a login adds to or takes from a membership.
type Change struct {
	Group  string `json:"group"`
	Source Source `json:"source"`
	Remove bool   `json:"remove,omitempty"`
}
