package store

import (
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
)

var owner = Author{Role: roles.Owner, Who: "olga", Now: noon}

func TestAPersonIsErasedWithAllThatIsKeptOfThem(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.retention.Assertions = day
		acme := newRecord(t, s, "acme", "platform")

		ada, eve := loggedIn(t, s, acme, "ada", "platform").account, loggedIn(t, s, acme, "eve", "platform").account
		record(t, s, ada.ID, said, noon)
		must(t, s.SaveTrace(ctx, Trace{Ref: "ADA0000000", Record: "acme", Version: 1, At: noon, Verified: true, UserID: ada.ID, Document: []byte("{}"), Response: "PHg+"}))
		must(t, s.Audit(ctx, audit.Event{At: noon, Action: audit.LoggedIn, User: ada.ID, Address: "192.0.2.7", Changes: []audit.Change{{Field: "name_id", From: "ada-1", To: "another"}, {Field: "groups", To: "platform"}}}))
		must(t, s.Exempt(ctx, ada.ID, "no provider", noon.Add(day), owner))

		for name, tt := range map[string]struct {
			username string
			by       Author
			want     fault.Kind
		}{
			"another name":  {"eve", owner, fault.Invalid},
			"not exactly":   {"Ada", owner, fault.Invalid},
			"by an editor":  {"ada", Author{Role: roles.Editor, Who: "edith", Now: noon}, fault.Denied},
			"by nobody yet": {"ada", Author{Now: noon}, fault.Denied},
		} {
			if _, err := s.ErasePerson(ctx, ada.ID, Erasure{Username: tt.username}, tt.by); fault.KindOf(err) != tt.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		would, err := s.ErasePerson(ctx, ada.ID, Erasure{Username: "ada", DryRun: true}, owner)
		must(t, err)
		if person, err := s.Person(ctx, ada.ID); err != nil || len(person.Groups) != 1 {
			t.Fatalf("a dry run left %+v, %v", person, err)
		}
		gone, err := s.ErasePerson(ctx, ada.ID, Erasure{Username: "ada"}, owner)
		if err != nil || gone.Sessions != 1 || gone.Memberships != 1 || gone.Traces == 0 || gone != would {
			t.Fatalf("%+v, as a dry run says %+v, %v", gone, would, err)
		}
		if _, err := s.Person(ctx, ada.ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the person: %v", err)
		}
		if _, err := s.Person(ctx, eve.ID); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		for _, table := range []string{"kept_responses", "recorded_assertions", "exemptions"} {
			if n := count(t, s, table); n != 0 {
				t.Errorf("%s has %d rows", table, n)
			}
		}
		events, _, err := s.Events(ctx, EventFilter{User: ada.ID}, "", 100)
		must(t, err)
		if len(events) < 3 || events[0].Action != audit.PersonErased || events[0].Who != "olga" {
			t.Fatalf("the trail has %+v", events)
		}
		for _, event := range events {
			said := event.Address
			for _, change := range event.Changes {
				said += change.From + change.To
			}
			if strings.Contains(said, "ada") || strings.Contains(said, "192.0.2.7") {
				t.Errorf("%s still says %q", event.Action, said)
			}
		}
		if _, err := s.ErasePerson(ctx, ada.ID, Erasure{Username: "ada"}, owner); fault.KindOf(err) != fault.NotFound {
			t.Errorf("once more: %v", err)
		}

	})
}

func TestS44TheLastOwnerIsNotErased(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		ada, eve := loggedIn(t, s, acme, "ada").account, loggedIn(t, s, acme, "eve").account
		must(t, s.SetRole(ctx, ada.ID, roles.Owner, owner))
		if _, err := s.ErasePerson(ctx, ada.ID, Erasure{Username: "ada"}, owner); fault.KindOf(err) != fault.Conflict || !strings.Contains(fault.Sentence(err), "no owner") {
			t.Fatalf("the last owner: %v", err)
		}
		if _, err := s.Person(ctx, ada.ID); err != nil {
			t.Errorf("the refusal left %v", err)
		}
		must(t, s.SetRole(ctx, eve.ID, roles.Owner, owner))
		if _, err := s.ErasePerson(ctx, ada.ID, Erasure{Username: "ada"}, owner); err != nil {
			t.Errorf("one of two: %v", err)
		}
	})
}

