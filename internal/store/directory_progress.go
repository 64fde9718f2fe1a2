package store

import (
	"context"
	"time"
)

// Progress is how far a run of a directory is, as its process wrote it last.
type Progress struct {
	Run       string // ID that the run will have in the history
	RecordID  string
	Rehearsal bool
	Cause     string
	Who       string
	Began     time.Time
	Phase     string
	PhaseFrom time.Time // when the phase began
	Entries   int       // of this phase, so far
	Expected  int       // as many as the last run found; 0 when that is not known
	Seen      time.Time // when this was written
}

type progressRow struct {
	RunID      string `gorm:"primaryKey"`
	RecordID   string
	Rehearsal  bool
	Cause      string
	Who        string
	Began      int64
	Phase      string
	PhaseBegan int64
	Entries    int
	Expected   int
	Seen       int64
}

func (progressRow) TableName() string { return "directory_progress" }

// progressKept is after how long without news a run counts as one whose process
// died: longer than any page may take (ldapsync.MaxPageDeadline).
const progressKept = 15 * time.Minute

// BeginProgress makes a run visible while it goes on, in place of one of the same
// record whose process died.
func (s *Store) BeginProgress(ctx context.Context, p Progress) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.db.Delete(&progressRow{}, "record_id = ? AND rehearsal = ?", p.RecordID, p.Rehearsal).Error; err != nil {
			return wrap(err, "begin to tell of a run")
		}
		return wrap(tx.db.Create(p.row()).Error, "begin to tell of a run")
	})
}

// NoteProgress writes how far a run is. One that ended, or that another one took the
// place of, is not brought back.
func (s *Store) NoteProgress(ctx context.Context, p Progress) error {
	return wrap(s.write.WithContext(ctx).Model(&progressRow{}).Where("run_id = ?", p.Run).
		Updates(map[string]any{"phase": p.Phase, "phase_began": micros(p.PhaseFrom), "entries": p.Entries, "expected": p.Expected, "seen": micros(p.Seen)}).Error,
		"tell of a run")
}

// EndProgress forgets how far a run was: it stands in the history now.
func (s *Store) EndProgress(ctx context.Context, run string) error {
	return wrap(s.write.WithContext(ctx).Delete(&progressRow{}, "run_id = ?", run).Error, "end telling of a run")
}

func (p Progress) row() *progressRow {
	return &progressRow{p.Run, p.RecordID, p.Rehearsal, p.Cause, p.Who, micros(p.Began), p.Phase, micros(p.PhaseFrom), p.Entries, p.Expected, micros(p.Seen)}
}

// Underway are the runs of a record that go on now, in whichever process; of all
// records when recordID is "". A run before a rehearsal.
func (s *Store) Underway(ctx context.Context, recordID string, now time.Time) ([]Progress, error) {
	query := s.read.WithContext(ctx).Where("seen > ?", micros(now.Add(-progressKept))).Order("rehearsal, began")
	if recordID != "" {
		query = query.Where("record_id = ?", recordID)
	}
	var rows []progressRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap(err, "look for runs under way")
	}
	var list []Progress
	for _, row := range rows {
		list = append(list, Progress{row.RunID, row.RecordID, row.Rehearsal, row.Cause, row.Who, instant(row.Began), row.Phase, instant(row.PhaseBegan),
			row.Entries, row.Expected, instant(row.Seen)})
	}
	return list, nil
}
