package interop_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"idms/test/interop"
	"idms/test/needs"
	"idms/test/program"
)

// provider is somebody else's identity provider, at work.
type provider struct {
	name     string
	entityID string
	mapping  string // of a record: where the attributes of the cast are
	groups   string // the attribute of the groups
	running
}

// running is what this package asks of either provider.
type running interface {
	Trust(testing.TB, interop.ServiceProvider)
	Metadata(testing.TB) []byte
	Unsolicited(spEntityID, relayState string) string
	Logout(spEntityID, username string) string
}

func simpleSAMLphp(t *testing.T) provider {
	idp := interop.StartSimpleSAMLphp(t, cast...)
	return provider{"SimpleSAMLphp", idp.EntityID, "{username: uid, email: mail, first_name: givenName, last_name: sn}", "groups", idp}
}

// pysaml2 names the attributes that it knows by their object identifiers.
func pysaml2(t *testing.T) provider {
	idp := interop.StartPySAML2(t, cast...)
	return provider{"pysaml2", idp.EntityID, "{username: urn:oid:0.9.2342.19200300.100.1.1, email: urn:oid:0.9.2342.19200300.100.1.3, first_name: urn:oid:2.5.4.42, last_name: urn:oid:2.5.4.4}", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", idp}
}

// TestProviders has each provider do all of this, the two side by side. They are
// started once: a login takes a tenth of a second, Python's start much more.
func TestProviders(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) provider{"SimpleSAMLphp": simpleSAMLphp, "pysaml2": pysaml2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idp := start(t)
			for _, one := range []struct {
				name string
				test func(*testing.T, provider)
			}{
				{"log people in", logPeopleIn},
				{"take only what we signed", takeOnlyWhatWeSigned},
				{"read every canonicalizer", everyCanonicalizer},
				{"S20 allowed auth contexts", allowedContexts},
				{"S26 elevation", elevation},
				{"S54 ForceAuthn", forceAuthn},
				{"NameID formats", nameIDFormats},
				{"M24 single logout", singleLogout},
				{"M24 single logout over two processes", singleLogoutOverTwoProcesses},
				{"as the documentation says", asDocumented},
				{"as they come", map[string]func(*testing.T, provider){"SimpleSAMLphp": simpleSAMLphpAsItComes, "pysaml2": pysaml2AsItComes}[name]},
			} {
				t.Run(one.name, func(t *testing.T) { one.test(t, idp) })
			}
		})
	}
}

const (
	smartcard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
	token     = "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken"
)

// The cast. Both names of the groups are given, since each provider has its own.
var (
	grace   = person("grace", "Grace", "Hopper", []string{smartcard, token}, "staff", "platform", "cloud-admins")
	chen    = person("chen", "Chen", "Wei", nil, "staff", "platform", "cloud-admins")
	mallory = person("mallory", "Mallory", "Guest", nil, "visitors")
	cast    = []interop.Person{grace, chen, mallory}
)

func person(username, first, last string, contexts []string, groups ...string) interop.Person {
	return interop.Person{Username: username, Password: username + "'s password", Contexts: contexts, Attributes: map[string][]string{
		"uid": {username}, "mail": {username + "@company.example"}, "givenName": {first}, "sn": {last},
		"groups": groups, "isMemberOf": groups,
	}}
}

// connection is one record of ours and what the provider is told about it.
type connection struct {
	key  string
	saml string // further fields of the record, one a line
	sp   interop.ServiceProvider
}

