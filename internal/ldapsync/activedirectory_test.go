package ldapsync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/fault"
	"idms/internal/ldapsync"
	"idms/test/directories"
)

// domain is a folder of a real Active Directory that belongs to one test.
type domain struct {
	*directories.Directory
	client *ldap.Conn
	folder string // DN
}

func newDomain(t *testing.T, name string) domain {
	t.Helper()
	d := directories.Samba(t)
	m := domain{d, d.Client(t), "OU=" + name + "," + directories.DomainBase}
	m.add(t, m.folder, "organizationalUnit")
	return m
}

// settings read the people and groups of the folder alone, not those that every
// domain has.
func (m domain) settings() ldapsync.Settings {
	s := m.Settings()
	s.UserBase, s.GroupBase = m.folder, m.folder
	return s
}

func (m domain) add(t *testing.T, dn, class string, pairs ...string) {
	t.Helper()
	request := ldap.NewAddRequest(dn, nil)
	request.Attribute("objectClass", []string{class})
	for i := 0; i < len(pairs); i += 2 {
		request.Attribute(pairs[i], pairs[i+1:i+2])
	}
	if err := m.client.Add(request); err != nil {
		t.Fatalf("%s: %v", dn, err)
	}
}

// user makes an enabled account; pairs are further attributes.
func (m domain) user(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	dn := "CN=" + name + "," + m.folder
	usual := []string{"sAMAccountName", name, "mail", name + "@example.com", "givenName", strings.ToUpper(name[:1]) + name[1:], "sn", "Example", "userAccountControl", "544"}
	for i := 0; i < len(pairs); i += 2 {
		if at := slices.Index(usual, pairs[i]); at >= 0 {
			usual = slices.Delete(usual, at, at+2)
		}
	}
	m.add(t, dn, "user", append(usual, pairs...)...)
	return dn
}

func (m domain) group(t *testing.T, name string, members ...string) string {
	t.Helper()
	dn := "CN=" + name + "," + m.folder
	request := ldap.NewAddRequest(dn, nil)
	request.Attribute("objectClass", []string{"group"})
	request.Attribute("sAMAccountName", []string{name})
	if len(members) > 0 {
		request.Attribute("member", members)
	}
	if err := m.client.Add(request); err != nil {
		t.Fatalf("%s: %v", dn, err)
	}
	return dn
}

func (m domain) modify(t *testing.T, dn, attribute string, values ...string) {
	t.Helper()
	request := ldap.NewModifyRequest(dn, nil)
	request.Replace(attribute, values)
	if err := m.client.Modify(request); err != nil {
		t.Fatalf("%s: %v", dn, err)
	}
}

// members lists who is in each group, by username.
func members(s ldapsync.Snapshot) map[string][]string {
	found := map[string][]string{}
	for _, group := range s.Groups {
		names := []string{}
		for _, place := range group.Members {
			names = append(names, s.People[place].Profile.Username)
		}
		slices.Sort(names)
		found[group.Name] = names
	}
	return found
}

func person(t *testing.T, s ldapsync.Snapshot, username string) ldapsync.Person {
	t.Helper()
	for _, one := range s.People {
		if one.Profile != nil && one.Profile.Username == username {
			return one
		}
	}
	t.Fatalf("%s was not read", username)
	return ldapsync.Person{}
}

