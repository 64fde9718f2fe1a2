package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/store"
	"idms/internal/users"
)

// inFile is one of the house's file, to be changed and applied.
func (h *house) inFile(key string) *idms.Record {
	for i := range h.file.Records {
		if h.file.Records[i].Key == key {
			return &h.file.Records[i]
		}
	}
	return nil
}

// repattern gives a rule another pattern.
func repattern(t *testing.T, rule *rules.Rule, text string) {
	t.Helper()
	parsed, err := rules.ParsePattern(text, rules.Options{})
	check(t, err)
	rule.Pattern = parsed
}

func TestAFailedLoginLeadsToTheVeryFieldS61(t *testing.T) {
	h := newHouse(t, false)
	reference := h.refuse(t, "dora")
	p := h.firstOwner(t)
	p.open(t, "/admin/logins/"+reference)
	rule := h.inFile(demo.Acme).Validation[0].Key
	change := p.page.Find(".steps details[open] .fix a.change")
	if change.Length() != 1 || change.AttrOr("href", "") != "/admin/records/acme/rules?edit=validation_rules%3A"+rule || change.Text() != "Change the rule "+rule {
		t.Errorf("the link is %q to %q", change.Text(), change.AttrOr("href", ""))
	}
	p.open(t, change.AttrOr("href", ""))
	if pattern := p.page.Find("#f-rule-pattern").AttrOr("value", ""); pattern != h.inFile(demo.Acme).Validation[0].Pattern.String() {
		t.Errorf("the rule is not open: its pattern is %q", pattern)
	}
	p.open(t, "/admin/logins/"+reference)
	if words := p.page.Find(".steps details[open] .vendors").Text(); words != "" && !strings.Contains(words, "Keycloak") {
		t.Errorf("the vendors are %q", words)
	}

	_, err := h.store.DeleteRecord(t.Context(), demo.Acme, 1, h.owner(), store.How{})
	check(t, err)
	p.open(t, "/admin/logins/"+reference)
	if p.status != http.StatusOK || p.page.Find(".change").Length() != 0 || p.page.Find(`a[href^="/admin/records/acme"]`).Length() != 0 {
		t.Errorf("of a deleted record: %d with a link to it", p.status)
	}
}

func TestALoginIsComparedWithTheLastGoodOneOfThePersonS61(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	h.wait(time.Hour)
	repattern(t, &h.inFile(demo.Acme).Validation[0], "^nobody$")
	h.apply(t)
	reference := h.refuse(t, "layla")
	p := h.firstOwner(t)
	p.open(t, "/admin/logins/"+reference)
	p.follow(t, `a[href$="/compare"]`)
	said := p.page.Find(".say").Text()
	if !strings.Contains(said, "at 2026-03-01T12:00:00Z") || !strings.Contains(said, "was true and is false, since it was changed") || !strings.Contains(said, "version 1 to 2") {
		t.Errorf("it says %q", said)
	}
	if rows := p.page.Find("#record").Parent().Find("tbody tr").Text(); !strings.Contains(rows, ".pattern") || !strings.Contains(rows, "^nobody$") {
		t.Errorf("the record’s changes are %q", rows)
	}
	if rows := p.page.Find("#rules").Parent().Find("tbody tr"); rows.Length() != 1 || !strings.Contains(rows.Text(), "changed since") {
		t.Errorf("the rules are %q", rows.Text())
	}
	p.open(t, "/admin/logins/NOSUCH/compare")
	if p.status != http.StatusNotFound {
		t.Errorf("of no login: %d", p.status)
	}
}

