package journey_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idms/internal/demo"
	"idms/test/program"
)

// The record of the tutorial, as somebody who follows it writes it down.
func TestTheTutorialIsTrue(t *testing.T) {
	tutorial, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(tutorial), "```yaml\n")
	record, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("the tutorial holds no record")
	}
	folder := t.TempDir()
	data := filepath.Join(folder, "idms-data")
	provider, err := demo.New(demo.Config{BaseURL: "http://localhost:1", ServiceURL: "http://localhost:2"})
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := provider.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"records.yaml": []byte(record), "company-metadata.xml": metadata} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	service := program.Serve(t, "--data", data)
	if page := program.Read(t, http.DefaultClient, service.URL+"/login"); strings.Contains(page, "/saml/company/login") {
		t.Fatal("the button is there before the record")
	}
	stdout, stderr, exit := program.Run(t, "apply", "--data", data, "-f", filepath.Join(folder, "records.yaml"), "--reason", "first try")
	if exit != 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "idms test-login company") {
		t.Fatalf("apply ends with %d: %s%s", exit, stdout, stderr)
	}
	if page := program.Read(t, http.DefaultClient, service.URL+"/login"); !strings.Contains(page, "/saml/company/login") {
		t.Error("the running service shows no button for the record")
	}
	// What the provider was told before the record was there.
	sp := program.Read(t, http.DefaultClient, service.URL+"/saml/company/metadata")
	for _, address := range []string{"http://localhost:8080/saml/company/acs", "http://localhost:8080/saml/company/metadata"} {
		if !strings.Contains(string(tutorial), "`"+address+"`") {
			t.Errorf("the tutorial no longer names %s", address)
		}
		if here := strings.Replace(address, "http://localhost:8080", service.URL, 1); !strings.Contains(sp, `"`+here+`"`) {
			t.Errorf("the service's metadata lacks %s:\n%s", here, sp)
		}
	}

	// Its last step: a refusal, explained.
	response, err := http.Post(service.URL+"/saml/company/acs", "application/x-www-form-urlencoded", strings.NewReader("SAMLResponse=PHg%2B"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ = strings.Cut(string(page), `<code class="chip">`)
	reference, _, _ := strings.Cut(after, "<")
	stdout, stderr, exit = program.Run(t, "trace", reference, "--data", data)
	_, after, _ = strings.Cut(string(tutorial), "A refused check looks like this:\n\n```\n")
	shown, _, _ := strings.Cut(after, "```")
	if exit != 0 || shown == "" || !strings.Contains(stdout, shown) {
		t.Errorf("idms trace %s ends with %d and says\n%s%s\nthe tutorial shows\n%s", reference, exit, stdout, stderr, shown)
	}
}
