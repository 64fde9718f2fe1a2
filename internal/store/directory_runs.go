package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/ldapsync"
)

// RunOutcome is how a run of a directory sync ended. Outcomes are public and never
// change their meaning.
type RunOutcome string

const (
	RunApplied   RunOutcome = "applied"
	RunPartly    RunOutcome = "partly_applied" // but for groups that wait alone
	RunUnchanged RunOutcome = "unchanged"
	RunHeld      RunOutcome = "held"
	RunFailed    RunOutcome = "failed"
	RunRehearsed RunOutcome = "rehearsed" // a dry run that was kept: nothing was changed; code and error when it failed
)

// Run is one run of a record's directory sync. Its changes are read by RunChanges.
type Run struct {
	ID            string                `json:"id"`
	Record        string                `json:"record"` // key
	Began         time.Time             `json:"began"`
	Ended         time.Time             `json:"ended"`
	Applied       time.Time             `json:"applied,omitzero"` // the since of the memberships that it added
	Cause         string                `json:"cause"`            // schedule, command line, api, page
	Who           string                `json:"who,omitempty"`
	Outcome       RunOutcome            `json:"outcome"`
	Host          string                `json:"host,omitempty"`
	People        int                   `json:"people"` // read
	Groups        int                   `json:"groups"`
	Skipped       int                   `json:"skipped"`
	Referrals     int                   `json:"referrals"`
	Hash          string                `json:"hash,omitempty"` // of the plan that waits, to approve it by
	Stops         ldapsync.Stops        `json:"stops,omitempty"`
	Counts        map[ldapsync.Kind]int `json:"counts"`
	Code          string                `json:"code,omitempty"`  // of a failure
	Error         string                `json:"error,omitempty"` // a sentence
	ApprovedBy    string                `json:"approved_by,omitempty"`
	Written       int                   `json:"rows_written"`
	SessionsEnded int                   `json:"sessions_ended"`

	Statements  int    `json:"-"` // that wrote; known to whoever applied it
	Fingerprint string `json:"-"` // of the settings of an unchanged run
}

type runRow struct {
	ID         string `gorm:"primaryKey"`
	RecordKey  string
	Began      int64
	Ended      int64
	Applied    int64
	Cause      string
	Who        string
	Outcome    string
	Host       string
	People     int
	GroupsRead int
	Skipped    int
	Referrals  int
	Hash       string
	Stops      string
	Counts     string
	Code       string
	Error      string
	ApprovedBy string
	Written    int
	Sessions   int
}

func (runRow) TableName() string { return "directory_runs" }

type changesRow struct {
	RunID  string `gorm:"primaryKey"`
	N      int    `gorm:"primaryKey;autoIncrement:false"`
	Kind   string
	Lines  int
	Packed []byte
}

func (changesRow) TableName() string { return "directory_run_changes" }

// packedChanges are some lines of a plan, of one kind.
type packedChanges struct {
	kind   ldapsync.Kind
	lines  int
	packed []byte
}

// maxPacked is about how many bytes of lines are packed together.
const maxPacked = 256 << 10

// packChanges writes the lines of a plan down.
func packChanges(p *ldapsync.Plan) ([]packedChanges, error) {
	var all []packedChanges
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	var kind ldapsync.Kind
	lines := 0
	flush := func() error {
		if lines == 0 {
			return nil
		}
		packed, err := pack(text.Bytes())
		all = append(all, packedChanges{kind, lines, packed})
		text.Reset()
		lines = 0
		return err
	}
	for change := range p.Changes() {
		if change.Kind != kind || text.Len() > maxPacked {
			if err := flush(); err != nil {
				return nil, err
			}
			kind = change.Kind
		}
		if err := encoder.Encode(change); err != nil {
			return nil, err
		}
		lines++
	}
	return all, flush()
}

func (tx *Tx) saveRun(run Run, changes []packedChanges) error {
	row := runRow{
		ID: run.ID, RecordKey: run.Record, Began: micros(run.Began), Ended: micros(run.Ended), Applied: micros(run.Applied),
		Cause: run.Cause, Who: run.Who, Outcome: string(run.Outcome), Host: run.Host,
		People: run.People, GroupsRead: run.Groups, Skipped: run.Skipped, Referrals: run.Referrals,
		Hash: run.Hash, Code: run.Code, Error: run.Error, ApprovedBy: run.ApprovedBy, Written: run.Written, Sessions: run.SessionsEnded,
	}
	stops, err := json.Marshal(run.Stops)
	if err != nil {
		return wrap(err, "save a run")
	}
	counts, err := json.Marshal(run.Counts)
	if err != nil {
		return wrap(err, "save a run")
	}
	row.Stops, row.Counts = string(stops), string(counts)
	if err := tx.db.Create(&row).Error; err != nil {
		return wrap(err, "save a run")
	}
	for i, part := range changes {
		if err := tx.db.Create(&changesRow{run.ID, i, string(part.kind), part.lines, part.packed}).Error; err != nil {
			return wrap(err, "save the changes of a run")
		}
	}
	return nil
}

