package saml

import (
	"cmp"
	"crypto/x509"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/fault"
)

// Reading is what a metadata document says of one identity provider.
type Reading struct {
	IdP      IdP
	Fresh    time.Duration // cacheDuration, the shortest around the provider; 0 is none
	SignedBy string        // fingerprint of the pinned certificate that signed the document; "" when none is pinned
	Notes    []string      // a sentence for each part that cannot be used
}

// ReadMetadata reads one identity provider out of a document (M25). entityID is
// the one that is meant; "" is the only one there is. When certificates are
// pinned, the document must be signed as a whole with the key of one of them,
// and only what was signed is read. The error is fault.Invalid and says what to
// do.
func ReadMetadata(doc []byte, entityID string, pinned []*x509.Certificate) (Reading, error) {
	all, signedBy, err := readSigned(doc, pinned)
	if err != nil {
		return Reading{}, err
	}
	one, err := all.choose(entityID)
	if err != nil {
		return Reading{}, err
	}
	reading := Reading{SignedBy: signedBy, Fresh: one.fresh}
	reading.IdP, reading.Notes, err = one.idp()
	return reading, err
}

// readSigned is readMetadata of what one of the pinned keys has signed; of the
// document as it is when there is none.
func readSigned(doc []byte, pinned []*x509.Certificate) (entities, string, error) {
	if len(pinned) == 0 {
		all, err := readMetadata(doc)
		return all, "", err
	}
	// An ID that is there twice would let the signature refer to either.
	root, err := metadataRoot(doc, idSet{})
	if err != nil {
		return nil, "", err
	}
	proven, signedBy, err := readSignedRoot(root, pinned)
	if err != nil {
		return nil, "", err
	}
	all, err := entitiesIn(proven)
	return all, signedBy, err
}

// readSignedRoot is what one of the pinned keys has signed of a document, and
// whose fingerprint that key has.
func readSignedRoot(root *etree.Element, pinned []*x509.Certificate) (*etree.Element, string, error) {
	verifier := &Verifier{}
	for _, certificate := range pinned {
		if key, ok := newSigner(certificate); ok && !key.weak {
			verifier.signers = append(verifier.signers, key)
		}
	}
	signature := ownSignature(root)
	if signature == nil {
		return nil, "", fault.New(fault.Invalid, "The metadata is not signed, and the record asks for it to be. Remove metadata_certificates, or let the provider sign it.")
	}
	form, bad := verifier.readSignature(root, signature)
	if bad != nil {
		return nil, "", fault.New(fault.Invalid, "The signature on the metadata is refused: %s.", bad.why)
	}
	proven, key, err := verifier.prove(root, nil, form)
	if err != nil {
		return nil, "", fault.Hide(err, fault.Invalid, "The metadata was not signed with a key of metadata_certificates, or was changed since. Ask the provider for the certificate that it signs its metadata with.")
	}
	return proven, key.fingerprint, nil
}

// Metadata is the provider as an EntityDescriptor of ours: the same bytes for
// the same provider, with nothing in it but what is used. validUntil is not.
func (p IdP) Metadata() string {
	document := etree.NewDocument()
	entity := document.CreateElement("md:EntityDescriptor")
	entity.CreateAttr("xmlns:md", metadataNamespace)
	entity.CreateAttr("xmlns:ds", dsig.Namespace)
	entity.CreateAttr("entityID", p.EntityID)
	role := entity.CreateElement("md:IDPSSODescriptor")
	if p.WantRequestsSigned {
		role.CreateAttr("WantAuthnRequestsSigned", "true")
	}
	role.CreateAttr("protocolSupportEnumeration", saml2.SAMLProtocolNamespace)
	for _, certificate := range p.Certificates {
		keyDescriptor(role, "signing", Key{Certificate: certificate})
	}
	p.endpoints(role, "md:SingleLogoutService", p.Logout, p.LogoutAnswers)
	for _, format := range p.NameIDFormats {
		role.CreateElement("md:NameIDFormat").SetText(format)
	}
	p.endpoints(role, "md:SingleSignOnService", p.SSO, nil)
	document.Indent(2)
	text, err := document.WriteToString()
	if err != nil {
		panic(err) // a strings.Builder takes everything
	}
	return text
}

// endpoints writes addresses; answers has, for each, where answers go.
func (IdP) endpoints(role *etree.Element, tag string, list, answers []Endpoint) {
	bindings := map[Binding]string{Redirect: saml2.BindingHttpRedirect, POST: saml2.BindingHttpPost}
	for i, endpoint := range list {
		element := role.CreateElement(tag)
		element.CreateAttr("Binding", bindings[endpoint.Binding])
		element.CreateAttr("Location", endpoint.URL)
		if i < len(answers) && answers[i].URL != endpoint.URL {
			element.CreateAttr("ResponseLocation", answers[i].URL)
		}
	}
}

// Preview is what a metadata document would make of a record, for a person to
// look at before anything is saved.
type Preview struct {
	// IdentityProviders are those in the document. When there are several and
	// none was asked for, everything else is empty: choose one.
	IdentityProviders []string

	EntityID           string
	SSO, Logout        []Endpoint
	Certificates       []CertificatePreview
	NameIDFormats      []string
	WantRequestsSigned bool
	ValidUntil         time.Time     // zero: it does not say
	Fresh              time.Duration // cacheDuration; 0: it does not say
	SignedBy           string        // fingerprint of the pinned certificate
	Warnings           []string
}

