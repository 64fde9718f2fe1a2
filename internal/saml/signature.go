package saml

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/trace"
)

// Algorithms that a signature may name (M06), and which of them only a legacy
// switch of the record lets through.
const (
	exclusiveNamespace = "http://www.w3.org/2001/10/xml-exc-c14n#"

	digestSHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
)

type strength uint8

const (
	refusedAlgorithm strength = iota // also what no table knows
	goodAlgorithm
	legacySHA1
	legacyInclusive
)

// signatureMethods leaves ECDSA out: goxmldsig expects those signatures as
// ASN.1, which XML signature does not use, and so verifies none of them.
var signatureMethods = map[string]strength{
	dsig.RSASHA256SignatureMethod: goodAlgorithm,
	dsig.RSASHA384SignatureMethod: goodAlgorithm,
	dsig.RSASHA512SignatureMethod: goodAlgorithm,
	dsig.RSASHA1SignatureMethod:   legacySHA1,
}

var digestMethods = map[string]strength{
	"http://www.w3.org/2001/04/xmlenc#sha256": goodAlgorithm,
	signatureMore + "sha384":                  goodAlgorithm,
	"http://www.w3.org/2001/04/xmlenc#sha512": goodAlgorithm,
	digestSHA1: legacySHA1,
}

var canonicalizations = map[string]strength{
	string(dsig.CanonicalXML10ExclusiveAlgorithmId):             goodAlgorithm,
	string(dsig.CanonicalXML10ExclusiveWithCommentsAlgorithmId): goodAlgorithm,
	string(dsig.CanonicalXML10RecAlgorithmId):                   legacyInclusive,
	string(dsig.CanonicalXML10WithCommentsAlgorithmId):          legacyInclusive,
	string(dsig.CanonicalXML11AlgorithmId):                      legacyInclusive,
	string(dsig.CanonicalXML11WithCommentsAlgorithmId):          legacyInclusive,
}

// signatureForm is a signature whose form has been found good: what is left to
// do with it is to verify it.
type signatureForm struct {
	element *etree.Element
	value   *etree.Element // SignatureValue
	shown   []byte         // DER of the first certificate in KeyInfo: a hint and a diagnosis, never a reason to trust (M09)
	legacy  string         // what only a legacy switch let through, "" nothing
}

// malformed is a form that is refused.
type malformed struct {
	code trace.Code
	why  string
	fix  *trace.Fix
}

