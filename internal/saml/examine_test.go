package saml_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

func examine(t *testing.T, scene samltest.Scene, message []byte) saml.Examination {
	t.Helper()
	verifier, err := saml.NewVerifier(scene.Settings, scene.IdP.SAML(), scene.SP)
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Examine(message, scene.Expect)
}

// S62: going on after a refusal changes neither whether a message is refused nor
// by which code, and no refusal is without a fix (S61).
func TestAnExaminationRefusesWhatAVerificationDoesByTheSameCode(t *testing.T) {
	for _, attack := range samltest.Attacks(samltest.NewScene(now)) {
		strict, got := judge(attack.Scene, attack.Message), examine(t, attack.Scene, attack.Message)
		if got.Accepted || !reflect.DeepEqual(got.Assertion, saml.Assertion{}) {
			t.Errorf("%s: accepted", attack.Name)
		}
		if got.Steps.Code() != strict.Steps.Code() {
			t.Errorf("%s: examined %s, verified %s", attack.Name, got.Steps.Code(), strict.Steps.Code())
		}
		for _, step := range got.Steps {
			if step.State == trace.Refused && (step.Fix == nil || step.Fix.Say == "") {
				t.Errorf("%s: %s is refused without a fix", attack.Name, step.Name)
			}
			if step.Code == trace.VerifierFailed {
				t.Errorf("%s: the examination failed: %s", attack.Name, step.Found)
			}
		}
	}
	for _, style := range samltest.Styles(now) {
		strict, got := judge(style.Scene, style.Message), examine(t, style.Scene, style.Message)
		if !got.Accepted || !got.Read || !reflect.DeepEqual(got.Verification, strict) || !reflect.DeepEqual(got.Claimed, strict.Assertion) {
			t.Errorf("%s: examined %+v, verified %+v", style.Name, got, strict)
		}
	}
}

// Everything that is wrong is found at once, and what was sent is read, whoever
// has signed it.
func TestAnExaminationFindsEverythingAtOnce(t *testing.T) {
	scene := samltest.NewScene(now)
	for _, signs := range []samltest.Signed{samltest.SignAssertion, samltest.SignResponse, samltest.SignBoth} {
		answer := scene.Answer().Sign(signs).SignWith(samltest.Signature{Key: samltest.Key(samltest.Stranger)}).With(func(a *samltest.Answer) {
			a.Issuer, a.ResponseIssuer = "https://other.test", "https://other.test"
			a.Destination, a.Confirmations[0].Recipient = "https://other.test/acs", "https://other.test/acs"
			a.Audiences = [][]string{{"urn:other"}}
			a.NotOnOrAfter = now.Add(-time.Hour)
			a.NameID.SPNameQualifier = "urn:other"
		}).Attribute("department", "cloud")
		got := examine(t, scene, scene.Respond(answer))
		var codes []trace.Code
		for _, step := range got.Steps {
			if step.State == trace.Refused {
				codes = append(codes, step.Code)
			}
		}
		for _, want := range []trace.Code{trace.UnknownKey, trace.IssuerMismatch, trace.DestinationMismatch, trace.RecipientMismatch,
			trace.TooLate, trace.AudienceMismatch, trace.NameID} {
			if !slices.Contains(codes, want) {
				t.Errorf("%v: found %s, without %s", signs, codes, want)
			}
		}
		if slices.Contains(codes, trace.Unsigned) {
			t.Errorf("%v: signed by a key that is not known is not unsigned: %s", signs, codes)
		}
		if department, _ := got.Claimed.Attributes.Get("department"); !got.Read || !slices.Equal(department.Values, []string{"cloud"}) {
			t.Errorf("%v: it read %+v", signs, got.Claimed)
		}
	}
}

func TestAnExaminationDoesWithoutASubject(t *testing.T) {
	scene := samltest.NewScene(now)
	got := examine(t, scene, scene.Respond(scene.Answer().Draft(func(response *etree.Element) {
		assertion := response.SelectElement("Assertion")
		assertion.RemoveChild(assertion.SelectElement("Subject"))
	})))
	if got.Steps.Code() != trace.SubjectConfirmation || !got.Read || len(got.Claimed.Attributes) == 0 {
		t.Errorf("%s, %+v", got.Steps.Code(), got.Claimed)
	}
}
