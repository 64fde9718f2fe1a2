package store

import (
	"fmt"
	"testing"

	"idms/internal/idms"
	"idms/internal/ldapsync"
)

// Documents are read once for each version: a list of all directories costs the same
// however much the records say.
func TestDirectoriesAreThoseOfTheVersionsInForce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		described := func(key, host string) idms.Record {
			record := sample(key)
			if host != "" {
				record.Directory = &ldapsync.Settings{Hosts: []string{host}, BaseDN: "dc=example,dc=test"}
			}
			return record
		}
		apply := func(list ...idms.Record) {
			t.Helper()
			_, err := s.Apply(ctx, idms.File{Records: list}, bob)
			must(t, err)
		}
		list := func() (told string) {
			t.Helper()
			all, err := s.Directories(ctx)
			must(t, err)
			for _, one := range all {
				told += fmt.Sprintf("%s %d %s; ", one.Key, one.Version, one.Directory.Hosts[0])
			}
			return told
		}
		apply(described("beta", "ldap.beta.test"), described("acme", "ldap.acme.test"), described("none", ""))
		if got := list(); got != "acme 1 ldap.acme.test; beta 1 ldap.beta.test; " {
			t.Errorf("they are %q", got)
		}
		if n := readings(s, func() { list() }); n != 1 {
			t.Errorf("asked again it costs %d statements, want 1", n)
		}
		apply(described("acme", "other.acme.test"), described("beta", ""), described("none", "ldap.none.test"))
		if got := list(); got != "acme 2 other.acme.test; none 2 ldap.none.test; " {
			t.Errorf("after a change they are %q", got)
		}
		_, err := s.ApplyWith(ctx, idms.File{Records: []idms.Record{described("none", "ldap.none.test")}}, bob, How{Prune: true})
		must(t, err)
		if got := list(); got != "none 2 ldap.none.test; " {
			t.Errorf("after a deletion they are %q", got)
		}
	})
}
