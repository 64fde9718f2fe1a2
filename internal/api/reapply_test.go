package api

import (
	"net/http"
	"strings"
	"testing"

	"idms/internal/login"
	"idms/internal/roles"
)

// changed makes acme give ops' members another group, and level full to nobody.
func (h *house) changed() {
	h.t.Helper()
	shown := h.ask(roles.Reader, "GET", "/records/acme", "").is(http.StatusOK)
	text := strings.NewReplacer(`"group":"platform"`, `"group":"staff"`, `^admins$`, `^nobody$`).Replace(shown.Body.String())
	h.ask(roles.Editor, "PUT", "/records/acme", text, "If-Match", shown.etag()).is(http.StatusOK)
}

func TestS43TheRulesAreAppliedToOnePersonAndTriedFirst(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	ada := h.userID("ada")
	h.changed()
	var tried, done appliedRules
	h.ask(roles.Editor, "POST", "/users/"+ada+"/apply-rules?dry_run=true", "").is(http.StatusOK).into(&tried)
	h.ask(roles.Editor, "POST", "/users/"+ada+"/apply-rules", "", "Idms-Reason", "new rules").is(http.StatusOK).into(&done)
	if !tried.DryRun || !tried.Changed || tried.Trace != "" || len(tried.Groups) != 1 || len(tried.Sessions) != 1 {
		t.Errorf("the dry run says %+v", tried)
	}
	if !done.Changed || done.Trace == "" || done.Version != 2 || len(done.Groups) != len(tried.Groups) || done.Console != "restricted" ||
		len(done.Sessions) != 1 || done.Sessions[0].From != "full" || done.Sessions[0].To != "restricted" || done.Sessions[0].Ends {
		t.Errorf("it says %+v", done)
	}
	has(t, h.ask(roles.Reader, "GET", "/users/"+ada+"/groups", "").Body.String(), `"key":"staff"`)
	has(t, h.ask(roles.Reader, "GET", "/audit?action=rules_applied", "").Body.String(), "new rules", "token: editor")
	h.ask(roles.Editor, "POST", "/users/01234567-89ab-7def-8123-456789abcdef/apply-rules", "").is(http.StatusNotFound)
}

func TestS43TheRulesAreAppliedToEverybodyAndTheAnswerIsBounded(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"ada", "bert"} {
		h.logIn(name)
	}
	h.changed()
	for _, path := range []string{"/records/acme/apply-rules?dry_run=true", "/records/acme/apply-rules"} {
		var said appliedToAll
		h.ask(roles.Editor, "POST", path, "").is(http.StatusOK).into(&said)
		if want := (login.ReappliedToAll{People: 2, Changed: 2}); said.Totals != want || len(said.Items) != 2 || !said.Complete {
			t.Errorf("%s says %+v", path, said)
		}
	}
	var said appliedToAll
	h.ask(roles.Editor, "POST", "/records/acme/apply-rules", "").is(http.StatusOK).into(&said)
	if said.Totals.Unchanged != 2 || len(said.Items) != 0 {
		t.Errorf("the second time it says %+v", said)
	}
	h.ask(roles.Editor, "POST", "/records/local/apply-rules", "").is(http.StatusNotFound)
}

func TestARehearsalSaysWhatARecordWouldDoToItsPeople(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	shown := h.ask(roles.Reader, "GET", "/records/acme", "").is(http.StatusOK)
	candidate := strings.NewReplacer(`"group":"platform"`, `"group":"staff"`, `^admins$`, `^nobody$`).Replace(shown.Body.String())
	var said rehearsal
	h.ask(roles.Editor, "POST", "/records/acme/rehearse", candidate).is(http.StatusOK).into(&said)
	if said.People != 1 || said.Unchanged != 0 || said.Lowered.Count != 1 || len(said.Joins) != 1 || said.Joins[0].Group != "staff" ||
		said.Joins[0].First[0] != "ada" || len(said.Leaves) != 0 || said.GainLogin.First == nil {
		t.Errorf("it says %+v", said)
	}
	if now := h.ask(roles.Reader, "GET", "/records/acme", ""); now.etag() != shown.etag() {
		t.Error("a rehearsal wrote something")
	}
	_, problems := h.ask(roles.Editor, "POST", "/records/acme/rehearse", edited(t, candidate, func(m map[string]any) { m["key"], m["name"] = "other", "" })).is(http.StatusUnprocessableEntity).problem()
	if problems["key"] == "" || problems["name"] == "" {
		t.Errorf("the problems are %v", problems)
	}
}

func TestATestLoginIsInvitedAndToldByItsReference(t *testing.T) {
	h := newHouse(t)
	var made invitation
	at := h.ask(roles.Editor, "POST", "/records/acme/test-logins", "").is(http.StatusCreated).into(&made).Header().Get("Location")
	if !strings.HasPrefix(made.Address, origin+"/saml/acme/test/") || made.Version != 1 || !made.Expires.After(noon) {
		t.Errorf("the invitation is %+v", made)
	}
	var told testLogin
	h.ask(roles.Editor, "GET", strings.TrimPrefix(at, base), "").is(http.StatusOK).into(&told)
	if told.Ref != made.Ref || told.Record != "acme" || told.Begun || told.Ended || told.Text != "" {
		t.Errorf("the test is %+v", told)
	}
	h.ask(roles.Editor, "POST", "/records/acme/test-logins?version=7", "").is(http.StatusNotFound)
	h.ask(roles.Editor, "GET", "/test-logins/AAAAAAAAAA", "").is(http.StatusNotFound)
}
