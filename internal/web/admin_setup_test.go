package web_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/store"
)

// value is what a field of the page holds.
func (p *person) value(path string) string {
	field := p.page.Find(`[name="` + path + `"]`)
	if goquery.NodeName(field) == "textarea" {
		return strings.TrimPrefix(field.Text(), "\n")
	}
	return field.AttrOr("value", "")
}

// wrong is what stands at a field.
func (p *person) wrong(path string) string {
	return p.page.Find("#f-" + strings.ReplaceAll(path, ".", "-") + "-problem").Text()
}

// andSave saves what a rehearsal shows, when there is anything to look at.
func (p *person) andSave(t *testing.T) {
	t.Helper()
	if p.page.Find(`form[action$="/save"]`).Length() == 1 {
		p.fill(t, `form[action$="/save"]`, nil, nil)
	}
}

const (
	beginForm    = `form[action="/admin/set-up"]`
	providerFill = `form[action$="/provider"]`
	mappingFill  = `form[action$="/mapping"]`
	testFill     = `form[action$="/test#test"]`
	onFill       = `form[action$="/on"]`
	editFill     = `form#edit`
)

// setUp makes a draft through the page.
func (p *person) setUp(t *testing.T, name, key, provider string) {
	t.Helper()
	p.open(t, p.house.base+"/admin/set-up")
	p.fill(t, beginForm, url.Values{"name": {name}, "key": {key}, "provider": {provider}}, nil)
}

func (h *house) record(t *testing.T, key string) idms.Record {
	t.Helper()
	record, err := h.store.Record(t.Context(), key)
	check(t, err)
	return record
}

