package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/store"
)

func TestARecordGoesInAsItCameOut(t *testing.T) {
	h := newHouse(t)
	got := h.ask(roles.Reader, "GET", "/records/acme", "").is(http.StatusOK)
	if got.etag() != `"1"` {
		t.Errorf("the ETag is %s", got.etag())
	}
	var saved saved
	h.ask(roles.Editor, "PUT", "/records/acme", got.Body.String(), "If-Match", got.etag()).is(http.StatusOK).into(&saved)
	if saved.Changed || saved.Version != 1 || len(saved.Changes) != 0 {
		t.Errorf("the same document made a change: %+v", saved)
	}
	// A file of the same record, byte for byte what idms export writes.
	var document idms.Document
	got.into(&document)
	record, problems := document.Checked()
	if problems.Any() {
		t.Fatal(problems)
	}
	fromAPI, _ := idms.File{Records: []idms.Record{record}}.Marshal()
	kept, err := h.store.Record(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	fromStore, _ := idms.File{Records: []idms.Record{kept}}.Marshal()
	if string(fromAPI) != string(fromStore) {
		t.Errorf("the API has\n%s\nthe database\n%s", fromAPI, fromStore)
	}
}

func TestEverySaveIsAVersionAndAnEventWithItsReason(t *testing.T) {
	h := newHouse(t)
	was := h.ask(roles.Reader, "GET", "/records/acme", "")
	var said saved
	h.ask(roles.Editor, "PUT", "/records/acme", edited(t, was.Body.String(), func(r map[string]any) { r["name"] = "Acme Ltd" }),
		"If-Match", was.etag(), "Idms-Reason", "sie heißt jetzt so").is(http.StatusOK).into(&said)
	if !said.Changed || said.Version != 2 || len(said.Changes) != 1 || said.Changes[0] != (audit.Change{Field: "name", From: "Acme", To: "Acme Ltd"}) {
		t.Errorf("the answer is %+v", said)
	}
	var versions list[versionSummary]
	h.ask(roles.Reader, "GET", "/records/acme/versions", "").into(&versions)
	if v := versions.Items[0]; v.Version != 2 || v.Author != "token: editor" || v.Reason != "sie heißt jetzt so" {
		t.Errorf("the version is %+v", v)
	}
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?action=record_changed&record=acme", "").into(&events)
	if len(events.Items) != 1 || events.Items[0].Who != "token: editor" || events.Items[0].Reason != "sie heißt jetzt so" || len(events.Items[0].Changes) != 1 {
		t.Errorf("the events are %+v", events.Items)
	}
}

func TestNobodysEditIsLost(t *testing.T) {
	h := newHouse(t)
	was := h.ask(roles.Reader, "GET", "/records/acme", "")
	rename := func(name string) string {
		return edited(t, was.Body.String(), func(r map[string]any) { r["name"] = name })
	}
	h.ask(roles.Editor, "PUT", "/records/acme", rename("First")).is(http.StatusPreconditionRequired).problem()
	h.ask(roles.Editor, "PUT", "/records/acme", rename("First"), "If-Match", was.etag()).is(http.StatusOK)
	detail, _ := h.ask(roles.Editor, "PUT", "/records/acme", rename("Second"), "If-Match", was.etag()).is(http.StatusPreconditionFailed).problem()
	has(t, detail, "Read it again")
	h.ask(roles.Editor, "PUT", "/records/acme", rename("Second"), "If-Match", `W/"2"`).is(http.StatusPreconditionFailed)
	h.ask(roles.Editor, "PUT", "/records/acme", rename("Second"), "If-Match", `"1", "2"`).is(http.StatusOK)
	h.ask(roles.Editor, "PUT", "/records/acme", rename("Third"), "If-Match", "*").is(http.StatusOK)

	for _, way := range []struct{ method, path, body string }{
		{"DELETE", "/records/acme", ""},
		{"PUT", "/records/acme/access_rules", `{"items":[]}`},
		{"POST", "/records/acme/access_rules", `{"attribute":"a","pattern":"b","level":"full"}`},
		{"PUT", "/records/acme/access_rules/admins", `{"attribute":"a","pattern":"b","level":"full"}`},
		{"DELETE", "/records/acme/access_rules/admins", ""},
		{"POST", "/records/acme/access_rules/admins/move", "{}"},
		{"POST", "/records/acme/versions/1/restore", ""},
		{"PUT", "/groups/staff", `{"key":"staff","name":"All"}`},
		{"DELETE", "/groups/staff", ""},
	} {
		h.ask(roles.Owner, way.method, way.path, way.body).is(http.StatusPreconditionRequired).problem()
		h.ask(roles.Owner, way.method, way.path, way.body, "If-Match", `"0"`).is(http.StatusPreconditionFailed).problem()
	}
}

// Reading the record again would not mend what is wrong with what came.
func TestWhatIsWrongIsToldBeforeWhatHasChanged(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct{ method, path, body string }{
		{"PUT", "/records/acme", `{"key": "acme", "name": ""}`},
		{"PUT", "/records/acme/validation_rules", `{"items": [{"pattern": "("}]}`},
		{"PUT", "/records/acme/validation_rules/not-suspended", `{"attribute": "status"}`},
		{"POST", "/records/acme/validation_rules", `{"attribute": 7}`},
		{"POST", "/records/acme/associations/ops/move", `{"before": 7}`},
		{"PUT", "/groups/platform", `{"key": "platform", "name": ""}`},
	} {
		for _, seen := range [][]string{nil, {"If-Match", `"0"`}} {
			if _, problems := h.ask(roles.Owner, tt.method, tt.path, tt.body, seen...).is(http.StatusUnprocessableEntity).problem(); len(problems) == 0 {
				t.Errorf("%s %s names no problem", tt.method, tt.path)
			}
		}
	}
}

// The handler looks first, but what counts is the transaction.
func TestAnEditBetweenLookingAndWritingIsFoundToo(t *testing.T) {
	h := newHouse(t)
	record, err := h.store.Record(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	by := store.Author{Who: "bob", Now: noon}
	record.Name = "Bob's"
	if _, err := h.store.ApplyWith(t.Context(), idms.File{Records: []idms.Record{record}}, by, store.How{Seen: map[string]int{"acme": 1}}); err != nil {
		t.Fatal(err)
	}
	record.Name = "Late"
	_, err = h.store.ApplyWith(t.Context(), idms.File{Records: []idms.Record{record}}, by, store.How{Seen: map[string]int{"acme": 1}})
	p := h.api.problemOf(t.Context(), err)
	if p.Status != http.StatusPreconditionFailed {
		t.Errorf("the status is %d", p.Status)
	}
	has(t, p.Detail, "bob", "2026-03-01T12:00:00Z", "version 2")
}

func TestAllThatIsWrongIsToldAtOnceInTheWordsOfTheFile(t *testing.T) {
	h := newHouse(t)
	const broken = `{
		"key": "Not A Key", "name": "", "state": "actve", "colour": "red", "create_users": "yes",
		"saml": {"metadata_file": "idp.xml", "clock_skew": "soon"},
		"access_rules": [{"attribute": "groups", "pattern": "(?=x)", "level": "all"}, {"key": "b", "attribute": "a", "patern": "b", "pattern": "c", "level": "full"}],
		"associations": [{"attribute": "groups", "pattern": "(", "group": "nowhere"}]
	}`
	_, problems := h.ask(roles.Editor, "POST", "/records", broken).is(http.StatusUnprocessableEntity).problem()
	for field, part := range map[string]string{
		"key": "small letters", "name": "Enter a name.", "state": "draft, active or disabled", "colour": "no such field",
		"create_users": "true or false", "saml.metadata_file": "Files cannot be named here", "saml.clock_skew": "90s",
		"access_rules[0].pattern": "look", "access_rules[0].level": "full, restricted or none",
		"access_rules[1].patern": "Did you mean pattern?", "associations[0].pattern": "",
	} {
		if message, ok := problems[field]; !ok || !strings.Contains(message, part) {
			t.Errorf("%s: %q", field, message)
		}
	}
	// The file says the same, and adds its lines.
	_, found := idms.ParseFile([]byte("records: ["+broken+"]"), nil)
	var of []string
	for _, one := range found {
		of = append(of, strings.TrimPrefix(one.Field, "records[0]."))
	}
	if len(of) != len(problems) {
		t.Errorf("the file has problems at %v, the API at %v", of, problems)
	}
	// What only the database knows has its field too.
	_, problems = h.ask(roles.Editor, "POST", "/records",
		`{"key":"new","name":"New","associations":[{"attribute":"a","pattern":"b","group":"nowhere"}]}`).is(http.StatusUnprocessableEntity).problem()
	has(t, problems["associations[0].group"], "There is no group")
}

func TestADryRunSaysEverythingAndWritesNothing(t *testing.T) {
	h := newHouse(t)
	was := h.ask(roles.Reader, "GET", "/records/acme", "")
	var said saved
	h.ask(roles.Editor, "PUT", "/records/acme?dry_run=true", edited(t, was.Body.String(), func(r map[string]any) { delete(r, "access_rules") }),
		"If-Match", was.etag()).is(http.StatusOK).into(&said)
	if !said.DryRun || !said.Changed || said.Version != 2 || len(said.Changes) == 0 {
		t.Errorf("the dry run says %+v", said)
	}
	text := fmt.Sprint(said.Warnings)
	has(t, text, "takes away the last access rule") // S23
	if again := h.ask(roles.Reader, "GET", "/records/acme", ""); again.Body.String() != was.Body.String() || again.etag() != was.etag() {
		t.Error("the dry run wrote something")
	}
	for _, way := range []struct {
		method, path, body string
	}{
		{"POST", "/records?dry_run=true", `{"key":"new","name":"New"}`},
		{"DELETE", "/records/acme?dry_run=true", ""},
		{"DELETE", "/records/acme/associations/ops?dry_run=true", ""},
		{"POST", "/records/acme/associations?dry_run=true", `{"attribute":"a","pattern":"b","group":"platform"}`},
	} {
		got := h.ask(roles.Owner, way.method, way.path, way.body, "If-Match", "*").is(http.StatusOK)
		if got.Header().Get("ETag") != "" {
			t.Errorf("%s %s: a dry run has an ETag", way.method, way.path)
		}
	}
	has(t, h.ask(roles.Editor, "POST", "/records/acme/associations?dry_run=true", `{"attribute":"a","pattern":"b","group":"platform"}`,
		"If-Match", "*").Body.String(), "There are 2 associations for the group platform") // S32
	if versions, err := h.store.Versions(t.Context(), "acme"); err != nil || len(versions) != 1 {
		t.Errorf("the versions are %v (%v)", versions, err)
	}
	h.ask(roles.Reader, "GET", "/records/new", "").is(http.StatusNotFound)
}

func TestARecordIsMadeAndDeleted(t *testing.T) {
	h := newHouse(t)
	made := h.ask(roles.Editor, "POST", "/records", `{"key":"new","name":"New"}`).is(http.StatusCreated)
	if made.Header().Get("Location") != "/api/v1/records/new" || made.etag() != `"1"` {
		t.Errorf("the headers are %v", made.Header())
	}
	detail, _ := h.ask(roles.Editor, "POST", "/records", `{"key":"new","name":"New"}`).is(http.StatusConflict).problem()
	has(t, detail, "There is a record new already")
	h.ask(roles.Editor, "PUT", "/records/new", `{"key":"other","name":"New"}`, "If-Match", "*").is(http.StatusUnprocessableEntity).problem()

	h.logIn("ada")
	h.ask(roles.Editor, "DELETE", "/records/acme", "", "If-Match", "*").is(http.StatusForbidden).problem()
	var gone deleted
	h.ask(roles.Owner, "DELETE", "/records/acme", "", "If-Match", `"1"`).is(http.StatusOK).into(&gone)
	if gone.People != 1 || gone.Ended != 1 || gone.Memberships != 1 {
		t.Errorf("the deletion says %+v", gone)
	}
	for _, path := range []string{"", "/access_rules", "/access_rules/admins", "/versions", "/versions/1", "/compare?from=1&to=2"} {
		h.ask(roles.Reader, "GET", "/records/acme"+path, "").is(http.StatusNotFound).problem()
	}
	h.ask(roles.Owner, "DELETE", "/records/acme", "", "If-Match", "*").is(http.StatusNotFound)
	h.ask(roles.Editor, "POST", "/records/acme/versions/1/restore", "", "If-Match", "*").is(http.StatusNotFound)
}

func TestTheBuiltInRecordIsNoRecordHere(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Reader, "GET", "/records/local", "").is(http.StatusNotFound)
	h.ask(roles.Owner, "DELETE", "/records/local", "", "If-Match", "*").is(http.StatusNotFound)
	h.ask(roles.Editor, "POST", "/records", `{"key":"local","name":"Mine"}`).is(http.StatusUnprocessableEntity)
	if strings.Contains(h.ask(roles.Reader, "GET", "/records", "").Body.String(), `"local"`) {
		t.Error("it is in the list")
	}
}

func TestWhoHasItAlreadyGetsNothingMore(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	for _, path := range []string{"/records/acme", "/records/acme/access_rules", "/records/acme/access_rules/admins", "/groups/staff",
		"/records/acme/versions/1", "/users/" + h.userID("ada")} {
		etag := h.ask(roles.Reader, "GET", path, "").is(http.StatusOK).etag()
		got := h.ask(roles.Reader, "GET", path, "", "If-None-Match", `"x", W/`+etag).is(http.StatusNotModified)
		if got.Body.Len() > 0 || got.etag() != etag {
			t.Errorf("%s: 304 with %q and the ETag %s", path, got.Body, got.etag())
		}
		h.ask(roles.Reader, "GET", path, "", "If-None-Match", `"x"`).is(http.StatusOK)
	}
}

func keysOf(t *testing.T, h *house, listName string) string {
	t.Helper()
	var items struct {
		Items []struct {
			Key string `json:"key"`
		} `json:"items"`
	}
	h.ask(roles.Reader, "GET", "/records/acme/"+listName, "").is(http.StatusOK).into(&items)
	if items.Items == nil {
		t.Errorf("%s is null", listName)
	}
	var keys []string
	for _, one := range items.Items {
		keys = append(keys, one.Key)
	}
	return strings.Join(keys, " ")
}

func TestRulesAreChangedOneByOne(t *testing.T) {
	h := newHouse(t)
	any := []string{"If-Match", "*"}
	add := func(body, query string) answer {
		return h.ask(roles.Editor, "POST", "/records/acme/access_rules"+query, body, any...)
	}
	add(`{"key":"guests","attribute":"groups","pattern":"^guests$","level":"none"}`, "").is(http.StatusOK)
	add(`{"key":"first","attribute":"groups","pattern":"^first$","level":"full"}`, "?before=admins").is(http.StatusOK)
	if got := keysOf(t, h, "access_rules"); got != "first admins everyone guests" {
		t.Errorf("the rules are %s", got)
	}
	_, problems := add(`{"key":"admins","attribute":"groups","pattern":"x","level":"full"}`, "").is(http.StatusUnprocessableEntity).problem()
	has(t, problems["access_rules[4].key"], "is used by")
	_, problems = add(`{"attribute":"groups","pattern":"(","level":"full"}`, "?before=admins").is(http.StatusUnprocessableEntity).problem()
	if problems["access_rules[1].pattern"] == "" {
		t.Errorf("the problems are %v", problems)
	}
	_, problems = add(`{"attribute":"groups","pattern":"x","level":"full"}`, "?before=nobody").is(http.StatusUnprocessableEntity).problem()
	has(t, problems["before"], "no such rule")

	move := func(rule, body string) answer {
		return h.ask(roles.Editor, "POST", "/records/acme/access_rules/"+rule+"/move", body, any...)
	}
	move("guests", `{"before":"first"}`).is(http.StatusOK)
	move("admins", `{}`).is(http.StatusOK)
	move("first", `{"before":"first"}`).is(http.StatusOK)
	if got := keysOf(t, h, "access_rules"); got != "guests first everyone admins" {
		t.Errorf("the rules are %s", got)
	}

	// A change keeps the key, by which memberships and traces know the rule.
	var said saved
	h.ask(roles.Editor, "PUT", "/records/acme/access_rules/admins", `{"attribute":"groups","pattern":"^root$","level":"full"}`, any...).is(http.StatusOK).into(&said)
	if len(said.Changes) != 1 || said.Changes[0].Field != "access_rules[admins].pattern" {
		t.Errorf("the changes are %v", said.Changes)
	}
	h.ask(roles.Editor, "PUT", "/records/acme/access_rules/admins", `{"key":"root","attribute":"groups","pattern":"x","level":"full"}`, any...).is(http.StatusUnprocessableEntity)
	has(t, h.ask(roles.Reader, "GET", "/records/acme/access_rules/admins", "").is(http.StatusOK).Body.String(), `"pattern":"^root$"`, `"level":"full"`)

	h.ask(roles.Editor, "DELETE", "/records/acme/access_rules/first", "", any...).is(http.StatusOK)
	h.ask(roles.Editor, "DELETE", "/records/acme/access_rules/first", "", any...).is(http.StatusNotFound)
	h.ask(roles.Reader, "GET", "/records/acme/access_rules/first", "").is(http.StatusNotFound)

	h.ask(roles.Editor, "PUT", "/records/acme/validation_rules", `{"items":[]}`, any...).is(http.StatusOK)
	if got := h.ask(roles.Reader, "GET", "/records/acme/validation_rules", "").Body.String(); strings.TrimSpace(got) != `{"items":[]}` {
		t.Errorf("the empty list is %s", got)
	}
	h.ask(roles.Editor, "PUT", "/records/acme/validation_rules", `{}`, any...).is(http.StatusUnprocessableEntity)
	_, problems = h.ask(roles.Editor, "PUT", "/records/acme/validation_rules", `{"items":[{"attribute":"a","pattern":"b","level":"full"}]}`, any...).is(http.StatusUnprocessableEntity).problem()
	if problems["validation_rules[0].level"] == "" {
		t.Errorf("the problems are %v", problems)
	}
	h.ask(roles.Editor, "PUT", "/records/acme/associations", `{"items":[{"attribute":"groups","pattern":"b","group":"staff","on_missing":"keep","update_on_login":true}]}`, any...).is(http.StatusOK)
	if got := keysOf(t, h, "associations"); !strings.HasPrefix(got, "groups-") {
		t.Errorf("a rule without a key is called %q", got)
	}
}

func TestVersionsAreComparedAndRestored(t *testing.T) {
	h := newHouse(t)
	was := h.ask(roles.Reader, "GET", "/records/acme", "")
	h.ask(roles.Editor, "DELETE", "/records/acme/access_rules/admins", "", "If-Match", `"1"`).is(http.StatusOK)
	var told Comparison
	h.ask(roles.Reader, "GET", "/records/acme/compare?from=2&to=1", "").is(http.StatusOK).into(&told)
	has(t, fmt.Sprint(told.Changes), "access_rules[admins].pattern")
	h.ask(roles.Reader, "GET", "/records/acme/compare?from=1&to=7", "").is(http.StatusNotFound)
	h.ask(roles.Reader, "GET", "/records/acme/compare?from=1", "").is(http.StatusUnprocessableEntity)

	var said saved
	h.ask(roles.Editor, "POST", "/records/acme/versions/1/restore?dry_run=true", "", "If-Match", `"2"`).is(http.StatusOK).into(&said)
	if said.Version != 3 || !said.Changed {
		t.Errorf("the dry run says %+v", said)
	}
	restored := h.ask(roles.Editor, "POST", "/records/acme/versions/1/restore", "", "If-Match", `"2"`, "Idms-Reason", "it was better").is(http.StatusOK)
	if restored.etag() != `"3"` {
		t.Errorf("the ETag is %s", restored.etag())
	}
	if got := h.ask(roles.Reader, "GET", "/records/acme", "").Body.String(); got != was.Body.String() {
		t.Errorf("the record is %s", got)
	}
	if got := h.ask(roles.Reader, "GET", "/records/acme/versions/1", "").is(http.StatusOK).Body.String(); got != was.Body.String() {
		t.Errorf("version 1 is %s", got)
	}
}

func TestListsComeInPagesThatInsertsDoNotMove(t *testing.T) {
	h := newHouse(t)
	for i := range 5 {
		h.ask(roles.Editor, "POST", "/records", fmt.Sprintf(`{"key":"r%d","name":"R"}`, i)).is(http.StatusCreated)
	}
	var seen []string
	path := "/records?limit=2"
	for page := 0; path != ""; page++ {
		var got list[recordSummary]
		h.ask(roles.Reader, "GET", path, "").is(http.StatusOK).into(&got)
		for _, one := range got.Items {
			seen = append(seen, one.Key)
		}
		if page == 0 {
			h.ask(roles.Editor, "POST", "/records", `{"key":"a-late-one","name":"R"}`).is(http.StatusCreated)
		}
		path = ""
		if got.Next != "" {
			path = "/records?limit=2&cursor=" + got.Next
		}
	}
	if got := strings.Join(seen, " "); got != "acme r0 r1 r2 r3 r4" {
		t.Errorf("the pages have %s", got)
	}
}

func TestEmptyListsAreLists(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/users", "/sessions", "/traces", "/audit?action=nothing", "/groups/staff/members", "/records?cursor=" + "WyJ6eiJd"} {
		var got map[string]json.RawMessage
		h.ask(roles.Reader, "GET", path, "").is(http.StatusOK).into(&got)
		if string(got["items"]) != "[]" || string(got["next"]) != `""` {
			t.Errorf("%s: %s", path, got)
		}
	}
}
