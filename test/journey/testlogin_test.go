package journey_test

import (
	"strings"
	"testing"

	"idms/test/browser"
	"idms/test/program"
)

// An administrator tries a record: the address in the terminal, the round trip in
// a browser, everything in both (docs/how-to/test-login.md).
func TestAnAdministratorTriesARecord(t *testing.T) {
	base, data := startDemoWithData(t)
	v := visitor{browser.Start(t), base}
	v.Size(t, 1000, 640)

	for _, one := range []struct{ name, way, ends, shows, told string }{
		{"Ada Okafor", "Log in with the smart card", "The test login passed", "Passed", "passed: the person would be logged in"},
		{"Goro Tanaka", "Log in with a password", "The test login did not pass", "mapping.email", "not passed: field_missing"},
	} {
		asked := program.Start(t, "test-login", "acme", "--data", data, "--base-url", base)
		address := strings.TrimSpace(asked.AwaitLine(t, "/saml/acme/test/"))
		v.Open(t, address)
		v.Accessible(t)
		v.Follow(t, "form button") // the form ends at the provider: form-action must allow it
		v.choose(t, one.name, one.way)
		v.expect(t, "h1", one.ends)
		v.Accessible(t)
		v.Open(t, address)
		v.expect(t, "main", one.shows)
		v.Accessible(t)
		v.quiet(t)
		asked.AwaitLine(t, one.told)

		// Nobody is logged in by it.
		v.Open(t, base)
		v.expect(t, "h2", "Log in with")
	}

	t.Log("On a small screen, in the dark, without JavaScript.")
	v.JavaScript(t, false)
	v.Dark(t, true)
	v.Size(t, 320, 640)
	asked := program.Start(t, "test-login", "acme", "--data", data, "--base-url", base)
	address := strings.TrimSpace(asked.AwaitLine(t, "/saml/acme/test/"))
	for _, css := range []string{"form button", `button[aria-label="Farah Siddiqui: Log in with a password"]`, "form[data-post-now] button"} {
		if css == "form button" {
			v.Open(t, address)
		}
		if wide := v.SidewaysScroll(t); wide > 0 {
			t.Errorf("%s scrolls sideways by %d pixels", v.Location(t), wide)
		}
		v.Follow(t, css)
	}
	v.expect(t, "[role=alert]", "You are not allowed to log in here with this account.") // S60
	v.Open(t, address)
	v.expect(t, "main", "no_access")
	if wide := v.SidewaysScroll(t); wide > 0 {
		t.Errorf("the result scrolls sideways by %d pixels", wide)
	}
}
