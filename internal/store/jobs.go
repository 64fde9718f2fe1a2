package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm/clause"

	"idms/internal/fault"
)

// Job is what is remembered of a job: its runs, and what people asked of it.
type Job struct {
	Name     string
	Turn     int64     // grows with each run; a run that lost its turn must not write
	Since    time.Time // when it was first seen
	Started  time.Time // the last run; zero is never
	Ended    time.Time // the last run that came to an end
	Leased   time.Time // until then the run under way has the job to itself
	Failures int       // in a row
	Problem  string    // of the last failure
	Paused   bool
	Asked    time.Time // somebody wants it to run now
	Asker    Asker     // of Asked, or of the run under way
}

// Asker is who asked for a run, by which way, and why; zero for nobody with a name.
type Asker struct{ Who, Via, Why string }

// Running is true while a run has the job to itself.
func (j Job) Running(now time.Time) bool { return j.Leased.After(now) }

type jobRow struct {
	Name                  string `gorm:"primaryKey"`
	Turn                  int64
	Since, Started, Ended int64
	Leased                int64
	Failures              int
	Problem               string
	Paused                bool
	Asked                 int64
	AskedBy               string
	AskedVia              string
	AskedWhy              string
}

func (jobRow) TableName() string { return "jobs" }

func (row jobRow) job() Job {
	return Job{
		Name: row.Name, Turn: row.Turn, Since: instant(row.Since), Started: instant(row.Started), Ended: instant(row.Ended),
		Leased: instant(row.Leased), Failures: row.Failures, Problem: row.Problem, Paused: row.Paused, Asked: instant(row.Asked),
		Asker: Asker{row.AskedBy, row.AskedVia, row.AskedWhy},
	}
}

// Jobs is what is remembered of all jobs, by name, those included that there
// are no more.
func (s *Store) Jobs(ctx context.Context) (map[string]Job, error) {
	var rows []jobRow
	if err := s.read.WithContext(ctx).Find(&rows).Error; err != nil {
		return nil, wrap(err, "read jobs")
	}
	jobs := map[string]Job{}
	for _, row := range rows {
		jobs[row.Name] = row.job()
	}
	return jobs, nil
}

// MeetJobs begins to remember jobs; those that are known stay as they are.
func (s *Store) MeetJobs(ctx context.Context, now time.Time, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	rows := make([]jobRow, len(names))
	for i, name := range names {
		rows[i] = jobRow{Name: name, Since: micros(now)}
	}
	return wrap(s.write.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(rows, rowsAtOnce).Error, "meet jobs")
}

// TakeJob begins the run that follows a turn: the caller has the job to itself
// until the lease ends. Of any number of callers, in any number of processes,
// one gets true. A run before it that never came to an end, because its process
// died, counts as a failure. Whoever asked for the run stays its Asker; one that
// nobody asked for has none.
func (s *Store) TakeJob(ctx context.Context, name string, turn int64, now, until time.Time) (bool, error) {
	done := s.write.WithContext(ctx).Exec(`UPDATE jobs SET turn = turn + 1, started = ?, leased = ?, asked = 0,
			asked_by = CASE WHEN asked = 0 THEN '' ELSE asked_by END,
			asked_via = CASE WHEN asked = 0 THEN '' ELSE asked_via END,
			asked_why = CASE WHEN asked = 0 THEN '' ELSE asked_why END,
			failures = failures + CASE WHEN ended < started THEN 1 ELSE 0 END,
			problem = CASE WHEN ended < started THEN 'the run before did not come to its end' ELSE problem END
		WHERE name = ? AND turn = ? AND leased <= ?`, micros(now), micros(until), name, turn, micros(now))
	return done.RowsAffected == 1, wrap(done.Error, "take a job")
}

// EndJob ends the run that TakeJob began after this turn. problem is "" when
// all went well. It returns how often the job has failed in a row, and false
// when the lease had run out and another run has begun.
func (s *Store) EndJob(ctx context.Context, name string, turn int64, now time.Time, problem string) (failures int, ok bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		done := tx.db.Exec(`UPDATE jobs SET ended = ?, leased = 0, problem = ?,
				failures = CASE WHEN ? = '' THEN 0 ELSE failures + 1 END
			WHERE name = ? AND turn = ?`, micros(now), problem, problem, name, turn+1)
		if ok = done.RowsAffected == 1; done.Error != nil || !ok {
			return done.Error
		}
		return tx.db.Model(&jobRow{}).Where("name = ?", name).Pluck("failures", &failures).Error
	})
	return failures, ok, wrap(err, "end a job")
}

// LeaveJob gives back a run that was stopped with its process: it is as if it
// had not begun, and due at once. before is the job as TakeJob found it.
func (s *Store) LeaveJob(ctx context.Context, before Job) error {
	return wrap(s.write.WithContext(ctx).Exec(`UPDATE jobs SET started = ?, leased = 0, asked = ?, asked_by = ?, asked_via = ?, asked_why = ?, failures = ?, problem = ?
			WHERE name = ? AND turn = ?`,
		micros(before.Started), micros(before.Asked), before.Asker.Who, before.Asker.Via, before.Asker.Why, before.Failures, before.Problem, before.Name, before.Turn+1).Error, "leave a job")
}

// AskForJob has a job run as soon as somebody looks, paused or not. A job that
// nobody has met is fault.NotFound.
func (s *Store) AskForJob(ctx context.Context, name string, now time.Time) error {
	return s.changeJob(ctx, name, map[string]any{"asked": micros(now), "asked_by": "", "asked_via": "", "asked_why": ""})
}

// PauseJob keeps a job from running by itself, or lets it again. A job that
// nobody has met is fault.NotFound.
func (s *Store) PauseJob(ctx context.Context, name string, paused bool) error {
	return s.changeJob(ctx, name, map[string]any{"paused": paused})
}

func (s *Store) changeJob(ctx context.Context, name string, to map[string]any) error {
	done := s.write.WithContext(ctx).Model(&jobRow{}).Where("name = ?", name).Updates(to)
	if done.Error == nil && done.RowsAffected == 0 {
		return fault.New(fault.NotFound, "There is no such job.")
	}
	return wrap(done.Error, "change a job")
}

// ForgetJobs removes jobs that there are no more.
func (s *Store) ForgetJobs(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	return wrap(s.write.WithContext(ctx).Delete(&jobRow{}, "name IN ?", names).Error, "forget jobs")
}

// Pool is the connections to PostgreSQL, for the job library that shares them;
// nil on SQLite.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// AloneAtStart runs use while no other process brings this database up to date.
// On SQLite there is one process that serves, and use runs at once.
func (s *Store) AloneAtStart(ctx context.Context, use func() error) error {
	if s.dialect != onPostgres {
		return use()
	}
	db, err := s.write.DB()
	if err != nil {
		return err
	}
	unlock, err := lockDatabase(ctx, db)
	if err != nil {
		return wrap(err, "wait for another start")
	}
	defer unlock()
	return use()
}