// file is the records as an administrator writes them.
func file(idp provider, connections []connection) string {
	var text strings.Builder
	text.WriteString("groups:\n  - {key: platform, name: Platform engineers}\n  - {key: admins, name: Cloud administrators}\nrecords:\n")
	for _, c := range connections {
		fmt.Fprintf(&text, `
  - key: %s
    name: The company by %[1]s
    state: active
    mapping: %[2]s
    validation_rules:
      - {key: employees, attribute: %[3]q, pattern: ^staff$}
    access_rules:
      - {key: cloud-admins, attribute: %[3]q, pattern: ^cloud-admins$, level: full}
      - {key: staff, attribute: %[3]q, pattern: ^staff$, level: restricted}
    associations:
      - {key: platform, attribute: %[3]q, pattern: ^platform$, group: platform}
      - {key: admins, attribute: %[3]q, pattern: ^cloud-admins$, group: admins}
    saml:
      issuer: %[4]s
      metadata_file: metadata.xml
`, c.key, idp.mapping, idp.groups, idp.entityID)
		for line := range strings.Lines(c.saml) {
			text.WriteString("      " + strings.TrimSpace(line) + "\n")
		}
	}
	return text.String()
}

// service is idms at work beside the provider, each trusting the other.
type service struct {
	*program.Process
	idp   provider
	store []string // the flags that name its database
}

// serve starts idms with these records, and introduces the two to each other:
// idms takes the provider's metadata, and the provider ours.
func serve(t *testing.T, idp provider, connections ...connection) *service {
	t.Helper()
	s := &service{idp: idp, store: []string{"--data", t.TempDir()}}
	s.apply(t, file(idp, connections))
	s.Process = program.Serve(t, s.store...)
	s.introduce(t, connections...)
	return s
}

// apply takes records that name the provider's metadata as their metadata_file.
func (s *service) apply(t *testing.T, text string) {
	t.Helper()
	folder := t.TempDir()
	records := filepath.Join(folder, "records.yaml")
	metadata := filepath.Join(folder, regexp.MustCompile(`metadata_file: (\S+)`).FindStringSubmatch(text)[1])
	for name, text := range map[string]string{records: text, metadata: string(s.idp.Metadata(t))} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if stdout, stderr, exit := program.Run(t, append([]string{"apply", "-f", records}, s.store...)...); exit != 0 {
		t.Fatalf("apply: exit %d\n%s%s", exit, stdout, stderr)
	}
}

func (s *service) introduce(t *testing.T, connections ...connection) {
	t.Helper()
	for _, c := range connections {
		c.sp.EntityID = s.entity(c.key)
		c.sp.MetadataURL = c.sp.EntityID
		s.idp.Trust(t, c.sp)
	}
}

func (s *service) entity(record string) string { return s.URL + "/saml/" + record + "/metadata" }

// begin clicks the record's button, and goes as far as the provider's page.
func (s *service) begin(t *testing.T, visitor *interop.Visitor, record string) *interop.Page {
	t.Helper()
	return carryOn(t, visitor, visitor.Open(t, s.URL+"/saml/"+record+"/login"))
}

// carryOn posts our request on, when it travels by POST.
func carryOn(t *testing.T, visitor *interop.Visitor, page *interop.Page) *interop.Page {
	t.Helper()
	if page.Has(t, "SAMLRequest") {
		page = visitor.Submit(t, page.Form(t, "SAMLRequest"))
	}
	return page
}

// authenticate goes from the provider's login form to where idms then leads.
func authenticate(t *testing.T, visitor *interop.Visitor, page *interop.Page, who interop.Person) *interop.Page {
	t.Helper()
	return visitor.Submit(t, visitor.Login(t, page, who).Form(t, "SAMLResponse"))
}

// press submits the form of the page that goes to this address of ours.
func press(t *testing.T, visitor *interop.Visitor, page *interop.Page, address string) *interop.Page {
	t.Helper()
	return carryOn(t, visitor, visitor.Submit(t, page.FormTo(t, address)))
}

// tells wants a page of ours to say each of these.
func tells(t *testing.T, page *interop.Page, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if page.Status != http.StatusOK || !strings.Contains(page.Text(t), want) {
			t.Errorf("%s (status %d) does not say %q:\n%s", page.URL, page.Status, want, page.Text(t))
		}
	}
}

