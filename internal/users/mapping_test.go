package users

import (
	"strings"
	"testing"

	"idms/internal/rules"
	"idms/internal/trace"
)

var mapping = Mapping{Username: "uid", Email: "mail", FirstName: "givenName", LastName: "sn", Phone: "telephoneNumber"}

// facts from pairs of a name and one value.
func facts(pairs ...string) rules.Attributes {
	var made rules.Attributes
	for i := 0; i < len(pairs); i += 2 {
		made = append(made, rules.Attribute{Name: pairs[i], Values: []string{pairs[i+1]}})
	}
	return made
}

func TestAPersonIsReadOffTheMapping(t *testing.T) {
	person, steps := mapping.Map(facts("uid", "ada", "mail", "ada@example.com", "givenName", "Ada", "sn", "Lovelace", "telephoneNumber", "+44 1", "groups", "x"))
	if want := (Profile{"ada", "ada@example.com", "Ada", "Lovelace", "+44 1"}); person != want {
		t.Errorf("got %+v", person)
	}
	for _, step := range steps {
		if step.State != trace.Passed || step.Rule != "S21" {
			t.Errorf("%+v", step)
		}
	}
}

// S21: each missing required field refuses, by its own name and its attribute's.
func TestAMissingFieldRefuses(t *testing.T) {
	all := []string{"uid", "ada", "mail", "ada@example.com", "givenName", "Ada", "sn", "Lovelace", "telephoneNumber", "+44 1"}
	for i, tt := range []struct {
		label, attribute   string
		required, optional bool // as is; with optional names
	}{
		{"username", "uid", true, true},
		{"e-mail", "mail", true, true},
		{"first name", "givenName", true, false},
		{"last name", "sn", true, false},
		{"phone", "telephoneNumber", false, false},
	} {
		without := facts(append(append([]string{}, all[:2*i]...), all[2*i+2:]...)...)
		empty := facts(all...)
		empty[i].Values = []string{""}
		pointer := facts(all...)
		pointer[i].Incomplete = true
		for how, given := range map[string]rules.Attributes{"absent": without, "empty": empty, "a pointer": pointer} {
			for _, m := range []Mapping{mapping, optional(mapping)} {
				required := tt.required
				if m.NamesOptional {
					required = tt.optional
				}
				_, steps := m.Map(given)
				refusal := steps.Refusal()
				if (refusal != nil) != required {
					t.Errorf("%s %s, names optional %v: %+v", tt.label, how, m.NamesOptional, refusal)
					continue
				}
				if refusal == nil {
					continue
				}
				if refusal.Code != trace.FieldMissing || refusal.Name != tt.label || refusal.Looked != tt.attribute || !strings.Contains(refusal.Fix.Say, tt.attribute) {
					t.Errorf("%s %s: %+v, fix %+v", tt.label, how, refusal, refusal.Fix)
				}
			}
		}
	}
}

func optional(m Mapping) Mapping {
	m.NamesOptional = true
	return m
}

// S21: of several values the first, and the trace says so.
func TestTheFirstOfSeveralValuesIsTaken(t *testing.T) {
	given := facts("uid", "ada", "givenName", "Ada", "sn", "Lovelace")
	given = append(given, rules.Attribute{Name: "mail", Values: []string{"", "ada@example.com", "countess@example.com"}})
	person, steps := mapping.Map(given)
	if person.Email != "ada@example.com" {
		t.Errorf("e-mail = %q", person.Email)
	}
	if step := steps[1]; step.State != trace.Noted || !strings.Contains(step.Found, "first of 2") {
		t.Errorf("%+v", step)
	}
}

// S13: a pseudo-attribute maps like any other.
func TestTheNameIDCanBeTheUsername(t *testing.T) {
	name, ok := Mapping{Username: "@name_id"}.UsernameIn(facts("@name_id", "Ada"))
	if !ok || name != "Ada" {
		t.Errorf("%q, %v", name, ok)
	}
	if name, ok := mapping.UsernameIn(facts("mail", "x")); ok || name != "" {
		t.Errorf("nobody came, yet %q, %v", name, ok)
	}
}

// S10: a value is never cut; the username would become somebody else's.
func TestATooLongValueRefuses(t *testing.T) {
	for _, tt := range []struct {
		length int
		want   trace.Code
	}{{MaxField, ""}, {MaxField + 1, trace.ValueTooLong}} {
		given := facts("uid", strings.Repeat("a", tt.length), "mail", "m", "givenName", "g", "sn", "s")
		person, steps := mapping.Map(given)
		if steps.Code() != tt.want || len(person.Username) > MaxField {
			t.Errorf("%d bytes: %q, username of %d bytes", tt.length, steps.Code(), len(person.Username))
		}
		if _, ok := mapping.UsernameIn(given); ok != (tt.want == "") {
			t.Errorf("%d bytes: username found: %v", tt.length, ok)
		}
	}
}

func TestTheFixNamesWhatCameInstead(t *testing.T) {
	const claims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	for _, tt := range []struct {
		name     string
		mapping  Mapping
		received rules.Attributes
		want     string
	}{
		{"a claim URI instead of its short name", Mapping{Username: "uid", Email: "email"},
			facts("uid", "ada", claims+"emailaddress", "ada@example.com"), claims + "emailaddress"},
		{"an OID instead of a name", Mapping{Username: "uid", Email: "email"},
			facts("uid", "ada", "urn:oid:0.9.2342.19200300.100.1.3", "ada@example.com"), "urn:oid:0.9.2342.19200300.100.1.3"},
		{"another case", Mapping{Username: "uid", Email: "Mail"},
			facts("uid", "ada", "mail", "ada@example.com"), "mail"},
		{"nothing alike", Mapping{Username: "uid", Email: "mail"},
			facts("uid", "ada", "groups", "x"), ""},
	} {
		_, steps := optional(tt.mapping).Map(tt.received)
		fix := steps.Refusal().Fix
		if fix.Field != "mapping.email" || fix.Present != tt.mapping.Email || fix.Suggested != tt.want {
			t.Errorf("%s: %+v", tt.name, fix)
		}
	}
}

func TestCheckNamesEveryFieldThatComesFromNowhere(t *testing.T) {
	fields := func(m Mapping) string {
		var names []string
		for _, problem := range m.Check() {
			names = append(names, problem.Field)
		}
		return strings.Join(names, " ")
	}
	if got := fields(Mapping{}); got != "username email first_name last_name" {
		t.Errorf("nothing mapped: %s", got)
	}
	if got := fields(Mapping{NamesOptional: true}); got != "username email" {
		t.Errorf("names optional: %s", got)
	}
	if got := fields(mapping); got != "" {
		t.Errorf("all mapped: %s", got)
	}
}
