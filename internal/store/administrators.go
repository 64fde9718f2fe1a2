package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/tokens"
	"idms/internal/users"
)

// The lists of who administers, who is exempt and which tokens there are, in pages: an
// association can make a reader of everybody.

// AdministratorFilter chooses administrators; what is empty chooses all.
type AdministratorFilter struct {
	Search string // part of the username, the e-mail address or the name, case aside
	Role   roles.Role
	Record string // key of the record through which they come
	By     AdministratorOrder
}

// AdministratorOrder is the order of a list of administrators.
type AdministratorOrder string

const (
	ByRole          AdministratorOrder = "" // owners first, then by username
	ByTheirName     AdministratorOrder = "username"
	ByTheirLastSeen AdministratorOrder = "last_login" // the latest first; who never came, last
)

func (o AdministratorOrder) order() listOrder {
	switch o {
	case ByTheirName:
		return listOrder{"username_folded, id", "(username_folded, id) > (?, ?)", 0, 2}
	case ByTheirLastSeen:
		return listOrder{"last_seen DESC, id DESC", "(last_seen, id) < (?, ?)", 1, 1}
	}
	return listOrder{"standing, username_folded, id", "(standing, username_folded, id) > (?, ?, ?)", 1, 2}
}

// AdministratorsFound lists people with a role, the highest of theirs.
func (s *Store) AdministratorsFound(ctx context.Context, filter AdministratorFilter, cursor string, limit int) (list []Administrator, next string, err error) {
	limit = atMost(limit)
	if !storable(filter.Search) {
		return nil, "", errSearchText
	}
	who := asks{}
	who.and("m.group_key IN ?", roles.Groups())
	if filter.Search != "" {
		who.called(filter.Search)
	}
	if filter.Record != "" {
		if !idms.IsKey(filter.Record) {
			return nil, "", nil
		}
		who.and("u.record_id = (SELECT id FROM records WHERE key = ?)", filter.Record)
	}
	which := asks{args: append([]any{roles.Owner.Group(), roles.Editor.Group()}, who.args...)}
	if filter.Role != roles.None {
		standing, known := standings[filter.Role]
		if !known {
			return nil, "", nil
		}
		which.and("standing = ?", standing)
	}
	order := filter.By.order()
	if cursor != "" {
		place, err := order.place(cursor)
		if err != nil || !isID(place[len(place)-1].(string)) {
			return nil, "", errNoSuchPage
		}
		which.and(order.behind, place...)
	}
	var rows []struct {
		ID, UsernameFolded string
		LastSeen, Standing int64
	}
	err = s.read.WithContext(ctx).Raw(`SELECT * FROM (
			SELECT u.id, u.username_folded, u.last_seen, min(CASE m.group_key WHEN ? THEN 1 WHEN ? THEN 2 ELSE 3 END) AS standing
			FROM membership_sources m JOIN users u ON u.id = m.user_id`+who.sql()+`
			GROUP BY u.id, u.username_folded, u.last_seen) listed`+which.sql()+`
		ORDER BY `+order.columns+` LIMIT ?`, append(which.args, limit+1)...).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, "", wrap(err, "list the administrators")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		switch filter.By {
		case ByTheirName:
			next = cursorOf(last.UsernameFolded, last.ID)
		case ByTheirLastSeen:
			next = cursorOf(strconv.FormatInt(last.LastSeen, 10), last.ID)
		default:
			next = cursorOf(strconv.FormatInt(last.Standing, 10), last.UsernameFolded, last.ID)
		}
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	found, err := s.administrators(ctx, ids...)
	if err != nil {
		return nil, "", err
	}
	byID := make(map[string]Administrator, len(found))
	for _, one := range found {
		byID[one.Account.ID] = one
	}
	for _, id := range ids {
		if one, there := byID[id]; there { // and not gone since
			list = append(list, one)
		}
	}
	return list, next, nil
}

// standings are the roles as the statement above numbers them.
var standings = map[roles.Role]int{roles.Owner: 1, roles.Editor: 2, roles.Reader: 3}

// ExemptionFilter chooses exemptions; what is empty chooses all.
type ExemptionFilter struct {
	Search string // part of the username, the e-mail address or the name, case aside
	State  Course
	By     ExemptionOrder
}

// Course is whether something with an end still counts.
type Course string

const (
	Running Course = "running"
	Ended   Course = "ended"
)

// is asks for what counts at now by the column of its end.
func (a *asks) is(course Course, ends string, now time.Time) {
	switch course {
	case Running:
		a.and(ends+" > ?", micros(now))
	case Ended:
		a.and(ends+" <= ?", micros(now))
	}
}

// ExemptionOrder is the order of a list of exemptions.
type ExemptionOrder string

