package web_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"idms/internal/demo"
	"idms/internal/roles"
	"idms/internal/users"
	"idms/internal/web"
	"idms/test/browser"
)

// enter lets a local person of a role into a tab, by their one-time address.
func (h *house) enter(t *testing.T, tab *browser.Browser, username string, role roles.Role) {
	t.Helper()
	by := h.owner()
	id, err := h.store.CreateLocal(t.Context(), users.Profile{Username: username, Email: username + "@example.test"}, role, by)
	check(t, err)
	token, err := h.flow.PasswordAddress(t.Context(), id, by)
	check(t, err)
	tab.Open(t, h.base+web.ChoosePath(token))
	tab.Fill(t, `input[name="password"]`, "crate anvil pond quill")
	tab.Follow(t, `form button`)
}

const (
	acmesForm = "/admin/records/" + demo.Acme + "/edit"
	saveAll   = `section[aria-labelledby="save"] button`
)

// Two administrators have one record open. The second to save sees what the first
// has changed, and both changes are in the end.
func TestInABrowserTwoAdministratorsEditOneRecordAndNothingIsLost(t *testing.T) {
	h := newHouse(t, false)
	grace, edith := browser.Start(t), browser.Start(t)
	h.enter(t, grace, "grace", roles.Owner)
	h.enter(t, edith, "edith", roles.Editor)
	grace.Open(t, h.base+acmesForm)
	edith.Open(t, h.base+acmesForm)

	grace.Fill(t, "#f-button-label", "Log in at Acme")
	grace.Follow(t, saveAll)
	if got := grace.See(t, ".notice"); !strings.Contains(got, "saved") {
		t.Fatalf("the first one: %q", got)
	}
	edith.Fill(t, "#f-name", "Acme & Sons")
	edith.Follow(t, saveAll)
	if got := edith.See(t, "main"); !strings.Contains(got, "Changed meanwhile") || !strings.Contains(got, "grace") || !strings.Contains(got, "Log in at Acme") || !strings.Contains(got, "Acme & Sons") {
		t.Fatalf("the second one sees: %s", got)
	}
	edith.Accessible(t)
	edith.Stay(t, elsewhere) // what she typed is on this page alone
	edith.Follow(t, `form[action$="/merge"] button`)
	if got := edith.See(t, ".notice"); !strings.Contains(got, "saved") {
		t.Fatalf("put together: %q", got)
	}
	record, err := h.store.Record(t.Context(), demo.Acme)
	check(t, err)
	if record.Name != "Acme & Sons" || record.Button.Label != "Log in at Acme" {
		t.Errorf("the record is called %q with the button %q: a change is lost", record.Name, record.Button.Label)
	}
	for _, problem := range append(grace.Problems(), edith.Problems()...) {
		if !strings.Contains(problem, "409") { // the page that says so has this status
			t.Error(problem)
		}
	}
}

// What an administrator chooses in the browser as an icon is drawn anew, or refused
// at its field with everything else that was typed still there.
func TestInABrowserAHostileIconIsRefusedAtItsField(t *testing.T) {
	h := newHouse(t, false)
	tab := browser.Start(t)
	h.enter(t, tab, "grace", roles.Owner)
	var picture bytes.Buffer
	check(t, png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 300, 200))))
	folder, before := t.TempDir(), h.version(t, demo.Acme)
	choose := func(name string, content []byte) {
		t.Helper()
		path := filepath.Join(folder, name)
		check(t, os.WriteFile(path, content, 0o600))
		tab.Fill(t, "#f-button-label", "With a picture")
		tab.Do(t, chromedp.SetUploadFiles(chromedp.CSS("#f-button-icon"), []string{path}))
		tab.Follow(t, saveAll)
	}
	tab.Open(t, h.base+acmesForm) // each refusal leads back to it, and the next picture is chosen there
	for name, content := range map[string][]byte{
		"page.png":  []byte("<!doctype html><script>alert(1)</script>"),
		"logo.svg":  []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"short.png": picture.Bytes()[:60],
		"large.gif": append([]byte("GIF89a"), make([]byte, 300<<10)...),
	} {
		choose(name, content)
		if got := tab.See(t, "#f-button-icon-problem"); got == "" {
			t.Errorf("%s: nothing is said at the field", name)
		}
		if label := tab.See(t, "#problems"); label == "" || h.version(t, demo.Acme) != before {
			t.Errorf("%s: it was saved, or nothing is summed up", name)
		}
		if icon, _ := h.store.Icon(t.Context(), demo.Acme); len(icon) > 0 {
			t.Errorf("%s is stored", name)
		}
	}
	tab.Accessible(t)
	choose("logo.png", picture.Bytes())
	if got := tab.See(t, ".notice"); !strings.Contains(got, "saved") {
		t.Fatalf("a picture: %q", got)
	}
	icon, err := h.store.Icon(t.Context(), demo.Acme)
	check(t, err)
	drawn, err := png.DecodeConfig(bytes.NewReader(icon))
	if err != nil || drawn.Width > 128 || drawn.Height > 128 || bytes.Equal(icon, picture.Bytes()) {
		t.Errorf("the icon is %d × %d: %v", drawn.Width, drawn.Height, err)
	}
	for _, problem := range tab.Problems() {
		if !strings.Contains(problem, "422") {
			t.Error(problem)
		}
	}
}
