package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestADiffTellsEachFieldFromWhatToWhat(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		want           []Change
	}{
		{"nothing changed", `{"name":"Acme","n":1}`, `{"n":1,"name":"Acme"}`, nil},
		{"one field", `{"saml":{"issuer":"a","skew":180}}`, `{"saml":{"issuer":"b","skew":180}}`,
			[]Change{{"saml.issuer", "a", "b"}}},
		{"a field that appears, one that goes", `{"a":true}`, `{"b":false}`,
			[]Change{{"a", "true", ""}, {"b", "", "false"}}},
		{"nothing before", ``, `{"name":"Acme"}`, []Change{{"name", "", "Acme"}}},
		{"a rule put first is one rule, told leaf by leaf",
			`{"rules":[{"key":"x","pattern":"1"}]}`,
			`{"rules":[{"key":"new","pattern":"2"},{"key":"x","pattern":"1"}]}`,
			[]Change{{"rules[new].key", "", "new"}, {"rules[new].pattern", "", "2"}}},
		{"a rule that goes",
			`{"rules":[{"key":"x","pattern":"1"}]}`, `{"rules":[]}`,
			[]Change{{"rules[x].key", "x", ""}, {"rules[x].pattern", "1", ""}}},
		{"rules that only change places",
			`{"rules":[{"key":"x","pattern":"1"},{"key":"y"},{"key":"z"}]}`, `{"rules":[{"key":"z"},{"key":"x","pattern":"2"},{"key":"new"}]}`,
			[]Change{{"rules (order)", "x, z", "z, x"}, {"rules[new].key", "", "new"}, {"rules[x].pattern", "1", "2"}, {"rules[y].key", "y", ""}}},
		{"a list without keys goes by place", `{"l":["a","b"]}`, `{"l":["a","c","d"]}`,
			[]Change{{"l[001]", "b", "c"}, {"l[002]", "", "d"}}},
		{"a key twice names nothing", `{"l":[{"key":"x","v":1},{"key":"x","v":2}]}`, `{"l":[{"key":"x","v":1},{"key":"x","v":3}]}`,
			[]Change{{"l[001].v", "2", "3"}}},
		{"null, the word null and nothing are three", `{"a":null,"b":"null"}`, `{"a":"null"}`,
			[]Change{{"a", "null", "null"}, {"b", "null", ""}}},
		{"a large number keeps its digits", `{"n":9007199254740993}`, `{"n":9007199254740992}`,
			[]Change{{"n", "9007199254740993", "9007199254740992"}}},
		{"a value becomes an object", `{"a":"x"}`, `{"a":{"b":"y"}}`, []Change{{"a", "x", `{"b":"y"}`}}},
		{"a name that is empty", `{"a":{"":1}}`, `{"a":{"":2}}`, []Change{{"a.", "1", "2"}}},
	} {
		got, err := Diff([]byte(tt.from), []byte(tt.to))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestADiffIsBounded(t *testing.T) {
	var to strings.Builder
	to.WriteString(`{"metadata":"` + strings.Repeat("é", 5000) + `"`)
	for i := range 500 {
		fmt.Fprintf(&to, `,"x%03d":1`, i)
	}
	to.WriteString("}")
	got, err := Diff(nil, []byte(to.String()))
	if err != nil || len(got) != MaxChanges {
		t.Fatalf("%d changes (%v), want %d", len(got), err, MaxChanges)
	}
	if want := strings.Repeat("é", MaxShown/2) + "… (10000 bytes)"; got[0].To != want {
		t.Errorf("a long value is shown as %q, want %q", got[0].To, want)
	}
	if last := got[MaxChanges-1]; last.To != "402 more changes" {
		t.Errorf("the end says %q", last.To)
	}
}

func TestLongValuesAreShownFromWhereTheyDiffer(t *testing.T) {
	same := strings.Repeat("é", 300)
	got, err := Diff([]byte(`{"icon":"`+same+`old"}`), []byte(`{"icon":"`+same+`new and longer"}`))
	if err != nil || len(got) != 1 {
		t.Fatalf("%q (%v)", got, err)
	}
	for shown, want := range map[string][3]string{
		got[0].From: {"…é", "éold", " (603 bytes)"},
		got[0].To:   {"…é", "énew and longer", " (614 bytes)"},
	} {
		if !strings.HasPrefix(shown, want[0]) || !strings.HasSuffix(shown, want[1]+want[2]) || !utf8.ValidString(shown) {
			t.Errorf("shown is %q", shown)
		}
	}
}

func TestWhatIsNotJSONHasNoDiff(t *testing.T) {
	if _, err := Diff([]byte("{"), []byte("{}")); err == nil {
		t.Error("half a document was compared")
	}
}
