package samltest

import (
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"

	"idms/internal/rules"
	"idms/internal/saml"
)

// Styles are responses that real providers send, each with the record that an
// administrator would have made for it. now is the verifier's clock.
func Styles(now time.Time) []Style {
	var styles []Style
	for _, vendor := range vendors {
		styles = append(styles, vendor(now)...)
	}
	return append(styles, variations(now)...)
}

// Groups are n different group names.
func Groups(n int) []string {
	groups := make([]string, n)
	for i := range groups {
		groups[i] = fmt.Sprintf("group-%05d", i+1)
	}
	return groups
}

// groupIDs are n different identifiers as Entra ID names groups.
func groupIDs(n int) []string {
	groups := make([]string, n)
	for i := range groups {
		groups[i] = fmt.Sprintf("5f2c7a10-1d3e-4b68-9a57-%012x", i+1)
	}
	return groups
}

var vendors = []func(time.Time) []Style{
	entra, okta, adfs, google, pingFederate, oneLogin, keycloak, shibboleth, simpleSAMLphp, pysaml2, lemonldap, auth0, multiPass,
}

const (
	millis = "2006-01-02T15:04:05.000Z07:00"
	// claims of WS-Federation's times, which Microsoft's products and Auth0 use.
	claims      = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	entraGroups = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
	entraRoles  = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
	// what Entra ID sends instead of more than 150 groups.
	entraOverage = "http://schemas.microsoft.com/claims/groups.link"
)

// styled finishes a style: the IDs are fixed first, so that the message and the
// expectation agree.
func styled(name string, s Scene, a Answer, signedBy saml.Key, plain bool) Style {
	a.AssertionID = or(a.AssertionID, NewID())
	a.SessionIndex = or(a.SessionIndex, a.AssertionID)
	return Style{Scene: s, Name: name, Message: s.Respond(a), Want: s.Want(a, signedBy), Plain: plain}
}

// Entra ID signs the assertion, uses default namespaces, names claims by URI
// and groups by object identifier, and keeps two certificates in its metadata
// while it rolls over.
func entra(now time.Time) []Style {
	idp := NewIdP("https://sts.windows.net/9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e/", Key(Signer), Key(NextSigner))
	idp.Dialect = Dialect{Assertion: NoPrefix, Signature: NoPrefix, Time: millis}
	s := SceneFor(idp, now)
	base := s.Answer().With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "ada@corp.test", Format: FormatEmail}
		a.NotBefore, a.NotOnOrAfter = now.Add(-5*time.Minute), now.Add(65*time.Minute)
		a.AuthnInstant = now.Add(-3*time.Hour - 123*time.Millisecond)
		a.Context = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
		a.Attributes = []Attribute{
			{Name: "http://schemas.microsoft.com/identity/claims/tenantid", Values: []string{"9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e"}},
			{Name: "http://schemas.microsoft.com/identity/claims/objectidentifier", Values: []string{"0b9c6f4e-7a2d-4f5b-8c1e-3d6a9e2f7b40"}},
			{Name: "http://schemas.microsoft.com/identity/claims/displayname", Values: []string{"Ada Lovelace"}},
			{Name: "http://schemas.microsoft.com/claims/authnmethodsreferences", Values: []string{
				"http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password",
				"http://schemas.microsoft.com/claims/multipleauthn",
			}},
			{Name: claims + "givenname", Values: []string{"Ada"}},
			{Name: claims + "surname", Values: []string{"Lovelace"}},
			{Name: claims + "emailaddress", Values: []string{"ada@corp.test"}},
			{Name: claims + "name", Values: []string{"ada@corp.test"}},
		}
	})
	grouped := base.AttributeAs(Attribute{Name: entraGroups, Values: groupIDs(20)})
	overage := base.AttributeAs(Attribute{Name: entraOverage, Values: []string{
		"https://graph.windows.net/9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e/users/0b9c6f4e-7a2d-4f5b-8c1e-3d6a9e2f7b40/getMemberObjects"}})
	next := grouped.SignWith(Signature{Key: Key(NextSigner)})
	both := grouped.Sign(SignBoth)
	// Token encryption takes AES-256-CBC, and the response is unsigned unless the
	// signing option says otherwise.
	encrypted := Encryption{Data: AES256CBC, Show: true}
	legacy := s
	legacy.Settings.LegacyCBC = true

	styles := []Style{
		styled("Entra ID, token encryption with response and assertion signed", s, both.Encrypt(encrypted), Key(Signer), true),
		styled("Entra ID, token encryption in an unsigned response, by the legacy switch", legacy, grouped.Encrypt(encrypted), Key(Signer), true),
		styled("Entra ID, 20 groups by GUID", s, grouped, Key(Signer), true),
		styled("Entra ID, signed by its second certificate", s, next, Key(NextSigner), true),
		styled("Entra ID, response and assertion signed", s, both, Key(Signer), true),
	}
	// S14: the link stands for the groups, which are then known to be incomplete,
	// under every name that an administrator of Entra ID usually sends them.
	link := styled("Entra ID, groups overage link", s, overage, Key(Signer), true)
	for _, name := range []string{entraGroups, entraRoles, "groups", "group", "Group"} {
		link.Want.Attributes = append(link.Want.Attributes, rules.Attribute{Name: name, Incomplete: true})
	}
	return append(styles, link)
}

