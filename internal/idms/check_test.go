package idms

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/users"
)

// good is a record without a problem or a warning.
func good() Record {
	r := Record{
		Key: "acme", Name: "Acme", State: Active, CreateUsers: true,
		Mapping: users.Mapping{Username: "uid", Email: "mail", NamesOptional: true},
		Access:  []console.Grant{{Rule: rules.Rule{Key: "everyone", Attribute: "uid", Pattern: mustPattern("^.")}, Level: console.Full}},
		Associations: []groups.Association{
			{Rule: rules.Rule{Key: "platform", Attribute: "groups", Pattern: mustPattern("^platform$")}, Group: "platform", UpdateOnLogin: true, OnlyOwn: true, OnMissing: groups.Keep},
		},
	}
	r.SAML = saml.Settings{Metadata: metadata(), ClockSkew: saml.DefaultClockSkew}
	return r
}

func problemsAt(problems fault.Problems) string {
	var fields []string
	for _, problem := range problems {
		fields = append(fields, problem.Field)
	}
	return strings.Join(fields, " ")
}

func TestARecordWithoutAProblem(t *testing.T) {
	if problems := good().Check(); problems.Any() {
		t.Errorf("problems: %s", problems)
	}
	if warnings := good().Warnings(scenarioNow); warnings.Any() {
		t.Errorf("warnings: %s", warnings)
	}
}

