package login

import (
	"cmp"
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
	"idms/internal/users"
)

// The door of local people: passwords and second factors instead of an identity
// provider (S50 to S52).

// Knock is what somebody types at the door.
type Knock struct {
	Username string
	Password string
	Code     string     // of the authenticator app, or a recovery code; "" without one
	Address  string     // of the browser, for the audit trail
	Party    door.Party // at which the browser is, for passkeys
}

// errStaysOut is the one answer to everything that does not let in: whether the
// name, the password, the code or the patience was wrong is nobody's business.
var errStaysOut = fault.New(fault.Denied, "This does not let you in. Look at username, password and code. After several attempts, wait a quarter of an hour before the next one.")

var errDoorShut = fault.New(fault.Denied, "Logging in with a password is switched off here. On the server, idms admin unlock gives you an address that lets you in.")

var errNotExempt = fault.New(fault.Denied, "Log in with your company's login. Passwords are for administrators, and for people who are exempt from it.")

// Opened is how a knock ended that was right.
type Opened struct {
	Ticket // of the session
	// Second is what the browser is asked for after a right password, before there is
	// a session: a passkey. It is nil where nothing else is needed.
	Second *Ceremony
}

// Knock lets a local person in by password and, where they have set one up, by a
// second factor. Who has a passkey and types no code is asked for it next. What does
// not let in is fault.Denied, with one sentence for every reason that a stranger
// could try out.
func (f *Flow) Knock(ctx context.Context, knock Knock) (Opened, error) {
	in, err := f.knock(ctx, knock)
	if in.Second == nil {
		f.countKnock("password", err)
	}
	return in, err
}

func (f *Flow) knock(ctx context.Context, knock Knock) (Opened, error) {
	now := f.Clock()
	settings, err := f.Store.Settings(ctx)
	if err != nil {
		return Opened{}, err
	}
	if settings.DoorShut {
		return Opened{}, errDoorShut
	}
	who, err := f.Store.Credential(ctx, knock.Username)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Opened{}, err
	}
	// Compared also when it cannot count, so that all answers take as long.
	right, err := f.passwords.Match(ctx, knock.Password, who.PasswordHash)
	if err != nil {
		return Opened{}, err
	}
	if who.Account.ID == "" || who.PasswordHash == "" || now.Before(who.Failed.Add(door.Wait(who.Failures))) {
		return Opened{}, errStaysOut
	}
	second := secondFactor(who, knock, now)
	if !right || !second.right || !enabled(who.Account) {
		return Opened{}, f.staysOut(ctx, who, knock, now)
	}
	if settings.Enforced && who.Role == roles.None && !exempt(who, now) {
		return Opened{}, errNotExempt // whoever reads this has proved who they are
	}

	var in Opened
	err = f.Store.InTx(ctx, func(tx *store.Tx) error {
		if used, err := second.use(tx, who.Account.ID); err != nil || !used {
			return cmp.Or(err, errStaysOut)
		}
		// Before a passkey has answered, nothing is forgotten: wrong codes would be free
		// to whoever has the password and asks for a passkey after each few.
		settle := tx.ForgetFailures
		if len(second.passkeys) > 0 {
			settle = tx.SameFailures
		}
		if alone, err := settle(who.Account.ID, who.Failures); err != nil || !alone {
			return cmp.Or(err, errStaysOut)
		}
		if len(second.passkeys) > 0 {
			in.Second, err = f.askAfterPassword(tx, who, second.passkeys, knock.Party, now)
			return err
		}
		if err := tx.Audit(entered(who, knock.Address, second.changes(), now)); err != nil {
			return err
		}
		level, why := console.Restricted, byPasswordAlone
		if second.asked {
			level, why = console.Full, "You logged in with a password and a second factor."
		}
		in.Ticket, err = f.openLocal(tx, who.Account, level, why, now)
		return err
	})
	if err == errStaysOut { // the code was used already, or is nobody's, or there were other attempts meanwhile
		return Opened{}, f.staysOut(ctx, who, knock, now)
	}
	if err != nil {
		return Opened{}, err
	}
	return in, nil
}

// askAfterPassword asks whose password was right for one of their passkeys.
func (f *Flow) askAfterPassword(tx *store.Tx, who store.Credential, passkeys []door.Passkey, party door.Party, now time.Time) (*Ceremony, error) {
	ticket, kept, hash := f.ceremony(store.AfterPassword, who.Account.ID, now)
	options, err := party.Asking(ticket.Value, passkeys)
	if err != nil {
		return nil, err
	}
	return &Ceremony{options, ticket}, tx.KeepChallenge(kept, hash)
}

