package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/labstack/echo/v4"
	"golang.org/x/net/html"

	"idms/internal/login"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// pagesOnly is a site without a flow: enough for pages that ask it nothing.
func pagesOnly(t *testing.T) http.Handler {
	t.Helper()
	handler, err := New(Config{
		PortalName: "Cloud portal",
		BaseURLs:   []string{"https://login.example.com", "http://localhost:8080"},
		Dev:        true,
		Clock:      func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func get(handler http.Handler, address string) *http.Response {
	return answer(handler, httptest.NewRequest(http.MethodGet, address, nil))
}

func answer(handler http.Handler, request *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Result()
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func documentOf(t *testing.T, text string) *goquery.Document {
	t.Helper()
	document, err := goquery.NewDocumentFromReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestEverySampleStateIsAWholePage(t *testing.T) {
	handler := pagesOnly(t)
	site := &Site{Config: Config{PortalName: "Cloud portal"}}
	for _, sample := range samples(site.frame, noon) {
		t.Run(sample.Name, func(t *testing.T) {
			response := get(handler, "http://localhost:8080/dev/pages/"+sample.Name)
			text := body(t, response)
			if response.StatusCode != sample.Status {
				t.Errorf("status %d, want %d", response.StatusCode, sample.Status)
			}
			for _, complaint := range unbalanced(text) {
				t.Error(complaint)
			}
			for _, complaint := range complaints(documentOf(t, text)) {
				t.Error(complaint)
			}
			for _, leftover := range []string{"%!", "<no value>", "ZgotmplZ", "0001"} {
				if strings.Contains(text, leftover) {
					t.Errorf("the page holds %q", leftover)
				}
			}
		})
	}
}

// rendered is a sample state as a page.
func rendered(t *testing.T, site *Site, sample sample) *goquery.Document {
	t.Helper()
	recorder := httptest.NewRecorder()
	if err := site.render(echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), recorder), sample.Status, sample.Page); err != nil {
		t.Fatal(err)
	}
	return documentOf(t, recorder.Body.String())
}

// sampled looks at every sample state.
func sampled(t *testing.T, look func(*testing.T, *goquery.Document)) {
	t.Helper()
	site := &Site{Config: Config{PortalName: "Cloud portal"}}
	for _, sample := range samples(site.frame, noon) {
		t.Run(sample.Name, func(t *testing.T) { look(t, rendered(t, site, sample)) })
	}
}

// What a page shows of names is seen with a name of a whole line and one that is written
// from right to left, and each table also where there is nothing to fill it.
func TestEveryPageHasASampleOfEachState(t *testing.T) {
	site := &Site{Config: Config{PortalName: "Cloud portal"}}
	type states struct {
		samples                  int
		named, long, rightToLeft bool
		tables                   map[string]int // in how many samples each is
	}
	pages := map[string]*states{}
	for name := range templates {
		pages[name] = &states{tables: map[string]int{}}
	}
	for _, sample := range samples(site.frame, noon) {
		of, page := pages[sample.Page.file()], rendered(t, site, sample)
		of.samples++
		page.Find("main bdi").Each(func(_ int, name *goquery.Selection) {
			text := readIn(name)
			if text == site.PortalName {
				return // the same on every page
			}
			of.named = true
			of.long = of.long || utf8.RuneCountInString(text) >= longName
			of.rightToLeft = of.rightToLeft || strings.IndexFunc(text, isRightToLeft) >= 0
		})
		page.Find("main table").Each(func(_ int, table *goquery.Selection) {
			section := table.Closest("section")
			of.tables[section.AttrOr("aria-labelledby", section.AttrOr("aria-label", ""))+": "+readIn(table.Find("thead"))]++
		})
	}
	for name, of := range pages {
		switch {
		case name == "samples.html": // the list of them
		case of.samples == 0:
			t.Errorf("%s has no sample", name)
		case of.named && !of.long:
			t.Errorf("%s has no sample with a long name", name)
		}
		if of.named && !of.rightToLeft {
			t.Errorf("%s has no sample with a name from right to left", name)
		}
		for table, in := range of.tables {
			if in == of.samples && !slices.Contains(neverEmpty, name+" "+table) {
				t.Errorf("%s has no sample without the table %s", name, table)
			}
		}
	}
}

// neverEmpty are tables that hold at least one row wherever they are.
var neverEmpty = []string{
	"admin_administrator.html role-heading: NameWhy",                                                // who is one has a role
	"admin_changed.html Who changed it: VersionWhenByWhy", "admin_changed.html theirs: FieldFromTo", // somebody changed something
	"admin_record_certificates.html ours: What forEndsFilefrom today 1 year 2 years", // a record begins with a key
	"security.html sessions: OpenedLast usedLevelAction",                             // who looks has one
}

// longName is how many characters take a whole line of a telephone, and more.
const longName = 60

func isRightToLeft(r rune) bool { return unicode.In(r, unicode.Arabic, unicode.Hebrew) }

// References by which those who hear a page are led lead somewhere.
func TestWhatAPageRefersToIsThere(t *testing.T) {
	sampled(t, func(t *testing.T, page *goquery.Document) {
		ids := map[string]bool{}
		page.Find("[id]").Each(func(_ int, one *goquery.Selection) { ids[one.AttrOr("id", "")] = true })
		for _, name := range []string{"for", "form", "list", "aria-describedby", "aria-labelledby", "aria-controls", "aria-details", "aria-errormessage", "data-copy"} {
			page.Find("[" + name + "]").Each(func(_ int, one *goquery.Selection) {
				for _, id := range strings.Fields(one.AttrOr(name, "")) {
					if !ids[id] {
						t.Errorf("%s=%q refers to nothing", name, id)
					}
				}
			})
		}
		page.Find(`a[href^="#"]`).Each(func(_ int, link *goquery.Selection) {
			if id := strings.TrimPrefix(link.AttrOr("href", ""), "#"); !ids[id] {
				t.Errorf("the link %q leads to nothing on its page", readIn(link))
			}
		})
	})
}

func TestTheListOfSamplesIsInDevelopmentOnly(t *testing.T) {
	for dev, want := range map[bool]int{true: http.StatusOK, false: http.StatusNotFound} {
		handler, err := New(Config{PortalName: "Cloud portal", BaseURLs: []string{"http://localhost:8080"}, Dev: dev})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/dev/pages", "/dev/pages/login-one"} {
			if got := get(handler, "http://localhost:8080"+path).StatusCode; got != want {
				t.Errorf("dev %v: %s answers %d, want %d", dev, path, got, want)
			}
		}
	}
}

// complaints are what a person or a browser would stumble over in any page.
func complaints(page *goquery.Document) []string {
	var list []string
	complain := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if page.Find("html").AttrOr("lang", "") == "" {
		complain("the page does not say its language")
	}
	if strings.TrimSpace(page.Find("title").Text()) == "" {
		complain("the page has no title")
	}
	if count := page.Find("h1").Length(); count != 1 {
		complain("the page has %d first headings, want 1", count)
	}
	if count := page.Find("main").Length(); count != 1 {
		complain("the page has %d main parts, want 1", count)
	}
	// The heading stands above the cards, below the links to where the page belongs and
	// nothing else. A page with one thing to do is one card, heading and all.
	above := page.Find("main.container > h1")
	if above.Length() == 0 {
		above = page.Find("main.container > .heading > h1").Parent()
	}
	if page.Find("main.container").Length() == 0 {
		above = page.Find("main.door > .card > h1")
	}
	if above.Length() != 1 {
		complain("the first heading stands neither above the cards nor in the only one")
	}
	if above.PrevAll().Not("nav, p:has(a)").Length() > 0 {
		complain("something stands above the first heading that does not say where the page belongs")
	}
	page.Find("h1, h2, button, a, label, th, dt, dd, li").Each(func(_ int, one *goquery.Selection) {
		if strings.TrimSpace(one.Text()) == "" {
			outer, _ := goquery.OuterHtml(one)
			complain("there is nothing to read in %s", outer)
		}
	})
	page.Find(`input:not([type="hidden"]), select, textarea`).Each(func(_ int, field *goquery.Selection) {
		id := field.AttrOr("id", "")
		if id == "" || page.Find(`label[for="`+id+`"]`).Length() != 1 {
			complain("the field %q has no label of its own", id)
		}
	})
	page.Find("img").Each(func(_ int, picture *goquery.Selection) {
		if _, ok := picture.Attr("alt"); !ok {
			complain("a picture has no alt text")
		}
	})
	page.Find("a").Each(func(_ int, link *goquery.Selection) {
		if link.AttrOr("href", "") == "" {
			complain("a link leads nowhere: %s", link.Text())
		}
	})
	page.Find("form").Each(func(_ int, form *goquery.Selection) {
		if form.Find("button").Length() == 0 {
			complain("a form has no button, so it needs scripts")
		}
	})
	page.Find("button").Each(func(_ int, button *goquery.Selection) {
		if text := strings.ToLower(strings.TrimSpace(button.Text())); text == "ok" || strings.HasPrefix(text, "submit") {
			complain("the button %q is no verb with an object", text)
		}
	})
	if page.Find("[style], style, [onclick], [onload], [onsubmit], script:not([src])").Length() > 0 {
		complain("something is inline that the content security policy forbids")
	}
	seen := map[string]bool{}
	page.Find("[id]").Each(func(_ int, one *goquery.Selection) {
		if id := one.AttrOr("id", ""); seen[id] {
			complain("the id %q is there twice", id)
		} else {
			seen[id] = true
		}
	})
	return list
}

var voids = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// unbalanced are the elements that are opened and not closed, or the reverse:
// browsers mend that silently, each its own way.
func unbalanced(text string) []string {
	var open, list []string
	tokens := html.NewTokenizer(strings.NewReader(text))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if tokens.Err() != io.EOF {
				list = append(list, tokens.Err().Error())
			}
			for _, name := range open {
				list = append(list, "<"+name+"> is never closed")
			}
			return list
		case html.StartTagToken:
			if name, _ := tokens.TagName(); !slices.Contains(voids, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				list = append(list, "</"+string(name)+"> closes something else")
				continue
			}
			open = open[:len(open)-1]
		}
	}
}

