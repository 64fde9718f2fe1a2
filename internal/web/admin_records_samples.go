package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/upkeep"
)

// recordSamples are the list of records and the pages of one, certificates included.
func recordSamples(s sampling) []sample {
	now := s.now
	const day = 24 * time.Hour
	long := strings.Repeat("Regional Hospitals ", 5)
	digest := func(n int) string { return strings.Repeat(fmt.Sprintf("%02x", n), 32) }
	certificate := func(record, name, purpose string, ours bool, left time.Duration) upkeep.Certificate {
		one := upkeep.Certificate{Record: record, Name: name, Purpose: purpose, Ours: ours, Subject: "CN=" + record, Fingerprint: digest(int(left.Hours())&0xff | len(purpose)),
			NotBefore: now.Add(-300 * day), NotAfter: now.Add(left), DaysLeft: int(left / day), Used: now.Add(-3 * time.Hour)}
		if left < 0 {
			one.DaysLeft--
		}
		for _, days := range []int{60, 30, 14, 7, 1} {
			if left <= time.Duration(days)*day {
				one.Warn = days
			}
		}
		return one
	}
	const theirs, ours = "provider: signs responses", "ours: signs and decrypts"

	// The list.
	list := func(role roles.Role) adminRecordsPage {
		return adminRecordsPage{adminFrame: s.framed("Identity management systems", "records", role)}
	}
	full, asReader, nothing, notFound := list(roles.Editor), list(roles.Reader), list(roles.Editor), list(roles.Editor)
	notFound.Query, notFound.State = "<b>nothing</b>", "draft"
	for _, one := range []struct {
		summary     store.Summary
		certificate badge
		sync        badge
	}{
		{store.Summary{Edition: store.Edition{Key: "acme", Name: "Acme", State: idms.Active, Version: 7}, People: 4812, LastLogin: now.Add(-time.Minute)},
			certificateBadge([]upkeep.Certificate{certificate("acme", "Acme", theirs, false, 9*day)}), syncBadge(store.Run{ID: "1", Ended: now.Add(-12 * time.Minute)}, false, now)},
		{store.Summary{Edition: store.Edition{Key: "globex", Name: long, State: idms.Draft, Version: 1}}, badge{}, badge{}},
		{store.Summary{Edition: store.Edition{Key: "initech", Name: "אקמה בע״מ", State: idms.Disabled, Version: 12}, People: 1, LastLogin: now.AddDate(0, -2, 0)},
			certificateBadge([]upkeep.Certificate{certificate("initech", "I", theirs, false, -3*day)}), syncBadge(store.Run{ID: "2", Ended: now.Add(-26 * time.Hour), Outcome: store.RunFailed}, false, now)},
		{store.Summary{Edition: store.Edition{Key: strings.Repeat("umbrella-", 6) + "x", Name: "Umbrella", State: idms.Active, Version: 2}, People: 20},
			certificateBadge([]upkeep.Certificate{certificate("u", "U", ours, true, 5*day)}), syncBadge(store.Run{ID: "3", Ended: now.Add(-3 * day), Outcome: store.RunHeld}, false, now)},
	} {
		row := summaryRowOf(one.summary, now)
		row.Certificate, row.Sync = one.certificate, one.sync
		full.Records = append(full.Records, row)
	}
	full.paging = paging{Next: adminPath + "/records?cursor=x"}

	// One record.
	of := func(record idms.Record, here string, role roles.Role) recordFrame {
		return recordFrameOf(s.framed("Record", "records", role), record, here)
	}
	acme := sampleRecord()
	acme.SAML = saml.Settings{MetadataURL: "https://idp.acme.example/metadata", PreviousOrigins: []string{"https://old.example.com"}}
	view := recordView{row: full.Records[0], sessions: 312, now: now, sp: acme.SAML.SP("acme", "https://login.example.com", nil),
		standing: upkeep.Standing{Certificates: []upkeep.Certificate{certificate("acme", "Acme", theirs, false, 9*day), certificate("acme", "Acme", ours, true, 3000*day)}},
		source: store.MetadataSource{Fetched: now.Add(-time.Hour), Waiting: "x", WaitingSince: now.Add(-2 * time.Hour), WaitingFor: []audit.Change{
			{Field: "sso_url", From: "https://idp.acme.example/sso (redirect)"}, {Field: "sso_url", To: "https://login.acme.example/" + strings.Repeat("sso", 60) + " (redirect)"},
			{Field: "certificates", To: digest(7)}}},
		warnings: fault.Problems{{Field: "access_rules[0].pattern", Message: "The pattern is not anchored: it is true for every value that holds staff."},
			{Field: "saml.metadata_url", Message: "The metadata travels unprotected, so certificates that are new in it wait for approval unless it is signed."}}}
	recordOf := func(record idms.Record, view recordView, role roles.Role) adminRecordPage {
		page, err := adminRecordPageOf(of(record, "", role), record, view)
		if err != nil {
			panic(err) // it is written above
		}
		page.Logins = []loginRow{loginRowOf(store.Trace{Ref: "9XK2M4T7QB", Record: "acme", At: now, Admitted: true, UserID: "x"}, "ada", true)}
		return page
	}
	whole := recordOf(acme, view, roles.Owner)
	whole.Provider.Unknown, whole.Provider.Issuer = "", "https://idp.acme.example/metadata"
	whole.Provider.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://idp.acme.example/sso"}, {Binding: saml.POST, URL: "https://idp.acme.example/sso"}}
	refused := recordOf(renamed(acme), view, roles.Editor)
	refused.Problems = fault.Problems{{Message: "The address https://idp.acme.example/metadata did not answer within 10 seconds."}}
	draft := idms.Record{Key: "globex", Name: long, State: idms.Draft, Version: 1}
	bare := recordOf(draft, recordView{row: full.Records[1], now: now, sp: draft.SAML.SP("globex", "https://login.example.com", nil)}, roles.Reader)
	bare.Logins, bare.Cut = nil, true

	// Its state.
	state := func(to recordChange, role roles.Role) adminRecordStatePage {
		return adminRecordStatePage{recordFrame: of(sampleRecord(), "", role), To: to, Seen: 7, Sessions: 312, People: 4812, Members: 20177}
	}
	untested, wrongName, lastOwner := state(toActive, roles.Editor), state(toDeleted, roles.Owner), state(toDisabled, roles.Owner)
	untested.Warnings = []recordWarning{{Field: "state", Message: "The record is switched on, and no test login of exactly this version has passed."}}
	wrongName.Typed, wrongName.Reason, wrongName.Problems = "acne", "the contract ended", fault.Problems{{Field: "name", Message: "This is not the name of the record. Write Acme, or its key acme."}}
	lastOwner.recordFrame = of(renamed(sampleRecord()), "", roles.Owner)
	lastOwner.Hinders = []recordWarning{{Message: "This would leave no owner who can log in. The last one is grace."}}

	// Its versions.
	versions := versionsPageOf(of(acme, "versions", roles.Reader), []store.Version{{Number: 7, Author: "grace", Reason: "the new pattern of the cloud team", At: now},
		{Number: 6, Author: "ليلى", Reason: "https://idp.acme.example/metadata", At: now.AddDate(0, -1, 0)}, {Number: 1, Author: "command line: root", At: now.AddDate(-1, 0, 0)}})
	noVersions := versionsPageOf(of(renamed(acme), "versions", roles.Reader), nil)
	versions.paging = paging{Next: "/admin/records/acme/versions?cursor=x"}
	changes := []audit.Change{{Field: "access_rules (order)", From: "staff, cloud-admins", To: "cloud-admins, staff"}, {Field: "access_rules[cloud-admins].pattern", From: "^cloud$", To: "^cloud-admins$"},
		{Field: "associations[platform]", From: "", To: "{}"}, {Field: "button.label", To: "العربية"}, {Field: "saml.metadata certificates", From: digest(1), To: ""},
		{Field: "saml.audience", From: strings.Repeat("unbroken", 30), To: "urn:x"}, {Field: "…", To: "12 more changes"}}
	compare := versionsComparedOf(of(acme, "versions", roles.Reader), 6, 7, changes)
	odd := versionsComparedOf(of(acme, "versions", roles.Reader), 6, 7, nil)
	odd.Problem = "“seven” is no number of a version. They count from 1 to 7."
	version := func(number int, role roles.Role) adminVersionPage {
		page, err := versionPageOf(of(acme, "versions", role), []store.Version{{Number: number, Author: "grace", Reason: "the first one", At: now.AddDate(0, -1, 0)}}, acme, changes)
		if err != nil {
			panic(err) // it is written above
		}
		return page
	}
	former, barred := version(3, roles.Editor), version(2, roles.Editor)
	barred.Hinders = []recordWarning{{Field: "associations[0].group", Message: "There is no group \"former\". Add it under groups, or correct the key."}}

	// Its certificates and keys, and those of all.
	all := []upkeep.Certificate{
		certificate("initech", "אקמה בע״מ", theirs, false, -3*day), certificate("acme", "Acme", theirs, false, 9*day),
		certificate("globex", long, theirs, false, 45*day), certificate("umbrella", "Umbrella", "provider: signs its metadata", false, 400*day),
		certificate("acme", "Acme", ours, true, 3000*day),
	}
	timeline := adminCertificatesPage{adminFrame: s.framed("Certificates and keys", "certificates", roles.Reader)}
	noneFit, none := timeline, timeline
	noneFit.Record, noneFit.Soon = "nowhere", true
	for _, one := range all {
		timeline.Certificates = append(timeline.Certificates, certificateRowOf(one, now))
	}
	keys := func(role roles.Role, list ...upkeep.Key) adminRecordKeysPage {
		page := recordKeysPageOf(of(acme, "certificates", role), acme, list, append(all[1:2:2], all[4]), now)
		page.Metadata = view.sp.MetadataURL
		return page
	}
	signs, early := upkeep.Key{Part: store.CurrentKey, Since: now.AddDate(-1, 0, 0)}, upkeep.Key{Part: store.NextKey, Since: now.Add(-time.Hour)}
	tooSoon := keys(roles.Editor, signs, early)
	tooSoon.Problems = fault.Problems{{Message: "The next key has been announced since 2026-03-01 11:00 UTC only."}}
	untold := keys(roles.Reader)
	untold.recordFrame, untold.Theirs = of(renamed(acme), "certificates", roles.Reader), nil

	examined := examinePageOf(of(acme, "", roles.Editor), []upkeep.Finding{
		{Record: "acme", Check: "settings", Gravity: upkeep.Healthy, Say: "The record is active, and its settings are well."},
		{Record: "acme", Check: "metadata", Gravity: upkeep.Warning, Say: "Since 2026-03-01 10:00 UTC this waits for approval: sso_url gains https://login.acme.example/sso (redirect)."},
		{Record: "acme", Check: "clock", Gravity: upkeep.Problem, Say: "This clock and the metadata host's are 11m0s apart. Responses are held against this clock: synchronise it."},
		{Record: "acme", Check: "rules", Gravity: upkeep.Warning, Say: "The access rule staff reads groups, which none of 40 recorded people has brought. Compare the name with what the provider sends."},
	})

	return []sample{
		{"admin-records", http.StatusOK, full.withOptions()},
		{"admin-records-none", http.StatusOK, nothing.withOptions()},
		{"admin-records-none-as-reader", http.StatusOK, asReader.withOptions()},
		{"admin-records-nothing-found", http.StatusOK, notFound.withOptions()},
		{"admin-record", http.StatusOK, whole},
		{"admin-record-not-read", http.StatusBadGateway, refused},
		{"admin-record-draft-as-reader", http.StatusOK, bare},
		{"admin-record-examine", http.StatusOK, adminExaminePage{recordFrame: of(renamed(acme), "", roles.Editor)}},
		{"admin-record-examined", http.StatusOK, examined},
		{"admin-record-switch-on", http.StatusOK, untested},
		{"admin-record-disable", http.StatusOK, state(toDisabled, roles.Editor)},
		{"admin-record-disable-last-owner", http.StatusOK, lastOwner},
		{"admin-record-delete", http.StatusUnprocessableEntity, wrongName},
		{"admin-versions", http.StatusOK, versions},
		{"admin-versions-none", http.StatusOK, noVersions},
		{"admin-versions-compared", http.StatusOK, compare},
		{"admin-versions-compared-odd", http.StatusUnprocessableEntity, odd},
		{"admin-version", http.StatusOK, former},
		{"admin-version-barred", http.StatusOK, barred},
		{"admin-certificates", http.StatusOK, timeline.withOptions()},
		{"admin-certificates-none", http.StatusOK, none.withOptions()},
		{"admin-certificates-nothing-found", http.StatusOK, noneFit.withOptions()},
		{"admin-record-certificates", http.StatusOK, keys(roles.Owner, signs)},
		{"admin-record-certificates-announced", http.StatusOK, keys(roles.Owner, signs, early)},
		{"admin-record-certificates-too-soon", http.StatusConflict, tooSoon},
		{"admin-record-certificates-switched", http.StatusOK, keys(roles.Editor, signs, upkeep.Key{Part: store.FormerKey, Since: now.AddDate(0, 0, -3)})},
		{"admin-record-certificates-untold", http.StatusOK, untold},
	}
}
