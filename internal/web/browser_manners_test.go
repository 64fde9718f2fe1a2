package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"idms/internal/demo"
	"idms/internal/roles"
	"idms/test/browser"
)

// elsewhere is a link that every page of administrators has.
const elsewhere = `nav.sections a[href="/admin/logins"]`

// What somebody has typed is lost to no link and to no button of another form before
// they were asked. Whoever sends the form itself is asked nothing.
func TestInABrowserWhatWasTypedAsksBeforeItIsLost(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	tab := browser.Start(t)
	h.enter(t, tab, "grace", roles.Owner)

	t.Log("The long form.")
	tab.Open(t, h.base+acmesForm)
	tab.Fill(t, "#f-name", "Acme & Daughters")
	tab.Stay(t, elsewhere)
	tab.Stay(t, `form[action="/logout"] button`)
	tab.Follow(t, `button[value="words"]`) // takes along what was typed, and so does not ask
	tab.Stay(t, elsewhere)
	tab.Fill(t, "#f-saml-clock_skew", "soon")
	tab.Follow(t, saveAll)
	if tab.See(t, "#f-saml-clock_skew-problem") == "" {
		t.Error("the form is not refused")
	}
	tab.Stay(t, elsewhere)
	tab.Fill(t, "#f-saml-clock_skew", "2m")
	if got := tab.Value(t, "#f-name"); got != "Acme & Daughters" {
		t.Fatalf("after all that the name is %q", got)
	}
	tab.Follow(t, saveAll)
	if got := tab.See(t, ".notice"); !strings.Contains(got, "saved") {
		t.Fatalf("saving ends with %q", got)
	}

	t.Log("Who takes back what they typed has nothing to lose.")
	tab.Do(t, chromedp.SendKeys(chromedp.CSS("#f-name"), "x"+kb.Backspace))
	tab.Follow(t, elsewhere)

	t.Log("A page in between carries the edit, and asks from the beginning.")
	tab.Open(t, h.base+acmesRules)
	tab.Follow(t, `button[value="edit:access_rules:cloud-admins"]`)
	tab.Fill(t, "#f-rule-pattern", "^nobody$")
	tab.Follow(t, `button[value="save"]`)
	tab.See(t, ".total")
	tab.Stay(t, elsewhere)
	tab.Follow(t, "form.back button")
	tab.See(t, "#problems")
	tab.Stay(t, elsewhere)
	tab.Follow(t, `button[value="save"]`)
	tab.Click(t, "#f-confirmed")
	tab.Follow(t, `form[action$="/save"] button`)
	tab.See(t, ".notice")
	tab.Follow(t, elsewhere)

	for _, problem := range tab.Problems() {
		if !strings.Contains(problem, "422") {
			t.Error(problem)
		}
	}
}

// A test login is waited for on the page of a set-up: its result goes into that page,
// and leaves alone what is typed meanwhile.
func TestInABrowserTheResultOfATestLoginComesToWhoGoesOnTyping(t *testing.T) {
	h := newHouse(t, false)
	tab, provider := browser.Start(t), h.visitor(t)
	h.enter(t, tab, "grace", roles.Owner)
	tab.Open(t, h.base+"/admin/set-up/"+demo.Acme)
	tab.Follow(t, testFill+` button`)
	address := tab.See(t, "#test-address")
	tab.Fill(t, "#f-mapping-phone", "telephone")
	tab.Stay(t, testFill+` button`) // another form
	provider.post(t, address, nil)
	provider.choose(t, "ada", "card")
	provider.carry(t)
	if got := tab.See(t, "#result .badge"); got != "Passed" {
		t.Errorf("the result is %q", got)
	}
	if got := tab.Value(t, "#f-mapping-phone"); got != "telephone" {
		t.Errorf("what was typed meanwhile is %q", got)
	}
	const came = `document.querySelectorAll("#f-mapping-phone-list option").length`
	var offered int
	tab.Do(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) (err error) {
		offered, err = chromedp.Evaluate[int](came)(ctx, target)
		return err
	}))
	if offered == 0 {
		t.Error("what came is not offered to the field that is typed into")
	}
	tab.Stay(t, elsewhere)
	tab.Accessible(t)
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}

