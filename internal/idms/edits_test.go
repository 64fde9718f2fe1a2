package idms

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/roles"
	"idms/internal/saml"
)

func edited(t *testing.T, edits ...RuleEdit) ([]string, error) {
	t.Helper()
	document := Document{Key: "acme", Access: []GrantDocument{
		{RuleDocument{Key: "a", Attribute: "groups", Pattern: "^a$"}, "full"},
		{RuleDocument{Key: "b", Attribute: "groups", Pattern: "^b$", Enabled: new(false)}, "none"},
		{RuleDocument{Key: "c", Attribute: "groups", Pattern: "^c$"}, "restricted"},
	}}
	after, err := document.Edited(edits)
	if len(document.Access) != 3 || document.Access[0].Pattern != "^a$" || *document.Access[1].Enabled {
		t.Error("the document itself is changed")
	}
	var said []string
	for _, one := range after.Rules("access_rules") {
		text := one.Key + one.Pattern + one.Level
		if one.Enabled != nil && !*one.Enabled {
			text += " off"
		}
		said = append(said, text)
	}
	return said, err
}

func TestEditsOfRulesAreMadeInTheirOrder(t *testing.T) {
	put := func(pattern, level string) []RuleText {
		return []RuleText{{RuleDocument: RuleDocument{Attribute: "groups", Pattern: pattern}, Level: level}}
	}
	const list = "access_rules"
	for _, tt := range []struct {
		name  string
		edits []RuleEdit
		want  string
	}{
		{"none", nil, "a^a$full, b^b$none off, c^c$restricted"},
		{"a rule that is changed keeps its key", []RuleEdit{{List: list, Do: ChangeRule, Key: "a", Put: put("^x$", "none")}}, "a^x$none, b^b$none off, c^c$restricted"},
		{"one is removed", []RuleEdit{{List: list, Do: RemoveRule, Key: "b"}}, "a^a$full, c^c$restricted"},
		{"one is moved to the first place", []RuleEdit{{List: list, Do: MoveRule, Key: "c", To: 1}}, "c^c$restricted, a^a$full, b^b$none off"},
		{"a place behind the last is the last", []RuleEdit{{List: list, Do: MoveRule, Key: "a", To: 99}}, "b^b$none off, c^c$restricted, a^a$full"},
		{"one is switched on, another off", []RuleEdit{{List: list, Do: SwitchRule, Key: "b"}, {List: list, Do: SwitchRule, Key: "a"}}, "a^a$full off, b^b$none, c^c$restricted"},
		{"what was added is found again", []RuleEdit{{List: list, Do: AddRules, Put: []RuleText{{RuleDocument: RuleDocument{Key: "n", Pattern: "^n$"}, Level: "full"}}},
			{List: list, Do: MoveRule, Key: "n", To: 2}, {List: list, Do: RemoveRule, Key: "a"}}, "n^n$full, b^b$none off, c^c$restricted"},
	} {
		got, err := edited(t, tt.edits...)
		if err != nil || strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.name, strings.Join(got, ", "), err, tt.want)
		}
	}
	// The derived key is the one that the record has then.
	text := put("^x$", "full")[0]
	document, err := Document{Key: "acme"}.Edited([]RuleEdit{{List: list, Do: AddRules, Put: []RuleText{text}}})
	if err != nil || document.Access[0].Key == "" || document.Access[0].Key != text.Keyed(list).Key {
		t.Errorf("a derived key: %q, %v", document.Access[0].Key, err)
	}
}

func TestAnEditThatSomebodyMadeUpIsRefused(t *testing.T) {
	for _, edit := range []RuleEdit{
		{List: "directory", Do: AddRules}, {List: "access_rules", Do: RemoveRule, Key: "nothing"}, {List: "access_rules", Do: "explode", Key: "a"},
		{List: "access_rules", Do: ChangeRule, Key: "a"},
	} {
		if _, err := edited(t, edit); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", edit, err)
		}
	}
}

func TestTheDefaultFollowsFromTheRules(t *testing.T) {
	off := func(r Record) Record {
		r.Access = slices.Clone(r.Access)
		for i := range r.Access {
			r.Access[i].Disabled = true
		}
		return r
	}
	record, problems := Document{Key: "acme", Name: "Acme",
		Validation:  []RuleDocument{{Attribute: "a", Pattern: "x"}},
		Access:      []GrantDocument{{RuleDocument{Attribute: "a", Pattern: "x"}, "full"}},
		Association: []AssociationDocument{{ruleDocument: RuleDocument{Attribute: "a", Pattern: "x"}, Group: "g"}},
	}.record(nil)
	if problems.Any() {
		t.Fatal(problems)
	}
	updating := record
	updating.Associations = []groups.Association{record.Associations[0]}
	updating.Associations[0].UpdateOnLogin = true
	directory := record
	directory.Association = FromDirectory
	capped := record
	capped.SAML = saml.Settings{ElevationContexts: []string{"urn:x"}}
	for name, tt := range map[string]struct {
		got, want string
	}{
		"S22 no validation rule":                {Record{}.Defaults().Validation, "everyone passes"},
		"S22 one":                               {record.Defaults().Validation, "must be true"},
		"S23 no access rule":                    {Record{}.Defaults().Access, "everyone who logs in has Full Access"},
		"S24 one":                               {record.Defaults().Access, "has No Access, which refuses the login"},
		"S24 one that is switched off":          {off(record).Defaults().Access, "Nobody can log in"},
		"S25 with contexts for elevation":       {capped.Defaults().Access, "kept Restricted at most"},
		"S30 no association":                    {Record{}.Defaults().Associations, "changes no group"},
		"S30 one that never removes":            {record.Defaults().Associations, "Nobody is removed"},
		"S31 one that updates on login":         {updating.Defaults().Associations, "is removed from it where"},
		"S37 groups that come from a directory": {directory.Defaults().Associations, "groups come from the directory"},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: %q lacks %q", name, tt.got, tt.want)
		}
	}
}

