package directory

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/users"
	"idms/test/database"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// paper is a directory written down: what Read would make of it. Its entries can
// be changed between two runs.
type paper struct {
	mu      sync.Mutex
	people  []entry
	groups  []list
	hidden  map[string]bool // left out of the reading, and found when looked up
	fail    error
	reading func() // called when it is read
}

type entry struct {
	id, username string
	off          ldapsync.Off
}

type list struct {
	id, name string
	members  []string // ids
}

func mark(parts ...any) ldapsync.Mark {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return ldapsync.Mark(sum[:16])
}

func (p *paper) Read(_ context.Context, _ ldapsync.Settings, _ string, held func(ldapsync.ID) (ldapsync.Mark, bool), progress func(ldapsync.Progress)) (ldapsync.Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reading != nil {
		p.reading()
	}
	if p.fail != nil {
		return ldapsync.Snapshot{}, p.fail
	}
	s := ldapsync.Snapshot{Host: "paper:636"}
	place := map[string]uint32{}
	for _, e := range p.people {
		if p.hidden[e.id] {
			continue
		}
		person := ldapsync.Person{ID: ldapsync.ID(e.id), Mark: mark(e), Off: e.off}
		if known, ok := held(person.ID); !ok || known != person.Mark {
			person.DN = "uid=" + e.username + ",ou=people"
			person.Profile = &users.Profile{Username: e.username, Email: e.username + "@example.com", FirstName: "F", LastName: e.username}
		}
		place[e.id] = uint32(len(s.People))
		s.People = append(s.People, person)
	}
	for _, l := range p.groups {
		group := ldapsync.Group{ID: ldapsync.ID(l.id), Name: l.name, DN: "cn=" + l.name}
		var ids []string
		for _, id := range l.members {
			if at, ok := place[id]; ok {
				group.Members = append(group.Members, at)
				ids = append(ids, id)
			}
		}
		slices.Sort(group.Members)
		slices.Sort(ids)
		group.Mark = mark(l.name, ids)
		s.Groups = append(s.Groups, group)
	}
	progress(ldapsync.Progress{Phase: ldapsync.ReadingPeople, Entries: len(s.People)})
	return s, nil
}

func (p *paper) LookUp(_ context.Context, _ ldapsync.Settings, _ string, ids []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error) {
	found := map[ldapsync.ID]ldapsync.Off{}
	for _, id := range ids {
		found[id] = ldapsync.Gone
		for _, e := range p.people {
			if e.id == string(id) {
				found[id] = e.off
			}
		}
	}
	return found, nil
}

func (p *paper) LookUpGroups(_ context.Context, _ ldapsync.Settings, _ string, ids []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error) {
	found := map[ldapsync.ID]ldapsync.Off{}
	for _, id := range ids {
		found[id] = ldapsync.Gone
	}
	return found, nil
}

// company is so many people, in so many groups with some each.
func company(people, groups, each int) *paper {
	p := &paper{hidden: map[string]bool{}}
	for i := range people {
		p.people = append(p.people, entry{id: fmt.Sprintf("p%06d", i), username: fmt.Sprintf("user%06d", i)})
	}
	for i := range groups {
		l := list{id: fmt.Sprintf("g%05d", i), name: fmt.Sprintf("Group %05d", i)}
		for j := range each {
			l.members = append(l.members, fmt.Sprintf("p%06d", (i*37+j*11)%people))
		}
		slices.Sort(l.members)
		l.members = slices.Compact(l.members)
		p.groups = append(p.groups, l)
	}
	return p
}

const recordFile = `
groups:
  - {key: by-hand, name: By hand}
records:
  - key: acme
    name: Acme
    state: active
    saml:
      issuer: https://idp.example.com
      sso_url: https://idp.example.com/sso
      certificates: [%q]
    mapping: {username: uid, email: mail, names_optional: true}
    association_type: ldap
    associations:
      - {key: rule, attribute: groups, pattern: x, group: by-hand}
    directory:
      preset: openldap
      hosts: [ldap.example.com]
      bind_dn: cn=reader,dc=example,dc=com
      base_dn: %s
`

