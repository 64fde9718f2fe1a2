package login

import (
	"context"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/session"
	"idms/internal/store"
)

// Passkeys of local people. docs/decisions/0021 says what one counts as.

// Ceremony is what a browser needs to make or to use a passkey.
type Ceremony struct {
	Options []byte // JSON for navigator.credentials
	Ticket  Ticket // binds the answer to this browser
}

// Touch is a browser's answer to a ceremony.
type Touch struct {
	Token   string     // of the ceremony's ticket
	Answer  []byte     // JSON of the credential
	Party   door.Party // the address that the browser was at
	Address string     // of the browser, for the audit trail
}

var (
	errNoParty      = fault.New(fault.Conflict, "There are no passkeys at this address: they need a host name, and this is a number.")
	errPasskeyStays = fault.New(fault.Denied, "This passkey does not let you in. Try another one, or log in with your password.")
	errProveFirst   = fault.New(fault.Denied, "You have a second factor, and this session was opened without it. Log in with it first. If it is lost, whoever runs this service can take it away.")
	errProveShut    = fault.New(fault.Denied, "You have a second factor, and this session was opened without it. The door where you would log in with it is shut: on the server, idms admin set --back-door open opens it, and idms admin unlock --without-second-factor takes a lost one away.")
	errNoFactor     = fault.New(fault.Conflict, "Set up a passkey or an authenticator app first: recovery codes stand in for one of these.")
)

// ceremony keeps a challenge for a browser. The tokens of sessions serve for its
// cookie too: random, and kept as a hash.
func (f *Flow) ceremony(purpose store.ChallengePurpose, userID string, now time.Time) (Ticket, store.Challenge, []byte) {
	token, hash := session.NewToken()
	kept := store.Challenge{Purpose: purpose, UserID: userID, Expires: now.Add(store.ChallengeLasts)}
	return Ticket{Value: token, Expires: kept.Expires}, kept, hash
}

// answered uses the challenge of a touch up, whatever becomes of its answer.
func (f *Flow) answered(ctx context.Context, touch Touch) (store.Challenge, error) {
	hash, ok := session.Hash(touch.Token)
	if !ok {
		return store.Challenge{}, errNoChallenge
	}
	return f.Store.UseChallenge(ctx, hash, f.Clock())
}

var errNoChallenge = fault.New(fault.NotFound, "The time for this is over, or it was done already. Begin again.")

// AskForPasskey begins a login by a passkey alone. Nothing of it depends on who asks.
func (f *Flow) AskForPasskey(ctx context.Context, party door.Party) (Ceremony, error) {
	if !party.Known() {
		return Ceremony{}, errNoParty
	}
	ticket, kept, hash := f.ceremony(store.LogIn, "", f.Clock())
	options, err := party.Asking(ticket.Value, nil)
	if err != nil {
		return Ceremony{}, err
	}
	return Ceremony{options, ticket}, f.Store.KeepChallenge(ctx, kept, hash)
}

// KnockWithPasskey lets a local person in by a passkey: alone, which counts as both
// factors since their device has verified them, or after their password. An answer
// counts once, in the browser that was asked; otherwise it is fault.NotFound. What
// does not let in is fault.Denied.
//
// Wrong answers slow nothing down, since no signature can be guessed, and failures
// with a password do not slow passkeys: so nobody keeps somebody out of both.
func (f *Flow) KnockWithPasskey(ctx context.Context, touch Touch) (Ticket, error) {
	ticket, err := f.knockWithPasskey(ctx, touch)
	f.countKnock("passkey", err)
	return ticket, err
}

func (f *Flow) knockWithPasskey(ctx context.Context, touch Touch) (Ticket, error) {
	now := f.Clock()
	settings, err := f.Store.Settings(ctx)
	if err != nil {
		return Ticket{}, err
	}
	if settings.DoorShut {
		return Ticket{}, errDoorShut
	}
	asked, err := f.answered(ctx, touch)
	if err != nil {
		return Ticket{}, err
	}
	claim, err := door.ReadClaim(touch.Answer)
	if err != nil || !touch.Party.Known() || (asked.Purpose != store.LogIn && asked.Purpose != store.AfterPassword) {
		return Ticket{}, errPasskeyStays
	}
	who, passkey, err := f.Store.HolderOf(ctx, claim.Credential)
	if fault.KindOf(err) == fault.NotFound {
		return Ticket{}, errPasskeyStays
	}
	if err != nil {
		return Ticket{}, err
	}
	alone := asked.Purpose == store.LogIn
	if !alone && asked.UserID != who.Account.ID {
		return Ticket{}, errPasskeyStays
	}
	proof, err := touch.Party.Proves(claim, touch.Token, keyholder(who, touch.Party), alone)
	if err != nil || !enabled(who.Account) {
		return Ticket{}, errPasskeyStays
	}
	if proof.Fell {
		return Ticket{}, f.copied(ctx, who, passkey, touch, now)
	}
	if settings.Enforced && who.Role == roles.None && !exempt(who, now) {
		return Ticket{}, errNotExempt
	}
	var ticket Ticket
	err = f.Store.InTx(ctx, func(tx *store.Tx) error {
		if used, err := tx.UsePasskey(passkey.ID, proof.Counter, now); err != nil || !used {
			return orStays(err)
		}
		why := "You logged in with a passkey."
		if !alone {
			why = "You logged in with a password and a passkey."
			// Those before the login; where there are others by now, they go on counting.
			if _, err := tx.ForgetFailures(who.Account.ID, who.Failures); err != nil {
				return err
			}
		}
		changes := []audit.Change{{Field: "passkey", To: passkey.ID}}
		if err := tx.Audit(entered(who, touch.Address, changes, now)); err != nil {
			return err
		}
		ticket, err = f.openLocal(tx, who.Account, console.Full, why, now)
		return err
	})
	if err == errPasskeyStays { // another proof with this count came first, or the passkey was removed
		return Ticket{}, f.copied(ctx, who, passkey, touch, now)
	}
	return ticket, err
}

