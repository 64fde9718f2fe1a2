package web

import (
	"net/http"
	"strconv"
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
	ReturnTo string // a path of ours, or ""
}

func (doorPage) file() string    { return "door.html" }
func (doorPage) formsTo() string { return ownForms }

func (s *Site) doorPage(c echo.Context) error {
	returnTo, _ := saml.SafePath(c.QueryParam("return_to"))
	return s.render(c, http.StatusOK, doorPage{frame: s.frame("Administrators’ door"), ReturnTo: returnTo})
}

// knock lets a local person in, or shows the door again with one sentence.
func (s *Site) knock(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	typed := login.Knock{
		Username: strings.TrimSpace(c.Request().PostFormValue("username")),
		Password: c.Request().PostFormValue("password"),
		Code:     c.Request().PostFormValue("code"),
		Address:  c.RealIP(),
	}
	returnTo, ok := saml.SafePath(c.Request().PostFormValue("return_to"))
	ticket, err := s.Flow.Knock(c.Request().Context(), typed)
	if fault.KindOf(err) == fault.Denied {
		return s.render(c, http.StatusForbidden, doorPage{frame: s.frame("Administrators’ door"),
			Username: typed.Username[:min(len(typed.Username), users.MaxField)], Refusal: fault.Sentence(err), ReturnTo: returnTo})
	}
	if err != nil {
		return err
	}
	if !ok {
		returnTo = "/"
	}
	s.endFormer(c, ticket)
	enter(c, ticket)
	return see(c, returnTo)
}

// choosePage is a one-time address: somebody chooses a password.
type choosePage struct {
	frame
	First    bool // nobody yet, so they say who they are too
	Username string
	Email    string
	Problems []fault.Problem
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
	page := choosePage{frame: around, First: invited.First, Username: invited.Username, Problems: problems}
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
	s.endFormer(c, ticket)
	enter(c, ticket)
	return see(c, "/security")
}

// securityPage is how a local person proves who they are, and where they change
// it.
type securityPage struct {
	frame
	Username   string
	Has        bool // an authenticator app
	Recoveries int  // codes left
	// Offer is a fresh secret to scan, for those who have none.
	Offer   *offer
	Codes   []string // recovery codes, shown once
	Problem string
}

// offer is an authenticator that waits for its first code.
type offer struct {
	Secret string // in groups of four, to type
	Raw    string // as it goes back with the form
	Path   string // of the QR code, as an SVG path
	Side   int    // of the QR code, in squares, with its quiet zone
}

func (securityPage) file() string    { return "security.html" }
func (securityPage) formsTo() string { return ownForms }

// quiet is the zone around a QR code, in squares.
const quiet = 4

func newOffer(made door.Authenticator) (*offer, error) {
	rows, err := made.Squares()
	if err != nil {
		return nil, err
	}
	var path strings.Builder
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				path.WriteString("M" + strconv.Itoa(x+quiet) + " " + strconv.Itoa(y+quiet) + "h1v1h-1z")
			}
		}
	}
	var groups []string
	for rest := made.Secret; rest != ""; rest = rest[min(4, len(rest)):] {
		groups = append(groups, rest[:min(4, len(rest))])
	}
	return &offer{Secret: strings.Join(groups, " "), Raw: made.Secret, Path: path.String(), Side: len(rows) + 2*quiet}, nil
}

const securityTitle = "Password and second factor"

// securityPage shows a local person what they have; the others have nothing here.
func (s *Site) securityPage(c echo.Context) error { return s.security(c, http.StatusOK, "", nil, "") }

func (s *Site) security(c echo.Context, status int, problem string, codes []string, offered string) error {
	who, known, err := s.visitor(c)
	if err != nil {
		return err
	}
	if !known {
		return toLogin(c)
	}
	if !who.Local {
		return see(c, "/")
	}
	has, err := s.Flow.Factors(c.Request().Context(), who)
	if err != nil {
		return err
	}
	page := securityPage{frame: s.frame(securityTitle), Username: who.Account.Username,
		Has: has.Authenticator, Recoveries: has.Recoveries, Codes: codes, Problem: problem}
	if !page.Has {
		made, err := door.NewAuthenticator(s.PortalName, who.Account.Username)
		if offered != "" {
			made, err = door.AuthenticatorOf(offered, s.PortalName, who.Account.Username)
		}
		if err != nil {
			return err
		}
		if page.Offer, err = newOffer(made); err != nil {
			return err
		}
	}
	return s.render(c, status, page)
}

// addAuthenticator keeps an app that has proved itself with a code, and shows the
// recovery codes once.
func (s *Site) addAuthenticator(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	secret := c.Request().PostFormValue("secret")
	codes, err := s.Flow.AddAuthenticator(c.Request().Context(), read(c, sessionCookie), c.Request().PostFormValue("password"), secret, c.Request().PostFormValue("code"))
	switch fault.KindOf(err) {
	case fault.NotFound:
		return toLogin(c)
	case fault.Invalid:
		return s.security(c, http.StatusUnprocessableEntity, fault.Sentence(err), nil, secret)
	case fault.Denied:
		return s.security(c, http.StatusForbidden, fault.Sentence(err), nil, secret)
	}
	if err != nil {
		return err
	}
	return s.security(c, http.StatusOK, "", codes, "")
}

// removeAuthenticator takes the app away from somebody who types their password.
func (s *Site) removeAuthenticator(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	err := s.Flow.RemoveAuthenticator(c.Request().Context(), read(c, sessionCookie), c.Request().PostFormValue("password"))
	switch fault.KindOf(err) {
	case fault.NotFound:
		return toLogin(c)
	case fault.Denied:
		return s.security(c, http.StatusForbidden, fault.Sentence(err), nil, "")
	}
	if err != nil {
		return err
	}
	return see(c, "/security")
}
