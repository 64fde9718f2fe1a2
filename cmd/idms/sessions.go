package main

import (
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"idms/internal/fault"
	"idms/internal/session"
	"idms/internal/store"
)

type sessionsCommand struct {
	List sessionsListCommand `cmd:"" help:"List the sessions of a person."`
	End  sessionsEndCommand  `cmd:"" help:"Log a person out everywhere, or everybody of a record."`
}

type sessionsListCommand struct {
	settings
	Record   string `arg:"" help:"Key of the record."`
	Username string `arg:"" help:"Username as the record maps it."`
}

func (c sessionsListCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	list, err := house.store.SessionsOf(p.ctx, c.Record, c.Username, p.clock())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, one := range list {
		fmt.Fprintf(table, "%s\topened %s\tlast used %s\tends %s\n", one.ID, told(one.Opened), told(one.Seen), told(endOf(one, house.flow.TimesNow(p.ctx).Idle)))
	}
	return table.Flush()
}

func told(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// endOf is when a session ends if nobody uses it any more.
func endOf(one session.Session, idle time.Duration) time.Time {
	if unused := one.Seen.Add(idle); idle > 0 && unused.Before(one.Expires) {
		return unused
	}
	return one.Expires
}

type sessionsEndCommand struct {
	settings
	Record   string `arg:"" help:"Key of the record."`
	Username string `arg:"" optional:"" help:"Username as the record maps it."`
	All      bool   `help:"End every session of the record."`
	Session  string `help:"Of the person, end this session alone, by its ID." placeholder:"ID"`
	Reason   string `help:"Why, for the audit trail."`
}

// Run ends sessions in every process at once. Identity providers are told
// nothing: that takes the browser of each person.
func (c sessionsEndCommand) Run(p *program) error {
	if (c.Username != "") == c.All || c.All && c.Session != "" {
		return fault.New(fault.Invalid, "Name a person of the record, or everybody with --all.")
	}
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	by := p.byServer(c.Reason)
	var ended int
	switch {
	case c.Session != "":
		ended, err = c.one(p, house, by)
	case c.All:
		ended, err = house.store.EndAllSessions(p.ctx, c.Record, by)
	default:
		ended, err = house.store.EndSessionsOf(p.ctx, c.Record, c.Username, by)
	}
	if err != nil {
		return err
	}
	noun := "sessions"
	if ended == 1 {
		noun = "session"
	}
	_, err = fmt.Fprintf(p.stdout, "%d %s ended\n", ended, noun)
	return err
}

// one ends a session of the person who is named, and never another's.
func (c sessionsEndCommand) one(p *program, house *house, by store.Author) (ended int, err error) {
	list, err := house.store.SessionsOf(p.ctx, c.Record, c.Username, by.Now)
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(list, func(one session.Session) bool { return one.ID == c.Session }) {
		return 0, fault.New(fault.NotFound, "%q of %s has no such session, or it has ended.", c.Username, c.Record)
	}
	if ok, err := house.store.EndSessionByID(p.ctx, c.Session, by); err != nil || !ok {
		return 0, err
	}
	return 1, nil
}
