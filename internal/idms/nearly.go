package idms

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"idms/internal/rules"
	"idms/internal/trace"
)

// The settings of a provider, in the words of most of them.
const (
	settingAttributes = "attributes and claims that are sent"
	settingGroups     = "which groups are sent"
)

// maxTried bounds the values that are looked at for a near miss: a refusal should
// stay cheap.
const maxTried = 100

// nearly finds the value that would have matched if it had been written in
// another way, in those ways that providers have. nil when there is none.
func nearly(path string, rule rules.Rule, attribute rules.Attribute) *trace.Fix {
	if rule.Values == rules.None {
		return nil
	}
	values := attribute.Values[:min(len(attribute.Values), maxTried)]
	would := func(value string) bool {
		return value != "" && len(value) <= rules.MaxValue && rule.Pattern.Match(value)
	}
	for _, value := range values {
		switch {
		case would(strings.TrimFunc(value, unicode.IsSpace)), would(strings.Join(strings.Fields(value), " ")):
			return &trace.Fix{Field: path + ".pattern", Present: rule.Pattern.String(), Suggested: exactly(value),
				Say:   fmt.Sprintf("The value %s of %q would match without its blanks. Let the provider send it clean, or match it as it comes.", show(value), rule.Attribute),
				There: &trace.Setting{Name: settingAttributes, Value: "values without blanks around and inside"}}
		case joined(value, would) != "":
			separator := joined(value, would)
			return &trace.Fix{Field: path + ".pattern", Present: rule.Pattern.String(),
				Say:   fmt.Sprintf("All values of %q came joined by %q into one. Let the provider send each as a value of its own.", rule.Attribute, separator),
				There: &trace.Setting{Name: settingAttributes, Value: "one value for each group (multi-valued)"}}
		case slices.ContainsFunc(namesIn(value), would):
			return &trace.Fix{Field: path + ".pattern", Present: rule.Pattern.String(), Suggested: exactly(value),
				Say:   fmt.Sprintf("%q came as distinguished names, and the pattern looks for the name alone. Match the whole name, or let the provider send names.", rule.Attribute),
				There: &trace.Setting{Name: settingGroups, Value: "names in place of distinguished names"}}
		}
	}
	if len(values) > 0 && allIDs(values) && !hexadecimal.MatchString(rule.Pattern.String()) {
		return &trace.Fix{Field: path + ".pattern", Present: rule.Pattern.String(),
			Say:   fmt.Sprintf("%q came as object IDs, and the pattern looks for a name. Put the group's object ID into the pattern (at the provider it stands beside the group), or let the provider send names.", rule.Attribute),
			There: &trace.Setting{Name: settingGroups, Value: "names in place of object IDs"}}
	}
	return nil
}

// exactly is the pattern that matches a value and nothing else, or "" when nobody
// should copy it.
func exactly(value string) string {
	if len(value) > maxShown || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }) {
		return ""
	}
	return "^" + regexp.QuoteMeta(value) + "$"
}

// joined is what separates the parts of a value of which one would do, or "".
func joined(value string, would func(string) bool) string {
	for _, separator := range []string{",", ";", "|", " "} {
		parts := strings.Split(value, separator)
		if len(parts) > 1 && slices.ContainsFunc(parts, func(part string) bool { return would(strings.TrimSpace(part)) }) &&
			!strings.Contains(value, "=") {
			return separator
		}
	}
	return ""
}

// namesIn are the values in a distinguished name, the first one first:
// CN=Platform,OU=Groups has Platform and Groups.
func namesIn(value string) []string {
	if !strings.Contains(value, "=") {
		return nil
	}
	var names []string
	for _, part := range strings.Split(value, ",") {
		if kind, name, ok := strings.Cut(part, "="); ok && len(strings.TrimSpace(kind)) <= 4 {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

var (
	objectID    = regexp.MustCompile(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	hexadecimal = regexp.MustCompile(`(?i)[0-9a-f]{8}`)
)

func allIDs(values []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !objectID.MatchString(value) })
}
