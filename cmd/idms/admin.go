package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/mail"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
	"idms/internal/web"
)

type adminCommand struct {
	List       adminListCommand       `cmd:"" default:"withargs" help:"List the administrators: who they are, and how they come in."`
	Create     adminCreateCommand     `cmd:"" help:"Make a local administrator, and print the address at which they choose a password."`
	Role       adminRoleCommand       `cmd:"" help:"Give somebody another role, or none."`
	Exempt     adminExemptCommand     `cmd:"" help:"Exempt somebody until a day: from single sign-on, or from what a directory sync changes."`
	Exemptions adminExemptionsCommand `cmd:"" help:"List who is exempt: why, by whom, until when."`
	Set        adminSetCommand        `cmd:"" help:"Enforce single sign-on, or shut the back door."`
	Unlock     adminUnlockCommand     `cmd:"" help:"Print an address that lets a local person in, whatever else is broken."`
}

// byServer is the author of what is done on the server's command line: who can
// read the database and its keys there can do anything.
func (p *program) byServer(reason string) store.Author {
	return store.Author{Role: roles.Owner, Who: whoami(), Reason: reason, Now: p.clock()}
}

type adminListCommand struct{ settings }

func (c adminListCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	list, err := h.store.Administrators(p.ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.stdout, "There is no administrator yet. idms serve prints an address for the first one; idms admin create NAME --email ADDRESS makes one.")
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ROLE\tUSERNAME\tTHROUGH\tLAST LOGIN\tSTATE")
	for _, one := range list {
		seen := "never"
		if !one.Account.LastSeen.IsZero() {
			seen = one.Account.LastSeen.Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%q\t%s\t%s\t%s\n", one.Role, one.Account.Username, one.Record, seen, adminState(one))
	}
	return table.Flush()
}

func adminState(one store.Administrator) string {
	enabled := one.Account.State == "" || one.Account.State == users.Enabled
	switch {
	case !one.Able && one.Local && enabled:
		return "no password yet"
	case !one.Able:
		return "cannot log in"
	case one.SecondFactor:
		return "password and app"
	case one.Local:
		return "password"
	}
	return "ok"
}

type adminCreateCommand struct {
	settings
	Username string `arg:"" help:"Username, without blanks."`
	Email    string `required:"" help:"E-mail address." placeholder:"ADDRESS"`
	Role     string `enum:"owner,editor,reader,none" default:"owner" help:"owner, editor or reader; none for somebody who is to be exempt."`
	Reason   string `help:"For the audit trail."`
	publicAddress
	mailing
}

// mailing has an address sent to its person.
type mailing struct {
	Mail bool `help:"Send the address to the person too, through the mail server of the configuration."`
}

// sender is what an address is sent through, if that is asked for: nothing has
// happened yet when there is none.
func (m mailing) sender(h *house) (*mail.Sender, error) {
	if !m.Mail {
		return nil, nil
	}
	letters, err := h.letters(h.config)
	if err == nil && !letters.Ready() {
		err = fault.New(fault.Invalid, "--mail: there is no mail server. Set mail.host, or leave --mail out and hand the address over.")
	}
	return letters, err
}

// publicAddress is where the addresses lead that are printed for people.
type publicAddress struct {
	BaseURL string `help:"Public address of the service, when the configuration does not say it." placeholder:"URL"`
}

// settings are those that take the place of the configuration's.
func (a publicAddress) settings() map[string]any {
	if a.BaseURL == "" {
		return nil
	}
	return map[string]any{"base_urls": []string{a.BaseURL}}
}

func (c adminCreateCommand) Run(p *program) error {
	profile := users.Profile{Username: c.Username, Email: c.Email}
	if err := profile.CheckLocal().Err(); err != nil {
		return err
	}
	h, err := c.make(p, c.publicAddress)
	if err != nil {
		return err
	}
	defer h.Close()
	letters, err := c.sender(h)
	if err != nil {
		return err
	}
	by := p.byServer(c.Reason)
	id, err := h.store.CreateLocal(p.ctx, profile, roleOf(c.Role), by)
	if err != nil {
		return err
	}
	return h.giveAddress(p, letters, login.AddressLetter{To: users.Account{ID: id, Profile: profile}, Made: true}, by)
}

type adminUnlockCommand struct {
	settings
	Username     string `arg:"" help:"Username of a local person."`
	SecondFactor bool   `name:"without-second-factor" help:"Take the authenticator app, the passkeys and the recovery codes away, which are lost."`
	Reason       string `help:"For the audit trail."`
	publicAddress
	mailing
}

func (c adminUnlockCommand) Run(p *program) error {
	cfg, err := c.load(p, c.publicAddress.settings())
	if err != nil {
		return err
	}
	if err := existing(cfg); err != nil {
		return err
	}
	h, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		return err
	}
	defer h.Close()
	letters, err := c.sender(h)
	if err != nil {
		return err
	}
	who, err := h.local(p, c.Username)
	if err != nil {
		return err
	}
	by := p.byServer(c.Reason)
	if who.Account.State == users.Blocked {
		if err := h.store.Unblock(p.ctx, who.Account.ID, by); err != nil {
			return err
		}
	}
	if c.SecondFactor {
		if err := h.store.RemoveSecondFactors(p.ctx, who.Account.ID, by); err != nil {
			return err
		}
	}
	return h.giveAddress(p, letters, login.AddressLetter{To: who.Account}, by)
}

