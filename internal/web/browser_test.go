package web_test

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
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
	all := strings.Fields(tab.See(t, "main ul"))
	pages := make(chan string, len(all))
	for _, name := range all {
		if strings.HasPrefix(name, "continue") {
			continue // posts itself away; the journey looks at it without JavaScript
		}
		if oneOfMany.MatchString(name) && !slices.Contains(chosen, name) {
			continue // the same page with other words
		}
		pages <- name
	}
	close(pages)
	// axe-core keeps a processor busy: several tabs use all that there are.
	var looking sync.WaitGroup
	for range tabs {
		one := tab.Tab(t)
		looking.Go(func() {
			for name := range pages {
				t.Run(name, func(t *testing.T) {
					one.Readable(t, base+"/dev/pages/"+name, name)
					for _, problem := range one.Problems() {
						// A page whose status is an error is one of the states.
						if !strings.Contains(problem, "the server responded with a status of") {
							t.Error(problem)
						}
					}
				})
			}
		})
	}
	looking.Wait()
}

// tabs is how many pages are looked at at a time: on two processors a fourth one
// gains nothing.
const tabs = 3
