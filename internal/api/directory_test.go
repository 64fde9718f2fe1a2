package api

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"idms/internal/audit"
	"idms/internal/directory"
	"idms/internal/ldapsync"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/test/program"
)

// syncedHouse has a record whose directory is nowhere: what is read comes from a
// plan that is written down.
func syncedHouse(t *testing.T) *house {
	h := newHouse(t)
	nobody := program.FreeAddress(t)
	was := h.ask(roles.Reader, "GET", "/records/acme", "").is(http.StatusOK)
	h.ask(roles.Editor, "PUT", "/records/acme", edited(t, was.Body.String(), func(r map[string]any) {
		r["association_type"] = "ldap"
		r["directory"] = map[string]any{"preset": "openldap", "hosts": []string{nobody},
			"security": "insecure-plaintext", "bind_dn": "cn=reader,dc=example,dc=com", "base_dn": "dc=example,dc=com"}
	}), "If-Match", was.etag()).is(http.StatusOK)
	return h
}

// held keeps a held run with some changes.
func (h *house) held(hash string) store.Run {
	h.t.Helper()
	edition, err := h.store.Edition(h.t.Context(), "acme")
	if err != nil {
		h.t.Fatal(err)
	}
	plan := &ldapsync.Plan{Record: "acme"}
	for i := range 5 {
		plan.Notes = append(plan.Notes, ldapsync.Note{Kind: ldapsync.SkipEntry, DN: fmt.Sprintf("=cmd|%d", i), Why: "There is no value."})
	}
	run := store.Run{ID: store.NewID(), Record: "acme", Began: *h.now, Ended: *h.now, Outcome: store.RunHeld, Hash: hash, Cause: directory.BySchedule,
		Stops: ldapsync.Stops{{Code: ldapsync.StopFirst, Why: "the first"}}, Counts: plan.Count()}
	if err := h.store.SaveRun(h.t.Context(), edition, run, plan); err != nil {
		h.t.Fatal(err)
	}
	return run
}

