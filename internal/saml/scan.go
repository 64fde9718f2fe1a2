package saml

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"

	"idms/internal/trace"
)

// The scan reads a document once, byte by byte, and refuses everything that
// two XML parsers could read in two ways (M03, M04). It takes less than XML
// allows: what it takes, encoding/xml, libxml2, Xerces and .NET read alike.
// From the same pass comes the tree that the signature is checked on. A wrong
// tree could not get anything accepted: what the verifier believes is what
// goxmldsig returns, which it parses from the very bytes that were digested.

// refusal is why a document is turned away. The zero value is: it is not.
type refusal struct {
	code trace.Code
	why  string // never holds text of the document
	at   int    // offset in bytes; -1 when there is no one place
}

func (r refusal) refused() bool { return r.code != "" }

func (r refusal) String() string {
	if r.at < 0 {
		return r.why
	}
	return r.why + " at byte " + strconv.Itoa(r.at)
}

// scanLimits bound one document. Zero means: none of it.
type scanLimits struct {
	bytes      int // of the document
	tokens     int // start tags, end tags, runs of text, CDATA sections, comments
	depth      int // of elements
	attributes int // of one element, namespace declarations counted
	name       int // bytes of one element or attribute name, prefix included
	namespaces int // declarations in scope at once, those from outside included

	// density bounds what canonicalisation may cost, which copies the prefixes
	// in scope for every element: elements weigh elementWeight and one for each
	// prefix in scope, and a document weighs at most densityBase and density
	// quarters of its bytes. 0 is unbounded, for documents nobody canonicalises.
	density int

	comments bool // allowed and left out of the tree
	bom      bool // a UTF-8 byte-order mark is allowed at the start
	xmlns    bool // xmlns:xml may be declared as what it always is, as Shibboleth's metadata does
}

const (
	elementWeight = 8
	densityBase   = 1024
)

const (
	xmlNamespace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNamespace = "http://www.w3.org/2000/xmlns/"
)

// binding is a namespace declaration in scope.
type binding struct{ prefix, uri string }

// idSet is every ID seen so far: of a message, and then of what was decrypted
// from it.
type idSet map[string]struct{}

// scan refuses what is not one plain XML document within limits.
func scan(raw []byte, limits scanLimits) refusal {
	p := parser{src: string(raw), limits: limits}
	p.document()
	return p.refusal
}

// parse is scan, and the root element of the document it took. Prefixes of
// scope count as declared and are declared on the root; IDs must be new to ids
// as well, and are added to it.
func parse(raw []byte, limits scanLimits, scope []binding, ids idSet) (*etree.Element, refusal) {
	p := parser{src: string(raw), limits: limits, ids: ids, build: true}
	p.namespaces = append(p.scope[:0], scope...)
	p.document()
	if p.refusal.refused() {
		return nil, p.refusal
	}
	declare(p.root, scope)
	return p.root, refusal{}
}

// declare adds to el the declarations of scope, in order, that el does not
// make itself, so that el can stand alone. Later ones of a prefix win.
func declare(el *etree.Element, scope []binding) {
	own := len(el.Attr)
next:
	for i := len(scope) - 1; i >= 0; i-- {
		attr := etree.Attr{Space: "xmlns", Key: scope[i].prefix, Value: scope[i].uri}
		if scope[i].prefix == "" {
			attr.Space, attr.Key = "", "xmlns"
		}
		for _, has := range el.Attr {
			if has.Space == attr.Space && has.Key == attr.Key {
				continue next
			}
		}
		// An undeclared default namespace needs no words where nothing stands
		// around it.
		if attr.Space == "" && attr.Value == "" {
			continue
		}
		if len(el.Attr) == own {
			el.Attr = el.Attr[:own:own]
		}
		el.Attr = append(el.Attr, attr)
	}
}

type openElement struct {
	name  string // as written, prefix included
	marks int    // namespaces in scope outside of it
	el    *etree.Element
}

type parser struct {
	src    string
	pos    int
	limits scanLimits
	refusal

	tokens     int
	weight     int
	maxWeight  int
	open       []openElement
	namespaces []binding
	ids        idSet
	attrs      []etree.Attr // of the start tag being read
	uris       []string     // the namespaces of attrs; "" of those without a prefix of their own
	buf        []byte       // of the value being rewritten

	build bool
	root  *etree.Element
	// Elements, texts and attributes are taken from slabs: a message has many
	// and they all live equally long.
	elements   []etree.Element
	texts      []etree.CharData
	attributes []etree.Attr

	// First homes of the slices above, so that a usual message allocates none.
	stack [16]openElement
	scope [16]binding
	first [16]etree.Attr
}

