package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/store"
)

// goOn follows what has the browser go on by itself: a form that scripts post, or
// the Refresh of the answer.
func (p *person) goOn(t *testing.T) {
	t.Helper()
	if p.page.Find("form[data-post-now]").Length() == 1 {
		p.carry(t)
		return
	}
	_, to, ok := strings.Cut(p.header.Get("Refresh"), "url=")
	if !ok {
		t.Fatalf("%s leads nowhere:\n%s", p.at, p.text)
	}
	p.open(t, to)
}

// known says whether the demo's provider still has somebody in front of it.
func (p *person) knownThere() bool {
	there, _ := url.Parse(p.house.provider.BaseURL)
	for _, cookie := range p.Jar.Cookies(there) {
		if cookie.Name == "demo_idp_known" {
			return true
		}
	}
	return false
}

// Acme's logout goes by redirect, Globex's by POST.
var singleLogouts = []struct{ record, way string }{{demo.Acme, "card"}, {demo.Globex, "card"}}

func TestM24LoggingOutHereLogsOutAtTheProvider(t *testing.T) {
	for _, tt := range singleLogouts {
		t.Run(tt.record, func(t *testing.T) {
			h := newHouse(t, true)
			p := h.visitor(t)
			p.logIn(t, tt.record, "ada", tt.way)
			if !p.knownThere() {
				t.Fatal("the provider does not know her even before")
			}
			p.submit(t, p.page.Find(`form[action="/logout"]`), "")
			if p.session() != "" || !strings.Contains(p.text, "You are being taken to") || !strings.Contains(p.text, "has ended") {
				t.Fatalf("logged out at %s:\n%s", p.at, p.text)
			}
			page := p.at.String()
			p.goOn(t)
			for p.page.Find("form[data-post-now]").Length() == 1 { // the answer by POST
				p.carry(t)
			}
			if p.knownThere() || p.at.Path != "/signed-out" || !strings.Contains(p.text, "logged out at your identity provider as well") {
				t.Errorf("ended at %s:\n%s", p.at, p.text)
			}
			// Coming back shows what became of it, and sends nobody off again.
			p.open(t, page)
			if p.header.Get("Refresh") != "" || !strings.Contains(p.text, "as well") {
				t.Errorf("the page again: %v\n%s", p.header, p.text)
			}
			h.audited(t, audit.LogoutAnswered, audit.LoggedOut)
		})
	}
}

func TestM24ASilentProviderKeepsNobodyLoggedIn(t *testing.T) {
	h := newHouse(t, true)
	p := h.visitor(t)
	p.logIn(t, demo.Acme, "ada", "card")
	p.submit(t, p.page.Find(`form[action="/logout"]`), "")
	page := p.at.String()
	// Nothing came of the way there; she goes back.
	p.open(t, page)
	if p.header.Get("Refresh") != "" {
		t.Error("she is sent off again, to a provider that does not answer")
	}
	for _, want := range []string{"You are logged out", "has ended", "has not said yet"} {
		if !strings.Contains(p.text, want) {
			t.Errorf("the page does not say %q:\n%s", want, p.text)
		}
	}
	if p.page.Find("a.secondary").Length() != 1 {
		t.Error("nothing lets her try again")
	}
	if p.open(t, h.base+"/"); p.at.Path != "/login" {
		t.Errorf("she is still logged in: %s", p.at)
	}
}

func TestM24TheProvidersLogoutEndsTheSessionsHere(t *testing.T) {
	h := newHouse(t, true)
	laptop, phone, grace := h.visitor(t), h.visitor(t), h.visitor(t)
	laptop.logIn(t, demo.Acme, "ada", "card")
	phone.logIn(t, demo.Globex, "ada", "card") // another record of the same provider
	other := h.visitor(t)
	other.logIn(t, demo.Acme, "ada", "card")
	grace.logIn(t, demo.Acme, "hugo", firstWay("hugo"))

	laptop.open(t, h.provider.BaseURL+"/")
	laptop.submit(t, laptop.page.Find(`form[action="/logout-everywhere"]`), "")
	for laptop.page.Find("form[data-post-now]").Length() == 1 {
		laptop.carry(t)
	}
	if laptop.at.Path != "/slo" || !strings.Contains(laptop.text, "has forgotten you") {
		t.Fatalf("ended at %s:\n%s", laptop.at, laptop.text)
	}
	for name, p := range map[string]*person{"her session in this browser": laptop, "one through another record": phone, "one in another browser": other} {
		if p.open(t, h.base+"/"); p.at.Path != "/login" {
			t.Errorf("%s goes on", name)
		}
	}
	if grace.open(t, h.base+"/"); grace.at.Path != "/" {
		t.Error("somebody else was logged out")
	}
	h.audited(t, audit.SessionsEnded)
}