// site is a service with one record.
type site struct {
	*testing.T
	of        *Sync
	Store     *store.Store
	directory *paper
	now       time.Time
}

var certificate = sync.OnceValue(func() string {
	key, err := saml.NewKey(rand.Reader, "test", noon)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(key.Certificate.Raw)
})

func onBoth(t *testing.T, p func() *paper, test func(s *site)) {
	t.Run("sqlite", func(t *testing.T) { test(newSite(t, "", database.SQLite(t), p())) })
	t.Run("postgres", func(t *testing.T) { test(newSite(t, database.PostgreSQL(t), "", p())) })
}

var oneKey = sync.OnceValues(func() (saml.Key, error) { return saml.NewKey(rand.Reader, "idms test", noon) })

func openStore(t testing.TB, url, path, keyset string) *store.Store {
	t.Helper()
	s, err := tryOpen(t.Context(), url, path, keyset)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func tryOpen(ctx context.Context, url, path, keyset string) (*store.Store, error) {
	box, err := secret.Open(keyset)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Config{
		URL: url, Path: path, Box: box,
		Clock:     func() time.Time { return noon },
		NewKey:    func(string, time.Time) (saml.Key, error) { return oneKey() },
		Retention: store.Retention{Audit: 400 * 24 * time.Hour},
	})
}

func newSite(t *testing.T, url, path string, p *paper) *site {
	t.Helper()
	s := openStore(t, url, path, filepath.Join(t.TempDir(), "keyset.json"))
	site := &site{T: t, Store: s, directory: p, now: noon}
	site.of = &Sync{Store: s, Clock: func() time.Time { return site.now }, Log: slog.New(slog.DiscardHandler), Source: p}
	site.apply("dc=example,dc=com")
	return site
}

func (s *site) apply(base string) {
	s.Helper()
	applyRecord(s, s.Store, base)
}

func applyRecord(t testing.TB, s *store.Store, base string) {
	t.Helper()
	file, problems := idms.ParseFile(fmt.Appendf(nil, recordFile, certificate(), base), nil)
	if problems.Any() {
		t.Fatal(problems)
	}
	if _, err := s.Apply(t.Context(), file, store.Author{Who: "bob", Now: noon}); err != nil {
		t.Fatal(err)
	}
}

var byBob = store.Author{Who: "bob", Reason: "ticket 7", Now: noon}

func (s *site) try(r Request) (Report, error) {
	s.now = s.now.Add(time.Minute)
	r.Record, r.Cause, r.By = "acme", cmp.Or(r.Cause, ByCommand), byBob
	return s.of.Run(s.Context(), r)
}

// sync runs once and wants an outcome.
func (s *site) sync(plan string, want store.RunOutcome) Report {
	s.Helper()
	report, err := s.try(Request{Plan: plan})
	if err != nil || report.Run.Outcome != want {
		s.Fatalf("the run ended %q (%v, %+v), want %q", report.Run.Outcome, err, report.Run.Stops, want)
	}
	return report
}

// first lets the first plan through.
func (s *site) first() Report {
	s.Helper()
	return s.sync(s.sync("", store.RunHeld).Run.Hash, store.RunApplied)
}

// person is an account with its state and groups, as one line.
func (s *site) person(username string) string {
	s.Helper()
	person, err := s.find(username)
	if err != nil {
		return fault.KindOf(err).String()
	}
	line := person.Account.Username + " " + string(person.Account.State)
	for _, m := range person.Groups {
		for _, source := range m.Sources {
			line += fmt.Sprintf(" %s(%s)", m.Group.Key, source.Kind)
		}
	}
	return line
}

func (s *site) find(username string) (store.Person, error) {
	person, _, err := s.Store.Why(s.Context(), "acme", username, "by-hand")
	return person, err
}

