package ldapsync

import "hash/maphash"

// index finds people among many by their IDs: a table of places with open
// addressing. It has four bytes for a place and none for the IDs, which stand in
// the list; a map would need ten times as much. The zero value is empty.
type index struct {
	seed  maphash.Seed
	slots []int32 // places and 1; 0 is an empty slot
}

func newIndex(people []Held) index {
	size := 1
	for size < 2*len(people) {
		size *= 2
	}
	x := index{maphash.MakeSeed(), make([]int32, size)}
	for i, held := range people {
		at := x.first(held.ID)
		for x.slots[at] != 0 {
			at = x.next(at)
		}
		x.slots[at] = int32(i) + 1
	}
	return x
}

// find looks an ID up in the list that the index was made of.
func (x index) find(people []Held, id ID) (place int, ok bool) {
	for at := x.first(id); x.slots[at] != 0; at = x.next(at) {
		if place := int(x.slots[at]) - 1; people[place].ID == id {
			return place, true
		}
	}
	return 0, false
}

// first is the slot where an ID is looked for, and next the one after a slot that
// another has.
func (x index) first(id ID) int   { return int(maphash.String(x.seed, string(id))) & (len(x.slots) - 1) }
func (x index) next(slot int) int { return (slot + 1) & (len(x.slots) - 1) }
