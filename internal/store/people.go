package store

import (
	"context"
	"database/sql"
	"strings"

	"gorm.io/gorm"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/users"
)

type userRow struct {
	ID             string `gorm:"primaryKey"`
	RecordID       string
	Username       string
	UsernameFolded string
	Email          string
	FirstName      string
	LastName       string
	Phone          string
	NameID         string
	State          string
	Created        int64
	LastSeen       int64
}

func (userRow) TableName() string { return "users" }

// userColumns are the columns of users u, named for a userRow embedded with the
// prefix u_.
var userColumns = columns("u", "id", "record_id", "username", "email", "first_name", "last_name", "phone",
	"name_id", "state", "created", "last_seen")

// columns names columns of a table so that two tables of one join stay apart.
func columns(table string, names ...string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = table + "." + name + " AS " + table + "_" + name
	}
	return strings.Join(list, ", ")
}

func newUserRow(a users.Account) userRow {
	return userRow{
		ID: a.ID, RecordID: a.RecordID, Username: a.Username, UsernameFolded: users.Fold(a.Username),
		Email: a.Email, FirstName: a.FirstName, LastName: a.LastName, Phone: a.Phone,
		NameID: a.NameID, State: string(a.State), Created: micros(a.Created), LastSeen: micros(a.LastSeen),
	}
}

func (row userRow) account() users.Account {
	return users.Account{
		ID: row.ID, RecordID: row.RecordID, NameID: row.NameID, State: users.State(row.State),
		Profile: users.Profile{
			Username: row.Username, Email: row.Email, FirstName: row.FirstName, LastName: row.LastName, Phone: row.Phone,
		},
		Created: instant(row.Created), LastSeen: instant(row.LastSeen),
	}
}

type sourceRow struct {
	UserID    string `gorm:"primaryKey"`
	GroupKey  string `gorm:"primaryKey"`
	Kind      string `gorm:"primaryKey"`
	RecordKey string `gorm:"primaryKey"`
	GrantedBy string `gorm:"primaryKey"`
	Since     int64
}

func (sourceRow) TableName() string { return "membership_sources" }

func newSourceRow(userID, group string, source groups.Source) sourceRow {
	return sourceRow{
		UserID: userID, GroupKey: group, Kind: string(source.Kind),
		RecordKey: source.Record, GrantedBy: source.By, Since: micros(source.Since),
	}
}

// memberships are a person's, by group; the sources of each in a fixed order,
// so that the same memberships are the same value (S3).
func memberships(db *gorm.DB, userID string) ([]groups.Membership, error) {
	rows, err := db.Raw(`SELECT group_key, kind, record_key, granted_by, since FROM membership_sources
		WHERE user_id = ? ORDER BY group_key, kind, record_key, granted_by`, userID).Rows()
	if err != nil {
		return nil, wrap(err, "read memberships")
	}
	defer rows.Close()
	// Scanned by hand: a person in 500 groups is 500 rows at each login.
	var all []groups.Membership
	for rows.Next() {
		var group string
		var source groups.Source
		var since int64
		if err := rows.Scan(&group, &source.Kind, &source.Record, &source.By, &since); err != nil {
			return nil, wrap(err, "read memberships")
		}
		source.Since = instant(since)
		if len(all) == 0 || all[len(all)-1].Group != group {
			all = append(all, groups.Membership{Group: group})
		}
		last := &all[len(all)-1]
		last.Sources = append(last.Sources, source)
	}
	return all, wrap(rows.Err(), "read memberships")
}

// AccountID finds the account of a username of a record, case aside (S40), or
// fault.NotFound.
func (s *Store) AccountID(ctx context.Context, recordKey, username string) (string, error) {
	record, err := s.Edition(ctx, recordKey)
	if err != nil {
		return "", err
	}
	var ids []string
	err = s.read.WithContext(ctx).Model(&userRow{}).Where("record_id = ? AND username_folded = ?", record.ID, users.Fold(username)).Pluck("id", &ids).Error
	if err != nil {
		return "", wrap(err, "find an account")
	}
	if len(ids) == 0 {
		return "", fault.New(fault.NotFound, "Nobody by the username %q has logged in through the record %s.", username, recordKey)
	}
	return ids[0], nil
}

