package main

import (
	"fmt"
	"text/tabwriter"

	"idms/internal/api"
	"idms/internal/store"
	"idms/internal/trace"
)

type loginsCommand struct {
	settings
	Record   string `help:"Only logins through this record." placeholder:"KEY"`
	Username string `help:"Only logins of people by this username." placeholder:"NAME"`
	Outcome  string `help:"Only logins that ended so: admitted or refused." enum:"admitted,refused," default:"" placeholder:"OUTCOME"`
	Code     string `help:"Only logins refused for this reason." placeholder:"CODE"`
	From     string `help:"Only logins from this instant on, like 2026-03-01T12:00:00Z." placeholder:"INSTANT"`
	To       string `help:"Only logins before this instant." placeholder:"INSTANT"`
	Limit    int    `help:"How many, newest first; 1 to 500." default:"50"`
	After    string `help:"Go on where an earlier page ended: the cursor that it printed." placeholder:"CURSOR"`
	Format   string `help:"text or json." enum:"text,json" default:"text"`
}

// Run lists logins without what came in them: idms trace explains one.
func (c loginsCommand) Run(p *program) error {
	from, to, err := between(c.From, c.To)
	if err != nil {
		return err
	}
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	list, next, err := house.store.Traces(p.ctx, store.TraceFilter{Record: c.Record, Username: c.Username, Outcome: store.Outcome(c.Outcome),
		Code: trace.Code(c.Code), From: from, To: to}, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return p.json(page[api.TraceSummary]{written(list, api.TraceSummaryOf), next})
	}
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.UserID
	}
	names, err := house.store.UsernamesOf(p.ctx, ids)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, one := range list {
		who := "nobody known"
		if name, known := names[one.UserID]; known {
			who = fmt.Sprintf("%q", name)
		} else if one.Username != "" {
			who = fmt.Sprintf("%q, who had no account here", one.Username)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", told(one.At), one.Ref, one.Record, howItEnded(one), who)
	}
	return more(p, table, next)
}

func howItEnded(one store.Trace) string {
	switch {
	case one.Test && one.Code == "":
		return "test passed"
	case one.Test:
		return "test: " + string(one.Code)
	case one.Admitted:
		return "admitted"
	}
	return "refused: " + string(one.Code)
}

// page is a part of a list, in the form of the API.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"` // "" at the end
}

// written is a list in its form for JSON; without anything in it, it is [].
func written[From, T any](list []From, write func(From) T) []T {
	items := make([]T, len(list))
	for i, one := range list {
		items[i] = write(one)
	}
	return items
}

// more ends a table, and says how to go on behind it.
func more(p *program, table *tabwriter.Writer, next string) error {
	if err := table.Flush(); err != nil || next == "" {
		return err
	}
	_, err := fmt.Fprintf(p.stdout, "More with --after %s\n", next)
	return err
}
