package web_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"idms/internal/demo"
	"idms/internal/roles"
	"idms/internal/web"
)

// Every route of the site has a rule: those for administrators a role in the table
// that they are registered from, and each other one a line here. A route that has
// neither fails the test, and so does a line without its route.

// open is why a route asks nobody for a role.
type open struct {
	why string
	// writes says what a GET changes, and why that is right; "" is nothing at all.
	writes string
	// proof is what guards a POST that other sites may send; "" is that none may.
	proof string
}

const (
	forEverybody = "everybody may see it"
	aboutOneself = "tells people of themselves, and sends strangers to the login"
	byCookie     = "acts on the session of the browser that posts it, and on no other"
	forMachines  = "asked by machines, and tells nothing of anybody"
	forPortals   = "asked by the portal's own proxy, with the cookie of that host"
)

var openRoutes = map[string]open{
	"GET /login":              {why: forEverybody},
	"GET /saml/:record/login": {why: forEverybody, writes: "the pending request that the answer must fit (M15); its number is limited per address"},
	"GET /saml/:record/acs":   {why: "an answer in the address is refused with words (M01)"},
	"POST /saml/:record/acs":  {why: forEverybody, proof: "the signature, and the cookie of the pending request (M23)"},
	"GET /saml/:record/slo":   {why: forEverybody, writes: "ends sessions by a message that the provider signed (M24)"},
	"POST /saml/:record/slo":  {why: forEverybody, proof: "the provider's signature (M24)"},

	"GET /door":                               {why: "the way in of local people"},
	"POST /door":                              {why: "the way in of local people: a password, and slower with each failure"},
	"GET /door/forgotten":                     {why: forEverybody},
	"POST /door/forgotten":                    {why: "whoever has forgotten their password: the letter goes to its person, and the answer tells nothing"},
	"GET /door/choose/:token":                 {why: "whoever has the one-time address"},
	"POST /door/choose/:token":                {why: "whoever has the one-time address"},
	"GET /security":                           {why: aboutOneself},
	"POST /door/passkey":                      {why: "the way in of local people: a passkey in place of a password"},
	"POST /door/passkey/answer":               {why: "the way in of local people: a passkey in place of a password"},
	"POST /security/passkeys":                 {why: byCookie},
	"POST /security/passkeys/add":             {why: byCookie},
	"POST /security/passkeys/:passkey/remove": {why: byCookie},
	"POST /security/recovery-codes":           {why: byCookie},
	"POST /security/password":                 {why: byCookie},
	"POST /security/sessions/:session/end":    {why: byCookie},
	"POST /security/authenticator":            {why: byCookie},
	"POST /security/authenticator/remove":     {why: byCookie},

	"GET /test-logins/:token":  {why: "whoever has the one-time address of a test login"},
	"POST /test-logins/:token": {why: "whoever has the one-time address of a test login"},

	"GET /":                   {why: aboutOneself},
	"GET /groups":             {why: aboutOneself},
	"GET /elevate":            {why: aboutOneself},
	"POST /elevate":           {why: byCookie},
	"POST /elevate/end":       {why: byCookie},
	"POST /logout":            {why: byCookie},
	"POST /logout/everywhere": {why: byCookie},
	"GET /signed-out":         {why: forEverybody},

	"GET /saml/:record/metadata": {why: forEverybody},
	"GET /saml/:record/icon":     {why: forEverybody},
	"GET /healthz":               {why: forMachines},
	"GET /readyz":                {why: forMachines},
	"GET /static/:file":          {why: forEverybody},
	"GET /dev/pages":             {why: "in development alone"},
	"GET /dev/pages/:sample":     {why: "in development alone"},

	"GET /hand-over":              {why: "of the session of this browser", writes: "the one-time code that opens it at a portal that the configuration names"},
	"GET /api/v1/session":         {why: "asks for the token of a portal; no cookie counts"},
	"GET /api/v1/session/console": {why: "asks for the token of a portal; no cookie counts"},
	"GET FORWARD":                 {why: forPortals},
	"GET FORWARD/nginx":           {why: forPortals},
	"GET PORTALstart":             {why: forPortals},
	"GET PORTALelevate":           {why: forPortals},
	"GET PORTALcallback":          {why: forPortals, writes: "uses a one-time code up, which its own browser alone can (decision 13)"},
	"POST PORTALelevate/end":      {why: byCookie},
	"POST PORTALlogout":           {why: byCookie},
	"GET PORTALstatic/:file":      {why: forEverybody},
}

// ruled are the routes with their rules: "" for a route of administrators.
func ruled(t *testing.T) map[string]open {
	t.Helper()
	handler, err := web.New(web.Config{PortalName: "Cloud portal", BaseURLs: []string{"http://localhost:8080"}, Dev: true})
	check(t, err)
	forward, portal := web.PortalPaths()
	names := strings.NewReplacer("FORWARD", forward, "PORTAL", portal, "/test-logins/:token", web.PathOfTests())
	left := map[string]open{}
	for name, rule := range openRoutes {
		left[names.Replace(name)] = rule
	}
	roleOf := map[string]roles.Role{}
	for _, route := range web.AdminRoutes() {
		roleOf[route.Method+" "+route.Path] = route.Need
	}
	found := map[string]open{}
	for _, route := range handler.(*echo.Echo).Routes() {
		method := route.Method
		if method == http.MethodHead { // what GET answers, without its body
			method = http.MethodGet
		}
		name := method + " " + route.Path
		rule, public := left[name]
		role, forAdministrators := roleOf[name]
		switch {
		case public && forAdministrators:
			t.Errorf("%s is for administrators, and is listed as one for others too", name)
		case public && rule.why == "":
			t.Errorf("%s is open, and nobody says why", name)
		case !public && !role.Known():
			t.Errorf("%s has no rule: give it a role in admin_routes.go, or a reason here", name)
		}
		found[route.Method+" "+route.Path] = rule
	}
	for name := range left {
		if _, there := found[name]; !there {
			t.Errorf("%s is no route any more", name)
		}
	}
	return found
}

