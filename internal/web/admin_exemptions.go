package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/store"
)

// exemptionForm is the part of a form that exempts somebody (S51): the same on the list,
// on the page of a person, and where somebody is invited. Its template is
// "exemption-fields".
type exemptionForm struct {
	form
	Reason  string // as typed
	Ends    string // as typed: an instant in UTC, to the minute
	Soonest string
}

// exemptionProposed is how long an exemption lasts when nobody says otherwise.
const exemptionProposed = 30 * 24 * time.Hour

// exemptionFormOf proposes an exemption, or shows the one that there is.
func exemptionFormOf(exemption *store.Exemption, now time.Time) exemptionForm {
	proposed := exemptionForm{Ends: now.Add(exemptionProposed).UTC().Format(inputTime), Soonest: now.UTC().Format(inputTime)}
	if exemption != nil {
		proposed.Reason = exemption.Reason
		if exemption.Ends.After(now) {
			proposed.Ends = exemption.Ends.UTC().Format(inputTime)
		}
	}
	return proposed
}

// read keeps what was typed, and finds every problem of it.
func (f *exemptionForm) read(values url.Values, now time.Time) (reason string, ends time.Time) {
	f.Reason, f.Ends = strings.TrimSpace(values.Get("reason")), clip(40, values.Get("ends"))
	ends, _ = time.Parse(inputTime, f.Ends) // what is no instant is one that is over
	f.Problems = append(f.Problems, store.CheckExemption(f.Reason, ends, now)...)
	return f.Reason, ends
}

// exemptionShown is an exemption, which may have ended.
type exemptionShown struct {
	State         badge
	Over          bool
	Reason, By    string
	Granted, Ends exact
}

// endsSoon is how long before its end an exemption or a token is marked.
const endsSoon = 14 * 24 * time.Hour

func exemptionShownOf(one store.Exemption, now time.Time) exemptionShown {
	shown := exemptionShown{State: badge{"Exempt", good}, Over: !now.Before(one.Ends), Reason: one.Reason, By: one.By, Granted: exact(one.Granted), Ends: exact(one.Ends)}
	switch {
	case shown.Over:
		shown.State = badge{"Exemption ended", bad}
	case one.Ends.Sub(now) < endsSoon:
		shown.State = badge{"Exemption ends soon", mixed}
	}
	return shown
}

// adminExemptionsPage lists who may use a password while single sign-on is enforced
// (S51), and has the form that exempts a local person.
type adminExemptionsPage struct {
	adminFrame
	exemptionForm
	paging
	exemptionsFilter
	Nav      []section
	Enforced bool
	List     []exemptionRow
	Username string // as typed
}

// exemptionsFilter is whom somebody looks for, as typed.
type exemptionsFilter struct {
	Query, Which, By      string
	Courses, ExemptOrders []option
}

// Any is true when somebody is looked for.
func (f exemptionsFilter) Any() bool { return f.Query+f.Which != "" }

func (f exemptionsFilter) withOptions() exemptionsFilter {
	f.Courses = optionsOf(f.Which, option{Label: "All"}, option{Value: string(store.Running), Label: "Exempt"}, option{Value: string(store.Ended), Label: "Ended"})
	f.ExemptOrders = optionsOf(f.By, option{Value: string(store.ByEnd), Label: "First to end first"}, option{Value: string(store.ByExemptName), Label: "By username"},
		option{Value: string(store.ByGranted), Label: "Granted last first"})
	return f
}

// exemptionRow is one of them.
type exemptionRow struct {
	exemptionShown
	Username, Email, URL string
	Action               string // address of the form that takes it back
}

func (adminExemptionsPage) file() string { return "admin_exemptions.html" }

func exemptionRowOf(one store.Exempted, now time.Time) exemptionRow {
	return exemptionRow{exemptionShown: exemptionShownOf(one.Exemption, now), Username: one.Account.Username, Email: one.Account.Email,
		URL: below("people", one.Account.ID), Action: exemptionsPath + "/" + one.Account.ID + "/end"}
}

