package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/rules"
)

// The rules of a record are edited in one form without anything being saved: every
// button posts the whole form and shows it again, so that it works without scripts
// and nothing that was typed is lost. What the form carries is not the rules but the
// edits made to them since the version that was opened: five rules and ten thousand
// are then the same few bytes, each edit can be taken back, and the page may show a
// hundred rules at a time. One rule is open for typing at once; it becomes an edit
// when it is put into its list, or when something else is opened or saved.

// editedLists are the lists of rules in the order of a login.
var editedLists = []string{validationRules, accessRules, associations}

// Bounds of one form.
const (
	maxEdits     = 1000 // not saved yet; adding many rules at once is one
	rulesPerPage = 100
	maxTried     = 256 << 10 // bytes of what is pasted to try
)

// rulesForm is the state of the page, as its form carries it.
type rulesForm struct {
	Seen    int
	Edits   []idms.RuleEdit
	Type    idms.AssociationType
	Reason  string
	Query   string
	Pages   map[string]int // list to page, from 0
	Open    openRule
	Bulk    bulkRules
	Pasted  string
	Person  string
	problem fault.Problems
}

// openRule is the rule that is open for typing.
type openRule struct {
	List string // "" when none is open
	Key  string // "" of a new one
	Text idms.RuleText
	At   string // place in the list, as typed; "" leaves it
}

// bulkRules are many rules to add, one a line.
type bulkRules struct {
	List          string // "" when this is not open
	Attribute     string
	Lines         string
	Exact         bool // the lines have values, not patterns
	UpdateOnLogin bool
}

// draft is the record that a form makes of the version that it was opened with.
type draft struct {
	base     idms.Record
	document idms.Document
	record   idms.Record
	problems fault.Problems
}

func (s *Site) draft(ctx context.Context, key string, in rulesForm) (draft, error) {
	base, err := s.Flow.Store.RecordAt(ctx, key, in.Seen)
	if err != nil {
		return draft{}, err
	}
	d := draft{base: base}
	if d.document, err = idms.DocumentOf(base).Edited(in.Edits); err != nil {
		return draft{}, err
	}
	if in.Type != "" {
		d.document.Type = in.Type
	}
	d.record, d.problems = d.document.Checked()
	d.record.ID = base.ID
	return d, nil
}

// withOpen is the draft with the open rule in its place, as far as it can be read.
func (d draft) withOpen(open openRule) (idms.Record, fault.Problems, int) {
	edit, ok := open.edit()
	if !ok {
		return d.record, nil, -1
	}
	document, err := d.document.Edited([]idms.RuleEdit{edit})
	if err != nil {
		return d.record, nil, -1
	}
	record, problems := document.Checked()
	list := document.Rules(open.List)
	at := len(list) - 1
	if open.Key != "" {
		at = slices.IndexFunc(list, func(rule idms.RuleText) bool { return rule.Key == open.Key })
	}
	return record, problemsAt(problems, fmt.Sprintf("%s[%d]", open.List, at)), at
}

// problemsAt are those of one part, by their paths below rule.
func problemsAt(problems fault.Problems, path string) fault.Problems {
	var list fault.Problems
	for _, one := range problems {
		if rest, ok := strings.CutPrefix(one.Field, path); ok && (rest == "" || rest[0] == '.') {
			list.Add("rule"+rest, "%s", one.Message)
		}
	}
	return list
}

// edit is what the open rule changes, and false when none is open.
func (o openRule) edit() (idms.RuleEdit, bool) {
	switch {
	case o.List == "":
		return idms.RuleEdit{}, false
	case o.Key == "":
		return idms.RuleEdit{List: o.List, Do: idms.AddRules, Put: []idms.RuleText{o.Text}}, true
	}
	return idms.RuleEdit{List: o.List, Do: idms.ChangeRule, Key: o.Key, Put: []idms.RuleText{o.Text}}, true
}

// blank is true of a new rule into which nothing was typed.
func (o openRule) blank() bool {
	return o.List != "" && o.Key == "" && o.Text.Key == "" && o.Text.Attribute == "" && o.Text.Pattern == "" && o.Text.Group == ""
}

