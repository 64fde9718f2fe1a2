package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/demo"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/users"
	"idms/internal/web"
)

// administrator logs a local person of a role in.
func (h *house) administrator(t *testing.T, username string, role roles.Role) *person {
	t.Helper()
	by := h.owner()
	id, err := h.store.CreateLocal(t.Context(), users.Profile{Username: username, Email: username + "@example.test"}, role, by)
	check(t, err)
	token, err := h.flow.PasswordAddress(t.Context(), id, by)
	check(t, err)
	p := h.visitor(t)
	p.open(t, h.base+web.ChoosePath(token))
	p.post(t, "", url.Values{"password": {"crate anvil pond quill"}})
	if p.session() == "" {
		t.Fatalf("%s is not logged in: %d\n%s", username, p.status, p.text)
	}
	return p
}

// account is the ID of somebody of a record.
func (h *house) account(t *testing.T, record, username string) string {
	t.Helper()
	id, err := h.store.AccountID(t.Context(), record, username)
	check(t, err)
	return id
}

// refuse lets somebody of the cast be refused, and returns the reference.
func (h *house) refuse(t *testing.T, username string) string {
	t.Helper()
	p := h.visitor(t)
	p.logIn(t, demo.Acme, username, "password")
	if p.status != http.StatusForbidden {
		t.Fatalf("%s: status %d, want 403", username, p.status)
	}
	return p.page.Find("code.chip").Text()
}

func TestWhatRefusedALoginIsOpenWithItsFixS61(t *testing.T) {
	h := newHouse(t, false)
	reference := h.refuse(t, "dora")
	p := h.firstOwner(t)
	p.open(t, "/admin")
	if p.at.Path != "/admin/logins" || p.page.Find(`.sections a[aria-current="page"]`).Text() != "Logins" {
		t.Fatalf("/admin leads to %s:\n%s", p.at, p.text)
	}
	p.submitWith(t, `form:has(#ref)`, "ref", " "+strings.ToLower(reference)+" ")
	if p.at.Path != "/admin/logins/"+reference {
		t.Fatalf("the reference leads to %s, %d", p.at, p.status)
	}
	open := p.page.Find(".steps details[open]")
	if open.Length() != 1 || !strings.Contains(open.Find("summary").Text(), "refused here: validation_failed") {
		t.Errorf("open is %q, want the first step that refused, alone", open.Find("summary").Text())
	}
	if open.Find(".fix p").Text() == "" {
		t.Error("the refusal has no fix")
	}
	if first := p.page.Find(".steps li.none").First(); first.Find("details[open]").Length() != 1 {
		t.Error("open is not the first one")
	}
	rule := p.page.Find("#validation_rules").Parent().Find("tbody tr")
	if !strings.Contains(rule.Text(), "contractor") || rule.Find(".badge.none").Length() == 0 {
		t.Errorf("the rule does not say what it found: %q", rule.Text())
	}
	if !strings.Contains(p.page.Find("#came").Parent().Text(), "contractor") {
		t.Error("what arrived is not shown")
	}
}

func TestTheWinnerAmongAccessRulesAndTheCapAreShownS24S25(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "chen", "password")
	p := h.firstOwner(t)
	p.open(t, "/admin/logins?outcome=admitted&record=acme")
	p.follow(t, `table a[href^="/admin/logins/"]`)
	decided := p.page.Find("#access_rules").Parent().Find("tr:has(strong:contains('decided'))")
	if decided.Length() != 1 || !strings.Contains(decided.Text(), "Full Access") {
		t.Errorf("decided has %q", decided.Text())
	}
	if level := p.page.Find("#level").Parent(); level.Find(".badge.restricted").Length() != 1 || !strings.Contains(level.Text(), "elevating could give Full Access") {
		t.Errorf("the cap is not told: %q", level.Text())
	}
	if changes := p.page.Find("#changes").Parent().Text(); !strings.Contains(changes, "joins") {
		t.Errorf("the groups are %q", changes)
	}
}

func TestAReaderSeesThatALoginWasRefusedAndNoValue(t *testing.T) {
	h := newHouse(t, false)
	reference := h.refuse(t, "dora")
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, "/admin/logins")
	row := p.page.Find("main table tbody tr")
	if row.Length() != 1 || !strings.Contains(row.Text(), "validation_failed") || !strings.Contains(row.Text(), reference) {
		t.Errorf("the list shows %q", row.Text())
	}
	if p.page.Find("#ref").Length() != 0 || p.page.Find(`a[href^="/admin/logins/"]`).Length() != 0 {
		t.Error("the list leads a reader to what came")
	}
	p.open(t, "/admin/logins/"+reference)
	if p.status != http.StatusForbidden || strings.Contains(p.text, "contractor") || !strings.Contains(p.text, "needs the role editor") {
		t.Errorf("the login answers %d:\n%s", p.status, p.text)
	}
	p.open(t, "/admin/logins?ref="+reference)
	if p.at.Path != "/admin/logins" || p.status != http.StatusOK {
		t.Errorf("the search leads a reader to %s, %d", p.at, p.status)
	}
}

