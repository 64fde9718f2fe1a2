package login

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/trace"
)

// A test login is a real round trip to an identity provider against exactly one
// version of a record, whatever the state of the record is. It ends with a trace
// of everything that is wrong, and of everything that would change: it creates
// nobody, changes no group and opens no session. The assertion that came is used
// up like any other.
//
// Three people may have to do with one: the administrator who asks for it and gets
// its one-time address, whoever opens that address in a browser, and whoever logs
// in at the provider there. The address is the key to the result, with every value
// that came; the browser that answers is told only how it ended (S60). The
// address is good for one beginning, within testWithin.

// Times of a test login.
const (
	testWithin = 10 * time.Minute // from asking for it to beginning it
	testShown  = time.Hour        // how long its address shows how it ended
)

// testTicket begins the names of the cookies of tests, so that a login asks the
// database about tests only when its browser has begun one.
const testTicket = "test-"

// Asking is somebody who wants a test login.
type Asking struct {
	Record  string // key
	Version int    // of the record; 0 is the one in force
	By      string // an administrator's name, for the audit trail
}

// Invitation is a test login that may begin.
type Invitation struct {
	Ref     string // of the trace that it will end with
	Address string // one-time; whoever holds it may begin the test and see its result
	Version int
	Expires time.Time // until when it can begin
}

// Test is a test login as its administrator sees it.
type Test struct {
	Ref        string
	Record     string // key
	RecordName string
	Version    int
	Expires    time.Time
	Begun      bool
	Ended      bool
	Passed     bool
	Trace      *Trace // once Ended, for as long as traces are kept
}

// Tested is what the browser that ran a test may know of its end (S60).
type Tested struct {
	Passed   bool
	Code     trace.Code // for the log; never on the page
	Sentence string     // as a refused visitor would read it; "" when it passed
	Version  int
}

// InviteTest makes the one-time address of a test login. A version that says too
// little to log anybody in is fault.Invalid, with every problem at its field; a
// record or version that is not there is fault.NotFound.
func (f *Flow) InviteTest(ctx context.Context, asking Asking) (Invitation, error) {
	c, err := f.tested(ctx, asking.Record, asking.Version)
	if err != nil {
		return Invitation{}, err
	}
	at, err := url.Parse(c.sp.LoginURL)
	if err != nil {
		return Invitation{}, fmt.Errorf("login: the address of %s: %w", asking.Record, err)
	}
	secret, hash := session.NewToken()
	now := f.Clock()
	test := store.TestLogin{
		Ref: store.NewRef(), SecretHash: hash, RecordID: c.edition.ID, Version: c.edition.Version,
		Author: asking.By, Created: now, Expires: now.Add(testWithin),
	}
	if err := f.Store.InviteTestLogin(ctx, test); err != nil {
		return Invitation{}, err
	}
	at.Path = strings.TrimSuffix(at.Path, "/login") + "/test/" + secret
	return Invitation{Ref: test.Ref, Address: at.String(), Version: test.Version, Expires: test.Expires}, nil
}

// tested is one version of a record, compiled, in whatever state it is. Its
// edition says the version that is tested and not the one in force.
func (f *Flow) tested(ctx context.Context, key string, version int) (*connection, error) {
	edition, err := f.Store.Edition(ctx, key)
	if err != nil {
		return nil, err
	}
	if key == idms.LocalKey {
		return nil, noRecord(key)
	}
	if version != 0 {
		edition.Version = version
	}
	record, err := f.Store.RecordAt(ctx, key, edition.Version)
	if err != nil {
		return nil, err
	}
	// A draft may be incomplete; what is tested must be what could be activated.
	record.State = idms.Active
	if err := record.Check().Err(); err != nil {
		return nil, err
	}
	return f.compile(ctx, edition)
}

// TestAt is the test login of an address, by the secret in it, or fault.NotFound:
// also when the secret is another record's, or too old to show anything.
func (f *Flow) TestAt(ctx context.Context, recordKey, secret string) (Test, error) {
	test, err := f.testAt(ctx, recordKey, secret)
	if err != nil {
		return Test{}, err
	}
	return f.told(ctx, test)
}

func (f *Flow) testAt(ctx context.Context, recordKey, secret string) (store.TestLogin, error) {
	hash, ok := session.Hash(secret)
	if !ok {
		return store.TestLogin{}, errNoTest
	}
	test, err := f.Store.TestLoginAt(ctx, hash)
	if err != nil {
		return store.TestLogin{}, err
	}
	now := f.Clock()
	if test.RecordKey != recordKey || !now.Before(test.Created.Add(testShown)) || test.Begun.IsZero() && !now.Before(test.Expires) {
		return store.TestLogin{}, errNoTest
	}
	return test, nil
}

