package api

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idms/internal/fetch"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/tokens"
	"idms/internal/upkeep"
	"idms/test/database"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// house is the API over a real SQLite with one record, "acme", and two groups, of
// which a rule points at one. Its clock moves when a test says so.
type house struct {
	t     testing.TB
	api   *API
	store *store.Store
	now   *time.Time
	idp   *samltest.IdP
	token map[roles.Role]string
	log   *bytes.Buffer

	address string // of metadata, as long as the test runs
	publish []byte // what it says
}

const origin = "https://login.example.test"

const recordFile = `
groups:
  - {key: platform, name: Platform team}
  - {key: staff, name: Staff}
records:
  - key: acme
    name: Acme
    state: active
    saml: {metadata_file: idp.xml, allow_unsolicited: true}
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    validation_rules:
      - {key: not-suspended, attribute: status, pattern: ^suspended$, values: none}
    access_rules:
      - {key: admins, attribute: groups, pattern: ^admins$, level: full}
      - {key: everyone, attribute: username, pattern: ., level: restricted}
    associations:
      - {key: ops, attribute: groups, pattern: ^ops$, group: platform, update_on_login: true}
`

func newHouse(t testing.TB) *house {
	t.Helper()
	box, err := secret.Open(filepath.Join(t.TempDir(), "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	h := &house{t: t, now: &now, idp: samltest.NewIdP("https://idp.example.test/saml"), token: map[roles.Role]string{}, log: &bytes.Buffer{}}
	clock := func() time.Time { return now }
	h.store, err = store.Open(t.Context(), store.Config{
		Path: database.SQLite(t), Box: box, Clock: clock, Retention: store.Retention{Unverified: 100, Assertions: 30 * 24 * time.Hour, Idle: 2 * time.Hour},
		NewKey: func(string, time.Time) (saml.Key, error) { return samltest.Key(samltest.Service), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.store.Close() })
	flow := login.New(login.Config{Store: h.store, Clock: clock, Log: slog.New(slog.DiscardHandler), Base: origin,
		Times: login.Times{Session: 12 * time.Hour, Pending: 10 * time.Minute}})
	metadata := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(h.publish) }))
	t.Cleanup(metadata.Close)
	roots := x509.NewCertPool()
	roots.AddCert(metadata.Certificate())
	h.publish, h.address = h.idp.Metadata(), metadata.URL+"/metadata"
	keeper := upkeep.New(upkeep.Config{Store: h.store, Clock: clock, Log: slog.New(slog.DiscardHandler), Bases: []string{origin}, KeepUsed: 7 * 24 * time.Hour,
		Fetch: fetch.New(fetch.Config{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Roots: roots, MaxBytes: saml.MaxMetadata})})
	choose := func(token string) string { return origin + "/choose/" + token }
	if h.api, err = newAPI(Config{Flow: flow, Upkeep: keeper, PasswordAddress: choose, Clock: clock, Log: slog.New(slog.NewTextHandler(h.log, nil))}); err != nil {
		t.Fatal(err)
	}
	file, problems := idms.ParseFile([]byte(recordFile), func(string) ([]byte, error) { return h.idp.Metadata(), nil })
	if problems.Any() {
		t.Fatal(problems)
	}
	if _, err := h.store.Apply(t.Context(), file, store.Author{Who: "test", Now: now}); err != nil {
		t.Fatal(err)
	}
	for _, role := range []roles.Role{roles.Reader, roles.Editor, roles.Owner} {
		secret, hash := tokens.New()
		token := tokens.Token{Name: string(role), Role: role, Expires: now.Add(24 * time.Hour)}
		if _, err := h.store.CreateToken(t.Context(), token, hash, store.Author{Who: "test", Now: now}); err != nil {
			t.Fatal(err)
		}
		h.token[role] = secret
	}
	return h
}

// logIn lets a person of acme in, in two groups at the provider, and returns the
// reference of the trace.
func (h *house) logIn(name string) (reference string) { return h.login(name).Reference }

func (h *house) login(name string) login.Outcome {
	h.t.Helper()
	record, err := h.store.Record(h.t.Context(), "acme")
	if err != nil {
		h.t.Fatal(err)
	}
	sp := record.SAML.SP("acme", origin, []saml.Key{samltest.Key(samltest.Service)})
	answer := samltest.For(sp).At(*h.now).Person(name).Attribute("groups", "ops", "admins").Attribute("status", "active")
	outcome, err := h.api.Flow.Complete(h.t.Context(), login.Post{
		Record: "acme", Origin: origin, Response: base64.StdEncoding.EncodeToString(h.idp.Response(answer)),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return outcome
}

// userID is the account of somebody who has logged in.
func (h *house) userID(name string) string {
	h.t.Helper()
	list, _, err := h.store.Users(h.t.Context(), store.UserFilter{Search: name}, "", 2)
	if err != nil || len(list) != 1 {
		h.t.Fatalf("%s is %v (%v)", name, list, err)
	}
	return list[0].Account.ID
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

// ask sends a request as a token of a role: method and path, and headers as pairs.
// A body is JSON.
func (h *house) ask(role roles.Role, method, path, body string, headers ...string) answer {
	h.t.Helper()
	request := httptest.NewRequest(method, base+path, strings.NewReader(body))
	if role != "" {
		request.Header.Set("Authorization", "Bearer "+h.token[role])
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.api.ServeHTTP(recorder, request)
	return answer{recorder, h.t}
}

// is fails the test unless the status is the wanted one.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("the status is %d, want %d: %s", a.Code, status, a.Body)
	}
	return a
}

func (a answer) etag() string { return a.Header().Get("ETag") }

// into reads the answer.
func (a answer) into(value any) answer {
	a.t.Helper()
	if err := json.Unmarshal(a.Body.Bytes(), value); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	return a
}

// problem is a refused request's, by the field's path.
func (a answer) problem() (detail string, problems map[string]string) {
	a.t.Helper()
	if kind := a.Header().Get("Content-Type"); kind != "application/problem+json" {
		a.t.Fatalf("the answer is %s: %s", kind, a.Body)
	}
	var p Problem
	a.into(&p)
	if p.Status != a.Code || p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.Reference == "" {
		a.t.Errorf("the problem is %s", a.Body)
	}
	problems = map[string]string{}
	for _, one := range p.Problems {
		problems[one.Field] = one.Message
	}
	return p.Detail, problems
}

// edited is a document with some of its members changed.
func edited(t *testing.T, document string, change func(map[string]any)) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(document), &members); err != nil {
		t.Fatal(err)
	}
	change(members)
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %s", part, text)
		}
	}
}