// Okta signs response and assertion, declares xs on the outside and names it in
// a PrefixList, so that a proxy which moves the declaration breaks nothing.
func okta(now time.Time) []Style {
	idp := NewIdP("http://www.okta.com/exk1fcia6d6EMsf331d8")
	idp.SSO = "https://corp.okta.test/app/corp_idms_1/exk1fcia6d6EMsf331d8/sso/saml"
	idp.Dialect = Dialect{Protocol: "saml2p", Assertion: "saml2", Type: "xs:string", TypesOnRoot: true, Time: millis,
		Declaration: `version="1.0" encoding="UTF-8"`}
	s := SceneFor(idp, now)
	prefixed := Signature{
		Transforms: []Transform{{Algorithm: Enveloped}, {Algorithm: Exclusive, PrefixList: "xs"}},
		LineLength: 76,
	}
	entity := func(response *etree.Element) {
		for _, issuer := range []*etree.Element{child(response, "Issuer"), find(response, "Assertion", "Issuer")} {
			issuer.CreateAttr("Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:entity")
		}
	}
	a := s.Answer().Sign(SignBoth).SignWith(prefixed).Draft(entity).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "ada@corp.test", Format: FormatEmail}
		a.SessionIndex = "id1718000000000.1234567890"
		a.NotBefore = now.Add(-5 * time.Minute)
		a.Attributes = nil
		for _, attribute := range []Attribute{
			{Name: "firstName", Values: []string{"Ada"}},
			{Name: "lastName", Values: []string{"Lovelace"}},
			{Name: "email", Values: []string{"ada@corp.test"}},
			{Name: "groups", Values: []string{"Everyone", "Platform", "Ops & Admins"}},
		} {
			attribute.NameFormat = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"
			a.Attributes = append(a.Attributes, attribute)
		}
	})
	// gosaml2 reads no line break inside SignatureValue; without them it agrees.
	oneLine := prefixed
	oneLine.LineLength = 0
	return []Style{
		styled("Okta, both signed, PrefixList xs, base64 in lines", s, a, Key(Signer), false),
		styled("Okta, both signed, PrefixList xs", s, a.SignWith(oneLine), Key(Signer), true),
		styled("Okta, both signed and encrypted", s, a.SignWith(oneLine).Encrypt(Encryption{Data: AES256GCM}), Key(Signer), true),
	}
}

// AD FS writes a Consent, .NET's seven fractional digits, group names as
// claims, and encrypts with CBC unless told otherwise.
func adfs(now time.Time) []Style {
	idp := NewIdP("http://adfs.corp.test/adfs/services/trust")
	idp.SSO, idp.Logout = "https://adfs.corp.test/adfs/ls/", "https://adfs.corp.test/adfs/ls/"
	idp.Dialect = Dialect{Assertion: NoPrefix, Time: "2006-01-02T15:04:05.0000000Z07:00"}
	s := SceneFor(idp, now)
	a := s.Answer().With(func(a *Answer) {
		a.NameID = saml.NameID{Value: `CORP\ada`}
		a.NotBefore, a.NotOnOrAfter = now, now.Add(time.Hour)
		a.AuthnInstant = now.Add(-time.Minute - 100*time.Nanosecond)
		a.Attributes = []Attribute{
			{Name: claims + "upn", Values: []string{"ada@corp.test"}},
			{Name: claims + "emailaddress", Values: []string{"ada@corp.test"}},
			{Name: claims + "givenname", Values: []string{"Ada"}},
			{Name: claims + "surname", Values: []string{"Lovelace"}},
			{Name: "http://schemas.xmlsoap.org/claims/Group", Values: []string{"Domain Users", "Platform"}},
		}
	}).Draft(func(response *etree.Element) {
		response.CreateAttr("Consent", "urn:oasis:names:tc:SAML:2.0:consent:unspecified")
	})
	cbc := Encryption{Data: AES256CBC, Show: true}
	legacy := s
	legacy.Settings.LegacyCBC = true
	return []Style{
		styled("AD FS, assertion signed", s, a, Key(Signer), true),
		styled("AD FS, both signed", s, a.Sign(SignBoth), Key(Signer), true),
		styled("AD FS, encrypted with CBC in an unsigned response, by the legacy switch", legacy, a.Encrypt(cbc), Key(Signer), true),
		styled("AD FS, encrypted with CBC in a signed response", s, a.Sign(SignBoth).Encrypt(cbc), Key(Signer), true),
	}
}

