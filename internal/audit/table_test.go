package audit

import (
	"strings"
	"testing"
	"time"
)

func TestATableHasALineForEachChangedFieldInUTC(t *testing.T) {
	var text strings.Builder
	table := NewTable(&text)
	at := time.Date(2026, 3, 1, 13, 0, 0, 5000, time.FixedZone("CET", 3600))
	table.Write(Event{At: at, Action: LoggedIn, User: "u1", Address: "192.0.2.7"})
	table.Write(Event{At: at, Action: RecordChanged, Alarm: true, Who: "grace", Record: "acme", Reason: "a, \"b\"",
		Changes: []Change{{Field: "name", From: "A", To: "B"}, {Field: "state", To: "-1"}}})
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `at,id,action,alarm,who,address,record,user,group,trace,code,reason,field,from,to
2026-03-01T12:00:00.000005Z,,logged_in,,,192.0.2.7,,u1,,,,,,,
2026-03-01T12:00:00.000005Z,,record_changed,alarm,grace,,acme,,,,,"a, ""b""",name,A,B
2026-03-01T12:00:00.000005Z,,record_changed,alarm,grace,,acme,,,,,"a, ""b""",state,,'-1
`
	if text.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", text.String(), want)
	}
}

func TestNothingThatASpreadsheetReckonsStaysAsItIs(t *testing.T) {
	for text, want := range map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", "|x": "'|x", "%x": "'%x",
		"  =1": "'  =1", "\u3000＝1": "'\u3000＝1", "": "", "a=1": "a=1", "1-2": "1-2", "^cloud$": "^cloud$",
	} {
		if got := NoFormula(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
