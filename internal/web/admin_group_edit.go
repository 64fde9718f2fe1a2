package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// adminNewGroupPage is the form of a group that is not there yet.
type adminNewGroupPage struct {
	adminFrame
	form
	Key, Name, Reason string // as typed
}

func (adminNewGroupPage) file() string { return "admin_group_new.html" }

// maxGroupForm bounds the small forms of groups, in bytes.
const maxGroupForm = 64 << 10

func (s *Site) adminNewGroup(c echo.Context, who login.Visitor) error {
	return s.render(c, http.StatusOK, adminNewGroupPage{adminFrame: s.adminFrame(c, "Create a group", "groups", who)})
}

func (s *Site) adminCreateGroup(c echo.Context, who login.Visitor) error {
	values, err := posted(c, maxGroupForm)
	if err != nil {
		return err
	}
	page := adminNewGroupPage{adminFrame: s.adminFrame(c, "Create a group", "groups", who), Key: typed(values, "key"), Name: typed(values, "name"), Reason: typed(values, "reason")}
	group := groups.Group{Key: page.Key, Name: page.Name}
	by, err := s.reasoned(who, page.Reason)
	page.Problems = idms.CheckGroup(group)
	page.Problems.AddError("reason", err)
	if !page.Problems.Any() {
		err = s.Flow.Store.CreateGroup(c.Request().Context(), group, by)
		if err == nil {
			return done(c, below("groups", group.Key), "group-created")
		}
		if fault.KindOf(err) != fault.Conflict {
			return err
		}
		page.Problems.Add("key", "%s", fault.Sentence(err))
	}
	return s.render(c, http.StatusUnprocessableEntity, page)
}

// adminGroupEditPage renames a group, and deletes it.
type adminGroupEditPage struct {
	adminFrame
	form
	groupRow
	Before        string // the name that its author has seen
	Typed, Reason string // as typed: the new name, and why
	Confirm       string // as typed: the name of what is to be deleted
	DeleteReason  string
	Rules         []pointerRow
}

func (adminGroupEditPage) file() string { return "admin_group_edit.html" }

// groupEdit is the page of a group that may be changed, as it is now.
func (s *Site) groupEdit(c echo.Context, who login.Visitor) (adminGroupEditPage, error) {
	ctx := c.Request().Context()
	group, err := s.group(ctx, c.Param("group"))
	if err != nil {
		return adminGroupEditPage{}, err
	}
	page := adminGroupEditPageOf(s.adminFrame(c, "Rename or delete "+group.Name, "groups", who), group)
	if page.Gives != "" {
		return page, fault.New(fault.Conflict, "This group is built in: it keeps its name, and cannot be deleted.")
	}
	if page.groupRow.Members, err = s.Flow.Store.MemberCount(ctx, group.Key); err != nil {
		return page, err
	}
	pointers, err := s.Flow.Store.Pointers(ctx, group.Key)
	page.Rules = pointerRowsOf(pointers)
	return page, err
}

func adminGroupEditPageOf(around adminFrame, group groups.Group) adminGroupEditPage {
	return adminGroupEditPage{adminFrame: around, groupRow: groupRowOf(group), Before: group.Name, Typed: group.Name}
}

func (s *Site) adminGroupEdit(c echo.Context, who login.Visitor) error {
	page, err := s.groupEdit(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) adminRenameGroup(c echo.Context, who login.Visitor) error {
	values, err := posted(c, maxGroupForm)
	if err != nil {
		return err
	}
	page, err := s.groupEdit(c, who)
	if err != nil {
		return err
	}
	seen := typed(values, "before")
	page.Typed, page.Reason = typed(values, "name"), typed(values, "reason")
	group := groups.Group{Key: page.Key, Name: page.Typed}
	by, err := s.reasoned(who, page.Reason)
	page.Problems = idms.CheckGroup(group)
	page.Problems.AddError("reason", err)
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	err = s.Flow.Store.RenameGroup(c.Request().Context(), group, seen, by)
	if errors.Is(err, store.ErrChanged) {
		// What was typed stays, over the name that it has now.
		page.Problems.Add("name", "%s", fault.Sentence(err))
		return s.render(c, http.StatusConflict, page)
	}
	if err != nil {
		return err
	}
	return done(c, page.URL, "group-renamed")
}

func (s *Site) adminDeleteGroup(c echo.Context, who login.Visitor) error {
	values, err := posted(c, maxGroupForm)
	if err != nil {
		return err
	}
	page, err := s.groupEdit(c, who)
	if err != nil {
		return err
	}
	page.Confirm, page.DeleteReason = typed(values, "confirm"), typed(values, "delete_reason")
	by, err := s.reasoned(who, page.DeleteReason)
	page.Problems.AddError("delete_reason", err)
	if page.Confirm != strings.TrimSpace(page.Name) {
		page.Problems.Add("confirm", "Write the name of the group as it stands above, to delete it.")
	}
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	err = s.Flow.Store.DeleteSeenGroup(c.Request().Context(), page.Key, page.Name, by)
	if fault.KindOf(err) == fault.Conflict { // S38, or a directory that would make it again
		page.Problems.Add("", "%s", fault.Sentence(err))
		return s.render(c, http.StatusConflict, page)
	}
	if err != nil {
		return err
	}
	return done(c, adminPath+"/groups", "group-deleted")
}
