package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/store"
)

// adminExemptionsPage lists who may use a password while single sign-on is enforced
// (S51), and has the form that exempts a local person.
type adminExemptionsPage struct {
	adminFrame
	form
	Nav      []section
	Enforced bool
	List     []exemptionRow
	Username string // as typed
	Reason   string
	Ends     string // last day
	Soonest  string
}

// exemptionRow is one of them.
type exemptionRow struct {
	Username, Email, URL string
	Reason, By           string
	Granted, Ends        exact
	Over                 bool
	State                badge
	Action               string // address of the form that takes it back
}

func (adminExemptionsPage) file() string { return "admin_exemptions.html" }

func exemptionRowOf(one store.Exempted, now time.Time) exemptionRow {
	row := exemptionRow{Username: one.Account.Username, Email: one.Account.Email, URL: below("people", one.Account.ID),
		Reason: one.Reason, By: one.By, Granted: exact(one.Granted), Ends: exact(one.Ends), Over: !now.Before(one.Ends),
		State: badge{"Exempt", good}, Action: exemptionsPath + "/" + one.Account.ID + "/end"}
	switch {
	case row.Over:
		row.State = badge{"Ended: refused", bad}
	case one.Ends.Sub(now) < 14*24*time.Hour:
		row.State = badge{"Ends soon", mixed}
	}
	return row
}

func (s *Site) exemptionsPage(c echo.Context, who login.Visitor) (adminExemptionsPage, error) {
	ctx, now := c.Request().Context(), s.Clock()
	page := adminExemptionsPage{adminFrame: s.adminFrame(c, "Exempt people", "administrators", who), Nav: administratorsNav("exemptions"), Soonest: dayOf(now)}
	settings, err := s.Flow.Store.Settings(ctx)
	if err != nil {
		return page, err
	}
	page.Enforced = settings.Enforced
	list, err := s.Flow.Store.Exemptions(ctx)
	for _, one := range list {
		page.List = append(page.List, exemptionRowOf(one, now))
	}
	return page, err
}

func (s *Site) adminExemptions(c echo.Context, who login.Visitor) error {
	page, err := s.exemptionsPage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
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

// checkExemption is store's check in the words of a form that asks for a day.
func checkExemption(reason, ends string, now time.Time) (time.Time, fault.Problems) {
	until := lastDay(ends)
	problems := store.CheckExemption(reason, until, now)
	for i := range problems {
		if problems[i].Field == "ends" {
			problems[i].Message = "Choose a last day that is still to come."
		}
	}
	return until, problems
}

// adminExempt exempts a local person who is there.
func (s *Site) adminExempt(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	page, err := s.exemptionsPage(c, who)
	if err != nil {
		return err
	}
	ctx, by := c.Request().Context(), s.author(who)
	page.Username, page.Reason, page.Ends = strings.TrimSpace(values.Get("username")), strings.TrimSpace(values.Get("reason")), values.Get("ends")
	person, err := s.Flow.Store.Credential(ctx, page.Username)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		page.Problems.Add("username", "There is no local person of this username. Who comes through a provider has no password here; somebody new is invited.")
	case err != nil:
		return err
	}
	until, problems := checkExemption(page.Reason, page.Ends, by.Now)
	page.Problems = append(page.Problems, problems...)
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	if err := s.Flow.Store.Exempt(ctx, person.Account.ID, page.Reason, until, by); err != nil {
		return err
	}
	return done(c, exemptionsPath, "exempted")
}

func (s *Site) adminEndExemption(c echo.Context, who login.Visitor) error {
	if _, err := posted(c, smallPost); err != nil {
		return err
	}
	person, err := s.person(c.Request().Context(), c.Param("user"))
	if err != nil {
		return err
	}
	if err := s.Flow.Store.EndExemption(c.Request().Context(), person.Account.ID, s.author(who)); err != nil {
		return err
	}
	return done(c, exemptionsPath, "exemption-ended")
}

func (s *Site) adminInviteExempt(c echo.Context, who login.Visitor) error {
	return s.render(c, http.StatusOK, s.invitePage(c, who, true))
}

// adminInvitedExempt makes a local person who has no identity provider, with an
// exemption and no role.
func (s *Site) adminInvitedExempt(c echo.Context, who login.Visitor) error {
	profile, err := typedProfile(c)
	if err != nil {
		return err
	}
	page := s.invitePage(c, who, true)
	page.Typed = profile
	page.Reason, page.Ends = strings.TrimSpace(c.Request().PostForm.Get("reason")), c.Request().PostForm.Get("ends")
	page.Problems = profile.CheckLocal()
	until, problems := checkExemption(page.Reason, page.Ends, s.Clock())
	page.Problems = append(page.Problems, problems...)
	if !page.Problems.Any() {
		page.Problems, err = s.invite(c, who, profile, func(by store.Author) (string, error) {
			return s.Flow.Store.CreateExempt(c.Request().Context(), profile, page.Reason, until, by)
		}, target{"All exempt people", exemptionsPath})
	}
	if err != nil || !page.Problems.Any() {
		return err
	}
	return s.render(c, http.StatusUnprocessableEntity, page)
}
