package rules

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// Advice lists, one sentence each, what the administrator may not have meant by
// the pattern. All of it is true and none of it stands in the way of saving.
func (p Pattern) Advice() []string {
	if p.IsZero() {
		return nil
	}
	var advice []string
	switch {
	case len(p.globs) == 0:
		advice = append(advice, "No value can ever match this.")
	case p.matchesAll():
		advice = append(advice, "This matches every value, even an empty one.")
	case p.loose() != "":
		advice = append(advice, fmt.Sprintf("This matches every value that contains %q, with anything before and after it. For the whole value write ^…$ or choose full match.", p.loose()))
	}

	tree, err := syntax.Parse(p.text, syntax.Perl)
	if err != nil {
		return advice // it has parsed before
	}
	if halfAnchored(tree) && !p.options.Full {
		advice = append(advice, "The ^ belongs to the first alternative only and the $ to the last. For whole values write ^(?:…|…)$ or choose full match.")
	}
	if before, after, found := looseDot(tree); found {
		advice = append(advice, fmt.Sprintf(`The dot in %q stands for any character. If a dot is meant, write \. instead.`, before+"."+after))
	}
	if len(p.text) > 1 && p.text[0] == '/' && (strings.HasSuffix(p.text, "/") || strings.HasSuffix(p.text, "/i")) {
		advice = append(advice, "The slashes are part of the pattern and must be in the value. Leave them out; instead of /i choose ignore case.")
	}
	return advice
}

// matchesAll reports whether the pattern is known to match every value, except
// perhaps one of several lines.
func (p Pattern) matchesAll() bool {
	for _, g := range p.globs {
		if g.exact && !g.whole() && g.text() == "" {
			return true
		}
	}
	return false
}

// loose is the text that a value needs to contain, when that is all the pattern
// asks; of several alternatives the first.
func (p Pattern) loose() string {
	for _, g := range p.globs {
		if !g.exact || g.begin || g.end || len(g.pieces) > 1 {
			return ""
		}
	}
	return p.globs[0].text()
}

// text is all pieces together.
func (g *glob) text() string {
	var b strings.Builder
	for _, piece := range g.pieces {
		b.Write(piece)
	}
	return b.String()
}

// halfAnchored recognises ^a|b$, which is (^a)|(b$).
func halfAnchored(tree *syntax.Regexp) bool {
	if tree.Op != syntax.OpAlternate {
		return false
	}
	first, last := tree.Sub[0], tree.Sub[len(tree.Sub)-1]
	return starts(first, syntax.OpBeginText) && ends(first, syntax.OpLiteral) &&
		starts(last, syntax.OpLiteral) && ends(last, syntax.OpEndText)
}

func starts(tree *syntax.Regexp, op syntax.Op) bool {
	return tree.Op == syntax.OpConcat && tree.Sub[0].Op == op
}

func ends(tree *syntax.Regexp, op syntax.Op) bool {
	return tree.Op == syntax.OpConcat && tree.Sub[len(tree.Sub)-1].Op == op
}

// looseDot finds a single dot between two words, as in example.com, and the words.
func looseDot(tree *syntax.Regexp) (before, after string, found bool) {
	if tree.Op == syntax.OpConcat {
		for i := 1; i+1 < len(tree.Sub); i++ {
			left, dot, right := tree.Sub[i-1], tree.Sub[i], tree.Sub[i+1]
			if dot.Op != syntax.OpAnyCharNotNL || left.Op != syntax.OpLiteral || right.Op != syntax.OpLiteral {
				continue
			}
			a, b := string(left.Rune), string(right.Rune)
			before = a[strings.LastIndexFunc(a, notWord)+1:]
			after = b
			if end := strings.IndexFunc(b, notWord); end >= 0 {
				after = b[:end]
			}
			if before != "" && after != "" {
				return before, after, true
			}
		}
	}
	for _, sub := range tree.Sub {
		if before, after, found = looseDot(sub); found {
			return before, after, found
		}
	}
	return "", "", false
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// NeverMatches reports whether the pattern is known to match no value at all.
func (p Pattern) NeverMatches() bool { return p.IsZero() || len(p.globs) == 0 }

// Only is the one value that the pattern matches, when it is known to match no
// other.
func (p Pattern) Only() (value string, ok bool) {
	if p.IsZero() || len(p.globs) != 1 {
		return "", false
	}
	g := p.globs[0]
	return g.text(), g.exact && g.whole() && !g.folded
}