var errNoTest = fault.New(fault.NotFound, "There is no such test login. Its address is good for a short time only: ask for another one.")

// TestLogin is a test login by its reference, for whoever may see everything, or
// fault.NotFound.
func (f *Flow) TestLogin(ctx context.Context, recordKey, ref string) (Test, error) {
	test, err := f.Store.TestLogin(ctx, ref)
	if err != nil {
		return Test{}, err
	}
	if test.RecordKey != recordKey {
		return Test{}, errNoTest
	}
	return f.told(ctx, test)
}

func (f *Flow) told(ctx context.Context, test store.TestLogin) (Test, error) {
	edition, err := f.Store.Edition(ctx, test.RecordKey)
	if err != nil {
		return Test{}, err
	}
	told := Test{
		Ref: test.Ref, Record: test.RecordKey, RecordName: edition.Name, Version: test.Version, Expires: test.Expires,
		Begun: !test.Begun.IsZero(), Ended: !test.Ended.IsZero(), Passed: test.Passed,
	}
	if !told.Ended {
		return told, nil
	}
	kept, err := f.Trace(ctx, test.Ref)
	if fault.KindOf(err) == fault.NotFound { // it was purged a moment before its test
		return told, nil
	}
	told.Trace = &kept
	return told, err
}

// BeginTest sends a browser to the identity provider with the request that the
// tested version would make. It is the only one that the test begins in.
func (f *Flow) BeginTest(ctx context.Context, recordKey, secret, origin string) (Begun, error) {
	test, err := f.testAt(ctx, recordKey, secret)
	if err != nil {
		return Begun{}, err
	}
	c, err := f.tested(ctx, recordKey, test.Version)
	if err != nil {
		return Begun{}, err
	}
	if at, err := url.Parse(c.sp.LoginURL); err != nil || at.Scheme+"://"+at.Host != origin {
		// The cookie has to be set where the answer will be posted.
		return Begun{Elsewhere: strings.TrimSuffix(c.sp.LoginURL, "/login") + "/test/" + secret}, nil
	}

	cookie, hash := session.NewToken()
	now := f.Clock()
	test.Handle, test.CookieHash, test.Begun = testTicket+rand.Text(), hash, now
	test.RequestID, test.ForceAuthn = saml.NewRequestID(), c.record.SAML.ForceAuthn
	begun := Begun{Pending: Ticket{Name: test.Handle, Value: cookie, Expires: now.Add(f.Times.Pending)}}
	if custom := c.record.SAML.CustomLoginURL; custom != "" {
		begun.Elsewhere = custom // S55: the answer is one that nobody asked for
	} else if begun.Outgoing, err = saml.BuildRequest(c.record.SAML, c.idp, c.sp, saml.RequestOptions{
		ID: test.RequestID, Now: now, RelayState: test.Handle, ForceAuthn: test.ForceAuthn,
	}); err != nil {
		return Begun{}, err
	}
	first, err := f.Store.BeginTestLogin(ctx, test)
	if err != nil {
		return Begun{}, err
	}
	if !first {
		return Begun{}, fault.New(fault.Conflict, "This test login has begun already, or its time is over. Ask for another one.")
	}
	return begun, nil
}

// waitingTest finds the test login that a response belongs to, or nil. A response
// belongs to a test when it comes back with the test's RelayState; without one of
// ours, when the browser has begun the test after every login that it waits for.
// Either way it comes to less than the response could have done.
func (a *attempt) waitingTest(ctx context.Context) (*store.TestLogin, error) {
	var hashes [][]byte
	for name, value := range a.post.Tickets {
		if hash, ok := session.Hash(value); ok && strings.HasPrefix(name, testTicket) {
			hashes = append(hashes, hash)
		}
	}
	if len(hashes) == 0 {
		return nil, nil
	}
	tests, err := a.Store.WaitingTestLogins(ctx, a.edition.ID, hashes, a.now.Add(-a.Times.Pending))
	if err != nil || len(tests) == 0 {
		return nil, err
	}
	if i := slices.IndexFunc(tests, func(t store.TestLogin) bool { return t.Handle == a.post.RelayState }); i >= 0 {
		return &tests[i], nil
	}
	waiting, _, err := a.Store.Pending(ctx, a.edition.ID, a.cookies(), a.now)
	if err != nil || slices.ContainsFunc(waiting, func(p store.Pending) bool {
		return p.Handle == a.post.RelayState || p.Issued.After(tests[0].Begun)
	}) {
		return nil, err
	}
	return &tests[0], nil
}

