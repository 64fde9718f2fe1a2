package demo

import (
	"os"
	"testing"

	"idms/internal/saml"
	"idms/test/browser"
)

func TestTheProvidersPagesAreReadableByEverybody(t *testing.T) {
	provider, _ := newIdP(t)
	tab := browser.Start(t)
	for name, address := range map[string]string{
		"lobby":   provider.BaseURL + "/",
		"choose":  ask(t, provider, Acme, saml.RequestOptions{}),
		"elevate": ask(t, provider, Acme, saml.RequestOptions{ForceAuthn: true, Contexts: []string{smartCard}}),
		"logout":  provider.BaseURL + "/logout",
	} {
		for _, view := range []struct {
			dark          bool
			width, height int64
		}{{false, 320, 640}, {true, 1280, 900}} {
			tab.Dark(t, view.dark)
			tab.Size(t, view.width, view.height)
			tab.Open(t, address)
			if wide := tab.SidewaysScroll(t); wide > 0 {
				t.Errorf("%s scrolls sideways by %d pixels at %d", name, wide, view.width)
			}
			tab.Accessible(t)
			if os.Getenv(browser.Screenshots) != "" {
				tab.Screenshot(t, "idp-"+name+map[bool]string{true: "-dark"}[view.dark])
			}
		}
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}
