// Package interop logs people in through identity providers that other people
// wrote. It owns starting such a provider for a test (SimpleSAMLphp under PHP's
// own web server, pysaml2 under Python's, LemonLDAP::NG under Perl's, Keycloak
// under its own, each with a
// private configuration and a key made for the run) and a visitor: an HTTP client that follows redirects,
// fills forms and keeps cookies as a browser without JavaScript does.
//
// It leaves finding and installing the programs to test/needs and test/install,
// and what a page looks like to test/browser.
package interop

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idms/test/needs"
	"idms/test/program"
)

// Person is somebody whom the identity provider can vouch for.
type Person struct {
	Username   string
	Password   string
	Attributes map[string][]string // uid and mail become the NameID, by format
	// Contexts are the authentication context classes that this person can reach,
	// when a request asks for one, besides the one of the password.
	Contexts []string
}

// ServiceProvider is what the identity provider has to know about the service
// that it logs people in to.
type ServiceProvider struct {
	EntityID string
	// MetadataURL is where the service describes itself. The provider's own code
	// reads it: the addresses and keys of the service come from there.
	MetadataURL string
	// ACS is the address of the assertion consumer service when there is no
	// metadata. SimpleSAMLphp only.
	ACS string

	SignResponse  bool
	SignAssertion bool
	// Encrypt encrypts assertions for the key in the metadata. SimpleSAMLphp 1.19
	// uses AES-128-CBC with RSA-OAEP, our pysaml2 provider and Keycloak AES-256-GCM.
	Encrypt bool
	// EncryptNameID encrypts the NameID within the assertion. SimpleSAMLphp only.
	EncryptNameID bool
	// RequestsSigned refuses an AuthnRequest that the key in the metadata has not
	// signed.
	RequestsSigned bool
	// LogoutByPOST has logout messages to the service go by POST, not by redirect.
	LogoutByPOST bool

	// StockAlgorithms leaves the algorithms to the provider: pysaml2 then signs
	// with RSA-SHA1 and encrypts with 3DES. pysaml2 and Keycloak only.
	StockAlgorithms bool

	// SingleRoleAttribute sends all roles in one Attribute instead of one
	// Attribute for each. Keycloak only.
	SingleRoleAttribute bool

	// The rest is for the pysaml2 provider.

	IgnoreContexts   bool // states the password whatever the request asks for
	IgnoreForceAuthn bool // answers from an old session all the same
	SessionAge       int  // seconds by which remembered sessions are said to be older
}

// SimpleSAMLphp is a running identity provider on a loopback port.
type SimpleSAMLphp struct {
	EntityID string
	SSO      string // address that takes an AuthnRequest by redirect or POST

	php    needs.PHP
	base   string
	config string // folder of its configuration
	sps    map[string]any
}

