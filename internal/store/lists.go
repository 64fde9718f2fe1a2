package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/session"
	"idms/internal/trace"
	"idms/internal/users"
)

// Lists that can be long come in pages: the first has the cursor "", next is the
// cursor of the following one and "" at the end. A cursor says behind which row to
// go on, so that what is written meanwhile moves nothing, and the thousandth page
// costs what the first one does.

// cursorOf makes a cursor of the place of a row in its order.
func cursorOf(place ...string) string {
	text, err := json.Marshal(place)
	if err != nil {
		panic(err) // texts can always be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// placeOf reads a cursor of so many parts; fault.Invalid for what cursorOf did not
// make.
func placeOf(cursor string, parts int) ([]string, error) {
	var place []string
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &place)
	}
	if err != nil || len(place) != parts || !storable(strings.Join(place, "")) {
		return nil, errNoSuchPage
	}
	return place, nil
}

var errNoSuchPage = fault.New(fault.Invalid, "There is no such page. Begin at the first one, without a cursor.")

// storable says whether a database can be asked about a text at all: PostgreSQL
// fails on a NUL and on what is not UTF-8 instead of finding nothing.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// page cuts the row too many off, which was asked for to see whether there is more.
func page[T any](rows []T, limit int, cursor func(last T) string) (kept []T, next string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], cursor(rows[limit-1])
}

func atMost(limit int) int { return min(max(limit, 1), maxPage) }

// listOrder is how a list is ordered, and how a cursor goes on in it.
type listOrder struct {
	columns string // in SQL; the last one decides where the others do not
	behind  string // the condition, with a ? for each part of a place
	numbers int    // so many parts of a place are numbers, from the first on
	texts   int    // and so many are texts, behind those
}

// place reads a cursor as arguments of behind. What this order did not write is
// fault.Invalid.
func (o listOrder) place(cursor string) ([]any, error) {
	parts, err := placeOf(cursor, o.numbers+o.texts)
	if err != nil {
		return nil, err
	}
	place := make([]any, len(parts))
	for i, part := range parts {
		if place[i] = part; i >= o.numbers {
			continue
		}
		if place[i], err = strconv.ParseInt(part, 10, 64); err != nil {
			return nil, errNoSuchPage
		}
	}
	return place, nil
}

// asks gathers the conditions of a list.
type asks struct {
	where []string
	args  []any
}

func (a *asks) and(condition string, args ...any) {
	a.where, a.args = append(a.where, condition), append(a.args, args...)
}

// sql is the conditions behind a WHERE, or nothing.
func (a *asks) sql() string {
	if len(a.where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(a.where, " AND ")
}

// called asks for people, u, by part of the username, the e-mail address or the name.
// lower of SQLite knows ASCII alone, so the text is looked for as it was typed too.
func (a *asks) called(search string) {
	folded, typed := contains(users.Fold(search)), contains(search)
	a.and(`(u.username_folded LIKE ? ESCAPE '\' OR lower(u.email) LIKE ? ESCAPE '\' OR u.email LIKE ? ESCAPE '\'
		OR lower(u.first_name || ' ' || u.last_name) LIKE ? ESCAPE '\' OR u.first_name || ' ' || u.last_name LIKE ? ESCAPE '\')`,
		folded, folded, typed, folded, typed)
}

var errSearchText = fault.New(fault.Invalid, "Search for text.")

// Editions lists the records by key, without their documents; the built-in one is
// not among them.
func (s *Store) Editions(ctx context.Context, cursor string, limit int) (list []Edition, next string, err error) {
	limit = atMost(limit)
	query := s.read.WithContext(ctx).Select("id", "key", "name", "version", "state").
		Where("state <> ? AND key <> ?", deleted, idms.LocalKey).Order("key").Limit(limit + 1)
	if cursor != "" {
		behind, err := placeOf(cursor, 1)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("key > ?", behind[0])
	}
	var rows []recordRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, "", wrap(err, "list records")
	}
	rows, next = page(rows, limit, func(last recordRow) string { return cursorOf(last.Key) })
	for _, row := range rows {
		list = append(list, row.edition())
	}
	return list, next, nil
}

