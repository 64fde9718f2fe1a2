package interop_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"idms/test/interop"
	"idms/test/program"
)

// command runs a command of idms on the service's database.
func (s *service) command(t *testing.T, exit int, args ...string) string {
	t.Helper()
	stdout, stderr, got := program.Run(t, append(args, s.store...)...)
	if got != exit {
		t.Fatalf("idms %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, exit, stdout, stderr)
	}
	return stdout
}

// logsIn is a whole login of grace, who then sees her groups.
func (s *service) logsIn(t *testing.T, record string) {
	t.Helper()
	visitor := interop.NewVisitor(t)
	authenticate(t, visitor, s.begin(t, visitor, record), grace)
	tells(t, visitor.Open(t, s.URL+"/groups"), "Platform engineers", "Cloud administrators")
}

// TestProvidersByURL has each provider's metadata read from an address, behind
// TLS as in life, and each of the two sides change its key.
//
// Not in parallel with anything: the certificate of that TLS is trusted by way
// of the environment.
func TestProvidersByURL(t *testing.T) {
	for name, start := range map[string]func(*testing.T) provider{"SimpleSAMLphp": simpleSAMLphp, "pysaml2": pysaml2} {
		t.Run(name, func(t *testing.T) {
			idp := start(t)
			t.Run("the provider rolls its key over", func(t *testing.T) { providerRollsOver(t, idp) })
			t.Run("we roll ours over", func(t *testing.T) { weRollOver(t, idp) })
		})
	}
}

// publishes puts the provider's metadata behind TLS, as long as up says so.
func publishes(t *testing.T, idp provider, up *atomic.Bool) (address string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write(idp.Metadata(t))
	}))
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", roots)
	return server.URL + "/metadata"
}

func providerRollsOver(t *testing.T, idp provider) {
	var up atomic.Bool
	up.Store(true)
	address := publishes(t, idp, &up)
	folder := t.TempDir()
	records, config := filepath.Join(folder, "records.yaml"), filepath.Join(folder, "idms.yaml")
	c := connection{"url", "signed: both", interop.ServiceProvider{SignResponse: true, SignAssertion: true}}
	text := strings.ReplaceAll(file(idp, []connection{c}), "metadata_file: metadata.xml", "metadata_url: "+address)
	for name, text := range map[string]string{records: text, config: "metadata: {allow_networks: [127.0.0.0/8]}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &service{idp: idp, store: []string{"--data", t.TempDir(), "--config", config}}
	if preview := s.command(t, 0, "metadata", "show", address); !strings.Contains(preview, "Issuer          "+idp.entityID+"\n") {
		t.Errorf("the preview says\n%s", preview)
	}
	s.command(t, 0, "apply", "-f", records)
	s.Process = program.Serve(t, s.store...)
	s.introduce(t, c)
	s.logsIn(t, "url")
	theirs := func() int {
		return strings.Count(s.command(t, 0, "certificates"), "provider: signs responses")
	}
	if got := theirs(); got != 1 {
		t.Errorf("%d certificates of the provider at first", got)
	}

	// The provider changes its key at once, which it should not, and nobody who
	// logs in is any the wiser.
	idp.running.(interface{ RollOver(testing.TB) }).RollOver(t)
	s.logsIn(t, "url")
	if got := theirs(); got != 2 {
		t.Errorf("%d certificates of the provider after its roll-over, want the one that signed a moment ago too", got)
	}
	if status := s.command(t, 0, "metadata", "status", "url"); !strings.Contains(status, "  - certificates ") {
		t.Errorf("the former certificate is not asked about:\n%s", status)
	}
	s.command(t, 0, "metadata", "approve", "url")
	if got := theirs(); got != 1 {
		t.Errorf("%d certificates of the provider after the approval", got)
	}
	s.logsIn(t, "url")
	versions := s.command(t, 0, "versions", "url")
	if got := strings.Count(versions, "metadata refresh"); got != 1 {
		t.Errorf("%d versions by the refresh:\n%s", got, versions)
	}

	// The last good metadata serves while the address is down.
	up.Store(false)
	s.logsIn(t, "url")
	if says := s.command(t, 0, "doctor", "url"); !strings.Contains(says, "status 503. The metadata read last") {
		t.Errorf("the doctor says\n%s", says)
	}
}

// weRollOver: signed requests and encrypted assertions at each step, with a
// provider that reads our metadata only once, after the next key was announced.
func weRollOver(t *testing.T, idp provider) {
	c := connection{"roll", "signed: both\nsign_requests: true\nrequest_binding: post",
		interop.ServiceProvider{SignResponse: true, SignAssertion: true, RequestsSigned: true, Encrypt: true}}
	s := serve(t, idp, c)
	s.logsIn(t, "roll")
	s.command(t, 0, "keys", "sp", "next", "roll")
	s.logsIn(t, "roll")
	// Another age of sessions, so that pysaml2 reads our metadata again.
	c.sp.SessionAge = 1
	s.introduce(t, c)
	s.logsIn(t, "roll")
	s.command(t, 1, "keys", "sp", "switch", "roll")
	s.command(t, 0, "keys", "sp", "switch", "roll", "--force")
	s.logsIn(t, "roll")
	c.sp.SessionAge = 2
	s.introduce(t, c)
	s.logsIn(t, "roll")
	s.command(t, 0, "keys", "sp", "retire", "roll", "--force")
	s.logsIn(t, "roll")
}
