package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
)

// carried is an intent as the forms of a page carry it on: to where it is saved or
// merged, and back to the form that it came from.
type carried struct {
	Key       string // of the record
	Candidate string // JSON
	Seen      int
	Then      string
	Reason    string
	Shown     string
	From      string // form to come back to, with Fields; "" where Back is a link
	Typed     string // Fields, as one text
	Fields    []saml.Field
	Back      string
	Restoring int    // the number of a version; 0 for none
	Steps     string // JSON; "" for none
}

func (in intent) carried() (carried, error) {
	candidate, err := candidateOf(in.Record)
	if err != nil {
		return carried{}, err
	}
	on := carried{
		Key: in.Record.Key, Candidate: string(candidate), Seen: in.Seen, Then: in.Then, Reason: in.Reason,
		From: in.From, Typed: in.Typed.Encode(), Back: in.Back, Restoring: in.Restoring,
	}
	if len(in.Steps) > 0 {
		steps, err := json.Marshal(in.Steps)
		if err != nil {
			return carried{}, err
		}
		on.Steps = string(steps)
	}
	for _, name := range slices.Sorted(maps.Keys(in.Typed)) {
		for _, value := range in.Typed[name] {
			on.Fields = append(on.Fields, saml.Field{Name: name, Value: value})
		}
	}
	return on, nil
}

// BackURL is where the form is posted to when it is come back to.
func (c carried) BackURL() string { return c.From + "?" + url.Values{backParam: {"yes"}}.Encode() }

// Brings is true when the page has what was typed before, and nobody else has it.
func (c carried) Brings() bool { return c.From != "" }

// SaveURL and MergeURL are where the intent goes on.
func (c carried) SaveURL() string  { return below("records", c.Key) + "/save" }
func (c carried) MergeURL() string { return below("records", c.Key) + "/merge" }

// adminRehearsalPage says what saving a record would do, before it is saved.
type adminRehearsalPage struct {
	adminFrame
	form
	carried
	Name       string
	Version    int  // that it would be
	New        bool // there is no record yet
	Total      string
	Kinds      []turnKind
	MoreKinds  int // groups that the page leaves out
	People     int
	Known      int
	Unknown    int
	Unchanged  int
	Unfinished bool
	Ended      int
	Warnings   fault.Problems
	Changes    []audit.Change
	Confirm    string // what the extra box asks; "" for none
	Again      bool   // it is not what was shown before
}

// turnKind is one thing that changes, and for whom.
type turnKind struct {
	ID, Words string // "3 people can no longer log in"
	Losing    bool
	Count     int
	Rows      []turnRow
	GroupURL  string
	Open      bool
}

// More is how many people the page leaves out.
func (k turnKind) More() int { return k.Count - len(k.Rows) }

// turnRow is one person, now and then.
type turnRow struct {
	Username, URL string
	Now, Then     badge
	NowWhy, Why   string // codes of refusals
}

func (adminRehearsalPage) file() string { return "admin_rehearsal.html" }

// Bounds of what the page shows; the numbers count everybody.
const (
	maxGroupsShown = 30 // that people join, and that they leave
	openRows       = 10 // a longer list is opened by hand
)

func (s *Site) showRehearsal(c echo.Context, who login.Visitor, in intent, told consequences) error {
	page, err := adminRehearsalPageOf(s.adminFrame(c, "Before it is saved", "records", who), in, told)
	if err != nil {
		return err
	}
	status := http.StatusOK
	switch {
	case in.Shown != "" && in.Shown != told.digest:
		page.Again = true
	case in.Shown != "" && told.Grave && !in.Confirmed:
		status = http.StatusUnprocessableEntity
		page.Problems.Add("confirmed", "Tick the box if this is what you mean. Nothing was saved.")
	}
	return s.render(c, status, page)
}

