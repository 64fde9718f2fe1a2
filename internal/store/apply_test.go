package store

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
)

func TestADryRunFindsWhatTheRealOneDoesAndWritesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform", "audit")
		loggedIn(t, s, acme, "ada", "platform", "audit")
		loggedIn(t, s, newRecord(t, s, "old"), "hugo", "audit")
		off := sample("acme", "platform")
		off.State = idms.Disabled
		file := idms.File{
			Groups:  []groups.Group{{Key: "platform", Name: "Platform"}, {Key: "fresh", Name: "Fresh"}},
			Records: []idms.Record{off, sample("beta", "fresh")},
		}
		before := counts(t, s)
		dry, err := s.ApplyWith(ctx, file, bob, How{Prune: true, DryRun: true})
		must(t, err)
		if after := counts(t, s); after != before || !dry.Any() {
			t.Errorf("a dry run wrote something:\n%s\nbefore:\n%s", after, before)
		}
		real, err := s.ApplyWith(ctx, file, bob, How{Prune: true})
		must(t, err)
		if fmt.Sprintf("%+v", dry) != fmt.Sprintf("%+v", real) {
			t.Errorf("the dry run said\n%+v\nand what happened is\n%+v", dry, real)
		}
		want := "changed platform, created fresh, deleted audit (1 people)"
		if got := told(real.Groups); got != want {
			t.Errorf("groups: %s, want %s", got, want)
		}
		want = "changed acme (1 session), created beta, deleted old (1 people) (1 session)"
		if got := told(real.Records); got != want {
			t.Errorf("records: %s, want %s", got, want)
		}
		if len(real.Records[0].Warnings) != 1 || !strings.Contains(real.Records[0].Warnings[0].Message, "in-audit goes") {
			t.Errorf("S34 warns with %q", real.Records[0].Warnings)
		}
		again, err := s.ApplyWith(ctx, file, bob, How{Prune: true, DryRun: true})
		if err != nil || again.Any() || again.RecordsUnchanged != 2 || again.GroupsUnchanged != 2 {
			t.Errorf("the second time: %+v (%v)", again, err)
		}
	})
}

func told(list []Difference) string {
	var parts []string
	for _, d := range list {
		part := string(d.Kind) + " " + d.Key
		if d.People > 0 {
			part += fmt.Sprintf(" (%d people)", d.People)
		}
		if d.SessionsEnded > 0 {
			part += fmt.Sprintf(" (%d session)", d.SessionsEnded)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func TestADryRunMeetsTheProblemsOfTheDatabase(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		_, err := s.ApplyWith(ctx, idms.File{Records: []idms.Record{sample("lost", "nowhere")}}, bob, How{DryRun: true})
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), `records[0].associations[0].group`) {
			t.Errorf("a dry run ends with %v", err)
		}
	})
}

func TestAGroupThatAKeptRulePointsAtIsNotPrunedS38(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		newRecord(t, s, "acme", "platform", "audit")
		newRecord(t, s, "old", "audit")
		before := counts(t, s)
		// The file names the record, whose groups it takes as known.
		_, err := s.ApplyWith(ctx, idms.File{Records: []idms.Record{sample("acme", "platform", "audit")}}, bob, How{Prune: true})
		if fault.KindOf(err) != fault.Conflict {
			t.Fatalf("pruned with %v", err)
		}
		for _, want := range []string{"in-platform of acme", "in-audit of acme"} {
			if !strings.Contains(fault.Sentence(err), want) {
				t.Errorf("%q does not name %s", fault.Sentence(err), want)
			}
		}
		if strings.Contains(fault.Sentence(err), "of old") {
			t.Errorf("%q names a rule that goes too", fault.Sentence(err))
		}
		if after := counts(t, s); after != before {
			t.Errorf("what was refused left something:\n%s\nbefore:\n%s", after, before)
		}
	})
}

