package groups

import (
	"strings"

	"idms/internal/fault"
)

// Pointer is an association that names a group.
type Pointer struct {
	Record string // key
	Rule   string // key
}

// Pointing lists the associations of a record that name a group, those that
// are switched off included: they can be switched on again.
func Pointing(group, record string, associations []Association) []Pointer {
	var pointers []Pointer
	for _, a := range associations {
		if a.Group == group {
			pointers = append(pointers, Pointer{Record: record, Rule: a.Key})
		}
	}
	return pointers
}

// Deletable is nil for a group that no rule points at, and otherwise a
// Conflict that names the rules (S38).
func Deletable(group string, pointers []Pointer) error {
	if len(pointers) == 0 {
		return nil
	}
	names := make([]string, len(pointers))
	for i, p := range pointers {
		names[i] = p.Rule + " of " + p.Record
	}
	rules := "the rules"
	if len(names) == 1 {
		rules = "the rule"
	}
	return fault.New(fault.Conflict, "The group %s is used by %s %s. Delete or change them first.", group, rules, strings.Join(names, ", "))
}