func TestAReferenceThatIsNotThereSaysSoAndTheListStays(t *testing.T) {
	h := newHouse(t, false)
	h.refuse(t, "dora")
	p := h.firstOwner(t)
	for address, want := range map[string]int{
		"/admin/logins?ref=NOSUCH": http.StatusNotFound, "/admin/logins?from=yesterday": http.StatusUnprocessableEntity,
		"/admin/logins?cursor=x": http.StatusBadRequest, "/admin/logins/NOSUCH": http.StatusNotFound,
		"/admin/logins?record=%00&code=%ff": http.StatusOK, "/admin/people/nobody": http.StatusNotFound,
		"/admin/records/nothing": http.StatusNotFound, "/admin/records/local": http.StatusNotFound, "/admin/groups/nothing": http.StatusNotFound,
		"/admin/audit?to=now": http.StatusUnprocessableEntity, "/admin/people?q=%00": http.StatusBadRequest,
	} {
		p.open(t, address)
		if p.status != want {
			t.Errorf("%s answers %d, want %d", address, p.status, want)
		}
	}
	p.open(t, "/admin/logins?ref=NOSUCH")
	if p.page.Find(`[role="alert"]`).Length() != 1 || p.page.Find("#ref").AttrOr("value", "") != "NOSUCH" || p.page.Find("main table tbody tr").Length() != 1 {
		t.Errorf("the page does not keep what was typed, or loses the list:\n%s", p.text)
	}
}