func adminRehearsalPageOf(around adminFrame, in intent, told consequences) (adminRehearsalPage, error) {
	on, err := in.carried()
	if err != nil {
		return adminRehearsalPage{}, err
	}
	on.Shown = told.digest
	page := adminRehearsalPage{
		adminFrame: around, carried: on, Name: in.Record.Name, Version: told.Version, New: in.Seen == 0,
		People: told.People, Known: told.Known(), Unknown: told.Unknown, Unchanged: told.Unchanged,
		Unfinished: told.Unfinished, Ended: told.Ended, Warnings: told.Warnings, Kinds: kindsOf(told.Rehearsal),
	}
	for _, one := range told.Changes {
		if one.Field != "schema" {
			page.Changes = append(page.Changes, one)
		}
	}
	page.Kinds, page.MoreKinds = fewKinds(page.Kinds)
	changing := told.People - told.Unknown - told.Unchanged
	switch {
	case page.New:
		page.Total = "A new record, through which nobody has come yet."
	case changing == 0:
		page.Total = fmt.Sprintf("Nobody of %s fares differently.", people(page.Known))
	default:
		page.Total = fmt.Sprintf("%d of %s would fare differently.", changing, people(page.Known))
	}
	switch {
	case !told.Grave:
	case told.Unfinished:
		page.Confirm = "Save it without knowing what it does to everybody"
	case told.Losing == page.Known:
		page.Confirm = fmt.Sprintf("Take something away from everybody: %s", people(told.Losing))
	case told.AdministratorsLosing > 0 && told.AdministratorsLosing == told.Administrators:
		page.Confirm = fmt.Sprintf("Take their part in administering idms away from %s, all that come through this record", people(told.AdministratorsLosing))
	default:
		page.Confirm = fmt.Sprintf("Take something away from %d of %s", told.Losing, people(page.Known))
	}
	return page, nil
}

// kindsOf groups a rehearsal by what changes: what is taken away first.
func kindsOf(r idms.Rehearsal) []turnKind {
	var kinds []turnKind
	add := func(id string, some idms.Some, one, many string, losing bool, row func(idms.Turn) turnRow) {
		if some.Count == 0 {
			return
		}
		words := fmt.Sprintf("%d people %s", some.Count, many)
		if some.Count == 1 {
			words = "1 person " + one
		}
		kind := turnKind{ID: id, Words: words, Losing: losing, Count: some.Count, Open: some.Count <= openRows}
		for _, turn := range some.Turns {
			told := row(turn)
			told.Username, told.URL = turn.Username, below("people", turn.ID)
			kind.Rows = append(kind.Rows, told)
		}
		kinds = append(kinds, kind)
	}
	levels := func(t idms.Turn) turnRow {
		return turnRow{Now: fareOf(t.From), Then: fareOf(t.To), NowWhy: refusedBy(t.Was), Why: refusedBy(t.Will)}
	}
	membership := func(now, then badge) func(idms.Turn) turnRow {
		return func(idms.Turn) turnRow { return turnRow{Now: now, Then: then} }
	}
	in, out := badge{"Member", good}, badge{"No member", neutral}
	groupKinds := func(of map[string]idms.Some, id, one, many string, losing bool, row func(idms.Turn) turnRow) {
		for _, key := range slices.Sorted(maps.Keys(of)) {
			add(id+"-"+key, of[key], one+" "+key, many+" "+key, losing, row)
			kinds[len(kinds)-1].GroupURL = below("groups", key)
		}
	}
	add("loses-login", r.LoseLogin, "can no longer log in", "can no longer log in", true, levels)
	add("other-account", r.OtherAccount, "would come as another account", "would come as other accounts", true, func(t idms.Turn) turnRow {
		return turnRow{Now: fareOf(t.From), Then: badge{"Another account", bad}}
	})
	add("lowered", r.Lowered, "gets a lower level", "get a lower level", true, levels)
	groupKinds(r.Leaves, "leaves", "leaves the group", "leave the group", true, membership(in, out))
	add("gains-login", r.GainLogin, "can log in", "can log in", false, levels)
	add("raised", r.Raised, "gets a higher level", "get a higher level", false, levels)
	groupKinds(r.Joins, "joins", "joins the group", "join the group", false, membership(out, in))
	return kinds
}

// fewKinds leaves groups out where there are very many.
func fewKinds(kinds []turnKind) (few []turnKind, more int) {
	shown := map[bool]int{}
	for _, kind := range kinds {
		if kind.GroupURL != "" {
			if shown[kind.Losing]++; shown[kind.Losing] > maxGroupsShown {
				more++
				continue
			}
		}
		few = append(few, kind)
	}
	return few, more
}

