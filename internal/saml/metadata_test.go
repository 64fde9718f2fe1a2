package saml

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
)

func metadataFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "metadata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func certificateFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "certificates", name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bareCertificate is a certificate as metadata holds it.
func bareCertificate(t testing.TB, name string) string {
	text := certificateFile(t, name)
	text = strings.ReplaceAll(text, "-----BEGIN CERTIFICATE-----", "")
	text = strings.ReplaceAll(text, "-----END CERTIFICATE-----", "")
	return strings.Join(strings.Fields(text), "")
}

// Made by openssl x509 -fingerprint -sha256.
const (
	fingerprintA    = "fa3dadb9fbaec22365f0f3522829ec255f325c497f58b90d6b32f7525a37d403"
	fingerprintB    = "9a917013386f9d0dbe7b1cdf165b787bd95a180eccaad6efee8b737659eaf191"
	fingerprintLeaf = "3d43128bca92a88e2d92b8dd64b282273aee5ee3f7dc2ebbecb476b63d2bac2a"
)

// summary is an identity provider in a few lines that a person can compare.
func summary(idp IdP) string {
	var b strings.Builder
	fmt.Fprintf(&b, "entity %s\n", idp.EntityID)
	for _, e := range idp.SSO {
		fmt.Fprintf(&b, "sso %s %s\n", e.Binding, e.URL)
	}
	for _, e := range idp.Logout {
		fmt.Fprintf(&b, "logout %s %s\n", e.Binding, e.URL)
	}
	for _, c := range idp.Certificates {
		name := Fingerprint(c)
		switch name {
		case fingerprintA:
			name = "A"
		case fingerprintB:
			name = "B"
		}
		fmt.Fprintf(&b, "key %s\n", name)
	}
	for _, f := range idp.NameIDFormats {
		fmt.Fprintf(&b, "format %s\n", f[strings.LastIndex(f, ":")+1:])
	}
	if idp.WantRequestsSigned {
		b.WriteString("wants signed requests\n")
	}
	if !idp.ValidUntil.IsZero() {
		fmt.Fprintf(&b, "until %s\n", idp.ValidUntil.Format(time.RFC3339))
	}
	return b.String()
}

// parseMetadata reads a document as a record's settings do: entityID says which
// entity is meant, "" the only identity provider in it.
func parseMetadata(doc []byte, entityID string) (IdP, error) {
	all, err := readMetadata(doc)
	if err != nil {
		return IdP{}, err
	}
	entity, err := all.choose(entityID)
	if err != nil {
		return IdP{}, err
	}
	idp, _, err := entity.idp()
	return idp, err
}

// entityIDs names the identity providers in a document, in its order.
func entityIDs(doc []byte) ([]string, error) {
	all, err := readMetadata(doc)
	var ids []string
	for _, one := range all.identityProviders() {
		ids = append(ids, one.id)
	}
	return ids, err
}

