package store

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/users"
)

func TestWhoHasSeenAnotherVersionChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme")
		record := sample("acme")
		record.Name = "By bob"
		apply(t, s, idms.File{Records: []idms.Record{record}})
		record.Name = "By alice"
		for _, tt := range []struct {
			name string
			seen int
			kind fault.Kind
		}{{"who has seen the first", 1, fault.Conflict}, {"who believes it is new", 0, fault.Conflict}, {"who is ahead", 3, fault.Conflict}} {
			_, err := s.ApplyWith(ctx, idms.File{Records: []idms.Record{record}}, bob, How{Seen: map[string]int{"acme": tt.seen}})
			if fault.KindOf(err) != tt.kind || errors.Is(err, ErrChanged) != (tt.seen > 0) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if tt.seen > 0 && !strings.Contains(fault.Sentence(err), "changed by bob") {
				t.Errorf("%s: %v does not say who", tt.name, err)
			}
			if _, err := s.DeleteRecord(ctx, "acme", max(1, tt.seen), bob, How{}); !errors.Is(err, ErrChanged) && tt.seen != 0 {
				t.Errorf("%s deletes it: %v", tt.name, err)
			}
		}
		if now, err := s.Record(ctx, "acme"); err != nil || now.Name != "By bob" || now.Version != 2 {
			t.Errorf("the record is %s, version %d (%v)", now.Name, now.Version, err)
		}
		if _, err := s.ApplyWith(ctx, idms.File{Records: []idms.Record{record}}, bob, How{Seen: map[string]int{"acme": 2}}); err != nil {
			t.Error(err)
		}
	})
}

func TestARecordIsDeletedAloneAndTriedFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		newRecord(t, s, "corp")
		people(t, s, acme, "ada")
		tried, err := s.DeleteRecord(ctx, "acme", 1, bob, How{DryRun: true})
		must(t, err)
		gone, err := s.DeleteRecord(ctx, "acme", 1, bob, How{})
		if err != nil || gone.People != 1 || gone.People != tried.People || gone.Version != tried.Version {
			t.Errorf("tried %+v, done %+v (%v)", tried, gone, err)
		}
		for _, key := range []string{"acme", "no key", ""} {
			if _, err := s.DeleteRecord(ctx, key, 1, bob, How{}); fault.KindOf(err) != fault.NotFound {
				t.Errorf("deleting %q: %v", key, err)
			}
		}
		if _, err := s.DeleteRecord(ctx, idms.LocalKey, 1, bob, How{}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("deleting the built-in record: %v", err)
		}
		if _, err := s.Record(ctx, "corp"); err != nil {
			t.Error(err)
		}
	})
}

func TestAGroupIsChangedByWhoHasSeenIt(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		must(t, s.CreateGroup(ctx, groups.Group{Key: "ops", Name: "Ops"}, bob))
		if err := s.CreateGroup(ctx, groups.Group{Key: "ops", Name: "Other"}, bob); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a second group of the key: %v", err)
		}
		must(t, s.RenameGroup(ctx, groups.Group{Key: "ops", Name: "Operations"}, "Ops", bob))
		for name, err := range map[string]error{
			"renaming": s.RenameGroup(ctx, groups.Group{Key: "ops", Name: "Late"}, "Ops", bob),
			"deleting": s.DeleteSeenGroup(ctx, "ops", "Ops", bob),
		} {
			if !errors.Is(err, ErrChanged) {
				t.Errorf("%s by who has seen another name: %v", name, err)
			}
		}
		must(t, s.DeleteSeenGroup(ctx, "ops", "Operations", bob))
		if err := s.DeleteSeenGroup(ctx, "ops", "Operations", bob); fault.KindOf(err) != fault.NotFound {
			t.Errorf("deleting what is gone: %v", err)
		}
		newRecord(t, s, "acme", "platform")
		if err := s.DeleteSeenGroup(ctx, "platform", "The platform", bob); fault.KindOf(err) != fault.Conflict || errors.Is(err, ErrChanged) { // S38
			t.Errorf("deleting what a rule points at: %v", err)
		}
	})
}

