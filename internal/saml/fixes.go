package saml

import (
	"bytes"
	"crypto/x509"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/beevik/etree"

	"idms/internal/trace"
)

// What to change so that a refused response would have been taken (S61). Where it
// can be known, a fix names the value: of the record's field, of the provider's
// setting, or of both, either of which is enough.

// The settings of a provider, in the words of most of them.
const (
	settingACS        = "ACS URL (reply URL, single sign-on URL)"
	settingIdentifier = "entity ID of this service (audience, identifier, SP issuer)"
	settingSigning    = "what is signed"
	settingAlgorithm  = "signature algorithm"
	settingCipher     = "encryption algorithm"
	settingEncryption = "encryption certificate of this service"
	settingProfile    = "profile"
	settingBinding    = "response binding"
	settingNameID     = "NameID (name identifier, subject)"
	settingAttributes = "attributes and groups that are sent"
	settingClock      = "clock of the server"
	settingAssigned   = "people assigned to this application"

	webBrowserSSO = "SAML 2.0 Web Browser SSO, confirmed by bearer"
)

// difference tells how what came differs from what was wanted, when it is little
// that somebody may overlook: a sentence and a space after it, or "".
func difference(came, want string) string {
	switch {
	case came == "" || came == want:
		return ""
	case strings.TrimRight(came, "/") == strings.TrimRight(want, "/"):
		return "The two differ only in the slash at the end. "
	case strings.EqualFold(came, want):
		return "The two differ only in upper and lower case. "
	}
	a, errA := url.Parse(came)
	b, errB := url.Parse(want)
	if errA != nil || errB != nil || a.Host == "" || b.Host == "" {
		return ""
	}
	if key := recordIn(a); a.Host == b.Host && key != "" && recordIn(b) != "" && key != recordIn(b) {
		return "It is an address of another record, " + shown(key) + ". "
	}
	instead := func(what, came, want string) string {
		if came == "" {
			came = "none"
		}
		if want == "" {
			want = "none"
		}
		return "The two differ only in the " + what + ": " + shown(came) + " instead of " + shown(want) + ". "
	}
	switch rest := a.EscapedPath() == b.EscapedPath() && a.RawQuery == b.RawQuery; {
	case !rest:
		return ""
	case a.Host == b.Host:
		return instead("scheme", a.Scheme, b.Scheme)
	case a.Hostname() == b.Hostname() && a.Scheme == b.Scheme:
		return instead("port", a.Port(), b.Port())
	case a.Scheme == b.Scheme:
		return instead("host", a.Host, b.Host)
	}
	return ""
}

var recordAddress = regexp.MustCompile(`^/saml/([^/]+)/(?:acs|metadata|login)/?$`)

// recordIn is the key of the record that an address of this service belongs to,
// "" for any other address.
func recordIn(address *url.URL) string {
	if match := recordAddress.FindStringSubmatch(address.Path); match != nil {
		return match[1]
	}
	return ""
}

// enterACS says what to do at the provider, which thinks that our address is
// another: came, or "" when it named none.
func (r *run) enterACS(came string) *trace.Fix {
	return &trace.Fix{
		Say:   difference(came, r.v.sp.ACS) + "At the provider, enter " + r.v.sp.ACS + " as this service's ACS (reply, single sign-on) URL, letter for letter.",
		There: &trace.Setting{Name: settingACS, Value: r.v.sp.ACS},
	}
}

// fixPlace is for a response that was posted to an address of this service
// which the record does not have, or no longer.
func (r *run) fixPlace() *trace.Fix {
	fix := r.enterACS("")
	at, err := url.Parse(r.acs)
	if err != nil || at.Host == "" {
		return fix
	}
	fix.Field, fix.Present = "saml.previous_origins", strings.Join(r.v.settings.PreviousOrigins, ", ")
	fix.Suggested = at.Scheme + "://" + at.Host
	fix.Say = "The provider posts to an address that is not this record's, or no longer. " + fix.Say +
		" Until that is done, list " + fix.Suggested + " among the previous origins."
	return fix
}

func (r *run) fixIssuer(came string) *trace.Fix {
	return &trace.Fix{
		Field: "saml.issuer", Present: r.v.idp.EntityID, Suggested: suggestible(came),
		Say: difference(came, r.v.idp.EntityID) +
			"A key of the record has signed this: if it is the right provider, put its issuer into Identity Provider Issuer.",
	}
}

// enterIdentifier says what to do at a provider that takes this service for
// another.
func (r *run) enterIdentifier() *trace.Fix {
	return &trace.Fix{
		Say:   "At the provider, enter " + r.v.sp.Audience + " as audience (entity ID of this service).",
		There: &trace.Setting{Name: settingIdentifier, Value: r.v.sp.Audience},
	}
}