// M25: the styles that providers write metadata in.
func TestMetadataOfEveryStyleIsRead(t *testing.T) {
	const entraURL = "https://login.entra.example/6b0ff1c9-0000-4000-8000-000000000001/saml2"
	const oktaURL = "https://acme.okta.example/app/acme_idms_1/exk1a2b3c4d5e6f7g8/sso/saml"
	const keycloak = `entity https://sso.keycloak.example/realms/acme
sso post https://sso.keycloak.example/realms/acme/protocol/saml
sso redirect https://sso.keycloak.example/realms/acme/protocol/saml
logout post https://sso.keycloak.example/realms/acme/protocol/saml
logout redirect https://sso.keycloak.example/realms/acme/protocol/saml
key A
format persistent
format transient
format unspecified
format emailAddress
wants signed requests
`
	for _, tt := range []struct{ name, file, entity, want string }{
		{"Entra ID: a byte-order mark, a WS-Federation role, two certificates of one name", "entra.xml", "",
			"entity https://sts.windows.example/6b0ff1c9-0000-4000-8000-000000000001/\nsso redirect " + entraURL + "\nsso post " + entraURL + "\nlogout redirect " + entraURL + "\nkey A\nkey B\n"},
		{"ADFS: an SP role beside the IdP role, a key for encryption only", "adfs.xml", "",
			"entity http://adfs.corp.example/adfs/services/trust\nsso redirect https://adfs.corp.example/adfs/ls/\nsso post https://adfs.corp.example/adfs/ls/\nlogout redirect https://adfs.corp.example/adfs/ls/\nlogout post https://adfs.corp.example/adfs/ls/\nkey A\nformat emailAddress\nformat persistent\nformat transient\n"},
		{"Okta: line breaks within the certificate", "okta.xml", "",
			"entity http://www.okta.example/exk1a2b3c4d5e6f7g8\nsso post " + oktaURL + "\nsso redirect " + oktaURL + "\nkey A\nformat unspecified\nformat emailAddress\n"},
		{"Google Workspace: addresses with a query, validUntil", "google.xml", "",
			"entity https://accounts.google.example/o/saml2?idpid=C01abcd23\nsso redirect https://accounts.google.example/o/saml2/idp?idpid=C01abcd23\nsso post https://accounts.google.example/o/saml2/idp?idpid=C01abcd23\nkey A\nformat emailAddress\nuntil 2030-06-01T08:15:30Z\n"},
		{"Keycloak: KeyName, SOAP and artifact bindings, signed requests wanted", "keycloak.xml", "", keycloak},
		{"Keycloak of old: the same within EntitiesDescriptor", "keycloak-entities.xml", "", keycloak},
		{"Shibboleth: comments, xmlns:xml declared, keys of the back channel, SAML 1 beside", "shibboleth.xml", "",
			"entity https://idp.shibboleth.example/idp/shibboleth\nsso post https://idp.shibboleth.example/idp/profile/SAML2/POST/SSO\nsso redirect https://idp.shibboleth.example/idp/profile/SAML2/Redirect/SSO\nkey B\nkey A\nuntil 2029-12-31T23:59:59Z\n"},
		{"SimpleSAMLphp: redirect only", "simplesamlphp.xml", "",
			"entity https://sso.simplesaml.example/simplesaml/saml2/idp/metadata.php\nsso redirect https://sso.simplesaml.example/simplesaml/saml2/idp/SSOService.php\nlogout redirect https://sso.simplesaml.example/simplesaml/saml2/idp/SingleLogoutService.php\nkey A\nformat transient\n"},
		{"PingFederate: an entity ID that is no URI", "pingfederate.xml", "",
			"entity PingFederate-Corp\nsso post https://sso.ping.example/idp/SSO.saml2\nsso redirect https://sso.ping.example/idp/SSO.saml2\nkey A\nkey B\nformat unspecified\n"},
		{"Auth0", "auth0.xml", "",
			"entity urn:acme.auth0.example\nsso redirect https://acme.auth0.example/samlp/c1\nsso post https://acme.auth0.example/samlp/c1\nlogout redirect https://acme.auth0.example/samlp/c1/logout\nkey A\nformat emailAddress\n"},
		{"a federation: the named entity, and the end of what it stands in", "federation.xml", "https://north.federation.example/idp",
			"entity https://north.federation.example/idp\nsso redirect https://north.federation.example/sso\nkey A\nuntil 2029-01-01T00:00:00Z\n"},
		{"a federation: nested, the earliest end of all around it", "federation.xml", "https://south.federation.example/idp",
			"entity https://south.federation.example/idp\nsso redirect https://south.federation.example/sso\nkey B\nuntil 2028-01-01T00:00:00Z\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			idp, err := parseMetadata(metadataFile(t, tt.file), tt.entity)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(idp); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestAFederationListsItsIdentityProvidersAndNotItsServices(t *testing.T) {
	ids, err := entityIDs(metadataFile(t, "federation.xml"))
	want := []string{"https://north.federation.example/idp", "https://south.federation.example/idp"}
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("got %q, %v", ids, err)
	}
}

// metadataOf writes an EntityDescriptor around the given content of its one
// IDPSSODescriptor.
func metadataOf(attributes, role string) string {
	return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example/"` + attributes + `>` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + role + `</md:IDPSSODescriptor></md:EntityDescriptor>`
}

func keyDescriptorOf(certificates ...string) string {
	var b strings.Builder
	b.WriteString(`<md:KeyDescriptor><ds:KeyInfo><ds:X509Data>`)
	for _, one := range certificates {
		b.WriteString(`<ds:X509Certificate>` + one + `</ds:X509Certificate>`)
	}
	b.WriteString(`</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`)
	return b.String()
}

const ssoElement = `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>`

// M25: everything that could be read in two ways, or is something else.
func TestMetadataTrapsAreRefusedWithWhatToDo(t *testing.T) {
	a := keyDescriptorOf(bareCertificate(t, "a"))
	good := metadataOf("", a+ssoElement)
	const sp = `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://us.example/"><md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/></md:EntityDescriptor>`
	for _, tt := range []struct{ name, doc, entity, want string }{
		{"nothing", "", "", "cannot be read"},
		{"not XML", "https://idp.example/metadata", "", "cannot be read"},
		{"a web page", "<html><body>Log in</body></html>", "", "web page"},
		{"a web page as browsers get it", "<!DOCTYPE html>\n<html lang=en><br><body>Log in", "", "web page"},
		{"cut off", strings.TrimSuffix(good, "</md:EntityDescriptor>"), "", "not closed"},
		{"a document type", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + good, "", "document type"},
		{"an entity", strings.Replace(good, "idp.example/sso", "&e;", 1), "", "unknown reference"},
		{"a processing instruction", strings.Replace(good, a, "<?php 1 ?>", 1), "", "processing instruction"},
		{"a second root", good + good, "", "second root"},
		{"the same attribute twice", strings.Replace(good, "entityID=", `entityID="https://evil.example/" entityID=`, 1), "", "twice"},
		{"UTF-16", "\xff\xfe<\x00", "", "UTF-8"},
		{"another namespace", strings.Replace(good, "SAML:2.0:metadata", "SAML:2.1:metadata", 1), "", "outermost element"},
		{"a message instead of metadata", `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`, "", "outermost element"},
		{"a service provider's", sp, "", "service provider"},
		{"a service provider's, although it bears the issuer's name", sp, "https://us.example/", "service provider"},
		{"no role at all", `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/"/>`, "", "no identity provider"},
		{"SAML 1.1 only", strings.Replace(good, "SAML:2.0:protocol", "SAML:1.1:protocol", 1), "", "no identity provider"},
		{"the role only within Extensions", strings.Replace(strings.Replace(good, "<md:IDPSSO", "<md:Extensions><md:IDPSSO", 1), "</md:IDPSSODescriptor>", "</md:IDPSSODescriptor></md:Extensions>", 1), "", "no identity provider"},
		{"the role in another namespace", strings.ReplaceAll(good, "md:IDPSSODescriptor", "ds:IDPSSODescriptor"), "", "no identity provider"},
		{"two identity-provider roles", strings.Replace(good, "</md:EntityDescriptor>", `<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/></md:EntityDescriptor>`, 1), "", "2 IDPSSODescriptors"},
		{"no entityID", strings.Replace(good, "entityID", "entity", 1), "", "no entityID"},
		{"an entityID over 1,024 characters", strings.Replace(good, "https://idp.example/\"", "https://idp.example/"+strings.Repeat("x", 1005)+"\"", 1), "", "longer than 1024"},
		{"an entityID with white space within", strings.Replace(good, "https://idp.example/\"", "https://idp.example/ https://evil.example/\"", 1), "", "white space"},
		{"another entity than the record's", good, "https://other.example/", `is of "https://idp.example/", not of "https://other.example/"`},
		{"an entity that differs in case alone", good, "https://IDP.example/", "not of"},
		{"several identity providers and no issuer", string(metadataFile(t, "federation.xml")), "", `2 identity providers. Enter the issuer of the one you mean: "https://north`},
		{"an issuer that no entity has", string(metadataFile(t, "federation.xml")), "https://west.federation.example/idp", "not of"},
		{"one entity described twice", `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">` + good + strings.Replace(good, "idp.example/sso", "evil.example/sso", 1) + `</md:EntitiesDescriptor>`, "https://idp.example/", "more than once"},
		{"an empty EntitiesDescriptor", `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>`, "", "no identity provider"},
		{"a certificate cut short", metadataOf("", keyDescriptorOf(bareCertificate(t, "a")[:400])+ssoElement), "", "certificate in the metadata cannot be read"},
		{"a certificate with letters lost", metadataOf("", keyDescriptorOf("?"+bareCertificate(t, "a"))+ssoElement), "", "certificate in the metadata cannot be read"},
		{"seventeen keys", metadataOf("", strings.Repeat(a, 1)+keyDescriptorOf(slices.Repeat([]string{bareCertificate(t, "a")}, 17)...)+ssoElement), "", "at most 16"},
		{"validUntil that is no instant", metadataOf(` validUntil="tomorrow"`, a+ssoElement), "", "validUntil"},
		{"WantAuthnRequestsSigned that is no truth", strings.Replace(good, "<md:IDPSSODescriptor ", `<md:IDPSSODescriptor WantAuthnRequestsSigned="yes" `, 1), "", "neither true nor false"},
		{"thirty-three addresses", metadataOf("", a+manySSO(33)), "", "more than 32 addresses"},
		{"over 4 MiB", good + strings.Repeat(" ", MaxMetadata), "", "at most 4 MiB"},
		{"too deep", strings.Repeat("<a>", 33) + strings.Repeat("</a>", 33), "", "deeper"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			idp, err := parseMetadata([]byte(tt.doc), tt.entity)
			if err == nil {
				t.Fatalf("was read: %s", summary(idp))
			}
			if got := fault.Sentence(err); !strings.Contains(got, tt.want) {
				t.Errorf("says %q, want something about %q", got, tt.want)
			}
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("kind = %v", fault.KindOf(err))
			}
		})
	}
}

