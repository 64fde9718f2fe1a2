package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
)

// adminGroupsPage lists the groups.
type adminGroupsPage struct {
	adminFrame
	paging
	Groups []groupRow
}

type groupRow struct {
	Name, Key, URL string
	Gives          roles.Role // of a built-in group
}

func groupRowOf(one groups.Group) groupRow {
	role, _ := roles.OfGroup(one.Key)
	return groupRow{Name: one.Name, Key: one.Key, URL: below("groups", one.Key), Gives: role}
}

func (adminGroupsPage) file() string { return "admin_groups.html" }

func (s *Site) adminGroups(c echo.Context, who login.Visitor) error {
	list, next, err := s.Flow.Store.GroupsPage(c.Request().Context(), c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	page := adminGroupsPage{adminFrame: s.adminFrame(c, "Groups", "groups", who)}
	for _, one := range list {
		page.Groups = append(page.Groups, groupRowOf(one))
	}
	page.paging = pagingOf(adminPath+"/groups", nil, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page)
}

// adminGroupPage is one group: who is in it and why, and which rules fill it.
type adminGroupPage struct {
	adminFrame
	groupRow
	paging
	Members []membershipRow
	Rules   []pointerRow
}

// pointerRow is an association that names the group.
type pointerRow struct{ Rule, Record, RecordURL string }

func (adminGroupPage) file() string { return "admin_group.html" }

func (s *Site) adminGroup(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	group, err := s.Flow.Store.Group(ctx, c.Param("group"))
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "There is no such group any more.")
	}
	if err != nil {
		return err
	}
	members, next, err := s.Flow.Store.Members(ctx, group.Key, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	records, err := s.Flow.Store.Records(ctx)
	if err != nil {
		return err
	}
	var pointers []groups.Pointer
	for _, record := range records {
		pointers = append(pointers, groups.Pointing(group.Key, record.Key, record.Associations)...)
	}
	page := adminGroupPageOf(s.adminFrame(c, "Group", "groups", who), group, members, pointers)
	page.paging = pagingOf(page.URL, nil, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page)
}

func adminGroupPageOf(around adminFrame, group groups.Group, members []store.Member, pointers []groups.Pointer) adminGroupPage {
	page := adminGroupPage{adminFrame: around, groupRow: groupRowOf(group)}
	page.Title = group.Name
	for _, one := range members {
		row := membershipRow{Name: one.Account.Username, Key: one.Record.Key, URL: below("people", one.Account.ID)}
		for _, source := range one.Sources {
			row.Sources = append(row.Sources, source.Words())
		}
		page.Members = append(page.Members, row)
	}
	for _, one := range pointers {
		page.Rules = append(page.Rules, pointerRow{one.Rule, one.Record, recordPage(one.Record)})
	}
	return page
}
