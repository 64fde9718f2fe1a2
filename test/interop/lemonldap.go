package interop

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"idms/test/needs"
	"idms/test/program"
)

// The portal's program, as LemonLDAP::NG is made of modules.
//
//go:embed lemonldap/app.psgi
var lemonldapProgram []byte

// LemonLDAP is a running portal of LemonLDAP::NG on a loopback port, under
// Plack's own web server.
type LemonLDAP struct {
	EntityID string
	SSO      string // address that takes an AuthnRequest by redirect

	base     string
	folder   string
	number   int // of the configuration
	services map[string]lemonldapService
}

// lemonldapService is what its configuration says of one service.
type lemonldapService struct {
	metadata string
	terms    ServiceProvider
}

// StartLemonLDAP starts a portal that knows these people, whose passwords have
// to be their names, and no service yet. It is stopped, and its folder removed,
// when the test ends; what it said is shown when the test failed.
func StartLemonLDAP(t testing.TB, people ...Person) *LemonLDAP {
	t.Helper()
	plackup, root := needs.LemonLDAP(t)
	idp := &LemonLDAP{folder: t.TempDir(), services: map[string]lemonldapService{}}
	for _, name := range []string{"configuration", "sessions", "locks"} {
		if err := os.Mkdir(filepath.Join(idp.folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	makeKey(t, idp.folder)
	idp.write(t, "people.json", people)
	settings := "[all]\nlogLevel=warn\nlogger=Lemonldap::NG::Common::Logger::Std\nuserLogger=Lemonldap::NG::Common::Logger::Std\n" +
		"[configuration]\ntype=File\ndirName=" + filepath.Join(idp.folder, "configuration") + "\n" +
		"[portal]\ntemplateDir=" + filepath.Join(root, "usr/share/lemonldap-ng/portal/templates") + "\nstaticPrefix=/static\n"
	program := filepath.Join(idp.folder, "app.psgi")
	for file, text := range map[string][]byte{program: lemonldapProgram, filepath.Join(idp.folder, "lemonldap-ng.ini"): []byte(settings)} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	var problem error
	for range 3 { // the port is free when we look, and may be taken when Perl binds it
		if problem = idp.serve(t, plackup, root, program); problem == nil {
			return idp
		}
	}
	t.Fatalf("LemonLDAP::NG did not start: %v", problem)
	return nil
}

func (idp *LemonLDAP) serve(t testing.TB, plackup, root, app string) error {
	t.Helper()
	address := program.FreeAddress(t)
	idp.base = "http://" + address
	idp.EntityID = idp.base + "/saml/metadata"
	idp.SSO = idp.base + "/saml/singleSignOn"
	idp.configure(t)
	host, port, _ := strings.Cut(address, ":")
	command := exec.Command(plackup, "-I", filepath.Join(root, "usr/share/perl5"), "--env", "development", "--no-default-middleware", "--server", "HTTP::Server::PSGI", "--host", host, "--port", port, app)
	command.Dir = idp.folder
	command.Env = append(os.Environ(), "LLNG_DEFAULTCONFFILE="+filepath.Join(idp.folder, "lemonldap-ng.ini"), "FOLDER="+idp.folder)
	// Plack says that it listens in its development mode alone.
	return launch(t, "LemonLDAP::NG", command,
		func(line string) bool { return strings.Contains(line, "Accepting connections") },
		func(line string) bool { return strings.Contains(line, "redefined") })
}

// Trust makes the provider log people in to sp, from its next request on. A
// second call with the same EntityID replaces the first.
func (idp *LemonLDAP) Trust(t testing.TB, sp ServiceProvider) {
	t.Helper()
	idp.services[sp.EntityID] = lemonldapService{NewVisitor(t).Open(t, sp.MetadataURL).Body, sp}
	idp.configure(t)
}

// configure writes the whole configuration under its next number.
func (idp *LemonLDAP) configure(t testing.TB) {
	t.Helper()
	idp.number++
	key := func(name string) string {
		text, err := os.ReadFile(filepath.Join(idp.folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	type named map[string]any
	metadata, options, attributes := named{}, named{}, named{}
	for entity, service := range idp.services {
		name := startName(entity)
		metadata[name] = named{"samlSPMetaDataXML": service.metadata}
		encryption := "none"
		if service.terms.Encrypt {
			encryption = "assertion"
		}
		options[name] = named{
			"samlSPMetaDataOptionsEncryptionMode":           encryption,
			"samlSPMetaDataOptionsSignSSOMessage":           flag(service.terms.SignResponse || service.terms.SignAssertion),
			"samlSPMetaDataOptionsCheckSSOMessageSignature": flag(service.terms.RequestsSigned),
			"samlSPMetaDataOptionsSignSLOMessage":           1,
			"samlSPMetaDataOptionsCheckSLOMessageSignature": 1,
			"samlSPMetaDataOptionsEnableIDPInitiatedURL":    1,
		}
		attribute := func(name string) string {
			return "0;" + name + ";urn:oasis:names:tc:SAML:2.0:attrname-format:basic;"
		}
		attributes[name] = named{"uid": attribute("uid"), "mail": attribute("mail"), "givenName": attribute("givenName"), "sn": attribute("sn"), "groups": attribute("groups")}
	}
	idp.write(t, fmt.Sprintf("configuration/lmConf-%d.json", idp.number), named{
		"cfgNum": idp.number, "cfgAuthor": "test", "cfgDate": 1, "cfgVersion": "2.16.1",
		"portal": idp.base + "/", "domain": "127.0.0.1", "cookieName": "lemonldap", "securedCookie": 0, "requireToken": 0,
		"authentication": "Demo", "userDB": "Same", "passwordDB": "Null", "registerDB": "Null", "captcha": "::Captcha::None",
		"demoExportedVars": named{"uid": "uid", "mail": "mail", "givenName": "givenName", "sn": "sn"},
		"exportedVars":     named{}, "macros": named{}, "groups": named{}, "locationRules": named{}, "exportedHeaders": named{}, "whatToTrace": "uid",
		"globalStorage":          "Apache::Session::File",
		"globalStorageOptions":   named{"Directory": filepath.Join(idp.folder, "sessions"), "LockDirectory": filepath.Join(idp.folder, "locks")},
		"issuerDBSAMLActivation": 1, "issuerDBSAMLPath": "^/saml/", "issuerDBSAMLRule": 1,
		"samlOrganizationDisplayName": "Company", "samlOrganizationName": "Company", "samlOrganizationURL": idp.base,
		"samlServicePrivateKeySig": key("idp.key"), "samlServicePublicKeySig": key("idp.crt"),
		"samlServiceSignatureMethod": "RSA_SHA256", "samlServiceUseCertificateInResponse": 1,
		"samlSPMetaDataXML": metadata, "samlSPMetaDataOptions": options, "samlSPMetaDataExportedAttributes": attributes,
	})
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// write replaces a file that the portal may be reading.
func (idp *LemonLDAP) write(t testing.TB, name string, value any) {
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

// Metadata fetches the provider's own metadata document.
func (idp *LemonLDAP) Metadata(t testing.TB) []byte {
	t.Helper()
	page := NewVisitor(t).Open(t, idp.EntityID)
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "EntityDescriptor") {
		t.Fatalf("metadata of LemonLDAP::NG: status %d: %s", page.Status, page.Body)
	}
	return []byte(page.Body)
}

// Unsolicited is the address that begins a login at the provider, without a
// request of ours.
func (idp *LemonLDAP) Unsolicited(spEntityID, relayState string) string {
	query := url.Values{"IDPInitiated": {"1"}, "spConfKey": {startName(spEntityID)}}
	if relayState != "" {
		query.Set("RelayState", relayState)
	}
	return idp.SSO + "?" + query.Encode()
}

// Logout is the address that begins a logout at the portal.
func (idp *LemonLDAP) Logout(_, _ string) string { return idp.base + "/?logout=1" }
