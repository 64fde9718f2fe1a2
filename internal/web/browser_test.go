package web_test

import (
	"fmt"
	"net/http/httptest"
	"os"
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
		if name == "continue" {
			continue // posts itself away; the journey looks at it without JavaScript
		}
		if oneOfMany.MatchString(name) && !slices.Contains(chosen, name) {
			continue // the same page with other words
		}
		for _, view := range []struct {
			dark          bool
			width, height int64
		}{{false, 320, 640}, {true, 1280, 900}} {
			tab.Dark(t, view.dark)
			tab.Size(t, view.width, view.height)
			tab.Open(t, base+"/dev/pages/"+name)
			if wide := tab.SidewaysScroll(t); wide > 0 {
				t.Errorf("%s scrolls sideways by %d pixels at %d", name, wide, view.width)
			}
			for _, violation := range tab.Violations(t) {
				t.Errorf("%s, dark %v, %d pixels: %s", name, view.dark, view.width, violation)
			}
			if os.Getenv(browser.Screenshots) != "" {
				tab.Screenshot(t, fmt.Sprintf("%s-%d", name, view.width))
			}
		}
	}
	for _, problem := range tab.Problems() {
		// A page whose status is an error is one of the states.
		if !strings.Contains(problem, "the server responded with a status of") {
			t.Error(problem)
		}
	}
}
