package ldapsync

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

func usable() Settings {
	return Settings{Preset: OpenLDAP, Hosts: []string{"ldap.example.com"}, BindDN: "cn=reader,dc=example,dc=com", BaseDN: "dc=example,dc=com"}
}

func TestEveryPresetNeedsOnlyHostsAndABase(t *testing.T) {
	for _, preset := range []Preset{ActiveDirectory, OpenLDAP, FreeIPA} {
		s := usable()
		s.Preset = preset
		if problems := s.Check(); problems.Any() {
			t.Errorf("%s: %s", preset, problems)
		}
	}
	s := usable()
	s.Preset = Custom
	var fields []string
	for _, one := range s.Check() {
		fields = append(fields, one.Field)
	}
	want := []string{"user_filter", "group_filter", "external_id_attribute", "username_attribute", "email_attribute", "group_name_attribute", "member_attribute"}
	if !slices.Equal(fields, want) {
		t.Errorf("without a preset these are missing: %v, want %v", fields, want)
	}
}

func TestEveryProblemIsShownAtItsField(t *testing.T) {
	for _, tt := range []struct {
		field  string
		change func(*Settings)
	}{
		{"preset", func(s *Settings) { s.Preset = "novell" }},
		{"hosts", func(s *Settings) { s.Hosts = nil }},
		{"hosts", func(s *Settings) { s.Hosts = slices.Repeat([]string{"a"}, maxHosts+1) }},
		{"hosts[1]", func(s *Settings) { s.Hosts = []string{"a", "ldaps://b"} }},
		{"hosts[0]", func(s *Settings) { s.Hosts = []string{"a:70000"} }},
		{"hosts[0]", func(s *Settings) { s.Hosts = []string{"a:"} }},
		{"hosts[0]", func(s *Settings) { s.Hosts = []string{""} }},
		{"hosts[0]", func(s *Settings) { s.Hosts = []string{"a b"} }},
		{"port", func(s *Settings) { s.Port = -1 }},
		{"port", func(s *Settings) { s.Port = 65536 }},
		{"security", func(s *Settings) { s.Security = "tls" }},
		{"ca_certificate", func(s *Settings) { s.CACertificate = "hello" }},
		{"ca_certificate", func(s *Settings) {
			s.CACertificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
		}},
		{"ca_certificate", func(s *Settings) {
			s.CACertificate = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		}},
		{"bind_dn", func(s *Settings) { s.BindDN = "reader" }},
		{"bind_dn", func(s *Settings) { s.BindDN = strings.Repeat("a", maxDN) + "@x" }},
		{"base_dn", func(s *Settings) { s.BaseDN = "" }},
		{"base_dn", func(s *Settings) { s.BaseDN = "example.com" }},
		{"user_base", func(s *Settings) { s.UserBase = "people" }},
		{"group_base", func(s *Settings) { s.GroupBase = "groups" }},
		{"user_filter", func(s *Settings) { s.UserFilter = "(uid=*" }},
		{"group_filter", func(s *Settings) { s.GroupFilter = "(cn=" + strings.Repeat("a", maxFilter) + ")" }},
		{"page_size", func(s *Settings) { s.PageSize = MaxPageSize + 1 }},
		{"page_size", func(s *Settings) { s.PageSize = 1 }},
		{"external_id_attribute", func(s *Settings) { s.ExternalID = None }},
		{"username_attribute", func(s *Settings) { s.UsernameAttribute = "uid;lang-de" }},
		{"phone_attribute", func(s *Settings) { s.PhoneAttribute = "tele phone" }},
		{"disabled_rule", func(s *Settings) { s.Disabled = "guess" }},
		{"schedule.every", func(s *Settings) { s.Schedule.Every = "1s" }},
		{"schedule.every", func(s *Settings) { s.Schedule.Every, s.Schedule.Cron = "1h", "0 3 * * *" }},
		{"schedule.cron", func(s *Settings) { s.Schedule.Cron = "0 3 * *" }},
		{"schedule.cron", func(s *Settings) { s.Schedule.Cron = "@daily" }},
		{"schedule.cron", func(s *Settings) { s.Schedule.Cron = "61 3 * * *" }},
		{"schedule.cron", func(s *Settings) { s.Schedule.Cron = "0 3 30 2 *" }},
		{"schedule.zone", func(s *Settings) { s.Schedule.Cron, s.Schedule.Zone = "0 3 * * *", "Mars/Olympus" }},
		{"schedule.zone", func(s *Settings) { s.Schedule.Cron, s.Schedule.Zone = "0 3 * * *", "Local" }},
		{"schedule.zone", func(s *Settings) { s.Schedule.Zone = "UTC" }},
		{"limits.deactivations.count", func(s *Settings) { s.Limits.Deactivations = &Limit{-1, 1} }},
		{"limits.one_group.percent", func(s *Settings) { s.Limits.OneGroup = &Limit{1, 101} }},
		{"vanished", func(s *Settings) { s.Vanished = "delete" }},
		{"deadline", func(s *Settings) { s.Deadline = "soon" }},
		{"page_deadline", func(s *Settings) { s.PageDeadline = "1h" }},
	} {
		s := usable()
		tt.change(&s)
		problems := s.Check()
		if len(problems) != 1 || problems[0].Field != tt.field {
			t.Errorf("%s: got %q", tt.field, problems)
		}
	}
}

