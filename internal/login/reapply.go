package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// Rules act at the next login. An administrator may apply them at once, to the
// last recorded assertion of a person (S43): the same decision by the same
// function, with what the rules say now about what the provider said last.

// Reapplied is what the rules, applied now, change for one person: what happened,
// or in a preview what would.
type Reapplied struct {
	Record   string // key
	Version  int    // of the record, that decided
	Account  users.Account
	Recorded time.Time // when the assertion came
	Until    time.Time // when it will be too old

	Decision idms.Decision
	Groups   []idms.GroupReason // what changes about groups, and why
	Sessions []SessionChange    // those that end or may do less from now on
	Open     int                // sessions of the person before that

	Trace string // reference; "" in a preview, and when nothing changed
}

// Any is true when something is not as it was.
func (r Reapplied) Any() bool { return len(r.Decision.Changes)+len(r.Sessions) > 0 }

// SessionChange is an open session that ends, or may do less.
type SessionChange struct {
	ID       string
	Opened   time.Time
	From, To console.Level // what it may do at this moment; No Access when it ends
	Ends     bool
}

// How rules are applied to recorded assertions.
type How struct {
	By store.Author // its Now does not count: the clock does
	// Preview goes the whole way and takes everything back at its end.
	Preview bool
	// Seen is the digest of what By has seen that would happen; when something else
	// would by now, nothing does, and the error is fault.Conflict with ErrOtherwise.
	// "" is for who has not looked.
	Seen string
}

// ErrOtherwise is in the chain of the error for who wants to apply what they have
// seen, when something else would happen by now.
var ErrOtherwise = errors.New("login: it would do something else by now")

// Digest names what changes: two that change the same have the same one.
func (r Reapplied) Digest() string {
	text, err := json.Marshal([]any{r.Version, r.Recorded, r.Decision.Admitted, r.Decision.Code, r.Groups, r.Sessions})
	if err != nil {
		panic(fmt.Sprintf("login: a preview cannot be written: %v", err)) // plain values can
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:16])
}

// Reapply applies the current rules of a person's record to their last recorded
// assertion, in one transaction: groups change as at a login, and open sessions
// that the rules would not give any more end or are lowered. No level is ever
// raised, nobody is created, and the profile stays as the last login wrote it:
// what the provider says of a person it says at a login.
//
// A person without a recorded assertion, or with one that is too old, a record
// that takes no logins, and a mapping that now names another account are
// fault.Conflict with a sentence that says so. What is not there is
// fault.NotFound. When nothing changes, nothing is written.
func (f *Flow) Reapply(ctx context.Context, userID string, how How) (Reapplied, error) {
	for try := 1; ; try++ {
		done, err := f.reapply(ctx, userID, how)
		if errors.Is(err, store.ErrStale) && try < 3 {
			continue // as in Complete
		}
		return done, err
	}
}

// errPreview takes back a transaction that did all it should.
var errPreview = errors.New("login: a preview")

func (f *Flow) reapply(ctx context.Context, userID string, how How) (Reapplied, error) {
	person, err := f.Store.Person(ctx, userID)
	if err != nil {
		return Reapplied{}, err
	}
	if person.Record.Key == idms.LocalKey {
		return Reapplied{}, fault.New(fault.Conflict, "%s comes through no identity provider, so no rules decide about them.", person.Account.Username)
	}
	c, err := f.connection(ctx, person.Record.Key)
	if err != nil {
		return Reapplied{}, err
	}
	if !c.active() {
		return Reapplied{}, fault.New(fault.Conflict, "The record %s takes no logins, so there is nothing to apply. Its sessions have ended.", c.edition.Key)
	}
	var done Reapplied
	err = f.Store.InTx(ctx, func(tx *store.Tx) error {
		r := &reapplying{connection: c, now: f.Clock(), by: how.By, tx: tx} // a transaction may run again
		if err := r.decide(person.Account); err != nil {
			return err
		}
		if how.Seen != "" && how.Seen != r.Digest() {
			return fault.Hide(ErrOtherwise, fault.Conflict, "Something has changed since you looked: this is what the rules would do now. Nothing was applied.")
		}
		if r.Any() {
			if err := r.write(); err != nil {
				return err
			}
		}
		done = r.Reapplied
		if how.Preview {
			done.Trace = ""
			return errPreview
		}
		return nil
	})
	if err != nil && err != errPreview {
		return Reapplied{}, err
	}
	if done.Trace != "" {
		f.Log.InfoContext(ctx, "rules applied", "record", done.Record, "trace", done.Trace)
	}
	return done, nil
}

