package ldapsync

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestAGroupsKeyIsDerivedFromItsName(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"Platform Team", "platform-team"},
		{"  R&D / Berlin (2) ", "r-d-berlin-2"},
		{"Ärzte", "arzte"},
		{"Żółć", ""}, // ł is a letter of its own, and not an l with an accent
		{"Отдел", ""},
		{"---", ""},
		{strings.Repeat("a", 62) + " b", strings.Repeat("a", 62)},
		{strings.Repeat("long name ", 20), "long-name-long-name-long-name-long-name-long-name-long-name-lon"},
	} {
		if got := GroupKey(tt.name); got != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.name, got, tt.want)
		}
	}
}

// random is a directory and what is held of it, with something of everything.
func random(chance *rand.Rand) (Snapshot, Holdings, Vanished) {
	var s scenario
	s.Protected = map[string]string{}
	pick := func(offs ...Off) Off { return offs[chance.IntN(len(offs))] }
	for i := range 30 {
		id, name := fmt.Sprintf("p%02d", i), fmt.Sprintf("u%02d", chance.IntN(35))
		if chance.IntN(4) > 0 {
			s.Directory.People = append(s.Directory.People, scenarioPerson{ID: id, Username: name, Off: pick(On, On, On, SwitchedOff, Expired)})
		}
		if chance.IntN(4) > 0 {
			held := scenarioPerson{ID: id, Username: fmt.Sprintf("u%02d", i), Off: pick(On, On, On, SwitchedOff, OutOfScope, Gone)}
			if chance.IntN(6) == 0 {
				held.State = "blocked"
			}
			if chance.IntN(8) == 0 {
				s.Protected[held.Username] = "an administrator"
			}
			for g := range 5 {
				if chance.IntN(3) == 0 {
					held.Groups = append(held.Groups, fmt.Sprintf("group-%d", g))
				}
			}
			s.Held.People = append(s.Held.People, held)
		}
	}
	for g := range 7 {
		group := scenarioGroup{ID: fmt.Sprintf("g%d", g), Name: fmt.Sprintf("Group %d", g), Key: fmt.Sprintf("group-%d", g)}
		if chance.IntN(5) > 0 {
			in := group
			for _, person := range s.Directory.People {
				if chance.IntN(3) == 0 {
					in.Members = append(in.Members, person.ID)
				}
			}
			s.Directory.Groups = append(s.Directory.Groups, in)
		}
		if g < 5 {
			group.Stale = chance.IntN(2) == 0
			s.Held.Groups = append(s.Held.Groups, group)
		}
	}
	vanished := DisableVanished
	if chance.IntN(4) == 0 {
		vanished = KeepVanished
	}
	snapshot, holdings := s.values()
	return snapshot, holdings, vanished
}

