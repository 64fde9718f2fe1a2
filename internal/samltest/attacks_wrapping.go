package samltest

import (
	"github.com/beevik/etree"

	"idms/internal/trace"
)

// wrapping are the eight shapes of signature wrapping (Somorovsky and others,
// "On Breaking SAML", 2012) and their relatives: the signed element is kept
// somewhere, an evil one stands where it is read (M06, M07).
func wrapping() []attack {
	wrong := codes(trace.ResponseStructure, trace.SignatureStructure, trace.Unsigned, trace.SignatureInvalid)
	twice := append(codes(trace.XMLForbidden), wrong...)
	var list []attack
	for _, id := range []struct {
		name string
		keep bool
	}{{"an ID of its own", false}, {"the signed ID", true}} {
		expect := wrong
		if id.keep {
			expect = codes(trace.XMLForbidden)
		}
		// evil makes the twin of an assertion or of a whole response.
		evil := func(element *etree.Element) *etree.Element {
			if element.Tag == "Assertion" {
				twin := mallory(element)
				if id.keep {
					twin.CreateAttr("ID", element.SelectAttrValue("ID", ""))
				}
				return twin
			}
			twin := detach(element)
			unsign(twin)
			assertion := child(twin, "Assertion")
			place := assertion.Index()
			twin.RemoveChild(assertion)
			twin.InsertChildAt(place, mallory(child(element, "Assertion")))
			if !id.keep {
				twin.CreateAttr("ID", NewID())
			}
			return twin
		}
		swap := func(response, root *etree.Element) {
			// The document keeps its root element; it takes over what root is.
			response.Attr, response.Child, response.Space, response.Tag = root.Attr, nil, root.Space, root.Tag
			for _, token := range append([]etree.Token(nil), root.Child...) {
				response.AddChild(token)
			}
		}
		enveloped := func(name string, edit func(response *etree.Element)) attack {
			return answered("M06", name+", with "+id.name, expect, func(_ Scene, a Answer) Answer {
				return a.Sign(SignResponse).Sealed(edit)
			})
		}
		inner := func(name string, edit func(response *etree.Element)) attack {
			return answered("M06", name+", with "+id.name, expect, func(_ Scene, a Answer) Answer { return a.Sealed(edit) })
		}
		list = append(list,
			enveloped("XSW 1: the signed Response inside the evil Response's Signature", func(response *etree.Element) {
				original, signature := detach(response), child(response, "Signature").Copy()
				root := evil(response)
				unsign(original)
				signature.AddChild(original)
				insertAfter(root, "Issuer", signature)
				swap(response, root)
			}),
			enveloped("XSW 2: the signed Response beside the Signature in the evil Response", func(response *etree.Element) {
				original, signature := detach(response), child(response, "Signature").Copy()
				root := evil(response)
				unsign(original)
				insertAfter(root, "Issuer", signature)
				root.InsertChildAt(signature.Index(), original)
				swap(response, root)
			}),
			enveloped("the signed Response in an Object", func(response *etree.Element) {
				original, signature := detach(response), child(response, "Signature").Copy()
				root := evil(response)
				unsign(original)
				signature.CreateElement("ds:Object").AddChild(original)
				insertAfter(root, "Issuer", signature)
				swap(response, root)
			}),
			enveloped("the signed Response in Extensions of the evil one", func(response *etree.Element) {
				original, signature := detach(response), child(response, "Signature").Copy()
				root := evil(response)
				insertAfter(root, "Issuer", signature)
				extensions := etree.NewElement("samlp:Extensions")
				extensions.AddChild(original)
				insertAfter(root, "Signature", extensions)
				swap(response, root)
			}),
			inner("XSW 3: the evil assertion before the signed one", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				response.InsertChildAt(assertion.Index(), evil(assertion))
			}),
			inner("the evil assertion after the signed one", func(response *etree.Element) {
				response.AddChild(evil(child(response, "Assertion")))
			}),
			inner("XSW 4: the signed assertion inside the evil one", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				response.RemoveChild(assertion)
				twin.AddChild(assertion)
				response.AddChild(twin)
			}),
			inner("XSW 5: the Signature in the evil assertion, the signed one after it", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				insertAfter(twin, "Issuer", unsign(assertion))
				response.InsertChildAt(assertion.Index(), twin)
			}),
			inner("XSW 6: the signed assertion inside the Signature of the evil one", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				signature := unsign(assertion)
				response.RemoveChild(assertion)
				signature.AddChild(assertion)
				insertAfter(twin, "Issuer", signature)
				response.AddChild(twin)
			}),
			inner("XSW 7: the evil assertion in Extensions", func(response *etree.Element) {
				extensions := etree.NewElement("samlp:Extensions")
				extensions.AddChild(evil(child(response, "Assertion")))
				insertAfter(response, "Issuer", extensions)
			}),
			inner("the signed assertion in Extensions, the evil one in its place", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				response.RemoveChild(assertion)
				extensions := etree.NewElement("samlp:Extensions")
				extensions.AddChild(assertion)
				insertAfter(response, "Issuer", extensions)
				response.AddChild(twin)
			}),
			inner("XSW 8: the signed assertion in an Object of the evil one's Signature", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				signature := unsign(assertion)
				response.RemoveChild(assertion)
				signature.CreateElement("ds:Object").AddChild(assertion)
				insertAfter(twin, "Issuer", signature)
				response.AddChild(twin)
			}),
			inner("the signed assertion in KeyInfo of the evil one's Signature", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				signature := unsign(assertion)
				response.RemoveChild(assertion)
				child(signature, "KeyInfo").AddChild(assertion)
				insertAfter(twin, "Issuer", signature)
				response.AddChild(twin)
			}),
			inner("the signed assertion in the StatusDetail", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				response.RemoveChild(assertion)
				child(response, "Status").CreateElement("samlp:StatusDetail").AddChild(assertion)
				response.AddChild(twin)
			}),
			inner("the signed assertion in the evil one's Advice", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				response.RemoveChild(assertion)
				advice := etree.NewElement("saml:Advice")
				advice.AddChild(assertion)
				insertAfter(twin, "Conditions", advice)
				response.AddChild(twin)
			}),
			inner("the signed assertion in an AttributeValue of the evil one", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				response.RemoveChild(assertion)
				value := find(twin, "AttributeStatement", "Attribute", "AttributeValue")
				value.SetText("")
				value.AddChild(assertion)
				response.AddChild(twin)
			}),
			inner("the signed assertion in the SubjectConfirmationData of the evil one", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				response.RemoveChild(assertion)
				find(twin, "Subject", "SubjectConfirmation", "SubjectConfirmationData").AddChild(assertion)
				response.AddChild(twin)
			}),
			inner("the signed assertion wrapped in an EncryptedAssertion's EncryptedData", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				response.RemoveChild(assertion)
				holder := response.CreateElement("saml:EncryptedAssertion")
				declare(holder, "", "saml", nsAssertion)
				holder.AddChild(assertion)
				response.AddChild(twin)
			}),
			inner("the evil assertion named by a prefix that means SAML, the signed one by a prefix that means nothing", func(response *etree.Element) {
				assertion := child(response, "Assertion")
				twin := evil(assertion)
				hidden := etree.NewElement("x:Assertion")
				hidden.CreateAttr("xmlns:x", "urn:x")
				response.RemoveChild(assertion)
				hidden.AddChild(assertion)
				response.AddChild(hidden)
				response.AddChild(twin)
			}),
		)
	}
	list = append(list,
		answered("M06", "a signed Response with its own signed assertion, and the evil one beside it", codes(trace.ResponseStructure, trace.SignatureInvalid), func(_ Scene, a Answer) Answer {
			return a.Sign(SignBoth).Sealed(func(response *etree.Element) { response.AddChild(mallory(child(response, "Assertion"))) })
		}),
		answered("M06", "the Signature of the Response moved into the evil assertion", wrong, func(_ Scene, a Answer) Answer {
			return a.Sign(SignResponse).Sealed(func(response *etree.Element) {
				signature := unsign(response)
				assertion := child(response, "Assertion")
				twin := mallory(assertion)
				response.RemoveChild(assertion)
				insertAfter(twin, "Issuer", signature)
				response.AddChild(twin)
			})
		}),
		answered("M06", "the Signature of the assertion moved into the Response", wrong, func(_ Scene, a Answer) Answer {
			return a.Sealed(func(response *etree.Element) {
				insertAfter(response, "Issuer", unsign(child(response, "Assertion")))
			})
		}),
		answered("M06", "the Signature of the assertion moved into the Response, which takes over its ID", twice, func(_ Scene, a Answer) Answer {
			return a.Sealed(func(response *etree.Element) {
				assertion := child(response, "Assertion")
				insertAfter(response, "Issuer", unsign(assertion))
				response.CreateAttr("ID", assertion.SelectAttrValue("ID", ""))
				assertion.CreateAttr("ID", NewID())
				find(assertion, "Subject", "NameID").SetText("mallory")
			})
		}),
	)
	return list
}

