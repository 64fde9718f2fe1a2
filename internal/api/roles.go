package api

import "idms/internal/roles"

// allowed says what a token must at least be to use a route. A route that is not
// here does not exist: newAPI fails for it. docs/reference/api.md shows the table
// to people, and a test holds it to this one.
var allowed = map[string]roles.Role{
	"GET /api/v1/records":         roles.Reader,
	"POST /api/v1/records":        roles.Editor,
	"GET /api/v1/records/:key":    roles.Reader,
	"PUT /api/v1/records/:key":    roles.Editor,
	"DELETE /api/v1/records/:key": roles.Owner, // its people go with it

	"GET /api/v1/records/:key/validation_rules":             roles.Reader,
	"PUT /api/v1/records/:key/validation_rules":             roles.Editor,
	"POST /api/v1/records/:key/validation_rules":            roles.Editor,
	"GET /api/v1/records/:key/validation_rules/:rule":       roles.Reader,
	"PUT /api/v1/records/:key/validation_rules/:rule":       roles.Editor,
	"DELETE /api/v1/records/:key/validation_rules/:rule":    roles.Editor,
	"POST /api/v1/records/:key/validation_rules/:rule/move": roles.Editor,
	"GET /api/v1/records/:key/access_rules":                 roles.Reader,
	"PUT /api/v1/records/:key/access_rules":                 roles.Editor,
	"POST /api/v1/records/:key/access_rules":                roles.Editor,
	"GET /api/v1/records/:key/access_rules/:rule":           roles.Reader,
	"PUT /api/v1/records/:key/access_rules/:rule":           roles.Editor,
	"DELETE /api/v1/records/:key/access_rules/:rule":        roles.Editor,
	"POST /api/v1/records/:key/access_rules/:rule/move":     roles.Editor,
	"GET /api/v1/records/:key/associations":                 roles.Reader,
	"PUT /api/v1/records/:key/associations":                 roles.Editor,
	"POST /api/v1/records/:key/associations":                roles.Editor,
	"GET /api/v1/records/:key/associations/:rule":           roles.Reader,
	"PUT /api/v1/records/:key/associations/:rule":           roles.Editor,
	"DELETE /api/v1/records/:key/associations/:rule":        roles.Editor,
	"POST /api/v1/records/:key/associations/:rule/move":     roles.Editor,

	"GET /api/v1/records/:key/versions":                   roles.Reader,
	"GET /api/v1/records/:key/versions/:version":          roles.Reader,
	"GET /api/v1/records/:key/compare":                    roles.Reader,
	"POST /api/v1/records/:key/versions/:version/restore": roles.Editor,

	"POST /api/v1/records/:key/apply-rules": roles.Editor,
	"POST /api/v1/records/:key/rehearse":    roles.Editor,
	"POST /api/v1/users/:user/apply-rules":  roles.Editor,

	// A test shows whatever the provider said, to whoever has its address.
	"POST /api/v1/records/:key/test-logins": roles.Editor,
	"GET /api/v1/test-logins/:ref":          roles.Editor,

	"POST /api/v1/metadata/preview":              roles.Editor, // we ask any address for it
	"GET /api/v1/records/:key/metadata":          roles.Reader,
	"POST /api/v1/records/:key/metadata/refresh": roles.Editor,
	"POST /api/v1/records/:key/metadata/approve": roles.Editor,
	"GET /api/v1/records/:key/keys":              roles.Reader,
	"POST /api/v1/records/:key/keys/next":        roles.Editor,
	"POST /api/v1/records/:key/keys/switch":      roles.Editor, // forced: an owner
	"POST /api/v1/records/:key/keys/retire":      roles.Editor, // forced: an owner
	"GET /api/v1/certificates":                   roles.Reader,
	"GET /api/v1/doctor":                         roles.Editor, // we ask providers

	"GET /api/v1/administrators":                  roles.Owner,
	"GET /api/v1/exemptions":                      roles.Owner,
	"PUT /api/v1/users/:user/exemption":           roles.Owner,
	"DELETE /api/v1/users/:user/exemption":        roles.Owner,
	"POST /api/v1/users/:user/password-address":   roles.Owner,
	"DELETE /api/v1/users/:user/password-address": roles.Owner,
	"GET /api/v1/settings":                        roles.Owner,
	"PUT /api/v1/settings":                        roles.Owner,

	"GET /api/v1/groups":                       roles.Reader,
	"POST /api/v1/groups":                      roles.Editor,
	"GET /api/v1/groups/:key":                  roles.Reader,
	"PUT /api/v1/groups/:key":                  roles.Editor,
	"DELETE /api/v1/groups/:key":               roles.Editor,
	"GET /api/v1/groups/:key/members":          roles.Reader,
	"PUT /api/v1/groups/:key/members/:user":    roles.Editor,
	"DELETE /api/v1/groups/:key/members/:user": roles.Editor,
	"GET /api/v1/left-behind":                  roles.Reader,
	"POST /api/v1/left-behind":                 roles.Editor, // of the built-in groups: an owner

	"GET /api/v1/users":                   roles.Reader,
	"POST /api/v1/users":                  roles.Owner, // by a password that idms keeps
	"GET /api/v1/users/:user":             roles.Reader,
	"GET /api/v1/users/:user/groups":      roles.Reader,
	"POST /api/v1/users/:user/block":      roles.Editor,
	"POST /api/v1/users/:user/unblock":    roles.Editor,
	"POST /api/v1/users/:user/erase":      roles.Owner,
	"GET /api/v1/users/:user/sessions":    roles.Reader,
	"DELETE /api/v1/users/:user/sessions": roles.Editor,

	"GET /api/v1/sessions":             roles.Reader,
	"DELETE /api/v1/sessions/:session": roles.Editor,

	// A trace holds everything that a provider said about a person.
	"GET /api/v1/traces":              roles.Reader,
	"GET /api/v1/traces/:ref":         roles.Editor,
	"GET /api/v1/traces/:ref/text":    roles.Editor,
	"GET /api/v1/traces/:ref/compare": roles.Editor,
	// What nobody has accepted yet could log somebody in.
	"GET /api/v1/traces/:ref/response": roles.Owner,
	"GET /api/v1/audit":                roles.Reader,

	"GET /api/v1/tokens":           roles.Owner,
	"POST /api/v1/tokens":          roles.Owner,
	"DELETE /api/v1/tokens/:token": roles.Owner,

	"GET /api/v1/records/:key/directory":                       roles.Reader,
	"PUT /api/v1/records/:key/directory/password":              roles.Editor,
	"POST /api/v1/records/:key/directory/test":                 roles.Editor,
	"POST /api/v1/records/:key/directory/run":                  roles.Editor,
	"POST /api/v1/records/:key/directory/pause":                roles.Editor,
	"POST /api/v1/records/:key/directory/resume":               roles.Editor,
	"GET /api/v1/records/:key/directory/runs":                  roles.Reader,
	"GET /api/v1/records/:key/directory/runs/:run":             roles.Reader,
	"GET /api/v1/records/:key/directory/runs/:run/changes":     roles.Reader,
	"GET /api/v1/records/:key/directory/runs/:run/changes.csv": roles.Reader,
	// Whoever may widen the limits by changing the record may let a plan through.
	"POST /api/v1/records/:key/directory/plans/:hash/approve": roles.Editor,
	"GET /api/v1/users/:user/groups/:group/why":               roles.Reader,
}

// open are the paths that ask for no token: the description holds no data.
var open = map[string]bool{
	base + "/openapi.json": true, base + "/openapi.yaml": true,
	base + "/openapi-3.0.json": true, base + "/openapi-3.0.yaml": true,
}
