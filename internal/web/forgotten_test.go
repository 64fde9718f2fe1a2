package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/roles"
	"idms/internal/web"
)

// work is what the pages have to do after their answer.
type work struct {
	mutex sync.Mutex
	left  []func()
	done  int
}

func (w *work) later(one func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.left = append(w.left, one)
}

// finish does it.
func (w *work) finish() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, one := range w.left {
		one()
		w.done++
	}
	w.left = nil
}

var addressInLetter = regexp.MustCompile(`http[^\s]+/door/choose/[^\s]+`)

// lines is a log that several may write at a time.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

func TestS52WhoForgotTheirPasswordChoosesAnotherByLetterAndLogsInAtTheDoor(t *testing.T) {
	box, letters := startMail(t)
	var todo work
	var log lines
	const other = "http://other.example"
	h := newHouse(t, false, func(c *web.Config) {
		c.Mail, c.Later = letters, todo.later
		c.BaseURLs = append(c.BaseURLs, other)
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	id, _ := h.localPerson(t, "carla", roles.None)
	p := h.visitor(t)
	p.open(t, h.base+"/door")
	p.follow(t, `a[href="/door/forgotten"]`)
	p.submitTyped(t, p.page.Find(`form[action="/door/forgotten"]`), url.Values{"username": {"Carla"}})
	if p.at.Path != "/door/forgotten" || p.status != http.StatusOK || p.page.Find(`[role="status"]`).Text() == "" {
		t.Fatalf("asking leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	todo.finish()
	if len(box.Letters()) != 1 {
		t.Fatalf("%d letters", len(box.Letters()))
	}
	letter := box.Letters()[0]
	address := addressInLetter.FindString(letter)
	if !strings.Contains(letter, "To: <carla@example.test>") || !strings.HasPrefix(address, h.base+"/door/choose/") {
		t.Errorf("the letter is\n%s", letter)
	}
	asked, sent := h.events(t, audit.PasswordForgotten), h.events(t, audit.PasswordAddressSent)
	if len(asked) != 1 || len(sent) != 1 || asked[0].User != id || asked[0].Who != "" || asked[0].Address != "127.0.0.1" || sent[0].User != id {
		t.Errorf("the audit trail has %v and %v", asked, sent)
	}

	p.open(t, address)
	p.post(t, "", url.Values{"password": {"short"}})
	if p.status != http.StatusUnprocessableEntity || strings.Contains(p.page.Find("button").Text(), "log in") {
		t.Errorf("a bad password answers %d:\n%s", p.status, p.text)
	}
	p.post(t, "", url.Values{"password": {"another anvil, another pond"}})
	if p.at.Path != "/door" || p.session() != "" || !strings.Contains(p.page.Find(`[role="status"]`).Text(), "new password is kept") {
		t.Fatalf("choosing leads to %s with the session %q:\n%s", p.at, p.session(), p.text)
	}
	p.post(t, "/door", url.Values{"username": {"carla"}, "password": {ownersPassword}})
	if p.status != http.StatusForbidden {
		t.Errorf("the former password answers %d", p.status)
	}
	p.post(t, "/door", url.Values{"username": {"carla"}, "password": {"another anvil, another pond"}})
	if p.session() == "" {
		t.Errorf("the new password answers %d:\n%s", p.status, p.text)
	}

	// Where the visitor is, or says to be, puts nothing into the letter.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.base+"/door/forgotten", strings.NewReader("username=carla"))
	check(t, err)
	request.Host = "other.example"
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Forwarded-Host", "evil.example")
	response, err := http.DefaultTransport.RoundTrip(request)
	check(t, err)
	check(t, response.Body.Close())
	todo.finish()
	if got := box.Letters(); response.StatusCode != http.StatusSeeOther || len(got) != 2 || !strings.Contains(got[1], h.base+"/door/choose/") || strings.Contains(got[1], "other.example") || strings.Contains(got[1], "evil.example") {
		t.Errorf("asked for elsewhere, with %d, the letters are %q", response.StatusCode, got)
	}

	box.Close()
	p.post(t, h.base+"/door/forgotten", url.Values{"username": {"carla"}})
	todo.finish()
	if sent := h.events(t, audit.PasswordAddressSent); p.status != http.StatusOK || len(sent) != 2 {
		t.Errorf("with a mail server that is gone it answers %d, and %d letters are said to be sent", p.status, len(sent))
	}
	said := log.String()
	if !strings.Contains(said, "could not be sent") || strings.Contains(strings.ToLower(said), "carla") || strings.Contains(said, strings.TrimPrefix(address, h.base+"/door/choose/")) || strings.Contains(said, "127.0.0.1\"") {
		t.Errorf("the log has\n%s", said)
	}
}

func TestTheLogSaysWhyALetterAboutAForgottenPasswordWasNotCounted(t *testing.T) {
	box, letters := startMailCounting(t, miscount)
	var todo work
	var log lines
	h := newHouse(t, false, func(c *web.Config) {
		c.Mail, c.Later, c.Log = letters, todo.later, slog.New(slog.NewTextHandler(&log, nil))
	})
	h.localPerson(t, "carla", roles.None)
	h.visitor(t).post(t, h.base+"/door/forgotten", url.Values{"username": {"carla"}})
	todo.finish()
	if said := log.String(); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "no such table") || strings.Contains(said, "carla") {
		t.Errorf("the log has\n%s", said)
	}
	if len(box.Letters()) != 0 || len(h.events(t, audit.PasswordAddressSent)) != 0 {
		t.Errorf("sent were %q", box.Letters())
	}
}

func TestS52TheAnswerAtTheDoorTellsNobodyWhoIsKnown(t *testing.T) {
	box, letters := startMail(t)
	var todo work
	h := newHouse(t, false, func(c *web.Config) { c.Mail, c.Later = letters, todo.later })
	h.localPerson(t, "carla", roles.None)
	h.localPerson(t, "rita", roles.Reader) // without a second factor
	blocked, _ := h.localPerson(t, "blocked", roles.None)
	_, err := h.store.Block(t.Context(), blocked, h.owner())
	check(t, err)
	var first string
	for _, name := range []string{"carla", "nobody", "rita", "blocked", strings.Repeat("x", 5000)} {
		p := h.visitor(t)
		p.post(t, h.base+"/door/forgotten", url.Values{"username": {name}})
		if p.status != http.StatusOK || p.at.Path != "/door/forgotten" {
			t.Fatalf("%.9s: %s, %d", name, p.at, p.status)
		}
		if first == "" {
			first = p.text
		}
		if p.text != first {
			t.Errorf("for %.9s the page is another one:\n%s", name, p.text)
		}
		h.wait(time.Minute)
	}
	// Nobody was looked for before the answer, so it takes as long for everybody.
	if len(h.events(t, audit.PasswordForgotten)) != 0 || len(todo.left) != 5 {
		t.Errorf("before the answer %d had been looked for, and %d are left", len(h.events(t, audit.PasswordForgotten)), len(todo.left))
	}
	todo.finish()
	if len(box.Letters()) != 1 || len(h.events(t, audit.PasswordForgotten)) != 1 {
		t.Errorf("%d letters", len(box.Letters()))
	}
}

func TestLettersAreAskedForAFewTimesFromOneAddressAndAFewAtATime(t *testing.T) {
	box, letters := startMail(t)
	var todo work
	h := newHouse(t, false, func(c *web.Config) { c.Mail, c.Later = letters, todo.later })
	h.localPerson(t, "carla", roles.None)
	p := h.visitor(t)
	ask := func() int {
		p.post(t, h.base+"/door/forgotten", url.Values{"username": {"nobody"}})
		return p.status
	}
	for range 5 {
		if got := ask(); got != http.StatusOK {
			t.Fatalf("one of the first answers %d", got)
		}
	}
	if got := ask(); got != http.StatusTooManyRequests || p.page.Find(`[role="alert"]`).Length() != 1 {
		t.Errorf("the sixth at once answers %d:\n%s", got, p.text)
	}
	for range 14 {
		h.wait(time.Minute)
		if got := ask(); got != http.StatusOK {
			t.Errorf("a minute later: %d", got)
		}
	}
	if len(todo.left) != 16 {
		t.Errorf("%d are under way at a time", len(todo.left))
	}
	todo.finish()
	h.wait(time.Minute)
	p.post(t, h.base+"/door/forgotten", url.Values{"username": {"carla"}})
	todo.finish()
	if todo.done != 17 || len(box.Letters()) != 1 {
		t.Errorf("after that %d were done, with %d letters", todo.done, len(box.Letters()))
	}
}

func TestS52LettersAreOfferedWhereThereIsAMailServerAndAnOpenDoor(t *testing.T) {
	offered := func(h *house) bool {
		t.Helper()
		p := h.visitor(t)
		p.open(t, h.base+"/door")
		link := p.page.Find(`a[href="/door/forgotten"]`).Length() == 1
		p.open(t, h.base+"/door/forgotten")
		shown := p.status == http.StatusOK
		p.post(t, h.base+"/door/forgotten", url.Values{"username": {"carla"}})
		taken := p.status == http.StatusOK
		if link != shown || shown != taken || !taken && p.status != http.StatusNotFound {
			t.Errorf("linked %v, shown %v, taken %v (%d)", link, shown, taken, p.status)
		}
		return taken
	}
	if offered(newHouse(t, false)) {
		t.Error("offered without a mail server")
	}
	box, letters := startMail(t)
	var todo work
	h := newHouse(t, false, func(c *web.Config) { c.Mail, c.Later = letters, todo.later })
	h.localPerson(t, "carla", roles.None)
	if !offered(h) {
		t.Error("not offered")
	}
	// The door shuts before the letter is written.
	h.firstOwner(t)
	settings, err := h.store.Settings(t.Context())
	check(t, err)
	settings.DoorShut = true
	check(t, h.store.SetSettings(t.Context(), settings, h.owner()))
	todo.finish()
	if offered(h) || len(box.Letters()) != 0 || len(todo.left) != 0 {
		t.Errorf("at a shut door: %d letters", len(box.Letters()))
	}
}
