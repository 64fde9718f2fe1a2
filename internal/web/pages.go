package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"idms/internal/console"
	"idms/internal/login"
	"idms/internal/saml"
)

// page is the data of one page. Its type says which template shows it.
type page interface {
	file() string
	// Scripts are the static files of it that run, in order.
	Scripts() []string
	// formsTo is where its forms may go, for the Content-Security-Policy.
	formsTo() string
}

// frame is what every page has around it.
type frame struct {
	Portal string
	Title  string
	Assets string // path before the addresses of static files: on a portal's host they are elsewhere
}

func (s *Site) frame(title string) frame { return frame{Portal: s.portalName(), Title: title} }

// portalName is what owners call the portal at present.
func (s *Site) portalName() string {
	if s.Flow == nil { // samples
		return s.PortalName
	}
	ctx, cancel := context.WithTimeout(context.Background(), nameTime)
	defer cancel()
	return s.Flow.Store.Adjusted(ctx).Text("portal_name", s.PortalName)
}

// nameTime bounds looking for the portal's name, which most often nobody is asked for.
const nameTime = 2 * time.Second

func (frame) Scripts() []string { return nil }
func (frame) formsTo() string   { return noForms }

// loginPage offers the ways to log in.
type loginPage struct {
	frame
	Choices []choice
	// Onward is true when the person was on the way to a page here.
	Onward bool
	// Door is the address at which local people log in; "" while it is shut.
	Door string
}

// choice is one button.
type choice struct {
	Label   string
	URL     string
	Icon    string // address; "" shows the initial instead
	Initial string
	Last    bool // the way this browser took last
}

func (loginPage) file() string { return "login.html" }

// continuePage carries an AuthnRequest, or our part in a logout, by POST: it posts itself where scripts
// run, and offers a button where they do not (SAML bindings 3.5).
type continuePage struct {
	frame
	Host   string // of the provider, to read
	Action string
	Fields []saml.Field
	// LoggingOut is true of an answer to a provider's logout request.
	LoggingOut bool
}

func (continuePage) file() string      { return "continue.html" }
func (continuePage) Scripts() []string { return []string{"post.js"} }
func (continuePage) formsTo() string   { return anyForms }

// whoPage tells people who they are here.
type whoPage struct {
	frame
	Name     string // first and last, or the username
	Username string
	Email    string
	Record   string
	Level    level
	Why      string
	// CanElevate shows the button; Elevated shows its opposite.
	CanElevate    bool
	Elevated      bool
	ElevatedUntil moment
	Ends          moment
	Role          string        // as an administrator; "" for everybody else
	Local         bool          // has a password here
	Groups        []login.Group // the first ones
	GroupCount    int
	Password      link // where the provider changes passwords; may be none
	Portals       []link
}

// link is an address elsewhere, with its host to read.
type link struct{ URL, Host string }

func (whoPage) file() string { return "who.html" }

// Elevating posts a form that ends at the identity provider.
func (p whoPage) formsTo() string {
	if p.CanElevate {
		return anyForms
	}
	return ownForms
}

// More is how many groups the page leaves out.
func (p whoPage) More() int { return p.GroupCount - len(p.Groups) }

// elevatePage asks a person who came from a portal to elevate.
type elevatePage struct {
	frame
	Level    level
	ReturnTo string // a path of ours that leads back
}

func (elevatePage) file() string { return "elevate.html" }

// Elevating posts a form that ends at the identity provider.
func (elevatePage) formsTo() string { return anyForms }

// groupsPage lists every group of a person.
type groupsPage struct {
	frame
	Query  string // as typed
	Groups []login.Group
	Total  int
}

func (groupsPage) file() string    { return "groups.html" }
func (groupsPage) formsTo() string { return ownForms }

// refusedPage says that a login was refused, and no more than a visitor may
// know (S60).
type refusedPage struct {
	frame
	Sentence  string
	Reference string
	Again     string // address that begins again; "" when there is none
	Elevating bool   // the person is still logged in as before
	// Inside is true when the browser brought a session: the provider may have
	// said no to an elevation without saying to which request.
	Inside     bool
	LoggingOut bool // what was refused is a logout
}

func (refusedPage) file() string { return "refused.html" }

