package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/console"
	"idms/internal/demo"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/store"
)

const (
	rulesForm  = "form#rules"
	saveForm   = `form[action$="/save"]`
	mergeForm  = `form[action$="/merge"]`
	acmesRules = "/admin/records/acme/rules"
)

// said is what a page says, short enough to read in a failed test.
func said(p *person) string {
	text := strings.Join(strings.Fields(p.page.Find("main").Text()), " ")
	return text[:min(len(text), 1500)]
}

// version is that of a record that is in force.
func (h *house) version(t *testing.T, key string) int {
	t.Helper()
	edition, err := h.store.Edition(t.Context(), key)
	check(t, err)
	return edition.Version
}

// An editor whose access rule takes something away sees from whom, now and then, and
// saves that and nothing else.
func TestAChangedRuleIsRehearsedBeforeItIsSavedS43(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	h.firstOwner(t)
	p := h.administrator(t, "edith", roles.Editor)
	p.open(t, "/admin/records/acme")
	before := h.version(t, demo.Acme)
	full := h.record(t, demo.Acme).Access[0]
	for _, one := range h.record(t, demo.Acme).Access {
		if one.Level == console.Full {
			full = one
		}
	}

	p.open(t, acmesRules)
	p.press(t, rulesForm, "edit:access_rules:"+full.Key, nil)
	if got := p.page.Find(`input[name="rule.pattern"]`).AttrOr("value", ""); got != full.Pattern.String() {
		t.Fatalf("the open rule has the pattern %q, want %q", got, full.Pattern)
	}
	p.press(t, rulesForm, "save", url.Values{"rule.pattern": {"^nobody$"}, "reason": {"ticket 4711"}})
	if p.status != http.StatusOK || p.page.Find("h1").Text() != "Before it is saved" {
		t.Fatalf("saving shows %d %q:\n%s", p.status, p.page.Find("h1").Text(), said(p))
	}
	if h.version(t, demo.Acme) != before {
		t.Fatal("something is saved before it was seen")
	}
	text := p.page.Find("main").Text()
	for _, want := range []string{"1 of 2 people would fare differently.", "ada", "access_rules[" + full.Key + "].pattern", "^nobody$"} {
		if !strings.Contains(text, want) {
			t.Errorf("the rehearsal lacks %q:\n%s", want, text)
		}
	}
	row := p.page.Find("table.turns tbody tr")
	if row.Length() != 1 || row.Find("td").Eq(1).Find(".badge").Text() != "Full Access" || strings.Contains(row.Text(), "layla") {
		t.Errorf("now and then: %q", row.Text())
	}
	if p.page.Find(`input[name="reason"]`).AttrOr("value", "") != "ticket 4711" {
		t.Error("the reason is lost")
	}

	p.press(t, saveForm, "", nil)
	if p.at.Path != acmesRules || p.at.Query().Get("done") != "saved" || h.version(t, demo.Acme) != before+1 {
		t.Fatalf("saving leads to %s, version %d:\n%s", p.at, h.version(t, demo.Acme), said(p))
	}
	events, _, err := h.store.Events(t.Context(), store.EventFilter{Record: demo.Acme, Action: "record_changed"}, "", 10)
	check(t, err)
	if len(events) == 0 || events[0].Who != "edith" || events[0].Reason != "ticket 4711" {
		t.Errorf("the audit trail has %+v", events)
	}
}

