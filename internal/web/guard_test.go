package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/saml"
)

func TestARequestForAnotherHostIsMisdirected(t *testing.T) {
	handler := pagesOnly(t)
	for _, tt := range []struct {
		host string
		want int
	}{
		{"login.example.com", http.StatusOK},
		{"LOGIN.example.com:443", http.StatusOK},
		{"localhost:8080", http.StatusOK},
		{"login.example.com:80", http.StatusMisdirectedRequest},
		{"login.example.com:8443", http.StatusMisdirectedRequest},
		{"login.example.com.evil.example", http.StatusMisdirectedRequest},
		{"localhost", http.StatusMisdirectedRequest},
		{"127.0.0.1:8080", http.StatusMisdirectedRequest},
		{"", http.StatusMisdirectedRequest},
		{strings.Repeat("a", 5000), http.StatusMisdirectedRequest},
	} {
		request := httptest.NewRequest(http.MethodGet, "/signed-out", nil)
		request.Host = tt.host
		// What a proxy or an attacker says about the host counts for nothing.
		request.Header.Set("X-Forwarded-Host", "login.example.com")
		response := answer(handler, request)
		if response.StatusCode != tt.want {
			t.Errorf("%.40q: status %d, want %d", tt.host, response.StatusCode, tt.want)
		}
		if text := body(t, response); tt.host != "" && tt.want != http.StatusOK && strings.Contains(text, tt.host) {
			t.Errorf("%.40q: the page repeats the host", tt.host)
		}
	}
}

func TestProbesAreAnsweredAtAnyHost(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		request := httptest.NewRequest(method, "/healthz", nil)
		request.Host = "10.1.2.3:8080"
		if got := answer(pagesOnly(t), request).StatusCode; got != http.StatusOK {
			t.Errorf("%s /healthz: status %d, want 200", method, got)
		}
	}
}

func TestBaseURLsThatCannotBeToldApartAreRefused(t *testing.T) {
	for name, list := range map[string][]string{
		"none":               {},
		"a path":             {"https://login.example.com/idms"},
		"a slash at its end": {"https://login.example.com/"},
		"no scheme":          {"login.example.com"},
		"another scheme":     {"ftp://login.example.com"},
		"credentials":        {"https://me@login.example.com"},
		"one host twice":     {"https://login.example.com", "http://login.example.com:80"},
	} {
		if _, err := New(Config{BaseURLs: list}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want an Invalid error", name, err)
		}
	}
}

func TestEveryAnswerCarriesTheStrictHeaders(t *testing.T) {
	handler := pagesOnly(t)
	for _, path := range []string{"/signed-out", "/nowhere", "/healthz", "/dev/pages/error-500"} {
		header := get(handler, "https://login.example.com"+path).Header
		policy := header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "style-src 'self'", "img-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, part)
			}
		}
		if strings.Contains(policy, "script-src") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy %q lets scripts run", path, policy)
		}
		for name, want := range map[string]string{
			"Cache-Control":              "no-store",
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if header.Get("Permissions-Policy") == "" || header.Get(requestIDHeader) == "" {
			t.Errorf("%s: a header is missing: %v", path, header)
		}
	}
	if got := get(handler, "https://login.example.com/signed-out").Header.Get("Strict-Transport-Security"); got != hsts {
		t.Errorf("on https HSTS is %q, want %q", got, hsts)
	}
	if got := get(handler, "http://localhost:8080/signed-out").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("on plain http HSTS is %q, want none", got)
	}
}

func TestOnlyPagesThatEndAtAProviderLetFormsGoAnywhere(t *testing.T) {
	handler := pagesOnly(t)
	for name, want := range map[string]string{
		"login-three":     "form-action 'none'",
		"who-full":        "form-action 'self'",
		"who-can-elevate": "",
		"continue":        "",
	} {
		policy := get(handler, "http://localhost:8080/dev/pages/"+name).Header.Get("Content-Security-Policy")
		if want == "" && strings.Contains(policy, "form-action") || want != "" && !strings.Contains(policy, want) {
			t.Errorf("%s: the policy is %q, want %q in it", name, policy, want)
		}
		if scripts := strings.Contains(policy, "script-src 'self'"); scripts != (name == "continue") {
			t.Errorf("%s: scripts %v", name, scripts)
		}
	}
}

