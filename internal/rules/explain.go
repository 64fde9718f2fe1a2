package rules

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errEmpty = errors.New("the pattern is empty; write .* to accept every value")

// construct is something other regular-expression engines have and RE2 has not.
// begins are the ways in which it starts in a pattern.
type construct struct {
	begins []string
	name   string // none if it is best called by its beginning
	advice string
}

// constructs are looked up in this order: a longer beginning comes before a
// shorter one that it starts with.
var constructs = []construct{
	{[]string{"(?<="}, "look-behind", "only whether a value matches counts, so (?<=a)b is ab"},
	{[]string{"(?<!"}, "negative look-behind", "write what may stand there, as in (?:^|[^x]), or a rule that asks for none of the values to match"},
	{[]string{"(?="}, "look-ahead", "only whether a value matches counts, so a(?=b) is ab"},
	{[]string{"(?!"}, "negative look-ahead", "write what may stand there, as in (?:[^x]|$), or a rule that asks for none of the values to match"},
	{[]string{"(?>"}, "an atomic group", "write (?:…); here no text is tried twice anyway"},
	{[]string{"(?("}, "a condition", "write both cases as (?:…|…)"},
	{[]string{"(?|"}, "a branch reset", "write (?:…|…)"},
	{[]string{"(?#"}, "a comment", "leave it out"},
	{[]string{"(?P="}, "a back-reference", "write out each text that may be repeated, as in (?:a-a|b-b)"},
	{[]string{"(?P>", "(?R", "(?&", "(?+", "(?0", "(?1", "(?2", "(?3", "(?4", "(?5", "(?6", "(?7", "(?8", "(?9"}, "recursion", "write the part out as often as it may occur"},
	{[]string{"(?'"}, "a group named with quotes", "write (?:…) since names are not used"},
	{[]string{"(?x"}, "the x flag (free spacing)", "write the pattern without spaces and comments"},
	{[]string{"(*"}, "a verb", "leave it out"},
	{[]string{`\k`, `\g`, `\1`, `\2`, `\3`, `\4`, `\5`, `\6`, `\7`, `\8`, `\9`}, "a back-reference", "write out each text that may be repeated, as in (?:a-a|b-b)"},
	{[]string{`\Z`}, "", "write $ for the end of the value"},
	{[]string{`\G`}, "", "write ^ for the beginning of the value"},
	{[]string{`\K`}, "", "leave it out: only whether a value matches counts"},
	{[]string{`\R`}, "", `write \r?\n`},
	{[]string{`\h`}, "", `write [ \t]`},
	{[]string{`\H`}, "", `write [^ \t]`},
	{[]string{`\N`, `\X`}, "", "write . for any character"},
	{[]string{`\e`}, "", `write \x1b`},
	{[]string{`\c`}, "", `write the character's number, as in \x01`},
	{[]string{`\u`, `\U`}, "", `write \x{…} with the same digits`},
	{[]string{`\x`}, "", `write two hexadecimal digits, as in \x1b, or up to six in brackets, as in \x{20ac}`},
	{[]string{`\E`}, "", `write \Q before the text that is meant literally`},
}

// Place is where in a text that is no pattern the piece stands that could not be
// read, in bytes; ok is false when it is no one place.
func Place(text string) (from, to int, ok bool) {
	_, err := syntax.Parse(text, syntax.Perl)
	var problem *syntax.Error
	if !errors.As(err, &problem) {
		return 0, 0, false
	}
	piece := problem.Expr
	if _, begin, known := recognise(text, piece); known {
		piece = begin
	}
	if problem.Code == syntax.ErrTrailingBackslash {
		return len(text) - 1, len(text), true
	}
	from = strings.Index(text, piece)
	if piece == "" || piece == text || from < 0 {
		return 0, 0, false
	}
	return from, from + len(piece), true
}

