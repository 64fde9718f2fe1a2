package login_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/samltest"
	"idms/internal/store"
	"idms/internal/trace"
)

var auditor = store.Author{Who: "bob", Reason: "ticket 7"}

// reapply applies the rules to ada, and previews it first: both must say the same,
// and the preview must leave nothing.
func (h *house) reapply(t *testing.T) login.Reapplied {
	t.Helper()
	id := h.account(t)
	before := len(h.events(t))
	preview, err := h.Reapply(t.Context(), id, login.How{By: auditor, Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.events(t)) != before || preview.Trace != "" {
		t.Error("the preview left something")
	}
	done, err := h.Reapply(t.Context(), id, login.How{By: auditor})
	if err != nil {
		t.Fatal(err)
	}
	if preview.Any() != done.Any() || len(preview.Groups) != len(done.Groups) || len(preview.Sessions) != len(done.Sessions) {
		t.Errorf("the preview said\n%+v\nand then happened\n%+v", preview, done)
	}
	if again, err := h.Reapply(t.Context(), id, login.How{By: auditor}); err != nil || again.Any() {
		t.Errorf("the second time it changes %+v (%v)", again, err)
	}
	return done
}

// logInAs is logIn of somebody else, by the same attributes.
func (h *house) logInAs(b *browser, name string) {
	h.t.Helper()
	outcome := h.post(b, samltest.For(h.sp()).At(*h.now).To(h.begin(b, "/")).Person(name).
		Attribute("groups", "ops", "admins").Attribute("status", "active"))
	if outcome.Refusal != nil {
		h.t.Fatalf("refused: %s", h.told(outcome.Reference))
	}
}

func (h *house) account(t *testing.T) string {
	t.Helper()
	id, err := h.store.AccountID(t.Context(), "corp", "ADA")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// admins changes the pattern of the access rule for Full Access.
func admins(pattern string) func(*idms.Record) {
	return func(r *idms.Record) { r.Access[0].Pattern = parsed(pattern) }
}

func parsed(text string) rules.Pattern {
	pattern, err := rules.ParsePattern(text, rules.Options{})
	if err != nil {
		panic(err)
	}
	return pattern
}

func TestS43UnchangedRulesChangeNothingAndLeaveNoTrace(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var b browser
		h.logIn(&b)
		before := len(h.events(t))
		if done := h.reapply(t); done.Any() || done.Trace != "" || !done.Decision.Admitted || done.Open != 1 {
			t.Errorf("%+v", done)
		}
		if len(h.events(t)) != before {
			t.Error("the trail tells of a change that was none")
		}
	})
}

func TestS43ChangedRulesActOnTheLastAssertion(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var b browser
		h.logIn(&b)
		h.wait(time.Hour)
		h.save(func(r *idms.Record) {
			r.Associations[0].Pattern = parsed("^operators$")
			staff := groups.Association{Rule: rules.Rule{Key: "staff", Attribute: "status", Pattern: parsed("^active$")}, Group: "staff"}
			r.Associations = append(r.Associations, staff)
			r.Access[0].Pattern = parsed("^bosses$")
		})
		done := h.reapply(t)
		if len(done.Groups) != 2 || done.Groups[0].Group != "staff" || done.Groups[0].Verdict != groups.Added ||
			done.Groups[1].Group != "platform" || done.Groups[1].Verdict != groups.Removed || !strings.Contains(done.Groups[0].Why, "active") {
			t.Errorf("groups: %+v", done.Groups)
		}
		if len(done.Sessions) != 1 || done.Sessions[0].From != console.Full || done.Sessions[0].To != console.Restricted || done.Sessions[0].Ends {
			t.Errorf("sessions: %+v", done.Sessions)
		}
		who := h.visitor(&b)
		if who.Level != console.Restricted || !strings.Contains(who.Why, "everyone") || len(who.Groups) != 1 || who.Groups[0].Key != "staff" {
			t.Errorf("the session shows %+v", who)
		}

		event := h.events(t)[0]
		if event.Action != audit.RulesApplied || event.Who != "bob" || event.Reason != "ticket 7" || event.Trace != done.Trace || event.Record != "corp" {
			t.Errorf("the trail says %+v", event)
		}
		want := []audit.Change{{Field: "groups", To: "staff"}, {Field: "groups", From: "platform"},
			{Field: "sessions[" + who.Session.ID + "].level", From: "full", To: "restricted"}}
		if len(event.Changes) != len(want) {
			t.Fatalf("it tells %+v", event.Changes)
		}
		for i := range want {
			if event.Changes[i] != want[i] {
				t.Errorf("it tells %+v, want %+v", event.Changes[i], want[i])
			}
		}
		told := h.told(done.Trace)
		for _, part := range []string{"No login", "purpose: reapply", "version 2", "S43 recorded assertion", "applied by bob", "- platform", "+ staff"} {
			if !strings.Contains(told, part) {
				t.Errorf("the trace lacks %q:\n%s", part, told)
			}
		}
	})
}

