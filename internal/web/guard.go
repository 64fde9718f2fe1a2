package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"github.com/labstack/echo/v4"
)

// The guards that every request passes, in the order in which New lists them.

const requestIDHeader = "X-Request-Id"

// identify gives the request its id. One that came along is not believed: it
// would let a stranger write into our log.
func (s *Site) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(requestIDHeader, strings.ToLower(rand.Text()[:16]))
		return next(c)
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(requestIDHeader) }

// traceKey holds the reference of the login's trace, so that a request's line in
// the log leads to it.
const traceKey = "trace"

// account writes one line per request. No personal value is in it (M26): the route's
// pattern instead of the path, no query, no address, no name.
func (s *Site) account(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := s.Clock()
		if err := next(c); err != nil {
			c.Error(err) // writes the page, so that its status is known here
		}
		route := c.Path()
		if route == "" {
			route = "none"
		}
		level := slog.LevelInfo
		// Probes, and what comes along with every other request.
		if route == "/healthz" || route == "/readyz" || strings.HasSuffix(route, "/static/:file") || strings.HasPrefix(route, forwardAuthPath) {
			level = slog.LevelDebug
		}
		fields := []slog.Attr{
			slog.String("id", requestID(c)),
			slog.String("method", knownMethod(c.Request().Method)),
			slog.String("route", route),
			slog.Int("status", c.Response().Status),
			slog.Duration("took", s.Clock().Sub(start)),
		}
		if reference, ok := c.Get(traceKey).(string); ok {
			fields = append(fields, slog.String("trace", reference))
		}
		s.Log.LogAttrs(c.Request().Context(), level, "request", fields...)
		return nil
	}
}

// knownMethod keeps a method that somebody made up out of the log.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// rescue turns a panic into an error page and an alarm in the log.
func (s *Site) rescue(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				s.Log.Error("panic", "id", requestID(c), "route", c.Path(), "stack", string(debug.Stack()))
				err = errors.New("panic")
			}
		}()
		return next(c)
	}
}

// bound ends whatever a request has begun when its time is over.
func (s *Site) bound(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), handlerTime)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// policy is the Content-Security-Policy of a page: nothing but what it names.
//
// formsTo is empty when forms may go anywhere. That is so where a form ends at
// an identity provider, because Chromium holds form-action against every
// redirect that follows the post, and providers redirect as they like.
//
// Scripts are our files alone, and may ask nobody but us.
func policy(scripts bool, formsTo string) string {
	parts := []string{
		"default-src 'none'",
		"style-src 'self'",
		"img-src 'self'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}
	if scripts {
		parts = append(parts, "script-src 'self'", "connect-src 'self'")
	}
	if formsTo != "" {
		parts = append(parts, "form-action "+formsTo)
	}
	return strings.Join(parts, "; ")
}

const (
	noForms  = "'none'"
	ownForms = "'self'"
	anyForms = ""
)

// harden sets the headers of every answer. Pages that need more say so when
// they are rendered.
func (s *Site) harden(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set("Content-Security-Policy", policy(false, noForms))
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		// The addresses of this service hold return paths and record keys: nobody
		// else's business.
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), publickey-credentials-create=(self), publickey-credentials-get=(self), usb=()")
		return next(c)
	}
}

// hsts is a year, for this host alone: what else lives below it is not ours to
// promise (RFC 6797 6.1).
const hsts = "max-age=31536000"

// locate finds out at which of our origins the request arrived, and answers 421
// (RFC 9110 15.5.20) at any other host. Probes ask by address, so health and
// readiness answer everywhere, and so does what portals' back ends ask. What a
// portal's proxy asks is of the portal that the proxy names.
func (s *Site) locate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		path := c.Path()
		if path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, apiPath) {
			return next(c)
		}
		if ofProxy(path) {
			portal, err := s.forwarded(c.Request())
			if err != nil {
				return err
			}
			c.Set(originKey, portal)
			return next(c)
		}
		found, ok := s.origins.find(c.Request().Host)
		if !ok {
			return echo.NewHTTPError(http.StatusMisdirectedRequest)
		}
		c.Set(originKey, found)
		if found.secure {
			c.Response().Header().Set("Strict-Transport-Security", hsts)
		}
		return next(c)
	}
}

// sameOrigin refuses what another site makes a browser post. Exactly the
// addresses that identity providers post to are exempt: the pending request's
// cookie guards the one (M23), the provider's signature the other (M24).
func sameOrigin() echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if (c.Path() == acsRoute || c.Path() == sloRoute) && c.Request().Method == http.MethodPost {
				return next(c)
			}
			request := c.Request()
			if ofProxy(c.Path()) { // its proxy may ask by another name than the browser did
				asked := *request
				asked.Host = hostOf(here(c).base)
				request = &asked
			}
			if err := protection.Check(request); err != nil {
				return echo.NewHTTPError(http.StatusForbidden).WithInternal(fmt.Errorf("cross-origin request: %w", err))
			}
			return next(c)
		}
	}
}

// ClientAddress is how the address of a client is found: that of the
// connection, or what a trusted proxy says of it.
func ClientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	// Echo trusts every private network unless told otherwise.
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, proxy := range proxies {
		options = append(options, echo.TrustIPRange(&net.IPNet{
			IP:   proxy.Masked().Addr().AsSlice(),
			Mask: net.CIDRMask(proxy.Bits(), proxy.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}
