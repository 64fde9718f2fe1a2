package rules

import (
	"cmp"
	"slices"
)

// builder gathers the rules of one attribute.
type builder struct {
	index
	known map[questionKey]int32 // where the question is
	loose []looseGlob
}

type questionKey struct {
	text    string
	options Options
	values  Quantifier
}

// looseGlob is a glob that has not been filed yet.
type looseGlob struct {
	filedGlob
	key   []byte // the whole value, folded; or
	width int    // of the gram that it goes under, 0 for none
	gram  uint32
}

func newBuilder() *builder { return &builder{known: make(map[questionKey]int32)} }

// add takes the i-th rule of the set.
func (b *builder) add(i int32, rule Rule) {
	if last := len(b.rules) - 1; last >= 0 && b.rules[last].to == i {
		b.rules[last].to++
	} else {
		b.rules = append(b.rules, span{i, i + 1})
	}
	if rule.Pattern.IsZero() {
		return
	}

	key := questionKey{rule.Pattern.text, rule.Pattern.options, rule.Values}
	number, ok := b.known[key]
	if !ok {
		number = int32(len(b.questions))
		b.known[key] = number
		q := question{values: rule.Values}
		for _, g := range rule.Pattern.globs {
			if !g.exact || g.dots {
				q.regexp = rule.Pattern.regexp()
			}
			b.loose = append(b.loose, looseGlob{filedGlob: filedGlob{g, number}})
		}
		b.questions = append(b.questions, q)
	}
	q := &b.questions[number]
	q.rules = append(q.rules, i)
}

// build files the globs.
func (b *builder) build() *index {
	popular := make(map[uint32]int32) // how many globs have a gram
	for _, g := range b.loose {
		if !g.whole() {
			for _, gram := range g.fullGrams() {
				popular[gram]++
			}
		}
	}
	for i := range b.loose {
		g := &b.loose[i]
		if g.whole() {
			g.key = appendFolded(nil, string(g.pieces[0]))
		} else {
			g.width, g.gram = g.rarest(popular)
		}
	}

	// Globs that are looked up together lie together.
	slices.SortStableFunc(b.loose, func(x, y looseGlob) int {
		return cmp.Or(cmp.Compare(x.place(), y.place()), slices.Compare(x.key, y.key), cmp.Compare(x.gram, y.gram))
	})
	b.globs = make([]filedGlob, len(b.loose))
	b.whole = make(map[string]span)
	var filed [gramSize][]filedGram
	for from := 0; from < len(b.loose); {
		first := &b.loose[from]
		to := from
		for ; to < len(b.loose) && b.loose[to].together(first); to++ {
			b.globs[to] = b.loose[to].filedGlob
		}
		s := span{int32(from), int32(to)}
		switch {
		case first.whole():
			b.whole[string(first.key)] = s
		case first.width > 0:
			filed[first.width-1] = append(filed[first.width-1], filedGram{first.gram, s})
		default:
			b.always = s
		}
		from = to
	}
	number := int32(0)
	for i := range filed {
		b.grams[i] = newGramTable(i+1, filed[i], number)
		number += int32(len(b.grams[i].slots))
	}
	return &b.index
}

// place is the order of the three ways to file a glob.
func (g *looseGlob) place() int {
	if g.whole() {
		return -1
	}
	return g.width
}

func (g *looseGlob) together(other *looseGlob) bool {
	return g.place() == other.place() && slices.Equal(g.key, other.key) && g.gram == other.gram
}
