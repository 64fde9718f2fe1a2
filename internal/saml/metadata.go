package saml

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/fault"
)

// Bounds of what one entity may list. Providers have a handful of each.
const (
	maxEndpoints     = 32
	maxNameIDFormats = 32
)

// metadataLimits are the scan's (M25): those of a message, but for comments,
// which Shibboleth writes, for size, and for density, since nobody canonicalises
// the document. It takes a second at worst: looking up a namespace goes through
// every attribute of every element around.
var metadataLimits = scanLimits{
	bytes:      MaxMetadata,
	tokens:     200_000,
	depth:      32,
	attributes: 64,
	name:       1 << 10,
	namespaces: 64,
	comments:   true,
	xmlns:      true,
}

// entity is one EntityDescriptor.
type entity struct {
	element *etree.Element
	id      string
	until   time.Time     // the earliest validUntil of what it stands in; zero is none
	fresh   time.Duration // the shortest cacheDuration of what it stands in; 0 is none
}

type entities []entity

// errWhichEntity marks errors that the record's issuer mends, not other
// metadata.
var errWhichEntity = errors.New("the issuer does not name one entity of the metadata")

// readMetadata reads SAML 2.0 metadata (M25): an EntityDescriptor or an
// EntitiesDescriptor. Signatures on it are not looked at: an administrator
// vouches for what they paste. Errors are fault.Invalid and say what to do.
func readMetadata(doc []byte) (entities, error) {
	root, err := metadataRoot(doc, nil)
	if err != nil {
		return nil, err
	}
	return entitiesIn(root)
}

// metadataRoot is metadata's outermost element. IDs must be new to ids, unless
// that is nil.
func metadataRoot(doc []byte, ids idSet) (*etree.Element, error) {
	if len(doc) > MaxMetadata {
		return nil, fault.New(fault.Invalid, "Metadata has at most %d MiB. Cut a federation's file down to the one EntityDescriptor.", MaxMetadata>>20)
	}
	// A pasted document often has a line break before its declaration.
	doc = bytes.TrimSpace(bytes.TrimPrefix(doc, []byte("\ufeff")))
	root, refused := parse(doc, metadataLimits, nil, ids)
	if refused.refused() {
		if looksLikeWebPage(doc) {
			return nil, webPage()
		}
		return nil, fault.New(fault.Invalid, "The metadata cannot be read: %s. Copy it again, whole, as a file in UTF-8.", refused)
	}
	if !isMetadata(root, "EntityDescriptor") && !isMetadata(root, "EntitiesDescriptor") {
		if looksLikeWebPage(doc) {
			return nil, webPage()
		}
		return nil, fault.New(fault.Invalid, "This is not SAML 2.0 metadata: its outermost element is not EntityDescriptor or EntitiesDescriptor.")
	}
	return root, nil
}

// entitiesIn are the entities in metadata's outermost element.
func entitiesIn(root *etree.Element) (entities, error) {
	var all entities
	err := all.collect(root, time.Time{}, 0)
	return all, err
}

func looksLikeWebPage(doc []byte) bool {
	start := strings.ToLower(string(doc[:min(len(doc), 1<<10)]))
	return strings.HasPrefix(start, "<!doctype html") || strings.Contains(start, "<html")
}

func webPage() error {
	return fault.New(fault.Invalid, "This is a web page, not metadata. Open the metadata address while logged in at the provider, and save the file.")
}

// collect goes down through EntitiesDescriptors, which may be nested. The scan
// bounds their depth.
func (e *entities) collect(element *etree.Element, until time.Time, fresh time.Duration) error {
	fresh = shorter(element, fresh)
	until, err := earlier(element, until)
	if err != nil {
		return err
	}
	if element.Tag == "EntityDescriptor" {
		id, _ := attribute(element, "entityID")
		*e = append(*e, entity{element: element, id: strings.TrimSpace(id), until: until, fresh: fresh})
		return nil
	}
	for _, child := range element.ChildElements() {
		if isMetadata(child, "EntityDescriptor") || isMetadata(child, "EntitiesDescriptor") {
			if err := e.collect(child, until, fresh); err != nil {
				return err
			}
		}
	}
	return nil
}

