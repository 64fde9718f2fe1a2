package store

import (
	"slices"
	"testing"
	"time"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/session"
	"idms/internal/users"
)

func TestASessionIsFoundByItsTokenWithPersonAndRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		v := loggedIn(t, s, acme, "ada")
		loggedIn(t, s, acme, "grace")
		visit := visitOf(t, s, v.hash)
		if want := (Visit{Session: v.session, Account: v.account, Record: acme}); visit != want {
			t.Errorf("got  %+v\nwant %+v", visit, want)
		}
	})
}

func TestASessionIsGoneAtItsEndOrWithItsPersonOrRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		v := loggedIn(t, s, acme, "ada")
		gone := func(why string, now time.Time) {
			t.Helper()
			if _, err := s.Session(ctx, v.hash, now); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s: found (%v)", why, err)
			}
		}
		if _, err := s.Session(ctx, v.hash, v.session.Expires.Add(-time.Microsecond)); err != nil {
			t.Errorf("just before its end: %v", err)
		}
		gone("at its end", v.session.Expires)
		for _, state := range []users.State{users.Blocked, users.Disabled} {
			v.account.State = state
			must(t, s.InTx(ctx, func(tx *Tx) error { return tx.UpdateUser(v.account) }))
			gone("the person is "+string(state), noon)
		}
		v.account.State = users.Enabled
		must(t, s.InTx(ctx, func(tx *Tx) error { return tx.UpdateUser(v.account) }))
		visitOf(t, s, v.hash)
		// Not by Apply, which ends sessions: whatever else switches a record off.
		must(t, s.write.Exec("UPDATE records SET state = ? WHERE key = 'acme'", idms.Disabled).Error)
		gone("the record takes no logins", noon)
	})
}

func TestTheLastUseIsWrittenOnceAMinuteAndRevivesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		v := loggedIn(t, s, newRecord(t, s, "acme"), "ada")
		seen := noon
		for _, step := range []struct {
			after  time.Duration
			writes int
		}{{0, 0}, {59 * time.Second, 0}, {time.Minute, 1}, {90 * time.Second, 0}, {3 * time.Minute, 1}} {
			now := noon.Add(step.after)
			visit := visitOf(t, s, v.hash)
			if visit.Session.Seen != seen {
				t.Fatalf("before %v it was last seen at %v, want %v", step.after, visit.Session.Seen, seen)
			}
			wrote := statements(s, func() { must(t, s.Touch(ctx, visit.Session, now)) })
			if wrote != step.writes {
				t.Errorf("after %v: %d writes, want %d", step.after, wrote, step.writes)
			}
			if step.writes > 0 {
				seen = now
			}
		}
		// Two tabs at once: the second finds that the first wrote.
		late := noon.Add(time.Hour)
		must(t, s.Touch(ctx, v.session, late))
		must(t, s.Touch(ctx, v.session, late.Add(-30*time.Second)))
		if visit := visitOf(t, s, v.hash); visit.Session.Seen != late {
			t.Errorf("last seen %v, want %v", visit.Session.Seen, late)
		}
		if ended, err := s.EndSession(ctx, v.hash); err != nil || !ended {
			t.Fatalf("ended %v (%v)", ended, err)
		}
		must(t, s.Touch(ctx, v.session, late.Add(time.Hour)))
		if n := count(t, s, "sessions"); n != 0 {
			t.Error("an ended session came back")
		}
	})
}

func TestEndingSessionsEndsTheOnesNamed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme"), newRecord(t, s, "beta")
		ada, again, grace, other := loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "grace"), loggedIn(t, s, beta, "ada")
		alive := func() (names []string) {
			for name, v := range map[string]visitor{"ada": ada, "again": again, "grace": grace, "other": other} {
				if _, err := s.Session(ctx, v.hash, noon); err == nil {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			return names
		}
		for _, step := range []struct {
			name string
			end  func() (int, error)
			want int
			left []string
		}{
			{"one", func() (int, error) { return ended(s.EndSession(ctx, again.hash)) }, 1, []string{"ada", "grace", "other"}},
			{"the same one again", func() (int, error) { return ended(s.EndSession(ctx, again.hash)) }, 0, []string{"ada", "grace", "other"}},
			{"one that nobody has", func() (int, error) { return ended(s.EndSession(ctx, []byte("x"))) }, 0, []string{"ada", "grace", "other"}},
		} {
			if n, err := step.end(); err != nil || n != step.want {
				t.Errorf("%s: %d ended (%v), want %d", step.name, n, err, step.want)
			}
			if left := alive(); !slices.Equal(left, step.left) {
				t.Errorf("%s: %q are left, want %q", step.name, left, step.left)
			}
		}
	})
}

