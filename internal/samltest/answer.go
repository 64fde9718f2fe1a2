package samltest

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"idms/internal/saml"
)

// Absent in a text field of an [Answer] leaves the attribute or element out.
const Absent = "\x00"

// Signed is what of a response is signed.
type Signed uint8

const (
	SignNothing   Signed = 0
	SignAssertion Signed = 1
	SignResponse  Signed = 2
	SignBoth      Signed = SignAssertion | SignResponse
)

// Answer is a Response before it is written. [For], [Answer.To] and [Answer.At]
// make an honest one; every field may be changed after them. Methods return a
// changed copy, so that one Answer can be the trunk of many.
type Answer struct {
	SP saml.SP // the first of its keys is the one to encrypt to

	// The Response. IDs, versions and issuers that are "" get their honest value
	// when they are written; Absent leaves any text out.
	ID             string
	Version        string
	Issued         time.Time // of Response and Assertion
	Destination    string
	InResponseTo   string // of the Response alone
	ResponseIssuer string
	Status         []string // the top-level code, then the nested ones
	StatusMessage  string

	// The Assertion.
	AssertionID      string
	AssertionVersion string
	Issuer           string
	NameID           saml.NameID // Value Absent: no NameID at all
	Confirmations    []Confirmation
	NotBefore        time.Time // of Conditions; zero leaves it out
	NotOnOrAfter     time.Time // of Conditions; zero leaves it out
	Audiences        [][]string
	AuthnInstant     time.Time // zero leaves the attribute out
	Context          string
	SessionIndex     string
	SessionUntil     time.Time // SessionNotOnOrAfter; zero leaves it out
	Attributes       []Attribute

	// How it is protected.
	Signs              Signed
	AssertionSignature Signature
	ResponseSignature  Signature
	Encryption         *Encryption // nil sends the assertion plain

	drafts, enclosures, seals []func(response *etree.Element)
	wires                     []func([]byte) []byte
}

// Confirmation is one SubjectConfirmation.
type Confirmation struct {
	Method       string // "" is bearer
	Recipient    string
	InResponseTo string
	NotBefore    time.Time
	NotOnOrAfter time.Time
	Address      string
}

// Attribute is one attribute as a provider sends it.
type Attribute struct {
	Name, NameFormat, FriendlyName string
	Values                         []string
	// Apart writes one Attribute element for each value (Keycloak).
	Apart bool
}

// Names that SAML core 8.3 and the authentication context classes define.
const (
	FormatUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	FormatEmail       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	FormatPersistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	FormatTransient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

	ContextPassword  = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
	ContextSmartcard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
	ContextAny       = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"

	StatusSuccess   = "urn:oasis:names:tc:SAML:2.0:status:Success"
	StatusResponder = "urn:oasis:names:tc:SAML:2.0:status:Responder"
	StatusNoPassive = "urn:oasis:names:tc:SAML:2.0:status:NoPassive"

	nameFormatBasic = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
	nameFormatURI   = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
	confirmBearer   = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	confirmHolder   = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
)

// For begins an answer meant for sp: its ACS is the Destination and the
// Recipient, its audience the only audience, its assertion signed.
func For(sp saml.SP) Answer {
	return Answer{
		SP:            sp,
		Destination:   sp.ACS,
		Status:        []string{StatusSuccess},
		Confirmations: []Confirmation{{Recipient: sp.ACS}},
		Audiences:     [][]string{{sp.Audience}},
		Context:       ContextPassword,
		Signs:         SignAssertion,
	}
}

// To says which request is answered; the zero Request makes the answer
// unsolicited.
func (a Answer) To(request saml.Request) Answer {
	a.InResponseTo = request.ID
	a.Confirmations = slices.Clone(a.Confirmations)
	for i := range a.Confirmations {
		a.Confirmations[i].InResponseTo = request.ID
	}
	return a
}

// At sets every instant as a provider does that answers at now: valid from 30
// seconds ago for five minutes and a half.
func (a Answer) At(now time.Time) Answer {
	a.Issued, a.AuthnInstant = now, now
	a.NotBefore, a.NotOnOrAfter = now.Add(-30*time.Second), now.Add(5*time.Minute)
	a.Confirmations = slices.Clone(a.Confirmations)
	for i := range a.Confirmations {
		a.Confirmations[i].NotOnOrAfter = a.NotOnOrAfter
	}
	return a
}

