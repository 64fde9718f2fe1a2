package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"idms/internal/fault"
)

// Adjusted are settings that owners have changed while the service runs, each by
// its name in the configuration. They are kept in the database and count in every
// process whose own flags, environment and file do not say otherwise. The zero
// value changes nothing. ReadAdjusted is the only way to get another one, so that
// what is in it can be obeyed.
type Adjusted struct {
	text map[string]string
	time map[string]time.Duration
	size map[string]int
}

// adjustables are the settings that can be adjusted, as the Settings page has them.
// Everything else is needed before there is a database, or names addresses that
// identity providers and browsers have on file.
var adjustables = []struct {
	name string
	into func(*Config) any // *string, *time.Duration or *int
}{
	{"portal_name", func(c *Config) any { return &c.PortalName }},
	{"session.length", func(c *Config) any { return &c.Session.Length }},
	{"session.idle", func(c *Config) any { return &c.Session.Idle }},
	{"session.elevation", func(c *Config) any { return &c.Session.Elevation }},
	{"retention.traces", func(c *Config) any { return &c.Retention.Traces }},
	{"retention.unverified", func(c *Config) any { return &c.Retention.Unverified }},
	{"retention.assertions", func(c *Config) any { return &c.Retention.Assertions }},
	{"retention.audit", func(c *Config) any { return &c.Retention.Audit }},
}

// Adjustable are the names of the settings that can be adjusted, in the order in
// which people read them.
func Adjustable() []string {
	var names []string
	for _, one := range adjustables {
		names = append(names, one.name)
	}
	return names
}

// IsAdjustable is true of a name that Adjustable has.
func IsAdjustable(name string) bool { return slices.Contains(Adjustable(), name) }

// ReadAdjusted reads values as people type them, by name. What cannot be obeyed is
// left out, and said in problems at the names. Each is checked by itself; Adjust
// sees to those that depend on each other.
func ReadAdjusted(values map[string]string) (Adjusted, fault.Problems) {
	read := Adjusted{map[string]string{}, map[string]time.Duration{}, map[string]int{}}
	var problems fault.Problems
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.Index(Adjustable(), name)
		if i < 0 {
			problems.Add(name, "There is no such setting that could be changed here.")
			continue
		}
		// The loosest neighbours, so that what is found is wrong with this one.
		trial := Defaults()
		trial.Session.Length = 30 * day
		wrong := set(adjustables[i].into(&trial), name, values[name])
		if !wrong.Any() {
			for _, one := range trial.Check() {
				if one.Field == name {
					wrong = append(wrong, one)
				}
			}
		}
		if wrong.Any() {
			problems = append(problems, wrong...)
			continue
		}
		switch value := adjustables[i].into(&trial).(type) {
		case *string:
			read.text[name] = *value
		case *time.Duration:
			read.time[name] = *value
		case *int:
			read.size[name] = *value
		}
	}
	return read, problems
}

// maxTyped bounds the text of one setting, in bytes.
const maxTyped = 200

// set reads a value into its field.
func set(into any, name, typed string) fault.Problems {
	var problems fault.Problems
	typed = strings.TrimSpace(typed)
	if len(typed) > maxTyped {
		problems.Add(name, "This is too long.")
		return problems
	}
	switch field := into.(type) {
	case *string:
		*field = typed
	case *time.Duration:
		length, err := ParseDuration(typed)
		if err != nil {
			problems.Add(name, "Write a time with its unit, such as 30m, 12h or 90d.")
		}
		*field = length
	case *int:
		number, err := strconv.Atoi(typed)
		if err != nil {
			problems.Add(name, "Write a whole number.")
		}
		*field = number
	}
	return problems
}

// Without are the adjustments that are left when some names count no more.
func (a Adjusted) Without(names ...string) Adjusted {
	left := Adjusted{maps.Clone(a.text), maps.Clone(a.time), maps.Clone(a.size)}
	for _, name := range names {
		delete(left.text, name)
		delete(left.time, name)
		delete(left.size, name)
	}
	return left
}

// Text is an adjusted setting, or otherwise.
func (a Adjusted) Text(name, otherwise string) string {
	if value, ok := a.text[name]; ok {
		return value
	}
	return otherwise
}

// Duration is an adjusted setting, or otherwise.
func (a Adjusted) Duration(name string, otherwise time.Duration) time.Duration {
	if value, ok := a.time[name]; ok {
		return value
	}
	return otherwise
}

// Number is an adjusted setting, or otherwise.
func (a Adjusted) Number(name string, otherwise int) int {
	if value, ok := a.size[name]; ok {
		return value
	}
	return otherwise
}

// Adjust is the configuration with adjustments: those that Given has do not count,
// and an idle end after the end of the session is that end.
func (c Config) Adjust(a Adjusted) Config {
	a = a.Without(slices.Collect(maps.Keys(c.Given))...)
	for _, one := range adjustables {
		switch field := one.into(&c).(type) {
		case *string:
			*field = a.Text(one.name, *field)
		case *time.Duration:
			*field = a.Duration(one.name, *field)
		case *int:
			*field = a.Number(one.name, *field)
		}
	}
	c.Session.Idle = min(c.Session.Idle, c.Session.Length)
	return c
}

// Value is an adjustable setting as people read and type it.
func (c Config) Value(name string) string {
	for _, one := range adjustables {
		if one.name != name {
			continue
		}
		switch field := one.into(&c).(type) {
		case *string:
			return *field
		case *time.Duration:
			return FormatDuration(*field)
		case *int:
			return strconv.Itoa(*field)
		}
	}
	return ""
}

// ParseDuration reads a time with its unit as Go does, and days: 90d, 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	count, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of days", clipped(days))
	}
	length := time.Duration(count) * day
	if rest == "" {
		return length, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 {
		return 0, fmt.Errorf("%q is no time", clipped(rest))
	}
	return length + more, nil
}

func clipped(text string) string { return text[:min(len(text), 40)] }

// FormatDuration writes a time as ParseDuration reads it, as short as it goes.
func FormatDuration(length time.Duration) string {
	if length >= day && length%day == 0 {
		return strconv.Itoa(int(length/day)) + "d"
	}
	if length == 0 {
		return "0"
	}
	text := length.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// checkPortalName sees to it that the name fits into a heading and the subject of
// a letter.
func checkPortalName(problems *fault.Problems, name string) {
	if strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > maxPortalName || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, unicode.IsControl) {
		problems.Add("portal_name", "must be one line of 1 to %d characters", maxPortalName)
	}
}

const maxPortalName = 80
