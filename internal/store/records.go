package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/saml"
)

// Edition says which version of a record is in force, without its document.
type Edition struct {
	ID      string
	Key     string
	Name    string
	Version int
	State   idms.State
}

// Choice is a record as the login page needs it.
type Choice struct {
	Key     string
	Name    string
	Label   string // of the button; "" is the name
	HasIcon bool   // Icon has it
	Version int    // changes with everything here, the icon included
}

// Version is one version of a record, without its document.
type Version struct {
	Number int
	Author string
	Reason string
	At     time.Time
}

type recordRow struct {
	ID      string `gorm:"primaryKey"`
	Key     string
	Version int
	State   string
	Name    string
	Label   string
	Icon    []byte
}

func (recordRow) TableName() string { return "records" }

type versionRow struct {
	RecordID string `gorm:"primaryKey"`
	Version  int    `gorm:"primaryKey;autoIncrement:false"`
	Document string
	Author   string
	Reason   string
	At       int64
}

func (versionRow) TableName() string { return "record_versions" }

// recordColumns are the columns of records r that make an Edition, named for a
// recordRow embedded with the prefix r_.
var recordColumns = columns("r", "id", "key", "name", "version", "state")

// documentRow is a record's document and what it does not say itself.
type documentRow struct {
	ID       string
	Key      string
	Version  int
	Document string
}

// deleted is the state of a row whose record is gone. The row stays for its
// versions, by which the traces of its logins are explained.
const deleted = "deleted"

const documents = `SELECT r.id, r.key, v.version, v.document
	FROM records r JOIN record_versions v ON v.record_id = r.id`

// inForce are the documents of all records that there are.
const inForce = documents + ` AND v.version = r.version AND r.state <> '` + deleted + `'`

func (row documentRow) record() (idms.Record, error) {
	record, err := idms.ParseDocument([]byte(row.Document))
	if err != nil {
		return idms.Record{}, fmt.Errorf("store: record %s, version %d: %w", row.Key, row.Version, err)
	}
	record.ID, record.Key, record.Version = row.ID, row.Key, row.Version
	return record, nil
}

// Records are all records in their current versions, by key, the built-in one
// included.
func (s *Store) Records(ctx context.Context) ([]idms.Record, error) {
	return records(s.read.WithContext(ctx))
}

// Connections are all records as far as they speak of the provider and the
// directory, by key, the built-in one excepted; of keys that are named, those alone.
// It costs a small part of Records.
func (s *Store) Connections(ctx context.Context, keys ...string) ([]idms.Connection, error) {
	statement, args := inForce+` AND r.key <> ?`, []any{idms.LocalKey}
	if len(keys) > 0 {
		statement, args = statement+` AND r.key IN ?`, append(args, keys)
	}
	var rows []documentRow
	err := s.read.WithContext(ctx).Raw(statement+` ORDER BY r.key`, args...).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "read records")
	}
	all := make([]idms.Connection, len(rows))
	for i, row := range rows {
		if all[i], err = idms.ParseConnection([]byte(row.Document)); err != nil {
			return nil, fmt.Errorf("store: record %s, version %d: %w", row.Key, row.Version, err)
		}
		all[i].ID, all[i].Key, all[i].Version = row.ID, row.Key, row.Version
	}
	return all, nil
}

