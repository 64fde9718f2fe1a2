package journey_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"idms/test/browser"
	"idms/test/program"
)

const doorPassword = "crate anvil pond quill"

// pick chooses in a select or a calendar, whose looks are the browser's own.
func (v visitor) pick(t *testing.T, css, value string) {
	t.Helper()
	v.See(t, "main") // the page is there
	v.Do(t, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).value = %q; void 0", css, value)))
}

// knock logs a local person in at the back door.
func (v visitor) knock(t *testing.T, username string) {
	t.Helper()
	v.Fill(t, "#username", username)
	v.Fill(t, "#password", doorPassword)
	v.Follow(t, `form[action="/door"] button`)
}

// The first owner proves both ways in, enforces single sign-on, and lets a contractor
// in all the same; the back door shuts and is unlocked from the server (S50 to S52).
func TestEnforcementExemptionAndBackDoor(t *testing.T) {
	process := program.Start(t, "demo", "--port", "0")
	_, base, _ := strings.Cut(process.AwaitLine(t, "The demo is ready:"), "ready:")
	_, data, _ := strings.Cut(process.AwaitLine(t, "idms trace REFERENCE --data "), "--data ")
	base, data = strings.TrimSpace(base), strings.TrimSpace(data)
	first := process.AwaitLine(t, "/door/choose/")
	first = first[strings.Index(first, "http"):]
	v := visitor{browser.Start(t), base}
	v.Size(t, 1000, 800)

	t.Log("The first owner, from the address in the terminal.")
	v.Open(t, strings.Fields(first)[0])
	v.Fill(t, "#username", "grace")
	v.Fill(t, "#email", "grace@example.test")
	v.Fill(t, "#password", doorPassword)
	v.Follow(t, "form button")
	v.expect(t, "h1", "Security")

	t.Log("Two contractors, whom no provider knows: one is exempt, one is a plain local person.")
	v.Open(t, base+"/admin/exemptions/invite")
	v.Accessible(t)
	v.Fill(t, "#f-username", "eva")
	v.Fill(t, "#f-email", "eva@audit.example")
	v.Fill(t, "#f-reason", "the yearly audit; no company login")
	v.pick(t, "#f-ends", time.Now().UTC().AddDate(0, 1, 0).Format("2006-01-02T15:04"))
	v.Follow(t, `form[action="/admin/exemptions/invite"] button`)
	eva := v.See(t, "#address")
	v.Accessible(t)
	v.Open(t, base+"/admin/administrators/invite")
	v.Accessible(t)
	v.Fill(t, "#f-username", "otto")
	v.Fill(t, "#f-email", "otto@example.test")
	v.Follow(t, `form[action="/admin/administrators/invite"] button`)
	otto := v.See(t, "#address")
	v.Open(t, base+"/admin/administrators")
	v.Accessible(t)
	v.Follow(t, `main tbody tr:nth-child(2) a`) // owners come first
	v.expect(t, "h1", "otto")
	v.pick(t, "#f-role", "")
	v.Follow(t, `form[action$="/role"] button`)
	v.expect(t, ".notice", "The role is changed")
	v.quiet(t)

	t.Log("Nothing is enforced that is not proved; the page leads to both proofs.")
	v.Open(t, base+"/admin/settings")
	v.expect(t, ".proofs", "Missing")
	v.Accessible(t)
	v.Screenshot(t, "admin-settings")
	v.pick(t, "#record", "acme")
	v.Follow(t, `form[action="/admin/settings/test-login"] button`)
	v.Follow(t, "form button")
	v.choose(t, "Ada Okafor", "Log in with the smart card")
	v.expect(t, "h1", "The test login passed")
	v.Open(t, base+"/admin/settings")
	v.expect(t, ".proofs", "a test login of the record acme, by grace")
	v.Follow(t, `.proofs a[href^="/door"]`)
	v.knock(t, "grace")
	v.expect(t, ".proofs li:last-child", "grace came in with a password")
	v.Accessible(t)
	v.Follow(t, `form[action="/admin/settings/enforcement"] button`)
	v.expect(t, ".notice", "Single sign-on is enforced")
	v.Accessible(t)
	v.quiet(t)

	t.Log("A plain local person is refused, an exempt one gets in (S50, S51).")
	other := visitor{browser.Start(t), base}
	for _, address := range []string{otto, eva} {
		other.Open(t, address)
		other.Fill(t, "#password", doorPassword)
		other.Follow(t, "form button")
		other.expect(t, "h1", "Security")
		other.Open(t, base)
		other.leave(t)
	}
	other.Open(t, base+"/login")
	other.Follow(t, `a[href="/door"]`)
	other.knock(t, "otto")
	other.expect(t, "[role=alert]", "Passwords are for administrators, and for people who are exempt")
	other.knock(t, "eva")
	other.expect(t, "h1", "eva")
	other.quiet(t)

	t.Log("Each use by an administrator is an alarm in the audit trail (S52).")
	v.Open(t, base+"/admin/audit?alarms=yes&action=back_door_used")
	v.expect(t, "main table", "back_door_used")
	v.expect(t, "main table", "Alarm")

	t.Log("A shut door has no link, says so, and opens from the server.")
	v.Open(t, base+"/admin/settings")
	v.Click(t, "#door-agreed")
	v.Follow(t, `form[action="/admin/settings/door"] button`)
	v.expect(t, ".notice", "The back door is shut")
	other.Open(t, base+"/")
	other.leave(t)
	other.Open(t, base+"/door")
	other.expect(t, "main", "idms admin unlock")
	other.Accessible(t)
	stdout, stderr, exit := program.Run(t, "admin", "unlock", "grace", "--data", data, "--base-url", base, "--reason", "the journey")
	if exit != 0 {
		t.Fatalf("unlocking: exit %d\n%s%s", exit, stdout, stderr)
	}
	other.Open(t, strings.TrimSpace(stdout[strings.Index(stdout, "http"):]))
	other.Fill(t, "#password", doorPassword)
	other.Follow(t, "form button")
	other.Open(t, base+"/admin/settings")
	other.Follow(t, `form[action="/admin/settings/door"] button`)
	other.expect(t, ".notice", "The back door is open")
	other.quiet(t)
}
