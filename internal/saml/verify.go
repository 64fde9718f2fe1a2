package saml

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/beevik/etree"

	"idms/internal/fault"
	"idms/internal/trace"
)

// Verifier proves responses of one identity provider for one record. It is
// immutable, and safe to use from many goroutines at once.
type Verifier struct {
	settings Settings
	idp      IdP
	sp       SP
	limits   Limits
	signers  []*signer
}

// NewVerifier makes a verifier of what a record's settings say. Settings that
// pass [Settings.Check] make one; the error is fault.Invalid. Certificates
// without an RSA key verify nothing and are left out; without any certificate
// every response is refused.
func NewVerifier(s Settings, idp IdP, sp SP) (*Verifier, error) {
	v := &Verifier{settings: s, idp: idp, sp: sp, limits: DefaultLimits()}
	switch {
	case idp.EntityID == "":
		return nil, fault.New(fault.Invalid, "The record names no identity provider issuer.")
	case sp.EntityID == "" || sp.Audience == "" || sp.ACS == "":
		return nil, fault.New(fault.Invalid, "The record has no address of its own.")
	case s.ClockSkew < 0 || s.ClockSkew > MaxClockSkew:
		return nil, fault.New(fault.Invalid, "The clock skew is between 0 and %d minutes.", MaxClockSkew/time.Minute)
	}
	switch s.Signed {
	case "", SignedEither, SignedResponse, SignedAssertion, SignedBoth:
	default:
		return nil, fault.New(fault.Invalid, "The record does not say what must be signed.")
	}
	for _, certificate := range idp.Certificates {
		key, ok := newSigner(certificate)
		if ok && !slices.ContainsFunc(v.signers, func(known *signer) bool { return known.certificate.Equal(certificate) }) {
			v.signers = append(v.signers, key)
		}
	}
	return v, nil
}

// WithLimits is the same verifier under other limits.
func (v *Verifier) WithLimits(limits Limits) *Verifier {
	other := *v
	other.limits = limits
	return &other
}

// run is one verification.
type run struct {
	journal
	v    *Verifier
	want Expect
	acs  string

	ids            idSet
	response       responseParts // once proven: as it was signed
	responseProven bool
	assertion      assertionParts
	signers        []*signer // whose signatures have been verified
	request        *Request  // nil: unsolicited
	bearerUntil    time.Time // the latest end of a bearer confirmation
	result         Assertion

	examining bool // go on after a refusal wherever there is something to go on with
}

// Verify proves a decoded message (M03 to M23, and S54), or refuses it. The
// steps are in the order of the protocol and end at the first that refuses; the
// others are there, not reached. It never panics and uses time and memory in
// proportion to the message.
//
// The ID of an accepted assertion must still be new (M17): who opens the
// session remembers it in the same transaction.
func (v *Verifier) Verify(message []byte, want Expect) (verification Verification) {
	r := &run{journal: newJournal(), v: v, want: want, acs: want.ACS}
	if r.acs == "" {
		r.acs = v.sp.ACS
	}
	defer func() {
		if cause := recover(); cause != nil { // M05
			r.refuse(min(r.at, checkCount-1), trace.VerifierFailed, "", shown(fmt.Sprint(cause)), nil)
			verification = Verification{Steps: r.steps}
		}
	}()
	if !r.verify(message) {
		return Verification{Steps: r.steps}
	}
	return Verification{Accepted: true, Assertion: r.result, Steps: r.steps}
}

