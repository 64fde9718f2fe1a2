package web_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
)

// rewrite saves a record anew, as somebody changed it.
func (h *house) rewrite(t *testing.T, key string, change func(*idms.Record)) idms.Record {
	t.Helper()
	record, err := h.store.Record(t.Context(), key)
	check(t, err)
	change(&record)
	_, err = h.store.Apply(t.Context(), idms.File{Records: []idms.Record{record}}, h.owner())
	check(t, err)
	record, err = h.store.Record(t.Context(), key)
	check(t, err)
	return record
}

// column is one column of the table on a page, each cell with its white space
// squeezed.
func (p *person) column(n int) []string {
	return p.page.Find(fmt.Sprintf("main table tbody tr td:nth-child(%d)", n)).Map(func(_ int, one *goquery.Selection) string {
		return strings.Join(strings.Fields(one.Text()), " ")
	})
}

func TestTheListOfRecordsSaysHowEachFares(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	h.wait(time.Hour)
	h.rewrite(t, demo.Globex, func(r *idms.Record) { r.State = idms.Disabled })
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records")
	if got := p.column(1); len(got) != 3 || !strings.Contains(got[0], "Acme") || !strings.Contains(got[2], "Initech") {
		t.Fatalf("the records are %q", got)
	}
	if got := p.column(2); !strings.HasPrefix(got[0], "Active") || !strings.HasPrefix(got[1], "Disabled") { // S53
		t.Errorf("the states are %q", got)
	}
	if people, last := p.column(3), p.column(4); people[0] != "2" || people[1] != "nobody" || last[0] != "60 min ago" || last[2] != "never" {
		t.Errorf("people %q, last logins %q", people, last)
	}
	if p.page.Find(`a[href="/admin/set-up"]`).Length() != 1 {
		t.Error("an editor cannot add a record")
	}
	for address, want := range map[string]string{
		"?q=GLO": "Globex", "?state=disabled": "Globex", "?order=people&q=i&state=active": "Initech", "?q=nothing": "",
	} {
		p.open(t, "/admin/records"+address)
		if got := strings.Join(p.column(1), " "); want == "" && (got != "" || p.page.Find(`main [role="status"]`).Length() != 1) || want != "" && !strings.Contains(got, want) {
			t.Errorf("%s finds %q, want %q", address, got, want)
		}
	}
	p.open(t, "/admin/records?order=people")
	if got := p.column(1); !strings.Contains(got[0], "Acme") || p.page.Find(`#order option[selected]`).AttrOr("value", "") != "people" {
		t.Errorf("most people first is %q", got)
	}
	p.open(t, "/admin/records?order=size")
	if p.status != http.StatusBadRequest {
		t.Errorf("an unknown order answers %d", p.status)
	}
	reader := h.administrator(t, "rita", roles.Reader)
	reader.open(t, "/admin/records")
	if reader.page.Find(`a[href="/admin/set-up"]`).Length() != 0 {
		t.Error("a reader is offered to add a record")
	}
}

func TestTheListWarnsOfACertificateThatEndsAndOfASyncThatIsHeld(t *testing.T) {
	h := newHouse(t, false)
	end := noon
	h.rewrite(t, demo.Initech, func(r *idms.Record) {
		idp, err := r.SAML.IdP()
		check(t, err)
		end = idp.Certificates[0].NotAfter
	})
	h.wait(end.Sub(noon) - 9*24*time.Hour - time.Minute)
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, "/admin/records?q=initech")
	if got := p.column(2); len(got) != 1 || !strings.Contains(got[0], "ertificate ends in 9 days") {
		t.Errorf("nine days before the end the list says %q", got)
	}
	h.wait(10 * 24 * time.Hour)
	q := h.administrator(t, "rob", roles.Reader)
	q.open(t, "/admin/records?q=initech")
	if got := q.column(2); !strings.Contains(got[0], "ertificate ended") {
		t.Errorf("after the end the list says %q", got)
	}
}

