package rules

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// Advice lists, one sentence each, what the administrator may not have meant by
// the pattern. All of it is true and none of it stands in the way of saving.
func (p Pattern) Advice() []string {
	if p.IsZero() {
		return nil
	}
	tree, err := syntax.Parse(p.text, syntax.Perl)
	if err != nil {
		return nil // it has parsed before
	}
	var advice []string
	before, after := !p.options.Full && open(tree, first), !p.options.Full && open(tree, last)
	switch {
	case len(p.globs) == 0:
		advice = append(advice, "No value can ever match this.")
	case p.matchesAll():
		advice = append(advice, "This matches every value, even an empty one.")
	case anything(tree): // the usual way to say that there must be a value
	case p.loose() != "":
		advice = append(advice, fmt.Sprintf("This matches every value that contains %q, with anything before and after it. For the whole value write ^…$ or choose full match.", p.loose()))
	case halfAnchored(tree) && !p.options.Full:
		advice = append(advice, "The ^ belongs to the first alternative only and the $ to the last. For whole values write ^(?:…|…)$ or choose full match.")
	case before && after:
		advice = append(advice, "This matches longer values too: anything may stand before and after it. For the whole value write ^…$ or choose full match.")
	case before:
		advice = append(advice, "This matches longer values too: anything may stand before it. For the whole value begin with ^ or choose full match.")
	case after:
		advice = append(advice, "This matches longer values too: anything may follow it. For the whole value end with $ or choose full match.")
	}
	if word := looseDot(tree); word != "" {
		advice = append(advice, fmt.Sprintf(`The dot in %q stands for any character. If a dot is meant, write \. instead.`, word))
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

// side is one of the two of a pattern.
type side bool

const (
	first side = false
	last  side = true
)

// open reports whether a side of the pattern ends in the middle of a word, as both
// of admin do in superadmins. What ends with a comma or a hyphen, or with .*, leaves
// open what comes there on purpose.
func open(tree *syntax.Regexp, at side) bool {
	switch tree.Op {
	case syntax.OpLiteral:
		if at == first {
			return !notWord(tree.Rune[0])
		}
		return !notWord(tree.Rune[len(tree.Rune)-1])
	case syntax.OpCharClass:
		return slices.ContainsFunc(tree.Rune, func(r rune) bool { return !notWord(r) })
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		return true
	case syntax.OpConcat:
		if at == first {
			return open(tree.Sub[0], at)
		}
		return open(tree.Sub[len(tree.Sub)-1], at)
	case syntax.OpStar, syntax.OpPlus:
		return !anything(tree) && open(tree.Sub[0], at)
	}
	return slices.ContainsFunc(tree.Sub, func(sub *syntax.Regexp) bool { return open(sub, at) })
}

// anything recognises ., .* and .+, in brackets and with anchors too, but for ^.$,
// which is one character.
func anything(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		return true
	case syntax.OpStar, syntax.OpPlus, syntax.OpCapture:
		return anything(tree.Sub[0])
	case syntax.OpConcat:
		parts := slices.DeleteFunc(slices.Clone(tree.Sub), func(part *syntax.Regexp) bool {
			return part.Op == syntax.OpBeginText || part.Op == syntax.OpEndText
		})
		return len(parts) == 1 && anything(parts[0]) && (len(tree.Sub) == 2 || parts[0].Op != syntax.OpAnyCharNotNL)
	}
	return false
}

// looseDot finds a single dot behind a word and before another literal, as in
// example.com and in Inc., and returns it with the words around it.
func looseDot(tree *syntax.Regexp) string {
	if tree.Op == syntax.OpConcat {
		for i := 1; i+1 < len(tree.Sub); i++ {
			left, dot, right := tree.Sub[i-1], tree.Sub[i], tree.Sub[i+1]
			if dot.Op != syntax.OpAnyCharNotNL || left.Op != syntax.OpLiteral || right.Op != syntax.OpLiteral {
				continue
			}
			before, after := string(left.Rune), string(right.Rune)
			before = before[strings.LastIndexFunc(before, notWord)+1:]
			if end := strings.IndexFunc(after, notWord); end > 0 {
				after = after[:end]
			} else if end == 0 {
				after = string(right.Rune[:1])
			}
			if before != "" {
				return before + "." + after
			}
		}
	}
	for _, sub := range tree.Sub {
		if word := looseDot(sub); word != "" {
			return word
		}
	}
	return ""
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