// fareOf is a console level as what becomes of a login.
func fareOf(level console.Level) badge {
	if level == console.NoAccess {
		return badge{"Refused", bad}
	}
	words := levelWords(level)
	return badge{words.Word, words.Class}
}

func refusedBy(code trace.Code) string {
	if code == "" {
		return ""
	}
	return code.Meaning().Cause
}

// adminChangedPage is for who wants to save what somebody else has changed
// meanwhile: both changes, side by side.
type adminChangedPage struct {
	adminFrame
	carried
	Name       string
	Present    int // version
	By         []versionRow
	Theirs     []audit.Change
	Mine       []mineRow
	Collisions []collision
	MoreMine   int // fields that collide and are not offered one by one
	Nothing    bool
}

// mineRow is one field that I wanted to change.
type mineRow struct {
	audit.Change
	Collides bool
}

// collision is a field that both changed, to choose.
type collision struct {
	audit.Collision
	ID   string
	Name string
}

// Brings is true while something is left to put into the present version.
func (p adminChangedPage) Brings() bool { return !p.Nothing && p.carried.Brings() }

func (adminChangedPage) file() string { return "admin_changed.html" }

const maxCollisions = 50 // that can be chosen one by one

// changedMeanwhile answers who would save over a version that they have not seen.
func (s *Site) changedMeanwhile(c echo.Context, who login.Visitor, in intent, cause error) error {
	ctx := c.Request().Context()
	seen, err := s.Flow.Store.RecordAt(ctx, in.Record.Key, in.Seen)
	if fault.KindOf(err) == fault.NotFound {
		return cause
	}
	if err != nil {
		return err
	}
	present, err := s.Flow.Store.Record(ctx, in.Record.Key)
	if err != nil {
		return err
	}
	versions, _, err := s.Flow.Store.VersionsPage(ctx, in.Record.Key, "", versionsShown)
	if err != nil {
		return err
	}
	page, err := adminChangedPageOf(s.adminFrame(c, "Changed meanwhile", "records", who), in, seen, present, versions)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusConflict, page)
}

func adminChangedPageOf(around adminFrame, in intent, seen, present idms.Record, versions []store.Version) (adminChangedPage, error) {
	on, err := in.carried()
	if err != nil {
		return adminChangedPage{}, err
	}
	page := adminChangedPage{adminFrame: around, carried: on, Name: present.Name, Present: present.Version}
	for _, one := range versions {
		if one.Number > in.Seen {
			page.By = append(page.By, versionRow{one.Number, one.Author, one.Reason, exact(one.At)})
		}
	}
	three, err := documentsOf(seen, present, in.Record)
	if err != nil {
		return adminChangedPage{}, err
	}
	if page.Theirs, err = audit.Diff(three[0], three[1]); err != nil {
		return adminChangedPage{}, err
	}
	mine, err := audit.Diff(three[0], three[2])
	if err != nil {
		return adminChangedPage{}, err
	}
	merged, collisions, err := putTogether(seen, present, idms.DocumentOf(in.Record), nil)
	if err != nil {
		return adminChangedPage{}, err
	}
	text, err := json.Marshal(merged)
	if err != nil {
		return adminChangedPage{}, err
	}
	left, err := audit.Diff(three[1], text)
	if err != nil {
		return adminChangedPage{}, err
	}
	page.Nothing = len(left) == 0 && len(collisions) == 0
	for i, one := range collisions {
		if i == maxCollisions {
			page.MoreMine = len(collisions) - i
			break
		}
		page.Collisions = append(page.Collisions, collision{one, "choice-" + strconv.Itoa(i), "mine." + one.Field})
	}
	for _, one := range mine {
		row := mineRow{Change: one}
		for _, other := range collisions {
			row.Collides = row.Collides || one.Field == other.Field || len(one.Field) > len(other.Field) && one.Field[:len(other.Field)] == other.Field && (one.Field[len(other.Field)] == '.' || one.Field[len(other.Field)] == '[')
		}
		page.Mine = append(page.Mine, row)
	}
	return page, nil
}

func documentsOf(seen, present, mine idms.Record) (three [3][]byte, err error) {
	for i, record := range []idms.Record{seen, present, mine} {
		if three[i], err = candidateOf(record); err != nil {
			return three, err
		}
	}
	return three, nil
}

