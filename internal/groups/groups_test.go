package groups

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/rules"
)

var (
	yes        = rules.Finding{Outcome: rules.Matched, True: true}
	no         = rules.Finding{Outcome: rules.NoMatch, Value: -1}
	missing    = rules.Finding{Outcome: rules.Missing, Value: -1}
	incomplete = rules.Finding{Outcome: rules.Incomplete, Value: -1}
	off        = rules.Finding{Outcome: rules.Disabled, Value: -1}

	march = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now   = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
)

// association of the record acme for the group ops, by key and switches.
func association(key string, switches ...string) Association {
	a := Association{Rule: rules.Rule{Key: key}, Group: "ops"}
	for _, s := range switches {
		switch s {
		case "update":
			a.UpdateOnLogin = true
		case "only_own":
			a.OnlyOwn = true
		case "keep":
			a.OnMissing = Keep
		case "off":
			a.Disabled = true
		default:
			panic(s)
		}
	}
	return a
}

func byRule(record, key string) Source { return Source{FromAssociation, record, key, march} }

var (
	byHand      = Source{Kind: Manual, By: "grace", Since: march}
	bySCIM      = Source{Kind: FromSCIM, By: "hr", Since: march}
	byDirectory = Source{Kind: FromDirectory, Record: "acme", By: "acme", Since: march}
)

// said writes changes so that a test can be read: +rule a of acme, -manual by grace.
func said(changes []Change) string {
	var words []string
	for _, c := range changes {
		sign := "+"
		if c.Remove {
			sign = "-"
		}
		words = append(words, fmt.Sprintf("%s%s %s", sign, c.Source.Kind, strings.TrimPrefix(c.Source.Record+"/"+c.Source.By, "/")))
	}
	return strings.Join(words, ", ")
}