// earlier is until or the element's validUntil, whichever ends first: it holds
// for all that the element contains (SAML metadata 2.3.1, 2.3.2).
func earlier(element *etree.Element, until time.Time) (time.Time, error) {
	text, ok := attribute(element, "validUntil")
	if !ok {
		return until, nil
	}
	text = strings.TrimSpace(text)
	own, ok := parseInstant(text)
	if !ok {
		// SAML core 1.3.3 has all instants in UTC, with or without saying so.
		own, ok = parseInstant(text + "Z")
	}
	if !ok {
		return time.Time{}, fault.New(fault.Invalid, "validUntil of %s is not a date and time. Ask the provider for metadata that says 2030-01-31T12:00:00Z, or remove it.", element.Tag)
	}
	if until.IsZero() || own.Before(until) {
		return own, nil
	}
	return until, nil
}

func (e entities) identityProviders() entities {
	var found entities
	for _, one := range e {
		if len(one.roles("IDPSSODescriptor")) > 0 {
			found = append(found, one)
		}
	}
	return found
}

func (e entities) choose(entityID string) (entity, error) {
	if entityID == "" {
		switch found := e.identityProviders(); {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return entity{}, whichEntity("The metadata holds %d identity providers. Enter the issuer of the one you mean: %s.", len(found), found.names())
		}
		return entity{}, e.noIdentityProvider()
	}
	var named entities
	for _, one := range e {
		if one.id == entityID {
			named = append(named, one)
		}
	}
	switch found := e.identityProviders(); {
	case len(named) > 1:
		return entity{}, fault.New(fault.Invalid, "The metadata describes %s more than once, so it does not say which is true. Ask the provider for metadata that names it once.", shown(entityID))
	case len(named) == 1:
		return named[0], nil
	case len(found) == 0:
		return entity{}, e.noIdentityProvider()
	default:
		return entity{}, whichEntity("The metadata is of %s, not of %s. Correct the issuer, or paste the metadata of that provider.", found.names(), shown(entityID))
	}
}

func (e entities) noIdentityProvider() error {
	for _, one := range e {
		if len(one.roles("SPSSODescriptor")) > 0 {
			return fault.New(fault.Invalid, "This is the metadata of a service provider, perhaps our own. Paste the identity provider's.")
		}
	}
	return fault.New(fault.Invalid, "The metadata holds no identity provider that speaks SAML 2.0.")
}

// names lists a few of the entities, quoted.
func (e entities) names() string {
	const few = 3
	var names []string
	for _, one := range e[:min(few, len(e))] {
		names = append(names, shown(one.id))
	}
	list := strings.Join(names, ", ")
	if len(e) > few {
		list += fmt.Sprintf(" and %d more", len(e)-few)
	}
	return list
}

func whichEntity(format string, args ...any) error {
	return fault.Hide(errWhichEntity, fault.Invalid, fmt.Sprintf(format, args...))
}

// roles are the descriptors of one kind that speak SAML 2.0: an entity may
// have others for other protocols beside them.
func (e entity) roles(tag string) []*etree.Element {
	var found []*etree.Element
	for _, role := range metadataChildren(e.element, tag) {
		protocols, _ := attribute(role, "protocolSupportEnumeration")
		if slices.Contains(strings.Fields(protocols), saml2.SAMLProtocolNamespace) {
			found = append(found, role)
		}
	}
	return found
}

