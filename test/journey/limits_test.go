package journey_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"idms/test/program"
)

// How often one address may begin or post a login is the operator's to say.
func TestTheConfiguredLimitsOfLoginsAreObeyed(t *testing.T) {
	for _, tt := range []struct {
		name, limits string
		refuses      bool
	}{
		{"twenty at once are too many for a burst of two", "{logins_per_second: 1, logins_burst: 2}", true},
		{"and not for a burst of twenty", "{logins_per_second: 1, logins_burst: 20}", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			config := filepath.Join(folder, "idms.yaml")
			if err := os.WriteFile(config, []byte("limits: "+tt.limits+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			service := program.Serve(t, "--data", folder, "--config", config)
			refused := 0
			for range 20 {
				answer, err := http.Get(service.URL + "/saml/nobody/login")
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode == http.StatusTooManyRequests {
					refused++
				}
			}
			if (refused > 0) != tt.refuses {
				t.Errorf("of twenty logins %d were refused", refused)
			}
		})
	}
}