// Google Workspace signs the assertion, or the response when a box is ticked,
// and types its values as xs:anyType.
func google(now time.Time) []Style {
	idp := NewIdP("https://accounts.google.com/o/saml2?idpid=C03abcd12")
	idp.SSO, idp.Logout = "https://accounts.google.com/o/saml2/idp?idpid=C03abcd12", ""
	idp.Dialect = Dialect{Protocol: "saml2p", Assertion: "saml2", Type: "xs:anyType", Time: millis,
		Declaration: `version="1.0" encoding="UTF-8" standalone="no"`}
	s := SceneFor(idp, now)
	a := s.Answer().With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "ada@corp.test", Format: FormatEmail}
		a.NotBefore = now.Add(-5 * time.Minute)
		a.Context = ContextAny
		a.Attributes = []Attribute{
			{Name: "firstName", Values: []string{"Ada"}},
			{Name: "lastName", Values: []string{"Lovelace"}},
			{Name: "groups", Values: []string{"Platform", "Königsberg"}},
		}
	})
	response := s
	response.Settings.Signed = saml.SignedResponse
	return []Style{
		styled("Google Workspace, assertion signed", s, a, Key(Signer), true),
		styled("Google Workspace, response signed", response, a.Sign(SignResponse), Key(Signer), true),
	}
}

// PingFederate sends no KeyInfo unless told to, while its metadata may hold two
// certificates: every key has to be tried.
func pingFederate(now time.Time) []Style {
	idp := NewIdP("https://ping.corp.test:9031", Key(Signer), Key(NextSigner))
	idp.SSO = "https://ping.corp.test:9031/idp/SSO.saml2"
	idp.Dialect = Dialect{Time: millis, Type: "xs:string"}
	s := SceneFor(idp, now)
	a := s.Answer().SignWith(Signature{KeyInfo: ShowNothing}).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "ada", Format: FormatUnspecified}
		a.NotBefore = now.Add(-5 * time.Minute)
		a.Context = ContextAny
		a.Attributes = []Attribute{
			{Name: "SAML_SUBJECT", NameFormat: nameFormatBasic, Values: []string{"ada"}},
			{Name: "memberOf", NameFormat: nameFormatBasic, Values: []string{"CN=Platform,OU=Groups,DC=corp,DC=test", "CN=Ops,OU=Groups,DC=corp,DC=test"}},
		}
	})
	next := a.SignWith(Signature{KeyInfo: ShowNothing, Key: Key(NextSigner)})
	return []Style{
		styled("PingFederate, no KeyInfo, the first of two certificates", s, a, Key(Signer), false),
		styled("PingFederate, no KeyInfo, the second of two certificates", s, next, Key(NextSigner), false),
		styled("PingFederate, response signed, no KeyInfo", s, next.Sign(SignResponse), Key(NextSigner), false),
	}
}