func TestAConnectionIsSetUpFromNothingToALoggedInPersonWithoutScripts(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)

	// 1. Our values, before anything is known of the provider.
	p.setUp(t, "Böckstiegel & Söhne", "", "okta")
	if p.status != http.StatusOK || p.at.Path != "/admin/set-up/bockstiegel-sohne" || p.at.Query().Get("provider") != "okta" {
		t.Fatalf("at %s, %d:\n%s", p.at, p.status, p.text)
	}
	for id, want := range map[string]string{"our-acs": "/saml/bockstiegel-sohne/acs", "our-entity-id": "/saml/bockstiegel-sohne/metadata", "our-slo": "/saml/bockstiegel-sohne/slo", "our-metadata": "/saml/bockstiegel-sohne/metadata"} {
		if got := p.page.Find("code#" + id).Text(); got != h.base+want {
			t.Errorf("%s is %q", id, got)
		}
		if p.page.Find(`button[data-copy="`+id+`"]`).Length() != 1 {
			t.Errorf("%s cannot be copied", id)
		}
	}
	if acs := p.page.Find("dl.ours dt").First().Text(); !strings.Contains(acs, "Single sign-on URL") {
		t.Errorf("the ACS URL is not called as Okta does: %q", acs)
	}
	certificate := p.page.Find("code#our-certificate").Text()
	address := p.at.String()
	p.open(t, "/admin/set-up/bockstiegel-sohne/certificate")
	if p.text != certificate || !strings.HasPrefix(certificate, "-----BEGIN CERTIFICATE-----") || !strings.Contains(p.header.Get("Content-Disposition"), `"bockstiegel-sohne.pem"`) {
		t.Errorf("the certificate is %q, and its file %q", certificate, p.text)
	}
	p.open(t, h.base+"/saml/bockstiegel-sohne/metadata")
	if !strings.Contains(p.text, h.base+"/saml/bockstiegel-sohne/acs") {
		t.Error("our metadata is not there yet")
	}
	if record := h.record(t, "bockstiegel-sohne"); record.State != idms.Draft || record.SAML.NamesProvider() {
		t.Errorf("the draft is %+v", record)
	}

	// Left, and found again.
	p.open(t, h.base+"/admin/set-up")
	p.follow(t, `a[href="/admin/set-up/bockstiegel-sohne"]`)
	p.open(t, address)

	// 2. Theirs: a preview saves nothing.
	metadata := h.provider.EntityID()
	p.fill(t, providerFill, url.Values{"saml.metadata_url": {metadata}, "do": {"preview"}}, nil)
	card := p.page.Find(".provider-card")
	if p.status != http.StatusOK || !strings.Contains(card.Text(), metadata) || !strings.Contains(card.Text(), "/sso") || card.Find(".badge.full").Length() != 1 {
		t.Fatalf("the preview has %d, %q", p.status, card.Text())
	}
	if h.record(t, "bockstiegel-sohne").Version != 1 || p.value("saml.metadata_url") != metadata {
		t.Error("the preview saved something, or lost what was typed")
	}
	p.fill(t, providerFill, url.Values{"do": {"save"}}, nil)
	if p.status != http.StatusOK || p.page.Find(".provider-card").Length() != 1 || p.page.Find("#mapping").Length() != 1 {
		t.Fatalf("saving the provider leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	saved := h.record(t, "bockstiegel-sohne")
	if saved.SAML.MetadataURL != metadata || saved.SAML.Metadata == "" {
		t.Errorf("saved is %+v", saved.SAML)
	}

	// 3. The mapping begins with what Okta usually sends, which is not what comes.
	if p.value("mapping.username") != "@name_id" || p.value("mapping.first_name") != "firstName" || p.page.Find(testFill).Length() != 0 {
		t.Errorf("the suggested mapping begins with %q", p.value("mapping.username"))
	}
	p.fill(t, mappingFill, nil, nil)
	p.fill(t, testFill, nil, nil)
	begin := p.page.Find(`form[target="_blank"]`).AttrOr("action", "")
	waiting, _ := url.Parse(p.page.Find("#result a").AttrOr("href", ""))
	if poll := p.page.Find("#result").AttrOr("hx-get", ""); begin == "" || !strings.Contains(poll, waiting.Query().Get("test")) {
		t.Fatalf("no test login is offered:\n%s", p.text)
	}
	p.post(t, begin, nil)
	p.choose(t, "ada", "card")
	p.carry(t)
	p.open(t, h.base+waiting.String())
	if p.page.Find("#result .badge.none").Length() != 1 || !strings.Contains(p.page.Find("#result .fix").Text(), "field_missing") {
		t.Fatalf("the result is %q", p.page.Find("#result").Text())
	}
	if link := p.page.Find("#result .fix a").First().AttrOr("href", ""); link != "/admin/records/bockstiegel-sohne/edit#f-mapping-first_name" {
		t.Errorf("the fix leads to %q", link)
	}
	var offered []string
	p.page.Find("#f-mapping-first_name-list option").Each(func(_ int, one *goquery.Selection) { offered = append(offered, one.AttrOr("value", "")) })
	if !slices.Contains(offered, "first_name") || !slices.Contains(offered, "username") {
		t.Errorf("the names that came are not offered: %q", offered)
	}
	p.fill(t, mappingFill, url.Values{"mapping.username": {"username"}, "mapping.first_name": {"first_name"}, "mapping.last_name": {"last_name"}}, nil)
	p.fill(t, testFill, nil, nil)
	begin, result := p.page.Find(`form[target="_blank"]`).AttrOr("action", ""), p.page.Find("#result a").AttrOr("href", "")
	poll := p.page.Find("#result").AttrOr("hx-get", "")
	parts := strings.Split(p.page.Find("#result").AttrOr("hx-select-oob", ""), ",")
	if p.open(t, h.base+poll); p.status != http.StatusNoContent {
		t.Errorf("a page that waits is told %d before the test has ended", p.status)
	}
	p.post(t, begin, nil)
	p.choose(t, "ada", "card")
	p.carry(t)

	// With scripts the result goes into the page that waits, and with it what else it
	// changes: nobody is sent anywhere while they type.
	p.open(t, h.base+poll)
	if p.status != http.StatusOK || p.page.Find("#result .badge.full").Length() == 0 || p.page.Find("#begin-test form").Length() != 0 {
		t.Errorf("the page that waits is told %d:\n%s", p.status, p.page.Find("#begin-test, #result").Text())
	}
	for _, one := range append(parts, "#f-mapping-phone-list") {
		if p.page.Find(one).Length() != 1 || !slices.Contains(parts, one) || p.page.Find(one).Find("input:not([type=hidden])").Length() != 0 {
			t.Errorf("%s is not among %q, is missing in the answer, or would be typed into", one, parts)
		}
	}
	if seen := p.page.Find(onFill+` [name="seen"]`).AttrOr("value", ""); !strings.HasSuffix(poll, "waiting="+seen) {
		t.Errorf("the page of %s would switch on version %s, which it has not shown", poll, seen)
	}
	p.open(t, h.base+result)
	if p.page.Find("#result .badge.full").Length() == 0 || !strings.Contains(p.page.Find("#result").Text(), "ada") {
		t.Fatalf("the result is %q", p.page.Find("#result").Text())
	}
	if on := p.page.Find("#on").Parent().Text(); !strings.Contains(on, "everyone who logs in has Full Access") { // S23
		t.Errorf("switching it on says %q", on)
	}
	p.fill(t, onFill, nil, nil)
	if back := p.page.Find(`a[href^="/admin/set-up/bockstiegel-sohne"]`).AttrOr("href", ""); back != "/admin/set-up/bockstiegel-sohne?provider=okta#on" {
		t.Errorf("before it is saved the way back leads to %q", back)
	}
	p.andSave(t)
	if p.at.Path != "/admin/records/bockstiegel-sohne" || h.record(t, "bockstiegel-sohne").State != idms.Active {
		t.Fatalf("switching it on leads to %s, %d:\n%s", p.at, p.status, p.text)
	}
	ada := h.visitor(t)
	ada.logIn(t, "bockstiegel-sohne", "ada", "card")
	if ada.badge() != "Full Access" {
		t.Errorf("ada is at %s: %s", ada.at, ada.text)
	}
}

func TestASetUpThatCannotBeginKeepsWhatWasTyped(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	for _, tt := range []struct{ name, key, field, says string }{
		{"", "", "name", "Enter a name"},
		{"Acme", "Acme!", "key", "small letters"},
		{"Another", demo.Acme, "key", "already"},
		{"Local", "local", "key", "built-in"},
		{"Two\nlines", "two", "name", "one line"},
	} {
		p.setUp(t, tt.name, tt.key, "keycloak")
		if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.wrong(tt.field), tt.says) {
			t.Errorf("%q, %q: %d, %q", tt.name, tt.key, p.status, p.wrong(tt.field))
		}
		if p.value("key") != tt.key || p.page.Find("#provider option[selected]").AttrOr("value", "") != "keycloak" {
			t.Errorf("%q, %q: the form comes back with %q", tt.name, tt.key, p.value("key"))
		}
	}
	p.setUp(t, "Acme", "", "keycloak")
	if p.at.Path != "/admin/set-up/acme-2" {
		t.Errorf("a second Acme is at %s", p.at)
	}
}

