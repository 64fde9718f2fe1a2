package idms

import (
	"encoding/json"
	"strings"
	"testing"
)

// A record as JSON is the record of a file: the document that export would write,
// read from JSON, is the same record again.
func TestARecordFromJSONIsTheOneOfTheFile(t *testing.T) {
	const text = `
records:
  - key: acme
    name: "Acme: \"one\" & <two>"
    state: draft
    create_users: false
    saml: {clock_skew: 90s, legacy: {sha1: true}, allowed_auth_contexts: ["urn:a", "urn:b"]}
    mapping: {username: "@name_id", email: mail, names_optional: true}
    validation_rules:
      - {attribute: groups, pattern: "^a|b$", match: full, ignore_case: true, values: none, enabled: false}
    access_rules:
      - {key: admins, attribute: groups, pattern: ^admins$, level: full}
    associations:
      - {attribute: groups, pattern: ops, group: platform, update_on_login: true, only_own: true, on_missing: keep}
  - {key: bare, name: Bare}
`
	file, problems := ParseFile([]byte(text), nil)
	if problems.Any() {
		t.Fatal(problems)
	}
	for _, record := range file.Records {
		text, err := json.Marshal(DocumentOf(record))
		if err != nil {
			t.Fatal(err)
		}
		var document Document
		if problems := ReadJSON(text, &document); problems.Any() {
			t.Fatalf("%s: %s", record.Key, problems)
		}
		again, problems := document.Checked()
		if problems.Any() {
			t.Fatalf("%s: %s", record.Key, problems)
		}
		was, _ := record.MarshalDocument()
		is, _ := again.MarshalDocument()
		if string(was) != string(is) {
			t.Errorf("%s was\n%s\nand is\n%s", record.Key, was, is)
		}
	}
}

func TestJSONIsReadStrictly(t *testing.T) {
	for _, tt := range []struct{ name, text, field, part string }{
		{"a field that is not known", `{"association_typ": "x"}`, "association_typ", "Did you mean association_type?"},
		{"a field twice", `{"name": "a", "name": "b"}`, "name", "twice"},
		{"null", `{"name": null}`, "name", "instead of null"},
		{"a number for text", `{"name": 7}`, "name", "Write one text."},
		{"text for a flag", `{"create_users": "no"}`, "create_users", "Write true or false."},
		{"an object for a list", `{"access_rules": {}}`, "access_rules", "Write a list"},
		{"a list for an object", `{"saml": []}`, "saml", "Write an object"},
		{"within a list", `{"access_rules": [{"key": "a"}, {"level": 1}]}`, "access_rules[1].level", "Write one text."},
		{"null within a list", `{"access_rules": [null]}`, "access_rules[0]", "instead of null"},
		{"not an object", `[]`, "", "Write an object"},
		{"two documents", `{} {}`, "", "more after its end"},
		{"half a document", `{"name": "a`, "", "ends too early"},
		{"no JSON", `name: a`, "", "cannot be read as JSON"},
		{"nothing", ``, "", "ends too early"},
		{"no UTF-8", "{\"name\": \"\xff\"}", "", "not UTF-8"},
		{"deep nesting", strings.Repeat(`{"saml":`, 100), "", "nested too deeply"},
	} {
		var document Document
		problems := ReadJSON([]byte(tt.text), &document)
		if len(problems) != 1 || problems[0].Field != tt.field || !strings.Contains(problems[0].Message, tt.part) {
			t.Errorf("%s: %q", tt.name, problems)
		}
	}
}

// Clients that write ASCII alone send what lies beyond it in two halves.
func TestJSONTextIsReadWhole(t *testing.T) {
	var document Document
	if problems := ReadJSON([]byte(`{"name": "\ud83d\ude00 \u00e9\/\u2028", "create_users": false, "saml": {"certificates": ["a", "b"]}}`), &document); problems.Any() {
		t.Fatal(problems)
	}
	if document.Name != "😀 é/\u2028" || document.CreateUsers == nil || *document.CreateUsers || len(document.SAML.Certificates) != 2 {
		t.Errorf("it is %+v", document)
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"key":"a","access_rules":[{"attribute":"a","pattern":"b","level":"full"}]}`))
	f.Add([]byte(`{"a":{"a":[[],{}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var document Document
		if problems := ReadJSON(text, &document); problems.Any() {
			return
		}
		// What is read without a problem is what encoding/json reads.
		var want Document
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%s: read, and yet %v", text, err)
		}
		got, _ := json.Marshal(document)
		if wanted, _ := json.Marshal(want); string(got) != string(wanted) {
			t.Errorf("%s is %s, want %s", text, got, wanted)
		}
	})
}

func TestANumberOfADocumentIsWholeAndOf32Bits(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
		ok   bool
	}{
		{"636", 636, true}, {"0", 0, true}, {"-1", -1, true}, {"2.0", 2, true}, {"2e2", 200, true}, {"2147483647", 1<<31 - 1, true},
		{"2147483648", 0, false}, {"-9223372036854775809", 0, false}, {"2.5890419884777833e-42", 0, false}, {"1e400", 0, false},
		{"0.5", 0, false}, {`"636"`, 0, false}, {"true", 0, false}, {"[1]", 0, false}, {"{}", 0, false},
	} {
		var into struct {
			Port int `json:"port"`
		}
		problems := ReadJSON([]byte(`{"port": `+tt.text+`}`), &into)
		if problems.Any() == tt.ok || into.Port != tt.want {
			t.Errorf("%s is read as %d, with %v", tt.text, into.Port, problems)
		}
		if !tt.ok && (len(problems) != 1 || problems[0].Field != "port") {
			t.Errorf("%s: %v", tt.text, problems)
		}
	}
}