// VersionsPage lists the versions of a record, newest first.
func (s *Store) VersionsPage(ctx context.Context, key, cursor string, limit int) (list []Version, next string, err error) {
	limit = atMost(limit)
	before := math.MaxInt32
	if cursor != "" {
		behind, err := placeOf(cursor, 1)
		if err != nil {
			return nil, "", err
		}
		if before, err = strconv.Atoi(behind[0]); err != nil || before > math.MaxInt32 || before < 0 {
			return nil, "", errNoSuchPage
		}
	}
	if !idms.IsKey(key) {
		return nil, "", noRecord(key)
	}
	var rows []versionRow
	err = s.read.WithContext(ctx).Raw(`SELECT v.version, v.author, v.reason, v.at
		FROM record_versions v JOIN records r ON r.id = v.record_id
		WHERE r.key = ? AND r.state <> ? AND v.version < ? ORDER BY v.version DESC LIMIT ?`, key, deleted, before, limit+1).Scan(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "list versions")
	}
	rows, next = page(rows, limit, func(last versionRow) string { return cursorOf(strconv.Itoa(last.Version)) })
	for _, row := range rows {
		list = append(list, Version{Number: row.Version, Author: row.Author, Reason: row.Reason, At: instant(row.At)})
	}
	return list, next, nil
}

// Listed is an account in a list, with the record through which it comes.
type Listed struct {
	Account users.Account
	Record  Edition
}

// UserFilter chooses accounts; what is empty chooses all.
type UserFilter struct {
	Search string // part of the username, the e-mail address or the name, case aside
	Record string // key
	State  users.State
	By     UserOrder
}

// UserOrder is the order of a list of accounts.
type UserOrder string

const (
	ByUsername UserOrder = ""           // as it is compared (S40)
	ByLastSeen UserOrder = "last_login" // the latest first; who never came, last
	ByCreated  UserOrder = "created"    // the newest first
)

// place is how the order is written in SQL, and how a cursor goes on in it.
func (o UserOrder) place() (order, behind string) {
	switch o {
	case ByLastSeen:
		return "u.last_seen DESC, u.id DESC", "(u.last_seen, u.id) < (?, ?)"
	case ByCreated:
		return "u.created DESC, u.id DESC", "(u.created, u.id) < (?, ?)"
	}
	return "u.username_folded, u.id", "(u.username_folded, u.id) > (?, ?)"
}

// of is where an account stands in the order.
func (o UserOrder) of(row userRow) []string {
	switch o {
	case ByLastSeen:
		return []string{strconv.FormatInt(row.LastSeen, 10), row.ID}
	case ByCreated:
		return []string{strconv.FormatInt(row.Created, 10), row.ID}
	}
	return []string{users.Fold(row.Username), row.ID}
}

// Users lists accounts, by username when the filter names no other order.
func (s *Store) Users(ctx context.Context, filter UserFilter, cursor string, limit int) (list []Listed, next string, err error) {
	limit = atMost(limit)
	if !storable(filter.Search) {
		return nil, "", errSearchText
	}
	order, behind := filter.By.place()
	var which asks
	if filter.Record != "" {
		if !idms.IsKey(filter.Record) {
			return nil, "", nil
		}
		which.and("u.record_id = (SELECT id FROM records WHERE key = ?)", filter.Record)
	}
	if filter.State == users.Enabled {
		which.and("u.state IN ?", []users.State{"", users.Enabled})
	} else if filter.State != "" {
		which.and("u.state = ?", filter.State)
	}
	if filter.Search != "" {
		which.called(filter.Search)
	}
	if cursor != "" {
		place, err := placeOf(cursor, 2)
		if err != nil || !isID(place[1]) {
			return nil, "", errNoSuchPage
		}
		var at any = place[0]
		if filter.By == ByLastSeen || filter.By == ByCreated {
			if at, err = strconv.ParseInt(place[0], 10, 64); err != nil {
				return nil, "", errNoSuchPage
			}
		}
		which.and(behind, at, place[1])
	}
	var rows []struct {
		User   userRow   `gorm:"embedded;embeddedPrefix:u_"`
		Record recordRow `gorm:"embedded;embeddedPrefix:r_"`
	}
	err = s.read.WithContext(ctx).Raw("SELECT "+userColumns+", "+recordColumns+" FROM users u JOIN records r ON r.id = u.record_id"+which.sql()+" ORDER BY "+order+" LIMIT ?", append(which.args, limit+1)...).Scan(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "list people")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1].User
		next = cursorOf(filter.By.of(last)...)
	}
	for _, row := range rows {
		list = append(list, Listed{Account: row.User.account(), Record: row.Record.edition()})
	}
	return list, next, nil
}

