package web

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/login"
	"idms/internal/store"
)

// adminGroupPage is one group: who is in it and why, and which rules fill it.
type adminGroupPage struct {
	adminFrame
	groupRow
	paging
	Kind    string // of the sources that are shown; "" for all
	Kinds   []option
	Members []memberRow
	Rules   []pointerRow
	Held    []heldRow
	Left    int // people who are in it by a deleted association (S34)
}

// memberRow is one person of a group, and why they are in it.
type memberRow struct {
	Username, URL     string
	Name              string
	Record, RecordURL string
	Sources           []string
	Held              bool   // a directory would take them out, and a stop holds it
	Remove            string // address that ends what administrators granted; "" when there is nothing to end, or who looks may not
	Settle            string // account, where one person of many can be settled alone
}

// pointerRow is an association that names the group.
type pointerRow struct{ Rule, Record, RulesURL string }

// heldRow is what a held plan of one directory would do to the group (L6).
type heldRow struct {
	Record, URL string // of the directory's page
	Since       exact
	Run         string
	Total       int
	Whom        []string // the first few
	More        int
}

// MayChangeMembers is true for who may change the members.
func (p adminGroupPage) MayChangeMembers() bool { return p.MembersFor(p.Role) }

// MayChangeGroup is true for who may rename or delete the group: nobody a built-in
// one.
func (p adminGroupPage) MayChangeGroup() bool { return p.Gives == "" && p.Edits() }

func (adminGroupPage) file() string { return "admin_group.html" }

// group finds a group by key, or is fault.NotFound in words that do not repeat what
// stands in the address.
func (s *Site) group(ctx context.Context, key string) (groups.Group, error) {
	group, err := s.Flow.Store.Group(ctx, key)
	if fault.KindOf(err) == fault.NotFound {
		err = fault.New(fault.NotFound, "There is no such group any more.")
	}
	return group, err
}

func (s *Site) adminGroup(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	group, err := s.group(ctx, c.Param("group"))
	if err != nil {
		return err
	}
	page := adminGroupPageOf(s.adminFrame(c, "Group", "groups", who), group)
	page.Kind = queried(c, "kind")
	members, next, err := s.Flow.Store.MembersBy(ctx, group.Key, groups.Kind(page.Kind), c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	if page.groupRow.Members, err = s.Flow.Store.MemberCount(ctx, group.Key); err != nil {
		return err
	}
	pointers, err := s.Flow.Store.Pointers(ctx, group.Key)
	if err != nil {
		return err
	}
	held, err := s.Flow.Store.HeldIn(ctx, group.Key)
	if err != nil {
		return err
	}
	left, _, err := s.Flow.Store.LeftBehind(ctx, store.LeftChoice{Group: group.Key})
	if err != nil {
		return err
	}
	for _, one := range left {
		page.Left += one.Members
	}
	page.show(members, pointers, held)
	page.paging = pagingOf(page.URL, url.Values{"kind": {page.Kind}}, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page.withOptions())
}

func adminGroupPageOf(around adminFrame, group groups.Group) adminGroupPage {
	page := adminGroupPage{adminFrame: around, groupRow: groupRowOf(group)}
	page.Title = group.Name
	return page
}

// show puts members, rules and held members onto the page.
func (p *adminGroupPage) show(members []store.Member, pointers []groups.Pointer, held []store.HeldHere) {
	p.Rules = pointerRowsOf(pointers)
	stopped := map[[2]string]bool{} // record and username
	for _, one := range held {
		p.Held = append(p.Held, heldRowOf(one))
		for _, username := range one.Whom {
			stopped[[2]string{one.Run.Record, username}] = true
		}
	}
	for _, one := range members {
		row := memberRowOf(one)
		row.Held = stopped[[2]string{one.Record.Key, one.Account.Username}]
		for _, source := range one.Sources {
			if source.Kind == groups.Manual && p.MayChangeMembers() {
				row.Remove = p.URL + "/members/" + url.PathEscape(one.Account.ID) + "/remove"
			}
		}
		p.Members = append(p.Members, row)
	}
}

func (p adminGroupPage) withOptions() adminGroupPage {
	p.Kinds = optionsOf(p.Kind, option{Label: "All"}, option{Value: string(groups.Manual), Label: "By hand"},
		option{Value: string(groups.FromAssociation), Label: "Association"}, option{Value: string(groups.FromDirectory), Label: "Directory sync"},
		option{Value: string(groups.FromSCIM), Label: "SCIM"})
	return p
}

func memberRowOf(one store.Member) memberRow {
	row := memberRow{Username: one.Account.Username, URL: below("people", one.Account.ID), Name: nameOf(one.Account.Profile),
		Record: one.Record.Key, RecordURL: recordPage(one.Record.Key)}
	for _, source := range one.Sources {
		row.Sources = append(row.Sources, source.Words())
	}
	return row
}

func pointerRowsOf(pointers []groups.Pointer) []pointerRow {
	var rows []pointerRow
	for _, one := range pointers {
		rows = append(rows, pointerRow{one.Rule, one.Record, recordPage(one.Record) + "/rules"})
	}
	return rows
}

// heldShown bounds the people whom a group's page names as held.
const heldShown = 20

func heldRowOf(one store.HeldHere) heldRow {
	shown := one.Whom[:min(len(one.Whom), heldShown)]
	at := recordPage(one.Run.Record) + "/directory"
	return heldRow{Record: one.Run.Record, URL: at, Since: exact(one.Since), Run: one.Run.ID, Total: one.Total, Whom: shown, More: one.Total - len(shown)}
}
