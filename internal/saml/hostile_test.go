package saml_test

import (
	"bytes"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

// now is the verifier's clock in these tests.
var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// verifierOf is the verifier of the scene's record.
func verifierOf(s samltest.Scene) *saml.Verifier {
	verifier, err := saml.NewVerifier(s.Settings, s.IdP.SAML(), s.SP)
	if err != nil {
		panic(err)
	}
	return verifier
}

// What every test walks over is made once: it takes a second.
var (
	attacks = sync.OnceValue(func() []samltest.Attack { return samltest.Attacks(samltest.NewScene(now)) })
	bombs   = sync.OnceValue(func() []samltest.Attack { return samltest.Bombs(samltest.NewScene(now)) })
	styles  = sync.OnceValue(func() []samltest.Style { return samltest.Styles(now) })
)

// judge verifies a message as the scene's record does.
func judge(s samltest.Scene, message []byte) saml.Verification {
	return verifierOf(s).Verify(message, s.Expect)
}

// ways are the three ways to sign, for tests that try them all.
var ways = []struct {
	name string
	what samltest.Signed
}{{"assertion signed", samltest.SignAssertion}, {"response signed", samltest.SignResponse}, {"both signed", samltest.SignBoth}}

// Without this, a verifier that refuses everything would pass all that follows.
func TestTheScenesOfTheAttacksAcceptHonestAnswers(t *testing.T) {
	scene := samltest.NewScene(now)
	for _, way := range ways {
		for _, encryption := range []*samltest.Encryption{nil, {}} {
			answer := scene.Answer().Sign(way.what)
			answer.Encryption = encryption
			if got := judge(scene, scene.Respond(answer)); !got.Accepted {
				t.Errorf("%s, encrypted %v: refused: %+v", way.name, encryption != nil, got.Steps.Refusal())
			}
		}
	}
}

// Every hostile family of samltest, M01 to M21. The rule that refuses stands in
// front of each name.
func TestHostileResponsesAreRefused(t *testing.T) {
	for _, attack := range attacks() {
		t.Run(attack.Rule+" "+attack.Name, func(t *testing.T) {
			refused(t, attack, judge(attack.Scene, attack.Message))
		})
	}
}

// A record that allows everything that can be allowed refuses all the same, but
// for what its switches are about: those, and no others, are let in.
func TestThePermissiveRecordLetsInOnlyWhatItsSwitchesSay(t *testing.T) {
	scene := samltest.NewScene(now)
	scene.Settings.AllowUnsolicited, scene.Settings.Signed = true, saml.SignedEither
	scene.Settings.LegacySHA1, scene.Settings.LegacyCBC, scene.Settings.LegacyInclusiveC14N = true, true, true
	permissive := verifierOf(scene)
	var in []string
	for _, attack := range attacks() {
		if !attack.Changed && permissive.Verify(attack.Message, attack.Expect).Accepted {
			in = append(in, attack.Name)
		}
	}
	want := []string{
		// LegacyInclusiveC14N; enveloped alone means inclusive by XML signature 4.4.3.2.
		"transforms: only enveloped",
		"transforms: inclusive 1.0 without the legacy switch",
		"transforms: inclusive 1.1 without the legacy switch",
		"SignedInfo canonicalised by inclusive 1.0 without the legacy switch",
		// LegacySHA1
		"RSA-SHA1 without the legacy switch",
		"a SHA-1 digest without the legacy switch",
		"SHA-1 for both without the legacy switch",
		// LegacyCBC
		"CBC in an unsigned Response without the legacy switch",
		"CBC with 256 bits in an unsigned Response without the legacy switch",
		// AllowUnsolicited
		"unsolicited, and the record does not allow it",
		"unsolicited and signed, and the record does not allow it",
	}
	for _, name := range in {
		if !slices.Contains(want, strings.TrimPrefix(name, "encrypted: ")) {
			t.Errorf("accepted: %s", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(in, name) {
			t.Errorf("refused, though a switch allows it: %s", name)
		}
	}
}

// refused checks a refusal: nothing comes out of it, its code is one that
// explains it, and its words are safe to show (M26).
func refused(t *testing.T, attack samltest.Attack, got saml.Verification) {
	t.Helper()
	if got.Accepted {
		t.Fatalf("accepted as %+v", got.Assertion)
	}
	if !reflect.DeepEqual(got.Assertion, saml.Assertion{}) {
		t.Errorf("refused, and yet there is an assertion: %+v", got.Assertion)
	}
	refusal := got.Steps.Refusal()
	if refusal == nil {
		t.Fatal("refused without a step that says why")
	}
	if !slices.Contains(attack.Codes, refusal.Code) {
		t.Errorf("code %q (%s: %s), want one of %q", refusal.Code, refusal.Name, refusal.Found, attack.Codes)
	}
	for _, text := range []string{refusal.Looked, refusal.Found} {
		if len(text) > 4096 {
			t.Errorf("a trace of %d bytes", len(text))
		}
		if strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("raw text from outside in the trace: %q", text)
		}
	}
}

// M05: a bomb is refused without a panic, and what it allocates grows with its
// size: at most 200 KB for each KiB. Processor time has the same shape; it is
// reported by the benchmarks, because a busy machine would make a test of it
// lie.
func TestM05BombsCostNoMoreThanTheirSize(t *testing.T) {
	verifier := verifierOf(samltest.NewScene(now))
	for _, bomb := range bombs() {
		t.Run(bomb.Rule+" "+bomb.Name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := verifier.Verify(bomb.Message, bomb.Expect)
			runtime.ReadMemStats(&after)
			refused(t, bomb, got)
			const perKiB = 200_000
			kib := float64(len(bomb.Message))/1024 + 1
			if allocated := float64(after.TotalAlloc - before.TotalAlloc); allocated > perKiB*kib {
				t.Errorf("%.0f KB for %.0f KiB of message", allocated/1000, kib)
			} else {
				t.Logf("%.1f KB for each of %.0f KiB", allocated/1000/kib, kib)
			}
		})
	}
}

// M01: two messages of the same make, one ten times as long, may differ in cost
// by little more than ten times: nothing is quadratic.
func TestM01CostIsLinearInTheLengthOfAResponse(t *testing.T) {
	scene := samltest.NewScene(now)
	verifier := verifierOf(scene)
	for _, shape := range []struct {
		name  string
		apart bool
	}{{"values of one attribute", false}, {"attribute elements of one value", true}} {
		allocated := func(n int) float64 {
			message := scene.Respond(scene.Answer().AttributeAs(samltest.Attribute{Name: "many", Values: samltest.Groups(n), Apart: shape.apart}))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := verifier.Verify(message, scene.Expect)
			runtime.ReadMemStats(&after)
			if !got.Accepted {
				t.Fatalf("%d %s: %+v", n, shape.name, got.Steps.Refusal())
			}
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		if few, many := allocated(500), allocated(5000); many > 15*few {
			t.Errorf("500 %s cost %.0f KB, 5,000 cost %.0f KB", shape.name, few/1000, many/1000)
		}
	}
}

// M02: the field is base64 in the standard alphabet, with line breaks and
// nothing else around it.
func TestM02AFieldThatIsNoBase64IsRefused(t *testing.T) {
	scene := samltest.NewScene(now)
	honest := scene.Respond(scene.Answer())
	limit := saml.DefaultLimits().Message
	fields := samltest.HostileFields(honest)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		message, step := saml.DecodePost(fields[name], limit)
		if step == nil {
			t.Errorf("%s: taken, %d bytes", name, len(message))
			continue
		}
		if step.Code != trace.MessageEncoding {
			t.Errorf("%s: code %q, want %q", name, step.Code, trace.MessageEncoding)
		}
	}
	for name, field := range map[string]string{
		"one line":           samltest.Base64(honest),
		"lines of 76":        lines(samltest.Base64(honest), 76, "\r\n"),
		"lines of 64":        lines(samltest.Base64(honest), 64, "\n"),
		"a break at the end": samltest.Base64(honest) + "\r\n",
	} {
		if message, step := saml.DecodePost(field, limit); step != nil || !bytes.Equal(message, honest) {
			t.Errorf("%s: refused: %+v", name, step)
		}
	}
}

// M01: what is longer than the limit is refused by its length.
func TestM01AFieldOverTheLimitIsRefused(t *testing.T) {
	const limit = 1000
	for _, tt := range []struct {
		length int
		taken  bool
	}{{limit, true}, {limit + 1, false}, {100 * limit, false}} {
		_, step := saml.DecodePost(samltest.Base64(make([]byte, tt.length)), limit)
		if taken := step == nil; taken != tt.taken {
			t.Errorf("%d bytes under a limit of %d: taken is %v", tt.length, limit, taken)
		} else if step != nil && step.Code != trace.MessageTooLarge {
			t.Errorf("%d bytes: code %q", tt.length, step.Code)
		}
	}
}

func lines(text string, length int, end string) string {
	var out strings.Builder
	for len(text) > length {
		out.WriteString(text[:length] + end)
		text = text[length:]
	}
	return out.String() + text
}

// M08, whatever the attack is called: whoever changes one bit of a message, at
// any place, gets a refusal or changes nothing that we read.
func TestM08NoBitCanBeChangedToAnotherMeaning(t *testing.T) {
	scene := samltest.NewScene(now)
	verifier := verifierOf(scene)
	for _, way := range ways {
		honest := scene.Respond(scene.Answer().Sign(way.what))
		want := verifier.Verify(honest, scene.Expect)
		// Letters of one case become the other's, so that most changes leave the
		// XML well-formed and reach the signature.
		accepted := 0
		for i := range honest {
			changed := bytes.Clone(honest)
			changed[i] ^= 0x20
			if i%7 == 0 {
				changed[i] = honest[i] ^ 0x01
			}
			got := verifier.Verify(changed, scene.Expect)
			if !got.Accepted {
				continue
			}
			accepted++
			if !reflect.DeepEqual(got.Assertion, want.Assertion) {
				t.Errorf("%s, byte %d, …%s…: accepted as %+v", way.name, i, honest[max(0, i-20):min(len(honest), i+20)], got.Assertion)
			}
		}
		t.Logf("%s: %d of %d changes are accepted and mean the same", way.name, accepted, len(honest))
	}
}

// M05: a message cut off anywhere is refused, and nothing panics.
func TestM05AMessageCutOffAnywhereIsRefused(t *testing.T) {
	scene := samltest.NewScene(now)
	verifier := verifierOf(scene)
	honest := scene.Respond(scene.Answer().Sign(samltest.SignBoth))
	for end := range honest {
		got := verifier.Verify(honest[:end], scene.Expect)
		if got.Accepted || got.Steps.Code() == trace.VerifierFailed {
			t.Errorf("cut at %d of %d: accepted %v, %q", end, len(honest), got.Accepted, got.Steps.Code())
		}
	}
}

// M06, M07, M08: every element and attribute of a signed message, taken away,
// doubled, moved to another place, put under another name: a refusal, or the
// same assertion as before.
func TestM06NoElementCanBeMovedToAnotherMeaning(t *testing.T) {
	edits := []struct {
		name string
		edit func(root, element *etree.Element) bool
	}{
		{"taken away", func(_, element *etree.Element) bool {
			element.Parent().RemoveChild(element)
			return true
		}},
		{"doubled", func(_, element *etree.Element) bool {
			element.Parent().InsertChildAt(element.Index(), element.Copy())
			return true
		}},
		{"doubled under the root", func(root, element *etree.Element) bool {
			root.AddChild(element.Copy())
			return true
		}},
		{"moved to the end of the root", func(root, element *etree.Element) bool {
			element.Parent().RemoveChild(element)
			root.AddChild(element)
			return true
		}},
		{"moved to the start of its parent", func(_, element *etree.Element) bool {
			parent := element.Parent()
			parent.RemoveChild(element)
			parent.InsertChildAt(0, element)
			return true
		}},
		{"wrapped in a copy of itself", func(_, element *etree.Element) bool {
			parent, place := element.Parent(), element.Index()
			outer := element.Copy()
			outer.Child = nil
			parent.RemoveChild(element)
			outer.AddChild(element)
			parent.InsertChildAt(place, outer)
			return true
		}},
		{"replaced by what is in it", func(_, element *etree.Element) bool {
			parent, place := element.Parent(), element.Index()
			children := element.ChildElements()
			parent.RemoveChild(element)
			for i, child := range children {
				parent.InsertChildAt(place+i, child)
			}
			return len(children) > 0
		}},
		{"renamed", func(_, element *etree.Element) bool {
			element.Tag += "X"
			return true
		}},
		{"in another namespace", func(_, element *etree.Element) bool {
			element.CreateAttr("xmlns:zz", "urn:zz")
			element.Space = "zz"
			return true
		}},
		{"emptied", func(_, element *etree.Element) bool {
			element.Child = nil
			return true
		}},
		{"with text in it", func(_, element *etree.Element) bool {
			element.CreateText("mallory")
			return true
		}},
		{"with the text of mallory", func(_, element *etree.Element) bool {
			if len(element.ChildElements()) > 0 {
				return false
			}
			element.SetText("mallory")
			return true
		}},
		{"without attributes", func(_, element *etree.Element) bool {
			element.Attr = slices.DeleteFunc(element.Attr, func(attr etree.Attr) bool { return attr.Space != "xmlns" && attr.Key != "xmlns" })
			return true
		}},
		{"with its attributes under a prefix", func(_, element *etree.Element) bool {
			element.CreateAttr("xmlns:zz", "urn:zz")
			for i := range element.Attr {
				if attr := &element.Attr[i]; attr.Space == "" && attr.Key != "xmlns" {
					attr.Space = "zz"
				}
			}
			return true
		}},
		{"with its attributes changed", func(_, element *etree.Element) bool {
			for i := range element.Attr {
				if attr := &element.Attr[i]; attr.Space == "" && attr.Key != "xmlns" {
					attr.Value += "x"
				}
			}
			return true
		}},
		{"with an attribute more", func(_, element *etree.Element) bool {
			element.CreateAttr("Mallory", "x")
			return true
		}},
	}
	scene := samltest.NewScene(now)
	verifier := verifierOf(scene)
	for _, way := range ways {
		honest := scene.Respond(scene.Answer().Sign(way.what))
		want := verifier.Verify(honest, scene.Expect)
		parse := func() (*etree.Document, []*etree.Element) {
			doc := etree.NewDocument()
			if err := doc.ReadFromBytes(honest); err != nil {
				t.Fatal(err)
			}
			return doc, doc.FindElements("//*")
		}
		_, all := parse()
		same := 0
		for i := range all {
			for _, edit := range edits {
				doc, elements := parse()
				path := elements[i].GetPath()
				if elements[i] == doc.Root() || !edit.edit(doc.Root(), elements[i]) {
					continue
				}
				message, err := doc.WriteToBytes()
				if err != nil {
					t.Fatal(err)
				}
				got := verifier.Verify(message, scene.Expect)
				switch {
				case !got.Accepted && got.Steps.Code() == trace.VerifierFailed:
					t.Errorf("%s: %s %s: the verifier failed", way.name, path, edit.name)
				case !got.Accepted:
				case !reflect.DeepEqual(got.Assertion, want.Assertion):
					t.Errorf("%s: %s %s: accepted as %+v", way.name, path, edit.name, got.Assertion)
				default:
					same++
				}
			}
		}
		t.Logf("%s: %d edits are accepted and mean the same", way.name, same)
	}
}

// M11: whatever is wrong with a ciphertext, the visitor and the caller see one
// refusal: same code, same step, same words. A difference would be an oracle.
func TestM11DecryptionFailsInOneWay(t *testing.T) {
	var first *trace.Step
	for _, attack := range attacks() {
		// What does not depend on the secret may be told apart: that the record has
		// no key, whom a ciphertext says it is for, and what stands in a plaintext
		// that its tag vouches for.
		if !slices.Equal(attack.Codes, []trace.Code{trace.DecryptionFailed}) || attack.SP.Keys == nil || attack.Rule != "M11" {
			continue
		}
		refusal := judge(attack.Scene, attack.Message).Steps.Refusal()
		if refusal == nil {
			t.Errorf("%s: accepted", attack.Name)
			continue
		}
		found, _, _ := strings.Cut(refusal.Found, "; it is encrypted to")
		seen := trace.Step{Name: refusal.Name, Code: refusal.Code, Looked: refusal.Looked, Found: found}
		if first == nil {
			first = &seen
		}
		if seen != *first {
			t.Errorf("%s: %+v, others: %+v", attack.Name, seen, *first)
		}
	}
	if first == nil {
		t.Fatal("nothing failed to decrypt")
	}
}

// Each requirement on a response has hostile messages that name it. M17 and M23
// are the login's (a used assertion, a cookie), M22 is the relay state's own.
func TestEveryRuleHasItsAttack(t *testing.T) {
	seen := map[string]int{}
	for _, attack := range slices.Concat(attacks(), bombs()) {
		seen[attack.Rule]++
	}
	for _, rule := range []struct {
		name, about string
		least       int
	}{
		{"M01", "size", 3}, {"M02", "no inflating", 1}, {"M03", "one plain XML document", 100}, {"M04", "no name that two parsers read in two ways", 5},
		{"M05", "cost", 4}, {"M06", "one assertion, one form of signature", 150}, {"M07", "no assertion or signature elsewhere", 5},
		{"M08", "only what was signed", 70}, {"M09", "only keys of the record", 15}, {"M10", "what must be signed", 15}, {"M11", "decryption", 50},
		{"M12", "version, ID, issuer", 20}, {"M13", "destination and recipient", 30}, {"M14", "one bearer confirmation", 10}, {"M15", "the request of this browser", 10},
		{"M16", "conditions and instants", 80}, {"M18", "the authentication context", 5}, {"M19", "the NameID", 15}, {"M20", "attributes", 5}, {"M21", "status", 10},
	} {
		if seen[rule.name] < rule.least {
			t.Errorf("%d attacks on %s (%s), want at least %d", seen[rule.name], rule.name, rule.about, rule.least)
		}
	}
}