// Examine is Verify for a message that will let nobody in, whatever it says: a
// test login's. It takes the steps that Verify does and refuses what Verify
// refuses, by the same code; but where a refusal leaves something to read, it goes
// on, so that all that is wrong is found at once.
func (v *Verifier) Examine(message []byte, want Expect) (examination Examination) {
	r := &run{journal: newJournal(), v: v, want: want, acs: want.ACS, examining: true}
	if r.acs == "" {
		r.acs = v.sp.ACS
	}
	defer func() {
		if cause := recover(); cause != nil { // M05
			r.refuse(min(r.at, checkCount-1), trace.VerifierFailed, "", shown(fmt.Sprint(cause)), nil)
			examination = Examination{Verification: Verification{Steps: r.steps}}
		}
	}()
	read := r.verify(message)
	switch {
	case read && r.steps.Refusal() == nil:
		return Examination{Verification: Verification{Accepted: true, Assertion: r.result, Steps: r.steps}, Read: true, Claimed: r.result}
	case read:
		return Examination{Verification: Verification{Steps: r.steps}, Read: true, Claimed: r.result}
	}
	return Examination{Verification: Verification{Steps: r.steps}}
}

// refuse ends a verification, and an examination where nothing is left to read.
// What a message means can be read on after any of its checks; a structure that is
// wrong cannot.
func (r *run) refuse(c check, code trace.Code, looked, found string, fix *trace.Fix) bool {
	r.journal.refuse(c, code, looked, found, fix)
	if !r.examining || code == trace.ResponseStructure || code == trace.VerifierFailed {
		return false
	}
	return c >= checkCertificate || c == checkResponseSigned || c == checkAssertionSigned
}

// verify takes the steps. Each is false when it has refused.
func (r *run) verify(message []byte) bool {
	root, ok := r.scan(message)
	return ok &&
		r.checkResponse(root) &&
		r.checkStatus(r.response.status) &&
		r.checkOneAssertion() &&
		r.proveResponse(root) &&
		r.proveAssertion(root) &&
		r.checkCertificates(checkCertificate) &&
		r.checkVersion() &&
		r.checkIssuer() &&
		r.checkDestination() &&
		r.checkConfirmation() &&
		r.checkConditions() &&
		r.checkAuthentication() &&
		r.checkNameID() &&
		r.checkAttributes()
}

// scan reads the message once (M01, M03, M04).
func (r *run) scan(message []byte) (*etree.Element, bool) {
	size := strconv.Itoa(len(message)) + " bytes"
	if len(message) > r.v.limits.Message {
		return nil, r.refuse(checkMessage, trace.MessageTooLarge, "at most "+strconv.Itoa(r.v.limits.Message)+" bytes", size, fixSize())
	}
	r.pass(checkMessage, "", size)
	r.ids = idSet{}
	root, refused := parse(message, r.v.limits.scan(), nil, r.ids)
	if refused.refused() {
		return nil, r.refuse(checkXML, refused.code, "", refused.String(), fixMessage(message))
	}
	return root, r.pass(checkXML, "", "")
}

func (r *run) checkResponse(root *etree.Element) bool {
	if !is(root, protocolNamespace, "Response") {
		return r.refuse(checkResponse, trace.WrongMessage, "a Response of SAML 2.0",
			shown(root.Tag)+" of "+shown(root.NamespaceURI()), r.fixRoot(root))
	}
	var why string
	if r.response, why = readResponse(root); why != "" {
		return r.refuse(checkResponse, trace.ResponseStructure, "one Status, at most one Issuer and Signature", why, nil)
	}
	return r.pass(checkResponse, "", "")
}

func (r *run) checkOneAssertion() bool {
	if why := r.response.oneAssertion(); why != "" {
		return r.refuse(checkOneAssertion, trace.ResponseStructure, "one Assertion in all", why, r.fixAssertions())
	}
	return r.pass(checkOneAssertion, "", r.response.assertions[0].Tag)
}

