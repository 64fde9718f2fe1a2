package directory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/store"
)

// Approve lets the plan of a held run through, once, at the next run (L6). by is
// the administrator in whose name.
func (s *Sync) Approve(ctx context.Context, key, hash string, by store.Author) error {
	edition, _, err := s.record(ctx, key)
	if err != nil {
		return err
	}
	if by.Who == "" {
		return fault.New(fault.Denied, "Only somebody with a name approves a plan.")
	}
	return s.Store.ApproveRun(ctx, edition, hash, by)
}

// JobName is what the schedule of a record goes by.
func JobName(key string) string { return "directory " + key }

// RehearsalName is what the rehearsal of a record goes by, while somebody waits for it.
func RehearsalName(key string) string { return "rehearsal " + key }

// Ask has a record synced as soon as a service looks, in the name of whoever asks;
// via is a cause. A record that is not synced by itself is fault.Conflict.
func (s *Sync) Ask(ctx context.Context, key, via string, by store.Author) error {
	if err := s.byItself(ctx, key); err != nil {
		return err
	}
	return s.Store.AskForDirectory(ctx, key, JobName(key), via, by)
}

// AskRehearsal has a service make a dry run and keep its plan in the history. The
// record need not be active, nor its groups come from the directory yet.
func (s *Sync) AskRehearsal(ctx context.Context, key, via string, by store.Author) error {
	if _, _, err := s.record(ctx, key); err != nil {
		return err
	}
	return s.Store.AskForRehearsal(ctx, key, RehearsalName(key), via, by)
}

// Pause keeps a record from being synced by itself, or lets it again.
func (s *Sync) Pause(ctx context.Context, key string, paused bool, by store.Author) error {
	if err := s.byItself(ctx, key); err != nil {
		return err
	}
	if err := s.Store.MeetJobs(ctx, by.Now, JobName(key)); err != nil { // the record may be new
		return err
	}
	return s.Store.PauseDirectory(ctx, key, JobName(key), paused, by)
}

// byItself is nil for a record that has a job.
func (s *Sync) byItself(ctx context.Context, key string) error {
	_, record, err := s.record(ctx, key)
	if err != nil || scheduled(record.Connection()) {
		return err
	}
	return fault.New(fault.Conflict, "The record %s is not synced by itself: make it active, with association_type ldap and a schedule that is not paused.", key)
}

// RunJob makes the run of a record's job, in the name of whoever asked for it.
func (s *Sync) RunJob(ctx context.Context, key string) error {
	_, err := s.Run(ctx, s.asked(ctx, key, JobName(key)))
	return err
}

// RunRehearsal makes the rehearsal that somebody asked for. A directory that fails is
// what it found, and no error.
func (s *Sync) RunRehearsal(ctx context.Context, key string) error {
	request := s.asked(ctx, key, RehearsalName(key))
	request.DryRun, request.Keep = true, true
	_, err := s.Run(ctx, request)
	if _, _, directorys := Blame(err); directorys && ctx.Err() == nil {
		return nil
	}
	return err
}

// asked is the request of whoever asked for the run of a job that goes on now; the
// schedule's, when that cannot be told.
func (s *Sync) asked(ctx context.Context, key, job string) Request {
	request := Request{Record: key, Cause: BySchedule}
	states, err := s.Store.Jobs(ctx)
	if err != nil {
		s.Log.ErrorContext(ctx, "who asked for a sync is not known", "record", key, "error", err)
		return request
	}
	if asker := states[job].Asker; asker.Via != "" {
		request.Cause, request.By = asker.Via, store.Author{Who: asker.Who, Reason: asker.Why}
	}
	return request
}

// Rehearsals are the records of which somebody waits for a rehearsal.
func (s *Sync) Rehearsals(ctx context.Context) ([]idms.Connection, error) {
	states, err := s.Store.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(states)), func(j store.Job) bool { return isRehearsal(j) }) {
		return nil, nil
	}
	all, err := s.Store.Directories(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(record idms.Connection) bool {
		return !isRehearsal(states[RehearsalName(record.Key)])
	}), nil
}

func isRehearsal(j store.Job) bool {
	return strings.HasPrefix(j.Name, RehearsalName("")) && !j.Asked.IsZero()
}

// Scheduled are the records that are synced by themselves.
func (s *Sync) Scheduled(ctx context.Context) ([]idms.Connection, error) {
	all, err := s.Store.Directories(ctx)
	if err != nil {
		return nil, err
	}
	var list []idms.Connection
	for _, record := range all {
		if scheduled(record) {
			list = append(list, record)
		}
	}
	return list, nil
}

func scheduled(record idms.Connection) bool {
	return record.State == idms.Active && record.Association == idms.FromDirectory && record.Directory != nil && !record.Directory.Schedule.Paused
}

// Blame is the code and the sentence of a directory that failed, and false when
// something else did.
func Blame(err error) (code, sentence string, ok bool) {
	of, ok := errors.AsType[*ldapsync.Fault](err)
	if !ok {
		return "", "", false
	}
	return string(of.Code), of.Sentence, true
}
