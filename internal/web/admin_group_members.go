package web

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/login"
	"idms/internal/store"
)

// adminGroupAddPage finds somebody to put into a group by hand.
type adminGroupAddPage struct {
	adminFrame
	form
	groupRow
	Query  string // as typed
	People []candidateRow
	More   bool
}

// candidateRow is somebody who could be put into the group.
type candidateRow struct {
	personRow
	ID string
}

func (adminGroupAddPage) file() string { return "admin_group_add.html" }

// maxCandidates bounds the people whom one search offers.
const maxCandidates = 20

// groupAdd is the page, for who may change the members of the group.
func (s *Site) groupAdd(c echo.Context, who login.Visitor, query string) (adminGroupAddPage, error) {
	ctx := c.Request().Context()
	group, err := s.group(ctx, c.Param("group"))
	if err != nil {
		return adminGroupAddPage{}, err
	}
	page := adminGroupAddPageOf(s.adminFrame(c, "Add a person to "+group.Name, "groups", who), group)
	page.Query = query
	if !page.MembersFor(who.Role) {
		return page, fault.New(fault.Denied, "Members of this group administer idms. Only an owner says who is in it.")
	}
	return page, page.find(ctx, s.Flow.Store)
}

func adminGroupAddPageOf(around adminFrame, group groups.Group) adminGroupAddPage {
	return adminGroupAddPage{adminFrame: around, groupRow: groupRowOf(group)}
}

func (p *adminGroupAddPage) find(ctx context.Context, from *store.Store) error {
	if p.Query == "" {
		return nil
	}
	list, next, err := from.Users(ctx, store.UserFilter{Search: p.Query}, "", maxCandidates)
	for _, one := range list {
		p.People = append(p.People, candidateRow{personRowOf(one), one.Account.ID})
	}
	p.More = next != ""
	return err
}

func (s *Site) adminGroupAdd(c echo.Context, who login.Visitor) error {
	page, err := s.groupAdd(c, who, queried(c, "q"))
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

// adminAddMember puts somebody into a group by hand (S36).
func (s *Site) adminAddMember(c echo.Context, who login.Visitor) error {
	values, err := posted(c, maxGroupForm)
	if err != nil {
		return err
	}
	query := typed(values, "q")
	page, err := s.groupAdd(c, who, query[:min(len(query), maxQuery)])
	if err != nil {
		return err
	}
	by, err := s.reasoned(who, typed(values, "reason"))
	if page.Problems.AddError("reason", err); err == nil {
		err = s.Flow.Store.AddMember(c.Request().Context(), page.Key, typed(values, "user"), by)
		switch {
		case err == nil:
			return done(c, page.URL, "member-added")
		case fault.KindOf(err) != fault.NotFound:
			return err
		}
		page.Problems.Add("q", "Choose a person. This one is not here any more, or none was chosen.")
	}
	return s.render(c, http.StatusUnprocessableEntity, page)
}

// adminRemoveMember ends what administrators granted to somebody (S36). Other
// reasons stay, and when there are no others than those, the refusal names them.
func (s *Site) adminRemoveMember(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	group, err := s.group(ctx, c.Param("group"))
	if err != nil {
		return err
	}
	if err := s.Flow.Store.RemoveMember(ctx, group.Key, c.Param("user"), s.author(who)); err != nil {
		return err
	}
	return done(c, below("groups", group.Key), "member-removed")
}
