package ldapsync

import (
	"fmt"
	"slices"
	"testing"
)

// evenPeople are holdings of so many people, numbered 0, 2, 4 and so on.
func evenPeople(count int) Holdings {
	var h Holdings
	var ids IDs
	for i := range count {
		h.People = append(h.People, Held{ID: ids.Keep(fmt.Appendf(nil, "%08d", 2*i))})
	}
	return h
}

func TestWhoIsHeldIsFoundWithAnIndexAndWithout(t *testing.T) {
	for _, count := range []int{0, 1, 2, 3, 64, 10_000} {
		plain, indexed := evenPeople(count), evenPeople(count)
		indexed.Index()
		for i := range 2*count + 2 {
			id := ID(fmt.Sprintf("%08d", i))
			want := i%2 == 0 && i < 2*count
			for _, h := range []Holdings{plain, indexed} {
				if held, ok := h.Held(id); ok != want || ok && held.ID != id {
					t.Fatalf("of %d people: %s: got %q, %v, want %v", count, id, held.ID, ok, want)
				}
			}
		}
	}
}

func TestWhoWasReadIsFoundBesideTheHeldInOrderAndOutOfIt(t *testing.T) {
	h := evenPeople(100)
	var people []Person
	for i := range 203 {
		people = append(people, Person{ID: ID(fmt.Sprintf("%08d", i))})
	}
	shuffled := slices.Clone(people)
	for i := range shuffled {
		j := i * 7 % len(shuffled)
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	}
	for name, people := range map[string][]Person{"in order": people, "shuffled": shuffled} {
		for i, place := range h.beside(people) {
			held, ok := h.at(place)
			if _, want := h.Held(people[i].ID); ok != want || ok && held.ID != people[i].ID {
				t.Errorf("%s: %s: got %q, %v, want %v", name, people[i].ID, held.ID, ok, want)
			}
		}
	}
}

func TestACrowdKeepsEverybodyAtTheirPlace(t *testing.T) {
	var c crowd
	var ids IDs
	for i := range 3*together + 1 {
		c.add(Person{ID: ids.Keep(fmt.Appendf(nil, "person %d", i))})
	}
	for i := range c.count {
		if want := ID(fmt.Sprintf("person %d", i)); c.at(uint32(i)).ID != want {
			t.Fatalf("place %d: got %q, want %q", i, c.at(uint32(i)).ID, want)
		}
	}
	if c.count != 3*together+1 {
		t.Errorf("%d people, want %d", c.count, 3*together+1)
	}
}
