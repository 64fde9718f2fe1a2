package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/roles"
	"idms/internal/store"
)

// directorySamples are the pages of directory sync.
func directorySamples(s sampling) []sample {
	framed, now := s.framed, s.now
	settings := ldapsync.Settings{
		Preset: ldapsync.ActiveDirectory, Hosts: []string{"dc1.example.com", "dc2.example.com"}, BindDN: "idms@example.com", BaseDN: "dc=example,dc=com",
		Schedule: ldapsync.Schedule{Every: "30m"},
	}
	record := idms.Connection{ID: "r", Key: "acme", Name: "Acme", State: idms.Active, Association: idms.FromDirectory, Directory: &settings}
	run := func(outcome store.RunOutcome, counts map[ldapsync.Kind]int) store.Run {
		return store.Run{
			ID: "01890a5d-ac96-774b-bcce-b302099a8057", Record: "acme", Began: now.Add(-13 * time.Minute), Ended: now.Add(-12 * time.Minute), Cause: directory.BySchedule,
			Outcome: outcome, Host: "dc1.example.com:636", People: 12345, Groups: 210, Counts: counts,
		}
	}
	applied := run(store.RunApplied, map[ldapsync.Kind]int{ldapsync.AddPerson: 3, ldapsync.UpdatePerson: 12, ldapsync.AddMember: 40, ldapsync.RemoveMember: 17, ldapsync.GonePerson: 1})
	held := run(store.RunHeld, map[ldapsync.Kind]int{ldapsync.AddPerson: 2, ldapsync.GonePerson: 1204, ldapsync.OutPerson: 36, ldapsync.RemoveMember: 5300, ldapsync.LinkGroup: 1, ldapsync.SkipEntry: 2})
	held.Hash = "5f2c9a01d3b84e77"
	held.Stops = ldapsync.Stops{
		{Code: ldapsync.StopDisables, Count: 1240, Of: 12345, Limit: 1234, Why: "1240 of 12345 people would be shut out; up to 1234 go by themselves."},
		{Code: ldapsync.StopLink, Group: "platform", Why: "The group platform: It is here already, and whoever is in the directory's group would join it."},
	}
	failed := run(store.RunFailed, map[ldapsync.Kind]int{})
	failed.ID, failed.Ended, failed.Code, failed.Error = "01890a5d-ac96-774b-bcce-b302099a8058", now.Add(-3*time.Minute), "bind_refused", "The directory refuses the bind DN or its password: the password has expired."
	rehearsed := run(store.RunRehearsed, held.Counts)
	rehearsed.Stops, rehearsed.Cause, rehearsed.Who = held.Stops, directory.ByPage, "grace"
	good := store.DirectoryState{FirstApplied: now.AddDate(0, -1, 0), LastRun: applied.Began, LastGood: applied.Ended}
	job := store.Job{Name: "directory acme", Turn: 7, Since: now.AddDate(0, -1, 0), Started: applied.Began, Ended: applied.Ended}
	holds := store.Holds{People: 12340, Off: 52, Groups: 210, Members: 48000, Memberships: 47321}

	row := func(key, name string, d directoryNow) directoryRow {
		d.now = now
		if d.record.Key == "" {
			d.record = record
		}
		d.record.Key, d.record.Name = key, name
		return directoryRowOf(d)
	}
	manual, draft, paused := record, record, job
	manual.Association, draft.State, paused.Paused = idms.ByRules, idms.Draft, true
	running := []store.Progress{{Run: "x", RecordID: "r", Cause: directory.ByPage, Who: "grace", Began: now.Add(-20 * time.Second), Phase: string(ldapsync.ReadingPeople),
		PhaseFrom: now.Add(-15 * time.Second), Entries: 4200, Expected: 12340, Seen: now}}
	silent := []store.Progress{running[0], {Run: "y", RecordID: "r", Rehearsal: true, Cause: directory.ByPage, Who: "grace", Began: now.Add(-5 * time.Minute), Phase: directory.Comparing, Seen: now.Add(-4 * time.Minute)}}
	standing := func(last, whole store.Run) store.Standing {
		return store.Standing{State: good, Last: last, Whole: whole}
	}
	rows := []directoryRow{
		row("acme", "Acme", directoryNow{standing: standing(applied, applied), job: job}),
		row("globex", strings.Repeat("Regional Hospitals ", 6), directoryNow{standing: standing(failed, held), job: job}),
		row("initech", "אקמה בע״מ", directoryNow{standing: standing(failed, applied), job: job}),
		row("umbrella", "Umbrella", directoryNow{standing: standing(applied, applied), job: job, underway: running}),
		row("hooli", "Hooli", directoryNow{standing: standing(applied, applied), job: paused}),
		row("stark", "Stark", directoryNow{record: manual}),
		row("wayne", "Wayne", directoryNow{record: draft}),
	}
	list := func(role roles.Role, rows []directoryRow, query, state string) adminDirectoriesPage {
		page := adminDirectoriesPageOf(framed("Directory sync", "directory", role), rows, query, state)
		page.cut(0)
		return page
	}
	overview := func(role roles.Role, d directoryNow, rehearsal store.Job) adminDirectoryPage {
		d.now = now
		if d.record.Key == "" {
			d.record = record
		}
		page := adminDirectoryPageOf(framed("Directory", "records", role), d, rehearsal, holds)
		page.Password = true
		return page
	}
	waiting := overview(roles.Editor, directoryNow{standing: standing(held, held), job: job}, store.Job{})
	rehearsal := runRowOf(rehearsed)
	waiting.Rehearsal = &rehearsal
	noPassword := overview(roles.Owner, directoryNow{record: manual}, store.Job{Asked: now})
	noPassword.Password = false

	long := strings.Repeat("wolfeschlegelstein", 6)
	crowd := make([]string, 3000)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("kim-%d", 5000+i)
	}
	lines := []store.Line{
		{Held: true, Change: ldapsync.Change{Kind: ldapsync.GonePerson, Person: long, User: "01890a5d-ac96-774b-bcce-b302099a8057", DN: "uid=" + long + ",ou=people,dc=example,dc=com", Why: "not found any more"}},
		{Held: true, Change: ldapsync.Change{Kind: ldapsync.OutPerson, Person: "ليلى", User: "01890a5d-ac96-774b-bcce-b302099a8057"}},
		{Held: true, Change: ldapsync.Change{Kind: ldapsync.LinkGroup, Group: "platform", Name: "Platform", Why: "It is here already."}},
		{Change: ldapsync.Change{Kind: ldapsync.RemoveMember, Group: "field-service", People: crowd}},
		{Change: ldapsync.Change{Kind: ldapsync.UpdatePerson, Person: "ada", Fields: []audit.Change{{Field: "email", From: "ada@old.example", To: "ada@example.com"}, {Field: "phone", To: "+44 20 7946 0000"}}}},
		{Change: ldapsync.Change{Kind: ldapsync.SkipEntry, DN: "uid=x,dc=example,dc=com", Why: "It has no external id."}},
	}
	runPage := func(role roles.Role, run store.Run, of store.Standing, filter ldapsync.LineFilter, lines []store.Line) adminRunPage {
		page := adminRunPageOf(framed("Run", "records", role), "Acme", run, of, filter, lines)
		page.Numbers = runNumbers(run, settings.Defaults().Limits, holds)
		return page
	}
	nothing := runPage(roles.Reader, held, standing(held, held), ldapsync.LineFilter{Text: "nobody", Kind: ldapsync.GonePerson}, nil)
	approve := adminApprovePageOf(framed("Approve", "records", roles.Editor), "Acme", held, map[ldapsync.Kind][]store.Line{
		ldapsync.GonePerson: lines[:1], ldapsync.OutPerson: lines[1:2], ldapsync.RemoveMember: lines[3:4], ldapsync.LinkGroup: lines[2:3]}, now)
	wrong := approve
	wrong.Typed, wrong.Problems = "7", fault.Problems{{Field: "number", Message: "Write 6,540: how much this plan takes away."}}
	firstPlan := run(store.RunHeld, map[ldapsync.Kind]int{ldapsync.AddPerson: 12345, ldapsync.AddGroup: 210, ldapsync.AddMember: 48000})
	firstPlan.Stops = ldapsync.Stops{{Code: ldapsync.StopFirst, Why: "This is the first sync of this directory."}}
	first := adminApprovePageOf(framed("Approve", "records", roles.Editor), "Acme", firstPlan, nil, now)

	whole := sampleRecord()
	whole.Directory, whole.Association = &settings, idms.FromDirectory
	editPage := func(typed url.Values, problems fault.Problems) adminDirectoryEditPage {
		return adminDirectoryEditPageOf(framed("Settings", "records", roles.Editor), whole, typed, problems, true)
	}
	typed := directoryTyped(settings, idms.FromDirectory)
	spoiled := directoryTyped(settings, idms.FromDirectory)
	for field, value := range map[string]string{"hosts": "ldaps://dc1", "port": "many", "user_filter": "(uid=", "limits.deactivations.count": "-1", "deadline": "late", "schedule.cron": "0 3 * * *", "schedule.zone": "Atlantis"} {
		spoiled.Set(directoryPrefix+field, value)
	}
	bad, problems := directorySettings(spoiled)
	spoilt := whole
	spoilt.Directory = &bad
	_, found := idms.DocumentOf(spoilt).Checked()
	fresh := whole
	fresh.Directory, fresh.Association = nil, idms.ByRules

	judged := func(err error, results ...directoryTested) []directoryTested {
		results, err = judgeAll(results, err)
		if err != nil {
			panic(err) // it is nil, or a directory's
		}
		return results
	}
	tested := func(result directoryTested) adminDirectoryTestPage {
		page := adminDirectoryTestPageOf(framed("Test", "records", roles.Editor), whole)
		page.Result = &result
		return page
	}
	answers := testedConnection(&ldapsync.Connection{Host: "dc1.example.com:636", Steps: ldapsync.Steps{{Did: "Connect to dc1.example.com:636", Result: "TLS 1.3, CN=dc1.example.com"}, {Did: "Bind as idms@example.com", Result: "accepted"}},
		People: ldapsync.Sample{Entries: 1000, Usable: 980, More: true, Names: []string{"ada", "chen", long}}, Groups: ldapsync.Sample{Entries: 210, Usable: 210, Names: []string{"Platform team"}}})
	silentHost := testedConnection(&ldapsync.Connection{Steps: ldapsync.Steps{{Did: "Connect to dc1.example.com:636", Result: "nobody answers", Failed: true, Fix: ldapsync.Unreachable.Advice()}}})
	someone := testedEntry(&ldapsync.Found{DN: "uid=ada,ou=people,dc=example,dc=com", ExternalID: "0x5f2c9a01d3b84e77", InScope: true, Why: "It is in scope: below the base, and the filter finds it.",
		Mapped: []ldapsync.MappedFrom{{Field: "username", From: "sAMAccountName", Value: "ada"}, {Field: "email", From: "mail", Value: "ada@example.com"}},
		Groups: []string{"Platform team", "שלום"}, Attributes: []ldapsync.Attribute{{Name: "memberOf", Values: []string{"cn=a", "cn=b"}, More: 12}}}, "person", "ada")
	sales := testedEntry(&ldapsync.Found{DN: "cn=sales,dc=example,dc=com", Why: "It is out of scope: it is not below ou=groups,dc=example,dc=com.", Total: 25, Members: []ldapsync.Member{{DN: "uid=ada,dc=example,dc=com", Kind: "person"}, {DN: "cn=dummy", Kind: "nobody"}}}, "group", "Sales")
	unreachable := &ldapsync.Fault{Phase: ldapsync.Connecting, Code: ldapsync.Unreachable, Sentence: "None of the hosts answers."}
	connection, broken := tested(judged(nil, answers)[0]), tested(judged(unreachable, silentHost)[0])
	person, group := tested(judged(nil, someone)[0]), tested(judged(nil, sales)[0])
	person.Person, group.Group = "ada", "Sales"
	typedTrial := directoryTyped(settings, idms.FromDirectory)
	typedTrial.Set(trialPerson, "ada")
	typedTrial.Set(trialGroup, "Sales")
	tried, failedTrial := editPage(typedTrial, nil), editPage(typedTrial, nil)
	tried.Trial.Results, failedTrial.Trial.Results = judged(nil, answers, someone, sales), judged(unreachable, silentHost)
	noSecret := editPage(typedTrial, fault.Problems{{Field: trialPassword, Message: "Write the bind password again. The one that is kept goes to the server that is saved alone, and hosts, port, protection or the CA certificate are others here."}})

	runs := adminRunsPage{adminFrame: framed("History", "records", roles.Reader), Nav: recordNav(roles.Reader, "acme", "directory"), Name: sampleName, URL: directoryPath("acme")}
	noRuns := runs
	unchanged := run(store.RunUnchanged, map[ldapsync.Kind]int{})
	for _, one := range []store.Run{failed, held, rehearsed, applied, unchanged} {
		runs.Runs = append(runs.Runs, runRowOf(one))
	}
	password := adminBindPasswordPage{adminFrame: framed("Bind password", "records", roles.Editor), Nav: recordNav(roles.Editor, "acme", "directory"), Name: "Acme", URL: directoryPath("acme"),
		Kept: true, BindDN: "idms@example.com", Server: "dc1.example.com, dc2.example.com"}
	noPasswordGiven := password
	noPasswordGiven.Name, noPasswordGiven.Kept, noPasswordGiven.Problems = sampleName, false, fault.Problems{{Field: "password", Message: "Write the password. A directory would take an empty one for no password at all."}}

	return []sample{
		{"admin-directories", http.StatusOK, list(roles.Reader, rows, "", "")},
		{"admin-directories-none", http.StatusOK, list(roles.Editor, nil, "", "")},
		{"admin-directories-nothing-found", http.StatusOK, list(roles.Reader, rows, "nothing", dirHeld)},
		{"admin-directory-not-described", http.StatusOK, overview(roles.Editor, directoryNow{record: idms.Connection{Key: "acme", Name: sampleName}}, store.Job{})},
		{"admin-directory-synced", http.StatusOK, overview(roles.Editor, directoryNow{standing: standing(applied, applied), job: job}, store.Job{})},
		{"admin-directory-held", http.StatusOK, waiting},
		{"admin-directory-failed-as-reader", http.StatusOK, overview(roles.Reader, directoryNow{standing: standing(failed, applied), job: job}, store.Job{})},
		{"admin-directory-running", http.StatusOK, overview(roles.Editor, directoryNow{standing: standing(applied, applied), job: job, underway: silent}, store.Job{})},
		{"admin-directory-described-without-password", http.StatusOK, noPassword},
		{"admin-directory-test", http.StatusOK, connection},
		{"admin-directory-test-failed", http.StatusOK, broken},
		{"admin-directory-test-person", http.StatusOK, person},
		{"admin-directory-test-group", http.StatusOK, group},
		{"admin-directory-edit", http.StatusOK, editPage(typed, nil)},
		{"admin-directory-edit-new", http.StatusOK, adminDirectoryEditPageOf(framed("Settings", "records", roles.Editor), renamed(fresh), directoryTyped(ldapsync.Settings{Preset: ldapsync.OpenLDAP}, idms.ByRules), nil, false)},
		{"admin-directory-edit-tested", http.StatusOK, tried},
		{"admin-directory-edit-test-failed", http.StatusOK, failedTrial},
		{"admin-directory-edit-test-without-password", http.StatusUnprocessableEntity, noSecret},
		{"admin-directory-edit-refused", http.StatusUnprocessableEntity, editPage(spoiled, append(problems, found...))},
		{"admin-directory-password", http.StatusOK, password},
		{"admin-directory-password-refused", http.StatusUnprocessableEntity, noPasswordGiven},
		{"admin-directory-remove", http.StatusOK, adminRemovePageOf(framed("Take the directory away", "records", roles.Editor), renamed(whole), holds, true)},
		{"admin-directory-runs", http.StatusOK, runs},
		{"admin-directory-runs-none", http.StatusOK, noRuns},
		{"admin-directory-run-held", http.StatusOK, runPage(roles.Editor, held, standing(held, held), ldapsync.LineFilter{}, lines)},
		{"admin-directory-run-failed", http.StatusOK, runPage(roles.Reader, failed, standing(failed, applied), ldapsync.LineFilter{}, nil)},
		{"admin-directory-run-nothing-found", http.StatusOK, nothing},
		{"admin-directory-approve", http.StatusOK, approve},
		{"admin-directory-approve-refused", http.StatusUnprocessableEntity, wrong},
		{"admin-directory-approve-first", http.StatusOK, first},
	}
}
