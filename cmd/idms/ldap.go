package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/ldapsync"
	"idms/internal/roles"
	"idms/internal/store"
)

type ldapCommand struct {
	Sync     ldapSyncCommand     `cmd:"" help:"Sync a record with its directory now."`
	Test     ldapTestCommand     `cmd:"" help:"Ask the directory for a connection, a user or a group, and say what a sync would make of it."`
	History  ldapHistoryCommand  `cmd:"" help:"List the runs of a record, or what one run changed."`
	Approve  ldapApproveCommand  `cmd:"" help:"Let a held plan through at the next run, once."`
	Password ldapPasswordCommand `cmd:"" help:"Keep the password by which the directory is read. It is never shown again."`
	Run      ldapRunCommand      `cmd:"" help:"Have a record synced now, in the service."`
	Pause    ldapPauseCommand    `cmd:"" help:"Keep a record from being synced by itself."`
	Resume   ldapResumeCommand   `cmd:"" help:"Let a paused record be synced by itself again."`
}

// syncer is directory sync on this house.
func (h *house) syncer() *directory.Sync {
	return &directory.Sync{Store: h.store, Clock: h.clock, Log: h.log, Metrics: h.metrics}
}

type ldapSyncCommand struct {
	settings
	Record  string `arg:"" help:"Key of the record."`
	DryRun  bool   `help:"Do everything but the last step. Exit code 3: there are changes."`
	Approve string `help:"Apply the held plan with this hash." placeholder:"HASH"`
	Reason  string `help:"Why, for the audit trail."`
	Format  string `help:"text, json or csv: the first few changes of each kind, or all of them." enum:"text,json,csv" default:"text"`
}

// Run makes one run and prints its plan. Exit codes: docs/reference/command-line.md.
func (c ldapSyncCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	meter := newMeter(p)
	report, err := house.syncer().Run(p.ctx, directory.Request{
		Record: c.Record, Cause: directory.ByCommand, DryRun: c.DryRun, Plan: c.Approve,
		By:       store.Author{Role: roles.Owner, Who: whoami(), Reason: c.Reason, Now: p.clock()},
		Progress: meter.show,
	})
	meter.end()
	if err != nil {
		if fault.KindOf(err) == fault.Invalid {
			return err
		}
		return errors.Join(err, errNothingChanged)
	}
	changes := func(use func(ldapsync.Change) bool) error {
		for change := range report.Plan.Changes() {
			if !use(change) {
				break
			}
		}
		return nil
	}
	if err := p.tellRun(report.Run, changes, c.Format, c.DryRun); err != nil {
		return err
	}
	switch {
	case c.DryRun && report.Plan.Any():
		return errChanges
	case c.DryRun:
		return nil
	case report.Run.Outcome == store.RunHeld, report.Run.Outcome == store.RunPartly:
		return errHeld
	}
	return nil
}

var errNothingChanged = errors.New("nothing was changed")

// each goes through the changes of a run until use is false.
type each func(use func(ldapsync.Change) bool) error

