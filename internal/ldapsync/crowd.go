package ldapsync

// crowd is a list of people that grows without moving those who are in it: nobody
// knows how many a directory will send, and a list in one piece leaves four times
// its size behind on its way. The zero value is empty.
type crowd struct {
	parts [][]Person
	count int
}

// together is how many people stand in one part.
const together = 1024

func (c *crowd) add(person Person) {
	if c.count%together == 0 {
		c.parts = append(c.parts, make([]Person, 0, together))
	}
	last := &c.parts[len(c.parts)-1]
	*last = append(*last, person)
	c.count++
}

func (c *crowd) at(place uint32) *Person { return &c.parts[place/together][place%together] }
