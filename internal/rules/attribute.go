package rules

// Attribute is one attribute of an assertion: every value of every element of
// its Name, in document order (S12).
type Attribute struct {
	Name   string
	Values []string

	// Incomplete says that the provider sent a pointer to the values instead of
	// the values, as Entra does for a person in too many groups (S14). Whatever
	// Values holds then is not the whole truth, and no rule reads it.
	Incomplete bool
}

// Attributes are the attributes of one assertion, each Name once. Should a Name
// come twice all the same, the first one counts, here and in [Set.Evaluate].
type Attributes []Attribute

// Get finds the attribute with exactly this Name: case counts and nothing is
// trimmed (S13).
func (a Attributes) Get(name string) (Attribute, bool) {
	for _, attribute := range a {
		if attribute.Name == name {
			return attribute, true
		}
	}
	return Attribute{}, false
}