func (p *program) tellRun(run store.Run, changes each, format string, dryRun bool) error {
	switch format {
	case "json":
		return p.tellRunJSON(run, changes, dryRun)
	case "csv":
		return p.tellRunCSV(changes)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s, %s read from %s", run.Record, quantity(run.People, "person", "people"), quantity(run.Groups, "group", "groups"), clean(run.Host))
	if run.Referrals > 0 {
		fmt.Fprintf(&text, ", %s not followed", quantity(run.Referrals, "referral", "referrals"))
	}
	text.WriteString("\n")
	if err := writeKinds(&text, run, changes); err != nil {
		return err
	}
	for _, stop := range run.Stops {
		fmt.Fprintf(&text, "HELD (%s): %s\n", stop.Code, clean(stop.Why))
	}
	text.WriteString(ending(run, dryRun) + "\n")
	_, err := io.WriteString(p.stdout, text.String())
	return err
}

// firstFew is how many lines of each kind the text shows.
const firstFew = 5

func writeKinds(text *strings.Builder, run store.Run, changes each) error {
	seen := map[ldapsync.Kind]int{}
	lines := map[ldapsync.Kind]*strings.Builder{}
	err := changes(func(change ldapsync.Change) bool {
		if seen[change.Kind]++; seen[change.Kind] == 1 {
			lines[change.Kind] = &strings.Builder{}
		}
		if seen[change.Kind] <= firstFew {
			fmt.Fprintf(lines[change.Kind], "    %s\n", clean(strings.TrimPrefix(change.String(), string(change.Kind)+" ")))
		}
		return true
	})
	for _, kind := range ldapsync.Kinds {
		if seen[kind] == 0 {
			continue
		}
		fmt.Fprintf(text, "%s: %d\n%s", kind, run.Counts[kind], lines[kind])
		if more := seen[kind] - firstFew; more > 0 {
			fmt.Fprintf(text, "    … %s\n", quantity(more, "more line", "more lines"))
		}
	}
	return err
}

func ending(run store.Run, dryRun bool) string {
	approve := fmt.Sprintf("To let it through: idms ldap sync %s --approve %s", run.Record, run.Hash)
	if !run.Stops.Approvable() {
		approve = "This cannot be approved. Look at the directory."
	}
	switch {
	case dryRun && run.Outcome == store.RunUnchanged:
		return "A dry run: nothing to change."
	case dryRun && len(run.Stops) > 0:
		return "A dry run: nothing was written. A run would be held. " + approve
	case dryRun:
		return "A dry run: nothing was written."
	}
	switch run.Outcome {
	case store.RunUnchanged:
		return "Nothing to change."
	case store.RunHeld:
		return "Held: nothing was changed. " + approve
	case store.RunPartly:
		return "Applied, but for the groups that are held. " + approve
	case store.RunFailed:
		return "Failed: nothing was changed. " + clean(run.Error)
	}
	if run.SessionsEnded > 0 {
		return "Applied; " + quantity(run.SessionsEnded, "session", "sessions") + " ended."
	}
	return "Applied."
}

// tellRunJSON writes the changes as they come: there may be half a million.
func (p *program) tellRunJSON(run store.Run, changes each, dryRun bool) error {
	head, err := json.Marshal(run)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.stdout, "{\"dry_run\": %t, \"run\": %s, \"changes\": [", dryRun, head); err != nil {
		return err
	}
	separator := "\n"
	err = changes(func(change ldapsync.Change) bool {
		var line []byte
		if line, err = json.Marshal(change); err == nil {
			_, err = fmt.Fprintf(p.stdout, "%s  %s", separator, line)
		}
		separator = ",\n"
		return err == nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, "\n]}")
	return err
}

// tellRunCSV writes a line for each person, group, changed field and membership.
func (p *program) tellRunCSV(changes each) error {
	table := ldapsync.NewTable(p.stdout)
	err := changes(table.Write)
	return errors.Join(err, table.Close())
}

// clean keeps text of a directory from writing on a terminal what it likes.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, text)
}

type ldapTestCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	User   string `help:"Look this person up: username, e-mail address or DN." xor:"what"`
	Group  string `help:"Look this group up: name or DN." xor:"what"`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c ldapTestCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	sync := house.syncer()
	var found any
	var text strings.Builder
	inScope := true
	var failure error
	switch {
	case c.User != "" || c.Group != "":
		look, name := sync.TestUser, c.User
		if c.Group != "" {
			look, name = sync.TestGroup, c.Group
		}
		var of ldapsync.Found
		of, failure = look(p.ctx, c.Record, name)
		inScope = of.InScope
		found = of
		writeFound(&text, of)
	default:
		var of ldapsync.Connection
		of, failure = sync.TestConnection(p.ctx, c.Record)
		found = of
		writeSteps(&text, of.Steps)
		for _, sample := range []struct {
			name string
			of   ldapsync.Sample
		}{{"people", of.People}, {"groups", of.Groups}} {
			more := ""
			if sample.of.More {
				more = ", and more pages follow"
			}
			fmt.Fprintf(&text, "%s: %d on the first page, %d usable%s: %s\n", sample.name, sample.of.Entries, sample.of.Usable, more, clean(strings.Join(sample.of.Names, ", ")))
		}
	}
	if c.Format == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(found); err != nil {
			return err
		}
	} else if _, err := io.WriteString(p.stdout, text.String()); err != nil {
		return err
	}
	if failure == nil && !inScope {
		return errRefused
	}
	return failure
}

func writeSteps(text *strings.Builder, steps ldapsync.Steps) {
	for _, step := range steps {
		sign := "ok  "
		if step.Failed {
			sign = "NO  "
		}
		fmt.Fprintf(text, "%s%s: %s\n", sign, clean(step.Did), clean(step.Result))
		if step.Fix != "" {
			fmt.Fprintf(text, "    What to do: %s\n", step.Fix)
		}
	}
}

