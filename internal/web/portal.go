package web

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/session"
)

// The portal's proxy asks at forward-auth about every request. Below portalPath
// the proxy passes requests of the portal's own host on to us, so that we can
// set that host's cookie.
const (
	forwardAuthPath = "/forward-auth"
	portalPath      = "/.idms/"
)

// ofProxy says whether a route is asked by a portal's proxy, in the name of the
// portal's host.
func ofProxy(route string) bool {
	return route == forwardAuthPath || strings.HasPrefix(route, forwardAuthPath+"/") || strings.HasPrefix(route, portalPath)
}

// ofMachine says whether whoever asks reads JSON rather than pages.
func ofMachine(route string) bool {
	return strings.HasPrefix(route, apiPath) || route == forwardAuthPath || strings.HasPrefix(route, forwardAuthPath+"/")
}

// portals finds the origin of a portal by its canonical scheme://host[:port].
type portals map[string]origin

func parsePortals(addresses []string) (portals, error) {
	list := portals{}
	for _, address := range addresses {
		one, err := parseOrigins("portals", []string{address})
		if err != nil {
			return nil, err
		}
		for host, found := range one {
			scheme, _, _ := strings.Cut(found.base, "://")
			// As browsers write it, so that one portal has one name everywhere.
			found.base = strings.ToLower(scheme) + "://" + host
			list[found.base] = found
		}
	}
	return list, nil
}

// links lead to the portals, for people who began at the login host.
func (p portals) links() []link {
	var list []link
	for _, base := range slices.Sorted(maps.Keys(p)) {
		list = append(list, linkTo(base+"/"))
	}
	return list
}

// forwarded is the portal whose request a trusted proxy passes on. Of anybody
// else X-Forwarded-Host is not read: it would let a stranger choose the portal.
func (s *Site) forwarded(request *http.Request) (origin, error) {
	if !s.trusts(request.RemoteAddr) {
		return origin{}, fault.New(fault.Denied, "This is asked by a portal's proxy, and trusted_proxies does not name the address that asked.")
	}
	scheme, host := only(request.Header.Values("X-Forwarded-Proto")), only(request.Header.Values("X-Forwarded-Host"))
	scheme = strings.ToLower(scheme)
	switch scheme { // Traefik says ws and wss of WebSockets
	case "ws":
		scheme = "http"
	case "wss":
		scheme = "https"
	}
	found, ok := s.portals[scheme+"://"+canonicalHost(host, scheme)]
	if !ok {
		return origin{}, fault.New(fault.Denied, "The proxy's X-Forwarded-Proto and X-Forwarded-Host name no address of the setting portals.")
	}
	return found, nil
}

func (s *Site) trusts(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, proxy := range s.TrustedProxies {
		if proxy.Contains(address) {
			return true
		}
	}
	return false
}

const (
	portalCookie = "idms_portal" // on the portal's host: its token
	beginCookie  = "idms_begin_" // on the portal's host, followed by a name: a hand-over that began in this browser

	// beginFor is how long a person may take from the portal's first page to the
	// end of the login.
	beginFor = time.Hour
)

// returnPath is the path on the portal's host to come back to, or its front
// page. What leads back here would go round in circles.
func returnPath(path string) string {
	if safe, ok := saml.SafePath(path); ok && !strings.HasPrefix(safe, portalPath) {
		return safe
	}
	return "/"
}

// portalStart begins a hand-over on the portal's host.
func (s *Site) portalStart(c echo.Context) error {
	return see(c, s.origin()+s.beginHandOver(c, returnPath(c.QueryParam("return_to"))))
}

// portalElevate begins a hand-over that elevates the session on its way (S26).
func (s *Site) portalElevate(c echo.Context) error {
	onward := s.beginHandOver(c, returnPath(c.QueryParam("return_to")))
	return see(c, s.origin()+"/elevate?"+url.Values{"return_to": {onward}}.Encode())
}

// origin is the origin of the login host that people are sent to.
func (s *Site) origin() string { return s.BaseURLs[0] }

// beginHandOver binds a hand-over to this browser, and returns its path on the
// login host.
func (s *Site) beginHandOver(c echo.Context, returnTo string) string {
	value, hash := session.NewToken()
	begun := named(c, beginCookie)
	for len(begun) >= maxPending {
		c.SetCookie(forget(here(c).cookie(beginCookie+begun[0].Name, "")))
		begun = begun[1:]
	}
	keep(c, beginCookie+strings.ToLower(rand.Text()[:8]), value, beginFor)

	path := handOverPath(here(c).base, returnTo, hash)
	if _, ok := saml.SafePath(path); !ok { // too long to be carried through a login
		path = handOverPath(here(c).base, "/", hash)
	}
	return path
}

