package login

import (
	"context"
	"crypto/rand"
	"net/url"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/store"
)

var errSwitchedOff = fault.New(fault.Denied, "This way to log in is switched off at the moment.")

// Begin sends a visitor to the identity provider of a record, and remembers
// that their browser waits for the answer (M15, M23).
func (f *Flow) Begin(ctx context.Context, start Start) (Begun, error) {
	c, err := f.connection(ctx, start.Record)
	if err != nil {
		return Begun{}, err
	}
	if !c.active() {
		return Begun{}, errSwitchedOff
	}
	if custom := c.record.SAML.CustomLoginURL; custom != "" {
		return Begun{Elsewhere: custom}, nil // S55
	}
	returnTo := safePath(start.ReturnTo)
	if elsewhere := c.elsewhere(start.Origin, returnTo); elsewhere != "" {
		return Begun{Elsewhere: elsewhere}, nil
	}
	return f.begin(ctx, c, store.Pending{
		Purpose:    idms.LogIn,
		ReturnTo:   returnTo,
		ForceAuthn: c.record.SAML.ForceAuthn,
	})
}

// Elevate sends a Restricted visitor back to their identity provider, to
// authenticate anew and more strongly (S26).
func (f *Flow) Elevate(ctx context.Context, token, origin, returnTo string) (Begun, error) {
	visit, err := f.visit(ctx, token)
	if err != nil {
		return Begun{}, err
	}
	c, err := f.connection(ctx, visit.Record.Key)
	if err != nil {
		return Begun{}, err
	}
	if !c.active() {
		return Begun{}, errSwitchedOff
	}
	if !c.canElevate() || visit.Session.LevelAt(f.Clock()) != console.Restricted {
		return Begun{}, fault.New(fault.Conflict, "There is nothing to elevate in this session.")
	}
	if c.elsewhere(origin, "/") != "" {
		// The session's cookie belongs to this origin; the pending one would
		// belong to another.
		return Begun{}, fault.New(fault.Conflict, "Log in at %s to elevate.", c.sp.LoginURL)
	}
	return f.begin(ctx, c, store.Pending{
		Purpose:    idms.Elevate,
		SessionID:  visit.Session.ID,
		UserID:     visit.Account.ID,
		ReturnTo:   safePath(returnTo),
		ForceAuthn: true,
	})
}

func (f *Flow) begin(ctx context.Context, c *connection, pending store.Pending) (Begun, error) {
	secret, hash := session.NewToken()
	now := f.Clock()
	pending.Handle = rand.Text()
	pending.CookieHash = hash
	pending.RecordID = c.edition.ID
	pending.RequestID = saml.NewRequestID()
	pending.Issued = now
	pending.Expires = now.Add(f.Times.Pending)

	options := saml.RequestOptions{ID: pending.RequestID, Now: now, RelayState: pending.Handle, ForceAuthn: pending.ForceAuthn}
	if pending.Purpose == idms.Elevate {
		options.Contexts = c.record.SAML.ElevationContexts
	}
	outgoing, err := saml.BuildRequest(c.record.SAML, c.idp, c.sp, options)
	if err != nil {
		return Begun{}, err
	}
	if err := f.Store.BeginRequest(ctx, pending); err != nil {
		return Begun{}, err
	}
	return Begun{
		Outgoing: outgoing,
		Pending:  Ticket{Name: pending.Handle, Value: secret, Expires: pending.Expires},
	}, nil
}

// elsewhere is where a login must begin when it is not origin: the pending
// cookie has to be set where the answer will be posted.
func (c *connection) elsewhere(origin, returnTo string) string {
	at, err := url.Parse(c.sp.LoginURL)
	if err != nil || at.Scheme+"://"+at.Host == origin {
		return ""
	}
	if returnTo != "/" {
		at.RawQuery = url.Values{"return_to": {returnTo}}.Encode()
	}
	return at.String()
}

// safePath is a path of ours to return to, or "/" (M22).
func safePath(path string) string {
	if safe, ok := saml.SafePath(path); ok {
		return safe
	}
	return "/"
}
