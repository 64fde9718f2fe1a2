package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/saml"
)

// Author is who changes something, and why.
type Author struct {
	Who    string // an administrator's name, or how the command line names its user
	Reason string // "" when none was given
	Now    time.Time
}

// system is the author of what nobody asked for.
const system = "system"

// Applied says what a file changed, by key and in the file's order.
type Applied struct {
	Created, Changed, Unchanged []string // records
	GroupsCreated               []string
	GroupsChanged               []string
	SessionsEnded               int // of records that the file switches off (S53)
}

// Apply makes the records and groups of a file so: all of them, or none.
// Records and groups that the file does not name stay as they are. A record
// gets a new version when its document changes; a new record gets a key of its
// own. Every change is in the audit trail, from what to what.
//
// The file has been checked by itself; what only the database can tell is
// checked here, and comes back as fault.Invalid with every problem at its field.
func (s *Store) Apply(ctx context.Context, file idms.File, by Author) (Applied, error) {
	keys, err := s.keysFor(ctx, file.Records, by.Now)
	if err != nil {
		return Applied{}, err
	}
	var applied Applied
	err = s.InTx(ctx, func(tx *Tx) error {
		applied = Applied{}
		if err := tx.lockChanges(); err != nil {
			return err
		}
		if err := tx.applyGroups(file.Groups, by, &applied); err != nil {
			return err
		}
		if err := tx.checkRecords(file.Records); err != nil {
			return err
		}
		current, err := tx.currentDocuments()
		if err != nil {
			return err
		}
		if err := tx.lockRecords(idsOf(file.Records, current)); err != nil {
			return err
		}
		for _, record := range file.Records {
			if err := tx.applyRecord(record, current[record.Key], keys[record.Key], by, &applied); err != nil {
				return fmt.Errorf("record %s: %w", record.Key, err)
			}
		}
		return nil
	})
	if err != nil {
		return Applied{}, err
	}
	return applied, nil
}

// keysFor makes keys for the records that are new. An RSA key takes long, and
// the transaction must not.
func (s *Store) keysFor(ctx context.Context, list []idms.Record, now time.Time) (map[string]saml.Key, error) {
	var known []string
	if err := s.read.WithContext(ctx).Model(&recordRow{}).Pluck("key", &known).Error; err != nil {
		return nil, wrap(err, "list records")
	}
	keys := map[string]saml.Key{}
	for _, record := range list {
		if slices.Contains(known, record.Key) {
			continue
		}
		key, err := s.newSPKey(record, now)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", record.Key, err)
		}
		keys[record.Key] = key
	}
	return keys, nil
}

func (tx *Tx) applyGroups(list []groups.Group, by Author, applied *Applied) error {
	known, err := tx.groups()
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, group := range known {
		names[group.Key] = group.Name
	}
	var events []audit.Event
	for _, group := range list {
		name, ok := names[group.Key]
		if ok && name == group.Name {
			continue
		}
		event := audit.Event{At: by.Now, Action: audit.GroupCreated, Who: by.Who, Reason: by.Reason, Group: group.Key,
			Changes: []audit.Change{{Field: "name", From: name, To: group.Name}}}
		if ok {
			event.Action = audit.GroupChanged
			applied.GroupsChanged = append(applied.GroupsChanged, group.Key)
		} else {
			applied.GroupsCreated = append(applied.GroupsCreated, group.Key)
		}
		row := groupRow{ID: NewID(), Key: group.Key, Name: group.Name}
		err := tx.db.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "key"}},
			DoUpdates: clause.AssignmentColumns([]string{"name"}),
		}).Create(&row).Error
		if err != nil {
			return wrap(err, "save a group")
		}
		events = append(events, event)
	}
	return tx.Audit(events...)
}

// checkRecords finds what a record's own check cannot see.
func (tx *Tx) checkRecords(list []idms.Record) error {
	known, err := tx.groups()
	if err != nil {
		return err
	}
	exists := map[string]bool{}
	for _, group := range known {
		exists[group.Key] = true
	}
	var problems fault.Problems
	for i, record := range list {
		at := func(field string, args ...any) string {
			return fault.Join(fmt.Sprintf("records[%d]", i), fmt.Sprintf(field, args...))
		}
		if record.Association == idms.FromDirectory {
			problems.Add(at("association_type"), "Groups cannot come from a directory in this release: directory sync is not part of it. Write manual.")
		}
		for j, association := range record.Associations {
			if !exists[association.Group] {
				problems.Add(at("associations[%d].group", j), "There is no group %q. Add it under groups, or correct the key.", association.Group)
			}
		}
	}
	return problems.Err()
}

