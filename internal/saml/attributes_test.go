package saml

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"idms/internal/rules"
	"idms/internal/trace"
)

// attributesOf collects the attributes of a statement.
func attributesOf(t *testing.T, limits Limits, inside string) (rules.Attributes, *trace.Step) {
	t.Helper()
	root, refused := parse([]byte(`<a:Assertion xmlns:a="`+assertionNamespace+`" xmlns:xsi="`+schemaInstance+`" xmlns:o="urn:other">`+
		`<a:AttributeStatement>`+inside+`</a:AttributeStatement></a:Assertion>`), scanLimits{
		bytes: 4 << 20, tokens: 1 << 20, depth: 64, attributes: 64, name: 1024, namespaces: 64}, nil, nil)
	if refused.refused() {
		t.Fatal(refused)
	}
	r := &run{journal: newJournal(), v: &Verifier{limits: limits}}
	var why string
	if r.assertion, why = readAssertion(root); why != "" {
		t.Fatal(why)
	}
	r.checkAttributes()
	return r.result.Attributes, r.steps.Refusal()
}

func attributeXML(name string, values ...string) string {
	var xml strings.Builder
	xml.WriteString(`<a:Attribute Name="` + name + `">`)
	for _, value := range values {
		xml.WriteString(`<a:AttributeValue>` + value + `</a:AttributeValue>`)
	}
	return xml.String() + `</a:Attribute>`
}

// M20, S12, S13.
func TestM20AttributesAreReadByNameWithAllTheirValues(t *testing.T) {
	for _, tt := range []struct {
		name, xml string
		want      rules.Attributes
	}{
		{"several elements of one Name are one attribute, in document order",
			attributeXML("role", "x") + attributeXML("mail", "m") + attributeXML("role", "y", "z"),
			rules.Attributes{{Name: "role", Values: []string{"x", "y", "z"}}, {Name: "mail", Values: []string{"m"}}}},
		{"names differ by case and by blanks", attributeXML("role", "x") + attributeXML("Role", "y") + attributeXML("role ", "z"),
			rules.Attributes{{Name: "role", Values: []string{"x"}}, {Name: "Role", Values: []string{"y"}}, {Name: "role ", Values: []string{"z"}}}},
		{"names that begin with @ are ours", attributeXML("@name_id", "root") + attributeXML("@", "x"), nil},
		{"FriendlyName names nothing", `<a:Attribute FriendlyName="role"><a:AttributeValue>x</a:AttributeValue></a:Attribute>`, nil},
		{"neither does a Name of another namespace", `<a:Attribute o:Name="role"><a:AttributeValue>x</a:AttributeValue></a:Attribute>`, nil},
		{"outer XML white space goes, other white space stays", attributeXML("v", "\n\t x \r\n", "&#xA0;y&#x2003;"),
			rules.Attributes{{Name: "v", Values: []string{"x", "\u00a0y\u2003"}}}},
		{"an empty value is a value", attributeXML("v", "", " ", "x"), rules.Attributes{{Name: "v", Values: []string{"", "", "x"}}}},
		{"an attribute without values is there", attributeXML("v"), rules.Attributes{{Name: "v", Values: []string{}}}},
		{"xsi:nil is no value", `<a:Attribute Name="v"><a:AttributeValue xsi:nil="true"/><a:AttributeValue xsi:nil="1"/>` +
			`<a:AttributeValue xsi:nil="false">x</a:AttributeValue><a:AttributeValue o:nil="true">y</a:AttributeValue></a:Attribute>`,
			rules.Attributes{{Name: "v", Values: []string{"x", "y"}}}},
		{"a value with markup is no value", attributeXML("v", "a<o:b/>", "<o:b>c</o:b>", "<a:NameID>x</a:NameID><a:NameID>y</a:NameID>", "z<a:NameID>x</a:NameID>", "<a:NameID><o:b/></a:NameID>", "d"),
			rules.Attributes{{Name: "v", Values: []string{"d"}}}},
		{"a nested NameID counts as its text", attributeXML("v", "\n <a:NameID Format='f'> x </a:NameID> \n", "<o:NameID>y</o:NameID>"),
			rules.Attributes{{Name: "v", Values: []string{"x"}}}},
		{"a value of another namespace is none", `<a:Attribute Name="v"><o:AttributeValue>x</o:AttributeValue></a:Attribute>`,
			rules.Attributes{{Name: "v", Values: []string{}}}},
		{"an Attribute of another namespace is none", `<o:Attribute Name="v"><a:AttributeValue>x</a:AttributeValue></o:Attribute>`, nil},
	} {
		got, refusal := attributesOf(t, DefaultLimits(), tt.xml)
		if refusal != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tt.name, got, refusal, tt.want)
		}
	}
}

// S14: Entra ID sends a link when there are too many groups to send.
func TestS14ALinkInsteadOfValuesMakesAnAttributeIncomplete(t *testing.T) {
	incomplete := func(attributes rules.Attributes) (names []string) {
		for _, attribute := range attributes {
			if attribute.Incomplete {
				names = append(names, attribute.Name)
			}
		}
		return names
	}
	for _, tt := range []struct {
		name, xml string
		want      []string
	}{
		{"Entra's link stands for the usual names of groups", attributeXML(entraLink, "https://graph"), groupNames},
		{"but not for those that came", attributeXML(entraLink, "https://graph") + attributeXML("groups", "ops") + attributeXML(groupNames[1], "admin"),
			[]string{groupNames[0], "group", "Group"}},
		{"any other link stands for its own name", attributeXML("teams.link", "https://x"), []string{"teams"}},
		{"which did come", attributeXML("teams", "ops") + attributeXML("teams.link", "https://x"), nil},
		{"a name that is only the ending stands for nothing", attributeXML(".link", "https://x"), nil},
		{"no link, nothing missing", attributeXML("link", "x") + attributeXML("teams.links", "x"), nil},
	} {
		got, refusal := attributesOf(t, DefaultLimits(), tt.xml)
		if refusal != nil || !reflect.DeepEqual(incomplete(got), tt.want) {
			t.Errorf("%s: %q, %v, want %q", tt.name, incomplete(got), refusal, tt.want)
		}
	}
}

func TestM20TooManyAttributesAreRefusedAndNeverCut(t *testing.T) {
	limits := DefaultLimits()
	limits.AttributeNames, limits.AttributeValues, limits.Name = 20, 50, 8
	many := func(n int) string {
		var xml strings.Builder
		for i := range n {
			xml.WriteString(attributeXML(fmt.Sprint("n", i), "x"))
		}
		return xml.String()
	}
	values := func(n int) []string { return strings.Split(strings.Repeat("x,", n-1)+"x", ",") }
	for _, tt := range []struct {
		name, xml string
		refused   bool
	}{
		{"as many names as allowed, sent twice", many(20) + many(20), false},
		{"one name more", many(21), true},
		{"as many values as allowed", attributeXML("v", values(50)...), false},
		{"one value more", attributeXML("v", values(51)...), true},
		{"one value more, in another attribute", attributeXML("v", values(50)...) + attributeXML("w", "x"), true},
		{"as long a name as allowed", attributeXML("12345678", "x"), false},
		{"one byte more", attributeXML("123456789", "x"), true},
	} {
		got, refusal := attributesOf(t, limits, tt.xml)
		if (refusal != nil) != tt.refused {
			t.Errorf("%s: %v", tt.name, refusal)
		}
		if refusal != nil && (refusal.Code != trace.AttributeLimit || got != nil) {
			t.Errorf("%s: code %q, %d attributes", tt.name, refusal.Code, len(got))
		}
	}
}
