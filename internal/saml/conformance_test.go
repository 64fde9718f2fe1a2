package saml_test

import (
	"strings"
	"testing"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/samltest"
)

// Requirements of the Kantara implementation profile (IIP-…) and of SAML2Int
// (SDP-…) that no other test shows by itself. docs/conformance.md lists them all.

// admits verifies an answer of a scene and wants it accepted.
func admits(t *testing.T, s samltest.Scene, a samltest.Answer) saml.Assertion {
	t.Helper()
	got := judge(s, s.Respond(a))
	if !got.Accepted {
		t.Fatalf("refused: %+v", got.Steps.Refusal())
	}
	return got.Assertion
}

func TestIIPG02ValuesOf256CharactersArriveWhole(t *testing.T) {
	s := samltest.NewScene(now)
	for name, unit := range map[string]string{
		"letters":          "abcd",
		"beyond ASCII":     "äЖ日本",
		"combined":         "e\u0301o\u0308",
		"outside of a BMP": "👩🏽‍💻",
		"of XML":           `<&">`,
		"white space":      "a\tb\n",
	} {
		value := []rune(strings.Repeat(unit, 256))[:255]
		whole := string(value) + "." // not white space, which would be trimmed (S12)
		assertion := admits(t, s, s.Answer().Attribute("long", whole).With(func(a *samltest.Answer) { a.NameID.Value = whole }))
		if assertion.NameID.Value != whole {
			t.Errorf("%s: the NameID arrived as %q", name, assertion.NameID.Value)
		}
		if got, _ := assertion.Attributes.Get("long"); len(got.Values) != 1 || got.Values[0] != whole {
			t.Errorf("%s: the value arrived as %q", name, got.Values)
		}
	}
}

func TestIIPSP01AnyNameAndNameFormatOfAnAttributeIsTaken(t *testing.T) {
	s := samltest.NewScene(now)
	for _, tt := range []samltest.Attribute{
		{Name: "urn:oid:1.3.6.1.4.1.5923.1.1.1.9.99999.1.2.3.4.5.6.7.8.9"},
		{Name: "http://claims.example/ä ö/日本語?x=1#y"},
		{Name: `a "name" & <more>`, NameFormat: "urn:nobody:knows:this:format"},
		{Name: "https://refeds.org/x", NameFormat: "https://example.com/format#1"},
	} {
		tt.Values = []string{"value"}
		got, ok := admits(t, s, s.Answer().AttributeAs(tt)).Attributes.Get(tt.Name)
		if !ok || len(got.Values) != 1 || got.Values[0] != "value" {
			t.Errorf("%q of %q arrived as %+v", tt.Name, tt.NameFormat, got)
		}
	}
}

func TestIIPSP11AFriendlyNameIsNeverAName(t *testing.T) {
	s := samltest.NewScene(now)
	assertion := admits(t, s, s.Answer().
		AttributeAs(samltest.Attribute{Name: "urn:oid:0.9.2342.19200300.100.1.3", FriendlyName: "mail", Values: []string{"ada@example.test"}}).
		AttributeAs(samltest.Attribute{Name: "urn:oid:2.5.4.42", FriendlyName: "email", Values: []string{"another@example.test"}}))
	if got, ok := assertion.Attributes.Get("mail"); ok {
		t.Errorf("found by its FriendlyName: %+v", got)
	}
	if got, _ := assertion.Attributes.Get("email"); len(got.Values) != 1 || got.Values[0] != "ada@example.test" {
		t.Errorf("a FriendlyName joined another attribute: %q", got.Values)
	}
}

func TestIIPSSO05PersistentAndTransientNamesAreTaken(t *testing.T) {
	s := samltest.NewScene(now)
	for _, format := range []string{samltest.FormatPersistent, samltest.FormatTransient, "urn:company:our-own-format"} {
		want := saml.NameID{Value: "_f3b1c9a25d0e4a1b", Format: format, NameQualifier: s.IdP.EntityID, SPNameQualifier: s.SP.EntityID}
		if got := admits(t, s, s.Answer().With(func(a *samltest.Answer) { a.NameID = want })).NameID; got != want {
			t.Errorf("%s arrived as %+v", format, got)
		}
	}
}

// IIP-EXT01: attributes that the schema leaves open (xsd:anyAttribute) mean
// nothing here, and break nothing.
func TestIIPEXT01UndefinedAttributesAreIgnored(t *testing.T) {
	s := samltest.NewScene(now)
	plain := admits(t, s, s.Answer())
	open := admits(t, s, s.Answer().Draft(func(response *etree.Element) {
		for _, element := range response.FindElements(".//AttributeStatement/Attribute") {
			element.CreateAttr("xmlns:more", "https://example.com/more")
			element.CreateAttr("more:original-issuer", "somebody")
		}
		for _, element := range response.FindElements(".//SubjectConfirmationData") {
			element.CreateAttr("xmlns:more", "https://example.com/more")
			element.CreateAttr("more:device", "phone")
		}
	}))
	if len(open.Attributes) != len(plain.Attributes) || open.NameID != plain.NameID {
		t.Errorf("%+v became %+v", plain, open)
	}
}

// IIP-MD05: what other specifications put into metadata is no hindrance.
func TestIIPMD05ExtensionsOfMetadataAreNoHindrance(t *testing.T) {
	idp := samltest.NewIdP("https://idp.example.test/saml")
	text := string(idp.Metadata())
	extensions := `<md:Extensions xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
		xmlns:alg="urn:oasis:names:tc:SAML:metadata:algsupport" xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" xmlns:x="https://example.com/unknown">
		<mdattr:EntityAttributes><saml:Attribute Name="http://macedir.org/entity-category"><saml:AttributeValue>http://refeds.org/category/hide-from-discovery</saml:AttributeValue></saml:Attribute></mdattr:EntityAttributes>
		<alg:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><mdrpi:RegistrationInfo registrationAuthority="https://federation.example"/>
		<x:anything deep="yes"><x:deeper/></x:anything></md:Extensions>`
	role := `<md:Extensions xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui" xmlns:shibmd="urn:mace:shibboleth:metadata:1.0">
		<shibmd:Scope regexp="false">example.test</shibmd:Scope><mdui:UIInfo><mdui:DisplayName xml:lang="en">Example</mdui:DisplayName>
		<mdui:Logo width="16" height="16">https://idp.example.test/logo.png</mdui:Logo></mdui:UIInfo></md:Extensions>`
	for after, add := range map[string]string{"<md:EntityDescriptor": extensions, "<md:IDPSSODescriptor": role} {
		begin := strings.Index(text, after)
		end := begin + strings.Index(text[begin:], ">") + 1
		text = text[:end] + add + text[end:]
	}
	got, err := saml.Settings{Metadata: text}.IdP()
	if err != nil {
		t.Fatal(err)
	}
	if got.EntityID != idp.EntityID || len(got.Certificates) != 1 || len(got.SSO) != 2 {
		t.Errorf("read as %+v", got)
	}
}