// contains is a LIKE pattern, for ESCAPE '\'.
func contains(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

// called are the accounts of a username, case aside, through whatever records.
func (s *Store) called(ctx context.Context, username string) ([]string, error) {
	if !storable(username) {
		return nil, nil
	}
	var ids []string
	err := s.read.WithContext(ctx).Raw("SELECT CAST(id AS TEXT) FROM users WHERE username_folded = ? ORDER BY id LIMIT ?",
		users.Fold(username), namesakes).Scan(&ids).Error
	return ids, wrap(err, "find people")
}

// Member is a person in a group, and why (S35).
type Member struct {
	Listed
	Sources []groups.Source
}

// Members lists the people of a group by account ID, or fault.NotFound.
func (s *Store) Members(ctx context.Context, group, cursor string, limit int) (list []Member, next string, err error) {
	return s.MembersBy(ctx, group, "", cursor, limit)
}

// MembersBy is Members for those who have a source of this kind, with all of their
// sources; "" is any.
func (s *Store) MembersBy(ctx context.Context, group string, kind groups.Kind, cursor string, limit int) (list []Member, next string, err error) {
	if kind == "" {
		return s.members(ctx, group, "", nil, cursor, limit)
	}
	return s.members(ctx, group, " AND kind = ?", []any{string(kind)}, cursor, limit)
}

// members are those of a group who have a source that a further condition holds
// for, with all of their sources.
func (s *Store) members(ctx context.Context, group, which string, args []any, cursor string, limit int) (list []Member, next string, err error) {
	limit = atMost(limit)
	if _, err := s.Group(ctx, group); err != nil {
		return nil, "", err
	}
	from := "00000000-0000-0000-0000-000000000000"
	if cursor != "" {
		behind, err := placeOf(cursor, 1)
		if err != nil || !isID(behind[0]) {
			return nil, "", errNoSuchPage
		}
		from = behind[0]
	}
	// Two statements, each along one index: joined into one, planners go through all
	// members for every page.
	var ids []string
	args = append(append([]any{group, from}, args...), limit+1)
	err = s.read.WithContext(ctx).Raw(`SELECT DISTINCT user_id FROM membership_sources
		WHERE group_key = ? AND user_id > ?`+which+` ORDER BY user_id LIMIT ?`, args...).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return nil, "", wrap(err, "list members")
	}
	var rows []struct {
		User   userRow   `gorm:"embedded;embeddedPrefix:u_"`
		Record recordRow `gorm:"embedded;embeddedPrefix:r_"`
		Source sourceRow `gorm:"embedded;embeddedPrefix:m_"`
	}
	err = s.read.WithContext(ctx).Raw(`SELECT `+userColumns+`, `+recordColumns+`, `+
		columns("m", "user_id", "group_key", "kind", "record_key", "granted_by", "since")+`
		FROM membership_sources m JOIN users u ON u.id = m.user_id JOIN records r ON r.id = u.record_id
		WHERE m.group_key = ? AND m.user_id IN ?
		ORDER BY m.user_id, m.kind, m.record_key, m.granted_by`, group, ids).Scan(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "list members")
	}
	for _, row := range rows {
		source := groups.Source{Kind: groups.Kind(row.Source.Kind), Record: row.Source.RecordKey, By: row.Source.GrantedBy, Since: instant(row.Source.Since)}
		if n := len(list); n > 0 && list[n-1].Account.ID == row.User.ID {
			list[n-1].Sources = append(list[n-1].Sources, source)
			continue
		}
		list = append(list, Member{Listed: Listed{Account: row.User.account(), Record: row.Record.edition()}, Sources: []groups.Source{source}})
	}
	list, next = page(list, limit, func(last Member) string { return cursorOf(last.Account.ID) })
	return list, next, nil
}