func records(db *gorm.DB) ([]idms.Record, error) {
	var rows []documentRow
	err := db.Raw(inForce + ` ORDER BY r.key`).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "read records")
	}
	all := make([]idms.Record, len(rows))
	for i, row := range rows {
		if all[i], err = row.record(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Record is the current version of a record, or fault.NotFound.
func (s *Store) Record(ctx context.Context, key string) (idms.Record, error) {
	return s.document(ctx, key, inForce+` WHERE r.key = ?`, key)
}

// RecordAt is one version of a record, current or former, or fault.NotFound. The
// versions of a deleted record are still there, for the traces of its logins.
func (s *Store) RecordAt(ctx context.Context, key string, version int) (idms.Record, error) {
	return s.document(ctx, key, documents+` WHERE r.key = ? AND v.version = ?`, key, version)
}

func (s *Store) document(ctx context.Context, key, statement string, args ...any) (idms.Record, error) {
	if !idms.IsKey(key) {
		return idms.Record{}, noRecord(key)
	}
	var row documentRow
	found := s.read.WithContext(ctx).Raw(statement, args...).Scan(&row)
	if found.Error != nil {
		return idms.Record{}, wrap(found.Error, "read a record")
	}
	if found.RowsAffected == 0 {
		return idms.Record{}, noRecord(key)
	}
	return row.record()
}

// Edition is the version of a record that is in force now, or fault.NotFound: a
// cheap question, asked at every login so that nothing stale is ever used.
func (s *Store) Edition(ctx context.Context, key string) (Edition, error) {
	return findEdition(s.read.WithContext(ctx), key)
}

// edition is Store.Edition within a transaction.
func (tx *Tx) edition(key string) (Edition, error) { return findEdition(tx.db, key) }

func findEdition(db *gorm.DB, key string) (Edition, error) {
	if !idms.IsKey(key) {
		return Edition{}, noRecord(key)
	}
	var row recordRow
	err := db.Select("id", "key", "name", "version", "state").Take(&row, "key = ? AND state <> ?", key, deleted).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Edition{}, noRecord(key)
	}
	return row.edition(), wrap(err, "look up a record")
}

func (row recordRow) edition() Edition {
	return Edition{ID: row.ID, Key: row.Key, Name: row.Name, Version: row.Version, State: idms.State(row.State)}
}

func noRecord(key string) error {
	if !idms.IsKey(key) {
		return errNoSuchRecord
	}
	return fault.New(fault.NotFound, "There is no record %q.", key)
}

// errNoSuchRecord does not repeat what was asked for: the sentence stands on a
// page of ours, and anybody can write anything into an address.
var errNoSuchRecord = fault.New(fault.NotFound, "There is no such record.")

// Choices are the active records, by name, for the login page.
func (s *Store) Choices(ctx context.Context) ([]Choice, error) {
	var choices []Choice
	err := s.read.WithContext(ctx).Raw(`SELECT key, name, label, version, COALESCE(length(icon), 0) > 0 AS has_icon
		FROM records WHERE state = ? AND key <> ? ORDER BY lower(name), key`, idms.Active, idms.LocalKey).Scan(&choices).Error
	return choices, wrap(err, "list the choices")
}

// Icon is the picture on a record's button, or fault.NotFound.
func (s *Store) Icon(ctx context.Context, key string) ([]byte, error) {
	noIcon := fault.New(fault.NotFound, "There is no icon of such a record.")
	if !idms.IsKey(key) {
		return nil, noIcon
	}
	var row recordRow
	err := s.read.WithContext(ctx).Select("icon").Take(&row, "key = ? AND state <> ?", key, deleted).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && len(row.Icon) == 0 {
		return nil, noIcon
	}
	return row.Icon, wrap(err, "read an icon")
}

// Versions are all versions of a record, newest first, or fault.NotFound.
func (s *Store) Versions(ctx context.Context, key string) ([]Version, error) {
	if !idms.IsKey(key) {
		return nil, noRecord(key)
	}
	var rows []versionRow
	err := s.read.WithContext(ctx).Raw(`SELECT v.version, v.author, v.reason, v.at
		FROM record_versions v JOIN records r ON r.id = v.record_id
		WHERE r.key = ? AND r.state <> ? ORDER BY v.version DESC`, key, deleted).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "list versions")
	}
	if len(rows) == 0 {
		return nil, noRecord(key)
	}
	versions := make([]Version, len(rows))
	for i, row := range rows {
		versions[i] = Version{Number: row.Version, Author: row.Author, Reason: row.Reason, At: instant(row.At)}
	}
	return versions, nil
}

// purposeSPKey is what a record's own SAML keys are kept for.
const purposeSPKey = "sp-key"

type secretRow struct {
	RecordID string `gorm:"primaryKey"`
	Purpose  string `gorm:"primaryKey"`
	N        int    `gorm:"primaryKey;autoIncrement:false"`
	Sealed   []byte
	Created  int64
	Part     string // of an SP key in a roll-over
	Since    int64  // it has played this part; 0 is since it was made
}

func (secretRow) TableName() string { return "secrets" }

// place is what the secret is sealed for: it opens in this row alone.
func (row secretRow) place() []byte {
	return fmt.Appendf(nil, "secrets/%s/%s/%d", row.RecordID, row.Purpose, row.N)
}

// ensureBuiltIn makes the built-in record at the first start: the one that local
// people belong to (S40), without an identity provider and without a button.
//
// With it come the groups whose members are administrators.
func (s *Store) ensureBuiltIn(ctx context.Context, now time.Time) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		for _, role := range roles.All() {
			group := groupRow{ID: NewID(), Key: role.Group(), Name: role.GroupName()}
			done := tx.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "key"}}, DoNothing: true}).Create(&group)
			if done.Error != nil {
				return wrap(done.Error, "make a built-in group")
			}
		}
		var there int64
		if err := tx.db.Model(&recordRow{}).Where("key = ?", idms.LocalKey).Count(&there).Error; err != nil || there > 0 {
			return err
		}
		local := idms.Record{Key: idms.LocalKey, Name: "Local people", State: idms.Active}
		document, err := local.MarshalDocument()
		if err != nil {
			return err
		}
		return tx.saveVersion(local, document, string(local.State), Author{Who: system, Reason: "built in", Now: now})
	})
}

// newSPKey makes a key under a name that an administrator of the provider will
// read in the certificate.
func (s *Store) newSPKey(record idms.Record, now time.Time) (saml.Key, error) {
	name := []rune("idms " + record.Key)
	return s.newKey(string(name[:min(len(name), 64)]), now)
}