func TestHostsAreNamesAndAddressesWithAndWithoutAPort(t *testing.T) {
	for host, want := range map[string]string{
		"dc1.example.com": "dc1.example.com:636", "dc1:3269": "dc1:3269", "192.0.2.7": "192.0.2.7:636",
		"2001:db8::7": "[2001:db8::7]:636", "[2001:db8::7]": "[2001:db8::7]:636", "[2001:db8::7]:3269": "[2001:db8::7]:3269",
	} {
		s := usable()
		s.Hosts = []string{host}
		if problems := s.Check(); problems.Any() {
			t.Errorf("%s: %s", host, problems)
		}
		if got := withPort(host, s.Defaults().Port); got != want {
			t.Errorf("%s is %s, want %s", host, got, want)
		}
	}
}

func TestSettingsSurviveAFileAndTheirOwnDefaults(t *testing.T) {
	s := usable()
	s.Limits.GroupRemovals = &Limit{0, 0}
	s.Schedule = Schedule{Cron: "*/15 6-20 * * 1-5", Zone: "Europe/Berlin", Paused: true}
	for _, one := range []Settings{s, s.Defaults()} {
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		var again Settings
		if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, one) {
			t.Errorf("%v: %s", err, text)
		}
	}
	full := s.Defaults()
	if !reflect.DeepEqual(full.Defaults(), full) {
		t.Error("defaults have defaults")
	}
	if *full.Limits.GroupRemovals != (Limit{0, 0}) || *full.Limits.Deactivations != (Limit{5, 10}) {
		t.Errorf("L6: %+v", full.Limits)
	}
}