func TestARecordsPageSaysWhatDecidesS23S24S37(t *testing.T) {
	h := newHouse(t, false)
	p := h.administrator(t, "rita", roles.Reader)
	decides := func(key string) string {
		p.open(t, "/admin/records/"+key)
		return strings.Join(strings.Fields(p.page.Find("dl.decides").Text()), " ")
	}
	acme := decides(demo.Acme)
	for _, want := range []string{"One validation rule must be true. They must have authenticated by 2 allowed contexts.", "No Access, which refuses the login, unless a rule gives more.",
		"Full Access: 1 rule.", "No Access wins over all others.", "Without the elevation context it is Restricted", "3 associations with 3 groups. A login adds to groups; 2 also remove."} {
		if !strings.Contains(acme, want) {
			t.Errorf("Acme lacks %q:\n%s", want, acme)
		}
	}
	if got := decides(demo.Globex); !strings.Contains(got, "Full Access for everybody who logs in: there are no access rules.") || !strings.Contains(got, "A login changes no group: there are no associations.") {
		t.Errorf("Globex decides %q", got)
	}
	if p.page.Find("#warnings").Parent().Find("li").Length() == 0 {
		t.Error("that everyone has Full Access is no warning")
	}
	if got := p.page.Find("#provider").Parent().Text(); !strings.Contains(got, h.provider.EntityID()) || !strings.Contains(got, "entered by hand") {
		t.Errorf("the provider is %q", got)
	}
	if p.page.Find("button[data-copy]").Length() != p.page.Find("code.chip").Length() || p.page.Find(`main a[role="button"], main form`).Length() != 0 {
		t.Error("an address has no copy button, or a reader is offered a change")
	}
	h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Access, r.Association = nil, idms.ByRules; r.Associations[0].Disabled = true })
	if got := decides(demo.Initech); !strings.Contains(got, "1 more is switched off.") {
		t.Errorf("a rule that is off is not told: %q", got)
	}
}

// publisher serves the metadata of a provider over plain http, so that whatever is
// new in it waits for approval.
func (h *house) publisher(t *testing.T, first saml.IdP) (address string, publish func(saml.IdP)) {
	t.Helper()
	var document atomic.Pointer[string]
	publish = func(idp saml.IdP) {
		text := idp.Metadata()
		document.Store(&text)
	}
	publish(first)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, *document.Load()) }))
	t.Cleanup(server.Close)
	return server.URL, publish
}

func TestMetadataThatWaitsIsShownAndApprovedExactlyAsItWasSeen(t *testing.T) {
	h := newHouse(t, false)
	acme, err := h.store.Record(t.Context(), demo.Acme)
	check(t, err)
	idp, err := acme.SAML.IdP()
	check(t, err)
	idp.ValidUntil = time.Time{}
	address, publish := h.publisher(t, idp)
	h.rewrite(t, demo.Acme, func(r *idms.Record) { r.SAML.MetadataURL = address })
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")

	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme")
	p.push(t, "/metadata/read")
	if p.at.Path != "/admin/records/acme" || !strings.Contains(p.page.Find(".notice").Text(), "says what it said before") || p.page.Find("#waiting").Length() != 0 {
		t.Fatalf("reading the same leads to %s:\n%s", p.at, p.page.Find(".notice").Text())
	}
	moved := idp
	moved.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://elsewhere.example/sso"}}
	publish(moved)
	p.push(t, "/metadata/read")
	waiting := p.page.Find("#waiting").Parent()
	if !strings.Contains(p.page.Find(".notice").Text(), "waits for approval") || !strings.Contains(waiting.Text(), "the logins of 1 person") ||
		!strings.Contains(waiting.Find("ins").Text(), "https://elsewhere.example/sso") {
		t.Fatalf("what waits is %q", waiting.Text())
	}
	stale := p.page.Find(`input[name="seen"]`).AttrOr("value", "")
	h.wait(time.Minute)
	moved.SSO[0].URL = "https://evil.example/sso"
	publish(moved)
	p.push(t, "/metadata/read")
	p.post(t, "/admin/records/acme/metadata/approve", url.Values{"seen": {stale}})
	if now, _ := h.store.Record(t.Context(), demo.Acme); p.status != http.StatusConflict || !strings.Contains(p.page.Find("#problems").Text(), "Something else waits") || strings.Contains(now.SAML.Metadata, "evil") {
		t.Fatalf("an approval of something else answers %d: %s", p.status, p.page.Find("#problems").Text())
	}

	reader := h.administrator(t, "rita", roles.Reader)
	reader.open(t, "/admin/records/acme")
	if !strings.Contains(reader.page.Find("#waiting").Parent().Find("ins").Text(), "evil.example") || reader.page.Find("main form").Length() != 0 {
		t.Error("a reader does not see what waits, or may approve it")
	}
	form := p.page.Find(`form[action$="/metadata/approve"]`)
	p.submitTyped(t, form, url.Values{"reason": {"told by phone"}})
	now, err := h.store.Record(t.Context(), demo.Acme)
	check(t, err)
	if !strings.Contains(now.SAML.Metadata, "https://evil.example/sso") || p.page.Find("#waiting").Length() != 0 || !strings.Contains(p.page.Find(".notice").Text(), "approved") {
		t.Errorf("the approval leads to %s, %d", p.at, p.status)
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{Action: audit.MetadataApproved}, "", 5)
	check(t, err)
	if len(events) != 1 || events[0].Who != "edith" || events[0].Reason != "told by phone" {
		t.Errorf("the audit trail has %v", events)
	}
	p.post(t, "/admin/records/acme/metadata/approve", nil)
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#problems").Length() != 1 {
		t.Errorf("an empty approval answers %d", p.status)
	}
}