func manySSO(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso/%d"/>`, i)
	}
	return b.String()
}

// M25, M06: keys that cannot verify are left out, and it is said.
func TestMetadataKeysThatCannotVerifyAreLeftOutAndNamed(t *testing.T) {
	a, leaf := bareCertificate(t, "a"), bareCertificate(t, "leaf")
	for _, tt := range []struct {
		name, keys string
		want, note string
	}{
		{"an elliptic-curve key beside an RSA key", keyDescriptorOf(bareCertificate(t, "ec")) + keyDescriptorOf(a), "key A\n", "no RSA key"},
		{"an RSA key of 1,024 bits", keyDescriptorOf(bareCertificate(t, "weak")) + keyDescriptorOf(a), "key A\n", "length"},
		{"a chain: the authority may not sign responses", keyDescriptorOf(leaf, bareCertificate(t, "ca")), "key " + fingerprintLeaf + "\n", "only issued"},
		{"an authority that stands alone is a key like any other", keyDescriptorOf(bareCertificate(t, "ca")), "", ""},
		{"a roll-over: two self-signed certificates of one name in one KeyInfo", keyDescriptorOf(a, bareCertificate(t, "b")), "key A\nkey B\n", ""},
		{"the same certificate twice", keyDescriptorOf(a, a) + keyDescriptorOf(a), "key A\n", ""},
		{"a comment within the certificate", keyDescriptorOf(a[:100] + "<!-- c -->" + a[100:]), "key A\n", ""},
		{"no certificate, only a name", `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:KeyName>k</ds:KeyName></ds:KeyInfo></md:KeyDescriptor>` + keyDescriptorOf(a), "key A\n", "no X.509"},
		{"encryption only", strings.Replace(keyDescriptorOf(bareCertificate(t, "enc")), "<md:KeyDescriptor", `<md:KeyDescriptor use="encryption"`, 1) + keyDescriptorOf(a), "key A\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, err := readMetadata([]byte(metadataOf("", tt.keys+ssoElement)))
			if err != nil {
				t.Fatal(err)
			}
			idp, notes, err := all[0].idp()
			if err != nil {
				t.Fatal(err)
			}
			idp.SSO = nil
			if tt.want != "" && summary(idp) != "entity https://idp.example/\n"+tt.want {
				t.Errorf("got\n%s", summary(idp))
			}
			if len(idp.Certificates) == 0 {
				t.Error("no key is left")
			}
			if text := strings.Join(notes, "\n"); tt.note == "" && text != "" || !strings.Contains(text, tt.note) {
				t.Errorf("notes %q, want %q", text, tt.note)
			}
		})
	}
}

