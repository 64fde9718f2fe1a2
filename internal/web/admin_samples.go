package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// sampleRecord has a rule of every kind.
func sampleRecord() idms.Record {
	rule := func(key, attribute, pattern string) rules.Rule {
		parsed, err := rules.ParsePattern(pattern, rules.Options{})
		if err != nil {
			panic(err) // it is written below
		}
		return rules.Rule{Key: key, Attribute: attribute, Pattern: parsed}
	}
	off := rule("former", "groups", "^cloud-users$")
	off.Disabled = true
	return idms.Record{
		Key: "acme", Version: 7, Name: "Acme", State: idms.Active, CreateUsers: true,
		Mapping:    users.Mapping{Username: "username", Email: "email", FirstName: "first_name", LastName: "last_name"},
		Validation: []rules.Rule{rule("employees", "employment", "^employee$")},
		Access: []console.Grant{
			{Rule: rule("staff", "groups", "^staff$"), Level: console.Restricted},
			{Rule: rule("cloud-admins", "groups", "^cloud-admins$"), Level: console.Full},
			{Rule: off, Level: console.Full},
		},
		Associations: []groups.Association{
			{Rule: rule("platform", "groups", "^platform$"), Group: "platform", UpdateOnLogin: true},
			{Rule: rule("everyone", "@name_id", "."), Group: "everyone"},
		},
	}
}

// sampleLogin is a login as the record above decides it.
func sampleLogin(now time.Time, employment string) login.Trace {
	policy, err := idms.Compile(sampleRecord())
	if err != nil {
		panic(err) // it is written above
	}
	crowd := make([]string, 80)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("team-%02d", i+1)
	}
	decision := policy.Decide(saml.Assertion{NameID: saml.NameID{Value: "ada"}, Attributes: rules.Attributes{
		{Name: "username", Values: []string{"ada"}}, {Name: "email", Values: []string{"ada@acme.example"}},
		{Name: "first_name", Values: []string{"Ada"}}, {Name: "last_name", Values: []string{"Okafor"}},
		{Name: "employment", Values: []string{employment}}, {Name: "groups", Values: append([]string{"staff", "cloud-admins", "platform"}, crowd...)},
		{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/" + strings.Repeat("department", 12), Values: []string{""}},
	}}, idms.Known{Now: now, Purpose: idms.LogIn})
	kept := store.Trace{Ref: "EAETGN8VW2", Record: "acme", Version: 7, At: now, Verified: true, Admitted: decision.Admitted, Code: decision.Code}
	if decision.Admitted {
		kept.UserID = "01890a5d-ac96-774b-bcce-b302099a8057"
	}
	return login.Trace{Trace: kept, Purpose: idms.LogIn, Decision: &decision, Policy: policy, Protocol: trace.Steps{
		{Name: "message size", Rule: "M01", State: trace.Passed, Found: "6102 bytes"},
		{Name: "audience", Rule: "M16", State: trace.Passed, Looked: "https://login.example.com/saml/acme/metadata", Found: "the same"},
		{Name: "certificate dates", Rule: "M09", State: trace.Noted, Found: "the certificate ended 3 days ago"},
	}}
}

// sampling is what samples of administrators' pages are made with.
type sampling struct {
	around func(title string) frame
	now    time.Time
}

// framed is the frame of a page in a section, as grace of a role sees it.
func (s sampling) framed(title, here string, role roles.Role) adminFrame {
	return adminFrameOf(s.around(title), here, "grace", role)
}

// adminSamples are the states of the administrators' pages, section by section.
func adminSamples(around func(string) frame, now time.Time) []sample {
	var list []sample
	for _, of := range []func(sampling) []sample{
		readingSamples,
		setUpSamples,
		loginsSamples,
		peopleSamples,
		groupSamples,
		auditSamples,
		recordSamples,
		rulesSamples,

		directorySamples,

		administratorsSamples,
	} {
		list = append(list, of(sampling{around, now})...)
	}
	return list
}

