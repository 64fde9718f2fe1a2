package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"idms/internal/api"
	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/store"
)

type versionsCommand struct {
	settings
	Record  string `arg:"" help:"Key of the record."`
	Number  int    `arg:"" optional:"" help:"Show this version as a record file."`
	Compare int    `help:"Show what is different in this version instead." placeholder:"N"`
	Format  string `help:"Of a comparison: text or json." enum:"text,json" default:"text"`
}

func (c versionsCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	versions, err := house.store.Versions(p.ctx, c.Record)
	if err != nil {
		return err
	}
	if c.Compare != 0 {
		return c.compare(p, house)
	}
	if c.Number != 0 {
		record, err := house.store.RecordAt(p.ctx, c.Record, c.Number)
		if err != nil {
			return err
		}
		return p.writeFile(idms.File{Records: []idms.Record{record}})
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, version := range versions {
		fmt.Fprintf(table, "%d\t%s\t%s\t%q\n", version.Number, version.At.UTC().Format(time.RFC3339), version.Author, version.Reason)
	}
	return table.Flush()
}

// compare tells two versions apart, rules by their keys.
func (c versionsCommand) compare(p *program, house *house) error {
	if c.Number == 0 {
		return fault.New(fault.Invalid, "Name the version to compare with: idms versions %s 1 --compare 2.", c.Record)
	}
	var sides [2]idms.Record
	for i, number := range []int{c.Number, c.Compare} {
		var err error
		if sides[i], err = house.store.RecordAt(p.ctx, c.Record, number); err != nil {
			return err
		}
	}
	changes, err := idms.Changes(sides[0], sides[1])
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return p.json(api.Comparison{From: c.Number, To: c.Compare, Changes: append([]audit.Change{}, changes...)})
	}
	var text strings.Builder
	if writeFields(&text, changes); len(changes) == 0 {
		text.WriteString("They say the same.\n")
	}
	_, err = io.WriteString(p.stdout, text.String())
	return err
}

type restoreCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	Number int    `arg:"" help:"The version to go back to."`
	DryRun bool   `help:"Do everything but the last step. Exit code 3: there are changes."`
	Reason string `help:"Why, for the audit trail and the versions." required:""`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c restoreCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	by := p.byServer(c.Reason)
	applied, err := house.store.Restore(p.ctx, c.Record, c.Number, by, store.How{DryRun: c.DryRun})
	if err != nil {
		return err
	}
	restored, err := house.store.RecordAt(p.ctx, c.Record, c.Number)
	if err != nil {
		return err
	}
	report := reportOf(applied, c.DryRun)
	report.warn([]idms.Record{restored}, house.config, by.Now)
	return p.tell(report, c.Format)
}