func TestDisablingSaysWhoseSessionsEndAndKeepsPeopleAndGroupsS53(t *testing.T) {
	h := newHouse(t, false)
	ada := h.visitor(t)
	ada.logIn(t, demo.Acme, "ada", "card")
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	id := h.account(t, demo.Acme, "ada")
	before, err := h.store.Person(t.Context(), id)
	check(t, err)

	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme")
	p.follow(t, `a[role="button"]:contains("Disable")`)
	said := p.page.Find("main").Text()
	if !strings.Contains(said, "2 open sessions end") || !strings.Contains(said, "Its 2 people stay as they are, and their groups too") {
		t.Errorf("the page says:\n%s", said)
	}
	p.submitTyped(t, p.page.Find("main form"), url.Values{"reason": {"the contract ended"}})
	if p.at.Path != "/admin/records/acme" || p.page.Find(".badge").First().Text() != "Disabled" {
		t.Fatalf("it leads to %s, %d:\n%s", p.at, p.status, p.page.Find("main").Text())
	}
	ada.open(t, h.base+"/")
	if ada.at.Path != "/login" || ada.page.Find(`a.way[href^="/saml/acme"]`).Length() != 0 {
		t.Error("the session goes on, or the button is still there")
	}
	after, err := h.store.Person(t.Context(), id)
	check(t, err)
	if len(after.Groups) != len(before.Groups) || len(after.Groups) == 0 {
		t.Errorf("the groups were %v and are %v", before.Groups, after.Groups)
	}
	versions, _, err := h.store.VersionsPage(t.Context(), demo.Acme, "", 1)
	check(t, err)
	if versions[0].Author != "edith" || versions[0].Reason != "the contract ended" {
		t.Errorf("the version is %+v", versions[0])
	}

	p.open(t, "/admin/records/acme")
	p.follow(t, `a[role="button"]:contains("Switch this record on")`)
	if !strings.Contains(p.page.Find("main").Text(), "no test login of exactly this version has passed") {
		t.Errorf("nobody is told that it is untried:\n%s", p.page.Find("main").Text())
	}
	p.submit(t, p.page.Find("main form"), "")
	if p.page.Find(".badge").First().Text() != "Active" {
		t.Errorf("switching on leads to %s, %d", p.at, p.status)
	}
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p.open(t, "/admin/records/acme/switch-on")
	if !strings.Contains(p.page.Find("main").Text(), "There is nothing to do") || p.page.Find("main form").Length() != 0 {
		t.Error("what is on can be switched on again")
	}
}

