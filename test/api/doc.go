// Package api tests the JSON API as machines use it: idms at work in a process of
// its own, with people in it. It owns the fuzz run over the OpenAPI description
// and the examples of docs/reference/api.md; what each route does is tested beside
// the routes, in internal/api.
package api
