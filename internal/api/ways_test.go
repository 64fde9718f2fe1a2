package api

import (
	"strings"
	"testing"

	"idms/test/ways"
)

func TestTheReferenceSaysOfEveryRouteWhatElseDoesTheSame(t *testing.T) {
	var routes []string
	for route := range allowed {
		routes = append(routes, asWritten(route))
	}
	ways.Same(t, ways.Column(t, ways.API), routes)
}

// asWritten is a route as the reference has it.
func asWritten(route string) string {
	method, path, _ := strings.Cut(route, " ")
	path = strings.TrimPrefix(path, base)
	for _, name := range []string{"key", "rule", "user", "version", "session", "ref", "token", "run", "hash", "group"} {
		path = strings.ReplaceAll(path, ":"+name, "{"+name+"}")
	}
	for _, list := range []string{"validation_rules", "access_rules", "associations"} {
		path = strings.ReplaceAll(path, "/"+list, "/{list}")
	}
	return method + " " + path
}