func (r *run) fixAudience(came []string) *trace.Fix {
	fix := r.enterIdentifier()
	if len(came) != 1 {
		fix.Field, fix.Present = "saml.audience", r.v.settings.Audience
		return fix
	}
	if at, err := url.Parse(came[0]); err == nil && came[0] != r.v.sp.ACS && came[0] != r.v.sp.EntityID {
		own, _ := url.Parse(r.v.sp.LoginURL)
		if key := recordIn(at); own != nil && at.Host == own.Host && key != "" && key != recordIn(own) {
			fix.Say = "The audience that came belongs to another record, " + shown(key) + ": the provider has mixed up two of its applications. " + fix.Say
			return fix
		}
	}
	fix.Field, fix.Present, fix.Suggested = "saml.audience", r.v.settings.Audience, suggestible(came[0])
	switch came[0] {
	case r.v.sp.ACS, r.acs:
		fix.Say = "The audience that came is this record's ACS URL: put it into Audience URI, or enter " + r.v.sp.Audience + " as audience at the provider."
	case r.v.sp.EntityID:
		fix.Say = "The audience that came is this record's Service Provider Issuer: empty Audience URI, or enter " + r.v.sp.Audience + " as audience at the provider."
	default:
		fix.Say = difference(came[0], r.v.sp.Audience) + fix.Say + " Or put the audience that came into Audience URI, if it means this service."
	}
	return fix
}

// fixClock is for an instant that is on the wrong side of now. The provider wrote
// its own clock into IssueInstant, which tells whether the two differ or the
// answer was only long on its way; and its answer is not older than our request.
func (r *run) fixClock(limit time.Time) *trace.Fix {
	now := r.want.Now
	late := !limit.After(now)
	fix := &trace.Fix{Field: "saml.clock_skew", Present: skewText(r.v.settings.ClockSkew)}
	apart := limit.Sub(now)
	if late {
		apart = now.Sub(limit) + time.Microsecond // the end itself is outside
	}
	if enough := (apart + time.Minute - 1).Truncate(time.Minute); enough <= MaxClockSkew {
		fix.Suggested = skewText(enough)
	}

	issued := r.result.IssueInstant
	asked := time.Time{}
	for _, request := range r.want.Requests {
		if inResponseTo, _ := attribute(r.response.element, "InResponseTo"); inResponseTo == request.ID {
			asked = request.Issued
		}
	}
	behind := now.Sub(issued).Round(time.Second).String()
	switch {
	case issued.IsZero():
		fix.Say = "Set both clocks by NTP."
	case issued.Sub(now) >= time.Second:
		fix.Say = "The provider's clock is " + issued.Sub(now).Round(time.Second).String() + " ahead of this one: it said " + moment(issued) + " when it was " + moment(now) + " here."
	case late && !asked.IsZero() && asked.Sub(issued) >= time.Second:
		fix.Say = "The provider's clock is " + behind + " behind this one: it said " + moment(issued) + " when it was " + moment(now) + " here, and its answer would be older than the question."
	case late && !asked.IsZero():
		fix.Suggested = ""
		fix.Say = "The clocks seem to agree; the answer of " + moment(issued) + " was " + behind + " on its way to " + moment(now) + ". Begin again; if it happens often, let the provider make assertions that last longer."
		return fix
	case late:
		fix.Say = "Either the provider's clock is " + behind + " behind this one, or its answer was so long on its way: it said " + moment(issued) + ", and it is " + moment(now) + " here."
	default:
		fix.Say = "The provider makes assertions that begin later than they are issued."
	}
	fix.There = &trace.Setting{Name: settingClock, Value: "set by NTP"}
	if fix.Suggested == "" {
		fix.Say += " That is more than any skew may allow: find out which of the two clocks is wrong, and set it by NTP."
	} else {
		fix.Say += " Set both clocks by NTP, or allow a skew of " + fix.Suggested + "."
	}
	return fix
}

