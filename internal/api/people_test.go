package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/roles"
)

func TestGroupsAreMadeRenamedAndDeleted(t *testing.T) {
	h := newHouse(t)
	made := h.ask(roles.Editor, "POST", "/groups", `{"key":"ops","name":"Ops"}`).is(http.StatusCreated)
	h.ask(roles.Editor, "POST", "/groups", `{"key":"ops","name":"Again"}`).is(http.StatusConflict).problem()
	_, problems := h.ask(roles.Editor, "POST", "/groups", `{"key":"Ops!","name":""}`).is(http.StatusUnprocessableEntity).problem()
	if len(problems) != 2 {
		t.Errorf("the problems are %v", problems)
	}
	renamed := h.ask(roles.Editor, "PUT", "/groups/ops", `{"key":"ops","name":"Operations"}`, "If-Match", made.etag()).is(http.StatusOK)
	h.ask(roles.Editor, "PUT", "/groups/ops", `{"key":"ops","name":"Late"}`, "If-Match", made.etag()).is(http.StatusPreconditionFailed)
	h.ask(roles.Editor, "PUT", "/groups/ops", `{"key":"other","name":"Late"}`, "If-Match", "*").is(http.StatusUnprocessableEntity)
	h.ask(roles.Editor, "DELETE", "/groups/ops", "", "If-Match", renamed.etag()).is(http.StatusNoContent)
	h.ask(roles.Reader, "GET", "/groups/ops", "").is(http.StatusNotFound)
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?group=ops", "").into(&events)
	var actions []string
	for _, event := range events.Items {
		actions = append(actions, string(event.Action))
	}
	if got := strings.Join(actions, " "); got != "group_deleted group_changed group_created" {
		t.Errorf("the events are %s", got)
	}
}

func TestAGroupThatARulePointsAtIsNotDeletedS38(t *testing.T) {
	h := newHouse(t)
	detail, _ := h.ask(roles.Editor, "DELETE", "/groups/platform", "", "If-Match", "*").is(http.StatusConflict).problem()
	has(t, detail, "ops of acme")
}

func TestPeopleAreAddedByANamedTokenAndRemovedAgainS36(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	ada := h.userID("ada")
	var said membership
	h.ask(roles.Editor, "PUT", "/groups/staff/members/"+ada, "", "Idms-Reason", "she asked").is(http.StatusOK).into(&said)
	if len(said.Sources) != 1 || said.Sources[0].Kind != "manual" || said.Sources[0].By != "token: editor" || !said.Sources[0].Since.Equal(noon) {
		t.Errorf("the membership is %+v", said)
	}
	h.ask(roles.Editor, "PUT", "/groups/staff/members/"+ada, "").is(http.StatusOK).into(&said)
	if len(said.Sources) != 1 {
		t.Errorf("the same reason twice is %+v", said)
	}
	h.ask(roles.Owner, "PUT", "/groups/staff/members/"+ada, "").is(http.StatusOK).into(&said)
	if len(said.Sources) != 2 {
		t.Errorf("a second administrator's is another reason (S35): %+v", said)
	}
	var members list[Member]
	h.ask(roles.Reader, "GET", "/groups/staff/members", "").into(&members)
	if len(members.Items) != 1 || members.Items[0].User.Username != "ada" || len(members.Items[0].Sources) != 2 {
		t.Errorf("the members are %+v", members)
	}
	has(t, h.ask(roles.Reader, "GET", "/users/"+ada+"/groups", "").Body.String(), `"key":"platform"`, `"by":"ops"`, `"key":"staff"`)

	h.ask(roles.Editor, "DELETE", "/groups/staff/members/"+ada, "").is(http.StatusOK).into(&said)
	if len(said.Sources) != 0 {
		t.Errorf("after the removal: %+v", said)
	}
	h.ask(roles.Editor, "DELETE", "/groups/staff/members/"+ada, "").is(http.StatusNotFound).problem()
	detail, _ := h.ask(roles.Editor, "DELETE", "/groups/platform/members/"+ada, "").is(http.StatusConflict).problem()
	has(t, detail, "by the rule ops of acme") // what stands in the way
	// Whoever has other reasons besides stays for those.
	h.ask(roles.Editor, "PUT", "/groups/platform/members/"+ada, "").is(http.StatusOK)
	h.ask(roles.Editor, "DELETE", "/groups/platform/members/"+ada, "").is(http.StatusOK).into(&said)
	if len(said.Sources) != 1 || said.Sources[0].By != "ops" {
		t.Errorf("what is left is %+v", said)
	}
	h.ask(roles.Editor, "PUT", "/groups/nowhere/members/"+ada, "").is(http.StatusNotFound)
	h.ask(roles.Editor, "PUT", "/groups/staff/members/01234567-89ab-7def-8123-456789abcdef", "").is(http.StatusNotFound)
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?action=member_added&user="+ada, "").into(&events)
	if len(events.Items) != 3 || events.Items[2].Reason != "she asked" || events.Items[2].Group != "staff" {
		t.Errorf("the events are %+v", events.Items)
	}
}

