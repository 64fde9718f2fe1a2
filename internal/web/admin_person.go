package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// adminPersonPage is one person.
type adminPersonPage struct {
	adminFrame
	personRow
	form
	ID, Phone, NameID string
	RecordName        string
	Created           exact
	Is                roles.Role // as an administrator
	Local             bool       // no identity provider says who they are
	Blocked, Disabled bool
	Given             *personLevel // nil when no login tells
	Exempt            *exemptionShown
	Groups            []membershipRow
	Keys              []string // of groups to choose from
	Group, Reason     string   // as typed
	Sessions          []sessionRow
	MoreSessions      bool
	Logins            []loginRow
	AllLogins         string // address
}

// Heading is how to call the person.
func (p adminPersonPage) Heading() string { return cmp.Or(p.Name, p.Username) }

// personLevel is the console level that the last login gave, and why.
type personLevel struct {
	levelGiven
	At  exact
	URL string // of that login; "" for who may not see what came
}

// PasswordURL is where a local person is given a one-time address.
func (p adminPersonPage) PasswordURL() string { return below("administrators", p.ID) }

func (adminPersonPage) file() string { return "admin_person.html" }

// Bounds of what a person's page shows before it links on.
const (
	sessionsShown = 20
	loginsShown   = 10
	groupsOffered = 500 // to choose from; any other can be typed
)

func (s *Site) adminPerson(c echo.Context, who login.Visitor) error {
	person, err := s.person(c.Request().Context(), c.Param("user"))
	if err != nil {
		return err
	}
	page, err := s.personPage(c, who, person)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) personPage(c echo.Context, who login.Visitor, person store.Person) (adminPersonPage, error) {
	ctx, now := c.Request().Context(), s.Clock()
	page := adminPersonPageOf(s.adminFrame(c, "Person", "people", who), person)
	open, next, err := s.Flow.Store.Sessions(ctx, store.SessionFilter{User: person.Account.ID}, now, "", sessionsShown)
	if err != nil {
		return page, err
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
		return page, err
	}
	for _, one := range logins {
		page.Logins = append(page.Logins, loginRowOf(one, person.Account.Username, page.Edits()))
	}
	last, err := s.lastDecided(ctx, person.Account.ID)
	if err != nil {
		return page, err
	}
	page.Given = personLevelOf(last, page.Edits())
	exemption, err := s.Flow.Store.ExemptionOf(ctx, person.Account.ID)
	if err != nil {
		return page, err
	}
	if exemption != nil {
		page.Exempt = new(exemptionShownOf(*exemption, now))
	}
	if page.Edits() {
		list, _, err := s.Flow.Store.GroupsPage(ctx, "", groupsOffered)
		if err != nil {
			return page, err
		}
		for _, one := range list {
			if !(groupRowOf(one).Gives != roles.None && !page.Owns()) {
				page.Keys = append(page.Keys, one.Key)
			}
		}
	}
	return page, nil
}

// lastDecided is the newest login of a person that was admitted, or nil: with the
// rules of the version that decided it.
func (s *Site) lastDecided(ctx context.Context, userID string) (*login.Trace, error) {
	list, _, err := s.Flow.Store.Traces(ctx, store.TraceFilter{User: userID, Outcome: store.Admitted}, "", 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	told, err := s.Flow.Trace(ctx, list[0].Ref)
	switch kind := fault.KindOf(err); {
	case err != nil && (kind == fault.NotFound || kind == fault.Conflict): // purged meanwhile, or of another release
		return nil, nil
	case err != nil:
		return nil, err
	case told.Decision == nil:
		return nil, nil
	}
	return &told, nil
}

func personLevelOf(last *login.Trace, edits bool) *personLevel {
	if last == nil {
		return nil
	}
	given := &personLevel{levelGiven: *levelGivenOf(last.Policy.Record(), *last.Decision), At: exact(last.At)}
	if edits {
		given.URL = below("logins", last.Ref)
	}
	return given
}

func adminPersonPageOf(around adminFrame, person store.Person) adminPersonPage {
	account := person.Account
	page := adminPersonPage{
		adminFrame: around, personRow: personRowOf(store.Listed{Account: account, Record: person.Record}),
		ID: account.ID, Phone: account.Phone, NameID: account.NameID, RecordName: person.Record.Name, Created: exact(account.Created),
		Local: person.Record.Key == idms.LocalKey, Blocked: account.State == users.Blocked, Disabled: account.State == users.Disabled,
		AllLogins: addressOf(adminPath+"/logins", url.Values{"user": {account.ID}}),
	}
	page.Title = page.Heading()
	var keys []string
	for _, one := range person.Groups {
		row := membershipRow{Name: one.Group.Name, Key: one.Group.Key, URL: below("groups", one.Group.Key)}
		row.Why = page.URL + "/groups/" + url.PathEscape(one.Group.Key)
		_, builtIn := roles.OfGroup(one.Group.Key)
		for _, source := range one.Sources {
			row.Sources = append(row.Sources, source.Words())
			if source.Kind == groups.Manual && (around.Owns() || around.Edits() && !builtIn) {
				row.ByHand, row.Remove = true, row.Why+"/remove"
			}
		}
		page.Groups = append(page.Groups, row)
		keys = append(keys, one.Group.Key)
	}
	page.Is = roles.Of(keys)
	return page
}
