package store

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/secret"
)

func TestAFileMakesRecordsAndGroupsAndSaysWhatItChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		file := idms.File{
			Groups:  []groups.Group{{Key: "platform", Name: "Platform"}},
			Records: []idms.Record{sample("acme", "platform"), sample("beta")},
		}
		applied := apply(t, s, file)
		if told(applied.Records) != "created acme, created beta" || told(applied.Groups) != "created platform" {
			t.Errorf("the first time: %+v", applied)
		}
		before := counts(t, s)
		applied = apply(t, s, file)
		if applied.RecordsUnchanged != 2 || applied.GroupsUnchanged != 1 || applied.Any() {
			t.Errorf("the second time: %+v", applied)
		}
		if after := counts(t, s); after != before {
			t.Errorf("applying what is so already wrote something:\n%s\nbefore:\n%s", after, before)
		}

		file.Groups[0].Name = "The platform"
		file.Records[1].Name = "Beta, renamed"
		applied = apply(t, s, idms.File{Groups: file.Groups, Records: file.Records[1:]})
		if told(applied.Records) != "changed beta" || told(applied.Groups) != "changed platform" {
			t.Errorf("after a change: %+v", applied)
		}
		all, err := s.Records(ctx)
		must(t, err)
		var got []string
		for _, record := range all {
			got = append(got, record.Key+": "+record.Name)
		}
		if want := []string{"acme: Record acme", "beta: Beta, renamed", "local: Local people"}; !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q: what a file does not name stays", got, want)
		}
		known, err := s.Groups(ctx)
		if known = slices.DeleteFunc(known, isBuiltIn); err != nil || len(known) != 1 || known[0].Name != "The platform" || !isID(known[0].ID) {
			t.Errorf("groups %+v (%v)", known, err)
		}
	})
}

func TestEveryVersionOfARecordIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		first := newRecord(t, s, "acme")
		renamed := sample("acme")
		renamed.Name = "Acme, renamed"
		eve := Author{Who: "eve", Now: noon.Add(time.Hour)}
		_, err := s.Apply(ctx, idms.File{Records: []idms.Record{renamed}}, eve)
		must(t, err)

		versions, err := s.Versions(ctx, "acme")
		want := []Version{{2, "eve", "", noon.Add(time.Hour)}, {1, "bob", "ticket 7", noon}}
		if err != nil || !slices.Equal(versions, want) {
			t.Errorf("versions %+v (%v), want %+v", versions, err, want)
		}
		for number, name := range map[int]string{1: "Record acme", 2: "Acme, renamed"} {
			record, err := s.RecordAt(ctx, "acme", number)
			if err != nil || record.Name != name || record.Version != number || record.ID != first.ID {
				t.Errorf("version %d is %+v (%v)", number, record, err)
			}
		}
		now := edition(t, s, "acme")
		if want := (Edition{ID: first.ID, Key: "acme", Name: "Acme, renamed", Version: 2, State: idms.Active}); now != want {
			t.Errorf("in force is %+v, want %+v", now, want)
		}
	})
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme")
		for name, ask := range map[string]func() error{
			"a record":            func() error { _, err := s.Record(ctx, "nix"); return err },
			"an edition":          func() error { _, err := s.Edition(ctx, "nix"); return err },
			"a version":           func() error { _, err := s.RecordAt(ctx, "acme", 2); return err },
			"versions":            func() error { _, err := s.Versions(ctx, "nix"); return err },
			"an icon":             func() error { _, err := s.Icon(ctx, "acme"); return err },
			"an icon's record":    func() error { _, err := s.Icon(ctx, "nix"); return err },
			"a group":             func() error { return s.DeleteGroup(ctx, "nix", bob) },
			"a key with a NUL":    func() error { _, err := s.Edition(ctx, "acme\x00"); return err },
			"a key, not UTF-8":    func() error { _, err := s.Record(ctx, "\xff"); return err },
			"an icon, not UTF-8":  func() error { _, err := s.Icon(ctx, "\xff"); return err },
			"versions, not UTF-8": func() error { _, err := s.Versions(ctx, "\xff"); return err },
			"a group, not UTF-8":  func() error { return s.DeleteGroup(ctx, "\xff", bob) },
			"a very long key":     func() error { _, err := s.Edition(ctx, strings.Repeat("x", 1<<20)); return err },
			"a person":            func() error { _, err := s.Person(ctx, NewID()); return err },
			"a person, no ID":     func() error { _, err := s.Person(ctx, "ada' OR 1=1"); return err },
			"a session":           func() error { _, err := s.Session(ctx, []byte("x"), noon); return err },
			"a trace":             func() error { _, err := s.Trace(ctx, NewRef()); return err },
			"a trace, no ref":     func() error { _, err := s.Trace(ctx, "../../etc"); return err },
			"a trace, with a NUL": func() error { _, err := s.Trace(ctx, "0123456\x0089"); return err },
		} {
			if err := ask(); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAFileIsAppliedWhollyOrNotAtAll(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		before := counts(t, s)
		lost := sample("lost", "here", "nowhere")
		_, err := s.Apply(ctx, idms.File{
			Groups:  []groups.Group{{Key: "here", Name: "Here"}},
			Records: []idms.Record{sample("good"), lost},
		}, bob)
		if fault.KindOf(err) != fault.Invalid {
			t.Fatalf("applied with %v", err)
		}
		for _, want := range []string{`records[1].associations[1].group: There is no group "nowhere"`} {
			if !strings.Contains(fault.Sentence(err), want) {
				t.Errorf("the problems are\n%s\nwithout %q", fault.Sentence(err), want)
			}
		}
		if after := counts(t, s); after != before {
			t.Errorf("the refused file left something:\n%s\nbefore:\n%s", after, before)
		}
	})
}

