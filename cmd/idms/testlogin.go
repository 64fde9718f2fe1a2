package main

import (
	"fmt"
	"time"

	"idms/internal/fault"
	"idms/internal/login"
)

type testCommand struct {
	settings
	Record  string `arg:"" help:"Key of the record."`
	Version int    `help:"Which of its versions; the one in force when not given." placeholder:"N"`
	NoWait  bool   `help:"Print the address and end; --result tells how it ended."`
	Result  string `help:"Print how the test by this reference ended, instead of asking for one." placeholder:"REF"`
	publicAddress
}

// lookEvery is the pause between two looks at a test that is under way.
const lookEvery = 250 * time.Millisecond

func (c testCommand) Run(p *program) error {
	cfg, err := c.load(p, c.publicAddress.settings())
	if err != nil {
		return err
	}
	if err := existing(cfg); err != nil {
		return err
	}
	house, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		return err
	}
	defer house.Close()

	if c.Result != "" {
		test, err := house.flow.TestLogin(p.ctx, c.Record, c.Result)
		if err != nil {
			return err
		}
		return p.tellTest(test)
	}
	invitation, err := house.flow.InviteTest(p.ctx, login.Asking{Record: c.Record, Version: c.Version, By: whoami()})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Test login %s of %s, version %d. Open this in a browser before %s:\n\n  %s\n\n",
		invitation.Ref, c.Record, invitation.Version, invitation.Expires.Local().Format("15:04"), invitation.Address)
	if c.NoWait {
		_, err := fmt.Fprintf(p.stdout, "Its result: idms test-login %s --result %s\n", c.Record, invitation.Ref)
		return err
	}
	fmt.Fprintln(p.stdout, "Waiting until it has ended. Ctrl-C ends the waiting, not the test.")
	return c.await(p, house, invitation)
}

// await prints how a test ends, or that it cannot any more: it did not begin in
// time, or whoever began it did not come back.
func (c testCommand) await(p *program, house *house, invitation login.Invitation) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		test, err := house.flow.TestLogin(p.ctx, c.Record, invitation.Ref)
		switch {
		case err != nil:
			return err
		case test.Ended:
			fmt.Fprintln(p.stdout)
			return p.tellTest(test)
		}
		now := p.clock()
		if !test.Begun && !now.Before(invitation.Expires) {
			return fault.New(fault.Conflict, "Nobody has begun the test login in time.")
		}
		if !now.Before(invitation.Expires.Add(house.config.Session.Pending)) {
			return fault.New(fault.Conflict, "The test login was begun, and no answer has come back from the identity provider. Its own page or log says why.")
		}
		select {
		case <-ticker.C:
		case <-p.ctx.Done():
			return fault.New(fault.Conflict, "The test login goes on: idms test-login %s --result %s tells how it ends.", c.Record, invitation.Ref)
		}
	}
}

// tellTest prints the whole trace of a test that has ended. What did not pass ends
// with errRefused.
func (p *program) tellTest(test login.Test) error {
	switch {
	case !test.Begun:
		return fault.New(fault.Conflict, "Test login %s has not begun.", test.Ref)
	case !test.Ended:
		return fault.New(fault.Conflict, "Test login %s is under way: no answer has come back from the identity provider.", test.Ref)
	case test.Trace == nil:
		fmt.Fprintf(p.stdout, "Test login %s: its trace is not kept any more.\n", test.Ref)
	default:
		if err := test.Trace.Print(p.stdout); err != nil {
			return err
		}
	}
	if !test.Passed {
		return errRefused
	}
	return nil
}