// refuses wants a page that refuses, and a trace that says each of these.
func (s *service) refuses(t *testing.T, page *interop.Page, wants ...string) {
	t.Helper()
	if page.Status < 400 {
		t.Fatalf("not refused: %s (status %d):\n%s", page.URL, page.Status, page.Text(t))
	}
	told := s.trace(t, page)
	for _, want := range wants {
		if !strings.Contains(told, want) {
			t.Errorf("S61: the trace does not say %s:\n%s", want, told)
		}
	}
}

func (s *service) trace(t *testing.T, page *interop.Page) string {
	t.Helper()
	reference := regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{10}\b`).FindString(page.Text(t))
	if reference == "" {
		t.Fatalf("no reference on the page:\n%s", page.Text(t))
	}
	stdout, stderr, exit := program.Run(t, append([]string{"trace", reference}, s.store...)...)
	if exit != 0 {
		t.Fatalf("trace %s: exit %d\n%s", reference, exit, stderr)
	}
	return stdout
}

// What a provider may sign and encrypt, and how it is asked.
func logPeopleIn(t *testing.T, idp provider) {
	const begins = "allow_unsolicited: true\nrelay_state: start-at-the-portal\nlanding: /groups\n"
	var connections []connection
	for _, c := range []connection{
		{"response", "signed: response", interop.ServiceProvider{SignResponse: true}},
		{"assertion", "signed: assertion\nrequest_binding: post", interop.ServiceProvider{SignAssertion: true}},
		{"both", "signed: both\nsign_requests: true", interop.ServiceProvider{SignResponse: true, SignAssertion: true, RequestsSigned: true}},
	} {
		c.saml = begins + c.saml
		connections = append(connections, c)

		c.key += "-encrypted"
		c.sp.Encrypt = true
		switch {
		case c.sp.RequestsSigned:
			c.saml += "\nrequest_binding: post"
		case idp.name == "SimpleSAMLphp" && !c.sp.SignResponse:
			// SimpleSAMLphp encrypts with CBC, which needs a signature around it (M10).
			c.saml += "\nlegacy: {cbc: true}"
		}
		connections = append(connections, c)
	}
	s := serve(t, idp, connections...)

	for _, c := range connections {
		t.Run(c.key, func(t *testing.T) {
			visitor := interop.NewVisitor(t)
			page := carryOn(t, visitor, visitor.Open(t, s.URL+"/saml/"+c.key+"/login?return_to=/groups"))
			form := visitor.Login(t, page, grace).Form(t, "SAMLResponse")
			page = visitor.Submit(t, form)
			if page.URL.Path != "/groups" {
				t.Errorf("the way of a button ended at %s", page.URL)
			}
			tells(t, page, "Platform engineers", "Cloud administrators")
			tells(t, visitor.Open(t, s.URL+"/"), "Grace Hopper", "grace@company.example", "Full Access")

			// The provider did as it was told: the login proves nothing otherwise.
			response, err := base64.StdEncoding.DecodeString(form.Values.Get("SAMLResponse"))
			if err != nil {
				t.Fatal(err)
			}
			if encrypted := strings.Contains(string(response), "EncryptedAssertion"); encrypted != c.sp.Encrypt {
				t.Errorf("encrypted: %v, want %v", encrypted, c.sp.Encrypt)
			}
			if got, want := signatures(response), count(c.sp.SignResponse)+count(c.sp.SignAssertion && !c.sp.Encrypt); got != want {
				t.Errorf("%d signatures to be seen, want %d", got, want)
			}
		})
	}
	t.Run("the provider begins", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		page := authenticate(t, visitor, visitor.Open(t, idp.Unsolicited(s.entity("both"), "start-at-the-portal")), grace)
		if page.URL.Path != "/groups" {
			t.Errorf("M22: the record's RelayState led to %s", page.URL)
		}
		tells(t, page, "Platform engineers")
		// Now the provider knows the person, and no form is in the way.
		for relayState, want := range map[string]string{
			"/groups?q=cloud":         "/groups?q=cloud",
			"":                        "/",
			"https://evil.example/":   "/",
			"//evil.example/":         "/",
			s.URL + "/groups?q=cloud": "/",
		} {
			page := visitor.Submit(t, visitor.Open(t, idp.Unsolicited(s.entity("response-encrypted"), relayState)).Form(t, "SAMLResponse"))
			if got := page.URL.String(); page.Status != http.StatusOK || got != s.URL+want {
				t.Errorf("M22: RelayState %q led to %s with %d", relayState, got, page.Status)
			}
		}
	})
	t.Run("a visitor is refused, and the trace says why", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		page := authenticate(t, visitor, s.begin(t, visitor, "both-encrypted"), mallory)
		for _, secret := range []string{"mallory", "visitors", "employees"} {
			if strings.Contains(page.Body, secret) {
				t.Errorf("S60: the refusal page says %q", secret)
			}
		}
		s.refuses(t, page, "validation_failed", "employees", `"visitors"`)
		if page := visitor.Open(t, s.URL+"/"); page.URL.Path != "/login" {
			t.Errorf("the refused visitor is at %s", page.URL)
		}
	})
}

// asDocumented logs in with the record of docs/identity-providers, and the
// settings that it names for the provider.
func asDocumented(t *testing.T, idp provider) {
	page, err := os.ReadFile("../../docs/identity-providers/" + strings.ToLower(idp.name) + ".md")
	if err != nil {
		t.Fatal(err)
	}
	_, record, _ := strings.Cut(string(page), "```yaml\n")
	record, _, _ = strings.Cut(record, "```")
	s := &service{idp: idp, store: []string{"--data", t.TempDir()}}
	s.apply(t, record)
	s.Process = program.Serve(t, s.store...)
	s.introduce(t, connection{key: "company", sp: interop.ServiceProvider{SignResponse: true, SignAssertion: true, Encrypt: true, RequestsSigned: true}})

	visitor := interop.NewVisitor(t)
	asked := visitor.Open(t, idp.Unsolicited(s.entity("company"), "start-at-the-portal"))
	landed := authenticate(t, visitor, asked, grace)
	if landed.URL.Path != "/groups" {
		t.Errorf("the record's RelayState led to %s", landed.URL)
	}
	tells(t, landed, "Platform engineers")
	who := visitor.Open(t, s.URL+"/")
	tells(t, who, "Grace Hopper", "Restricted")
	tells(t, authenticate(t, visitor, press(t, visitor, who, "/elevate"), grace), "Full Access")
}

