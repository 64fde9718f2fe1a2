package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/console"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/trace"
)

// roleToEdit is what somebody must at least be to change rules, and to see what
// providers say of people.
const roleToEdit = roles.Editor

// adminRulesPage is the rules of a record: to read, and for editors to change.
type adminRulesPage struct {
	adminFrame
	form
	Nav      []section
	Name     string
	Key      string
	URL      string
	State    badge
	Version  int
	Seen     int
	Newer    bool   // somebody has saved another version since
	EditsRaw string // JSON
	Unsaved  []string
	More     int  // unsaved changes that are not told one by one
	Begun    bool // something is typed that is no change yet
	Query    string
	Reason   string
	Types    []option
	Lists    []rulesTable
	Open     *ruleEditor
	Bulk     *bulkEditor
	Trial    trial
}

// rulesTable is one list of rules.
type rulesTable struct {
	Name, Title, Add string // Name as in the record file
	Default          string // what becomes of who matches none
	Rows             []ruleLine
	Total, Found     int
	Page, Pages      int // Page from 0
}

// From and To are the places of the rows that are shown, among those that were found.
func (t rulesTable) From() int   { return t.Page*rulesPerPage + 1 }
func (t rulesTable) To() int     { return t.Page*rulesPerPage + len(t.Rows) }
func (t rulesTable) Before() int { return t.Page - 1 }
func (t rulesTable) After() int  { return t.Page + 1 }
func (t rulesTable) Last() bool  { return t.Page+1 >= t.Pages }

// ruleLine is a rule as it is read aloud.
type ruleLine struct {
	Key, ID          string
	Before           string // "any value of", before the attribute; "" for the usual
	Attribute, Verb  string
	Pattern          string
	Gives, GivesURL  string
	Class            string // of the level's badge
	Options          []string
	Off, First, Last bool
	IsOpen           bool
	Warnings         []string
}

// ruleEditor is the rule that is open for typing.
type ruleEditor struct {
	List, Title, Key string
	New              bool
	NewKey           string
	Attribute        string
	Pattern          string
	Matches, Values  []option
	IgnoreCase, On   bool
	Levels           []option
	Group            string
	Groups           []groups.Group // to choose from, the first of them
	UpdateOnLogin    bool
	OnlyOwn          bool
	OnMissing        []option
	Place            string
	Places           int
	Attributes       []string // that came lately
}

type bulkEditor struct {
	bulkRules
	Title, Example, Gives string
	Attributes            []string
}

func (adminRulesPage) file() string { return "admin_rules.html" }

const (
	unsavedShown = 12
	groupsOffer  = 500 // groups that a field offers by itself
)

func (s *Site) showRules(c echo.Context, who login.Visitor, status int, in rulesForm, d draft) error {
	ctx := c.Request().Context()
	present, err := s.Flow.Store.Edition(ctx, d.base.Key)
	if err != nil {
		return err
	}
	page := adminRulesPageOf(s.adminFrame(c, "Rules", "records", who), in, d)
	page.Newer = present.Version != in.Seen
	if page.Edits() {
		tried, err := s.try(ctx, in, d)
		if err != nil {
			return err
		}
		page.Trial = tried.trial
		page.offer(tried.attributes)
		if page.Open != nil && page.Open.List == associations {
			if page.Open.Groups, _, err = s.Flow.Store.GroupsPage(ctx, "", groupsOffer); err != nil {
				return err
			}
		}
	}
	return s.render(c, status, page)
}

// offer gives fields for attributes what came lately to choose from.
func (p *adminRulesPage) offer(attributes []string) {
	if p.Open != nil {
		p.Open.Attributes = attributes
	}
	if p.Bulk != nil {
		p.Bulk.Attributes = attributes
	}
}

