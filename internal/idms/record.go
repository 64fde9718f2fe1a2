// Package idms owns the IDMS record, its check, and the decision of a login:
// Compile turns one version of a record into a Policy, and Policy.Decide turns
// a verified assertion and what is known about the person into a Decision. It
// owns the record's written forms too: the file that administrators keep and
// the document that store keeps. It leaves proving assertions to saml and
// writing decisions down to store.
package idms

import (
	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/users"
)

// Record describes one identity provider and what its logins may do. It is
// made of parts; each belongs to the package that understands it.
type Record struct {
	ID      string // UUIDv7, given by store
	Key     string // immutable; addresses, files and traces use it
	Version int    // of this document, from 1
	Name    string
	Button  Button
	State   State

	SAML         saml.Settings
	Mapping      users.Mapping
	CreateUsers  bool // just-in-time creation (S41)
	Validation   []rules.Rule
	Access       []console.Grant
	Association  AssociationType
	Associations []groups.Association
	Directory    *ldapsync.Settings // nil: none is described
}

// Button is how the record looks on the login page.
type Button struct {
	Label string // "" is the record's name
	Icon  []byte // PNG as ParseIcon made it; nil is none
}

// State of a record (S53). The zero value takes no logins.
type State string

const (
	Draft    State = "draft"
	Active   State = "active"
	Disabled State = "disabled"
)

// AssociationType is where the groups of a record's people come from (S37).
type AssociationType string

const (
	ByRules       AssociationType = "manual" // what "" means
	FromDirectory AssociationType = "ldap"
)

// rules are all rules of the record in the one order that Compile, Check and
// every list of findings keep: validation, access, associations.
func (r Record) rules() []rules.Rule {
	all := make([]rules.Rule, 0, len(r.Validation)+len(r.Access)+len(r.Associations))
	all = append(all, r.Validation...)
	for _, grant := range r.Access {
		all = append(all, grant.Rule)
	}
	for _, association := range r.Associations {
		all = append(all, association.Rule)
	}
	return all
}
