package web_test

import (
	"regexp"
	"strings"
	"testing"

	"idms/internal/web"
	"idms/test/ways"
)

func TestTheReferenceSaysOfEveryPageWhatElseDoesTheSame(t *testing.T) {
	var paths []string
	for _, route := range web.AdminRoutes() {
		path := strings.TrimPrefix(route.Path, "/admin")
		if path == "" {
			path = "/"
		}
		paths = append(paths, regexp.MustCompile(`:(\w+)`).ReplaceAllString(path, "{$1}"))
	}
	ways.Same(t, ways.Column(t, ways.Page), paths)
}
