package login_test

import (
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/samltest"
	"idms/internal/store"
)

func TestS61ResponsesAreKeptAsTheyArriveUntilTheEndThatTheRecordSays(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		kept := func(reference string) bool {
			t.Helper()
			has, err := h.store.HasResponse(t.Context(), reference)
			if err != nil {
				t.Fatal(err)
			}
			return has
		}
		var b browser
		if kept(h.logIn(&b).Reference) {
			t.Error("one is kept that nobody asked for")
		}
		h.save(func(r *idms.Record) { r.SAML.KeepResponsesUntil = h.now.Add(time.Hour) })
		h.wait(time.Minute)
		came := h.posted(&b, h.answer(h.begin(&b, "/")))
		admitted, err := h.Complete(t.Context(), came)
		if err != nil || admitted.Session == nil {
			t.Fatalf("%+v, %v", admitted, err)
		}
		unproved := h.post(&b, h.answer(h.begin(&b, "/")).Sign(samltest.SignNothing))
		if !kept(admitted.Reference) || !kept(unproved.Reference) {
			t.Errorf("kept: the admitted %v, the unproved %v", kept(admitted.Reference), kept(unproved.Reference))
		}
		if posted, err := h.store.ReadResponse(t.Context(), admitted.Reference, store.Author{Role: roles.Owner, Who: "olga", Now: *h.now}); err != nil || string(posted) != came.Response {
			t.Errorf("it is not what arrived: %v", err)
		}
		h.wait(time.Hour)
		if kept(h.logIn(&b).Reference) {
			t.Error("the keeping does not end by itself")
		}
	})
}

func TestS43RulesAreAppliedToAPartOfThePeopleAndGoOnBehindIt(t *testing.T) {
	h := onSQLite(t)
	for _, name := range []string{"ada", "bea", "cleo"} {
		var b browser
		if outcome := h.post(&b, h.answer(h.begin(&b, "/")).With(with("username", name)).With(with("email", name+"@example.test"))); outcome.Refusal != nil {
			t.Fatal(h.told(outcome.Reference))
		}
	}
	h.save(func(r *idms.Record) {
		parsed, err := rules.ParsePattern("^nothing$", rules.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.Associations[0].Pattern = parsed
	})
	after, seen, parts := "", map[string]bool{}, 0
	for {
		part, next, err := h.ReapplyToSome(t.Context(), "corp", after, login.How{By: auditor},
			func(so login.ReappliedToAll) bool { return so.Changed == 1 },
			func(done login.Reapplied) error { seen[done.Account.Username] = true; return nil })
		if err != nil || part.People > 1 {
			t.Fatalf("%+v, %v", part, err)
		}
		parts++
		if next == "" {
			break
		}
		after = next
	}
	if len(seen) != 3 || parts != 3 {
		t.Errorf("%v in %d parts", seen, parts)
	}
	if _, _, err := h.ReapplyToSome(t.Context(), "corp", "nobody", login.How{By: auditor}, func(login.ReappliedToAll) bool { return false }, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("behind nobody: %v", err)
	}
}
