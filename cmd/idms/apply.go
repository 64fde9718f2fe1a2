package main

import (
	"os/user"
	"slices"
	"strings"
	"time"

	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/store"
)

type applyCommand struct {
	settings
	File     []string `help:"Record file (YAML), several times for several; - is standard input." short:"f" required:"" sep:"none" placeholder:"FILE"`
	More     []string `arg:"" optional:"" name:"file" help:"More of them: what a shell makes of -f *.yaml."`
	DryRun   bool     `help:"Do everything but the last step. Exit code 3: there are changes."`
	Rehearse bool     `help:"A dry run that also says whom the changed records let in, keep out and move, by the last recorded assertion of each person."`
	Prune    bool     `help:"Delete the records and groups that the files do not name."`
	Reason   string   `help:"Why, for the audit trail and the versions."`
	Format   string   `help:"text or json." enum:"text,json" default:"text"`
}

func (c applyCommand) Run(p *program) error {
	cfg, err := c.load(p, nil)
	if err != nil {
		return err
	}
	names := slices.Concat(c.File, c.More)
	file, err := p.readAllRecords(names)
	if err != nil {
		return err
	}
	if len(file.Groups) == 0 && len(file.Records) == 0 {
		return fault.New(fault.Invalid, "%s: no groups and no records, so there is nothing to apply.", strings.Join(names, ", "))
	}
	if c.Prune && len(file.Records) == 0 {
		return fault.New(fault.Invalid, "%s: no record is named, so --prune would delete all of them.", strings.Join(names, ", "))
	}
	house, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		return err
	}
	defer house.Close()
	by := p.byServer(c.Reason)
	if err := house.upkeep.Fill(p.ctx, &file); err != nil {
		return err
	}
	applied, err := house.store.ApplyWith(p.ctx, file, by, store.How{Prune: c.Prune, DryRun: c.DryRun || c.Rehearse})
	if err != nil {
		return err
	}
	report := reportOf(applied, c.DryRun || c.Rehearse)
	report.warn(file.Records, cfg, by.Now)
	if c.Rehearse {
		if report.Rehearsal, err = house.rehearse(p.ctx, file.Records, applied); err != nil {
			return err
		}
	}
	return p.tell(report, c.Format)
}

// readAllRecords reads several record files as one. Problems of all of them are
// told at once.
func (p *program) readAllRecords(names []string) (idms.File, error) {
	var parts []idms.Part
	var problems []string
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return idms.File{}, fault.New(fault.Invalid, "%s is named twice.", name)
		}
		seen[name] = true
		file, err := p.readRecords(name)
		if fault.KindOf(err) == fault.Invalid {
			problems = append(problems, fault.Sentence(err))
			continue
		}
		if err != nil {
			return idms.File{}, err
		}
		if len(names) > 1 && len(file.Groups) == 0 && len(file.Records) == 0 {
			// One that was cut short, perhaps: with --prune, what it held would go.
			problems = append(problems, name+": no groups and no records are in it.")
			continue
		}
		parts = append(parts, idms.Part{Name: name, File: file})
	}
	if len(names) == 1 && len(parts) == 1 {
		return parts[0].File, nil // whose problems need not name the file
	}
	file, twice := idms.Merge(parts)
	if twice.Any() {
		problems = append(problems, twice.String())
	}
	if len(problems) > 0 {
		return idms.File{}, fault.New(fault.Invalid, "%s", strings.Join(problems, "\n"))
	}
	return file, nil
}

// warn adds what of these records protects less than it seems, to what replacing
// their former versions means.
func (r *report) warn(records []idms.Record, cfg config.Config, now time.Time) {
	for _, record := range records {
		for _, warning := range record.Warnings(now) {
			r.Warnings = append(r.Warnings, recordWarning{record.Key, warning.Field, warning.Message})
		}
	}
	for _, record := range records {
		r.Warnings = append(r.Warnings, unreachable(cfg, record.Connection())...)
	}
}

// whoami names the author of a change made from the command line.
func whoami() string {
	if current, err := user.Current(); err == nil && current.Username != "" {
		return "command line: " + current.Username
	}
	return "command line"
}
