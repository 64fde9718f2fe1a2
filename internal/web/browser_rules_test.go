package web_test

import (
	"strings"
	"testing"

	"idms/internal/demo"
	"idms/internal/roles"
	"idms/test/browser"
)

// An administrator in a browser with scripts: the pattern is judged and tried while
// it is typed, the change is rehearsed, and saved when it has been seen.
func TestInABrowserARuleIsTriedAsItIsTypedAndRehearsedBeforeItIsSaved(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	tab := browser.Start(t)
	h.enter(t, tab, "grace", roles.Owner)
	tab.Open(t, h.base+acmesRules)
	tab.Follow(t, `button[value="edit:access_rules:cloud-admins"]`)
	if got := tab.See(t, "#live"); !strings.Contains(got, "ada") || !strings.Contains(got, "There is nothing to say against this rule.") {
		t.Fatalf("an open rule shows %q", got)
	}

	const pattern = `input[name="rule.pattern"]`
	tab.Fill(t, pattern, "^cloud(?=x)")
	tab.Says(t, "#live .refusal", "look-ahead") // a pattern that cannot be read is judged
	tab.Fill(t, pattern, "^nobody$")
	if got := tab.See(t, `#live td:has(.badge.restricted) small`); got != "now Full Access" { // by the rule for staff
		t.Errorf("what somebody would get: %q", got)
	}
	tab.Accessible(t)

	tab.Follow(t, `button[value="save"]`)
	if got := tab.See(t, ".total"); got != "1 of 2 people would fare differently." {
		t.Fatalf("the rehearsal says %q", got)
	}
	if got := tab.See(t, ".kind"); !strings.Contains(got, "1 person gets a lower level") || !strings.Contains(got, "ada") {
		t.Errorf("who fares differently: %q", got)
	}
	tab.Accessible(t)
	before := h.version(t, demo.Acme)
	tab.Follow(t, "form.back button")
	if got := tab.See(t, "#problems"); !strings.Contains(got, "Nothing was saved") || h.version(t, demo.Acme) != before {
		t.Errorf("the way back: %q", got)
	}
	tab.Follow(t, `button[value="save"]`)
	tab.Fill(t, "#f-reason", "the team has another name")
	tab.Follow(t, `form[action$="/save"] button`)
	if got := tab.See(t, ".notice"); !strings.Contains(got, "The record is saved") || h.version(t, demo.Acme) != before+1 {
		t.Errorf("saving ends with %q", got)
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}
