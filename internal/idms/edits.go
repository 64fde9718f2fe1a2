package idms

import (
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
