package web

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
)

// adminEditPage is a record on one long page, to change.
type adminEditPage struct {
	adminFrame
	form
	Nav      []section
	Key      string
	Name     string // in force
	Seen     int
	Unsaved  bool // something that was typed is in the form, and nowhere else
	Reason   string
	Words    []option
	Chapters []typedSection
	Icon     iconField
	Reset    acsReset
}

// typedSection is a chapter with what stands in its fields.
type typedSection struct {
	formSection
	Typed []typedField
}

// iconField is the picture of the button: there is nothing to type.
type iconField struct {
	typedField
	Address string // of the one in force; "" for none
	Kept    string // of a refused form, as base64: nobody need choose it again
	Remove  bool
}

// acsReset offers to move a record's addresses to where the page was opened.
type acsReset struct {
	To      string // origin; "" when they are there already
	Changes []addressChange
	Issuer  string // stays as it is
}

type addressChange struct{ Word, Now, Then string }

func (adminEditPage) file() string { return "admin_edit.html" }

// iconPath is of the picture, and iconKept of one that a form has carried.
const (
	iconPath = "button.icon"
	iconKept = iconPath + ".kept"
)

func (s *Site) adminEdit(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, s.editPage(c, who, record, idms.DocumentOf(record), nil))
}

func (s *Site) editPage(c echo.Context, who login.Visitor, record idms.Record, d document, problems fault.Problems) adminEditPage {
	at := vendorOf(record.SAML.Issuer)
	if idp, err := record.SAML.IdP(); err == nil {
		at = vendorOf(idp.EntityID)
	}
	if asked := c.FormValue("provider"); asked != "" {
		at = vendorAt(asked)
	}
	page := editPageOf(s.adminFrame(c, "Edit "+record.Name, "records", who), record, d, problems, at)
	page.Reset = resetOf(record, s.Flow.Base, here(c).base)
	return page
}

func editPageOf(around adminFrame, record idms.Record, d document, problems fault.Problems, at vendor) adminEditPage {
	icon := oneLine(iconPath, "", func(d *document) *string { return &d.Button.Icon })
	page := adminEditPage{
		adminFrame: around, form: form{atFields(problems, append(allFields(), icon)...)},
		Nav: recordNav(around.Role, record.Key, "edit"), Key: record.Key, Name: record.Name, Seen: record.Version,
		Words: vendorOptions(at),
	}
	for _, section := range recordForm {
		one := typedSection{section, typedFields(section.Fields, d, page.Problems, at)}
		for i := range one.Typed {
			// What was read from an address is nobody's to edit.
			one.Typed[i].Locked = one.Typed[i].Path == "saml.metadata" && d.SAML.MetadataURL != "" && d.SAML.Metadata != ""
		}
		page.Chapters = append(page.Chapters, one)
	}
	page.Icon = iconField{typedField: typedFields([]recordField{icon}, d, page.Problems, at)[0]}
	page.Icon.Value = ""
	if len(record.Button.Icon) > 0 {
		page.Icon.Address = recordURL(record.Key, "icon")
	}
	return page
}

func (s *Site) adminSaveEdit(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	typed, seen, err := changeForm(c)
	if err != nil {
		return err
	}
	base, err := s.recordSeen(c.Request().Context(), record, seen)
	if err != nil {
		return err
	}
	picture, unread := uploaded(c, iconPath, idms.MaxIconUpload)
	d, problems := edited(base, typed, picture)
	problems.AddError(iconPath, unread)
	show := func(status int, problems fault.Problems) error {
		page := s.editPage(c, who, record, d, problems)
		page.Seen, page.Unsaved, page.Reason, page.Icon.Remove = seen, true, typed.Get("reason"), typed.Get(iconPath+".remove") == ticked
		if d.Button.Icon != idms.DocumentOf(base).Button.Icon {
			page.Icon.Kept = d.Button.Icon
		}
		return s.render(c, status, page)
	}
	again := func(problems fault.Problems) error { return show(backStatus(problems), problems) }
	changed, found := d.Checked()
	if typed.Get("do") == "words" && !problems.Any() { // the same form in other words, with all that was typed
		if !found.Any() && sameRecord(changed, record) && reasonIn(typed) == "" {
			return see(c, editPath(record.Key)+"?"+url.Values{"provider": {typed.Get("provider")}}.Encode())
		}
		return show(http.StatusOK, nil)
	}
	if problems = append(problems, found...); problems.Any() {
		return again(problems)
	}
	changed.ID = record.ID
	if picture != nil { // a file does not come back by itself from a page in between
		typed.Set(iconKept, d.Button.Icon)
	}
	err = s.propose(c, who, proposal{Record: changed, Seen: seen, Reason: reasonIn(typed), Then: editPath(record.Key)})
	if back, ok := newerBack(err); ok {
		base, d, seen = back.Base, back.Document, back.Base.Version
	}
	return refusedAt(err, again)
}

// sameRecord is true of two records that would be saved alike.
func sameRecord(a, b idms.Record) bool {
	one, err := candidateOf(a)
	other, otherErr := candidateOf(b)
	return err == nil && otherErr == nil && bytes.Equal(one, other)
}

