package saml_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/beevik/etree"

	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

// S61: whatever comes, the trace has every step by the same name in the same
// order: passed up to the one that refuses, not reached after it.
func TestEveryTraceIsWhole(t *testing.T) {
	scene := samltest.NewScene(now)
	honest := judge(scene, scene.Respond(scene.Answer().Sign(samltest.SignBoth).Encrypt(samltest.Encryption{})))
	if !honest.Accepted {
		t.Fatal(honest.Steps.Refusal())
	}
	names := map[string]bool{}
	for _, step := range honest.Steps {
		if names[step.Name] || step.Name == "" || step.Rule == "" {
			t.Errorf("step %q of %q is not the only one of its name", step.Name, step.Rule)
		}
		names[step.Name] = true
		if step.State != trace.Passed || step.Code != "" {
			t.Errorf("accepted, with %s %s (%s)", step.Name, step.State, step.Code)
		}
	}
	for _, attack := range samltest.Attacks(scene) {
		steps := judge(attack.Scene, attack.Message).Steps
		if len(steps) != len(honest.Steps) {
			t.Fatalf("%s: %d steps, want %d", attack.Name, len(steps), len(honest.Steps))
		}
		over := false
		for i, step := range steps {
			switch {
			case step.Name != honest.Steps[i].Name || step.Rule != honest.Steps[i].Rule:
				t.Errorf("%s: step %d is %s, want %s", attack.Name, i, step.Name, honest.Steps[i].Name)
			case over && step.State != trace.NotReached:
				t.Errorf("%s: %s %s after the refusal", attack.Name, step.Name, step.State)
			case step.State == trace.Refused:
				over = true
				if step.Code.Meaning().Cause == "" {
					t.Errorf("%s: code %q means nothing", attack.Name, step.Code)
				}
			case !over && step.State == trace.NotReached:
				t.Errorf("%s: %s was left out", attack.Name, step.Name)
			}
		}
		if !over {
			t.Errorf("%s: no step refuses", attack.Name)
		}
	}
}

