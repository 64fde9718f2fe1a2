package store

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/users"
)

// timed gives a store a clock that the test moves.
func timed(s *Store) (wait func(time.Duration)) {
	var since atomic.Int64
	s.clock = func() time.Time { return noon.Add(time.Duration(since.Load())) }
	return func(length time.Duration) { since.Add(int64(length)) }
}

func adjust(t *testing.T, s *Store, name, value string) {
	t.Helper()
	must(t, s.ChangeSettings(ctx, owner, func(now *Settings) error {
		if delete(now.Adjusted, name); value != "" {
			now.Adjusted[name] = value
		}
		return nil
	}))
}

func TestAnAdjustedSettingCountsHereAtOnceAndElsewhereSoon(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		here, there := h.open(t), h.open(t)
		wait := timed(there)
		length := func(s *Store) time.Duration { return s.Adjusted(ctx).Duration("session.length", 12*time.Hour) }
		if length(here) != 12*time.Hour || length(there) != 12*time.Hour {
			t.Fatal("something is adjusted already")
		}
		adjust(t, here, "session.length", "8h")
		if length(here) != 8*time.Hour {
			t.Error("it does not count at once where it was set")
		}
		if took := statements(there, func() {
			if length(there) != 12*time.Hour {
				t.Error("the other process has asked out of turn")
			}
		}); took != 0 {
			t.Errorf("looking at it cost %d statements", took)
		}
		wait(settingsAge)
		if length(there) != 8*time.Hour {
			t.Errorf("the other process does not obey after %v", settingsAge)
		}
		// A clock that is set back must not keep the old ones for ever.
		adjust(t, here, "session.length", "7h")
		wait(-time.Hour)
		if length(there) != 7*time.Hour {
			t.Error("after its clock was set back, the other process does not obey")
		}
		adjust(t, here, "session.length", "")
		if length(here) != 12*time.Hour {
			t.Error("what was taken back counts")
		}
	})
}

func TestWhatTheConfigurationSetsCountsInsteadOfTheDatabase(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.fixed = []string{"session.length"}
		adjust(t, s, "session.length", "8h")
		adjust(t, s, "session.idle", "5m")
		adjusted := s.Adjusted(ctx)
		if adjusted.Duration("session.length", time.Minute) != time.Minute || adjusted.Duration("session.idle", time.Hour) != 5*time.Minute {
			t.Error("the wrong one counts")
		}
		if kept, err := s.Settings(ctx); err != nil || kept.Adjusted["session.length"] != "8h" {
			t.Errorf("the page cannot show what does not count: %v, %v", kept, err)
		}
	})
}

func TestAnAdjustmentIsCheckedAuditedAndTheOwners(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		try := func(by Author, name, value string) error {
			return s.ChangeSettings(ctx, by, func(now *Settings) error { now.Adjusted[name] = value; return nil })
		}
		if err := try(Author{Role: roles.Editor, Who: "edith", Now: noon}, "session.length", "8h"); fault.KindOf(err) != fault.Denied {
			t.Errorf("by an editor: %v", err)
		}
		for name, value := range map[string]string{"session.length": "1s", "retention.audit": "1h", "base_urls": "https://evil.example", "single_sign_on_enforced": "true"} {
			if err := try(owner, name, value); fault.KindOf(err) != fault.Invalid || fault.ProblemsOf(err)[0].Field != name {
				t.Errorf("%s = %s: %v", name, value, err)
			}
		}
		must(t, try(owner, "session.length", "8h"))
		must(t, try(owner, "session.length", "8h"))
		must(t, try(owner, "session.length", "9h"))
		events, _, err := s.Events(ctx, EventFilter{Action: audit.SettingChanged}, "", 10)
		must(t, err)
		if len(events) != 2 || events[0].Who != "olga" || events[0].Changes[0] != (audit.Change{Field: "session.length", From: "8h", To: "9h"}) {
			t.Errorf("the audit trail has %+v", events)
		}
		// What another version wrote, and this one cannot obey, is not obeyed.
		must(t, s.write.Exec("UPDATE settings SET value = '1s' WHERE name = 'session.length'").Error)
		fresh := *s.settled.Load()
		fresh.at = time.Time{}
		s.settled.Store(&fresh)
		if got := s.Adjusted(ctx).Duration("session.length", time.Hour); got != time.Hour {
			t.Errorf("%v counts", got)
		}
	})
}

