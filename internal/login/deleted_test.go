package login_test

import (
	"testing"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

func TestADeletedRecordTakesNoLoginsAndItsTracesAreStillExplained(t *testing.T) {
	h := onSQLite(t)
	var b, waiting browser
	reference := h.logIn(&b).Reference
	explained := h.told(reference)
	request := h.begin(&waiting, "/")
	answer := h.answer(request)

	file, problems := idms.ParseFile([]byte("groups: [{key: staff, name: Staff}]\nrecords: [{key: other, name: Other}]"), nil)
	if problems.Any() {
		t.Fatal(problems)
	}
	if _, err := h.store.ApplyWith(t.Context(), file, store.Author{Who: "test", Now: noon}, store.How{Prune: true}); err != nil {
		t.Fatal(err)
	}
	if h.loggedIn(&b) {
		t.Error("the session goes on")
	}
	if _, err := h.Begin(t.Context(), login.Start{Record: "corp", Origin: origin}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("begin: %v", err)
	}
	if _, err := h.Complete(t.Context(), h.posted(&waiting, answer)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("complete: %v", err)
	}
	if _, err := h.Metadata(t.Context(), "corp"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("metadata: %v", err)
	}
	if got := h.told(reference); got != explained {
		t.Errorf("the trace now says\n%s\nand said\n%s", got, explained)
	}

	// Another record by the same key, with other rules, explains nothing of it,
	// and its people are new.
	h.save(func(r *idms.Record) { r.Access, r.Associations = nil, nil })
	if got := h.told(reference); got != explained {
		t.Errorf("the trace is explained by another record:\n%s", got)
	}
	if outcome := h.post(&waiting, answer); outcome.Refusal == nil {
		t.Error("a login that was begun with the former record ends in the new one")
	}
	var anew browser
	h.logIn(&anew)
	if groups := h.visitor(&anew).Groups; len(groups) != 0 {
		t.Errorf("somebody new is in %+v", groups)
	}
}

func TestThePersonIsToldWhereToChangeTheirPassword(t *testing.T) {
	const address = "https://idp.example.test/password"
	h := onSQLite(t, func(r *idms.Record) { r.SAML.ChangePasswordURL = address })
	var b browser
	h.logIn(&b)
	if got := h.visitor(&b).ChangePasswordURL; got != address {
		t.Errorf("the visitor is told %q", got)
	}
}