// readSignature holds the Signature of parent against the one form that SAML
// allows (core 5.4; M06): one SignedInfo with one Reference to the parent, an
// enveloped transform and a canonicalisation, one value, nothing else.
//
// goxmldsig finds children and attributes by local name in some places, so
// names from other namespaces are refused too.
func (v *Verifier) readSignature(parent, signature *etree.Element) (form signatureForm, bad *malformed) {
	form.element = signature
	structure := func(why string) (signatureForm, *malformed) {
		return form, &malformed{code: trace.SignatureStructure, why: why}
	}

	if bulk(signature) > maxSignature {
		return structure("more in it than a signature has")
	}
	parts, ok := exactly(signature, dsig.SignedInfoTag, dsig.SignatureValueTag)
	if !ok {
		return structure("not one SignedInfo, one SignatureValue and at most one KeyInfo, in this order")
	}
	info := parts[0]
	form.value = parts[1]
	if len(parts) > 2 {
		if holdsSigned(parts[2]) {
			return structure("a KeyInfo that holds more than keys")
		}
		form.shown = shownCertificate(parts[2])
	}
	parts, ok = exactly(info, dsig.CanonicalizationMethodTag, dsig.SignatureMethodTag, dsig.ReferenceTag)
	if !ok {
		return structure("a SignedInfo with other than one canonicalisation, one method and one Reference")
	}
	canonicalization, method, reference := parts[0], parts[1], parts[2]
	parts, ok = exactly(reference, dsig.TransformsTag, dsig.DigestMethodTag, dsig.DigestValueTag)
	if !ok {
		return structure("a Reference with other than its transforms, one digest method and one digest")
	}
	transforms, digest, digestValue := parts[0], parts[1], parts[2]
	if _, simple := content(digestValue); !simple {
		return structure("a DigestValue with markup")
	}
	if _, simple := content(form.value); !simple {
		return structure("a SignatureValue with markup")
	}

	id, _ := attribute(parent, dsig.DefaultIdAttr)
	if uri, _ := attribute(reference, dsig.URIAttr); id == "" || uri != "#"+id {
		return structure("a Reference to something other than the element that holds the signature")
	}
	list := transforms.ChildElements()
	if strewn(transforms) {
		return structure("text among the transforms")
	}
	for _, transform := range list {
		if !is(transform, dsig.Namespace, dsig.TransformTag) {
			return structure("something among the transforms that is none")
		}
	}
	switch {
	case len(list) != 1 && len(list) != 2:
		return structure("other than one or two transforms")
	case algorithm(list[0]) != string(dsig.EnvelopedSignatureAltorithmId) || len(list[0].Child) > 0:
		return structure("a first transform other than enveloped-signature")
	}

	steps := [...]struct {
		element *etree.Element
		table   map[string]strength
		what    string
	}{
		{canonicalization, canonicalizations, "canonicalisation "},
		{method, signatureMethods, "signature method "},
		{digest, digestMethods, "digest method "},
	}
	for _, step := range steps {
		if bad := v.allow(&form, step.table[algorithm(step.element)], step.what, algorithm(step.element)); bad != nil {
			return form, bad
		}
	}
	if !prefixListOnly(canonicalization) {
		return structure("a canonicalisation with content")
	}
	if len(method.ChildElements()) > 0 || len(digest.ChildElements()) > 0 {
		return structure("an algorithm with parameters")
	}
	if len(list) == 1 {
		// Without a canonicalisation the digest is over inclusive canonical XML
		// (XML signature 4.4.3.2).
		return form, v.allow(&form, legacyInclusive, "transform ", "enveloped-signature without a canonicalisation")
	}
	if !prefixListOnly(list[1]) {
		return structure("a transform with content")
	}
	return form, v.allow(&form, canonicalizations[algorithm(list[1])], "transform ", algorithm(list[1]))
}

// maxSignature bounds a Signature, in bytes of its names, attributes and text;
// KeyInfo aside, which is left out before anything is verified. All else is
// canonicalised and parsed once for every key of the record, before any of them
// vouches for it (M05). With a key of 8,192 bits and a long PrefixList it has
// some 3 KiB.
const maxSignature = 32 << 10

// bulk is how much an element of a signature holds, KeyInfo aside.
func bulk(element *etree.Element) int {
	sum := len(element.Space) + len(element.Tag)
	for i := range element.Attr {
		attr := &element.Attr[i]
		sum += len(attr.Space) + len(attr.Key) + len(attr.Value)
	}
	for _, token := range element.Child {
		switch token := token.(type) {
		case *etree.CharData:
			sum += len(token.Data)
		case *etree.Element:
			if token.Tag != dsig.KeyInfoTag {
				sum += bulk(token)
			}
		}
	}
	return sum
}

// exactly returns the children of an element of a signature when they have
// these names in this order, and nothing else is in it; after SignatureValue a
// KeyInfo may follow.
func exactly(element *etree.Element, tags ...string) ([]*etree.Element, bool) {
	if prefixed(element) || strewn(element) {
		return nil, false
	}
	children := element.ChildElements()
	if len(children) == len(tags)+1 && tags[len(tags)-1] == dsig.SignatureValueTag {
		tags = append(tags, dsig.KeyInfoTag)
	}
	if len(children) != len(tags) {
		return nil, false
	}
	for i, child := range children {
		if !is(child, dsig.Namespace, tags[i]) || child.Tag != dsig.KeyInfoTag && prefixed(child) {
			return nil, false
		}
	}
	return children, true
}

// prefixed is true when an element has an attribute under a prefix, namespace
// declarations aside.
func prefixed(element *etree.Element) bool {
	for i := range element.Attr {
		if space := element.Attr[i].Space; space != "" && space != "xmlns" {
			return true
		}
	}
	return false
}

func algorithm(element *etree.Element) string {
	if prefixed(element) {
		return ""
	}
	name, _ := attribute(element, dsig.AlgorithmAttr)
	return name
}