func TestLoginsAreFoundByUsernameAndRefusedOnlyAtOnce(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	h.wait(time.Minute)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.refuse(t, "dora")
	p := h.firstOwner(t)
	rows := func(address string) []string {
		p.open(t, address)
		return strings.Split(p.page.Find("main table tbody tr td:nth-child(3)").Map(func(_ int, one *goquery.Selection) string { return strings.TrimSpace(one.Text()) })[0], "|")
	}
	if got := rows("/admin/logins?name=LAYLA"); got[0] != "layla" || p.page.Find("main table tbody tr").Length() != 1 {
		t.Errorf("by username: %v", got)
	}
	if got := rows("/admin/logins?name=Dora"); got[0] != "dora, who had no account here" || p.page.Find("main table tbody tr").Length() != 1 {
		t.Errorf("of who was refused and has no account: %v", got)
	}
	p.follow(t, `main table a[href^="/admin/logins/"]`)
	if !strings.Contains(p.page.Find("main dl").First().Text(), "dora, who had no account here") {
		t.Errorf("her login says %q", p.page.Find("main dl").First().Text())
	}
	p.open(t, "/admin/logins?name=dor")
	if p.page.Find("main table").Length() != 0 {
		t.Error("part of a name finds a login")
	}
	p.follow(t, `main a[href="/admin/people?q=dor"]`)
	if p.status != http.StatusOK {
		t.Errorf("looking for a part answers %d", p.status)
	}
	if got := rows("/admin/logins?order=oldest"); got[0] != "layla" || p.page.Find("main table tbody tr").Length() != 3 {
		t.Errorf("oldest first: %v", got)
	}
	p.open(t, "/admin/logins")
	p.follow(t, `.quick a:contains("Refused only")`)
	if p.page.Find("main table tbody tr").Length() != 1 || p.page.Find(`.quick a[aria-current]`).Text() != "Refused only" {
		t.Errorf("refused only shows %q", p.page.Find("main table tbody").Text())
	}
	p.open(t, "/admin/logins?name=nobody%00")
	if p.status != http.StatusOK || p.page.Find("main table").Length() != 0 {
		t.Errorf("hostile text answers %d", p.status)
	}
}

func TestAResponseIsKeptForADayAndOnlyAnOwnerLooks(t *testing.T) {
	h := newHouse(t, false)
	before := h.refuse(t, "dora")
	editor := h.administrator(t, "edith", roles.Editor)
	editor.open(t, "/admin/logins/"+before)
	editor.submit(t, editor.page.Find(`form[action$="/keep-responses"]`), "day")
	if !strings.Contains(editor.page.Find("main").Text(), "every response is kept as it arrives") {
		t.Errorf("it does not say what is kept:\n%s", editor.page.Find("main").Text())
	}
	editor.submit(t, editor.page.Find(`form[action$="/save"]`), "")
	if editor.at.Path != "/admin/logins/"+before || !strings.Contains(editor.page.Find("#xml").Parent().Text(), "2026-03-02 12:00:00 UTC") {
		t.Fatalf("keeping leads to %s:\n%s", editor.at, editor.page.Find("main").Text())
	}
	kept := h.refuse(t, "dora")
	editor.open(t, "/admin/logins/"+kept)
	if editor.page.Find(`a[href$="/response"]`).Length() != 0 || !strings.Contains(editor.page.Find("#xml").Parent().Text(), "for owners") {
		t.Error("an editor has the link")
	}
	editor.open(t, "/admin/logins/"+kept+"/response")
	if editor.status != http.StatusForbidden || strings.Contains(editor.text, "Assertion") {
		t.Errorf("an editor reads it: %d", editor.status)
	}

	owner := h.firstOwner(t)
	owner.open(t, "/admin/logins/"+kept)
	owner.follow(t, `a[href$="/response"]`)
	if text := owner.page.Find("pre").Text(); !strings.Contains(text, "Response") || !strings.Contains(text, "contractor") {
		t.Errorf("the response is %.200q", text)
	}
	owner.follow(t, `a[href$="file=yes"]`)
	if owner.header.Get("Content-Disposition") != "attachment; filename="+kept+".xml" || owner.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(strings.TrimSpace(owner.text), "<") {
		t.Errorf("the file is %v: %.80q", owner.header, owner.text)
	}
	owner.open(t, "/admin/logins/"+before+"/response")
	if owner.status != http.StatusOK || owner.page.Find("pre").Length() != 0 {
		t.Errorf("what was not kept answers %d", owner.status)
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{Action: audit.ResponseRead}, "", 10)
	check(t, err)
	if len(events) != 2 || events[0].Who != "grace" || events[0].Trace != kept {
		t.Errorf("the trail has %+v", events)
	}

	h.wait(25 * time.Hour)
	late := h.refuse(t, "dora")
	owner = h.administrator(t, "olga", roles.Owner)
	owner.open(t, "/admin/logins/"+late)
	if owner.page.Find(`a[href$="/response"]`).Length() != 0 {
		t.Error("the keeping does not end by itself")
	}
}