// proveResponse verifies the Response's own signature, if there is one or must
// be. From then on the Response is what was signed (M08).
func (r *run) proveResponse(root *etree.Element) bool {
	signature := r.response.signature
	if signature == nil {
		const none = "not signed"
		switch r.v.settings.Signed {
		case SignedResponse, SignedBoth:
			return r.refuse(checkResponseSigned, trace.Unsigned, "a signed Response", none, r.fixSigned(SignedAssertion,
				"Let the provider sign the response, or change what the record demands."))
		}
		return r.pass(checkResponseSigned, "", none) && r.pass(checkResponseForm, "", none) && r.pass(checkResponseSignature, "", none)
	}
	r.pass(checkResponseSigned, "", "signed")
	proven, key, ok := r.prove(root, nil, signature, checkResponseForm, checkResponseSignature)
	if !ok {
		return r.examining // with the Response as it came, of which nothing is proven
	}
	parts, why := readResponse(proven)
	if why == "" && (!is(proven, protocolNamespace, "Response") || parts.signature != nil) {
		why = "another element"
	}
	if why == "" {
		why = parts.oneAssertion()
	}
	if why != "" {
		return r.refuse(checkResponseSignature, trace.ResponseStructure, "the Response as it was signed", why, nil)
	}
	r.response, r.responseProven = parts, true
	r.result.SignedBy = key.fingerprint
	return true
}

// prove reads and verifies one signature, and notes both steps.
func (r *run) prove(element *etree.Element, scope []binding, signature *etree.Element, formCheck, signatureCheck check) (*etree.Element, *signer, bool) {
	form, bad := r.v.readSignature(element, signature)
	switch {
	case bad != nil:
		return nil, nil, r.refuse(formCheck, bad.code, "the signature that SAML core 5.4 describes", bad.why, bad.fix)
	case form.legacy != "":
		r.note(formCheck, "", form.legacy+", by a legacy switch of the record", &trace.Fix{Say: "Set the provider to RSA-SHA256 and exclusive canonicalisation, then switch the legacy algorithm off."})
	default:
		r.pass(formCheck, "", "")
	}
	proven, key, err := r.v.prove(element, scope, form)
	switch {
	case errors.Is(err, errUnknownKey):
		return nil, nil, r.refuseKey(signatureCheck, form)
	case err != nil:
		return nil, nil, r.refuse(signatureCheck, trace.SignatureInvalid, "what the key "+key.fingerprint+" has signed", "something else: "+err.Error(), nil)
	case key.weak:
		return nil, nil, r.refuse(signatureCheck, trace.SignatureAlgorithm, "a key of "+strconv.Itoa(minRSABits)+" bits or more", "a shorter one: "+key.fingerprint, &trace.Fix{
			Field: "saml.certificates", Say: "Let the provider sign with an RSA key of 2048 bits or more, and import its certificate."})
	}
	r.signers = append(r.signers, key)
	return proven, key, r.pass(signatureCheck, "", key.fingerprint)
}

// refuseKey explains a signature that no key of the record has made. The
// certificate in the message is shown, to compare it with the provider's; it is
// never a reason to trust.
func (r *run) refuseKey(c check, form signatureForm) bool {
	known := make([]string, len(r.v.signers))
	for i, signer := range r.v.signers {
		known[i] = signer.fingerprint
	}
	fix := &trace.Fix{Field: "saml.certificates",
		Say: "If the provider has a new signing key, import its current metadata or add its certificate."}
	if len(known) > 0 {
		fix.Present = known[0]
	}
	if len(known) > 1 {
		fix.Present += " and " + strconv.Itoa(len(known)-1) + " more"
	}
	found := "no key of the record has made it, and the message shows no certificate"
	if form.shown != nil {
		fingerprint := fingerprintOf(form.shown)
		if slices.Contains(known, fingerprint) {
			return r.refuse(c, trace.SignatureInvalid, "what the key "+fingerprint+" has signed", "a signature that it has not made", nil)
		}
		found = "the message shows the certificate " + fingerprint
		fix.Say = "If the provider says that its signing certificate has the fingerprint " + fingerprint + ", import its current metadata or add that certificate."
		if r.v.renewed(form.shown) {
			fix.Say = "The certificate bears the same name as one of the record's, so the provider has probably rolled its key over. " + fix.Say
		}
	}
	return r.refuse(c, trace.UnknownKey, "a signature by "+shownAll(known), found, fix)
}

