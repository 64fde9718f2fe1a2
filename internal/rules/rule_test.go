package rules

import (
	"strings"
	"sync"
	"testing"
)

// pattern accepts a pattern that the test knows to be good.
func pattern(t testing.TB, text string, o Options) Pattern {
	t.Helper()
	p, err := ParsePattern(text, o)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// TestRule is S10, S11, S13, S14 and S15 in sentences, each told by the plain
// meaning and by the index.
func TestRule(t *testing.T) {
	const dn = "CN=Platform,OU=Groups,DC=example,DC=com"
	groups := func(values ...string) Attributes { return Attributes{{Name: "groups", Values: values}} }
	for _, tt := range []struct {
		sentence string
		text     string
		options  Options
		values   Quantifier
		given    Attributes
		want     Finding
	}{
		{"S10: a pattern is searched for anywhere in a value",
			"form", Options{}, Any, groups("Platform"), Finding{Matched, true, 0}},
		{"S10: anchors are the administrator's to write",
			"^form", Options{}, Any, groups("Platform"), Finding{NoMatch, false, -1}},
		{"S10: full match leaves nothing over",
			"form", Options{Full: true}, Any, groups("Platform"), Finding{NoMatch, false, -1}},
		{"S10: full match takes all alternatives together",
			"Plat|form", Options{Full: true}, Any, groups("Plat", "Platx"), Finding{Matched, true, 0}},
		{"S10: full match may take the longer alternative",
			"a|ab", Options{Full: true}, Any, groups("ab"), Finding{Matched, true, 0}},
		{"S10: full match reaches into an open quotation",
			`\Qa.b`, Options{Full: true, IgnoreCase: true}, Any, groups("axb", "A.b"), Finding{Matched, true, 1}},
		{"S10: case counts",
			"^platform$", Options{}, Any, groups("Platform"), Finding{NoMatch, false, -1}},
		{"S10: unless the rule ignores it",
			"^platform$", Options{IgnoreCase: true}, Any, groups("PLATFORM"), Finding{Matched, true, 0}},
		{"S10: or the pattern says so itself",
			"(?i)^platform$", Options{}, Any, groups("Platform"), Finding{Matched, true, 0}},
		{"S10: ignoring case takes the Kelvin sign for a k and the long s for an s, as Go does",
			"^desk$", Options{IgnoreCase: true}, Any, groups("de\u017f\u212a"), Finding{Matched, true, 0}},
		{"S10: $ is the end of the value, not of a line",
			"^Platform$", Options{}, Any, groups("Platform\nAdmins"), Finding{NoMatch, false, -1}},
		{"S10: a dot does not cross a line",
			"^CN=.*DC=com$", Options{}, Any, groups("CN=a\nDC=com", dn), Finding{Matched, true, 1}},
		{"S10: a pattern that may match nothing matches everything",
			"x*", Options{}, Any, groups(""), Finding{Matched, true, 0}},

		{"S11: one of several values is enough for any",
			"^Platform$", Options{}, Any, groups("Sales", "Platform", "Platform"), Finding{Matched, true, 1}},
		{"S11: any is false when no value matches",
			"^Platform$", Options{}, Any, groups("Sales", "Legal"), Finding{NoMatch, false, -1}},
		{"S11: values are never joined",
			"Sales.*Legal", Options{}, Any, groups("Sales", "Legal"), Finding{NoMatch, false, -1}},
		{"S11: all is true when every value matches, and shows the first",
			"@example[.]com$", Options{}, All, groups("a@example.com", "b@example.com"), Finding{Matched, true, 0}},
		{"S11: all is false with one that does not, and shows it",
			"@example[.]com$", Options{}, All, groups("a@example.com", "b@example.org", "c@example.com", "d@example.org"), Finding{Matched, false, 1}},
		{"S11: all is false when the last does not match",
			"^a", Options{}, All, groups("a", "ab", "b"), Finding{Matched, false, 2}},
		{"S11: all is false when none matches",
			"^a", Options{}, All, groups("b", "c"), Finding{NoMatch, false, 0}},
		{"S11: none is true when no value matches",
			"^Contractors$", Options{}, None, groups("Sales", "Legal"), Finding{NoMatch, true, -1}},
		{"S11: none is false with one that does, and shows it",
			"^Contractors$", Options{}, None, groups("Sales", "Contractors"), Finding{Matched, false, 1}},

		{"S11: on a missing attribute any is false", ".*", Options{}, Any, nil, Finding{Missing, false, -1}},
		{"S11: on a missing attribute all is false", ".*", Options{}, All, nil, Finding{Missing, false, -1}},
		{"S11: on a missing attribute none is false", "x", Options{}, None, nil, Finding{Missing, false, -1}},
		{"S11: an attribute without values is a missing one, for any", ".*", Options{}, Any, groups(), Finding{Missing, false, -1}},
		{"S11: and all of nothing admits nobody", ".*", Options{}, All, groups(), Finding{Missing, false, -1}},
		{"S11: nor does none of nothing", "x", Options{}, None, groups(), Finding{Missing, false, -1}},
		{"S11: an empty value is a value", "^$", Options{}, All, groups(""), Finding{Matched, true, 0}},

		{"S13: the Name is compared exactly",
			".*", Options{}, Any, Attributes{{Name: "Groups", Values: []string{"a"}}, {Name: " groups", Values: []string{"a"}}}, Finding{Missing, false, -1}},
		{"S13: should a Name come twice, the first counts",
			"^b$", Options{}, Any, Attributes{{Name: "groups", Values: []string{"a"}}, {Name: "groups", Values: []string{"b"}}}, Finding{NoMatch, false, -1}},
		{"S13: even when the first has no values",
			"^b$", Options{}, Any, Attributes{{Name: "groups"}, {Name: "groups", Values: []string{"b"}}}, Finding{Missing, false, -1}},

		{"S14: an incomplete attribute is a finding of its own",
			"^a$", Options{}, Any, Attributes{{Name: "groups", Incomplete: true}}, Finding{Incomplete, false, -1}},
		{"S14: it makes any false even if a value came along",
			"^a$", Options{}, Any, Attributes{{Name: "groups", Values: []string{"a"}, Incomplete: true}}, Finding{Incomplete, false, -1}},
		{"S14: and all",
			"^a$", Options{}, All, Attributes{{Name: "groups", Values: []string{"a"}, Incomplete: true}}, Finding{Incomplete, false, -1}},
		{"S14: and none",
			"^b$", Options{}, None, Attributes{{Name: "groups", Values: []string{"a"}, Incomplete: true}}, Finding{Incomplete, false, -1}},
	} {
		rule := Rule{Attribute: "groups", Pattern: pattern(t, tt.text, tt.options), Values: tt.values}
		if got := rule.Test(tt.given); got != tt.want {
			t.Errorf("%s:\n %s gives %+v, want %+v", tt.sentence, tt.text, got, tt.want)
		}
		if got := Compile([]Rule{rule}).Evaluate(tt.given, nil); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s:\n the index gives %+v, want %+v", tt.sentence, got, tt.want)
		}
		rule.Disabled = true
		disabled := Finding{Disabled, false, -1}
		if got := rule.Test(tt.given); got != disabled {
			t.Errorf("S15: a disabled rule is never evaluated: %+v", got)
		}
		if got := Compile([]Rule{rule}).Evaluate(tt.given, nil)[0]; got != disabled {
			t.Errorf("S15: a disabled rule is never evaluated, nor in an index: %+v", got)
		}
	}
}