func TestLoginOffersTheLastChoiceFirst(t *testing.T) {
	page := documentOf(t, body(t, get(pagesOnly(t), "http://localhost:8080/dev/pages/login-three-last-first")))
	first := page.Find(".ways a").First()
	if got := first.AttrOr("href", ""); got != "/saml/globex/login?return_to=%2Fgroups%3Fq%3Da" {
		t.Errorf("the first button leads to %q: not the last choice, or the deep link is lost", got)
	}
	if !strings.Contains(first.Text(), "last time") {
		t.Errorf("the first button does not say in words that it was the last choice: %q", first.Text())
	}
	if got := page.Find(".ways a").Length(); got != 3 {
		t.Errorf("%d buttons, want 3", got)
	}
}

func TestAnUnsafeReturnPathNeverReachesALinkM22(t *testing.T) {
	for _, path := range []string{"//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x"} {
		page := loginPageOf(frame{}, []login.Choice{{Key: "acme", Label: "Acme"}}, "", path)
		if got := page.Choices[0].URL; got != "/saml/acme/login" || page.Onward {
			t.Errorf("%q: the button leads to %q, onward %v", path, got, page.Onward)
		}
	}
}

func TestARefusalNeverTellsTheCodeOrTheRuleS60(t *testing.T) {
	handler := pagesOnly(t)
	site := &Site{}
	for _, sample := range samples(site.frame, noon) {
		if _, ok := sample.Page.(refusedPage); !ok {
			continue
		}
		text := body(t, get(handler, "http://localhost:8080/dev/pages/"+sample.Name))
		page := documentOf(t, text)
		code := strings.TrimPrefix(strings.TrimPrefix(sample.Name, "refused-login-"), "refused-elevate-")
		if strings.Contains(text, strings.ReplaceAll(code, "-", "_")) {
			t.Errorf("%s: the page tells the code", sample.Name)
		}
		if page.Find("[role=alert]").Text() == "" || page.Find("code.chip").Text() == "" || page.Find("a[role=button]").Length() != 1 {
			t.Errorf("%s: sentence, reference or next step is missing", sample.Name)
		}
	}
}

