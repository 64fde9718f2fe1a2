package store

import (
	"context"
	"database/sql"
	"slices"

	"gorm.io/gorm"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
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

// File is all that a record file can hold, as it is at one instant: groups and
// records, each by key. What is built in is not among them, and no secret.
func (s *Store) File(ctx context.Context) (idms.File, error) {
	var file idms.File
	err := s.read.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		var err error
		if file.Groups, err = allGroups(db); err != nil {
			return err
		}
		file.Groups = slices.DeleteFunc(file.Groups, isBuiltIn)
		file.Records, err = records(db)
		file.Records = slices.DeleteFunc(file.Records, func(r idms.Record) bool { return r.Key == idms.LocalKey })
		return err
	}, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	return file, err
}

// isBuiltIn is true for the groups that make administrators. They are there
// always, and no file names them.
func isBuiltIn(group groups.Group) bool {
	_, builtIn := roles.OfGroup(group.Key)
	return builtIn
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
	if !idms.IsKey(key) {
		return errNoSuchGroup
	}
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		return tx.deleteGroupByKey(key, by)
	})
}

func (tx *Tx) deleteGroupByKey(key string, by Author) error {
	if isBuiltIn(groups.Group{Key: key}) {
		return fault.New(fault.Conflict, "The members of %s are administrators: it cannot be deleted.", key)
	}
	pointing, err := tx.store.pointers(tx.db, key)
	if err != nil {
		return err
	}
	if err := groups.Deletable(key, pointing); err != nil {
		return err
	}
	kept, err := tx.groupsOfDirectories()
	if err != nil {
		return err
	}
	if record := kept[key]; record != "" {
		return fault.New(fault.Conflict, "The group %s comes from the directory of %s, whose next sync would make it again. Leave it out of the group filter there first.", key, record)
	}
	var group groupRow
	found := tx.db.Limit(1).Find(&group, "key = ?", key)
	if found.Error != nil {
		return wrap(found.Error, "find a group")
	}
	if found.RowsAffected == 0 {
		return errNoSuchGroup
	}
	return tx.deleteGroup(groups.Group(group), by, &Applied{})
}
