package journey_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

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
	v.Picture(t, "set-up", "div.sides", 960)
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
		v.Fill(t, "#f-mapping-phone", "telephone") // she goes on typing meanwhile
		colleague.Follow(t, "form button")
		colleague.choose(t, "Ada Okafor", "Log in with the smart card")
		colleague.expect(t, "h1", "The test login")
		v.expect(t, "#result .badge", ends) // it comes by itself
		if typed := v.Value(t, "#f-mapping-phone"); typed != "telephone" {
			t.Errorf("the result comes, and what was typed meanwhile is %q", typed)
		}
		v.Do(t, chromedp.Evaluate[chromedp.Void](`document.getElementById("f-mapping-phone").value = "";void 0`))
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
	v.Picture(t, "set-up-test", "#test", 760)

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

	aRuleIsAddedAndARefusalExplained(t, v, colleague)
}

// aRuleIsAddedAndARefusalExplained is the rest of the administrators' tutorial.
func aRuleIsAddedAndARefusalExplained(t *testing.T, v, colleague visitor) {
	t.Helper()
	t.Log("Without rules everybody comes in, a contractor too (S23).")
	colleague.begin(t, "wayne-sohne")
	colleague.choose(t, "Dora Marković", "Log in with a password")
	colleague.expect(t, "h1", "Dora")
	v.Open(t, v.base+"/admin/records")
	for _, shown := range []string{"Wayne & Söhne", "Certificate ends in 9 days", "Draft", "Disabled", "Sync held"} {
		v.expect(t, "table.records", shown)
	}
	v.Picture(t, "records", "", 760)

	t.Log("A rule is tried on them while it is typed.")
	v.Open(t, v.base+"/admin/records/wayne-sohne/rules")
	v.Follow(t, `button[value="new:validation_rules"]`)
	v.Fill(t, "#f-rule-attribute", "employment")
	v.Fill(t, "#f-rule-pattern", "^employee$")
	v.expect(t, "#live .badge.none", "Refused")
	v.expect(t, "#live mark", "employee")
	v.Accessible(t)
	v.Picture(t, "rules", "#edit", 1150)
	v.Follow(t, `button[value="keep"]`)

	t.Log("Before it is saved, whom it touches is shown.")
	v.Follow(t, `button[value="save"]`)
	v.expect(t, ".total", "1 of 2 people would fare differently.")
	v.Accessible(t)
	v.Picture(t, "rehearsal", "", 900)
	v.Fill(t, "#f-reason", "employees only")
	v.Follow(t, `form[action$="/save"] button`)
	v.expect(t, ".notice", "The record is saved")

	t.Log("The contractor is refused, and her reference leads to the rule.")
	colleague.begin(t, "wayne-sohne")
	colleague.choose(t, "Dora Marković", "Log in with a password")
	colleague.expect(t, "[role=alert]", "You are not allowed to log in here with this account.")
	reference := colleague.See(t, "code.chip")
	v.Open(t, v.base+"/admin")
	v.Fill(t, "#ref", reference)
	v.Follow(t, "form:has(#ref) button")
	v.expect(t, ".steps details[open] .fix a.change", "Change the rule")
	v.Picture(t, "trace", ".steps > li:has(details[open])", 520)

	t.Log("Who somebody is here, and why.")
	v.Open(t, v.base+"/admin/people?record=wayne-sohne&q=ada")
	v.Follow(t, "main td a")
	v.expect(t, "h1", "Ada Okafor")
	v.Picture(t, "person", "", 900)
	v.Open(t, v.base+"/admin/certificates")
	v.expect(t, "h1", "Certificates")
	v.Picture(t, "certificates", "", 900)
	v.quiet(t)
}
