package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// The sizes of S10, in bytes.
const (
	// MaxPattern bounds the text of a pattern.
	MaxPattern = 1024
	// MaxValue bounds a value. A longer one refuses the login before any rule is
	// asked; it is never cut. [Pattern.Match] itself accepts any length.
	MaxValue = 16 << 10
)

// maxSteps bounds a pattern with its repetitions written out, so that MaxPattern
// characters cannot stand for a million: (.{1000}){1} eighty times over would
// cost minutes for a single value of MaxValue.
const maxSteps = 2048

// Options are the two switches beside a pattern (S10).
type Options struct {
	Full       bool // the whole value must match, not a part of it
	IgnoreCase bool // upper and lower case are the same, in every alphabet
}

// Pattern is a regular expression that has been accepted. The zero value matches
// nothing; [ParsePattern] is the only way to get another.
type Pattern struct {
	text    string
	options Options
	regexp  *regexp.Regexp
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
	// The text is judged alone before it is wrapped: a message must speak of what
	// was typed, and a)(?:b must not become good by standing between brackets.
	if _, err := syntax.Parse(text, syntax.Perl); err != nil {
		return Pattern{}, explain(text, err)
	}
	source := wrap(text, o)
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return Pattern{}, explain(text, err)
	}
	if n := steps(tree); n > maxSteps {
		return Pattern{}, fmt.Errorf("the pattern is too large: with its repetitions written out it has %d steps, at most %d are allowed; lower the counts in {…}, or use * or +", n, maxSteps)
	}
	compiled, err := regexp.Compile(source)
	if err != nil {
		return Pattern{}, explain(text, err)
	}
	return Pattern{text: text, options: o, regexp: compiled}, nil
}

// Match reports whether the value matches. Its time grows with the length of the
// value, never faster (RE2).
func (p Pattern) Match(value string) bool {
	return p.regexp != nil && p.regexp.MatchString(value)
}

// String is the text as typed, without the options.
func (p Pattern) String() string { return p.text }

// Options are the options the pattern was accepted with.
func (p Pattern) Options() Options { return p.options }

// wrap writes the options into the expression itself. The text is known to parse.
func wrap(text string, o Options) string {
	if o == (Options{}) {
		return text
	}
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

// readable shows a piece of a pattern in a message: what is not text in it is
// escaped, since the piece may be why the pattern was refused.
func readable(piece string) string {
	if utf8.ValidString(piece) {
		return piece
	}
	return fmt.Sprintf("%+q", piece)
}
