package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/config"
	"idms/internal/demo"
	"idms/internal/idms"
	"idms/internal/mail"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/tokens"
	"idms/internal/users"
	"idms/internal/web"
	"idms/test/mailbox"
)

const password = "crate anvil pond quill"

// token makes an API token and returns its ID.
func (h *house) token(t *testing.T, name string) string {
	t.Helper()
	_, hash := tokens.New()
	kept, err := h.store.CreateToken(t.Context(), tokens.Token{Name: name, Role: roles.Reader, Expires: h.clock().Add(time.Hour)}, hash,
		h.owner())
	check(t, err)
	return kept.ID
}

// events are those of one action, newest first.
func (h *house) events(t *testing.T, action audit.Action) []audit.Event {
	t.Helper()
	list, _, err := h.store.Events(t.Context(), store.EventFilter{Action: action}, "", 50)
	check(t, err)
	return list
}

// configured gives the pages the configuration that a process was started with.
func configured(environ ...string) func(*web.Config) {
	return func(c *web.Config) {
		loaded, err := config.Load("", environ, nil)
		if err != nil {
			panic(err) // it is written in the test
		}
		c.Settings = loaded
	}
}

// knock tries the back door in a browser of its own.
func (h *house) knock(t *testing.T, username string) *person {
	t.Helper()
	p := h.visitor(t)
	p.post(t, h.base+"/door", url.Values{"username": {username}, "password": {password}})
	return p
}

func TestAnInvitedAdministratorChoosesAPasswordAtTheAddressShownOnce(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, "/admin/administrators")
	p.follow(t, `a[href="/admin/administrators/invite"]`)
	typed := url.Values{"username": {"rita lee"}, "email": {"rita@example.test"}, "first_name": {"Rita"}, "role": {"emperor"}}
	p.post(t, "/admin/administrators/invite", typed)
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-username-problem, #f-role-problem").Length() != 2 || p.page.Find("#f-first_name").AttrOr("value", "") != "Rita" {
		t.Errorf("a refused form answers %d:\n%s", p.status, p.text)
	}
	typed.Set("username", "rita")
	typed.Set("role", "editor")
	p.post(t, "/admin/administrators/invite", typed)
	address := p.page.Find("#address").Text()
	if p.status != http.StatusOK || !strings.HasPrefix(address, h.base+"/door/choose/") || p.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("inviting answers %d with %q:\n%s", p.status, address, p.text)
	}
	p.post(t, "/admin/administrators/invite", typed)
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-username-problem").Length() != 1 || p.page.Find("#address").Length() != 0 {
		t.Errorf("a username that is taken answers %d:\n%s", p.status, p.text)
	}
	p.open(t, "/admin/administrators")
	row := p.page.Find(`tr:contains("rita")`)
	if !strings.Contains(row.Text(), "No password yet") || !strings.Contains(row.Text(), "one-time address until 2026-03-02 12:00:00 UTC") || strings.Contains(p.text, address) {
		t.Errorf("the list has %q", row.Text())
	}

	rita := h.visitor(t)
	rita.open(t, address)
	rita.post(t, "", url.Values{"password": {password}})
	rita.open(t, "/admin/logins")
	if rita.status != http.StatusOK || rita.page.Find(`.sections a[href="/admin/administrators"], .sections a[href="/admin/tokens"], .sections a[href="/admin/settings"]`).Length() != 0 {
		t.Errorf("an editor's bar leads to what is the owners', or the page answers %d", rita.status)
	}
	if p.page.Find(`.sections a[href="/admin/settings"]`).Length() != 1 {
		t.Error("an owner's bar does not lead to the settings")
	}
}

func TestAnOutstandingAddressIsEndedByHandAndByANewPassword(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	h.administrator(t, "rita", roles.Reader)
	at := "/admin/administrators/" + h.account(t, idms.LocalKey, "rita")
	make := func() string {
		t.Helper()
		p.open(t, at)
		p.submit(t, p.page.Find(`form[action="`+at+`/password-address"]`), "")
		return p.page.Find("#address").Text()
	}
	works := func(address string) bool {
		t.Helper()
		stranger := h.visitor(t)
		stranger.open(t, address)
		return stranger.status == http.StatusOK
	}
	first := make()
	second := make()
	if works(first) || !works(second) {
		t.Error("a new address does not take the place of the one before")
	}
	p.open(t, at)
	p.submit(t, p.page.Find(`form[action$="/password-address/end"]`), "")
	if works(second) || p.page.Find(".notice").Text() == "" || p.page.Find(`form[action$="/password-address/end"]`).Length() != 0 {
		t.Errorf("ended, and it still works, or the page does not say so:\n%s", p.text)
	}
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	p.post(t, h.base+"/admin/administrators/"+h.account(t, demo.Acme, "layla")+"/password-address", nil)
	if p.status != http.StatusNotFound {
		t.Errorf("an address for somebody of a record: %d", p.status)
	}
}

