package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

const (
	usualEvery = 10 * time.Second
	// atOnce bounds the jobs that one process runs at a time.
	atOnce = 4
	// keepRiver is how long River keeps the rows of runs that are over. What
	// there is to know of a job is in its own row.
	keepRiver = 10 * time.Minute
	// stopGrace is how long a stop waits for the runs whose context it has ended.
	stopGrace = 10 * time.Second
)

// Run looks for due jobs and runs them until ctx ends, and returns when the runs
// under way have ended too. The error is of the start alone.
func Run(ctx context.Context, c Config) error {
	if c.Every == 0 {
		c.Every = usualEvery
	}
	if c.Store.Pool() == nil {
		return c.runOnSQLite(ctx)
	}
	return c.runOnPostgreSQL(ctx)
}

// log says what went wrong, unless the process is about to stop.
func (c Config) log(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		c.Log.ErrorContext(ctx, "jobs could not be looked after, and will be again", "error", err)
	}
}

// runOnSQLite: this is the only process that serves.
func (c Config) runOnSQLite(ctx context.Context) error {
	scheduler, err := gocron.NewScheduler(gocron.WithLocation(time.UTC), gocron.WithStopTimeout(stopGrace))
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	places := make(chan struct{}, atOnce)
	run := func(t turn) {
		defer func() { <-places }()
		c.log(ctx, c.run(ctx, t))
	}
	look := func() {
		due, err := c.due(ctx)
		c.log(ctx, err)
		for _, t := range due {
			select {
			case places <- struct{}{}:
				_, err := scheduler.NewJob(gocron.OneTimeJob(gocron.OneTimeJobStartImmediately()), gocron.NewTask(run, t))
				c.log(ctx, err)
			default:
				return // the next look finds the rest
			}
		}
	}
	_, err = scheduler.NewJob(gocron.DurationJob(c.Every), gocron.NewTask(look),
		gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithStartAt(gocron.WithStartImmediately()))
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	scheduler.Start()
	<-ctx.Done()
	if err := scheduler.Shutdown(); err != nil {
		c.Log.Warn("jobs were cut short", "error", err)
	}
	return nil
}

// River's two kinds of work.
type (
	lookArgs struct{}
	turnArgs struct{ turn }
)

func (lookArgs) Kind() string { return "look" }
func (turnArgs) Kind() string { return "turn" }

// lookQueue is apart from the runs, so that long ones do not keep anybody from
// looking.
const lookQueue = "look"

// once: as long as a turn is on its way, it is not sent again.
var once = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateScheduled, rivertype.JobStateRetryable,
}}

// runOnPostgreSQL: of all processes, River lets one look, and any run.
func (c Config) runOnPostgreSQL(ctx context.Context) error {
	driver := riverpgxv5.New(c.Store.Pool())
	log := slog.New(loud{c.Log.Handler()})
	err := c.Store.AloneAtStart(ctx, func() error {
		migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
		if err != nil {
			return err
		}
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("jobs: make River's tables: %w", err)
	}

	var send func(ctx context.Context, t turn) error
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[lookArgs]) error {
		due, err := c.due(ctx)
		c.log(ctx, err)
		for _, t := range due {
			c.log(ctx, send(ctx, t))
		}
		return nil
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[turnArgs]) error {
		c.log(ctx, c.run(ctx, job.Args.turn))
		return nil // trying again is ours
	}))
	client, err := river.NewClient(driver, &river.Config{
		Logger:                      log,
		Workers:                     workers,
		Queues:                      map[string]river.QueueConfig{lookQueue: {MaxWorkers: 1}, river.QueueDefault: {MaxWorkers: atOnce}},
		MaxAttempts:                 1,
		JobTimeout:                  -1, // each job has its own
		RescueStuckJobsAfter:        24 * time.Hour,
		CompletedJobRetentionPeriod: keepRiver,
		DiscardedJobRetentionPeriod: keepRiver,
		CancelledJobRetentionPeriod: keepRiver,
		// LISTEN would keep a connection, and nothing here is in a hurry.
		PollOnly: true,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(c.Every),
			func() (river.JobArgs, *river.InsertOpts) {
				return lookArgs{}, &river.InsertOpts{Queue: lookQueue, UniqueOpts: river.UniqueOpts{ByPeriod: max(c.Every, time.Second)}}
			}, &river.PeriodicJobOpts{RunOnStart: true})},
	})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	send = func(ctx context.Context, t turn) error {
		_, err := client.Insert(ctx, turnArgs{t}, &river.InsertOpts{UniqueOpts: once})
		return err
	}
	// The runs have contexts of their own, so that a stop is ours to order.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err := client.StopAndCancel(stopping); err != nil {
		c.Log.Warn("jobs were cut short", "error", err)
	}
	return nil
}

// loud passes on what River says from warnings upwards: it tells of every look.
type loud struct{ slog.Handler }

func (h loud) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}
func (h loud) WithAttrs(attrs []slog.Attr) slog.Handler { return loud{h.Handler.WithAttrs(attrs)} }
func (h loud) WithGroup(name string) slog.Handler       { return loud{h.Handler.WithGroup(name)} }
