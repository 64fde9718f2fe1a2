package main

import (
	"fmt"
	"text/tabwriter"

	"idms/internal/store"
)

type spKeysCommand struct {
	Show   spShowCommand   `cmd:"" default:"withargs" help:"Show the keys of a record."`
	Next   spNextCommand   `cmd:"" help:"Make the next key, and announce it in our metadata."`
	Switch spSwitchCommand `cmd:"" help:"Sign with the next key from now on."`
	Retire spRetireCommand `cmd:"" help:"Remove the former key, or the next one when there is no former."`
}

// spKeys are the flags of each of them.
type spKeys struct {
	settings
	Record string `arg:"" help:"Key of the record."`
}

// roll changes the keys of the record and shows what they are now.
func (c spKeys) roll(p *program, change func(*house, store.Author) error) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := change(h, p.byServer("")); err != nil {
		return err
	}
	keys, err := h.upkeep.Keys(p.ctx, c.Record)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tSINCE\tCERTIFICATE ENDS\tSHA-256 FINGERPRINT")
	for _, key := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", key.Part, key.Since.Format(minuteForm), key.NotAfter.UTC().Format("2006-01-02"), key.Fingerprint)
	}
	return table.Flush()
}

// minuteForm is how commands write an instant.
const minuteForm = "2006-01-02 15:04 UTC"

type spShowCommand struct{ spKeys }

func (c spShowCommand) Run(p *program) error {
	return c.roll(p, func(*house, store.Author) error { return nil })
}

type spNextCommand struct{ spKeys }

func (c spNextCommand) Run(p *program) error {
	return c.roll(p, func(h *house, by store.Author) error { return h.upkeep.AnnounceKey(p.ctx, c.Record, by) })
}

type spSwitchCommand struct {
	spKeys
	Force bool `help:"Also before the next key has been announced for two days."`
}

func (c spSwitchCommand) Run(p *program) error {
	return c.roll(p, func(h *house, by store.Author) error { return h.upkeep.SwitchKey(p.ctx, c.Record, c.Force, by) })
}

type spRetireCommand struct {
	spKeys
	Force bool `help:"Also before two days have passed since the switch."`
}

func (c spRetireCommand) Run(p *program) error {
	return c.roll(p, func(h *house, by store.Author) error { return h.upkeep.RetireKey(p.ctx, c.Record, c.Force, by) })
}
