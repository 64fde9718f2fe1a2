package store

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
)

// KeyPart is the part that an SP key plays in a roll-over.
type KeyPart string

const (
	CurrentKey KeyPart = "current" // signs
	NextKey    KeyPart = "next"    // announced in our metadata, decrypts already
	FormerKey  KeyPart = "former"  // decrypts still
)

// SPKey is one of a record's own SAML keys.
type SPKey struct {
	saml.Key
	Part  KeyPart
	Since time.Time // it has played this part
	n     int
}

// SPKeyring is all of a record's own SAML keys: the current one, the next, the
// former ones.
func (s *Store) SPKeyring(ctx context.Context, recordID string) ([]SPKey, error) {
	var rows []secretRow
	err := s.read.WithContext(ctx).Order("n").Find(&rows, "record_id = ? AND purpose = ?", recordID, purposeSPKey).Error
	if err != nil {
		return nil, wrap(err, "read keys")
	}
	keys := make([]SPKey, len(rows))
	for i, row := range rows {
		pem, err := s.box.Unseal(row.Sealed, row.place())
		if err == nil {
			keys[i].Key, err = saml.ParseKey(pem)
		}
		if err != nil {
			return nil, fmt.Errorf("store: key %d of record %s: %w", row.N, recordID, err)
		}
		keys[i].Part, keys[i].Since, keys[i].n = KeyPart(row.Part), instant(cmp.Or(row.Since, row.Created)), row.N
		keys[i].Next = keys[i].Part == NextKey
	}
	order := []KeyPart{CurrentKey, NextKey, FormerKey}
	slices.SortStableFunc(keys, func(a, b SPKey) int {
		return cmp.Compare(slices.Index(order, a.Part), slices.Index(order, b.Part))
	})
	return keys, nil
}

// SPKeys are the record's own SAML keys: the first signs, all decrypt.
func (s *Store) SPKeys(ctx context.Context, recordID string) ([]saml.Key, error) {
	ring, err := s.SPKeyring(ctx, recordID)
	if err != nil {
		return nil, err
	}
	keys := make([]saml.Key, len(ring))
	for i, key := range ring {
		keys[i] = key.Key
	}
	return keys, nil
}

// SPCertificate is that of one of a record's own SAML keys.
type SPCertificate struct {
	Part        KeyPart
	Certificate *x509.Certificate
}

// SPCertificates are those of the own keys of many records, by the record's ID, read
// by one statement.
func (s *Store) SPCertificates(ctx context.Context, recordIDs []string) (map[string][]SPCertificate, error) {
	var rows []secretRow
	err := s.read.WithContext(ctx).Order("record_id, n").Find(&rows, "record_id IN ? AND purpose = ?", recordIDs, purposeSPKey).Error
	if err != nil {
		return nil, wrap(err, "read certificates")
	}
	all := map[string][]SPCertificate{}
	for _, row := range rows {
		text, err := s.box.Unseal(row.Sealed, row.place())
		if err != nil {
			return nil, fmt.Errorf("store: key %d of record %s: %w", row.N, row.RecordID, err)
		}
		certificate, err := saml.KeyCertificate(text)
		if err != nil {
			return nil, fmt.Errorf("store: key %d of record %s: %w", row.N, row.RecordID, err)
		}
		all[row.RecordID] = append(all[row.RecordID], SPCertificate{KeyPart(row.Part), certificate})
	}
	return all, nil
}

