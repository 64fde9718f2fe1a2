package rules

// desk is where an evaluation works: the value at hand and what has been done with
// it. Desks are reused, so that a login allocates nothing.
type desk struct {
	value  []byte // as it came
	edged  []byte // folded, edges on both sides
	folded []byte // folded, within edged

	// A moment is one value, or the start of an evaluation. Each note below holds
	// the moment it was made at, so nothing needs to be wiped in between.
	moment uint32
	start  uint32   // of this evaluation
	read   []uint32 // by index: its attribute has been seen
	met    []uint32 // by slot: its gram has been seen
	tried  []uint32 // by question: its regular expression has been asked

	walks []*walk // by index, each made when first needed
}

func newDesk(indexes []*index) *desk {
	slots, questions := 0, 0
	for _, x := range indexes {
		slots = max(slots, len(x.grams.slots))
		questions = max(questions, len(x.questions))
	}
	return &desk{
		read:  make([]uint32, len(indexes)),
		met:   make([]uint32, slots),
		tried: make([]uint32, questions),
		walks: make([]*walk, len(indexes)),
	}
}

// walk is the desk's walk through an index's automaton.
func (d *desk) walk(x *index) *walk {
	if d.walks[x.number] == nil {
		d.walks[x.number] = newWalk(x.automaton)
	}
	return d.walks[x.number]
}

// begin starts an evaluation.
func (d *desk) begin() {
	const late = 1 << 31 // long before the moments come round
	if d.moment > late {
		d.moment = 0
		clear(d.read)
		clear(d.met)
		clear(d.tried)
	}
	d.moment++
	d.start = d.moment
}

// note remembers that the index has been asked in this evaluation: of several
// attributes of one Name only the first counts, as in [Attributes.Get].
func (d *desk) note(x *index) {
	d.read[x.number] = d.moment
	if w := d.walks[x.number]; w != nil && w.full() {
		w.forget()
	}
}

// has reports whether note was called in this evaluation.
func (d *desk) has(x *index) bool { return d.read[x.number] >= d.start }

// lay puts a value on the desk.
func (d *desk) lay(value string) {
	d.moment++
	d.value = append(d.value[:0], value...)
	d.edged = append(d.edged[:0], edge, edge, edge)
	d.edged = appendFolded(d.edged, value)
	end := len(d.edged)
	d.edged = append(d.edged, edge, edge, edge)
	d.folded = d.edged[gramSize-1 : end]
}
