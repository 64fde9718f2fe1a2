package web_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/store"
)

// listener is a server before a directory that hears everything. Without a directory
// behind it, it takes connections and is silent.
type listener struct {
	net.Listener
	came chan struct{} // one for each connection

	mu    sync.Mutex
	bytes bytes.Buffer
	open  []net.Conn
}

func listen(t *testing.T, behind string) *listener {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	l := &listener{Listener: socket, came: make(chan struct{}, 100)}
	t.Cleanup(l.hangUp)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			l.keep(conn)
			l.came <- struct{}{}
			go func() {
				if behind == "" {
					_, _ = io.Copy(l, conn)
					return
				}
				if there, err := net.Dial("tcp", behind); err == nil {
					l.keep(there)
					go func() { _, _ = io.Copy(conn, there); conn.Close() }()
					_, _ = io.Copy(io.MultiWriter(there, l), conn)
					there.Close()
				}
			}()
		}
	}()
	return l
}

func (l *listener) keep(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, conn)
}

// Write hears something.
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.Write(p)
}

// heard is true when something was sent here.
func (l *listener) heard(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.bytes.String(), text)
}

// hangUp ends the server and every connection of it.
func (l *listener) hangUp() {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.open {
		conn.Close()
	}
}

const (
	directoryForm = `form[action="` + umbrella + `/edit"]`
	bindSecret    = "s3cret-of-the-directory"
	bindName      = "cn=reader,dc=umbrella,dc=example"
)

// bound gives the directory of the house a bind DN, and a password that is kept.
func (h *house) bound(t *testing.T) idms.Record {
	t.Helper()
	record := h.rewrite(t, demo.Umbrella, func(r *idms.Record) {
		settings := *r.Directory
		settings.BindDN = bindName
		r.Directory = &settings
	})
	check(t, h.store.SetBindPassword(t.Context(), demo.Umbrella, bindSecret, h.owner()))
	return record
}

// eventCount counts the audit trail.
func (h *house) eventCount(t *testing.T) int {
	t.Helper()
	n := 0
	for cursor := ""; ; {
		list, next, err := h.store.Events(t.Context(), store.EventFilter{}, cursor, 1000)
		check(t, err)
		n += len(list)
		if cursor = next; cursor == "" {
			return n
		}
	}
}

// tried are the tests in the audit trail, the newest first.
func (h *house) tried(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, event := range h.events(t, audit.DirectoryTried) {
		line := event.Who + " " + event.Record
		for _, change := range event.Changes {
			line += " " + change.Field + "=" + change.From + change.To
		}
		list = append(list, line)
	}
	return list
}

