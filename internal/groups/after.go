package groups

import "slices"

// After are the keys of the groups that a person is in once changes have been
// made: those they were in, in order, then the new ones.
func After(memberships []Membership, changes []Change) []string {
	sources := map[string][]Source{}
	var order []string
	for _, m := range memberships {
		sources[m.Group] = slices.Clone(m.Sources)
		order = append(order, m.Group)
	}
	for _, change := range changes {
		list, known := sources[change.Group]
		if !known {
			order = append(order, change.Group)
		}
		if list = slices.DeleteFunc(list, change.Source.same); !change.Remove {
			list = append(list, change.Source)
		}
		sources[change.Group] = list
	}
	return slices.DeleteFunc(order, func(group string) bool { return len(sources[group]) == 0 })
}