func TestAnAdjustedRetentionIsObeyedByThePurgeAndByLogins(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		s.retention.Assertions = 30 * day
		ada := loggedIn(t, s, acme, "ada").account.ID
		record(t, s, ada, said, noon)
		for _, ref := range []string{"old", "young"} {
			at := noon.Add(-50 * day)
			if ref == "young" {
				at = noon.Add(-30 * day)
			}
			must(t, s.SaveTrace(ctx, Trace{Ref: ref, At: at, Verified: true}))
		}
		adjusted := s.Adjusted(ctx)
		if doomed, err := s.Doomed(ctx, adjusted, noon); err != nil || doomed != (Purged{}) {
			t.Errorf("as things are, the purge would remove %+v (%v)", doomed, err)
		}
		adjust(t, s, "retention.traces", "40d")
		adjust(t, s, "retention.assertions", "0")
		if doomed, err := s.Doomed(ctx, s.Adjusted(ctx), noon); err != nil || doomed != (Purged{Traces: 1, Recorded: 1}) {
			t.Errorf("the purge would remove %+v (%v)", doomed, err)
		}
		if purged, err := s.Purge(ctx, noon); err != nil || purged.Traces != 1 || purged.Recorded != 1 {
			t.Errorf("the purge removed %+v (%v)", purged, err)
		}
		record(t, s, ada, said, noon)
		if n := count(t, s, "recorded_assertions"); n != 0 {
			t.Errorf("%d assertions are recorded", n)
		}
	})
}

func TestSingleSignOnIsEnforcedOnProofsAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme")
		enforce := func() error {
			return s.ChangeSettings(ctx, owner, func(now *Settings) error { now.Enforced = true; return nil })
		}
		for _, tt := range []struct {
			name             string
			event            audit.Event
			provider, behind bool // whether that way is proved then
		}{
			{"nothing", audit.Event{}, false, false},
			{"a refused test", audit.Event{Action: audit.LoginTested, Record: "acme", Code: "no_access"}, false, false},
			{"a passed test of a record that is gone", audit.Event{Action: audit.LoginTested, Record: "gone"}, false, false},
			{"a login of a local person", audit.Event{Action: audit.LoggedIn, Record: "local"}, false, false},
			{"a one-time address", audit.Event{Action: audit.BackDoorUsed, Alarm: true, Record: "local", Reason: "a one-time address"}, false, false},
			{"a refused one at the door", audit.Event{Action: audit.BackDoorRefused, Alarm: true, Record: "local"}, false, false},
			{"a passed test of an active record", audit.Event{Action: audit.LoginTested, Record: "acme", Who: "olga"}, true, false},
			{"a password at the door", audit.Event{Action: audit.BackDoorUsed, Alarm: true, Record: "local"}, true, true},
		} {
			if tt.event.Action != "" {
				tt.event.At = noon
				must(t, s.Audit(ctx, tt.event))
			}
			found, err := s.Proofs(ctx, noon.Add(time.Minute))
			if err != nil || found.Provider.At.IsZero() == tt.provider || found.BackDoor.At.IsZero() == tt.behind {
				t.Errorf("after %s: %+v (%v)", tt.name, found, err)
			}
			if err := enforce(); (err == nil) != (tt.provider && tt.behind) || err != nil && fault.KindOf(err) != fault.Conflict {
				t.Errorf("after %s, enforcing: %v", tt.name, err)
			}
		}
		if found, err := s.Proofs(ctx, noon.Add(ProofLasts)); err != nil || found != (Proofs{}) {
			t.Errorf("a week later they still count: %+v (%v)", found, err)
		}
	})
}

