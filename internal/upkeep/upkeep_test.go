package upkeep

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/fetch"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/users"
	"idms/test/database"
)

// world is a house with a store of its own, and a provider that publishes its
// metadata over TLS.
type world struct {
	*testing.T
	*Upkeep
	now  time.Time
	said bytes.Buffer
	url  string

	mu      sync.Mutex
	publish []byte // what the address answers; nil is status 500
	asked   int
	whole   int // answers that were not "unchanged"
	date    time.Time
	moved   string // where the address leads instead; "" is nowhere
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, now: noon, publish: []byte(idp("old").Metadata())}
	server := httptest.NewTLSServer(http.HandlerFunc(w.answer))
	t.Cleanup(server.Close)
	w.url = server.URL + "/metadata"
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	folder := t.TempDir()
	box, err := secret.Open(filepath.Join(folder, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return w.now }
	s, err := store.Open(t.Context(), store.Config{Path: database.SQLite(t), Box: box, Clock: clock, Retention: store.Retention{Assertions: 30 * 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w.Upkeep = New(Config{
		Store: s, Clock: clock, Log: slog.New(slog.NewTextHandler(&w.said, nil)), Bases: []string{"https://login.example"}, KeepUsed: 7 * 24 * time.Hour,
		Fetch: fetch.New(fetch.Config{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Roots: roots}),
	})
	return w
}

func (w *world) answer(to http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.moved != "" {
		http.Redirect(to, r, w.moved, http.StatusFound)
		return
	}
	if !w.date.IsZero() {
		to.Header().Set("Date", w.date.Format(http.TimeFormat))
	}
	tag := fmt.Sprintf(`"%d"`, len(w.publish))
	to.Header().Set("ETag", tag)
	switch {
	case w.publish == nil:
		to.WriteHeader(http.StatusInternalServerError)
	case r.Header.Get("If-None-Match") == tag:
		to.WriteHeader(http.StatusNotModified)
	default:
		w.whole++
		to.Write(w.publish)
	}
}

func (w *world) publishes(p saml.IdP) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.publish = []byte(p.Metadata())
}

const acme = `
records:
  - key: acme
    name: Acme
    state: active
    mapping: {username: uid, email: mail, first_name: givenName, last_name: sn}
    access_rules: [{attribute: groups, pattern: ., level: full}]
    saml:
      metadata_url: `

func (w *world) file(more string) idms.File {
	w.Helper()
	file, problems := idms.ParseFile([]byte(acme+w.url+"\n"+more), nil)
	if problems.Any() {
		w.Fatal(problems)
	}
	return file
}

func (w *world) author() store.Author {
	return store.Author{Role: roles.Owner, Who: "bob", Reason: "ticket 7", Now: w.now}
}

func (w *world) apply(more string) store.Applied {
	w.Helper()
	file := w.file(more)
	if err := w.Fill(w.Context(), &file); err != nil {
		w.Fatal(err)
	}
	applied, err := w.Store.Apply(w.Context(), file, w.author())
	if err != nil {
		w.Fatal(err)
	}
	return applied
}

func (w *world) record() idms.Record {
	w.Helper()
	record, err := w.Store.Record(w.Context(), "acme")
	if err != nil {
		w.Fatal(err)
	}
	return record
}

// inForce are the names of the provider's certificates.
func (w *world) inForce() string {
	w.Helper()
	p, err := w.record().SAML.IdP()
	if err != nil {
		w.Fatal(err)
	}
	return names(p.Certificates)
}

func (w *world) refresh() Refreshed {
	w.Helper()
	refreshed, err := w.Refresh(w.Context(), "acme")
	if err != nil {
		w.Fatal(err)
	}
	return refreshed
}

func (w *world) events() []audit.Event {
	w.Helper()
	events, _, err := w.Store.Events(w.Context(), store.EventFilter{Record: "acme"}, "", 50)
	if err != nil {
		w.Fatal(err)
	}
	return events
}

// later moves the clock.
func (w *world) later(while time.Duration) { w.now = w.now.Add(while) }

func TestARecordByURLIsReadWhenItIsAppliedAndAgainByItself(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	if got := w.inForce(); got != "old" || w.record().SAML.Issuer != "" {
		t.Fatalf("in force: %q", got)
	}
	if w.refresh(); len(w.events()) != 1 || w.record().Version != 1 {
		t.Errorf("metadata that says the same made %d events and version %d", len(w.events()), w.record().Version)
	}
	w.later(time.Hour)
	w.publishes(idp("old", "new"))
	if got := words(w.refresh().Changes); got != "certificates - +new" {
		t.Errorf("changes %q", got)
	}
	if got := w.inForce(); got != "old new" {
		t.Errorf("in force: %q", got)
	}
	versions, err := w.Store.Versions(t.Context(), "acme")
	if err != nil || len(versions) != 2 || versions[0].Author != "metadata refresh" || versions[0].Reason != w.url {
		t.Errorf("versions %+v (%v)", versions, err)
	}
	if event := w.events()[0]; event.Action != audit.MetadataRefreshed || words(event.Changes) != "certificates - +new" {
		t.Errorf("the audit trail has %+v", event)
	}
	// The file that named the address does not undo what it said since.
	if applied := w.apply(""); applied.Any() || w.inForce() != "old new" {
		t.Errorf("applied again it changes %+v", applied.Records)
	}
	if applied := w.apply("      force_authn: true\n"); !applied.Any() || w.inForce() != "old new" || !w.record().SAML.ForceAuthn {
		t.Errorf("another field changes %+v", applied.Records)
	}
	sources, err := w.Sources(t.Context())
	if err != nil || len(sources) != 1 || sources[0] != (Source{"acme", 24 * time.Hour}) {
		t.Errorf("sources %+v (%v)", sources, err)
	}
	// What was restored by hand is read as if for the first time.
	if _, err := w.Store.Restore(t.Context(), "acme", 1, w.author(), store.How{}); err != nil || w.inForce() != "old" {
		t.Fatalf("restored: %q (%v)", w.inForce(), err)
	}
	if w.refresh(); w.inForce() != "old new" {
		t.Errorf("then in force: %q", w.inForce())
	}
}

func TestTheLastGoodMetadataServesWhileTheAddressIsDown(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	w.refresh()
	for name, answer := range map[string][]byte{
		"status 500":   nil,
		"a web page":   []byte("<html>Log in</html>"),
		"our own":      []byte(strings.ReplaceAll(idp("old").Metadata(), "IDPSSODescriptor", "SPSSODescriptor")),
		"ended":        []byte(strings.Replace(idp("new").Metadata(), "<md:EntityDescriptor ", `<md:EntityDescriptor validUntil="2026-01-01T00:00:00Z" `, 1)),
		"no key in it": []byte(idp().Metadata()),
	} {
		w.publish = answer
		if _, err := w.Refresh(t.Context(), "acme"); err == nil && name != "no key in it" {
			t.Errorf("%s: no error", name)
		}
		if got := w.inForce(); got != "old" || w.record().Version != 1 {
			t.Errorf("%s: in force is %q, version %d", name, got, w.record().Version)
		}
	}
	file := w.file("")
	file.Records[0].Key = "globex"
	w.publish = nil
	if err := w.Fill(t.Context(), &file); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "records[0].saml.metadata_url") {
		t.Errorf("a new record whose address is down: %v", err)
	}
	if _, err := w.Store.Apply(t.Context(), file, w.author()); fault.KindOf(err) != fault.Invalid {
		t.Errorf("it is applied all the same: %v", err)
	}
}

func TestWhereThePeopleAreSentChangesOnlyWhenSomebodyApproves(t *testing.T) {
	w := newWorld(t)
	w.apply("      issuer: https://idp.example/\n")
	moved := idp("new")
	moved.EntityID, moved.SSO = "https://moved.example/", []saml.Endpoint{{Binding: saml.Redirect, URL: "https://moved.example/sso"}}
	w.publishes(moved)
	if refreshed := w.refresh(); len(refreshed.Changes) != 0 || !strings.HasPrefix(words(refreshed.Waits), "issuer -https://idp.example/ +https://moved.example/") {
		t.Errorf("%+v", refreshed)
	}
	if w.inForce() != "old" || w.record().SAML.Issuer != "https://idp.example/" {
		t.Error("it was taken over")
	}
	first, err := w.Waiting(t.Context(), "acme")
	if err != nil || !first.WaitingSince.Equal(noon) {
		t.Fatalf("waiting since %v (%v)", first.WaitingSince, err)
	}
	// The same for another day is the same proposal, told once.
	w.later(24 * time.Hour)
	w.refresh()
	if again, _ := w.Waiting(t.Context(), "acme"); !again.WaitingSince.Equal(noon) {
		t.Errorf("waits since %v", again.WaitingSince)
	}
	alarms := 0
	for _, event := range w.events() {
		if event.Action == audit.MetadataWaits && event.Alarm {
			alarms++
		}
	}
	if alarms != 1 {
		t.Errorf("%d alarms", alarms)
	}
	if _, err := w.Approve(t.Context(), "acme", noon.Add(time.Second), w.author()); fault.KindOf(err) != fault.Conflict {
		t.Errorf("something else than what was seen is approved: %v", err)
	}
	if _, err := w.Approve(t.Context(), "acme", noon, w.author()); err != nil {
		t.Fatal(err)
	}
	record := w.record()
	if p, err := record.SAML.IdP(); err != nil || p.EntityID != moved.EntityID || record.SAML.Issuer != moved.EntityID || w.inForce() != "new" {
		t.Errorf("in force is %q of %q (%v)", w.inForce(), record.SAML.Issuer, err)
	}
	if event := w.events()[0]; event.Action != audit.MetadataApproved || event.Who != "bob" {
		t.Errorf("the audit trail has %+v", event)
	}
	if _, err := w.Approve(t.Context(), "acme", time.Time{}, w.author()); fault.KindOf(err) != fault.Conflict {
		t.Errorf("nothing waits, and is approved: %v", err)
	}
}

func TestMetadataThatHasNotChangedIsReadWholeOnce(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	w.refresh()
	asked, whole := w.asked, w.whole
	for range 3 {
		w.later(24 * time.Hour)
		w.refresh()
	}
	if w.asked != asked+3 || w.whole != whole {
		t.Errorf("of %d further answers %d were whole", w.asked-asked, w.whole-whole)
	}
	moved := idp("old")
	moved.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://moved.example/login"}}
	w.publishes(moved)
	w.refresh()
	if w.whole != whole+1 {
		t.Error("another document was not read")
	}
}

// A proposal that the provider takes back is gone.
func TestWhatWaitsIsForgottenWhenTheProviderTakesItBack(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	moved := idp("old")
	moved.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://moved.example/login"}}
	w.publishes(moved)
	w.refresh()
	w.publishes(idp("old"))
	w.refresh()
	if source, err := w.Waiting(t.Context(), "acme"); err != nil || source.Waiting != "" || len(source.WaitingFor) != 0 {
		t.Errorf("it waits still: %+v (%v)", source.WaitingFor, err)
	}
}

func TestWhatAnotherHostSaidIsNotBelievedBecauseTheProvidersOwnDocumentIsUnchanged(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	own := fmt.Sprintf(`"%d"`, len(w.publish))
	other := httptest.NewTLSServer(http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) {
		to.Header().Set("ETag", own)
		fmt.Fprint(to, idp("old", "new").Metadata())
	}))
	defer other.Close()
	w.moved = other.URL
	if waits := w.refresh().Waits; len(waits) != 1 || w.inForce() != "old" {
		t.Fatalf("from another host: %s in force, %+v waits", w.inForce(), waits)
	}
	w.moved = ""
	if w.refresh(); w.inForce() != "old" {
		t.Errorf("in force are %s, of which the provider published one", w.inForce())
	}
	if source, err := w.Waiting(t.Context(), "acme"); err != nil || source.Waiting != "" {
		t.Errorf("what the provider never said waits still: %+v (%v)", source.WaitingFor, err)
	}
}

