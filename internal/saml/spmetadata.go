package saml

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/beevik/etree"
	saml2 "github.com/russellhaering/gosaml2"
	"github.com/russellhaering/gosaml2/types"
	dsig "github.com/russellhaering/goxmldsig"
)

const (
	metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata"

	// metadataCache is how long a provider that reads the metadata from its
	// address may keep it (xs:duration, one day).
	//
	// There is no validUntil unless it is signed: most administrators upload a file, and some
	// providers drop an uploaded file on that day, keys and all.
	metadataCache = "P1D"

	// metadataValid is how long signed metadata holds. Without an end, an old
	// copy with a lost key would be good for ever.
	metadataValid = 14 * 24 * time.Hour
)

// SPMetadata is this service's side of one connection as a SAML 2.0
// EntityDescriptor, for the provider's administrator or software. The first
// key is the one that signs, and a next one is named beside it, so that providers
// know it before it does; every key decrypts, and the newest is named first,
// since most providers encrypt for the first. Single logout is in it when the
// record takes part in it, by both bindings.
//
// It is signed, and ends two weeks after now, when the record says so: then
// somebody reads it again and again.
func SPMetadata(s Settings, sp SP, now time.Time) ([]byte, error) {
	document := etree.NewDocument()
	document.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	entity := document.CreateElement("md:EntityDescriptor")
	entity.CreateAttr("xmlns:md", metadataNamespace)
	entity.CreateAttr("xmlns:ds", dsig.Namespace)
	entity.CreateAttr("entityID", sp.EntityID)
	entity.CreateAttr("cacheDuration", metadataCache)

	s.nameAlgorithms(entity.CreateElement("md:Extensions"))
	role := entity.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("AuthnRequestsSigned", strconv.FormatBool(s.SignRequests))
	// When either signature will do, a signed assertion is the one to ask for:
	// some providers sign nothing at all unless they are asked.
	role.CreateAttr("WantAssertionsSigned", strconv.FormatBool(s.Signed != SignedResponse))
	role.CreateAttr("protocolSupportEnumeration", saml2.SAMLProtocolNamespace)

	for i, key := range sp.Keys {
		if key.Certificate == nil {
			return nil, fmt.Errorf("key %d of %s has no certificate", i+1, sp.EntityID)
		}
	}
	for i, key := range sp.Keys {
		if i == 0 || key.Next {
			keyDescriptor(role, "signing", key)
		}
	}
	newest := slices.Clone(sp.Keys)
	slices.SortStableFunc(newest, func(a, b Key) int {
		return cmp.Compare(b.Certificate.NotBefore.Unix(), a.Certificate.NotBefore.Unix())
	})
	for _, key := range newest {
		descriptor := keyDescriptor(role, "encryption", key)
		for _, algorithm := range s.encryptionMethods() {
			descriptor.CreateElement("md:EncryptionMethod").CreateAttr("Algorithm", algorithm)
		}
	}

	if s.SingleLogout {
		for _, location := range append([]string{sp.SLO}, sp.PreviousSLO...) {
			for _, binding := range []string{saml2.BindingHttpRedirect, saml2.BindingHttpPost} {
				slo := role.CreateElement("md:SingleLogoutService")
				slo.CreateAttr("Binding", binding)
				slo.CreateAttr("Location", location)
			}
		}
	}
	if s.NameIDFormat != "" {
		role.CreateElement("md:NameIDFormat").SetText(s.NameIDFormat)
	}
	for i, location := range append([]string{sp.ACS}, sp.PreviousACS...) {
		acs := role.CreateElement("md:AssertionConsumerService")
		acs.CreateAttr("Binding", saml2.BindingHttpPost)
		acs.CreateAttr("Location", location)
		acs.CreateAttr("index", strconv.Itoa(i))
		acs.CreateAttr("isDefault", strconv.FormatBool(i == 0))
	}
	document.Indent(2)
	if s.SignMetadata {
		if err := signMetadata(document, sp, now); err != nil {
			return nil, err
		}
	}
	return document.WriteToBytes()
}

// signMetadata signs with the key that signs requests. The signature comes
// first (SAML metadata 2.3.2).
func signMetadata(document *etree.Document, sp SP, now time.Time) error {
	if len(sp.Keys) == 0 {
		return errNoKey
	}
	entity := document.Root()
	entity.CreateAttr("ID", NewRequestID())
	entity.CreateAttr("validUntil", now.UTC().Add(metadataValid).Format("2006-01-02T15:04:05Z"))
	signing, err := dsig.NewSigningContext(sp.Keys[0].Private, [][]byte{sp.Keys[0].Certificate.Raw})
	if err != nil {
		return err
	}
	signing.Canonicalizer = canonicalizers[Exclusive]()
	signature, err := signing.ConstructSignature(entity, true)
	if err != nil {
		return err
	}
	entity.InsertChildAt(0, signature)
	return nil
}

func keyDescriptor(role *etree.Element, use string, key Key) *etree.Element {
	descriptor := role.CreateElement("md:KeyDescriptor")
	descriptor.CreateAttr("use", use)
	data := descriptor.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data")
	data.CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(key.Certificate.Raw))
	return descriptor
}

// algorithmNamespace is that of the SAML V2.0 Metadata Profile for Algorithm
// Support, version 1.0.
const algorithmNamespace = "urn:oasis:names:tc:SAML:metadata:algsupport"

// nameAlgorithms says which signatures this record's verifier takes, dearest to
// us first: a provider that reads it need not be told by hand (IIP-MD09).
func (s Settings) nameAlgorithms(extensions *etree.Element) {
	extensions.CreateAttr("xmlns:alg", algorithmNamespace)
	add := func(tag string, algorithm string) {
		extensions.CreateElement("alg:"+tag).CreateAttr("Algorithm", algorithm)
	}
	sha1 := func(methods []string, legacy string) []string {
		if s.LegacySHA1 {
			return append(methods, legacy)
		}
		return methods
	}
	for _, digest := range sha1([]string{"http://www.w3.org/2001/04/xmlenc#sha256", signatureMore + "sha384", "http://www.w3.org/2001/04/xmlenc#sha512"}, digestSHA1) {
		add("DigestMethod", digest)
	}
	for _, method := range sha1([]string{dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod}, dsig.RSASHA1SignatureMethod) {
		add("SigningMethod", method)
	}
}

// encryptionMethods are those of M11 that this record's verifier takes in every
// response, dearest to us first. CBC is among them only by the legacy switch:
// without it a response has to be signed as a whole as well (M10).
func (s Settings) encryptionMethods() []string {
	methods := []string{types.MethodAES256GCM, types.MethodAES192GCM, types.MethodAES128GCM}
	if s.LegacyCBC {
		methods = append(methods, types.MethodAES256CBC, types.MethodAES128CBC)
	}
	return append(methods, types.MethodRSAOAEP, types.MethodRSAOAEP2)
}
