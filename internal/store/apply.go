package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm/clause"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/saml"
)

// Author is who changes something, and why.
type Author struct {
	Role   roles.Role // the zero value may change nothing that makes administrators
	Who    string     // an administrator's name, or how the command line names its user
	Reason string     // "" when none was given
	Now    time.Time
	// Address is that of the browser, for the events that say where their author was.
	Address string
}

// system is the author of what nobody asked for.
const system = "system"

// How a file is applied.
type How struct {
	// Prune deletes the records and groups that the file does not name, the
	// built-in record excepted.
	Prune bool
	// DryRun goes the whole way and takes everything back at its end, so that
	// it meets every problem and finds every change that the real one would.
	DryRun bool
	// Seen are the versions of records that their author knows, by key; 0 for one
	// that must not be there yet. A record in another version makes everything
	// fault.Conflict, with ErrChanged in its chain.
	Seen map[string]int

	// Restoring says that the records are former versions of themselves: what their
	// metadata addresses have said since is taken back too, and read anew. No record
	// is made that is not there.
	Restoring bool
}

// Applied says what a file changed, in the file's order; what was pruned comes
// last, by key.
type Applied struct {
	Groups, Records                   []Difference
	GroupsUnchanged, RecordsUnchanged int
	SessionsEnded                     int // of records that were switched off or deleted (S53)
}

// Any is true when something is not as it was.
func (a Applied) Any() bool { return len(a.Groups)+len(a.Records) > 0 }

// Difference is what became of one group or record.
type Difference struct {
	Key, Name string
	Kind      Kind
	Version   int            // of a record, as it is now
	Fields    []audit.Change // of a deleted one none; at most audit.MaxChanges
	Warnings  fault.Problems // what replacing the former version does to people (S23, S34)

	SessionsEnded int // of a record
	People        int // accounts of a deleted record, who are deleted too; members of a deleted group, who leave it
	Memberships   int // of these people, in any group; of a deleted group the same number
}

// Kind is what became of something.
type Kind string

const (
	Created Kind = "created"
	Changed Kind = "changed"
	Deleted Kind = "deleted"
)

// errDryRun takes a transaction back that did all it should.
var errDryRun = errors.New("store: a dry run")

// Apply is ApplyWith with nothing out of the ordinary: what the file does not
// name stays as it is.
func (s *Store) Apply(ctx context.Context, file idms.File, by Author) (Applied, error) {
	return s.ApplyWith(ctx, file, by, How{})
}