func TestWhatOneLoginDoesToOneGroup(t *testing.T) {
	type found = []rules.Finding
	one := func(a ...Association) []Association { return a }
	for _, tt := range []struct {
		name         string
		associations []Association
		found        found
		held         []Source
		verdict      Verdict
		want         string
	}{
		{"S30: true adds", one(association("a")), found{yes}, nil, Added, "+association acme/a"},
		{"S30: false without update on login changes nothing", one(association("a")), found{no}, []Source{byRule("acme", "a")}, Untouched, ""},
		{"S35: a reason that is known is not added again", one(association("a")), found{yes}, []Source{byRule("acme", "a")}, Confirmed, ""},
		{"S35: a second reason joins the first", one(association("a")), found{yes}, []Source{byHand}, Confirmed, "+association acme/a"},
		{"S35: each true association is a reason", one(association("a"), association("b")), found{yes, yes}, nil, Added, "+association acme/a, +association acme/b"},
		{"the same rule key of another record is another reason", one(association("a")), found{yes}, []Source{byRule("globex", "a")}, Confirmed, "+association acme/a"},

		{"S31: false with update on login removes", one(association("a", "update")), found{no}, []Source{byRule("acme", "a")}, Removed, "-association acme/a"},
		{"S31: it ends manual memberships too", one(association("a", "update")), found{no}, []Source{byHand}, Removed, "-manual grace"},
		{"S31: it ends all that this record granted", one(association("a", "update")), found{no}, []Source{byRule("acme", "gone")}, Removed, "-association acme/gone"},
		{"S31: only_own leaves what an administrator did", one(association("a", "update", "only_own")), found{no}, []Source{byRule("acme", "a"), byHand}, Held, "-association acme/a"},
		{"S31: what another record granted stays", one(association("a", "update")), found{no}, []Source{byRule("globex", "a")}, Held, ""},
		{"S31: what a directory sync granted stays", one(association("a", "update")), found{no}, []Source{byDirectory, byRule("acme", "a")}, Held, "-association acme/a"},
		{"S31: what SCIM granted stays", one(association("a", "update")), found{no}, []Source{byHand, bySCIM}, Held, "-manual grace"},

		{"S32: any true adds", one(association("a", "update"), association("b")), found{no, yes}, nil, Added, "+association acme/b"},
		{"S32: one true keeps, though another asks for removal", one(association("a", "update"), association("b")), found{no, yes}, []Source{byRule("acme", "b")}, Confirmed, ""},
		{"S32: all false and one with update on login removes", one(association("a"), association("b", "update")), found{no, no}, []Source{byRule("acme", "a")}, Removed, "-association acme/a"},
		{"S32: all false and none with update on login does not", one(association("a"), association("b")), found{no, no}, []Source{byRule("acme", "a")}, Untouched, ""},
		{"S32: only_own of one protects for all", one(association("a", "update"), association("b", "only_own")), found{no, no}, []Source{byHand}, Held, ""},
		{"S32: keep of one protects for all", one(association("a", "update"), association("b", "keep")), found{no, missing}, []Source{byRule("acme", "a")}, Protected, ""},

		{"S33: missing counts as false for adding", one(association("a", "keep")), found{missing}, []Source{byHand}, Untouched, ""},
		{"S33: missing removes unless told otherwise", one(association("a", "update")), found{missing}, []Source{byRule("acme", "a")}, Removed, "-association acme/a"},
		{"S33: missing with keep removes nobody", one(association("a", "update", "keep")), found{missing}, []Source{byRule("acme", "a")}, Protected, ""},
		{"S33: keep is about a missing attribute, not a false rule", one(association("a", "update", "keep")), found{no}, []Source{byRule("acme", "a")}, Removed, "-association acme/a"},

		{"S14: an incomplete attribute removes nobody", one(association("a", "update")), found{incomplete}, []Source{byRule("acme", "a")}, Protected, ""},
		{"S14: nor does it beside one that is false", one(association("a", "update"), association("b")), found{no, incomplete}, []Source{byHand}, Protected, ""},
		{"S15: an association that is switched off asks for nothing", one(association("a", "update"), association("b", "update", "off")), found{no, off}, []Source{byRule("acme", "a")}, Removed, "-association acme/a"},
		{"S15: and protects nothing", one(association("a", "update"), association("b", "only_own", "off")), found{no, off}, []Source{byHand}, Removed, "-manual grace"},
	} {
		var memberships []Membership
		if tt.held != nil {
			memberships = []Membership{{Group: "ops", Sources: tt.held}}
		}
		changes, outcomes := Compile("acme", tt.associations).Changes(tt.found, memberships, now)
		if got := said(changes); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if len(outcomes) != 1 || outcomes[0].Verdict != tt.verdict {
			t.Errorf("%s: got %+v, want %s", tt.name, outcomes, tt.verdict)
		}
		for _, c := range changes {
			if c.Group != "ops" || !c.Remove && c.Source.Since != now {
				t.Errorf("%s: %+v", tt.name, c)
			}
		}
	}
}

// S36: a group that no enabled association speaks of is left alone, whatever
// the person's attributes say.
func TestGroupsWithoutAnAssociationAreLeftAlone(t *testing.T) {
	set := Compile("acme", []Association{association("a", "update"), association("b", "update", "off")})
	memberships := []Membership{{"staff", []Source{byHand}}, {"dev", []Source{byRule("acme", "old")}}}
	if changes, outcomes := set.Changes([]rules.Finding{no, off}, memberships, now); changes != nil || outcomes != nil {
		t.Errorf("%v, %v", changes, outcomes)
	}
}

func TestAHeldMembershipSaysWhatHoldsIt(t *testing.T) {
	_, outcomes := Compile("acme", []Association{association("a", "update")}).Changes(
		[]rules.Finding{no}, []Membership{{"ops", []Source{byRule("acme", "a"), bySCIM, byRule("globex", "x")}}}, now)
	if left := outcomes[0].Left; !slices.Equal(left, []Source{bySCIM, byRule("globex", "x")}) {
		t.Errorf("left: %+v", left)
	}
}

