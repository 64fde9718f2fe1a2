package interop_test

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"idms/test/interop"
	"idms/test/program"
)

// People of LemonLDAP::NG's own test module, whose password is their name.
var (
	simpleGrace   = named(grace)
	simpleMallory = named(mallory)
)

func named(person interop.Person) interop.Person {
	person.Password = person.Username
	return person
}

// TestLemonLDAP has the portal of LemonLDAP::NG do what a company's portal does:
// answer our requests, signed and not, begin logins itself, and keep somebody
// out whose groups are not the right ones.
func TestLemonLDAP(t *testing.T) {
	t.Parallel()
	server := interop.StartLemonLDAP(t, simpleGrace, simpleMallory)
	idp := provider{"LemonLDAP::NG", server.EntityID, "{username: uid, email: mail, first_name: givenName, last_name: sn}", "groups", server}
	signs := interop.ServiceProvider{SignResponse: true}
	checks, encrypts := signs, signs
	checks.RequestsSigned, encrypts.Encrypt = true, true
	connections := []connection{
		{"company", "allow_unsolicited: true\nrelay_state: start-at-the-portal\nlanding: /groups", signs},
		{"signed", "sign_requests: true", checks},
		{"unsigned", "", checks},
		{"encrypted", "", encrypts},
		{"slo-redirect", "single_logout: true\nslo_binding: redirect", signs},
		{"slo-post", "single_logout: true\nslo_binding: post", signs},
	}
	records := []string{"company", "signed", "encrypted"}
	// Lasso, the library of LemonLDAP::NG, reads two canonicalizers.
	for _, canonicalizer := range []string{"exclusive", "c14n10"} {
		connections = append(connections, connection{canonicalizer, "sign_requests: true\nrequest_binding: post\ncanonicalizer: " + canonicalizer, checks})
		records = append(records, canonicalizer)
	}
	s := serve(t, idp, connections...)

	for _, record := range records {
		t.Run(record, func(t *testing.T) {
			visitor := interop.NewVisitor(t)
			form := visitor.Login(t, s.begin(t, visitor, record), simpleGrace).Form(t, "SAMLResponse")
			response, err := base64.StdEncoding.DecodeString(form.Values.Get("SAMLResponse"))
			if err != nil {
				t.Fatal(err)
			}
			// It signs both, and encrypts with CBC, which that allows (M10).
			if want := 1 + count(record != "encrypted"); signatures(response) != want {
				t.Errorf("%d signatures to be seen, want %d", signatures(response), want)
			}
			if encrypted := strings.Contains(string(response), "EncryptedAssertion"); encrypted != (record == "encrypted") {
				t.Errorf("encrypted: %v", encrypted)
			}
			page := visitor.Submit(t, form)
			tells(t, page, "Grace Hopper", "grace@company.example", "Full Access")
			tells(t, visitor.Open(t, s.URL+"/groups"), "Platform engineers", "Cloud administrators")
		})
	}
	t.Run("takes only what we signed", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		// It looks at the signature after the login.
		page := visitor.Login(t, s.begin(t, visitor, "unsigned"), simpleGrace)
		if page.Has(t, "SAMLResponse") || !strings.Contains(page.Body, "trmsg=\"57\"") {
			t.Errorf("a request without a signature came through: %s", page.Body)
		}
	})
	t.Run("begins a login", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		page := authenticate(t, visitor, visitor.Open(t, idp.Unsolicited(s.entity("company"), "start-at-the-portal")), simpleGrace)
		if page.URL.Path != "/groups" {
			t.Errorf("M22: the record's RelayState led to %s", page.URL)
		}
		tells(t, page, "Platform engineers")
	})
	for _, record := range []string{"slo-redirect", "slo-post"} {
		t.Run("M24 "+record, func(t *testing.T) {
			visitor := interop.NewVisitor(t)
			front := authenticate(t, visitor, s.begin(t, visitor, record), simpleGrace)
			page := visitor.Submit(t, front.FormTo(t, "/logout"))
			if inside(t, visitor, s.URL) {
				t.Fatal("the session goes on while the provider is told")
			}
			tells(t, goOn(t, visitor, page), "You are logged out at your identity provider as well.")
			if s.remembered(t, visitor, record) {
				t.Error("the provider still knows her")
			}
		})
	}
	t.Run("a visitor is refused", func(t *testing.T) {
		visitor := interop.NewVisitor(t)
		s.refuses(t, authenticate(t, visitor, s.begin(t, visitor, "company"), simpleMallory), "validation_failed", "employees", `"visitors"`)
	})
	t.Run("as the documentation says", func(t *testing.T) {
		page, err := os.ReadFile("../../docs/identity-providers/lemonldap.md")
		if err != nil {
			t.Fatal(err)
		}
		_, record, _ := strings.Cut(string(page), "```yaml\n")
		record, _, _ = strings.Cut(record, "```")
		s := &service{idp: idp, store: []string{"--data", t.TempDir()}}
		s.apply(t, record)
		s.Process = program.Serve(t, s.store...)
		s.introduce(t, connection{key: "company", sp: checks})
		visitor := interop.NewVisitor(t)
		tells(t, authenticate(t, visitor, s.begin(t, visitor, "company"), simpleGrace), "Grace Hopper", "Full Access")
	})
}
