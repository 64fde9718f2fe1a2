package saml_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/trace"
)

func logoutVerifier(t testing.TB, scene samltest.Scene) *saml.Verifier {
	t.Helper()
	verifier, err := saml.NewVerifier(scene.Settings, scene.IdP.SAML(), scene.SP)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

var logoutNoon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestM24HonestLogoutMessagesAreHonoured(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	verifier := logoutVerifier(t, scene)
	ada := saml.NameID{Value: "ada", Format: samltest.FormatPersistent}
	for _, tt := range []struct {
		name    string
		change  func(*samltest.Logout)
		nameID  saml.NameID
		indexes []string
	}{
		{"as it comes", func(*samltest.Logout) {}, ada, []string{"_session-1"}},
		{"of several sessions", func(l *samltest.Logout) { l.SessionIndexes = []string{"a", "b", "c"} }, ada, []string{"a", "b", "c"}},
		{"of all sessions", func(l *samltest.Logout) { l.SessionIndexes = nil }, ada, nil},
		{"with qualifiers", func(l *samltest.Logout) {
			l.NameID.NameQualifier, l.NameID.SPNameQualifier = scene.IdP.EntityID, scene.SP.EntityID
		}, saml.NameID{Value: "ada", Format: samltest.FormatPersistent, NameQualifier: scene.IdP.EntityID, SPNameQualifier: scene.SP.EntityID}, []string{"_session-1"}},
		{"with a RelayState", func(l *samltest.Logout) { l.RelayState = "a b/ü+&=" }, ada, []string{"_session-1"}},
		{"with an empty RelayState", func(l *samltest.Logout) { l.RelayState = "" }, ada, []string{"_session-1"}},
		{"with lower-case percent-encoding, as ADFS sends it", func(l *samltest.Logout) { l.Query.Escape = samltest.LowerCase }, ada, []string{"_session-1"}},
		{"with nothing encoded that need not be", func(l *samltest.Logout) {
			l.Query.Escape = func(value string) string { return strings.NewReplacer("+", "%2B", "%", "%25").Replace(value) }
		}, ada, []string{"_session-1"}},
		{"with every octet encoded", func(l *samltest.Logout) {
			l.Query.Escape = func(value string) string {
				var all strings.Builder
				for i := range len(value) {
					fmt.Fprintf(&all, "%%%02X", value[i])
				}
				return all.String()
			}
		}, ada, []string{"_session-1"}},
		{"with RSA-SHA512", func(l *samltest.Logout) {
			l.Query.Algorithm, l.Signature.Method = samltest.RSASHA512, samltest.RSASHA512
		}, ada, []string{"_session-1"}},
		{"with parameters that are none of ours", func(l *samltest.Logout) {
			l.Query.Sent = func(query string) string { return "utm=%zz&" + query + "&SAMLRequests=x" }
		}, ada, []string{"_session-1"}},
		{"with the parameters in another order", func(l *samltest.Logout) {
			l.Query.Sent = func(query string) string {
				parts := strings.Split(query, "&")
				slices.Reverse(parts)
				return strings.Join(parts, "&")
			}
		}, ada, []string{"_session-1"}},
		{"signed twice by redirect", func(l *samltest.Logout) { l.Embedded = true }, ada, []string{"_session-1"}},
		{"without KeyInfo", func(l *samltest.Logout) { l.Signature.KeyInfo = samltest.ShowNothing }, ada, []string{"_session-1"}},
		{"with an encrypted NameID", func(l *samltest.Logout) { l.Encryption = &samltest.Encryption{} }, ada, []string{"_session-1"}},
		{"with a NameID encrypted to the former key, by CBC", func(l *samltest.Logout) {
			l.Encryption = &samltest.Encryption{To: samltest.Key(samltest.OldService), Data: samltest.AES256CBC}
		}, ada, []string{"_session-1"}},
		{"two minutes old", func(l *samltest.Logout) { l.Issued = logoutNoon.Add(-2 * time.Minute) }, ada, []string{"_session-1"}},
		{"by a clock two minutes ahead", func(l *samltest.Logout) { l.Issued = logoutNoon.Add(2 * time.Minute) }, ada, []string{"_session-1"}},
		{"with an end of its own", func(l *samltest.Logout) { l.NotOnOrAfter = logoutNoon.Add(time.Minute) }, ada, []string{"_session-1"}},
	} {
		for _, binding := range []saml.Binding{saml.Redirect, saml.POST} {
			logout := scene.Logout(binding).With(tt.change)
			found := verifier.VerifyLogout(scene.Send(logout), logoutNoon)
			if !found.Accepted || found.Request == nil {
				t.Errorf("%s, by %s: %+v", tt.name, binding, found.Steps.Refusal())
				continue
			}
			request := *found.Request
			if request.NameID != tt.nameID || !slices.Equal(request.SessionIndexes, tt.indexes) || request.ID == "" {
				t.Errorf("%s, by %s: %+v", tt.name, binding, request)
			}
			if latest := logoutNoon.Add(3*time.Minute + saml.LogoutMessageFor + saml.MaxClockSkew); request.Until.After(latest) || request.Until.Before(logoutNoon) {
				t.Errorf("%s: remembered until %s", tt.name, request.Until)
			}
			if want := strings.TrimSuffix(logout.RelayState, samltest.Absent); found.RelayState != want {
				t.Errorf("%s, by %s: RelayState %q, want %q", tt.name, binding, found.RelayState, want)
			}
		}
	}
}

func TestM24AnswersToALogoutAreRead(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	verifier := logoutVerifier(t, scene)
	const prefix = "urn:oasis:names:tc:SAML:2.0:status:"
	for _, tt := range []struct {
		status []string
		want   saml.LogoutEnd
	}{
		{[]string{prefix + "Success"}, saml.LogoutDone},
		{[]string{prefix + "Success", prefix + "PartialLogout"}, saml.LogoutPartial},
		{[]string{prefix + "Responder", prefix + "PartialLogout"}, saml.LogoutPartial},
		{[]string{prefix + "Responder"}, saml.LogoutFailed},
		{[]string{prefix + "Requester", prefix + "UnknownPrincipal"}, saml.LogoutFailed},
		{[]string{"urn:made-up"}, saml.LogoutFailed},
	} {
		for _, binding := range []saml.Binding{saml.Redirect, saml.POST} {
			answer := scene.LogoutAnswer(binding, "_request-1")
			answer.Status = tt.status
			found := verifier.VerifyLogout(scene.Send(answer), logoutNoon)
			if !found.Accepted || !found.Answers || found.Response.End != tt.want || found.Response.InResponseTo != "_request-1" {
				t.Errorf("%v by %s: %+v, %+v", tt.status, binding, found.Response, found.Steps.Refusal())
			}
		}
	}
}

func TestM24HostileLogoutMessagesAreRefused(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	verifier := logoutVerifier(t, scene)
	names := map[string]bool{}
	attacks := samltest.LogoutAttacks(scene)
	for _, attack := range attacks {
		if names[attack.Name] {
			t.Errorf("two attacks are called %q", attack.Name)
		}
		names[attack.Name] = true
		found := verifier.VerifyLogout(attack.Arrival, logoutNoon)
		if found.Accepted || found.Response != nil {
			t.Errorf("%s: accepted", attack.Name)
			continue
		}
		if code := found.Steps.Code(); !slices.Contains(attack.Codes, code) {
			t.Errorf("%s: refused as %s (%s), want one of %v", attack.Name, code, found.Steps.Refusal().Found, attack.Codes)
		}
	}
	if len(attacks) < 100 {
		t.Errorf("%d attacks", len(attacks))
	}
}

// A signature of one message moved to every other kind and binding.
func TestM24ASignatureCountsForItsOwnMessageAlone(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	verifier := logoutVerifier(t, scene)
	query := scene.Send(scene.Logout(saml.Redirect)).Query
	answer := strings.Replace(query, "SAMLRequest=", "SAMLResponse=", 1)
	if found := verifier.VerifyLogout(saml.LogoutArrival{Binding: saml.Redirect, Query: answer}, logoutNoon); found.Accepted {
		t.Error("a request passed as an answer")
	}
	// The login's own answer, signed, is nothing that ends a session.
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	posted := saml.LogoutArrival{Binding: saml.POST, Request: values.Get("SAMLRequest")}
	if found := verifier.VerifyLogout(posted, logoutNoon); found.Accepted {
		t.Error("a message by redirect passed by POST")
	}
}

func TestM24SHA1NeedsTheLegacySwitch(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	scene.Settings.LegacySHA1 = true
	verifier := logoutVerifier(t, scene)
	for _, binding := range []saml.Binding{saml.Redirect, saml.POST} {
		found := verifier.VerifyLogout(scene.Send(scene.Logout(binding).With(func(l *samltest.Logout) {
			l.Query.Algorithm, l.Signature.Method, l.Signature.Digest = samltest.RSASHA1, samltest.RSASHA1, samltest.DigestSHA1
		})), logoutNoon)
		if !found.Accepted || !slices.ContainsFunc(found.Steps, func(step trace.Step) bool { return step.State == trace.Noted }) {
			t.Errorf("by %s: %+v", binding, found.Steps.Refusal())
		}
	}
}

func TestM24ABombCostsNoMoreThanItsLimit(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	verifier := logoutVerifier(t, scene)
	bomb := "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString(samltest.DeflateBomb(256<<20)))
	if len(bomb) > 1<<20 {
		t.Fatalf("the bomb itself has %d bytes", len(bomb))
	}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if verifier.VerifyLogout(saml.LogoutArrival{Binding: saml.Redirect, Query: bomb}, logoutNoon).Accepted {
				b.Fatal("accepted")
			}
		}
	})
	if used := result.AllocedBytesPerOp(); used > 8<<20 {
		t.Errorf("refusing it takes %d bytes", used)
	}
}

