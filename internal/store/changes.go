package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/users"
)

// Changes of one thing at a time, by somebody who has seen it before.

// ErrChanged is in the chain of the error for who wants to change what somebody
// else has changed meanwhile; its kind is fault.Conflict.
var ErrChanged = errors.New("store: it was changed meanwhile")

// expected is nil when the records are in the versions that their author has seen,
// and fault.Conflict otherwise.
func (tx *Tx) expected(versions map[string]int, current map[string]documentRow) error {
	for key, seen := range versions {
		row, there := current[key]
		switch {
		case seen == 0 && there:
			return fault.New(fault.Conflict, "There is a record %s already. Choose another key, or change that one.", key)
		case seen == 0 || there && row.Version == seen:
		case !there:
			return noRecord(key)
		default:
			var last versionRow
			err := tx.db.Limit(1).Find(&last, "record_id = ? AND version = ?", row.ID, row.Version).Error
			if err != nil {
				return wrap(err, "read a version")
			}
			return fault.Hide(ErrChanged, fault.Conflict, fmt.Sprintf(
				"The record was changed by %s at %s: it is at version %d now, and you have seen %d. Read it again, and make your change anew.",
				last.Author, instant(last.At).Format(time.RFC3339), row.Version, seen))
		}
	}
	return nil
}

// DeleteRecord deletes a record in the version that its author has seen, with what
// docs/decisions/0012-what-a-deletion-leaves.md names. The built-in record stays:
// fault.Conflict.
func (s *Store) DeleteRecord(ctx context.Context, key string, seen int, by Author, how How) (Difference, error) {
	if key == idms.LocalKey {
		return Difference{}, fault.New(fault.Conflict, "The built-in record cannot be deleted: local people belong to it.")
	}
	if !idms.IsKey(key) {
		return Difference{}, errNoSuchRecord
	}
	var applied Applied
	err := s.InTx(ctx, func(tx *Tx) error {
		applied = Applied{}
		if err := tx.lockChanges(); err != nil {
			return err
		}
		current, err := tx.currentDocuments()
		if err != nil {
			return err
		}
		if err := tx.expected(map[string]int{key: seen}, current); err != nil {
			return err
		}
		if err := tx.lockRecords([]string{current[key].ID}); err != nil {
			return err
		}
		err = tx.keepingAnOwner(func() error { return tx.deleteRecord(current[key], by, &applied) })
		if err != nil {
			return err
		}
		if how.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return Difference{}, err
	}
	return applied.Records[0], nil
}

// CreateGroup makes a group, which has been checked; fault.Conflict when there is
// one by its key.
func (s *Store) CreateGroup(ctx context.Context, group groups.Group, by Author) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		used, err := tx.count("SELECT count(*) FROM groups WHERE key = ?", group.Key)
		if err != nil {
			return err
		}
		if used > 0 {
			return fault.New(fault.Conflict, "There is a group %s already. Choose another key, or rename that one.", group.Key)
		}
		return tx.applyGroups([]groups.Group{group}, by, &Applied{})
	})
}

// RenameGroup gives a group another name. before is the name that its author has
// seen.
func (s *Store) RenameGroup(ctx context.Context, group groups.Group, before string, by Author) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.seenGroup(group.Key, before); err != nil {
			return err
		}
		return tx.applyGroups([]groups.Group{group}, by, &Applied{})
	})
}

// DeleteSeenGroup is DeleteGroup for who has seen the group by this name.
func (s *Store) DeleteSeenGroup(ctx context.Context, key, name string, by Author) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.seenGroup(key, name); err != nil {
			return err
		}
		return tx.deleteGroupByKey(key, by)
	})
}

// seenGroup locks out other changes and is nil when the group is as somebody has
// seen it.
func (tx *Tx) seenGroup(key, name string) error {
	if err := tx.lockChanges(); err != nil {
		return err
	}
	if !idms.IsKey(key) {
		return errNoSuchGroup
	}
	var row groupRow
	found := tx.db.Limit(1).Find(&row, "key = ?", key)
	switch {
	case found.Error != nil:
		return wrap(found.Error, "find a group")
	case found.RowsAffected == 0:
		return errNoSuchGroup
	case row.Name != name:
		return fault.Hide(ErrChanged, fault.Conflict, fmt.Sprintf("The group is called %q now. Read it again, and make your change anew.", row.Name))
	}
	return nil
}