func TestAProviderIsTakenByFileByPasteAndByHand(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	metadata, err := h.provider.Metadata()
	check(t, err)
	idp, err := saml.Settings{Metadata: string(metadata)}.IdP()
	check(t, err)
	byHand := url.Values{"saml.issuer": {idp.EntityID}, "saml.sso_url": {idp.SSO[0].URL}, "saml.sso_binding": {string(idp.SSO[0].Binding)}}
	withText := url.Values{"saml.certificates": {certificateIn(string(metadata))}}
	for name := range byHand {
		withText[name] = byHand[name]
	}
	for i, tt := range []struct {
		name  string
		typed url.Values
		files map[string][]byte
	}{
		{"as a file", url.Values{}, map[string][]byte{"metadata_file": metadata}},
		{"as text", url.Values{"saml.metadata": {string(metadata)}}, nil},
		{"by hand", withText, nil},
		{"by hand, with the certificate as a file of DER", byHand, map[string][]byte{"certificate_file": idp.Certificates[0].Raw}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := fmt.Sprintf("way-%d", i)
			p.setUp(t, tt.name, key, "other")
			tt.typed.Set("do", "preview")
			p.fill(t, providerFill, tt.typed, tt.files)
			if p.status != http.StatusOK || !strings.Contains(p.page.Find(".provider-card").Text(), saml.Fingerprint(idp.Certificates[0])) {
				t.Fatalf("the preview is %d: %s\n%s", p.status, p.page.Find(".provider-card").Text(), p.page.Find("#problems").Text())
			}
			// What was chosen as a file is in the form now, and need not be chosen again.
			p.fill(t, providerFill, url.Values{"do": {"save"}}, nil)
			got, err := h.record(t, key).SAML.IdP()
			if err != nil || got.EntityID != idp.EntityID || !slices.Equal(got.SSO[:1], idp.SSO[:1]) || !got.Certificates[0].Equal(idp.Certificates[0]) {
				t.Errorf("saved is %+v, %v\n%s", got, err, p.page.Find("#problems").Text())
			}
		})
	}
}

var certificateIn = func() func(string) string {
	found := regexp.MustCompile(`<X509Certificate[^>]*>([^<]+)<`)
	return func(metadata string) string { return found.FindStringSubmatch(metadata)[1] }
}()