// Person is an account with its groups.
type Person struct {
	Account users.Account
	Record  Edition // through which they come
	Groups  []Membership
}

// Membership is one group of a person, with its name and every reason for being
// in it (S35).
type Membership struct {
	Group   groups.Group
	Sources []groups.Source
}

// Person finds an account by ID, with its groups by key, or fault.NotFound.
func (s *Store) Person(ctx context.Context, userID string) (Person, error) {
	notFound := fault.New(fault.NotFound, "There is no person %q.", userID)
	if !isID(userID) {
		return Person{}, notFound
	}
	var person Person
	// One transaction, so that account and groups belong together.
	err := s.read.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		var row struct {
			User   userRow   `gorm:"embedded;embeddedPrefix:u_"`
			Record recordRow `gorm:"embedded;embeddedPrefix:r_"`
		}
		found := db.Raw(`SELECT `+userColumns+`, `+recordColumns+`
			FROM users u JOIN records r ON r.id = u.record_id WHERE u.id = ?`, userID).Scan(&row)
		if found.Error != nil {
			return found.Error
		}
		if found.RowsAffected == 0 {
			return notFound
		}
		person = Person{Account: row.User.account(), Record: row.Record.edition()}
		list, err := memberships(db, userID)
		if err != nil {
			return err
		}
		known, err := groupsOf(db, userID)
		if err != nil {
			return err
		}
		person.Groups = named(list, known)
		return nil
	}, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	return person, wrap(err, "find a person")
}

// named puts the groups beside the memberships.
func named(list []groups.Membership, known []groups.Group) []Membership {
	byKey := make(map[string]groups.Group, len(known))
	for _, group := range known {
		byKey[group.Key] = group
	}
	all := make([]Membership, len(list))
	for i, membership := range list {
		all[i] = Membership{Group: byKey[membership.Group], Sources: membership.Sources}
	}
	return all
}

// groupsOf are the groups that a person is in.
func groupsOf(db *gorm.DB, userID string) ([]groups.Group, error) {
	var rows []groupRow
	err := db.Find(&rows, "key IN (SELECT group_key FROM membership_sources WHERE user_id = ?)", userID).Error
	all := make([]groups.Group, len(rows))
	for i, row := range rows {
		all[i] = groups.Group(row)
	}
	return all, wrap(err, "list the groups of a person")
}

// othersShown bounds how many records OthersCalled names.
const othersShown = 5

// OthersCalled are the keys of other records through which somebody of this
// username is known; of many the first few, by key.
func (tx *Tx) OthersCalled(username, recordID string) ([]string, error) {
	var keys []string
	err := tx.db.Raw(`SELECT r.key FROM records r WHERE r.id <> ? AND r.state <> ?
		AND EXISTS (SELECT 1 FROM users u WHERE u.record_id = r.id AND u.username_folded = ?) ORDER BY r.key LIMIT ?`,
		recordID, deleted, users.Fold(username), othersShown).Scan(&keys).Error
	return keys, wrap(err, "find others of a username")
}

// KnownBy finds the account of a record by username, case aside, or else by the
// NameID of its last login when that is one person's alone; "" for nobody.
func (s *Store) KnownBy(ctx context.Context, recordKey, username, nameID string) (string, error) {
	if !idms.IsKey(recordKey) || !storable(username) || !storable(nameID) {
		return "", nil
	}
	for _, by := range []struct{ column, value string }{{"username_folded", users.Fold(username)}, {"name_id", nameID}} {
		if by.value == "" {
			continue
		}
		var ids []string
		err := s.read.WithContext(ctx).Raw(`SELECT CAST(u.id AS TEXT) FROM users u JOIN records r ON r.id = u.record_id
			WHERE r.key = ? AND u.`+by.column+` = ? LIMIT 2`, recordKey, by.value).Scan(&ids).Error
		if err != nil {
			return "", wrap(err, "find an account")
		}
		if len(ids) == 1 {
			return ids[0], nil
		}
	}
	return "", nil
}