func TestADeletedRecordTakesItsPeopleAlongAndLeavesTheTrail(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme", "platform"), newRecord(t, s, "beta", "platform")
		mine, other := loggedIn(t, s, acme, "ada", "platform"), loggedIn(t, s, beta, "ada", "platform")
		must(t, s.InTx(ctx, func(tx *Tx) error {
			return tx.SaveTrace(Trace{Ref: "0123456789", Record: "acme", Version: 1, At: noon, Verified: true, UserID: mine.account.ID})
		}))
		events := len(allEvents(t, s))
		file := idms.File{Groups: []groups.Group{{Key: "platform", Name: "The platform"}}, Records: []idms.Record{sample("beta", "platform")}}
		_, err := s.ApplyWith(ctx, file, bob, How{Prune: true})
		must(t, err)

		for name, ask := range map[string]func() error{
			"the record":  func() error { _, err := s.Record(ctx, "acme"); return err },
			"its edition": func() error { _, err := s.Edition(ctx, "acme"); return err },
			"its list":    func() error { _, err := s.Versions(ctx, "acme"); return err },
			"the person":  func() error { _, err := s.Person(ctx, mine.account.ID); return err },
			"the session": func() error { _, err := s.Session(ctx, mine.hash, noon); return err },
			"restoring": func() error {
				_, err := s.Restore(ctx, "acme", 1, bob, How{})
				return err
			},
		} {
			if err := ask(); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s of a deleted record: %v", name, err)
			}
		}
		if keys, err := s.SPKeys(ctx, acme.ID); err != nil || len(keys) != 0 {
			t.Errorf("%d of its keys are kept (%v)", len(keys), err)
		}
		if choices, err := s.Choices(ctx); err != nil || len(choices) != 1 {
			t.Errorf("the login page offers %+v (%v)", choices, err)
		}
		if _, err := s.Session(ctx, other.hash, noon); err != nil {
			t.Errorf("another record's session: %v", err)
		}
		if person, err := s.Person(ctx, other.account.ID); err != nil || len(person.Groups) != 1 {
			t.Errorf("another record's person is in %+v (%v)", person.Groups, err)
		}
		if _, err := s.Trace(ctx, "0123456789"); err != nil {
			t.Errorf("the trace: %v", err)
		}
		if record, err := s.RecordAt(ctx, "acme", 1); err != nil || record.Name != "Record acme" {
			t.Errorf("nothing explains the trace any more (%v)", err)
		}
		var actions []audit.Action
		for _, event := range allEvents(t, s)[events:] {
			actions = append(actions, event.Action)
		}
		if !slices.Equal(actions, []audit.Action{audit.SessionsEnded, audit.RecordDeleted}) {
			t.Errorf("the trail says %q", actions)
		}
		if _, err := s.Record(ctx, idms.LocalKey); err != nil {
			t.Errorf("the built-in record: %v", err)
		}
	})
}

func TestARecordByADeletedKeyIsAnotherOne(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		loggedIn(t, s, acme, "ada")
		keep := idms.File{Records: []idms.Record{sample("keep")}}
		_, err := s.ApplyWith(ctx, keep, bob, How{Prune: true})
		must(t, err)

		// A login under way by the version that was in force must begin anew.
		err = s.InTx(ctx, func(tx *Tx) error { _, err := tx.Known(acme, "ada"); return err })
		if err != ErrStale {
			t.Errorf("a login goes on by a deleted record (%v)", err)
		}
		applied := apply(t, s, idms.File{Records: []idms.Record{sample("acme")}})
		if got := told(applied.Records); got != "created acme" {
			t.Errorf("making it anew: %s", got)
		}
		again := edition(t, s, "acme")
		if again.Version != 3 {
			t.Errorf("its version is %d: a trace of the former record's login would be explained by it", again.Version)
		}
		if known := knownOf(t, s, again, "ada"); known.Account != nil {
			t.Error("it inherited an account")
		}
		if keys, err := s.SPKeys(ctx, again.ID); err != nil || len(keys) != 1 {
			t.Errorf("it has %d keys (%v), want one of its own", len(keys), err)
		}
		if versions, err := s.Versions(ctx, "acme"); err != nil || len(versions) != 3 || versions[1].Author != "bob" {
			t.Errorf("versions %+v (%v)", versions, err)
		}
	})
}

