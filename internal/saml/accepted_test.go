package saml_test

import (
	"encoding/base64"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

// Every style of samltest, with exactly the assertion that the provider sent:
// M09 to M16, M18 to M20 from their good side.
func TestStylesOfRealProvidersAreAccepted(t *testing.T) {
	for _, style := range styles() {
		t.Run(style.Name, func(t *testing.T) {
			got := judge(style.Scene, style.Message)
			if !got.Accepted {
				t.Fatalf("refused: %+v", got.Steps.Refusal())
			}
			sameAssertion(t, got.Assertion, style.Want)
			for _, step := range got.Steps {
				if step.State == trace.Refused {
					t.Errorf("accepted, with a refused step: %+v", step)
				}
			}
		})
	}
}

// sameAssertion compares all but Until, which has a test of its own.
func sameAssertion(t *testing.T, got, want saml.Assertion) {
	t.Helper()
	for _, instant := range []struct {
		name      string
		got, want *time.Time
	}{
		{"AuthnInstant", &got.AuthnInstant, &want.AuthnInstant},
		{"IssueInstant", &got.IssueInstant, &want.IssueInstant},
		{"SessionUntil", &got.SessionUntil, &want.SessionUntil},
	} {
		if !instant.got.Equal(*instant.want) {
			t.Errorf("%s is %v, want %v", instant.name, *instant.got, *instant.want)
		}
		*instant.got, *instant.want = time.Time{}, time.Time{}
	}
	if got.Until.IsZero() {
		t.Error("no Until: nobody would know how long to remember the assertion (M17)")
	}
	got.Until, want.Until = time.Time{}, time.Time{}
	for _, attribute := range want.Attributes {
		found, ok := got.Attributes.Get(attribute.Name)
		switch {
		case !ok:
			t.Errorf("no attribute %s", attribute.Name)
		case found.Incomplete != attribute.Incomplete:
			t.Errorf("attribute %s: incomplete is %v, want %v", attribute.Name, found.Incomplete, attribute.Incomplete)
		case !slices.Equal(found.Values, attribute.Values):
			t.Errorf("attribute %s has %d values %.200q, want %d %.200q", attribute.Name, len(found.Values), found.Values, len(attribute.Values), attribute.Values)
		}
	}
	for _, attribute := range got.Attributes {
		if !slices.ContainsFunc(want.Attributes, func(w rules.Attribute) bool { return w.Name == attribute.Name }) {
			t.Errorf("an attribute %s that was not sent: %.200q", attribute.Name, attribute.Values)
		}
	}
	got.Attributes, want.Attributes = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Another spelling of an honest response, or unsigned words around a signed
// assertion: refused, or read as the provider meant it. Never anything else.
func TestDisguisesAreRefusedOrMeanTheSame(t *testing.T) {
	accepted := 0
	for _, disguise := range samltest.Disguises(now) {
		t.Run(disguise.Name, func(t *testing.T) {
			got := judge(disguise.Scene, disguise.Message)
			if !got.Accepted {
				if got.Steps.Code() == trace.VerifierFailed {
					t.Errorf("the verifier failed: %+v", got.Steps.Refusal())
				}
				t.Logf("refused: %s: %s", got.Steps.Code(), got.Steps.Refusal().Found)
				return
			}
			accepted++
			sameAssertion(t, got.Assertion, disguise.Want)
		})
	}
	// Most are plain XML: a proxy that rewrites white space locks nobody out.
	if accepted < 30 {
		t.Errorf("only %d disguises were accepted", accepted)
	}
}

// S54: a provider that tells whole seconds seems to authenticate a fraction of a
// second before the request that it answers.
func TestS54TheSecondOfTheRequestIsSoonEnough(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   time.Duration // AuthnInstant, from the second of the request
		want bool
	}{
		{"the second of the request, cut off", 0, true},
		{"the second before", -time.Second, false},
	} {
		scene := samltest.NewScene(now.Add(900 * time.Millisecond))
		scene.Settings.ForceAuthn, scene.Settings.ClockSkew = true, 0
		scene.Expect.Requests[0].ForceAuthn = true
		scene.Expect.Requests[0].Issued = now.Add(700 * time.Millisecond)
		answer := scene.Answer().At(now).With(func(a *samltest.Answer) { a.AuthnInstant = now.Add(tt.at) })
		got := judge(scene, scene.Respond(answer))
		if got.Accepted != tt.want || !tt.want && got.Steps.Code() != trace.AuthnTooOld {
			t.Errorf("%s: accepted %v, %+v", tt.name, got.Accepted, got.Steps.Refusal())
		}
	}
}

// M17: an assertion is remembered until nobody can use it again, also when an
// administrator widens the skew meanwhile.
func TestM17UntilIsWhenTheAssertionStopsBeingAccepted(t *testing.T) {
	scene := samltest.NewScene(now)
	far, near := now.Add(time.Hour), now.Add(10*time.Minute)
	for _, tt := range []struct {
		name   string
		change func(*samltest.Answer)
	}{
		{"both windows end together", func(*samltest.Answer) {}},
		{"the confirmation ends first", func(a *samltest.Answer) { a.NotOnOrAfter, a.Confirmations[0].NotOnOrAfter = far, near }},
		{"the Conditions end first", func(a *samltest.Answer) { a.NotOnOrAfter, a.Confirmations[0].NotOnOrAfter = near, far }},
		{"the Conditions never end", func(a *samltest.Answer) { a.NotOnOrAfter, a.Confirmations[0].NotOnOrAfter = time.Time{}, far }},
		{"a second confirmation ends later", func(a *samltest.Answer) {
			a.NotOnOrAfter = far
			later := a.Confirmations[0]
			later.NotOnOrAfter = near.Add(20 * time.Minute)
			a.Confirmations = append(a.Confirmations, later)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scene := scene
			message := scene.Respond(scene.Answer().With(tt.change))
			first := judge(scene, message)
			if !first.Accepted {
				t.Fatalf("refused: %+v", first.Steps.Refusal())
			}
			until := first.Assertion.Until
			// The widest skew a record may have reaches exactly there.
			scene.Settings.ClockSkew = saml.MaxClockSkew
			scene.Expect.Now = until.Add(-time.Nanosecond)
			if got := judge(scene, message); !got.Accepted {
				t.Errorf("forgotten before its time: at %v it is refused already (%s), Until is %v", scene.Expect.Now, got.Steps.Code(), until)
			}
			for _, later := range []time.Duration{0, time.Second, 24 * time.Hour} {
				scene.Expect.Now = until.Add(later)
				if got := judge(scene, message); got.Accepted {
					t.Errorf("still accepted at %v, Until is %v", scene.Expect.Now, until)
				}
			}
		})
	}
}

// M16, M09: what no record may say makes no verifier.
func TestM16ARecordOutOfBoundsMakesNoVerifier(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*samltest.Scene)
	}{
		{"a skew of more than five minutes", func(s *samltest.Scene) { s.Settings.ClockSkew = saml.MaxClockSkew + 1 }},
		{"a skew below zero", func(s *samltest.Scene) { s.Settings.ClockSkew = -1 }},
		{"no issuer (M12)", func(s *samltest.Scene) { s.IdP.EntityID = "" }},
		{"no audience", func(s *samltest.Scene) { s.SP.Audience = "" }},
		{"no ACS address (M13)", func(s *samltest.Scene) { s.SP.ACS = "" }},
		{"a demand nobody knows (M10)", func(s *samltest.Scene) { s.Settings.Signed = "none" }},
	} {
		scene := samltest.NewScene(now)
		tt.change(&scene)
		if _, err := saml.NewVerifier(scene.Settings, scene.IdP.SAML(), scene.SP); err == nil {
			t.Errorf("%s: makes a verifier", tt.name)
		}
	}
}

