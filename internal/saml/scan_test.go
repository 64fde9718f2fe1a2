package saml

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/beevik/etree"
	rtvalidator "github.com/mattermost/xml-roundtrip-validator"

	"idms/internal/trace"
)

var testLimits = scanLimits{
	bytes: 1 << 20, tokens: 1000, depth: 8, attributes: 8, name: 32, namespaces: 8, density: 2,
}

func TestScanTakesWhatProvidersSend(t *testing.T) {
	for _, tt := range []struct{ name, document string }{
		{"an XML declaration", `<?xml version="1.0" encoding="UTF-8"?><a/>`},
		{"single quotes in it", `<?xml version='1.0' encoding='utf-8' standalone='no' ?>` + "\r\n<a/>\n"},
		{"prefixes", `<p:a xmlns:p="urn:p" p:b="1" b="2"><p:c/></p:a>`},
		{"a default namespace, changed and taken away", `<a xmlns="urn:a"><b xmlns="urn:b"><c xmlns=""/></b></a>`},
		{"the five entities and character references", `<a b="&lt;&amp;&quot;&apos;&#10;">&gt;&#x20AC;&#169;</a>`},
		{"a prefix used for two namespaces, one after the other", `<a><p:b xmlns:p="urn:1"/><p:b xmlns:p="urn:2"/></a>`},
		{"a CDATA section", `<a>x<![CDATA[<&]]>y</a>`},
		{"xml:lang", `<a xml:lang="en"/>`},
		{"letters of all the world in text and values", `<a b="ПользователиＡ">管理者Ａ﷐</a>`},
		{"lines that end as on Windows", "<a\r\n b='1'\r\n>\r\n</a\r\n>"},
		{"IDs that differ", `<a ID="1"><b Id="2"/><c xml:id="3"/></a>`},
		{"as deep as allowed", strings.Repeat("<a>", 8) + strings.Repeat("</a>", 8)},
	} {
		if got := scan([]byte(tt.document), testLimits); got.refused() {
			t.Errorf("%s: %s: %s", tt.name, got.code, got)
		}
	}
}

