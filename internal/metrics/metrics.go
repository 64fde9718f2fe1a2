// Package metrics owns the numbers that a monitoring system reads: their names,
// their labels, and the page in the format of Prometheus. It leaves counting to
// whoever does the work. No label holds anything of a person.
//
// docs/reference/metrics.md explains them.
package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the numbers of one process. A nil *Metrics counts nothing.
type Metrics struct {
	registry     *prometheus.Registry
	logins       *prometheus.CounterVec
	refusals     *prometheus.CounterVec
	knocks       *prometheus.CounterVec
	verification prometheus.Histogram
	runs         *prometheus.CounterVec
	runSeconds   *prometheus.CounterVec
	syncs        *prometheus.CounterVec
	syncSeconds  *prometheus.CounterVec
	syncRead     *prometheus.CounterVec
	syncChanges  *prometheus.CounterVec
}

// State is what is looked up when somebody reads the page.
type State struct {
	Certificates []Certificate
	Metadata     []Metadata
	Jobs         []Job
	Directories  []Directory
}

// Certificate is one that some record depends on.
type Certificate struct {
	Record, Purpose, Fingerprint string
	Ends                         time.Time
}

// Metadata is that of one record with a metadata address.
type Metadata struct {
	Record  string
	Fetched time.Time
	Waits   bool // some of it waits for approval
}

// Job is one that failed or not.
type Job struct {
	Name     string
	Failures int // in a row
}

// Directory is that of one record which is synced.
type Directory struct {
	Record string
	Good   time.Time // when the last good sync ended; zero is never
	Waits  bool      // a plan is held
}

const (
	namespace = "idms"
	// lookTimeout bounds the look into the database for one reading of the page.
	lookTimeout = 5 * time.Second
)

// New makes the numbers of a process. look is asked at each reading; what it
// cannot tell is left out of the page, which then is status 500.
func New(look func(ctx context.Context) (State, error)) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		logins:   counter("logins_total", "Logins and elevations that came to their end.", "record", "purpose", "outcome"),
		refusals: counter("refusals_total", "Refused logins and elevations by code.", "code"),
		verification: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: "verification_seconds",
			Help: "Time to verify one response.", Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2}}),
		runs:        counter("job_runs_total", "Runs of jobs in this process.", "job", "outcome"),
		runSeconds:  counter("job_seconds_total", "Time that runs of jobs took in this process.", "job"),
		syncs:       counter("directory_runs_total", "Runs of directory syncs.", "record", "outcome"),
		knocks:      counter("door_total", "Tries to log in at the door of local people that came to their end.", "outcome", "way"),
		syncSeconds: counter("directory_seconds_total", "Time that runs of directory syncs took.", "record"),
		syncRead:    counter("directory_read_total", "What was read from directories.", "record", "what"),
		syncChanges: counter("directory_changes_total", "Changes that directory syncs applied.", "record", "kind"),
	}
	m.registry.MustRegister(m.logins, m.refusals, m.knocks, m.verification, m.runs, m.runSeconds,
		m.syncs, m.syncSeconds, m.syncRead, m.syncChanges, &state{look},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Login counts a login that came to its end; code is "" for an admitted one. The
// record is one that there is: nobody outside may make labels.
func (m *Metrics) Login(record, purpose, code string) {
	if m == nil {
		return
	}
	outcome := "admitted"
	if code != "" {
		outcome = "refused"
		m.refusals.WithLabelValues(code).Inc()
	}
	m.logins.WithLabelValues(record, purpose, outcome).Inc()
}

// Knocked counts one try to log in at the door of local people.
func (m *Metrics) Knocked(way, outcome string) {
	if m != nil {
		m.knocks.WithLabelValues(outcome, way).Inc()
	}
}

// Verified counts one verification.
func (m *Metrics) Verified(took time.Duration) {
	if m != nil {
		m.verification.Observe(took.Seconds())
	}
}

// Ran counts one run of a job.
func (m *Metrics) Ran(job string, took time.Duration, err error) {
	if m == nil {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.runs.WithLabelValues(job, outcome).Inc()
	m.runSeconds.WithLabelValues(job).Add(took.Seconds())
}

// Sync is one run of a directory sync that came to its end.
type Sync struct {
	Record, Outcome             string
	Took                        time.Duration
	People, Groups, Memberships int            // read
	Changes                     map[string]int // applied, by kind
}

// Synced counts one run of a directory sync.
func (m *Metrics) Synced(s Sync) {
	if m == nil {
		return
	}
	m.syncs.WithLabelValues(s.Record, s.Outcome).Inc()
	m.syncSeconds.WithLabelValues(s.Record).Add(max(0, s.Took.Seconds())) // a clock may be set back
	m.syncRead.WithLabelValues(s.Record, "people").Add(float64(s.People))
	m.syncRead.WithLabelValues(s.Record, "groups").Add(float64(s.Groups))
	m.syncRead.WithLabelValues(s.Record, "memberships").Add(float64(s.Memberships))
	for kind, n := range s.Changes {
		m.syncChanges.WithLabelValues(s.Record, kind).Add(float64(n))
	}
}

// Handler is the page.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 2 * lookTimeout})
}

// state collects what is looked up.
type state struct {
	look func(context.Context) (State, error)
}

func description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	certificateEnd  = description("certificate_end_timestamp_seconds", "When a certificate ends.", "record", "purpose", "fingerprint")
	metadataFetched = description("metadata_fetched_timestamp_seconds", "When a record's metadata could be read last; 0 is never.", "record")
	metadataWaits   = description("metadata_waits", "1 when metadata waits for approval.", "record")
	jobFailures     = description("job_failures", "Failures of a job in a row.", "job")
	directoryGood   = description("directory_good_timestamp_seconds", "When the last good sync of a record ended; 0 is never.", "record")
	directoryWaits  = description("directory_waits", "1 when a plan waits for approval.", "record")
)

func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{certificateEnd, metadataFetched, metadataWaits, jobFailures, directoryGood, directoryWaits} {
		to <- one
	}
}

func (s *state) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	now, err := s.look(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(certificateEnd, err)
		return
	}
	gauge := func(what *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(what, prometheus.GaugeValue, value, labels...)
	}
	for _, one := range now.Certificates {
		gauge(certificateEnd, seconds(one.Ends), one.Record, one.Purpose, one.Fingerprint)
	}
	for _, one := range now.Metadata {
		gauge(metadataFetched, seconds(one.Fetched), one.Record)
		gauge(metadataWaits, truth(one.Waits), one.Record)
	}
	for _, one := range now.Directories {
		gauge(directoryGood, seconds(one.Good), one.Record)
		gauge(directoryWaits, truth(one.Waits), one.Record)
	}
	for _, one := range now.Jobs {
		gauge(jobFailures, float64(one.Failures), one.Name)
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.Unix())
}
