package web

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/trace"
)

// loginPage offers a button per active record, the one this browser took last
// first. The page that the person wanted rides along.
func (s *Site) loginPage(c echo.Context) error {
	choices, err := s.Flow.Choices(c.Request().Context())
	if err != nil {
		return err
	}
	page := loginPageOf(s.frame("Log in"), choices, read(c, lastCookie), c.QueryParam("return_to"))
	if s.Flow.Store.Current(c.Request().Context()).DoorShut {
		page.Door = ""
	}
	return s.render(c, http.StatusOK, page)
}

func loginPageOf(around frame, choices []login.Choice, last, returnTo string) loginPage {
	// An unsafe path is dropped here as it would be at the begin, so that no link
	// of ours ever carries one (M22).
	returnTo, onward := saml.SafePath(returnTo)
	page := loginPage{frame: around, Onward: onward && returnTo != "/", Door: doorPath}
	if page.Onward {
		page.Door += "?" + url.Values{"return_to": {returnTo}}.Encode()
	}
	for _, one := range choices {
		button := choice{
			Label:   one.Label,
			URL:     signOnURL(one.Key, returnTo),
			Initial: initial(one.Label),
			Last:    one.Key == last,
		}
		if one.HasIcon {
			button.Icon = recordURL(one.Key, "icon")
		}
		if button.Last {
			page.Choices = append([]choice{button}, page.Choices...)
		} else {
			page.Choices = append(page.Choices, button)
		}
	}
	return page
}

func recordURL(record, what string) string { return "/saml/" + url.PathEscape(record) + "/" + what }

// signOnURL begins a login through a record.
func signOnURL(record, returnTo string) string {
	address := recordURL(record, "login")
	if returnTo != "" && returnTo != "/" {
		address += "?" + url.Values{"return_to": {returnTo}}.Encode()
	}
	return address
}

// begin is the sign-on URL of a record, and the only address that begins a
// login.
func (s *Site) begin(c echo.Context) error {
	record := c.Param("record")
	begun, err := s.Flow.Begin(c.Request().Context(), login.Start{
		Record:   record,
		Origin:   here(c).base,
		ReturnTo: c.QueryParam("return_to"),
	})
	if err != nil {
		return err
	}
	keep(c, lastCookie, record, lastFor)
	return s.send(c, begun)
}

