package web

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// loginsSamples are the pages about one login beyond its explanation.
func loginsSamples(s sampling) []sample {
	now := s.now
	then := sampleLogin(now.Add(-26*time.Hour), "employee")
	refused := sampleLogin(now, "contractor")
	refused.UserID, refused.Version = then.UserID, 9
	refused.Decision.Facts = append(rules.Attributes{{Name: "department", Values: []string{"قسم الحوسبة", strings.Repeat("unbroken", 30)}}}, refused.Decision.Facts...)
	names := map[string]string{then.UserID: "ada"}
	compare := func(c login.Comparison) adminComparePage {
		return adminComparePageOf(s.framed("Compare "+c.Now.Ref, "logins", roles.Editor), c, names)
	}
	changed := []audit.Change{{Field: "validation_rules[employees].pattern", From: "^(employee|contractor)$", To: "^employee$"}, {Field: "saml.audience", To: "https://login.example.com/saml/acme/metadata"}}
	unproved := login.Trace{Trace: store.Trace{Ref: "EAETGN8VW2", Record: "acme", Version: 9, At: now, Code: trace.AudienceMismatch}, Purpose: idms.LogIn}
	unproved.Protocol.Refuse(trace.Step{Name: "audience", Rule: "M16", Code: trace.AudienceMismatch, Looked: "https://login.example.com/saml/acme/metadata",
		Found: "urn:example:acme", Fix: &trace.Fix{Field: "saml.audience", Suggested: "urn:example:acme", Say: "Put the audience that came into Audience URI."}})
	response := func(posted string) adminResponsePage {
		return adminResponsePageOf(s.framed("Response of EAETGN8VW2", "logins", roles.Owner), "EAETGN8VW2", posted)
	}
	xml := `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0"><saml:Issuer>https://idp.example/` + strings.Repeat("realm", 60) + "</saml:Issuer>\n</samlp:Response>"
	return []sample{
		{"admin-compare", http.StatusOK, compare(login.Compare(refused, &then, login.WithPerson, changed))},
		{"admin-compare-unproved", http.StatusOK, compare(login.Compare(unproved, &then, login.WithRecord, changed[1:]))},
		{"admin-compare-nothing", http.StatusOK, compare(login.Compare(refused, nil, login.WithPerson, nil))},
		{"admin-response", http.StatusOK, response(base64.StdEncoding.EncodeToString([]byte(xml)))},
		{"admin-response-none", http.StatusOK, response("")},
	}
}