// S61: a refusal says what to change, and to what, when that can be known.
func TestARefusalSaysWhatToChange(t *testing.T) {
	type change = func(*samltest.Scene, *samltest.Answer)
	fingerprint := saml.Fingerprint(samltest.Key(samltest.Stranger).Certificate)
	for _, tt := range []struct {
		name             string
		change           change
		field, suggested string
		says             string // somewhere in Say or Found
	}{
		{"the audience that came is the ACS URL", func(s *samltest.Scene, a *samltest.Answer) { a.Audiences = [][]string{{s.SP.ACS}} },
			"saml.audience", "https://login.example.test/saml/corp/acs", "this record's ACS URL"},
		{"the audience that came is the SP issuer", func(s *samltest.Scene, a *samltest.Answer) {
			s.Settings.Audience, s.SP.Audience = "urn:other", "urn:other"
		}, "saml.audience", "https://login.example.test/saml/corp/metadata", "Service Provider Issuer"},
		{"another audience", func(_ *samltest.Scene, a *samltest.Answer) { a.Audiences = [][]string{{"urn:them"}} }, "saml.audience", "urn:them", "enter https://login.example.test/saml/corp/metadata"},
		{"of several audiences none is suggested", func(_ *samltest.Scene, a *samltest.Answer) { a.Audiences = [][]string{{"urn:one", "urn:two"}} }, "saml.audience", "", `"urn:one", "urn:two"`},
		{"an audience that nobody should copy", func(_ *samltest.Scene, a *samltest.Answer) { a.Audiences = [][]string{{"urn:\u202egpj"}} }, "saml.audience", "", `"urn:\u202egpj"`},
		{"another issuer", func(_ *samltest.Scene, a *samltest.Answer) { a.Issuer = "https://new.test" }, "saml.issuer", "https://new.test", "right provider"},
		{"a key that the record does not know", func(_ *samltest.Scene, a *samltest.Answer) {
			a.AssertionSignature.Key = samltest.Key(samltest.Stranger)
		}, "saml.certificates", "", fingerprint},
		{"such a key, and no certificate shown", func(_ *samltest.Scene, a *samltest.Answer) {
			a.AssertionSignature = samltest.Signature{Key: samltest.Key(samltest.Stranger), KeyInfo: samltest.ShowNothing}
		}, "saml.certificates", "", "shows no certificate"},
		{"SHA-1", func(_ *samltest.Scene, a *samltest.Answer) { a.AssertionSignature.Method = samltest.RSASHA1 }, "saml.legacy.sha1", "true", "SHA-256"},
		{"inclusive canonicalisation", func(_ *samltest.Scene, a *samltest.Answer) { a.AssertionSignature.C14N = samltest.Inclusive10 }, "saml.legacy.inclusive_c14n", "true", "exclusive"},
		{"CBC in an unsigned response", func(_ *samltest.Scene, a *samltest.Answer) {
			a.Encryption = &samltest.Encryption{Data: samltest.AES256CBC}
		}, "saml.legacy.cbc", "true", "AES-GCM"},
		{"encrypted to somebody else", func(_ *samltest.Scene, a *samltest.Answer) {
			a.Encryption = &samltest.Encryption{To: samltest.Key(samltest.Stranger), Show: true}
		}, "", "", fingerprint},
		{"only the assertion is signed", func(s *samltest.Scene, _ *samltest.Answer) { s.Settings.Signed = saml.SignedResponse }, "saml.signed", "assertion", "sign the response"},
		{"only the response is signed", func(s *samltest.Scene, a *samltest.Answer) {
			s.Settings.Signed, a.Signs = saml.SignedAssertion, samltest.SignResponse
		}, "saml.signed", "response", "sign the assertion"},
		{"nothing is signed", func(_ *samltest.Scene, a *samltest.Answer) { a.Signs = samltest.SignNothing }, "", "", "Switch on"},
		{"another destination", func(_ *samltest.Scene, a *samltest.Answer) { a.Destination = "https://them.test/acs" }, "", "", "https://login.example.test/saml/corp/acs"},
		{"another recipient", func(_ *samltest.Scene, a *samltest.Answer) { a.Confirmations[0].Recipient = "https://them.test/acs" }, "", "", "https://login.example.test/saml/corp/acs"},
		{"an answer nobody asked for", func(_ *samltest.Scene, a *samltest.Answer) { *a = a.To(saml.Request{}) }, "saml.allow_unsolicited", "true", "https://login.example.test/saml/corp/login"},
		{"the same, under ForceAuthn (S54)", func(s *samltest.Scene, a *samltest.Answer) {
			s.Settings.AllowUnsolicited, s.Settings.ForceAuthn = true, true
			*a = a.To(saml.Request{})
		}, "saml.force_authn", "false", "ForceAuthn"},
		{"the answer to another request", func(_ *samltest.Scene, a *samltest.Answer) { *a = a.To(saml.Request{ID: "_theirs"}) }, "", "", `"_theirs"`},
		{"a provider whose clock is ahead", func(s *samltest.Scene, a *samltest.Answer) { *a = a.At(now.Add(4 * time.Minute)) }, "saml.clock_skew", "4m", "3m30s later"},
		{"an answer that took too long", func(s *samltest.Scene, a *samltest.Answer) { *a = a.At(now.Add(-9 * time.Minute)) }, "saml.clock_skew", "5m", "4m0s earlier"},
		{"as much skew as there may be", func(s *samltest.Scene, a *samltest.Answer) {
			s.Settings.ClockSkew = saml.MaxClockSkew
			*a = a.At(now.Add(-time.Hour))
		}, "saml.clock_skew", "", "NTP"},
		{"an old session in spite of ForceAuthn", func(s *samltest.Scene, a *samltest.Answer) {
			s.Expect.Requests = []saml.Request{{ID: "_request-1", Issued: now, ForceAuthn: true}}
			a.AuthnInstant = now.Add(-time.Hour)
		}, "saml.force_authn", "false", "ForceAuthn"},
		{"a NameID for another service", func(_ *samltest.Scene, a *samltest.Answer) { a.NameID.SPNameQualifier = "urn:them" }, "", "", "entity ID"},
		{"a NameIDPolicy that the provider cannot follow", func(s *samltest.Scene, a *samltest.Answer) {
			a.Status = []string{"urn:oasis:names:tc:SAML:2.0:status:Requester", "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"}
		}, "saml.name_id_format", "", "format"},
		{"a context that the provider cannot give", func(s *samltest.Scene, a *samltest.Answer) {
			a.Status = []string{"urn:oasis:names:tc:SAML:2.0:status:Responder", "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"}
		}, "saml.request_auth_contexts", "", "allowed auth contexts"},
	} {
		scene := samltest.NewScene(now)
		answer := scene.Answer()
		tt.change(&scene, &answer)
		refusal := judge(scene, scene.Respond(answer)).Steps.Refusal()
		if refusal == nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		var fix trace.Fix
		if refusal.Fix != nil {
			fix = *refusal.Fix
		}
		if fix.Field != tt.field || fix.Suggested != tt.suggested || fix.Say == "" {
			t.Errorf("%s (%s): the fix is %+v, want %q in %s", tt.name, refusal.Code, fix, tt.suggested, tt.field)
		}
		if !strings.Contains(fix.Say+refusal.Found, tt.says) {
			t.Errorf("%s (%s): found %q, say %q; want %q in it", tt.name, refusal.Code, refusal.Found, fix.Say, tt.says)
		}
	}
}

