package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/demo"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/rules"
)

// wanted are the fields that a page about two changes says its reader wants to change.
func (p *person) wanted() []string {
	return p.page.Find("#mine").Parent().Find("td:first-child code").Map(func(_ int, one *goquery.Selection) string { return one.Text() })
}

// isOn fails unless a form that was come back to stands on a version.
func (p *person) isOn(t *testing.T, path string, version int) {
	t.Helper()
	if p.status != http.StatusOK || p.at.Path != path || p.page.Find(`#problems[role="status"]`).Length() != 1 || p.value("seen") != fmt.Sprint(version) {
		t.Fatalf("back at %s, %d, made of version %s, want %s of %d:\n%s", p.at, p.status, p.value("seen"), path, version, said(p))
	}
}

const initechsForm = "/admin/records/initech/edit"

// The second of two administrators puts both changes together, sees what that does,
// and goes back to type one thing more: on top of both.
func TestBackFromWhatWasPutTogetherTheFormStandsOnTheNewestVersion(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, initechsForm)
	first := h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Button.Label, r.Name = "Theirs", "Their name" })
	p.fill(t, editFill, url.Values{"name": {"My name"}, "saml.clock_skew": {"90s"}, "saml.legacy.sha1": {"true"}}, map[string][]byte{"button.icon": aPicture(t)})
	if p.status != http.StatusConflict || slices.Contains(p.wanted(), "button.label") || !slices.Contains(p.wanted(), "saml.clock_skew") {
		t.Fatalf("%d, I want to change %q\n%s", p.status, p.wanted(), said(p))
	}
	p.fill(t, mergeForm, nil, nil) // theirs stands: I have chosen nothing
	if p.page.Find("h1").Text() != "Before it is saved" {
		t.Fatalf("put together: %d\n%s", p.status, said(p))
	}
	p.fill(t, "form.back", nil, nil)
	p.isOn(t, initechsForm, first.Version)
	if p.value("name") != "Their name" || p.value("button.label") != "Theirs" || p.value("saml.clock_skew") != "1m30s" || p.value("button.icon.kept") == "" {
		t.Errorf("the form has %q, %q and %q, and a picture of %d bytes", p.value("name"), p.value("button.label"), p.value("saml.clock_skew"), len(p.value("button.icon.kept")))
	}

	// A third change comes, of which I choose mine, and back I have it still.
	second := h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Button.Label = "Theirs again" })
	p.fill(t, editFill, url.Values{"button.label": {"My label"}}, nil)
	p.fill(t, mergeForm, url.Values{"mine.button.label": {"yes"}}, nil)
	third := h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Mapping.NamesOptional = !r.Mapping.NamesOptional })
	p.fill(t, saveForm, nil, nil)
	if p.status != http.StatusConflict || slices.Contains(p.wanted(), "mapping.names_optional") {
		t.Fatalf("changed once more: %d, I want %q", p.status, p.wanted())
	}
	p.fill(t, mergeForm, nil, nil)
	p.fill(t, "form.back", nil, nil)
	p.isOn(t, initechsForm, third.Version)
	if third.Version != second.Version+1 || p.value("button.label") != "My label" || p.value("name") != "Their name" {
		t.Errorf("the form has %q, %q", p.value("button.label"), p.value("name"))
	}
	p.fill(t, editFill, url.Values{"name": {"Both of us"}}, nil)
	if p.page.Find("h1").Text() != "Before it is saved" {
		t.Fatalf("saving what stands on the newest version: %d %q\n%s", p.status, p.page.Find("h1").Text(), said(p))
	}
	p.andSave(t)
	got := h.record(t, demo.Initech)
	if got.Version != third.Version+1 || got.Name != "Both of us" || got.Button.Label != "My label" || len(got.Button.Icon) == 0 || got.SAML.ClockSkew.String() != "1m30s" ||
		!got.SAML.LegacySHA1 || got.Mapping.NamesOptional != third.Mapping.NamesOptional {
		t.Errorf("saved is version %d: %q, %q, %v", got.Version, got.Name, got.Button.Label, got.Mapping.NamesOptional)
	}
}

