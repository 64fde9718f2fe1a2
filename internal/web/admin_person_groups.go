package web

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// adminWhyPage says why a person is in a group: every reason and what proves it (S35).
type adminWhyPage struct {
	adminFrame
	Person    place
	Group     groupRow
	In        bool
	Reasons   []reasonRow
	ByHand    bool
	Remove    string
	LastLogin place // that the proofs are from
}

// reasonRow is one source of a membership.
type reasonRow struct {
	Words string
	Since exact
	Proof string // "" when nothing that is kept tells
	Now   badge
	Where place // the rule, or the run of a directory
}

func (adminWhyPage) file() string { return "admin_person_why.html" }

func (s *Site) adminWhy(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return err
	}
	group, err := s.Flow.Store.Group(ctx, c.Param("group"))
	if err != nil {
		return err
	}
	reasons, err := s.Flow.Store.ReasonsOf(ctx, person, group.Key)
	if err != nil {
		return err
	}
	last, err := s.lastDecided(ctx, person.Account.ID)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, adminWhyPageOf(s.adminFrame(c, "Why "+group.Name, "people", who), person, group, reasons, last))
}

func adminWhyPageOf(around adminFrame, person store.Person, group groups.Group, reasons []store.Reason, last *login.Trace) adminWhyPage {
	whole := adminPersonPageOf(around, person)
	page := adminWhyPage{adminFrame: around, Person: place{whole.URL, whole.Heading()}, Group: groupRowOf(group), In: len(reasons) > 0}
	for _, one := range whole.Groups {
		if one.Key == group.Key {
			page.ByHand, page.Remove = one.ByHand, one.Remove
		}
	}
	for _, one := range reasons {
		page.Reasons = append(page.Reasons, reasonRowOf(one, group.Key, last, around.Edits()))
	}
	if last != nil && around.Edits() {
		page.LastLogin = place{below("logins", last.Ref), exact(last.At).When()}
	}
	return page
}

// reasonRowOf looks the reason up in the last login. Values that came are for who may
// see what came.
func reasonRowOf(one store.Reason, group string, last *login.Trace, edits bool) reasonRow {
	row := reasonRow{Words: one.Source.Words(), Since: exact(one.Source.Since), Now: badge{"Not proved lately", neutral}}
	record := recordPage(one.Source.Record)
	switch one.Source.Kind {
	case groups.Manual:
		row.Now = badge{"By hand", neutral}
		row.Proof = "An administrator added the person. Nothing else has to prove it."
	case groups.FromDirectory:
		row.Proof = "The directory’s last good sync holds it."
		row.Now = badge{"In the directory", good}
		if record != "" && one.Run != "" {
			row.Where = place{record + "/directory/runs/" + one.Run, "Show the run that brought it"}
		} else if record != "" {
			row.Where = place{record + "/directory", "Show the directory"}
		}
	case groups.FromAssociation:
		if record != "" {
			row.Where = place{rulePage(record, associations, one.Source.By), "Show the rule"}
		}
		if last == nil || last.Record != one.Source.Record {
			row.Proof = "No login of this person is still explained."
			return row
		}
		findings := last.Policy.Findings(*last.Decision)
		at := slices.IndexFunc(findings, func(f idms.RuleFinding) bool {
			return f.List == "associations" && f.Key == one.Source.By && f.Group == group
		})
		switch {
		case at < 0:
			row.Proof = "The record has no such association any more: its members are left as they are (S34)."
		case findings[at].Inactive:
			row.Proof = "The directory gives the groups by now; the association is not looked at (S37)."
		default:
			row.Now = badgeOfFinding(&findings[at])
			row.Proof = fmt.Sprintf("At the login of %s it was %t.", exact(last.At).When(), findings[at].True)
			if edits {
				row.Proof = fmt.Sprintf("At the login of %s it was %s.", exact(last.At).When(), clip(maxValueShown, findings[at].Words()))
			}
		}
	}
	return row
}

// adminJoinGroup puts a person into a group by hand (S36).
func (s *Site) adminJoinGroup(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return err
	}
	typed, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	by, err := s.reasoned(who, typed.Get("reason"))
	group := clip(maxQuery, typed.Get("group"))
	if err == nil {
		err = s.Flow.Store.AddMember(ctx, group, person.Account.ID, by)
	}
	if err == nil {
		return done(c, below("people", person.Account.ID)+"#groups", "member-added")
	}
	return s.refusedAtGroup(c, who, person, err, group, typed.Get("reason"))
}

// adminLeaveGroup ends what administrators granted (S36).
func (s *Site) adminLeaveGroup(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return err
	}
	if err := s.Flow.Store.RemoveMember(ctx, c.Param("group"), person.Account.ID, s.author(who)); err != nil {
		return s.refusedAtGroup(c, who, person, err, "", "")
	}
	return done(c, below("people", person.Account.ID)+"#groups", "member-removed")
}

// refusedAtGroup shows the person's page with why a membership stays as it is.
func (s *Site) refusedAtGroup(c echo.Context, who login.Visitor, person store.Person, err error, group, reason string) error {
	status := http.StatusUnprocessableEntity
	if kind := fault.KindOf(err); kind == fault.Denied || kind == fault.Conflict {
		status = statuses[kind]
	} else if kind != fault.NotFound && kind != fault.Invalid {
		return err
	}
	page, failed := s.personPage(c, who, person)
	if failed != nil {
		return failed
	}
	page.Problems.Add("group", "%s", fault.Sentence(err))
	page.Group, page.Reason = group, clip(maxReason, reason)
	return s.render(c, status, page)
}
