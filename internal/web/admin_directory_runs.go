package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/ldapsync"
	"idms/internal/login"
	"idms/internal/store"
)

// runRow is one run of a record's directory.
type runRow struct {
	ID, URL     string
	Outcome     badge
	By          string
	Began       exact
	Took        string
	Read        string // how many people and groups, from which host
	Did         string // in words
	Error, Fix  string
	Approved    string // by whom
	Skipped     int
	Referrals   int
	Sessions    int
	HasChanges  bool
	IsRehearsal bool
}

// runPath is the address of a run's page.
func runPath(run store.Run) string {
	return directoryPath(run.Record) + "/runs/" + url.PathEscape(run.ID)
}

func runRowOf(run store.Run) runRow {
	row := runRow{
		ID: run.ID, URL: runPath(run), Outcome: runOutcome(run), By: causeWords(run.Cause, run.Who), Began: exact(run.Began), Took: lasted(run.Ended.Sub(run.Began)),
		Did: didWords(run), Error: run.Error, Approved: run.ApprovedBy, Skipped: run.Skipped, Referrals: run.Referrals, Sessions: run.SessionsEnded,
		HasChanges: len(run.Counts) > 0, IsRehearsal: run.Outcome == store.RunRehearsed,
	}
	if run.Code != "" {
		row.Fix = adviceOf(run.Code)
	}
	if run.Host != "" {
		row.Read = fmt.Sprintf("%s and %s from %s", people(run.People), countOf(run.Groups, "group", "groups"), run.Host)
	}
	return row
}

func runOutcome(run store.Run) badge {
	switch run.Outcome {
	case store.RunApplied:
		return badge{"Applied", good}
	case store.RunPartly:
		return badge{"Applied but for what is held", mixed}
	case store.RunUnchanged:
		return badge{"Nothing to change", good}
	case store.RunHeld:
		return badge{"Held", mixed}
	case store.RunRehearsed:
		switch {
		case run.Code != "":
			return badge{"Rehearsal failed", bad}
		case len(run.Stops) > 0:
			return badge{"Rehearsed: would be held", mixed}
		}
		return badge{"Rehearsed", neutral}
	}
	return badge{"Failed", bad}
}

// didWords sums up what a run changed, or would change.
func didWords(run store.Run) string {
	var parts []string
	for _, kind := range ldapsync.Kinds {
		if n := run.Counts[kind]; n > 0 && kind.Applied() {
			parts = append(parts, fmt.Sprintf("%s %s", strings.ToLower(kindWords(kind).Word), number(n)))
		}
	}
	return strings.Join(parts, ", ")
}

// kindWords is what becomes of a person, a group or a membership.
func kindWords(kind ldapsync.Kind) badge {
	switch kind {
	case ldapsync.AddPerson:
		return badge{"New person", good}
	case ldapsync.LinkPerson:
		return badge{"Account linked", mixed}
	case ldapsync.UpdatePerson:
		return badge{"Profile changed", neutral}
	case ldapsync.EnablePerson:
		return badge{"Let in again", good}
	case ldapsync.AddGroup:
		return badge{"New group", good}
	case ldapsync.LinkGroup:
		return badge{"Group linked", mixed}
	case ldapsync.RenameGroup:
		return badge{"Group renamed", neutral}
	case ldapsync.ReturnGroup:
		return badge{"Group is back", good}
	case ldapsync.AddMember:
		return badge{"Joins", good}
	case ldapsync.RemoveMember:
		return badge{"Leaves", bad}
	case ldapsync.GroupGone:
		return badge{"Group gone", bad}
	case ldapsync.DisablePerson:
		return badge{"Shut out: disabled", bad}
	case ldapsync.OutPerson:
		return badge{"Shut out: out of scope", bad}
	case ldapsync.GonePerson:
		return badge{"Shut out: gone", bad}
	case ldapsync.Conflict:
		return badge{"Conflict, left alone", neutral}
	case ldapsync.Protect:
		return badge{"Protected, left alone", neutral}
	case ldapsync.SkipEntry:
		return badge{"Skipped, left alone", neutral}
	case ldapsync.KeepEntry:
		return badge{"Vanished, kept", neutral}
	}
	return badge{string(kind), neutral}
}

// adminRunsPage is the history of a record's directory.
type adminRunsPage struct {
	adminFrame
	paging
	Nav       []section
	Name, URL string
	Runs      []runRow
}

func (adminRunsPage) file() string { return "admin_directory_runs.html" }

