package samltest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/trace"
)

// Scene is one record and one browser that waits for a response: all that a
// verifier is given besides the message.
type Scene struct {
	Settings saml.Settings
	IdP      *IdP
	SP       saml.SP
	Expect   saml.Expect
}

// NewScene is the usual one: a provider under https://idp.example.test/saml, the
// record "corp" at https://login.example.test with a present and an old key,
// and one request sent a minute before now.
func NewScene(now time.Time) Scene {
	return SceneFor(NewIdP("https://idp.example.test/saml"), now)
}

// SceneFor is NewScene with another provider.
func SceneFor(idp *IdP, now time.Time) Scene {
	settings := idp.Settings()
	return Scene{
		Settings: settings,
		IdP:      idp,
		SP:       settings.SP("corp", "https://login.example.test", []saml.Key{Key(Service), Key(OldService)}),
		Expect: saml.Expect{
			Now:      now,
			Requests: []saml.Request{{ID: "_request-1", Issued: now.Add(-time.Minute)}},
		},
	}
}

// Answer is the honest answer of this scene: about ada, in two groups.
func (s Scene) Answer() Answer {
	a := For(s.SP).At(s.Expect.Now)
	if len(s.Expect.Requests) > 0 {
		a = a.To(s.Expect.Requests[0])
	}
	if s.Expect.ACS != "" {
		a.Destination, a.Confirmations[0].Recipient = s.Expect.ACS, s.Expect.ACS
	}
	return a.Person("ada").Attribute("groups", "ops", "admins")
}

// Respond writes an answer in this scene's name.
func (s Scene) Respond(a Answer) []byte { return s.IdP.Response(a) }

// Style is a response that must be accepted, and what must come out of it.
type Style struct {
	Scene
	Name    string
	Message []byte
	// Want is the whole assertion, but for Until.
	Want saml.Assertion
	// Plain says that gosaml2 can be asked for its opinion: nothing in the
	// style is known to be beyond it.
	Plain bool
}

// Attack is a response that must be refused.
type Attack struct {
	Scene
	Name string // a sentence; unique
	Rule string // the requirement that refuses it, as in "M06"
	// Codes are the codes that may explain the refusal: more than one where the
	// order of checks decides.
	Codes   []trace.Code
	Message []byte
	// Changed says that Scene is not the one the attacks were asked for: the
	// message only makes sense to a record with these settings.
	Changed bool
}

// Disguise is an honest response in another spelling. It may be refused, but
// whoever accepts it must read the same assertion as in [Style.Want].
type Disguise = Style

// Want is the assertion that an honest reader finds in the answer, when the key
// called signedBy has signed it.
func (s Scene) Want(a Answer, signedBy saml.Key) saml.Assertion {
	fingerprint := sha256.Sum256(signedBy.Certificate.Raw)
	want := saml.Assertion{
		ID:           a.AssertionID,
		Issuer:       s.IdP.EntityID,
		NameID:       a.NameID,
		SessionIndex: or(a.SessionIndex, "_session-1"),
		AuthnContext: a.Context,
		AuthnInstant: s.told(a.AuthnInstant),
		IssueInstant: s.told(a.Issued),
		InResponseTo: a.InResponseTo,
		SessionUntil: s.told(a.SessionUntil),
		SignedBy:     hex.EncodeToString(fingerprint[:]),
		Encrypted:    a.Encryption != nil,
	}
	if a.Context == Absent {
		want.AuthnContext = ""
	}
	if a.SessionIndex == Absent {
		want.SessionIndex = ""
	}
	for _, sent := range a.Attributes {
		if strings.HasPrefix(sent.Name, "@") {
			continue
		}
		found := slices.IndexFunc(want.Attributes, func(known rules.Attribute) bool { return known.Name == sent.Name })
		if found < 0 {
			want.Attributes = append(want.Attributes, rules.Attribute{Name: sent.Name})
			found = len(want.Attributes) - 1
		}
		want.Attributes[found].Values = append(want.Attributes[found].Values, sent.Values...)
	}
	return want
}

// told is an instant as precisely as the provider's layout tells it.
func (s Scene) told(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	layout := or(s.IdP.Dialect.Time, "2006-01-02T15:04:05Z07:00")
	zone := s.IdP.Dialect.Zone
	if zone == nil {
		zone = time.UTC
	}
	read, err := time.Parse(layout, at.In(zone).Format(layout))
	must(err)
	return read.UTC()
}
