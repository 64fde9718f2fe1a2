package web_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/directory"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/roles"
	"idms/internal/store"
)

const umbrella = "/admin/records/umbrella/directory"

// withDirectory gives the house the demo's directory and a record for it.
func (h *house) withDirectory(t *testing.T) (*demo.Directory, *directory.Sync) {
	t.Helper()
	ldap, err := demo.StartDirectory()
	check(t, err)
	t.Cleanup(func() { _ = ldap.Close() })
	text, err := h.provider.DirectoryRecord(ldap)
	check(t, err)
	file, problems := parse(text)
	check(t, problems.Err())
	_, err = h.store.Apply(context.Background(), file, h.owner())
	check(t, err)
	return ldap, &directory.Sync{Store: h.store, Clock: h.clock, Log: errorsOf(t)}
}

// serve does what the service does when it looks for jobs: whatever was asked for.
func (h *house) serve(t *testing.T, sync *directory.Sync) {
	t.Helper()
	h.wait(10 * time.Second)
	states, err := h.store.Jobs(t.Context())
	check(t, err)
	for name, state := range states {
		if state.Asked.IsZero() {
			continue
		}
		taken, err := h.store.TakeJob(t.Context(), name, state.Turn, h.clock(), h.clock().Add(time.Hour))
		check(t, err)
		if !taken {
			t.Fatalf("the job %s is taken", name)
		}
		if key, found := strings.CutPrefix(name, directory.JobName("")); found {
			check(t, sync.RunJob(t.Context(), key))
		} else if key, found := strings.CutPrefix(name, directory.RehearsalName("")); found {
			check(t, sync.RunRehearsal(t.Context(), key))
		}
		_, _, err = h.store.EndJob(t.Context(), name, state.Turn, h.clock(), "")
		check(t, err)
	}
}

// sync makes a run by the schedule.
func (h *house) sync(t *testing.T, sync *directory.Sync) store.Run {
	t.Helper()
	h.wait(time.Minute)
	report, err := sync.Run(t.Context(), directory.Request{Record: demo.Umbrella, Cause: directory.BySchedule})
	check(t, err)
	return report.Run
}

// begun is a house whose directory was synced, and of which half has left since.
func begun(t *testing.T) (*house, *demo.Directory, *directory.Sync) {
	t.Helper()
	h := newHouse(t, false)
	ldap, sync := h.withDirectory(t)
	first := h.sync(t, sync)
	check(t, sync.Approve(t.Context(), demo.Umbrella, first.Hash, h.owner()))
	if run := h.sync(t, sync); run.Outcome != store.RunApplied {
		t.Fatalf("the first sync ended as %s", run.Outcome)
	}
	return h, ldap, sync
}

// authors are who did something to the record with the directory, newest first.
func (h *house) authors(t *testing.T, action string) []string {
	t.Helper()
	list, _, err := h.store.Events(t.Context(), store.EventFilter{Record: demo.Umbrella, Action: audit.Action(action)}, "", 50)
	check(t, err)
	var who []string
	for _, one := range list {
		who = append(who, one.Who)
	}
	return who
}

