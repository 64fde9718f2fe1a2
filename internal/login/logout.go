package login

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/trace"
)

// LogOut is the purpose of a trace that explains a logout message.
const LogOut idms.Purpose = "logout"

// logoutFor is how long a provider may take over a logout: it may ask every
// service the person has been at.
const logoutFor = 10 * time.Minute

// Departure is a person who logs out.
type Departure struct {
	Everywhere bool   // end all sessions of the person, not this one alone
	Address    string // of the browser, for the audit trail
}

// Left is a session that has ended here.
type Left struct {
	Record string // key; "" when there was no session
	// Handle names the logout that the provider is to hear of (Farewell); "" when
	// it is told nothing.
	Handle string
}

// Leave ends the session of a token, or all sessions of its person. With an error
// none has ended. Without one they have, whatever comes of telling the provider
// (M24). Ending what has ended already is nothing.
func (f *Flow) Leave(ctx context.Context, token string, d Departure) (Left, error) {
	hash, ok := session.Hash(token)
	if !ok {
		return Left{}, nil
	}
	visit, unknown := f.Store.Session(ctx, hash, f.Clock())
	return f.leave(ctx, visit, unknown, d, func() error {
		_, err := f.Store.EndSession(ctx, hash)
		return err
	})
}

// LeaveAtPortal is Leave for a token that belongs to portal: it ends the session
// everywhere.
func (f *Flow) LeaveAtPortal(ctx context.Context, token, portal string, d Departure) (Left, error) {
	hash, ok := session.Hash(token)
	if !ok {
		return Left{}, nil
	}
	visit, belongs, unknown := f.Store.PortalSession(ctx, hash, f.Clock())
	if unknown == nil && belongs != portal {
		return Left{}, nil
	}
	return f.leave(ctx, visit, unknown, d, func() error {
		_, err := f.Store.EndPortalSession(ctx, hash, portal)
		return err
	})
}

// leave ends a session, tells the audit trail, and prepares what the provider is
// told. unknown is why nothing is known of the session.
func (f *Flow) leave(ctx context.Context, visit store.Visit, unknown error, d Departure, end func() error) (Left, error) {
	if unknown != nil {
		// Also when it opens nothing at the moment: who is unblocked later has logged
		// out all the same.
		if err := end(); err != nil || fault.KindOf(unknown) == fault.NotFound {
			return Left{}, err
		}
		f.Log.ErrorContext(ctx, "a session has ended of which nothing could be read", "error", unknown)
		return Left{}, nil
	}
	event := audit.Event{At: f.Clock(), Action: audit.LoggedOut, Address: d.Address,
		Record: visit.Record.Key, User: visit.Account.ID, Changes: store.EndedSessions([]string{visit.Session.ID})}
	others := 0
	if d.Everywhere {
		err := f.Store.InTx(ctx, func(tx *store.Tx) error {
			ended, err := tx.EndSessionsOfPerson(visit.Account.ID)
			if err != nil {
				return err
			}
			others = max(0, len(ended)-1)
			event.Changes = store.EndedSessions(ended)
			return tx.Audit(event)
		})
		if err != nil {
			return Left{}, err
		}
	} else {
		if err := end(); err != nil {
			return Left{}, err
		}
		if err := f.Store.Audit(ctx, event); err != nil { // no reason to tell the person that it failed
			f.Log.ErrorContext(ctx, "a session has ended, which the audit trail does not say", "record", visit.Record.Key, "error", err)
		}
	}
	left := Left{Record: visit.Record.Key}
	var err error
	if left.Handle, err = f.keepLogout(ctx, visit, others, event.At); err != nil {
		f.Log.WarnContext(ctx, "a session has ended, and its provider cannot be told", "record", visit.Record.Key, "error", err)
		left.Handle = ""
	}
	return left, nil
}

// keepLogout remembers what the provider is to be told, if its record takes part
// in single logout.
func (f *Flow) keepLogout(ctx context.Context, visit store.Visit, others int, now time.Time) (handle string, err error) {
	if visit.Record.Key == idms.LocalKey { // there is no provider
		return "", nil
	}
	c, err := f.connection(ctx, visit.Record.Key)
	if err != nil || !c.active() || !c.record.SAML.SingleLogout {
		return "", err
	}
	handle = rand.Text()
	return handle, f.Store.KeepLogout(ctx, store.Logout{
		Handle: handle, RequestID: saml.NewRequestID(), RecordID: visit.Session.RecordID, UserID: visit.Account.ID,
		NameID: visit.Session.NameID, SessionIndex: visit.Session.SessionIndex, Others: others,
		Issued: now, Expires: now.Add(logoutFor),
	})
}

