// Package web owns everything a browser sees: the pages, the cookies, the
// headers, the addresses, and which origin a request arrived at. It leaves the
// way a login goes to login, and every decision about it to idms.
//
// A handler reads what came, calls one thing, and renders or redirects. Errors
// are returned, never written: faults.go turns each into a page. The pages work
// without JavaScript.
package web

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/config"
	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/mail"
	"idms/internal/saml"
	"idms/internal/upkeep"
)

// Config is what a Site is made of.
type Config struct {
	Flow *login.Flow
	// Upkeep and Directory are of the Flow's store, for administrators' pages.
	Upkeep    *upkeep.Upkeep
	Directory *directory.Sync
	// Warn says what of a record only this process's configuration can tell; nil
	// for nothing.
	Warn func(idms.Record) fault.Problems
	// Settings is the configuration that the process was started with, for the page
	// that shows and adjusts it.
	Settings config.Config
	// Mail takes invitations to people; nil is no mail server.
	Mail *mail.Sender
	// Later runs what a visitor does not wait for; nil is a goroutine. Whoever stops the
	// process waits for what it was given: none of it takes longer than 20 seconds.
	Later      func(work func())
	PortalName string // what the pages call the portal, where owners have not adjusted it
	// BaseURLs are the public origins, scheme://host[:port]. A request for any
	// other host is answered with 421: nothing is ever derived from the Host
	// header.
	BaseURLs []string
	// Portals are the origins that a session may be handed over to.
	Portals []string
	// TrustedProxies may say in X-Forwarded-For whose request they pass on, which
	// counts for the limits and the audit trail; and in X-Forwarded-Host, -Proto
	// and -Uri to which portal it came.
	TrustedProxies []netip.Prefix
	// Limits of how often one address may begin or post a login; the zero value
	// means DefaultLimits.
	Limits Limits
	// MaxPost bounds a posted body, in bytes (M01); 0 means that of
	// saml.DefaultLimits.
	MaxPost int
	Dev     bool // show every page's sample states at /dev/pages
	Clock   func() time.Time
	Log     *slog.Logger
}

// Site is the pages over one Flow.
type Site struct {
	Config
	origins origins
	portals portals
	limiter *limiter
	// forgotten counts who asks for letters about forgotten passwords, and letters are
	// the places of those under way.
	forgotten *limiter
	letters   chan struct{}
	// rehearsals are the places for those under way: each goes through everybody of a
	// record.
	rehearsals chan struct{}
}

// Bounds of one request.
const (
	maxHeader   = 64 << 10
	handlerTime = 30 * time.Second // for everything behind one request
)

// New returns the handler of every page. It fails on a base URL that is not
// scheme://host[:port], and on two of them with one host; likewise on a portal.
func New(c Config) (http.Handler, error) {
	origins, err := parseOrigins("base_urls", c.BaseURLs)
	if err != nil {
		return nil, err
	}
	portals, err := parsePortals(c.Portals)
	if err != nil {
		return nil, err
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits
	}
	if c.Later == nil {
		c.Later = func(work func()) { go work() }
	}
	if c.MaxPost == 0 {
		c.MaxPost = saml.DefaultLimits().Body
	}
	site := &Site{Config: c, origins: origins, portals: portals, limiter: newLimiter(c.Limits, c.Clock),
		forgotten: newLimiter(forgottenLimits, c.Clock), letters: make(chan struct{}, lettersAtOnce), rehearsals: make(chan struct{}, rehearsalsAtOnce)}

	e := echo.New()
	e.Logger.SetOutput(io.Discard) // ours is slog
	e.HTTPErrorHandler = site.fail
	e.IPExtractor = ClientAddress(c.TrustedProxies)
	e.Use(
		site.identify,
		site.account,
		site.rescue,
		site.bound,
		site.harden,
		site.locate,
		sameOrigin(),
	)
	site.routes(e)
	return e, nil
}

// Server is an http.Server for handler with every time bounded. Starting it and
// stopping it gracefully is the caller's.
func Server(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // 4 MiB over a slow line
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(serverLog{logger}, "", 0),
	}
}

// serverLog passes on what net/http has to say, such as a failed handshake. It
// says such things for every scanner that comes by, so they are for debugging.
type serverLog struct{ *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	l.Debug("http server", "message", string(line))
	return len(line), nil
}
