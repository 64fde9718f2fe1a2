package rules

import (
	"regexp/syntax"
	"unicode"
)

// automaton recognises any number of patterns in one pass over a value. It serves
// those that the grams cannot, such as ^[a-z]+[0-9]$.
//
// It is the classic construction: the patterns' nondeterministic machines side by
// side, walked as one deterministic machine whose states are made when they are
// first needed. The machines come from regexp/syntax, and so does the answer to
// what is a word boundary: both mean what regexp means.
type automaton struct {
	nodes    []node
	starts   []int32 // a node for each pattern
	symbols  symbols
	lookBack bool // a node asks about the character before
	room     int  // for what a walk may remember, in bytes
}

// node is an instruction of one of the patterns.
type node struct {
	op       syntax.InstOp
	empty    syntax.EmptyOp // what an OpEmptyWidth asks of the place
	out, arg int32          // the nodes after it
	set      int32          // what a rune instruction accepts
	question int32          // whose node it is
}

// add takes a pattern in.
func (a *automaton) add(source string, question int32) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		panic("rules: an accepted pattern does not parse: " + err.Error())
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		panic("rules: an accepted pattern does not compile: " + err.Error())
	}
	first := int32(len(a.nodes))
	start := first + int32(prog.Start)
	for _, inst := range prog.Inst {
		n := node{op: inst.Op, out: first + int32(inst.Out), question: question}
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			n.arg = first + int32(inst.Arg)
		case syntax.InstEmptyWidth:
			n.empty = syntax.EmptyOp(inst.Arg)
			a.lookBack = a.lookBack || n.empty&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			n.set = a.symbols.set(ranges(inst))
		}
		a.nodes = append(a.nodes, n)
	}
	if prog.StartCond()&syntax.EmptyBeginText == 0 {
		// A search may begin anywhere: try here, or skip a character and try again.
		try := int32(len(a.nodes))
		skip := try + 1
		a.nodes = append(a.nodes,
			node{op: syntax.InstAlt, out: start, arg: skip, question: question},
			node{op: syntax.InstRune, out: try, set: a.symbols.set([]rune{0, unicode.MaxRune}), question: question})
		start = try
	}
	a.starts = append(a.starts, start)
}

// ranges are the characters that a rune instruction accepts, as pairs.
func ranges(inst syntax.Inst) []rune {
	switch {
	case inst.Op == syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case inst.Op == syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	case len(inst.Rune) != 1:
		return inst.Rune
	}
	r := inst.Rune[0]
	pairs := []rune{r, r}
	if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			pairs = append(pairs, next, next)
		}
	}
	return pairs
}

// finish sorts the characters when all patterns have been added.
func (a *automaton) finish() {
	if a.lookBack {
		a.symbols.set([]rune{'\n', '\n'})
		a.symbols.set([]rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'})
	}
	a.symbols.sort()
}