// checkCertificates holds the certificates of the keys that have signed against
// the clock. Metadata says that their dates mean nothing (M09), so by default an
// administrator is only told.
func (r *run) checkCertificates(c check) bool {
	const looked = "certificates within their dates"
	for _, key := range r.signers {
		dates := window{key.certificate.NotBefore, key.certificate.NotAfter}
		// The last instant of a certificate is a part of it (RFC 5280, 4.1.2.5).
		if !dates.early(r.want.Now, 0) && !r.want.Now.After(dates.notOnOrAfter) {
			continue
		}
		found := key.fingerprint + " is valid from " + instant(dates.notBefore) + " to " + instant(dates.notOnOrAfter)
		fix := &trace.Fix{Field: "saml." + r.v.settings.fieldOf(key.certificate), Present: key.fingerprint, Say: "Ask the provider for its new certificate and import it."}
		if r.v.settings.RefuseExpiredCertificates {
			fix.Say += " Until then, refuse_expired_certificates lets it pass when it is off."
			return r.refuse(c, trace.CertificateExpired, looked, found, fix)
		}
		return r.note(c, looked, found, fix)
	}
	return r.pass(c, looked, "")
}

// fixSigned suggests another demand for signatures.
func (r *run) fixSigned(instead Signed, say string) *trace.Fix {
	demanded := r.v.settings.Signed
	if demanded == SignedBoth {
		demanded = "response and assertion"
	}
	return &trace.Fix{Field: "saml.signed", Present: string(r.v.settings.Signed), Suggested: string(instead), Say: say,
		There: &trace.Setting{Name: settingSigning, Value: string(demanded)}}
}

// proveAssertion finds the assertion, decrypts it if need be, and proves it by
// its own signature or by the Response's. A signature that is there must verify
// even if nobody demands it (M10).
//
// Its signature is verified where the assertion came in: exclusive
// canonicalisation of the Response may have dropped declarations that the
// assertion's own PrefixList names.
func (r *run) proveAssertion(root *etree.Element) bool {
	came, _ := readResponse(root)
	assertion, scope := came.assertions[0], bindings(root)
	if came.encrypted() {
		var ok bool
		if assertion, ok = r.decryptAssertion(came.assertions[0]); !ok {
			return false
		}
		scope = nil // the decrypted root declares it
	} else {
		r.pass(checkDecryption, "", "not encrypted")
	}

	var why string
	if r.assertion, why = readAssertion(assertion); why == "" {
		why = misplaced(assertion, r.assertion.signature, nil, nil)
	}
	if why != "" {
		return r.refuse(checkAssertion, trace.ResponseStructure, "at most one Issuer, Signature and Subject", why, nil)
	}
	r.pass(checkAssertion, "", "")
	if !r.checkAssertionSigned() {
		return false
	}
	if r.assertion.signature == nil {
		const none = "not signed by itself"
		r.pass(checkAssertionForm, "", none)
		r.pass(checkAssertionSignature, "", none)
		if !came.encrypted() {
			// As the Response's signature covers it.
			r.assertion, why = readAssertion(r.response.assertions[0])
		}
	} else {
		proven, key, ok := r.prove(assertion, scope, r.assertion.signature, checkAssertionForm, checkAssertionSignature)
		if !ok {
			return r.examining // with the assertion as it came, of which nothing is proven
		}
		r.assertion, why = readAssertion(proven)
		if why == "" {
			why = misplaced(proven, nil, nil, nil)
		}
		r.result.SignedBy = key.fingerprint
	}
	if why != "" || r.assertion.signature != nil {
		return r.refuse(checkAssertionSignature, trace.ResponseStructure, "the assertion as it was signed", "something else: "+why, nil)
	}
	return true
}

