package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// peopleSamples are the list of people, and the pages about one.
func peopleSamples(s sampling) []sample {
	return append(personSamples(s), actSamples(s)...)
}

// personSamples are the pages that show people.
func personSamples(s sampling) []sample {
	framed, now := s.framed, s.now
	const id = samplePerson
	account := users.Account{ID: id, Profile: users.Profile{Username: "ada", Email: "ada@acme.example", FirstName: "Ada", LastName: "Okafor", Phone: "+44 20 7946 0100"},
		NameID: "ada@acme.example", Created: now.AddDate(-1, 0, 0), LastSeen: now.Add(-time.Minute)}
	acme := store.Edition{Key: "acme", Name: "Acme", Version: 7, State: idms.Active}
	novel := store.Listed{Account: users.Account{ID: id, State: users.Blocked, Profile: users.Profile{Username: sampleUsername, Email: sampleUsername + "@acme.example",
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
			page.Logins = sampleLoginRows(now, role.May(roles.Editor))[1:2]
			page.Sessions = []sessionRow{
				{ID: "s1", Level: levelWords(console.Full), Why: "The access rule cloud-admins of Acme gives you Full Access.", Opened: exact(now), Seen: exact(now), Expires: exact(now.Add(time.Hour))},
				{ID: "s2", Level: levelWords(console.Restricted), Opened: exact(now.Add(-time.Hour)), Seen: exact(now), Expires: exact(now.Add(time.Hour))},
			}
		}
		return page
	}

	return []sample{
		{"admin-people", http.StatusOK, people("", store.Listed{Account: account, Record: acme}, novel, layla, local)},
		{"admin-people-none", http.StatusOK, people("")},
		{"admin-people-nobody-found", http.StatusOK, people("<b>nobody</b>")},
		{"admin-person", http.StatusOK, person(roles.Editor, whole, true)},
		{"admin-person-as-reader", http.StatusOK, person(roles.Reader, whole, true)},
		{"admin-person-long-and-blocked", http.StatusOK, person(roles.Owner, store.Person{Account: novel.Account, Record: acme}, false)},
		{"admin-person-right-to-left", http.StatusOK, person(roles.Owner, store.Person{Account: layla.Account, Record: acme}, false)},
	}
}

// actSamples are the pages where something is done about a person.
func actSamples(s sampling) []sample {
	now := s.now
	const id = samplePerson
	acme := store.Edition{Key: "acme", Name: "Acme", Version: 7, State: idms.Active}
	byRule := groups.Source{Kind: groups.FromAssociation, Record: "acme", By: "platform", Since: now.AddDate(0, -3, 0)}
	byHand := groups.Source{Kind: groups.Manual, By: "grace", Since: now.AddDate(0, -1, 0)}
	bySync := groups.Source{Kind: groups.FromDirectory, Record: "globex", Since: now.AddDate(0, 0, -1)}
	team := groups.Group{Key: "platform", Name: "Platform team"}
	ada := store.Person{Account: users.Account{ID: id, State: users.Enabled, Profile: users.Profile{Username: "ada", Email: "ada@acme.example", FirstName: "Ada", LastName: "Okafor"},
		NameID: "ada@acme.example", Created: now.AddDate(-1, 0, 0), LastSeen: now.Add(-time.Minute)}, Record: acme,
		Groups: []store.Membership{{Group: team, Sources: []groups.Source{byRule, byHand, bySync}}, {Group: groups.Group{Key: "staff", Name: "Staff"}, Sources: []groups.Source{bySync}}}}
	grace := store.Person{Account: users.Account{ID: id, Profile: users.Profile{Username: sampleUsername, FirstName: "ليلى", LastName: sampleName}}, Record: store.Edition{Key: idms.LocalKey, Name: "Local people"}}
	blocked := ada
	blocked.Account.State = users.Blocked

	last := sampleLogin(now.Add(-time.Minute), "employee")
	person := adminPersonPageOf(s.framed("Person", "people", roles.Owner), ada)
	person.Given = personLevelOf(&last, true)
	person.Exempt = new(exemptionShownOf(store.Exemption{Reason: "The provider is being replaced", By: "grace", Granted: now.AddDate(0, -2, 0), Ends: now.AddDate(0, 0, -1)}, now))
	person.Keys = []string{"platform", "staff"}
	person.Group, person.Reason = "nowhere", "ticket 7"
	person.Problems.Add("group", "There is no such group.")

	framed := func() adminFrame { return s.framed("Person", "people", roles.Owner) }
	title := func(page adminActPage) adminActPage { page.Title = page.Heading; return page }
	last1 := title(blockPageOf(framed(), ada, "3 open sessions end"))
	last1.Refusal, last1.Reason = "After this, no owner of idms could log in any more. Make somebody else an owner first.", "left the company"
	erase := title(erasePageOf(framed(), grace, "One open session ends"))
	erase.Typed, erase.Refusal = "grace", "This is not the username of the person. Type it exactly, capital and small letters too."
	erase.NameError = erase.Refusal

	exemption := personExemptionPageOf(s.framed("Exemption", "people", roles.Owner), grace, nil, now)
	exemption.read(url.Values{"ends": {"2020-01-01T00:00"}}, now)

	applied := appliedPerson{Person: place{below("people", id), "ada"}, Recorded: exact(now.Add(-time.Hour)), Version: 7, Level: levelWords(console.Restricted), Any: true,
		Groups: []groupChange{{Group: "platform", GroupURL: below("groups", "platform"), What: "leaves", Why: "the association platform, since groups has no value that matches ^platform$"},
			{Group: "staff", GroupURL: below("groups", "staff"), What: "joins", Why: "the association staff, since groups has the value staff"}},
		Sessions: []appliedSession{{exact(now.Add(-time.Hour)), console.Full.Label(), console.Restricted.Label()}, {exact(now.Add(-2 * time.Hour)), console.Restricted.Label(), "ends"}}}
	apply := adminApplyPage{adminFrame: s.framed("Apply rules now", "people", roles.Editor), Possible: true, appliedPerson: applied, Seen: "x"}.about(ada)
	old := adminApplyPage{adminFrame: s.framed("Apply rules now", "people", roles.Editor), Refusal: "Nothing is recorded of a login of ada. The rules act when they log in next."}.about(grace)
	all := adminApplyAllPage{adminFrame: s.framed("Apply rules now", "records", roles.Editor), Nav: recordNav(roles.Editor, "acme", "apply-rules"), Key: "acme", Name: "Acme", Version: 7,
		Action: below("records", "acme") + "/apply-rules", Possible: true, Of: 10_000, Totals: login.ReappliedToAll{People: 10_000, Changed: 1, Unchanged: 9_000, Unknown: 999},
		People: []appliedPerson{applied}}
	part := all
	part.Name, part.Applying, part.After, part.Totals.People = sampleName, true, id, 2_500
	applied.Login = below("logins", sampleRefused)
	part.People = []appliedPerson{applied}

	nothing := all
	nothing.Totals, nothing.People = login.ReappliedToAll{People: 10_000, Unchanged: 10_000}, nil

	return []sample{
		{"admin-person-owned", http.StatusUnprocessableEntity, person},
		{"admin-person-why", http.StatusOK, adminWhyPageOf(s.framed("Why Platform team", "people", roles.Editor), ada, team, []store.Reason{{Source: byRule}, {Source: byHand}, {Source: bySync, Run: id}}, &last)},
		{"admin-person-why-not", http.StatusOK, adminWhyPageOf(s.framed("Why Nowhere", "people", roles.Reader), grace, groups.Group{Key: "nowhere", Name: "Nowhere"}, nil, nil)},
		{"admin-person-block-refused", http.StatusConflict, last1},
		{"admin-person-unblock", http.StatusOK, title(unblockPageOf(framed(), blocked))},
		{"admin-person-erase", http.StatusUnprocessableEntity, erase},
		{"admin-person-exemption", http.StatusUnprocessableEntity, exemption},
		{"admin-person-apply", http.StatusOK, apply},
		{"admin-person-apply-nothing-recorded", http.StatusOK, old},
		{"admin-record-apply", http.StatusOK, all},
		{"admin-record-apply-part", http.StatusOK, part},
		{"admin-record-apply-nothing", http.StatusOK, nothing},
	}
}