// peopleSamples are the pages where something is done about a person.
func peopleSamples(s sampling) []sample {
	now := s.now
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	acme := store.Edition{Key: "acme", Name: "Acme", Version: 7, State: idms.Active}
	byRule := groups.Source{Kind: groups.FromAssociation, Record: "acme", By: "platform", Since: now.AddDate(0, -3, 0)}
	byHand := groups.Source{Kind: groups.Manual, By: "grace", Since: now.AddDate(0, -1, 0)}
	bySync := groups.Source{Kind: groups.FromDirectory, Record: "globex", Since: now.AddDate(0, 0, -1)}
	team := groups.Group{Key: "platform", Name: "Platform team"}
	ada := store.Person{Account: users.Account{ID: id, State: users.Enabled, Profile: users.Profile{Username: "ada", Email: "ada@acme.example", FirstName: "Ada", LastName: "Okafor"},
		NameID: "ada@acme.example", Created: now.AddDate(-1, 0, 0), LastSeen: now.Add(-time.Minute)}, Record: acme,
		Groups: []store.Membership{{Group: team, Sources: []groups.Source{byRule, byHand, bySync}}, {Group: groups.Group{Key: "staff", Name: "Staff"}, Sources: []groups.Source{bySync}}}}
	grace := store.Person{Account: users.Account{ID: id, Profile: users.Profile{Username: strings.Repeat("wolfeschlegelstein", 8), FirstName: "ليلى", LastName: "حداد"}}, Record: store.Edition{Key: idms.LocalKey, Name: "Local people"}}
	blocked := ada
	blocked.Account.State = users.Blocked

	last := sampleLogin(now.Add(-time.Minute), "employee")
	person := adminPersonPageOf(s.framed("Person", "people", roles.Owner), ada)
	person.Given = personLevelOf(&last, true)
	person.Exempt = exemptionShownOf(&store.Exemption{Reason: "The provider is being replaced", By: "grace", Granted: now.AddDate(0, -2, 0), Ends: now.AddDate(0, 0, -1)}, now)
	person.Keys = []string{"platform", "staff"}
	person.Group, person.Reason = "nowhere", "ticket 7"
	person.Problems.Add("group", "There is no such group.")

	framed := func() adminFrame { return s.framed("Person", "people", roles.Owner) }
	title := func(page adminActPage) adminActPage { page.Title = page.Heading; return page }
	last1 := title(blockPageOf(framed(), ada, "3 open sessions end"))
	last1.Refusal, last1.Reason = "After this, no owner of idms could log in any more. Make somebody else an owner first.", "left the company"
	erase := title(erasePageOf(framed(), grace, "One open session ends"))
	erase.Typed, erase.Refusal = "grace", "This is not the username of the person. Type it exactly as it stands here."
	erase.NameError = erase.Refusal

	exemption := personExemptionPageOf(s.framed("Exemption", "people", roles.Owner), grace, nil, now)
	exemption.Ends = "2020-01-01T00:00"
	exemption.Problems.Add("reason", "Give the reason in one line of at most %d characters: an exemption that nobody can explain is not one.", maxReason)
	exemption.Problems.Add("ends", "Choose an end that is still to come.")

	applied := appliedPerson{Person: place{below("people", id), "ada"}, Recorded: exact(now.Add(-time.Hour)), Version: 7, Level: levelWords(console.Restricted), Any: true,
		Groups: []groupChange{{Group: "platform", GroupURL: below("groups", "platform"), What: "leaves", Why: "the association platform, since groups has no value that matches ^platform$"},
			{Group: "staff", GroupURL: below("groups", "staff"), What: "joins", Why: "the association staff, since groups has the value staff"}},
		Sessions: []appliedSession{{exact(now.Add(-time.Hour)), console.Full.Label(), console.Restricted.Label()}, {exact(now.Add(-2 * time.Hour)), console.Restricted.Label(), "ends"}}}
	apply := adminApplyPage{adminFrame: s.framed("Apply rules now", "people", roles.Editor), Possible: true, appliedPerson: applied, Seen: "x"}.about(ada)
	old := adminApplyPage{adminFrame: s.framed("Apply rules now", "people", roles.Editor), Refusal: "Nothing is recorded of a login of ada. The rules act when they log in next."}.about(ada)
	all := adminApplyAllPage{adminFrame: s.framed("Apply rules now", "records", roles.Editor), Nav: recordNav("acme", "apply-rules"), Key: "acme", Name: "Acme", Version: 7,
		Action: below("records", "acme") + "/apply-rules", Possible: true, Of: 10_000, Totals: login.ReappliedToAll{People: 10_000, Changed: 1, Unchanged: 9_000, Unknown: 999},
		People: []appliedPerson{applied}}
	part := all
	part.Applying, part.After, part.Totals.People = true, id, 2_500
	applied.Login = below("logins", "EAETGN8VW2")
	part.People = []appliedPerson{applied}

	return []sample{
		{"admin-person-owned", http.StatusUnprocessableEntity, person},
		{"admin-person-why", http.StatusOK, adminWhyPageOf(s.framed("Why Platform team", "people", roles.Editor), ada, team, []store.Reason{{Source: byRule}, {Source: byHand}, {Source: bySync, Run: id}}, &last)},
		{"admin-person-why-not", http.StatusOK, adminWhyPageOf(s.framed("Why Nowhere", "people", roles.Reader), ada, groups.Group{Key: "nowhere", Name: "Nowhere"}, nil, nil)},
		{"admin-person-block-refused", http.StatusConflict, last1},
		{"admin-person-unblock", http.StatusOK, title(unblockPageOf(framed(), blocked))},
		{"admin-person-erase", http.StatusUnprocessableEntity, erase},
		{"admin-person-exemption", http.StatusUnprocessableEntity, exemption},
		{"admin-person-apply", http.StatusOK, apply},
		{"admin-person-apply-nothing-recorded", http.StatusOK, old},
		{"admin-record-apply", http.StatusOK, all},
		{"admin-record-apply-part", http.StatusOK, part},
	}
}