// Farewell is what a person who has logged out may know, and where they go on.
type Farewell struct {
	Others int            // further sessions that have ended
	Answer saml.LogoutEnd // of the provider
	// Request is what the provider is still to hear; nil when it has answered, or
	// cannot be told.
	Request *saml.Outgoing
	First   bool   // it has not been sent off with the request before
	Told    bool   // the provider was to be told
	Onward  string // the record's logout URL; "" is none
}

// Farewell finds a logout by its handle: to send the browser off with the request,
// and to show what the provider said of it. It is fault.NotFound when it is over.
func (f *Flow) Farewell(ctx context.Context, handle string) (Farewell, error) {
	now := f.Clock()
	kept, record, err := f.Store.Logout(ctx, handle, now)
	if err != nil {
		return Farewell{}, err
	}
	farewell := Farewell{Others: kept.Others, Answer: kept.Answer, Told: true}
	c, err := f.connection(ctx, record)
	if err != nil || !c.active() || !c.record.SAML.SingleLogout {
		return farewell, nil // the record was changed meanwhile
	}
	farewell.Onward = c.record.SAML.LogoutURL
	if kept.Answer != saml.LogoutUnknown {
		return farewell, nil
	}
	request, err := saml.BuildLogoutRequest(c.record.SAML, c.idp, c.sp, saml.LogoutOptions{
		ID: kept.RequestID, Now: now, NameID: kept.NameID, SessionIndex: kept.SessionIndex,
	})
	if err != nil {
		f.Log.WarnContext(ctx, "a session has ended, and its provider cannot be told", "record", record, "error", err)
		return farewell, nil
	}
	farewell.Request = &request
	farewell.First, err = f.Store.SendLogout(ctx, handle)
	return farewell, err
}

// Onward is where people go on after logging out through a record that tells its
// provider nothing, or "".
func (f *Flow) Onward(ctx context.Context, recordKey string) (string, error) {
	c, err := f.connection(ctx, recordKey)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return c.record.SAML.LogoutURL, nil
}

// LogoutPost is a logout message that a browser brought from a provider.
type LogoutPost struct {
	Record  string // key in the address
	Origin  string // scheme://host[:port] it came to
	Arrival saml.LogoutArrival
	Address string // of the browser, for the audit trail
}

// LogoutOutcome is what became of it.
type LogoutOutcome struct {
	Reference string         // of the trace: safe to show (S60)
	Reply     *saml.Outgoing // what to tell the provider that asked; nil when nothing is
	Ended     int            // sessions that have ended by the provider's wish
	Handle    string         // of the logout here that the provider has answered
	Refusal   *Refusal
	Answers   bool // it was an answer, not a request
}

var errNoSingleLogout = fault.New(fault.NotFound, "This way to log in takes no part in single logout.")

// TakeLogout takes a provider's LogoutRequest, and ends exactly the sessions it
// names, in every process; or its LogoutResponse to a request of ours (M24). An
// error is ours; a refused message is an outcome.
func (f *Flow) TakeLogout(ctx context.Context, post LogoutPost) (LogoutOutcome, error) {
	c, err := f.connection(ctx, post.Record)
	if err != nil {
		return LogoutOutcome{}, err
	}
	if !c.active() || !c.record.SAML.SingleLogout {
		return LogoutOutcome{}, errNoSingleLogout
	}
	m := &logoutMessage{Flow: f, connection: c, post: post, now: f.Clock(), ref: store.NewRef()}
	leave, ok := f.enter(ctx)
	if !ok {
		if ctx.Err() != nil {
			return LogoutOutcome{}, ctx.Err()
		}
		m.steps.Refuse(noPlace(cap(f.verifying)))
		return m.refuse(ctx)
	}
	arrival := post.Arrival
	arrival.At = post.Origin + "/saml/" + post.Record + "/slo"
	m.found = c.verifier.VerifyLogout(arrival, m.now)
	leave()
	m.steps = m.found.Steps
	switch {
	case !m.found.Accepted:
		return m.refuse(ctx)
	case m.found.Answers:
		return m.answered(ctx)
	}
	return m.asked(ctx)
}