// skewText is a skew as the record file has it: 3m and not 3m0s.
func skewText(skew time.Duration) string {
	text := skew.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// fixProfile is for an assertion that lacks what the Web Browser SSO profile
// demands (profiles 4.1.4.2).
func fixProfile(what string) *trace.Fix {
	return &trace.Fix{
		Say:   "The profile Web Browser SSO demands one " + what + ": let the provider use that profile for this service.",
		There: &trace.Setting{Name: settingProfile, Value: webBrowserSSO},
	}
}

func (r *run) fixNameID() *trace.Fix {
	there := &trace.Setting{Name: settingNameID, Value: r.v.settings.NameIDFormat}
	if there.Value == "" {
		there.Value = "any value that stays with the person, such as a persistent one"
	}
	return &trace.Fix{Say: "The provider has no value to name this person with. Let it send a NameID, from an attribute that everybody there has.", There: there}
}

// fixMessage explains a message that is no plain XML, when it is plain what it
// is instead.
func fixMessage(message []byte) *trace.Fix {
	text := bytes.TrimLeft(bytes.TrimPrefix(message, []byte("\ufeff")), xmlBlanks)
	there := &trace.Setting{Name: settingBinding, Value: "HTTP-POST"}
	switch beginning := bytes.ToLower(text[:min(len(text), 16)]); {
	case len(text) == 0 || text[0] != '<':
		return &trace.Fix{There: there, Say: "What came does not begin as XML does: it is compressed, as the HTTP-Redirect binding does, or encoded twice. Let the provider answer by HTTP-POST."}
	case bytes.HasPrefix(beginning, []byte("<html")), bytes.HasPrefix(beginning, []byte("<!doctype html")):
		return &trace.Fix{There: there, Say: "What came is an HTML page: something between the provider and the browser answers in the provider's place."}
	}
	return nil
}

// renewed is true for a certificate with the name of one that the record has, and
// another key: a provider that rolls its key over keeps the name. It proves
// nothing, and is said to an administrator who is about to ask the provider.
func (v *Verifier) renewed(der []byte) bool {
	shown, err := x509.ParseCertificate(der)
	if err != nil {
		return false
	}
	for _, signer := range v.signers {
		if signer.certificate.Subject.String() == shown.Subject.String() && len(shown.Subject.Names) > 0 {
			return true
		}
	}
	return false
}

func fixSize() *trace.Fix {
	return &trace.Fix{
		Say:   "Let the provider send only the attributes and groups that this service needs, or raise limits.message in the configuration.",
		There: &trace.Setting{Name: settingAttributes, Value: "only those that are needed"},
	}
}

// fixRoot is for a message that is not a Response.
func (r *run) fixRoot(root *etree.Element) *trace.Fix {
	if root.Tag == "html" || root.Tag == "HTML" {
		return fixMessage([]byte("<html>"))
	}
	fix := r.enterACS("")
	switch {
	case root.Tag == "Response" && strings.HasPrefix(root.NamespaceURI(), "urn:oasis:names:tc:SAML:1."):
		return fixProfile("Response of SAML 2.0, not of 1.1,")
	case root.Tag == "AuthnRequest":
		fix.Say = "A request came back in place of its answer: what the record has as the provider's sign-on address is this service's. " + fix.Say
		fix.Field = "saml.sso_url"
	case root.Tag == "LogoutRequest" || root.Tag == "LogoutResponse":
		fix.Say = "A message about logging out came to the address for logging in: the provider has it in the wrong place. " + fix.Say
	case root.Tag == "Assertion":
		fix.Say = "An assertion came without the Response around it. Let the provider send a whole Response."
	}
	return fix
}

func (r *run) fixAssertions() *trace.Fix {
	switch len(r.response.assertions) {
	case 0:
		return fixProfile("assertion")
	case 1:
		return nil
	}
	fix := fixProfile("assertion in the Response")
	fix.Say += " If it is not set up to send several, treat this as an attack."
	return fix
}

// fixField explains a SAMLResponse field that is not base64.
func fixField(field string) *trace.Fix {
	fix := &trace.Fix{There: &trace.Setting{Name: settingBinding, Value: "HTTP-POST"}}
	const post = " Let the provider answer by HTTP-POST, in a form field SAMLResponse in plain base64."
	switch {
	case field == "":
		fix.Say = "The form has no field SAMLResponse, or several: the provider uses another binding, another protocol, or posts an error of its own." + post
	case strings.Contains(field, "%"):
		fix.Say = "The field is percent-encoded once too often." + post
	case strings.HasPrefix(strings.TrimLeft(field, xmlBlanks), "<"):
		fix.Say = "The field holds XML or HTML as it is." + post
	case strings.Contains(field, " "):
		fix.Say = "The field has blanks where base64 has a plus sign: something on the way has decoded it once too often." + post
	default:
		fix.Say = "The field is not base64." + post
	}
	return fix
}

func goodSignature() *trace.Setting {
	return &trace.Setting{Name: settingAlgorithm, Value: "RSA-SHA256, with exclusive canonicalisation"}
}

func goodCipher() *trace.Setting {
	return &trace.Setting{Name: settingCipher, Value: "AES-256-GCM, its key by RSA-OAEP"}
}

// wrongKey is for a ciphertext that none of the record's keys opens. Which key it
// is for stands beside it, when the provider says so.
func (v *Verifier) wrongKey(err error, transports []keyTransport) *malformed {
	bad := failedDecryption(err.Error())
	if len(transports) == 0 || len(v.sp.Keys) == 0 || v.sp.Keys[0].Certificate == nil {
		return bad
	}
	present := Fingerprint(v.sp.Keys[0].Certificate)
	fix := &trace.Fix{
		Say:   "Give the provider the record's current encryption certificate, from " + v.sp.MetadataURL + ": its SHA-256 fingerprint is " + present + ".",
		There: &trace.Setting{Name: settingEncryption, Value: present},
	}
	switch first := transports[0]; {
	case v.keyShown(first) >= 0:
		bad.why += "; it says that it is encrypted to the record's own certificate " + fingerprintOf(first.shown)
		fix.Say = "The provider names the right certificate and has encrypted with another key, or the message was changed on its way. " + fix.Say
	case first.shown != nil:
		bad.why += "; it is encrypted to the certificate " + fingerprintOf(first.shown)
		fix.Say = "The provider encrypts to a certificate that is not the record's, or no longer. " + fix.Say
	case first.recipient != "" && first.recipient != v.sp.EntityID:
		bad.why += "; it is encrypted for " + shown(first.recipient)
		fix.Say = "The provider encrypts for another service. " + fix.Say
	}
	bad.fix = fix
	return bad
}