func TestWhatIsWrongWithAProviderStandsAtItsFieldAndNothingIsSaved(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	metadata, err := h.provider.Metadata()
	check(t, err)
	other := strings.ReplaceAll(string(metadata), h.provider.EntityID(), "https://other.example/idp")
	body := func(text string) string { return text[strings.Index(text, "<EntityDescriptor"):] }
	both := `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + body(string(metadata)) + body(other) + `</EntitiesDescriptor>`
	p.setUp(t, "Globex two", "globex-two", "other")
	before := h.record(t, "globex-two")
	for _, tt := range []struct {
		name  string
		typed url.Values
		files map[string][]byte
		field string
		says  string
	}{
		{"nothing", url.Values{}, nil, "saml.metadata_url", "Say who the provider is"},
		{"a page instead of metadata", url.Values{"saml.metadata": {"<!doctype html><title>Log in</title>"}}, nil, "saml.metadata", "web page"},
		{"an address that is none", url.Values{"saml.metadata_url": {"ftp://idp.example/metadata"}}, nil, "saml.metadata_url", ""},
		{"an address that does not answer", url.Values{"saml.metadata_url": {"http://127.0.0.1:1/metadata"}}, nil, "saml.metadata_url", ""},
		{"an address within our own network", url.Values{"saml.metadata_url": {"https://10.0.0.1/metadata"}}, nil, "saml.metadata_url", ""},
		{"an address and a text", url.Values{"saml.metadata_url": {h.provider.EntityID()}, "saml.metadata": {string(metadata)}}, nil, "saml.metadata", "Empty the address"},
		{"a file that is no text", url.Values{}, map[string][]byte{"metadata_file": {0xff, 0xfe, '<', 0}}, "saml.metadata", "UTF-8"},
		{"a file of nothing", url.Values{}, map[string][]byte{"metadata_file": {}}, "saml.metadata", "empty"},
		{"a file that is too large", url.Values{}, map[string][]byte{"metadata_file": bytes.Repeat([]byte("x"), saml.MaxMetadata+1)}, "saml.metadata", "at most"},
		{"a certificate that is none", url.Values{"saml.issuer": {"https://x.example"}, "saml.sso_url": {"https://x.example/sso"}, "saml.certificates": {"AAAA"}}, nil, "saml.certificates", "Number 1"},
		{"two providers, and none is chosen", url.Values{"saml.metadata": {both}}, nil, "saml.issuer", "2 identity providers"},
	} {
		for _, do := range []string{"preview", "save"} {
			p.open(t, h.base+"/admin/set-up/globex-two?provider=other")
			tt.typed.Set("do", do)
			p.fill(t, providerFill, tt.typed, tt.files)
			if p.status != http.StatusUnprocessableEntity || p.wrong(tt.field) == "" || !strings.Contains(p.wrong(tt.field), tt.says) {
				t.Errorf("%s, %s: %d at %s: %q\n%s", tt.name, do, p.status, tt.field, p.wrong(tt.field), p.page.Find("#problems").Text())
			}
			if got := p.value("saml.metadata_url"); got != tt.typed.Get("saml.metadata_url") {
				t.Errorf("%s: the address comes back as %q", tt.name, got)
			}
		}
	}
	if p.page.Find(".provider-card").Text() == "" || p.page.Find("#f-saml-issuer-list option").Length() != 2 {
		t.Error("the two providers are not offered")
	}
	p.fill(t, providerFill, url.Values{"saml.issuer": {"https://other.example/idp"}, "do": {"save"}}, nil)
	if got, err := h.record(t, "globex-two").SAML.IdP(); err != nil || got.EntityID != "https://other.example/idp" || h.record(t, "globex-two").Version != before.Version+1 {
		t.Errorf("saved is %v, %v, version %d", got.EntityID, err, h.record(t, "globex-two").Version)
	}
}

// Nothing is asked of an address on behalf of somebody who may not save it.
func TestAnEditorHasNoAddressAskedForARecordThatMakesAdministrators(t *testing.T) {
	h := newHouse(t, false)
	var asked atomic.Int32
	there := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer there.Close()
	owner := h.firstOwner(t)
	owner.setUp(t, "Ours", "ours", "other")
	record := h.record(t, "ours")
	pattern, err := rules.ParsePattern("^admins$", rules.Options{})
	check(t, err)
	record.Associations = []groups.Association{{Rule: rules.Rule{Key: "admins", Attribute: "groups", Pattern: pattern}, Group: roles.Owner.Group()}}
	_, err = h.store.Apply(t.Context(), idms.File{Records: []idms.Record{record}}, h.owner())
	check(t, err)

	p := h.administrator(t, "edith", roles.Editor)
	for _, do := range []string{"preview", "save"} {
		p.open(t, h.base+"/admin/set-up/ours")
		p.fill(t, providerFill, url.Values{"saml.metadata_url": {there.URL}, "do": {do}}, nil)
		if p.status != http.StatusForbidden || asked.Load() != 0 {
			t.Errorf("%s: %d, asked %d times", do, p.status, asked.Load())
		}
	}
	p.open(t, h.base+"/admin/records/ours/edit")
	p.fill(t, editFill, url.Values{"saml.metadata_url": {there.URL}}, nil)
	if p.status != http.StatusForbidden || asked.Load() != 0 {
		t.Errorf("the long form: %d, asked %d times", p.status, asked.Load())
	}
}

func TestTheLongFormChangesWhatWasTypedAndNothingElse(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	before := h.record(t, demo.Acme)
	p.open(t, h.base+"/admin/records/acme/edit")
	p.fill(t, editFill, nil, nil)
	if got := h.record(t, demo.Acme); got.Version != before.Version {
		t.Fatalf("a form that nobody touched makes version %d:\n%s", got.Version, p.text)
	}
	p.open(t, h.base+"/admin/records/acme/edit")
	p.fill(t, editFill, url.Values{"saml.clock_skew": {"90s"}, "saml.signed": {"both"}, "create_users": {""}, "button.label": {" Log in "},
		"saml.allowed_auth_contexts": {strings.Join(before.SAML.AllowedContexts, "\r\n") + "\r\n\r\nurn:example:more"}, "reason": {"the auditor asked"}}, nil)
	got := h.record(t, demo.Acme)
	if p.at.Path != "/admin/records/acme/edit" || got.SAML.ClockSkew.String() != "1m30s" || got.SAML.Signed != saml.SignedBoth || got.CreateUsers || got.Button.Label != "Log in" || len(got.SAML.AllowedContexts) != 3 {
		t.Errorf("at %s, %d: %+v\n%s", p.at, p.status, got.SAML, p.page.Find("#problems").Text())
	}
	if len(got.Access) != len(before.Access) || len(got.Associations) != len(before.Associations) || got.SAML.Metadata != before.SAML.Metadata {
		t.Error("rules or metadata went with it")
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{Action: audit.RecordChanged, Record: demo.Acme}, "", 1)
	check(t, err)
	if len(events) != 1 || events[0].Reason != "the auditor asked" {
		t.Errorf("the audit trail has %+v", events)
	}
}

func TestARefusedLongFormKeepsEverythingWithEachProblemAtItsField(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	before := h.record(t, demo.Acme)
	p.open(t, h.base+"/admin/records/acme/edit")
	p.fill(t, editFill, url.Values{"saml.clock_skew": {"soon"}, "saml.audience": {"two words"}, "saml.previous_origins": {"https://a.example\r\nnowhere"},
		"name": {"<b>Acme</b>"}, "saml.force_authn": {"true"}, "saml.signed": {"anyhow"}}, map[string][]byte{"button.icon": aPicture(t)})
	if p.status != http.StatusUnprocessableEntity || h.record(t, demo.Acme).Version != before.Version {
		t.Fatalf("it answers %d", p.status)
	}
	for path, says := range map[string]string{"saml.clock_skew": "90s", "saml.audience": "", "saml.previous_origins": "Number 2", "saml.signed": "Choose"} {
		if wrong := p.wrong(path); wrong == "" || !strings.Contains(wrong, says) {
			t.Errorf("at %s stands %q", path, wrong)
		}
		if id := "#f-" + strings.ReplaceAll(path, ".", "-"); p.page.Find(id+`[aria-invalid="true"]`).Length() != 1 || p.page.Find(`#problems a[href="`+id+`"]`).Length() == 0 {
			t.Errorf("%s is not marked, or not linked from the top", path)
		}
	}
	for path, want := range map[string]string{"saml.clock_skew": "soon", "saml.audience": "two words", "saml.previous_origins": "https://a.example\nnowhere", "name": "<b>Acme</b>"} {
		if got := p.value(path); got != want {
			t.Errorf("%s comes back as %q", path, got)
		}
	}
	if _, ticked := p.page.Find("#f-saml-force_authn").Attr("checked"); !ticked {
		t.Error("a tick is lost")
	}
	// The picture is kept as well, and drawn anew once more on its way back.
	p.fill(t, editFill, url.Values{"saml.clock_skew": {"1m"}, "saml.audience": {""}, "saml.previous_origins": {""}, "saml.force_authn": {""}, "saml.signed": {""}}, nil)
	if got := h.record(t, demo.Acme); got.Name != "<b>Acme</b>" || len(got.Button.Icon) == 0 {
		t.Errorf("saved is %q with an icon of %d bytes\n%s", got.Name, len(got.Button.Icon), p.page.Find("#problems").Text())
	}
}