// Without having put anything together one's own stands everywhere, and the form says
// where somebody else's is replaced.
func TestBackFromAChangeThatMetAnotherTheFormSaysWhatBothChanged(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, initechsForm)
	present := h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Button.Label, r.Name = "Theirs", "Their name" })
	p.fill(t, editFill, url.Values{"name": {"My name"}}, nil)
	p.fill(t, "form.back", nil, nil)
	p.isOn(t, initechsForm, present.Version)
	if p.value("name") != "My name" || p.value("button.label") != "Theirs" {
		t.Errorf("the form has %q, %q", p.value("name"), p.value("button.label"))
	}
	if note := p.page.Find(`#problems a[href="#f-name"]`).Text(); !strings.Contains(note, "Their name") || p.page.Find("#f-name[aria-invalid]").Length() != 0 || p.wrong("name") != "" {
		t.Errorf("what both changed is said as %q, at the field %q", note, p.wrong("name"))
	}
	p.fill(t, editFill, nil, nil)
	if got := h.record(t, demo.Initech); got.Version != present.Version+1 || got.Name != "My name" || got.Button.Label != "Theirs" {
		t.Errorf("%s, %d: saved is %q, %q\n%s", p.at, p.status, got.Name, got.Button.Label, said(p))
	}
	// What a page of ours has not carried counts for nothing.
	for made, want := range map[string]int{
		"{": http.StatusOK, strings.Repeat(`[`, 5000): http.StatusOK, // no steps at all
		`[{"on":99}]`: http.StatusNotFound, `[{"on":-1,"mine":["name"]}]`: http.StatusNotFound, // steps on versions that there are not
	} {
		p.open(t, initechsForm)
		p.post(t, initechsForm+"?back=yes", over(fields(p.page.Find(editFill)), url.Values{"steps": {made}}))
		if p.status != want {
			t.Errorf("%.20s answers %d, want %d", made, p.status, want)
		}
	}
}

func TestTheRulesAreComeBackToOnTheNewestVersion(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.firstOwner(t)
	p := h.administrator(t, "edith", roles.Editor)
	grants := h.record(t, demo.Acme).Access
	p.open(t, acmesRules)
	p.press(t, rulesForm, "edit:access_rules:"+grants[0].Key, nil)
	p.press(t, rulesForm, "keep", url.Values{"rule.values": {"all"}})
	p.press(t, rulesForm, "down:access_rules:"+grants[0].Key, nil)
	present := h.rewrite(t, demo.Acme, func(r *idms.Record) {
		pattern, err := rules.ParsePattern("^theirs$", rules.Options{})
		check(t, err)
		r.Access = slices.Clone(r.Access)
		r.Access[0].Pattern = pattern
	})
	p.press(t, rulesForm, "new:validation_rules", nil)
	p.press(t, rulesForm, "save", url.Values{"rule.attribute": {"employment"}, "rule.pattern": {"^nobody$"}, "pasted": {"a=b"}})
	if p.status != http.StatusConflict {
		t.Fatalf("%d:\n%s", p.status, said(p))
	}
	p.press(t, mergeForm, "", nil)
	if p.page.Find("h1").Text() != "Before it is saved" {
		t.Fatalf("put together: %d\n%s", p.status, said(p))
	}
	p.press(t, "form.back", "", nil)
	p.isOn(t, acmesRules, present.Version)
	unsaved := p.page.Find("#unsaved").Parent()
	if unsaved.Find("ul.chips li").Length() != 3 || strings.Contains(unsaved.Text(), "Somebody has saved another version") {
		t.Errorf("not saved yet: %q", unsaved.Text())
	}
	if p.value("rule.pattern") != "^nobody$" || p.value("pasted") != "a=b" {
		t.Errorf("what was open is lost: %q, %q", p.value("rule.pattern"), p.value("pasted"))
	}
	p.press(t, rulesForm, "save", url.Values{"rule.pattern": {"^somebody$"}})
	if p.page.Find("h1").Text() != "Before it is saved" {
		t.Fatalf("saving what stands on the newest version: %d\n%s", p.status, said(p))
	}
	p.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	got := h.record(t, demo.Acme)
	if got.Version != present.Version+1 || got.Access[1].Key != grants[0].Key || got.Access[1].Pattern.String() != "^theirs$" || got.Access[1].Values != rules.All ||
		len(got.Validation) != len(present.Validation)+1 || got.Validation[len(got.Validation)-1].Pattern.String() != "^somebody$" {
		t.Errorf("saved is version %d: %+v, %+v\n%s", got.Version, got.Access, got.Validation, said(p))
	}
}