// adminMergeRecord applies changes to the present version of a record, and goes on
// as with any other change of it.
func (s *Site) adminMergeRecord(c echo.Context, who login.Visitor) error {
	in, problems, err := s.readIntent(c)
	if err != nil {
		return err
	}
	values := c.Request().PostForm
	present, err := strconv.Atoi(values.Get("present"))
	if err != nil || present < 1 {
		problems.Add("", "The form does not say which version your changes go to. Open the record again.")
	}
	if problems.Any() {
		return s.stopped(c, who, in, http.StatusUnprocessableEntity, problems)
	}
	ctx := c.Request().Context()
	base, err := s.Flow.Store.RecordAt(ctx, in.Record.Key, in.Seen)
	if err != nil {
		return err
	}
	theirs, err := s.Flow.Store.RecordAt(ctx, in.Record.Key, present)
	if err != nil {
		return err
	}
	step := mergeStep{On: present}
	merged, _, err := putTogether(base, theirs, idms.DocumentOf(in.Record), func(field string) bool {
		mine := values.Get("mine."+field) == "yes"
		if mine {
			step.Mine = append(step.Mine, field)
		}
		return mine
	})
	if err != nil {
		return err
	}
	record, problems := merged.Checked()
	if problems.Any() {
		return s.stopped(c, who, in, http.StatusUnprocessableEntity, problems)
	}
	in.Record, in.Seen, in.Shown = record, present, ""
	if in.Steps = append(in.Steps, step); len(in.Steps) > maxSteps {
		in.Steps = nil
	}
	if in.Restoring > 0 { // it is no former version any more
		in.Restoring = 0
		in.Reason = clip(maxReason, fmt.Sprintf("%s, put together with version %d", in.Reason, present))
	}
	err = s.carryOut(c, who, in)
	if problems := problemsOf(err); problems.Any() {
		return s.stopped(c, who, in, http.StatusUnprocessableEntity, problems)
	}
	return err
}

// adminStoppedPage says why a record was not saved, with the way back to the form.
type adminStoppedPage struct {
	adminFrame
	carried
	Sentence string
	Owners   []ownerRow // who the last ones are, when there would be none (S44)
	Problems fault.Problems
}

type ownerRow struct{ Username, URL, Record, RecordURL string }

func (adminStoppedPage) file() string { return "admin_stopped.html" }

func (s *Site) stopped(c echo.Context, who login.Visitor, in intent, status int, problems fault.Problems) error {
	page, err := adminStoppedPageOf(s.adminFrame(c, "Not saved", "records", who), in, problems)
	if err != nil {
		return err
	}
	return s.render(c, status, page)
}

func adminStoppedPageOf(around adminFrame, in intent, problems fault.Problems) (adminStoppedPage, error) {
	on, err := in.carried()
	return adminStoppedPage{adminFrame: around, carried: on, Sentence: "Something in it cannot be saved as it is. Nothing was changed.", Problems: problems}, err
}

// lastOwner answers who would lock every owner out (S44).
func (s *Site) lastOwner(c echo.Context, who login.Visitor, in intent, cause error) error {
	if !errors.Is(cause, store.ErrLastOwner) {
		return cause
	}
	all, err := s.Flow.Store.Administrators(c.Request().Context())
	if err != nil {
		return err
	}
	page, err := adminStoppedPageOf(s.adminFrame(c, "Not saved", "records", who), in, nil)
	if err != nil {
		return err
	}
	if s.Flow.Store.Current(c.Request().Context()).DoorShut {
		through := slices.DeleteFunc(slices.Clone(all), func(one store.Administrator) bool { return one.Local })
		if len(ownersAmong(through)) > 0 {
			all = through
		}
	}
	page.Sentence, page.Owners = fault.Sentence(cause), ownersAmong(all)
	return s.render(c, http.StatusConflict, page)
}

func ownersAmong(all []store.Administrator) []ownerRow {
	var owners []ownerRow
	for _, one := range all {
		if one.Role == roles.Owner && one.Able {
			owners = append(owners, ownerRow{one.Account.Username, below("people", one.Account.ID), one.Record, recordPage(one.Record)})
		}
	}
	return owners
}
