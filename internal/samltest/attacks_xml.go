package samltest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/beevik/etree"

	"idms/internal/trace"
)

// Codes that several scans may give, depending on how far they read.
var (
	forbidden = codes(trace.XMLForbidden)
	malformed = codes(trace.XMLMalformed)
	badXML    = codes(trace.XMLMalformed, trace.XMLForbidden, trace.XMLAmbiguous)
	badName   = codes(trace.XMLMalformed, trace.XMLAmbiguous, trace.XMLForbidden)
)

func prepend(text string) func([]byte) []byte {
	return func(message []byte) []byte { return append([]byte(text), message...) }
}

func appended(text string) func([]byte) []byte {
	return func(message []byte) []byte { return append(message, text...) }
}

// replaced swaps the first of old, which must be there.
func replaced(old, new string) func([]byte) []byte {
	return func(message []byte) []byte {
		if !bytes.Contains(message, []byte(old)) {
			panic("samltest: nothing to replace: " + old)
		}
		return bytes.Replace(message, []byte(old), []byte(new), 1)
	}
}

const nameID = ">ada</saml:NameID>"

// documents are whole-document tricks (M03, M04).
func documents() []attack {
	list := []attack{
		wired("M03", "an empty document type", forbidden, prepend(`<!DOCTYPE samlp:Response>`)),
		wired("M03", "a document type with an internal entity", forbidden, func(message []byte) []byte {
			return replaced(nameID, ">&who;</saml:NameID>")(prepend(`<!DOCTYPE r [<!ENTITY who "ada">]>`)(message))
		}),
		wired("M03", "an external entity that reads a file", forbidden, func(message []byte) []byte {
			return replaced(nameID, ">&who;</saml:NameID>")(prepend(`<!DOCTYPE r [<!ENTITY who SYSTEM "file:///etc/passwd">]>`)(message))
		}),
		wired("M03", "an external document type", forbidden, prepend(`<!DOCTYPE r SYSTEM "http://127.0.0.1:1/evil.dtd">`)),
		wired("M03", "a parameter entity", forbidden, prepend(`<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p"> %p;]>`)),
		wired("M03", "a document type that gives Subject an ID attribute", forbidden, prepend(`<!DOCTYPE r [<!ATTLIST saml:Subject Format ID #IMPLIED>]>`)),
		wired("M03", "a document type that hides in a comment (CVE-2020-29510)", badXML, prepend(`<!DOCTYPE a [<!-- <!ENTITY who "ada"> --><!ELEMENT x ANY>]>`)),
		wired("M03", "an entity nobody declared", badXML, replaced(nameID, ">&who;</saml:NameID>")),
		wired("M03", "an HTML entity", badXML, replaced(nameID, ">ada&nbsp;</saml:NameID>")),
		wired("M03", "a processing instruction before the root", forbidden, prepend(`<?xml-stylesheet href="http://127.0.0.1:1/"?>`)),
		wired("M03", "a processing instruction inside the NameID", forbidden, replaced(nameID, ">ad<?php?>a</saml:NameID>")),
		wired("M03", "a processing instruction after the root", forbidden, appended(`<?done?>`)),
		wired("M03", "an XML declaration in the middle", badXML, replaced("<samlp:Status>", `<?xml version="1.0"?><samlp:Status>`)),
		wired("M03", "two XML declarations", badXML, prepend(`<?xml version="1.0"?><?xml version="1.0"?>`)),
		wired("M03", "a comment before the root", forbidden, prepend("<!-- hello -->")),
		wired("M03", "a comment after the root", forbidden, appended("<!-- hello -->")),
		wired("M03", "a comment that cuts the NameID short", forbidden, replaced(nameID, ">ada<!---->.evil.test</saml:NameID>")),
		answered("M03", "a comment inserted where canonicalisation drops it: admin<!---->.evil becomes admin", forbidden, func(_ Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.NameID.Value = "admin@corp.test.evil.test" }).
				Replace("admin@corp.test.evil.test", "admin@corp.test<!---->.evil.test")
		}),
		wired("M03", "a comment inside the Issuer", forbidden, replaced("</saml:Issuer>", "<!-- --></saml:Issuer>")),
		wired("M03", "a comment inside DigestValue", forbidden, replaced("</ds:DigestValue>", "<!-- --></ds:DigestValue>")),
		wired("M03", "a comment between elements", forbidden, replaced("<samlp:Status>", "<!-- --><samlp:Status>")),
		answered("M03", "a comment signed by the provider, with comments canonicalised", forbidden, func(_ Scene, a Answer) Answer {
			return a.SignWith(Signature{C14N: ExclusiveWithComments, Transforms: []Transform{{Enveloped, ""}, {ExclusiveWithComments, ""}}}).
				Draft(func(response *etree.Element) { find(response, "Assertion", "Subject", "NameID").CreateComment("x") })
		}),
		wired("M03", "a second root", badXML, appended("<samlp:Response xmlns:samlp=\""+nsProtocol+"\"/>")),
		attack{rule: "M03", name: "the whole message twice", codes: badXML, make: func(s Scene) []byte {
			message := s.Respond(s.Answer())
			return append(message, message...)
		}},
		wired("M03", "text after the root", badXML, appended("x")),
		wired("M03", "text before the root", badXML, prepend("x")),
		wired("M03", "an end tag too many", malformed, appended("</samlp:Response>")),
		wired("M03", "an end tag too few", malformed, replaced("</samlp:Response>", "")),
		wired("M03", "cut in half", malformed, func(message []byte) []byte { return message[:len(message)/2] }),
		wired("M03", "elements that overlap", malformed, replaced("<samlp:Status>", "<samlp:Status></samlp:Response>")),
		wired("M03", "an attribute twice", badXML, replaced(`Version="2.0"`, `Version="2.0" Version="2.0"`)),
		wired("M03", "the ID twice in one element", badXML, replaced(` Version="2.0"`, ` ID="_evil" Version="2.0"`)),
		wired("M03", "the same attribute under two prefixes of one namespace", badXML,
			replaced("<samlp:Status>", `<samlp:Status xmlns:a="urn:x" xmlns:b="urn:x" a:v="1" b:v="2">`)),
		wired("M03", "the default namespace declared twice", badXML, replaced("<samlp:Status>", `<samlp:Status xmlns="urn:a" xmlns="urn:b">`)),
		wired("M03", "a prefix declared twice", badXML, replaced("<samlp:Status>", `<samlp:Status xmlns:a="urn:a" xmlns:a="urn:b">`)),
		sealed("M03", "Response and Assertion with the same ID", forbidden, func(response *etree.Element) {
			response.CreateAttr("ID", child(response, "Assertion").SelectAttrValue("ID", ""))
		}),
		drafted("M03", "Response and Assertion with the same ID, signed so", forbidden, func(response *etree.Element) {
			response.CreateAttr("ID", child(response, "Assertion").SelectAttrValue("ID", ""))
		}),
		wired("M03", "an undeclared prefix on an element", badXML, replaced("<samlp:Status>", "<samlp:Status><nope:x/>")),
		wired("M03", "an undeclared prefix on an attribute", badXML, replaced("<samlp:Status>", `<samlp:Status nope:x="1">`)),
		wired("M03", "the assertion's prefix never declared", badXML, func(message []byte) []byte {
			return bytes.ReplaceAll(message, []byte(` xmlns:saml="`+nsAssertion+`"`), nil)
		}),
		wired("M03", "a prefix undeclared again, as XML namespaces 1.1 would allow", badXML, replaced("<samlp:Status>", `<samlp:Status xmlns:saml="">`)),
		wired("M03", "the prefix xml bound to another namespace", badXML, replaced("<samlp:Status>", `<samlp:Status xmlns:xml="urn:evil">`)),
		wired("M03", "the prefix xmlns declared", badXML, replaced("<samlp:Status>", `<samlp:Status xmlns:xmlns="urn:evil">`)),
		wired("M03", "the xmlns namespace as the default", badXML, replaced("<samlp:Status>", `<samlp:Status xmlns="http://www.w3.org/2000/xmlns/">`)),
		wired("M03", "another prefix for the xml namespace", badXML, replaced("<samlp:Status>", `<samlp:Status xmlns:x="http://www.w3.org/XML/1998/namespace">`)),
		wired("M03", "an element under the prefix xmlns", badXML, replaced("<samlp:Status>", `<samlp:Status><xmlns:x/>`)),
		wired("M04", "a colon at the end of an element's name (CVE-2020-29511)", badName, replaced("<samlp:Status>", "<samlp:Status><x:/>")),
		wired("M04", "a colon at the start of an element's name", badName, replaced("<samlp:Status>", "<samlp:Status><:x/>")),
		wired("M04", "two colons in an element's name", badName, replaced("<samlp:Status>", "<samlp:Status><samlp:a:b/>")),
		wired("M04", "a colon at the end of an attribute's name (CVE-2020-29509)", badName, replaced("<samlp:Status>", `<samlp:Status xmlns:a="urn:x" a:="1">`)),
		wired("M04", "a colon at the start of an attribute's name", badName, replaced("<samlp:Status>", `<samlp:Status :a="1">`)),
		wired("M04", "two colons at the start of an attribute's name", badName, replaced("<samlp:Status>", `<samlp:Status ::a="1">`)),
		wired("M04", "two colons in an attribute's name", badName, replaced("<samlp:Status>", `<samlp:Status xmlns:a="urn:x" a:b:c="1">`)),
		wired("M04", "the declaration xmlns with a colon and no name", badName, replaced("<samlp:Status>", `<samlp:Status xmlns:="urn:x">`)),
		wired("M04", "a directive that is no document type", badXML, replaced("<samlp:Status>", "<!ELEMENT x ANY><samlp:Status>")),
		wired("M04", "a directive with quotes and angle brackets", badXML, prepend(`<!X "<" '>' <!-- ' -->>`)),
		wired("M03", "an element's name that starts with a digit", badName, replaced("<samlp:Status>", "<samlp:Status><1x/>")),
		wired("M03", "an attribute without quotes", malformed, replaced(`Version="2.0"`, "Version=2.0")),
		wired("M03", "an attribute without a value", malformed, replaced(`Version="2.0"`, `Version="2.0" evil`)),
		wired("M03", "an unescaped < in an attribute", badXML, replaced(`Version="2.0"`, `Version="2.0" x="<"`)),
		wired("M03", "an unescaped & in text", malformed, replaced(nameID, ">a&da</saml:NameID>")),
		wired("M03", "]]> in text", badXML, replaced(nameID, ">ada]]></saml:NameID>")),
		wired("M03", "a CDATA section that never ends", malformed, replaced(nameID, "><![CDATA[ada</saml:NameID>")),
		wired("M03", "a declaration for XML 1.1", badXML, prepend(`<?xml version="1.1"?>`)),
		wired("M03", "a declaration that is not at the very start", badXML, prepend(` <?xml version="1.0"?>`)),
	}
	for _, reference := range []string{"&#0;", "&#x1;", "&#xFFFE;", "&#xFFFF;", "&#xD800;", "&#x110000;", "&#;", "&#x;", "&#-65;", "&#x99999999999999;", "&#65"} {
		list = append(list, wired("M03", "the character reference "+reference, badXML, replaced(nameID, ">ada"+reference+"</saml:NameID>")))
	}
	for _, kind := range []string{"Id", "ID", "xml:id"} {
		list = append(list, sealed("M03", "an element in StatusDetail whose "+kind+" is the assertion's ID", codes(trace.XMLForbidden, trace.ResponseStructure), func(response *etree.Element) {
			detail := child(response, "Status").CreateElement("samlp:StatusDetail").CreateElement("x:Clone")
			detail.CreateAttr("xmlns:x", "urn:x")
			detail.CreateAttr(kind, child(response, "Assertion").SelectAttrValue("ID", ""))
		}))
	}
	return list
}

