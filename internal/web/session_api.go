package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/login"
)

// What the portal's back end asks. Whoever shows a portal's token is answered at
// any host name: a back end asks by an internal one.
const apiPath = "/api/v1/"

// sessionAnswer is the answer to GET /api/v1/session. docs/reference/portal.md is
// its contract: fields are added, never changed.
type sessionAnswer struct {
	User    sessionUser    `json:"user"`
	Record  sessionRecord  `json:"record"`
	Groups  []sessionGroup `json:"groups"`
	Console sessionConsole `json:"console"`
	Since   time.Time      `json:"since"`
	Expires time.Time      `json:"expires"`
	Portal  string         `json:"portal"`
}

type sessionUser struct {
	ID        string `json:"id"`
	Username  string `json:"username"`
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

type sessionRecord struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

type sessionGroup struct {
	Key     string          `json:"key"`
	Name    string          `json:"name"`
	Sources []groups.Source `json:"sources"`
}

type sessionConsole struct {
	Level         console.Level `json:"level"`
	Why           string        `json:"why"`
	ElevatedUntil *time.Time    `json:"elevated_until"` // null unless elevated now
	ElevateURL    *string       `json:"elevate_url"`    // null when there is nothing to elevate
}

func sessionAnswerOf(who login.Visitor, portal, returnTo string, now time.Time) sessionAnswer {
	profile := who.Account.Profile
	answer := sessionAnswer{
		User: sessionUser{
			ID: who.Account.ID, Username: profile.Username, Email: profile.Email,
			FirstName: profile.FirstName, LastName: profile.LastName,
		},
		Record:  sessionRecord{Key: who.Session.RecordKey, Name: who.RecordName},
		Groups:  make([]sessionGroup, len(who.Groups)),
		Console: sessionConsole{Level: who.Level, Why: who.Why, ElevateURL: elevateURL(who, portal, returnTo)},
		Since:   who.Session.Opened,
		Expires: who.Session.Expires,
		Portal:  portal,
	}
	for i, group := range who.Groups {
		answer.Groups[i] = sessionGroup{Key: group.Key, Name: group.Name, Sources: group.From}
	}
	if until := who.Session.ElevatedUntil; now.Before(until) {
		answer.Console.ElevatedUntil = &until
	}
	return answer
}

// elevateURL is where the person can elevate and comes back from, or nil.
func elevateURL(who login.Visitor, portal, returnTo string) *string {
	if !who.CanElevate {
		return nil
	}
	address := portalURL(portal, "elevate", returnPath(returnTo))
	return &address
}

// sessionState tells a portal's back end who it is dealing with.
func (s *Site) sessionState(c echo.Context) error {
	who, portal, known, err := s.portalVisitor(c)
	if err != nil {
		return err
	}
	if !known {
		return problem(c, unauthorized)
	}
	return c.JSON(http.StatusOK, sessionAnswerOf(who, portal, c.QueryParam("return_to"), s.Clock()))
}

// sessionMayOpenConsole answers "may this session open a cloud console": 204 is
// yes, 403 is no and says where to elevate, if that helps.
func (s *Site) sessionMayOpenConsole(c echo.Context) error {
	who, portal, known, err := s.portalVisitor(c)
	if err != nil {
		return err
	}
	if !known {
		return problem(c, unauthorized)
	}
	if who.Level == console.Full {
		return c.NoContent(http.StatusNoContent)
	}
	return problem(c, problemAnswer{
		Title: "No console access", Status: http.StatusForbidden, Detail: "This session may use the portal, but not open cloud consoles.",
		ElevateURL: elevateURL(who, portal, c.QueryParam("return_to")),
	})
}

// portalVisitor is who holds the portal's token that came along.
func (s *Site) portalVisitor(c echo.Context) (who login.Visitor, portal string, known bool, err error) {
	c.Response().Header().Set("Vary", "Authorization, Cookie")
	token, scheme := portalToken(c.Request())
	who, portal, err = s.Flow.PortalVisitor(c.Request().Context(), token)
	if fault.KindOf(err) == fault.NotFound {
		return login.Visitor{}, "", false, nil
	}
	if err != nil {
		return login.Visitor{}, "", false, err
	}
	// A portal that was taken out of the settings is none any more, and a cookie
	// that a neighbouring host can set does not count for a portal on https.
	found, configured := s.portals[portal]
	return who, portal, configured && (scheme == "" || found.secure == (scheme == "https")), nil
}

// portalToken is the token as bearer, or in the portal's cookie as the browser
// sent it; then scheme says which kind of portal the cookie can be of.
func portalToken(request *http.Request) (token, scheme string) {
	if header := request.Header.Get("Authorization"); header != "" {
		kind, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(kind, "Bearer") {
			return "", ""
		}
		return token, ""
	}
	for _, o := range []struct {
		scheme string
		origin origin
	}{{"https", origin{secure: true}}, {"http", origin{}}} {
		if cookie, err := request.Cookie(o.origin.cookieName(portalCookie)); err == nil {
			return cookie.Value, o.scheme
		}
	}
	return "", ""
}

// problemAnswer is an error as machines read it (RFC 9457).
type problemAnswer struct {
	Type       string  `json:"type"`
	Title      string  `json:"title"`
	Status     int     `json:"status"`
	Detail     string  `json:"detail"`
	Reference  string  `json:"reference"` // of the request, in our log
	ElevateURL *string `json:"elevate_url,omitempty"`
}

var unauthorized = problemAnswer{Title: "Not logged in", Status: http.StatusUnauthorized, Detail: "There is no session, or it has ended."}

func problem(c echo.Context, answer problemAnswer) error {
	answer.Type = "about:blank"
	answer.Reference = requestID(c)
	if answer.Status == http.StatusUnauthorized {
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="idms"`) // RFC 9110 11.6.1
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return c.Blob(answer.Status, "application/problem+json", text)
}
