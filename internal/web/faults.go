package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
)

// statuses are what each kind of fault is to a browser.
var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError,
	fault.Invalid:  http.StatusBadRequest,
	fault.Denied:   http.StatusForbidden,
	fault.NotFound: http.StatusNotFound,
	fault.Conflict: http.StatusConflict,
	fault.Upstream: http.StatusBadGateway,
}

// words are the heading and the sentence of each status that is ours and not a
// fault's.
var words = map[int]struct{ heading, sentence string }{
	http.StatusBadRequest:            {"That request could not be read", "Please go back and try again."},
	http.StatusUnauthorized:          {"You are not logged in", "Please log in and try again."},
	http.StatusForbidden:             {"That is not allowed", "The request came from another site, so nothing was done. Please go back and try again."},
	http.StatusNotFound:              {"There is no such page", "The address may be misspelt, or the page may have gone."},
	http.StatusMethodNotAllowed:      {"That address is not used this way", "If you came here by a bookmark, begin at the login page instead."},
	http.StatusConflict:              {"Something stands in the way", "Please go back and try again."},
	http.StatusRequestEntityTooLarge: {"The answer was too large", "Your identity provider sent more than we accept. Please tell your administrator the reference below."},
	http.StatusUnsupportedMediaType:  {"That request could not be read", "Your identity provider sent its answer in a form that is not used here. Please tell your administrator the reference below."},
	http.StatusMisdirectedRequest:    {"This service does not answer here", "Please use the address that your administrator gave you."},
	http.StatusTooManyRequests:       {"Too many logins at once", "Please wait half a minute and start again."},
	http.StatusInternalServerError:   {"Something went wrong on our side", "Please try again. If it stays, tell your administrator the reference below."},
	http.StatusBadGateway:            {"Another service did not answer", "Please try again. If it stays, tell your administrator the reference below."},
	http.StatusServiceUnavailable:    {"That took too long", "Please try again in a moment."},
}

// fail turns an error into a page: the status, a sentence for the visitor and
// the request's id. The cause goes to the log, never into the page.
func (s *Site) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return // half a page went out; there is nothing to mend
	}
	// HTTPError first: otherwise an unknown address would be our fault.
	status, sentence := http.StatusInternalServerError, ""
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		status = he.Code
	} else if errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusServiceUnavailable
	} else {
		kind := fault.KindOf(err)
		status = statuses[kind]
		if kind != fault.Internal {
			sentence = fault.Sentence(err)
		}
	}

	switch {
	case errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil:
		// The browser has gone; nobody reads the page, and nothing is broken.
	case status >= http.StatusInternalServerError:
		s.Log.Error("request failed", "id", requestID(c), "route", c.Path(), "status", status, "error", err)
	}

	said, ok := words[status]
	if !ok {
		said = words[http.StatusBadRequest]
	}
	if sentence == "" {
		sentence = said.sentence
	}
	if ofMachine(c.Path()) {
		if err := problem(c, problemAnswer{Title: said.heading, Status: status, Detail: sentence}); err != nil {
			s.Log.Error("the problem could not be told", "id", requestID(c), "error", err)
		}
		return
	}
	around := s.frame(said.heading)
	if ofProxy(c.Path()) {
		around.Assets = strings.TrimSuffix(portalPath, "/")
	}
	page := errorPage{
		frame:     around,
		Status:    status,
		Sentence:  sentence,
		Reference: requestID(c),
		Lost:      status == http.StatusMisdirectedRequest,
	}
	if err := s.render(c, status, page); err != nil {
		s.Log.Error("the error page failed", "id", requestID(c), "error", err)
	}
}
