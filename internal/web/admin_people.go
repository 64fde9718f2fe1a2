package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// adminPeoplePage lists people.
type adminPeoplePage struct {
	adminFrame
	paging
	Query, Record, State string // as typed
	States               []option
	People               []personRow
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
		Query: queried(c, "q"), Record: queried(c, "record"), State: queried(c, "state")}
	filter := store.UserFilter{Search: page.Query, Record: page.Record, State: users.State(page.State)}
	list, next, err := s.Flow.Store.Users(c.Request().Context(), filter, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	for _, one := range list {
		page.People = append(page.People, personRowOf(one))
	}
	typed := url.Values{"q": {page.Query}, "record": {page.Record}, "state": {page.State}}
	page.paging = pagingOf(adminPath+"/people", typed, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page.withOptions())
}

func (p adminPeoplePage) withOptions() adminPeoplePage {
	p.States = optionsOf(p.State, option{Label: "All"}, option{Value: string(users.Enabled), Label: "Enabled"},
		option{Value: string(users.Blocked), Label: "Blocked"}, option{Value: string(users.Disabled), Label: "Disabled by the directory"})
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

// adminPersonPage is one person.
type adminPersonPage struct {
	adminFrame
	personRow
	ID, Phone, NameID string
	RecordName        string
	Created           exact
	Is                roles.Role // as an administrator
	Groups            []membershipRow
	Sessions          []sessionRow
	MoreSessions      bool
	Logins            []loginRow
	AllLogins         string // address
}

// Heading is how to call the person.
func (p adminPersonPage) Heading() string { return cmp.Or(p.Name, p.Username) }

// membershipRow is one group of a person, or one person of a group, and why.
type membershipRow struct {
	Name, Key, URL string
	Sources        []string
}

type sessionRow struct {
	ID                    string
	Level                 level
	Why                   string
	Opened, Seen, Expires exact
	Record                string
}

func (adminPersonPage) file() string { return "admin_person.html" }

// Bounds of what a person's page shows before it links on.
const (
	sessionsShown = 20
	loginsShown   = 10
)

func (s *Site) adminPerson(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return err
	}
	now := s.Clock()
	page := adminPersonPageOf(s.adminFrame(c, "Person", "people", who), person)
	open, next, err := s.Flow.Store.Sessions(ctx, store.SessionFilter{User: person.Account.ID}, now, "", sessionsShown)
	if err != nil {
		return err
	}
	page.MoreSessions = next != ""
	for _, one := range open {
		page.Sessions = append(page.Sessions, sessionRow{
			ID: one.Session.ID, Level: levelWords(one.Session.LevelAt(now)), Why: one.Session.Why, Record: one.Session.RecordKey,
			Opened: exact(one.Session.Opened), Seen: exact(one.Session.Seen), Expires: exact(one.Session.Expires),
		})
	}
	logins, _, err := s.Flow.Store.Traces(ctx, store.TraceFilter{User: person.Account.ID}, "", loginsShown)
	if err != nil {
		return err
	}
	for _, one := range logins {
		page.Logins = append(page.Logins, loginRowOf(one, person.Account.Username, page.Edits()))
	}
	return s.render(c, http.StatusOK, page)
}

func adminPersonPageOf(around adminFrame, person store.Person) adminPersonPage {
	account := person.Account
	page := adminPersonPage{
		adminFrame: around, personRow: personRowOf(store.Listed{Account: account, Record: person.Record}),
		ID: account.ID, Phone: account.Phone, NameID: account.NameID, RecordName: person.Record.Name, Created: exact(account.Created),
		AllLogins: addressOf(adminPath+"/logins", url.Values{"user": {account.ID}}),
	}
	page.Title = page.Heading()
	var keys []string
	for _, one := range person.Groups {
		row := membershipRow{Name: one.Group.Name, Key: one.Group.Key, URL: below("groups", one.Group.Key)}
		for _, source := range one.Sources {
			row.Sources = append(row.Sources, source.Words())
		}
		page.Groups = append(page.Groups, row)
		keys = append(keys, one.Group.Key)
	}
	page.Is = roles.Of(keys)
	return page
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
	return see(c, below("people", person.Account.ID))
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
	return see(c, below("people", person.Account.ID))
}
