package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"

	"idms/internal/api"
	"idms/internal/store"
)

type groupsCommand struct {
	List    groupsListCommand    `cmd:"" default:"withargs" help:"List groups by key, with how many people are in each."`
	Members groupsMembersCommand `cmd:"" help:"List the people of a group, and why each is in it."`
	Add     groupsAddCommand     `cmd:"" help:"Put a person into a group by hand."`
	Remove  groupsRemoveCommand  `cmd:"" help:"End what administrators granted to a person in a group."`
}

type groupsListCommand struct {
	settings
	Search string `help:"Only groups with this in their key or name." placeholder:"TEXT"`
	Limit  int    `help:"How many; 1 to 500." default:"50"`
	After  string `help:"Go on where an earlier page ended: the cursor that it printed." placeholder:"CURSOR"`
}

func (c groupsListCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	list, next, err := house.store.GroupsFound(p.ctx, store.GroupFilter{Search: c.Search}, c.After, c.Limit)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GROUP\tNAME\tPEOPLE")
	for _, one := range list {
		people := strconv.Itoa(one.Members)
		if one.Members >= store.CountedTo {
			people += " or more"
		}
		fmt.Fprintf(table, "%s\t%q\t%s\n", one.Key, one.Name, people)
	}
	return more(p, table, next)
}

type groupsMembersCommand struct {
	settings
	Group  string `arg:"" help:"Key of the group."`
	Limit  int    `help:"How many; 1 to 500." default:"50"`
	After  string `help:"Go on where an earlier page ended: the cursor that it printed." placeholder:"CURSOR"`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c groupsMembersCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	list, next, err := house.store.Members(p.ctx, c.Group, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return p.json(page[api.Member]{written(list, api.MemberOf), next})
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, one := range list {
		for _, source := range one.Sources {
			fmt.Fprintf(table, "%q\t%s\t%s\tsince %s\n", one.Account.Username, one.Record.Key, clean(source.Words()), told(source.Since))
		}
	}
	return more(p, table, next)
}

type groupsAddCommand struct {
	settings
	Group string `arg:"" help:"Key of the group."`
	somebody
	Reason string `help:"Why, for the audit trail."`
}

func (c groupsAddCommand) Run(p *program) error {
	return c.changeIn(p, c.settings, c.Group, c.Reason, (*store.Store).AddMember, "is in "+c.Group+" by hand")
}

// changeIn changes the membership of somebody, and says how it is now.
func (c somebody) changeIn(p *program, s settings, group, reason string, change func(s *store.Store, ctx context.Context, group, userID string, by store.Author) error, now string) error {
	house, person, err := c.find(p, s)
	if err != nil {
		return err
	}
	defer house.Close()
	if err := change(house.store, p.ctx, group, person.Account.ID, p.byServer(reason)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%q of %s %s\n", person.Account.Username, person.Record.Key, now)
	return err
}

type groupsRemoveCommand struct {
	settings
	Group string `arg:"" help:"Key of the group."`
	somebody
	Reason string `help:"Why, for the audit trail."`
}

func (c groupsRemoveCommand) Run(p *program) error {
	return c.changeIn(p, c.settings, c.Group, c.Reason, (*store.Store).RemoveMember, "is not in "+c.Group+" by hand any more")
}