// AddMember puts a person into a group by hand (S36). Who is a member already gets
// one more reason to be (S35); the same reason twice is one.
func (s *Store) AddMember(ctx context.Context, group, userID string, by Author) error {
	return s.changeMember(ctx, group, userID, func(held []groups.Source) ([]groups.Change, audit.Action, error) {
		source := groups.Source{Kind: groups.Manual, By: by.Who, Since: by.Now}
		for _, one := range held {
			if one.Kind == source.Kind && one.By == source.By {
				return nil, "", nil
			}
		}
		return []groups.Change{{Group: group, Source: source}}, audit.MemberAdded, nil
	}, by)
}

// RemoveMember ends what administrators granted to a person (S36). Whoever is in
// the group for other reasons alone stays, and the reasons are told:
// fault.Conflict. Whoever has others besides stays for those.
func (s *Store) RemoveMember(ctx context.Context, group, userID string, by Author) error {
	return s.changeMember(ctx, group, userID, func(held []groups.Source) ([]groups.Change, audit.Action, error) {
		var changes []groups.Change
		var others string
		for _, source := range held {
			if source.Kind == groups.Manual {
				changes = append(changes, groups.Change{Group: group, Source: source, Remove: true})
			} else {
				others += ", " + source.Words()
			}
		}
		switch {
		case len(held) == 0:
			return nil, "", fault.New(fault.NotFound, "This person is not in the group %s.", group)
		case len(changes) == 0:
			return nil, "", fault.New(fault.Conflict, "Nobody added this person to the group %s by hand; they are in it %s. Change that instead.", group, others[2:])
		}
		return changes, audit.MemberRemoved, nil
	}, by)
}

func (s *Store) changeMember(ctx context.Context, group, userID string, decide func([]groups.Source) ([]groups.Change, audit.Action, error), by Author) error {
	if !idms.IsKey(group) {
		return errNoSuchGroup
	}
	if isBuiltIn(groups.Group{Key: group}) && !by.Role.May(roles.Owner) {
		return errOwnersOnly
	}
	return s.InTx(ctx, func(tx *Tx) error {
		// Groups stay as they are meanwhile, and so does the account.
		if err := tx.lockChanges(); err != nil {
			return err
		}
		there, err := tx.count("SELECT count(*) FROM groups WHERE key = ?", group)
		if err != nil {
			return err
		}
		if there == 0 {
			return errNoSuchGroup
		}
		account, record, err := tx.lockUser(userID)
		if err != nil {
			return err
		}
		all, err := memberships(tx.db, account.ID)
		if err != nil {
			return err
		}
		var held []groups.Source
		for _, membership := range all {
			if membership.Group == group {
				held = membership.Sources
			}
		}
		changes, action, err := decide(held)
		if err != nil || len(changes) == 0 {
			return err
		}
		err = tx.keepingAnOwner(func() error { return tx.ApplyChanges(account.ID, changes, by.Now) })
		if err != nil {
			return err
		}
		event := audit.Event{At: by.Now, Action: action, Who: by.Who, Reason: by.Reason, Record: record, User: account.ID, Group: group}
		for _, change := range changes {
			said := audit.Change{Field: "sources", To: change.Source.Words()}
			if change.Remove {
				said.From, said.To = said.To, ""
			}
			event.Changes = append(event.Changes, said)
		}
		return tx.Audit(event)
	})
}