// encodings: UTF-8 is the only one (M03), and nothing in a POST is compressed (M02).
func encodings() []attack {
	declared := func(name string) attack {
		return wired("M03", "declared as "+name, badXML, prepend(`<?xml version="1.0" encoding="`+name+`"?>`))
	}
	list := []attack{
		declared("UTF-16"), declared("UTF-7"), declared("ISO-8859-1"), declared("windows-1252"), declared("UTF-32"), declared("EBCDIC-CP-US"), declared("nonsense"),
		wired("M03", "UTF-16, big end first, with a mark", badXML, func(m []byte) []byte { return append([]byte{0xFE, 0xFF}, wide(m, bigEndian)...) }),
		wired("M03", "UTF-16, little end first, with a mark", badXML, func(m []byte) []byte { return append([]byte{0xFF, 0xFE}, wide(m, littleEndian)...) }),
		wired("M03", "UTF-16 without a mark, declared", badXML, func(m []byte) []byte {
			return wide(append([]byte(`<?xml version="1.0" encoding="UTF-16"?>`), m...), bigEndian)
		}),
		wired("M03", "UTF-7 in fact: the NameID hides markup", badXML, func(m []byte) []byte {
			return replaced(nameID, ">ada+ADw-/saml:NameID+AD4-</saml:NameID>")(prepend(`<?xml version="1.0" encoding="UTF-7"?>`)(m))
		}),
		wired("M03", "Latin-1 in fact", badXML, func(m []byte) []byte {
			return replaced(nameID, ">ad\xe4</saml:NameID>")(prepend(`<?xml version="1.0" encoding="ISO-8859-1"?>`)(m))
		}),
		wired("M03", "NUL bytes after the root", badXML, appended("\x00\x00")),
		wired("M03", "only white space", badXML, func([]byte) []byte { return []byte(" \n\t ") }),
		wired("M03", "nothing", badXML, func([]byte) []byte { return nil }),
		wired("M03", "one byte", badXML, func([]byte) []byte { return []byte("<") }),
		wired("M03", "JSON", badXML, func([]byte) []byte { return []byte(`{"saml":"response"}`) }),
		wired("M03", "an HTML page", append(badXML, trace.WrongMessage), func([]byte) []byte {
			return []byte("<html><body onload='document.forms[0].submit()'><form></form></body></html>")
		}),
		wired("M03", "base64 twice", badXML, func(m []byte) []byte { return []byte(Base64(m)) }),
		wired("M02", "deflated, as the redirect binding sends it: a POST is never inflated", badXML, func(m []byte) []byte {
			var out bytes.Buffer
			deflater, err := flate.NewWriter(&out, flate.BestCompression)
			must(err)
			deflater.Write(m)
			must(deflater.Close())
			return out.Bytes()
		}),
	}
	for _, bad := range []struct{ name, bytes string }{
		{"a byte that UTF-8 never has", "\xff"}, {"half a character", "\xc3"}, {"an overlong slash", "\xc0\xaf"}, {"an overlong <", "\xc0\xbc"},
		{"half of a surrogate pair", "\xed\xa0\x80"}, {"a character beyond Unicode", "\xf4\x90\x80\x80"}, {"a NUL", "\x00"}, {"an escape", "\x1b"},
		{"a noncharacter", "\xef\xbf\xbf"},
	} {
		list = append(list, wired("M03", "in the NameID: "+bad.name, badXML, replaced(nameID, ">ada"+bad.bytes+"</saml:NameID>")))
	}
	return list
}