func TestScanM03M04RefusesWhatASAMLMessageMustNotHold(t *testing.T) {
	for _, tt := range []struct {
		name, document string
		want           trace.Code
	}{
		{"nothing", ``, trace.XMLMalformed},
		{"only blanks", " \n", trace.XMLMalformed},
		{"no XML", `SAMLResponse`, trace.XMLMalformed},
		{"compressed bytes", "\x78\x9c\x4b\x04", trace.XMLMalformed},
		{"more bytes than allowed", "<a>" + strings.Repeat(" ", 1<<20) + "</a>", trace.MessageTooLarge},
		{"a document type", `<!DOCTYPE a><a/>`, trace.XMLForbidden},
		{"an entity bomb", `<!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;">]><a>&c;</a>`, trace.XMLForbidden},
		{"an external entity", `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`, trace.XMLForbidden},
		{"a processing instruction", `<a><?php ?></a>`, trace.XMLForbidden},
		{"a stylesheet", `<?xml-stylesheet href="a"?><a/>`, trace.XMLForbidden},
		{"an XML declaration that is not at the start", ` <?xml version="1.0"?><a/>`, trace.XMLForbidden},
		{"a second XML declaration", `<?xml version="1.0"?><?xml version="1.0"?><a/>`, trace.XMLForbidden},
		{"a comment in a text", `<a>admin@example.com<!-- -->.evil.com</a>`, trace.XMLForbidden},
		{"a comment before the root", `<!-- --><a/>`, trace.XMLForbidden},
		{"a second root", `<a/><a/>`, trace.XMLForbidden},
		{"text after the root", `<a/>x`, trace.XMLMalformed},
		{"text before the root", `x<a/>`, trace.XMLMalformed},
		{"a reference outside of the root", `<a/>&#32;`, trace.XMLMalformed},
		{"a CDATA section outside of the root", `<a/><![CDATA[ ]]>`, trace.XMLMalformed},
		{"XML 1.1", `<?xml version="1.1"?><a/>`, trace.XMLMalformed},
		{"UTF-16 by its declaration", `<?xml version="1.0" encoding="UTF-16"?><a/>`, trace.XMLMalformed},
		{"ISO 8859-1", `<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, trace.XMLMalformed},
		{"UTF-7", `<?xml version="1.0" encoding="UTF-7"?><a/>`, trace.XMLMalformed},
		{"UTF-16 by its bytes", "\xff\xfe<\x00a\x00/\x00>\x00", trace.XMLMalformed},
		{"a byte-order mark", "\uFEFF<a/>", trace.XMLMalformed},
		{"broken UTF-8", "<a>\xc3\x28</a>", trace.XMLMalformed},
		{"an overlong sequence", "<a>\xc0\xbc</a>", trace.XMLMalformed},
		{"a zero byte", "<a>\x00</a>", trace.XMLMalformed},
		{"a control character", "<a b='\x01'/>", trace.XMLMalformed},
		{"a control character by reference", `<a>&#1;</a>`, trace.XMLMalformed},
		{"a surrogate by reference", `<a>&#xD800;</a>`, trace.XMLMalformed},
		{"U+FFFE", "<a>\uFFFE</a>", trace.XMLMalformed},
		{"U+FFFF in a value", "<a b='\uFFFF'/>", trace.XMLMalformed},
		{"U+FFFF in a CDATA section", "<a><![CDATA[\uFFFF]]></a>", trace.XMLMalformed},
		{"an unknown entity", `<a>&nbsp;</a>`, trace.XMLMalformed},
		{"an ampersand alone", `<a>a&b</a>`, trace.XMLMalformed},
		{"a reference without an end", `<a>&#65</a>`, trace.XMLMalformed},
		{"a reference beyond Unicode", `<a>&#x110000;</a>`, trace.XMLMalformed},
		{"the end of a CDATA section alone", `<a>]]></a>`, trace.XMLMalformed},
		{"an empty CDATA section", `<a><![CDATA[]]></a>`, trace.XMLAmbiguous},
		{"a CDATA section without end", `<a><![CDATA[</a>`, trace.XMLMalformed},
		{"the same attribute twice", `<a b="1" b="2"/>`, trace.XMLForbidden},
		{"the same attribute under two prefixes", `<a xmlns:p="urn:1" xmlns:q="urn:1" p:b="1" q:b="2"/>`, trace.XMLForbidden},
		{"the same declaration twice", `<a xmlns:p="urn:1" xmlns:p="urn:2"/>`, trace.XMLForbidden},
		{"the same ID twice", `<a ID="1"><b ID="1"/></a>`, trace.XMLForbidden},
		{"the same ID in two spellings", `<a ID="1"><b xml:id="1"/></a>`, trace.XMLForbidden},
		{"a value without quotes", `<a b=1/>`, trace.XMLMalformed},
		{"an attribute without a value", `<a b/>`, trace.XMLMalformed},
		{"no blank between attributes", `<a b="1"c="2"/>`, trace.XMLMalformed},
		{"a tag within a value", `<a b="<c/>"/>`, trace.XMLMalformed},
		{"an element that is not closed", `<a><b></a>`, trace.XMLMalformed},
		{"an end tag of another prefix", `<p:a xmlns:p="urn:1" xmlns:q="urn:1"></q:a>`, trace.XMLMalformed},
		{"an end tag too many", `<a/></a>`, trace.XMLMalformed},
		{"a blank in an end tag", `<a></ a>`, trace.XMLMalformed},
		{"a name that begins with a digit", `<1a/>`, trace.XMLMalformed},
		{"an undeclared prefix", `<p:a/>`, trace.XMLAmbiguous},
		{"an undeclared prefix of an attribute", `<a p:b=""/>`, trace.XMLAmbiguous},
		{"a prefix out of scope", `<a><b xmlns:p="urn:p"/><p:c/></a>`, trace.XMLAmbiguous},
		{"a colon too many", `<a:b:c xmlns:a="urn:a"/>`, trace.XMLAmbiguous},
		{"a colon in front", `<:a/>`, trace.XMLAmbiguous},
		{"a colon at the end", `<a: xmlns:a="urn:a"/>`, trace.XMLMalformed},
		{"a name beyond ASCII", `<é/>`, trace.XMLAmbiguous},
		{"a prefix bound to nothing", `<a xmlns:p=""/>`, trace.XMLAmbiguous},
		{"the prefix xml bound anew", `<a xmlns:xml="urn:x"/>`, trace.XMLAmbiguous},
		{"the prefix xmlns bound", `<a xmlns:xmlns="urn:x"/>`, trace.XMLAmbiguous},
		{"the namespace of xmlns as default", `<a xmlns="http://www.w3.org/2000/xmlns/"/>`, trace.XMLAmbiguous},
		{"an element xmlns:a", `<xmlns:a/>`, trace.XMLAmbiguous},
		{"an attribute p:xmlns", `<a xmlns:p="urn:p" p:xmlns="urn:q"/>`, trace.XMLAmbiguous},
		{"too deep", strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9), trace.XMLTooComplex},
		{"too many tokens", "<a>" + strings.Repeat("<bbbbbbbbbbbbbbbbbbbbbb/>", 500) + "</a>", trace.XMLTooComplex},
		{"too many attributes, declarations counted", `<a xmlns:p="urn:p" b="" c="" d="" e="" f="" g="" h="" i=""/>`, trace.XMLTooComplex},
		{"too many namespaces in scope", `<a xmlns="1" xmlns:a="1" xmlns:b="1" xmlns:c="1"><a xmlns="1" xmlns:a="1" xmlns:b="1" xmlns:c="1" xmlns:d="1"/></a>`, trace.XMLTooComplex},
		{"too long a name", "<a" + strings.Repeat("b", 32) + "/>", trace.XMLTooComplex},
		{"more elements than bytes to fill them", "<a>" + strings.Repeat("<b/>", 400) + "</a>", trace.XMLTooComplex},
	} {
		got := scan([]byte(tt.document), testLimits)
		if got.code != tt.want {
			t.Errorf("%s: got %q (%s), want %q", tt.name, got.code, got, tt.want)
		}
	}
}