func ended(one bool, err error) (int, error) {
	if one {
		return 1, err
	}
	return 0, err
}

func TestAnElevationChangesTheTokenAndCanBeGivenUpS26(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		v := loggedIn(t, s, newRecord(t, s, "acme"), "ada")
		_, hash := session.NewToken()
		until := noon.Add(time.Hour)
		elevate := func(id string) (ends time.Time, alive bool) {
			must(t, s.InTx(ctx, func(tx *Tx) (err error) {
				ends, alive, err = tx.SetElevated(id, hash, console.Full, "mfa", until, v.session.NameID, v.session.SessionIndex)
				return err
			}))
			return ends, alive
		}
		if ends, alive := elevate(v.session.ID); !alive || ends != v.session.Expires {
			t.Errorf("elevated %v until %v, want the session's end %v", alive, ends, v.session.Expires)
		}
		if _, err := s.Session(ctx, v.hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the token from before the elevation is good for it (%v)", err)
		}
		elevated := visitOf(t, s, hash).Session
		want := v.session
		want.Elevated, want.ElevatedUntil, want.ElevatedContext = console.Full, until, "mfa"
		if elevated != want {
			t.Errorf("got  %+v\nwant %+v", elevated, want)
		}
		must(t, s.EndElevation(ctx, v.session.ID, noon.Add(time.Minute)))
		if got := visitOf(t, s, hash).Session.LevelAt(noon.Add(time.Minute)); got != console.Restricted {
			t.Errorf("after giving it up: %v", got)
		}
		// Giving up later does not lengthen what has ended.
		must(t, s.EndElevation(ctx, v.session.ID, noon.Add(30*time.Minute)))
		if got := visitOf(t, s, hash).Session.ElevatedUntil; got != noon.Add(time.Minute) {
			t.Errorf("it lasted until %v", got)
		}
		_, err := s.EndSession(ctx, hash)
		must(t, err)
		if _, alive := elevate(v.session.ID); alive {
			t.Error("an ended session was elevated")
		}
	})
}

func TestAPersonIsShownWithEveryReasonForEveryGroupS35(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "audit", "platform")
		v := loggedIn(t, s, acme, "ada", "platform", "audit")
		loggedIn(t, s, acme, "grace", "platform")
		byBob := groups.Source{Kind: groups.Manual, By: "bob", Since: noon.Add(-day)}
		change(t, s, v, groups.Change{Group: "platform", Source: byBob})
		person, err := s.Person(ctx, v.account.ID)
		must(t, err)
		if person.Account != v.account || person.Record != acme {
			t.Errorf("got %+v through %+v", person.Account, person.Record)
		}
		want := []Membership{
			{groups.Group{Key: "audit", Name: "The audit"}, []groups.Source{byRule("acme", "audit")}},
			{groups.Group{Key: "platform", Name: "The platform"}, []groups.Source{byRule("acme", "platform"), byBob}},
		}
		same := func(a, b Membership) bool {
			return a.Group.Key == b.Group.Key && a.Group.Name == b.Group.Name && isID(a.Group.ID) && slices.Equal(a.Sources, b.Sources)
		}
		if !slices.EqualFunc(person.Groups, want, same) {
			t.Errorf("got  %+v\nwant %+v", person.Groups, want)
		}
	})
}

func visitOf(t *testing.T, s *Store, hash []byte) Visit {
	t.Helper()
	visit, err := s.Session(ctx, hash, noon)
	if err != nil {
		t.Fatal(err)
	}
	return visit
}