func TestARunIsReadWithItsPlanAndApprovedByName(t *testing.T) {
	h := syncedHouse(t)
	const of = "/records/acme/directory"
	run := h.held("0123456789abcdef")
	var now directoryNow
	h.ask(roles.Reader, "GET", of, "").is(http.StatusOK).into(&now)
	if !now.Synced || !now.Waits || now.Password || now.FirstApplied != nil || now.Job.Name != "directory acme" {
		t.Errorf("it stands at %+v", now)
	}
	var runs list[store.Run]
	h.ask(roles.Reader, "GET", of+"/runs?limit=1", "").is(http.StatusOK).into(&runs)
	if len(runs.Items) != 1 || runs.Items[0].ID != run.ID || runs.Next != "" {
		t.Errorf("the runs are %+v", runs)
	}
	var one store.Run
	h.ask(roles.Reader, "GET", of+"/runs/held", "").is(http.StatusOK).into(&one)
	if one.ID != run.ID || one.Hash != run.Hash || len(one.Stops) != 1 {
		t.Errorf("what waits is %+v", one)
	}
	h.ask(roles.Reader, "GET", of+"/runs/nonsense", "").is(http.StatusNotFound).problem()
	var seen []string
	for cursor := ""; ; {
		var page list[ldapsync.Change]
		h.ask(roles.Reader, "GET", of+"/runs/"+run.ID+"/changes?limit=2&cursor="+cursor, "").is(http.StatusOK).into(&page)
		for _, change := range page.Items {
			seen = append(seen, change.DN)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if strings.Join(seen, " ") != "=cmd|0 =cmd|1 =cmd|2 =cmd|3 =cmd|4" {
		t.Errorf("the changes are %q", seen)
	}
	h.ask(roles.Reader, "GET", of+"/runs/"+run.ID+"/changes?cursor=-1", "").is(http.StatusUnprocessableEntity).problem()
	table := h.ask(roles.Reader, "GET", of+"/runs/"+run.ID+"/changes.csv", "").is(http.StatusOK)
	rows, err := csv.NewReader(table.Body).ReadAll()
	if err != nil || len(rows) != 6 || rows[1][3] != "'=cmd|0" || !strings.HasPrefix(table.Header().Get("Content-Type"), "text/csv") {
		t.Errorf("the table is %q (%v)", rows, err)
	}

	h.ask(roles.Reader, "POST", of+"/plans/"+run.Hash+"/approve", "").is(http.StatusForbidden).problem()
	h.ask(roles.Editor, "POST", of+"/plans/fedcba9876543210/approve", "").is(http.StatusConflict).problem()
	h.ask(roles.Editor, "POST", of+"/plans/"+run.Hash+"/approve", "", "Idms-Reason", "they told us").is(http.StatusOK)
	h.ask(roles.Reader, "GET", of, "").into(&now)
	if now.Approved != run.Hash || now.ApprovedBy != "token: editor" {
		t.Errorf("it stands at %+v", now)
	}
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?action=directory_approved", "").into(&events)
	if len(events.Items) != 1 || events.Items[0].Who != "token: editor" || events.Items[0].Reason != "they told us" {
		t.Errorf("the audit trail has %+v", events.Items)
	}
}

func TestABindPasswordGoesInAndNeverComesOut(t *testing.T) {
	h := syncedHouse(t)
	const of = "/records/acme/directory"
	h.ask(roles.Editor, "PUT", of+"/password", `{}`).is(http.StatusUnprocessableEntity).problem()
	h.ask(roles.Editor, "PUT", of+"/password", `{"password": "hunter2"}`).is(http.StatusNoContent)
	for _, path := range []string{of, "/records/acme", "/records/acme/versions/1", "/audit"} {
		if body := h.ask(roles.Owner, "GET", path, "").is(http.StatusOK).Body.String(); strings.Contains(body, "hunter2") {
			t.Errorf("%s shows it: %s", path, body)
		}
	}
	has(t, h.ask(roles.Reader, "GET", of, "").Body.String(), `"password":true`)
	h.ask(roles.Editor, "PUT", of+"/password", `{"password": ""}`).is(http.StatusNoContent)
	has(t, h.ask(roles.Reader, "GET", of, "").Body.String(), `"password":false`)
	if strings.Contains(h.log.String(), "hunter2") {
		t.Error("the log has it")
	}
}

func TestADirectoryThatIsAwayIsAnAnswerWithItsCode(t *testing.T) {
	h := syncedHouse(t)
	const of = "/records/acme/directory"
	var out tested
	h.ask(roles.Editor, "POST", of+"/test", `{}`).is(http.StatusOK).into(&out)
	if out.Fault == nil || out.Fault.Code != "unreachable" || out.Connection == nil || len(out.Connection.Steps) == 0 {
		t.Errorf("the test says %+v", out)
	}
	h.ask(roles.Editor, "POST", of+"/test", `{"user": "ada", "group": "staff"}`).is(http.StatusUnprocessableEntity).problem()
	h.ask(roles.Editor, "POST", of+"/run?dry_run=true", "").is(http.StatusBadGateway).problem()
}

func TestARecordIsSyncedNowPausedAndResumed(t *testing.T) {
	h := syncedHouse(t)
	const of = "/records/acme/directory"
	var now directoryNow
	h.ask(roles.Editor, "POST", of+"/run", "", "Idms-Reason", "somebody new").is(http.StatusAccepted)
	has(t, h.ask(roles.Reader, "GET", "/audit?action=directory_asked&record=acme", "").Body.String(), "token: editor", "somebody new", directory.ByAPI)
	h.ask(roles.Editor, "POST", of+"/pause", "", "Idms-Reason", "maintenance").is(http.StatusOK).into(&now)
	if !now.Job.Paused || !now.Job.Asked {
		t.Errorf("it stands at %+v", now.Job)
	}
	h.ask(roles.Editor, "POST", of+"/resume", "").is(http.StatusOK).into(&now)
	if now.Job.Paused {
		t.Errorf("it stands at %+v", now.Job)
	}
	has(t, h.ask(roles.Reader, "GET", "/audit?action=record_changed&record=acme", "").Body.String(), "directory.job", "maintenance")
	h.ask(roles.Editor, "POST", "/records/nowhere/directory/run", "").is(http.StatusNotFound).problem()
}

// A record that makes administrators is the owners': nobody else changes what its
// directory is, or lets a plan of it through.
func TestADirectoryThatMakesAdministratorsIsTheOwners(t *testing.T) {
	h := syncedHouse(t)
	const of = "/records/acme/directory"
	was := h.ask(roles.Reader, "GET", "/records/acme", "")
	h.ask(roles.Owner, "PUT", "/records/acme", edited(t, was.Body.String(), func(r map[string]any) {
		r["associations"] = append(r["associations"].([]any), map[string]any{"key": "boss", "attribute": "groups", "pattern": "^boss$", "group": "idms-owners"})
	}), "If-Match", was.etag()).is(http.StatusOK)
	run := h.held("0123456789abcdef")
	for path, body := range map[string]string{"PUT /password": `{"password": "x"}`, "POST /run": "", "POST /pause": "", "POST /plans/" + run.Hash + "/approve": ""} {
		method, path, _ := strings.Cut(path, " ")
		h.ask(roles.Editor, method, of+path, body).is(http.StatusForbidden).problem()
		if got := h.ask(roles.Owner, method, of+path, body).Code; got >= 300 {
			t.Errorf("an owner's %s is %d", path, got)
		}
	}
}

func TestWhySomebodyIsInAGroup(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	user := h.userID("ada")
	var out whys
	h.ask(roles.Reader, "GET", "/users/"+user+"/groups/platform/why", "").is(http.StatusOK).into(&out)
	if !out.In || len(out.Reasons) != 1 || out.Reasons[0].Record != "acme" || out.Reasons[0].Since.IsZero() {
		t.Errorf("the reasons are %+v", out)
	}
	h.ask(roles.Reader, "GET", "/users/"+user+"/groups/staff/why", "").is(http.StatusOK).into(&out)
	if out.In {
		t.Errorf("the reasons are %+v", out)
	}
	h.ask(roles.Reader, "GET", "/users/"+user+"/groups/nowhere/why", "").is(http.StatusNotFound).problem()
}
