package api

import "idms/internal/tokens"

// roles says what a token must at least be to use a route. A route that is not
// here does not exist: newAPI fails for it. docs/reference/api.md shows the table
// to people, and a test holds it to this one.
var roles = map[string]tokens.Role{
	"GET /api/v1/records":         tokens.Reader,
	"POST /api/v1/records":        tokens.Editor,
	"GET /api/v1/records/:key":    tokens.Reader,
	"PUT /api/v1/records/:key":    tokens.Editor,
	"DELETE /api/v1/records/:key": tokens.Owner, // its people go with it

	"GET /api/v1/records/:key/validation_rules":             tokens.Reader,
	"PUT /api/v1/records/:key/validation_rules":             tokens.Editor,
	"POST /api/v1/records/:key/validation_rules":            tokens.Editor,
	"GET /api/v1/records/:key/validation_rules/:rule":       tokens.Reader,
	"PUT /api/v1/records/:key/validation_rules/:rule":       tokens.Editor,
	"DELETE /api/v1/records/:key/validation_rules/:rule":    tokens.Editor,
	"POST /api/v1/records/:key/validation_rules/:rule/move": tokens.Editor,
	"GET /api/v1/records/:key/access_rules":                 tokens.Reader,
	"PUT /api/v1/records/:key/access_rules":                 tokens.Editor,
	"POST /api/v1/records/:key/access_rules":                tokens.Editor,
	"GET /api/v1/records/:key/access_rules/:rule":           tokens.Reader,
	"PUT /api/v1/records/:key/access_rules/:rule":           tokens.Editor,
	"DELETE /api/v1/records/:key/access_rules/:rule":        tokens.Editor,
	"POST /api/v1/records/:key/access_rules/:rule/move":     tokens.Editor,
	"GET /api/v1/records/:key/associations":                 tokens.Reader,
	"PUT /api/v1/records/:key/associations":                 tokens.Editor,
	"POST /api/v1/records/:key/associations":                tokens.Editor,
	"GET /api/v1/records/:key/associations/:rule":           tokens.Reader,
	"PUT /api/v1/records/:key/associations/:rule":           tokens.Editor,
	"DELETE /api/v1/records/:key/associations/:rule":        tokens.Editor,
	"POST /api/v1/records/:key/associations/:rule/move":     tokens.Editor,

	"GET /api/v1/records/:key/versions":                   tokens.Reader,
	"GET /api/v1/records/:key/versions/:version":          tokens.Reader,
	"GET /api/v1/records/:key/compare":                    tokens.Reader,
	"POST /api/v1/records/:key/versions/:version/restore": tokens.Editor,

	"GET /api/v1/groups":                       tokens.Reader,
	"POST /api/v1/groups":                      tokens.Editor,
	"GET /api/v1/groups/:key":                  tokens.Reader,
	"PUT /api/v1/groups/:key":                  tokens.Editor,
	"DELETE /api/v1/groups/:key":               tokens.Editor,
	"GET /api/v1/groups/:key/members":          tokens.Reader,
	"PUT /api/v1/groups/:key/members/:user":    tokens.Editor,
	"DELETE /api/v1/groups/:key/members/:user": tokens.Editor,

	"GET /api/v1/users":                   tokens.Reader,
	"GET /api/v1/users/:user":             tokens.Reader,
	"GET /api/v1/users/:user/groups":      tokens.Reader,
	"POST /api/v1/users/:user/block":      tokens.Editor,
	"POST /api/v1/users/:user/unblock":    tokens.Editor,
	"GET /api/v1/users/:user/sessions":    tokens.Reader,
	"DELETE /api/v1/users/:user/sessions": tokens.Editor,

	"GET /api/v1/sessions":             tokens.Reader,
	"DELETE /api/v1/sessions/:session": tokens.Editor,

	// A trace holds everything that a provider said about a person.
	"GET /api/v1/traces":           tokens.Reader,
	"GET /api/v1/traces/:ref":      tokens.Editor,
	"GET /api/v1/traces/:ref/text": tokens.Editor,
	"GET /api/v1/audit":            tokens.Reader,

	"GET /api/v1/tokens":           tokens.Owner,
	"POST /api/v1/tokens":          tokens.Owner,
	"DELETE /api/v1/tokens/:token": tokens.Owner,
}

// open are the paths that ask for no token: the description holds no data.
var open = map[string]bool{
	base + "/openapi.json": true, base + "/openapi.yaml": true,
	base + "/openapi-3.0.json": true, base + "/openapi-3.0.yaml": true,
}
