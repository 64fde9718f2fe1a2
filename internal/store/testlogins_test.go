package store

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
)

// invited is a test login of a record's version that may begin.
func invited(t *testing.T, s *Store, acme Edition, version int) TestLogin {
	t.Helper()
	test := TestLogin{
		Ref: NewRef(), SecretHash: []byte(NewRef()), RecordID: acme.ID, Version: version, Author: "bob",
		Created: noon, Expires: noon.Add(10 * time.Minute),
	}
	must(t, s.InviteTestLogin(ctx, test))
	test.RecordKey = acme.Key
	return test
}

func started(t *testing.T, s *Store, test TestLogin) TestLogin {
	t.Helper()
	test.Handle, test.CookieHash, test.RequestID, test.ForceAuthn = "test-"+test.Ref, []byte("cookie of "+test.Ref), "_request", true
	test.Begun = noon.Add(time.Minute)
	if first, err := s.BeginTestLogin(ctx, test); err != nil || !first {
		t.Fatalf("it did not begin (%v)", err)
	}
	return test
}

func finished(t *testing.T, s *Store, test TestLogin, passed bool) {
	t.Helper()
	must(t, s.InTx(ctx, func(tx *Tx) error {
		first, err := tx.EndTestLogin(test.Ref, passed, noon.Add(2*time.Minute))
		if !first {
			t.Error("it had ended")
		}
		return err
	}))
}

func TestATestLoginIsInvitedBegunAndEndedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		test := invited(t, s, acme, 1)
		got, err := s.TestLoginAt(ctx, test.SecretHash)
		if err != nil || got.Ref != test.Ref || got.RecordKey != "acme" || !got.Begun.IsZero() || !got.Expires.Equal(test.Expires) {
			t.Errorf("%+v, %v", got, err)
		}
		test = started(t, s, test)
		if first, err := s.BeginTestLogin(ctx, test); err != nil || first {
			t.Errorf("it began twice (%v)", err)
		}
		waiting, err := s.WaitingTestLogins(ctx, acme.ID, [][]byte{[]byte("another's"), test.CookieHash}, noon)
		if err != nil || len(waiting) != 1 || waiting[0].Handle != test.Handle || waiting[0].RequestID != "_request" || !waiting[0].ForceAuthn {
			t.Errorf("waiting: %+v, %v", waiting, err)
		}
		for _, none := range []struct {
			record string
			hash   []byte
			since  time.Time
		}{{acme.ID, []byte("another's"), noon}, {NewID(), test.CookieHash, noon}, {acme.ID, test.CookieHash, test.Begun}} {
			if waiting, err := s.WaitingTestLogins(ctx, none.record, [][]byte{none.hash}, none.since); err != nil || len(waiting) != 0 {
				t.Errorf("waiting: %+v, %v", waiting, err)
			}
		}

		var wins atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				must(t, s.InTx(ctx, func(tx *Tx) error {
					first, err := tx.EndTestLogin(test.Ref, true, noon.Add(time.Hour))
					if first {
						wins.Add(1)
					}
					return err
				}))
			})
		}
		all.Wait()
		if wins.Load() != 1 {
			t.Errorf("%d ended it", wins.Load())
		}
		got, err = s.TestLogin(ctx, strings.ToLower(test.Ref))
		if err != nil || !got.Passed || got.Ended.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		if waiting, _ := s.WaitingTestLogins(ctx, acme.ID, [][]byte{test.CookieHash}, noon); len(waiting) != 0 {
			t.Errorf("still waiting: %+v", waiting)
		}
	})
}

func TestATestLoginDoesNotBeginAfterItsTime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		test := invited(t, s, newRecord(t, s, "acme"), 1)
		test.CookieHash, test.Begun = []byte("c"), test.Expires
		if first, err := s.BeginTestLogin(ctx, test); err != nil || first {
			t.Errorf("it began (%v)", err)
		}
	})
}

func TestTestLoginsOfARecordAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		for range maxOpenTests {
			invited(t, s, acme, 1)
		}
		more := TestLogin{Ref: NewRef(), SecretHash: []byte("x"), RecordID: acme.ID, Version: 1, Created: noon, Expires: noon.Add(time.Minute)}
		if err := s.InviteTestLogin(ctx, more); fault.KindOf(err) != fault.Conflict {
			t.Errorf("one more: %v", err)
		}
		more.Created = noon.Add(time.Hour) // when the others have expired
		must(t, s.InviteTestLogin(ctx, more))
	})
}

func TestADeletedRecordHasNoTestLogins(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		test := invited(t, s, newRecord(t, s, "acme"), 1)
		newRecord(t, s, "globex")
		kept, err := s.Record(ctx, "globex")
		must(t, err)
		_, err = s.ApplyWith(ctx, idms.File{Records: []idms.Record{kept}}, bob, How{Prune: true})
		must(t, err)
		if _, err := s.TestLogin(ctx, test.Ref); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
	})
}

// Activating a record warns, unless exactly what is activated has passed a test.
func TestActivatingARecordThatNobodyTriedWarns(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		record, err := s.Record(ctx, "acme")
		must(t, err)
		apply := func(state idms.State, name string) (int, bool) {
			t.Helper()
			record.State, record.Name = state, name
			applied, err := s.Apply(ctx, idms.File{Records: []idms.Record{record}}, bob)
			must(t, err)
			warned := false
			if len(applied.Records) == 1 {
				warned = slices.ContainsFunc(applied.Records[0].Warnings, func(p fault.Problem) bool { return p.Field == "state" })
			}
			edition, err := s.Edition(ctx, "acme")
			must(t, err)
			return edition.Version, warned
		}
		version, warned := apply(idms.Draft, "Tried")
		if warned {
			t.Error("a draft warns")
		}
		failed := started(t, s, invited(t, s, acme, version))
		finished(t, s, failed, false)
		if _, warned := apply(idms.Active, "Tried"); !warned {
			t.Error("a test that was not passed is enough")
		}
		version, _ = apply(idms.Draft, "Tried")
		finished(t, s, started(t, s, invited(t, s, acme, version)), true)
		if _, warned := apply(idms.Active, "Tried"); warned {
			t.Error("what has passed a test warns")
		}
		if _, warned := apply(idms.Active, "Changed while active"); warned {
			t.Error("a change of an active record is not an activation")
		}
		apply(idms.Disabled, "Tried")
		if _, warned := apply(idms.Active, "Tried"); warned {
			t.Error("the version that was tried counts however often it is left and come back to")
		}
		apply(idms.Disabled, "Tried")
		if _, warned := apply(idms.Active, "Not tried"); !warned {
			t.Error("another name was never tried, and does not warn")
		}
		applied, err := s.Restore(ctx, "acme", version, bob, How{})
		must(t, err)
		if len(applied.Records[0].Warnings) != 0 {
			t.Errorf("going back to the draft warns: %v", applied.Records[0].Warnings)
		}
	})
}