func (s *Site) adminRuns(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	cursor := c.QueryParam("cursor")
	runs, next, err := s.Flow.Store.Runs(c.Request().Context(), record.Key, cursor, perPage)
	if err != nil {
		return err
	}
	page := adminRunsPage{adminFrame: s.directoryFrame(c, "History of the directory", record, who), Nav: recordNav(who.Role, record.Key, "directory"),
		Name: record.Name, URL: directoryPath(record.Key)}
	for _, run := range runs {
		page.Runs = append(page.Runs, runRowOf(run))
	}
	page.paging = pagingOf(page.URL+"/runs", nil, cursor, next)
	return s.render(c, http.StatusOK, page)
}

// adminRunPage is one run, with every line of its plan.
type adminRunPage struct {
	adminFrame
	paging
	runRow
	Nav       []section
	Name, Dir string // address of the directory's page
	Waits     bool   // its plan can be approved now
	// ApprovedNow is who has approved it, when the next run applies it.
	ApprovedNow string
	Stops       []ldapsync.Stop
	Hash        string
	Numbers     []runNumber
	Text        string
	Kinds       []option
	Held        []option
	Lines       []lineRow
	Filtered    bool
	CSV, JSON   string
}

// lineRow is one line of a plan.
type lineRow struct {
	Kind      badge
	Held      bool
	Person    string
	PersonURL string
	DN        string
	Group     string
	GroupURL  string
	Name      string
	People    []string
	More      int
	Fields    []audit.Change
	Why       string
}

// shownPeople is how many people of one line a page names.
const shownPeople = 12

func (adminRunPage) file() string { return "admin_directory_run.html" }

func lineRowOf(line store.Line) lineRow {
	row := lineRow{Kind: kindWords(line.Kind), Held: line.Held, Person: line.Person, DN: line.DN, Group: line.Group, Name: line.Name, Fields: line.Fields, Why: line.Why,
		People: line.People[:min(len(line.People), shownPeople)]}
	row.More = len(line.People) - len(row.People)
	if line.User != "" && line.Kind != ldapsync.AddPerson {
		row.PersonURL = below("people", line.User)
	}
	if line.Group != "" && line.Kind != ldapsync.AddGroup {
		row.GroupURL = below("groups", line.Group)
	}
	return row
}

// lineFilter reads the filter of a run's lines from the address.
func lineFilter(c echo.Context) ldapsync.LineFilter {
	return ldapsync.LineFilter{Kind: ldapsync.Kind(queried(c, "kind")), Held: queried(c, "held"), Text: queried(c, "q")}
}

func filterQuery(filter ldapsync.LineFilter) url.Values {
	return url.Values{"kind": {string(filter.Kind)}, "held": {filter.Held}, "q": {filter.Text}}
}

func (s *Site) adminRun(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	run, err := s.Flow.Store.Run(ctx, record.Key, c.Param("run"))
	if err != nil {
		return err
	}
	standing, err := s.Flow.Store.Standing(ctx, record.ID)
	if err != nil {
		return err
	}
	filter, cursor := lineFilter(c), c.QueryParam("cursor")
	lines, next, err := s.Flow.Store.RunLines(ctx, run, filter, cursor, perPage)
	if err != nil {
		return err
	}
	page := adminRunPageOf(s.directoryFrame(c, "Run of the directory", record, who), record.Name, run, standing, filter, lines)
	if record.Directory != nil {
		holds, err := s.Flow.Store.Holds(ctx, store.Edition{ID: record.ID, Key: record.Key})
		if err != nil {
			return err
		}
		page.Numbers = runNumbers(run, record.Directory.Defaults().Limits, holds)
	}
	page.paging = pagingOf(runPath(run), filterQuery(filter), cursor, next)
	return s.render(c, http.StatusOK, page)
}

func adminRunPageOf(around adminFrame, name string, run store.Run, standing store.Standing, filter ldapsync.LineFilter, lines []store.Line) adminRunPage {
	page := adminRunPage{
		adminFrame: around, runRow: runRowOf(run), Nav: recordNav(around.Role, run.Record, "directory"), Name: name, Dir: directoryPath(run.Record),
		Stops: run.Stops, Hash: run.Hash, Text: filter.Text, Filtered: filter != ldapsync.LineFilter{},
		Waits: waits(run, standing),
		CSV:   addressOf(runPath(run)+"/changes.csv", filterQuery(filter)), JSON: addressOf(runPath(run)+"/changes.json", filterQuery(filter)),
		Held: optionsOf(filter.Held, option{"", "all lines", false}, option{ldapsync.OnlyHeld, "why it is held", false}, option{ldapsync.OnlyFree, "everything else", false}),
	}
	if standing.State.Approved.Hash != "" && standing.State.Approved.Hash == run.Hash && run.Outcome == store.RunHeld {
		page.ApprovedNow = standing.State.Approved.By
	}
	all := []option{{"", "All", false}}
	for _, kind := range ldapsync.Kinds {
		if n := run.Counts[kind]; n > 0 || kind == filter.Kind {
			all = append(all, option{string(kind), kindWords(kind).Word + " (" + number(n) + ")", false})
		}
	}
	page.Kinds = optionsOf(string(filter.Kind), all...)
	for _, line := range lines {
		page.Lines = append(page.Lines, lineRowOf(line))
	}
	return page
}