func (tx *Tx) currentDocuments() (map[string]documentRow, error) {
	var rows []documentRow
	if err := tx.db.Raw(documents + ` AND v.version = r.version`).Scan(&rows).Error; err != nil {
		return nil, wrap(err, "read records")
	}
	current := map[string]documentRow{}
	for _, row := range rows {
		current[row.Key] = row
	}
	return current, nil
}

func idsOf(list []idms.Record, current map[string]documentRow) []string {
	var ids []string
	for _, record := range list {
		if row, ok := current[record.Key]; ok {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

func (tx *Tx) applyRecord(record idms.Record, before documentRow, key saml.Key, by Author, applied *Applied) error {
	document, err := record.MarshalDocument()
	if err != nil {
		return err
	}
	if string(document) == before.Document {
		applied.Unchanged = append(applied.Unchanged, record.Key)
		return nil
	}
	changes, err := audit.Diff([]byte(before.Document), document)
	if err != nil {
		return err
	}
	record.ID, record.Version = before.ID, before.Version
	event := audit.Event{At: by.Now, Action: audit.RecordChanged, Who: by.Who, Reason: by.Reason, Record: record.Key, Changes: changes}
	if record.ID == "" {
		event.Action = audit.RecordCreated
		applied.Created = append(applied.Created, record.Key)
	} else {
		applied.Changed = append(applied.Changed, record.Key)
	}
	if err := tx.saveVersion(record, document, by); err != nil {
		return err
	}
	if record.ID == "" {
		if err := tx.saveSPKey(record.Key, key, by.Now); err != nil {
			return err
		}
	}
	if err := tx.Audit(event); err != nil {
		return err
	}
	if record.ID == "" || record.State == idms.Active {
		return nil
	}
	// S53: a record that is switched off ends its sessions.
	ended, err := endSessions(tx.db, "record_id = ?", record.ID)
	applied.SessionsEnded += ended
	if err != nil || ended == 0 {
		return err
	}
	return tx.Audit(audit.Event{At: by.Now, Action: audit.SessionsEnded, Who: by.Who, Reason: by.Reason, Record: record.Key,
		Changes: []audit.Change{{Field: "sessions", From: strconv.Itoa(ended), To: "0"}}})
}

// saveVersion writes the next version of a record, the first when it has no ID
// yet, and puts it in force.
func (tx *Tx) saveVersion(record idms.Record, document []byte, by Author) error {
	row := recordRow{
		ID: record.ID, Key: record.Key, Version: record.Version + 1,
		State: string(record.State), Name: record.Name, Label: record.Button.Label, Icon: record.Button.Icon,
	}
	var err error
	if row.ID == "" {
		row.ID = NewID()
		err = tx.db.Create(&row).Error
	} else {
		err = tx.db.Select("*").Updates(&row).Error
	}
	if err != nil {
		return wrap(err, "save a record")
	}
	return wrap(tx.db.Create(&versionRow{
		RecordID: row.ID, Version: row.Version, Document: string(document),
		Author: by.Who, Reason: by.Reason, At: micros(by.Now),
	}).Error, "save a version")
}

// saveSPKey seals the first key of a new record.
func (tx *Tx) saveSPKey(recordKey string, key saml.Key, now time.Time) error {
	var record recordRow
	if err := tx.db.Select("id").Take(&record, "key = ?", recordKey).Error; err != nil {
		return wrap(err, "find the new record")
	}
	row := secretRow{RecordID: record.ID, Purpose: purposeSPKey, N: 1, Created: micros(now)}
	var err error
	if row.Sealed, err = tx.store.box.Seal(key.PEM(), row.place()); err != nil {
		return wrap(err, "seal a key")
	}
	return wrap(tx.db.Create(&row).Error, "save a key")
}
