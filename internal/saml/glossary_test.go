package saml

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a record's SAML fields are called elsewhere stands in one place.
func TestTheGlossaryKnowsEveryField(t *testing.T) {
	text, err := os.ReadFile("../../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, match := range regexp.MustCompile("`saml\\.([a-z0-9_.]+)`").FindAllStringSubmatch(string(text), -1) {
		known = append(known, match[1])
	}
	source, err := os.ReadFile("check.go")
	if err != nil {
		t.Fatal(err)
	}
	warnings, err := os.ReadFile("warnings.go")
	if err != nil {
		t.Fatal(err)
	}
	fields := []string{
		"issuer", "metadata", "metadata_url", "metadata_refresh", "metadata_certificates", "sso_url", "sso_binding", "slo_url", "slo_answer_url", "slo_binding", "certificates", "change_password_url",
		"sp_issuer", "audience", "origin", "previous_origins",
		"request_binding", "sign_metadata", "sign_requests", "canonicalizer", "name_id_format", "force_authn", "request_auth_contexts", "custom_login_url",
		"single_logout", "logout_url",
		"signed", "allow_unsolicited", "relay_state", "landing", "clock_skew", "refuse_expired_certificates", "keep_responses_until",
		"legacy.sha1", "legacy.cbc", "legacy.inclusive_c14n",
		"allowed_auth_contexts", "elevation_auth_contexts",
	}
	for _, field := range fields {
		if !slices.Contains(known, field) {
			t.Errorf("the glossary does not know saml.%s", field)
		}
	}
	for _, field := range known {
		if !slices.Contains(fields, field) {
			t.Errorf("the glossary knows saml.%s, which is no field", field)
		}
	}
	// A problem stands at a field that exists.
	for _, match := range regexp.MustCompile(`(?:Add|AddError)\("([a-z0-9_.]+)"`).FindAllStringSubmatch(string(source)+string(warnings), -1) {
		if !slices.Contains(fields, match[1]) {
			t.Errorf("a problem stands at %s, which is no field", match[1])
		}
	}
}

// Every requirement that the code cites is explained, and every one explained
// has its one line.
func TestTheReferenceExplainsEveryRequirement(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/saml.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (M\d\d) \| .+ \|$`).FindAllStringSubmatch(string(text), -1)
	if len(rows) != 26 {
		t.Errorf("%d requirements", len(rows))
	}
	explained := map[string]bool{}
	for _, row := range rows {
		explained[row[1]] = true
	}
	for _, step := range protocol {
		if strings.HasPrefix(step.Rule, "M") && !explained[step.Rule] {
			t.Errorf("the step %q cites %s, which nothing explains", step.Name, step.Rule)
		}
	}
	for canonicalizer, algorithm := range everyCanonicalizer {
		if canonicalizer != "" && !strings.Contains(string(text), "| `"+algorithm+"` |") {
			t.Errorf("the reference does not know %s", canonicalizer)
		}
	}
}
