package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/trace"
)

// The address of a test login is a secret, and the key to all that came: whoever
// holds it is whom an administrator gave it to. Opening it changes nothing, since
// chat programs and mail filters open what they pass on; its button begins the
// test, once and in that browser. The page that answers the identity provider, in
// the same browser, says no more than how it ended (S60).
const testRoute = "/saml/:record/test/:secret"

// testPage is the address of a test login: before it, under way, and after it with
// everything.
type testPage struct {
	frame
	Record    string // name
	Version   int
	Begin     string // address to post to; "" when it has begun
	Ended     bool
	Passed    bool
	Reference string
	Problems  []wrong
	Text      string // of the whole trace
	Cut       bool   // there is more of it
}

// wrong is one thing that is wrong, and what to change.
type wrong struct {
	Name, Code, Found, Say    string
	Field, Present, Suggested string // in the record; "" when nothing is to be changed there
	There, Enter              string // at the provider; likewise
}

func (testPage) file() string { return "test.html" }

func (p testPage) formsTo() string {
	if p.Begin != "" {
		return anyForms
	}
	return noForms
}

// testedPage is what the browser that ran a test is told.
type testedPage struct {
	frame
	Passed    bool
	Version   int
	Sentence  string
	Reference string
}

func (testedPage) file() string { return "tested.html" }

func testedPageOf(around frame, outcome login.Outcome) testedPage {
	return testedPage{frame: around, Passed: outcome.Tested.Passed, Version: outcome.Tested.Version,
		Sentence: outcome.Tested.Sentence, Reference: outcome.Reference}
}

// testLogin shows a test login to whoever holds its address.
func (s *Site) testLogin(c echo.Context) error {
	test, err := s.Flow.TestAt(c.Request().Context(), c.Param("record"), c.Param("secret"))
	if err != nil {
		return err
	}
	page, err := testPageOf(s.frame("Test login"), test, recordURL(test.Record, "test/"+url.PathEscape(c.Param("secret"))))
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

// beginTest takes this browser to the identity provider, for a test.
func (s *Site) beginTest(c echo.Context) error {
	begun, err := s.Flow.BeginTest(c.Request().Context(), c.Param("record"), c.Param("secret"), here(c).base)
	if err != nil {
		return err
	}
	if begun.Elsewhere != "" && begun.Pending.Name != "" { // a custom login URL (S55)
		s.addPending(c, begun.Pending)
	}
	return s.send(c, begun)
}

// maxTraceShown bounds the text of a trace on a page; the command line shows all
// of it.
const maxTraceShown = 128 << 10

func testPageOf(around frame, test login.Test, address string) (testPage, error) {
	page := testPage{frame: around, Record: test.RecordName, Version: test.Version, Ended: test.Ended, Passed: test.Passed, Reference: test.Ref}
	if !test.Begun {
		page.Begin = address
	}
	if test.Trace == nil {
		return page, nil
	}
	for _, step := range allSteps(*test.Trace) {
		if step.State == trace.Refused {
			page.Problems = append(page.Problems, problemOf(step))
		}
	}
	var text strings.Builder
	if err := test.Trace.Print(&text); err != nil {
		return testPage{}, fmt.Errorf("print trace %s: %w", test.Ref, err)
	}
	page.Text = trace.Beginning(text.String(), maxTraceShown)
	page.Cut = len(page.Text) < text.Len()
	return page, nil
}

// allSteps are those of the protocol and then those of the decision, without the
// rules one by one: the text has them.
func allSteps(t login.Trace) trace.Steps {
	steps := append(trace.Steps(nil), t.Protocol...)
	if t.Decision != nil {
		steps = append(steps, t.Decision.Steps...)
	}
	return steps
}

func problemOf(step trace.Step) wrong {
	p := wrong{Name: step.Name, Code: string(step.Code), Found: step.Found}
	if fix := step.Fix; fix != nil {
		p.Say, p.Field, p.Present, p.Suggested = fix.Say, fix.Field, fix.Present, fix.Suggested
		if fix.There != nil {
			p.There, p.Enter = fix.There.Name, fix.There.Value
		}
	}
	return p
}

// testSamples are the states of both pages.
func testSamples(around func(string) frame) []sample {
	test := login.Test{Ref: "EAETGN8VW2", Record: "acme", RecordName: "Acme", Version: 7}
	page := func(name string, change func(*testPage)) sample {
		shown, err := testPageOf(around("Test login"), test, "/saml/acme/test/k3v9q1x7")
		if err != nil {
			panic(err) // there is no trace to print
		}
		change(&shown)
		return sample{"test-" + name, http.StatusOK, shown}
	}
	over := func(passed bool, problems ...wrong) func(*testPage) {
		return func(p *testPage) {
			p.Begin, p.Ended, p.Passed, p.Problems = "", true, passed, problems
			p.Text = "Test login EAETGN8VW2, 2026-03-01T12:00:00Z\nRecord acme, version 7; purpose: test\n\nVerification:\n  ok    M01 message size: 6102 bytes\n"
		}
	}
	mismatch := problemOf(trace.Step{Name: "audience", State: trace.Refused, Code: trace.AudienceMismatch,
		Looked: "https://login.example.com/saml/acme/metadata", Found: `"https://login.example.com/saml/acme/acs"`,
		Fix: &trace.Fix{Field: "saml.audience", Suggested: "https://login.example.com/saml/acme/acs",
			Say:   "The audience that came is this record's ACS URL: put it into Audience URI.",
			There: &trace.Setting{Name: "entity ID of this service", Value: "https://login.example.com/saml/acme/metadata"}}})
	unknown := problemOf(trace.Step{Name: "account", State: trace.Refused, Code: trace.UserUnknown, Found: "nobody by this username",
		Fix: &trace.Fix{Field: "create_users", Present: "false", Suggested: "true", Say: "Create the person, or let logins create people."}})
	tested := func(name string, code trace.Code) sample {
		outcome := login.Outcome{Reference: "EAETGN8VW2", Purpose: string(idms.Test), Tested: &login.Tested{Passed: code == "", Code: code, Version: 7}}
		if code != "" {
			outcome.Tested.Sentence = code.Meaning().Visitor
		}
		return sample{"tested-" + name, http.StatusOK, testedPageOf(around("Test login"), outcome)}
	}
	return []sample{
		page("to-begin", func(*testPage) {}),
		page("under-way", func(p *testPage) { p.Begin = "" }),
		page("passed", over(true)),
		page("not-passed", over(false, mismatch, unknown)),
		page("result-gone", func(p *testPage) { p.Begin, p.Ended, p.Passed = "", true, true }),
		page("cut", func(p *testPage) { over(true)(p); p.Record, p.Cut = sampleName, true }),
		tested("passed", ""),
		tested("not-passed", trace.NoAccess),
	}
}
