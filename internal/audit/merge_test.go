package audit

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestTwoPeoplesChangesBecomeOneDocument(t *testing.T) {
	for _, tt := range []struct {
		name, base, theirs, mine, want string
		collide                        string // fields, in order
		takeMine                       bool
	}{
		{name: "different fields are both taken",
			base: `{"name":"a","state":"draft"}`, theirs: `{"name":"b","state":"draft"}`, mine: `{"name":"a","state":"active"}`,
			want: `{"name":"b","state":"active"}`},
		{name: "the same change twice is one",
			base: `{"name":"a"}`, theirs: `{"name":"b"}`, mine: `{"name":"b"}`, want: `{"name":"b"}`},
		{name: "a field that both changed stays theirs",
			base: `{"name":"a"}`, theirs: `{"name":"b"}`, mine: `{"name":"c"}`, want: `{"name":"b"}`, collide: "name"},
		{name: "or becomes mine when I say so",
			base: `{"name":"a"}`, theirs: `{"name":"b"}`, mine: `{"name":"c"}`, want: `{"name":"c"}`, collide: "name", takeMine: true},
		{name: "a field within another",
			base: `{"saml":{"audience":"x","issuer":"i"}}`, theirs: `{"saml":{"audience":"y","issuer":"i"}}`, mine: `{"saml":{"audience":"x"}}`,
			want: `{"saml":{"audience":"y"}}`},
		{name: "rules are the same by their keys, and both added ones are there",
			base: `{"r":[{"key":"a","p":"1"},{"key":"b","p":"2"}]}`, theirs: `{"r":[{"key":"n","p":"0"},{"key":"a","p":"1"},{"key":"b","p":"9"}]}`,
			mine: `{"r":[{"key":"a","p":"8"},{"key":"m","p":"5"},{"key":"b","p":"2"}]}`,
			want: `{"r":[{"key":"n","p":"0"},{"key":"a","p":"8"},{"key":"m","p":"5"},{"key":"b","p":"9"}]}`},
		{name: "two fields of one rule do not collide",
			base: `{"r":[{"key":"a","p":"1","l":"full"}]}`, theirs: `{"r":[{"key":"a","p":"2","l":"full"}]}`, mine: `{"r":[{"key":"a","p":"1","l":"none"}]}`,
			want: `{"r":[{"key":"a","p":"2","l":"none"}]}`},
		{name: "a rule that I changed and they removed collides as a whole",
			base: `{"r":[{"key":"a","p":"1"},{"key":"b","p":"2"}]}`, theirs: `{"r":[{"key":"b","p":"2"}]}`, mine: `{"r":[{"key":"a","p":"3"},{"key":"b","p":"2"}]}`,
			want: `{"r":[{"key":"b","p":"2"}]}`, collide: "r[a]"},
		{name: "each removed another one, so that none is left",
			base: `{"r":[{"key":"a","p":"1"},{"key":"b","p":"2"}]}`, theirs: `{"r":[{"key":"b","p":"2"}]}`, mine: `{"r":[{"key":"a","p":"1"}]}`,
			want: `{}`},
		{name: "they removed all, and I added one",
			base: `{"r":[{"key":"a","p":"1"}]}`, theirs: `{}`, mine: `{"r":[{"key":"a","p":"1"},{"key":"m","p":"5"}]}`,
			want: `{"r":[{"key":"m","p":"5"}]}`},
		{name: "I moved a rule and they changed one",
			base: `{"r":[{"key":"a","p":"1"},{"key":"b","p":"2"}]}`, theirs: `{"r":[{"key":"a","p":"7"},{"key":"b","p":"2"}]}`, mine: `{"r":[{"key":"b","p":"2"},{"key":"a","p":"1"}]}`,
			want: `{"r":[{"key":"b","p":"2"},{"key":"a","p":"7"}]}`},
		{name: "both moved, each elsewhere",
			base: `{"r":[{"key":"a"},{"key":"b"},{"key":"c"}]}`, theirs: `{"r":[{"key":"b"},{"key":"a"},{"key":"c"}]}`, mine: `{"r":[{"key":"a"},{"key":"c"},{"key":"b"}]}`,
			want: `{"r":[{"key":"b"},{"key":"a"},{"key":"c"}]}`, collide: "r (order)"},
		{name: "a list without keys is one field",
			base: `{"c":["x"]}`, theirs: `{"c":["x","y"]}`, mine: `{"c":["x","z"]}`, want: `{"c":["x","y"]}`, collide: "c"},
		{name: "a number stays as it stands",
			base: `{}`, theirs: `{"n":10000000000000001}`, mine: `{"m":1.50}`, want: `{"m":1.50,"n":10000000000000001}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			merged, collisions, err := Merge([]byte(tt.base), []byte(tt.theirs), []byte(tt.mine), func(string) bool { return tt.takeMine })
			if err != nil {
				t.Fatal(err)
			}
			if string(merged) != tt.want && !same(t, merged, tt.want) {
				t.Errorf("merged is %s, want %s", merged, tt.want)
			}
			var fields []string
			for _, one := range collisions {
				fields = append(fields, one.Field)
			}
			if got := strings.Join(fields, ", "); got != tt.collide {
				t.Errorf("colliding: %q, want %q", got, tt.collide)
			}
		})
	}
}

func same(t *testing.T, merged []byte, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(merged, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(a, b)
}

func TestACollisionShowsWhatEachSideHas(t *testing.T) {
	_, collisions, err := Merge([]byte(`{"r":[{"key":"a","p":"1"}]}`), []byte(`{"r":[{"key":"a","p":"2"}]}`), []byte(`{"r":[{"key":"a","p":"3"}]}`), nil)
	if err != nil || len(collisions) != 1 || collisions[0] != (Collision{"r[a].p", "1", "2", "3"}) {
		t.Errorf("%+v, %v", collisions, err)
	}
}

func TestWhatIsNoDocumentIsNotMerged(t *testing.T) {
	if _, _, err := Merge([]byte(`{}`), []byte(`{`), []byte(`{}`), nil); err == nil {
		t.Error("half a document is merged")
	}
}

// What one side leaves alone is always the other side's.
func FuzzMergeWithOneSideUnchangedIsTheOtherSide(f *testing.F) {
	f.Add(`{"r":[{"key":"a"},{"key":"b"}]}`, `{"r":[{"key":"b"}],"n":1}`)
	f.Add(`{}`, `{"x":{"y":null}}`)
	f.Fuzz(func(t *testing.T, base, other string) {
		_, wrong := parse([]byte(base))
		o, wrongToo := parse([]byte(other))
		if wrong != nil || wrongToo != nil {
			return // no documents
		}
		for _, sides := range [][2]string{{other, base}, {base, other}} {
			merged, collisions, err := Merge([]byte(base), []byte(sides[0]), []byte(sides[1]), nil)
			if err != nil || len(collisions) > 0 {
				t.Fatalf("%v, %v", collisions, err)
			}
			if got, err := parse(merged); err != nil || !reflect.DeepEqual(got, o) {
				t.Fatalf("merged is %s, want %s", merged, other)
			}
		}
	})
}
