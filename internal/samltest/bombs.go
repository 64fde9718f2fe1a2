package samltest

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"idms/internal/trace"
)

// Bombs are messages made to cost: time, memory or panics (M01, M03, M05). Some
// are megabytes long, which is why they are not among [Attacks]. Those that say
// "within the limits" pass every bound of the scan and are as dear as an
// attacker without a key can make them.
func Bombs(scene Scene) []Attack {
	complex := codes(trace.XMLTooComplex)
	tooMuch := codes(trace.XMLTooComplex, trace.MessageTooLarge)
	forbidden := codes(trace.XMLForbidden, trace.XMLMalformed, trace.XMLAmbiguous)
	structure := codes(trace.ResponseStructure, trace.SignatureStructure, trace.SignatureInvalid, trace.UnknownKey, trace.Unsigned, trace.XMLForbidden)
	// A stranger's signature: whatever passes the scan is refused at the last.
	unknown := scene.Respond(scene.Answer().SignWith(Signature{Key: Key(Stranger)}))
	inStatus := func(inside string) []byte {
		return bytes.Replace(unknown, []byte("<samlp:Status>"), []byte("<samlp:Status>"+inside), 1)
	}
	inStatusTag := func(inside string) []byte {
		return bytes.Replace(unknown, []byte("<samlp:Status>"), []byte("<samlp:Status "+inside+">"), 1)
	}
	many := func(n int, one func(i int) string) string {
		var all strings.Builder
		for i := range n {
			all.WriteString(one(i))
		}
		return all.String()
	}
	var bombs []Attack
	add := func(rule, name string, codes []trace.Code, message []byte) {
		bombs = append(bombs, Attack{Scene: scene, Name: name, Rule: rule, Codes: codes, Message: message})
	}

	// Size.
	add("M01", "3 MiB of text in one value", codes(trace.MessageTooLarge),
		inStatus("<samlp:StatusMessage>"+strings.Repeat("x", 3<<20)+"</samlp:StatusMessage>"))
	add("M01", "8 MiB of white space", codes(trace.MessageTooLarge), bytes.Repeat([]byte(" "), 8<<20))
	add("M01", "a deflated message of 20 KB that would be 20 MB", forbidden, deflated(bytes.Repeat([]byte("<a/>"), 5<<20)))
	// Tokens.
	add("M03", "400,000 empty elements", tooMuch, inStatus(strings.Repeat("<a/>", 400_000)))
	add("M03", "1.9 MB of empty elements without an end", append(complex, trace.XMLMalformed), []byte(strings.Repeat("<a>", 1_900_000/3)))
	add("M03", "100,000 levels", complex, inStatus(strings.Repeat("<a>", 100_000)+strings.Repeat("</a>", 100_000)))
	add("M03", "a small tower of 2,000 levels", complex, inStatus(strings.Repeat("<a>", 2000)+strings.Repeat("</a>", 2000)))
	add("M03", "100,000 attributes on one element", complex, inStatusTag(many(100_000, func(i int) string { return fmt.Sprintf(` a%d=""`, i) })))
	add("M03", "1,000 attributes on one element", complex, inStatusTag(many(1000, func(i int) string { return fmt.Sprintf(` a%d=""`, i) })))
	add("M03", "100,000 namespaces on one element", complex, inStatusTag(many(100_000, func(i int) string { return fmt.Sprintf(` xmlns:n%d="u"`, i) })))
	add("M03", "60 namespaces on each of 60 levels", append(complex, structure...), inStatus(tower(60, func(level int) string {
		return many(60, func(i int) string { return fmt.Sprintf(` xmlns:n%dx%d="u"`, level, i) })
	})))
	add("M03", "a name of one megabyte", tooMuch, inStatus("<"+strings.Repeat("n", 1<<20)+"/>"))
	add("M03", "an attribute's value of 1.5 MB", append(structure, trace.WrongMessage, trace.IdPStatus, trace.MessageTooLarge, trace.XMLTooComplex), inStatusTag(`a="`+strings.Repeat("v", 3<<19)+`"`))
	add("M03", "150,000 pieces of CDATA", append(tooMuch, structure...), inStatus("<samlp:StatusMessage>"+strings.Repeat("<![CDATA[x]]>", 150_000)+"</samlp:StatusMessage>"))
	add("M03", "300,000 character references", append(tooMuch, structure...), inStatus("<samlp:StatusMessage>"+strings.Repeat("&#120;", 300_000)+"</samlp:StatusMessage>"))
	add("M03", "250,000 comments", forbidden, inStatus(strings.Repeat("<!---->", 250_000)))
	add("M03", "300,000 processing instructions", forbidden, inStatus(strings.Repeat("<?a?>", 300_000)))
	// Entities.
	add("M03", "a billion laughs", forbidden, append(laughs(), unknown...))
	add("M03", "one long entity, used often", forbidden, append([]byte(`<!DOCTYPE x [<!ENTITY a "`+strings.Repeat("a", 50_000)+`">]>`),
		inStatus("<samlp:StatusMessage>"+strings.Repeat("&a;", 50_000)+"</samlp:StatusMessage>")...))
	// Signatures: each one that is looked at costs.
	add("M06", "10,000 Signatures in the assertion", append(tooMuch, structure...), scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		assertion := child(response, "Assertion")
		small := etree.NewElement("ds:Signature")
		small.CreateAttr("xmlns:ds", nsSignature)
		small.CreateElement("ds:SignedInfo")
		for range 10_000 {
			assertion.AddChild(small.Copy())
		}
	})))
	add("M06", "1,000 copies of the Signature", append(tooMuch, structure...), scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		assertion := child(response, "Assertion")
		copied := signature(response)
		for range 1000 {
			assertion.AddChild(copied.Copy())
		}
	})))
	add("M06", "5,000 References", append(tooMuch, structure...), scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		info := child(signature(response), "SignedInfo")
		reference := child(info, "Reference")
		for range 5_000 {
			info.AddChild(reference.Copy())
		}
	})))
	add("M06", "19,000 Transforms", append(tooMuch, structure...), scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		transforms := find(signature(response), "SignedInfo", "Reference", "Transforms")
		for range 19_000 {
			transforms.CreateElement("ds:Transform").CreateAttr("Algorithm", Exclusive)
		}
	})))
	add("M06", "a SignatureValue of one megabyte", append(tooMuch, structure...), scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		child(signature(response), "SignatureValue").SetText(strings.Repeat("AAAA", 1<<18))
	})))
	add("M06", "a PrefixList of 100,000 prefixes", append(tooMuch, structure...), scene.Respond(scene.Answer().SignWith(Signature{
		Key:        Key(Stranger),
		Transforms: []Transform{{Algorithm: Enveloped}, {Algorithm: Exclusive, PrefixList: "p"}},
	}).Sealed(func(response *etree.Element) {
		find(signature(response), "SignedInfo", "Reference", "Transforms").ChildElements()[1].ChildElements()[0].
			CreateAttr("PrefixList", many(100_000, func(i int) string { return fmt.Sprintf("p%d ", i) }))
	})))
	add("M06", "20,000 certificates in KeyInfo", append(tooMuch, structure...), scene.Respond(scene.Answer().SignWith(Signature{Key: Key(Stranger)}).Sealed(func(response *etree.Element) {
		data := find(signature(response), "KeyInfo", "X509Data")
		for range 20_000 {
			data.CreateElement("ds:X509Certificate").SetText("AAAA")
		}
	})))
	// Encryption: each decryption of a key costs two milliseconds.
	add("M06", "300 EncryptedAssertions", structure, scene.Respond(scene.Answer().Encrypt(Encryption{}).Sealed(func(response *etree.Element) {
		holder := child(response, "EncryptedAssertion")
		for range 300 {
			again := holder.Copy()
			for _, identified := range again.FindElements(".//*[@Id]") {
				identified.CreateAttr("Id", NewID())
			}
			response.AddChild(again)
		}
	})))
	add("M11", "1,000 EncryptedKeys that cannot be decrypted", append(codes(trace.DecryptionFailed), structure...), scene.Respond(scene.Answer().Encrypt(Encryption{To: Key(Stranger)}).Sealed(func(response *etree.Element) {
		info := find(response, "EncryptedAssertion", "EncryptedData", "KeyInfo")
		key := child(info, "EncryptedKey")
		for range 1000 {
			again := key.Copy()
			again.CreateAttr("Id", NewID())
			info.AddChild(again)
		}
	})))
	add("M03", "inside the ciphertext: 300,000 empty elements", codes(trace.DecryptionFailed), scene.Respond(scene.Answer().Encrypt(Encryption{Plain: func([]byte) []byte {
		return []byte("<a>" + strings.Repeat("<a/>", 300_000) + "</a>")
	}})))
	add("M03", "inside the ciphertext: 2,000 levels", codes(trace.DecryptionFailed), scene.Respond(scene.Answer().Encrypt(Encryption{Plain: func([]byte) []byte {
		return []byte(strings.Repeat("<a>", 2000) + strings.Repeat("</a>", 2000))
	}})))
	add("M01", "inside the ciphertext: 5 MiB deflated would be small, but nothing inflates", codes(trace.DecryptionFailed), scene.Respond(scene.Answer().Encrypt(Encryption{Plain: func([]byte) []byte {
		return deflated(bytes.Repeat([]byte("<a/>"), 5<<18))
	}})))
	// Attributes: what a provider itself could send.
	add("M20", "40,000 values of one attribute", append(codes(trace.AttributeLimit), tooMuch...), flood(scene, 1, 40_000))
	add("M20", "20,000 attributes", append(codes(trace.AttributeLimit), tooMuch...), flood(scene, 20_000, 1))
	// Within the limits, and as dear as they can be: the signature is right, from
	// a login of the attacker's own, so that only the digest of everything shows
	// what has been added.
	add("M05", "within the limits: 87,000 tokens of values in an assertion that was signed without them", unknownOrInvalid, flood(scene, 1, 29_000))
	add("M05", "within the limits: the same, in a Response", unknownOrInvalid, bytes.Replace(scene.Respond(scene.Answer().Sign(SignResponse)),
		[]byte("</saml:AttributeStatement>"), []byte(`<saml:Attribute Name="flood">`+strings.Repeat("<saml:AttributeValue>x</saml:AttributeValue>", 29_000)+"</saml:Attribute></saml:AttributeStatement>"), 1))
	add("M05", "within the limits: 40 levels with a namespace each around 1,000 values", unknownOrInvalid, scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		value := find(response, "Assertion", "AttributeStatement", "Attribute", "AttributeValue")
		for i := range 40 {
			value = value.CreateElement("x:x")
			value.CreateAttr("xmlns:x", fmt.Sprintf("urn:%d", i))
		}
		for range 1000 {
			value.CreateElement("x:y").SetText(strings.Repeat("z", 70))
		}
	})))
	add("M05", "within the limits: 60 attributes on each of 1,000 elements", append(structure, trace.XMLTooComplex), scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		value := find(response, "Assertion", "AttributeStatement", "Attribute", "AttributeValue")
		for range 1000 {
			element := value.CreateElement("x")
			for i := range 60 {
				element.CreateAttr(fmt.Sprintf("z%02d", 60-i), "v")
			}
		}
	})))
	add("M05", "within the limits: 60 namespaces, used by 10,000 elements", append(structure, trace.XMLTooComplex), scene.Respond(scene.Answer().Sealed(func(response *etree.Element) {
		value := find(response, "Assertion", "AttributeStatement", "Attribute", "AttributeValue")
		for i := range 60 {
			value.CreateAttr(fmt.Sprintf("xmlns:n%d", i), fmt.Sprintf("urn:%d", i))
		}
		for i := range 10_000 {
			value.CreateElement(fmt.Sprintf("n%d:x", i%60))
		}
	})))
	return bombs
}

