package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/store"
	"idms/internal/web"
)

// proxied is a house with a portal on a host of its own, behind a proxy that
// does what the how-tos tell a proxy to do.
type proxied struct {
	*house
	site   http.Handler // idms, as the proxy and the back end reach it
	portal string       // origin
	other  string       // origin of a second portal
}

const proxyAddress = "192.0.2.7:4711"

func newPortal(t *testing.T, secure bool) *proxied {
	t.Helper()
	p := &proxied{house: newHouse(t, secure), portal: "http://portal.test", other: "http://other.test:81"}
	if secure {
		p.portal, p.other = "https://portal.test", "https://other.test:444"
	}
	site, err := web.New(web.Config{
		Flow: p.flow, PortalName: "Cloud portal", BaseURLs: []string{p.base}, Portals: []string{p.portal, p.other},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Clock: p.clock, Log: errorsOf(t),
	})
	check(t, err)
	p.site = site
	return p
}

// ask is one request of the proxy to idms, in the name of portal.
func (p *proxied) ask(portal, method, path string, header http.Header, cookies ...*http.Cookie) *http.Response {
	request := httptest.NewRequest(method, "http://idms.internal"+path, nil)
	request.RemoteAddr = proxyAddress
	at, _ := url.Parse(portal)
	request.Header.Set("X-Forwarded-Host", at.Host)
	request.Header.Set("X-Forwarded-Proto", at.Scheme)
	for name, values := range header {
		request.Header[name] = values
	}
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	return p.serve(request)
}

func (p *proxied) serve(request *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	p.site.ServeHTTP(recorder, request)
	return recorder.Result()
}

// tab is a browser whose requests to the portals' hosts come through the proxy,
// and whose other requests go where they go.
type tab struct {
	*person
	p       *proxied
	forward http.Header // what forward-auth said of the last request that it let pass
}

func (p *proxied) tab(t *testing.T) *tab {
	t.Helper()
	one := &tab{person: p.visitor(t), p: p}
	one.Client.Transport = notes{proxyTransport{one, one.Client.Transport}, one.person}
	return one
}

type proxyTransport struct {
	*tab
	http.RoundTripper
}

func (x proxyTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	origin := request.URL.Scheme + "://" + request.URL.Host
	if origin == x.p.base { // the same service, that knows the portal
		inner := request.Clone(request.Context())
		if inner.Body == nil {
			inner.Body = http.NoBody
		}
		inner.Host, inner.RequestURI, inner.RemoteAddr = request.URL.Host, request.URL.RequestURI(), "203.0.113.5:99"
		response := x.p.serve(inner)
		response.Request = request
		return response, nil
	}
	if origin != x.p.portal && origin != x.p.other {
		return x.RoundTripper.RoundTrip(request)
	}
	var response *http.Response
	if strings.HasPrefix(request.URL.Path, "/.idms/") {
		response = x.p.ask(origin, request.Method, request.URL.RequestURI(), request.Header.Clone())
	} else {
		header := request.Header.Clone()
		header.Set("X-Forwarded-Uri", request.URL.RequestURI())
		header.Set("X-Forwarded-Method", request.Method)
		response = x.p.ask(origin, http.MethodGet, "/forward-auth", header)
		if response.StatusCode == http.StatusNoContent {
			x.forward = response.Header
			response = &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
		}
	}
	response.Request = request
	return response, nil
}

// arrive goes from a page of the portal through the login and back.
func (x *tab) arrive(t *testing.T, address, username, way string) {
	t.Helper()
	x.open(t, address)
	x.begin(t, demo.Acme)
	x.choose(t, username, way)
	x.carry(t)
}

func (x *tab) cookie(origin, name string) *http.Cookie {
	at, _ := url.Parse(origin)
	for _, cookie := range x.Jar.Cookies(at) {
		if strings.Contains(cookie.Name, name) {
			return cookie
		}
	}
	return nil
}

