package ldapsync_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/fault"
	"idms/internal/ldapsync"
	"idms/test/directories"
)

// both runs a test with the fast reader and with plain go-ldap: they must not
// differ.
func both(t *testing.T, s ldapsync.Settings, test func(t *testing.T, s ldapsync.Settings)) {
	for _, one := range []struct {
		name  string
		plain bool
	}{{"fast", false}, {"plain", true}} {
		t.Run(one.name, func(t *testing.T) {
			s.PlainReader = one.plain
			test(t, s)
		})
	}
}

func read(t *testing.T, s ldapsync.Settings, password string) ldapsync.Snapshot {
	t.Helper()
	snapshot, err := ldapsync.Read(context.Background(), s, password, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestAGeneratedDirectoryIsReadWhole(t *testing.T) {
	cast := directories.Cast{Seed: 1, People: 5000, Groups: 100, Memberships: 20_000}
	d := directories.OpenLDAP(t, cast.LDIF())
	both(t, d.Settings(), func(t *testing.T, s ldapsync.Settings) {
		snapshot := read(t, s, d.Password)
		if len(snapshot.People) != cast.People || len(snapshot.Groups) != cast.Groups || len(snapshot.Skipped) != 0 {
			t.Fatalf("read %d people, %d groups, %d skipped", len(snapshot.People), len(snapshot.Groups), len(snapshot.Skipped))
		}
		memberships := 0
		for _, group := range snapshot.Groups {
			memberships += len(group.Members)
		}
		if memberships != cast.Memberships {
			t.Errorf("read %d memberships, want %d", memberships, cast.Memberships)
		}

		// The second time nobody has changed, and nobody's profile is kept.
		marks := map[ldapsync.ID]ldapsync.Mark{}
		for _, one := range snapshot.People {
			marks[one.ID] = one.Mark
		}
		var phases []ldapsync.Phase
		again, err := ldapsync.Read(context.Background(), s, d.Password,
			func(id ldapsync.ID) (ldapsync.Mark, bool) { mark, ok := marks[id]; return mark, ok },
			func(p ldapsync.Progress) { phases = append(phases, p.Phase) })
		if err != nil {
			t.Fatal(err)
		}
		for i, one := range again.People {
			if one.Profile != nil || one.DN != "" || one.ID != snapshot.People[i].ID || one.Mark != snapshot.People[i].Mark {
				t.Fatalf("%+v came where nothing has changed", one)
			}
		}
		for i, one := range again.Groups {
			if one.Mark != snapshot.Groups[i].Mark {
				t.Fatalf("%s has another mark", one.Name)
			}
		}
		if got := slices.Compact(phases); !slices.Equal(got, []ldapsync.Phase{ldapsync.Connecting, ldapsync.ReadingPeople, ldapsync.ReadingGroups, ldapsync.Assembling}) {
			t.Errorf("progress went %v", got)
		}
	})
}

// entry writes one entry of LDIF; values that are not plain ASCII in base64.
func entry(dn string, pairs ...string) string {
	var out strings.Builder
	line := func(name, value string) {
		if strings.ContainsFunc(value, func(r rune) bool { return r >= 0x80 || r < ' ' }) {
			fmt.Fprintf(&out, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
			return
		}
		fmt.Fprintf(&out, "%s: %s\n", name, value)
	}
	line("dn", dn)
	for i := 0; i < len(pairs); i += 2 {
		line(pairs[i], pairs[i+1])
	}
	return out.String() + "\n"
}

func somebody(uid string, pairs ...string) string {
	return entry("uid="+uid+","+directories.People, append([]string{
		"objectClass", "inetOrgPerson", "uid", uid, "cn", uid, "sn", uid, "mail", uid + "@example.com"}, pairs...)...)
}

func someGroup(cn string, members ...string) string {
	pairs := []string{"objectClass", "groupOfNames", "cn", cn}
	for _, member := range members {
		pairs = append(pairs, "member", member)
	}
	return entry("cn="+cn+","+directories.Groups, pairs...)
}

// TestNothingThatPeopleWriteIntoADirectoryStopsASync: what is odd is read, what
// cannot be used is skipped by name, and the others are read all the same (L5).
func TestNothingThatPeopleWriteIntoADirectoryStopsASync(t *testing.T) {
	group := func(name string) string { return "cn=" + name + "," + directories.Groups }
	user := func(uid string) string { return "uid=" + uid + "," + directories.People }
	var ldif strings.Builder
	for i := range 100 {
		ldif.WriteString(somebody(fmt.Sprintf("usual%02d", i)))
	}
	ldif.WriteString(somebody("ada"))
	ldif.WriteString(entry("cn=Lovelace\\, Ada \\+ Söhne,"+directories.People,
		"objectClass", "inetOrgPerson", "cn", "Lovelace, Ada + Söhne", "sn", "Лавлейс", "uid", "escaped", "mail", "e@example.com", "telephoneNumber", "+49 30 1", "givenName", "Áda"))
	ldif.WriteString(somebody("locked", "pwdAccountLockedTime", "000001010000Z"))
	ldif.WriteString(somebody("lockedout", "pwdAccountLockedTime", "20260101000000Z"))
	ldif.WriteString(entry("uid=nomail,"+directories.People, "objectClass", "inetOrgPerson", "uid", "nomail", "cn", "x", "sn", "x"))
	ldif.WriteString(entry("cn=twin,"+directories.People, "objectClass", "inetOrgPerson", "uid", "TWIN", "cn", "twin", "sn", "x", "mail", "t@example.com"))
	ldif.WriteString(somebody("twin"))
	ldif.WriteString(someGroup("dummy", "cn=dummy"))
	ldif.WriteString(someGroup("strange", user("ada"), "cn=nobody,"+directories.Base, group("dummy"), "CN=lovelace\\2C  ada \\2B s\\C3\\B6hne,OU=People, DC=example,DC=com"))
	ldif.WriteString(someGroup("ring-a", user("ada"), group("ring-b")))
	ldif.WriteString(someGroup("ring-b", user("locked"), group("ring-a")))
	ldif.WriteString(someGroup("itself", user("usual00"), group("itself")))
	ldif.WriteString(someGroup("twins", user("twin"), "cn=twin,"+directories.People, user("usual01")))
	d := directories.OpenLDAP(t, []byte(ldif.String()))

	both(t, d.Settings(), func(t *testing.T, s ldapsync.Settings) {
		snapshot := read(t, s, d.Password)
		for name, want := range map[string][]string{
			"dummy": {}, "strange": {"ada", "escaped"}, "ring-a": {"ada", "locked"}, "ring-b": {"ada", "locked"},
			"itself": {"usual00"}, "twins": {"usual01"},
		} {
			if got := members(snapshot)[name]; !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		if odd := person(t, snapshot, "escaped").Profile; odd.LastName != "Лавлейс" || odd.FirstName != "Áda" {
			t.Errorf("%+v", odd)
		}
		// A lock-out after wrong passwords is none of the directory's verdicts (L3).
		if person(t, snapshot, "locked").Off != ldapsync.SwitchedOff || person(t, snapshot, "lockedout").Off != ldapsync.On {
			t.Error("locked or locked out is read wrongly")
		}
		var skipped []string
		for _, one := range snapshot.Skipped {
			if one.ID == "" || one.Why == "" {
				t.Errorf("%+v protects nobody", one)
			}
			skipped = append(skipped, strings.SplitN(one.DN, ",", 2)[0])
		}
		if !slices.Equal(skipped, []string{"cn=twin", "uid=nomail", "uid=twin"}) {
			t.Errorf("skipped %v", skipped)
		}
	})
}

// TestMoreThanOneInAHundredThatCannotBeUsedStopsTheRun: then it is not the
// entries that are wrong (L5).
func TestMoreThanOneInAHundredThatCannotBeUsedStopsTheRun(t *testing.T) {
	var ldif strings.Builder
	for i := range 10 {
		ldif.WriteString(somebody(fmt.Sprintf("usual%02d", i), "employeeNumber", fmt.Sprint(i)))
	}
	for i := range 4 {
		ldif.WriteString(somebody(fmt.Sprintf("without%d", i)))
	}
	d := directories.OpenLDAP(t, []byte(ldif.String()))
	s := d.Settings()
	s.ExternalID = "employeeNumber"
	_, err := ldapsync.Read(context.Background(), s, d.Password, nil, nil)
	if f, ok := errors.AsType[*ldapsync.Fault](err); !ok || f.Code != ldapsync.TooManyFaulty || !strings.Contains(f.Sentence, "employeeNumber") {
		t.Errorf("got %v", err)
	}

	// Without a mailbox nobody was a person here. Those who were one and are it no
	// longer count.
	s = d.Settings()
	s.EmailAttribute = "telephoneNumber"
	if snapshot := read(t, s, d.Password); len(snapshot.People) != 0 || len(snapshot.Skipped) != 14 {
		t.Errorf("%d people, %d skipped", len(snapshot.People), len(snapshot.Skipped))
	}
	everybody := func(ldapsync.ID) (ldapsync.Mark, bool) { return ldapsync.Mark{}, true }
	_, err = ldapsync.Read(context.Background(), s, d.Password, everybody, nil)
	if f, ok := errors.AsType[*ldapsync.Fault](err); !ok || f.Code != ldapsync.TooManyFaulty {
		t.Errorf("got %v", err)
	}
}

func TestARenameAndAMoveKeepTheIdentity(t *testing.T) {
	d := directories.OpenLDAP(t, []byte(somebody("stays")+somebody("renamed")+somebody("moved")+somebody("deleted")+
		entry("ou=former,"+directories.Base, "objectClass", "organizationalUnit", "ou", "former")+
		someGroup("crew", "uid=renamed,"+directories.People)+someGroup("doomed", "cn=dummy")))
	s := d.Settings()
	s.UserBase = directories.People
	before := read(t, s, d.Password)
	ids := map[string]ldapsync.ID{}
	for _, one := range before.People {
		ids[one.Profile.Username] = one.ID
	}
	client := d.Client(t)
	for _, err := range []error{
		client.ModifyDN(ldap.NewModifyDNRequest("uid=renamed,"+directories.People, "uid=newname", true, "")),
		client.ModifyDN(ldap.NewModifyDNRequest("uid=moved,"+directories.People, "uid=moved", true, "ou=former,"+directories.Base)),
		client.Del(ldap.NewDelRequest("uid=deleted,"+directories.People, nil)),
		client.Del(ldap.NewDelRequest("cn=doomed,"+directories.Groups, nil)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	after := read(t, s, d.Password)
	if renamed := person(t, after, "newname"); renamed.ID != ids["renamed"] || renamed.Mark == person(t, before, "renamed").Mark {
		t.Error("L1: a rename makes another person, or no change")
	}
	verdicts, err := ldapsync.LookUp(context.Background(), s, d.Password, []ldapsync.ID{ids["stays"], ids["renamed"], ids["moved"], ids["deleted"]})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]ldapsync.Off{"stays": ldapsync.On, "renamed": ldapsync.On, "moved": ldapsync.OutOfScope, "deleted": ldapsync.Gone} {
		if got := verdicts[ids[name]]; got != want {
			t.Errorf("L7: %s is %q, want %q", name, got, want)
		}
	}
	crew, doomed := before.Groups[0], before.Groups[1]
	if crew.Name != "crew" {
		crew, doomed = doomed, crew
	}
	verdicts, err = ldapsync.LookUpGroups(context.Background(), s, d.Password, []ldapsync.ID{crew.ID, doomed.ID})
	if err != nil || verdicts[crew.ID] != ldapsync.On || verdicts[doomed.ID] != ldapsync.Gone {
		t.Errorf("L7: groups are %q (%v)", verdicts, err)
	}
}

// TestWhatADirectoryHoldsBackIsAnErrorAndNotAnAbsence is L5 at a real server.
func TestWhatADirectoryHoldsBackIsAnErrorAndNotAnAbsence(t *testing.T) {
	d := directories.OpenLDAP(t, directories.Cast{Seed: 2, People: 200, Groups: 3, Memberships: 30}.LDIF())
	for _, tt := range []struct {
		name     string
		change   func(*ldapsync.Settings)
		password string
		want     ldapsync.FaultCode
	}{
		{"a size limit", func(s *ldapsync.Settings) { s.BindDN = directories.Limited }, d.Password, ldapsync.SizeLimit},
		{"a size limit within pages", func(s *ldapsync.Settings) { s.BindDN, s.PageSize = directories.Limited, 20 }, d.Password, ldapsync.SizeLimit},
		{"a bind DN that may see nothing", func(s *ldapsync.Settings) { s.BindDN = directories.Blind }, d.Password, ldapsync.NoSuchBase},
		{"nobody's name", func(s *ldapsync.Settings) { s.BindDN = "" }, "", ldapsync.NoSuchBase},
		{"a wrong password", func(*ldapsync.Settings) {}, "wrong", ldapsync.BindRefused},
		{"no password", func(*ldapsync.Settings) {}, "", ldapsync.BindRefused},
		{"an unknown base", func(s *ldapsync.Settings) { s.UserBase = "ou=nowhere," + directories.Base }, d.Password, ldapsync.NoSuchBase},
		{"an unknown base of groups", func(s *ldapsync.Settings) { s.GroupBase = "ou=nowhere," + directories.Base }, d.Password, ldapsync.NoSuchBase},
		{"settings with problems", func(s *ldapsync.Settings) { s.UserFilter = "(" }, d.Password, ldapsync.SettingsInvalid},
		{"nobody there", func(s *ldapsync.Settings) { s.Hosts = []string{"127.0.0.1:1"} }, d.Password, ldapsync.Unreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			both(t, d.Settings(), func(t *testing.T, s ldapsync.Settings) {
				tt.change(&s)
				snapshot, err := ldapsync.Read(context.Background(), s, tt.password, nil, nil)
				f, ok := errors.AsType[*ldapsync.Fault](err)
				if !ok || f.Code != tt.want || len(snapshot.People) != 0 {
					t.Errorf("got %v and %d people, want %s", err, len(snapshot.People), tt.want)
				}
				if sentence := fault.Sentence(err); sentence == "" || strings.Contains(err.Error(), d.Password) {
					t.Errorf("%q does not explain, or tells the password", err)
				}
			})
		})
	}
}

func TestATestOfTheConnectionShowsItsSteps(t *testing.T) {
	d := directories.OpenLDAP(t, directories.Cast{Seed: 2, People: 20, Groups: 3, Memberships: 30}.LDIF())
	for _, security := range []ldapsync.Security{ldapsync.LDAPS, ldapsync.StartTLS} {
		s := d.Settings()
		s.PageSize, s.Security = 10, security
		if security == ldapsync.StartTLS {
			s.Hosts = d.PlainSettings().Hosts
		}
		c, err := ldapsync.TestConnection(context.Background(), s, d.Password)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Steps) != 4 || !strings.Contains(c.Steps[0].Result, "TLS 1.") || c.People.Entries != 10 || !c.People.More || c.People.Usable != 10 || c.Groups.Usable != 3 || c.Groups.More {
			t.Errorf("%s: %+v", security, c)
		}
	}
	s := d.Settings()
	c, err := ldapsync.TestConnection(context.Background(), s, "wrong")
	if err == nil || len(c.Steps) != 2 || !c.Steps[1].Failed {
		t.Errorf("%v, %+v", err, c)
	}
}

func TestATestOfAUserSaysWhatMapsToWhatAndWhy(t *testing.T) {
	d := directories.OpenLDAP(t, []byte(somebody("ada", "givenName", "Ada")+someGroup("inner", "uid=ada,"+directories.People)+
		someGroup("outer", "cn=inner,"+directories.Groups)+entry("uid=nomail,"+directories.People, "objectClass", "inetOrgPerson", "uid", "nomail", "cn", "x", "sn", "x")))
	s := d.Settings()
	s.UserBase = directories.People
	look := func(s ldapsync.Settings, name string) ldapsync.Found {
		t.Helper()
		found, err := ldapsync.TestUser(context.Background(), s, d.Password, name)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, name := range []string{"ada", "ada@example.com", "UID=Ada," + directories.People} {
		found := look(s, name)
		if !found.InScope || len(found.Mapped) != 4 || found.Mapped[2] != (ldapsync.MappedFrom{Field: "first_name", From: "givenName", Value: "Ada"}) ||
			!slices.Equal(found.Groups, []string{"inner", "outer"}) || len(found.ExternalID) != 36 || len(found.Steps) < 3 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	for _, tt := range []struct {
		name, user, why string
		change          func(*ldapsync.Settings)
	}{
		{"nobody", "bob", "no entry of this name", func(*ldapsync.Settings) {}},
		{"nobody, by DN", "uid=bob," + directories.People, "no entry of this name", func(*ldapsync.Settings) {}},
		{"a filter's own letters mean nothing", "*", "no entry of this name", func(*ldapsync.Settings) {}},
		{"not usable", "nomail", "no value in mail", func(*ldapsync.Settings) {}},
		{"another filter", "ada", "the filter (objectClass=device) does not find it", func(s *ldapsync.Settings) { s.UserFilter = "(objectClass=device)" }},
		{"another base", "ada", "not below " + directories.Groups, func(s *ldapsync.Settings) { s.UserBase = directories.Groups }},
		{"another filter, by DN", "uid=ada," + directories.People, "does not find it", func(s *ldapsync.Settings) { s.UserFilter = "(objectClass=device)" }},
	} {
		one := s
		tt.change(&one)
		if found := look(one, tt.user); !strings.Contains(found.Why, tt.why) {
			t.Errorf("%s: %+v", tt.name, found)
		}
	}
}