func (s *Site) exemptionsPage(c echo.Context, who login.Visitor) (adminExemptionsPage, error) {
	ctx, now := c.Request().Context(), s.Clock()
	page := adminExemptionsPage{adminFrame: s.adminFrame(c, "Exempt people", "administrators", who), Nav: administratorsNav("exemptions"),
		exemptionForm: exemptionFormOf(nil, now)}
	settings, err := s.Flow.Store.Settings(ctx)
	if err != nil {
		return page, err
	}
	page.Enforced = settings.Enforced
	looked := exemptionsFilter{Query: queried(c, "q"), Which: queried(c, "state"), By: queried(c, "order")}
	page.exemptionsFilter = looked.withOptions()
	list, next, err := s.Flow.Store.ExemptionsFound(ctx, store.ExemptionFilter{Search: looked.Query, State: store.Course(looked.Which),
		By: store.ExemptionOrder(looked.By)}, now, c.QueryParam("cursor"), perPage)
	page.paging = pagingOf(exemptionsPath, url.Values{"q": {looked.Query}, "state": {looked.Which}, "order": {looked.By}}, c.QueryParam("cursor"), next)
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
	page.Username = strings.TrimSpace(values.Get("username"))
	person, err := s.Flow.Store.Credential(c.Request().Context(), page.Username)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		page.Problems.Add("username", "There is no local person of this username. Who comes through a provider has no password here; somebody new is invited.")
	case err != nil:
		return err
	}
	granted, err := s.exempt(c, who, person.Account.ID, &page.exemptionForm, values)
	if err != nil {
		return err
	}
	if !granted {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	return done(c, exemptionsPath, "exempted")
}

// exempt grants what a form says, unless something is wrong with it.
func (s *Site) exempt(c echo.Context, who login.Visitor, userID string, form *exemptionForm, values url.Values) (granted bool, err error) {
	by := s.author(who)
	reason, ends := form.read(values, by.Now)
	if form.Problems.Any() {
		return false, nil
	}
	return true, s.Flow.Store.Exempt(c.Request().Context(), userID, reason, ends, by)
}

// adminPersonExemptionPage grants or ends the exemption of a person (S51).
type adminPersonExemptionPage struct {
	adminFrame
	exemptionForm
	Person place
	Local  bool
	Exempt *exemptionShown
	Action string
}

func (adminPersonExemptionPage) file() string { return "admin_person_exemption.html" }

func (s *Site) personExemptionPage(c echo.Context, who login.Visitor) (store.Person, adminPersonExemptionPage, error) {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return person, adminPersonExemptionPage{}, err
	}
	exemption, err := s.Flow.Store.ExemptionOf(ctx, person.Account.ID)
	if err != nil {
		return person, adminPersonExemptionPage{}, err
	}
	return person, personExemptionPageOf(s.adminFrame(c, "Exemption", "people", who), person, exemption, s.Clock()), nil
}

func personExemptionPageOf(around adminFrame, person store.Person, exemption *store.Exemption, now time.Time) adminPersonExemptionPage {
	whole := adminPersonPageOf(around, person)
	page := adminPersonExemptionPage{adminFrame: around, exemptionForm: exemptionFormOf(exemption, now),
		Person: place{whole.URL, whole.Heading()}, Local: whole.Local, Action: whole.URL + "/exemption"}
	if exemption != nil {
		page.Exempt = new(exemptionShownOf(*exemption, now))
	}
	return page
}

func (s *Site) adminPersonExemption(c echo.Context, who login.Visitor) error {
	_, page, err := s.personExemptionPage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) adminExemptPerson(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	person, page, err := s.personExemptionPage(c, who)
	if err != nil {
		return err
	}
	granted, err := s.exempt(c, who, person.Account.ID, &page.exemptionForm, values)
	if err != nil {
		return err
	}
	if !granted {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	return done(c, personURL(person), "exempted")
}

// adminEndExemption ends an exemption, from the list or from the person's page,
// and leads there again.
func (s *Site) adminEndExemption(c echo.Context, who login.Visitor) error {
	person, err := s.person(c.Request().Context(), c.Param("user"))
	if err != nil {
		return err
	}
	if err := s.Flow.Store.EndExemption(c.Request().Context(), person.Account.ID, s.author(who)); err != nil {
		return err
	}
	if strings.HasPrefix(c.Path(), exemptionsPath) {
		return done(c, exemptionsPath, "exemption-ended")
	}
	return done(c, personURL(person), "exemption-ended")
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
	page.Typed, page.Problems = profile, profile.CheckLocal()
	reason, ends := page.read(c.Request().PostForm, s.Clock())
	if !page.Problems.Any() {
		page.Problems, err = s.invite(c, who, profile, func(by store.Author) (string, error) {
			return s.Flow.Store.CreateExempt(c.Request().Context(), profile, reason, ends, by)
		}, target{"All exempt people", exemptionsPath})
	}
	if err != nil || !page.Problems.Any() {
		return err
	}
	return s.render(c, http.StatusUnprocessableEntity, page)
}
