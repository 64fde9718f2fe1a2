package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestAnAdministratorIsMadeListedChangedAndLetInFromTheCommandLine(t *testing.T) {
	data := "--data=" + filepath.Join(t.TempDir(), "data")
	address := regexp.MustCompile(`(?m)^  http\S+/door/choose/\S{43}$`)

	stdout, stderr, exit := run(t, "admin", "create", "grace", "--email", "grace@example.test", data)
	if exit != exitOK || !address.MatchString(stdout) {
		t.Fatalf("create ends with %d\n%s%s", exit, stdout, stderr)
	}
	for _, tt := range []struct {
		name string
		exit int
		said string // in either stream
		args []string
	}{
		{"one who cannot log in yet is listed so", exitOK, "no password yet", []string{"admin", data}},
		{"a taken username", exitRefused, "already", []string{"admin", "create", "Grace", "--email", "g@example.test", data}},
		{"a bad e-mail address", exitUsage, "email", []string{"admin", "create", "eve", "--email", "nowhere", data}},
		{"a role that there is not", exitUsage, "role", []string{"admin", "create", "eve", "--email", "e@example.test", "--role", "king", data}},
		{"a person without a role, to be exempt", exitOK, "/door/choose/", []string{"admin", "create", "carl", "--email", "carl@example.test", "--role", "none", data}},
		{"another role", exitOK, "editor", []string{"admin", "role", "grace", "editor", data}},
		{"the role shows", exitOK, "editor", []string{"admin", "list", data}},
		{"nobody", exitRefused, "Nobody by this username", []string{"admin", "role", "mallory", "owner", data}},
		{"an address for somebody locked out", exitOK, "/door/choose/", []string{"admin", "unlock", "grace", "--without-second-factor", data}},
		{"an address of the service that only a flag of serve names", exitOK, "https://login.example.test/door/choose/", []string{"admin", "unlock", "grace", "--base-url", "https://login.example.test", data}},
		{"an address for nobody", exitRefused, "no local person \"mallory\"", []string{"admin", "unlock", "mallory", data}},
		{"an exemption without a reason", exitUsage, "--reason", []string{"admin", "exempt", "grace", "--until", "2999-12-31", data}},
		{"an exemption that is over", exitUsage, "is over", []string{"admin", "exempt", "grace", "--until", "2001-12-31", "--reason", "x", data}},
		{"an exemption", exitOK, `"grace": exempt up to and including 2999-12-31`, []string{"admin", "exempt", "grace", "--until", "2999-12-31", "--reason", "has no company login", data}},
		{"its end", exitOK, `"grace": not exempt`, []string{"admin", "exempt", "grace", "--end", data}},
		{"enforcing what is not proved", exitRefused, "identity provider", []string{"admin", "set", "--single-sign-on", "enforced", data}},
		{"shutting the door", exitOK, "back door: shut", []string{"admin", "set", "--back-door", "shut", data}},
		{"the settings", exitOK, "single sign-on: optional\nback door: shut", []string{"admin", "set", data}},
		{"what happened is told", exitOK, "setting_changed", []string{"audit", data}},
	} {
		stdout, stderr, exit := run(t, tt.args...)
		if exit != tt.exit || !strings.Contains(stdout+stderr, tt.said) {
			t.Errorf("%s: exit %d\n%s%s", tt.name, exit, stdout, stderr)
		}
	}
}