func enabled(account users.Account) bool {
	return account.State == "" || account.State == users.Enabled
}

// exempt is S51: an exemption that has ended is none.
func exempt(who store.Credential, now time.Time) bool {
	return who.Exempt != nil && now.Before(who.Exempt.Ends)
}

// staysOut counts a failure. The audit trail hears of it once, when the account
// begins to be slow: otherwise anybody could fill it.
func (f *Flow) staysOut(ctx context.Context, who store.Credential, knock Knock, now time.Time) error {
	failures, err := f.Store.NoteFailure(ctx, who.Account.ID, now)
	if err != nil {
		return err
	}
	if door.Wait(failures-1) == 0 && door.Wait(failures) > 0 {
		err := f.Store.Audit(ctx, audit.Event{At: now, Action: audit.BackDoorRefused, Alarm: true, Address: knock.Address,
			Record: idms.LocalKey, User: who.Account.ID, Reason: "several wrong passwords or codes in a row; further attempts have to wait"})
		if err != nil {
			return err
		}
	}
	return errStaysOut
}

// factor is the second one: a code of the app, a recovery code, or a passkey that is
// asked for next.
type factor struct {
	asked    bool // the person has set one up
	right    bool
	step     int64  // of a code of the app
	recovery []byte // hash of a recovery code
	passkeys []door.Passkey
}

func secondFactor(who store.Credential, knock Knock, now time.Time) factor {
	if !who.SecondFactor() {
		return factor{right: true}
	}
	if who.Authenticator != "" {
		if step, ok := door.Code(knock.Code, who.Authenticator, who.Step, now); ok {
			return factor{asked: true, right: true, step: step}
		}
	}
	if hash, ok := door.RecoveryHash(knock.Code); ok {
		return factor{asked: true, right: true, recovery: hash} // whether it is one of theirs, use finds out
	}
	if here := who.PasskeysAt(knock.Party.Host); len(here) > 0 && strings.TrimSpace(knock.Code) == "" && knock.Party.Known() {
		return factor{asked: true, right: true, passkeys: here}
	}
	return factor{asked: true}
}

func (s factor) use(tx *store.Tx, userID string) (bool, error) {
	switch {
	case s.recovery != nil:
		return tx.UseRecovery(userID, s.recovery)
	case s.asked && len(s.passkeys) == 0:
		return tx.UseStep(userID, s.step)
	}
	return true, nil
}

// changes tell the audit trail what was used up.
func (s factor) changes() []audit.Change {
	if s.recovery == nil {
		return nil
	}
	return []audit.Change{{Field: "recovery_codes", From: "one more"}}
}

const byPasswordAlone = "You logged in with a password alone. With a passkey or an authenticator app it would be Full Access."

// openLocal opens a session of a local person. Who has proved themselves by a
// password alone is Restricted: a stolen one must not open cloud consoles; two
// factors give Full Access, and a passkey is both.
func (f *Flow) openLocal(tx *store.Tx, account users.Account, level console.Level, why string, now time.Time) (Ticket, error) {
	account.LastSeen = now
	if err := tx.UpdateUser(account); err != nil {
		return Ticket{}, err
	}
	token, hash := session.NewToken()
	opened := session.Session{
		ID: store.NewID(), UserID: account.ID, RecordID: account.RecordID, RecordKey: idms.LocalKey,
		Level: level, Why: why, Opened: now, Seen: now, Expires: now.Add(f.Times.adjusted(tx.Adjusted()).Session),
	}
	return Ticket{Value: token, Expires: opened.Expires}, tx.OpenSession(opened, hash)
}

// One-time addresses

// FirstAddress is the token of an address that makes the first owner, good for an
// hour, and "" when there is an owner who can log in. One made before counts no
// more.
func (f *Flow) FirstAddress(ctx context.Context) (token string, err error) {
	if has, err := f.Store.HasOwner(ctx); err != nil || has {
		return "", err
	}
	token, hash := session.NewToken()
	return token, f.Store.KeepOneTime(ctx, store.OneTime{
		Purpose: store.FirstOwner, MadeBy: "system", Expires: f.Clock().Add(FirstAddressLasts)}, hash)
}

// How long one-time addresses last.
const (
	FirstAddressLasts     = time.Hour
	PasswordAddressLasts  = 24 * time.Hour
	ForgottenAddressLasts = time.Hour
)