// idp reads the entity. The notes say, one sentence each, what of it could not
// be used.
func (e entity) idp() (idp IdP, notes []string, err error) {
	if e.id == "" {
		return IdP{}, nil, fault.New(fault.Invalid, "The EntityDescriptor has no entityID. Ask the provider for complete metadata.")
	}
	if err := checkEntityID(e.id); err != nil {
		return IdP{}, nil, fault.Hide(err, fault.Invalid, "The metadata's entityID is longer than 1024 characters, or holds white space.")
	}
	roles := e.roles("IDPSSODescriptor")
	if len(roles) != 1 {
		if len(roles) == 0 {
			return IdP{}, nil, entities{e}.noIdentityProvider()
		}
		return IdP{}, nil, fault.New(fault.Invalid, "%s has %d IDPSSODescriptors, so it does not say which is true. Ask the provider for metadata with one.", shown(e.id), len(roles))
	}
	role := roles[0]
	idp = IdP{EntityID: e.id}
	if idp.ValidUntil, err = earlier(role, e.until); err != nil {
		return IdP{}, nil, err
	}
	if idp.WantRequestsSigned, err = metadataBool(role, "WantAuthnRequestsSigned"); err != nil {
		return IdP{}, nil, err
	}
	if idp.SSO, _, notes, err = readEndpoints(role, "SingleSignOnService"); err != nil {
		return IdP{}, nil, err
	}
	logout, answers, logoutNotes, err := readEndpoints(role, "SingleLogoutService")
	if err != nil {
		return IdP{}, nil, err
	}
	idp.Logout, idp.LogoutAnswers = logout, answers
	notes = append(notes, logoutNotes...)
	certificates, keyNotes, err := readKeys(role)
	if err != nil {
		return IdP{}, nil, err
	}
	idp.Certificates = certificates
	notes = append(notes, keyNotes...)
	for _, element := range metadataChildren(role, "NameIDFormat") {
		if format, _ := trimmedContent(element); format != "" && !slices.Contains(idp.NameIDFormats, format) {
			idp.NameIDFormats = append(idp.NameIDFormats, format)
		}
	}
	if len(idp.NameIDFormats) > maxNameIDFormats {
		return IdP{}, nil, fault.New(fault.Invalid, "The metadata lists more than %d name ID formats. Remove those that are not used.", maxNameIDFormats)
	}
	return idp, notes, nil
}

// readEndpoints takes the two bindings that a browser carries; the others
// (SOAP, artifact, Shibboleth 1) are not for us. answers has, for each endpoint,
// where answers go: its ResponseLocation, if it has one (SAML metadata 2.2.2).
func readEndpoints(role *etree.Element, tag string) (endpoints, answers []Endpoint, notes []string, err error) {
	for _, element := range metadataChildren(role, tag) {
		binding, ok := metadataBinding(element)
		if !ok {
			continue
		}
		location, _ := attribute(element, "Location")
		answer, elsewhere := attribute(element, "ResponseLocation")
		if !elsewhere {
			answer = location
		}
		location, answer = strings.TrimSpace(location), strings.TrimSpace(answer)
		if err := cmp.Or(parseSSOURL(location), parseSSOURL(answer)); err != nil {
			notes = append(notes, fmt.Sprintf("The %s address %s of the metadata is not used. %s", tag, shown(location), fault.Sentence(err)))
			continue
		}
		if endpoint := (Endpoint{binding, location}); !slices.Contains(endpoints, endpoint) {
			endpoints = append(endpoints, endpoint)
			answers = append(answers, Endpoint{binding, answer})
		}
	}
	if len(endpoints) > maxEndpoints {
		return nil, nil, nil, fault.New(fault.Invalid, "The metadata lists more than %d addresses of %s. Remove those that are not used.", maxEndpoints, tag)
	}
	return endpoints, answers, notes, nil
}

func metadataBinding(element *etree.Element) (Binding, bool) {
	text, _ := attribute(element, "Binding")
	switch strings.TrimSpace(text) {
	case saml2.BindingHttpRedirect:
		return Redirect, true
	case saml2.BindingHttpPost:
		return POST, true
	}
	return "", false
}

