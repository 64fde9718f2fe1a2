package rules

import (
	"bytes"
	"cmp"
	"slices"
)

// builder gathers the rules of one attribute.
type builder struct {
	index
	patterns []Pattern // by question
	known    map[questionKey]int32
}

// questionKey is what makes two rules one question.
type questionKey struct {
	text    string
	options Options
	values  Quantifier
}

// card is a glob on its way to its place: under a whole value or under a gram.
type card struct {
	filedGlob
	value []byte
	gram  uint32
}

// crowd is how many globs that only a regular expression can decide may share a
// gram. More are better asked all at once, by the automaton.
const crowd = 16

// walkRoom is how much a desk may remember of an automaton, in bytes. Beyond it,
// an evaluation goes on without remembering, and the next begins anew.
const walkRoom = 8 << 20

func newBuilder() *builder { return &builder{known: make(map[questionKey]int32)} }

// add takes the i-th rule of the set.
func (b *builder) add(i int32, rule Rule) {
	if last := len(b.rules) - 1; last >= 0 && b.rules[last].to == i {
		b.rules[last].to++
	} else {
		b.rules = append(b.rules, span{i, i + 1})
	}
	if rule.Pattern.IsZero() {
		return // there is nothing to ask
	}
	key := questionKey{rule.Pattern.text, rule.Pattern.options, rule.Values}
	number, ok := b.known[key]
	if !ok {
		number = int32(len(b.questions))
		b.known[key] = number
		b.questions = append(b.questions, question{values: rule.Values})
		b.patterns = append(b.patterns, rule.Pattern)
	}
	q := &b.questions[number]
	q.rules = append(q.rules, i)
}

// build gives each question its place.
func (b *builder) build() *index {
	cards, textless := b.cards()
	for number := range b.questions {
		if textless[number] {
			if b.automaton == nil {
				b.automaton = &automaton{room: walkRoom}
			}
			b.automaton.add(b.patterns[number].source, int32(number))
			continue
		}
		for _, g := range b.patterns[number].globs {
			if !g.exact || g.dots {
				b.questions[number].regexp = b.patterns[number].regexp()
			}
		}
	}
	if b.automaton != nil {
		b.automaton.finish()
	}
	cards = slices.DeleteFunc(cards, func(c card) bool { return textless[c.question] })
	b.file(cards)
	return &b.index
}

// cards writes a card for each glob, and finds the questions that must do without:
// those with a glob that has no gram, or none that is rare enough.
func (b *builder) cards() (cards []card, textless []bool) {
	textless = make([]bool, len(b.questions))
	grams := make([][]uint32, 0, len(b.questions))
	popular := make(map[uint32]int32) // how many globs have a gram
	for number, pattern := range b.patterns {
		for _, g := range pattern.globs {
			c := card{filedGlob: filedGlob{g, int32(number)}}
			var has []uint32
			if g.whole() {
				c.value = appendFolded(nil, string(g.pieces[0]))
			} else {
				has = g.grams()
				textless[number] = textless[number] || len(has) == 0
			}
			for _, gram := range has {
				popular[gram]++
			}
			cards = append(cards, c)
			grams = append(grams, has)
		}
	}

	undecided := make(map[uint32]int) // globs under a gram that need a regular expression
	for i := range cards {
		c := &cards[i]
		if len(grams[i]) == 0 {
			continue
		}
		c.gram = slices.MinFunc(grams[i], func(x, y uint32) int { return cmp.Compare(popular[x], popular[y]) })
		if !c.exact {
			undecided[c.gram]++
		}
	}
	for i := range cards {
		if c := &cards[i]; !c.whole() && !c.exact && undecided[c.gram] > crowd {
			textless[c.question] = true
		}
	}
	return cards, textless
}

// file lays globs that are looked up together next to each other and writes down
// where they are.
func (b *builder) file(cards []card) {
	order := func(x, y card) int {
		if x.whole() != y.whole() {
			if x.whole() {
				return -1
			}
			return 1
		}
		return cmp.Or(bytes.Compare(x.value, y.value), cmp.Compare(x.gram, y.gram))
	}
	slices.SortStableFunc(cards, order)

	b.globs = make([]filedGlob, len(cards))
	b.whole = make(map[string]span)
	var grams []filedGram
	for from, to := 0, 0; from < len(cards); from = to {
		for to < len(cards) && order(cards[from], cards[to]) == 0 {
			b.globs[to] = cards[to].filedGlob
			to++
		}
		globs := span{int32(from), int32(to)}
		if cards[from].whole() {
			b.whole[string(cards[from].value)] = globs
		} else {
			grams = append(grams, filedGram{cards[from].gram, globs})
		}
	}
	b.grams = newGramTable(grams)
}
