package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/rules"
	"idms/internal/saml"
)

// Recorded assertions: of each person the last one that was admitted, so that
// changed rules can be applied before the next login (S43). What is kept is what
// a decision reads, without XML and without a signature: it decides, and can log
// nobody in.

// MaxRecorded bounds a recorded assertion, in bytes. 5,000 groups by their UUIDs
// are 190 KB.
const MaxRecorded = 512 << 10

type recordedRow struct {
	UserID string `gorm:"primaryKey"`
	At     int64
	Sealed []byte
}

func (recordedRow) TableName() string { return "recorded_assertions" }

// place is what the assertion is sealed for: this person and this login, so that
// nobody makes an old one young.
func (row recordedRow) place() []byte {
	return fmt.Appendf(nil, "recorded_assertions/%s/%d", row.UserID, row.At)
}

// RecordAssertion keeps what a decision reads of the assertion, in place of the
// person's former one, until retention.assertions after now. One that is too
// large is not kept, and neither is the former one then: it is the last no more.
func (tx *Tx) RecordAssertion(userID string, a saml.Assertion, now time.Time) error {
	if tx.store.keeping(tx.store.lately()).Assertions == 0 {
		return nil
	}
	plain := encodeAssertion(a)
	if len(plain) > MaxRecorded {
		return wrap(tx.db.Exec("DELETE FROM recorded_assertions WHERE user_id = ?", userID).Error, "forget an assertion")
	}
	row := recordedRow{UserID: userID, At: micros(now)}
	var err error
	if row.Sealed, err = tx.store.box.Seal(plain, row.place()); err != nil {
		return wrap(err, "seal an assertion")
	}
	return wrap(tx.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "user_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"at", "sealed"}),
	}).Create(&row).Error, "record an assertion")
}

// RecordedAssertion is the last assertion about a person, and whose login it was
// when; the zero times when nothing is recorded.
func (tx *Tx) RecordedAssertion(userID string) (a saml.Assertion, at, until time.Time, err error) {
	var rows []recordedRow
	if err := tx.db.Find(&rows, "user_id = ?", userID).Error; err != nil || len(rows) == 0 {
		return saml.Assertion{}, time.Time{}, time.Time{}, wrap(err, "find an assertion")
	}
	return tx.store.recorded(rows[0])
}

func (s *Store) recorded(row recordedRow) (a saml.Assertion, at, until time.Time, err error) {
	plain, err := s.box.Unseal(row.Sealed, row.place())
	if err == nil {
		a, err = decodeAssertion(plain)
	}
	if err != nil {
		return a, at, until, fmt.Errorf("store: the recorded assertion of %s: %w", row.UserID, err)
	}
	at = instant(row.At)
	return a, at, at.Add(s.keeping(s.lately()).Assertions), nil
}

// peopleAtOnce bounds one page of RecordedPeople, and with it the memory that a
// caller who looks at a hundred thousand people needs.
const peopleAtOnce = 100

// RecordedPeople goes through all people of a record, in the order in which they
// were created, each with their memberships and what is recorded of their last
// login. It reads page by page and holds no transaction: who comes or goes
// meanwhile may be met or not. After an error there is nothing more.
func (s *Store) RecordedPeople(ctx context.Context, recordID string) iter.Seq2[idms.Recorded, error] {
	return s.RecordedPeopleAfter(ctx, recordID, "")
}

// RecordedPeopleAfter is RecordedPeople from behind an account on, by ID.
func (s *Store) RecordedPeopleAfter(ctx context.Context, recordID, after string) iter.Seq2[idms.Recorded, error] {
	return func(yield func(idms.Recorded, error) bool) {
		if after != "" && !isID(after) {
			yield(idms.Recorded{}, errNoSuchPage)
			return
		}
		after := after
		for {
			page, err := s.recordedPage(ctx, recordID, after)
			if err != nil {
				yield(idms.Recorded{}, err)
				return
			}
			for _, person := range page {
				if !yield(person, nil) {
					return
				}
			}
			if len(page) < peopleAtOnce {
				return
			}
			after = page[len(page)-1].Account.ID
		}
	}
}

func (s *Store) recordedPage(ctx context.Context, recordID, after string) ([]idms.Recorded, error) {
	if after == "" { // not a UUID to compare with
		return s.recordedWhere(ctx, "u.record_id = ?", recordID)
	}
	return s.recordedWhere(ctx, "u.record_id = ? AND u.id > ?", recordID, after)
}

// RecentlyRecorded are the people of a record whose assertions came last, the newest
// first, at most so many.
func (s *Store) RecentlyRecorded(ctx context.Context, recordID string, limit int) ([]idms.Recorded, error) {
	var ids []string
	err := s.read.WithContext(ctx).Raw(`SELECT u.id FROM users u JOIN recorded_assertions a ON a.user_id = u.id
		WHERE u.record_id = ? ORDER BY a.at DESC, u.id LIMIT ?`, recordID, min(limit, peopleAtOnce)).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return nil, wrap(err, "list recorded assertions")
	}
	people, err := s.recordedWhere(ctx, "u.id IN ?", ids)
	slices.SortFunc(people, func(a, b idms.Recorded) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Account.ID, b.Account.ID))
	})
	return people, err
}

