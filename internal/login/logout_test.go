package login_test

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/store"
	"idms/internal/trace"
)

func singleLogout(r *idms.Record) { r.SAML.SingleLogout = true }

// scene is the provider's view of this house.
func (h *house) scene() samltest.Scene {
	return samltest.Scene{IdP: h.idp, SP: h.sp(), Expect: saml.Expect{Now: *h.now}}
}

// takeLogout brings a provider's message to one process.
func (h *house) takeLogout(f *login.Flow, arrival saml.LogoutArrival) login.LogoutOutcome {
	h.t.Helper()
	outcome, err := f.TakeLogout(h.t.Context(), login.LogoutPost{Record: "corp", Origin: origin, Arrival: arrival, Address: "192.0.2.7"})
	if err != nil {
		h.t.Fatal(err)
	}
	return outcome
}

// logInNamed is a login with a session index and a NameID of its own.
func (h *house) logInNamed(b *browser, username, index string, name saml.NameID) {
	h.t.Helper()
	answer := samltest.For(h.sp()).At(*h.now).To(h.begin(b, "/"))
	answer.NameID.Format = name.Format
	answer = answer.Person(username).Attribute("groups", "ops").Attribute("status", "active")
	answer.SessionIndex, answer.NameID = index, name
	if outcome := h.post(b, answer); outcome.Refusal != nil {
		h.t.Fatalf("refused: %s\n%s", outcome.Refusal.Code, h.told(outcome.Reference))
	}
}

func persistentID(value string) saml.NameID {
	return saml.NameID{Value: value, Format: samltest.FormatPersistent}
}

func TestM24AProvidersRequestEndsExactlyTheSessionsItNamesInEveryProcess(t *testing.T) {
	all := []string{"ada at home", "ada at work", "ada by e-mail", "grace"}
	for _, tt := range []struct {
		name   string
		change func(*samltest.Logout)
		left   []string
	}{
		{"one session index", func(l *samltest.Logout) { l.SessionIndexes = []string{"home"} }, []string{"ada at work", "ada by e-mail", "grace"}},
		{"several, one of which is nobody's", func(l *samltest.Logout) { l.SessionIndexes = []string{"home", "work", "x"} }, []string{"ada by e-mail", "grace"}},
		{"none, which is all of that NameID", func(l *samltest.Logout) { l.SessionIndexes = nil }, []string{"ada by e-mail", "grace"}},
		{"an index of somebody else's session", func(l *samltest.Logout) { l.SessionIndexes = []string{"grace"} }, all},
		{"another format", func(l *samltest.Logout) {
			l.SessionIndexes, l.NameID.Format = nil, samltest.FormatEmail
		}, []string{"ada at home", "ada at work", "grace"}},
		{"another provider's qualifier", func(l *samltest.Logout) { l.SessionIndexes, l.NameID.NameQualifier = nil, "https://other.example" }, all},
		{"the qualifiers that are implied", func(l *samltest.Logout) {
			l.SessionIndexes, l.NameID.NameQualifier = nil, "https://idp.example.test/saml"
		}, []string{"ada by e-mail", "grace"}},
		{"somebody we do not know", func(l *samltest.Logout) { l.SessionIndexes, l.NameID.Value = nil, "nobody" }, all},
		{"an encrypted NameID", func(l *samltest.Logout) { l.SessionIndexes, l.Encryption = nil, &samltest.Encryption{} }, []string{"ada by e-mail", "grace"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *house) {
				here, there := h.Flow, h.again()
				browsers := map[string]*browser{}
				for name, one := range map[string]struct {
					username, index string
					id              saml.NameID
				}{
					"ada at home":   {"ada", "home", persistentID("ada")},
					"ada at work":   {"ada", "work", persistentID("ada")},
					"ada by e-mail": {"ada", "mail", saml.NameID{Value: "ada", Format: samltest.FormatEmail}},
					"grace":         {"grace", "grace", persistentID("grace")},
				} {
					browsers[name] = &browser{}
					h.logInNamed(browsers[name], one.username, one.index, one.id)
				}
				logout := h.scene().Logout(saml.POST).With(tt.change)
				outcome := h.takeLogout(there, h.scene().Send(logout))
				if outcome.Refusal != nil {
					t.Fatalf("refused: %s", outcome.Refusal.Code)
				}
				if outcome.Reply == nil || outcome.Ended != len(all)-len(tt.left) {
					t.Errorf("%d ended, reply %v", outcome.Ended, outcome.Reply)
				}
				var left []string
				for name, b := range browsers {
					for _, process := range []*login.Flow{here, there} {
						if _, err := process.Visitor(t.Context(), b.session); err == nil && !slices.Contains(left, name) {
							left = append(left, name)
						}
					}
				}
				slices.Sort(left)
				if !slices.Equal(left, tt.left) {
					t.Errorf("%q are left, want %q\n%s", left, tt.left, h.told(outcome.Reference))
				}
				event := h.events(t)[0]
				if event.Action != audit.SessionsEnded || event.Who != "identity provider" || event.Trace != outcome.Reference || len(event.Changes) != 1+outcome.Ended {
					t.Errorf("audit trail: %+v", event)
				}
			}, singleLogout)
		})
	}
}

