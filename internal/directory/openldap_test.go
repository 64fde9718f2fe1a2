package directory

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/store"
	"idms/test/directories"
	"idms/test/needs"
)

// Five thousand people of a real OpenLDAP, from the first plan to somebody who
// moves out of scope, and a bind DN that is given fifty entries only.
func TestFiveThousandPeopleOfOpenLDAP(t *testing.T) {
	cast := directories.Cast{Seed: 3, People: 5000, Groups: 100, Memberships: 25_000}
	for name, open := range map[string]func(t *testing.T) *store.Store{
		"sqlite": func(t *testing.T) *store.Store {
			return openStore(t, "", filepath.Join(t.TempDir(), "idms.sqlite"), filepath.Join(t.TempDir(), "keyset.json"))
		},
		"postgres": func(t *testing.T) *store.Store {
			return openStore(t, needs.PostgreSQL(t), "", filepath.Join(t.TempDir(), "keyset.json"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := directories.OpenLDAP(t, cast.LDIF())
			client := d.Client(t)
			s := open(t)
			settings := d.Settings()
			settings.PageSize = 500
			describe := func() {
				t.Helper()
				record := idms.Record{Key: "acme", Name: "Acme", State: idms.Active, Association: idms.FromDirectory, Directory: &settings}
				if _, err := s.Apply(t.Context(), idms.File{Records: []idms.Record{record}}, byBob); err != nil {
					t.Fatal(err)
				}
			}
			describe()
			if err := s.SetBindPassword(t.Context(), "acme", d.Password, byBob); err != nil {
				t.Fatal(err)
			}
			now := noon
			sync := &Sync{Store: s, Clock: func() time.Time { now = now.Add(time.Second); return now }, Log: slog.New(slog.DiscardHandler)}
			run := func(plan string, want store.RunOutcome) store.Run {
				t.Helper()
				report, err := sync.Run(t.Context(), Request{Record: "acme", Plan: plan, By: byBob})
				if (err != nil) != (want == store.RunFailed) || report.Run.Outcome != want {
					t.Fatalf("the run ended %s (%v, %+v), want %s", report.Run.Outcome, err, report.Run.Stops, want)
				}
				return report.Run
			}
			first := run(run("", store.RunHeld).Hash, store.RunApplied)
			if c := first.Counts; c[ldapsync.AddPerson] != 5000 || c[ldapsync.AddGroup] != 100 || c[ldapsync.AddMember] != 25_000 {
				t.Fatalf("the first run counts %v", c)
			}
			if same := run("", store.RunUnchanged); same.Written != 0 {
				t.Errorf("a run without changes wrote %d rows", same.Written)
			}

			// One is renamed, one moves out of the base, one is deleted, one leaves a group.
			group := "cn=group00007," + directories.Groups
			member := firstMember(t, client, group)
			leave := ldap.NewModifyRequest(group, nil)
			leave.Delete("member", []string{member})
			for _, err := range []error{
				client.ModifyDN(ldap.NewModifyDNRequest(directories.UserDN(4001), "uid=renamed", true, "")),
				client.ModifyDN(ldap.NewModifyDNRequest(directories.UserDN(4002), "uid="+directories.Username(4002), true, directories.Groups)),
				client.Del(ldap.NewDelRequest(directories.UserDN(4003), nil)),
				client.Modify(leave),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			settings.UserBase = directories.People
			describe()
			held := run("", store.RunHeld)
			if held.Stops[0].Code != ldapsync.StopSettings {
				t.Errorf("another user base is held by %+v", held.Stops)
			}
			done := run(held.Hash, store.RunApplied)
			if c := done.Counts; c[ldapsync.UpdatePerson] != 1 || c[ldapsync.OutPerson] != 1 || c[ldapsync.GonePerson] != 1 || c[ldapsync.RemoveMember] < 1 || c[ldapsync.Conflict] != 0 {
				t.Errorf("the run counts %v", c)
			}
			run("", store.RunUnchanged)

			// L5: a bind DN with a size limit sees fifty people, and nobody is taken
			// for gone.
			before := holding(t, s)
			settings.BindDN = directories.Limited
			describe()
			if failed := run("", store.RunFailed); failed.Code != string(ldapsync.SizeLimit) {
				t.Errorf("the run failed with %s: %s", failed.Code, failed.Error)
			}
			if holding(t, s) != before {
				t.Error("a failed reading changed something")
			}
		})
	}
}

func firstMember(t *testing.T, client *ldap.Conn, group string) string {
	t.Helper()
	found, err := client.Search(ldap.NewSearchRequest(group, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"member"}, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("%s: %v", group, err)
	}
	return found.Entries[0].GetAttributeValues("member")[0]
}