// openAt opens a rule of a list for typing.
func (d draft) openAt(list, key string) (openRule, bool) {
	for _, rule := range d.document.Rules(list) {
		if rule.Key == key {
			return openRule{List: list, Key: key, Text: rule}, true
		}
	}
	return openRule{}, false
}

// newRule is an empty one of a list.
func newRule(list string) openRule {
	open := openRule{List: list}
	if list == accessRules {
		open.Text.Level = "full"
	}
	return open
}

func isRuleList(name string) bool { return slices.Contains(editedLists, name) }

// adminRules shows the rules of a record.
func (s *Site) adminRules(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	record, err := ofRecord(c, s.Flow.Store.Edition)
	if err != nil {
		return err
	}
	in := rulesForm{Seen: record.Version, Query: queried(c, "q"), Pages: map[string]int{}}
	for _, list := range editedLists {
		in.Pages[list] = max(0, numberIn(c.QueryParam("page."+list)))
	}
	d, err := s.draft(ctx, record.Key, in)
	if err != nil {
		return err
	}
	if list, key, ok := strings.Cut(c.QueryParam("edit"), ":"); ok && who.Role.May(roleToEdit) && isRuleList(list) {
		in.Open, _ = d.openAt(list, key)
	}
	return s.showRules(c, who, http.StatusOK, in, d)
}

// adminEditRules takes the form with the button that was pressed.
func (s *Site) adminEditRules(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	record, err := ofRecord(c, s.Flow.Store.Edition)
	if err != nil {
		return err
	}
	values, err := posted(c, maxForm)
	if err != nil {
		return err
	}
	in, err := readRules(values, record.Version)
	if err != nil {
		return err
	}
	d, err := s.draft(ctx, record.Key, in)
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.Invalid, "The form was made for a version of the record that there is not. Open the rules again.")
	}
	if err != nil {
		return err
	}
	do, what, _ := strings.Cut(values.Get("do"), ":")
	list, rest, _ := strings.Cut(what, ":")

	// What is open is put into its list before anything else is opened or saved.
	if keeps(do) {
		if d, err = s.keep(ctx, &in, d); err != nil {
			return err
		}
		if in.problem.Any() {
			return s.showRules(c, who, http.StatusUnprocessableEntity, in, d)
		}
	}
	if do == "page" && isRuleList(list) {
		in.Pages[list] = max(0, numberIn(rest))
	}
	if (do == "" || do == "page") && in.untouched(d) {
		if do == "" { // what is found begins at its first page
			clear(in.Pages)
		}
		return see(c, in.address(d.base.Key, list))
	}
	switch do {
	case "save":
		return s.saveRules(c, who, in, d)
	case "undo":
		if len(in.Edits) > 0 {
			in.Edits = in.Edits[:len(in.Edits)-1]
		}
	case "close":
		in.Open, in.Bulk = openRule{}, bulkRules{}
	case "new":
		if isRuleList(list) {
			in.Open = newRule(list)
		}
	case "edit":
		in.Open, _ = d.openAt(list, rest)
	case "bulk":
		if isRuleList(list) {
			in.Bulk = bulkRules{List: list}
		}
	case "remove", "switch", "up", "down":
		in.change(d, do, list, rest)
	}
	if d, err = s.draft(ctx, record.Key, in); err != nil {
		return err
	}
	return s.showRules(c, who, http.StatusOK, in, d)
}

// untouched is true of a form that holds nothing but what is looked for, which an
// address holds as well.
func (in *rulesForm) untouched(d draft) bool {
	return len(in.Edits) == 0 && in.Open.List == "" && in.Bulk.List == "" && in.Reason == "" && in.Pasted == "" && in.Person == "" &&
		(d.record.Association == idms.FromDirectory) == (d.base.Association == idms.FromDirectory)
}

// address is that of the rules as they are looked at, to be sent to a colleague; list
// is where the page begins, "" for its top.
func (in *rulesForm) address(key, list string) string {
	query := url.Values{"q": {in.Query}}
	for _, one := range editedLists {
		if page := in.Pages[one]; page > 0 {
			query.Set("page."+one, strconv.Itoa(page))
		}
	}
	address := addressOf(below("records", key)+"/rules", query)
	if isRuleList(list) {
		address += "#" + list
	}
	return address
}