// M21: both codes stand in the trace, and the message of the provider.
func TestM21AnErrorOfTheProviderIsExplained(t *testing.T) {
	scene := samltest.NewScene(now)
	const prefix = "urn:oasis:names:tc:SAML:2.0:status:"
	for _, second := range []string{
		"AuthnFailed", "InvalidAttrNameOrValue", "InvalidNameIDPolicy", "NoAuthnContext", "NoAvailableIDP", "NoPassive",
		"NoSupportedIDP", "PartialLogout", "ProxyCountExceeded", "RequestDenied", "RequestUnsupported",
		"RequestVersionDeprecated", "RequestVersionTooHigh", "RequestVersionTooLow", "ResourceNotRecognized",
		"TooManyResponses", "UnknownAttrProfile", "UnknownPrincipal", "UnsupportedBinding", "",
	} {
		status := []string{prefix + "Responder"}
		if second != "" {
			status = append(status, prefix+second)
		}
		message := scene.Respond(scene.Answer().With(func(a *samltest.Answer) {
			a.Status, a.StatusMessage, a.Signs = status, "no such\nuser", samltest.SignNothing
		}))
		refusal := judge(scene, message).Steps.Refusal()
		if refusal == nil || refusal.Code != trace.IdPStatus || refusal.Name != "status" {
			t.Fatalf("%s: %+v", second, refusal)
		}
		for _, part := range append(status, `no such\nuser`) {
			if !strings.Contains(refusal.Found, part) {
				t.Errorf("%s: found %s, without %s", second, refusal.Found, part)
			}
		}
		if refusal.Fix == nil || refusal.Fix.Say == "" || strings.Contains(refusal.Fix.Say, "log says more") {
			t.Errorf("%s: no explanation: %+v", second, refusal.Fix)
		}
	}
}

