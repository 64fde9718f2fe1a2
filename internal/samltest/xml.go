package samltest

import (
	"time"

	"github.com/beevik/etree"
)

const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsXenc      = "http://www.w3.org/2001/04/xmlenc#"
	nsXenc11    = "http://www.w3.org/2009/xmlenc11#"
	nsExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	nsXS        = "http://www.w3.org/2001/XMLSchema"
	nsXSI       = "http://www.w3.org/2001/XMLSchema-instance"
)

// NoPrefix in a [Dialect] puts elements into the default namespace.
const NoPrefix = "-"

// Dialect is how a provider spells the same XML. The zero value writes samlp:,
// saml: and ds:, whole seconds in UTC, no xsi:type and no XML declaration.
type Dialect struct {
	Protocol, Assertion, Signature string // prefixes

	// Rootward declares the assertion's namespace on the Response as well.
	Rootward bool
	// Lean declares namespaces on the Response only, so that an assertion and its
	// signature lean on their parent's prefixes, also when encrypted.
	Lean bool
	// Type is the xsi:type of each AttributeValue, "" for none.
	Type string
	// TypesOnRoot declares xs and xsi on Response and Assertion instead of on
	// each value, so that a signature needs an inclusive PrefixList.
	TypesOnRoot bool
	// Time is the layout of instants, Zone what they are told in.
	Time string
	Zone *time.Location
	// Declaration is the text of an XML declaration, "" for none.
	Declaration string
	// Indent is the number of blanks each level is indented by; 0 writes one line.
	Indent int
}

func (d Dialect) name(prefix, fallback, tag string) string {
	switch prefix {
	case NoPrefix:
		return tag
	case "":
		return fallback + ":" + tag
	}
	return prefix + ":" + tag
}

func (d Dialect) protocol(tag string) string  { return d.name(d.Protocol, "samlp", tag) }
func (d Dialect) assertion(tag string) string { return d.name(d.Assertion, "saml", tag) }
func (d Dialect) signature(tag string) string { return d.name(d.Signature, "ds", tag) }

func declare(element *etree.Element, prefix, fallback, namespace string) {
	switch prefix {
	case NoPrefix:
		element.CreateAttr("xmlns", namespace)
	case "":
		element.CreateAttr("xmlns:"+fallback, namespace)
	default:
		element.CreateAttr("xmlns:"+prefix, namespace)
	}
}

func (d Dialect) declareProtocol(element *etree.Element) {
	declare(element, d.Protocol, "samlp", nsProtocol)
}
func (d Dialect) declareAssertion(element *etree.Element) {
	declare(element, d.Assertion, "saml", nsAssertion)
}
func (d Dialect) declareSignature(element *etree.Element) {
	declare(element, d.Signature, "ds", nsSignature)
}

func (d Dialect) instant(at time.Time) string {
	layout := d.Time
	if layout == "" {
		layout = "2006-01-02T15:04:05Z07:00"
	}
	zone := d.Zone
	if zone == nil {
		zone = time.UTC
	}
	return at.In(zone).Format(layout)
}

