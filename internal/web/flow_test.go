package web_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/demo"
	"idms/internal/directory"
	"idms/internal/fetch"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/upkeep"
	"idms/internal/web"
	"idms/test/database"
)

// noon is the instant at which tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// demoKeys are one pair for all houses: making one takes longer than the rest of a
// house.
var demoKeys = sync.OnceValues(func() (*demo.Keys, error) { return demo.NewKeys(noon) })

// house is a whole service on SQLite, with the demo's identity provider and its
// three records.
type house struct {
	base     string // of the service
	provider *demo.IdP
	store    *store.Store
	flow     *login.Flow
	file     idms.File
	path     string // of the database

	mutex sync.Mutex
	now   time.Time
}

func (h *house) clock() time.Time {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.now
}

// owner is an author who may do everything.
func (h *house) owner() store.Author {
	return store.Author{Role: roles.Owner, Who: "test", Now: h.clock()}
}

// wait lets time pass.
func (h *house) wait(length time.Duration) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.now = h.now.Add(length)
}

// newHouse starts a house; secure is one behind https, changed is one whose pages are
// made of something else.
func newHouse(t *testing.T, secure bool, changed ...func(*web.Config)) *house {
	t.Helper()
	return newHouseAt(t, secure, "127.0.0.1", changed...)
}

// newHouseAt starts a house by a name of this machine.
func newHouseAt(t *testing.T, secure bool, name string, changed ...func(*web.Config)) *house {
	t.Helper()
	ctx := context.Background()
	here, there := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(here.Listener.Addr().String())
	check(t, err)
	h := &house{base: "http://" + net.JoinHostPort(name, port), now: noon}
	start := here.Start
	if secure {
		h.base, start = "https://"+net.JoinHostPort(name, port), here.StartTLS
	}

	keys, err := demoKeys()
	check(t, err)
	h.provider, err = demo.New(demo.Config{BaseURL: "http://" + there.Listener.Addr().String(), ServiceURL: h.base, Clock: h.clock, Keys: keys})
	check(t, err)
	box, err := secret.Open(filepath.Join(t.TempDir(), "keyset.json"))
	check(t, err)
	h.path = database.SQLite(t)
	h.store, err = store.Open(ctx, store.Config{
		Path: h.path, Box: box, Clock: h.clock,
		NewKey: h.provider.ServiceKey, Retention: store.Retention{Assertions: 30 * 24 * time.Hour},
	})
	check(t, err)
	t.Cleanup(func() { _ = h.store.Close() })
	h.flow = login.New(login.Config{
		Store: h.store, Clock: h.clock, Base: h.base, Log: errorsOf(t),
		Times: login.Times{Session: 12 * time.Hour, Idle: 2 * time.Hour, Elevation: time.Hour, Pending: 10 * time.Minute},
	})
	text, err := h.provider.RecordsFile()
	check(t, err)
	var problems interface{ Err() error }
	h.file, problems = parse(text)
	check(t, problems.Err())
	h.apply(t)

	made := web.Config{
		Flow: h.flow, PortalName: "Cloud portal",
		Upkeep: upkeep.New(upkeep.Config{Store: h.store, Clock: h.clock, Log: errorsOf(t), Bases: []string{h.base},
			Fetch: fetch.New(fetch.Config{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPlainHTTP: true, MaxBytes: saml.MaxMetadata})}),
		Directory: &directory.Sync{Store: h.store, Clock: h.clock, Log: errorsOf(t)},
		BaseURLs:  []string{h.base}, Clock: h.clock, Log: errorsOf(t),
	}
	for _, change := range changed {
		change(&made)
	}
	here.Config.Handler, err = web.New(made)
	check(t, err)
	there.Config.Handler = h.provider
	start()
	there.Start()
	t.Cleanup(here.Close)
	t.Cleanup(there.Close)
	return h
}

// errorsOf is a log that shows in a failed test what went wrong inside.
func errorsOf(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
}