func TestM25MetadataMayHoldCommentsAndAByteOrderMark(t *testing.T) {
	lax := testLimits
	lax.comments, lax.bom = true, true
	for _, document := range []string{
		"\uFEFF<?xml version='1.0'?><!-- from the wiki --><a>b<!-- - -->c</a><!---->",
		"<a/>",
	} {
		if got := scan([]byte(document), lax); got.refused() {
			t.Errorf("%q: %s", document, got)
		}
	}
	for _, document := range []string{"<a><!-- -- --></a>", "<a><!-- --->", "<a><!--", "<a>\uFEFF\uFFFF</a>", "<a><!--\x01--></a>"} {
		if got := scan([]byte(document), lax); got.code != trace.XMLMalformed {
			t.Errorf("%q: %q", document, got.code)
		}
	}
}

func TestParseReadsTextAndValuesAsXMLSays(t *testing.T) {
	root, refused := parse([]byte("<a b=' x\r\ny\tz&#10;'>1\r\n2\r3&amp;<![CDATA[<\r\n>]]></a>"), testLimits, nil, nil)
	if refused.refused() {
		t.Fatal(refused)
	}
	if got := root.Attr[0].Value; got != " x y z\n" {
		t.Errorf("value %q", got)
	}
	if got := root.Text(); got != "1\n2\n3&<\n>" {
		t.Errorf("text %q", got)
	}
}

func TestParseKnowsWhatIsInScopeAroundDecryptedBytes(t *testing.T) {
	scope := []binding{{"", "urn:default"}, {"p", "urn:old"}, {"p", "urn:p"}, {"q", "urn:q"}}
	root, refused := parse([]byte(`<p:a xmlns:q="urn:own"><b/></p:a>`), testLimits, scope, nil)
	if refused.refused() {
		t.Fatal(refused)
	}
	child := root.ChildElements()[0]
	if root.NamespaceURI() != "urn:p" || child.NamespaceURI() != "urn:default" {
		t.Errorf("namespaces %q, %q", root.NamespaceURI(), child.NamespaceURI())
	}
	if got := root.SelectAttrValue("xmlns:q", ""); got != "urn:own" {
		t.Errorf("its own declaration became %q", got)
	}
	seen := idSet{"1": {}}
	if _, refused := parse([]byte(`<a ID="1"/>`), testLimits, nil, seen); refused.code != trace.XMLForbidden {
		t.Errorf("an ID of the outer document came again: %q", refused.code)
	}
}

