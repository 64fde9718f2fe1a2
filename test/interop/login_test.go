package interop_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"idms/test/interop"
	"idms/test/needs"
	"idms/test/program"
)

// recordFor is a record of this provider, as an administrator writes it.
func recordFor(idp *interop.SimpleSAMLphp, more string) string {
	return fmt.Sprintf(`
groups:
  - {key: platform, name: Platform engineers}
records:
  - key: company
    name: The company
    state: active
    saml:
      issuer: %s
      metadata_file: metadata.xml
      allow_unsolicited: true
      relay_state: start-at-the-portal
      landing: /groups
%s
    mapping: {username: uid, email: mail, first_name: givenName, last_name: sn}
    validation_rules:
      - {key: employees, attribute: groups, pattern: ^staff$}
    access_rules:
      - {key: cloud-admins, attribute: groups, pattern: ^cloud-admins$, level: full}
      - {key: staff, attribute: groups, pattern: ^staff$, level: restricted}
    associations:
      - {key: platform, attribute: groups, pattern: ^platform$, group: platform}
`, idp.EntityID, more)
}

var (
	grace = interop.Person{Username: "grace", Password: "compiler", Attributes: map[string][]string{
		"uid": {"grace"}, "mail": {"grace@company.example"}, "givenName": {"Grace"}, "sn": {"Hopper"},
		"groups": {"staff", "platform", "cloud-admins"},
	}}
	mallory = interop.Person{Username: "mallory", Password: "guess", Attributes: map[string][]string{
		"uid": {"mallory"}, "mail": {"mallory@company.example"}, "givenName": {"Mallory"}, "sn": {"Guest"},
		"groups": {"visitors"},
	}}
)

// service is idms at work beside the provider, each trusting the other.
type service struct {
	*program.Process
	idp   *interop.SimpleSAMLphp
	store []string // the flags that name its database
}

// serve starts idms with this record, and introduces the two to each other.
func serve(t *testing.T, idp *interop.SimpleSAMLphp, sp interop.ServiceProvider, record string) *service {
	t.Helper()
	data := t.TempDir()
	s := &service{idp: idp, store: []string{"--data", data}}
	s.apply(t, record)
	s.Process = program.Serve(t, s.store...)
	sp.EntityID, sp.ACS = s.URL+"/saml/company/metadata", s.URL+"/saml/company/acs"
	idp.Trust(t, sp)
	return s
}

func (s *service) apply(t *testing.T, record string) {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "records.yaml")
	for name, text := range map[string]string{file: record, filepath.Join(folder, "metadata.xml"): string(s.idp.Metadata(t))} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if stdout, stderr, exit := program.Run(t, append([]string{"apply", "-f", file}, s.store...)...); exit != 0 {
		t.Fatalf("apply: exit %d\n%s%s", exit, stdout, stderr)
	}
}

// logIn goes from the login page through the provider and back.
func (s *service) logIn(t *testing.T, visitor *interop.Visitor, from string, who interop.Person) *interop.Page {
	t.Helper()
	page := visitor.Open(t, from)
	if page.Has(t, "username") {
		page = visitor.Login(t, page, who)
	}
	return visitor.Submit(t, page.Form(t, "SAMLResponse"))
}