func TestAHeldPlanIsApprovedByItsNumberAndThenApplied(t *testing.T) {
	h, ldap, sync := begun(t)
	ldap.HalfLeaves()
	held := h.sync(t, sync)
	p := h.administrator(t, "edith", roles.Editor)

	p.open(t, "/admin/directory")
	row := p.page.Find("main tbody tr")
	if row.Length() != 1 || !strings.Contains(row.Text(), "Held") || !strings.Contains(row.Text(), "would be shut out") {
		t.Errorf("the list shows %q", row.Text())
	}
	p.follow(t, `main tbody a[href="`+umbrella+`"]`)
	if got := p.page.Find("#held").Parent().Text(); !strings.Contains(got, "7 people are shut out") {
		t.Errorf("the overview says %q", got)
	}
	if got := p.page.Find(".numbers").Text(); !strings.Contains(got, "7 people: over the limit of 5") {
		t.Errorf("the four numbers are %q", got)
	}
	p.follow(t, `a[href="`+umbrella+`/runs/`+held.ID+`"][role="button"]`)
	if first := p.page.Find("#plan").Parent().Find("tbody tr").First().Text(); !strings.Contains(first, "Shut out: gone") || !strings.Contains(first, "why it is held") {
		t.Errorf("the first line is %q, want one that holds the plan", first)
	}
	p.follow(t, `a[href$="/approve"]`)
	if got := p.page.Find("main").Text(); !strings.Contains(got, "colleague01") || !strings.Contains(got, "their sessions end") {
		t.Errorf("who is shut out is not told:\n%s", got)
	}
	approve := umbrella + "/runs/" + held.ID + "/approve"
	p.pressAt(t, approve, url.Values{"number": {"8"}, "reason": {"the Oslo office closed"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find(`input[name="reason"]`).AttrOr("value", "") != "the Oslo office closed" {
		t.Fatalf("a wrong number answers %d and forgets what was typed", p.status)
	}
	if approved := h.authors(t, "directory_approved"); slices.Contains(approved, "edith") {
		t.Errorf("a wrong number approves: %v", approved)
	}
	total := strings.Fields(p.page.Find(`label[for="f-number"] strong`).Text())[0]
	p.pressAt(t, approve, url.Values{"number": {total}, "hash": {"0000000000000000"}})
	if p.status != http.StatusConflict {
		t.Errorf("another plan than the one seen answers %d", p.status)
	}
	p.open(t, approve)
	p.pressAt(t, approve, url.Values{"number": {total}, "reason": {"the Oslo office closed"}})
	if p.at.Path != umbrella || !strings.Contains(p.page.Find(".notice").Text(), "approved") {
		t.Fatalf("approving leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	if got := p.page.Find("#progress").Text(); !strings.Contains(got, "A sync is asked for") {
		t.Errorf("what was asked for is not shown: %q", got)
	}
	h.serve(t, sync)
	runs, _, err := h.store.Runs(t.Context(), demo.Umbrella, "", 1)
	check(t, err)
	if run := runs[0]; run.Outcome != store.RunApplied || run.ApprovedBy != "edith" || run.Who != "edith" || run.Cause != directory.ByPage {
		t.Errorf("the run is %+v", run)
	}
	p.open(t, umbrella)
	if !strings.Contains(p.page.Find("main .badge").First().Text(), "Synced just now") {
		t.Errorf("the overview says %q", p.page.Find("main .badge").Text())
	}
	p.open(t, approve)
	if p.at.Path != umbrella+"/runs/"+held.ID {
		t.Errorf("a plan that waits no more can be approved again at %s", p.at)
	}
	p.post(t, approve, url.Values{"number": {total}, "hash": {held.Hash}})
	if p.status != http.StatusConflict {
		t.Errorf("approving it again answers %d", p.status)
	}
}

func TestAFirstPlanTakesNothingAndIsApprovedByATick(t *testing.T) {
	h := newHouse(t, false)
	_, sync := h.withDirectory(t)
	held := h.sync(t, sync)
	p := h.administrator(t, "edith", roles.Editor)
	approve := umbrella + "/runs/" + held.ID + "/approve"
	p.open(t, approve)
	if p.page.Find(`input[name="number"]`).Length() != 0 || !strings.Contains(p.text, "new people") {
		t.Fatalf("the page asks for a number:\n%s", p.text)
	}
	p.pressAt(t, approve, nil)
	if p.status != http.StatusUnprocessableEntity {
		t.Errorf("without the tick it answers %d", p.status)
	}
	p.pressAt(t, approve, url.Values{"agree": {"yes"}})
	h.serve(t, sync)
	if runs, _, err := h.store.Runs(t.Context(), demo.Umbrella, "", 1); err != nil || runs[0].Outcome != store.RunApplied {
		t.Errorf("the run is %+v, %v", runs, err)
	}
}

func TestWhoAsksForARunStandsInItAndInTheAuditTrail(t *testing.T) {
	h, _, sync := begun(t)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, umbrella)
	p.pressAt(t, umbrella+"/run", nil)
	if p.status != http.StatusOK || p.page.Find(".notice").Length() != 1 {
		t.Fatalf("asking answers %d:\n%s", p.status, p.text)
	}
	h.serve(t, sync)
	runs, _, err := h.store.Runs(t.Context(), demo.Umbrella, "", 1)
	check(t, err)
	if runs[0].Who != "edith" || runs[0].Cause != directory.ByPage {
		t.Errorf("the run was asked for by %q through %q", runs[0].Who, runs[0].Cause)
	}
	if who := h.authors(t, "directory_asked"); len(who) != 1 || who[0] != "edith" {
		t.Errorf("the audit trail has %v", who)
	}
	if run := h.sync(t, sync); run.Who != "" || run.Cause != directory.BySchedule {
		t.Errorf("the next run, which nobody asked for, is by %q through %q", run.Who, run.Cause)
	}

	p.open(t, umbrella)
	p.pressAt(t, umbrella+"/pause", nil)
	if p.page.Find("main .badge").First().Text() != "Paused" || !strings.Contains(p.page.Find("main dl").First().Text(), "when it is resumed") {
		t.Errorf("paused, it says %q", p.page.Find("main section").First().Text())
	}
	p.pressAt(t, umbrella+"/resume", nil)
	if who := h.authors(t, "record_changed"); len(who) != 2 || who[0] != "edith" {
		t.Errorf("the audit trail has %v", who)
	}
}

func TestARehearsalIsKeptToLookAtAndChangesNothing(t *testing.T) {
	h, ldap, sync := begun(t)
	ldap.HalfLeaves()
	before, err := h.store.Standing(t.Context(), h.record(t, demo.Umbrella).ID)
	check(t, err)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, umbrella)
	p.pressAt(t, umbrella+"/rehearse", nil)
	if got := p.page.Find("#progress").Text(); !strings.Contains(got, "A rehearsal is asked for") {
		t.Errorf("what was asked for is not shown: %q", got)
	}
	h.serve(t, sync)
	p.open(t, umbrella)
	rehearsal := p.page.Find("#rehearsal").Parent()
	if !strings.Contains(rehearsal.Text(), "would be held") || !strings.Contains(rehearsal.Text(), "edith") {
		t.Errorf("the rehearsal says %q", rehearsal.Text())
	}
	p.follow(t, `section[aria-labelledby="rehearsal"] a`)
	if !strings.Contains(p.text, "Nothing was changed") || !strings.Contains(p.text, "colleague01") || p.page.Find(`a[href$="/approve"]`).Length() != 0 {
		t.Errorf("its page says:\n%s", p.text)
	}
	after, err := h.store.Standing(t.Context(), h.record(t, demo.Umbrella).ID)
	check(t, err)
	if after.Last.ID != before.Last.ID || after.State != before.State || after.Waits() {
		t.Errorf("it left %+v", after)
	}
}

func TestTheLinesOfARunAreFilteredPagedAndDownloaded(t *testing.T) {
	h, ldap, sync := begun(t)
	for i := range 120 {
		ldap.AddPerson(fmt.Sprintf("joiner%03d", i), "=1+1", "Joiner")
	}
	run := h.sync(t, sync)
	p := h.administrator(t, "rita", roles.Reader)
	path := umbrella + "/runs/" + run.ID
	p.open(t, path+"?kind=add_person")
	seen := map[string]bool{}
	for pages := 1; ; pages++ {
		p.page.Find("#plan").Parent().Find("tbody tr td:nth-child(2) > bdi").Each(func(_ int, one *goquery.Selection) { seen[one.Text()] = true })
		next := p.page.Find(`nav.pages a:contains("Next page")`)
		if next.Length() == 0 {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		p.open(t, next.AttrOr("href", ""))
		if p.at.Query().Get("kind") != "add_person" {
			t.Fatalf("the filter is lost at %s", p.at)
		}
	}
	if len(seen) != 120 {
		t.Errorf("%d people seen, want 120", len(seen))
	}
	p.open(t, path+"?q=JOINER01")
	if rows := p.page.Find("#plan").Parent().Find("tbody tr").Length(); rows != 10 {
		t.Errorf("the text finds %d lines, want 10", rows)
	}
	csvAt := p.page.Find(`a:contains("CSV")`).AttrOr("href", "")
	jsonAt := p.page.Find(`a:contains("JSON")`).AttrOr("href", "")
	p.open(t, csvAt)
	table, err := csv.NewReader(strings.NewReader(p.text)).ReadAll()
	check(t, err)
	if len(table) != 11 || !strings.Contains(p.header.Get("Content-Disposition"), "umbrella-") {
		t.Errorf("the table has %d lines, as %s", len(table), p.header.Get("Content-Disposition"))
	}
	p.open(t, jsonAt)
	var list []ldapsync.Change
	check(t, json.Unmarshal([]byte(p.text), &list))
	if len(list) != 10 || list[0].Kind != ldapsync.AddPerson {
		t.Errorf("the list has %d changes", len(list))
	}
	p.open(t, path+"/changes.json?q=nobody-at-all")
	if strings.TrimSpace(p.text) != "[]" {
		t.Errorf("nothing is %q", p.text)
	}
	for _, hostile := range []string{"?cursor=x", "?cursor=99.1", "?cursor=0.-1"} {
		p.open(t, path+hostile)
		if p.status != http.StatusBadRequest {
			t.Errorf("%s answers %d", hostile, p.status)
		}
	}
	p.open(t, path+"?kind=%00&held=%ff&q=%00")
	if p.status != http.StatusOK {
		t.Errorf("a filter of nonsense answers %d", p.status)
	}
}

// A directory's text is no formula in the spreadsheet that somebody opens.
func TestADownloadHoldsNoFormula(t *testing.T) {
	h, ldap, sync := begun(t)
	ldap.AddPerson("=cmd()", "Eve", "Ill")
	run := h.sync(t, sync)
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, umbrella+"/runs/"+run.ID+"/changes.csv")
	if !strings.Contains(p.text, "'=cmd()") || strings.Contains(p.text, ",=cmd()") {
		t.Errorf("the table is\n%s", p.text)
	}
}

func TestProgressIsSeenFromEveryProcessAndCanBeFoundAgain(t *testing.T) {
	h, _, _ := begun(t)
	record := h.record(t, demo.Umbrella)
	run := store.Progress{Run: store.NewID(), RecordID: record.ID, Cause: directory.ByCommand, Who: "command line: root", Began: h.clock(),
		Phase: string(ldapsync.ReadingPeople), PhaseFrom: h.clock(), Entries: 7, Expected: 20, Seen: h.clock()}
	check(t, h.store.BeginProgress(t.Context(), run))
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, umbrella)
	part := p.page.Find("#progress")
	if !strings.Contains(part.Text(), "reading people: 7 of about 20") || !strings.Contains(part.Text(), "command line: root") {
		t.Errorf("the progress says %q", part.Text())
	}
	if part.Find("progress").AttrOr("max", "") != "20" || part.Find(`a[href="`+umbrella+`"]`).Length() != 1 {
		t.Error("there is no bar, or no link that works without scripts")
	}
	if part.AttrOr("hx-trigger", "") != "every 2s" || part.AttrOr("hx-get", "") != umbrella+"/progress" {
		t.Error("nothing asks again")
	}
	p.open(t, "/admin/directory?state=running")
	if rows := p.page.Find("main tbody tr"); rows.Length() != 1 || !strings.Contains(rows.Text(), "Running: reading people") {
		t.Errorf("the list says %q", rows.Text())
	}

	ask := func() *goquery.Document {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+umbrella+"/progress", nil)
		check(t, err)
		request.Header.Set("HX-Request", "true")
		response, err := p.Do(request)
		p.show(t, response, err)
		return p.page
	}
	run.Phase, run.Entries, run.Seen = directory.Applying, 0, h.clock()
	check(t, h.store.NoteProgress(t.Context(), run))
	if got := ask(); !strings.Contains(got.Text(), "applying the plan") || got.Find("header").Length() != 0 {
		t.Errorf("the part alone is %q", got.Text())
	}
	h.wait(3 * time.Minute)
	if got := ask().Text(); !strings.Contains(got, "Nothing was heard of it for 3 min") {
		t.Errorf("a silent run says %q", got)
	}
	check(t, h.store.EndProgress(t.Context(), run.Run))
	check(t, h.store.NoteProgress(t.Context(), run)) // comes too late
	if got := ask(); got.Find("[hx-trigger]").Length() != 0 || !strings.Contains(got.Text(), "Show this run") {
		t.Errorf("after the end it says %q", got.Text())
	}
	p.open(t, umbrella+"/progress")
	if p.at.Path != umbrella {
		t.Errorf("without scripts it leads to %s", p.at)
	}
}