// signatures counts the signatures of a message that can be seen.
func signatures(message []byte) int {
	return len(regexp.MustCompile(`<(?:\w+:)?SignatureValue[ >]`).FindAll(message, -1))
}

func count(one bool) int {
	if one {
		return 1
	}
	return 0
}

func takeOnlyWhatWeSigned(t *testing.T, idp provider) {
	wants := interop.ServiceProvider{SignAssertion: true, RequestsSigned: true}
	s := serve(t, idp,
		connection{"redirect", "request_binding: redirect", wants},
		connection{"post", "request_binding: post", wants},
		connection{"signed", "sign_requests: true", wants})
	refuses := func(page *interop.Page, what string, says map[string]string) {
		t.Helper()
		if page.Has(t, "username") || !strings.Contains(page.Text(t), says[idp.name]) {
			t.Errorf("%s came through: %s", what, page.Text(t))
		}
	}
	unsigned := map[string]string{"SimpleSAMLphp": "no signature found on message", "pysaml2": "not signed", "Keycloak": "Invalid requester"}
	refuses(s.begin(t, interop.NewVisitor(t), "redirect"), "by redirect, a request without a signature", unsigned)
	refuses(s.begin(t, interop.NewVisitor(t), "post"), "by POST, a request without a signature", unsigned)

	visitor := interop.NewVisitor(t)
	address := visitor.Redirected(t, s.URL+"/saml/signed/login")
	if page := visitor.Open(t, address.String()); !page.Has(t, "username") {
		t.Errorf("our signature is not good enough: %s", page.Text(t))
	}
	changed := address.Query()
	changed.Set("RelayState", "another")
	address.RawQuery = changed.Encode()
	refuses(interop.NewVisitor(t).Open(t, address.String()), "a request that was changed",
		map[string]string{"SimpleSAMLphp": "Unable to validate signature", "pysaml2": "signature in the address is not theirs", "Keycloak": "Invalid requester"})
}