// Classes of bytes. plain bytes of text and attribute values stand for
// themselves; nameStart and namePart make names. Only ASCII makes names: no
// provider uses others, and parsers disagree on which letters are letters.
const (
	plainText = 1 << iota
	plainValue
	nameStart
	namePart
	blank
)

var classes = func() (table [256]byte) {
	for c := 0x20; c < 0x100; c++ {
		table[c] = plainText | plainValue
	}
	table['\t'], table['\n'] = plainText|blank, plainText|blank // in a value they become spaces
	table['\r'] = blank
	table[' '] |= blank
	for _, c := range []byte("<&]\xEF") { // 0xEF begins U+FFFE and U+FFFF
		table[c] &^= plainText
	}
	for _, c := range []byte("<&\"'\xEF") {
		table[c] &^= plainValue
	}
	for c := 'a'; c <= 'z'; c++ {
		table[c] |= nameStart | namePart
		table[c-'a'+'A'] |= nameStart | namePart
	}
	table['_'] |= nameStart | namePart
	for _, c := range []byte("0123456789-.") {
		table[c] |= namePart
	}
	return table
}()

// fail notes the first thing that is wrong. It is false, for returning.
func (p *parser) fail(code trace.Code, why string) bool {
	p.refusal = refusal{code, why, p.pos}
	return false
}

func (p *parser) document() {
	switch {
	case len(p.src) > p.limits.bytes:
		p.refusal = refusal{trace.MessageTooLarge, "over the limit of " + strconv.Itoa(p.limits.bytes) + " bytes", -1}
		return
	case !utf8.ValidString(p.src):
		p.refusal = refusal{trace.XMLMalformed, "not UTF-8", -1}
		return
	}
	if strings.HasPrefix(p.src, "\uFEFF") {
		if !p.limits.bom {
			p.fail(trace.XMLMalformed, "a byte-order mark")
			return
		}
		p.pos = len("\uFEFF")
	}
	p.maxWeight = densityBase + len(p.src)/4*p.limits.density
	p.open = p.stack[:0]
	p.attrs = p.first[:0]
	if p.namespaces == nil {
		p.namespaces = p.scope[:0]
	}
	if p.ids == nil {
		p.ids = idSet{}
	}
	if !p.declaration() {
		return
	}
	for p.pos < len(p.src) {
		if !p.token() {
			return
		}
	}
	switch {
	case len(p.open) > 0:
		p.fail(trace.XMLMalformed, "an element is not closed")
	case p.root == nil:
		p.fail(trace.XMLMalformed, "no element")
	}
}

// declaration reads <?xml version="1.0" encoding="UTF-8"?>, if it is there.
func (p *parser) declaration() bool {
	const begin = "<?xml"
	rest := p.src[p.pos:]
	if !strings.HasPrefix(rest, begin) || len(rest) == len(begin) || classes[rest[len(begin)]]&blank == 0 {
		return true
	}
	end := strings.Index(rest, "?>")
	if end < 0 {
		return p.fail(trace.XMLMalformed, "the XML declaration does not end")
	}
	rest = rest[len(begin):end]
	for i, name := range [...]string{"version", "encoding", "standalone"} {
		value, after, ok := pseudoAttribute(rest, name)
		if !ok {
			if i == 0 {
				return p.fail(trace.XMLMalformed, "an XML declaration without a version")
			}
			continue
		}
		rest = after
		switch {
		case i == 0 && value != "1.0":
			return p.fail(trace.XMLMalformed, "not XML 1.0")
		case i == 1 && !strings.EqualFold(value, "UTF-8"):
			return p.fail(trace.XMLMalformed, "an encoding other than UTF-8")
		case i == 2 && value != "yes" && value != "no":
			return p.fail(trace.XMLMalformed, "an odd XML declaration")
		}
	}
	if strings.Trim(rest, " \t\r\n") != "" {
		return p.fail(trace.XMLMalformed, "an odd XML declaration")
	}
	p.pos += end + len("?>")
	return true
}