// readKeys takes the keys that may sign: use="signing", or no use at all (SAML
// metadata 2.4.1.1).
func readKeys(role *etree.Element) (certificates []*x509.Certificate, notes []string, err error) {
	for _, descriptor := range metadataChildren(role, "KeyDescriptor") {
		if use, ok := attribute(descriptor, "use"); ok && strings.TrimSpace(use) != "signing" {
			continue
		}
		own, ownNotes, err := readKeyInfo(descriptor)
		if err != nil {
			return nil, nil, err
		}
		notes = append(notes, ownNotes...)
		for _, certificate := range own {
			if !slices.ContainsFunc(certificates, certificate.Equal) {
				certificates = append(certificates, certificate)
			}
		}
		if len(certificates) > maxCertificates {
			return nil, nil, tooManyCertificates()
		}
	}
	return certificates, notes, nil
}

// readKeyInfo reads one KeyDescriptor: one or more certificates of keys that
// sign, perhaps with the authorities that issued them.
func readKeyInfo(descriptor *etree.Element) (signers []*x509.Certificate, notes []string, err error) {
	var all []*x509.Certificate
	for _, info := range dsigChildren(descriptor, "KeyInfo") {
		for _, data := range dsigChildren(info, "X509Data") {
			for _, element := range dsigChildren(data, "X509Certificate") {
				text, _ := content(element)
				der, err := decodeBase64Text(text)
				if err != nil {
					return nil, nil, unreadableCertificate(err)
				}
				certificate, err := x509.ParseCertificate(der)
				if err != nil {
					return nil, nil, unreadableCertificate(err)
				}
				if all = append(all, certificate); len(all) > maxCertificates {
					return nil, nil, tooManyCertificates()
				}
			}
		}
	}
	if len(all) == 0 {
		return nil, []string{"A key of the metadata is not used, since it has no X.509 certificate."}, nil
	}
	for _, certificate := range all {
		switch why := unusable(certificate); {
		case issuesAnother(certificate, all):
			notes = append(notes, fmt.Sprintf("The certificate %s of the metadata is not used, since it only issued another one there.", shown(certificate.Subject.String())))
		case why != "":
			notes = append(notes, fmt.Sprintf("The certificate %s of the metadata is not used. %s", shown(certificate.Subject.String()), why))
		default:
			signers = append(signers, certificate)
		}
	}
	return signers, notes, nil
}

// issuesAnother is true for a certification authority that stands beside the
// certificate it issued (XML signature 4.5.4 allows whole chains): whoever
// holds its key must not be able to sign responses. Two self-signed
// certificates of one name, as during a roll-over, did not issue one another.
func issuesAnother(issuer *x509.Certificate, all []*x509.Certificate) bool {
	for _, other := range all {
		if samePublicKey(issuer, other) || !bytes.Equal(other.RawIssuer, issuer.RawSubject) {
			continue
		}
		err := issuer.CheckSignature(other.SignatureAlgorithm, other.RawTBSCertificate, other.Signature)
		var weak x509.InsecureAlgorithmError
		if err == nil || errors.As(err, &weak) && !bytes.Equal(other.RawIssuer, other.RawSubject) {
			return true
		}
	}
	return false
}

func samePublicKey(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

func unreadableCertificate(cause error) error {
	return fault.Hide(cause, fault.Invalid, "A certificate in the metadata cannot be read, so a part of it was changed or lost on the way. Copy the metadata again, as a file.")
}

func isMetadata(element *etree.Element, tag string) bool {
	return is(element, metadataNamespace, tag)
}

func metadataChildren(parent *etree.Element, tag string) []*etree.Element {
	return childrenIn(parent, metadataNamespace, tag)
}

func dsigChildren(parent *etree.Element, tag string) []*etree.Element {
	return childrenIn(parent, dsig.Namespace, tag)
}

func childrenIn(parent *etree.Element, namespace, tag string) []*etree.Element {
	var found []*etree.Element
	for child := range parent.ChildElementsSeq() {
		if is(child, namespace, tag) {
			found = append(found, child)
		}
	}
	return found
}

func metadataBool(element *etree.Element, name string) (bool, error) {
	text, _ := attribute(element, name)
	switch strings.TrimSpace(text) {
	case "true", "1":
		return true, nil
	case "", "false", "0":
		return false, nil
	}
	return false, fault.New(fault.Invalid, "%s in the metadata is neither true nor false. Ask the provider for correct metadata.", name)
}