// prefixListOnly is true for an element with at most an InclusiveNamespaces in
// it (exclusive canonicalisation, 4).
func prefixListOnly(element *etree.Element) bool {
	children := element.ChildElements()
	switch len(children) {
	case 0:
		return true
	case 1:
		return is(children[0], exclusiveNamespace, dsig.InclusiveNamespacesTag) &&
			!prefixed(children[0]) && len(children[0].ChildElements()) == 0
	}
	return false
}

// allow lets an algorithm pass, or refuses it and says which switch would not.
func (v *Verifier) allow(form *signatureForm, is strength, what, name string) *malformed {
	var allowed bool
	var field, advice string
	switch is {
	case goodAlgorithm:
		return nil
	case legacySHA1:
		allowed, field, advice = v.settings.LegacySHA1, "saml.legacy.sha1", "Set the provider to SHA-256; until it is, the legacy switch lets SHA-1 pass."
	case legacyInclusive:
		allowed, field, advice = v.settings.LegacyInclusiveC14N, "saml.legacy.inclusive_c14n", "Set the provider to exclusive canonicalisation; until it is, the legacy switch lets this one pass."
	default:
		return &malformed{trace.SignatureAlgorithm, what + shown(name),
			&trace.Fix{Say: "Set the provider to RSA-SHA256 and exclusive canonicalisation.", There: goodSignature()}}
	}
	if !allowed {
		return &malformed{trace.SignatureAlgorithm, what + shown(name),
			&trace.Fix{Field: field, Present: "false", Suggested: "true", Say: advice, There: goodSignature()}}
	}
	form.legacy = what + name
	return nil
}

// holdsSigned is true when there is, somewhere in a KeyInfo, what only a
// Signature has, or anything of SAML's: nobody reads it, and nobody but an
// attacker would put it there.
func holdsSigned(keyInfo *etree.Element) bool {
	for child := range keyInfo.ChildElementsSeq() {
		switch namespace := child.NamespaceURI(); namespace {
		case assertionNamespace, protocolNamespace:
			return true
		case dsig.Namespace:
			switch child.Tag {
			case dsig.SignatureTag, dsig.SignedInfoTag, dsig.SignatureValueTag, dsig.ReferenceTag, "Object", "Manifest":
				return true
			}
		}
		if holdsSigned(child) {
			return true
		}
	}
	return false
}

// shownCertificate is the first certificate in a KeyInfo, nil when there is
// none that can be read.
func shownCertificate(keyInfo *etree.Element) []byte {
	data, _ := firstOf(keyInfo, "X509Data")
	if data == nil {
		return nil
	}
	certificate, ok := firstOf(data, "X509Certificate")
	if !ok {
		return nil
	}
	text, _ := content(certificate)
	if len(text) > maxCertificateText {
		return nil
	}
	der, err := decodeBlanked(text)
	if err != nil {
		return nil
	}
	return der
}

func firstOf(element *etree.Element, tag string) (*etree.Element, bool) {
	for child := range element.ChildElementsSeq() {
		if is(child, dsig.Namespace, tag) {
			return child, true
		}
	}
	return nil, false
}

// decodeBlanked decodes base64 that may be broken into lines and indented, as
// providers do with ciphers, signatures and certificates.
func decodeBlanked(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(withoutBlanks(text))
}

// withoutBlanks drops spaces and tabs; line breaks are no trouble to base64.
func withoutBlanks(text string) string {
	if !strings.ContainsAny(text, " \t") {
		return text
	}
	dense := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := text[i]; c != ' ' && c != '\t' {
			dense = append(dense, c)
		}
	}
	return string(dense)
}

// signer is a key of the record that may have signed.
type signer struct {
	certificate *x509.Certificate
	fingerprint string
	weak        bool // fewer bits than M06 asks for: what it has signed is refused, with that reason
	context     *dsig.ValidationContext
}