// Group finds a group by key, or fault.NotFound.
func (s *Store) Group(ctx context.Context, key string) (groups.Group, error) {
	if !idms.IsKey(key) {
		return groups.Group{}, errNoSuchGroup
	}
	var row groupRow
	found := s.read.WithContext(ctx).Limit(1).Find(&row, "key = ?", key)
	if found.Error != nil {
		return groups.Group{}, wrap(found.Error, "find a group")
	}
	if found.RowsAffected == 0 {
		return groups.Group{}, errNoSuchGroup
	}
	return groups.Group(row), nil
}

var errNoSuchGroup = fault.New(fault.NotFound, "There is no such group.")

// CountedGroup is a group in a list.
type CountedGroup struct {
	groups.Group
	Members int // counted up to CountedTo, above which there are at least so many
}

// CountedTo bounds the counting of members for a list.
const CountedTo = 10_000

// MemberCount is how many people are in a group, counted up to CountedTo.
func (s *Store) MemberCount(ctx context.Context, group string) (int, error) {
	return (&Tx{store: s, db: s.read.WithContext(ctx)}).count(
		"SELECT count(*) FROM (SELECT DISTINCT user_id FROM membership_sources WHERE group_key = ? LIMIT ?) counted", group, CountedTo)
}

// GroupFilter chooses groups; what is empty chooses all.
type GroupFilter struct {
	Search string // part of the key or of the name, case aside
	By     GroupOrder
}

// GroupOrder is the order of a list of groups.
type GroupOrder string

const (
	ByGroupKey  GroupOrder = ""
	ByGroupName GroupOrder = "name" // as SQLite knows letters: ASCII ones case aside
)

// GroupsFound lists the groups, with how many people are in each.
func (s *Store) GroupsFound(ctx context.Context, filter GroupFilter, cursor string, limit int) (list []CountedGroup, next string, err error) {
	limit = atMost(limit)
	search := filter.Search
	if !storable(search) {
		return nil, "", errSearchText
	}
	order := listOrder{"g.key", "g.key > ?", 0, 1}
	if filter.By == ByGroupName {
		order = listOrder{"lower(g.name), g.key", "(lower(g.name), g.key) > (lower(?), ?)", 0, 2}
	}
	where, args := "1 = 1", []any{CountedTo}
	if search != "" {
		// lower of SQLite knows ASCII alone, so the text is looked for as it was typed
		// too.
		folded, typed := contains(users.Fold(search)), contains(search)
		where += ` AND (g.key LIKE ? ESCAPE '\' OR lower(g.name) LIKE ? ESCAPE '\' OR g.name LIKE ? ESCAPE '\')`
		args = append(args, folded, folded, typed)
	}
	if cursor != "" {
		place, err := order.place(cursor)
		if err != nil {
			return nil, "", err
		}
		where, args = where+" AND "+order.behind, append(args, place...)
	}
	var rows []struct {
		ID, Key, Name string
		Members       int
	}
	err = s.read.WithContext(ctx).Raw(`SELECT g.id, g.key, g.name, (SELECT count(*) FROM (
			SELECT DISTINCT m.user_id FROM membership_sources m WHERE m.group_key = g.key LIMIT ?) counted) AS members
		FROM groups g WHERE `+where+" ORDER BY "+order.columns+" LIMIT ?", append(args, limit+1)...).Scan(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "list groups")
	}
	for _, row := range rows {
		list = append(list, CountedGroup{groups.Group{ID: row.ID, Key: row.Key, Name: row.Name}, row.Members})
	}
	list, next = page(list, limit, func(last CountedGroup) string {
		if filter.By == ByGroupName {
			return cursorOf(last.Name, last.Key)
		}
		return cursorOf(last.Key)
	})
	return list, next, nil
}