// until opens an address and stops before the redirect to a path, which it returns.
func (x *tab) until(t *testing.T, path string, do func()) (stopped *url.URL) {
	t.Helper()
	former := x.CheckRedirect
	defer func() { x.CheckRedirect = former }()
	x.CheckRedirect = func(request *http.Request, _ []*http.Request) error {
		if request.URL.Path == path {
			stopped = request.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	do()
	if stopped == nil {
		t.Fatalf("never came to %s, but to %s:\n%s", path, x.at, x.text)
	}
	return stopped
}

func firstWay(username string) string {
	for _, one := range demo.Cast() {
		if one.Username == username {
			return one.Ways[0].Key
		}
	}
	return ""
}

func (p *proxied) audited(t *testing.T, action audit.Action) (reasons []string) {
	t.Helper()
	events, _, err := p.store.Events(context.Background(), store.EventFilter{}, "", 100)
	check(t, err)
	for _, event := range events {
		if event.Action == action {
			reasons = append(reasons, event.Reason)
		}
	}
	return reasons
}

func TestAPortalsDeepLinkIsComeBackToAfterTheLogin(t *testing.T) {
	for _, secure := range []bool{false, true} {
		p := newPortal(t, secure)
		x := p.tab(t)
		deep := p.portal + "/machines/7?tab=disks&q=a%20b"
		x.arrive(t, deep, "ada", firstWay("ada"))
		if x.status != http.StatusOK || x.at.String() != deep {
			t.Fatalf("ended at %s with %d:\n%s", x.at, x.status, x.text)
		}
		want := map[string]string{"X-Idms-User": "ada", "X-Idms-Console": "full", "X-Idms-Record": demo.Acme, "X-Idms-Groups-Cut": "false", "Cache-Control": "no-store"}
		for name, value := range want {
			if got := x.forward.Get(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
		for _, name := range []string{"X-Idms-Email", "X-Idms-Groups", "X-Idms-Session-Expires"} {
			if x.forward.Get(name) == "" {
				t.Errorf("%s is empty", name)
			}
		}
		for _, cookie := range x.cookies {
			if strings.Contains(cookie.Name, "idms_portal") {
				if !cookie.HttpOnly || cookie.Secure != secure || strings.HasPrefix(cookie.Name, "__Host-") != secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Domain != "" {
					t.Errorf("the portal's cookie is %s", cookie)
				}
			}
		}
		if x.cookie(p.portal, "idms_begin_") != nil {
			t.Error("the cookie of the hand-over is still there")
		}
		if x.cookie(p.portal, "idms_portal").Value == x.cookie(p.base, "idms_session").Value {
			t.Error("the portal has the login host's token")
		}
		// Who began at the login host finds the portals from there.
		x.open(t, p.base+"/")
		if links := x.page.Find("a.portal"); links.Length() != 2 || links.Last().AttrOr("href", "") != p.portal+"/" {
			t.Errorf("the login host leads to %d portals, the last at %q", links.Length(), links.Last().AttrOr("href", ""))
		}
		// Once more, on the second portal: no second login, and no second session.
		x.open(t, p.other+"/there")
		if x.status != http.StatusOK || x.at.String() != p.other+"/there" {
			t.Errorf("the second portal: ended at %s", x.at)
		}
	}
}

func TestACodeIsGoodOnceInItsBrowserAtItsPortalInItsMinute(t *testing.T) {
	for _, tt := range []struct {
		name string
		use  func(p *proxied, x *tab, code *url.URL)
		says string // in the audit trail
	}{
		{"used before", func(p *proxied, x *tab, code *url.URL) {
			x.open(t, code.String())
			x.open(t, code.String())
		}, ""},
		{"a minute old", func(p *proxied, x *tab, code *url.URL) {
			p.wait(time.Minute)
			x.open(t, code.String())
		}, "too late"},
		{"of another portal", func(p *proxied, x *tab, code *url.URL) {
			x.open(t, p.other+code.RequestURI())
		}, "came to"},
		{"stolen, in another browser", func(p *proxied, x *tab, code *url.URL) {
			thief := p.tab(t)
			thief.until(t, "/login", func() { thief.open(t, p.portal+"/") }) // has a hand-over of its own
			thief.open(t, code.String())
			if thief.status != http.StatusForbidden || thief.cookie(p.portal, "idms_portal") != nil {
				t.Errorf("the thief got %d and %v", thief.status, thief.cookie(p.portal, "idms_portal"))
			}
			x.open(t, code.String()) // the code is burnt for its owner too
		}, "another browser"},
		{"of a session that ended meanwhile", func(p *proxied, x *tab, code *url.URL) {
			check(t, p.flow.End(context.Background(), x.session()))
			x.open(t, code.String())
		}, "has ended"},
		{"made up", func(p *proxied, x *tab, _ *url.URL) { x.open(t, p.portal+"/.idms/callback?code=abc") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPortal(t, true)
			x := p.tab(t)
			x.logIn(t, demo.Acme, "ada", firstWay("ada"))
			code := x.until(t, "/.idms/callback", func() { x.open(t, p.portal+"/deep") })
			tt.use(p, x, code)
			if x.status != http.StatusForbidden || x.page.Find("h1").Length() != 1 {
				t.Errorf("status %d at %s:\n%s", x.status, x.at, x.text)
			}
			if !strings.Contains(x.text, `href="/.idms/static/`) {
				t.Error("on the portal's host the page looks for its style elsewhere")
			}
			if tt.says != "" {
				if told := p.audited(t, audit.HandOverRefused); len(told) != 1 || !strings.Contains(told[0], tt.says) {
					t.Errorf("the audit trail says %q", told)
				}
			}
		})
	}
}

// Login CSRF: an attacker's own code must not log somebody else in as the attacker.
func TestNobodyIsLoggedInAtAPortalBySomebodyElsesCode(t *testing.T) {
	p := newPortal(t, true)
	attacker, victim := p.tab(t), p.tab(t)
	attacker.logIn(t, demo.Acme, "ada", firstWay("ada"))
	code := attacker.until(t, "/.idms/callback", func() { attacker.open(t, p.portal+"/") })
	victim.until(t, "/login", func() { victim.open(t, p.portal+"/") })
	victim.open(t, code.String())
	if victim.status != http.StatusForbidden || victim.cookie(p.portal, "idms_portal") != nil {
		t.Errorf("the victim got %d and %v", victim.status, victim.cookie(p.portal, "idms_portal"))
	}
}

func TestReturnAddressesStayAtThePortal(t *testing.T) {
	p := newPortal(t, true)
	x := p.tab(t)
	x.logIn(t, demo.Acme, "ada", firstWay("ada"))
	for _, evil := range []string{"//evil.test/", "/\\evil.test", "https://evil.test/", "/.//evil.test", "/%2f/evil.test", "evil", "/a\nb", "/.idms/start", "/" + strings.Repeat("a", 3000)} {
		x.open(t, p.portal+"/.idms/start?"+url.Values{"return_to": {evil}}.Encode())
		if x.at.String() != p.portal+"/" {
			t.Errorf("%.40q led to %s", evil, x.at)
		}
	}
	for name, query := range map[string]url.Values{
		"another host":    {"portal": {"https://evil.test"}, "challenge": {strings.Repeat("A", 43)}},
		"no portal":       {"challenge": {strings.Repeat("A", 43)}},
		"another scheme":  {"portal": {"http://portal.test"}, "challenge": {strings.Repeat("A", 43)}},
		"a longer host":   {"portal": {"https://portal.test.evil.test"}, "challenge": {strings.Repeat("A", 43)}},
		"a user in front": {"portal": {"https://portal.test@evil.test"}, "challenge": {strings.Repeat("A", 43)}},
		"no challenge":    {"portal": {p.portal}},
		"half a one":      {"portal": {p.portal}, "challenge": {"AAAA"}},
	} {
		x.open(t, p.base+"/hand-over?"+query.Encode())
		if x.status != http.StatusBadRequest || !strings.HasPrefix(x.at.String(), p.base) {
			t.Errorf("%s: %d at %s", name, x.status, x.at)
		}
	}
}

func TestOnlyATrustedProxySaysWhichPortalItIs(t *testing.T) {
	p := newPortal(t, true)
	x := p.tab(t)
	x.arrive(t, p.portal+"/", "ada", firstWay("ada"))
	token := x.cookie(p.portal, "idms_portal")
	good := http.Header{"X-Forwarded-Uri": {"/deep"}, "X-Forwarded-Method": {"GET"}}
	for _, tt := range []struct {
		name   string
		change func(r *http.Request)
		want   int
	}{
		{"the proxy", func(*http.Request) {}, http.StatusNoContent},
		{"a WebSocket", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "wss") }, http.StatusNoContent},
		{"its port written out", func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "Portal.test:443") }, http.StatusNoContent},
		{"somebody else", func(r *http.Request) { r.RemoteAddr = "203.0.113.5:80" }, http.StatusForbidden},
		{"a host that is no portal", func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "evil.test") }, http.StatusForbidden},
		{"the other scheme", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "http") }, http.StatusForbidden},
		{"two hosts", func(r *http.Request) { r.Header.Add("X-Forwarded-Host", "evil.test") }, http.StatusForbidden},
		{"no host", func(r *http.Request) { r.Header.Del("X-Forwarded-Host") }, http.StatusForbidden},
		{"another portal than the token's", func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "other.test:444") }, http.StatusFound},
		{"a path that must not be asked about", func(r *http.Request) { r.Header.Set("X-Forwarded-Uri", "/.idms/start") }, http.StatusForbidden},
	} {
		request := httptest.NewRequest("GET", "http://idms.internal/forward-auth", nil)
		request.RemoteAddr = proxyAddress
		request.Header = good.Clone()
		request.Header.Set("X-Forwarded-Host", "portal.test")
		request.Header.Set("X-Forwarded-Proto", "https")
		request.AddCookie(token)
		tt.change(request)
		response := p.serve(request)
		if response.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, response.StatusCode, tt.want)
		}
		if tt.want != http.StatusNoContent && response.Header.Get("X-Idms-User") != "" {
			t.Errorf("%s: was told who it is", tt.name)
		}
	}
}

