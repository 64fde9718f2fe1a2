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
	name   string
	advice string
}

// constructs are looked up in this order: a longer beginning comes before a
// shorter one that it starts with.
var constructs = []construct{
	{[]string{"(?<=", "(?<!"}, "look-behind", "write the text before as part of the pattern, or use two rules"},
	{[]string{"(?="}, "look-ahead", "write the text after as part of the pattern, or use two rules that must both be true"},
	{[]string{"(?!"}, "negative look-ahead", "write what is allowed instead, or use a second rule that asks for none of the values to match"},
	{[]string{"(?>"}, "an atomic group", "write (?:…), which never takes longer here"},
	{[]string{"(?("}, "a condition", "write both cases as (?:…|…)"},
	{[]string{"(?|"}, "a branch reset", "write (?:…|…)"},
	{[]string{"(?#"}, "a comment", "leave it out; the rule has a place for notes"},
	{[]string{"(?P="}, "a back-reference", "write the repeated text out, or use one rule for each text it may be"},
	{[]string{"(?P>", "(?R", "(?&", "(?+", "(?0", "(?1", "(?2", "(?3", "(?4", "(?5", "(?6", "(?7", "(?8", "(?9"}, "recursion", "write the part out as often as it may occur"},
	{[]string{"(?'"}, "a group named with quotes", "write (?<name>…), or (?:…) since names are not used"},
	{[]string{"(?x"}, "the x flag (free spacing)", "write the pattern without spaces and comments"},
	{[]string{"(*"}, "a verb", "leave it out"},
	{[]string{`\k`, `\g`, `\1`, `\2`, `\3`, `\4`, `\5`, `\6`, `\7`, `\8`, `\9`}, "a back-reference", "write the repeated text out, or use one rule for each text it may be"},
	{[]string{`\Z`}, `\Z`, `write $ for the end of the value`},
	{[]string{`\G`}, `\G`, "write ^ for the beginning of the value"},
	{[]string{`\K`}, `\K`, "leave it out: only whether a value matches counts, not which part"},
	{[]string{`\R`}, `\R`, `write \r?\n`},
	{[]string{`\h`}, `\h`, `write [ \t]`},
	{[]string{`\H`}, `\H`, `write [^ \t]`},
	{[]string{`\N`}, `\N`, "write . for any character"},
	{[]string{`\X`}, `\X`, "write . for one character"},
	{[]string{`\e`}, `\e`, `write \x1b`},
	{[]string{`\c`}, `\c`, `write the character's number, as in \x01`},
	{[]string{`\u`, `\U`}, `\u`, `write \x{…} with the same digits`},
	{[]string{`\E`}, `\E without \Q`, `write \Q before the text to be taken literally`},
}

// explain turns the parser's error into a sentence for the administrator who
// typed the text: what was found, and what to write instead.
func explain(text string, err error) error {
	var problem *syntax.Error
	if !errors.As(err, &problem) {
		return fmt.Errorf("the pattern cannot be read: %w", err)
	}
	piece := problem.Expr
	if problem.Code == syntax.ErrMissingRepeatArgument && strings.Contains(text, "("+piece) {
		piece = "(" + piece // the verb of (*FAIL), seen by the parser as a lost *
	}
	switch problem.Code {
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidNamedCapture, syntax.ErrInvalidEscape, syntax.ErrMissingRepeatArgument:
		// (?P and (? are where the parser gives up; what stands there in full says
		// more.
		if at := strings.Index(text, piece); at >= 0 {
			for _, c := range constructs {
				for _, begin := range c.begins {
					if strings.HasPrefix(text[at:], begin) {
						return fmt.Errorf("%s (%s) is not supported: %s", c.name, begin, c.advice)
					}
				}
			}
		}
	case syntax.ErrInvalidRepeatOp:
		if strings.HasSuffix(piece, "+") {
			return fmt.Errorf("a possessive repetition (%s) is not supported: leave out the last +, which changes nothing here unless it hides a mistake", piece)
		}
	}
	if sentence, ok := sentences[problem.Code]; ok {
		return fmt.Errorf(sentence, readable(problem.Expr))
	}
	return fmt.Errorf("the pattern cannot be read: %s", problem.Code)
}

// sentences hold what each of the parser's errors means, with a place for the
// piece of the pattern that it is about.
var sentences = map[syntax.ErrorCode]string{
	syntax.ErrInvalidCharClass:      "the character class %s cannot be read",
	syntax.ErrInvalidCharRange:      "the character range %s does not exist; a range goes from the lower to the higher character, and a hyphen that is meant as one stands last, as in [a-z-]",
	syntax.ErrInvalidEscape:         `%s has no meaning; to match a backslash write \\`,
	syntax.ErrInvalidNamedCapture:   "the group name in %s cannot be read; use letters, digits and _, or (?:…) since names are not used",
	syntax.ErrInvalidPerlOp:         "%s is not supported: a group begins with ( or (?: or with flags such as (?i)",
	syntax.ErrInvalidRepeatOp:       "%s repeats a repetition; put the inner one in brackets, as in (?:a+)*",
	syntax.ErrInvalidRepeatSize:     "the repetition %s is not possible: counts go up to 1000, all nested ones multiplied, and the first is not above the second",
	syntax.ErrInvalidUTF8:           "the pattern is not valid UTF-8 text: %s",
	syntax.ErrMissingBracket:        "a closing ] is missing after %s",
	syntax.ErrMissingParen:          "a closing ) is missing in %s",
	syntax.ErrMissingRepeatArgument: `there is nothing before %[1]s that it could repeat; to match the character itself write \%[1]s`,
	syntax.ErrTrailingBackslash:     `the pattern ends with a single backslash%s; to match a backslash write \\`,
	syntax.ErrUnexpectedParen:       `there is a ) without its ( in %s; to match the character itself write \)`,
	syntax.ErrNestingDepth:          "the brackets of the pattern are nested too deeply: %s",
	syntax.ErrLarge:                 "the pattern is too large: %s; lower the counts in {…}, or use * or +",
}

// readable is a piece of a pattern as it can be shown.
func readable(piece string) string {
	if utf8.ValidString(piece) {
		return piece
	}
	return strconv.Quote(piece)
}
