package login_test

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/store"
	"idms/internal/trace"
)

func draft(r *idms.Record) { r.State = idms.Draft }

// invite asks for a test login, as an administrator does.
func (h *house) invite(version int) (login.Invitation, string) {
	h.t.Helper()
	invitation, err := h.InviteTest(h.t.Context(), login.Asking{Record: "corp", Version: version, By: "bob"})
	if err != nil {
		h.t.Fatal(err)
	}
	secret, ok := strings.CutPrefix(invitation.Address, origin+"/saml/corp/test/")
	if !ok {
		h.t.Fatalf("the address is %s", invitation.Address)
	}
	return invitation, secret
}

// beginTest opens the address in a browser and goes to the provider.
func (h *house) beginTest(b *browser, secret string) saml.Request {
	h.t.Helper()
	begun, err := h.BeginTest(h.t.Context(), "corp", secret, origin)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.sent(b, begun)
}

func (h *house) test(ref string) login.Test {
	h.t.Helper()
	test, err := h.TestLogin(h.t.Context(), "corp", ref)
	if err != nil {
		h.t.Fatal(err)
	}
	return test
}

// nothingHappened is that a test has left no person and no session.
func (h *house) nothingHappened(b *browser) {
	h.t.Helper()
	if b.session != "" {
		h.t.Error("a test has opened a session")
	}
	edition, err := h.store.Edition(h.t.Context(), "corp")
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.store.InTx(h.t.Context(), func(tx *store.Tx) error {
		known, err := tx.Known(edition, "ada")
		if known.Account != nil {
			h.t.Errorf("a test has created %+v", *known.Account)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestADraftIsTriedAndLetsNobodyIn(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var b browser
		if _, err := h.Begin(t.Context(), login.Start{Record: "corp", Origin: origin}); fault.KindOf(err) != fault.Denied {
			t.Fatalf("a draft begins logins: %v", err) // S53
		}
		invitation, secret := h.invite(0)
		request := h.beginTest(&b, secret)
		if test := h.test(invitation.Ref); !test.Begun || test.Ended {
			t.Errorf("%+v", test)
		}
		outcome := h.post(&b, h.answer(request))
		if outcome.Tested == nil || !outcome.Tested.Passed || outcome.Session != nil || outcome.Refusal != nil || outcome.Reference != invitation.Ref {
			t.Fatalf("outcome = %+v\n%s", outcome, h.told(invitation.Ref))
		}
		h.nothingHappened(&b)
		if len(b.tickets) != 0 {
			t.Errorf("the browser still waits: %v", b.tickets)
		}

		// Its administrator sees what came, every rule, and what would change.
		test := h.test(invitation.Ref)
		if !test.Ended || !test.Passed || test.Trace == nil || !test.Trace.Test || test.Trace.Admitted || test.Trace.UserID != "" {
			t.Fatalf("%+v", test)
		}
		told := h.told(invitation.Ref)
		for _, want := range []string{"Test login " + invitation.Ref, "passed: the person would be logged in", "purpose: test",
			`email = ["ada@example.test"]`, "validation_rules[0] not-suspended", "access_rules[0] admins", "associations[0] ops", "+ platform", "is created"} {
			if !strings.Contains(told, want) {
				t.Errorf("it does not say %q:\n%s", want, told)
			}
		}
		events := h.events(t)
		if last := events[0]; last.Action != audit.LoginTested || last.Who != "bob" || last.Trace != invitation.Ref || last.User != "" {
			t.Errorf("audit trail: %+v", events)
		}

		// The assertion is used up, for the draft and for what it becomes (M17).
		h.save()
		var other browser
		h.begin(&other, "/")
		h.save(func(r *idms.Record) { r.SAML.AllowUnsolicited = true })
		if outcome := h.post(&other, h.answer(request)); outcome.Refusal == nil {
			t.Error("what a test has used up logs somebody in")
		}
	}, draft)
}

// Any process may invite, begin, complete and show a test.
func TestATestGoesThroughAnyProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var b browser
		invitation, secret := h.invite(0)
		h.Flow = h.again()
		request := h.beginTest(&b, secret)
		h.Flow = h.again()
		if outcome := h.post(&b, h.answer(request)); outcome.Tested == nil || !outcome.Tested.Passed {
			t.Fatalf("%+v", outcome)
		}
		h.Flow = h.again()
		if test := h.test(invitation.Ref); !test.Passed || test.Trace == nil {
			t.Errorf("%+v", test)
		}
	}, draft)
}

