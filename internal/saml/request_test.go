package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/fault"
	"idms/test/needs"
)

var requestedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// connection is a record whose provider offers both bindings.
func connection() (Settings, IdP, SP) {
	s := Settings{}
	idp := IdP{
		EntityID: "https://idp.example/",
		SSO:      []Endpoint{{POST, "https://idp.example/post"}, {Redirect, "https://idp.example/redirect"}},
	}
	return s, idp, s.SP("acme", "https://idms.example", []Key{serviceKey()})
}

func options() RequestOptions {
	return RequestOptions{ID: "_0123456789abcdef", Now: requestedAt, RelayState: "r3l4y"}
}

func build(t testing.TB, s Settings, idp IdP, sp SP, o RequestOptions) Outgoing {
	t.Helper()
	out, err := BuildRequest(s, idp, sp, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// message takes the AuthnRequest out again, as an identity provider does.
func message(t testing.TB, out Outgoing) []byte {
	t.Helper()
	if out.Binding == POST {
		text, err := base64.StdEncoding.DecodeString(out.Fields[0].Value)
		if err != nil || out.Fields[0].Name != "SAMLRequest" {
			t.Fatalf("field %s: %v", out.Fields[0].Name, err)
		}
		return text
	}
	address, err := url.Parse(out.URL)
	if err != nil {
		t.Fatal(err)
	}
	deflated, err := base64.StdEncoding.DecodeString(address.Query().Get("SAMLRequest"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(deflated)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// decode reads it with somebody else's types.
func decode(t testing.TB, text []byte) crewjam.AuthnRequest {
	t.Helper()
	var request crewjam.AuthnRequest
	if err := xml.Unmarshal(text, &request); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return request
}

func TestAPlainRequestSaysWhoAsksAndWhereToAnswer(t *testing.T) {
	s, idp, sp := connection()
	out := build(t, s, idp, sp, options())
	if out.Binding != Redirect || out.Fields != nil {
		t.Errorf("by %s with fields %v", out.Binding, out.Fields)
	}
	request := decode(t, message(t, out))
	for _, tt := range []struct{ name, got, want string }{
		{"ID", request.ID, "_0123456789abcdef"},
		{"Version", request.Version, "2.0"},
		{"IssueInstant", request.IssueInstant.Format(time.RFC3339), "2026-03-01T12:00:00Z"},
		{"Destination", request.Destination, "https://idp.example/redirect"},
		{"Issuer", request.Issuer.Value, "https://idms.example/saml/acme/metadata"},
		{"AssertionConsumerServiceURL", request.AssertionConsumerServiceURL, "https://idms.example/saml/acme/acs"},
		{"ProtocolBinding", request.ProtocolBinding, "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if request.ForceAuthn != nil || request.RequestedAuthnContext != nil || request.Signature != nil || request.Subject != nil {
		t.Error("asks for more than it was told to")
	}
	if policy := request.NameIDPolicy; policy == nil || policy.Format != nil || policy.AllowCreate == nil || !*policy.AllowCreate {
		t.Errorf("NameIDPolicy %+v", policy)
	}
	if got := rawQueryNames(out.URL); !slices.Equal(got, []string{"SAMLRequest", "RelayState"}) {
		t.Errorf("query %q", got)
	}
}

func TestARequestAsksForWhatTheRecordSays(t *testing.T) {
	const pki, timeSync = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI", "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken"
	const format = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	for _, tt := range []struct {
		name     string
		change   func(*Settings, *RequestOptions)
		format   string
		force    bool
		contexts []string
	}{
		{"a Name ID Format", func(s *Settings, _ *RequestOptions) { s.NameIDFormat = format }, format, false, nil},
		{"ForceAuthn of the record (S54)", func(s *Settings, _ *RequestOptions) { s.ForceAuthn = true }, "", true, nil},
		{"ForceAuthn of an elevation (S26)", func(_ *Settings, o *RequestOptions) { o.ForceAuthn = true }, "", true, nil},
		{"allowed contexts, asked for (S20)", func(s *Settings, _ *RequestOptions) {
			s.AllowedContexts, s.RequestContexts = []string{timeSync, pki}, true
		}, "", false, []string{timeSync, pki}},
		{"allowed contexts, not asked for (S20)", func(s *Settings, _ *RequestOptions) { s.AllowedContexts = []string{timeSync} }, "", false, nil},
		{"an elevation's contexts instead of the record's (S26)", func(s *Settings, o *RequestOptions) {
			s.AllowedContexts, s.RequestContexts, o.Contexts = []string{timeSync, pki}, true, []string{pki}
		}, "", false, []string{pki}},
	} {
		s, idp, sp := connection()
		o := options()
		tt.change(&s, &o)
		request := decode(t, message(t, build(t, s, idp, sp, o)))
		var format string
		if request.NameIDPolicy.Format != nil {
			format = *request.NameIDPolicy.Format
		}
		if format != tt.format {
			t.Errorf("%s: format %q", tt.name, format)
		}
		if force := request.ForceAuthn != nil && *request.ForceAuthn; force != tt.force {
			t.Errorf("%s: ForceAuthn %v", tt.name, force)
		}
		contexts, comparison := contextsOf(t, message(t, build(t, s, idp, sp, o)))
		if !slices.Equal(contexts, tt.contexts) || len(contexts) > 0 && comparison != "exact" {
			t.Errorf("%s: contexts %q by %q", tt.name, contexts, comparison)
		}
	}
}

func contextsOf(t testing.TB, text []byte) (contexts []string, comparison string) {
	t.Helper()
	var request struct {
		Requested struct {
			Comparison string   `xml:",attr"`
			Refs       []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnContextClassRef"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:protocol RequestedAuthnContext"`
	}
	if err := xml.Unmarshal(text, &request); err != nil {
		t.Fatal(err)
	}
	return request.Requested.Refs, request.Requested.Comparison
}

func TestTheBindingIsTheRecordsOrElseRedirectBeforePost(t *testing.T) {
	redirect, post := Endpoint{Redirect, "https://idp.example/r"}, Endpoint{POST, "https://idp.example/p"}
	for _, tt := range []struct {
		name    string
		binding Binding
		offered []Endpoint
		want    Endpoint
		ok      bool
	}{
		{"both offered, the record is silent", "", []Endpoint{post, redirect}, redirect, true},
		{"POST alone, the record is silent", "", []Endpoint{post}, post, true},
		{"both offered, the record wants POST", POST, []Endpoint{redirect, post}, post, true},
		{"redirect alone, the record wants POST", POST, []Endpoint{redirect}, Endpoint{}, false},
		{"nothing offered", "", nil, Endpoint{}, false},
		{"the first of several", "", []Endpoint{redirect, {Redirect, "https://idp.example/2"}}, redirect, true},
	} {
		if got, ok := (Settings{RequestBinding: tt.binding}).SSO(IdP{SSO: tt.offered}); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %v, %v", tt.name, got, ok)
		}
	}
}

// SAML bindings 3.4.4.1: SAMLRequest, RelayState, SigAlg, in this order and
// octet by octet as sent, are what is signed.
func TestARedirectIsSignedOverItsOctetsAsSent(t *testing.T) {
	for _, tt := range []struct{ name, address, relayState, prefix string }{
		{"a plain address", "https://idp.example/sso", "r3l4y", "https://idp.example/sso?SAMLRequest="},
		{"no RelayState", "https://idp.example/sso", "", "https://idp.example/sso?SAMLRequest="},
		{"a RelayState that has to be escaped", "https://idp.example/sso", "a b&c=d/é+%", "https://idp.example/sso?SAMLRequest="},
		{"an address with a query (Google Workspace)", "https://idp.example/sso?idpid=C01&x=a%20b;c", "r", "https://idp.example/sso?idpid=C01&x=a%20b;c&SAMLRequest="},
		{"an address with an empty query", "https://idp.example/sso?", "r", "https://idp.example/sso?SAMLRequest="},
		{"an address whose query ends openly", "https://idp.example/sso?a=1&", "r", "https://idp.example/sso?a=1&SAMLRequest="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, idp, sp := connection()
			s.SignRequests = true
			idp.SSO = []Endpoint{{Redirect, tt.address}}
			o := options()
			o.RelayState = tt.relayState
			out := build(t, s, idp, sp, o)
			if !strings.HasPrefix(out.URL, tt.prefix) {
				t.Fatalf("address %s", out.URL)
			}
			// An identity provider looks only at the raw query.
			start, end := strings.Index(out.URL, "SAMLRequest="), strings.Index(out.URL, "&Signature=")
			signed := out.URL[start:end]
			want := []string{"SAMLRequest", "RelayState", "SigAlg"}
			if tt.relayState == "" {
				want = []string{"SAMLRequest", "SigAlg"}
			}
			if got := rawQueryNames("?" + signed); !slices.Equal(got, want) {
				t.Errorf("signed parameters %q", got)
			}
			query, err := url.ParseQuery(out.URL[start:])
			if err != nil {
				t.Fatal(err)
			}
			if query.Get("RelayState") != tt.relayState || query.Get("SigAlg") != "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" {
				t.Errorf("RelayState %q, SigAlg %q", query.Get("RelayState"), query.Get("SigAlg"))
			}
			signature, err := base64.StdEncoding.DecodeString(query.Get("Signature"))
			if err != nil {
				t.Fatal(err)
			}
			digest := sha256.Sum256([]byte(signed))
			public := serviceKey().Certificate.PublicKey.(*rsa.PublicKey)
			if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
				t.Error(err)
			}
			request := decode(t, message(t, out))
			if request.Destination != tt.address {
				t.Errorf("Destination %q", request.Destination)
			}
			if request.Signature != nil {
				t.Error("a signature within the document, where the redirect binding has none")
			}
		})
	}
}

func rawQueryNames(address string) (names []string) {
	_, query, _ := strings.Cut(address, "?")
	for _, parameter := range strings.Split(query, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		names = append(names, name)
	}
	return names
}

var everyCanonicalizer = map[Canonicalizer]string{
	"":                    "http://www.w3.org/2001/10/xml-exc-c14n#",
	Exclusive:             "http://www.w3.org/2001/10/xml-exc-c14n#",
	ExclusiveWithComments: "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
	C14N10:                "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
	C14N10WithComments:    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
	C14N11:                "http://www.w3.org/2006/12/xml-c14n11",
	C14N11WithComments:    "http://www.w3.org/2006/12/xml-c14n11#WithComments",
}

func signedPost(t testing.TB, c Canonicalizer) []byte {
	s, idp, sp := connection()
	s.SignRequests, s.RequestBinding, s.Canonicalizer = true, POST, c
	s.NameIDFormat = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	o := options()
	o.Contexts = []string{"urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"}
	out := build(t, s, idp, sp, o)
	if out.URL != "https://idp.example/post" || !slices.Equal(out.Fields[1:], []Field{{"RelayState", "r3l4y"}}) {
		t.Errorf("posts %v to %s", out.Fields[1:], out.URL)
	}
	return message(t, out)
}

func TestAPostIsSignedInsideWithEveryCanonicalizer(t *testing.T) {
	for canonicalizer, algorithm := range everyCanonicalizer {
		t.Run(string(canonicalizer), func(t *testing.T) {
			text := signedPost(t, canonicalizer)
			document := etree.NewDocument()
			if err := document.ReadFromBytes(text); err != nil {
				t.Fatal(err)
			}
			root := document.Root()
			var order []string
			for _, child := range root.ChildElements() {
				order = append(order, child.Tag)
			}
			// SAML protocol schema: RequestAbstractType, then AuthnRequestType.
			if want := []string{"Issuer", "Signature", "NameIDPolicy", "RequestedAuthnContext"}; !slices.Equal(order, want) {
				t.Errorf("children %q", order)
			}
			signedInfo := root.FindElement("./Signature/SignedInfo")
			if got := signedInfo.FindElement("./CanonicalizationMethod").SelectAttrValue("Algorithm", ""); got != algorithm {
				t.Errorf("canonicalization %q", got)
			}
			if got := signedInfo.FindElement("./SignatureMethod").SelectAttrValue("Algorithm", ""); got != dsig.RSASHA256SignatureMethod {
				t.Errorf("signature %q", got)
			}
			if got := signedInfo.FindElement("./Reference").SelectAttrValue("URI", ""); got != "#_0123456789abcdef" {
				t.Errorf("reference %q", got)
			}
			if bytes.Contains(text, []byte("PrefixList")) || bytes.Contains(text, []byte("InclusiveNamespaces")) {
				t.Error("a prefix list")
			}
			context := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{serviceKey().Certificate}})
			context.Clock = dsig.NewFakeClockAt(requestedAt)
			if _, err := context.Validate(root); err != nil {
				t.Error(err)
			}
			root.CreateAttr("AssertionConsumerServiceURL", "https://evil.example/acs")
			if _, err := context.Validate(root); err == nil {
				t.Error("a changed request still verifies")
			}
		})
	}
}

// The same by a program that shares no line of code with us.
func TestXmlsec1VerifiesAPostWithEveryCanonicalizer(t *testing.T) {
	xmlsec1 := needs.Xmlsec1(t)
	folder := t.TempDir()
	key := filepath.Join(folder, "key.pem")
	if err := os.WriteFile(key, []byte(block("CERTIFICATE", serviceKey().Certificate.Raw)), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := func(text []byte) ([]byte, error) {
		file := filepath.Join(folder, "request.xml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command(xmlsec1, "--verify", "--enabled-key-data", "rsa,x509", "--id-attr:ID",
			"urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest", "--pubkey-cert-pem", key, file).CombinedOutput()
	}
	for canonicalizer := range everyCanonicalizer {
		text := signedPost(t, canonicalizer)
		if out, err := verify(text); err != nil {
			t.Errorf("%q: %v\n%s", canonicalizer, err, out)
		}
		if _, err := verify(bytes.Replace(text, []byte("/acs"), []byte("/other"), 1)); err == nil {
			t.Errorf("%q: a changed request still verifies", canonicalizer)
		}
	}
}

func TestAnUnsignedPostHasNoSignature(t *testing.T) {
	s, idp, sp := connection()
	s.RequestBinding = POST
	sp.Keys = nil
	o := options()
	o.RelayState = ""
	out := build(t, s, idp, sp, o)
	if len(out.Fields) != 1 || decode(t, message(t, out)).Signature != nil {
		t.Errorf("fields %v", out.Fields)
	}
}

func TestValuesInARequestCannotBecomeMarkup(t *testing.T) {
	s, idp, sp := connection()
	sp.EntityID = `"><evil a='&b;'/>`
	sp.ACS = `https://idms.example/saml/a"b/acs`
	request := decode(t, message(t, build(t, s, idp, sp, options())))
	if request.Issuer.Value != sp.EntityID || request.AssertionConsumerServiceURL != sp.ACS {
		t.Errorf("%q, %q", request.Issuer.Value, request.AssertionConsumerServiceURL)
	}
}

func TestARequestThatCannotBeBuiltSaysSoAndDoesNotPanic(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Settings, *IdP, *SP, *RequestOptions)
	}{
		{"signing without a key", func(s *Settings, _ *IdP, sp *SP, _ *RequestOptions) { s.SignRequests, sp.Keys = true, nil }},
		{"signing with an empty key", func(s *Settings, _ *IdP, sp *SP, _ *RequestOptions) { s.SignRequests, sp.Keys = true, []Key{{}} }},
		{"a canonicalizer that is none", func(s *Settings, _ *IdP, _ *SP, _ *RequestOptions) { s.SignRequests, s.Canonicalizer = true, "null" }},
		{"no issuer: the provider's would be sent", func(_ *Settings, _ *IdP, sp *SP, _ *RequestOptions) { sp.EntityID = "" }},
		{"no address", func(_ *Settings, idp *IdP, _ *SP, _ *RequestOptions) { idp.SSO = nil }},
		{"no address by the chosen binding", func(s *Settings, idp *IdP, _ *SP, _ *RequestOptions) {
			s.RequestBinding, idp.SSO = POST, idp.SSO[1:]
		}},
		{"no ID", func(_ *Settings, _ *IdP, _ *SP, o *RequestOptions) { o.ID = "" }},
		{"an ID that XML does not take", func(_ *Settings, _ *IdP, _ *SP, o *RequestOptions) { o.ID = "0a" }},
		{"an ID with a colon", func(_ *Settings, _ *IdP, _ *SP, o *RequestOptions) { o.ID = "a:b" }},
		{"a RelayState over 80 bytes", func(_ *Settings, _ *IdP, _ *SP, o *RequestOptions) { o.RelayState = strings.Repeat("x", 81) }},
	} {
		s, idp, sp := connection()
		o := options()
		tt.change(&s, &idp, &sp, &o)
		out, err := BuildRequest(s, idp, sp, o)
		if err == nil || out.URL != "" {
			t.Errorf("%s: %+v, %v", tt.name, out, err)
			continue
		}
		if got := fault.Sentence(err); got != "This way to log in is not set up completely." {
			t.Errorf("%s: the visitor reads %q", tt.name, got)
		}
	}
}

// M15: nobody can answer a request whose ID they have not seen.
func TestRequestIDsAreNamesAndNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewRequestID()
		if !isNCName(id) || len(id) < 1+128/4 || seen[id] {
			t.Fatalf("ID %q", id)
		}
		seen[id] = true
	}
}

// Requests are built by many logins at once from one record.
func TestRequestsDoNotDisturbOneAnother(t *testing.T) {
	s, idp, sp := connection()
	s.SignRequests = true
	first := build(t, s, idp, sp, options())
	other := options()
	other.ID, other.RelayState = "_other", "other"
	build(t, s, idp, sp, other)
	if again := build(t, s, idp, sp, options()); again.URL != first.URL {
		t.Error("the same login gave another request")
	}
}
