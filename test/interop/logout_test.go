package interop_test

import (
	"net/http"
	"strings"
	"testing"

	"idms/test/interop"
	"idms/test/needs"
	"idms/test/program"
)

// goOn does what a browser does by itself: it posts the form of a logout message
// on, or follows the answer's Refresh, until a page has neither.
func goOn(t *testing.T, visitor *interop.Visitor, page *interop.Page) *interop.Page {
	t.Helper()
	for range 10 {
		_, refresh, refreshes := strings.Cut(page.Header.Get("Refresh"), "url=")
		switch {
		case page.Has(t, "SAMLRequest"):
			page = visitor.Submit(t, page.Form(t, "SAMLRequest"))
		case page.Has(t, "SAMLResponse"):
			page = visitor.Submit(t, page.Form(t, "SAMLResponse"))
		case refreshes:
			page = visitor.Open(t, refresh)
		default:
			return page
		}
	}
	t.Fatalf("it goes round in circles, last at %s", page.URL)
	return nil
}

// remembered says whether the provider lets somebody in without asking who they
// are.
func (s *service) remembered(t *testing.T, visitor *interop.Visitor, record string) bool {
	t.Helper()
	page := s.begin(t, visitor, record)
	return !page.Has(t, "password")
}

// inside says whether somebody is logged in at an address of ours.
func inside(t *testing.T, visitor *interop.Visitor, base string) bool {
	t.Helper()
	return visitor.Open(t, base+"/").URL.Path == "/"
}

// Both bindings of our requests, of the provider's, both ways, signed.
func singleLogout(t *testing.T, idp provider) {
	s := serve(t, idp, logoutConnections...)
	for _, c := range logoutConnections {
		t.Run("begun here, "+c.key, func(t *testing.T) {
			visitor := interop.NewVisitor(t)
			front := authenticate(t, visitor, s.begin(t, visitor, c.key), grace)
			page := visitor.Submit(t, front.FormTo(t, "/logout"))
			tells(t, page, "You are logged out", "You are being taken to")
			if inside(t, visitor, s.URL) {
				t.Fatal("M24: the session goes on while the provider is told")
			}
			tells(t, goOn(t, visitor, page), "You are logged out", "You are logged out at your identity provider as well.")
			if s.remembered(t, visitor, c.key) {
				t.Error("the provider still knows her")
			}
		})
		t.Run("begun there, "+c.key, func(t *testing.T) {
			visitor, other, chens := interop.NewVisitor(t), interop.NewVisitor(t), interop.NewVisitor(t)
			authenticate(t, visitor, s.begin(t, visitor, c.key), grace)
			authenticate(t, chens, s.begin(t, chens, c.key), chen)
			authenticate(t, other, s.begin(t, other, c.key), grace)
			page := goOn(t, visitor, visitor.Open(t, idp.Logout(s.entity(c.key), grace.Username)))
			if page.Status != http.StatusOK || page.URL.Path == "/saml/"+c.key+"/slo" {
				t.Fatalf("ended at %s (status %d):\n%s", page.URL, page.Status, page.Text(t))
			}
			if inside(t, visitor, s.URL) {
				t.Error("her session goes on")
			}
			if !inside(t, chens, s.URL) {
				t.Error("somebody else was logged out")
			}
			// SimpleSAMLphp names the session by its index; pysaml2 here names none,
			// which is all of her NameID.
			if got := inside(t, other, s.URL); got != (idp.name == "SimpleSAMLphp") {
				t.Errorf("her session in another browser goes on: %v", got)
			}
		})
	}
}

var logoutConnections = []connection{
	{"slo-redirect", "signed: response\nsingle_logout: true", interop.ServiceProvider{SignResponse: true}},
	{"slo-post", "signed: response\nsingle_logout: true\nslo_binding: post", interop.ServiceProvider{SignResponse: true, LogoutByPOST: true}},
	{"slo-c14n11", "signed: response\nsingle_logout: true\nslo_binding: post\ncanonicalizer: c14n11", interop.ServiceProvider{SignResponse: true}},
	{"slo-encrypted", "signed: both\nsingle_logout: true", interop.ServiceProvider{SignResponse: true, SignAssertion: true, Encrypt: true, EncryptNameID: true, LogoutByPOST: true}},
}

// The login in one process, and the provider's request in another.
func singleLogoutOverTwoProcesses(t *testing.T, idp provider) {
	store := []string{"--data", t.TempDir(), "--database", needs.PostgreSQL(t)}
	s := &service{idp: idp, store: store}
	connections := logoutConnections[:1]
	s.apply(t, file(idp, connections))
	first := program.Serve(t, store...)
	// Both answer at the first one's address, as behind a balancer.
	there := program.FreeAddress(t)
	second := program.Start(t, append([]string{"serve", "--listen", there, "--base-url", first.URL}, store...)...)
	second.AwaitLine(t, "listening")
	here := strings.TrimPrefix(first.URL, "http://")
	s.Process = first
	s.introduce(t, connections...)

	visitor := interop.NewVisitor(t)
	authenticate(t, visitor, s.begin(t, visitor, "slo-redirect"), grace)
	if !inside(t, visitor, first.URL) {
		t.Fatal("not logged in")
	}
	visitor.Divert(here, there) // from now on the other process answers
	if !inside(t, visitor, first.URL) {
		t.Fatal("the other process does not know her")
	}
	goOn(t, visitor, visitor.Open(t, idp.Logout(s.entity("slo-redirect"), grace.Username)))
	visitor.Divert("", "")
	if inside(t, visitor, first.URL) {
		t.Error("M24: the first process still takes her session, which the second has ended")
	}

	// And a logout that begins in the one is answered in the other.
	front := authenticate(t, visitor, s.begin(t, visitor, "slo-redirect"), grace)
	page := visitor.Submit(t, front.FormTo(t, "/logout"))
	visitor.Divert(here, there)
	tells(t, goOn(t, visitor, page), "You are logged out at your identity provider as well.")
}