// logoutMessage is one logout message on its way through TakeLogout.
type logoutMessage struct {
	*Flow
	*connection
	post  LogoutPost
	now   time.Time
	ref   string // of the trace
	steps trace.Steps
	found saml.LogoutVerification
}

// The steps around the verifier, by name.
const (
	stepLogoutReplay  = "first use of the request"
	stepNamed         = "sessions named"
	stepLogoutAwaited = "pending logout"
)

// asked ends what a proven request names.
func (m *logoutMessage) asked(ctx context.Context) (LogoutOutcome, error) {
	request := *m.found.Request
	outcome := LogoutOutcome{Reference: m.ref}
	verified := m.steps
	err := m.Store.InTx(ctx, func(tx *store.Tx) error {
		m.steps = slices.Clone(verified) // a transaction may run again
		const looked = "a request that was not used before"
		first, err := tx.UseLogoutRequest(m.idp.EntityID, request.ID, request.Until)
		if err != nil {
			return err
		}
		if !first {
			m.steps.Refuse(trace.Step{Name: stepLogoutReplay, Rule: "M24", Code: trace.Replayed, Looked: looked, Found: "used before"})
			return nil
		}
		m.steps.Pass("M24", stepLogoutReplay, looked, "not used before")
		outcome.Ended, err = m.endNamed(tx, request)
		if err != nil {
			return err
		}
		return tx.SaveTrace(m.trace())
	})
	if err != nil {
		return LogoutOutcome{}, err
	}
	if m.steps.Code() != "" {
		return m.refuse(ctx)
	}
	m.Log.InfoContext(ctx, "logged out by the provider", "record", m.edition.Key, "sessions", outcome.Ended, "trace", m.ref)
	outcome.Reply = m.reply(ctx, request.ID, false)
	return outcome, nil
}

// endNamed ends the sessions of this record that the request names: the same
// NameID with its qualifiers and, if it lists any, one of its session indexes.
func (m *logoutMessage) endNamed(tx *store.Tx, request saml.LogoutRequest) (int, error) {
	named, err := tx.SessionsNamed(m.edition.ID, request.NameID.Value)
	if err != nil {
		return 0, err
	}
	byPerson := map[string][]string{}
	var people []string
	for _, one := range named {
		if !m.verifier.Same(one.NameID, request.NameID) || !request.Means(one.SessionIndex) {
			continue
		}
		if byPerson[one.UserID] == nil {
			people = append(people, one.UserID)
		}
		byPerson[one.UserID] = append(byPerson[one.UserID], one.ID)
	}
	ended := 0
	event := audit.Event{At: m.now, Action: audit.SessionsEnded, Who: byProvider, Address: m.post.Address, Record: m.edition.Key, Trace: m.ref}
	for _, person := range people {
		gone, err := tx.EndSessions(byPerson[person])
		if err != nil {
			return 0, err
		}
		ended += len(gone)
		event.User, event.Changes = person, store.EndedSessions(gone)
		if err := tx.Audit(event); err != nil {
			return 0, err
		}
	}
	looked := "all sessions of that NameID"
	if n := len(request.SessionIndexes); n > 0 {
		looked = fmt.Sprintf("sessions of that NameID with one of %d session indexes", n)
	}
	m.steps.Pass("M24", stepNamed, looked, fmt.Sprintf("%d ended, of %d by a NameID with this text", ended, len(named)))
	if len(people) > 0 {
		return ended, nil
	}
	event.Changes = store.EndedSessions(nil)
	return 0, tx.Audit(event)
}

// byProvider is who ended a session, in the audit trail.
const byProvider = "identity provider"

// reply is the LogoutResponse. The sessions have ended whether or not it can be
// made.
func (m *logoutMessage) reply(ctx context.Context, requestID string, failed bool) *saml.Outgoing {
	reply, err := saml.BuildLogoutResponse(m.record.SAML, m.idp, m.sp, saml.LogoutAnswer{
		ID: saml.NewRequestID(), Now: m.now, InResponseTo: requestID, Failed: failed,
		RelayState: m.found.RelayState, Binding: m.post.Arrival.Binding,
	})
	if err != nil {
		m.Log.WarnContext(ctx, "a provider's logout request cannot be answered", "record", m.edition.Key, "error", err)
		return nil
	}
	return &reply
}

