package api

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"idms/test/needs"
)

// checks are what must hold of every answer, whatever was asked: no error of ours,
// and nothing that the OpenAPI description does not say; what it rules out is
// refused. That every document which the description allows be accepted is not among
// them: what is wrong with a record beyond its shape is idms' to find. Nor is that
// nothing is answered without a token: internal/api asks every route for that, and
// here the limit on wrong tokens would answer.
const checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance," +
	"response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance"

// fuzzTime bounds each of the two runs; the last request may take longer.
const fuzzTime = 30 * time.Second

// TestTheFuzzerFindsNoFaultAndNoContradiction runs Schemathesis over the
// description that the service itself serves: once as a stranger who guesses every
// name, and once as somebody who knows what is there, so that most requests get
// past "there is no such thing".
func TestTheFuzzerFindsNoFaultAndNoContradiction(t *testing.T) {
	fuzzer := needs.Schemathesis(t)
	h := newHouse(t)
	known := `
[parameters]
"path.user" = "` + h.user + `"
"path.ref" = "` + h.trace + `"
"path.version" = 1
"header.If-Match" = "*"
"header.Idms-Reason" = "a fuzz run"
`
	// What stays, and what may go.
	for _, path := range []string{"records", "groups"} {
		key := map[string]string{"records": "acme", "groups": "platform"}[path]
		known += fmt.Sprintf(`
[[operations]]
include-path-regex = "^/api/v1/%s/"
exclude-method = "DELETE"
parameters = { "path.key" = %q }
`, path, key)
	}
	for list, rule := range map[string]string{"validation_rules": "not-suspended", "access_rules": "admins", "associations": "ops"} {
		known += fmt.Sprintf(`
[[operations]]
include-path-regex = "/%s/"
exclude-method = "DELETE"
parameters = { "path.key" = "acme", "path.rule" = %q }
`, list, rule)
	}

	for _, run := range []struct{ name, config string }{
		{"a stranger", ""},
		{"who knows what is there", known},
	} {
		t.Run(run.name, func(t *testing.T) {
			folder := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), 3*fuzzTime)
			defer cancel()
			command := exec.CommandContext(ctx, fuzzer,
				"--config-file", write(t, folder, "schemathesis.toml", run.config),
				"run", h.url+"/api/v1/openapi.json",
				"--header", "Authorization: Bearer "+h.token,
				"--checks", checks,
				"--phases", "examples,coverage,fuzzing",
				"--max-examples", "20", "--max-time", fmt.Sprint(int(fuzzTime.Seconds())),
				"--request-timeout", "20", "--continue-on-failure",
				"--generation-deterministic", "--suppress-health-check", "all", // those are about how busy the machine is
				"--warnings", "off", "--no-color")
			command.Dir = folder
			var said bytes.Buffer
			command.Stdout, command.Stderr = &said, &said
			if err := command.Run(); err != nil {
				t.Errorf("%v\n%s", err, said.String())
			}
			if text := said.String(); testing.Verbose() {
				t.Log(text[max(0, len(text)-700):])
			}
		})
	}
}