// SaveRun notes a run that changed nothing: there was nothing to change, it is
// held, or it failed. A held one keeps its plan for whoever looks at it; of
// several with one hash the last stays. The first of them is an alarm.
func (s *Store) SaveRun(ctx context.Context, record Edition, run Run, plan *ldapsync.Plan) error {
	var changes []packedChanges
	if plan != nil {
		var err error
		if changes, err = packChanges(plan); err != nil {
			return err
		}
	}
	return s.InTx(ctx, func(tx *Tx) error {
		state := stateRow{RecordID: record.ID}
		if err := tx.db.FirstOrCreate(&state).Error; err != nil {
			return wrap(err, "note a run")
		}
		set := map[string]any{"last_run": micros(run.Began)}
		switch run.Outcome {
		case RunUnchanged:
			set["last_good"] = micros(run.Ended)
			if state.FirstApplied != 0 {
				set["fingerprint"] = run.Fingerprint
			}
		case RunHeld:
			if state.ApprovedHash != run.Hash {
				set["approved_hash"], set["approved_by"], set["approved_why"] = "", "", ""
			}
		}
		if err := tx.db.Model(&state).Updates(set).Error; err != nil {
			return wrap(err, "note a run")
		}
		if run.Outcome == RunHeld {
			gone := tx.db.Exec("DELETE FROM directory_runs WHERE record_key = ? AND outcome = ? AND hash = ?", record.Key, RunHeld, run.Hash)
			if gone.Error != nil {
				return wrap(gone.Error, "note a run")
			}
			if gone.RowsAffected == 0 {
				event := audit.Event{At: run.Ended, Action: audit.DirectoryHeld, Alarm: true, Who: cmp.Or(run.Who, system), Record: record.Key,
					Reason: "run " + run.ID, Changes: []audit.Change{{Field: "plan", To: run.Hash}}}
				for _, stop := range run.Stops {
					event.Changes = append(event.Changes, audit.Change{Field: string(stop.Code), To: stop.Why})
				}
				if err := tx.Audit(event); err != nil {
					return err
				}
			}
		}
		return tx.saveRun(run, changes)
	})
}

// ApproveRun lets the plan of the last held run through, once, when the next run
// finds the same one (L6). Without such a held run it is fault.Conflict; of a
// record that makes administrators only an owner may, or it is fault.Denied.
func (s *Store) ApproveRun(ctx context.Context, record Edition, hash string, by Author) error {
	if err := s.mayChangeOf(ctx, record.Key, by); err != nil {
		return err
	}
	return s.InTx(ctx, func(tx *Tx) error {
		var row runRow
		found := tx.db.Where("record_key = ? AND outcome = ? AND hash = ? AND hash <> ''", record.Key, RunHeld, hash).Limit(1).Find(&row)
		if found.Error != nil {
			return wrap(found.Error, "find a held run")
		}
		if found.RowsAffected == 0 {
			return fault.New(fault.Conflict, "No plan %q of the record %s is held. Look at the history for the one that is.", hash, record.Key)
		}
		run, err := row.run()
		if err != nil {
			return err
		}
		if !run.Stops.Approvable() {
			return fault.New(fault.Conflict, "This plan cannot be approved: the directory answered with nobody at all.")
		}
		done := tx.db.Model(&stateRow{RecordID: record.ID}).Updates(map[string]any{"approved_hash": hash, "approved_by": by.Who, "approved_why": by.Reason})
		if done.Error != nil {
			return wrap(done.Error, "approve a plan")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.DirectoryApproved, Who: by.Who, Reason: by.Reason, Record: record.Key,
			Changes: []audit.Change{{Field: "plan", To: hash}}})
	})
}

// Runs lists the runs of a record, newest first, at most so many (1 to 500). The
// first page has the cursor ""; next is "" at the end.
func (s *Store) Runs(ctx context.Context, recordKey, cursor string, limit int) (page []Run, next string, err error) {
	limit = min(max(limit, 1), maxPage)
	query := s.read.WithContext(ctx).Where("record_key = ?", recordKey).Order("began DESC, id DESC").Limit(limit + 1)
	if cursor != "" {
		at, id, ok := parseCursor(cursor)
		if !ok {
			return nil, "", fault.New(fault.Invalid, "This page of the history does not exist. Begin at the first one.")
		}
		query = query.Where("(began, id) < (?, ?)", at, id)
	}
	var rows []runRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, "", wrap(err, "read the history")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = strconv.FormatInt(rows[limit-1].Began, 10) + "." + rows[limit-1].ID
	}
	for _, row := range rows {
		run, err := row.run()
		if err != nil {
			return nil, "", err
		}
		page = append(page, run)
	}
	return page, next, nil
}