// pseudoAttribute reads blanks and name="value" from the start of s.
func pseudoAttribute(s, name string) (value, rest string, ok bool) {
	const blanks = " \t\r\n"
	rest = strings.TrimLeft(s, blanks)
	if rest == s || !strings.HasPrefix(rest, name) {
		return "", s, false
	}
	rest = strings.TrimLeft(rest[len(name):], blanks)
	if !strings.HasPrefix(rest, "=") {
		return "", s, false
	}
	rest = strings.TrimLeft(rest[1:], blanks)
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return "", s, false
	}
	value, rest, ok = strings.Cut(rest[1:], rest[:1])
	return value, rest, ok
}

// token reads one token. It is false when the document is refused.
func (p *parser) token() bool {
	p.tokens++
	if p.tokens > p.limits.tokens {
		return p.fail(trace.XMLTooComplex, "more than "+strconv.Itoa(p.limits.tokens)+" tokens")
	}
	if p.src[p.pos] != '<' {
		return p.text()
	}
	if p.pos+1 == len(p.src) {
		return p.fail(trace.XMLMalformed, "the document ends within a tag")
	}
	switch p.src[p.pos+1] {
	case '/':
		return p.endTag()
	case '!':
		return p.bang()
	case '?':
		return p.fail(trace.XMLForbidden, "a processing instruction")
	}
	return p.startTag()
}

// bang reads what begins with "<!".
func (p *parser) bang() bool {
	const cdata, comment = "<![CDATA[", "<!--"
	switch {
	case strings.HasPrefix(p.src[p.pos:], cdata):
		if len(p.open) == 0 {
			return p.fail(trace.XMLMalformed, "text outside of the root element")
		}
		p.pos += len(cdata)
		end := strings.Index(p.src[p.pos:], "]]>")
		if end < 0 {
			return p.fail(trace.XMLMalformed, "a CDATA section does not end")
		}
		return p.cdata(p.pos + end)
	case strings.HasPrefix(p.src[p.pos:], comment):
		if !p.limits.comments {
			return p.fail(trace.XMLForbidden, "a comment")
		}
		start := p.pos + len(comment)
		end := strings.Index(p.src[start:], "--")
		if end < 0 || !strings.HasPrefix(p.src[start+end:], "-->") {
			return p.fail(trace.XMLMalformed, "a comment that does not end or holds two hyphens")
		}
		if !p.characters(p.src[start : start+end]) {
			return false
		}
		p.pos = start + end + len("-->")
		return true
	}
	return p.fail(trace.XMLForbidden, "a document type or another declaration")
}

// characters refuses what is not a character of XML 1.0.
func (p *parser) characters(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r', noncharacter(s[i:]):
			return p.fail(trace.XMLMalformed, "a character that XML does not allow")
		}
	}
	return true
}

// noncharacter is true for U+FFFE and U+FFFF at the start of s.
func noncharacter(s string) bool {
	return len(s) >= 3 && s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE
}

// text reads a run of text up to the next tag.
func (p *parser) text() bool {
	if len(p.open) == 0 {
		for p.pos < len(p.src) && p.src[p.pos] != '<' {
			if classes[p.src[p.pos]]&blank == 0 {
				return p.fail(trace.XMLMalformed, "text outside of the root element")
			}
			p.pos++
		}
		return true
	}
	start := p.pos
	i := p.plain(start, plainText)
	if i < len(p.src) && p.src[i] == '<' {
		p.pos = i
		p.addText(p.src[start:i])
		return true
	}
	buf := append(p.buf[:0], p.src[start:i]...)
	for i < len(p.src) && p.src[i] != '<' {
		p.pos = i
		switch c := p.src[i]; {
		case classes[c]&plainText != 0:
			next := p.plain(i, plainText)
			buf = append(buf, p.src[i:next]...)
			i = next
		case c == '&':
			char, length := p.reference()
			if length == 0 {
				return false
			}
			buf = append(buf, char...)
			i += length
		case c == '\r': // line ends become one line feed (XML 1.0, 2.11)
			buf = append(buf, '\n')
			i++
			if i < len(p.src) && p.src[i] == '\n' {
				i++
			}
		case c == ']':
			if strings.HasPrefix(p.src[i:], "]]>") {
				return p.fail(trace.XMLMalformed, "the end of a CDATA section without its start")
			}
			buf = append(buf, c)
			i++
		case c == 0xEF && !noncharacter(p.src[i:]):
			buf = append(buf, c)
			i++
		default:
			return p.fail(trace.XMLMalformed, "a character that XML does not allow")
		}
	}
	p.pos, p.buf = i, buf
	p.addText(string(buf))
	return true
}