func TestADirectoryIsTestedAsItIsTypedAndNothingIsSaved(t *testing.T) {
	h, ldap, _ := begun(t)
	h.bound(t)
	there := listen(t, ldap.Address)
	p := h.administrator(t, "edith", roles.Editor)
	before, events := h.record(t, demo.Umbrella), h.eventCount(t)
	p.open(t, umbrella+"/edit")
	typed := url.Values{
		"directory.hosts": {there.Addr().String()}, "directory.user_filter": {"(uid=colleague02)"}, "directory.schedule.every": {"45m"}, "directory.direct_members_only": {"yes"},
		"test.password": {"typed-for-this"}, "test.person": {"colleague02"}, "test.group": {"Sales"}, "reason": {"a new server"},
	}
	p.press(t, directoryForm, "test", typed)
	if p.status != http.StatusOK || !there.heard("typed-for-this") || there.heard(bindSecret) {
		t.Fatalf("it answers %d, and the password that was typed is sent: %v\n%s", p.status, there.heard("typed-for-this"), said(p))
	}
	if got := p.page.Find("#result").Parent().Text(); !strings.Contains(got, "It answers") || !strings.Contains(got, "Connect to "+there.Addr().String()) || !strings.Contains(got, "Bind as "+bindName) || !strings.Contains(got, "with (uid=colleague02)") {
		t.Errorf("the connection: %q", got)
	}
	if got := p.page.Find("#result-person").Parent().Text(); !strings.Contains(got, "In scope") || !strings.Contains(got, "colleague02@umbrella.example") || !strings.Contains(got, "Field service") {
		t.Errorf("the person: %q", got)
	}
	if got := p.page.Find("#result-group").Parent().Text(); !strings.Contains(got, "In scope") || !strings.Contains(got, "uid=emil") {
		t.Errorf("the group: %q", got)
	}
	for field, want := range typed {
		switch got := p.page.Find(`[name="` + field + `"]`); {
		case field == "test.password":
			if got.AttrOr("value", "") != "" || strings.Contains(p.text, want[0]) {
				t.Error("the page has the password in it")
			}
		case field == "directory.hosts":
			if got.Text() != want[0] {
				t.Errorf("the hosts come back as %q", got.Text())
			}
		case field == "directory.direct_members_only":
			if _, ticked := got.Attr("checked"); !ticked {
				t.Error("a tick is lost")
			}
		case got.AttrOr("value", "") != want[0]:
			t.Errorf("%s comes back as %q", field, got.AttrOr("value", ""))
		}
	}
	if p.page.Find(directoryForm+`[data-unsaved]`).Length() != 1 {
		t.Error("nobody asks before what was typed is lost")
	}
	if after := h.record(t, demo.Umbrella); after.Version != before.Version || h.eventCount(t) != events+1 {
		t.Errorf("something is saved: version %d, %d events more", after.Version, h.eventCount(t)-events)
	}
	if got, want := h.tried(t), []string{"edith umbrella directory.hosts[000]=" + there.Addr().String() + " directory.bind_dn=" + bindName +
		" directory.base_dn=" + before.Directory.BaseDN + " directory.bind_password=one that was typed"}; !slices.Equal(got, want) {
		t.Errorf("the audit trail says %q, want %q", got, want)
	}
	if kept, err := h.store.BindPassword(t.Context(), before.ID); err != nil || kept != bindSecret {
		t.Errorf("the password that is kept is %q now, %v", kept, err)
	}

	// Without anybody named, it is the first who can be used.
	p.press(t, directoryForm, "test", url.Values{"test.password": {"typed-for-this"}, "test.person": {""}, "test.group": {""}})
	if got := p.page.Find("#result-person").Text(); got != "Test of the person “colleague02”" || p.page.Find("#result-group").Length() != 0 {
		t.Errorf("looked up is %q:\n%s", got, said(p))
	}
	// Saved afterwards, the password for the test is in no page in between.
	p.press(t, directoryForm, "", url.Values{"test.password": {"typed-for-this"}})
	if p.page.Find(saveForm).Length() != 1 || strings.Contains(p.text, "typed-for-this") {
		t.Errorf("the rehearsal carries it:\n%s", p.text)
	}
}

// An editor may change where a directory is, and may not see its password: a test must
// be no way to have it sent to a server of theirs.
func TestATestSendsThePasswordThatIsKeptToNoOtherServer(t *testing.T) {
	h, ldap, _ := begun(t)
	evil := listen(t, ldap.Address)
	host, port, err := net.SplitHostPort(evil.Addr().String())
	check(t, err)
	h.bound(t)
	for _, role := range []roles.Role{roles.Editor, roles.Owner} {
		p := h.administrator(t, "by-"+string(role), role)
		for name, typed := range map[string]url.Values{
			"another host":    {"directory.hosts": {evil.Addr().String()}},
			"one host more":   {"directory.hosts": {ldap.Address + "\n" + evil.Addr().String()}},
			"one host before": {"directory.hosts": {evil.Addr().String() + "\n" + ldap.Address}},
			"another port":    {"directory.hosts": {host}, "directory.port": {port}},
			"with TLS":        {"directory.security": {""}},
		} {
			p.open(t, umbrella+"/edit")
			p.press(t, directoryForm, "test", typed)
			if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.page.Find("#f-test-password-problem").Text(), "Write the bind password again") || p.page.Find("#result").Length() != 0 {
				t.Errorf("%s, as %s: %d\n%s", name, role, p.status, said(p))
			}
		}
	}
	if len(evil.came) != 0 || len(h.tried(t)) != 0 {
		t.Errorf("the other server was asked %d times: %q", len(evil.came), h.tried(t))
	}

	// The same server with another filter is asked with it.
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, umbrella+"/edit")
	p.press(t, directoryForm, "test", url.Values{"directory.user_filter": {"(uid=ada)"}})
	if p.status != http.StatusOK || !strings.Contains(p.page.Find("#result").Parent().Text(), "Bind as "+bindName) {
		t.Errorf("the server that is saved: %d\n%s", p.status, said(p))
	}
	if got := h.tried(t); len(got) != 1 || !strings.HasSuffix(got[0], " directory.bind_password=the one that is kept") {
		t.Errorf("the audit trail says %q", got)
	}
	// Nor does it go anywhere when the record has no directory any more, or none is kept.
	h.rewrite(t, demo.Umbrella, func(r *idms.Record) { r.Directory, r.Association = nil, idms.ByRules })
	p.press(t, directoryForm, "test", nil)
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.page.Find("#f-test-password-problem").Text(), "none is kept") {
		t.Errorf("without a directory: %d\n%s", p.status, said(p))
	}
}

