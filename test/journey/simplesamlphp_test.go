package journey_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"idms/test/browser"
	"idms/test/interop"
)

// A newcomer with the demo and a SimpleSAMLphp of their own: from the address that the
// demo prints to a person who is logged in, with nothing but a browser.
func TestSimpleSAMLphpIsSetUpThroughThePages(t *testing.T) {
	hopper := interop.Person{Username: "grace", Password: "grace's password", Attributes: map[string][]string{
		"uid": {"grace"}, "mail": {"grace@company.example"}, "givenName": {"Grace"}, "sn": {"Hopper"}, "groups": {"staff", "cloud-admins"}}}
	idp := interop.StartSimpleSAMLphp(t, hopper)
	v, _ := demoOfAnOwner(t)

	t.Log("Our values, in its words; SimpleSAMLphp is told of them.")
	v.Open(t, v.base+"/admin/set-up")
	v.Fill(t, "#f-name", "Company")
	v.Do(t, chromedp.SetValue(chromedp.CSS(`select[name="provider"]`), "simplesamlphp"))
	v.Follow(t, `form[action="/admin/set-up"] button`)
	v.expect(t, "dl.ours", "There: key of the entry in saml20-sp-remote")
	v.expect(t, "#our-acs", v.base+"/saml/company/acs")
	metadata := v.base + "/saml/company/metadata"
	idp.Trust(t, interop.ServiceProvider{EntityID: metadata, MetadataURL: metadata, SignResponse: true, SignAssertion: true})

	t.Log("Theirs, by its file.")
	file := filepath.Join(t.TempDir(), "idp.xml")
	if err := os.WriteFile(file, idp.Metadata(t), 0o600); err != nil {
		t.Fatal(err)
	}
	v.Click(t, "details:has(#metadata-file) summary")
	v.Do(t, chromedp.SetUploadFiles(chromedp.CSS("#metadata-file"), []string{file}))
	v.Follow(t, `button[value="preview"]`)
	v.expect(t, ".provider-card", idp.EntityID)
	v.Follow(t, `button[value="save"]`)

	t.Log("The mapping is the one that the page suggests, and somebody tries it.")
	v.Follow(t, `form[action$="/mapping"] button`)
	v.Follow(t, `form[action$="/test#test"] button`)
	person := visitor{browser.Start(t), v.base}
	authenticate := func() {
		t.Helper()
		person.See(t, "#username")
		person.Fill(t, "#username", hopper.Username)
		person.Fill(t, "#password", hopper.Password)
		person.Follow(t, "#submit_button, form[name=f] button")
	}
	person.Open(t, v.See(t, "#test-address"))
	person.Follow(t, "form button")
	authenticate()
	person.expect(t, "h1", "The test login")
	v.expect(t, "#result .badge", "Passed") // it comes by itself
	v.expect(t, "#result", "Grace Hopper")
	v.expect(t, ".came", "cloud-admins")

	t.Log("On, once it has been seen that everybody would have Full Access.")
	v.Follow(t, `form[action$="/on"] button`)
	v.expect(t, "h1", "Before it is saved")
	v.expect(t, "main", "everyone who logs in has Full Access")
	v.Follow(t, `form[action$="/save"] button`)
	v.expect(t, ".badge", "Active")

	t.Log("A person logs in by the button.")
	newcomer := visitor{browser.Start(t), v.base}
	person = newcomer
	person.Open(t, v.base+"/login")
	person.Follow(t, `a.way[href^="/saml/company/login"]`)
	authenticate()
	person.expect(t, "h1", "Grace Hopper")
	person.expect(t, ".badge", "Full Access")
	v.quiet(t)
}
