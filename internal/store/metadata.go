package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
)

// MetadataSource is what is remembered of the address that a record's metadata
// is read from.
type MetadataSource struct {
	RecordID       string
	URL            string
	Fetched        time.Time     // the last time that it could be read
	Fresh          time.Duration // for how long the provider says that it may be kept; 0 is nothing said
	ValidUntil     time.Time
	ETag, Modified string
	Asked          time.Time // the last time that a login asked for it

	Waiting      string // metadata that waits for approval; "" is none
	WaitingSince time.Time
	WaitingFor   []audit.Change // what it would change
}

type metadataRow struct {
	RecordID     string `gorm:"primaryKey"`
	URL          string
	Fetched      int64
	Fresh        int64
	ValidUntil   int64
	Etag         string
	Modified     string
	Asked        int64
	Waiting      string
	WaitingSince int64
	WaitingFor   string
}

func (metadataRow) TableName() string { return "metadata_sources" }

func (row metadataRow) source() (MetadataSource, error) {
	source := MetadataSource{
		RecordID: row.RecordID, URL: row.URL, Fetched: instant(row.Fetched), Fresh: time.Duration(row.Fresh) * time.Microsecond,
		ValidUntil: instant(row.ValidUntil), ETag: row.Etag, Modified: row.Modified, Asked: instant(row.Asked),
		Waiting: row.Waiting, WaitingSince: instant(row.WaitingSince),
	}
	if row.WaitingFor == "" {
		return source, nil
	}
	return source, wrap(json.Unmarshal([]byte(row.WaitingFor), &source.WaitingFor), "read what waits for approval")
}

// MetadataSources are those of all records, by the record's ID.
func (s *Store) MetadataSources(ctx context.Context) (map[string]MetadataSource, error) {
	var rows []metadataRow
	if err := s.read.WithContext(ctx).Find(&rows).Error; err != nil {
		return nil, wrap(err, "read metadata sources")
	}
	all := map[string]MetadataSource{}
	for _, row := range rows {
		source, err := row.source()
		if err != nil {
			return nil, err
		}
		all[row.RecordID] = source
	}
	return all, nil
}

// MetadataSource is that of one record and address; when the record was read
// from another address before, or from none, nothing but these two is in it.
func (s *Store) MetadataSource(ctx context.Context, recordID, url string) (MetadataSource, error) {
	var row metadataRow
	err := s.read.WithContext(ctx).Take(&row, "record_id = ? AND url = ?", recordID, url).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return MetadataSource{RecordID: recordID, URL: url}, nil
	}
	if err != nil {
		return MetadataSource{}, wrap(err, "read a metadata source")
	}
	return row.source()
}

// SaveMetadata writes what was read from a record's metadata address, and when
// record is not nil, a new version of it. The audit trail gets events. When the
// record has another version by now, or is gone, nothing is written and the
// error is ErrStale; one that its check refuses is fault.Invalid.
func (s *Store) SaveMetadata(ctx context.Context, source MetadataSource, record *idms.Record, by Author, events ...audit.Event) error {
	var waitingFor []byte
	if len(source.WaitingFor) > 0 {
		var err error
		if waitingFor, err = json.Marshal(source.WaitingFor); err != nil {
			return wrap(err, "write what waits for approval")
		}
	}
	return s.InTx(ctx, func(tx *Tx) error {
		if record != nil {
			if err := record.Check().Err(); err != nil {
				return err
			}
			if err := tx.saveNext(*record, by); err != nil {
				return err
			}
		}
		row := metadataRow{
			RecordID: source.RecordID, URL: source.URL, Fetched: micros(source.Fetched), Fresh: source.Fresh.Microseconds(),
			ValidUntil: micros(source.ValidUntil), Etag: source.ETag, Modified: source.Modified, Asked: micros(source.Asked),
			Waiting: source.Waiting, WaitingSince: micros(source.WaitingSince), WaitingFor: string(waitingFor),
		}
		if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return wrap(err, "save a metadata source")
		}
		return tx.Audit(events...)
	})
}

// saveNext puts a changed record in force, when it is still of the version that
// was changed. What makes administrators is for owners (fault.Denied).
func (tx *Tx) saveNext(record idms.Record, by Author) error {
	document, err := record.MarshalDocument()
	if err != nil {
		return err
	}
	if err := tx.lockChanges(); err != nil {
		return err
	}
	if err := tx.lockRecords([]string{record.ID}); err != nil {
		return err
	}
	var now recordRow
	err = tx.db.Select("version", "state").Take(&now, "id = ? AND key = ? AND state <> ?", record.ID, record.Key, deleted).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && now.Version != record.Version {
		return ErrStale
	}
	if err != nil {
		return wrap(err, "look up a record")
	}
	if err := tx.mayChange(record, by); err != nil {
		return err
	}
	return tx.saveVersion(record, document, string(record.State), by)
}

// AskForMetadata lets one caller, in all processes, read a record's metadata
// out of turn: true when nobody was let since before.
func (s *Store) AskForMetadata(ctx context.Context, recordID, url string, now, before time.Time) (bool, error) {
	done := s.write.WithContext(ctx).Exec(`INSERT INTO metadata_sources
			(record_id, url, fetched, fresh, valid_until, etag, modified, asked, waiting, waiting_since, waiting_for)
		VALUES (?, ?, 0, 0, 0, '', '', ?, '', 0, '')
		ON CONFLICT (record_id) DO UPDATE SET asked = excluded.asked WHERE metadata_sources.asked <= ?`,
		recordID, url, micros(now), micros(before))
	return done.RowsAffected == 1, wrap(done.Error, "ask for metadata")
}

// followAddress is for a record that is about to be written over its former
// version: what its metadata address said last is not for a file to undo, since
// files name the address alone, or what it said long ago.
func followAddress(record *idms.Record, former idms.Record) {
	if record.SAML.MetadataURL != "" && record.SAML.MetadataURL == former.SAML.MetadataURL && former.SAML.Metadata != "" {
		record.SAML.Metadata = former.SAML.Metadata
	}
}

// forgetSource has the metadata of a record read as if for the first time.
func (tx *Tx) forgetSource(recordID string) error {
	return wrap(tx.db.Delete(&metadataRow{}, "record_id = ?", recordID).Error, "forget a metadata source")
}

var errAwaits = fault.New(fault.Invalid, "The metadata at this address was not read. Apply the record where the address can be reached.")