// local is the local person of a username, or fault.NotFound.
func (h *house) local(p *program, username string) (store.Credential, error) {
	who, err := h.store.Credential(p.ctx, username)
	if fault.KindOf(err) == fault.NotFound {
		err = fault.New(fault.NotFound, "There is no local person %q. Who comes through an identity provider has no password here.", username)
	}
	return who, err
}

// giveAddress makes a one-time address, prints it, and sends it where there are
// letters. One that was not sent is good all the same, and ends with exit code 1.
func (h *house) giveAddress(p *program, letters *mail.Sender, letter login.AddressLetter, by store.Author) error {
	token, err := h.flow.PasswordAddress(p.ctx, letter.To.ID, by)
	if err != nil {
		return err
	}
	letter.Address, letter.Ends, letter.Portal = h.config.Bases()[0]+web.ChoosePath(token), by.Now.Add(login.PasswordAddressLasts), h.config.PortalName
	_, err = fmt.Fprintf(p.stdout, "Open this address within a day to choose a password. It works once, and logs in whoever has it:\n\n  %s\n\n", letter.Address)
	if err != nil || !letters.Ready() {
		return err
	}
	err = h.flow.MailAddress(p.ctx, letters, letter, by)
	if err != nil && fault.KindOf(err) != fault.Internal {
		return fault.Hide(err, fault.Upstream, "The address is good, but it was not mailed.")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "It was sent to %s.\n", letter.To.Email)
	return err
}

// roleOf is a role as it is typed.
func roleOf(typed string) roles.Role {
	if typed == "none" {
		return roles.None
	}
	return roles.Role(typed)
}

type adminRoleCommand struct {
	settings
	Username string `arg:"" help:"Username."`
	Role     string `arg:"" enum:"owner,editor,reader,none" help:"owner, editor, reader or none."`
	Record   string `default:"local" help:"Record through which they come; local is that of people with a password."`
	Reason   string `help:"For the audit trail."`
}

