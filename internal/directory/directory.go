// Package directory owns the course of a directory sync from beginning to end:
//
//	lease → read → compare → look up again → blast stop → apply
//
// A dry run is the same without its last step. Whatever goes wrong on the way
// ends the run with nothing changed and a row in the history that says why. The
// package leaves reading and comparing to ldapsync, the transaction to store,
// and when to run to jobs. docs/reference/directory-sync.md has the rules.
package directory

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/metrics"
	"idms/internal/store"
)

// Sync syncs records with their directories. It is safe for concurrent use: the
// lease of each record keeps runs of it apart.
type Sync struct {
	Store *store.Store
	Clock func() time.Time
	Log   *slog.Logger

	// Metrics count runs; nil counts none.
	Metrics *metrics.Metrics

	// Protected are the accounts of a record that no sync touches, and why (L4);
	// nil are those that the store knows.
	Protected func(ctx context.Context, recordID string) (map[uuid.UUID]string, error)

	// Source is where snapshots come from; nil is the record's directory.
	Source Source

	tests tests
}

// Source reads a directory, and looks entries up again.
type Source interface {
	Read(ctx context.Context, s ldapsync.Settings, password string, held func(ldapsync.ID) (ldapsync.Mark, bool), progress func(ldapsync.Progress)) (ldapsync.Snapshot, error)
	LookUp(ctx context.Context, s ldapsync.Settings, password string, people []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error)
	LookUpGroups(ctx context.Context, s ldapsync.Settings, password string, groups []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error)
}

type server struct{}

func (server) Read(ctx context.Context, s ldapsync.Settings, password string, held func(ldapsync.ID) (ldapsync.Mark, bool), progress func(ldapsync.Progress)) (ldapsync.Snapshot, error) {
	return ldapsync.Read(ctx, s, password, held, progress)
}

func (server) LookUp(ctx context.Context, s ldapsync.Settings, password string, people []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error) {
	return ldapsync.LookUp(ctx, s, password, people)
}

func (server) LookUpGroups(ctx context.Context, s ldapsync.Settings, password string, groups []ldapsync.ID) (map[ldapsync.ID]ldapsync.Off, error) {
	return ldapsync.LookUpGroups(ctx, s, password, groups)
}

// Causes of a run.
const (
	BySchedule = "schedule"
	ByCommand  = "command line"
	ByAPI      = "api"
	ByPage     = "page"
)

// Request asks for one run.
type Request struct {
	Record string // key
	Cause  string
	By     store.Author // who asks; the zero value is the schedule
	DryRun bool         // all but the last step; nothing is written
	// Keep keeps the plan of a dry run in the history, as rehearsed.
	Keep bool
	// Plan is the hash of the plan that may be applied although a stop holds
	// it, in By's name (L6); "" is none but one given by ApproveRun.
	Plan     string
	Progress func(Progress) // nil is nobody
}

// Progress says how far a run is.
type Progress struct {
	Phase    string // connect, bind, people, groups …, compare, look_up, apply
	Entries  int    // of this phase, so far
	Expected int    // as many as the last run found; 0 when that is not known
}

// Report is how a run ended.
type Report struct {
	Run  store.Run
	Plan *ldapsync.Plan // whole; nil when the run failed before there was one
}

// leaseLength is how long a lease lasts without being renewed: as long another
// process waits after this one died.
const leaseLength = 2 * time.Minute

// Run makes one run. The report says how it ended, the error why it could not be
// made; a plan that is held is no error.
func (s *Sync) Run(ctx context.Context, r Request) (Report, error) {
	edition, record, err := s.record(ctx, r.Record)
	if err != nil {
		return Report{}, err
	}
	if record.Association != idms.FromDirectory && !r.DryRun {
		return Report{}, fault.New(fault.Invalid, "The groups of the record %s do not come from a directory. Write association_type: ldap, or make a dry run.", r.Record)
	}
	t := &turn{Sync: s, Request: r, edition: edition, settings: record.Directory.Defaults(), fingerprint: record.Directory.Fingerprint()}
	t.run = store.Run{
		ID: store.NewID(), Record: r.Record, Began: s.Clock(), Cause: r.Cause, Who: r.By.Who, Counts: map[ldapsync.Kind]int{},
	}
	if r.DryRun {
		return t.rehearse(ctx)
	}

	if t.lease, err = s.Store.TakeLease(ctx, edition.ID, s.Clock(), leaseLength); err != nil {
		return Report{}, err
	}
	if err := t.tellAll(ctx); err != nil {
		return Report{}, errors.Join(err, s.Store.ReleaseLease(context.WithoutCancel(ctx), t.lease))
	}
	working, stop := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		t.renew(working, stop)
	}()
	report, err := t.sync(working)
	if cause := context.Cause(working); err != nil && errors.Is(cause, store.ErrBusy) {
		err = cause
	}
	stop(nil)
	<-renewed
	last := context.WithoutCancel(ctx)
	if err != nil {
		report, err = t.fail(last, err)
	}
	s.Metrics.Synced(t.counted(report.Run))
	return report, errors.Join(err, s.Store.EndProgress(last, t.run.ID), s.Store.ReleaseLease(last, t.lease))
}

