package store

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/rules"
	"idms/internal/saml"
)

var said = saml.Assertion{
	NameID: saml.NameID{Value: "n-ada", Format: "persistent"}, AuthnContext: "mfa", Issuer: "https://idp.example", SessionIndex: "_1",
	Attributes: rules.Attributes{
		{Name: "groups", Values: []string{"ops", "", "zwölf"}},
		{Name: "many", Incomplete: true},
	},
}

func record(t testing.TB, s *Store, userID string, a saml.Assertion, now time.Time) {
	t.Helper()
	must(t, s.InTx(ctx, func(tx *Tx) error { return tx.RecordAssertion(userID, a, now) }))
}

func recordedOf(s *Store, userID string) (a saml.Assertion, at, until time.Time, err error) {
	err = s.InTx(ctx, func(tx *Tx) (err error) {
		a, at, until, err = tx.RecordedAssertion(userID)
		return err
	})
	return a, at, until, err
}

func TestS43TheLastAssertionOfAPersonIsKeptInPlaceOfTheFormer(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.retention.Assertions = day
		ada := loggedIn(t, s, newRecord(t, s, "acme"), "ada").account.ID
		if _, at, _, err := recordedOf(s, ada); err != nil || !at.IsZero() {
			t.Fatalf("before: %v (%v)", at, err)
		}
		record(t, s, ada, saml.Assertion{Issuer: "the former"}, noon.Add(-time.Hour))
		if took := statements(s, func() { record(t, s, ada, said, noon) }); took != 1 {
			t.Errorf("a login pays for it with %d statements", took)
		}
		got, at, until, err := recordedOf(s, ada)
		if err != nil || !reflect.DeepEqual(got, said) || at != noon || until != noon.Add(day) {
			t.Errorf("got %+v of %v until %v (%v)", got, at, until, err)
		}

		// One that is too large is not cut, and does not leave an older one to decide.
		large := said
		large.Attributes = rules.Attributes{{Name: "x", Values: []string{strings.Repeat("x", MaxRecorded)}}}
		record(t, s, ada, large, noon.Add(time.Minute))
		if n := count(t, s, "recorded_assertions"); n != 0 {
			t.Errorf("%d are kept", n)
		}
		s.retention.Assertions = 0
		record(t, s, ada, said, noon)
		if n := count(t, s, "recorded_assertions"); n != 0 {
			t.Errorf("with a retention of 0, %d are kept", n)
		}
	})
}

func TestARecordedAssertionOpensInItsOwnRowAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.retention.Assertions = day
		acme := newRecord(t, s, "acme")
		ada, bert := loggedIn(t, s, acme, "ada").account.ID, loggedIn(t, s, acme, "bert").account.ID
		record(t, s, ada, said, noon)
		record(t, s, bert, said, noon)
		var row recordedRow
		must(t, s.read.Take(&row, "user_id = ?", ada).Error)
		if strings.Contains(string(row.Sealed), "ops") {
			t.Error("it can be read in the database")
		}
		must(t, s.write.Exec("UPDATE recorded_assertions SET at = ? WHERE user_id = ?", micros(noon.Add(time.Hour)), ada).Error)
		if _, _, _, err := recordedOf(s, ada); err == nil {
			t.Error("it was made younger, and opens")
		}
		must(t, s.write.Exec("UPDATE recorded_assertions SET sealed = ? WHERE user_id = ?", row.Sealed, bert).Error)
		if _, _, _, err := recordedOf(s, bert); err == nil {
			t.Error("it was given to somebody else, and opens")
		}
	})
}

func TestRecordedAssertionsGoWithTheirPersonTheirRecordAndTheirTime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.retention.Assertions = day
		acme := newRecord(t, s, "acme")
		newRecord(t, s, "other")
		ada, bert := loggedIn(t, s, acme, "ada").account.ID, loggedIn(t, s, acme, "bert").account.ID
		cleo := loggedIn(t, s, acme, "cleo").account.ID
		record(t, s, ada, said, noon)
		record(t, s, bert, said, noon.Add(time.Second))
		record(t, s, cleo, said, noon.Add(time.Second))
		if purged, err := s.Purge(ctx, noon.Add(day)); err != nil || purged.Recorded != 1 {
			t.Errorf("purged %+v (%v)", purged, err)
		}
		must(t, s.write.Exec("DELETE FROM users WHERE id = ?", bert).Error)
		if n := count(t, s, "recorded_assertions"); n != 1 {
			t.Errorf("%d are left, want cleo's", n)
		}
		grace := loggedIn(t, s, newRecord(t, s, "third"), "grace").account.ID
		record(t, s, grace, said, noon)
		file, err := s.File(ctx)
		must(t, err)
		file.Records = file.Records[1:]
		_, err = s.ApplyWith(ctx, file, bob, How{Prune: true})
		must(t, err)
		if n := count(t, s, "recorded_assertions"); n != 1 {
			t.Errorf("%d are left, want grace's: the others outlive their record", n)
		}
		s.retention.Assertions = 0 // whoever records none any more wants none there
		if purged, err := s.Purge(ctx, noon.Add(time.Second)); err != nil || purged.Recorded != 1 {
			t.Errorf("purged %+v (%v)", purged, err)
		}
	})
}

