package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"

	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/samltest"
)

const testOrigin = "https://login.example.test"

// run goes to the provider and back as a browser does, from the address of a test.
func (d *desk) runTest(t *testing.T, address string, change func(samltest.Answer) samltest.Answer) {
	t.Helper()
	flow := d.house().flow
	secret, ok := strings.CutPrefix(address, testOrigin+"/saml/corp/test/")
	if !ok {
		t.Fatalf("the address is %q", address)
	}
	begun, err := flow.BeginTest(t.Context(), "corp", secret, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(begun.Outgoing.URL)
	if err != nil {
		t.Fatal(err)
	}
	record, err := flow.Store.Record(t.Context(), "corp")
	if err != nil {
		t.Fatal(err)
	}
	answer := samltest.For(record.SAML.SP("corp", testOrigin, nil)).At(noon).
		To(saml.Request{ID: requestID(t, at.Query().Get("SAMLRequest"))}).Person("ada").Attribute("groups", "ops", "admins")
	outcome, err := flow.Complete(t.Context(), login.Post{
		Record: "corp", Origin: testOrigin, RelayState: at.Query().Get("RelayState"),
		Response: base64.StdEncoding.EncodeToString(d.scene.IdP.Response(change(answer))),
		Tickets:  map[string]string{begun.Pending.Name: begun.Pending.Value},
	})
	if err != nil || outcome.Tested == nil {
		t.Fatalf("%+v, %v", outcome, err)
	}
}

func honest(a samltest.Answer) samltest.Answer { return a }

func TestTestLoginPrintsAnAddressAndThenHowItEnded(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(strings.Replace(checkRecord, "state: active", "state: draft", 1)); exit != exitOK {
		t.Fatal(stderr)
	}
	reader, writer := io.Pipe()
	p := newProgram(t, "")
	p.stdout = writer
	exited := make(chan int, 1)
	go func() {
		exited <- p.run([]string{"test-login", "corp", "--data", d.data()})
		_ = writer.Close()
	}()
	var said strings.Builder
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if address := strings.TrimSpace(lines.Text()); strings.HasPrefix(address, "https://") {
			d.runTest(t, address, honest)
		}
	}
	if code := <-exited; code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"of corp, version 1", "passed: the person would be logged in", "access_rules[0] admins", "+ ops"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, said.String())
		}
	}
}

func TestTestLoginDoesNotWaitWhenTold(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK || !strings.Contains(stderr, "no test login of exactly this version has passed") {
		t.Fatal(stderr)
	}
	stdout, stderr, exit := run(t, "test-login", "corp", "--version", "1", "--no-wait", "--data", d.data())
	if exit != exitOK {
		t.Fatal(stderr)
	}
	var address, reference string
	for line := range strings.Lines(stdout) {
		if text := strings.TrimSpace(line); strings.HasPrefix(text, "https://") {
			address = text
		} else if _, ref, ok := strings.Cut(text, "--result "); ok {
			reference = ref
		}
	}
	result := func(want int, said string) {
		t.Helper()
		stdout, stderr, exit := run(t, "test-login", "corp", "--result", reference, "--data", d.data())
		if exit != want || !strings.Contains(stdout+stderr, said) {
			t.Errorf("exit %d, want %d, and %q in\n%s%s", exit, want, said, stdout, stderr)
		}
	}
	result(exitRefused, "has not begun")
	d.runTest(t, address, func(a samltest.Answer) samltest.Answer {
		return a.With(func(a *samltest.Answer) { a.Audiences = [][]string{{testOrigin + "/saml/corp/acs"}} })
	})
	result(exitRefused, "not passed: audience_mismatch")

	for _, tt := range []struct {
		args []string
		exit int
		said string
	}{
		{[]string{"nobody"}, exitRefused, "There is no record"},
		{[]string{"other", "--result", reference}, exitRefused, "no such test login"},
		{[]string{"corp", "--version", "9"}, exitRefused, "There is no"},
	} {
		stdout, stderr, exit := run(t, append([]string{"test-login", "--data", d.data()}, tt.args...)...)
		if exit != tt.exit || !strings.Contains(stdout+stderr, tt.said) {
			t.Errorf("%v: exit %d, want %d, and %q in\n%s%s", tt.args, exit, tt.exit, tt.said, stdout, stderr)
		}
	}
}

// requestID is the ID of a request that travels by redirect.
func requestID(t *testing.T, field string) string {
	t.Helper()
	compressed, err := base64.StdEncoding.DecodeString(field)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(compressed)))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ` ID="`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no ID in %s", text)
	}
	return id
}