// GroupsPage lists the groups by key.
func (s *Store) GroupsPage(ctx context.Context, cursor string, limit int) (list []groups.Group, next string, err error) {
	limit = atMost(limit)
	query := s.read.WithContext(ctx).Order("key").Limit(limit + 1)
	if cursor != "" {
		behind, err := placeOf(cursor, 1)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("key > ?", behind[0])
	}
	var rows []groupRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, "", wrap(err, "list groups")
	}
	rows, next = page(rows, limit, func(last groupRow) string { return cursorOf(last.Key) })
	for _, row := range rows {
		list = append(list, groups.Group(row))
	}
	return list, next, nil
}

// OpenSession is a session in a list, with whose it is.
type OpenSession struct {
	Session  session.Session
	Username string
}

// SessionFilter chooses sessions; what is empty chooses all.
type SessionFilter struct {
	User   string // account ID
	Record string // key
}

// Sessions lists what is open at now, newest first.
func (s *Store) Sessions(ctx context.Context, filter SessionFilter, now time.Time, cursor string, limit int) (list []OpenSession, next string, err error) {
	limit = atMost(limit)
	where, args := []string{"s.expires > ?"}, []any{micros(now)}
	if idle := s.keeping(s.Adjusted(ctx)).Idle; idle > 0 {
		where, args = append(where, "s.seen > ?"), append(args, micros(now.Add(-idle)))
	}
	if filter.User != "" {
		if !isID(filter.User) {
			return nil, "", nil
		}
		where, args = append(where, "s.user_id = ?"), append(args, filter.User)
	}
	if filter.Record != "" {
		if !idms.IsKey(filter.Record) {
			return nil, "", nil
		}
		where, args = append(where, "r.key = ?"), append(args, filter.Record)
	}
	if cursor != "" {
		behind, err := placeOf(cursor, 1)
		if err != nil || !isID(behind[0]) {
			return nil, "", errNoSuchPage
		}
		where, args = append(where, "s.id < ?"), append(args, behind[0])
	}
	var rows []struct {
		Session  sessionRow `gorm:"embedded;embeddedPrefix:s_"`
		Key      string
		Username string
	}
	err = s.read.WithContext(ctx).Raw(`SELECT `+sessionColumns+`, r.key, u.username
		FROM sessions s JOIN users u ON u.id = s.user_id JOIN records r ON r.id = s.record_id
		WHERE `+strings.Join(where, " AND ")+` ORDER BY s.id DESC LIMIT ?`, append(args, limit+1)...).Scan(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "list sessions")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = cursorOf(rows[limit-1].Session.ID)
	}
	for _, row := range rows {
		list = append(list, OpenSession{
			Session: session.Session{
				ID: row.Session.ID, UserID: row.Session.UserID, RecordID: row.Session.RecordID, RecordKey: row.Key,
				Level: console.Level(row.Session.Level), Why: row.Session.Why,
				Elevated: console.Level(row.Session.Elevated), ElevatedUntil: instant(row.Session.ElevatedUntil),
				Opened: instant(row.Session.Opened), Seen: instant(row.Session.Seen), Expires: instant(row.Session.Expires),
			},
			Username: row.Username,
		})
	}
	return list, next, nil
}

// TraceFilter chooses traces; what is empty chooses all.
type TraceFilter struct {
	Record   string // key
	User     string // account ID
	Outcome  Outcome
	Code     trace.Code
	From, To time.Time // of the login: from this instant on, and before that one

	Username string // whole, case aside, of whatever record; who was refused without an account included
	Oldest   bool   // first, and not the newest
}

// namesakes bounds the accounts of one username that a list of logins looks for.
const namesakes = 200

// Outcome is how a login ended.
type Outcome string

