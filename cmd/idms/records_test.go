package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"idms/internal/api"
)

// shell runs commands on one database.
type shell struct {
	*desk
	data string
}

func newShell(t *testing.T) shell {
	d := newDesk(t)
	return shell{d, filepath.Join(d.folder, "data")}
}

// run runs a command that must end with an exit code, and returns what it said.
func (s shell) run(exit int, command string, args ...string) (stdout, stderr string) {
	s.t.Helper()
	stdout, stderr, got := run(s.t, append([]string{command, "--data", s.data}, args...)...)
	if got != exit {
		s.t.Errorf("idms %s %s: exit %d, want %d\n%s%s", command, strings.Join(args, " "), got, exit, stdout, stderr)
	}
	return stdout, stderr
}

const smallRecords = `
groups:
  - {key: ops, name: Operations}
  - {key: old, name: Old}
records:
  - key: corp
    name: Corp
    state: active
    button: {icon: iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=}
    saml:
      metadata_file: idp.xml
      change_password_url: https://idp.example.com/password
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    access_rules:
      - {key: admins, attribute: groups, pattern: ^admins$, level: full}
      - {key: staff, attribute: groups, pattern: ^staff$, level: restricted}
    associations:
      - {key: ops, attribute: groups, pattern: ^ops$, group: ops}
  - key: gone
    name: Gone
`

func TestApplySaysWhatItChangesAndADryRunTheSame(t *testing.T) {
	s := newShell(t)
	first := s.put("first.yaml", []byte(smallRecords))
	if stdout, _ := s.run(exitChanges, "apply", "-f", first, "--dry-run"); !strings.Contains(stdout, "+ record corp \"Corp\"\n") ||
		!strings.HasSuffix(stdout, "unchanged: 0 records, 0 groups\nA dry run: nothing was written.\n") {
		t.Errorf("it says\n%s", stdout)
	}
	if stdout, _ := s.run(exitOK, "apply", "-f", first, "--reason", "first"); !strings.Contains(stdout, "+ group ops \"Operations\"\n") || !strings.HasSuffix(stdout, "Applied.\n") {
		t.Errorf("it says\n%s", stdout)
	}
	if stdout, _ := s.run(exitOK, "apply", "-f", first, "--dry-run"); stdout != "unchanged: 2 records, 2 groups\nNothing to change.\n" {
		t.Errorf("the second time it says\n%s", stdout)
	}

	changed := strings.NewReplacer("Operations", "The operators", "^ops$", "^operators$", "  - {key: old, name: Old}\n", "",
		"access_rules:", "create_users: false", "      - {key: admins, attribute: groups, pattern: ^admins$, level: full}\n", "",
		"      - {key: staff, attribute: groups, pattern: ^staff$, level: restricted}\n", "").Replace(smallRecords)
	changed, _, _ = strings.Cut(changed, "  - key: gone")
	second := s.put("second.yaml", []byte(changed))
	const want = `~ group ops "Operations"
    name: "Operations" → "The operators"
- group old "Old": 0 members leave it
~ record corp "Corp"
    access_rules[admins].attribute: "groups" → nothing
    access_rules[admins].key: "admins" → nothing
    access_rules[admins].level: "full" → nothing
    access_rules[admins].pattern: "^admins$" → nothing
    access_rules[staff].attribute: "groups" → nothing
    access_rules[staff].key: "staff" → nothing
    access_rules[staff].level: "restricted" → nothing
    access_rules[staff].pattern: "^staff$" → nothing
    associations[ops].pattern: "^ops$" → "^operators$"
    create_users: nothing → "false"
- record gone "Gone": 0 people are deleted with 0 memberships
unchanged: 0 records, 0 groups
`
	for _, how := range []struct {
		exit int
		end  string
		args []string
	}{
		{exitChanges, "A dry run: nothing was written.\n", []string{"-f", second, "--prune", "--dry-run"}},
		{exitOK, "Applied.\n", []string{"-f", second, "--prune"}},
	} {
		stdout, stderr := s.run(how.exit, "apply", how.args...)
		if got := strings.Replace(stdout, "~ group ops \"The operators\"", "~ group ops \"Operations\"", 1); got != want+how.end {
			t.Errorf("%v says\n%s\nwant\n%s%s", how.args, stdout, want, how.end)
		}
		if !strings.Contains(stderr, "takes away the last access rule") { // S23
			t.Errorf("%v warns of\n%s", how.args, stderr)
		}
	}
}