func handOverPath(portal, returnTo string, challenge []byte) string {
	return "/hand-over?" + url.Values{
		"portal":    {portal},
		"challenge": {base64.RawURLEncoding.EncodeToString(challenge)},
		"return_to": {returnTo},
	}.Encode()
}

// handOver sends the browser of somebody who is logged in on to a portal, with a
// code; anybody else logs in first. Only configured portals are gone to.
func (s *Site) handOver(c echo.Context) error {
	portal, known := s.portals[c.QueryParam("portal")]
	challenge, err := base64.RawURLEncoding.Strict().DecodeString(c.QueryParam("challenge"))
	if !known || err != nil || len(challenge) != challengeSize {
		return fault.New(fault.Invalid, "This address leads to no portal of ours. Please start at the portal.")
	}
	code, err := s.Flow.HandOver(c.Request().Context(), read(c, sessionCookie), login.Crossing{
		Portal: portal.base, Challenge: challenge, ReturnTo: returnPath(c.QueryParam("return_to")),
	})
	if fault.KindOf(err) == fault.NotFound {
		leave(c)
		return toLogin(c)
	}
	if err != nil {
		return err
	}
	return see(c, portal.base+portalPath+"callback?"+url.Values{"code": {code}}.Encode())
}

// challengeSize is the length of a token's hash, in bytes.
const challengeSize = 32

// portalCallback ends a hand-over on the portal's host: the code that the
// browser brings, and the cookie that it began with, become the portal's cookie.
func (s *Site) portalCallback(c echo.Context) error {
	arrival := login.Arrival{
		Portal:  here(c).base,
		Code:    c.QueryParam("code"),
		Cookies: map[string]string{},
		Former:  read(c, portalCookie),
		Address: c.RealIP(),
	}
	begun := named(c, beginCookie)
	for _, one := range begun[:min(len(begun), maxPending)] {
		arrival.Cookies[one.Name] = one.Value
	}
	entered, err := s.Flow.Enter(c.Request().Context(), arrival)
	if err != nil {
		return err
	}
	c.SetCookie(forget(here(c).cookie(beginCookie+entered.Spent, "")))
	c.SetCookie(here(c).cookie(portalCookie, entered.Token))
	return see(c, here(c).base+entered.ReturnTo)
}

// portalEndElevation gives the raised level back before its time, from the
// portal's host, and leads back to the portal (S26).
func (s *Site) portalEndElevation(c echo.Context) error {
	returnTo := returnPath(c.QueryParam("return_to"))
	err := s.Flow.EndElevationAtPortal(c.Request().Context(), read(c, portalCookie), here(c).base)
	if fault.KindOf(err) == fault.NotFound {
		return see(c, portalURL(here(c).base, "start", returnTo))
	}
	if err != nil {
		return err
	}
	return see(c, here(c).base+returnTo)
}

// portalLogout ends the session everywhere, from the portal's host. The page that
// says so, and the provider, are reached from the login host.
func (s *Site) portalLogout(c echo.Context) error {
	left, err := s.Flow.LeaveAtPortal(c.Request().Context(), read(c, portalCookie), here(c).base, login.Departure{Address: c.RealIP()})
	if err != nil {
		return err
	}
	c.SetCookie(forget(here(c).cookie(portalCookie, "")))
	return see(c, s.origin()+signedOutURL(left))
}

// The headers that a portal's proxy passes on to the portal. Every answer sets
// all of them, empty where there is nothing to say, so that a proxy that copies
// them overwrites what a visitor made up.
const (
	userHeader    = "X-Idms-User"
	emailHeader   = "X-Idms-Email"
	groupsHeader  = "X-Idms-Groups"
	cutHeader     = "X-Idms-Groups-Cut"
	consoleHeader = "X-Idms-Console"
	recordHeader  = "X-Idms-Record"
	expiresHeader = "X-Idms-Session-Expires"
	loginHeader   = "X-Idms-Login" // for nginx: where to send the browser
)

