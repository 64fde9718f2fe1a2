package login

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/rules"
	"idms/internal/store"
	"idms/internal/trace"
)

// Comparison sets a login beside one that was admitted before it: what is different
// since it last worked (S61).
type Comparison struct {
	Now  Trace
	Then *Trace // nil: none is still explained
	With With

	Record     []audit.Change        // what the record's later version says otherwise
	Steps      []StepDifference      // in the order of a login
	Attributes []AttributeDifference // by name; of one person's two logins alone
	Rules      []RuleDifference      // in the order of the record; likewise
	Groups     []GroupDifference     // by key; likewise
}

// With says whose login a login is compared with.
type With string

const (
	// WithPerson is the last admitted login of the same account.
	WithPerson With = "person"
	// WithRecord is anybody's last admitted login through the record, because nobody
	// is known by this one: the response was not proved, or its person never came in.
	WithRecord With = "record"
)

// StepDifference is a step that ended otherwise, or found something else. A side
// that had no such step is not reached.
type StepDifference struct {
	Name string
	Rule string
	Then trace.Step
	Now  trace.Step
}

// AttributeDifference is what a provider sent otherwise.
type AttributeDifference struct {
	Name           string
	Gone, Came     []string // values
	Missing        bool     // it came then and not now
	New            bool     // it comes now and did not then
	Withheld, Back bool     // the provider withholds the values now, or did then (S14)
}

// RuleDifference is a rule that found something else.
type RuleDifference struct {
	List, Key string
	Then, Now *idms.RuleFinding // nil: the version of that login had no such rule
	// Changed is true when the rule itself says something else now.
	Changed bool
}

// GroupDifference is a group that one of the two logins gave and the other not,
// whatever became of the membership.
type GroupDifference struct {
	Group     string // key
	Then, Now bool
}

// candidates are how many admitted logins are looked at for one to compare with:
// rules that were applied by hand and logout messages stand among them.
const candidates = 20

// CompareLogin compares a login with the last admitted one before it: of the same
// person, or of anybody through the record when no person is known by it.
// fault.NotFound when there is no such login.
func (f *Flow) CompareLogin(ctx context.Context, ref string) (Comparison, error) {
	now, err := f.Trace(ctx, ref)
	if err != nil {
		return Comparison{}, err
	}
	with, filter := WithPerson, store.TraceFilter{Record: now.Record, Outcome: store.Admitted, To: now.At}
	if filter.User, err = f.personOf(ctx, now); err != nil {
		return Comparison{}, err
	}
	if filter.User == "" {
		with = WithRecord
	}
	then, err := f.lastGood(ctx, filter, now)
	if err != nil || then == nil {
		return Compare(now, nil, with, nil), err
	}
	changes, err := f.changedBetween(ctx, now.Record, then.Version, now.Version)
	if err != nil {
		return Comparison{}, err
	}
	return Compare(now, then, with, changes), nil
}

// personOf is the account that a login is about, "" for nobody that is known. What a
// response that was not proved says of anybody does not count.
func (f *Flow) personOf(ctx context.Context, told Trace) (string, error) {
	if told.UserID != "" || !told.Verified || told.Decision == nil {
		return told.UserID, nil
	}
	var nameID string
	if fact, ok := told.Decision.Facts.Get("@name_id"); ok && len(fact.Values) > 0 {
		nameID = fact.Values[0]
	}
	return f.Store.KnownBy(ctx, told.Record, told.Decision.Profile.Username, nameID)
}

// lastGood is the newest login that a filter finds and that is one: for the same
// purpose if there is such a one.
func (f *Flow) lastGood(ctx context.Context, filter store.TraceFilter, now Trace) (*Trace, error) {
	list, _, err := f.Store.Traces(ctx, filter, "", candidates)
	if err != nil {
		return nil, err
	}
	var found *Trace
	for _, one := range list {
		if one.UserID == "" { // a logout message
			continue
		}
		told, err := f.Trace(ctx, one.Ref)
		if kind := fault.KindOf(err); err != nil && (kind == fault.NotFound || kind == fault.Conflict) {
			continue // purged meanwhile, or of another release
		}
		if err != nil {
			return nil, err
		}
		switch {
		case told.Purpose == now.Purpose && told.Purpose != idms.Reapply:
			return &told, nil
		case found == nil && (told.Purpose == idms.LogIn || told.Purpose == idms.Elevate):
			found = &told
		}
	}
	return found, nil
}

