package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/store"
)

// adminAuditPage lists what happened, newest first.
type adminAuditPage struct {
	adminFrame
	paging
	auditFilter
	Problem string
	Persons []candidateRow // several are called as was typed
	Actions []option
	Orders  []option
	Authors []string
	Events  []eventRow
	CSV     string // address of what was found, whole
	JSON    string
}

// auditFilter is what is looked for, as typed.
type auditFilter struct {
	Action, Who, Record, Group, User, From, To, Order string
	Alarms                                            bool
}

// Any is true when something is looked for.
func (f auditFilter) Any() bool { f.Order = ""; return f != auditFilter{} }

func auditFilterOf(c echo.Context) auditFilter {
	return auditFilter{
		Action: queried(c, "action"), Who: queried(c, "who"), Record: queried(c, "record"), Group: queried(c, "group"), User: queried(c, "user"),
		From: queried(c, "from"), To: queried(c, "to"), Order: queried(c, "order"), Alarms: queried(c, "alarms") != "",
	}
}

// values are the query of the page's address.
func (f auditFilter) values() url.Values {
	values := url.Values{"action": {f.Action}, "who": {f.Who}, "record": {f.Record}, "group": {f.Group}, "user": {f.User}, "from": {f.From}, "to": {f.To}, "order": {f.Order}}
	if f.Alarms {
		values.Set("alarms", "yes")
	}
	return values
}

// chosen is the filter as store takes it; problem says what of it cannot be meant,
// and is left out. User is an account by its ID.
func (f auditFilter) chosen() (filter store.EventFilter, problem string) {
	from, to, problem := within(f.From, f.To)
	return store.EventFilter{Action: audit.Action(f.Action), Who: f.Who, Record: f.Record, Group: f.Group, User: f.User,
		Alarms: f.Alarms, From: from, To: to, Oldest: f.Order == oldestFirst}, problem
}

type eventRow struct {
	At                  exact
	Action              string
	Alarm               bool
	By, ByURL           string // ByURL filters by who did it
	Person, PersonURL   string
	Record, RecordURL   string
	Group, GroupURL     string
	Reference, LoginURL string
	Code, Reason        string
	Address             string
	Changes             []changeRow
}

// changeRow is one field from what to what. A long value is shown below the other,
// not beside it.
type changeRow struct {
	audit.Change
	Long bool
}

// longValue is how many characters of a value are read at one glance.
const longValue = 40

func (adminAuditPage) file() string { return "admin_audit.html" }