func TestMetadataAddressesThatCannotBeUsedAreLeftOutAndNamed(t *testing.T) {
	for _, location := range []string{
		"http://idp.example/sso", "javascript:alert(1)", "/sso", "https://user:pw@idp.example/sso",
		"https://idp.example/sso#x", "https://idp.example\\@evil.example/", "", "https://idp.example/sso?SAMLRequest=x",
	} {
		role := strings.Replace(ssoElement, "https://idp.example/sso", location, 1) + ssoElement
		all, err := readMetadata([]byte(metadataOf("", role)))
		if err != nil {
			t.Fatalf("%s: %v", location, err)
		}
		idp, notes, err := all[0].idp()
		if err != nil || !slices.Equal(idp.SSO, []Endpoint{{Redirect, "https://idp.example/sso"}}) || len(notes) == 0 {
			t.Errorf("%q: %v, %v, notes %q", location, idp.SSO, err, notes)
		}
	}
}

func TestValidUntilIsTheEarliestAround(t *testing.T) {
	for _, tt := range []struct{ attribute, want string }{
		{"", "0001-01-01T00:00:00Z"},
		{` validUntil="2027-03-01T12:00:00Z"`, "2027-03-01T12:00:00Z"},
		{` validUntil="2027-03-01T12:00:00.123456789Z"`, "2027-03-01T12:00:00Z"},
		{` validUntil="2027-03-01T12:00:00+02:00"`, "2027-03-01T10:00:00Z"},
		{` validUntil=" 2027-03-01T12:00:00 "`, "2027-03-01T12:00:00Z"}, // no zone: UTC (SAML core 1.3.3)
	} {
		idp, err := parseMetadata([]byte(metadataOf(tt.attribute, ssoElement)), "")
		if got := idp.ValidUntil.Truncate(time.Second).Format(time.RFC3339); err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.attribute, got, err, tt.want)
		}
	}
}

