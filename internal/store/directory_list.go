package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/saml"
)

// descriptions are what the versions in force say of directories. A version never
// changes, so that what was read once of it stays true, and reading the documents of
// all records again costs by far the most of a list.
type descriptions struct {
	mutex sync.Mutex
	known map[string]idms.Connection // by record ID; Directory is nil for one that describes none
}

// Directories are the records that describe a directory, by key, without what they
// say of their providers. What their pointers lead to is to be read alone.
func (s *Store) Directories(ctx context.Context) ([]idms.Connection, error) {
	db := s.read.WithContext(ctx)
	var rows []recordRow
	err := db.Select("id", "key", "version").Where("state <> ? AND key <> ?", deleted, idms.LocalKey).Order("key").Find(&rows).Error
	if err != nil {
		return nil, wrap(err, "list directories")
	}
	s.described.mutex.Lock()
	defer s.described.mutex.Unlock()
	var unknown []string
	for _, row := range rows {
		if s.described.known[row.ID].Version != row.Version {
			unknown = append(unknown, row.ID)
		}
	}
	known := make(map[string]idms.Connection, len(rows)) // without those that are gone
	err = inParts(unknown, func(part []string) error {
		var documents []documentRow
		if err := db.Raw(inForce+` WHERE r.id IN ?`, part).Scan(&documents).Error; err != nil {
			return wrap(err, "list directories")
		}
		for _, row := range documents {
			record, err := idms.ParseConnection([]byte(row.Document))
			if err != nil {
				return fmt.Errorf("store: record %s, version %d: %w", row.Key, row.Version, err)
			}
			record.ID, record.Key, record.Version, record.SAML = row.ID, row.Key, row.Version, saml.Settings{}
			known[row.ID] = record
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var list []idms.Connection
	for _, row := range rows {
		record, fresh := known[row.ID]
		if !fresh {
			record = s.described.known[row.ID]
			known[row.ID] = record
		}
		if record.Directory != nil {
			list = append(list, record)
		}
	}
	s.described.known = known
	return list, nil
}

// Standing is where the directory of one record stands, for a list of all.
type Standing struct {
	State DirectoryState
	Last  Run // the last run, however it ended; zero: none
	Whole Run // the last run that read the directory whole; zero: none
}

// Waits is true when a plan waits for approval.
func (s Standing) Waits() bool { return s.Whole.Outcome == RunHeld || s.Whole.Outcome == RunPartly }

// Standings of the directories of all records, by record ID. Rehearsals do not count.
func (s *Store) Standings(ctx context.Context) (map[string]Standing, error) {
	return s.standings(ctx, "")
}

// Standing of one record's directory; the zero value when nothing ever looked at it.
func (s *Store) Standing(ctx context.Context, recordID string) (Standing, error) {
	all, err := s.standings(ctx, recordID)
	return all[recordID], err
}

func (s *Store) standings(ctx context.Context, recordID string) (map[string]Standing, error) {
	db := s.read.WithContext(ctx)
	which, args := "", []any{}
	if recordID != "" {
		which, args = " AND k.id = ?", []any{recordID}
	}
	all := map[string]Standing{}
	var states []stateRow
	if err := db.Raw("SELECT s.* FROM directory_states s JOIN records k ON k.id = s.record_id WHERE k.state <> '"+deleted+"'"+which, args...).Scan(&states).Error; err != nil {
		return nil, wrap(err, "read how directories stand")
	}
	for _, row := range states {
		all[row.RecordID] = Standing{State: row.state()}
	}
	// One look into the index for each record, however long its history is.
	last := func(outcomes string, into func(s *Standing) *Run) error {
		var rows []struct {
			Run      runRow `gorm:"embedded"`
			OfRecord string
		}
		err := db.Raw(`SELECT r.*, k.id AS of_record FROM records k JOIN directory_runs r ON r.id =
				(SELECT x.id FROM directory_runs x WHERE x.record_key = k.key AND x.outcome NOT IN (`+outcomes+`) ORDER BY x.began DESC, x.id DESC LIMIT 1)
			WHERE k.state <> '`+deleted+`'`+which, args...).Scan(&rows).Error
		if err != nil {
			return wrap(err, "read the last runs")
		}
		for _, row := range rows {
			standing := all[row.OfRecord]
			if *into(&standing), err = row.Run.run(); err != nil {
				return err
			}
			all[row.OfRecord] = standing
		}
		return nil
	}
	rehearsed, failed := "'"+string(RunRehearsed)+"'", "'"+string(RunFailed)+"'"
	return all, errors.Join(
		last(rehearsed, func(s *Standing) *Run { return &s.Last }),
		last(rehearsed+", "+failed, func(s *Standing) *Run { return &s.Whole }))
}

func (row stateRow) state() DirectoryState {
	return DirectoryState{
		FirstApplied: instant(row.FirstApplied), Fingerprint: row.Fingerprint,
		LastRun: instant(row.LastRun), LastGood: instant(row.LastGood),
		Approved: Approval{row.ApprovedHash, row.ApprovedBy, row.ApprovedWhy},
	}
}

// Holds is what the syncs of one record have brought here.
type Holds struct {
	People      int // let in by the directory
	Off         int // shut out by it: disabled, out of scope or gone
	Groups      int // that the directory has
	Members     int // of them, as the limits count (L6)
	Memberships int // that nothing but the directory gives
}

// Holds counts what the syncs of a record have brought.
func (s *Store) Holds(ctx context.Context, record Edition) (Holds, error) {
	var h Holds
	db := s.read.WithContext(ctx)
	err := errors.Join(
		db.Raw(`SELECT count(CASE WHEN off = '' THEN 1 END), count(CASE WHEN off <> '' THEN 1 END) FROM directory_people WHERE record_id = ?`, record.ID).Row().Scan(&h.People, &h.Off),
		db.Raw(`SELECT count(CASE WHEN off = '' THEN 1 END), COALESCE(sum(members), 0) FROM directory_groups WHERE record_id = ?`, record.ID).Row().Scan(&h.Groups, &h.Members),
		db.Raw(`SELECT count(*) FROM membership_sources WHERE kind = ? AND record_key = ?`, groups.FromDirectory, record.Key).Row().Scan(&h.Memberships))
	return h, wrap(err, "count what a directory holds")
}

// SaveRehearsal keeps the plan of a dry run for whoever looks at it, in place of the
// record's last one. It changes nothing else.
func (s *Store) SaveRehearsal(ctx context.Context, run Run, plan *ldapsync.Plan) error {
	var changes []packedChanges
	if plan != nil {
		var err error
		if changes, err = packChanges(plan); err != nil {
			return err
		}
	}
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.db.Exec("DELETE FROM directory_runs WHERE record_key = ? AND outcome = ?", run.Record, RunRehearsed).Error; err != nil {
			return wrap(err, "keep a rehearsal")
		}
		return tx.saveRun(run, changes)
	})
}

// Line is a line of a run, and the cursor of what follows it.
type Line struct {
	ldapsync.Change
	Held bool // a stop of the run names it
	Next string
}

var errNoSuchLines = fault.New(fault.Invalid, "This page of the changes does not exist. Begin at the first one.")

// EachRunLine goes through the lines of a run that a filter lets through, from a
// cursor on ("" is the beginning), until use is false: first those that the run's
// stops name, then the others, each in the plan's order.
func (s *Store) EachRunLine(ctx context.Context, run Run, filter ldapsync.LineFilter, cursor string, use func(Line) bool) error {
	// The passes: the kinds that stops name, one after the other, and all that is left.
	named := run.Stops.Kinds()
	from, at, err := placeOfLine(cursor, len(named))
	if err != nil {
		return err
	}
	for pass := from; pass <= len(named); pass++ {
		kind, held := filter.Kind, pass < len(named)
		switch {
		case held && filter.Kind != "" && filter.Kind != named[pass], !filter.Wants(held):
			at = 0
			continue
		case held:
			kind = named[pass]
		}
		stopped := false
		err := s.EachRunChange(ctx, run, kind, at, func(change ldapsync.Change) bool {
			at++
			if run.Stops.Names(change) != held {
				return true
			}
			if kept, ok := filter.Match(change); ok {
				stopped = !use(Line{kept, held, strconv.Itoa(pass) + "." + strconv.Itoa(at)})
			}
			return !stopped
		})
		if err != nil || stopped {
			return err
		}
		at = 0
	}
	return nil
}

func placeOfLine(cursor string, passes int) (pass, at int, err error) {
	if cursor == "" {
		return 0, 0, nil
	}
	one, two, found := strings.Cut(cursor, ".")
	pass, err1 := strconv.Atoi(one)
	at, err2 := strconv.Atoi(two)
	if !found || err1 != nil || err2 != nil || pass < 0 || pass > passes || at < 0 {
		return 0, 0, errNoSuchLines
	}
	return pass, at, nil
}

// RunLines are at most so many lines (1 to 500), and the cursor of the next page.
func (s *Store) RunLines(ctx context.Context, run Run, filter ldapsync.LineFilter, cursor string, limit int) (list []Line, next string, err error) {
	limit = atMost(limit)
	err = s.EachRunLine(ctx, run, filter, cursor, func(line Line) bool {
		if len(list) == limit {
			next = list[limit-1].Next
			return false
		}
		list = append(list, line)
		return true
	})
	return list, next, err
}