// ApplyWith makes the records and groups of a file so: all of them, or none.
// Records and groups that the file does not name stay as they are, unless how
// says to prune. A record gets a new version when its document changes; a new
// record gets a key of its own. Every change is in the audit trail, from what
// to what. What it returns is what happened, and in a dry run what would have.
//
// The file has been checked by itself; what only the database can tell is
// checked here, and comes back as fault.Invalid with every problem at its
// field. A group that is to be pruned while a rule still points at it is
// fault.Conflict (S38).
func (s *Store) ApplyWith(ctx context.Context, file idms.File, by Author, how How) (Applied, error) {
	keys, err := s.keysFor(ctx, file.Records, by.Now, how)
	if err != nil {
		return Applied{}, err
	}
	var applied Applied
	err = s.InTx(ctx, func(tx *Tx) error {
		applied = Applied{}
		if err := tx.lockChanges(); err != nil {
			return err
		}
		current, err := tx.currentDocuments()
		if err != nil {
			return err
		}
		if err := tx.expected(how.Seen, current); err != nil {
			return err
		}
		going := pruned(file, current, how)
		if err := tx.lockRecords(idsOf(file.Records, current, going)); err != nil {
			return err
		}
		if err := tx.lockOwners(); err != nil {
			return err
		}
		owners, err := tx.ableOwners()
		if err != nil {
			return err
		}
		if err := tx.applyGroups(file.Groups, by, &applied); err != nil {
			return err
		}
		if err := tx.checkRecords(file, by.Now); err != nil {
			return err
		}
		for _, record := range file.Records {
			before, there := current[record.Key]
			if how.Restoring && !there {
				return noRecord(record.Key)
			}
			if there && how.Restoring {
				if err := tx.forgetSource(before.ID); err != nil {
					return err
				}
			}
			if there && !how.Restoring && record.SAML.MetadataURL != "" {
				former, err := before.record()
				if err != nil {
					return err
				}
				followAddress(&record, former)
			}
			if record.State == idms.Active && record.SAML.AwaitsMetadata() {
				return fmt.Errorf("record %s: %w", record.Key, errAwaits)
			}
			if err := tx.applyRecord(record, before, keys, by, &applied); err != nil {
				return fmt.Errorf("record %s: %w", record.Key, err)
			}
		}
		for _, row := range going {
			if err := tx.deleteRecord(row, by, &applied); err != nil {
				return fmt.Errorf("record %s: %w", row.Key, err)
			}
		}
		if how.Prune {
			if err := tx.pruneGroups(file.Groups, by, &applied); err != nil {
				return err
			}
		}
		if err := tx.stillAnOwner(owners); err != nil { // S44
			return err
		}
		if how.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return Applied{}, err
	}
	return applied, nil
}

// Restore makes a former version of a record the current one, as a new version
// that says the same: a group that it names must still be there. A record or
// version that is not there is fault.NotFound; a version that would not be
// accepted today is fault.Invalid, with every problem at its field.
func (s *Store) Restore(ctx context.Context, key string, version int, by Author, how How) (Applied, error) {
	if _, err := s.Edition(ctx, key); err != nil {
		return Applied{}, err
	}
	record, err := s.RecordAt(ctx, key, version)
	if err != nil {
		return Applied{}, err
	}
	if err := record.Check().Err(); err != nil {
		return Applied{}, err
	}
	how.Prune, how.Restoring = false, true
	return s.ApplyWith(ctx, idms.File{Records: []idms.Record{record}}, by, how)
}

// pruned are the records that go because the file does not name them, by key.
// The built-in record stays: local people belong to it, and no file can name it.
func pruned(file idms.File, current map[string]documentRow, how How) []documentRow {
	if !how.Prune {
		return nil
	}
	named := map[string]bool{idms.LocalKey: true}
	for _, record := range file.Records {
		named[record.Key] = true
	}
	var going []documentRow
	for _, key := range slices.Sorted(maps.Keys(current)) {
		if !named[key] {
			going = append(going, current[key])
		}
	}
	return going
}

// keysFor makes keys for the records that are new. An RSA key takes long, and
// the transaction must not. A dry run throws its keys away: one does for all.
func (s *Store) keysFor(ctx context.Context, list []idms.Record, now time.Time, how How) (map[string]saml.Key, error) {
	var known []string
	if err := s.read.WithContext(ctx).Model(&recordRow{}).Where("state <> ?", deleted).Pluck("key", &known).Error; err != nil {
		return nil, wrap(err, "list records")
	}
	there := map[string]bool{}
	for _, key := range known {
		there[key] = true
	}
	keys := map[string]saml.Key{}
	var last saml.Key
	for _, record := range list {
		if there[record.Key] || how.Restoring {
			continue
		}
		if !how.DryRun || last.Private == nil {
			var err error
			if last, err = s.newSPKey(record, now); err != nil {
				return nil, fmt.Errorf("record %s: %w", record.Key, err)
			}
		}
		keys[record.Key] = last
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
			applied.GroupsUnchanged++
			continue
		}
		event := audit.Event{At: by.Now, Action: audit.GroupCreated, Who: by.Who, Reason: by.Reason, Group: group.Key,
			Changes: []audit.Change{{Field: "name", From: name, To: group.Name}}}
		difference := Difference{Key: group.Key, Name: group.Name, Kind: Created, Fields: event.Changes}
		if ok {
			event.Action, difference.Kind = audit.GroupChanged, Changed
		}
		applied.Groups = append(applied.Groups, difference)
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
func (tx *Tx) checkRecords(file idms.File, now time.Time) error {
	known, err := tx.groups()
	if err != nil {
		return err
	}
	exists := map[string]bool{}
	for _, group := range known {
		exists[group.Key] = true
	}
	var problems fault.Problems
	for i, record := range file.Records {
		at := func(field string, args ...any) string {
			return fault.Join(file.Path(i), fmt.Sprintf(field, args...))
		}
		problems.Under(fault.Join(file.Path(i), "saml"), record.SAML.CheckKeeping(now))
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
	if err := tx.db.Raw(inForce).Scan(&rows).Error; err != nil {
		return nil, wrap(err, "read records")
	}
	current := map[string]documentRow{}
	for _, row := range rows {
		current[row.Key] = row
	}
	return current, nil
}

func idsOf(list []idms.Record, current map[string]documentRow, going []documentRow) []string {
	var ids []string
	for _, record := range list {
		if row, ok := current[record.Key]; ok {
			ids = append(ids, row.ID)
		}
	}
	for _, row := range going {
		ids = append(ids, row.ID)
	}
	return ids
}

func (tx *Tx) applyRecord(record idms.Record, before documentRow, keys map[string]saml.Key, by Author, applied *Applied) error {
	document, err := record.MarshalDocument()
	if err != nil {
		return err
	}
	if string(document) == before.Document {
		applied.RecordsUnchanged++
		return nil
	}
	changes, err := audit.Diff([]byte(before.Document), document)
	if err != nil {
		return err
	}
	record.ID, record.Version = before.ID, before.Version
	if err := tx.mayChange(record, by); err != nil {
		return err
	}
	event := audit.Event{At: by.Now, Action: audit.RecordChanged, Who: by.Who, Reason: by.Reason, Record: record.Key, Changes: changes}
	difference := Difference{Key: record.Key, Name: record.Name, Kind: Changed, Fields: changes}
	isNew := before.ID == ""
	var state idms.State // before
	if isNew {
		event.Action, difference.Kind = audit.RecordCreated, Created
		if record.ID, record.Version, err = tx.place(record.Key); err != nil {
			return err
		}
	} else {
		former, err := before.record()
		if err != nil {
			return err
		}
		if err := tx.mayChange(former, by); err != nil {
			return err
		}
		difference.Warnings, state = record.WarningsOfReplacing(former), former.State
		if err := tx.guardBindPassword(former, record, by, &difference.Warnings); err != nil {
			return err
		}
	}
	if err := tx.warnUntested(record, state, &difference.Warnings); err != nil {
		return err
	}
	if err := tx.saveVersion(record, document, string(record.State), by); err != nil {
		return err
	}
	difference.Version = record.Version + 1
	if isNew {
		key, ok := keys[record.Key]
		if !ok {
			return fault.New(fault.Conflict, "The record %q was deleted a moment ago. Apply the file again to make it anew.", record.Key)
		}
		if err := tx.saveSPKey(record.Key, key, by.Now); err != nil {
			return err
		}
	}
	if err := tx.Audit(event); err != nil {
		return err
	}
	if !isNew && record.Association != idms.FromDirectory {
		if err := tx.forgetDirectory(record.ID); err != nil { // S37
			return err
		}
	}
	if !isNew && record.State != idms.Active {
		// S53: a record that is switched off ends its sessions.
		if difference.SessionsEnded, err = tx.endSessionsOf(record, by); err != nil {
			return err
		}
		applied.SessionsEnded += difference.SessionsEnded
	}
	applied.Records = append(applied.Records, difference)
	return nil
}

// MayChange is nil when an author may change a record as it is now, with its
// metadata and its keys, and fault.Denied otherwise.
func (s *Store) MayChange(ctx context.Context, record idms.Record, by Author) error {
	return (&Tx{store: s, db: s.read.WithContext(ctx)}).mayChange(record, by)
}

// mayChange keeps a record that makes administrators for owners, and one through
// which an administrator comes for those who may do as much: whoever changes its
// provider, its mapping or its rules could make themselves one, or log in as one.
func (tx *Tx) mayChange(record idms.Record, by Author) error {
	if by.Role.May(roles.Owner) {
		return nil
	}
	for _, association := range record.Associations {
		if isBuiltIn(groups.Group{Key: association.Group}) {
			return fault.New(fault.Denied, "The record %s makes administrators, by its association %s. Only an owner may change it.", record.Key, association.Key)
		}
	}
	if record.ID == "" { // a new one has nobody yet
		return nil
	}
	var held []string
	err := tx.db.Raw("SELECT DISTINCT m.group_key FROM membership_sources m JOIN users u ON u.id = m.user_id WHERE u.record_id = ? AND m.group_key IN ?",
		record.ID, roles.Groups()).Scan(&held).Error
	if err != nil {
		return wrap(err, "find the administrators of a record")
	}
	if role := roles.Of(held); role != roles.None && !by.Role.May(role) {
		return fault.New(fault.Denied, "Somebody who administers idms as %s comes through the record %s. Only somebody who may do as much may change it.", role, record.Key)
	}
	return nil
}

func (tx *Tx) endSessionsOf(record idms.Record, by Author) (int, error) {
	ended, err := endSessions(tx.db, "record_id = ?", record.ID)
	if err != nil || ended == 0 {
		return ended, err
	}
	return ended, tx.Audit(audit.Event{At: by.Now, Action: audit.SessionsEnded, Who: by.Who, Reason: by.Reason, Record: record.Key,
		Changes: []audit.Change{{Field: "sessions", From: strconv.Itoa(ended), To: "0"}}})
}

// place is the row in which a new record goes: that of a deleted one by the same
// key, so that its versions are numbered on and no trace is ever explained by
// another version than the one that decided; otherwise none.
func (tx *Tx) place(key string) (id string, version int, err error) {
	var row recordRow
	err = tx.db.Select("id", "version").Limit(1).Find(&row, "key = ? AND state = ?", key, deleted).Error
	return row.ID, row.Version, wrap(err, "find the place of a record")
}

// saveVersion writes the next version of a record, the first when it has no ID
// yet, and puts it in force. state is the record's own, or deleted.
func (tx *Tx) saveVersion(record idms.Record, document []byte, state string, by Author) error {
	row := recordRow{
		ID: record.ID, Key: record.Key, Version: record.Version + 1,
		State: state, Name: record.Name, Label: record.Button.Label, Icon: record.Button.Icon,
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
	row := secretRow{RecordID: record.ID, Purpose: purposeSPKey, N: 1, Created: micros(now), Part: string(CurrentKey), Since: micros(now)}
	var err error
	if row.Sealed, err = tx.store.box.Seal(key.PEM(), row.place()); err != nil {
		return wrap(err, "seal a key")
	}
	return wrap(tx.db.Create(&row).Error, "save a key")
}