// completeTest ends a test login with what came, whatever that is.
func (f *Flow) completeTest(ctx context.Context, post Post, test store.TestLogin) (Outcome, error) {
	c, err := f.tested(ctx, post.Record, test.Version)
	if err != nil {
		return Outcome{}, err
	}
	a := &attempt{Flow: f, connection: c, post: post, now: f.Clock(), ref: test.Ref, test: &test}
	a.waiting = []store.Pending{{Handle: test.Handle, RequestID: test.RequestID, Issued: test.Begun, ForceAuthn: test.ForceAuthn}}
	a.steps.Pass("S53", stepRecord, "a version of the record that could be active", fmt.Sprintf("version %d, tested", test.Version))
	a.steps.Pass("M15", stepWaiting, "a test login that this browser waits for", test.Ref)
	claimed, read, err := a.examine(ctx)
	if err != nil {
		return Outcome{}, err
	}
	a.lookUpKey(ctx)
	return a.conclude(ctx, claimed, read)
}

// examine takes the steps of the protocol, those after a refusal too.
func (a *attempt) examine(ctx context.Context) (claimed saml.Assertion, read bool, err error) {
	leave, ok := a.takePlace(ctx)
	if !ok {
		return claimed, false, ctx.Err()
	}
	defer leave()
	message, ok := a.message()
	if !ok {
		return claimed, false, nil
	}
	examination := a.verifier.Examine(message, a.expect())
	a.steps = append(a.steps, examination.Steps...)
	a.verified, a.assertion = examination.Accepted, examination.Assertion
	return examination.Claimed, examination.Read, nil
}

// conclude lets the policy say what it would have decided, and writes down that
// the test is over: its trace, and that the assertion is used up (M17).
func (a *attempt) conclude(ctx context.Context, claimed saml.Assertion, read bool) (Outcome, error) {
	protocol := a.steps
	var tested Tested
	err := a.Store.InTx(ctx, func(tx *store.Tx) error {
		a.steps = slices.Clone(protocol) // a transaction may run again
		var decision idms.Decision
		var would []groups.Change
		if read {
			known, err := a.knownTo(tx, claimed)
			if err != nil {
				return err
			}
			if decision = a.policy.Decide(claimed, known); !decision.Admitted {
				would = a.policy.WouldChange(decision, known)
			}
		}
		if a.verified {
			if err := a.useUp(tx); err != nil {
				return err
			}
		}
		code := cmp.Or(a.steps.Code(), decision.Code)
		tested = Tested{Passed: a.verified && code == "" && decision.Admitted, Code: code, Version: a.edition.Version}
		if !tested.Passed {
			tested.Sentence = code.Meaning().Visitor
		}
		first, err := tx.EndTestLogin(a.ref, tested.Passed, a.now)
		if err != nil {
			return err
		}
		if !first {
			return errTestOver
		}
		kept := a.trace(decision, would...)
		kept.Test, kept.Admitted, kept.Code = true, false, code
		if err := tx.SaveTrace(kept); err != nil {
			return err
		}
		event := a.event(audit.LoginTested, code, "")
		event.Who, event.Reason = a.test.Author, fmt.Sprintf("version %d", a.edition.Version)
		return tx.Audit(event)
	})
	if err != nil {
		return Outcome{}, err
	}
	a.Log.InfoContext(ctx, "login tested", "record", a.edition.Key, "passed", tested.Passed, "code", tested.Code, "trace", a.ref)
	return Outcome{Reference: a.ref, Tested: &tested, Purpose: string(idms.Test), ReturnTo: "/", Spent: []string{a.test.Handle}}, nil
}

var errTestOver = fault.New(fault.Conflict, "This test login has ended already. Ask for another one.")

// knownTo is what is known of the person whom an assertion names. The version that
// is tested need not be the one in force.
func (a *attempt) knownTo(tx *store.Tx, claimed saml.Assertion) (idms.Known, error) {
	known := idms.Known{}
	if username, ok := a.policy.Username(claimed); ok {
		var err error
		if known, err = tx.KnownNow(a.edition.ID, username); err != nil {
			return known, err
		}
	}
	known.Now, known.Purpose = a.now, idms.LogIn
	return known, nil
}

// useUp is M17 for a test: the assertion opens nothing, here or later.
func (a *attempt) useUp(tx *store.Tx) error {
	first, err := tx.UseAssertion(a.assertion.Issuer, a.assertion.ID, a.assertion.Until)
	if err != nil {
		return err
	}
	a.firstOrRefused(first)
	return nil
}
