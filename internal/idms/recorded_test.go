package idms

import (
	"strings"
	"testing"
	"time"

	"idms/internal/groups"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/users"
)

func recordedAda() Recorded {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return Recorded{
		Account: users.Account{ID: "1", Profile: users.Profile{Username: "Ada"}, State: users.Enabled},
		Assertion: saml.Assertion{Attributes: rules.Attributes{
			{Name: "username", Values: []string{"ada"}}, {Name: "email", Values: []string{"ada@example.com"}}, {Name: "groups", Values: []string{"ops"}},
		}},
		At: at, Until: at.Add(time.Hour),
	}
}

func recordedPolicy(t *testing.T, change func(*Record)) *Policy {
	t.Helper()
	pattern, err := rules.ParsePattern("^ops$", rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	record := Record{Key: "corp", Name: "Corp", State: Active, CreateUsers: true,
		Mapping:      users.Mapping{Username: "username", Email: "email", NamesOptional: true},
		Associations: []groups.Association{{Rule: rules.Rule{Key: "ops", Attribute: "groups", Pattern: pattern}, Group: "platform"}},
	}
	change(&record)
	policy, err := Compile(record)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// S37: a record that follows its directory takes no group from an assertion, also
// while no sync has been applied yet.
func TestS43WithLDAPSyncGroupsStayAsTheyAre(t *testing.T) {
	ada := recordedAda()
	for _, tt := range []struct {
		name    string
		from    AssociationType
		changes int
	}{{"by rules", ByRules, 1}, {"from the directory", FromDirectory, 0}} {
		policy := recordedPolicy(t, func(r *Record) { r.Association = tt.from })
		d := policy.Apply(ada, nil, ada.At)
		if !d.Admitted || len(d.Changes) != tt.changes || len(policy.Reasons(d)) != tt.changes {
			t.Errorf("%s: %+v", tt.name, d.Changes)
		}
		if says := d.String(); strings.Contains(says, "added to platform") != (tt.changes == 1) {
			t.Errorf("%s: the trace says\n%s", tt.name, says)
		}
	}
}

func TestAPersonIsTheSameWhenTheMappingStillNamesThem(t *testing.T) {
	ada := recordedAda()
	for _, tt := range []struct {
		name, mapped string
		want         bool
	}{
		{"case does not count (S40)", "username", true},
		{"another attribute, another account", "email", false},
		{"no username at all is refused by S21, and names nobody else", "uid", true},
	} {
		policy := recordedPolicy(t, func(r *Record) { r.Mapping.Username = tt.mapped })
		if got := policy.SamePerson(ada); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	before := recordedPolicy(t, func(*Record) {})
	after := recordedPolicy(t, func(r *Record) { r.Mapping.Username = "email" })
	if turn := Compare(before, after, ada, ada.At); !turn.OtherAccount || turn.LosesLogin || !turn.Any() {
		t.Errorf("a mapping that names another account: %+v", turn)
	}
}

// A new association counts by itself, and what the present version would do at the
// next login anyway does not.
func TestS43ARehearsalComparesTwoVersionsAndNotTwoMoments(t *testing.T) {
	ada := recordedAda()
	policy := recordedPolicy(t, func(*Record) {})
	if turn := Compare(policy, policy, ada, ada.At); turn.Any() {
		t.Errorf("the same version changes %+v", turn)
	}
	none := recordedPolicy(t, func(r *Record) { r.Associations = nil })
	if turn := Compare(none, policy, ada, ada.At); len(turn.Joins) != 1 || len(turn.Leaves) != 0 {
		t.Errorf("a new association: %+v", turn)
	}
	if turn := Compare(nil, policy, ada, ada.At); !turn.GainsLogin || len(turn.Joins) != 1 {
		t.Errorf("a record that is switched on: %+v", turn)
	}
	if turn := Compare(policy, nil, ada, ada.At); !turn.LosesLogin || len(turn.Leaves) != 0 {
		t.Errorf("a record that is switched off: %+v", turn)
	}
}

func TestARehearsalNamesAFewAndCountsAll(t *testing.T) {
	var all Rehearsal
	for range firstNamed + 2 {
		all.Add(Turn{Username: "x", LosesLogin: true})
	}
	all.AddUnknown()
	all.Add(Turn{})
	if all.LoseLogin.Count != firstNamed+2 || len(all.LoseLogin.First) != firstNamed || all.People != firstNamed+4 || all.Unknown != 1 || all.Unchanged != 1 || !all.Any() {
		t.Errorf("%+v", all)
	}
}