func parse(text []byte) (idms.File, interface{ Err() error }) {
	file, problems := idms.ParseFile(text, nil)
	return file, problems
}

func (h *house) apply(t *testing.T) {
	t.Helper()
	_, err := h.store.Apply(context.Background(), h.file, store.Author{Who: "test", Now: h.clock()})
	check(t, err)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// person is a browser without scripts and the page it shows.
type person struct {
	*http.Client
	house *house

	at      *url.URL
	status  int
	header  http.Header
	cookies []*http.Cookie // that came with any answer on the way to this page
	page    *goquery.Document
	text    string
}

func (h *house) visitor(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	check(t, err)
	p := &person{house: h}
	transport := ourCertificates().Clone() // with connections of its own
	t.Cleanup(transport.CloseIdleConnections)
	p.Client = &http.Client{Jar: jar, Transport: notes{transport, p}}
	return p
}

// ourCertificates trusts the tests' own certificates.
var ourCertificates = sync.OnceValue(func() *http.Transport {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return server.Client().Transport.(*http.Transport)
})

// notes keeps the cookies that answers set, redirects included.
type notes struct {
	http.RoundTripper
	of *person
}

func (n notes) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := n.RoundTripper.RoundTrip(request)
	if err == nil {
		n.of.cookies = append(n.of.cookies, response.Cookies()...)
	}
	return response, err
}

func (p *person) open(t *testing.T, address string) {
	t.Helper()
	p.cookies = nil
	response, err := p.Get(p.absolute(address))
	p.show(t, response, err)
}

func (p *person) post(t *testing.T, address string, values url.Values) {
	t.Helper()
	p.cookies = nil
	response, err := p.PostForm(p.absolute(address), values)
	p.show(t, response, err)
}

func (p *person) absolute(address string) string {
	base := p.at
	if base == nil {
		base, _ = url.Parse(p.house.base)
	}
	to, err := base.Parse(address)
	if err != nil {
		return address
	}
	return to.String()
}

func (p *person) show(t *testing.T, response *http.Response, err error) {
	t.Helper()
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	p.at, p.status, p.header, p.text = response.Request.URL, response.StatusCode, response.Header, string(text)
	p.page, err = goquery.NewDocumentFromReader(strings.NewReader(p.text))
	check(t, err)
}

// follow opens the address of a link.
func (p *person) follow(t *testing.T, css string) {
	t.Helper()
	link := p.page.Find(css)
	if link.Length() != 1 {
		t.Fatalf("%s: %d links for %s, want 1:\n%s", p.at, link.Length(), css, p.text)
	}
	p.open(t, link.AttrOr("href", ""))
}

// choose picks one of the cast at the identity provider, up to the page that
// carries the answer.
func (p *person) choose(t *testing.T, username, way string) {
	t.Helper()
	p.submit(t, p.page.Find("form").FilterFunction(func(_ int, form *goquery.Selection) bool {
		return form.Find(`input[name="person"][value="`+username+`"]`).Length() == 1 && form.Find(`button[value="`+way+`"]`).Length() == 1
	}), way)
}

// carry posts what the page is there to carry: a request or an answer.
func (p *person) carry(t *testing.T) {
	t.Helper()
	p.submit(t, p.page.Find("form[data-post-now]"), "")
}

// begin goes from the login page to the identity provider.
func (p *person) begin(t *testing.T, record string) {
	t.Helper()
	p.follow(t, `a.way[href^="/saml/`+record+`/login"]`)
	if p.page.Find("form[data-post-now]").Length() == 1 {
		p.carry(t)
	}
}

// logIn goes all the way.
func (p *person) logIn(t *testing.T, record, username, way string) {
	t.Helper()
	p.open(t, p.house.base+"/login")
	p.begin(t, record)
	p.choose(t, username, way)
	p.carry(t)
}

func (p *person) badge() string { return p.page.Find(".badge").Text() }