// StartSimpleSAMLphp starts an identity provider that knows these people and no
// service provider yet. It is stopped, and its folder removed, when the test
// ends; what it logged is shown when the test failed.
func StartSimpleSAMLphp(t testing.TB, people ...Person) *SimpleSAMLphp {
	t.Helper()
	php := needs.SimpleSAMLphp(t)
	folder := t.TempDir()
	for _, name := range []string{"config/metadata", "cert", "log", "data", "tmp", "sessions"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	makeKey(t, filepath.Join(folder, "cert"))

	// The port is free when we look and may be taken when PHP binds it, so a
	// second and a third look are allowed. PHP does not tell a port it chose.
	var problem error
	for range 3 {
		address := program.FreeAddress(t)
		idp := &SimpleSAMLphp{
			php:    php,
			base:   "http://" + address + "/",
			config: filepath.Join(folder, "config"),
			sps:    map[string]any{},
		}
		idp.EntityID = idp.base + "idp"
		idp.SSO = idp.base + "saml2/idp/SSOService.php"
		idp.configure(t, folder, people)
		if problem = idp.serve(t, address); problem == nil {
			return idp
		}
	}
	t.Fatalf("SimpleSAMLphp did not start: %v", problem)
	return nil
}

// Trust makes the provider log people in to sp, from its next request on. A
// second call with the same EntityID replaces the first.
func (idp *SimpleSAMLphp) Trust(t testing.TB, sp ServiceProvider) {
	t.Helper()
	metadata := map[string]any{"AssertionConsumerService": sp.ACS}
	if sp.MetadataURL != "" {
		metadata = idp.read(t, NewVisitor(t).Open(t, sp.MetadataURL).Body)
	}
	metadata["saml20.sign.response"] = sp.SignResponse
	metadata["saml20.sign.assertion"] = sp.SignAssertion
	metadata["assertion.encryption"] = sp.Encrypt
	metadata["nameid.encryption"] = sp.EncryptNameID
	metadata["validate.authnrequest"] = sp.RequestsSigned
	metadata["validate.logout"] = true
	if services, ok := metadata["SingleLogoutService"].([]any); ok && sp.LogoutByPOST {
		metadata["SingleLogoutService"] = slices.DeleteFunc(services, func(one any) bool {
			return one.(map[string]any)["Binding"] != "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
		})
	}
	idp.sps[sp.EntityID] = metadata
	idp.write(t, "metadata/saml20-sp-remote", "metadata", idp.sps)
}

// readMetadata is what the "XML to SimpleSAMLphp metadata converter" of its
// administration pages does.
const readMetadata = `require getenv('SIMPLESAMLPHP') . '/lib/_autoload.php';
$entity = \SimpleSAML\Metadata\SAMLParser::parseString(stream_get_contents(STDIN));
$metadata = $entity->getMetadata20SP();
unset($metadata['entityDescriptor'], $metadata['expire']);
echo json_encode($metadata, JSON_THROW_ON_ERROR);`

// read has SimpleSAMLphp read a service's metadata document.
func (idp *SimpleSAMLphp) read(t testing.TB, document string) map[string]any {
	t.Helper()
	command := exec.Command(idp.php.Program, "-d", "display_errors=stderr", "-d", "error_reporting=E_ERROR", "-r", readMetadata)
	command.Env = append(os.Environ(), "SIMPLESAMLPHP_CONFIG_DIR="+idp.config, "SIMPLESAMLPHP="+idp.php.SimpleSAMLphp)
	command.Stdin = strings.NewReader(document)
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		t.Fatalf("SimpleSAMLphp does not read our metadata: %v\n%s%s", err, output, problems.Bytes())
	}
	var metadata map[string]any
	if err := json.Unmarshal(output, &metadata); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return metadata
}

// RollOver makes the provider sign with a new key, and publish that one alone,
// from its next request on.
func (idp *SimpleSAMLphp) RollOver(t testing.TB) {
	makeKey(t, filepath.Join(filepath.Dir(idp.config), "cert"))
}

// Metadata fetches the provider's own metadata document.
func (idp *SimpleSAMLphp) Metadata(t testing.TB) []byte {
	t.Helper()
	page := NewVisitor(t).Open(t, idp.base+"saml2/idp/metadata.php")
	if page.Status != 200 || !strings.Contains(page.Body, "EntityDescriptor") {
		t.Fatalf("metadata of SimpleSAMLphp: status %d: %s", page.Status, page.Body)
	}
	return []byte(page.Body)
}

// Unsolicited is the address that begins a login at the provider, without a
// request of ours: the way of a link in a company's portal.
func (idp *SimpleSAMLphp) Unsolicited(spEntityID, relayState string) string {
	query := url.Values{"spentityid": {spEntityID}}
	if relayState != "" {
		query.Set("RelayState", relayState)
	}
	return idp.SSO + "?" + query.Encode()
}

// Logout is the address that begins a logout at the provider: it asks each service
// that whoever is in front of the browser has been at to end their sessions, and
// ends on a page of the provider.
func (idp *SimpleSAMLphp) Logout(_, _ string) string {
	return idp.base + "saml2/idp/SingleLogoutService.php?" + url.Values{"ReturnTo": {idp.base + "saml2/idp/metadata.php"}}.Encode()
}

// Login fills SimpleSAMLphp's login form on page as person and returns the page
// that follows: after a right password the one that posts the response on, which
// Page.Form finds by the field SAMLResponse. The other providers' forms are much
// the same; Keycloak's that asks somebody again has no field for the name.
func (v *Visitor) Login(t testing.TB, page *Page, person Person) *Page {
	t.Helper()
	form := page.Form(t, "password")
	for _, field := range []string{"username", "user"} {
		if form.Values.Has(field) {
			form.Values.Set(field, person.Username)
		}
	}
	form.Values.Set("password", person.Password)
	return v.Submit(t, form)
}

