package journey_test

import (
	"strings"
	"testing"

	"idms/test/browser"
	"idms/test/program"
)

// startDemoAsOwner starts the demo and makes the visitor its first owner.
func startDemoAsOwner(t *testing.T) visitor {
	t.Helper()
	process := program.Start(t, "demo", "--port", "0")
	_, address, _ := strings.Cut(process.AwaitLine(t, "The demo is ready:"), "ready:")
	_, administer, _ := strings.Cut(process.AwaitLine(t, "Become its owner:"), "owner:")
	v := visitor{browser.Start(t), strings.TrimSpace(address)}
	v.Open(t, strings.TrimSpace(administer))
	v.Fill(t, "#username", "grace")
	v.Fill(t, "#email", "grace@example.test")
	v.Fill(t, "#password", "crate anvil pond quill")
	v.Follow(t, "main button")
	return v
}

func TestAHeldSyncIsApprovedInTheDemo(t *testing.T) {
	v := startDemoAsOwner(t)
	v.Size(t, 1280, 900)

	t.Log("The list says what waits, and leads to it.")
	v.Open(t, v.base+"/admin/directory")
	v.expect(t, "main tbody tr:first-child", "Held")
	v.Accessible(t)
	v.Screenshot(t, "directories")
	v.Follow(t, "main tbody tr:first-child a")
	v.expect(t, "#held", "A plan waits for approval")
	v.Accessible(t)
	v.Screenshot(t, "directory-held")

	t.Log("The plan names everybody who would be shut out.")
	v.Follow(t, `section[aria-labelledby="held"] a[role="button"]`)
	v.expect(t, `section[aria-labelledby="plan"] tbody tr:first-child`, "Shut out: gone")
	v.expect(t, `section[aria-labelledby="plan"] table`, "colleague07")
	v.Accessible(t)
	v.Picture(t, "directory-plan", "", 900)

	t.Log("A number that is not the plan's approves nothing.")
	v.Follow(t, `a[href$="/approve"]`)
	v.expect(t, "#takes", "7 people are shut out")
	v.Accessible(t)
	v.Screenshot(t, "directory-approve")
	v.Fill(t, "#f-number", "1")
	v.Follow(t, "main form button")
	v.expect(t, "#problems", "how much this plan takes away")
	total := v.See(t, `label[for="f-number"] strong`)
	v.Fill(t, "#f-number", total)
	v.Fill(t, "#f-reason", "the Oslo office closed")
	v.Follow(t, "main form button")
	v.expect(t, ".notice", "approved")

	t.Log("The page moves by itself until the run has ended.")
	v.expect(t, `#progress section[aria-label="How it ended"]`, "Applied")
	v.Accessible(t)
	v.Follow(t, `#progress a[href*="/runs/"]`)
	v.expect(t, "main", "by grace")

	t.Log("A group says who is in it, and why.")
	v.Open(t, v.base+"/admin/groups/field-service")
	v.expect(t, "main tbody", "by the directory of umbrella")
	v.Accessible(t)
	v.Picture(t, "group", "", 900)
	for _, problem := range v.Problems() {
		if !strings.Contains(problem, "422") { // the number that was none
			t.Errorf("the browser says: %s", problem)
		}
	}
}
