package roles

import "testing"

func TestEachRoleMayDoAllThatTheLowerOnesMay(t *testing.T) {
	for _, tt := range []struct {
		has, needs Role
		want       bool
	}{
		{Owner, Owner, true}, {Owner, Editor, true}, {Owner, Reader, true},
		{Editor, Owner, false}, {Editor, Editor, true}, {Editor, Reader, true},
		{Reader, Editor, false}, {Reader, Reader, true},
		{None, Reader, false}, {"root", Reader, false},
		{Owner, None, false}, {Owner, "root", false}, {None, None, false},
	} {
		if got := tt.has.May(tt.needs); got != tt.want {
			t.Errorf("%q may do what %q may: %v", tt.has, tt.needs, got)
		}
	}
}

func TestTheHighestGroupGivesTheRole(t *testing.T) {
	for _, tt := range []struct {
		groups []string
		want   Role
	}{
		{nil, None},
		{[]string{"platform", "owners", "idms", "idms-"}, None},
		{[]string{"idms-readers"}, Reader},
		{[]string{"idms-editors", "platform", "idms-readers"}, Editor},
		{[]string{"idms-readers", "idms-owners", "idms-editors"}, Owner},
	} {
		if got := Of(tt.groups); got != tt.want {
			t.Errorf("%v give %q, not %q", tt.groups, got, tt.want)
		}
	}
	for _, role := range All() {
		if back, ok := OfGroup(role.Group()); !ok || back != role || role.GroupName() == "" {
			t.Errorf("%q has the group %q, %q", role, role.Group(), role.GroupName())
		}
	}
}
