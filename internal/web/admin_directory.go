package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/jobs"
	"idms/internal/ldapsync"
	"idms/internal/login"
	"idms/internal/store"
)

// adminDirectoriesPage lists the records that have a directory: what waits for
// somebody first.
type adminDirectoriesPage struct {
	adminFrame
	paging
	Query  string
	States []option
	Rows   []directoryRow
	Total  int // that there are, whatever the filter
	Found  int
}

type directoryRow struct {
	Name, URL string
	directoryBadges
	Last, Next     around
	NextWords      string // when there is no instant
	People, Groups amount
	Read           bool // a run has read the directory whole, so that there are numbers
	rank           int
	key            string
}

func (adminDirectoriesPage) file() string { return "admin_directories.html" }

// directoryBadges say where a directory stands, in words and colours.
type directoryBadges struct {
	Badges []badge
	Why    string // the reason, "" when the badges say it all
	Fix    string // what can be done about it
	state  string // for the filter
}

// What the list is filtered by.
const (
	dirHeld    = "held"
	dirFailed  = "failed"
	dirRunning = "running"
	dirSynced  = "synced"
	dirPaused  = "paused"
	dirOff     = "off"
)

func (s *Site) adminDirectories(c echo.Context, who login.Visitor) error {
	ctx, now := c.Request().Context(), s.Clock()
	records, err := s.Flow.Store.Directories(ctx)
	if err != nil {
		return err
	}
	standings, err := s.Flow.Store.Standings(ctx)
	if err != nil {
		return err
	}
	states, err := s.Flow.Store.Jobs(ctx)
	if err != nil {
		return err
	}
	underway, err := s.Flow.Store.Underway(ctx, "", now)
	if err != nil {
		return err
	}
	running := map[string][]store.Progress{}
	for _, one := range underway {
		running[one.RecordID] = append(running[one.RecordID], one)
	}
	var rows []directoryRow
	for _, record := range records {
		rows = append(rows, directoryRowOf(directoryNow{record, standings[record.ID], states[directory.JobName(record.Key)], running[record.ID], now}))
	}
	page := adminDirectoriesPageOf(s.adminFrame(c, "Directory sync", "directory", who), rows, queried(c, "q"), queried(c, "state"))
	from, err := cutAt(c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	page.cut(from)
	return s.render(c, http.StatusOK, page)
}

// cutAt reads the cursor of a list that is made whole and then cut.
func cutAt(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	from, err := strconv.Atoi(cursor)
	if err != nil || from < 0 {
		return 0, fault.New(fault.Invalid, "This page of the list does not exist. Begin at the first one.")
	}
	return from, nil
}

func adminDirectoriesPageOf(around adminFrame, rows []directoryRow, query, state string) adminDirectoriesPage {
	page := adminDirectoriesPage{adminFrame: around, Query: query, Total: len(rows), States: optionsOf(state,
		option{"", "All", false}, option{dirHeld, "Held", false}, option{dirFailed, "Failed", false}, option{dirRunning, "Running", false},
		option{dirSynced, "Synced", false}, option{dirPaused, "Paused", false}, option{dirOff, "Not synced by itself", false})}
	folded := strings.ToLower(query)
	for _, row := range rows {
		if strings.Contains(strings.ToLower(row.Name+"\n"+row.key), folded) && (state == "" || row.state == state) {
			page.Rows = append(page.Rows, row)
		}
	}
	slices.SortStableFunc(page.Rows, func(a, b directoryRow) int { return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.key, b.key)) })
	page.Found = len(page.Rows)
	return page
}

// cut leaves one page of the list.
func (p *adminDirectoriesPage) cut(from int) {
	state := ""
	for _, one := range p.States {
		if one.Chosen {
			state = one.Value
		}
	}
	first, next := "", ""
	if from > 0 {
		first = strconv.Itoa(from)
	}
	from = min(from, len(p.Rows))
	p.Rows = p.Rows[from:]
	if len(p.Rows) > perPage {
		p.Rows, next = p.Rows[:perPage], strconv.Itoa(from+perPage)
	}
	p.paging = pagingOf(adminPath+"/directory", url.Values{"q": {p.Query}, "state": {state}}, first, next)
}