// Posted twenty times at once, the answer to a test ends it once, and nothing else
// comes of it (M17).
func TestM17TheAnswerToATestEndsItOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var b browser
		invitation, secret := h.invite(0)
		post := h.posted(&b, h.answer(h.beginTest(&b, secret)))
		var ends, sessions atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				outcome, err := h.Complete(t.Context(), post)
				if err != nil && fault.KindOf(err) != fault.Conflict {
					t.Error(err)
				}
				if outcome.Tested != nil {
					ends.Add(1)
				}
				if outcome.Session != nil {
					sessions.Add(1)
				}
			})
		}
		all.Wait()
		if ends.Load() != 1 || sessions.Load() != 0 {
			t.Errorf("it ended %d times, with %d sessions", ends.Load(), sessions.Load())
		}
		if test := h.test(invitation.Ref); !test.Passed {
			t.Errorf("%s", h.told(invitation.Ref))
		}
		h.nothingHappened(&b)
	}, draft)
}

func TestATestOfAnActiveRecordTriesTheVersionThatItNames(t *testing.T) {
	h := onSQLite(t)
	h.save(func(r *idms.Record) { r.Validation[0].Attribute = "employment" }) // version 2, whose rule is another
	for version, passes := range map[int]bool{1: false, 2: true} {
		var b browser
		invitation, secret := h.invite(version)
		answer := h.answer(h.beginTest(&b, secret)).Attribute("employment", "yes").With(func(a *samltest.Answer) {
			a.Attributes[slices.IndexFunc(a.Attributes, func(one samltest.Attribute) bool { return one.Name == "status" })].Values = []string{"suspended"}
		})
		outcome := h.post(&b, answer)
		if outcome.Tested == nil || outcome.Tested.Passed != passes || outcome.Tested.Version != version {
			t.Fatalf("version %d: %+v\n%s", version, outcome.Tested, h.told(invitation.Ref))
		}
		h.nothingHappened(&b)
	}
}

// All that is wrong is told at once, whatever came first.
func TestATestTellsAllProblemsAtOnce(t *testing.T) {
	h := onSQLite(t, draft, func(r *idms.Record) { r.Mapping.Email = "mail" })
	var b browser
	invitation, secret := h.invite(0)
	answer := audience("urn:other")(h, h.answer(h.beginTest(&b, secret)))
	answer = signedWith(samltest.Signature{Key: samltest.Key(samltest.NextSigner)})(h, answer)
	answer = attribute("status", "suspended")(h, answer)
	outcome := h.post(&b, answer)
	if outcome.Tested == nil || outcome.Tested.Passed || outcome.Tested.Code != trace.UnknownKey || outcome.Tested.Sentence != trace.UnknownKey.Meaning().Visitor {
		t.Fatalf("outcome = %+v", outcome.Tested)
	}
	told := h.told(invitation.Ref)
	for _, want := range []string{"not passed: unknown_key", "(unknown_key)", "(audience_mismatch)", "(field_missing)", "(validation_failed)",
		"nobody has proved what came", `suggested "email"`, fingerprint(samltest.NextSigner), "access_rules[0] admins", "Group changes, if nothing refused the login:\n  + platform"} {
		if !strings.Contains(told, want) {
			t.Errorf("it does not say %q:\n%s", want, told)
		}
	}
	h.nothingHappened(&b)
	if test := h.test(invitation.Ref); !test.Ended || test.Passed {
		t.Errorf("%+v", test)
	}
	// What nobody proved uses nothing up but the test.
	h.save()
	var c browser
	if outcome := h.logIn(&c); outcome.Refusal != nil {
		t.Error("refused")
	}
}

func TestATestEndsWithWhateverCame(t *testing.T) {
	for name, come := range map[string]func(*house, *browser, login.Post) login.Post{
		"garbage":             raw("!!!"),
		"nothing":             raw(""),
		"HTML":                encoded("<html></html>"),
		"an answer in a link": func(_ *house, _ *browser, post login.Post) login.Post { post.InAddress = true; return post },
	} {
		t.Run(name, func(t *testing.T) {
			h := onSQLite(t, draft)
			var b browser
			invitation, secret := h.invite(0)
			post := h.posted(&b, h.answer(h.beginTest(&b, secret)))
			outcome, err := h.Complete(t.Context(), come(h, &b, post))
			if err != nil || outcome.Tested == nil || outcome.Tested.Passed || outcome.Tested.Code == "" {
				t.Fatalf("%+v, %v", outcome, err)
			}
			if test := h.test(invitation.Ref); !test.Ended || test.Trace == nil || test.Trace.Protocol.Refusal() == nil {
				t.Errorf("%+v", test)
			}
		})
	}
}