func TestWithoutASessionEachProxyHearsWhatItUnderstands(t *testing.T) {
	p := newPortal(t, true)
	const start = "https://portal.test/.idms/start?return_to=%2Fdeep"
	const front = "https://portal.test/.idms/start?return_to=%2F"
	for _, tt := range []struct {
		name, path  string
		header      http.Header
		want        int
		location    string
		forNginx    string
		contentType string
	}{
		{"a page", "/forward-auth", http.Header{"X-Forwarded-Uri": {"/deep"}, "X-Forwarded-Method": {"GET"}}, 302, start, "", ""},
		{"a page, through nginx", "/forward-auth/nginx", http.Header{"X-Forwarded-Uri": {"/deep"}, "Sec-Fetch-Mode": {"navigate"}}, 401, "", start, "application/problem+json"},
		{"a form is not repeated", "/forward-auth", http.Header{"X-Forwarded-Uri": {"/deep"}, "X-Forwarded-Method": {"POST"}}, 302, front, "", ""},
		{"a script", "/forward-auth", http.Header{"X-Forwarded-Uri": {"/deep"}, "Sec-Fetch-Mode": {"cors"}}, 401, "", "", "application/problem+json"},
		{"a script, through nginx", "/forward-auth/nginx", http.Header{"X-Forwarded-Uri": {"/deep"}, "Sec-Fetch-Mode": {"cors"}}, 401, "", "", "application/problem+json"},
		{"an odd method", "/forward-auth", http.Header{"X-Forwarded-Uri": {"/deep"}, "X-Forwarded-Method": {"DELETE"}}, 401, "", "", "application/problem+json"},
		{"a path that browsers would misread", "/forward-auth", http.Header{"X-Forwarded-Uri": {"//evil.test"}}, 302, front, "", ""},
		{"a path that makes a header too large for nginx", "/forward-auth/nginx", http.Header{"X-Forwarded-Uri": {"/deep?" + strings.Repeat("a=%20&", 300)}}, 401, "", front, "application/problem+json"},
	} {
		response := p.ask(p.portal, http.MethodGet, tt.path, tt.header)
		if response.StatusCode != tt.want || response.Header.Get("Location") != tt.location || response.Header.Get("X-Idms-Login") != tt.forNginx {
			t.Errorf("%s: %d, Location %q, X-Idms-Login %q", tt.name, response.StatusCode, response.Header.Get("Location"), response.Header.Get("X-Idms-Login"))
		}
		if tt.contentType != "" && response.Header.Get("Content-Type") != tt.contentType {
			t.Errorf("%s: it is %s", tt.name, response.Header.Get("Content-Type"))
		}
		if got := response.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control is %q", tt.name, got)
		}
		for _, name := range []string{"X-Idms-User", "X-Idms-Email", "X-Idms-Groups", "X-Idms-Groups-Cut", "X-Idms-Console", "X-Idms-Record", "X-Idms-Session-Expires"} {
			if values := response.Header.Values(name); !slices.Equal(values, []string{""}) {
				t.Errorf("%s: %s is %q, want it there and empty", tt.name, name, values)
			}
		}
	}
}

