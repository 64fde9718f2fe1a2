package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestATokenIsMadeShownOnceListedAndRevoked(t *testing.T) {
	data := t.TempDir()
	made, said, exit := run(t, "token", "create", "--data", data, "--name", "ci", "--role", "editor", "--expires", "30d")
	secret := strings.TrimSpace(made)
	if exit != exitOK || !strings.HasPrefix(secret, "idms_") || len(secret) != 48 {
		t.Fatalf("%d: %q\n%s", exit, made, said)
	}
	if _, said, exit := run(t, "token", "create", "--data", data, "--name", "ci", "--role", "reader"); exit != exitRefused || !strings.Contains(said, "There is a token ci already") {
		t.Errorf("a second one of the name: %d %s", exit, said)
	}
	listed, _, _ := run(t, "token", "list", "--data", data)
	if !strings.Contains(listed, "ci  editor  ends ") || !strings.Contains(listed, "never used") || strings.Contains(listed, secret) {
		t.Errorf("the list is %q", listed)
	}
	var tokens struct{ Tokens []tokenReport }
	listed, _, _ = run(t, "token", "list", "--data", data, "--format", "json")
	if err := json.Unmarshal([]byte(listed), &tokens); err != nil || len(tokens.Tokens) != 1 || tokens.Tokens[0].Role != "editor" {
		t.Errorf("the list is %+v (%v)", tokens, err)
	}
	var asJSON struct {
		tokenReport
		Token string `json:"token"`
	}
	made, _, _ = run(t, "token", "create", "--data", data, "--name", "other", "--role", "owner", "--format", "json")
	if err := json.Unmarshal([]byte(made), &asJSON); err != nil || asJSON.Token == "" || asJSON.Name != "other" {
		t.Errorf("as JSON it is %+v (%v)", asJSON, err)
	}
	if revoked, said, exit := run(t, "token", "revoke", "--data", data, "ci"); exit != exitOK || revoked != "The token ci is revoked.\n" {
		t.Errorf("%d: %s%s", exit, revoked, said)
	}
	if _, _, exit := run(t, "token", "revoke", "--data", data, "ci"); exit != exitRefused {
		t.Errorf("revoked twice: %d", exit)
	}
}

func TestATokenThatCannotBeIsRefusedAsUsage(t *testing.T) {
	data := t.TempDir()
	for _, flags := range [][]string{
		{"--name", "ci", "--role", "root"},
		{"--name", "C I", "--role", "reader"},
		{"--name", "ci", "--role", "reader", "--expires", "367d"},
		{"--name", "ci", "--role", "reader", "--expires", "0d"},
		{"--name", "ci", "--role", "reader", "--expires", "-1h"},
		{"--name", "ci", "--role", "reader", "--expires", "99999999999d"},
		{"--name", "ci", "--role", "reader", "--expires", "soon"},
		{"--role", "reader"},
	} {
		if _, said, exit := run(t, append([]string{"token", "create", "--data", data}, flags...)...); exit != exitUsage {
			t.Errorf("%v: %d %s", flags, exit, said)
		}
	}
}
