package journey_test

import (
	"strings"
	"testing"

	"idms/test/browser"
	"idms/test/program"
)

// demoOfAnOwner is a demo and its first owner, at the administrators' pages.
func demoOfAnOwner(t *testing.T) (v visitor, provider string) {
	t.Helper()
	process := program.Start(t, "demo", "--port", "0")
	after := func(words string) string {
		_, value, _ := strings.Cut(process.AwaitLine(t, words), words)
		return strings.TrimSpace(value)
	}
	v = visitor{browser.Start(t), after("The demo is ready:")}
	v.Size(t, 1280, 800)
	v.Open(t, after("Become its owner:"))
	v.Fill(t, "#username", "grace")
	v.Fill(t, "#email", "grace@example.test")
	v.Fill(t, "#password", "crate anvil pond quill")
	v.Follow(t, "form button")
	return v, after("by its metadata:")
}

// Somebody who has never read the documentation sets a connection up, lets a
// colleague try it, and switches it on.
func TestAConnectionIsSetUpThroughThePages(t *testing.T) {
	v, metadata := demoOfAnOwner(t)

	t.Log("1. Our values.")
	v.Open(t, v.base+"/admin/set-up")
	v.Accessible(t)
	v.Fill(t, "#f-name", "Wayne & Söhne")
	v.Follow(t, `form[action="/admin/set-up"] button`)
	if got := v.Location(t); !strings.HasPrefix(got, v.base+"/admin/set-up/wayne-sohne?") {
		t.Fatalf("the set-up is at %s", got)
	}
	v.expect(t, "#our-acs", v.base+"/saml/wayne-sohne/acs")
	v.expect(t, "dl.ours", "Copy")
	v.Accessible(t)

	t.Log("2. Theirs, with a preview that saves nothing.")
	v.Fill(t, "#f-saml-metadata_url", metadata)
	v.Follow(t, `button[value="preview"]`)
	v.expect(t, ".provider-card", metadata)
	v.Accessible(t)
	v.Screenshot(t, "set-up")
	v.Follow(t, `button[value="save"]`)

	t.Log("3. The mapping, and a test login that fails for it.")
	v.Fill(t, "#f-mapping-username", "username")
	v.Fill(t, "#f-mapping-email", "email")
	v.Fill(t, "#f-mapping-first_name", "givenName")
	v.Fill(t, "#f-mapping-last_name", "last_name")
	v.Follow(t, `form[action$="/mapping"] button`)
	colleague := visitor{browser.Start(t), v.base}
	try := func(ends string) {
		t.Helper()
		v.Follow(t, `form[action$="/test#test"] button`)
		colleague.Open(t, v.See(t, "#test-address"))
		colleague.Follow(t, "form button")
		colleague.choose(t, "Ada Okafor", "Log in with the smart card")
		colleague.expect(t, "h1", "The test login")
		v.expect(t, "#result .badge", ends) // it comes by itself
	}
	try("Not passed")
	v.expect(t, "#result .fix", "mapping.first_name")
	v.expect(t, ".came", "first_name")
	v.Accessible(t)
	v.Fill(t, "#f-mapping-first_name", "first_name")
	v.Follow(t, `form[action$="/mapping"] button`)
	try("Passed")
	v.expect(t, "#result", "Ada Okafor")
	v.Accessible(t)
	v.Screenshot(t, "set-up-test")

	t.Log("It is switched on, once what that means has been seen.")
	v.Follow(t, `form[action$="/on"] button`)
	v.expect(t, "h1", "Before it is saved")
	v.Follow(t, `form[action$="/save"] button`)
	v.expect(t, ".badge", "Active")
	colleague.begin(t, "wayne-sohne")
	colleague.choose(t, "Ada Okafor", "Log in with the smart card")
	colleague.expect(t, ".badge", "Full Access")

	t.Log("The same fields, and all the others, on one page.")
	v.Open(t, v.base+"/admin/records/wayne-sohne/edit")
	v.Accessible(t)
	v.Screenshot(t, "edit")
	v.Fill(t, "#f-button-label", "Log in at Wayne")
	v.Follow(t, "#edit section:last-of-type button")
	v.expect(t, ".notice", "saved")
	v.quiet(t)
	colleague.quiet(t)
}
