package load

import (
	"compress/flate"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/web"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// entityID of the provider that the drivers speak for.
const entityID = "https://idp.example.test/saml"

// groupNames are the groups that the provider sends, and that people are put into.
func groupNames(many int) []string {
	names := make([]string, many)
	for i := range names {
		names[i] = fmt.Sprintf("group-%04d", i)
	}
	return names
}

// recordFile is a record with a rule for each group, a validation rule and two
// access rules.
func recordFile(many int) string {
	var text strings.Builder
	text.WriteString("groups:\n")
	for _, name := range groupNames(many) {
		fmt.Fprintf(&text, "  - {key: %s, name: %s}\n", name, name)
	}
	text.WriteString(`records:
  - key: corp
    name: Corp
    state: active
    saml: {metadata_file: idp.xml}
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    validation_rules:
      - {key: not-suspended, attribute: status, pattern: ^suspended$, values: none}
    access_rules:
      - {key: admins, attribute: groups, pattern: ^admins$, level: full}
      - {key: everyone, attribute: username, pattern: ., level: restricted}
    associations:
`)
	for _, name := range groupNames(many) {
		fmt.Fprintf(&text, "      - {key: %s, attribute: groups, pattern: ^%s$, group: %s, update_on_login: true}\n", name, name, name)
	}
	return text.String()
}

// provider answers requests of one service.
type provider struct {
	*samltest.IdP
	sp     saml.SP
	groups []string
}

func newProvider(origin string, many int) *provider {
	idp := samltest.NewIdP(entityID)
	return &provider{IdP: idp, sp: idp.Settings().SP("corp", origin, nil), groups: groupNames(many)}
}

// answer is a fresh, signed response about a person, as a form to post. It can
// be accepted for so long.
func (p *provider) answer(requestID, person string, now time.Time, lasting time.Duration) string {
	end := now.Add(lasting)
	response := p.Response(samltest.For(p.sp).At(now).To(saml.Request{ID: requestID}).Person(person).
		Attribute("status", "active").Attribute("groups", p.groups...).
		With(func(a *samltest.Answer) {
			a.NotOnOrAfter = end
			for i := range a.Confirmations {
				a.Confirmations[i].NotOnOrAfter = end
			}
		}))
	return url.Values{"SAMLResponse": {samltest.Base64(response)}}.Encode()
}

// requestID reads the ID out of the address that a login begins with.
func requestID(location string) (string, error) {
	at, err := url.Parse(location)
	if err != nil {
		return "", err
	}
	packed, err := base64.StdEncoding.DecodeString(at.Query().Get("SAMLRequest"))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(flate.NewReader(strings.NewReader(string(packed))))
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), ` ID="`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return "", fmt.Errorf("no ID in %s", text)
	}
	return id, nil
}

// contender is one way to handle a login, in this process.
type contender interface {
	http.Handler
	// prepare begins a login of a person and returns the POST that ends it.
	prepare(tb testing.TB, person string) *http.Request
	// memberships counts those of a person.
	memberships(tb testing.TB, person string) int
}

// origin of the contenders.
const origin = "https://login.example.test"

func post(form string, cookies ...*http.Cookie) *http.Request {
	request := httptest.NewRequest(http.MethodPost, origin+"/saml/corp/acs", strings.NewReader(form))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	return request
}

// ours is idms as `idms serve` wires it, but for the network and the log.
type ours struct {
	http.Handler
	provider *provider
	flow     *login.Flow
}

// newOurs starts idms on a PostgreSQL database, or on a SQLite file when database
// is "".
func newOurs(tb testing.TB, database string, many int) *ours {
	tb.Helper()
	box, err := secret.Open(filepath.Join(tb.TempDir(), "keyset.json"))
	check(tb, err)
	clock := func() time.Time { return noon }
	opened, err := store.Open(context.Background(), store.Config{
		URL: database, Path: filepath.Join(tb.TempDir(), "idms.sqlite"), Box: box, Clock: clock,
		NewKey:    func(string, time.Time) (saml.Key, error) { return samltest.Key(samltest.Service), nil },
		Retention: store.Retention{Assertions: 30 * 24 * time.Hour},
	})
	check(tb, err)
	tb.Cleanup(func() { _ = opened.Close() })
	o := &ours{provider: newProvider(origin, many)}
	file, problems := idms.ParseFile([]byte(recordFile(many)), func(string) ([]byte, error) { return o.provider.Metadata(), nil })
	check(tb, problems.Err())
	_, err = opened.Apply(context.Background(), file, store.Author{Who: "load", Now: noon})
	check(tb, err)
	o.flow = login.New(login.Config{
		Store: opened, Clock: clock, Base: origin, Log: slog.New(slog.DiscardHandler),
		Times: login.Times{Session: 12 * time.Hour, Idle: 2 * time.Hour, Elevation: time.Hour, Pending: 10 * time.Minute},
	})
	o.Handler, err = web.New(web.Config{
		Flow: o.flow, PortalName: "Cloud portal", BaseURLs: []string{origin}, Clock: clock,
		Limits: web.Limits{PerSecond: 1e6, Burst: 1e6},
	})
	check(tb, err)
	return o
}

func (o *ours) prepare(tb testing.TB, person string) *http.Request {
	tb.Helper()
	begun := httptest.NewRecorder()
	o.ServeHTTP(begun, httptest.NewRequest(http.MethodGet, origin+"/saml/corp/login", nil))
	id, err := requestID(begun.Header().Get("Location"))
	check(tb, err)
	return post(o.provider.answer(id, person, noon, time.Hour), begun.Result().Cookies()...)
}

func (o *ours) memberships(tb testing.TB, person string) int {
	tb.Helper()
	answered := httptest.NewRecorder()
	o.ServeHTTP(answered, o.prepare(tb, person))
	visitor, err := o.flow.Visitor(tb.Context(), sessionOf(answered.Result()))
	check(tb, err)
	return len(visitor.Groups)
}

// sessionOf is the session's token in an answer, or "".
func sessionOf(answer *http.Response) string {
	for _, cookie := range answer.Cookies() {
		if strings.HasSuffix(cookie.Name, "idms_session") && cookie.MaxAge >= 0 {
			return cookie.Value
		}
	}
	return ""
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
