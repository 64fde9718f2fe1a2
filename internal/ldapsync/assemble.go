package ldapsync

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// dropped is the place of somebody who was skipped after all.
const dropped = ^uint32(0)

// assemble makes the Snapshot of what was read. From here on the directory is
// not asked any more.
func (r *reading) assemble() (Snapshot, error) {
	places, people := r.sortPeople()
	flat, err := r.flatten(places)
	if err != nil {
		return Snapshot{}, err
	}
	snapshot := Snapshot{People: people, Groups: r.sortGroups(people, flat)}
	if err := r.tooManyFaulty(); err != nil {
		return Snapshot{}, err
	}
	snapshot.Skipped = r.skipped
	slices.SortStableFunc(snapshot.Skipped, func(a, b Skipped) int {
		return cmp.Or(cmp.Compare(a.DN, b.DN), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Why, b.Why))
	})
	return snapshot, nil
}

// sortPeople puts people in the order of their ids, and leaves out those who
// share an id or a username: which of both is meant nobody can know. places
// tells where each went.
func (r *reading) sortPeople() (places []uint32, people []Person) {
	places = make([]uint32, r.people.count)
	drop := func(place uint32, why string) {
		if places[place] == dropped {
			return
		}
		places[place] = dropped
		one := r.people.at(place)
		r.skipAs(one.DN, unusableFor(one.ID, "%s", why))
	}

	byUsername := inOrder(r.people.count, func(i int) uint64 { return r.usernames[i] }, func(a, b uint32) int { return 0 })
	for _, twins := range runs(byUsername, func(a, b uint32) bool { return r.usernames[a] == r.usernames[b] }) {
		// One entry that was read twice shares its username with itself.
		if !slices.ContainsFunc(twins, func(one uint32) bool { return r.people.at(one).ID != r.people.at(twins[0]).ID }) {
			continue
		}
		for _, one := range twins {
			drop(one, "Another entry has the same username.")
		}
	}
	order := inOrder(r.people.count, func(i int) uint64 { return r.people.at(uint32(i)).ID.prefix() },
		func(a, b uint32) int { return cmp.Compare(r.people.at(a).ID, r.people.at(b).ID) })
	for _, twins := range runs(order, func(a, b uint32) bool { return r.people.at(a).ID == r.people.at(b).ID }) {
		for _, one := range twins {
			drop(one, "Another entry has the same external id.")
		}
	}

	people = make([]Person, 0, len(order))
	for _, one := range order {
		if places[one] != dropped {
			places[one] = uint32(len(people))
			people = append(people, *r.people.at(one))
		}
	}
	r.people = crowd{}
	return places, people
}

// inOrder sorts places by a number of each, and by compare where two are equal.
// The numbers lie side by side: looking each one up would take several times as
// long.
func inOrder(count int, number func(int) uint64, compare func(a, b uint32) int) []uint32 {
	type numbered struct {
		number uint64
		place  uint32
	}
	all := make([]numbered, count)
	for i := range all {
		all[i] = numbered{number(i), uint32(i)}
	}
	slices.SortFunc(all, func(a, b numbered) int {
		if a.number != b.number {
			if a.number < b.number {
				return -1
			}
			return 1
		}
		return compare(a.place, b.place)
	})
	order := make([]uint32, count)
	for i, one := range all {
		order[i] = one.place
	}
	return order
}

// prefix is the beginning of an id as a number: ids are in the order of theirs.
func (id ID) prefix() uint64 {
	var first [8]byte
	copy(first[:], id)
	return binary.BigEndian.Uint64(first[:])
}

// runs are the stretches of more than one in a sorted list.
func runs(sorted []uint32, same func(a, b uint32) bool) [][]uint32 {
	var found [][]uint32
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && same(sorted[from], sorted[to]) {
			to++
		}
		if to-from > 1 {
			found = append(found, sorted[from:to])
		}
		from = to
	}
	return found
}

// flatten works out who is in each group, by new places.
func (r *reading) flatten(places []uint32) ([][]uint32, error) {
	for person, sid := range r.primary {
		if group := r.groupBySID[sid]; group != 0 {
			r.groups[group-1].people = append(r.groups[group-1].people, uint32(person))
		}
	}
	g := graph{make([][]uint32, len(r.groups)), make([][]uint32, len(r.groups))}
	for i, one := range r.groups {
		kept := one.people[:0]
		for _, person := range one.people {
			if places[person] != dropped {
				kept = append(kept, places[person])
			}
		}
		g.people[i] = kept
		if r.directory.settings.DirectMembersOnly {
			continue
		}
		for _, name := range one.others {
			// Who is neither a person nor a group that was read is nobody here:
			// a computer, a contact, a dummy that keeps a group from being empty.
			if inner := r.groupByName[name]; inner != 0 {
				g.groups[i] = append(g.groups[i], inner-1)
			}
		}
	}
	flat, ok := g.flatten(maxMembers)
	if !ok {
		return nil, &Fault{Code: SizeLimit, Sentence: fmt.Sprintf("The groups of the directory, with the groups in them, have more than %d members.", maxMembers)}
	}
	return flat, nil
}

// sortGroups finishes the groups, in the order of their ids, and leaves out
// those who share one.
func (r *reading) sortGroups(people []Person, flat [][]uint32) []Group {
	order := inOrder(len(r.groups), func(i int) uint64 { return r.groups[i].ID.prefix() },
		func(a, b uint32) int { return cmp.Compare(r.groups[a].ID, r.groups[b].ID) })
	twin := make([]bool, len(r.groups))
	for _, twins := range runs(order, func(a, b uint32) bool { return r.groups[a].ID == r.groups[b].ID }) {
		for _, one := range twins {
			twin[one] = true
			r.skipAs(r.groups[one].DN, unusableFor(r.groups[one].ID, "Another group has the same external id."))
		}
	}
	groups := make([]Group, 0, len(order))
	var room []byte
	for _, one := range order {
		if twin[one] {
			continue
		}
		group := r.groups[one].Group
		group.Members = flat[one]
		room = appendPart(room[:0], group.Name)
		room = appendPart(room, group.DN)
		// By id, so that the mark is the same when somebody before them goes.
		for _, member := range group.Members {
			room = appendPart(room, people[member].ID)
		}
		group.Mark = markOf(room)
		groups = append(groups, group)
	}
	return groups
}

// tooManyFaulty stops a run in which so much cannot be used that something else
// must be wrong (L5).
func (r *reading) tooManyFaulty() error {
	if r.faulty <= max(faultyFloor, r.total/faultyShare) {
		return nil
	}
	first := r.skipped[0]
	return &Fault{Code: TooManyFaulty, Sentence: fmt.Sprintf(
		"%d of %d entries cannot be used, which is more than 1 %%. The first is %s: %s", r.faulty, r.total, first.DN, first.Why)}
}
