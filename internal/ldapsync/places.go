package ldapsync

// places finds who has a name: a table of keys with open addressing. Half a
// million members are looked up in it at random, so what counts is that each
// look-up touches one line of memory; a map touches three or four. The zero value
// is empty.
type places struct {
	slots []slot
	count int
}

// slot holds 96 of a key's 128 bits, which nobody outside can choose.
type slot struct {
	one   uint64
	two   uint32
	place uint32 // and 1; 0 is an empty slot
}

func (p *places) find(k key) (place uint32, ok bool) {
	if len(p.slots) == 0 {
		return 0, false
	}
	at := p.slots[p.at(k[0], uint32(k[1]))]
	return at.place - 1, at.place != 0
}

// put notes a place; the last one of a name stays.
func (p *places) put(k key, place uint32) {
	if 2*p.count >= len(p.slots) {
		old := p.slots
		p.slots = make([]slot, max(1024, 2*len(old)))
		for _, one := range old {
			if one.place != 0 {
				p.slots[p.at(one.one, one.two)] = one
			}
		}
	}
	at := p.at(k[0], uint32(k[1]))
	if p.slots[at].place == 0 {
		p.count++
	}
	p.slots[at] = slot{k[0], uint32(k[1]), place + 1}
}

// at is where a key is, or where it would go. There is always room.
func (p *places) at(one uint64, two uint32) uint64 {
	mask := uint64(len(p.slots) - 1)
	at := one & mask
	for p.slots[at].place != 0 && (p.slots[at].one != one || p.slots[at].two != two) {
		at = (at + 1) & mask
	}
	return at
}
