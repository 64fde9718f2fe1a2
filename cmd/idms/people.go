package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"idms/internal/api"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

type peopleCommand struct {
	List    peopleListCommand    `cmd:"" default:"withargs" help:"List people by username."`
	Show    peopleShowCommand    `cmd:"" help:"Show a person: profile, state, role, groups and why they are in each."`
	Block   peopleBlockCommand   `cmd:"" help:"Keep a person from logging in, and end their sessions."`
	Unblock peopleUnblockCommand `cmd:"" help:"Unblock a person: let them log in again."`
	Erase   peopleEraseCommand   `cmd:"" help:"Erase a person with all that is kept of them. It cannot be taken back."`
}

type peopleListCommand struct {
	settings
	Search string `help:"Only people with this in their username, e-mail address or name." placeholder:"TEXT"`
	Record string `help:"Only people of this record." placeholder:"KEY"`
	State  string `help:"Only people in this state: enabled, blocked or disabled." enum:"enabled,blocked,disabled," default:"" placeholder:"STATE"`
	Limit  int    `help:"How many; 1 to 500." default:"50"`
	After  string `help:"Go on where an earlier page ended: the cursor that it printed." placeholder:"CURSOR"`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c peopleListCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	list, next, err := house.store.Users(p.ctx, store.UserFilter{Search: c.Search, Record: c.Record, State: users.State(c.State)}, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return p.json(page[api.UserSummary]{written(list, api.UserSummaryOf), next})
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "USERNAME\tTHROUGH\tSTATE\tLAST LOGIN\tE-MAIL")
	for _, one := range list {
		fmt.Fprintf(table, "%q\t%s\t%s\t%s\t%s\n", one.Account.Username, one.Record.Key, stateOf(one.Account), lastSeen(one.Account), clean(one.Account.Email))
	}
	return more(p, table, next)
}

func stateOf(a users.Account) users.State {
	if a.State == "" {
		return users.Enabled
	}
	return a.State
}

func lastSeen(a users.Account) string {
	if a.LastSeen.IsZero() {
		return "never"
	}
	return a.LastSeen.UTC().Format(time.DateOnly)
}

// somebody is how a command is told whom it is about.
type somebody struct {
	Record   string `arg:"" help:"Key of the record through which they come; local is that of people with a password."`
	Username string `arg:"" help:"Username as the record maps it."`
}

// find opens the house and finds the person in it. Whoever calls it closes the
// house when there is no error.
func (c somebody) find(p *program, s settings) (*house, store.Person, error) {
	house, err := s.lookInto(p)
	if err != nil {
		return nil, store.Person{}, err
	}
	id, err := house.store.AccountID(p.ctx, c.Record, c.Username)
	if err == nil {
		var person store.Person
		if person, err = house.store.Person(p.ctx, id); err == nil {
			return house, person, nil
		}
	}
	house.Close()
	return nil, store.Person{}, err
}

type peopleShowCommand struct {
	settings
	somebody
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c peopleShowCommand) Run(p *program) error {
	house, person, err := c.find(p, c.settings)
	if err != nil {
		return err
	}
	defer house.Close()
	if c.Format == "json" {
		return p.json(api.UserOf(person))
	}
	a := person.Account
	keys := make([]string, len(person.Groups))
	for i, one := range person.Groups {
		keys[i] = one.Group.Key
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%q of %s: %s\n", a.Username, person.Record.Key, stateOf(a))
	for _, line := range []struct{ name, value string }{
		{"account", a.ID}, {"name", strings.TrimSpace(a.FirstName + " " + a.LastName)}, {"e-mail", a.Email}, {"phone", a.Phone},
		{"created", told(a.Created)}, {"last login", lastSeen(a)}, {"role", string(roles.Of(keys))},
	} {
		if line.value != "" {
			fmt.Fprintf(&text, "  %-10s  %s\n", line.name, clean(line.value))
		}
	}
	for _, one := range person.Groups {
		fmt.Fprintf(&text, "in %s %q\n", one.Group.Key, one.Group.Name)
		for _, source := range one.Sources {
			fmt.Fprintf(&text, "  %s, since %s\n", clean(source.Words()), told(source.Since))
		}
	}
	_, err = fmt.Fprint(p.stdout, text.String())
	return err
}

type peopleBlockCommand struct {
	settings
	somebody
	Reason string `help:"Why, for the audit trail."`
}

func (c peopleBlockCommand) Run(p *program) error {
	house, person, err := c.find(p, c.settings)
	if err != nil {
		return err
	}
	defer house.Close()
	ended, err := house.store.Block(p.ctx, person.Account.ID, p.byServer(c.Reason))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%q of %s is blocked, %s ended\n", person.Account.Username, person.Record.Key, quantity(ended, "session", "sessions"))
	return err
}

type peopleUnblockCommand struct {
	settings
	somebody
	Reason string `help:"Why, for the audit trail."`
}

func (c peopleUnblockCommand) Run(p *program) error {
	house, person, err := c.find(p, c.settings)
	if err != nil {
		return err
	}
	defer house.Close()
	if err := house.store.Unblock(p.ctx, person.Account.ID, p.byServer(c.Reason)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%q of %s is not blocked\n", person.Account.Username, person.Record.Key)
	return err
}

type peopleEraseCommand struct {
	settings
	somebody
	DryRun bool   `help:"Do everything but the last step. Exit code 3: there is somebody to erase."`
	Reason string `help:"Why, for the audit trail."`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

// Run erases a person, whose username stands on the command line exactly: case
// aside would do to find them, and not for what cannot be taken back.
func (c peopleEraseCommand) Run(p *program) error {
	house, person, err := c.find(p, c.settings)
	if err != nil {
		return err
	}
	defer house.Close()
	how := store.Erasure{Username: c.Username, DryRun: c.DryRun}
	gone, err := house.store.ErasePerson(p.ctx, person.Account.ID, how, p.byServer(c.Reason))
	if err != nil {
		return err
	}
	if c.Format == "json" {
		err = p.json(api.ErasedOf(how, gone))
	} else {
		is, end := "is erased", ""
		if c.DryRun {
			is, end = "would be erased", "A dry run: nothing was written.\n"
		}
		_, err = fmt.Fprintf(p.stdout, "%q of %s %s, with %s, %s and %s\n%s", person.Account.Username, person.Record.Key, is,
			quantity(gone.Sessions, "session", "sessions"), quantity(gone.Memberships, "membership", "memberships"),
			quantity(gone.Traces, "explained login", "explained logins"), end)
	}
	if err == nil && c.DryRun {
		err = errChanges
	}
	return err
}
