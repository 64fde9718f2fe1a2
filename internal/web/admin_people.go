package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/store"
	"idms/internal/users"
)

// adminPeoplePage lists people.
type adminPeoplePage struct {
	adminFrame
	paging
	Query, Record, State, Order string // as typed
	States, Orders              []option
	People                      []personRow
}

// Any is true when somebody is looked for.
func (p adminPeoplePage) Any() bool { return p.Query+p.Record+p.State != "" }

// personRow is one person of a list.
type personRow struct {
	Username, URL     string
	Name, Email       string
	Record, RecordURL string
	State             badge
	LastSeen          exact
}

func (adminPeoplePage) file() string { return "admin_people.html" }

func (s *Site) adminPeople(c echo.Context, who login.Visitor) error {
	page := adminPeoplePage{adminFrame: s.adminFrame(c, "People", "people", who),
		Query: queried(c, "q"), Record: queried(c, "record"), State: queried(c, "state"), Order: queried(c, "order")}
	filter := store.UserFilter{Search: page.Query, Record: page.Record, State: users.State(page.State), By: store.UserOrder(page.Order)}
	list, next, err := s.Flow.Store.Users(c.Request().Context(), filter, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	for _, one := range list {
		page.People = append(page.People, personRowOf(one))
	}
	typed := url.Values{"q": {page.Query}, "record": {page.Record}, "state": {page.State}, "order": {page.Order}}
	page.paging = pagingOf(adminPath+"/people", typed, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page.withOptions())
}

func (p adminPeoplePage) withOptions() adminPeoplePage {
	p.States = optionsOf(p.State, option{Label: "All"}, option{Value: string(users.Enabled), Label: "Enabled"},
		option{Value: string(users.Blocked), Label: "Blocked"}, option{Value: string(users.Disabled), Label: "Disabled by the directory"})
	p.Orders = optionsOf(p.Order, option{Value: string(store.ByUsername), Label: "By username"},
		option{Value: string(store.ByLastSeen), Label: "Latest login first"}, option{Value: string(store.ByCreated), Label: "Newest first"})
	return p
}

func personRowOf(one store.Listed) personRow {
	return personRow{
		Username: one.Account.Username, URL: below("people", one.Account.ID), Name: nameOf(one.Account.Profile), Email: one.Account.Email,
		Record: one.Record.Key, RecordURL: recordPage(one.Record.Key), State: stateOf(one.Account.State), LastSeen: exact(one.Account.LastSeen),
	}
}

func nameOf(p users.Profile) string {
	return strings.TrimSpace(p.FirstName + " " + p.LastName)
}

func stateOf(state users.State) badge {
	switch state {
	case users.Blocked:
		return badge{"Blocked", bad}
	case users.Disabled:
		return badge{"Disabled by the directory", bad}
	}
	return badge{"Enabled", good}
}

// membershipRow is one group of a person, or one person of a group, and why.
type membershipRow struct {
	Name, Key, URL string
	Sources        []string
	Why            string // address of the proof; "" where the list has none
	ByHand         bool   // an administrator added them
	Remove         string // address that takes that back
}

type sessionRow struct {
	ID                    string
	Level                 level
	Why                   string
	Opened, Seen, Expires exact
	Record                string
}

// person finds somebody by account ID, or is fault.NotFound in words that do not
// repeat what stands in the address.
func (s *Site) person(ctx context.Context, id string) (store.Person, error) {
	person, err := s.Flow.Store.Person(ctx, id)
	if fault.KindOf(err) == fault.NotFound {
		err = fault.New(fault.NotFound, "There is no such person. People go when their record is deleted.")
	}
	return person, err
}

// adminEndSessions logs a person out everywhere.
func (s *Site) adminEndSessions(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return err
	}
	if _, err := s.Flow.Store.EndSessionsOfUser(ctx, person.Account.ID, s.author(who)); err != nil {
		return err
	}
	return done(c, below("people", person.Account.ID), "sessions-ended")
}

// adminEndSession ends one session; one that has ended meanwhile is as good. Its ID
// is enough to find it: the person in the address says where to go back to.
func (s *Site) adminEndSession(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return err
	}
	if _, err := s.Flow.Store.EndSessionByID(ctx, c.Param("session"), s.author(who)); err != nil {
		return err
	}
	return done(c, below("people", person.Account.ID), "session-ended")
}
