// Package api owns the JSON API under /api/v1: its routes, who may use each, how
// documents come in and go out, and its OpenAPI description. docs/reference/api.md
// is its contract.
//
// A handler reads what came, calls one thing, and returns what it got. Errors are
// returned, never written: problems.go turns each into application/problem+json.
// What is wrong with a record is found by idms, in the words of the record file.
//
// The types whose names begin with a capital are forms that the command line prints
// too, so that a script reads the same from either.
//
// It leaves the database to store, explaining logins to login, tokens themselves
// to tokens, and the two addresses that a portal asks (/api/v1/session…) to web.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/mail"
	"idms/internal/upkeep"
)

// Config is what an API is made of.
type Config struct {
	Flow   *login.Flow    // with the store behind it
	Upkeep *upkeep.Upkeep // of the same store

	// PasswordAddress is where somebody with a one-time token chooses a password.
	PasswordAddress func(token string) string

	// Mail sends the letters that somebody asks for; nil is no mail server.
	Mail       *mail.Sender
	PortalName string // as configured, for the letters

	// Address is that of a request's client, as far as trusted proxies tell.
	Address func(*http.Request) string
	// Allow is true when a client address may show one more token that was not
	// right before.
	Allow func(address string) bool
	// Warn says what of a record only this process's configuration can tell; nil
	// for nothing.
	Warn func(idms.Record) fault.Problems

	// Directory syncs records; nil is one over the Flow's store.
	Directory *directory.Sync

	Clock func() time.Time
	Log   *slog.Logger
}

// base is the path of everything here.
const base = "/api/v1"

// Serves is true for a path that New's handler answers. The addresses of sessions
// that portals ask are web's.
func Serves(path string) bool {
	if path != base && !strings.HasPrefix(path, base+"/") {
		return false
	}
	return path != base+"/session" && !strings.HasPrefix(path, base+"/session/")
}

// API is the routes over one Flow.
type API struct {
	Config
	echo  *echo.Echo
	huma  huma.API
	right recent // hashes of tokens that were right lately
}

// New returns the handler of every path that Serves names. It fails when a route
// has no role.
func New(c Config) (http.Handler, error) {
	a, err := newAPI(c)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// ServeHTTP answers HEAD wherever GET is (RFC 9110, 9.1): the server sends no body
// with it, because its own request still says HEAD.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		asked := *r
		asked.Method = http.MethodGet
		r = &asked
	}
	a.echo.ServeHTTP(w, r)
}

func newAPI(c Config) (*API, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Directory == nil {
		c.Directory = &directory.Sync{Store: c.Flow.Store, Clock: c.Clock, Log: c.Log}
	}
	a := &API{Config: c, echo: echo.New()}
	a.echo.Logger.SetOutput(io.Discard) // ours is slog
	a.echo.HTTPErrorHandler = a.fail
	a.echo.Pre(identify, a.account, a.rescue, bound, harden)
	a.echo.Use(a.authenticate, refuseEmpty)
	a.huma = humaecho.New(a.echo, description())

	a.recordRoutes()
	a.ruleRoutes()
	a.versionRoutes()
	a.groupRoutes()
	a.memberRoutes()
	a.leftBehindRoutes()
	a.userRoutes()
	a.sessionRoutes()
	a.traceRoutes()
	a.auditRoutes()
	a.tokenRoutes()
	a.directoryRoutes()

	a.reapplyRoutes()
	a.testLoginRoutes()
	a.metadataRoutes()
	a.keyRoutes()
	a.adminRoutes()

	for _, route := range a.echo.Routes() {
		if _, ok := allowed[route.Method+" "+route.Path]; !ok && !open[route.Path] {
			return nil, fmt.Errorf("api: nobody has decided who may %s %s: add it to roles.go", route.Method, route.Path)
		}
	}
	return a, nil
}

func description() huma.Config {
	plain := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			encoder := json.NewEncoder(w)
			encoder.SetEscapeHTML(false)
			return encoder.Encode(v)
		},
		Unmarshal: json.Unmarshal,
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "idms", Version: "1",
				Description: "Records, rules, groups, people, sessions, traces, certificates and the audit trail of idms. Fields are added, never renamed or removed.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", nameSchema),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "A token that `idms token create` made."},
				},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		OpenAPIPath:                  base + "/openapi",
		Formats:                      map[string]huma.Format{"application/json": plain, "json": plain},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// route adds one operation. Every error of handler becomes a problem.
func route[I, O any](a *API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Path = base + op.Path
	role := allowed[op.Method+" "+echoPath(op.Path)]
	op.Description = strings.TrimSpace(op.Description + "\n\nRole: " + string(role) + ".")
	if op.Tags == nil {
		segment, _, _ := strings.Cut(strings.TrimPrefix(op.Path, base+"/"), "/")
		op.Tags = []string{segment}
	}
	op.Errors = append(op.Errors, statusesOf(op)...)
	if _, conditional := reflect.TypeFor[I]().FieldByName("IfNoneMatch"); conditional {
		if op.Responses == nil {
			op.Responses = map[string]*huma.Response{}
		}
		op.Responses["304"] = &huma.Response{Description: "It is still as you have it."}
	}
	if _, conditional := reflect.TypeFor[I]().FieldByName("IfMatch"); conditional {
		op.Errors = append(op.Errors, http.StatusPreconditionFailed, http.StatusPreconditionRequired)
	}
	// huma would read a body that it knows of, which takes has done already.
	body := op.RequestBody
	op.RequestBody = nil
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return out, nil
	})
	for _, described := range a.operationsAt(op.Path) {
		if described.Method == op.Method {
			described.RequestBody = body
		}
	}
}

// operationsAt are the operations that the description has at a path.
func (a *API) operationsAt(path string) []*huma.Operation {
	item := a.huma.OpenAPI().Paths[path]
	return slices.DeleteFunc([]*huma.Operation{item.Get, item.Put, item.Post, item.Delete}, func(op *huma.Operation) bool { return op == nil })
}

// echoPath is a path in echo's spelling, as the table of roles has it.
func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// statusesOf are the errors that an operation can have.
func statusesOf(op huma.Operation) []int {
	all := []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity,
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
	}
	if op.Method != http.MethodGet {
		all = append(all, http.StatusConflict)
	}
	if op.RequestBody != nil {
		all = append(all, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return all
}
