package login_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/rules"
	"idms/internal/samltest"
	"idms/internal/trace"
)

// with changes the values of one attribute of an answer; none takes it away.
func with(name string, values ...string) func(*samltest.Answer) {
	return func(a *samltest.Answer) {
		for i := range a.Attributes {
			if a.Attributes[i].Name == name && len(values) > 0 {
				a.Attributes[i].Values = values
				return
			}
		}
		a.Attributes = slices.DeleteFunc(a.Attributes, func(one samltest.Attribute) bool { return one.Name == name })
	}
}

// compared logs ada in, changes the record, and compares a later login with hers.
func (h *house) compared(change func(*idms.Record), answer ...func(*samltest.Answer)) login.Comparison {
	h.t.Helper()
	var first, second browser
	h.logIn(&first)
	h.wait(time.Hour)
	if change != nil {
		h.save(change)
	}
	came := h.answer(h.begin(&second, "/"))
	for _, one := range answer {
		came = came.With(one)
	}
	outcome := h.post(&second, came)
	compared, err := h.CompareLogin(h.t.Context(), outcome.Reference)
	if err != nil {
		h.t.Fatal(err)
	}
	return compared
}

func TestAFailedLoginIsComparedWithTheLastGoodOneS61(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		c := h.compared(nil, with("status", "suspended"))
		if c.Then == nil || c.With != login.WithPerson || c.Then.UserID != c.Now.UserID {
			t.Fatalf("compared with %+v by %s", c.Then, c.With)
		}
		said := c.Say()
		for _, want := range []string{"at 2026-03-01T12:00:00Z", "the rule not-suspended was true and is false", "status is “suspended” instead of “active”", "The record is the same, version 1."} {
			if !strings.Contains(said, want) {
				t.Errorf("it says %q, without %q", said, want)
			}
		}
		if len(c.Attributes) != 1 || len(c.Rules) != 1 || len(c.Record) != 0 {
			t.Errorf("%d attributes, %d rules, %d changes of the record", len(c.Attributes), len(c.Rules), len(c.Record))
		}
		var text strings.Builder
		if err := c.Print(&text); err != nil || !strings.Contains(text.String(), `- "active"`) || !strings.Contains(text.String(), "Console level: Full Access → none") {
			t.Errorf("%v\n%s", err, text.String())
		}
	})
}

func TestARuleThatWasChangedIsToldApartFromAPersonWhoWas(t *testing.T) {
	h := onSQLite(t)
	c := h.compared(func(r *idms.Record) {
		pattern, err := rules.ParsePattern("^active$", rules.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.Validation[0].Pattern = pattern // with values: none, so nobody active comes in
	})
	said := c.Say()
	if !strings.Contains(said, "the rule not-suspended was true and is false, since it was changed.") ||
		!strings.Contains(said, "The record went from version 1 to 2, which differ in validation_rules[not-suspended].pattern.") {
		t.Errorf("it says %q", said)
	}
	if len(c.Attributes) != 0 || len(c.Rules) != 1 || !c.Rules[0].Changed {
		t.Errorf("%+v, %+v", c.Attributes, c.Rules)
	}
}

func TestAResponseThatIsNotProvedIsComparedWithAnybodysLoginThroughTheRecord(t *testing.T) {
	h := onSQLite(t)
	c := h.compared(nil, func(a *samltest.Answer) { a.Audiences = [][]string{{"urn:another"}} })
	if c.Now.Verified || c.With != login.WithRecord || c.Then == nil {
		t.Fatalf("verified %v, with %s: %s", c.Now.Verified, c.With, h.told(c.Now.Ref))
	}
	if len(c.Attributes)+len(c.Rules)+len(c.Groups) != 0 {
		t.Error("what another person sent is held against this one")
	}
	i := slices.IndexFunc(c.Steps, func(s login.StepDifference) bool { return s.Now.Code == trace.AudienceMismatch })
	if i < 0 || c.Steps[i].Then.State != trace.Passed {
		t.Errorf("the steps are %+v", c.Steps)
	}
	if said := c.Say(); !strings.Contains(said, "Nobody is known by this login.") || !strings.Contains(said, "audience") {
		t.Errorf("it says %q", said)
	}
}

func TestTheFieldThatWasChangedMeanwhileIsNamed(t *testing.T) {
	now := login.Trace{}
	now.Record, now.Version = "corp", 5
	now.Protocol.Refuse(trace.Step{Name: "audience", Rule: "M16", Code: trace.AudienceMismatch, Looked: "urn:new", Found: "urn:old", Fix: &trace.Fix{Field: "saml.audience", Say: "…"}})
	then := login.Trace{}
	then.Version, then.At = 3, noon
	then.Protocol.Pass("M16", "audience", "urn:old", "urn:old")
	then.Protocol.Pass("M16", "validity", "", "from 2026-03-01 11:59:00 UTC until 2026-03-01 12:05:00 UTC")
	now.Protocol.Pass("M16", "validity", "", "from 2026-03-01 12:59:00 UTC until 2026-03-01 13:05:00 UTC")
	c := login.Compare(now, &then, login.WithRecord, []audit.Change{{Field: "saml.audience", From: "urn:old", To: "urn:new"}})
	if said := c.Say(); !strings.Contains(said, "and saml.audience was changed from “urn:old” to “urn:new” meanwhile") || !strings.Contains(said, "from version 3 to 5, which differ in saml.audience.") {
		t.Errorf("it says %q", said)
	}
	if len(c.Steps) != 1 {
		t.Errorf("an instant counts as a difference: %+v", c.Steps)
	}
}

func TestWhoNeverCameInHasNothingToCompareWith(t *testing.T) {
	h := onSQLite(t)
	var b browser
	outcome := h.post(&b, h.answer(h.begin(&b, "/")).With(with("status", "suspended")))
	c, err := h.CompareLogin(t.Context(), outcome.Reference)
	if err != nil || c.Then != nil || !strings.Contains(c.Say(), "nothing to compare with") {
		t.Errorf("%v: %+v", err, c)
	}
	if _, err := h.CompareLogin(t.Context(), "0123456789"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of no login: %v", err)
	}
}

// Rules that were applied by hand are no login that worked.
func TestOnlyALoginIsComparedWith(t *testing.T) {
	h := onSQLite(t)
	var first, second browser
	good := h.logIn(&first)
	id := h.visitor(&first).Account.ID
	h.wait(time.Hour)
	h.save(func(r *idms.Record) { r.Associations[0].Group = "staff" })
	applied, err := h.Reapply(t.Context(), id, login.How{})
	if err != nil || applied.Trace == "" {
		t.Fatalf("%v, trace %q", err, applied.Trace)
	}
	h.wait(time.Hour)
	refused := h.post(&second, h.answer(h.begin(&second, "/")).With(with("groups")).With(with("status")))
	c, err := h.CompareLogin(t.Context(), refused.Reference)
	if err != nil || c.Then == nil || c.Then.Ref != good.Reference {
		t.Fatalf("%v: compared with %+v", err, c.Then)
	}
	if len(c.Groups) != 1 || c.Groups[0].Group != "platform" || c.Groups[0].Now {
		t.Errorf("the groups are %+v", c.Groups)
	}
	if i := slices.IndexFunc(c.Attributes, func(a login.AttributeDifference) bool { return a.Name == "groups" }); i < 0 || !c.Attributes[i].Missing {
		t.Errorf("the attributes are %+v", c.Attributes)
	}
}