// Run finds one run of a record by its ID, by "held" the last one that waits for
// approval, or by "rehearsed" the last rehearsal; otherwise it is fault.NotFound.
func (s *Store) Run(ctx context.Context, recordKey, id string) (Run, error) {
	var row runRow
	query := s.read.WithContext(ctx).Limit(1).Order("began DESC, id DESC")
	switch {
	case id == string(RunHeld), id == string(RunRehearsed):
		query = query.Where("record_key = ? AND outcome = ?", recordKey, id)
	case isID(id):
		query = query.Where("record_key = ? AND id = ?", recordKey, id)
	default:
		query = query.Where("1 = 0")
	}
	found := query.Find(&row)
	if found.Error != nil {
		return Run{}, wrap(found.Error, "read a run")
	}
	if found.RowsAffected == 0 {
		return Run{}, fault.New(fault.NotFound, "The record %s has no such run. Runs are kept for a set time.", recordKey)
	}
	return row.run()
}

func (row runRow) run() (Run, error) {
	run := Run{
		ID: row.ID, Record: row.RecordKey, Began: instant(row.Began), Ended: instant(row.Ended), Applied: instant(row.Applied),
		Cause: row.Cause, Who: row.Who, Outcome: RunOutcome(row.Outcome), Host: row.Host,
		People: row.People, Groups: row.GroupsRead, Skipped: row.Skipped, Referrals: row.Referrals,
		Hash: row.Hash, Code: row.Code, Error: row.Error, ApprovedBy: row.ApprovedBy, Written: row.Written, SessionsEnded: row.Sessions,
	}
	err := errors.Join(json.Unmarshal([]byte(row.Stops), &run.Stops), json.Unmarshal([]byte(row.Counts), &run.Counts))
	return run, wrap(err, "read a run")
}

// RunChanges lists what a run changed or would change, in the plan's order: at
// most so many lines (1 to 500) from a place on, of one kind or, with "", of
// all. more is true when there are further ones.
func (s *Store) RunChanges(ctx context.Context, run Run, kind ldapsync.Kind, from, limit int) (list []ldapsync.Change, more bool, err error) {
	limit = min(max(limit, 1), maxPage)
	err = s.EachRunChange(ctx, run, kind, max(from, 0), func(change ldapsync.Change) bool {
		if len(list) == limit {
			more = true
			return false
		}
		list = append(list, change)
		return true
	})
	return list, more, err
}

// EachRunChange goes through the lines of a run from a place on, until use is
// false.
func (s *Store) EachRunChange(ctx context.Context, run Run, kind ldapsync.Kind, from int, use func(ldapsync.Change) bool) error {
	return s.eachRunLine(ctx, run, kind, from, func(line string) (bool, error) {
		var change ldapsync.Change
		if err := json.Unmarshal([]byte(line), &change); err != nil {
			return false, err
		}
		return use(change), nil
	})
}

// eachRunLine is EachRunChange for lines as they are kept.
func (s *Store) eachRunLine(ctx context.Context, run Run, kind ldapsync.Kind, from int, use func(line string) (bool, error)) error {
	if kind != "" && !slices.Contains(ldapsync.Kinds, kind) {
		return nil // which PostgreSQL might not even take for text
	}
	db := s.read.WithContext(ctx)
	var parts []struct{ N, Lines int }
	query := db.Model(&changesRow{}).Select("n", "lines").Where("run_id = ?", run.ID).Order("n")
	if kind != "" {
		query = query.Where("kind = ?", kind)
	}
	if err := query.Find(&parts).Error; err != nil {
		return wrap(err, "read the changes of a run")
	}
	for _, part := range parts {
		if from >= part.Lines {
			from -= part.Lines
			continue
		}
		text, err := changesOf(db, run.ID, part.N)
		if err != nil {
			return fmt.Errorf("store: changes of run %s: %w", run.ID, err)
		}
		for line := range strings.Lines(text) {
			if from > 0 {
				from--
				continue
			}
			goOn, err := use(line)
			if err != nil {
				return fmt.Errorf("store: changes of run %s: %w", run.ID, err)
			}
			if !goOn {
				return nil
			}
		}
	}
	return nil
}

func changesOf(db *gorm.DB, runID string, n int) (string, error) {
	var row changesRow
	if err := db.Take(&row, "run_id = ? AND n = ?", runID, n).Error; err != nil {
		return "", err
	}
	text, err := unpack(row.Packed)
	return string(text), err
}