// M09: a record without a key believes nobody.
func TestM09ARecordWithoutAKeyAcceptsNothing(t *testing.T) {
	scene := samltest.NewScene(now)
	for _, way := range ways {
		message := scene.Respond(scene.Answer().Sign(way.what))
		keyless := scene
		keyless.IdP = &samltest.IdP{EntityID: scene.IdP.EntityID, SSO: scene.IdP.SSO}
		if got := judge(keyless, message); got.Accepted {
			t.Errorf("%s: accepted", way.name)
		}
	}
}

// M09: a rollover: every configured key may sign, the removed one may not.
func TestM09ARolloverLosesNoLogin(t *testing.T) {
	old, next := samltest.Key(samltest.Signer), samltest.Key(samltest.NextSigner)
	for _, tt := range []struct {
		name    string
		keys    []saml.Key
		signer  saml.Key
		allowed bool
	}{
		{"before: the old key", []saml.Key{old}, old, true},
		{"before: the new key", []saml.Key{old}, next, false},
		{"during: the old key", []saml.Key{old, next}, old, true},
		{"during: the new key", []saml.Key{old, next}, next, true},
		{"after: the old key", []saml.Key{next}, old, false},
		{"after: the new key", []saml.Key{next}, next, true},
	} {
		for _, info := range []samltest.KeyInfo{samltest.ShowCertificate, samltest.ShowNothing, samltest.ShowName} {
			scene := samltest.SceneFor(samltest.NewIdP("https://idp.example.test/saml", tt.keys...), now)
			message := scene.Respond(scene.Answer().SignWith(samltest.Signature{Key: tt.signer, KeyInfo: info}))
			if got := judge(scene, message); got.Accepted != tt.allowed {
				t.Errorf("%s, KeyInfo %d: accepted is %v (%s)", tt.name, info, got.Accepted, got.Steps.Code())
			}
		}
	}
}

