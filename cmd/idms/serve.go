package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"idms/internal/api"
	"idms/internal/config"
	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/fetch"
	"idms/internal/idms"
	"idms/internal/jobs"
	"idms/internal/ldapsync"
	"idms/internal/login"
	"idms/internal/mail"
	"idms/internal/metrics"
	"idms/internal/saml"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/upkeep"
	"idms/internal/web"
)

type serveCommand struct {
	settings
	Listen         string   `help:"Address and port to listen on." placeholder:"HOST:PORT"`
	BaseURL        []string `help:"Public address, scheme://host[:port]; several times for several." placeholder:"URL"`
	AllowPlainHTTP bool     `help:"Accept an http:// base URL off loopback: session cookies then travel in the clear."`
}

func (c serveCommand) Run(p *program) error {
	more := map[string]any{}
	if c.Listen != "" {
		more["listen"] = c.Listen
	}
	if len(c.BaseURL) > 0 {
		more["base_urls"] = c.BaseURL
	}
	if c.AllowPlainHTTP {
		more["allow_plain_http"] = true
	}
	cfg, err := c.load(p, more)
	if err != nil {
		return err
	}
	log := newLog(p.stderr, cfg)
	listener, err := listen(p.ctx, cfg.Listen)
	if err != nil {
		return err
	}
	cfg.SetAddress(listener.Addr())
	house, err := p.open(cfg, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer house.Close()
	site, err := house.site(cfg, false)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	records, err := house.store.Connections(p.ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	for _, warning := range unreachable(cfg, records...) {
		log.Warn(warning.String())
	}
	if err := house.invite(p.ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	if cfg.Metrics.Listen != "" {
		page, err := listen(p.ctx, cfg.Metrics.Listen)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		stop := house.serveMetrics(page)
		defer stop()
		log.Info("metrics", "address", page.Addr().String())
	}
	log.Info("listening", "address", listener.Addr().String(), "base_urls", cfg.BaseURLs, "database", house.kind)
	return house.serve(p.ctx, listener, web.Server(site, log))
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.Hide(err, fault.Invalid, "Nobody can listen on "+address+": choose another --listen.")
	}
	return listener, nil
}

// house is the parts of a running service, in the order they stand on each
// other.
type house struct {
	config config.Config
	kind   string // of database
	store  *store.Store
	flow   *login.Flow
	clock  func() time.Time
	log    *slog.Logger
	purge  time.Duration // between two purges

	upkeep  *upkeep.Upkeep
	metrics *metrics.Metrics
	later   sync.WaitGroup // what visitors do not wait for
}

// sqliteFile is where everything is kept when no other database is named.
func sqliteFile(cfg config.Config) string { return filepath.Join(cfg.Data, "idms.sqlite") }

// open opens the store and what stands on it.
func (p *program) open(cfg config.Config, log *slog.Logger) (*house, error) {
	_, err := os.Stat(cfg.Keyset)
	lost := errors.Is(err, fs.ErrNotExist) // or never made, on the first start
	box, err := keyset(cfg)
	if err != nil {
		return nil, err
	}
	h := &house{config: cfg, kind: "sqlite", clock: p.clock, log: log, purge: cfg.Retention.PurgeEvery}
	if cfg.Database != "" {
		h.kind = "postgresql"
	}
	h.store, err = store.Open(p.ctx, store.Config{
		URL: cfg.Database, Path: sqliteFile(cfg),
		Box: box, Log: log, Clock: p.clock, NewKey: p.newKey,
		Retention: store.Retention{
			Traces: cfg.Retention.Traces, Unverified: cfg.Retention.Unverified,
			Audit: cfg.Retention.Audit, Assertions: cfg.Retention.Assertions, Idle: cfg.Session.Idle,
		},
		Fixed: slices.Collect(maps.Keys(cfg.Given)),
	})
	if lost && errors.Is(err, secret.ErrSealed) {
		// The one made a moment ago is of no use to anybody, and must not end up in
		// a backup in place of the one that is looked for.
		_ = os.Remove(cfg.Keyset)
		return nil, fault.New(fault.Invalid, "The keyset %s is missing, and the database holds what it sealed. Put it back from its backup, and start again. Nothing was changed.", cfg.Keyset)
	}
	if err != nil {
		return nil, err
	}
	h.upkeep = upkeep.New(upkeep.Config{
		Store: h.store, Clock: p.clock, Log: log, Bases: cfg.Bases(), KeepUsed: cfg.Metadata.KeepUsed,
		Fetch: fetch.New(fetch.Config{Networks: cfg.MetadataNetworks(), AllowPlainHTTP: cfg.Metadata.AllowPlainHTTP, MaxBytes: saml.MaxMetadata}),
	})
	h.metrics = metrics.New(h.upkeep.State)
	limits := saml.DefaultLimits()
	limits.Message = cfg.Limits.Message
	limits.Body = max(limits.Body, 2*limits.Message) // base64 and its escapes in a form
	h.flow = login.New(login.Config{
		Store: h.store, Clock: p.clock, Log: log, Base: cfg.Bases()[0], Limits: limits,
		Verifications:  cfg.Limits.Verifications,
		AskForMetadata: h.upkeep.Ask, Published: h.upkeep.Published, Metrics: h.metrics,
		Times: login.Times{
			Session: cfg.Session.Length, Idle: cfg.Session.Idle,
			Elevation: cfg.Session.Elevation, Pending: cfg.Session.Pending,
		},
	})
	return h, nil
}

// lookInto opens what a service has kept, for a command that has nothing to ask
// of an empty database.
func (s settings) lookInto(p *program) (*house, error) {
	cfg, err := s.load(p, nil)
	if err != nil {
		return nil, err
	}
	if err := existing(cfg); err != nil {
		return nil, err
	}
	return p.open(cfg, newLog(p.stderr, cfg))
}

// existing refuses to look something up in a database that would be made for it:
// in another folder than the service's there is none, and never was that login.
func existing(cfg config.Config) error {
	if cfg.Database != "" {
		return nil
	}
	if _, err := os.Stat(sqliteFile(cfg)); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "There is no database %s. Run this in the folder where the service runs, or give its --config, --data or --database.", sqliteFile(cfg))
	}
	return nil
}

