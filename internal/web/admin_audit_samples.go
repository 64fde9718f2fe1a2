package web

import (
	"net/http"
	"strings"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// auditSamples are the states of the audit trail's page.
func auditSamples(s sampling) []sample {
	now := s.now
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	of := func(role roles.Role) adminAuditPage {
		return adminAuditPage{adminFrame: s.framed("Audit", "audit", role)}
	}
	choices := []string{string(audit.BackDoorUsed), string(audit.LoggedIn), string(audit.RecordChanged)}
	authors := []string{"command line: root", "grace", "token: ci"}
	trail, notFound, asked := of(roles.Editor), of(roles.Reader), of(roles.Reader)
	notFound.Action, notFound.Who, notFound.Alarms, notFound.From = "nothing_such", "<b>grace</b>", true, "yesterday"
	notFound.Problem = "“yesterday” is no instant. Write one like 2026-03-01T12:00, in UTC."
	asked.User = "ada"
	acme := users.Account{ID: id, Profile: users.Profile{Username: "ada", FirstName: "Ada", LastName: "Okafor"}}
	asked = asked.withOptions(choices, authors).whoIsMeant([]store.Listed{
		{Account: acme, Record: store.Edition{Key: "acme", State: idms.Active}}, {Account: acme, Record: store.Edition{Key: "globex", State: idms.Active}}})
	for _, one := range []audit.Event{
		{At: now, Action: audit.BackDoorUsed, Alarm: true, User: id, Address: "192.0.2.7"},
		{At: now, Action: audit.RecordChanged, Who: "grace", Record: "acme", Reason: "the new pattern", Changes: []audit.Change{
			{Field: "access_rules[cloud-admins].pattern", From: "^cloud$", To: "^cloud-admins$"}, {Field: "name", To: "Acme"}, {Field: "saml.audience", From: "urn:x"},
			{Field: "saml.certificates[0]", From: strings.Repeat("MIIC8DCCAdigAwIBAgIQ", 9), To: strings.Repeat("MIIDBTCCAe2gAwIBAgIQ", 9)}}},
		{At: now, Action: audit.MemberAdded, Who: "ليلى", User: id, Group: "platform", Reason: sampleName},
		{At: now, Action: audit.LeftBehindRemoved, Who: "token: ci", Record: "acme", Group: "platform", Changes: []audit.Change{{Field: "members", From: "5000", To: "0"}}},
		{At: now, Action: audit.LoginRefused, Record: "acme", Trace: "EAETGN8VW2", Code: trace.AudienceMismatch, Address: "2001:db8::7"},
		{At: now, Action: audit.JobFailed, Alarm: true, Who: "system", Reason: strings.Repeat("unbroken", 30)},
	} {
		username := ""
		if one.User != "" {
			username = "ada"
		}
		trail.Events = append(trail.Events, eventRowOf(one, username, true))
	}
	return []sample{
		{"admin-audit", http.StatusOK, trail.withOptions(choices, authors)},
		{"admin-audit-none", http.StatusOK, of(roles.Editor).withOptions(nil, nil)},
		{"admin-audit-nothing-found", http.StatusUnprocessableEntity, notFound.withOptions(choices, authors)},
		{"admin-audit-who-is-meant", http.StatusUnprocessableEntity, asked},
	}
}