// reapplying is one person on the way through Reapply.
type reapplying struct {
	*connection
	Reapplied
	now   time.Time
	by    store.Author
	tx    *store.Tx
	known idms.Recorded
	after []session.Session // the sessions that change, as they will be; meaningless for those that end
}

// decide locks the account, reads what is recorded and known, and decides about
// the person and each of their sessions.
func (r *reapplying) decide(account users.Account) error {
	known, err := r.tx.Known(r.edition, account.Username)
	if err != nil {
		return err
	}
	if known.Account == nil || known.Account.ID != account.ID {
		return fault.New(fault.NotFound, "There is no person %q.", account.ID)
	}
	r.known = idms.Recorded{Account: *known.Account, Memberships: known.Memberships, LastOwner: known.LastOwner}
	r.known.Assertion, r.known.At, r.known.Until, err = r.tx.RecordedAssertion(account.ID)
	if err != nil {
		return err
	}
	if err := decidable(r.policy, r.known, r.now); err != nil {
		return err
	}
	sessions, err := r.tx.SessionsOf(account.ID, r.edition.Key, r.now)
	if err != nil {
		return err
	}
	decision := r.policy.Apply(r.known, known.Directory, r.now)
	r.Reapplied = Reapplied{
		Record: r.edition.Key, Version: r.edition.Version, Account: r.known.Account,
		Recorded: r.known.At, Until: r.known.Until,
		Decision: decision, Groups: r.policy.Reasons(decision), Open: len(sessions),
	}
	for _, one := range sessions {
		lowered, alive := decideAnew(r.policy, one, r.known, known.Directory, r.now)
		if alive && lowered == one {
			continue
		}
		change := SessionChange{ID: one.ID, Opened: one.Opened, From: one.LevelAt(r.now), Ends: !alive}
		if alive {
			change.To = lowered.LevelAt(r.now)
		}
		r.Sessions = append(r.Sessions, change)
		r.after = append(r.after, lowered)
	}
	return nil
}

// decidable says why nothing can be decided about a person, or nil.
func decidable(policy *idms.Policy, person idms.Recorded, now time.Time) error {
	username := person.Account.Username
	switch {
	case person.At.IsZero():
		return fault.New(fault.Conflict, "Nothing is recorded of a login of %s. The rules act when they log in next.", username)
	case !person.Usable(now):
		return fault.New(fault.Conflict, "The last assertion about %s came at %s and could be used until %s. It is too old to decide by; the rules act when they log in next.",
			username, person.At.Format(time.RFC3339), person.Until.Format(time.RFC3339))
	case !policy.SamePerson(person):
		return fault.New(fault.Conflict, "By the mapping that the record has now, the last assertion about %s names another account. Nothing was applied; end their sessions if they must not go on.", username)
	}
	return nil
}

// decideAnew says what a session would be if its login, and its elevation, came
// now with what is recorded of the person and the context that it came with then.
// It never has more than before. Not alive: its login would be refused. It is a
// pure function.
func decideAnew(policy *idms.Policy, s session.Session, person idms.Recorded, directory *idms.Directory, now time.Time) (lowered session.Session, alive bool) {
	by := func(context string) idms.Decision {
		person.Assertion.AuthnContext = context
		return policy.Apply(person, directory, now)
	}
	decision := by(s.AuthContext)
	if !decision.Admitted {
		return s, false
	}
	lowered = s
	if decision.Level < s.Level {
		lowered.Level, lowered.Why = decision.Level, why(policy.Record(), decision)
	}
	if now.Before(s.ElevatedUntil) {
		lowered.Elevated = min(s.Elevated, by(s.ElevatedContext).Level)
	}
	return lowered, true
}

// write writes what changes: groups, sessions, the trace and the audit event.
func (r *reapplying) write() error {
	if err := r.tx.ApplyChanges(r.Account.ID, r.Decision.Changes, r.now); err != nil {
		return err
	}
	for i, change := range r.Sessions {
		var err error
		if change.Ends {
			err = r.tx.EndSessionByID(change.ID)
		} else {
			err = r.tx.LowerSession(r.after[i])
		}
		if err != nil {
			return err
		}
	}
	r.Trace = store.NewRef()
	kept := store.Trace{
		Ref: r.Trace, Record: r.Record, Version: r.Version, At: r.now,
		Verified: true, Admitted: r.Decision.Admitted, Code: r.Decision.Code, UserID: r.Account.ID,
	}
	var steps trace.Steps
	steps.Pass("S43", "recorded assertion", "the last one, not too old",
		fmt.Sprintf("of the login at %s; applied by %s", r.Recorded.Format(time.RFC3339), r.by.Who))
	kept.Document = packTrace(document{Schema: documentSchema, Purpose: idms.Reapply, Protocol: steps, Decision: documentOf(r.Decision)})
	if err := r.tx.SaveTrace(kept); err != nil {
		return err
	}
	return r.tx.Audit(audit.Event{
		At: r.now, Action: audit.RulesApplied, Who: r.by.Who, Reason: r.by.Reason,
		Record: r.Record, User: r.Account.ID, Trace: r.Trace, Code: r.Decision.Code,
		Changes: append(changes(r.Decision), r.sessionChanges()...),
	})
}

