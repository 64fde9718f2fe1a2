package idms

import (
	"fmt"
	"io"
	"strings"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/rules"
	"idms/internal/trace"
)

// RuleFinding is one rule of a record and what it found in one login.
type RuleFinding struct {
	List      string           `json:"list"` // as in the record file: validation_rules, access_rules, associations
	Key       string           `json:"key"`
	Attribute string           `json:"attribute"`
	Pattern   string           `json:"pattern"`
	Values    rules.Quantifier `json:"values"`
	Level     string           `json:"level,omitempty"` // of an access rule
	Group     string           `json:"group,omitempty"` // of an association
	Outcome   rules.Outcome    `json:"outcome"`
	True      bool             `json:"true"`
	Value     string           `json:"value,omitempty"`    // the value that decided
	Inactive  bool             `json:"inactive,omitempty"` // an association that waits while the directory decides (S37)
	path      string
	words     string
}

// Words say what the rule found, and what follows: "true, since groups has the value
// staff". They may show a value of the person's.
func (f RuleFinding) Words() string { return f.words }

// Findings lists every rule of the record with what it found, in the record's
// order. It needs the policy that decided, and of the decision only the facts
// and the findings.
func (p *Policy) Findings(d Decision) []RuleFinding {
	all := p.record.rules()
	met := make([]rules.Finding, 0, len(all))
	met = append(append(append(met, d.Validation...), d.Access...), d.Associations...)

	list := make([]RuleFinding, len(all))
	for i, rule := range all {
		one := RuleFinding{
			Key: rule.Key, Attribute: rule.Attribute, Pattern: rule.Pattern.String(), Values: rule.Values,
			Outcome: rules.Disabled, path: p.record.path(i),
		}
		one.List, _, _ = strings.Cut(one.path, "[")
		if a := i - len(p.record.Validation); a >= 0 && a < len(p.record.Access) {
			one.Level = p.record.Access[a].Level.String()
		} else if a -= len(p.record.Access); a >= 0 {
			one.Group = p.record.Associations[a].Group
		}
		if i < len(met) {
			one.Outcome, one.True = met[i].Outcome, met[i].True
			one.words = fmt.Sprintf("%t, since %s", met[i].True, found(rule, met[i], d.Facts))
			if met[i].Outcome == rules.Incomplete {
				one.words = "not known, since " + found(rule, met[i], d.Facts)
			}
			if attribute, _ := d.Facts.Get(rule.Attribute); met[i].Value >= 0 && int(met[i].Value) < len(attribute.Values) {
				one.Value = attribute.Values[met[i].Value]
			}
		} else {
			one.Inactive, one.words = true, "not looked at, since the directory decides"
		}
		list[i] = one
	}
	return list
}

// Explain is the whole trace of a decision: its steps and, after those of the
// rules, every rule with what it looked for and what it found (S4, S61). It is
// for reading, not for the login itself: that leaves thousands of sentences
// unwritten.
func (p *Policy) Explain(d Decision) trace.Steps {
	findings := map[string][]RuleFinding{}
	for _, one := range p.Findings(d) {
		findings[one.List] = append(findings[one.List], one)
	}
	lists := map[string]string{stepValidation: "validation_rules", stepAccess: "access_rules", stepGroups: "associations"}

	var whole trace.Steps
	for _, step := range d.Steps {
		whole = append(whole, step)
		for _, one := range findings[lists[step.Name]] {
			whole = append(whole, one.step(step))
		}
	}
	return whole
}

// step is a rule as a step below that of its list. It only ever refuses what
// the list has refused, so the code of the login stays that of the list.
func (f RuleFinding) step(list trace.Step) trace.Step {
	step := trace.Step{Name: f.path + " " + f.Key, Rule: list.Rule, State: trace.Passed, Found: f.words}
	step.Looked = fmt.Sprintf("%s value of %q matching %s", f.Values, f.Attribute, f.Pattern)
	if f.Level != "" {
		step.Name += " → " + f.level().Label()
	}
	if f.Group != "" {
		step.Name += " → " + f.Group
	}
	switch {
	case f.Outcome == rules.Disabled:
		step.State = trace.NotReached
		if !f.Inactive {
			step.Found = "switched off"
		}
	case list.Name == stepValidation && !f.True && f.Outcome == rules.Incomplete:
		step.State, step.Code = trace.Refused, trace.ValidationIncomplete
	case list.Name == stepValidation && !f.True:
		step.State, step.Code = trace.Refused, trace.ValidationFailed
	case list.Name == stepAccess && f.level() == console.NoAccess && f.True:
		step.State, step.Code = trace.Refused, trace.NoAccessRule
	case list.Name == stepAccess && f.level() == console.NoAccess && f.Outcome == rules.Incomplete:
		step.State, step.Code = trace.Refused, trace.AccessIncomplete
	case f.Outcome == rules.Incomplete:
		step.State = trace.Noted
	}
	return step
}