func keyset(cfg config.Config) (*secret.Box, error) {
	if cfg.KeysetText != "" {
		return secret.Parse([]byte(cfg.KeysetText))
	}
	return secret.Open(cfg.Keyset)
}

func (h *house) Close() {
	h.later.Wait()
	_ = h.store.Close()
}

// site answers everything: the API below its own addresses, the pages elsewhere.
func (h *house) site(cfg config.Config, dev bool) (http.Handler, error) {
	letters, err := h.letters(cfg)
	if err != nil {
		return nil, err
	}
	pages, err := h.pages(cfg, letters, dev)
	if err != nil {
		return nil, err
	}
	machines, err := h.api(cfg, letters)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api.Serves(r.URL.Path) {
			machines.ServeHTTP(w, r)
		} else {
			pages.ServeHTTP(w, r)
		}
	}), nil
}

// letters sends letters through the configured mail server; nil without one.
func (h *house) letters(cfg config.Config) (*mail.Sender, error) {
	return mail.New(mail.Config{
		Host: cfg.Mail.Host, Port: cfg.Mail.Port, TLS: cfg.Mail.TLS, Username: cfg.Mail.Username, Password: cfg.Mail.Password,
		From: cfg.Mail.From, CAFile: cfg.Mail.CAFile,
	}, h.clock, h.store.NoteLetter)
}

func (h *house) pages(cfg config.Config, letters *mail.Sender, dev bool) (http.Handler, error) {
	return web.New(web.Config{
		Settings: cfg, Mail: letters, Later: h.later.Go,
		Flow: h.flow, Upkeep: h.upkeep, Directory: h.syncer(), Warn: warn(cfg), MaxPost: h.flow.Limits.Body, PortalName: cfg.PortalName, BaseURLs: cfg.BaseURLs,
		Limits:  web.Limits{PerSecond: float64(cfg.Limits.LoginsPerSecond), Burst: cfg.Limits.LoginsBurst},
		Portals: cfg.Portals, TrustedProxies: cfg.Proxies(), Dev: dev, Clock: h.clock, Log: h.log,
	})
}