func TestARoleIsGivenToWhoComesByTheirRecordAndTheLastOwnerStaysS44(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	p.open(t, "/admin/administrators/choose")
	p.submitWith(t, "main form", "q", "LAYLA")
	layla := "/admin/administrators/" + h.account(t, demo.Acme, "layla")
	p.follow(t, `main table a[href="`+layla+`"]`)
	if p.page.Find(`form[action$="/password-address"]`).Length() != 0 {
		t.Error("somebody without a password is offered a one-time address")
	}
	p.post(t, layla+"/role", url.Values{"role": {"editor"}, "reason": {"on call"}})
	if !strings.Contains(p.page.Find("#content").Text(), "Administers idms as editor") || p.page.Find(".notice").Text() == "" {
		t.Errorf("giving a role leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	if added := h.events(t, audit.MemberAdded); added[0].Reason != "on call" || added[0].Who != "grace" {
		t.Errorf("the audit trail has %+v", added[0])
	}
	grace := "/admin/administrators/" + h.account(t, idms.LocalKey, "grace")
	for _, role := range []string{"", "reader"} {
		p.post(t, grace+"/role", url.Values{"role": {role}})
		if p.status != http.StatusConflict || !strings.Contains(p.page.Find("#f-role-problem").Text(), "grace is the last owner who can log in") {
			t.Errorf("taking the last owner's role: %d\n%s", p.status, p.text)
		}
	}
	p.post(t, layla+"/role", url.Values{"role": {"emperor"}, "reason": {"a slip"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-reason").AttrOr("value", "") != "a slip" {
		t.Errorf("a role that does not exist: %d, with the reason %q", p.status, p.page.Find("#f-reason").AttrOr("value", ""))
	}
	p.post(t, layla+"/role", url.Values{"role": {"owner"}})
	p.post(t, grace+"/role", url.Values{"role": {"reader"}})
	if p.at.Path != "/" || p.status != http.StatusOK {
		t.Errorf("giving up one's own role leads to %s, %d", p.at, p.status)
	}
	p.open(t, "/admin/administrators")
	if p.status != http.StatusForbidden {
		t.Errorf("who is owner no more sees the administrators: %d", p.status)
	}
}

func TestS51ExemptPeopleAreGrantedListedMarkedAndEnded(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.post(t, h.base+"/admin/exemptions/invite", url.Values{"username": {"eva"}, "email": {"eva@audit.example"}, "ends": {"2026-02-28T12:00"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-reason-problem, #f-ends-problem").Length() != 2 || p.page.Find("#f-ends").AttrOr("value", "") != "2026-02-28T12:00" {
		t.Errorf("a refused form: %d\n%s", p.status, p.text)
	}
	p.post(t, h.base+"/admin/exemptions/invite", url.Values{"username": {"eva"}, "email": {"eva@audit.example"}, "reason": {"the yearly audit"}, "ends": {"2026-03-03T09:30"}})
	address := p.page.Find("#address").Text()
	if address == "" {
		t.Fatalf("inviting answers %d:\n%s", p.status, p.text)
	}
	eva := h.visitor(t)
	eva.open(t, address)
	eva.post(t, "", url.Values{"password": {password}})
	if eva.session() == "" {
		t.Fatalf("eva is not logged in: %d\n%s", eva.status, eva.text)
	}
	p.post(t, h.base+"/admin/exemptions", url.Values{"username": {"nobody"}, "reason": {"x"}, "ends": {"2026-12-31T18:00"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-username-problem").Length() != 1 || p.page.Find("#f-reason").AttrOr("value", "") != "x" {
		t.Errorf("exempting nobody: %d\n%s", p.status, p.text)
	}
	row := func() string {
		t.Helper()
		p.open(t, "/admin/exemptions")
		return p.page.Find("main tbody tr").Text()
	}
	if got := row(); !strings.Contains(got, "Exemption ends soon") || !strings.Contains(got, "the yearly audit") || !strings.Contains(got, "2026-03-03 09:30:00 UTC") || !strings.Contains(got, "grace") {
		t.Errorf("the list has %q", got)
	}
	p.post(t, "/admin/exemptions", url.Values{"username": {"EVA"}, "reason": {"it goes on"}, "ends": {"2026-12-31T18:00"}})
	if got := row(); !strings.Contains(got, "it goes on") || strings.Contains(got, "ends soon") {
		t.Errorf("after another grant: %q", got)
	}
	h.wait(366 * 24 * time.Hour)
	p = h.knock(t, "grace")
	p.open(t, "/admin/exemptions")
	if got := row(); !strings.Contains(got, "Exemption ended") {
		t.Errorf("one that is over: %q", got)
	}
	p.submit(t, p.page.Find(`form[action$="/end"]`), "")
	if p.page.Find("main tbody tr").Length() != 0 || p.page.Find(".notice").Text() == "" {
		t.Errorf("ended, and listed:\n%s", p.text)
	}
}

func TestS51AnExemptionIsAskedForInTheSameWayWhereverItIsGranted(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	grace := h.account(t, idms.LocalKey, "grace")
	typed := url.Values{"username": {"eva"}, "email": {"eva@audit.example"}, "reason": {"two\nlines"}, "ends": {"2026-03-01"}}
	var first [2]string
	for _, address := range []string{"/admin/exemptions", "/admin/exemptions/invite", "/admin/people/" + grace + "/exemption"} {
		p.open(t, h.base+address)
		asked := p.page.Find(`label[for="f-reason"], label[for="f-ends"]`).Text()
		if got := p.page.Find("#f-ends").AttrOr("value", ""); got != h.clock().Add(30*24*time.Hour).Format("2006-01-02T15:04") {
			t.Errorf("%s proposes %q", address, got)
		}
		p.post(t, h.base+address, typed)
		if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-ends").AttrOr("value", "") != "2026-03-01" || p.page.Find("#f-reason").AttrOr("value", "") != "two\nlines" {
			t.Errorf("%s keeps of a refused form with %d:\n%s", address, p.status, p.text)
		}
		got := [2]string{asked, p.page.Find("#f-reason-problem, #f-ends-problem").Text()}
		if first[0] == "" {
			first = got
		}
		if got != first || asked == "" || !strings.Contains(got[1], "still to come") {
			t.Errorf("%s asks and says %q; the first one %q", address, got, first)
		}
	}
}

func TestWhoAdministersIsExemptOrAMachineIsFilteredByTheAddress(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	rita := h.administrator(t, "rita", roles.Reader)
	rita.open(t, "/admin/administrators?q=rita")
	if rita.status != http.StatusForbidden {
		t.Errorf("a reader is answered %d", rita.status)
	}
	_, err := h.store.CreateExempt(t.Context(), users.Profile{Username: "eva", Email: "eva@example.test"}, "an audit", noon.Add(240*time.Hour), h.owner())
	check(t, err)
	_, err = h.store.CreateToken(t.Context(), tokens.Token{Name: "nightly", Role: roles.Reader, Expires: noon.Add(240 * time.Hour)}, []byte("hash"), h.owner())
	check(t, err)
	for _, tt := range []struct {
		address, found string // "" is nobody
	}{
		{"/admin/administrators?q=RIT", "rita"},
		{"/admin/administrators?role=owner&order=last_login", "grace"},
		{"/admin/administrators?record=local&role=editor", ""},
		{"/admin/exemptions?q=eva&state=running&order=username", "eva"},
		{"/admin/exemptions?state=ended", ""},
		{"/admin/tokens?role=reader&order=used", "nightly"},
		{"/admin/tokens?q=weekly", ""},
	} {
		p.open(t, tt.address)
		rows := p.page.Find("main table tbody tr")
		if tt.found == "" {
			if rows.Length() != 0 || p.page.Find(`main section p[role="status"] a`).Length() != 1 {
				t.Errorf("%s: %d rows, %q", tt.address, rows.Length(), p.page.Find("main").Text())
			}
			continue
		}
		if rows.Length() != 1 || !strings.Contains(rows.Text(), tt.found) {
			t.Errorf("%s shows %q", tt.address, rows.Text())
		}
	}
	for _, section := range []string{"administrators", "exemptions", "tokens"} {
		p.open(t, "/admin/"+section+"?cursor=x")
		if p.status != http.StatusBadRequest && p.status != http.StatusUnprocessableEntity {
			t.Errorf("no such page of %s answers %d", section, p.status)
		}
	}
}

func TestATokenIsShownOnceAndRevokedByItsName(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, "/admin/tokens")
	p.post(t, "/admin/tokens", url.Values{"name": {"Nightly Report"}, "role": {"reader"}, "expires": {"2028-01-01"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-name-problem, #f-expires-problem").Length() != 2 || p.page.Find("#f-name").AttrOr("value", "") != "Nightly Report" {
		t.Errorf("a refused form: %d\n%s", p.status, p.text)
	}
	good := url.Values{"name": {"nightly-report"}, "role": {"reader"}, "expires": {"2026-04-30"}}
	p.post(t, "/admin/tokens", good)
	secret := p.page.Find("#token").Text()
	hash, ok := tokens.Hash(secret)
	if !ok {
		t.Fatalf("making it answers %d with %q:\n%s", p.status, secret, p.text)
	}
	kept, err := h.store.Token(t.Context(), hash, h.clock())
	check(t, err)
	if kept.Role != roles.Reader || kept.By != "grace" || !kept.Expires.Equal(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("kept is %+v", kept)
	}
	p.post(t, "/admin/tokens", good)
	if p.status != http.StatusConflict || p.page.Find("#f-name-problem").Length() != 1 {
		t.Errorf("a name that is in use: %d", p.status)
	}
	p.open(t, "/admin/tokens")
	if strings.Contains(p.text, secret) || p.page.Find("main tbody tr").Length() != 1 {
		t.Error("the list shows the secret, or not the token")
	}
	p.follow(t, `main tbody a`)
	p.post(t, "", url.Values{"name": {"nightly"}})
	if p.status != http.StatusUnprocessableEntity || len(h.events(t, audit.TokenRevoked)) != 0 {
		t.Errorf("revoked by a wrong name: %d", p.status)
	}
	p.post(t, "", url.Values{"name": {"nightly-report"}})
	if p.at.Path != "/admin/tokens" || p.page.Find("main tbody tr").Length() != 0 {
		t.Errorf("revoking leads to %s:\n%s", p.at, p.text)
	}
	if _, err := h.store.Token(t.Context(), hash, h.clock()); err == nil {
		t.Error("it still works")
	}
}

func TestSettingsAreAdjustedWhereTheConfigurationLeavesThem(t *testing.T) {
	h := newHouse(t, false, configured("IDMS_SESSION__ELEVATION=30m"))
	p := h.firstOwner(t)
	p.open(t, "/admin/settings")
	if p.page.Find("#f-session-elevation").Length() != 0 || !strings.Contains(p.page.Find(".settings").Text(), "set by the environment") {
		t.Errorf("what the environment sets is not marked:\n%s", p.text)
	}
	stale := over(fields(p.page.Find(`form[action="/admin/settings"]`)), url.Values{"portal_name": {"Theirs"}})
	p.post(t, "/admin/settings", over(fields(p.page.Find(`form[action="/admin/settings"]`)), url.Values{"session.length": {"1y"}, "retention.unverified": {"-1"}}))
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-session-length-problem, #f-retention-unverified-problem").Length() != 2 || p.page.Find("#f-session-length").AttrOr("value", "") != "1y" {
		t.Errorf("a refused form: %d\n%s", p.status, p.text)
	}
	p.post(t, "/admin/settings", over(fields(p.page.Find(`form[action="/admin/settings"]`)), url.Values{"session.length": {"1h"}, "session.idle": {"2h30m"}, "retention.unverified": {"10000"}}))
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-session-idle-problem").Length() != 1 {
		t.Errorf("an idle time longer than the session: %d\n%s", p.status, p.text)
	}
	// What the configuration sets is not taken from a form that names it.
	p.post(t, "/admin/settings", over(fields(p.page.Find(`form[action="/admin/settings"]`)), url.Values{"session.length": {"3h"}, "session.idle": {""}, "portal_name": {"Wolkenportal <b>"}, "session.elevation": {"9h"}}))
	if p.at.Path != "/admin/settings" || p.status != http.StatusOK || p.page.Find(".notice").Text() == "" {
		t.Fatalf("saving leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	if got := p.page.Find(".portal bdi").Text(); got != "Wolkenportal <b>" {
		t.Errorf("the portal is called %q", got)
	}
	kept, err := h.store.Settings(t.Context())
	check(t, err)
	if len(kept.Adjusted) != 2 || kept.Adjusted["session.length"] != "3h" {
		t.Errorf("kept are %v", kept.Adjusted)
	}
	changed := map[string]string{}
	for _, event := range h.events(t, audit.SettingChanged) {
		changed[event.Changes[0].Field] = event.Changes[0].From + ">" + event.Changes[0].To + " by " + event.Who
	}
	if len(changed) != 2 || changed["session.length"] != ">3h by grace" {
		t.Errorf("the audit trail has %v", changed)
	}
	layla := h.visitor(t)
	layla.logIn(t, demo.Acme, "layla", "password")
	open, _, err := h.store.Sessions(t.Context(), store.SessionFilter{Record: demo.Acme}, h.clock(), "", 5)
	check(t, err)
	if got := open[0].Session.Expires.Sub(open[0].Session.Opened); got != 3*time.Hour {
		t.Errorf("a session lasts %v, want 3h", got)
	}
	p.post(t, "/admin/settings", stale)
	if p.status != http.StatusConflict || p.page.Find("#f-portal_name").AttrOr("value", "") != "Theirs" {
		t.Errorf("over somebody else's change: %d\n%s", p.status, p.text)
	}
}

func TestAShorterRetentionSaysWhatItRemovesAndAsks(t *testing.T) {
	h := newHouse(t, false, configured())
	h.refuse(t, "dora")
	h.wait(48 * time.Hour)
	p := h.firstOwner(t)
	p.open(t, "/admin/settings")
	p.post(t, "/admin/settings", over(fields(p.page.Find(`form[action="/admin/settings"]`)), url.Values{"retention.traces": {"1d"}}))
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.page.Find("#f-agreed").Text(), "1 logins that are explained") {
		t.Fatalf("it does not ask: %d\n%s", p.status, p.text)
	}
	if kept, err := h.store.Settings(t.Context()); err != nil || len(kept.Adjusted) != 0 {
		t.Errorf("it is saved already: %v, %v", kept, err)
	}
	shown := p.page.Find("#agreed").AttrOr("value", "")
	form := fields(p.page.Find(`form[action="/admin/settings"]`))
	p.post(t, "/admin/settings", over(form, url.Values{"agreed": {shown}, "retention.traces": {"2h"}}))
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#agreed").AttrOr("value", "") == shown {
		t.Errorf("agreeing to one time agrees to a shorter one: %d", p.status)
	}
	p.post(t, "/admin/settings", over(form, url.Values{"agreed": {shown}, "retention.traces": {"1d"}}))
	if kept, err := h.store.Settings(t.Context()); err != nil || kept.Adjusted["retention.traces"] != "1d" {
		t.Errorf("agreed, and not saved: %v, %v\n%s", kept, err, p.text)
	}
}

func TestS50EnforcementNeedsBothProofsWhichThePageLeadsTo(t *testing.T) {
	h := newHouse(t, false, configured())
	p := h.firstOwner(t)
	h.administrator(t, "contractor", roles.None) // a local person without a role
	p.open(t, "/admin/settings")
	if p.page.Find(".proofs .badge.none").Length() != 2 || p.page.Find(`form[action$="/enforcement"] button[disabled]`).Length() != 1 {
		t.Errorf("the list of proofs:\n%s", p.page.Find(".proofs").Text())
	}
	p.post(t, "/admin/settings/enforcement", url.Values{"enforced": {"on"}})
	if p.status != http.StatusConflict || !strings.Contains(p.page.Find("#problems").Text(), "identity provider") {
		t.Errorf("enforcing without proofs: %d\n%s", p.status, p.text)
	}
	// The test login, from the page and back.
	p.post(t, "/admin/settings/test-login", url.Values{"record": {demo.Acme}})
	if !strings.HasPrefix(p.at.Path, "/saml/acme/test/") {
		t.Fatalf("the test login is at %s, %d:\n%s", p.at, p.status, p.text)
	}
	p.submit(t, p.page.Find(`main form`), "")
	if p.page.Find("form[data-post-now]").Length() == 1 && !strings.Contains(p.text, `name="person"`) {
		p.carry(t)
	}
	p.choose(t, "ada", "card")
	p.carry(t)
	p.open(t, h.base+"/admin/settings")
	if p.page.Find(".proofs .badge.full").Length() != 1 || !strings.Contains(p.page.Find(".proofs").Text(), "a test login of the record acme, by grace") {
		t.Errorf("after the test login: %s", p.page.Find(".proofs").Text())
	}
	p.follow(t, `.proofs a[href^="/door"]`)
	p.submitTyped(t, p.page.Find("form"), url.Values{"username": {"grace"}, "password": {password}})
	if p.at.Path != "/admin/settings" || p.page.Find(".proofs .badge.full").Length() != 2 {
		t.Fatalf("the door leads to %s: %s", p.at, p.page.Find(".proofs").Text())
	}
	p.submit(t, p.page.Find(`form[action$="/enforcement"]`), "")
	if p.page.Find(".notice").Text() == "" || !strings.Contains(p.page.Find("#enforcement").Parent().Text(), "Enforced") {
		t.Fatalf("enforcing: %d\n%s", p.status, p.text)
	}
	contractor := h.knock(t, "contractor")
	if contractor.status != http.StatusForbidden || contractor.session() != "" {
		t.Errorf("a plain local person: %d", contractor.status)
	}
	p.post(t, "/admin/exemptions", url.Values{"username": {"contractor"}, "reason": {"no company login"}, "ends": {"2026-12-31T18:00"}})
	if contractor = h.knock(t, "contractor"); contractor.session() == "" { // S51
		t.Errorf("an exempt one: %d\n%s", contractor.status, contractor.text)
	}
	if owner := h.knock(t, "grace"); owner.session() == "" { // S52
		t.Errorf("an administrator: %d", owner.status)
	}
	p.open(t, "/admin/settings")
	p.submit(t, p.page.Find(`form[action$="/enforcement"]`), "")
	if kept, err := h.store.Settings(t.Context()); err != nil || kept.Enforced {
		t.Errorf("taken back, and enforced: %v", err)
	}
}

func TestS52AShutDoorHasNoLinkAndSaysHowToComeIn(t *testing.T) {
	h := newHouse(t, false, configured())
	p := h.firstOwner(t)
	p.post(t, h.base+"/admin/settings/door", url.Values{"door": {"off"}})
	if p.status != http.StatusUnprocessableEntity {
		t.Errorf("shut without a confirmation: %d", p.status)
	}
	p.post(t, h.base+"/admin/settings/door", url.Values{"door": {"off"}, "agreed": {"yes"}})
	stranger := h.visitor(t)
	stranger.open(t, h.base+"/login")
	if stranger.page.Find(`a[href^="/door"]`).Length() != 0 {
		t.Error("the login page leads to a shut door")
	}
	stranger.open(t, "/door")
	if stranger.status != http.StatusOK || stranger.page.Find("#password").Length() != 0 || !strings.Contains(stranger.page.Find("main").Text(), "idms admin unlock") {
		t.Errorf("the door: %d\n%s", stranger.status, stranger.text)
	}
	if refused := h.knock(t, "grace"); refused.status != http.StatusForbidden || refused.session() != "" || refused.page.Find("#password").Length() != 0 {
		t.Errorf("knocking: %d\n%s", refused.status, refused.text)
	}
	// What idms admin unlock prints works all the same.
	token, err := h.flow.PasswordAddress(t.Context(), h.account(t, idms.LocalKey, "grace"), store.Author{Role: roles.Owner, Who: "command line", Now: h.clock()})
	check(t, err)
	p = h.visitor(t)
	p.open(t, h.base+web.ChoosePath(token))
	p.post(t, "", url.Values{"password": {password}})
	p.post(t, h.base+"/admin/settings/door", url.Values{"door": {"on"}})
	stranger.open(t, "/login")
	if stranger.page.Find(`a[href="/door"]`).Length() != 1 {
		t.Errorf("opened again, and no link; the page of the owner says %d", p.status)
	}
}

// startMail starts a mail server, and makes a sender that goes there.
func startMail(t *testing.T) (*mailbox.Box, *mail.Sender) {
	t.Helper()
	return startMailCounting(t, func(_ context.Context, _ string, _ time.Time, _ time.Duration, may func(mail.Past) error) error {
		return may(mail.Past{})
	})
}

// startMailCounting is startMail with letters that are counted so.
func startMailCounting(t *testing.T, count mail.Count) (*mailbox.Box, *mail.Sender) {
	t.Helper()
	box := mailbox.Open(t)
	letters, err := mail.New(mail.Config{Host: "127.0.0.1", Port: box.Port, TLS: "none", From: "idms@example.test"}, nil, count)
	check(t, err)
	return box, letters
}

// miscount is the fault of a database that counts no letters.
func miscount(context.Context, string, time.Time, time.Duration, func(mail.Past) error) error {
	return errors.New("store: count letters: no such table")
}

func TestAnAddressIsNotLostWhereItsLetterIsNotCountedAndTheLogSaysWhy(t *testing.T) {
	box, letters := startMailCounting(t, miscount)
	var log lines
	h := newHouse(t, false, configured(), func(c *web.Config) {
		c.Mail, c.Log = letters, slog.New(slog.NewTextHandler(&log, nil))
	})
	p := h.firstOwner(t)
	p.post(t, h.base+"/admin/administrators/invite", url.Values{"username": {"rita"}, "email": {"rita@example.test"}, "role": {"reader"}})
	if said := p.page.Find(`[role="alert"]`).Text(); p.page.Find("#address").Text() == "" || !strings.Contains(said, "could not be counted") || strings.Contains(p.text, "no such table") {
		t.Errorf("it answers %d:\n%s", p.status, p.text)
	}
	if said := log.String(); !strings.Contains(said, "could not be sent by mail") || !strings.Contains(said, "no such table") {
		t.Errorf("the log has\n%s", said)
	}
	if len(box.Letters()) != 0 || len(h.events(t, audit.PasswordAddressSent)) != 0 {
		t.Errorf("sent were %q", box.Letters())
	}

	// A letter that is only tried is not the mail server's fault either.
	before := strings.Count(log.String(), "no such table")
	p.post(t, h.base+"/admin/settings/mail", nil)
	if p.status != http.StatusInternalServerError || strings.Contains(p.text, "no such table") || strings.Count(log.String(), "no such table") != before+1 {
		t.Errorf("a tried letter answers %d, and the log has\n%s", p.status, log.String())
	}
}

func TestAnInvitationIsMailedAndNeverLostWithTheMailServer(t *testing.T) {
	box, letters := startMail(t)
	h := newHouse(t, false, configured(), func(c *web.Config) { c.Mail = letters })
	p := h.firstOwner(t)
	invite := func(username string) string {
		t.Helper()
		p.post(t, h.base+"/admin/administrators/invite", url.Values{"username": {username}, "email": {username + "@example.test"}, "role": {"reader"}})
		address := p.page.Find("#address").Text()
		if address == "" {
			t.Fatalf("inviting %s answers %d:\n%s", username, p.status, p.text)
		}
		return address
	}
	address := invite("rita")
	if len(box.Letters()) != 1 || !strings.Contains(box.Letters()[0], address) || !strings.Contains(box.Letters()[0], "rita@example.test") || !strings.Contains(box.Letters()[0], "grace has made a login for you") || !strings.Contains(p.page.Find("main").Text(), "It was sent to rita@example.test") {
		t.Errorf("the letters: %q, and the page:\n%s", box.Letters(), p.text)
	}
	if sent := h.events(t, audit.PasswordAddressSent); len(sent) != 1 || sent[0].Who != "grace" {
		t.Errorf("the audit trail has %v", sent)
	}
	p.post(t, "/admin/settings/mail", nil)
	if len(box.Letters()) != 2 || p.page.Find(".notice").Text() == "" {
		t.Errorf("a letter to try: %d, %d letters", p.status, len(box.Letters()))
	}
	box.Close()
	address = invite("otto")
	if !strings.Contains(p.page.Find(`[role="alert"]`).Text(), "cannot be reached") {
		t.Errorf("the page does not say why the letter was not sent:\n%s", p.text)
	}
	otto := h.visitor(t)
	otto.open(t, address)
	otto.post(t, "", url.Values{"password": {password}})
	if otto.session() == "" {
		t.Errorf("the address is lost with the letter: %d", otto.status)
	}
	if sent := h.events(t, audit.PasswordAddressSent); len(sent) != 1 {
		t.Errorf("the audit trail says that %d were sent", len(sent))
	}
}
