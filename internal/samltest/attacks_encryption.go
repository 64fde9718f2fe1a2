package samltest

import (
	"bytes"
	"fmt"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/trace"
)

// encrypted is an attack on the encryption of a signed assertion. Everything
// that fails while decrypting has one outward code, so that the service is no
// oracle (M11).
func encrypted(rule, name string, codes []trace.Code, e Encryption) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.Encrypt(e) })
}

func encryptedData(response *etree.Element) *etree.Element {
	return find(response, "EncryptedAssertion", "EncryptedData")
}

// ciphers: hostile ciphertexts and keys (M11), and algorithms that are not
// allowed (M10, M11).
func ciphers() []attack {
	failed := codes(trace.DecryptionFailed)
	banned := codes(trace.EncryptionAlgorithm)
	either := codes(trace.DecryptionFailed, trace.EncryptionAlgorithm)
	cut := func(n int) func([]byte) []byte {
		return func(ciphertext []byte) []byte { return ciphertext[:min(n, len(ciphertext))] }
	}
	flipped := func(at int) func([]byte) []byte {
		return func(ciphertext []byte) []byte {
			if at < 0 {
				at += len(ciphertext)
			}
			ciphertext[at] ^= 1
			return ciphertext
		}
	}
	edited := func(name string, codes []trace.Code, edit func(holder *etree.Element)) attack {
		return answered("M11", name, codes, func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{}).Sealed(func(response *etree.Element) { edit(child(response, "EncryptedAssertion")) })
		})
	}
	cipherValue := func(holder *etree.Element) *etree.Element {
		return find(holder, "EncryptedData", "CipherData", "CipherValue")
	}
	encryptedKey := func(holder *etree.Element) *etree.Element {
		return find(holder, "EncryptedData", "KeyInfo", "EncryptedKey")
	}
	structure := codes(trace.DecryptionFailed, trace.EncryptionAlgorithm, trace.ResponseStructure)
	list := []attack{
		answered("M03", "an assertion with the ID of the response's signature", codes(trace.DecryptionFailed), func(_ Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.AssertionID = "_twice" }).Sign(SignBoth).Encrypt(Encryption{}).Sealed(func(response *etree.Element) {
				child(response, "Signature").CreateAttr("Id", "_twice")
			})
		}),
		encrypted("M11", "a GCM tag with one bit wrong", failed, Encryption{Cipher: flipped(-1)}),
		encrypted("M11", "a GCM nonce with one bit wrong", failed, Encryption{Cipher: flipped(0)}),
		encrypted("M11", "a GCM ciphertext with one bit wrong in the middle", failed, Encryption{Cipher: flipped(200)}),
		encrypted("M11", "encrypted to a stranger", failed, Encryption{To: Key(Stranger)}),
		encrypted("M11", "encrypted to a stranger, our certificate shown", failed, Encryption{To: Key(Stranger), Show: true}),
		encrypted("M11", "an encrypted key with one bit wrong", failed, Encryption{Wrapped: flipped(10)}),
		encrypted("M11", "an encrypted key that is empty", failed, Encryption{Wrapped: cut(0)}),
		encrypted("M11", "an encrypted key one byte short", failed, Encryption{Wrapped: cut(255)}),
		encrypted("M11", "an encrypted key of 64 KB", failed, Encryption{Wrapped: func([]byte) []byte { return make([]byte, 64<<10) }}),
		encrypted("M11", "an encrypted key of zeros", failed, Encryption{Wrapped: func([]byte) []byte { return make([]byte, 256) }}),
		encrypted("M11", "an encrypted key larger than the modulus", failed, Encryption{Wrapped: func([]byte) []byte { return bytes.Repeat([]byte{0xff}, 256) }}),
		encrypted("M11", "RSA-1_5 key transport", banned, Encryption{Transport: RSA15}),
		encrypted("M11", "RSA-1_5 key transport, legacy CBC allowed", banned, Encryption{Transport: RSA15, Data: AES256CBC}).under(func(s *Scene) { s.Settings.LegacyCBC = true }),
		edited("OAEP in fact, RSA-1_5 in name", either, func(holder *etree.Element) {
			child(encryptedKey(holder), "EncryptionMethod").CreateAttr("Algorithm", RSA15)
		}),
		encrypted("M11", "OAEP over another hash than it names", failed, Encryption{Transport: OAEP, Digest: DigestSHA256, MGF: MGF1SHA256, Wrapped: func([]byte) []byte {
			e := Encryption{To: Key(Service), Transport: OAEP}
			return e.wrapKey(make([]byte, 32))
		}}),
		answered("M10", "CBC in an unsigned Response without the legacy switch", banned, func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{Data: AES128CBC})
		}),
		answered("M10", "CBC with 256 bits in an unsigned Response without the legacy switch", banned, func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{Data: AES256CBC})
		}),
		answered("M10", "CBC in a Response that a stranger signed", append(codes(trace.UnknownKey, trace.SignatureInvalid), banned...), func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).Encrypt(Encryption{Data: AES256CBC}).With(func(a *Answer) { a.ResponseSignature.Key = Key(Stranger) })
		}),
		encrypted("M11", "triple DES", banned, Encryption{Data: TripleDESCBC}),
		encrypted("M11", "triple DES, legacy CBC allowed", banned, Encryption{Data: TripleDESCBC}).under(func(s *Scene) { s.Settings.LegacyCBC = true }),
		edited("a cipher nobody knows", banned, func(holder *etree.Element) {
			find(holder, "EncryptedData", "EncryptionMethod").CreateAttr("Algorithm", "urn:none")
		}),
		edited("no cipher named", structure, func(holder *etree.Element) {
			find(holder, "EncryptedData", "EncryptionMethod").RemoveAttr("Algorithm")
		}),
		edited("no EncryptionMethod", structure, func(holder *etree.Element) {
			data := child(holder, "EncryptedData")
			data.RemoveChild(child(data, "EncryptionMethod"))
		}),
		edited("two EncryptionMethods", structure, func(holder *etree.Element) {
			data := child(holder, "EncryptedData")
			data.InsertChildAt(0, child(data, "EncryptionMethod").Copy())
		}),
		edited("a key transport nobody knows", either, func(holder *etree.Element) {
			child(encryptedKey(holder), "EncryptionMethod").CreateAttr("Algorithm", "urn:none")
		}),
		edited("a symmetric key wrap", either, func(holder *etree.Element) {
			child(encryptedKey(holder), "EncryptionMethod").CreateAttr("Algorithm", nsXenc+"kw-aes256")
		}),
		edited("an OAEP digest nobody knows", either, func(holder *etree.Element) {
			child(encryptedKey(holder), "EncryptionMethod").CreateElement("ds:DigestMethod").CreateAttr("Algorithm", "urn:none")
		}),
		edited("an OAEP digest of MD5", either, func(holder *etree.Element) {
			child(encryptedKey(holder), "EncryptionMethod").CreateElement("ds:DigestMethod").CreateAttr("Algorithm", DigestMD5)
		}),
		edited("an MGF nobody knows", either, func(holder *etree.Element) {
			method := child(encryptedKey(holder), "EncryptionMethod")
			method.CreateAttr("Algorithm", OAEP)
			mgf := method.CreateElement("xenc11:MGF")
			mgf.CreateAttr("xmlns:xenc11", nsXenc11)
			mgf.CreateAttr("Algorithm", "urn:none")
		}),
		edited("an OAEP label that was not used", structure, func(holder *etree.Element) {
			child(encryptedKey(holder), "EncryptionMethod").CreateElement("xenc:OAEPparams").SetText("ZXZpbA==")
		}),
		edited("GCM in fact, CBC in name", either, func(holder *etree.Element) {
			find(holder, "EncryptedData", "EncryptionMethod").CreateAttr("Algorithm", AES256CBC)
		}),
		edited("a CipherReference instead of the value", structure, func(holder *etree.Element) {
			data := find(holder, "EncryptedData", "CipherData")
			data.RemoveChild(child(data, "CipherValue"))
			data.CreateElement("xenc:CipherReference").CreateAttr("URI", "http://127.0.0.1:1/")
		}),
		edited("no CipherValue", structure, func(holder *etree.Element) {
			data := find(holder, "EncryptedData", "CipherData")
			data.RemoveChild(child(data, "CipherValue"))
		}),
		edited("two CipherValues", structure, func(holder *etree.Element) {
			data := find(holder, "EncryptedData", "CipherData")
			data.AddChild(child(data, "CipherValue").Copy())
		}),
		edited("a CipherValue that is no base64", structure, func(holder *etree.Element) { cipherValue(holder).SetText("%%%%") }),
		edited("markup inside CipherValue", structure, func(holder *etree.Element) { cipherValue(holder).CreateElement("xenc:x") }),
		edited("no EncryptedKey", structure, func(holder *etree.Element) {
			info := find(holder, "EncryptedData", "KeyInfo")
			info.RemoveChild(child(info, "EncryptedKey"))
		}),
		edited("no EncryptedData", structure, func(holder *etree.Element) { holder.RemoveChild(child(holder, "EncryptedData")) }),
		edited("two EncryptedDatas", structure, func(holder *etree.Element) {
			second := child(holder, "EncryptedData").Copy()
			second.CreateAttr("Id", NewID())
			find(second, "KeyInfo", "EncryptedKey").CreateAttr("Id", NewID())
			holder.AddChild(second)
		}),
		edited("a plain assertion inside EncryptedAssertion", append(codes(trace.ResponseStructure), failed...), func(holder *etree.Element) {
			holder.RemoveChild(child(holder, "EncryptedData"))
			holder.AddChild(mallory(child(evilDocument(), "Assertion")))
		}),
		edited("the key fetched from elsewhere", structure, func(holder *etree.Element) {
			info := find(holder, "EncryptedData", "KeyInfo")
			info.RemoveChild(child(info, "EncryptedKey"))
			info.CreateElement("ds:RetrievalMethod").CreateAttr("URI", "http://127.0.0.1:1/key")
		}),
		answered("M11", "encrypted, and the record has no key", failed, func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{To: Key(Service)})
		}).under(func(s *Scene) { s.SP.Keys = nil }),
		answered("M11", "a signed Response whose ciphertext was swapped for another one to us", codes(trace.SignatureInvalid), func(s Scene, a Answer) Answer {
			return a.Sign(SignResponse).Encrypt(Encryption{}).Sealed(func(response *etree.Element) {
				holder := child(response, "EncryptedAssertion")
				evil := detach(mallory(child(evilDocument(), "Assertion")))
				doc := etree.NewDocument()
				doc.SetRoot(evil)
				for _, old := range holder.ChildElements() {
					holder.RemoveChild(old)
				}
				s.IdP.fill(holder, Encryption{}, s.SP, write(doc))
			})
		}),
	}
	for _, n := range []int{0, 1, 11, 12, 13, 27, 28} {
		list = append(list, encrypted("M11", fmt.Sprintf("a GCM ciphertext of %d bytes", n), failed, Encryption{Cipher: cut(n)}))
	}
	legacy := func(s *Scene) { s.Settings.LegacyCBC = true }
	for _, n := range []int{0, 1, 15, 16, 17, 31, 33} {
		list = append(list, encrypted("M11", fmt.Sprintf("a CBC ciphertext of %d bytes", n), failed, Encryption{Data: AES128CBC, Cipher: cut(n)}).under(legacy))
	}
	for _, pad := range []byte{0, 17, 255} {
		list = append(list, encrypted("M11", fmt.Sprintf("CBC padding that says %d", pad), failed, badlyPadded(pad)).under(legacy))
	}
	for _, mismatch := range []struct {
		name   string
		data   string
		length int
	}{
		{"AES-256-GCM with a key of 16 bytes", AES256GCM, 16}, {"AES-128-GCM with a key of 32 bytes", AES128GCM, 32},
		{"AES-128-GCM with a key of 24 bytes", AES128GCM, 24}, {"AES-256-GCM with an empty key", AES256GCM, 0},
		{"AES-256-GCM with a key of 31 bytes", AES256GCM, 31}, {"AES-256-GCM with a key of 64 bytes", AES256GCM, 64},
	} {
		list = append(list, encrypted("M11", "key length mismatch: "+mismatch.name, failed, Encryption{Data: mismatch.data, Wrapped: func([]byte) []byte {
			e := Encryption{To: Key(Service)}
			return e.wrapKey(make([]byte, mismatch.length))
		}}))
	}
	list = append(list,
		encrypted("M11", "CBC whose plaintext is no XML", failed, Encryption{Data: AES128CBC, Plain: func([]byte) []byte { return []byte("garbage") }}).under(legacy),
		encrypted("M11", "CBC whose plaintext is XML and no assertion", failed, Encryption{Data: AES128CBC, Plain: func([]byte) []byte { return []byte("<a/>") }}).under(legacy),
		encrypted("M11", "CBC whose plaintext has two roots", failed, Encryption{Data: AES128CBC, Plain: func(plain []byte) []byte { return append(plain, plain...) }}).under(legacy),
		encrypted("M11", "CBC whose plaintext holds a comment", failed, Encryption{Data: AES128CBC, Plain: prepend("<!-- -->")}).under(legacy),
		encrypted("M11", "CBC whose plaintext was changed by one bit", failed, Encryption{Data: AES128CBC, Cipher: flipped(16)}).under(legacy),
	)
	// The same, but encrypted truly under the key of the wrong length: only the
	// length check refuses it.
	for _, mismatch := range []struct {
		name, said, done string
	}{
		{"AES-256-GCM said, AES-128-GCM done", AES256GCM, AES128GCM},
		{"AES-128-GCM said, AES-256-GCM done", AES128GCM, AES256GCM},
		{"AES-192-GCM said, AES-256-GCM done", AES192GCM, AES256GCM},
	} {
		list = append(list, answered("M11", "key length mismatch: "+mismatch.name, failed, func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{Data: mismatch.done}).Sealed(func(response *etree.Element) {
				child(encryptedData(response), "EncryptionMethod").CreateAttr("Algorithm", mismatch.said)
			})
		}))
	}
	return list
}