func (s *site) expect(lines ...string) {
	s.Helper()
	for _, want := range lines {
		name, _, _ := strings.Cut(want, " ")
		if got := s.person(name); got != want && !strings.HasSuffix(want, " "+got) {
			s.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func three() *paper {
	return &paper{
		hidden: map[string]bool{},
		people: []entry{{"a", "ada", ""}, {"b", "bob", ""}, {"c", "carl", ldapsync.SwitchedOff}},
		groups: []list{{"g", "Staff", []string{"a", "b", "c"}}, {"h", "Platform", []string{"a"}}},
	}
}

// L6, L8: the first run waits; a scheduled one cannot talk itself through, and
// nothing is written before somebody approved exactly this plan.
func TestAFirstRunWaitsForItsApprovalAndTheNextOneHasNothingToDo(t *testing.T) {
	onBoth(t, three, func(s *site) {
		held := s.sync("", store.RunHeld)
		s.expect("ada not found")
		s.sync("0123456789abcdef", store.RunHeld)
		s.expect("ada not found")
		dry, err := s.try(Request{DryRun: true})
		if err != nil || dry.Run.Hash != held.Run.Hash || dry.Run.Counts[ldapsync.AddPerson] != 3 {
			s.Errorf("the dry run says %+v (%v)", dry.Run, err)
		}
		applied := s.sync(held.Run.Hash, store.RunApplied)
		s.expect("ada enabled platform(directory) staff(directory)", "bob enabled staff(directory)", "carl disabled staff(directory)")
		if applied.Run.ApprovedBy != "bob" || applied.Run.Written == 0 {
			s.Errorf("the run says %+v", applied.Run)
		}
		if unchanged := s.sync("", store.RunUnchanged); unchanged.Run.Written != 0 {
			s.Errorf("a run without changes wrote %d rows", unchanged.Run.Written)
		}
		runs, next, err := s.Store.Runs(s.Context(), "acme", "", 2)
		if err != nil || len(runs) != 2 || next == "" || runs[0].Outcome != store.RunUnchanged || runs[1].Outcome != store.RunApplied {
			s.Errorf("the history is %+v (%v)", runs, err)
		}
		changes, more, err := s.Store.RunChanges(s.Context(), runs[1], ldapsync.AddMember, 0, 10)
		if err != nil || more || len(changes) != 2 || changes[1].String() != "add_member staff: ada, bob, carl" {
			s.Errorf("its changes are %v (%v)", changes, err)
		}
		// S35: why is she in this group?
		_, reasons, err := s.Store.Why(s.Context(), "acme", "ADA", "staff")
		if err != nil || len(reasons) != 1 || reasons[0].Run != runs[1].ID {
			s.Errorf("why: %+v (%v), want the run %s", reasons, err, runs[1].ID)
		}
	})
}

// L3, L7: a disabled person's sessions end at once, and their account, groups
// and name stay; everything comes back with them.
func TestWhoIsDisabledIsLoggedOutAndComesBack(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		ada, err := s.find("ada")
		if err != nil {
			s.Fatal(err)
		}
		token, hash := session.NewToken()
		err = s.Store.InTx(s.Context(), func(tx *store.Tx) error {
			return tx.OpenSession(session.Session{ID: store.NewID(), UserID: ada.Account.ID, RecordID: ada.Account.RecordID,
				Opened: s.now, Seen: s.now, Expires: s.now.Add(24 * time.Hour)}, hash)
		})
		if _, there := s.Store.Session(s.Context(), hash, s.now); err != nil || there != nil || token == "" {
			s.Fatal(err, there)
		}
		s.directory.people[0].off = ldapsync.SwitchedOff
		s.directory.people[2].off = ldapsync.On
		report := s.sync("", store.RunApplied)
		s.expect("ada disabled platform(directory) staff(directory)", "carl enabled staff(directory)")
		if _, err := s.Store.Session(s.Context(), hash, s.now); fault.KindOf(err) != fault.NotFound || report.Run.SessionsEnded != 1 {
			s.Errorf("her session goes on: %v, %d ended", err, report.Run.SessionsEnded)
		}
		// She vanishes altogether, and returns under another name to other groups.
		s.directory.people = s.directory.people[1:]
		s.sync("", store.RunApplied)
		s.expect("ada disabled platform(directory) staff(directory)")
		s.directory.people = append(s.directory.people, entry{"a", "ada.king", ""})
		s.directory.groups = []list{{"g", "Staff", []string{"b", "c"}}, {"h", "Platform", []string{"a"}}}
		s.sync("", store.RunApplied)
		s.expect("ada not found", "ada.king enabled platform(directory)")
		if again, err := s.find("ada.king"); err != nil || again.Account.ID != ada.Account.ID {
			s.Errorf("she is another account: %v", err)
		}
		s.sync("", store.RunUnchanged)
	})
}

// L1: two who swap usernames keep their accounts.
func TestTwoSwapTheirUsernames(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		ada, _ := s.find("ada")
		s.directory.people[0].username, s.directory.people[1].username = "bob", "ada"
		s.sync("", store.RunApplied)
		if now, err := s.find("bob"); err != nil || now.Account.ID != ada.Account.ID || now.Account.Email != "bob@example.com" {
			s.Errorf("ada became %+v (%v)", now.Account, err)
		}
		s.sync("", store.RunUnchanged)
	})
}

