package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Collision is a field that two people changed, each to something else. Texts are as
// those of a Change.
type Collision struct {
	Field              string // path as in Diff
	From, Theirs, Mine string
}

// Merge makes one JSON document of two that both come from a third: what one side
// alone changed is taken from that side, field by field, and members of a list that
// have a "key" are the same by their key as in Diff. Where both changed a field, and
// not to the same, theirs stands unless takeMine says otherwise of its path; such
// fields are returned, in the order of their paths. takeMine may be nil.
//
// A list that has no keys is one field. Of a list that both put into another order,
// the order is a field of its own: "access_rules (order)".
func Merge(base, theirs, mine []byte, takeMine func(field string) bool) ([]byte, []Collision, error) {
	var sides [3]any
	for i, document := range [][]byte{base, theirs, mine} {
		var err error
		if sides[i], err = parse(document); err != nil {
			return nil, nil, fmt.Errorf("audit: document %d of a merge: %w", i+1, err)
		}
	}
	if takeMine == nil {
		takeMine = func(string) bool { return false }
	}
	m := merging{takeMine: takeMine}
	merged, err := json.Marshal(m.merge("", sides[0], sides[1], sides[2]))
	return merged, m.collisions, err
}

type merging struct {
	takeMine   func(field string) bool
	collisions []Collision
}

func (m *merging) merge(path string, base, theirs, mine any) any {
	switch {
	case reflect.DeepEqual(theirs, mine), reflect.DeepEqual(base, mine):
		return theirs
	case reflect.DeepEqual(base, theirs):
		return mine
	}
	if keyed(base, theirs, mine) {
		return m.lists(path, base, theirs, mine)
	}
	before, _ := base.(map[string]any) // none when both sides added it
	a, isObject := theirs.(map[string]any)
	b, areObjects := mine.(map[string]any)
	if !isObject || !areObjects {
		return m.collide(path, base, theirs, mine)
	}
	whole := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(union(union(before, a), b))) {
		value := m.merge(join(path, name), member(before, name), member(a, name), member(b, name))
		if value != (any)(absent{}) {
			whole[name] = value
		}
	}
	return whole
}

func (m *merging) collide(path string, base, theirs, mine any) any {
	from, hers, his := show(base), show(theirs), show(mine)
	m.collisions = append(m.collisions, Collision{path, cut(from, hers), cut(hers, his), cut(his, hers)})
	if m.takeMine(path) {
		return mine
	}
	return theirs
}

// keyed is true when every side that is there is a list whose members have keys, and
// at least one has members. A list that is not there is one without members.
func keyed(sides ...any) bool {
	some := false
	for _, side := range sides {
		if side == (any)(absent{}) {
			continue
		}
		list, ok := side.([]any)
		if !ok || len(namesOf(list)) != len(list) {
			return false
		}
		some = some || len(list) > 0
	}
	return some
}

func (m *merging) lists(path string, base, theirs, mine any) any {
	var values [3]map[string]any
	var names [3][]string
	for i, side := range []any{base, theirs, mine} {
		names[i] = namesOf(side)
		values[i] = map[string]any{}
		list, _ := side.([]any)
		for j, name := range names[i] {
			values[i][name] = list[j]
		}
	}
	merged := []any{}
	for _, name := range m.order(path, names[0], names[1], names[2]) {
		value := m.merge(path+"["+name+"]", member(values[0], name), member(values[1], name), member(values[2], name))
		if value != (any)(absent{}) {
			merged = append(merged, value)
		}
	}
	if len(merged) == 0 {
		return absent{} // as documents have it
	}
	return merged
}

// order is that of all names of both sides: of the side that changed it, with what
// the other side added put behind what it stands behind there.
func (m *merging) order(path string, base, theirs, mine []string) []string {
	moved := func(side []string) bool { return !slices.Equal(within(base, side), within(side, base)) }
	first, second := theirs, mine
	if moved(mine) {
		if !moved(theirs) {
			first, second = mine, theirs
		} else if a, b := within(theirs, mine), within(mine, theirs); !slices.Equal(a, b) {
			field := path + " (order)"
			m.collisions = append(m.collisions, Collision{Field: field, From: cut(show(anyOf(base)), ""), Theirs: cut(show(anyOf(a)), ""), Mine: cut(show(anyOf(b)), "")})
			if m.takeMine(field) {
				first, second = mine, theirs
			}
		}
	}
	there := map[string]bool{}
	for _, name := range first {
		there[name] = true
	}
	behind := map[string][]string{} // what the second side has and the first has not, by what it stands behind
	last := ""
	for _, name := range second {
		if there[name] {
			last = name
			continue
		}
		behind[last] = append(behind[last], name)
	}
	order := slices.Clone(behind[""])
	for _, name := range first {
		order = append(append(order, name), behind[name]...)
	}
	return order
}

// within are the names of a list that are in another too.
func within(list, other []string) []string {
	in := map[string]bool{}
	for _, name := range other {
		in[name] = true
	}
	var both []string
	for _, name := range list {
		if in[name] {
			both = append(both, name)
		}
	}
	return both
}

func anyOf(names []string) any {
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = name
	}
	return list
}
