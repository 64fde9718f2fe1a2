package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/fault"
	"idms/internal/idms"
)

// The rules of a record are three lists within its document. A change of one rule
// is a change of the record: one check, one version, one ETag.

// ruleList is one of the three. Rule is how its rules come in, and Body how they
// go out.
type ruleList[Rule, Body any] struct {
	api   *API
	name  string // in the document and in the address
	of    func(*idms.Document) *[]Rule
	key   func(Rule) string
	named func(*Rule, string) // gives a rule its key
	write func(Rule) Body
}

func (a *API) ruleRoutes() {
	ruleList[idms.RuleDocument, ruleBody]{a, "validation_rules",
		func(d *idms.Document) *[]idms.RuleDocument { return &d.Validation },
		func(r idms.RuleDocument) string { return r.Key },
		func(r *idms.RuleDocument, key string) { r.Key = key },
		func(r idms.RuleDocument) ruleBody { return ruleBody(r) },
	}.routes()
	ruleList[idms.GrantDocument, accessBody]{a, "access_rules",
		func(d *idms.Document) *[]idms.GrantDocument { return &d.Access },
		func(r idms.GrantDocument) string { return r.Key },
		func(r *idms.GrantDocument, key string) { r.Key = key },
		func(r idms.GrantDocument) accessBody { return accessBody(r) },
	}.routes()
	ruleList[idms.AssociationDocument, associationBody]{a, "associations",
		func(d *idms.Document) *[]idms.AssociationDocument { return &d.Association },
		func(r idms.AssociationDocument) string { return r.Key },
		func(r *idms.AssociationDocument, key string) { r.Key = key },
		func(r idms.AssociationDocument) associationBody { return associationBody(r) },
	}.routes()
}

// replacement is a whole list as it comes in.
type replacement[Rule any] struct {
	Items []Rule `json:"items"`
}

// move is where a rule goes within its list.
type move struct {
	Before string `json:"before,omitempty"`
}

type rulesAnswer[Body any] struct {
	ETag string `header:"ETag"`
	Body ruleItems[Body]
}

type ruleItems[Body any] struct {
	Items []Body `json:"items"`
}

type ruleAnswer[Body any] struct {
	ETag string `header:"ETag"`
	Body Body
}

func (l ruleList[Rule, Body]) routes() {
	a, path, tags := l.api, "/records/{key}/"+l.name, []string{l.name}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id + "-" + l.name, Method: method, Path: path, Summary: summary, Tags: tags}
	}
	a.schemaOf(reflect.TypeFor[Rule]())
	route(a, op("list", http.MethodGet, path, "Read the list"), l.list)
	route(a, takes[replacement[Rule]](a, op("replace", http.MethodPut, path, "Replace the whole list"), maxRecord), l.replace)
	route(a, takes[Rule](a, op("add", http.MethodPost, path, "Add a rule"), maxSmall), l.add)
	route(a, op("get-one-of", http.MethodGet, path+"/{rule}", "Read a rule"), l.get)
	route(a, takes[Rule](a, op("change-one-of", http.MethodPut, path+"/{rule}", "Change a rule"), maxSmall), l.change)
	route(a, op("delete-one-of", http.MethodDelete, path+"/{rule}", "Delete a rule"), l.delete)
	route(a, takes[move](a, op("move-one-of", http.MethodPost, path+"/{rule}/move", "Move a rule within the list"), maxSmall), l.move)
}

// document is a record as it is now.
func (l ruleList[Rule, Body]) document(ctx context.Context, key string) (idms.Document, int, error) {
	record, err := l.api.record(ctx, key)
	if err != nil {
		return idms.Document{}, 0, err
	}
	return idms.DocumentOf(record), record.Version, nil
}

// find is the place of a rule in the list, or fault.NotFound.
func (l ruleList[Rule, Body]) find(rules []Rule, key string) (int, error) {
	if i := slices.IndexFunc(rules, func(r Rule) bool { return l.key(r) == key }); i >= 0 {
		return i, nil
	}
	return 0, fault.New(fault.NotFound, "There is no such rule among the %s of this record.", l.name)
}