// send takes the browser to the identity provider, or to where the login must
// begin instead.
func (s *Site) send(c echo.Context, begun login.Begun) error {
	if begun.Elsewhere != "" {
		return see(c, begun.Elsewhere)
	}
	s.addPending(c, begun.Pending)
	if begun.Outgoing.Binding == saml.POST {
		return s.render(c, http.StatusOK, continuePage{
			frame:  s.frame("Continue"),
			Host:   hostOf(begun.Outgoing.URL),
			Action: begun.Outgoing.URL,
			Fields: begun.Outgoing.Fields,
		})
	}
	return see(c, begun.Outgoing.URL)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// complete takes the response that a browser brings from the identity provider.
func (s *Site) complete(c echo.Context) error {
	post, err := readPost(c, s.MaxPost)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	outcome, err := s.Flow.Complete(ctx, post)
	if err != nil {
		return err
	}
	for _, spent := range outcome.Spent {
		c.SetCookie(forget(here(c).pending(login.Ticket{Name: spent}, s.Clock())))
	}
	c.Set(traceKey, outcome.Reference)
	if outcome.Tested != nil {
		return s.render(c, http.StatusOK, testedPageOf(s.frame("Test login"), outcome))
	}
	if refusal := outcome.Refusal; refusal != nil {
		page := refusedPageOf(s.frame("You could not be logged in"), outcome, read(c, sessionCookie) != "")
		return s.render(c, refusalStatus(c, refusal.Code), page)
	}
	s.endFormer(c, *outcome.Session)
	enter(c, *outcome.Session)
	return see(c, outcome.ReturnTo)
}

// completeInAddress is for a provider that answers by the HTTP-Redirect or the
// HTTP-Artifact binding. Nothing of it is read (M01, M02): there is a refusal with
// a trace, so that somebody can find out. Anything else here is a lost visitor.
func (s *Site) completeInAddress(c echo.Context) error {
	if !c.QueryParams().Has("SAMLResponse") && !c.QueryParams().Has("SAMLart") {
		return echo.ErrMethodNotAllowed
	}
	post := login.Post{Record: c.Param("record"), Origin: here(c).base, Address: c.RealIP(), InAddress: true, Tickets: pendingTickets(c)}
	outcome, err := s.Flow.Complete(c.Request().Context(), post)
	if err != nil {
		return err
	}
	c.Set(traceKey, outcome.Reference)
	if outcome.Tested != nil {
		return s.render(c, http.StatusOK, testedPageOf(s.frame("Test login"), outcome))
	}
	return s.render(c, http.StatusForbidden, refusedPageOf(s.frame("You could not be logged in"), outcome, read(c, sessionCookie) != ""))
}

// endFormer ends the session that this browser leaves behind, so that it does
// not live on unseen until its expiry. The new one stands whether or not that
// works.
func (s *Site) endFormer(c echo.Context, session login.Ticket) {
	former := read(c, sessionCookie)
	if former == "" || former == session.Value {
		return
	}
	ctx := context.WithoutCancel(c.Request().Context())
	if err := s.Flow.End(ctx, former); err != nil {
		s.Log.Warn("the session that a new login replaces could not be ended", "id", requestID(c), "error", err)
	}
}

// refusalStatus is the same for every refusal that a rule or a check gives: the
// status must not tell which one it was (S60). Only "come back in a moment" is
// told apart, for the machines in between.
func refusalStatus(c echo.Context, code trace.Code) int {
	if code == trace.Busy {
		c.Response().Header().Set("Retry-After", "5")
		return http.StatusServiceUnavailable
	}
	return http.StatusForbidden
}

func refusedPageOf(around frame, outcome login.Outcome, inside bool) refusedPage {
	page := refusedPage{
		frame:     around,
		Sentence:  outcome.Refusal.Sentence,
		Reference: outcome.Reference,
		Elevating: outcome.Purpose == "elevate",
		Inside:    inside,
	}
	if page.Elevating {
		page.Title = "Your access could not be elevated"
	}
	if outcome.Refusal.Record != "" {
		page.Again = signOnURL(outcome.Refusal.Record, outcome.ReturnTo)
	}
	return page
}

// readPost takes the form of an ACS apart. A field that is missing or given twice
// is left empty, which the verifier refuses with a trace of its own.
func readPost(c echo.Context, maxPost int) (login.Post, error) {
	form, err := readForm(c, maxPost)
	if err != nil {
		return login.Post{}, err
	}
	post := login.Post{
		Record:     c.Param("record"),
		Origin:     here(c).base,
		Response:   only(form["SAMLResponse"]),
		RelayState: only(form["RelayState"]),
		Address:    c.RealIP(),
		Tickets:    pendingTickets(c),
	}
	return post, nil
}

// pendingTickets are the pending cookies of this browser, by name.
func pendingTickets(c echo.Context) map[string]string {
	all := map[string]string{}
	for _, ticket := range tickets(c) {
		all[ticket.Name] = ticket.Value
	}
	return all
}

// readForm reads what another site posts: urlencoded, of bounded size, from the
// body alone (M01).
func readForm(c echo.Context, maxPost int) (url.Values, error) {
	request := c.Request()
	kind, _, err := mime.ParseMediaType(request.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationForm {
		return nil, echo.NewHTTPError(http.StatusUnsupportedMediaType)
	}
	// Room for what the header promises, which is believed of small posts alone:
	// growing step by step would allocate three times as much.
	var body bytes.Buffer
	body.Grow(int(min(max(request.ContentLength, 0), smallPost)) + bytes.MinRead)
	if _, err := body.ReadFrom(http.MaxBytesReader(c.Response(), request.Body, int64(maxPost))); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
		}
		if full, ok := errors.AsType[*echo.HTTPError](err); ok { // no place for a body as large as this
			return nil, full
		}
		return nil, echo.NewHTTPError(http.StatusBadRequest).WithInternal(err)
	}
	form, err := url.ParseQuery(body.String())
	if err != nil {
		return nil, echo.NewHTTPError(http.StatusBadRequest).WithInternal(err)
	}
	return form, nil
}

// only is the value of a field that was given exactly once.
func only(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// metadata is this service towards one identity provider.
func (s *Site) metadata(c echo.Context) error {
	document, err := s.Flow.Metadata(c.Request().Context(), c.Param("record"))
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/samlmetadata+xml", document)
}

// icon is the picture on a record's button.
func (s *Site) icon(c echo.Context) error {
	picture, err := s.Flow.Icon(c.Request().Context(), c.Param("record"))
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "image/png", picture)
}
