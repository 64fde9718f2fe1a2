package web

import (
	"encoding/json"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"idms/docs"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
)

// What can stand in a record file can be typed into the long form: all but rules and
// directory, which have pages of their own, and files, which a form uploads.
func TestTheLongFormHasEveryFieldOfARecord(t *testing.T) {
	elsewhere := []string{"key", "validation_rules", "access_rules", "associations", "directory", "button.icon", "button.icon_file", "saml.metadata_file", "saml.certificate_files"}
	var want []string
	var walk func(of reflect.Type, path string)
	walk = func(of reflect.Type, path string) {
		for _, one := range reflect.VisibleFields(of) {
			name, _, _ := strings.Cut(one.Tag.Get("json"), ",")
			within := fault.Join(path, name)
			switch {
			case slices.Contains(elsewhere, within):
			case one.Type.Kind() == reflect.Struct:
				walk(one.Type, within)
			default:
				want = append(want, within)
			}
		}
	}
	walk(reflect.TypeFor[idms.Document](), "")
	var have []string
	for _, one := range allFields() {
		have = append(have, one.Path)
		if term := docs.Words.Field(one.Path); term.Word == "" || term.Meaning == "" {
			t.Errorf("the glossary has no word for %s", one.Path)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("the form has\n%v, and records\n%v", have, want)
	}
}

// A form that comes back as it went out changes nothing, whatever a browser does to
// line ends; and what is typed into a field arrives in it alone.
func TestEveryFieldIsReadAsItIsShown(t *testing.T) {
	record := sampleRecord()
	record.SAML = saml.Settings{Metadata: "<a>\r\n</a>\n", Certificates: []string{"one\n", " two"}, ClockSkew: saml.DefaultClockSkew, AllowedContexts: []string{"urn:a", "urn:b"}, SignRequests: true}
	record.Mapping.Phone = " padded "
	before := idms.DocumentOf(record)
	same := url.Values{}
	for _, one := range allFields() {
		if value := one.get(&before); value != "" {
			same.Set(one.Path, strings.ReplaceAll(plainLines(value), "\n", "\r\n"))
		}
	}
	after := idms.DocumentOf(record)
	readFields(allFields(), same, &after)
	if !reflect.DeepEqual(before, after) {
		t.Errorf("a form that nobody touched makes\n%s of\n%s", asJSON(t, after), asJSON(t, before))
	}
	for _, one := range allFields() {
		typed := url.Values{}
		for path := range same {
			typed.Set(path, same.Get(path))
		}
		value := "typed"
		if one.Kind == asTick && one.get(&before) == ticked {
			value = ""
		} else if one.Kind == asTick {
			value = ticked
		}
		typed.Set(one.Path, value)
		changed := idms.DocumentOf(record)
		readFields(allFields(), typed, &changed)
		for _, other := range allFields() {
			want := other.get(&before)
			if other.Path == one.Path {
				want = value
			}
			if got := other.get(&changed); got != want {
				t.Errorf("%s is typed, and %s is %q", one.Path, other.Path, got)
			}
		}
	}
}

func asJSON(t *testing.T, of any) []byte {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestListsAreTypedOneElementToALine(t *testing.T) {
	var d document
	pem := "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
	readFields(allFields(), url.Values{"saml.allowed_auth_contexts": {" urn:a \r\n\r\nurn:b"}, "saml.certificates": {pem + "\r\n" + pem + "\r\n\r\nAAAA\r\nBBBB\r\n"}}, &d)
	if !slices.Equal(d.SAML.AllowedContexts, []string{"urn:a", "urn:b"}) {
		t.Errorf("the contexts are %q", d.SAML.AllowedContexts)
	}
	if !slices.Equal(d.SAML.Certificates, []string{pem, pem, "AAAA\nBBBB"}) {
		t.Errorf("the certificates are %q", d.SAML.Certificates)
	}
}

func TestAProblemFindsItsFieldOrSaysWhereItIs(t *testing.T) {
	got := atFields(fault.Problems{{Field: "saml.certificates[1]", Message: "a"}, {Field: "saml.audience", Message: "b"},
		{Field: "access_rules[0].pattern", Message: "c"}, {Message: "d"}}, allFields()...)
	want := fault.Problems{{Field: "saml.certificates", Message: "Number 2: a"}, {Field: "saml.audience", Message: "b"},
		{Message: "access_rules[0].pattern: c"}, {Message: "d"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// What a set-up suggests is what the guide of the provider says.
func TestSuggestedMappingsAreThoseOfTheGuides(t *testing.T) {
	for _, one := range vendors {
		guide, err := os.ReadFile("../../docs/identity-providers/" + one.Key + ".md")
		if err != nil {
			t.Fatal(err)
		}
		_, mapping, _ := strings.Cut(string(guide), "    mapping:\n")
		for name, value := range map[string]string{"username": one.Mapping.Username, "email": one.Mapping.Email, "first_name": one.Mapping.FirstName, "last_name": one.Mapping.LastName} {
			found := regexp.MustCompile(`^(?:      .*\n)*?      ` + name + `: "?([^"\s]+)"?(?: +#.*)?\n`).FindStringSubmatch(mapping)
			if found == nil || found[1] != value {
				t.Errorf("%s: %s is suggested as %q, and the guide has %q", one.Key, name, value, found)
			}
		}
	}
}

func TestEveryProviderOfTheGlossaryIsOfferedAndKnownByItsEntityID(t *testing.T) {
	for _, p := range docs.Words.Providers {
		if vendorAt(p.Key).Key != p.Key {
			t.Errorf("%s is not offered", p.Name)
		}
	}
	for entity, want := range map[string]string{
		"https://sts.windows.net/0f6c1a2e/": "entra-id", "http://www.okta.com/exk1": "okta", "http://fs.company.example/adfs/services/trust": "adfs",
		"https://accounts.google.com/o/saml2?idpid=C01": "google", "https://app.onelogin.com/saml/metadata/1": "onelogin", "urn:tenant.auth0.com": "auth0",
		"https://kc.example/realms/company": "keycloak", "https://idp.example.edu/idp/shibboleth": "shibboleth", "https://auth.example.com/saml/metadata": "lemonldap",
		"https://idp.example.org/simplesaml/saml2/idp/metadata.php": "simplesamlphp", "https://idp.example.com": "",
	} {
		if got := vendorOf(entity).Key; got != want {
			t.Errorf("%s looks like %q, want %q", entity, got, want)
		}
	}
}

func TestAKeyIsMadeOfAName(t *testing.T) {
	for name, want := range map[string]string{
		"Acme": "acme", " Böckstiegel & Söhne GmbH ": "bockstiegel-sohne-gmbh", "אקמה": "record", "": "", "A  -- B": "a-b", strings.Repeat("long ", 40): "long-long-long-long-long-long-long-long-long-long-long-long",
	} {
		got := keyOf(name)
		if got != want || got != "" && !idms.IsKey(got) {
			t.Errorf("%q makes %q, want %q", name, got, want)
		}
	}
}

// A reset moves the addresses. The former one is answered still, and the provider
// goes on to know us by the same name.
func TestAResetKeepsTheFormerAddressAndOurName(t *testing.T) {
	record := idms.Record{Key: "acme"}
	moved := resetRecord(record, "https://a.example", "https://b.example")
	if sp := moved.SAML.SP("acme", "https://a.example", nil); sp.ACS != "https://b.example/saml/acme/acs" || !slices.Equal(sp.PreviousACS, []string{"https://a.example/saml/acme/acs"}) ||
		sp.EntityID != "https://a.example/saml/acme/metadata" {
		t.Errorf("it moves to %+v", sp)
	}
	back := resetRecord(moved, "https://a.example", "https://a.example")
	if back.SAML.Origin != "https://a.example" || !slices.Equal(back.SAML.PreviousOrigins, []string{"https://b.example"}) || back.SAML.SPIssuer != "https://a.example/saml/acme/metadata" {
		t.Errorf("and back to %+v", back.SAML)
	}
	if again := resetRecord(back, "https://c.example", "https://a.example"); !reflect.DeepEqual(again, back) || resetOf(back, "https://c.example", "https://a.example").To != "" {
		t.Errorf("a reset to where it is makes %+v", again.SAML)
	}
}

// With an address the metadata is what was read there.
func TestMetadataBesideAnAddressIsWhatWasReadThere(t *testing.T) {
	before := document{}
	before.SAML.MetadataURL, before.SAML.Metadata = "https://idp.example/a", "<read/>"
	for _, tt := range []struct{ name, address, text, want string }{
		{"typing over what was read changes nothing", "https://idp.example/a", "<typed/>", "<read/>"},
		{"another address is read anew", "https://idp.example/b", "<read/>", ""},
		{"a new record begins with the text beside its address", "https://idp.example/b", "<typed/>", "<typed/>"},
		{"without an address what was read stays, as text", "", "<read/>", "<read/>"},
	} {
		if got := metadataBeside(tt.address, tt.text, before); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}
