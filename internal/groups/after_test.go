package groups

import (
	"slices"
	"testing"
)

func TestAMembershipEndsWithItsLastSource(t *testing.T) {
	byHand, byRule := Source{Kind: Manual, By: "bob"}, Source{Kind: FromAssociation, Record: "acme", By: "ops"}
	memberships := []Membership{{"both", []Source{byHand, byRule}}, {"rule", []Source{byRule}}, {"hand", []Source{byHand}}}
	for _, tt := range []struct {
		name    string
		changes []Change
		want    []string
	}{
		{"nothing changes", nil, []string{"both", "rule", "hand"}},
		{"the rule goes", []Change{{"both", byRule, true}, {"rule", byRule, true}}, []string{"both", "hand"}},
		{"a new group", []Change{{"new", byRule, false}}, []string{"both", "rule", "hand", "new"}},
		{"a second reason is no second membership", []Change{{"hand", byRule, false}, {"hand", byRule, false}}, []string{"both", "rule", "hand"}},
		{"what is not there is not taken away", []Change{{"none", byRule, true}}, []string{"both", "rule", "hand"}},
	} {
		if got := After(memberships, tt.changes); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if len(memberships[0].Sources) != 2 {
		t.Error("the memberships were changed")
	}
}