func TestALongListOfLoginsIsReadPageByPageWithItsFilter(t *testing.T) {
	h := newHouse(t, false)
	id := h.someTraces(t, 120)
	p := h.firstOwner(t)
	p.open(t, "/admin/logins?outcome=refused&user="+id)
	seen := map[string]bool{}
	for pages := 1; ; pages++ {
		p.page.Find("main table tbody tr a:has(code)").Each(func(_ int, one *goquery.Selection) { seen[one.Text()] = true })
		next := p.page.Find(`nav.pages a:contains("Next page")`)
		if next.Length() == 0 {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		p.open(t, next.AttrOr("href", ""))
		if p.at.Query().Get("outcome") != "refused" || p.at.Query().Get("user") != id {
			t.Fatalf("the filter is lost at %s", p.at)
		}
	}
	if len(seen) != 120 {
		t.Errorf("%d logins seen, want 120", len(seen))
	}
}

// someTraces writes refused logins of one person, and one that is not theirs.
func (h *house) someTraces(t *testing.T, count int) string {
	t.Helper()
	id := store.NewID()
	for i := range count + 1 {
		one := store.Trace{Ref: store.NewRef(), Record: demo.Acme, Version: 1, At: h.clock(), Verified: true, Code: "no_access", UserID: id, Document: []byte("{}")}
		if i == count {
			one.UserID = ""
		}
		check(t, h.store.SaveTrace(t.Context(), one))
	}
	return id
}

func TestAnEditorEndsTheSessionsOfAPersonAndAReaderCannot(t *testing.T) {
	h := newHouse(t, false)
	one, two := h.visitor(t), h.visitor(t)
	one.logIn(t, demo.Acme, "layla", "password")
	two.logIn(t, demo.Acme, "layla", "password")
	id := h.account(t, demo.Acme, "layla")

	reader := h.administrator(t, "rita", roles.Reader)
	reader.open(t, "/admin/people/"+id)
	if reader.page.Find("#sessions").Parent().Find("tbody tr").Length() != 2 || reader.page.Find("main form").Length() != 0 {
		t.Errorf("a reader sees:\n%s", reader.text)
	}
	reader.post(t, "/admin/people/"+id+"/sessions/end", nil)
	if reader.status != http.StatusForbidden {
		t.Errorf("a reader ends sessions: %d", reader.status)
	}
	open := func() (list []store.OpenSession) {
		list, _, err := h.store.Sessions(t.Context(), store.SessionFilter{User: id}, h.clock(), "", 10)
		check(t, err)
		return list
	}
	if len(open()) != 2 {
		t.Fatal("the reader's try has ended something")
	}

	editor := h.administrator(t, "edith", roles.Editor)
	editor.open(t, "/admin/people?q=LAYLA")
	editor.follow(t, `table a[href="/admin/people/`+id+`"]`)
	editor.submit(t, editor.page.Find(`form[action$="/`+open()[0].Session.ID+`/end"]`), "")
	if editor.at.Path != "/admin/people/"+id || len(open()) != 1 {
		t.Errorf("one button leads to %s and leaves %d sessions", editor.at, len(open()))
	}
	editor.submit(t, editor.page.Find(`form[action$="/sessions/end"]`), "")
	if !strings.Contains(editor.page.Find(".notice").Text(), "All sessions of this person have ended") {
		t.Errorf("it says %q", editor.page.Find(".notice").Text())
	}
	if len(open()) != 0 || editor.page.Find("#sessions").Parent().Find("form").Length() != 0 {
		t.Errorf("the other leaves %d sessions", len(open()))
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{User: id, Action: "sessions_ended"}, "", 10)
	check(t, err)
	if len(events) != 2 || events[0].Who != "edith" {
		t.Errorf("the audit trail has %v", events)
	}
	two.open(t, "/")
	if two.at.Path != "/login" {
		t.Errorf("the person is still at %s", two.at)
	}
}

func TestAPersonsPageSaysWhyTheyAreInEachGroupS35(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p := h.firstOwner(t)
	p.open(t, "/admin/people/"+h.account(t, demo.Acme, "ada"))
	groups := p.page.Find("#groups").Parent()
	if groups.Find("tbody tr").Length() != 3 || !strings.HasPrefix(groups.Find(".chips li").First().Text(), "by the rule ") {
		t.Errorf("the groups are %q", groups.Text())
	}
	if p.page.Find("#logins").Parent().Find("tbody tr").Length() != 1 {
		t.Error("the last login is missing")
	}
	p.follow(t, `#content a[href="/admin/groups/platform"]`)
	if rules := p.page.Find("#rules").Parent().Text(); !strings.Contains(rules, demo.Acme) {
		t.Errorf("the rules that point at the group: %q", rules)
	}
	if members := p.page.Find("#members").Parent().Text(); !strings.Contains(members, "ada") || !strings.Contains(members, "by the rule ") {
		t.Errorf("the members: %q", members)
	}
}

func TestARecordsPageHasTheAddressesThatTheServiceAnswersAt(t *testing.T) {
	h := newHouse(t, false)
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, "/admin/records")
	if got := p.page.Find("main tbody tr").Length(); got != 3 {
		t.Errorf("%d records, want the demo's three", got)
	}
	p.follow(t, `a[href="/admin/records/acme"]`)
	chips := p.page.Find("code.chip").Map(func(_ int, one *goquery.Selection) string { return one.Text() })
	for _, want := range []string{h.base + "/saml/acme/acs", h.base + "/saml/acme/metadata"} {
		if !strings.Contains(strings.Join(chips, " "), want) {
			t.Errorf("the addresses %v lack %s", chips, want)
		}
	}
	text := p.page.Find("pre").Text()
	if !strings.Contains(text, "key: acme") || !strings.Contains(text, "access_rules:") || strings.Contains(text, "PRIVATE") {
		t.Errorf("the values are:\n%.600s", text)
	}
}

func TestTheAuditShowsWhatWasChangedAndMarksAlarms(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	h.visitor(t).post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {"crate anvil pond quill"}})
	p.open(t, "/admin/audit?action=record_created&record=acme")
	if rows := p.page.Find("main tbody tr"); rows.Length() != 1 || rows.Find(".badge").Length() != 0 {
		t.Errorf("the filter leaves %q", rows.Text())
	}
	p.open(t, "/admin/audit?alarms=yes")
	rows := p.page.Find("main tbody tr")
	if rows.Length() == 0 || rows.Find(`.badge:contains("Alarm")`).Length() != rows.Length() || !strings.Contains(rows.Text(), "back_door_used") {
		t.Errorf("the alarms are %q", rows.Text())
	}
	if _, checked := p.page.Find("#alarms").Attr("checked"); !checked {
		t.Error("the filter forgets what was asked")
	}
}

func TestTheFrontPageLeadsAdministratorsAloneToTheirPages(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, "/")
	p.follow(t, `a[href="/admin"]`)
	if p.at.Path != "/admin/logins" || p.page.Find(`[role="status"]`).Text() != "Nobody has logged in yet." {
		t.Errorf("the link leads to %s:\n%s", p.at, p.text)
	}
	other := h.visitor(t)
	other.logIn(t, demo.Acme, "layla", "password")
	if other.page.Find(`a[href="/admin"]`).Length() != 0 {
		t.Error("somebody without a role has the link")
	}
}