func adminRulesPageOf(around adminFrame, in rulesForm, d draft) adminRulesPage {
	page := adminRulesPage{
		adminFrame: around, form: form{in.problem}, Nav: recordNav(around.Role, d.base.Key, "rules"), Name: d.base.Name, Key: d.base.Key,
		URL: below("records", d.base.Key) + "/rules", State: recordState(d.base.State), Version: d.base.Version, Seen: in.Seen,
		Query: in.Query, Reason: in.Reason,
		Types: optionsOf(string(d.record.Association), option{Value: string(idms.ByRules), Label: "by associations"},
			option{Value: string(idms.FromDirectory), Label: "from the directory"}),
	}
	page.Title = "Rules of " + d.base.Name
	former, _ := d.openAt(in.Open.List, in.Open.Key)
	page.Begun = in.Reason != "" || in.Bulk.Lines != "" || in.Open.List != "" && !in.Open.blank() && (!same(former.Text, in.Open.Text) || in.Open.At != "")
	if len(in.Edits) > 0 {
		page.EditsRaw = writeEdits(in.Edits)
	}
	for i, edit := range in.Edits {
		if i == unsavedShown {
			page.More = len(in.Edits) - i
			break
		}
		page.Unsaved = append(page.Unsaved, editWords(edit))
	}
	if d.record.Association != d.base.Association && (d.record.Association == idms.FromDirectory || d.base.Association == idms.FromDirectory) {
		said := "groups come by associations"
		if d.record.Association == idms.FromDirectory {
			said = "groups come from the directory"
		}
		page.Unsaved = append(page.Unsaved, said)
	}
	page.Lists = tablesOf(in, d)
	if in.Open.List != "" {
		page.Open = editorOf(in.Open, d)
	}
	if in.Bulk.List != "" {
		page.Bulk = bulkEditorOf(in.Bulk)
	}
	return page
}

func writeEdits(edits []idms.RuleEdit) string {
	text, err := json.Marshal(struct {
		Edits []idms.RuleEdit `json:"edits"`
	}{edits})
	if err != nil {
		panic("web: edits cannot be written: " + err.Error()) // they are texts and numbers
	}
	return string(text)
}

var listNames = map[string]struct{ title, add, one string }{
	validationRules: {"Validation rules", "Add a validation rule", "validation rule"},
	accessRules:     {"Access rules", "Add an access rule", "access rule"},
	associations:    {"Associations", "Add an association", "association"},
}

func editWords(edit idms.RuleEdit) string {
	one := listNames[edit.List].one
	switch edit.Do {
	case idms.AddRules:
		if len(edit.Put) != 1 {
			return fmt.Sprintf("%d %ss added", len(edit.Put), one)
		}
		return fmt.Sprintf("%s %s added: %s", one, edit.Put[0].Keyed(edit.List).Key, clip(80, edit.Put[0].Pattern))
	case idms.ChangeRule:
		return one + " " + edit.Key + " changed"
	case idms.RemoveRule:
		return one + " " + edit.Key + " removed"
	case idms.SwitchRule:
		return one + " " + edit.Key + " switched on or off"
	case idms.MoveRule:
		return fmt.Sprintf("%s %s moved to place %d", one, edit.Key, edit.To)
	}
	return string(edit.Do)
}

func tablesOf(in rulesForm, d draft) []rulesTable {
	defaults := d.record.Defaults()
	tables := make([]rulesTable, len(editedLists))
	for i, list := range editedLists {
		names := listNames[list]
		all := d.document.Rules(list)
		table := rulesTable{Name: list, Title: names.title, Add: names.add, Total: len(all),
			Default: []string{defaults.Validation, defaults.Access, defaults.Associations}[i]}
		var found []int
		for at, rule := range all {
			if speaksOf(rule, in.Query) {
				found = append(found, at)
			}
		}
		table.Found = len(found)
		table.Pages = max(1, (len(found)+rulesPerPage-1)/rulesPerPage)
		table.Page = min(in.Pages[list], table.Pages-1)
		from := table.Page * rulesPerPage
		for _, at := range found[from:min(len(found), from+rulesPerPage)] {
			line := lineOf(list, all[at], d.record)
			line.ID = fieldID(fmt.Sprintf("%s[%s]", list, all[at].Key))
			line.First, line.Last = at == 0, at == len(all)-1
			line.IsOpen = in.Open.List == list && in.Open.Key == all[at].Key
			table.Rows = append(table.Rows, line)
		}
		tables[i] = table
	}
	return tables
}

