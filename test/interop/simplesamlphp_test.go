package interop_test

import (
	"bytes"
	"compress/flate"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"idms/test/interop"
)

var (
	ada = interop.Person{Username: "ada", Password: "enchantress", Attributes: map[string][]string{
		"uid": {"ada"}, "mail": {"ada@example.org"}, "groups": {"Platform", "Böckstiegel & Söhne"},
	}}
	bob = interop.Person{Username: "bob", Password: "builder", Attributes: map[string][]string{
		"uid": {"bob"}, "mail": {"bob@example.org"},
	}}
)

const (
	spEntity = "https://login.example.org/saml/staff"
	spACS    = "https://login.example.org/saml/staff/acs"
)

// The harness is proved before anything is built on it: what SimpleSAMLphp
// sends is what we asked it to send, signed where we asked for a signature.
func TestSimpleSAMLphpAnswersARequest(t *testing.T) {
	idp := interop.StartSimpleSAMLphp(t, ada, bob)
	certificate := signingCertificate(t, idp.Metadata(t))

	for _, tt := range []struct {
		name                        string
		signResponse, signAssertion bool
		person                      interop.Person
	}{
		{"with both signed", true, true, ada},
		{"with the response signed", true, false, ada},
		{"with the assertion signed", false, true, ada},
		{"with nothing signed", false, false, ada},
		{"for another person", true, true, bob},
	} {
		t.Run(tt.name, func(t *testing.T) {
			idp.Trust(t, interop.ServiceProvider{EntityID: spEntity, ACS: spACS, SignResponse: tt.signResponse, SignAssertion: tt.signAssertion})
			visitor := interop.NewVisitor(t)
			form := visitor.Login(t, visitor.Open(t, redirectURL(t, idp.SSO, "_request1", "handle-1")), tt.person).Form(t, "SAMLResponse")

			if got := form.Action.String(); got != spACS {
				t.Errorf("the form posts to %s, want %s", got, spACS)
			}
			if got := form.Values.Get("RelayState"); got != "handle-1" {
				t.Errorf("RelayState is %q, want what the request brought", got)
			}
			response := decode(t, form.Values.Get("SAMLResponse"))
			if got := response.SelectAttrValue("InResponseTo", ""); got != "_request1" {
				t.Errorf("InResponseTo is %q", got)
			}
			if got := signed(t, certificate, response); got != tt.signResponse {
				t.Errorf("response signed: %v, want %v", got, tt.signResponse)
			}
			assertion := response.FindElement("./Assertion")
			if assertion == nil {
				t.Fatal("no assertion")
			}
			if got := signed(t, certificate, assertion); got != tt.signAssertion {
				t.Errorf("assertion signed: %v, want %v", got, tt.signAssertion)
			}
			if got := assertion.FindElement("./Subject/NameID").Text(); got != tt.person.Username {
				t.Errorf("NameID is %q, want the person's uid", got)
			}
			var groups []string
			for _, value := range assertion.FindElements("./AttributeStatement/Attribute[@Name='groups']/AttributeValue") {
				groups = append(groups, value.Text())
			}
			if got, want := strings.Join(groups, "|"), strings.Join(tt.person.Attributes["groups"], "|"); got != want {
				t.Errorf("groups are %q, want %q", got, want)
			}
		})
	}

	t.Run("but not a wrong password", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		page := visitor.Login(t, visitor.Open(t, redirectURL(t, idp.SSO, "_request2", "")), interop.Person{Username: "ada", Password: "guess"})
		if page.Has(t, "SAMLResponse") || !page.Has(t, "password") {
			t.Errorf("got %s, want the login form again", page.Text(t))
		}
	})

	t.Run("and a person who is logged in already is not asked again", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		visitor.Login(t, visitor.Open(t, redirectURL(t, idp.SSO, "_request3", "")), ada)
		if page := visitor.Open(t, redirectURL(t, idp.SSO, "_request4", "")); !page.Has(t, "SAMLResponse") {
			t.Errorf("got %s, want a response", page.Text(t))
		}
	})

	t.Run("and begins a login of its own", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		form := visitor.Login(t, visitor.Open(t, idp.Unsolicited(spEntity, "/reports")), ada).Form(t, "SAMLResponse")
		if got := form.Values.Get("RelayState"); got != "/reports" {
			t.Errorf("RelayState is %q", got)
		}
		if attribute := decode(t, form.Values.Get("SAMLResponse")).SelectAttr("InResponseTo"); attribute != nil {
			t.Errorf("InResponseTo is %q, want none: nobody asked", attribute.Value)
		}
	})
}

// redirectURL is a hand-made AuthnRequest in the redirect binding (SAML bindings
// 3.4.4): deflated, base64, in the query, not signed.
func redirectURL(t *testing.T, sso, id, relayState string) string {
	t.Helper()
	request := fmt.Sprintf(`<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="%s" Version="2.0" IssueInstant="%s" Destination="%s" AssertionConsumerServiceURL="%s"><saml:Issuer>%s</saml:Issuer></samlp:AuthnRequest>`,
		id, time.Now().UTC().Format(time.RFC3339), sso, spACS, spEntity)
	var deflated bytes.Buffer
	writer, err := flate.NewWriter(&deflated, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	query := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(deflated.Bytes())}}
	if relayState != "" {
		query.Set("RelayState", relayState)
	}
	return sso + "?" + query.Encode()
}

func decode(t *testing.T, message string) *etree.Element {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(message)
	if err != nil {
		t.Fatal(err)
	}
	document := etree.NewDocument()
	if err := document.ReadFromBytes(text); err != nil {
		t.Fatal(err)
	}
	return document.Root()
}

// signed tells whether element carries a signature of its own; one that is there
// has to verify. The namespaces that the element inherits go with it.
func signed(t *testing.T, certificate *x509.Certificate, element *etree.Element) bool {
	t.Helper()
	if element.FindElement("./Signature") == nil {
		return false
	}
	context, err := etreeutils.NSBuildParentContext(element)
	if err != nil {
		t.Fatal(err)
	}
	detached, err := etreeutils.NSDetatch(context, element)
	if err != nil {
		t.Fatal(err)
	}
	store := &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{certificate}}
	if _, err := dsig.NewDefaultValidationContext(store).Validate(detached); err != nil {
		t.Errorf("signature of %s: %v", element.Tag, err)
	}
	return true
}

func signingCertificate(t *testing.T, metadata []byte) *x509.Certificate {
	t.Helper()
	document := etree.NewDocument()
	if err := document.ReadFromBytes(metadata); err != nil {
		t.Fatal(err)
	}
	text := document.FindElement("//KeyDescriptor[@use='signing']//X509Certificate").Text()
	block, _ := pem.Decode([]byte("-----BEGIN CERTIFICATE-----\n" + strings.TrimSpace(text) + "\n-----END CERTIFICATE-----\n"))
	if block == nil {
		t.Fatalf("metadata has no certificate: %s", metadata)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