// The laws of S30 to S35 over random associations, findings and memberships.
func TestWhateverTheRulesTheLawsOfMembershipHold(t *testing.T) {
	random := rand.New(rand.NewPCG(30, 35))
	for range 20_000 {
		associations, findings, before := randomCase(random)
		set := Compile("acme", associations)
		changes, _ := set.Changes(findings, before, now)
		after := apply(before, changes)

		for _, c := range changes {
			own := c.Source.Kind == FromAssociation && c.Source.Record == "acme"
			if c.Remove && !own && c.Source.Kind != Manual || !c.Remove && !own {
				t.Fatalf("S31: touched what is not this record's: %+v", c)
			}
			if known := holds(before, c.Group, c.Source); known != c.Remove {
				t.Fatalf("S35: %+v when held is %v", c, known)
			}
		}
		for i, a := range associations {
			if findings[i].True && len(sourcesIn(after, a.Group)) == 0 {
				t.Fatalf("S30: %s is true, yet not a member of %s", a.Key, a.Group)
			}
			if findings[i].Outcome == rules.Incomplete && len(sourcesIn(after, a.Group)) < len(sourcesIn(before, a.Group)) {
				t.Fatalf("S14: removed from %s although %s is incomplete", a.Group, a.Key)
			}
		}
		if again, _ := set.Changes(findings, after, now); len(again) > 0 {
			t.Fatalf("a second login changes again: %s\nafter %s", said(again), said(changes))
		}

		shuffled := slices.Clone(before)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		other, _ := set.Changes(findings, shuffled, now)
		if !sameChanges(changes, other) {
			t.Fatalf("S3: the order of memberships matters: %s, then %s", said(changes), said(other))
		}
	}
}

func randomCase(random *rand.Rand) ([]Association, []rules.Finding, []Membership) {
	pick := func(n int) bool { return random.IntN(n) == 0 }
	outcomes := []rules.Finding{yes, no, missing, incomplete}
	var associations []Association
	var findings []rules.Finding
	for i := range random.IntN(6) {
		a := association(fmt.Sprint("r", i))
		a.Group = fmt.Sprint("g", random.IntN(3))
		a.UpdateOnLogin, a.OnlyOwn, a.Disabled = !pick(3), pick(3), pick(5)
		if pick(3) {
			a.OnMissing = Keep
		}
		associations = append(associations, a)
		if a.Disabled {
			findings = append(findings, off)
		} else {
			findings = append(findings, outcomes[random.IntN(len(outcomes))])
		}
	}
	var memberships []Membership
	for g := range 4 {
		var sources []Source
		for _, source := range []Source{byHand, bySCIM, byDirectory, byRule("acme", "r0"), byRule("acme", "old"), byRule("globex", "r0")} {
			if pick(4) {
				sources = append(sources, source)
			}
		}
		if sources != nil {
			memberships = append(memberships, Membership{fmt.Sprint("g", g), sources})
		}
	}
	return associations, findings, memberships
}

// apply is what store does with changes, in the plainest way.
func apply(before []Membership, changes []Change) []Membership {
	var after []Membership
	for _, m := range before {
		after = append(after, Membership{m.Group, slices.Clone(m.Sources)})
	}
	for _, c := range changes {
		i := slices.IndexFunc(after, func(m Membership) bool { return m.Group == c.Group })
		switch {
		case c.Remove:
			after[i].Sources = slices.DeleteFunc(after[i].Sources, c.Source.same)
		case i < 0:
			after = append(after, Membership{c.Group, []Source{c.Source}})
		default:
			after[i].Sources = append(after[i].Sources, c.Source)
		}
	}
	return slices.DeleteFunc(after, func(m Membership) bool { return len(m.Sources) == 0 })
}

func sourcesIn(memberships []Membership, group string) []Source {
	for _, m := range memberships {
		if m.Group == group {
			return m.Sources
		}
	}
	return nil
}

func holds(memberships []Membership, group string, source Source) bool {
	return slices.ContainsFunc(sourcesIn(memberships, group), source.same)
}

func sameChanges(a, b []Change) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(c Change) bool { return !slices.Contains(b, c) })
}

