package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"idms/internal/directory"
	"idms/internal/jobs"
	"idms/internal/store"
)

type jobsCommand struct {
	List   jobListCommand   `cmd:"" default:"withargs" help:"List the jobs: when they ran, how that ended, when they run next."`
	Run    jobRunCommand    `cmd:"" help:"Have a job run now, in the service."`
	Pause  jobPauseCommand  `cmd:"" help:"Keep a job from running by itself."`
	Resume jobResumeCommand `cmd:"" help:"Let a paused job run by itself again."`
}

type jobListCommand struct{ settings }

func (c jobListCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	list, err := h.jobs(p.ctx)
	if err != nil {
		return err
	}
	states, err := h.store.Jobs(p.ctx)
	if err != nil {
		return err
	}
	now := p.clock()
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tLAST RUN\tNEXT RUN\tSTATE")
	for _, job := range list {
		state := states[job.Name]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", job.Name, lastRun(state), nextRun(job, state, now), jobState(state, now))
	}
	return table.Flush()
}

func lastRun(state store.Job) string {
	if state.Started.IsZero() {
		return "never"
	}
	return state.Started.Format(jobTimeForm)
}

func nextRun(job jobs.Job, state store.Job, now time.Time) string {
	switch next, ok := job.Next(state); {
	case !ok:
		return "never"
	case !next.After(now):
		return "now"
	default:
		return next.Format(jobTimeForm)
	}
}

const jobTimeForm = "2006-01-02 15:04:05 UTC"

func jobState(state store.Job, now time.Time) string {
	switch {
	case state.Running(now):
		return "running"
	case state.Paused:
		return "paused"
	case state.Failures > 0:
		return fmt.Sprintf("failed %d times: %s", state.Failures, state.Problem)
	}
	return "ok"
}

type jobRunCommand struct {
	settings
	Job string `arg:"" help:"Name of the job."`
}

func (c jobRunCommand) Run(p *program) error {
	if key, ok := strings.CutPrefix(c.Job, directory.JobName("")); ok {
		return (ldapRunCommand{settings: c.settings, Record: key}).Run(p)
	}
	return c.change(p, c.Job, func(h *house) error { return h.store.AskForJob(p.ctx, c.Job, p.clock()) },
		c.Job+" runs as soon as the service looks, within 10 seconds.")
}

type jobPauseCommand struct {
	settings
	Job string `arg:"" help:"Name of the job."`
}

func (c jobPauseCommand) Run(p *program) error {
	if key, ok := strings.CutPrefix(c.Job, directory.JobName("")); ok {
		return (ldapPauseCommand{settings: c.settings, Record: key}).Run(p)
	}
	return c.change(p, c.Job, func(h *house) error { return h.store.PauseJob(p.ctx, c.Job, true) }, c.Job+" does not run by itself any more.")
}

type jobResumeCommand struct {
	settings
	Job string `arg:"" help:"Name of the job."`
}

func (c jobResumeCommand) Run(p *program) error {
	if key, ok := strings.CutPrefix(c.Job, directory.JobName("")); ok {
		return (ldapResumeCommand{settings: c.settings, Record: key}).Run(p)
	}
	return c.change(p, c.Job, func(h *house) error { return h.store.PauseJob(p.ctx, c.Job, false) }, c.Job+" runs by itself again.")
}

// change changes something about a job and says so.
func (s settings) change(p *program, name string, change func(*house) error, done string) error {
	h, err := s.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	list, err := h.jobs(p.ctx)
	if err != nil {
		return err
	}
	for _, job := range list {
		if job.Name == name { // perhaps of a record that came a moment ago
			err = h.store.MeetJobs(p.ctx, p.clock(), name)
		}
	}
	if err = errors.Join(err, change(h)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, done)
	return err
}