// canonicalizers are those that a record may name.
var canonicalizers = []string{"exclusive", "exclusive-with-comments", "c14n10", "c14n10-with-comments", "c14n11", "c14n11-with-comments"}

// everyCanonicalizer signs posted requests in each way that a record may name.
func everyCanonicalizer(t *testing.T, idp provider) {
	var connections []connection
	for _, one := range canonicalizers {
		connections = append(connections, connection{one, "sign_requests: true\nrequest_binding: post\ncanonicalizer: " + one,
			interop.ServiceProvider{SignAssertion: true, RequestsSigned: true}})
	}
	s := serve(t, idp, connections...)
	for _, one := range canonicalizers {
		visitor := interop.NewVisitor(t)
		page := s.begin(t, visitor, one)
		if !page.Has(t, "password") {
			t.Errorf("%s: %s", one, page.Text(t))
		}
	}
}

func forceAuthn(t *testing.T, idp provider) {
	signs := interop.ServiceProvider{SignAssertion: true}
	careless := signs
	careless.IgnoreForceAuthn, careless.SessionAge = true, 3600
	s := serve(t, idp,
		connection{"plain", "", signs},
		// Without skew: a provider tells whole seconds, and its AuthnInstant
		// may seem to be before the request that it answers.
		connection{"anew", "force_authn: true\nclock_skew: 0s", signs},
		connection{"ignored", "force_authn: true", careless})
	visitor := interop.NewVisitor(t)
	tells(t, authenticate(t, visitor, s.begin(t, visitor, "plain"), grace), "Grace Hopper")
	if page := s.begin(t, visitor, "plain"); !page.Has(t, "SAMLResponse") {
		t.Fatalf("the provider has forgotten the person: %s", page.Text(t))
	}

	page := s.begin(t, visitor, "anew")
	if page.Has(t, "SAMLResponse") {
		t.Fatal("the provider did not ask again")
	}
	tells(t, authenticate(t, visitor, page, grace), "Grace Hopper")

	if idp.name != "pysaml2" {
		return // the others always obey
	}
	page = s.begin(t, visitor, "ignored")
	s.refuses(t, visitor.Submit(t, page.Form(t, "SAMLResponse")), "authn_too_old", "honour ForceAuthn")
}

func allowedContexts(t *testing.T, idp provider) {
	signs := interop.ServiceProvider{SignResponse: true}
	allowed := "allowed_auth_contexts: [" + token + ", " + smartcard + "]"
	s := serve(t, idp,
		connection{"checked", allowed, signs},
		connection{"asked", allowed + "\nrequest_auth_contexts: true", signs})

	visitor := interop.NewVisitor(t)
	s.refuses(t, authenticate(t, visitor, s.begin(t, visitor, "checked"), grace), "auth_context_not_allowed", "ac:classes:Password")
	visitor = interop.NewVisitor(t)
	tells(t, authenticate(t, visitor, s.begin(t, visitor, "asked"), grace), "Grace Hopper")
	// M21: the provider says so itself.
	visitor = interop.NewVisitor(t)
	s.refuses(t, authenticate(t, visitor, s.begin(t, visitor, "asked"), chen), "idp_status", "NoAuthnContext", "allowed auth contexts")
}