func TestWhatTakesMuchAwayIsGrave(t *testing.T) {
	of := func(same, losing, unknown int) (r Rehearsal) {
		for range same {
			r.Add(Turn{})
		}
		for range losing {
			r.Add(Turn{LosesLogin: true})
		}
		for range unknown {
			r.AddUnknown()
		}
		return r
	}
	for name, tt := range map[string]struct {
		r    Rehearsal
		want bool
	}{
		"nobody":                                {of(100, 0, 0), false},
		"five of many":                          {of(20, 5, 0), false},
		"six of few":                            {of(20, 6, 0), true},
		"a tenth":                               {of(180, 20, 0), false},
		"more than a tenth":                     {of(179, 21, 0), true},
		"everybody of two":                      {of(0, 2, 0), true},
		"everybody who is known":                {of(0, 2, 500), true},
		"more than a tenth of those known only": {of(94, 12, 1000), true},
		"nobody is there":                       {Rehearsal{}, false},
	} {
		if tt.r.Grave() != tt.want {
			t.Errorf("%s: %v", name, !tt.want)
		}
	}
	alone := of(100, 0, 0)
	alone.Add(Turn{Role: roles.Owner, Leaves: []string{roles.Owner.Group()}})
	if !alone.Grave() || alone.AdministratorsLosing != 1 {
		t.Errorf("the only administrator who comes this way: %+v", alone)
	}
	alone.Add(Turn{Role: roles.Editor})
	if alone.Grave() {
		t.Error("one of two administrators")
	}
	var gaining Rehearsal
	gaining.Add(Turn{GainsLogin: true, Joins: []string{"g"}})
	if gaining.Grave() || gaining.Losing != 0 {
		t.Error("who gains loses nothing")
	}
}

func TestARehearsalShowsFiftyOfAKindAndCountsTheRest(t *testing.T) {
	var r Rehearsal
	for range MaxTurns + 10 {
		r.Add(Turn{Username: "x", Leaves: []string{"g"}})
	}
	if got := r.Leaves["g"]; got.Count != MaxTurns+10 || len(got.Turns) != MaxTurns || len(got.First) != firstNamed || r.Losing != MaxTurns+10 {
		t.Errorf("%d of %d, %d named", len(got.Turns), got.Count, len(got.First))
	}
}

// Whatever two lists have in common, the edits between them lead from one to the other,
// and a rule that only moved is moved alone.
func TestTheEditsBetweenTwoListsLeadFromOneToTheOther(t *testing.T) {
	document := func(keys string) Document {
		d := Document{Key: "acme"}
		for _, one := range strings.Fields(keys) {
			key, pattern, _ := strings.Cut(one, "=")
			d.Access = append(d.Access, GrantDocument{RuleDocument{Key: key, Attribute: "groups", Pattern: pattern}, "full"})
			d.Validation = append(d.Validation, RuleDocument{Key: key, Attribute: "groups", Pattern: pattern})
		}
		return d
	}
	try := func(from, to string) []RuleEdit {
		t.Helper()
		edits := document(from).EditsTo(document(to))
		got, err := document(from).Edited(edits)
		if want := document(to); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("from %s to %s: %+v leads to %+v, %v", from, to, edits, got, err)
		}
		return edits
	}
	for _, tt := range []struct {
		from, to string
		want     int // edits of each list
	}{
		{"a b c", "a b c", 0}, {"a b c", "b c a", 1}, {"a b c d e", "e a b c d", 1}, {"a b c", "a b=2 c", 1}, {"a b c", "", 3},
		{"", "a b c", 1}, {"a b", "x a b", 2}, {"a b c", "c=3 d a", 4},
	} {
		if edits := try(tt.from, tt.to); len(edits) != 2*tt.want {
			t.Errorf("from %s to %s: %+v", tt.from, tt.to, edits)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	list := func() string {
		var keys []string
		for _, i := range random.Perm(12)[:random.IntN(13)] {
			keys = append(keys, fmt.Sprintf("k%d=%d", i, random.IntN(2)))
		}
		return strings.Join(keys, " ")
	}
	for range 2000 {
		try(list(), list())
	}
}
