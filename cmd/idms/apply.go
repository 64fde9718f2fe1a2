package main

import (
	"fmt"
	"os/user"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/store"
)

type applyCommand struct {
	settings
	File   string `help:"Record file (YAML); - is standard input." short:"f" required:"" placeholder:"FILE"`
	Reason string `help:"Why, for the audit trail and the versions."`
}

func (c applyCommand) Run(p *program) error {
	cfg, err := c.load(p, nil)
	if err != nil {
		return err
	}
	file, err := p.readRecords(c.File)
	if err != nil {
		return err
	}
	if len(file.Groups) == 0 && len(file.Records) == 0 {
		return fault.New(fault.Invalid, "%s holds no groups and no records: there is nothing to apply.", c.File)
	}
	now := p.clock()
	house, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		return err
	}
	defer house.Close()
	former, err := house.store.Records(p.ctx)
	if err != nil {
		return err
	}
	applied, err := house.store.Apply(p.ctx, file, store.Author{Who: whoami(), Reason: c.Reason, Now: now})
	if err != nil {
		return err
	}
	p.warn(file, former, now)
	for _, warning := range unreachable(cfg, file.Records) {
		fmt.Fprintf(p.stderr, "warning: %s\n", warning)
	}
	return p.tellApplied(applied)
}

// warn says what of the records that were applied protects less than it seems,
// and what taking something away from one of them means.
func (p *program) warn(file idms.File, former []idms.Record, now time.Time) {
	byKey := map[string]idms.Record{}
	for _, record := range former {
		byKey[record.Key] = record
	}
	for _, record := range file.Records {
		warnings := record.Warnings(now)
		if before, ok := byKey[record.Key]; ok {
			warnings = append(warnings, record.WarningsOfReplacing(before)...)
		}
		for _, warning := range warnings {
			fmt.Fprintf(p.stderr, "warning: record %s: %s: %s\n", record.Key, warning.Field, warning.Message)
		}
	}
}

// manyKeys is how many of them are told one by one.
const manyKeys = 20

func (p *program) tellApplied(applied store.Applied) error {
	var text strings.Builder
	for _, part := range []struct {
		what string
		keys []string
	}{
		{"groups created", applied.GroupsCreated},
		{"groups changed", applied.GroupsChanged},
		{"records created", applied.Created},
		{"records changed", applied.Changed},
		{"records unchanged", applied.Unchanged},
	} {
		if more := len(part.keys) - manyKeys; more > 0 {
			fmt.Fprintf(&text, "%s: %s and %d more\n", part.what, strings.Join(part.keys[:manyKeys], ", "), more)
		} else if len(part.keys) > 0 {
			fmt.Fprintf(&text, "%s: %s\n", part.what, strings.Join(part.keys, ", "))
		}
	}
	if applied.SessionsEnded > 0 {
		fmt.Fprintf(&text, "sessions ended: %d\n", applied.SessionsEnded)
	}
	_, err := fmt.Fprint(p.stdout, text.String())
	return err
}

// whoami names the author of a change made from the command line.
func whoami() string {
	if current, err := user.Current(); err == nil && current.Username != "" {
		return "command line: " + current.Username
	}
	return "command line"
}