// misplaced: exactly one assertion, and assertions and signatures only where
// the schema has them (M06, M07).
func misplaced() []attack {
	structure := codes(trace.ResponseStructure)
	either := codes(trace.ResponseStructure, trace.SignatureStructure)
	signedTwice := func(name string, place func(s Scene, response, second *etree.Element)) attack {
		return answered("M06", name, structure, func(s Scene, a Answer) Answer {
			return a.Enclose(func(response *etree.Element) {
				other := etree.NewDocument()
				must(other.ReadFromBytes(s.Respond(s.Answer())))
				place(s, response, child(other.Root(), "Assertion").Copy())
			})
		})
	}
	moved := func(name string, codes []trace.Code, move func(assertion, signature *etree.Element)) attack {
		return sealed("M06", name, codes, func(response *etree.Element) {
			assertion := child(response, "Assertion")
			move(assertion, unsign(assertion))
		})
	}
	return []attack{
		signedTwice("two assertions, both signed", func(_ Scene, response, second *etree.Element) { response.AddChild(second) }),
		answered("M06", "two assertions in a signed Response", structure, func(_ Scene, a Answer) Answer {
			return a.Sign(SignResponse).Draft(func(response *etree.Element) {
				response.AddChild(mallory(child(response, "Assertion")))
			})
		}),
		signedTwice("a plain and an encrypted assertion", func(s Scene, response, second *etree.Element) {
			response.AddChild(second)
			s.IdP.encrypt(second, Encryption{}, s.SP)
		}),
		answered("M06", "two encrypted assertions", structure, func(s Scene, a Answer) Answer {
			return a.Encrypt(Encryption{}).Sealed(func(response *etree.Element) {
				holder := child(response, "EncryptedAssertion")
				second := holder.Copy()
				for _, data := range second.FindElements(".//*[@Id]") {
					data.CreateAttr("Id", NewID())
				}
				response.AddChild(second)
			})
		}),
		sealed("M06", "no assertion", structure, func(response *etree.Element) { response.RemoveChild(child(response, "Assertion")) }),
		answered("M06", "no assertion in a signed Response", structure, func(_ Scene, a Answer) Answer {
			return a.Sign(SignResponse).Draft(func(response *etree.Element) { response.RemoveChild(child(response, "Assertion")) })
		}),
		sealed("M06", "an assertion one level too deep", structure, func(response *etree.Element) {
			assertion := child(response, "Assertion")
			response.RemoveChild(assertion)
			wrapper := response.CreateElement("samlp:Wrapper")
			wrapper.AddChild(assertion)
		}),
		sealed("M06", "an assertion of SAML 1.1 beside ours", structure, func(response *etree.Element) {
			old := response.CreateElement("old:Assertion")
			old.CreateAttr("xmlns:old", "urn:oasis:names:tc:SAML:1.0:assertion")
		}),
		sealed("M06", "an element that a Response does not have", structure, func(response *etree.Element) {
			response.CreateElement("samlp:Evil")
		}),
		sealed("M06", "text in the Response", structure, func(response *etree.Element) { response.CreateText("evil") }),
		sealed("M06", "two Issuers in the Response", structure, func(response *etree.Element) {
			insertAfter(response, "Issuer", child(response, "Issuer").Copy())
		}),
		sealed("M06", "the Issuer after the Status", structure, func(response *etree.Element) {
			issuer := child(response, "Issuer")
			response.RemoveChild(issuer)
			insertAfter(response, "Status", issuer)
		}),
		sealed("M06", "two Statuses", structure, func(response *etree.Element) {
			insertAfter(response, "Status", child(response, "Status").Copy())
		}),
		sealed("M06", "no Status", codes(trace.ResponseStructure, trace.IdPStatus), func(response *etree.Element) {
			response.RemoveChild(child(response, "Status"))
		}),
		sealed("M06", "the Status after the assertion", structure, func(response *etree.Element) {
			status := child(response, "Status")
			response.RemoveChild(status)
			response.AddChild(status)
		}),
		sealed("M06", "Extensions twice", structure, func(response *etree.Element) {
			insertAfter(response, "Issuer", etree.NewElement("samlp:Extensions"))
			insertAfter(response, "Issuer", etree.NewElement("samlp:Extensions"))
		}),
		moved("the Signature at the end of the assertion", either, func(assertion, signature *etree.Element) {
			assertion.AddChild(signature)
		}),
		moved("the Signature before the Issuer", either, func(assertion, signature *etree.Element) {
			assertion.InsertChildAt(0, signature)
		}),
		moved("the Signature in the Subject", either, func(assertion, signature *etree.Element) {
			child(assertion, "Subject").AddChild(signature)
		}),
		moved("the Signature in an AttributeValue", either, func(assertion, signature *etree.Element) {
			find(assertion, "AttributeStatement", "Attribute", "AttributeValue").AddChild(signature)
		}),
		moved("the Signature in Advice", codes(trace.ResponseStructure, trace.SignatureStructure, trace.Unsigned), func(assertion, signature *etree.Element) {
			advice := etree.NewElement("saml:Advice")
			advice.AddChild(signature)
			insertAfter(assertion, "Conditions", advice)
		}),
		sealed("M06", "the Signature beside the assertion", either, func(response *etree.Element) {
			response.AddChild(unsign(child(response, "Assertion")))
		}),
		sealed("M06", "the Signature in the Status", either, func(response *etree.Element) {
			child(response, "Status").AddChild(unsign(child(response, "Assertion")))
		}),
		sealed("M07", "a second Signature in Extensions", either, func(response *etree.Element) {
			extensions := etree.NewElement("samlp:Extensions")
			extensions.AddChild(signature(response).Copy())
			insertAfter(response, "Issuer", extensions)
		}),
		sealed("M07", "a second Signature in StatusDetail", either, func(response *etree.Element) {
			child(response, "Status").CreateElement("samlp:StatusDetail").AddChild(signature(response).Copy())
		}),
		sealed("M07", "an unsigned assertion deep inside Extensions", structure, func(response *etree.Element) {
			extensions := etree.NewElement("samlp:Extensions")
			deep := extensions
			for range 10 {
				deep = deep.CreateElement("x:x")
				deep.CreateAttr("xmlns:x", "urn:x")
			}
			deep.AddChild(mallory(child(response, "Assertion")))
			insertAfter(response, "Issuer", extensions)
		}),
		sealed("M07", "an EncryptedAssertion in StatusDetail", structure, func(response *etree.Element) {
			holder := child(response, "Status").CreateElement("samlp:StatusDetail").CreateElement("saml:EncryptedAssertion")
			declare(holder, "", "saml", nsAssertion)
		}),
		drafted("M07", "an assertion in an AttributeValue, signed so", structure, func(response *etree.Element) {
			value := find(response, "Assertion", "AttributeStatement", "Attribute", "AttributeValue")
			value.SetText("")
			value.AddChild(mallory(child(response, "Assertion")))
		}),
		drafted("M07", "an assertion in SubjectConfirmationData, signed so", structure, func(response *etree.Element) {
			find(response, "Assertion", "Subject", "SubjectConfirmation", "SubjectConfirmationData").AddChild(mallory(child(response, "Assertion")))
		}),
		drafted("M07", "an assertion straight inside the assertion, signed so", structure, func(response *etree.Element) {
			child(response, "Assertion").AddChild(mallory(child(response, "Assertion")))
		}),
		answered("M07", "an assertion in the Extensions of a signed Response, signed so", structure, func(_ Scene, a Answer) Answer {
			return a.Sign(SignResponse).Draft(func(response *etree.Element) {
				extensions := etree.NewElement("samlp:Extensions")
				extensions.AddChild(mallory(child(response, "Assertion")))
				insertAfter(response, "Issuer", extensions)
			})
		}),
		answered("M07", "a Signature inside the NameID, signed so", either, func(s Scene, a Answer) Answer {
			return a.Sign(SignResponse).Draft(func(response *etree.Element) {
				inner := find(response, "Assertion", "Subject", "NameID").CreateElement("ds:Signature")
				inner.CreateAttr("xmlns:ds", nsSignature)
			})
		}),
		drafted("M08", "two Subjects", codes(trace.ResponseStructure, trace.SubjectConfirmation, trace.NameID), func(response *etree.Element) {
			insertAfter(child(response, "Assertion"), "Subject", child(child(response, "Assertion"), "Subject").Copy())
		}),
		drafted("M08", "two Issuers in the assertion", codes(trace.ResponseStructure, trace.IssuerMismatch), func(response *etree.Element) {
			insertAfter(child(response, "Assertion"), "Issuer", child(child(response, "Assertion"), "Issuer").Copy())
		}),
		drafted("M08", "two Issuers in the assertion, the second a stranger's", codes(trace.ResponseStructure, trace.IssuerMismatch), func(response *etree.Element) {
			second := child(child(response, "Assertion"), "Issuer").Copy()
			second.SetText("https://stranger.test")
			insertAfter(child(response, "Assertion"), "Issuer", second)
		}),
	}
}