func TestM24OfManyCopiesOfARequestOneCounts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var b browser
		h.logIn(&b)
		processes := []*login.Flow{h.Flow, h.again()}
		arrival := h.scene().Send(h.scene().Logout(saml.Redirect))
		outcomes := make([]login.LogoutOutcome, 10)
		var all sync.WaitGroup
		for i := range outcomes {
			all.Go(func() { outcomes[i] = h.takeLogout(processes[i%2], arrival) })
		}
		all.Wait()
		took := 0
		for _, outcome := range outcomes {
			switch {
			case outcome.Refusal == nil:
				took++
			case outcome.Refusal.Code != trace.Replayed || outcome.Reply != nil:
				t.Errorf("%+v", outcome)
			}
		}
		if took != 1 || h.loggedIn(&b) {
			t.Errorf("%d copies were taken", took)
		}
		// A later login is safe from the old request.
		h.logIn(&b)
		if outcome := h.takeLogout(h.Flow, arrival); outcome.Refusal == nil || !h.loggedIn(&b) {
			t.Error("an old request ended a new session")
		}
	}, singleLogout)
}

func TestM24HostileMessagesEndNothingAndLeaveATrace(t *testing.T) {
	h := onSQLite(t, singleLogout)
	var b browser
	h.logIn(&b)
	before := len(h.events(t))
	for _, attack := range samltest.LogoutAttacks(h.scene()) {
		arrival := attack.Arrival
		if arrival.At != "" {
			continue // TakeLogout itself says where it came to
		}
		outcome := h.takeLogout(h.Flow, arrival)
		if outcome.Refusal == nil || outcome.Handle != "" {
			t.Errorf("%s: %+v", attack.Name, outcome)
		}
		if told := h.told(outcome.Reference); !strings.Contains(told, "Logout "+outcome.Reference) || !strings.Contains(told, string(outcome.Refusal.Code)) {
			t.Errorf("%s: the trace:\n%s", attack.Name, told)
		}
	}
	if !h.loggedIn(&b) {
		t.Error("an attack ended the session")
	}
	if after := len(h.events(t)); after != before {
		t.Errorf("the audit trail holds %d events of what was not proved", after-before)
	}
}

func TestM24AProvenRequestThatCannotBeUnderstoodIsAnswered(t *testing.T) {
	h := onSQLite(t, singleLogout)
	unreadable := h.scene().Logout(saml.POST).With(func(l *samltest.Logout) {
		l.Encryption, l.RelayState = &samltest.Encryption{To: samltest.Key(samltest.Stranger)}, "theirs"
	})
	outcome := h.takeLogout(h.Flow, h.scene().Send(unreadable))
	if outcome.Refusal == nil || outcome.Reply == nil || !strings.Contains(outcome.Reply.URL, "RelayState=theirs") {
		t.Fatalf("%+v", outcome)
	}
	if text := inflate(t, queryOf(t, outcome.Reply.URL, "SAMLResponse")); !strings.Contains(text, "status:Requester") {
		t.Errorf("the answer: %s", text)
	}
}

func TestM24OurRequestWaitsForOneAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		there := h.again()
		var b, other browser
		h.logInNamed(&b, "ada", "home", saml.NameID{Value: "ada", Format: samltest.FormatPersistent, NameQualifier: "https://idp.example.test/saml"})
		h.logInNamed(&other, "ada", "work", persistentID("ada"))
		left, err := h.Leave(t.Context(), b.session, login.Departure{Address: "192.0.2.7"})
		if err != nil || left.Handle == "" || h.loggedIn(&b) || !h.loggedIn(&other) {
			t.Fatalf("left %+v, %v", left, err)
		}
		farewell, err := there.Farewell(t.Context(), left.Handle)
		if err != nil || farewell.Request == nil || !farewell.First {
			t.Fatalf("farewell %+v, %v", farewell, err)
		}
		text := inflate(t, queryOf(t, farewell.Request.URL, "SAMLRequest"))
		for _, want := range []string{`NameQualifier="https://idp.example.test/saml"`, `Format="` + samltest.FormatPersistent + `"`, ">ada</saml:NameID>", ">home</samlp:SessionIndex>", `Destination="https://idp.example.test/saml/slo"`} {
			if !strings.Contains(text, want) {
				t.Errorf("our request lacks %s:\n%s", want, text)
			}
		}
		if again, err := h.Farewell(t.Context(), left.Handle); err != nil || again.First || again.Request == nil {
			t.Errorf("a second look sends the browser off again: %+v, %v", again, err)
		}
		_, rest, _ := strings.Cut(text, ` ID="`)
		id, _, _ := strings.Cut(rest, `"`)

		if outcome := h.takeLogout(there, h.scene().Send(h.scene().LogoutAnswer(saml.POST, "_made-up"))); outcome.Refusal == nil || outcome.Refusal.Code != trace.RequestMismatch {
			t.Errorf("an answer to no request of ours: %+v", outcome)
		}
		answer := h.scene().LogoutAnswer(saml.Redirect, id)
		answer.Status = append(answer.Status, "urn:oasis:names:tc:SAML:2.0:status:PartialLogout")
		outcome := h.takeLogout(there, h.scene().Send(answer))
		if outcome.Refusal != nil || outcome.Handle != left.Handle {
			t.Fatalf("%+v", outcome)
		}
		if outcome := h.takeLogout(h.Flow, h.scene().Send(h.scene().LogoutAnswer(saml.Redirect, id))); outcome.Refusal == nil {
			t.Error("a second answer was taken")
		}
		farewell, err = h.Farewell(t.Context(), left.Handle)
		if err != nil || farewell.Answer != saml.LogoutPartial || farewell.Request != nil {
			t.Errorf("farewell %+v, %v", farewell, err)
		}
		event := h.events(t)[0]
		if event.Action != audit.LogoutAnswered || event.User == "" || !strings.HasPrefix(event.Reason, "partial") {
			t.Errorf("audit trail: %+v", event)
		}
		h.wait(11 * time.Minute)
		if _, err := h.Farewell(t.Context(), left.Handle); err == nil {
			t.Error("the logout is still waiting")
		}
	}, singleLogout)
}

func TestM24WhateverTheProviderIsLikeTheSessionEndsFirst(t *testing.T) {
	h := onSQLite(t, singleLogout)
	var b browser
	h.logIn(&b)
	// The record is changed so that nobody can be told any more.
	h.save()
	left, err := h.Leave(t.Context(), b.session, login.Departure{})
	if err != nil || left.Handle != "" || h.loggedIn(&b) {
		t.Errorf("left %+v, %v", left, err)
	}
	h.save(singleLogout)
	h.logIn(&b)
	if left, err = h.Leave(t.Context(), b.session, login.Departure{}); err != nil || left.Handle == "" {
		t.Fatalf("left %+v, %v", left, err)
	}
	h.save()
	if farewell, err := h.Farewell(t.Context(), left.Handle); err != nil || farewell.Request != nil || !farewell.Told {
		t.Errorf("farewell %+v, %v", farewell, err)
	}
	if _, err := h.TakeLogout(t.Context(), login.LogoutPost{Record: "corp", Origin: origin}); err == nil {
		t.Error("a record without single logout takes a message")
	}
}

