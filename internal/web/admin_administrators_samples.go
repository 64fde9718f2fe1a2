package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/tokens"
	"idms/internal/users"
)

// administratorsSamples are the pages of owners: who administers, who is exempt,
// tokens and settings.
func administratorsSamples(s sampling) []sample {
	now := s.now
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	framed := func(title, here string) adminFrame { return s.framed(title, here, roles.Owner) }
	person := func(username, first, last string) users.Account {
		return users.Account{ID: id, Profile: users.Profile{Username: username, Email: username + "@acme.example", FirstName: first, LastName: last}, LastSeen: now.Add(-time.Hour)}
	}
	grace := store.Administrator{Account: person("grace", "Grace", "Mensah"), Role: roles.Owner, Record: idms.LocalKey, Local: true, Able: true, SecondFactor: true, ByHand: true}
	rita := store.Administrator{Account: person("rita", "", ""), Role: roles.Reader, Record: idms.LocalKey, Local: true, ByHand: true, Address: now.Add(20 * time.Hour)}
	rita.Account.LastSeen = time.Time{}
	ada := store.Administrator{Account: person("ada", "Ada", "Okafor"), Role: roles.Editor, Record: "acme", Able: true}
	layla := store.Administrator{Account: person("layla", "ليلى", "حداد"), Role: roles.Editor, Record: "globex"}
	novel := store.Administrator{Account: person(strings.Repeat("wolfeschlegelstein", 8), strings.Repeat("Hubert Blaine ", 9), "Wolfe"), Role: roles.Reader, Record: "acme", Able: true}
	novel.Account.State = users.Blocked

	list := adminAdministratorsPage{adminFrame: framed("Administrators", "administrators"), Nav: administratorsNav("administrators")}
	for _, one := range []store.Administrator{grace, ada, layla, rita, novel} {
		list.List = append(list.List, administratorRowOf(one, ""))
	}
	list.List[0].You = true
	list.paging = paging{Next: administratorsPath + "?cursor=x"}
	list = list.withOptions()
	unfound := list
	unfound.List, unfound.paging, unfound.Query = nil, paging{}, "zelda"

	byHand := store.Membership{Group: groups.Group{Key: roles.Owner.Group(), Name: roles.Owner.GroupName()}, Sources: []groups.Source{{Kind: groups.Manual, By: "command line: root", Since: now}}}
	byRule := store.Membership{Group: groups.Group{Key: roles.Editor.Group(), Name: roles.Editor.GroupName()}, Sources: []groups.Source{{Kind: groups.FromAssociation, Record: "acme", By: "editors", Since: now}}}
	around := framed("Administrator", "administrators")
	local := administratorPageOf(around, rita, []store.Membership{byHand}, "")
	local.Mails = true
	named := ada
	named.Account.Profile.FirstName = sampleName
	through := administratorPageOf(around, named, []store.Membership{byRule}, "")
	last := administratorPageOf(around, grace, []store.Membership{byHand}, id)
	last.Chosen = ""
	last.Problems.Add("role", "After this, no owner of idms could log in any more: grace is the last owner who can log in. Make somebody else an owner first.")
	last = last.withOptions()

	choose := adminChoosePage{adminFrame: framed("Give somebody a role", "administrators"), Nav: administratorsNav("administrators")}
	found, nobody := choose, choose
	found.Query, found.More = "a", true
	for _, one := range []store.Administrator{ada, layla, novel} {
		found.People = append(found.People, personRowOf(store.Listed{Account: one.Account, Record: store.Edition{Key: one.Record}}))
	}
	nobody.Query = "<b>nobody</b>"

	invite := adminInvitePage{adminFrame: framed("Invite an administrator", "administrators"), Nav: administratorsNav("administrators"), Chosen: "reader", exemptionForm: exemptionFormOf(nil, now)}
	refused := invite
	refused.Title, refused.Exempt, refused.Mails, refused.Nav = "Invite somebody who is exempt", true, true, administratorsNav("exemptions")
	refused.Typed = users.Profile{Username: "eva marta", Email: "eva at audit", FirstName: "חוה"}
	refused.Problems = refused.Typed.CheckLocal()
	refused.read(url.Values{"ends": {"2020-01-01T00:00"}}, now)

	address := adminAddressPage{adminFrame: framed("One-time address", "administrators"), Username: "rita", Made: true, Ends: exact(now.Add(24 * time.Hour)),
		Address: "https://login.example.com/door/choose/" + strings.Repeat("k3v9q1x7", 5), Back: target{"All administrators", administratorsPath}}
	mailed, lost := address, address
	mailed.Mail, mailed.Made = "rita@acme.example", false
	lost.Username, lost.NotSent = sampleName, "The mail server smtp.example.com cannot be reached. Look at mail.host and mail.port."

	exempt := adminExemptionsPage{adminFrame: framed("Exempt people", "administrators"), Nav: administratorsNav("exemptions"), exemptionForm: exemptionFormOf(nil, now)}
	exempt.exemptionsFilter = exempt.exemptionsFilter.withOptions()
	some := exempt
	some.Enforced = true
	for _, one := range []store.Exempted{
		sampleExempted(id, "former-auditor", "The audit of last year", now.AddDate(-1, 0, 0), now.AddDate(0, -1, 0)),
		sampleExempted(id, "ليلى", sampleName, now, now.AddDate(0, 0, 3)),
		sampleExempted(id, strings.Repeat("unbroken", 12), strings.Repeat("because ", 60), now, now.AddDate(0, 9, 0)),
	} {
		some.List = append(some.List, exemptionRowOf(one, now))
	}
	some.Username = "nobody"
	some.Problems.Add("username", "There is no local person of this username.")
	some.read(url.Values{"reason": {"because"}, "ends": {"soon"}}, now)

	tokenPage := adminTokensPage{adminFrame: framed("API tokens", "tokens"), Chosen: "reader", Ends: dayOf(now.Add(tokenLife)), Soonest: dayOf(now), Latest: dayOf(now.AddDate(1, 0, 0))}
	noTokens := tokenPage.withOptions()
	for _, one := range []tokens.Token{
		{ID: id, Name: "nightly-report", Role: roles.Reader, Created: now.AddDate(0, -1, 0), By: "grace", Expires: now.AddDate(0, 2, 0), Used: now},
		{ID: id, Name: "ci-" + strings.Repeat("long-", 11) + "name", Role: roles.Owner, Created: now, By: "command line: root", Expires: now.AddDate(0, 0, 5)},
		{ID: id, Name: "old", Role: roles.Editor, Created: now.AddDate(-1, 0, 0), By: "grace", Expires: now},
	} {
		tokenPage.List = append(tokenPage.List, tokenRowOf(one, now))
	}
	tokenPage.List[0].By = sampleName
	tokenPage.Name = "Nightly Report"
	tokenPage.Problems = tokens.Token{Name: tokenPage.Name, Role: roles.Reader, Expires: now.AddDate(2, 0, 0)}.Check(now)
	revoke := adminRevokePage{adminFrame: framed("Revoke an API token", "tokens"), Token: tokenPage.List[0], Typed: "nightly"}
	revoke.Problems.Add("name", "Type the name of the token, %s, to revoke it.", revoke.Token.Name)

	settings := adminSettingsPage{adminFrame: framed("Settings", "settings"), Seen: "x", BaseURLs: []string{"https://login.example.com"}, Local: 1, MyEmail: "grace@acme.example",
		Fields: settingFields(config.Defaults(), nil), Tests: optionsOf("", option{Value: "acme", Label: "Acme"}, option{Value: "globex", Label: strings.Repeat("Regional Hospitals ", 6)})}
	enforced := settings
	base := config.Defaults()
	base.Given = map[string]string{"session.length": "the configuration file", "retention.audit": "a flag"}
	enforced.Fields = settingFields(base, map[string]string{"session.length": "8h", "session.idle": "30m", "portal_name": "بوابة السحابة"})
	enforced.Enforced, enforced.Exempt, enforced.DoorShut, enforced.ThroughRecord = true, 2, true, 3
	enforced.BaseURLs, enforced.Portals = []string{"https://login.example.com", "https://login.example.org"}, []string{"https://portal.example.com"}
	enforced.MailServer, enforced.Sender = "smtp.example.com", "idms@example.com"
	proved := settings
	proved.Provider = proofRowOf(store.Proof{At: now, Test: true, Record: "acme", Who: "grace"})
	proved.BackDoor = proofRowOf(store.Proof{At: now, Who: sampleName})
	proved.Fields = settingFields(config.Defaults(), nil)
	proved.Fields[1].Value, proved.Fields[4].Value = "soon", "1d"
	proved.Problems = fault.Problems{{Field: "session.length", Message: "Write a time with its unit, such as 30m, 12h or 90d."},
		{Field: "agreed", Message: "This removes things for good. Look at what, and agree to it below."}}
	proved.Agreement = "kept for retention.traces=1d"
	proved.Doomed = []string{"1234 logins that are explained", "88 last assertions of people"}

	return []sample{
		{"admin-administrators", http.StatusOK, list},
		{"admin-administrators-none", http.StatusOK, unfound},
		{"admin-administrator", http.StatusOK, local},
		{"admin-administrator-by-rule", http.StatusOK, through},
		{"admin-administrator-last-owner", http.StatusConflict, last},
		{"admin-choose", http.StatusOK, choose},
		{"admin-choose-found", http.StatusOK, found},
		{"admin-choose-nobody", http.StatusOK, nobody},
		{"admin-invite", http.StatusOK, invite.withOptions()},
		{"admin-invite-refused", http.StatusUnprocessableEntity, refused},
		{"admin-address", http.StatusOK, address},
		{"admin-address-mailed", http.StatusOK, mailed},
		{"admin-address-not-sent", http.StatusOK, lost},
		{"admin-exemptions-none", http.StatusOK, exempt},
		{"admin-exemptions", http.StatusUnprocessableEntity, some},
		{"admin-tokens-none", http.StatusOK, noTokens},
		{"admin-tokens", http.StatusUnprocessableEntity, tokenPage.withOptions()},
		{"admin-token", http.StatusOK, adminTokenPage{framed("New API token", "tokens"), tokenPage.List[0], "idms_" + strings.Repeat("k3v9q1x7", 5),
			`curl -H "Authorization: Bearer $TOKEN" https://login.example.com/api/v1/records`}},
		{"admin-token-revoke", http.StatusUnprocessableEntity, revoke},
		{"admin-settings", http.StatusOK, settings},
		{"admin-settings-enforced", http.StatusOK, enforced},
		{"admin-settings-refused", http.StatusUnprocessableEntity, proved},
	}
}

// sampleExempted is somebody with an exemption.
func sampleExempted(id, username, reason string, granted, ends time.Time) store.Exempted {
	return store.Exempted{Listed: store.Listed{Account: users.Account{ID: id, Profile: users.Profile{Username: username, Email: username + "@audit.example"}}},
		Exemption: store.Exemption{Reason: reason, By: "grace", Granted: granted, Ends: ends}}
}
