package users

import (
	"fmt"
	"slices"
	"strings"

	"idms/internal/fault"
	"idms/internal/rules"
	"idms/internal/trace"
)

// MaxField bounds, in bytes, what a mapped field may hold. A longer value
// refuses the login and is never cut (S10, S21): cut, two people could become
// one.
const MaxField = 1024

// Mapping names the attribute (or pseudo-attribute, S13) that each field of a
// person comes from.
type Mapping struct {
	Username  string
	Email     string
	FirstName string
	LastName  string
	Phone     string // optional
	// NamesOptional lets a person in without first and last name (S21).
	NamesOptional bool
}

// field is one part of a person and where it comes from.
type field struct {
	key      string // in the record file, below "mapping"
	label    string // on the form
	from     string // attribute
	required bool
	to       *string
	// usual are last parts of the names under which providers send it.
	usual []string
}

// fields are the parts of a person, in the order of the form.
func (m Mapping) fields(p *Profile) []field {
	return []field{
		{"username", "username", m.Username, true, &p.Username,
			[]string{"uid", "username", "upn", "samaccountname", "urn:oid:0.9.2342.19200300.100.1.1"}},
		{"email", "e-mail", m.Email, true, &p.Email,
			[]string{"mail", "email", "emailaddress", "urn:oid:0.9.2342.19200300.100.1.3"}},
		{"first_name", "first name", m.FirstName, !m.NamesOptional, &p.FirstName,
			[]string{"givenname", "firstname", "urn:oid:2.5.4.42"}},
		{"last_name", "last name", m.LastName, !m.NamesOptional, &p.LastName,
			[]string{"sn", "surname", "lastname", "urn:oid:2.5.4.4"}},
		{"phone", "phone", m.Phone, false, &p.Phone,
			[]string{"telephonenumber", "phone", "mobile", "mobilephone", "urn:oid:2.5.4.20"}},
	}
}

// Check finds the fields that nobody could log in without and that come from
// nowhere.
func (m Mapping) Check() fault.Problems {
	var problems fault.Problems
	for _, f := range m.fields(new(Profile)) {
		if f.required && f.from == "" {
			problems.Add(f.key, "Name the attribute that holds the %s.", f.label)
		}
	}
	return problems
}

// Reads lists the attributes that the mapping looks at, by field key.
func (m Mapping) Reads() []Read {
	var reads []Read
	for _, f := range m.fields(new(Profile)) {
		if f.from != "" {
			reads = append(reads, Read{Field: f.key, Attribute: f.from})
		}
	}
	return reads
}

// Read is one field of a mapping and the attribute it comes from.
type Read struct{ Field, Attribute string }

// UsernameIn is the username alone, for finding and locking the account before
// anything is decided about it.
func (m Mapping) UsernameIn(facts rules.Attributes) (string, bool) {
	var person Profile
	username := m.fields(&person)[0]
	step := username.read(facts)
	return person.Username, step.State != trace.Refused
}

// Map reads a person off the facts of an assertion, with one step for each
// field that the mapping names or that nobody may be without (S21).
func (m Mapping) Map(facts rules.Attributes) (Profile, trace.Steps) {
	var person Profile
	var steps trace.Steps
	for _, f := range m.fields(&person) {
		if f.required || f.from != "" {
			steps = append(steps, f.read(facts))
		}
	}
	return person, steps
}

// read fills one field. Of several values it takes the first, and says so.
func (f field) read(facts rules.Attributes) trace.Step {
	step := trace.Step{Name: f.label, Rule: "S21", State: trace.Passed, Looked: f.from}
	attribute, _ := facts.Get(f.from)
	values := slices.DeleteFunc(slices.Clone(attribute.Values), func(v string) bool { return v == "" })
	switch {
	case attribute.Incomplete || len(values) == 0:
		return f.absent(step, facts, attribute.Incomplete)
	case len(values[0]) > MaxField:
		return f.tooLong(step, len(values[0]))
	}

	*f.to = values[0]
	step.Found = fmt.Sprintf("%q from %q", values[0], f.from)
	if len(values) > 1 {
		step.State = trace.Noted
		step.Found += fmt.Sprintf(", the first of %d values", len(values))
	}
	return step
}

func (f field) absent(step trace.Step, facts rules.Attributes, incomplete bool) trace.Step {
	step.Found = "nothing"
	if incomplete {
		step.Found = "a pointer to the values instead of the values"
	}
	if !f.required {
		step.State = trace.Noted
		return step
	}

	fix := trace.Fix{Field: "mapping." + f.key, Present: f.from,
		There: &trace.Setting{Name: "attributes and claims that are sent", Value: f.from}}
	nearest := f.nearest(facts)
	switch {
	case incomplete:
		fix.Say = fmt.Sprintf("The provider sent only a pointer to the values of %q. Map the %s to an attribute with a single value.", f.from, f.label)
	case len(nearest) > 0:
		fix.Suggested = nearest[0]
		fix.Say = fmt.Sprintf("The %s is mapped to %q, which did not come. What came and looks like it: %s.", f.label, f.from, strings.Join(quoted(nearest), ", "))
	default:
		fix.Say = fmt.Sprintf("The %s is mapped to %q, which did not come. Let the provider send it, or map the %s to an attribute that comes.", f.label, f.from, f.label)
	}
	step.State, step.Code, step.Fix = trace.Refused, trace.FieldMissing, &fix
	return step
}

func (f field) tooLong(step trace.Step, length int) trace.Step {
	step.State, step.Code = trace.Refused, trace.ValueTooLong
	step.Found = fmt.Sprintf("a value of %d bytes; at most %d are read", length, MaxField)
	step.Fix = &trace.Fix{
		Field: "mapping." + f.key, Present: f.from,
		Say: fmt.Sprintf("Map the %s to an attribute that holds nothing else.", f.label),
	}
	return step
}

// nearest are received names that may be what the mapping meant: alike to the
// one it names, or usual for the field.
func (f field) nearest(facts rules.Attributes) []string {
	var received []string
	for _, attribute := range facts {
		if len(attribute.Values) > 0 && !attribute.Incomplete {
			received = append(received, attribute.Name)
		}
	}
	nearest := trace.Nearest(f.from, received)
	for _, name := range received {
		if f.isUsual(name) && !slices.Contains(nearest, name) {
			nearest = append(nearest, name)
		}
	}
	return nearest[:min(len(nearest), 3)]
}

func (f field) isUsual(name string) bool {
	if !strings.HasPrefix(name, "urn:oid:") {
		name = name[strings.LastIndexAny(name, "/:")+1:]
	}
	return slices.Contains(f.usual, strings.ToLower(name))
}

func quoted(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return quoted
}
