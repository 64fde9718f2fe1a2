package rules

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// symbols sorts the characters into kinds that no pattern of an automaton tells
// apart, so that its states need a step for each kind only. A symbol is the number
// of a kind; the last one is the end of the value.
type symbols struct {
	sets  [][]rune // sets of characters, each as pairs: from, to
	known map[string]int32

	bounds []rune               // where kinds change, ascending from 0
	kinds  []int32              // by bound: the kind from there on
	ascii  [utf8.RuneSelf]int32 // the symbols of the first characters, to save a search
	sample []rune               // by symbol: a character of the kind
	has    [][]uint64           // by set: a bit for each kind that is in it
}

// noRune stands for what is before the first and after the last character, as in
// syntax.EmptyOpContext.
const noRune rune = -1

// set is the number of a set of characters, given as pairs.
func (s *symbols) set(pairs []rune) int32 {
	var key []byte
	for _, r := range pairs {
		key = binary.LittleEndian.AppendUint32(key, uint32(r))
	}
	number, ok := s.known[string(key)]
	if !ok {
		if s.known == nil {
			s.known = make(map[string]int32)
		}
		number = int32(len(s.sets))
		s.known[string(key)] = number
		s.sets = append(s.sets, pairs)
	}
	return number
}

// sort gives each stretch between two bounds its kind: the same for all stretches
// that are in the same sets.
func (s *symbols) sort() {
	s.bounds = []rune{0}
	for _, set := range s.sets {
		for i := 0; i < len(set); i += 2 {
			s.bounds = append(s.bounds, set[i], set[i+1]+1)
		}
	}
	slices.Sort(s.bounds)
	s.bounds = slices.Compact(s.bounds)

	// All are of one kind at first. Each set then parts the kinds that it cuts.
	s.kinds = make([]int32, len(s.bounds))
	count := int32(1)
	for number := range s.sets {
		parted := make(map[int32]int32) // from the old kind to that of its members
		for _, k := range s.stretches(number) {
			member, ok := parted[s.kinds[k]]
			if !ok {
				member, count = count, count+1
				parted[s.kinds[k]] = member
			}
			s.kinds[k] = member
		}
	}

	// Number those that are left: a kind that went over into a set as a whole has
	// left a gap.
	renumbered := make(map[int32]int32)
	for k, old := range s.kinds {
		kind, ok := renumbered[old]
		if !ok {
			kind = int32(len(s.sample))
			renumbered[old] = kind
			s.sample = append(s.sample, s.bounds[k])
		}
		s.kinds[k] = kind
	}
	s.sample = append(s.sample, noRune)

	s.has = make([][]uint64, len(s.sets))
	for number := range s.sets {
		s.has[number] = make([]uint64, len(s.sample)/64+1)
		for _, k := range s.stretches(number) {
			s.has[number][s.kinds[k]/64] |= 1 << (s.kinds[k] % 64)
		}
	}
	for r := range s.ascii {
		s.ascii[r] = int32(s.of(rune(r)))
	}
}

// stretches are the positions in bounds of the stretches that make up a set.
func (s *symbols) stretches(number int) []int {
	var list []int
	set := s.sets[number]
	for i := 0; i < len(set); i += 2 {
		from, _ := slices.BinarySearch(s.bounds, set[i])
		to, _ := slices.BinarySearch(s.bounds, set[i+1]+1)
		for k := from; k < to; k++ {
			list = append(list, k)
		}
	}
	return list
}

// of is the symbol of a character.
func (s *symbols) of(r rune) int {
	at, exact := slices.BinarySearch(s.bounds, r)
	if !exact {
		at--
	}
	return int(s.kinds[at])
}

// count is the number of symbols.
func (s *symbols) count() int { return len(s.sample) }

// end is the symbol after the last character.
func (s *symbols) end() int { return len(s.sample) - 1 }

// in reports whether characters of a kind are in a set.
func (s *symbols) in(symbol int, set int32) bool {
	return s.has[set][symbol/64]&(1<<(symbol%64)) != 0
}
