package samltest

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/trace"
)

// signedWith is an attack by the way of signing.
func signedWith(rule, name string, codes []trace.Code, signature Signature) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.SignWith(signature) })
}

// signingInfo is an attack inside SignedInfo that the provider's key has signed.
func signingInfo(rule, name string, codes []trace.Code, edit func(info *etree.Element)) attack {
	return signedWith(rule, name, codes, Signature{SignedInfo: edit})
}

// signature finds the assertion's.
func signature(response *etree.Element) *etree.Element {
	return find(response, "Assertion", "Signature")
}

// signatures: a signature has one shape and one place (M06). Most of these are
// signed by the right key, so that only the shape can refuse them.
func signatures() []attack {
	shape := codes(trace.SignatureStructure)
	shapeOrInvalid := codes(trace.SignatureStructure, trace.SignatureInvalid)
	list := []attack{
		signingInfo("M06", "a Reference to the whole document, URI empty", shape, func(info *etree.Element) {
			child(info, "Reference").CreateAttr("URI", "")
		}),
		signingInfo("M06", "a Reference without URI", shape, func(info *etree.Element) {
			child(info, "Reference").RemoveAttr("URI")
		}),
		signingInfo("M06", "a Reference whose URI is only #", shape, func(info *etree.Element) {
			child(info, "Reference").CreateAttr("URI", "#")
		}),
		signingInfo("M06", "a Reference by XPointer", shape, func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.CreateAttr("URI", "#xpointer(id('"+strings.TrimPrefix(reference.SelectAttrValue("URI", ""), "#")+"'))")
		}),
		signingInfo("M06", "a Reference to the whole document by XPointer", shape, func(info *etree.Element) {
			child(info, "Reference").CreateAttr("URI", "#xpointer(/)")
		}),
		signingInfo("M06", "a Reference to a file", shape, func(info *etree.Element) {
			child(info, "Reference").CreateAttr("URI", "file:///etc/passwd")
		}),
		signingInfo("M06", "a Reference to a web address", shape, func(info *etree.Element) {
			child(info, "Reference").CreateAttr("URI", "http://127.0.0.1:1/signed")
		}),
		signingInfo("M06", "a Reference whose fragment begins with any character", shape, func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.CreateAttr("URI", "x"+strings.TrimPrefix(reference.SelectAttrValue("URI", ""), "#"))
		}),
		signingInfo("M06", "a Reference with white space around its URI", shape, func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.CreateAttr("URI", " "+reference.SelectAttrValue("URI", "")+" ")
		}),
		signingInfo("M06", "a Reference with its ID percent-encoded", shape, func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.CreateAttr("URI", strings.Replace(reference.SelectAttrValue("URI", ""), "_", "%5F", 1))
		}),
		signingInfo("M06", "two References to the same element", shape, func(info *etree.Element) {
			info.AddChild(child(info, "Reference").Copy())
		}),
		signingInfo("M06", "two References, the second to another element", shape, func(info *etree.Element) {
			second := child(info, "Reference").Copy()
			second.CreateAttr("URI", "#_elsewhere")
			info.AddChild(second)
		}),
		signingInfo("M06", "two References, the first to another element", shape, func(info *etree.Element) {
			first := child(info, "Reference").Copy()
			first.CreateAttr("URI", "#_elsewhere")
			info.InsertChildAt(child(info, "Reference").Index(), first)
		}),
		signingInfo("M06", "no Reference", shape, func(info *etree.Element) { info.RemoveChild(child(info, "Reference")) }),
		signingInfo("M06", "a Manifest's Reference", shape, func(info *etree.Element) {
			child(info, "Reference").CreateAttr("Type", nsSignature+"Manifest")
			child(info, "Reference").CreateAttr("URI", "#_manifest")
		}),
		signingInfo("M06", "no DigestValue", shapeOrInvalid, func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.RemoveChild(child(reference, "DigestValue"))
		}),
		signingInfo("M06", "an empty DigestValue", shapeOrInvalid, func(info *etree.Element) {
			find(info, "Reference", "DigestValue").SetText("")
		}),
		signingInfo("M06", "two DigestValues, the first one right", shape, func(info *etree.Element) {
			child(info, "Reference").CreateElement("ds:DigestValue").SetText("AAAA")
		}),
		signingInfo("M06", "two DigestValues, the last one right", shape, func(info *etree.Element) {
			reference := child(info, "Reference")
			wrong := etree.NewElement("ds:DigestValue")
			wrong.SetText("AAAA")
			reference.InsertChildAt(child(reference, "DigestValue").Index(), wrong)
		}),
		signingInfo("M06", "an element inside DigestValue", shapeOrInvalid, func(info *etree.Element) {
			find(info, "Reference", "DigestValue").CreateElement("ds:x").SetText("AAAA")
		}),
		signingInfo("M06", "no DigestMethod", codes(trace.SignatureStructure, trace.SignatureAlgorithm), func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.RemoveChild(child(reference, "DigestMethod"))
		}),
		signingInfo("M06", "two DigestMethods", shape, func(info *etree.Element) {
			child(info, "Reference").InsertChildAt(0, child(child(info, "Reference"), "DigestMethod").Copy())
		}),
		signingInfo("M06", "no Transforms", shape, func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.RemoveChild(child(reference, "Transforms"))
		}),
		signingInfo("M06", "Transforms twice", shape, func(info *etree.Element) {
			reference := child(info, "Reference")
			reference.InsertChildAt(0, child(reference, "Transforms").Copy())
		}),
		signingInfo("M06", "no SignatureMethod", codes(trace.SignatureStructure, trace.SignatureAlgorithm), func(info *etree.Element) {
			info.RemoveChild(child(info, "SignatureMethod"))
		}),
		signingInfo("M06", "two SignatureMethods", shape, func(info *etree.Element) {
			info.InsertChildAt(0, child(info, "SignatureMethod").Copy())
		}),
		signingInfo("M06", "no CanonicalizationMethod", codes(trace.SignatureStructure, trace.SignatureAlgorithm), func(info *etree.Element) {
			info.RemoveChild(child(info, "CanonicalizationMethod"))
		}),
		signingInfo("M06", "two CanonicalizationMethods", shape, func(info *etree.Element) {
			info.InsertChildAt(0, child(info, "CanonicalizationMethod").Copy())
		}),
		signingInfo("M06", "an element in SignedInfo that nobody knows", shape, func(info *etree.Element) {
			info.CreateElement("ds:Evil")
		}),
		signingInfo("M06", "a HMACOutputLength of nothing", shape, func(info *etree.Element) {
			child(info, "SignatureMethod").CreateElement("ds:HMACOutputLength").SetText("0")
		}),
		sealed("M06", "two SignedInfos, the signed one first", shape, func(response *etree.Element) {
			signature(response).InsertChildAt(1, evilInfo(response))
		}),
		sealed("M06", "two SignedInfos, the signed one last", shape, func(response *etree.Element) {
			signature(response).InsertChildAt(0, evilInfo(response))
		}),
		sealed("M06", "a SignedInfo inside SignedInfo", shapeOrInvalid, func(response *etree.Element) {
			child(signature(response), "SignedInfo").AddChild(evilInfo(response))
		}),
		sealed("M06", "a SignedInfo in KeyInfo", shape, func(response *etree.Element) {
			child(signature(response), "KeyInfo").AddChild(evilInfo(response))
		}),
		sealed("M06", "a SignedInfo of another namespace beside the signed one", shape, func(response *etree.Element) {
			evil := evilInfo(response)
			evil.Space = "x"
			evil.CreateAttr("xmlns:x", "urn:x")
			signature(response).InsertChildAt(0, evil)
		}),
		sealed("M06", "no SignedInfo", shape, func(response *etree.Element) {
			signature(response).RemoveChild(child(signature(response), "SignedInfo"))
		}),
		sealed("M06", "no SignatureValue", shape, func(response *etree.Element) {
			signature(response).RemoveChild(child(signature(response), "SignatureValue"))
		}),
		sealed("M06", "two SignatureValues", shape, func(response *etree.Element) {
			signature(response).AddChild(child(signature(response), "SignatureValue").Copy())
		}),
		sealed("M06", "an empty SignatureValue", codes(trace.SignatureStructure, trace.SignatureInvalid, trace.UnknownKey), func(response *etree.Element) {
			child(signature(response), "SignatureValue").SetText("")
		}),
		sealed("M06", "a SignatureValue that is no base64", codes(trace.SignatureStructure, trace.SignatureInvalid, trace.UnknownKey), func(response *etree.Element) {
			child(signature(response), "SignatureValue").SetText("!!!!")
		}),
		sealed("M06", "a SignatureValue one byte short", codes(trace.SignatureStructure, trace.SignatureInvalid, trace.UnknownKey), func(response *etree.Element) {
			value := child(signature(response), "SignatureValue")
			raw, err := base64.StdEncoding.DecodeString(value.Text())
			must(err)
			value.SetText(base64.StdEncoding.EncodeToString(raw[:len(raw)-1]))
		}),
		sealed("M06", "a SignatureValue of zeros", codes(trace.SignatureInvalid, trace.UnknownKey), func(response *etree.Element) {
			child(signature(response), "SignatureValue").SetText(base64.StdEncoding.EncodeToString(make([]byte, 256)))
		}),
		sealed("M06", "a SignatureValue of ones", codes(trace.SignatureInvalid, trace.UnknownKey), func(response *etree.Element) {
			child(signature(response), "SignatureValue").SetText(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff", 256))))
		}),
		sealed("M06", "two KeyInfos", shape, func(response *etree.Element) {
			signature(response).AddChild(child(signature(response), "KeyInfo").Copy())
		}),
		sealed("M06", "an Object with nothing in it", shape, func(response *etree.Element) {
			signature(response).CreateElement("ds:Object")
		}),
		sealed("M06", "an Object with the assertion in it", shape, func(response *etree.Element) {
			signature(response).CreateElement("ds:Object").AddChild(mallory(child(response, "Assertion")))
		}),
		sealed("M06", "an Object of somebody else's namespace", shape, func(response *etree.Element) {
			signature(response).CreateElement("x:Object").CreateAttr("xmlns:x", "urn:x")
		}),
		sealed("M06", "text inside the Signature", shapeOrInvalid, func(response *etree.Element) {
			signature(response).CreateText("evil")
		}),
		sealed("M06", "a Signature that is empty", shape, func(response *etree.Element) {
			signature(response).Child = nil
		}),
		sealed("M06", "a Signature with only a KeyInfo", shape, func(response *etree.Element) {
			signature := signature(response)
			signature.RemoveChild(child(signature, "SignedInfo"))
			signature.RemoveChild(child(signature, "SignatureValue"))
		}),
		sealed("M06", "two Signatures, both right", codes(trace.SignatureStructure, trace.ResponseStructure), func(response *etree.Element) {
			insertAfter(child(response, "Assertion"), "Issuer", signature(response).Copy())
		}),
		sealed("M06", "two Signatures, the first from a stranger", codes(trace.SignatureStructure, trace.ResponseStructure), func(response *etree.Element) {
			first := signature(response).Copy()
			child(first, "SignatureValue").SetText("AAAA")
			insertAfter(child(response, "Assertion"), "Issuer", first)
		}),
		sealed("M06", "a Signature of another namespace before the right one", codes(trace.SignatureStructure, trace.ResponseStructure, trace.SignatureInvalid), func(response *etree.Element) {
			first := signature(response).Copy()
			first.CreateAttr("xmlns:ds", "urn:not-signature")
			insertAfter(child(response, "Assertion"), "Issuer", first)
		}),
	}
	for _, transforms := range []struct {
		name string
		list []Transform
	}{
		{"only exclusive", []Transform{{Exclusive, ""}}},
		{"only enveloped", []Transform{{Enveloped, ""}}},
		{"enveloped twice", []Transform{{Enveloped, ""}, {Enveloped, ""}}},
		{"exclusive twice", []Transform{{Exclusive, ""}, {Exclusive, ""}}},
		{"enveloped, exclusive, exclusive", []Transform{{Enveloped, ""}, {Exclusive, ""}, {Exclusive, ""}}},
		{"none", []Transform{}},
		{"XSLT", []Transform{{Enveloped, ""}, {"http://www.w3.org/TR/1999/REC-xslt-19991116", ""}}},
		{"XPath", []Transform{{Enveloped, ""}, {"http://www.w3.org/TR/1999/REC-xpath-19991116", ""}}},
		{"XPath filter 2.0", []Transform{{"http://www.w3.org/2002/06/xmldsig-filter2", ""}, {Exclusive, ""}}},
		{"base64", []Transform{{Enveloped, ""}, {nsSignature + "base64", ""}}},
		{"decryption", []Transform{{Enveloped, ""}, {"http://www.w3.org/2002/07/decrypt#XML", ""}}},
		{"an empty algorithm", []Transform{{Enveloped, ""}, {"", ""}}},
		{"inclusive 1.0 without the legacy switch", []Transform{{Enveloped, ""}, {Inclusive10, ""}}},
		{"inclusive 1.1 without the legacy switch", []Transform{{Enveloped, ""}, {Inclusive11, ""}}},
	} {
		list = append(list, signedWith("M06", "transforms: "+transforms.name, codes(trace.SignatureStructure, trace.SignatureAlgorithm), Signature{Transforms: transforms.list}))
	}
	list = append(list,
		signingInfo("M06", "a transform with an XPath inside the exclusive one", codes(trace.SignatureStructure), func(info *etree.Element) {
			find(info, "Reference", "Transforms").ChildElements()[1].CreateElement("ds:XPath").SetText("/")
		}),
		signedWith("M06", "SignedInfo canonicalised by inclusive 1.0 without the legacy switch", codes(trace.SignatureStructure, trace.SignatureAlgorithm), Signature{C14N: Inclusive10}),
		signedWith("M06", "SignedInfo canonicalised by nothing known", codes(trace.SignatureStructure, trace.SignatureAlgorithm), Signature{C14N: "urn:none"}),
		signedWith("M06", "SignedInfo canonicalised by the library's inner name NULL", codes(trace.SignatureStructure, trace.SignatureAlgorithm), Signature{C14N: "NULL", Transforms: []Transform{{Enveloped, ""}, {"NULL", ""}}}),
	)
	return list
}

