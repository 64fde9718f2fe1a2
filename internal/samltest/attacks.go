package samltest

import (
	"slices"
	"time"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/trace"
)

// attack is a family's entry before a scene makes a message of it.
type attack struct {
	name, rule string
	codes      []trace.Code
	record     func(*Scene) // what the record must be like for the attack to make sense; nil is any
	make       func(Scene) []byte
}

// Attacks are the hostile responses against one record, each to be refused.
// scene must accept its own honest [Scene.Answer] in every way of signing: the
// attacks are that answer with one thing wrong, so that only what the attack
// names can be what refuses it. The provider must write the usual [Dialect].
func Attacks(scene Scene) []Attack {
	var attacks []Attack
	for _, family := range []struct {
		attacks []attack
		hidden  bool // also where only decryption brings it to light
	}{
		{documents(), false}, {encodings(), false}, {roots(), false}, {signatures(), true}, {algorithms(), true}, {keys(), false},
		{tampering(), true}, {wrapping(), true}, {misplaced(), true}, {ciphers(), false}, {plaintexts(), false}, {identities(), false},
		{places(), false}, {confirmations(), false}, {windows(), false}, {audiences(), false}, {statements(), false}, {subjects(), false},
		{limits(), false}, {statuses(), false},
	} {
		for _, a := range family.attacks {
			s := scene
			// The scene is shared: what a record changes is copied first.
			s.Expect.Requests = slices.Clone(s.Expect.Requests)
			s.SP.Keys = slices.Clone(s.SP.Keys)
			if a.record != nil {
				a.record(&s)
			}
			made := Attack{Scene: s, Name: a.name, Rule: a.rule, Codes: a.codes, Message: a.make(s), Changed: a.record != nil}
			attacks = append(attacks, made)
			if !family.hidden {
				continue
			}
			if message, ok := s.hideAssertion(made.Message); ok {
				made.Message, made.Name = message, "encrypted: "+made.Name
				// What was moved outside of the ciphertext may be found first.
				made.Codes = append(slices.Clone(made.Codes), trace.DecryptionFailed, trace.SignatureInvalid, trace.ResponseStructure)
				attacks = append(attacks, made)
			}
		}
	}
	return attacks
}

// hideAssertion encrypts the one assertion of a finished message to the service,
// as anybody can who knows its certificate. It is false when there is not one.
func (s Scene) hideAssertion(message []byte) ([]byte, bool) {
	doc := etree.NewDocument()
	if doc.ReadFromBytes(message) != nil {
		return nil, false
	}
	var assertion *etree.Element
	for _, element := range doc.Root().ChildElements() {
		if element.Tag == "Assertion" && element.NamespaceURI() == nsAssertion {
			if assertion != nil {
				return nil, false
			}
			assertion = element
		}
	}
	if assertion == nil {
		return nil, false
	}
	s.IdP.encrypt(assertion, Encryption{}, s.SP)
	return write(doc), true
}

// Against returns the attacks that need no record of their own: those that any
// record like scene must refuse.
func Against(scene Scene) []Attack {
	return slices.DeleteFunc(Attacks(scene), func(a Attack) bool { return a.Changed })
}

func codes(list ...trace.Code) []trace.Code { return list }

// answered is an attack that is an answer: what the provider says, or what
// becomes of it on the way.
func answered(rule, name string, codes []trace.Code, change func(Scene, Answer) Answer) attack {
	return attack{name: name, rule: rule, codes: codes, make: func(s Scene) []byte {
		return s.Respond(change(s, s.Answer()))
	}}
}

// said is an attack by fields: the provider itself vouches for it.
func said(rule, name string, codes []trace.Code, change func(a *Answer)) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.With(change) })
}

// drafted is an attack by XML that the provider itself vouches for.
func drafted(rule, name string, codes []trace.Code, edit func(response *etree.Element)) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.Draft(edit) })
}

// sealed is an attack on the way: the assertion has been signed.
func sealed(rule, name string, codes []trace.Code, edit func(response *etree.Element)) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.Sealed(edit) })
}

// wired is an attack by bytes on the way.
func wired(rule, name string, codes []trace.Code, edit func([]byte) []byte) attack {
	return answered(rule, name, codes, func(_ Scene, a Answer) Answer { return a.Wire(edit) })
}

// under gives an attack a record of its own.
func (a attack) under(record func(*Scene)) attack {
	a.record = record
	return a
}

// ways names the three ways to sign.
var ways = []struct {
	name string
	what Signed
}{{"assertion signed", SignAssertion}, {"response signed", SignResponse}, {"both signed", SignBoth}}

// mallory makes an evil twin of an assertion: unsigned, about somebody else,
// with an ID of its own.
func mallory(assertion *etree.Element) *etree.Element {
	twin := detach(assertion)
	unsign(twin)
	twin.CreateAttr("ID", NewID())
	find(twin, "Subject", "NameID").SetText("mallory")
	for _, attribute := range child(twin, "AttributeStatement").ChildElements() {
		child(attribute, "AttributeValue").SetText("mallory")
	}
	return twin
}

func unsign(element *etree.Element) *etree.Element {
	for _, child := range element.ChildElements() {
		if child.Tag == "Signature" {
			element.RemoveChild(child)
			return child
		}
	}
	return nil
}

// skewed is how far the scene's clock may be off.
func (s Scene) skewed() time.Duration {
	return min(s.Settings.ClockSkew, saml.MaxClockSkew)
}

// insertAfter puts element straight after the first child called tag.
func insertAfter(parent *etree.Element, tag string, element *etree.Element) {
	parent.InsertChildAt(child(parent, tag).Index()+1, element)
}