func TestTheSettingsOfADirectoryAreComeBackToOnTheNewestVersion(t *testing.T) {
	h, _, _ := begun(t)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, umbrella+"/edit")
	present := h.rewrite(t, demo.Umbrella, func(r *idms.Record) {
		settings := *r.Directory
		settings.UserFilter, settings.Schedule.Every, settings.DirectMembersOnly = "(uid=*)", "2h", true
		r.Directory, r.Name = &settings, "Umbrella two"
	})
	p.press(t, directoryForm, "", url.Values{"directory.schedule.every": {"45m"}, "directory.page_size": {"500"}, "reason": {"slower"}})
	if mine := p.wanted(); p.status != http.StatusConflict || slices.Contains(mine, "name") || slices.Contains(mine, "directory.user_filter") || !slices.Contains(mine, "directory.page_size") {
		t.Fatalf("%d, I want to change %q\n%s", p.status, mine, said(p))
	}
	p.press(t, "form.back", "", nil)
	p.isOn(t, umbrella+"/edit", present.Version)
	_, direct := p.page.Find(`[name="directory.direct_members_only"]`).Attr("checked")
	if p.value("directory.user_filter") != "(uid=*)" || p.value("directory.schedule.every") != "45m" || p.value("directory.page_size") != "500" || !direct || p.value("reason") != "slower" ||
		!strings.Contains(p.page.Find("#problems").Text(), "2h") {
		t.Errorf("the form:\n%s", said(p))
	}
	p.press(t, directoryForm, "", nil)
	p.andSave(t)
	if got := h.record(t, demo.Umbrella); got.Version != present.Version+1 || got.Name != "Umbrella two" || got.Directory.UserFilter != "(uid=*)" || got.Directory.Schedule.Every != "45m" || got.Directory.PageSize != 500 {
		t.Errorf("%s, %d: saved is version %d of %+v\n%s", p.at, p.status, got.Version, got.Directory, said(p))
	}

	// The page that takes it away tells of the present one, and takes away that.
	p.open(t, umbrella+"/remove")
	present = h.rewrite(t, demo.Umbrella, func(r *idms.Record) { r.Name = "Umbrella three" })
	p.pressAt(t, umbrella+"/remove", url.Values{"key": {"umbrella"}})
	if p.status != http.StatusConflict || slices.Contains(p.wanted(), "name") {
		t.Fatalf("%d, I want to change %q", p.status, p.wanted())
	}
	p.press(t, "form.back", "", nil)
	p.isOn(t, umbrella+"/remove", present.Version)
	p.pressAt(t, umbrella+"/remove", nil)
	p.andSave(t)
	if got := h.record(t, demo.Umbrella); got.Directory != nil || got.Name != "Umbrella three" {
		t.Errorf("%s, %d: %+v\n%s", p.at, p.status, got.Directory, said(p))
	}
}

