package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
	"idms/internal/trace"
)

// adminVersionsPage lists the versions of a record.
type adminVersionsPage struct {
	recordFrame
	paging
	compared
	Versions []versionLine
}

type versionRow struct {
	Number      int
	Author, Why string
	At          exact
}

// versionLine is a version that can be looked at.
type versionLine struct {
	versionRow
	URL     string
	Before  string // address of what it changed; "" for the first
	InForce bool
}

// versionsShown is how many versions a page shows that is about something else.
const versionsShown = 20

// compared is the form that chooses two versions.
type compared struct {
	From, To int
	Compare  string // address
}

func (adminVersionsPage) file() string { return "admin_versions.html" }

func (s *Site) adminVersions(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	cursor := c.QueryParam("cursor")
	list, next, err := s.Flow.Store.VersionsPage(c.Request().Context(), record.Key, cursor, perPage)
	if err != nil {
		return err
	}
	page := versionsPageOf(s.recordFrame(c, record, "versions", who), list)
	page.paging = pagingOf(page.URL+"/versions", nil, cursor, next)
	return s.render(c, http.StatusOK, page)
}

func versionsPageOf(around recordFrame, list []store.Version) adminVersionsPage {
	page := adminVersionsPage{recordFrame: around, compared: compared{max(around.Version-1, 1), around.Version, around.URL + "/versions/compare"}}
	for _, one := range list {
		row := versionLine{versionRow: versionRow{one.Number, one.Author, one.Reason, exact(one.At)},
			URL: versionURL(around.URL, one.Number), InForce: one.Number == around.Version}
		if one.Number > 1 {
			row.Before = compareURL(around.URL, one.Number-1, one.Number)
		}
		page.Versions = append(page.Versions, row)
	}
	return page
}

func versionURL(record string, number int) string {
	return record + "/versions/" + strconv.Itoa(number)
}

func compareURL(record string, from, to int) string {
	return fmt.Sprintf("%s/versions/compare?from=%d&to=%d", record, from, to)
}

// adminVersionsComparedPage tells two versions apart.
type adminVersionsComparedPage struct {
	recordFrame
	compared
	Problem string // with what was asked for
	Changes []difference
	Swapped string // address of the same, the other way round
}

// difference is one difference of two versions.
type difference struct {
	What  string // the kind of rule, in words; "" of everything else
	Rule  string // its key
	Field string
	From  string
	To    string
}

// changesTable is differences, and what each side is called.
type changesTable struct {
	From, To string
	Rows     []difference
}

// Table has the differences as its template wants them.
func (p adminVersionsComparedPage) Table() changesTable {
	return changesTable{fmt.Sprintf("Version %d", p.From), fmt.Sprintf("Version %d", p.To), p.Changes}
}

func (adminVersionsComparedPage) file() string { return "admin_versions_compared.html" }

func (s *Site) adminCompareVersions(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	around := s.recordFrame(c, record, "versions", who)
	sides := [2]int{max(record.Version-1, 1), record.Version}
	for i, name := range []string{"from", "to"} {
		if asked := queried(c, name); asked != "" {
			if sides[i], err = strconv.Atoi(asked); err != nil || sides[i] < 1 {
				page := versionsComparedOf(around, sides[0], sides[1], nil)
				page.Problem = fmt.Sprintf("“%s” is no number of a version. They count from 1 to %d.", clip(40, asked), record.Version)
				page.compared = compared{max(record.Version-1, 1), record.Version, page.Compare}
				return s.render(c, http.StatusUnprocessableEntity, page)
			}
		}
	}
	changes, err := s.differences(c.Request().Context(), record.Key, sides[0], sides[1])
	if fault.KindOf(err) == fault.NotFound {
		page := versionsComparedOf(around, sides[0], sides[1], nil)
		page.Problem = fmt.Sprintf("One of these versions is not there. They count from 1 to %d.", record.Version)
		return s.render(c, http.StatusNotFound, page)
	}
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, versionsComparedOf(around, sides[0], sides[1], changes))
}

func versionsComparedOf(around recordFrame, from, to int, changes []audit.Change) adminVersionsComparedPage {
	return adminVersionsComparedPage{recordFrame: around, compared: compared{from, to, around.URL + "/versions/compare"},
		Changes: differencesOf(changes), Swapped: compareURL(around.URL, to, from)}
}

// differences are those of two versions of a record.
func (s *Site) differences(ctx context.Context, key string, from, to int) ([]audit.Change, error) {
	var sides [2]idms.Record
	for i, number := range []int{from, to} {
		var err error
		if sides[i], err = s.Flow.Store.RecordAt(ctx, key, number); err != nil {
			return nil, err
		}
	}
	return idms.Changes(sides[0], sides[1])
}

// ruleChange is the path of a difference within a rule.
var ruleChange = regexp.MustCompile(`^(validation_rules|access_rules|associations)\[([^\]]+)\]\.?(.*)$`)