// aPicture is a PNG with a script behind it: a file that is two things.
func aPicture(t *testing.T) []byte {
	t.Helper()
	var picture bytes.Buffer
	check(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 40, 20))))
	picture.WriteString("<script>alert(1)</script>")
	return picture.Bytes()
}

func TestAnIconIsDrawnAnewServedAsAPictureAndRemoved(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	var asGIF, asJPEG bytes.Buffer
	check(t, gif.Encode(&asGIF, image.NewPaletted(image.Rect(0, 0, 300, 150), color.Palette{color.White}), nil))
	check(t, jpeg.Encode(&asJPEG, image.NewGray(image.Rect(0, 0, 300, 150)), nil))
	for name, upload := range map[string][]byte{"PNG with a script behind it": aPicture(t), "GIF": asGIF.Bytes(), "JPEG": asJPEG.Bytes()} {
		p.open(t, h.base+"/admin/records/acme/edit")
		p.fill(t, editFill, nil, map[string][]byte{"button.icon": upload})
		icon := h.record(t, demo.Acme).Button.Icon
		if drawn, err := png.Decode(bytes.NewReader(icon)); err != nil || drawn.Bounds().Dx() > idms.IconSide || bytes.Contains(icon, []byte("script")) {
			t.Fatalf("%s: kept are %d bytes, %v\n%s", name, len(icon), err, p.page.Find("#problems").Text())
		}
		p.open(t, h.base+"/saml/acme/icon")
		if p.header.Get("Content-Type") != "image/png" || p.header.Get("X-Content-Type-Options") != "nosniff" || p.text != string(icon) {
			t.Errorf("%s is served as %v", name, p.header)
		}
	}
	p.open(t, h.base+"/admin/records/acme/edit")
	p.fill(t, editFill, url.Values{"button.icon.remove": {"true"}}, nil)
	if h.record(t, demo.Acme).Button.Icon != nil {
		t.Error("the icon is still there")
	}
	p.open(t, h.base+"/saml/acme/icon")
	if p.status != http.StatusNotFound {
		t.Errorf("no icon answers %d", p.status)
	}
}