func TestLoggingOutEverywhereEndsAllSessionsOfThePersonAndNoOthers(t *testing.T) {
	h := newHouse(t, true)
	laptop, phone, grace := h.visitor(t), h.visitor(t), h.visitor(t)
	laptop.logIn(t, demo.Acme, "ada", "card")
	phone.logIn(t, demo.Acme, "ada", "card")
	grace.logIn(t, demo.Acme, "hugo", firstWay("hugo"))
	laptop.submit(t, laptop.page.Find(`form[action="/logout/everywhere"]`), "")
	if !strings.Contains(laptop.text, "another session of yours") {
		t.Errorf("the page does not say how many have ended:\n%s", laptop.text)
	}
	if phone.open(t, h.base+"/"); phone.at.Path != "/login" {
		t.Error("the other browser is still logged in")
	}
	if grace.open(t, h.base+"/"); grace.at.Path != "/" {
		t.Error("somebody else was logged out")
	}
	laptop.goOn(t)
	if laptop.knownThere() {
		t.Error("the provider still knows her")
	}
}

func TestWithoutSingleLogoutPeopleGoOnToTheLogoutURL(t *testing.T) {
	h := newHouse(t, true)
	p := h.visitor(t)
	p.logIn(t, demo.Initech, "ada", "card")
	p.submit(t, p.page.Find(`form[action="/logout"]`), "")
	if !strings.Contains(p.text, "You are logged out") || p.session() != "" {
		t.Fatalf("at %s:\n%s", p.at, p.text)
	}
	p.goOn(t)
	if p.at.String() != h.provider.LogoutURL() || p.knownThere() {
		t.Errorf("she went on to %s", p.at)
	}
}

func TestM24NobodyIsToldThatTheyAreLoggedOutWhoIsNot(t *testing.T) {
	h := newHouse(t, true)
	p := h.visitor(t)
	p.logIn(t, demo.Acme, "ada", "card")
	for _, address := range []string{"/signed-out", "/signed-out?record=acme", "/saml/acme/slo?SAMLResponse=x", "/signed-out?reference=EAETGN8VW2"} {
		if p.open(t, h.base+address); strings.Contains(p.text, "You are logged out") || p.at.Path != "/" {
			t.Errorf("%s says so, at %s", address, p.at)
		}
	}
	p.open(t, h.base+"/saml/acme/slo?SAMLRequest=x")
	if p.status != http.StatusForbidden || !strings.Contains(p.text, "You were not logged out") || p.page.Find("code.chip").Length() != 1 {
		t.Errorf("a refused request: status %d:\n%s", p.status, p.text)
	}
	if p.open(t, h.base+"/saml/initech/slo?SAMLRequest=x"); p.status != http.StatusNotFound {
		t.Errorf("a record without single logout answers %d", p.status)
	}
}

func TestM24OnlyAPostToTheLogoutAddressMayComeFromElsewhere(t *testing.T) {
	p := newPortal(t, true)
	for address, want := range map[string]int{"/saml/acme/slo": http.StatusForbidden, "/logout": http.StatusForbidden} {
		request := httptest.NewRequest(http.MethodPost, p.base+address, strings.NewReader("SAMLRequest=x"))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "cross-site")
		request.Header.Set("Origin", "https://idp.example")
		response := p.serve(request)
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", address, response.StatusCode, want)
		}
		// What was taken and refused has a reference; what was not has none.
		text, err := io.ReadAll(response.Body)
		check(t, err)
		if taken := strings.Contains(string(text), "You were not logged out"); taken != (address == "/saml/acme/slo") {
			t.Errorf("%s was taken: %v\n%s", address, taken, text)
		}
	}
	large := httptest.NewRequest(http.MethodPost, p.base+"/saml/acme/slo", strings.NewReader("SAMLRequest="+strings.Repeat("A", 1<<20)))
	large.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if response := p.serve(large); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("M01: a mebibyte is answered with %d", response.StatusCode)
	}
}

// audited wants each action in the audit trail.
func (h *house) audited(t *testing.T, actions ...audit.Action) {
	t.Helper()
	events, _, err := h.store.Events(t.Context(), store.EventFilter{}, "", 100)
	check(t, err)
	for _, action := range actions {
		found := false
		for _, event := range events {
			found = found || event.Action == action && event.User != "" && len(event.Changes)+len(event.Reason) > 0
		}
		if !found {
			t.Errorf("the audit trail has no %s with a person and what happened: %+v", action, events)
		}
	}
}
