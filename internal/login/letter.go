package login

import (
	"context"
	"fmt"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/mail"
	"idms/internal/store"
	"idms/internal/users"
)

// AddressLetter is a one-time address on its way to its person.
type AddressLetter struct {
	To      users.Account // a local person
	Made    bool          // a moment ago; otherwise they were there before
	Address string        // the whole of it
	Ends    time.Time
	Portal  string // what the configuration calls it; owners may have adjusted that
}

// MailAddress sends a one-time address to its person, which the audit trail says
// once the mail server has taken the letter. Why it was not sent is mail's error, but
// never fault.Internal: the address is good all the same, and whoever made it shows it
// too.
func (f *Flow) MailAddress(ctx context.Context, letters *mail.Sender, one AddressLetter, by store.Author) error {
	one.Portal = f.Store.Adjusted(ctx).Text("portal_name", one.Portal)
	if err := letters.Send(ctx, one.letter(by.Who)); err != nil {
		if fault.KindOf(err) == fault.Internal {
			err = fault.Hide(err, fault.Upstream, "The letter could not be counted, so it was not sent. Try again.")
		}
		return err
	}
	return f.Store.Audit(ctx, audit.Event{At: by.Now, Action: audit.PasswordAddressSent, Who: by.Who, Record: idms.LocalKey, User: one.To.ID})
}

// letter is what the person reads. by is who made the address: what a token or the
// command line is called says nothing to them.
func (one AddressLetter) letter(by string) mail.Letter {
	whom := "the person named above"
	if strings.HasPrefix(by, "token: ") || strings.HasPrefix(by, "command line") {
		by, whom = "An administrator", "your administrators"
	}
	what := "%s lets you choose a new password for %s. Your username there is %s."
	if one.Made {
		what = "%s has made a login for you at %s. Your username there is %s."
	}
	return mail.Letter{To: one.To.Email, Subject: "Choose your password for " + one.Portal, Text: fmt.Sprintf("Hello,\n\n"+what+`

Open this address and choose a password, before %s:

  %s

It works once, and lets in whoever has it: pass it on to nobody.
If you do not know what this is about, ask %s, and leave
the address alone.
`, by, one.Portal, one.To.Username, one.Ends.UTC().Format("2 January 2006, 15:04 MST"), one.Address, whom)}
}

// MailForgotten sends the address at which somebody chooses another password to them,
// which the audit trail says once the mail server has taken the letter. portal is what
// the configuration calls it; owners may have adjusted that. Why it was not sent is
// mail's error.
func (f *Flow) MailForgotten(ctx context.Context, letters *mail.Sender, made Forgotten, address, portal string) error {
	if err := letters.Send(ctx, made.letter(address, f.Store.Adjusted(ctx).Text("portal_name", portal))); err != nil {
		return err
	}
	return f.Store.Audit(ctx, audit.Event{At: f.Clock(), Action: audit.PasswordAddressSent, Record: idms.LocalKey, User: made.Person.ID})
}

// letter is what a person reads who, as somebody at the door says, has forgotten their
// password.
func (made Forgotten) letter(address, portal string) mail.Letter {
	return mail.Letter{To: made.Person.Email, Subject: "A new password for " + portal, Text: fmt.Sprintf(`Hello,

somebody, most likely you, has forgotten the password for %s.
Your username there is %s.

Open this address and choose a new password, before %s:

  %s

It works once. Then log in with the new password, and with your second factor
if you have one. Whoever has this letter could change your password: pass it on
to nobody.
If it was not you, leave the address alone and nothing changes.
`, portal, made.Person.Username, made.Ends.UTC().Format("2 January 2006, 15:04 MST"), address)}
}
