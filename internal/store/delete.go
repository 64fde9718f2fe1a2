package store

import (
	"slices"
	"strconv"
	"strings"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
)

// deleteRecord takes a record away with all that only it gave meaning to: its
// sessions, its people with their memberships, its own keys. A later record by
// the same key is another provider's, and must not inherit the accounts of this
// one (S40). What tells of the past stays: the audit trail, the traces, and the
// versions, of which one more says who deleted the record and why.
// docs/decisions/0012-what-a-deletion-leaves.md has the reasons.
func (tx *Tx) deleteRecord(row documentRow, by Author, applied *Applied) error {
	record, err := row.record()
	if err != nil {
		return err
	}
	if err := tx.mayChange(record, by); err != nil {
		return err
	}
	difference := Difference{Key: record.Key, Name: record.Name, Kind: Deleted, Version: record.Version + 1}
	if difference.SessionsEnded, err = tx.endSessionsOf(record, by); err != nil {
		return err
	}
	if difference.Memberships, err = tx.count("SELECT count(*) FROM (SELECT DISTINCT m.user_id, m.group_key FROM membership_sources m JOIN users u ON u.id = m.user_id WHERE u.record_id = ?) of_theirs", record.ID); err != nil {
		return err
	}
	gone := tx.db.Exec("DELETE FROM users WHERE record_id = ?", record.ID) // and their memberships
	if gone.Error != nil {
		return wrap(gone.Error, "delete the people of a record")
	}
	difference.People = int(gone.RowsAffected)
	for _, table := range []string{"secrets", "pending_requests", "pending_logouts", "test_logins",
		"metadata_sources", "certificate_uses", "directory_groups", "directory_states"} {
		if err := tx.db.Exec("DELETE FROM "+table+" WHERE record_id = ?", record.ID).Error; err != nil {
			return wrap(err, "delete what belongs to a record")
		}
	}

	if err := tx.db.Exec("DELETE FROM kept_responses WHERE record_key = ?", record.Key).Error; err != nil {
		return wrap(err, "delete the responses of a record")
	}

	// A version of its own, so that no login goes on by the former one (ErrStale).
	record.State = idms.Disabled
	document, err := record.MarshalDocument()
	if err != nil {
		return err
	}
	if err := tx.saveVersion(record, document, deleted, by); err != nil {
		return err
	}
	applied.Records = append(applied.Records, difference)
	applied.SessionsEnded += difference.SessionsEnded
	return tx.Audit(audit.Event{At: by.Now, Action: audit.RecordDeleted, Who: by.Who, Reason: by.Reason, Record: record.Key,
		Changes: []audit.Change{
			{Field: "name", From: record.Name},
			{Field: "people", From: strconv.Itoa(difference.People), To: "0"},
			{Field: "memberships", From: strconv.Itoa(difference.Memberships), To: "0"},
		}})
}

// pruneGroups deletes the groups that a file does not name. All that cannot go
// are told at once, with the rules that point at them (S38).
func (tx *Tx) pruneGroups(named []groups.Group, by Author, applied *Applied) error {
	known, err := tx.groups()
	if err != nil {
		return err
	}
	known = slices.DeleteFunc(known, isBuiltIn)
	kept := map[string]bool{}
	for _, group := range named {
		kept[group.Key] = true
	}
	fromDirectories, err := tx.groupsOfDirectories()
	if err != nil {
		return err
	}
	for key := range fromDirectories {
		kept[key] = true // no file names them
	}
	all, err := associations(tx.db, "")
	if err != nil {
		return err
	}
	var inTheWay []string
	for _, group := range known {
		if kept[group.Key] {
			continue
		}
		if err := groups.Deletable(group.Key, all.pointingAt(group.Key)); err != nil {
			inTheWay = append(inTheWay, fault.Sentence(err))
		}
	}
	// S38's reasons come first: they are the more exact ones.
	if len(inTheWay) == 0 && len(named) == 0 && len(known) > 0 {
		return fault.New(fault.Conflict, "The files name no group, so pruning would delete all %d of them, with their members. Name those that stay, or leave pruning out.", len(known))
	}
	if len(inTheWay) > 0 {
		return fault.New(fault.Conflict, "%s", strings.Join(inTheWay, "\n"))
	}
	for _, group := range known {
		if kept[group.Key] {
			continue
		}
		if err := tx.deleteGroup(group, by, applied); err != nil {
			return err
		}
	}
	return nil
}

// deleteGroup takes a group away, and its members out of it.
func (tx *Tx) deleteGroup(group groups.Group, by Author, applied *Applied) error {
	members, err := tx.count("SELECT count(DISTINCT user_id) FROM membership_sources WHERE group_key = ?", group.Key)
	if err != nil {
		return err
	}
	if err := tx.db.Delete(&groupRow{ID: group.ID}).Error; err != nil {
		return wrap(err, "delete a group")
	}
	applied.Groups = append(applied.Groups, Difference{Key: group.Key, Name: group.Name, Kind: Deleted, People: members, Memberships: members})
	return tx.Audit(audit.Event{At: by.Now, Action: audit.GroupDeleted, Who: by.Who, Reason: by.Reason, Group: group.Key,
		Changes: []audit.Change{{Field: "name", From: group.Name}, {Field: "members", From: strconv.Itoa(members), To: "0"}}})
}

func (tx *Tx) count(statement string, args ...any) (int, error) {
	var n int
	return n, wrap(tx.db.Raw(statement, args...).Row().Scan(&n), "count")
}
