package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/demo"
	"idms/internal/directory"
	"idms/internal/idms"
	"idms/internal/jobs"
	"idms/internal/ldapsync"
	"idms/internal/store"
)

const ldapRecord = `
records:
  - key: umbrella
    name: Umbrella
    state: active
    saml: {metadata_file: idp.xml}
    mapping: {username: uid, email: mail, names_optional: true}
    association_type: ldap
    directory:
      preset: openldap
      hosts: [%s]
      port: %s
      security: insecure-plaintext
      base_dn: dc=umbrella,dc=example
      schedule: {every: 2h}
`

// ldapDesk is a desk with a directory and a record that is synced from it.
type ldapDesk struct {
	*desk
	ldap *demo.Directory
}

func newLDAPDesk(t *testing.T) *ldapDesk {
	d := &ldapDesk{desk: newDesk(t)}
	var err error
	if d.ldap, err = demo.StartDirectory(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.ldap.Close() })
	host, port, err := net.SplitHostPort(d.ldap.Address)
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, exit := d.apply(fmt.Sprintf(ldapRecord, host, port)); exit != exitOK {
		t.Fatal(stderr)
	}
	return d
}

// idms runs a command on the desk's data, and wants an exit code and a text.
func (d *ldapDesk) idms(t *testing.T, exit int, want string, args ...string) string {
	t.Helper()
	stdout, stderr, got := run(t, append(args, "--data", d.data())...)
	if got != exit || !strings.Contains(stdout+stderr, want) {
		t.Fatalf("idms %s: exit %d, want %d, and %q in\n%s%s", strings.Join(args, " "), got, exit, want, stdout, stderr)
	}
	return stdout
}

// hash is that of the plan which waits.
func (d *ldapDesk) hash(t *testing.T) string {
	t.Helper()
	held, err := d.house().store.Run(t.Context(), "umbrella", "held")
	if err != nil {
		t.Fatal(err)
	}
	return held.Hash
}

func TestASyncFromTheCommandLineEndsWithTheExitCodesOfTheReference(t *testing.T) {
	d := newLDAPDesk(t)
	d.idms(t, exitOK, "people: 22 on the first page, 22 usable", "ldap", "test", "umbrella")
	d.idms(t, exitOK, `username: "ada" from uid`, "ldap", "test", "umbrella", "--user", "ada")
	d.idms(t, exitOK, "in scope", "ldap", "test", "umbrella", "--group", "Laboratory")
	d.idms(t, exitRefused, "out of scope", "ldap", "test", "umbrella", "--user", "nobody")
	d.idms(t, exitUsage, "describes no directory", "ldap", "sync", "local")
	d.idms(t, exitRefused, "There is no record", "ldap", "sync", "nowhere")

	d.idms(t, exitChanges, "add_person: 22", "ldap", "sync", "umbrella", "--dry-run")
	d.idms(t, exitHeld, "HELD (first_run)", "ldap", "sync", "umbrella")
	d.idms(t, exitHeld, "HELD (first_run)", "ldap", "sync", "umbrella", "--approve", "0123456789abcdef")
	d.idms(t, exitOK, "Applied.", "ldap", "sync", "umbrella", "--approve", d.hash(t))
	d.idms(t, exitOK, "Nothing to change.", "ldap", "sync", "umbrella")
	d.idms(t, exitOK, "A dry run: nothing to change.", "ldap", "sync", "umbrella", "--dry-run")
	d.idms(t, exitOK, "ada is in laboratory by the directory of umbrella, since", "why", "umbrella", "Ada", "laboratory")
	d.idms(t, exitRefused, "ada is not in sales", "why", "umbrella", "ada", "sales")
	d.idms(t, exitRefused, "There is no group", "why", "umbrella", "ada", "nowhere")

	d.ldap.HalfLeaves()
	d.idms(t, exitHeld, "7 of 22 people would be shut out", "ldap", "sync", "umbrella")
	d.idms(t, exitRefused, "is held", "ldap", "approve", "umbrella", "0123456789abcdef")
	d.idms(t, exitOK, "The next run applies", "ldap", "approve", "umbrella", d.hash(t), "--reason", "they moved")
	d.idms(t, exitOK, "Applied.", "ldap", "sync", "umbrella")
	var outcomes []string
	for line := range strings.Lines(d.idms(t, exitOK, "applied", "ldap", "history", "umbrella")) {
		outcomes = append(outcomes, strings.Fields(line)[2])
	}
	// Of the plans that were held with one hash, the last stays.
	if got := strings.Join(outcomes, " "); got != "applied held unchanged applied held" {
		t.Errorf("the history is %s", got)
	}
	d.idms(t, exitOK, "directory_approved", "audit", "--record", "umbrella")
	d.idms(t, exitUsage, "unexpected argument", "ldap", "sync", "umbrella", "more")
	d.ldap.Close()
	d.idms(t, exitRefused, "nothing was changed", "ldap", "sync", "umbrella")
	d.idms(t, exitRefused, "What to do: "+ldapsync.Unreachable.Advice(), "ldap", "test", "umbrella")
	d.idms(t, exitOK, "unreachable", "ldap", "history", "umbrella")
}