func (s *Site) adminAudit(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	page := adminAuditPage{adminFrame: s.adminFrame(c, "Audit", "audit", who), auditFilter: auditFilterOf(c)}
	status := http.StatusOK
	filter, problem := page.chosen()
	if problem != "" {
		status, page.Problem = http.StatusUnprocessableEntity, problem
	}
	actions, authors, err := s.Flow.Store.EventChoices(ctx)
	if err != nil {
		return err
	}
	page = page.withOptions(actions, authors)
	// A person is named by account, or as people know each other.
	if _, err := uuid.Parse(page.User); page.User != "" && err != nil {
		persons, err := s.Flow.Store.Named(ctx, page.User)
		if err != nil {
			return err
		}
		if len(persons) == 1 {
			typed := page.values()
			typed.Set("user", persons[0].Account.ID)
			return see(c, addressOf(adminPath+"/audit", typed))
		}
		return s.render(c, http.StatusUnprocessableEntity, page.whoIsMeant(persons))
	}
	events, next, err := s.Flow.Store.Events(ctx, filter, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	var ids []string
	for _, one := range events {
		ids = append(ids, one.User)
	}
	names, err := s.Flow.Store.UsernamesOf(ctx, ids)
	if err != nil {
		return err
	}
	for _, one := range events {
		page.Events = append(page.Events, eventRowOf(one, names[one.User], page.Edits()))
	}
	page.paging = pagingOf(adminPath+"/audit", page.values(), c.QueryParam("cursor"), next)
	return s.render(c, status, page)
}

// withOptions fills the selects of the filter and the addresses of the downloads.
func (p adminAuditPage) withOptions(actions, authors []string) adminAuditPage {
	options, known := []option{{Label: "All"}}, p.Action == ""
	for _, action := range actions {
		options = append(options, option{Value: action, Label: action})
		known = known || action == p.Action
	}
	if !known { // an address may ask for what has not happened yet
		options = append(options, option{Value: p.Action, Label: clip(63, p.Action)})
	}
	p.Actions, p.Authors = optionsOf(p.Action, options...), authors
	p.Orders = optionsOf(p.Order, option{Label: "Newest first"}, option{Value: oldestFirst, Label: "Oldest first"})
	p.CSV, p.JSON = addressOf(adminPath+"/audit.csv", p.values()), addressOf(adminPath+"/audit.json", p.values())
	return p
}

// whoIsMeant asks back when a username is nobody's, or several people's.
func (p adminAuditPage) whoIsMeant(persons []store.Listed) adminAuditPage {
	p.Problem = "Nobody here is called “" + clip(80, p.User) + "”. Write the whole username, or the account."
	if len(persons) == 0 {
		return p
	}
	p.Problem = "Several people are called “" + clip(80, p.User) + "”. Choose whom you mean."
	for _, one := range persons {
		typed := p.values()
		typed.Set("user", one.Account.ID)
		row := candidateRow{personRowOf(one), one.Account.ID}
		row.URL = addressOf(adminPath+"/audit", typed)
		p.Persons = append(p.Persons, row)
	}
	return p
}

func eventRowOf(one audit.Event, username string, edits bool) eventRow {
	row := eventRow{
		At: exact(one.At), Action: string(one.Action), Alarm: one.Alarm, By: one.Who, Record: one.Record, RecordURL: recordPage(one.Record),
		Group: one.Group, Reference: one.Trace, Code: string(one.Code), Reason: one.Reason, Address: one.Address,
	}
	for _, change := range one.Changes {
		row.Changes = append(row.Changes, changeRow{change, utf8.RuneCountInString(change.From+change.To) > longValue})
	}
	switch {
	case username != "":
		row.Person, row.PersonURL = username, below("people", one.User)
	case one.User != "":
		row.Person = "somebody who is not here any more"
	}
	switch {
	case one.Who != "":
		row.ByURL = addressOf(adminPath+"/audit", url.Values{"who": {one.Who}})
	case one.User != "":
		row.By = "the person"
	}
	if one.Group != "" {
		row.GroupURL = below("groups", one.Group)
	}
	if one.Trace != "" && edits {
		row.LoginURL = below("logins", one.Trace)
	}
	return row
}

// adminAuditTable is all that the filter finds, for a spreadsheet.
func (s *Site) adminAuditTable(c echo.Context, _ login.Visitor) error {
	var table *audit.Table
	return s.download(c, "text/csv; charset=utf-8", "audit.csv",
		func(to io.Writer) error { table = audit.NewTable(to); return nil },
		func(one audit.Event) bool { return table.Write(one) },
		func(io.Writer) error { return table.Flush() })
}

// adminAuditEvents is all that the filter finds, as the API and `idms audit` write
// it: {"events": [...], "next": ""}.
func (s *Site) adminAuditEvents(c echo.Context, _ login.Visitor) error {
	var out io.Writer
	var failed error
	between := ""
	write := func(text string) {
		if failed == nil {
			_, failed = io.WriteString(out, text)
		}
	}
	return s.download(c, "application/json", "audit.json",
		func(to io.Writer) error { out = to; write(`{"events":[`); return failed },
		func(one audit.Event) bool {
			text, err := json.Marshal(one)
			if failed == nil {
				failed = err
			}
			write(between + "\n" + string(text))
			between = ","
			return failed == nil
		},
		func(io.Writer) error { write("\n],\"next\":\"\"}\n"); return failed })
}

// download streams events, page by page of the database. What is wrong with the
// request is found before the first byte; whatever fails later cuts the answer off,
// since half a list must not pass for a whole one.
func (s *Site) download(c echo.Context, kind, name string, begin func(io.Writer) error, use func(audit.Event) bool, end func(io.Writer) error) error {
	filter, problem := auditFilterOf(c).chosen()
	if problem != "" {
		return fault.New(fault.Invalid, "%s", problem)
	}
	if _, err := uuid.Parse(filter.User); filter.User != "" && err != nil {
		return fault.New(fault.Invalid, "Name the person by the account.")
	}
	to, begun := c.Response(), false
	start := func() error {
		begun = true
		to.Header().Set(echo.HeaderContentType, kind)
		to.Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
		to.WriteHeader(http.StatusOK)
		return begin(to)
	}
	var failed error
	err := s.Flow.Store.EachEvent(c.Request().Context(), filter, func(one audit.Event) bool {
		if !begun {
			if failed = start(); failed != nil {
				return false
			}
		}
		return use(one)
	})
	switch {
	case err != nil && !begun:
		return err
	case err == nil && !begun: // there is nothing, and that is a list too
		failed = start()
	}
	if err == nil {
		err = failed
	}
	if err == nil {
		err = end(to)
	}
	if err != nil {
		s.Log.Error("a download of the audit trail broke off", "id", requestID(c), "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