func TestLoggingOutAtThePortalEndsTheSessionEverywhere(t *testing.T) {
	p := newPortal(t, true)
	x := p.tab(t)
	x.arrive(t, p.portal+"/", "ada", firstWay("ada"))
	x.open(t, p.other+"/")
	foreign := p.ask(p.portal, http.MethodPost, "/.idms/logout", http.Header{"Sec-Fetch-Site": {"cross-site"}}, x.cookie(p.portal, "idms_portal"))
	if foreign.StatusCode != http.StatusForbidden {
		t.Errorf("another site logged her out: %d", foreign.StatusCode)
	}
	if old := p.ask(p.portal, http.MethodPost, "/.idms/logout", http.Header{"Origin": {p.portal}}); old.StatusCode != http.StatusSeeOther {
		t.Errorf("a browser without Sec-Fetch-Site was refused on the portal's own page: %d", old.StatusCode)
	}
	x.post(t, p.portal+"/.idms/logout", nil)
	if x.at.Path != "/signed-out" || !strings.HasPrefix(x.at.String(), p.base) {
		t.Errorf("ended at %s", x.at)
	}
	if x.page.Find("a.secondary").Length() != 1 || !strings.Contains(x.text, "Your session with") {
		t.Errorf("nothing leads to the end of the provider's session:\n%s", x.text)
	}
	x.follow(t, "a.secondary")
	if !strings.Contains(x.text, "logged out at your identity provider as well") {
		t.Errorf("M24: the provider's answer is not shown at %s:\n%s", x.at, x.text)
	}
	for _, address := range []string{p.portal, p.other} {
		x.open(t, address+"/")
		if x.at.Path != "/login" {
			t.Errorf("%s still opens: %s", address, x.at)
		}
	}
	if x.open(t, p.base+"/"); x.at.Path != "/login" {
		t.Errorf("the login host still knows her: %s", x.at)
	}
}