func TestEachChangeIsInTheAuditTrailFromWhatToWhat(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme", "platform")
		renamed := sample("acme", "platform")
		renamed.Name = "Acme, renamed"
		apply(t, s, idms.File{Groups: []groups.Group{{Key: "platform", Name: "Platform"}}, Records: []idms.Record{renamed}})

		events := allEvents(t, s)
		var actions []audit.Action
		for _, event := range events {
			actions = append(actions, event.Action)
			if event.Who != "bob" || event.Reason != "ticket 7" || event.At != noon {
				t.Errorf("%s is by %q for %q at %v", event.Action, event.Who, event.Reason, event.At)
			}
		}
		want := []audit.Action{audit.GroupCreated, audit.RecordCreated, audit.GroupChanged, audit.RecordChanged}
		if !slices.Equal(actions, want) {
			t.Fatalf("the trail says %q, want %q", actions, want)
		}
		group, record := events[2], events[3]
		if group.Group != "platform" || !slices.Equal(group.Changes, []audit.Change{{Field: "name", From: "The platform", To: "Platform"}}) {
			t.Errorf("of the group: %+v", group)
		}
		if record.Record != "acme" || !slices.Equal(record.Changes, []audit.Change{{Field: "name", From: "Record acme", To: "Acme, renamed"}}) {
			t.Errorf("of the record: %+v", record)
		}
		if made := events[1].Changes; !slices.ContainsFunc(made, func(c audit.Change) bool {
			return c.Field == "associations[in-platform].group" && c.To == "platform"
		}) {
			t.Errorf("the new record's rule is not told: %+v", made)
		}
	})
}

func TestARecordThatIsSwitchedOffEndsItsSessionsS53(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme"), newRecord(t, s, "beta")
		mine, other := loggedIn(t, s, acme, "ada"), loggedIn(t, s, beta, "ada")
		off := sample("acme")
		off.State = idms.Disabled
		if applied := apply(t, s, idms.File{Records: []idms.Record{off}}); applied.SessionsEnded != 1 {
			t.Errorf("%d sessions ended, want 1", applied.SessionsEnded)
		}
		last := allEvents(t, s)
		if event := last[len(last)-1]; event.Action != audit.SessionsEnded || event.Record != "acme" || event.Changes[0].From != "1" {
			t.Errorf("the trail ends with %+v", event)
		}
		// Switched on again, the old session stays ended, and the people are there.
		apply(t, s, idms.File{Records: []idms.Record{sample("acme")}})
		if _, err := s.Session(ctx, mine.hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an ended session came back (%v)", err)
		}
		if _, err := s.Session(ctx, other.hash, noon); err != nil {
			t.Errorf("another record's session ended: %v", err)
		}
		if known := knownOf(t, s, edition(t, s, "acme"), "ada"); known.Account == nil {
			t.Error("the person is gone")
		}
	})
}