func TestWhatTheDirectoryDisabledIsNotOursToEnable(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		ada := people(t, s, acme, "ada")["ada"]
		must(t, s.InTx(ctx, func(tx *Tx) error { logIn(t, tx, acme, "grace", "platform"); return nil }))
		list, _, err := s.Users(ctx, UserFilter{Search: "grace"}, "", 1)
		must(t, err)
		grace := list[0].Account
		ended, err := s.Block(ctx, grace.ID, bob)
		if err != nil || ended != 1 {
			t.Errorf("%d sessions ended (%v)", ended, err)
		}
		must(t, s.Unblock(ctx, grace.ID, bob))
		must(t, s.Unblock(ctx, grace.ID, bob)) // twice is once
		events, _, err := s.Events(ctx, EventFilter{Action: audit.UserUnblocked}, "", 10)
		if err != nil || len(events) != 1 {
			t.Errorf("%d events (%v)", len(events), err)
		}
		ada.State = users.Disabled
		must(t, s.InTx(ctx, func(tx *Tx) error { return tx.UpdateUser(ada) }))
		if err := s.Unblock(ctx, ada.ID, bob); fault.KindOf(err) != fault.Conflict {
			t.Errorf("enabling whom the directory disabled: %v", err)
		}
		if _, err := s.Block(ctx, NewID(), bob); fault.KindOf(err) != fault.NotFound {
			t.Errorf("blocking nobody: %v", err)
		}
	})
}

func TestSessionsAreEndedByTheirIDAndListedUntilThen(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		must(t, s.InTx(ctx, func(tx *Tx) error {
			for _, name := range []string{"ada", "grace", "edsger"} {
				logIn(t, tx, acme, name, "platform")
			}
			return nil
		}))
		list := func(filter SessionFilter) string {
			return pages(t, func(cursor string) ([]OpenSession, string, error) { return s.Sessions(ctx, filter, noon, cursor, 2) },
				func(one OpenSession) string { return one.Username })
		}
		if got := list(SessionFilter{}); got != "edsger grace ada" {
			t.Errorf("the sessions are %s", got)
		}
		if got := list(SessionFilter{Record: "other"}) + list(SessionFilter{User: "nobody"}); got != "" {
			t.Errorf("the sessions of others are %s", got)
		}
		all, _, err := s.Sessions(ctx, SessionFilter{Record: "acme"}, noon, "", 10)
		must(t, err)
		ended, err := s.EndSessionByID(ctx, all[0].Session.ID, bob)
		if must(t, err); !ended {
			t.Error("the session was not ended")
		}
		for _, gone := range []string{all[0].Session.ID, "", "x", NewID()} {
			if ended, err := s.EndSessionByID(ctx, gone, bob); ended || err != nil {
				t.Errorf("ending %q: %v, %v", gone, ended, err)
			}
		}
		if got := list(SessionFilter{}); got != "grace ada" {
			t.Errorf("the sessions are %s", got)
		}
	})
}

func TestS44TwoOwnersWhoBlockEachOtherAtOnceLeaveOne(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		by := Author{Role: roles.Owner, Who: "bob", Now: noon}
		var owners [2]string
		for i, name := range []string{"ada", "grace"} {
			id, err := s.CreateLocal(ctx, users.Profile{Username: name, Email: name + "@example.test"}, roles.Owner, by)
			must(t, err)
			must(t, s.SetPassword(ctx, id, "a hash", by))
			owners[i] = id
		}
		for range 10 {
			var all sync.WaitGroup
			for _, owner := range owners {
				all.Go(func() {
					if _, err := s.Block(ctx, owner, by); err != nil && fault.KindOf(err) != fault.Conflict {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if has, err := s.HasOwner(ctx); err != nil || !has {
				t.Fatalf("nobody is an owner any more: %v", err)
			}
			for _, owner := range owners {
				must(t, s.Unblock(ctx, owner, by))
			}
		}
	})
}
