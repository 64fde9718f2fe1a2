package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// everything is a process in which each number has a value.
func everything(t *testing.T) string {
	m := New(func(context.Context) (State, error) {
		return State{
			Certificates: []Certificate{{"acme", "ours", "ab12", noon}},
			Metadata:     []Metadata{{"acme", noon, true}, {"globex", time.Time{}, false}},
			Jobs:         []Job{{"purge", 3}},
			Directories:  []Directory{{"acme", noon, true}, {"globex", time.Time{}, false}},
		}, nil
	})
	m.Login("acme", "login", "")
	m.Login("acme", "elevate", "unknown_key")
	m.Knocked("passkey", "admitted")
	m.Verified(3 * time.Millisecond)
	m.Ran("purge", 2*time.Second, nil)
	m.Ran("purge", time.Second, errors.New("no paper"))
	m.Synced(Sync{"acme", "applied", 3 * time.Second, 100, 4, 250, map[string]int{"add_person": 7}})
	m.Synced(Sync{"acme", "failed", -time.Second, 0, 0, 0, nil})
	return page(t, m, http.StatusOK)
}

func page(t *testing.T, m *Metrics, status int) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != status {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func TestThePageHasTheNumbers(t *testing.T) {
	got := everything(t)
	for _, line := range []string{
		`idms_logins_total{outcome="admitted",purpose="login",record="acme"} 1`,
		`idms_logins_total{outcome="refused",purpose="elevate",record="acme"} 1`,
		`idms_refusals_total{code="unknown_key"} 1`,
		`idms_verification_seconds_bucket{le="0.005"} 1`,
		`idms_verification_seconds_bucket{le="0.002"} 0`,
		`idms_job_runs_total{job="purge",outcome="ok"} 1`,
		`idms_job_runs_total{job="purge",outcome="failed"} 1`,
		`idms_job_seconds_total{job="purge"} 3`,
		`idms_job_failures{job="purge"} 3`,
		`idms_certificate_end_timestamp_seconds{fingerprint="ab12",purpose="ours",record="acme"} 1.7723664e+09`,
		`idms_metadata_fetched_timestamp_seconds{record="acme"} 1.7723664e+09`,
		`idms_metadata_fetched_timestamp_seconds{record="globex"} 0`,
		`idms_metadata_waits{record="acme"} 1`,
		`idms_metadata_waits{record="globex"} 0`,
		`idms_door_total{outcome="admitted",way="passkey"} 1`,
		`idms_directory_runs_total{outcome="applied",record="acme"} 1`,
		`idms_directory_runs_total{outcome="failed",record="acme"} 1`,
		`idms_directory_seconds_total{record="acme"} 3`,
		`idms_directory_read_total{record="acme",what="memberships"} 250`,
		`idms_directory_changes_total{kind="add_person",record="acme"} 7`,
		`idms_directory_good_timestamp_seconds{record="acme"} 1.7723664e+09`,
		`idms_directory_good_timestamp_seconds{record="globex"} 0`,
		`idms_directory_waits{record="acme"} 1`,
		`idms_directory_waits{record="globex"} 0`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("%s is not in\n%s", line, got)
		}
	}
}

func TestADatabaseThatDoesNotAnswerIsAFailedReading(t *testing.T) {
	m := New(func(context.Context) (State, error) { return State{}, errors.New("away") })
	page(t, m, http.StatusInternalServerError)
}

func TestNoMetricsCountNothing(t *testing.T) {
	var m *Metrics
	m.Login("acme", "login", "")
	m.Knocked("passkey", "admitted")
	m.Verified(time.Second)
	m.Ran("purge", time.Second, nil)
	m.Synced(Sync{})
}

// The reference names every number of ours with its labels, and no other.
func TestTheReferenceOfMetrics(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(idms_[a-z_]+)` \\| (.*?) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = strings.Join(regexp.MustCompile("[a-z]+").FindAllString(row[2], -1), ",")
	}
	got := everything(t)
	names := map[string]bool{}
	for _, one := range regexp.MustCompile(`(?m)^# TYPE (idms_\S+) `).FindAllStringSubmatch(got, -1) {
		name := one[1]
		names[name] = true
		labels := ""
		if sample := regexp.MustCompile(`(?m)^` + name + `\{(.*?)\}`).FindStringSubmatch(got); sample != nil {
			var list []string
			for _, label := range regexp.MustCompile(`([a-z]+)="`).FindAllStringSubmatch(sample[1], -1) {
				list = append(list, label[1])
			}
			labels = strings.Join(list, ",")
		}
		if documented, ok := documented[name]; !ok || documented != labels {
			t.Errorf("docs/reference/metrics.md has %s with the labels %q, and the page with %q", name, documented, labels)
		}
	}
	for name := range documented {
		if !names[name] {
			t.Errorf("docs/reference/metrics.md has %s, which the page has not", name)
		}
	}
}