// signedOutPage is what remains after logging out. Whatever else it says, it says
// that the session here has ended.
type signedOutPage struct {
	frame
	Others    int          // further sessions that have ended
	Told      bool         // the provider was to be told
	Answer    string       // of it: done, partial, failed, or "" when there is none yet
	Reference string       // of the trace of an answer that could not be accepted
	Going     bool         // the browser is on its way to the provider
	Provider  link         // takes our request; may be none
	Action    string       // by POST: the form's
	Fields    []saml.Field // by POST
	Onward    link         // the record's logout URL; may be none
}

func (signedOutPage) file() string { return "signed_out.html" }

// A request by POST is posted by a script where scripts run, like an
// AuthnRequest.
func (p signedOutPage) Scripts() []string {
	if p.Action != "" && p.Going {
		return []string{"post.js"}
	}
	return nil
}

func (p signedOutPage) formsTo() string {
	if p.Action != "" {
		return anyForms
	}
	return noForms
}

// errorPage is every page that is not what was asked for.
type errorPage struct {
	frame
	Status    int
	Sentence  string
	Reference string
	Lost      bool // no link leads anywhere from here
}

func (errorPage) file() string { return "error.html" }

// samplesPage lists the sample states of all pages.
type samplesPage struct {
	frame
	Names []string
}

func (samplesPage) file() string { return "samples.html" }

// level is a console level for the eyes.
type level struct {
	Word  string
	Class string // shape and colour of the badge
	Means string
}

func levelWords(of console.Level) level {
	switch of {
	case console.Full:
		return level{of.Label(), "full", "You may use the portal and open cloud consoles."}
	case console.Restricted:
		return level{of.Label(), "restricted", "You may use the portal, but not open cloud consoles."}
	}
	return level{of.Label(), "none", "You may not use the portal."}
}

// moment is an instant as people read it: how long from now, and when exactly.
type moment struct {
	At  time.Time
	Now time.Time
}

// When is the instant with its zone.
func (m moment) When() string { return m.At.UTC().Format("2 Jan 2006, 15:04 MST") }

// Machine is the instant for the datetime attribute.
func (m moment) Machine() string { return m.At.UTC().Format(time.RFC3339) }

// Left is the time from now, rounded as one would say it.
func (m moment) Left() string {
	left := m.At.Sub(m.Now)
	switch {
	case left < time.Minute:
		return "in less than a minute"
	case left < 2*time.Hour:
		return plural("in %d minute", int(left.Round(time.Minute).Minutes()))
	case left < 48*time.Hour:
		return plural("in %d hour", int(left.Round(time.Hour).Hours()))
	}
	return plural("in %d day", int(left.Round(24*time.Hour).Hours()/24))
}

func plural(format string, count int) string {
	text := fmt.Sprintf(format, count)
	if count != 1 {
		text += "s"
	}
	return text
}

// initial is the letter that stands in for a missing icon.
func initial(label string) string {
	for _, r := range label {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "•"
}

//go:embed templates
var templateFiles embed.FS

var templates = parseTemplates()

// layouts are what every page may use: the frame and the parts that several share.
var layouts = []string{"templates/layout.html", "templates/admin_parts.html", "templates/admin_fields.html", "templates/admin_directory_parts.html"}

func parseTemplates() map[string]*template.Template {
	functions := template.FuncMap{
		"asset": func(name string) (string, error) {
			address, ok := addresses[name]
			if !ok {
				return "", fmt.Errorf("there is no static file %q", name)
			}
			return address, nil
		},
		"clip":    clip,
		"fieldID": fieldID,
		"isBack":  isBack,
	}
	layout := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, layouts...))
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic("web: the embedded templates cannot be read: " + err.Error()) // a broken build
	}
	list := map[string]*template.Template{}
	for _, entry := range entries {
		if slices.Contains(layouts, "templates/"+entry.Name()) {
			continue
		}
		list[entry.Name()] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+entry.Name()))
	}
	return list
}

// clip keeps a page readable when somebody's name is a novel.
func clip(limit int, text string) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:limit])) + "…"
}

// render writes a page whole or not at all.
func (s *Site) render(c echo.Context, status int, p page) error {
	var buffer bytes.Buffer
	if err := templates[p.file()].ExecuteTemplate(&buffer, "layout", p); err != nil {
		return fmt.Errorf("rendering %s: %w", p.file(), err)
	}
	c.Response().Header().Set("Content-Security-Policy", policy(len(p.Scripts()) > 0, p.formsTo()))
	return c.HTMLBlob(status, buffer.Bytes())
}

// see sends the browser on with a GET, whatever it came with.
func see(c echo.Context, address string) error {
	return c.Redirect(http.StatusSeeOther, address)
}