// A page in between shows what a change does, and the form comes back from it as it
// was, with the picture that had been chosen.
func TestTheLongFormComesBackFromARehearsalWithItsPicture(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	before := h.record(t, demo.Acme)
	p.open(t, h.base+"/admin/records/acme/edit?provider=okta")
	p.fill(t, editFill, url.Values{"saml.legacy.sha1": {"true"}, "name": {"Acme two"}}, map[string][]byte{"button.icon": aPicture(t)})
	p.fill(t, `form[action*="back="]`, nil, nil)
	if p.at.Path != "/admin/records/acme/edit" || p.value("name") != "Acme two" || p.page.Find("#words option[selected]").AttrOr("value", "") != "okta" || h.record(t, demo.Acme).Version != before.Version {
		t.Fatalf("%s, %d: %q\n%s", p.at, p.status, p.value("name"), p.text)
	}
	p.fill(t, editFill, nil, nil)
	p.andSave(t)
	if got := h.record(t, demo.Acme); got.Name != "Acme two" || !got.SAML.LegacySHA1 || len(got.Button.Icon) == 0 {
		t.Errorf("saved is %q, with an icon of %d bytes", got.Name, len(got.Button.Icon))
	}
}

// The words of another provider are shown in a form that keeps what was typed, and
// says that it is not saved; an untouched one has an address that can be passed on.
func TestTheLongFormShowsOtherWordsAndKeepsWhatWasTyped(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	before := h.record(t, demo.Acme)
	p.open(t, h.base+"/admin/records/acme/edit?provider=keycloak")
	p.fill(t, editFill, url.Values{"do": {"words"}, "provider": {"okta"}}, nil)
	if p.status != http.StatusOK || p.at.RequestURI() != "/admin/records/acme/edit?provider=okta" || p.page.Find("form[data-unsaved]").Length() != 0 {
		t.Errorf("the words of an untouched form are at %s, %d", p.at, p.status)
	}
	p.fill(t, editFill, url.Values{"do": {"words"}, "provider": {"keycloak"}, "name": {"Acme two"}, "saml.clock_skew": {"soon"}, "reason": {"a new name"}},
		map[string][]byte{"button.icon": aPicture(t)})
	if p.status != http.StatusOK || p.value("name") != "Acme two" || p.value("saml.clock_skew") != "soon" || p.value("reason") != "a new name" || p.page.Find(`form#edit[data-unsaved]`).Length() != 1 {
		t.Fatalf("with other words the form is %d: %q, %q", p.status, p.value("name"), p.value("saml.clock_skew"))
	}
	if p.page.Find("#words option[selected]").AttrOr("value", "") != "keycloak" || p.page.Find("#problems").Length() != 0 || h.record(t, demo.Acme).Version != before.Version {
		t.Errorf("it shows the words of %q, or says what is wrong, or saved something", p.page.Find("#words option[selected]").Text())
	}
	p.fill(t, editFill, url.Values{"saml.clock_skew": {"2m"}}, nil)
	p.andSave(t)
	if got := h.record(t, demo.Acme); got.Name != "Acme two" || len(got.Button.Icon) == 0 {
		t.Errorf("saved is %q, with an icon of %d bytes", got.Name, len(got.Button.Icon))
	}
	p.open(t, h.base+"/admin/records/acme/edit")
	p.fill(t, editFill, url.Values{"do": {"words"}, "name": {"Acme three"}}, map[string][]byte{"button.icon": []byte("no picture")})
	if p.status != http.StatusUnprocessableEntity || p.wrong("button.icon") == "" || p.value("name") != "Acme three" {
		t.Errorf("a hostile picture on the way to other words is %d", p.status)
	}
}

