package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/rules"
	"idms/internal/trace"
)

// Bounds of what one page shows of a login; `idms trace` shows all of it.
const (
	maxRulesShown  = 200 // of each kind
	maxValuesShown = 50  // of one attribute
	maxValueShown  = 400 // characters
)

// adminLoginPage explains one login (S61).
type adminLoginPage struct {
	adminFrame
	loginRow
	Purpose string // in words
	Version int
	Cause   string // what the code means; "" when admitted
	Visitor string // what the visitor read; likewise
	Proved  bool   // the response was verified
	Current int    // version of the record that is in force; 0 when it is gone
	Compare string // address
	XML     responseKept
	Steps   []loginStep
	Decided bool // the rules were looked at
	Came    []arrived
	Rules   []ruleList
	Level   *levelGiven // nil when nothing was decided
	Changes []groupChange
	// Would is true when the changes are those that a refused test would have made.
	Would bool
}

// Refused is true when a step of the line refused, which is then open.
func (p adminLoginPage) Refused() bool {
	return slices.ContainsFunc(p.Steps, func(step loginStep) bool { return step.Open })
}

// loginStep is one dot of the line.
type loginStep struct {
	wrong
	State  string // passed, noted, refused, not reached
	Class  string
	Rule   string
	Looked string
	Open   bool // the first one that refused
	// Change is where what the fix names is changed; there may be no such page.
	Change  place
	Vendors []vendorWords // what the setting is called at the provider
}

// place is a page of ours and what to call it.
type place struct{ URL, Word string }

// vendorWords are what one vendor calls a setting, cut where it stands on a screen or
// in a file.
type vendorWords struct {
	Vendor string
	Says   []worded
}

type worded struct {
	Text           string
	Screen, InFile bool
}

// arrived is one attribute that came.
type arrived struct {
	Name       string
	Values     []string
	More       int
	Incomplete bool // the provider withheld the values
}

// ruleList is the rules of one kind, with what each found.
type ruleList struct {
	ID, Name string
	Rules    []ruleRow
	Total    int
}

// More is how many rules the page leaves out.
func (l ruleList) More() int { return l.Total - len(l.Rules) }

type ruleRow struct {
	Key, Attribute, Values, Pattern, Gives string
	Found                                  string // in words
	Outcome                                badge
	Winner                                 bool // this access rule decided
}

// levelGiven is the console level of a login, and why.
type levelGiven struct {
	Level  level
	Why    string
	Capped string // what elevating could give; "" when nothing keeps it lower
}

type groupChange struct{ Group, GroupURL, What, Why string }

func (adminLoginPage) file() string { return "admin_login.html" }