// M26: a trace holds no raw and no long text from outside, wherever in a
// message it stood.
func TestM26ATraceIsShortAndPlain(t *testing.T) {
	scene := samltest.NewScene(now)
	long := strings.Repeat("€\u202e\u0085\ttext ", 1000)
	for _, tt := range []struct {
		name   string
		change func(*samltest.Answer)
	}{
		{"status", func(a *samltest.Answer) { a.Status, a.StatusMessage = []string{long, long}, long }},
		{"version", func(a *samltest.Answer) { a.Version = long }},
		{"issuer", func(a *samltest.Answer) { a.Issuer = long }},
		{"response issuer", func(a *samltest.Answer) { a.ResponseIssuer = long }},
		{"destination", func(a *samltest.Answer) { a.Destination = long }},
		{"recipient", func(a *samltest.Answer) { a.Confirmations[0].Recipient = long }},
		{"request", func(a *samltest.Answer) { a.InResponseTo, a.Confirmations[0].InResponseTo = long, long }},
		{"audiences", func(a *samltest.Answer) {
			a.Audiences = [][]string{make([]string, 500)}
			for i := range a.Audiences[0] {
				a.Audiences[0][i] = long[:100]
			}
		}},
		{"audience", func(a *samltest.Answer) { a.Audiences = [][]string{{long}} }},
		{"context", func(a *samltest.Answer) { a.Context = long }},
		{"session index", func(a *samltest.Answer) { a.SessionIndex = long }},
		{"name id", func(a *samltest.Answer) { a.NameID.Value = long }},
		{"name id format", func(a *samltest.Answer) { a.NameID.Format = long }},
		{"qualifier", func(a *samltest.Answer) { a.NameID.SPNameQualifier = long }},
		{"attribute name", func(a *samltest.Answer) { *a = a.Attribute(long, "x") }},
		{"signature method", func(a *samltest.Answer) { a.AssertionSignature.Method = long }},
		{"digest method", func(a *samltest.Answer) { a.AssertionSignature.Digest = long }},
		{"canonicalisation", func(a *samltest.Answer) { a.AssertionSignature.C14N = long }},
		{"element", func(a *samltest.Answer) {
			*a = a.Draft(func(response *etree.Element) {
				response.FindElement("./Assertion/Conditions").CreateElement("saml:" + strings.Repeat("x", 900))
			})
		}},
	} {
		got := judge(scene, scene.Respond(scene.Answer().With(tt.change)))
		if got.Accepted {
			t.Errorf("%s: accepted", tt.name)
		}
		for _, step := range got.Steps {
			fix := step.Fix
			if fix == nil {
				fix = new(trace.Fix)
			}
			there := fix.There
			if there == nil {
				there = new(trace.Setting)
			}
			for _, text := range []string{step.Looked, step.Found, fix.Present, fix.Suggested, fix.Say, there.Name, there.Value} {
				if len(text) > 3000 || strings.ContainsFunc(text, unprintable) {
					t.Errorf("%s: step %s holds %d bytes: %.300q", tt.name, step.Name, len(text), text)
				}
			}
		}
	}
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// M06, M09: what only a switch or a kind default lets through is not forgotten.
func TestALegacyAlgorithmAndAnOldCertificateAreNoted(t *testing.T) {
	scene := samltest.SceneFor(samltest.NewIdP("https://idp.example.test/saml", samltest.Key(samltest.Expired)), now)
	scene.Settings.LegacySHA1 = true
	got := judge(scene, scene.Respond(scene.Answer().SignWith(samltest.Signature{Method: samltest.RSASHA1, Digest: samltest.DigestSHA1})))
	if !got.Accepted {
		t.Fatal(got.Steps.Refusal())
	}
	for _, step := range got.Steps {
		noted := step.Name == "assertion signature form" || step.Name == "certificate dates"
		if noted != (step.State == trace.Noted) || noted && step.Fix == nil {
			t.Errorf("%s: %s, fix %v", step.Name, step.State, step.Fix)
		}
	}
}

// M11, M19, M20: parts of an assertion may be encrypted by themselves.
func TestEncryptedPartsOfAnAssertionAreOpened(t *testing.T) {
	scene := samltest.NewScene(now)
	declared := `xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`
	name := func(response *etree.Element) *etree.Element {
		return response.FindElement("./Assertion/Subject/NameID")
	}
	encryptName := func(plain string) func(*etree.Element) {
		return func(response *etree.Element) {
			subject := name(response).Parent()
			subject.RemoveChild(name(response))
			subject.InsertChildAt(0, encryptedPart("saml:EncryptedID", scene.SP.Keys[0], plain))
		}
	}
	encryptAttribute := func(plain string) func(*etree.Element) {
		return func(response *etree.Element) {
			response.FindElement("./Assertion/AttributeStatement").AddChild(encryptedPart("saml:EncryptedAttribute", scene.SP.Keys[0], plain))
		}
	}
	for _, tt := range []struct {
		name string
		edit func(*etree.Element)
		want trace.Code // "": accepted
	}{
		{"an EncryptedID", encryptName(`<saml:NameID ` + declared + ` Format="f">bob</saml:NameID>`), ""},
		{"with prefixes declared outside", encryptName(`<saml:NameID Format="f">bob</saml:NameID>`), ""},
		{"with an Assertion in it", encryptName(`<saml:Assertion><saml:NameID>bob</saml:NameID></saml:Assertion>`), trace.DecryptionFailed},
		{"with two NameIDs in it", encryptName(`<saml:NameID>bob</saml:NameID><saml:NameID>eve</saml:NameID>`), trace.DecryptionFailed},
		{"with a Signature in it", encryptName(`<saml:NameID><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></saml:NameID>`), trace.DecryptionFailed},
		{"an EncryptedAttribute", encryptAttribute(`<saml:Attribute Name="role"><saml:AttributeValue>ops</saml:AttributeValue></saml:Attribute>`), ""},
		{"that is a NameID", encryptAttribute(`<saml:NameID>bob</saml:NameID>`), trace.DecryptionFailed},
	} {
		got := judge(scene, scene.Respond(scene.Answer().Draft(tt.edit)))
		if got.Steps.Code() != tt.want {
			t.Errorf("%s: %q, want %q: %+v", tt.name, got.Steps.Code(), tt.want, got.Steps.Refusal())
			continue
		}
		if tt.want != "" {
			continue
		}
		role, _ := got.Assertion.Attributes.Get("role")
		opened := got.Assertion.NameID == saml.NameID{Value: "bob", Format: "f"} || fmt.Sprint(role.Values) == "[ops]"
		if !opened {
			t.Errorf("%s: %+v", tt.name, got.Assertion)
		}
	}
}

// encryptedPart is an EncryptedElementType (SAML core 2.2.4) for a key.
func encryptedPart(tag string, to saml.Key, plain string) *etree.Element {
	secret, nonce := make([]byte, 32), make([]byte, 12)
	rand.Read(secret)
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &to.Private.PublicKey, secret, nil)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	base := base64.StdEncoding.EncodeToString
	doc := etree.NewDocument()
	if err := doc.ReadFromString(`<` + tag + `><x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#">` +
		`<x:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>` +
		`<d:KeyInfo xmlns:d="http://www.w3.org/2000/09/xmldsig#"><x:EncryptedKey>` +
		`<x:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>` +
		`<x:CipherData><x:CipherValue>` + base(wrapped) + `</x:CipherValue></x:CipherData></x:EncryptedKey></d:KeyInfo>` +
		`<x:CipherData><x:CipherValue>` + base(gcm.Seal(nonce, nonce, []byte(plain), nil)) + `</x:CipherValue></x:CipherData>` +
		`</x:EncryptedData></` + tag + `>`); err != nil {
		panic(err)
	}
	return doc.Root()
}