// A verifier is made once for a record and used by many logins at once.
func TestOneVerifierServesManyLoginsAtOnce(t *testing.T) {
	scene := samltest.NewScene(now)
	verifier := verifierOf(scene)
	honest := scene.Respond(scene.Answer().Sign(samltest.SignBoth).Encrypt(samltest.Encryption{}))
	evil := scene.Respond(scene.Answer().SignWith(samltest.Signature{Key: samltest.Key(samltest.Stranger)}))
	done := make(chan bool)
	for i := range 8 {
		go func() {
			good := true
			for range 5 {
				if i%2 == 0 {
					good = good && verifier.Verify(honest, scene.Expect).Accepted
				} else {
					good = good && !verifier.Verify(evil, scene.Expect).Accepted
				}
			}
			done <- good
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("a login was judged wrongly while others ran")
		}
	}
}

// The message is the caller's: verifying does not write into it.
func TestVerifyingLeavesTheMessageAsItWas(t *testing.T) {
	scene := samltest.NewScene(now)
	message := scene.Respond(scene.Answer().Encrypt(samltest.Encryption{Line: 64}))
	before := slices.Clone(message)
	judge(scene, message)
	if !slices.Equal(message, before) {
		t.Error("the message has changed")
	}
}

// gosaml2 is the second opinion: what we accept it must not refuse for a
// reason of signature or decryption, in all styles within its known limits.
func TestGosaml2AgreesOnPlainStyles(t *testing.T) {
	asked := 0
	for _, style := range styles() {
		if !style.Plain {
			continue
		}
		asked++
		t.Run(style.Name, func(t *testing.T) {
			sp := gosaml2(style.Scene)
			info, err := sp.RetrieveAssertionInfo(base64.StdEncoding.EncodeToString(style.Message))
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(info.NameID) != style.Want.NameID.Value {
				t.Errorf("gosaml2 reads %q, the provider sent %q", info.NameID, style.Want.NameID.Value)
			}
			if info.WarningInfo.InvalidTime || info.WarningInfo.NotInAudience {
				t.Errorf("gosaml2 warns: %+v", info.WarningInfo)
			}
		})
	}
	if asked < 40 {
		t.Errorf("only %d styles are plain enough to ask", asked)
	}
}

// gosaml2 is the other verifier, set up for a scene as its documentation says.
func gosaml2(s samltest.Scene) *saml2.SAMLServiceProvider {
	sp := &saml2.SAMLServiceProvider{
		IdentityProviderIssuer:      s.IdP.EntityID,
		IdentityProviderSSOURL:      s.IdP.SSO,
		ServiceProviderIssuer:       s.SP.EntityID,
		AssertionConsumerServiceURL: s.SP.ACS,
		AudienceURI:                 s.SP.Audience,
		IDPCertificateStore:         &dsig.MemoryX509CertificateStore{Roots: s.IdP.SAML().Certificates},
		AllowMissingAttributes:      true,
		Clock:                       dsig.NewFakeClockAt(s.Expect.Now),
	}
	if len(s.SP.Keys) > 0 {
		sp.SPKeyStore = keyStore(s.SP.Keys[0])
	}
	return sp
}

func keyStore(key saml.Key) dsig.X509KeyStore {
	return dsig.TLSCertKeyStore{Certificate: [][]byte{key.Certificate.Raw}, PrivateKey: key.Private}
}