func (c adminRoleCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	id, err := h.store.UserID(p.ctx, c.Record, c.Username)
	if err != nil {
		return err
	}
	if err := h.store.SetRole(p.ctx, id, roleOf(c.Role), p.byServer(c.Reason)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%q: %s\n", c.Username, c.Role)
	return err
}

// make opens the service's database, and makes it when it is not there yet: the
// first administrator may be made before the service has ever run.
func (s settings) make(p *program, at publicAddress) (*house, error) {
	cfg, err := s.load(p, at.settings())
	if err != nil {
		return nil, err
	}
	return p.open(cfg, newLog(p.stderr, cfg))
}

// invite tells in the log where the first owner is made, as long as there is
// none. The line is the one secret that the log ever holds: it works once, for an
// hour, and never where somebody can administer already.
func (h *house) invite(ctx context.Context) error {
	token, err := h.flow.FirstAddress(ctx)
	if err != nil || token == "" {
		return err
	}
	h.log.Warn("nobody administers idms yet; open this address within an hour to become its first owner",
		"open", h.config.Bases()[0]+web.ChoosePath(token))
	return nil
}

type adminExemptCommand struct {
	settings
	Username string `arg:"" help:"Username."`
	Record   string `default:"local" help:"Record through which they come; local is that of people with a password."`
	Until    string `help:"The last day of the exemption, as 2026-12-31, in UTC." placeholder:"DAY"`
	End      bool   `help:"Take the exemption back."`
	Reason   string `help:"Why; for whoever looks at it later." placeholder:"TEXT"`
}

func (c adminExemptCommand) Run(p *program) error {
	if (c.Until == "") == !c.End {
		return fault.New(fault.Invalid, "Give either --until DAY or --end.")
	}
	if !c.End && c.Reason == "" {
		return fault.New(fault.Invalid, "Give --reason: an exemption that nobody can explain is not one.")
	}
	var ends time.Time
	if !c.End {
		day, err := time.Parse(time.DateOnly, c.Until)
		if err != nil {
			return fault.New(fault.Invalid, "Write the day as 2026-12-31, not %q.", c.Until)
		}
		if ends = day.AddDate(0, 0, 1); !ends.After(p.clock()) {
			return fault.New(fault.Invalid, "%s is over. Choose a day that is still to come.", c.Until)
		}
	}
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	id, err := h.person(p, c.Record, c.Username)
	if err != nil {
		return err
	}
	by, said := p.byServer(c.Reason), fmt.Sprintf("%q: exempt up to and including %s", c.Username, c.Until)
	if c.End {
		said = fmt.Sprintf("%q: not exempt", c.Username)
		err = h.store.EndExemption(p.ctx, id, by)
	} else {
		err = h.store.Exempt(p.ctx, id, c.Reason, ends, by)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, said)
	return err
}

// person is the account of somebody by record and username.
func (h *house) person(p *program, record, username string) (id string, err error) {
	if record == idms.LocalKey {
		who, err := h.local(p, username)
		return who.Account.ID, err
	}
	return h.store.AccountID(p.ctx, record, username)
}

type adminExemptionsCommand struct{ settings }

func (c adminExemptionsCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	list, err := h.store.Exemptions(p.ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.stdout, "Nobody is exempt.")
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "USERNAME\tTHROUGH\tSTATE\tUNTIL\tBY\tREASON")
	for _, one := range list {
		state := "exempt"
		if !p.clock().Before(one.Ends) {
			state = "ended"
		}
		fmt.Fprintf(table, "%q\t%s\t%s\t%s\t%s\t%q\n", one.Account.Username, one.Record.Key, state, told(one.Ends), clean(one.By), one.Reason)
	}
	return table.Flush()
}

type adminSetCommand struct {
	settings
	SingleSignOn string `enum:"enforced,optional," default:"" help:"enforced or optional." placeholder:"WAY"`
	BackDoor     string `enum:"open,shut," default:"" help:"open or shut." placeholder:"WAY"`
	Reason       string `help:"For the audit trail."`
}

func (c adminSetCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	now, err := h.store.Settings(p.ctx)
	if err != nil {
		return err
	}
	if c.SingleSignOn != "" {
		now.Enforced = c.SingleSignOn == "enforced"
	}
	if c.BackDoor != "" {
		now.DoorShut = c.BackDoor == "shut"
	}
	if err := h.store.SetSettings(p.ctx, now, p.byServer(c.Reason)); err != nil {
		return err
	}
	way, back := "optional", "open"
	if now.Enforced {
		way = "enforced"
	}
	if now.DoorShut {
		back = "shut"
	}
	_, err = fmt.Fprintf(p.stdout, "single sign-on: %s\nback door: %s\n", way, back)
	return err
}