// changedBetween is what one version of a record says otherwise than another.
func (f *Flow) changedBetween(ctx context.Context, key string, from, to int) ([]audit.Change, error) {
	if from == to {
		return nil, nil
	}
	var documents [2][]byte
	for i, version := range []int{from, to} {
		record, err := f.Store.RecordAt(ctx, key, version)
		if err == nil {
			documents[i], err = record.MarshalDocument()
		}
		if err != nil {
			return nil, err
		}
	}
	changes, err := audit.Diff(documents[0], documents[1])
	return slices.DeleteFunc(changes, func(c audit.Change) bool { return c.Field == "schema" }), err
}

// Compare is the pure middle of CompareLogin. then is nil when there is no login to
// compare with; changed is what the record of now says otherwise than that of then.
func Compare(now Trace, then *Trace, with With, changed []audit.Change) Comparison {
	c := Comparison{Now: now, Then: then, With: with, Record: changed}
	if then == nil {
		return c
	}
	c.Steps = stepDifferences(then.steps(with), now.steps(with))
	if with != WithPerson || then.Decision == nil || now.Decision == nil {
		return c
	}
	c.Attributes = attributeDifferences(then.Decision.Facts, now.Decision.Facts)
	c.Rules = ruleDifferences(then.Policy.Findings(*then.Decision), now.Policy.Findings(*now.Decision))
	c.Groups = groupDifferences(*then, now)
	return c
}

// steps are those of the protocol and, where both logins are one person's, those of
// the decision too.
func (t Trace) steps(with With) trace.Steps {
	steps := slices.Clone(t.Protocol)
	if t.Decision != nil && with == WithPerson {
		steps = append(steps, t.Decision.Steps...)
	}
	return steps
}

// stepDifferences keeps the order of now; what only then had follows.
func stepDifferences(then, now trace.Steps) []StepDifference {
	find := func(steps trace.Steps, name string) trace.Step {
		if i := slices.IndexFunc(steps, func(s trace.Step) bool { return s.Name == name }); i >= 0 {
			return steps[i]
		}
		return trace.Step{Name: name}
	}
	var list []StepDifference
	seen := map[string]bool{}
	for _, step := range append(slices.Clone(now), then...) {
		if seen[step.Name] {
			continue
		}
		seen[step.Name] = true
		one := StepDifference{Name: step.Name, Rule: step.Rule, Then: find(then, step.Name), Now: find(now, step.Name)}
		if one.differs() {
			list = append(list, one)
		}
	}
	return list
}

func (d StepDifference) differs() bool {
	switch {
	case d.Then.State != d.Now.State || d.Then.Code != d.Now.Code:
		return d.Now.State == trace.Refused || d.Now.State == trace.Noted || d.Then.State == trace.Noted || d.Then.State == trace.Refused
	case d.Now.State == trace.NotReached:
		return false
	}
	return lasting(d.Then.Looked) != lasting(d.Now.Looked) || lasting(d.Then.Found) != lasting(d.Now.Found)
}

