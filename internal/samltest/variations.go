package samltest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"

	"idms/internal/rules"
	"idms/internal/saml"
)

// variations are what no single vendor stands for: every way to sign crossed
// with every way to encrypt, and what the standards allow at the edges.
func variations(now time.Time) []Style {
	s := NewScene(now)
	var styles []Style
	add := func(name string, s Scene, a Answer, plain bool) {
		styles = append(styles, styled(name, s, a, Key(Signer), plain))
	}

	// M10, M11: what is signed, what is encrypted, and how.
	signs := []struct {
		name string
		what Signed
		is   saml.Signed
	}{
		{"assertion", SignAssertion, saml.SignedAssertion},
		{"response", SignResponse, saml.SignedResponse},
		{"both", SignBoth, saml.SignedBoth},
	}
	for _, sign := range signs {
		strict := s
		strict.Settings.Signed = sign.is
		add("signed: "+sign.name, strict, s.Answer().Sign(sign.what), true)
		for _, cipher := range []struct{ name, algorithm string }{
			{"AES-128-GCM", AES128GCM}, {"AES-192-GCM", AES192GCM}, {"AES-256-GCM", AES256GCM},
			{"AES-128-CBC", AES128CBC}, {"AES-192-CBC", AES192CBC}, {"AES-256-CBC", AES256CBC},
		} {
			scene := strict
			scene.Settings.LegacyCBC = strings.Contains(cipher.name, "CBC") && sign.what == SignAssertion
			// gosaml2 knows no AES-192-CBC.
			add("signed: "+sign.name+", encrypted with "+cipher.name, scene,
				s.Answer().Sign(sign.what).Encrypt(Encryption{Data: cipher.algorithm}), cipher.algorithm != AES192CBC)
		}
	}
	for _, transport := range []struct {
		name, method, digest, mgf string
		plain                     bool // gosaml2 uses one hash for OAEP and MGF1
	}{
		{"OAEP as XML encryption 1.0 has it, SHA-1 named", OAEPMGF1P, DigestSHA1, "", true},
		{"OAEP as 1.0 has it, with SHA-256 over MGF1 with SHA-1", OAEPMGF1P, DigestSHA256, "", false},
		{"OAEP as 1.1 has it, nothing named", OAEP, "", "", true},
		{"OAEP as 1.1 has it, SHA-256 over MGF1 with SHA-1", OAEP, DigestSHA256, MGF1SHA1, false},
		{"OAEP as 1.1 has it, SHA-256 over MGF1 with SHA-256", OAEP, DigestSHA256, MGF1SHA256, false},
		{"OAEP as 1.1 has it, SHA-1 over MGF1 with SHA-256", OAEP, DigestSHA1, MGF1SHA256, false},
	} {
		add("key transport: "+transport.name, s, s.Answer().Encrypt(Encryption{Transport: transport.method, Digest: transport.digest, MGF: transport.mgf}), transport.plain)
	}
	add("encrypted to the service's old key", s, s.Answer().Encrypt(Encryption{To: Key(OldService)}), false)
	add("encrypted to the old key and saying so", s, s.Answer().Encrypt(Encryption{To: Key(OldService), Show: true}), false)
	add("EncryptedKey beside EncryptedData", s, s.Answer().Encrypt(Encryption{Beside: true}), true)
	add("an EncryptedKey for somebody else, then ours", s, s.Answer().Encrypt(Encryption{}).Sealed(func(response *etree.Element) {
		info := find(response, "EncryptedAssertion", "EncryptedData", "KeyInfo")
		other := child(info, "EncryptedKey").Copy()
		other.CreateAttr("Id", NewID())
		other.CreateAttr("Recipient", "https://other-service.test")
		wrapped := Encryption{To: Key(Stranger)}
		find(other, "CipherData", "CipherValue").SetText(base64.StdEncoding.EncodeToString(wrapped.wrapKey(make([]byte, 32))))
		info.InsertChildAt(0, other)
	}), false)
	add("ciphers in lines that end as Java ends them", s, s.Answer().Encrypt(Encryption{Line: 76}).Wire(javaLines), false)
	add("ciphers in lines of 64", s, s.Answer().Encrypt(Encryption{Line: 64}), true)
	lean := s
	lean.IdP = withDialect(Dialect{Lean: true})
	add("encrypted, and leaning on prefixes declared outside", lean, lean.Answer().Encrypt(Encryption{}), false)
	add("not encrypted, and leaning on prefixes declared outside", lean, lean.Answer(), true)

	// M06, M09: algorithms, keys and what signatures say about them.
	for _, method := range []struct{ name, method string }{{"RSA-SHA256", RSASHA256}, {"RSA-SHA384", RSASHA384}, {"RSA-SHA512", RSASHA512}} {
		for _, digest := range []struct{ name, digest string }{{"SHA-256", DigestSHA256}, {"SHA-384", DigestSHA384}, {"SHA-512", DigestSHA512}} {
			add("algorithms: "+method.name+" over "+digest.name, s, s.Answer().Sign(SignBoth).SignWith(Signature{Method: method.method, Digest: digest.digest}), true)
		}
	}
	for _, info := range []struct {
		name  string
		info  KeyInfo
		plain bool
	}{{"nothing", ShowNothing, true}, {"its name", ShowName, false}, {"its value", ShowValue, false}, {"everything", ShowAll, true}} {
		add("KeyInfo shows "+info.name, s, s.Answer().SignWith(Signature{KeyInfo: info.info}), info.plain)
	}
	add("KeyInfo shows a stranger's certificate, and the known key has signed", s, s.Answer().SignWith(Signature{Show: Key(Stranger).Certificate}), false)
	for _, transforms := range []struct {
		name, c14n string
		list       []Transform
	}{
		{"exclusive with comments", ExclusiveWithComments, []Transform{{Enveloped, ""}, {ExclusiveWithComments, ""}}},
		{"exclusive, a PrefixList of prefixes that are not there", Exclusive, []Transform{{Enveloped, ""}, {Exclusive, "xs xsi other"}}},
		{"exclusive, a PrefixList with the default namespace", Exclusive, []Transform{{Enveloped, ""}, {Exclusive, "#default saml samlp"}}},
		{"SignedInfo with, transforms without comments", ExclusiveWithComments, nil},
	} {
		add("canonicalisation: "+transforms.name, s, s.Answer().Sign(SignBoth).SignWith(Signature{C14N: transforms.c14n, Transforms: transforms.list}), true)
	}
	inclusive := s
	inclusive.Settings.LegacyInclusiveC14N = true
	for _, algorithm := range []struct{ name, uri string }{{"1.0", Inclusive10}, {"1.0 with comments", Inclusive10Comments}, {"1.1", Inclusive11}} {
		for _, sign := range signs {
			add("canonicalisation: inclusive "+algorithm.name+" by the legacy switch, signed: "+sign.name, inclusive,
				s.Answer().Sign(sign.what).SignWith(Signature{C14N: algorithm.uri, Transforms: []Transform{{Enveloped, ""}, {algorithm.uri, ""}}}), false)
		}
	}
	sha1 := s
	sha1.Settings.LegacySHA1 = true
	add("SHA-1 by the legacy switch, encrypted", sha1, s.Answer().SignWith(Signature{Method: RSASHA1, Digest: DigestSHA1}).Encrypt(Encryption{}), true)
	add("base64 of the signature in lines of 64", s, s.Answer().Sign(SignBoth).SignWith(Signature{LineLength: 64}), false)
	add("base64 of the signature in lines that end as Java ends them", s, s.Answer().SignWith(Signature{LineLength: 76}).Wire(javaLines), false)
	add("line breaks between the elements of the signature, as Santuario writes them", s, s.Answer().Sign(SignBoth).SignWith(Signature{SignedInfo: func(info *etree.Element) {
		for _, element := range append(info.FindElements(".//*"), info) {
			for _, child := range element.ChildElements() {
				element.InsertChildAt(child.Index()+1, etree.NewText("\n"))
			}
		}
	}}), true)
	add("Ids on every part of the signature", s, s.Answer().SignWith(Signature{SignedInfo: func(info *etree.Element) {
		signature := info.Parent()
		for _, part := range []*etree.Element{signature, info, child(info, "Reference"), child(signature, "SignatureValue"), child(signature, "KeyInfo")} {
			part.CreateAttr("Id", NewID())
		}
	}}), true)
	short := SceneFor(NewIdP("https://idp.example.test/saml", Key(Signer), Key(Short)), now)
	add("a key that is too short beside the one that signed", short, short.Answer(), true)
	add("line breaks inside DigestValue", s, s.Answer().SignWith(Signature{SignedInfo: func(info *etree.Element) {
		value := find(info, "Reference", "DigestValue")
		value.SetText("\n" + value.Text()[:20] + "\n" + value.Text()[20:] + "\n")
	}}), true)
	expired := SceneFor(NewIdP("https://idp.example.test/saml", Key(Expired)), now)
	styles = append(styles, styled("the IdP's certificate has expired: metadata says that dates mean nothing", expired, expired.Answer(), Key(Expired), false))

	// M12, M16: what may be missing, and what may stand around text.
	add("a Response without Issuer that is not signed", s, s.Answer().With(func(a *Answer) { a.ResponseIssuer = Absent }), false)
	add("a Response without Destination that is not signed", s, s.Answer().With(func(a *Answer) { a.Destination = Absent }), true)
	add("Conditions without NotBefore", s, s.Answer().With(func(a *Answer) { a.NotBefore = time.Time{} }), false)
	add("white space around Issuer and Audience", s, s.Answer().With(func(a *Answer) {
		a.ResponseIssuer, a.Issuer = "\n  "+s.IdP.EntityID+"\n", "\t"+s.IdP.EntityID+" "
		a.Audiences = [][]string{{"\n " + s.SP.Audience + "\n "}}
	}), false)
	add("no SessionIndex, no AuthnContextClassRef, no NameID Format", s, s.Answer().With(func(a *Answer) {
		a.SessionIndex, a.Context, a.NameID.Format = Absent, Absent, ""
	}), true)
	add("no attributes at all", s, s.Answer().With(func(a *Answer) { a.Attributes = nil }), false)
	for _, clock := range []struct {
		name, layout string
		zone         *time.Location
	}{
		{"milliseconds", millis, nil},
		{"seven digits", "2006-01-02T15:04:05.0000000Z07:00", nil},
		{"nine digits", "2006-01-02T15:04:05.000000000Z07:00", nil},
		{"an offset ahead of UTC", time.RFC3339, time.FixedZone("", 5*3600+1800)},
		{"an offset behind UTC", millis, time.FixedZone("", -7*3600)},
		{"the offset +00:00", "2006-01-02T15:04:05-07:00", nil},
	} {
		scene := s
		scene.IdP = withDialect(Dialect{Time: clock.layout, Zone: clock.zone})
		add("instants told with "+clock.name, scene, scene.Answer().With(func(a *Answer) { a.AuthnInstant = now.Add(-1234567 * time.Nanosecond) }), true)
	}

	// M16: audiences, one-time use, proxies; M14: confirmations.
	audience := s
	audience.Settings.Audience = "urn:idms:audience"
	audience.SP = audience.Settings.SP("corp", "https://login.example.test", s.SP.Keys)
	add("an Audience URI of its own", audience, audience.Answer(), true)
	add("several audiences, one is us", s, s.Answer().With(func(a *Answer) {
		a.Audiences = [][]string{{"https://one.test", s.SP.Audience, "https://two.test"}}
	}), true)
	add("several AudienceRestrictions, each names us", s, s.Answer().With(func(a *Answer) {
		a.Audiences = [][]string{{s.SP.Audience}, {"https://one.test", s.SP.Audience}}
	}), true)
	add("OneTimeUse and ProxyRestriction", s, s.Answer().Draft(func(response *etree.Element) {
		conditions := find(response, "Assertion", "Conditions")
		conditions.CreateElement("saml:OneTimeUse")
		conditions.CreateElement("saml:ProxyRestriction").CreateAttr("Count", "0")
	}), true)
	other := Confirmation{Recipient: "https://elsewhere.test/acs", InResponseTo: "_other", NotOnOrAfter: now.Add(time.Minute)}
	add("a bearer confirmation for somebody else, then ours", s, s.Answer().With(func(a *Answer) {
		a.Confirmations = append([]Confirmation{other}, a.Confirmations...)
	}), false)
	add("holder-of-key, then bearer", s, s.Answer().With(func(a *Answer) {
		holder := a.Confirmations[0]
		holder.Method = confirmHolder
		a.Confirmations = append([]Confirmation{holder}, a.Confirmations...)
	}), false)
	add("bearer, then sender-vouches", s, s.Answer().With(func(a *Answer) {
		a.Confirmations = append(a.Confirmations, Confirmation{Method: "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"})
	}), false)
	add("a NotBefore on the confirmation, though the profile forbids it, in the past", s, s.Answer().With(func(a *Answer) {
		a.Confirmations[0].NotBefore = now.Add(-time.Minute)
	}), true)

	add("a confirmation that names the person again", s, s.Answer().Draft(func(response *etree.Element) {
		confirmation := find(response, "Assertion", "Subject", "SubjectConfirmation")
		name := etree.NewElement("saml:NameID")
		name.SetText("the-bearer")
		confirmation.InsertChildAt(0, name)
	}), false)
	add("InResponseTo on the confirmation only", s, s.Answer().With(func(a *Answer) { a.InResponseTo = "" }), true)
	styles[len(styles)-1].Want.InResponseTo = s.Expect.Requests[0].ID

	// M16: windows are half-open, also when shifted by the skew.
	skew := saml.DefaultClockSkew
	add("at the first instant of the window, skew included", s, s.Answer().With(func(a *Answer) { a.NotBefore = now.Add(skew) }), false)
	add("at the last second of the window, skew included", s, s.Answer().With(func(a *Answer) {
		a.NotBefore, a.NotOnOrAfter = now.Add(-time.Hour), now.Add(-skew+time.Second)
		a.Confirmations[0].NotOnOrAfter = a.NotOnOrAfter
	}), false)
	add("authenticated in the future, within the skew", s, s.Answer().With(func(a *Answer) { a.AuthnInstant = now.Add(skew) }), true)
	add("authenticated many hours ago", s, s.Answer().With(func(a *Answer) { a.AuthnInstant = now.Add(-20 * time.Hour) }), true)
	add("the provider's session ends soon", s, s.Answer().With(func(a *Answer) { a.SessionUntil = now.Add(time.Second) }), true)
	force := s
	force.Expect.Requests = []saml.Request{{ID: "_request-1", Issued: now.Add(-time.Minute), ForceAuthn: true}}
	add("ForceAuthn, authenticated after the request", force, force.Answer(), true)
	add("ForceAuthn, authenticated before the request by less than the skew", force, force.Answer().With(func(a *Answer) {
		a.AuthnInstant = now.Add(-time.Minute - skew + time.Second)
	}), true)

	// M13, M15: where and for whom.
	moved := s
	moved.Settings.PreviousOrigins = []string{"https://old.example.test"}
	moved.SP = moved.Settings.SP("corp", "https://login.example.test", s.SP.Keys)
	moved.Expect.ACS = moved.SP.PreviousACS[0]
	add("posted to the ACS address from before the reset", moved, moved.Answer(), false)
	several := s
	several.Expect.Requests = []saml.Request{{ID: "_other-tab", Issued: now.Add(-time.Hour)}, {ID: "_this-tab", Issued: now.Add(-time.Minute)}}
	add("the browser waits in two tabs", several, several.Answer().To(several.Expect.Requests[1]), true)
	unsolicited := s
	unsolicited.Settings.AllowUnsolicited = true
	unsolicited.Expect.Requests = nil
	add("unsolicited, and the record allows it", unsolicited, unsolicited.Answer(), true)
	unsolicited.Expect.Requests = s.Expect.Requests
	add("unsolicited while a request waits, and the record allows it", unsolicited, unsolicited.Answer().To(saml.Request{}), true)

	// M19: subjects.
	add("a NameID with both qualifiers", s, s.Answer().With(func(a *Answer) {
		a.NameID.NameQualifier, a.NameID.SPNameQualifier = s.IdP.EntityID, s.SP.EntityID
	}), true)
	spaced := styled("white space around the NameID, Unicode's too", s, s.Answer().With(func(a *Answer) { a.NameID.Value = "\u00a0\n ada lovelace\u2003 " }), Key(Signer), true)
	spaced.Want.NameID.Value = "ada lovelace"
	styles = append(styles, spaced)
	add("an EncryptedID", s, s.Answer().Draft(s.encryptNameID), false)
	add("an EncryptedID in an encrypted assertion, to the old key, with CBC", s,
		s.Answer().Draft(func(response *etree.Element) {
			s.hide(find(response, "Assertion", "Subject", "NameID"), "EncryptedID", Encryption{Data: AES128CBC, To: Key(OldService)})
		}).Encrypt(Encryption{}), false)

	// M20: attributes.
	add("an EncryptedAttribute", s, s.Answer().Draft(func(response *etree.Element) {
		statement := find(response, "Assertion", "AttributeStatement")
		attributes := statement.ChildElements()
		s.hide(attributes[len(attributes)-1], "EncryptedAttribute", Encryption{})
	}), false)
	add("20,000 groups in one attribute", s, s.Answer().Attribute("many", Groups(20_000)...), false)
	add("5,000 groups in one attribute", s, s.Answer().Attribute("many", Groups(5000)...), false)
	add("5,000 groups, encrypted", s, s.Answer().Attribute("many", Groups(5000)...).Encrypt(Encryption{}), false)
	add("one attribute in several elements", s, s.Answer().Attribute("groups", "third").Attribute("other", "x").Attribute("groups", "fourth"), false)
	add("attributes whose names begin with @ are not there", s, s.Answer().Attribute("@name_id", "mallory"), true)
	add("text that XML escapes, and text beyond ASCII", s, s.Answer().Attribute("text", `<&>"'`, "a\tb", "Ünïcödé", "日本語", "👩🏽‍💻", "]]>"), true)
	typed := s
	typed.IdP = withDialect(Dialect{Type: "xs:string"})
	add("typed values", typed, typed.Answer(), true)
	styles = append(styles, markup(s), severalStatements(s))
	indented := s
	indented.IdP = withDialect(Dialect{Indent: 2, Declaration: `version="1.0" encoding="utf-8"`})
	add("pretty-printed before it was signed", indented, indented.Answer(), true)

	// M07: room for others. Extensions of the Response and Advice of the
	// assertion may hold anything but assertions and signatures.
	foreign := func(parent *etree.Element) {
		element := parent.CreateElement("x:Policy")
		element.CreateAttr("xmlns:x", "urn:example:policy")
		element.CreateElement("x:Level").SetText("3")
	}
	add("Extensions in the Response", s, s.Answer().Sign(SignBoth).Draft(func(response *etree.Element) {
		extensions := etree.NewElement("samlp:Extensions")
		foreign(extensions)
		response.InsertChildAt(child(response, "Issuer").Index()+1, extensions)
	}), true)
	add("Advice in the assertion", s, s.Answer().Draft(func(response *etree.Element) {
		advice := etree.NewElement("saml:Advice")
		advice.CreateElement("saml:AssertionIDRef").SetText("_elsewhere")
		foreign(advice)
		assertion := child(response, "Assertion")
		assertion.InsertChildAt(child(assertion, "Conditions").Index()+1, advice)
	}), true)
	add("SubjectLocality, AuthenticatingAuthority and an AuthzDecisionStatement", s, s.Answer().Draft(func(response *etree.Element) {
		statement := find(response, "Assertion", "AuthnStatement")
		locality := etree.NewElement("saml:SubjectLocality")
		locality.CreateAttr("Address", "192.0.2.1")
		statement.InsertChildAt(0, locality)
		child(statement, "AuthnContext").CreateElement("saml:AuthenticatingAuthority").SetText("https://upstream.test")
		decision := child(response, "Assertion").CreateElement("saml:AuthzDecisionStatement")
		decision.CreateAttr("Resource", "https://resource.test")
		decision.CreateAttr("Decision", "Permit")
		decision.CreateElement("saml:Action").SetText("read")
	}), false)
	add("a second-level status code under Success, a StatusMessage and a StatusDetail", s, s.Answer().With(func(a *Answer) {
		a.Status, a.StatusMessage = []string{StatusSuccess, "urn:example:status:fine"}, "all is well"
	}).Draft(func(response *etree.Element) {
		foreign(child(response, "Status").CreateElement("samlp:StatusDetail"))
	}), true)
	return styles
}