// AnnounceSPKey makes the key of the next roll-over. A second one beside it is
// fault.Conflict.
func (s *Store) AnnounceSPKey(ctx context.Context, recordKey string, by Author) error {
	record, err := s.Record(ctx, recordKey)
	if err != nil {
		return err
	}
	key, err := s.newSPKey(record, by.Now)
	if err != nil {
		return err
	}
	return s.rollSPKeys(ctx, recordKey, by, audit.KeyAnnounced, func(tx *Tx, record idms.Record, parts map[KeyPart]int, last int) ([]audit.Change, error) {
		if parts[NextKey] > 0 {
			return nil, fault.New(fault.Conflict, "The next key is there already.")
		}
		row := secretRow{RecordID: record.ID, Purpose: purposeSPKey, N: last + 1, Created: micros(by.Now), Part: string(NextKey), Since: micros(by.Now)}
		if row.Sealed, err = s.box.Seal(key.PEM(), row.place()); err != nil {
			return nil, wrap(err, "seal a key")
		}
		return []audit.Change{{Field: "keys.next", To: saml.Fingerprint(key.Certificate)}}, wrap(tx.db.Create(&row).Error, "save a key")
	})
}

// SwitchSPKey lets the next key sign; the current one decrypts still. Without a
// next one it is fault.Conflict.
func (s *Store) SwitchSPKey(ctx context.Context, recordKey string, by Author) error {
	return s.rollSPKeys(ctx, recordKey, by, audit.KeySwitched, func(tx *Tx, record idms.Record, parts map[KeyPart]int, _ int) ([]audit.Change, error) {
		if parts[NextKey] == 0 {
			return nil, fault.New(fault.Conflict, "There is no next key. Announce one first.")
		}
		for _, move := range []struct{ from, to KeyPart }{{CurrentKey, FormerKey}, {NextKey, CurrentKey}} {
			err := tx.db.Model(&secretRow{}).Where("record_id = ? AND purpose = ? AND part = ?", record.ID, purposeSPKey, move.from).
				Updates(map[string]any{"part": string(move.to), "since": micros(by.Now)}).Error
			if err != nil {
				return nil, wrap(err, "switch keys")
			}
		}
		return []audit.Change{{Field: "keys.current", From: fmt.Sprint("number ", parts[CurrentKey]), To: fmt.Sprint("number ", parts[NextKey])}}, nil
	})
}

// RetireSPKeys removes the keys that decrypt and nothing else; a next one that
// was never of use too, when there is no former one. When there is neither it is
// fault.Conflict.
func (s *Store) RetireSPKeys(ctx context.Context, recordKey string, by Author) error {
	return s.rollSPKeys(ctx, recordKey, by, audit.KeyRetired, func(tx *Tx, record idms.Record, parts map[KeyPart]int, _ int) ([]audit.Change, error) {
		going := FormerKey
		if parts[FormerKey] == 0 {
			going = NextKey
		}
		if parts[going] == 0 {
			return nil, fault.New(fault.Conflict, "There is no key to retire: the current one is the only one.")
		}
		err := tx.db.Delete(&secretRow{}, "record_id = ? AND purpose = ? AND part = ?", record.ID, purposeSPKey, going).Error
		return []audit.Change{{Field: "keys." + string(going), From: fmt.Sprint("number ", parts[going])}}, wrap(err, "retire keys")
	})
}

// rollSPKeys changes the keys of a record, and gives it a new version that says
// the same: what was compiled with the former keys is stale.
func (s *Store) rollSPKeys(ctx context.Context, recordKey string, by Author, action audit.Action,
	change func(tx *Tx, record idms.Record, parts map[KeyPart]int, last int) ([]audit.Change, error)) error {
	if recordKey == idms.LocalKey {
		return noRecord(recordKey)
	}
	record, err := s.Record(ctx, recordKey)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.saveNext(record, by); err != nil {
			return err
		}
		var rows []secretRow
		if err := tx.db.Order("n").Find(&rows, "record_id = ? AND purpose = ?", record.ID, purposeSPKey).Error; err != nil {
			return wrap(err, "read keys")
		}
		parts, last := map[KeyPart]int{}, 0
		for _, row := range rows {
			parts[KeyPart(row.Part)], last = row.N, row.N
		}
		changes, err := change(tx, record, parts, last)
		if err != nil {
			return err
		}
		return tx.Audit(audit.Event{At: by.Now, Action: action, Who: by.Who, Reason: by.Reason, Record: record.Key, Changes: changes})
	})
}
