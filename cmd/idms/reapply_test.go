package main

import (
	"encoding/json"
	"strings"
	"testing"

	"idms/internal/login"
	"idms/internal/samltest"
)

// logIn is a login of somebody through the record corp of checkRecord, begun at the
// provider.
func (d *desk) logIn(name string, groups ...string) {
	d.t.Helper()
	record := d.records()["corp"]
	answer := samltest.For(record.SAML.SP("corp", "https://login.example.test", nil)).At(noon).Person(name).Attribute("groups", groups...)
	outcome, err := d.house().flow.Complete(d.t.Context(), login.Post{
		Record: "corp", Origin: "https://login.example.test", Response: samltest.Base64(d.scene.IdP.Response(answer)),
	})
	if err != nil || outcome.Session == nil {
		d.t.Fatalf("%s is refused: %+v (%v)", name, outcome.Refusal, err)
	}
}

func TestReapplyAppliesTheRulesOfNowToTheLastAssertionS43(t *testing.T) {
	s := newShell(t)
	text := strings.Replace(checkRecord, `origin: "https://login`, `allow_unsolicited: true, origin: "https://login`, 1)
	s.desk.apply(text)
	s.logIn("ada", "admins", "ops")
	s.logIn("bert", "admins")

	if stdout, _ := s.run(exitOK, "reapply", "corp", "ada", "--dry-run"); !strings.HasSuffix(stdout, "Nothing to change.\n") {
		t.Errorf("it says\n%s", stdout)
	}
	changed := strings.NewReplacer("pattern: ^ops$", "pattern: ^operators$", "pattern: ^admins$, level: full", "pattern: ^admins$, level: restricted").Replace(text)
	file := s.put("changed.yaml", []byte(changed))
	stdout, _ := s.run(exitChanges, "apply", "-f", file, "--rehearse")
	for _, want := range []string{
		"rehearsal of corp: 2 people; 0 as before, 0 not known\n",
		"    2 people get a lower level: \"ada\", \"bert\"\n",
		"    1 person leaves ops: \"ada\"\n",
		"A dry run: nothing was written.\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the rehearsal says\n%s\nwithout %q", stdout, want)
		}
	}
	s.run(exitOK, "apply", "-f", file)

	preview, _ := s.run(exitChanges, "reapply", "corp", "ada", "--dry-run")
	for _, want := range []string{"\"ada\" of corp, by version 2 and the assertion of 2026-03-01T12:00:00Z: admitted, restricted\n", "  - group ops, by the rule ops, since ", ": full → restricted\n", "A dry run"} {
		if !strings.Contains(preview, want) {
			t.Errorf("the dry run says\n%s\nwithout %q", preview, want)
		}
	}
	stdout, _ = s.run(exitOK, "reapply", "corp", "--all", "--reason", "ticket 7")
	if !strings.Contains(stdout, "2 people: 2 changed, 0 as before, 0 not known, 0 of another account\nApplied.\n") {
		t.Errorf("it says\n%s", stdout)
	}
	_, reference, _ := strings.Cut(stdout, "trace ")
	reference, _, _ = strings.Cut(reference, "\n")
	if told, _ := s.run(exitOK, "trace", reference); !strings.Contains(told, "purpose: reapply") {
		t.Errorf("its trace is\n%s", told)
	}
	if trail, _ := s.run(exitOK, "audit"); !strings.Contains(trail, "rules_applied  by command line") || !strings.Contains(trail, `because "ticket 7"`) {
		t.Errorf("the trail is\n%s", trail)
	}

	stdout, _ = s.run(exitOK, "reapply", "corp", "--all", "--format", "json")
	var got struct {
		DryRun bool `json:"dry_run"`
		People []any
		Totals login.ReappliedToAll
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.People == nil || got.Totals.Unchanged != 2 {
		t.Errorf("%v: %s", err, stdout)
	}

	s.run(exitUsage, "reapply", "corp")
	s.run(exitUsage, "reapply", "corp", "ada", "--all")
	s.run(exitRefused, "reapply", "corp", "nobody")
	s.run(exitRefused, "reapply", "nowhere", "--all")
}