func TestTheSettingsFormKeepsWhatWasTypedAndSaysWhatIsWrongAtEachField(t *testing.T) {
	h, _, _ := begun(t)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, umbrella+"/edit")
	p.pressAt(t, umbrella+"/edit", url.Values{
		"directory.hosts": {"ldap.example.com\nldaps://wrong"}, "directory.port": {"many"}, "directory.user_filter": {"(uid="},
		"directory.limits.deactivations.count": {"-3"}, "directory.schedule.every": {"1s"}, "directory.deadline": {"late"}, "reason": {"a try"},
	})
	if p.status != http.StatusUnprocessableEntity {
		t.Fatalf("it answers %d:\n%s", p.status, p.text)
	}
	for field, typed := range map[string]string{
		"directory.port": "many", "directory.user_filter": "(uid=", "directory.limits.deactivations.count": "-3", "directory.schedule.every": "1s", "directory.deadline": "late", "reason": "a try",
	} {
		input := p.page.Find(`input[name="` + field + `"]`)
		if input.AttrOr("value", "") != typed {
			t.Errorf("%s forgets %q", field, typed)
		}
		if at := input.AttrOr("aria-describedby", ""); field != "reason" && p.page.Find("#"+at).Text() == "" {
			t.Errorf("%s has no problem", field)
		}
	}
	if hosts := p.page.Find("textarea#f-directory-hosts"); !strings.Contains(hosts.Text(), "ldaps://wrong") || !strings.Contains(p.page.Find("#f-directory-hosts-problem").Text(), "Host 2") {
		t.Errorf("the hosts are %q", hosts.Text())
	}
	p.page.Find("#problems a").Each(func(_ int, link *goquery.Selection) {
		if p.page.Find(link.AttrOr("href", "#none")).Length() != 1 {
			t.Errorf("the problem %q leads nowhere", link.Text())
		}
	})
	if h.record(t, demo.Umbrella).Version != 1 {
		t.Error("it is saved all the same")
	}

	p.open(t, umbrella+"/edit")
	p.pressAt(t, umbrella+"/edit", url.Values{"directory.schedule.every": {""}, "directory.schedule.cron": {"30 2 * * 1-5"}, "directory.schedule.zone": {"Europe/Berlin"},
		"directory.limits.deactivations.count": {"20"}, "directory.direct_members_only": {"yes"}})
	record := h.record(t, demo.Umbrella)
	if record.Version != 2 || record.Directory.Schedule.Zone != "Europe/Berlin" || record.Directory.Limits.Deactivations.Count != 20 || record.Directory.Limits.Deactivations.Percent != 10 || !record.Directory.DirectMembersOnly {
		t.Errorf("version %d has %+v, at %s %d:\n%s", record.Version, record.Directory, p.at, p.status, p.page.Find("#problems").Text())
	}
	p.open(t, umbrella+"/edit")
	p.pressAt(t, umbrella+"/edit", nil)
	if again := h.record(t, demo.Umbrella); again.Version != 2 {
		t.Errorf("saving what is there makes version %d", again.Version)
	}
}

