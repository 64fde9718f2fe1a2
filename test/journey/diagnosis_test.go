package journey_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idms/test/browser"
	"idms/test/program"
)

// Somebody cannot log in any more, and reads out a reference. From it alone an
// administrator finds the rule to change, and that it was changed since the person
// last came in (S60, S61).
func TestAFailedLoginIsDiagnosedFromItsReference(t *testing.T) {
	base, data := startDemoWithData(t)
	v := visitor{browser.Start(t), base}
	v.Size(t, 1000, 800)

	t.Log("Yesterday it worked.")
	v.begin(t, "acme")
	v.choose(t, "Ada Okafor", "Log in with the smart card")
	v.expect(t, "h1", "Ada Okafor")

	t.Log("Then somebody made a rule too narrow.")
	file, stderr, exit := program.Run(t, "export", "--data", data)
	if exit != 0 || !strings.Contains(file, "pattern: employee\n") {
		t.Fatalf("export ends with %d: %s\n%s", exit, stderr, file)
	}
	path := filepath.Join(t.TempDir(), "records.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(file, "pattern: employee\n", "pattern: intern\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, exit := program.Run(t, "apply", "--data", data, "-f", path, "--reason", "interns only"); exit != 0 {
		t.Fatalf("apply ends with %d: %s%s", exit, stdout, stderr)
	}

	t.Log("The visitor is refused, and reads the reference out.")
	v.leave(t)
	v.begin(t, "acme")
	v.choose(t, "Ada Okafor", "Log in with the smart card")
	v.expect(t, "[role=alert]", "You are not allowed to log in here with this account.")
	reference := v.See(t, "code.chip")
	v.Accessible(t)

	t.Log("The administrator comes by the door.")
	made, stderr, exit := program.Run(t, "admin", "create", "grace", "--email", "grace@example.test", "--data", data, "--base-url", base)
	if exit != 0 {
		t.Fatalf("admin create ends with %d: %s", exit, stderr)
	}
	_, address, found := strings.Cut(made, base)
	if !found {
		t.Fatalf("admin create prints %q", made)
	}
	v.Open(t, base+strings.Fields(address)[0])
	v.Fill(t, "#password", "crate anvil pond quill")
	v.Follow(t, "main form button")
	v.leave(t)
	v.Open(t, base+"/admin")
	v.Fill(t, "#username", "grace")
	v.Fill(t, "#password", "crate anvil pond quill")
	v.Follow(t, "main form button")

	t.Log("From the reference to the step that refused, and its fix.")
	v.expect(t, "h1", "Logins")
	v.Fill(t, "#ref", strings.ToLower(reference))
	v.Follow(t, "form:has(#ref) button")
	v.expect(t, "h1", "Login "+reference)
	v.expect(t, ".steps details[open] summary", "refused here: validation_failed")
	v.expect(t, ".steps details[open] .fix", "intern")
	v.expect(t, ".steps details[open] .fix a.change", "Change the rule employees")
	v.Accessible(t)
	v.Screenshot(t, "admin-login-diagnosed")

	t.Log("And what is different since it last worked.")
	v.Follow(t, `a[href$="/compare"]`)
	v.expect(t, ".say", "was true and is false, since it was changed")
	v.expect(t, "#record ~ table", "intern")
	v.expect(t, "#rules ~ table", "changed since")
	v.Accessible(t)
	v.Screenshot(t, "admin-login-compared")
	v.quiet(t)
}