// state asks as a portal's back end does.
func (p *proxied) state(t *testing.T, path string, header http.Header, cookies ...*http.Cookie) (status int, answer map[string]any) {
	t.Helper()
	request := httptest.NewRequest("GET", "http://10.0.0.9:8080"+path, nil)
	request.RemoteAddr = "10.0.0.8:5000"
	for name, values := range header {
		request.Header[name] = values
	}
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	response := p.serve(request)
	if response.StatusCode != http.StatusNoContent {
		check(t, json.NewDecoder(response.Body).Decode(&answer))
	}
	return response.StatusCode, answer
}

func TestAPortalsBackEndAsksWhoItIs(t *testing.T) {
	p := newPortal(t, true)
	x := p.tab(t)
	x.arrive(t, p.portal+"/", "ada", firstWay("ada"))
	token := x.cookie(p.portal, "idms_portal")
	status, answer := p.state(t, "/api/v1/session", nil, token)
	if status != http.StatusOK || answer["user"].(map[string]any)["username"] != "ada" || answer["portal"] != p.portal ||
		answer["console"].(map[string]any)["level"] != "full" || answer["since"] != "2026-03-01T12:00:00Z" || answer["expires"] != "2026-03-02T00:00:00Z" {
		t.Errorf("%d: %v", status, answer)
	}
	first := answer["groups"].([]any)[0].(map[string]any)
	if source := first["sources"].([]any)[0].(map[string]any); source["kind"] == "" || source["record"] != demo.Acme {
		t.Errorf("the first group's source is %v", source)
	}
	if status, _ := p.state(t, "/api/v1/session/console", http.Header{"Authorization": {"Bearer " + token.Value}}); status != http.StatusNoContent {
		t.Errorf("may she open a console: %d", status)
	}
	for name, ask := range map[string]func() (int, map[string]any){
		"nobody":                 func() (int, map[string]any) { return p.state(t, "/api/v1/session", nil) },
		"nobody, of the console": func() (int, map[string]any) { return p.state(t, "/api/v1/session/console", nil) },
		"the login host's cookie": func() (int, map[string]any) {
			return p.state(t, "/api/v1/session", nil, x.cookie(p.base, "idms_session"))
		},
		"the login host's token as bearer": func() (int, map[string]any) {
			return p.state(t, "/api/v1/session", http.Header{"Authorization": {"Bearer " + x.session()}})
		},
		"a cookie that a neighbour could set": func() (int, map[string]any) {
			return p.state(t, "/api/v1/session", nil, &http.Cookie{Name: "idms_portal", Value: token.Value})
		},
		"another scheme of authorization": func() (int, map[string]any) {
			return p.state(t, "/api/v1/session", http.Header{"Authorization": {"Basic " + token.Value}}, token)
		},
	} {
		if status, answer := ask(); status != http.StatusUnauthorized || answer["status"] != 401.0 {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	p.wait(13 * time.Hour)
	if status, _ := p.state(t, "/api/v1/session", nil, token); status != http.StatusUnauthorized {
		t.Errorf("after its end: %d", status)
	}
}

// Elevation from a portal: the back end hears "no, but here", the person proves
// more and is back on the page, whose token is a new one (S26).
func TestElevatingFromAPortalLeadsBackToItS26(t *testing.T) {
	p := newPortal(t, true)
	x := p.tab(t)
	x.arrive(t, p.portal+"/", "chen", "password")
	if got := x.forward.Get("X-Idms-Console"); got != "restricted" {
		t.Fatalf("chen has %q", got)
	}
	before := x.cookie(p.portal, "idms_portal")
	status, answer := p.state(t, "/api/v1/session/console?"+url.Values{"return_to": {"/consoles/7?x=1"}}.Encode(), nil, before)
	where, _ := answer["elevate_url"].(string)
	if status != http.StatusForbidden || !strings.HasPrefix(where, p.portal+"/.idms/elevate?") {
		t.Fatalf("%d: %v", status, answer)
	}
	x.open(t, where)
	x.submit(t, x.page.Find(`form[action="/elevate"]`), "")
	if x.page.Find("form[data-post-now]").Length() == 1 {
		x.carry(t)
	}
	x.choose(t, "chen", "card")
	x.carry(t)
	if x.at.String() != p.portal+"/consoles/7?x=1" || x.forward.Get("X-Idms-Console") != "full" {
		t.Errorf("ended at %s with %q", x.at, x.forward.Get("X-Idms-Console"))
	}
	after := x.cookie(p.portal, "idms_portal")
	if status, _ := p.state(t, "/api/v1/session", nil, before); status != http.StatusUnauthorized {
		t.Errorf("the token from before the elevation is good for it: %d", status)
	}
	if status, _ := p.state(t, "/api/v1/session/console", nil, after); status != http.StatusNoContent {
		t.Errorf("may chen open a console now: %d", status)
	}
	if _, answer := p.state(t, "/api/v1/session", nil, after); answer["console"].(map[string]any)["elevated_until"] != "2026-03-01T13:00:00Z" {
		t.Errorf("the elevation ends at %v", answer["console"])
	}
	// At another portal, the token is nobody's: the elevation goes on.
	p.ask(p.other, http.MethodPost, "/.idms/elevate/end", http.Header{"Sec-Fetch-Site": {"same-origin"}}, after)
	// And another site ends nothing.
	foreign := p.ask(p.portal, http.MethodPost, "/.idms/elevate/end", http.Header{"Sec-Fetch-Site": {"cross-site"}}, after)
	if status, _ := p.state(t, "/api/v1/session/console", nil, after); foreign.StatusCode != http.StatusForbidden || status != http.StatusNoContent {
		t.Errorf("another site ended it (%d): %d", foreign.StatusCode, status)
	}
	// Nothing more to elevate: straight back.
	if x.open(t, where); x.at.String() != p.portal+"/consoles/7?x=1" {
		t.Errorf("elevating twice ended at %s", x.at)
	}
	after = x.cookie(p.portal, "idms_portal")
	p.wait(time.Hour)
	if status, _ := p.state(t, "/api/v1/session/console", nil, after); status != http.StatusForbidden {
		t.Errorf("after the elevation's end: %d", status)
	}
}

func TestAnElevationEndsAtThePortalAndTheSessionGoesOnS26(t *testing.T) {
	p := newPortal(t, true)
	x := p.tab(t)
	x.arrive(t, p.portal+"/", "chen", "password")
	x.open(t, p.portal+"/.idms/elevate?return_to=/")
	x.submit(t, x.page.Find(`form[action="/elevate"]`), "")
	if x.page.Find("form[data-post-now]").Length() == 1 {
		x.carry(t)
	}
	x.choose(t, "chen", "card")
	x.carry(t)
	if got := x.forward.Get("X-Idms-Console"); got != "full" {
		t.Fatalf("elevated to %q", got)
	}
	for range 2 { // the second time there is nothing to end
		x.post(t, p.portal+"/.idms/elevate/end?return_to=%2Fmachines%3Fx%3D1", nil)
		if x.at.String() != p.portal+"/machines?x=1" || x.forward.Get("X-Idms-Console") != "restricted" {
			t.Errorf("ended at %s with %q", x.at, x.forward.Get("X-Idms-Console"))
		}
	}
	if status, _ := p.state(t, "/api/v1/session/console", nil, x.cookie(p.portal, "idms_portal")); status != http.StatusForbidden {
		t.Errorf("a console may be opened: %d", status)
	}
	// Back to the portal and nowhere else; without a session, through the login.
	x.post(t, p.portal+"/.idms/elevate/end?return_to=https://evil.test/", nil)
	if x.at.String() != p.portal+"/" {
		t.Errorf("led to %s", x.at)
	}
	answer := p.ask(p.portal, http.MethodPost, "/.idms/elevate/end?return_to=/there", http.Header{"Sec-Fetch-Site": {"same-origin"}})
	if got := answer.Header.Get("Location"); got != p.portal+"/.idms/start?return_to=%2Fthere" {
		t.Errorf("without a session it leads to %s", got)
	}
}
