// Package samltest is an identity provider in memory that can also attack. It
// owns what tests, the demo and the load driver need from the other side of a
// login: responses in every style a real provider sends ([Styles]), every
// family of hostile response ([Attacks], [Bombs]), and spellings that mean the
// same ([Disguises]).
//
// A response is a value, an [Answer], that reads like a sentence and is
// written by an [IdP]:
//
//	idp := samltest.NewIdP("https://idp.example.test/saml")
//	message := idp.Response(samltest.For(sp).To(request).At(now).
//		Person("ada").Attribute("groups", "ops", "admins").
//		Sign(samltest.SignAssertion))
//
// Every knob that a rule of the verifier looks at is a field of Answer,
// Signature or Encryption; what no field says is said by editing the XML at one
// of four moments ([Answer.Draft], [Answer.Enclose], [Answer.Sealed],
// [Answer.Wire]).
//
// It leaves judging responses to saml and serving a login page to demo. A
// mistake in an Answer is a mistake in a test: it panics. The keys under
// testdata are public and prove nothing.
package samltest
