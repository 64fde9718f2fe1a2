package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"idms/internal/trace"
)

// Bounds of what a diff shows. The whole documents stay in the versions.
const (
	MaxChanges = 100 // changes in one diff, the last of which then says how many are left out
	MaxShown   = 200 // bytes of one value
)

// Diff tells how the JSON document from became to, field by field in the order
// of their paths. Members of a list that have a "key" are compared by key and
// not by place, so that one rule put first does not read as all rules changed;
// the path then holds the key: access_rules[admins].pattern. An empty document
// counts as {}.
func Diff(from, to []byte) ([]Change, error) {
	before, err := parse(from)
	if err != nil {
		return nil, fmt.Errorf("audit: the document before: %w", err)
	}
	after, err := parse(to)
	if err != nil {
		return nil, fmt.Errorf("audit: the document after: %w", err)
	}
	var d diff
	d.compare("", before, after)
	if d.leftOut > 0 {
		d.changes = append(d.changes, Change{Field: "…", To: fmt.Sprintf("%d more changes", d.leftOut)})
	}
	return d.changes, nil
}

func parse(document []byte) (any, error) {
	if len(document) == 0 {
		return map[string]any{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // a number is shown as it stands
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// absent stands for a value that one side does not have; null is a value.
type absent struct{}

type diff struct {
	changes []Change
	leftOut int
}

func (d *diff) compare(path string, from, to any) {
	d.compareOrder(path, from, to)
	from, to = byName(from), byName(to)
	before, isObject := from.(map[string]any)
	after, areObjects := to.(map[string]any)
	// What appears or goes is told leaf by leaf too, so that a new rule is
	// readable without a second look.
	switch {
	case isObject && areObjects:
	case isObject && to == absent{}:
		after = nil
	case areObjects && from == absent{}:
		before = nil
	default:
		if was, is := show(from), show(to); was != is || fmt.Sprintf("%T", from) != fmt.Sprintf("%T", to) {
			d.add(Change{Field: path, From: cut(was, is), To: cut(is, was)})
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(union(before, after))) {
		d.compare(join(path, name), member(before, name), member(after, name))
	}
}

// compareOrder tells of a list whose members only changed places.
func (d *diff) compareOrder(path string, from, to any) {
	before, after := namesOf(from), namesOf(to)
	in := func(list []string) map[string]bool {
		set := map[string]bool{}
		for _, name := range list {
			set[name] = true
		}
		return set
	}
	there, stays := in(before), in(after)
	before = slices.DeleteFunc(before, func(name string) bool { return !stays[name] })
	after = slices.DeleteFunc(after, func(name string) bool { return !there[name] })
	if !slices.Equal(before, after) {
		was, is := strings.Join(before, ", "), strings.Join(after, ", ")
		d.add(Change{Field: path + " (order)", From: cut(was, is), To: cut(is, was)})
	}
}

// namesOf are the keys of a list's members in their order, when all have one of
// their own.
func namesOf(value any) []string {
	list, _ := value.([]any)
	var names []string
	seen := map[string]bool{}
	for _, one := range list {
		object, _ := one.(map[string]any)
		if key, ok := object["key"].(string); ok && key != "" && !seen[key] {
			seen[key] = true
			names = append(names, key)
		}
	}
	if len(names) < len(list) {
		return nil
	}
	return names
}

func (d *diff) add(c Change) {
	if len(d.changes) == MaxChanges-1 {
		d.leftOut++
		return
	}
	d.changes = append(d.changes, c)
}

// byName turns a list into an object: by the members' keys when all have one
// of their own, by place otherwise.
func byName(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	named := make(map[string]any, len(list))
	if names := namesOf(value); len(names) > 0 {
		for i, name := range names {
			named["["+name+"]"] = list[i]
		}
		return named
	}
	for i, one := range list {
		// Padded, so that places sort as numbers.
		named[fmt.Sprintf("[%03d]", i)] = one
	}
	return named
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

func member(object map[string]any, name string) any {
	if value, ok := object[name]; ok {
		return value
	}
	return absent{}
}

func join(path, name string) string {
	if path == "" || strings.HasPrefix(name, "[") {
		return path + name
	}
	return path + "." + name
}

func show(value any) string {
	switch v := value.(type) {
	case absent:
		return ""
	case string:
		return v
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // not for anything that came out of a decoder
	}
	return string(text)
}

// lead is how much of what two long values share is shown before they differ.
const lead = 40

// cut shortens a value for the event, at characters and with its whole length:
// to the part where it begins to differ from the other, so that two certificates
// or pictures with one beginning do not look the same.
func cut(text, other string) string {
	if len(text) <= MaxShown {
		return text
	}
	start := 0
	for start < min(len(text), len(other)) && text[start] == other[start] {
		start++
	}
	start = max(0, min(start-lead, len(text)-MaxShown))
	for start < len(text) && !utf8.RuneStart(text[start]) {
		start++
	}
	shown := trace.Beginning(text[start:], MaxShown)
	if start+len(shown) < len(text) {
		shown += "…"
	}
	if start > 0 {
		shown = "…" + shown
	}
	return fmt.Sprintf("%s (%d bytes)", shown, len(text))
}
