package web

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/saml"
)

// firstGroups is how many groups the front page shows before it links to the
// rest.
const firstGroups = 12

// maxQuery bounds what the group filter looks for, in bytes.
const maxQuery = 400

// visitor is who is asking, or the login page to send them to: known is false
// when nobody is logged in, and the page they wanted is then kept.
func (s *Site) visitor(c echo.Context) (who login.Visitor, known bool, err error) {
	token := read(c, sessionCookie)
	if token == "" {
		return login.Visitor{}, false, nil
	}
	who, err = s.Flow.Visitor(c.Request().Context(), token)
	if fault.KindOf(err) == fault.NotFound {
		leave(c)
		return login.Visitor{}, false, nil
	}
	return who, err == nil, err
}

// toLogin sends somebody who is not logged in to the login page. A page is come
// back to; what a form would have done is not done again.
func toLogin(c echo.Context) error {
	address := "/login"
	if path := c.Request().URL.RequestURI(); c.Request().Method == http.MethodGet && path != "/" {
		address += "?" + url.Values{"return_to": {path}}.Encode()
	}
	return see(c, address)
}

// whoPage tells people who they are here: name, groups and why, console level
// and why.
func (s *Site) whoPage(c echo.Context) error {
	who, known, err := s.visitor(c)
	if err != nil {
		return err
	}
	if !known {
		return toLogin(c)
	}
	page := whoPageOf(s.frame("Who you are here"), who, s.Clock())
	page.Portals = s.portals.links()
	return s.render(c, http.StatusOK, page)
}

func whoPageOf(around frame, who login.Visitor, now time.Time) whoPage {
	session, profile := who.Session, who.Account.Profile
	return whoPage{
		frame:         around,
		Name:          cmp.Or(strings.TrimSpace(profile.FirstName+" "+profile.LastName), profile.Username),
		Username:      profile.Username,
		Email:         profile.Email,
		Record:        who.RecordName,
		Level:         levelWords(who.Level),
		Why:           who.Why,
		CanElevate:    who.CanElevate,
		Elevated:      who.Level > session.Level,
		ElevatedUntil: moment{At: session.ElevatedUntil, Now: now},
		Ends:          moment{At: session.Expires, Now: now},
		Role:          string(who.Role),
		Local:         who.Local,
		Groups:        who.Groups[:min(firstGroups, len(who.Groups))],
		GroupCount:    len(who.Groups),
		Password:      linkTo(who.ChangePasswordURL),
	}
}

// groupsPage lists all groups of a person, or those whose name or key contains
// what they look for.
func (s *Site) groupsPage(c echo.Context) error {
	who, known, err := s.visitor(c)
	if err != nil {
		return err
	}
	if !known {
		return toLogin(c)
	}
	return s.render(c, http.StatusOK, groupsPageOf(s.frame("Your groups"), who.Groups, c.QueryParam("q")))
}

func groupsPageOf(around frame, all []login.Group, query string) groupsPage {
	query = strings.TrimSpace(query[:min(maxQuery, len(query))])
	page := groupsPage{frame: around, Query: strings.ToValidUTF8(query, ""), Total: len(all)}
	wanted := strings.ToLower(page.Query)
	for _, group := range all {
		if strings.Contains(strings.ToLower(group.Name), wanted) || strings.Contains(strings.ToLower(group.Key), wanted) {
			page.Groups = append(page.Groups, group)
		}
	}
	return page
}

// elevatePage is where a portal sends a person to elevate: a link cannot do by
// itself what a button of ours does. Who has nothing to elevate goes on at once.
func (s *Site) elevatePage(c echo.Context) error {
	who, known, err := s.visitor(c)
	if err != nil {
		return err
	}
	if !known {
		return toLogin(c)
	}
	returnTo, ok := saml.SafePath(c.QueryParam("return_to"))
	if !ok {
		returnTo = "/"
	}
	if !who.CanElevate {
		return see(c, returnTo)
	}
	return s.render(c, http.StatusOK, elevatePage{frame: s.frame("Elevate your access"), Level: levelWords(who.Level), ReturnTo: returnTo})
}

// elevate asks the identity provider to prove the person more strongly (S26).
func (s *Site) elevate(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, smallPost)
	returnTo := c.Request().PostFormValue("return_to") // a path of ours, or Elevate takes the front page
	begun, err := s.Flow.Elevate(c.Request().Context(), read(c, sessionCookie), here(c).base, returnTo)
	if fault.KindOf(err) == fault.NotFound {
		leave(c)
		return toLogin(c)
	}
	if err != nil {
		return err
	}
	return s.send(c, begun)
}

// endElevation gives the raised level back before its time.
func (s *Site) endElevation(c echo.Context) error {
	err := s.Flow.EndElevation(c.Request().Context(), read(c, sessionCookie))
	if fault.KindOf(err) == fault.NotFound {
		leave(c)
		return toLogin(c)
	}
	if err != nil {
		return err
	}
	return see(c, "/")
}

// linkTo is a web address as a link; of anything else it is none.
func linkTo(address string) link {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return link{}
	}
	return link{URL: u.String(), Host: u.Host}
}