func orStays(err error) error {
	if err != nil {
		return err
	}
	return errPasskeyStays
}

// keyholder is a local person as the party knows them.
func keyholder(who store.Credential, party door.Party) door.Keyholder {
	return door.Keyholder{ID: who.Account.ID, Username: who.Account.Username, Passkeys: who.PasskeysAt(party.Host)}
}

// copied refuses a passkey whose counter did not rise: its private key may be in two
// devices (WebAuthn Level 2, 6.1.1), one of which is not its person's. Only who has
// that key can make this event.
func (f *Flow) copied(ctx context.Context, who store.Credential, passkey store.Passkey, touch Touch, now time.Time) error {
	err := f.Store.Audit(ctx, audit.Event{At: now, Action: audit.PasskeyCopied, Alarm: true, Address: touch.Address, Record: idms.LocalKey, User: who.Account.ID,
		Reason: "its counter of signatures did not rise: another device may have a copy", Changes: []audit.Change{{Field: "passkey", From: passkey.ID}}})
	return orStays(err)
}

// entered tells the audit trail of a login at the door: an administrator's is an
// alarm (S52).
func entered(who store.Credential, address string, changes []audit.Change, now time.Time) audit.Event {
	event := audit.Event{At: now, Action: audit.BackDoorUsed, Alarm: true, Address: address,
		Record: idms.LocalKey, User: who.Account.ID, Changes: changes}
	if who.Role == roles.None {
		event.Action, event.Alarm = audit.LoggedIn, false
	}
	return event
}

// countKnock counts a try at the door that came to its end.
func (f *Flow) countKnock(way string, err error) {
	switch {
	case err == nil:
		f.Metrics.Knocked(way, "admitted")
	case fault.KindOf(err) == fault.Denied || fault.KindOf(err) == fault.NotFound:
		f.Metrics.Knocked(way, "refused")
	}
}

// OfferPasskey begins making a passkey for a local person who proves that they know
// their password; otherwise fault.Denied, as for a session that was opened without
// the second factor that they have. With problems nothing has happened.
func (f *Flow) OfferPasskey(ctx context.Context, token, password, name string, party door.Party) (Ceremony, fault.Problems, error) {
	has, err := f.mayChangeFactors(ctx, token)
	if err != nil {
		return Ceremony{}, nil, err
	}
	if !party.Known() {
		return Ceremony{}, nil, errNoParty
	}
	if problems := door.CheckPasskeyName(name); problems.Any() {
		return Ceremony{}, problems, nil
	}
	now := f.Clock()
	if err := f.provesPassword(ctx, has, password, true, now); err != nil {
		return Ceremony{}, nil, err
	}
	ticket, kept, hash := f.ceremony(store.MakePasskey, has.Account.ID, now)
	options, err := party.Making(keyholder(has, party), ticket.Value)
	if err != nil {
		return Ceremony{}, nil, err
	}
	return Ceremony{options, ticket}, nil, f.Store.KeepChallenge(ctx, kept, hash)
}

