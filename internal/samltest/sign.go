package samltest

import (
	"bytes"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/saml"
)

// Algorithms of XML signature, good and bad.
const (
	RSASHA1    = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
	RSASHA256  = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	RSASHA384  = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	RSASHA512  = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	RSAMD5     = "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"
	RSAPSS256  = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
	ECDSA256   = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	HMACSHA1   = "http://www.w3.org/2000/09/xmldsig#hmac-sha1"
	HMACSHA256 = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
	DSASHA1    = "http://www.w3.org/2000/09/xmldsig#dsa-sha1"

	DigestMD5    = "http://www.w3.org/2001/04/xmldsig-more#md5"
	DigestSHA1   = "http://www.w3.org/2000/09/xmldsig#sha1"
	DigestSHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	DigestSHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	DigestSHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"

	Enveloped             = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	Exclusive             = "http://www.w3.org/2001/10/xml-exc-c14n#"
	ExclusiveWithComments = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"
	Inclusive10           = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	Inclusive10Comments   = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
	Inclusive11           = "http://www.w3.org/2006/12/xml-c14n11"
)

// KeyInfo is what a signature says about its key.
type KeyInfo uint8

const (
	ShowCertificate KeyInfo = iota
	ShowNothing             // no KeyInfo (PingFederate unless told otherwise)
	ShowName                // KeyName alone (Keycloak on request)
	ShowValue               // KeyValue alone
	ShowAll                 // KeyName, certificate and KeyValue
)

// Signature is how something is signed. The zero value is what SAML asks for:
// enveloped, exclusive, RSA-SHA256, by the provider's first key, with its
// certificate.
type Signature struct {
	Key        saml.Key
	Method     string
	Digest     string
	C14N       string // of SignedInfo
	Transforms []Transform
	KeyInfo    KeyInfo
	Show       *x509.Certificate // shown instead of the key's own
	LineLength int               // of base64; 0 is one line

	// SignedInfo edits what is about to be signed.
	SignedInfo func(signedInfo *etree.Element)
	// Value makes the signature value of the canonical SignedInfo instead of Key.
	Value func(canonical []byte) []byte
}

// Transform is one step of a Reference. A PrefixList names the prefixes that
// exclusive canonicalisation treats inclusively.
type Transform struct{ Algorithm, PrefixList string }

// sign puts a signature where the schema wants it: straight after the Issuer,
// or first without one.
func (p *IdP) sign(element *etree.Element, s Signature) *etree.Element {
	d := p.Dialect
	if s.Key.Private == nil {
		s.Key = p.Keys[0]
	}
	s.Method, s.Digest, s.C14N = or(s.Method, RSASHA256), or(s.Digest, DigestSHA256), or(s.C14N, Exclusive)
	if s.Transforms == nil {
		s.Transforms = []Transform{{Algorithm: Enveloped}, {Algorithm: Exclusive}}
	}

	signature := etree.NewElement(d.signature("Signature"))
	if !d.Lean {
		d.declareSignature(signature)
	}
	info := signature.CreateElement(d.signature("SignedInfo"))
	info.CreateElement(d.signature("CanonicalizationMethod")).CreateAttr("Algorithm", s.C14N)
	info.CreateElement(d.signature("SignatureMethod")).CreateAttr("Algorithm", s.Method)
	reference := info.CreateElement(d.signature("Reference"))
	reference.CreateAttr("URI", "#"+element.SelectAttrValue("ID", ""))
	transforms := reference.CreateElement(d.signature("Transforms"))
	// Without a canonicalisation among the transforms it is inclusive 1.0 (XML
	// signature 4.4.3.2).
	canonicalizer := canonicalizerFor(Inclusive10, "")
	for _, t := range s.Transforms {
		transform := transforms.CreateElement(d.signature("Transform"))
		transform.CreateAttr("Algorithm", t.Algorithm)
		if t.PrefixList != "" {
			inclusive := transform.CreateElement("ec:InclusiveNamespaces")
			inclusive.CreateAttr("xmlns:ec", nsExclusive)
			inclusive.CreateAttr("PrefixList", t.PrefixList)
		}
		if c := canonicalizerFor(t.Algorithm, t.PrefixList); c != nil {
			canonicalizer = c
		}
	}
	reference.CreateElement(d.signature("DigestMethod")).CreateAttr("Algorithm", s.Digest)
	reference.CreateElement(d.signature("DigestValue")).
		SetText(base64.StdEncoding.EncodeToString(hashed(s.Digest, canonical(canonicalizer, element))))
	value := signature.CreateElement(d.signature("SignatureValue"))
	s.showKey(d, signature)

	element.InsertChildAt(signaturePlace(element), signature)
	if s.SignedInfo != nil {
		s.SignedInfo(info)
	}
	infoCanonicalizer := canonicalizerFor(s.C14N, "")
	if infoCanonicalizer == nil {
		infoCanonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	}
	value.SetText(s.lines(s.value(canonical(infoCanonicalizer, info))))
	if p.SignElsewhere != nil && s.Value == nil {
		p.signElsewhere(element, info, value, s.Key)
	}
	return signature
}