// evilInfo is a copy of SignedInfo that refers to somewhere else.
func evilInfo(response *etree.Element) *etree.Element {
	evil := child(signature(response), "SignedInfo").Copy()
	child(evil, "Reference").CreateAttr("URI", "#_evil")
	return evil
}

// algorithms: nothing weak, nothing that is not RSA (M06).
func algorithms() []attack {
	weak := codes(trace.SignatureAlgorithm)
	public, err := x509.MarshalPKIXPublicKey(Key(Signer).Certificate.PublicKey)
	must(err)
	hmac256 := func(key []byte) func([]byte) []byte {
		return func(canonical []byte) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write(canonical)
			return mac.Sum(nil)
		}
	}
	elliptic := func(canonical []byte) []byte {
		private, _ := Elliptical()
		digest := sha256.Sum256(canonical)
		r, s, err := ecdsa.Sign(rand.Reader, private.(*ecdsa.PrivateKey), digest[:])
		must(err)
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	_, ellipticCertificate := Elliptical()
	list := []attack{
		signedWith("M06", "RSA-SHA1 without the legacy switch", weak, Signature{Method: RSASHA1}),
		signedWith("M06", "a SHA-1 digest without the legacy switch", weak, Signature{Digest: DigestSHA1}),
		signedWith("M06", "SHA-1 for both without the legacy switch", weak, Signature{Method: RSASHA1, Digest: DigestSHA1}),
		signedWith("M06", "RSA-MD5", weak, Signature{Method: RSAMD5}),
		signedWith("M06", "an MD5 digest", weak, Signature{Digest: DigestMD5}),
		signedWith("M06", "RSA-MD5 even with the legacy switch", weak, Signature{Method: RSAMD5, Digest: DigestMD5}).under(func(s *Scene) { s.Settings.LegacySHA1 = true }),
		signedWith("M06", "RSA-PSS, which nothing here can check", weak, Signature{Method: RSAPSS256}),
		signedWith("M06", "an algorithm nobody knows", weak, Signature{Method: "urn:none"}),
		signedWith("M06", "an empty algorithm", codes(trace.SignatureAlgorithm, trace.SignatureStructure), Signature{SignedInfo: func(info *etree.Element) {
			child(info, "SignatureMethod").CreateAttr("Algorithm", "")
		}}),
		signedWith("M06", "an algorithm with white space around it", codes(trace.SignatureAlgorithm, trace.SignatureStructure), Signature{SignedInfo: func(info *etree.Element) {
			child(info, "SignatureMethod").CreateAttr("Algorithm", " "+RSASHA256)
		}}),
		signedWith("M06", "a digest nobody knows", weak, Signature{Digest: "urn:none"}),
		signedWith("M06", "HMAC-SHA256 with the public key as its secret, as DER", weak, Signature{Method: HMACSHA256, Value: hmac256(public)}),
		signedWith("M06", "HMAC-SHA256 with the certificate as its secret", weak, Signature{Method: HMACSHA256, Value: hmac256(Key(Signer).Certificate.Raw)}),
		signedWith("M06", "HMAC-SHA256 with the certificate's PEM as its secret", weak, Signature{Method: HMACSHA256, Value: hmac256([]byte(certificatePEM(Key(Signer).Certificate)))}),
		signedWith("M06", "HMAC-SHA256 with an empty secret", weak, Signature{Method: HMACSHA256, Value: hmac256(nil), KeyInfo: ShowNothing}),
		signedWith("M06", "HMAC-SHA1 with the modulus as its secret", weak, Signature{Method: HMACSHA1, Value: func(canonical []byte) []byte {
			mac := hmac.New(sha1.New, Key(Signer).Private.N.Bytes())
			mac.Write(canonical)
			return mac.Sum(nil)
		}}),
		signedWith("M06", "DSA-SHA1", weak, Signature{Method: DSASHA1, Value: func([]byte) []byte { return make([]byte, 40) }}),
		signedWith("M06", "ECDSA by a stranger", codes(trace.SignatureAlgorithm, trace.UnknownKey), Signature{Method: ECDSA256, Value: elliptic, Show: ellipticCertificate}),
		signedWith("M06", "ECDSA with r and s zero, which broken checkers take", codes(trace.SignatureAlgorithm, trace.UnknownKey), Signature{Method: ECDSA256, Value: func([]byte) []byte { return make([]byte, 64) }}),
		signedWith("M06", "RSA of 1,024 bits by the record's own key", weak, Signature{}).under(func(s *Scene) {
			s.IdP = &IdP{EntityID: s.IdP.EntityID, SSO: s.IdP.SSO, Keys: []saml.Key{Key(Short)}}
		}),
		signedWith("M06", "RSA-SHA256 named, RSA-SHA1 made", codes(trace.SignatureInvalid, trace.UnknownKey), Signature{SignedInfo: func(info *etree.Element) {
			child(info, "SignatureMethod").CreateAttr("Algorithm", RSASHA256)
		}, Method: RSASHA1}),
		signedWith("M06", "the digest itself, raw, as the signature's message", codes(trace.SignatureInvalid, trace.UnknownKey), Signature{Value: func(canonical []byte) []byte {
			// c = m^d without any padding: what an oracle for raw RSA would give.
			digest := sha256.Sum256(canonical)
			key := Key(Signer).Private
			raw := new(big.Int).Exp(new(big.Int).SetBytes(digest[:]), key.D, key.N)
			return raw.FillBytes(make([]byte, 256))
		}}),
	}
	return list
}

