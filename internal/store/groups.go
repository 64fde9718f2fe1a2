package store

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
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
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		pointing, err := tx.rulesPointingAt(key)
		if err != nil {
			return err
		}
		if len(pointing) > 0 {
			return fault.New(fault.Conflict, "The group %q cannot be deleted, because rules add people to it: %s. Take these rules away first.",
				key, strings.Join(pointing, ", "))
		}
		var group groupRow
		found := tx.db.Limit(1).Find(&group, "key = ?", asked(key))
		if found.Error != nil {
			return wrap(found.Error, "find a group")
		}
		if found.RowsAffected == 0 {
			return fault.New(fault.NotFound, "There is no group %q.", key)
		}
		if err := tx.db.Delete(&group).Error; err != nil {
			return wrap(err, "delete a group")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.GroupDeleted, Who: by.Who, Reason: by.Reason, Group: key,
			Changes: []audit.Change{{Field: "name", From: group.Name}}})
	})
}

// rulesPointingAt are the associations of all current records whose group it
// is, as record-key/rule-key.
func (tx *Tx) rulesPointingAt(group string) ([]string, error) {
	all, err := records(tx.db)
	if err != nil {
		return nil, err
	}
	var pointing []string
	for _, record := range all {
		for _, association := range record.Associations {
			if association.Group == group {
				pointing = append(pointing, fmt.Sprintf("%s/%s", record.Key, association.Key))
			}
		}
	}
	return pointing, nil
}