// M20: an assertion that is read without having been parsed anew, because the
// Response's signature covers its ciphertext, is read in the same way. Its
// attributes' namespaces once made the verifier fail.
func TestM20ANilValueInAnEncryptedAssertion(t *testing.T) {
	scene := samltest.NewScene(now)
	answer := scene.Answer().Draft(func(response *etree.Element) {
		attribute := response.FindElement("./Assertion/AttributeStatement").CreateElement("saml:Attribute")
		attribute.CreateAttr("Name", "nil")
		value := attribute.CreateElement("saml:AttributeValue")
		value.CreateAttr("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
		value.CreateAttr("xsi:nil", "true")
	})
	for _, way := range ways {
		got := judge(scene, scene.Respond(answer.Sign(way.what).Encrypt(samltest.Encryption{})))
		none, there := got.Assertion.Attributes.Get("nil")
		if !got.Accepted || !there || len(none.Values) != 0 {
			t.Errorf("%s: %+v, %v", way.name, none, got.Steps.Refusal())
		}
	}
}

// XML encryption: a prefix that only the ciphertext uses is not covered by the
// Response's signature. Whoever binds it anew must not change what an assertion
// without a signature of its own says.
func TestM11DeclarationsNobodySignedMeanNothingInACiphertext(t *testing.T) {
	scene := samltest.NewScene(now)
	leaning := samltest.Encryption{Plain: func(plain []byte) []byte {
		plain = bytes.ReplaceAll(plain, []byte("saml:Attribute"), []byte("hidden:Attribute"))
		return bytes.ReplaceAll(plain, []byte("saml:Subject"), []byte("hidden:Subject"))
	}}
	declare := func(uri string) func(*etree.Element) {
		return func(response *etree.Element) { response.CreateAttr("xmlns:hidden", uri) }
	}
	answer := scene.Answer().Sign(samltest.SignResponse).Encrypt(leaning)
	for _, uri := range []string{"urn:oasis:names:tc:SAML:2.0:assertion", "urn:evil"} {
		got := judge(scene, scene.Respond(answer.Sealed(declare(uri))))
		if got.Accepted || got.Steps.Code() != trace.DecryptionFailed {
			t.Errorf("bound to %s on the way: accepted %v, %q", uri, got.Accepted, got.Steps.Code())
		}
	}
}

// Facts of a verified assertion, for rules and mapping (S13).
func TestS13WhatTheProtocolSaysAreFactsToo(t *testing.T) {
	scene := samltest.NewScene(now)
	got := judge(scene, scene.Respond(scene.Answer().Attribute("@issuer", "evil")))
	want := rules.Attribute{Name: "@issuer", Values: []string{scene.IdP.EntityID}}
	if issuer, _ := got.Assertion.Facts().Get("@issuer"); fmt.Sprint(issuer) != fmt.Sprint(want) {
		t.Errorf("@issuer is %v", issuer)
	}
}
