package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// Complete ends a login: it proves the response, lets the policy decide, and
// writes down what follows. An error is ours; a refused login is an outcome.
func (f *Flow) Complete(ctx context.Context, post Post) (Outcome, error) {
	for try := 1; ; try++ {
		outcome, err := f.complete(ctx, post)
		// The record changed between compiling it and locking it: decide by the
		// new version. An administrator does not save this often.
		if errors.Is(err, store.ErrStale) && try < 3 {
			continue
		}
		return outcome, err
	}
}

func (f *Flow) complete(ctx context.Context, post Post) (Outcome, error) {
	c, err := f.connection(ctx, post.Record)
	if err != nil {
		return Outcome{}, err
	}
	a := &attempt{Flow: f, connection: c, post: post, now: f.Clock(), ref: store.NewRef()}
	test, err := a.waitingTest(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if test != nil {
		return f.completeTest(ctx, post, *test)
	}
	if err := a.prove(ctx); err != nil {
		return Outcome{}, err
	}
	if a.signedByUnknownKey() && f.AskForMetadata != nil && f.AskForMetadata(ctx, post.Record) {
		// The provider has a new key, which the record has by now. Once more, and
		// only once: what is not known now is not the provider's.
		if c, err = f.connection(ctx, post.Record); err != nil {
			return Outcome{}, err
		}
		a = &attempt{Flow: f, connection: c, post: post, now: f.Clock(), ref: a.ref}
		a.steps.Pass("M25", stepMetadata, "a new key, as no key of the record had signed", "metadata read again, which has changed")
		if err := a.prove(ctx); err != nil {
			return Outcome{}, err
		}
	}
	var outcome Outcome
	if a.verified {
		outcome, err = a.settle(ctx)
	} else {
		outcome, err = a.turnAway(ctx)
	}
	if err == nil {
		f.Metrics.Login(post.Record, string(a.purpose()), string(a.code(outcome)))
	}
	return outcome, err
}

// code is why a login was refused, or "".
func (a *attempt) code(outcome Outcome) trace.Code {
	if outcome.Refusal == nil {
		return ""
	}
	return outcome.Refusal.Code
}

// signedByUnknownKey is true for a response that other metadata might prove. By
// now it holds no place among those verified.
func (a *attempt) signedByUnknownKey() bool {
	return a.steps.Code() == trace.UnknownKey && a.record.SAML.MetadataURL != ""
}

// attempt is one response on its way through Complete.
type attempt struct {
	*Flow
	*connection
	post Post
	now  time.Time
	ref  string // of the trace

	steps     trace.Steps // of the protocol: all before the decision
	waiting   []store.Pending
	verified  bool
	assertion saml.Assertion
	pending   *store.Pending // the request that the assertion answers; nil when unsolicited

	test *store.TestLogin // nil: a login
}

// The steps around the verifier, by name.
const (
	stepField    = "SAMLResponse field"
	stepRecord   = "record"
	stepWaiting  = "pending request"
	stepPlace    = "verification under way"
	stepMetadata = "metadata read again"
	stepReplay   = "first use"
	stepSession  = "session to elevate"
)

// prove takes the steps of the protocol, as far as they go. What is cheap and
// needs no parsing comes first: anybody can post here (M01).
func (a *attempt) prove(ctx context.Context) error {
	if !a.takesLogins() {
		return nil
	}
	if awaited, err := a.isAwaited(ctx); !awaited {
		return err
	}
	leave, ok := a.takePlace(ctx)
	if !ok {
		return ctx.Err()
	}
	defer leave()

	message, ok := a.message()
	if !ok {
		return nil
	}
	began := time.Now()
	verification := a.verifier.Verify(message, a.expect())
	a.Metrics.Verified(time.Since(began))
	a.steps = append(a.steps, verification.Steps...)
	a.verified, a.assertion = verification.Accepted, verification.Assertion
	if i := slices.IndexFunc(a.waiting, func(p store.Pending) bool { return p.RequestID == a.assertion.InResponseTo }); i >= 0 {
		a.pending = &a.waiting[i]
	}
	return nil
}

// takePlace takes a place among the messages that are verified. Without one, and
// with nobody gone, the step is refused.
func (a *attempt) takePlace(ctx context.Context) (leave func(), ok bool) {
	if leave, ok = a.enter(ctx); !ok && ctx.Err() == nil {
		a.steps.Refuse(noPlace(cap(a.verifying)))
	}
	return leave, ok
}

// message is what was posted, decoded.
func (a *attempt) message() ([]byte, bool) {
	if a.post.InAddress {
		a.steps.Refuse(trace.Step{Name: stepField, Rule: "M01", Code: trace.MessageEncoding,
			Looked: "a form that is posted", Found: "an answer in the address, as the HTTP-Redirect and HTTP-Artifact bindings send it",
			Fix: &trace.Fix{Say: "Let the provider answer by HTTP-POST: an answer in an address is never read.",
				There: &trace.Setting{Name: "response binding", Value: "HTTP-POST"}}})
		return nil, false
	}
	message, refused := saml.DecodePost(a.post.Response, a.Limits.Message)
	if refused != nil {
		a.steps.Refuse(*refused)
		return nil, false
	}
	return message, true
}

// takesLogins is S53: a draft and a disabled record refuse, with a message of
// their own.
func (a *attempt) takesLogins() bool {
	if a.active() {
		a.steps.Pass("S53", stepRecord, "an active record", string(a.edition.State))
		return true
	}
	say := "Activate the record, if it is meant to take logins."
	if a.edition.State == idms.Draft {
		say += " A draft takes test logins alone (idms test-login " + a.edition.Key + ")."
	}
	a.steps.Refuse(trace.Step{Name: stepRecord, Rule: "S53", Code: trace.RecordInactive,
		Looked: "an active record", Found: string(a.edition.State),
		Fix: &trace.Fix{Field: "state", Present: string(a.edition.State), Suggested: string(idms.Active), Say: say}})
	return false
}

// cookies are the hashes of the browser's pending cookies.
func (a *attempt) cookies() [][]byte {
	var hashes [][]byte
	for _, value := range a.post.Tickets {
		if hash, ok := session.Hash(value); ok {
			hashes = append(hashes, hash)
		}
	}
	return hashes
}

// isAwaited finds the requests that this browser waits for (M15, M23). Without
// one, only a record that allows unsolicited responses goes on.
func (a *attempt) isAwaited(ctx context.Context) (bool, error) {
	live, expired, err := a.Store.Pending(ctx, a.edition.ID, a.cookies(), a.now)
	if err != nil {
		return false, err
	}
	a.waiting = live
	looked := "a request of this record that this browser waits for"
	switch {
	case len(live) > 0:
		a.steps.Pass("M15", stepWaiting, looked, fmt.Sprintf("%d", len(live)))
	case a.record.SAML.AllowUnsolicited:
		a.steps.Pass("M15", stepWaiting, looked, "none, and the record allows unsolicited responses")
	case expired > 0:
		a.steps.Refuse(trace.Step{Name: stepWaiting, Rule: "M15", Code: trace.RequestExpired, Looked: looked,
			Found: fmt.Sprintf("one that had ended; requests last %v", a.Times.Pending),
			Fix:   &trace.Fix{Say: fmt.Sprintf("Begin again. If people need longer than %v to authenticate, lengthen session.pending in the configuration.", a.Times.Pending)}})
		return false, nil
	default:
		a.steps.Refuse(trace.Step{Name: stepWaiting, Rule: "M15", Code: trace.NoPendingRequest, Looked: looked, Found: "none",
			Fix: &trace.Fix{Field: "saml.allow_unsolicited", Present: "false", Suggested: "true",
				Say: "Begin at the record's sign-on URL. If people start at the provider's portal, allow unsolicited responses."}})
		return false, nil
	}
	return true, nil
}

// patience is how long a message waits for a place among those verified.
const patience = 5 * time.Second

// enter waits for a place, so that a crowd of large messages cannot take all
// memory (M01).
func (f *Flow) enter(ctx context.Context) (leave func(), ok bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case f.verifying <- struct{}{}:
		return func() { <-f.verifying }, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, false
}

// noPlace is the refusal of a message that found none of so many places.
func noPlace(places int) trace.Step {
	return trace.Step{Name: stepPlace, Rule: "M01", Code: trace.Busy,
		Looked: fmt.Sprintf("one of %d places", places), Found: fmt.Sprintf("none within %v", patience)}
}

func (a *attempt) expect() saml.Expect {
	expect := saml.Expect{Now: a.now, ACS: a.post.Origin + "/saml/" + a.post.Record + "/acs"}
	for _, pending := range a.waiting {
		expect.Requests = append(expect.Requests, saml.Request{ID: pending.RequestID, Issued: pending.Issued, ForceAuthn: pending.ForceAuthn})
	}
	return expect
}

// turnAway ends a login whose response could not be verified. It writes the
// trace and nothing else: anybody can post garbage, and the audit trail is for
// what was proved (docs/decisions/0004).
func (a *attempt) turnAway(ctx context.Context) (Outcome, error) {
	a.lookUpKey(ctx)
	code := a.steps.Code()
	if err := a.Store.SaveTrace(ctx, a.trace(idms.Decision{})); err != nil {
		return Outcome{}, err
	}
	if code == trace.VerifierFailed { // M05: an alarm
		event := a.event(audit.LoginRefused, code, "")
		event.Alarm = true
		if err := a.Store.Audit(ctx, event); err != nil {
			return Outcome{}, err
		}
		a.Log.ErrorContext(ctx, "the verifier failed", "record", a.edition.Key, "trace", a.ref)
	}
	return a.refused(ctx, code), nil
}

// errRolledBack ends the transaction of a login that is refused: what it wrote
// before it knew is gone, so that a refusal can leave nothing behind (S1).
var errRolledBack = errors.New("the login is refused")

// lookUpKey adds to the fix for an unknown key whether the provider publishes it.
// It never makes the key a known one.
func (a *attempt) lookUpKey(ctx context.Context) {
	refusal := a.steps.Refusal()
	if a.Published == nil || refusal == nil || refusal.Code != trace.UnknownKey || refusal.Fix == nil {
		return
	}
	if said := a.Published(ctx, a.edition.Key, shownFingerprint.FindString(refusal.Found)); said != "" {
		fix := *refusal.Fix
		fix.Say += " " + said
		refusal.Fix = &fix
	}
}

var shownFingerprint = regexp.MustCompile(`[0-9a-f]{64}`)

// settle lets the policy decide about a verified assertion, and writes down
// what follows, all of it or nothing (S2).
func (a *attempt) settle(ctx context.Context) (Outcome, error) {
	var decision idms.Decision
	var outcome Outcome
	protocol := a.steps
	err := a.Store.InTx(ctx, func(tx *store.Tx) error {
		a.steps = slices.Clone(protocol) // a transaction may run again
		known, err := a.known(tx)
		if err != nil {
			return err
		}
		if first, err := a.firstUse(tx); err != nil || !first {
			return cmp.Or(err, errRolledBack)
		}
		decision = a.policy.Decide(a.assertion, known)
		if !decision.Admitted {
			return errRolledBack
		}
		outcome, err = a.admit(tx, decision, known)
		return err
	})
	if err == errRolledBack {
		if decision.Admitted {
			decision = idms.Decision{} // what it would have been did not come to pass
		}
		return a.refuse(ctx, decision)
	}
	if err != nil {
		return Outcome{}, err
	}
	a.noteCertificate(ctx)
	a.Log.InfoContext(ctx, "login admitted", "record", a.edition.Key, "purpose", a.purpose(), "trace", a.ref)
	return outcome, nil
}

// known locks the account that the assertion names and reads what is known.
func (a *attempt) known(tx *store.Tx) (idms.Known, error) {
	known := idms.Known{}
	if username, ok := a.policy.Username(a.assertion); ok {
		var err error
		if known, err = tx.Known(a.edition, username); err != nil {
			return known, err
		}
	}
	known.Now = a.now
	known.Purpose = a.purpose()
	if a.pending != nil {
		known.Elevating = a.pending.UserID
	}
	return known, nil
}

// purpose is what the answered request was for. Before the response is proved
// nobody knows which one it answers; it is an elevation when this browser waits
// for nothing else.
func (a *attempt) purpose() idms.Purpose {
	elevates := func(p store.Pending) bool { return p.Purpose == idms.Elevate }
	switch {
	case a.test != nil:
		return idms.Test
	case a.pending != nil && elevates(*a.pending):
		return idms.Elevate
	case !a.verified && len(a.waiting) > 0 && !slices.ContainsFunc(a.waiting, func(p store.Pending) bool { return !elevates(p) }):
		return idms.Elevate
	}
	return idms.LogIn
}

// firstUse is M17: of any number of posts of one response, in any number of
// processes, one passes.
func (a *attempt) firstUse(tx *store.Tx) (bool, error) {
	first := true
	var err error
	if a.pending != nil {
		first, err = tx.ConsumePending(a.pending.Handle)
	}
	if first && err == nil {
		first, err = tx.UseAssertion(a.assertion.Issuer, a.assertion.ID, a.assertion.Until)
	}
	if err != nil {
		return false, err
	}
	return a.firstOrRefused(first), nil
}

// firstOrRefused notes the step of M17.
func (a *attempt) firstOrRefused(first bool) bool {
	if !first {
		a.steps.Refuse(trace.Step{Name: stepReplay, Rule: "M17", Code: trace.Replayed,
			Looked: "an assertion and a request that were not used before", Found: "used before",
			Fix: &trace.Fix{Say: "The browser has posted the same answer again, as the back button and a reload do: begin again at " + a.sp.LoginURL + ". Many of these from different addresses are an attack."}})
		return false
	}
	a.steps.Pass("M17", stepReplay, "an assertion and a request that were not used before", "not used before")
	return true
}

// admit writes what an admitted login changes.
func (a *attempt) admit(tx *store.Tx, decision idms.Decision, known idms.Known) (Outcome, error) {
	account := users.Account{ID: store.NewID(), RecordID: a.edition.ID, State: users.Enabled, Created: a.now}
	save := tx.CreateUser
	if known.Account != nil {
		account, save = *known.Account, tx.UpdateUser
	}
	account.Profile = decision.Profile
	account.NameID = a.assertion.NameID.Value
	account.LastSeen = a.now
	if err := save(account); err != nil {
		return Outcome{}, err
	}
	if err := tx.ApplyChanges(account.ID, decision.Changes, a.now); err != nil {
		return Outcome{}, err
	}
	ticket, opened, err := a.open(tx, decision, account)
	if err != nil {
		return Outcome{}, err
	}
	if !opened {
		return Outcome{}, errRolledBack
	}

	action := audit.LoggedIn
	if a.purpose() == idms.Elevate {
		action = audit.Elevated
	}
	if err := tx.RecordAssertion(account.ID, a.assertion, a.now); err != nil { // S43
		return Outcome{}, err
	}
	event := a.event(action, "", account.ID)
	event.Changes = changes(decision)
	if err := tx.Audit(event); err != nil {
		return Outcome{}, err
	}
	kept := a.trace(decision)
	kept.UserID = account.ID
	if err := tx.SaveTrace(kept); err != nil {
		return Outcome{}, err
	}
	return Outcome{Reference: a.ref, Session: &ticket, Purpose: string(a.purpose()), ReturnTo: a.returnTo(), Spent: a.spent()}, nil
}

// open opens a session, or gives the one that asked for it another level (S26).
// Either way the browser gets a new token, so that nobody who planted or saw
// the old one shares it (M23). It is false when the session to elevate has
// ended meanwhile.
func (a *attempt) open(tx *store.Tx, decision idms.Decision, account users.Account) (Ticket, bool, error) {
	token, hash := session.NewToken()
	times := a.Times.adjusted(tx.Adjusted())
	expires := a.now.Add(times.Session)
	if until := a.assertion.SessionUntil; !until.IsZero() && until.Before(expires) {
		expires = until // M16
	}
	if a.purpose() == idms.Elevate {
		until := earlier(expires, a.now.Add(times.Elevation))
		ends, alive, err := tx.SetElevated(a.pending.SessionID, hash, decision.Level, a.assertion.AuthnContext, until, a.assertion.NameID, a.assertion.SessionIndex)
		alive = alive && a.now.Before(ends) // it may have expired, and not be purged yet
		if err == nil && !alive {
			a.steps.Refuse(trace.Step{Name: stepSession, Rule: "S26", Code: trace.RequestExpired,
				Looked: "the session that asked to be elevated", Found: "it has ended meanwhile"})
		}
		return Ticket{Value: token, Expires: ends}, alive, err
	}
	opened := session.Session{
		ID: store.NewID(), UserID: account.ID, RecordID: a.edition.ID, RecordKey: a.edition.Key,
		NameID: a.assertion.NameID, SessionIndex: a.assertion.SessionIndex,
		Level: decision.Level, Why: why(a.record, decision), AuthContext: a.assertion.AuthnContext,
		Opened: a.now, Seen: a.now, Expires: expires,
	}
	return Ticket{Value: token, Expires: expires}, true, tx.OpenSession(opened, hash)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// refuse writes down that a verified assertion was refused: the audit event,
// the trace, and that the request and the assertion are used up (S1). Posted
// again, it is a replay; otherwise whoever has one refused response could fill
// the audit trail with it.
func (a *attempt) refuse(ctx context.Context, decision idms.Decision) (Outcome, error) {
	code := a.steps.Code()
	if code == "" {
		code = decision.Code
	}
	action := audit.LoginRefused
	if a.purpose() == idms.Elevate {
		action = audit.ElevationRefused
	}
	err := a.Store.InTx(ctx, func(tx *store.Tx) error {
		known, err := a.known(tx)
		if err != nil {
			return err
		}
		if a.pending != nil {
			if _, err := tx.ConsumePending(a.pending.Handle); err != nil {
				return err
			}
		}
		if _, err := tx.UseAssertion(a.assertion.Issuer, a.assertion.ID, a.assertion.Until); err != nil {
			return err
		}
		user := ""
		if known.Account != nil {
			user = known.Account.ID
		}
		if code == trace.UserUnknown {
			if err := a.knownElsewhere(tx, decision); err != nil {
				return err
			}
		}
		kept := a.trace(decision)
		kept.UserID = user
		if err := tx.SaveTrace(kept); err != nil {
			return err
		}
		if code == trace.Replayed {
			return nil // the first use stands in the audit trail
		}
		return tx.Audit(a.event(action, code, user))
	})
	if err != nil {
		return Outcome{}, err
	}
	return a.refused(ctx, code), nil
}

// knownElsewhere adds to the fix for an unknown person through which other
// records somebody of this username has come: another provider's username is
// another person's, whoever they are (S40).
func (a *attempt) knownElsewhere(tx *store.Tx, decision idms.Decision) error {
	refusal := decision.Steps.Refusal()
	if refusal == nil || refusal.Fix == nil {
		return nil
	}
	keys, err := tx.OthersCalled(decision.Profile.Username, a.edition.ID)
	if err != nil || len(keys) == 0 {
		return err
	}
	fix := *refusal.Fix
	fix.Say += " Somebody of this username is known through " + strings.Join(keys, ", ") + "; an account belongs to the record that it came through, so that is another person here."
	refusal.Fix = &fix
	return nil
}

func (a *attempt) refused(ctx context.Context, code trace.Code) Outcome {
	a.Log.InfoContext(ctx, "login refused", "record", a.edition.Key, "purpose", a.purpose(), "code", code, "trace", a.ref)
	return Outcome{
		Reference: a.ref,
		Refusal:   &Refusal{Code: code, Sentence: code.Meaning().Visitor, Record: a.edition.Key},
		Purpose:   string(a.purpose()),
		ReturnTo:  a.returnTo(),
		Spent:     a.spent(),
	}
}

// returnTo is where the person wanted to go. An unsolicited response may name a
// path of ours or the record's own RelayState value (M22).
func (a *attempt) returnTo() string {
	switch {
	case a.pending != nil:
		return a.pending.ReturnTo
	case a.verified:
		return a.record.SAML.Land(a.post.RelayState)
	}
	return "/"
}

// spent are the pending cookies that are used up.
func (a *attempt) spent() []string {
	if a.verified && a.pending != nil {
		return []string{a.pending.Handle}
	}
	return nil
}

func (a *attempt) event(action audit.Action, code trace.Code, userID string) audit.Event {
	return audit.Event{
		At: a.now, Action: action, Address: a.post.Address,
		Record: a.edition.Key, User: userID, Trace: a.ref, Code: code,
	}
}

// changes are what an admitted login changed of a person's groups and NameID
// (S42), for the audit trail.
func changes(decision idms.Decision) []audit.Change {
	var list []audit.Change
	if decision.FormerNameID != "" {
		list = append(list, audit.Change{Field: "name_id", From: decision.FormerNameID, To: "another"})
	}
	for _, change := range decision.Changes {
		if change.Remove {
			list = append(list, audit.Change{Field: "groups", From: change.Group})
		} else {
			list = append(list, audit.Change{Field: "groups", To: change.Group})
		}
	}
	return list
}