func TestADraftThatIsNotReadySaysWhatIsMissingBeforeItIsSwitchedOn(t *testing.T) {
	h := newHouse(t, false)
	_, err := h.store.Apply(t.Context(), idms.File{Records: []idms.Record{{Key: "new", Name: "New", State: idms.Draft, CreateUsers: true}}}, h.owner())
	check(t, err)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/new")
	if p.status != http.StatusOK || !strings.Contains(p.page.Find("#provider").Parent().Text(), "does not say enough yet") {
		t.Errorf("a bare draft answers %d", p.status)
	}
	p.open(t, "/admin/records/new/switch-on")
	if hinders := p.page.Find(`main [role="alert"] li`); hinders.Length() < 2 || !strings.Contains(hinders.Text(), "saml.issuer") || p.page.Find("main form").Length() != 0 {
		t.Errorf("it says:\n%s", p.page.Find("main").Text())
	}
	p.post(t, "/admin/records/new/switch-on", url.Values{"seen": {"1"}})
	if p.status != http.StatusUnprocessableEntity {
		t.Errorf("pressing it all the same answers %d", p.status)
	}
	if record, _ := h.store.Record(t.Context(), "new"); record.State != idms.Draft {
		t.Errorf("the record is %s", record.State)
	}
}

func TestDeletingAsksForTheNameAndSaysWhoGoesS53(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	editor := h.administrator(t, "edith", roles.Editor)
	editor.open(t, "/admin/records/acme/delete")
	if editor.status != http.StatusForbidden {
		t.Errorf("an editor is asked: %d", editor.status)
	}
	editor.open(t, "/admin/records/acme")
	if editor.page.Find(`a:contains("Delete")`).Length() != 0 {
		t.Error("an editor is offered to delete")
	}
	p := h.firstOwner(t)
	p.open(t, "/admin/records/acme")
	p.follow(t, `a[role="button"]:contains("Delete")`)
	if said := p.page.Find("main").Text(); !strings.Contains(said, "1 person is deleted, with 3 memberships") || !strings.Contains(said, "1 open session ends") {
		t.Errorf("the page says:\n%s", said)
	}
	form := p.page.Find("main form")
	p.submitTyped(t, form, url.Values{"name": {"acne"}, "reason": {"gone"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-name").AttrOr("value", "") != "acne" || p.page.Find("#reason").AttrOr("value", "") != "gone" || p.page.Find("#f-name-problem").Length() != 1 {
		t.Errorf("a wrong name answers %d and forgets what was typed:\n%s", p.status, p.text)
	}
	// Somebody changes it meanwhile: what was seen is not what would go.
	h.rewrite(t, demo.Acme, func(r *idms.Record) { r.Button.Label = "Another" })
	p.submitTyped(t, form, url.Values{"name": {"Acme"}})
	if p.status != http.StatusConflict || !strings.Contains(p.page.Find("#problems").Text(), "changed by test") {
		t.Errorf("over another version it answers %d: %s", p.status, p.page.Find("#problems").Text())
	}
	p.submitTyped(t, p.page.Find("main form"), url.Values{"name": {" Acme "}, "reason": {"gone"}})
	if p.at.Path != "/admin/records" || !strings.Contains(p.page.Find(".notice").Text(), "deleted") || len(p.column(1)) != 2 {
		t.Errorf("it leads to %s, %d", p.at, p.status)
	}
	if _, err := h.store.AccountID(t.Context(), demo.Acme, "ada"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the person is still there: %v", err)
	}
}

func TestTheRecordThroughWhichTheLastOwnerComesIsNotDisabledS44(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Globex, "layla", "password")
	layla := h.account(t, demo.Globex, "layla")
	check(t, h.store.AddMember(t.Context(), roles.Owner.Group(), layla, h.owner()))
	p := h.visitor(t)
	p.logIn(t, demo.Globex, "layla", "password")
	p.open(t, "/admin/records/globex/disable")
	if said := p.page.Find(`main [role="alert"]`).Text(); p.status != http.StatusOK || !strings.Contains(said, "owner") || p.page.Find("main form").Length() != 0 {
		t.Errorf("%d: it says %q", p.status, said)
	}
	p.post(t, "/admin/records/globex/disable", url.Values{"seen": {"1"}})
	if record, _ := h.store.Record(t.Context(), demo.Globex); record.State != idms.Active {
		t.Errorf("the record is %s", record.State)
	}
}

func TestVersionsAreToldApartByRuleAndAFormerOneIsRestored(t *testing.T) {
	h := newHouse(t, false)
	former, err := h.store.Record(t.Context(), demo.Acme)
	check(t, err)
	h.rewrite(t, demo.Acme, func(r *idms.Record) {
		r.Name, r.Access = "Acme Works", append(r.Access[1:3:3], r.Access[0])
		r.Access[0].Attribute = "department"
	})
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme/versions")
	if rows := p.column(1); !slices.Equal(rows, []string{"Version 2 In force", "Version 1"}) {
		t.Errorf("the versions are %q", rows)
	}
	p.follow(t, `a:contains("What it changed")`)
	if what := strings.Join(p.column(1), "|"); !strings.Contains(what, "Access rule staff attribute") || !strings.Contains(what, "access_rules (order)") || !strings.Contains(what, "name") || len(p.column(1)) != 3 {
		t.Errorf("what changed is %q", what)
	}
	if from, to := strings.Join(p.column(2), " "), strings.Join(p.column(3), " "); !strings.Contains(from, "groups") || !strings.Contains(to, "department") {
		t.Errorf("from %q to %q", from, to)
	}
	p.follow(t, `a:contains("Swap the two")`)
	if from := strings.Join(p.column(2), " "); !strings.Contains(from, "department") {
		t.Errorf("swapped, the first is %q", from)
	}
	for address, want := range map[string]int{
		"/versions/compare?from=1&to=7": http.StatusNotFound, "/versions/compare?from=x": http.StatusUnprocessableEntity,
		"/versions/compare?from=-1": http.StatusUnprocessableEntity, "/versions/7": http.StatusNotFound, "/versions/%00": http.StatusNotFound,
		"/versions/compare?from=2&to=2": http.StatusOK, "/versions?cursor=x": http.StatusBadRequest, "/versions/99999999999": http.StatusNotFound,
	} {
		if p.open(t, "/admin/records/acme"+address); p.status != want {
			t.Errorf("%s answers %d, want %d", address, p.status, want)
		}
	}

	p.open(t, "/admin/records/acme/versions/1")
	if !strings.Contains(p.page.Find("pre").Text(), "name: Acme\n") || len(p.column(1)) != 3 {
		t.Errorf("version 1 is:\n%.400s", p.page.Find("pre").Text())
	}
	p.push(t, "/restore")
	now, err := h.store.Record(t.Context(), demo.Acme)
	check(t, err)
	before, _ := former.MarshalDocument()
	after, _ := now.MarshalDocument()
	if now.Version != 3 || !bytes.Equal(before, after) || p.at.Path != "/admin/records/acme" {
		t.Errorf("restoring leads to %s, %d, version %d:\n%s", p.at, p.status, now.Version, p.page.Find("main").Text())
	}
	versions, _, err := h.store.VersionsPage(t.Context(), demo.Acme, "", 1)
	check(t, err)
	if versions[0].Reason != "version 1 again" || versions[0].Author != "edith" {
		t.Errorf("the version is %+v", versions[0])
	}
	reader := h.administrator(t, "rita", roles.Reader)
	reader.open(t, "/admin/records/acme/versions/2")
	if reader.status != http.StatusOK || reader.page.Find(`main form[method="post"]`).Length() != 0 {
		t.Errorf("a reader may restore: %d", reader.status)
	}
}

func TestRestoringIsRehearsedAndTakesBackWhatTheMetadataAddressSaid(t *testing.T) {
	h := newHouse(t, false)
	acme, err := h.store.Record(t.Context(), demo.Acme)
	check(t, err)
	idp, err := acme.SAML.IdP()
	check(t, err)
	idp.ValidUntil = time.Time{}
	address, publish := h.publisher(t, idp)
	h.rewrite(t, demo.Acme, func(r *idms.Record) { r.SAML.MetadataURL = address })
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	wrong := h.rewrite(t, demo.Acme, func(r *idms.Record) { r.Validation[0].Attribute = "groups" }) // keeps ada out
	p := h.administrator(t, "edith", roles.Editor)
	moved := idp
	moved.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://elsewhere.example/sso"}}
	publish(moved)
	p.open(t, "/admin/records/acme")
	p.push(t, "/metadata/read")
	p.push(t, "/metadata/approve")

	p.open(t, fmt.Sprintf("/admin/records/acme/versions/%d", wrong.Version-1))
	if what := strings.Join(p.column(1), "|"); !strings.Contains(what, "saml.metadata sso_url") {
		t.Errorf("restoring would change %q", what)
	}
	p.push(t, "/restore")
	if said := p.page.Find("main").Text(); !strings.Contains(said, "1 person can log in") || p.page.Find(`form[action$="/save"]`).Length() != 1 {
		t.Fatalf("it is not rehearsed, %d:\n%s", p.status, said)
	}
	p.push(t, "/save")
	now, err := h.store.Record(t.Context(), demo.Acme)
	check(t, err)
	if now.Validation[0].Attribute != "employment" || strings.Contains(now.SAML.Metadata, "elsewhere") {
		t.Errorf("the rehearsal's form restores by halves: %s, %.300s", now.Validation[0].Attribute, now.SAML.Metadata)
	}
}

// A form may say that its record is a former version. What is none follows the
// metadata address, as anything that is typed.
func TestOnlyAFormerVersionIsRestored(t *testing.T) {
	h := newHouse(t, false)
	acme := h.record(t, demo.Acme)
	idp, err := acme.SAML.IdP()
	check(t, err)
	idp.ValidUntil = time.Time{}
	address, publish := h.publisher(t, idp)
	former := h.rewrite(t, demo.Acme, func(r *idms.Record) { r.SAML.MetadataURL = address })
	p := h.administrator(t, "edith", roles.Editor)
	idp.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://elsewhere.example/sso"}}
	publish(idp)
	p.open(t, "/admin/records/acme")
	p.push(t, "/metadata/read")
	p.push(t, "/metadata/approve")
	for _, restoring := range []string{"yes", "0", "-1", "99", "99999999999", fmt.Sprint(former.Version)} {
		now := h.record(t, demo.Acme)
		made := now
		made.Name, made.SAML.Metadata = "Made up "+restoring, former.SAML.Metadata
		candidate, err := json.Marshal(idms.DocumentOf(made))
		check(t, err)
		p.post(t, "/admin/records/acme/save", url.Values{"candidate": {string(candidate)}, "seen": {fmt.Sprint(now.Version)}, "restoring": {restoring}})
		if after := h.record(t, demo.Acme); after.Name != made.Name || !strings.Contains(after.SAML.Metadata, "elsewhere") {
			t.Errorf("restoring=%s saves %q, and the metadata of before: %v (%d)\n%s", restoring, after.Name, after.SAML.Metadata == former.SAML.Metadata, p.status, said(p))
		}
	}
	// Nor is it one any more when it is put together with what somebody else has changed.
	p.open(t, fmt.Sprintf("/admin/records/acme/versions/%d", former.Version))
	h.rewrite(t, demo.Acme, func(r *idms.Record) { r.Button.Label = "By somebody else" })
	p.push(t, "/restore")
	if p.status != http.StatusConflict || p.page.Find(`[name="restoring"]`).AttrOr("value", "") != fmt.Sprint(former.Version) {
		t.Fatalf("restoring over another change: %d\n%s", p.status, said(p))
	}
	p.push(t, "/merge")
	if p.page.Find(`[name="restoring"]`).Length() != 0 || !strings.Contains(h.record(t, demo.Acme).SAML.Metadata, "elsewhere") {
		t.Errorf("what was put together is a former version: %d\n%s", p.status, said(p))
	}
}

func TestAVersionThatIsNotAcceptedTodaySaysWhyAndIsNotOffered(t *testing.T) {
	h := newHouse(t, false)
	h.rewrite(t, demo.Acme, func(r *idms.Record) { r.Associations = r.Associations[:2] })
	h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Associations = nil })
	check(t, h.store.DeleteGroup(t.Context(), "platform", h.owner()))
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme/versions/1")
	if said := p.page.Find(`main [role="alert"]`).Text(); !strings.Contains(said, `There is no group "platform"`) || p.page.Find(`form[action$="/restore"]`).Length() != 0 {
		t.Errorf("it says %q", said)
	}
	p.post(t, "/admin/records/acme/versions/1/restore", url.Values{"seen": {"2"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#problems").Length() != 1 {
		t.Errorf("pressing it all the same answers %d", p.status)
	}
}

func TestTheTimelineOfCertificatesIsSortedFilteredAndPaged(t *testing.T) {
	h := newHouse(t, false)
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, "/admin/certificates")
	ends := p.page.Find("main table tbody time").Map(func(_ int, one *goquery.Selection) string { return one.AttrOr("datetime", "") })
	if len(ends) != 6 || !slices.IsSorted(ends) || p.page.Find("svg.life").Length() != 6 {
		t.Errorf("the certificates end at %v", ends)
	}
	p.open(t, "/admin/certificates?whose=ours")
	if whose := p.column(1); len(whose) != 3 || !strings.HasSuffix(whose[0], "Ours, signs and decrypts") {
		t.Errorf("ours are %q", whose)
	}
	p.open(t, "/admin/certificates?whose=theirs&record=acme")
	if whose := p.column(1); len(whose) != 1 || whose[0] != "AcmeThe provider’s, signs responses" {
		t.Errorf("Acme's are %q", whose)
	}
	p.open(t, "/admin/certificates?soon=yes")
	if whose := p.column(1); len(whose) != 1 || whose[0] != "GlobexThe provider’s, signs responses" {
		t.Errorf("soon end %q", whose)
	}
	p.open(t, "/admin/certificates?soon=yes&record=acme")
	if p.page.Find(`main [role="status"]`).Length() != 1 {
		t.Error("something of Acme's ends soon")
	}
	p.open(t, "/admin/certificates?cursor=x")
	if p.status != http.StatusBadRequest {
		t.Errorf("an odd cursor answers %d", p.status)
	}

	// Two pages: every one of them once, though many end in the same second.
	var file idms.File
	for i := range 60 {
		file.Records = append(file.Records, idms.Record{Key: fmt.Sprintf("r%02d", i), Name: fmt.Sprintf("Record %02d", i), State: idms.Draft, CreateUsers: true})
	}
	_, err := h.store.Apply(t.Context(), file, h.owner())
	check(t, err)
	seen := map[string]bool{}
	count := 0
	for p.open(t, "/admin/certificates?whose=ours"); ; {
		for _, name := range p.column(1) {
			seen[name], count = true, count+1
		}
		next := p.page.Find(`nav.pages a:contains("Next page")`)
		if next.Length() == 0 {
			break
		}
		p.open(t, next.AttrOr("href", ""))
	}
	if len(seen) != 63 || count != 63 {
		t.Errorf("%d records in %d rows, want 63 in 63", len(seen), count)
	}
}

