package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// rulesSamples are the states of a record's rules, and of what is shown before a
// record is saved.
func rulesSamples(s sampling) []sample {
	framed := func(role roles.Role) adminFrame { return s.framed("Rules", "records", role) }
	draftOf := func(base idms.Record, edits ...idms.RuleEdit) draft {
		base.ID = "01890a5d-ac96-774b-bcce-b302099a8057"
		d := draft{base: base}
		var err error
		if d.document, err = idms.DocumentOf(base).Edited(edits); err != nil {
			panic(err) // they are written below
		}
		d.record, d.problems = d.document.Checked()
		return d
	}
	person := func(username string, attributes ...rules.Attribute) idms.Recorded {
		all := append(rules.Attributes{{Name: "username", Values: []string{username}}, {Name: "email", Values: []string{username + "@acme.example"}},
			{Name: "first_name", Values: []string{"A"}}, {Name: "last_name", Values: []string{"B"}}, {Name: "employment", Values: []string{"employee"}}}, attributes...)
		return idms.Recorded{Account: users.Account{ID: "01890a5d-ac96-774b-bcce-b302099a8057", Profile: users.Profile{Username: username}},
			At: s.now, Until: s.now.AddDate(0, 1, 0), Assertion: saml.Assertion{NameID: saml.NameID{Value: username}, Attributes: all}}
	}
	long := strings.Repeat("wolfeschlegelstein", 8)
	recent := []idms.Recorded{
		person("ada", rules.Attribute{Name: "groups", Values: []string{"staff", "cloud-admins", "platform"}}),
		person("ليلى", rules.Attribute{Name: "groups", Values: []string{"staff", strings.Repeat("deep/", 60) + "cloud-admins" + strings.Repeat("/deeper", 60)}}),
		person(long),
	}
	pageOf := func(role roles.Role, in rulesForm, d draft) adminRulesPage {
		in.Seen = d.base.Version
		page := adminRulesPageOf(framed(role), in, d)
		if page.Edits() {
			out := trial{Pasted: in.Pasted, Person: in.Person, Judgement: judge(in.Open, d, cameIn(recent))}
			page.Trial = tryOn(out, in.Open, d, nil, recent, nil, s.now)
			page.offer(cameIn(recent))
		}
		return page
	}
	record := sampleRecord()
	plain := draftOf(record)
	blank := record
	blank.Validation, blank.Access, blank.Associations = nil, nil, nil
	empty := pageOf(roles.Editor, rulesForm{}, draftOf(blank))
	empty.Trial = trial{}

	edits := []idms.RuleEdit{
		{List: accessRules, Do: idms.RemoveRule, Key: "staff"},
		{List: associations, Do: idms.AddRules, Put: []idms.RuleText{{RuleDocument: idms.RuleDocument{Key: "second", Attribute: "groups", Pattern: "platform"}, Group: "platform"}}},
		{List: validationRules, Do: idms.AddRules, Put: []idms.RuleText{{RuleDocument: idms.RuleDocument{Attribute: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/" + strings.Repeat("department", 12), Pattern: "^" + strings.Repeat("x", 300) + "$", Values: "none", Match: "full", IgnoreCase: true}}}},
	}
	changed := draftOf(record, edits...)
	open, _ := changed.openAt(associations, "second")
	open.Text.Attribute, open.Text.UpdateOnLogin = "Group", true
	editing := pageOf(roles.Owner, rulesForm{Edits: edits, Open: open, Pasted: "groups=staff", Reason: "the new team"}, changed)
	editing.Newer = true

	wrong := newRule(accessRules)
	wrong.Text.Attribute, wrong.Text.Pattern = "groups", "^cloud(?=-admins)$"
	_, problems, _ := plain.withOpen(wrong)
	refused := pageOf(roles.Editor, rulesForm{Open: wrong, problem: append(problems, fault.Problem{Field: "rule.place", Message: "Write the place as a number from 1."})}, plain)

	bulk := bulkRules{List: associations, Lines: "^platform$ → platform\nno arrow\n", UpdateOnLogin: true}
	_, problems = bulk.rules()
	many := pageOf(roles.Editor, rulesForm{Bulk: bulk, problem: problems}, plain)
	nobody := pageOf(roles.Editor, rulesForm{Query: "<b>nowhere</b>"}, plain)
	back := pageOf(roles.Editor, rulesForm{Edits: edits[:1], problem: fault.Problems{{Message: saidBack}}}, draftOf(record, edits[:1]...))

	return append([]sample{
		{"admin-rules", http.StatusOK, pageOf(roles.Editor, rulesForm{}, plain)},
		{"admin-rules-none", http.StatusOK, empty},
		{"admin-rules-as-reader", http.StatusOK, pageOf(roles.Reader, rulesForm{}, plain)},
		{"admin-rules-editing", http.StatusOK, editing},
		{"admin-rules-refused", http.StatusUnprocessableEntity, refused},
		{"admin-rules-many", http.StatusUnprocessableEntity, many},
		{"admin-rules-nothing-found", http.StatusOK, nobody},
		{"admin-rules-back", http.StatusOK, back},
	}, rehearsalSamples(s, record, changed.record)...)
}

func rehearsalSamples(s sampling, before, after idms.Record) []sample {
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	var r idms.Rehearsal
	for i := range 412 {
		turn := idms.Turn{ID: id, Username: fmt.Sprintf("person-%03d", i), From: console.Full, To: console.Full}
		switch {
		case i < 3:
			turn.Username, turn.LosesLogin, turn.To, turn.Will = []string{"ada", "ليلى", strings.Repeat("wolfeschlegelstein", 8)}[i], true, console.NoAccess, trace.NoAccess
		case i < 80:
			turn.To = console.Restricted
			turn.Leaves = []string{"platform"}
		case i < 82:
			turn.GainsLogin, turn.From, turn.Was = true, console.NoAccess, trace.ValidationFailed
			turn.Joins = []string{"everyone", "night-shift"}
		case i == 82:
			turn.OtherAccount = true
		case i < 95:
			r.AddUnknown()
			continue
		}
		r.Add(turn)
	}
	in := intent{proposal: proposal{Record: after, Seen: before.Version, Then: "/admin/records/acme/rules", Reason: "the new team"},
		From: "/admin/records/acme/rules", Typed: url.Values{"do": {"save"}, "edits": {`{"edits":[]}`}}}
	told := consequences{Rehearsal: r, Ended: 2, Version: before.Version + 1, Grave: r.Grave(), digest: "x", Warnings: after.WarningsOfReplacing(before),
		Changes: []audit.Change{{Field: "access_rules[staff].pattern", From: "^staff$"}, {Field: "associations[second].group", To: "platform"}, {Field: "saml.audience", From: strings.Repeat("urn:long:", 20), To: "urn:x"}}}
	pageOf := func(in intent, told consequences) adminRehearsalPage {
		page, err := adminRehearsalPageOf(s.framed("Before it is saved", "records", roles.Editor), in, told)
		if err != nil {
			panic(err) // everything in it can be written
		}
		return page
	}
	whole := pageOf(in, told)
	unconfirmed := whole
	unconfirmed.Problems = fault.Problems{{Field: "confirmed", Message: "Tick the box if this is what you mean. Nothing was saved."}}
	again := whole
	again.Again = true
	fresh := in
	fresh.Seen, fresh.From, fresh.Back = 0, "", "/admin/records"
	unfinished := told
	unfinished.Unfinished = true
	part := pageOf(in, unfinished)
	part.MoreKinds = 12
	first := pageOf(fresh, consequences{Version: 1, digest: "x", Warnings: fault.Problems{{Field: "access_rules", Message: "There are no access rules, so everyone who logs in has Full Access."}}})

	theirs := before
	theirs.Version, theirs.Name = before.Version+1, sampleName
	theirs.Access = append([]console.Grant{}, before.Access...)
	theirs.Access[0].Level = console.Full
	changed, err := adminChangedPageOf(s.framed("Changed meanwhile", "records", roles.Editor), in, before, theirs,
		[]store.Version{{Number: before.Version + 1, Author: "ellen", Reason: "staff may open consoles", At: s.now}})
	if err != nil {
		panic(err) // everything in it can be written
	}
	same := changed
	same.Nothing, same.Collisions, same.Mine = true, nil, nil
	stopped, err := adminStoppedPageOf(s.framed("Not saved", "records", roles.Editor), in, fault.Problems{{Field: "associations[second].group", Message: `There is no group "platform". Add it under groups, or correct the key.`}})
	if err != nil {
		panic(err) // everything in it can be written
	}
	locked := stopped
	locked.Problems, locked.Sentence = nil, "After this, no owner of idms could log in any more. Make somebody else an owner first."
	locked.Owners = []ownerRow{{sampleName, below("people", id), "acme", recordPage("acme")}}
	return []sample{
		{"admin-rehearsal", http.StatusOK, whole},
		{"admin-rehearsal-unconfirmed", http.StatusUnprocessableEntity, unconfirmed},
		{"admin-rehearsal-again", http.StatusOK, again},
		{"admin-rehearsal-new-record", http.StatusOK, first},
		{"admin-rehearsal-unfinished", http.StatusOK, part},
		{"admin-changed", http.StatusConflict, changed},
		{"admin-changed-to-the-same", http.StatusConflict, same},
		{"admin-stopped", http.StatusUnprocessableEntity, stopped},
		{"admin-stopped-last-owner", http.StatusConflict, locked},
	}
}
