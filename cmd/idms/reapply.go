package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
)

type reapplyCommand struct {
	settings
	Record   string `arg:"" help:"Key of the record."`
	Username string `arg:"" optional:"" help:"Whose last assertion."`
	All      bool   `help:"Of all people of the record, one after the other."`
	DryRun   bool   `help:"Do everything but the last step. Exit code 3: there are changes."`
	Reason   string `help:"Why, for the audit trail."`
	Format   string `help:"text or json." enum:"text,json" default:"text"`
}

// Run applies the rules of a record as they are now to what is recorded of
// people's last logins (S43).
func (c reapplyCommand) Run(p *program) error {
	if c.All == (c.Username != "") {
		return fault.New(fault.Invalid, "Name one person, or say --all.")
	}
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	how := login.How{By: p.byServer(c.Reason), Preview: c.DryRun}
	var changed bool
	if c.All {
		changed, err = c.toAll(p, house, how)
	} else {
		changed, err = c.toOne(p, house, how)
	}
	if err != nil {
		return err
	}
	if c.DryRun && changed {
		return errChanges
	}
	return nil
}

func (c reapplyCommand) toOne(p *program, house *house, how login.How) (changed bool, err error) {
	id, err := house.store.AccountID(p.ctx, c.Record, c.Username)
	if err != nil {
		return false, err
	}
	done, err := house.flow.Reapply(p.ctx, id, how)
	if err != nil {
		return false, err
	}
	return done.Any(), c.print(p, reapplyReport{DryRun: c.DryRun, People: []reappliedPerson{personReport(done)}})
}

func (c reapplyCommand) toAll(p *program, house *house, how login.How) (changed bool, err error) {
	report := reapplyReport{DryRun: c.DryRun, People: []reappliedPerson{}}
	report.Totals = new(login.ReappliedToAll)
	*report.Totals, err = house.flow.ReapplyToAll(p.ctx, c.Record, how, func(done login.Reapplied) error {
		one := personReport(done)
		if c.Format == "json" { // in the order of the text, but whole at the end
			report.People = append(report.People, one)
			return nil
		}
		var text strings.Builder
		one.write(&text)
		_, err := io.WriteString(p.stdout, text.String())
		return err
	})
	if err != nil {
		return false, err
	}
	return report.Totals.Changed > 0, c.print(p, report)
}

// reapplyReport is what the command prints, in the form of its JSON.
type reapplyReport struct {
	DryRun bool                  `json:"dry_run"`
	People []reappliedPerson     `json:"people"` // with --all those for whom something changes
	Totals *login.ReappliedToAll `json:"totals,omitempty"`
}

type reappliedPerson struct {
	Username string             `json:"username"`
	Changed  bool               `json:"changed"`
	Version  int                `json:"version"`
	Recorded time.Time          `json:"recorded"`
	Admitted bool               `json:"admitted"`
	Code     string             `json:"code"`
	Console  string             `json:"console"`
	Groups   []idms.GroupReason `json:"groups"`
	Sessions []reappliedSession `json:"sessions"`
	Trace    string             `json:"trace"`
	record   string
}

type reappliedSession struct {
	ID     string    `json:"id"`
	Opened time.Time `json:"opened"`
	From   string    `json:"from"`
	To     string    `json:"to"` // a level, or ended
}

func personReport(done login.Reapplied) reappliedPerson {
	one := reappliedPerson{
		Username: done.Account.Username, Changed: done.Any(), Version: done.Version, Recorded: done.Recorded,
		Admitted: done.Decision.Admitted, Code: string(done.Decision.Code), Console: done.Decision.Level.String(),
		Groups: append([]idms.GroupReason{}, done.Groups...), Sessions: []reappliedSession{}, Trace: done.Trace, record: done.Record,
	}
	for _, session := range done.Sessions {
		to := session.To.String()
		if session.Ends {
			to = "ended"
		}
		one.Sessions = append(one.Sessions, reappliedSession{session.ID, session.Opened, session.From.String(), to})
	}
	return one
}

// groupSigns show a verdict as in any other difference.
var groupSigns = map[groups.Verdict]string{groups.Added: "+", groups.Removed: "-"}

func (one reappliedPerson) write(w *strings.Builder) {
	would := "admitted, " + one.Console
	if !one.Admitted {
		would = "refused, " + one.Code
	}
	fmt.Fprintf(w, "%q of %s, by version %d and the assertion of %s: %s\n", one.Username, one.record, one.Version, one.Recorded.Format(time.RFC3339), would)
	for _, group := range one.Groups {
		sign, ok := groupSigns[group.Verdict]
		if !ok {
			sign = "~" // stays, for other reasons than before
		}
		fmt.Fprintf(w, "  %s group %s", sign, group.Group)
		if group.Rule != "" {
			fmt.Fprintf(w, ", by the rule %s, since %s", group.Rule, group.Why)
		}
		w.WriteString("\n")
	}
	for _, session := range one.Sessions {
		fmt.Fprintf(w, "  ~ session of %s: %s → %s\n", session.Opened.Format(time.RFC3339), session.From, session.To)
	}
	if one.Trace != "" {
		fmt.Fprintf(w, "  trace %s\n", one.Trace)
	}
}

func (c reapplyCommand) print(p *program, report reapplyReport) error {
	if c.Format == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(report)
	}
	var text strings.Builder
	changed := false
	for _, one := range report.People {
		one.write(&text)
		changed = changed || one.Changed
	}
	if t := report.Totals; t != nil {
		changed = t.Changed > 0
		fmt.Fprintf(&text, "%s: %d changed, %d as before, %d not known, %d of another account\n",
			quantity(t.People, "person", "people"), t.Changed, t.Unchanged, t.Unknown, t.Skipped)
	}
	switch {
	case !changed:
		text.WriteString("Nothing to change.\n")
	case c.DryRun:
		text.WriteString("A dry run: nothing was written.\n")
	default:
		text.WriteString("Applied.\n")
	}
	_, err := io.WriteString(p.stdout, text.String())
	return err
}