// L7: somebody left out of one reading is not gone.
func TestAnInconsistentReadingChangesNothing(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		s.directory.hidden["a"] = true
		s.directory.people = append(s.directory.people, entry{"d", "dora", ""})
		report, err := s.try(Request{})
		if fault.KindOf(err) != fault.Upstream || report.Run.Outcome != store.RunFailed || report.Run.Code != "inconsistent" {
			s.Errorf("the run ended %+v (%v)", report.Run, err)
		}
		s.expect("ada enabled platform(directory) staff(directory)", "dora not found")
		delete(s.directory.hidden, "a")
		s.sync("", store.RunApplied)
		s.expect("dora enabled")
	})
}

// L5, L8: a reading that fails leaves a report and nothing else.
func TestAFailedReadingChangesNothing(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		before, err := s.Store.DirectoryState(s.Context(), s.recordID())
		if err != nil {
			s.Fatal(err)
		}
		s.directory.fail = &ldapsync.Fault{Phase: ldapsync.ReadingPeople, Page: 3, Code: ldapsync.SizeLimit, Sentence: "The directory stops after some entries."}
		s.directory.people = nil
		report, err := s.try(Request{})
		if err == nil || report.Run.Outcome != store.RunFailed || report.Run.Code != string(ldapsync.SizeLimit) || report.Run.Error != "The directory stops after some entries." {
			s.Errorf("the run ended %+v (%v)", report.Run, err)
		}
		s.expect("ada enabled platform(directory) staff(directory)")
		if after, err := s.Store.DirectoryState(s.Context(), s.recordID()); err != nil || after.LastGood != before.LastGood {
			s.Errorf("the last good run moved from %v to %v (%v)", before.LastGood, after.LastGood, err)
		}
		// An empty answer without a fault is held, and cannot be approved (L6).
		s.directory.fail = nil
		held := s.sync("", store.RunHeld)
		s.sync(held.Run.Hash, store.RunHeld)
		if err := s.of.Approve(s.Context(), "acme", held.Run.Hash, byBob); fault.KindOf(err) != fault.Conflict {
			s.Errorf("an empty answer can be approved: %v", err)
		}
		s.expect("ada enabled platform(directory) staff(directory)")
	})
}

func (s *site) recordID() string {
	s.Helper()
	edition, err := s.Store.Edition(s.Context(), "acme")
	if err != nil {
		s.Fatal(err)
	}
	return edition.ID
}