func TestTextAroundPastedMetadataIsForgiven(t *testing.T) {
	doc := "\n\t " + `<?xml version="1.0" encoding="UTF-8"?>` + metadataOf("", ssoElement) + "\r\n"
	if _, err := parseMetadata([]byte(doc), ""); err != nil {
		t.Error(err)
	}
}

// Whatever is read obeys every bound, survives being asked for by name, and
// never holds an address a browser should not be sent to (M25).
func FuzzMetadata(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "metadata", "*.xml"))
	if err != nil || len(files) == 0 {
		f.Fatal("no metadata to begin with", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "")
		f.Add(text, "https://south.federation.example/idp")
	}
	f.Add([]byte(metadataOf(` validUntil="2027-03-01T12:00:00"`, keyDescriptorOf("MIIB")+ssoElement)), "https://idp.example/")
	// Small ones, so that a change hits the structure and not a certificate.
	for _, doc := range []string{
		metadataOf("", ssoElement),
		metadataOf("", `<md:NameIDFormat> urn:x </md:NameIDFormat><!-- c -->`+manySSO(2)),
		`<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" validUntil="2027-03-01T12:00:00Z">` + metadataOf("", ssoElement) + `<EntitiesDescriptor/></EntitiesDescriptor>`,
		`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="a"><IDPSSODescriptor WantAuthnRequestsSigned="1" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol x"/></EntityDescriptor>`,
	} {
		f.Add([]byte(doc), "")
		f.Add([]byte(doc), "https://idp.example/")
	}
	f.Fuzz(func(t *testing.T, doc []byte, entityID string) {
		before := bytes.Clone(doc)
		idp, err := parseMetadata(doc, entityID)
		if !bytes.Equal(before, doc) {
			t.Fatal("the document was changed")
		}
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || !strings.HasSuffix(fault.Sentence(err), ".") {
				t.Fatalf("not a sentence for an administrator: %v", err)
			}
			return
		}
		if entityID != "" && idp.EntityID != entityID {
			t.Fatalf("asked for %q, got %q", entityID, idp.EntityID)
		}
		if checkEntityID(idp.EntityID) != nil || idp.EntityID == "" {
			t.Fatalf("entity ID %q", idp.EntityID)
		}
		if len(idp.Certificates) > maxCertificates || len(idp.SSO) > maxEndpoints || len(idp.NameIDFormats) > maxNameIDFormats {
			t.Fatal("a bound was passed")
		}
		for _, certificate := range idp.Certificates {
			if unusable(certificate) != "" {
				t.Fatal("a key that cannot verify")
			}
		}
		for _, endpoint := range append(idp.SSO, idp.Logout...) {
			if parseSSOURL(endpoint.URL) != nil || !isBinding(endpoint.Binding) {
				t.Fatalf("endpoint %+v", endpoint)
			}
		}
		ids, err := entityIDs(doc)
		if err != nil || !slices.Contains(ids, idp.EntityID) {
			t.Fatalf("%q is not among %q, %v", idp.EntityID, ids, err)
		}
		if again, err := parseMetadata(doc, idp.EntityID); err == nil && summary(again) != summary(idp) {
			t.Fatal("the same entity read in two ways")
		}
	})
}
