package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// says runs a command line that must end with the exit code for what its caller
// can mend, and say so.
func says(t *testing.T, want string, args ...string) {
	t.Helper()
	_, stderr, exit := run(t, args...)
	if exit != exitUsage || !strings.Contains(stderr, want) {
		t.Errorf("idms %s: exit %d, said %q, want %q", strings.Join(args, " "), exit, stderr, want)
	}
}

func TestWhatIsWrongWithFilesIsToldAsSomebodyCanMendIt(t *testing.T) {
	d := newDesk(t)
	message := d.put("message", d.scene.Respond(d.scene.Answer()))
	records := filepath.Join(d.folder, "records.yaml")
	empty := d.put("empty.yaml", nil)
	says(t, "holds no record.", "check", "--record", empty, "--response", message)
	says(t, "nothing to apply", "apply", "--data", d.folder, "-f", empty)
	says(t, "empty.yaml: no groups and no records are in it.", "apply", "--data", d.folder, "--prune", "-f", records, "-f", empty)
	says(t, "\n  This cannot be read as YAML", "apply", "--data", d.folder, "-f", d.put("tab.yaml", []byte("records:\n\t- x\n")))
	says(t, "\n  groups: There is no such field here. (line 2)\n  records: ", "check", "--record", records, "--record-key", "corp",
		"--response", message, "--known", records)
	says(t, "such as 2026-03-01T12:00:30Z", "check", "--record", records, "--record-key", "corp", "--response", message, "--at", "2026-03-01")
}

func TestATraceIsNotLookedUpInAFolderWithoutADatabase(t *testing.T) {
	folder := t.TempDir()
	says(t, "--data", "trace", "0123456789", "--data", folder)
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestALostKeysetIsCalledMissingAndNoneTakesItsPlace(t *testing.T) {
	d := newDesk(t)
	data := filepath.Join(d.folder, "data")
	apply := []string{"apply", "--data", data, "-f", filepath.Join(d.folder, "records.yaml")}
	if _, stderr, exit := run(t, apply...); exit != exitOK {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	keyset := filepath.Join(data, "keyset.json")
	if err := os.Rename(keyset, keyset+".away"); err != nil {
		t.Fatal(err)
	}
	says(t, "keyset.json is missing", apply...)
	if _, err := os.Stat(keyset); !os.IsNotExist(err) {
		t.Errorf("a keyset stands where the lost one is to be put back: %v", err)
	}
	if err := os.Rename(keyset+".away", keyset); err != nil {
		t.Fatal(err)
	}
	if _, stderr, exit := run(t, apply...); exit != exitOK {
		t.Errorf("with the keyset put back: exit %d: %s", exit, stderr)
	}
}