// keys: whom to believe is the record's to say (M09), and what must be signed
// too (M10).
func keys() []attack {
	unknown := codes(trace.UnknownKey, trace.SignatureInvalid)
	stranger := Key(Stranger)
	list := []attack{}
	for _, way := range ways {
		list = append(list,
			answered("M09", "signed by a stranger who shows his own certificate, "+way.name, unknown, func(_ Scene, a Answer) Answer {
				return a.Sign(way.what).SignWith(Signature{Key: stranger})
			}),
			answered("M09", "signed by a stranger who shows the right certificate, "+way.name, unknown, func(s Scene, a Answer) Answer {
				return a.Sign(way.what).SignWith(Signature{Key: stranger, Show: s.IdP.Keys[0].Certificate})
			}),
			answered("M09", "signed by a key whose certificate has the right subject and serial number, "+way.name, unknown, func(_ Scene, a Answer) Answer {
				return a.Sign(way.what).SignWith(Signature{Key: Key(Impostor)})
			}),
			answered("M09", "signed by a stranger, no KeyInfo, "+way.name, unknown, func(_ Scene, a Answer) Answer {
				return a.Sign(way.what).SignWith(Signature{Key: stranger, KeyInfo: ShowNothing})
			}),
			answered("M09", "signed by a stranger who names the right key, "+way.name, unknown, func(_ Scene, a Answer) Answer {
				return a.Sign(way.what).SignWith(Signature{Key: stranger, KeyInfo: ShowName, Show: Key(Signer).Certificate})
			}),
			answered("M09", "signed by a stranger who shows his bare key, "+way.name, unknown, func(_ Scene, a Answer) Answer {
				return a.Sign(way.what).SignWith(Signature{Key: stranger, KeyInfo: ShowValue})
			}),
		)
	}
	list = append(list,
		answered("M09", "signed by the service's own key, which anybody has who broke in here before", unknown, func(s Scene, a Answer) Answer {
			return a.SignWith(Signature{Key: Key(Service)})
		}),
		answered("M09", "two certificates shown, the right one first", unknown, func(_ Scene, a Answer) Answer {
			return a.SignWith(Signature{Key: stranger, Show: Key(Signer).Certificate}).Sealed(func(response *etree.Element) {
				find(response, "Assertion", "Signature", "KeyInfo", "X509Data").CreateElement("ds:X509Certificate").
					SetText(base64.StdEncoding.EncodeToString(stranger.Certificate.Raw))
			})
		}),
		answered("M09", "an expired certificate where the record refuses that", codes(trace.CertificateExpired), func(_ Scene, a Answer) Answer { return a }).
			under(func(s *Scene) {
				s.IdP = &IdP{EntityID: s.IdP.EntityID, SSO: s.IdP.SSO, Keys: []saml.Key{Key(Expired)}}
				s.Settings.RefuseExpiredCertificates = true
			}),
	)

	unsigned := codes(trace.Unsigned)
	list = append(list,
		answered("M10", "nothing signed", unsigned, func(_ Scene, a Answer) Answer { return a.Sign(SignNothing) }),
		answered("M10", "nothing signed, but encrypted: anybody may encrypt to us", unsigned, func(_ Scene, a Answer) Answer {
			return a.Sign(SignNothing).Encrypt(Encryption{})
		}),
		answered("M10", "the signature stripped", unsigned, func(_ Scene, a Answer) Answer {
			return a.Sealed(func(response *etree.Element) { unsign(child(response, "Assertion")) })
		}),
		answered("M10", "both signatures stripped", unsigned, func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).Sealed(func(response *etree.Element) { unsign(response); unsign(child(response, "Assertion")) })
		}),
		answered("M10", "the inner signature stripped from a signed response", codes(trace.SignatureInvalid), func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).Sealed(func(response *etree.Element) { unsign(child(response, "Assertion")) })
		}),
		answered("M10", "a broken response signature around a good assertion", unknownOrInvalid, func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).Sealed(func(response *etree.Element) { response.CreateAttr("Consent", "urn:evil") })
		}),
		answered("M10", "a stranger's response signature around a good assertion", unknownOrInvalid, func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).With(func(a *Answer) { a.ResponseSignature.Key = stranger })
		}),
		answered("M10", "a good response signature around a stranger's assertion", unknownOrInvalid, func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).With(func(a *Answer) { a.AssertionSignature.Key = stranger })
		}),
		answered("M10", "a good response signature around a changed assertion", codes(trace.SignatureInvalid), func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).Enclose(func(response *etree.Element) {
				find(response, "Assertion", "Subject", "NameID").SetText("mallory")
			})
		}),
		answered("M10", "a good response signature around a changed assertion, encrypted", codes(trace.SignatureInvalid), func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).Encrypt(Encryption{}).Enclose(func(response *etree.Element) {
				find(response, "Assertion", "Subject", "NameID").SetText("mallory")
			})
		}),
		answered("M10", "a signature over AuthnStatement instead of the assertion", codes(trace.SignatureStructure, trace.ResponseStructure, trace.Unsigned), func(s Scene, a Answer) Answer {
			return a.Sign(SignNothing).Draft(func(response *etree.Element) {
				statement := find(response, "Assertion", "AuthnStatement")
				statement.CreateAttr("ID", NewID())
				s.IdP.sign(statement, Signature{})
			})
		}),
	)
	for _, demand := range []struct {
		is   saml.Signed
		what Signed
		name string
	}{
		{saml.SignedResponse, SignAssertion, "the record demands a signed response, the assertion is"},
		{saml.SignedAssertion, SignResponse, "the record demands a signed assertion, the response is"},
		{saml.SignedBoth, SignAssertion, "the record demands both, only the assertion is signed"},
		{saml.SignedBoth, SignResponse, "the record demands both, only the response is signed"},
		{saml.SignedBoth, SignNothing, "the record demands both, nothing is signed"},
	} {
		for _, encryption := range []struct {
			name string
			with *Encryption
		}{{"", nil}, {", encrypted", &Encryption{}}} {
			list = append(list, answered("M10", demand.name+encryption.name, unsigned, func(_ Scene, a Answer) Answer {
				a.Encryption = encryption.with
				return a.Sign(demand.what)
			}).under(func(s *Scene) { s.Settings.Signed = demand.is }))
		}
	}
	return list
}

