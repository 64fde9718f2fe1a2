package idms

import (
	"slices"
	"time"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/roles"
	"idms/internal/trace"
)

// Turn is how one person would fare by another version of a record, compared
// with the one in force (S43). Only what differs is in it.
type Turn struct {
	ID       string // of the account
	Username string
	Role     roles.Role // that the person administers idms as

	// GainsLogin, LosesLogin and OtherAccount exclude each other. With the last
	// one the new mapping names another account than the person's (S40).
	GainsLogin, LosesLogin, OtherAccount bool
	Was, Will                            trace.Code // why a login is refused by the present version, and by the new one

	From, To console.Level // the same when nothing changes; of who gains or loses the login one is No Access
	Joins    []string      // keys of groups that the person would be in by the new version alone
	Leaves   []string      // and by the present version alone
}

// Any is true when something would change for the person.
func (t Turn) Any() bool {
	return t.GainsLogin || t.LosesLogin || t.OtherAccount || t.From != t.To || len(t.Joins)+len(t.Leaves) > 0
}

// Loses is true when something would be taken away from the person.
func (t Turn) Loses() bool {
	return t.LosesLogin || t.OtherAccount || t.To < t.From || len(t.Leaves) > 0
}

// losesRole is true when the person would administer idms no more, or with less.
func (t Turn) losesRole() bool {
	if t.Role == roles.None {
		return false
	}
	return t.LosesLogin || t.OtherAccount || slices.Contains(t.Leaves, t.Role.Group())
}

// Compare says how a person would fare by the policy after in place of before,
// each applied to their last recorded assertion as a login at now. A policy of nil
// lets nobody in: that of a record which takes no logins (S53). It is a pure
// function; what it is told of the person must be Usable.
func Compare(before, after *Policy, r Recorded, now time.Time) Turn {
	turn := Turn{ID: r.Account.ID, Username: r.Account.Username, Role: roleOf(r.Memberships)}
	was, mine := before.fate(r, now)
	is, stillMine := after.fate(r, now)
	turn.From, turn.To = was.Level, is.Level
	turn.Was, turn.Will = was.Code, is.Code
	switch {
	case mine && !stillMine:
		turn.OtherAccount, turn.To = true, turn.From
		return turn
	case is.Admitted && !was.Admitted:
		turn.GainsLogin = true
	case was.Admitted && !is.Admitted:
		turn.LosesLogin = true
	}
	if !is.Admitted {
		return turn // a refused login changes no group (S1)
	}
	former, latter := groups.After(r.Memberships, was.Changes), groups.After(r.Memberships, is.Changes)
	turn.Joins, turn.Leaves = without(latter, former), without(former, latter)
	return turn
}

func roleOf(memberships []groups.Membership) roles.Role {
	keys := make([]string, len(memberships))
	for i, membership := range memberships {
		keys[i] = membership.Group
	}
	return roles.Of(keys)
}

// fate is the decision about a recorded person; mine is false when the policy
// takes them for another account.
func (p *Policy) fate(r Recorded, now time.Time) (d Decision, mine bool) {
	if p == nil {
		return Decision{}, true
	}
	if !p.SamePerson(r) {
		return Decision{}, false
	}
	return p.Apply(r, nil, now), true
}

// without are those of a list that are not in another.
func without(list, other []string) []string {
	var rest []string
	for _, one := range list {
		if !slices.Contains(other, one) {
			rest = append(rest, one)
		}
	}
	return rest
}

// Rehearsal adds turns up: what another version of a record would do to all its
// people.
type Rehearsal struct {
	People    int // of the record
	Unknown   int // of them, without an assertion to go by
	Unchanged int // of them, for whom nothing would change

	// Losing are those from whom something would be taken away: each is counted
	// once, whatever it is. Administrators are those of idms among the people, and
	// AdministratorsLosing those of them who would be none any more, or lower ones.
	Losing                               int
	Administrators, AdministratorsLosing int

	GainLogin, LoseLogin, OtherAccount Some
	Raised, Lowered                    Some // the console level, of those who log in before and after
	Joins, Leaves                      map[string]Some
}

// Some are people: how many, and the first of them by name.
type Some struct {
	Count int      `json:"count"`
	First []string `json:"first"` // usernames, at most firstNamed
	Turns []Turn   `json:"-"`     // what changes for the first of them, at most MaxTurns
}

// How many people of one kind are told by name, and how many with what changes for
// them.
const (
	firstNamed = 5
	MaxTurns   = 50
)

func (s *Some) add(t Turn) {
	s.Count++
	if len(s.First) < firstNamed {
		s.First = append(s.First, t.Username)
	}
	if len(s.Turns) < MaxTurns {
		s.Turns = append(s.Turns, t)
	}
}

// Any is true when something would change for somebody.
func (r Rehearsal) Any() bool { return r.People > r.Unknown+r.Unchanged }

// Known are the people with an assertion to go by.
func (r Rehearsal) Known() int { return r.People - r.Unknown }

// Below this many people, and this share of those who are known, something may be
// taken away without asking twice.
const (
	fewLosing   = 5
	shareLosing = 10 // per cent
)

// Grave is true when a change takes so much away that it should be confirmed: from
// more than a few people and more than a tenth of those who are known, from everyone,
// or from every administrator of idms among them.
func (r Rehearsal) Grave() bool {
	return r.Losing > max(fewLosing, r.Known()*shareLosing/100) ||
		r.Losing > 0 && r.Losing == r.Known() ||
		r.AdministratorsLosing > 0 && r.AdministratorsLosing == r.Administrators
}

// AddUnknown counts a person without an assertion to go by.
func (r *Rehearsal) AddUnknown() { r.People, r.Unknown = r.People+1, r.Unknown+1 }

// Add counts a person.
func (r *Rehearsal) Add(t Turn) {
	r.People++
	if t.Role != roles.None {
		r.Administrators++
	}
	if t.losesRole() {
		r.AdministratorsLosing++
	}
	if t.Loses() {
		r.Losing++
	}
	if !t.Any() {
		r.Unchanged++
		return
	}
	switch {
	case t.OtherAccount:
		r.OtherAccount.add(t)
	case t.GainsLogin:
		r.GainLogin.add(t)
	case t.LosesLogin:
		r.LoseLogin.add(t)
	case t.To > t.From:
		r.Raised.add(t)
	case t.To < t.From:
		r.Lowered.add(t)
	}
	count := func(in *map[string]Some, keys []string) {
		for _, key := range keys {
			if *in == nil {
				*in = map[string]Some{}
			}
			some := (*in)[key]
			some.add(t)
			(*in)[key] = some
		}
	}
	count(&r.Joins, t.Joins)
	count(&r.Leaves, t.Leaves)
}
