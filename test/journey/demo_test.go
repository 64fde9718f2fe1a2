package journey_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"idms/test/browser"
	"idms/test/program"
)

// startDemo starts what `make run` starts, and returns its address.
func startDemo(t *testing.T) string {
	t.Helper()
	address, _ := startDemoWithData(t)
	return address
}

// startDemoWithData is startDemo, and where the demo keeps its data while it runs.
func startDemoWithData(t *testing.T) (address, data string) {
	t.Helper()
	process := program.Start(t, "demo", "--port", "0")
	_, address, _ = strings.Cut(process.AwaitLine(t, "The demo is ready:"), "ready:")
	_, data, _ = strings.Cut(process.AwaitLine(t, "idms trace REFERENCE --data "), "--data ")
	return strings.TrimSpace(address), strings.TrimSpace(data)
}

// startDemoWithPortal returns the portal's address too.
func startDemoWithPortal(t *testing.T) (address, portal string) {
	t.Helper()
	process := program.Start(t, "demo", "--port", "0")
	_, address, _ = strings.Cut(process.AwaitLine(t, "The demo is ready:"), "ready:")
	_, portal, _ = strings.Cut(process.AwaitLine(t, "A portal behind it:"), "behind it:")
	return strings.TrimSpace(address), strings.TrimSpace(portal)
}

// visitor is somebody who clicks through the demo.
type visitor struct {
	*browser.Browser
	base string
}

// begin goes from the login page to the people of the identity provider.
func (v visitor) begin(t *testing.T, record string) {
	t.Helper()
	v.Open(t, v.base+"/login")
	v.Follow(t, `a.way[href^="/saml/`+record+`/login"]`)
	v.See(t, "ul.cast")
}

// leave logs out: over the identity provider and back, where there is one.
func (v visitor) leave(t *testing.T) {
	t.Helper()
	v.Follow(t, `form[action="/logout"] button`)
	v.expect(t, "h1", "You are logged out")
}

// choose clicks on a person at the identity provider.
func (v visitor) choose(t *testing.T, name, way string) {
	t.Helper()
	v.Follow(t, `button[aria-label="`+name+`: `+way+`"]`)
}

func (v visitor) expect(t *testing.T, css, text string) {
	t.Helper()
	v.Says(t, css, text)
}

// quiet fails when the browser had something to complain about; what the pages'
// policy forbids shows here. A refusal's own status is no complaint.
func (v visitor) quiet(t *testing.T) {
	t.Helper()
	for _, problem := range v.Problems() {
		if !strings.Contains(problem, "403") {
			t.Errorf("the browser says: %s", problem)
		}
	}
}

func TestAVisitorOfTheDemo(t *testing.T) {
	v := visitor{browser.Start(t), startDemo(t)}
	v.Size(t, 1000, 640)

	v.Open(t, v.base)
	v.expect(t, "h1", "Demo portal")
	v.Accessible(t)
	v.Screenshot(t, "login")

	t.Log("Somebody who is Restricted until they elevate (S25, S26).")
	v.begin(t, "acme")
	v.Accessible(t)
	v.Screenshot(t, "people")
	v.choose(t, "Chen Wei", "Log in with a password")
	v.expect(t, ".badge", "Restricted")
	v.Accessible(t)
	v.Follow(t, `form[action="/elevate"] button`) // the form ends at the provider: form-action must allow it
	v.expect(t, "main", "a smart card")
	v.Accessible(t)
	v.choose(t, "Chen Wei", "Log in with the smart card")
	v.expect(t, ".badge", "Full Access")
	v.Accessible(t)
	v.Screenshot(t, "who")
	v.Follow(t, `form[action="/elevate/end"] button`)
	v.expect(t, ".badge", "Restricted")
	v.quiet(t)

	t.Log("Logging out, here and at the provider.")
	v.leave(t)
	v.expect(t, "#answer", "logged out at your identity provider as well") // it goes there and back by itself
	v.Accessible(t)
	v.Open(t, v.base+"/groups")
	v.expect(t, "h2", "Log in with")
	v.quiet(t)

	t.Log("Somebody who is refused, and learns no more than they may (S60).")
	v.begin(t, "acme")
	v.choose(t, "Dora Marković", "Log in with a password")
	v.expect(t, "[role=alert]", "You are not allowed to log in here with this account.")
	v.Accessible(t)
	v.Screenshot(t, "refused")
	v.quiet(t)

	t.Log("Removed from a group at the next login (S31).")
	v.begin(t, "acme")
	v.choose(t, "Hugo Lindqvist", "Log in, still on the team")
	v.expect(t, "table", "Platform team")
	v.begin(t, "acme")
	v.choose(t, "Hugo Lindqvist", "Log in, having left the team")
	v.expect(t, "table", "Everyone at Acme")
	if strings.Contains(v.See(t, "table"), "Platform team") {
		t.Error("Hugo is still on the platform team")
	}
	v.quiet(t)
}

