package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/tokens"
)

const tokensPath = adminPath + "/tokens"

// adminTokensPage lists the keys of machines, and has the form that makes one.
type adminTokensPage struct {
	adminFrame
	paging
	tokensFilter
	form
	List    []tokenRow
	Name    string // as typed
	Chosen  string
	Roles   []option
	Ends    string // last day
	Soonest string
	Latest  string
}

// tokensFilter is what somebody looks for, as typed.
type tokensFilter struct {
	Query, Is, Which, By               string
	RolesOffered, Courses, TokenOrders []option
}

// Any is true when something is looked for.
func (f tokensFilter) Any() bool { return f.Query+f.Is+f.Which != "" }

func (f tokensFilter) withOptions() tokensFilter {
	f.RolesOffered = rolesOffered(f.Is)
	f.Courses = optionsOf(f.Which, option{Label: "All"}, option{Value: string(store.Running), Label: "Works"}, option{Value: string(store.Ended), Label: "Ended"})
	f.TokenOrders = optionsOf(f.By, option{Value: string(store.ByTokenName), Label: "By name"}, option{Value: string(store.ByTokenEnd), Label: "First to end first"},
		option{Value: string(store.ByTokenUse), Label: "Longest unused first"})
	return f
}

// tokenRow is one token.
type tokenRow struct {
	ID, Name, By        string
	Role                roles.Role
	Created, Ends, Used exact
	State               badge
	Revoke              string // address
}

func (adminTokensPage) file() string { return "admin_tokens.html" }

func tokenRowOf(one tokens.Token, now time.Time) tokenRow {
	row := tokenRow{ID: one.ID, Name: one.Name, By: one.By, Role: one.Role, Created: exact(one.Created), Ends: exact(one.Expires), Used: exact(one.Used),
		State: badge{"Works", good}, Revoke: below("tokens", one.ID) + "/revoke"}
	switch {
	case one.Over(now):
		row.State = badge{"Ended", bad}
	case one.Expires.Sub(now) < endsSoon:
		row.State = badge{"Ends soon", mixed}
	}
	return row
}

// dayOf is how a field of a day has it.
func dayOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// lastDay reads the last day of something: its end is the midnight after it, in UTC.
// What is no day is the zero time.
func lastDay(typed string) time.Time {
	day, err := time.Parse(time.DateOnly, typed)
	if err != nil {
		return time.Time{}
	}
	return day.AddDate(0, 0, 1)
}

// tokenLife is what the form proposes.
const tokenLife = 90 * 24 * time.Hour

func (s *Site) tokensPage(c echo.Context, who login.Visitor) (adminTokensPage, error) {
	now := s.Clock()
	page := adminTokensPage{adminFrame: s.adminFrame(c, "API tokens", "tokens", who), Chosen: string(roles.Reader),
		Ends: dayOf(now.Add(tokenLife)), Soonest: dayOf(now), Latest: dayOf(now.Add(tokens.MaxLife - 24*time.Hour))}
	looked := tokensFilter{Query: queried(c, "q"), Is: queried(c, "role"), Which: queried(c, "state"), By: queried(c, "order")}
	page.tokensFilter = looked
	list, next, err := s.Flow.Store.TokensFound(c.Request().Context(), store.TokenFilter{Search: looked.Query, Role: roles.Role(looked.Is),
		State: store.Course(looked.Which), By: store.TokenOrder(looked.By)}, now, c.QueryParam("cursor"), perPage)
	page.paging = pagingOf(tokensPath, url.Values{"q": {looked.Query}, "role": {looked.Is}, "state": {looked.Which}, "order": {looked.By}}, c.QueryParam("cursor"), next)
	for _, one := range list {
		page.List = append(page.List, tokenRowOf(one, now))
	}
	return page.withOptions(), err
}

func (p adminTokensPage) withOptions() adminTokensPage {
	p.Roles = roleOptions(p.Chosen)
	p.tokensFilter = p.tokensFilter.withOptions()
	return p
}

func (s *Site) adminTokens(c echo.Context, who login.Visitor) error {
	page, err := s.tokensPage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

// adminTokenPage shows a new token, this once.
type adminTokenPage struct {
	adminFrame
	Token  tokenRow
	Secret string
	Try    string // a command that proves it
}

func (adminTokenPage) file() string { return "admin_token.html" }

func (s *Site) adminMakeToken(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	page, err := s.tokensPage(c, who)
	if err != nil {
		return err
	}
	by := s.author(who)
	page.Name, page.Chosen, page.Ends = strings.TrimSpace(values.Get("name")), values.Get("role"), values.Get("expires")
	token := tokens.Token{Name: page.Name, Role: roles.Role(page.Chosen), Expires: lastDay(page.Ends)}
	status := http.StatusUnprocessableEntity
	page.Problems = token.Check(by.Now)
	if !page.Problems.Any() {
		secret, hash := tokens.New()
		kept, err := s.Flow.Store.CreateToken(c.Request().Context(), token, hash, by)
		if err == nil {
			return s.render(c, http.StatusOK, adminTokenPage{s.adminFrame(c, "New API token", "tokens", who), tokenRowOf(kept, by.Now), secret, s.tryToken()})
		}
		if fault.KindOf(err) != fault.Conflict {
			return err
		}
		status = http.StatusConflict
		page.Problems.Add("name", "%s", fault.Sentence(err))
	}
	return s.render(c, status, page.withOptions())
}

// tryToken is a command whose answer shows that a token works. The token itself is
// not in it: a command line is seen by every user of a machine.
func (s *Site) tryToken() string {
	return `curl -H "Authorization: Bearer $TOKEN" ` + s.BaseURLs[0] + apiPath + "records"
}

// adminRevokePage asks before a token is revoked.
type adminRevokePage struct {
	adminFrame
	form
	Token tokenRow
	Typed string
}

func (adminRevokePage) file() string { return "admin_token_revoke.html" }

func (s *Site) revokePage(c echo.Context, who login.Visitor) (adminRevokePage, error) {
	list, err := s.Flow.Store.Tokens(c.Request().Context())
	if err != nil {
		return adminRevokePage{}, err
	}
	for _, one := range list {
		if one.ID == c.Param("token") {
			return adminRevokePage{adminFrame: s.adminFrame(c, "Revoke an API token", "tokens", who), Token: tokenRowOf(one, s.Clock())}, nil
		}
	}
	return adminRevokePage{}, fault.New(fault.NotFound, "There is no such token any more. Revoked ones stand in the audit trail.")
}

func (s *Site) adminRevoke(c echo.Context, who login.Visitor) error {
	page, err := s.revokePage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) adminRevoked(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	page, err := s.revokePage(c, who)
	if err != nil {
		return err
	}
	if page.Typed = strings.TrimSpace(values.Get("name")); page.Typed != page.Token.Name {
		page.Problems.Add("name", "Type the name of the token, %s, to revoke it.", page.Token.Name)
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	if _, err := s.Flow.Store.RevokeToken(c.Request().Context(), page.Token.ID, s.author(who)); err != nil {
		return err
	}
	return done(c, tokensPath, "token-revoked")
}
