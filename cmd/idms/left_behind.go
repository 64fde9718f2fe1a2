package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"idms/internal/api"
	"idms/internal/fault"
	"idms/internal/store"
)

type leftBehindCommand struct {
	List   leftBehindListCommand   `cmd:"" default:"withargs" help:"List what deleted associations left in groups."`
	Remove leftBehindRemoveCommand `cmd:"" help:"Take the reason away: whom nothing else keeps leaves the group."`
	Adopt  leftBehindAdoptCommand  `cmd:"" help:"Keep the people in the group, by your hand."`
}

// leftChoice chooses what was left (S34).
type leftChoice struct {
	Group  string `help:"Only in this group." placeholder:"KEY"`
	Record string `help:"Only by this record." placeholder:"KEY"`
	Rule   string `help:"Only by this association." placeholder:"KEY"`
	User   string `help:"Only for this person, by account ID." placeholder:"ID"`
}

func (c leftChoice) choice() store.LeftChoice {
	return store.LeftChoice{Group: c.Group, Record: c.Record, Rule: c.Rule, User: c.User}
}

type leftBehindListCommand struct {
	settings
	leftChoice
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c leftBehindListCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	list, further, err := house.store.LeftBehind(p.ctx, c.choice())
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return p.json(struct {
			Items []api.LeftBehind `json:"items"`
			More  bool             `json:"more"`
		}{api.LeftBehindOf(list), further})
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.stdout, "Nothing is left by a deleted association.")
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GROUP\tRECORD\tRULE\tPEOPLE")
	for _, one := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", one.Group.Key, one.Record, one.Rule, one.Members)
	}
	if further {
		fmt.Fprintln(table, "There is further; choose a group, a record, a rule or a person.")
	}
	return table.Flush()
}

// settling are the flags of what settles it.
type settling struct {
	settings
	leftChoice
	All    bool   `help:"All that was left anywhere."`
	Expect int    `help:"Refuse when not exactly so many memberships were left; 0 takes what is there." placeholder:"N"`
	Hash   string `help:"Refuse when anything else would happen than the dry run with this hash said." placeholder:"HASH"`
	DryRun bool   `help:"Do everything but the last step. Exit code 3: there are changes."`
	Reason string `help:"Why, for the audit trail."`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

type leftBehindRemoveCommand struct{ settling }

func (c leftBehindRemoveCommand) Run(p *program) error { return c.settle(p, store.Settlement{}) }

type leftBehindAdoptCommand struct{ settling }

func (c leftBehindAdoptCommand) Run(p *program) error {
	return c.settle(p, store.Settlement{Adopt: true})
}

// settle removes or adopts what was chosen. A flag that a script lost must not mean
// everything: for that there is --all.
func (c settling) settle(p *program, how store.Settlement) error {
	if c.All == (c.choice() != store.LeftChoice{}) {
		return fault.New(fault.Invalid, "Choose with --group, --record, --rule or --user, or say --all.")
	}
	if c.Expect < 0 {
		return fault.New(fault.Invalid, "--expect: write how many memberships you have seen.")
	}
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	how.DryRun, how.Expect, how.Seen = c.DryRun, c.Expect, c.Hash
	done, err := house.store.SettleLeftBehind(p.ctx, c.choice(), how, p.byServer(c.Reason))
	if err != nil {
		return err
	}
	if c.Format == "json" {
		err = p.json(api.SettledOf(how, done))
	} else {
		_, err = fmt.Fprint(p.stdout, settlement(how, done))
	}
	if err == nil && c.DryRun {
		err = errChanges
	}
	return err
}

// settlement says what was done, association by association and in all.
func settlement(how store.Settlement, done store.Settled) string {
	var text strings.Builder
	sign := "-"
	if how.Adopt {
		sign = "~"
	}
	for _, one := range done.Left {
		fmt.Fprintf(&text, "%s group %s, by the rule %s of %s: %s\n", sign, one.Group.Key, one.Rule, one.Record, quantity(one.Members, "person", "people"))
	}
	fmt.Fprintf(&text, "%s of %s: %d leave the group, %d stay\n", quantity(done.Reasons, "membership", "memberships"),
		quantity(done.People, "person", "people"), done.Leaving, done.People-done.Leaving)
	if done.More {
		text.WriteString("There is further: do it again for the rest.\n")
	}
	switch {
	case how.DryRun:
		text.WriteString("A dry run: nothing was written.\n")
	case how.Adopt:
		text.WriteString("Adopted.\n")
	default:
		text.WriteString("Removed.\n")
	}
	return text.String()
}
