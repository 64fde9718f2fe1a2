package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/roles"
	"idms/internal/users"
)

// DirectoryState is where the directory sync of one record stands.
type DirectoryState struct {
	FirstApplied time.Time // of the first approved sync; zero: none yet (S37)
	Fingerprint  string    // of the settings of the last one applied
	LastRun      time.Time // when the last one began, however it ended
	LastGood     time.Time // when the last good one ended
	Approved     Approval  // not used yet
}

// Approval lets one held plan through, once (L6).
type Approval struct{ Hash, By, Why string }

type stateRow struct {
	RecordID     string `gorm:"primaryKey"`
	FirstApplied int64
	Fingerprint  string
	LastRun      int64
	LastGood     int64
	ApprovedHash string
	ApprovedBy   string
	ApprovedWhy  string
	Holder       string
	Token        int64
	Until        int64
}

func (stateRow) TableName() string { return "directory_states" }

// DirectoryState of a record that no sync ever looked at is the zero value.
func (s *Store) DirectoryState(ctx context.Context, recordID string) (DirectoryState, error) {
	var row stateRow
	err := s.read.WithContext(ctx).Limit(1).Find(&row, "record_id = ?", recordID).Error
	return row.state(), wrap(err, "read the state of a directory")
}

// Lease is leave to sync one record, for a while. Its token is a fence: who takes
// the lease later gets a higher one, and whoever still believes to hold it finds
// out when applying.
type Lease struct {
	RecordID string
	Holder   string
	Token    int64
	Until    time.Time
}

// ErrBusy means that another process syncs the record now. Its kind is
// fault.Conflict.
var ErrBusy = fault.New(fault.Conflict, "Another sync of this record is running. Wait until it has ended.")

// TakeLease takes the lease of a record, or returns ErrBusy.
func (s *Store) TakeLease(ctx context.Context, recordID string, now time.Time, length time.Duration) (Lease, error) {
	lease := Lease{RecordID: recordID, Holder: NewID(), Until: now.Add(length)}
	err := s.InTx(ctx, func(tx *Tx) error {
		row := stateRow{RecordID: recordID}
		if err := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return wrap(err, "take a lease")
		}
		taken := tx.db.Exec("UPDATE directory_states SET holder = ?, token = token + 1, until = ? WHERE record_id = ? AND until <= ?",
			lease.Holder, micros(lease.Until), recordID, micros(now))
		if taken.Error != nil {
			return wrap(taken.Error, "take a lease")
		}
		if taken.RowsAffected == 0 {
			return ErrBusy
		}
		return wrap(tx.db.Raw("SELECT token FROM directory_states WHERE record_id = ?", recordID).Row().Scan(&lease.Token), "take a lease")
	})
	return lease, err
}

// RenewLease makes a lease last longer; ErrBusy when somebody else has it.
func (s *Store) RenewLease(ctx context.Context, lease Lease, now time.Time, length time.Duration) error {
	return held(s.write.WithContext(ctx), lease, now.Add(length))
}

// ReleaseLease ends a lease, so that the next one need not wait for its end.
func (s *Store) ReleaseLease(ctx context.Context, lease Lease) error {
	return wrap(s.write.WithContext(ctx).Exec("UPDATE directory_states SET until = 0 WHERE record_id = ? AND holder = ? AND token = ?",
		lease.RecordID, lease.Holder, lease.Token).Error, "release a lease")
}

// held sets the end of a lease that is still its holder's. In a transaction it
// keeps everybody else from taking it until the end.
func held(db *gorm.DB, lease Lease, until time.Time) error {
	done := db.Exec("UPDATE directory_states SET until = ? WHERE record_id = ? AND holder = ? AND token = ?",
		micros(until), lease.RecordID, lease.Holder, lease.Token)
	if done.Error == nil && done.RowsAffected == 0 {
		return ErrBusy
	}
	return wrap(done.Error, "hold a lease")
}

