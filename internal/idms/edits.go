package idms

import (
	"reflect"
	"slices"

	"idms/internal/fault"
	"idms/internal/groups"
)

// RuleEdit is one change of a list of rules in a document. A few of them, and the
// version that they were made to, are all that somebody who edits ten thousand rules
// has in their hands. It is JSON in the forms of web.
type RuleEdit struct {
	List string     `json:"list"` // as in the record file
	Do   EditKind   `json:"do"`
	Key  string     `json:"key,omitempty"`   // of the rule; of added ones none
	Put  []RuleText `json:"rules,omitempty"` // what takes its place, or is added at the end
	To   int        `json:"to,omitempty"`    // place to move it to, from 1
}

// EditKind is what an edit does.
type EditKind string

const (
	AddRules   EditKind = "add"
	ChangeRule EditKind = "change"
	RemoveRule EditKind = "remove"
	MoveRule   EditKind = "move"
	SwitchRule EditKind = "switch" // on or off
)

// RuleText is a rule of any list, as typed.
type RuleText struct {
	RuleDocument
	Level         string           `json:"level,omitempty"`
	Group         string           `json:"group,omitempty"`
	UpdateOnLogin bool             `json:"update_on_login,omitempty"`
	OnlyOwn       bool             `json:"only_own,omitempty"`
	OnMissing     groups.OnMissing `json:"on_missing,omitempty"`
}

// Rules are those of a list by its name, and none of a list that there is not.
func (d recordDocument) Rules(list string) []RuleText {
	var all []RuleText
	switch list {
	case "validation_rules":
		for _, one := range d.Validation {
			all = append(all, RuleText{RuleDocument: one})
		}
	case "access_rules":
		for _, one := range d.Access {
			all = append(all, RuleText{RuleDocument: one.ruleDocument, Level: one.Level})
		}
	case "associations":
		for _, one := range d.Association {
			all = append(all, RuleText{RuleDocument: one.ruleDocument, Group: one.Group,
				UpdateOnLogin: one.UpdateOnLogin, OnlyOwn: one.OnlyOwn, OnMissing: one.OnMissing})
		}
	}
	return all
}

// setRules puts a list in place of the document's own.
func (d *recordDocument) setRules(list string, all []RuleText) {
	switch list {
	case "validation_rules":
		d.Validation = nil
		for _, one := range all {
			d.Validation = append(d.Validation, one.RuleDocument)
		}
	case "access_rules":
		d.Access = nil
		for _, one := range all {
			d.Access = append(d.Access, grantDocument{one.RuleDocument, one.Level})
		}
	case "associations":
		d.Association = nil
		for _, one := range all {
			d.Association = append(d.Association, associationDocument{one.RuleDocument, one.Group, one.UpdateOnLogin, one.OnlyOwn, one.OnMissing})
		}
	}
}

// Keyed gives a rule that has none the key that its list would derive for it, so
// that later edits find it.
func (t RuleText) Keyed(list string) RuleText {
	if t.Key != "" {
		return t
	}
	kind := map[string]string{"validation_rules": "validation", "access_rules": "access " + t.Level, "associations": "association " + t.Group}[list]
	rule, _ := t.rule(kind)
	t.Key = rule.Key
	return t
}

// Edited is the document after edits, in their order. An edit of a rule that is not
// there, or that does nothing known, is fault.Invalid: somebody has made it up.
func (d recordDocument) Edited(edits []RuleEdit) (Document, error) {
	lists := map[string][]RuleText{}
	for _, edit := range edits {
		list, read := lists[edit.List]
		if !read {
			if !slices.Contains([]string{"validation_rules", "access_rules", "associations"}, edit.List) {
				return d, fault.New(fault.Invalid, "There is no such list of rules.")
			}
			list = d.Rules(edit.List)
		}
		var err error
		if lists[edit.List], err = edit.of(list); err != nil {
			return d, err
		}
	}
	for name, list := range lists {
		d.setRules(name, list)
	}
	return d, nil
}

