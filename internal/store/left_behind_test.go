package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/roles"
)

var (
	editor = Author{Role: roles.Editor, Who: "edith", Reason: "ticket 8", Now: noon.Add(time.Hour)}
	olga   = Author{Role: roles.Owner, Who: "olga", Now: noon.Add(time.Hour)}
)

// without saves a record without its association for a group.
func without(t *testing.T, s *Store, key string, kept ...string) {
	t.Helper()
	_, err := s.Apply(ctx, idms.File{Records: []idms.Record{sample(key, kept...)}}, olga)
	must(t, err)
}

func whatIsLeft(t *testing.T, s *Store, choice LeftChoice) string {
	t.Helper()
	list, more, err := s.LeftBehind(ctx, choice)
	must(t, err)
	if more {
		t.Error("there is more")
	}
	var said []string
	for _, one := range list {
		said = append(said, fmt.Sprintf("%s/%s/%s:%d", one.Group.Key, one.Record, one.Rule, one.Members))
	}
	return strings.Join(said, " ")
}

// memberOf says who is in a group and why.
func memberOf(t *testing.T, s *Store, group string) string {
	t.Helper()
	list, _, err := s.Members(ctx, group, "", 100)
	must(t, err)
	var said []string
	for _, one := range list {
		for _, source := range one.Sources {
			said = append(said, one.Account.Username+" "+source.Words())
		}
	}
	return strings.Join(said, "; ")
}

// leftovers are two groups of acme, of which the association of one is deleted:
// ada is in it by that alone, grace by hand too.
func leftovers(t *testing.T, s *Store) {
	t.Helper()
	acme, corp := newRecord(t, s, "acme", "platform", "staff"), newRecord(t, s, "corp", "platform")
	loggedIn(t, s, acme, "ada", "platform", "staff")
	grace := loggedIn(t, s, acme, "grace", "platform")
	loggedIn(t, s, corp, "zoe", "platform")
	must(t, s.AddMember(ctx, "platform", grace.account.ID, bob))
	without(t, s, "acme", "staff")
}

func TestWhatADeletedAssociationLeftIsListedAndNothingElseS34(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		leftovers(t, s)
		for _, tt := range []struct {
			choice LeftChoice
			want   string
		}{
			{LeftChoice{}, "platform/acme/in-platform:2"},
			{LeftChoice{Group: "platform"}, "platform/acme/in-platform:2"},
			{LeftChoice{Group: "staff"}, ""},
			{LeftChoice{Record: "corp"}, ""},
			{LeftChoice{Record: "acme", Rule: "in-platform"}, "platform/acme/in-platform:2"},
			{LeftChoice{User: NewID()}, ""},
			{LeftChoice{Group: "' OR 1"}, ""},
			{LeftChoice{User: "x\x00"}, ""},
		} {
			if got := whatIsLeft(t, s, tt.choice); got != tt.want {
				t.Errorf("%+v: %q, want %q", tt.choice, got, tt.want)
			}
		}
		// An association that now speaks of another group leaves the former one behind.
		_, err := s.Apply(ctx, idms.File{Groups: []groups.Group{{Key: "other", Name: "Other"}}}, olga)
		must(t, err)
		moved := sample("acme", "other")
		moved.Associations[0].Key = "in-staff"
		_, err = s.Apply(ctx, idms.File{Records: []idms.Record{moved}}, olga)
		must(t, err)
		if got := whatIsLeft(t, s, LeftChoice{Group: "staff"}); got != "staff/acme/in-staff:1" {
			t.Errorf("a moved association left %q", got)
		}
	})
}

