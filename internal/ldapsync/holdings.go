package ldapsync

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"idms/internal/users"
)

// Holdings is what earlier syncs of one record left behind. The lists are small
// and always whole; Details is what Compare needs to know besides, which is
// little when little has changed (Want).
type Holdings struct {
	People []Held      // ascending by ID, each once
	Groups []HeldGroup // ascending by ID, each once
	Details

	index index // of People; empty: they are searched for
}

// Index makes finding people in no order quicker, when there are many.
func (h *Holdings) Index() { h.index = newIndex(h.People) }

// Held is one person as the last sync left them.
type Held struct {
	ID   ID
	User uuid.UUID // the account
	Mark Mark
	Off  Off
}

// HeldGroup is one group as the last sync left it.
type HeldGroup struct {
	ID      ID
	Key     string // of the group here
	Name    string // as the directory called it
	Made    bool   // by a sync: only then is it renamed with the directory's
	Mark    Mark
	Off     Off // On or Gone
	Members int // whom this directory put there
}

// Details are what Want asked for. An entry that was not asked for may be there.
type Details struct {
	// Accounts of this record: those asked for by their IDs and by their names.
	Accounts []Account
	// Members whom this directory put into a group, by the group's key. A group
	// that was asked for and has none needs no entry.
	Members map[string][]uuid.UUID
	// GroupsOf are the keys of the groups into which this directory put a person.
	GroupsOf map[uuid.UUID][]string
	// Keys are all groups here, with their names, when Want asked for them.
	Keys map[string]string
	// Protected are the accounts that a sync never touches, and why: exempt users
	// and administrators (L4).
	Protected map[uuid.UUID]string
}

// Account is one account of the record.
type Account struct {
	User    uuid.UUID
	Profile users.Profile
	State   users.State
	ID      ID     // of the directory entry it belongs to; "" when none
	DN      string // as the last sync saw it
}

// Want is what Compare must know about, given a snapshot.
type Want struct {
	Users  []uuid.UUID // accounts
	Names  []string    // accounts by folded usernames
	Groups []string    // members, by the group's key
	Of     []uuid.UUID // the groups of these people
	Keys   bool        // all groups
}

// Held finds a person by ID: the index to know which entries did not change.
func (h Holdings) Held(id ID) (Held, bool) {
	at, ok := h.place(id)
	if !ok {
		return Held{}, false
	}
	return h.People[at], true
}

// place of a person in People.
func (h Holdings) place(id ID) (int, bool) {
	if h.index.slots != nil {
		return h.index.find(h.People, id)
	}
	return slices.BinarySearchFunc(h.People, id, Held.compare)
}

func (h Held) compare(id ID) int { return cmp.Compare(h.ID, id) }

func (h Holdings) heldGroup(id ID) (HeldGroup, bool) {
	at, ok := slices.BinarySearchFunc(h.Groups, id, func(held HeldGroup, id ID) int { return cmp.Compare(held.ID, id) })
	if !ok {
		return HeldGroup{}, false
	}
	return h.Groups[at], true
}

// Want says what Compare needs to know besides, for this snapshot. After a run
// without changes it is nothing.
func (h Holdings) Want(s Snapshot) Want {
	var w Want
	arrived := make([]bool, len(s.People)) // who was not here at the last sync
	some := false
	beside := h.beside(s.People)
	for i, person := range s.People {
		held, known := h.at(beside[i])
		arrived[i] = !known || held.Off.vanished()
		some = some || arrived[i]
		if known && (held.Mark != person.Mark || held.Off != person.Off) {
			w.Users = append(w.Users, held.User)
		}
		if known && held.Off.vanished() {
			w.Of = append(w.Of, held.User)
		}
		if person.Profile != nil && (!known || held.Mark != person.Mark) {
			w.Names = append(w.Names, users.Fold(person.Profile.Username))
		}
	}
	for _, held := range h.missing(beside) {
		w.Users = append(w.Users, held.User)
	}
	for _, group := range s.Groups {
		held, known := h.heldGroup(group.ID)
		switch {
		case !known:
			w.Keys = true
		case held.Mark != group.Mark || held.Off != On || some && slices.ContainsFunc(group.Members, func(place uint32) bool { return arrived[place] }):
			w.Groups = append(w.Groups, held.Key)
		}
	}
	for _, held := range h.missingGroups(s) {
		w.Groups = append(w.Groups, held.Key)
	}
	return w
}

// nobody is the place of whom no sync has seen before.
const nobody = -1

// beside are the places in h.People of the people who were read, or nobody. Both
// lists are in the order of IDs, so one walk through both finds everybody; who is
// out of order costs a search.
func (h Holdings) beside(people []Person) []int32 {
	places := make([]int32, len(people))
	at := 0
	for i, person := range people {
		if at > 0 && h.People[at-1].ID >= person.ID {
			at, _ = slices.BinarySearchFunc(h.People, person.ID, Held.compare)
		}
		for at < len(h.People) && h.People[at].ID < person.ID {
			at++
		}
		places[i] = nobody
		if at < len(h.People) && h.People[at].ID == person.ID {
			places[i] = int32(at)
		}
	}
	return places
}

// at is who has a place that beside found.
func (h Holdings) at(place int32) (Held, bool) {
	if place == nobody {
		return Held{}, false
	}
	return h.People[place], true
}

// missing are the people whom the directory let in or switched off at the last
// sync, and who do not stand in the snapshot, whose people are beside.
func (h Holdings) missing(beside []int32) []Held {
	there := make([]bool, len(h.People))
	for _, place := range beside {
		if place != nobody {
			there[place] = true
		}
	}
	var missing []Held
	for i, held := range h.People {
		if !held.Off.vanished() && !there[i] {
			missing = append(missing, held)
		}
	}
	return missing
}

func (h Holdings) missingGroups(s Snapshot) []HeldGroup {
	there := make(map[ID]bool, len(s.Groups))
	for _, group := range s.Groups {
		there[group.ID] = true
	}
	var missing []HeldGroup
	for _, held := range h.Groups {
		if held.Off == On && !there[held.ID] {
			missing = append(missing, held)
		}
	}
	return missing
}

// vanished is true for somebody who was not read at all.
func (o Off) vanished() bool { return o == OutOfScope || o == Gone }
