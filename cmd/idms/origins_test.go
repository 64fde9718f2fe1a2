package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestApplyWarnsOfARecordThatNobodyReaches(t *testing.T) {
	d := newDesk(t)
	records, data := filepath.Join(d.folder, "records.yaml"), filepath.Join(d.folder, "data")
	_, stderr, exit := run(t, "apply", "-f", records, "--data", data)
	if exit != exitOK || !strings.Contains(stderr, "record corp: saml.origin: https://login.example.test is not among the base_urls") {
		t.Errorf("exit %d, said %s", exit, stderr)
	}
	_, stderr, exit = runWith(t, []string{"IDMS_BASE_URLS=https://login.example.test"}, "apply", "-f", records, "--data", data)
	if exit != exitOK || strings.Contains(stderr, "saml.origin") {
		t.Errorf("exit %d, said %s", exit, stderr)
	}
}

func TestIdmsAloneHelpsAndIsAWrongCommandLine(t *testing.T) {
	stdout, _, exit := run(t)
	if exit != exitUsage || !strings.Contains(stdout, "serve") {
		t.Errorf("exit %d\n%s", exit, stdout)
	}
	if _, _, exit := run(t, "--help"); exit != exitOK {
		t.Errorf("--help: exit %d", exit)
	}
	if _, stderr, exit := run(t, "keys", "rotate", "--data", t.TempDir()); exit != exitUsage || !strings.Contains(stderr, "There is no keyset") {
		t.Errorf("rotate nothing: exit %d, %s", exit, stderr)
	}
}