func (r *run) checkAssertionSigned() bool {
	switch demand := r.v.settings.Signed; {
	case r.assertion.signature != nil:
		return r.pass(checkAssertionSigned, "", "signed")
	case demand == SignedAssertion, demand == SignedBoth:
		return r.refuse(checkAssertionSigned, trace.Unsigned, "a signed Assertion", "not signed", r.fixSigned(SignedResponse,
			"Let the provider sign the assertion, or change what the record demands."))
	case !r.responseProven && r.response.signature != nil && r.examining:
		return true // the Response's signature was refused, which is all there is to say
	case !r.responseProven:
		return r.refuse(checkAssertionSigned, trace.Unsigned, "a signature on the Response or on the Assertion", "neither", &trace.Fix{
			Say:   "Switch on response or assertion signing at the provider. Nothing unsigned is ever taken.",
			There: &trace.Setting{Name: settingSigning, Value: "response, assertion, or both"}})
	}
	return r.pass(checkAssertionSigned, "", "covered by the Response's signature")
}

// decryptAssertion opens an EncryptedAssertion: one Assertion, and nothing else,
// must be in it. Every failure after the algorithms have been taken has one code
// (M11).
func (r *run) decryptAssertion(came *etree.Element) (*etree.Element, bool) {
	// A signed Response vouches for the ciphertext: what it signed is opened.
	holder := r.response.assertions[0]
	plain, whole, bad := r.v.decrypt(holder, r.responseProven)
	if bad != nil {
		return nil, r.refuse(checkDecryption, bad.code, "an assertion for this record", bad.why, bad.fix)
	}
	// Prefixes may be declared around the ciphertext. Declarations that nothing
	// else uses are not covered by the Response's signature, so an assertion
	// that has no signature of its own must do with those that are.
	//
	// pysaml2 signs both and gives both signatures the Id "Signature1", which
	// nobody sees twice until it is decrypted. Nothing refers to the Id of a
	// signature, so the assertion's own may be that of the Response's, and
	// nothing else in it.
	ids := maps.Clone(r.ids)
	outer := signatureID(ownSignature(came.Parent()))
	if outer != "" {
		delete(ids, outer)
	}
	assertion, refused := parse(plain, r.v.limits.scan(), scopeOf(came), ids)
	if _, again := ids[outer]; again && outer != "" && !refused.refused() && signatureID(ownSignature(assertion)) != outer {
		refused = refusal{code: trace.XMLForbidden, why: "an ID twice", at: -1}
	}
	if outer != "" {
		ids[outer] = struct{}{}
	}
	if !refused.refused() && r.responseProven && ownSignature(assertion) == nil {
		assertion, refused = parse(plain, r.v.limits.scan(), scopeOf(holder), r.ids)
	}
	if !refused.refused() && is(assertion, assertionNamespace, "Assertion") {
		r.ids, r.result.Encrypted = ids, true
		return assertion, r.pass(checkDecryption, "", "")
	}
	if !whole { // an attacker may have written the ciphertext, and learns nothing new
		bad = failedDecryption(errDecryption.Error())
		return nil, r.refuse(checkDecryption, bad.code, "an assertion for this record", bad.why, bad.fix)
	}
	found := "the plain text holds " + refused.String()
	if !refused.refused() {
		found = "the plain text is " + shown(assertion.Tag)
	}
	return nil, r.refuse(checkDecryption, trace.DecryptionFailed, "one Assertion as plain XML", found, nil)
}

// open decrypts a part of the proven assertion: an EncryptedID or an
// EncryptedAttribute.
func (r *run) open(holder *etree.Element, tag string) (*etree.Element, *malformed) {
	plain, _, bad := r.v.decrypt(holder, true)
	if bad != nil {
		return nil, bad
	}
	element, refused := parse(plain, r.v.limits.scan(), scopeOf(holder), r.ids)
	if refused.refused() || !is(element, assertionNamespace, tag) || misplaced(element, nil, nil, nil) != "" {
		return nil, failedDecryption("what was decrypted is not one " + tag)
	}
	return element, nil
}

// scopeOf are the declarations in scope inside an element, from the outside in.
func scopeOf(element *etree.Element) []binding {
	if element == nil {
		return nil
	}
	return append(scopeOf(element.Parent()), bindings(element)...)
}
