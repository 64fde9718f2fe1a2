package samltest

import (
	"slices"
	"strings"
)

// Seeds are a few small messages for fuzzers to begin with, by name. All of them
// vouch for the same ada in the same groups, or try to change that, so that
// whatever a fuzzer makes of them and gets accepted must still say so: their
// names begin with "honest" when they are accepted as they are.
func Seeds(scene Scene) map[string][]byte {
	seeds := map[string][]byte{}
	for _, way := range ways {
		name := "honest " + way.name
		seeds[name] = scene.Respond(scene.Answer().Sign(way.what))
		seeds[name+", encrypted"] = scene.Respond(scene.Answer().Sign(way.what).Encrypt(Encryption{}))
	}
	for _, dialect := range []struct {
		name string
		Dialect
	}{
		{"default namespaces", Dialect{Assertion: NoPrefix, Signature: NoPrefix}},
		{"lean", Dialect{Lean: true}},
		{"typed values", Dialect{Type: "xs:string", TypesOnRoot: true}},
		{"indented", Dialect{Indent: 1, Declaration: `version="1.0" encoding="UTF-8"`}},
	} {
		spoken := scene
		idp := *scene.IdP
		idp.Dialect = dialect.Dialect
		spoken.IdP = &idp
		seeds["honest "+dialect.name] = spoken.Respond(spoken.Answer().SignWith(Signature{KeyInfo: ShowNothing}))
	}
	prefixed := Signature{Transforms: []Transform{{Algorithm: Enveloped}, {Algorithm: Exclusive, PrefixList: "#default xs saml"}}}
	seeds["honest PrefixList"] = scene.Respond(scene.Answer().Sign(SignBoth).SignWith(prefixed))
	for _, attack := range Against(scene) {
		if slices.ContainsFunc(seedAttacks, func(start string) bool { return strings.HasPrefix(attack.Name, start) }) && len(attack.Message) < 16<<10 {
			seeds[attack.Name] = attack.Message
		}
	}
	return seeds
}

// seedAttacks are beginnings of names: one or two of each kind that a small
// change could bring nearer to acceptance.
var seedAttacks = []string{
	"XSW 1", "XSW 3", "XSW 4", "XSW 6", "XSW 8", "the signed assertion in an AttributeValue of the evil one, with an ID",
	"a comment that cuts", "two SignedInfos, the signed one first", "the Signature beside", "nothing signed", "an empty document type",
	"changed after signing: the NameID, assertion", "an unsolicited assertion in", "encrypted, for another audience", "a GCM tag",
	"HMAC-SHA256 with the certificate as", "a Response around the Response", "a colon at the end of an attribute",
}
