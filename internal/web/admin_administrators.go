package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// The addresses of who may administer, and of who may use a password.
const (
	administratorsPath = adminPath + "/administrators"
	exemptionsPath     = adminPath + "/exemptions"
)

// ownersSections are the links of the bar that lead editors and readers nowhere.
var ownersSections = []string{"administrators", "tokens", "settings"}

// administratorsNav are the pages of the section Administrators.
func administratorsNav(here string) []section {
	return []section{
		{"Administrators", administratorsPath, here == "administrators"},
		{"Exempt people", exemptionsPath, here == "exemptions"},
	}
}

// adminAdministratorsPage lists who administers.
type adminAdministratorsPage struct {
	adminFrame
	paging
	Nav                         []section
	Query, Is, Record, By       string // as typed
	RolesOffered, OrdersOffered []option
	List                        []administratorRow
}

// Any is true when somebody is looked for.
func (p adminAdministratorsPage) Any() bool { return p.Query+p.Is+p.Record != "" }

// administratorRow is one person with a role.
type administratorRow struct {
	Username, Name, URL string
	Is                  roles.Role // "" for none
	Local               bool
	Record, RecordURL   string
	State               badge
	Factor              string // the second one, in words
	LastSeen            exact
	Address             exact // end of the one-time address that is outstanding
	You                 bool
}

// Outstanding is true while somebody could come in by a one-time address.
func (r administratorRow) Outstanding() bool { return r.Address.Machine() != "" }

func (adminAdministratorsPage) file() string { return "admin_administrators.html" }

func administratorRowOf(one store.Administrator, me string) administratorRow {
	row := administratorRow{
		Username: one.Account.Username, Name: nameOf(one.Account.Profile), URL: below("administrators", one.Account.ID), Is: one.Role,
		Local: one.Local, Record: one.Record, RecordURL: recordPage(one.Record), LastSeen: exact(one.Account.LastSeen),
		Address: exact(one.Address), You: one.Account.ID == me, Factor: "the provider’s",
	}
	enabled := one.Account.State == "" || one.Account.State == users.Enabled
	switch {
	case !enabled:
		row.State = stateOf(one.Account.State)
	case one.Role == roles.None:
		row.State = badge{"No role", neutral}
	case one.Able:
		row.State = badge{"Can log in", good}
	case one.Local:
		row.State = badge{"No password yet", mixed}
	default:
		row.State = badge{"Record not active", bad}
	}
	if one.Local {
		row.Factor = "none"
		if one.SecondFactor {
			row.Factor = "app or passkey"
		}
	}
	return row
}