// cdata reads the CDATA section that ends at end.
func (p *parser) cdata(end int) bool {
	data := p.src[p.pos:end]
	switch {
	case data == "": // no text at all, or an empty one?
		return p.fail(trace.XMLAmbiguous, "an empty CDATA section")
	case !p.characters(data):
		return false
	}
	if strings.IndexByte(data, '\r') >= 0 {
		data = strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
	}
	p.pos = end + len("]]>")
	p.addText(data)
	return true
}

// plain is where the run of bytes of this class that begins at i ends.
func (p *parser) plain(i int, class byte) int {
	for i < len(p.src) && classes[p.src[i]]&class != 0 {
		i++
	}
	return i
}

// reference reads the character or entity reference at pos: what it stands
// for, and its length, which is 0 when the document is refused. There are five
// entities; a document type could declare more, and is refused.
func (p *parser) reference() (string, int) {
	const longest = len("&#x0010FFFF;")
	s := p.src[p.pos:min(p.pos+longest, len(p.src))]
	end := strings.IndexByte(s, ';')
	if end < 0 {
		p.fail(trace.XMLMalformed, "an unknown reference")
		return "", 0
	}
	name := s[1:end]
	switch name {
	case "amp":
		return "&", end + 1
	case "lt":
		return "<", end + 1
	case "gt":
		return ">", end + 1
	case "quot":
		return `"`, end + 1
	case "apos":
		return "'", end + 1
	}
	if digits, ok := strings.CutPrefix(name, "#"); ok {
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		if number, err := strconv.ParseUint(digits, base, 32); err == nil && character(rune(number)) {
			return string(rune(number)), end + 1
		}
	}
	p.fail(trace.XMLMalformed, "an unknown reference")
	return "", 0
}

// character is true for the characters of XML 1.0 (2.2).
func character(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF ||
		r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}

// name reads a qualified name: a name, or two with one colon between.
func (p *parser) name() (prefix, local string, ok bool) {
	start := p.pos
	if p.pos == len(p.src) || classes[p.src[p.pos]]&nameStart == 0 {
		return "", "", p.oddName()
	}
	p.pos = p.plain(p.pos+1, namePart)
	local = p.src[start:p.pos]
	if p.pos < len(p.src) && p.src[p.pos] == ':' {
		prefix = local
		p.pos++
		if p.pos == len(p.src) || classes[p.src[p.pos]]&nameStart == 0 {
			return "", "", p.oddName()
		}
		second := p.pos
		p.pos = p.plain(p.pos+1, namePart)
		local = p.src[second:p.pos]
	}
	if p.pos < len(p.src) && (p.src[p.pos] == ':' || p.src[p.pos] >= utf8.RuneSelf) {
		return "", "", p.oddName()
	}
	if p.pos-start > p.limits.name {
		return "", "", p.fail(trace.XMLTooComplex, "a name longer than "+strconv.Itoa(p.limits.name)+" bytes")
	}
	return prefix, local, true
}

// oddName tells a name that some parser takes from no name at all.
func (p *parser) oddName() bool {
	if p.pos < len(p.src) && (p.src[p.pos] == ':' || p.src[p.pos] >= utf8.RuneSelf) {
		return p.fail(trace.XMLAmbiguous, "a name with a stray colon or letters beyond ASCII")
	}
	return p.fail(trace.XMLMalformed, "no name where one must be")
}

func (p *parser) skipBlanks() {
	p.pos = p.plain(p.pos, blank)
}

func (p *parser) startTag() bool {
	switch {
	case len(p.open) == 0 && p.root != nil:
		return p.fail(trace.XMLForbidden, "a second root element")
	case len(p.open) == p.limits.depth:
		return p.fail(trace.XMLTooComplex, "deeper than "+strconv.Itoa(p.limits.depth)+" elements")
	}
	p.pos++
	start := p.pos
	prefix, local, ok := p.name()
	if !ok {
		return false
	}
	this := openElement{name: p.src[start:p.pos], marks: len(p.namespaces)}
	empty, ok := p.startTagRest()
	if !ok || !p.declarations() || !p.resolve(prefix) || !p.weigh() {
		return false
	}
	this.el = p.addElement(prefix, local)
	if empty {
		p.tokens++
		p.namespaces = p.namespaces[:this.marks]
		return true
	}
	p.open = append(p.open, this)
	return true
}

