// Package jobs owns what runs by itself: when a job is due, that one process at
// a time runs it, and what happens when it fails. A job is a value; the list of
// them is made anew each time somebody looks, so that jobs come and go with the
// records they belong to.
//
// The libraries are clocks and hands: River on PostgreSQL, where one of many
// processes looks and any of them runs; gocron in the one process that has
// SQLite. What is due follows from a job's schedule and its row alone
// (docs/decisions/0014).
//
// It leaves what a job does to whoever lists it, and the rows to store.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"idms/internal/audit"
	"idms/internal/store"
)

// Job is something that runs by itself.
type Job struct {
	Name     string        // "purge", "metadata acme": the same for ever, its row goes by it
	Schedule Schedule      //
	Timeout  time.Duration // after it the run's context ends; 0 is ten minutes
	Run      func(ctx context.Context, now time.Time) error
}

const (
	usualTimeout = 10 * time.Minute
	// leaseGrace is how much longer than its timeout a run has the job to itself:
	// time to notice that its context has ended.
	leaseGrace = time.Minute

	// The first retry comes after firstRetry, each further one after twice as
	// long, and none later than lastRetry.
	firstRetry = time.Minute
	lastRetry  = time.Hour
	// alarmAfter so many failures in a row somebody should look.
	alarmAfter = 5
)

// Next is the instant at which the job is due, and false when it is not by
// itself: it is paused. It follows from the arguments alone. Runs that were
// missed, while no process was up, are one run.
func (j Job) Next(state store.Job) (time.Time, bool) {
	next := state.Asked
	switch {
	case !state.Asked.IsZero():
	case state.Paused:
		return time.Time{}, false
	case state.Ended.Before(state.Started): // its process died
		next = state.Started
	case state.Failures > 0:
		next = state.Ended.Add(retryAfter(state.Failures))
	default:
		next = j.Schedule.after(state).Add(j.Schedule.shift(j.Name, state.Turn))
	}
	if next.Before(state.Leased) {
		next = state.Leased
	}
	return next, true
}

// Due says whether the job should run now.
func (j Job) Due(state store.Job, now time.Time) bool {
	next, ok := j.Next(state)
	return ok && !next.After(now)
}

func retryAfter(failures int) time.Duration {
	wait := firstRetry
	for range failures - 1 {
		if wait *= 2; wait > lastRetry {
			return lastRetry
		}
	}
	return wait
}

// Config is what runs jobs.
type Config struct {
	Store *store.Store
	Clock func() time.Time
	Log   *slog.Logger

	// List is every job that there is at the moment. It is asked at every look,
	// and for each run.
	List func(ctx context.Context) ([]Job, error)

	// Every is the time between two looks; 0 is ten seconds.
	Every time.Duration

	// Ran is told of each run that came to its end; nil is nobody.
	Ran func(job string, took time.Duration, err error)
}

// due looks once: it meets jobs that are new, forgets those that are gone, and
// returns those that should run now.
func (c Config) due(ctx context.Context) ([]turn, error) {
	list, err := c.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the jobs: %w", err)
	}
	now := c.Clock()
	states, err := c.Store.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var met []string
	there := map[string]bool{}
	for _, job := range list {
		there[job.Name] = true
		if _, ok := states[job.Name]; !ok {
			met = append(met, job.Name)
			states[job.Name] = store.Job{Name: job.Name, Since: now}
		}
	}
	if err := c.Store.MeetJobs(ctx, now, met...); err != nil {
		return nil, err
	}
	var gone []string
	for name, state := range states {
		if !there[name] && !state.Running(now) {
			gone = append(gone, name)
		}
	}
	if err := c.Store.ForgetJobs(ctx, gone...); err != nil {
		return nil, err
	}
	var due []turn
	for _, job := range list {
		if state := states[job.Name]; job.Due(state, now) {
			due = append(due, turn{Job: job.Name, Turn: state.Turn})
		}
	}
	return due, nil
}

// turn is one run of one job. Whoever takes it first has it.
type turn struct {
	Job  string `json:"job"`
	Turn int64  `json:"turn"`
}

// run runs a turn, unless somebody else has it or it has gone by.
func (c Config) run(ctx context.Context, t turn) error {
	list, err := c.List(ctx)
	if err != nil {
		return fmt.Errorf("list the jobs: %w", err)
	}
	for _, job := range list {
		if job.Name == t.Job {
			return c.runJob(ctx, job, t.Turn)
		}
	}
	return nil // it went with its record
}

func (c Config) runJob(ctx context.Context, job Job, number int64) error {
	states, err := c.Store.Jobs(ctx)
	if err != nil {
		return err
	}
	timeout := job.Timeout
	if timeout == 0 {
		timeout = usualTimeout
	}
	began := c.Clock()
	taken, err := c.Store.TakeJob(ctx, job.Name, number, began, began.Add(timeout+leaseGrace))
	if err != nil || !taken {
		return err
	}
	failure := job.try(ctx, began, timeout)

	// What is written now must be written although the process stops.
	last := context.WithoutCancel(ctx)
	if ctx.Err() != nil && failure != nil {
		return c.Store.LeaveJob(last, states[job.Name])
	}
	ended := c.Clock()
	problem := ""
	if failure != nil {
		problem = cut(failure.Error())
	}
	failures, mine, err := c.Store.EndJob(last, job.Name, number, ended, problem)
	if c.Ran != nil {
		c.Ran(job.Name, ended.Sub(began), failure)
	}
	switch {
	case err != nil || !mine:
		return err
	case failure != nil:
		return c.complain(last, job.Name, failures, failure, ended)
	case states[job.Name].Failures >= alarmAfter:
		c.Log.InfoContext(ctx, "a job that had failed works again", "job", job.Name, "failures", states[job.Name].Failures)
	}
	return nil
}

// complain says that a job failed: in the log each time, in the audit trail as
// an alarm when it has failed so often that it will not mend itself.
func (c Config) complain(ctx context.Context, name string, failures int, failure error, now time.Time) error {
	c.Log.ErrorContext(ctx, "a job failed, and will be tried again", "job", name, "failures", failures,
		"again_in", retryAfter(failures), "error", failure)
	if failures != alarmAfter {
		return nil
	}
	return c.Store.Audit(ctx, audit.Event{At: now, Action: audit.JobFailed, Alarm: true, Who: "system",
		Reason: fmt.Sprintf("%s failed %d times in a row: %s", name, failures, cut(failure.Error()))})
}

// cut bounds what is kept of an error's text.
func cut(text string) string {
	const most = 500
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// try runs the body. A panic is a failure like any other.
func (j Job) try(ctx context.Context, now time.Time, timeout time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	if err = j.Run(ctx, now); err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("not done within %v: %w", timeout, err)
	}
	return err
}