// A rule whose pattern was never accepted is false, also for none, of which it
// would be true that the zero pattern matches nothing.
func TestRuleWithoutPatternIsFalse(t *testing.T) {
	given := Attributes{{Name: "groups", Values: []string{"a", ""}}}
	if (Pattern{}).Match("") {
		t.Error("the zero pattern matches")
	}
	for _, q := range []Quantifier{Any, All, None, 9} {
		rule := Rule{Attribute: "groups", Values: q}
		if f := rule.Test(given); f.True || f.Outcome != NoMatch {
			t.Errorf("%s: %+v", q, f)
		}
		wantEqual(t, []Rule{rule, {Attribute: "groups", Pattern: pattern(t, "a", Options{}), Values: q}}, given)
	}
}

// A value above MaxValue never gets here, but nothing depends on that.
func TestValuesOfAnyLength(t *testing.T) {
	long := strings.Repeat("İ\xff", 4*MaxValue) + "Platform"
	var list []Rule
	for _, text := range []string{"Platform$", "(?i)^i̇", "^İ.*PLATFORM$", "(?i)PLATFORM", "[0-9]", "[a-z]$"} {
		list = append(list, Rule{Attribute: "groups", Pattern: pattern(t, text, Options{})})
	}
	wantEqual(t, list, Attributes{{Name: "groups", Values: []string{"", long}}})
}

