package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// A form shows what was typed until it is right: every problem at its field, and all
// of them at the top with links. Fields are named by their path in the record file,
// so that a problem finds its field by itself.

// form is what pages with fields to fill have in common. Its templates are
// "problems", for the top, and "problem", below a field:
//
//	<input id="{{fieldID "saml.audience"}}" name="saml.audience" value="{{.Audience}}" {{.Aria "saml.audience"}}>
//	{{template "problem" .At "saml.audience"}}
type form struct {
	Problems fault.Problems
}

// fieldProblem is what is wrong with one field.
type fieldProblem struct {
	ID       string // of the field
	Messages []string
}

// At is what is wrong with a field.
func (f form) At(field string) fieldProblem {
	at := fieldProblem{ID: fieldID(field)}
	for _, one := range f.Problems {
		if one.Field == field && !isBack(f.Problems) { // which are none
			at.Messages = append(at.Messages, one.Message)
		}
	}
	return at
}

// Aria marks a field that has a problem, for those who hear the page.
func (f form) Aria(field string) template.HTMLAttr {
	if at := f.At(field); len(at.Messages) > 0 {
		return template.HTMLAttr(`aria-invalid="true" aria-describedby="` + template.HTMLEscapeString(at.ID) + `-problem"`)
	}
	return ""
}

// fieldID is the id of a field in the page: its path, with nothing in it that
// selectors and fragments read otherwise.
func fieldID(field string) string {
	return "f-" + strings.Trim(strings.NewReplacer(".", "-", "[", "-", "]", "").Replace(field), "-")
}

// maxForm bounds a posted form of administrators, in bytes: a record with everything
// that it may hold, as large as a record file may be.
const maxForm = idms.MaxFile + 1<<20

// posted reads a form, urlencoded or with files, of at most max bytes. A larger one
// is 413, one for which there is no place 503, one that cannot be read is
// fault.Invalid. Files are kept in memory.
func posted(c echo.Context, max int64) (url.Values, error) {
	request := c.Request()
	request.Body = http.MaxBytesReader(c.Response(), request.Body, max)
	err := request.ParseForm() // first: the other one loses what is wrong with a form without files
	if err == nil {
		err = request.ParseMultipartForm(max)
	}
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge).WithInternal(large)
	}
	if busy, ok := errors.AsType[*echo.HTTPError](err); ok { // there was no place for it
		return nil, busy
	}
	if err != nil {
		return nil, fault.Hide(err, fault.Invalid, "The form could not be read.")
	}
	return request.PostForm, nil
}

// doneParam names in an address what was done on the way there.
const doneParam = "done"

// done sends the browser on, and has the page there say what was done: a key of
// notices.
func done(c echo.Context, address, what string) error {
	if notices[what] == "" {
		panic("web: there is no notice " + what) // a slip of ours, which any test of the handler meets
	}
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	query := at.Query()
	query.Set(doneParam, what)
	at.RawQuery = query.Encode()
	return see(c, at.String())
}

// typed is one field of a form: text, trimmed, as far as a database takes it.
func typed(values url.Values, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(values.Get(name), ""), "\x00", ""))
}

// reasoned is the author of a change who says why, or not. The error is
// fault.Invalid.
func (s *Site) reasoned(who login.Visitor, reason string) (store.Author, error) {
	by := s.author(who)
	by.Reason = reason
	if checkReason(reason).Any() {
		return by, fault.New(fault.Invalid, "Give the reason in one line of at most %d characters.", maxReason)
	}
	return by, nil
}

// checkReason finds what is wrong with a reason that somebody gave, or not.
func checkReason(reason string) fault.Problems {
	var problems fault.Problems
	if utf8.RuneCountInString(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl) {
		problems.Add("reason", "Give the reason in one line of at most %d characters, or none.", maxReason)
	}
	return problems
}

// reasonIn is the reason that a form gives for a change of a record, cut to what is
// kept of one.
func reasonIn(values url.Values) string { return clip(maxReason, typed(values, "reason")) }

// numberIn is a number in a form or an address, and 0 where there is none.
func numberIn(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// seenIn is the version that the author of a form has looked at, and 0 where it does
// not say.
func seenIn(values url.Values) int { return max(0, numberIn(values.Get("seen"))) }