// startTagRest reads the attributes and the end of a start tag.
func (p *parser) startTagRest() (empty, ok bool) {
	p.attrs = p.attrs[:0]
	for {
		before := p.pos
		p.skipBlanks()
		switch {
		case p.pos == len(p.src):
			return false, p.fail(trace.XMLMalformed, "the document ends within a tag")
		case p.src[p.pos] == '>':
			p.pos++
			return false, true
		case strings.HasPrefix(p.src[p.pos:], "/>"):
			p.pos += len("/>")
			return true, true
		case p.pos == before:
			return false, p.fail(trace.XMLMalformed, "no blank before an attribute")
		case len(p.attrs) == p.limits.attributes:
			return false, p.fail(trace.XMLTooComplex, "more than "+strconv.Itoa(p.limits.attributes)+" attributes of one element")
		}
		space, key, ok := p.name()
		if !ok {
			return false, false
		}
		p.skipBlanks()
		if p.pos == len(p.src) || p.src[p.pos] != '=' {
			return false, p.fail(trace.XMLMalformed, "an attribute without a value")
		}
		p.pos++
		p.skipBlanks()
		value, ok := p.value()
		if !ok {
			return false, false
		}
		for i := range p.attrs {
			if p.attrs[i].Key == key && p.attrs[i].Space == space {
				return false, p.fail(trace.XMLForbidden, "an attribute twice")
			}
		}
		p.attrs = append(p.attrs, etree.Attr{Space: space, Key: key, Value: value})
	}
}

// value reads a quoted attribute value. Blanks in it become spaces, as XML 1.0
// (3.3.3) wants it; encoding/xml leaves them, and so breaks the signature of a
// provider that folds a long value.
func (p *parser) value() (string, bool) {
	if p.pos == len(p.src) || p.src[p.pos] != '"' && p.src[p.pos] != '\'' {
		return "", p.fail(trace.XMLMalformed, "an attribute value without quotes")
	}
	quote := p.src[p.pos]
	start := p.pos + 1
	i := p.plain(start, plainValue)
	if i < len(p.src) && p.src[i] == quote {
		p.pos = i + 1
		return p.src[start:i], true
	}
	buf := append(p.buf[:0], p.src[start:i]...)
	for i < len(p.src) {
		p.pos = i
		switch c := p.src[i]; {
		case classes[c]&plainValue != 0:
			next := p.plain(i, plainValue)
			buf = append(buf, p.src[i:next]...)
			i = next
		case c == quote:
			p.pos, p.buf = i+1, buf
			return string(buf), true
		case c == '&':
			char, length := p.reference()
			if length == 0 {
				return "", false
			}
			buf = append(buf, char...)
			i += length
		case c == '\r' && strings.HasPrefix(p.src[i:], "\r\n"):
			i++ // the two are one line end, and become one space
		case c == '\t' || c == '\n' || c == '\r':
			buf = append(buf, ' ')
			i++
		case c == '"' || c == '\'' || c == 0xEF && !noncharacter(p.src[i:]):
			buf = append(buf, c)
			i++
		case c == '<':
			return "", p.fail(trace.XMLMalformed, "a tag within an attribute value")
		default:
			return "", p.fail(trace.XMLMalformed, "a character that XML does not allow")
		}
	}
	return "", p.fail(trace.XMLMalformed, "an attribute value does not end")
}

// declarations brings the namespaces that this start tag declares into scope,
// and notes its IDs.
func (p *parser) declarations() bool {
	for i := range p.attrs {
		attr := &p.attrs[i]
		switch {
		case p.limits.xmlns && attr.Space == "xmlns" && attr.Key == "xml" && attr.Value == xmlNamespace:
		case attr.Space == "xmlns":
			if attr.Key == "xml" || attr.Key == "xmlns" || attr.Value == "" ||
				attr.Value == xmlNamespace || attr.Value == xmlnsNamespace {
				return p.fail(trace.XMLAmbiguous, "an odd namespace declaration")
			}
			p.namespaces = append(p.namespaces, binding{attr.Key, attr.Value})
		case attr.Space == "" && attr.Key == "xmlns":
			if attr.Value == xmlNamespace || attr.Value == xmlnsNamespace {
				return p.fail(trace.XMLAmbiguous, "an odd namespace declaration")
			}
			p.namespaces = append(p.namespaces, binding{"", attr.Value})
		case attr.Key == "xmlns":
			return p.fail(trace.XMLAmbiguous, "an odd namespace declaration")
		case attr.Space == "" && (attr.Key == "ID" || attr.Key == "Id" || attr.Key == "id"),
			attr.Space == "xml" && attr.Key == "id":
			if _, twice := p.ids[attr.Value]; twice {
				return p.fail(trace.XMLForbidden, "an ID twice")
			}
			p.ids[attr.Value] = struct{}{}
		}
	}
	if len(p.namespaces) > p.limits.namespaces {
		return p.fail(trace.XMLTooComplex, "more than "+strconv.Itoa(p.limits.namespaces)+" namespaces in scope")
	}
	return true
}