const (
	Admitted Outcome = "admitted"
	Refused  Outcome = "refused"
)

// Traces lists the logins that are still explained, newest first, without their
// documents.
func (s *Store) Traces(ctx context.Context, filter TraceFilter, cursor string, limit int) (list []Trace, next string, err error) {
	limit = atMost(limit)
	order, behind := "at DESC, ref DESC", "(at, ref) < (?, ?)"
	if filter.Oldest {
		order, behind = "at, ref", "(at, ref) > (?, ?)"
	}
	query := s.read.WithContext(ctx).
		Select("ref", "record_key", "record_version", "at", "verified", "admitted", "code", "user_id", "test", "name_sealed").
		Order(order).Limit(limit + 1)
	if cursor != "" {
		place, err := placeOf(cursor, 2)
		if err != nil {
			return nil, "", err
		}
		at, err := strconv.ParseInt(place[0], 10, 64)
		if err != nil {
			return nil, "", errNoSuchPage
		}
		query = query.Where(behind, at, place[1])
	}
	if filter.Record != "" {
		if !idms.IsKey(filter.Record) {
			return nil, "", nil
		}
		condition := "record_key = ?"
		if filter.User != "" || filter.Username != "" || filter.Code != "" {
			// Few logins are one person's, or have one code: not through the index of the
			// record, which may have them all.
			condition = "record_key || '' = ?"
		}
		query = query.Where(condition, filter.Record)
	}
	if filter.User != "" {
		if !isID(filter.User) {
			return nil, "", nil
		}
		// Repeated in the words of the index, so that it is used.
		query = query.Where("user_id = ? AND user_id <> ''", filter.User)
	}
	switch filter.Outcome {
	case Admitted:
		query = query.Where("admitted")
	case Refused:
		query = query.Where("NOT admitted AND NOT test")
	}
	if filter.Code != "" {
		if !storable(string(filter.Code)) {
			return nil, "", nil
		}
		query = query.Where("NOT admitted AND code = ?", string(filter.Code))
	}
	if !filter.From.IsZero() {
		query = query.Where("at >= ?", micros(filter.From))
	}
	if !filter.To.IsZero() {
		query = query.Where("at < ?", micros(filter.To))
	}
	rows, err := s.tracesOf(ctx, query, filter, limit)
	if err != nil {
		return nil, "", err
	}
	rows, next = page(rows, limit, func(last traceRow) string { return cursorOf(strconv.FormatInt(last.At, 10), last.Ref) })
	for _, row := range rows {
		one, err := s.trace(row)
		if err != nil {
			return nil, "", err
		}
		list = append(list, one)
	}
	return list, next, nil
}

// tracesOf runs the query, for everybody or for those of one username: the accounts of
// it, and who was refused without one. Each of the two is an index of its own in the
// order of the list; asked together, planners read all traces.
func (s *Store) tracesOf(ctx context.Context, query *gorm.DB, filter TraceFilter, limit int) ([]traceRow, error) {
	var rows []traceRow
	if filter.Username == "" {
		return rows, wrap(query.Find(&rows).Error, "list traces")
	}
	ids, err := s.called(ctx, filter.Username)
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		if err := query.Session(&gorm.Session{}).Where("user_id IN ? AND user_id <> ''", ids).Find(&rows).Error; err != nil {
			return nil, wrap(err, "list traces")
		}
	}
	var named []traceRow
	err = query.Session(&gorm.Session{}).Where("name_hash = ? AND name_hash IS NOT NULL", s.nameHash(filter.Username)).Find(&named).Error
	if err != nil {
		return nil, wrap(err, "list traces")
	}
	rows = append(rows, named...)
	slices.SortFunc(rows, func(a, b traceRow) int {
		if filter.Oldest {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(b.At, a.At), strings.Compare(b.Ref, a.Ref))
	})
	return rows[:min(len(rows), limit+1)], nil
}

// BeforeVersion is the cursor of [Store.VersionsPage] for the versions before one.
func BeforeVersion(number int) string { return cursorOf(strconv.Itoa(number)) }
