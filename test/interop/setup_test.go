package interop_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"idms/test/interop"
	"idms/test/program"
)

// A newcomer with an empty service and a SimpleSAMLphp, with nothing but the pages
// before them: from the address in the log to a person who is logged in.
func TestSimpleSAMLphpIsSetUpThroughThePages(t *testing.T) {
	t.Parallel()
	idp := interop.StartSimpleSAMLphp(t, cast...)
	service := program.Serve(t, "--data", t.TempDir())
	owner := interop.NewVisitor(t)
	fill := func(page *interop.Page, action string, typed map[string]string) *interop.Page {
		t.Helper()
		form := page.FormTo(t, action)
		for name, value := range typed {
			form.Values.Set(name, value)
		}
		return owner.Submit(t, form)
	}

	first := regexp.MustCompile(`/door/choose/[A-Za-z0-9_-]+`).FindString(service.AwaitLine(t, "to become its first owner"))
	choose := owner.Open(t, service.URL+first).Form(t, "password")
	for name, value := range map[string]string{"username": "grace", "email": "grace@company.example", "password": "crate anvil pond quill"} {
		choose.Values.Set(name, value)
	}
	owner.Submit(t, choose)

	// Our values, and what SimpleSAMLphp is told of them.
	page := fill(owner.Open(t, service.URL+"/admin/set-up"), "/admin/set-up", map[string]string{"name": "Company", "provider": "simplesamlphp"})
	tells(t, page, "Set up Company", "There: key of the entry in saml20-sp-remote", service.URL+"/saml/company/acs")
	ours := interop.ServiceProvider{EntityID: service.URL + "/saml/company/metadata", MetadataURL: service.URL + "/saml/company/metadata", SignResponse: true, SignAssertion: true}
	idp.Trust(t, ours)

	// Theirs. The provider's file is pasted: it has no address that a service reads.
	metadata := string(idp.Metadata(t))
	page = fill(page, "/admin/set-up/company/provider", map[string]string{"saml.metadata": metadata, "do": "preview"})
	tells(t, page, idp.EntityID, "nothing is saved yet")
	page = fill(page, "/admin/set-up/company/provider", map[string]string{"do": "save"})

	// The mapping is the one that the page suggests.
	page = fill(page, "/admin/set-up/company/mapping", nil)
	page = owner.Submit(t, page.FormTo(t, "/admin/set-up/company/test#test"))
	address := regexp.MustCompile(`/saml/company/test/[A-Za-z0-9_-]+`).FindString(page.Body)
	result := regexp.MustCompile(`test=([A-Z0-9]+)#test`).FindStringSubmatch(page.Body)
	if address == "" || result == nil {
		t.Fatalf("no test login is offered:\n%s", page.Text(t))
	}
	tester := interop.NewVisitor(t)
	tells(t, authenticate(t, tester, press(t, tester, tester.Open(t, service.URL+address), address), grace), "The test login passed")
	page = owner.Open(t, service.URL+"/admin/set-up/company?"+url.Values{"provider": {"simplesamlphp"}, "test": {result[1]}}.Encode())
	tells(t, page, "Passed", "Grace Hopper", "groups", "cloud-admins")

	// On, once it has been seen that everybody would have Full Access.
	page = fill(page, "/admin/set-up/company/on", nil)
	tells(t, page, "Before it is saved", "everyone who logs in has Full Access")
	tells(t, fill(page, "/admin/records/company/save", nil), "Active")

	person := interop.NewVisitor(t)
	in := authenticate(t, person, person.Open(t, service.URL+"/saml/company/login"), grace)
	tells(t, in, "Grace Hopper", "Full Access")
	if !strings.HasPrefix(in.URL.String(), service.URL+"/") {
		t.Errorf("the login ends at %s", in.URL)
	}
}
