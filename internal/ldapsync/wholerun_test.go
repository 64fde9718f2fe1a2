package ldapsync_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/users"
	"idms/test/directories"
)

// Whole runs: from a directory to the database, by directory.Sync.

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var oneKey = sync.OnceValues(func() (saml.Key, error) { return saml.NewKey(rand.Reader, "idms test", noon) })

// synced is a database with one record that is synced.
type synced struct {
	*testing.T
	store    *store.Store
	sync     *directory.Sync
	settings ldapsync.Settings
	now      time.Time
}

var byBob = store.Author{Who: "bob", Reason: "ticket 7", Now: noon}

func newSynced(t *testing.T, settings ldapsync.Settings, password string) *synced {
	t.Helper()
	box, err := secret.Open(filepath.Join(t.TempDir(), "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := &synced{T: t, settings: settings, now: noon}
	s.store, err = store.Open(t.Context(), store.Config{
		Path: filepath.Join(t.TempDir(), "idms.sqlite"), Box: box, Clock: func() time.Time { return noon },
		NewKey: func(string, time.Time) (saml.Key, error) { return oneKey() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	s.sync = &directory.Sync{Store: s.store, Log: slog.New(slog.DiscardHandler), Clock: func() time.Time {
		s.now = s.now.Add(time.Second)
		return s.now
	}}
	s.describe()
	if err := s.store.SetBindPassword(t.Context(), "acme", password, byBob); err != nil {
		t.Fatal(err)
	}
	return s
}

// describe writes the record with the settings as they are now.
func (s *synced) describe() {
	s.Helper()
	record := idms.Record{Key: "acme", Name: "Acme", State: idms.Active, Association: idms.FromDirectory, Directory: &s.settings}
	if _, err := s.store.Apply(s.Context(), idms.File{Records: []idms.Record{record}}, byBob); err != nil {
		s.Fatal(err)
	}
}

// run wants an outcome.
func (s *synced) run(plan string, want store.RunOutcome) store.Run {
	s.Helper()
	report, err := s.sync.Run(s.Context(), directory.Request{Record: "acme", Plan: plan, By: byBob})
	if (err != nil) != (want == store.RunFailed) || report.Run.Outcome != want {
		s.Fatalf("the run ended %q (%v, %+v), want %q", report.Run.Outcome, err, report.Run.Stops, want)
	}
	return report.Run
}

// all is everything that a sync keeps, as text, and the people with their states.
func (s *synced) all() string {
	s.Helper()
	record, err := s.store.Record(s.Context(), "acme")
	if err != nil {
		s.Fatal(err)
	}
	state, err := s.store.DirectoryState(s.Context(), record.ID)
	if err != nil {
		s.Fatal(err)
	}
	holdings, err := s.store.Holdings(s.Context(), record.ID)
	if err != nil {
		s.Fatal(err)
	}
	text := fmt.Sprintln(state.FirstApplied, state.LastGood, state.Fingerprint, holdings.People, holdings.Groups)
	people, _, err := s.store.Users(s.Context(), store.UserFilter{}, "", 200)
	if err != nil {
		s.Fatal(err)
	}
	for _, one := range people {
		person, err := s.store.Person(s.Context(), one.Account.ID)
		if err != nil {
			s.Fatal(err)
		}
		text += fmt.Sprintln(person)
	}
	return text
}

// known is what a login would find.
func (s *synced) known(username string) idms.Known {
	s.Helper()
	edition, err := s.store.Edition(s.Context(), "acme")
	if err != nil {
		s.Fatal(err)
	}
	var known idms.Known
	if err := s.store.InTx(s.Context(), func(tx *store.Tx) error { known, err = tx.Known(edition, username); return err }); err != nil {
		s.Fatal(err)
	}
	return known
}

// twoFaced reads one directory and looks people up in another.
type twoFaced struct{ read, look ldapsync.Settings }

func (f twoFaced) Read(ctx context.Context, _ ldapsync.Settings, password string, held func(ldapsync.ID) (ldapsync.Mark, bool), progress func(ldapsync.Progress)) (ldapsync.Snapshot, error) {
	return ldapsync.Read(ctx, f.read, password, held, progress)
}

func (f twoFaced) LookUp(ctx context.Context, _ ldapsync.Settings, password string, people []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error) {
	return ldapsync.LookUp(ctx, f.look, password, people)
}

func (f twoFaced) LookUpGroups(ctx context.Context, _ ldapsync.Settings, password string, groups []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error) {
	return ldapsync.LookUpGroups(ctx, f.look, password, groups)
}

// lookingUp are the faults that a look-up tells by another code, since it is not
// paged, and begins by asking for the root.
var lookingUp = map[string]string{
	"a cookie it does not know any more": "directory_refused",
	"no paging control":                  "malformed", // and entries of people who were not asked for
	"no rights":                          "dropped",   // no rights at the root are none to worry about; then the server leaves
}

// L5, L7, L8: whatever fault strikes, at whichever page of people or of groups or
// while somebody is looked up again, the run has failed, says why, and left
// everything as it was; and the next good run finds nothing to do.
func TestNoFaultOfADirectoryTakesAnythingFromAnybody(t *testing.T) {
	const shards = 4
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			whole := &faulty{people: 12, groups: 10, pageSize: 4}
			good := whole.start(t)
			s := newSynced(t, good, "secret")
			s.run(s.run("", store.RunHeld).Hash, store.RunApplied)
			before := s.all()
			if strings.Count(before, "enabled") < 12 {
				t.Fatalf("not everybody is here:\n%s", before)
			}
			fails := func(name, codes string, source directory.Source) {
				t.Helper()
				s.sync.Source = source
				run := s.run("", store.RunFailed)
				if !strings.Contains(" "+codes+" ", " "+run.Code+" ") || run.Error == "" || run.Ended.IsZero() {
					t.Errorf("%s: the run reports %q, %q", name, run.Code, run.Error)
				}
				if kept, err := s.store.Run(t.Context(), "acme", run.ID); err != nil || kept.Code != run.Code || kept.Written+kept.SessionsEnded != 0 {
					t.Errorf("%s: the history has %+v (%v)", name, kept, err)
				}
				if after := s.all(); after != before {
					t.Fatalf("%s changed something:\n%s\nwas\n%s", name, after, before)
				}
			}
			fewer := (&faulty{people: 11, groups: 10, pageSize: 4}).start(t) // somebody is to be looked up
			for i, row := range matrix {
				if i%shards != shard {
					continue
				}
				for _, in := range []string{"people", "groups"} {
					for page := 1; page <= 3; page++ {
						f := &faulty{people: 12, groups: 10, pageSize: 4, in: in, at: page, fault: row.fault}
						fails(fmt.Sprintf("%s, %s, page %d", row.name, in, page), row.codes, twoFaced{read: hurried(f.start(t), row.codes, "1s"), look: good})
					}
				}
				f := &faulty{people: 12, pageSize: 4, in: "people", at: 1, fault: row.fault}
				codes := row.codes
				if own, ok := lookingUp[row.name]; ok {
					codes = own
				}
				fails(row.name+", looking up", codes, twoFaced{read: fewer, look: hurried(f.start(t), row.codes, "1s")})
			}
			s.sync.Source = nil
			if same := s.run("", store.RunUnchanged); same.Written != 0 {
				t.Errorf("after all faults a good run wrote %d rows", same.Written)
			}
		})
	}
}

// A hostile name costs its own entry and stops nobody else, as long as there are
// few of them.
func TestAHostileNameStopsNobodyElse(t *testing.T) {
	hostile := map[string]string{ // by username
		"not-text":    "uid=\xff\xfe",
		"nul":         "uid=a\x00b",
		"csi\u009b2J": "uid=csi",
	}
	for _, tt := range []struct {
		name   string
		people int
		code   ldapsync.FaultCode // "": the others are read
	}{
		{"few", 500, ""},
		{"a fifth", 12, ldapsync.TooManyFaulty}, // nothing of such a directory is believed (L5)
	} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/plain %v", tt.name, plain), func(t *testing.T) {
				f := &faulty{people: tt.people, groups: 1, pageSize: 100, in: "people", at: 1}
				f.fault = func(a *answering) bool {
					n := 0
					for username, name := range hostile {
						n++
						a.entries = append(a.entries, found(name+",ou=people,"+faultyBase, []attribute{
							{"uid", []string{username}}, {"mail", []string{"h@example.com"}}, {"entryUUID", []string{fmt.Sprintf("h%035d", n)}},
						}))
					}
					long := "uid=" + strings.Repeat("x", 2000)
					a.entries = append(a.entries, found(long+",ou=people,"+faultyBase, []attribute{
						{"uid", []string{"long"}}, {"mail", []string{"l@example.com"}}, {"entryUUID", []string{fmt.Sprintf("l%035d", 1)}},
					}))
					return false
				}
				s := f.start(t)
				s.PlainReader, s.PageSize = plain, 100
				snapshot, err := ldapsync.Read(t.Context(), s, "secret", nil, nil)
				if tt.code != "" {
					reason, ok := errors.AsType[*ldapsync.Fault](err)
					if !ok || reason.Code != tt.code {
						t.Fatalf("%v, %d people", err, len(snapshot.People))
					}
					if text := fault.Sentence(err) + err.Error(); strings.ContainsAny(text, "\x00\u009b\x1b") {
						t.Errorf("the fault repeats what a terminal obeys: %q", text)
					}
					return
				}
				if err != nil || len(snapshot.People) != tt.people || len(snapshot.Skipped) != 4 {
					t.Fatalf("%v, %d people, %d skipped", err, len(snapshot.People), len(snapshot.Skipped))
				}
				for _, skipped := range snapshot.Skipped {
					if len(skipped.DN) > 1024 || !utf8.ValidString(skipped.DN) || strings.ContainsAny(skipped.DN+skipped.Why, "\x00\u009b\x1b") || skipped.Why == "" {
						t.Errorf("skipped %q, %q", skipped.DN, skipped.Why)
					}
				}
			})
		}
	}
}