func TestWhoIsBlockedIsOutAtOnceAndStaysOut(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	ada := h.userID("ada")
	var said userChange
	h.ask(roles.Editor, "POST", "/users/"+ada+"/block", "").is(http.StatusOK).into(&said)
	if said.Ended != 1 || said.User.State != "blocked" {
		t.Errorf("the answer is %+v", said)
	}
	ref := h.logIn("ada")
	var told traceWhole
	h.ask(roles.Editor, "GET", "/traces/"+ref, "").is(http.StatusOK).into(&told)
	if told.Admitted {
		t.Error("a blocked person logged in")
	}
	h.ask(roles.Editor, "POST", "/users/"+ada+"/block", "").is(http.StatusOK) // twice is once
	h.ask(roles.Editor, "POST", "/users/"+ada+"/unblock", "").is(http.StatusOK).into(&said)
	if said.User.State != "enabled" {
		t.Errorf("the answer is %+v", said)
	}
	*h.now = noon.Add(time.Second)
	h.ask(roles.Editor, "GET", "/traces/"+h.logIn("ada"), "").into(&told)
	if !told.Admitted {
		t.Errorf("an unblocked person is kept out: %s", told.Code)
	}
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?user="+ada, "").into(&events)
	has(t, fmt.Sprint(events.Items), "user_blocked", "user_unblocked")
}

