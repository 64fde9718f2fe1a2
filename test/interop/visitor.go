package interop

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// Bounds of one request of a visitor.
const (
	requestTimeout = 30 * time.Second
	maxPage        = 8 << 20 // bytes
)

// Visitor is a browser without JavaScript: it follows redirects, keeps cookies
// and submits forms, the self-posting ones of the POST binding too, when asked.
type Visitor struct {
	client    *http.Client
	transport *http.Transport
	from, to  string // addresses, host:port
}

// NewVisitor returns a visitor without any cookies.
func NewVisitor(t testing.TB) *Visitor {
	t.Helper()
	jar, err := trustLoopback(cookiejar.New(nil))
	if err != nil {
		t.Fatal(err)
	}
	v := &Visitor{}
	v.transport = &http.Transport{DialContext: v.dial} // of its own, without a proxy
	t.Cleanup(v.transport.CloseIdleConnections)
	v.client = &http.Client{Jar: jar, Timeout: requestTimeout, Transport: v.transport}
	return v
}

// Divert has another process answer at the address of base, host:port, as a
// balancer would; "" ends it.
func (v *Visitor) Divert(base, to string) {
	v.from, v.to = base, to
	v.transport.CloseIdleConnections()
}

func (v *Visitor) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if v.from != "" && address == v.from {
		address = v.to
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// Page is where a visitor arrived after following redirects.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
}

// Form is a form as a page brought it; set values before it is submitted.
type Form struct {
	Action *url.URL
	Method string
	Values url.Values

	page *url.URL
}

// Open asks for an address.
func (v *Visitor) Open(t testing.TB, address string) *Page {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v.do(t, request)
}

// Redirected asks for an address and returns the one that it redirects to,
// without going there.
func (v *Visitor) Redirected(t testing.TB, address string) *url.URL {
	t.Helper()
	client := *v.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	to, err := response.Location()
	if err != nil {
		t.Fatalf("%s (status %d): %v", address, response.StatusCode, err)
	}
	return to
}

// Submit sends a form, with the Origin header of the page it stood on, as
// browsers do.
func (v *Visitor) Submit(t testing.TB, form Form) *Page {
	t.Helper()
	if form.Method == http.MethodGet {
		action := *form.Action
		action.RawQuery = form.Values.Encode()
		return v.Open(t, action.String())
	}
	request, err := http.NewRequest(form.Method, form.Action.String(), strings.NewReader(form.Values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", form.page.Scheme+"://"+form.page.Host)
	request.Header.Set("Sec-Fetch-Site", site(form.page, form.Action))
	request.Header.Set("Referer", form.page.String())
	return v.do(t, request)
}

// Cookies are those that would be sent to address.
func (v *Visitor) Cookies(address *url.URL) []*http.Cookie {
	return v.client.Jar.Cookies(address)
}

// site is the value of Sec-Fetch-Site for a navigation. Ports make another
// origin but not another site.
func site(from, to *url.URL) string {
	switch {
	case from.Scheme == to.Scheme && from.Host == to.Host:
		return "same-origin"
	case from.Scheme == to.Scheme && from.Hostname() == to.Hostname():
		return "same-site"
	}
	return "cross-site"
}

func (v *Visitor) do(t testing.TB, request *http.Request) *Page {
	t.Helper()
	response, err := v.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		t.Fatalf("%s: %v", request.URL, err)
	}
	return &Page{URL: response.Request.URL, Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// Form returns the form of the page that has a field of this name.
func (p *Page) Form(t testing.TB, field string) Form {
	t.Helper()
	return p.form(t, "with the field "+field, func(form *goquery.Selection) bool {
		return form.Find("[name]").FilterFunction(func(_ int, input *goquery.Selection) bool {
			return input.AttrOr("name", "") == field
		}).Length() > 0
	})
}

// FormTo returns the form of the page that goes to this address, written as it
// stands in the page.
func (p *Page) FormTo(t testing.TB, action string) Form {
	t.Helper()
	return p.form(t, "to "+action, func(form *goquery.Selection) bool { return form.AttrOr("action", "") == action })
}

// form returns the only form of the page that is wanted.
func (p *Page) form(t testing.TB, which string, wanted func(*goquery.Selection) bool) Form {
	t.Helper()
	found := p.document(t).Find("form").FilterFunction(func(_ int, form *goquery.Selection) bool { return wanted(form) })
	if found.Length() != 1 {
		t.Fatalf("%s (status %d) has %d forms %s, want one:\n%s", p.URL, p.Status, found.Length(), which, p.Text(t))
	}
	action, err := p.URL.Parse(strings.TrimSpace(found.AttrOr("action", "")))
	if err != nil {
		t.Fatal(err)
	}
	form := Form{
		Action: action,
		Method: strings.ToUpper(found.AttrOr("method", http.MethodGet)),
		Values: url.Values{},
		page:   p.URL,
	}
	found.Find("input[name], textarea[name], select[name]").Each(func(_ int, input *goquery.Selection) {
		switch input.AttrOr("type", "text") {
		case "submit", "button", "image", "reset", "file":
			return // sent only when pressed
		case "checkbox", "radio":
			if _, checked := input.Attr("checked"); checked {
				form.Values.Add(input.AttrOr("name", ""), input.AttrOr("value", "on"))
			}
			return
		}
		value := input.AttrOr("value", "")
		switch goquery.NodeName(input) {
		case "textarea":
			value = input.Text()
		case "select":
			value = input.Find("option[selected]").AttrOr("value", "")
		}
		form.Values.Add(input.AttrOr("name", ""), value)
	})
	return form
}

// Has tells whether the page has a form with a field of this name.
func (p *Page) Has(t testing.TB, field string) bool {
	t.Helper()
	for _, name := range p.document(t).Find("form [name]").Map(func(_ int, input *goquery.Selection) string { return input.AttrOr("name", "") }) {
		if name == field {
			return true
		}
	}
	return false
}

// Text is what a person reads on the page, with runs of white space folded.
func (p *Page) Text(t testing.TB) string {
	t.Helper()
	return strings.Join(strings.Fields(p.document(t).Find("body").Text()), " ")
}

func (p *Page) document(t testing.TB) *goquery.Document {
	t.Helper()
	document, err := goquery.NewDocumentFromReader(strings.NewReader(p.Body))
	if err != nil {
		t.Fatal(err)
	}
	return document
}