func TestACertificateInUseIsDroppedWhenItHasNotSignedForSomeDays(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	if err := w.Store.NoteCertificateUse(t.Context(), w.record().ID, saml.Fingerprint(keys()["old"].Certificate), w.now); err != nil {
		t.Fatal(err)
	}
	w.publishes(idp("new"))
	w.later(time.Hour)
	if got := w.refresh(); words(got.Waits) != "certificates -old +" || w.inForce() != "new old" {
		t.Errorf("in force %q, %q waits", w.inForce(), words(got.Waits))
	}
	w.later(6 * 24 * time.Hour)
	if w.refresh(); w.inForce() != "new old" {
		t.Errorf("after six days: %q", w.inForce())
	}
	w.later(24 * time.Hour)
	if w.refresh(); w.inForce() != "new" {
		t.Errorf("after seven days: %q", w.inForce())
	}
}

func TestLoginsMayHaveMetadataReadOutOfTurnEveryFiveMinutes(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	asked := w.asked
	w.later(time.Hour)
	if w.Ask(t.Context(), "acme") || w.asked != asked+1 {
		t.Errorf("nothing new counts as such, after %d readings", w.asked-asked)
	}
	w.publishes(idp("old", "new"))
	w.later(4 * time.Minute)
	if w.Ask(t.Context(), "acme") || w.asked != asked+1 {
		t.Error("it is read again within five minutes")
	}
	w.later(time.Minute)
	if !w.Ask(t.Context(), "acme") || w.inForce() != "old new" {
		t.Errorf("a new key is not found: %q", w.inForce())
	}
}

