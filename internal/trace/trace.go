// Package trace owns how a login explains itself: the steps it took in order,
// what each looked for and what it found, the one that refused, and what to
// change so that it would not. It leaves the checks themselves to saml and
// idms, and keeping and showing traces to store, cmd and web.
package trace

// State is how a step ended.
type State uint8

const (
	// NotReached is the zero value: a step that did not run proves nothing.
	NotReached State = iota
	// Passed means the step found what it looked for.
	Passed
	// Noted means it passed, with something an administrator should know.
	Noted
	// Refused means the login ends here. Later steps may still run, so that
	// the trace is whole (S4); the first refused step gives the code (S62).
	Refused
)

var stateNames = [...]string{"not reached", "passed", "noted", "refused"}

func (s State) String() string { return stateNames[s] }

// MarshalText writes the state as a word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a word written by MarshalText; an unknown one is
// NotReached.
func (s *State) UnmarshalText(text []byte) error {
	*s = NotReached
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
		}
	}
	return nil
}

// Step is one check of a login.
type Step struct {
	Name   string `json:"name"`             // the check, in words of the record: "audience"
	Rule   string `json:"rule"`             // the requirement it carries out: "M16", "S22"
	State  State  `json:"state"`            //
	Code   Code   `json:"code,omitempty"`   // set when Refused
	Looked string `json:"looked,omitempty"` // what it looked for
	Found  string `json:"found,omitempty"`  // what it found; may hold personal values, never log it
	Fix    *Fix   `json:"fix,omitempty"`    // what to change, when it can be known
}

// Fix names the field to change and the value to put there (S61).
type Fix struct {
	Field     string `json:"field"`               // path in the record, as in the record file; "" when the change is not ours to make
	Present   string `json:"present,omitempty"`   // what the field holds now
	Suggested string `json:"suggested,omitempty"` // what to put there, when it can be known
	Say       string `json:"say"`                 // one sentence for the administrator

	// There is what to change at the identity provider; nil when nothing is to be
	// changed there. With a Field too, either of the two is enough.
	There *Setting `json:"there,omitempty"`
}

// Setting is one setting of an identity provider. docs/reference/codes.md has
// what each vendor calls it.
type Setting struct {
	Name  string `json:"name"`            // in the words of most providers: "ACS URL"
	Value string `json:"value,omitempty"` // what to enter there, when it can be known
}

// Remedy is the fix of a refusal about which nothing more exact is known than
// what its code says.
func Remedy(code Code) *Fix { return &Fix{Say: code.Meaning().Remedy} }

// Steps are the checks of one login in the order of semantics.
type Steps []Step

// Pass notes a check that found what it looked for.
func (s *Steps) Pass(rule, name, looked, found string) {
	*s = append(*s, Step{Name: name, Rule: rule, State: Passed, Looked: looked, Found: found})
}

// Note is Pass with something to know.
func (s *Steps) Note(rule, name, looked, found string) {
	*s = append(*s, Step{Name: name, Rule: rule, State: Noted, Looked: looked, Found: found})
}

// Refuse notes the check that ends the login. No refusal is without a fix.
func (s *Steps) Refuse(step Step) {
	step.State = Refused
	if step.Fix == nil {
		step.Fix = Remedy(step.Code)
	}
	*s = append(*s, step)
}

// Refusal is the first refused step, or nil.
func (s Steps) Refusal() *Step {
	for i := range s {
		if s[i].State == Refused {
			return &s[i]
		}
	}
	return nil
}

// Code is the code of the first refused step, or "" (S62).
func (s Steps) Code() Code {
	if refusal := s.Refusal(); refusal != nil {
		return refusal.Code
	}
	return ""
}