func writeFound(text *strings.Builder, of ldapsync.Found) {
	writeSteps(text, of.Steps)
	if of.DN != "" {
		fmt.Fprintf(text, "DN: %s\nexternal id: %s\n", clean(of.DN), clean(of.ExternalID))
	}
	for _, field := range of.Mapped {
		fmt.Fprintf(text, "%s: %q from %s\n", field.Field, field.Value, clean(field.From))
	}
	for _, attribute := range of.Attributes {
		fmt.Fprintf(text, "    %s = %q", clean(attribute.Name), attribute.Values)
		if attribute.More > 0 {
			fmt.Fprintf(text, " and %d more", attribute.More)
		}
		text.WriteString("\n")
	}
	if len(of.Groups) > 0 {
		fmt.Fprintf(text, "groups: %s\n", clean(strings.Join(of.Groups, ", ")))
	}
	for _, member := range of.Members {
		fmt.Fprintf(text, "    %s: %s\n", member.Kind, clean(member.DN))
	}
	if more := of.Total - len(of.Members); more > 0 {
		fmt.Fprintf(text, "    … %s\n", quantity(more, "more member", "more members"))
	}
	verdict := "out of scope"
	if of.InScope {
		verdict = "in scope"
	}
	if of.Off != ldapsync.On {
		verdict += ", " + string(of.Off)
	}
	fmt.Fprintf(text, "%s: %s\n", verdict, clean(of.Why))
}

type ldapHistoryCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	ID     string `arg:"" optional:"" name:"run" help:"Show this run, with all that it changed; held is the plan that waits."`
	Kind   string `help:"Of one run, only changes of this kind." placeholder:"KIND"`
	Limit  int    `help:"How many runs, newest first; 1 to 500." default:"20"`
	After  string `help:"Go on where an earlier page ended: the cursor that it printed." placeholder:"CURSOR"`
	Format string `help:"text, json or csv (of one run)." enum:"text,json,csv" default:"text"`
}

func (c ldapHistoryCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	if c.ID != "" {
		run, err := house.store.Run(p.ctx, c.Record, c.ID)
		if err != nil {
			return err
		}
		return p.tellRun(run, func(use func(ldapsync.Change) bool) error {
			return house.store.EachRunChange(p.ctx, run, ldapsync.Kind(c.Kind), 0, use)
		}, c.Format, false)
	}
	if _, err := house.store.Edition(p.ctx, c.Record); err != nil {
		return err
	}
	runs, next, err := house.store.Runs(p.ctx, c.Record, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Runs []store.Run `json:"runs"`
			Next string      `json:"next"`
		}{append([]store.Run{}, runs...), next})
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, run := range runs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", run.Began.Format(time.RFC3339), run.ID, run.Outcome, run.Cause, summary(run))
	}
	if err := table.Flush(); err != nil || next == "" {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "More with --after %s\n", next)
	return err
}

func summary(run store.Run) string {
	if run.Error != "" {
		return run.Code + ": " + clean(run.Error)
	}
	var parts []string
	for _, kind := range ldapsync.Kinds {
		if n := run.Counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", kind, n))
		}
	}
	for _, stop := range run.Stops {
		parts = append(parts, "stopped by "+string(stop.Code))
	}
	return strings.Join(parts, ", ")
}

type ldapApproveCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	Hash   string `arg:"" help:"Hash of the held plan."`
	Reason string `help:"Why, for the audit trail."`
}

func (c ldapApproveCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	if err := house.syncer().Approve(p.ctx, c.Record, c.Hash, store.Author{Role: roles.Owner, Who: whoami(), Reason: c.Reason, Now: p.clock()}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "The next run applies the plan %s, if it finds the same one. Have it run now: idms ldap run %s\n", c.Hash, c.Record)
	return err
}

type ldapPasswordCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	File   string `help:"Read it from this file; otherwise from standard input." xor:"from" placeholder:"FILE"`
	Env    string `help:"Take it from this environment variable." xor:"from" placeholder:"NAME"`
	Forget bool   `help:"Forget it." xor:"from"`
}

// maxPassword bounds a bind password, in bytes.
const maxPassword = 1024

func (c ldapPasswordCommand) Run(p *program) error {
	password := ""
	switch {
	case c.Forget:
	case c.Env != "":
		for _, pair := range p.environ {
			if name, value, _ := strings.Cut(pair, "="); name == c.Env {
				password = value
			}
		}
	default:
		name := c.File
		if name == "" {
			name = "-"
		}
		text, err := p.readFile(name, maxPassword)
		if err != nil {
			return err
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	if password == "" && !c.Forget {
		return fault.New(fault.Invalid, "The password is empty. A directory would take that for no password at all; to forget the one that is kept, use --forget.")
	}
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	if err := house.store.SetBindPassword(p.ctx, c.Record, password, store.Author{Role: roles.Owner, Who: whoami(), Now: p.clock()}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, "Kept, sealed. Look whether it works: idms ldap test "+c.Record)
	if c.Forget {
		_, err = fmt.Fprintln(p.stdout, "Forgotten.")
	}
	return err
}

type ldapRunCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	Reason string `help:"Why, for the audit trail."`
}

func (c ldapRunCommand) Run(p *program) error {
	return c.ask(p, func(h *house, by store.Author) error { return h.syncer().Ask(p.ctx, c.Record, directory.ByCommand, by) },
		c.Record+" is synced as soon as the service looks, within 10 seconds.", c.Reason)
}

type ldapPauseCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	Reason string `help:"Why, for the audit trail."`
}

