package samltest_test

import (
	"bytes"
	"crypto/rsa"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// The sentence of the package comment, and what each of its words puts where.
func TestAnAnswerReadsLikeASentence(t *testing.T) {
	idp := samltest.NewIdP("https://idp.example.test/saml")
	sp := saml.Settings{}.SP("corp", "https://login.example.test", nil)
	request := saml.Request{ID: "_asked"}
	message := string(idp.Response(samltest.For(sp).To(request).At(now).
		Person("ada").Attribute("groups", "ops", "admins").
		Sign(samltest.SignAssertion)))
	for _, want := range []string{
		`Destination="https://login.example.test/saml/corp/acs"`,
		`Recipient="https://login.example.test/saml/corp/acs"`,
		`<saml:Audience>https://login.example.test/saml/corp/metadata</saml:Audience>`,
		`InResponseTo="_asked"`,
		`IssueInstant="2026-03-14T09:26:53Z"`,
		`NotBefore="2026-03-14T09:26:23Z"`,
		`>ada</saml:NameID>`,
		`<saml:AttributeValue>ada@example.test</saml:AttributeValue>`,
		`<saml:AttributeValue>ops</saml:AttributeValue><saml:AttributeValue>admins</saml:AttributeValue>`,
		`<ds:SignatureValue>`,
	} {
		if !strings.Contains(message, want) {
			t.Errorf("no %s in\n%s", want, message)
		}
	}
	if got := strings.Count(message, "<ds:Signature "); got != 1 {
		t.Errorf("%d signatures, want 1", got)
	}
}

// An Answer is a value: a branch does not change the trunk it grew from.
func TestABranchOfAnAnswerLeavesTheTrunkAlone(t *testing.T) {
	scene := samltest.NewScene(now)
	trunk := scene.Answer().With(func(a *samltest.Answer) { a.ID, a.AssertionID = "_r", "_a" }).Sign(samltest.SignNothing)
	before := scene.Respond(trunk)
	for _, branch := range []samltest.Answer{
		trunk.Attribute("one", "1"), trunk.Attribute("two", "2"),
		trunk.To(saml.Request{ID: "_other"}), trunk.At(now.Add(time.Hour)),
		trunk.Person("eve"), trunk.Sign(samltest.SignBoth), trunk.Encrypt(samltest.Encryption{}),
		trunk.Draft(func(response *etree.Element) { response.CreateAttr("Consent", "x") }),
		trunk.Sealed(func(response *etree.Element) { response.CreateAttr("Consent", "x") }),
		trunk.With(func(a *samltest.Answer) {
			a.Audiences[0] = []string{"x"}
			a.Confirmations[0].Recipient = "x"
			a.Attributes[0].Name = "x"
		}),
	} {
		if bytes.Equal(scene.Respond(branch), before) {
			t.Error("a branch says the same as the trunk")
		}
	}
	if after := scene.Respond(trunk); !bytes.Equal(after, before) {
		t.Errorf("the trunk has changed:\n%s\n%s", before, after)
	}
}

func TestEveryAnswerHasFreshIDs(t *testing.T) {
	scene := samltest.NewScene(now)
	ids := regexp.MustCompile(` ID="([^"]+)"`)
	seen := map[string]bool{}
	for range 10 {
		for _, id := range ids.FindAllStringSubmatch(string(scene.Respond(scene.Answer())), -1) {
			if seen[id[1]] {
				t.Errorf("%s twice", id[1])
			}
			seen[id[1]] = true
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d IDs in 10 responses, want 20", len(seen))
	}
}

func TestKeysAreWhatTheirNamesSay(t *testing.T) {
	for _, name := range []samltest.KeyName{samltest.Signer, samltest.NextSigner, samltest.Stranger, samltest.Impostor,
		samltest.Service, samltest.OldService, samltest.Short, samltest.Expired} {
		key := samltest.Key(name)
		bits := 2048
		if name == samltest.Short {
			bits = 1024
		}
		if got := key.Private.N.BitLen(); got != bits {
			t.Errorf("%s has %d bits, want %d", name, got, bits)
		}
		if !key.Certificate.PublicKey.(*rsa.PublicKey).Equal(key.Private.Public()) {
			t.Errorf("%s has somebody else's certificate", name)
		}
		if ended := key.Certificate.NotAfter.Before(now); ended != (name == samltest.Expired) {
			t.Errorf("%s: ended is %v", name, ended)
		}
		if !strings.Contains(key.Certificate.Subject.String(), "TEST KEY") {
			t.Errorf("%s does not say that it is a test key", name)
		}
	}
	signer, impostor := samltest.Key(samltest.Signer).Certificate, samltest.Key(samltest.Impostor).Certificate
	if signer.Subject.String() != impostor.Subject.String() || signer.SerialNumber.Cmp(impostor.SerialNumber) != 0 {
		t.Error("the impostor's certificate does not look like the signer's")
	}
}

// Attacks and bombs are evidence only when each has a name, a requirement and
// codes that exist, and is not the honest message.
func TestAttacksAreWellFormed(t *testing.T) {
	scene := samltest.NewScene(now)
	known := map[trace.Code]bool{}
	for _, meaning := range trace.Meanings {
		known[meaning.Code] = true
	}
	rule := regexp.MustCompile(`^M\d\d$`)
	names := map[string]bool{}
	messages := map[string]string{}
	attacks := append(samltest.Attacks(scene), samltest.Bombs(scene)...)
	if len(attacks) < 500 {
		t.Errorf("only %d attacks", len(attacks))
	}
	for _, attack := range attacks {
		if names[attack.Name] {
			t.Errorf("two attacks are called %q", attack.Name)
		}
		names[attack.Name] = true
		if !rule.MatchString(attack.Rule) {
			t.Errorf("%s: rule %q", attack.Name, attack.Rule)
		}
		if len(attack.Codes) == 0 {
			t.Errorf("%s: no code", attack.Name)
		}
		for _, code := range attack.Codes {
			if !known[code] {
				t.Errorf("%s: no code is called %q", attack.Name, code)
			}
		}
		if other, ok := messages[string(attack.Message)]; ok {
			t.Errorf("%s and %s are the same message", attack.Name, other)
		}
		messages[string(attack.Message)] = attack.Name
	}
}

// The load driver makes thousands of responses: one must stay cheap. Bytes do
// not depend on how busy the machine is.
func TestAResponseIsCheapToMake(t *testing.T) {
	scene := samltest.NewScene(now)
	answer := scene.Answer().Attribute("many", samltest.Groups(20)...)
	scene.Respond(answer) // reads the key
	const times = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		scene.Respond(answer)
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / times; got > 256<<10 {
		t.Errorf("%d bytes for a response of 20 groups, want at most 256 KiB", got)
	}
}

func BenchmarkResponse(b *testing.B) {
	scene := samltest.NewScene(now)
	answer := scene.Answer().Attribute("many", samltest.Groups(20)...)
	b.ReportAllocs()
	for b.Loop() {
		scene.Respond(answer)
	}
}
