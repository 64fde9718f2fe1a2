package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
	"unicode/utf8"
)

// The sizes of S10, in bytes.
const (
	// MaxPattern bounds the text of a pattern.
	MaxPattern = 1024
	// MaxValue bounds a value. A longer one refuses the login before any rule is
	// asked; it is never cut. Matching is right for any length.
	MaxValue = 16 << 10
)

// maxSteps bounds a pattern with its repetitions written out: .{1000} a hundred
// times over would be short to type and cost minutes for one value of MaxValue.
const maxSteps = 2048

// Options are the two switches beside a pattern (S10).
type Options struct {
	Full       bool // the whole value must match, not a part of it
	IgnoreCase bool // upper and lower case are the same, in every alphabet
}

// Pattern is a regular expression that has been accepted. The zero value matches
// nothing; [ParsePattern] is the only way to get another.
type Pattern struct{ *parsed }

// parsed is what a Pattern knows, shared by its copies.
type parsed struct {
	text    string
	options Options
	source  string // the text with the options written into it
	globs   []glob // what every matching value fits at least one of

	compile  sync.Once
	compiled *regexp.Regexp
}

// ParsePattern accepts what an administrator typed: a regular expression in Go's
// RE2 syntax (https://golang.org/s/re2syntax), which is searched for anywhere in
// a value and in the letters' own case unless the options say otherwise (S10).
//
// It refuses an empty text, one longer than [MaxPattern] bytes, one whose
// counted repetitions unfold to something enormous, and what RE2 does not have:
// then the error names the construct and suggests a rewrite.
func ParsePattern(text string, o Options) (Pattern, error) {
	if text == "" {
		return Pattern{}, errEmpty
	}
	if len(text) > MaxPattern {
		return Pattern{}, fmt.Errorf("the pattern is %d bytes long; at most %d are allowed", len(text), MaxPattern)
	}
	// The text is judged alone before the options wrap it: a message must speak of
	// what was typed, and a)(?:b must not become good by standing in brackets.
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return Pattern{}, explain(text, err)
	}
	source := text
	if o != (Options{}) {
		source = wrap(text, o)
		if tree, err = syntax.Parse(source, syntax.Perl); err != nil {
			return Pattern{}, explain(text, err)
		}
	}
	if r, ok := surrogate(tree); ok {
		return Pattern{}, fmt.Errorf(`the pattern asks for \x{%X}, half of a character that no text contains alone; write the whole character`, r)
	}
	if n := steps(tree); n > maxSteps {
		return Pattern{}, fmt.Errorf("the pattern is too large: with its repetitions written out it has %d steps, at most %d are allowed; lower the counts in {…}, or use * or +", n, maxSteps)
	}
	return Pattern{&parsed{
		text:    text,
		options: o,
		source:  source,
		globs:   relax(tree),
	}}, nil
}

// regexp compiles the pattern when it is first needed, and what parses compiles.
// Most patterns of a large record are answered by their globs alone; their
// programs would take longer to make, and more room, than all the rest.
func (p *parsed) regexp() *regexp.Regexp {
	p.compile.Do(func() { p.compiled = regexp.MustCompile(p.source) })
	return p.compiled
}

// Match reports whether the value matches. Its time grows with the length of the
// value, never faster (RE2).
func (p Pattern) Match(value string) bool {
	return p.parsed != nil && p.regexp().MatchString(value)
}

// Find is where the pattern first matches in the value, in bytes, for showing it;
// ok is false when it does not.
func (p Pattern) Find(value string) (from, to int, ok bool) {
	if p.parsed == nil {
		return 0, 0, false
	}
	at := p.regexp().FindStringIndex(value)
	if at == nil {
		return 0, 0, false
	}
	return at[0], at[1], true
}

// Equal reports whether both were accepted from the same text with the same
// options. (Comparing with == asks for the very same pattern.)
func (p Pattern) Equal(other Pattern) bool {
	return p.IsZero() == other.IsZero() && p.String() == other.String() && p.Options() == other.Options()
}

// IsZero reports whether this is the pattern that matches nothing because no text
// was ever accepted for it.
func (p Pattern) IsZero() bool { return p.parsed == nil }

// String is the text as typed, without the options.
func (p Pattern) String() string {
	if p.parsed == nil {
		return ""
	}
	return p.text
}

// Options are the options that the pattern was accepted with.
func (p Pattern) Options() Options {
	if p.parsed == nil {
		return Options{}
	}
	return p.options
}

// wrap writes the options into the expression itself. The text is known to parse.
func wrap(text string, o Options) string {
	// \Q quotes up to \E or to the end; at the end it would quote our bracket too.
	// Only inside a quotation is \E accepted, so trying tells whether one is open.
	if _, err := syntax.Parse(text+`\E`, syntax.Perl); err == nil {
		text += `\E`
	}
	if o.IgnoreCase {
		text = "(?i:" + text + ")"
	}
	if o.Full {
		text = `\A(?:` + text + `)\z`
	}
	return text
}

// steps counts the instructions that matching would need, without making them.
func steps(tree *syntax.Regexp) int {
	n := 1
	for _, sub := range tree.Sub {
		n += steps(sub)
	}
	switch tree.Op {
	case syntax.OpLiteral:
		n = len(tree.Rune)
	case syntax.OpRepeat:
		n *= max(tree.Min, tree.Max, 1)
	}
	return n
}

// surrogate finds a half of a UTF-16 pair. It could match nothing, were it not
// that regexp takes it for U+FFFD in some patterns and not in others.
func surrogate(tree *syntax.Regexp) (rune, bool) {
	if tree.Op == syntax.OpLiteral {
		for _, r := range tree.Rune {
			if !utf8.ValidRune(r) {
				return r, true
			}
		}
	}
	for _, sub := range tree.Sub {
		if r, ok := surrogate(sub); ok {
			return r, true
		}
	}
	return 0, false
}
