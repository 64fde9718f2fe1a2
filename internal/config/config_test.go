package config

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
)

func TestWithNoConfigurationAtAllItServesOnLoopback(t *testing.T) {
	c, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	if c.Listen != "127.0.0.1:8080" || c.BaseURLs[0] != "http://localhost:8080" || c.Keyset != filepath.Join("idms-data", "keyset.json") {
		t.Errorf("got %+v", c)
	}
}

func TestFlagsWinOverEnvironmentOverFileOverDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "idms.yaml")
	text := "listen: 127.0.0.1:1\nportal_name: File\nsession:\n  idle: 7m\n  pending: 5m\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{
		"IDMS_LISTEN=127.0.0.1:2", "IDMS_PORTAL_NAME=Environment", "IDMS_SESSION__PENDING=6m", "IDMS_LIMITS__VERIFICATIONS=3", "IDMS_LIMITS__LOGINS_PER_SECOND=50",
		"IDMS_BASE_URLS=https://a.example,https://b.example", "IDMS_TEST_POSTGRES=postgres://ignored", "HOME=/nowhere",
	}
	c, err := Load(file, environ, map[string]any{"listen": "127.0.0.1:3"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3" || c.PortalName != "Environment" || c.Session.Pending != 6*time.Minute || c.Session.Idle != 7*time.Minute ||
		c.Session.Length != 12*time.Hour || c.Limits.Verifications != 3 || c.Limits.LoginsPerSecond != 50 || c.Limits.LoginsBurst != 200 || strings.Join(c.BaseURLs, " ") != "https://a.example https://b.example" {
		t.Errorf("got %+v", c)
	}
}

func TestASessionShorterThanTheIdleTimeNeedsNoIdleTime(t *testing.T) {
	c, err := Load("", []string{"IDMS_SESSION__LENGTH=1h"}, nil)
	if err != nil || c.Session.Idle != time.Hour {
		t.Errorf("idle %v, %v", c.Session.Idle, err)
	}
	if c, err = Load("", nil, map[string]any{"session.idle": 0}); err != nil || c.Session.Idle != 0 {
		t.Errorf("never: idle %v, %v", c.Session.Idle, err)
	}
}

// A Service named idms gives every pod beside it these variables.
func TestWhatKubernetesPutsIntoTheEnvironmentIsNoSetting(t *testing.T) {
	environ := []string{
		"IDMS_SERVICE_HOST=10.0.0.1", "IDMS_SERVICE_PORT=80", "IDMS_SERVICE_PORT_HTTP=80", "IDMS_PORT=tcp://10.0.0.1:80",
		"IDMS_PORT_80_TCP=tcp://10.0.0.1:80", "IDMS_PORT_80_TCP_ADDR=10.0.0.1",
	}
	if _, err := Load("", environ, nil); err != nil {
		t.Error(err)
	}
	if _, err := Load("", []string{"IDMS_PORTAL=x"}, nil); err == nil {
		t.Error("a misspelt setting passed")
	}
}

func TestASettingThatCannotBeObeyedStopsTheStart(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags map[string]any
		says  string
	}{
		{"cookies in the clear off loopback", map[string]any{"base_urls": []string{"http://login.example.com"}}, "in the clear"},
		{"a base URL with a path", map[string]any{"base_urls": []string{"https://a.example/x"}}, "without a path"},
		{"a base URL with a slash", map[string]any{"base_urls": []string{"https://a.example/"}}, "without a path"},
		{"a base URL with the port of https", map[string]any{"base_urls": []string{"https://a.example:443"}}, "leave out the port 443"},
		{"a base URL in capitals", map[string]any{"base_urls": []string{"https://A.example"}}, "small letters"},
		{"a misspelt setting", map[string]any{"sesion.idle": "3m"}, "sesion.idle: there is no such setting"},
		{"a group of settings that is one", map[string]any{"session": "3m"}, "session: there is no such setting"},
		{"a number of no unit", map[string]any{"session.idle": 30}, "90s"},
		{"a unit nobody knows", map[string]any{"session.length": "90d"}, "'session.length' needs a time with its unit"},
		{"a portal with a path", portal("https://portal.example.com/x"), "portals"},
		{"a portal's cookies in the clear", portal("http://portal.example.com"), "in the clear"},
		{"a portal on the login's host name", portal("https://login.example.com:8443"), "host name of https://login.example.com"},
		{"two portals on one host name", portal("https://p.example.com", "https://p.example.com:8443"), "do not tell ports apart"},
		{"a portal without a proxy to believe", map[string]any{"portals": []string{"https://p.example.com"}}, "trusted_proxies"},
		{"an idle time longer than the session", map[string]any{"session.idle": "13h"}, "session.idle"},
		{"a duration without unit", map[string]any{"session.idle": "soon"}, "idle"},
		{"an odd database", map[string]any{"database": "mysql://x"}, "database"},
		{"an odd proxy", map[string]any{"trusted_proxies": []string{"ten"}}, "trusted_proxies"},
		{"an odd log level", map[string]any{"log.level": "loud"}, "log.level"},
		{"no logins at all", map[string]any{"limits.logins_per_second": 0}, "limits.logins_per_second"},
		{"not even one login at once", map[string]any{"limits.logins_burst": 0}, "limits.logins_burst"},
		{"a purge that never rests", map[string]any{"retention.purge_every": "1s"}, "retention.purge_every"},
		{"assertions that nobody could use", map[string]any{"retention.assertions": "1m"}, "retention.assertions"},
		{"too small a message", map[string]any{"limits.message": 1}, "limits.message"},
	} {
		_, err := Load("", nil, tt.flags)
		if err == nil || !strings.Contains(err.Error(), tt.says) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want it to say %q", tt.name, err, tt.says)
		}
	}
	if _, err := Load("", nil, map[string]any{"base_urls": []string{"http://login.example.com"}, "allow_plain_http": true}); err != nil {
		t.Errorf("told to allow plain http, it refused: %v", err)
	}
	if _, err := Load("/does/not/exist.yaml", nil, nil); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("a missing file: %v", err)
	}
}

// portal is a configuration with these portals and nothing else wrong.
func portal(origins ...string) map[string]any {
	return map[string]any{
		"base_urls": []string{"https://login.example.com"}, "trusted_proxies": []string{"127.0.0.1/32"}, "portals": origins,
	}
}

func TestAPortalNeedsAHostNameOfItsOwn(t *testing.T) {
	c, err := Load("", nil, portal("https://one.example.com", "http://portal.localhost:8081"))
	if err != nil || len(c.Portals) != 2 {
		t.Errorf("got %q (%v)", c.Portals, err)
	}
}
