package web

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"idms/internal/login"
	"idms/internal/upkeep"
)

// adminExaminePage is what the doctor says of one record.
type adminExaminePage struct {
	recordFrame
	Examined bool
	Problems int
	Warnings int
	Findings []findingRow
}

// findingRow is what was found of one thing, and what to do about it.
type findingRow struct {
	State  badge
	Check  string // in words
	Say    string
	Fix    string // "" where nothing is wrong
	FixURL string
	FixAt  string // the words of the link
}

func (adminExaminePage) file() string { return "admin_examine.html" }

// adminExaminePage says what an examination does, before it is done.
func (s *Site) adminExamine(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, adminExaminePage{recordFrame: s.recordFrame(c, record, "", who)})
}

// adminDoExamine examines a record. It is a form because it asks the provider for
// its metadata.
func (s *Site) adminDoExamine(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	findings, err := s.Upkeep.Examine(c.Request().Context(), record.Key)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, examinePageOf(s.recordFrame(c, record, "", who), findings))
}

// gravities are the states of findings, the worst first.
var gravities = []struct {
	of    upkeep.Gravity
	state badge
}{{upkeep.Problem, badge{"Problem", bad}}, {upkeep.Warning, badge{"Warning", mixed}}, {upkeep.Healthy, badge{"Well", good}}}

// checks are what the doctor looks at, in words.
var checks = map[string]string{
	"settings": "Settings", "metadata": "Metadata", "certificates": "Certificates",
	"clock": "Clock", "address": "Address", "rules": "Rules",
}

func examinePageOf(around recordFrame, findings []upkeep.Finding) adminExaminePage {
	page := adminExaminePage{recordFrame: around, Examined: true}
	for _, gravity := range gravities {
		for _, one := range findings {
			if one.Gravity != gravity.of {
				continue
			}
			row := findingRow{State: gravity.state, Check: checks[one.Check], Say: one.Say}
			if one.Gravity != upkeep.Healthy {
				row.fix(around, one.Check)
			}
			page.Findings = append(page.Findings, row)
		}
	}
	page.Problems = count(findings, upkeep.Problem)
	page.Warnings = count(findings, upkeep.Warning)
	return page
}

func count(findings []upkeep.Finding, of upkeep.Gravity) int {
	return len(slices.DeleteFunc(slices.Clone(findings), func(one upkeep.Finding) bool { return one.Gravity != of }))
}

// fix says what to do about a finding, and where.
func (r *findingRow) fix(around recordFrame, check string) {
	switch check {
	case "settings":
		r.Fix, r.FixURL, r.FixAt = "Change the field that is named, or leave it as it is if it is meant so.", partOf(around.Key, "edit"), "Edit the record"
	case "metadata":
		r.Fix, r.FixURL, r.FixAt = "Approve what waits once the provider has confirmed it. If the address does not answer, ask the provider for the right one: logins go on by what was read last.", around.URL, "Look at the metadata"
	case "certificates":
		r.Fix, r.FixURL, r.FixAt = "Ask the provider for the new certificate before the old one ends, or begin the roll-over if it is ours.", partOf(around.Key, "certificates"), "Show certificates and keys"
	case "clock":
		r.Fix = "Synchronise the clock of this machine (NTP). If it is right, tell the provider: theirs is wrong."
	case "address":
		r.Fix, r.FixURL, r.FixAt = "Set the record’s origin to one of base_urls, or add the address to base_urls in the configuration.", partOf(around.Key, "edit"), "Edit the record"
	case "rules":
		r.Fix, r.FixURL, r.FixAt = "Compare the rule with what arrived in a login: the attribute’s name counts exactly, and the pattern is searched for in each value.", addressOf(adminPath+"/logins", map[string][]string{"record": {around.Key}}), "Show its logins"
		if rules := partOf(around.Key, "rules"); rules != "" {
			r.FixURL, r.FixAt = rules, "Show its rules"
		}
	}
}