func TestADirectoryIsSetUpForARecordAndTakenAwayAgain(t *testing.T) {
	h := newHouse(t, false)
	ldap, err := demo.StartDirectory()
	check(t, err)
	t.Cleanup(func() { _ = ldap.Close() })
	p := h.administrator(t, "edith", roles.Editor)
	acme := "/admin/records/acme/directory"
	p.open(t, acme)
	p.follow(t, `a[href="`+acme+`/edit?preset=openldap"]`)
	if got := p.page.Find("#f-directory-user_filter").AttrOr("placeholder", ""); got != "(objectClass=inetOrgPerson)" {
		t.Errorf("the usual filter is shown as %q", got)
	}
	p.pressAt(t, acme+"/edit", url.Values{"do": {"preset"}, "directory.preset": {"active-directory"}, "directory.hosts": {"dc1"}})
	if p.page.Find("#f-directory-username_attribute").AttrOr("placeholder", "") != "sAMAccountName" || p.page.Find("#f-directory-hosts").Text() != "dc1" {
		t.Error("another kind does not show its values, or what was typed is lost")
	}
	p.pressAt(t, acme+"/edit", url.Values{"directory.preset": {"openldap"}, "directory.hosts": {ldap.Address}, "directory.security": {"insecure-plaintext"}, "directory.base_dn": {"dc=umbrella,dc=example"}})
	if p.at.Path != acme || !strings.Contains(p.text, "Described, not synced") {
		t.Fatalf("saving leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	p.open(t, acme+"/test")
	p.post(t, acme+"/test", url.Values{"what": {"connection"}})
	if got := p.page.Find("#result").Parent().Text(); p.status != http.StatusOK || !strings.Contains(got, "It answers") || !strings.Contains(got, "layla") {
		t.Errorf("the connection: %q", got)
	}
	p.post(t, acme+"/test", url.Values{"what": {"person"}, "person": {"ada"}})
	if got := p.page.Find("#result").Parent().Text(); !strings.Contains(got, "In scope") || !strings.Contains(got, "Laboratory") {
		t.Errorf("the person: %q", got)
	}
	p.post(t, acme+"/test", url.Values{"what": {"group"}, "group": {"Sales"}})
	if got := p.page.Find("#result").Parent().Text(); !strings.Contains(got, "emil") {
		t.Errorf("the group: %q", got)
	}
	p.post(t, acme+"/test", url.Values{"what": {"person"}, "person": {"nobody-like-this"}})
	if got := p.page.Find("#result").Parent().Text(); !strings.Contains(got, "Not found") {
		t.Errorf("nobody: %q", got)
	}
	for _, hostile := range []url.Values{{"what": {"person"}}, {"what": {"everything"}}, {"what": {"group"}, "group": {strings.Repeat("x", 2000)}}} {
		if p.post(t, acme+"/test", hostile); p.status != http.StatusUnprocessableEntity {
			t.Errorf("%v answers %d", hostile, p.status)
		}
	}

	p.open(t, acme+"/remove")
	if !strings.Contains(p.text, "Nobody is shut out") {
		t.Errorf("what becomes of it is not said:\n%s", p.text)
	}
	p.pressAt(t, acme+"/remove", url.Values{"key": {"umbrella"}})
	if p.status != http.StatusUnprocessableEntity || h.record(t, demo.Acme).Directory == nil {
		t.Errorf("the wrong key answers %d", p.status)
	}
	p.pressAt(t, acme+"/remove", url.Values{"key": {"acme"}})
	if record := h.record(t, demo.Acme); record.Directory != nil || record.Association != idms.ByRules || p.at.Path != acme {
		t.Errorf("the record still has %+v, at %s", record.Directory, p.at)
	}
}

func TestTheBindPasswordIsKeptAndNeverShown(t *testing.T) {
	h, _, _ := begun(t)
	p := h.administrator(t, "edith", roles.Editor)
	const secret = "s3cret-of-the-directory"
	p.open(t, umbrella+"/password")
	p.pressAt(t, umbrella+"/password", url.Values{"password": {""}})
	if p.status != http.StatusUnprocessableEntity {
		t.Errorf("an empty one answers %d", p.status)
	}
	p.pressAt(t, umbrella+"/password", url.Values{"password": {secret}, "reason": {"a new one"}})
	if p.at.Path != umbrella {
		t.Fatalf("it leads to %s, %d", p.at, p.status)
	}
	record := h.record(t, demo.Umbrella)
	if kept, err := h.store.BindPassword(t.Context(), record.ID); err != nil || kept != secret {
		t.Errorf("kept is %q, %v", kept, err)
	}
	for _, page := range []string{"", "/password", "/edit", "/runs", "/remove"} {
		if p.open(t, umbrella+page); strings.Contains(p.text, secret) {
			t.Errorf("%s shows it", p.at)
		}
	}
	// An editor could have it sent to a server of theirs.
	p.open(t, umbrella+"/edit")
	if !strings.Contains(p.text, "It is forgotten when hosts") {
		t.Error("the form does not say what forgets it")
	}
	p.pressAt(t, umbrella+"/edit", url.Values{"directory.hosts": {"ldap.elsewhere.example"}, "directory.bind_dn": {"cn=reader"}})
	if !strings.Contains(p.text, "The bind password is forgotten") {
		t.Errorf("it is not told before:\n%s", p.text)
	}
	p.pressAt(t, "/admin/records/umbrella/save", nil)
	if kept, err := h.store.HasBindPassword(t.Context(), record.ID); err != nil || kept {
		t.Errorf("it goes to another server: %v", err)
	}
	if !strings.Contains(p.text, "No password is kept for the bind DN") {
		t.Errorf("nobody says so:\n%s", p.text)
	}
}

func TestACertificateMayBeGivenAsAFile(t *testing.T) {
	h, _, _ := begun(t)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, umbrella+"/edit")
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	check(t, form.WriteField("directory.hosts", "ldap.example.com"))
	file, err := form.CreateFormFile("ca_file", "ca.pem")
	check(t, err)
	_, err = file.Write([]byte("no certificate \xff at all"))
	check(t, err)
	check(t, form.Close())
	response, err := p.Post(h.base+umbrella+"/edit", form.FormDataContentType(), &body)
	p.show(t, response, err)
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.page.Find("#f-directory-ca_certificate-problem").Text(), "Paste the CA") ||
		!strings.Contains(p.page.Find("#f-directory-ca_certificate").Text(), "no certificate") {
		t.Errorf("a file that is none answers %d:\n%s", p.status, p.page.Find("#problems").Text())
	}
}