func (l ruleList[Rule, Body]) list(ctx context.Context, in *struct {
	Key string `path:"key"`
	Known
}) (*rulesAnswer[Body], error) {
	document, version, err := l.document(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	etag := versionTag(version)
	if err := in.of(etag); err != nil {
		return nil, err
	}
	items := []Body{}
	for _, rule := range *l.of(&document) {
		items = append(items, l.write(rule))
	}
	return &rulesAnswer[Body]{etag, ruleItems[Body]{items}}, nil
}

func (l ruleList[Rule, Body]) get(ctx context.Context, in *struct {
	Key  string `path:"key"`
	Rule string `path:"rule"`
	Known
}) (*ruleAnswer[Body], error) {
	document, version, err := l.document(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	rules := *l.of(&document)
	i, err := l.find(rules, in.Rule)
	if err != nil {
		return nil, err
	}
	etag := versionTag(version)
	if err := in.of(etag); err != nil {
		return nil, err
	}
	return &ruleAnswer[Body]{etag, l.write(rules[i])}, nil
}

// RuleChange are the parameters of every change of a list.
type RuleChange struct {
	Key string `path:"key"`
	Seen
	Tried
	Reasoned
}

// edit saves a record with one of its lists changed. edit's problems are those of
// what came in, by its paths in the record.
func (l ruleList[Rule, Body]) edit(ctx context.Context, in RuleChange, edit func(rules []Rule) ([]Rule, fault.Problems, error)) (*savedRecord, error) {
	document, version, err := l.document(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	rules := l.of(&document)
	changed, problems, err := edit(slices.Clone(*rules))
	if err != nil {
		return nil, err
	}
	*rules = changed
	return l.api.save(ctx, document, problems, version, in.Seen, in.Tried, in.Reasoned)
}

// at gives problems of a document that came alone their paths in the record.
func at(path string, problems fault.Problems) fault.Problems {
	for _, one := range problems {
		if one.Field == "" { // nothing at all could be read
			return problems
		}
	}
	var moved fault.Problems
	moved.Under(path, problems)
	return moved
}

func (l ruleList[Rule, Body]) replace(ctx context.Context, in *RuleChange) (*savedRecord, error) {
	return l.edit(ctx, *in, func([]Rule) ([]Rule, fault.Problems, error) {
		came, problems := read[replacement[Rule]](ctx)
		for i, one := range problems {
			if len(one.Field) >= len("items") && one.Field[:len("items")] == "items" {
				problems[i].Field = l.name + one.Field[len("items"):]
			}
		}
		if came.Items == nil && !problems.Any() {
			problems.Add(l.name, "Write the list as items: [] for none.")
		}
		return came.Items, problems, nil
	})
}

func (l ruleList[Rule, Body]) add(ctx context.Context, in *struct {
	RuleChange
	Before string `query:"before" maxLength:"63" doc:"Key of the rule to stand before; left out: last."`
}) (*savedRecord, error) {
	return l.edit(ctx, in.RuleChange, func(rules []Rule) ([]Rule, fault.Problems, error) {
		place := len(rules)
		if in.Before != "" {
			var err error
			if place, err = l.find(rules, in.Before); err != nil {
				return nil, nil, invalid(fault.Problems{{Field: "before", Message: fault.Sentence(err)}})
			}
		}
		rule, problems := read[Rule](ctx)
		return slices.Insert(rules, place, rule), at(fmt.Sprintf("%s[%d]", l.name, place), problems), nil
	})
}

func (l ruleList[Rule, Body]) change(ctx context.Context, in *struct {
	RuleChange
	Rule string `path:"rule"`
}) (*savedRecord, error) {
	return l.edit(ctx, in.RuleChange, func(rules []Rule) ([]Rule, fault.Problems, error) {
		i, err := l.find(rules, in.Rule)
		if err != nil {
			return nil, nil, err
		}
		rule, problems := read[Rule](ctx)
		problems = at(fmt.Sprintf("%s[%d]", l.name, i), problems)
		// A rule that stays keeps its key, by which memberships and traces know it.
		switch l.key(rule) {
		case "":
			l.named(&rule, in.Rule)
		case in.Rule:
		default:
			problems.Add(fmt.Sprintf("%s[%d].key", l.name, i), "The key of a rule never changes. Write %s, or add another rule.", in.Rule)
		}
		rules[i] = rule
		return rules, problems, nil
	})
}

func (l ruleList[Rule, Body]) delete(ctx context.Context, in *struct {
	RuleChange
	Rule string `path:"rule"`
}) (*savedRecord, error) {
	return l.edit(ctx, in.RuleChange, func(rules []Rule) ([]Rule, fault.Problems, error) {
		i, err := l.find(rules, in.Rule)
		if err != nil {
			return nil, nil, err
		}
		return slices.Delete(rules, i, i+1), nil, nil
	})
}

func (l ruleList[Rule, Body]) move(ctx context.Context, in *struct {
	RuleChange
	Rule string `path:"rule"`
}) (*savedRecord, error) {
	return l.edit(ctx, in.RuleChange, func(rules []Rule) ([]Rule, fault.Problems, error) {
		i, err := l.find(rules, in.Rule)
		if err != nil {
			return nil, nil, err
		}
		to, problems := read[move](ctx)
		if err := invalid(problems); err != nil {
			return nil, nil, err
		}
		if to.Before == in.Rule {
			return rules, nil, nil
		}
		rule := rules[i]
		rules = slices.Delete(rules, i, i+1)
		place := len(rules)
		if to.Before != "" {
			if place, err = l.find(rules, to.Before); err != nil {
				return nil, nil, invalid(fault.Problems{{Field: "before", Message: fault.Sentence(err)}})
			}
		}
		return slices.Insert(rules, place, rule), nil, nil
	})
}