func TestAKeyIsRolledOverInThreeSteps(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	parts := func() string {
		t.Helper()
		list, err := w.Keys(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, key := range list {
			all = append(all, string(key.Part)+" "+key.Fingerprint[:8])
		}
		return strings.Join(all, ", ")
	}
	expect := func(want string, format ...any) {
		t.Helper()
		if got := parts(); got != fmt.Sprintf(want, format...) {
			t.Errorf("the keys are %s, want %s", got, fmt.Sprintf(want, format...))
		}
	}
	conflict := func(err error) {
		t.Helper()
		if fault.KindOf(err) != fault.Conflict {
			t.Errorf("not refused: %v", err)
		}
	}
	first := parts()[len("current "):]
	conflict(w.SwitchKey(t.Context(), "acme", true, w.author()))
	conflict(w.RetireKey(t.Context(), "acme", true, w.author()))
	version := w.record().Version
	if err := w.AnnounceKey(t.Context(), "acme", w.author()); err != nil {
		t.Fatal(err)
	}
	if w.record().Version != version+1 {
		t.Error("what was compiled with the former keys is not stale")
	}
	_, second, _ := strings.Cut(parts(), "next ")
	expect("current %s, next %s", first, second)
	conflict(w.AnnounceKey(t.Context(), "acme", w.author()))
	sp := func() []saml.Key {
		ring, err := w.Store.SPKeys(t.Context(), w.record().ID)
		if err != nil {
			t.Fatal(err)
		}
		return ring
	}
	if ring := sp(); ring[0].Next || !ring[1].Next {
		t.Error("the next key signs")
	}

	w.later(PublishFor - time.Second)
	conflict(w.SwitchKey(t.Context(), "acme", false, w.author()))
	w.later(time.Second)
	if err := w.SwitchKey(t.Context(), "acme", false, w.author()); err != nil {
		t.Fatal(err)
	}
	expect("current %s, former %s", second, first)
	if ring := sp(); len(ring) != 2 || ring[0].Next || saml.Fingerprint(ring[0].Certificate)[:8] != second {
		t.Error("the next key does not sign")
	}
	conflict(w.RetireKey(t.Context(), "acme", false, w.author()))
	if err := w.RetireKey(t.Context(), "acme", true, w.author()); err != nil {
		t.Fatal(err)
	}
	expect("current %s", second)
	// A roll-over that nobody wanted ends without a switch.
	if err := w.AnnounceKey(t.Context(), "acme", w.author()); err != nil {
		t.Fatal(err)
	}
	if err := w.RetireKey(t.Context(), "acme", false, w.author()); err != nil {
		t.Fatal(err)
	}
	expect("current %s", second)
	var actions []string
	for _, event := range w.events() {
		actions = append(actions, string(event.Action))
	}
	if got := strings.Join(actions, " "); got != "key_retired key_announced key_retired key_switched key_announced record_created" {
		t.Errorf("the audit trail has %s", got)
	}
	if err := w.AnnounceKey(t.Context(), idms.LocalKey, w.author()); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the built-in record has keys: %v", err)
	}
}