func TestS43WhoWouldBeRefusedHasNoSessionAnyMore(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var one, two browser
		h.logIn(&one)
		h.logIn(&two)
		h.save(func(r *idms.Record) {
			r.Access = append(r.Access, console.Grant{Rule: rules.Rule{Key: "out", Attribute: "groups", Pattern: parsed("^ops$")}})
			r.Associations[0].Pattern = parsed("^operators$")
		})
		done := h.reapply(t)
		if done.Decision.Admitted || done.Decision.Code != trace.NoAccessRule || len(done.Sessions) != 2 || !done.Sessions[0].Ends || !done.Sessions[1].Ends {
			t.Errorf("%+v", done)
		}
		if h.loggedIn(&one) || h.loggedIn(&two) {
			t.Error("a session goes on of somebody who has no access")
		}
		person, err := h.store.Person(t.Context(), done.Account.ID)
		if err != nil || len(person.Groups) != 1 { // S1
			t.Errorf("a refusal changed groups: %+v (%v)", person.Groups, err)
		}
		if event := h.events(t)[0]; event.Code != trace.NoAccessRule || event.Changes[0].To != "ended" {
			t.Errorf("the trail says %+v", event)
		}
	})
}

func TestS43NoLevelIsRaised(t *testing.T) {
	h := onSQLite(t, admins("^bosses$"))
	var b browser
	h.logIn(&b)
	h.save() // by which ada has Full Access
	if done := h.reapply(t); done.Any() || done.Decision.Level != console.Full {
		t.Errorf("%+v", done)
	}
	if who := h.visitor(&b); who.Level != console.Restricted {
		t.Errorf("the session was raised to %v", who.Level)
	}
}

// Each session is judged by the context that it was opened with, whatever the last
// login came with (S25).
func TestS43EverySessionKeepsTheContextOfItsOwnLogin(t *testing.T) {
	h := onSQLite(t, elevates)
	var strong, weak, elevated browser
	h.post(&strong, h.answer(h.begin(&strong, "/")).With(withSmartcard))
	h.logIn(&elevated)
	h.post(&elevated, h.answer(h.elevate(&elevated)).With(withSmartcard))
	h.logIn(&weak)
	if done := h.reapply(t); done.Any() {
		t.Errorf("nothing changed, and yet: %+v", done.Sessions)
	}
	levels := func(want ...console.Level) {
		t.Helper()
		for i, b := range []*browser{&strong, &weak, &elevated} {
			if got := h.visitor(b).Level; got != want[i] {
				t.Errorf("session %d: %v, want %v", i, got, want[i])
			}
		}
	}
	levels(console.Full, console.Restricted, console.Full)

	h.save(func(r *idms.Record) { r.SAML.ElevationContexts = []string{"urn:example:stronger"} })
	if done := h.reapply(t); len(done.Sessions) != 2 {
		t.Errorf("%+v", done.Sessions)
	}
	levels(console.Restricted, console.Restricted, console.Restricted)
}