// CertificatePreview is one signing certificate of a provider.
type CertificatePreview struct {
	Subject             string
	Fingerprint         string // SHA-256, lower-case hexadecimal
	NotBefore, NotAfter time.Time
}

// PreviewMetadata shows what a document holds of one identity provider, as it
// is at the instant now. Its arguments and errors are ReadMetadata's, except
// that a document of several providers is no error when none is asked for.
func PreviewMetadata(doc []byte, entityID string, pinned []*x509.Certificate, now time.Time) (Preview, error) {
	all, _, err := readSigned(doc, pinned)
	if err != nil {
		return Preview{}, err
	}
	var preview Preview
	for _, one := range all.identityProviders() {
		preview.IdentityProviders = append(preview.IdentityProviders, one.id)
	}
	if entityID == "" && len(preview.IdentityProviders) > 1 {
		return preview, nil
	}
	reading, err := ReadMetadata(doc, entityID, pinned)
	if err != nil {
		return Preview{}, err
	}
	idp := reading.IdP
	preview.EntityID, preview.SSO, preview.Logout, preview.NameIDFormats = idp.EntityID, idp.SSO, idp.Logout, idp.NameIDFormats
	preview.WantRequestsSigned, preview.ValidUntil = idp.WantRequestsSigned, idp.ValidUntil
	preview.Fresh, preview.SignedBy = reading.Fresh, reading.SignedBy
	for _, certificate := range idp.Certificates {
		preview.Certificates = append(preview.Certificates, CertificatePreview{
			Subject: shown(certificate.Subject.String()), Fingerprint: Fingerprint(certificate),
			NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter,
		})
	}
	// What the record's own check and warnings would say of it.
	s := Settings{Metadata: idp.Metadata()}
	preview.Warnings = reading.Notes
	for _, problem := range s.Check() {
		preview.Warnings = append(preview.Warnings, problem.Message)
	}
	if until := idp.ValidUntil; !until.IsZero() && !now.Before(until) {
		preview.Warnings = append(preview.Warnings, "The metadata was valid until "+instant(until)+". Ask the provider for newer metadata.")
	}
	for _, warning := range s.Warnings(now) {
		if warning.Field == "metadata" {
			preview.Warnings = append(preview.Warnings, warning.Message)
		}
	}
	return preview, nil
}

// duration is xs:duration, as cacheDuration has it.
var duration = regexp.MustCompile(`^P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?$`)

// parseDuration reads an xs:duration that is not negative. A year counts 365
// days and a month 30; what is longer than ten years is ten years. What cannot
// be read is none: it only says how long something may be kept.
func parseDuration(text string) time.Duration {
	parts := duration.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return 0
	}
	const day = 24 * time.Hour
	const most = 10 * 365 * day
	var sum time.Duration
	for i, unit := range []time.Duration{365 * day, 30 * day, day, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.ParseInt(cmp.Or(parts[i+1], "0"), 10, 64)
		if n > int64(most/unit) {
			return most
		}
		sum = min(most, sum+time.Duration(n)*unit)
	}
	return sum
}

// shorter is the cacheDuration of an element or the one around it, whichever
// ends first.
func shorter(element *etree.Element, around time.Duration) time.Duration {
	text, _ := attribute(element, "cacheDuration")
	own := parseDuration(text)
	if own == 0 || around != 0 && around < own {
		return around
	}
	return own
}

// pinnedCertificates are the certificates that the metadata's own signature is
// held against.
func (s Settings) pinnedCertificates() ([]*x509.Certificate, fault.Problems) {
	var all []*x509.Certificate
	var problems fault.Problems
	for i, text := range s.MetadataCertificates {
		field := "metadata_certificates[" + strconv.Itoa(i) + "]"
		if i == maxCertificates {
			problems.AddError(field, tooManyCertificates())
			break
		}
		parsed, err := ParseCertificates(text)
		problems.AddError(field, err)
		all = append(all, parsed...)
	}
	return all, problems
}

// ReadMetadataAt reads what the record's metadata address has answered, by the
// record's issuer and its pinned certificates. A document of one provider with
// another entity ID than the record's is read all the same: whether to follow it
// is not for the document to say.
func (s Settings) ReadMetadataAt(doc []byte) (Reading, error) {
	pinned, problems := s.pinnedCertificates()
	if problems.Any() {
		return Reading{}, problems.Err()
	}
	issuer := s.Issuer
	if issuer == "" && s.Metadata != "" {
		if known, err := ReadMetadata([]byte(s.Metadata), "", nil); err == nil {
			issuer = known.IdP.EntityID
		}
	}
	all, _, err := readSigned(doc, pinned)
	if err != nil {
		return Reading{}, err
	}
	found := all.identityProviders()
	if issuer != "" && len(found) == 1 && s.Metadata != "" && !slices.ContainsFunc(all, func(one entity) bool { return one.id == issuer }) {
		issuer = found[0].id
	}
	return ReadMetadata(doc, issuer, pinned)
}

// AwaitsMetadata is true for settings whose provider is described by an address
// that has not been read yet.
func (s Settings) AwaitsMetadata() bool { return s.MetadataURL != "" && s.Metadata == "" }