// L6: an approval is for one plan, once; another base makes everything wait.
func TestAnApprovalIsForOnePlanOnce(t *testing.T) {
	onBoth(t, func() *paper { return company(40, 4, 30) }, func(s *site) {
		s.first()
		all := slices.Clone(s.directory.people)
		s.directory.people = all[:30]
		held := s.sync("", store.RunHeld)
		if codes := held.Run.Stops; len(codes) == 0 || codes[0].Code != ldapsync.StopDisables {
			s.Errorf("the stops are %+v", codes)
		}
		s.expect("user000035 enabled group-00000(directory) group-00001(directory) group-00002(directory) group-00003(directory)")
		if err := s.of.Approve(s.Context(), "acme", held.Run.Hash, byBob); err != nil {
			s.Fatal(err)
		}
		// Somebody else vanishes before the next run: this is another plan.
		s.directory.people = all[:29]
		other := s.sync("", store.RunHeld)
		if other.Run.Hash == held.Run.Hash {
			s.Error("two plans have one hash")
		}
		// The approval of the former plan is forgotten, also when it returns.
		s.directory.people = all[:30]
		again := s.sync("", store.RunHeld)
		// Somebody new does not make it another one.
		s.directory.people = append(slices.Clone(all[:30]), entry{"new", "newcomer", ""})
		if err := s.of.Approve(s.Context(), "acme", again.Run.Hash, byBob); err != nil {
			s.Fatal(err)
		}
		applied := s.sync("", store.RunApplied)
		s.expect("newcomer enabled")
		if applied.Run.Counts[ldapsync.GonePerson] != 10 || applied.Run.ApprovedBy != "bob" {
			s.Errorf("the run says %+v", applied.Run)
		}
		s.apply("dc=example,dc=org")
		s.sync("", store.RunUnchanged) // nothing to wait for
		s.apply("dc=example,dc=net")
		s.directory.people = append(s.directory.people, entry{"newer", "newer", ""})
		changed := s.sync("", store.RunHeld)
		if changed.Run.Stops[0].Code != ldapsync.StopSettings {
			s.Errorf("the stops are %+v", changed.Run.Stops)
		}
		s.sync(changed.Run.Hash, store.RunApplied)
		s.sync("", store.RunUnchanged)
	})
}

// L6: one group that loses over half waits alone.
func TestAGroupThatLosesHalfWaitsAlone(t *testing.T) {
	onBoth(t, func() *paper { return company(200, 4, 100) }, func(s *site) {
		s.first()
		s.directory.groups[0].members = s.directory.groups[0].members[:40]
		s.directory.people = append(s.directory.people, entry{"new", "newcomer", ""})
		partly := s.sync("", store.RunPartly)
		s.expect("newcomer enabled")
		held, err := s.Store.Run(s.Context(), "acme", "held")
		if err != nil || held.Hash != partly.Run.Hash || held.Counts[ldapsync.RemoveMember] != 60 {
			s.Fatalf("what waits is %+v (%v)", held, err)
		}
		s.sync("", store.RunHeld)
		s.sync(held.Hash, store.RunApplied)
		s.sync("", store.RunUnchanged)
	})
}

// L4: whoever is protected stays as they are, whatever the directory says.
func TestWhoIsProtectedIsNotTouched(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		ada, _ := s.find("ada")
		s.of.Protected = func(context.Context, string) (map[uuid.UUID]string, error) {
			return map[uuid.UUID]string{uuid.MustParse(ada.Account.ID): "the last administrator"}, nil
		}
		s.directory.people = s.directory.people[1:]
		s.directory.groups[0].members = []string{"b"}
		s.sync("", store.RunApplied)
		s.expect("ada enabled platform(directory) staff(directory)", "carl disabled")
	})
}