// OneLogin declares both namespaces on the Response.
func oneLogin(now time.Time) []Style {
	idp := NewIdP("https://app.onelogin.com/saml/metadata/6a2f0c9e")
	idp.Dialect = Dialect{Rootward: true, Type: "xs:string"}
	s := SceneFor(idp, now)
	a := s.Answer().With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "ada@corp.test", Format: FormatEmail}
		a.NotBefore, a.NotOnOrAfter = now.Add(-3*time.Minute), now.Add(3*time.Minute)
		a.SessionUntil = now.Add(24 * time.Hour)
		a.SessionIndex = "_3f7a2d40-9c1e-013d-5a2b-06d2c2d6b9fe"
		a.Attributes = []Attribute{
			{Name: "User.email", NameFormat: nameFormatBasic, Values: []string{"ada@corp.test"}},
			{Name: "memberOf", NameFormat: nameFormatBasic, Values: []string{"Platform;Ops"}},
			{Name: "User.LastName", NameFormat: nameFormatBasic, Values: []string{"Lovelace"}},
			{Name: "PersonImmutableID", NameFormat: nameFormatBasic, Values: []string{""}},
		}
	})
	return []Style{
		styled("OneLogin, assertion signed", s, a, Key(Signer), true),
		styled("OneLogin, response signed", s, a.Sign(SignResponse), Key(Signer), true),
		styled("OneLogin, both signed", s, a.Sign(SignBoth), Key(Signer), true),
		styled("OneLogin, both signed, encrypted with CBC", s, a.Sign(SignBoth).Encrypt(Encryption{Data: AES256CBC}), Key(Signer), true),
	}
}

// Keycloak signs the document, sends an Attribute element for each role unless
// told otherwise, and may name its key only.
func keycloak(now time.Time) []Style {
	idp := NewIdP("https://sso.corp.test/realms/corp")
	idp.SSO = "https://sso.corp.test/realms/corp/protocol/saml"
	idp.Dialect = Dialect{Rootward: true, Signature: "dsig", Type: "xs:string", Time: millis}
	s := SceneFor(idp, now)
	a := s.Answer().Sign(SignResponse).SignWith(Signature{KeyInfo: ShowAll}).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "G-4b8f6d8e-2f0c-4a53-b9a1-6e1f1f0f7c11", Format: FormatPersistent}
		a.NotBefore, a.NotOnOrAfter = now.Add(-2*time.Second), now.Add(58*time.Second)
		a.SessionUntil = now.Add(10 * time.Hour)
		a.SessionIndex = "f3b1c9a2-5d0e-4a1b-8c7d-9e0f1a2b3c4d::7a6b5c4d-3e2f-4a1b-9c8d-7e6f5a4b3c2d"
		a.Context = ContextAny
		a.Attributes = []Attribute{
			{Name: "urn:oid:1.2.840.113549.1.9.1", FriendlyName: "email", NameFormat: nameFormatURI, Values: []string{"ada@corp.test"}},
			{Name: "Role", NameFormat: nameFormatBasic, Values: []string{"offline_access", "uma_authorization", "manage-account", "platform"}, Apart: true},
		}
	})
	nameOnly := a.SignWith(Signature{KeyInfo: ShowName})
	many := a.With(func(a *Answer) { a.Attributes[1].Values = Groups(5000) })
	single := a.With(func(a *Answer) { a.Attributes[1].Apart = false })
	return []Style{
		styled("Keycloak, one Attribute for each role", s, a, Key(Signer), true),
		styled("Keycloak, Single Role Attribute", s, single, Key(Signer), true),
		styled("Keycloak 26, response signed, encrypted with GCM", s, a.Encrypt(Encryption{Data: AES256GCM, Transport: OAEP, Digest: DigestSHA256, MGF: MGF1SHA256}), Key(Signer), false),
		styled("Keycloak, KeyName only", s, nameOnly, Key(Signer), false),
		styled("Keycloak, both signed, encrypted with CBC", s, a.Sign(SignBoth).Encrypt(Encryption{Data: AES128CBC}), Key(Signer), true),
		styled("Keycloak, 5,000 roles in 5,000 Attribute elements", s, many, Key(Signer), false),
	}
}

