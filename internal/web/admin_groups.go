package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"idms/internal/groups"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
)

// adminGroupsPage lists the groups.
type adminGroupsPage struct {
	adminFrame
	paging
	Query, Order string // as typed
	Orders       []option
	Groups       []groupRow
}

type groupRow struct {
	Name, Key, URL string
	Gives          roles.Role // of a built-in group
	Members        int        // counted in lists and on a group's own page
}

func groupRowOf(one groups.Group) groupRow {
	role, _ := roles.OfGroup(one.Key)
	return groupRow{Name: one.Name, Key: one.Key, URL: below("groups", one.Key), Gives: role}
}

// HowMany is the number of members, as far as they were counted.
func (r groupRow) HowMany() string {
	if r.Members >= store.CountedTo {
		return strconv.Itoa(store.CountedTo) + " or more"
	}
	return strconv.Itoa(r.Members)
}

// MembersFor is true for who may say who is in the group: of the built-in ones,
// that makes administrators.
func (r groupRow) MembersFor(role roles.Role) bool {
	if r.Gives != roles.None {
		return role.May(roles.Owner)
	}
	return role.May(roles.Editor)
}

func (adminGroupsPage) file() string { return "admin_groups.html" }

func (s *Site) adminGroups(c echo.Context, who login.Visitor) error {
	page := adminGroupsPage{adminFrame: s.adminFrame(c, "Groups", "groups", who), Query: queried(c, "q"), Order: queried(c, "order")}
	filter := store.GroupFilter{Search: page.Query, By: store.GroupOrder(page.Order)}
	list, next, err := s.Flow.Store.GroupsFound(c.Request().Context(), filter, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	for _, one := range list {
		page.Groups = append(page.Groups, countedRowOf(one))
	}
	page.paging = pagingOf(adminPath+"/groups", url.Values{"q": {page.Query}, "order": {page.Order}}, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page.withOptions())
}

func (p adminGroupsPage) withOptions() adminGroupsPage {
	p.Orders = optionsOf(p.Order, option{Value: string(store.ByGroupKey), Label: "By key"}, option{Value: string(store.ByGroupName), Label: "By name"})
	return p
}

func countedRowOf(one store.CountedGroup) groupRow {
	row := groupRowOf(one.Group)
	row.Members = one.Members
	return row
}