func TestAFormerVersionIsRestoredAsANewOne(t *testing.T) {
	file, problems := idms.ParseFile(largeFile(t, 1, 6), nil)
	if problems.Any() {
		t.Fatal(problems)
	}
	onBoth(t, func(t *testing.T, s *Store) {
		const key = "company-000"
		apply(t, s, file)
		changed := file.Records[0]
		changed.Name, changed.Associations = "Renamed", nil
		apply(t, s, idms.File{Records: []idms.Record{changed}})

		applied, err := s.Restore(ctx, key, 1, bob, How{DryRun: true})
		if err != nil || told(applied.Records) != "changed "+key || edition(t, s, key).Version != 2 {
			t.Errorf("a dry run: %+v (%v)", applied, err)
		}
		_, err = s.Restore(ctx, key, 1, bob, How{})
		must(t, err)
		now, err := s.Record(ctx, key)
		must(t, err)
		was, err := file.Records[0].MarshalDocument()
		must(t, err)
		is, err := now.MarshalDocument()
		if err != nil || now.Version != 3 || string(was) != string(is) {
			t.Errorf("version %d says\n%s\nwant\n%s (%v)", now.Version, is, was, err)
		}
		if applied, err := s.Restore(ctx, key, 3, bob, How{}); err != nil || applied.Any() {
			t.Errorf("restoring what is in force: %+v (%v)", applied, err)
		}
		if _, err := s.Restore(ctx, key, 9, bob, How{}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a version that is not there: %v", err)
		}
		// What the old version names must still be there.
		apply(t, s, idms.File{Records: []idms.Record{changed}})
		must(t, s.DeleteGroup(ctx, file.Records[0].Associations[0].Group, bob))
		if _, err := s.Restore(ctx, key, 1, bob, How{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a version whose group is gone: %v", err)
		}
	})
}

// The file that a company with many providers keeps: 200 records and 10,000
// rules. What was applied is exported, and applied again it changes nothing; an
// empty database makes the same bytes of it.
func TestALargeFileGoesRoundWithoutADifference(t *testing.T) {
	text := largeFile(t, 200, 50)
	began := time.Now()
	file, problems := idms.ParseFile(text, nil)
	if problems.Any() {
		t.Fatal(problems)
	}
	t.Logf("reading %d KiB took %v", len(text)>>10, time.Since(began))
	inBoth(t, func(t *testing.T, h house) {
		s := h.open(t)
		began := time.Now()
		if applied := apply(t, s, file); len(applied.Records) != 200 {
			t.Fatalf("%d records made", len(applied.Records))
		}
		t.Logf("the first time took %v", time.Since(began))

		first := exported(t, s)
		again, problems := idms.ParseFile(first, nil)
		if problems.Any() {
			t.Fatal(problems)
		}
		began = time.Now()
		for name, one := range map[string]idms.File{"the file": file, "its export": again} {
			applied, err := s.ApplyWith(ctx, one, bob, How{Prune: true})
			if err != nil || applied.Any() || applied.RecordsUnchanged != 200 {
				t.Errorf("%s, again: %s %s (%v)", name, told(applied.Groups), told(applied.Records), err)
			}
		}
		t.Logf("twice again took %v", time.Since(began))

		other := sqliteHouse(t).open(t)
		apply(t, other, again)
		if second := exported(t, other); string(second) != string(first) {
			t.Error("an empty database makes another file of it")
		}
	})
}

func exported(t *testing.T, s *Store) []byte {
	t.Helper()
	file, err := s.File(ctx)
	must(t, err)
	text, err := file.Marshal()
	must(t, err)
	return text
}

// largeFile is the same bytes each time but for its certificate.
func largeFile(t *testing.T, records, rulesEach int) []byte {
	t.Helper()
	key, err := oneKey()
	must(t, err)
	var b strings.Builder
	b.WriteString("groups:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  - {key: team-%02d, name: 'Team %02d: über & \"more\"'}\n", i, i)
	}
	b.WriteString("records:\n")
	for i := range records {
		fmt.Fprintf(&b, `  - key: company-%03d
    name: 'Company %03d'
    state: active
    button: {label: Log in %d}
    saml:
      issuer: https://idp-%03d.example.com/
      sso_url: https://idp-%03d.example.com/sso
      change_password_url: https://idp-%03d.example.com/password
      certificates: ['%s']
    mapping: {username: uid, email: mail, names_optional: true}
    validation_rules:
`, i, i, i, i, i, i, base64.StdEncoding.EncodeToString(key.Certificate.Raw))
		third := rulesEach / 3
		for j := range third {
			fmt.Fprintf(&b, "      - {attribute: contract, pattern: '^signed-%d[a-z]+$', enabled: false}\n", j)
		}
		b.WriteString("    access_rules:\n")
		for j := range third {
			fmt.Fprintf(&b, "      - {key: access-%d, attribute: groups, pattern: '^cloud-%d-\\d+$', level: %s, ignore_case: true}\n", j, j, []string{"full", "restricted", "none"}[j%3])
		}
		b.WriteString("    associations:\n")
		for j := range rulesEach - 2*third {
			fmt.Fprintf(&b, "      - {key: team-%d, attribute: 'urn:oid:%d', pattern: 'team: #%d', group: team-%02d, update_on_login: %t}\n", j, j, j, (i+j)%100, j%2 == 0)
		}
	}
	return []byte(b.String())
}

// A file of records alone is a mistake more often than a wish to empty every group.
func TestPruningNeverDeletesEveryGroupForWantOfOne(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		_, err := s.Apply(ctx, idms.File{Groups: []groups.Group{{Key: "staff", Name: "Staff"}}}, bob)
		must(t, err)
		_, err = s.ApplyWith(ctx, idms.File{Records: []idms.Record{sample("acme")}}, bob, How{Prune: true})
		if fault.KindOf(err) != fault.Conflict {
			t.Errorf("pruned with %v", err)
		}
		if n := count(t, s, "groups"); n != 1+3 { // three are built in
			t.Errorf("%d groups are left", n)
		}
	})
}