// badlyPadded is CBC whose padding says something else than it is: the
// plaintext fills whole blocks, so that the padding is a block of its own that
// says 16, and the last byte of the block before it turns that byte.
func badlyPadded(says byte) Encryption {
	return Encryption{
		Data:  AES128CBC,
		Plain: func(plain []byte) []byte { return append(plain, bytes.Repeat([]byte(" "), (16-len(plain)%16)%16)...) },
		Cipher: func(ciphertext []byte) []byte {
			ciphertext[len(ciphertext)-16-1] ^= 16 ^ says
			return ciphertext
		},
	}
}

// evilDocument is a response nobody asked for, to take parts from.
func evilDocument() *etree.Element {
	idp := NewIdP("https://idp.example.test/saml", Key(Stranger))
	doc := idp.build(For(saml.SP{}).Person("mallory"))
	return doc.Root()
}

// plaintexts: what comes out of decryption is scanned like what comes off the
// wire (M03 on decrypted bytes, M11).
func plaintexts() []attack {
	inside := func(rule, name string, codes []trace.Code, edit func([]byte) []byte) attack {
		return encrypted(rule, "inside the ciphertext: "+name, codes, Encryption{Plain: edit})
	}
	// To whoever sent it, unreadable plaintext is one more failed decryption.
	scan := codes(trace.DecryptionFailed)
	structure := codes(trace.ResponseStructure)
	return []attack{
		inside("M03", "two roots", scan, func(plain []byte) []byte { return append(plain, plain...) }),
		inside("M03", "an evil root after the signed one", scan, appended(`<saml:Assertion xmlns:saml="`+nsAssertion+`"/>`)),
		inside("M03", "an evil root before the signed one", scan, prepend(`<saml:Assertion xmlns:saml="`+nsAssertion+`"/>`)),
		inside("M03", "text after the root", scan, appended("x")),
		inside("M03", "a comment", scan, replaced(nameID, ">ada<!---->.evil</saml:NameID>")),
		inside("M03", "a processing instruction", scan, prepend("<?x?>")),
		inside("M03", "a document type", scan, prepend(`<!DOCTYPE x [<!ENTITY who "ada">]>`)),
		inside("M03", "a duplicate attribute", scan, replaced(`Version="2.0"`, `Version="2.0" Version="2.0"`)),
		inside("M03", "an undeclared prefix", scan, replaced("<saml:Conditions", "<nope:x/><saml:Conditions")),
		inside("M03", "UTF-16", scan, func(plain []byte) []byte {
			return append([]byte{0xFE, 0xFF}, wide(plain, bigEndian)...)
		}),
		inside("M03", "another encoding declared", scan, prepend(`<?xml version="1.0" encoding="ISO-8859-1"?>`)),
		inside("M04", "a colon at the end of a name", scan, replaced("<saml:Conditions", "<x:/><saml:Conditions")),
		inside("M03", "nothing", scan, func([]byte) []byte { return []byte{} }),
		inside("M03", "only white space", scan, func([]byte) []byte { return []byte("   ") }),
		inside("M03", "no XML", scan, func([]byte) []byte { return []byte("hello") }),
		inside("M03", "cut in half", scan, func(plain []byte) []byte { return plain[:len(plain)/2] }),
		inside("M06", "a Response", scan, func(plain []byte) []byte {
			return fmt.Appendf(nil, `<samlp:Response xmlns:samlp="%s">%s</samlp:Response>`, nsProtocol, plain)
		}),
		inside("M06", "an Assertion of another namespace", scan, func(plain []byte) []byte {
			return bytes.ReplaceAll(plain, []byte(nsAssertion), []byte("urn:oasis:names:tc:SAML:1.0:assertion"))
		}),
		inside("M06", "an element around the assertion", scan, func(plain []byte) []byte {
			return fmt.Appendf(nil, `<x xmlns="urn:x">%s</x>`, plain)
		}),
		inside("M06", "the signed assertion inside an unsigned one", append(structure, trace.Unsigned), func(plain []byte) []byte {
			return fmt.Appendf(nil, `<saml:Assertion xmlns:saml="%s" ID="_evil" Version="2.0">%s</saml:Assertion>`, nsAssertion, plain)
		}),
		answered("M06", "an EncryptedAssertion inside the EncryptedAssertion", scan, func(s Scene, a Answer) Answer {
			return a.Encrypt(Encryption{Plain: func(plain []byte) []byte {
				holder := etree.NewElement("saml:EncryptedAssertion")
				declare(holder, "", "saml", nsAssertion)
				s.IdP.fill(holder, Encryption{}, s.SP, plain)
				doc := etree.NewDocument()
				doc.SetRoot(holder)
				return write(doc)
			}})
		}),
		answered("M03", "inside the ciphertext: the ID of the Response", scan, func(_ Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.ID, a.AssertionID = "_same", "_same" }).Encrypt(Encryption{})
		}),
		// Exclusive canonicalisation of the Response covers no declaration that only
		// the ciphertext would use, so that anybody may add one.
		answered("M03", "inside the ciphertext: a prefix that the attacker binds on the signed Response", scan, func(_ Scene, a Answer) Answer {
			return a.Sign(SignResponse).Encrypt(Encryption{Plain: func(plain []byte) []byte {
				return bytes.ReplaceAll(plain, []byte("saml:AttributeStatement"), []byte("late:AttributeStatement"))
			}}).Sealed(func(response *etree.Element) { response.CreateAttr("xmlns:late", nsAssertion) })
		}),
		answered("M08", "a changed assertion under fresh encryption", codes(trace.SignatureInvalid), func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{Plain: replaced(nameID, ">mallory</saml:NameID>")})
		}),
		answered("M09", "a stranger's assertion under good encryption", unknownOrInvalid, func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{}).SignWith(Signature{Key: Key(Stranger)})
		}),
		answered("M12", "encrypted, and the Response has no Issuer", codes(trace.IssuerMismatch), func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{}).With(func(a *Answer) { a.ResponseIssuer = Absent })
		}),
		answered("M16", "encrypted, for another audience", codes(trace.AudienceMismatch), func(_ Scene, a Answer) Answer {
			return a.Encrypt(Encryption{}).With(func(a *Answer) { a.Audiences = [][]string{{"https://evil.test"}} })
		}),
	}
}