func TestAPlanIsPrintedWholeAsJSONAndCSV(t *testing.T) {
	d := newLDAPDesk(t)
	d.ldap.AddPerson("formula", "=1+1", "Doe")
	d.ldap.SetGroup("=Danger", "formula")
	var plan struct {
		DryRun  bool              `json:"dry_run"`
		Run     store.Run         `json:"run"`
		Changes []ldapsync.Change `json:"changes"`
	}
	text := d.idms(t, exitChanges, "", "ldap", "sync", "umbrella", "--dry-run", "--format", "json")
	if err := json.Unmarshal([]byte(text), &plan); err != nil || !plan.DryRun || len(plan.Changes) != 23+4+4 || plan.Run.Counts[ldapsync.AddPerson] != 23 {
		t.Errorf("%v: %d changes\n%s", err, len(plan.Changes), text)
	}
	rows, err := csv.NewReader(strings.NewReader(d.idms(t, exitChanges, "", "ldap", "sync", "umbrella", "--dry-run", "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != 1+23+4+22+3+3+1 {
		t.Errorf("%d rows (%v)", len(rows), err)
	}
	for _, row := range rows {
		for _, field := range row {
			if strings.HasPrefix(field, "=") {
				t.Errorf("a spreadsheet would calculate %q", field)
			}
		}
	}
}

func TestTheBindPasswordComesFromAFileTheEnvironmentOrStandardInput(t *testing.T) {
	d := newLDAPDesk(t)
	password := func() string {
		t.Helper()
		record, err := d.house().store.Record(t.Context(), "umbrella")
		if err != nil {
			t.Fatal(err)
		}
		kept, err := d.house().store.BindPassword(t.Context(), record.ID)
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	d.idms(t, exitOK, "Kept", "ldap", "password", "umbrella", "--file", d.put("password", []byte("from a file\n")))
	if got := password(); got != "from a file" {
		t.Errorf("kept is %q", got)
	}
	if _, stderr, exit := runWith(t, []string{"LDAP_PASSWORD=from outside"}, "ldap", "password", "umbrella", "--env", "LDAP_PASSWORD", "--data", d.data()); exit != exitOK || password() != "from outside" {
		t.Errorf("exit %d, kept is %q\n%s", exit, password(), stderr)
	}
	d.idms(t, exitUsage, "The password is empty", "ldap", "password", "umbrella", "--env", "NOWHERE")
	d.idms(t, exitOK, "Forgotten", "ldap", "password", "umbrella", "--forget")
	if got := password(); got != "" {
		t.Errorf("kept is %q", got)
	}
	if export := d.idms(t, exitOK, "", "export"); strings.Contains(export, "password") {
		t.Errorf("the export speaks of a password:\n%s", export)
	}
}

// The schedule of a record is a job like any other: run now, pause, resume.
func TestARecordIsSyncedByItsSchedule(t *testing.T) {
	d := newLDAPDesk(t)
	h := d.house()
	job := func() *jobs.Job {
		t.Helper()
		list, err := h.jobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range list {
			if job.Name == directory.JobName("umbrella") {
				return &job
			}
		}
		return nil
	}
	if job() == nil || job().Timeout < time.Hour {
		t.Fatalf("the job is %+v", job())
	}
	if err := job().Run(t.Context(), h.clock()); err != nil {
		t.Fatal(err)
	}
	runs, _, err := h.store.Runs(t.Context(), "umbrella", "", 1)
	if err != nil || len(runs) != 1 || runs[0].Outcome != store.RunHeld || runs[0].Cause != directory.BySchedule {
		t.Errorf("the run is %+v (%v)", runs, err)
	}
	d.idms(t, exitOK, "not synced by itself", "ldap", "pause", "umbrella")
	d.idms(t, exitOK, "paused", "jobs")
	d.idms(t, exitOK, "as soon as the service looks", "ldap", "run", "umbrella")
	d.idms(t, exitOK, "synced by itself again", "ldap", "resume", "umbrella")
	d.ldap.Close()
	if err := job().Run(t.Context(), h.clock()); err == nil {
		t.Error("a run that fails is no failure of its job")
	}
}

// A line of progress tells phase, entries, rate and the time left.
func TestProgressIsABarOrALine(t *testing.T) {
	p := directory.Progress{Phase: "people", Entries: 2500, Expected: 10000}
	if got := measure(p, time.Second, false); got != "people 2500 of about 10000, 2500/s, 4s left" {
		t.Errorf("the line is %q", got)
	}
	if got := measure(p, time.Second, true); !strings.HasPrefix(got, "people [#####...............] 2500 of") {
		t.Errorf("the bar is %q", got)
	}
	if got := measure(directory.Progress{Phase: "compare"}, 0, true); got != "compare" {
		t.Errorf("a phase alone is %q", got)
	}
}

// What a directory says is printed, and does nothing else.
func TestADirectoryCannotWriteOnTheTerminal(t *testing.T) {
	if got := clean("a\x1b[2Jb\r\u202ec"); got != "a\ufffd[2Jb\ufffd\ufffdc" {
		t.Errorf("it is printed as %q", got)
	}
}

// A record whose schedule cannot be kept any more fails alone, where everybody
// sees it, and the other jobs go on.
func TestABrokenScheduleStopsNoOtherJob(t *testing.T) {
	h := newLDAPDesk(t).house()
	for _, broken := range []ldapsync.Settings{
		{Schedule: ldapsync.Schedule{Cron: "0 3 * * *", Zone: "Atlantis/Capital"}},
		{Schedule: ldapsync.Schedule{Every: "often"}},
		{Deadline: "late"},
	} {
		job := directoryJob(h.syncer(), idms.Connection{Key: "umbrella", Directory: &broken})
		if _, ok := job.Next(store.Job{Since: h.clock()}); !ok || job.Name != directory.JobName("umbrella") || job.Timeout < time.Minute {
			t.Errorf("the job is %+v", job)
		}
		if err := job.Run(t.Context(), h.clock()); err == nil || !strings.Contains(err.Error(), "umbrella is not synced") {
			t.Errorf("it fails with %v", err)
		}
	}
}

// Who has a run made, pauses the schedule or resumes it stands in the audit trail,
// by whichever of the two commands.
func TestWhoAsksForASyncOnTheCommandLineIsNoted(t *testing.T) {
	d := newLDAPDesk(t)
	d.idms(t, exitOK, "within 10 seconds", "ldap", "run", "umbrella", "--reason", "somebody new")
	d.idms(t, exitOK, "within 10 seconds", "jobs", "run", "directory umbrella")
	d.idms(t, exitOK, "not synced by itself", "jobs", "pause", "directory umbrella")
	d.idms(t, exitOK, "by itself again", "ldap", "resume", "umbrella", "--reason", "done")
	for action, want := range map[audit.Action]int{audit.DirectoryAsked: 2, audit.RecordChanged: 2} {
		events, _, err := d.house().store.Events(t.Context(), store.EventFilter{Record: "umbrella", Action: action}, "", 10)
		if err != nil || len(events) != want {
			t.Fatalf("%s: %d events, %v, want %d", action, len(events), err, want)
		}
		for _, event := range events {
			if event.Who != whoami() {
				t.Errorf("%s by %q", action, event.Who)
			}
		}
		if last := events[len(events)-1]; action == audit.DirectoryAsked && last.Reason != "somebody new" {
			t.Errorf("the reason is %q", last.Reason)
		}
	}
	h := d.house()
	if err := h.syncer().RunJob(t.Context(), "umbrella"); err != nil {
		t.Fatal(err)
	}
	if runs, _, err := h.store.Runs(t.Context(), "umbrella", "", 1); err != nil || runs[0].Who != whoami() || runs[0].Cause != directory.ByCommand {
		t.Errorf("the run is by %+v, %v", runs, err)
	}
}
