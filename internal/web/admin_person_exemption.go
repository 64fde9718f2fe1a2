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

// adminPersonExemptionPage grants or ends the exemption of a person (S51).
type adminPersonExemptionPage struct {
	adminFrame
	form
	Person       place
	Local        bool
	Exempt       *exemptionShown
	Reason, Ends string // as typed; an instant in UTC
	Action       string
}

func (adminPersonExemptionPage) file() string { return "admin_person_exemption.html" }

// exemptionProposed is how long an exemption lasts when nobody says otherwise.
const exemptionProposed = 30 * 24 * time.Hour

func (s *Site) personExemptionPage(c echo.Context, who login.Visitor) (store.Person, adminPersonExemptionPage, error) {
	ctx, now := c.Request().Context(), s.Clock()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return person, adminPersonExemptionPage{}, err
	}
	exemption, err := s.Flow.Store.ExemptionOf(ctx, person.Account.ID)
	if err != nil {
		return person, adminPersonExemptionPage{}, err
	}
	return person, personExemptionPageOf(s.adminFrame(c, "Exemption", "people", who), person, exemption, now), nil
}

func personExemptionPageOf(around adminFrame, person store.Person, exemption *store.Exemption, now time.Time) adminPersonExemptionPage {
	whole := adminPersonPageOf(around, person)
	page := adminPersonExemptionPage{adminFrame: around, Person: place{whole.URL, whole.Heading()}, Local: whole.Local,
		Exempt: exemptionShownOf(exemption, now), Action: whole.URL + "/exemption", Ends: now.Add(exemptionProposed).UTC().Format(inputTime)}
	if exemption != nil {
		page.Reason = exemption.Reason
		if exemption.Ends.After(now) {
			page.Ends = exemption.Ends.UTC().Format(inputTime)
		}
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
	typed, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	person, page, err := s.personExemptionPage(c, who)
	if err != nil {
		return err
	}
	page.Reason, page.Ends = strings.TrimSpace(typed.Get("reason")), clip(40, typed.Get("ends"))
	ends, _ := time.Parse(inputTime, page.Ends) // what is no instant is one that is over
	if page.Problems = store.CheckExemption(page.Reason, ends, s.Clock()); page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	if err := s.Flow.Store.Exempt(c.Request().Context(), person.Account.ID, page.Reason, ends, s.author(who)); err != nil {
		return err
	}
	return done(c, personURL(person), "exempted")
}

func (s *Site) adminEndPersonExemption(c echo.Context, who login.Visitor) error {
	person, err := s.person(c.Request().Context(), c.Param("user"))
	if err != nil {
		return err
	}
	if err := s.Flow.Store.EndExemption(c.Request().Context(), person.Account.ID, s.author(who)); err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	return done(c, personURL(person), "exemption-ended")
}
