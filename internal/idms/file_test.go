package idms

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/rules"
	"idms/internal/saml"
)

// certificate of some provider, as its download page gives it: bare base64.
var certificate = sync.OnceValue(func() string {
	key, err := saml.NewKey(rand.Reader, "idp.example.com", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(key.Certificate.Raw)
})

// metadata of some provider.
func metadata() string {
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com">
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + certificate() + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"/>
  </IDPSSODescriptor>
</EntityDescriptor>
`
}

// files is what an administrator has beside the record file.
func files(path string) ([]byte, error) {
	switch path {
	case "acme-metadata.xml":
		return []byte(metadata()), nil
	case "acme-ca.pem":
		der, err := base64.StdEncoding.DecodeString(certificate())
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
	case "acme.pem":
		return []byte(certificate()), nil
	case "acme.der":
		return base64.StdEncoding.DecodeString(certificate())
	case "acme.png":
		var picture bytes.Buffer
		err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 200, 100)))
		return picture.Bytes(), err
	case "empty.xml":
		return []byte("\n"), nil
	case "huge.xml":
		return make([]byte, MaxFile+1), nil
	}
	return nil, errors.New("no such file")
}

const everyField = `
groups:
  - {key: platform, name: Platform}
records:
  - key: acme
    name: Acme
    state: active
    button: {label: Log in with Acme, icon_file: acme.png}
    saml:
      issuer: https://idp.example.com
      sso_url: https://idp.example.com/sso
      sso_binding: redirect
      single_logout: true
      slo_url: https://idp.example.com/slo
      slo_answer_url: https://idp.example.com/slo/done
      slo_binding: redirect
      logout_url: https://idp.example.com/bye
      change_password_url: https://idp.example.com/password
      certificate_files: [acme.der]
      sp_issuer: https://login.example.com/sp
      audience: https://login.example.com/audience
      origin: https://login.example.com
      previous_origins: [https://old.example.com]
      request_binding: redirect
      sign_requests: true
      sign_metadata: true
      canonicalizer: c14n11
      name_id_format: urn:oasis:names:tc:SAML:2.0:nameid-format:persistent
      request_auth_contexts: true
      signed: both
      allow_unsolicited: true
      relay_state: portal
      landing: /start
      clock_skew: 90s
      refuse_expired_certificates: true
      keep_responses_until: 2026-03-20T12:00:00Z
      legacy: {sha1: true, cbc: true, inclusive_c14n: true}
      allowed_auth_contexts: ["urn:a", "urn:b"]
      elevation_auth_contexts: ["urn:b"]
    mapping: {username: uid, email: mail, first_name: givenName, last_name: sn, phone: tel, names_optional: true}
    create_users: false
    validation_rules:
      - {key: employees, attribute: affiliation, pattern: ^employee$}
    access_rules:
      - {key: admins, attribute: groups, pattern: admins, match: full, ignore_case: true, values: all, enabled: false, level: full}
      - {key: leavers, attribute: status, pattern: leaver, values: none, level: none}
    association_type: ldap
    associations:
      - {key: platform, attribute: groups, pattern: ^platform$, group: platform, update_on_login: true, only_own: true, on_missing: keep}
    directory:
      preset: custom
      hosts: [ldap1.example.com, ldap2.example.com]
      port: 1636
      security: starttls
      ca_certificate_file: acme-ca.pem
      bind_dn: cn=reader,dc=example,dc=com
      base_dn: dc=example,dc=com
      user_base: ou=people,dc=example,dc=com
      group_base: ou=groups,dc=example,dc=com
      user_filter: (objectClass=person)
      group_filter: (objectClass=groupOfNames)
      page_size: 500
      external_id_attribute: entryUUID
      username_attribute: uid
      email_attribute: mail
      first_name_attribute: givenName
      last_name_attribute: sn
      phone_attribute: telephoneNumber
      group_name_attribute: cn
      member_attribute: member
      direct_members_only: true
      disabled_rule: login-disabled
      schedule: {cron: "5 * * * *", zone: Europe/Berlin, paused: true}
      limits:
        deactivations: {count: 1, percent: 2}
        group_removals: {count: 0, percent: 0}
        membership_removals: {count: 3, percent: 4}
        one_group: {count: 5, percent: 6}
      vanished: keep
      deadline: 1h
      page_deadline: 30s
      plain_reader: true
`

func parse(t testing.TB, text string) File {
	t.Helper()
	file, problems := ParseFile([]byte(text), files)
	if problems.Any() {
		t.Fatalf("%s\n%s", problems, text)
	}
	return file
}

func TestEveryFieldOfAFileArrives(t *testing.T) {
	file := parse(t, everyField)
	if want := []groups.Group{{Key: "platform", Name: "Platform"}}; !reflect.DeepEqual(file.Groups, want) {
		t.Errorf("groups: %+v", file.Groups)
	}
	r := file.Records[0]
	// Every field of the directory has another value than its default.
	if d := r.Directory; d == nil || *d.Limits.Deactivations != (ldapsync.Limit{Count: 1, Percent: 2}) || !strings.Contains(d.CACertificate, "BEGIN CERTIFICATE") {
		t.Errorf("directory: %+v", d)
	} else {
		v := reflect.ValueOf(*d)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the directory's %s did not arrive", v.Type().Field(i).Name)
			}
		}
	}
	if r.Button.Icon == nil || !isOurIcon(r.Button.Icon) {
		t.Error("the icon did not arrive")
	}
	if r.Access[0].Pattern.Options() != (rules.Options{Full: true, IgnoreCase: true}) || r.Access[0].Level != console.Full || !r.Access[0].Disabled || r.Access[0].Values != rules.All {
		t.Errorf("access rule: %+v", r.Access[0])
	}
	if r.Access[1].Level != console.NoAccess || r.Access[1].Values != rules.None {
		t.Errorf("access rule: %+v", r.Access[1])
	}
	if r.SAML.ClockSkew != 90*time.Second || r.SAML.Certificates[0] != certificate() {
		t.Errorf("saml: %+v", r.SAML)
	}

	// No field may be read and then dropped: everything that the file gives
	// must differ from what an empty record gets.
	given, none := reflect.ValueOf(r), reflect.ValueOf(Record{SAML: saml.Settings{ClockSkew: saml.DefaultClockSkew}, CreateUsers: true, State: Draft, Association: ByRules})
	stores := map[string]bool{"ID": true, "Version": true} // given by store
	elsewhere := map[string]bool{"Metadata": true, "CustomLoginURL": true, "ForceAuthn": true,
		"MetadataURL": true, "MetadataRefresh": true, "MetadataCertificates": true} // cannot stand beside the others
	for i := range given.NumField() {
		name := given.Type().Field(i).Name
		if !stores[name] && reflect.DeepEqual(given.Field(i).Interface(), none.Field(i).Interface()) {
			t.Errorf("Record.%s did not arrive", name)
		}
	}
	settings := reflect.ValueOf(r.SAML)
	for i := range settings.NumField() {
		if name := settings.Type().Field(i).Name; !elsewhere[name] && settings.Field(i).IsZero() {
			t.Errorf("Settings.%s did not arrive", name)
		}
	}
	associations := reflect.ValueOf(r.Associations[0])
	for i := range associations.NumField() {
		if associations.Field(i).IsZero() {
			t.Errorf("Association.%s did not arrive", associations.Type().Field(i).Name)
		}
	}

	other := parse(t, minimal+"      metadata_file: acme-metadata.xml\n      force_authn: true\n").Records[0]
	if other.SAML.Metadata != metadata() || !other.SAML.ForceAuthn {
		t.Errorf("saml: %+v", other.SAML)
	}
	third := parse(t, minimal+"      metadata_file: acme-metadata.xml\n      allow_unsolicited: true\n      custom_login_url: https://start.example.com/\n").Records[0]
	if third.SAML.CustomLoginURL != "https://start.example.com/" {
		t.Errorf("saml: %+v", third.SAML)
	}
}

// The provider is read from its address later, so nothing is said to be missing.
func TestARecordCanNameAnAddressInsteadOfMetadata(t *testing.T) {
	text := minimal + "      metadata_url: https://idp.example.com/metadata\n      metadata_refresh: 6h\n      metadata_certificates: [" + certificate() + "]\n"
	file := parse(t, text)
	s := file.Records[0].SAML
	if s.MetadataURL != "https://idp.example.com/metadata" || s.MetadataRefresh != 6*time.Hour || len(s.MetadataCertificates) != 1 || !s.AwaitsMetadata() {
		t.Errorf("saml: %+v", s)
	}
	written, err := file.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if again := parse(t, string(written)); !reflect.DeepEqual(again, file) {
		t.Errorf("it comes back as\n%s", written)
	}
	_, problems := ParseFile([]byte(minimal+"      metadata_url: ldap://idp\n      metadata_refresh: 1s\n      metadata_certificates: [x]\n"), nil)
	for _, field := range []string{"metadata_url", "metadata_refresh", "metadata_certificates[0]"} {
		if !strings.Contains(problems.String(), "saml."+field) {
			t.Errorf("nothing is wrong with %s:\n%s", field, problems)
		}
	}
}

// minimal lacks the fields of its saml part, which tests append.
const minimal = `
records:
  - key: acme
    name: Acme
    mapping: {username: uid, email: mail, first_name: givenName, last_name: sn}
    saml:
`

func TestWhatAFileDoesNotSayHasItsDefault(t *testing.T) {
	r := parse(t, minimal+"      metadata_file: acme-metadata.xml\n").Records[0]
	if r.State != Draft || !r.CreateUsers || r.Association != ByRules || r.SAML.ClockSkew != saml.DefaultClockSkew {
		t.Errorf("%+v", r)
	}
	rule := parse(t, minimal+"      metadata_file: acme-metadata.xml\n    validation_rules: [{key: a, attribute: a, pattern: x}]\n").Records[0].Validation[0]
	if rule.Disabled || rule.Values != rules.Any || rule.Pattern.Options() != (rules.Options{}) {
		t.Errorf("%+v", rule)
	}
}

// A file comes back as it went, and the document that store keeps too.
func TestARecordSurvivesBeingWrittenDown(t *testing.T) {
	for _, text := range []string{everyField, minimal + "      metadata_file: acme-metadata.xml\n      clock_skew: 0s\n", "groups: []\n", ""} {
		file := parse(t, text)
		written, err := file.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, problems := ParseFile(written, nil)
		if problems.Any() {
			t.Fatalf("%s\n%s", problems, written)
		}
		rewritten, err := again.Marshal()
		if err != nil || !bytes.Equal(written, rewritten) {
			t.Errorf("written twice, it differs: %v\n%s\n%s", err, written, rewritten)
		}

		for i, record := range file.Records {
			document, err := record.MarshalDocument()
			if err != nil {
				t.Fatal(err)
			}
			back, err := ParseDocument(document)
			if err != nil {
				t.Fatal(err)
			}
			twin, _ := again.Records[i].MarshalDocument()
			other, _ := back.MarshalDocument()
			if !bytes.Equal(document, other) || !bytes.Equal(document, twin) {
				t.Errorf("one record, three documents:\n%s\n%s\n%s", document, other, twin)
			}
			if !reflect.DeepEqual(record.SAML, back.SAML) || !reflect.DeepEqual(record.Directory, back.Directory) || !bytes.Equal(record.Button.Icon, back.Button.Icon) || record.CreateUsers != back.CreateUsers {
				t.Errorf("got %+v, want %+v", back, record)
			}
		}
	}
}

func TestADocumentOfTheFutureIsRefused(t *testing.T) {
	for name, document := range map[string]string{
		"a newer schema":        `{"schema":2,"key":"acme","name":"Acme"}`,
		"no schema":             `{"key":"acme","name":"Acme"}`,
		"a field nobody knows":  `{"schema":1,"key":"acme","name":"Acme","colour":"red"}`,
		"two documents":         `{"schema":1,"key":"acme","name":"Acme"} {}`,
		"a pattern gone bad":    `{"schema":1,"key":"acme","name":"Acme","validation_rules":[{"key":"a","attribute":"a","pattern":"("}]}`,
		"a file named in store": `{"schema":1,"key":"acme","name":"Acme","saml":{"metadata_file":"/etc/passwd"}}`,
		"no JSON":               `schema: 1`,
	} {
		if record, err := ParseDocument([]byte(document)); err == nil || record.Key != "" {
			t.Errorf("%s: %+v, %v", name, record, err)
		}
	}
}

// The bytes that store keeps. A change of this line means a new Schema, or that
// what is kept can no longer be read.
func TestTheDocumentIsWhatStoreKeeps(t *testing.T) {
	r := Record{Key: "acme", Name: "Acme", State: Active, CreateUsers: true}
	r.SAML.ClockSkew = saml.DefaultClockSkew
	r.Mapping.Username = "uid"
	r.Validation = []rules.Rule{{Key: "a", Attribute: "b", Pattern: mustPattern("<c>"), Disabled: true}}
	got, err := r.MarshalDocument()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"schema":1,"key":"acme","name":"Acme","state":"active","mapping":{"username":"uid"},"validation_rules":[{"key":"a","attribute":"b","pattern":"\u003cc\u003e","enabled":false}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Every problem at once, each at its field and with its line.
func TestAFileTellsAllThatIsWrongWithIt(t *testing.T) {
	const text = `groups:
  - key: Platform
    name: Platform
records:
  - key: acme
    name: ""
    colour: red
    state: live
    saml:
      metadata_file: missing.xml
      clock_skew: soon
    mapping:
      username: uid
      email: "@mail"
      names_optional: yes
    acces_rules: []
    validation_rules:
      - {key: a, attribute: a, pattern: "("}
      - {key: a, attribute: "", pattern: x, match: some, values: most}
    access_rules:
      - {key: b, attribute: a, pattern: x, level: high}
    associations:
      - {key: c, attribute: a, pattern: x, group: "", on_missing: shrug}
  - key: acme
    name: Acme
    state: active
    mapping: uid
`
	_, problems := ParseFile([]byte(text), files)
	got := problems.String()
	for _, want := range []string{
		"records[0].colour: There is no such field here. (line 7)",
		"records[0].mapping.names_optional: Write true or false. (line 15)",
		"records[0].acces_rules: There is no such field here. Did you mean access_rules? (line 16)",
		"records[1].mapping: Write fields, each as name: value. (line 27)",
		"groups[0].key: A key is made of small letters and digits, with hyphens between them. (line 2)",
		"records[0].name: Enter a name. (line 6)",
		"records[0].state: Write draft, active or disabled. (line 8)",
		"records[0].saml.metadata_file: The file cannot be read: no such file (line 10)",
		"records[0].saml.clock_skew: Write a time such as 90s or 3m. (line 11)",
		"records[0].mapping.email: Names that begin with @ are our own: @name_id, @name_id_format, @auth_context, @issuer, @session_index. (line 14)",
		"records[0].validation_rules[0].pattern: ",
		"records[0].validation_rules[1].key: The key a is used by validation_rules[0] too. Rules of one record need different keys. (line 19)",
		"records[0].validation_rules[1].attribute: Name the attribute that the rule reads. (line 19)",
		"records[0].validation_rules[1].match: Write search or full. (line 19)",
		"records[0].validation_rules[1].values: Write any, all or none. (line 19)",
		"records[0].access_rules[0].level: write full, restricted or none, not \"high\" (line 21)",
		"records[0].associations[0].group: Choose a key: small letters, digits and hyphens. (line 23)",
		"records[0].associations[0].on_missing: Write remove or keep. (line 23)",
		"records[1].key: The key acme is used by records[0] too. (line 24)",
		"records[1].mapping.username: Name the attribute that holds the username. (line 27)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not told: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("told:\n%s", got)
	}
	if n := strings.Count(got, "validation_rules[0].pattern"); n != 1 {
		t.Errorf("one bad pattern is told %d times", n)
	}
}

func TestAFileIsReadStrictly(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"an anchor", "groups: [{key: &a x, name: x}]", "Anchors"},
		{"an alias", "groups: [{key: x, name: x}, *a]", "alias"},
		{"a tag", "groups: [{key: !!str x, name: x}]", "Anchors"},
		{"a merge key", "groups: [{<<: {key: x}, name: x}]", "Write a field's name"},
		{"a field twice", "groups: []\ngroups: []\n", "already defined"},
		{"a second document", "groups: []\n---\ngroups: []\n", "second document"},
		{"an empty element", "groups:\n  -\n", "This element is empty"},
		{"a list for a text", "groups: [{key: [x], name: x}]", "Write one text"},
		{"true for a text", "groups: [{key: true, name: x}]", "Write one text"},
		{"a text for a list", "groups: x", "Write a list"},
		{"a list at the top", "- groups", "Write fields"},
		{"a text at the top", "groups", "Write fields"},
		{"brackets without end", "groups: " + strings.Repeat("[", 100_000), "nested too deeply"},
		{"hyphens without end", "groups:\n" + strings.Repeat("- ", 100_000) + "x", "nested too deeply"},
		{"fields without end", "groups:\n" + manyFields("\n"), "too many fields"},
		{"fields without end, in brackets", "groups: [{" + manyFields(",") + "}]", "too many fields"},
		{"no UTF-8", "groups: [{key: \xff}]", "UTF-8"},
		{"no YAML", "groups: [", "cannot be read as YAML"},
		{"a file over the limit", strings.Repeat(" ", MaxFile+1), "more than 16 MiB"},
		{"a named file that is empty", minimal + "      metadata_file: empty.xml\n", "saml.metadata_file: The file is empty."},
		{"a named file over the limit", minimal + "      metadata_file: huge.xml\n", "more than 16 MiB"},
		{"two icons", "records: [{button: {icon: eA==, icon_file: acme.png}}]", "given twice"},
		{"an icon that is none", "records: [{button: {icon: eA==}}]", "Choose it again"},
		{"the built-in record", "records: [{key: local, name: x}]", "built-in"},
	} {
		_, problems := ParseFile([]byte(tt.text), files)
		if !strings.Contains(problems.String(), tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, problems, tt.want)
		}
	}
}

func manyFields(between string) string {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "  f%d: x%s", i, between)
	}
	return text.String()
}

func TestFilesAreNotNamedWhereNobodyOpensThem(t *testing.T) {
	_, problems := ParseFile([]byte(minimal+"      metadata_file: acme-metadata.xml\n"), nil)
	if !strings.Contains(problems.String(), "Files cannot be named here") {
		t.Errorf("%s", problems)
	}
}

// A rule that nobody named keeps its name when it moves, and takes another
// when it is changed: memberships and traces name it.
func TestARuleWithoutAKeyIsNamedAfterWhatItSays(t *testing.T) {
	keys := func(list string) []string {
		var names []string
		for _, rule := range parse(t, minimal+"      metadata_file: acme-metadata.xml\n    validation_rules: ["+list+"]\n").Records[0].rules() {
			names = append(names, rule.Key)
		}
		return names
	}
	const a, b = `{attribute: "http://example.com/claims/Groups", pattern: ^x$}`, `{attribute: "@issuer", pattern: ^x$}`
	first, moved := keys(a+","+b), keys(b+","+a)
	if first[0] != moved[1] || first[1] != moved[0] {
		t.Errorf("moved: %v, %v", first, moved)
	}
	if !strings.HasPrefix(first[0], "groups-") || !strings.HasPrefix(first[1], "issuer-") {
		t.Errorf("named: %v", first)
	}
	if said, meant := keys(a), keys(strings.Replace(a, "}", ", match: search, values: any, enabled: false}", 1)); said[0] != meant[0] {
		t.Errorf("defaults written out, and a switch, make another rule: %v, %v", said, meant)
	}
	for _, change := range []string{", match: full}", ", ignore_case: true}", ", values: none}"} {
		if other := keys(strings.Replace(a, "}", change, 1)); other[0] == first[0] {
			t.Errorf("%s makes no other rule: %v", change, other)
		}
	}
	if _, problems := ParseFile([]byte("records: [{validation_rules: ["+a+","+a+"]}]"), nil); !strings.Contains(problems.String(), "validation_rules[1].key: The key groups-") {
		t.Errorf("one rule twice: %s", problems)
	}
}

func TestWhatIsKnownIsReadFromAFile(t *testing.T) {
	known, err := ParseKnown([]byte(`
now: 2026-11-22T11:00:00+01:00
purpose: elevate
elevating: "1"
account: {id: "1", username: ada, email: a, first_name: Ada, last_name: King, phone: 0441, name_id: n, state: blocked}
memberships:
  - group: platform
    sources: [{kind: association, record: acme, by: platform, since: 2026-03-01T09:00:00Z}]
directory: {known: true, groups: [platform]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if !known.Now.Equal(scenarioNow) || known.Now.Location() != time.UTC || known.Purpose != Elevate || known.Elevating != "1" {
		t.Errorf("%+v", known)
	}
	if a := known.Account; a.ID != "1" || a.Username != "ada" || a.Phone != "0441" || a.NameID != "n" || a.State != "blocked" || a.LastName != "King" {
		t.Errorf("%+v", a)
	}
	want := []groups.Membership{{Group: "platform", Sources: []groups.Source{{Kind: groups.FromAssociation, Record: "acme", By: "platform", Since: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}}}}
	if !reflect.DeepEqual(known.Memberships, want) || !reflect.DeepEqual(known.Directory, &Directory{Known: true, Groups: []string{"platform"}}) {
		t.Errorf("%+v", known)
	}

	_, err = ParseKnown([]byte("now: yesterday\npurpose: look\naccount: {state: asleep}\nmemberships: [{group: platform}, {group: x, sources: [{kind: magic}]}]\n"))
	for _, want := range []string{"now: Write a time", "purpose: Write login or elevate", "account.state:", "account.username:", "memberships[0].sources:", "memberships[1].sources[0].kind:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s in %v", want, err)
		}
	}
	if known, err := ParseKnown(nil); err != nil || known.Account != nil {
		t.Errorf("nothing known: %+v, %v", known, err)
	}
}

// Whatever stands in a record, it comes back from its file and its document.
func FuzzARecordSurvivesBeingWrittenDown(f *testing.F) {
	for _, seed := range []string{"", "plain", "- x", "# no comment", "'", `"`, "a: b", "null", "true", "0x1F", "1e3", "2026-01-01", "*a", "&a", "!!x", "%x", "@name_id", "`", "| ",
		" lead", "trail ", "two\nlines\n", "two\nlines", "\n", "\r\n", "a\r\nb", "tab\there", "\t", "---", "...", "? x", "é\u2028x", "\u0085", "\ufeff", "^(a|b)$", `\d{3}`, "[a-z]+", "{x}", "a #b", "\x00", "\x7f", "\U0001F600"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		if !utf8.ValidString(one) || !utf8.ValidString(two) {
			return
		}
		r := Record{Key: one, Name: two, State: State(one)}
		r.Button.Label = one
		r.SAML.Metadata, r.SAML.RelayState, r.SAML.Certificates = two, one, []string{one, two}
		r.SAML.AllowedContexts = []string{two}
		r.Mapping.Username, r.Mapping.Phone = one, two
		pattern, err := rules.ParsePattern(one, rules.Options{})
		if err != nil {
			pattern = mustPattern("x")
		}
		r.Validation = []rules.Rule{{Key: two, Attribute: one, Pattern: pattern}}
		r.Associations = []groups.Association{{Rule: rules.Rule{Key: one, Attribute: two, Pattern: mustPattern(".")}, Group: two}}
		want := documentOf(r)

		written, err := File{Records: []Record{r}, Groups: []groups.Group{{Key: one, Name: two}}}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var back fileDocument
		if reader := readYAML(written, &back); reader.problems.Any() {
			t.Fatalf("%s\n%s", reader.problems, written)
		}
		if len(back.Records) != 1 || !reflect.DeepEqual(back.Records[0], want) || back.Groups[0] != (groupDocument{one, two}) {
			t.Errorf("got  %+v\nwant %+v\n%s", back, want, written)
		}
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(everyField))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("groups:\n- - - -\n  ? x\n: {[}"))
	if scenario, err := os.ReadFile("testdata/scenarios/s31_only_own.yaml"); err == nil {
		f.Add(scenario)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, problems := ParseFile(data, nil)
		if problems.Any() {
			return
		}
		written, err := file.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := ParseFile(written, nil); problems.Any() {
			t.Errorf("accepted, written, and refused: %s\n%s", problems, written)
		}
	})
}

func BenchmarkParseFile(b *testing.B) {
	var text strings.Builder
	text.WriteString(minimal + "      metadata_file: acme-metadata.xml\n    associations:\n")
	for i := range 10_000 {
		text.WriteString("      - {key: r" + strings.Repeat("x", i%3) + "-" + string(rune('a'+i%26)) + "-" + time.Duration(i).String() + ", attribute: groups, pattern: ^g$, group: g}\n")
	}
	for b.Loop() {
		ParseFile([]byte(text.String()), files)
	}
}
