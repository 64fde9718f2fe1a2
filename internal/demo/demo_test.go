package demo

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/saml"
)

const serviceURL = "http://localhost:8080"

// oneKeys are one pair of keys for all tests: making one takes long.
var oneKeys = sync.OnceValues(func() (*Keys, error) { return NewKeys(time.Now()) })

// newIdP is a provider on loopback and a browser without scripts.
func newIdP(t *testing.T) (*IdP, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	keys, err := oneKeys()
	if err != nil {
		t.Fatal(err)
	}
	provider, err := New(Config{BaseURL: "http://" + server.Listener.Addr().String(), ServiceURL: serviceURL, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = provider
	server.Start()
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return provider, &http.Client{Jar: jar}
}

// ask begins a login through a record as the service does.
func ask(t *testing.T, provider *IdP, record string, options saml.RequestOptions) string {
	t.Helper()
	sp := saml.Settings{}.SP(record, serviceURL, nil)
	options.ID, options.Now, options.RelayState = saml.NewRequestID(), time.Now(), "handle"
	idp := saml.IdP{EntityID: provider.EntityID(), SSO: []saml.Endpoint{{Binding: saml.Redirect, URL: provider.BaseURL + "/sso"}}}
	out, err := saml.BuildRequest(saml.Settings{}, idp, sp, options)
	if err != nil {
		t.Fatal(err)
	}
	return out.URL
}

func page(t *testing.T, response *http.Response, err error) *goquery.Document {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s", response.Request.URL, response.Status)
	}
	document, err := goquery.NewDocumentFromReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// fields are what a form of the page posts when its button is used.
func fields(form *goquery.Selection, button string) url.Values {
	values := url.Values{}
	form.Find("input").Each(func(_ int, input *goquery.Selection) {
		values.Add(input.AttrOr("name", ""), input.AttrOr("value", ""))
	})
	if used := form.Find(`button[value="` + button + `"]`); used.Length() > 0 {
		values.Add(used.AttrOr("name", ""), button)
	}
	return values
}

// formOf is the form of a person's way on the page of the cast.
func formOf(page *goquery.Document, person, way string) *goquery.Selection {
	return page.Find("form").FilterFunction(func(_ int, form *goquery.Selection) bool {
		return form.Find(`input[name="person"][value="`+person+`"]`).Length() == 1 &&
			form.Find(`button[value="`+way+`"]`).Length() == 1
	})
}

type response struct {
	InResponseTo string `xml:",attr"`
	Status       struct {
		Code struct {
			Value string `xml:",attr"`
			Code  struct {
				Value string `xml:",attr"`
			} `xml:"StatusCode"`
		} `xml:"StatusCode"`
	}
	Signature *struct{}
	Assertion *struct {
		Signature *struct{}
		Subject   struct {
			NameID string
		}
		AuthnStatement struct {
			AuthnInstant time.Time `xml:",attr"`
			Context      string    `xml:"AuthnContext>AuthnContextClassRef"`
		}
		Attributes []struct {
			Name   string   `xml:",attr"`
			Values []string `xml:"AttributeValue"`
		} `xml:"AttributeStatement>Attribute"`
	}
}

// read takes the response out of the page that carries it back.
func read(t *testing.T, answer *goquery.Document) (response, url.Values) {
	t.Helper()
	form := answer.Find("form[data-post-now]")
	if form.Find("button").Length() != 1 {
		t.Error("without scripts there is no way on: the page has no button")
	}
	values := fields(form, "")
	document, err := base64.StdEncoding.DecodeString(values.Get("SAMLResponse"))
	if err != nil {
		t.Fatal(err)
	}
	var r response
	if err := xml.Unmarshal(document, &r); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return r, values
}

func (r response) values(name string) []string {
	for _, attribute := range r.Assertion.Attributes {
		if attribute.Name == name {
			return attribute.Values
		}
	}
	return nil
}

func TestThePageShowsTheCastAndWhatToExpect(t *testing.T) {
	provider, browser := newIdP(t)
	response, err := browser.Get(ask(t, provider, Acme, saml.RequestOptions{}))
	shown := page(t, response, err)
	for _, person := range Cast() {
		for _, way := range person.Ways {
			form := formOf(shown, person.Username, way.Key)
			if form.Length() != 1 || !strings.Contains(form.Text(), way.Button) || !strings.Contains(form.Text(), way.Acme.Say) {
				t.Errorf("%s, %s: the page does not say what to expect", person.Username, way.Key)
			}
		}
	}
	if got := shown.Find("main > p").First().Text(); !strings.Contains(got, "Acme asks") {
		t.Errorf("the page does not say who asks: %q", got)
	}
}

func TestAnAnswerIsSignedTwiceAndHoldsWhatTheCastSays(t *testing.T) {
	provider, browser := newIdP(t)
	got, err := browser.Get(ask(t, provider, Acme, saml.RequestOptions{}))
	form := formOf(page(t, got, err), "ines", "password")
	got, err = browser.PostForm(provider.BaseURL+form.AttrOr("action", ""), fields(form, "password"))
	answer, posted := read(t, page(t, got, err))

	if answer.Signature == nil || answer.Assertion == nil || answer.Assertion.Signature == nil {
		t.Fatalf("response or assertion is not signed: %+v", answer)
	}
	if answer.Assertion.Subject.NameID != "ines" || answer.Assertion.AuthnStatement.Context != password {
		t.Errorf("got %q by %q", answer.Assertion.Subject.NameID, answer.Assertion.AuthnStatement.Context)
	}
	if groups := answer.values("groups"); len(groups) != teams+1 || groups[teams] != "team-500" {
		t.Errorf("%d groups, want %d: %.3q", len(groups), teams+1, groups)
	}
	if answer.values("email")[0] != "ines@acme.example" || answer.values("phone") != nil {
		t.Errorf("e-mail %q, phone %q", answer.values("email"), answer.values("phone"))
	}
	if posted.Get("RelayState") != "handle" || answer.InResponseTo == "" {
		t.Errorf("RelayState %q, InResponseTo %q", posted.Get("RelayState"), answer.InResponseTo)
	}
}

func TestSomebodyWithoutMailboxHasNoEmailAttribute(t *testing.T) {
	goro, _ := find("goro")
	if got := goro.sent(goro.Ways[0], "email"); got != nil {
		t.Errorf("the provider sends %q", got)
	}
}

func TestLeavingTheTeamChangesOnlyTheGroups(t *testing.T) {
	hugo, _ := find("hugo")
	stays, _ := hugo.way("password")
	left, _ := hugo.way("left")
	if got := hugo.sent(stays, "groups"); !slices.Equal(got, []string{"staff", "platform"}) {
		t.Errorf("on the team: %q", got)
	}
	if got := hugo.sent(left, "groups"); !slices.Equal(got, []string{"staff"}) {
		t.Errorf("having left: %q", got)
	}
	if got := hugo.sent(left, "employment"); !slices.Equal(got, []string{"employee"}) {
		t.Errorf("having left, employment: %q", got)
	}
}

// The provider remembers people as real ones do, unless it is told not to.
func TestForceAuthnAsksAnewS54(t *testing.T) {
	provider, browser := newIdP(t)
	got, err := browser.Get(ask(t, provider, Globex, saml.RequestOptions{}))
	form := formOf(page(t, got, err), "layla", "password")
	got, err = browser.PostForm(provider.BaseURL+"/sso", fields(form, "password"))
	first, _ := read(t, page(t, got, err))

	got, err = browser.Get(ask(t, provider, Globex, saml.RequestOptions{}))
	form = formOf(page(t, got, err), "layla", "continue")
	if form.Length() != 1 {
		t.Fatal("the provider does not remember the person")
	}
	got, err = browser.PostForm(provider.BaseURL+"/sso", fields(form, "continue"))
	again, _ := read(t, page(t, got, err))
	if !again.Assertion.AuthnStatement.AuthnInstant.Equal(first.Assertion.AuthnStatement.AuthnInstant.Truncate(time.Second)) {
		t.Errorf("continuing is a new authentication: %s, first %s", again.Assertion.AuthnStatement.AuthnInstant, first.Assertion.AuthnStatement.AuthnInstant)
	}

	got, err = browser.Get(ask(t, provider, Globex, saml.RequestOptions{ForceAuthn: true}))
	anew := page(t, got, err)
	if formOf(anew, "layla", "continue").Length() != 0 || !strings.Contains(anew.Find("main > p").Text(), "anew") {
		t.Error("with ForceAuthn the provider offers to continue")
	}
	// Nor does it take what an older page offered.
	values := fields(formOf(anew, "layla", "password"), "password")
	values.Set("way", "continue")
	if got, err := browser.PostForm(provider.BaseURL+"/sso", values); err != nil || got.StatusCode != http.StatusBadRequest {
		t.Errorf("continuing despite ForceAuthn: %v, %v", got, err)
	}
}

func TestElevationFindsOnlyThoseWithASmartCardS26(t *testing.T) {
	provider, browser := newIdP(t)
	got, err := browser.Get(ask(t, provider, Acme, saml.RequestOptions{ForceAuthn: true, Contexts: []string{smartCard}}))
	shown := page(t, got, err)
	var ways []string
	shown.Find(".cast form").Each(func(_ int, form *goquery.Selection) {
		ways = append(ways, form.Find(`input[name="person"]`).AttrOr("value", "")+" by "+form.Find("button").AttrOr("value", ""))
	})
	if got := strings.Join(ways, ", "); got != "ada by card, chen by card" {
		t.Errorf("the page offers %s", got)
	}
	form := formOf(shown, "chen", "card")
	got, err = browser.PostForm(provider.BaseURL+"/sso", fields(form, "card"))
	if answer, _ := read(t, page(t, got, err)); answer.Assertion.AuthnStatement.Context != smartCard {
		t.Errorf("the answer names %q", answer.Assertion.AuthnStatement.Context)
	}
	// Those who have none can say so.
	got, err = browser.PostForm(provider.BaseURL+"/sso", fields(shown.Find("form.refuse"), "context"))
	answer, _ := read(t, page(t, got, err))
	if answer.Assertion != nil || !strings.HasSuffix(answer.Status.Code.Code.Value, ":NoAuthnContext") || !strings.HasSuffix(answer.Status.Code.Value, ":Responder") {
		t.Errorf("the refusal is %+v", answer)
	}
}

func TestALoginCanBeginAtTheProvider(t *testing.T) {
	provider, browser := newIdP(t)
	got, err := browser.Get(provider.BaseURL + "/")
	form := formOf(page(t, got, err), "layla", "password")
	got, err = browser.PostForm(provider.BaseURL+"/start", fields(form, "password"))
	shown := page(t, got, err)
	answer, posted := read(t, shown)
	if answer.InResponseTo != "" || answer.Assertion.Subject.NameID != "layla" {
		t.Errorf("the answer is for %q, in response to %q", answer.Assertion.Subject.NameID, answer.InResponseTo)
	}
	if posted.Get("RelayState") != "globex-start" {
		t.Errorf("RelayState is %q, want the record's", posted.Get("RelayState"))
	}
	if action := shown.Find("form").AttrOr("action", ""); action != serviceURL+"/saml/globex/acs" {
		t.Errorf("the answer goes to %q", action)
	}
}

func TestARequestFromAStrangerOrNoRequestIsAPage(t *testing.T) {
	provider, browser := newIdP(t)
	for name, address := range map[string]string{
		"no request":       provider.BaseURL + "/sso",
		"not a request":    provider.BaseURL + "/sso?SAMLRequest=AAAA",
		"another service":  ask(t, &IdP{Config: provider.Config}, "acme/../../elsewhere", saml.RequestOptions{}),
		"another provider": strings.Replace(ask(t, &IdP{Config: Config{BaseURL: "http://localhost:1"}}, Acme, saml.RequestOptions{}), "http://localhost:1", provider.BaseURL, 1),
	} {
		got, err := browser.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		if got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", name, got.Status)
		}
		_ = got.Body.Close()
	}
}

// Whoever sets a record up in the demonstration need not tell its provider.
func TestARecordThatIsNewIsKnownByItsEntityID(t *testing.T) {
	provider, browser := newIdP(t)
	got, err := browser.Get(ask(t, provider, "brand-new", saml.RequestOptions{}))
	if shown := page(t, got, err); !strings.Contains(shown.Text(), "brand-new asks") {
		t.Errorf("the provider shows %q", shown.Text())
	}
	for entityID, want := range map[string]bool{
		serviceURL + "/saml/brand-new/metadata": true, serviceURL + "/saml//metadata": false, serviceURL + "/saml/a/b/metadata": false,
		serviceURL + "/saml/brand-new": false, "https://elsewhere.example/saml/acme/metadata": false, "": false,
	} {
		if _, ok := provider.service(entityID); ok != want {
			t.Errorf("%q is known: %v", entityID, ok)
		}
	}
}

func TestTheServiceReadsTheMetadata(t *testing.T) {
	provider, _ := newIdP(t)
	document, err := provider.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	settings := saml.Settings{Metadata: string(document)}
	idp, err := settings.IdP()
	if err != nil {
		t.Fatal(err)
	}
	if idp.EntityID != provider.EntityID() || len(idp.Certificates) == 0 || len(idp.SSO) != 2 {
		t.Errorf("read as %+v", idp)
	}
}

func TestTheCastHasNamesOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, person := range Cast() {
		if seen[person.Username] || len(person.Ways) == 0 || person.Story == "" {
			t.Errorf("%s is there twice, or incomplete", person.Username)
		}
		seen[person.Username] = true
		for _, way := range person.Ways {
			for _, record := range records {
				ending := person.Expect(record.Key, way)
				if ending.Say == "" || !slices.IsSorted(ending.Groups) || (ending.Code != "") != (ending.Level == 0) {
					t.Errorf("%s, %s at %s: the ending is %+v", person.Username, way.Key, record.Key, ending)
				}
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("%d people, want at least eight", len(seen))
	}
}