func TestANewPasswordEndsTheOneTimeAddressesOfItsPerson(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		id, err := s.CreateLocal(ctx, users.Profile{Username: "eva", Email: "eva@example.test"}, roles.None, owner)
		must(t, err)
		other, err := s.CreateLocal(ctx, users.Profile{Username: "rita", Email: "rita@example.test"}, roles.None, owner)
		must(t, err)
		address := OneTime{Purpose: NewPassword, UserID: id, MadeBy: "olga", Expires: noon.Add(time.Hour)}
		must(t, s.KeepOneTime(ctx, address, []byte("hers")))
		address.UserID = other
		must(t, s.KeepOneTime(ctx, address, []byte("another's")))
		must(t, s.SetPassword(ctx, id, "hash", owner))
		if _, err := s.OneTime(ctx, []byte("hers"), noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the address still works: %v", err)
		}
		if _, err := s.OneTime(ctx, []byte("another's"), noon); err != nil {
			t.Errorf("another's is ended: %v", err)
		}
		if ends, err := s.OutstandingAddress(ctx, other); err != nil || !ends.Equal(noon.Add(time.Hour)) {
			t.Errorf("outstanding until %v (%v)", ends, err)
		}
		if err := s.EndOneTime(ctx, other, Author{Role: roles.Editor, Now: noon}); fault.KindOf(err) != fault.Denied {
			t.Errorf("ended by an editor: %v", err)
		}
		must(t, s.EndOneTime(ctx, other, owner))
		must(t, s.EndOneTime(ctx, other, owner))
		if _, err := s.OneTime(ctx, []byte("another's"), noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("ended, and it still works: %v", err)
		}
		if events, _, err := s.Events(ctx, EventFilter{Action: audit.PasswordAddressEnded}, "", 10); err != nil || len(events) != 1 || events[0].User != other {
			t.Errorf("the audit trail has %v (%v)", events, err)
		}
	})
}

func TestS44TheRefusalSaysWhoTheLastOwnerIs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		id, err := s.CreateLocal(ctx, users.Profile{Username: "grace", Email: "grace@example.test"}, roles.Owner, owner)
		must(t, err)
		must(t, s.SetPassword(ctx, id, "hash", owner))
		err = s.SetRole(ctx, id, roles.Reader, owner)
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(fault.Sentence(err), "grace is the last owner who can log in") {
			t.Errorf("got %v", err)
		}
		one, err := s.Administrator(ctx, id)
		if err != nil || one.Role != roles.Owner || !one.Able || !one.ByHand {
			t.Errorf("afterwards: %+v (%v)", one, err)
		}
	})
}

func TestS51SomebodyWhomNoProviderKnowsIsMadeWithTheirExemption(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		eva := users.Profile{Username: "eva", Email: "eva@audit.example"}
		if _, err := s.CreateExempt(ctx, eva, "audit", noon.Add(day), Author{Role: roles.Editor, Now: noon}); fault.KindOf(err) != fault.Denied {
			t.Errorf("by an editor: %v", err)
		}
		id, err := s.CreateExempt(ctx, eva, "audit", noon.Add(day), owner)
		must(t, err)
		if has, err := s.CredentialOf(ctx, id); err != nil || has.Exempt == nil || has.Exempt.Reason != "audit" || has.Role != roles.None {
			t.Errorf("made: %+v (%v)", has, err)
		}
		if _, err := s.CreateExempt(ctx, eva, "audit", noon.Add(day), owner); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a second time: %v", err)
		}
	})
}

// What a login pays for settings that can be changed while it runs.
func BenchmarkLookingAtAnAdjustedSetting(b *testing.B) {
	s := sqliteHouse(b).open(b)
	for b.Loop() {
		if s.Adjusted(ctx).Duration("session.length", time.Hour) != time.Hour {
			b.Fatal("adjusted")
		}
	}
}
