package store

import (
	"context"

	"gorm.io/gorm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
)

type groupRow struct {
	ID   string `gorm:"primaryKey"`
	Key  string
	Name string
}

func (groupRow) TableName() string { return "groups" }

// Groups are all groups, by key.
func (s *Store) Groups(ctx context.Context) ([]groups.Group, error) {
	return allGroups(s.read.WithContext(ctx))
}

func (tx *Tx) groups() ([]groups.Group, error) { return allGroups(tx.db) }

func allGroups(db *gorm.DB) ([]groups.Group, error) {
	var rows []groupRow
	if err := db.Order("key").Find(&rows).Error; err != nil {
		return nil, wrap(err, "list groups")
	}
	all := make([]groups.Group, len(rows))
	for i, row := range rows {
		all[i] = groups.Group(row)
	}
	return all, nil
}

// DeleteGroup deletes a group and its memberships. A group that a rule points
// at stays: fault.Conflict, with the rules' names (S38). Rules of every record
// count, also those that are switched off.
func (s *Store) DeleteGroup(ctx context.Context, key string, by Author) error {
	noGroup := fault.New(fault.NotFound, "There is no such group.")
	if !idms.IsKey(key) {
		return noGroup
	}
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		pointing, err := tx.rulesPointingAt(key)
		if err != nil {
			return err
		}
		if err := groups.Deletable(key, pointing); err != nil {
			return err
		}
		var group groupRow
		found := tx.db.Limit(1).Find(&group, "key = ?", key)
		if found.Error != nil {
			return wrap(found.Error, "find a group")
		}
		if found.RowsAffected == 0 {
			return noGroup
		}
		if err := tx.db.Delete(&group).Error; err != nil {
			return wrap(err, "delete a group")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.GroupDeleted, Who: by.Who, Reason: by.Reason, Group: key,
			Changes: []audit.Change{{Field: "name", From: group.Name}}})
	})
}

// rulesPointingAt are the associations of all current records that name a group.
func (tx *Tx) rulesPointingAt(group string) ([]groups.Pointer, error) {
	all, err := records(tx.db)
	if err != nil {
		return nil, err
	}
	var pointing []groups.Pointer
	for _, record := range all {
		pointing = append(pointing, groups.Pointing(group, record.Key, record.Associations)...)
	}
	return pointing, nil
}
