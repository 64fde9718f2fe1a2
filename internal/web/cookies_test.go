package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/login"
)

var (
	plain  = origin{base: "http://localhost:8080"}
	secure = origin{base: "https://login.example.com", secure: true}
)

// The names and flags are an interface: proxies, tests and other programs on the
// host know them.
func TestCookiesFollowTheSchemeOfTheBaseURLM23(t *testing.T) {
	ticket := login.Ticket{Name: "7f3a", Value: "v", Expires: noon.Add(10 * time.Minute)}
	for _, tt := range []struct {
		name   string
		cookie *http.Cookie
		want   string
	}{
		{"session on https", secure.cookie(sessionCookie, "v"), "__Host-idms_session=v; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"session on plain http", plain.cookie(sessionCookie, "v"), "idms_session=v; Path=/; HttpOnly; SameSite=Lax"},
		{"pending on https", secure.pending(ticket, noon), "__Host-idms_pending_7f3a=v; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=None"},
		// A SameSite=None cookie without Secure is refused by browsers.
		{"pending on plain http", plain.pending(ticket, noon), "idms_pending_7f3a=v; Path=/; Max-Age=600; HttpOnly"},
		{"last choice on https", secure.cookie(lastCookie, "acme"), "__Host-idms_last=acme; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"forgotten on https", forget(secure.cookie(sessionCookie, "v")), "__Host-idms_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{"forgotten pending on https", forget(secure.pending(ticket, noon)), "__Host-idms_pending_7f3a=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None"},
	} {
		if got := tt.cookie.String(); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// at is a request that arrived at an origin with cookies.
func at(o origin, cookies ...string) (echo.Context, *httptest.ResponseRecorder) {
	request := httptest.NewRequest(http.MethodGet, o.base+"/", nil)
	request.Header.Set("Cookie", strings.Join(cookies, "; "))
	recorder := httptest.NewRecorder()
	c := echo.New().NewContext(request, recorder)
	c.Set(originKey, o)
	return c, recorder
}

func TestABrowserHasAtMostFivePendingLogins(t *testing.T) {
	var cookies []string
	for i := range 7 {
		cookies = append(cookies, fmt.Sprintf("__Host-idms_pending_%d=v%d", i, i))
	}
	c, recorder := at(secure, cookies...)
	site := &Site{Config: Config{Clock: func() time.Time { return noon }}}
	site.addPending(c, login.Ticket{Name: "new", Value: "v", Expires: noon.Add(time.Minute)})

	var gone, kept []string
	for _, cookie := range recorder.Result().Cookies() {
		if cookie.MaxAge < 0 {
			gone = append(gone, cookie.Name)
		} else {
			kept = append(kept, cookie.Name)
		}
	}
	if got := strings.Join(gone, " "); got != "__Host-idms_pending_0 __Host-idms_pending_1 __Host-idms_pending_2" {
		t.Errorf("removed %q, want the three oldest", got)
	}
	if got := strings.Join(kept, " "); got != "__Host-idms_pending_new" {
		t.Errorf("set %q, want the new one", got)
	}
}

// On https a cookie that a neighbour or plain http could have set is not ours.
func TestOnlyCookiesOfThisSchemeAreRead(t *testing.T) {
	c, _ := at(secure, "idms_session=evil", "idms_pending_1=evil", "__Host-idms_pending_2=ours", "__Host-idms_pending_=nameless")
	if got := read(c, sessionCookie); got != "" {
		t.Errorf("the session %q was read from a cookie without its prefix", got)
	}
	if got := tickets(c); len(got) != 1 || got[0].Name != "2" || got[0].Value != "ours" {
		t.Errorf("got the tickets %v, want the one with the prefix", got)
	}
	c, _ = at(plain, "__Host-idms_session=x", "idms_session=ours")
	if got := read(c, sessionCookie); got != "ours" {
		t.Errorf("on plain http the session is %q, want ours", got)
	}
}

func TestOnlyAWebAddressBecomesALogoutLink(t *testing.T) {
	for address, want := range map[string]string{
		"https://idp.example.com/logout?x=1": "https://idp.example.com/logout?x=1",
		"http://localhost:8081/logout":       "http://localhost:8081/logout",
		"javascript:alert(1)":                "",
		"//evil.example/":                    "",
		"/logout":                            "",
		"":                                   "",
		"https://[":                          "",
	} {
		if got := linkTo(address).URL; got != want {
			t.Errorf("%q: the link is %q, want %q", address, got, want)
		}
	}
}
