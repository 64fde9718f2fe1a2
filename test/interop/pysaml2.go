package interop

import (
	_ "embed"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"idms/test/needs"
)

// The provider's program: pysaml2 is a library, and brings no login form.
//
//go:embed pysaml2/idp.py
var pysaml2Program []byte

// PySAML2 is a running identity provider on a loopback port.
type PySAML2 struct {
	EntityID string
	SSO      string // address that takes an AuthnRequest by redirect

	base     string
	folder   string
	services map[string]ServiceProvider
}

// StartPySAML2 starts an identity provider that knows these people and no
// service provider yet. It is stopped, and its folder removed, when the test
// ends; what it said is shown when the test failed.
func StartPySAML2(t testing.TB, people ...Person) *PySAML2 {
	t.Helper()
	python, xmlsec1 := needs.PySAML2(t), needs.Xmlsec1(t)
	idp := &PySAML2{folder: t.TempDir(), services: map[string]ServiceProvider{}}
	makeKey(t, idp.folder)
	idp.write(t, "people.json", people)
	idp.write(t, "services.json", idp.services)
	program := filepath.Join(idp.folder, "idp.py")
	if err := os.WriteFile(program, pysaml2Program, 0o600); err != nil {
		t.Fatal(err)
	}

	// -I: nothing of the machine's own Python settings. A clean environment,
	// because pysaml2 fetches our metadata and must not ask a proxy for it.
	command := exec.Command(python, "-I", "-B", program, idp.folder, xmlsec1)
	command.Dir = idp.folder
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + idp.folder, "LANG=C.UTF-8"}
	if err := launch(t, "pysaml2", command,
		func(line string) bool {
			if strings.HasPrefix(line, "http://127.0.0.1:") {
				idp.base = line
				return true
			}
			return false
		},
		func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	idp.EntityID = idp.base + "/metadata"
	idp.SSO = idp.base + "/sso/redirect"
	return idp
}

// Trust makes the provider log people in to sp, from its next request on, when
// it reads the service's metadata. A second call with the same EntityID replaces
// the first, and has the metadata read again if anything has changed.
func (idp *PySAML2) Trust(t testing.TB, sp ServiceProvider) {
	t.Helper()
	idp.services[sp.EntityID] = sp
	idp.write(t, "services.json", idp.services)
}

// RollOver makes the provider sign with a new key, and publish that one alone,
// from its next request on.
func (idp *PySAML2) RollOver(t testing.TB) { makeKey(t, idp.folder) }

// Metadata fetches the provider's own metadata document.
func (idp *PySAML2) Metadata(t testing.TB) []byte {
	t.Helper()
	page := NewVisitor(t).Open(t, idp.EntityID)
	if page.Status != 200 || !strings.Contains(page.Body, "EntityDescriptor") {
		t.Fatalf("metadata of pysaml2: status %d: %s", page.Status, page.Body)
	}
	return []byte(page.Body)
}

// Unsolicited is the address that begins a login at the provider, without a
// request of ours.
func (idp *PySAML2) Unsolicited(spEntityID, relayState string) string {
	query := url.Values{"sp": {spEntityID}}
	if relayState != "" {
		query.Set("RelayState", relayState)
	}
	return idp.base + "/start?" + query.Encode()
}

// Logout is the address that begins the logout of a person at the provider: it
// asks one service to end their sessions.
func (idp *PySAML2) Logout(spEntityID, username string) string {
	return idp.base + "/logout?" + url.Values{"sp": {spEntityID}, "username": {username}}.Encode()
}

// write replaces a file that the provider may be reading.
func (idp *PySAML2) write(t testing.TB, name string, value any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(idp.folder, name)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