// waits is true for a held plan that no later run has taken the place of.
func waits(run store.Run, standing store.Standing) bool {
	return run.Outcome == store.RunHeld && standing.Waits() && standing.Whole.Hash == run.Hash && run.Stops.Approvable()
}

// adminRunCSV streams the lines that the filter lets through, as the API's table does.
func (s *Site) adminRunCSV(c echo.Context, _ login.Visitor) error {
	return s.downloadRun(c, "csv", "text/csv; charset=utf-8", func(each func(func(ldapsync.Change) bool) error) error {
		table := ldapsync.NewTable(c.Response())
		if err := each(table.Write); err != nil {
			return err
		}
		return table.Close()
	})
}

// adminRunJSON streams them as a list.
func (s *Site) adminRunJSON(c echo.Context, _ login.Visitor) error {
	return s.downloadRun(c, "json", "application/json", func(each func(func(ldapsync.Change) bool) error) error {
		separator, failed := "[\n", error(nil)
		err := each(func(change ldapsync.Change) bool {
			var line []byte
			if line, failed = json.Marshal(change); failed == nil {
				_, failed = fmt.Fprintf(c.Response(), "%s%s", separator, line)
			}
			separator = ",\n"
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err == nil {
			_, err = fmt.Fprint(c.Response(), map[bool]string{true: "[]\n", false: "\n]\n"}[separator == "[\n"])
		}
		return err
	})
}

func (s *Site) downloadRun(c echo.Context, extension, mime string, write func(each func(func(ldapsync.Change) bool) error) error) error {
	ctx := c.Request().Context()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	run, err := s.Flow.Store.Run(ctx, record.Key, c.Param("run"))
	if err != nil {
		return err
	}
	filter := lineFilter(c)
	header := c.Response().Header()
	header.Set("Content-Type", mime)
	header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.%s"`, record.Key, run.Began.UTC().Format("20060102-150405"), extension))
	c.Response().WriteHeader(http.StatusOK)
	err = write(func(use func(ldapsync.Change) bool) error {
		return s.Flow.Store.EachRunLine(ctx, run, filter, "", func(line store.Line) bool { return use(line.Change) })
	})
	if err != nil {
		// Half a table must not pass for a whole one.
		s.Log.Error("a table of changes broke off", "id", requestID(c), "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// adminApprovePage shows what a held plan takes from whom, before somebody lets it
// through.
type adminApprovePage struct {
	adminFrame
	form
	Nav           []section
	Name, Dir     string
	URL, Run      string // of the form, and of the run's page
	Hash          string
	Stops         []ldapsync.Stop
	Takes         string
	Total         int // people, memberships and groups together
	TotalWords    string
	Adds          string
	Parts         []approvePart
	Typed, Reason string
	Agreed        bool
	Approvable    bool
	Began         exact
	Age           string
	Scheduled     bool
}

// approvePart is what one kind of change would do, with the first of its lines.
type approvePart struct {
	Kind  badge
	Count int
	Words string
	Lines []lineRow
	All   string // address of all lines
	More  bool
}

func (adminApprovePage) file() string { return "admin_directory_approve.html" }

// approveLines is how many lines of each kind the page shows.
const approveLines = 25

// approveKinds are what the hash of a plan covers (docs/decisions/0018).
var approveKinds = []ldapsync.Kind{
	ldapsync.DisablePerson, ldapsync.OutPerson, ldapsync.GonePerson, ldapsync.RemoveMember, ldapsync.GroupGone, ldapsync.LinkPerson, ldapsync.LinkGroup,
}

func (s *Site) adminApprovePlan(c echo.Context, who login.Visitor) error {
	page, _, waits, err := s.approval(c, who)
	if err != nil {
		return err
	}
	if !waits {
		return see(c, page.Run)
	}
	return s.render(c, http.StatusOK, page)
}

// approval is the page, the run's record, and whether its plan waits.
func (s *Site) approval(c echo.Context, who login.Visitor) (page adminApprovePage, record string, is bool, err error) {
	ctx := c.Request().Context()
	of, err := s.shownRecord(c)
	if err != nil {
		return page, "", false, err
	}
	run, err := s.Flow.Store.Run(ctx, of.Key, c.Param("run"))
	if err != nil {
		return page, "", false, err
	}
	standing, err := s.Flow.Store.Standing(ctx, of.ID)
	if err != nil {
		return page, "", false, err
	}
	if !waits(run, standing) {
		return adminApprovePage{Run: runPath(run)}, of.Key, false, nil
	}
	lines := map[ldapsync.Kind][]store.Line{}
	for _, kind := range approveKinds {
		if run.Counts[kind] == 0 {
			continue
		}
		if lines[kind], _, err = s.Flow.Store.RunLines(ctx, run, ldapsync.LineFilter{Kind: kind}, "", approveLines+1); err != nil {
			return page, "", false, err
		}
	}
	page = adminApprovePageOf(s.directoryFrame(c, "Approve a plan", of, who), of.Name, run, lines, s.Clock())
	page.Scheduled = directoryNow{record: of.Connection()}.byItself()
	return page, of.Key, true, nil
}

func adminApprovePageOf(around adminFrame, name string, run store.Run, lines map[ldapsync.Kind][]store.Line, now time.Time) adminApprovePage {
	people, memberships, groups := ldapsync.Takes(run.Counts)
	page := adminApprovePage{
		adminFrame: around, Nav: recordNav(around.Role, run.Record, "directory"), Name: name, Dir: directoryPath(run.Record), URL: runPath(run) + "/approve", Run: runPath(run),
		Hash: run.Hash, Stops: run.Stops, Takes: takesWords(run.Counts), Total: people + memberships + groups, Approvable: run.Stops.Approvable(),
		Began: exact(run.Began), Age: ago(run.Began, now), Scheduled: true,
	}
	page.TotalWords = number(page.Total)
	var adds []string
	for _, one := range []struct {
		kind      ldapsync.Kind
		one, many string
	}{{ldapsync.AddPerson, "new person", "new people"}, {ldapsync.AddGroup, "new group", "new groups"}, {ldapsync.AddMember, "new membership", "new memberships"}, {ldapsync.UpdatePerson, "changed profile", "changed profiles"}} {
		if n := run.Counts[one.kind]; n > 0 {
			adds = append(adds, countOf(n, one.one, one.many))
		}
	}
	page.Adds = strings.Join(adds, ", ")
	for _, kind := range approveKinds {
		of := lines[kind]
		if len(of) == 0 {
			continue
		}
		part := approvePart{Kind: kindWords(kind), Count: run.Counts[kind], All: addressOf(runPath(run), url.Values{"kind": {string(kind)}}), More: len(of) > approveLines}
		part.Words = map[ldapsync.Kind]string{
			ldapsync.DisablePerson: "The directory disabled them: they cannot log in any more, and their sessions end.",
			ldapsync.OutPerson:     "They are there, but not below the base or not by the filter: they cannot log in any more, and their sessions end.",
			ldapsync.GonePerson:    "The directory has them no more: they cannot log in any more, and their sessions end.",
			ldapsync.RemoveMember:  "They leave these groups, unless something else gives them the membership too.",
			ldapsync.GroupGone:     "The directory has these groups no more: its members leave them, and the groups stay.",
			ldapsync.LinkPerson:    "These accounts, made by logins, become the directory’s by their usernames.",
			ldapsync.LinkGroup:     "These groups are here already: whoever is in the directory’s group joins the one here, with all that rules and the portal give to it.",
		}[kind]
		for _, line := range of[:min(len(of), approveLines)] {
			part.Lines = append(part.Lines, lineRowOf(line))
		}
		page.Parts = append(page.Parts, part)
	}
	return page
}

func (s *Site) adminLetThrough(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	page, key, waits, err := s.approval(c, who)
	if err != nil {
		return err
	}
	if !waits {
		return fault.New(fault.Conflict, "This plan does not wait any more: another run has found another one, or somebody has let it through. Look at the history.")
	}
	page.Typed, page.Reason, page.Agreed = strings.TrimSpace(values.Get("number")), strings.TrimSpace(values.Get("reason")), values.Get("agree") != ""
	if values.Get("hash") != page.Hash {
		return fault.New(fault.Conflict, "This is not the plan that you have seen. Look at it again.")
	}
	typed, err := strconv.Atoi(strings.ReplaceAll(page.Typed, ",", ""))
	switch {
	case page.Total > 0 && (err != nil || typed != page.Total):
		page.Problems.Add("number", "Write %s: how much this plan takes away.", page.TotalWords)
	case page.Total == 0 && !page.Agreed:
		page.Problems.Add("agree", "Say that you have looked at the plan.")
	}
	page.Problems = append(page.Problems, checkReason(page.Reason)...)
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	by := s.author(who)
	by.Reason = page.Reason
	ctx := c.Request().Context()
	if err := s.Directory.Approve(ctx, key, page.Hash, by); err != nil {
		return err
	}
	if !page.Scheduled {
		return done(c, page.Dir, "directory-approved-waits")
	}
	if err := s.Directory.Ask(ctx, key, directory.ByPage, by); err != nil {
		return err
	}
	return done(c, page.Dir, "directory-approved")
}