func elevation(t *testing.T, idp provider) {
	signs := interop.ServiceProvider{SignResponse: true, SignAssertion: true, Encrypt: true}
	deaf := signs
	deaf.IgnoreContexts = true
	elevates := "elevation_auth_contexts: [" + smartcard + "]"
	s := serve(t, idp,
		connection{"company", elevates, signs},
		connection{"deaf", elevates + "\nrequest_binding: post", deaf})

	visitor := interop.NewVisitor(t)
	page := authenticate(t, visitor, s.begin(t, visitor, "company"), grace)
	tells(t, page, "Grace Hopper", "Restricted")

	page = press(t, visitor, page, "/elevate")
	if page.Has(t, "SAMLResponse") {
		t.Fatal("the provider did not authenticate anew")
	}
	page = authenticate(t, visitor, page, grace)
	tells(t, page, "Grace Hopper", "Full Access")
	page = press(t, visitor, page, "/elevate/end")
	tells(t, page, "Grace Hopper", "Restricted")

	t.Run("not for somebody else", func(t *testing.T) {
		asked := press(t, visitor, visitor.Open(t, s.URL+"/"), "/elevate")
		refused := authenticate(t, visitor, asked, person("chen", "", "", nil))
		// chen has no smart card, so the provider itself says no.
		s.refuses(t, refused, "idp_status", "NoAuthnContext")
		tells(t, visitor.Open(t, s.URL+"/"), "Grace Hopper", "Restricted")
	})
	t.Run("not without the context", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		page := authenticate(t, visitor, s.begin(t, visitor, "company"), chen)
		tells(t, page, "Chen Wei", "Restricted")
		refused := authenticate(t, visitor, press(t, visitor, page, "/elevate"), chen)
		s.refuses(t, refused, "idp_status", "NoAuthnContext")
		tells(t, visitor.Open(t, s.URL+"/"), "Chen Wei", "Restricted")

		asked := press(t, visitor, visitor.Open(t, s.URL+"/"), "/elevate")
		s.refuses(t, authenticate(t, visitor, asked, grace), "other_user")
		tells(t, visitor.Open(t, s.URL+"/"), "Chen Wei", "Restricted")
	})
	if idp.name != "pysaml2" {
		return
	}
	t.Run("not by a provider that ignores what is asked", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		page := authenticate(t, visitor, s.begin(t, visitor, "deaf"), grace)
		page = authenticate(t, visitor, press(t, visitor, page, "/elevate"), grace)
		tells(t, page, "Restricted")
	})
}

// What pysaml2 does when nobody tells it otherwise.
func pysaml2AsItComes(t *testing.T, idp provider) {
	stock := interop.ServiceProvider{SignResponse: true, SignAssertion: true, StockAlgorithms: true}
	encrypted := interop.ServiceProvider{SignResponse: true, Encrypt: true, StockAlgorithms: true}
	s := serve(t, idp,
		connection{"stock", "", stock},
		connection{"legacy", "legacy: {sha1: true}", stock},
		connection{"stock-encrypted", "legacy: {sha1: true, cbc: true}", encrypted})

	visitor := interop.NewVisitor(t)
	s.refuses(t, authenticate(t, visitor, s.begin(t, visitor, "stock"), grace), "signature_algorithm", "rsa-sha1")
	visitor = interop.NewVisitor(t)
	tells(t, authenticate(t, visitor, s.begin(t, visitor, "legacy"), grace), "Grace Hopper")
	visitor = interop.NewVisitor(t)
	s.refuses(t, authenticate(t, visitor, s.begin(t, visitor, "stock-encrypted"), grace), "encryption_algorithm", "tripledes-cbc")
}

// SimpleSAMLphp encrypts with CBC, and signs no response unless told to. M10:
// anybody who can change a CBC ciphertext can ask us about its padding.
func simpleSAMLphpAsItComes(t *testing.T, idp provider) {
	s := serve(t, idp,
		connection{"company", "", interop.ServiceProvider{SignAssertion: true, Encrypt: true}},
		connection{"name", "", interop.ServiceProvider{SignAssertion: true, EncryptNameID: true}})
	visitor := interop.NewVisitor(t)
	s.refuses(t, authenticate(t, visitor, s.begin(t, visitor, "company"), grace), "encryption_algorithm", "aes128-cbc")
	// An encrypted NameID stands within the signature.
	visitor = interop.NewVisitor(t)
	tells(t, authenticate(t, visitor, s.begin(t, visitor, "name"), grace), "Grace Hopper")
}