// Shibboleth encrypts, names attributes by OID, and puts a whole NameID into the
// value of eduPersonTargetedID.
func shibboleth(now time.Time) []Style {
	const targeted = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"
	idp := NewIdP("https://idp.university.test/idp/shibboleth")
	idp.Dialect = Dialect{Protocol: "saml2p", Assertion: "saml2", Time: millis, Declaration: `version="1.0" encoding="UTF-8"`}
	s := SceneFor(idp, now)
	a := s.Answer().Sign(SignResponse).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "_b9a2c0e4f1d84c6ea2a8", Format: FormatTransient,
			NameQualifier: idp.EntityID, SPNameQualifier: s.SP.EntityID}
		a.Confirmations[0].Address = "192.0.2.17"
		a.Attributes = []Attribute{
			{Name: "urn:oid:0.9.2342.19200300.100.1.3", FriendlyName: "mail", NameFormat: nameFormatURI, Values: []string{"ada@university.test"}},
			{Name: "urn:oid:1.3.6.1.4.1.5923.1.1.1.9", FriendlyName: "eduPersonScopedAffiliation", NameFormat: nameFormatURI,
				Values: []string{"member@university.test", "staff@university.test"}},
			{Name: targeted, FriendlyName: "eduPersonTargetedID", NameFormat: nameFormatURI, Values: []string{"kV1k5rX2Zl0w8oQb"}},
		}
	}).Draft(func(response *etree.Element) {
		// The value is a NameID element; its text is what counts (M20).
		for _, attribute := range find(response, "Assertion", "AttributeStatement").ChildElements() {
			if attribute.SelectAttrValue("Name", "") != targeted {
				continue
			}
			value := child(attribute, "AttributeValue")
			text := value.Text()
			value.SetText("")
			name := value.CreateElement("saml2:NameID")
			name.CreateAttr("Format", FormatPersistent)
			name.CreateAttr("NameQualifier", idp.EntityID)
			name.CreateAttr("SPNameQualifier", s.SP.EntityID)
			name.SetText(text)
		}
	})
	return []Style{
		styled("Shibboleth, AES-GCM in a signed response", s, a.Encrypt(Encryption{Data: AES128GCM, Show: true}), Key(Signer), true),
		styled("Shibboleth, AES-CBC in a signed response, as version 3 did", s, a.Encrypt(Encryption{Data: AES128CBC, Digest: DigestSHA1, Show: true}), Key(Signer), true),
		styled("Shibboleth, EncryptedKey beside EncryptedData, base64 in lines", s,
			a.Sign(SignBoth).Encrypt(Encryption{Data: AES256GCM, Transport: OAEP, Digest: DigestSHA256, MGF: MGF1SHA1, Beside: true, Line: 64}), Key(Signer), false),
	}
}

// SimpleSAMLphp signs both and types its values.
func simpleSAMLphp(now time.Time) []Style {
	idp := NewIdP("https://ssp.corp.test/simplesaml/saml2/idp/metadata.php")
	idp.Dialect = Dialect{Rootward: true, Type: "xs:string"}
	s := SceneFor(idp, now)
	a := s.Answer().Sign(SignBoth).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "_ce3d2948b4cf20146dee0a0b3dd6f69b6cf86f62d7", Format: FormatTransient, SPNameQualifier: s.SP.EntityID}
		a.SessionUntil = now.Add(8 * time.Hour)
		a.SessionIndex = "_be9967abd904ddcae3c0eb4189adbe3f71e327cf93"
		a.Attributes = []Attribute{
			{Name: "uid", NameFormat: nameFormatBasic, Values: []string{"ada"}},
			{Name: "eduPersonAffiliation", NameFormat: nameFormatBasic, Values: []string{"member", "employee"}},
		}
	})
	return []Style{
		styled("SimpleSAMLphp, both signed", s, a, Key(Signer), true),
		styled("SimpleSAMLphp, both signed, encrypted with GCM", s, a.Encrypt(Encryption{Data: AES256GCM}), Key(Signer), true),
	}
}

// pysaml2 numbers its signatures: two and one when both are to be seen, but both
// one when the assertion is encrypted.
func pysaml2(now time.Time) []Style {
	idp := NewIdP("https://pysaml2.corp.test/metadata")
	idp.Dialect = Dialect{Protocol: "ns0", Assertion: "ns1", Signature: "ns2"}
	s := SceneFor(idp, now)
	a := s.Answer().Sign(SignBoth).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "4f0a2b6c3e1d", Format: FormatPersistent, NameQualifier: idp.EntityID, SPNameQualifier: s.SP.EntityID}
		a.Attributes = []Attribute{
			{Name: "urn:oid:0.9.2342.19200300.100.1.1", FriendlyName: "uid", NameFormat: nameFormatURI, Values: []string{"ada"}},
			{Name: "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", FriendlyName: "isMemberOf", NameFormat: nameFormatURI, Values: []string{"platform", "ops"}},
		}
	}).Sealed(func(response *etree.Element) { child(response, "Signature").CreateAttr("Id", "Signature1") })
	numbered := func(id string) func(response *etree.Element) {
		return func(response *etree.Element) { find(response, "Assertion", "Signature").CreateAttr("Id", id) }
	}
	return []Style{
		styled("pysaml2, both signed", s, a.Enclose(numbered("Signature2")), Key(Signer), true),
		styled("pysaml2, both signed with one Id, encrypted", s, a.Enclose(numbered("Signature1")).Encrypt(Encryption{Data: AES256GCM}), Key(Signer), true),
	}
}