func TestBackFromARehearsalEverythingTypedIsThere(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	before := h.version(t, demo.Acme)
	key := h.record(t, demo.Acme).Access[0].Key
	p.press(t, rulesForm, "remove:access_rules:"+key, nil)
	p.press(t, rulesForm, "new:validation_rules", nil)
	p.press(t, rulesForm, "save", url.Values{"rule.attribute": {"employment"}, "rule.pattern": {`^<&"é\\d$`}, "pasted": {"a=b\r\nc=d"}})
	if p.page.Find("h1").Text() != "Before it is saved" {
		t.Fatalf("%d:\n%s", p.status, said(p))
	}
	p.press(t, "form.back", "", nil)
	if p.status != http.StatusOK || p.page.Find(`#problems[role="status"]`).Length() != 1 {
		t.Fatalf("the way back: %d\n%s", p.status, said(p))
	}
	if got := p.page.Find(`input[name="rule.pattern"]`).AttrOr("value", ""); got != `^<&"é\\d$` {
		t.Errorf("the pattern is %q", got)
	}
	if got := p.page.Find(`textarea[name="pasted"]`).Text(); !strings.Contains(got, "c=d") {
		t.Errorf("what was pasted is %q", got)
	}
	if !strings.Contains(p.page.Find("#unsaved").Parent().Text(), key+" removed") || h.version(t, demo.Acme) != before {
		t.Errorf("the removal is lost, or saved: %q", p.page.Find("#unsaved").Parent().Text())
	}
}

func TestAChangeThatTouchesNobodyIsSavedAtOnce(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	before := h.version(t, demo.Acme)
	p.press(t, rulesForm, "new:access_rules", nil)
	p.press(t, rulesForm, "save", url.Values{"rule.attribute": {"groups"}, "rule.pattern": {"^night-shift$"}, "rule.level": {"restricted"}})
	if p.at.Query().Get("done") != "saved" || h.version(t, demo.Acme) != before+1 {
		t.Fatalf("%s, %d:\n%s", p.at, p.status, said(p))
	}
	p.press(t, rulesForm, "save", nil)
	if p.at.Query().Get("done") != "unchanged" || h.version(t, demo.Acme) != before+1 {
		t.Errorf("saving nothing leads to %s", p.at)
	}
}

// Whoever takes something away from everybody ticks a box that says so.
func TestATakingAwayFromManyIsConfirmed(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	before := h.version(t, demo.Acme)
	p.press(t, rulesForm, "new:validation_rules", nil)
	p.press(t, rulesForm, "save", url.Values{"rule.attribute": {"employment"}, "rule.pattern": {"^nobody$"}})
	label := p.page.Find(`label[for="f-confirmed"]`).Text()
	if !strings.Contains(label, "1 person") || !strings.Contains(p.page.Find("main").Text(), "1 person can no longer log in") {
		t.Fatalf("the box says %q:\n%s", label, said(p))
	}
	p.press(t, saveForm, "", nil)
	if p.status != http.StatusUnprocessableEntity || h.version(t, demo.Acme) != before || p.page.Find("#f-confirmed-problem").Length() != 1 {
		t.Fatalf("without the box: %d", p.status)
	}
	p.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	if p.at.Path != acmesRules || h.version(t, demo.Acme) != before+1 {
		t.Errorf("with it: %s, %d", p.at, p.status)
	}
}

func TestARehearsalThatIsNoLongerTrueIsShownAgain(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	before := h.version(t, demo.Acme)
	p.press(t, rulesForm, "new:validation_rules", nil)
	p.press(t, rulesForm, "save", url.Values{"rule.attribute": {"employment"}, "rule.pattern": {"^nobody$"}})
	h.visitor(t).logIn(t, demo.Acme, "layla", "password") // one more loses the login
	p.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	if p.status != http.StatusOK || h.version(t, demo.Acme) != before || !strings.Contains(p.page.Find(`[role="alert"]`).Text(), "has changed since you looked") ||
		!strings.Contains(p.page.Find("main").Text(), "2 people can no longer log in") {
		t.Fatalf("%d:\n%s", p.status, said(p))
	}
	p.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	if h.version(t, demo.Acme) != before+1 {
		t.Errorf("what is shown anew is not saved: %d\n%s", p.status, said(p))
	}
}