func (e RuleEdit) of(list []RuleText) ([]RuleText, error) {
	if e.Do == AddRules {
		for _, rule := range e.Put {
			list = append(list, rule.Keyed(e.List))
		}
		return list, nil
	}
	at := slices.IndexFunc(list, func(rule RuleText) bool { return rule.Key == e.Key })
	if at < 0 {
		return nil, fault.New(fault.Invalid, "There is no rule %q among the %s any more.", e.Key, e.List)
	}
	switch e.Do {
	case ChangeRule:
		if len(e.Put) != 1 {
			break
		}
		list[at] = e.Put[0]
		list[at].Key = e.Key // by which memberships and traces know it
		return list, nil
	case RemoveRule:
		return slices.Delete(list, at, at+1), nil
	case SwitchRule:
		list[at].Enabled = new(list[at].Enabled != nil && !*list[at].Enabled)
		return list, nil
	case MoveRule:
		rule := list[at]
		list = slices.Delete(list, at, at+1)
		return slices.Insert(list, min(max(e.To-1, 0), len(list)), rule), nil
	}
	return nil, fault.New(fault.Invalid, "There is no such change of a rule.")
}

// EditsTo are edits that make of a document's lists of rules those of another one
// (Edited). They name what differs, and move as few rules as possible.
func (d recordDocument) EditsTo(other Document) []RuleEdit {
	var edits []RuleEdit
	for _, list := range []string{"validation_rules", "access_rules", "associations"} {
		edits = append(edits, editsOf(list, d.Rules(list), other.Rules(list))...)
	}
	return edits
}

func editsOf(list string, from, to []RuleText) []RuleEdit {
	var edits []RuleEdit
	wanted := map[string]RuleText{}
	for _, rule := range to {
		wanted[rule.Key] = rule
	}
	var order []string // as the edits before have made it
	had := map[string]bool{}
	for _, rule := range from {
		had[rule.Key] = true
		next, stays := wanted[rule.Key]
		if !stays {
			edits = append(edits, RuleEdit{List: list, Do: RemoveRule, Key: rule.Key})
			continue
		}
		if !reflect.DeepEqual(rule, next) {
			edits = append(edits, RuleEdit{List: list, Do: ChangeRule, Key: rule.Key, Put: []RuleText{next}})
		}
		order = append(order, rule.Key)
	}
	var added []RuleText
	for _, rule := range to {
		if !had[rule.Key] {
			added = append(added, rule)
			order = append(order, rule.Key)
		}
	}
	if len(added) > 0 {
		edits = append(edits, RuleEdit{List: list, Do: AddRules, Put: added})
	}
	place := map[string]int{}
	for i, key := range order {
		place[key] = i
	}
	places := make([]int, len(to))
	for i, rule := range to {
		places[i] = place[rule.Key]
	}
	stays := rising(places)
	for i, rule := range to {
		if stays[i] {
			continue
		}
		at := slices.Index(order, rule.Key)
		order = slices.Delete(order, at, at+1)
		behind := 0
		if i > 0 {
			behind = slices.Index(order, to[i-1].Key) + 1
		}
		order = slices.Insert(order, behind, rule.Key)
		edits = append(edits, RuleEdit{List: list, Do: MoveRule, Key: rule.Key, To: behind + 1})
	}
	return edits
}

// rising marks as many numbers as possible that rise from each to the next: the longest
// increasing subsequence, by patience sorting.
func rising(numbers []int) []bool {
	var ends []int // where the best sequence of each length ends
	before := make([]int, len(numbers))
	for i, number := range numbers {
		length, _ := slices.BinarySearchFunc(ends, number, func(end, number int) int { return numbers[end] - number })
		before[i] = -1
		if length > 0 {
			before[i] = ends[length-1]
		}
		if length == len(ends) {
			ends = append(ends, i)
		} else {
			ends[length] = i
		}
	}
	marked := make([]bool, len(numbers))
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			marked[i] = true
		}
	}
	return marked
}