func (p *person) session() string {
	base, _ := url.Parse(p.house.base)
	for _, cookie := range p.Jar.Cookies(base) {
		if strings.HasSuffix(cookie.Name, "idms_session") {
			return cookie.Value
		}
	}
	return ""
}

// refusal is the code in the trace that a refusal page leads an administrator to.
func (p *person) refusal(t *testing.T) trace.Code {
	t.Helper()
	if p.status != http.StatusForbidden {
		t.Fatalf("%s: status %d, want 403:\n%s", p.at, p.status, p.text)
	}
	told, err := p.house.flow.Trace(context.Background(), p.page.Find("code.chip").Text())
	check(t, err)
	return told.Code
}

// What the identity provider's page and `idms demo` tell people to expect is
// what happens, for everybody of the cast, at every record.
func TestTheCastEndsAsThePagesSay(t *testing.T) {
	h := newHouse(t, false)
	for _, record := range []string{demo.Acme, demo.Globex, demo.Initech} {
		for _, one := range demo.Cast() {
			for _, way := range one.Ways {
				t.Run(record+"/"+one.Username+"/"+way.Key, func(t *testing.T) {
					want := one.Expect(record, way)
					p := h.visitor(t)
					p.logIn(t, record, one.Username, way.Key)
					if want.Code != "" {
						if got := p.refusal(t); got != want.Code {
							t.Errorf("refused with %s, want %s", got, want.Code)
						}
						if p.session() != "" {
							t.Error("a refused login opened a session")
						}
						return
					}
					if got := p.badge(); p.status != http.StatusOK || got != want.Level.Label() {
						t.Fatalf("%s: status %d, level %q, want %q:\n%s", p.at, p.status, got, want.Level.Label(), p.text)
					}
					if name := p.page.Find("h1").Text(); name != one.Name() {
						t.Errorf("the page greets %q, want %q", name, one.Name())
					}
					p.open(t, "/groups")
					p.page.Find(".chips li").Each(func(_ int, chip *goquery.Selection) { // S35
						if got := chip.Text(); !strings.HasPrefix(got, "by the rule ") || !strings.HasSuffix(got, " of "+record+", since 2026-03-01") {
							t.Errorf("the page gives as reason %q", got)
						}
					})
					var keys []string
					p.page.Find("code.key").Each(func(_ int, key *goquery.Selection) { keys = append(keys, key.Text()) })
					slices.Sort(keys)
					if !slices.Equal(keys, want.Groups) {
						t.Errorf("in the groups %v, want %v", keys, want.Groups)
					}
				})
			}
		}
	}
}

func TestARefusalPageTellsNoValueAndNoRuleS60(t *testing.T) {
	h := newHouse(t, false)
	for username, values := range map[string][]string{
		"dora": {"contractor", "employment", "employees", "validation", "dora"},
		"emil": {"suspended", "groups", "No Access", "emil"},
		"goro": {"email", "e-mail", "goro", "Tanaka"},
		"igor": {"context", "classes:Password", "igor"},
	} {
		one, way := h.visitor(t), "password"
		if username == "igor" {
			way = "pin"
		}
		one.logIn(t, demo.Acme, username, way)
		code := one.refusal(t)
		for _, value := range append(values, string(code)) {
			if strings.Contains(one.page.Find("main").Text(), value) {
				t.Errorf("%s: the page tells %q", username, value)
			}
		}
		if got := one.page.Find(`a[role="button"]`).AttrOr("href", ""); got != "/saml/acme/login" {
			t.Errorf("%s: starting again leads to %q", username, got)
		}
	}
}

