// Package interop logs people in through identity providers that other people
// wrote. It owns starting such a provider for a test (SimpleSAMLphp under PHP's
// own web server, with a private configuration and a key made for the run) and a
// visitor: an HTTP client that follows redirects, fills forms and keeps cookies
// as a browser without JavaScript does.
//
// It leaves finding and installing the programs to test/needs and test/install,
// and what a page looks like to test/browser.
package interop

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/test/needs"
	"idms/test/program"
)

// Person is somebody whom the identity provider can vouch for.
type Person struct {
	Username   string
	Password   string
	Attributes map[string][]string // uid and mail become the NameID, by format
}

// ServiceProvider is what the identity provider has to know about the service
// that it logs people in to.
type ServiceProvider struct {
	EntityID string
	ACS      string // address of the assertion consumer service
	SLO      string // address of single logout; may be empty

	SignResponse  bool
	SignAssertion bool
	// EncryptFor is the certificate to encrypt assertions for, as PEM. Empty: not
	// encrypted. SimpleSAMLphp 1.19 uses AES-128-CBC with RSA-OAEP.
	EncryptFor []byte
	// RequestsSignedBy is the certificate whose key must have signed each
	// AuthnRequest, as PEM. Empty: signatures are not asked for.
	RequestsSignedBy []byte
}

// SimpleSAMLphp is a running identity provider on a loopback port.
type SimpleSAMLphp struct {
	EntityID string
	SSO      string // address that takes an AuthnRequest by redirect or POST
	SLO      string // address that takes logout messages by redirect

	base   string
	config string // folder of its configuration
	sps    map[string]any
}

// Times that bound a process which does not answer.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 5 * time.Second
)

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
			base:   "http://" + address + "/",
			config: filepath.Join(folder, "config"),
			sps:    map[string]any{},
		}
		idp.EntityID = idp.base + "idp"
		idp.SSO = idp.base + "saml2/idp/SSOService.php"
		idp.SLO = idp.base + "saml2/idp/SingleLogoutService.php"
		idp.configure(t, folder, people)
		if problem = idp.serve(t, php, address); problem == nil {
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
	metadata := map[string]any{
		"AssertionConsumerService": sp.ACS,
		"saml20.sign.response":     sp.SignResponse,
		"saml20.sign.assertion":    sp.SignAssertion,
		"assertion.encryption":     len(sp.EncryptFor) > 0,
		"validate.authnrequest":    len(sp.RequestsSignedBy) > 0,
	}
	if sp.SLO != "" {
		metadata["SingleLogoutService"] = sp.SLO
	}
	var keys []map[string]any
	for _, key := range []struct {
		certificate         []byte
		signing, encryption bool
	}{
		{sp.EncryptFor, false, true},
		{sp.RequestsSignedBy, true, false},
	} {
		if len(key.certificate) > 0 {
			keys = append(keys, map[string]any{
				"type": "X509Certificate", "signing": key.signing, "encryption": key.encryption,
				"X509Certificate": certificateData(t, key.certificate),
			})
		}
	}
	if keys != nil {
		metadata["keys"] = keys
	}
	idp.sps[sp.EntityID] = metadata
	idp.write(t, "metadata/saml20-sp-remote", "metadata", idp.sps)
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

// Login fills SimpleSAMLphp's login form on page as person and returns the page
// that follows: after a right password the one that posts the response on, which
// Page.Form finds by the field SAMLResponse.
func (v *Visitor) Login(t testing.TB, page *Page, person Person) *Page {
	t.Helper()
	form := page.Form(t, "username")
	form.Values.Set("username", person.Username)
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
		source[person.Username+":"+person.Password] = person.Attributes
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
			},
			// What is sent when the request asks for no format.
			"NameIDFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
			"SingleSignOnServiceBinding": []string{
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
func (idp *SimpleSAMLphp) serve(t testing.TB, php needs.PHP, address string) error {
	t.Helper()
	command := exec.Command(php.Program,
		"-d", "display_errors=0", "-d", "log_errors=1", "-d", "error_log=", "-d", "error_reporting=E_ERROR",
		"-S", address, "-t", filepath.Join(php.SimpleSAMLphp, "www"))
	command.Dir = idp.config
	command.Env = append(os.Environ(), "SIMPLESAMLPHP_CONFIG_DIR="+idp.config)
	output, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}

	logged := &log{}
	listening := make(chan bool, 2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewReaderSize(output, maxLogLine)
		for {
			line, _, err := lines.ReadLine()
			if err != nil {
				break
			}
			if bytes.Contains(line, []byte("Development Server")) && bytes.Contains(line, []byte("started")) {
				listening <- true
			}
			if !bytes.HasSuffix(line, []byte(" Accepted")) && !bytes.HasSuffix(line, []byte(" Closing")) {
				logged.add(line)
			}
		}
		listening <- false
		_ = command.Wait()
	}()
	stop := func() {
		_ = command.Process.Signal(os.Interrupt)
		select {
		case <-done:
		case <-time.After(stopTimeout):
			_ = command.Process.Kill()
			<-done
		}
	}

	select {
	case ok := <-listening:
		if !ok {
			return fmt.Errorf("php ended: %s", logged)
		}
	case <-time.After(startTimeout):
		stop()
		return fmt.Errorf("php did not listen within %s: %s", startTimeout, logged)
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("SimpleSAMLphp said:\n%s", logged)
		}
	})
	return nil
}

// makeKey makes the provider's RSA key and certificate for this run.
func makeKey(t testing.TB, folder string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "SimpleSAMLphp in a test"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"idp.key": {Type: "PRIVATE KEY", Bytes: private},
		"idp.crt": {Type: "CERTIFICATE", Bytes: certificate},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// certificateData is the base64 between the lines of a PEM certificate.
func certificateData(t testing.TB, certificate []byte) string {
	t.Helper()
	block, _ := pem.Decode(certificate)
	if block == nil || block.Type != "CERTIFICATE" {
		t.Fatal("not a certificate in PEM")
	}
	lines := strings.Split(strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))), "\n")
	return strings.Join(lines[1:len(lines)-1], "")
}

func secret(t testing.TB) string {
	t.Helper()
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(random)
}

// maxLogLine is where a logged line is broken, in bytes: the addresses in it
// carry whole SAML messages.
const maxLogLine = 400

// log collects what a process says while a test may read it.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) add(line []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.text.Write(line)
	l.text.WriteByte('\n')
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}