func TestActiveDirectoryIsReadWithItsNestedGroupsAndStates(t *testing.T) {
	m := newDomain(t, "states")
	ada := m.user(t, "ada")
	bob := m.user(t, "bob", "userAccountControl", "546")
	carol := m.user(t, "carol", "accountExpires", directories.Filetime(time.Now().Add(-time.Hour)))
	dora := m.user(t, "dora", "accountExpires", directories.Filetime(time.Now().Add(24*time.Hour)))
	m.user(t, "service", "mail", "service@example.com", "description", "has no mailbox")
	m.modify(t, "CN=service,"+m.folder, "mail")
	odd := `CN=Ärger\, Jörg \#1,` + m.folder
	m.add(t, odd, "user", "sAMAccountName", "joerg", "mail", "jörg@example.com", "sn", "Ärger", "userAccountControl", "544")

	// A ring of three, with a group above and people at each place.
	inner := m.group(t, "inner", ada)
	middle := m.group(t, "middle", bob, inner)
	outer := m.group(t, "outer", carol, middle, odd)
	m.modify(t, inner, "member", ada, outer)
	m.group(t, "above", dora, outer)
	m.group(t, "empty")
	primary := m.group(t, "primary")

	// dora's primary group: she is its member, then it becomes her primary one,
	// and the directory takes her off the list.
	m.modify(t, primary, "member", dora)
	token, err := m.client.Search(ldap.NewSearchRequest(primary, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"primaryGroupToken"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	m.modify(t, dora, "primaryGroupID", token.Entries[0].GetAttributeValue("primaryGroupToken"))

	both(t, m.settings(), func(t *testing.T, s ldapsync.Settings) {
		snapshot := read(t, s, m.Password)
		ring := []string{"ada", "bob", "carol", "joerg"}
		for name, want := range map[string][]string{
			"inner": ring, "middle": ring, "outer": ring,
			"above": {"ada", "bob", "carol", "dora", "joerg"}, "empty": {}, "primary": {"dora"},
		} {
			if got := members(snapshot)[name]; !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		for username, want := range map[string]ldapsync.Off{
			"ada": ldapsync.On, "bob": ldapsync.SwitchedOff, "carol": ldapsync.Expired, "dora": ldapsync.On, "joerg": ldapsync.On,
		} {
			if got := person(t, snapshot, username); got.Off != want || len(got.ID) != 16 {
				t.Errorf("%s is %q with an id of %d bytes, want %q (L1, L3)", username, got.Off, len(got.ID), want)
			}
		}
		if len(snapshot.Skipped) != 1 || !strings.HasPrefix(snapshot.Skipped[0].DN, "CN=service,") || snapshot.Skipped[0].ID == "" {
			t.Errorf("skipped: %+v", snapshot.Skipped)
		}
		if mail := person(t, snapshot, "joerg").Profile.Email; mail != "jörg@example.com" {
			t.Errorf("mail %q", mail)
		}

		s.DirectMembersOnly = true
		if got := members(read(t, s, m.Password))["inner"]; !slices.Equal(got, []string{"ada"}) {
			t.Errorf("direct members of inner: %v", got)
		}
	})

	t.Run("a test of a user shows the way to each group", func(t *testing.T) {
		found, err := ldapsync.TestUser(context.Background(), m.settings(), m.Password, "dora")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(found.Groups)
		if !found.InScope || found.DN != dora || !slices.Equal(found.Groups, []string{"above", "primary"}) {
			t.Errorf("%+v", found)
		}
	})
	t.Run("a test of a group says who its members are", func(t *testing.T) {
		found, err := ldapsync.TestGroup(context.Background(), m.settings(), m.Password, "outer")
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]string{}
		for _, one := range found.Members {
			kinds[one.DN] = one.Kind
		}
		if !found.InScope || found.Total != 3 || kinds[carol] != "person" || kinds[middle] != "group" {
			t.Errorf("%+v", found)
		}
	})
	t.Run("out of scope is said with its reason", func(t *testing.T) {
		found, err := ldapsync.TestUser(context.Background(), m.settings(), m.Password, "krbtgt")
		if err != nil || found.InScope || !strings.Contains(found.Why, "not below OU=states") {
			t.Errorf("%v, %+v", err, found)
		}
	})
}

// A rename and a move are changes of a person, not another person (L1).
func TestActiveDirectoryKnowsThePersonAfterARenameAndAMove(t *testing.T) {
	m := newDomain(t, "moves")
	ada, bob, carol, dora := m.user(t, "moved"), m.user(t, "renamed"), m.user(t, "deleted"), m.user(t, "stays")
	m.add(t, "OU=elsewhere,"+m.folder, "organizationalUnit")
	s := m.settings()
	before := read(t, s, m.Password)
	ids := map[string]ldapsync.ID{}
	for _, one := range before.People {
		ids[one.Profile.Username] = one.ID
	}

	m.modify(t, bob, "sAMAccountName", "newname")
	if err := m.client.ModifyDN(ldap.NewModifyDNRequest(bob, "CN=new name", true, "")); err != nil {
		t.Fatal(err)
	}
	if err := m.client.ModifyDN(ldap.NewModifyDNRequest(ada, "CN=moved", true, "CN=Users,"+directories.DomainBase)); err != nil {
		t.Fatal(err)
	}
	if err := m.client.Del(ldap.NewDelRequest(carol, nil)); err != nil {
		t.Fatal(err)
	}
	m.modify(t, dora, "userAccountControl", "546")

	after := read(t, s, m.Password)
	if renamed := person(t, after, "newname"); renamed.ID != ids["renamed"] || len(after.People) != 2 {
		t.Errorf("the renamed person is another one: %+v", after.People)
	}
	verdicts, err := ldapsync.LookUp(context.Background(), s, m.Password, []ldapsync.ID{ids["moved"], ids["renamed"], ids["deleted"], ids["stays"]})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]ldapsync.Off{
		"moved": ldapsync.OutOfScope, "renamed": ldapsync.On, "deleted": ldapsync.Gone, "stays": ldapsync.SwitchedOff,
	} {
		if got := verdicts[ids[name]]; got != want {
			t.Errorf("%s: %q, want %q (L7)", name, got, want)
		}
	}
}

// Active Directory has long lists of members, and Samba gives them in one piece;
// what comes in parts is TestMembersThatComeInPartsAreReadToTheLast's.
func TestAGroupOf1800MembersHasThemAll(t *testing.T) {
	m := newDomain(t, "many")
	var everybody []string
	for i := range 1800 {
		everybody = append(everybody, m.user(t, fmt.Sprintf("many%04d", i)))
	}
	m.group(t, "everybody", everybody...)
	both(t, m.settings(), func(t *testing.T, s ldapsync.Settings) {
		if got := members(read(t, s, m.Password))["everybody"]; len(got) != 1800 {
			t.Errorf("%d members", len(got))
		}
	})
}

func TestActiveDirectoryIsReachedOnlyInTheWayThatWasChosen(t *testing.T) {
	d := directories.Samba(t)
	connect := func(change func(*ldapsync.Settings)) error {
		s := d.Settings()
		change(&s)
		_, err := ldapsync.TestConnection(context.Background(), s, d.Password)
		return err
	}
	other := directories.OpenLDAP(t, nil)
	for _, tt := range []struct {
		name   string
		change func(*ldapsync.Settings)
		want   ldapsync.FaultCode
	}{
		{"LDAPS with its CA", func(s *ldapsync.Settings) {}, ""},
		{"StartTLS with its CA", func(s *ldapsync.Settings) {
			s.Hosts, s.Security = []string{d.Host}, ldapsync.StartTLS
		}, ""},
		{"in the clear, when somebody wants that", func(s *ldapsync.Settings) { *s = d.PlainSettings() }, ""},
		{"another CA", func(s *ldapsync.Settings) { s.CACertificate = other.CA }, ldapsync.TLSFailed},
		{"no CA", func(s *ldapsync.Settings) { s.CACertificate = "" }, ldapsync.TLSFailed},
		{"StartTLS with another CA", func(s *ldapsync.Settings) {
			s.Hosts, s.Security, s.CACertificate = []string{d.Host}, ldapsync.StartTLS, other.CA
		}, ldapsync.TLSFailed},
		{"LDAPS at a port without TLS", func(s *ldapsync.Settings) { s.Hosts = []string{fmt.Sprintf("%s:389", d.Host)} }, "any"},
		{"an unknown base", func(s *ldapsync.Settings) { s.BaseDN = "OU=nowhere," + directories.DomainBase }, ldapsync.NoSuchBase},
		{"nobody's name", func(s *ldapsync.Settings) { s.BindDN = "" }, "any"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := connect(tt.change)
			reason, isFault := errors.AsType[*ldapsync.Fault](err)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && !isFault:
				t.Errorf("got %v", err)
			case tt.want != "" && tt.want != "any" && reason.Code != tt.want:
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestActiveDirectorySaysWhyAPasswordIsRefused(t *testing.T) {
	m := newDomain(t, "refused")
	const right = "Right-Password-1"
	quoted := func(password string) string {
		var encoded []byte
		for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
			encoded = append(encoded, byte(unit), byte(unit>>8))
		}
		return string(encoded)
	}
	account := func(name string, change ...string) string {
		dn := m.user(t, name, "userAccountControl", "514")
		m.modify(t, dn, "unicodePwd", quoted(right))
		m.modify(t, dn, "userAccountControl", "512")
		if len(change) == 2 {
			m.modify(t, dn, change[0], change[1])
		}
		return dn
	}
	before, err := m.client.Search(ldap.NewSearchRequest(directories.DomainBase, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"lockoutThreshold"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	m.modify(t, directories.DomainBase, "lockoutThreshold", "3")
	t.Cleanup(func() {
		m.modify(t, directories.DomainBase, "lockoutThreshold", before.Entries[0].GetAttributeValue("lockoutThreshold"))
	})
	for _, tt := range []struct {
		name, password, want string
		change               []string
		times                int
	}{
		{"well", right, "", nil, 1},
		{"mistyped", "Wrong-Password-1", "The name or the password is wrong.", nil, 1},
		{"disabled", right, "The account is disabled.", []string{"userAccountControl", "514"}, 1},
		{"expired", right, "The account has expired.", []string{"accountExpires", directories.Filetime(time.Now().Add(-time.Hour))}, 1},
		{"mustchange", right, "The account must change its password before it may log in.", []string{"pwdLastSet", "0"}, 1},
		{"lockedout", "Wrong-Password-1", "The account is locked out after too many wrong passwords.", nil, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := m.settings()
			s.BindDN = account(tt.name, tt.change...)
			var err error
			for range tt.times {
				_, err = ldapsync.TestConnection(context.Background(), s, tt.password)
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if got := fault.Sentence(err); got != tt.want {
				t.Errorf("got %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}