// keeps is true of buttons after which what was open is in its list.
func keeps(do string) bool {
	return slices.Contains([]string{"keep", "new", "edit", "bulk", "save"}, do)
}

// change makes an edit of one rule.
func (in *rulesForm) change(d draft, do, list, key string) {
	edit := idms.RuleEdit{List: list, Key: key}
	all := d.document.Rules(list)
	at := slices.IndexFunc(all, func(rule idms.RuleText) bool { return rule.Key == key })
	if at < 0 {
		return
	}
	switch do {
	case "remove":
		edit.Do = idms.RemoveRule
		if in.Open.List == list && in.Open.Key == key {
			in.Open = openRule{}
		}
	case "switch":
		edit.Do = idms.SwitchRule
	case "up":
		edit.Do, edit.To = idms.MoveRule, at // its place is at+1
	case "down":
		edit.Do, edit.To = idms.MoveRule, at+2
	}
	if edit.Do == idms.MoveRule && (edit.To < 1 || edit.To > len(all)) {
		return
	}
	in.add(edit)
}

func (in *rulesForm) add(edit idms.RuleEdit) {
	if len(in.Edits) >= maxEdits {
		in.problem.Add("", "There are %d changes that are not saved. Save them before you go on.", len(in.Edits))
		return
	}
	in.Edits = append(in.Edits, edit)
}

// keep puts what is open into its list, or says what is wrong with it.
func (s *Site) keep(ctx context.Context, in *rulesForm, d draft) (draft, error) {
	if in.Bulk.List != "" {
		added, problems := in.Bulk.rules()
		in.problem = append(in.problem, problems...)
		if !in.problem.Any() && len(added) > 0 {
			in.add(idms.RuleEdit{List: in.Bulk.List, Do: idms.AddRules, Put: added})
		}
		if !in.problem.Any() {
			in.Bulk = bulkRules{}
		}
	}
	if edit, ok := in.Open.edit(); ok && !in.Open.blank() {
		_, problems, _ := d.withOpen(in.Open)
		if in.Open.List == associations && idms.IsKey(in.Open.Text.Group) {
			if _, err := s.Flow.Store.Group(ctx, in.Open.Text.Group); fault.KindOf(err) == fault.NotFound {
				problems.Add("rule.group", "There is no group %q. Make it first, or choose another.", clip(80, in.Open.Text.Group))
			} else if err != nil {
				return d, err
			}
		}
		place := strings.TrimSpace(in.Open.At)
		to := numberIn(place)
		if place != "" && to < 1 {
			problems.Add("rule.place", "Write the place as a number from 1.")
		}
		if in.problem = append(in.problem, problems...); in.problem.Any() {
			return d, nil
		}
		key := in.Open.Key
		if key == "" {
			key = in.Open.Text.Keyed(in.Open.List).Key
		}
		if former, there := d.openAt(in.Open.List, in.Open.Key); !there || !same(former.Text, in.Open.Text) {
			in.add(edit)
		}
		if place != "" {
			in.add(idms.RuleEdit{List: in.Open.List, Do: idms.MoveRule, Key: key, To: to})
		}
	}
	if !in.problem.Any() {
		in.Open = openRule{}
	}
	return s.draft(ctx, d.base.Key, *in)
}

// same is true for two texts that say the same.
func same(a, b idms.RuleText) bool {
	one, err := json.Marshal(plainText(a))
	other, wrong := json.Marshal(plainText(b))
	return err == nil && wrong == nil && string(one) == string(other)
}

// plainText leaves out whatever has its default.
func plainText(t idms.RuleText) idms.RuleText {
	if t.Enabled != nil && *t.Enabled {
		t.Enabled = nil
	}
	if t.Match == "search" {
		t.Match = ""
	}
	if t.Values == "any" {
		t.Values = ""
	}
	if t.OnMissing == groups.Remove {
		t.OnMissing = ""
	}
	return t
}

