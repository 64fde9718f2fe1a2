package rules

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
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

// walk is what one desk has seen of an automaton: the states that values have led
// to and the steps between them, so that going there again is one look.
type walk struct {
	*automaton
	start  *state
	states map[string]*state
	size   int // of the states, roughly in bytes

	// For making a step:
	moment  uint32
	seen    []uint32 // by node: the last moment it was reached
	matched []uint32 // by question: the last moment it was found
	stack   []int32
	kernel  []int32
	found   []int32
	key     []byte
}

// maxWalk bounds the states a desk keeps. Beyond it they are forgotten; a record
// whose patterns keep it there costs what trying them one by one would.
const maxWalk = 8 << 20

// state is a place in the walk: everything that what was read so far has left
// possible.
type state struct {
	kernel []int32  // the nodes to go on from, ascending; none is the end of the walk
	before rune     // a character like the last one, where a node may ask
	found  []int32  // questions whose pattern has matched on the way in
	next   []*state // by symbol; nil is not known yet
}

func newWalk(a *automaton) *walk {
	questions := int32(0)
	for _, n := range a.nodes {
		questions = max(questions, n.question+1)
	}
	w := &walk{automaton: a, seen: make([]uint32, len(a.nodes)), matched: make([]uint32, questions)}
	w.forget()
	return w
}

// forget begins anew.
func (w *walk) forget() {
	w.states, w.size = make(map[string]*state), 0
	w.kernel, w.found = append(w.kernel[:0], w.starts...), w.found[:0]
	slices.Sort(w.kernel)
	w.start = w.state(noRune)
}

// step is the state after the symbol.
func (w *walk) step(from *state, symbol int32) *state {
	if to := from.next[symbol]; to != nil {
		return to
	}
	to := w.explore(from, symbol)
	from.next[symbol] = to
	return to
}

// explore follows every node of a state that lets the symbol pass.
func (w *walk) explore(from *state, symbol int32) *state {
	if w.size > maxWalk {
		w.forget()
	}
	if w.moment++; w.moment == 0 {
		clear(w.seen)
		clear(w.matched)
		w.moment = 1
	}
	char := w.symbols.sample[symbol]
	place := syntax.EmptyOpContext(from.before, char)

	w.kernel, w.found = w.kernel[:0], w.found[:0]
	w.stack = append(w.stack[:0], from.kernel...)
	for len(w.stack) > 0 {
		at := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		n := &w.nodes[at]
		if w.seen[at] == w.moment || w.matched[n.question] == w.moment {
			continue
		}
		w.seen[at] = w.moment
		switch n.op {
		case syntax.InstAlt, syntax.InstAltMatch:
			w.stack = append(w.stack, n.arg, n.out)
		case syntax.InstCapture, syntax.InstNop:
			w.stack = append(w.stack, n.out)
		case syntax.InstEmptyWidth:
			if n.empty&^place == 0 {
				w.stack = append(w.stack, n.out)
			}
		case syntax.InstMatch:
			w.matched[n.question] = w.moment
			w.found = append(w.found, n.question)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if char != noRune && w.symbols.in(symbol, n.set) {
				w.kernel = append(w.kernel, n.out)
			}
		}
	}
	// What has matched need not be looked for any further.
	w.kernel = slices.DeleteFunc(w.kernel, func(at int32) bool { return w.matched[w.nodes[at].question] == w.moment })
	slices.Sort(w.kernel)
	w.kernel = slices.Compact(w.kernel)
	slices.Sort(w.found)

	if !w.lookBack {
		char = ' ' // nobody asks; let the states be the same
	}
	return w.state(char)
}

// state is the one of this kernel and these findings.
func (w *walk) state(before rune) *state {
	key := binary.LittleEndian.AppendUint32(w.key[:0], uint32(before))
	key = binary.LittleEndian.AppendUint32(key, uint32(len(w.found)))
	for _, list := range [][]int32{w.found, w.kernel} {
		for _, number := range list {
			key = binary.LittleEndian.AppendUint32(key, uint32(number))
		}
	}
	w.key = key
	if s, ok := w.states[string(key)]; ok {
		return s
	}
	s := &state{
		kernel: slices.Clone(w.kernel),
		before: before,
		found:  slices.Clone(w.found),
		next:   make([]*state, len(w.symbols.sample)),
	}
	w.states[string(key)] = s
	w.size += 2*len(key) + 8*len(s.next) + 128
	return s
}
