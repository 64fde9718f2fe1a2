package groups

import "slices"

// KeepMember takes every removal from one group out of the changes: its member is the
// last owner of idms who can log in (S44). Who is no member, or stays one anyway,
// is not touched by it.
func KeepMember(group string, changes []Change, outcomes []Outcome) ([]Change, []Outcome) {
	i := slices.IndexFunc(outcomes, func(o Outcome) bool { return o.Group == group && o.Verdict == Removed })
	if i < 0 {
		return changes, outcomes
	}
	outcomes = slices.Clone(outcomes)
	outcomes[i].Verdict = Needed
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return c.Remove && c.Group == group }), outcomes
}