// directoryNow is what is known of a directory at one instant.
type directoryNow struct {
	record   idms.Connection
	standing store.Standing
	job      store.Job
	underway []store.Progress
	now      time.Time
}

// byItself is true when the record has a job that syncs it.
func (d directoryNow) byItself() bool {
	return d.record.State == idms.Active && d.record.Association == idms.FromDirectory && d.record.Directory != nil && !d.record.Directory.Schedule.Paused
}

func (d directoryNow) paused() bool {
	return d.record.Directory != nil && (d.job.Paused || d.record.Directory.Schedule.Paused)
}

// next is when the record is synced next, and in words when that is no instant.
func (d directoryNow) next() (exact, string) {
	switch {
	case d.byItself() && !d.job.Asked.IsZero():
		return exact{}, "within 10 seconds"
	case !d.byItself():
		return exact{}, "not by itself"
	case d.job.Paused:
		return exact{}, "when it is resumed"
	}
	schedule, err := jobs.BySettings(d.record.Directory.Defaults().Schedule)
	if err != nil {
		return exact{}, "the schedule cannot be kept"
	}
	if d.job.Name == "" {
		d.job.Since = d.now
	}
	next, _ := jobs.Job{Name: directory.JobName(d.record.Key), Schedule: schedule}.Next(d.job)
	if !next.After(d.now) {
		return exact{}, "now"
	}
	return exact(next), ""
}

// badges tell what most needs somebody first.
func (d directoryNow) badges() directoryBadges {
	var b directoryBadges
	add := func(state string, one badge) {
		b.state = cmp.Or(b.state, state)
		b.Badges = append(b.Badges, one)
	}
	last, whole := d.standing.Last, d.standing.Whole
	for _, one := range d.underway {
		if !one.Rehearsal {
			add(dirRunning, badge{"Running: " + phaseWords(one.Phase), mixed})
		}
	}
	if d.standing.Waits() {
		b.state = dirHeld // whatever else goes on
		switch {
		case d.standing.State.Approved.Hash != "" && d.standing.State.Approved.Hash == whole.Hash:
			add(dirHeld, badge{"Approved, runs next", mixed})
		default:
			add(dirHeld, badge{"Held", mixed})
		}
		b.Why = whyHeld(whole)
	}
	if last.Outcome == store.RunFailed {
		add(dirFailed, badge{"Failed " + ago(last.Ended, d.now), bad})
		b.Why, b.Fix = last.Error, adviceOf(last.Code)
	}
	switch {
	case d.record.Association != idms.FromDirectory:
		add(dirOff, badge{"Described, not synced", neutral})
	case d.record.State != idms.Active:
		add(dirOff, badge{"The record is not active", neutral})
	case d.paused():
		add(dirPaused, badge{"Paused", neutral})
	}
	if len(b.Badges) > 0 {
		return b
	}
	if d.standing.State.LastGood.IsZero() {
		add(dirOff, badge{"Never synced", neutral})
		return b
	}
	add(dirSynced, badge{"Synced " + ago(d.standing.State.LastGood, d.now), good})
	return b
}

func whyHeld(run store.Run) string {
	switch len(run.Stops) {
	case 0:
		return "A plan waits for approval."
	case 1:
		return run.Stops[0].Why
	}
	return run.Stops[0].Why + " " + plural("And %d further reason", len(run.Stops)-1) + "."
}

func directoryRowOf(d directoryNow) directoryRow {
	row := directoryRow{Name: d.record.Name, key: d.record.Key, URL: below("records", d.record.Key) + "/directory", directoryBadges: d.badges(),
		Last: around{d.standing.Last.Began, d.now}, People: amount(d.standing.Whole.People), Groups: amount(d.standing.Whole.Groups), Read: d.standing.Whole.ID != ""}
	next, words := d.next()
	row.Next, row.NextWords = around{time.Time(next), d.now}, words
	row.rank = slices.Index([]string{dirHeld, dirFailed, dirRunning}, row.state)
	if row.rank < 0 {
		row.rank = 3
	}
	return row
}

// around is an instant as a list shows it: how far it is from now.
type around struct{ at, now time.Time }