func (s *Site) adminAdministrators(c echo.Context, who login.Visitor) error {
	page := adminAdministratorsPage{adminFrame: s.adminFrame(c, "Administrators", "administrators", who), Nav: administratorsNav("administrators"),
		Query: queried(c, "q"), Is: queried(c, "role"), Record: queried(c, "record"), By: queried(c, "order")}
	list, next, err := s.Flow.Store.AdministratorsFound(c.Request().Context(), store.AdministratorFilter{Search: page.Query, Role: roles.Role(page.Is),
		Record: page.Record, By: store.AdministratorOrder(page.By)}, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	for _, one := range list {
		page.List = append(page.List, administratorRowOf(one, who.Account.ID))
	}
	typed := url.Values{"q": {page.Query}, "role": {page.Is}, "record": {page.Record}, "order": {page.By}}
	page.paging = pagingOf(administratorsPath, typed, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page.withOptions())
}

func (p adminAdministratorsPage) withOptions() adminAdministratorsPage {
	p.RolesOffered = rolesOffered(p.Is)
	p.OrdersOffered = optionsOf(p.By, option{Value: string(store.ByRole), Label: "By role"}, option{Value: string(store.ByTheirName), Label: "By username"},
		option{Value: string(store.ByTheirLastSeen), Label: "Latest login first"})
	return p
}

// rolesOffered are the roles that a list is filtered by.
func rolesOffered(chosen string) []option {
	return optionsOf(chosen, option{Label: "All"}, option{Value: string(roles.Owner), Label: "Owners"}, option{Value: string(roles.Editor), Label: "Editors"},
		option{Value: string(roles.Reader), Label: "Readers"})
}

// adminInvitePage is the form for a new local person: an administrator, or somebody
// who is exempt.
type adminInvitePage struct {
	adminFrame
	exemptionForm
	Nav    []section
	Exempt bool // somebody who is exempt
	Mails  bool // there is a mail server
	Typed  users.Profile
	Chosen string // role
	Roles  []option
}

func (adminInvitePage) file() string { return "admin_invite.html" }

// Action is where the form goes.
func (p adminInvitePage) Action() string {
	if p.Exempt {
		return exemptionsPath + "/invite"
	}
	return administratorsPath + "/invite"
}

// roleOptions are the roles to choose from, the most first.
func roleOptions(chosen string, more ...option) []option {
	var list []option
	for _, role := range slices.Backward(roles.All()) {
		list = append(list, option{Value: string(role), Label: roleWords[role]})
	}
	return optionsOf(chosen, append(list, more...)...)
}

var roleWords = map[roles.Role]string{
	roles.Owner:  "Owner: everything",
	roles.Editor: "Editor: records, rules, groups and people",
	roles.Reader: "Reader: look",
}

func (s *Site) invitePage(c echo.Context, who login.Visitor, exempt bool) adminInvitePage {
	page := adminInvitePage{adminFrame: s.adminFrame(c, "Invite an administrator", "administrators", who), Nav: administratorsNav("administrators"),
		exemptionForm: exemptionFormOf(nil, s.Clock()), Exempt: exempt, Mails: s.Mail.Ready()}
	if exempt {
		page.Title, page.Nav = "Invite somebody who is exempt", administratorsNav("exemptions")
	}
	return page.withOptions()
}

func (p adminInvitePage) withOptions() adminInvitePage {
	p.Roles = roleOptions(p.Chosen)
	return p
}

func (s *Site) adminInvite(c echo.Context, who login.Visitor) error {
	page := s.invitePage(c, who, false)
	page.Chosen = string(roles.Reader)
	return s.render(c, http.StatusOK, page.withOptions())
}

// typedProfile is a local person as somebody typed them.
func typedProfile(c echo.Context) (users.Profile, error) {
	values, err := posted(c, smallPost)
	if err != nil {
		return users.Profile{}, err
	}
	of := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	return users.Profile{Username: of("username"), Email: of("email"), FirstName: of("first_name"), LastName: of("last_name")}, nil
}

// adminInvited makes a local administrator.
func (s *Site) adminInvited(c echo.Context, who login.Visitor) error {
	profile, err := typedProfile(c)
	if err != nil {
		return err
	}
	page := s.invitePage(c, who, false)
	page.Typed, page.Chosen = profile, c.Request().PostForm.Get("role")
	page.Problems = profile.CheckLocal()
	role := roles.Role(page.Chosen)
	if !role.Known() {
		page.Problems.Add("role", "Choose a role.")
	}
	if !page.Problems.Any() {
		page.Problems, err = s.invite(c, who, profile, func(by store.Author) (string, error) {
			return s.Flow.Store.CreateLocal(c.Request().Context(), profile, role, by)
		}, target{"All administrators", administratorsPath})
	}
	if err != nil || !page.Problems.Any() {
		return err
	}
	return s.render(c, http.StatusUnprocessableEntity, page.withOptions())
}

// adminChoosePage finds somebody to give a role.
type adminChoosePage struct {
	adminFrame
	Nav    []section
	Query  string
	People []personRow
	More   bool
}

func (adminChoosePage) file() string { return "admin_choose.html" }

func (s *Site) adminChoose(c echo.Context, who login.Visitor) error {
	page := adminChoosePage{adminFrame: s.adminFrame(c, "Give somebody a role", "administrators", who), Nav: administratorsNav("administrators"), Query: queried(c, "q")}
	if page.Query != "" {
		list, next, err := s.Flow.Store.Users(c.Request().Context(), store.UserFilter{Search: page.Query}, "", perPage)
		if err != nil {
			return err
		}
		page.More = next != ""
		for _, one := range list {
			row := personRowOf(one)
			row.URL = below("administrators", one.Account.ID)
			page.People = append(page.People, row)
		}
	}
	return s.render(c, http.StatusOK, page)
}

// adminAdministratorPage is one person as an administrator.
type adminAdministratorPage struct {
	adminFrame
	form
	administratorRow
	Nav       []section
	Email     string
	PersonURL string
	Sources   []membershipRow // of the built-in groups
	ByRule    roles.Role      // the highest that rules give; "" for none
	Chosen    string
	Reason    string // as typed
	Roles     []option
	Mails     bool
}

// Heading is how to call the person.
func (p adminAdministratorPage) Heading() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Username
}