// resolve refuses a start tag with an undeclared prefix, or with one attribute
// under two prefixes of one namespace.
func (p *parser) resolve(prefix string) bool {
	if prefix == "xml" || prefix == "xmlns" {
		return p.fail(trace.XMLAmbiguous, "an element with a reserved prefix")
	}
	if prefix != "" && p.namespace(prefix) == "" {
		return p.fail(trace.XMLAmbiguous, "an undeclared prefix")
	}
	p.uris = p.uris[:0]
	for i := range p.attrs {
		attr := &p.attrs[i]
		if attr.Space == "" || attr.Space == "xmlns" || attr.Space == "xml" {
			p.uris = append(p.uris, "")
			continue
		}
		uri := p.namespace(attr.Space)
		if uri == "" {
			return p.fail(trace.XMLAmbiguous, "an undeclared prefix")
		}
		for j, other := range p.uris {
			if other == uri && p.attrs[j].Key == attr.Key {
				return p.fail(trace.XMLForbidden, "an attribute twice")
			}
		}
		p.uris = append(p.uris, uri)
	}
	return true
}

// namespace of a prefix, "" when there is none. No prefix can be bound to "".
func (p *parser) namespace(prefix string) string {
	for i := len(p.namespaces) - 1; i >= 0; i-- {
		if p.namespaces[i].prefix == prefix {
			return p.namespaces[i].uri
		}
	}
	return ""
}

func (p *parser) weigh() bool {
	p.weight += elementWeight + len(p.namespaces)
	if p.limits.density > 0 && p.weight > p.maxWeight {
		return p.fail(trace.XMLTooComplex, "more elements and namespaces than a message of this size has")
	}
	return true
}

func (p *parser) endTag() bool {
	p.pos += len("</")
	start := p.pos
	if _, _, ok := p.name(); !ok {
		return false
	}
	name := p.src[start:p.pos]
	p.skipBlanks()
	if p.pos == len(p.src) || p.src[p.pos] != '>' {
		return p.fail(trace.XMLMalformed, "an end tag that does not end")
	}
	p.pos++
	if len(p.open) == 0 || p.open[len(p.open)-1].name != name {
		return p.fail(trace.XMLMalformed, "an end tag without its start tag")
	}
	p.namespaces = p.namespaces[:p.open[len(p.open)-1].marks]
	p.open = p.open[:len(p.open)-1]
	return true
}

// noTree stands for every element when only the scan is wanted.
var noTree etree.Element

func (p *parser) addElement(prefix, local string) *etree.Element {
	if !p.build {
		if p.root == nil {
			p.root = &noTree
		}
		return &noTree
	}
	el := take(&p.elements, 1, 64)
	el[0].Space, el[0].Tag = prefix, local
	if len(p.attrs) > 0 {
		el[0].Attr = take(&p.attributes, len(p.attrs), 128)
		copy(el[0].Attr, p.attrs)
	}
	if len(p.open) == 0 {
		p.root = &el[0]
	} else {
		p.open[len(p.open)-1].el.AddChild(&el[0])
	}
	return &el[0]
}

func (p *parser) addText(s string) {
	if !p.build || s == "" {
		return
	}
	text := take(&p.texts, 1, 64)
	text[0].Data = s
	p.open[len(p.open)-1].el.AddChild(&text[0])
}

// take cuts n zero values from a slab, and makes a new one of size when it is
// used up.
func take[T any](slab *[]T, n, size int) []T {
	if len(*slab) < n {
		*slab = make([]T, max(n, size))
	}
	taken := (*slab)[:n:n]
	*slab = (*slab)[n:]
	return taken
}