// Bounds of the headers, in bytes as sent. Together with the rest of an answer
// they fit into 4 KiB, which is what nginx takes by default.
const (
	maxNameHeader   = 512
	maxGroupsHeader = 2048
	maxLoginHeader  = 2048
)

// forwardAuth tells Traefik and Caddy, which pass what is not 2xx on to the
// browser, whether a request may go to the portal.
func (s *Site) forwardAuth(c echo.Context) error {
	return s.answerProxy(c, func(start string) error { return c.Redirect(http.StatusFound, start) })
}

// forwardAuthNginx tells nginx the same, which takes nothing but 2xx, 401 and 403
// from auth_request, and sends the browser on by itself.
func (s *Site) forwardAuthNginx(c echo.Context) error {
	return s.answerProxy(c, func(start string) error {
		c.Response().Header().Set(loginHeader, start)
		return problem(c, unauthorized)
	})
}

func (s *Site) answerProxy(c echo.Context, begin func(start string) error) error {
	header := c.Response().Header()
	for _, name := range []string{userHeader, emailHeader, groupsHeader, cutHeader, consoleHeader, recordHeader, expiresHeader, loginHeader} {
		header.Set(name, "")
	}
	header.Set("Vary", "Cookie, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Uri, X-Forwarded-Method, Sec-Fetch-Mode")
	uri := only(c.Request().Header.Values("X-Forwarded-Uri"))
	if strings.HasPrefix(uri, portalPath) {
		return fault.New(fault.Denied, "The proxy must pass %s on to idms without asking here, or nobody can log in.", portalPath)
	}
	who, err := s.Flow.PortalPass(c.Request().Context(), read(c, portalCookie))
	if fault.KindOf(err) == fault.NotFound || err == nil && who.Portal != here(c).base {
		return s.turnToLogin(c, uri, begin)
	}
	if err != nil {
		return err
	}
	user := encodeHeader(who.Account.Profile.Username, "")
	if len(user) > maxNameHeader {
		return fault.New(fault.Denied, "Your username is too long to be passed on to the portal.")
	}
	header.Set(userHeader, user)
	if email := encodeHeader(who.Account.Profile.Email, ""); len(email) <= maxNameHeader {
		header.Set(emailHeader, email)
	}
	list, cut := groupList(who.Groups)
	header.Set(groupsHeader, list)
	header.Set(cutHeader, fmt.Sprint(cut))
	header.Set(consoleHeader, who.Level.String())
	header.Set(recordHeader, encodeHeader(who.Session.RecordKey, ""))
	header.Set(expiresHeader, who.Session.Expires.UTC().Format(time.RFC3339))
	return c.NoContent(http.StatusNoContent)
}

// turnToLogin answers a proxy about a request without a session. A page is come
// back to; what a form would have done is not done again; and a script, an image
// or a frame's part is told 401, since a login is of no use to it.
func (s *Site) turnToLogin(c echo.Context, uri string, begin func(start string) error) error {
	header := c.Request().Header
	if mode := header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return problem(c, unauthorized)
	}
	returnTo := "/"
	switch header.Get("X-Forwarded-Method") {
	case "", http.MethodGet, http.MethodHead:
		returnTo = returnPath(uri)
	case http.MethodPost: // a form
	default:
		return problem(c, unauthorized)
	}
	start := portalURL(here(c).base, "start", returnTo)
	if len(start) > maxLoginHeader { // nor could beginHandOver carry it
		start = portalURL(here(c).base, "start", "/")
	}
	return begin(start)
}

// portalURL is an address on the portal's host that its proxy passes to us.
func portalURL(portal, what, returnTo string) string {
	return portal + portalPath + what + "?" + url.Values{"return_to": {returnTo}}.Encode()
}

// encodeHeader writes text as visible ASCII: every other byte of its UTF-8, the
// percent sign and the bytes of more are percent-encoded (RFC 3986 2.1). So no
// value can end a header or begin another one.
func encodeHeader(text, more string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c > ' ' && c < 0x7f && c != '%' && strings.IndexByte(more, c) < 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// groupList is the keys of the groups with commas between them, as many as fit,
// and whether some were left out.
func groupList(keys []string) (list string, cut bool) {
	var b strings.Builder
	for i, key := range keys {
		key = encodeHeader(key, ",")
		if i > 0 {
			key = "," + key
		}
		if b.Len()+len(key) > maxGroupsHeader {
			return b.String(), true
		}
		b.WriteString(key)
	}
	return b.String(), false
}
