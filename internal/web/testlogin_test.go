package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"idms/internal/demo"
	"idms/internal/idms"
	"idms/internal/login"
)

// invite asks for a test login of the record acme, made a draft first.
func (h *house) invite(t *testing.T, change ...func(*idms.Record)) login.Invitation {
	t.Helper()
	for i := range h.file.Records {
		if h.file.Records[i].Key == demo.Acme {
			h.file.Records[i].State = idms.Draft
			for _, edit := range change {
				edit(&h.file.Records[i])
			}
		}
	}
	h.apply(t)
	invitation, err := h.flow.InviteTest(t.Context(), login.Asking{Record: demo.Acme, By: "bob"})
	check(t, err)
	return invitation
}

func TestATestLoginGoesToTheProviderAndBackAndLetsNobodyIn(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHouse(t, secure)
		invitation := h.invite(t)
		p := h.visitor(t)

		// Opening the address, as a mail filter does, begins nothing.
		for range 2 {
			p.open(t, invitation.Address)
			if p.status != http.StatusOK || p.page.Find(`form[method="post"] button`).Length() != 1 {
				t.Fatalf("status %d\n%s", p.status, p.text)
			}
		}
		p.submit(t, p.page.Find("form"), "")
		p.choose(t, "ada", "card")
		p.carry(t)
		if p.status != http.StatusOK || !strings.Contains(p.page.Find("h1").Text(), "passed") || p.session() != "" {
			t.Fatalf("status %d, session %q\n%s", p.status, p.session(), p.text)
		}
		if p.page.Find("code.chip").Text() != invitation.Ref || strings.Contains(p.text, "ada") {
			t.Errorf("the browser that ran it is told\n%s", p.text) // S60
		}
		for _, cookie := range p.cookies {
			if cookie.MaxAge >= 0 {
				t.Errorf("the answer sets %s", cookie)
			}
		}

		// The address shows everything, also in another browser.
		admin := h.visitor(t)
		admin.open(t, invitation.Address)
		for _, want := range []string{"Passed", "ada@acme.example", "validation_rules[0]", "is created"} {
			if !strings.Contains(admin.text, want) {
				t.Errorf("the result does not say %q:\n%s", want, admin.text)
			}
		}
		if got := admin.header.Get("Referrer-Policy") + admin.header.Get("Cache-Control"); !strings.Contains(got, "no-referrer") || !strings.Contains(got, "no-store") {
			t.Errorf("the page with a secret in its address says %q", got)
		}
		admin.post(t, invitation.Address, url.Values{})
		if admin.status != http.StatusConflict {
			t.Errorf("it begins again: status %d", admin.status)
		}
		h.wait(time.Hour)
		admin.open(t, invitation.Address)
		if admin.status != http.StatusNotFound {
			t.Errorf("after an hour: status %d", admin.status)
		}
	}
}

func TestATestLoginShowsEveryProblemToWhomItConcernsAlone(t *testing.T) {
	h := newHouse(t, false)
	invitation := h.invite(t, func(r *idms.Record) {
		r.SAML.AllowedContexts, r.SAML.ElevationContexts, r.Mapping.Email = []string{"urn:nothing"}, nil, "mail"
	})
	p := h.visitor(t)
	p.open(t, invitation.Address)
	p.submit(t, p.page.Find("form"), "")
	p.choose(t, "ada", "card")
	p.carry(t)
	if p.status != http.StatusOK || strings.Contains(p.text, "urn:nothing") || strings.Contains(p.text, "auth_context") {
		t.Errorf("the browser that ran it is told\n%s", p.text)
	}
	p.open(t, invitation.Address)
	for _, want := range []string{"auth_context_not_allowed", "field_missing", "saml.allowed_auth_contexts", "mapping.email", "2 things refuse"} {
		if !strings.Contains(p.text, want) {
			t.Errorf("the result does not say %q:\n%s", want, p.text)
		}
	}
}

func TestWhatIsNoTestLoginIsNotFound(t *testing.T) {
	h := newHouse(t, false)
	invitation := h.invite(t)
	p := h.visitor(t)
	for _, address := range []string{
		h.base + "/saml/acme/test/" + strings.Repeat("A", 43), h.base + "/saml/acme/test/x",
		strings.Replace(invitation.Address, "/acme/", "/globex/", 1),
	} {
		p.open(t, address)
		if p.status != http.StatusNotFound {
			t.Errorf("%s: status %d", address, p.status)
		}
		p.post(t, address, url.Values{})
		if p.status != http.StatusNotFound {
			t.Errorf("POST %s: status %d", address, p.status)
		}
	}
}

// M01: an answer in the address is never read, and somebody can find out.
func TestM01AnAnswerInTheAddressIsRefusedWithATrace(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.open(t, h.base+"/login")
	p.begin(t, demo.Acme)
	p.open(t, h.base+"/saml/acme/acs?SAMLResponse=fZFB&RelayState=x")
	if code := p.refusal(t); code != "message_encoding" {
		t.Errorf("refused with %s", code)
	}
	p.open(t, h.base+"/saml/acme/acs")
	if p.status != http.StatusMethodNotAllowed {
		t.Errorf("without an answer: status %d", p.status)
	}
}