// Holdings is what earlier syncs of a record left, without details.
func (s *Store) Holdings(ctx context.Context, recordID string) (ldapsync.Holdings, error) {
	people, err := s.heldPeople(ctx, recordID)
	h := ldapsync.Holdings{People: people}
	if err != nil {
		return h, wrap(err, "read what is held")
	}
	h.Index()
	rows, err := s.read.WithContext(ctx).Raw("SELECT external_id, group_key, name, made, mark, off, members FROM directory_groups WHERE record_id = ? ORDER BY external_id", recordID).Rows()
	if err != nil {
		return h, wrap(err, "read what is held")
	}
	err = each(rows, func(rows *sql.Rows) error {
		var group ldapsync.HeldGroup
		var id, mark []byte
		if err := rows.Scan(&id, &group.Key, &group.Name, &group.Made, &mark, &group.Off, &group.Members); err != nil {
			return err
		}
		group.ID = ldapsync.ID(id)
		copy(group.Mark[:], mark)
		h.Groups = append(h.Groups, group)
		return nil
	})
	return h, wrap(err, "read what is held")
}

// heldPeople reads all people of a record: a hundred thousand rows at every run,
// so that each costs as little as it can.
func (s *Store) heldPeople(ctx context.Context, recordID string) ([]ldapsync.Held, error) {
	const statement = "SELECT external_id, user_id, mark, off FROM directory_people WHERE record_id = "
	var count int64 // room that need not grow is neither copied nor left behind
	if err := s.read.WithContext(ctx).Raw("SELECT count(*) FROM directory_people WHERE record_id = ?", recordID).Row().Scan(&count); err != nil {
		return nil, err
	}
	list := make([]ldapsync.Held, 0, count)
	var ids ldapsync.IDs
	take := func(id, mark, off []byte, user uuid.UUID) {
		held := ldapsync.Held{ID: ids.Keep(id), User: user, Off: offOf(off)}
		copy(held.Mark[:], mark)
		list = append(list, held)
	}
	if s.dialect == onPostgres {
		// Sorted below: the rows mostly come in this order, and fetching them by the
		// index would not.
		rows, err := s.pool.Query(ctx, statement+"$1", recordID)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var id, mark, off pgtype.DriverBytes // the driver's own, until the next row
			var user [16]byte
			if err := rows.Scan(&id, &user, &mark, &off); err != nil {
				return nil, err
			}
			take(id, mark, off, user)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	} else {
		rows, err := s.read.WithContext(ctx).Raw(statement+"? ORDER BY external_id", recordID).Rows()
		if err != nil {
			return nil, err
		}
		err = each(rows, func(rows *sql.Rows) error {
			var id, user, mark, off sql.RawBytes
			if err := rows.Scan(&id, &user, &mark, &off); err != nil {
				return err
			}
			parsed, err := uuid.ParseBytes(user)
			take(id, mark, off, parsed)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b ldapsync.Held) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// offOf keeps one copy of each of the few values there are.
func offOf(text []byte) ldapsync.Off {
	for _, known := range []ldapsync.Off{ldapsync.On, ldapsync.SwitchedOff, ldapsync.Expired, ldapsync.OutOfScope, ldapsync.Gone} {
		if string(known) == string(text) {
			return known
		}
	}
	return ldapsync.Off(text)
}

func each(rows *sql.Rows, use func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := use(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// allAtOnce is from how many questions on it is cheaper to read a whole record.
const allAtOnce = 5000

// Details reads what Compare needs besides.
func (s *Store) Details(ctx context.Context, record Edition, want ldapsync.Want) (ldapsync.Details, error) {
	d := ldapsync.Details{
		Members: map[string][]uuid.UUID{}, GroupsOf: map[uuid.UUID][]string{}, Keys: map[string]string{},
	}
	db := s.read.WithContext(ctx)
	if err := accounts(db, record.ID, want, &d); err != nil {
		return d, wrap(err, "read accounts")
	}
	if len(want.Groups) > 0 {
		err := inParts(want.Groups, func(part []string) error {
			return sources(db, record.Key, "group_key", part, func(user uuid.UUID, group string) { d.Members[group] = append(d.Members[group], user) })
		})
		if err != nil {
			return d, wrap(err, "read members")
		}
	}
	err := inParts(texts(want.Of), func(part []string) error {
		return sources(db, record.Key, "user_id", part, func(user uuid.UUID, group string) { d.GroupsOf[user] = append(d.GroupsOf[user], group) })
	})
	if err != nil {
		return d, wrap(err, "read memberships")
	}
	if want.Keys {
		all, err := allGroups(db)
		if err != nil {
			return d, err
		}
		for _, group := range all {
			d.Keys[group.Key] = group.Name
		}
	}
	return d, nil
}

func accounts(db *gorm.DB, recordID string, want ldapsync.Want, d *ldapsync.Details) error {
	const statement = `SELECT u.id, u.username, u.email, u.first_name, u.last_name, u.phone, u.state, p.external_id, COALESCE(p.dn, '')
		FROM users u LEFT JOIN directory_people p ON p.user_id = u.id WHERE u.record_id = ?`
	seen, names := map[uuid.UUID]bool{}, map[string]bool{}
	read := func(rows *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		return each(rows, func(rows *sql.Rows) error {
			var account ldapsync.Account
			var external []byte
			p := &account.Profile
			if err := rows.Scan(&account.User, &p.Username, &p.Email, &p.FirstName, &p.LastName, &p.Phone, &account.State, &external, &account.DN); err != nil {
				return err
			}
			account.ID = ldapsync.ID(external)
			if !seen[account.User] {
				seen[account.User], names[users.Fold(p.Username)] = true, true
				d.Accounts = append(d.Accounts, account)
			}
			return nil
		})
	}
	if len(want.Users)+len(want.Names) > allAtOnce {
		return read(db.Raw(statement, recordID).Rows())
	}
	err := inParts(texts(want.Users), func(part []string) error {
		return read(db.Raw(statement+" AND u.id IN ?", recordID, part).Rows())
	})
	if err != nil {
		return err
	}
	// Most of those who change keep their usernames, so their owners are here.
	others := slices.DeleteFunc(slices.Clone(want.Names), func(name string) bool { return names[name] })
	return inParts(others, func(part []string) error {
		return read(db.Raw(statement+" AND u.username_folded IN ?", recordID, part).Rows())
	})
}

// sources reads who is in which group by a record's directory, where column is
// one of list.
func sources(db *gorm.DB, recordKey, column string, list []string, use func(user uuid.UUID, group string)) error {
	rows, err := db.Raw("SELECT user_id, group_key FROM membership_sources WHERE kind = ? AND record_key = ? AND "+column+" IN ?",
		groups.FromDirectory, recordKey, list).Rows()
	if err != nil {
		return err
	}
	known := map[string]string{} // one copy of each key
	return each(rows, func(rows *sql.Rows) error {
		var user, group sql.RawBytes
		if err := rows.Scan(&user, &group); err != nil {
			return err
		}
		id, err := uuid.ParseBytes(user)
		key, ok := known[string(group)]
		if !ok {
			key = string(group)
			known[key] = key
		}
		use(id, key)
		return err
	})
}

// Usernames of people by their IDs, as far as there are such people.
func (s *Store) Usernames(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	names := make(map[uuid.UUID]string, len(ids))
	err := inParts(texts(ids), func(part []string) error {
		rows, err := s.read.WithContext(ctx).Raw("SELECT id, username FROM users WHERE id IN ?", part).Rows()
		if err != nil {
			return err
		}
		return each(rows, func(rows *sql.Rows) error {
			var id uuid.UUID
			var name string
			err := rows.Scan(&id, &name)
			names[id] = name
			return err
		})
	})
	return names, wrap(err, "read usernames")
}

// UsernamesOf is Usernames by IDs as text; what is none names nobody.
func (s *Store) UsernamesOf(ctx context.Context, ids []string) (map[string]string, error) {
	var known []uuid.UUID
	for _, id := range ids {
		if parsed, err := uuid.Parse(id); err == nil {
			known = append(known, parsed)
		}
	}
	found, err := s.Usernames(ctx, known)
	names := make(map[string]string, len(found))
	for id, name := range found {
		names[id.String()] = name
	}
	return names, err
}

func inParts(list []string, use func(part []string) error) error {
	for part := range slices.Chunk(list, rowsAtOnce) {
		if err := use(part); err != nil {
			return err
		}
	}
	return nil
}

func texts(ids []uuid.UUID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}

// purposeBind is what a directory's bind password is kept for.
const purposeBind = "bind-password"

// SetBindPassword keeps the password by which idms reads a record's directory,
// sealed; "" forgets it. Nothing ever shows it again. A record that makes
// administrators is the owners': otherwise it is fault.Denied.
func (s *Store) SetBindPassword(ctx context.Context, key, password string, by Author) error {
	if err := s.mayChangeOf(ctx, key, by); err != nil {
		return err
	}
	record, err := s.Edition(ctx, key)
	if err != nil {
		return err
	}
	return s.InTx(ctx, func(tx *Tx) error { return tx.setBindPassword(record, password, by) })
}

// guardBindPassword forgets the bind password of a record whose directory goes
// away, or would send it elsewhere by somebody who is no owner: an editor may change
// where people come from, and must not get to read a password that way.
func (tx *Tx) guardBindPassword(former, record idms.Record, by Author, warnings *fault.Problems) error {
	switch {
	case former.Directory == nil && record.Directory == nil:
		return nil
	case record.Directory != nil && by.Role.May(roles.Owner):
		return nil
	case former.Directory != nil && record.Directory != nil && record.Directory.SendsPasswordAs(*former.Directory):
		return nil
	}
	kept, err := tx.count("SELECT count(*) FROM secrets WHERE record_id = ? AND purpose = ?", record.ID, purposeBind)
	if err != nil || kept == 0 {
		return err
	}
	if record.Directory != nil {
		warnings.Add("directory.hosts", "The bind password is forgotten, because it would be sent to another server than before. Set it again.")
	}
	return tx.setBindPassword(Edition{ID: record.ID, Key: record.Key}, "", by)
}

func (tx *Tx) setBindPassword(record Edition, password string, by Author) error {
	row := secretRow{RecordID: record.ID, Purpose: purposeBind, N: 1, Created: micros(by.Now)}
	gone := tx.db.Delete(&row)
	if gone.Error != nil {
		return wrap(gone.Error, "forget a password")
	}
	change := audit.Change{Field: "directory.bind_password", To: "another"}
	if password == "" {
		change.To = ""
	}
	if gone.RowsAffected > 0 {
		change.From = "one"
	}
	if change.From == "" && change.To == "" {
		return nil
	}
	if password != "" {
		var err error
		if row.Sealed, err = tx.store.box.Seal([]byte(password), row.place()); err != nil {
			return wrap(err, "seal a password")
		}
		if err := tx.db.Create(&row).Error; err != nil {
			return wrap(err, "keep a password")
		}
	}
	return tx.Audit(audit.Event{At: by.Now, Action: audit.RecordChanged, Who: by.Who, Reason: by.Reason, Record: record.Key, Changes: []audit.Change{change}})
}

// BindPassword of a record's directory; "" when there is none.
func (s *Store) BindPassword(ctx context.Context, recordID string) (string, error) {
	var row secretRow
	found := s.read.WithContext(ctx).Limit(1).Find(&row, "record_id = ? AND purpose = ? AND n = 1", recordID, purposeBind)
	if found.Error != nil || found.RowsAffected == 0 {
		return "", wrap(found.Error, "read a password")
	}
	password, err := s.box.Unseal(row.Sealed, row.place())
	if err != nil {
		return "", fmt.Errorf("store: bind password of record %s: %w", recordID, err)
	}
	return string(password), nil
}

// Reason is one reason for which a person is in a group (S35), with the run of
// the directory that brought it.
type Reason struct {
	Source groups.Source
	Run    string // ID; "" when it was no directory, or the history does not go back so far
}

// Why a person of a record is in a group: every reason, and none when the person
// is not in it. A person or group that is not there is fault.NotFound.
func (s *Store) Why(ctx context.Context, recordKey, username, group string) (Person, []Reason, error) {
	record, err := s.Edition(ctx, recordKey)
	if err != nil {
		return Person{}, nil, err
	}
	var id string
	found := s.read.WithContext(ctx).Raw("SELECT id FROM users WHERE record_id = ? AND username_folded = ?", record.ID, users.Fold(username)).Scan(&id)
	if found.Error != nil {
		return Person{}, nil, wrap(found.Error, "find a person")
	}
	if found.RowsAffected == 0 {
		return Person{}, nil, fault.New(fault.NotFound, "There is no person %q of the record %s.", username, recordKey)
	}
	person, err := s.Person(ctx, id)
	if err != nil {
		return Person{}, nil, err
	}
	reasons, err := s.ReasonsOf(ctx, person, group)
	return person, reasons, err
}

// ReasonsOf are all reasons for which a person is in a group, and none when they
// are not in it. A group that is not there is fault.NotFound.
func (s *Store) ReasonsOf(ctx context.Context, person Person, group string) ([]Reason, error) {
	at := slices.IndexFunc(person.Groups, func(m Membership) bool { return m.Group.Key == group })
	if at < 0 {
		all, err := s.Groups(ctx)
		if err == nil && !slices.ContainsFunc(all, func(g groups.Group) bool { return g.Key == group }) {
			err = fault.New(fault.NotFound, "There is no group %q.", group)
		}
		return nil, err
	}
	var reasons []Reason
	for _, source := range person.Groups[at].Sources {
		reason := Reason{Source: source}
		if source.Kind == groups.FromDirectory {
			err := s.read.WithContext(ctx).Raw("SELECT CAST(id AS TEXT) FROM directory_runs WHERE record_key = ? AND applied = ? LIMIT 1",
				source.Record, micros(source.Since)).Scan(&reason.Run).Error
			if err != nil {
				return nil, wrap(err, "find a run")
			}
		}
		reasons = append(reasons, reason)
	}
	return reasons, nil
}

// directory is what the last good sync holds of somebody, for a login (S37): nil
// until the first approved one has been applied. Their groups are the ones that
// the directory gave them.
func directory(row knownRow, list []groups.Membership, recordKey string) *idms.Directory {
	if row.FirstApplied == 0 {
		return nil
	}
	d := &idms.Directory{Known: row.Listed, Off: ldapsync.Off(row.Off)}
	for _, membership := range list {
		for _, source := range membership.Sources {
			if source.Kind == groups.FromDirectory && source.Record == recordKey {
				d.Groups = append(d.Groups, membership.Group)
			}
		}
	}
	return d
}

// forgetDirectory makes the next sync of a record a first one (S37): its groups
// do not come from the directory any more.
func (tx *Tx) forgetDirectory(recordID string) error {
	return wrap(tx.db.Exec("UPDATE directory_states SET first_applied = 0, fingerprint = '', approved_hash = '' WHERE record_id = ?", recordID).Error, "forget a directory")
}

// groupsOfDirectories are the groups that a directory keeps members in: pruning
// leaves them, since no file names them.
func (tx *Tx) groupsOfDirectories() (map[string]string, error) {
	var rows []struct{ GroupKey, Key string }
	err := tx.db.Raw("SELECT d.group_key, r.key FROM directory_groups d JOIN records r ON r.id = d.record_id WHERE d.off = '' ORDER BY r.key").Scan(&rows).Error
	kept := map[string]string{}
	for _, row := range rows {
		kept[row.GroupKey] = row.Key
	}
	return kept, wrap(err, "read the groups of directories")
}