func TestTheAddressOfATestIsForOneBrowserOnceAndForAWhile(t *testing.T) {
	h := onSQLite(t, draft)
	var b, other browser
	_, secret := h.invite(0)
	request := h.beginTest(&b, secret)
	if _, err := h.BeginTest(t.Context(), "corp", secret, origin); fault.KindOf(err) != fault.Conflict {
		t.Errorf("it begins twice: %v", err)
	}
	// Another browser has no part in it: there the record is a draft (S53).
	if outcome := h.post(&other, h.answer(request)); outcome.Tested != nil || outcome.Refusal == nil || outcome.Refusal.Code != trace.RecordInactive {
		t.Errorf("another browser: %+v", outcome)
	}
	for name, try := range map[string]func() error{
		"another record's": func() error { _, err := h.TestAt(t.Context(), "sales", secret); return err },
		"an invented one":  func() error { _, err := h.TestAt(t.Context(), "corp", "invented"); return err },
	} {
		if err := try(); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.post(&b, h.answer(request))
	if test, err := h.TestAt(t.Context(), "corp", secret); err != nil || !test.Ended || test.Trace == nil {
		t.Errorf("whoever holds the address: %+v, %v", test, err)
	}
	h.wait(time.Hour)
	if _, err := h.TestAt(t.Context(), "corp", secret); fault.KindOf(err) != fault.NotFound {
		t.Errorf("it shows the result for ever: %v", err)
	}

	_, late := h.invite(0)
	h.wait(10 * time.Minute)
	if _, err := h.BeginTest(t.Context(), "corp", late, origin); fault.KindOf(err) != fault.NotFound {
		t.Errorf("it begins after its time: %v", err)
	}
}

// A login on its way in the same browser is not mistaken for the test, nor the
// test for the login.
func TestALoginBesideATestIsALogin(t *testing.T) {
	h := onSQLite(t)
	var b browser
	_, secret := h.invite(0)
	tried := h.beginTest(&b, secret)
	h.wait(time.Second)
	wanted := h.begin(&b, "/groups")
	if outcome := h.post(&b, h.answer(wanted)); outcome.Session == nil {
		t.Fatalf("the login: %+v", outcome)
	}
	if outcome := h.post(&b, h.answer(tried)); outcome.Tested == nil || !outcome.Tested.Passed {
		t.Fatalf("the test: %+v", outcome)
	}

	// By RelayState whichever began first.
	_, secret = h.invite(0)
	tried = h.beginTest(&b, secret)
	handle := ""
	for name := range b.tickets {
		handle = name
	}
	h.wait(time.Second)
	h.begin(&b, "/")
	post := h.posted(&b, h.answer(tried))
	post.RelayState = handle
	if outcome, err := h.Complete(t.Context(), post); err != nil || outcome.Tested == nil || !outcome.Tested.Passed {
		t.Errorf("the test: %+v, %v", outcome, err)
	}
}

// S55, M15: what the provider starts is tried too, in the browser that has begun
// the test.
func TestALoginThatTheProviderStartsIsTried(t *testing.T) {
	h := onSQLite(t, draft, func(r *idms.Record) {
		r.SAML.AllowUnsolicited, r.SAML.CustomLoginURL = true, "https://idp.example.test/start"
	})
	_, secret := h.invite(0)
	begun, err := h.BeginTest(t.Context(), "corp", secret, origin)
	if err != nil || begun.Elsewhere != "https://idp.example.test/start" || begun.Pending.Name == "" {
		t.Fatalf("%+v, %v", begun, err)
	}
	b := browser{tickets: map[string]string{begun.Pending.Name: begun.Pending.Value}}
	if outcome := h.post(&b, h.answer(saml.Request{})); outcome.Tested == nil || !outcome.Tested.Passed {
		t.Errorf("%+v", outcome)
	}
	h.nothingHappened(&b)
}

func TestAnIncompleteDraftIsNotTriedAndSaysWhy(t *testing.T) {
	h := onSQLite(t)
	file := idms.File{Records: []idms.Record{{Key: "new", Name: "New", State: idms.Draft}}}
	if _, err := h.store.Apply(t.Context(), file, store.Author{Who: "test", Now: noon}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		asking login.Asking
		kind   fault.Kind
	}{
		{login.Asking{Record: "new"}, fault.Invalid},
		{login.Asking{Record: "corp", Version: 9}, fault.NotFound},
		{login.Asking{Record: "nobody"}, fault.NotFound},
		{login.Asking{Record: idms.LocalKey}, fault.NotFound},
	} {
		if _, err := h.InviteTest(t.Context(), tt.asking); fault.KindOf(err) != tt.kind {
			t.Errorf("%+v: %v", tt.asking, err)
		}
	}
}

// A test at another origin of the service begins where its answer will be posted.
func TestATestBeginsWhereItsAnswerWillBePosted(t *testing.T) {
	h := onSQLite(t, draft)
	invitation, secret := h.invite(0)
	begun, err := h.BeginTest(t.Context(), "corp", secret, "https://other.example.test")
	if err != nil || begun.Elsewhere != invitation.Address || begun.Pending.Name != "" {
		t.Errorf("%+v, %v", begun, err)
	}
}
