package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/store"
)

// Problem is an error as machines read it (RFC 9457). It has the members that the
// portal's addresses use, and one more.
type Problem struct {
	Type      string `json:"type" doc:"always about:blank: the status says it all" example:"about:blank"`
	Title     string `json:"title" doc:"the status in words"`
	Status    int    `json:"status"`
	Detail    string `json:"detail" doc:"one sentence that says what to do"`
	Reference string `json:"reference" doc:"of the request, in the log of idms"`
	// Problems are what is wrong, each at its field; absent when it is not about
	// fields.
	Problems []FieldProblem `json:"problems,omitempty" doc:"everything that is wrong, each at its field"`

	headers http.Header
}

// FieldProblem is one thing that is wrong with one field.
type FieldProblem struct {
	Field   string `json:"field" doc:"path as in the record file, access_rules[2].pattern; of a parameter its name"`
	Message string `json:"message" doc:"one sentence that says what to do"`
}

// Error, GetStatus, GetHeaders and ContentType make it an error of huma's.
func (p *Problem) Error() string             { return p.Detail }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) GetHeaders() http.Header   { return p.headers }
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statuses are what each kind of fault is here. The portal's pages have a table of
// their own, since a form that cannot be used is another thing to a browser.
var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError,
	fault.Invalid:  http.StatusUnprocessableEntity,
	fault.Denied:   http.StatusForbidden,
	fault.NotFound: http.StatusNotFound,
	fault.Conflict: http.StatusConflict,
	fault.Upstream: http.StatusBadGateway,
}

// sentences stand where an error has none of its own.
var sentences = map[int]string{
	http.StatusBadRequest:            "The request could not be read.",
	http.StatusUnauthorized:          "Show a token: Authorization: Bearer idms_…. It may have ended, or been revoked.",
	http.StatusForbidden:             "This token may not do that.",
	http.StatusNotFound:              "There is no such address.",
	http.StatusMethodNotAllowed:      "This address is not used with that method.",
	http.StatusRequestTimeout:        "The request came too slowly.",
	http.StatusRequestEntityTooLarge: "The document is too large.",
	http.StatusUnsupportedMediaType:  "Send application/json.",
	http.StatusUnprocessableEntity:   "Something is wrong with what was sent; the problems name each field.",
	http.StatusTooManyRequests:       "Too many tokens from this address were not right. Wait a minute.",
	http.StatusInternalServerError:   "Something went wrong on our side. The reference finds it in the log.",
	http.StatusServiceUnavailable:    "That took too long. Try again in a moment.",
}

func newProblem(status int, detail string) *Problem {
	if detail == "" {
		detail = sentences[status]
	}
	if detail == "" {
		detail = http.StatusText(status) + "."
	}
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// invalid is all that is wrong with a document; nil when nothing is.
func invalid(problems fault.Problems) error {
	if !problems.Any() {
		return nil
	}
	p := newProblem(http.StatusUnprocessableEntity, "")
	for _, one := range problems {
		p.Problems = append(p.Problems, FieldProblem(one))
	}
	return p
}

// problemOf is the one place where an error becomes a status. What is ours to mend
// goes to the log, and says nothing of its cause to the client.
func (a *API) problemOf(ctx context.Context, err error) *Problem {
	var p *Problem
	switch kind := fault.KindOf(err); {
	case errors.As(err, &p):
	case errors.Is(err, context.DeadlineExceeded):
		p = newProblem(http.StatusServiceUnavailable, "")
	case errors.Is(err, store.ErrChanged):
		p = newProblem(http.StatusPreconditionFailed, fault.Sentence(err))
	case kind == fault.Internal:
		p = newProblem(http.StatusInternalServerError, "")
	default:
		p = newProblem(statuses[kind], fault.Sentence(err))
		for _, one := range fault.ProblemsOf(err) {
			p.Problems = append(p.Problems, FieldProblem(one))
		}
	}
	p.Reference = reference(ctx)
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		a.Log.Error("request failed", "id", p.Reference, "status", p.Status, "error", err)
	}
	return p
}

// fail writes what the router and the guards refuse.
func (a *API) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		err = newProblem(he.Code, "")
	}
	p := a.problemOf(c.Request().Context(), err)
	maps.Copy(c.Response().Header(), p.headers)
	if p.Status == http.StatusUnauthorized {
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="idms"`) // RFC 9110 11.6.1
	}
	text, err := json.Marshal(p)
	if err == nil {
		err = c.Blob(p.Status, "application/problem+json", text)
	}
	if err != nil {
		a.Log.Error("the problem could not be told", "id", p.Reference, "error", err)
	}
}

// What huma itself finds wrong, parameters above all, is told in our form.
func init() {
	huma.DefaultArrayNullable = false // empty lists are []
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		return problemOfParameters(status, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, detail string, errs ...error) huma.StatusError {
		p := problemOfParameters(status, errs)
		p.Reference = reference(ctx.Context())
		return p
	}
}

func problemOfParameters(status int, errs []error) *Problem {
	p := newProblem(status, "")
	for _, err := range errs {
		detailer, ok := err.(huma.ErrorDetailer)
		if !ok {
			continue
		}
		detail := detailer.ErrorDetail()
		_, field, _ := strings.Cut(detail.Location, ".") // query.limit
		message := detail.Message
		if message != "" {
			message = strings.ToUpper(message[:1]) + message[1:] + "."
		}
		p.Problems = append(p.Problems, FieldProblem{field, message})
	}
	slices.SortFunc(p.Problems, func(a, b FieldProblem) int { return strings.Compare(a.Field, b.Field) })
	return p
}
