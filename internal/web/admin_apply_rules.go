package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// Rules act at the next login. Here they are applied at once, to what the provider
// said last, by somebody who has seen what changes (S43).

// appliedPerson is what changes for one person.
type appliedPerson struct {
	Person   place
	Recorded exact
	Version  int
	Refused  string // the code with which a login would be refused; "" when it would be admitted
	Level    level  // that a login would give
	Groups   []groupChange
	Sessions []appliedSession
	Login    string // address of the explanation; "" in a preview
	Any      bool
}

type appliedSession struct {
	Opened   exact
	From, To string
}

func appliedPersonOf(done login.Reapplied) appliedPerson {
	one := appliedPerson{
		Person:   place{below("people", done.Account.ID), done.Account.Username},
		Recorded: exact(done.Recorded), Version: done.Version, Level: levelWords(done.Decision.Level), Any: done.Any(),
	}
	if !done.Decision.Admitted {
		one.Refused, one.Level = string(done.Decision.Code), levelWords(console.NoAccess)
	}
	for _, group := range done.Groups {
		one.Groups = append(one.Groups, groupChangeOfReason(group))
	}
	for _, session := range done.Sessions {
		to := session.To.Label()
		if session.Ends {
			to = "ends"
		}
		one.Sessions = append(one.Sessions, appliedSession{exact(session.Opened), session.From.Label(), to})
	}
	if done.Trace != "" {
		one.Login = below("logins", done.Trace)
	}
	return one
}

func groupChangeOfReason(reason idms.GroupReason) groupChange {
	change := groupChange{Group: reason.Group, GroupURL: below("groups", reason.Group), What: "stays, for other reasons than before", Why: "the directory"}
	switch reason.Verdict {
	case groups.Added:
		change.What = "joins"
	case groups.Removed:
		change.What = "leaves"
	}
	if reason.Rule != "" {
		change.Why = "the association " + reason.Rule + ", since " + clip(maxValueShown, reason.Why)
	}
	return change
}

// adminApplyPage previews, for one person.
type adminApplyPage struct {
	adminFrame
	Person   place
	Refusal  string // why nothing can be applied, or was not
	Possible bool
	appliedPerson
	Seen   string // digest of the preview
	Action string
	Reason string
}

func (adminApplyPage) file() string { return "admin_person_apply.html" }

func (s *Site) applyPage(c echo.Context, who login.Visitor, person store.Person) (adminApplyPage, error) {
	page := adminApplyPage{adminFrame: s.adminFrame(c, "Apply rules now", "people", who)}
	preview, err := s.Flow.Reapply(c.Request().Context(), person.Account.ID, login.How{By: s.author(who), Preview: true})
	if fault.KindOf(err) == fault.Conflict && !errors.Is(err, store.ErrStale) {
		page.Refusal = fault.Sentence(err)
		return page.about(person), nil
	}
	if err != nil {
		return page, err
	}
	page.Possible, page.appliedPerson, page.Seen = true, appliedPersonOf(preview), preview.Digest()
	return page.about(person), nil
}

func (p adminApplyPage) about(person store.Person) adminApplyPage {
	whole := adminPersonPageOf(p.adminFrame, person)
	p.Person, p.Action = place{whole.URL, whole.Heading()}, whole.URL+"/apply-rules"
	return p
}

func (s *Site) adminPersonRules(c echo.Context, who login.Visitor) error {
	person, err := s.person(c.Request().Context(), c.Param("user"))
	if err != nil {
		return err
	}
	page, err := s.applyPage(c, who, person)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) adminApplyToPerson(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	typed, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return err
	}
	seen := typed.Get("seen")
	if seen == "" {
		return see(c, personURL(person)+"/apply-rules") // nobody has looked
	}
	by, err := s.reasoned(who, typed.Get("reason"))
	if err == nil {
		_, err = s.Flow.Reapply(ctx, person.Account.ID, login.How{By: by, Seen: seen})
	}
	if err == nil {
		return done(c, personURL(person), "rules-applied")
	}
	kind := fault.KindOf(err)
	if kind != fault.Conflict && kind != fault.Invalid || errors.Is(err, store.ErrStale) {
		return err
	}
	page, failed := s.applyPage(c, who, person)
	if failed != nil {
		return failed
	}
	page.Refusal, page.Reason = fault.Sentence(err), clip(maxReason, typed.Get("reason"))
	return s.render(c, statuses[kind], page)
}

// adminApplyAllPage previews, or tells, what applying the rules to all people of a
// record does: a part of them at a time.
type adminApplyAllPage struct {
	adminFrame
	Nav       []section
	Key, Name string
	Version   int
	Refusal   string
	Applying  bool // not a preview
	Totals    login.ReappliedToAll
	Of        int // people of the record
	People    []appliedPerson
	After     string // account behind which it goes on; "" when everybody was looked at
	Next      string // address of the further preview
	Action    string
	Reason    string
	Possible  bool
}

