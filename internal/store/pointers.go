package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"idms/internal/groups"
	"idms/internal/idms"
)

// Which rules point at a group is read from the documents of the records without
// compiling one of their patterns.

// namedAssociations are the associations of some records, by key of the record.
type namedAssociations []struct {
	record string
	list   []groups.Association
}

// associations are those of all records that there are, by key; with a condition,
// of those records r and versions v that it holds for.
func associations(db *gorm.DB, where string, args ...any) (namedAssociations, error) {
	if where != "" {
		where = " WHERE " + where
	}
	var rows []documentRow
	if err := db.Raw(inForce+where+" ORDER BY r.key", args...).Scan(&rows).Error; err != nil {
		return nil, wrap(err, "read associations")
	}
	all := make(namedAssociations, len(rows))
	for i, row := range rows {
		var err error
		all[i].record = row.Key
		if all[i].list, err = idms.ParseAssociations([]byte(row.Document)); err != nil {
			return nil, fmt.Errorf("store: record %s, version %d: %w", row.Key, row.Version, err)
		}
	}
	return all, nil
}

// pointingAt are those of the associations that name a group.
func (all namedAssociations) pointingAt(group string) []groups.Pointer {
	var pointing []groups.Pointer
	for _, one := range all {
		pointing = append(pointing, groups.Pointing(group, one.record, one.list)...)
	}
	return pointing
}

// Pointers are the rules that point at a group, of whatever record and by its key,
// those that are switched off included (S38).
func (s *Store) Pointers(ctx context.Context, group string) ([]groups.Pointer, error) {
	return s.pointers(s.read.WithContext(ctx), group)
}

func (s *Store) pointers(db *gorm.DB, group string) ([]groups.Pointer, error) {
	if !idms.IsKey(group) {
		return nil, nil
	}
	where, mark := s.mayPointAt(group)
	all, err := associations(db, where, mark)
	return all.pointingAt(group), err
}

// mayPointAt is a condition on versions v that holds for every document which
// points at a group, and for few others, so that most are not read by us: these
// bytes are in it, as MarshalDocument writes them.
func (s *Store) mayPointAt(group string) (where string, mark any) {
	where = "strpos(v.document, ?) > 0"
	if s.dialect == onSQLite {
		where = "instr(v.document, ?) > 0"
	}
	return where, `"group":"` + group + `"`
}