func TestAPersonIsBlockedAndLetInAgain(t *testing.T) {
	h := newHouse(t, false)
	one := h.visitor(t)
	one.logIn(t, demo.Acme, "layla", "password")
	id := h.account(t, demo.Acme, "layla")
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/people/"+id)
	p.follow(t, `a[href$="/block"]`)
	if !strings.Contains(p.page.Find("main").Text(), "One open session ends at once.") {
		t.Errorf("it does not say whom it touches: %q", p.page.Find("main").Text())
	}
	p.post(t, "/admin/people/"+id+"/block", url.Values{"reason": {"left the company"}})
	if p.at.Path != "/admin/people/"+id || p.page.Find(`.notice`).Length() != 1 || p.page.Find(`.badge:contains("Blocked")`).Length() != 1 {
		t.Errorf("blocking leads to %s:\n%s", p.at, p.text)
	}
	one.open(t, "/")
	if one.at.Path != "/login" {
		t.Errorf("the person is still at %s", one.at)
	}
	reference := h.refuse(t, "layla")
	p.open(t, "/admin/logins/"+reference)
	p.follow(t, `.fix a.change`)
	if p.at.Path != "/admin/people/"+id {
		t.Errorf("the fix leads to %s", p.at)
	}
	p.follow(t, `a[href$="/unblock"]`)
	p.submit(t, p.page.Find(`main form`), "")
	one.logIn(t, demo.Acme, "layla", "password")
	if one.badge() == "" {
		t.Error("the person is still kept out")
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{User: id, Action: audit.UserBlocked}, "", 10)
	check(t, err)
	if len(events) != 1 || events[0].Reason != "left the company" {
		t.Errorf("the trail has %+v", events)
	}
}

func TestS44TheLastOwnerIsNeitherBlockedNorErased(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	id := h.account(t, idms.LocalKey, "grace")
	for path, typed := range map[string]url.Values{"block": {"reason": {"a slip"}}, "erase": {"username": {"grace"}, "reason": {"a slip"}}} {
		p.post(t, "/admin/people/"+id+"/"+path, typed)
		if p.status != http.StatusConflict || !strings.Contains(p.page.Find(`[role="alert"]`).Text(), "no owner") || p.page.Find("#reason").AttrOr("value", "") != "a slip" {
			t.Errorf("%s answers %d:\n%s", path, p.status, p.text)
		}
	}
	p.open(t, "/admin/people/"+id)
	if p.status != http.StatusOK {
		t.Errorf("the owner is gone: %d", p.status)
	}
}

