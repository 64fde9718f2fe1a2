package login_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/test/database"
)

const origin = "https://login.example.test"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// house is a service on a real database with one record "corp" of a provider
// that tests speak for. Its clock moves when a test says so.
type house struct {
	*login.Flow
	t     *testing.T
	idp   *samltest.IdP
	now   *time.Time
	store *store.Store
	again func() *login.Flow // another process on the same database
}

// onSQLite is a house on a file of its own; the record is that of the usual
// provider, changed.
func onSQLite(t *testing.T, change ...func(*idms.Record)) *house {
	return newHouse(t, store.Config{Path: database.SQLite(t)}, change)
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(*testing.T, *house), change ...func(*idms.Record)) {
	t.Run("SQLite", func(t *testing.T) { test(t, onSQLite(t, change...)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, newHouse(t, store.Config{URL: database.PostgreSQL(t)}, change)) })
}

func newHouse(t *testing.T, config store.Config, change []func(*idms.Record)) *house {
	t.Helper()
	box, err := secret.Open(filepath.Join(t.TempDir(), "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	config.Box = box
	config.Retention = store.Retention{Unverified: 100, Assertions: 30 * 24 * time.Hour}
	config.Clock = func() time.Time { return now }
	config.NewKey = func(string, time.Time) (saml.Key, error) { return samltest.Key(samltest.Service), nil }

	h := &house{t: t, idp: samltest.NewIdP("https://idp.example.test/saml"), now: &now}
	h.again = func() *login.Flow {
		opened, err := store.Open(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close() })
		return login.New(login.Config{
			Store: opened, Clock: config.Clock, Log: slog.New(slog.DiscardHandler), Base: origin,
			Times: login.Times{Session: 12 * time.Hour, Idle: 2 * time.Hour, Elevation: time.Hour, Pending: 10 * time.Minute},
		})
	}
	h.Flow = h.again()
	h.store = h.Flow.Store
	h.save(change...)
	return h
}

const recordFile = `
groups:
  - {key: platform, name: Platform}
  - {key: staff, name: Staff}
records:
  - key: corp
    name: Corp
    state: active
    saml: {metadata_file: idp.xml, allow_unsolicited: false}
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    validation_rules:
      - {key: not-suspended, attribute: status, pattern: ^suspended$, values: none}
    access_rules:
      - {key: admins, attribute: groups, pattern: ^admins$, level: full}
      - {key: everyone, attribute: username, pattern: ., level: restricted}
    associations:
      - {key: ops, attribute: groups, pattern: ^ops$, group: platform, update_on_login: true}
`

// save applies the record with changes, as an administrator does.
func (h *house) save(change ...func(*idms.Record)) {
	h.t.Helper()
	h.saveAs(roles.None, change...)
}

func (h *house) saveAs(role roles.Role, change ...func(*idms.Record)) {
	h.t.Helper()
	if err := h.trySave(role, change...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) trySave(role roles.Role, change ...func(*idms.Record)) error {
	h.t.Helper()
	file, problems := idms.ParseFile([]byte(recordFile), func(string) ([]byte, error) { return h.idp.Metadata(), nil })
	if problems.Any() {
		h.t.Fatal(problems)
	}
	for _, edit := range change {
		edit(&file.Records[0])
	}
	if problems := file.Records[0].Check(); problems.Any() {
		h.t.Fatal(problems)
	}
	_, err := h.store.Apply(h.t.Context(), file, store.Author{Role: role, Who: "test", Now: *h.now})
	return err
}

// browser is what one browser holds.
type browser struct {
	tickets map[string]string
	session string
}

// begin goes to the provider; the request is what the provider sees.
func (h *house) begin(b *browser, returnTo string) saml.Request {
	h.t.Helper()
	begun, err := h.Begin(h.t.Context(), login.Start{Record: "corp", Origin: origin, ReturnTo: returnTo})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.sent(b, begun)
}

func (h *house) sent(b *browser, begun login.Begun) saml.Request {
	h.t.Helper()
	if b.tickets == nil {
		b.tickets = map[string]string{}
	}
	b.tickets[begun.Pending.Name] = begun.Pending.Value
	return saml.Request{ID: requestID(h.t, begun.Outgoing), Issued: *h.now}
}

// sp is this service as the provider knows it.
func (h *house) sp() saml.SP {
	h.t.Helper()
	record, err := h.store.Record(h.t.Context(), "corp")
	if err != nil {
		h.t.Fatal(err)
	}
	return record.SAML.SP("corp", origin, []saml.Key{samltest.Key(samltest.Service)})
}

// answer is the provider's honest answer about ada, in two groups.
func (h *house) answer(request saml.Request) samltest.Answer {
	return samltest.For(h.sp()).At(*h.now).To(request).Person("ada").
		Attribute("groups", "ops", "admins").Attribute("status", "active")
}

// post brings an answer to the ACS from a browser.
func (h *house) post(b *browser, answer samltest.Answer) login.Outcome {
	h.t.Helper()
	outcome, err := h.Complete(h.t.Context(), h.posted(b, answer))
	if err != nil {
		h.t.Fatal(err)
	}
	if outcome.Session != nil {
		b.session = outcome.Session.Value
	}
	for _, spent := range outcome.Spent {
		delete(b.tickets, spent)
	}
	return outcome
}

func (h *house) posted(b *browser, answer samltest.Answer) login.Post {
	return login.Post{
		Record: "corp", Origin: origin, Address: "192.0.2.7",
		Response: base64.StdEncoding.EncodeToString(h.idp.Response(answer)),
		Tickets:  b.tickets,
	}
}

// logIn is a whole login of ada.
func (h *house) logIn(b *browser) login.Outcome {
	h.t.Helper()
	outcome := h.post(b, h.answer(h.begin(b, "/")))
	if outcome.Refusal != nil {
		h.t.Fatalf("refused: %s\n%s", outcome.Refusal.Code, h.told(outcome.Reference))
	}
	return outcome
}

// visitor is who the browser's session belongs to.
func (h *house) visitor(b *browser) login.Visitor {
	h.t.Helper()
	visitor, err := h.Visitor(h.t.Context(), b.session)
	if err != nil {
		h.t.Fatal(err)
	}
	return visitor
}

func (h *house) loggedIn(b *browser) bool {
	h.t.Helper()
	_, err := h.Visitor(h.t.Context(), b.session)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		h.t.Fatal(err)
	}
	return err == nil
}

// told is a trace as an administrator reads it.
func (h *house) told(reference string) string {
	h.t.Helper()
	kept, err := h.Trace(h.t.Context(), reference)
	if err != nil {
		h.t.Fatal(err)
	}
	var text strings.Builder
	if err := kept.Print(&text); err != nil {
		h.t.Fatal(err)
	}
	return text.String()
}

func (h *house) wait(d time.Duration) { *h.now = h.now.Add(d) }

func requestID(t *testing.T, outgoing saml.Outgoing) string {
	t.Helper()
	at, err := url.Parse(outgoing.URL)
	if err != nil {
		t.Fatal(err)
	}
	text := inflate(t, at.Query().Get("SAMLRequest"))
	_, rest, _ := strings.Cut(text, ` ID="`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no ID in %s", text)
	}
	return id
}
