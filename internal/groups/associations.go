package groups

import (
	"slices"
	"time"

	"idms/internal/rules"
)

// Set is the associations of one record, made ready for many logins. It never
// changes and is safe for concurrent use.
type Set struct {
	record string // key
	list   []Association
	of     map[string][]int // the enabled associations of each group (S15)
}

// Compile makes the associations of a record ready.
func Compile(record string, list []Association) *Set {
	set := &Set{record: record, list: list, of: map[string][]int{}}
	for i, association := range list {
		if !association.Disabled {
			set.of[association.Group] = append(set.of[association.Group], i)
		}
	}
	return set
}

// Changes says what a login adds to and takes from a person's memberships.
// findings are what each association found, in the order of Compile. There is
// an outcome for every group that an association is true for, or that the
// person is a member of and an association speaks of; all others are neither
// entered nor left.
func (s *Set) Changes(findings []rules.Finding, memberships []Membership, now time.Time) (changes []Change, outcomes []Outcome) {
	member := make(map[string]Membership, len(memberships))
	for _, m := range memberships {
		member[m.Group] = m
	}

	decided := map[string]bool{}
	decide := func(group string) {
		if len(s.of[group]) == 0 || decided[group] {
			return
		}
		decided[group] = true
		more, outcome := s.group(group, findings, member[group].Sources, now)
		changes, outcomes = append(changes, more...), append(outcomes, outcome)
	}
	for i, finding := range findings {
		if finding.True {
			decide(s.list[i].Group)
		}
	}
	for _, m := range memberships {
		decide(m.Group)
	}
	return changes, outcomes
}

// group decides about one group. Several associations for it are one question:
// any true one adds; removal needs all of them not true and one that asks for
// it, and the most protective of their settings holds (S32).
func (s *Set) group(group string, findings []rules.Finding, held []Source, now time.Time) ([]Change, Outcome) {
	outcome := func(v Verdict, decisive int) Outcome {
		return Outcome{Group: group, Verdict: v, Rule: s.list[decisive].Key}
	}
	all := s.of[group]

	// S30: true adds.
	if first := slices.IndexFunc(all, func(i int) bool { return findings[i].True }); first >= 0 {
		if len(held) > 0 {
			return s.grant(group, findings, held, now), outcome(Confirmed, all[first])
		}
		return s.grant(group, findings, held, now), outcome(Added, all[first])
	}

	// S30: without update on login, false changes nothing.
	asks := slices.IndexFunc(all, func(i int) bool { return s.list[i].UpdateOnLogin })
	if asks < 0 {
		return nil, outcome(Untouched, all[0])
	}

	// S14, S33: what is not known removes nobody.
	if unknown := slices.IndexFunc(all, func(i int) bool { return s.list[i].protects(findings[i]) }); unknown >= 0 {
		return nil, outcome(Protected, all[unknown])
	}

	// S31: false removes what this record granted and, unless one association
	// says only_own, what administrators did.
	onlyOwn := slices.ContainsFunc(all, func(i int) bool { return s.list[i].OnlyOwn })
	removed := outcome(Removed, all[asks])
	var changes []Change
	for _, source := range held {
		if own := source.Kind == FromAssociation && source.Record == s.record; own || source.Kind == Manual && !onlyOwn {
			changes = append(changes, Change{Group: group, Source: source, Remove: true})
		} else {
			removed.Verdict, removed.Left = Held, append(removed.Left, source)
		}
	}
	return changes, removed
}

// grant adds a source for every association that is true and is not yet one.
// Each is a reason of its own: "why is this person in this group" lists them
// all (S35).
func (s *Set) grant(group string, findings []rules.Finding, held []Source, now time.Time) []Change {
	var changes []Change
	for _, i := range s.of[group] {
		source := Source{Kind: FromAssociation, Record: s.record, By: s.list[i].Key, Since: now}
		if findings[i].True && !slices.ContainsFunc(held, source.same) {
			changes = append(changes, Change{Group: group, Source: source})
		}
	}
	return changes
}

// protects is true when a finding leaves open whether the person belongs to
// the group, and the association therefore removes nobody.
func (a Association) protects(f rules.Finding) bool {
	return f.Outcome == rules.Incomplete || f.Outcome == rules.Missing && a.OnMissing == Keep
}

// LeftBehind lists the sources of memberships that a record granted by an
// association which it no longer has, or which now speaks of another group.
// Such a change of the record takes nobody out; an administrator may (S34).
func LeftBehind(record string, associations []Association, memberships []Membership) []Membership {
	type granted struct{ rule, group string }
	has := make(map[granted]bool, len(associations))
	for _, a := range associations {
		has[granted{a.Key, a.Group}] = true
	}

	var left []Membership
	for _, m := range memberships {
		var sources []Source
		for _, source := range m.Sources {
			if source.Kind == FromAssociation && source.Record == record && !has[granted{source.By, m.Group}] {
				sources = append(sources, source)
			}
		}
		if len(sources) > 0 {
			left = append(left, Membership{Group: m.Group, Sources: sources})
		}
	}
	return left
}
