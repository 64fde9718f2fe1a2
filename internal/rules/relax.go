package rules

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// relax finds the globs of a regular expression: a value that matches it fits at
// least one of them. None at all means that nothing can match.
//
// It writes the expression out as a list of alternatives, each a sequence of
// characters, edges and gaps. What cannot be written out becomes a gap, and the
// alternative is marked as lossy: fitting it then proves nothing.
func relax(tree *syntax.Regexp) []glob {
	// Writing small classes out pays when nothing large comes of it: group-[abc]
	// is three literals. With [0-9]{5} in it, it would only multiply.
	r := relaxer{maxClass: 16}
	alternatives := r.alternatives(tree)
	if r.overflow {
		r = relaxer{}
		alternatives = r.alternatives(tree)
	}
	globs := make([]glob, 0, len(alternatives))
	for _, s := range alternatives {
		if s.possible() {
			globs = append(globs, s.glob())
		}
	}
	return globs
}

// The size of what relax writes out, so that no pattern takes long.
const (
	maxAlternatives = 64
	maxTokens       = 4 * MaxPattern // over all alternatives
	maxCopies       = 32             // of the expression under a counted repetition
)

type token struct {
	kind tokenKind
	fold bool // a char that stands for its other cases too
	char rune
}

type tokenKind uint8

const (
	char  tokenKind = iota
	begin           // the beginning of the value
	end             // the end of the value
	dots            // .* exactly
	all             // (?s).* exactly
	maybe           // something that may be empty
	some            // anything else
)

func (k tokenKind) gap() bool { return k >= dots }

// sequence is one way in which a value can match.
type sequence struct {
	tokens []token
	lossy  bool // the tokens promise less than the expression asks
}

type relaxer struct {
	maxClass int  // how many characters of a class are written out
	overflow bool // something was too large to write out
}

func (r *relaxer) alternatives(tree *syntax.Regexp) []sequence {
	switch tree.Op {
	case syntax.OpNoMatch:
		return nil
	case syntax.OpEmptyMatch:
		return one()
	case syntax.OpLiteral:
		return r.literal(tree)
	case syntax.OpCharClass:
		return r.class(tree.Rune)
	case syntax.OpBeginText:
		return one(token{kind: begin})
	case syntax.OpEndText:
		return one(token{kind: end})
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		// They take no room: the text on either side is still adjacent.
		return []sequence{{lossy: true}}
	case syntax.OpCapture:
		return r.alternatives(tree.Sub[0])
	case syntax.OpStar:
		return one(token{kind: star(tree.Sub[0])})
	case syntax.OpPlus:
		return r.product(r.alternatives(tree.Sub[0]), one(token{kind: star(tree.Sub[0])}))
	case syntax.OpQuest:
		return r.union(one(), r.alternatives(tree.Sub[0]))
	case syntax.OpRepeat:
		return r.repeat(tree)
	case syntax.OpConcat:
		result := one()
		for _, sub := range tree.Sub {
			result = r.product(result, r.alternatives(sub))
		}
		return result
	case syntax.OpAlternate:
		var result []sequence
		for _, sub := range tree.Sub {
			result = r.union(result, r.alternatives(sub))
		}
		return result
	}
	return one(token{kind: some}) // . and whatever the syntax may learn
}

func (r *relaxer) literal(tree *syntax.Regexp) []sequence {
	tokens := make([]token, len(tree.Rune))
	for i, c := range tree.Rune {
		tokens[i] = literal(c, tree.Flags&syntax.FoldCase != 0)
	}
	return one(tokens...)
}

// literal is the token of one character. U+FFFD is not one: it also matches each
// byte that is not UTF-8. Nor is a surrogate out of a class: it has no bytes.
func literal(c rune, ignoreCase bool) token {
	if c == utf8.RuneError || !utf8.ValidRune(c) {
		return token{kind: some}
	}
	if ignoreCase && unicode.SimpleFold(c) != c {
		return token{kind: char, char: fold(c), fold: true}
	}
	return token{kind: char, char: c}
}

