package ldapsync

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPeopleOfNestedGroupsCountOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		g    graph
		want [][]uint32
	}{
		{"no groups", graph{}, [][]uint32{}},
		{"alone", graph{[][]uint32{{3, 1}}, [][]uint32{nil}}, [][]uint32{{1, 3}}},
		{"twice a member", graph{[][]uint32{{3, 3}}, [][]uint32{nil}}, [][]uint32{{3}}},
		{"one in another", graph{[][]uint32{{1}, {2}}, [][]uint32{{1}, nil}}, [][]uint32{{1, 2}, {2}}},
		{"in itself", graph{[][]uint32{{1}}, [][]uint32{{0}}}, [][]uint32{{1}}},
		{"a ring of three has the same people everywhere", graph{[][]uint32{{1}, {2}, {3}}, [][]uint32{{1}, {2}, {0}}},
			[][]uint32{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}}},
		{"a ring below, a group above", graph{[][]uint32{{1}, {2}, {3}}, [][]uint32{{1}, {2}, {1}}},
			[][]uint32{{1, 2, 3}, {2, 3}, {2, 3}}},
		{"two ways to one group", graph{[][]uint32{nil, {2}, {3}, {4}}, [][]uint32{{1, 2}, {3}, {3}, nil}},
			[][]uint32{{2, 3, 4}, {2, 4}, {3, 4}, {4}}},
	} {
		got, ok := tt.g.flatten(100)
		if !ok || !slices.EqualFunc(got, tt.want, slices.Equal[[]uint32]) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestFlatteningIsWhatWalkingWouldFind compares with a walk from every group.
func TestFlatteningIsWhatWalkingWouldFind(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		count := 1 + random.IntN(12)
		g := graph{make([][]uint32, count), make([][]uint32, count)}
		for i := range count {
			for range random.IntN(4) {
				g.people[i] = append(g.people[i], random.Uint32N(20))
				g.groups[i] = append(g.groups[i], random.Uint32N(uint32(count)))
			}
		}
		got, _ := g.flatten(1 << 20)
		for i := range count {
			seen, people := map[uint32]bool{}, map[uint32]bool{}
			for todo := []uint32{uint32(i)}; len(todo) > 0; todo = todo[1:] {
				if seen[todo[0]] {
					continue
				}
				seen[todo[0]] = true
				todo = append(todo, g.groups[todo[0]]...)
				for _, person := range g.people[todo[0]] {
					people[person] = true
				}
			}
			if len(got[i]) != len(people) || !slices.IsSorted(got[i]) {
				t.Fatalf("%+v: group %d has %v, want %v", g, i, got[i], people)
			}
			for _, person := range got[i] {
				if !people[person] {
					t.Fatalf("%+v: group %d has %v, want %v", g, i, got[i], people)
				}
			}
		}
	}
}

func TestAChainOfAnyLengthIsFollowed(t *testing.T) {
	const count = 200_000
	g := graph{make([][]uint32, count), make([][]uint32, count)}
	for i := range count - 1 {
		g.groups[i] = []uint32{uint32(i + 1)}
	}
	g.people[count-1] = []uint32{7}
	if got, ok := g.flatten(count); !ok || !slices.Equal(got[0], []uint32{7}) {
		t.Error("the last person is not in the first group")
	}
}

func TestGroupsThatWouldFillTheMemoryAreRefused(t *testing.T) {
	g := graph{[][]uint32{{1, 2, 3}, nil}, [][]uint32{nil, {0}}}
	if _, ok := g.flatten(5); ok {
		t.Error("six places fit into five")
	}
}
