package web_test

import (
	"testing"

	"idms/internal/web"
	"idms/test/browser"
)

// A passkey in a real browser, from the first owner's address to its removal.
func TestAPersonLivesWithAPasskey(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	token, err := h.flow.FirstAddress(t.Context())
	check(t, err)
	tab := browser.Start(t)
	tab.Passkeys(t)
	logOut := func() {
		t.Helper()
		tab.Open(t, h.base+"/")
		tab.Follow(t, `form[action="/logout"] button`)
	}
	arrive := func(css, text string) { // the passkey's page goes on by itself
		t.Helper()
		tab.Says(t, css, text)
	}

	tab.Open(t, h.base+web.ChoosePath(token))
	tab.Fill(t, "#username", "grace")
	tab.Fill(t, "#email", "grace@example.test")
	tab.Fill(t, "#password", ownersPassword)
	tab.Follow(t, "form button")
	tab.Fill(t, "#f-name", "This computer")
	tab.Fill(t, "#passkey-password", ownersPassword)
	tab.Follow(t, `form[action="/security/passkeys"] button`)
	arrive("#new-codes", "recovery codes")
	arrive("#passkeys + table", "This computer")

	logOut()
	tab.Open(t, h.base+"/door?return_to=/groups")
	tab.Follow(t, `form[action="/door/passkey"] button`)
	arrive("h1", "Your groups")
	tab.Open(t, h.base+"/")
	arrive(".badge", "Full Access")

	logOut()
	tab.Open(t, h.base+"/door")
	tab.Fill(t, "#username", "grace")
	tab.Fill(t, "#password", ownersPassword)
	tab.Follow(t, `form[action="/door"] button`)
	arrive("h1", "grace")
	arrive(".badge", "Full Access")

	if problems := tab.Problems(); len(problems) != 0 {
		t.Errorf("the browser complains: %q", problems)
	}
	tab.Open(t, h.base+"/security")
	tab.Click(t, "#passkeys + table summary")
	tab.Fill(t, `form[action$="/remove"][action*="/passkeys/"] input`, ownersPassword)
	tab.Follow(t, `form[action$="/remove"][action*="/passkeys/"] button`)
	arrive(".notice", "The passkey is removed.")

	logOut()
	tab.Open(t, h.base+"/door")
	tab.Follow(t, `form[action="/door/passkey"] button`)
	arrive(".refusal", "This passkey does not let you in.")
	if cookies := tab.Cookies(t, h.base); cookies["idms_session"] != "" {
		t.Error("a passkey that was removed lets in")
	}

	// Without scripts the page says what is missing.
	tab.JavaScript(t, false)
	tab.Open(t, h.base+"/door")
	tab.Follow(t, `form[action="/door/passkey"] button`)
	arrive("noscript .refusal", "Passkeys need scripts")
}