func TestTakingAwayTheLastAccessRuleIsNamedS23(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	for _, rule := range h.record(t, demo.Acme).Access {
		p.press(t, rulesForm, "remove:access_rules:"+rule.Key, nil)
	}
	if said := p.page.Find("#access_rules").Parent().Find(".default").Text(); !strings.Contains(said, "everyone who logs in has Full Access") {
		t.Errorf("the default is %q", said)
	}
	p.press(t, rulesForm, "undo", nil)
	if said := p.page.Find("#access_rules").Parent().Find(".default").Text(); !strings.Contains(said, "Nobody can log in") { // S24: what is left is a No Access rule
		t.Errorf("after taking it back the default is %q", said)
	}
	last := p.page.Find("#access_rules").Parent().Find(`button[value^="remove:"]`).AttrOr("value", "")
	p.press(t, rulesForm, last, nil)
	p.press(t, rulesForm, "save", nil)
	if !strings.Contains(p.page.Find("#warnings").Parent().Text(), "takes away the last access rule") {
		t.Errorf("%d:\n%s", p.status, said(p))
	}
}

// Two administrators change one record: the second sees both changes, and loses
// nothing.
func TestASecondAdministratorSeesBothChangesAndAppliesTheirs(t *testing.T) {
	h := newHouse(t, false)
	h.firstOwner(t)
	one, two := h.administrator(t, "edith", roles.Editor), h.administrator(t, "ellen", roles.Editor)
	grants := h.record(t, demo.Acme).Access
	for _, p := range []*person{one, two} {
		p.open(t, acmesRules)
		p.press(t, rulesForm, "edit:access_rules:"+grants[0].Key, nil)
	}
	one.press(t, rulesForm, "save", url.Values{"rule.pattern": {"^theirs$"}})
	if one.page.Find(saveForm).Length() == 1 {
		one.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	}
	version := h.version(t, demo.Acme)

	two.press(t, rulesForm, "keep", url.Values{"rule.pattern": {"^mine$"}})
	two.press(t, rulesForm, "new:access_rules", nil)
	two.press(t, rulesForm, "save", url.Values{"rule.key": {"night"}, "rule.attribute": {"groups"}, "rule.pattern": {"^night-shift$"}, "rule.level": {"restricted"}, "reason": {"both of us"}})
	if two.status != http.StatusConflict || two.page.Find("h1").Text() != "Changed meanwhile" {
		t.Fatalf("%d:\n%s", two.status, said(two))
	}
	if theirs := two.page.Find("#theirs").Parent().Text(); !strings.Contains(theirs, "^theirs$") || !strings.Contains(two.page.Find("main").Text(), "edith") {
		t.Errorf("what changed meanwhile: %q", theirs)
	}
	wanted := two.page.Find("#mine").Parent()
	if !strings.Contains(wanted.Text(), "^night-shift$") || wanted.Find("tr:contains('Both changed this')").Length() != 1 {
		t.Errorf("what I want: %q", wanted.Text())
	}
	if h.version(t, demo.Acme) != version {
		t.Fatal("something is saved")
	}

	// Theirs stands unless I choose mine.
	field := "access_rules[" + grants[0].Key + "].pattern"
	two.press(t, mergeForm, "", url.Values{"mine." + field: {"yes"}})
	if two.page.Find(saveForm).Length() == 1 {
		two.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	}
	if two.at.Path != acmesRules || h.version(t, demo.Acme) != version+1 {
		t.Fatalf("%s, %d:\n%s", two.at, two.status, said(two))
	}
	after := h.record(t, demo.Acme).Access
	if after[0].Pattern.String() != "^mine$" || after[len(after)-1].Key != "night" || len(after) != len(grants)+1 {
		t.Errorf("the record has %v", after)
	}
}