func (s *service) trace(t *testing.T, page *interop.Page) string {
	t.Helper()
	reference := regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{10}\b`).FindString(page.Text(t))
	if reference == "" {
		t.Fatalf("no reference on the page:\n%s", page.Text(t))
	}
	stdout, stderr, exit := program.Run(t, append([]string{"trace", reference}, s.store...)...)
	if exit != 0 {
		t.Fatalf("trace %s: exit %d\n%s", reference, exit, stderr)
	}
	return stdout
}

func TestSimpleSAMLphpLogsPeopleIn(t *testing.T) {
	idp := interop.StartSimpleSAMLphp(t, grace, mallory)
	for _, tt := range []struct {
		name   string
		sp     interop.ServiceProvider
		record string
	}{
		{"with the response signed", interop.ServiceProvider{SignResponse: true}, "      signed: response"},
		{"with the assertion signed", interop.ServiceProvider{SignAssertion: true}, "      signed: assertion"},
		{"with both signed, asked by POST", interop.ServiceProvider{SignResponse: true, SignAssertion: true}, "      signed: both\n      request_binding: post\n      sign_requests: true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, idp, tt.sp, recordFor(idp, tt.record))

			visitor := interop.NewVisitor(t)
			page := visitor.Open(t, s.URL+"/saml/company/login?return_to=/groups")
			if page.Has(t, "SAMLRequest") {
				page = visitor.Submit(t, page.Form(t, "SAMLRequest"))
			}
			page = visitor.Submit(t, visitor.Login(t, page, grace).Form(t, "SAMLResponse"))
			if page.Status != http.StatusOK || page.URL.Path != "/groups" || !strings.Contains(page.Text(t), "Platform engineers") {
				t.Errorf("the way of a button ended at %s with %d:\n%s", page.URL, page.Status, page.Text(t))
			}
			who := visitor.Open(t, s.URL+"/").Text(t)
			for _, want := range []string{"Grace Hopper", "Full Access"} {
				if !strings.Contains(who, want) {
					t.Errorf("the page after login does not say %q:\n%s", want, who)
				}
			}
			t.Run("the provider begins", func(t *testing.T) {
				visitor := interop.NewVisitor(t)
				page := s.logIn(t, visitor, idp.Unsolicited(s.URL+"/saml/company/metadata", "start-at-the-portal"), grace)
				if page.Status != http.StatusOK || page.URL.Path != "/groups" {
					t.Errorf("ended at %s with %d:\n%s", page.URL, page.Status, page.Text(t))
				}
			})
			t.Run("a visitor is refused, and the trace says why", func(t *testing.T) {
				visitor := interop.NewVisitor(t)
				page := s.logIn(t, visitor, idp.Unsolicited(s.URL+"/saml/company/metadata", ""), mallory)
				if page.Status != http.StatusForbidden {
					t.Errorf("status %d:\n%s", page.Status, page.Text(t))
				}
				for _, secret := range []string{"mallory", "visitors", "employees"} {
					if strings.Contains(page.Body, secret) {
						t.Errorf("S60: the refusal page says %q", secret)
					}
				}
				told := s.trace(t, page)
				for _, want := range []string{"validation_failed", "employees", `"visitors"`} {
					if !strings.Contains(told, want) {
						t.Errorf("S61: the trace does not say %s:\n%s", want, told)
					}
				}
				if page := visitor.Open(t, s.URL+"/"); page.URL.Path != "/login" {
					t.Errorf("the refused visitor is at %s", page.URL)
				}
			})
		})
	}
}

func TestSimpleSAMLphpEncryptsForUsAndTakesOnlyWhatWeSigned(t *testing.T) {
	idp := interop.StartSimpleSAMLphp(t, grace)
	for _, binding := range []string{"redirect", "post"} {
		t.Run("by "+binding, func(t *testing.T) {
			s := serve(t, idp, interop.ServiceProvider{SignResponse: true, SignAssertion: true},
				recordFor(idp, "      signed: both\n      sign_requests: true\n      request_binding: "+binding))
			key := ourCertificate(t, s)
			idp.Trust(t, interop.ServiceProvider{
				EntityID: s.URL + "/saml/company/metadata", ACS: s.URL + "/saml/company/acs",
				SignResponse: true, SignAssertion: true, EncryptFor: key, RequestsSignedBy: key,
			})
			visitor := interop.NewVisitor(t)
			page := visitor.Open(t, s.URL+"/saml/company/login")
			if binding == "post" {
				page = visitor.Submit(t, page.Form(t, "SAMLRequest"))
			}
			form := visitor.Login(t, page, grace).Form(t, "SAMLResponse")
			if page = visitor.Submit(t, form); page.Status != http.StatusOK || !strings.Contains(page.Text(t), "Grace Hopper") {
				t.Errorf("status %d:\n%s", page.Status, page.Text(t))
			}
			response, err := base64.StdEncoding.DecodeString(form.Values.Get("SAMLResponse"))
			if err != nil || !strings.Contains(string(response), "EncryptedAssertion") {
				t.Errorf("nothing was encrypted: %v", err)
			}
		})
	}
}

// ourCertificate is the one in the service's metadata, as PEM.
func ourCertificate(t *testing.T, s *service) []byte {
	t.Helper()
	metadata := interop.NewVisitor(t).Open(t, s.URL+"/saml/company/metadata").Body
	_, rest, _ := strings.Cut(metadata, "X509Certificate>")
	certificate, _, ok := strings.Cut(rest, "<")
	if !ok {
		t.Fatalf("no certificate in our metadata:\n%s", metadata)
	}
	return []byte("-----BEGIN CERTIFICATE-----\n" + certificate + "\n-----END CERTIFICATE-----\n")
}

// TestM17TwoProcessesOverOnePostgreSQL posts one response twenty times at once
// at two running processes.
func TestM17TwoProcessesOverOnePostgreSQL(t *testing.T) {
	database := needs.PostgreSQL(t)
	idp := interop.StartSimpleSAMLphp(t, grace)
	data := t.TempDir()
	first := &service{idp: idp, store: []string{"--data", data, "--database", database}}
	first.apply(t, recordFor(idp, ""))
	first.Process = program.Serve(t, first.store...)
	// The second stands behind the same public address, as behind a balancer.
	address := program.FreeAddress(t)
	second := program.Start(t, append([]string{"serve", "--listen", address, "--base-url", first.URL}, first.store...)...)
	second.AwaitLine(t, "listening")
	idp.Trust(t, interop.ServiceProvider{
		EntityID: first.URL + "/saml/company/metadata", ACS: first.URL + "/saml/company/acs", SignAssertion: true,
	})

	visitor := interop.NewVisitor(t)
	form := visitor.Login(t, visitor.Open(t, first.URL+"/saml/company/login"), grace).Form(t, "SAMLResponse")
	public, err := url.Parse(first.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookies := visitor.Cookies(form.Action)

	type result struct {
		status  int
		session bool
	}
	results := make([]result, 20)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			target := *form.Action
			if i%2 == 1 {
				target.Host = address
			}
			request, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(form.Values.Encode()))
			if err != nil {
				t.Error(err)
				return
			}
			request.Host = public.Host
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Origin", idp.EntityID)
			for _, cookie := range cookies {
				request.AddCookie(cookie)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			results[i].status = response.StatusCode
			for _, cookie := range response.Cookies() {
				if strings.Contains(cookie.Name, "session") && cookie.Value != "" {
					results[i].session = true
				}
			}
		})
	}
	all.Wait()
	sessions := 0
	for _, one := range results {
		if one.session {
			sessions++
		} else if one.status != http.StatusForbidden && one.status != http.StatusBadRequest {
			t.Errorf("a second post ended with status %d", one.status)
		}
	}
	if sessions != 1 {
		t.Errorf("%d sessions: %+v", sessions, results)
	}
}