func TestS43AnElevationEndsWithTheRuleThatAllowedIt(t *testing.T) {
	h := onSQLite(t, elevates)
	var b browser
	h.logIn(&b)
	h.post(&b, h.answer(h.elevate(&b)).With(withSmartcard))
	h.save(elevates, admins("^bosses$"))
	if done := h.reapply(t); len(done.Sessions) != 1 || done.Sessions[0].To != console.Restricted {
		t.Errorf("%+v", done.Sessions)
	}
	if who := h.visitor(&b); who.Level != console.Restricted {
		t.Errorf("it is still %v", who.Level)
	}
}

func TestS43WhatCannotBeAppliedSaysWhy(t *testing.T) {
	refuses := func(t *testing.T, h *house, want string) {
		t.Helper()
		_, err := h.Reapply(t.Context(), h.account(t), login.How{By: auditor})
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(fault.Sentence(err), want) {
			t.Errorf("got %v, want a conflict with %q", err, want)
		}
	}
	t.Run("an assertion that is too old", func(t *testing.T) {
		h := onSQLite(t)
		h.logIn(new(browser))
		h.wait(30*24*time.Hour - time.Second)
		h.reapply(t)
		h.wait(time.Second)
		refuses(t, h, "too old")
		if _, err := h.store.Purge(t.Context(), *h.now); err != nil {
			t.Fatal(err)
		}
		refuses(t, h, "Nothing is recorded")
	})
	t.Run("a mapping that names another account", func(t *testing.T) {
		h := onSQLite(t)
		h.logIn(new(browser))
		h.save(func(r *idms.Record) { r.Mapping.Username = "email" })
		refuses(t, h, "another account")
	})
	t.Run("a record that takes no logins", func(t *testing.T) {
		h := onSQLite(t)
		h.logIn(new(browser))
		h.save(func(r *idms.Record) { r.State = idms.Disabled })
		refuses(t, h, "takes no logins")
	})
	t.Run("nobody", func(t *testing.T) {
		h := onSQLite(t)
		if _, err := h.Reapply(t.Context(), store.NewID(), login.How{By: auditor}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("got %v", err)
		}
	})
}

// A refused login proves nothing new that could be applied.
func TestS43ARefusedLoginIsNotRecorded(t *testing.T) {
	h := onSQLite(t)
	h.logIn(new(browser))
	var b browser
	outcome := h.post(&b, h.answer(h.begin(&b, "/")).Attribute("status", "suspended"))
	if outcome.Refusal == nil {
		t.Fatal("admitted")
	}
	if done := h.reapply(t); done.Any() || !done.Decision.Admitted {
		t.Errorf("%+v", done)
	}
}

func TestS43TheRulesAreAppliedToEverybodyOneByOne(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		for _, name := range []string{"ada", "bert", "cleo"} {
			var b browser
			h.logInAs(&b, name)
		}
		h.save(func(r *idms.Record) {
			r.Associations[0].Attribute, r.Associations[0].Pattern = "username", parsed("^ada$")
		})
		for _, how := range []login.How{{By: auditor, Preview: true}, {By: auditor}} {
			var names []string
			all, err := h.ReapplyToAll(t.Context(), "corp", how, func(done login.Reapplied) error {
				names = append(names, done.Account.Username)
				return nil
			})
			if want := (login.ReappliedToAll{People: 3, Changed: 2, Unchanged: 1}); err != nil || all != want || strings.Join(names, " ") != "bert cleo" {
				t.Errorf("%+v for %v (%v)", all, names, err)
			}
		}
		h.wait(31 * 24 * time.Hour)
		all, err := h.ReapplyToAll(t.Context(), "corp", login.How{By: auditor}, nil)
		if want := (login.ReappliedToAll{People: 3, Unknown: 3}); err != nil || all != want {
			t.Errorf("later: %+v (%v)", all, err)
		}
	})
}

