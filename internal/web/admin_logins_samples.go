package web

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/store"
	"idms/internal/trace"
)

// Whoever and whatever the samples below speak of again and again.
const (
	samplePerson  = "01890a5d-ac96-774b-bcce-b302099a8057"
	sampleRefused = "EAETGN8VW2"
)

// sampleUsername is longer than any page has room for.
var sampleUsername = strings.Repeat("wolfeschlegelstein", 8)

// sampleTraces are a login of every outcome, newest first, with the usernames.
func sampleTraces(now time.Time) []sampleTrace {
	return []sampleTrace{
		{store.Trace{Ref: sampleRefused, Record: "acme", At: now, Code: trace.AudienceMismatch}, ""},
		{store.Trace{Ref: "9XK2M4T7QB", Record: "acme", At: now.Add(-time.Minute), Admitted: true, UserID: samplePerson}, "ada"},
		{store.Trace{Ref: "7PZ3N8C5RD", Record: strings.Repeat("globex-", 8) + "x", At: now.Add(-time.Hour), Code: trace.ValidationFailed, UserID: samplePerson}, sampleUsername},
		{store.Trace{Ref: "3TN5V7W9XA", Record: "acme", At: now.Add(-90 * time.Minute), Code: trace.ValidationFailed, Verified: true, Username: "dora"}, ""},
		{store.Trace{Ref: "4GH6J9L2VW", Record: "acme", At: now.Add(-2 * time.Hour), Test: true}, ""},
		{store.Trace{Ref: "2BD5F8H3JK", Record: "acme", At: now.Add(-3 * time.Hour), Test: true, Code: trace.FieldMissing}, ""},
		{store.Trace{Ref: "6QR4S7T9UV", Record: "acme", At: now.Add(-4 * time.Hour), Admitted: true, UserID: samplePerson}, "ليلى"},
		{store.Trace{Ref: "8WX3Y6Z2AB", Record: "acme", At: now.Add(-5 * time.Hour), Admitted: true}, ""},
	}
}

type sampleTrace struct {
	of       store.Trace
	username string
}

func sampleLoginRows(now time.Time, edits bool) (list []loginRow) {
	for _, one := range sampleTraces(now) {
		list = append(list, loginRowOf(one.of, one.username, edits))
	}
	return list
}

// loginsSamples are the list of logins, and the pages about one.
func loginsSamples(s sampling) []sample {
	framed, now := s.framed, s.now
	logins := func(role roles.Role) adminLoginsPage {
		return adminLoginsPage{adminFrame: framed("Logins", "logins", role)}
	}
	full, none, filtered, asReader := logins(roles.Editor), logins(roles.Owner), logins(roles.Editor), logins(roles.Reader)
	full.Logins, full.paging = sampleLoginRows(now, true), paging{Next: adminPath + "/logins?cursor=x"}
	filtered.Filter, filtered.Person = loginFilter{Record: "nowhere", Outcome: "refused", Code: "no_access", User: samplePerson, Name: "dor", From: "2026-03-01T12:00"}, "ada"
	asReader.Logins, asReader.paging = sampleLoginRows(now, false), paging{First: adminPath + "/logins"}
	wrongRef := logins(roles.Editor)
	wrongRef.Filter.Ref, wrongRef.Problem = "NOSUCH", "There is no login with this reference. Logins are explained for a set time only."
	wrongRef.Logins = sampleLoginRows(now, true)

	notMeant := login.Trace{Trace: sampleTraces(now)[0].of, Purpose: idms.LogIn, Protocol: trace.Steps{
		{Name: "message size", Rule: "M01", State: trace.Passed, Found: "6102 bytes"},
		{Name: "audience", Rule: "M16", State: trace.Refused, Code: trace.AudienceMismatch,
			Looked: "https://login.example.com/saml/acme/metadata", Found: `"https://login.example.com/saml/acme/acs"`,
			Fix: &trace.Fix{Field: "saml.audience", Suggested: "https://login.example.com/saml/acme/acs",
				Say:   "The audience that came is this record's ACS URL: put it into Audience URI.",
				There: &trace.Setting{Name: "entity ID of this service", Value: "https://login.example.com/saml/acme/metadata"}}},
		{Name: "replay", Rule: "M17", State: trace.NotReached},
	}}
	explained := func(told login.Trace, username string) adminLoginPage {
		return adminLoginPageOf(framed("Login "+told.Ref, "logins", roles.Editor), told, username)
	}

	then := sampleLogin(now.Add(-26*time.Hour), "employee")
	refused := sampleLogin(now, "contractor")
	refused.UserID, refused.Version = then.UserID, 9
	refused.Decision.Facts = append(rules.Attributes{{Name: "department", Values: []string{"قسم الحوسبة", strings.Repeat("unbroken", 30)}}}, refused.Decision.Facts...)
	names := map[string]string{then.UserID: "ada"}
	compare := func(c login.Comparison) adminComparePage {
		return adminComparePageOf(s.framed("Compare "+c.Now.Ref, "logins", roles.Editor), c, names)
	}
	changed := []audit.Change{{Field: "validation_rules[employees].pattern", From: "^(employee|contractor)$", To: "^employee$"}, {Field: "saml.audience", To: "https://login.example.com/saml/acme/metadata"}}
	unproved := login.Trace{Trace: store.Trace{Ref: sampleRefused, Record: "acme", Version: 9, At: now, Code: trace.AudienceMismatch}, Purpose: idms.LogIn}
	unproved.Protocol.Refuse(trace.Step{Name: "audience", Rule: "M16", Code: trace.AudienceMismatch, Looked: "https://login.example.com/saml/acme/metadata",
		Found: "urn:example:acme", Fix: &trace.Fix{Field: "saml.audience", Suggested: "urn:example:acme", Say: "Put the audience that came into Audience URI."}})
	response := func(posted string) adminResponsePage {
		return adminResponsePageOf(s.framed("Response of "+sampleRefused, "logins", roles.Owner), sampleRefused, store.Arrived(posted))
	}
	xml := `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0"><saml:Issuer>https://idp.example/` + strings.Repeat("realm", 60) + "</saml:Issuer>\n</samlp:Response>"
	return []sample{
		{"admin-logins", http.StatusOK, full.withOptions()},
		{"admin-logins-none", http.StatusOK, none.withOptions()},
		{"admin-logins-nothing-found", http.StatusOK, filtered.withOptions()},
		{"admin-logins-as-reader", http.StatusOK, asReader.withOptions()},
		{"admin-logins-no-such-reference", http.StatusNotFound, wrongRef.withOptions()},
		{"admin-login-unproved", http.StatusOK, explained(notMeant, "")},
		{"admin-login-refused", http.StatusOK, explained(sampleLogin(now, "contractor"), "")},
		{"admin-login-admitted", http.StatusOK, explained(sampleLogin(now, "employee"), "ليلى")},
		{"admin-compare", http.StatusOK, compare(login.Compare(refused, &then, login.WithPerson, changed))},
		{"admin-compare-unproved", http.StatusOK, compare(login.Compare(unproved, &then, login.WithRecord, changed[1:]))},
		{"admin-compare-nothing", http.StatusOK, compare(login.Compare(refused, nil, login.WithPerson, nil))},
		{"admin-response", http.StatusOK, response(base64.StdEncoding.EncodeToString([]byte(xml)))},
		{"admin-response-none", http.StatusOK, response("")},
	}
}