// AddPasskey keeps a passkey that a browser has made for its person. It returns
// recovery codes, to be shown once, to somebody who had none. An answer counts once,
// in the browser that was asked (fault.NotFound); one that is not right is
// fault.Invalid.
func (f *Flow) AddPasskey(ctx context.Context, token, name string, touch Touch) (codes []string, err error) {
	has, err := f.mayChangeFactors(ctx, token)
	if err != nil {
		return nil, err
	}
	asked, err := f.answered(ctx, touch)
	if err != nil || asked.Purpose != store.MakePasskey || asked.UserID != has.Account.ID {
		return nil, orNoChallenge(err)
	}
	if problems := door.CheckPasskeyName(name); problems.Any() {
		return nil, problems.Err()
	}
	if !touch.Party.Known() {
		return nil, errNoParty
	}
	made, err := touch.Party.Made(keyholder(has, touch.Party), touch.Token, touch.Answer)
	if err != nil {
		return nil, fault.Hide(err, fault.Invalid, "Your device made no passkey that could be kept here. Try again, or use another device.")
	}
	codes, hashes := door.NewRecoveryCodes()
	kept, err := f.Store.AddPasskey(ctx, has.Account.ID, store.Passkey{Passkey: made, Host: touch.Party.Host, Name: strings.TrimSpace(name)}, hashes,
		store.Author{Now: f.Clock()})
	if err != nil || !kept {
		return nil, err
	}
	return codes, nil
}

func orNoChallenge(err error) error {
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	return errNoChallenge
}

// RemovePasskey takes a passkey away from a local person who proves that they know
// their password; otherwise fault.Denied. What is not theirs is fault.NotFound.
func (f *Flow) RemovePasskey(ctx context.Context, token, password, id string) error {
	has, err := f.mayChangeFactors(ctx, token)
	if err != nil {
		return err
	}
	now := f.Clock()
	if err := f.provesPassword(ctx, has, password, true, now); err != nil {
		return err
	}
	return f.Store.RemovePasskey(ctx, has.Account.ID, id, store.Author{Now: now})
}

// NewRecoveryCodes makes codes in the place of the former ones for a local person who
// proves that they know their password; otherwise fault.Denied. They are to be shown
// once. Without a second factor it is fault.Conflict.
func (f *Flow) NewRecoveryCodes(ctx context.Context, token, password string) (codes []string, err error) {
	has, err := f.mayChangeFactors(ctx, token)
	if err != nil {
		return nil, err
	}
	if !has.SecondFactor() {
		return nil, errNoFactor
	}
	now := f.Clock()
	if err := f.provesPassword(ctx, has, password, true, now); err != nil {
		return nil, err
	}
	codes, hashes := door.NewRecoveryCodes()
	return codes, f.Store.SetRecoveries(ctx, has.Account.ID, hashes, store.Author{Now: now})
}

// ChangePassword gives a local person who proves that they know their password
// another one; otherwise fault.Denied. Their other sessions end, and what one-time
// addresses they had. address is of the browser. With problems nothing has happened.
func (f *Flow) ChangePassword(ctx context.Context, token, password, chosen, address string) (fault.Problems, error) {
	visit, has, err := f.local(ctx, token)
	if err != nil {
		return nil, err
	}
	problems := door.CheckPassword(chosen, has.Account.Username)
	for i := range problems {
		problems[i].Field = "chosen"
	}
	if problems.Any() {
		return problems, nil
	}
	now := f.Clock()
	if err := f.provesPassword(ctx, has, password, provedAll(visit.Session, has), now); err != nil {
		return nil, err
	}
	kept, err := f.passwords.Hash(ctx, chosen)
	if err != nil {
		return nil, err
	}
	return nil, f.Store.ChangePassword(ctx, has.Account.ID, kept, visit.Session.ID, store.Author{Now: now, Address: address})
}

// EndOther ends another session of the same person, by the ID that may be shown.
func (f *Flow) EndOther(ctx context.Context, token, id string) error {
	visit, err := f.visit(ctx, token)
	if err != nil {
		return err
	}
	return f.Store.EndOwnSession(ctx, visit.Session, id, f.Clock())
}

// mayChangeFactors is the local person whose session this is, or fault.NotFound. Who
// has a second factor changes what they have in a session that was opened with one:
// otherwise who came by a one-time address that was not meant for them would only
// have to take it away.
func (f *Flow) mayChangeFactors(ctx context.Context, token string) (store.Credential, error) {
	visit, has, err := f.local(ctx, token)
	if err == nil && !provedAll(visit.Session, has) {
		err = errProveFirst
	}
	return has, err
}

// MayAdminister is nil for a visitor whose session may use their role: of a local
// person who has a second factor, one that was opened with it (S52). Otherwise it is
// fault.Denied: whoever got hold of a one-time address must not get to make themselves
// an owner.
func (f *Flow) MayAdminister(ctx context.Context, who Visitor) error {
	if !who.Local || who.Session.Level == console.Full {
		return nil
	}
	has, err := f.Store.CredentialOf(ctx, who.Account.ID)
	switch {
	case err != nil || provedAll(who.Session, has):
		return err
	case f.Store.Current(ctx).DoorShut:
		return errProveShut
	}
	return errProveFirst
}

// provedAll is true of a session that was opened with the second factor, where its
// person has one.
func provedAll(of session.Session, has store.Credential) bool {
	return !has.SecondFactor() || of.Level == console.Full
}
