package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"idms/internal/samltest"
	test "idms/test/program"
)

// publisher answers with the metadata of a provider, in the clear on loopback,
// and publisherAllowed is the environment that allows it.
func publisher(t *testing.T, idp *samltest.IdP) (address string, publish func(*samltest.IdP)) {
	t.Helper()
	var now atomic.Pointer[samltest.IdP]
	now.Store(idp)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(now.Load().Metadata()) }))
	t.Cleanup(server.Close)
	return server.URL + "/metadata", now.Store
}

var publisherAllowed = []string{"IDMS_METADATA__ALLOW_PLAIN_HTTP=true", "IDMS_METADATA__ALLOW_NETWORKS=127.0.0.0/8"}

func TestMetadataByURLFromTheCommandLine(t *testing.T) {
	idp := samltest.NewIdP("https://idp.example.test/saml")
	address, publish := publisher(t, idp)
	s := newShell(t)
	command := func(exit int, want string, args ...string) string {
		t.Helper()
		stdout, stderr, got := runWith(t, publisherAllowed, append(args, "--data", s.data)...)
		if got != exit || !strings.Contains(stdout+stderr, want) {
			t.Errorf("idms %s: exit %d, want %d, and %q in\n%s%s", strings.Join(args, " "), got, exit, want, stdout, stderr)
		}
		return stdout
	}
	if _, stderr, exit := run(t, "metadata", "show", address); exit != exitUsage || !strings.Contains(stderr, "metadata.allow_plain_http") {
		t.Errorf("plain http is asked without being allowed: exit %d, %s", exit, stderr)
	}
	preview := command(exitOK, "Issuer          https://idp.example.test/saml", "metadata", "show", address)
	if !regexp.MustCompile(`SHA-256 [0-9a-f]{64}\n`).MatchString(preview) {
		t.Errorf("no fingerprint in\n%s", preview)
	}
	if _, err := os.Stat(s.data); err == nil {
		t.Error("looking at metadata made a database")
	}
	command(exitOK, "Sign-on         https://idp.example.test/saml/sso (redirect)", "metadata", "show", s.put("idp.xml", idp.Metadata()))
	var document map[string]any
	if err := json.Unmarshal([]byte(command(exitOK, "", "metadata", "show", address, "--format", "json")), &document); err != nil || document["issuer"] != idp.EntityID {
		t.Errorf("%v (%v)", document, err)
	}

	file := s.put("acme.yaml", []byte("records:\n  - key: acme\n    name: Acme\n    state: active\n    saml: {metadata_url: \""+address+
		"\"}\n    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}\n"))
	command(exitOK, "Applied.", "apply", "-f", file)
	command(exitOK, "unchanged: 1 record,", "apply", "-f", file)
	command(exitOK, "Nothing has changed.", "metadata", "refresh", "acme")
	command(exitOK, "Nothing waits", "metadata", "status", "acme")
	next := *idp
	next.Keys = append(next.Keys, samltest.Key(samltest.NextSigner))
	publish(&next)
	// In the clear, a new certificate waits.
	command(exitOK, "Waits for approval (idms metadata approve acme):\n  + certificates ", "metadata", "refresh", "acme")
	command(exitOK, "this waits for approval:\n  + certificates ", "metadata", "status", "acme")
	command(exitOK, "idms metadata approve", "metadata", "refresh", "acme")
	command(exitOK, "Taken over:\n  + certificates ", "metadata", "approve", "acme", "--reason", "ticket 8")
	command(exitRefused, "Nothing waits", "metadata", "approve", "acme")
	command(exitOK, "metadata acme", "jobs")
	if got := strings.Count(command(exitOK, "ours: signs and decrypts", "certificates"), "provider: signs responses"); got != 2 {
		t.Errorf("%d certificates of the provider are listed", got)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(command(exitOK, "", "certificates", "--format", "json")), &list); err != nil || len(list) != 3 {
		t.Errorf("%v (%v)", list, err)
	}
	command(exitUsage, "has no metadata address", "metadata", "refresh", "local")
}

func TestKeysOfARecordAreRolledOverFromTheCommandLine(t *testing.T) {
	s := newShell(t)
	s.run(exitOK, "apply", "-f", s.put("first.yaml", []byte(smallRecords)))
	keys := func(exit int, want string, args ...string) {
		t.Helper()
		stdout, stderr, got := run(t, append(append([]string{"keys", "sp"}, args...), "--data", s.data)...)
		said := strings.Join(strings.Fields(stdout+stderr), " ")
		if got != exit || !strings.Contains(said, want) {
			t.Errorf("idms keys sp %s: exit %d, want %d, and %q in %s", strings.Join(args, " "), got, exit, want, said)
		}
	}
	keys(exitOK, "current 2026-", "corp")
	keys(exitOK, "next 2026-", "next", "corp")
	keys(exitRefused, "force it", "switch", "corp")
	keys(exitOK, "former 2026-", "switch", "corp", "--force")
	keys(exitRefused, "force it", "retire", "corp")
	keys(exitOK, "current 2026-", "retire", "corp", "--force")
	keys(exitRefused, "only one", "retire", "corp")
	keys(exitRefused, "no record", "next", "nobody")
}

func TestTheDoctorSaysWithItsExitCodeHowItIs(t *testing.T) {
	s := newShell(t)
	s.run(exitOK, "apply", "-f", s.put("first.yaml", []byte(smallRecords)))
	if stdout, _ := s.run(exitOK, "doctor"); !strings.Contains(stdout, "ok       corp: address: Responses are sent to http://localhost:8080/saml/corp/acs.\n") ||
		!strings.Contains(stdout, "0 problems, ") {
		t.Errorf("it says\n%s", stdout)
	}
	elsewhere := strings.Replace(smallRecords, "      metadata_file: idp.xml\n", "      metadata_file: idp.xml\n      origin: https://elsewhere.example\n", 1)
	s.run(exitOK, "apply", "-f", s.put("second.yaml", []byte(elsewhere)))
	if stdout, _ := s.run(exitRefused, "doctor"); !strings.Contains(stdout, "problem  corp: address: Responses are sent to https://elsewhere.example") {
		t.Errorf("it says\n%s", stdout)
	}
	stdout, _ := s.run(exitRefused, "doctor", "corp", "--format", "json")
	var findings []map[string]string
	if err := json.Unmarshal([]byte(stdout), &findings); err != nil || len(findings) == 0 || findings[0]["record"] != "corp" {
		t.Errorf("%v (%v)", findings, err)
	}
}

func TestMetricsAreAnsweredAtTheirOwnAddressAlone(t *testing.T) {
	data := t.TempDir()
	service := start(t, "serve", "--listen", "127.0.0.1:0", "--data", data, "--config", func() string {
		d := newDesk(t)
		return d.put("idms.yaml", []byte("metrics: {listen: \"127.0.0.1:0\"}\n"))
	}())
	match := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(service.await("msg=metrics"))
	if match == nil {
		t.Fatal("it does not say where")
	}
	if page := test.Read(t, http.DefaultClient, "http://"+match[1]+"/metrics"); !strings.Contains(page, "# TYPE idms_verification_seconds histogram\n") {
		t.Errorf("it says\n%s", page)
	}
	address := service.listening()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode == http.StatusOK {
		t.Error("everybody may read them")
	}
	if exit := service.end(); exit != exitOK {
		t.Errorf("it ends with %d", exit)
	}
}