// set creates an attribute, unless the value is Absent.
func set(element *etree.Element, name, value string) {
	if value != Absent && value != "" {
		element.CreateAttr(name, value)
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

func (p *IdP) build(a Answer) *etree.Document {
	d := p.Dialect
	doc := etree.NewDocument()
	if d.Declaration != "" {
		doc.CreateProcInst("xml", d.Declaration)
	}
	response := doc.CreateElement(d.protocol("Response"))
	d.declareProtocol(response)
	if d.Rootward || d.Lean {
		d.declareAssertion(response)
	}
	if d.Lean {
		d.declareSignature(response)
	}
	if d.TypesOnRoot {
		response.CreateAttr("xmlns:xs", nsXS)
	}
	set(response, "ID", or(a.ID, NewID()))
	set(response, "Version", or(a.Version, "2.0"))
	set(response, "IssueInstant", d.instant(a.Issued))
	set(response, "Destination", a.Destination)
	set(response, "InResponseTo", a.InResponseTo)

	if issuer := or(a.ResponseIssuer, p.EntityID); issuer != Absent {
		element := response.CreateElement(d.assertion("Issuer"))
		if !d.Rootward && !d.Lean {
			d.declareAssertion(element)
		}
		element.SetText(issuer)
	}
	status := response.CreateElement(d.protocol("Status"))
	parent := status
	for _, code := range a.Status {
		parent = parent.CreateElement(d.protocol("StatusCode"))
		parent.CreateAttr("Value", code)
	}
	if a.StatusMessage != "" {
		status.CreateElement(d.protocol("StatusMessage")).SetText(a.StatusMessage)
	}
	p.buildAssertion(response, a)
	if d.Indent > 0 {
		doc.Indent(d.Indent)
	}
	return doc
}

func (p *IdP) buildAssertion(response *etree.Element, a Answer) {
	d := p.Dialect
	assertion := response.CreateElement(d.assertion("Assertion"))
	if !d.Lean {
		d.declareAssertion(assertion)
	}
	if d.TypesOnRoot {
		assertion.CreateAttr("xmlns:xs", nsXS)
	}
	set(assertion, "ID", or(a.AssertionID, NewID()))
	set(assertion, "Version", or(a.AssertionVersion, "2.0"))
	set(assertion, "IssueInstant", d.instant(a.Issued))
	if issuer := or(a.Issuer, p.EntityID); issuer != Absent {
		assertion.CreateElement(d.assertion("Issuer")).SetText(issuer)
	}

	subject := assertion.CreateElement(d.assertion("Subject"))
	if a.NameID.Value != Absent {
		name := subject.CreateElement(d.assertion("NameID"))
		set(name, "Format", a.NameID.Format)
		set(name, "NameQualifier", a.NameID.NameQualifier)
		set(name, "SPNameQualifier", a.NameID.SPNameQualifier)
		name.SetText(a.NameID.Value)
	}
	for _, c := range a.Confirmations {
		confirmation := subject.CreateElement(d.assertion("SubjectConfirmation"))
		set(confirmation, "Method", or(c.Method, confirmBearer))
		data := confirmation.CreateElement(d.assertion("SubjectConfirmationData"))
		set(data, "InResponseTo", c.InResponseTo)
		set(data, "Recipient", c.Recipient)
		d.setInstant(data, "NotBefore", c.NotBefore)
		d.setInstant(data, "NotOnOrAfter", c.NotOnOrAfter)
		set(data, "Address", c.Address)
	}

	conditions := assertion.CreateElement(d.assertion("Conditions"))
	d.setInstant(conditions, "NotBefore", a.NotBefore)
	d.setInstant(conditions, "NotOnOrAfter", a.NotOnOrAfter)
	for _, audiences := range a.Audiences {
		restriction := conditions.CreateElement(d.assertion("AudienceRestriction"))
		for _, audience := range audiences {
			restriction.CreateElement(d.assertion("Audience")).SetText(audience)
		}
	}

	authn := assertion.CreateElement(d.assertion("AuthnStatement"))
	d.setInstant(authn, "AuthnInstant", a.AuthnInstant)
	set(authn, "SessionIndex", or(a.SessionIndex, "_session-1"))
	d.setInstant(authn, "SessionNotOnOrAfter", a.SessionUntil)
	context := authn.CreateElement(d.assertion("AuthnContext"))
	if a.Context != Absent {
		context.CreateElement(d.assertion("AuthnContextClassRef")).SetText(a.Context)
	}

	if len(a.Attributes) == 0 {
		return
	}
	statement := assertion.CreateElement(d.assertion("AttributeStatement"))
	for _, attribute := range a.Attributes {
		groups := [][]string{attribute.Values}
		if attribute.Apart {
			groups = nil
			for _, value := range attribute.Values {
				groups = append(groups, []string{value})
			}
		}
		for _, values := range groups {
			element := statement.CreateElement(d.assertion("Attribute"))
			set(element, "Name", attribute.Name)
			set(element, "NameFormat", attribute.NameFormat)
			set(element, "FriendlyName", attribute.FriendlyName)
			for _, value := range values {
				d.value(element, value)
			}
		}
	}
}

func (d Dialect) value(attribute *etree.Element, value string) {
	element := attribute.CreateElement(d.assertion("AttributeValue"))
	if d.Type != "" {
		if !d.TypesOnRoot {
			element.CreateAttr("xmlns:xs", nsXS)
		}
		element.CreateAttr("xmlns:xsi", nsXSI)
		element.CreateAttr("xsi:type", d.Type)
	}
	element.SetText(value)
}

func (d Dialect) setInstant(element *etree.Element, name string, at time.Time) {
	if !at.IsZero() {
		element.CreateAttr(name, d.instant(at))
	}
}

// child is the first direct child with this local name; it must be there.
func child(parent *etree.Element, tag string) *etree.Element {
	for _, element := range parent.ChildElements() {
		if element.Tag == tag {
			return element
		}
	}
	panic("samltest: no " + tag + " in " + parent.Tag)
}

// find walks down by local names; every one must be there.
func find(from *etree.Element, path ...string) *etree.Element {
	for _, tag := range path {
		from = child(from, tag)
	}
	return from
}

// detach copies an element together with the namespace declarations in scope
// at it, so that it means the same on its own.
func detach(element *etree.Element) *etree.Element {
	copied := element.Copy()
	for parent := element.Parent(); parent != nil; parent = parent.Parent() {
		for _, attr := range parent.Attr {
			if attr.Space != "xmlns" && (attr.Space != "" || attr.Key != "xmlns") {
				continue
			}
			if copied.SelectAttr(attr.FullKey()) == nil {
				copied.CreateAttr(attr.FullKey(), attr.Value)
			}
		}
	}
	return copied
}