// ruleKinds are the lists of rules, as people call one of each.
var ruleKinds = map[string]string{"validation_rules": "Validation rule", "access_rules": "Access rule", "associations": "Association"}

func differencesOf(list []audit.Change) []difference {
	var rows []difference
	for _, one := range list {
		row := difference{Field: one.Field, From: one.From, To: one.To}
		if parts := ruleChange.FindStringSubmatch(one.Field); parts != nil {
			row.What, row.Rule, row.Field = ruleKinds[parts[1]], parts[2], parts[3]
		}
		rows = append(rows, row)
	}
	return rows
}

// adminVersionPage is one version of a record, and what restoring it would do.
type adminVersionPage struct {
	recordFrame
	form
	Shown   versionLine
	Changes []difference // from the version in force to this one
	Hinders []recordWarning
	Reason  string // as typed
	Text    string
	Cut     bool
}

// Table has the differences as its template wants them.
func (p adminVersionPage) Table() changesTable {
	return changesTable{"In force now", fmt.Sprintf("Version %d", p.Shown.Number), p.Changes}
}

// Next is the number that it gets when it is restored.
func (p adminVersionPage) Next() int { return p.Version + 1 }

func (adminVersionPage) file() string { return "admin_version.html" }

func (s *Site) adminVersion(c echo.Context, who login.Visitor) error {
	return s.showVersion(c, who, http.StatusOK, "", nil)
}

func (s *Site) showVersion(c echo.Context, who login.Visitor, status int, reason string, problems fault.Problems) error {
	ctx := c.Request().Context()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	number, err := versionNumber(c)
	if err != nil {
		return err
	}
	former, err := s.Flow.Store.RecordAt(ctx, record.Key, number)
	if err != nil {
		return err
	}
	list, _, err := s.Flow.Store.VersionsPage(ctx, record.Key, store.BeforeVersion(number+1), 1)
	if err != nil {
		return err
	}
	changes, err := idms.Changes(record, former)
	if err != nil {
		return err
	}
	page, err := versionPageOf(s.recordFrame(c, record, "versions", who), list, former, changes)
	if err != nil {
		return err
	}
	page.Reason, page.Problems = reason, problems
	if page.Edits() && !page.Shown.InForce {
		_, err := s.Flow.Store.Restore(ctx, record.Key, number, s.author(who), store.How{DryRun: true, Seen: map[string]int{record.Key: record.Version}})
		if err != nil {
			_, hinders, rest := mendable(err)
			if rest != nil && fault.KindOf(rest) != fault.Denied {
				return rest
			}
			if rest != nil {
				hinders.Add("", "%s", fault.Sentence(rest))
			}
			for _, one := range hinders {
				page.Hinders = append(page.Hinders, recordWarning{Field: one.Field, Message: one.Message})
			}
		}
	}
	return s.render(c, status, page)
}

func versionNumber(c echo.Context) (int, error) {
	number, err := strconv.ParseInt(c.Param("version"), 10, 32)
	if err != nil || number < 1 {
		return 0, fault.New(fault.NotFound, "There is no such version of this record.")
	}
	return int(number), nil
}

func versionPageOf(around recordFrame, list []store.Version, former idms.Record, changes []audit.Change) (adminVersionPage, error) {
	page := adminVersionPage{recordFrame: around, Changes: differencesOf(changes)}
	for _, one := range versionsPageOf(around, list).Versions {
		page.Shown = one
	}
	text, err := recordText(former)
	page.Text, page.Cut = trace.Beginning(text, maxRecordShown), len(text) > maxRecordShown
	return page, err
}

// adminRestore proposes a former version of a record as the next one.
func (s *Site) adminRestore(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	number, err := versionNumber(c)
	if err != nil {
		return err
	}
	values, err := posted(c, maxNote)
	if err != nil {
		return err
	}
	seen := seenIn(values)
	if seen == 0 {
		return s.showVersion(c, who, http.StatusUnprocessableEntity, values.Get("reason"), fault.Problems{{Message: "Look at what this version changes first, and restore it from here."}})
	}
	former, err := s.Flow.Store.RecordAt(c.Request().Context(), record.Key, number)
	if err != nil {
		return err
	}
	if former.Check().Any() { // it would not be accepted today
		return s.showVersion(c, who, http.StatusUnprocessableEntity, values.Get("reason"), nil)
	}
	reason := cmp.Or(reasonIn(values), fmt.Sprintf("version %d again", number))
	err = s.propose(c, who, proposal{Record: former, Seen: seen, Reason: reason, Then: recordPage(record.Key), Back: versionURL(recordPage(record.Key), number), Restoring: number})
	if list := problemsOf(err); list.Any() {
		return s.showVersion(c, who, http.StatusUnprocessableEntity, values.Get("reason"), unlinked(list))
	}
	return err
}