// sessionChanges tell the audit trail which levels sessions had and have.
func (r *reapplying) sessionChanges() []audit.Change {
	list := make([]audit.Change, len(r.Sessions))
	for i, change := range r.Sessions {
		to := change.To.String()
		if change.Ends {
			to = "ended"
		}
		list[i] = audit.Change{Field: "sessions[" + change.ID + "].level", From: change.From.String(), To: to}
	}
	return list
}

// ReappliedToAll is what applying the rules to all people of a record did.
type ReappliedToAll struct {
	People    int `json:"people"` // of the record
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Unknown   int `json:"unknown"`       // without an assertion to go by
	Skipped   int `json:"other_account"` // whom the mapping now takes for another account
}

// ReapplyToAll applies the current rules of a record to each of its people, one
// transaction for each, and hands each for whom something changes to tell. Cut
// short, it has done less; run again, it goes on.
func (f *Flow) ReapplyToAll(ctx context.Context, recordKey string, how How, tell func(Reapplied) error) (ReappliedToAll, error) {
	all, _, err := f.ReapplyToSome(ctx, recordKey, "", how, func(ReappliedToAll) bool { return false }, tell)
	return all, err
}

// ReapplyToSome is ReapplyToAll for the people behind the account after, in the order
// in which they were created, until enough is true of what was done. next is where to
// go on, "" when there is nobody left.
func (f *Flow) ReapplyToSome(ctx context.Context, recordKey, after string, how How, enough func(ReappliedToAll) bool, tell func(Reapplied) error) (all ReappliedToAll, next string, err error) {
	c, err := f.connection(ctx, recordKey)
	if err != nil {
		return all, "", err
	}
	if !c.active() {
		return all, "", fault.New(fault.Conflict, "The record %s takes no logins, so there is nothing to apply. Its sessions have ended.", recordKey)
	}
	for person, err := range f.Store.RecordedPeopleAfter(ctx, c.edition.ID, after) {
		if err != nil {
			return all, "", err
		}
		if enough(all) {
			return all, after, nil
		}
		after = person.Account.ID
		all.People++
		if !person.Usable(f.Clock()) {
			all.Unknown++
			continue
		}
		done, err := f.Reapply(ctx, person.Account.ID, how)
		switch kind := fault.KindOf(err); {
		case err != nil && kind == fault.Conflict && !errors.Is(err, store.ErrStale):
			all.Skipped++
		case err != nil && kind == fault.NotFound: // deleted meanwhile
			all.People--
		case err != nil:
			return all, "", err
		case !done.Any():
			all.Unchanged++
		default:
			all.Changed++
			if err := tell(done); err != nil {
				return all, "", err
			}
		}
	}
	return all, "", nil
}

// Rehearse says what a candidate for the next version of a record would do to its
// people, by the last recorded assertion of each. Nothing is written. The candidate
// is found by its key; its ID and version do not count. A record that is not there
// has nobody.
func (f *Flow) Rehearse(ctx context.Context, candidate idms.Record) (idms.Rehearsal, error) {
	var all idms.Rehearsal
	current, err := f.Store.Record(ctx, candidate.Key)
	if fault.KindOf(err) == fault.NotFound {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	before, err := takingLogins(current)
	if err != nil {
		return all, err
	}
	after, err := takingLogins(candidate)
	if err != nil {
		return all, err
	}
	now := f.Clock()
	for person, err := range f.Store.RecordedPeople(ctx, current.ID) {
		if err != nil {
			return all, err
		}
		if !person.Usable(now) {
			all.AddUnknown()
			continue
		}
		all.Add(idms.Compare(before, after, person, now))
	}
	return all, nil
}

// takingLogins compiles a record, and is nil for one that takes none (S53).
func takingLogins(record idms.Record) (*idms.Policy, error) {
	if record.State != idms.Active {
		return nil, nil
	}
	return idms.Compile(record)
}