func TestADeepLinkIsKeptThroughTheLogin(t *testing.T) {
	h := newHouse(t, false)
	for _, record := range []string{demo.Acme, demo.Globex} { // by redirect, by POST
		p := h.visitor(t)
		p.open(t, "/groups?q=every")
		if p.at.Path != "/login" {
			t.Fatalf("somebody not logged in is shown %s", p.at)
		}
		p.begin(t, record)
		p.choose(t, "ada", "card")
		p.carry(t)
		if got := p.at.RequestURI(); got != "/groups?q=every" {
			t.Errorf("%s: the login ends at %s", record, got)
		}
	}
}

func TestTheLastChoiceComesFirst(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.logIn(t, demo.Initech, "ada", "card")
	p.open(t, "/login")
	if got := p.page.Find("a.way").First().AttrOr("href", ""); got != "/saml/initech/login" {
		t.Errorf("the first button leads to %q", got)
	}
	// A record without an icon must not make every login page ask for one.
	if p.page.Find("a.way img").Length() != 0 || p.page.Find("a.way .initial").Length() != 3 {
		t.Error("the buttons show pictures that nobody gave them")
	}
}

func TestALoginThatTheProviderStarts(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.open(t, h.provider.BaseURL+"/")
	p.choose(t, "layla", "password")
	p.carry(t)
	if p.at.Path != "/groups" || p.session() == "" {
		t.Errorf("the record's RelayState value lands on %s", p.at)
	}

	// The same answer at a record that allows none of that (M15).
	other := h.visitor(t)
	other.open(t, h.provider.BaseURL+"/")
	other.choose(t, "layla", "password")
	other.page.Find("form").SetAttr("action", h.base+"/saml/acme/acs")
	other.carry(t)
	if got := other.refusal(t); got != trace.NoPendingRequest || other.session() != "" {
		t.Errorf("refused with %s, session %q", got, other.session())
	}
}

func TestAnAnswerCountsOnceAndInItsOwnBrowserM15M17M23(t *testing.T) {
	h := newHouse(t, false)
	p, stranger := h.visitor(t), h.visitor(t)
	p.open(t, "/login")
	p.begin(t, demo.Acme)
	p.choose(t, "ada", "card")
	answer := p.page.Find("form[data-post-now]")

	stranger.submit(t, answer, "")
	if got := stranger.refusal(t); got != trace.NoPendingRequest || stranger.session() != "" {
		t.Errorf("in another browser: %s", got)
	}
	p.submit(t, answer, "")
	if p.badge() != "Full Access" {
		t.Fatalf("the stranger's try spoilt the login:\n%s", p.text)
	}
	for _, cookie := range p.cookies {
		if strings.Contains(cookie.Name, "pending") && cookie.MaxAge >= 0 {
			t.Errorf("the pending cookie %s outlives its login", cookie.Name)
		}
	}
	p.submit(t, answer, "")
	if got := p.refusal(t); got != trace.NoPendingRequest {
		t.Errorf("posted again: %s", got)
	}
	p.open(t, "/")
	if p.badge() != "Full Access" {
		t.Error("posting again ended the session")
	}
}

func TestAnAnswerTooLateOrTwiceInOneFormIsRefused(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.open(t, "/login")
	p.begin(t, demo.Acme)
	p.choose(t, "ada", "card")
	form := p.page.Find("form[data-post-now]")
	response, _ := form.Find(`input[name="SAMLResponse"]`).Attr("value")
	p.post(t, form.AttrOr("action", ""), url.Values{"SAMLResponse": {response, response}})
	if got := p.refusal(t); got != trace.MessageEncoding {
		t.Errorf("twice in one form: %s", got)
	}
	h.wait(11 * time.Minute)
	p.submit(t, form, "")
	if got := p.refusal(t); got != trace.RequestExpired {
		t.Errorf("too late: %s", got)
	}
}

func TestTheProvidersRefusalIsAPage(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.open(t, "/login")
	p.begin(t, demo.Acme)
	p.submit(t, p.page.Find("form.refuse"), "cancel")
	p.carry(t)
	if got := p.refusal(t); got != trace.IdPStatus {
		t.Errorf("refused with %s", got)
	}
}

