package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idms/internal/login"
)

func TestEveryCommandEndsWithTheExitCodeOfTheReference(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	odd := d.put("odd.yaml", []byte("session: {lenght: 1h}\n"))
	for _, tt := range []struct {
		name string
		args []string
		exit int
		said string // on either stream
	}{
		{"help is an answer", []string{"--help"}, exitOK, "Usage: idms <command>"},
		{"so is the help of a command", []string{"serve", "--help"}, exitOK, "--allow-plain-http"},
		{"the version", []string{"version"}, exitOK, "idms "},
		{"nothing asked", nil, exitUsage, "--help"},
		{"an unknown flag", []string{"version", "--loud"}, exitUsage, "--loud"},
		{"a setting that is none", []string{"serve", "--config", odd}, exitUsage, "lenght"},
		{"a configuration file that is not there", []string{"serve", "--config", "nowhere.yaml"}, exitUsage, "nowhere.yaml"},
		{"a trace that is none", []string{"trace", "ABCDE-FGHJK", "--data", d.data()}, exitRefused, "There is no trace ABCDEFGHJK"},
		{"what is no reference", []string{"trace", "hello", "--data", d.data()}, exitRefused, "is not a reference"},
		{"a database that nobody serves", []string{"serve", "--listen", "127.0.0.1:0", "--data", d.data(), "--database", "mysql://x"}, exitUsage, "postgres://"},
		{"no record file", []string{"apply", "--data", d.data()}, exitUsage, "--file"},
		{"a keyset that is not there", []string{"keys", "rotate", "--data", filepath.Join(d.folder, "none")}, exitUsage, "There is no keyset"},
	} {
		stdout, stderr, exit := run(t, tt.args...)
		if exit != tt.exit || !strings.Contains(stdout+stderr, tt.said) {
			t.Errorf("%s: exit %d, want %d, and %q in\n%s%s", tt.name, exit, tt.exit, tt.said, stdout, stderr)
		}
	}
}

// S61: the reference on the refusal page is all that an administrator needs.
func TestTraceExplainsALoginByItsReference(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	outcome, err := d.house().flow.Complete(t.Context(), login.Post{Record: "corp", Origin: "https://login.example.test", Response: "PHg+"})
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := run(t, "trace", strings.ToLower(outcome.Reference), "--data", d.data())
	if exit != exitOK {
		t.Fatalf("exit %d\n%s", exit, stderr)
	}
	for _, want := range []string{outcome.Reference, "refused: no_pending_request", "Record corp, version 1", "saml.allow_unsolicited"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, stdout)
		}
	}
}

func TestTraceSaysWhetherThereIsALoginToCompareWith(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	outcome, err := d.house().flow.Complete(t.Context(), login.Post{Record: "corp", Origin: "https://login.example.test", Response: "PHg+"})
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := run(t, "trace", outcome.Reference, "--compare", "--data", d.data())
	if exit != exitOK || !strings.Contains(stdout, "there is nothing to compare with") {
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
}

func TestARotatedKeysetStillOpensWhatTheOldKeySealed(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	keyset := filepath.Join(d.data(), "keyset.json")
	before, err := os.ReadFile(keyset)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := run(t, "keys", "rotate", "--data", d.data())
	if exit != exitOK || !strings.Contains(stdout, keyset) {
		t.Errorf("exit %d, said %q\n%s", exit, stdout, stderr)
	}
	after, err := os.ReadFile(keyset)
	if err != nil || bytes.Equal(before, after) {
		t.Errorf("the keyset is the same as before (%v)", err)
	}
	corp := d.records()["corp"]
	if keys, err := d.house().store.SPKeys(t.Context(), corp.ID); err != nil || len(keys) != 1 {
		t.Errorf("the record's key does not open: %d keys, %v", len(keys), err)
	}
}