// Times are in UTC, and behind them in the reader's own zone, as text. How long ago
// something was says when as well.
func TestInABrowserTimesAreInTheReadersZoneToo(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	tab := browser.Start(t)
	h.enter(t, tab, "grace", roles.Owner)
	for _, tt := range []struct {
		zone, called string
		ahead        time.Duration
	}{{"Asia/Kolkata", "UTC+5:30", 5*time.Hour + 30*time.Minute}, {"America/Phoenix", "UTC−7", -7 * time.Hour}} {
		tab.TimeZone(t, tt.zone)
		tab.Open(t, h.base+"/admin/logins")
		at, err := time.Parse("2006-01-02 15:04:05 MST", tab.See(t, "td time"))
		check(t, err)
		local := at.Add(tt.ahead)
		want := local.Format("15:04:05 ") + tt.called
		if local.YearDay() != at.YearDay() {
			want = local.Format("2006-01-02 ") + want
		}
		if got := tab.See(t, "td small.local"); got != want {
			t.Errorf("%s in %s is %q, want %q", at, tt.zone, got, want)
		}
		tab.Open(t, h.base+"/admin/records")
		at, err = time.Parse("2006-01-02 15:04:05 MST", attribute(t, tab, "td time", "title"))
		check(t, err)
		if got, want := tab.See(t, "td small.local"), at.Add(tt.ahead).Format("2006-01-02 15:04:05 ")+tt.called; got != want {
			t.Errorf("some time ago in %s is %q, want %q", tt.zone, got, want)
		}
		tab.Accessible(t)
	}
	tab.TimeZone(t, "UTC")
	tab.Open(t, h.base+"/admin/logins")
	if strings.Contains(tab.See(t, "main"), "UTC+0") || tab.See(t, "td time") == "" {
		t.Error("who lives by UTC sees every time twice")
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}

func attribute(t *testing.T, tab *browser.Browser, css, name string) string {
	t.Helper()
	var value string
	tab.Do(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) (err error) {
		value, err = chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).getAttribute(%q)`, css, name))(ctx, target)
		return err
	}))
	return value
}

// An identifier is taken with one click.
func TestInABrowserAValueIsCopied(t *testing.T) {
	h := newHouse(t, false)
	tab := browser.Start(t)
	h.enter(t, tab, "grace", roles.Owner)
	tab.Open(t, h.base+"/admin/set-up/"+demo.Acme)
	if got, want := tab.Copy(t, `button[data-copy="our-acs"]`), h.base+"/saml/acme/acs"; got != want {
		t.Errorf("copied is %q, want %q", got, want)
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}

// A rule is written, judged, put into its list and saved with the keyboard alone.
// Enter in a field shows what comes of it, and saves nothing.
func TestInABrowserARuleIsWrittenAndSavedWithTheKeyboardAlone(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	tab, before := browser.Start(t), h.version(t, demo.Acme)
	h.enter(t, tab, "grace", roles.Owner)
	tab.Open(t, h.base+acmesRules)
	tab.Reach(t, `button[value="new:validation_rules"]`)
	tab.Enter(t)
	tab.Reach(t, "#f-rule-attribute")
	tab.Type(t, "employment")
	tab.Reach(t, "#f-rule-pattern")
	tab.Type(t, "^(employee$")
	tab.Enter(t)
	if got := tab.See(t, "#live .refusal"); !strings.Contains(got, "(") || tab.Value(t, "#f-rule-pattern") != "^(employee$" {
		t.Errorf("Enter judges the pattern: %q", got)
	}
	tab.Reach(t, "#f-rule-pattern") // what stands there is selected, and typed over
	tab.Type(t, "^employee$")
	tab.Reach(t, `button[value="keep"]`)
	tab.Enter(t)
	tab.Reach(t, "#f-reason")
	tab.Type(t, "employees only")
	tab.Enter(t)
	if got := tab.See(t, "section.draft"); !strings.Contains(got, "^employee$") || tab.Value(t, "#f-reason") != "employees only" || h.version(t, demo.Acme) != before {
		t.Errorf("Enter in the reason leads to %s: %q", tab.Location(t), got)
	}
	tab.Reach(t, "#f-q")
	tab.Type(t, "nothing has this")
	tab.Enter(t)
	tab.See(t, "section.rules .quiet")
	tab.Reach(t, "#f-person")
	tab.Type(t, "ada")
	tab.Enter(t)
	if got := tab.See(t, "#live table"); !strings.Contains(got, "ada") {
		t.Errorf("Enter behind a person tries %q", got)
	}
	tab.Reach(t, `section.draft button[value="save"]`)
	tab.Enter(t)
	if tab.See(t, "h1") == "Before it is saved" {
		tab.Reach(t, `form[action$="/save"] button`)
		tab.Enter(t)
	}
	if got := tab.See(t, ".notice"); !strings.Contains(got, "saved") || h.version(t, demo.Acme) != before+1 {
		t.Errorf("saving with the keyboard ends with %q", got)
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}

// A record is edited in a browser without scripts: Enter and every button do the same.
func TestInABrowserWithoutScriptsARecordIsEdited(t *testing.T) {
	h := newHouse(t, false)
	tab, before := browser.Start(t), h.version(t, demo.Acme)
	h.enter(t, tab, "grace", roles.Owner)
	tab.JavaScript(t, false)
	tab.Open(t, h.base+acmesForm)
	tab.Fill(t, "#f-name", "Acme, quietly")
	tab.Follow(t, `button[value="words"]`)
	if got := tab.Value(t, "#f-name"); got != "Acme, quietly" || h.version(t, demo.Acme) != before {
		t.Errorf("other words come with the name %q", got)
	}
	tab.Do(t, chromedp.Focus(chromedp.CSS("#f-button-label")))
	tab.Enter(t)
	if got := tab.See(t, ".notice"); !strings.Contains(got, "saved") {
		t.Errorf("Enter in the long form ends with %q", got)
	}
	tab.Open(t, h.base+acmesRules)
	tab.Follow(t, `button[value="edit:access_rules:cloud-admins"]`)
	tab.Fill(t, "#f-rule-pattern", "^cloud(?=x)")
	tab.Enter(t)
	if got := tab.See(t, "#live .refusal"); !strings.Contains(got, "look-ahead") || h.version(t, demo.Acme) != before+1 {
		t.Errorf("Enter in a pattern leads to %q", got)
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}