func bigEndian(unit uint16) [2]byte    { return [2]byte{byte(unit >> 8), byte(unit)} }
func littleEndian(unit uint16) [2]byte { return [2]byte{byte(unit), byte(unit >> 8)} }

// wide is text in UTF-16.
func wide(text []byte, order func(uint16) [2]byte) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(string(text))) {
		pair := order(unit)
		out = append(out, pair[0], pair[1])
	}
	return out
}

// roots are messages that are no SAML 2.0 Response (M06).
func roots() []attack {
	other := codes(trace.WrongMessage)
	renamed := func(tag string) func([]byte) []byte {
		return func(message []byte) []byte { return bytes.ReplaceAll(message, []byte("samlp:Response"), []byte(tag)) }
	}
	list := []attack{
		wired("M06", "a Response without a namespace", append(other, badXML...), func(message []byte) []byte {
			message = bytes.ReplaceAll(message, []byte(` xmlns:samlp="`+nsProtocol+`"`), nil)
			return bytes.ReplaceAll(message, []byte("samlp:"), nil)
		}),
		wired("M06", "a Response of SAML 1.1", other, func(message []byte) []byte {
			return bytes.ReplaceAll(message, []byte(nsProtocol), []byte("urn:oasis:names:tc:SAML:1.0:protocol"))
		}),
		wired("M06", "a Response of somebody else's namespace", other, func(message []byte) []byte {
			return bytes.ReplaceAll(message, []byte(nsProtocol), []byte(nsProtocol+" "))
		}),
		wired("M06", "a Response in the assertion's namespace", other, func(message []byte) []byte {
			return bytes.ReplaceAll(message, []byte(nsProtocol), []byte(nsAssertion))
		}),
		attack{rule: "M06", name: "an assertion alone", codes: other, make: func(s Scene) []byte {
			message := s.Respond(s.Answer())
			from, to := bytes.Index(message, []byte("<saml:Assertion")), bytes.Index(message, []byte("</samlp:Response>"))
			return message[from:to]
		}},
		wired("M06", "a SOAP envelope around the Response", other, func(message []byte) []byte {
			return fmt.Appendf(nil, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>`, message)
		}),
		wired("M06", "a Response around the Response", codes(trace.ResponseStructure, trace.XMLForbidden, trace.Version, trace.Unsigned, trace.IdPStatus), func(message []byte) []byte {
			return fmt.Appendf(nil, `<samlp:Response xmlns:samlp="%s" ID="_outer" Version="2.0" IssueInstant="2026-01-01T00:00:00Z">%s</samlp:Response>`, nsProtocol, message)
		}),
		wired("M06", "our own metadata", other, func([]byte) []byte { return NewIdP("https://idp.example.test/saml").Metadata() }),
	}
	for _, tag := range []string{"samlp:AuthnRequest", "samlp:LogoutResponse", "samlp:LogoutRequest", "samlp:ArtifactResponse", "samlp:response", "samlp:Responses"} {
		list = append(list, wired("M06", "root "+strings.TrimPrefix(tag, "samlp:"), other, renamed(tag)))
	}
	return list
}
