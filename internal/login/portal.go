package login

import (
	"context"
	"crypto/subtle"
	"time"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/users"
)

// A portal lives on a host of its own, where no cookie of the login host ever
// comes. A session gets there by a hand-over: the portal's host sets a cookie and
// sends the browser here with its hash; HandOver answers with a code; back on the
// portal's host, Enter takes code and cookie for a token (docs/decisions/0013).

// codeFor is how long a code may be on its way: the browser brings it at once.
const codeFor = time.Minute

// Crossing is a browser on its way from the login host to a portal.
type Crossing struct {
	Portal    string // origin, one of the configured ones
	Challenge []byte // hash of the cookie that the portal's host set
	ReturnTo  string // a path on the portal's host
}

// HandOver returns a code for the session of a token, to be brought to the
// portal's host. It is fault.NotFound when nobody is logged in.
func (f *Flow) HandOver(ctx context.Context, token string, to Crossing) (code string, err error) {
	visit, err := f.visit(ctx, token)
	if err != nil {
		return "", err
	}
	own, _ := session.Hash(token) // visit has found it
	code, hash := session.NewToken()
	return code, f.Store.KeepPortalCode(ctx, store.PortalCode{
		Hash: hash, SessionID: visit.Session.ID, Portal: to.Portal,
		BrowserHash: to.Challenge, ReturnTo: safePath(to.ReturnTo), Expires: f.Clock().Add(codeFor),
	}, own)
}

// Arrival is a browser that brings a code to a portal's host.
type Arrival struct {
	Portal  string // origin that the browser is at
	Code    string
	Cookies map[string]string // of hand-overs that began in this browser: name → value
	Former  string            // token that this browser has for the portal, or ""
	Address string            // of the browser, for the audit trail
}

// Entered is a hand-over that ended well.
type Entered struct {
	Token    string // for the portal's cookie
	ReturnTo string // a path on the portal's host
	Spent    string // name of the cookie that is used up
}

var errNoEntry = fault.New(fault.Denied, "This way to the portal has ended, or was begun in another browser. Please start again.")

// Enter takes a code for a token of the portal. The code is used up whatever
// comes of it: what was seen by a second browser, or by another portal, has been
// in the wrong hands. A refusal is fault.Denied and does not say why; the audit
// trail does.
func (f *Flow) Enter(ctx context.Context, arrival Arrival) (Entered, error) {
	hash, ok := session.Hash(arrival.Code)
	if !ok {
		return Entered{}, errNoEntry
	}
	var entered Entered
	err := f.Store.InTx(ctx, func(tx *store.Tx) error {
		entered = Entered{} // a transaction may run again
		now := f.Clock()
		code, found, err := tx.ConsumePortalCode(hash)
		if err != nil || !found {
			return err
		}
		event := audit.Event{At: now, Action: audit.HandOverRefused, Address: arrival.Address}
		spent, ours := arrival.cookieOf(code.BrowserHash)
		switch {
		case code.Portal != arrival.Portal:
			event.Reason = "the code was for " + code.Portal + " and came to " + arrival.Portal
		case !now.Before(code.Expires):
			event.Reason = "the code for " + code.Portal + " came too late"
		case !ours:
			event.Reason = "the code for " + code.Portal + " came from another browser than the one that began"
		default:
			token, hash := session.NewToken()
			if former, ok := session.Hash(arrival.Former); ok {
				if err := tx.ForgetPortalToken(former); err != nil {
					return err
				}
			}
			user, record, opened, err := tx.OpenPortalToken(hash, code.SessionID, code.Portal, now)
			if err != nil {
				return err
			}
			event.User, event.Record = user, record
			event.Reason = "the session that the code for " + code.Portal + " stands for has ended"
			if opened {
				event.Action, event.Reason = audit.PortalEntered, code.Portal
				entered = Entered{Token: token, ReturnTo: code.ReturnTo, Spent: spent}
			}
		}
		return tx.Audit(event)
	})
	if err != nil {
		return Entered{}, err
	}
	if entered.Token == "" {
		return Entered{}, errNoEntry
	}
	return entered, nil
}

// cookieOf is the name of the cookie that a hand-over set in this browser.
func (a Arrival) cookieOf(browserHash []byte) (name string, found bool) {
	for name, value := range a.Cookies {
		if hash, ok := session.Hash(value); ok && subtle.ConstantTimeCompare(hash, browserHash) == 1 {
			return name, true
		}
	}
	return "", false
}

// portalVisit finds the session of a portal's token, and notes that it is in use.
func (f *Flow) portalVisit(ctx context.Context, token string) (store.Visit, string, error) {
	hash, ok := session.Hash(token)
	if !ok {
		return store.Visit{}, "", errNotLoggedIn
	}
	now := f.Clock()
	visit, portal, err := f.Store.PortalSession(ctx, hash, now)
	if err != nil {
		return store.Visit{}, "", err
	}
	if visit.Session.Over(now, f.TimesNow(ctx).Idle) {
		return store.Visit{}, "", errNotLoggedIn
	}
	return visit, portal, f.Store.Touch(ctx, visit.Session, now)
}

// Pass is what a portal's proxy is told about a request.
type Pass struct {
	Session session.Session
	Account users.Account
	Level   console.Level // now
	Groups  []string      // keys
	Portal  string        // origin that the token belongs to
}

// PortalPass is what the proxy of a portal may be told of whoever holds the
// portal's token, or fault.NotFound when their session is over. It is asked about
// every request of a portal, picture or page: it costs one statement, and another
// one once a minute.
func (f *Flow) PortalPass(ctx context.Context, token string) (Pass, error) {
	hash, ok := session.Hash(token)
	if !ok {
		return Pass{}, errNotLoggedIn
	}
	now := f.Clock()
	visit, portal, groups, err := f.Store.PortalPass(ctx, hash, now)
	if err != nil {
		return Pass{}, err
	}
	if visit.Session.Over(now, f.TimesNow(ctx).Idle) {
		return Pass{}, errNotLoggedIn
	}
	pass := Pass{Session: visit.Session, Account: visit.Account, Level: visit.Session.LevelAt(now), Groups: groups, Portal: portal}
	return pass, f.Store.Touch(ctx, visit.Session, now)
}

// PortalVisitor is who holds a portal's token, and the origin of that portal, or
// fault.NotFound when their session is over.
func (f *Flow) PortalVisitor(ctx context.Context, token string) (who Visitor, portal string, err error) {
	visit, portal, err := f.portalVisit(ctx, token)
	if err != nil {
		return Visitor{}, "", err
	}
	who, err = f.visitor(ctx, visit)
	return who, portal, err
}

// EndElevationAtPortal gives up the elevation of a session before its time, by a
// token that belongs to portal (S26). It is fault.NotFound when that session is
// over.
func (f *Flow) EndElevationAtPortal(ctx context.Context, token, portal string) error {
	visit, belongs, err := f.portalVisit(ctx, token)
	if err != nil {
		return err
	}
	if belongs != portal {
		return errNotLoggedIn
	}
	return f.Store.EndElevation(ctx, visit.Session.ID, f.Clock())
}
