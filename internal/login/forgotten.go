package login

import (
	"context"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/users"
)

// Forgotten is a one-time address for somebody who has forgotten their password: to
// be sent to them, and shown to nobody.
type Forgotten struct {
	Person users.Account
	Token  string
	Ends   time.Time
}

// MostForgotten is how many of them one person gets while the first one lasts.
const MostForgotten = store.MaxForgotten

// Forget makes a one-time address for the local person of a username, because
// somebody at the door says that they are this person and have forgotten their
// password. ok is false when there is none to send: nobody has this username, they
// would not be let in with a password (S50 to S52), or they have got MostForgotten of
// them within the hour. Which of these it is must not be told to whoever asks, not even
// by how long it takes. client is the address of their browser.
//
// The address changes the password and lets nobody in: the door asks for it with all
// that it asks for else.
func (f *Flow) Forget(ctx context.Context, username, client string) (made Forgotten, ok bool, err error) {
	who, err := f.Store.Credential(ctx, username)
	if fault.KindOf(err) == fault.NotFound {
		return Forgotten{}, false, nil
	}
	if err != nil {
		return Forgotten{}, false, err
	}
	now := f.Clock()
	settings, err := f.Store.Settings(ctx)
	if err != nil || !mayForget(who, settings, now) {
		return Forgotten{}, false, err
	}
	token, hash := session.NewToken()
	made = Forgotten{Person: who.Account, Token: token, Ends: now.Add(ForgottenAddressLasts)}
	ok, err = f.Store.KeepForgotten(ctx, who.Account.ID, made.Ends, hash, audit.Event{At: now, Action: audit.PasswordForgotten,
		Address: client, Record: idms.LocalKey, User: who.Account.ID, Changes: []audit.Change{{Field: "ends", To: made.Ends.UTC().Format(time.RFC3339)}}})
	return made, ok, err
}

// mayForget is true of who may choose another password because of a letter to them: they
// have one, the door would let them in with it now, and whoever reads their letters
// would not administer idms by that alone.
func mayForget(who store.Credential, settings store.Settings, now time.Time) bool {
	switch {
	case settings.DoorShut || who.PasswordHash == "" || !enabled(who.Account):
		return false
	case who.Role != roles.None:
		return who.SecondFactor()
	}
	return !settings.Enforced || exempt(who, now)
}

// stillForgets looks again when the address is used: an hour later much may be
// different.
func (f *Flow) stillForgets(ctx context.Context, who store.Credential) error {
	settings, err := f.Store.Settings(ctx)
	if err == nil && !mayForget(who, settings, f.Clock()) {
		err = errNoInvitation
	}
	return err
}
