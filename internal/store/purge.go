package store

import (
	"context"
	"time"

	"idms/internal/config"
	"idms/internal/mail"
)

// Retention is how long things are kept. A duration of 0 is for ever.
type Retention struct {
	Traces     time.Duration // since the login
	Unverified int           // traces of responses that could not be verified: the newest so many
	Audit      time.Duration // since the event
	Assertions time.Duration // since the login they were recorded at (S43); 0 records none
	Idle       time.Duration // sessions that nobody used for so long are over
}

// Purged counts what a purge removed.
type Purged struct {
	Traces, Unverified, Audit, Sessions, Pending, Assertions, Codes, Recorded, Logouts, Tests, Runs, Responses, Letters int
}

const (
	// purgeAtOnce bounds one statement, so that a login never waits for long.
	purgeAtOnce = 1000
	// pendingGrace is how long an ended request stays, so that a late answer is
	// told apart from one that nobody asked for.
	pendingGrace = 10 * time.Minute
	// clockGrace is how far the clock of the machine that purges may be ahead of
	// one that verifies: an assertion must not be forgotten while it is good.
	clockGrace = time.Minute
)

// Purge removes what has been kept long enough. It works in small steps; cut
// short, it has removed less. Several processes may purge at once.
func (s *Store) Purge(ctx context.Context, now time.Time) (Purged, error) {
	var purged Purged
	var err error
	kept := s.keeping(s.Adjusted(ctx))
	// Each step names what to remove and how it is found; a step without an
	// instant has nothing to do.
	for _, step := range []struct {
		count      *int
		table, key string
		due        string
		before     time.Time
	}{
		{&purged.Traces, "traces", "ref", "at < ?", before(now, kept.Traces)},
		{&purged.Responses, "kept_responses", "ref", "at < ?", now.Add(-ResponsesKept)},
		{&purged.Audit, "audit_events", "id", "at < ?", before(now, kept.Audit)},
		{&purged.Runs, "directory_runs", "id", "began < ?", before(now, kept.Audit)},
		{&purged.Sessions, "sessions", "id", "expires <= ?", now},
		{&purged.Sessions, "sessions", "id", "seen <= ?", before(now, kept.Idle)},
		{&purged.Recorded, "recorded_assertions", "user_id", "at <= ?", now.Add(-kept.Assertions)},
		{&purged.Pending, "pending_requests", "handle", "expires <= ?", now.Add(-pendingGrace)},
		{&purged.Assertions, "used_assertions", "digest", "expires <= ?", now.Add(-clockGrace)},
		{&purged.Codes, "one_time_addresses", "token_hash", "expires <= ?", now.Add(-pendingGrace)},
		{&purged.Codes, "passkey_challenges", "token_hash", "expires <= ?", now},
		{&purged.Tests, "test_logins", "ref", "created < ?", before(now, kept.Traces)},
		{&purged.Codes, "portal_codes", "code_hash", "expires <= ?", now.Add(-pendingGrace)},
		{&purged.Letters, "letters", "id", "sent <= ?", now.Add(-mail.While)},
		{&purged.Logouts, "pending_logouts", "handle", "expires <= ?", now},
	} {
		if step.before.IsZero() {
			continue
		}
		removed, err := s.remove(ctx, step.table, step.key, step.due+" LIMIT ?", micros(step.before), purgeAtOnce)
		*step.count += removed
		if err != nil {
			return purged, err
		}
	}
	purged.Unverified, err = s.trimUnverified(ctx, kept.Unverified)
	return purged, err
}

// before is the instant that lies so long before now; zero when nothing does.
func before(now time.Time, kept time.Duration) time.Time {
	if kept == 0 {
		return time.Time{}
	}
	return now.Add(-kept)
}

// trimUnverified removes all but the newest traces of responses that could not
// be verified. Of a test login there is one alone, which somebody has asked for.
func (s *Store) trimUnverified(ctx context.Context, keep int) (int, error) {
	return s.remove(ctx, "traces", "ref", "NOT verified AND NOT test ORDER BY at DESC, ref DESC LIMIT ? OFFSET ?", purgeAtOnce, keep)
}

// remove deletes rows in batches until one is not full.
func (s *Store) remove(ctx context.Context, table, key, which string, args ...any) (int, error) {
	statement := "DELETE FROM " + table + " WHERE " + key + " IN (SELECT " + key + " FROM " + table + " WHERE " + which + ")"
	removed := 0
	for {
		done := s.write.WithContext(ctx).Exec(statement, args...)
		removed += int(done.RowsAffected)
		if done.Error != nil || done.RowsAffected < purgeAtOnce {
			return removed, wrap(done.Error, "purge "+table)
		}
	}
}

// Doomed counts what a purge would remove at now if things were kept as adjusted says.
// What goes anyway, with the settings as they are, is in it too.
func (s *Store) Doomed(ctx context.Context, adjusted config.Adjusted, now time.Time) (Purged, error) {
	kept := s.keeping(adjusted.Without(s.fixed...))
	var doomed Purged
	for _, one := range []struct {
		count  *int
		of     string
		before time.Time
	}{
		{&doomed.Traces, "traces WHERE at < ?", before(now, kept.Traces)},
		{&doomed.Audit, "audit_events WHERE at < ?", before(now, kept.Audit)},
		{&doomed.Recorded, "recorded_assertions WHERE at <= ?", now.Add(-kept.Assertions)},
	} {
		if one.before.IsZero() {
			continue
		}
		if err := s.read.WithContext(ctx).Raw("SELECT count(*) FROM "+one.of, micros(one.before)).Row().Scan(one.count); err != nil {
			return Purged{}, wrap(err, "count what a purge removes")
		}
	}
	err := s.read.WithContext(ctx).Raw("SELECT count(*) FROM traces WHERE NOT verified AND NOT test").Row().Scan(&doomed.Unverified)
	doomed.Unverified = max(0, doomed.Unverified-kept.Unverified)
	return doomed, wrap(err, "count what a purge removes")
}
