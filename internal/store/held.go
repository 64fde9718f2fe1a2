package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/users"
)

// HeldHere is what a held plan of one directory would take out of one group (L6).
type HeldHere struct {
	Run   Run
	Since time.Time // this plan was first held; the run is the last one that found it
	Total int       // people whom the plan takes out
	Whom  []string  // their usernames in the run's record, at most maxHeld of them
}

// maxHeld bounds the people that a HeldHere names.
const maxHeld = 5000

// waitingRuns are the last whole run of each record, where that left a plan which
// waits for approval.
const waitingRuns = `SELECT d.* FROM directory_runs d WHERE d.outcome = ? AND d.id IN (
	SELECT (SELECT n.id FROM directory_runs n WHERE n.record_key = r.key AND n.outcome <> ? ORDER BY n.began DESC, n.id DESC LIMIT 1)
	FROM directory_states s JOIN records r ON r.id = s.record_id WHERE r.state <> '` + deleted + `')`

// HeldIn are the members of a group whom a directory sync would take out if its
// plan were not held by a stop, by record.
func (s *Store) HeldIn(ctx context.Context, group string) ([]HeldHere, error) {
	if !idms.IsKey(group) {
		return nil, nil
	}
	var records []string
	db := s.read.WithContext(ctx)
	err := db.Raw("SELECT DISTINCT record_key FROM membership_sources WHERE group_key = ? AND kind = ? ORDER BY record_key", group, groups.FromDirectory).Scan(&records).Error
	if err != nil || len(records) == 0 {
		return nil, wrap(err, "look for members of directories")
	}
	var rows []runRow
	if err := db.Raw(waitingRuns+" AND d.record_key IN ? ORDER BY d.record_key", RunHeld, RunFailed, records).Scan(&rows).Error; err != nil {
		return nil, wrap(err, "look for held plans")
	}
	var all []HeldHere
	for _, row := range rows {
		run, err := row.run()
		if err != nil {
			return nil, err
		}
		held := HeldHere{Run: run}
		for _, kind := range []ldapsync.Kind{ldapsync.RemoveMember, ldapsync.GroupGone} {
			// Lines of other groups are told apart before they are read.
			mark := fmt.Sprintf(`"group":%q`, group)
			err := s.eachRunLine(ctx, run, kind, 0, func(line string) (bool, error) {
				if !strings.Contains(line, mark) {
					return true, nil
				}
				var change ldapsync.Change
				if err := json.Unmarshal([]byte(line), &change); err != nil || change.Group != group {
					return true, err
				}
				held.Total += len(change.People)
				held.Whom = append(held.Whom, change.People[:min(len(change.People), maxHeld-len(held.Whom))]...)
				return true, nil
			})
			if err != nil {
				return nil, err
			}
		}
		if held.Total == 0 {
			continue
		}
		if held.Since, err = s.heldSince(ctx, run); err != nil {
			return nil, err
		}
		all = append(all, held)
	}
	return all, nil
}

// heldSince is when the plan of a run was first held: a run that finds the same
// plan again takes the place of the one before.
func (s *Store) heldSince(ctx context.Context, run Run) (time.Time, error) {
	events, _, err := s.Events(ctx, EventFilter{Record: run.Record, Action: audit.DirectoryHeld}, "", 1)
	if err != nil || len(events) == 0 || len(events[0].Changes) == 0 || events[0].Changes[0].To != run.Hash {
		return run.Ended, err
	}
	return events[0].At, nil
}

// Named finds the accounts of a username in whatever record, case aside (S40), by
// ID and at most 20 of them.
func (s *Store) Named(ctx context.Context, username string) ([]Listed, error) {
	if username == "" || len(username) > users.MaxField || !storable(username) {
		return nil, nil
	}
	var rows []struct {
		User   userRow   `gorm:"embedded;embeddedPrefix:u_"`
		Record recordRow `gorm:"embedded;embeddedPrefix:r_"`
	}
	err := s.read.WithContext(ctx).Raw("SELECT "+userColumns+", "+recordColumns+` FROM users u JOIN records r ON r.id = u.record_id
		WHERE u.username_folded = ? ORDER BY u.id LIMIT 20`, users.Fold(username)).Scan(&rows).Error
	var list []Listed
	for _, row := range rows {
		list = append(list, Listed{Account: row.User.account(), Record: row.Record.edition()})
	}
	return list, wrap(err, "find accounts by username")
}
