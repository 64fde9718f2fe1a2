package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/upkeep"
)

// adminRecordsPage lists the records.
type adminRecordsPage struct {
	adminFrame
	paging
	Query, State, Order string // as typed
	States, Orders      []option
	Records             []recordRow
	SetUp               string // address; "" for who may not
}

// Any is true when some records are looked for.
func (p adminRecordsPage) Any() bool { return p.Query+p.State != "" }

// recordRow is one record of a list.
type recordRow struct {
	Name, Key, URL string // URL is "" for the built-in record
	Icon           string // address; "" shows the initial
	Initial        string
	State          badge
	Version        int
	People         int
	PeopleURL      string
	LastLogin      exact
	LastLoginAgo   string
	Certificate    badge // without a word when none ends soon
	Sync           badge // without a word when there is no directory
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

// partOf is the address of a part of a record's pages, as recordParts names it; ""
// when there is no such part.
func partOf(key, path string) string {
	for _, one := range recordParts {
		if one.path == path {
			return recordPage(key) + "/" + path
		}
	}
	return ""
}

func (s *Site) adminRecords(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	page := adminRecordsPage{adminFrame: s.adminFrame(c, "Identity management systems", "records", who),
		Query: queried(c, "q"), State: queried(c, "state"), Order: queried(c, "order")}
	filter := store.RecordFilter{Search: page.Query, State: idms.State(page.State), Order: store.RecordOrder(page.Order)}
	list, next, err := s.Flow.Store.Summaries(ctx, filter, c.QueryParam("cursor"), perPage)
	if err != nil {
		return err
	}
	if page.Records, err = s.recordRows(ctx, list); err != nil {
		return err
	}
	typed := url.Values{"q": {page.Query}, "state": {page.State}, "order": {page.Order}}
	page.paging = pagingOf(adminPath+"/records", typed, c.QueryParam("cursor"), next)
	return s.render(c, http.StatusOK, page.withOptions())
}

func (p adminRecordsPage) withOptions() adminRecordsPage {
	p.States = optionsOf(p.State, option{Label: "All"}, option{Value: string(idms.Active), Label: "Active"},
		option{Value: string(idms.Draft), Label: "Draft"}, option{Value: string(idms.Disabled), Label: "Disabled"})
	p.Orders = optionsOf(p.Order, option{Label: "Name"}, option{Value: string(store.ByPeople), Label: "Most people"},
		option{Value: string(store.ByLastLogin), Label: "Last login"})
	if p.Edits() {
		p.SetUp = setUpRoot
	}
	return p
}

// recordRows look certificates and directories up, a page at once.
func (s *Site) recordRows(ctx context.Context, list []store.Summary) ([]recordRow, error) {
	var editions []store.Edition
	var keys []string
	for _, one := range list {
		editions, keys = append(editions, one.Edition), append(keys, one.Key)
	}
	standings, err := s.Upkeep.Standings(ctx, editions)
	if err != nil {
		return nil, err
	}
	runs, err := s.Flow.Store.LastRuns(ctx, keys)
	if err != nil {
		return nil, err
	}
	jobs, err := s.Flow.Store.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	now := s.Clock()
	var rows []recordRow
	for _, one := range list {
		row := summaryRowOf(one, now)
		standing := standings[one.Key]
		row.Certificate = certificateBadge(standing.Certificates)
		if standing.FromDirectory {
			row.Sync = syncBadge(runs[one.Key], jobs[directory.JobName(one.Key)].Paused, now)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func summaryRowOf(one store.Summary, now time.Time) recordRow {
	row := recordRowOf(one.Edition, one.HasIcon)
	row.People, row.LastLogin, row.LastLoginAgo = one.People, exact(one.LastLogin), ago(one.LastLogin, now)
	return row
}

func recordRowOf(one store.Edition, hasIcon bool) recordRow {
	row := recordRow{
		Name: one.Name, Key: one.Key, URL: recordPage(one.Key), Initial: initial(one.Name), State: recordState(one.State), Version: one.Version,
		PeopleURL: addressOf(adminPath+"/people", url.Values{"record": {one.Key}}),
	}
	if hasIcon {
		row.Icon = recordURL(one.Key, "icon")
	}
	return row
}

// recordNav are the links between those pages of one record that a role may open;
// here is the path of the one that is shown.
func recordNav(role roles.Role, key, here string) []section {
	var list []section
	for _, one := range recordParts {
		if !role.May(one.need) {
			continue
		}
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

// certificateBadge says which certificate of a record somebody must do something
// about; it has no word when there is none.
func certificateBadge(list []upkeep.Certificate) badge {
	one, ends := upkeep.Pressing(list)
	if !ends {
		return badge{}
	}
	name := "Certificate"
	if one.Ours {
		name = "Our certificate"
	}
	if one.DaysLeft < 0 {
		return badge{name + " ended", bad}
	}
	return badge{name + " " + endsIn(one.DaysLeft), endClass(one)}
}

// endsIn is when something ends, in whole days from now.
func endsIn(days int) string {
	if days == 0 {
		return "ends today"
	}
	return plural("ends in %d day", days)
}

// endClass is how much the end of a certificate presses.
func endClass(one upkeep.Certificate) string {
	switch {
	case one.DaysLeft < 7:
		return bad
	case one.Warn > 0:
		return mixed
	}
	return good
}

// syncBadge says how the sync of a record's directory went last; the zero run is
// none.
func syncBadge(run store.Run, paused bool, now time.Time) badge {
	since := ago(run.Ended, now)
	switch {
	case paused:
		return badge{"Sync paused", mixed}
	case run.ID == "":
		return badge{"Not synced yet", neutral}
	case run.Outcome == store.RunFailed:
		return badge{"Sync failed " + since, bad}
	case run.Outcome == store.RunHeld || run.Outcome == store.RunPartly:
		return badge{"Sync held " + since, mixed}
	}
	return badge{"Synced " + since, good}
}

// ago is how long before now something was, as a badge has room for.
func ago(at, now time.Time) string {
	passed := now.Sub(at)
	switch {
	case passed < time.Minute:
		return "just now"
	case passed < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(passed.Minutes()))
	case passed < 48*time.Hour:
		return plural("%d hour", int(passed.Hours())) + " ago"
	}
	return plural("%d day", int(passed.Hours()/24)) + " ago"
}

// recordFrame is what the pages of one record have in common.
type recordFrame struct {
	adminFrame
	Name, Key, URL string
	State          badge
	Version        int
	Nav            []section
}

// recordFrame is the frame of a page of one record; here is its path below the
// record's.
func (s *Site) recordFrame(c echo.Context, record idms.Record, here string, who login.Visitor) recordFrame {
	return recordFrameOf(s.adminFrame(c, record.Name, "records", who), record, here)
}

func recordFrameOf(around adminFrame, record idms.Record, here string) recordFrame {
	around.Title = record.Name
	return recordFrame{adminFrame: around, Name: record.Name, Key: record.Key, URL: recordPage(record.Key),
		State: recordState(record.State), Version: record.Version, Nav: recordNav(around.Role, record.Key, here)}
}

// shownRecord is the record that a page is about, as it is in force.
func (s *Site) shownRecord(c echo.Context) (idms.Record, error) {
	return ofRecord(c, s.Flow.Store.Record)
}

// ofRecord reads something of the record that an address names. The built-in one has
// no pages: there is nothing in it to change.
func ofRecord[T any](c echo.Context, read func(context.Context, string) (T, error)) (T, error) {
	key := c.Param("record")
	var none T
	if key == idms.LocalKey {
		return none, fault.New(fault.NotFound, "The built-in record has nothing to show: local people belong to it, and nobody changes it.")
	}
	of, err := read(c.Request().Context(), key)
	if fault.KindOf(err) == fault.NotFound {
		return none, fault.New(fault.NotFound, "There is no such record any more.")
	}
	return of, err
}