func (s *Site) adminLogin(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	told, err := s.Flow.Trace(ctx, c.Param("ref"))
	if err != nil {
		return err
	}
	username, err := s.username(ctx, told.UserID)
	if err != nil {
		return err
	}
	page := adminLoginPageOf(s.adminFrame(c, "Login "+told.Ref, "logins", who), told, username)
	record, err := s.Flow.Store.Record(ctx, told.Record)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	page = page.leading(record, s.Clock())
	if page.XML.Kept, err = s.Flow.Store.HasResponse(ctx, told.Ref); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

// leading adds what depends on the record as it is now: the zero record is one that
// is gone, where nothing can be changed any more.
func (p adminLoginPage) leading(record idms.Record, now time.Time) adminLoginPage {
	p.Current = record.Version
	p.XML.URL, p.XML.Keep = p.URL+"/response", below("records", p.Record)+"/keep-responses"
	p.XML.Possible = record.Key != "" && record.Key != idms.LocalKey
	if until := record.SAML.KeepResponsesUntil; until.After(now) {
		p.XML.Until = exact(until)
	}
	if record.Key != "" {
		return p
	}
	p.RecordURL = ""
	for i := range p.Steps {
		if !strings.HasPrefix(p.Steps[i].Change.URL, adminPath+"/people/") {
			p.Steps[i].Change = place{}
		}
	}
	return p
}

// username of one account, "" for nobody.
func (s *Site) username(ctx context.Context, id string) (string, error) {
	names, err := s.Flow.Store.UsernamesOf(ctx, []string{id})
	return names[id], err
}

func adminLoginPageOf(around adminFrame, told login.Trace, username string) adminLoginPage {
	page := adminLoginPage{
		adminFrame: around, loginRow: loginRowOf(told.Trace, username, true), Purpose: purposeWords(told.Purpose),
		Version: told.Version, Proved: told.Verified, Decided: told.Decision != nil,
	}
	if told.Code != "" {
		meaning := told.Code.Meaning()
		page.Cause, page.Visitor = meaning.Cause, meaning.Visitor
	}
	page.Steps, page.Compare = stepsOf(told), page.URL+"/compare"
	for i := range page.Steps {
		if one := &page.Steps[i]; trace.Code(one.Code) == trace.AccountDisabled && page.PersonURL != "" {
			one.Change = place{page.PersonURL, "Open the person’s page"}
		}
	}
	if told.Decision == nil {
		return page
	}
	page.Came = cameOf(told.Decision.Facts)
	page.Rules = ruleListsOf(told.Policy, *told.Decision)
	page.Level = levelGivenOf(told.Policy.Record(), *told.Decision)
	page.Changes = groupChangesOf(*told.Decision)
	if len(page.Changes) == 0 && len(told.Would) > 0 {
		page.Would = true
		for _, change := range told.Would {
			page.Changes = append(page.Changes, groupChangeOf(change))
		}
	}
	return page
}

func purposeWords(purpose idms.Purpose) string {
	switch purpose {
	case idms.Elevate:
		return "to elevate a session"
	case idms.Reapply:
		return "no login: rules were applied to the last one"
	case idms.Test:
		return "a test login, which lets nobody in"
	case login.LogOut:
		return "no login: a logout message of the provider"
	}
	return "to log in"
}

// stepsOf is the line of steps. Where the response was not accepted, what would
// have followed stands at its end as not reached.
func stepsOf(told login.Trace) []loginStep {
	var line []loginStep
	opened := false
	for _, step := range allSteps(told) {
		one := loginStep{wrong: problemOf(step), State: step.State.String(), Class: classOf(step.State), Rule: step.Rule, Looked: step.Looked}
		if step.State == trace.NotReached {
			one.State = "not reached"
		}
		if step.Fix != nil {
			one.Change = changePlace(told, step.Fix.Field)
			one.Vendors = vendorsOf(step)
		}
		if step.State == trace.Refused {
			one.State = "refused here"
			one.Open, opened = !opened, true
		}
		line = append(line, one)
	}
	if told.Decision == nil && told.Purpose != login.LogOut {
		for _, name := range []string{"mapping", "validation rules", "access rules", "groups"} {
			line = append(line, loginStep{wrong: wrong{Name: name}, State: "not reached", Class: classOf(trace.NotReached),
				Looked: "what a proved response says of the person"})
		}
	}
	return line
}

// changePlace is the very field that a fix names, on the page where it is changed. A
// rule is named by its key: its place in the list may be another one by now.
func changePlace(told login.Trace, field string) place {
	page := recordPage(told.Record)
	if page == "" || field == "" {
		return place{}
	}
	list, index, indexed := strings.Cut(field, "[")
	switch {
	case field == "state":
		return place{page, "Open the record"}
	case strings.HasPrefix(field, "directory."):
		return place{page + "/directory/edit#" + fieldID(list), "Change it in the record"}
	case list != "validation_rules" && list != "access_rules" && list != "associations":
		return place{page + "/edit#" + fieldID(list), "Change it in the record"}
	}
	number, _, _ := strings.Cut(index, "]")
	if at, err := strconv.Atoi(number); indexed && err == nil && told.Policy != nil {
		if key := ruleKey(told.Policy.Record(), list, at); key != "" {
			return place{rulePage(page, list, key), "Change the rule " + key}
		}
	}
	return place{page + "/rules", "Change the rules"}
}

// rulePage is the page of a record's rules, with one of them open.
func rulePage(record, list, key string) string {
	return record + "/rules?" + url.Values{"edit": {list + ":" + key}}.Encode()
}

// vendorsOf says what each vendor calls what is to be changed at the provider.
func vendorsOf(step trace.Step) []vendorWords {
	if step.State != trace.Refused || step.Fix.There == nil {
		return nil
	}
	var list []vendorWords
	for _, one := range trace.AtProvider(step.Code) {
		list = append(list, vendorWords{one.Vendor, wordedOf(one.Says)})
	}
	return list
}

// wordedOf cuts a wording: *on a screen*, `in a file`.
func wordedOf(says string) []worded {
	var list []worded
	for says != "" {
		at := strings.IndexAny(says, "*`")
		if at < 0 {
			return append(list, worded{Text: says})
		}
		mark := says[at : at+1]
		inside, rest, closed := strings.Cut(says[at+1:], mark)
		if !closed {
			return append(list, worded{Text: says})
		}
		if at > 0 {
			list = append(list, worded{Text: says[:at]})
		}
		list = append(list, worded{Text: inside, Screen: mark == "*", InFile: mark == "`"})
		says = rest
	}
	return list
}

func classOf(state trace.State) string {
	switch state {
	case trace.Passed:
		return good
	case trace.Noted:
		return mixed
	case trace.Refused:
		return bad
	}
	return neutral
}

func cameOf(facts rules.Attributes) []arrived {
	var came []arrived
	for _, fact := range facts {
		one := arrived{Name: fact.Name, Incomplete: fact.Incomplete}
		for _, value := range fact.Values[:min(len(fact.Values), maxValuesShown)] {
			one.Values = append(one.Values, clip(maxValueShown, value))
		}
		one.More = len(fact.Values) - len(one.Values)
		came = append(came, one)
	}
	return came
}

// ruleListsOf are the rules as they were in the version that decided. Of very many,
// those that are true come first, since they are what somebody asks about.
func ruleListsOf(policy *idms.Policy, decision idms.Decision) []ruleList {
	record, winner := policy.Record(), ""
	if at := decision.Console.Winner; at >= 0 && at < len(record.Access) && decidedByRule(decision.Console.Reason) {
		winner = record.Access[at].Key
	}
	lists := []ruleList{
		{ID: "validation_rules", Name: "Validation rules"},
		{ID: "access_rules", Name: "Access rules"},
		{ID: "associations", Name: "Associations"},
	}
	found := map[string][]idms.RuleFinding{}
	for _, one := range policy.Findings(decision) {
		found[one.List] = append(found[one.List], one)
	}
	for i := range lists {
		all := found[lists[i].ID]
		lists[i].Total = len(all)
		if len(all) > maxRulesShown {
			slices.SortStableFunc(all, func(a, b idms.RuleFinding) int { return cmp.Compare(weight(a), weight(b)) })
			all = all[:maxRulesShown]
		}
		for _, one := range all {
			lists[i].Rules = append(lists[i].Rules, ruleRowOf(one, winner))
		}
	}
	return lists
}

func decidedByRule(reason console.Reason) bool {
	return reason == console.ByGrant || reason == console.ByUnreadable
}

// weight puts what is true first, and then what nobody could read.
func weight(one idms.RuleFinding) int {
	switch {
	case one.True:
		return 0
	case one.Outcome == rules.Incomplete:
		return 1
	}
	return 2
}

func ruleRowOf(one idms.RuleFinding, winner string) ruleRow {
	row := ruleRow{
		Key: one.Key, Attribute: one.Attribute, Values: one.Values.String(), Pattern: one.Pattern, Gives: one.Group,
		Found: clip(maxValueShown, one.Words()), Winner: one.List == "access_rules" && one.Key == winner,
	}
	if level, err := console.ParseLevel(one.Level); one.Level != "" && err == nil {
		row.Gives = level.Label()
	}
	switch {
	case one.Inactive:
		row.Outcome = badge{"Not looked at", neutral}
	case one.Outcome == rules.Disabled:
		row.Outcome, row.Found = badge{"Switched off", neutral}, ""
	case one.Outcome == rules.Incomplete:
		row.Outcome = badge{"Not known", mixed}
	case one.True:
		row.Outcome = badge{"True", good}
	case one.List == "validation_rules":
		row.Outcome = badge{"False", bad}
	default:
		row.Outcome = badge{"False", neutral}
	}
	return row
}

// levelGivenOf is what the access rules gave, before and after the cap (S23 to S25).
func levelGivenOf(record idms.Record, decision idms.Decision) *levelGiven {
	given := &levelGiven{Level: levelWords(decision.Console.Level)}
	switch decision.Console.Reason {
	case console.ByNoGrants:
		given.Why = "There are no access rules, so everybody has Full Access."
	case console.ByGrant:
		given.Why = fmt.Sprintf("The access rule %s decided.", record.Access[decision.Console.Winner].Key)
	case console.ByUnreadable:
		given.Why = fmt.Sprintf("The access rule %s gives No Access and could not be read, so it counts.", record.Access[decision.Console.Winner].Key)
	default:
		given.Why = "There are access rules and none is true, so the default is No Access."
	}
	if decision.Capped() {
		given.Level, given.Capped = levelWords(decision.Level), decision.Console.Level.Label()
	}
	return given
}

// groupChangesOf are the groups about which the login decided something.
func groupChangesOf(decision idms.Decision) []groupChange {
	words := map[groups.Verdict]string{
		groups.Added: "joins", groups.Confirmed: "stays", groups.Removed: "leaves", groups.Held: "stays, though this record would remove",
		groups.Protected: "stays, since an attribute is not known", groups.Needed: "stays, since nobody else could administer idms",
	}
	var list []groupChange
	for _, one := range decision.Groups {
		what, ok := words[one.Verdict]
		if !ok {
			continue
		}
		change := groupChange{Group: one.Group, GroupURL: below("groups", one.Group), What: what, Why: "the directory"}
		if one.Rule != "" {
			change.Why = "the association " + one.Rule
		}
		for _, left := range one.Left {
			change.Why += "; " + left.Words()
		}
		list = append(list, change)
	}
	return list
}

func groupChangeOf(change groups.Change) groupChange {
	what := "would join"
	if change.Remove {
		what = "would leave"
	}
	return groupChange{Group: change.Group, GroupURL: below("groups", change.Group), What: what, Why: change.Source.Words()}
}