func TestADirectoryThatFailsSaysAtWhichStepAndWhatToDo(t *testing.T) {
	h, ldap, _ := begun(t)
	p := h.administrator(t, "edith", roles.Editor)
	closed := listen(t, "")
	closed.hangUp()
	p.open(t, umbrella+"/edit")
	// Somebody who goes through the ports of a network is seen, though nobody answers.
	p.press(t, directoryForm, "test", url.Values{"directory.hosts": {closed.Addr().String() + "\nlocalhost"}, "directory.port": {"1"}})
	if got := h.tried(t); len(got) != 1 || !strings.HasPrefix(got[0], "edith umbrella directory.hosts[000]="+closed.Addr().String()+" directory.hosts[001]=localhost:1 directory.base_dn=") {
		t.Errorf("the audit trail says %q", got)
	}
	p.press(t, directoryForm, "test", url.Values{"directory.hosts": {closed.Addr().String()}})
	step := p.page.Find("#result").Parent().Find("ol.steps li.none")
	if p.status != http.StatusOK || step.Length() != 1 || !strings.Contains(step.Text(), "Connect to "+closed.Addr().String()) || !strings.Contains(step.Text(), ldapsync.Unreachable.Advice()) {
		t.Errorf("nobody there: %d, %q\n%s", p.status, step.Text(), said(p))
	}
	p.press(t, directoryForm, "test", url.Values{"directory.hosts": {ldap.Address}, "directory.user_base": {"ou=nowhere,dc=umbrella,dc=example"}})
	if got := p.page.Find("#result").Parent().Text(); !strings.Contains(got, "nobody is usable") || !strings.Contains(got, "Look at the base and the filter of people") || p.page.Find("#result-person").Length() != 0 {
		t.Errorf("a base with nobody: %q", got)
	}
	// What cannot be asked at all is said at its field, and what was typed stays.
	p.press(t, directoryForm, "test", url.Values{"directory.user_filter": {"(uid="}, "directory.port": {"many"}, "test.person": {strings.Repeat("x", 1100)}})
	for _, field := range []string{"directory-user_filter", "directory-port", "test-person"} {
		if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-"+field+"-problem").Text() == "" || p.page.Find("#result").Length() != 0 {
			t.Errorf("%s: %d\n%s", field, p.status, said(p))
		}
	}
	if p.page.Find("#f-directory-user_filter").AttrOr("value", "") != "(uid=" {
		t.Error("what was typed is lost")
	}
	// A password has no end.
	p.press(t, directoryForm, "test", url.Values{"directory.user_filter": {""}, "directory.port": {strconv.Itoa(1)}, "test.person": {""}, "test.password": {strings.Repeat("x", 1100)}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-test-password-problem").Text() == "" {
		t.Errorf("a password of 1,100 bytes: %d\n%s", p.status, said(p))
	}
}