func TestTheLastOwnerIsNotLockedOutByARecordS44(t *testing.T) {
	h := newHouse(t, false)
	// The only owner comes through acme.
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	id := h.account(t, demo.Acme, "ada")
	check(t, h.store.AddMember(t.Context(), roles.Owner.Group(), id, h.owner()))
	p := h.visitor(t)
	p.logIn(t, demo.Acme, "ada", "card")
	record := h.record(t, demo.Acme)
	record.State = idms.Disabled
	p.post(t, "/admin/records/acme/save", intentOf(t, record, h.version(t, demo.Acme)))
	if p.status != http.StatusConflict || !strings.Contains(p.page.Find(`[role="alert"]`).Text(), "no owner of idms could log in") ||
		p.page.Find(`a[href="/admin/people/`+id+`"]`).Length() != 1 || !strings.Contains(p.page.Find("main").Text(), "idms admin create") {
		t.Errorf("%d:\n%s", p.status, said(p))
	}
	if h.record(t, demo.Acme).State != idms.Active {
		t.Error("the record is switched off")
	}
}

// intentOf is the form of a rehearsal, as somebody could write it themselves.
func intentOf(t *testing.T, record idms.Record, seen int) url.Values {
	t.Helper()
	text, err := json.Marshal(idms.DocumentOf(record))
	check(t, err)
	return url.Values{"candidate": {string(text)}, "seen": {fmt.Sprint(seen)}, "then": {"/admin/records/acme"}}
}

func TestAFormOfARehearsalThatSomebodyMadeUpIsRefusedInWords(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	good := intentOf(t, h.record(t, demo.Acme), h.version(t, demo.Acme))
	for name, typed := range map[string]url.Values{
		"nothing":              {},
		"no document":          {"candidate": {"{"}, "seen": {"1"}},
		"another record's":     {"candidate": {strings.Replace(good.Get("candidate"), `"acme"`, `"globex"`, 1)}, "seen": {"1"}},
		"no version":           {"candidate": good["candidate"], "seen": {"-3"}},
		"an unknown field":     {"candidate": {`{"key":"acme","danger":true}`}, "seen": {"1"}},
		"a merge into nothing": {"candidate": good["candidate"], "seen": {"1"}, "present": {"x"}},
	} {
		address := "/admin/records/acme/save"
		if strings.Contains(name, "merge") {
			address = "/admin/records/acme/merge"
		}
		p.post(t, address, typed)
		if p.status != http.StatusUnprocessableEntity || p.page.Find("main li").Length() == 0 {
			t.Errorf("%s: %d\n%s", name, p.status, said(p))
		}
	}
	// Nobody is sent elsewhere by what came.
	good.Set("then", "https://evil.example/admin/records")
	p.post(t, "/admin/records/acme/save", good)
	if p.at.Host != strings.TrimPrefix(h.base, "http://") || p.at.Query().Get("done") != "unchanged" {
		t.Errorf("it leads to %s", p.at)
	}
}