// rehearse makes a dry run.
func (t *turn) rehearse(ctx context.Context) (Report, error) {
	if t.Keep {
		if err := t.tellAll(ctx); err != nil {
			return Report{}, err
		}
	}
	plan, err := t.plan(ctx)
	if err == nil {
		err = t.judge(ctx, plan)
	}
	t.run.Ended = t.Clock()
	if !t.Keep {
		return Report{Run: t.run, Plan: plan}, err
	}
	t.run.Outcome = store.RunRehearsed
	if err != nil {
		plan = nil
		t.run.Hash, t.run.Stops, t.run.Counts = "", nil, map[ldapsync.Kind]int{}
		t.run.Code, t.run.Error = codeOf(err), fault.Sentence(err)
		t.Log.WarnContext(ctx, "the rehearsal of a directory sync failed", "record", t.run.Record, "code", t.run.Code, "run", t.run.ID, "error", err)
	}
	last := context.WithoutCancel(ctx)
	return Report{Run: t.run, Plan: plan}, errors.Join(err, t.Store.SaveRehearsal(last, t.run, plan), t.Store.EndProgress(last, t.run.ID))
}

// counted is a run as it is counted.
func (t *turn) counted(run store.Run) metrics.Sync {
	c := metrics.Sync{
		Record: run.Record, Outcome: string(run.Outcome), Took: run.Ended.Sub(run.Began),
		People: run.People, Groups: run.Groups, Changes: map[string]int{},
	}
	for _, group := range t.snapshot.Groups {
		c.Memberships += len(group.Members)
	}
	if run.Outcome == store.RunApplied || run.Outcome == store.RunPartly {
		for kind, n := range run.Counts {
			if kind.Applied() {
				c.Changes[string(kind)] = n
			}
		}
	}
	return c
}

// record finds a record that describes a directory.
func (s *Sync) record(ctx context.Context, key string) (store.Edition, idms.Record, error) {
	record, err := s.Store.Record(ctx, key)
	if err != nil {
		return store.Edition{}, record, err
	}
	if record.Directory == nil {
		return store.Edition{}, record, fault.New(fault.Invalid, "The record %s describes no directory.", key)
	}
	return store.Edition{ID: record.ID, Key: record.Key, Name: record.Name, Version: record.Version, State: record.State}, record, nil
}

// turn is one run on its way.
type turn struct {
	*Sync
	Request
	edition     store.Edition
	settings    ldapsync.Settings
	fingerprint string
	password    string
	lease       store.Lease
	run         store.Run

	told     *store.Progress // written for everybody to see; nil of a dry run that nobody keeps
	state    store.DirectoryState
	holdings ldapsync.Holdings
	snapshot ldapsync.Snapshot
	hash     string
}

// renew keeps the lease until the run ends, and ends the run when it is lost.
func (t *turn) renew(ctx context.Context, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(leaseLength / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// Not cut short: a statement that goes on in the database after we gave it
			// up would bring a released lease back. It waits while a plan is applied.
			err := t.Store.RenewLease(context.WithoutCancel(ctx), t.lease, t.Clock(), leaseLength)
			if errors.Is(err, store.ErrBusy) {
				stop(err)
				return
			}
		}
	}
}

// tries is how often a plan is made of one reading when accounts change under it.
const tries = 3

// sync reads, plans, and applies what may be applied.
func (t *turn) sync(ctx context.Context) (Report, error) {
	plan, err := t.plan(ctx)
	for try := 1; err == nil; try++ {
		var report Report
		report, err = t.settle(ctx, plan)
		if !errors.Is(err, store.ErrMoved) || try == tries {
			return report, err
		}
		if err = t.hold(ctx); err == nil {
			plan, err = t.compare(ctx)
		}
	}
	return Report{}, err
}