func TestM24WhoIsMeant(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	verifier := logoutVerifier(t, scene)
	ada := saml.NameID{Value: "ada", Format: samltest.FormatPersistent}
	with := func(change func(*saml.NameID)) saml.NameID {
		other := ada
		change(&other)
		return other
	}
	for _, tt := range []struct {
		name string
		id   saml.NameID
		want bool
	}{
		{"the same", ada, true},
		{"the provider's own name as qualifier, which is implied", with(func(n *saml.NameID) { n.NameQualifier = scene.IdP.EntityID }), true},
		{"ours as qualifier, which is implied", with(func(n *saml.NameID) { n.SPNameQualifier = scene.SP.EntityID }), true},
		{"another person", with(func(n *saml.NameID) { n.Value = "grace" }), false},
		{"another spelling", with(func(n *saml.NameID) { n.Value = "Ada" }), false},
		{"another format", with(func(n *saml.NameID) { n.Format = samltest.FormatEmail }), false},
		{"no format", with(func(n *saml.NameID) { n.Format = "" }), false},
		{"another provider's qualifier", with(func(n *saml.NameID) { n.NameQualifier = "https://other.example" }), false},
		{"another service's qualifier", with(func(n *saml.NameID) { n.SPNameQualifier = "https://other.example" }), false},
	} {
		if got := verifier.Same(ada, tt.id); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if !verifier.Same(saml.NameID{Value: "x"}, saml.NameID{Value: "x", Format: samltest.FormatUnspecified}) {
		t.Error("a missing format is unspecified")
	}
	if !(saml.LogoutRequest{}).Means("a") || (saml.LogoutRequest{SessionIndexes: []string{"b"}}).Means("a") || (saml.LogoutRequest{SessionIndexes: []string{"b"}}).Means("") {
		t.Error("no index means all, and an index means its own session")
	}
}

// mirror is a verifier of our own messages: what the provider would need to know.
func mirror(t *testing.T, scene samltest.Scene, s saml.Settings) *saml.Verifier {
	t.Helper()
	s.LegacyInclusiveC14N = true
	verifier, err := saml.NewVerifier(s, saml.IdP{EntityID: scene.SP.EntityID, Certificates: saml.IdP{}.Certificates}, scene.SP)
	if err == nil {
		idp := saml.IdP{EntityID: scene.SP.EntityID}
		idp.Certificates = append(idp.Certificates, scene.SP.Keys[0].Certificate)
		verifier, err = saml.NewVerifier(s, idp, saml.SP{EntityID: scene.IdP.EntityID, Audience: scene.IdP.EntityID, ACS: "x", SLO: scene.IdP.Logout})
	}
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func arrivalOf(t *testing.T, out saml.Outgoing) saml.LogoutArrival {
	t.Helper()
	if out.Binding != saml.POST {
		_, query, _ := strings.Cut(out.URL, "?")
		return saml.LogoutArrival{Binding: saml.Redirect, Query: query}
	}
	arrival := saml.LogoutArrival{Binding: saml.POST}
	for _, field := range out.Fields {
		switch field.Name {
		case "SAMLRequest":
			arrival.Request = field.Value
		case "SAMLResponse":
			arrival.Response = field.Value
		case "RelayState":
			arrival.RelayState = field.Value
		}
	}
	return arrival
}

func TestM24OurLogoutMessagesAreSignedInEveryWay(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	idp := scene.IdP.SAML()
	idp.Logout = []saml.Endpoint{{Binding: saml.Redirect, URL: scene.IdP.Logout}, {Binding: saml.POST, URL: scene.IdP.Logout}}
	idp.LogoutAnswers = idp.Logout
	name := saml.NameID{Value: "ada", Format: samltest.FormatPersistent, NameQualifier: "q", SPNameQualifier: scene.IdP.EntityID}
	for _, canonicalizer := range []saml.Canonicalizer{"", saml.Exclusive, saml.ExclusiveWithComments, saml.C14N10, saml.C14N10WithComments, saml.C14N11, saml.C14N11WithComments} {
		for _, binding := range []saml.Binding{saml.Redirect, saml.POST} {
			s := scene.Settings
			s.Canonicalizer, s.SLOBinding = canonicalizer, binding
			verifier := mirror(t, scene, s)
			request, err := saml.BuildLogoutRequest(s, idp, scene.SP, saml.LogoutOptions{ID: "_1", Now: logoutNoon, NameID: name, SessionIndex: "s1"})
			if err != nil {
				t.Fatal(err)
			}
			found := verifier.VerifyLogout(arrivalOf(t, request), logoutNoon)
			if !found.Accepted || found.Request.NameID != name || !slices.Equal(found.Request.SessionIndexes, []string{"s1"}) || found.Request.ID != "_1" {
				t.Errorf("request, %q by %s: %+v %+v", canonicalizer, binding, found.Request, found.Steps.Refusal())
			}
			answer, err := saml.BuildLogoutResponse(s, idp, scene.SP, saml.LogoutAnswer{ID: "_2", Now: logoutNoon, InResponseTo: "_theirs", RelayState: "a&b=ü", Binding: binding})
			if err != nil {
				t.Fatal(err)
			}
			found = verifier.VerifyLogout(arrivalOf(t, answer), logoutNoon)
			if !found.Accepted || found.Response.InResponseTo != "_theirs" || found.Response.End != saml.LogoutDone || found.RelayState != "a&b=ü" {
				t.Errorf("answer, %q by %s: %+v %+v", canonicalizer, binding, found.Response, found.Steps.Refusal())
			}
			if binding == saml.POST {
				secondOpinion(t, scene, arrivalOf(t, request))
			}
		}
	}
}

// secondOpinion has gosaml2 verify a LogoutRequest by POST as well.
func secondOpinion(t *testing.T, scene samltest.Scene, arrival saml.LogoutArrival) {
	t.Helper()
	service := &saml2.SAMLServiceProvider{
		IdentityProviderIssuer:         scene.SP.EntityID,
		ServiceProviderSLOURL:          scene.IdP.Logout,
		IDPCertificateStore:            &dsig.MemoryX509CertificateStore{Roots: append(saml.IdP{}.Certificates, scene.SP.Keys[0].Certificate)},
		Clock:                          dsig.NewFakeClockAt(logoutNoon),
		ValidateEncryptionCert:         false,
		SignAuthnRequestsCanonicalizer: nil,
	}
	if _, err := service.ValidateEncodedLogoutRequestPOST(arrival.Request); err != nil {
		t.Errorf("gosaml2 refuses our request: %v", err)
	}
}

func TestM24WithoutAnIndexOurRequestNamesNone(t *testing.T) {
	scene := samltest.NewScene(logoutNoon)
	idp := scene.IdP.SAML()
	idp.LogoutAnswers = idp.Logout
	out, err := saml.BuildLogoutRequest(scene.Settings, idp, scene.SP, saml.LogoutOptions{ID: "_1", Now: logoutNoon, NameID: saml.NameID{Value: "ada"}})
	if err != nil {
		t.Fatal(err)
	}
	found := mirror(t, scene, scene.Settings).VerifyLogout(arrivalOf(t, out), logoutNoon)
	if !found.Accepted || len(found.Request.SessionIndexes) != 0 || found.Request.NameID != (saml.NameID{Value: "ada"}) {
		t.Errorf("%+v %+v", found.Request, found.Steps.Refusal())
	}
	idp.Logout, idp.LogoutAnswers = nil, nil
	if _, err := saml.BuildLogoutRequest(scene.Settings, idp, scene.SP, saml.LogoutOptions{ID: "_1", Now: logoutNoon}); err == nil {
		t.Error("a request to nowhere was built")
	}
}

func TestM24OurMetadataOffersSingleLogoutWhereItIsOn(t *testing.T) {
	s := saml.Settings{PreviousOrigins: []string{"https://old.example"}}
	for _, on := range []bool{false, true} {
		s.SingleLogout = on
		document, err := saml.SPMetadata(s, s.SP("corp", "https://login.example.test", []saml.Key{samltest.Key(samltest.Service)}), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if on {
			want = 4 // two bindings at two origins
		}
		if got := bytes.Count(document, []byte("<md:SingleLogoutService ")); got != want {
			t.Errorf("single logout %v: %d addresses, want %d\n%s", on, got, want, document)
		}
	}
}

// FuzzLogoutQuery: whatever comes in a query is refused or is what somebody
// signed, and costs no more than its limit.
func FuzzLogoutQuery(f *testing.F) {
	scene := samltest.NewScene(logoutNoon)
	verifier := logoutVerifier(f, scene)
	honest := map[string]bool{}
	for _, logout := range []samltest.Logout{scene.Logout(saml.Redirect), scene.LogoutAnswer(saml.Redirect, "_1"),
		scene.Logout(saml.Redirect).With(func(l *samltest.Logout) { l.RelayState, l.Query.Escape = "x y", samltest.LowerCase })} {
		query := scene.Send(logout).Query
		honest[query] = true
		f.Add(query)
	}
	for _, attack := range samltest.LogoutAttacks(scene) {
		if attack.Arrival.Binding == saml.Redirect && len(attack.Arrival.Query) < 8<<10 {
			f.Add(attack.Arrival.Query)
		}
	}
	f.Fuzz(func(t *testing.T, query string) {
		found := verifier.VerifyLogout(saml.LogoutArrival{Binding: saml.Redirect, Query: query}, logoutNoon)
		if found.Steps.Code() == trace.VerifierFailed {
			t.Fatalf("it panicked: %s", found.Steps.Refusal().Found)
		}
		if found.Accepted == (found.Steps.Refusal() != nil) {
			t.Fatalf("accepted %v with %+v", found.Accepted, found.Steps.Refusal())
		}
		if !found.Accepted {
			return
		}
		// What passes is made of the parts of an honest query, each as it was.
		parts := map[string]bool{}
		for one := range honest {
			for part := range strings.SplitSeq(one, "&") {
				parts[part] = true
			}
		}
		for part := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(part, "=")
			if strings.HasPrefix(name, "SAML") && name != "SAMLEncoding" && len(name) < 13 && !parts[part] {
				t.Fatalf("%q passes, which nobody signed", part)
			}
		}
	})
}