func TestWhatIsNotFoundOrNotUsedThatWayIsAPage(t *testing.T) {
	handler := pagesOnly(t)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/nowhere", http.StatusNotFound},
		{http.MethodGet, "/saml/acme/acs", http.StatusMethodNotAllowed}, // M01: the ACS takes POST only
		{http.MethodPut, "/saml/acme/acs", http.StatusMethodNotAllowed},
		{http.MethodPost, "/saml/acme/login", http.StatusMethodNotAllowed}, // only GET begins a login
		{http.MethodGet, "/logout", http.StatusMethodNotAllowed},
		{http.MethodGet, "/elevate/end", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/", http.StatusMethodNotAllowed},
		{http.MethodGet, "/static/none.css", http.StatusNotFound},
	} {
		response := answer(handler, httptest.NewRequest(tt.method, "http://localhost:8080"+tt.path, nil))
		if response.StatusCode != tt.want {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.path, response.StatusCode, tt.want)
		}
		page := documentOf(t, body(t, response))
		if got, want := page.Find("code.chip").Text(), response.Header.Get(requestIDHeader); got != want || got == "" {
			t.Errorf("%s %s: the page shows the reference %q, the header %q", tt.method, tt.path, got, want)
		}
	}
}

func TestAnotherSiteCannotPostExceptToTheACS(t *testing.T) {
	handler := pagesOnly(t)
	post := func(path string, header map[string]string) int {
		request := httptest.NewRequest(http.MethodPost, "https://login.example.com"+path, strings.NewReader("x"))
		for name, value := range header {
			request.Header.Set(name, value)
		}
		return answer(handler, request).StatusCode
	}
	elsewhere := []map[string]string{
		{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		{"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.com"},
		{"Origin": "https://evil.example"},
		{"Origin": "null"},
	}
	for _, header := range elsewhere {
		for _, path := range []string{"/logout", "/elevate", "/elevate/end", "/saml/acme/login", "/saml/acme/acs/", "/nowhere"} {
			if got := post(path, header); got != http.StatusForbidden && got != http.StatusNotFound && got != http.StatusMethodNotAllowed {
				t.Errorf("%v may post to %s: status %d", header, path, got)
			}
		}
		if got := post("/logout", header); got != http.StatusForbidden {
			t.Errorf("%v: logging somebody out gives %d, want 403", header, got)
		}
		// Past the guard: the content type is what is refused.
		if got := post("/saml/acme/acs", header); got != http.StatusUnsupportedMediaType {
			t.Errorf("%v: the ACS answers %d, want 415", header, got)
		}
	}
}

func TestTheACSReadsOneKindOfFormOfBoundedSizeM01(t *testing.T) {
	handler := pagesOnly(t)
	for _, tt := range []struct {
		name, kind, body string
		want             int
	}{
		{"JSON", "application/json", `{"SAMLResponse":"x"}`, http.StatusUnsupportedMediaType},
		{"multipart", "multipart/form-data; boundary=x", "--x--", http.StatusUnsupportedMediaType},
		{"no type", "", "SAMLResponse=x", http.StatusUnsupportedMediaType},
		{"over 4 MiB", "application/x-www-form-urlencoded", "SAMLResponse=" + strings.Repeat("A", saml.DefaultLimits().Body), http.StatusRequestEntityTooLarge},
		{"not urlencoded", "application/x-www-form-urlencoded", "SAMLResponse=%zz", http.StatusBadRequest},
	} {
		request := httptest.NewRequest(http.MethodPost, "http://localhost:8080/saml/acme/acs", strings.NewReader(tt.body))
		if tt.kind != "" {
			request.Header.Set("Content-Type", tt.kind)
		}
		if got := answer(handler, request).StatusCode; got != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestAFieldGivenTwiceOrInTheAddressDoesNotCountM01(t *testing.T) {
	for body, want := range map[string]login.Post{
		"SAMLResponse=a&RelayState=b":                {Response: "a", RelayState: "b"},
		"SAMLResponse=a&SAMLResponse=c&RelayState=b": {RelayState: "b"},
		"RelayState=b&RelayState=d&SAMLResponse=a":   {Response: "a"},
		"": {},
	} {
		request := httptest.NewRequest(http.MethodPost, "/saml/acme/acs?SAMLResponse=q&RelayState=q", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		post, err := readPost(echo.New().NewContext(request, httptest.NewRecorder()), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if post.Response != want.Response || post.RelayState != want.RelayState {
			t.Errorf("%q: got %q and %q, want %q and %q", body, post.Response, post.RelayState, want.Response, want.RelayState)
		}
	}
}

func TestFaultsBecomePagesThatHideTheirCause(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want int
		says string
	}{
		{"internal", errors.New("password=hunter2"), 500, "Something went wrong on our side"},
		{"hidden internal", fault.Hide(errors.New("hunter2"), fault.Internal, "hunter2 is what the sentence says"), 500, "Please try again"},
		{"invalid", fault.New(fault.Invalid, "The path is too long."), 400, "The path is too long."},
		{"denied", fault.Hide(errors.New("hunter2"), fault.Denied, "This way to log in is switched off."), 403, "switched off"},
		{"not found", fmt.Errorf("reading: %w", fault.New(fault.NotFound, "There is no such record.")), 404, "There is no such record."},
		{"conflict", fault.New(fault.Conflict, "Somebody else was faster."), 409, "faster"},
		{"upstream", fault.Hide(errors.New("hunter2"), fault.Upstream, "The directory did not answer."), 502, "directory"},
		{"too late", fmt.Errorf("hunter2: %w", context.DeadlineExceeded), 503, "too long"},
		{"echo's own", echo.NewHTTPError(404, "hunter2").WithInternal(errors.New("hunter2")), 404, "no such page"},
		{"a status without words", echo.NewHTTPError(418), 418, "could not be read"},
	} {
		site := &Site{Config: Config{PortalName: "Cloud portal", Log: slog.New(slog.DiscardHandler)}}
		recorder := httptest.NewRecorder()
		c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), recorder)
		site.fail(tt.err, c)
		text := recorder.Body.String()
		if recorder.Code != tt.want || !strings.Contains(text, tt.says) {
			t.Errorf("%s: status %d, want %d with %q:\n%s", tt.name, recorder.Code, tt.want, tt.says, text)
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s: the cause is on the page", tt.name)
		}
	}
}

func TestAPanicIsAnErrorPageAndAnAlarm(t *testing.T) {
	var log bytes.Buffer
	site := &Site{Config: Config{PortalName: "Cloud portal", Log: slog.New(slog.NewTextHandler(&log, nil)), Clock: time.Now}}
	e := echo.New()
	e.HTTPErrorHandler = site.fail
	e.Use(site.identify, site.account, site.rescue)
	e.GET("/", func(echo.Context) error { panic("hunter2") })
	response := get(e, "http://localhost/")
	if response.StatusCode != http.StatusInternalServerError || strings.Contains(body(t, response), "hunter2") {
		t.Errorf("status %d, or the panic is on the page", response.StatusCode)
	}
	if !strings.Contains(log.String(), "level=ERROR msg=panic") {
		t.Errorf("no alarm in the log:\n%s", log.String())
	}
}

func TestTheAccessLogHoldsNoPersonalValue(t *testing.T) {
	var log bytes.Buffer
	handler, err := New(Config{
		PortalName: "Cloud portal", BaseURLs: []string{"http://localhost:8080"},
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/signed-out?who=ada", "/saml/ada/acs?who=ada", "/groups/ada", "/static/ada"} {
		request := httptest.NewRequest(http.MethodGet, "http://localhost:8080"+path, nil)
		request.Header.Set("User-Agent", "ada")
		request.Header.Set(requestIDHeader, "ada")
		request.Header.Set("Cookie", "other=ada")
		answer(handler, request)
	}
	answer(handler, httptest.NewRequest("ADA", "http://localhost:8080/", nil))
	if strings.Contains(strings.ToLower(log.String()), "ada") || strings.Contains(log.String(), "192.0.2.1") {
		t.Errorf("a personal value is in the log:\n%s", log.String())
	}
	for _, want := range []string{"method=GET", "route=/signed-out", "status=200", "took=", "id=", "method=other"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}

func TestStaticFilesAreKeptForEverAndNamedByTheirContent(t *testing.T) {
	handler := pagesOnly(t)
	page := documentOf(t, body(t, get(handler, "http://localhost:8080/signed-out")))
	address := page.Find(`link[rel=stylesheet][href*="pico"]`).AttrOr("href", "")
	if !regexp.MustCompile(`^/static/pico\.min\.[0-9a-f]{12}\.css$`).MatchString(address) {
		t.Fatalf("the address %q has no hash", address)
	}
	plain := get(handler, "http://localhost:8080"+address)
	if got := plain.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control is %q", got)
	}
	if got := plain.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("Content-Type is %q", got)
	}
	request := httptest.NewRequest(http.MethodGet, "http://localhost:8080"+address, nil)
	request.Header.Set("Accept-Encoding", "br, gzip")
	packed := answer(handler, request)
	reader, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if string(unpacked) != body(t, plain) {
		t.Error("the packed file is another one")
	}
}

// What we brought along from others is byte for byte what they published.
func TestVendoredFilesHaveTheirChecksums(t *testing.T) {
	for folder, want := range map[string][]string{"pico": {"pico.min.css", "LICENSE.md"}, "htmx": {"htmx.min.js", "LICENSE"}} {
		folder = "vendored/" + folder + "/"
		sums, err := os.ReadFile(folder + "SHA256SUMS")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for line := range strings.Lines(string(sums)) {
			sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
			content, err := os.ReadFile(folder + name)
			if err != nil {
				t.Fatal(err)
			}
			if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != sum {
				t.Errorf("%s has another checksum than SHA256SUMS says", folder+name)
			}
			names = append(names, name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%sSHA256SUMS lists %v, want %v", folder, names, want)
		}
	}
}

func TestForwardedAddressesCountFromTrustedProxiesAlone(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name            string
		trusted         []netip.Prefix
		peer, forwarded string
		want            string
	}{
		{"no proxy is trusted", nil, "10.0.0.1:999", "203.0.113.7", "10.0.0.1"},
		{"the proxy is trusted", proxies, "10.0.0.1:999", "203.0.113.7", "203.0.113.7"},
		{"the last untrusted one counts", proxies, "10.0.0.1:999", "198.51.100.1, 203.0.113.7, 10.9.9.9", "203.0.113.7"},
		{"a stranger says so", proxies, "203.0.113.9:999", "198.51.100.1", "203.0.113.9"},
		{"a private address is not trusted by itself", proxies, "192.168.1.1:999", "198.51.100.1", "192.168.1.1"},
		{"loopback neither", proxies, "127.0.0.1:999", "198.51.100.1", "127.0.0.1"},
		{"IPv6", proxies, "[fd00::1]:999", "2001:db8::7", "2001:db8::7"},
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.RemoteAddr = tt.peer
		request.Header.Set("X-Forwarded-For", tt.forwarded)
		if got := ClientAddress(tt.trusted)(request); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestOneAddressCannotComeTooOften(t *testing.T) {
	now := noon
	limit := newLimiter(Limits{PerSecond: 1, Burst: 3}, func() time.Time { return now })
	for i := range 3 {
		if !limit.allow("203.0.113.7") {
			t.Errorf("login %d of a burst of 3 is refused", i+1)
		}
	}
	if limit.allow("203.0.113.7") {
		t.Error("the fourth is let through")
	}
	if !limit.allow("203.0.113.8") {
		t.Error("the neighbour is refused with it")
	}
	now = now.Add(time.Second)
	if !limit.allow("203.0.113.7") || limit.allow("203.0.113.7") {
		t.Error("a second later exactly one more may come")
	}
	for _, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"} {
		limit.allow(address)
	}
	if limit.allow("2001:db8::4") {
		t.Error("another address of the same /64 counts as another client")
	}
}

func TestTheLimiterForgetsRatherThanGrows(t *testing.T) {
	limit := newLimiter(Limits{PerSecond: 0.001, Burst: 1}, func() time.Time { return noon })
	address := netip.MustParseAddr("10.0.0.0")
	for range 5 * maxAddresses {
		address = address.Next()
		limit.allow(address.String())
	}
	if got := len(limit.young) + len(limit.former); got > 2*maxAddresses {
		t.Errorf("it remembers %d addresses, want %d at most", got, 2*maxAddresses)
	}
	if limit.allow(address.String()) {
		t.Error("the latest address is forgotten")
	}
}

func TestTooManyLoginsAreAnsweredWith429(t *testing.T) {
	handler, err := New(Config{
		PortalName: "Cloud portal", BaseURLs: []string{"http://localhost:8080"},
		Limits: Limits{PerSecond: 0.001, Burst: 1}, Clock: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	var last *http.Response
	for range 2 {
		last = answer(handler, httptest.NewRequest(http.MethodPost, "http://localhost:8080/saml/acme/acs", strings.NewReader("x")))
	}
	if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", last.StatusCode, last.Header.Get("Retry-After"))
	}
}

func TestEveryTimeOfTheServerIsBounded(t *testing.T) {
	server := Server(pagesOnly(t), slog.New(slog.DiscardHandler))
	for name, length := range map[string]time.Duration{
		"reading headers":  server.ReadHeaderTimeout,
		"reading":          server.ReadTimeout,
		"writing":          server.WriteTimeout,
		"waiting for more": server.IdleTimeout,
		"handling":         handlerTime,
		"asking if ready":  readyTime,
	} {
		if length <= 0 || length > 5*time.Minute {
			t.Errorf("%s may take %v", name, length)
		}
	}
	if server.WriteTimeout <= handlerTime {
		t.Errorf("an answer is cut off after %v, before its handler gives up after %v", server.WriteTimeout, handlerTime)
	}
	if server.MaxHeaderBytes != maxHeader {
		t.Errorf("headers may have %d bytes", server.MaxHeaderBytes)
	}
}

func TestHEADIsAnsweredWhereGETIsButBeginsNoLogin(t *testing.T) {
	handler := pagesOnly(t)
	for path, want := range map[string]int{
		"/healthz":         http.StatusOK,
		"/signed-out":      http.StatusOK,
		"/saml/acme/login": http.StatusMethodNotAllowed,
	} {
		response := answer(handler, httptest.NewRequest(http.MethodHead, "http://localhost:8080"+path, nil))
		if response.StatusCode != want {
			t.Errorf("HEAD %s: status %d, want %d", path, response.StatusCode, want)
		}
	}
}
