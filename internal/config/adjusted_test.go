package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
)

func TestWhatOwnersAdjustIsReadOrLeftOutWithItsProblem(t *testing.T) {
	for _, tt := range []struct {
		name, setting, typed string
		says                 string // of the problem; "" for none
	}{
		{"hours", "session.length", "8h", ""},
		{"days", "retention.traces", "90d", ""},
		{"days and hours", "retention.audit", "400d12h", ""},
		{"never", "session.idle", "0", ""},
		{"an idle time looks at its neighbour later", "session.idle", "20d", ""},
		{"a name", "portal_name", " Wolkenportal ", ""},
		{"a name in another script", "portal_name", "بوابة السحابة", ""},
		{"no name", "portal_name", " ", "one line"},
		{"a name of two lines", "portal_name", "a\r\nBcc: eve@example.test", "one line"},
		{"a number", "retention.unverified", "500", ""},
		{"no number", "retention.unverified", "many", "whole number"},
		{"no unit", "session.length", "12", "unit"},
		{"too short", "session.length", "1s", "between"},
		{"too long", "session.length", "31d", "between"},
		{"a negative time", "session.elevation", "-1h", "between"},
		{"negative days", "session.elevation", "-1d", "unit"},
		{"days that overflow", "retention.audit", "999999999999d", "unit"},
		{"less than nothing after days", "retention.audit", "2d-1h", "unit"},
		{"a novel", "portal_name", strings.Repeat("x", 4096), "too long"},
		{"what is configuration alone", "base_urls", "https://evil.example", "no such setting"},
		{"nonsense", "\x00", "\xff", "no such setting"},
	} {
		read, problems := ReadAdjusted(map[string]string{tt.setting: tt.typed})
		if (tt.says == "") != !problems.Any() || tt.says != "" && (problems[0].Field != tt.setting || !strings.Contains(problems[0].Message, tt.says)) {
			t.Errorf("%s: problems %v, want %q", tt.name, problems, tt.says)
		}
		if kept := len(read.text) + len(read.time) + len(read.size); kept != 1 && tt.says == "" || kept != 0 && tt.says != "" {
			t.Errorf("%s: %d values are kept", tt.name, kept)
		}
	}
}

func TestAFlagTheEnvironmentAndTheFileCountInsteadOfTheDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "idms.yaml")
	if err := os.WriteFile(file, []byte("session: {length: 6h}\nportal_name: File\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, []string{"IDMS_RETENTION__TRACES=48h", "IDMS_PORTAL_NAME=Environment"}, map[string]any{"retention.audit": "72h"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"session.length": "the configuration file", "portal_name": "the environment", "retention.traces": "the environment", "retention.audit": "a flag", "session.idle": ""} {
		if got := c.Given[name]; got != want {
			t.Errorf("%s is set by %q, want %q", name, got, want)
		}
	}
	adjusted, problems := ReadAdjusted(map[string]string{"session.length": "1h", "session.elevation": "5m", "session.idle": "9h", "portal_name": "Database", "retention.traces": "1h", "retention.unverified": "7"})
	if problems.Any() {
		t.Fatal(problems)
	}
	got := c.Adjust(adjusted)
	if got.Session.Length != 6*time.Hour || got.Session.Idle != 6*time.Hour || got.Session.Elevation != 5*time.Minute || got.PortalName != "Environment" ||
		got.Retention.Traces != 48*time.Hour || got.Retention.Unverified != 7 || got.Retention.Audit != 72*time.Hour {
		t.Errorf("got %+v", got)
	}
	if problems := got.Check(); problems.Any() {
		t.Errorf("what counts cannot be obeyed: %v", problems)
	}
	if c.Session.Elevation != time.Hour {
		t.Error("adjusting has changed what the process was started with")
	}
}

func TestATimeIsWrittenAsItIsRead(t *testing.T) {
	for _, tt := range []struct {
		length time.Duration
		want   string
	}{
		{0, "0"}, {90 * time.Second, "1m30s"}, {30 * time.Minute, "30m"}, {12 * time.Hour, "12h"}, {90 * time.Minute, "1h30m"},
		{day, "1d"}, {400 * day, "400d"}, {36 * time.Hour, "36h"}, {10 * time.Second, "10s"},
	} {
		got := FormatDuration(tt.length)
		if back, err := ParseDuration(got); got != tt.want || err != nil || back != tt.length {
			t.Errorf("%v is written %q and read %v (%v), want %q", tt.length, got, back, err, tt.want)
		}
	}
}

func FuzzAdjustedSettingsAreObeyedOrRefused(f *testing.F) {
	f.Add("session.length", "8h")
	f.Add("session.idle", "0")
	f.Add("portal_name", "x\x00")
	f.Add("retention.unverified", "-1")
	f.Fuzz(func(t *testing.T, name, typed string) {
		adjusted, _ := ReadAdjusted(map[string]string{name: typed})
		if problems := Defaults().Adjust(adjusted).Check(); problems.Any() {
			t.Errorf("%q = %q counts, and cannot be obeyed: %v", name, typed, problems)
		}
	})
}

func TestLettersNeverGoInTheClearOverANetwork(t *testing.T) {
	with := func(more map[string]any) map[string]any {
		all := map[string]any{"mail.host": "smtp.example.com", "mail.from": "Portal <idms@example.com>"}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("crate anvil\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		flags map[string]any
		says  string // "" is well
	}{
		{"encryption is asked for by itself", with(nil), ""},
		{"implicit TLS", with(map[string]any{"mail.tls": "implicit", "mail.port": 465}), ""},
		{"none off loopback", with(map[string]any{"mail.tls": "none"}), "in the clear"},
		{"none on loopback", with(map[string]any{"mail.tls": "none", "mail.host": "127.0.0.1"}), ""},
		{"whatever comes", with(map[string]any{"mail.tls": "opportunistic"}), "mail.tls"},
		{"a port in the host", with(map[string]any{"mail.host": "smtp.example.com:25"}), "mail.host"},
		{"no sender", map[string]any{"mail.host": "smtp.example.com"}, "mail.from"},
		{"a sender of two lines", with(map[string]any{"mail.from": "a@example.com\r\nBcc: eve@example.com"}), "mail.from"},
		{"a username alone", with(map[string]any{"mail.username": "idms"}), "mail.username"},
		{"a password from a file", with(map[string]any{"mail.username": "idms", "mail.password_file": secret}), ""},
		{"a file that is not there", with(map[string]any{"mail.username": "idms", "mail.password_file": secret + "x"}), "mail.password_file"},
		{"two passwords", with(map[string]any{"mail.username": "idms", "mail.password": "x", "mail.password_file": secret}), "either"},
		{"a sender without a server", map[string]any{"mail.from": "idms@example.com"}, "needs mail.host"},
		{"a port that is none", with(map[string]any{"mail.port": 70000}), "mail.port"},
	} {
		c, err := Load("", nil, tt.flags)
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
		if tt.name == "a password from a file" && c.Mail.Password != "crate anvil" {
			t.Errorf("the password is %q", c.Mail.Password)
		}
	}
}