func (f RuleFinding) level() console.Level {
	level, _ := console.ParseLevel(f.Level)
	return level
}

// Print writes a decision as text: how it ends, every step, every rule, every
// change.
func (p *Policy) Print(w io.Writer, d Decision) error {
	var text strings.Builder
	d.printEnd(&text)
	for _, step := range p.Explain(d) {
		PrintStep(&text, step)
	}
	d.printChanges(&text)
	_, err := io.WriteString(w, text.String())
	return err
}

// String is the decision without the rules one by one.
func (d Decision) String() string {
	var text strings.Builder
	d.printEnd(&text)
	for _, step := range d.Steps {
		PrintStep(&text, step)
	}
	d.printChanges(&text)
	return text.String()
}

func (d Decision) printEnd(text *strings.Builder) {
	if !d.Admitted {
		fmt.Fprintf(text, "Refused: %s\n", d.Code)
		fmt.Fprintf(text, "The visitor reads: %s\n", d.Code.Meaning().Visitor)
		return
	}
	fmt.Fprintf(text, "Admitted: %s, %s\n", d.Profile.Username, d.Level.Label())
	if d.CreatesUser {
		text.WriteString("The person is new and is created.\n")
	}
	if d.Capped() {
		fmt.Fprintf(text, "Elevating could give %s.\n", d.Console.Level.Label())
	}
}

var marks = map[trace.State]string{
	trace.NotReached: "  -     ", trace.Passed: "  ok    ", trace.Noted: "  note  ", trace.Refused: "  NO    ",
}

// PrintStep writes one step of a trace as text: one line for a step that went
// well, and all there is to say about one that did not.
func PrintStep(text *strings.Builder, step trace.Step) {
	switch mark := marks[step.State]; {
	case !isRule(step):
		fmt.Fprintf(text, "%s%s ", mark, step.Rule)
	case step.State == trace.Passed:
		text.WriteString("            ") // a false rule may well be as it should be
	default:
		fmt.Fprintf(text, "%s    ", mark)
	}
	text.WriteString(step.Name)
	if step.Code != "" {
		fmt.Fprintf(text, " (%s)", step.Code)
	}
	if step.Found != "" {
		text.WriteString(": " + step.Found)
	}
	text.WriteString("\n")

	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(text, "            %s %s\n", name, value)
		}
	}
	if step.State == trace.Refused && !isRule(step) {
		line("looked for", step.Looked)
	}
	if fix := step.Fix; fix != nil {
		line("fix:", fix.Say)
		switch {
		case fix.Suggested != "":
			line("    ", fmt.Sprintf("%s: now %q, suggested %q", fix.Field, fix.Present, fix.Suggested))
		case fix.Present != "":
			line("    ", fmt.Sprintf("%s: now %q", fix.Field, fix.Present))
		default:
			line("    ", fix.Field)
		}
		if there := fix.There; there != nil {
			text := "at the provider: " + there.Name
			if there.Value != "" {
				text += fmt.Sprintf(": %q", there.Value)
			}
			line("    ", text)
		}
	}
}

// isRule is true for the step of a single rule, which Explain names by its
// place in the record.
func isRule(step trace.Step) bool { return strings.Contains(step.Name, "[") }

func (d Decision) printChanges(text *strings.Builder) {
	if len(d.Changes) > 0 {
		text.WriteString("\nGroup changes:\n")
	}
	for _, change := range d.Changes {
		sign := "+"
		if change.Remove {
			sign = "-"
		}
		fmt.Fprintf(text, "  %s %s, %s\n", sign, change.Group, change.Source.Words())
	}
	left := false
	for _, outcome := range d.Groups {
		if outcome.Verdict == groups.Held && !left {
			left = true
			text.WriteString("\nStays:\n")
		}
		if outcome.Verdict == groups.Held {
			var by []string
			for _, source := range outcome.Left {
				by = append(by, source.Words())
			}
			fmt.Fprintf(text, "  = %s, %s\n", outcome.Group, strings.Join(by, "; "))
		}
	}
}