// lockUser keeps logins of an account out until the transaction ends, and returns
// it with the key of its record, or fault.NotFound.
func (tx *Tx) lockUser(userID string) (users.Account, string, error) {
	notFound := fault.New(fault.NotFound, "There is no such person.")
	if !isID(userID) {
		return users.Account{}, "", notFound
	}
	read := func() (userRow, error) {
		var row userRow
		found := tx.db.Limit(1).Find(&row, "id = ?", userID)
		if found.Error == nil && found.RowsAffected == 0 {
			return row, notFound
		}
		return row, wrap(found.Error, "find a person")
	}
	// What the lock is called by does not change: it is the account's key (S40).
	row, err := read()
	if err != nil {
		return users.Account{}, "", err
	}
	if err := tx.lockAccount(row.RecordID, row.UsernameFolded); err != nil {
		return users.Account{}, "", err
	}
	if row, err = read(); err != nil {
		return users.Account{}, "", err
	}
	var record recordRow
	if err := tx.db.Select("key").Take(&record, "id = ?", row.RecordID).Error; err != nil {
		return users.Account{}, "", wrap(err, "find a record")
	}
	return row.account(), record.Key, nil
}

// Block keeps a person from logging in and ends their sessions; it says how many.
// Whom the directory has disabled stays so: fault.Conflict.
func (s *Store) Block(ctx context.Context, userID string, by Author) (ended int, err error) {
	return s.setState(ctx, userID, users.Blocked, audit.UserBlocked, by)
}

// Unblock lets somebody log in again. What the directory has disabled is not ours to
// enable: fault.Conflict.
func (s *Store) Unblock(ctx context.Context, userID string, by Author) error {
	_, err := s.setState(ctx, userID, users.Enabled, audit.UserUnblocked, by)
	return err
}

func (s *Store) setState(ctx context.Context, userID string, to users.State, action audit.Action, by Author) (ended int, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		account, record, err := tx.lockUser(userID)
		if err != nil {
			return err
		}
		from := account.State
		if from == "" {
			from = users.Enabled
		}
		if from == users.Disabled {
			return fault.New(fault.Conflict, "The directory has disabled this person, and only the directory enables them again.")
		}
		if from == to {
			return nil
		}
		if err := tx.mayTouch(account.ID, by); err != nil {
			return err
		}
		account.State = to
		if err := tx.keepingAnOwner(func() error { return tx.UpdateUser(account) }); err != nil {
			return err
		}
		event := audit.Event{At: by.Now, Action: action, Who: by.Who, Reason: by.Reason, Record: record, User: account.ID,
			Changes: []audit.Change{{Field: "state", From: string(from), To: string(to)}}}
		if to != users.Enabled {
			if err := tx.db.Delete(&oneTimeRow{}, "user_id = ?", userID).Error; err != nil {
				return wrap(err, "forget one-time addresses")
			}
			if ended, err = endSessions(tx.db, "user_id = ?", userID); err != nil {
				return err
			}
			if ended > 0 {
				event.Changes = append(event.Changes, audit.Change{Field: "sessions", From: strconv.Itoa(ended), To: "0"})
			}
		}
		return tx.Audit(event)
	})
	return ended, err
}

// mayTouch keeps administrators from those who may do less than they: otherwise an
// editor could keep every owner out.
func (tx *Tx) mayTouch(userID string, by Author) error {
	list, err := memberships(tx.db, userID)
	if err != nil {
		return err
	}
	for _, membership := range list {
		if role, ok := roles.OfGroup(membership.Group); ok && !by.Role.May(role) {
			return fault.New(fault.Denied, "This person administers idms as %s. Only somebody who may do as much can do this to them.", role)
		}
	}
	return nil
}

// EndSessionsOfUser ends all sessions of a person, or is fault.NotFound.
func (s *Store) EndSessionsOfUser(ctx context.Context, userID string, by Author) (ended int, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		account, record, err := tx.lockUser(userID)
		if err != nil {
			return err
		}
		if err := tx.mayTouch(account.ID, by); err != nil {
			return err
		}
		ids, err := tx.EndSessionsOfPerson(account.ID)
		if ended = len(ids); err != nil || ended == 0 {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.SessionsEnded, Who: by.Who, Reason: by.Reason,
			Record: record, User: account.ID, Changes: EndedSessions(ids)})
	})
	return ended, err
}
