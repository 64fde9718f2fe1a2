package main

import (
	"strings"
	"testing"
	"time"

	"idms/internal/secret"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/users"
)

// "Her laptop was stolen: log her out, now."
func TestSessionsAreListedAndEndedFromTheCommandLine(t *testing.T) {
	d := newDesk(t)
	if _, stderr, exit := d.apply(checkRecord); exit != exitOK {
		t.Fatal(stderr)
	}
	openSessions(t, d, "ada", "ada", "grace")

	stdout, stderr, exit := run(t, "sessions", "list", "corp", "Ada", "--data", d.data())
	if exit != exitOK || strings.Count(stdout, "opened ") != 2 {
		t.Errorf("list: exit %d, %s%s", exit, stdout, stderr)
	}
	id, _, _ := strings.Cut(stdout, " ")
	of := func(username string) string {
		stdout, _, _ := run(t, "sessions", "list", "corp", username, "--data", d.data())
		id, _, _ := strings.Cut(stdout, " ")
		return id
	}
	for _, tt := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"end", "corp"}, exitUsage, "--all"},
		{[]string{"end", "corp", "ada", "--all"}, exitUsage, "--all"},
		{[]string{"end", "corp", "nobody"}, exitRefused, `no person "nobody"`},
		{[]string{"end", "nowhere", "ada"}, exitRefused, "no record"},
		{[]string{"end", "corp", "ada", "--session", of("grace")}, exitRefused, "no such session"},
		{[]string{"end", "corp", "--all", "--session", id}, exitUsage, "--all"},
		{[]string{"end", "corp", "ada", "--session", id}, exitOK, "1 session ended"},
		{[]string{"end", "corp", "ada", "--session", id}, exitRefused, "no such session"},
		{[]string{"end", "corp", "ada", "--reason", "a stolen laptop"}, exitOK, "1 session ended"},
		{[]string{"end", "corp", "ada"}, exitOK, "0 sessions ended"},
		{[]string{"end", "corp", "--all"}, exitOK, "1 session ended"},
	} {
		stdout, stderr, exit := run(t, append(append([]string{"sessions"}, tt.args...), "--data", d.data())...)
		if exit != tt.exit || !strings.Contains(stdout+stderr, tt.says) {
			t.Errorf("%v: exit %d, %s%s", tt.args, exit, stdout, stderr)
		}
	}
	stdout, _, _ = run(t, "audit", "--record", "corp", "--data", d.data())
	if !strings.Contains(stdout, "sessions_ended  by command line") || !strings.Contains(stdout, `because "a stolen laptop"`) {
		t.Errorf("the audit trail:\n%s", stdout)
	}
}

// openSessions logs people of the record corp in, one session each time they are
// named.
func openSessions(t *testing.T, d *desk, usernames ...string) {
	t.Helper()
	box, err := secret.Open(d.data() + "/keyset.json")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := store.Open(t.Context(), store.Config{Path: d.data() + "/idms.sqlite", Box: box})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	record, err := opened.Edition(t.Context(), "corp")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ids := map[string]string{}
	for _, username := range usernames {
		err := opened.InTx(t.Context(), func(tx *store.Tx) error {
			if ids[username] == "" {
				ids[username] = store.NewID()
				account := users.Account{ID: ids[username], RecordID: record.ID, State: users.Enabled, Created: now}
				account.Username = username
				if err := tx.CreateUser(account); err != nil {
					return err
				}
			}
			_, hash := session.NewToken()
			return tx.OpenSession(session.Session{ID: store.NewID(), UserID: ids[username], RecordID: record.ID,
				Opened: now, Seen: now, Expires: now.Add(time.Hour)}, hash)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