// PasswordAddress is the token of an address at which a local person chooses a
// password and is logged in: an invitation, a forgotten password, a lock-out. Who
// holds it is that person, so it is for owners to make (fault.Denied); of who is
// not local it is fault.NotFound.
func (f *Flow) PasswordAddress(ctx context.Context, userID string, by store.Author) (token string, err error) {
	if !by.Role.May(roles.Owner) {
		return "", fault.New(fault.Denied, "Only an owner may let somebody in with a one-time address.")
	}
	if _, err := f.Store.CredentialOf(ctx, userID); err != nil {
		return "", err
	}
	token, hash := session.NewToken()
	ends := by.Now.Add(PasswordAddressLasts)
	return token, f.Store.KeepOneTime(ctx, store.OneTime{Purpose: store.NewPassword, UserID: userID, MadeBy: by.Who, Expires: ends}, hash,
		audit.Event{At: by.Now, Action: audit.PasswordAddressMade, Who: by.Who, Reason: by.Reason, Record: idms.LocalKey, User: userID,
			Changes: []audit.Change{{Field: "ends", To: ends.UTC().Format(time.RFC3339)}}})
}

// Invited is who holds a one-time address.
type Invited struct {
	First     bool   // nobody yet: they become the first owner
	Forgotten bool   // they asked for it by themselves: they choose a password, and log in at the door
	Username  string // of somebody who is known
}

// Invited finds a one-time address without using it up, or fault.NotFound.
func (f *Flow) Invited(ctx context.Context, token string) (Invited, error) {
	hash, ok := session.Hash(token)
	if !ok {
		return Invited{}, errNoInvitation
	}
	address, err := f.Store.OneTime(ctx, hash, f.Clock())
	if err != nil {
		return Invited{}, err
	}
	if address.Purpose == store.FirstOwner {
		return Invited{First: true}, nil
	}
	who, err := f.Store.CredentialOf(ctx, address.UserID)
	if err == nil && !enabled(who.Account) {
		err = errNoInvitation
	}
	if err == nil && address.Purpose == store.Forgotten {
		err = f.stillForgets(ctx, who)
	}
	return Invited{Username: who.Account.Username, Forgotten: address.Purpose == store.Forgotten}, err
}

var errNoInvitation = fault.New(fault.NotFound, "This address has been used already, or its time is over. Ask for a new one.")

// Chosen is what somebody types at a one-time address.
type Chosen struct {
	Token    string
	Profile  users.Profile // of the first owner; otherwise not looked at
	Password string
	Address  string // of the browser, for the audit trail
}

// Choose keeps a password that was chosen at a one-time address, uses the address
// up, and logs its person in: who has the address is believed, whether or not the
// door is open. An address that somebody asked for by themself (Forgotten) logs nobody
// in: the ticket is the zero one. With problems nothing has happened.
func (f *Flow) Choose(ctx context.Context, chosen Chosen) (Ticket, fault.Problems, error) {
	invited, err := f.Invited(ctx, chosen.Token)
	if err != nil {
		return Ticket{}, nil, err
	}
	if invited.First {
		invited.Username = chosen.Profile.Username
	}
	problems := door.CheckPassword(chosen.Password, invited.Username)
	if invited.First {
		problems = append(chosen.Profile.CheckLocal(), problems...)
	}
	if problems.Any() {
		return Ticket{}, problems, nil
	}
	kept, err := f.passwords.Hash(ctx, chosen.Password)
	if err != nil {
		return Ticket{}, nil, err
	}
	hash, _ := session.Hash(chosen.Token)
	now := f.Clock()
	by := store.Author{Role: roles.Owner, Now: now, Reason: "a one-time address", Address: chosen.Address}
	var userID string
	switch {
	case invited.First:
		by.Who = chosen.Profile.Username
		userID, err = f.Store.ChooseFirstOwner(ctx, hash, chosen.Profile, kept, by)
	case invited.Forgotten:
		by.Reason = "a forgotten password"
		_, err = f.Store.ChoosePassword(ctx, store.Forgotten, hash, kept, by)
		return Ticket{}, nil, err
	default:
		userID, err = f.Store.ChoosePassword(ctx, store.NewPassword, hash, kept, by)
	}
	if err != nil {
		return Ticket{}, nil, err
	}
	who, err := f.Store.CredentialOf(ctx, userID)
	if err != nil {
		return Ticket{}, nil, err
	}
	var ticket Ticket
	err = f.Store.InTx(ctx, func(tx *store.Tx) error {
		event := entered(who, chosen.Address, nil, now)
		event.Reason = by.Reason
		if err := tx.Audit(event); err != nil {
			return err
		}
		ticket, err = f.openLocal(tx, who.Account, console.Restricted, byPasswordAlone, now)
		return err
	})
	f.countKnock("address", err)
	return ticket, nil, err
}

