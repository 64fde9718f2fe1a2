package web

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/login"
	"idms/internal/store"
)

// adminAuditPage lists what happened, newest first.
type adminAuditPage struct {
	adminFrame
	paging
	Action, Record, Group, User, From, To string // as typed
	Alarms                                bool
	Problem                               string
	Events                                []eventRow
}

// Any is true when something is looked for.
func (p adminAuditPage) Any() bool {
	return p.Alarms || p.Action+p.Record+p.Group+p.User+p.From+p.To != ""
}

type eventRow struct {
	At                  exact
	Action              string
	Alarm               bool
	By                  string
	Person, PersonURL   string
	Record, RecordURL   string
	Group, GroupURL     string
	Reference, LoginURL string
	Code, Reason        string
	Address             string
	Changes             []audit.Change
}

func (adminAuditPage) file() string { return "admin_audit.html" }

func (s *Site) adminAudit(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	page := adminAuditPage{
		adminFrame: s.adminFrame(c, "Audit", "audit", who),
		Action:     queried(c, "action"), Record: queried(c, "record"), Group: queried(c, "group"), User: queried(c, "user"),
		From: queried(c, "from"), To: queried(c, "to"), Alarms: queried(c, "alarms") != "",
	}
	status := http.StatusOK
	from, to, problem := within(page.From, page.To)
	if problem != "" {
		status, page.Problem = http.StatusUnprocessableEntity, problem
	}
	events, next, err := s.Flow.Store.Events(ctx, store.EventFilter{
		Action: audit.Action(page.Action), Record: page.Record, Group: page.Group, User: page.User, Alarms: page.Alarms, From: from, To: to,
	}, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	var ids []string
	for _, one := range events {
		ids = append(ids, one.User)
	}
	names, err := s.usernames(ctx, ids)
	if err != nil {
		return err
	}
	for _, one := range events {
		page.Events = append(page.Events, eventRowOf(one, names[one.User], page.Edits()))
	}
	typed := url.Values{"action": {page.Action}, "record": {page.Record}, "group": {page.Group}, "user": {page.User}, "from": {page.From}, "to": {page.To}}
	if page.Alarms {
		typed.Set("alarms", "yes")
	}
	page.paging = pagingOf(adminPath+"/audit", typed, c.QueryParam("cursor"), next)
	return s.render(c, status, page)
}

func eventRowOf(one audit.Event, username string, edits bool) eventRow {
	row := eventRow{
		At: exact(one.At), Action: string(one.Action), Alarm: one.Alarm, By: one.Who, Record: one.Record, RecordURL: recordPage(one.Record),
		Group: one.Group, Reference: one.Trace, Code: string(one.Code), Reason: one.Reason, Address: one.Address, Changes: one.Changes,
	}
	switch {
	case username != "":
		row.Person, row.PersonURL = username, below("people", one.User)
	case one.User != "":
		row.Person = "somebody who is not here any more"
	}
	if row.By == "" && one.User != "" {
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
