package rules

import (
	"bytes"
	"regexp"
	"sync"
)

// How a Set finds the few rules that match, without trying the others
//
// Thousands of rules usually look at the same attribute, and nearly all of them
// name a literal text. So the question is turned round: not "which values does
// this rule match" for every rule, but "which rules does this value call for" for
// every value, as in the index at the back of a book.
//
//  1. Rules are sorted by attribute, and equal patterns are asked once (question).
//  2. Each pattern is reduced to globs: literal pieces in their order (relax.go).
//     They never lose a match; of many patterns they are the whole truth.
//  3. A glob that is one whole value goes into a map from that value.
//  4. Any other glob is filed under one gram, four consecutive bytes that each
//     matching value must have: of its grams the one that the fewest globs share.
//  5. Patterns that have no gram, such as ^[a-z]+[0-9]$, or only one that too many
//     others have, become one automaton (automaton.go).
//
// For each value, Evaluate looks into the map once, slides a window of four bytes
// over it and asks only the questions that it meets, at most once per value: the
// glob is compared, and the regular expression decides if the glob cannot. Then
// the automaton reads the value.
//
// Both map and grams are folded: in them, case does not count. So one pass
// serves the rules that ignore case and those that do not.
//
// Nothing here decides what a rule means. FuzzSetEqualsPlain holds every finding
// against Rule.Test.

// Set is a list of rules made ready for many logins. It never changes and is
// safe for concurrent use.
type Set struct {
	quiet   []Finding // what the rules find in values that none of them matches
	indexes []*index
	byName  map[string]*index // the same, by attribute
	desks   sync.Pool         // of *desk
}

// index is what the set knows of one attribute.
type index struct {
	number    int    // of this index in the set
	rules     []span // which rules read the attribute
	questions []question
	globs     []filedGlob     // in the order of the spans below
	whole     map[string]span // by the folded value that they are equal to
	grams     gramTable       // by one of their grams
	automaton *automaton      // what is left; nil when nothing is
}

// span is a number of neighbours: from, until before to.
type span struct{ from, to int32 }

// filedGlob is a glob that knows whose it is.
type filedGlob struct {
	glob
	question int32
}

// question is a pattern with its quantifier, asked once for all the rules that
// share it.
type question struct {
	rules  []int32
	values Quantifier
	regexp *regexp.Regexp // nil when the globs suffice, or the automaton is asked
}

// Compile makes the rules ready. It takes some microseconds a rule, and keeps
// nothing of the list.
func Compile(list []Rule) *Set {
	s := &Set{quiet: make([]Finding, len(list)), byName: make(map[string]*index)}
	builders := make(map[string]*builder)
	for i, rule := range list {
		s.quiet[i] = rule.unmatched()
		if rule.Disabled {
			continue
		}
		b, ok := builders[rule.Attribute]
		if !ok {
			b = newBuilder()
			builders[rule.Attribute] = b
		}
		b.add(int32(i), rule)
	}
	for name, b := range builders {
		x := b.build()
		x.number = len(s.indexes)
		s.indexes = append(s.indexes, x)
		s.byName[name] = x
	}
	s.desks.New = func() any { return newDesk(s.indexes) }
	return s
}

// Len is the number of rules.
func (s *Set) Len() int { return len(s.quiet) }

// Evaluate tests every rule, as [Rule.Test] does, and returns the findings in
// rule order. It writes them over into and allocates nothing when that has the
// capacity.
//
// Its time is that of reading the values once, plus that of the rules whose text
// they contain; at the very worst that of trying every rule on every value, each
// in time linear in the value's length.
func (s *Set) Evaluate(a Attributes, into []Finding) []Finding {
	d := s.desks.Get().(*desk)
	defer s.desks.Put(d)
	return s.evaluate(d, a, into)
}

func (s *Set) evaluate(d *desk, a Attributes, into []Finding) []Finding {
	into = append(into[:0], s.quiet...)
	d.begin()
	for _, attribute := range a {
		x, ok := s.byName[attribute.Name]
		if !ok || d.has(x) {
			continue // nobody reads it, or it is not the first of its Name
		}
		d.note(x)
		switch {
		case attribute.Incomplete:
			x.answer(Incomplete, into)
		case len(attribute.Values) == 0:
			x.answer(Missing, into)
		default:
			for i, value := range attribute.Values {
				x.ask(d, value, int32(i), int32(len(attribute.Values)), into)
			}
		}
	}
	for _, x := range s.indexes {
		if !d.has(x) {
			x.answer(Missing, into)
		}
	}
	return into
}

// unmatched is what the rule finds in values that it does not match.
func (r Rule) unmatched() Finding {
	switch {
	case r.Disabled:
		return Finding{Outcome: Disabled, Value: -1}
	case r.Values == All:
		return Finding{Outcome: NoMatch, Value: 0} // the first value is one that did not
	case r.Values == None:
		return Finding{Outcome: NoMatch, True: !r.Pattern.IsZero(), Value: -1}
	}
	return Finding{Outcome: NoMatch, Value: -1}
}

// answer gives all rules of the index the same finding: that there is nothing to
// match.
func (x *index) answer(o Outcome, into []Finding) {
	for _, s := range x.rules {
		for i := s.from; i < s.to; i++ {
			into[i] = Finding{Outcome: o, Value: -1}
		}
	}
}

// ask puts to one value, the i-th of n, every question that it may answer.
func (x *index) ask(d *desk, value string, i, n int32, into []Finding) {
	if len(x.globs) > 0 {
		d.lay(value)
		if globs, ok := x.whole[string(d.folded)]; ok {
			x.try(d, globs, i, n, into)
		}
		for slot, at := x.grams.next(d.edged, 0); slot >= 0; slot, at = x.grams.next(d.edged, at) {
			if d.met[slot] != d.moment {
				d.met[slot] = d.moment
				x.try(d, x.grams.slots[slot].globs, i, n, into)
			}
		}
	}
	if x.automaton != nil {
		x.read(d.walk(x), value, i, n, into)
	}
}

// try compares a span of globs with the value, and asks the regular expression of
// those that fit and cannot tell.
func (x *index) try(d *desk, s span, i, n int32, into []Finding) {
	for k := s.from; k < s.to; k++ {
		g := &x.globs[k]
		q := &x.questions[g.question]
		if q.settled(into[q.rules[0]], i) || d.tried[g.question] == d.moment {
			continue
		}
		text := d.value
		if g.folded {
			text = d.folded
		}
		if !g.fits(text) {
			continue
		}
		if !g.exact || g.dots && bytes.IndexByte(d.value, '\n') >= 0 {
			d.tried[g.question] = d.moment
			if !q.regexp.Match(d.value) {
				continue
			}
		}
		q.matched(i, n, into)
	}
}

// settled reports whether a finding can no longer change with the i-th value or a
// later one.
func (q *question) settled(f Finding, i int32) bool {
	// Until it is decided, the Value of an All question counts the values so far,
	// all of which matched.
	return f.Outcome == Matched && (q.values != All || f.Value < i)
}

// matched notes that the i-th of n values matches.
func (q *question) matched(i, n int32, into []Finding) {
	f := into[q.rules[0]]
	f.Outcome = Matched
	if q.values == All {
		if f.Value == i {
			f.Value++
		}
		if f.Value == n {
			f.True, f.Value = true, 0
		}
	} else {
		f.True, f.Value = q.values == Any, i
	}
	for _, rule := range q.rules {
		into[rule] = f
	}
}