func TestADirectoryIsTestedBeforeARecordHasOne(t *testing.T) {
	h := newHouse(t, false)
	ldap, err := demo.StartDirectory()
	check(t, err)
	t.Cleanup(func() { _ = ldap.Close() })
	p := h.administrator(t, "edith", roles.Editor)
	const form = `form[action="/admin/records/acme/directory/edit"]`
	p.open(t, "/admin/records/acme/directory/edit?preset=openldap")
	typed := url.Values{"directory.hosts": {ldap.Address}, "directory.security": {"insecure-plaintext"}, "directory.base_dn": {"dc=umbrella,dc=example"}, "directory.bind_dn": {bindName}}
	p.press(t, form, "test", typed)
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.page.Find("#f-test-password-problem").Text(), "none is kept") {
		t.Errorf("without a password: %d\n%s", p.status, said(p))
	}
	p.press(t, form, "test", url.Values{"test.password": {"x"}})
	if p.status != http.StatusOK || !strings.Contains(p.page.Find("#result").Parent().Text(), "It answers") || h.record(t, demo.Acme).Directory != nil {
		t.Errorf("with one: %d\n%s", p.status, said(p))
	}
}

// One test of a record at a time: a directory locks an account after a few tries, and
// each test holds a connection for as long as the other side likes.
func TestOneDirectoryIsTestedOnceAtATime(t *testing.T) {
	h, ldap, _ := begun(t)
	silent := listen(t, "")
	first, second := h.administrator(t, "edith", roles.Editor), h.administrator(t, "ellen", roles.Editor)
	for _, p := range []*person{first, second} {
		p.open(t, umbrella+"/edit")
	}
	values := over(fields(first.page.Find(directoryForm)), url.Values{"do": {"test"}, "directory.hosts": {silent.Addr().String()}})
	ended := make(chan int, 1)
	go func() {
		response, err := first.PostForm(h.base+umbrella+"/edit", values)
		if err != nil {
			ended <- 0
			return
		}
		response.Body.Close()
		ended <- response.StatusCode
	}()
	<-silent.came // it is under way
	if got := h.tried(t); len(got) != 1 {
		t.Errorf("before it has an answer, the audit trail says %q", got)
	}
	second.press(t, directoryForm, "test", url.Values{"directory.user_filter": {"(uid=ada)"}})
	if second.status != http.StatusConflict || !strings.Contains(second.page.Find("#problems").Text(), "is being tested right now") || second.page.Find("#f-directory-user_filter").AttrOr("value", "") != "(uid=ada)" {
		t.Errorf("a second test: %d\n%s", second.status, said(second))
	}
	second.post(t, umbrella+"/test", url.Values{"what": {"connection"}})
	if second.status != http.StatusConflict || !strings.Contains(second.page.Find("#problems").Text(), "is being tested right now") {
		t.Errorf("a test of what is saved: %d\n%s", second.status, said(second))
	}
	if got := h.tried(t); len(got) != 1 {
		t.Errorf("what was not asked stands in the audit trail: %q", got)
	}
	silent.hangUp()
	if status := <-ended; status != http.StatusOK {
		t.Errorf("the first one answers %d", status)
	}
	second.open(t, umbrella+"/edit")
	second.press(t, directoryForm, "test", url.Values{"directory.hosts": {ldap.Address}})
	if second.status != http.StatusOK {
		t.Errorf("afterwards: %d\n%s", second.status, said(second))
	}
}

// Nothing is asked of a server for somebody who may not save its name.
func TestATestIsForWhoMaySaveIt(t *testing.T) {
	h, _, _ := begun(t)
	elsewhere := listen(t, "")
	h.rewrite(t, demo.Umbrella, func(r *idms.Record) {
		pattern, err := rules.ParsePattern("^admins$", rules.Options{})
		check(t, err)
		r.Associations = []groups.Association{{Rule: rules.Rule{Key: "admins", Attribute: "groups", Pattern: pattern}, Group: roles.Owner.Group()}}
	})
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, umbrella+"/edit")
	p.press(t, directoryForm, "test", url.Values{"directory.hosts": {elsewhere.Addr().String()}})
	if p.status != http.StatusForbidden || len(elsewhere.came) != 0 {
		t.Errorf("a record that makes administrators: %d, asked %d times", p.status, len(elsewhere.came))
	}
}