// class writes a small class out, every letter that it has in all its cases once.
func (r *relaxer) class(ranges []rune) []sequence {
	size := 0
	for i := 0; i < len(ranges); i += 2 {
		size += int(ranges[i+1]-ranges[i]) + 1
	}
	if size > r.maxClass {
		return one(token{kind: some})
	}
	var chars []rune
	for i := 0; i < len(ranges); i += 2 {
		for c := ranges[i]; c <= ranges[i+1]; c++ {
			chars = append(chars, c)
		}
	}
	var result []sequence
	for _, c := range chars {
		allCases := true
		for next := unicode.SimpleFold(c); next != c; next = unicode.SimpleFold(next) {
			allCases = allCases && slices.Contains(chars, next)
		}
		if !allCases || unicode.SimpleFold(c) == c || fold(c) == c {
			result = append(result, one(literal(c, allCases))...)
		}
	}
	return result
}

func (r *relaxer) repeat(tree *syntax.Regexp) []sequence {
	sub := tree.Sub[0]
	result := one()
	if tree.Min > 0 {
		each := r.alternatives(sub)
		for range min(tree.Min, maxCopies) {
			result = r.product(result, each)
		}
	}
	switch {
	case tree.Min > maxCopies:
		return r.product(result, one(token{kind: some}))
	case tree.Max < 0:
		return r.product(result, one(token{kind: star(sub)}))
	case tree.Max > tree.Min:
		return r.product(result, one(token{kind: maybe}))
	}
	return result
}

// star is the gap for any number of times this.
func star(sub *syntax.Regexp) tokenKind {
	switch sub.Op {
	case syntax.OpAnyCharNotNL:
		return dots
	case syntax.OpAnyChar:
		return all
	}
	return maybe
}

func one(tokens ...token) []sequence { return []sequence{{tokens: tokens}} }

// union is what matches a or b.
func (r *relaxer) union(a, b []sequence) []sequence {
	return r.limited(append(a, b...))
}

// product is what matches a and then b.
func (r *relaxer) product(a, b []sequence) []sequence {
	if len(a)*len(b) > maxAlternatives {
		r.overflow = true
		b = one(token{kind: some})
	}
	result := make([]sequence, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			result = append(result, sequence{slices.Concat(x.tokens, y.tokens), x.lossy || y.lossy})
		}
	}
	return r.limited(result)
}

func (r *relaxer) limited(a []sequence) []sequence {
	tokens := 0
	for _, s := range a {
		tokens += len(s.tokens)
	}
	if len(a) <= maxAlternatives && tokens <= maxTokens {
		return a
	}
	r.overflow = true
	return one(token{kind: some})
}

// possible reports false when a character would have to come before the beginning
// of the value or after its end, as in admin$,ou=it.
func (s sequence) possible() bool {
	inside, over := false, false
	for _, t := range s.tokens {
		if t.kind == begin && inside || t.kind == char && over {
			return false
		}
		inside = inside || t.kind == char
		over = over || t.kind == end
	}
	return true
}

// glob turns the sequence into pieces.
func (s sequence) glob() glob {
	g := glob{exact: !s.lossy}

	// Towards an open side, where anything may stand anyway, a gap that may be
	// empty asks for nothing; any other asks for what the regular expression has to
	// check.
	tokens := s.tokens
	for len(tokens) > 0 {
		if first := tokens[0]; first.kind == begin {
			g.begin = true
		} else if first.kind.gap() && !g.begin {
			g.exact = g.exact && first.kind != some
		} else {
			break
		}
		tokens = tokens[1:]
	}
	for len(tokens) > 0 {
		if last := tokens[len(tokens)-1]; last.kind == end {
			g.end = true
		} else if last.kind.gap() && !g.end {
			g.exact = g.exact && last.kind != some
		} else {
			break
		}
		tokens = tokens[:len(tokens)-1]
	}

	var folded, sensitive bool
	for _, t := range tokens {
		folded = folded || t.fold
		sensitive = sensitive || t.kind == char && !t.fold && unicode.SimpleFold(t.char) != t.char
		switch t.kind {
		case dots:
			g.dots = true
		case begin, end, maybe, some: // an edge in the middle asks for empty gaps
			g.exact = false
		}
	}
	g.folded = folded
	g.exact = g.exact && !(folded && sensitive)

	var piece []byte
	for i, t := range tokens {
		switch {
		case t.kind == char && folded:
			piece = utf8.AppendRune(piece, fold(t.char))
		case t.kind == char:
			piece = utf8.AppendRune(piece, t.char)
		case t.kind.gap() && i > 0 && tokens[i-1].kind.gap():
			// Two gaps are one.
		case t.kind.gap():
			g.pieces = append(g.pieces, piece)
			piece = nil
		}
	}
	g.pieces = append(g.pieces, piece)
	return g
}
