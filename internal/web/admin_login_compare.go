package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/rules"
	"idms/internal/trace"
)

// adminComparePage sets a login beside the last one that worked.
type adminComparePage struct {
	adminFrame
	Now, Then  comparedLogin
	Found      bool // there is something to compare with
	Anybody    bool // it is not the same person's, since nobody is known
	Say        string
	Record     []audit.Change
	MoreRecord int
	Steps      []comparedStep
	Attributes []comparedAttribute
	Rules      []comparedRule
	MoreRules  int
	Groups     []comparedGroup
	Same       bool // nothing is different
}

// comparedLogin is one side.
type comparedLogin struct {
	loginRow
	Purpose string
	Version int
	Level   string // "" where no level is compared
}

type comparedStep struct {
	Name      string
	Then, Now sideOfStep
	Change    place
}

// sideOfStep is how a step ended in one of the two.
type sideOfStep struct {
	State         badge
	Code          string
	Looked, Found string
}

type comparedAttribute struct {
	Name, Words        string
	Gone, Came         []string
	MoreGone, MoreCame int
}

type comparedRule struct {
	List, Key string
	Then, Now string
	Changed   bool
	ThenBadge badge
	NowBadge  badge
}

type comparedGroup struct{ Group, URL, Then, Now string }

func (adminComparePage) file() string { return "admin_login_compare.html" }

func (s *Site) adminCompareLogin(c echo.Context, who login.Visitor) error {
	ctx := c.Request().Context()
	compared, err := s.Flow.CompareLogin(ctx, c.Param("ref"))
	if err != nil {
		return err
	}
	ids := []string{compared.Now.UserID}
	if compared.Then != nil {
		ids = append(ids, compared.Then.UserID)
	}
	names, err := s.Flow.Store.UsernamesOf(ctx, ids)
	if err != nil {
		return err
	}
	page := adminComparePageOf(s.adminFrame(c, "Compare "+compared.Now.Ref, "logins", who), compared, names)
	if _, err := s.Flow.Store.Edition(ctx, compared.Now.Record); fault.KindOf(err) == fault.NotFound {
		for i := range page.Steps {
			page.Steps[i].Change = place{}
		}
	} else if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func adminComparePageOf(around adminFrame, c login.Comparison, names map[string]string) adminComparePage {
	side := func(t login.Trace) comparedLogin {
		one := comparedLogin{loginRow: loginRowOf(t.Trace, names[t.UserID], true), Purpose: purposeWords(t.Purpose), Version: t.Version}
		if c.With == login.WithPerson {
			one.Level = t.LevelWords()
		}
		return one
	}
	page := adminComparePage{adminFrame: around, Now: side(c.Now), Found: c.Then != nil, Anybody: c.With == login.WithRecord, Say: c.Say()}
	if c.Then == nil {
		return page
	}
	page.Then = side(*c.Then)
	page.Record = c.Record[:min(len(c.Record), maxRulesShown)]
	page.MoreRecord = len(c.Record) - len(page.Record)
	for _, one := range c.Steps {
		step := comparedStep{Name: one.Name, Then: sideOf(one.Then), Now: sideOf(one.Now)}
		if one.Then.Looked == one.Now.Looked || one.Then.State == trace.NotReached || one.Now.State == trace.NotReached {
			step.Then.Looked = "" // said once
		}
		if one.Now.Fix != nil {
			step.Change = changePlace(c.Now, one.Now.Fix.Field)
		}
		page.Steps = append(page.Steps, step)
	}
	for _, one := range c.Attributes {
		row := comparedAttribute{Name: one.Name, Words: clip(maxValueShown, one.Words()), Gone: shownValues(one.Gone), Came: shownValues(one.Came)}
		row.MoreGone, row.MoreCame = len(one.Gone)-len(row.Gone), len(one.Came)-len(row.Came)
		page.Attributes = append(page.Attributes, row)
	}
	for _, one := range c.Rules[:min(len(c.Rules), maxRulesShown)] {
		page.Rules = append(page.Rules, comparedRule{
			List: ruleLists[one.List], Key: one.Key, Changed: one.Changed,
			Then: clip(maxValueShown, login.RuleWords(one.Then)), Now: clip(maxValueShown, login.RuleWords(one.Now)),
			ThenBadge: badgeOfFinding(one.Then), NowBadge: badgeOfFinding(one.Now),
		})
	}
	page.MoreRules = len(c.Rules) - len(page.Rules)
	given := map[bool]string{true: "given", false: "not given"}
	for _, one := range c.Groups {
		page.Groups = append(page.Groups, comparedGroup{one.Group, below("groups", one.Group), given[one.Then], given[one.Now]})
	}
	page.Same = len(page.Record)+len(page.Steps)+len(page.Attributes)+len(page.Rules)+len(page.Groups) == 0
	return page
}

// ruleLists are what the lists of a record are called on pages.
var ruleLists = map[string]string{"validation_rules": "Validation rule", "access_rules": "Access rule", "associations": "Association"}

func sideOf(step trace.Step) sideOfStep {
	word := map[trace.State]string{trace.Passed: "Passed", trace.Noted: "Noted", trace.Refused: "Refused", trace.NotReached: "Not reached"}
	return sideOfStep{State: badge{word[step.State], classOf(step.State)}, Code: string(step.Code), Looked: step.Looked, Found: step.Found}
}

func shownValues(values []string) []string {
	shown := make([]string, min(len(values), maxValuesShown))
	for i := range shown {
		shown[i] = clip(maxValueShown, values[i])
	}
	return shown
}

func badgeOfFinding(found *idms.RuleFinding) badge {
	switch {
	case found == nil:
		return badge{"No such rule", neutral}
	case found.Inactive:
		return badge{"Not looked at", neutral}
	case found.Outcome == rules.Disabled:
		return badge{"Switched off", neutral}
	case found.Outcome == rules.Incomplete:
		return badge{"Not known", mixed}
	case found.True:
		return badge{"True", good}
	}
	return badge{"False", neutral}
}