// A username from the NameID, in formats that both providers have.
func nameIDFormats(t *testing.T, idp provider) {
	idp.mapping = regexp.MustCompile(`username: [^,]+`).ReplaceAllString(idp.mapping, `username: "@name_id"`)
	signs := interop.ServiceProvider{SignAssertion: true}
	s := serve(t, idp,
		connection{"email", "name_id_format: urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", signs},
		connection{"persistent", "name_id_format: urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", signs})
	for record, want := range map[string]map[string]string{
		"email":      {"SimpleSAMLphp": `grace@company\.example`, "pysaml2": `[0-9a-f]{64}@mail\.example`, "Keycloak": `grace@company\.example`},
		"persistent": {"SimpleSAMLphp": `grace`, "pysaml2": `[0-9a-f]{64}`, "Keycloak": `G-[0-9a-f-]{36}`},
	} {
		usernames := map[string]bool{}
		for range 2 { // the same person again, in another browser
			visitor := interop.NewVisitor(t)
			page := authenticate(t, visitor, s.begin(t, visitor, record), grace)
			tells(t, page, "Grace Hopper")
			username := regexp.MustCompile(`Username(\S+) `).FindStringSubmatch(page.Text(t))
			if username == nil || !regexp.MustCompile("^"+want[idp.name]+"$").MatchString(username[1]) {
				t.Fatalf("%s: %q is not %s:\n%s", record, username, want[idp.name], page.Text(t))
			}
			usernames[username[1]] = true
		}
		if len(usernames) != 1 {
			t.Errorf("%s: one person is %d accounts: %v", record, len(usernames), usernames)
		}
	}
}

// TestM17TwoProcessesOverOnePostgreSQL posts one response twenty times at once
// at two running processes.
func TestM17TwoProcessesOverOnePostgreSQL(t *testing.T) {
	t.Parallel()
	database := needs.PostgreSQL(t)
	idp := simpleSAMLphp(t)
	company := connection{"company", "", interop.ServiceProvider{SignAssertion: true}}
	data := t.TempDir()
	first := &service{idp: idp, store: []string{"--data", data, "--database", database}}
	first.apply(t, file(idp, []connection{company}))
	first.Process = program.Serve(t, first.store...)
	// The second stands behind the same public address, as behind a balancer.
	address := program.FreeAddress(t)
	second := program.Start(t, append([]string{"serve", "--listen", address, "--base-url", first.URL}, first.store...)...)
	second.AwaitLine(t, "listening")
	first.introduce(t, company)

	visitor := interop.NewVisitor(t)
	form := visitor.Login(t, visitor.Open(t, first.URL+"/saml/company/login"), grace).Form(t, "SAMLResponse")
	public, err := url.Parse(first.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookies := visitor.Cookies(form.Action)

	type result struct {
		status  int
		session bool
	}
	results := make([]result, 20)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			target := *form.Action
			if i%2 == 1 {
				target.Host = address
			}
			request, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(form.Values.Encode()))
			if err != nil {
				t.Error(err)
				return
			}
			request.Host = public.Host
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Origin", idp.entityID)
			for _, cookie := range cookies {
				request.AddCookie(cookie)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			results[i].status = response.StatusCode
			for _, cookie := range response.Cookies() {
				if strings.Contains(cookie.Name, "session") && cookie.Value != "" {
					results[i].session = true
				}
			}
		})
	}
	all.Wait()
	sessions := 0
	for _, one := range results {
		if one.session {
			sessions++
		} else if one.status != http.StatusForbidden && one.status != http.StatusBadRequest {
			t.Errorf("a second post ended with status %d", one.status)
		}
	}
	if sessions != 1 {
		t.Errorf("%d sessions: %+v", sessions, results)
	}
}