func tower(levels int, attributes func(level int) string) string {
	var up, down strings.Builder
	for level := range levels {
		up.WriteString("<a" + attributes(level) + ">")
		down.WriteString("</a>")
	}
	return up.String() + down.String()
}

func deflated(data []byte) []byte {
	var out bytes.Buffer
	deflater, err := flate.NewWriter(&out, flate.BestCompression)
	must(err)
	_, err = deflater.Write(data)
	must(err)
	must(deflater.Close())
	return out.Bytes()
}

func laughs() []byte {
	var dtd strings.Builder
	dtd.WriteString(`<!DOCTYPE lolz [<!ENTITY l0 "ha">`)
	for i := range 9 {
		fmt.Fprintf(&dtd, `<!ENTITY l%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&l%d;", i), 10))
	}
	return []byte(dtd.String() + "]>")
}

// flood is an honest message with many attributes or values added on its way.
func flood(scene Scene, attributes, values int) []byte {
	out := scene.Respond(scene.Answer())
	var statement strings.Builder
	for i := range attributes {
		fmt.Fprintf(&statement, `<saml:Attribute Name="flood-%d">`, i)
		for j := range values {
			fmt.Fprintf(&statement, "<saml:AttributeValue>%d</saml:AttributeValue>", j)
		}
		statement.WriteString("</saml:Attribute>")
	}
	return bytes.Replace(out, []byte("</saml:AttributeStatement>"), []byte(statement.String()+"</saml:AttributeStatement>"), 1)
}

// HostileFields are SAMLResponse fields that are not the base64 of anything
// (M02), by name.
func HostileFields(honest []byte) map[string]string {
	field := base64.StdEncoding.EncodeToString(honest)
	return map[string]string{
		"nothing":                         "",
		"only white space":                " \r\n\t ",
		"base64url":                       strings.NewReplacer("+", "-", "/", "_").Replace(base64.StdEncoding.EncodeToString([]byte("\xfb\xff\xfe" + string(honest)))),
		"no padding":                      strings.TrimRight(base64.StdEncoding.EncodeToString(append(honest[:len(honest):len(honest)], make([]byte, 1+(3-len(honest)%3)%3)...)), "="),
		"padding in the middle":           "QQ==" + field,
		"too much padding":                strings.TrimRight(field, "=") + "====",
		"a NUL at its end":                field + "\x00",
		"a blank in its middle":           field[:100] + " " + field[100:],
		"a letter beyond ASCII":           field[:100] + "é" + field[100:],
		"a percent sign":                  field[:100] + "%2B" + field[100:],
		"the XML itself":                  string(honest),
		"a data URL":                      "data:text/xml;base64," + field,
		"bits set that the padding hides": "QR==",
	}
}
