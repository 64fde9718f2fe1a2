package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
)

// Left is what one deleted association left in one group (S34).
type Left struct {
	Group   groups.Group
	Record  string // key
	Rule    string // key of the association, which is gone or speaks of another group
	Members int    // people for whom it is a reason to be in the group
}

// LeftChoice chooses what deleted associations left; what is empty chooses all.
type LeftChoice struct {
	Group, Record, Rule string // keys
	User                string // account ID
}

func (c LeftChoice) possible() bool {
	for _, key := range []string{c.Group, c.Record, c.Rule} {
		if key != "" && !idms.IsKey(key) {
			return false
		}
	}
	return c.User == "" || isID(c.User)
}

// where is the condition on membership_sources m.
func (c LeftChoice) where() (string, []any) {
	// Written out, as it is in the index, so that this is used.
	where, args := []string{"m.kind = '" + string(groups.FromAssociation) + "'"}, []any(nil)
	for _, part := range []struct{ column, is string }{
		{"m.group_key", c.Group}, {"m.record_key", c.Record}, {"m.granted_by", c.Rule}, {"m.user_id", c.User},
	} {
		if part.is != "" {
			where, args = append(where, part.column+" = ?"), append(args, part.is)
		}
	}
	return strings.Join(where, " AND "), args
}

// maxLeft bounds the associations of which one list tells, and one change settles
// what they left.
const maxLeft = 1000

// LeftBehind lists what deleted associations left, by group, record and rule; more
// is true when there is further than 1,000 of them.
func (s *Store) LeftBehind(ctx context.Context, choice LeftChoice) (list []Left, more bool, err error) {
	return s.leftBehind(s.read.WithContext(ctx), choice)
}

func (s *Store) leftBehind(db *gorm.DB, choice LeftChoice) (list []Left, more bool, err error) {
	if !choice.possible() {
		return nil, false, nil
	}
	where, args := choice.where()
	var rows []struct {
		GroupKey, Name, RecordKey, GrantedBy string
		Members                              int
	}
	err = db.Raw(`SELECT c.group_key, g.name, c.record_key, c.granted_by, c.members
		FROM (SELECT m.group_key, m.record_key, m.granted_by, count(*) AS members FROM membership_sources m
			WHERE `+where+` GROUP BY m.group_key, m.record_key, m.granted_by) c
		JOIN groups g ON g.key = c.group_key
		ORDER BY c.group_key, c.record_key, c.granted_by`, args...).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, false, wrap(err, "look for what associations left")
	}
	// The documents of other records are of no use, nor those without the group.
	only, of := "", []any(nil)
	switch {
	case choice.Record != "":
		only, of = "r.key = ?", []any{choice.Record}
	case choice.Group != "":
		where, mark := s.mayPointAt(choice.Group)
		only, of = where, []any{mark}
	}
	all, err := associations(db, only, of...)
	if err != nil {
		return nil, false, err
	}
	has := map[string][]groups.Association{}
	for _, one := range all {
		has[one.record] = one.list
	}
	granted := map[string][]groups.Membership{} // by record
	at := map[[3]string]int{}
	for i, row := range rows {
		granted[row.RecordKey] = append(granted[row.RecordKey], groups.Membership{Group: row.GroupKey,
			Sources: []groups.Source{{Kind: groups.FromAssociation, Record: row.RecordKey, By: row.GrantedBy}}})
		at[[3]string{row.GroupKey, row.RecordKey, row.GrantedBy}] = i
	}
	var places []int
	for record, memberships := range granted {
		for _, left := range groups.LeftBehind(record, has[record], memberships) {
			places = append(places, at[[3]string{left.Group, record, left.Sources[0].By}])
		}
	}
	slices.Sort(places)
	if len(places) > maxLeft {
		places, more = places[:maxLeft], true
	}
	for _, i := range places {
		row := rows[i]
		list = append(list, Left{Group: groups.Group{Key: row.GroupKey, Name: row.Name}, Record: row.RecordKey, Rule: row.GrantedBy, Members: row.Members})
	}
	return list, more, nil
}