// Person vouches for somebody: NameID, username, email, first_name and
// last_name are made from one lower-case name, so that "ada" becomes
// ada@example.test, Ada Example.
func (a Answer) Person(name string) Answer {
	if a.NameID.Format == "" {
		a.NameID.Format = FormatPersistent
	}
	a.NameID.Value = name
	first := name
	if name != "" {
		first = strings.ToUpper(name[:1]) + name[1:]
	}
	return a.Attribute("username", name).
		Attribute("email", name+"@example.test").
		Attribute("first_name", first).
		Attribute("last_name", "Example")
}

// Attribute adds an attribute with all its values in one element.
func (a Answer) Attribute(name string, values ...string) Answer {
	return a.AttributeAs(Attribute{Name: name, NameFormat: nameFormatBasic, Values: values})
}

// AttributeAs adds an attribute written in a way of its own.
func (a Answer) AttributeAs(attribute Attribute) Answer {
	a.Attributes = append(slices.Clip(a.Attributes), attribute)
	return a
}

// Sign says what is signed.
func (a Answer) Sign(what Signed) Answer {
	a.Signs = what
	return a
}

// SignWith says how: for every signature of the answer.
func (a Answer) SignWith(signature Signature) Answer {
	a.AssertionSignature, a.ResponseSignature = signature, signature
	return a
}

// Encrypt sends the assertion encrypted.
func (a Answer) Encrypt(encryption Encryption) Answer {
	a.Encryption = &encryption
	return a
}

// With changes fields in the middle of a sentence.
func (a Answer) With(change func(*Answer)) Answer {
	a.Confirmations = slices.Clone(a.Confirmations)
	a.Audiences = slices.Clone(a.Audiences)
	a.Attributes = slices.Clone(a.Attributes)
	change(&a)
	return a
}

// Draft edits the response before anything is signed: what the provider
// itself says, and vouches for.
func (a Answer) Draft(edit func(response *etree.Element)) Answer {
	a.drafts = append(slices.Clip(a.drafts), edit)
	return a
}

// Enclose edits it after the assertion is signed and before it is encrypted and
// the Response is signed.
func (a Answer) Enclose(edit func(response *etree.Element)) Answer {
	a.enclosures = append(slices.Clip(a.enclosures), edit)
	return a
}

// Sealed edits it after everything is signed: what an attacker does to a
// message on its way.
func (a Answer) Sealed(edit func(response *etree.Element)) Answer {
	a.seals = append(slices.Clip(a.seals), edit)
	return a
}

// Wire edits the bytes.
func (a Answer) Wire(edit func([]byte) []byte) Answer {
	a.wires = append(slices.Clip(a.wires), edit)
	return a
}

// Replace edits the bytes, and panics when old is not in them: an attack that
// changes nothing would be no attack.
func (a Answer) Replace(old, new string) Answer {
	return a.Wire(func(message []byte) []byte {
		if !strings.Contains(string(message), old) {
			panic("samltest: nothing to replace: " + old)
		}
		return []byte(strings.Replace(string(message), old, new, 1))
	})
}

// Response writes the answer in this provider's name.
func (p *IdP) Response(a Answer) []byte {
	doc := p.build(a)
	response := doc.Root()
	apply(a.drafts, response)
	if a.Signs&SignAssertion != 0 {
		p.sign(child(response, "Assertion"), a.AssertionSignature)
	}
	apply(a.enclosures, response)
	if a.Encryption != nil {
		p.encrypt(child(response, "Assertion"), *a.Encryption, a.SP)
	}
	if a.Signs&SignResponse != 0 {
		p.sign(response, a.ResponseSignature)
	}
	apply(a.seals, response)
	message := write(doc)
	for _, edit := range a.wires {
		message = edit(message)
	}
	return message
}

func apply(edits []func(*etree.Element), response *etree.Element) {
	for _, edit := range edits {
		edit(response)
	}
}

// NewID returns an xs:ID nobody can guess (SAML core 1.3.4).
func NewID() string {
	random := make([]byte, 16)
	rand.Read(random)
	return "_" + hex.EncodeToString(random)
}
