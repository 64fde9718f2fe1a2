package groups

import (
	"slices"
	"time"
)

// FromDirectorySync says what changes so that a person is in exactly the
// groups in which a record's directory holds them (S37). It adds and removes
// that directory's source alone: whoever else granted a membership keeps it up.
func FromDirectorySync(record string, held []string, memberships []Membership, now time.Time) (changes []Change, outcomes []Outcome) {
	source := Source{Kind: FromDirectory, Record: record, By: record, Since: now}
	note := func(group string, v Verdict, left []Source) {
		outcomes = append(outcomes, Outcome{Group: group, Verdict: v, Left: left})
	}

	sources := make(map[string][]Source, len(memberships))
	for _, m := range memberships {
		sources[m.Group] = m.Sources
	}

	in := make(map[string]bool, len(held))
	for _, group := range held {
		if in[group] {
			continue
		}
		in[group] = true
		if !slices.ContainsFunc(sources[group], source.same) {
			changes = append(changes, Change{Group: group, Source: source})
		}
		if len(sources[group]) == 0 {
			note(group, Added, nil)
		} else {
			note(group, Confirmed, nil)
		}
	}

	for _, m := range memberships {
		own := slices.IndexFunc(m.Sources, source.same)
		if own < 0 || in[m.Group] {
			continue
		}
		changes = append(changes, Change{Group: m.Group, Source: m.Sources[own], Remove: true})
		if left := slices.Delete(slices.Clone(m.Sources), own, own+1); len(left) > 0 {
			note(m.Group, Held, left)
		} else {
			note(m.Group, Removed, nil)
		}
	}
	return changes, outcomes
}