func withDialect(d Dialect) *IdP {
	idp := NewIdP("https://idp.example.test/saml")
	idp.Dialect = d
	return idp
}

// javaLines ends the lines of base64 as Java does on its way through Santuario:
// with a carriage return as a character reference before the line feed.
func javaLines(message []byte) []byte {
	return []byte(strings.ReplaceAll(string(message), "\n", "&#13;\n"))
}

// hide puts an element of the assertion behind encryption.
func (s Scene) hide(element *etree.Element, tag string, e Encryption) {
	parent, place := element.Parent(), element.Index()
	doc := etree.NewDocument()
	doc.SetRoot(detach(element))
	holder := etree.NewElement(s.IdP.Dialect.assertion(tag))
	s.IdP.fill(holder, e, s.SP, write(doc))
	parent.RemoveChild(element)
	parent.InsertChildAt(place, holder)
}

func (s Scene) encryptNameID(response *etree.Element) {
	s.hide(find(response, "Assertion", "Subject", "NameID"), "EncryptedID", Encryption{})
}

// markup: a value with markup is no value, a nested NameID counts as its text,
// an empty value stays a value, and attributes of other namespaces on an
// Attribute mean nothing.
func markup(s Scene) Style {
	a := s.Answer().Draft(func(response *etree.Element) {
		statement := find(response, "Assertion", "AttributeStatement")
		attribute := statement.CreateElement("saml:Attribute")
		attribute.CreateAttr("Name", "mixed")
		attribute.CreateAttr("xmlns:x", "urn:example:x")
		attribute.CreateAttr("x:Name", "username")
		attribute.CreateElement("saml:AttributeValue").SetText("plain")
		broken := attribute.CreateElement("saml:AttributeValue")
		broken.SetText("admins")
		broken.CreateElement("x:b").SetText("bold")
		attribute.CreateElement("saml:AttributeValue").CreateElement("saml:NameID").SetText("nested")
		empty := statement.CreateElement("saml:Attribute")
		empty.CreateAttr("Name", "empty")
		empty.CreateElement("saml:AttributeValue")
	})
	style := styled("a value with markup, a nested NameID, an empty value", s, a, Key(Signer), false)
	style.Want.Attributes = append(style.Want.Attributes,
		rules.Attribute{Name: "mixed", Values: []string{"plain", "nested"}},
		rules.Attribute{Name: "empty", Values: []string{""}})
	return style
}