func TestAllPeopleOfARecordPassByPageByPage(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.retention.Assertions = day
		acme, other := newRecord(t, s, "acme", "platform", "staff"), newRecord(t, s, "other")
		loggedIn(t, s, other, "stranger")
		const many = 2*peopleAtOnce + 1
		var want []string
		must(t, s.InTx(ctx, func(tx *Tx) error {
			for i := range many {
				v := logIn(t, tx, acme, fmt.Sprintf("person-%03d", i), "platform", "staff")
				want = append(want, v.account.Username)
				if i%2 == 0 {
					must(t, tx.RecordAssertion(v.account.ID, said, noon))
				}
			}
			return nil
		}))
		var got []string
		for person, err := range s.RecordedPeople(ctx, acme.ID) {
			must(t, err)
			if recorded := len(got)%2 == 0; recorded != person.Usable(noon) || recorded && !reflect.DeepEqual(person.Assertion, said) {
				t.Errorf("%s: %+v", person.Account.Username, person.Assertion)
			}
			if len(person.Memberships) != 2 || person.Memberships[1].Sources[0] != byRule("acme", "staff") {
				t.Errorf("%s is in %+v", person.Account.Username, person.Memberships)
			}
			got = append(got, person.Account.Username)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d people passed by, want %d in order", len(got), len(want))
		}
		for range s.RecordedPeople(ctx, acme.ID) {
			break // who has seen enough may go
		}
		for person, err := range s.RecordedPeople(ctx, NewID()) {
			t.Errorf("a record without people has %+v (%v)", person, err)
		}
	})
}

func FuzzWhatIsRecordedIsReadBackAndNothingElseIs(f *testing.F) {
	f.Add(encodeAssertion(said))
	f.Add([]byte{recordedForm})
	f.Add([]byte{recordedForm, 0, 0, 0, 0, 0, 200, 1, 1})
	f.Fuzz(func(t *testing.T, plain []byte) {
		a, err := decodeAssertion(plain)
		if err != nil {
			return
		}
		again, err := decodeAssertion(encodeAssertion(a))
		if err != nil || !reflect.DeepEqual(a, again) {
			t.Errorf("%+v is read back as %+v (%v)", a, again, err)
		}
	})
}

func TestWhoCameLastIsReadNewestFirstAndOnePersonByName(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.retention.Assertions = day
		acme := newRecord(t, s, "acme")
		for i, name := range []string{"ada", "bert", "cleo", "dora"} {
			id := loggedIn(t, s, acme, name).account.ID
			if name != "dora" { // of whom nothing is recorded
				record(t, s, id, said, noon.Add(time.Duration(i%2)*time.Hour))
			}
		}
		record(t, s, loggedIn(t, s, newRecord(t, s, "globex"), "gus").account.ID, said, noon.Add(day))
		recent, err := s.RecentlyRecorded(ctx, acme.ID, 2)
		must(t, err)
		if len(recent) != 2 || recent[0].Account.Username != "bert" || recent[1].At != noon || recent[0].Assertion.Issuer != said.Issuer {
			t.Errorf("the last two: %+v", recent)
		}
		none, err := s.RecentlyRecorded(ctx, NewID(), 10)
		if err != nil || len(none) != 0 {
			t.Errorf("of no record: %v, %v", none, err)
		}
		dora, err := s.RecordedPerson(ctx, "acme", "DORA")
		if err != nil || dora.Account.Username != "dora" || !dora.At.IsZero() {
			t.Errorf("one person: %+v, %v", dora, err)
		}
		for _, name := range []string{"gus", "", "\x00"} {
			if _, err := s.RecordedPerson(ctx, "acme", name); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