func TestOurKeysAreRolledOverStepByStep(t *testing.T) {
	h := newHouse(t, false)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme/certificates")
	step := func() string { return p.page.Find(`.roll [aria-current="step"] h3`).Text() }
	if !strings.Contains(step(), "Announce the next key") || p.page.Find(`.roll form, form[action$="/keys/retire"]`).Length() != 1 {
		t.Fatalf("at first the step is %q", step())
	}
	response, err := p.Get(p.absolute(p.page.Find(`a[download]`).First().AttrOr("href", "")))
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	block, _ := pem.Decode(text)
	if block == nil || response.Header.Get("Content-Disposition") != `attachment; filename="idms-acme-current.pem"` {
		t.Fatalf("the download is %v", response.Header)
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		t.Error(err)
	}

	p.push(t, "/keys/announce")
	if !strings.Contains(p.page.Find(".notice").Text(), "announced") || !strings.Contains(step(), "Let the provider know it") || p.page.Find(`form[action$="/keys/switch"]`).Length() != 0 {
		t.Errorf("announced, the step is %q", step())
	}
	p.post(t, "/admin/records/acme/keys/switch", nil)
	if p.status != http.StatusConflict || !strings.Contains(p.page.Find("#problems").Text(), "wait until 2026-03-03 12:00 UTC") {
		t.Errorf("too soon answers %d: %s", p.status, p.page.Find("#problems").Text())
	}
	p.post(t, "/admin/records/acme/keys/switch", url.Values{"force": {"yes"}})
	if p.status != http.StatusForbidden {
		t.Errorf("an editor forces it: %d", p.status)
	}
	h.wait(48 * time.Hour)
	p = h.administrator(t, "eve", roles.Editor)
	p.open(t, "/admin/records/acme/certificates")
	if !strings.Contains(step(), "Switch to the next key") {
		t.Errorf("after two days the step is %q", step())
	}
	p.push(t, "/keys/switch")
	if !strings.Contains(step(), "Retire the former key") || p.page.Find(`form[action$="/keys/retire"]`).Length() != 0 {
		t.Errorf("switched, the step is %q", step())
	}

	owner := h.firstOwner(t)
	owner.open(t, "/admin/records/acme/certificates")
	form := owner.page.Find(`form[action$="/keys/retire"]`)
	if !strings.Contains(form.Text(), "decryption_failed") {
		t.Errorf("what forcing breaks is not said: %q", form.Text())
	}
	owner.submitTyped(t, form, url.Values{"reason": {"the old one is lost"}})
	if !strings.Contains(owner.page.Find(".notice").Text(), "gone") {
		t.Errorf("forcing leads to %s, %d:\n%s", owner.at, owner.status, owner.page.Find("#problems").Text())
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{Record: demo.Acme, Action: audit.KeyRetired}, "", 5)
	check(t, err)
	if len(events) != 1 || events[0].Reason != "the old one is lost" || events[0].Who != "grace" {
		t.Errorf("the audit trail has %v", events)
	}

	p.open(t, "/admin/records/acme/certificates")
	p.push(t, "/keys/announce")
	p.push(t, "/keys/retire") // takes it back
	keys, err := h.store.SPKeyring(t.Context(), h.file.Records[0].ID)
	check(t, err)
	if !strings.Contains(step(), "Announce the next key") || len(keys) > 1 {
		t.Errorf("taken back, the step is %q", step())
	}
}

func TestAnExaminationSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	h := newHouse(t, false)
	h.rewrite(t, demo.Acme, func(r *idms.Record) {
		r.SAML.MetadataURL = "http://127.0.0.1:1/metadata"
		r.SAML.Origin = "https://elsewhere.example"
	})
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme")
	p.push(t, "/examine")
	if p.status != http.StatusOK || !strings.Contains(p.page.Find(`[role="status"]`).Text(), "1 problem") {
		t.Fatalf("%d: %s", p.status, p.page.Find(`[role="status"]`).Text())
	}
	states, what, todo := p.column(1), p.column(2), p.column(4)
	if states[0] != "Problem" || what[0] != "Address" || !strings.Contains(todo[0], "base_urls") || states[len(states)-1] != "Well" {
		t.Errorf("found %q of %q, to do %q", states, what, todo)
	}
	if i := slices.Index(what, "Metadata"); i < 0 || states[i] != "Warning" || !strings.Contains(p.column(3)[i], "serves on") {
		t.Errorf("the metadata is not looked at: %q", what)
	}
}