// Whatever the directory and whatever is held: two plans of the same are equal,
// nobody protected or blocked is let in or shut out (L3, L4), nobody who was not
// read leaves a group, and no two people get one username (L1).
func TestTheLawsOfAPlan(t *testing.T) {
	for seed := range uint64(400) {
		chance := rand.New(rand.NewPCG(seed, 1))
		snapshot, all, vanished := random(chance)
		holdings := narrowed(all, all.Want(snapshot))
		plan := Compare("acme", snapshot, holdings, vanished)
		// The order in which the database gives accounts means nothing.
		slices.Reverse(holdings.Accounts)
		again := Compare("acme", snapshot, holdings, vanished)
		if !reflect.DeepEqual(plan, again) || plan.Hash("f") != again.Hash("f") {
			t.Fatalf("seed %d: two plans of the same differ", seed)
		}
		// Knowing more than Want asks for changes nothing but what is called how.
		whole := Compare("acme", snapshot, all, vanished)
		if plan.Hash("f") != whole.Hash("f") || !reflect.DeepEqual(plan.Count(), whole.Count()) {
			t.Fatalf("seed %d: with more details the plan is another: %v and %v", seed, plan.Count(), whole.Count())
		}

		read := map[uuid.UUID]bool{}
		for _, user := range plan.Users {
			read[user] = true
		}
		accounts := map[uuid.UUID]Account{}
		usernames := map[string]uuid.UUID{}
		for _, account := range all.Accounts {
			accounts[account.User] = account
			usernames[account.Profile.Username] = account.User
		}
		for _, change := range plan.People {
			if all.Protected[change.User] != "" {
				t.Errorf("seed %d: %s of somebody protected", seed, change.Kind)
			}
			if accounts[change.User].State == "blocked" && change.State != "" {
				t.Errorf("seed %d: a blocked person becomes %s", seed, change.State)
			}
			if vanished == KeepVanished && change.Place < 0 {
				t.Errorf("seed %d: %s though whoever vanishes is kept", seed, change.Kind)
			}
		}
		for _, change := range plan.People { // who gives a name up, first
			if change.Profile != nil && change.User != uuid.Nil {
				delete(usernames, accounts[change.User].Profile.Username)
			}
		}
		for i, change := range plan.People {
			if change.Profile == nil {
				continue
			}
			owner := uuid.NewSHA1(uuid.Max, fmt.Append(nil, i))
			if other, taken := usernames[change.Profile.Username]; taken {
				t.Errorf("seed %d: %s by %s, whose username %s has", seed, change.Kind, change.Profile.Username, other)
			}
			usernames[change.Profile.Username] = owner
		}
		for _, leave := range plan.Leaves {
			for _, user := range leave.Users {
				if all.Protected[user] != "" || leave.Kind == RemoveMember && !read[user] {
					t.Errorf("seed %d: somebody leaves %s who may not", seed, leave.Group)
				}
			}
		}
	}
}

// L6: whatever takes something makes another hash; who joins does not.
func TestAHashIsOfWhatAPlanTakes(t *testing.T) {
	base := func() *Plan {
		return &Plan{Record: "acme", People: []PersonChange{{Kind: DisablePerson, ID: "a"}, {Kind: AddPerson, ID: "n"}},
			Leaves: []Members{{Kind: RemoveMember, Group: "g", Users: []uuid.UUID{{1}, {2}}}}}
	}
	hash := base().Hash("f")
	for name, change := range map[string]func(*Plan){
		"another person is disabled": func(p *Plan) { p.People[0].ID = "b" },
		"one more is gone":           func(p *Plan) { p.People = append(p.People, PersonChange{Kind: GonePerson, ID: "c"}) },
		"out of scope, not disabled": func(p *Plan) { p.People[0].Kind = OutPerson },
		"one more leaves":            func(p *Plan) { p.Leaves[0].Users = append(p.Leaves[0].Users, uuid.UUID{3}) },
		"another leaves":             func(p *Plan) { p.Leaves[0].Users[1] = uuid.UUID{3} },
		"a group vanishes":           func(p *Plan) { p.Leaves[0].Kind = GroupGone },
		"an account is linked":       func(p *Plan) { p.People[1].Kind = LinkPerson },
		"a group is linked":          func(p *Plan) { p.Groups = []GroupChange{{Kind: LinkGroup, ID: "g", Key: "g"}} },
		"another record":             func(p *Plan) { p.Record = "globex" },
	} {
		p := base()
		if change(p); p.Hash("f") == hash {
			t.Errorf("%s: the hash is the same", name)
		}
	}
	if base().Hash("other settings") == hash {
		t.Error("other settings have the same hash")
	}
	p := base()
	p.People[1].ID = "m"
	p.Joins = []Members{{Kind: AddMember, Group: "g", Places: []uint32{1}}}
	if p.Hash("f") != hash {
		t.Error("whoever joins makes another hash")
	}
}

// L6: the larger of count and percent is what goes by itself.
func TestALimitIsTheLargerOfCountAndPercent(t *testing.T) {
	for _, tt := range []struct{ count, percent, of, want int }{
		{5, 10, 20, 5}, {5, 10, 50, 5}, {5, 10, 60, 6}, {0, 0, 1000, 0}, {0, 100, 3, 3},
	} {
		if got := (Limit{Count: tt.count, Percent: tt.percent}).most(tt.of); got != tt.want {
			t.Errorf("%d or %d %% of %d is %d, want %d", tt.count, tt.percent, tt.of, got, tt.want)
		}
	}
}