// answered notes what the provider says of a logout that began here.
func (m *logoutMessage) answered(ctx context.Context) (LogoutOutcome, error) {
	response := *m.found.Response
	outcome := LogoutOutcome{Reference: m.ref, Answers: true}
	verified := m.steps
	err := m.Store.InTx(ctx, func(tx *store.Tx) error {
		m.steps = slices.Clone(verified)
		const looked = "a logout that waits for this answer"
		handle, user, awaited, err := tx.AnswerLogout(m.edition.ID, response.InResponseTo, response.End, m.now)
		if err != nil {
			return err
		}
		if !awaited {
			m.steps.Refuse(trace.Step{Name: stepLogoutAwaited, Rule: "M24", Code: trace.RequestMismatch, Looked: looked, Found: "none, or answered before"})
			return nil
		}
		m.steps.Pass("M24", stepLogoutAwaited, looked, "one")
		outcome.Handle = handle
		if err := tx.SaveTrace(m.trace()); err != nil {
			return err
		}
		return tx.Audit(audit.Event{At: m.now, Action: audit.LogoutAnswered, Who: byProvider, Address: m.post.Address,
			Record: m.edition.Key, User: user, Trace: m.ref, Reason: string(response.End) + ": " + response.Status})
	})
	if err != nil {
		return LogoutOutcome{}, err
	}
	if m.steps.Code() != "" {
		return m.refuse(ctx)
	}
	m.Log.InfoContext(ctx, "the provider answered a logout", "record", m.edition.Key, "answer", response.End, "trace", m.ref)
	return outcome, nil
}

// refuse writes the trace and nothing else. A sender who is proven, and only asks
// for what we cannot do, is told so, since a chain of logouts may hang on it.
func (m *logoutMessage) refuse(ctx context.Context) (LogoutOutcome, error) {
	code := m.steps.Code()
	if err := m.Store.SaveTrace(ctx, m.trace()); err != nil {
		return LogoutOutcome{}, err
	}
	if code == trace.VerifierFailed { // M05: an alarm
		err := m.Store.Audit(ctx, audit.Event{At: m.now, Action: audit.LogoutRefused, Alarm: true, Address: m.post.Address,
			Record: m.edition.Key, Trace: m.ref, Code: code})
		if err != nil {
			return LogoutOutcome{}, err
		}
	}
	m.Log.InfoContext(ctx, "logout message refused", "record", m.edition.Key, "code", code, "trace", m.ref)
	outcome := LogoutOutcome{Reference: m.ref, Answers: m.found.Answers, Refusal: &Refusal{Code: code, Record: m.edition.Key,
		Sentence: "Your identity provider asked to end sessions here, and the request could not be accepted. Nothing has ended because of it."}}
	if outcome.Answers {
		outcome.Refusal.Sentence = "What came as the answer of your identity provider could not be accepted."
	}
	if request := m.found.Request; !m.found.Accepted && request != nil {
		outcome.Reply = m.reply(ctx, request.ID, true)
	}
	return outcome, nil
}

// trace is what is kept of the message.
func (m *logoutMessage) trace() store.Trace {
	code := m.steps.Code()
	return store.Trace{
		Ref: m.ref, Record: m.edition.Key, Version: m.edition.Version, At: m.now,
		// As of logins: what proves nothing new is bounded in number.
		Verified: m.found.Accepted && code != trace.Replayed && code != trace.RequestMismatch, Admitted: code == "", Code: code,
		Document: mustMarshal(document{Schema: documentSchema, Purpose: LogOut, Address: m.post.Address, Protocol: m.steps}),
	}
}

// heading names what a trace explains.
func (t Trace) heading() (what, how string) {
	what, how = "Login", "admitted"
	switch {
	case t.Test && t.Code == "":
		return "Test login", "passed: the person would be logged in, and nothing was changed"
	case t.Test:
		return "Test login", "not passed: " + string(t.Code)
	case t.Purpose == LogOut:
		what, how = "Logout", "carried out"
	case t.Purpose == idms.Reapply:
		what = "No login: rules applied to the last one," // S43
	}
	if !t.Admitted {
		how = strings.TrimSuffix("refused: "+string(t.Code), ": ")
	}
	return what, how
}