func TestErasingAPersonAsksForTheUsername(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	id := h.account(t, demo.Acme, "layla")
	p := h.firstOwner(t)
	p.open(t, "/admin/people/"+id)
	p.follow(t, `a[href$="/erase"]`)
	p.post(t, "/admin/people/"+id+"/erase", url.Values{"username": {"Layla"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#username").AttrOr("value", "") != "Layla" || p.page.Find("#username-problem").Length() != 1 {
		t.Errorf("another name answers %d:\n%s", p.status, p.text)
	}
	p.post(t, "/admin/people/"+id+"/erase", url.Values{"username": {"layla"}})
	if p.at.Path != "/admin/people" || p.page.Find(".notice").Text() != "The person is erased." {
		t.Errorf("it leads to %s", p.at)
	}
	p.open(t, "/admin/people/"+id)
	if p.status != http.StatusNotFound {
		t.Errorf("the person answers %d", p.status)
	}
}

func TestAnOwnerExemptsAPersonUntilAnEndS51(t *testing.T) {
	h := newHouse(t, false)
	id, err := h.store.CreateLocal(t.Context(), users.Profile{Username: "carla", Email: "carla@example.test"}, roles.None, h.owner())
	check(t, err)
	p := h.firstOwner(t)
	address := "/admin/people/" + id + "/exemption"
	for name, typed := range map[string]url.Values{
		"no reason": {"ends": {"2026-04-01T12:00"}}, "no end": {"reason": {"a contractor"}},
		"an end that has passed": {"reason": {"a contractor"}, "ends": {"2026-02-01T12:00"}}, "two lines": {"reason": {"a\nb"}, "ends": {"2026-04-01T12:00"}},
	} {
		p.post(t, address, typed)
		if p.status != http.StatusUnprocessableEntity || p.page.Find("#problems li").Length() != 1 {
			t.Errorf("%s answers %d:\n%s", name, p.status, p.text)
		}
	}
	p.post(t, address, url.Values{"reason": {"a contractor"}, "ends": {"2026-04-01T12:00"}})
	if shown := p.page.Find("#exemption").Parent().Text(); p.at.Path != "/admin/people/"+id || !strings.Contains(shown, "a contractor") || !strings.Contains(shown, "2026-04-01 12:00:00 UTC by grace") && !strings.Contains(shown, "2026-04-01 12:00:00 UTC") {
		t.Errorf("it leads to %s: %q", p.at, shown)
	}
	h.wait(40 * 24 * time.Hour)
	p = h.administrator(t, "olga", roles.Owner)
	p.open(t, "/admin/people/"+id)
	if p.page.Find(`#exemption`).Parent().Find(`.badge:contains("ended")`).Length() != 1 {
		t.Errorf("an ended one is shown as %q", p.page.Find("#exemption").Parent().Text())
	}
	p.post(t, address+"/end", nil)
	if p.page.Find("#exemption").Length() != 0 {
		t.Error("it is not taken back")
	}
}

func TestGroupsAreGivenByHandOnThePersonsPageS36(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	id := h.account(t, demo.Acme, "layla")
	p := h.administrator(t, "edith", roles.Editor)
	for group, want := range map[string]int{"nowhere": http.StatusUnprocessableEntity, "": http.StatusUnprocessableEntity, "%00": http.StatusUnprocessableEntity, roles.Owner.Group(): http.StatusForbidden} {
		p.post(t, "/admin/people/"+id+"/groups", url.Values{"group": {group}, "reason": {"ticket 7"}})
		if p.status != want || p.page.Find("#f-group-problem").Length() != 1 || p.page.Find("#f-reason").AttrOr("value", "") != "ticket 7" {
			t.Errorf("%q answers %d, want %d", group, p.status, want)
		}
	}
	p.post(t, "/admin/people/"+id+"/groups", url.Values{"group": {"platform"}})
	row := p.page.Find(`#groups`).Parent().Find(`tr:has(code:contains("platform"))`)
	if p.at.Path != "/admin/people/"+id || !strings.Contains(row.Text(), "by edith") {
		t.Fatalf("adding leads to %s: %q", p.at, row.Text())
	}
	p.follow(t, `a[href$="/groups/platform"]:contains("Show why")`)
	if !strings.Contains(p.page.Find("main table").Text(), "By hand") {
		t.Errorf("the reason is %q", p.page.Find("main table").Text())
	}
	p.submit(t, p.page.Find(`form[action$="/groups/platform/remove"]`), "")
	if strings.Contains(p.page.Find("#groups").Parent().Text(), "by edith") {
		t.Error("it is not taken back")
	}
}

func TestAPersonsPageSaysTheirLevelAndWhy(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "chen", "password")
	id := h.account(t, demo.Acme, "chen")
	for who, link := range map[*person]int{h.administrator(t, "rita", roles.Reader): 0, h.firstOwner(t): 1} {
		who.open(t, "/admin/people/"+id)
		level := who.page.Find("#level").Parent()
		if level.Find(".badge.restricted").Length() != 1 || !strings.Contains(level.Text(), "elevating could give Full Access") || level.Find("a").Length() != link {
			t.Errorf("the level is %q with %d links", level.Text(), level.Find("a").Length())
		}
	}
}

func TestRulesAreAppliedNowAsTheyWereSeenS43(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	id := h.account(t, demo.Acme, "ada")
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/people/"+id)
	p.follow(t, `a[href$="/apply-rules"]`)
	if p.page.Find(`main [role="status"]`).Length() != 1 || p.page.Find("main form").Length() != 0 {
		t.Fatalf("with the rules as they were:\n%s", p.text)
	}
	narrow := func(at int) {
		record := h.inFile(demo.Acme)
		record.Associations[at].UpdateOnLogin = true
		repattern(t, &record.Associations[at].Rule, "^nothing$")
		h.apply(t)
	}
	narrow(0)
	p.open(t, "/admin/people/"+id+"/apply-rules")
	form := p.page.Find("main form")
	if form.Length() != 1 || !strings.Contains(p.page.Find("main table").Text(), "leaves") {
		t.Fatalf("the preview:\n%s", p.text)
	}
	narrow(1)
	p.submit(t, form, "")
	if p.status != http.StatusConflict || !strings.Contains(p.page.Find(`[role="alert"]`).Text(), "since you looked") {
		t.Fatalf("what nobody has seen answers %d:\n%s", p.status, p.text)
	}
	before, err := h.store.Person(t.Context(), id)
	check(t, err)
	p.submit(t, p.page.Find("main form"), "")
	after, err := h.store.Person(t.Context(), id)
	check(t, err)
	if p.at.Path != "/admin/people/"+id || len(after.Groups) != len(before.Groups)-2 {
		t.Errorf("at %s the person is in %d groups, and was in %d", p.at, len(after.Groups), len(before.Groups))
	}
	p.post(t, "/admin/people/"+id+"/apply-rules", nil)
	if p.at.Path != "/admin/people/"+id+"/apply-rules" {
		t.Errorf("who has not looked comes to %s", p.at)
	}
}

func TestRulesAreAppliedToAllPeopleOfARecordS43(t *testing.T) {
	h := newHouse(t, false)
	for name, way := range map[string]string{"ada": "card", "layla": "password", "chen": "password"} {
		h.visitor(t).logIn(t, demo.Acme, name, way)
	}
	repattern(t, &h.inFile(demo.Acme).Validation[0], "^nobody$")
	h.apply(t)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme/apply-rules")
	if p.page.Find("section.applied").Length() != 3 || !strings.Contains(p.page.Find(".chips").First().Text(), "3 would change") {
		t.Fatalf("the preview:\n%s", p.text)
	}
	form := p.page.Find("main form")
	h.inFile(demo.Acme).Name = "Another"
	h.apply(t)
	p.submit(t, form, "")
	if p.status != http.StatusConflict || p.page.Find(`[role="alert"]`).Length() != 1 {
		t.Fatalf("rules that nobody has seen: %d", p.status)
	}
	p.submit(t, p.page.Find("main form"), "")
	if p.status != http.StatusOK || !strings.Contains(p.page.Find(`main [role="status"]`).Text(), "applied to everybody. 3 changed so far, of 3 people") {
		t.Errorf("applying answers %d:\n%s", p.status, p.text)
	}
	if _, next, err := h.store.Sessions(t.Context(), store.SessionFilter{Record: demo.Acme}, h.clock(), "", 10); err != nil || next != "" {
		t.Error(err)
	}
	p.open(t, "/admin/records/acme/apply-rules?after=nobody&people=-1")
	if p.status != http.StatusBadRequest {
		t.Errorf("a hostile address answers %d", p.status)
	}
}

func TestPeopleAreListedByTheirLastLogin(t *testing.T) {
	h := newHouse(t, false)
	for _, name := range []string{"layla", "chen"} {
		h.visitor(t).logIn(t, demo.Acme, name, "password")
		h.wait(time.Minute)
	}
	p := h.firstOwner(t)
	for order, want := range map[string]string{"": "chen", "created": "grace", "last_login": "grace", "nonsense": "chen"} {
		p.open(t, "/admin/people?order="+order)
		if got := strings.TrimSpace(p.page.Find("main tbody tr td").First().Text()); got != want {
			t.Errorf("%q begins with %s, want %s", order, got, want)
		}
	}
}
