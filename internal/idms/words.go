package idms

import (
	"fmt"
	"strings"

	"idms/internal/rules"
	"idms/internal/trace"
)

// A sentence names at most so many things, each with at most so many bytes.
const (
	maxNamed = 5
	maxShown = 160
)

// found says what a rule met, in words that go on from "since".
func found(rule rules.Rule, finding rules.Finding, facts rules.Attributes) string {
	attribute, _ := facts.Get(rule.Attribute)
	value := ""
	if i := int(finding.Value); i >= 0 && i < len(attribute.Values) {
		value = show(attribute.Values[i])
	}
	switch {
	case finding.Outcome == rules.Disabled:
		return "the rule is switched off"
	case finding.Outcome == rules.Incomplete:
		return fmt.Sprintf("%q is incomplete", rule.Attribute)
	case finding.Outcome == rules.Missing:
		return fmt.Sprintf("%q did not come", rule.Attribute)
	case finding.Outcome == rules.NoMatch && len(attribute.Values) == 0: // a trace that gave up what came
		return fmt.Sprintf("no value of %q matches %s", rule.Attribute, rule.Pattern)
	case finding.Outcome == rules.NoMatch:
		return fmt.Sprintf("%q is %s, and no value matches %s", rule.Attribute, values(attribute), rule.Pattern)
	case rule.Values == rules.All && finding.True:
		return fmt.Sprintf("every value of %q matches %s", rule.Attribute, rule.Pattern)
	case rule.Values == rules.All && value == "":
		return fmt.Sprintf("a value of %q does not match %s", rule.Attribute, rule.Pattern)
	case rule.Values == rules.All:
		return fmt.Sprintf("the value %s of %q does not match %s", value, rule.Attribute, rule.Pattern)
	}
	if value == "" {
		return fmt.Sprintf("a value of %q matches %s", rule.Attribute, rule.Pattern)
	}
	return fmt.Sprintf("the value %s of %q matches %s", value, rule.Attribute, rule.Pattern)
}

// fix says what to change so that a rule which is not true becomes true. It
// knows the new value when a received name or value is nearly the one the rule
// looks for.
func fix(path string, rule rules.Rule, finding rules.Finding, facts rules.Attributes) *trace.Fix {
	attribute, _ := facts.Get(rule.Attribute)
	switch {
	case finding.Outcome == rules.Incomplete:
		return &trace.Fix{
			Say:   fmt.Sprintf("The provider sent no usable values of %q. Let it send fewer: only the groups assigned to this application, for instance.", rule.Attribute),
			There: &trace.Setting{Name: settingGroups, Value: "groups assigned to the application"},
		}

	case finding.Outcome == rules.Missing:
		if near := trace.Nearest(rule.Attribute, received(facts)); len(near) > 0 {
			return &trace.Fix{Field: path + ".attribute", Present: rule.Attribute, Suggested: near[0],
				Say: fmt.Sprintf("%q did not come, but %q did. Name that one, if it is meant.", rule.Attribute, near[0])}
		}
		return &trace.Fix{Field: path + ".attribute", Present: rule.Attribute,
			Say:   fmt.Sprintf("Let the provider send %q, or name an attribute that comes.", rule.Attribute) + filtered(rule.Attribute),
			There: &trace.Setting{Name: settingAttributes, Value: rule.Attribute}}

	case finding.Outcome == rules.NoMatch && rule.Values != rules.None:
		options := rule.Pattern.Options()
		if with := options; !options.IgnoreCase {
			with.IgnoreCase = true
			if wouldBeTrue(rule, with, attribute) {
				return &trace.Fix{Field: path + ".ignore_case", Present: "false", Suggested: "true",
					Say: fmt.Sprintf("The values of %q differ from the pattern only in case.", rule.Attribute)}
			}
		}
		if with := options; options.Full {
			with.Full = false
			if wouldBeTrue(rule, with, attribute) {
				return &trace.Fix{Field: path + ".match", Present: "full", Suggested: "search",
					Say: fmt.Sprintf("The pattern matches a part of a value of %q, not the whole.", rule.Attribute)}
			}
		}
		if near := nearly(path, rule, attribute); near != nil {
			return near
		}
	}
	return &trace.Fix{Field: path + ".pattern", Present: rule.Pattern.String(),
		Say: fmt.Sprintf("Change the rule %s, or the person's %q at the provider.", rule.Key, rule.Attribute)}
}

func wouldBeTrue(rule rules.Rule, with rules.Options, attribute rules.Attribute) bool {
	pattern, err := rules.ParsePattern(rule.Pattern.String(), with)
	if err != nil {
		return false
	}
	rule.Pattern = pattern
	return rule.Test(rules.Attributes{attribute}).True
}

// filtered reminds of what is easily left out with groups: Okta, OneLogin and
// Google send none before somebody has said which.
func filtered(attribute string) string {
	name := strings.ToLower(attribute)
	if !strings.Contains(name, "group") && !strings.Contains(name, "member") && !strings.Contains(name, "role") {
		return ""
	}
	return " Many providers send no groups before a group attribute and a filter that lets these groups through are set."
}

// received are the names of the attributes that came with values; our own
// pseudo-attributes are not guesses anybody meant.
func received(facts rules.Attributes) []string {
	var names []string
	for _, fact := range facts {
		if len(fact.Values) > 0 && !fact.Incomplete && !strings.HasPrefix(fact.Name, "@") {
			names = append(names, fact.Name)
		}
	}
	return names
}

func values(attribute rules.Attribute) string {
	return few(len(attribute.Values), func(i int) string { return show(attribute.Values[i]) })
}

// few names the first of n things and counts the rest.
func few(n int, name func(int) string) string {
	var names []string
	for i := range min(n, maxNamed) {
		names = append(names, name(i))
	}
	said := strings.Join(names, ", ")
	if n > maxNamed {
		said += fmt.Sprintf(" and %d more", n-maxNamed)
	}
	return said
}

// show quotes a value for an administrator: escaped, and the beginning of a
// long one.
func show(value string) string {
	if short := beginning(value); short != value {
		return fmt.Sprintf("%q…", short)
	}
	return fmt.Sprintf("%q", value)
}

// beginning is at most maxShown bytes of a text, in whole characters.
func beginning(text string) string { return trace.Beginning(text, maxShown) }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func oneOf(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return "one of " + few(len(list), func(i int) string { return list[i] })
}

func orNone(context string) string {
	if context == "" {
		return "none came"
	}
	return beginning(context)
}
