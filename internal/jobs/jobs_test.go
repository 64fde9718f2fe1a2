package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/test/needs"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens an empty database that keeps its audit trail for a day; url is ""
// for SQLite.
func open(t *testing.T, url string) *store.Store {
	t.Helper()
	folder := t.TempDir()
	box, err := secret.Open(filepath.Join(folder, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{
		URL: url, Path: filepath.Join(folder, "idms.sqlite"), Box: box,
		Retention: store.Retention{Audit: 24 * time.Hour},
		Clock:     func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// desk is a runner that a test drives by hand.
type desk struct {
	*testing.T
	Config
	now  time.Time
	said bytes.Buffer
}

func newDesk(t *testing.T, list ...Job) *desk {
	d := &desk{T: t, now: noon}
	d.Config = Config{Store: open(t, ""), Clock: func() time.Time { return d.now }, Log: slog.New(slog.NewTextHandler(&d.said, nil)),
		List: func(context.Context) ([]Job, error) { return list, nil }}
	return d
}

// look runs what is due now, and returns its names.
func (d *desk) look() (ran []string) {
	d.Helper()
	due, err := d.due(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	for _, turn := range due {
		if err := d.run(d.Context(), turn); err != nil {
			d.Fatal(err)
		}
		ran = append(ran, turn.Job)
	}
	return ran
}

func (d *desk) expect(at time.Duration, want ...string) {
	d.Helper()
	d.now = noon.Add(at)
	if got := d.look(); !slices.Equal(got, want) {
		d.Errorf("after %v: %q ran, want %q", at, got, want)
	}
}

func well(context.Context, time.Time) error { return nil }

func cronJob(t *testing.T, expression, zone string) Schedule {
	t.Helper()
	schedule, err := Cron(expression, zone, 0)
	if err != nil {
		t.Fatal(err)
	}
	return schedule
}

func TestWhenAJobIsDueFollowsFromItsScheduleAndItsRow(t *testing.T) {
	hourly := Job{Name: "hourly", Schedule: Every(time.Hour, 0)}
	nightly := Job{Name: "nightly", Schedule: cronJob(t, "30 2 * * *", "Europe/Berlin")}
	ran := store.Job{Turn: 1, Since: noon, Started: noon, Ended: noon.Add(time.Minute)}
	with := func(change func(*store.Job)) store.Job { j := ran; change(&j); return j }
	for _, tt := range []struct {
		name  string
		job   Job
		state store.Job
		want  string // after noon; "" is never
	}{
		{"a new job runs at once", hourly, store.Job{Since: noon}, "0s"},
		{"the distance is from beginning to beginning", hourly, ran, "1h"},
		{"a new nightly job waits for its night: 02:30 in Berlin is 01:30 in UTC", nightly, store.Job{Since: noon}, "13h30m"},
		{"a nightly job that ran waits for the next night", nightly, ran, "13h30m"},
		{"a month of missed nights is one run, due since the first", nightly, with(func(j *store.Job) { j.Started = noon.AddDate(0, -1, 0) }), "-658h30m"},
		{"the first failure is tried again after a minute", hourly, with(func(j *store.Job) { j.Failures = 1 }), "2m"},
		{"the third after four", hourly, with(func(j *store.Job) { j.Failures = 3 }), "5m"},
		{"the hundredth after an hour", hourly, with(func(j *store.Job) { j.Failures = 100 }), "61m"},
		{"a paused job is not due", hourly, with(func(j *store.Job) { j.Paused = true }), ""},
		{"unless somebody asked", hourly, with(func(j *store.Job) { j.Paused, j.Asked = true, noon.Add(time.Second) }), "1s"},
		{"a job that runs is not due before its lease ends", hourly, with(func(j *store.Job) { j.Leased = noon.Add(3 * time.Hour) }), "3h"},
		{"not even when somebody asks", hourly, with(func(j *store.Job) { j.Leased, j.Asked = noon.Add(time.Minute), noon }), "1m"},
		{"a run whose process died is tried again when its lease ends", hourly,
			with(func(j *store.Job) { j.Ended, j.Leased = noon.Add(-time.Hour), noon.Add(11*time.Minute) }), "11m"},
	} {
		next, ok := tt.job.Next(tt.state)
		if !ok {
			if tt.want != "" {
				t.Errorf("%s: never", tt.name)
			}
			continue
		}
		want, err := time.ParseDuration(tt.want)
		if err != nil || !next.Equal(noon.Add(want)) {
			t.Errorf("%s: %v, want %s", tt.name, next.Sub(noon), tt.want)
		}
		if tt.job.Due(tt.state, next.Add(-time.Microsecond)) || !tt.job.Due(tt.state, next) {
			t.Errorf("%s: is not due exactly from then on", tt.name)
		}
	}
}

// On 29 March 2026 there is no 02:30 in Berlin, and on 25 October there are two.
func TestASchedulesZoneIsObeyedWhenTheClocksChange(t *testing.T) {
	job := Job{Schedule: cronJob(t, "30 2 * * *", "Europe/Berlin")}
	for _, tt := range []struct{ ran, want string }{
		{"2026-03-27T01:30:00Z", "2026-03-28T01:30:00Z"},
		{"2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"},
		{"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z"},
	} {
		ran, _ := time.Parse(time.RFC3339, tt.ran)
		next, _ := job.Next(store.Job{Started: ran, Ended: ran})
		if got := next.Format(time.RFC3339); got != tt.want {
			t.Errorf("after %s comes %s, want %s", tt.ran, got, tt.want)
		}
	}
}

func TestASchedulesJitterSpreadsJobsAndIsTheSameForEverybodyWhoLooks(t *testing.T) {
	schedule := Every(time.Hour, 10*time.Minute)
	seen := map[time.Duration]bool{}
	for i := range 100 {
		shift := schedule.shift(fmt.Sprint("metadata ", i), 7)
		if shift < 0 || shift >= 10*time.Minute || shift != schedule.shift(fmt.Sprint("metadata ", i), 7) {
			t.Fatalf("job %d is shifted by %v", i, shift)
		}
		seen[shift] = true
	}
	if len(seen) < 90 || schedule.shift("a", 1) == schedule.shift("a", 2) {
		t.Errorf("100 jobs are spread over %d instants, and one job's turns are alike", len(seen))
	}
}

func TestASchedulesTextIsRefusedWithASentence(t *testing.T) {
	for _, tt := range []struct{ expression, zone string }{
		{"", "UTC"}, {"* * * *", "UTC"}, {"61 * * * *", "UTC"}, {"@every 1s", "UTC"}, {"CRON_TZ=Asia/Tokyo 1 2 * * *", "UTC"},
		{"1 2 * * *", "Berlin"}, {"1 2 * * *", "Local"}, {"1 2 * * *", "../../etc/passwd"},
	} {
		if _, err := Cron(tt.expression, tt.zone, 0); err == nil {
			t.Errorf("%q in %q is taken", tt.expression, tt.zone)
		}
	}
}

func TestJobsComeAndGoWithTheList(t *testing.T) {
	list := []Job{{Name: "a", Schedule: Every(time.Hour, 0), Run: well}}
	d := newDesk(t)
	d.List = func(context.Context) ([]Job, error) { return list, nil }
	d.expect(0, "a")
	d.expect(time.Minute)
	list = append(list, Job{Name: "b", Schedule: Every(time.Hour, 0), Run: well})
	d.expect(2*time.Minute, "b")
	if err := d.Store.PauseJob(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	d.expect(time.Hour)
	if err := d.Store.AskForJob(t.Context(), "a", d.now); err != nil {
		t.Fatal(err)
	}
	d.expect(time.Hour+time.Second, "a")
	d.expect(time.Hour + 2*time.Second)
	list = list[:1]
	d.expect(9 * time.Hour)
	if known, err := d.Store.Jobs(t.Context()); err != nil || len(known) != 1 {
		t.Errorf("%d jobs are remembered (%v)", len(known), err)
	}
	if err := d.Store.AskForJob(t.Context(), "b", d.now); err == nil {
		t.Error("a job that is gone can be asked for")
	}
}

func TestAJobThatFailsBacksOffAndRaisesOneAlarm(t *testing.T) {
	broken, runs := true, 0
	d := newDesk(t, Job{Name: "a", Schedule: Every(time.Minute, 0), Run: func(context.Context, time.Time) error {
		runs++
		switch {
		case broken && runs == 2:
			panic("upside down")
		case broken:
			return errors.New("no paper")
		}
		return nil
	}})
	var ran []error
	d.Ran = func(_ string, _ time.Duration, err error) { ran = append(ran, err) }
	for minute := range 100 {
		d.now = noon.Add(time.Duration(minute) * time.Minute)
		d.look()
	}
	// At minutes 0, 1, 3, 7, 15, 31, 63: twice as long each time.
	if runs != 7 || len(ran) != 7 {
		t.Errorf("it ran %d times, and %d runs were told", runs, len(ran))
	}
	if text := d.said.String(); !strings.Contains(text, "upside down") || strings.Count(text, "level=ERROR") != 7 {
		t.Errorf("the log says\n%s", text)
	}
	alarms, _, err := d.Store.Events(t.Context(), store.EventFilter{Alarms: true}, "", 10)
	if err != nil || len(alarms) != 1 || alarms[0].Action != audit.JobFailed || alarms[0].Reason != "a failed 5 times in a row: no paper" {
		t.Errorf("the alarms are %+v (%v)", alarms, err)
	}
	broken = false
	d.expect(3*time.Hour, "a")
	d.expect(3*time.Hour+time.Minute, "a")
	if !strings.Contains(d.said.String(), "works again") {
		t.Error("nobody is told that it works again")
	}
}

func TestATurnIsTakenOnceAndARunThatLostItsTurnWritesNothing(t *testing.T) {
	s := open(t, "")
	if err := s.MeetJobs(t.Context(), noon, "a"); err != nil {
		t.Fatal(err)
	}
	take := func(turn int64, at time.Duration) bool {
		ok, err := s.TakeJob(t.Context(), "a", turn, noon.Add(at), noon.Add(at+time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !take(0, 0) || take(0, 0) || take(1, 30*time.Second) {
		t.Error("a turn was not taken exactly once")
	}
	if !take(1, time.Minute) {
		t.Error("a job whose process died cannot be taken when its lease has ended")
	}
	if _, mine, err := s.EndJob(t.Context(), "a", 0, noon, ""); mine || err != nil {
		t.Errorf("the run that lost its turn could end the other's (%v)", err)
	}
	if failures, mine, err := s.EndJob(t.Context(), "a", 1, noon.Add(2*time.Minute), "late"); !mine || failures != 2 || err != nil {
		t.Errorf("%d failures, want the lost run's and this one (%v, %v)", failures, mine, err)
	}
}

func TestARunThatStopsWithItsProcessIsDueAgainAtOnceAndNoFailure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	d := newDesk(t, Job{Name: "a", Schedule: Every(time.Hour, 0), Run: func(ctx context.Context, _ time.Time) error {
		stop()
		<-ctx.Done()
		return ctx.Err()
	}})
	due, err := d.due(ctx)
	if err != nil || len(due) != 1 {
		t.Fatalf("%v are due (%v)", due, err)
	}
	if err := d.run(ctx, due[0]); err != nil {
		t.Fatal(err)
	}
	if due, err = d.due(t.Context()); err != nil || len(due) != 1 || strings.Contains(d.said.String(), "failed") {
		t.Errorf("due are %v (%v), and the log says %q", due, err, d.said.String())
	}
}

func TestARunTakesNoLongerThanItsTimeout(t *testing.T) {
	d := newDesk(t, Job{Name: "a", Timeout: time.Nanosecond, Run: func(ctx context.Context, _ time.Time) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	d.expect(0, "a")
	if !strings.Contains(d.said.String(), "not done within 1ns") {
		t.Errorf("the log says %q", d.said.String())
	}
}

func TestThePurgeIsAJob(t *testing.T) {
	d := newDesk(t)
	d.List = func(context.Context) ([]Job, error) { return []Job{Purge(d.Store, 15*time.Minute, d.Log)}, nil }
	if err := d.Store.Audit(t.Context(), audit.Event{At: noon.Add(-25 * time.Hour), Action: audit.LoggedOut}); err != nil {
		t.Fatal(err)
	}
	d.expect(0, "purge")
	d.expect(14 * time.Minute)
	d.expect(15*time.Minute, "purge")
	if got := strings.Count(d.said.String(), "msg=purged"); got != 1 {
		t.Errorf("%d lines about purges, want one for each that removed something:\n%s", got, d.said.String())
	}
}

// The library of each database, as it is: jobs run, on PostgreSQL in one of
// several processes at a time, and a stop waits for the run under way.
func TestTheLibraryOfEachDatabaseRunsWhatIsDue(t *testing.T) {
	t.Run("gocron", func(t *testing.T) { library(t, 1, open(t, "")) })
	t.Run("river", func(t *testing.T) {
		url := needs.PostgreSQL(t)
		// One keyset: the second process would refuse another.
		s := open(t, url)
		library(t, 2, s)
	})
}

func library(t *testing.T, processes int, s *store.Store) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began := make(chan string, 100)
	var under sync.Map
	body := func(name string) func(context.Context, time.Time) error {
		return func(ctx context.Context, _ time.Time) error {
			if _, twice := under.LoadOrStore(name, true); twice {
				t.Errorf("%s runs twice at once", name)
			}
			defer under.Delete(name)
			began <- name
			if name == "long" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
	}
	var said bytes.Buffer
	var lock sync.Mutex
	log := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		lock.Lock()
		defer lock.Unlock()
		return said.Write(p)
	}), nil))
	config := Config{Store: s, Clock: time.Now, Log: log, Every: time.Second, List: func(context.Context) ([]Job, error) {
		return []Job{
			{Name: "often", Run: body("often")},
			{Name: "once", Schedule: Every(time.Hour, 0), Run: body("once")},
			{Name: "long", Run: body("long")},
		}, nil
	}}
	var ended sync.WaitGroup
	for range processes {
		ended.Go(func() {
			if err := Run(ctx, config); err != nil {
				t.Error(err)
			}
		})
	}
	ran := map[string]int{}
	for ran["often"] < 3 || ran["once"] < 1 || ran["long"] < 1 {
		ran[<-began]++
	}
	stop()
	ended.Wait()
	if ran["once"] != 1 || ran["long"] != 1 {
		t.Errorf("runs: %v", ran)
	}
	if _, still := under.Load("long"); still {
		t.Error("the stop did not wait for the run under way")
	}
	lock.Lock()
	defer lock.Unlock()
	if said.Len() > 0 {
		t.Errorf("the log says\n%s", said.String())
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
