package store

import (
	"testing"

	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/roles"
)

// An editor may not see the bind password, and must not have it sent to a server of
// theirs either.
func TestABindPasswordIsForgottenWhenItWouldGoElsewhere(t *testing.T) {
	here := ldapsync.Settings{Hosts: []string{"ldap.example.test"}, Security: ldapsync.LDAPS, BindDN: "cn=idms,dc=example,dc=test", BaseDN: "dc=example,dc=test"}
	changed := func(change func(*ldapsync.Settings)) *ldapsync.Settings {
		settings := here
		change(&settings)
		return &settings
	}
	for _, tt := range []struct {
		name   string
		role   roles.Role
		to     *ldapsync.Settings
		stays  bool
		warned bool
	}{
		{"another filter", roles.Editor, changed(func(s *ldapsync.Settings) { s.UserFilter = "(mail=*)" }), true, false},
		{"another host", roles.Editor, changed(func(s *ldapsync.Settings) { s.Hosts = []string{"evil.example.test"} }), false, true},
		{"one host more", roles.Editor, changed(func(s *ldapsync.Settings) { s.Hosts = append(s.Hosts, "evil.example.test") }), false, true},
		{"another port", roles.Editor, changed(func(s *ldapsync.Settings) { s.Port = 3890 }), false, true},
		{"in the clear", roles.Editor, changed(func(s *ldapsync.Settings) { s.Security = ldapsync.InsecurePlaintext }), false, true},
		{"another authority", roles.Editor, changed(func(s *ldapsync.Settings) { s.CACertificate = "another" }), false, true},
		{"another host, by an owner", roles.Owner, changed(func(s *ldapsync.Settings) { s.Hosts = []string{"new.example.test"} }), true, false},
		{"no directory any more", roles.Owner, nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *Store) {
				by := bob
				by.Role = tt.role
				record := sample("acme")
				record.Directory = &here
				_, err := s.Apply(ctx, idms.File{Records: []idms.Record{record}}, by)
				must(t, err)
				must(t, s.SetBindPassword(ctx, "acme", "hunter2", by))
				record.Directory = tt.to
				applied, err := s.Apply(ctx, idms.File{Records: []idms.Record{record}}, by)
				must(t, err)
				kept, err := s.BindPassword(ctx, edition(t, s, "acme").ID)
				must(t, err)
				if (kept == "hunter2") != tt.stays {
					t.Errorf("the password is %q", kept)
				}
				if warned := applied.Records[0].Warnings.Any(); warned != tt.warned {
					t.Errorf("warnings: %v", applied.Records[0].Warnings)
				}
			})
		})
	}
}
