package store

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/users"
)

// The login transaction (S1, S2): Known, the decision, and what it writes.

// ErrStale means that the record is no longer the edition that the policy was
// compiled from: look it up and decide anew. Its kind is fault.Conflict.
var ErrStale = fault.New(fault.Conflict, "This way to log in was changed a moment ago. Please start again.")

// Known locks the account by this username until the transaction ends, whether
// it exists or not, and reads what is known of it: the account, and its
// memberships with their sources, by group. The rest of the value is the
// caller's to fill.
//
// The record stays as it is until the transaction ends. When it is not of the
// given edition any more, Known returns ErrStale.
func (tx *Tx) Known(record Edition, username string) (idms.Known, error) {
	known, version, err := tx.known(record.ID, username)
	if err == nil && version != record.Version {
		return idms.Known{}, ErrStale
	}
	return known, err
}

// KnownNow is Known whichever version of the record is in force: for what decides
// about nobody.
func (tx *Tx) KnownNow(recordID, username string) (idms.Known, error) {
	known, _, err := tx.known(recordID, username)
	return known, err
}

func (tx *Tx) known(recordID, username string) (known idms.Known, version int, err error) {
	folded := users.Fold(username)
	if err := tx.lockAccount(recordID, folded); err != nil {
		return idms.Known{}, 0, err
	}
	var row knownRow
	found := tx.db.Raw(`SELECT r.version, r.key AS record_key, COALESCE(d.first_applied, 0) AS first_applied, p.user_id IS NOT NULL AS listed, COALESCE(p.off, '') AS off, `+userColumns+`
		FROM records r LEFT JOIN directory_states d ON d.record_id = r.id
		LEFT JOIN users u ON u.record_id = r.id AND u.username_folded = ?
		LEFT JOIN directory_people p ON p.user_id = u.id
		WHERE r.id = ?`, folded, recordID).Scan(&row)
	if found.Error != nil {
		return idms.Known{}, 0, wrap(found.Error, "read what is known")
	}
	if found.RowsAffected == 0 {
		return idms.Known{}, 0, ErrStale
	}
	if row.User.ID == "" {
		return idms.Known{Directory: directory(row, nil, row.RecordKey)}, row.Version, nil
	}
	account := row.User.account()
	known.Account = &account
	if known.Memberships, err = memberships(tx.db, account.ID); err != nil {
		return idms.Known{}, 0, err
	}
	if slices.ContainsFunc(known.Memberships, func(m groups.Membership) bool { return m.Group == roles.Owner.Group() }) {
		known.LastOwner, err = tx.lastOwner(account.ID)
	}
	known.Directory = directory(row, known.Memberships, row.RecordKey)
	return known, row.Version, err
}

// knownRow is a record's version, an account, and what the record's directory
// says of it.
type knownRow struct {
	Version      int
	RecordKey    string
	FirstApplied int64
	Listed       bool
	Off          string
	User         userRow `gorm:"embedded;embeddedPrefix:u_"`
}

type usedRow struct {
	Digest  []byte `gorm:"primaryKey"`
	Expires int64
}

func (usedRow) TableName() string { return "used_assertions" }

// UseAssertion remembers that an assertion was used, until it could not be
// accepted any more (M17). Of any number of transactions that try, in any
// number of processes, one gets true; the others wait for how it ends.
func (tx *Tx) UseAssertion(issuer, id string, until time.Time) (bool, error) {
	// XML has no NUL, so that no two pairs run together.
	digest := sha256.Sum256([]byte(issuer + "\x00" + id))
	done := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&usedRow{Digest: digest[:], Expires: micros(until)})
	return done.RowsAffected == 1, wrap(done.Error, "use an assertion")
}

// CreateUser writes a new account; its ID is the caller's (NewID). A second one
// by the same username of the same record, case aside, is fault.Conflict.
func (tx *Tx) CreateUser(account users.Account) error {
	row := newUserRow(account)
	done := tx.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "record_id"}, {Name: "username_folded"}},
		DoNothing: true,
	}).Create(&row)
	if done.Error == nil && done.RowsAffected == 0 {
		return fault.New(fault.Conflict, "There is an account by this username already.")
	}
	return wrap(done.Error, "create a user")
}

// UpdateUser writes an account as it is now: username as sent this time,
// profile, NameID, state, last login.
func (tx *Tx) UpdateUser(account users.Account) error {
	row := newUserRow(account)
	done := tx.db.Select("*").Omit("id", "record_id", "created").Updates(&row)
	if done.Error == nil && done.RowsAffected == 0 {
		return fault.New(fault.NotFound, "There is no person %q.", account.ID)
	}
	return wrap(done.Error, "update a user")
}

// rowsAtOnce bounds the rows of one statement: both databases bound its
// parameters, SQLite at 32,766.
const rowsAtOnce = 1000

// ApplyChanges adds and removes sources of a person's memberships. A source
// that is there already stays as it is, since included (S35), and removing one
// that is not there is nothing. 500 changes are one or two statements.
func (tx *Tx) ApplyChanges(userID string, changes []groups.Change, now time.Time) error {
	var added []sourceRow
	var removed []any
	for _, change := range changes {
		row := newSourceRow(userID, change.Group, change.Source)
		if change.Remove {
			removed = append(removed, row.GroupKey, row.Kind, row.RecordKey, row.GrantedBy)
			continue
		}
		if row.Since == 0 {
			row.Since = micros(now)
		}
		added = append(added, row)
	}
	for batch := range slices.Chunk(removed, 4*rowsAtOnce) {
		// VALUES, because SQLite knows no list of rows after IN.
		list := strings.Repeat("(?, ?, ?, ?), ", len(batch)/4)
		err := tx.db.Exec(`DELETE FROM membership_sources
			WHERE user_id = ? AND (group_key, kind, record_key, granted_by) IN (VALUES `+strings.TrimSuffix(list, ", ")+`)`,
			append([]any{userID}, batch...)...).Error
		if err != nil {
			return wrap(err, "remove memberships")
		}
	}
	if len(added) == 0 {
		return nil
	}
	return wrap(tx.db.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(added, rowsAtOnce).Error, "add memberships")
}