func TestAPatternIsJudgedInWordsWithItsPlaceS10(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	p.press(t, rulesForm, "new:associations", nil)
	judged := func(typed url.Values) *goquery.Selection {
		p.press(t, rulesForm, "judge", typed)
		if p.status != http.StatusOK {
			t.Fatalf("%v: %d", typed, p.status)
		}
		return p.page.Find("#live")
	}
	wrong := judged(url.Values{"rule.attribute": {"groups"}, "rule.pattern": {`^a(?=b)c$`}, "rule.group": {"platform"}})
	if !strings.Contains(wrong.Text(), "look-ahead") || wrong.Find("code mark").Text() != "(?=" {
		t.Errorf("a construct that is not there: %q, marked %q", wrong.Text(), wrong.Find("mark").Text())
	}
	if got := judged(url.Values{"rule.pattern": {"platform"}}).Find("ul.fix").Text(); !strings.Contains(got, "with anything before and after it") || !strings.Contains(got, "associations for the group") {
		t.Errorf("an unanchored pattern, and a second association (S32): %q", got)
	}
	if got := judged(url.Values{"rule.pattern": {".*"}}).Find("ul.fix").Text(); !strings.Contains(got, "matches every value") {
		t.Errorf("a pattern that matches all: %q", got)
	}
	if got := judged(url.Values{"rule.pattern": {"^CN=a,DC=acme.example$"}}).Find("ul.fix").Text(); !strings.Contains(got, "any character") {
		t.Errorf("a dot: %q", got)
	}
	if got := judged(url.Values{"rule.attribute": {"Group"}, "rule.pattern": {"^x$"}}).Find("ul.fix").Text(); !strings.Contains(got, "Did you mean groups?") {
		t.Errorf("an attribute that never came: %q", got)
	}
	p.press(t, rulesForm, "keep", url.Values{"rule.pattern": {"["}, "rule.group": {"nowhere"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-rule-pattern-problem").Length() != 1 || p.page.Find("#f-rule-group-problem").Length() != 1 ||
		p.page.Find(`input[name="rule.pattern"]`).AttrOr("value", "") != "[" {
		t.Errorf("putting it into the list: %d\n%s", p.status, said(p))
	}
}

func TestRulesAreTriedOnWhoCameLastOnePersonAndWhatIsPasted(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	h.visitor(t).logIn(t, demo.Acme, "layla", "password")
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	rows := func() *goquery.Selection { return p.page.Find("#live tbody tr") }
	if rows().Length() != 2 || !strings.Contains(rows().Text(), "ada") || p.page.Find("#live mark").Length() == 0 {
		t.Fatalf("the last people: %q", rows().Text())
	}
	full := h.record(t, demo.Acme).Access
	p.press(t, rulesForm, "new:access_rules", nil)
	p.press(t, rulesForm, "try", url.Values{"rule.attribute": {full[0].Attribute}, "rule.pattern": {"^.*$"}, "rule.level": {"none"}, "person": {"LAYLA"},
		"pasted": {"username=zoe\nemail=zoe@acme.example\nfirst_name=Zoe\nlast_name=Z\nemployment=employee\ngroups=night-shift"}})
	if rows().Length() != 3 || rows().First().Find(".badge").Text() != "Refused" {
		t.Errorf("tried: %q", rows().Text())
	}
	if got := rows().First().Find("mark").First().Text(); got != "night-shift" {
		t.Errorf("marked is %q", got)
	}
	if got := rows().Filter(":contains('ada')").Find("small").First().Text(); got != "now Full Access" {
		t.Errorf("what is otherwise than now: %q", got)
	}
	p.press(t, rulesForm, "try", url.Values{"person": {"nobody"}})
	if !strings.Contains(p.page.Find("#live .refusal").Text(), "Nobody by this username") {
		t.Errorf("somebody who is not there: %q", p.page.Find("#live").Text())
	}
	p.press(t, rulesForm, "try", url.Values{"person": {""}, "pasted": {`<Assertion><AttributeStatement><Attribute Name="groups"><AttributeValue>staff</AttributeValue></Attribute></AttributeStatement></Assertion>`}})
	if got := rows().First().Find("mark").Text(); got != "staff" {
		t.Errorf("of XML is marked %q", got)
	}
	for _, hostile := range []string{"no value", "<a", "<a/>", strings.Repeat("x=y\n", 1000) + "="} {
		p.press(t, rulesForm, "try", url.Values{"pasted": {hostile}})
		if p.status != http.StatusOK || p.page.Find("#live .refusal").Length() == 0 {
			t.Errorf("%.20q: %d", hostile, p.status)
		}
	}
}

func TestAReaderReadsRulesAndNothingThatAProviderSaid(t *testing.T) {
	h := newHouse(t, false)
	h.visitor(t).logIn(t, demo.Acme, "ada", "card")
	p := h.administrator(t, "rita", roles.Reader)
	p.open(t, acmesRules+"?edit=access_rules:"+h.record(t, demo.Acme).Access[0].Key)
	if p.status != http.StatusOK || p.page.Find("#live").Length() != 0 || p.page.Find(`main form[method="post"]`).Length() != 0 || p.page.Find("#edit").Length() != 0 {
		t.Errorf("%d:\n%s", p.status, said(p))
	}
	if text := p.page.Find("#access_rules").Parent().Text(); !strings.Contains(text, "groups matches cloud-admins") || !strings.Contains(text, "→ Full Access") {
		t.Errorf("the rules read %q", text)
	}
}

func TestManyRulesAreAddedAtOnce(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	p.press(t, rulesForm, "bulk:associations", nil)
	p.press(t, rulesForm, "keep", url.Values{"bulk.attribute": {"groups"}, "bulk.lines": {"^a$ → platform\nno arrow\n[ -> platform\n\n^b$ => No Group!"}})
	if p.status != http.StatusUnprocessableEntity {
		t.Fatalf("status %d", p.status)
	}
	for _, want := range []string{"Line 2:", "Line 3:", "Line 5:"} {
		if !strings.Contains(p.page.Find("#f-bulk-lines-problem").Text(), want) {
			t.Errorf("the problems lack %s: %q", want, p.page.Find("#f-bulk-lines-problem").Text())
		}
	}
	count := len(h.record(t, demo.Acme).Associations)
	p.press(t, rulesForm, "save", url.Values{"bulk.lines": {"cn=a.b,dc=x → platform\ncn=c\t platform"}, "bulk.exact": {"yes"}, "bulk.update_on_login": {"yes"}})
	if p.page.Find(saveForm).Length() == 1 { // two for one group are a warning (S32)
		p.press(t, saveForm, "", nil)
	}
	after := h.record(t, demo.Acme).Associations
	if len(after) != count+2 || after[count].Pattern.String() != `^cn=a\.b,dc=x$` || !after[count].UpdateOnLogin || after[count+1].Group != "platform" {
		t.Errorf("%s, %d: the record has %v", p.at, p.status, after)
	}
}

func TestRulesAreMovedSwitchedOffAndNameTheirOptions(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	list := h.record(t, demo.Acme).Associations
	if len(list) < 2 {
		t.Fatal("too few associations to move")
	}
	p.press(t, rulesForm, "down:associations:"+list[0].Key, nil)
	p.press(t, rulesForm, "switch:associations:"+list[1].Key, nil)
	p.press(t, rulesForm, "edit:associations:"+list[0].Key, nil)
	p.press(t, rulesForm, "save", url.Values{"rule.match": {"full"}, "rule.ignore_case": {"yes"}, "rule.values": {"all"}, "rule.update_on_login": {"yes"},
		"rule.only_own": {"yes"}, "rule.on_missing": {"keep"}})
	if p.page.Find(saveForm).Length() == 1 {
		p.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	}
	after := h.record(t, demo.Acme).Associations
	moved := after[1]
	if after[0].Key != list[1].Key || !after[0].Disabled || moved.Key != list[0].Key || !moved.Pattern.Options().Full || !moved.Pattern.Options().IgnoreCase ||
		moved.Values != rules.All || !moved.UpdateOnLogin || !moved.OnlyOwn || moved.OnMissing != groups.Keep {
		t.Errorf("%s: %+v, %+v", p.at, after[0], moved)
	}
	text := p.page.Find("#associations").Parent().Text()
	for _, want := range []string{"Switched off", "every value of", "whole value", "case ignored", "update on login", "removes only its own", "keeps when"} {
		if !strings.Contains(text, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
}

func TestAProblemThatTheDatabaseFindsOpensItsRule(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	p.press(t, rulesForm, "bulk:associations", nil)
	p.press(t, rulesForm, "save", url.Values{"bulk.attribute": {"groups"}, "bulk.lines": {"^a$ → nowhere"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-rule-group-problem").Length() != 1 || p.page.Find(`input[name="rule.group"]`).AttrOr("value", "") != "nowhere" {
		t.Errorf("%d:\n%s", p.status, said(p))
	}
}

// Ten thousand rules are a hundred at a time, found by text, and a change of one
// carries that change alone.
func TestTenThousandRulesStayUsable(t *testing.T) {
	h := newHouse(t, false)
	record := h.record(t, demo.Acme)
	record.ID, record.Version = "", 0
	for i := range 10_000 {
		pattern, err := rules.ParsePattern(fmt.Sprintf("^team-%05d$", i), rules.Options{})
		check(t, err)
		record.Associations = append(record.Associations, groups.Association{Group: "platform", Rule: rules.Rule{Key: fmt.Sprintf("team-%05d", i), Attribute: "groups", Pattern: pattern}})
	}
	_, err := h.store.Apply(t.Context(), idms.File{Records: []idms.Record{record}}, h.owner())
	check(t, err)
	p := h.firstOwner(t)
	p.open(t, acmesRules)
	if got := p.page.Find("#associations").Parent().Find("tbody tr").Length(); got != 100 || len(p.text) > 512<<10 {
		t.Fatalf("%d rows in %d bytes", got, len(p.text))
	}
	p.press(t, rulesForm, "page:associations:1", nil)
	if p.at.RawQuery != "page.associations=1" {
		t.Errorf("the second page is at %s", p.at)
	}
	p.press(t, rulesForm, "", url.Values{"q": {"TEAM-07777"}})
	if p.at.RawQuery != "q=TEAM-07777" {
		t.Errorf("what is found is at %s", p.at)
	}
	if got := p.page.Find("#associations").Parent().Find("tbody tr"); got.Length() != 1 {
		t.Fatalf("%d rows are found", got.Length())
	}
	p.press(t, rulesForm, "edit:associations:team-07777", nil)
	p.press(t, rulesForm, "", url.Values{"q": {"team-0777"}, "rule.pattern": {"^another$"}})
	if p.status != http.StatusOK || p.page.Find(rulesForm+` [name="rule.pattern"]`).Length() != 1 || p.at.RawQuery != "" {
		t.Errorf("what was typed is lost by looking for rules: %d at %s", p.status, p.at)
	}
	if sent := len(fields(p.page.Find(rulesForm)).Encode()); sent > 8<<10 {
		t.Errorf("the form sends %d bytes", sent)
	}
	p.press(t, rulesForm, "save", url.Values{"rule.pattern": {"^other$"}, "rule.place": {"1"}})
	if p.at.Query().Get("done") != "saved" {
		if p.page.Find(saveForm).Length() != 1 {
			t.Fatalf("%d:\n%.2000s", p.status, said(p))
		}
		p.press(t, saveForm, "", url.Values{"confirmed": {"yes"}})
	}
	if got := h.record(t, demo.Acme).Associations; got[0].Key != "team-07777" || got[0].Pattern.String() != "^other$" || len(got) != len(record.Associations) {
		t.Errorf("%s: the first one is %s", p.at, got[0].Key)
	}
}

func TestMadeUpStatesOfTheRulesAreRefused(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	for name, typed := range map[string]url.Values{
		"a version that is not there": {"seen": {"99"}},
		"a version that is none":      {"seen": {"x"}},
		"edits that are none":         {"edits": {"{"}},
		"an unknown list":             {"edits": {`{"edits":[{"list":"x","do":"add"}]}`}},
		"an unknown rule":             {"edits": {`{"edits":[{"list":"access_rules","do":"remove","key":"x"}]}`}},
		"an unknown edit":             {"edits": {`{"edits":[{"list":"access_rules","do":"explode","key":"` + h.record(t, demo.Acme).Access[0].Key + `"}]}`}},
		"far too many edits":          {"edits": {`{"edits":[` + strings.TrimSuffix(strings.Repeat(`{"list":"access_rules","do":"add"},`, 1001), ",") + `]}`}},
	} {
		p.post(t, acmesRules, typed)
		if p.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, p.status)
		}
	}
	for _, typed := range []url.Values{nil, {"do": {"edit:x:y"}}, {"do": {"new:x"}}, {"do": {"up:access_rules:x"}}, {"do": {"page:access_rules:-5"}}, {"do": {"what"}}, {"rule.list": {"access_rules"}, "rule.existing": {"gone"}, "do": {"judge"}}} {
		p.post(t, acmesRules, typed)
		if p.status != http.StatusOK {
			t.Errorf("%v: %d", typed, p.status)
		}
	}
}
