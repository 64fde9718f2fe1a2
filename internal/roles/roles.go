// Package roles owns what an administrator may do: the three roles, and the
// built-in groups whose members have them. It leaves who is in a group to groups
// and store, and which page or route asks for which role to web and api.
package roles

import "slices"

// Role is what an administrator, or a token of the API, may do. Each role may do
// all that the ones before it may; the zero value may do nothing.
type Role string

const (
	None   Role = ""
	Reader Role = "reader" // read, except what providers said about people
	Editor Role = "editor" // and change things, and read that too
	Owner  Role = "owner"  // and delete records, and say who else is an administrator
)

// ascending are all roles.
var ascending = []Role{Reader, Editor, Owner}

// All are the roles, the least first.
func All() []Role { return slices.Clone(ascending) }

// rank is 0 for what is no role.
func (r Role) rank() int { return slices.Index(ascending, r) + 1 }

// Known is true for the three roles.
func (r Role) Known() bool { return r.rank() > 0 }

// May is true when somebody of this role may do what need may. A role that does
// not exist may do nothing, and nobody may do what asks for one.
func (r Role) May(need Role) bool { return need.Known() && r.rank() >= need.rank() }

// Group is the key of the built-in group whose members have this role; "" for
// what is no role.
func (r Role) Group() string {
	if !r.Known() {
		return ""
	}
	return "idms-" + string(r) + "s"
}

// Groups are the keys of the built-in groups, the least role's first.
func Groups() []string {
	keys := make([]string, len(ascending))
	for i, role := range ascending {
		keys[i] = role.Group()
	}
	return keys
}

// GroupName is what people call that group.
func (r Role) GroupName() string {
	return map[Role]string{Reader: "Readers of idms", Editor: "Editors of idms", Owner: "Owners of idms"}[r]
}

// OfGroup is the role that members of a group have, and false for a group that
// gives none.
func OfGroup(key string) (Role, bool) {
	for _, role := range ascending {
		if role.Group() == key {
			return role, true
		}
	}
	return None, false
}

// Of is the highest role that these groups give.
func Of(groups []string) Role {
	highest := None
	for _, key := range groups {
		if role, ok := OfGroup(key); ok && role.rank() > highest.rank() {
			highest = role
		}
	}
	return highest
}