// configure writes the private configuration folder.
func (idp *SimpleSAMLphp) configure(t testing.TB, folder string, people []Person) {
	t.Helper()
	in := func(name string) string { return filepath.Join(folder, name) + "/" }
	idp.write(t, "config", "config", map[string]any{
		"baseurlpath":        idp.base,
		"certdir":            in("cert"),
		"loggingdir":         in("log"),
		"datadir":            in("data"),
		"tempdir":            in("tmp"),
		"metadatadir":        in("config/metadata"),
		"secretsalt":         secret(t),
		"auth.adminpassword": secret(t),
		"timezone":           "UTC",
		"errorreporting":     false,
		"logging.handler":    "errorlog",
		"logging.level":      4, // warnings; 7 shows each step
		"enable.saml20-idp":  true,
		"module.enable":      map[string]bool{"core": true, "saml": true, "exampleauth": true},

		"store.type":                    "phpsession",
		"session.phpsession.cookiename": "SimpleSAML",
		"session.phpsession.savepath":   in("sessions"),
		"session.cookie.secure":         false, // plain http on loopback
		"language.cookie.secure":        false,
	})

	source := map[string]any{"0": "exampleauth:UserPass"}
	for _, person := range people {
		attributes := maps.Clone(person.Attributes)
		if len(person.Contexts) > 0 {
			attributes["contexts"] = person.Contexts // taken out again by authnContext
		}
		source[person.Username+":"+person.Password] = attributes
	}
	idp.write(t, "authsources", "config", map[string]any{"people": source})

	idp.write(t, "metadata/saml20-idp-hosted", "metadata", map[string]any{
		idp.EntityID: map[string]any{
			"host":        "__DEFAULT__",
			"privatekey":  "idp.key",
			"certificate": "idp.crt",
			"auth":        "people",
			"authproc": map[string]any{
				"1": nameID("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", "uid"),
				"2": nameID("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", "uid"),
				"3": nameID("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", "mail"),
				"9": map[string]any{"class": "core:PHP", "code": authnContext},
			},
			// What is sent when the request asks for no format.
			"NameIDFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
			"SingleSignOnServiceBinding": []string{
				"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
				"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
			},
			"SingleLogoutServiceBinding": []string{
				"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
				"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
			},
			"sign.logout":           true,
			"redirect.sign":         true,
			"attributes.NameFormat": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
		},
	})
	idp.write(t, "metadata/saml20-sp-remote", "metadata", idp.sps)
}

// authnContext answers a request for an authentication context. SimpleSAMLphp
// itself does not look at one: without this filter it states the password.
const authnContext = `$asked = $state['saml:RequestedAuthnContext']['AuthnContextClassRef'] ?? [];
$reached = $attributes['contexts'] ?? [];
unset($attributes['contexts']);
if ($asked) {
    $reached[] = \SAML2\Constants::AC_PASSWORD;
    $stated = array_values(array_intersect($asked, $reached));
    if (!$stated) {
        // Thrown plainly it would end on a page of SimpleSAMLphp.
        \SimpleSAML\Auth\State::throwException($state,
            new \SimpleSAML\Module\saml\Error\NoAuthnContext(\SAML2\Constants::STATUS_RESPONDER));
    }
    $state['saml:AuthnContextClassRef'] = $stated[0];
}`

func nameID(format, attribute string) map[string]any {
	return map[string]any{"class": "saml:AttributeNameID", "attribute": attribute, "Format": format}
}

// write sets variable in the PHP file of that name. The values travel as JSON
// beside it, so that no text of ours is ever read as PHP.
func (idp *SimpleSAMLphp) write(t testing.TB, name, variable string, value any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(idp.config, name)
	php := fmt.Sprintf("<?php\n$%s = json_decode(file_get_contents(__DIR__ . '/%s.json'), true, 32, JSON_THROW_ON_ERROR);\n",
		variable, filepath.Base(name))
	for file, content := range map[string][]byte{".json": data, ".php": []byte(php)} {
		if err := os.WriteFile(path+file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serve starts PHP's own web server and returns when it listens.
func (idp *SimpleSAMLphp) serve(t testing.TB, address string) error {
	t.Helper()
	command := exec.Command(idp.php.Program,
		"-d", "display_errors=0", "-d", "log_errors=1", "-d", "error_log=", "-d", "error_reporting=E_ERROR",
		"-S", address, "-t", filepath.Join(idp.php.SimpleSAMLphp, "www"))
	command.Dir = idp.config
	command.Env = append(os.Environ(), "SIMPLESAMLPHP_CONFIG_DIR="+idp.config)
	return launch(t, "SimpleSAMLphp", command,
		func(line string) bool {
			return strings.Contains(line, "Development Server") && strings.Contains(line, "started")
		},
		func(line string) bool {
			return strings.HasSuffix(line, " Accepted") || strings.HasSuffix(line, " Closing")
		})
}

func secret(t testing.TB) string {
	t.Helper()
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(random)
}