// A real Active Directory, from the first plan on: what waits, who is disabled or
// has expired, a ring of groups, the primary group, a rename and a move.
func TestActiveDirectoryIsSyncedFromTheFirstPlanToALoginThatIsRefused(t *testing.T) {
	m := newDomain(t, "whole")
	ada, bob := m.user(t, "wada"), m.user(t, "wbob")
	m.user(t, "wcarol", "userAccountControl", "546")
	m.user(t, "wdora", "accountExpires", directories.Filetime(noon.Add(-time.Hour)))
	erin := m.user(t, "werin")
	inner := m.group(t, "winner", ada)
	outer := m.group(t, "wouter", bob, inner)
	m.modify(t, inner, "member", ada, outer) // a ring
	primary := m.group(t, "wprimary", erin)
	token, err := m.client.Search(ldap.NewSearchRequest(primary, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"primaryGroupToken"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	m.modify(t, erin, "primaryGroupID", token.Entries[0].GetAttributeValue("primaryGroupToken"))

	s := newSynced(t, m.settings(), m.Password)
	held := s.run("", store.RunHeld)
	if s.known("wada").Account != nil || s.known("wada").Directory != nil {
		t.Error("a held plan counts already (S37)")
	}
	if err := s.sync.Approve(t.Context(), "acme", held.Hash, byBob); err != nil {
		t.Fatal(err)
	}
	first := s.run("", store.RunApplied)
	if first.ApprovedBy != "bob" || first.Counts[ldapsync.AddPerson] != 5 || first.Counts[ldapsync.AddGroup] != 3 || first.Counts[ldapsync.AddMember] != 5 {
		t.Errorf("the first run says %+v", first)
	}
	expect := func(username string, off ldapsync.Off, groups ...string) {
		t.Helper()
		d := s.known(username).Directory
		if d == nil || !d.Known || d.Off != off || strings.Join(d.Groups, " ") != strings.Join(groups, " ") {
			t.Errorf("a login of %s finds %+v, want %q in %v", username, d, off, groups)
		}
	}
	expect("wada", ldapsync.On, "winner", "wouter")
	expect("wbob", ldapsync.On, "winner", "wouter")
	expect("wcarol", ldapsync.SwitchedOff)
	expect("wdora", ldapsync.Expired)
	expect("werin", ldapsync.On, "wprimary")
	if d := s.known("stranger").Directory; d == nil || d.Known {
		t.Errorf("a stranger is %+v", d)
	}
	if same := s.run("", store.RunUnchanged); same.Written != 0 {
		t.Errorf("a run without changes wrote %d rows", same.Written)
	}

	was := s.known("wbob").Account
	m.modify(t, bob, "sAMAccountName", "wrobert")
	m.add(t, "OU=inside,"+m.folder, "organizationalUnit")
	for _, request := range []*ldap.ModifyDNRequest{
		ldap.NewModifyDNRequest(bob, "CN=wrobert", true, "OU=inside,"+m.folder), // renamed, and moved within
		ldap.NewModifyDNRequest(erin, "CN=werin", true, "CN=Users,"+directories.DomainBase),
	} {
		if err := m.client.ModifyDN(request); err != nil {
			t.Fatal(err)
		}
	}
	m.modify(t, ada, "userAccountControl", "546")
	s.run("", store.RunApplied)
	expect("wrobert", ldapsync.On, "winner", "wouter")
	if is := s.known("wrobert").Account; is == nil || was == nil || is.ID != was.ID {
		t.Errorf("the renamed person is another account: %+v, was %+v (L1)", is, was)
	}
	expect("wada", ldapsync.SwitchedOff, "winner", "wouter")
	expect("werin", ldapsync.OutOfScope, "wprimary")
	policy, err := idms.Compile(idms.Record{Key: "acme", Association: idms.FromDirectory, Mapping: users.Mapping{Username: "uid", Email: "mail", NamesOptional: true}})
	if err != nil {
		t.Fatal(err)
	}
	assertion := saml.Assertion{Attributes: rules.Attributes{{Name: "uid", Values: []string{"wada"}}, {Name: "mail", Values: []string{"wada@example.com"}}}}
	if decision := policy.Decide(assertion, s.known("wada")); decision.Admitted || decision.Code != "directory_disabled" {
		t.Errorf("a login of somebody disabled ends %v %q", decision.Admitted, decision.Code)
	}
	s.run("", store.RunUnchanged)
}
