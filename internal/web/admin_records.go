package web

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
)

// adminRecordsPage lists the records.
type adminRecordsPage struct {
	adminFrame
	paging
	Records []recordRow
}

type recordRow struct {
	Name, Key, URL string // URL is "" for the built-in record
	Icon           string // address; "" shows the initial
	Initial        string
	State          badge
	Version        int
	PeopleURL      string
}

func (adminRecordsPage) file() string { return "admin_records.html" }

// recordPage is the address of a record's page: the built-in one has none, since
// there is nothing in it to show.
func recordPage(key string) string {
	if key == idms.LocalKey || key == "" {
		return ""
	}
	return below("records", key)
}

func (s *Site) adminRecords(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	list, next, err := s.Flow.Store.Editions(ctx, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	choices, err := s.Flow.Store.Choices(ctx)
	if err != nil {
		return err
	}
	icons := map[string]bool{}
	for _, one := range choices {
		icons[one.Key] = one.HasIcon
	}
	page := adminRecordsPage{adminFrame: s.adminFrame(c, "Identity management systems", "records", who)}
	for _, one := range list {
		page.Records = append(page.Records, recordRowOf(one, icons[one.Key]))
	}
	page.paging = pagingOf(adminPath+"/records", nil, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page)
}

func recordRowOf(one store.Edition, hasIcon bool) recordRow {
	row := recordRow{
		Name: one.Name, Key: one.Key, URL: recordPage(one.Key), Initial: initial(one.Name), State: recordState(one.State), Version: one.Version,
		PeopleURL: addressOf(adminPath+"/people", url.Values{"record": {one.Key}}),
	}
	if hasIcon {
		row.Icon = recordURL(one.Key, "icon")
	}
	if one.Key == idms.LocalKey {
		row.State = badge{"Built in", neutral}
	}
	return row
}

// recordNav are the links between the pages of one record; here is the path of the
// one that is shown.
func recordNav(key, here string) []section {
	var list []section
	for _, one := range recordParts {
		address := below("records", key)
		if one.path != "" {
			address += "/" + one.path
		}
		list = append(list, section{one.name, address, one.path == here})
	}
	return list
}

func recordState(state idms.State) badge {
	switch state {
	case idms.Active:
		return badge{"Active", good}
	case idms.Disabled:
		return badge{"Disabled", bad}
	}
	return badge{"Draft", neutral}
}

// adminRecordPage is one record, to read.
type adminRecordPage struct {
	adminFrame
	recordRow
	Addresses []address
	Text      string // as in the record file
	Cut       bool   // there is more of it
	Versions  []versionRow
	More      bool // versions
	LoginsURL string
}

// address is what to enter at the identity provider.
type address struct {
	Name, Also string // our word, and those of others
	Value      string
}

type versionRow struct {
	Number      int
	Author, Why string
	At          exact
}

func (adminRecordPage) file() string { return "admin_record.html" }

// Bounds of a record's page.
const (
	maxRecordShown = 256 << 10 // bytes
	versionsShown  = 20
)

func (s *Site) adminRecord(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	key := c.Param("record")
	if key == idms.LocalKey {
		return fault.New(fault.NotFound, "The built-in record has nothing to show: local people belong to it, and nobody changes it.")
	}
	record, err := s.Flow.Store.Record(ctx, key)
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "There is no such record any more.")
	}
	if err != nil {
		return err
	}
	versions, next, err := s.Flow.Store.VersionsPage(ctx, key, "", versionsShown)
	if err != nil {
		return err
	}
	page, err := adminRecordPageOf(s.adminFrame(c, "Record", "records", who), record, record.SAML.SP(record.Key, s.Flow.Base, nil))
	if err != nil {
		return err
	}
	page.More = next != ""
	for _, one := range versions {
		page.Versions = append(page.Versions, versionRow{one.Number, one.Author, one.Reason, exact(one.At)})
	}
	return s.render(c, http.StatusOK, page)
}

func adminRecordPageOf(around adminFrame, record idms.Record, sp saml.SP) (adminRecordPage, error) {
	page := adminRecordPage{
		adminFrame: around,
		recordRow:  recordRowOf(store.Edition{Key: record.Key, Name: record.Name, State: record.State, Version: record.Version}, false),
		Addresses: []address{
			{"ACS URL", "Reply URL · Assertion Consumer Service URL · Single sign-on URL", sp.ACS},
			{"Service Provider Issuer", "Entity ID · Audience URI · Identifier", sp.EntityID},
			{"Metadata", "SP metadata URL", sp.MetadataURL},
			{"Sign-on URL", "where a login begins", sp.LoginURL},
			{"Single logout URL", "Logout URL · SLO URL", sp.SLO},
		},
		LoginsURL: addressOf(adminPath+"/logins", url.Values{"record": {record.Key}}),
	}
	page.Title = record.Name
	// A picture has nothing to read; it would hide what has.
	record.Button.Icon = nil
	text, err := idms.File{Groups: []groups.Group{}, Records: []idms.Record{record}}.Marshal()
	if err != nil {
		return adminRecordPage{}, err
	}
	page.Text = trace.Beginning(string(text), maxRecordShown)
	page.Cut = len(page.Text) < len(text)
	return page, nil
}
