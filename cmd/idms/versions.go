package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"idms/internal/idms"
	"idms/internal/store"
)

type versionsCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	Number int    `arg:"" optional:"" help:"Show this version as a record file."`
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