// RecordedPerson is one person of a record by username, case aside, or
// fault.NotFound.
func (s *Store) RecordedPerson(ctx context.Context, recordKey, username string) (idms.Recorded, error) {
	id, err := s.UserID(ctx, recordKey, username)
	if err != nil {
		return idms.Recorded{}, err
	}
	people, err := s.recordedWhere(ctx, "u.id = ?", id)
	if err == nil && len(people) == 0 {
		err = fault.New(fault.NotFound, "There is no such person.")
	}
	if err != nil {
		return idms.Recorded{}, err
	}
	return people[0], nil
}

func (s *Store) recordedWhere(ctx context.Context, where string, args ...any) ([]idms.Recorded, error) {
	var rows []struct {
		User   userRow `gorm:"embedded;embeddedPrefix:u_"`
		At     int64
		Sealed []byte
	}
	db := s.read.WithContext(ctx)
	err := db.Raw(`SELECT `+userColumns+`, COALESCE(a.at, 0) AS at, a.sealed
		FROM users u LEFT JOIN recorded_assertions a ON a.user_id = u.id
		WHERE `+where+` ORDER BY u.id LIMIT ?`, append(args, peopleAtOnce)...).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, wrap(err, "list people")
	}
	page := make([]idms.Recorded, len(rows))
	ids := make([]string, len(rows))
	place := make(map[string]*idms.Recorded, len(rows))
	for i, row := range rows {
		page[i].Account = row.User.account()
		ids[i], place[row.User.ID] = row.User.ID, &page[i]
		if row.At == 0 {
			continue
		}
		if page[i].Assertion, page[i].At, page[i].Until, err = s.recorded(recordedRow{row.User.ID, row.At, row.Sealed}); err != nil {
			return nil, err
		}
	}
	return page, membershipsOf(db, ids, place)
}

// membershipsOf reads those of several people in one statement.
func membershipsOf(db *gorm.DB, ids []string, place map[string]*idms.Recorded) error {
	var rows []sourceRow
	err := db.Order("user_id, group_key, kind, record_key, granted_by").Find(&rows, "user_id IN ?", ids).Error
	if err != nil {
		return wrap(err, "read memberships")
	}
	for _, row := range rows {
		list := &place[row.UserID].Memberships
		if n := len(*list); n == 0 || (*list)[n-1].Group != row.GroupKey {
			*list = append(*list, groups.Membership{Group: row.GroupKey})
		}
		last := &(*list)[len(*list)-1]
		last.Sources = append(last.Sources, groups.Source{
			Kind: groups.Kind(row.Kind), Record: row.RecordKey, By: row.GrantedBy, Since: instant(row.Since),
		})
	}
	return nil
}

// recordedForm is the number of the form below.
const recordedForm = 1

// encodeAssertion writes what a decision reads, each text behind its length.
// Values are mostly identifiers that no packer makes smaller, and a login pays for
// it: there is no other packing.
func encodeAssertion(a saml.Assertion) []byte {
	buffer := []byte{recordedForm}
	text := func(s string) {
		buffer = binary.AppendUvarint(buffer, uint64(len(s)))
		buffer = append(buffer, s...)
	}
	for _, s := range []string{a.NameID.Value, a.NameID.Format, a.AuthnContext, a.Issuer, a.SessionIndex} {
		text(s)
	}
	buffer = binary.AppendUvarint(buffer, uint64(len(a.Attributes)))
	for _, attribute := range a.Attributes {
		text(attribute.Name)
		incomplete := byte(0)
		if attribute.Incomplete {
			incomplete = 1
		}
		buffer = append(buffer, incomplete)
		buffer = binary.AppendUvarint(buffer, uint64(len(attribute.Values)))
		for _, value := range attribute.Values {
			text(value)
		}
	}
	return buffer
}

var errRecordedForm = errors.New("it was written by another release of idms")

// decodeAssertion is the opposite of encodeAssertion.
func decodeAssertion(plain []byte) (saml.Assertion, error) {
	if len(plain) == 0 || plain[0] != recordedForm {
		return saml.Assertion{}, errRecordedForm
	}
	rest, broken := plain[1:], false
	number := func() int { // at most one for each byte that is left: nothing counted takes less
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			rest, broken = nil, true
			return 0
		}
		rest = rest[size:]
		return int(n)
	}
	text := func() string {
		n := number()
		s := string(rest[:n])
		rest = rest[n:]
		return s
	}
	var a saml.Assertion
	for _, into := range []*string{&a.NameID.Value, &a.NameID.Format, &a.AuthnContext, &a.Issuer, &a.SessionIndex} {
		*into = text()
	}
	for range number() {
		attribute := rules.Attribute{Name: text()}
		if len(rest) > 0 {
			attribute.Incomplete, rest = rest[0] == 1, rest[1:]
		}
		for range number() {
			attribute.Values = append(attribute.Values, text())
		}
		a.Attributes = append(a.Attributes, attribute)
	}
	if broken || len(rest) > 0 {
		return saml.Assertion{}, errRecordedForm
	}
	return a, nil
}
