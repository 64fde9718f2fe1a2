//go:build keycloak

package interop_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"idms/test/interop"
	"idms/test/program"
)

func keycloak(t *testing.T) provider {
	idp := interop.StartKeycloak(t, cast...)
	return provider{"Keycloak", idp.EntityID, "{username: username, email: email, first_name: firstName, last_name: lastName}", "Role", idp}
}

// TestKeycloak runs by `make interop-keycloak`. Keycloak is started once: it
// takes longer than all that it is then asked.
func TestKeycloak(t *testing.T) {
	idp := keycloak(t)
	for _, one := range []struct {
		name string
		test func(*testing.T, provider)
	}{
		{"log people in", logPeopleIn},
		{"take only what we signed", takeOnlyWhatWeSigned},
		{"read every canonicalizer", everyCanonicalizer},
		{"S12 one Attribute for each role, and one for all", keycloakRoles},
		{"S54 ForceAuthn", forceAuthn},
		{"NameID formats", nameIDFormats},
		{"M24 single logout", keycloakLogout},
		{"as the documentation says", keycloakAsDocumented},
		{"as it comes", keycloakAsItComes},
		{"M09 the certificate changes", certificateChanges}, // the last one, since it stays changed
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, idp) })
	}
}

// keycloakRoles proves that the two ways of sending roles arrive as one: rules
// find the same values, and a person is in the same groups.
func keycloakRoles(t *testing.T, idp provider) {
	signs := interop.ServiceProvider{SignResponse: true}
	single := signs
	single.SingleRoleAttribute = true
	s := serve(t, idp, connection{"apart", "", signs}, connection{"single", "", single})
	for record, elements := range map[string]int{"apart": 2, "single": 1} {
		visitor := interop.NewVisitor(t)
		form := visitor.Login(t, s.begin(t, visitor, record), grace).Form(t, "SAMLResponse")
		response, err := base64.StdEncoding.DecodeString(form.Values.Get("SAMLResponse"))
		if err != nil {
			t.Fatal(err)
		}
		found := len(regexp.MustCompile(`<saml:Attribute [^>]*Name="Role"`).FindAll(response, -1))
		if found != elements && (elements == 1 || found < elements) {
			t.Errorf("%s: %d elements for the roles", record, found)
		}
		tells(t, visitor.Submit(t, form), "Grace Hopper", "Full Access")
		tells(t, visitor.Open(t, s.URL+"/groups"), "Platform engineers", "Cloud administrators")
	}
}

// keycloakAsDocumented logs in with the record of the guide, and the settings
// that it names for Keycloak.
func keycloakAsDocumented(t *testing.T, idp provider) {
	page, err := os.ReadFile("../../docs/identity-providers/keycloak.md")
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
	tells(t, authenticate(t, visitor, s.begin(t, visitor, "company"), grace), "Grace Hopper", "Full Access")
	visitor = interop.NewVisitor(t)
	landed := authenticate(t, visitor, visitor.Open(t, idp.Unsolicited(s.entity("company"), "start-at-the-portal")), grace)
	if landed.URL.Path != "/groups" {
		t.Errorf("the record's RelayState led to %s", landed.URL)
	}
	tells(t, landed, "Platform engineers")
}

// keycloakAsItComes leaves the algorithms to Keycloak: those of its new clients
// need no legacy switch, also in a response that is not signed as a whole (M10).
func keycloakAsItComes(t *testing.T, idp provider) {
	s := serve(t, idp,
		connection{"signed", "sign_requests: true", interop.ServiceProvider{SignResponse: true, SignAssertion: true, RequestsSigned: true, Encrypt: true, StockAlgorithms: true}},
		connection{"assertion", "", interop.ServiceProvider{SignAssertion: true, Encrypt: true, StockAlgorithms: true}})
	visitor := interop.NewVisitor(t)
	tells(t, authenticate(t, visitor, s.begin(t, visitor, "signed"), grace), "Grace Hopper")
	visitor = interop.NewVisitor(t)
	tells(t, authenticate(t, visitor, s.begin(t, visitor, "assertion"), grace), "Grace Hopper")
}

// keycloakLogout logs people out from either side, by redirect and by POST, with
// our signature demanded and not.
func keycloakLogout(t *testing.T, idp provider) {
	signs := interop.ServiceProvider{SignResponse: true}
	both := interop.ServiceProvider{SignResponse: true, SignAssertion: true, Encrypt: true, RequestsSigned: true}
	connections := []connection{
		{"slo-redirect", "signed: response\nsingle_logout: true\nslo_binding: redirect", signs},
		{"slo-post", "signed: response\nsingle_logout: true\nslo_binding: post", signs},
		{"slo-demanded", "signed: both\nsign_requests: true\nsingle_logout: true", both},
	}
	s := serve(t, idp, connections...)
	for _, c := range connections {
		t.Run("begun here, "+c.key, func(t *testing.T) {
			visitor := interop.NewVisitor(t)
			front := authenticate(t, visitor, s.begin(t, visitor, c.key), grace)
			page := visitor.Submit(t, front.FormTo(t, "/logout"))
			if inside(t, visitor, s.URL) {
				t.Fatal("M24: the session goes on while the provider is told")
			}
			tells(t, goOn(t, visitor, page), "You are logged out at your identity provider as well.")
			if s.remembered(t, visitor, c.key) {
				t.Error("the provider still knows her")
			}
		})
		t.Run("begun there, "+c.key, func(t *testing.T) {
			visitor, other := interop.NewVisitor(t), interop.NewVisitor(t)
			authenticate(t, visitor, s.begin(t, visitor, c.key), grace)
			authenticate(t, other, s.begin(t, other, c.key), grace)
			asks := visitor.Open(t, idp.Logout("", ""))
			page := goOn(t, visitor, visitor.Submit(t, asks.Form(t, "session_code")))
			if page.Status != http.StatusOK || !strings.HasPrefix(page.URL.String(), idp.entityID) {
				t.Errorf("ended at %s (status %d):\n%s", page.URL, page.Status, page.Text(t))
			}
			if inside(t, visitor, s.URL) {
				t.Error("her session goes on")
			}
			if !inside(t, other, s.URL) {
				t.Error("Keycloak names the session, and another of hers ended")
			}
		})
	}
}
