package saml

import (
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Namespaces of SAML 2.0 and of what it is built on.
const (
	protocolNamespace   = "urn:oasis:names:tc:SAML:2.0:protocol"
	assertionNamespace  = "urn:oasis:names:tc:SAML:2.0:assertion"
	encryptionNamespace = "http://www.w3.org/2001/04/xmlenc#"
	schemaInstance      = "http://www.w3.org/2001/XMLSchema-instance"
)

// is compares an element's full name.
func is(element *etree.Element, namespace, tag string) bool {
	return element.Tag == tag && element.NamespaceURI() == namespace
}

// namespaceOf is what a prefix means in an element. etree's attributes can tell
// theirs only in trees that etree itself has read.
func namespaceOf(element *etree.Element, prefix string) string {
	for ; element != nil; element = element.Parent() {
		for i := range element.Attr {
			if attr := &element.Attr[i]; attr.Space == "xmlns" && attr.Key == prefix {
				return attr.Value
			}
		}
	}
	return ""
}

// attribute is an attribute in no namespace, as all of SAML's are. etree's own
// SelectAttr would also find it under any prefix.
func attribute(element *etree.Element, name string) (string, bool) {
	for i := range element.Attr {
		if attr := &element.Attr[i]; attr.Key == name && attr.Space == "" {
			return attr.Value, true
		}
	}
	return "", false
}

// hidesID is true for an ID attribute under a prefix, which goxmldsig would
// take for the ID.
func hidesID(element *etree.Element) bool {
	for i := range element.Attr {
		if attr := &element.Attr[i]; attr.Key == dsig.DefaultIdAttr && attr.Space != "" {
			return true
		}
	}
	return false
}

// content is the text of an element with nothing but text in it. etree's own
// Text stops at the first element.
func content(element *etree.Element) (text string, simple bool) {
	if len(element.Child) == 1 {
		data, simple := element.Child[0].(*etree.CharData)
		if !simple {
			return "", false
		}
		return data.Data, true
	}
	var all strings.Builder // text with CDATA sections comes in pieces
	for _, token := range element.Child {
		data, ok := token.(*etree.CharData)
		if !ok {
			return "", false
		}
		all.WriteString(data.Data)
	}
	return all.String(), true
}

// xmlBlanks is the white space of XML, which may stand around any value.
const xmlBlanks = " \t\r\n"

// trimmedContent is content without the white space around it.
func trimmedContent(element *etree.Element) (string, bool) {
	text, simple := content(element)
	return strings.Trim(text, xmlBlanks), simple
}

// bindings are the namespaces that an element itself declares.
func bindings(element *etree.Element) []binding {
	var found []binding
	for i := range element.Attr {
		switch attr := &element.Attr[i]; {
		case attr.Space == "xmlns":
			found = append(found, binding{attr.Key, attr.Value})
		case attr.Space == "" && attr.Key == "xmlns":
			found = append(found, binding{"", attr.Value})
		}
	}
	return found
}

// responseParts are the direct children of a Response (SAML core 3.2.2, 3.3.3).
type responseParts struct {
	element    *etree.Element
	issuer     *etree.Element // nil: none
	signature  *etree.Element // nil: none
	status     *etree.Element
	assertions []*etree.Element // Assertion and EncryptedAssertion
}

// readResponse sorts the children of a Response. why says what is wrong, ""
// nothing.
func readResponse(element *etree.Element) (parts responseParts, why string) {
	parts.element = element
	if hidesID(element) {
		return parts, "an ID attribute under a prefix"
	}
	if strewn(element) {
		return parts, "text between the elements of the Response"
	}
	// The order is the schema's: no parser of it will find another first child.
	const (
		atStart = iota
		atIssuer
		atSignature
		atExtensions
		atStatus
		atAssertion
	)
	last := atStart
	for child := range element.ChildElementsSeq() {
		var place int
		switch namespace := child.NamespaceURI(); {
		case namespace == assertionNamespace && child.Tag == "Issuer":
			place, parts.issuer = atIssuer, child
		case namespace == dsig.Namespace && child.Tag == dsig.SignatureTag:
			place, parts.signature = atSignature, child
		case namespace == protocolNamespace && child.Tag == "Extensions":
			place = atExtensions
		case namespace == protocolNamespace && child.Tag == "Status":
			place, parts.status = atStatus, child
		case namespace == assertionNamespace && (child.Tag == "Assertion" || child.Tag == "EncryptedAssertion"):
			place = atAssertion
			parts.assertions = append(parts.assertions, child)
		default:
			return parts, "an element that no Response has"
		}
		if place < last || place == last && place != atAssertion {
			return parts, "a second " + child.Tag + ", or one out of its place"
		}
		last = place
	}
	if parts.status == nil {
		return parts, "no Status"
	}
	return parts, ""
}

// strewn is true when there is text directly in an element that has only
// elements.
func strewn(element *etree.Element) bool {
	for _, token := range element.Child {
		if text, ok := token.(*etree.CharData); ok && strings.Trim(text.Data, xmlBlanks) != "" {
			return true
		}
	}
	return false
}

// encrypted is true when the assertion came encrypted.
func (p responseParts) encrypted() bool { return p.assertions[0].Tag == "EncryptedAssertion" }

// oneAssertion says what is wrong with the number and the places of assertions
// and signatures in a whole Response (M06, M07), "" nothing. The two signatures
// that may be there are the Response's own and the assertion's.
func (p responseParts) oneAssertion() string {
	switch len(p.assertions) {
	case 0:
		return "no Assertion"
	case 1:
	default:
		return "several Assertions"
	}
	if p.encrypted() {
		return misplaced(p.element, p.signature, p.assertions[0], nil)
	}
	return misplaced(p.element, p.signature, p.assertions[0], ownSignature(p.assertions[0]))
}

// ownSignature is an element's first direct Signature, or nil.
func ownSignature(element *etree.Element) *etree.Element {
	for child := range element.ChildElementsSeq() {
		if is(child, dsig.Namespace, dsig.SignatureTag) {
			return child
		}
	}
	return nil
}

// signatureID is the Id of a Signature, "" when there is none or no Signature.
func signatureID(signature *etree.Element) string {
	if signature == nil {
		return ""
	}
	id, _ := attribute(signature, "Id")
	return id
}

// misplaced looks below an element for an Assertion, EncryptedAssertion,
// message or Signature other than the three allowed: a second one anywhere,
// even where nobody reads, is how signatures are wrapped. What is inside the two
// signatures is for readSignature to say.
func misplaced(element, signature, assertion, inner *etree.Element) string {
	for child := range element.ChildElementsSeq() {
		switch {
		case child == signature || child == inner:
			continue
		case child == assertion:
		case child.Tag == dsig.SignatureTag && child.NamespaceURI() == dsig.Namespace:
			return "a Signature where none may stand"
		case (child.Tag == "Assertion" || child.Tag == "EncryptedAssertion") && child.NamespaceURI() == assertionNamespace,
			isMessage(child.Tag) && child.NamespaceURI() == protocolNamespace:
			return "an " + child.Tag + " where none may stand"
		}
		if why := misplaced(child, signature, assertion, inner); why != "" {
			return why
		}
	}
	return ""
}

// isMessage holds for the messages that a signature could be taken from.
func isMessage(tag string) bool {
	return tag == "Response" || tag == "LogoutRequest" || tag == "LogoutResponse"
}

// assertionParts are the direct children of an Assertion (SAML core 2.3.3).
type assertionParts struct {
	element    *etree.Element
	issuer     *etree.Element
	signature  *etree.Element   // nil: none
	subject    *etree.Element   // nil: none
	conditions []*etree.Element // there must be one, but that is the conditions' own check
	authn      []*etree.Element
	attributes []*etree.Element // AttributeStatements
}

// readAssertion sorts the children of an Assertion. why says what is wrong, ""
// nothing. Advice, other statements and what is not SAML's are left alone.
func readAssertion(element *etree.Element) (parts assertionParts, why string) {
	parts.element = element
	if !is(element, assertionNamespace, "Assertion") {
		return parts, "not an Assertion"
	}
	if hidesID(element) {
		return parts, "an ID attribute under a prefix"
	}
	if strewn(element) {
		return parts, "text between the elements of the Assertion"
	}
	var before *etree.Element
	for child := range element.ChildElementsSeq() {
		switch namespace := child.NamespaceURI(); {
		case namespace == dsig.Namespace && child.Tag == dsig.SignatureTag:
			if parts.signature != nil {
				return parts, "two Signatures"
			}
			if before == nil || before != parts.issuer {
				return parts, "a Signature that is not straight after the Issuer"
			}
			parts.signature = child
		case namespace != assertionNamespace:
		case child.Tag == "Issuer":
			if parts.issuer != nil {
				return parts, "two Issuers"
			}
			parts.issuer = child
		case child.Tag == "Subject":
			if parts.subject != nil {
				return parts, "two Subjects"
			}
			parts.subject = child
		case child.Tag == "Conditions":
			parts.conditions = append(parts.conditions, child)
		case child.Tag == "AuthnStatement":
			parts.authn = append(parts.authn, child)
		case child.Tag == "AttributeStatement":
			parts.attributes = append(parts.attributes, child)
		}
		before = child
	}
	return parts, ""
}

// only is the one child of this name: nil when there is none, and several when
// there are more.
func only(element *etree.Element, namespace, tag string) (child *etree.Element, several bool) {
	for candidate := range element.ChildElementsSeq() {
		if is(candidate, namespace, tag) {
			if child != nil {
				return nil, true
			}
			child = candidate
		}
	}
	return child, false
}