func TestHostileIconsAreRefusedAtTheirFieldAndNothingIsStored(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	before := h.record(t, demo.Acme)
	var bomb bytes.Buffer // 8,000 × 8,000 pixels in a few kilobytes
	check(t, png.Encode(&bomb, image.NewPaletted(image.Rect(0, 0, 8000, 8000), color.Palette{color.White})))
	whole := aPicture(t)
	lying := bytes.Clone(whole) // says that it is 2^31-1 pixels wide
	copy(lying[16:20], []byte{0x7f, 0xff, 0xff, 0xff})
	for _, tt := range []struct {
		name   string
		upload []byte
		says   string
	}{
		{"huge", append(bytes.Clone(whole), bytes.Repeat([]byte{0}, idms.MaxIconUpload)...), "at most"},
		{"a decompression bomb", bomb.Bytes(), "choose a smaller picture"},
		{"a picture that lies about its size", lying, ""},
		{"SVG with a script", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "no PNG, JPEG or GIF"},
		{"HTML called .png", []byte("<!doctype html><script>alert(1)</script>"), "no PNG, JPEG or GIF"},
		{"HTML that begins like a GIF", []byte("GIF89a<script>alert(1)</script>"), ""},
		{"truncated", whole[:50], ""},
		{"no bytes", []byte{}, "empty"},
	} {
		p.open(t, h.base+"/admin/records/acme/edit")
		p.fill(t, editFill, url.Values{"name": {"Kept"}}, map[string][]byte{"button.icon": tt.upload})
		if p.status != http.StatusUnprocessableEntity || p.wrong("button.icon") == "" || !strings.Contains(p.wrong("button.icon"), tt.says) || p.value("name") != "Kept" {
			t.Errorf("%s: %d, %q", tt.name, p.status, p.wrong("button.icon"))
		}
	}
	// What comes back in place of a kept picture is as suspect as an upload.
	for name, kept := range map[string]string{"HTML": "PHNjcmlwdD4=", "no base64": "%"} {
		p.open(t, h.base+"/admin/records/acme/edit")
		p.fill(t, editFill, url.Values{"button.icon.kept": {kept}}, nil)
		if p.status != http.StatusUnprocessableEntity || p.wrong("button.icon") == "" {
			t.Errorf("%s as what was kept: %d, %q", name, p.status, p.wrong("button.icon"))
		}
	}
	if got := h.record(t, demo.Acme); got.Version != before.Version || got.Button.Icon != nil {
		t.Errorf("something was stored: version %d", got.Version)
	}
	response, err := p.Post(h.base+"/admin/records/acme/edit", "multipart/form-data; boundary=x", io.LimitReader(endless{}, idms.MaxFile+2<<20))
	if err == nil { // the connection may be closed before all of it was sent
		response.Body.Close()
		if response.StatusCode < 400 || response.StatusCode >= 500 {
			t.Errorf("a form of %d MiB answers %d", idms.MaxFile>>20+2, response.StatusCode)
		}
	}
}

