package saml

import (
	"testing"
	"time"

	"idms/internal/trace"
)

// M05: whatever goes wrong inside, a login is refused and the process lives.
func TestM05APanicIsARefusal(t *testing.T) {
	v := &Verifier{limits: DefaultLimits(), signers: []*signer{nil}}
	const message = `<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r"><d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"><d:SignedInfo>` +
		`<d:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>` +
		`<d:Reference URI="#_r"><d:Transforms><d:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>` +
		`<d:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></d:Transforms><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>` +
		`<d:DigestValue>AAAA</d:DigestValue></d:Reference></d:SignedInfo><d:SignatureValue>AAAA</d:SignatureValue></d:Signature>` +
		`<p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status>` +
		`<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a"/></p:Response>`
	got := v.Verify([]byte(message), Expect{Now: time.Now()})
	refusal := got.Steps.Refusal()
	if got.Accepted || refusal == nil || refusal.Code != trace.VerifierFailed || refusal.Name != "response signature" {
		t.Errorf("accepted %v, %+v", got.Accepted, refusal)
	}
	if len(got.Steps) != int(checkCount) {
		t.Errorf("a trace of %d steps", len(got.Steps))
	}
}
