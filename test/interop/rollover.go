package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// AddKey makes the provider's next key as its documentation says: it is in the
// metadata, and the old one signs until sign is called.
func (idp *SimpleSAMLphp) AddKey(t testing.TB) (sign func()) {
	t.Helper()
	next := filepath.Join(filepath.Dir(idp.config), "cert", "next")
	if err := os.Mkdir(next, 0o700); err != nil {
		t.Fatal(err)
	}
	makeKey(t, next)
	idp.rehost(t, map[string]string{"new_privatekey": "next/idp.key", "new_certificate": "next/idp.crt"})
	return func() {
		t.Helper()
		idp.rehost(t, map[string]string{"privatekey": "next/idp.key", "certificate": "next/idp.crt"})
	}
}

// rehost changes settings of the provider itself.
func (idp *SimpleSAMLphp) rehost(t testing.TB, settings map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(idp.config, "metadata", "saml20-idp-hosted.json"))
	if err != nil {
		t.Fatal(err)
	}
	var hosted map[string]map[string]any
	if err := json.Unmarshal(text, &hosted); err != nil {
		t.Fatal(err)
	}
	for name, value := range settings {
		hosted[idp.EntityID][name] = value
	}
	idp.write(t, "metadata/saml20-idp-hosted", "metadata", hosted)
}