func TestTheNextRunIsWhenTheScheduleSays(t *testing.T) {
	at := func(text string) time.Time {
		instant, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return instant
	}
	for _, tt := range []struct {
		name        string
		s           Schedule
		after, want string
	}{
		{"every hour, unless told", Schedule{}, "2026-03-01T10:05:00Z", "2026-03-01T11:05:00Z"},
		{"every so often", Schedule{Every: "15m"}, "2026-03-01T10:05:00Z", "2026-03-01T10:20:00Z"},
		{"at three, in UTC", Schedule{Cron: "0 3 * * *"}, "2026-03-01T10:05:00Z", "2026-03-02T03:00:00Z"},
		{"at three, in Berlin", Schedule{Cron: "0 3 * * *", Zone: "Europe/Berlin"}, "2026-03-01T10:05:00Z", "2026-03-02T02:00:00Z"},
		{"on a leap day", Schedule{Cron: "0 0 29 2 *"}, "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
	} {
		if got := tt.s.Next(at(tt.after)); !got.Equal(at(tt.want)) || got.Location() != time.UTC {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, never := range []Schedule{{Paused: true}, {Cron: "nonsense"}, {Every: "1s"}} {
		if got := never.Next(at("2026-03-01T00:00:00Z")); !got.IsZero() {
			t.Errorf("%+v runs at %s", never, got)
		}
	}
}

// The mark of an administrator is not that of a guesser (L3).
func TestWhoIsOffByEachRule(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	filetime := func(instant time.Time) string {
		return fmt.Sprint(instant.Unix()*1e7 + epochDifference*1e7)
	}
	for _, tt := range []struct {
		rule             DisabledRule
		attribute, value string
		want             Off
		unusable         bool
	}{
		{UserAccountControl, "userAccountControl", "512", On, false},
		{UserAccountControl, "userAccountControl", "514", SwitchedOff, false},
		{UserAccountControl, "userAccountControl", "528", On, false}, // locked out
		{UserAccountControl, "userAccountControl", "-2147483134", SwitchedOff, false},
		{UserAccountControl, "userAccountControl", "", On, true},
		{UserAccountControl, "userAccountControl", "yes", On, true},
		{UserAccountControl, "accountExpires", "0", On, false},
		{UserAccountControl, "accountExpires", "9223372036854775807", On, false},
		{UserAccountControl, "accountExpires", filetime(now), Expired, false},
		{UserAccountControl, "accountExpires", filetime(now.Add(time.Second)), On, false},
		{UserAccountControl, "accountExpires", "never", On, true},
		{AccountLock, "nsAccountLock", "true", SwitchedOff, false},
		{AccountLock, "nsAccountLock", "FALSE", On, false},
		{AccountLock, "nsAccountLock", "", On, false},
		{LoginDisabled, "loginDisabled", "TRUE", SwitchedOff, false},
		{PasswordPolicy, "pwdAccountLockedTime", "000001010000Z", SwitchedOff, false},
		{PasswordPolicy, "pwdAccountLockedTime", "20260101000000Z", On, false},
		{NeverDisabled, "userAccountControl", "514", On, false},
	} {
		s := usable()
		s.Disabled = tt.rule
		e := entry{attributes: []attribute{{[]byte(tt.attribute), [][]byte{[]byte(tt.value)}}}}
		if tt.rule == UserAccountControl && tt.attribute != "userAccountControl" {
			e.attributes = append(e.attributes, attribute{[]byte("userAccountControl"), [][]byte{[]byte("512")}})
		}
		off, problem := newMapper(s, now).off(e, "x")
		if off != tt.want || (problem != nil) != tt.unusable {
			t.Errorf("%s %s=%s: %q, %v", tt.rule, tt.attribute, tt.value, off, problem)
		}
	}
}

// What Samba's real refusals do not show: those that need another clock or
// another computer. The text is what Windows Server sends.
func TestEveryReasonOfActiveDirectoryIsPutInWords(t *testing.T) {
	for code, want := range activeDirectoryReasons {
		text := "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data " + code + ", v2580"
		if got := refusal(&ldap.Error{ResultCode: 49, Err: errors.New(text)}); got != want {
			t.Errorf("data %s: %q, want %q", code, got, want)
		}
	}
	if got := refusal(&ldap.Error{ResultCode: 49, Err: errors.New("Invalid credentials")}); !strings.Contains(got, "refuses") {
		t.Errorf("got %q", got)
	}
}

func TestWhatADirectorySaysIsCutBeforeItIsShown(t *testing.T) {
	got := bounded("a\nb\x00"+strings.Repeat("ü", 400)+"\xff", 100)
	if len(got) > 110 || strings.ContainsAny(got, "\n\x00") || !strings.HasPrefix(got, "a b") {
		t.Errorf("%q", got)
	}
}