// edited is a record with what was typed into the long form, and the picture that
// was chosen for its button.
func edited(record idms.Record, typed url.Values, picture []byte) (document, fault.Problems) {
	var problems fault.Problems
	before := idms.DocumentOf(record)
	d := idms.DocumentOf(record)
	readFields(allFields(), typed, &d)
	d.SAML.Metadata = metadataBeside(d.SAML.MetadataURL, d.SAML.Metadata, before)
	switch {
	case picture != nil:
	case typed.Get(iconPath+".remove") == ticked:
		d.Button.Icon = ""
	case typed.Get(iconKept) != "":
		// It went through a browser, so it is as suspect as any upload.
		var err error
		if picture, err = base64.StdEncoding.DecodeString(typed.Get(iconKept)); err != nil {
			problems.Add(iconPath, "The icon could not be read again. Choose it anew.")
		}
	}
	if picture != nil && !problems.Any() {
		drawn, err := idms.ParseIcon(picture)
		if problems.AddError(iconPath, err); err == nil {
			d.Button.Icon = base64.StdEncoding.EncodeToString(drawn)
		}
	}
	return d, problems
}

// metadataBeside is the metadata that a record has beside an address: with the same
// address what was read there last, and with another one nothing, so that it is read
// there, unless new text came along.
func metadataBeside(address, text string, before document) string {
	switch {
	case address == "":
		return text
	case address == before.SAML.MetadataURL:
		return before.SAML.Metadata
	case text == before.SAML.Metadata:
		return ""
	}
	return text
}

// editPath is the address of a record's long form.
func editPath(key string) string { return below("records", key) + "/edit" }

// changeForm reads a form that changes a record, and the version that its author
// has seen.
func changeForm(c echo.Context) (url.Values, int, error) {
	typed, err := posted(c, maxForm)
	if large, ok := errors.AsType[*echo.HTTPError](err); ok && large.Code == http.StatusRequestEntityTooLarge {
		return nil, 0, fault.New(fault.Invalid, "The form has more than %d MiB, and nothing of it was kept. Go back, and choose a smaller file.", maxForm>>20)
	}
	if err != nil {
		return nil, 0, err
	}
	seen := seenIn(typed)
	if seen == 0 {
		return nil, 0, fault.New(fault.Invalid, "The form came back incomplete, and nothing was saved. Open the page again.")
	}
	return typed, seen, nil
}

// uploaded is a file of a form that has been read, of at most max bytes; nil when
// none was chosen.
func uploaded(c echo.Context, field string, max int64) ([]byte, error) {
	if c.Request().MultipartForm == nil {
		return nil, nil
	}
	files := c.Request().MultipartForm.File[field]
	if len(files) == 0 || files[0].Filename == "" && files[0].Size == 0 {
		return nil, nil
	}
	if files[0].Size > max {
		return nil, fault.New(fault.Invalid, "The file has %d bytes; at most %d are possible.", files[0].Size, max)
	}
	file, err := files[0].Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	if len(content) == 0 {
		return nil, fault.New(fault.Invalid, "The file is empty. Choose another.")
	}
	return content, nil
}

// refusedAt shows the form again for what is wrong in it; every other error, and
// none, is left to the caller.
func refusedAt(err error, again func(fault.Problems) error) error {
	if problems := problemsOf(err); problems.Any() {
		return again(problems)
	}
	return err
}

// resetOf says what a reset of the ACS to an origin would touch. base is the origin
// of records that name none.
func resetOf(record idms.Record, base, to string) acsReset {
	now, then := record.SAML.SP(record.Key, base, nil), resetRecord(record, base, to).SAML.SP(record.Key, base, nil)
	if now.ACS == then.ACS {
		return acsReset{}
	}
	return acsReset{To: to, Issuer: now.EntityID, Changes: []addressChange{
		{"ACS URL", now.ACS, then.ACS},
		{"Our single logout URL", now.SLO, then.SLO},
		{"Login URL", now.LoginURL, then.LoginURL},
		{"Metadata address", now.MetadataURL, then.MetadataURL},
	}}
}

// resetRecord moves a record to an origin. The former one is still answered, and our
// name stays what the provider knows: both are changed when the provider has heard of it.
func resetRecord(record idms.Record, base, to string) idms.Record {
	sp := record.SAML.SP(record.Key, base, nil)
	from := strings.TrimSuffix(record.SAML.Origin, "/")
	if from == "" {
		from = base
	}
	if from == to {
		return record
	}
	record.SAML.Origin, record.SAML.SPIssuer = to, sp.EntityID
	previous := slices.DeleteFunc(slices.Clone(record.SAML.PreviousOrigins), func(one string) bool {
		return slices.Contains([]string{from, to}, strings.TrimSuffix(one, "/"))
	})
	record.SAML.PreviousOrigins = append([]string{from}, previous...)
	return record
}

// adminResetACS moves a record's addresses to the origin at which the button was
// pressed.
func (s *Site) adminResetACS(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	typed, seen, err := changeForm(c)
	if err != nil {
		return err
	}
	base, err := s.recordSeen(c.Request().Context(), record, seen)
	if err != nil {
		return err
	}
	moved := resetRecord(base, s.Flow.Base, here(c).base)
	again := func(problems fault.Problems) error {
		return s.render(c, http.StatusUnprocessableEntity, s.editPage(c, who, record, idms.DocumentOf(record), problems))
	}
	if problems := moved.Check(); problems.Any() {
		return again(problems)
	}
	return refusedAt(s.propose(c, who, proposal{Record: moved, Seen: seen, Reason: reasonIn(typed), Then: editPath(record.Key), Back: editPath(record.Key)}), again)
}
