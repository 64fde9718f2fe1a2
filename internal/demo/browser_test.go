package demo

import (
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
		tab.Readable(t, address, "idp-"+name)
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}
