package ldapsync

import "slices"

// graph is which group has which groups and people as its own members.
type graph struct {
	people [][]uint32 // places of people, by group
	groups [][]uint32 // places of groups, by group
}

// flatten returns, for each group, the people in it and in all groups within it,
// ascending and each once. Groups that are members of each other have the same
// people: cycles are strongly connected components, and each is worked out once
// (Tarjan 1972). Nothing here calls itself: a chain of groups may be as long as
// there are groups.
// It gives up, with false, when all groups together would have more than most.
func (g graph) flatten(most int) ([][]uint32, bool) {
	const unseen = 0
	count := len(g.people)
	var (
		order    = make([]int32, count) // when each was first seen, from 1
		low      = make([]int32, count) // the earliest that can be reached
		onStack  = make([]bool, count)
		member   = make([]int32, count) // which component
		stack    []int32
		finished [][]uint32 // people, by component
		clock    int32
	)
	room := most
	type visit struct{ group, next int32 }
	for root := range count {
		if order[root] != unseen {
			continue
		}
		path := []visit{{group: int32(root)}}
		for len(path) > 0 {
			at := &path[len(path)-1]
			v := at.group
			if at.next == 0 {
				clock++
				order[v], low[v] = clock, clock
				stack, onStack[v] = append(stack, v), true
			}
			if int(at.next) < len(g.groups[v]) {
				w := int32(g.groups[v][at.next])
				at.next++
				if order[w] == unseen {
					path = append(path, visit{group: w})
				} else if onStack[w] {
					low[v] = min(low[v], order[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				parent := path[len(path)-1].group
				low[parent] = min(low[parent], low[v])
			}
			if low[v] != order[v] {
				continue
			}
			// v is the first of its component, whose others are above it.
			from := slices.Index(stack, v)
			component := stack[from:]
			all := []uint32(nil)
			for _, one := range component {
				onStack[one] = false
				member[one] = int32(len(finished))
			}
			for _, one := range component {
				all = append(all, g.people[one]...)
				for _, inner := range g.groups[one] {
					// Components within are finished before those around them.
					if !onStack[inner] && member[inner] != int32(len(finished)) {
						all = append(all, finished[member[inner]]...)
					}
				}
			}
			slices.Sort(all)
			all = slices.Clip(slices.Compact(all))
			if room -= len(all); room < 0 {
				return nil, false
			}
			finished = append(finished, all)
			stack = stack[:from]
		}
	}
	flat := make([][]uint32, count)
	for i := range flat {
		flat[i] = finished[member[i]]
		if most -= len(flat[i]); most < 0 {
			return nil, false
		}
	}
	return flat, true
}
