package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	// Expect is how many reasons its author has seen, and Seen the hash of what they
	// have seen (Settled); anything else by now is fault.Conflict, with ErrChanged in
	// its chain. 0 and "" expect nothing.
	Expect int
	Seen   string
}

// Settled says what a settlement did, and in a dry run would have done.
type Settled struct {
	Left    []Left // what was left, before
	More    bool   // there is further: only so much is settled at once
	Reasons int    // taken away: a person in a group by one association is one
	People  int    // in a group each, who were there for these reasons
	Leaving int    // of them, those who leave the group, for nothing else keeps them in it
	// Hash is the same for two settlements that do the same: of whom which reason goes
	// in which group, and whether they leave it or stay. 16 digits.
	Hash string
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
		if len(done.Left) == 0 {
			return errNothingLeft
		}
		if err := tx.lockRecordsOf(done.Left); err != nil {
			return err
		}
		// Whoever logged in until now is counted, and nobody does from here on.
		if err := tx.lookAtLeft(choice, how, &done); err != nil {
			return err
		}
		switch {
		case done.Reasons == 0:
			return errNothingLeft
		case how.Expect > 0 && how.Expect != done.Reasons:
			return fault.Hide(ErrChanged, fault.Conflict, fmt.Sprintf(
				"%d memberships were left by deleted associations when you looked, and there are %d now. Look again, and decide anew.", how.Expect, done.Reasons))
		case how.Seen != "" && how.Seen != done.Hash:
			return fault.Hide(ErrChanged, fault.Conflict,
				"Something else would happen now than when you looked: to other people, or for other reasons. Nothing was done. Look again, and decide anew.")
		}
		err = tx.keepingAnOwner(func() error { return tx.settle(choice, how, by, done) })
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

// leftIn is what was left in one group, and what of it a settlement is about.
type leftIn struct {
	of      []Left
	reasons string // condition on membership_sources m: one of these reasons
	args    []any  // of it
	who     string // and whose they are
	whose   []any
}

// where is the whole condition.
func (l leftIn) where() (string, []any) { return l.reasons + l.who, slices.Concat(l.args, l.whose) }

// byGroup goes group by group: what leaves a group can be said of all its reasons
// together alone.
func byGroup(left []Left, choice LeftChoice, do func(in leftIn) error) error {
	for from := 0; from < len(left); {
		to := from
		for to < len(left) && left[to].Group.Key == left[from].Group.Key {
			to++
		}
		in := leftIn{of: left[from:to], args: []any{left[from].Group.Key, groups.FromAssociation}}
		from = to
		// VALUES, because SQLite knows no list of rows after IN.
		in.reasons = "(m.group_key = ? AND m.kind = ? AND (m.record_key, m.granted_by) IN (VALUES (?, ?)" + strings.Repeat(", (?, ?)", len(in.of)-1) + "))"
		for _, one := range in.of {
			in.args = append(in.args, one.Record, one.Rule)
		}
		if choice.User != "" {
			in.who, in.whose = " AND m.user_id = ?", []any{choice.User}
		}
		if err := do(in); err != nil {
			return err
		}
	}
	return nil
}

// lookAtLeft counts what a settlement is about, person by person, and makes its hash.
func (tx *Tx) lookAtLeft(choice LeftChoice, how Settlement, done *Settled) error {
	digest := sha256.New()
	fmt.Fprintf(digest, "adopt %t\n", how.Adopt)
	done.Reasons, done.People, done.Leaving = 0, 0, 0
	err := byGroup(done.Left, choice, func(in leftIn) error {
		where, args := in.where()
		rows, err := tx.db.Raw(`SELECT m.user_id, m.record_key, m.granted_by,
			CASE WHEN EXISTS (SELECT 1 FROM membership_sources o WHERE o.group_key = m.group_key AND o.user_id = m.user_id AND NOT `+strings.ReplaceAll(in.reasons, "m.", "o.")+`) THEN 1 ELSE 0 END
			FROM membership_sources m WHERE `+where+` ORDER BY m.user_id, m.record_key, m.granted_by`, slices.Concat(in.args, args)...).Rows()
		if err != nil {
			return wrap(err, "look at what associations left")
		}
		defer rows.Close()
		members, last := map[[2]string]int{}, ""
		for rows.Next() {
			var user, record, rule string
			var stays int
			if err := rows.Scan(&user, &record, &rule, &stays); err != nil {
				return wrap(err, "look at what associations left")
			}
			if how.Adopt {
				stays = 1
			}
			if members[[2]string{record, rule}]++; user != last {
				last = user
				done.People++
				done.Leaving += 1 - stays
			}
			fmt.Fprintf(digest, "%q %q %q %q %d\n", in.of[0].Group.Key, user, record, rule, stays)
		}
		for i, one := range in.of { // since they were listed, somebody may have logged in
			in.of[i].Members = members[[2]string{one.Record, one.Rule}]
			done.Reasons += in.of[i].Members
		}
		return wrap(rows.Err(), "look at what associations left")
	})
	done.Hash = hex.EncodeToString(digest.Sum(nil)[:8])
	return err
}

// settle does what lookAtLeft has counted.
func (tx *Tx) settle(choice LeftChoice, how Settlement, by Author, done Settled) error {
	var events []audit.Event
	err := byGroup(done.Left, choice, func(in leftIn) error {
		where, args := in.where()
		if how.Adopt {
			err := tx.db.Exec(`INSERT INTO membership_sources (user_id, group_key, kind, record_key, granted_by, since)
				SELECT DISTINCT m.user_id, m.group_key, CAST(? AS TEXT), '', CAST(? AS TEXT), CAST(? AS BIGINT)
				FROM membership_sources m WHERE `+where+` ON CONFLICT DO NOTHING`,
				slices.Concat([]any{groups.Manual, by.Who, micros(by.Now)}, args)...).Error
			if err != nil {
				return wrap(err, "adopt memberships")
			}
		}
		if err := tx.db.Exec("DELETE FROM membership_sources AS m WHERE "+where, args...).Error; err != nil {
			return wrap(err, "remove memberships")
		}
		events = append(events, settlementEvents(in.of, choice, how, by)...)
		return nil
	})
	if err != nil {
		return err
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