func TestTheLoginPageOffersTheActiveRecordsByName(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		icon := onePixel
		zeta, alpha, draft := sample("zeta"), sample("alpha"), sample("draft")
		zeta.Name, zeta.Button = "an early name", idms.Button{Label: "Staff", Icon: icon}
		alpha.Name = "Name in between"
		draft.State = idms.Draft
		apply(t, s, idms.File{Records: []idms.Record{zeta, alpha, draft}})
		choices, err := s.Choices(ctx)
		want := []Choice{
			{Key: "zeta", Name: "an early name", Label: "Staff", HasIcon: true, Version: 1},
			{Key: "alpha", Name: "Name in between", Version: 1},
		}
		if err != nil || !slices.Equal(choices, want) {
			t.Errorf("the page offers %+v (%v), want %+v", choices, err, want)
		}
		if got, err := s.Icon(ctx, "zeta"); err != nil || !slices.Equal(got, icon) {
			t.Errorf("the icon is %q (%v)", got, err)
		}
		if _, err := s.Icon(ctx, "alpha"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a record without an icon has one (%v)", err)
		}
	})
}

func TestANewRecordHasAKeyThatStays(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		want, err := oneKey()
		must(t, err)
		renamed := sample("acme")
		renamed.Name = "Acme, renamed"
		apply(t, s, idms.File{Records: []idms.Record{renamed}})
		keys, err := s.SPKeys(ctx, acme.ID)
		if err != nil || len(keys) != 1 || !keys[0].Private.Equal(want.Private) || !keys[0].Certificate.Equal(want.Certificate) {
			t.Errorf("the record has %d keys (%v), want the one it was made with", len(keys), err)
		}
		var sealed []byte
		must(t, s.read.Raw("SELECT sealed FROM secrets").Row().Scan(&sealed))
		if strings.Contains(string(sealed), "PRIVATE") || strings.Contains(string(sealed), string(want.Private.D.Bytes())) {
			t.Error("the database holds the key in the clear")
		}
	})
}

func TestARecordWithoutAKeyToBeHadIsNotMade(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		before := counts(t, s)
		noEntropy := errors.New("no entropy")
		s.newKey = func(string, time.Time) (saml.Key, error) { return saml.Key{}, noEntropy }
		if _, err := s.Apply(ctx, idms.File{Records: []idms.Record{sample("acme")}}, bob); !errors.Is(err, noEntropy) {
			t.Errorf("applied with %v", err)
		}
		if after := counts(t, s); after != before {
			t.Errorf("it left something:\n%s\nbefore:\n%s", after, before)
		}
	})
}

func TestASealedKeyMovedToAnotherRecordDoesNotOpen(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme"), newRecord(t, s, "beta")
		must(t, s.write.Exec(`UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE record_id = ?) WHERE record_id = ?`, acme.ID, beta.ID).Error)
		if _, err := s.SPKeys(ctx, acme.ID); err != nil {
			t.Errorf("in its own place: %v", err)
		}
		if keys, err := s.SPKeys(ctx, beta.ID); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("beta signs with acme's key: %d keys (%v)", len(keys), err)
		}
	})
}

func TestADocumentOfANewerProgramIsNotHalfUnderstood(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme")
		must(t, s.write.Exec(`UPDATE record_versions SET document = '{"schema":9,"key":"acme"}' WHERE author = 'bob'`).Error)
		if _, err := s.Record(ctx, "acme"); err == nil || !strings.Contains(err.Error(), "acme") {
			t.Errorf("read with %v", err)
		}
	})
}

