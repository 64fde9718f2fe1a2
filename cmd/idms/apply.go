package main

import (
	"fmt"
	"os/user"
	"strings"

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
	now := p.clock()
	for _, record := range file.Records {
		for _, warning := range record.Warnings(now) {
			fmt.Fprintf(p.stderr, "warning: record %s: %s: %s\n", record.Key, warning.Field, warning.Message)
		}
	}
	house, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		return err
	}
	defer house.Close()
	if err := p.warnOfReplacing(house, file); err != nil {
		return err
	}
	applied, err := house.store.Apply(p.ctx, file, store.Author{Who: whoami(), Reason: c.Reason, Now: now})
	if err != nil {
		return err
	}
	return p.tellApplied(applied)
}

// warnOfReplacing says what taking something away from a record means.
func (p *program) warnOfReplacing(h *house, file idms.File) error {
	former, err := h.store.Records(p.ctx)
	if err != nil {
		return err
	}
	byKey := map[string]idms.Record{}
	for _, record := range former {
		byKey[record.Key] = record
	}
	for _, record := range file.Records {
		before, ok := byKey[record.Key]
		if !ok {
			continue
		}
		for _, warning := range record.WarningsOfReplacing(before) {
			fmt.Fprintf(p.stderr, "warning: record %s: %s: %s\n", record.Key, warning.Field, warning.Message)
		}
	}
	return nil
}

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
		if len(part.keys) > 0 {
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
