package saml_test

import (
	"strings"
	"testing"
	"time"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

// M05: what is done once for every key of the record is bounded, whatever stands
// in the signature and whoever has made it.
func TestM05ASignatureHoldsNoMoreThanASignature(t *testing.T) {
	scene := samltest.NewScene(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	verifier, err := saml.NewVerifier(scene.Settings, scene.IdP.SAML(), scene.SP)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(prefixes int) []byte {
		return scene.Respond(scene.Answer().Sign(samltest.SignBoth).SignWith(samltest.Signature{LineLength: 64, Transforms: []samltest.Transform{
			{Algorithm: samltest.Enveloped},
			{Algorithm: samltest.Exclusive, PrefixList: strings.TrimSpace(strings.Repeat("xs ", prefixes))},
		}}))
	}
	within := func(tag, text string) []byte {
		before, after, _ := strings.Cut(string(signed(1)), tag+">")
		return []byte(before + tag + ">" + text + after)
	}
	const large = 64 << 10
	for _, tt := range []struct {
		name    string
		message []byte
		want    trace.Code
	}{
		{"a long PrefixList", signed(1000), ""},
		{"a PrefixList that is too long", signed(large / 3), trace.SignatureStructure},
		{"a DigestValue of blanks", within("DigestValue", strings.Repeat("\n", large)), trace.SignatureStructure},
		{"a SignatureValue of blanks", within("SignatureValue", strings.Repeat("\n", large)), trace.SignatureStructure},
		{"a DigestValue in many pieces", within("DigestValue", strings.Repeat("<![CDATA[A]]>", large)), trace.SignatureStructure},
	} {
		if got := verifier.Verify(tt.message, scene.Expect).Steps.Code(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
