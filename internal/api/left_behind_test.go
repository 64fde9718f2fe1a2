package api

import (
	"net/http"
	"testing"

	"idms/internal/audit"
	"idms/internal/roles"
)

func TestWhatADeletedAssociationLeftIsSettledByTokenS34(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	var left leftBehindItems
	h.ask(roles.Reader, "GET", "/left-behind", "").is(http.StatusOK).into(&left)
	if left.Items == nil || len(left.Items) != 0 {
		t.Fatalf("before anything is deleted: %+v", left)
	}
	h.ask(roles.Editor, "DELETE", "/records/acme/associations/ops", "", "If-Match", "*").is(http.StatusOK)
	h.ask(roles.Reader, "GET", "/left-behind?group=platform", "").is(http.StatusOK).into(&left)
	if len(left.Items) != 1 || left.Items[0].Rule != "ops" || left.Items[0].Members != 1 || left.Items[0].Record != "acme" {
		t.Fatalf("left is %+v", left)
	}

	for body, field := range map[string]string{
		`{"action":"keep","group":"platform"}`: "action", `{"action":"remove"}`: "group",
		`{"action":"remove","all":true,"group":"platform"}`: "all", `{"action":"remove","all":true,"expect":-1}`: "expect",
		`{"action":"remove","group":7}`: "group",
	} {
		_, problems := h.ask(roles.Editor, "POST", "/left-behind", body).is(http.StatusUnprocessableEntity).problem()
		if _, ok := problems[field]; !ok {
			t.Errorf("%s: the problems are %v, want one at %s", body, problems, field)
		}
	}
	h.ask(roles.Editor, "POST", "/left-behind", `{"action":"remove","group":"staff"}`).is(http.StatusNotFound).problem()
	h.ask(roles.Editor, "POST", "/left-behind", `{"action":"remove","group":"platform","expect":2}`).is(http.StatusPreconditionFailed).problem()
	h.ask(roles.Editor, "POST", "/left-behind", `{"action":"remove","group":"idms-owners"}`).is(http.StatusForbidden).problem()

	var done Settled
	h.ask(roles.Editor, "POST", "/left-behind?dry_run=true", `{"action":"remove","all":true}`).is(http.StatusOK).into(&done)
	if !done.DryRun || done.Reasons != 1 || done.People != 1 || done.Leaving != 1 || len(done.Hash) != 16 {
		t.Errorf("removing would %+v", done)
	}
	removal := done.Hash
	h.ask(roles.Editor, "POST", "/left-behind?dry_run=true", `{"action":"adopt","all":true}`).is(http.StatusOK).into(&done)
	h.ask(roles.Editor, "POST", "/left-behind", `{"action":"adopt","all":true,"hash":"`+removal+`"}`).is(http.StatusPreconditionFailed).problem()
	h.ask(roles.Editor, "POST", "/left-behind", `{"action":"adopt","group":"platform","record":"acme","rule":"ops","expect":1,"hash":"`+done.Hash+`"}`, "Idms-Reason", "she stays").is(http.StatusOK).into(&done)
	if done.DryRun || done.Reasons != 1 || done.Leaving != 0 {
		t.Errorf("adopting did %+v", done)
	}
	var members list[Member]
	h.ask(roles.Reader, "GET", "/groups/platform/members", "").into(&members)
	if len(members.Items) != 1 || len(members.Items[0].Sources) != 1 || members.Items[0].Sources[0].By != "token: editor" {
		t.Errorf("in the group are %+v", members.Items)
	}
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?action=left_behind_adopted&who=token:%20editor", "").into(&events)
	if len(events.Items) != 1 || events.Items[0].Reason != "she stays" {
		t.Errorf("the audit trail has %+v", events.Items)
	}
	h.ask(roles.Reader, "GET", "/audit?who=nobody", "").into(&events)
	if len(events.Items) != 0 {
		t.Errorf("nobody did %+v", events.Items)
	}
}
