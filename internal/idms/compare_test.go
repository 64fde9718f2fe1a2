package idms

import (
	"crypto/rand"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"idms/internal/rules"
	"idms/internal/saml"
)

// compared tells the changes of a record, a line each.
func compared(t *testing.T, from, to Record) string {
	t.Helper()
	changes, err := Changes(from, to)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, one := range changes {
		lines = append(lines, one.Field+": "+one.From+" > "+one.To)
	}
	return strings.Join(lines, "\n")
}

func TestVersionsAreToldApartByWhatTheyMean(t *testing.T) {
	pattern, err := rules.ParsePattern("^staff$", rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string) (saml.Key, string) {
		key, err := saml.NewKey(rand.Reader, name, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		return key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key.Certificate.Raw}))
	}
	old, oldText := key("old")
	next, nextText := key("next")
	idp := saml.IdP{EntityID: "https://idp.example/", SSO: []saml.Endpoint{{Binding: saml.Redirect, URL: "https://idp.example/sso"}}}
	idp.Certificates = append(idp.Certificates, old.Certificate)
	before := Record{Key: "acme", Name: "Acme", State: Active, Validation: []rules.Rule{{Key: "staff", Attribute: "groups", Pattern: pattern}}}
	before.SAML.Metadata = idp.Metadata()

	moved := before
	idp.SSO[0].URL, idp.Certificates[0] = "https://elsewhere.example/sso", next.Certificate
	moved.SAML.Metadata = idp.Metadata()
	want := "saml.metadata certificates: " + saml.Fingerprint(old.Certificate) + " > \n" +
		"saml.metadata certificates:  > " + saml.Fingerprint(next.Certificate) + "\n" +
		"saml.metadata sso_url: https://idp.example/sso (redirect) > \n" +
		"saml.metadata sso_url:  > https://elsewhere.example/sso (redirect)"
	if got := compared(t, before, moved); got != want {
		t.Errorf("metadata:\n%s\nwant:\n%s", got, want)
	}

	spaced := before
	spaced.SAML.Metadata += "\n"
	if got := compared(t, before, spaced); !strings.HasPrefix(got, "saml.metadata: ") {
		t.Errorf("the same metadata in other words: %q", got)
	}
	broken := before
	broken.SAML.Metadata = "<nothing"
	if got := compared(t, broken, before); !strings.HasPrefix(got, "saml.metadata: <nothing > ") {
		t.Errorf("metadata that cannot be read: %q", got)
	}

	byHand := before
	byHand.SAML.Metadata, byHand.SAML.Certificates = before.SAML.Metadata, []string{oldText}
	rolled := byHand
	rolled.SAML.Certificates = []string{oldText + "\n", nextText}
	if got := compared(t, byHand, rolled); got != "saml.certificates:  > "+saml.Fingerprint(next.Certificate) {
		t.Errorf("certificates by hand: %q", got)
	}

	pictured := before
	pictured.Button.Icon = []byte("a picture")
	pictured.Validation = []rules.Rule{{Key: "staff", Attribute: "roles", Pattern: pattern}}
	if got := compared(t, before, pictured); got != "button.icon:  > a picture of 9 bytes\nvalidation_rules[staff].attribute: groups > roles" {
		t.Errorf("icon and rule: %q", got)
	}
	if got := compared(t, pictured, pictured); got != "" {
		t.Errorf("a version and itself differ by %q", got)
	}
	if pictured.Button.Icon == nil || before.SAML.Metadata == "" {
		t.Error("comparing changes what is compared")
	}
}