// readingSamples are the pages where nothing is changed.
func readingSamples(s sampling) []sample {
	framed, now := s.framed, s.now
	const id, refused = "01890a5d-ac96-774b-bcce-b302099a8057", "EAETGN8VW2"
	long := strings.Repeat("wolfeschlegelstein", 8)
	traces := []struct {
		of       store.Trace
		username string
	}{
		{store.Trace{Ref: refused, Record: "acme", At: now, Code: trace.AudienceMismatch}, ""},
		{store.Trace{Ref: "9XK2M4T7QB", Record: "acme", At: now.Add(-time.Minute), Admitted: true, UserID: id}, "ada"},
		{store.Trace{Ref: "7PZ3N8C5RD", Record: strings.Repeat("globex-", 8) + "x", At: now.Add(-time.Hour), Code: trace.ValidationFailed, UserID: id}, long},
		{store.Trace{Ref: "4GH6J9L2VW", Record: "acme", At: now.Add(-2 * time.Hour), Test: true}, ""},
		{store.Trace{Ref: "2BD5F8H3JK", Record: "acme", At: now.Add(-3 * time.Hour), Test: true, Code: trace.FieldMissing}, ""},
		{store.Trace{Ref: "6QR4S7T9UV", Record: "acme", At: now.Add(-4 * time.Hour), Admitted: true, UserID: id}, "ليلى"},
		{store.Trace{Ref: "8WX3Y6Z2AB", Record: "acme", At: now.Add(-5 * time.Hour), Admitted: true}, ""},
	}
	rows := func(edits bool) []loginRow {
		var list []loginRow
		for _, one := range traces {
			list = append(list, loginRowOf(one.of, one.username, edits))
		}
		return list
	}
	logins := func(role roles.Role) adminLoginsPage {
		return adminLoginsPage{adminFrame: framed("Logins", "logins", role)}
	}
	full, none, filtered, asReader := logins(roles.Editor), logins(roles.Owner), logins(roles.Editor), logins(roles.Reader)
	full.Logins, full.paging = rows(true), paging{Next: adminPath + "/logins?cursor=x"}
	filtered.Filter, filtered.Person = loginFilter{Record: "nowhere", Outcome: "refused", Code: "no_access", User: id, From: "2026-03-01T12:00"}, "ada"
	asReader.Logins, asReader.paging = rows(false), paging{First: adminPath + "/logins"}
	wrongRef := logins(roles.Editor)
	wrongRef.Filter.Ref, wrongRef.Problem = "NOSUCH", "There is no login with this reference. Logins are explained for a set time only."
	wrongRef.Logins = rows(true)

	unproved := login.Trace{Trace: traces[0].of, Purpose: idms.LogIn, Protocol: trace.Steps{
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

	account := users.Account{ID: id, Profile: users.Profile{Username: "ada", Email: "ada@acme.example", FirstName: "Ada", LastName: "Okafor", Phone: "+44 20 7946 0100"},
		NameID: "ada@acme.example", Created: now.AddDate(-1, 0, 0), LastSeen: now.Add(-time.Minute)}
	acme := store.Edition{Key: "acme", Name: "Acme", Version: 7, State: idms.Active}
	novel := store.Listed{Account: users.Account{ID: id, State: users.Blocked, Profile: users.Profile{Username: long, Email: long + "@acme.example",
		FirstName: strings.Repeat("Wolfeschlegelsteinhausenbergerdorff ", 4), LastName: "Müller"}}, Record: acme}
	layla := store.Listed{Account: users.Account{ID: id, State: users.Disabled, Profile: users.Profile{Username: "layla", FirstName: "ليلى", LastName: "حداد"}}, Record: acme}
	local := store.Listed{Account: users.Account{ID: id, Profile: users.Profile{Username: "grace", Email: "grace@acme.example"}}, Record: store.Edition{Key: idms.LocalKey, Name: "Local people"}}
	people := func(query string, list ...store.Listed) adminPeoplePage {
		page := adminPeoplePage{adminFrame: framed("People", "people", roles.Reader), Query: query}
		for _, one := range list {
			page.People = append(page.People, personRowOf(one))
		}
		return page.withOptions()
	}
	source := groups.Source{Kind: groups.FromAssociation, Record: "acme", By: "platform", Since: now.AddDate(0, -3, 0)}
	byHand := groups.Source{Kind: groups.Manual, By: "grace", Since: now.AddDate(0, -1, 0)}
	whole := store.Person{Account: account, Record: acme, Groups: []store.Membership{
		{Group: groups.Group{Key: "platform", Name: "Platform team"}, Sources: []groups.Source{source, byHand}},
		{Group: groups.Group{Key: roles.Editor.Group(), Name: roles.Editor.GroupName()}, Sources: []groups.Source{byHand}},
	}}
	person := func(role roles.Role, of store.Person, open bool) adminPersonPage {
		page := adminPersonPageOf(framed("Person", "people", role), of)
		if open {
			page.Logins = rows(role.May(roles.Editor))[1:2]
			page.Sessions = []sessionRow{
				{ID: "s1", Level: levelWords(console.Full), Why: "The access rule cloud-admins of Acme gives you Full Access.", Opened: exact(now), Seen: exact(now), Expires: exact(now.Add(time.Hour))},
				{ID: "s2", Level: levelWords(console.Restricted), Opened: exact(now.Add(-time.Hour)), Seen: exact(now), Expires: exact(now.Add(time.Hour))},
			}
		}
		return page
	}

	return []sample{
		{"admin-logins", http.StatusOK, full.withOptions()},
		{"admin-logins-none", http.StatusOK, none.withOptions()},
		{"admin-logins-nothing-found", http.StatusOK, filtered.withOptions()},
		{"admin-logins-as-reader", http.StatusOK, asReader.withOptions()},
		{"admin-logins-no-such-reference", http.StatusNotFound, wrongRef.withOptions()},
		{"admin-login-unproved", http.StatusOK, explained(unproved, "")},
		{"admin-login-refused", http.StatusOK, explained(sampleLogin(now, "contractor"), "")},
		{"admin-login-admitted", http.StatusOK, explained(sampleLogin(now, "employee"), "ada")},
		{"admin-people", http.StatusOK, people("", store.Listed{Account: account, Record: acme}, novel, layla, local)},
		{"admin-people-none", http.StatusOK, people("")},
		{"admin-people-nobody-found", http.StatusOK, people("<b>nobody</b>")},
		{"admin-person", http.StatusOK, person(roles.Editor, whole, true)},
		{"admin-person-as-reader", http.StatusOK, person(roles.Reader, whole, true)},
		{"admin-person-long-and-blocked", http.StatusOK, person(roles.Owner, store.Person{Account: novel.Account, Record: acme}, false)},
		{"admin-person-right-to-left", http.StatusOK, person(roles.Owner, store.Person{Account: layla.Account, Record: acme}, false)},
	}
}
