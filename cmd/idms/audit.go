package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/store"
)

type auditCommand struct {
	settings
	Record string `help:"Only events of this record." placeholder:"KEY"`
	User   string `help:"Only events of this person, by account ID." placeholder:"ID"`
	Group  string `help:"Only events of this group." placeholder:"KEY"`
	Action string `help:"Only events of this action, like record_changed." placeholder:"ACTION"`
	Who    string `help:"Only events by this administrator, as the events name them." placeholder:"NAME"`
	From   string `help:"Only events from this instant on, like 2026-03-01T12:00:00Z." placeholder:"INSTANT"`
	To     string `help:"Only events before this instant." placeholder:"INSTANT"`
	Alarms bool   `help:"Only those that somebody should look at."`
	Limit  int    `help:"How many, newest first; 1 to 500." default:"50"`
	After  string `help:"Go on where an earlier page ended: the cursor that it printed." placeholder:"CURSOR"`
	Format string `help:"text, json, or csv: all that fits, for a spreadsheet." enum:"text,json,csv" default:"text"`
}

// Run prints one page of the audit trail: who did what, to whom, from what to
// what.
func (c auditCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	filter, err := c.filter()
	if err != nil {
		return err
	}
	if c.Format == "csv" {
		table := audit.NewTable(p.stdout)
		if err := house.store.EachEvent(p.ctx, filter, table.Write); err != nil {
			return err
		}
		return table.Flush()
	}
	events, next, err := house.store.Events(p.ctx, filter, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(struct {
			Events []audit.Event `json:"events"`
			Next   string        `json:"next"` // "" at the end
		}{append([]audit.Event{}, events...), next})
	}
	var text strings.Builder
	for _, event := range events {
		tellEvent(&text, event)
	}
	if next != "" {
		fmt.Fprintf(&text, "More with --after %s\n", next)
	}
	_, err = fmt.Fprint(p.stdout, text.String())
	return err
}

func (c auditCommand) filter() (store.EventFilter, error) {
	filter := store.EventFilter{Record: c.Record, User: c.User, Group: c.Group, Action: audit.Action(c.Action), Who: c.Who, Alarms: c.Alarms}
	var err error
	filter.From, filter.To, err = between(c.From, c.To)
	return filter, err
}

// between reads --from and --to; what was not typed is the zero time.
func between(typedFrom, typedTo string) (from, to time.Time, err error) {
	for _, end := range []struct {
		flag, typed string
		into        *time.Time
	}{{"--from", typedFrom, &from}, {"--to", typedTo, &to}} {
		if end.typed == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, end.typed)
		if err != nil {
			return from, to, fault.New(fault.Invalid, "%s is no instant. Write one like 2026-03-01T12:00:00Z.", end.flag)
		}
		*end.into = at
	}
	return from, to, nil
}

func tellEvent(text *strings.Builder, event audit.Event) {
	mark := ""
	if event.Alarm {
		mark = "ALARM "
	}
	fmt.Fprintf(text, "%s  %s%s", event.At.UTC().Format(time.RFC3339), mark, event.Action)
	for _, part := range []struct{ name, value string }{
		{"by", event.Who}, // nobody else than the user, when it is empty
		{"from", event.Address},
		{"record", event.Record},
		{"user", event.User},
		{"group", event.Group},
		{"code", string(event.Code)},
		{"trace", event.Trace},
	} {
		if part.value != "" {
			fmt.Fprintf(text, "  %s %s", part.name, part.value)
		}
	}
	if event.Reason != "" {
		fmt.Fprintf(text, "  because %q", event.Reason)
	}
	text.WriteString("\n")
	for _, change := range event.Changes {
		fmt.Fprintf(text, "    %s: %q → %q\n", change.Field, change.From, change.To)
	}
}