// endless is a body that goes on.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestAResetOfTheACSSaysWhatItTouchesAndKeepsTheFormerAddress(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, h.base+"/admin/records/acme/edit")
	if p.page.Find(`form[action$="/reset-acs"]`).Length() != 0 {
		t.Error("a reset is offered where there is nothing to reset")
	}
	for i := range h.file.Records {
		if h.file.Records[i].Key == demo.Acme {
			h.file.Records[i].SAML.Origin = "https://former.example"
		}
	}
	h.apply(t)
	p.open(t, h.base+"/admin/records/acme/edit")
	says := p.page.Find("#reset").Parent().Text()
	for _, want := range []string{"https://former.example/saml/acme/acs", h.base + "/saml/acme/acs", "https://former.example/saml/acme/metadata"} {
		if !strings.Contains(says, want) {
			t.Errorf("the reset does not name %s", want)
		}
	}
	p.fill(t, `form[action$="/reset-acs"]`, nil, nil)
	got := h.record(t, demo.Acme)
	if sp := got.SAML.SP(demo.Acme, h.base, nil); p.status != http.StatusOK || sp.ACS != h.base+"/saml/acme/acs" || !slices.Equal(sp.PreviousACS, []string{"https://former.example/saml/acme/acs"}) || sp.EntityID != "https://former.example/saml/acme/metadata" {
		t.Errorf("%s, %d: %+v", p.at, p.status, sp)
	}
	// It is retired by taking it out of the list.
	p.fill(t, editFill, url.Values{"saml.previous_origins": {""}}, nil)
	if got := h.record(t, demo.Acme); len(got.SAML.PreviousOrigins) != 0 {
		t.Errorf("the former origin is still accepted: %q\n%s", got.SAML.PreviousOrigins, p.page.Find("#problems").Text())
	}
}

// The long form of a record that follows an address does not write over what was
// read there.
func TestWhatWasReadFromAnAddressIsNotTypedOver(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, h.base+"/admin/records/initech/edit")
	p.fill(t, editFill, url.Values{"saml.metadata_url": {h.provider.EntityID()}}, nil)
	p.andSave(t)
	read := h.record(t, demo.Initech)
	if read.SAML.MetadataURL == "" || p.page.Find("#f-saml-metadata[readonly]").Length() != 1 {
		t.Fatalf("the record follows no address:\n%s", p.page.Find("#problems").Text())
	}
	p.fill(t, editFill, url.Values{"saml.metadata": {"<EntityDescriptor/>"}, "saml.metadata_refresh": {"1h"}}, nil)
	if got := h.record(t, demo.Initech); got.SAML.Metadata != read.SAML.Metadata || got.SAML.MetadataRefresh.Hours() != 1 {
		t.Errorf("saved is %q\n%s", got.SAML.Metadata, p.page.Find("#problems").Text())
	}
}

func TestAChangeOfAFormThatIsOldIsNotSaved(t *testing.T) {
	h := newHouse(t, false)
	p, other := h.firstOwner(t), h.administrator(t, "edith", roles.Editor)
	p.open(t, h.base+"/admin/records/initech/edit")
	other.open(t, h.base+"/admin/records/initech/edit")
	other.fill(t, editFill, url.Values{"name": {"Edith’s"}}, nil)
	p.fill(t, editFill, url.Values{"name": {"Grace’s"}}, nil)
	if p.status != http.StatusConflict || h.record(t, demo.Initech).Name != "Edith’s" {
		t.Errorf("the second one is answered %d, and the name is %s", p.status, h.record(t, demo.Initech).Name)
	}
	for _, address := range []string{"/admin/records/initech/edit", "/admin/records/initech/edit/reset-acs", "/admin/set-up/initech/mapping", "/admin/set-up/initech/provider", "/admin/set-up/initech/on"} {
		for _, seen := range []string{"", "x", "-1", "0"} {
			if p.post(t, h.base+address, url.Values{"seen": {seen}, "name": {"Nobody’s"}}); p.status != http.StatusBadRequest {
				t.Errorf("%s with seen=%q answers %d", address, seen, p.status)
			}
		}
	}
}