var unknownOrInvalid = codes(trace.SignatureInvalid, trace.UnknownKey)

// tampering: what is changed after signing is found, wherever it is (M08).
func tampering() []attack {
	invalid := codes(trace.SignatureInvalid)
	var list []attack
	for _, change := range []struct {
		name string
		edit func(assertion *etree.Element)
	}{
		{"the NameID", func(a *etree.Element) { find(a, "Subject", "NameID").SetText("mallory") }},
		{"the NameID, by one letter's case", func(a *etree.Element) { find(a, "Subject", "NameID").SetText("Ada") }},
		{"the NameID, by a white space", func(a *etree.Element) { find(a, "Subject", "NameID").SetText("ada ") }},
		{"the NameID, by a letter that looks the same", func(a *etree.Element) { find(a, "Subject", "NameID").SetText("аda") }},
		{"the NameID's Format", func(a *etree.Element) { find(a, "Subject", "NameID").CreateAttr("Format", FormatEmail) }},
		{"an attribute's value", func(a *etree.Element) {
			find(a, "AttributeStatement", "Attribute", "AttributeValue").SetText("root")
		}},
		{"an attribute's name", func(a *etree.Element) {
			find(a, "AttributeStatement", "Attribute").CreateAttr("Name", "groups")
		}},
		{"an attribute's value, one more", func(a *etree.Element) {
			find(a, "AttributeStatement", "Attribute").CreateElement("saml:AttributeValue").SetText("owners")
		}},
		{"an attribute's value, one less", func(a *etree.Element) {
			attribute := find(a, "AttributeStatement", "Attribute")
			attribute.RemoveChild(child(attribute, "AttributeValue"))
		}},
		{"one attribute more", func(a *etree.Element) {
			attribute := child(a, "AttributeStatement").CreateElement("saml:Attribute")
			attribute.CreateAttr("Name", "role")
			attribute.CreateElement("saml:AttributeValue").SetText("admin")
		}},
		{"a whole AttributeStatement more", func(a *etree.Element) { a.AddChild(child(a, "AttributeStatement").Copy()) }},
		{"the audience", func(a *etree.Element) {
			find(a, "Conditions", "AudienceRestriction", "Audience").SetText("https://evil.test")
		}},
		{"the end of the window", func(a *etree.Element) { child(a, "Conditions").CreateAttr("NotOnOrAfter", "2099-01-01T00:00:00Z") }},
		{"the InResponseTo", func(a *etree.Element) {
			find(a, "Subject", "SubjectConfirmation", "SubjectConfirmationData").CreateAttr("InResponseTo", "_evil")
		}},
		{"the authentication context", func(a *etree.Element) {
			find(a, "AuthnStatement", "AuthnContext", "AuthnContextClassRef").SetText(ContextSmartcard)
		}},
		{"the authentication instant", func(a *etree.Element) {
			child(a, "AuthnStatement").CreateAttr("AuthnInstant", "2026-01-01T00:00:01Z")
		}},
		{"the assertion's IssueInstant", func(a *etree.Element) { a.CreateAttr("IssueInstant", "2026-01-01T00:00:01Z") }},
		{"an unknown XML attribute on the assertion", func(a *etree.Element) { a.CreateAttr("evil", "1") }},
		{"text between elements", func(a *etree.Element) { child(a, "Subject").CreateText(" ") }},
		{"one element less", func(a *etree.Element) { a.RemoveChild(child(a, "Conditions")) }},
		{"the order of elements", func(a *etree.Element) {
			subject := child(a, "Subject")
			a.RemoveChild(subject)
			a.AddChild(subject)
		}},
		{"the order of values", func(a *etree.Element) {
			attributes := child(a, "AttributeStatement").ChildElements()
			groups := attributes[len(attributes)-1]
			first := groups.ChildElements()[0]
			groups.RemoveChild(first)
			groups.AddChild(first)
		}},
	} {
		for _, way := range ways {
			list = append(list, answered("M08", "changed after signing: "+change.name+", "+way.name, invalid, func(_ Scene, a Answer) Answer {
				return a.Sign(way.what).Sealed(func(response *etree.Element) { change.edit(child(response, "Assertion")) })
			}))
		}
	}
	for _, change := range []struct {
		name string
		said func(*Answer)
		edit func(response *etree.Element, honest Answer)
	}{
		{"the Destination, which was another's", func(a *Answer) { a.Destination = "https://evil.test/acs" },
			func(r *etree.Element, honest Answer) { r.CreateAttr("Destination", honest.Destination) }},
		{"the InResponseTo, which was another's", func(a *Answer) { a.InResponseTo = "_another" },
			func(r *etree.Element, honest Answer) { r.CreateAttr("InResponseTo", honest.InResponseTo) }},
		{"the status, which was no success", func(a *Answer) { a.Status = []string{StatusResponder} },
			func(r *etree.Element, _ Answer) { find(r, "Status", "StatusCode").CreateAttr("Value", StatusSuccess) }},
	} {
		list = append(list, answered("M08", "put right on the way in a signed Response: "+change.name, invalid, func(_ Scene, a Answer) Answer {
			return a.Sign(SignResponse).With(change.said).Sealed(func(r *etree.Element) { change.edit(r, a) })
		}))
	}
	list = append(list,
		answered("M08", "the assertion's ID and the Reference changed together", invalid2, func(_ Scene, a Answer) Answer {
			return a.Sealed(func(response *etree.Element) {
				child(response, "Assertion").CreateAttr("ID", "_evil")
				find(signature(response), "SignedInfo", "Reference").CreateAttr("URI", "#_evil")
			})
		}),
		answered("M08", "the digest made right again after a change, the signature not", invalid2, func(s Scene, a Answer) Answer {
			return a.Sealed(func(response *etree.Element) {
				assertion := child(response, "Assertion")
				find(assertion, "Subject", "NameID").SetText("mallory")
				kept := unsign(assertion)
				fresh := s.IdP.sign(assertion, Signature{Key: Key(Stranger)})
				child(fresh, "SignatureValue").SetText(child(kept, "SignatureValue").Text())
			})
		}),
		answered("M08", "the signature of another assertion", codes(trace.SignatureStructure, trace.SignatureInvalid), func(s Scene, a Answer) Answer {
			return a.Sealed(func(response *etree.Element) {
				other := etree.NewDocument()
				must(other.ReadFromBytes(s.Respond(s.Answer())))
				assertion := child(response, "Assertion")
				unsign(assertion)
				insertAfter(assertion, "Issuer", find(other.Root(), "Assertion", "Signature").Copy())
			})
		}),
		answered("M08", "the signature of another assertion with the same ID", invalid, func(s Scene, a Answer) Answer {
			return a.With(func(a *Answer) { a.AssertionID = "_same" }).Sealed(func(response *etree.Element) {
				other := etree.NewDocument()
				must(other.ReadFromBytes(s.Respond(s.Answer().With(func(a *Answer) { a.AssertionID = "_same"; a.NameID.Value = "eve" }))))
				assertion := child(response, "Assertion")
				unsign(assertion)
				insertAfter(assertion, "Issuer", find(other.Root(), "Assertion", "Signature").Copy())
			})
		}),
	)
	return list
}

var invalid2 = codes(trace.SignatureInvalid, trace.UnknownKey)