func (p *IdP) signElsewhere(element, info, value *etree.Element, key saml.Key) {
	root := element
	for root.Parent() != nil && root.Parent().Tag != "" {
		root = root.Parent()
	}
	doc := etree.NewDocument()
	doc.SetRoot(root.Copy())
	digestValue, signatureValue, ok := p.SignElsewhere(write(doc), element.SelectAttrValue("ID", ""), key)
	if !ok {
		return
	}
	find(info, "Reference", "DigestValue").SetText(digestValue)
	value.SetText(signatureValue)
}

func signaturePlace(element *etree.Element) int {
	for _, child := range element.ChildElements() {
		if child.Tag == "Issuer" {
			return child.Index() + 1
		}
	}
	return 0
}

func (s Signature) showKey(d Dialect, signature *etree.Element) {
	if s.KeyInfo == ShowNothing {
		return
	}
	shown := s.Show
	if shown == nil {
		shown = s.Key.Certificate
	}
	info := signature.CreateElement(d.signature("KeyInfo"))
	if s.KeyInfo == ShowName || s.KeyInfo == ShowAll {
		info.CreateElement(d.signature("KeyName")).SetText(shown.Subject.CommonName)
	}
	if s.KeyInfo == ShowCertificate || s.KeyInfo == ShowAll {
		info.CreateElement(d.signature("X509Data")).
			CreateElement(d.signature("X509Certificate")).SetText(s.lines(shown.Raw))
	}
	if public, ok := shown.PublicKey.(*rsa.PublicKey); ok && (s.KeyInfo == ShowValue || s.KeyInfo == ShowAll) {
		key := info.CreateElement(d.signature("KeyValue")).CreateElement(d.signature("RSAKeyValue"))
		key.CreateElement(d.signature("Modulus")).SetText(s.lines(public.N.Bytes()))
		key.CreateElement(d.signature("Exponent")).
			SetText(base64.StdEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()))
	}
}

func (s Signature) lines(value []byte) string { return wrapped(value, s.LineLength) }

func wrapped(value []byte, length int) string {
	text := base64.StdEncoding.EncodeToString(value)
	if length == 0 {
		return text
	}
	var lines strings.Builder
	for len(text) > length {
		lines.WriteString("\n" + text[:length])
		text = text[length:]
	}
	return lines.String() + "\n" + text + "\n"
}

func (s Signature) value(canonical []byte) []byte {
	if s.Value != nil {
		return s.Value(canonical)
	}
	var value []byte
	var err error
	switch s.Method {
	case RSAPSS256:
		digest := sha256.Sum256(canonical)
		value, err = rsa.SignPSS(rand.Reader, s.Key.Private, crypto.SHA256, digest[:], nil)
	default:
		hash := hashes[s.Method]
		if hash == 0 {
			hash = crypto.SHA256
		}
		sum := hash.New()
		sum.Write(canonical)
		value, err = rsa.SignPKCS1v15(rand.Reader, s.Key.Private, hash, sum.Sum(nil))
	}
	if err != nil {
		panic("samltest: " + err.Error())
	}
	return value
}

var hashes = map[string]crypto.Hash{
	RSAMD5: crypto.MD5, RSASHA1: crypto.SHA1, RSASHA256: crypto.SHA256, RSASHA384: crypto.SHA384, RSASHA512: crypto.SHA512,
}

func hashed(digest string, data []byte) []byte {
	switch digest {
	case DigestMD5:
		sum := md5.Sum(data)
		return sum[:]
	case DigestSHA1:
		sum := sha1.Sum(data)
		return sum[:]
	case DigestSHA384:
		sum := sha512.Sum384(data)
		return sum[:]
	case DigestSHA512:
		sum := sha512.Sum512(data)
		return sum[:]
	}
	sum := sha256.Sum256(data)
	return sum[:]
}

// canonicalizerFor is nil for an algorithm that is no canonicalisation.
func canonicalizerFor(algorithm, prefixes string) dsig.Canonicalizer {
	switch algorithm {
	case Exclusive:
		return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(prefixes)
	case ExclusiveWithComments:
		return dsig.MakeC14N10ExclusiveWithCommentsCanonicalizerWithPrefixList(prefixes)
	case Inclusive10:
		return dsig.MakeC14N10RecCanonicalizer()
	case Inclusive10Comments:
		return dsig.MakeC14N10WithCommentsCanonicalizer()
	case Inclusive11:
		return dsig.MakeC14N11Canonicalizer()
	}
	return nil
}

func canonical(canonicalizer dsig.Canonicalizer, element *etree.Element) []byte {
	out, err := canonicalizer.Canonicalize(detach(element))
	if err != nil {
		panic("samltest: " + err.Error())
	}
	return bytes.Clone(out)
}
