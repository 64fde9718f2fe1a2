package rules

import (
	"math/bits"
	"slices"
)

// gramSize is the number of bytes in a gram. Four are few enough to be looked up
// as one number and enough to be rare.
const gramSize = 4

// edge stands before and after a folded value, gramSize-1 times. No UTF-8 text
// contains it, so a gram with edges in it is found at the beginning or at the end
// only, and even a glob like ^a has a full gram.
const edge = 0xff

// fullGrams lists each gram of gramSize bytes in the glob's pieces once.
func (g *glob) fullGrams() []uint32 {
	var grams []uint32
	for i := range g.pieces {
		text := g.edged(i)
		for k := 0; k+gramSize <= len(text); k++ {
			grams = append(grams, gramOf(text[k:k+gramSize]))
		}
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

// edged is the folded i-th piece with the edges that it must be found beside.
func (g *glob) edged(i int) []byte {
	var text []byte
	if g.begin && i == 0 {
		text = append(text, edge, edge, edge)
	}
	text = appendFolded(text, string(g.pieces[i]))
	if g.end && i == len(g.pieces)-1 {
		text = append(text, edge, edge, edge)
	}
	return text
}

// gramOf is a text of at most gramSize bytes as a number, the first byte lowest.
func gramOf(text []byte) uint32 {
	gram := uint32(0)
	for i, c := range text {
		gram |= uint32(c) << (8 * i)
	}
	return gram
}

// rarest chooses the gram to file the glob under: of the full ones that with the
// fewest globs; else, for a short text that may stand anywhere, the longest piece
// as a gram of its own width; else none, of width 0.
func (g *glob) rarest(popular map[uint32]int32) (width int, gram uint32) {
	fewest := int32(0)
	for _, candidate := range g.fullGrams() {
		if n := popular[candidate]; width == 0 || n < fewest {
			width, gram, fewest = gramSize, candidate, n
		}
	}
	if width > 0 {
		return width, gram
	}
	for _, piece := range g.pieces {
		text := appendFolded(nil, string(piece))
		if len(text) > width {
			width, gram = len(text), gramOf(text)
		}
	}
	return width, gram
}

// gramTable finds the globs that are filed under the grams of one width.
type gramTable struct {
	narrow  int      // what to shift out of four bytes for a gram of this width
	bits    []uint64 // a bit for each hash in the table; most grams end here
	bitHash int      // what to shift out of a hash for the number of its bit
	slots   []filedGram
	first   int32 // the number of the first slot, counted through all tables
}

// filedGram is a slot: a gram and its globs. Without globs it is free.
type filedGram struct {
	gram  uint32
	globs span
}

func newGramTable(width int, grams []filedGram, first int32) gramTable {
	t := gramTable{narrow: 8 * (gramSize - width), first: first}
	if len(grams) == 0 {
		return t
	}
	// At least two slots for each gram, so that looking ends soon, and eight bits
	// for each slot, so that 15 of 16 grams that are not in the table end there.
	size := bits.Len(uint(2*len(grams) - 1))
	t.slots = make([]filedGram, 1<<size)
	t.bits = make([]uint64, max(1, 1<<size*8/64))
	t.bitHash = 32 - bits.Len(uint(64*len(t.bits)-1))
	for _, g := range grams {
		h := hashGram(g.gram)
		bit := h >> t.bitHash
		t.bits[bit/64] |= 1 << (bit % 64)
		t.slots[t.slot(g.gram, h)] = g
	}
	return t
}

func hashGram(gram uint32) uint32 {
	h := gram * 0x9e3779b1
	return h ^ h>>15
}

// slot is where the gram is, or else a free one.
func (t *gramTable) slot(gram, hash uint32) int32 {
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.gram == gram || s.globs == (span{}) {
			return int32(i)
		}
	}
}

// scan tries the globs of every gram in the value on the desk.
func (t *gramTable) scan(x *index, d *desk, i, n int32, into []Finding) {
	if len(t.slots) == 0 {
		return
	}
	window := ^uint32(0) // as if edges had gone before
	for _, c := range d.edged {
		window = window>>8 | uint32(c)<<24
		gram := window >> t.narrow
		hash := hashGram(gram)
		bit := hash >> t.bitHash
		if t.bits[bit/64]&(1<<(bit%64)) == 0 {
			continue
		}
		number := t.slot(gram, hash)
		if t.slots[number].gram != gram || d.met[t.first+number] == d.moment {
			continue
		}
		d.met[t.first+number] = d.moment
		x.try(d, t.slots[number].globs, i, n, into)
	}
}