func TestAFailedRunSaysWhyAndWhatToDo(t *testing.T) {
	h, ldap, sync := begun(t)
	check(t, ldap.Close())
	h.wait(time.Hour)
	if _, err := sync.Run(t.Context(), directory.Request{Record: demo.Umbrella, Cause: directory.BySchedule}); err == nil {
		t.Fatal("a directory that is gone can be read")
	}
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, umbrella)
	first := p.page.Find("main section").First()
	if p.page.Find("main > p .badge.none").Length() != 1 || !strings.Contains(first.Text(), ldapsync.Unreachable.Advice()) {
		t.Errorf("it says %q", first.Text())
	}
	if first.Find("form").Length() != 0 {
		t.Error("a reader has buttons")
	}
	p.open(t, umbrella+"/runs")
	if rows := p.page.Find("main tbody tr"); rows.Length() != 3 || !strings.Contains(rows.First().Text(), "Failed") {
		t.Errorf("the history has %q", rows.Text())
	}
	p.follow(t, `main tbody tr:first-child a`)
	if !strings.Contains(p.text, "Nothing was changed.") {
		t.Errorf("the run says:\n%s", p.text)
	}
}

// Held ones come first, whatever their keys, and a list of 200 is read page by page.
func TestTheListOfDirectoriesPutsWhatWaitsFirst(t *testing.T) {
	h, ldap, sync := begun(t)
	ldap.HalfLeaves()
	h.sync(t, sync)
	template := h.record(t, demo.Umbrella)
	var file idms.File
	for i := range 199 {
		record := template
		record.Key, record.Name = fmt.Sprintf("a-%03d", i), fmt.Sprintf("A company %03d", i)
		file.Records = append(file.Records, record)
	}
	_, err := h.store.Apply(t.Context(), file, h.owner())
	check(t, err)
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, "/admin/directory")
	rows := p.page.Find("main tbody tr")
	if rows.Length() != 50 || !strings.Contains(rows.First().Text(), "Held") {
		t.Errorf("%d rows, first %q", rows.Length(), rows.First().Text())
	}
	pages := 1
	for next := p.page.Find(`nav.pages a:contains("Next page")`); next.Length() == 1; next = p.page.Find(`nav.pages a:contains("Next page")`) {
		p.open(t, next.AttrOr("href", ""))
		pages++
	}
	if pages != 4 {
		t.Errorf("%d pages, want 4", pages)
	}
	p.open(t, "/admin/directory?q=COMPANY+007")
	if rows := p.page.Find("main tbody tr"); rows.Length() != 1 {
		t.Errorf("the filter leaves %d", rows.Length())
	}
	p.open(t, "/admin/directory?cursor=x")
	if p.status != http.StatusBadRequest {
		t.Errorf("a page that is none answers %d", p.status)
	}
}