// L4, S44: the last owner who can log in stays one, and a group of the directory
// makes nobody an administrator.
func TestNoSyncTakesTheLastOwnerOrMakesOne(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.directory.groups = append(s.directory.groups, list{"o", "idms owners", []string{"b"}})
		s.first()
		bob, err := s.find("bob")
		if err != nil || len(bob.Groups) != 2 || roles.Of([]string{bob.Groups[0].Group.Key, bob.Groups[1].Group.Key}) != roles.None {
			s.Errorf("bob is in %+v (%v)", bob.Groups, err)
		}
		ada, _ := s.find("ada")
		err = s.Store.SetRole(s.Context(), ada.Account.ID, roles.Owner, store.Author{Who: "bob", Role: roles.Owner, Now: noon})
		if err != nil {
			s.Fatal(err)
		}
		s.directory.people[0].off = ldapsync.SwitchedOff
		report := s.sync("", store.RunUnchanged)
		if report.Run.Counts[ldapsync.Protect] != 1 {
			s.Errorf("the run counts %v", report.Run.Counts)
		}
		// A second one is protected as well, and so both stay.
		err = s.Store.SetRole(s.Context(), bob.Account.ID, roles.Owner, store.Author{Who: "bob", Role: roles.Owner, Now: noon})
		if err != nil {
			s.Fatal(err)
		}
		s.directory.people[1].off = ldapsync.SwitchedOff
		report = s.sync("", store.RunUnchanged)
		if report.Run.Counts[ldapsync.Protect] != 2 {
			s.Errorf("the run counts %v", report.Run.Counts)
		}
		// Should nobody be protected, the transaction itself keeps an owner (S44).
		s.of.Protected = func(context.Context, string) (map[uuid.UUID]string, error) { return nil, nil }
		if report, err := s.try(Request{}); err == nil || report.Run.Code != "conflict" {
			s.Errorf("no owner is left: %+v (%v)", report.Run, err)
		}
	})
}

// L4: administrators of every role and exempt people are left alone, as long as
// they are what they are; then the directory has its way.
func TestAdministratorsAndExemptPeopleAreNeverDisabledByASync(t *testing.T) {
	onBoth(t, func() *paper { return company(40, 2, 10) }, func(s *site) {
		s.first()
		owner := store.Author{Who: "bob", Role: roles.Owner, Now: noon}
		before := owner
		before.Now = noon.Add(-2 * time.Hour)
		id := func(name string) string {
			person, err := s.find(name)
			if err != nil {
				s.Fatal(err)
			}
			return person.Account.ID
		}
		for _, err := range []error{
			s.Store.SetRole(s.Context(), id("user000000"), roles.Reader, owner),
			s.Store.SetRole(s.Context(), id("user000001"), roles.Editor, owner),
			s.Store.Exempt(s.Context(), id("user000002"), "works for us", s.now.Add(time.Hour), owner),
			s.Store.Exempt(s.Context(), id("user000003"), "worked for us", before.Now.Add(time.Hour), before),
		} {
			if err != nil {
				s.Fatal(err)
			}
		}
		all := slices.Clone(s.directory.people)
		s.directory.people = all[1:] // one is gone, others are disabled
		for i := range 3 {
			s.directory.people[i].off = ldapsync.SwitchedOff
		}
		report := s.sync("", store.RunApplied)
		if report.Run.Counts[ldapsync.Protect] != 3 || report.Run.Counts[ldapsync.DisablePerson] != 1 {
			s.Errorf("the run counts %v", report.Run.Counts)
		}
		for name, want := range map[string]users.State{
			"user000000": users.Enabled, "user000001": users.Enabled, "user000002": users.Enabled, "user000003": users.Disabled,
		} {
			if person, err := s.find(name); err != nil || person.Account.State != want {
				s.Errorf("%s is %s (%v), want %s", name, person.Account.State, err, want)
			}
		}
		// The exemption ends, and so does the role.
		s.now = s.now.Add(2 * time.Hour)
		if err := s.Store.SetRole(s.Context(), id("user000001"), roles.None, owner); err != nil {
			s.Fatal(err)
		}
		if report := s.sync("", store.RunApplied); report.Run.Counts[ldapsync.DisablePerson] != 2 || report.Run.Counts[ldapsync.Protect] != 1 {
			s.Errorf("the run counts %v", report.Run.Counts)
		}
		s.sync("", store.RunUnchanged)
	})
}

