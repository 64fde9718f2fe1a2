package web_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/groups"
	"idms/internal/roles"
	"idms/internal/store"
)

// inGroup says who is in a group and why, as its page does.
func (h *house) inGroup(t *testing.T, key string) string {
	t.Helper()
	list, _, err := h.store.Members(t.Context(), key, "", 100)
	check(t, err)
	var said []string
	for _, one := range list {
		for _, source := range one.Sources {
			said = append(said, one.Account.Username+" "+source.Words())
		}
	}
	return strings.Join(said, "; ")
}

func TestAGroupIsCreatedRenamedAndDeletedByItsName(t *testing.T) {
	h := newHouse(t, false)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/groups")
	p.follow(t, `a[href="/admin/new-group"]`)
	p.pressButton(t, "Create the group", url.Values{"key": {"Ops!"}, "name": {""}, "reason": {"ticket 7"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-key").AttrOr("value", "") != "Ops!" || p.page.Find("#problems li").Length() != 2 ||
		p.page.Find("#f-key").AttrOr("aria-invalid", "") != "true" || p.page.Find("#f-reason").AttrOr("value", "") != "ticket 7" {
		t.Fatalf("a refused form is %d:\n%s", p.status, p.text)
	}
	p.pressButton(t, "Create the group", url.Values{"key": {"platform"}, "name": {"Again"}})
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.page.Find("#f-key-problem").Text(), "There is a group platform already") {
		t.Errorf("a key that is taken: %d:\n%s", p.status, p.text)
	}
	p.pressButton(t, "Create the group", url.Values{"key": {"ops"}, "name": {"Ops"}})
	if p.at.Path != "/admin/groups/ops" || !strings.Contains(p.page.Find(".notice").Text(), "created") {
		t.Fatalf("created: at %s\n%s", p.at, p.text)
	}
	p.follow(t, `a[href="/admin/groups/ops/edit"]`)
	stale := p.page.Find(`input[name="before"]`).AttrOr("value", "")
	p.pressButton(t, "Rename the group", url.Values{"name": {"Operations"}})
	if p.page.Find("h1 bdi").Text() != "Operations" {
		t.Fatalf("renamed: %s", p.text)
	}
	p.post(t, "/admin/groups/ops/rename", url.Values{"before": {stale}, "name": {"Late"}})
	if p.status != http.StatusConflict || p.page.Find("#f-name").AttrOr("value", "") != "Late" || !strings.Contains(p.page.Find("#problems").Text(), `called "Operations" now`) {
		t.Errorf("a rename over somebody else's: %d\n%s", p.status, p.text)
	}
	p.pressButton(t, "Delete the group", url.Values{"confirm": {"operations"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-confirm").AttrOr("value", "") != "operations" {
		t.Errorf("another name deletes: %d", p.status)
	}
	p.pressButton(t, "Delete the group", url.Values{"confirm": {"Operations"}, "delete_reason": {"it moved"}})
	if p.at.Path != "/admin/groups" || p.status != http.StatusOK {
		t.Errorf("deleted: %d at %s", p.status, p.at)
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{Group: "ops", Who: "edith"}, "", 10)
	check(t, err)
	if len(events) != 3 || events[0].Action != audit.GroupDeleted || events[0].Reason != "it moved" {
		t.Errorf("the audit trail has %+v", events)
	}
}

func TestAGroupThatARulePointsAtStaysAndItsRulesAreLinkedS38(t *testing.T) {
	h := newHouse(t, false)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/groups/platform/edit")
	if p.page.Find(`#delete ~ table a[href="/admin/records/acme/rules"]`).Length() == 0 || p.page.Find(`form[action$="/delete"]`).Length() != 0 {
		t.Errorf("the page offers:\n%s", p.text)
	}
	p.post(t, "/admin/groups/platform/delete", url.Values{"confirm": {p.page.Find("h1 bdi").Text()}})
	if p.status != http.StatusConflict || !strings.Contains(p.page.Find("#problems").Text(), "is used by the rule") {
		t.Errorf("deleting it all the same: %d\n%s", p.status, p.text)
	}
	for _, role := range roles.All() {
		p.open(t, "/admin/groups/"+role.Group()+"/edit")
		if p.status != http.StatusConflict {
			t.Errorf("the built-in group of %ss answers %d", role, p.status)
		}
	}
}

func TestAPersonIsFoundAddedByHandAndTakenOutAgainS36(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	check(t, h.store.CreateGroup(t.Context(), groups.Group{Key: "ops", Name: "Ops"}, store.Author{Who: "test", Now: noon}))
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/groups/ops")
	p.follow(t, `a[href="/admin/groups/ops/add"]`)
	p.open(t, "/admin/groups/ops/add?q=ADA")
	p.pressButton(t, "Add to the group", nil)
	if p.at.Path != "/admin/groups/ops" || h.inGroup(t, "ops") != "ada by edith" {
		t.Fatalf("at %s the group has %s", p.at, h.inGroup(t, "ops"))
	}
	p.post(t, "/admin/groups/ops/members", url.Values{"user": {store.NewID()}, "q": {"eva"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-q").AttrOr("value", "") != "eva" {
		t.Errorf("somebody who is not there: %d", p.status)
	}
	for kind, want := range map[string]int{"manual": 1, "association": 0, "": 1, "nonsense": 0} {
		p.open(t, "/admin/groups/ops?kind="+kind)
		if got := p.page.Find("#members").Parent().Find("tbody tr").Length(); got != want {
			t.Errorf("by %q are %d, want %d", kind, got, want)
		}
	}
	p.open(t, "/admin/groups/ops")
	p.pressButton(t, "Remove from the group", nil)
	if h.inGroup(t, "ops") != "" || !strings.Contains(p.page.Find(".notice").Text(), "is ended") {
		t.Errorf("left is %s", h.inGroup(t, "ops"))
	}
	// What a rule granted is not ended by hand, and the refusal says by which rule.
	p.open(t, "/admin/groups/platform")
	if p.page.Find(`form[action$="/remove"]`).Length() != 0 {
		t.Error("a membership by a rule has a button")
	}
	p.post(t, "/admin/groups/platform/members/"+h.account(t, demo.Acme, "ada")+"/remove", nil)
	if p.status != http.StatusConflict || !strings.Contains(p.text, "by the rule") {
		t.Errorf("a rule's membership: %d\n%s", p.status, p.text)
	}
}

func TestWhoAdministersIsForOwnersToSayOnThesePagesTooS44(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	owner := h.firstOwner(t)
	editor := h.administrator(t, "edith", roles.Editor)
	at, ada := "/admin/groups/"+roles.Owner.Group(), h.account(t, demo.Acme, "ada")
	before := h.inGroup(t, roles.Owner.Group())
	editor.open(t, at)
	if editor.page.Find("main form").Length() > 1 || editor.page.Find(`a[href$="/add"]`).Length() != 0 {
		t.Errorf("an editor is offered:\n%s", editor.text)
	}
	for _, try := range []string{at + "/members", at + "/members/" + h.account(t, "local", "grace") + "/remove", at + "/left-behind"} {
		editor.post(t, try, url.Values{"user": {ada}, "do": {"remove"}})
		if editor.status != http.StatusForbidden {
			t.Errorf("an editor posts to %s: %d", try, editor.status)
		}
	}
	if now := h.inGroup(t, roles.Owner.Group()); now != before {
		t.Fatalf("the owners are %s", now)
	}
	// The last owner who can log in stays one.
	owner.open(t, at)
	owner.post(t, at+"/members/"+h.account(t, "local", "grace")+"/remove", nil)
	if owner.status != http.StatusConflict || h.inGroup(t, roles.Owner.Group()) != before {
		t.Errorf("the last owner goes: %d", owner.status)
	}
}

// leave deletes the associations of acme, so that their members are left behind.
func (h *house) leave(t *testing.T) {
	t.Helper()
	for i := range h.file.Records {
		if h.file.Records[i].Key == demo.Acme {
			h.file.Records[i].Associations = nil
		}
	}
	h.apply(t)
}

func TestWhatADeletedAssociationLeftIsSeenRehearsedAndRemovedS34(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	source := groups.Source{Kind: groups.FromAssociation, Record: demo.Acme}
	for _, one := range h.record(t, demo.Acme).Associations {
		if one.Group == "platform" {
			source.By = one.Key
		}
	}
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/left-behind")
	if !strings.Contains(p.page.Find(`[role="status"]`).Text(), "Nothing is left") {
		t.Errorf("before anything is deleted:\n%s", p.text)
	}
	h.leave(t)
	p.open(t, "/admin/groups/platform")
	p.follow(t, `a[href="/admin/groups/platform/left-behind"]`)
	if p.page.Find("#people").Parent().Find("tbody tr").Length() != 1 {
		t.Fatalf("the people are:\n%s", p.text)
	}
	was := h.inGroup(t, "platform")
	p.pressButton(t, "Remove all of these", nil)
	if p.status != http.StatusOK || h.inGroup(t, "platform") != was || !strings.Contains(p.page.Find(".refusal").Text(), "1 person leaves a group") {
		t.Fatalf("the preview is %d, or has done it:\n%s", p.status, p.text)
	}
	// Meanwhile it is another person, by the same association: as many as were seen.
	check(t, h.store.InTx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(
			tx.ApplyChanges(h.account(t, demo.Acme, "ada"), []groups.Change{{Group: "platform", Remove: true, Source: source}}, h.clock()),
			tx.ApplyChanges(h.account(t, demo.Acme, "layla"), []groups.Change{{Group: "platform", Source: source}}, h.clock()))
	}))
	other := h.inGroup(t, "platform")
	p.pressButton(t, "Remove 1 reason", nil)
	if p.status != http.StatusConflict || other == was || h.inGroup(t, "platform") != other || !strings.Contains(p.page.Find("#problems").Text(), "Something else would happen now") {
		t.Fatalf("another person: %d, in it are %s\n%s", p.status, h.inGroup(t, "platform"), p.text)
	}
	was = other
	p.pressButton(t, "Remove 1 reason", url.Values{"seen": {"1"}})
	if p.status != http.StatusConflict || h.inGroup(t, "platform") != was {
		t.Fatalf("what nobody can have seen: %d", p.status)
	}
	p.pressButton(t, "Remove 1 reason", url.Values{"reason": {strings.Repeat("x", 501)}})
	if p.status != http.StatusUnprocessableEntity || h.inGroup(t, "platform") != was {
		t.Fatalf("a long reason: %d", p.status)
	}
	p.pressButton(t, "Remove 1 reason", url.Values{"reason": {"they moved"}})
	if p.at.Path != "/admin/groups/platform/left-behind" || h.inGroup(t, "platform") != "" || p.page.Find(".notice").Length() != 1 {
		t.Fatalf("at %s the group has %s", p.at, h.inGroup(t, "platform"))
	}
	p.post(t, "/admin/groups/platform/left-behind", url.Values{"do": {"remove"}, "seen": {"1"}})
	if p.status != http.StatusNotFound {
		t.Errorf("a second time: %d", p.status)
	}
	p.post(t, "/admin/left-behind", url.Values{"do": {"destroy"}})
	if p.status != http.StatusUnprocessableEntity {
		t.Errorf("something else to do: %d", p.status)
	}
}

func TestWhatIsLeftEverywhereIsAdoptedByTheAdministratorS34(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.leave(t)
	reader := h.administrator(t, "rita", roles.Reader)
	reader.open(t, "/admin/left-behind")
	if reader.page.Find("tbody tr").Length() == 0 || reader.page.Find("main form").Length() != 0 {
		t.Errorf("a reader sees:\n%s", reader.text)
	}
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/left-behind")
	p.pressButton(t, "Adopt…", nil) // of the first row
	p.pressButton(t, "Adopt 1 membership", nil)
	if p.at.Path != "/admin/left-behind" {
		t.Fatalf("at %s, %d", p.at, p.status)
	}
	p.pressButton(t, "Adopt all of these", nil)
	p.pressButton(t, "Adopt ", nil)
	if !strings.Contains(p.page.Find(`main [role="status"]`).Text(), "Nothing is left") || h.inGroup(t, "platform") != "ada by edith" {
		t.Errorf("left is:\n%s\nin platform: %s", p.text, h.inGroup(t, "platform"))
	}
}

func TestTheAuditIsFilteredByPersonAsPeopleKnowThem(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p := h.firstOwner(t)
	p.open(t, "/admin/audit?user=ADA&action=logged_in")
	if p.at.Query().Get("user") != h.account(t, demo.Acme, "ada") || p.page.Find("main tbody tr").Length() != 1 {
		t.Errorf("at %s:\n%s", p.at, p.text)
	}
	p.open(t, "/admin/audit?user=nobody")
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.page.Find(`[role="alert"]`).Text(), "Nobody here is called “nobody”") {
		t.Errorf("nobody: %d", p.status)
	}
	h.administrator(t, "ada", roles.Reader) // a local person of the same name
	p.open(t, "/admin/audit?user=ada&alarms=yes")
	if links := p.page.Find(`[role="alert"] a`); links.Length() != 2 || !strings.Contains(links.First().AttrOr("href", ""), "alarms=yes") {
		t.Errorf("two people: %d\n%s", p.status, p.text)
	}
	p.open(t, "/admin/audit?who=test&record=acme")
	if p.page.Find("main tbody tr").Length() == 0 || p.page.Find(`datalist option[value="test"]`).Length() != 1 || p.page.Find(`#action option[value="record_created"]`).Length() != 1 {
		t.Errorf("by whom:\n%s", p.text)
	}
	p.open(t, "/admin/audit?who=nobody")
	if p.page.Find("main tbody tr").Length() != 0 {
		t.Error("nobody has done something")
	}
}

func TestWhatTheAuditFindsIsDownloadedWholeAndIsNoFormula(t *testing.T) {
	h := newHouse(t, false)
	for range 3 {
		by := store.Author{Role: roles.Owner, Who: "=HYPERLINK(\"http://evil.example\")", Reason: "+1\n@x", Now: noon}
		check(t, h.store.CreateGroup(t.Context(), groups.Group{Key: "g-" + strings.ToLower(store.NewID()), Name: "-2+3"}, by))
	}
	h.someEvents(t, 1200)
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, "/admin/audit?action=group_created")
	p.follow(t, `a[href^="/admin/audit.csv"]`)
	if kind := p.header.Get("Content-Type"); kind != "text/csv; charset=utf-8" || !strings.HasPrefix(p.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the table is %q", kind)
	}
	rows, err := csv.NewReader(strings.NewReader(p.text)).ReadAll()
	check(t, err)
	found := 0
	for _, row := range rows[1:] {
		for i, field := range row {
			if strings.ContainsAny(field[:min(len(field), 1)], "=+-@\t\r") {
				t.Errorf("a formula in %s: %q", rows[0][i], field)
			}
		}
		if row[2] == "group_created" && strings.HasPrefix(row[4], "'=HYPERLINK") && row[14] == "'-2+3" && row[11] == "'+1\n@x" {
			found++
		}
	}
	if found != 3 {
		t.Errorf("%d of the three groups are in the table:\n%s", found, p.text)
	}
	p.open(t, "/admin/audit.json?action=job_failed")
	var all struct {
		Events []audit.Event
		Next   string
	}
	check(t, json.Unmarshal([]byte(p.text), &all))
	if len(all.Events) != 1200 || all.Next != "" || all.Events[0].Action != audit.JobFailed {
		t.Errorf("%d events, next %q", len(all.Events), all.Next)
	}
	p.open(t, "/admin/audit.json?action=nothing")
	if check(t, json.Unmarshal([]byte(p.text), &all)); len(all.Events) != 0 {
		t.Errorf("nothing is %s", p.text)
	}
	for _, address := range []string{"/admin/audit.csv?from=yesterday", "/admin/audit.json?user=ada"} {
		if p.open(t, address); p.status != http.StatusBadRequest {
			t.Errorf("%s answers %d", address, p.status)
		}
	}
}

// someEvents writes so many failed jobs.
func (h *house) someEvents(t *testing.T, count int) {
	t.Helper()
	list := make([]audit.Event, count)
	for i := range list {
		list[i] = audit.Event{At: h.clock(), Action: audit.JobFailed, Alarm: true, Who: "system"}
	}
	check(t, h.store.Audit(t.Context(), list...))
}