func TestAStrangerComesBackFromTheDoorToTheAdministratorsPage(t *testing.T) {
	h := newHouse(t, false)
	h.firstOwner(t)
	p := h.visitor(t)
	p.open(t, h.base+"/admin/people?q=a")
	if p.at.Path != "/door" || p.at.Query().Get("return_to") != "/admin/people?q=a" {
		t.Fatalf("a stranger is at %s", p.at)
	}
	p.submitTyped(t, p.page.Find("form"), url.Values{"username": {"grace"}, "password": {"crate anvil pond quill"}})
	if p.at.RequestURI() != "/admin/people?q=a" || p.status != http.StatusOK {
		t.Errorf("the door leads to %s, %d", p.at, p.status)
	}
}

// Every route of administrators, asked by everybody there is. The list is the one
// that routes are registered from.
func TestThePartsOfARecordNeedWhatTheirRoutesDo(t *testing.T) {
	h := newHouse(t, false)
	for role, want := range map[roles.Role]string{
		roles.Reader: "Overview, Rules, Directory, Certificates and keys, Versions",
		roles.Editor: "Overview, Edit, Rules, Apply rules now, Directory, Certificates and keys, Versions",
	} {
		p := h.administrator(t, "grace-"+string(role), role)
		p.open(t, "/admin/records/acme")
		links := p.page.Find("nav.within a")
		names := links.Map(func(_ int, link *goquery.Selection) string { return link.Text() })
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("as %s there are the parts %s; want %s", role, got, want)
		}
		for _, address := range links.Map(func(_ int, link *goquery.Selection) string { return link.AttrOr("href", "") }) {
			if p.open(t, address); p.status != http.StatusOK {
				t.Errorf("as %s, %s answers %d", role, address, p.status)
			}
		}
	}
}

func TestEveryAdminRouteAsksForItsRole(t *testing.T) {
	h := newHouse(t, false)
	reference := h.refuse(t, "dora")
	nobody := h.visitor(t)
	nobody.logIn(t, demo.Acme, "layla", "password")
	h.visitor(t).logIn(t, demo.Acme, "ada", "card") // whose sessions end
	id := h.account(t, demo.Acme, "ada")
	acme, err := h.store.Edition(t.Context(), demo.Acme)
	check(t, err)
	keys, err := h.store.SPKeyring(t.Context(), acme.ID)
	check(t, err)
	run := store.Run{ID: store.NewID(), Record: demo.Acme, Began: h.clock(), Ended: h.clock(), Outcome: store.RunFailed}
	check(t, h.store.SaveRun(t.Context(), store.Edition{ID: acme.ID, Key: demo.Acme}, run, nil))
	fill := strings.NewReplacer(":token", h.token(t, "nightly-report"), ":run", run.ID, ":version", "1", ":fingerprint", saml.Fingerprint(keys[0].Certificate), ":ref", reference, ":user", id, ":record", demo.Acme, ":group", "platform", ":session", store.NewID())

	h.firstOwner(t)
	who := []struct {
		name string
		role roles.Role
		at   *person
	}{
		{"a stranger", roles.None, h.visitor(t)},
		{"a person without role", roles.None, nobody},
		{"a reader", roles.Reader, h.administrator(t, "rita", roles.Reader)},
		{"an editor", roles.Editor, h.administrator(t, "edith", roles.Editor)},
		{"an owner", roles.Owner, h.administrator(t, "olga", roles.Owner)},
	}
	routes := web.AdminRoutes()
	if len(routes) < 10 {
		t.Fatalf("%d routes", len(routes))
	}
	for _, route := range routes {
		if !route.Need.Known() {
			t.Errorf("%s %s asks for no role, so nobody may use it", route.Method, route.Path)
		}
		for _, one := range who {
			address := h.base + fill.Replace(route.Path)
			if route.Method == http.MethodPost {
				one.at.post(t, address, nil)
			} else {
				one.at.open(t, address)
			}
			name := route.Method + " " + route.Path + " by " + one.name
			switch {
			case one.name == "a stranger":
				if one.at.at.Path != "/door" {
					t.Errorf("%s leads to %s, want the door", name, one.at.at)
				}
				if _, err := url.ParseRequestURI(one.at.at.Query().Get("return_to")); err != nil {
					t.Errorf("%s: nothing to come back to", name)
				}
			case one.role.May(route.Need):
				// An empty form may well be refused for what it lacks.
				if one.at.status == http.StatusForbidden || one.at.status >= http.StatusInternalServerError || !strings.HasPrefix(one.at.at.Path, "/admin/") ||
					route.Method == http.MethodGet && one.at.status != http.StatusOK {
					t.Errorf("%s answers %d at %s", name, one.at.status, one.at.at)
				}
			default:
				if one.at.status != http.StatusForbidden || one.at.page.Find(".card p").First().Text() == "" {
					t.Errorf("%s answers %d, want 403 in words", name, one.at.status)
				}
			}
		}
	}
}
