package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/store"
)

// A browser makes or uses a passkey on a page of its own: the page holds what the
// browser asks the device for, one script does that and posts the answer. All else is
// a plain form.

// passkeyCookie binds a page that waits for a passkey to this browser.
const passkeyCookie = "idms_passkey"

// passkeyPage waits for the browser's answer.
type passkeyPage struct {
	frame
	Making        bool
	AfterPassword bool   // which was right
	Options       string // JSON
	Name          string // of the passkey to be made
	ReturnTo      string // a path of ours, or ""
}

func (passkeyPage) file() string      { return "passkey.html" }
func (passkeyPage) Scripts() []string { return []string{"passkeys.js"} }
func (passkeyPage) formsTo() string   { return ownForms }

// Action is where the answer is posted.
func (p passkeyPage) Action() string {
	if p.Making {
		return securityPath + "/passkeys/add"
	}
	return doorPath + "/passkey/answer"
}

// Back leads away without an answer.
func (p passkeyPage) Back() string {
	if p.Making {
		return securityPath
	}
	return doorPath
}

func passkeyPageOf(around frame, begun login.Ceremony) passkeyPage {
	return passkeyPage{frame: around, Options: string(begun.Options)}
}

func (s *Site) askForPasskey(c echo.Context, page passkeyPage, ticket login.Ticket) error {
	keep(c, passkeyCookie, ticket.Value, store.ChallengeLasts)
	return s.render(c, http.StatusOK, page)
}

// party is the address that the request arrived at, as passkeys know it.
func (s *Site) party(c echo.Context) door.Party {
	party, _ := door.PartyAt(s.portalName(), here(c).base)
	return party
}

// touched reads a browser's answer. A body that is too large reads as none.
func (s *Site) touched(c echo.Context) login.Touch {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	touch := login.Touch{Token: read(c, passkeyCookie), Answer: []byte(c.Request().PostFormValue("answer")), Party: s.party(c), Address: c.RealIP()}
	c.SetCookie(forget(here(c).cookie(passkeyCookie, "")))
	return touch
}

// beginPasskey asks for a passkey at the door.
func (s *Site) beginPasskey(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	returnTo, _ := saml.SafePath(c.Request().PostFormValue("return_to"))
	begun, err := s.Flow.AskForPasskey(c.Request().Context(), s.party(c))
	if err != nil {
		return err
	}
	page := passkeyPageOf(s.frame("Use your passkey"), begun)
	page.ReturnTo = returnTo
	return s.askForPasskey(c, page, begun.Ticket)
}

// answerPasskey lets a local person in, or shows the door again with one sentence.
func (s *Site) answerPasskey(c echo.Context) error {
	touch := s.touched(c)
	returnTo, _ := saml.SafePath(c.Request().PostFormValue("return_to"))
	ticket, err := s.Flow.KnockWithPasskey(c.Request().Context(), touch)
	if kind := fault.KindOf(err); kind == fault.Denied || kind == fault.NotFound {
		return s.atDoor(c, http.StatusForbidden, "", fault.Sentence(err), returnTo)
	}
	if err != nil {
		return err
	}
	return s.letIn(c, ticket, returnTo)
}

// offerPasskey begins making a passkey for somebody who types their password.
func (s *Site) offerPasskey(c echo.Context) error {
	form, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	name := form.Get("name")
	begun, problems, err := s.Flow.OfferPasskey(c.Request().Context(), read(c, sessionCookie), form.Get("password"), name, s.party(c))
	if err != nil || problems.Any() {
		return s.securityRefused(c, err, securityState{Name: clip(2*door.MaxPasskeyName, name), problems: problems})
	}
	page := passkeyPageOf(s.frame("Make a passkey"), begun)
	page.Making, page.Name = true, name
	return s.askForPasskey(c, page, begun.Ticket)
}

// addPasskey keeps what the browser has made.
func (s *Site) addPasskey(c echo.Context) error {
	touch := s.touched(c)
	codes, err := s.Flow.AddPasskey(c.Request().Context(), read(c, sessionCookie), c.Request().PostFormValue("name"), touch)
	if err != nil {
		return s.securityRefused(c, err, securityState{})
	}
	if codes == nil {
		return done(c, securityPath, "passkey-added")
	}
	return s.security(c, http.StatusOK, securityState{Codes: codes, Notice: notices["passkey-added"]})
}

// removePasskey takes one away from somebody who types their password.
func (s *Site) removePasskey(c echo.Context) error {
	form, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	if err := s.Flow.RemovePasskey(c.Request().Context(), read(c, sessionCookie), form.Get("password"), c.Param("passkey")); err != nil {
		return s.securityRefused(c, err, securityState{})
	}
	return done(c, securityPath, "passkey-removed")
}