// saveRules hands the draft on to be rehearsed.
func (s *Site) saveRules(c echo.Context, who login.Visitor, in rulesForm, d draft) error {
	problems := d.problems
	var err error
	if !problems.Any() {
		err = s.propose(c, who, proposal{
			Record: d.record, Seen: in.Seen, Reason: in.Reason, Then: below("records", d.base.Key) + "/rules",
		})
		if problems = problemsOf(err); !problems.Any() {
			return err
		}
	}
	if isBack(problems) {
		back, newer := newerBack(err)
		in, err = readRules(c.Request().PostForm, in.Seen) // as it was when it was left
		if err == nil && newer {
			in = in.onto(back)
			for i := range problems {
				problems[i].Field = "" // a rule has no field before it is opened
			}
		}
		if err == nil {
			d, err = s.draft(c.Request().Context(), d.base.Key, in)
		}
		if err != nil {
			return err
		}
		in.problem = problems
		return s.showRules(c, who, http.StatusOK, in, d)
	}
	in.problem = in.problem[:0]
	for _, one := range problems {
		in.place(d, one)
	}
	return s.showRules(c, who, http.StatusUnprocessableEntity, in, d)
}

// onto is the form with the same changes, and others' that they were put together
// with, made to a newer version. The rule that was open stays open, in its list.
func (in rulesForm) onto(back *cameBack) rulesForm {
	edits := idms.DocumentOf(back.Base).EditsTo(back.Document)
	if len(edits) > maxEdits {
		return in // it is put together again when it is saved
	}
	open := in.Open
	in.Seen, in.Edits, in.Type = back.Base.Version, edits, cmp.Or(back.Document.Type, idms.ByRules)
	in.Open, in.Bulk = openRule{}, bulkRules{}
	if open.blank() {
		in.Open = open
		return in
	}
	key := open.Text.Keyed(open.List).Key
	for _, rule := range back.Document.Rules(open.List) {
		if rule.Key == key {
			in.Open = openRule{List: open.List, Key: key, Text: rule}
		}
	}
	return in
}

// place shows a problem of the record where it can be mended: the first rule with
// one is opened.
func (in *rulesForm) place(d draft, one fault.Problem) {
	path := byKey(d.record, one.Field)
	list, rest, _ := strings.Cut(path, "[")
	key, field, _ := strings.Cut(rest, "]")
	if in.Open.List == "" && isRuleList(list) {
		in.Open, _ = d.openAt(list, key)
	}
	switch {
	case isRuleList(list) && in.Open.List == list && in.Open.Key == key:
		in.problem.Add("rule"+field, "%s", one.Message)
	case one.Field == "association_type":
		in.problem = append(in.problem, one)
	default:
		in.problem.Add("", "%s: %s", path, one.Message)
	}
}

// readRules reads the state of the page. What could not have come from the page is
// fault.Invalid.
func readRules(values url.Values, present int) (rulesForm, error) {
	in := rulesForm{
		Seen: present, Type: idms.AssociationType(values.Get("association_type")), Reason: reasonIn(values),
		Query: strings.TrimSpace(clip(maxQuery, values.Get("q"))), Pages: map[string]int{}, Pasted: clip(maxTried, values.Get("pasted")), Person: clip(maxQuery, values.Get("person")),
	}
	broken := fault.New(fault.Invalid, "The form could not be read. Open the rules again.")
	if seen := values.Get("seen"); seen != "" {
		if in.Seen = numberIn(seen); in.Seen < 1 {
			return in, broken
		}
	}
	if text := values.Get("edits"); text != "" {
		if problems := readEdits(text, &in.Edits); problems.Any() || len(in.Edits) > maxEdits {
			return in, broken
		}
	}
	for _, list := range editedLists {
		in.Pages[list] = max(0, numberIn(values.Get("page."+list)))
	}
	if list := values.Get("rule.list"); isRuleList(list) {
		in.Open = openRule{List: list, Key: values.Get("rule.existing"), At: values.Get("rule.place")}
		in.Open.Text = textIn(values, list)
		if in.Open.Key != "" {
			in.Open.Text.Key = in.Open.Key
		}
	}
	if list := values.Get("bulk.list"); isRuleList(list) {
		in.Bulk = bulkRules{List: list, Attribute: values.Get("bulk.attribute"), Lines: values.Get("bulk.lines"), Exact: values.Get("bulk.exact") == "yes", UpdateOnLogin: values.Get("bulk.update_on_login") == "yes"}
	}
	return in, nil
}