func TestSetKeepsRuleOrder(t *testing.T) {
	a := Attributes{
		{Name: "mail", Values: []string{"ada@example.com"}},
		{Name: "groups", Values: []string{"Sales", "Platform"}},
		{Name: "many", Incomplete: true},
	}
	at := func(name, text string) Rule { return Rule{Attribute: name, Pattern: pattern(t, text, Options{})} }
	list := []Rule{
		at("groups", "^Platform$"), at("mail", "@example"), at("absent", "."), at("groups", "^Legal$"),
		at("many", "."), at("groups", "^Platform$"), at("mail", "[0-9]"),
	}
	list[3].Disabled = true
	want := []Finding{
		{Matched, true, 1}, {Matched, true, 0}, {Missing, false, -1}, {Disabled, false, -1},
		{Incomplete, false, -1}, {Matched, true, 1}, {NoMatch, false, -1},
	}
	set := Compile(list)
	if set.Len() != len(list) {
		t.Errorf("Len is %d", set.Len())
	}
	list[0] = Rule{} // the set keeps nothing of the list
	got := set.Evaluate(a, make([]Finding, 3, 100))
	if len(got) != len(want) {
		t.Fatalf("%d findings", len(got))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("rule %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	if got := Compile(nil).Evaluate(a, nil); len(got) != 0 {
		t.Errorf("a set without rules finds %v", got)
	}
}

// The texts are part of stored records and traces.
func TestNamesOfOutcomesAndQuantifiers(t *testing.T) {
	for want, o := range map[string]Outcome{"missing": Missing, "no_match": NoMatch, "matched": Matched, "incomplete": Incomplete, "disabled": Disabled} {
		text, err := o.MarshalText()
		var back Outcome = 77
		if err != nil || string(text) != want || o.String() != want || back.UnmarshalText(text) != nil || back != o {
			t.Errorf("%s is written %q, %q, read back as %s (%v)", want, text, o.String(), back, err)
		}
	}
	for want, q := range map[string]Quantifier{"any": Any, "all": All, "none": None} {
		text, err := q.MarshalText()
		var back Quantifier = 77
		if err != nil || string(text) != want || q.String() != want || back.UnmarshalText(text) != nil || back != q {
			t.Errorf("%s is written %q, %q, read back as %s (%v)", want, text, q.String(), back, err)
		}
	}
	if Outcome(0) != Missing || Quantifier(0) != Any {
		t.Error("the zero values have moved")
	}
	var q Quantifier
	for _, wrong := range []string{"", "Any", "some", "any "} {
		if err := q.UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q was read as %s", wrong, q)
		}
	}
	if _, err := Quantifier(9).MarshalText(); err == nil {
		t.Error("a quantifier that does not exist was written")
	}
	if _, err := Outcome(9).MarshalText(); err == nil {
		t.Error("an outcome that does not exist was written")
	}
	if !strings.Contains(Outcome(9).String(), "9") {
		t.Errorf("a strange outcome is shown as %s", Outcome(9))
	}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	for _, shape := range shapes {
		set := Compile(benchRules(t, 1_000, shape.pattern))
		a := benchValues(50, 1_000)
		d := newDesk(set.indexes) // a collection may empty the pool of desks
		into := set.evaluate(d, a, nil)
		if n := testing.AllocsPerRun(100, func() { into = set.evaluate(d, a, into) }); n != 0 {
			t.Errorf("%s: %v allocations", shape.name, n)
		}
	}
}

func TestSetServesManyAtOnce(t *testing.T) {
	list := benchRules(t, 500, shapes[2].pattern)
	set := Compile(list)
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			a := benchValues(10+worker, 500)
			var into []Finding
			for range 20 {
				into = set.Evaluate(a, into)
				for i, rule := range list {
					if i%17 == worker && into[i] != rule.Test(a) {
						t.Errorf("%s: %+v", rule.Pattern, into[i])
					}
				}
			}
		})
	}
	wait.Wait()
}

// What a desk remembers of an automaton is bounded, whatever the values, and after
// a login that filled it up the next begins anew.
func TestWalkIsBounded(t *testing.T) {
	list := []Rule{{Attribute: "groups", Pattern: pattern(t, "[ab].{12}[ab]d", Options{})}}
	set := Compile(list)
	x := set.indexes[0]
	x.automaton.room = 64 << 10
	d := newDesk(set.indexes)
	ask := func(values ...string) {
		a := Attributes{{Name: "groups", Values: values}}
		if got, want := set.evaluate(d, a, nil)[0], list[0].Test(a); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}

	values := make([]string, 50)
	dice := newDice(3, 3)
	for i := range values {
		for range 200 {
			values[i] += dice.one("a", "b", "c")
		}
		values[i] += "c"
	}
	const state = 4 << 10 // more than any one takes
	ask(values...)
	w := d.walk(x)
	if w.size < x.automaton.room || w.size > x.automaton.room+state {
		t.Errorf("%d bytes are remembered where there is room for %d", w.size, x.automaton.room)
	}
	ask("c")
	if w.size > state {
		t.Errorf("%d bytes are still remembered", w.size)
	}
}
