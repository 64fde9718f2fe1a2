package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/users"
)

// Application is a plan with leave to apply it.
type Application struct {
	Record      Edition
	Plan        *ldapsync.Plan
	Lease       Lease
	Fingerprint string
	Approval    Approval // whose plan it is; zero when it needs none
	Run         Run      // everything of the run but what applying it tells
	Now         time.Time
}

// ErrMoved means that accounts or groups changed between reading and applying:
// compare again. Its kind is fault.Conflict.
var ErrMoved = fault.New(fault.Conflict, "Accounts or groups changed while the plan was made. Run the sync again.")

// ApplyPlan applies a plan in one transaction: people, groups, who joins, who
// leaves, and last who is shut out, whose sessions end. All of it happens, or
// nothing: whoever kills the process or the database at any moment leaves the
// record as it was. ErrBusy means that somebody else has the lease meanwhile,
// ErrStale that the record is another version now, ErrMoved that the plan does
// not fit any more.
//
// Logins of this record wait until it is done; on SQLite everything that writes
// does.
func (s *Store) ApplyPlan(ctx context.Context, a Application) (Run, error) {
	a.Plan.Number(func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
	changes, err := packChanges(a.Plan)
	if err != nil {
		return Run{}, err
	}
	run := a.Run
	err = s.inBulk(ctx, func(b *bulk) error {
		if err := b.lockChanges(); err != nil {
			return err
		}
		if err := b.lockRecords([]string{a.Record.ID}); err != nil {
			return err
		}
		if err := held(b.db, a.Lease, a.Lease.Until); err != nil {
			return err
		}
		if err := b.sameEdition(a.Record); err != nil {
			return err
		}
		owners, err := b.ableOwners()
		if err != nil {
			return err
		}
		for _, step := range []func(*bulk) error{a.people, a.updates, a.groups, a.joins, a.leaves, a.marks, a.shut} {
			if err := step(b); err != nil {
				return err
			}
		}
		if err := b.stillAnOwner(owners); err != nil { // S44
			return err
		}
		if run.SessionsEnded, err = a.endSessions(b); err != nil {
			return err
		}
		if err := b.unstage("stage_people", "stage_states", "stage_leaves", "stage_marks"); err != nil {
			return err
		}
		run.Written, run.Statements, run.Applied = b.written, b.statements, a.Now
		return a.finish(b.Tx, run, changes)
	})
	if breaksARule(err) {
		return Run{}, ErrMoved
	}
	return run, err
}

// sameEdition is nil while the record is the version that the plan was made for.
func (tx *Tx) sameEdition(record Edition) error {
	n, err := tx.count("SELECT count(*) FROM records WHERE id = ? AND version = ? AND state <> ?", record.ID, record.Version, deleted)
	if err == nil && n == 0 {
		return ErrStale
	}
	return err
}

// people writes those who are new, and whose accounts were linked.
func (a Application) people(b *bulk) error {
	var added, entries []*ldapsync.PersonChange
	for i := range a.Plan.People {
		switch change := &a.Plan.People[i]; change.Kind {
		case ldapsync.AddPerson:
			added = append(added, change)
			entries = append(entries, change)
		case ldapsync.LinkPerson:
			entries = append(entries, change)
		}
	}
	now := micros(a.Now)
	record, err := uuid.Parse(a.Record.ID)
	if err != nil {
		return err
	}
	recordID := b.id(record)
	err = b.insert("users", []string{"id", "record_id", "username", "username_folded", "email", "first_name", "last_name", "phone", "name_id", "state", "created", "last_seen"},
		len(added), func(i int, into []any) []any {
			c, p := added[i], added[i].Profile
			return append(into, b.id(c.User), recordID, p.Username, users.Fold(p.Username), p.Email, p.FirstName, p.LastName, p.Phone, "", string(c.State), now, int64(0))
		})
	if err != nil {
		return err
	}
	// In the order of the table, in which it is read at every run.
	slices.SortFunc(entries, func(x, y *ldapsync.PersonChange) int { return cmp.Compare(x.ID, y.ID) })
	return b.insert("directory_people", []string{"record_id", "external_id", "user_id", "mark", "off", "dn"},
		len(entries), func(i int, into []any) []any {
			c := entries[i]
			return append(into, recordID, []byte(c.ID), b.id(c.User), c.Mark[:], string(c.Off), c.DN)
		})
}

// updates writes what changed of those who are here, and what to remember of
// their entries. Somebody who stands in two changes is written once.
func (a Application) updates(b *bulk) error {
	type entry struct {
		change  ldapsync.PersonChange
		profile *users.Profile
		dn      *string
	}
	var list []*entry
	at := map[ldapsync.ID]*entry{}
	for _, change := range a.Plan.People {
		if change.Kind == ldapsync.AddPerson {
			continue
		}
		one := at[change.ID]
		if one == nil {
			one = &entry{}
			at[change.ID] = one
			list = append(list, one)
		}
		one.change = change
		if change.Profile != nil {
			one.profile, one.dn = change.Profile, &change.DN
		}
	}
	if len(list) == 0 {
		return nil
	}
	var profiles []*entry
	for _, one := range list {
		if one.profile != nil {
			profiles = append(profiles, one)
		}
	}
	if err := b.stage("stage_people", []stageColumn{
		{"user_id", stageID}, {"username", stageText}, {"folded", stageText}, {"email", stageText},
		{"first_name", stageText}, {"last_name", stageText}, {"phone", stageText},
	}, len(profiles), func(i int, into []any) []any {
		p := profiles[i].profile
		return append(into, b.id(profiles[i].change.User), p.Username, users.Fold(p.Username), p.Email, p.FirstName, p.LastName, p.Phone)
	}); err != nil {
		return err
	}
	// Two who swap usernames would meet each other's: first each gives up the old
	// one. No username begins with this character.
	if _, err := b.exec(`UPDATE users SET username_folded = '` + "\x01" + `' || CAST(users.id AS TEXT) FROM stage_people s
		WHERE users.id = s.user_id AND users.username_folded <> s.folded`); err != nil {
		return err
	}
	if _, err := b.exec(`UPDATE users SET username = s.username, username_folded = s.folded, email = s.email,
		first_name = s.first_name, last_name = s.last_name, phone = s.phone FROM stage_people s WHERE users.id = s.user_id`); err != nil {
		return err
	}
	if err := b.stage("stage_states", []stageColumn{
		{"external_id", stageBytes}, {"mark", stageBytes}, {"off", stageText}, {"dn", stageText},
	}, len(list), func(i int, into []any) []any {
		c := list[i].change
		var dn any
		if list[i].dn != nil {
			dn = *list[i].dn
		}
		return append(into, []byte(c.ID), c.Mark[:], string(c.Off), dn)
	}); err != nil {
		return err
	}
	_, err := b.exec(`UPDATE directory_people SET mark = s.mark, off = s.off, dn = COALESCE(s.dn, directory_people.dn) FROM stage_states s
		WHERE directory_people.record_id = ? AND directory_people.external_id = s.external_id`, a.Record.ID)
	return err
}

// groups writes the groups that are new or called otherwise. A group is never
// deleted: rules and other sources may use it.
func (a Application) groups(b *bulk) error {
	var made, entries []ldapsync.GroupChange
	for _, change := range a.Plan.Groups {
		switch change.Kind {
		case ldapsync.AddGroup:
			made = append(made, change)
			entries = append(entries, change)
		case ldapsync.LinkGroup:
			entries = append(entries, change)
		case ldapsync.RenameGroup:
			if _, err := b.exec("UPDATE directory_groups SET name = ? WHERE record_id = ? AND external_id = ?", change.Name, a.Record.ID, externalID(change.ID)); err != nil {
				return err
			}
			if change.Made {
				if _, err := b.exec("UPDATE groups SET name = ? WHERE key = ?", change.Name, change.Key); err != nil {
					return err
				}
			}
		}
	}
	err := b.insert("groups", []string{"id", "key", "name"}, len(made), func(i int, into []any) []any {
		return append(into, b.id(uuid.Must(uuid.NewV7())), made[i].Key, made[i].Name)
	})
	if err != nil {
		return err
	}
	record, err := uuid.Parse(a.Record.ID)
	if err != nil {
		return err
	}
	return b.insert("directory_groups", []string{"record_id", "external_id", "group_key", "name", "made", "mark", "off", "members"}, len(entries), func(i int, into []any) []any {
		c := entries[i]
		return append(into, b.id(record), []byte(c.ID), c.Key, c.Name, c.Made, make([]byte, len(ldapsync.Mark{})), "", int32(0))
	})
}

// joins writes who joins which group, by person: the order of the table, which
// saves half of the work.
func (a Application) joins(b *bulk) error {
	type join struct{ place, group uint32 }
	var list []join
	for i, members := range a.Plan.Joins {
		for _, place := range members.Places {
			list = append(list, join{place, uint32(i)})
		}
	}
	slices.SortFunc(list, func(x, y join) int {
		return cmp.Or(bytes.Compare(a.Plan.Users[x.place][:], a.Plan.Users[y.place][:]), cmp.Compare(x.group, y.group))
	})
	since := micros(a.Now)
	return b.insert("membership_sources", []string{"user_id", "group_key", "kind", "record_key", "granted_by", "since"}, len(list), func(i int, into []any) []any {
		one := list[i]
		return append(into, b.id(a.Plan.Users[one.place]), a.Plan.Joins[one.group].Group, string(groups.FromDirectory), a.Record.Key, a.Record.Key, since)
	})
}

// leaves ends memberships: the directory's own source and no other (L2).
func (a Application) leaves(b *bulk) error {
	type leave struct {
		user  uuid.UUID
		group string
	}
	var list []leave
	for _, members := range a.Plan.Leaves {
		for _, user := range members.Users {
			list = append(list, leave{user, members.Group})
		}
	}
	if len(list) == 0 {
		return nil
	}
	if err := b.stage("stage_leaves", []stageColumn{{"user_id", stageID}, {"group_key", stageText}}, len(list), func(i int, into []any) []any {
		return append(into, b.id(list[i].user), list[i].group)
	}); err != nil {
		return err
	}
	_, err := b.exec(`DELETE FROM membership_sources WHERE kind = ? AND record_key = ? AND granted_by = ?
		AND (user_id, group_key) IN (SELECT user_id, group_key FROM stage_leaves)`, groups.FromDirectory, a.Record.Key, a.Record.Key)
	return err
}

// marks remembers what was compared of each group.
func (a Application) marks(b *bulk) error {
	type mark struct {
		id      ldapsync.ID
		mark    ldapsync.Mark
		members int
	}
	var list []mark
	a.Plan.Marks(func(id ldapsync.ID, _ string, is ldapsync.Mark, members int) {
		list = append(list, mark{id, is, members})
	})
	if len(list) > 0 {
		if err := b.stage("stage_marks", []stageColumn{{"external_id", stageBytes}, {"mark", stageBytes}, {"members", [2]string{"INTEGER", "INTEGER"}}}, len(list), func(i int, into []any) []any {
			return append(into, []byte(list[i].id), list[i].mark[:], int32(list[i].members))
		}); err != nil {
			return err
		}
		if _, err := b.exec(`UPDATE directory_groups SET mark = s.mark, members = s.members, off = '' FROM stage_marks s
			WHERE directory_groups.record_id = ? AND directory_groups.external_id = s.external_id`, a.Record.ID); err != nil {
			return err
		}
	}
	for _, leave := range a.Plan.Leaves {
		if leave.Kind == ldapsync.GroupGone {
			if _, err := b.exec("UPDATE directory_groups SET off = ?, members = members - ? WHERE record_id = ? AND external_id = ?",
				ldapsync.Gone, len(leave.Users), a.Record.ID, externalID(leave.ID)); err != nil {
				return err
			}
		}
	}
	return nil
}

// externalID is an ID as a statement takes it. gorm would write []byte after a
// parenthesis as a list of numbers, which no statement here has.
func externalID(id ldapsync.ID) any { return []byte(id) }

// shut is L3: a sync disables who is enabled, and enables whom a sync disabled.
func (a Application) shut(b *bulk) error {
	var list []ldapsync.PersonChange
	for _, change := range a.Plan.People {
		if change.State != "" && change.Kind != ldapsync.AddPerson {
			list = append(list, change)
		}
	}
	if len(list) == 0 {
		return nil
	}
	if err := b.stage("stage_states", []stageColumn{{"user_id", stageID}, {"state", stageText}}, len(list), func(i int, into []any) []any {
		return append(into, b.id(list[i].User), string(list[i].State))
	}); err != nil {
		return err
	}
	_, err := b.exec(`UPDATE users SET state = s.state FROM stage_states s WHERE users.id = s.user_id AND users.state <> s.state
		AND (s.state = ? AND users.state <> ? OR s.state = ? AND users.state = ?)`,
		users.Disabled, users.Blocked, users.Enabled, users.Disabled)
	return err
}

// endSessions ends the sessions of everybody whom the plan shut out.
func (a Application) endSessions(b *bulk) (int, error) {
	var ids []string
	for _, change := range a.Plan.People {
		if change.Off != ldapsync.On && change.Kind != ldapsync.AddPerson {
			ids = append(ids, change.User.String())
		}
	}
	ended := 0
	err := inParts(ids, func(part []string) error {
		n, err := endSessions(b.db, "user_id IN ?", part)
		ended += n
		return err
	})
	return ended, err
}

// finish writes what is known of the run, and that its approval was used.
func (a Application) finish(tx *Tx, run Run, changes []packedChanges) error {
	err := tx.db.Exec(`UPDATE directory_states SET first_applied = CASE WHEN first_applied = 0 THEN ? ELSE first_applied END,
		fingerprint = ?, last_run = ?, last_good = ?, approved_hash = '', approved_by = '', approved_why = '' WHERE record_id = ?`,
		micros(a.Now), a.Fingerprint, micros(run.Began), micros(a.Now), a.Record.ID).Error
	if err != nil {
		return wrap(err, "note a run")
	}
	if err := tx.saveRun(run, changes); err != nil {
		return err
	}
	events := []audit.Event{{At: a.Now, Action: audit.DirectorySynced, Who: cmp.Or(run.Who, system), Record: a.Record.Key,
		Reason: "run " + run.ID, Changes: countChanges(run)}}
	if a.Approval.By != "" {
		events = append(events, audit.Event{At: a.Now, Action: audit.DirectoryApproved, Who: a.Approval.By, Reason: a.Approval.Why, Record: a.Record.Key,
			Changes: []audit.Change{{Field: "plan", To: a.Approval.Hash}, {Field: "run", To: run.ID}}})
	}
	return tx.Audit(append(events, a.shutEvents(run)...)...)
}

// countChanges tells the audit trail how much a run changed. Who exactly stands
// in the run.
func countChanges(run Run) []audit.Change {
	var list []audit.Change
	for _, kind := range ldapsync.Kinds {
		if n := run.Counts[kind]; n > 0 {
			list = append(list, audit.Change{Field: string(kind), To: strconv.Itoa(n)})
		}
	}
	if run.SessionsEnded > 0 {
		list = append(list, audit.Change{Field: "sessions", From: strconv.Itoa(run.SessionsEnded), To: "0"})
	}
	return list
}

// maxShutEvents is how many people of one run the audit trail names one by one.
const maxShutEvents = 500

// shutEvents name who was shut out or let in again, each at their own account.
func (a Application) shutEvents(run Run) []audit.Event {
	var events []audit.Event
	for _, change := range a.Plan.People {
		if change.State == "" || change.Kind == ldapsync.AddPerson || change.Kind == ldapsync.UpdatePerson || len(events) == maxShutEvents {
			continue
		}
		if change.Kind == ldapsync.LinkPerson && change.State == users.Enabled {
			continue
		}
		events = append(events, audit.Event{At: a.Now, Action: audit.DirectoryState, Who: system, Record: a.Record.Key, User: change.User.String(),
			Reason: "run " + run.ID, Changes: []audit.Change{{Field: "state", To: string(change.State)}, {Field: "why", To: change.Why}}})
	}
	return events
}