func TestAGroupThatARulePointsAtCannotBeDeletedS38(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform", "audit")
		off := sample("beta", "platform")
		off.Associations[0].Disabled = true
		apply(t, s, idms.File{Records: []idms.Record{off}})
		v := loggedIn(t, s, acme, "ada", "platform", "audit")

		err := s.DeleteGroup(ctx, "platform", bob)
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(fault.Sentence(err), "in-platform of acme, in-platform of beta") {
			t.Errorf("deleted with %v", err)
		}
		apply(t, s, idms.File{Records: []idms.Record{sample("acme", "audit"), sample("beta")}})
		must(t, s.DeleteGroup(ctx, "platform", bob))
		person, err := s.Person(ctx, v.account.ID)
		if err != nil || len(person.Groups) != 1 || person.Groups[0].Group.Key != "audit" {
			t.Errorf("the person is in %+v (%v), want audit alone", person.Groups, err)
		}
		all := allEvents(t, s)
		if last := all[len(all)-1]; last.Action != audit.GroupDeleted || last.Group != "platform" || last.Changes[0].From != "The platform" {
			t.Errorf("the trail ends with %+v", last)
		}
	})
}

func TestDeletingAnAssociationChangesNoMembershipS34(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		v := loggedIn(t, s, newRecord(t, s, "acme", "platform"), "ada", "platform")
		apply(t, s, idms.File{Records: []idms.Record{sample("acme")}})
		person, err := s.Person(ctx, v.account.ID)
		if err != nil || len(person.Groups) != 1 || !slices.Equal(person.Groups[0].Sources, []groups.Source{byRule("acme", "platform")}) {
			t.Errorf("the person is in %+v (%v)", person.Groups, err)
		}
	})
}

func TestAStoppedRequestStopsItsStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stopped, stop := context.WithCancel(ctx)
		stop()
		if _, err := s.Records(stopped); !errors.Is(err, context.Canceled) {
			t.Errorf("read with %v", err)
		}
		if err := s.InTx(stopped, func(*Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a transaction ended with %v", err)
		}
	})
}

// onePixel is the smallest PNG.
var onePixel = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x04\x00\x00\x00\xb5\x1c\x0c\x02\x00\x00\x00\x0bIDATx\xdacd\xf8\x0f\x00\x01\x05\x01\x01'\x18\xe3f\x00\x00\x00\x00IEND\xaeB`\x82")

// allEvents is the whole trail, oldest first.
func allEvents(t *testing.T, s *Store) []audit.Event {
	t.Helper()
	page, next, err := s.Events(ctx, EventFilter{}, "", 500)
	if err != nil || next != "" {
		t.Fatalf("more than a page (%v)", err)
	}
	slices.Reverse(page)
	return page
}

// Anybody can ask for any address: what no key can be is not found, on either
// database, and is not repeated on a page of ours.
func TestWhatCannotBeAKeyIsNotFound(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme", "platform")
		for _, key := range []string{"", "\x00", "acme\x00", "\xff", "ACME", "acme ", "call 555 0100 now", strings.Repeat("x", 60_000)} {
			_, edition := s.Edition(ctx, key)
			_, record := s.Record(ctx, key)
			_, icon := s.Icon(ctx, key)
			_, versions := s.Versions(ctx, key)
			for name, err := range map[string]error{"Edition": edition, "Record": record, "Icon": icon, "Versions": versions} {
				if fault.KindOf(err) != fault.NotFound {
					t.Errorf("%s of %.20q: %v", name, key, err)
				}
				if said := fault.Sentence(err); key != "" && strings.Contains(said, key) || len(said) > 100 {
					t.Errorf("%s of %.20q says %.100q", name, key, said)
				}
			}
		}
	})
}

func TestAConnectionIsItsRecordWithoutTheRules(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme", "staff")
		newRecord(t, s, "beta", "ops")
		record := sample("beta", "ops")
		record.Name, record.SAML.Issuer = "Beta, renamed", "https://idp.beta.example/"
		apply(t, s, idms.File{Records: []idms.Record{record}})
		records, err := s.Records(ctx)
		must(t, err)
		connections, err := s.Connections(ctx)
		must(t, err)
		var want []idms.Connection
		for _, record := range records {
			if record.Key != idms.LocalKey {
				want = append(want, record.Connection())
			}
		}
		if len(want) != 2 || !reflect.DeepEqual(connections, want) {
			t.Errorf("%+v, want %+v", connections, want)
		}
	})
}