var spaces = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")

// sameTree compares what the scan built with what etree reads. Blanks in
// values differ on purpose, see parser.value.
func sameTree(t *testing.T, ours, theirs *etree.Element) {
	t.Helper()
	if ours.Space != theirs.Space || ours.Tag != theirs.Tag || len(ours.Attr) != len(theirs.Attr) || len(ours.Child) != len(theirs.Child) {
		t.Fatalf("element %s with %d attributes and %d children, want %s, %d, %d", ours.FullTag(), len(ours.Attr), len(ours.Child),
			theirs.FullTag(), len(theirs.Attr), len(theirs.Child))
	}
	for i, attr := range ours.Attr {
		want := theirs.Attr[i]
		if attr.Space != want.Space || attr.Key != want.Key || spaces.Replace(attr.Value) != spaces.Replace(want.Value) {
			t.Fatalf("attribute %s=%q, want %s=%q", attr.FullKey(), attr.Value, want.FullKey(), want.Value)
		}
	}
	for i, child := range ours.Child {
		if child.Parent() != ours || child.Index() != i {
			t.Fatalf("child %d of %s does not know its place", i, ours.FullTag())
		}
		switch child := child.(type) {
		case *etree.Element:
			want, ok := theirs.Child[i].(*etree.Element)
			if !ok {
				t.Fatalf("child %d of %s is an element, want %T", i, ours.FullTag(), theirs.Child[i])
			}
			sameTree(t, child, want)
		case *etree.CharData:
			want, ok := theirs.Child[i].(*etree.CharData)
			if !ok || child.Data != want.Data {
				t.Fatalf("child %d of %s is text %q, want %v", i, ours.FullTag(), child.Data, theirs.Child[i])
			}
		}
	}
}

// FuzzScan holds the scan against three readers: whatever it takes,
// encoding/xml takes as strict XML, xml-roundtrip-validator takes (M04), and
// etree reads as the same tree.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`<?xml version="1.0" encoding="UTF-8"?><p:a xmlns:p="urn:p" xmlns="urn:d" ID="1" p:b='&#x3c;&quot;'>t&amp;<![CDATA[x]]></p:a>`,
		"<a b='x\r\ny'>\r\n<c/>]]&gt;</a>\n",
		`<a xmlns:x="urn:x" x:y="" y=""><x:b xmlns:x="urn:z"/></a>`,
		`<a><!-- c --></a>`, `<?xml version='1.0' standalone="yes"?><a/>`, `<a:b:c/>`, `<_:a xmlns:_="u"/>`, "<a>\u0085\uFEFF\u2028</a>",
		`<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:c" xml:lang="x"/></b></a>`, `<!DOCTYPE a><a>&b;</a>`,
	} {
		f.Add([]byte(seed))
	}
	limits := scanLimits{bytes: 1 << 16, tokens: 10000, depth: 64, attributes: 64, name: 1024, namespaces: 64}
	f.Fuzz(func(t *testing.T, document []byte) {
		before := bytes.Clone(document)
		root, refused := parse(document, limits, nil, nil)
		if again := scan(document, limits); again != refused {
			t.Fatalf("scan %v, parse %v", again, refused)
		}
		if !bytes.Equal(before, document) {
			t.Fatal("the document was changed")
		}
		if refused.refused() {
			return
		}
		decoder := xml.NewDecoder(bytes.NewReader(document))
		for {
			_, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("encoding/xml: %v", err)
			}
		}
		if err := rtvalidator.Validate(bytes.NewReader(document)); err != nil {
			t.Fatalf("xml-roundtrip-validator: %v", err)
		}
		theirs := etree.NewDocument()
		if err := theirs.ReadFromBytes(document); err != nil {
			t.Fatalf("etree: %v", err)
		}
		sameTree(t, root, theirs.Root())
	})
}
