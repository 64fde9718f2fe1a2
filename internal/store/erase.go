package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
)

// Erasure says whom to erase, and how.
type Erasure struct {
	// Username is the person's, exactly, as whoever erases them has typed it: an
	// account ID shows nobody who it is that goes.
	Username string
	// DryRun goes the whole way and takes everything back at its end.
	DryRun bool
}

// Erased is what went with a person, and in a dry run would have gone.
type Erased struct {
	Sessions, Memberships, Traces int
}

// personalFields are the fields of changes in the audit trail that may name a
// person or what a provider calls them.
var personalFields = []string{"name_id", "username", "email"}

// ErasePerson takes a person away with all that is kept of them, and out of the
// events that tell of them: docs/reference/storage.md says what stays. Another
// username than theirs is fault.Invalid. It is for owners (fault.Denied), and the
// last owner who can log in stays (fault.Conflict, S44).
func (s *Store) ErasePerson(ctx context.Context, userID string, how Erasure, by Author) (Erased, error) {
	if !by.Role.May(roles.Owner) {
		return Erased{}, fault.New(fault.Denied, "To erase a person is for owners.")
	}
	var gone Erased
	err := s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		account, record, err := tx.lockUser(userID)
		if err != nil {
			return err
		}
		if account.Username != how.Username {
			return fault.New(fault.Invalid, "This is not the username of the person. Type it exactly, capital and small letters too.")
		}
		err = tx.keepingAnOwner(func() error {
			gone, err = tx.erase(account.ID, account.Username, record, by)
			return err
		})
		if err == nil && how.DryRun {
			err = errDryRun
		}
		return err
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return Erased{}, err
	}
	return gone, nil
}

func (tx *Tx) erase(userID, username, record string, by Author) (gone Erased, err error) {
	if gone.Sessions, err = endSessions(tx.db, "user_id = ?", userID); err != nil {
		return gone, err
	}
	if gone.Memberships, err = tx.count("SELECT count(DISTINCT group_key) FROM membership_sources WHERE user_id = ?", userID); err != nil {
		return gone, err
	}
	if gone.Traces, err = tx.eraseTraces(userID, username, record); err != nil {
		return gone, err
	}
	if err := tx.db.Delete(&oneTimeRow{}, "user_id = ?", userID).Error; err != nil {
		return gone, wrap(err, "forget one-time addresses")
	}
	if err := tx.unname(userID); err != nil {
		return gone, err
	}
	if err := tx.db.Exec("DELETE FROM users WHERE id = ?", userID).Error; err != nil { // and all that refers to it
		return gone, wrap(err, "erase a person")
	}
	return gone, tx.Audit(audit.Event{At: by.Now, Action: audit.PersonErased, Who: by.Who, Reason: by.Reason, Record: record, User: userID,
		Changes: []audit.Change{
			{Field: "sessions", From: strconv.Itoa(gone.Sessions), To: "0"},
			{Field: "memberships", From: strconv.Itoa(gone.Memberships), To: "0"},
			{Field: "traces", From: strconv.Itoa(gone.Traces), To: "0"},
		}})
}

// eraseTraces takes the logins of a person away with their responses: also those that
// were refused under this username before there was an account.
func (tx *Tx) eraseTraces(userID, username, record string) (gone int, err error) {
	for _, which := range []struct {
		where string
		args  []any
	}{
		{"user_id = ? AND user_id <> ''", []any{userID}},
		{"name_hash = ? AND name_hash IS NOT NULL AND record_key = ?", []any{tx.store.nameHash(username), record}},
	} {
		done := tx.db.Exec("DELETE FROM traces WHERE "+which.where, which.args...)
		if done.Error != nil {
			return gone, wrap(done.Error, "erase the traces of a person")
		}
		gone += int(done.RowsAffected)
	}
	return gone, nil
}

// unname takes out of the events about a person where their browser was and what
// they were called.
func (tx *Tx) unname(userID string) error {
	err := tx.db.Exec("UPDATE audit_events SET address = '' WHERE user_id = ? AND user_id <> '' AND address <> ''", userID).Error
	if err != nil {
		return wrap(err, "erase addresses")
	}
	var rows []eventRow
	if err := tx.db.Select("id", "changes").Find(&rows, "user_id = ? AND user_id <> '' AND changes <> ''", userID).Error; err != nil {
		return wrap(err, "read the events of a person")
	}
	for _, row := range rows {
		event, err := row.event()
		if err != nil {
			return wrap(err, "read an event")
		}
		named := false
		for i, change := range event.Changes {
			if slices.Contains(personalFields, change.Field) {
				event.Changes[i], named = audit.Change{Field: change.Field, To: "erased"}, true
			}
		}
		if !named {
			continue
		}
		changes, err := json.Marshal(event.Changes)
		if err != nil {
			return wrap(err, "write an event")
		}
		if err := tx.db.Exec("UPDATE audit_events SET changes = ? WHERE id = ?", string(changes), row.ID).Error; err != nil {
			return wrap(err, "erase names")
		}
	}
	return nil
}

// ExemptionOf is the exemption of a person, which may have ended, or nil.
func (s *Store) ExemptionOf(ctx context.Context, userID string) (*Exemption, error) {
	if !isID(userID) {
		return nil, nil
	}
	var row exemptionRow
	found := s.read.WithContext(ctx).Limit(1).Find(&row, "user_id = ?", userID)
	if found.Error != nil || found.RowsAffected == 0 {
		return nil, wrap(found.Error, "find an exemption")
	}
	return new(row.exemption()), nil
}

// PeopleOf counts the people of a record.
func (s *Store) PeopleOf(ctx context.Context, recordKey string) (int, error) {
	if !idms.IsKey(recordKey) {
		return 0, nil
	}
	var n int
	err := s.read.WithContext(ctx).Raw("SELECT count(*) FROM users u JOIN records r ON r.id = u.record_id WHERE r.key = ? AND r.state <> ?", recordKey, deleted).Row().Scan(&n)
	return n, wrap(err, "count people")
}
