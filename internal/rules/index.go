package rules

// Set is a list of rules made ready for many logins. It never changes and is
// safe for concurrent use.
type Set struct{ list []Rule }

// Compile makes the rules ready. The findings of [Set.Evaluate] are in their order.
func Compile(list []Rule) *Set { return &Set{list: append([]Rule(nil), list...)} }

// Len is the number of rules.
func (s *Set) Len() int { return len(s.list) }

// Evaluate tests every rule and returns the findings in rule order, in the space
// of into when it suffices.
func (s *Set) Evaluate(a Attributes, into []Finding) []Finding {
	into = into[:0]
	for _, rule := range s.list {
		into = append(into, rule.Test(a))
	}
	return into
}
