package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/roles"
	"idms/internal/tokens"
	"idms/internal/users"
)

func TestAdministratorsAreFoundInPagesByTheirHighestRole(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		for i, one := range []struct {
			name string
			in   []roles.Role
		}{
			{"eve", []roles.Role{roles.Reader, roles.Owner}}, {"Ada", []roles.Role{roles.Reader}}, {"bob", []roles.Role{roles.Editor}},
			{"cleo", []roles.Role{roles.Reader, roles.Editor}}, {"dora", nil},
		} {
			person := loggedIn(t, s, acme, one.name).account
			person.LastSeen = noon.Add(time.Duration(i) * time.Minute)
			person.Profile.Email = fmt.Sprintf("%s@example.test", one.name)
			must(t, s.InTx(ctx, func(tx *Tx) error {
				if err := tx.UpdateUser(person); err != nil {
					return err
				}
				var changes []groups.Change
				for _, role := range one.in {
					changes = append(changes, groups.Change{Group: role.Group(), Source: byRule("acme", role.Group())},
						groups.Change{Group: role.Group(), Source: groups.Source{Kind: groups.Manual, By: "grace", Since: noon}})
				}
				return tx.ApplyChanges(person.ID, changes, noon)
			}))
		}
		if _, err := s.CreateLocal(ctx, users.Profile{Username: "grace", Email: "grace@example.test"}, roles.Owner, owner); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			filter AdministratorFilter
			want   string
		}{
			{AdministratorFilter{}, "eve:owner grace:owner bob:editor cleo:editor Ada:reader"},
			{AdministratorFilter{By: ByTheirName}, "Ada:reader bob:editor cleo:editor eve:owner grace:owner"},
			{AdministratorFilter{By: ByTheirLastSeen}, "cleo:editor bob:editor Ada:reader eve:owner grace:owner"},
			{AdministratorFilter{Role: roles.Editor}, "bob:editor cleo:editor"},
			{AdministratorFilter{Role: roles.Reader}, "Ada:reader"},
			{AdministratorFilter{Role: "root"}, ""},
			{AdministratorFilter{Record: "local"}, "grace:owner"},
			{AdministratorFilter{Record: "acme", Role: roles.Owner}, "eve:owner"},
			{AdministratorFilter{Record: "no such"}, ""},
			{AdministratorFilter{Search: "ADA@"}, "Ada:reader"},
			{AdministratorFilter{Search: "dora"}, ""},
			{AdministratorFilter{Search: "%"}, ""},
		} {
			got := pages(t, func(cursor string) ([]Administrator, string, error) {
				return s.AdministratorsFound(ctx, tt.filter, cursor, 1)
			}, func(one Administrator) string { return one.Account.Username + ":" + string(one.Role) })
			if got != tt.want {
				t.Errorf("%+v finds %s, want %s", tt.filter, got, tt.want)
			}
		}
		for _, cursor := range []string{"x", cursorOf("1"), cursorOf("one", "a", NewID()), cursorOf("1", "a", "nobody")} {
			if _, _, err := s.AdministratorsFound(ctx, AdministratorFilter{}, cursor, 1); fault.KindOf(err) != fault.Invalid {
				t.Errorf("the page %q: %v", cursor, err)
			}
		}
	})
}

func TestExemptionsAreFoundInPages(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for i, name := range []string{"cora", "Ben", "ada"} {
			by := owner
			by.Now = noon.Add(time.Duration(i) * time.Minute)
			if _, err := s.CreateExempt(ctx, users.Profile{Username: name, Email: name + "@example.test"}, "no provider", noon.Add(time.Duration(i+1)*time.Hour), by); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			filter ExemptionFilter
			want   string
		}{
			{ExemptionFilter{}, "cora Ben ada"},
			{ExemptionFilter{By: ByExemptName}, "ada Ben cora"},
			{ExemptionFilter{By: ByGranted}, "ada Ben cora"},
			{ExemptionFilter{State: Running}, "Ben ada"},
			{ExemptionFilter{State: Ended}, "cora"},
			{ExemptionFilter{Search: "ben@"}, "Ben"},
			{ExemptionFilter{Search: "_"}, ""},
		} {
			got := pages(t, func(cursor string) ([]Exempted, string, error) {
				return s.ExemptionsFound(ctx, tt.filter, noon.Add(time.Hour), cursor, 1)
			}, func(one Exempted) string { return one.Account.Username })
			if got != tt.want {
				t.Errorf("%+v finds %s, want %s", tt.filter, got, tt.want)
			}
		}
		if n, err := s.RunningExemptions(ctx, noon.Add(time.Hour)); err != nil || n != 2 {
			t.Errorf("%d are exempt (%v)", n, err)
		}
		if _, _, err := s.ExemptionsFound(ctx, ExemptionFilter{}, noon, cursorOf("1", "nobody"), 1); fault.KindOf(err) != fault.Invalid {
			t.Errorf("no such page: %v", err)
		}
	})
}

func TestTokensAreFoundInPages(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for i, name := range []string{"nightly", "backup", "report"} {
			token := tokens.Token{Name: name, Role: roles.All()[min(i, 1)], Expires: noon.Add(time.Duration(3-i) * time.Hour)}
			kept, err := s.CreateToken(ctx, token, []byte(name), owner)
			must(t, err)
			if i < 2 {
				must(t, s.TouchToken(ctx, kept, noon.Add(time.Duration(i+2)*time.Minute)))
			}
		}
		for _, tt := range []struct {
			filter TokenFilter
			want   string
		}{
			{TokenFilter{}, "backup nightly report"},
			{TokenFilter{By: ByTokenEnd}, "report backup nightly"},
			{TokenFilter{By: ByTokenUse}, "report nightly backup"},
			{TokenFilter{Role: roles.All()[0]}, "nightly"},
			{TokenFilter{Role: "root"}, ""},
			{TokenFilter{State: Ended}, "report"},
			{TokenFilter{State: Running, By: ByTokenEnd}, "backup nightly"},
			{TokenFilter{Search: "KUP"}, "backup"},
			{TokenFilter{Search: strings.ToUpper(owner.Who)}, "backup nightly report"},
		} {
			got := pages(t, func(cursor string) ([]tokens.Token, string, error) {
				return s.TokensFound(ctx, tt.filter, noon.Add(time.Hour), cursor, 1)
			}, func(one tokens.Token) string { return one.Name })
			if got != tt.want {
				t.Errorf("%+v finds %s, want %s", tt.filter, got, tt.want)
			}
		}
		if _, _, err := s.TokensFound(ctx, TokenFilter{By: ByTokenEnd}, noon, cursorOf("soon", "a"), 1); fault.KindOf(err) != fault.Invalid {
			t.Errorf("no such page: %v", err)
		}
	})
}
