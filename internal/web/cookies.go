package web

import (
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/login"
)

// The cookies, by what they are for. On https every name begins with __Host-,
// so that neither a neighbouring host of the same domain nor plain http can set
// one for us (RFC 6265bis 4.1.3.2). Browsers refuse that prefix without Secure,
// so on plain http, which is for loopback, the names stand alone.
const (
	sessionCookie = "idms_session"
	lastCookie    = "idms_last"     // the key of the record chosen last
	pendingCookie = "idms_pending_" // followed by the ticket's name
)

// maxPending is how many logins one browser may have on their way: several
// tabs, but not a header that servers refuse as too large.
const maxPending = 5

const lastFor = 365 * 24 * time.Hour

func (o origin) cookieName(name string) string {
	if o.secure {
		return "__Host-" + name
	}
	return name
}

// cookie is a cookie of ours for the whole host and out of scripts' reach. Lax:
// a link from elsewhere finds the person logged in, a form from elsewhere does
// not.
func (o origin) cookie(name, value string) *http.Cookie {
	return &http.Cookie{
		Name:     o.cookieName(name),
		Value:    value,
		Path:     "/",
		Secure:   o.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// pending is the cookie that binds a login to this browser (M23). The response
// comes back in a form posted by the identity provider's site, where a Lax
// cookie is not sent along; SameSite=None is. Browsers refuse None without
// Secure, so on plain http the attribute is left out: Firefox and Safari then
// send the cookie, and Chrome does for the first two minutes ("Lax + POST").
func (o origin) pending(ticket login.Ticket, now time.Time) *http.Cookie {
	cookie := o.cookie(pendingCookie+ticket.Name, ticket.Value)
	cookie.SameSite = http.SameSiteDefaultMode // written as nothing
	if o.secure {
		cookie.SameSite = http.SameSiteNoneMode
	}
	cookie.MaxAge = max(1, int(math.Ceil(ticket.Expires.Sub(now).Seconds())))
	return cookie
}

// forget removes a cookie; the flags must be those it was set with.
func forget(cookie *http.Cookie) *http.Cookie {
	cookie.Value = ""
	cookie.MaxAge = -1
	return cookie
}

// read is the value of one of our cookies, or "".
func read(c echo.Context, name string) string {
	cookie, err := c.Cookie(here(c).cookieName(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// tickets are the pending cookies of this browser, oldest first: browsers send
// cookies of one path in the order of their creation (RFC 6265 5.4).
func tickets(c echo.Context) []login.Ticket { return named(c, pendingCookie) }

// named are the cookies of this browser whose name begins with one of ours, by
// what follows; oldest first.
func named(c echo.Context, begin string) []login.Ticket {
	prefix := here(c).cookieName(begin)
	var list []login.Ticket
	for _, cookie := range c.Cookies() {
		if name, ours := strings.CutPrefix(cookie.Name, prefix); ours && name != "" {
			list = append(list, login.Ticket{Name: name, Value: cookie.Value})
		}
	}
	return list
}

// addPending keeps one more login on its way, and lets go of the oldest ones
// when there are too many.
func (s *Site) addPending(c echo.Context, ticket login.Ticket) {
	waiting := tickets(c)
	for len(waiting) >= maxPending {
		c.SetCookie(forget(here(c).pending(waiting[0], s.Clock())))
		waiting = waiting[1:]
	}
	c.SetCookie(here(c).pending(ticket, s.Clock()))
}

// enter sets the session's cookie. It has no end of its own: the session's end
// is kept where it can be moved, and closing the browser on a shared machine
// ends it too.
func enter(c echo.Context, session login.Ticket) {
	c.SetCookie(here(c).cookie(sessionCookie, session.Value))
}

// leave removes the session's cookie.
func leave(c echo.Context) {
	c.SetCookie(forget(here(c).cookie(sessionCookie, "")))
}

// keep sets a cookie for a while.
func keep(c echo.Context, name, value string, length time.Duration) {
	cookie := here(c).cookie(name, value)
	cookie.MaxAge = int(length.Seconds())
	c.SetCookie(cookie)
}
