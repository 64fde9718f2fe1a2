package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
)

// adminPath is where administrators work.
const adminPath = "/admin"

// adminRoute is one page of administrators, or one thing that they can do, and what
// somebody must at least be for it. Routes below adminPath are registered from these
// alone, so there is none without a role; the zero role lets nobody in.
type adminRoute struct {
	method, path string
	need         roles.Role
	handle       func(s *Site, c echo.Context, who login.Visitor) error
}

func (s *Site) administration(e *echo.Echo) {
	large := newBodies(adminPosts, bodyPatience) // of all forms together
	for _, route := range adminRoutes {
		handle := large.bound(s.administered(route))
		e.Add(route.method, route.path, handle)
		if route.method == http.MethodGet {
			e.HEAD(route.path, handle)
		}
	}
}

// administered lets in who may use a route. Strangers are sent to the door, and come
// back from there.
func (s *Site) administered(route adminRoute) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, known, err := s.visitor(c)
		if err != nil {
			return err
		}
		if !known {
			return toDoor(c)
		}
		if who.Role == roles.None {
			return fault.New(fault.Denied, "These pages are for administrators of idms, and you are none. An owner can make you one.")
		}
		if !who.Role.May(route.need) {
			return fault.New(fault.Denied, "This needs the role %s, and yours is %s. An owner can change that.", route.need, who.Role)
		}
		if err := s.Flow.MayAdminister(c.Request().Context(), who); err != nil {
			return err
		}
		return route.handle(s, c, who)
	}
}

// toDoor sends a stranger to the administrators' door. A page is come back to; what
// a form would have done is not done again.
func toDoor(c echo.Context) error {
	back := adminPath
	if c.Request().Method == http.MethodGet {
		back = c.Request().URL.RequestURI()
	}
	return see(c, doorPath+"?"+url.Values{"return_to": {back}}.Encode())
}

// adminHome leads to what administrators most often come for.
func (s *Site) adminHome(c echo.Context, _ login.Visitor) error { return see(c, adminPath+"/logins") }

// author is an administrator who changes something by a page.
func (s *Site) author(who login.Visitor) store.Author {
	return store.Author{Role: who.Role, Who: who.Account.Username, Now: s.Clock()}
}

// adminFrame is what every page of administrators has around it.
type adminFrame struct {
	frame
	Me       string // username
	Role     roles.Role
	Sections []section
	Notice   string // what was done on the way here; "" for nothing
}

// section is one link of the bar.
type section struct {
	Name, URL string
	Here      bool
}

// Scripts make the pages quicker to use. Without them they do the same.
func (adminFrame) Scripts() []string { return []string{"htmx.min.js", "admin.js"} }
func (adminFrame) formsTo() string   { return ownForms }

// Edits is true for who may see what providers say of people, and end sessions.
func (f adminFrame) Edits() bool { return f.Role.May(roles.Editor) }

// Owns is true for who may do what only an owner may.
func (f adminFrame) Owns() bool { return f.Role.May(roles.Owner) }

// adminFrame is the frame of an answer: what was done on the way here is told in it.
func (s *Site) adminFrame(c echo.Context, title, here string, who login.Visitor) adminFrame {
	framed := adminFrameOf(s.frame(title), here, who.Account.Username, who.Role)
	framed.Notice = notices[c.QueryParam(doneParam)]
	return framed
}

func adminFrameOf(around frame, here, me string, role roles.Role) adminFrame {
	framed := adminFrame{frame: around, Me: me, Role: role}
	for _, one := range adminSections {
		if !role.May(roles.Owner) && slices.Contains(ownersSections, one.path) {
			continue
		}
		framed.Sections = append(framed.Sections, section{one.name, adminPath + "/" + one.path, one.path == here})
	}
	return framed
}

// badge is a state for the eyes: a word, with a shape and a colour.
type badge struct{ Word, Class string }

// The classes of badges, as idms.css knows them.
const (
	good    = "full"
	mixed   = "restricted"
	bad     = "none"
	neutral = "plain"
)

// perPage is how many rows a list shows.
const perPage = 50

// paging is how a list goes on.
type paging struct {
	First string // address of the first page, when this is another one
	Next  string // address of the following page
}

// pagingOf keeps the filter of a list in the addresses of its pages.
func pagingOf(path string, filter url.Values, cursor, next string) paging {
	var p paging
	if cursor != "" {
		p.First = addressOf(path, filter)
	}
	if next != "" {
		further := url.Values{"cursor": {next}}
		for name, values := range filter {
			further[name] = values
		}
		p.Next = addressOf(path, further)
	}
	return p
}

// addressOf is a path with a query of what is not empty.
func addressOf(path string, query url.Values) string {
	kept := url.Values{}
	for name, values := range query {
		if len(values) == 1 && values[0] != "" {
			kept[name] = values
		}
	}
	if len(kept) == 0 {
		return path
	}
	return path + "?" + kept.Encode()
}

// below is the address of one thing in a section.
func below(section, id string) string {
	return adminPath + "/" + section + "/" + url.PathEscape(id)
}

// queried reads one field of a filter: text, trimmed, and no more than anything that
// it could find has.
func queried(c echo.Context, name string) string {
	text := c.QueryParam(name)
	return strings.TrimSpace(strings.ToValidUTF8(text[:min(len(text), maxQuery)], ""))
}

// inputTime is how an instant is typed into a field of date and time; it is in UTC.
const inputTime = "2006-01-02T15:04"

// within reads the two ends of a filter by time.
func within(from, to string) (first, last time.Time, problem string) {
	for _, end := range []struct {
		typed string
		into  *time.Time
	}{{from, &first}, {to, &last}} {
		if end.typed == "" {
			continue
		}
		at, err := time.Parse(inputTime, end.typed)
		if err != nil {
			return time.Time{}, time.Time{}, fmt.Sprintf("“%s” is no instant. Write one like 2026-03-01T12:00, in UTC.", clip(40, end.typed))
		}
		*end.into = at
	}
	return first, last, ""
}

// exact is an instant to the second: what one administrator tells another must be
// found in a log.
type exact time.Time

// When is the instant with its zone; "never" for none.
func (e exact) When() string {
	if time.Time(e).IsZero() {
		return "never"
	}
	return time.Time(e).UTC().Format("2006-01-02 15:04:05 MST")
}

// Exact is the same: it leaves nothing out.
func (e exact) Exact() string { return e.When() }

// Machine is the instant for the datetime attribute, "" for none.
func (e exact) Machine() string {
	if time.Time(e).IsZero() {
		return ""
	}
	return time.Time(e).UTC().Format(time.RFC3339)
}

// option is one choice of a select.
type option struct {
	Value, Label string
	Chosen       bool
}

func optionsOf(chosen string, all ...option) []option {
	for i := range all {
		all[i].Chosen = all[i].Value == chosen
	}
	return all
}

// number writes a large number so that it can be read.
func number(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// countOf is a number of things: "1 person", "12,000 people".
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// people is a number of them.
func people(n int) string { return countOf(n, "person", "people") }