func TestEveryRouteOfTheSiteHasARule(t *testing.T) {
	if list := ruled(t); len(list) < 50 {
		t.Errorf("%d routes", len(list))
	}
}

var parameter = regexp.MustCompile(`:[a-z_]+`)

// filled is the path of a route with something in it that is there, where we have
// such a thing.
func (h *house) filled(t *testing.T, route string) string {
	_, path, _ := strings.Cut(route, " ")
	path = strings.NewReplacer(":record", demo.Acme, ":group", "platform", ":user", h.account(t, demo.Acme, "ada"), ":version", "1",
		":file", "idms.css", ":sample", "login-one").Replace(path)
	return parameter.ReplaceAllString(path, "01890a5d-ac96-774b-bcce-b302099a8057")
}

// send is a request of this browser, with further headers as pairs.
func (p *person) send(t *testing.T, method, address string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, p.house.base+address, nil)
	check(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := *p.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	check(t, err)
	_, _ = io.Copy(io.Discard, response.Body)
	check(t, response.Body.Close())
	return response
}

// contents is everything in the database, table by table.
func (h *house) contents(t *testing.T) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", h.path)
	check(t, err)
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
	check(t, err)
	var tables []string
	for rows.Next() {
		var name string
		check(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	check(t, rows.Err())
	contents := map[string]string{}
	for _, name := range tables {
		all, err := db.QueryContext(context.Background(), `SELECT * FROM "`+name+`" ORDER BY 1, 2`)
		check(t, err)
		columns, err := all.Columns()
		check(t, err)
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		digest := sha256.New()
		for all.Next() {
			check(t, all.Scan(into...))
			fmt.Fprintf(digest, "%q\n", values)
		}
		check(t, all.Err())
		contents[name] = fmt.Sprintf("%x", digest.Sum(nil))
	}
	return contents
}

func changed(before, after map[string]string) []string {
	var list []string
	for name := range after {
		if before[name] != after[name] {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// hostile is how a browser says that another site made it ask.
var hostile = [][]string{
	{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
	{"Sec-Fetch-Site", "same-site", "Origin", "https://other.example.com"},
	{"Sec-Fetch-Site", "cross-site"},
	{"Origin", "https://evil.example"},
	{"Origin", "null"},
}

// Each route that can change something, asked with an owner's cookies by a page of
// another site.
func TestNoOtherSiteMakesTheBrowserOfAnOwnerChangeAnything(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	owner := h.firstOwner(t)
	before, asked := h.contents(t), 0
	for name, rule := range ruled(t) {
		method, _, _ := strings.Cut(name, " ")
		if method == http.MethodGet || method == http.MethodHead || rule.proof != "" {
			continue
		}
		asked++
		for _, headers := range hostile {
			headers = append(headers, "Content-Type", "application/x-www-form-urlencoded")
			if got := owner.send(t, method, h.filled(t, name), headers...).StatusCode; got != http.StatusForbidden {
				t.Errorf("%s with %v answers %d, want 403", name, headers, got)
			}
		}
	}
	if asked < 12 {
		t.Errorf("%d routes were asked", asked)
	}
	if list := changed(before, h.contents(t)); len(list) > 0 {
		t.Errorf("the tables %v have changed", list)
	}
	if owner.open(t, "/admin/groups"); owner.status != http.StatusOK {
		t.Errorf("the owner is logged out: %d", owner.status)
	}
}

// A link, a picture or a browser that reads ahead must do no harm. What a GET of
// strangers writes is on the list, with the reason; of administrators none does.
func TestReadingChangesNothing(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	owner := h.firstOwner(t)
	owner.open(t, "/admin/groups")
	forAdministrators := 0
	for name, rule := range ruled(t) {
		method, path, _ := strings.Cut(name, " ")
		if method != http.MethodGet && method != http.MethodHead || rule.writes != "" {
			continue
		}
		if strings.HasPrefix(path, "/admin") {
			forAdministrators++
		}
		before := h.contents(t)
		for _, query := range []string{"", "?q=a&user=ada&do=remove&seen=1&confirm=platform&name=x"} {
			if got := owner.send(t, method, h.filled(t, name)+query).StatusCode; got >= http.StatusInternalServerError {
				t.Errorf("%s answers %d", name, got)
			}
		}
		if list := changed(before, h.contents(t)); len(list) > 0 {
			t.Errorf("%s has changed the tables %v", name, list)
		}
	}
	if forAdministrators < 20 {
		t.Errorf("%d routes of administrators were asked", forAdministrators)
	}
	// What changes something is seen.
	before := h.contents(t)
	owner.post(t, "/admin/new-group", url.Values{"key": {"seen"}, "name": {"Seen"}})
	if list := changed(before, h.contents(t)); !slices.Equal(list, []string{"audit_events", "groups"}) {
		t.Errorf("creating a group has changed the tables %v", list)
	}
}

// What portals' back ends ask takes their token alone.
func TestTheSessionAPITakesNoCookie(t *testing.T) {
	h := newHouse(t, false)
	owner := h.firstOwner(t)
	for name := range ruled(t) {
		if method, path, _ := strings.Cut(name, " "); strings.HasPrefix(path, "/api/") {
			if got := owner.send(t, method, path, "Sec-Fetch-Site", "same-origin").StatusCode; got != http.StatusUnauthorized {
				t.Errorf("%s answers a cookie with %d", name, got)
			}
		}
	}
}
