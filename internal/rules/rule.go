package rules

import "fmt"

// Rule is true or false for an assertion. The zero value is false for every one.
type Rule struct {
	Key       string // the rule's name within its record; never changes
	Attribute string // the attribute's Name, exactly (S13)
	Pattern   Pattern
	Values    Quantifier
	Disabled  bool // kept and shown, never evaluated (S15)
}

// Quantifier says how many of an attribute's values must match (S11). Values are
// never joined: each is matched alone.
type Quantifier uint8

const (
	Any  Quantifier = iota // at least one value matches; the default
	All                    // every value matches
	None                   // no value matches: the missing NOT
)

// Outcome is what a rule met. S14 wants the first, second and fourth told apart
// in every trace.
type Outcome uint8

const (
	Missing    Outcome = iota // the assertion has no value of the attribute
	NoMatch                   // it has values, and not one matches
	Matched                   // at least one value matches, whatever the quantifier
	Incomplete                // the provider withheld the values
	Disabled                  // the rule is switched off
)

// Finding is what one rule found: 8 bytes, so that 10,000 fit in a trace. It is
// always made by [Rule.Test] or [Set.Evaluate].
type Finding struct {
	Outcome Outcome
	True    bool // the rule's truth, its quantifier applied (S11)

	// Value is the index, in the attribute's Values, of the value that decided: the
	// first that matched or, for a false [All], the first that did not. It is -1
	// when no value did.
	Value int32
}

// Test is the meaning of a rule, in the plainest way. [Set.Evaluate] gives the
// same findings.
//
// An attribute without values is a missing one, so that all of nothing admits
// nobody (S11). An incomplete attribute makes every rule false, even when some
// values came along: which ones the provider chose to send is chance, and a rule
// must not turn with it (S14). A rule without a pattern is false.
func (r Rule) Test(a Attributes) Finding {
	attribute, _ := a.Get(r.Attribute)
	switch {
	case r.Disabled:
		return Finding{Outcome: Disabled, Value: -1}
	case attribute.Incomplete:
		return Finding{Outcome: Incomplete, Value: -1}
	case len(attribute.Values) == 0:
		return Finding{Outcome: Missing, Value: -1}
	}

	match, miss := -1, -1 // the first value of each kind
	for i, value := range attribute.Values {
		if r.Pattern.Match(value) {
			if match < 0 {
				match = i
			}
		} else if miss < 0 {
			miss = i
		}
	}

	finding := Finding{Outcome: NoMatch, Value: int32(match)}
	if match >= 0 {
		finding.Outcome = Matched
	}
	switch r.Values {
	case Any:
		finding.True = match >= 0
	case All:
		finding.True = miss < 0
		if !finding.True {
			finding.Value = int32(miss)
		}
	case None:
		finding.True = match < 0 && !r.Pattern.IsZero()
	}
	return finding
}

var quantifiers = []string{Any: "any", All: "all", None: "none"}

var outcomes = []string{Missing: "missing", NoMatch: "no_match", Matched: "matched", Incomplete: "incomplete", Disabled: "disabled"}

// String is any, all or none.
func (q Quantifier) String() string { return name(quantifiers, int(q), "Quantifier") }

// MarshalText writes any, all or none.
func (q Quantifier) MarshalText() ([]byte, error) {
	return marshal(quantifiers, int(q), "quantifier")
}

// UnmarshalText reads any, all or none, and nothing else.
func (q *Quantifier) UnmarshalText(text []byte) error {
	i, err := unmarshal(quantifiers, string(text))
	if err == nil {
		*q = Quantifier(i)
	}
	return err
}

// String is missing, no_match, matched, incomplete or disabled.
func (o Outcome) String() string { return name(outcomes, int(o), "Outcome") }

// MarshalText writes the outcome as String does.
func (o Outcome) MarshalText() ([]byte, error) { return marshal(outcomes, int(o), "outcome") }

// UnmarshalText reads what MarshalText wrote, and nothing else.
func (o *Outcome) UnmarshalText(text []byte) error {
	i, err := unmarshal(outcomes, string(text))
	if err == nil {
		*o = Outcome(i)
	}
	return err
}

func name(names []string, i int, kind string) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

func marshal(names []string, i int, kind string) ([]byte, error) {
	if i < len(names) {
		return []byte(names[i]), nil
	}
	return nil, fmt.Errorf("there is no %s with number %d", kind, i)
}

func unmarshal(names []string, text string) (int, error) {
	for i, name := range names {
		if name == text {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is none of %q", text, names)
}