func TestElevationRaisesTheLevelForAWhileS26(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	elevate := func() {
		t.Helper()
		p.open(t, h.base+"/")
		p.submit(t, p.page.Find(`form[action="/elevate"]`), "")
	}
	p.logIn(t, demo.Acme, "chen", "password")
	before := p.session()
	elevate()
	p.choose(t, "chen", "card")
	p.carry(t)
	if p.badge() != "Full Access" || p.session() == before {
		t.Fatalf("after elevating: %q, and the token stayed the same: %v", p.badge(), p.session() == before)
	}
	p.submit(t, p.page.Find(`form[action="/elevate/end"]`), "")
	if p.badge() != "Restricted" {
		t.Errorf("after ending it: %q", p.badge())
	}

	elevate()
	p.choose(t, "chen", "card")
	p.carry(t)
	h.wait(time.Hour)
	p.open(t, "/")
	if p.badge() != "Restricted" {
		t.Errorf("an hour later: %q", p.badge())
	}

	elevate()
	p.choose(t, "ada", "card")
	p.carry(t)
	if got := p.refusal(t); got != trace.OtherUser {
		t.Errorf("elevated by somebody else: %s", got)
	}
	p.follow(t, `a[role="button"]`)
	if p.badge() != "Restricted" || p.page.Find("h1").Text() != "Chen Wei" {
		t.Errorf("afterwards: %q as %s", p.badge(), p.page.Find("h1").Text())
	}
}

func TestNobodyElevatesWithoutASession(t *testing.T) {
	h := newHouse(t, false)
	for _, path := range []string{"/elevate", "/elevate/end"} {
		p := h.visitor(t)
		p.post(t, path, nil)
		if p.at.RequestURI() != "/login" {
			t.Errorf("%s leads to %s", path, p.at)
		}
	}
	p := h.visitor(t)
	p.logIn(t, demo.Acme, "ada", "card")
	p.post(t, "/elevate", nil)
	if p.status != http.StatusConflict {
		t.Errorf("with nothing to elevate: status %d", p.status)
	}
}

func TestLoggingOutEndsTheSessionHere(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.logIn(t, demo.Acme, "ada", "card")
	token := p.session()
	p.submit(t, p.page.Find(`form[action="/logout"]`), "")
	if p.at.Path != "/signed-out" || p.session() != "" {
		t.Fatalf("logging out ends at %s with the cookie %q", p.at, p.session())
	}
	// Somebody who kept the token has nothing.
	base, _ := url.Parse(h.base)
	p.Jar.SetCookies(base, []*http.Cookie{{Name: "idms_session", Value: token}})
	p.open(t, h.base+"/")
	if p.at.Path != "/login" {
		t.Errorf("the ended session still opens %s", p.at)
	}
	p.post(t, "/logout", nil)
	if p.status != http.StatusOK {
		t.Errorf("logging out without a session: status %d", p.status)
	}
}

func TestANewLoginEndsTheFormerSession(t *testing.T) {
	h := newHouse(t, false)
	p, thief := h.visitor(t), h.visitor(t)
	p.logIn(t, demo.Acme, "ada", "card")
	base, _ := url.Parse(h.base)
	thief.Jar.SetCookies(base, []*http.Cookie{{Name: "idms_session", Value: p.session()}})
	thief.open(t, "/")
	if thief.badge() == "" {
		t.Fatal("the token opens nothing even before")
	}
	p.logIn(t, demo.Globex, "layla", "password")
	if p.page.Find("h1").Text() != "ليلى حداد" {
		t.Fatalf("logged in as %s", p.page.Find("h1").Text())
	}
	thief.open(t, "/")
	if thief.at.Path != "/login" {
		t.Error("the former session lives on")
	}
}

