package load

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/test/needs"
	"idms/test/program"
)

// BenchmarkMellon is a login at a running idms beside one at Apache with
// mod_auth_mellon, by turns: responses of one provider, signed by one key, with
// -groups groups each, posted over loopback. x_mellon says how many times more
// processor time Apache takes. It keeps sessions in memory, evaluates no rule,
// knows no replay and writes no trail; idms does all of its work on SQLite.
func BenchmarkMellon(b *testing.B) {
	house := startFarm(b, "", 1, *sent, "session:\n  pending: 1h\n")
	apache := startMellon(b, house.provider)
	const people = 50
	for i := range people { // the first login of each is another story
		visit, err := house.begin(i, personOf(i))
		check(b, err)
		_, err = house.post(i, visit)
		check(b, err)
	}
	forms := make([]string, b.N)
	visits := make([]visit, b.N)
	check(b, inParallel(4, b.N, func(i int) (err error) {
		forms[i] = apache.answer(house.provider, personOf(i%people))
		visits[i], err = house.begin(i, personOf(i%people))
		return err
	}))

	honest := apache.answer(house.provider, "ada")
	if err := apache.post(house, tamper(b, honest, "ada@example.test", "eve@example.test")); err == nil {
		b.Fatal("Apache takes a response that was changed")
	}
	check(b, apache.post(house, honest))

	ours, theirs := house.cpu(b), apache.cpu(b)
	b.ResetTimer()
	const turn = 100
	for from := 0; from < b.N; from += turn {
		upTo := min(turn, b.N-from)
		check(b, inParallel(*clients, upTo, func(i int) error {
			admitted, err := house.post(from+i, visits[from+i])
			if err == nil && !admitted {
				err = fmt.Errorf("idms refused login %d", from+i)
			}
			return err
		}))
		check(b, inParallel(*clients, upTo, func(i int) error { return apache.post(house, forms[from+i]) }))
	}
	b.StopTimer()
	ours, theirs = house.cpu(b)-ours, apache.cpu(b)-theirs
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "idms-cpu-µs/op")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N), "mellon-cpu-µs/op")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x_mellon")
}

// mellon is Apache with mod_auth_mellon on loopback.
type mellon struct {
	origin string
	sp     saml.SP
	pid    int
}

func startMellon(tb testing.TB, provider *provider) *mellon {
	tb.Helper()
	binary, modules := needs.Mellon(tb)
	folder := tb.TempDir()
	address := program.FreeAddress(tb)
	_, port, _ := net.SplitHostPort(address)
	m := &mellon{origin: "http://localhost:" + port}
	m.sp = saml.SP{EntityID: m.origin + "/mellon/metadata", Audience: m.origin + "/mellon/metadata", ACS: m.origin + "/mellon/postResponse"}

	key := samltest.Key(samltest.Service)
	private, err := x509.MarshalPKCS8PrivateKey(key.Private)
	check(tb, err)
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		check(tb, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	// Apache as root gives its rights away, and its workers must read on.
	for parent := folder; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		check(tb, os.Chmod(parent, 0o755))
	}
	module := func(name string) string {
		return fmt.Sprintf("LoadModule %s_module %s/mod_%s.so\n", name, modules, name)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "User www-data\nGroup www-data\n"
	}
	config := module("mpm_prefork") + module("authn_core") + module("authz_core") + module("authz_user") + module("auth_mellon") + user +
		"ServerName localhost\nListen " + address + "\nServerRoot " + folder + "\nDocumentRoot " + folder +
		"\nPidFile " + folder + "/pid\nErrorLog " + folder + "/error.log\nLogLevel error\nMellonCacheSize 5000\nMellonLockFile " + folder + "/lock\n" +
		"StartServers 8\nMaxRequestWorkers 32\nMaxConnectionsPerChild 0\nMaxKeepAliveRequests 0\n" +
		"<Location />\n MellonEnable info\n MellonSecureCookie Off\n MellonEndpointPath /mellon\n MellonUser NAME_ID\n" +
		" MellonSPMetadataFile " + write("sp.xml", m.metadata()) + "\n" +
		" MellonSPPrivateKeyFile " + write("sp.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))) + "\n" +
		" MellonSPCertFile " + write("sp.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key.Certificate.Raw}))) + "\n" +
		" MellonIdPMetadataFile " + write("idp.xml", string(provider.Metadata())) + "\n</Location>\n"

	command := exec.Command(binary, "-D", "FOREGROUND", "-f", write("apache.conf", config))
	// Without it, lasso reads the machine's whole bundle of certificates at each
	// login, and none of them matters: this is the fair setting.
	command.Env = append(os.Environ(), "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR="+folder)
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Apache ends by ending its whole group
	check(tb, command.Start())
	tb.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	m.pid = command.Process.Pid
	for deadline := time.Now().Add(patience); ; {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
			return m
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(folder + "/error.log")
			tb.Fatalf("Apache does not listen: %v\n%s", err, said)
		}
	}
}

func (m *mellon) metadata() string {
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + m.sp.EntityID + `">` +
		`<SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" AuthnRequestsSigned="false">` +
		`<AssertionConsumerService index="0" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="` + m.sp.ACS + `"/>` +
		`</SPSSODescriptor></EntityDescriptor>`
}

// answer is a signed response that nobody asked for, as a form to post.
func (m *mellon) answer(p *provider, person string) string {
	response := p.Response(samltest.For(m.sp).At(time.Now()).Person(person).
		Attribute("status", "active").Attribute("groups", p.groups...).
		With(func(a *samltest.Answer) {
			end := time.Now().Add(time.Hour)
			a.NotOnOrAfter = end
			for i := range a.Confirmations {
				a.Confirmations[i].NotOnOrAfter, a.Confirmations[i].InResponseTo = end, ""
			}
		}))
	return url.Values{"SAMLResponse": {samltest.Base64(response)}, "RelayState": {m.origin + "/"}}.Encode()
}

func (m *mellon) post(f *farm, form string) error {
	request, err := http.NewRequest(http.MethodPost, m.sp.ACS, strings.NewReader(form))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Cookie", "mellon-cookie=cookietest") // what its login page sets
	answer, err := f.do(request)
	if err != nil {
		return err
	}
	for _, cookie := range answer.Cookies() {
		if cookie.Name == "mellon-cookie" && cookie.Value != "cookietest" {
			return nil
		}
	}
	return fmt.Errorf("a login at Apache ends with %s and no session", answer.Status)
}

// cpu is what Apache and its workers have used so far.
func (m *mellon) cpu(tb testing.TB) time.Duration {
	return processorTimeOf(tb, m.pid) + processorTimeOfChildren(tb, m.pid)
}