func TestEveryProblemStandsAtItsField(t *testing.T) {
	rule := func(key string) rules.Rule {
		return rules.Rule{Key: key, Attribute: "a", Pattern: mustPattern("x")}
	}
	for _, tt := range []struct {
		name  string
		spoil func(r *Record)
		want  string // fields
	}{
		{"no key", func(r *Record) { r.Key = "" }, "key"},
		{"a key with capitals", func(r *Record) { r.Key = "Acme" }, "key"},
		{"a key that is a path", func(r *Record) { r.Key = "a/../b" }, "key"},
		{"a key that begins with a hyphen", func(r *Record) { r.Key = "-a" }, "key"},
		{"a key too long", func(r *Record) { r.Key = strings.Repeat("a", MaxKey+1) }, "key"},
		{"the built-in record", func(r *Record) { r.Key = LocalKey }, "key"},
		{"no name", func(r *Record) { r.Name = " " }, "name"},
		{"a name of two lines", func(r *Record) { r.Name = "a\nb" }, "name"},
		{"a name too long", func(r *Record) { r.Name = strings.Repeat("é", MaxName+1) }, "name"},
		{"a label too long", func(r *Record) { r.Button.Label = strings.Repeat("é", MaxName+1) }, "button.label"},
		{"an icon nobody drew", func(r *Record) { r.Button.Icon = []byte("<svg/>") }, "button.icon"},
		{"a state nobody knows", func(r *Record) { r.State = "live" }, "state"},
		{"no username and no e-mail", func(r *Record) { r.Mapping.Username, r.Mapping.Email = "", "" }, "mapping.username mapping.email"},
		{"S13: a pseudo-attribute nobody knows", func(r *Record) { r.Mapping.Phone = "@phone" }, "mapping.phone"},
		{"names are required unless optional", func(r *Record) { r.Mapping.NamesOptional = false }, "mapping.first_name mapping.last_name"},
		{"a rule that says nothing", func(r *Record) { r.Validation = []rules.Rule{{}} }, "validation_rules[0].key validation_rules[0].attribute validation_rules[0].pattern"},
		{"an attribute's name too long", func(r *Record) {
			r.Validation = []rules.Rule{{Key: "k", Attribute: strings.Repeat("a", MaxAttribute+1), Pattern: mustPattern("x")}}
		}, "validation_rules[0].attribute"},
		{"a quantifier nobody knows", func(r *Record) {
			r.Validation = []rules.Rule{{Key: "k", Attribute: "a", Pattern: mustPattern("x"), Values: 3}}
		}, "validation_rules[0].values"},
		{"one key in two lists", func(r *Record) { r.Validation = []rules.Rule{rule("everyone")} }, "access_rules[0].key"},
		{"one key twice in a list", func(r *Record) { r.Validation = []rules.Rule{rule("a"), rule("b"), rule("a")} }, "validation_rules[2].key"},
		{"a level nobody knows", func(r *Record) { r.Access[0].Level = 3 }, "access_rules[0].level"},
		{"an association type nobody knows", func(r *Record) { r.Association = "scim" }, "association_type"},
		{"an association without a group", func(r *Record) { r.Associations[0].Group = "" }, "associations[0].group"},
		{"an association with an odd setting", func(r *Record) { r.Associations[0].OnMissing = "ask" }, "associations[0].on_missing"},
		{"S25: an elevation context that is not allowed", func(r *Record) {
			r.SAML.AllowedContexts, r.SAML.ElevationContexts = []string{"urn:a"}, []string{"urn:b"}
		}, "saml.elevation_auth_contexts[0]"},
		{"S55: a custom login URL without unsolicited responses", func(r *Record) { r.SAML.CustomLoginURL = "https://start.example.com/" }, "saml.custom_login_url"},
		{"S55: a custom login URL beside ForceAuthn and elevation", func(r *Record) {
			r.SAML.CustomLoginURL, r.SAML.ForceAuthn, r.SAML.ElevationContexts = "https://start.example.com/", true, []string{"urn:b"}
		}, "saml.custom_login_url saml.force_authn saml.custom_login_url"},
		{"S54: ForceAuthn beside unsolicited responses", func(r *Record) { r.SAML.ForceAuthn, r.SAML.AllowUnsolicited = true, true }, "saml.force_authn"},
		{"everything at once", func(r *Record) { *r = Record{} }, "key name saml.issuer saml.sso_url saml.certificates mapping.username mapping.email mapping.first_name mapping.last_name"},
	} {
		r := good()
		tt.spoil(&r)
		if got := problemsAt(r.Check()); got != tt.want {
			t.Errorf("%s: got problems at %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Many providers want our addresses before they tell anything of themselves: a
// draft has addresses already, and takes no login.
func TestADraftMayWaitForItsProvider(t *testing.T) {
	draft := good()
	draft.State, draft.SAML, draft.Mapping = Draft, saml.Settings{}, users.Mapping{}
	if problems := draft.Check(); problems.Any() {
		t.Errorf("a draft: %s", problems)
	}
	if policy, err := Compile(draft); err == nil || policy != nil {
		t.Error("a draft without a mapping decides about logins")
	}
	for _, state := range []State{Active, Disabled} {
		draft.State = state
		if got, want := problemsAt(draft.Check()), "saml.issuer saml.sso_url saml.certificates mapping.username mapping.email mapping.first_name mapping.last_name"; got != want {
			t.Errorf("%s: got problems at %q, want %q", state, got, want)
		}
	}
	draft.State, draft.Mapping.Username, draft.SAML.Issuer = Draft, "uid", "https://idp.example.com"
	if got, want := problemsAt(draft.Check()), "saml.sso_url saml.certificates mapping.email mapping.first_name mapping.last_name"; got != want {
		t.Errorf("half a draft: got problems at %q, want %q", got, want)
	}
}

func TestARecordHasABoundedNumberOfRules(t *testing.T) {
	r := good()
	for i := range MaxRules {
		r.Validation = append(r.Validation, rules.Rule{Key: fmt.Sprint("v", i), Attribute: "a", Pattern: mustPattern("x")})
	}
	if problems := r.Check(); !strings.Contains(problems.String(), "20002 rules; at most 20000") {
		t.Errorf("%s", problems)
	}
}

func TestARecordWarnsOfWhatNobodyMayHaveMeant(t *testing.T) {
	second := good().Associations[0]
	second.Key, second.OnlyOwn = "platform-2", false
	for _, tt := range []struct {
		name   string
		change func(r *Record)
		want   string // fields
		says   string
	}{
		{"S23: no access rules", func(r *Record) { r.Access = nil }, "access_rules", "everyone who logs in has Full Access"},
		{"S24: nobody can log in", func(r *Record) { r.Access[0].Disabled = true }, "access_rules", "Nobody can log in"},
		{"S24: only No Access rules", func(r *Record) { r.Access[0].Level = console.NoAccess }, "access_rules", "Nobody can log in"},
		{"S32: two associations for one group", func(r *Record) { r.Associations = append(r.Associations, second) }, "associations[0].group", "2 associations for the group platform"},
		{"S31, S33: settings of a removal that never happens", func(r *Record) { r.Associations[0].UpdateOnLogin = false }, "associations[0].only_own associations[0].on_missing", "nobody is removed"},
		{"S32: but for another association that removes", func(r *Record) {
			second := second
			second.UpdateOnLogin = false
			r.Associations = append(r.Associations, second)
		}, "associations[0].group", "2 associations"},
		{"S37: associations that wait", func(r *Record) {
			r.Association = FromDirectory
			r.Directory = &ldapsync.Settings{Preset: ldapsync.OpenLDAP, Hosts: []string{"ldap.example.com"}, BaseDN: "dc=example,dc=com"}
		}, "associations", "kept but not evaluated"},
		{"S13: white space around a name", func(r *Record) { r.Access[0].Attribute = "uid " }, "access_rules[0].attribute", "white space"},
		{"a pattern that says more than it looks", func(r *Record) { r.Access[0].Pattern = mustPattern("admins") }, "access_rules[0].pattern", "with anything before and after it"},
		{"what the SAML part warns of", func(r *Record) { r.SAML.LegacySHA1 = true }, "saml.legacy.sha1", "SHA-1"},
	} {
		r := good()
		tt.change(&r)
		warnings := r.Warnings(scenarioNow)
		if got := problemsAt(warnings); got != tt.want || !strings.Contains(warnings.String(), tt.says) {
			t.Errorf("%s: got %q at %q, want %q", tt.name, warnings, got, tt.want)
		}
		if problems := r.Check(); problems.Any() {
			t.Errorf("%s: a warning stands in the way of saving: %s", tt.name, problems)
		}
	}
}

// S23, S34: what a new version of a record does to people, beyond what each
// version says by itself.
func TestReplacingARecordSaysWhoGainsAndWhoStays(t *testing.T) {
	former, next := good(), good()
	if warnings := next.WarningsOfReplacing(former); warnings.Any() {
		t.Errorf("nothing changed, yet %s", warnings)
	}
	next.Access = nil
	next.Associations = slices.Clone(next.Associations)
	next.Associations[0].Group = "dev"
	if got := next.WarningsOfReplacing(former).String(); !strings.Contains(got, "takes away the last access rule") || !strings.Contains(got, "now adds to dev, and its members stay in platform") {
		t.Errorf("got %s", got)
	}
	next.Associations = nil
	if got := next.WarningsOfReplacing(former).String(); !strings.Contains(got, "The association platform goes, and its members stay in platform") {
		t.Errorf("got %s", got)
	}
	if warnings := former.WarningsOfReplacing(next); warnings.Any() {
		t.Errorf("adding rules warns: %s", warnings)
	}
}

// S13: the names are those that Facts gives; an assertion without them gives
// fewer.
func TestThePseudoAttributesAreThoseOfTheAssertion(t *testing.T) {
	if want := []string{"@name_id", "@name_id_format", "@auth_context", "@issuer", "@session_index"}; !slices.Equal(pseudo, want) {
		t.Errorf("got %q", pseudo)
	}
}
