package web

import (
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
	"idms/internal/trace"
)

// responseKept says on the page of a login what there is of its response.
type responseKept struct {
	Kept     bool
	URL      string // of what was kept
	Possible bool   // the record can keep what comes
	Until    exact  // it does, until then
	Keep     string // address that switches it
}

// adminResponsePage is the response of a login as it arrived.
type adminResponsePage struct {
	adminFrame
	Reference, Login string // and its address
	Kept             bool
	Decoded          bool // it was base64 of text; otherwise Text is what was posted
	Text             string
	Cut              bool // there is more of it
	Size             int  // bytes
	File             string
}

func (adminResponsePage) file() string { return "admin_response.html" }

// maxResponseShown bounds what the page shows, in bytes; the file has all of it.
const maxResponseShown = 256 << 10

// adminResponse shows a kept response, or hands it out as a file. Either is told to
// the audit trail. It is for owners: a response that was not accepted yet, and is in
// time, could log somebody in, and owners alone may do what everybody may.
func (s *Site) adminResponse(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	kept, err := s.Flow.Store.Trace(ctx, c.Param("ref"))
	if err != nil {
		return err
	}
	around := s.adminFrame(c, "Response of "+kept.Ref, "logins", who)
	posted, err := s.Flow.Store.ReadResponse(ctx, kept.Ref, s.author(who))
	if fault.KindOf(err) == fault.NotFound {
		return s.render(c, http.StatusOK, adminResponsePageOf(around, kept.Ref, ""))
	}
	if err != nil {
		return err
	}
	if c.QueryParam("file") == "" {
		return s.render(c, http.StatusOK, adminResponsePageOf(around, kept.Ref, posted))
	}
	name, content := kept.Ref+".txt", []byte(posted)
	if message, ok := posted.Message(); ok {
		name, content = kept.Ref+".xml", message
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return c.Blob(http.StatusOK, echo.MIMEOctetStream, content) // never for a browser to interpret
}

func adminResponsePageOf(around adminFrame, ref string, posted store.Arrived) adminResponsePage {
	page := adminResponsePage{adminFrame: around, Reference: ref, Login: below("logins", ref), Kept: posted != "", Text: string(posted), Size: len(posted)}
	page.File = page.Login + "/response?file=yes"
	if message, ok := posted.Message(); ok && utf8.Valid(message) {
		page.Decoded, page.Text, page.Size = true, string(message), len(message)
	}
	whole := len(page.Text)
	page.Text = trace.Beginning(strings.ToValidUTF8(page.Text, "�"), maxResponseShown)
	page.Cut = whole > maxResponseShown
	return page
}

// keepFor is how long a page lets a record keep responses.
var keepFor = map[string]time.Duration{"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "nothing": 0}

// adminKeepResponses lets a record keep responses for a while, or no longer.
func (s *Site) adminKeepResponses(c echo.Context, who login.Visitor) error {
	typed, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	length, known := keepFor[typed.Get("for")]
	if !known {
		return fault.New(fault.Invalid, "Choose how long responses are kept: a day, a week, or nothing any more.")
	}
	key := c.Param("record")
	if key == idms.LocalKey {
		return fault.New(fault.NotFound, "Local people come with no response.")
	}
	record, err := s.Flow.Store.Record(c.Request().Context(), key)
	if err != nil {
		return err
	}
	then := below("records", key)
	if ref := typed.Get("login"); ref != "" && len(ref) <= maxQuery {
		then = below("logins", ref)
	}
	record.SAML.KeepResponsesUntil = time.Time{}
	if length > 0 {
		record.SAML.KeepResponsesUntil = s.Clock().Add(length).UTC().Truncate(time.Second)
	}
	return s.propose(c, who, proposal{Record: record, Seen: record.Version, Then: then, Back: then})
}