// LeftMembers are the people of one group for whom one of these associations, of
// the same group, is a reason to be in it, with all their reasons and by account ID.
func (s *Store) LeftMembers(ctx context.Context, group string, left []Left, cursor string, limit int) (list []Member, next string, err error) {
	if len(left) == 0 {
		return nil, "", nil
	}
	args := []any{groups.FromAssociation}
	for _, one := range left[:min(len(left), maxLeft)] {
		args = append(args, one.Record, one.Rule)
	}
	return s.members(ctx, group, " AND kind = ? AND (record_key, granted_by) IN (VALUES (?, ?)"+strings.Repeat(", (?, ?)", len(args)/2-1)+")", args, cursor, limit)
}

// Settlement is what becomes of what deleted associations left.
type Settlement struct {
	Adopt  bool // the people stay, by the author's hand; otherwise the reason is taken away
	DryRun bool // go the whole way and take it back
	// Expect is how many reasons its author has seen; fewer or more by now are
	// fault.Conflict, with ErrChanged in its chain. 0 expects nothing.
	Expect int
}

// Settled says what a settlement did, and in a dry run would have done.
type Settled struct {
	Left    []Left // what was left, before
	More    bool   // there is further: only so much is settled at once
	Reasons int    // taken away: a person in a group by one association is one
	People  int    // in a group each, who were there for these reasons
	Leaving int    // of them, those who leave the group, for nothing else keeps them in it
}

