package idms

import (
	"slices"
	"time"

	"idms/internal/console"
	"idms/internal/groups"
)

// Turn is how one person would fare by another version of a record, compared
// with the one in force (S43). Only what differs is in it.
type Turn struct {
	Username string

	// GainsLogin, LosesLogin and OtherAccount exclude each other. With the last
	// one the new mapping names another account than the person's (S40).
	GainsLogin, LosesLogin, OtherAccount bool

	From, To console.Level // the same when nothing changes; of who gains or loses the login one is No Access
	Joins    []string      // keys of groups that the person would be in by the new version alone
	Leaves   []string      // and by the present version alone
}

// Any is true when something would change for the person.
func (t Turn) Any() bool {
	return t.GainsLogin || t.LosesLogin || t.OtherAccount || t.From != t.To || len(t.Joins)+len(t.Leaves) > 0
}

// Compare says how a person would fare by the policy after in place of before,
// each applied to their last recorded assertion as a login at now. A policy of nil
// lets nobody in: that of a record which takes no logins (S53). It is a pure
// function; what it is told of the person must be Usable.
func Compare(before, after *Policy, r Recorded, now time.Time) Turn {
	turn := Turn{Username: r.Account.Username}
	was, mine := before.fate(r, now)
	is, stillMine := after.fate(r, now)
	turn.From, turn.To = was.Level, is.Level
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

	GainLogin, LoseLogin, OtherAccount Some
	Raised, Lowered                    Some // the console level, of those who log in before and after
	Joins, Leaves                      map[string]Some
}

// Some are people: how many, and the first of them by name.
type Some struct {
	Count int      `json:"count"`
	First []string `json:"first"` // usernames, at most firstNamed
}

// firstNamed is how many people of one kind are told by name.
const firstNamed = 5

func (s *Some) add(username string) {
	s.Count++
	if len(s.First) < firstNamed {
		s.First = append(s.First, username)
	}
}

// Any is true when something would change for somebody.
func (r Rehearsal) Any() bool { return r.People > r.Unknown+r.Unchanged }

// AddUnknown counts a person without an assertion to go by.
func (r *Rehearsal) AddUnknown() { r.People, r.Unknown = r.People+1, r.Unknown+1 }

// Add counts a person.
func (r *Rehearsal) Add(t Turn) {
	r.People++
	if !t.Any() {
		r.Unchanged++
		return
	}
	switch {
	case t.OtherAccount:
		r.OtherAccount.add(t.Username)
	case t.GainsLogin:
		r.GainLogin.add(t.Username)
	case t.LosesLogin:
		r.LoseLogin.add(t.Username)
	case t.To > t.From:
		r.Raised.add(t.Username)
	case t.To < t.From:
		r.Lowered.add(t.Username)
	}
	count := func(in *map[string]Some, keys []string) {
		for _, key := range keys {
			if *in == nil {
				*in = map[string]Some{}
			}
			some := (*in)[key]
			some.add(t.Username)
			(*in)[key] = some
		}
	}
	count(&r.Joins, t.Joins)
	count(&r.Leaves, t.Leaves)
}