func TestASetUpIsComeBackToOnTheNewestVersion(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.setUp(t, "Ours", "ours", "")
	const page = "/admin/set-up/ours"
	p.fill(t, providerFill, url.Values{"saml.metadata_url": {h.provider.EntityID()}, "do": {"save"}}, nil)
	p.andSave(t)

	// The mapping, while somebody else writes a part of it.
	p.open(t, page)
	present := h.rewrite(t, "ours", func(r *idms.Record) { r.Name, r.Mapping.Phone = "Theirs", "mobile" })
	mapping := url.Values{"mapping.username": {"username"}, "mapping.email": {"email"}, "mapping.first_name": {"first_name"}, "mapping.last_name": {"last_name"}}
	p.fill(t, mappingFill, mapping, nil)
	if mine := p.wanted(); p.status != http.StatusConflict || slices.Contains(mine, "name") || !slices.Contains(mine, "mapping.username") {
		t.Fatalf("%d, I want to change %q\n%s", p.status, mine, said(p))
	}
	p.fill(t, "form.back", nil, nil)
	p.isOn(t, page+"/mapping", present.Version)
	if p.value("mapping.phone") != "mobile" || p.value("mapping.username") != "username" {
		t.Errorf("the mapping is %q, %q", p.value("mapping.username"), p.value("mapping.phone"))
	}
	p.fill(t, mappingFill, nil, nil)
	p.andSave(t)
	saved := h.record(t, "ours")
	if saved.Name != "Theirs" || saved.Mapping.Phone != "mobile" || saved.Mapping.Username != "username" {
		t.Fatalf("%s, %d: saved is %+v\n%s", p.at, p.status, saved.Mapping, said(p))
	}

	// The provider: its metadata is that of its address, however it is put together.
	p.open(t, page)
	present = h.rewrite(t, "ours", func(r *idms.Record) { r.Button.Label = "Theirs" })
	p.fill(t, providerFill, url.Values{"saml.metadata_url": {h.provider.EntityID() + "?again"}, "do": {"save"}}, nil)
	if mine := p.wanted(); p.status != http.StatusConflict || slices.Contains(mine, "button.label") || !slices.Contains(mine, "saml.metadata_url") {
		t.Fatalf("%d, I want to change %q\n%s", p.status, mine, said(p))
	}
	p.fill(t, "form.back", nil, nil)
	p.isOn(t, page+"/provider", present.Version)
	if p.value("saml.metadata_url") != h.provider.EntityID()+"?again" || p.value("saml.metadata") != "" {
		t.Errorf("the provider is at %q, with %d bytes of text", p.value("saml.metadata_url"), len(p.value("saml.metadata")))
	}

	// Switched on, what somebody else changed is theirs still.
	p.open(t, page)
	present = h.rewrite(t, "ours", func(r *idms.Record) { r.Name = "Theirs again" })
	p.fill(t, onFill, nil, nil)
	if mine := p.wanted(); p.status != http.StatusConflict || !slices.Equal(mine, []string{"state"}) {
		t.Fatalf("%d, I want to change %q\n%s", p.status, mine, said(p))
	}
	p.fill(t, mergeForm, nil, nil)
	p.andSave(t)
	if got := h.record(t, "ours"); got.State != idms.Active || got.Name != "Theirs again" {
		t.Errorf("%s, %d: %s is %s\n%s", p.at, p.status, got.Name, got.State, said(p))
	}
	p.open(t, "/admin/records/ours/disable")
	h.rewrite(t, "ours", func(r *idms.Record) { r.Name = "Once more" })
	p.post(t, "/admin/records/ours/disable", fields(p.page.Find("main form")))
	if mine := p.wanted(); p.status != http.StatusConflict || !slices.Equal(mine, []string{"state"}) {
		t.Errorf("disabling: %d, I want to change %q", p.status, mine)
	}
}

// A former version that is put together with the present one is not that version any
// more, and the history does not say so.
func TestARestoredVersionThatMetAChangeSaysWhatItIs(t *testing.T) {
	h := newHouse(t, false)
	h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Name = "Second" })
	p := h.firstOwner(t)
	p.open(t, "/admin/records/initech/versions/1")
	present := h.rewrite(t, demo.Initech, func(r *idms.Record) { r.Button.Label = "Theirs" })
	p.push(t, "/restore")
	if mine := p.wanted(); p.status != http.StatusConflict || !slices.Equal(mine, []string{"name"}) {
		t.Fatalf("%d, I want to change %q\n%s", p.status, mine, said(p))
	}
	p.fill(t, mergeForm, nil, nil)
	p.andSave(t)
	got := h.record(t, demo.Initech)
	versions, _, err := h.store.VersionsPage(t.Context(), demo.Initech, "", 1)
	check(t, err)
	if got.Version != present.Version+1 || got.Name == "Second" || got.Button.Label != "Theirs" || versions[0].Reason != "version 1 again, put together with version 3" {
		t.Errorf("%s, %d: %q, %q by %q\n%s", p.at, p.status, got.Name, got.Button.Label, versions[0].Reason, said(p))
	}
}

// The forms of the pages in between are made of text: who writes one themselves gets
// no further than by the form that it comes from.
func TestAFormInBetweenHasNoAddressAskedForWhoMayNotSaveIt(t *testing.T) {
	h := newHouse(t, false)
	h.firstOwner(t)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	check(t, h.store.AddMember(t.Context(), roles.Owner.Group(), h.account(t, demo.Acme, "ada"), h.owner())) // an owner comes through acme
	there := listen(t, "")
	record := h.record(t, demo.Acme)
	record.SAML.MetadataURL, record.SAML.Metadata = "http://"+there.Addr().String()+"/", ""
	p := h.administrator(t, "edith", roles.Editor)
	for _, way := range []string{"/save", "/merge"} {
		typed := intentOf(t, record, record.Version)
		typed.Set("present", fmt.Sprint(record.Version))
		p.post(t, "/admin/records/acme"+way, typed)
		if p.status != http.StatusForbidden || len(there.came) != 0 {
			t.Errorf("%s: %d, asked %d times", way, p.status, len(there.came))
		}
	}
}