// readEdits is as strict as the reader of documents.
func readEdits(text string, into *[]idms.RuleEdit) fault.Problems {
	var whole struct {
		Edits []idms.RuleEdit `json:"edits"`
	}
	problems := idms.ReadJSON([]byte(text), &whole)
	*into = whole.Edits
	return problems
}

func textIn(values url.Values, list string) idms.RuleText {
	text := idms.RuleText{RuleDocument: idms.RuleDocument{
		Key: strings.TrimSpace(values.Get("rule.key")), Attribute: values.Get("rule.attribute"), Pattern: values.Get("rule.pattern"),
		IgnoreCase: values.Get("rule.ignore_case") == "yes",
	}}
	if match := values.Get("rule.match"); match != "search" {
		text.Match = match
	}
	if quantifier := values.Get("rule.values"); quantifier != "any" {
		text.Values = quantifier
	}
	if values.Get("rule.enabled") != "yes" {
		text.Enabled = new(false)
	}
	switch list {
	case accessRules:
		text.Level = values.Get("rule.level")
	case associations:
		text.Group = strings.TrimSpace(values.Get("rule.group"))
		text.UpdateOnLogin, text.OnlyOwn = values.Get("rule.update_on_login") == "yes", values.Get("rule.only_own") == "yes"
		if missing := groups.OnMissing(values.Get("rule.on_missing")); missing != groups.Remove {
			text.OnMissing = missing
		}
	}
	return text
}

// arrows are what stands between a pattern and what it gives, in a list of many.
var arrows = []string{"→", "=>", "->", "\t"}

// levelsTyped are the ways in which people write levels.
var levelsTyped = map[string]string{
	"full": "full", "full access": "full", "restricted": "restricted", "none": "none", "no access": "none",
}

// rules reads the lines: a pattern, and behind an arrow the level or the group that
// it gives. Empty lines count for nothing.
func (b bulkRules) rules() ([]idms.RuleText, fault.Problems) {
	var list []idms.RuleText
	var problems fault.Problems
	if strings.TrimSpace(b.Lines) == "" && b.Attribute == "" {
		return nil, nil
	}
	if b.Attribute == "" {
		problems.Add("bulk.attribute", "Name the attribute that these rules read.")
	}
	complain := func(line int, format string, args ...any) {
		problems.Add("bulk.lines", "Line %d: "+format, append([]any{line}, args...)...)
	}
	i := -1
	for line := range strings.SplitSeq(b.Lines, "\n") {
		i++
		if len(problems) >= 20 { // who pastes the wrong list need not read of each line
			break
		}
		line = strings.Trim(line, " \r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(list) >= idms.MaxRules {
			problems.Add("bulk.lines", "These are more rules than a record may have: at most %d.", idms.MaxRules)
			break
		}
		pattern, gives := line, ""
		if b.List != validationRules {
			at, arrow := -1, ""
			for _, one := range arrows {
				if place := strings.LastIndex(line, one); place > at {
					at, arrow = place, one
				}
			}
			if at < 0 {
				complain(i+1, "write what it gives behind an arrow, as in ^cloud-admins$ → %s.", map[string]string{accessRules: "full", associations: "platform"}[b.List])
				continue
			}
			pattern, gives = strings.TrimSpace(line[:at]), strings.TrimSpace(line[at+len(arrow):])
		}
		if b.Exact {
			pattern = "^" + regexp.QuoteMeta(pattern) + "$"
		}
		text := idms.RuleText{RuleDocument: idms.RuleDocument{Attribute: b.Attribute, Pattern: pattern}}
		if _, err := rules.ParsePattern(pattern, rules.Options{}); err != nil {
			complain(i+1, "%s.", err)
			continue
		}
		switch b.List {
		case accessRules:
			level, known := levelsTyped[strings.ToLower(gives)]
			if !known {
				complain(i+1, "write full, restricted or none, not %q.", clip(40, gives))
				continue
			}
			text.Level = level
		case associations:
			if !idms.IsKey(gives) {
				complain(i+1, "%q is no key of a group.", clip(80, gives))
				continue
			}
			text.Group, text.UpdateOnLogin = gives, b.UpdateOnLogin
		}
		list = append(list, text.Keyed(b.List))
	}
	if len(list) == 0 && !problems.Any() {
		problems.Add("bulk.lines", "Write one rule a line.")
	}
	return list, problems
}