func TestASessionEndsByItselfAndTheCookieGoes(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.logIn(t, demo.Acme, "ada", "card")
	h.wait(3 * time.Hour) // longer than the idle time
	p.open(t, "/groups")
	if p.at.RequestURI() != "/login?return_to=%2Fgroups" || p.session() != "" {
		t.Errorf("after the idle time: %s with the cookie %q", p.at, p.session())
	}
}

func TestARecordThatIsSwitchedOffHasNoWayInS53(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.open(t, "/login")
	p.begin(t, demo.Acme)
	p.choose(t, "ada", "card")
	for i := range h.file.Records {
		if h.file.Records[i].Key == demo.Acme {
			h.file.Records[i].State = idms.Disabled
		}
	}
	h.apply(t)
	p.carry(t)
	if got := p.refusal(t); got != trace.RecordInactive {
		t.Errorf("an answer on its way: %s", got)
	}
	p.open(t, "/login")
	if p.page.Find(`a.way[href*="acme"]`).Length() != 0 {
		t.Error("the button is still there")
	}
	p.open(t, "/saml/acme/login")
	if p.status != http.StatusForbidden {
		t.Errorf("the sign-on URL answers %d", p.status)
	}
}

func TestOnHTTPSEveryCookieIsBoundToTheHost(t *testing.T) {
	h := newHouse(t, true)
	p := h.visitor(t)
	p.open(t, "/login")
	p.begin(t, demo.Acme)
	var pending *http.Cookie
	for _, cookie := range p.cookies {
		if strings.HasPrefix(cookie.Name, "__Host-idms_pending_") {
			pending = cookie
		}
	}
	if pending == nil || !pending.Secure || !pending.HttpOnly || pending.SameSite != http.SameSiteNoneMode || pending.MaxAge != 600 {
		t.Fatalf("the pending cookie is %v", pending)
	}
	p.choose(t, "ada", "card")
	p.carry(t)
	if p.badge() != "Full Access" {
		t.Fatalf("%s: %s", p.at, p.text)
	}
	for _, cookie := range p.cookies {
		if cookie.Name == "__Host-idms_session" && (!cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "") {
			t.Errorf("the session cookie is %v", cookie)
		}
		if strings.Contains(cookie.Name, "idms") && !strings.HasPrefix(cookie.Name, "__Host-") {
			t.Errorf("the cookie %s has no prefix", cookie.Name)
		}
	}
	if p.session() == "" {
		t.Error("no session cookie")
	}
}

func TestMetadataAndIconsOfRecords(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.open(t, "/saml/acme/metadata")
	if p.status != http.StatusOK || p.header.Get("Content-Type") != "application/samlmetadata+xml" || !strings.Contains(p.text, h.base+"/saml/acme/acs") {
		t.Errorf("metadata: status %d, type %q", p.status, p.header.Get("Content-Type"))
	}
	for _, path := range []string{"/saml/acme/icon", "/saml/nobody/icon", "/saml/nobody/metadata", "/saml/nobody/login", "/saml/local/login", "/saml/%2e%2e/metadata"} {
		if p.open(t, path); p.status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, p.status)
		}
	}
	p.post(t, "/saml/nobody/acs", url.Values{"SAMLResponse": {"PHg+"}})
	if p.status != http.StatusNotFound {
		t.Errorf("the ACS of no record: status %d, want 404", p.status)
	}
}

func TestReadinessFollowsTheDatabase(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	if p.open(t, "/readyz"); p.status != http.StatusOK {
		t.Errorf("status %d, want 200", p.status)
	}
	check(t, h.store.Close())
	if p.open(t, "/readyz"); p.status != http.StatusServiceUnavailable {
		t.Errorf("without its database: status %d, want 503", p.status)
	}
	if p.open(t, "/healthz"); p.status != http.StatusOK {
		t.Errorf("the process itself: status %d, want 200", p.status)
	}
	if p.open(t, "/login"); p.status != http.StatusInternalServerError || p.page.Find("code.chip").Text() == "" {
		t.Errorf("the login page: status %d, want 500 with a reference", p.status)
	}
}
