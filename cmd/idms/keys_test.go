package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A keyset may come as text, where no file should hold it.
func TestAKeysetByEnvironmentIsTheOneThatSeals(t *testing.T) {
	d := newDesk(t)
	data := filepath.Join(d.folder, "data")
	records := filepath.Join(d.folder, "records.yaml")
	if _, stderr, exit := run(t, "apply", "-f", records, "--data", data); exit != exitOK {
		t.Fatal(stderr)
	}
	keyset := filepath.Join(data, "keyset.json")
	text, err := os.ReadFile(keyset)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(keyset); err != nil {
		t.Fatal(err)
	}
	if _, stderr, exit := runWith(t, []string{"IDMS_KEYSET_TEXT=" + string(text)}, "apply", "-f", records, "--data", data); exit != exitOK {
		t.Errorf("by environment: exit %d, %s", exit, stderr)
	}
	if _, err := os.Stat(keyset); err == nil {
		t.Error("a keyset file was made beside the one that came by environment")
	}
	if _, _, exit := runWith(t, []string{"IDMS_KEYSET_TEXT=" + string(text)}, "keys", "rotate", "--data", data); exit != exitUsage {
		t.Errorf("rotating text: exit %d", exit)
	}
	if _, stderr, exit := run(t, "apply", "-f", records, "--data", data); exit != exitUsage {
		t.Errorf("with another keyset: exit %d, %s", exit, stderr)
	}
}