// Factors are what a local person has set up beside their password, and where they
// are logged in.
type Factors struct {
	Authenticator bool
	Recoveries    int // codes left
	Passkeys      []store.Passkey
	// Proved is false in a session that was opened without the second factor that the
	// person has: such a session changes none.
	Proved   bool
	Sessions []session.Session // the newest first, this one among them
}

// maxOwnSessions bounds how many sessions a person is shown.
const maxOwnSessions = 50

// Factors of a visitor who is a local person.
func (f *Flow) Factors(ctx context.Context, who Visitor) (Factors, error) {
	has, err := f.Store.CredentialOf(ctx, who.Account.ID)
	if err != nil {
		return Factors{}, err
	}
	open, _, err := f.Store.Sessions(ctx, store.SessionFilter{User: who.Account.ID}, f.Clock(), "", maxOwnSessions)
	factors := Factors{Authenticator: has.Authenticator != "", Recoveries: has.Recoveries, Passkeys: has.Passkeys,
		Proved: provedAll(who.Session, has)}
	for _, one := range open {
		factors.Sessions = append(factors.Sessions, one.Session)
	}
	return factors, err
}

// AddAuthenticator keeps the secret of an app that has proved itself with a code,
// and returns recovery codes to be shown once to somebody who had none. A code that is not right is
// fault.Invalid, a password that is not theirs fault.Denied: whoever found a
// session open must not be able to shut its person out. Who is not a local person
// is fault.NotFound.
func (f *Flow) AddAuthenticator(ctx context.Context, token, password, secret, code string) (codes []string, err error) {
	has, err := f.mayChangeFactors(ctx, token)
	if err != nil {
		return nil, err
	}
	if has.Authenticator != "" {
		return nil, fault.New(fault.Conflict, "You have set up an app already. Remove that one first.")
	}
	now := f.Clock()
	step, ok := door.Code(code, secret, 0, now)
	if !ok {
		return nil, fault.New(fault.Invalid, "This is not the code that the app shows for this secret. Scan it again, and type the six digits before they change.")
	}
	if err := f.provesPassword(ctx, has, password, true, now); err != nil {
		return nil, err
	}
	codes, hashes := door.NewRecoveryCodes()
	if has.Recoveries > 0 { // they stand in for this one too
		codes, hashes = nil, nil
	}
	return codes, f.Store.SetAuthenticator(ctx, has.Account.ID, secret, step, hashes, store.Author{Now: now})
}

// RemoveAuthenticator takes the app away from a local person who proves that they know
// their password; otherwise fault.Denied. The recovery codes go with the last second
// factor.
func (f *Flow) RemoveAuthenticator(ctx context.Context, token, password string) error {
	has, err := f.mayChangeFactors(ctx, token)
	if err != nil {
		return err
	}
	now := f.Clock()
	if err := f.provesPassword(ctx, has, password, true, now); err != nil {
		return err
	}
	return f.Store.SetAuthenticator(ctx, has.Account.ID, "", 0, nil, store.Author{Now: now})
}

// provesPassword is nil when the password is the person's, and nobody has failed
// with another one meanwhile. Wrong ones count as they do at the door; with whole, in a
// session that was opened with all that the person has, they are forgotten.
func (f *Flow) provesPassword(ctx context.Context, has store.Credential, password string, whole bool, now time.Time) error {
	if now.Before(has.Failed.Add(door.Wait(has.Failures))) {
		return errStaysOut
	}
	right, err := f.passwords.Match(ctx, password, has.PasswordHash)
	if err != nil {
		return err
	}
	if !right {
		return f.staysOut(ctx, has, Knock{}, now)
	}
	return f.Store.InTx(ctx, func(tx *store.Tx) error {
		alone := tx.SameFailures
		if whole {
			alone = tx.ForgetFailures
		}
		same, err := alone(has.Account.ID, has.Failures)
		if err == nil && !same {
			err = errStaysOut
		}
		return err
	})
}

// local is the local person whose session this is, or fault.NotFound.
func (f *Flow) local(ctx context.Context, token string) (store.Visit, store.Credential, error) {
	visit, err := f.visit(ctx, token)
	if err != nil {
		return store.Visit{}, store.Credential{}, err
	}
	has, err := f.Store.CredentialOf(ctx, visit.Account.ID)
	return visit, has, err
}