func severalStatements(s Scene) Style {
	a := s.Answer().Draft(func(response *etree.Element) {
		assertion := child(response, "Assertion")
		statement := assertion.CreateElement("saml:AttributeStatement")
		attribute := statement.CreateElement("saml:Attribute")
		attribute.CreateAttr("Name", "groups")
		attribute.CreateElement("saml:AttributeValue").SetText("late")
	})
	style := styled("two AttributeStatements, one attribute in both", s, a, Key(Signer), false)
	for i := range style.Want.Attributes {
		if style.Want.Attributes[i].Name == "groups" {
			style.Want.Attributes[i].Values = []string{"ops", "admins", "late"}
		}
	}
	return style
}

// Disguises are honest responses whose spelling an attacker or a proxy may
// have changed without breaking any signature, because canonicalisation
// undoes it, or which carry something unsigned that must count for nothing.
func Disguises(now time.Time) []Disguise {
	s := NewScene(now)
	var disguises []Disguise
	for _, sign := range []struct {
		name string
		what Signed
	}{{"assertion signed", SignAssertion}, {"response signed", SignResponse}, {"both signed", SignBoth}} {
		base := s.Answer().Sign(sign.what)
		add := func(name string, a Answer) {
			disguises = append(disguises, styled(name+", "+sign.name, s, a, Key(Signer), false))
		}
		add("the NameID in CDATA", base.Replace(">ada</saml:NameID>", "><![CDATA[ada]]></saml:NameID>"))
		add("half of the NameID in CDATA", base.Replace(">ada</saml:NameID>", ">a<![CDATA[d]]>a</saml:NameID>"))
		add("an empty CDATA in the NameID", base.Replace(">ada</saml:NameID>", ">ad<![CDATA[]]>a</saml:NameID>"))
		add("character references in the NameID", base.Replace(">ada</saml:NameID>", ">&#97;&#x64;&#x00000061;</saml:NameID>"))
		add("character references in a group", base.Replace(">admins<", ">&#97;dm&#x69;ns<"))
		add("character references in the ID of the assertion", base.Wire(func(message []byte) []byte {
			return []byte(strings.Replace(string(message), `Assertion xmlns:saml="`+nsAssertion+`" ID="_`, `Assertion xmlns:saml="`+nsAssertion+`" ID="&#95;`, 1))
		}))
		add("single quotes", base.Replace(`Version="2.0"`, `Version='2.0'`))
		add("no space between attributes", base.Replace(`Version="2.0" `, `Version="2.0"`))
		add("a declaration without a version", base.Wire(func(message []byte) []byte {
			return append([]byte(`<?xml encoding="UTF-8"?>`), message...)
		}))
		add("a declaration of no encoding", base.Wire(func(message []byte) []byte {
			return append([]byte(`<?xml version="1.0" encoding=""?>`), message...)
		}))
		add("an ID that is no name", base.With(func(a *Answer) { a.AssertionID = `1' or '1'='1` }))
		add("white space inside tags", base.Replace("<saml:Subject>", "<saml:Subject\n\t >").Replace("</saml:Subject>", "</saml:Subject\r\n>"))
		add("attributes in another order", base.Replace(`Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"`, `xmlns:unused="urn:unused" Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"`))
		add("a namespace declared again", base.Replace("<saml:Subject>", `<saml:Subject xmlns:saml="`+nsAssertion+`">`))
		add("an unused namespace around the assertion", base.Replace("<samlp:Response ", `<samlp:Response xmlns:evil="urn:evil" `))
		add("carriage returns in the signature", base.Replace("<ds:SignatureValue>", "<ds:SignatureValue>\r\n"))
		add("white space before the root", base.Wire(func(message []byte) []byte { return append([]byte("\n \t"), message...) }))
		add("white space after the root", base.Wire(func(message []byte) []byte { return append(message, "\r\n"...) }))
		add("a byte-order mark", base.Wire(func(message []byte) []byte { return append([]byte("\ufeff"), message...) }))
		add("an XML declaration", base.Wire(func(message []byte) []byte {
			return append([]byte(`<?xml version="1.0" encoding="UTF-8"?>`), message...)
		}))
		add("another certificate shown", base.Wire(func(message []byte) []byte {
			return []byte(strings.ReplaceAll(string(message),
				base64.StdEncoding.EncodeToString(Key(Signer).Certificate.Raw), base64.StdEncoding.EncodeToString(Key(Stranger).Certificate.Raw)))
		}))
		add("xsi:type on the assertion's element names", base.Draft(func(response *etree.Element) {
			value := find(response, "Assertion", "AttributeStatement", "Attribute", "AttributeValue")
			value.CreateAttr("xmlns:xsi", nsXSI)
			value.CreateAttr("xsi:nil", "false")
		}))
	}
	rebound := s
	rebound.IdP = withDialect(Dialect{Type: "xs:string", TypesOnRoot: true})
	disguises = append(disguises, styled("the prefix of xsi:type bound to something else: no PrefixList covers it", rebound,
		rebound.Answer().Wire(func(message []byte) []byte {
			return []byte(strings.ReplaceAll(string(message), `xmlns:xs="`+nsXS+`"`, `xmlns:xs="urn:evil"`))
		}), Key(Signer), false))
	// Unsigned surroundings: only the assertion is signed here.
	around := s.Answer()
	unsigned := func(name string, edit func(response *etree.Element)) {
		disguises = append(disguises, styled("unsigned: "+name, s, around.Sealed(edit), Key(Signer), false))
	}
	unsigned("Extensions with an AuthnContextClassRef of their own (M18)", func(response *etree.Element) {
		extensions := etree.NewElement("samlp:Extensions")
		declare(extensions, "", "saml", nsAssertion)
		extensions.CreateElement("saml:AuthnContextClassRef").SetText(ContextSmartcard)
		response.InsertChildAt(1, extensions)
	})
	unsigned("an AttributeStatement in StatusDetail", func(response *etree.Element) {
		detail := child(response, "Status").CreateElement("samlp:StatusDetail")
		declare(detail, "", "saml", nsAssertion)
		attribute := detail.CreateElement("saml:AttributeStatement").CreateElement("saml:Attribute")
		attribute.CreateAttr("Name", "groups")
		attribute.CreateElement("saml:AttributeValue").SetText("owners")
	})
	unsigned("a NameID in a StatusMessage's place", func(response *etree.Element) {
		message := child(response, "Status").CreateElement("samlp:StatusMessage")
		message.SetText("ada")
	})
	unsigned("an xml:id on the Response equal to the assertion's ID", func(response *etree.Element) {
		response.CreateAttr("xml:id", child(response, "Assertion").SelectAttrValue("ID", ""))
	})
	unsigned("xml:lang, xml:base and xml:space on the Response", func(response *etree.Element) {
		response.CreateAttr("xml:lang", "tlh")
		response.CreateAttr("xml:base", "https://evil.test/")
		response.CreateAttr("xml:space", "preserve")
	})
	unsigned("a Response IssueInstant of long ago", func(response *etree.Element) {
		response.CreateAttr("IssueInstant", "1999-12-31T23:59:59Z")
	})
	unsigned("attributes of other namespaces that look like ours", func(response *etree.Element) {
		response.CreateAttr("xmlns:x", "urn:x")
		for _, name := range []string{"ID", "Destination", "InResponseTo", "Version"} {
			response.CreateAttr("x:"+name, fmt.Sprintf("evil-%s", name))
		}
	})
	unsigned("a default namespace that is the assertion's", func(response *etree.Element) {
		response.CreateAttr("xmlns", nsAssertion)
	})
	unsigned("SignatureValue in another order of its bits", func(response *etree.Element) {
		value := find(response, "Assertion", "Signature", "SignatureValue")
		value.SetText(" " + value.Text() + "\t")
	})
	unsigned("KeyInfo filled with nonsense", func(response *etree.Element) {
		info := find(response, "Assertion", "Signature", "KeyInfo")
		info.CreateElement("ds:RetrievalMethod").CreateAttr("URI", "http://127.0.0.1:1/key")
		info.CreateElement("ds:KeyName").SetText("/etc/passwd")
		child(child(info, "X509Data"), "X509Certificate").SetText("AAAA")
	})
	unsigned("no KeyInfo at all any more", func(response *etree.Element) {
		signature := find(response, "Assertion", "Signature")
		signature.RemoveChild(child(signature, "KeyInfo"))
	})
	return disguises
}
