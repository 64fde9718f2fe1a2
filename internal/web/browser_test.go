package web_test

import (
	"context"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"idms/internal/web"
	"idms/test/browser"
)

// Refusals and errors are two pages with many sentences: a few of them show
// every shape.
var (
	oneOfMany = regexp.MustCompile(`^(refused|error)-`)
	chosen    = []string{"refused-login-no-access", "refused-login-idp-status", "refused-elevate-other-user", "error-421", "error-500"}
)

// Every page in every state, as people see it: at 320 pixels, in the dark, with all
// that is folded open, and as axe-core reads it aloud.
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
	// Who hears the page has its tables whole at every width: the headings that nobody
	// sees there, and no word of a heading a second time.
	tab.Open(t, base+"/dev/pages/admin-person")
	wide := tables(t, tab)
	tab.Size(t, 320, 640)
	tab.Do(t, chromedp.Evaluate[chromedp.Void](`for (const cell of document.querySelectorAll("td[data-label]"))
		if (!getComputedStyle(cell, "::before").content.startsWith(JSON.stringify(cell.dataset.label))) throw cell.dataset.label + " is not shown"`))
	if narrow := tables(t, tab); !slices.Equal(narrow, wide) || !slices.Contains(wide, "columnheader Last used") {
		t.Errorf("as cards the tables are heard as %q, want %q", narrow, wide)
	}
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

// tables are the parts of a page's tables, as they are read aloud.
func tables(t *testing.T, tab *browser.Browser) (parts []string) {
	t.Helper()
	tab.Do(t, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		tree, err := cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		for _, node := range tree.Nodes {
			if node.Ignored || node.Role == nil || node.Name == nil {
				continue
			}
			role := strings.Trim(string(node.Role.Value), `"`)
			if slices.Contains([]string{"table", "rowgroup", "row", "columnheader", "rowheader", "cell"}, role) {
				parts = append(parts, role+" "+strings.Trim(string(node.Name.Value), `"`))
			}
		}
		return chromedp.Void{}, err
	})
	return parts
}

// tabs is how many pages are looked at at a time: on two processors a fourth one
// gains nothing.
const tabs = 3
