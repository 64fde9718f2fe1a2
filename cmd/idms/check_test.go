package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"idms/internal/saml"
	"idms/internal/samltest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// desk is a folder with the files of a check.
type desk struct {
	t      *testing.T
	folder string
	scene  samltest.Scene
}

const checkRecord = `
groups: [{key: ops, name: Operations}]
records:
  - key: corp
    name: Corp
    state: active
    saml: {metadata_file: idp.xml, origin: "https://login.example.test"}
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    access_rules:
      - {key: admins, attribute: groups, pattern: ^admins$, level: full}
    associations:
      - {key: ops, attribute: groups, pattern: ^ops$, group: ops, update_on_login: true}
      - {key: oldies, attribute: groups, pattern: ^oldies$, group: ops}
  - key: other
    name: Other
    saml: {metadata_file: idp.xml}
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
`

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, folder: t.TempDir(), scene: samltest.NewScene(noon)}
	d.put("idp.xml", d.scene.IdP.Metadata())
	d.put("records.yaml", []byte(checkRecord))
	return d
}

func (d *desk) put(name string, data []byte) string {
	d.t.Helper()
	path := filepath.Join(d.folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// run runs a command line and returns what it printed and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	return runWith(t, nil, args...)
}

// runWith is run in an environment.
func runWith(t *testing.T, environ []string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, problems bytes.Buffer
	p := newProgram(t, "")
	p.environ, p.stdout, p.stderr = environ, &out, &problems
	exit = p.run(args)
	return out.String(), problems.String(), exit
}

// newProgram is one run at noon that reads stdin and prints nowhere. Its records
// share one key, because making one takes long.
func newProgram(t *testing.T, stdin string) *program {
	return &program{
		ctx: t.Context(), stdin: strings.NewReader(stdin), stdout: io.Discard, stderr: io.Discard,
		clock:  func() time.Time { return noon },
		newKey: func(string, time.Time) (saml.Key, error) { return samltest.Key(samltest.Service), nil },
	}
}

// check checks a message against the record corp.
func (d *desk) check(message []byte, more ...string) (found map[string]any, exit int) {
	d.t.Helper()
	args := append([]string{"check", "--record", filepath.Join(d.folder, "records.yaml"), "--record-key", "corp",
		"--response", d.put("response", message), "--format", "json"}, more...)
	stdout, stderr, exit := run(d.t, args...)
	if exit == exitUsage {
		return map[string]any{"said": stderr}, exit
	}
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		d.t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	return found, exit
}

func TestCheckAdmitsAndSaysEverything(t *testing.T) {
	d := newDesk(t)
	message := d.scene.Respond(d.scene.Answer())
	for name, form := range map[string][]byte{
		"XML":                message,
		"XML of an editor":   append([]byte("\ufeff"), message...),
		"base64":             []byte(base64.StdEncoding.EncodeToString(message) + "\n"),
		"a form's value":     []byte(url.QueryEscape(base64.StdEncoding.EncodeToString(message))),
		"a form's body":      []byte(url.Values{"RelayState": {"x"}, "SAMLResponse": {base64.StdEncoding.EncodeToString(message)}}.Encode()),
		"a body's beginning": []byte("SAMLResponse=" + url.QueryEscape(base64.StdEncoding.EncodeToString(message)) + "&RelayState=x"),
	} {
		found, exit := d.check(form, "--request-id", "_request-1")
		if exit != exitOK {
			t.Fatalf("%s: exit %d: %v", name, exit, found)
		}
		for member, want := range map[string]any{
			"accepted": true, "admitted": true, "code": "", "username": "ada", "subject": "ada",
			"auth_context": samltest.ContextPassword, "console": "full", "fix": nil,
			"groups": map[string]any{"add": []any{"ops"}, "remove": []any{}},
		} {
			if !reflect.DeepEqual(found[member], want) {
				t.Errorf("%s: %s = %v, want %v", name, member, found[member], want)
			}
		}
		if got := found["attributes"].(map[string]any)["groups"]; !reflect.DeepEqual(got, []any{"ops", "admins"}) {
			t.Errorf("%s: groups came as %v", name, got)
		}
		if findings := found["findings"].([]any); len(findings) != 3 {
			t.Errorf("%s: %d findings, want one for each rule", name, len(findings))
		}
	}
}

func TestCheckSeparatesTheProtocolFromTheRules(t *testing.T) {
	d := newDesk(t)
	refusedByRule := d.scene.Respond(d.scene.Answer().With(func(a *samltest.Answer) { a.Attributes[4].Values = []string{"guests"} }))
	found, exit := d.check(refusedByRule, "--request-id", "_request-1")
	if exit != exitRefused || found["accepted"] != true || found["admitted"] != false || found["code"] != "no_access" || found["subject"] != "ada" || found["console"] != "none" {
		t.Errorf("refused by a rule: exit %d, %v", exit, found)
	}
	unsigned := d.scene.Respond(d.scene.Answer().Sign(samltest.SignNothing))
	found, exit = d.check(unsigned, "--request-id", "_request-1")
	if exit != exitRefused || found["accepted"] != false || found["code"] != "unsigned" || found["subject"] != "" || len(found["attributes"].(map[string]any)) != 0 {
		t.Errorf("refused by the protocol: exit %d, %v", exit, found)
	}
	if found, exit = d.check([]byte("%%%")); exit != exitRefused || found["code"] != "message_encoding" {
		t.Errorf("garbage: exit %d, %v", exit, found)
	}
	if found, exit = d.check(d.scene.Respond(d.scene.Answer())); exit != exitRefused || found["accepted"] != false {
		t.Errorf("an answer to a request that nobody named: exit %d, %v", exit, found)
	}
}

func TestCheckDecryptsDecidesAtAnInstantAndKnowsThePerson(t *testing.T) {
	d := newDesk(t)
	message := d.scene.Respond(d.scene.Answer().Sign(samltest.SignBoth).Encrypt(samltest.Encryption{}))
	key := d.put("sp.pem", samltest.Key(samltest.Service).PEM())
	if found, exit := d.check(message, "--request-id", "_request-1", "--sp-key", key); exit != exitOK {
		t.Errorf("encrypted: exit %d, %v", exit, found)
	}
	if found, _ := d.check(message, "--request-id", "_request-1"); found["code"] != "decryption_failed" {
		t.Errorf("without our key: %v", found["code"])
	}
	if found, _ := d.check(message, "--request-id", "_request-1", "--sp-key", key, "--at", "2026-03-01T13:00:00Z"); found["code"] != "too_late" {
		t.Errorf("an hour later: %v", found["code"])
	}
	known := d.put("known.yaml", []byte("account: {id: u1, username: ada, state: blocked}\n"))
	if found, _ := d.check(message, "--request-id", "_request-1", "--sp-key", key, "--known", known); found["code"] != "account_disabled" {
		t.Errorf("blocked: %v", found["code"])
	}
	member := d.put("member.yaml", []byte("account: {id: u1, username: ada}\nmemberships:\n  - {group: ops, sources: [{kind: manual, by: eve}]}\n"))
	without := d.scene.Respond(d.scene.Answer().With(func(a *samltest.Answer) { a.Attributes[4].Values = []string{"admins"} }))
	found, exit := d.check(without, "--request-id", "_request-1", "--known", member)
	if exit != exitOK || !reflect.DeepEqual(found["groups"], map[string]any{"add": []any{}, "remove": []any{"ops"}}) {
		t.Errorf("update on login: exit %d, %v", exit, found["groups"])
	}
}

func TestCheckTellsWrongFilesFromRefusals(t *testing.T) {
	d := newDesk(t)
	message := d.put("message", d.scene.Respond(d.scene.Answer()))
	records := filepath.Join(d.folder, "records.yaml")
	odd := d.put("odd.yaml", []byte("records:\n  - {key: x, wrong: true}\n"))
	for name, args := range map[string][]string{
		"no flags":                {"check"},
		"no such file":            {"check", "--record", "nowhere.yaml", "--response", message},
		"no such response":        {"check", "--record", records, "--record-key", "corp", "--response", "nowhere"},
		"no such record":          {"check", "--record", records, "--record-key", "nobody", "--response", message},
		"two records, none named": {"check", "--record", records, "--response", message},
		"an unknown field":        {"check", "--record", odd, "--response", message},
		"an odd instant":          {"check", "--record", records, "--record-key", "corp", "--response", message, "--at", "noon"},
		"an odd format":           {"check", "--record", records, "--record-key", "corp", "--response", message, "--format", "xml"},
		"a key that is none":      {"check", "--record", records, "--record-key", "corp", "--response", message, "--sp-key", records},
		"an odd known file":       {"check", "--record", records, "--record-key", "corp", "--response", message, "--known", odd},
		"an unknown command":      {"chekc"},
	} {
		if _, stderr, exit := run(t, args...); exit != exitUsage || stderr == "" {
			t.Errorf("%s: exit %d, said %q", name, exit, stderr)
		}
	}
}

func TestCheckInWordsNamesTheRuleAndTheFix(t *testing.T) {
	d := newDesk(t)
	settings := d.scene.SP
	settings.Audience = "https://somebody.else.example"
	message := d.put("message", d.scene.Respond(samltest.For(settings).To(saml.Request{ID: "_request-1"}).At(noon).Person("ada")))
	stdout, _, exit := run(t, "check", "--record", filepath.Join(d.folder, "records.yaml"), "--record-key", "corp",
		"--response", message, "--request-id", "_request-1")
	if exit != exitRefused {
		t.Fatalf("exit %d\n%s", exit, stdout)
	}
	for _, want := range []string{"M16", "audience_mismatch", "https://somebody.else.example", "saml.audience"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not say %s:\n%s", want, stdout)
		}
	}
}
