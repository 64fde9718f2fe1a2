package rules

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// walk is what one desk has seen of an automaton: the states that values have led
// to, and the steps between them, so that going there again is one look.
type walk struct {
	*automaton
	states []state
	known  map[string]int32 // the number of a state, by what it is
	size   int              // of all that, roughly in bytes

	// steps has a row for each state, and in it the step for each symbol: the state
	// it leads to, negated when that state has something to say, or unexplored.
	steps []int32

	// For exploring:
	moment  uint32
	seen    []uint32 // by node: the last moment it was reached
	matched []uint32 // by question: the last moment its pattern matched
	stack   []int32
	kernel  []int32
	found   []int32
	spare   []int32
	key     []byte
}

// state is all that what was read so far has left possible.
type state struct {
	kernel []int32 // the nodes to go on from, ascending; without any the walk is over
	before rune    // a character like the last one, if a node may ask
	found  []int32 // the questions whose pattern has matched with the last step
}

const (
	unexplored = 0 // state 0 is nobody's
	startState = 1
)

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
	w.states, w.steps, w.size = make([]state, 1), make([]int32, w.symbols.count()), 0
	w.known = make(map[string]int32)
	w.kernel, w.found = append(w.kernel[:0], w.starts...), w.found[:0]
	slices.Sort(w.kernel)
	w.state(noRune)
}

// read walks the automaton through the value.
func (x *index) read(w *walk, value string, i, n int32, into []Finding) {
	width, ascii, steps := w.symbols.count(), &w.symbols.ascii, w.steps
	at := startState
	for place, r := range value {
		var symbol int
		if uint32(r) < utf8.RuneSelf {
			symbol = int(ascii[r])
		} else {
			symbol = w.symbols.of(r)
		}
		to := int(steps[at*width+symbol])
		if to <= 0 {
			if to = w.step(at, symbol); to == unexplored {
				x.grope(w, w.states[at], value[place:], i, n, into)
				return
			}
			steps = w.steps
			if to < 0 {
				to = -to
				x.matched(w.states[to].found, i, n, into)
				if len(w.states[to].kernel) == 0 {
					return
				}
			}
		}
		at = to
	}
	switch to := w.step(at, w.symbols.end()); {
	case to == unexplored:
		x.grope(w, w.states[at], "", i, n, into)
	case to < 0:
		x.matched(w.states[-to].found, i, n, into)
	}
}

// grope goes through the rest of a value, and over its end, with what is still
// open and without remembering the way. It takes about as long as trying those
// patterns one by one.
func (x *index) grope(w *walk, from state, rest string, i, n int32, into []Finding) {
	kernel, before := w.spare[:0], from.before
	for _, at := range from.kernel {
		if q := &x.questions[w.nodes[at].question]; !q.settled(into[q.rules[0]], i) {
			kernel = append(kernel, at)
		}
	}
	for _, r := range rest {
		symbol := w.symbols.of(r)
		w.follow(kernel, before, symbol)
		x.matched(w.found, i, n, into)
		kernel, w.kernel, before = w.kernel, kernel, w.symbols.sample[symbol]
		if len(kernel) == 0 {
			break
		}
	}
	w.follow(kernel, before, w.symbols.end())
	x.matched(w.found, i, n, into)
	w.spare = kernel
}

// matched notes a match for each of the questions.
func (x *index) matched(questions []int32, i, n int32, into []Finding) {
	for _, number := range questions {
		if q := &x.questions[number]; !q.settled(into[q.rules[0]], i) {
			q.matched(i, n, into)
		}
	}
}

// full reports whether there is no room for another state.
func (w *walk) full() bool { return w.size > w.room }

// step is where a symbol leads to, as in steps: unexplored if it is not known and
// there is no room to remember it.
func (w *walk) step(from, symbol int) int {
	at := from*w.symbols.count() + symbol
	if w.steps[at] != unexplored || w.full() {
		return int(w.steps[at])
	}
	w.follow(w.states[from].kernel, w.states[from].before, symbol)
	slices.Sort(w.kernel)
	w.kernel = slices.Compact(w.kernel)
	slices.Sort(w.found)
	before := w.symbols.sample[symbol]
	if !w.lookBack {
		before = ' ' // nobody asks, so let the states be one
	}
	w.steps[at] = int32(w.state(before))
	return int(w.steps[at])
}

// follow finds the kernel and the findings after the symbol: it goes on from each
// node of a kernel to all that can be had without a character, and from there
// with it.
func (w *walk) follow(kernel []int32, before rune, symbol int) {
	if w.moment++; w.moment == 0 {
		clear(w.seen)
		clear(w.matched)
		w.moment = 1
	}
	char := w.symbols.sample[symbol]
	place := syntax.EmptyOpContext(before, char)
	w.kernel, w.found = w.kernel[:0], w.found[:0]
	for _, start := range kernel {
		w.stack = append(w.stack[:0], start)
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
	}
	if len(w.found) > 0 {
		// What has matched need not be looked for any further in this value.
		w.kernel = slices.DeleteFunc(w.kernel, func(at int32) bool { return w.matched[w.nodes[at].question] == w.moment })
	}
}

// state is the one with the kernel and the findings at hand, negated if it has
// something to say.
func (w *walk) state(before rune) int {
	key := binary.LittleEndian.AppendUint32(w.key[:0], uint32(before))
	key = binary.LittleEndian.AppendUint32(key, uint32(len(w.found)))
	for _, list := range [][]int32{w.found, w.kernel} {
		for _, number := range list {
			key = binary.LittleEndian.AppendUint32(key, uint32(number))
		}
	}
	w.key = key
	if number, ok := w.known[string(key)]; ok {
		return int(number)
	}
	number := len(w.states)
	w.states = append(w.states, state{slices.Clone(w.kernel), before, slices.Clone(w.found)})
	w.steps = append(w.steps, make([]int32, w.symbols.count())...)
	if len(w.kernel) == 0 || len(w.found) > 0 {
		number = -number
	}
	w.known[string(key)] = int32(number)
	w.size += 2*len(key) + 4*w.symbols.count() + 128
	return number
}