// passing are the parts of a step's words that differ at every login: instants,
// durations, sizes and counts, and the IDs of messages.
var passing = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][\d:.]+( ?UTC|Z)?|\b_[0-9A-Za-z-]{16,}|\b\d+(\.\d+)?(h|m|s|ms|µs)?\b`)

func lasting(text string) string { return passing.ReplaceAllString(text, "…") }

// attributeDifferences leaves out what is another one at every login.
func attributeDifferences(then, now rules.Attributes) []AttributeDifference {
	var names []string
	for _, list := range []rules.Attributes{then, now} {
		for _, one := range list {
			names = append(names, one.Name)
		}
	}
	slices.Sort(names)
	var list []AttributeDifference
	for _, name := range slices.Compact(names) {
		if name == "@session_index" || name == "@name_id" && (isTransient(then) || isTransient(now)) {
			continue
		}
		before, was := then.Get(name)
		after, is := now.Get(name)
		one := AttributeDifference{
			Name: name, Gone: without(before.Values, after.Values), Came: without(after.Values, before.Values),
			Missing: was && !is, New: is && !was,
			Withheld: after.Incomplete && !before.Incomplete, Back: before.Incomplete && !after.Incomplete && is,
		}
		if len(one.Gone)+len(one.Came) > 0 || one.Missing || one.New || one.Withheld || one.Back {
			list = append(list, one)
		}
	}
	return list
}

// isTransient is true where the provider makes a new NameID for each login (SAML
// core 8.3.8).
func isTransient(facts rules.Attributes) bool {
	format, _ := facts.Get("@name_id_format")
	return slices.ContainsFunc(format.Values, func(v string) bool { return strings.HasSuffix(v, ":transient") })
}

func without(values, others []string) []string {
	there := make(map[string]bool, len(others))
	for _, value := range others {
		there[value] = true
	}
	var list []string
	for _, value := range values {
		if !there[value] {
			list = append(list, value)
		}
	}
	return list
}

func ruleDifferences(then, now []idms.RuleFinding) []RuleDifference {
	type place struct{ list, key string }
	at := func(f idms.RuleFinding) place { return place{f.List, f.Key} }
	before := make(map[place]*idms.RuleFinding, len(then))
	for i := range then {
		before[at(then[i])] = &then[i]
	}
	var list []RuleDifference
	for i := range now {
		one := RuleDifference{List: now[i].List, Key: now[i].Key, Then: before[at(now[i])], Now: &now[i]}
		delete(before, at(now[i]))
		if one.Then != nil {
			one.Changed = saysOtherwise(*one.Then, *one.Now)
			if !one.Changed && one.Then.True == one.Now.True && one.Then.Outcome == one.Now.Outcome {
				continue
			}
		}
		list = append(list, one)
	}
	for i := range then {
		if gone := before[at(then[i])]; gone != nil {
			list = append(list, RuleDifference{List: gone.List, Key: gone.Key, Then: gone})
		}
	}
	return list
}

func saysOtherwise(a, b idms.RuleFinding) bool {
	return a.Attribute != b.Attribute || a.Pattern != b.Pattern || a.Values != b.Values || a.Level != b.Level || a.Group != b.Group ||
		(a.Outcome == rules.Disabled) != (b.Outcome == rules.Disabled) || a.Inactive != b.Inactive
}

// groupDifferences compare what the two logins gave, or would have.
func groupDifferences(then, now Trace) []GroupDifference {
	before, known := then.gives()
	after, alsoKnown := now.gives()
	if !known || !alsoKnown {
		return nil
	}
	var keys []string
	for _, given := range []map[string]bool{before, after} {
		for key := range given {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var list []GroupDifference
	for _, key := range slices.Compact(keys) {
		if before[key] != after[key] {
			list = append(list, GroupDifference{key, before[key], after[key]})
		}
	}
	return list
}

// gives are the groups for which an association was true, or which the directory
// gave; false when nothing tells.
func (t Trace) gives() (given map[string]bool, known bool) {
	given = map[string]bool{}
	for i, finding := range t.Decision.Associations {
		if associations := t.Policy.Record().Associations; i < len(associations) && finding.True {
			given[associations[i].Group] = true
		}
	}
	if len(t.Decision.Associations) > 0 || !t.Decision.Admitted {
		return given, len(t.Decision.Associations) > 0
	}
	for _, outcome := range t.Decision.Groups {
		if outcome.Verdict == groups.Added || outcome.Verdict == groups.Confirmed {
			given[outcome.Group] = true
		}
	}
	return given, true
}

// LevelWords are the console level that a login gave, or what there is instead.
func (t Trace) LevelWords() string {
	switch {
	case t.Decision == nil:
		return "nothing was decided"
	case !t.Decision.Admitted:
		return "none; the access rules alone give " + t.Decision.Console.Level.Label()
	}
	return t.Decision.Level.Label()
}

// Bounds of the one sentence.
const (
	saidRules  = 2
	saidNames  = 4
	saidValues = 80 // bytes of one value
)

// Say is what is different since it last worked, in one sentence or two. It may show
// values of the person's.
func (c Comparison) Say() string {
	switch {
	case c.Then == nil && c.With == WithPerson:
		return "No earlier login of this person that was admitted is still explained, so there is nothing to compare with."
	case c.Then == nil:
		return "Nobody is known by this login, and no earlier one through the record that was admitted is still explained: there is nothing to compare with."
	}
	since := "Since this person last came in, at " + c.Then.At.Format(time.RFC3339) + ", "
	if c.With == WithRecord {
		since = "Nobody is known by this login. Since somebody last came in through the record, at " + c.Then.At.Format(time.RFC3339) + ", "
	}
	causes := c.causes()
	if len(causes) == 0 {
		return since + "nothing that shows here is different: " + c.recordWords() + "."
	}
	return since + strings.Join(causes, "; ") + ". " + capital(c.recordWords()) + "."
}

// causes are what made this login end otherwise, the likeliest first.
func (c Comparison) causes() []string {
	var causes []string
	for _, rule := range c.Rules {
		if rule.List == "associations" || rule.tells() == "" {
			continue
		}
		if len(causes) == saidRules {
			causes = append(causes, "other rules found something else too")
			break
		}
		causes = append(causes, rule.tells()+c.because(rule))
	}
	if len(causes) > 0 && !c.Now.Admitted {
		return causes
	}
	for _, step := range c.Steps {
		if step.Now.State != trace.Refused {
			continue
		}
		cause := fmt.Sprintf("“%s” refuses: it found %s", step.Name, quoted(step.Now.Found))
		if step.Then.State == trace.Passed && lasting(step.Then.Found) != lasting(step.Now.Found) && step.Then.Found != "" {
			cause += ", where it found " + quoted(step.Then.Found) + " then"
		}
		return append(causes, cause+c.changedField(step.Now.Fix))
	}
	var names []string
	for _, one := range c.Attributes {
		names = append(names, one.Name)
	}
	if len(names) > 0 {
		causes = append(causes, "the provider sends something else in "+someOf(names))
	}
	if len(causes) == 0 && len(c.Steps) > 0 {
		names = nil
		for _, step := range c.Steps {
			names = append(names, step.Name)
		}
		causes = append(causes, "other things were found in "+someOf(names))
	}
	return causes
}

// tells is what became of a rule, "" when nothing did that counts.
func (d RuleDifference) tells() string {
	switch {
	case d.Then == nil && (d.List == "validation_rules" && !d.Now.True && d.Now.Outcome != rules.Disabled || d.List == "access_rules" && d.Now.True):
		return fmt.Sprintf("the rule %s is new, and %t", d.Key, d.Now.True)
	case d.Now == nil && d.List == "access_rules" && d.Then.True:
		return fmt.Sprintf("the rule %s, which was true, is gone", d.Key)
	case d.Then == nil || d.Now == nil || d.Then.True == d.Now.True:
		return ""
	}
	return fmt.Sprintf("the rule %s was %t and is %t", d.Key, d.Then.True, d.Now.True)
}

// because says whether the rule, or what it reads, has changed.
func (c Comparison) because(d RuleDifference) string {
	if d.Then == nil || d.Now == nil {
		return ""
	}
	var why []string
	if d.Changed {
		why = append(why, "it was changed")
	}
	for _, one := range c.Attributes {
		if one.Name == d.Now.Attribute {
			why = append(why, one.Words())
		}
	}
	if len(why) == 0 {
		return ""
	}
	return ", since " + strings.Join(why, " and ")
}

// Words are what is different about an attribute.
func (d AttributeDifference) Words() string {
	switch {
	case d.Missing:
		return d.Name + " does not come any more"
	case d.New:
		return d.Name + " is new"
	case d.Withheld:
		return "the values of " + d.Name + " are withheld"
	case d.Back:
		return "the values of " + d.Name + " come again"
	case len(d.Gone) == 1 && len(d.Came) == 0:
		return d.Name + " lacks " + quoted(d.Gone[0])
	case len(d.Gone) == 1 && len(d.Came) == 1:
		return d.Name + " is " + quoted(d.Came[0]) + " instead of " + quoted(d.Gone[0])
	}
	return d.Name + " has other values"
}

// changedField says that the field of a fix was changed in the record meanwhile.
func (c Comparison) changedField(fix *trace.Fix) string {
	if fix == nil || fix.Field == "" {
		return ""
	}
	field, _, _ := strings.Cut(fix.Field, "[")
	for _, change := range c.Record {
		if at, _, _ := strings.Cut(change.Field, "["); at == field {
			return fmt.Sprintf(", and %s was changed from %s to %s meanwhile", change.Field, quoted(change.From), quoted(change.To))
		}
	}
	return ""
}

// recordWords say whether the record is the same.
func (c Comparison) recordWords() string {
	switch then, now := c.Then.Version, c.Now.Version; {
	case then == now:
		return fmt.Sprintf("the record is the same, version %d", now)
	case len(c.Record) == 0:
		return fmt.Sprintf("the record went from version %d to %d and says the same", then, now)
	default:
		var names []string
		for _, change := range c.Record {
			names = append(names, change.Field)
		}
		return fmt.Sprintf("the record went from version %d to %d, which differ in %s", then, now, someOf(names))
	}
}

func someOf(names []string) string {
	if len(names) > saidNames {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:saidNames], ", "), len(names)-saidNames)
	}
	return strings.Join(names, ", ")
}

func quoted(text string) string {
	if text == "" {
		return "nothing"
	}
	if shown := trace.Beginning(text, saidValues); shown != text {
		return "“" + shown + "…”"
	}
	return "“" + text + "”"
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// Print writes the comparison as text.
func (c Comparison) Print(w io.Writer) error {
	var text strings.Builder
	text.WriteString(c.Say() + "\n")
	if c.Then == nil {
		_, err := io.WriteString(w, text.String())
		return err
	}
	fmt.Fprintf(&text, "\nThen: %s, %s, version %d\nNow:  %s, %s, version %d\n", c.Then.Ref, c.Then.At.Format(time.RFC3339), c.Then.Version,
		c.Now.Ref, c.Now.At.Format(time.RFC3339), c.Now.Version)
	heading := func(name string, count int) {
		if count > 0 {
			fmt.Fprintf(&text, "\n%s:\n", name)
		}
	}
	heading("The record", len(c.Record))
	for _, change := range c.Record {
		fmt.Fprintf(&text, "  %s: %s → %s\n", change.Field, quoted(change.From), quoted(change.To))
	}
	heading("Steps", len(c.Steps))
	for _, step := range c.Steps {
		fmt.Fprintf(&text, "  %s: %s → %s\n", step.Name, StepWords(step.Then), StepWords(step.Now))
	}
	heading("What came", len(c.Attributes))
	for _, one := range c.Attributes {
		fmt.Fprintf(&text, "  %s\n", one.Words())
		for _, value := range one.Gone {
			fmt.Fprintf(&text, "    - %q\n", value)
		}
		for _, value := range one.Came {
			fmt.Fprintf(&text, "    + %q\n", value)
		}
	}
	heading("Rules", len(c.Rules))
	for _, rule := range c.Rules {
		fmt.Fprintf(&text, "  %s %s: %s → %s\n", rule.List, rule.Key, RuleWords(rule.Then), RuleWords(rule.Now))
	}
	heading("Groups", len(c.Groups))
	for _, group := range c.Groups {
		sign := "-"
		if group.Now {
			sign = "+"
		}
		fmt.Fprintf(&text, "  %s %s\n", sign, group.Group)
	}
	if c.With == WithPerson {
		fmt.Fprintf(&text, "\nConsole level: %s → %s\n", c.Then.LevelWords(), c.Now.LevelWords())
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// StepWords are how a step ended and what it found, in one line.
func StepWords(step trace.Step) string {
	words := step.State.String()
	if step.Code != "" {
		words += " (" + string(step.Code) + ")"
	}
	if step.Found != "" {
		words += ": " + step.Found
	}
	return words
}

// RuleWords are what a rule found, in one line; nil is no such rule.
func RuleWords(found *idms.RuleFinding) string {
	switch {
	case found == nil:
		return "there is none"
	case found.Inactive:
		return found.Words()
	case found.Outcome == rules.Disabled:
		return "switched off"
	}
	return found.Words()
}
