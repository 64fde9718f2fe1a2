package main

import (
	"strings"
	"testing"
)

func TestJobsAreListedPausedAndAskedFor(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	for _, tt := range []struct {
		args string
		exit int
		said string // with single spaces
	}{
		{"jobs", exitOK, "purge never now ok"},
		{"jobs pause purge", exitOK, "does not run by itself"},
		{"jobs list", exitOK, "purge never never paused"},
		{"jobs run purge", exitOK, "within 10 seconds"},
		{"jobs", exitOK, "purge never now paused"},
		{"jobs resume purge", exitOK, "by itself again"},
		{"jobs", exitOK, "purge never now ok"},
		{"jobs run laundry", exitRefused, "no such job"},
	} {
		stdout, stderr, exit := run(t, append(strings.Fields(tt.args), "--data", d.data())...)
		said := strings.Join(strings.Fields(stdout+stderr), " ")
		if exit != tt.exit || !strings.Contains(said, tt.said) {
			t.Errorf("%s: exit %d, want %d, and %q in %s", tt.args, exit, tt.exit, tt.said, said)
		}
	}
}
