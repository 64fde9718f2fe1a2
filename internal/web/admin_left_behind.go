package web

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/login"
	"idms/internal/store"
)

// adminLeftPage lists what deleted associations left in groups, or in one (S34).
type adminLeftPage struct {
	adminFrame
	form
	paging
	Of      groupRow // "" for all groups
	Action  string   // address of the forms
	Left    []leftRow
	More    bool
	Reasons int
	People  []memberRow // of the one group
}

// leftRow is what one association left in one group.
type leftRow struct {
	groupRow
	Rule, Record, RecordURL string
	May                     bool // who looks may settle it
}

func (adminLeftPage) file() string { return "admin_left_behind.html" }

// MaySettle is true when a button for everything listed would do something.
func (p adminLeftPage) MaySettle() bool {
	for _, one := range p.Left {
		if one.May {
			return true
		}
	}
	return false
}

// leftPath is the page over all groups. It is not below that of groups, where
// every key could be one's.
const leftPath = adminPath + "/left-behind"

func (s *Site) adminLeftBehind(c echo.Context, who login.Visitor) error {
	page, err := s.leftPage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) leftPage(c echo.Context, who login.Visitor) (adminLeftPage, error) {
	ctx := c.Request().Context()
	frame := s.adminFrame(c, "Left by deleted associations", "groups", who)
	var of groups.Group
	var err error
	if c.Param("group") != "" {
		if of, err = s.group(ctx, c.Param("group")); err != nil {
			return adminLeftPage{}, err
		}
	}
	left, more, err := s.Flow.Store.LeftBehind(ctx, store.LeftChoice{Group: of.Key})
	if err != nil {
		return adminLeftPage{}, err
	}
	page := adminLeftPageOf(frame, of, left)
	page.More = more
	if of.Key == "" {
		return page, nil
	}
	people, next, err := s.Flow.Store.LeftMembers(ctx, of.Key, left, c.QueryParam("cursor"), perPage)
	if err != nil {
		return adminLeftPage{}, err
	}
	page.showPeople(people)
	page.paging = pagingOf(page.Action, nil, c.QueryParam("cursor"), next)
	return page, nil
}

func adminLeftPageOf(frame adminFrame, of groups.Group, left []store.Left) adminLeftPage {
	page := adminLeftPage{adminFrame: frame, Action: leftPath}
	if of.Key != "" {
		page.Of = groupRowOf(of)
		page.Action = page.Of.URL + "/left-behind"
	}
	for _, one := range left {
		row := leftRow{groupRow: groupRowOf(one.Group), Rule: one.Rule, Record: one.Record, RecordURL: recordPage(one.Record)}
		row.Members, row.May = one.Members, row.MembersFor(frame.Role)
		page.Left = append(page.Left, row)
		page.Reasons += one.Members
	}
	return page
}

func (p *adminLeftPage) showPeople(people []store.Member) {
	for _, one := range people {
		row := memberRowOf(one)
		if p.Of.MembersFor(p.Role) {
			row.Settle = one.Account.ID
		}
		p.People = append(p.People, row)
	}
}

// adminSettlePage shows what a settlement would do, before it is done.
type adminSettlePage struct {
	adminFrame
	form
	Of                       groupRow // the one group; Key is "" for all
	Action                   string   // address of the form
	Do                       string   // remove or adopt
	Record, Rule             string   // the one association; "" for all
	User, Username           string   // the one person; "" for all
	Reason                   string   // as typed
	Seen                     string   // hash of what is shown
	Reasons, People, Leaving int
	Left                     []leftRow
	More                     bool
}

func (adminSettlePage) file() string { return "admin_settle.html" }

// Adopts is true when people stay.
func (p adminSettlePage) Adopts() bool { return p.Do == adopt }

// Stay is how many stay in the group.
func (p adminSettlePage) Stay() int { return p.People - p.Leaving }

const adopt = "adopt"

// adminSettle previews a settlement, and does exactly what was seen of it.
func (s *Site) adminSettle(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	values, err := posted(c, maxGroupForm)
	if err != nil {
		return err
	}
	do := typed(values, "do")
	if do != "remove" && do != adopt {
		page, err := s.leftPage(c, who)
		if err != nil {
			return err
		}
		page.Problems.Add("", "Say what to do: remove people, or adopt them.")
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	var of groups.Group
	if key := cmp.Or(c.Param("group"), typed(values, "group")); key != "" {
		if of, err = s.group(ctx, key); err != nil {
			return err
		}
	}
	choice := store.LeftChoice{Group: of.Key, Record: typed(values, "record"), Rule: typed(values, "rule"), User: typed(values, "user")}
	reason := typed(values, "reason")
	by, err := s.reasoned(who, reason)
	var problems fault.Problems
	problems.AddError("reason", err)
	seen := typed(values, "seen")
	status := http.StatusOK
	if seen != "" && !problems.Any() {
		_, err := s.Flow.Store.SettleLeftBehind(ctx, choice, store.Settlement{Adopt: do == adopt, Seen: seen}, by)
		switch {
		case err == nil:
			return done(c, c.Request().URL.EscapedPath(), "left-"+do)
		case fault.KindOf(err) != fault.Conflict:
			return err
		}
		problems.Add("", "%s", fault.Sentence(err))
		status = http.StatusConflict
	} else if problems.Any() {
		status = http.StatusUnprocessableEntity
	}
	tried, err := s.Flow.Store.SettleLeftBehind(ctx, choice, store.Settlement{Adopt: do == adopt, DryRun: true}, by)
	switch {
	case fault.KindOf(err) == fault.Conflict && status == http.StatusOK: // S44
		problems.Add("", "%s", fault.Sentence(err))
		status = http.StatusConflict
	case err != nil && fault.KindOf(err) != fault.Conflict:
		return err
	}
	page := adminSettlePageOf(s.adminFrame(c, "Left by deleted associations", "groups", who), of, do, choice, tried)
	page.Reason, page.Problems, page.Action = reason, problems, c.Request().URL.EscapedPath()
	if choice.User != "" {
		names, err := s.Flow.Store.UsernamesOf(ctx, []string{choice.User})
		if err != nil {
			return err
		}
		page.Username = names[choice.User]
	}
	return s.render(c, status, page)
}

func adminSettlePageOf(frame adminFrame, of groups.Group, do string, choice store.LeftChoice, tried store.Settled) adminSettlePage {
	list := adminLeftPageOf(frame, of, tried.Left)
	return adminSettlePage{adminFrame: frame, Of: list.Of, Action: list.Action, Do: do, Record: choice.Record, Rule: choice.Rule, User: choice.User,
		Seen: tried.Hash, Reasons: tried.Reasons, People: tried.People, Leaving: tried.Leaving, Left: list.Left, More: tried.More}
}
