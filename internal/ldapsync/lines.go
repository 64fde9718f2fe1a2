package ldapsync

import (
	"slices"
	"strings"

	"idms/internal/audit"
)

// LineFilter chooses among the lines of a plan. The zero value lets all through.
type LineFilter struct {
	Kind Kind   // "" is all
	Held string // OnlyHeld, OnlyFree, or "" for both
	Text string // somewhere in the line, whatever its case
}

// What LineFilter.Held asks for.
const (
	OnlyHeld = "held" // lines that a stop names
	OnlyFree = "free" // all others
)

// Wants is false when lines that are held, or those that are not, are not asked for.
func (f LineFilter) Wants(held bool) bool {
	return f.Held == "" || held == (f.Held == OnlyHeld)
}

// Match is the line, and of many people those alone whom the text fits; false when
// the filter leaves the line out.
func (f LineFilter) Match(c Change) (Change, bool) {
	if f.Kind != "" && c.Kind != f.Kind {
		return c, false
	}
	text := strings.ToLower(f.Text)
	fits := func(one string) bool { return strings.Contains(strings.ToLower(one), text) }
	if text == "" || slices.ContainsFunc([]string{c.Person, c.DN, c.Group, c.Name, c.Why}, fits) ||
		slices.ContainsFunc(c.Fields, func(field audit.Change) bool { return fits(field.From) || fits(field.To) }) {
		return c, true
	}
	var people []string
	for _, one := range c.People {
		if fits(one) {
			people = append(people, one)
		}
	}
	c.People = people
	return c, len(people) > 0
}

// shutting are the kinds by which somebody is shut out.
var shutting = []Kind{DisablePerson, OutPerson, GonePerson}

// Kinds are the kinds of the lines that the stops name, in the order of a plan. A
// stop that holds everything alike, such as the first run, names none.
func (s Stops) Kinds() []Kind {
	named := map[Kind]bool{}
	for _, stop := range s {
		for _, kind := range stop.kinds() {
			named[kind] = true
		}
	}
	var kinds []Kind
	for _, kind := range Kinds {
		if named[kind] {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (s Stop) kinds() []Kind {
	switch {
	case s.Group != "":
		return []Kind{AddGroup, LinkGroup, RenameGroup, ReturnGroup, AddMember, RemoveMember, GroupGone}
	case s.Code == StopDisables:
		return shutting
	case s.Code == StopGroups:
		return []Kind{GroupGone}
	case s.Code == StopMemberships:
		return []Kind{RemoveMember, GroupGone}
	}
	return nil
}

// Names is true for a line that is why one of the stops holds the plan.
func (s Stops) Names(c Change) bool {
	return slices.ContainsFunc(s, func(stop Stop) bool {
		return (stop.Group == "" || stop.Group == c.Group) && slices.Contains(stop.kinds(), c.Kind)
	})
}

// Takes is what applying a plan with these counts takes away: how many people it
// shuts out, how many memberships it ends, and how many groups lose the directory.
func Takes(counts map[Kind]int) (people, memberships, groups int) {
	for _, kind := range shutting {
		people += counts[kind]
	}
	return people, counts[RemoveMember], counts[GroupGone]
}

// Most is how much a limit lets go by itself, of so many.
func (l Limit) Most(of int) int { return l.most(of) }