// speaksOf is true for a rule that has the text anywhere, case aside.
func speaksOf(rule idms.RuleText, query string) bool {
	if query == "" {
		return true
	}
	query = strings.ToLower(query)
	return slices.ContainsFunc([]string{rule.Key, rule.Attribute, rule.Pattern, rule.Group, rule.Level}, func(text string) bool {
		return strings.Contains(strings.ToLower(text), query)
	})
}

func lineOf(list string, rule idms.RuleText, record idms.Record) ruleLine {
	line := ruleLine{Key: rule.Key, Attribute: rule.Attribute, Pattern: rule.Pattern, Verb: "matches", Off: rule.Enabled != nil && !*rule.Enabled}
	switch rule.Values {
	case "all":
		line.Before = "every value of"
	case "none":
		line.Before = "no value of"
	}
	if list == validationRules {
		line.Verb = "must match"
		if rule.Values == "none" {
			line.Verb = "may match"
		}
	}
	add := func(set bool, words string) {
		if set {
			line.Options = append(line.Options, words)
		}
	}
	add(rule.Match == "full", "whole value")
	add(rule.IgnoreCase, "case ignored")
	add(rule.UpdateOnLogin, "update on login")
	add(rule.OnlyOwn, "removes only its own")
	add(rule.OnMissing == groups.Keep, "keeps when the attribute is missing")
	switch list {
	case accessRules:
		level, err := console.ParseLevel(rule.Level)
		line.Gives, line.Class = rule.Level, neutral
		if err == nil {
			words := levelWords(level)
			line.Gives, line.Class = words.Word, words.Class
		}
	case associations:
		line.Gives, line.GivesURL = rule.Group, below("groups", rule.Group)
		same := 0
		for _, other := range record.Associations {
			if other.Group == rule.Group {
				same++
			}
		}
		if same > 1 {
			line.Options = append(line.Options, fmt.Sprintf("%d associations for this group", same))
		}
	}
	pattern, err := rules.ParsePattern(rule.Pattern, rules.Options{Full: rule.Match == "full", IgnoreCase: rule.IgnoreCase})
	if err == nil {
		line.Warnings = pattern.Advice()
	}
	return line
}

func editorOf(open openRule, d draft) *ruleEditor {
	text := open.Text
	editor := &ruleEditor{
		List: open.List, Key: open.Key, New: open.Key == "", NewKey: text.Key, Attribute: text.Attribute, Pattern: text.Pattern,
		IgnoreCase: text.IgnoreCase, On: text.Enabled == nil || *text.Enabled, Group: text.Group, UpdateOnLogin: text.UpdateOnLogin, OnlyOwn: text.OnlyOwn,
		Matches: optionsOf(cmp.Or(text.Match, "search"), option{Value: "search", Label: "a part of the value"}, option{Value: "full", Label: "the whole value"}),
		Values: optionsOf(cmp.Or(text.Values, "any"), option{Value: "any", Label: "any value matches"}, option{Value: "all", Label: "every value matches"},
			option{Value: "none", Label: "no value matches"}),
		Levels: optionsOf(text.Level, option{Value: "full", Label: console.Full.Label()}, option{Value: "restricted", Label: console.Restricted.Label()},
			option{Value: "none", Label: console.NoAccess.Label()}),
		OnMissing: optionsOf(cmp.Or(string(text.OnMissing), string(groups.Remove)), option{Value: string(groups.Remove), Label: "count as not matching, and remove"},
			option{Value: string(groups.Keep), Label: "keep the member"}),
		Place: open.At, Places: len(d.document.Rules(open.List)),
	}
	editor.Title = listNames[open.List].add
	if !editor.New {
		editor.Title = "Change the " + listNames[open.List].one + " " + open.Key
	}
	return editor
}