// explain turns the parser's error into a sentence for the administrator who
// typed the text: what was found, and what to write instead.
func explain(text string, err error) error {
	var problem *syntax.Error
	if !errors.As(err, &problem) {
		return fmt.Errorf("the pattern cannot be read: %w", err)
	}
	piece := readable(problem.Expr)
	switch problem.Code {
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidNamedCapture, syntax.ErrInvalidEscape:
		if c, begin, ok := recognise(text, piece); ok {
			return c.refusal(begin)
		}
	case syntax.ErrMissingRepeatArgument:
		// The parser takes the verb of (*FAIL) for a * without anything before it.
		if c, begin, ok := recognise(text, "("+piece); ok {
			return c.refusal(begin)
		}
	case syntax.ErrInvalidCharRange:
		if strings.HasPrefix(piece, "[:") || strings.HasPrefix(strings.ToLower(piece), `\p`) {
			return fmt.Errorf(`there is no class of characters named %s; there are [[:alpha:]], \pL and the like`, piece)
		}
	case syntax.ErrInvalidRepeatOp:
		if strings.HasSuffix(piece, "+") {
			return fmt.Errorf("a possessive repetition, %s, is not supported: leave out the last +; here no text is tried twice anyway", piece)
		}
	}
	if sentence, ok := sentences[problem.Code]; ok {
		return fmt.Errorf(sentence, piece)
	}
	return fmt.Errorf("the pattern cannot be read: %s", problem.Code)
}

// recognise finds the construct that begins where the piece stands in the text.
// The parser's piece is often shorter than that beginning, (?P for (?P=name), and
// may then stand elsewhere too as something harmless.
func recognise(text, piece string) (c construct, begin string, ok bool) {
	for at := range text {
		if !strings.HasPrefix(text[at:], piece) {
			continue
		}
		for _, c := range constructs {
			for _, begin := range c.begins {
				if strings.HasPrefix(text[at:], begin) {
					return c, begin, true
				}
			}
		}
	}
	return construct{}, "", false
}

func (c construct) refusal(begin string) error {
	if c.name == "" {
		return fmt.Errorf("%s is not supported here: %s", begin, c.advice)
	}
	return fmt.Errorf("%s, %s…, is not supported: %s", c.name, begin, c.advice)
}

// sentences hold what each of the parser's errors means, with a place for the
// piece of the pattern that it is about.
var sentences = map[syntax.ErrorCode]string{
	syntax.ErrInvalidCharClass:      "the character class %s cannot be read",
	syntax.ErrInvalidCharRange:      "the character range %s does not exist; a range goes from the lower to the higher character, and a hyphen that is meant as one stands last, as in [a-z-]",
	syntax.ErrInvalidEscape:         `%s has no meaning; leave out the backslash, or write \\ to match one`,
	syntax.ErrInvalidNamedCapture:   "the group name in %s cannot be read; use letters, digits and _, or (?:…) since names are not used",
	syntax.ErrInvalidPerlOp:         "%s is not supported: a group begins with ( or (?: or with flags such as (?i)",
	syntax.ErrInvalidRepeatOp:       "%s repeats a repetition; put the inner one in brackets, as in (?:a+)*",
	syntax.ErrInvalidRepeatSize:     "the repetition %s is not possible: counts go up to 1000, all nested ones multiplied, and the first is not above the second",
	syntax.ErrInvalidUTF8:           "the pattern is not valid UTF-8 text: %s",
	syntax.ErrMissingBracket:        "a closing ] is missing after %s",
	syntax.ErrMissingParen:          "a closing ) is missing in %s",
	syntax.ErrMissingRepeatArgument: `there is nothing before %[1]s that it could repeat; for any text write .*, to match the character itself write \%[1]s`,
	syntax.ErrTrailingBackslash:     `the pattern ends with a single backslash%s; to match a backslash write \\`,
	syntax.ErrUnexpectedParen:       `there is a ) without its ( in %s; to match the character itself write \)`,
	syntax.ErrNestingDepth:          "the brackets of the pattern are nested too deeply: %s",
	syntax.ErrLarge:                 "the pattern is too large: %s; lower the counts in {…}, or use * or +",
}

// readable is a piece of a pattern as it can be shown: one that is not text is in
// quotes, escaped.
func readable(piece string) string {
	if utf8.ValidString(piece) {
		return piece
	}
	return strconv.Quote(piece)
}
