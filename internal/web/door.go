package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/users"
)

// ChoosePath is the path of a one-time address.
func ChoosePath(token string) string { return doorPath + "/choose/" + token }

// doorPage is where local people log in: username, password, and a code for those
// who have set up an app.
type doorPage struct {
	frame
	Username string // as typed
	Refusal  string // "" before the first try
	Shut     bool   // nobody comes in with a password
	ReturnTo string // a path of ours, or ""
	Passkeys bool   // there may be some for this address
	Notice   string // what was done on the way here
	Letters  bool   // whoever has forgotten their password may ask for one
}

func (doorPage) file() string    { return "door.html" }
func (doorPage) formsTo() string { return ownForms }

func (s *Site) doorPage(c echo.Context) error {
	returnTo, _ := saml.SafePath(c.QueryParam("return_to"))
	return s.atDoor(c, http.StatusOK, "", "", returnTo)
}

func (s *Site) atDoor(c echo.Context, status int, username, refusal, returnTo string) error {
	settings, err := s.Flow.Store.Settings(c.Request().Context())
	if err != nil {
		return err
	}
	return s.render(c, status, doorPage{frame: s.frame("Administrators’ door"), Username: username[:min(len(username), users.MaxField)],
		Refusal: refusal, Shut: settings.DoorShut, ReturnTo: returnTo, Passkeys: s.party(c).Known(),
		Notice: notices[c.QueryParam(doneParam)], Letters: s.Mail.Ready()})
}

// knock lets a local person in, or shows the door again with one sentence.
func (s *Site) knock(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	typed := login.Knock{
		Username: strings.TrimSpace(c.Request().PostFormValue("username")),
		Password: c.Request().PostFormValue("password"),
		Code:     c.Request().PostFormValue("code"),
		Address:  c.RealIP(),
		Party:    s.party(c),
	}
	returnTo, _ := saml.SafePath(c.Request().PostFormValue("return_to"))
	in, err := s.Flow.Knock(c.Request().Context(), typed)
	if fault.KindOf(err) == fault.Denied {
		return s.atDoor(c, http.StatusForbidden, typed.Username, fault.Sentence(err), returnTo)
	}
	if err != nil {
		return err
	}
	if in.Second != nil {
		page := passkeyPageOf(s.frame("Use your passkey"), *in.Second)
		page.AfterPassword, page.ReturnTo = true, returnTo
		return s.askForPasskey(c, page, in.Second.Ticket)
	}
	return s.letIn(c, in.Ticket, returnTo)
}

// letIn gives a browser its session, and sends it to a path of ours.
func (s *Site) letIn(c echo.Context, ticket login.Ticket, returnTo string) error {
	if returnTo == "" {
		returnTo = "/"
	}
	s.endFormer(c, ticket)
	enter(c, ticket)
	return see(c, returnTo)
}

// choosePage is a one-time address: somebody chooses a password.
type choosePage struct {
	frame
	First     bool // nobody yet, so they say who they are too
	Forgotten bool // they log in afterwards, at the door
	Username  string
	Email     string
	Problems  []fault.Problem
}

func (choosePage) file() string    { return "choose.html" }
func (choosePage) formsTo() string { return ownForms }

// Of are the problems of one field.
func (p choosePage) Of(field string) []string {
	var said []string
	for _, problem := range p.Problems {
		if problem.Field == field {
			said = append(said, problem.Message)
		}
	}
	return said
}

// Shortest is how long a password must be.
func (choosePage) Shortest() int { return door.MinPassword }

func choosePageOf(around frame, invited login.Invited, typed users.Profile, problems fault.Problems) choosePage {
	page := choosePage{frame: around, First: invited.First, Forgotten: invited.Forgotten, Username: invited.Username, Problems: problems}
	if invited.First {
		page.Username, page.Email = typed.Username, typed.Email
	}
	return page
}

const chooseTitle = "Choose your password"

func (s *Site) choosePage(c echo.Context) error {
	invited, err := s.Flow.Invited(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, choosePageOf(s.frame(chooseTitle), invited, users.Profile{}, nil))
}

func (s *Site) choose(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	chosen := login.Chosen{
		Token: c.Param("token"),
		Profile: users.Profile{
			Username: strings.TrimSpace(c.Request().PostFormValue("username")),
			Email:    strings.TrimSpace(c.Request().PostFormValue("email")),
		},
		Password: c.Request().PostFormValue("password"),
		Address:  c.RealIP(),
	}
	ctx := c.Request().Context()
	ticket, problems, err := s.Flow.Choose(ctx, chosen)
	if problems.Any() {
		invited, err := s.Flow.Invited(ctx, chosen.Token)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusUnprocessableEntity, choosePageOf(s.frame(chooseTitle), invited, chosen.Profile, problems))
	}
	if err != nil {
		return err
	}
	if ticket == (login.Ticket{}) {
		return done(c, doorPath, "password-chosen")
	}
	return s.letIn(c, ticket, securityPath)
}