func TestEveryCertificateIsListedAndItsEndIsToldOnceForEachWarning(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	if err := w.Store.NoteCertificateUse(t.Context(), w.record().ID, saml.Fingerprint(keys()["old"].Certificate), noon); err != nil {
		t.Fatal(err)
	}
	ends := keys()["old"].Certificate.NotAfter
	for _, tt := range []struct{ before, want int }{{61, 0}, {60, 1}, {59, 1}, {30, 2}, {14, 3}, {7, 4}, {1, 5}, {-1, 6}, {-2, 6}} {
		w.now = ends.AddDate(0, 0, -tt.before)
		if err := w.WarnOfCertificates(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(w.said.String(), "a certificate ends"); got != tt.want {
			t.Errorf("%d days before the end: %d warnings so far, want %d", tt.before, got, tt.want)
		}
	}
	w.now = ends.AddDate(0, 0, -20)
	list, err := w.Certificates(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v (%v)", list, err)
	}
	if one := list[0]; one.Record != "acme" || one.Ours || one.Subject != "CN=old" || !one.Used.Equal(noon) || one.DaysLeft != 20 || one.Warn != 30 {
		t.Errorf("the provider's: %+v", one)
	}
	if one := list[1]; !one.Ours || one.Warn != 0 || !one.Used.IsZero() {
		t.Errorf("ours: %+v", one)
	}
	state, err := w.State(t.Context())
	if err != nil || len(state.Certificates) != 2 || len(state.Metadata) != 1 {
		t.Errorf("for monitoring: %+v (%v)", state, err)
	}
}

func TestTheDoctorLooksAtEveryRecord(t *testing.T) {
	examine := func(t *testing.T, w *world) string {
		t.Helper()
		findings, err := w.Examine(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, one := range findings {
			fmt.Fprintf(&all, "%s %s %s: %s\n", one.Gravity, one.Record, one.Check, one.Say)
		}
		return all.String()
	}
	for _, tt := range []struct {
		name  string
		more  string
		upset func(*world)
		want  string // the beginning of a line
	}{
		{"everything is well", "", nil, "ok acme metadata: The metadata can be read."},
		{"the metadata is not there", "", func(w *world) { w.publish = nil }, "warning acme metadata: The server answered with status 500. The metadata read last, at 2026-03-01 12:00 UTC, serves on."},
		{"something waits", "", func(w *world) { moved := idp("old"); moved.EntityID = "urn:moved"; w.publishes(moved); w.refresh() },
			"warning acme metadata: Since 2026-03-01 12:00 UTC this waits for approval: issuer changes from https://idp.example/ to urn:moved."},
		{"the clocks agree", "", nil, "ok acme clock: This clock and the metadata host's are 1m0s apart."},
		{"the clocks differ", "", func(w *world) { w.date = noon.Add(-10 * time.Minute) }, "problem acme clock: This clock and the metadata host's are 10m0s apart."},
		{"a certificate ends", "", func(w *world) { w.now, w.date = keys()["old"].Certificate.NotAfter.AddDate(0, 0, -10), time.Time{} }, "warning acme certificates: provider: signs responses, "},
		{"all have ended and that counts", "      refuse_expired_certificates: true\n", func(w *world) { w.now = keys()["old"].Certificate.NotAfter.AddDate(0, 0, 2) },
			"problem acme certificates: Every certificate of the provider has ended"},
		{"nobody arrives at the origin", "      origin: https://elsewhere.example\n", nil, "problem acme address: Responses are sent to https://elsewhere.example, which is not among"},
		{"an origin that is served", "", nil, "ok acme address: Responses are sent to https://login.example/saml/acme/acs."},
		{"a rule that no value fulfils", "    validation_rules: [{key: odd, attribute: a, pattern: 'a^b'}]\n", nil, "warning acme rules: The validation rule odd can never be true"},
		{"two rules that contradict each other", "    validation_rules:\n      - {key: one, attribute: a, pattern: ^x$, values: all}\n      - {key: two, attribute: a, pattern: ^y$, values: any}\n", nil,
			"problem acme rules: The validation rules one and two contradict each other"},
		{"two rules that do not", "    validation_rules:\n      - {key: one, attribute: a, pattern: ^x$, values: all}\n      - {key: two, attribute: b, pattern: ^y$, values: all}\n      - {key: three, attribute: a, pattern: x}\n", nil,
			"ok acme rules: No rule is known to be never true."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.date = noon.Add(-time.Minute)
			w.apply(tt.more)
			w.refresh()
			if tt.upset != nil {
				tt.upset(w)
			}
			if got := examine(t, w); !strings.Contains("\n"+got, "\n"+tt.want) {
				t.Errorf("it says\n%swant %s", got, tt.want)
			}
		})
	}
}

func TestTheDoctorFindsRulesWhoseAttributeNobodyBrings(t *testing.T) {
	w := newWorld(t)
	w.apply("    validation_rules:\n      - {key: typo, attribute: gruops, pattern: x}\n      - {key: right, attribute: groups, pattern: x}\n      - {key: leavers, attribute: left, pattern: x, values: none}\n")
	said := func() string {
		t.Helper()
		findings, err := w.Examine(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, one := range findings {
			if one.Check == "rules" {
				all = append(all, string(one.Gravity)+" "+one.Say)
			}
		}
		return strings.Join(all, "\n")
	}
	for i := range enoughPeople {
		if got := said(); got != "ok No rule is known to be never true." {
			t.Errorf("of %d people it says %s", i, got)
		}
		err := w.Store.InTx(t.Context(), func(tx *store.Tx) error {
			account := users.Account{ID: store.NewID(), RecordID: w.record().ID, State: users.Enabled, Created: noon, Profile: users.Profile{Username: fmt.Sprint("person ", i)}}
			if err := tx.CreateUser(account); err != nil {
				return err
			}
			return tx.RecordAssertion(account.ID, saml.Assertion{Attributes: rules.Attributes{{Name: "groups", Values: []string{"x"}}}}, noon)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := said(); !strings.HasPrefix(got, "warning The validation rule typo reads gruops, which none of 10 recorded people has brought.") || strings.Contains(got, "\n") {
		t.Errorf("it says\n%s", got)
	}
}

func TestARecordWithAPinnedKeyTakesNoUnsignedMetadata(t *testing.T) {
	w := newWorld(t)
	pin := keys()["publisher"]
	text := ""
	for line := range strings.Lines(string(pin.PEM())) {
		text += "          " + line
	}
	text = text[strings.Index(text, "          -----BEGIN CERT"):]
	file := w.file("      metadata_certificates:\n        - |\n" + text)
	if err := w.Fill(t.Context(), &file); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("unsigned metadata: %v", err)
	}
}

func TestTheTraceOfAnUnknownKeySaysWhatTheMetadataHas(t *testing.T) {
	w := newWorld(t)
	w.apply("")
	moved := idp("new")
	moved.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://moved.example/login"}}
	nobodys, waiting := strings.Repeat("ab", 32), saml.Fingerprint(moved.Certificates[0])
	if said := w.Published(t.Context(), "acme", waiting); !strings.Contains(said, "could not be read yet") {
		t.Errorf("before it is read again: %q", said)
	}
	w.refresh()
	if said := w.Published(t.Context(), "acme", waiting); !strings.Contains(said, "does not have this certificate") {
		t.Errorf("before it is published: %q", said)
	}
	w.publishes(moved)
	w.refresh()
	if said := w.Published(t.Context(), "acme", waiting); !strings.Contains(said, "waits for approval since 20") || !strings.Contains(said, "idms metadata status acme") {
		t.Errorf("while it waits: %q", said)
	}
	if said := w.Published(t.Context(), "acme", nobodys); !strings.Contains(said, "does not have this certificate") {
		t.Errorf("of a certificate that nobody publishes: %q", said)
	}
	for _, nothing := range []string{w.Published(t.Context(), "acme", ""), w.Published(t.Context(), "nobody", waiting)} {
		if nothing != "" {
			t.Errorf("it says %q", nothing)
		}
	}
}