// plan reads the directory and compares.
func (t *turn) plan(ctx context.Context) (*ldapsync.Plan, error) {
	var err error
	if t.password, err = t.Store.BindPassword(ctx, t.edition.ID); err != nil {
		return nil, err
	}
	if err := t.hold(ctx); err != nil {
		return nil, err
	}
	source := t.source()
	held := func(id ldapsync.ID) (ldapsync.Mark, bool) {
		one, ok := t.holdings.Held(id)
		return one.Mark, ok
	}
	expected := map[ldapsync.Phase]int{ldapsync.ReadingPeople: len(t.holdings.People), ldapsync.ReadingGroups: len(t.holdings.Groups)}
	t.snapshot, err = source.Read(ctx, t.settings, t.password, held, func(p ldapsync.Progress) {
		t.tell(ctx, Progress{Phase: string(p.Phase), Entries: p.Entries, Expected: expected[p.Phase]})
	})
	if err != nil {
		return nil, err
	}
	t.run.Host, t.run.People, t.run.Groups = t.snapshot.Host, len(t.snapshot.People), len(t.snapshot.Groups)
	t.run.Skipped, t.run.Referrals = len(t.snapshot.Skipped), t.snapshot.Referrals
	return t.compare(ctx)
}

func (s *Sync) source() Source {
	if s.Source != nil {
		return s.Source
	}
	return server{}
}

// hold reads what earlier syncs left.
func (t *turn) hold(ctx context.Context) error {
	var err error
	if t.state, err = t.Store.DirectoryState(ctx, t.edition.ID); err != nil {
		return err
	}
	t.holdings, err = t.Store.Holdings(ctx, t.edition.ID)
	return err
}

// compare makes the plan of what was read, and hears the directory again about
// everybody whom it would take something from (L7).
func (t *turn) compare(ctx context.Context) (*ldapsync.Plan, error) {
	t.tell(ctx, Progress{Phase: Comparing})
	var err error
	if t.holdings.Details, err = t.Store.Details(ctx, t.edition, t.holdings.Want(t.snapshot)); err != nil {
		return nil, err
	}
	if t.Protected != nil {
		t.holdings.Protected, err = t.Protected(ctx, t.edition.ID)
	} else {
		t.holdings.Protected, err = t.Store.Protected(ctx, t.edition.ID, t.Clock())
	}
	if err != nil {
		return nil, err
	}
	plan := ldapsync.Compare(t.edition.Key, t.snapshot, t.holdings, t.settings.Vanished)
	names, err := t.Store.Usernames(ctx, plan.Unnamed())
	if err != nil {
		return nil, err
	}
	for user, name := range names {
		plan.Names[user] = name
	}
	people, groups := plan.Candidates()
	if len(t.snapshot.People) == 0 || len(people)+len(groups) == 0 {
		return plan, nil // nobody at all is never applied
	}
	t.tell(ctx, Progress{Phase: string(ldapsync.LookingUp), Expected: len(people) + len(groups)})
	source := t.source()
	looked, err := source.LookUp(ctx, t.settings, t.password, people)
	if err != nil {
		return nil, err
	}
	lookedGroups, err := source.LookUpGroups(ctx, t.settings, t.password, groups)
	if err != nil {
		return nil, err
	}
	return plan, plan.Verify(looked, lookedGroups)
}

// judge says what stands in the way of a plan.
func (t *turn) judge(_ context.Context, plan *ldapsync.Plan) error {
	t.run.Counts = plan.Count()
	t.run.Stops = ldapsync.BlastStop(plan, t.snapshot, t.holdings, t.settings.Limits, ldapsync.Standing{
		First: t.state.FirstApplied.IsZero(), Changed: t.state.Fingerprint != t.fingerprint,
	})
	t.hash = plan.Hash(t.fingerprint)
	t.run.Hash = ""
	t.run.Outcome = store.RunApplied
	switch {
	case t.run.Stops.Whole():
		t.run.Outcome, t.run.Hash = store.RunHeld, t.hash
	case !plan.Any():
		t.run.Outcome = store.RunUnchanged
	case len(t.run.Stops) > 0:
		_, waits := plan.Split(t.run.Stops)
		t.run.Outcome, t.run.Hash = store.RunPartly, waits.Hash(t.fingerprint)
	}
	return nil
}

