package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"idms/internal/config"
	"idms/internal/idms"
)

// apply applies a record file to the desk's database.
func (d *desk) apply(text string, more ...string) (stdout, stderr string, exit int) {
	d.t.Helper()
	return run(d.t, append([]string{"apply", "-f", d.put("apply.yaml", []byte(text)), "--data", d.data()}, more...)...)
}

func (d *desk) data() string { return filepath.Join(d.folder, "data") }

// house opens what the desk's commands have written.
func (d *desk) house() *house {
	d.t.Helper()
	cfg, err := config.Load("", nil, map[string]any{"data": d.data()})
	if err != nil {
		d.t.Fatal(err)
	}
	p := newProgram(d.t, "")
	h, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(h.Close)
	return h
}

// records are those of the database by key, without the built-in one.
func (d *desk) records() map[string]idms.Record {
	d.t.Helper()
	list, err := d.house().store.Records(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	byKey := map[string]idms.Record{}
	for _, record := range list {
		if record.Key != idms.LocalKey {
			byKey[record.Key] = record
		}
	}
	return byKey
}

func TestApplyWithProblemsNamesThemAllAndChangesNothing(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"what the file alone shows", strings.NewReplacer("name: Corp", "name: Corporation", "^admins$", "(?=admins)", "email: email", "email: ''").Replace(checkRecord),
			[]string{"records[0].access_rules[0].pattern", "records[0].mapping.email", "records[1].mapping.email"}},
		{"what only the database knows", strings.NewReplacer("name: Corp", "name: Corporation", "group: ops,", "group: nobodys,").Replace(checkRecord),
			[]string{"records[0].associations[0].group", "nobodys"}},
	} {
		_, stderr, exit := d.apply(tt.file)
		if exit != exitUsage {
			t.Errorf("%s: exit %d", tt.name, exit)
		}
		for _, want := range tt.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: it does not name %s:\n%s", tt.name, want, stderr)
			}
		}
		if corp := d.records()["corp"]; corp.Name != "Corp" || corp.Version != 1 {
			t.Errorf("%s: the record is now %q, version %d", tt.name, corp.Name, corp.Version)
		}
	}
}

// S23, S34: what somebody gains, and who stays, is said by name.
func TestApplyWarnsOfWhatReplacingMeans(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	without, _, _ := strings.Cut(checkRecord, "    access_rules:")
	_, stderr, exit := d.apply(without)
	if exit != exitOK {
		t.Fatalf("exit %d\n%s", exit, stderr)
	}
	for _, want := range []string{
		"warning: record corp: access_rules: This takes away the last access rule",
		"warning: record corp: associations: The association oldies goes",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it does not say %q:\n%s", want, stderr)
		}
	}
}

func TestApplyReadsStandardInputAndKeepsTheReason(t *testing.T) {
	d := newDesk(t)
	var problems bytes.Buffer
	p := newProgram(t, strings.ReplaceAll(checkRecord, "idp.xml", filepath.Join(d.folder, "idp.xml")))
	p.stderr = &problems
	if exit := p.run([]string{"apply", "-f", "-", "--data", d.data(), "--reason", "ticket 7"}); exit != exitOK {
		t.Fatal(problems.String())
	}
	versions, err := d.house().store.Versions(t.Context(), "corp")
	if err != nil || len(versions) != 1 {
		t.Fatalf("%+v, %v", versions, err)
	}
	if v := versions[0]; v.Reason != "ticket 7" || !strings.HasPrefix(v.Author, "command line") || !v.At.Equal(noon) {
		t.Errorf("the version is by %q at %v, because of %q", v.Author, v.At, v.Reason)
	}
}
