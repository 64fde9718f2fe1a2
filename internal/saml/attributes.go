package saml

import (
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"idms/internal/rules"
	"idms/internal/trace"
)

// linkSuffix ends the Name of an attribute that points to values instead of
// holding them: Entra ID sends groups.link for a person in more than 150
// groups.
const linkSuffix = ".link"

// entraLink is the one that does not say which attribute it stands for: groups
// come under the name that an administrator of Entra ID chose, and groupNames
// are the usual ones.
const entraLink = "http://schemas.microsoft.com/claims/groups.link"

var groupNames = []string{
	"http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
	"http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
	"groups", "group", "Group",
}

// maxEncryptedAttributes bounds what an assertion may have us decrypt: 2 ms
// each.
const maxEncryptedAttributes = 8

// collector merges Attribute elements into attributes (S12).
type collector struct {
	limits     Limits
	attributes rules.Attributes
	places     map[string]int // by Name, once a handful of names makes it worth while
	values     int
	over       string // the limit that was hit, "" none
}

// checkAttributes reads every value of every element (M20).
func (r *run) checkAttributes() bool {
	c := collector{limits: r.v.limits}
	encrypted := 0
	for _, statement := range r.assertion.attributes {
		for child := range statement.ChildElementsSeq() {
			if child.NamespaceURI() != assertionNamespace {
				continue
			}
			if child.Tag == "EncryptedAttribute" {
				if encrypted++; encrypted > maxEncryptedAttributes {
					c.over = strconv.Itoa(maxEncryptedAttributes) + " encrypted attributes"
					break
				}
				// Left out, it could hide that a No Access rule matches.
				opened, bad := r.open(child, "Attribute")
				if bad != nil {
					return r.refuse(checkAttributes, bad.code, "attributes that can be decrypted", bad.why, bad.fix)
				}
				child = opened
			}
			if child.Tag == "Attribute" {
				c.add(child)
			}
		}
	}
	if c.over != "" {
		return r.refuse(checkAttributes, trace.AttributeLimit, "at most "+c.over, "more", &trace.Fix{
			Say:   "Let the provider send only the attributes and groups that this service needs.",
			There: &trace.Setting{Name: settingAttributes, Value: "only those that are needed"},
		})
	}
	c.markIncomplete()
	r.result.Attributes = c.attributes
	return r.pass(checkAttributes, "", strconv.Itoa(len(c.attributes))+" attributes with "+strconv.Itoa(c.values)+" values")
}

// add merges one Attribute. Once a limit is hit, nothing more is read.
func (c *collector) add(element *etree.Element) {
	name, has := attribute(element, "Name")
	// S13: names with @ are ours. Without a Name there is nothing to call it.
	if c.over != "" || !has || strings.HasPrefix(name, "@") {
		return
	}
	place := c.place(name)
	if place < 0 {
		return
	}
	values := c.attributes[place].Values
	if values == nil {
		values = make([]string, 0, elements(element))
	}
	for child := range element.ChildElementsSeq() {
		if !is(child, assertionNamespace, "AttributeValue") {
			continue
		}
		value, ok := attributeValue(child)
		if !ok {
			continue
		}
		if c.values++; c.values > c.limits.AttributeValues {
			c.over = strconv.Itoa(c.limits.AttributeValues) + " attribute values"
			return
		}
		values = append(values, value)
	}
	c.attributes[place].Values = values
}

// place is where the attribute of this Name is, or comes now; -1 when a limit is
// hit.
func (c *collector) place(name string) int {
	const few = 12
	if c.places == nil {
		for i := range c.attributes {
			if c.attributes[i].Name == name {
				return i
			}
		}
	} else if place, ok := c.places[name]; ok {
		return place
	}
	switch {
	case len(name) > c.limits.Name:
		c.over = strconv.Itoa(c.limits.Name) + " bytes in an attribute's Name"
		return -1
	case len(c.attributes) == c.limits.AttributeNames:
		c.over = strconv.Itoa(c.limits.AttributeNames) + " different attributes"
		return -1
	}
	c.attributes = append(c.attributes, rules.Attribute{Name: name})
	if len(c.attributes) == few {
		c.places = make(map[string]int, 2*few)
		for i := range c.attributes {
			c.places[c.attributes[i].Name] = i
		}
	} else if c.places != nil {
		c.places[name] = len(c.attributes) - 1
	}
	return len(c.attributes) - 1
}

func elements(element *etree.Element) (n int) {
	for range element.ChildElementsSeq() {
		n++
	}
	return n
}

// attributeValue is the text of an AttributeValue: simple content of whatever
// type, or a nested NameID, as eduPersonTargetedID has it. Other markup and
// xsi:nil are no value.
func attributeValue(element *etree.Element) (string, bool) {
	for i := range element.Attr {
		attr := &element.Attr[i]
		if attr.Key == "nil" && attr.Space != "" && attr.Space != "xmlns" &&
			(attr.Value == "true" || attr.Value == "1") && namespaceOf(element, attr.Space) == schemaInstance {
			return "", false
		}
	}
	if value, simple := trimmedContent(element); simple {
		return value, true
	}
	var nested *etree.Element
	for _, token := range element.Child {
		switch token := token.(type) {
		case *etree.Element:
			if nested != nil {
				return "", false
			}
			nested = token
		case *etree.CharData:
			if strings.Trim(token.Data, xmlBlanks) != "" {
				return "", false
			}
		}
	}
	if nested == nil || !is(nested, assertionNamespace, "NameID") {
		return "", false
	}
	return trimmedContent(nested)
}

// markIncomplete notes which attributes did not come because a link to them did
// (S14). An attribute that came itself is taken as it is.
func (c *collector) markIncomplete() {
	var missing []string
	for _, attribute := range c.attributes {
		if attribute.Name == entraLink {
			missing = append(missing, groupNames...)
		} else if name, ok := strings.CutSuffix(attribute.Name, linkSuffix); ok && name != "" {
			missing = append(missing, name)
		}
	}
	for _, name := range missing {
		if !slices.ContainsFunc(c.attributes, func(a rules.Attribute) bool { return a.Name == name }) {
			c.attributes = append(c.attributes, rules.Attribute{Name: name, Incomplete: true})
		}
	}
}