func TestPeopleAreFound(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	*h.now = noon.Add(time.Second)
	h.logIn("grace")
	for query, want := range map[string]int{
		"": 2, "?q=AD": 1, "?q=@": 2, "?q=nobody": 0, "?q=%25": 0, "?q=_": 0, "?record=acme": 2, "?record=other": 0, "?record=No+Key": 0,
		"?state=enabled": 2, "?state=blocked": 0, "?limit=1": 1,
	} {
		var got list[UserSummary]
		h.ask(roles.Reader, "GET", "/users"+query, "").is(http.StatusOK).into(&got)
		if len(got.Items) != want {
			t.Errorf("%s: %d people, want %d", query, len(got.Items), want)
		}
	}
	h.ask(roles.Reader, "GET", "/users?q=%00", "").is(http.StatusUnprocessableEntity)
	h.ask(roles.Reader, "GET", "/users?q=%ff", "").is(http.StatusUnprocessableEntity)
	var person User
	h.ask(roles.Reader, "GET", "/users/"+h.userID("ada"), "").is(http.StatusOK).into(&person)
	if person.Username != "ada" || person.Record != "acme" || len(person.Groups) != 1 {
		t.Errorf("ada is %+v", person)
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	h := newHouse(t)
	for i := range 3 {
		*h.now = noon.Add(time.Duration(i) * time.Second)
		h.logIn([]string{"ada", "grace", "edsger"}[i])
	}
	var open list[sessionSummary]
	h.ask(roles.Reader, "GET", "/sessions?limit=2", "").is(http.StatusOK).into(&open)
	if len(open.Items) != 2 || open.Next == "" || open.Items[0].Username != "edsger" || open.Items[0].Record != "acme" {
		t.Errorf("the sessions are %+v", open)
	}
	h.ask(roles.Editor, "DELETE", "/sessions/"+open.Items[0].ID, "").is(http.StatusNoContent)
	h.ask(roles.Editor, "DELETE", "/sessions/"+open.Items[0].ID, "").is(http.StatusNotFound)
	ada := h.userID("ada")
	var ended ended
	h.ask(roles.Editor, "DELETE", "/users/"+ada+"/sessions", "").is(http.StatusOK).into(&ended)
	if ended.Ended != 1 {
		t.Errorf("%d ended", ended.Ended)
	}
	h.ask(roles.Reader, "GET", "/users/"+ada+"/sessions", "").is(http.StatusOK).into(&open)
	if len(open.Items) != 0 {
		t.Errorf("ada's sessions are %+v", open)
	}
	h.ask(roles.Reader, "GET", "/sessions?record=acme", "").is(http.StatusOK).into(&open)
	if len(open.Items) != 1 || open.Items[0].Username != "grace" {
		t.Errorf("what is left is %+v", open)
	}
	*h.now = noon.Add(3 * time.Hour) // nobody used it for longer than the idle time
	h.ask(roles.Reader, "GET", "/sessions", "").is(http.StatusOK).into(&open)
	if len(open.Items) != 0 {
		t.Errorf("a session that is over is listed: %+v", open)
	}
}

func TestATraceIsToldInStepsAndInWords(t *testing.T) {
	h := newHouse(t)
	ref := h.logIn("ada")
	h.ask(roles.Reader, "GET", "/traces/"+ref, "").is(http.StatusForbidden) // what came is personal
	var told traceWhole
	h.ask(roles.Editor, "GET", "/traces/"+strings.ToLower(ref), "").is(http.StatusOK).into(&told)
	if !told.Admitted || told.Decision == nil || len(told.Protocol) == 0 || len(told.Decision.Steps) == 0 || len(told.Decision.Findings) != 4 || told.Decision.Profile.Username != "ada" {
		t.Errorf("the trace is %+v", told)
	}
	text := h.ask(roles.Editor, "GET", "/traces/"+ref+"/text", "").is(http.StatusOK)
	has(t, text.Body.String(), "Login "+ref, "access_rules[0] admins")
	has(t, text.Header().Get("Content-Type"), "text/plain")
	h.ask(roles.Editor, "GET", "/traces/0000000000", "").is(http.StatusNotFound).problem()

	var compared struct {
		Say, With string
		Now, Then *struct{ Ref string }
	}
	h.ask(roles.Editor, "GET", "/traces/"+ref+"/compare", "").is(http.StatusOK).into(&compared)
	if compared.Now == nil || compared.Now.Ref != ref || compared.With == "" || compared.Say == "" {
		t.Errorf("the comparison is %+v", compared)
	}
	h.ask(roles.Reader, "GET", "/traces/"+ref+"/compare", "").is(http.StatusForbidden)
	h.ask(roles.Editor, "GET", "/traces/0000000000/compare", "").is(http.StatusNotFound).problem()

	*h.now = noon.Add(time.Second)
	h.ask(roles.Editor, "POST", "/users/"+h.userID("ada")+"/block", "").is(http.StatusOK)
	refused := h.logIn("ada")
	for query, want := range map[string]string{
		"?outcome=admitted": ref, "?outcome=refused": refused, "?record=acme&limit=1": refused, "?record=other": "",
		"?user=" + h.userID("ada") + "&outcome=admitted": ref, "?from=2026-03-01T12:00:01Z": refused, "?to=2026-03-01T12:00:01Z": ref,
		"?code=nothing": "",
	} {
		var got list[TraceSummary]
		h.ask(roles.Reader, "GET", "/traces"+query, "").is(http.StatusOK).into(&got)
		switch {
		case want == "" && len(got.Items) > 0, want != "" && (len(got.Items) != 1 || got.Items[0].Ref != want):
			t.Errorf("%s: %+v, want %s", query, got.Items, want)
		}
	}
}

func TestAnOwnerMakesAndRevokesTokens(t *testing.T) {
	h := newHouse(t)
	var made newToken
	h.ask(roles.Owner, "POST", "/tokens", `{"name":"ci","role":"reader","expires":"2026-03-02T12:00:00Z"}`).is(http.StatusCreated).into(&made)
	h.ask("", "GET", "/records", "", "Authorization", "Bearer "+made.Secret).is(http.StatusOK)
	if list := h.ask(roles.Owner, "GET", "/tokens", "").is(http.StatusOK).Body.String(); strings.Contains(list, made.Secret) || !strings.Contains(list, `"name":"ci"`) {
		t.Errorf("the list is %s", list)
	}
	h.ask(roles.Owner, "POST", "/tokens", `{"name":"ci","role":"reader","expires":"2026-03-02T12:00:00Z"}`).is(http.StatusConflict)
	_, problems := h.ask(roles.Owner, "POST", "/tokens", `{"name":"C I","role":"root","expires":"2036-03-02T12:00:00Z"}`).is(http.StatusUnprocessableEntity).problem()
	if len(problems) != 3 {
		t.Errorf("the problems are %v", problems)
	}
	h.ask(roles.Owner, "DELETE", "/tokens/"+made.ID, "").is(http.StatusNoContent)
	h.ask(roles.Owner, "DELETE", "/tokens/"+made.ID, "").is(http.StatusNotFound)
	h.ask("", "GET", "/records", "", "Authorization", "Bearer "+made.Secret).is(http.StatusUnauthorized)
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?action=token_revoked", "").into(&events)
	if len(events.Items) != 1 || events.Items[0].Who != "token: owner" {
		t.Errorf("the events are %+v", events.Items)
	}
}

func TestAReasonIsOneShortLine(t *testing.T) {
	h := newHouse(t)
	for _, reason := range []string{strings.Repeat("x", 501), "a\tb"} {
		_, problems := h.ask(roles.Editor, "POST", "/groups", `{"key":"a","name":"A"}`, "Idms-Reason", reason).is(http.StatusUnprocessableEntity).problem()
		if problems["Idms-Reason"] == "" {
			t.Errorf("the problems are %v", problems)
		}
	}
	h.ask(roles.Editor, "POST", "/groups", `{"key":"a","name":"A"}`, "Idms-Reason", "f\xfcr Ada").is(http.StatusCreated)
	has(t, h.ask(roles.Reader, "GET", "/audit?group=a", "").Body.String(), "für Ada")
}