// L3: whom an administrator blocked, no sync lets in again.
func TestWhoIsBlockedStaysBlocked(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		carl, _ := s.find("carl")
		carl.Account.State = users.Blocked
		if err := s.Store.InTx(s.Context(), func(tx *store.Tx) error { return tx.UpdateUser(carl.Account) }); err != nil {
			s.Fatal(err)
		}
		s.directory.people[2].off = ldapsync.On
		s.sync("", store.RunApplied)
		s.expect("carl blocked staff(directory)")
		s.directory.people[2].off = ldapsync.Expired
		s.sync("", store.RunApplied)
		s.expect("carl blocked staff(directory)")
	})
}

// S37: the manual associations go on until the first approved sync, and a record
// that leaves its directory begins anew when it returns.
func TestALoginFollowsTheDirectoryFromTheFirstApprovedSyncOn(t *testing.T) {
	onBoth(t, three, func(s *site) {
		known := func(name string) *idms.Directory {
			s.Helper()
			edition, err := s.Store.Edition(s.Context(), "acme")
			if err != nil {
				s.Fatal(err)
			}
			var known idms.Known
			if err := s.Store.InTx(s.Context(), func(tx *store.Tx) error { known, err = tx.Known(edition, name); return err }); err != nil {
				s.Fatal(err)
			}
			return known.Directory
		}
		if s.sync("", store.RunHeld); known("ada") != nil {
			s.Error("a held sync counts already")
		}
		s.first()
		if d := known("Ada"); d == nil || !d.Known || !slices.Equal(d.Groups, []string{"platform", "staff"}) {
			s.Errorf("ada: %+v", d)
		}
		if d := known("carl"); d == nil || !d.Known || d.Off != ldapsync.SwitchedOff {
			s.Errorf("carl: %+v", d)
		}
		if d := known("nobody"); d == nil || d.Known {
			s.Errorf("nobody: %+v", d)
		}
	})
}

// Two processes never sync one record at once: the lease keeps the second out,
// and whoever lost it cannot apply any more.
func TestTwoProcessesNeverSyncOneRecordAtOnce(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		s.directory.people = append(s.directory.people, entry{"d", "dora", ""})
		late := false
		s.directory.reading = func() {
			if _, err := s.Store.TakeLease(s.Context(), s.recordID(), s.now, time.Minute); fault.KindOf(err) != fault.Conflict {
				s.Errorf("the lease was given twice: %v", err)
			}
			if late { // this process slept through its lease, and another took it
				if _, err := s.Store.TakeLease(s.Context(), s.recordID(), s.now.Add(time.Hour), time.Minute); err != nil {
					s.Error(err)
				}
			}
		}
		late = true
		report, err := s.try(Request{})
		if err == nil || report.Run.Code != "lease_lost" {
			s.Errorf("who lost the lease applied: %+v (%v)", report.Run, err)
		}
		s.expect("dora not found")
		late = false
		s.now = s.now.Add(2 * time.Hour)
		s.sync("", store.RunApplied)
		s.expect("dora enabled")
	})
}

// A record that changes while its directory is read keeps what it has.
func TestARecordThatChangesMeanwhileIsNotApplied(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		s.directory.people = append(s.directory.people, entry{"d", "dora", ""})
		s.directory.reading = func() { s.apply("dc=example,dc=org") }
		if report, err := s.try(Request{}); err == nil || report.Run.Code != "record_changed" {
			s.Errorf("the run ended %+v (%v)", report.Run, err)
		}
		s.expect("dora not found")
	})
}

