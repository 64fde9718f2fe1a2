package api

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/tokens"
)

// TestEveryRouteAsksForItsRole goes through the router's own list: a new route
// without a decision about it fails here, and does not start.
func TestEveryRouteAsksForItsRole(t *testing.T) {
	h := newHouse(t)
	of := strings.NewReplacer(base, "", ":key", "nobody", ":rule", "nothing", ":user", "none", ":version", "1",
		":session", "none", ":run", "held", ":hash", "none", ":group", "nothing", ":ref", "NONE", ":token", "none")
	asked := 0
	for _, route := range h.api.echo.Routes() {
		if open[route.Path] {
			h.ask("", route.Method, of.Replace(route.Path), "").is(http.StatusOK)
			continue
		}
		need, ok := allowed[route.Method+" "+route.Path]
		if !ok {
			t.Errorf("%s %s has no role", route.Method, route.Path)
			continue
		}
		asked++
		path := of.Replace(route.Path)
		if got := h.ask("", route.Method, path, "").is(http.StatusUnauthorized).Header().Get("WWW-Authenticate"); got != `Bearer realm="idms"` {
			t.Errorf("%s %s: WWW-Authenticate is %q", route.Method, path, got)
		}
		for _, role := range []roles.Role{roles.Reader, roles.Editor, roles.Owner} {
			got := h.ask(role, route.Method, path, "").Code
			if refused := got == http.StatusForbidden; refused == role.May(need) {
				t.Errorf("%s %s needs the role %s, and answers a token of the role %s with %d", route.Method, path, need, role, got)
			}
			if got >= http.StatusInternalServerError {
				t.Errorf("%s %s: %d", route.Method, path, got)
			}
		}
	}
	if asked != len(allowed) {
		t.Errorf("%d routes were asked, and the table has %d: it names routes that are not there", asked, len(allowed))
	}
}

// What a browser sends along by itself opens nothing here, so that no other site
// can make it ask: not the session of an owner, and not with our own Origin.
func TestNoRouteTakesACookieForAToken(t *testing.T) {
	h := newHouse(t)
	session := h.login("ada").Session
	if err := h.store.SetRole(t.Context(), h.userID("ada"), roles.Owner, store.Author{Role: roles.Owner, Who: "test", Now: noon}); err != nil {
		t.Fatal(err)
	}
	of := strings.NewReplacer(base, "", ":key", "acme", ":rule", "ops", ":user", h.userID("ada"), ":version", "1",
		":session", "none", ":run", "held", ":hash", "none", ":group", "platform", ":ref", "NONE", ":token", "reader")
	asked := 0
	for _, route := range h.api.echo.Routes() {
		if open[route.Path] {
			continue
		}
		asked++
		h.ask("", route.Method, of.Replace(route.Path), "", "Cookie", "idms_session="+session.Value+"; __Host-idms_session="+session.Value,
			"Origin", origin, "Sec-Fetch-Site", "same-origin").is(http.StatusUnauthorized)
		// An address is kept in histories and logs: a token in it counts for nothing.
		h.ask("", route.Method, of.Replace(route.Path)+"?access_token="+h.token[roles.Owner]+"&token="+h.token[roles.Owner], "").is(http.StatusUnauthorized)
	}
	if asked < 60 {
		t.Errorf("%d routes were asked", asked)
	}
	h.ask(roles.Reader, "GET", "/records/acme", "").is(http.StatusOK)
	h.ask(roles.Reader, "GET", "/groups/platform", "").is(http.StatusOK)
}

func TestTheReferenceHasTheTableOfRoles(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for route, role := range allowed {
		if line := "| `" + asWritten(route) + "` | " + string(role) + " |"; !strings.Contains(string(page), line) {
			t.Errorf("docs/reference/api.md has no line %s", line)
		}
	}
}

func TestATokenIsGoodUntilItsEndOrItsRevocation(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Reader, "GET", "/records", "").is(http.StatusOK)
	*h.now = noon.Add(24*time.Hour - time.Second)
	h.ask(roles.Reader, "GET", "/records", "").is(http.StatusOK)
	h.ask(roles.Owner, "DELETE", "/tokens/reader", "").is(http.StatusNoContent)
	h.ask(roles.Reader, "GET", "/records", "").is(http.StatusUnauthorized)
	h.ask(roles.Editor, "GET", "/records", "").is(http.StatusOK)
	*h.now = noon.Add(24 * time.Hour)
	h.ask(roles.Editor, "GET", "/records", "").is(http.StatusUnauthorized)
}

func TestTheLastUseIsWrittenAtMostOnceAMinute(t *testing.T) {
	h := newHouse(t)
	used := func() time.Time {
		all, err := h.store.Tokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range all {
			if token.Role == roles.Reader {
				return token.Used
			}
		}
		return time.Time{}
	}
	for _, step := range []struct{ at, want time.Duration }{{0, 0}, {59 * time.Second, 0}, {61 * time.Second, 61 * time.Second}} {
		*h.now = noon.Add(step.at)
		h.ask(roles.Reader, "GET", "/records", "").is(http.StatusOK)
		if got := used(); !got.Equal(noon.Add(step.want)) {
			t.Errorf("after %v the last use is %v", step.at, got)
		}
	}
}

