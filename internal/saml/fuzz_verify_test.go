package saml_test

import (
	"encoding/base64"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

// FuzzVerify holds the verifier against what only the provider's key can have
// signed, and against gosaml2. The corpus is honest messages, all about ada, and
// hostile ones; nothing that the fuzzer makes of them is signed anew. So whatever
// is accepted is about ada and says what the message of its ID said, word for
// word; gosaml2 agrees about the signature, below its limits; nothing panics; and
// every trace is whole and bounded.
//
// The hostile ones, and more honest ones, are committed: see
// TestSeedsOfTheFuzzerAreStillGood.
func FuzzVerify(f *testing.F) {
	scene := samltest.NewScene(now)
	// What is accepted here without a signature over everything would show.
	scene.Settings.LegacySHA1, scene.Settings.LegacyCBC, scene.Settings.LegacyInclusiveC14N = true, true, true
	scene.Settings.AllowUnsolicited = true
	verifier := verifierOf(scene)
	sp := gosaml2(scene)

	honest := map[string]saml.Assertion{}
	for _, what := range []samltest.Signed{samltest.SignAssertion, samltest.SignResponse, samltest.SignBoth} {
		for _, answer := range []samltest.Answer{
			scene.Answer(),
			scene.Answer().To(saml.Request{}),
			scene.Answer().Encrypt(samltest.Encryption{}),
			scene.Answer().Encrypt(samltest.Encryption{Data: samltest.AES128CBC, Beside: true}),
			scene.Answer().SignWith(samltest.Signature{KeyInfo: samltest.ShowNothing, LineLength: 64,
				Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}, {Algorithm: samltest.Exclusive, PrefixList: "xs saml"}}}),
			scene.Answer().SignWith(samltest.Signature{Method: samltest.RSASHA1, Digest: samltest.DigestSHA1, C14N: samltest.Inclusive10,
				Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}, {Algorithm: samltest.Inclusive10}}}),
		} {
			message := scene.Respond(answer.Sign(what))
			got := verifier.Verify(message, scene.Expect)
			if !got.Accepted {
				f.Fatal(got.Steps.Refusal())
			}
			honest[got.Assertion.ID] = got.Assertion
			f.Add(message)
		}
	}
	steps := len(verifier.Verify(nil, scene.Expect).Steps)

	f.Fuzz(func(t *testing.T, message []byte) {
		got := verifier.Verify(message, scene.Expect)
		if len(got.Steps) != steps {
			t.Fatalf("%d steps", len(got.Steps))
		}
		for _, step := range got.Steps {
			if len(step.Looked)+len(step.Found) > 8192 || strings.ContainsFunc(step.Looked+step.Found, unprintable) {
				t.Errorf("step %s: %q, %q", step.Name, step.Looked, step.Found)
			}
		}
		if got.Steps.Code() == trace.VerifierFailed {
			t.Fatal(got.Steps.Refusal())
		}
		// An examination goes on further, and comes to the same.
		if examined := verifier.Examine(message, scene.Expect); examined.Accepted != got.Accepted || examined.Steps.Code() != got.Steps.Code() ||
			!reflect.DeepEqual(examined.Assertion, got.Assertion) {
			t.Errorf("examined: %s and %+v\nverified: %s and %+v", examined.Steps.Code(), examined.Assertion, got.Steps.Code(), got.Assertion)
		}
		if !got.Accepted {
			if !reflect.DeepEqual(got.Assertion, saml.Assertion{}) {
				t.Errorf("refused with %+v", got.Assertion)
			}
			return
		}
		if want, known := honest[got.Assertion.ID]; known && !reflect.DeepEqual(got.Assertion, want) {
			t.Errorf("accepted %+v\nsigned was %+v", got.Assertion, want)
		}
		username, _ := got.Assertion.Attributes.Get("username")
		if got.Assertion.NameID.Value != "ada" || !slices.Equal(username.Values, []string{"ada"}) {
			t.Errorf("accepted %+v", got.Assertion)
		}
		if _, err := sp.RetrieveAssertionInfo(base64.StdEncoding.EncodeToString(message)); err != nil && strings.Contains(err.Error(), "erification") {
			t.Errorf("gosaml2: %v", err)
		}
	})
}