func (adminAdministratorPage) file() string { return "admin_administrator.html" }

func (s *Site) administratorPage(c echo.Context, who login.Visitor) (adminAdministratorPage, users.Account, error) {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return adminAdministratorPage{}, users.Account{}, err
	}
	one, err := s.Flow.Store.Administrator(ctx, person.Account.ID)
	if err != nil {
		return adminAdministratorPage{}, users.Account{}, err
	}
	page := administratorPageOf(s.adminFrame(c, "Administrator", "administrators", who), one, person.Groups, who.Account.ID)
	page.Mails = s.Mail.Ready()
	return page, person.Account, nil
}

func administratorPageOf(around adminFrame, one store.Administrator, memberships []store.Membership, me string) adminAdministratorPage {
	page := adminAdministratorPage{adminFrame: around, administratorRow: administratorRowOf(one, me), Nav: administratorsNav("administrators"),
		Email: one.Account.Email, PersonURL: below("people", one.Account.ID)}
	page.Title = page.Heading()
	for _, membership := range memberships {
		role, ok := roles.OfGroup(membership.Group.Key)
		if !ok {
			continue
		}
		row := membershipRow{Name: membership.Group.Name, Key: membership.Group.Key, URL: below("groups", membership.Group.Key)}
		for _, source := range membership.Sources {
			row.Sources = append(row.Sources, source.Words())
			if source.Kind != groups.Manual && role.May(roles.Reader) && (page.ByRule == roles.None || role.May(page.ByRule)) {
				page.ByRule = role
			}
		}
		page.Sources = append(page.Sources, row)
	}
	page.Chosen = string(one.Role)
	return page.withOptions()
}

func (p adminAdministratorPage) withOptions() adminAdministratorPage {
	p.Roles = roleOptions(p.Chosen, option{Label: "No role"})
	return p
}

func (s *Site) adminAdministrator(c echo.Context, who login.Visitor) error {
	page, _, err := s.administratorPage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

// adminSetRole gives somebody a role, or takes it away. After what would leave no
// owner, the page says who the last one is (S44).
func (s *Site) adminSetRole(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	page, account, err := s.administratorPage(c, who)
	if err != nil {
		return err
	}
	by := s.author(who)
	by.Reason = strings.TrimSpace(values.Get("reason"))
	page.Chosen, page.Reason = values.Get("role"), by.Reason
	role, status := roles.Role(page.Chosen), http.StatusUnprocessableEntity
	if _, given := values["role"]; !given || role != roles.None && !role.Known() {
		page.Problems.Add("role", "Choose a role, or no role.")
	}
	page.Problems = append(page.Problems, checkReason(by.Reason)...)
	if !page.Problems.Any() {
		err := s.Flow.Store.SetRole(c.Request().Context(), account.ID, role, by)
		switch {
		case fault.KindOf(err) == fault.Conflict:
			page.Problems.Add("role", "%s", fault.Sentence(err))
			status = http.StatusConflict
		case err != nil:
			return err
		case account.ID == who.Account.ID && role != roles.Owner && page.ByRule != roles.Owner:
			return see(c, "/") // these pages are not for them any more
		default:
			return done(c, below("administrators", account.ID), "role")
		}
	}
	return s.render(c, status, page.withOptions())
}

func (s *Site) adminMakeAddress(c echo.Context, who login.Visitor) error {
	if _, err := posted(c, smallPost); err != nil {
		return err
	}
	person, err := s.person(c.Request().Context(), c.Param("user"))
	if err != nil {
		return err
	}
	return s.giveAddress(c, who, person.Account, false, target{"Back to " + clip(40, person.Account.Username), below("administrators", person.Account.ID)})
}

func (s *Site) adminEndAddress(c echo.Context, who login.Visitor) error {
	if _, err := posted(c, smallPost); err != nil {
		return err
	}
	person, err := s.person(c.Request().Context(), c.Param("user"))
	if err != nil {
		return err
	}
	if err := s.Flow.Store.EndOneTime(c.Request().Context(), person.Account.ID, s.author(who)); err != nil {
		return err
	}
	return done(c, below("administrators", person.Account.ID), "address-ended")
}
