package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/tokens"
)

// The guards that every request passes, in the order in which newAPI lists them.

type contextKey int

const (
	referenceKey contextKey = iota
	tokenKey
	bodyKey
)

func with(c echo.Context, key contextKey, value any) {
	c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), key, value)))
}

// identify gives the request its id, which the log and every problem show.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := strings.ToLower(rand.Text()[:16])
		c.Response().Header().Set("X-Request-Id", id)
		with(c, referenceKey, id)
		return next(c)
	}
}

func reference(ctx context.Context) string {
	id, _ := ctx.Value(referenceKey).(string)
	return id
}

// account writes one line per request: the route's pattern, which holds no name of
// anybody, and which token asked.
func (a *API) account(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := a.Clock()
		if err := next(c); err != nil {
			c.Error(err) // writes the problem, so that its status is known here
		}
		route := c.Path()
		if route == "" {
			route = "none"
		}
		fields := []slog.Attr{
			slog.String("id", reference(c.Request().Context())),
			slog.String("route", route),
			slog.Int("status", c.Response().Status),
			slog.Duration("took", a.Clock().Sub(start)),
		}
		if _, known := allowed[c.Request().Method+" "+route]; known { // never a method that somebody made up
			fields = append(fields, slog.String("method", c.Request().Method))
		}
		if token, ok := c.Request().Context().Value(tokenKey).(tokens.Token); ok {
			fields = append(fields, slog.String("token", token.Name))
		}
		a.Log.LogAttrs(c.Request().Context(), slog.LevelInfo, "request", fields...)
		return nil
	}
}

// rescue turns a panic into a problem and an alarm in the log.
func (a *API) rescue(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				a.Log.Error("panic", "id", reference(c.Request().Context()), "route", c.Path(), "stack", string(debug.Stack()))
				err = errors.New("panic")
			}
		}()
		return next(c)
	}
}

// handlerTime is for everything behind one request.
const handlerTime = 30 * time.Second

func bound(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), handlerTime)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// harden sets the headers of every answer: none of it is for a browser to show, to
// frame or to keep.
func harden(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		return next(c)
	}
}

// authenticate finds the token of the request and holds it against the role of the
// route. Only a token is believed, never a cookie, so that no other site can make a
// browser ask for anything here.
func (a *API) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if open[c.Path()] && c.Request().Method == http.MethodGet {
			return next(c)
		}
		token, err := a.tokenOf(c.Request())
		if err != nil {
			return err
		}
		with(c, tokenKey, token)
		// What has no role is no route: the router says so, to who has a token.
		if need, ok := allowed[c.Request().Method+" "+c.Path()]; ok && !token.Role.May(need) {
			return newProblem(http.StatusForbidden, "This needs a token of the role "+string(need)+"; "+token.Name+" is "+article(token.Role)+".")
		}
		return next(c)
	}
}

// mayBeEmpty are the parameters that are text: without any, they are as if they
// were left out.
var mayBeEmpty = map[string]bool{
	"cursor": true, "q": true, "record": true, "user": true, "group": true, "action": true, "who": true, "code": true, "before": true, "username": true,
}

// refuseEmpty keeps ?to= from meaning "everything": somebody's script lost a value.
func refuseEmpty(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		var problems fault.Problems
		for name, values := range c.QueryParams() {
			for _, value := range values {
				if value == "" && !mayBeEmpty[name] {
					problems.Add(name, "Give the parameter a value, or leave it out.")
				}
			}
		}
		if err := invalid(problems); err != nil {
			return err
		}
		return next(c)
	}
}

func article(role roles.Role) string {
	if role == roles.Reader {
		return "a reader"
	}
	return "an " + string(role)
}

// tokenOf is the token that a request shows. An address that shows many wrong ones
// is not heard any more; one that was right lately is never kept out by its
// neighbours' mistakes.
func (a *API) tokenOf(request *http.Request) (tokens.Token, error) {
	kind, secret, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	hash, ok := tokens.Hash(strings.TrimSpace(secret))
	if !strings.EqualFold(kind, "Bearer") {
		return tokens.Token{}, newProblem(http.StatusUnauthorized, "")
	}
	now := a.Clock()
	if !a.right.has(hash) && a.Allow != nil && !a.Allow(a.address(request)) {
		p := newProblem(http.StatusTooManyRequests, "")
		p.headers = http.Header{"Retry-After": {"60"}}
		return tokens.Token{}, p
	}
	if !ok {
		return tokens.Token{}, newProblem(http.StatusUnauthorized, "")
	}
	token, err := a.Flow.Store.Token(request.Context(), hash, now)
	if fault.KindOf(err) == fault.NotFound {
		a.right.forget(hash)
		return tokens.Token{}, newProblem(http.StatusUnauthorized, "")
	}
	if err != nil {
		return tokens.Token{}, err
	}
	a.right.remember(hash)
	return token, a.Flow.Store.TouchToken(request.Context(), token, now)
}

func (a *API) address(request *http.Request) string {
	if a.Address == nil {
		return request.RemoteAddr
	}
	return a.Address(request)
}

// recent holds the hashes of some tokens that were right lately. It saves no
// question to the database: a token can be revoked at any time.
type recent struct {
	mu   sync.Mutex
	seen map[[sha256.Size]byte]bool
}

// maxRecent bounds the memory of a recent; beyond it all are forgotten.
const maxRecent = 1000

func (r *recent) has(hash []byte) bool {
	if len(hash) != sha256.Size {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[[sha256.Size]byte(hash)]
}

func (r *recent) remember(hash []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil || len(r.seen) >= maxRecent {
		r.seen = map[[sha256.Size]byte]bool{}
	}
	r.seen[[sha256.Size]byte(hash)] = true
}

func (r *recent) forget(hash []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, [sha256.Size]byte(hash))
}

// Reasoned is the header with which every change can say why.
type Reasoned struct {
	Reason string `header:"Idms-Reason" doc:"Why, for the audit trail and the versions: one line of at most 500 characters, in UTF-8."`
}

const maxReason = 500

// author is who changes something by this request, and why.
func (a *API) author(ctx context.Context, r Reasoned) (store.Author, error) {
	token, ok := ctx.Value(tokenKey).(tokens.Token)
	if !ok {
		return store.Author{}, errors.New("api: a change without a token")
	}
	reason := strings.TrimSpace(r.Reason)
	if !utf8.ValidString(reason) { // a client that writes headers as ISO 8859-1, as RFC 9110 5.5 remembers
		var text strings.Builder
		for i := range len(reason) {
			text.WriteRune(rune(reason[i]))
		}
		reason = text.String()
	}
	if utf8.RuneCountInString(reason) > maxReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return store.Author{}, invalid(fault.Problems{{Field: "Idms-Reason", Message: "Give the reason in one line of at most 500 characters."}})
	}
	return store.Author{Role: token.Role, Who: token.Who(), Reason: reason, Now: a.Clock()}, nil
}