const (
	ByEnd        ExemptionOrder = "" // the first to end first
	ByExemptName ExemptionOrder = "username"
	ByGranted    ExemptionOrder = "granted" // the newest first
)

func (o ExemptionOrder) order() listOrder {
	switch o {
	case ByExemptName:
		return listOrder{"u.username_folded, u.id", "(u.username_folded, u.id) > (?, ?)", 0, 2}
	case ByGranted:
		return listOrder{"e.granted DESC, u.id DESC", "(e.granted, u.id) < (?, ?)", 1, 1}
	}
	return listOrder{"e.ends, u.id", "(e.ends, u.id) > (?, ?)", 1, 1}
}

// ExemptionsFound lists who is exempt, or was and is still listed, at now.
func (s *Store) ExemptionsFound(ctx context.Context, filter ExemptionFilter, now time.Time, cursor string, limit int) (list []Exempted, next string, err error) {
	limit = atMost(limit)
	if !storable(filter.Search) {
		return nil, "", errSearchText
	}
	which := asks{}
	if filter.Search != "" {
		which.called(filter.Search)
	}
	which.is(filter.State, "e.ends", now)
	order := filter.By.order()
	if cursor != "" {
		place, err := order.place(cursor)
		if err != nil || !isID(place[1].(string)) {
			return nil, "", errNoSuchPage
		}
		which.and(order.behind, place...)
	}
	rows, err := s.exempted(ctx, which.sql()+" ORDER BY "+order.columns+" LIMIT ?", append(which.args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	list, next = page(rows, limit, func(last Exempted) string {
		switch filter.By {
		case ByExemptName:
			return cursorOf(users.Fold(last.Account.Username), last.Account.ID)
		case ByGranted:
			return cursorOf(strconv.FormatInt(micros(last.Granted), 10), last.Account.ID)
		}
		return cursorOf(strconv.FormatInt(micros(last.Ends), 10), last.Account.ID)
	})
	return list, next, nil
}

// RunningExemptions counts who is exempt at now.
func (s *Store) RunningExemptions(ctx context.Context, now time.Time) (int, error) {
	return (&Tx{store: s, db: s.read.WithContext(ctx)}).count("SELECT count(*) FROM exemptions WHERE ends > ?", micros(now))
}

// TokenFilter chooses tokens; what is empty chooses all.
type TokenFilter struct {
	Search string // part of the name, or of who made it, case aside
	Role   roles.Role
	State  Course
	By     TokenOrder
}

// TokenOrder is the order of a list of tokens.
type TokenOrder string

const (
	ByTokenName TokenOrder = ""
	ByTokenEnd  TokenOrder = "expires" // the first to end first
	ByTokenUse  TokenOrder = "used"    // the one longest unused first; who was never used, before all
)

func (o TokenOrder) order() listOrder {
	switch o {
	case ByTokenEnd:
		return listOrder{"expires, name", "(expires, name) > (?, ?)", 1, 1}
	case ByTokenUse:
		return listOrder{"used, name", "(used, name) > (?, ?)", 1, 1}
	}
	return listOrder{"name", "name > ?", 0, 1}
}

// TokensFound lists tokens, those that have ended at now included.
func (s *Store) TokensFound(ctx context.Context, filter TokenFilter, now time.Time, cursor string, limit int) (list []tokens.Token, next string, err error) {
	limit = atMost(limit)
	if !storable(filter.Search) {
		return nil, "", errSearchText
	}
	which := asks{}
	if filter.Search != "" {
		folded, typed := contains(strings.ToLower(filter.Search)), contains(filter.Search)
		which.and(`(lower(name) LIKE ? ESCAPE '\' OR lower(created_by) LIKE ? ESCAPE '\' OR created_by LIKE ? ESCAPE '\')`, folded, folded, typed)
	}
	if filter.Role != roles.None {
		if !filter.Role.Known() {
			return nil, "", nil
		}
		which.and("role = ?", string(filter.Role))
	}
	which.is(filter.State, "expires", now)
	order := filter.By.order()
	if cursor != "" {
		place, err := order.place(cursor)
		if err != nil {
			return nil, "", err
		}
		which.and(order.behind, place...)
	}
	var rows []tokenRow
	err = s.read.WithContext(ctx).Raw("SELECT * FROM api_tokens"+which.sql()+" ORDER BY "+order.columns+" LIMIT ?", append(which.args, limit+1)...).Scan(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "list tokens")
	}
	rows, next = page(rows, limit, func(last tokenRow) string {
		switch filter.By {
		case ByTokenEnd:
			return cursorOf(strconv.FormatInt(last.Expires, 10), last.Name)
		case ByTokenUse:
			return cursorOf(strconv.FormatInt(last.Used, 10), last.Name)
		}
		return cursorOf(last.Name)
	})
	for _, row := range rows {
		list = append(list, row.token())
	}
	return list, next, nil
}
