package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/trace"
)

type eventRow struct {
	ID        string `gorm:"primaryKey"`
	At        int64
	Action    string
	Alarm     bool
	Who       string
	Address   string
	RecordKey string
	UserID    string
	GroupKey  string
	Trace     string
	Code      string
	Reason    string
	Changes   string // JSON; "" is none
}

func (eventRow) TableName() string { return "audit_events" }

// Audit writes events in the transaction of what they tell of.
func (tx *Tx) Audit(events ...audit.Event) error { return appendEvents(tx.db, events) }

// Audit writes events that stand for themselves.
func (s *Store) Audit(ctx context.Context, events ...audit.Event) error {
	return appendEvents(s.write.WithContext(ctx), events)
}

func appendEvents(db *gorm.DB, events []audit.Event) error {
	if len(events) == 0 {
		return nil
	}
	rows := make([]eventRow, len(events))
	for i, event := range events {
		rows[i] = eventRow{
			ID: NewID(), At: micros(event.At), Action: string(event.Action), Alarm: event.Alarm,
			Who: event.Who, Address: event.Address,
			RecordKey: event.Record, UserID: event.User, GroupKey: event.Group,
			Trace: event.Trace, Code: string(event.Code), Reason: event.Reason,
		}
		if len(event.Changes) > 0 {
			changes, err := json.Marshal(event.Changes)
			if err != nil {
				return wrap(err, "write an event")
			}
			rows[i].Changes = string(changes)
		}
	}
	return wrap(db.CreateInBatches(rows, rowsAtOnce).Error, "write to the audit trail")
}

// EventFilter chooses events; what is empty chooses all.
type EventFilter struct {
	User   string // account ID
	Record string // key
	Group  string // key
	Action audit.Action
	Who    string // as the event names them, exactly
	Alarms bool   // only those

	From, To time.Time // from this instant on, and before that one
	Oldest   bool      // first, and not the newest
}

// maxPage bounds one page of events.
const maxPage = 500

// Events lists the audit trail, newest first unless the filter says otherwise, at most so many (1 to 500). The
// first page has the cursor ""; next is the cursor of the following page, and
// "" at the end. What is written meanwhile moves nothing. A cursor that Events
// did not give is fault.Invalid.
func (s *Store) Events(ctx context.Context, filter EventFilter, cursor string, limit int) (page []audit.Event, next string, err error) {
	limit = min(max(limit, 1), maxPage)
	query, possible := s.eventsOf(ctx, filter)
	if !possible {
		return nil, "", nil
	}
	order, behind := "at DESC, id DESC", "(at, id) < (?, ?)"
	if filter.Oldest {
		order, behind = "at, id", "(at, id) > (?, ?)"
	}
	query = query.Order(order).Limit(limit + 1)
	if cursor != "" {
		at, id, ok := parseCursor(cursor)
		if !ok {
			return nil, "", fault.New(fault.Invalid, "This page of the audit trail does not exist. Begin at the first one.")
		}
		query = query.Where(behind, at, id)
	}
	var rows []eventRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, "", wrap(err, "read the audit trail")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		next = fmt.Sprintf("%d.%s", last.At, last.ID)
	}
	page = make([]audit.Event, len(rows))
	for i, row := range rows {
		if page[i], err = row.event(); err != nil {
			return nil, "", wrap(err, "read the audit trail")
		}
	}
	return page, next, nil
}

// eventsOf asks for what a filter chooses; possible is false when that can be
// nothing.
func (s *Store) eventsOf(ctx context.Context, filter EventFilter) (query *gorm.DB, possible bool) {
	query = s.read.WithContext(ctx)
	if !storable(filter.User + filter.Record + filter.Group + filter.Who + string(filter.Action)) {
		return nil, false
	}
	if filter.User != "" {
		// Repeated in the words of the index, so that it is used.
		query = query.Where("user_id = ? AND user_id <> ''", filter.User)
	}
	if filter.Record != "" {
		query = query.Where("record_key = ? AND record_key <> ''", filter.Record)
	}
	if filter.Group != "" {
		query = query.Where("group_key = ? AND group_key <> ''", filter.Group)
	}
	if filter.Who != "" {
		query = query.Where("who = ? AND who <> ''", filter.Who)
	}
	if filter.Action != "" {
		query = query.Where("action = ?", string(filter.Action))
	}
	if !filter.From.IsZero() {
		query = query.Where("at >= ?", micros(filter.From))
	}
	if !filter.To.IsZero() {
		query = query.Where("at < ?", micros(filter.To))
	}
	if filter.Alarms {
		query = query.Where("alarm")
	}
	return query, true
}

// MaxDownload is how many events EachEvent goes through at most.
const MaxDownload = 100_000

// EachEvent goes through all events that a filter chooses, in its order, until use
// is false. More than MaxDownload of them are fault.Invalid before the first one is
// used: a part must not pass for the whole.
func (s *Store) EachEvent(ctx context.Context, filter EventFilter, use func(audit.Event) bool) error {
	query, possible := s.eventsOf(ctx, filter)
	if !possible {
		return nil
	}
	var count int64
	err := s.read.WithContext(ctx).Table("(?) AS found", query.Model(&eventRow{}).Select("1 AS one").Limit(MaxDownload+1)).Count(&count).Error
	if err != nil {
		return wrap(err, "count the audit trail")
	}
	if count > MaxDownload {
		return fault.New(fault.Invalid, "More than %d events fit this. Choose a shorter time, or one record or person.", MaxDownload)
	}
	for cursor := ""; ; {
		page, next, err := s.Events(ctx, filter, cursor, maxPage)
		if err != nil {
			return err
		}
		for _, event := range page {
			if !use(event) {
				return nil
			}
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

// maxChoices bounds the words that a filter of the audit trail offers.
const maxChoices = 200

// EventChoices are the actions that there are events of, and who is named in them,
// each in order and at most 200.
func (s *Store) EventChoices(ctx context.Context) (actions, authors []string, err error) {
	for _, one := range []struct {
		column string
		into   *[]string
	}{{"action", &actions}, {"who", &authors}} {
		// From each word to the next along the index: DISTINCT would go through all
		// events.
		err := s.read.WithContext(ctx).Raw(fmt.Sprintf(`WITH RECURSIVE words(word) AS (
				SELECT (SELECT min(%[1]s) FROM audit_events WHERE %[1]s > '' AND %[1]s <> '')
				UNION ALL SELECT (SELECT min(%[1]s) FROM audit_events WHERE %[1]s > words.word AND %[1]s <> '') FROM words WHERE words.word IS NOT NULL)
			SELECT word FROM words WHERE word IS NOT NULL LIMIT ?`, one.column), maxChoices).Scan(one.into).Error
		if err != nil {
			return nil, nil, wrap(err, "list what the audit trail names")
		}
	}
	return actions, authors, nil
}

func parseCursor(cursor string) (at int64, id string, ok bool) {
	number, id, _ := strings.Cut(cursor, ".")
	at, err := strconv.ParseInt(number, 10, 64)
	return at, id, err == nil && isID(id)
}

func (row eventRow) event() (audit.Event, error) {
	event := audit.Event{
		ID: row.ID, At: instant(row.At), Action: audit.Action(row.Action), Alarm: row.Alarm,
		Who: row.Who, Address: row.Address, Record: row.RecordKey, User: row.UserID, Group: row.GroupKey,
		Trace: row.Trace, Code: trace.Code(row.Code), Reason: row.Reason,
	}
	if row.Changes == "" {
		return event, nil
	}
	return event, json.Unmarshal([]byte(row.Changes), &event.Changes)
}