// SettleLeftBehind removes what deleted associations left, or adopts it: whoever was
// in the group by such an association is in it by the author's hand from then on
// (S34, S36). It is one transaction; whom other reasons keep in a group stays
// either way (S35). With nothing left it is fault.NotFound; the built-in groups are
// for owners, fault.Denied, and left out when no group is chosen; the last owner
// who can log in stays one, fault.Conflict (S44).
func (s *Store) SettleLeftBehind(ctx context.Context, choice LeftChoice, how Settlement, by Author) (Settled, error) {
	if isBuiltIn(groups.Group{Key: choice.Group}) && !by.Role.May(roles.Owner) {
		return Settled{}, errOwnersOnly
	}
	var done Settled
	err := s.InTx(ctx, func(tx *Tx) error {
		done = Settled{}
		// No record gets an association back meanwhile.
		if err := tx.lockChanges(); err != nil {
			return err
		}
		var err error
		if done.Left, done.More, err = s.leftBehind(tx.db, choice); err != nil {
			return err
		}
		if !by.Role.May(roles.Owner) {
			done.Left = slices.DeleteFunc(done.Left, func(one Left) bool { return isBuiltIn(one.Group) })
		}
		for _, one := range done.Left {
			done.Reasons += one.Members
		}
		switch {
		case done.Reasons == 0:
			return errNothingLeft
		case how.Expect > 0 && how.Expect != done.Reasons:
			return fault.Hide(ErrChanged, fault.Conflict, fmt.Sprintf(
				"%d memberships were left by deleted associations when you looked, and there are %d now. Look again, and decide anew.", how.Expect, done.Reasons))
		}
		if err := tx.lockRecordsOf(done.Left); err != nil {
			return err
		}
		err = tx.keepingAnOwner(func() error { return tx.settle(choice, how, by, &done) })
		if err == nil && how.DryRun {
			err = errDryRun
		}
		return err
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return Settled{}, err
	}
	return done, nil
}

var errNothingLeft = fault.New(fault.NotFound, "Nothing is left here by a deleted association any more.")

// lockRecordsOf keeps logins out that could be deciding about the same memberships.
func (tx *Tx) lockRecordsOf(left []Left) error {
	var keys, ids []string
	for _, one := range left {
		keys = append(keys, one.Record)
	}
	slices.Sort(keys)
	if err := tx.db.Model(&recordRow{}).Where("key IN ?", slices.Compact(keys)).Pluck("id", &ids).Error; err != nil {
		return wrap(err, "find records")
	}
	return tx.lockRecords(ids)
}

// settle goes group by group: what leaves a group can be said of all its reasons
// together alone.
func (tx *Tx) settle(choice LeftChoice, how Settlement, by Author, done *Settled) error {
	who, whose := "", []any(nil)
	if choice.User != "" {
		who, whose = " AND m.user_id = ?", []any{choice.User}
	}
	var events []audit.Event
	for from := 0; from < len(done.Left); {
		to := from
		for to < len(done.Left) && done.Left[to].Group.Key == done.Left[from].Group.Key {
			to++
		}
		group, of := done.Left[from].Group.Key, done.Left[from:to]
		from = to

		// VALUES, because SQLite knows no list of rows after IN.
		reasons := "(m.group_key = ? AND m.kind = ? AND (m.record_key, m.granted_by) IN (VALUES (?, ?)" + strings.Repeat(", (?, ?)", len(of)-1) + "))"
		args := []any{group, groups.FromAssociation}
		for _, one := range of {
			args = append(args, one.Record, one.Rule)
		}
		args = append(args, whose...)
		people, err := tx.count("SELECT count(DISTINCT m.user_id) FROM membership_sources m WHERE "+reasons+who, args...)
		if err != nil {
			return err
		}
		if how.Adopt {
			err = tx.db.Exec(`INSERT INTO membership_sources (user_id, group_key, kind, record_key, granted_by, since)
				SELECT DISTINCT m.user_id, m.group_key, CAST(? AS TEXT), '', CAST(? AS TEXT), CAST(? AS BIGINT)
				FROM membership_sources m WHERE `+reasons+who+` ON CONFLICT DO NOTHING`,
				append([]any{groups.Manual, by.Who, micros(by.Now)}, args...)...).Error
			if err != nil {
				return wrap(err, "adopt memberships")
			}
		}
		staying, err := tx.count("SELECT count(DISTINCT m.user_id) FROM membership_sources m WHERE "+reasons+who+
			" AND EXISTS (SELECT 1 FROM membership_sources o WHERE o.group_key = m.group_key AND o.user_id = m.user_id AND NOT "+strings.ReplaceAll(reasons, "m.", "o.")+")",
			append(slices.Clone(args), args[:2+2*len(of)]...)...)
		if err != nil {
			return err
		}
		gone := tx.db.Exec("DELETE FROM membership_sources AS m WHERE "+reasons+who, args...)
		if gone.Error != nil {
			return wrap(gone.Error, "remove memberships")
		}
		done.People += people
		done.Leaving += people - staying
		events = append(events, settlementEvents(of, choice, how, by)...)
	}
	return tx.Audit(events...)
}

// settlementEvents tell of each association with its number: whoever asks later for
// a group or a record finds it there.
func settlementEvents(left []Left, choice LeftChoice, how Settlement, by Author) []audit.Event {
	events := make([]audit.Event, len(left))
	for i, one := range left {
		source := groups.Source{Kind: groups.FromAssociation, Record: one.Record, By: one.Rule}.Words()
		event := audit.Event{At: by.Now, Action: audit.LeftBehindRemoved, Who: by.Who, Reason: by.Reason, Record: one.Record, Group: one.Group.Key, User: choice.User,
			Changes: []audit.Change{{Field: "sources", From: source}, {Field: "members", From: strconv.Itoa(one.Members), To: "0"}}}
		if how.Adopt {
			event.Action = audit.LeftBehindAdopted
			event.Changes = []audit.Change{{Field: "sources", From: source, To: groups.Source{Kind: groups.Manual, By: by.Who}.Words()}, {Field: "members", To: strconv.Itoa(one.Members)}}
		}
		events[i] = event
	}
	return events
}
