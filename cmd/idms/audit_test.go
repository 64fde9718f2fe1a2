package main

import (
	"encoding/json"
	"strings"
	"testing"

	"idms/internal/audit"
)

// "Who changed this, from what to what?"
func TestAuditTellsWhoChangedWhatFromWhatToWhat(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord, "--reason", "first"); exit != exitOK {
		t.Fatal(stderr)
	}
	if _, stderr, exit := d.apply(strings.Replace(checkRecord, "name: Corp", "name: Corporation", 1), "--reason", "a longer name"); exit != exitOK {
		t.Fatal(stderr)
	}
	stdout, stderr, exit := run(t, "audit", "--record", "corp", "--data", d.data())
	if exit != exitOK {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	newest, _, _ := strings.Cut(stdout, "record_created")
	for _, want := range []string{"record_changed", "by command line", `because "a longer name"`, `name: "Corp" → "Corporation"`} {
		if !strings.Contains(newest, want) {
			t.Errorf("the newest event does not say %s:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "record other") {
		t.Errorf("an event of another record:\n%s", stdout)
	}
}

func TestAuditComesInPagesThatGoOn(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	seen, after := 0, ""
	for page := 0; page == 0 || after != ""; page++ {
		stdout, stderr, exit := run(t, "audit", "--data", d.data(), "--limit", "1", "--after", after, "--format", "json")
		var found struct {
			Events []audit.Event
			Next   string
		}
		if exit != exitOK {
			t.Fatalf("exit %d: %s", exit, stderr)
		}
		if err := json.Unmarshal([]byte(stdout), &found); err != nil || len(found.Events) != 1 {
			t.Fatalf("%v\n%s", err, stdout)
		}
		seen, after = seen+1, found.Next
	}
	if seen < 3 { // a group and two records
		t.Errorf("%d events", seen)
	}
	if _, stderr, exit := run(t, "audit", "--data", d.data(), "--after", "nonsense"); exit != exitUsage {
		t.Errorf("an invented cursor: exit %d, %s", exit, stderr)
	}
	if _, stderr, exit := run(t, "audit", "--data", t.TempDir()); exit != exitUsage || !strings.Contains(stderr, "There is no database") {
		t.Errorf("nowhere: exit %d, %s", exit, stderr)
	}
}

func TestAuditIsFilteredAndPrintedForASpreadsheet(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord, "--reason", "=1+1"); exit != exitOK {
		t.Fatal(stderr)
	}
	stdout, stderr, exit := run(t, "audit", "--data", d.data(), "--format", "csv", "--action", "record_created", "--from", "2020-01-01T00:00:00Z")
	if exit != exitOK {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	if !strings.HasPrefix(stdout, strings.Join(audit.Headings, ",")+"\n") || !strings.Contains(stdout, ",record_created,") || !strings.Contains(stdout, ",'=1+1,") ||
		strings.Contains(stdout, "group_created") {
		t.Errorf("the table is:\n%s", stdout)
	}
	for _, nothing := range [][]string{{"--who", "nobody"}, {"--group", "nothing"}, {"--to", "2020-01-01T00:00:00Z"}} {
		if stdout, _, exit := run(t, append([]string{"audit", "--data", d.data()}, nothing...)...); exit != exitOK || stdout != "" {
			t.Errorf("%v: exit %d\n%s", nothing, exit, stdout)
		}
	}
	if _, stderr, exit := run(t, "audit", "--data", d.data(), "--from", "yesterday"); exit != exitUsage || !strings.Contains(stderr, "--from is no instant") {
		t.Errorf("no instant: exit %d, %s", exit, stderr)
	}
}