// S37: login takes groups from the directory's last good sync, and that
// directory's source is all it touches.
func TestADirectoryGivesAndTakesItsOwnGroups(t *testing.T) {
	others := []Source{byHand, byRule("acme", "a"), bySCIM, {FromDirectory, "globex", "globex", march}}
	for _, tt := range []struct {
		name    string
		held    []string
		sources []Source
		verdict Verdict
		want    string
	}{
		{"a group in the directory is entered", []string{"ops"}, nil, Added, "+directory acme/acme"},
		{"one that is known is not entered again", []string{"ops"}, []Source{byDirectory}, Confirmed, ""},
		{"a directory may name a group twice", []string{"ops", "ops"}, nil, Added, "+directory acme/acme"},
		{"another reason is joined", []string{"ops"}, []Source{byHand}, Confirmed, "+directory acme/acme"},
		{"a group no longer in the directory is left", nil, []Source{byDirectory}, Removed, "-directory acme/acme"},
		{"but only by the directory's reason", nil, append(slices.Clone(others), byDirectory), Held, "-directory acme/acme"},
	} {
		var memberships []Membership
		if tt.sources != nil {
			memberships = []Membership{{"ops", tt.sources}}
		}
		changes, outcomes := FromDirectorySync("acme", tt.held, memberships, now)
		if got := said(changes); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if len(outcomes) != 1 || outcomes[0].Verdict != tt.verdict {
			t.Errorf("%s: got %+v, want %s", tt.name, outcomes, tt.verdict)
		}
		if tt.verdict == Held && !slices.Equal(outcomes[0].Left, others) {
			t.Errorf("%s: left %+v", tt.name, outcomes[0].Left)
		}
	}

	if changes, outcomes := FromDirectorySync("acme", nil, []Membership{{"ops", others}}, now); changes != nil || outcomes != nil {
		t.Errorf("touched what is not this directory's: %+v, %+v", changes, outcomes)
	}
}

// S34: deleting an association, or pointing it at another group, takes nobody
// out; what it granted can be seen.
func TestWhatADeletedAssociationLeavesBehind(t *testing.T) {
	memberships := []Membership{
		{"ops", []Source{byHand, byRule("acme", "a"), byRule("acme", "gone")}},
		{"dev", []Source{byRule("acme", "a"), byRule("globex", "gone")}},
		{"hr", []Source{bySCIM, byDirectory}},
	}
	got := LeftBehind("acme", []Association{association("a"), association("off", "off")}, memberships)
	want := []Membership{
		{"ops", []Source{byRule("acme", "gone")}},
		{"dev", []Source{byRule("acme", "a")}}, // "a" speaks of ops now
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := LeftBehind("acme", []Association{association("off", "off")}, []Membership{{"ops", []Source{byRule("acme", "off")}}}); got != nil {
		t.Errorf("an association that is switched off still stands: %v", got)
	}
}

// S38
func TestAGroupThatRulesPointAtIsNotDeletedUnseen(t *testing.T) {
	associations := []Association{association("admins"), association("admins-old", "off")}
	associations = append(associations, Association{Rule: rules.Rule{Key: "dev"}, Group: "dev"})

	err := Deletable("ops", Pointing("ops", "acme", associations))
	if fault.KindOf(err) != fault.Conflict {
		t.Errorf("kind = %v", fault.KindOf(err))
	}
	if got, want := fault.Sentence(err), "The group ops is used by the rules admins of acme, admins-old of acme. Delete or change them first."; got != want {
		t.Errorf("got %q", got)
	}
	if err := Deletable("hr", Pointing("hr", "acme", associations)); err != nil {
		t.Errorf("no rule points at hr, yet %v", err)
	}
}

func BenchmarkChanges(b *testing.B) {
	const groups = 10_000
	associations := make([]Association, groups)
	findings := make([]rules.Finding, groups)
	var memberships []Membership
	for i := range associations {
		associations[i] = association(fmt.Sprint("r", i), "update")
		associations[i].Group = fmt.Sprint("g", i)
		findings[i] = no
		if i%50 == 0 {
			findings[i] = yes
			memberships = append(memberships, Membership{associations[i].Group, []Source{byRule("acme", associations[i].Key)}})
		}
	}
	set := Compile("acme", associations)
	b.ReportAllocs()
	for b.Loop() {
		set.Changes(findings, memberships, now)
	}
}
