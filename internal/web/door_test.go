package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/pquerna/otp/hotp"

	"idms/internal/web"
)

// firstOwner opens the first administrator's address and becomes the owner.
func (h *house) firstOwner(t *testing.T) *person {
	t.Helper()
	token, err := h.flow.FirstAddress(t.Context())
	check(t, err)
	p := h.visitor(t)
	p.open(t, h.base+web.ChoosePath(token))
	p.post(t, "", url.Values{"username": {"grace"}, "email": {"grace@example.test"}, "password": {"crate anvil pond quill"}})
	return p
}

func TestTheFirstOwnerComesFromTheAddressToTheirPage(t *testing.T) {
	h := newHouse(t, false)
	token, err := h.flow.FirstAddress(t.Context())
	check(t, err)
	p := h.visitor(t)
	p.open(t, h.base+web.ChoosePath(token))
	if p.status != http.StatusOK || !strings.Contains(p.text, "Become the first owner") {
		t.Fatalf("the address shows %d:\n%s", p.status, p.text)
	}
	p.post(t, "", url.Values{"username": {"gr ace"}, "email": {"grace@example.test"}, "password": {"short"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#username").AttrOr("value", "") != "gr ace" || p.page.Find("#email").AttrOr("value", "") != "grace@example.test" {
		t.Errorf("a refused form answers %d and does not keep what was typed:\n%s", p.status, p.text)
	}
	if p.page.Find("#username-problem").Length() != 1 || p.page.Find("#password-problem").Length() != 1 || p.page.Find("#email-problem").Length() != 0 {
		t.Errorf("the problems are not at their fields:\n%s", p.text)
	}
	if strings.Contains(p.text, "short") && p.page.Find("#password").AttrOr("value", "") != "" {
		t.Error("the page sends the password back")
	}
	p.post(t, "", url.Values{"username": {"grace"}, "email": {"grace@example.test"}, "password": {"crate anvil pond quill"}})
	if p.at.Path != "/security" || p.status != http.StatusOK {
		t.Fatalf("choosing leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	p.open(t, "/")
	if !strings.Contains(p.page.Find(".person").Text(), "as owner") || p.page.Find(".badge.restricted").Length() != 1 {
		t.Errorf("the page of the owner:\n%s", p.text)
	}
	again := h.visitor(t)
	again.open(t, h.base+web.ChoosePath(token))
	if again.status != http.StatusNotFound {
		t.Errorf("the address works again: %d", again.status)
	}
}

func TestASecondFactorIsSetUpAndThenAskedFor(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	secret := p.page.Find(`input[name="secret"]`).AttrOr("value", "")
	code, err := hotp.GenerateCode(secret, uint64(h.clock().Unix()/30))
	check(t, err)
	p.post(t, "/security/authenticator", url.Values{"secret": {secret}, "code": {"000000"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find(`input[name="secret"]`).AttrOr("value", "") != secret {
		t.Errorf("a wrong code answers %d, or with another secret:\n%s", p.status, p.text)
	}
	p.post(t, "/security/authenticator", url.Values{"secret": {secret}, "code": {code}, "password": {"crate anvil pond quilt"}})
	if p.status != http.StatusForbidden || p.page.Find(`input[name="secret"]`).AttrOr("value", "") != secret {
		t.Errorf("without the right password it answers %d, or with another secret:\n%s", p.status, p.text)
	}
	p.post(t, "/security/authenticator", url.Values{"secret": {secret}, "code": {code}, "password": {"crate anvil pond quill"}})
	codes := p.page.Find(".codes code").Map(func(_ int, one *goquery.Selection) string { return one.Text() })
	if p.status != http.StatusOK || len(codes) != 10 {
		t.Fatalf("setting up the app answers %d, with %d recovery codes:\n%s", p.status, len(codes), p.text)
	}
	p.open(t, "/security")
	if p.page.Find(".codes").Length() != 0 {
		t.Error("the recovery codes are shown a second time")
	}

	other := h.visitor(t)
	other.open(t, h.base+"/login")
	other.follow(t, `a[href="/door"]`)
	knock := func(password, code string) {
		other.post(t, "/door", url.Values{"username": {"grace"}, "password": {password}, "code": {code}})
	}
	knock("crate anvil pond quill", "")
	if other.status != http.StatusForbidden || other.page.Find(`[role="alert"]`).Length() != 1 || other.page.Find("#username").AttrOr("value", "") != "grace" {
		t.Errorf("without a code: %d\n%s", other.status, other.text)
	}
	knock("crate anvil pond quill", codes[0])
	if other.at.Path != "/" || other.page.Find(".badge.full").Length() != 1 {
		t.Errorf("with a recovery code: %s, %d\n%s", other.at, other.status, other.text)
	}
	other.post(t, "/security/authenticator/remove", url.Values{"password": {"crate anvil pond quilt"}})
	if other.status != http.StatusForbidden {
		t.Errorf("removing the app with a wrong password: %d", other.status)
	}
	other.post(t, "/security/authenticator/remove", url.Values{"password": {"crate anvil pond quill"}})
	if other.at.Path != "/security" || other.page.Find(`input[name="secret"]`).Length() != 1 {
		t.Errorf("removing the app: %s, %d\n%s", other.at, other.status, other.text)
	}
}

func TestTheDoorLeadsBackToAPageOfOursAlone(t *testing.T) {
	h := newHouse(t, false)
	h.firstOwner(t)
	for _, tt := range []struct{ returnTo, want string }{
		{"/groups", "/groups"}, {"", "/"}, {"https://evil.example/", "/"}, {"//evil.example", "/"}, {`/\evil.example`, "/"},
	} {
		p := h.visitor(t)
		p.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {"crate anvil pond quill"}, "return_to": {tt.returnTo}})
		if p.at.Path != tt.want || !strings.HasPrefix(p.at.String(), h.base) {
			t.Errorf("return_to %q leads to %s", tt.returnTo, p.at)
		}
	}
}

func TestWhoCameThroughAProviderHasNoPasswordHere(t *testing.T) {
	h := newHouse(t, false)
	p := h.visitor(t)
	p.logIn(t, "acme", "layla", "password")
	p.open(t, "/security")
	if p.at.Path != "/" {
		t.Errorf("the page about passwords shows at %s", p.at)
	}
	p.post(t, "/security/authenticator", url.Values{"secret": {"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}, "code": {"000000"}})
	if p.at.Path != "/" {
		t.Errorf("setting up an app answers %d at %s", p.status, p.at)
	}
	stranger := h.visitor(t)
	stranger.open(t, h.base+"/security")
	if stranger.at.Path != "/login" {
		t.Errorf("a stranger is at %s", stranger.at)
	}
}