func TestLeftoversAreRemovedAndWhoElseHasAReasonStaysS34S35(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		leftovers(t, s)
		before := memberOf(t, s, "platform")
		left, _, err := s.LeftBehind(ctx, LeftChoice{Group: "platform"})
		must(t, err)
		people, _, err := s.LeftMembers(ctx, "platform", left, "", 10)
		must(t, err)
		if len(people) != 2 || people[0].Account.Username != "ada" || len(people[1].Sources) != 2 {
			t.Errorf("the people are %v", people)
		}
		if n, err := s.MemberCount(ctx, "platform"); err != nil || n != 3 {
			t.Errorf("%d are in the group (%v)", n, err)
		}
		tried, err := s.SettleLeftBehind(ctx, LeftChoice{Group: "platform"}, Settlement{DryRun: true}, editor)
		must(t, err)
		if tried.Reasons != 2 || tried.People != 2 || tried.Leaving != 1 || memberOf(t, s, "platform") != before {
			t.Errorf("the dry run says %+v, or has changed something", tried)
		}
		done, err := s.SettleLeftBehind(ctx, LeftChoice{Group: "platform"}, Settlement{Expect: tried.Reasons}, editor)
		must(t, err)
		if fmt.Sprint(done) != fmt.Sprint(tried) {
			t.Errorf("done is %+v, and %+v was said before", done, tried)
		}
		if got := memberOf(t, s, "platform"); got != "grace by bob; zoe by the rule in-platform of corp" {
			t.Errorf("in it are %s", got)
		}
		events, _, err := s.Events(ctx, EventFilter{Action: audit.LeftBehindRemoved, Group: "platform", Who: "edith"}, "", 10)
		must(t, err)
		if len(events) != 1 || events[0].Record != "acme" || events[0].Reason != "ticket 8" || events[0].Changes[1] != (audit.Change{Field: "members", From: "2", To: "0"}) {
			t.Errorf("the audit trail has %+v", events)
		}
		if _, err := s.SettleLeftBehind(ctx, LeftChoice{Group: "platform"}, Settlement{}, editor); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestLeftoversAreAdoptedByTheAdministratorS34S36(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		leftovers(t, s)
		for _, dry := range []bool{true, false} {
			done, err := s.SettleLeftBehind(ctx, LeftChoice{}, Settlement{Adopt: true, DryRun: dry, Expect: 2}, editor)
			must(t, err)
			if done.Reasons != 2 || done.People != 2 || done.Leaving != 0 {
				t.Errorf("adopting (dry %v) says %+v", dry, done)
			}
		}
		if got := memberOf(t, s, "platform"); got != "ada by edith; grace by bob; grace by edith; zoe by the rule in-platform of corp" {
			t.Errorf("in it are %s", got)
		}
		if got := whatIsLeft(t, s, LeftChoice{}); got != "" {
			t.Errorf("left is %s", got)
		}
		if list, _, err := s.MembersBy(ctx, "platform", groups.FromAssociation, "", 10); err != nil || len(list) != 1 || list[0].Account.Username != "zoe" {
			t.Errorf("by association are %v, %v", list, err)
		}
		if list, _, err := s.MembersBy(ctx, "platform", groups.Manual, "", 10); err != nil || len(list) != 2 || len(list[1].Sources) != 2 {
			t.Errorf("by hand are %v, %v", list, err)
		}
	})
}

func TestOnePersonAloneCanBeSettled(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		leftovers(t, s)
		ada, err := s.AccountID(ctx, "acme", "ada")
		must(t, err)
		done, err := s.SettleLeftBehind(ctx, LeftChoice{Group: "platform", User: ada}, Settlement{}, editor)
		must(t, err)
		if done.Reasons != 1 || done.Leaving != 1 || whatIsLeft(t, s, LeftChoice{}) != "platform/acme/in-platform:1" {
			t.Errorf("one person: %+v", done)
		}
	})
}

func TestWhatChangedSinceSomebodyLookedIsNotSettled(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		leftovers(t, s)
		_, err := s.SettleLeftBehind(ctx, LeftChoice{}, Settlement{Expect: 3}, editor)
		if fault.KindOf(err) != fault.Conflict || !errors.Is(err, ErrChanged) {
			t.Errorf("two where three were seen: %v", err)
		}
		if got := whatIsLeft(t, s, LeftChoice{}); got != "platform/acme/in-platform:2" {
			t.Errorf("left is %s", got)
		}
	})
}

