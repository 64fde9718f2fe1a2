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
// only, and even a glob like ^a has a gram.
const edge = 0xff

// grams lists each gram of the glob's pieces once.
func (g *glob) grams() []uint32 {
	var grams []uint32
	for i, piece := range g.pieces {
		var text []byte
		if g.begin && i == 0 {
			text = append(text, edge, edge, edge)
		}
		text = appendFolded(text, string(piece))
		if g.end && i == len(g.pieces)-1 {
			text = append(text, edge, edge, edge)
		}
		for ; len(text) >= gramSize; text = text[1:] {
			grams = append(grams, uint32(text[0])|uint32(text[1])<<8|uint32(text[2])<<16|uint32(text[3])<<24)
		}
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

// gramTable finds the globs that are filed under a gram.
type gramTable struct {
	bits  []uint64 // a bit for each hash in the table; most grams end here
	shift int      // of a hash to the number of its bit
	slots []filedGram
}

// filedGram is a slot: a gram and its globs. Without globs it is free.
type filedGram struct {
	gram  uint32
	globs span
}

func newGramTable(grams []filedGram) gramTable {
	if len(grams) == 0 {
		return gramTable{}
	}
	// At least two slots for each gram, so that looking ends soon, and eight bits
	// for each slot, so that 15 of 16 grams that are not in the table end there.
	size := bits.Len(uint(2*len(grams) - 1))
	t := gramTable{
		slots: make([]filedGram, 1<<size),
		bits:  make([]uint64, max(1, 1<<size*8/64)),
	}
	t.shift = 32 - bits.Len(uint(64*len(t.bits)-1))
	for _, g := range grams {
		h := hashGram(g.gram)
		bit := h >> t.shift
		t.bits[bit/64] |= 1 << (bit % 64)
		t.slots[t.slot(g.gram, h)] = g
	}
	return t
}

func hashGram(gram uint32) uint32 { return gram * 0x9e3779b1 }

// slot is where the gram is, or else a free one.
func (t *gramTable) slot(gram, hash uint32) int {
	mask := len(t.slots) - 1
	for i := int(hash>>7) & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.gram == gram || s.globs == (span{}) {
			return i
		}
	}
}

// next finds the next gram of the text that is in the table: its slot, and the
// place after its first byte, where to look on. The slot is -1 at the end.
func (t *gramTable) next(text []byte, from int) (slot, after int) {
	if len(t.bits) == 0 {
		return -1, len(text)
	}
	for at := from; at+gramSize <= len(text); at++ {
		gram := uint32(text[at]) | uint32(text[at+1])<<8 | uint32(text[at+2])<<16 | uint32(text[at+3])<<24
		hash := hashGram(gram)
		bit := hash >> t.shift
		if t.bits[bit/64]&(1<<(bit%64)) == 0 {
			continue
		}
		if slot := t.slot(gram, hash); t.slots[slot].globs != (span{}) {
			return slot, at + 1
		}
	}
	return -1, len(text)
}