func TestManyGroupsAreAPageOfTheirOwn(t *testing.T) {
	page := documentOf(t, body(t, get(pagesOnly(t), "http://localhost:8080/dev/pages/who-500-groups")))
	if got := page.Find("table.cards tbody tr").Length(); got != firstGroups {
		t.Errorf("the front page shows %d groups, want %d", got, firstGroups)
	}
	if got := page.Find(`a[href="/groups"]`).Text(); got != "Show all 500 groups" {
		t.Errorf("the link to the rest says %q", got)
	}
	page = documentOf(t, body(t, get(pagesOnly(t), "http://localhost:8080/dev/pages/groups-filtered")))
	if got := page.Find("table.cards tbody tr").Length(); got != 10 {
		t.Errorf("the filter leaves %d groups, want team-040 to team-049", got)
	}
}

func TestTimeLeftIsSaidAsPeopleSayIt(t *testing.T) {
	for _, tt := range []struct {
		left time.Duration
		want string
	}{
		{-time.Hour, "in less than a minute"},
		{59 * time.Second, "in less than a minute"},
		{time.Minute, "in 1 minute"},
		{59*time.Minute + 40*time.Second, "in 60 minutes"},
		{3 * time.Hour, "in 3 hours"},
		{72 * time.Hour, "in 3 days"},
	} {
		if got := (moment{At: noon.Add(tt.left), Now: noon}).Left(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.left, got, tt.want)
		}
	}
	if got := (moment{At: noon.In(time.FixedZone("CET", 3600)), Now: noon}).When(); got != "1 Mar 2026, 12:00 UTC" {
		t.Errorf("the instant is %q, want it in UTC with its zone", got)
	}
}

func TestThePersonsPageLinksToWhereTheirPasswordIsChanged(t *testing.T) {
	handler := pagesOnly(t)
	page := documentOf(t, body(t, get(handler, "http://localhost:8080/dev/pages/who-password-elsewhere")))
	link := page.Find(`.person a[href="https://account.acme.example/password?from=portal"]`)
	if link.Length() != 1 || link.Text() != "Change it at account.acme.example" {
		t.Errorf("the page has %q", page.Find(".person").Text())
	}
	if page := documentOf(t, body(t, get(handler, "http://localhost:8080/dev/pages/who-full"))); page.Find(".person a").Length() != 0 {
		t.Error("without an address there is a link")
	}
}
