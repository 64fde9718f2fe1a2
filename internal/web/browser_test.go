package web_test

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"idms/internal/web"
	"idms/test/browser"
)

// Refusals and errors are two pages with many sentences: a few of them show
// every shape.
var (
	oneOfMany = regexp.MustCompile(`^(refused|error)-`)
	chosen    = []string{"refused-login-no-access", "refused-login-idp-status", "refused-elevate-other-user", "error-421", "error-500"}
)

// Every page in every state, as people see it: at 320 pixels, in the dark, and
// as axe-core reads it aloud.
func TestEverySampleStateIsReadableByEverybody(t *testing.T) {
	tab := browser.Start(t)
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	handler, err := web.New(web.Config{PortalName: "Cloud portal", BaseURLs: []string{base}, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = handler
	server.Start()
	defer server.Close()

	tab.Open(t, base+"/dev/pages")
	for _, name := range strings.Fields(tab.See(t, "main ul")) {
		if strings.HasPrefix(name, "continue") {
			continue // posts itself away; the journey looks at it without JavaScript
		}
		if oneOfMany.MatchString(name) && !slices.Contains(chosen, name) {
			continue // the same page with other words
		}
		tab.Readable(t, base+"/dev/pages/"+name, name)
	}
	for _, problem := range tab.Problems() {
		// A page whose status is an error is one of the states.
		if !strings.Contains(problem, "the server responded with a status of") {
			t.Error(problem)
		}
	}
}