func bulkEditorOf(of bulkRules) *bulkEditor {
	editor := &bulkEditor{bulkRules: of, Title: "Add many: " + strings.ToLower(listNames[of.List].title)}
	switch of.List {
	case validationRules:
		editor.Example = "One pattern a line, such as ^employee$"
	case accessRules:
		editor.Example, editor.Gives = "One rule a line: a pattern, an arrow, and full, restricted or none, as in ^cloud-admins$ → full", "level"
	case associations:
		editor.Example, editor.Gives = "One rule a line: a pattern, an arrow, and the key of a group, as in ^platform-team$ → platform", "group"
	}
	return editor
}

// Edits is true for who may change rules and see what providers say; it is that of
// the frame.
func (p adminRulesPage) Edits() bool { return p.adminFrame.Edits() }

// judgement is what is to be said of the open rule.
type judgement struct {
	Shown  bool
	Before string // of a pattern that cannot be read: before the piece, the piece, and behind it
	Piece  string
	After  string
	Wrong  []string
	Advice []string
}

// judge says what is wrong with the open rule, and what somebody may not have meant
// by it. came are the attributes that providers sent lately.
func judge(open openRule, d draft, came []string) judgement {
	if open.List == "" || open.blank() {
		return judgement{}
	}
	verdict := judgement{Shown: true}
	record, problems, at := d.withOpen(open)
	for _, one := range problems {
		if one.Field == "rule.attribute" && open.Text.Attribute == "" || one.Field == "rule.group" && open.Text.Group == "" || one.Field == "rule.pattern" && open.Text.Pattern == "" {
			continue // not typed yet
		}
		verdict.Wrong = append(verdict.Wrong, one.Message)
	}
	if from, to, ok := rules.Place(open.Text.Pattern); ok {
		verdict.Before, verdict.Piece, verdict.After = open.Text.Pattern[:from], open.Text.Pattern[from:to], open.Text.Pattern[to:]
	}
	if at >= 0 {
		verdict.Advice = adviceAt(record, open, at)
	}
	if name := open.Text.Attribute; name != "" && !strings.HasPrefix(name, "@") && len(came) > 0 && !slices.Contains(came, name) {
		said := fmt.Sprintf("%s came in none of the last logins.", name)
		if near := trace.Nearest(name, came); len(near) > 0 {
			said += " Did you mean " + strings.Join(near, " or ") + "?"
		}
		verdict.Advice = append(verdict.Advice, said)
	}
	return verdict
}

// adviceAt is what Record.Warnings says of one rule, without looking at the others'
// patterns; record is the draft with the rule in it.
func adviceAt(record idms.Record, open openRule, at int) []string {
	alone := idms.Record{State: record.State, Association: record.Association}
	wanted := fmt.Sprintf("%s[%d]", open.List, 0)
	switch {
	case open.List == validationRules && at < len(record.Validation):
		alone.Validation = record.Validation[at : at+1]
	case open.List == accessRules && at < len(record.Access):
		alone.Access = record.Access[at : at+1]
	case open.List == associations && at < len(record.Associations):
		group := record.Associations[at].Group
		for i, one := range record.Associations { // two for one group are told at the first
			if one.Group == group {
				if i == at {
					wanted = fmt.Sprintf("%s[%d]", associations, len(alone.Associations))
				}
				alone.Associations = append(alone.Associations, one)
			}
		}
	}
	var advice []string
	for _, one := range alone.RuleWarnings() {
		if strings.HasPrefix(one.Field, wanted+".") || one.Field == associations+"[0].group" {
			advice = append(advice, one.Message)
		}
	}
	return advice
}