func TestS43ARehearsalSaysWhoGainsAndWhoLoses(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		for _, name := range []string{"ada", "bert", "cleo"} {
			var b browser
			h.logInAs(&b, name)
		}
		before := len(h.events(t))
		candidate, err := h.store.Record(t.Context(), "corp")
		if err != nil {
			t.Fatal(err)
		}
		candidate.Validation = append(candidate.Validation, rules.Rule{Key: "not-cleo", Attribute: "username", Pattern: parsed("^cleo$"), Values: rules.None})
		candidate.Access[0].Attribute, candidate.Access[0].Pattern = "username", parsed("^ada$")
		candidate.Associations[0].Attribute, candidate.Associations[0].Pattern = "username", parsed("^ada$")
		got, err := h.Rehearse(t.Context(), candidate)
		if err != nil {
			t.Fatal(err)
		}
		is := func(what string, some idms.Some, names ...string) {
			t.Helper()
			if some.Count != len(names) || strings.Join(some.First, " ") != strings.Join(names, " ") {
				t.Errorf("%s: %+v, want %v", what, some, names)
			}
		}
		is("who loses the login", got.LoseLogin, "cleo")
		is("who gets a lower level", got.Lowered, "bert")
		is("who leaves platform", got.Leaves["platform"], "bert")
		is("who gains the login", got.GainLogin)
		if got.People != 3 || got.Unchanged != 1 || got.Unknown != 0 || len(got.Joins) != 0 || !got.Any() {
			t.Errorf("%+v", got)
		}
		candidate.State = idms.Disabled
		if got, err := h.Rehearse(t.Context(), candidate); err != nil || got.LoseLogin.Count != 3 {
			t.Errorf("a record that is switched off: %+v (%v)", got, err)
		}
		if len(h.events(t)) != before {
			t.Error("a rehearsal wrote something")
		}
		h.wait(31 * 24 * time.Hour)
		if got, err := h.Rehearse(t.Context(), candidate); err != nil || got.Unknown != 3 || got.Any() {
			t.Errorf("later: %+v (%v)", got, err)
		}
		candidate.Key = "newcomer"
		if got, err := h.Rehearse(t.Context(), candidate); err != nil || got.People != 0 {
			t.Errorf("a new record: %+v (%v)", got, err)
		}
	})
}

// Logins that are under way while the record changes are either decided by the new
// rules or found by whoever applies them: nobody slips in between.
func TestS43NoLoginSlipsThroughWhileTheRulesAreApplied(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.logIn(new(browser))
		const many = 12
		posts := make([]login.Post, many)
		for i := range posts {
			b := new(browser)
			posts[i] = h.posted(b, h.answer(h.begin(b, "/")))
		}
		tokens := make(chan string, many)
		var logins sync.WaitGroup
		for _, post := range posts {
			logins.Go(func() {
				outcome, err := h.Complete(context.Background(), post)
				if err != nil {
					t.Error(err)
				} else if outcome.Session != nil {
					tokens <- outcome.Session.Value
				}
			})
		}
		h.save(admins("^nobody$"), func(r *idms.Record) { r.Access = r.Access[:1] })
		if _, err := h.Reapply(t.Context(), h.account(t), login.How{By: auditor}); err != nil {
			t.Error(err)
		}
		logins.Wait()
		close(tokens)
		for token := range tokens {
			if _, err := h.Visitor(t.Context(), token); fault.KindOf(err) != fault.NotFound {
				t.Errorf("a session goes on of somebody who has no access (%v)", err)
			}
		}
	})
}

// S44: applying the rules takes the last owner away as little as a login does.
func TestS44AppliedRulesLeaveTheLastOwner(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.saveAs(roles.Owner, adminRecord)
		h.logIn(new(browser))
		h.saveAs(roles.Owner, adminRecord, func(r *idms.Record) { r.Associations[0].Pattern = parsed("^nobody$") })
		done, err := h.Reapply(t.Context(), h.account(t), login.How{By: auditor})
		if err != nil || done.Any() {
			t.Errorf("it changes %+v (%v)", done.Decision.Changes, err)
		}
		if has, err := h.store.HasOwner(t.Context()); err != nil || !has {
			t.Errorf("nobody can administer any more (%v)", err)
		}
	})
}