// settle applies what may be applied and notes how the run ended.
func (t *turn) settle(ctx context.Context, plan *ldapsync.Plan) (Report, error) {
	if err := t.judge(ctx, plan); err != nil {
		return Report{}, err
	}
	approval := t.approval()
	if approval.Hash != "" {
		t.run.Outcome, t.run.Hash, t.run.ApprovedBy = store.RunApplied, "", approval.By
	}
	switch t.run.Outcome {
	case store.RunUnchanged:
		return t.note(ctx, t.run, nil, plan)
	case store.RunHeld:
		return t.note(ctx, t.run, plan, plan)
	case store.RunApplied:
		return t.apply(ctx, plan, plan, approval)
	}
	goes, waits := plan.Split(t.run.Stops)
	if !goes.Any() {
		t.run.Outcome = store.RunHeld
		return t.note(ctx, t.run, waits, plan)
	}
	report, err := t.apply(ctx, goes, plan, approval)
	if err != nil {
		return report, err
	}
	// What waits is a held run of its own, so that its plan is the one to approve.
	rest := t.run
	rest.ID, rest.Outcome, rest.Counts, rest.Ended = store.NewID(), store.RunHeld, waits.Count(), t.Clock()
	return report, t.Store.SaveRun(ctx, t.edition, rest, waits)
}

// approval is the one that fits the plan, and the zero value when none does or
// none is needed.
func (t *turn) approval() store.Approval {
	if len(t.run.Stops) == 0 || !t.run.Stops.Approvable() {
		return store.Approval{}
	}
	fits := func(hash string) bool {
		return hash != "" && (hash == t.hash || hash == t.run.Hash)
	}
	switch {
	case fits(t.Request.Plan):
		return store.Approval{Hash: t.Request.Plan, By: t.By.Who, Why: t.By.Reason}
	case fits(t.state.Approved.Hash):
		return t.state.Approved
	}
	return store.Approval{}
}

// note keeps a run that changed nothing. kept is the plan that waits, if any.
func (t *turn) note(ctx context.Context, run store.Run, kept, plan *ldapsync.Plan) (Report, error) {
	run.Ended = t.Clock()
	run.Fingerprint = t.fingerprint
	t.Log.InfoContext(ctx, "directory sync", "record", run.Record, "outcome", run.Outcome, "people", run.People, "groups", run.Groups,
		"skipped", run.Skipped, "plan", run.Hash, "run", run.ID, "took", run.Ended.Sub(run.Began))
	return Report{Run: run, Plan: plan}, t.Store.SaveRun(ctx, t.edition, run, kept)
}

func (t *turn) apply(ctx context.Context, goes, plan *ldapsync.Plan, approval store.Approval) (Report, error) {
	t.tell(ctx, Progress{Phase: Applying})
	now := t.Clock()
	run := t.run
	run.Ended = now
	run.Counts = goes.Count()
	applied, err := t.Store.ApplyPlan(ctx, store.Application{
		Record: t.edition, Plan: goes, Lease: t.lease, Fingerprint: t.fingerprint,
		Approval: approval, Run: run, Now: now,
	})
	if err != nil {
		return Report{Plan: plan}, err
	}
	t.Log.InfoContext(ctx, "directory sync", "record", run.Record, "outcome", run.Outcome, "people", run.People, "groups", run.Groups,
		"skipped", run.Skipped, "rows", applied.Written, "sessions_ended", applied.SessionsEnded, "approved_by", approval.By, "run", run.ID,
		"took", t.Clock().Sub(run.Began))
	return Report{Run: applied, Plan: plan}, nil
}

// fail notes a run that came to nothing, and that moved nothing (L8). Its error is the one that is returned.
func (t *turn) fail(ctx context.Context, failure error) (Report, error) {
	run := t.run
	run.Outcome, run.Ended, run.Hash, run.Stops, run.Counts = store.RunFailed, t.Clock(), "", nil, map[ldapsync.Kind]int{}
	run.Code, run.Error = codeOf(failure), fault.Sentence(failure)
	t.Log.ErrorContext(ctx, "directory sync failed, nothing was changed", "record", run.Record, "code", run.Code, "run", run.ID, "error", failure)
	return Report{Run: run}, errors.Join(failure, t.Store.SaveRun(ctx, t.edition, run, nil))
}

// codeOf names a failure in the history.
func codeOf(err error) string {
	if of, ok := errors.AsType[*ldapsync.Fault](err); ok {
		return cmp.Or(string(of.Code), "failed")
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return string(ldapsync.Stopped)
	case errors.Is(err, store.ErrBusy):
		return "lease_lost"
	case errors.Is(err, store.ErrStale):
		return "record_changed"
	case errors.Is(err, store.ErrMoved):
		return "accounts_changed"
	case fault.KindOf(err) == fault.Conflict:
		return "conflict"
	case fault.KindOf(err) == fault.Upstream:
		return "inconsistent"
	}
	return "failed"
}