func TestResponsesAreKeptSealedAFewAndForAWhile(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme")
		save := func(ref string, verified bool, at time.Time, response string) {
			t.Helper()
			must(t, s.SaveTrace(ctx, Trace{Ref: ref, Record: "acme", Version: 1, At: at, Verified: verified, Document: []byte("{}"), Response: response}))
		}
		save("PR0VED0000", true, noon, "PHNhbWxwOlJlc3BvbnNlLz4=")
		save("N0NE000000", true, noon, "")
		save("LARGE00000", true, noon, strings.Repeat("x", MaxResponse+1))
		for range responsesPerKey + 3 { // what anybody can post
			save(NewRef(), false, noon.Add(time.Second), "PHg+")
		}
		if n := count(t, s, "kept_responses"); n > responsesPerKey+1 {
			t.Errorf("%d are kept", n)
		}
		for ref, want := range map[string]bool{"PR0VED0000": true, "N0NE000000": false, "LARGE00000": false, "nothing": false} {
			if has, err := s.HasResponse(ctx, ref); err != nil || has != want {
				t.Errorf("%s: %v, %v", ref, has, err)
			}
		}
		posted, err := s.ReadResponse(ctx, "PR0VED0000", owner)
		if err != nil || posted != "PHNhbWxwOlJlc3BvbnNlLz4=" {
			t.Errorf("%q, %v", posted, err)
		}
		if xml, ok := posted.Message(); !ok || string(xml) != "<samlp:Response/>" {
			t.Errorf("its XML is %q", xml)
		}
		if _, err := s.ReadResponse(ctx, "PR0VED0000", Author{Role: roles.Editor, Who: "edith", Now: noon}); fault.KindOf(err) != fault.Denied {
			t.Errorf("an editor: %v", err)
		}
		if _, err := s.ReadResponse(ctx, "N0NE000000", owner); fault.KindOf(err) != fault.NotFound {
			t.Errorf("what was not kept: %v", err)
		}
		events, _, err := s.Events(ctx, EventFilter{Action: audit.ResponseRead}, "", 10)
		must(t, err)
		if len(events) != 1 || events[0].Who != "olga" || events[0].Trace != "PR0VED0000" || events[0].Record != "acme" {
			t.Errorf("the trail has %+v", events)
		}
		var sealed []byte
		must(t, s.read.Raw("SELECT sealed FROM kept_responses WHERE ref = ?", "PR0VED0000").Row().Scan(&sealed))
		if strings.Contains(string(sealed), "PHNhbWxw") {
			t.Error("it is readable in the database")
		}

		if purged, err := s.Purge(ctx, noon.Add(ResponsesKept)); err != nil || purged.Responses != 0 {
			t.Errorf("purged at the end of its time: %+v, %v", purged, err)
		}
		if _, err := s.Purge(ctx, noon.Add(ResponsesKept+time.Hour)); err != nil || count(t, s, "kept_responses") != 0 {
			t.Errorf("after its time there are %d (%v)", count(t, s, "kept_responses"), err)
		}
		if _, err := s.Trace(ctx, "PR0VED0000"); err != nil {
			t.Errorf("the trace goes with it: %v", err)
		}
	})
}

func TestResponsesGoWithTheirRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme")
		must(t, s.SaveTrace(ctx, Trace{Ref: "PR0VED0000", Record: "acme", Version: 1, At: noon, Verified: true, Document: []byte("{}"), Response: "PHg+"}))
		if _, err := s.DeleteRecord(ctx, "acme", edition(t, s, "acme").Version, owner, How{}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "kept_responses"); n != 0 {
			t.Errorf("%d stay", n)
		}
	})
}

func TestResponsesAreKeptAMonthAheadAtMost(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme")
		file := idms.File{Records: []idms.Record{sample("acme")}}
		for ahead, want := range map[time.Duration]fault.Kind{30 * day: fault.Internal, 30*day + time.Second: fault.Invalid, -day: fault.Internal} {
			file.Records[0].SAML.KeepResponsesUntil = bob.Now.Add(ahead)
			_, err := s.Apply(ctx, file, bob)
			if (err != nil) != (want == fault.Invalid) {
				t.Errorf("%v ahead: %v", ahead, err)
			}
			if err != nil && fault.ProblemsOf(err)[0].Field != "records[0].saml.keep_responses_until" {
				t.Errorf("the problem is %v", fault.ProblemsOf(err))
			}
		}
	})
}
