package web

import (
	"net/http"
	"net/url"
	"regexp"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/saml"
)

// maxLogoutPost bounds the form that a provider's logout message comes in, in
// bytes: base64 and percent-encoding make it longer.
const maxLogoutPost = 2 * saml.MaxLogout

// logout ends the session here. The provider is told from the page that follows,
// which says first that the session has ended (M24): whatever happens on the way,
// the person is logged out and knows it.
func (s *Site) logout(c echo.Context) error { return s.depart(c, false) }

// logoutEverywhere ends all sessions of the person.
func (s *Site) logoutEverywhere(c echo.Context) error { return s.depart(c, true) }

func (s *Site) depart(c echo.Context, everywhere bool) error {
	left, err := s.Flow.Leave(c.Request().Context(), read(c, sessionCookie), login.Departure{Everywhere: everywhere, Address: c.RealIP()})
	if err != nil {
		return err
	}
	leave(c)
	return see(c, signedOutURL(left))
}

// signedOutURL is the page that follows the end of a session.
func signedOutURL(left login.Left) string {
	switch {
	case left.Handle != "":
		return "/signed-out?" + url.Values{"logout": {left.Handle}}.Encode()
	case left.Record != "":
		return "/signed-out?" + url.Values{"record": {left.Record}}.Encode()
	}
	return "/signed-out"
}

// signedOutPage says that the session has ended, and goes on to the provider or
// to the record's logout URL. Somebody who is logged in is not told so.
func (s *Site) signedOutPage(c echo.Context) error {
	// A site without a session cookie needs no look at the database.
	if read(c, sessionCookie) != "" {
		if _, known, err := s.visitor(c); err != nil || known {
			if err != nil {
				s.Log.Warn("whether somebody is still logged in could not be read", "id", requestID(c), "error", err)
			} else {
				return see(c, "/")
			}
		}
	}
	around := s.frame("Logged out")
	ctx := c.Request().Context()
	if handle := c.QueryParam("logout"); handle != "" {
		farewell, err := s.Flow.Farewell(ctx, handle)
		if err == nil {
			return s.sayFarewell(c, farewell)
		}
		if fault.KindOf(err) != fault.NotFound {
			s.Log.Error("a logout could not be read", "id", requestID(c), "error", err)
		}
	}
	page := signedOutPage{frame: around, Reference: referenceOf(c.QueryParam("reference"))}
	if record := c.QueryParam("record"); record != "" {
		onward, err := s.Flow.Onward(ctx, record)
		if err != nil {
			s.Log.Error("where to go on after logging out could not be read", "id", requestID(c), "error", err)
		}
		page.Onward = linkTo(onward)
		goOn(c, page.Onward)
	}
	return s.render(c, http.StatusOK, page)
}

// sayFarewell shows a logout that the provider is told of, or has answered. The
// browser is sent off by itself once: whoever comes back finds the page.
func (s *Site) sayFarewell(c echo.Context, farewell login.Farewell) error {
	page := signedOutPageOf(s.frame("Logged out"), farewell)
	switch {
	case farewell.Request != nil && farewell.First:
		page.Going = true
		if page.Action == "" {
			goOn(c, page.Provider)
		}
	case farewell.Answer == saml.LogoutDone:
		goOn(c, page.Onward)
	}
	return s.render(c, http.StatusOK, page)
}

func signedOutPageOf(around frame, farewell login.Farewell) signedOutPage {
	page := signedOutPage{frame: around, Others: farewell.Others, Answer: string(farewell.Answer), Told: farewell.Told, Onward: linkTo(farewell.Onward)}
	if request := farewell.Request; request != nil {
		page.Provider = linkTo(request.URL)
		if request.Binding == saml.POST {
			page.Action, page.Fields = request.URL, request.Fields
		}
	}
	return page
}

// goOn has the browser go on by itself. Not by a redirect: Chromium holds a
// page's form-action against every redirect that follows its form, and the person
// should find, coming back, what this page says.
func goOn(c echo.Context, to link) {
	if to.URL != "" {
		c.Response().Header().Set("Refresh", "0; url="+to.URL)
	}
}

var references = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{10}$`)

// referenceOf is a trace's reference from an address, or "".
func referenceOf(text string) string {
	if references.MatchString(text) {
		return text
	}
	return ""
}

// singleLogout takes a provider's logout request or its answer to ours, by either
// binding. Whose sessions end is in the message: the browser that carries it may
// bring no cookie.
func (s *Site) singleLogout(c echo.Context) error {
	post := login.LogoutPost{Record: c.Param("record"), Origin: here(c).base, Address: c.RealIP(),
		Arrival: saml.LogoutArrival{Binding: saml.Redirect, Query: c.Request().URL.RawQuery}}
	if c.Request().Method == http.MethodPost {
		form, err := readForm(c, maxLogoutPost)
		if err != nil {
			return err
		}
		post.Arrival = saml.LogoutArrival{Binding: saml.POST, Request: only(form["SAMLRequest"]),
			Response: only(form["SAMLResponse"]), RelayState: only(form["RelayState"])}
	}
	outcome, err := s.Flow.TakeLogout(c.Request().Context(), post)
	if err != nil {
		return err
	}
	c.Set(traceKey, outcome.Reference)
	switch {
	case outcome.Refusal != nil && outcome.Answers:
		// The session that this was about has ended before; the page looks whether
		// there is another, since a Lax cookie did not come with a post.
		return see(c, "/signed-out?"+url.Values{"reference": {outcome.Reference}}.Encode())
	case outcome.Handle != "":
		return see(c, signedOutURL(login.Left{Handle: outcome.Handle}))
	case outcome.Reply != nil:
		return s.sendReply(c, *outcome.Reply)
	case outcome.Refusal != nil:
		page := refusedPage{frame: s.frame("You were not logged out"), Sentence: outcome.Refusal.Sentence, Reference: outcome.Reference,
			LoggingOut: true, Inside: read(c, sessionCookie) != ""}
		return s.render(c, refusalStatus(c, outcome.Refusal.Code), page)
	}
	return s.render(c, http.StatusOK, signedOutPage{frame: s.frame("Logged out")})
}

// sendReply takes our answer back to the provider that asked.
func (s *Site) sendReply(c echo.Context, reply saml.Outgoing) error {
	if reply.Binding != saml.POST {
		return see(c, reply.URL)
	}
	return s.render(c, http.StatusOK, continuePage{
		frame: s.frame("Continue"), Host: hostOf(reply.URL), Action: reply.URL, Fields: reply.Fields, LoggingOut: true,
	})
}