func TestAnAddressWithWrongTokensIsNotHeardAndItsNeighbourIs(t *testing.T) {
	h := newHouse(t)
	left := 3
	h.api.Allow = func(string) bool { left--; return left >= 0 }
	h.ask(roles.Reader, "GET", "/records", "").is(http.StatusOK) // once right, never counted again
	wrong := func() answer {
		secret, _ := tokens.New()
		return h.ask("", "GET", "/records", "", "Authorization", "Bearer "+secret)
	}
	wrong().is(http.StatusUnauthorized)
	wrong().is(http.StatusUnauthorized)
	if wait := wrong().is(http.StatusTooManyRequests).Header().Get("Retry-After"); wait == "" {
		t.Error("nobody says how long to wait")
	}
	h.ask(roles.Reader, "GET", "/records", "").is(http.StatusOK)
}

func TestOnlyABearerTokenIsBelieved(t *testing.T) {
	h := newHouse(t)
	secret := h.token[roles.Owner]
	for _, header := range []string{"", secret, "Basic " + secret, "Bearer", "Bearer " + secret + "x", "Bearer " + strings.TrimPrefix(secret, "idms_")} {
		h.ask("", "GET", "/records", "", "Authorization", header).is(http.StatusUnauthorized)
	}
	h.ask("", "GET", "/records", "", "Cookie", "idms_session="+secret).is(http.StatusUnauthorized)
	h.ask("", "GET", "/records", "", "Authorization", "bearer "+secret).is(http.StatusOK) // RFC 9110 11.1: any case
}

func TestWhatIsNotThereIsAProblem(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Reader, "GET", "/nothing", "").is(http.StatusNotFound).problem()
	allowed := h.ask(roles.Reader, "PATCH", "/records", "").is(http.StatusMethodNotAllowed)
	allowed.problem()
	has(t, allowed.Header().Get("Allow"), "GET", "POST")
	_, problems := h.ask(roles.Reader, "GET", "/records?limit=0&colour=red", "").is(http.StatusUnprocessableEntity).problem()
	if len(problems) == 0 {
		t.Error("parameters that are not known or out of bounds are not named")
	}
	h.ask(roles.Reader, "GET", "/traces?to=", "").is(http.StatusUnprocessableEntity).problem()
	h.ask(roles.Reader, "GET", "/records?cursor=nonsense", "").is(http.StatusUnprocessableEntity).problem()
}

func TestABodyIsJSONAndBounded(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Editor, "POST", "/groups", `{"key":"a","name":"A"}`, "Content-Type", "text/plain").is(http.StatusUnsupportedMediaType).problem()
	h.ask(roles.Editor, "POST", "/groups", "", "Content-Type", "application/json").is(http.StatusBadRequest).problem()
	h.ask(roles.Editor, "POST", "/groups", `{"key":"a","name":"`+strings.Repeat("x", maxSmall)+`"}`).is(http.StatusRequestEntityTooLarge).problem()
	for _, text := range []string{`{`, `[]`, `{"key":"a","name":"A"} {}`, `{"key":"a","name":"A","colour":"red"}`, `{"key":"a","key":"b","name":"A"}`, `{"key":"a","name":null}`, `{"key":"a","name":7}`, "{\"key\":\"a\",\"name\":\"\xff\"}"} {
		if _, problems := h.ask(roles.Editor, "POST", "/groups", text).is(http.StatusUnprocessableEntity).problem(); len(problems) == 0 {
			t.Errorf("%s: no problem is named", text)
		}
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	h := newHouse(t)
	server := httptest.NewServer(h.api)
	defer server.Close()
	request, err := http.NewRequest(http.MethodHead, server.URL+base+"/records/acme", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+h.token[roles.Reader])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("ETag") == "" {
		t.Errorf("the answer is %s, %v", response.Status, response.Header)
	}
}

func TestTheLogNamesRoutesAndTokensAndNobody(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	h.ask(roles.Reader, "GET", "/users/"+h.userID("ada")+"?cursor=x", "")
	h.ask(roles.Reader, "GET", "/users?q=ada", "")
	for _, private := range []string{"ada", h.userID("ada"), h.token[roles.Reader]} {
		if strings.Contains(h.log.String(), private) {
			t.Errorf("%s is in the log: %s", private, h.log)
		}
	}
	has(t, h.log.String(), "route=/api/v1/users/:user", "token=reader")
}

func TestThePortalsAddressesAreNotOurs(t *testing.T) {
	for path, want := range map[string]bool{
		"/api/v1": true, "/api/v1/": true, "/api/v1/records": true, "/api/v1/sessions": true, "/api/v1/sessions/x": true,
		"/api/v1/session": false, "/api/v1/session/console": false, "/": false, "/api/v10": false, "/apiv1": false,
	} {
		if Serves(path) != want {
			t.Errorf("%s is ours: %t", path, !want)
		}
	}
}