// jobs is everything that runs by itself.
func (h *house) jobs(ctx context.Context) ([]jobs.Job, error) {
	list := []jobs.Job{
		jobs.Purge(h.store, h.purge, h.log),
		{Name: "certificates", Schedule: jobs.Every(time.Hour, 5*time.Minute), Run: h.upkeep.WarnOfCertificates},
	}
	sources, err := h.upkeep.Sources(ctx)
	if err != nil {
		return nil, err
	}
	for _, source := range sources {
		list = append(list, jobs.Job{
			Name: "metadata " + source.Record, Schedule: jobs.Every(source.Every, source.Every/10), Timeout: time.Minute,
			Run: func(ctx context.Context, _ time.Time) error {
				_, err := h.upkeep.Refresh(ctx, source.Record)
				return err
			},
		})
	}
	syncs, err := h.directoryJobs(ctx)
	return append(list, syncs...), err
}

// serveMetrics answers /metrics at an address of its own, which no proxy passes
// on by mistake, until stop is called.
func (h *house) serveMetrics(listener net.Listener) (stop func()) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h.metrics.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: grace, ReadTimeout: grace, WriteTimeout: 2 * grace, MaxHeaderBytes: 16 << 10}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			h.log.Error("metrics are not answered any more", "error", err)
		}
	}()
	return func() {
		_ = server.Close()
		<-ended
	}
}

// directoryJobs sync every record that has a directory, each by its own
// schedule. A run that is held is no failure: somebody was told, and trying again
// at once would not help.
func (h *house) directoryJobs(ctx context.Context) ([]jobs.Job, error) {
	sync := h.syncer()
	records, err := sync.Scheduled(ctx)
	if err != nil {
		return nil, err
	}
	var list []jobs.Job
	for _, record := range records {
		list = append(list, directoryJob(sync, record))
	}
	rehearsals, err := sync.Rehearsals(ctx)
	if err != nil {
		return nil, err
	}
	for _, record := range rehearsals {
		list = append(list, jobs.Job{
			Name: directory.RehearsalName(record.Key), Timeout: directoryTimeout(record.Directory.Defaults()),
			Run: func(ctx context.Context, _ time.Time) error { return sync.RunRehearsal(ctx, record.Key) },
		})
	}
	return list, nil
}

// directoryTimeout bounds a whole run.
func directoryTimeout(s ldapsync.Settings) time.Duration {
	deadline, err := time.ParseDuration(s.Deadline)
	if err != nil {
		deadline = ldapsync.DefaultDeadline
	}
	return deadline + applyTime
}

// directoryJob syncs one record. A schedule that cannot be kept any more, since
// an update of the system took its time zone away, makes this one job fail,
// where everybody sees it, and no other.
func directoryJob(sync *directory.Sync, record idms.Connection) jobs.Job {
	settings := record.Directory.Defaults()
	job := jobs.Job{
		Timeout: directoryTimeout(settings),
		Name:    directory.JobName(record.Key),
		Run:     func(ctx context.Context, _ time.Time) error { return sync.RunJob(ctx, record.Key) },
	}
	_, err := time.ParseDuration(settings.Deadline)
	if err == nil {
		job.Schedule, err = jobs.BySettings(settings.Schedule)
	}
	if err != nil {
		job.Schedule = jobs.Every(time.Hour, time.Minute)
		job.Run = func(context.Context, time.Time) error {
			return fmt.Errorf("the record %s is not synced: %w", record.Key, err)
		}
	}
	return job
}

// applyTime is how long comparing and applying may take beside the reading.
const applyTime = 30 * time.Minute

// grace is how long requests under way may take when the service is stopped.
const grace = 10 * time.Second

// serve answers until ctx ends, then lets requests under way finish.
func (h *house) serve(ctx context.Context, listener net.Listener, server *http.Server) error {
	working, stopWorking := context.WithCancel(ctx)
	worked := make(chan struct{})
	failed := make(chan error, 2)
	go func() {
		defer close(worked)
		err := jobs.Run(working, jobs.Config{Store: h.store, Clock: h.clock, Log: h.log, List: h.jobs, Ran: h.metrics.Ran})
		if err != nil && working.Err() == nil {
			failed <- err
		}
	}()
	defer func() {
		stopWorking()
		<-worked
	}()

	go func() { failed <- fmt.Errorf("serve: %w", server.Serve(listener)) }()
	select {
	case err := <-failed:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	h.log.Info("stopping", "grace", grace)
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return server.Shutdown(finish)
}