func (c ldapPauseCommand) Run(p *program) error {
	return c.ask(p, func(h *house, by store.Author) error { return h.syncer().Pause(p.ctx, c.Record, true, by) },
		c.Record+" is not synced by itself any more.", c.Reason)
}

type ldapResumeCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	Reason string `help:"Why, for the audit trail."`
}

func (c ldapResumeCommand) Run(p *program) error {
	return c.ask(p, func(h *house, by store.Author) error { return h.syncer().Pause(p.ctx, c.Record, false, by) },
		c.Record+" is synced by itself again.", c.Reason)
}

// ask does something with the sync of a record in the name of whoever types, and says so.
func (s settings) ask(p *program, do func(h *house, by store.Author) error, done, reason string) error {
	h, err := s.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := do(h, store.Author{Role: roles.Owner, Who: whoami(), Reason: reason, Now: p.clock()}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, done)
	return err
}

type whyCommand struct {
	settings
	Record string `arg:"" help:"Key of the record through which the person comes."`
	User   string `arg:"" help:"Username."`
	Group  string `arg:"" help:"Key of the group."`
}

// Run says why a person is in a group (S35): every source, since when, and the
// run of the directory that brought it. Exit code 1: the person is not in it.
func (c whyCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	person, reasons, err := house.store.Why(p.ctx, c.Record, c.User, c.Group)
	if err != nil {
		return err
	}
	if len(reasons) == 0 {
		fmt.Fprintf(p.stdout, "%s is not in %s.\n", clean(person.Account.Username), c.Group)
		return errRefused
	}
	for _, reason := range reasons {
		run := ""
		if reason.Run != "" {
			run = ", in the run " + reason.Run
		}
		fmt.Fprintf(p.stdout, "%s is in %s %s, since %s%s\n", clean(person.Account.Username), c.Group, reason.Source.Words(), reason.Source.Since.UTC().Format(time.RFC3339), run)
	}
	return nil
}

// meter shows how far a run is: a bar on a terminal, a line for each phase and
// every few seconds elsewhere.
type meter struct {
	out      io.Writer
	clock    func() time.Time
	terminal bool
	phase    string
	began    time.Time // of the phase
	said     time.Time
	open     bool // the last line has no end yet
}

func newMeter(p *program) *meter {
	m := &meter{out: p.stderr, clock: p.clock}
	m.terminal = isTerminal(p.stderr)
	return m
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (m *meter) show(progress directory.Progress) {
	now := m.clock()
	fresh := progress.Phase != m.phase
	if fresh {
		m.end()
		m.phase, m.began = progress.Phase, now
	}
	pause := 5 * time.Second
	if m.terminal {
		pause = 200 * time.Millisecond
	}
	if !fresh && now.Sub(m.said) < pause {
		return
	}
	m.said = now
	line := measure(progress, now.Sub(m.began), m.terminal)
	if !m.terminal {
		fmt.Fprintln(m.out, line)
		return
	}
	fmt.Fprintf(m.out, "\r\x1b[K%s", line)
	m.open = true
}

// end leaves the line of a bar.
func (m *meter) end() {
	if m.open {
		fmt.Fprintln(m.out)
		m.open = false
	}
}

// measure is one line: phase, entries, rate, and the time left as far as the
// last run tells how much there is.
func measure(p directory.Progress, took time.Duration, bar bool) string {
	line := p.Phase
	if bar && p.Expected > 0 && p.Entries > 0 {
		const width = 20
		done := min(width, p.Entries*width/p.Expected)
		line += " [" + strings.Repeat("#", done) + strings.Repeat(".", width-done) + "]"
	}
	if p.Entries == 0 {
		return line
	}
	line += fmt.Sprintf(" %d", p.Entries)
	if p.Expected > 0 {
		line += fmt.Sprintf(" of about %d", p.Expected)
	}
	rate := float64(p.Entries) / took.Seconds()
	if took < time.Second/10 || rate < 1 {
		return line
	}
	line += fmt.Sprintf(", %.0f/s", rate)
	if left := p.Expected - p.Entries; left > 0 {
		line += fmt.Sprintf(", %v left", (time.Duration(float64(left)/rate*float64(time.Second)) + time.Second).Truncate(time.Second))
	}
	return line
}