// LemonLDAP::NG, by the library Lasso, signs both in a default namespace, with
// base64 in lines, and encrypts with AES-128-CBC.
func lemonldap(now time.Time) []Style {
	idp := NewIdP("https://auth.corp.test/saml/metadata")
	idp.Dialect = Dialect{Rootward: true, Signature: NoPrefix}
	s := SceneFor(idp, now)
	a := s.Answer().Sign(SignBoth).SignWith(Signature{LineLength: 76}).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "_5A3C0F7E1B2D4968", Format: FormatPersistent, NameQualifier: idp.EntityID, SPNameQualifier: s.SP.EntityID}
		a.SessionUntil = now.Add(20 * time.Hour)
		a.Attributes = []Attribute{
			{Name: "uid", NameFormat: nameFormatBasic, Values: []string{"ada"}},
			{Name: "mail", NameFormat: nameFormatBasic, Values: []string{"ada@corp.test"}},
			{Name: "groups", NameFormat: nameFormatBasic, Values: []string{"platform", "ops"}},
		}
	})
	return []Style{
		styled("LemonLDAP::NG, both signed", s, a, Key(Signer), false),
		styled("LemonLDAP::NG, both signed, encrypted with CBC", s, a.Encrypt(Encryption{Data: AES128CBC}), Key(Signer), false),
	}
}

// Auth0 signs the assertion, in default namespaces, and uses SHA-1 until told
// otherwise.
func auth0(now time.Time) []Style {
	idp := NewIdP("urn:corp.eu.auth0.test")
	idp.SSO, idp.Logout = "https://corp.eu.auth0.test/samlp/abcDEF", "https://corp.eu.auth0.test/samlp/abcDEF/logout"
	idp.Dialect = Dialect{Signature: NoPrefix, Type: "xs:anyType", Time: millis}
	s := SceneFor(idp, now)
	a := s.Answer().With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "auth0|5f7c8ec7c33c6c004bbafe82", Format: FormatUnspecified}
		a.NotOnOrAfter = now.Add(time.Hour)
		a.Context = ContextAny
		a.Attributes = []Attribute{
			{Name: claims + "nameidentifier", NameFormat: nameFormatURI, Values: []string{"auth0|5f7c8ec7c33c6c004bbafe82"}},
			{Name: claims + "emailaddress", NameFormat: nameFormatURI, Values: []string{"ada@corp.test"}},
			{Name: "http://schemas.auth0.com/email_verified", NameFormat: nameFormatURI, Values: []string{"true"}},
			{Name: "http://schemas.auth0.com/roles", NameFormat: nameFormatURI, Values: []string{"platform", "ops"}},
		}
	})
	legacy := s
	legacy.Settings.LegacySHA1 = true
	return []Style{
		styled("Auth0, RSA-SHA256", s, a, Key(Signer), true),
		styled("Auth0, SHA-1 as by default, by the legacy switch", legacy, a.SignWith(Signature{Method: RSASHA1, Digest: DigestSHA1}), Key(Signer), true),
	}
}

// Multi-Pass is Keycloak underneath; its guide shows values with line breaks
// around them.
func multiPass(now time.Time) []Style {
	idp := NewIdP("https://ca.auth.multi-pass.test/realms/TENANT_ID")
	idp.Dialect = Dialect{Rootward: true, Signature: "dsig", Type: "xs:string", Time: millis}
	s := SceneFor(idp, now)
	a := s.Answer().Sign(SignBoth).SignWith(Signature{KeyInfo: ShowAll}).With(func(a *Answer) {
		a.NameID = saml.NameID{Value: "\n      ada@corp.test\n    ", Format: FormatEmail}
		a.Context = ContextAny
		a.Attributes = []Attribute{
			{Name: "email", NameFormat: nameFormatBasic, Values: []string{"\n        ada@corp.test\n      "}},
			{Name: "Role", NameFormat: nameFormatBasic, Values: []string{"\n        platform\n      ", "\n        ops\n      "}, Apart: true},
		}
	})
	style := styled("Multi-Pass, values and NameID with white space around them", s, a, Key(Signer), true)
	style.Want.NameID.Value = "ada@corp.test"
	style.Want.Attributes = trimmed(style.Want.Attributes)
	return []Style{style}
}

func trimmed(attributes rules.Attributes) rules.Attributes {
	for i := range attributes {
		for j := range attributes[i].Values {
			attributes[i].Values[j] = strings.TrimSpace(attributes[i].Values[j])
		}
	}
	return attributes
}