// When is how long ago it was, or how long until it is; "never" for none.
func (a around) When() string {
	switch {
	case a.at.IsZero():
		return "never"
	case a.at.After(a.now):
		return "in " + lasted(a.at.Sub(a.now))
	}
	return ago(a.at, a.now)
}

// Exact is the instant with its zone.
func (a around) Exact() string { return exact(a.at).When() }

// Machine is the instant for the datetime attribute, "" for none.
func (a around) Machine() string { return exact(a.at).Machine() }

// amount is a number that may be large.
type amount int

func (a amount) String() string { return number(int(a)) }

// lasted is how long something took, as one would say it.
func lasted(d time.Duration) string {
	switch {
	case d < time.Second:
		return "under a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
}

// phaseWords is a phase of a run as people read it.
func phaseWords(phase string) string {
	switch phase {
	case string(ldapsync.Connecting):
		return "connecting"
	case string(ldapsync.Binding):
		return "logging in at the directory"
	case string(ldapsync.ReadingPeople):
		return "reading people"
	case string(ldapsync.ReadingGroups):
		return "reading groups"
	case string(ldapsync.ReadingRest):
		return "reading the rest of long groups"
	case string(ldapsync.Assembling):
		return "working out groups within groups"
	case directory.Comparing:
		return "comparing with what is here"
	case string(ldapsync.LookingUp):
		return "looking up again who would lose something"
	case directory.Applying:
		return "applying the plan"
	}
	return phase
}

// adviceOf says what can be done about a run that failed with a code.
func adviceOf(code string) string {
	switch code {
	case "inconsistent", "accounts_changed", "record_changed", "lease_lost", "stopped":
		return "Nothing needs to be done: the next run tries again."
	case "conflict":
		return "Make somebody else an owner first, or keep this person in the directory."
	case "failed":
		return "The log of the service has the cause, by the ID of this run."
	}
	return ldapsync.FaultCode(code).Advice()
}

// adminDirectoryPage is where the directory of one record stands.
type adminDirectoryPage struct {
	adminFrame
	Nav       []section
	Name, Key string
	URL       string
	Described bool // the record has a directory
	Active    bool
	directoryBadges
	ByItself, Paused bool
	ByRecord         bool // paused by the record's own schedule
	Next             exact
	NextWords        string
	Last             *runRow
	Numbers          []runNumber
	Held             *heldPlan
	Rehearsal        *runRow
	Progress         directoryProgress
	Server           string
	BindDN           string
	Password         bool
	Synced           bool // its groups come from the directory
	First            bool // no plan was ever applied
	Holds            store.Holds
}

func (adminDirectoryPage) file() string { return "admin_directory.html" }

// heldPlan is the plan that waits.
type heldPlan struct {
	URL, Approve string
	Hash         string
	Stops        []ldapsync.Stop
	Takes        string // in words
	By           string // who has approved it, when the next run applies it
	Approvable   bool
}

// runNumber is one of the four numbers of a run.
type runNumber struct {
	Name   string
	Count  amount
	Parts  string
	Limits []nearness
	Free   string // why there is no limit
}

// nearness is how near a number came to its limit (L6).
type nearness struct {
	What        string
	Count, Most amount
}

// Over is true when the limit holds the plan.
func (n nearness) Over() bool { return n.Count > n.Most }

// Top is the end of the scale.
func (n nearness) Top() amount { return max(n.Most, n.Count, 1) }

// directoryPath is the address of a record's directory.
func directoryPath(key string) string { return below("records", key) + "/directory" }

// describedRecord is the record of an address, which describes a directory.
func (s *Site) describedRecord(c echo.Context) (idms.Record, error) {
	record, err := s.shownRecord(c)
	if err == nil && record.Directory == nil {
		err = fault.New(fault.Invalid, "The record %s describes no directory.", record.Key)
	}
	return record, err
}

// directoryFrame is the frame of a page about the directory of one record.
func (s *Site) directoryFrame(c echo.Context, title string, record idms.Record, who login.Visitor) adminFrame {
	return s.adminFrame(c, title+" · "+clip(60, record.Name), "records", who)
}

// look reads how a record's directory stands now.
func (s *Site) look(ctx context.Context, record idms.Record) (directoryNow, store.Job, error) {
	d := directoryNow{record: record.Connection(), now: s.Clock()}
	var err error
	if d.standing, err = s.Flow.Store.Standing(ctx, record.ID); err != nil {
		return d, store.Job{}, err
	}
	states, err := s.Flow.Store.Jobs(ctx)
	if err != nil {
		return d, store.Job{}, err
	}
	d.job = states[directory.JobName(record.Key)]
	d.underway, err = s.Flow.Store.Underway(ctx, record.ID, d.now)
	return d, states[directory.RehearsalName(record.Key)], err
}

func (s *Site) adminDirectory(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	around := s.directoryFrame(c, "Directory", record, who)
	if record.Directory == nil {
		return s.render(c, http.StatusOK, adminDirectoryPageOf(around, directoryNow{record: record.Connection(), now: s.Clock()}, store.Job{}, store.Holds{}))
	}
	d, rehearsal, err := s.look(ctx, record)
	if err != nil {
		return err
	}
	holds, err := s.Flow.Store.Holds(ctx, store.Edition{ID: record.ID, Key: record.Key})
	if err != nil {
		return err
	}
	page := adminDirectoryPageOf(around, d, rehearsal, holds)
	if page.Password, err = s.Flow.Store.HasBindPassword(ctx, record.ID); err != nil {
		return err
	}
	switch last, err := s.Flow.Store.Run(ctx, record.Key, string(store.RunRehearsed)); {
	case err == nil:
		row := runRowOf(last)
		page.Rehearsal = &row
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func adminDirectoryPageOf(framed adminFrame, d directoryNow, rehearsal store.Job, holds store.Holds) adminDirectoryPage {
	page := adminDirectoryPage{
		adminFrame: framed, Nav: recordNav(framed.Role, d.record.Key, "directory"), Name: d.record.Name, Key: d.record.Key, URL: directoryPath(d.record.Key),
		Described: d.record.Directory != nil, Active: d.record.State == idms.Active, Synced: d.record.Association == idms.FromDirectory,
		ByItself: d.byItself(), Holds: holds, First: d.standing.State.FirstApplied.IsZero(),
	}
	if !page.Described {
		return page
	}
	settings := d.record.Directory.Defaults()
	page.directoryBadges = d.badges()
	page.Paused, page.ByRecord = d.paused(), settings.Schedule.Paused
	page.Next, page.NextWords = d.next()
	page.Server, page.BindDN = strings.Join(settings.Hosts, ", "), settings.BindDN
	if d.standing.Last.ID != "" {
		row := runRowOf(d.standing.Last)
		page.Last = &row
	}
	if d.standing.Whole.ID != "" {
		page.Numbers = runNumbers(d.standing.Whole, settings.Limits, holds)
	}
	if d.standing.Waits() {
		page.Held = heldPlanOf(d.standing.Whole, d.standing.State.Approved)
	}
	page.Progress = progressOf(d, rehearsal)
	return page
}

func heldPlanOf(run store.Run, approved store.Approval) *heldPlan {
	held := &heldPlan{URL: runPath(run), Hash: run.Hash, Stops: run.Stops, Takes: takesWords(run.Counts), Approvable: run.Stops.Approvable()}
	held.Approve = held.URL + "/approve"
	if approved.Hash == run.Hash {
		held.By = approved.By
	}
	return held
}

// takesWords says what applying a plan takes away.
func takesWords(counts map[ldapsync.Kind]int) string {
	people, memberships, groups := ldapsync.Takes(counts)
	var parts []string
	for _, one := range []struct {
		n         int
		one, many string
	}{{people, "person is shut out", "people are shut out"}, {memberships, "membership ends", "memberships end"}, {groups, "group loses the directory", "groups lose the directory"}} {
		if one.n > 0 {
			parts = append(parts, number(one.n)+" "+map[bool]string{true: one.one, false: one.many}[one.n == 1])
		}
	}
	if len(parts) == 0 {
		return "It takes nothing away."
	}
	return strings.Join(parts, ", ") + "."
}

// runNumbers are the four numbers of a run, each with the limit that it came near to.
func runNumbers(run store.Run, limits ldapsync.BlastLimits, holds store.Holds) []runNumber {
	counts := run.Counts
	near := func(what string, code ldapsync.StopCode, limit *ldapsync.Limit, count, of int) nearness {
		one := nearness{what, amount(count), amount(limit.Most(of))}
		for _, stop := range run.Stops { // as it was measured then
			if stop.Code == code {
				one.Count, one.Most = amount(stop.Count), amount(stop.Limit)
			}
		}
		return one
	}
	type part struct {
		kind      ldapsync.Kind
		one, many string
	}
	of := func(name, free string, parts ...part) runNumber {
		numbered := runNumber{Name: name, Free: free}
		var words []string
		for _, one := range parts {
			if n := counts[one.kind]; n > 0 {
				numbered.Count += amount(n)
				words = append(words, countOf(n, one.one, one.many))
			}
		}
		numbered.Parts = strings.Join(words, ", ")
		return numbered
	}
	shut, ended, gone := ldapsync.Takes(counts)
	removed := of("Removed", "", part{ldapsync.RemoveMember, "membership", "memberships"}, part{ldapsync.GroupGone, "group", "groups"})
	removed.Limits = []nearness{near("memberships", ldapsync.StopMemberships, limits.MembershipRemovals, ended, holds.Members), near("groups", ldapsync.StopGroups, limits.GroupRemovals, gone, holds.Groups)}
	disabled := of("Disabled", "", part{ldapsync.DisablePerson, "disabled there", "disabled there"}, part{ldapsync.OutPerson, "out of scope", "out of scope"}, part{ldapsync.GonePerson, "gone", "gone"})
	disabled.Limits = []nearness{near("people", ldapsync.StopDisables, limits.Deactivations, shut, holds.People)}
	return []runNumber{
		of("Added", "Adding is never held.", part{ldapsync.AddPerson, "person", "people"}, part{ldapsync.AddGroup, "group", "groups"}, part{ldapsync.AddMember, "membership", "memberships"},
			part{ldapsync.EnablePerson, "let in again", "let in again"}, part{ldapsync.ReturnGroup, "group back", "groups back"}),
		of("Changed", "Changing is never held, but for groups that are linked.", part{ldapsync.UpdatePerson, "profile", "profiles"}, part{ldapsync.LinkPerson, "account linked", "accounts linked"},
			part{ldapsync.RenameGroup, "group renamed", "groups renamed"}, part{ldapsync.LinkGroup, "group linked", "groups linked"}),
		removed, disabled,
	}
}

// directoryProgress moves while something runs.
type directoryProgress struct {
	URL  string // of this part alone
	Page string // of the page that it stands on
	Runs []runUnderway
	// Waiting is what somebody asked for and no service has begun.
	Waiting []string
	Ended   *runRow // the run that ended last, when this part is asked for by itself
}

// Moves is true while there is something to ask for again.
func (p directoryProgress) Moves() bool { return len(p.Runs)+len(p.Waiting) > 0 }

// runUnderway is one run that goes on.
type runUnderway struct {
	What, Who         string
	Phase             string
	Entries, Expected int
	Count             string // of entries, in words
	Took, Left        string
	Quiet             string // how long nothing was heard of it; "" when that is not long
}

// Known is true when there is a scale.
func (r runUnderway) Known() bool { return r.Expected > 0 }

// quietAfter is from when on a run that tells nothing is said to be quiet: as long as
// a lease lasts.
const quietAfter = 2 * time.Minute

func progressOf(d directoryNow, rehearsal store.Job) directoryProgress {
	p := directoryProgress{Page: directoryPath(d.record.Key), URL: directoryPath(d.record.Key) + "/progress"}
	syncing, rehearsing := false, false
	for _, one := range d.underway {
		run := runUnderway{What: "Sync", Who: causeWords(one.Cause, one.Who), Phase: phaseWords(one.Phase), Entries: one.Entries}
		if one.Rehearsal {
			run.What, rehearsing = "Rehearsal", true
		} else {
			syncing = true
		}
		if one.Expected > 0 {
			run.Expected = max(one.Expected, one.Entries) // there may be more than last time
		}
		if one.Entries > 0 {
			run.Count = number(one.Entries)
			if one.Expected > 0 {
				run.Count += " of about " + number(run.Expected)
			}
		}
		took := d.now.Sub(one.Began)
		run.Took = lasted(took)
		if whole := d.standing.Whole; whole.ID != "" {
			switch before := whole.Ended.Sub(whole.Began); {
			case before > took:
				run.Left = "about " + lasted(before-took) + " left, by the last run"
			default:
				run.Left = "longer than the last run, which took " + lasted(before)
			}
		}
		if silent := d.now.Sub(one.Seen); silent > quietAfter {
			run.Quiet = lasted(silent)
		}
		p.Runs = append(p.Runs, run)
	}
	if !d.job.Asked.IsZero() && !syncing && d.byItself() {
		p.Waiting = append(p.Waiting, "A sync")
	}
	if !rehearsal.Asked.IsZero() && !rehearsing {
		p.Waiting = append(p.Waiting, "A rehearsal")
	}
	return p
}

func causeWords(cause, who string) string {
	if who == "" {
		return "by " + map[string]string{directory.BySchedule: "its schedule", directory.ByCommand: "the command line", directory.ByAPI: "the API", directory.ByPage: "these pages"}[cause]
	}
	if cause == directory.ByAPI {
		return "by " + who + ", by the API"
	}
	return "by " + who
}

// adminDirectoryProgress is the part of the page that moves, for scripts to put in its
// place; without them it is the page.
func (s *Site) adminDirectoryProgress(c echo.Context, _ login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	if c.Request().Header.Get("HX-Request") == "" {
		return see(c, directoryPath(record.Key))
	}
	d, rehearsal, err := s.look(c.Request().Context(), record)
	if err != nil {
		return err
	}
	progress := progressOf(d, rehearsal)
	if !progress.Moves() {
		last, _, err := s.Flow.Store.Runs(c.Request().Context(), record.Key, "", 1)
		if err != nil {
			return err
		}
		for _, run := range last {
			row := runRowOf(run)
			progress.Ended = &row
		}
	}
	var part bytes.Buffer
	if err := templates["admin_directory.html"].ExecuteTemplate(&part, "directory-progress", progress); err != nil {
		return fmt.Errorf("rendering the progress of a directory: %w", err)
	}
	return c.HTMLBlob(http.StatusOK, part.Bytes())
}

func (s *Site) adminRunDirectory(c echo.Context, who login.Visitor) error {
	return s.orderDirectory(c, "directory-asked", func(ctx context.Context, key string) error {
		return s.Directory.Ask(ctx, key, directory.ByPage, s.author(who))
	})
}

func (s *Site) adminRehearseDirectory(c echo.Context, who login.Visitor) error {
	return s.orderDirectory(c, "directory-rehearsal", func(ctx context.Context, key string) error {
		return s.Directory.AskRehearsal(ctx, key, directory.ByPage, s.author(who))
	})
}

func (s *Site) adminPauseDirectory(c echo.Context, who login.Visitor) error {
	return s.orderDirectory(c, "directory-paused", func(ctx context.Context, key string) error {
		return s.Directory.Pause(ctx, key, true, s.author(who))
	})
}

func (s *Site) adminResumeDirectory(c echo.Context, who login.Visitor) error {
	return s.orderDirectory(c, "directory-resumed", func(ctx context.Context, key string) error {
		return s.Directory.Pause(ctx, key, false, s.author(who))
	})
}

func (s *Site) orderDirectory(c echo.Context, notice string, order func(ctx context.Context, key string) error) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	if err := order(c.Request().Context(), record.Key); err != nil {
		return err
	}
	return done(c, directoryPath(record.Key), notice)
}

// adminDirectoryTestPage asks a directory, and says what it answers.
type adminDirectoryTestPage struct {
	adminFrame
	form
	Nav       []section
	Name, URL string
	Person    string // as typed
	Group     string
	Result    *directoryTested // nil for none yet
}

func (adminDirectoryTestPage) file() string { return "admin_directory_test.html" }

// directoryTested is what a test found.
type directoryTested struct {
	ID         string // in the page
	Tested     string // in words
	Verdict    badge
	Fault      string
	Fix        string // where no step has it
	Connection *ldapsync.Connection
	Found      *ldapsync.Found
	OfGroup    bool
}

// More is how many members of a group are not shown.
func (t directoryTested) More() int { return t.Found.Total - len(t.Found.Members) }

func adminDirectoryTestPageOf(around adminFrame, record idms.Record) adminDirectoryTestPage {
	return adminDirectoryTestPage{adminFrame: around, Nav: recordNav(around.Role, record.Key, "directory"), Name: record.Name, URL: directoryPath(record.Key)}
}

func (s *Site) adminDirectoryTest(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	if record.Directory == nil {
		return see(c, directoryPath(record.Key))
	}
	return s.render(c, http.StatusOK, adminDirectoryTestPageOf(s.directoryFrame(c, "Test the directory", record, who), record))
}

// maxLookedUp bounds a name that is looked up, in bytes.
const maxLookedUp = 1024

func (s *Site) adminTestDirectory(c echo.Context, who login.Visitor) error {
	record, err := s.describedRecord(c)
	if err != nil {
		return err
	}
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	ctx, what := c.Request().Context(), values.Get("what")
	page := adminDirectoryTestPageOf(s.directoryFrame(c, "Test the directory", record, who), record)
	page.Person, page.Group = strings.TrimSpace(values.Get("person")), strings.TrimSpace(values.Get("group"))
	look, name := s.Directory.TestUser, page.Person
	if what == "group" {
		look, name = s.Directory.TestGroup, page.Group
	}
	if what == "person" || what == "group" {
		switch {
		case name == "":
			page.Problems.Add(what, "Write whom or what to look up.")
		case len(name) > maxLookedUp:
			page.Problems.Add(what, "The name is longer than %d bytes.", maxLookedUp)
		}
	} else if what != "connection" {
		page.Problems.Add("", "Choose what to test.")
	}
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	var tested directoryTested
	if what == "connection" {
		connection, failure := s.Directory.TestConnection(ctx, record.Key)
		tested, err = testedConnection(&connection), failure
	} else {
		found, failure := look(ctx, record.Key, name)
		tested, err = testedEntry(&found, what, name), failure
	}
	if errors.Is(err, directory.ErrTesting) {
		page.Problems.Add("", "%s", fault.Sentence(err))
		return s.render(c, http.StatusConflict, page)
	}
	if err := tested.judge(err); err != nil {
		return err
	}
	tested.ID = "result" // there is no other here
	page.Result = &tested
	return s.render(c, http.StatusOK, page)
}

// testedConnection and testedEntry are results that are not judged yet.
func testedConnection(found *ldapsync.Connection) directoryTested {
	return directoryTested{ID: "result", Tested: "the connection", Connection: found}
}

func testedEntry(found *ldapsync.Found, what, name string) directoryTested {
	return directoryTested{ID: "result-" + what, Tested: "the " + what + " “" + clip(80, name) + "”", Found: found, OfGroup: what == "group"}
}

// judge says how a test ended. What is no answer of a directory comes back.
func (p *directoryTested) judge(err error) error {
	code, sentence, ok := directory.Blame(err)
	switch {
	case err != nil && !ok:
		return err
	case err != nil:
		p.Verdict, p.Fault = badge{"The directory failed", bad}, sentence
		if !slices.ContainsFunc(p.steps(), func(step ldapsync.Step) bool { return step.Fix != "" }) {
			p.Fix = ldapsync.FaultCode(code).Advice()
		}
	case p.Connection != nil:
		p.Verdict = badge{"It answers", good}
		if p.Connection.People.Usable == 0 {
			p.Verdict = badge{"It answers, and nobody is usable", mixed}
			p.Fix = "Look at the base and the filter of people, and at whether the bind DN may see usernames and e-mail addresses."
		}
	case p.Found.DN == "":
		p.Verdict = badge{"Not found", bad}
	case !p.Found.InScope:
		p.Verdict = badge{"Out of scope", mixed}
		p.Fix = "Widen the base or the filter in the settings, if a sync should find it."
	case p.Found.Off != ldapsync.On:
		p.Verdict = badge{"In scope, and shut out there", mixed}
	default:
		p.Verdict = badge{"In scope", good}
	}
	return nil
}

// steps are those that the result shows.
func (p *directoryTested) steps() ldapsync.Steps {
	if p.Connection != nil {
		return p.Connection.Steps
	}
	return p.Found.Steps
}