func TestLeavingEverywhereEndsAllSessionsOfThePerson(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var laptop, phone, other browser
		h.logIn(&laptop)
		h.logIn(&phone)
		h.logInNamed(&other, "grace", "g", persistentID("grace"))
		left, err := h.Leave(t.Context(), laptop.session, login.Departure{Everywhere: true})
		if err != nil || h.loggedIn(&laptop) || h.loggedIn(&phone) || !h.loggedIn(&other) {
			t.Fatalf("left %+v, %v", left, err)
		}
		if farewell, err := h.Farewell(t.Context(), left.Handle); err != nil || farewell.Others != 1 {
			t.Errorf("farewell %+v, %v", farewell, err)
		}
		if event := h.events(t)[0]; event.Action != audit.LoggedOut || len(event.Changes) != 3 {
			t.Errorf("audit trail: %+v", event)
		}
	}, singleLogout)
}

func TestM24AnElevatedSessionIsKnownByItsNewestAssertion(t *testing.T) {
	h := onSQLite(t, elevates, singleLogout)
	var b browser
	h.logIn(&b)
	answer := h.answer(h.elevate(&b)).With(withSmartcard)
	answer.SessionIndex = "after"
	if outcome := h.post(&b, answer); outcome.Refusal != nil {
		t.Fatalf("refused: %s", outcome.Refusal.Code)
	}
	for _, tt := range []struct {
		index string
		alive bool
	}{{"_session-1", true}, {"after", false}} {
		logout := h.scene().Logout(saml.POST).With(func(l *samltest.Logout) { l.SessionIndexes = []string{tt.index} })
		if outcome := h.takeLogout(h.Flow, h.scene().Send(logout)); outcome.Refusal != nil || h.loggedIn(&b) != tt.alive {
			t.Errorf("%s: %+v, still logged in: %v", tt.index, outcome, h.loggedIn(&b))
		}
	}
}

func TestAnAdministratorEndsSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var laptop, phone, other browser
		h.logIn(&laptop)
		h.logIn(&phone)
		h.logInNamed(&other, "grace", "g", persistentID("grace"))
		by := store.Author{Who: "bob", Reason: "a lost laptop", Now: *h.now}
		list, err := h.store.SessionsOf(t.Context(), "corp", "ADA", *h.now)
		if err != nil || len(list) != 2 || list[0].NameID.Value != "ada" || list[0].RecordKey != "corp" {
			t.Fatalf("%+v, %v", list, err)
		}
		if ended, err := h.store.EndSessionByID(t.Context(), list[0].ID, by); err != nil || !ended || h.loggedIn(&laptop) || !h.loggedIn(&phone) {
			t.Errorf("one: %v, %v", ended, err)
		}
		if ended, err := h.store.EndSessionsOf(t.Context(), "corp", "ada", by); err != nil || ended != 1 || h.loggedIn(&phone) || !h.loggedIn(&other) {
			t.Errorf("hers: %d, %v", ended, err)
		}
		event := h.events(t)[0]
		if event.Action != audit.SessionsEnded || event.Who != "bob" || event.Reason != by.Reason || event.User != list[0].UserID || len(event.Changes) != 2 {
			t.Errorf("audit trail: %+v", event)
		}
		if ended, err := h.store.EndAllSessions(t.Context(), "corp", by); err != nil || ended != 1 || h.loggedIn(&other) {
			t.Errorf("all: %d, %v", ended, err)
		}
		for _, nobody := range [][2]string{{"corp", "nobody"}, {"other", "ada"}} {
			if _, err := h.store.EndSessionsOf(t.Context(), nobody[0], nobody[1], by); err == nil {
				t.Errorf("%v: no error", nobody)
			}
		}
		if ended, err := h.store.EndSessionByID(t.Context(), "x", by); err != nil || ended {
			t.Errorf("an ID that is none: %v, %v", ended, err)
		}
	})
}

func queryOf(t *testing.T, address, parameter string) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return at.Query().Get(parameter)
}
