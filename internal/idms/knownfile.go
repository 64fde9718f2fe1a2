package idms

import (
	"fmt"
	"time"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/users"
)

// knownDocument is what is known about a person, as `idms check --known` and
// the scenario files write it. docs/reference/record-file.md describes it.
type knownDocument struct {
	Now         time.Time            `json:"now"`
	Purpose     Purpose              `json:"purpose"`
	Account     *accountDocument     `json:"account"`
	Memberships []membershipDocument `json:"memberships"`
	Directory   *holdingDocument     `json:"directory"`
	LastOwner   bool                 `json:"last_owner"`
	Elevating   string               `json:"elevating"`
}

type accountDocument struct {
	ID        string      `json:"id"`
	Username  string      `json:"username"`
	Email     string      `json:"email"`
	FirstName string      `json:"first_name"`
	LastName  string      `json:"last_name"`
	Phone     string      `json:"phone"`
	NameID    string      `json:"name_id"`
	State     users.State `json:"state"`
}

type membershipDocument struct {
	Group   string           `json:"group"`
	Sources []sourceDocument `json:"sources"`
}

type sourceDocument struct {
	Kind   groups.Kind `json:"kind"`
	Record string      `json:"record"`
	By     string      `json:"by"`
	Since  time.Time   `json:"since"`
}

type holdingDocument struct {
	Known  bool         `json:"known"`
	Off    ldapsync.Off `json:"off"`
	Groups []string     `json:"groups"`
}

// ParseKnown reads what is known about a person from YAML, at most MaxFile
// bytes. A problem is an Invalid error that lists them all.
func ParseKnown(data []byte) (Known, error) {
	var document knownDocument
	r := readYAML(data, &document)
	known, problems := document.known()
	return known, append(r.problems, r.locate(problems)...).Err()
}

func (d knownDocument) known() (Known, fault.Problems) {
	var problems fault.Problems
	known := Known{Now: d.Now, Purpose: d.Purpose, Elevating: d.Elevating, LastOwner: d.LastOwner, Directory: (*Directory)(d.Directory)}
	if d.Directory != nil {
		switch d.Directory.Off {
		case ldapsync.On, ldapsync.SwitchedOff, ldapsync.Expired, ldapsync.OutOfScope, ldapsync.Gone:
		default:
			problems.Add("directory.off", "Write disabled, expired, out_of_scope or gone, or leave it out.")
		}
	}
	switch d.Purpose {
	case "", LogIn, Elevate:
	default:
		problems.Add("purpose", "Write login or elevate.")
	}

	if a := d.Account; a != nil {
		known.Account = &users.Account{
			ID: a.ID, NameID: a.NameID, State: a.State,
			Profile: users.Profile{Username: a.Username, Email: a.Email, FirstName: a.FirstName, LastName: a.LastName, Phone: a.Phone},
		}
		switch a.State {
		case "", users.Enabled, users.Blocked, users.Disabled:
		default:
			problems.Add("account.state", "Write enabled, blocked or disabled.")
		}
		if a.Username == "" {
			problems.Add("account.username", "Name the person, as the account was found by.")
		}
	}

	for i, m := range d.Memberships {
		path := fmt.Sprintf("memberships[%d]", i)
		problems.AddError(path+".group", checkKey(m.Group))
		if len(m.Sources) == 0 {
			problems.Add(path+".sources", "Give at least one: a membership without a source does not exist.")
		}
		membership := groups.Membership{Group: m.Group}
		for j, source := range m.Sources {
			switch source.Kind {
			case groups.Manual, groups.FromAssociation, groups.FromDirectory, groups.FromSCIM:
			default:
				problems.Add(fmt.Sprintf("%s.sources[%d].kind", path, j), "Write manual, association, directory or scim.")
			}
			membership.Sources = append(membership.Sources, groups.Source(source))
		}
		known.Memberships = append(known.Memberships, membership)
	}
	return known, problems
}