func newSigner(certificate *x509.Certificate) (*signer, bool) {
	public, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || public.N.BitLen() < 1024 || public.N.BitLen() > maxRSABits {
		return nil, false
	}
	// goxmldsig holds the key against the certificate's dates. In a record they
	// mean nothing (M09): a copy is valid for ever, and the true dates are a
	// check of their own.
	timeless := *certificate
	timeless.NotBefore, timeless.NotAfter = time.Time{}, time.Unix(1<<40, 0)
	store := &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{&timeless}}
	return &signer{
		certificate: certificate,
		fingerprint: Fingerprint(certificate),
		weak:        public.N.BitLen() < minRSABits,
		context:     &dsig.ValidationContext{CertificateStore: store, IdAttribute: dsig.DefaultIdAttr},
	}, true
}

// signed is the verification of one element by goxmldsig, and of nothing else:
// canonicalisation, digest and signature are all its work (M08).
type signed struct {
	whole *etree.Element // the element, able to stand alone
	probe *etree.Element // the same with nothing but the signature in it
}

// newSigned prepares element, in which scope is declared around it, for
// goxmldsig. The tree itself is left as it is: only the way down to the
// signature is copied. What is not signed is made easy for the library: KeyInfo
// is left out, so that it takes the one key it is given (M09), and blanks in
// the value are, which it does not read.
func newSigned(element *etree.Element, scope []binding, form signatureForm) signed {
	text, _ := content(form.value)
	value := &etree.Element{Space: form.value.Space, Tag: form.value.Tag, Attr: form.value.Attr}
	value.CreateText(withoutBlanks(text))

	bare := &etree.Element{Space: form.element.Space, Tag: form.element.Tag, Attr: form.element.Attr}
	// KeyInfo comes last, so that everything before keeps its place.
	end := slices.Index(form.element.Child, etree.Token(form.value))
	bare.Child = append(slices.Clone(form.element.Child[:end]), value)
	bare.ReindexChildren()

	whole := &etree.Element{Space: element.Space, Tag: element.Tag, Attr: slices.Clone(element.Attr)}
	declare(whole, scope)
	whole.Child = slices.Clone(element.Child)
	whole.Child[slices.Index(element.Child, etree.Token(form.element))] = bare
	probe := &etree.Element{Space: whole.Space, Tag: whole.Tag, Attr: whole.Attr, Child: []etree.Token{bare}}
	return signed{whole: whole, probe: probe}
}

// by verifies with one key: what was signed, or why not. A wrong key is
// [rsa.ErrVerification]; any other error means that the key is right and the
// element is not what was signed.
func (s signed) by(key *signer) (*etree.Element, error) {
	s.whole.ReindexChildren()
	return key.context.Validate(s.whole)
}

// mayBeBy is false for a wrong key. It spares copying and canonicalising the
// element: the probe carries the same signature around nothing, so that the
// digest is wrong for the right key, too, but only after its signature.
func (s signed) mayBeBy(key *signer) bool {
	s.probe.ReindexChildren()
	_, err := key.context.Validate(s.probe)
	return !errors.Is(err, rsa.ErrVerification)
}

// errUnknownKey: every key of the record was tried.
var errUnknownKey = errors.New("no key of the record has made the signature")

// prove verifies an element's signature with the keys of the record, and
// returns what was signed, as goxmldsig parsed it from the digested bytes.
// Every key is tried (M09): the one whose certificate the message shows first,
// the others cheaply.
func (v *Verifier) prove(element *etree.Element, scope []binding, form signatureForm) (*etree.Element, *signer, error) {
	candidate := newSigned(element, scope, form)
	first := slices.IndexFunc(v.signers, func(s *signer) bool { return bytes.Equal(s.certificate.Raw, form.shown) })
	order := startingWith(first, v.signers)
	for i, key := range order {
		likely := i == 0 && (first >= 0 || len(order) == 1)
		if !likely && !candidate.mayBeBy(key) {
			continue
		}
		proven, err := candidate.by(key)
		if err == nil || !errors.Is(err, rsa.ErrVerification) {
			return proven, key, err
		}
	}
	return nil, nil, errUnknownKey
}

// startingWith is list with its element i first; i may be -1.
func startingWith[T any](i int, list []T) []T {
	if i <= 0 {
		return list
	}
	return slices.Concat(list[i:i+1], list[:i], list[i+1:])
}

// fingerprintOf is the SHA-256 fingerprint of a certificate nobody has parsed.
func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
