package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
)

// Summary is a record as the list of records shows it.
type Summary struct {
	Edition
	HasIcon   bool
	People    int
	LastLogin time.Time // of any of its people; zero is never
}

// RecordFilter chooses records and their order; what is empty chooses all.
type RecordFilter struct {
	Key    string
	Search string // part of the name or the key, case aside
	State  idms.State
	Order  RecordOrder
}

// RecordOrder is an order of the list of records. The key decides where it does not.
type RecordOrder string

const (
	ByName      RecordOrder = "name" // what "" means
	ByPeople    RecordOrder = "people"
	ByLastLogin RecordOrder = "last_login"
)

// recordOrders are the columns of each order; the most and the latest come first.
var recordOrders = map[RecordOrder]struct{ column, direction, beyond string }{
	"":          {"folded", "ASC", ">"},
	ByName:      {"folded", "ASC", ">"},
	ByPeople:    {"people", "DESC", "<"},
	ByLastLogin: {"last_login", "DESC", "<"},
}

// Summaries lists the records, the built-in one excepted. People are counted by one
// statement for all of them. An order that is unknown is fault.Invalid.
func (s *Store) Summaries(ctx context.Context, filter RecordFilter, cursor string, limit int) (list []Summary, next string, err error) {
	limit = atMost(limit)
	order, known := recordOrders[filter.Order]
	if !known {
		return nil, "", fault.New(fault.Invalid, "There is no such order of records.")
	}
	if !storable(filter.Search) {
		return nil, "", errSearchText
	}
	where, args := []string{"r.state <> ? AND r.key <> ?"}, []any{deleted, idms.LocalKey}
	if filter.Key != "" {
		if !idms.IsKey(filter.Key) {
			return nil, "", nil
		}
		where, args = append(where, "r.key = ?"), append(args, filter.Key)
	}
	if filter.Search != "" {
		// lower of SQLite knows ASCII alone, so the text is looked for as it was typed
		// too.
		folded, typed := contains(strings.ToLower(filter.Search)), contains(filter.Search)
		where = append(where, `(lower(r.name) LIKE ? ESCAPE '\' OR r.name LIKE ? ESCAPE '\' OR r.key LIKE ? ESCAPE '\')`)
		args = append(args, folded, typed, folded)
	}
	if filter.State != "" {
		where, args = append(where, "r.state = ?"), append(args, string(filter.State))
	}
	statement := `SELECT * FROM (
		SELECT r.id, r.key, r.name, r.version, r.state, lower(r.name) AS folded, COALESCE(length(r.icon), 0) > 0 AS has_icon,
			COALESCE(u.people, 0) AS people, COALESCE(u.last_login, 0) AS last_login
		FROM records r LEFT JOIN (SELECT record_id, count(*) AS people, max(last_seen) AS last_login FROM users GROUP BY record_id) u ON u.record_id = r.id
		WHERE ` + strings.Join(where, " AND ") + `) listed`
	if cursor != "" {
		behind, err := placeOf(cursor, 2)
		if err != nil {
			return nil, "", err
		}
		var place any = behind[0]
		if order.column != "folded" {
			if place, err = strconv.ParseInt(behind[0], 10, 64); err != nil {
				return nil, "", errNoSuchPage
			}
		}
		statement += " WHERE (" + order.column + ", key) " + order.beyond + " (?, ?)"
		args = append(args, place, behind[1])
	}
	var rows []struct {
		ID, Key, Name, State, Folded string
		Version, People              int
		HasIcon                      bool
		LastLogin                    int64
	}
	err = s.read.WithContext(ctx).Raw(statement+" ORDER BY "+order.column+" "+order.direction+", key "+order.direction+" LIMIT ?", append(args, limit+1)...).Scan(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "list records")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		place := map[string]string{"folded": last.Folded, "people": strconv.Itoa(last.People), "last_login": strconv.FormatInt(last.LastLogin, 10)}
		next = cursorOf(place[order.column], last.Key)
	}
	for _, row := range rows {
		list = append(list, Summary{
			Edition: Edition{ID: row.ID, Key: row.Key, Name: row.Name, Version: row.Version, State: idms.State(row.State)},
			HasIcon: row.HasIcon, People: row.People, LastLogin: instant(row.LastLogin),
		})
	}
	return list, next, nil
}

// AllEditions are all records by key, without their documents; the built-in one is
// not among them.
func (s *Store) AllEditions(ctx context.Context) ([]Edition, error) {
	var rows []recordRow
	err := s.read.WithContext(ctx).Select("id", "key", "name", "version", "state").
		Where("state <> ? AND key <> ?", deleted, idms.LocalKey).Order("key").Find(&rows).Error
	list := make([]Edition, len(rows))
	for i, row := range rows {
		list[i] = row.edition()
	}
	return list, wrap(err, "list records")
}

// LastRuns are the last runs of the directory syncs of these records, by the
// record's key; those that never ran are not among them.
func (s *Store) LastRuns(ctx context.Context, keys []string) (map[string]Run, error) {
	keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !idms.IsKey(key) })
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []runRow
	// Each looks along one index for the last one, whatever history there is.
	err := s.read.WithContext(ctx).Raw(`SELECT d.* FROM records r JOIN directory_runs d ON d.id =
			(SELECT id FROM directory_runs WHERE record_key = r.key ORDER BY began DESC, id DESC LIMIT 1)
		WHERE r.key IN ?`, keys).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "read the last runs")
	}
	last := map[string]Run{}
	for _, row := range rows {
		if last[row.RecordKey], err = row.run(); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// OpenSessions counts the sessions of a record that are open at now.
func (s *Store) OpenSessions(ctx context.Context, recordID string, now time.Time) (int, error) {
	where, args := "record_id = ? AND expires > ?", []any{recordID, micros(now)}
	if s.retention.Idle > 0 {
		where, args = where+" AND seen > ?", append(args, micros(now.Add(-s.retention.Idle)))
	}
	var n int64
	err := s.read.WithContext(ctx).Model(&sessionRow{}).Where(where, args...).Count(&n).Error
	return int(n), wrap(err, "count sessions")
}