func (adminApplyAllPage) file() string { return "admin_record_apply.html" }

// Bounds of one part.
const (
	applyTime  = 8 * time.Second
	applyShown = 100 // people for whom something changes
)

// Done is true when everybody was looked at.
func (p adminApplyAllPage) Done() bool { return p.Possible && p.After == "" }

func (s *Site) adminRecordRules(c echo.Context, who login.Visitor) error {
	return s.applyPart(c, who, c.QueryParams(), false)
}

func (s *Site) adminApplyToRecord(c echo.Context, who login.Visitor) error {
	typed, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	if typed.Get("version") == "" {
		return see(c, below("records", c.Param("record"))+"/apply-rules") // nobody has looked
	}
	return s.applyPart(c, who, typed, true)
}

// applyPart looks at as many people as there is time for, and carries the totals of
// the parts before along in its address or form.
func (s *Site) applyPart(c echo.Context, who login.Visitor, typed url.Values, applying bool) error {
	ctx, key := c.Request().Context(), c.Param("record")
	edition, err := s.Flow.Store.Edition(ctx, key)
	if err != nil || key == idms.LocalKey {
		return fault.New(fault.NotFound, "There is no such record any more.")
	}
	by, err := s.reasoned(who, typed.Get("reason"))
	if err != nil {
		return err
	}
	page := adminApplyAllPage{adminFrame: s.adminFrame(c, "Apply rules now", "records", who), Nav: recordNav(who.Role, key, "apply-rules"), Key: key,
		Name: edition.Name, Version: edition.Version, Applying: applying, Action: below("records", key) + "/apply-rules", Reason: by.Reason}
	if page.Of, err = s.Flow.Store.PeopleOf(ctx, key); err != nil {
		return err
	}
	after, totals := typed.Get("after"), totalsIn(typed)
	if applying && typed.Get("version") != strconv.Itoa(edition.Version) {
		// The rest was decided by other rules than those that somebody has seen.
		page.Applying, page.Refusal = false, "The record was changed since you looked: this is what its rules would do now. Nobody else was touched."
		after, totals, applying = "", login.ReappliedToAll{}, false
	}
	began := time.Now()
	enough := func(so login.ReappliedToAll) bool { return so.Changed >= applyShown || time.Since(began) > applyTime }
	part, next, err := s.Flow.ReapplyToSome(ctx, key, after, login.How{By: by, Preview: !applying}, enough, func(one login.Reapplied) error {
		page.People = append(page.People, appliedPersonOf(one))
		return nil
	})
	if fault.KindOf(err) == fault.Conflict && !errors.Is(err, store.ErrStale) {
		page.Refusal = fault.Sentence(err)
		return s.render(c, http.StatusOK, page)
	}
	if err != nil {
		return err
	}
	page.Possible, page.Totals, page.After = true, sumOf(totals, part), next
	if next != "" && !applying {
		page.Next = addressOf(page.Action, page.carried())
	}
	status := http.StatusOK
	if page.Refusal != "" {
		status = http.StatusConflict
	}
	return s.render(c, status, page)
}

// carried is what the next part has to know of those before.
func (p adminApplyAllPage) carried() url.Values {
	number := strconv.Itoa
	return url.Values{"after": {p.After}, "people": {number(p.Totals.People)}, "changed": {number(p.Totals.Changed)},
		"unchanged": {number(p.Totals.Unchanged)}, "unknown": {number(p.Totals.Unknown)}, "skipped": {number(p.Totals.Skipped)}}
}

// Carried are the hidden fields of the form that goes on.
func (p adminApplyAllPage) Carried() []namedValue {
	var list []namedValue
	for _, name := range []string{"after", "people", "changed", "unchanged", "unknown", "skipped"} {
		list = append(list, namedValue{name, p.carried().Get(name)})
	}
	return list
}

type namedValue struct{ Name, Value string }

// totalsIn reads what an address says was counted before; it is shown, and nothing
// depends on it.
func totalsIn(typed url.Values) login.ReappliedToAll {
	number := func(name string) int {
		n, err := strconv.Atoi(typed.Get(name))
		if err != nil || n < 0 || n > 1e9 {
			return 0
		}
		return n
	}
	if typed.Get("after") == "" {
		return login.ReappliedToAll{}
	}
	return login.ReappliedToAll{People: number("people"), Changed: number("changed"), Unchanged: number("unchanged"), Unknown: number("unknown"), Skipped: number("skipped")}
}

func sumOf(a, b login.ReappliedToAll) login.ReappliedToAll {
	return login.ReappliedToAll{People: a.People + b.People, Changed: a.Changed + b.Changed, Unchanged: a.Unchanged + b.Unchanged,
		Unknown: a.Unknown + b.Unknown, Skipped: a.Skipped + b.Skipped}
}