func TestTheJSONOfAnApplyHasEveryListAndEveryWarning(t *testing.T) {
	s := newShell(t)
	file := s.put("a.yaml", []byte("records: [{key: gone, name: Gone}]\n"))
	stdout, stderr := s.run(exitChanges, "apply", "-f", file, "--dry-run", "--format", "json")
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || strings.Contains(stderr, "warning") {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	if got["dry_run"] != true || got["changed"] != true || len(got["warnings"].([]any)) != 1 || len(got["records"].([]any)) != 1 || len(got["groups"].([]any)) != 0 {
		t.Errorf("it says %s", stdout)
	}
	s.run(exitOK, "apply", "-f", file)
	stdout, _ = s.run(exitOK, "apply", "-f", file, "--format", "json")
	if strings.Contains(stdout, "null") || !strings.Contains(stdout, `"changed": false`) {
		t.Errorf("the second time it says %s", stdout)
	}
}

func TestSeveralFilesAreOne(t *testing.T) {
	s := newShell(t)
	base := s.put("base.yaml", []byte("groups: [{key: ops, name: Operations}]\nrecords: [{key: a, name: A}]\n"))
	team := s.put("team.yaml", []byte("records:\n  - key: b\n    name: B\n    associations: [{attribute: g, pattern: x, group: ops}]\n"))
	s.run(exitOK, "apply", "-f", base, "-f", team)
	if stdout, _ := s.run(exitOK, "apply", "-f", base, team); !strings.HasPrefix(stdout, "unchanged: 2 records, 1 group\n") {
		t.Errorf("as a shell writes them: %s", stdout)
	}

	twice := s.put("twice.yaml", []byte("groups: [{key: ops, name: Again}]\nrecords: [{key: c, name: C}, {key: a, name: A}]\n"))
	broken := s.put("broken.yaml", []byte("records: [{key: D, name: ''}]\n"))
	_, stderr := s.run(exitUsage, "apply", "-f", base, "-f", twice, "-f", broken)
	for _, want := range []string{
		"twice.yaml: groups[0].key: The key ops is used by " + base + ": groups[0] too.",
		"twice.yaml: records[1].key: The key a is used by " + base + ": records[0] too.",
		"broken.yaml has problems:\n  records[0].key: ",
		"  records[0].name: Enter a name.",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the problems are\n%s\nwithout %q", stderr, want)
		}
	}
	// What only the database can tell stands at the file's own field too.
	lost := s.put("lost.yaml", []byte("records:\n  - key: e\n    name: E\n    associations: [{attribute: g, pattern: x, group: nowhere}]\n"))
	if _, stderr := s.run(exitUsage, "apply", "-f", base, "-f", lost); !strings.Contains(stderr, "lost.yaml: records[0].associations[0].group: ") {
		t.Errorf("the problem is %s", stderr)
	}
	says(t, "named twice", "apply", "--data", s.data, "-f", base, "-f", base)
	says(t, "would delete all", "apply", "--data", s.data, "--prune", "-f", s.put("groups.yaml", []byte("groups: [{key: ops, name: O}]\n")))
}

func TestPruningAGroupThatAKeptRulePointsAtIsRefusedS38(t *testing.T) {
	s := newShell(t)
	s.run(exitOK, "apply", "-f", s.put("a.yaml", []byte(smallRecords)))
	without := strings.Replace(smallRecords, "  - {key: ops, name: Operations}\n", "", 1)
	_, stderr := s.run(exitRefused, "apply", "--prune", "--dry-run", "-f", s.put("b.yaml", []byte(without)))
	if !strings.Contains(stderr, "ops of corp") {
		t.Errorf("it says %s", stderr)
	}
}