func TestAVisitorOfTheDemosPortal(t *testing.T) {
	address, portal := startDemoWithPortal(t)
	v := visitor{browser.Start(t), address}
	header := func(name, want string) {
		t.Helper()
		v.expect(t, `[id="`+name+`"]`, want)
	}

	t.Log("The portal leads to the login, and the login back to where she wanted to go.")
	v.Open(t, portal+"/machines/7")
	if got := v.Location(t); !strings.HasPrefix(got, address+"/login?") {
		t.Fatalf("the portal led to %s", got)
	}
	v.Follow(t, `a.way[href^="/saml/acme/login"]`)
	v.choose(t, "Chen Wei", "Log in with a password")
	v.expect(t, "h1", "Hello, chen")
	if got := v.Location(t); got != portal+"/machines/7" {
		t.Errorf("the login led to %s", got)
	}
	header("X-Idms-Groups", "everyone")
	header("X-Idms-Console", "restricted")

	t.Log("The console asks for more; the elevation ends where it began (S26).")
	v.Follow(t, "#console")
	v.Follow(t, `form[action="/elevate"] button`)
	v.choose(t, "Chen Wei", "Log in with the smart card")
	v.expect(t, "h1", "The console is open")
	v.Open(t, portal)
	header("X-Idms-Console", "full")
	v.Follow(t, "#console")
	v.Follow(t, "#end")
	header("X-Idms-Console", "restricted")

	t.Log("From the login host's page, too, a link leads there.")
	v.Open(t, address)
	v.Accessible(t)
	v.Follow(t, "a.portal")
	v.expect(t, "h1", "Hello, chen")

	t.Log("Logged out at the portal, and everywhere.")
	v.Follow(t, "#logout")
	v.expect(t, "h1", "You are logged out")
	v.Open(t, portal)
	v.expect(t, "h2", "Log in with")
	v.quiet(t)
}

func TestAVisitorOfTheDemoWithoutJavaScriptOnASmallScreenInTheDark(t *testing.T) {
	v := visitor{browser.Start(t), startDemo(t)}
	v.JavaScript(t, false)
	v.Dark(t, true)
	v.Size(t, 320, 640)
	look := func() {
		t.Helper()
		if wide := v.SidewaysScroll(t); wide > 0 {
			t.Errorf("%s scrolls sideways by %d pixels", v.Location(t), wide)
		}
	}

	// Globex takes its request by POST: that page, too, has a button.
	v.Open(t, v.base+"/login")
	look()
	v.Follow(t, `a.way[href^="/saml/globex/login"]`)
	look()
	v.Follow(t, "form[data-post-now] button")
	look()
	v.choose(t, "Ada Okafor", "Log in with the smart card")
	look()
	v.Follow(t, "form[data-post-now] button")
	v.expect(t, ".badge", "Full Access")
	look()

	// Five hundred groups, on a page that can be searched.
	v.Open(t, v.base+"/login")
	v.Follow(t, `a.way[href^="/saml/initech/login"]`)
	v.choose(t, "Inês Carvalho", "Log in with a password")
	v.Follow(t, "form[data-post-now] button")
	v.expect(t, "main", "Show all 500 groups")
	look()
	v.Follow(t, `a[href="/groups"]`)
	look()
	v.Fill(t, "#q", "team-04")
	v.Follow(t, "search button")
	v.expect(t, "[role=status]", "10 of 500 groups")
	look()
	v.quiet(t)
}

// A newcomer's patience: the demo is there within two seconds. Five starts are
// tried and the best counts, without the time in which other programs had the
// processors: this machine may be busy with other tests.
func TestTheDemoIsReadyWithinTwoSeconds(t *testing.T) {
	program.Path(t) // built beforehand
	var took []time.Duration
	for range 5 {
		began := time.Now()
		process := program.Start(t, "demo", "--port", "0")
		process.AwaitLine(t, "The demo is ready:")
		took = append(took, time.Since(began)-process.Queued(t))
		if code := process.Stop(t); code != 0 {
			t.Errorf("stopping it ends with exit code %d", code)
		}
		if slices.Min(took) < 2*time.Second {
			return
		}
	}
	t.Errorf("ready after %v, want less than two seconds", took)
}