// As many as were seen, and not the same: what is done is what was seen, or nothing.
func TestOtherPeopleThanSomebodyLookedAtAreNotSettled(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		leftovers(t, s)
		look := func(adopt bool) Settled {
			t.Helper()
			tried, err := s.SettleLeftBehind(ctx, LeftChoice{}, Settlement{Adopt: adopt, DryRun: true}, editor)
			must(t, err)
			return tried
		}
		seen, adopted := look(false), look(true)
		if len(seen.Hash) != 16 || seen.Hash == adopted.Hash || look(false).Hash != seen.Hash {
			t.Errorf("the hashes are %q, %q and %q", seen.Hash, adopted.Hash, look(false).Hash)
		}
		refused := func(what string, how Settlement) {
			t.Helper()
			before := memberOf(t, s, "platform")
			if _, err := s.SettleLeftBehind(ctx, LeftChoice{}, how, editor); fault.KindOf(err) != fault.Conflict || !errors.Is(err, ErrChanged) {
				t.Errorf("%s: %v", what, err)
			}
			if after := memberOf(t, s, "platform"); after != before {
				t.Errorf("%s: in it are %s, not %s", what, after, before)
			}
		}
		refused("adopting what was seen to be removed", Settlement{Adopt: true, Seen: seen.Hash})

		// Grace is in it by hand no more, so that she would leave it too.
		grace, err := s.AccountID(ctx, "acme", "grace")
		must(t, err)
		must(t, s.RemoveMember(ctx, "platform", grace, olga))
		if now := look(false); now.Reasons != seen.Reasons || now.Leaving != seen.Leaving+1 {
			t.Fatalf("now it is %+v", now)
		}
		refused("who would have stayed would leave", Settlement{Seen: seen.Hash})
		if got := look(true).Hash; got != adopted.Hash {
			t.Error("adopting is another thing now, though everybody stays")
		}

		// Ada goes, and eva comes by the same association: there are two again.
		ada, err := s.AccountID(ctx, "acme", "ada")
		must(t, err)
		seen = look(false)
		_, err = s.SettleLeftBehind(ctx, LeftChoice{Group: "platform", User: ada}, Settlement{}, olga)
		must(t, err)
		loggedIn(t, s, edition(t, s, "acme"), "eva", "platform")
		if now := look(false); now.Reasons != seen.Reasons || now.People != seen.People || now.Leaving != seen.Leaving {
			t.Fatalf("not as many: %+v, and %+v before", now, seen)
		}
		refused("somebody else", Settlement{Seen: seen.Hash})
		refused("somebody else, by number too", Settlement{Seen: seen.Hash, Expect: seen.Reasons})
		done, err := s.SettleLeftBehind(ctx, LeftChoice{}, Settlement{Seen: look(false).Hash}, editor)
		if err != nil || done.Reasons != 2 || whatIsLeft(t, s, LeftChoice{}) != "" {
			t.Errorf("what is there now: %+v, %v", done, err)
		}
	})
}

func TestTheLastOwnerIsNotSettledAwayAndBuiltInGroupsAreForOwnersS44(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		record := sample("acme", "platform")
		record.Associations[0].Group = roles.Owner.Group()
		_, err := s.Apply(ctx, idms.File{Records: []idms.Record{record}}, olga)
		must(t, err)
		ada := loggedIn(t, s, edition(t, s, "acme"), "ada")
		must(t, s.InTx(ctx, func(tx *Tx) error {
			return tx.ApplyChanges(ada.account.ID, []groups.Change{{Group: roles.Owner.Group(), Source: byRule("acme", "platform")}}, noon)
		}))
		without(t, s, "acme")
		choice := LeftChoice{Group: roles.Owner.Group()}
		if _, err := s.SettleLeftBehind(ctx, choice, Settlement{}, editor); fault.KindOf(err) != fault.Denied {
			t.Errorf("an editor settles the owners: %v", err)
		}
		if _, err := s.SettleLeftBehind(ctx, LeftChoice{}, Settlement{}, editor); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an editor settles all groups: %v", err)
		}
		if _, err := s.SettleLeftBehind(ctx, choice, Settlement{}, olga); fault.KindOf(err) != fault.Conflict {
			t.Errorf("the last owner goes: %v", err)
		}
		if _, err := s.SettleLeftBehind(ctx, choice, Settlement{Adopt: true}, olga); err != nil {
			t.Errorf("the last owner is not adopted: %v", err)
		}
	})
}

func TestThePointersAtAGroupAreFoundWithoutCompilingARuleS38(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme", "platform", "platform-2")
		off := sample("corp", "platform")
		off.Associations[0].Disabled = true
		off.Name = `"group":"nothing"` // as text it is no association
		_, err := s.Apply(ctx, idms.File{Records: []idms.Record{off}, Groups: []groups.Group{{Key: "nothing", Name: "Nothing"}}}, olga)
		must(t, err)
		for group, want := range map[string]string{
			"platform": "[{acme in-platform} {corp in-platform}]", "platform-2": "[{acme in-platform-2}]", "nothing": "[]", `no"key`: "[]",
		} {
			got, err := s.Pointers(ctx, group)
			must(t, err)
			if fmt.Sprint(got) != want {
				t.Errorf("%s: %v, want %s", group, got, want)
			}
		}
		if err := s.DeleteGroup(ctx, "platform", editor); fault.KindOf(err) != fault.Conflict || !strings.Contains(fault.Sentence(err), "in-platform of acme, in-platform of corp") {
			t.Errorf("deleting it: %v", err)
		}
	})
}

