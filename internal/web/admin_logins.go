package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/store"
	"idms/internal/trace"
)

// adminLoginsPage lists the logins that are still explained.
type adminLoginsPage struct {
	adminFrame
	paging
	Filter   loginFilter
	Outcomes []option
	Codes    []option
	Orders   []option
	Quick    []section // what is most often looked for
	Person   string    // whose logins alone, by username; "" is everybody's
	Problem  string    // with what was typed
	Logins   []loginRow
}

// loginFilter is what somebody looks for, as typed.
type loginFilter struct {
	Ref, Record, User, Name, Outcome, Code, From, To, Order string
}

// Any is true when something is looked for.
func (f loginFilter) Any() bool { f.Ref, f.Order = "", ""; return f != loginFilter{} }

func (f loginFilter) values() url.Values {
	return url.Values{"record": {f.Record}, "user": {f.User}, "outcome": {f.Outcome}, "code": {f.Code}, "from": {f.From}, "to": {f.To},
		"name": {f.Name}, "order": {f.Order}}
}

// loginRow is one login of a list.
type loginRow struct {
	At                exact
	Outcome           badge
	Code              string
	Person, PersonURL string
	Stranger          string // username of who was refused and had no account, as a proved response said it
	Record, RecordURL string
	Reference, URL    string // URL is "" for who may not see what came
}

// PeopleURL looks for a part of the name among people.
func (p adminLoginsPage) PeopleURL() string {
	return addressOf(adminPath+"/people", url.Values{"q": {p.Filter.Name}})
}

func (adminLoginsPage) file() string { return "admin_logins.html" }

func (s *Site) adminLogins(c echo.Context, who login.Visitor) error {
	page := adminLoginsPage{adminFrame: s.adminFrame(c, "Logins", "logins", who), Filter: loginFilter{
		Ref: queried(c, "ref"), Record: queried(c, "record"), User: queried(c, "user"), Outcome: queried(c, "outcome"),
		Code: queried(c, "code"), From: queried(c, "from"), To: queried(c, "to"), Name: queried(c, "name"), Order: queried(c, "order"),
	}}
	ctx, status := c.Request().Context(), http.StatusOK
	if page.Filter.Ref != "" && page.Edits() {
		found, err := s.Flow.Store.Trace(ctx, page.Filter.Ref)
		if err == nil {
			return see(c, below("logins", found.Ref))
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		status, page.Problem = http.StatusNotFound, "There is no login with this reference. Logins are explained for a set time only."
	}
	from, to, problem := within(page.Filter.From, page.Filter.To)
	if problem != "" {
		status, page.Problem = http.StatusUnprocessableEntity, problem
	}
	filter := store.TraceFilter{Record: page.Filter.Record, User: page.Filter.User, Outcome: store.Outcome(page.Filter.Outcome),
		Code: trace.Code(page.Filter.Code), From: from, To: to, Username: page.Filter.Name, Oldest: page.Filter.Order == oldestFirst}
	list, next, err := s.Flow.Store.Traces(ctx, filter, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	if page.Logins, err = s.loginRows(ctx, list, page.Edits()); err != nil {
		return err
	}
	if page.Filter.User != "" {
		names, err := s.Flow.Store.UsernamesOf(ctx, []string{page.Filter.User})
		if err != nil {
			return err
		}
		if page.Person = names[page.Filter.User]; page.Person == "" {
			page.Person = "somebody who is not here any more"
		}
	}
	page.paging = pagingOf(adminPath+"/logins", page.Filter.values(), c.QueryParam("cursor"), next)
	return s.render(c, status, page.withOptions().withQuick(s.Clock()))
}

// oldestFirst is the other order of the list.
const oldestFirst = "oldest"

// withQuick adds the links to what is most often looked for.
func (p adminLoginsPage) withQuick(now time.Time) adminLoginsPage {
	hour := now.Add(-time.Hour).UTC().Format(inputTime)
	for _, one := range []struct {
		name   string
		filter loginFilter
	}{
		{"All logins", loginFilter{}},
		{"Refused only", loginFilter{Outcome: string(store.Refused)}},
		{"Refused in the last hour", loginFilter{Outcome: string(store.Refused), From: hour}},
	} {
		mine := p.Filter
		mine.Ref, mine.Order = "", ""
		p.Quick = append(p.Quick, section{one.name, addressOf(adminPath+"/logins", one.filter.values()), mine == one.filter})
	}
	return p
}

// withOptions fills the selects of the filter.
func (p adminLoginsPage) withOptions() adminLoginsPage {
	p.Outcomes = optionsOf(p.Filter.Outcome, option{Label: "All"}, option{Value: string(store.Admitted), Label: "Admitted"},
		option{Value: string(store.Refused), Label: "Refused"})
	p.Orders = optionsOf(p.Filter.Order, option{Label: "Newest first"}, option{Value: oldestFirst, Label: "Oldest first"})
	codes := []option{{Label: "All"}}
	for _, one := range trace.Meanings {
		codes = append(codes, option{Value: string(one.Code), Label: string(one.Code)})
	}
	p.Codes = optionsOf(p.Filter.Code, codes...)
	return p
}

// loginRows looks the people up, a page at once.
func (s *Site) loginRows(ctx context.Context, list []store.Trace, edits bool) ([]loginRow, error) {
	var ids []string
	for _, one := range list {
		ids = append(ids, one.UserID)
	}
	names, err := s.Flow.Store.UsernamesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := make([]loginRow, len(list))
	for i, one := range list {
		rows[i] = loginRowOf(one, names[one.UserID], edits)
	}
	return rows, nil
}

func loginRowOf(one store.Trace, username string, edits bool) loginRow {
	row := loginRow{At: exact(one.At), Outcome: outcomeOf(one), Code: string(one.Code), Person: "nobody is known by it", Stranger: one.Username,
		Record: one.Record, RecordURL: recordPage(one.Record), Reference: one.Ref}
	switch {
	case username != "":
		row.Person, row.PersonURL = username, below("people", one.UserID)
	case one.UserID != "":
		row.Person = "not here any more"
	}
	if edits {
		row.URL = below("logins", one.Ref)
	}
	return row
}

// outcomeOf is how a login ended. A test lets nobody in, passed or not.
func outcomeOf(one store.Trace) badge {
	switch {
	case one.Test && one.Code == "":
		return badge{"Test passed", neutral}
	case one.Test:
		return badge{"Test not passed", mixed}
	case one.Admitted && one.UserID == "": // a provider's logout message
		return badge{"Accepted", neutral}
	case one.Admitted:
		return badge{"Admitted", good}
	}
	return badge{"Refused", bad}
}