func TestAnExportGoesRoundByteForByte(t *testing.T) {
	s := newShell(t)
	s.run(exitOK, "apply", "-f", s.put("a.yaml", []byte(smallRecords)))
	first, _ := s.run(exitOK, "export")
	for _, want := range []string{"change_password_url: https://idp.example.com/password", "icon: ", "metadata: ", "key: gone", "key: old"} {
		if !strings.Contains(first, want) {
			t.Errorf("the export lacks %q:\n%s", want, first)
		}
	}
	if strings.Contains(first, "PRIVATE") || strings.Contains(first, "key: local") {
		t.Errorf("the export holds what it must not:\n%s", first)
	}
	exported := s.put("exported.yaml", []byte(first))
	s.run(exitOK, "apply", "--dry-run", "--prune", "-f", exported)

	other := shell{s.desk, filepath.Join(s.folder, "other")}
	other.run(exitOK, "apply", "-f", exported)
	if second, _ := other.run(exitOK, "export"); second != first {
		t.Errorf("an empty database makes\n%s\nof\n%s", second, first)
	}

	one, _ := s.run(exitOK, "export", "--record", "corp")
	if !strings.Contains(one, "key: corp") || strings.Contains(one, "key: gone") || strings.Contains(one, "key: old") {
		t.Errorf("one record is\n%s", one)
	}
	s.run(exitRefused, "export", "--record", "nix")
	says(t, "--data", "export", "--data", filepath.Join(s.folder, "nowhere"))
}

func TestVersionsAreListedShownAndRestored(t *testing.T) {
	s := newShell(t)
	s.run(exitOK, "apply", "-f", s.put("a.yaml", []byte(smallRecords)), "--reason", "first")
	s.run(exitOK, "apply", "-f", s.put("b.yaml", []byte(strings.Replace(smallRecords, "^admins$", "^bosses$", 1))), "--reason", "second\x1b[31m")
	list, _ := s.run(exitOK, "versions", "corp")
	lines := strings.Split(strings.TrimSpace(list), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "2  2026-03-01T12:00:00Z  command line") || !strings.HasSuffix(lines[0], `"second\x1b[31m"`) || !strings.HasSuffix(lines[1], `"first"`) {
		t.Errorf("the versions are\n%s", list)
	}
	if first, _ := s.run(exitOK, "versions", "corp", "1"); !strings.Contains(first, "^admins$") {
		t.Errorf("the first is\n%s", first)
	}
	s.run(exitRefused, "versions", "corp", "3")
	s.run(exitRefused, "versions", "nix")

	if compared, _ := s.run(exitOK, "versions", "corp", "1", "--compare", "2"); compared != "    access_rules[admins].pattern: \"^admins$\" → \"^bosses$\"\n" {
		t.Errorf("the difference is\n%s", compared)
	}
	var compared api.Comparison
	text, _ := s.run(exitOK, "versions", "corp", "2", "--compare", "1", "--format", "json")
	if err := json.Unmarshal([]byte(text), &compared); err != nil || compared.From != 2 || len(compared.Changes) != 1 || compared.Changes[0].To != "^admins$" {
		t.Errorf("%v: %s", err, text)
	}
	if same, _ := s.run(exitOK, "versions", "corp", "1", "--compare", "1"); same != "They say the same.\n" {
		t.Errorf("one with itself: %q", same)
	}
	s.run(exitRefused, "versions", "corp", "1", "--compare", "3")
	s.run(exitUsage, "versions", "corp", "--compare", "2")

	const change = "    access_rules[admins].pattern: \"^bosses$\" → \"^admins$\"\n"
	if stdout, _ := s.run(exitChanges, "restore", "corp", "1", "--reason", "back", "--dry-run"); !strings.Contains(stdout, change) {
		t.Errorf("it says\n%s", stdout)
	}
	s.run(exitOK, "restore", "corp", "1", "--reason", "back")
	if third, _ := s.run(exitOK, "versions", "corp", "3"); !strings.Contains(third, "^admins$") {
		t.Errorf("the third is\n%s", third)
	}
	s.run(exitUsage, "restore", "corp", "1")
}

func TestStandardInputIsReadOnce(t *testing.T) {
	s := newShell(t)
	says(t, "named twice", "apply", "--data", s.data, "-f", "-", "-f", "-")
}