func TestGroupsAreFoundByKeyOrNameWithTheirMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform", "staff")
		loggedIn(t, s, acme, "ada", "platform", "staff")
		grace := loggedIn(t, s, acme, "grace", "platform")
		must(t, s.AddMember(ctx, "platform", grace.account.ID, bob)) // a second reason, not a second member
		_, err := s.Apply(ctx, idms.File{Groups: []groups.Group{{Key: "ops", Name: "Équipe 100%"}}}, olga)
		must(t, err)
		find := func(search string) string {
			return pages(t, func(cursor string) ([]CountedGroup, string, error) {
				return s.GroupsFound(ctx, GroupFilter{Search: search}, cursor, 2)
			},
				func(one CountedGroup) string { return fmt.Sprintf("%s:%d", one.Key, one.Members) })
		}
		for search, want := range map[string]string{
			"":       "idms-editors:0 idms-owners:0 idms-readers:0 ops:0 platform:2 staff:1",
			"PLAT":   "platform:2",
			"the st": "staff:1",
			"Équipe": "ops:0", "0%": "ops:0", "_": "", "' OR 1=1 --": "",
		} {
			if got := find(search); got != want {
				t.Errorf("%q finds %s, want %s", search, got, want)
			}
		}
		if _, _, err := s.GroupsFound(ctx, GroupFilter{Search: "a\x00"}, "", 2); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a search that no database takes: %v", err)
		}
	})
}

func TestWhomAHeldPlanWouldTakeOutIsSaidL6(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		ada, eva := loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "eva")
		must(t, s.InTx(ctx, func(tx *Tx) error {
			for _, one := range []visitor{ada, eva} {
				change := groups.Change{Group: "platform", Source: groups.Source{Kind: groups.FromDirectory, Record: "acme", By: "acme", Since: noon}}
				if err := tx.ApplyChanges(one.account.ID, []groups.Change{change}, noon); err != nil {
					return err
				}
			}
			return nil
		}))
		run := func(at time.Time, outcome RunOutcome, hash string, leaves ...ldapsync.Members) string {
			t.Helper()
			id := NewID()
			plan := &ldapsync.Plan{Record: "acme", Leaves: leaves, Names: map[uuid.UUID]string{uuid.MustParse(ada.account.ID): "ada", uuid.MustParse(eva.account.ID): "eva"}}
			must(t, s.SaveRun(ctx, acme, Run{ID: id, Record: "acme", Began: at, Ended: at, Cause: "schedule", Outcome: outcome, Hash: hash}, plan))
			return id
		}
		leave := func(group string, kind ldapsync.Kind, who ...visitor) ldapsync.Members {
			members := ldapsync.Members{Kind: kind, Group: group}
			for _, one := range who {
				members.Users = append(members.Users, uuid.MustParse(one.account.ID))
			}
			return members
		}
		here := func() []HeldHere {
			t.Helper()
			list, err := s.HeldIn(ctx, "platform")
			must(t, err)
			return list
		}
		if got := here(); len(got) != 0 {
			t.Fatalf("before any run: %v", got)
		}
		run(noon, RunHeld, "one", leave("staff", ldapsync.RemoveMember, eva), leave("platform", ldapsync.RemoveMember, ada))
		last := run(noon.Add(time.Hour), RunHeld, "one", leave("staff", ldapsync.RemoveMember, eva), leave("platform", ldapsync.RemoveMember, ada))
		run(noon.Add(2*time.Hour), RunFailed, "")
		got := here()
		if len(got) != 1 || got[0].Run.ID != last || !got[0].Since.Equal(noon) || got[0].Total != 1 || fmt.Sprint(got[0].Whom) != "[ada]" {
			t.Errorf("held are %+v", got)
		}
		run(noon.Add(3*time.Hour), RunHeld, "two", leave("platform", ldapsync.GroupGone, ada, eva))
		if got := here(); len(got) != 1 || got[0].Total != 2 || !got[0].Since.Equal(noon.Add(3*time.Hour)) {
			t.Errorf("of a group that is gone: %+v", got)
		}
		run(noon.Add(4*time.Hour), RunUnchanged, "")
		if got := here(); len(got) != 0 {
			t.Errorf("a later run found nothing to do, and held are %+v", got)
		}
	})
}