// Somebody who logs in for the first time while the directory is read is linked
// and not made twice (L1).
func TestWhoLogsInMeanwhileIsLinked(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		s.directory.people = append(s.directory.people, entry{"d", "Dora", ""})
		account := users.Account{ID: store.NewID(), RecordID: s.recordID(), State: users.Enabled, Created: noon, Profile: users.Profile{Username: "dora"}}
		s.directory.reading = func() {
			if err := s.Store.InTx(s.Context(), func(tx *store.Tx) error { return tx.CreateUser(account) }); err != nil {
				s.Error(err)
			}
			s.directory.reading = nil
		}
		s.sync("", store.RunApplied)
		if dora, err := s.find("dora"); err != nil || dora.Account.ID != account.ID || dora.Account.Username != "Dora" {
			s.Errorf("dora is %+v (%v)", dora.Account, err)
		}
		s.sync("", store.RunUnchanged)
	})
}

// A group that is renamed keeps its key; one that vanishes stays without the
// directory's members, and cannot be deleted while the directory has it.
func TestGroupsAreNeverDeletedByASync(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		if err := s.Store.DeleteGroup(s.Context(), "staff", byBob); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "acme") {
			s.Errorf("a group of the directory was deleted: %v", err)
		}
		s.directory.groups[1].name = "Crew"
		s.directory.groups = s.directory.groups[1:]
		s.sync("", store.RunApplied)
		s.expect("ada enabled platform(directory)", "bob enabled")
		all, err := s.Store.Groups(s.Context())
		var names []string
		for _, group := range all {
			names = append(names, group.Key+"="+group.Name)
		}
		if got := strings.Join(names, " "); err != nil || !strings.HasPrefix(got, "by-hand=By hand ") || !strings.HasSuffix(got, " platform=Crew staff=Staff") {
			s.Errorf("the groups are %s (%v)", got, err)
		}
		if err := s.Store.DeleteGroup(s.Context(), "staff", byBob); err != nil {
			s.Errorf("a group that the directory has no more cannot be deleted: %v", err)
		}
		s.directory.groups = append(s.directory.groups, list{"g", "Staff", []string{"b"}})
		s.sync("", store.RunApplied)
		s.expect("bob enabled staff(directory)")
		s.sync("", store.RunUnchanged)
	})
}

// Somebody whom an administrator deleted is added again, with all groups.
func TestWhoWasDeletedHereComesBackWhole(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		s.directory.people[0].id = "another" // the same as a deletion: nothing is known of her
		s.directory.groups[0].members[0], s.directory.groups[1].members[0] = "another", "another"
		report := s.sync("", store.RunApplied)
		if report.Run.Counts[ldapsync.Conflict] != 1 || report.Run.Counts[ldapsync.GonePerson] != 1 {
			s.Errorf("a returning username is %v, want a conflict (L1)", report.Run.Counts)
		}
		s.expect("ada disabled platform(directory) staff(directory)")
	})
}

// The bind password is sealed, and given to nobody but the directory.
func TestTheBindPasswordIsWriteOnly(t *testing.T) {
	onBoth(t, three, func(s *site) {
		if err := s.Store.SetBindPassword(s.Context(), "acme", "hunter2", byBob); err != nil {
			s.Fatal(err)
		}
		if password, err := s.Store.BindPassword(s.Context(), s.recordID()); err != nil || password != "hunter2" {
			s.Errorf("it is %q (%v)", password, err)
		}
		file, err := s.Store.File(s.Context())
		text, failed := file.Marshal()
		if err != nil || failed != nil || strings.Contains(string(text), "hunter2") || !strings.Contains(string(text), "dc=example,dc=com") {
			s.Errorf("the export is (%v, %v)\n%s", err, failed, text)
		}
		events, _, err := s.Store.Events(s.Context(), store.EventFilter{Record: "acme"}, "", 1)
		if err != nil || len(events) != 1 || events[0].Changes[0].Field != "directory.bind_password" || strings.Contains(fmt.Sprint(events), "hunter2") {
			s.Errorf("the audit trail says %+v (%v)", events, err)
		}
	})
}
