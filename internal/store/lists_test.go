package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/users"
)

// pages follows the cursors of a list to its end, two at a time, and names what
// stands in it.
func pages[T any](t *testing.T, list func(cursor string) ([]T, string, error), name func(T) string) string {
	t.Helper()
	var all []string
	for cursor := ""; ; {
		page, next, err := list(cursor)
		must(t, err)
		if len(page) > 2 {
			t.Errorf("a page of two has %d", len(page))
		}
		for _, one := range page {
			all = append(all, name(one))
		}
		if next == "" {
			return strings.Join(all, " ")
		}
		if next == cursor {
			t.Fatalf("the cursor after %v leads to where it came from", all)
		}
		cursor = next
	}
}

// people makes accounts of a record, each a second after the other.
func people(t *testing.T, s *Store, record Edition, names ...string) map[string]users.Account {
	t.Helper()
	made := map[string]users.Account{}
	must(t, s.InTx(ctx, func(tx *Tx) error {
		for i, name := range names {
			account := users.Account{ID: NewID(), RecordID: record.ID, State: users.Enabled, Created: noon.Add(time.Duration(i) * time.Second),
				Profile: users.Profile{Username: name, Email: name + "@Example.org", FirstName: "Érica", LastName: "O'" + name}}
			if err := tx.CreateUser(account); err != nil {
				return err
			}
			made[users.Fold(name)] = account
		}
		return nil
	}))
	return made
}

func TestPeopleAreListedByUsernameAndFoundByAnyPart(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, corp := newRecord(t, s, "acme"), newRecord(t, s, "corp")
		people(t, s, acme, "grace", "Ada", "ÉVA", "under_score", "per%cent", `back\slash`)
		people(t, s, corp, "ada", "zoe")
		find := func(filter UserFilter) string {
			return pages(t, func(cursor string) ([]Listed, string, error) { return s.Users(ctx, filter, cursor, 2) },
				func(one Listed) string { return one.Account.Username + "/" + one.Record.Key })
		}
		ada := find(UserFilter{Search: "aDA"})
		if ada != "Ada/acme ada/corp" && ada != "ada/corp Ada/acme" { // one username: by ID
			t.Errorf("ada is %s", ada)
		}
		for _, tt := range []struct {
			filter UserFilter
			want   string
		}{
			{UserFilter{Record: "acme"}, `Ada/acme back\slash/acme grace/acme per%cent/acme under_score/acme ÉVA/acme`},
			{UserFilter{Search: "ada@example", Record: "corp"}, "ada/corp"},
			{UserFilter{Search: "éva"}, "ÉVA/acme"},
			{UserFilter{Search: "Érica O'z"}, "zoe/corp"},
			{UserFilter{Search: "_"}, "under_score/acme"},
			{UserFilter{Search: "%"}, "per%cent/acme"},
			{UserFilter{Search: `\`}, `back\slash/acme`},
			{UserFilter{Search: "' OR 1=1 --"}, ""},
			{UserFilter{State: users.Blocked}, ""},
			{UserFilter{State: users.Enabled, Record: "corp"}, "ada/corp zoe/corp"},
			{UserFilter{Record: "nobody"}, ""},
			{UserFilter{Record: "no key"}, ""},
		} {
			if got := find(tt.filter); got != tt.want {
				t.Errorf("%+v: %s, want %s", tt.filter, got, tt.want)
			}
		}
		for _, cursor := range []string{"x", "W10", cursorOf("a"), cursorOf("a", "b"), cursorOf("a\x00", NewID())} {
			if _, _, err := s.Users(ctx, UserFilter{}, cursor, 2); fault.KindOf(err) != fault.Invalid {
				t.Errorf("the cursor %q: %v", cursor, err)
			}
		}
		if _, _, err := s.Users(ctx, UserFilter{Search: "a\x00"}, "", 2); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a search that no database takes: %v", err)
		}
	})
}

func TestMembersAreListedWithEveryReasonS35(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		all := people(t, s, acme, "ada", "grace", "edsger", "barbara", "zoe")
		for _, name := range []string{"ada", "grace", "edsger", "barbara"} {
			must(t, s.AddMember(ctx, "platform", all[name].ID, bob))
		}
		must(t, s.AddMember(ctx, "platform", all["grace"].ID, Author{Who: "alice", Now: noon}))
		got := pages(t, func(cursor string) ([]Member, string, error) { return s.Members(ctx, "platform", cursor, 2) },
			func(one Member) string { return fmt.Sprintf("%s:%d", one.Account.Username, len(one.Sources)) })
		if got != "ada:1 grace:2 edsger:1 barbara:1" {
			t.Errorf("the members are %s", got)
		}
		if _, _, err := s.Members(ctx, "nowhere", "", 2); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a group that is not there: %v", err)
		}
	})
}

func TestTracesAreListedNewestFirstAndChosen(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ada := NewID()
		for i, one := range []Trace{
			{Ref: "0000000001", Record: "acme", Admitted: true, Verified: true, UserID: ada},
			{Ref: "0000000002", Record: "corp", Code: "audience"},
			{Ref: "0000000003", Record: "acme", Code: "expired"},
			{Ref: "0000000004", Record: "acme", Admitted: true, Verified: true},
			{Ref: "0000000005", Record: "acme", Admitted: true, Verified: true}, // at the same instant
		} {
			one.At, one.Version = noon.Add(time.Duration(min(i, 3))*time.Minute), 1
			must(t, s.SaveTrace(ctx, one))
		}
		for _, tt := range []struct {
			name   string
			filter TraceFilter
			want   string
		}{
			{"all", TraceFilter{}, "5 4 3 2 1"},
			{"of a record", TraceFilter{Record: "acme"}, "5 4 3 1"},
			{"of a person", TraceFilter{User: ada}, "1"},
			{"of nobody", TraceFilter{User: "nobody"}, ""},
			{"admitted", TraceFilter{Outcome: Admitted}, "5 4 1"},
			{"refused", TraceFilter{Outcome: Refused, Record: "acme"}, "3"},
			{"for one reason", TraceFilter{Code: "audience"}, "2"},
			{"between two instants", TraceFilter{From: noon.Add(time.Minute), To: noon.Add(3 * time.Minute)}, "3 2"},
		} {
			got := pages(t, func(cursor string) ([]Trace, string, error) { return s.Traces(ctx, tt.filter, cursor, 2) },
				func(one Trace) string { return strings.TrimLeft(one.Ref, "0") })
			if got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
	})
}

func TestRecordsGroupsAndVersionsComeInPages(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for _, key := range []string{"c", "a", "b"} {
			newRecord(t, s, key, "g"+key)
		}
		record := sample("a", "ga")
		for _, name := range []string{"Second", "Third"} {
			record.Name = name
			apply(t, s, idms.File{Records: []idms.Record{record}})
		}
		if got := pages(t, func(cursor string) ([]Edition, string, error) { return s.Editions(ctx, cursor, 2) },
			func(e Edition) string { return fmt.Sprint(e.Key, e.Version) }); got != "a3 b1 c1" {
			t.Errorf("the records are %s", got)
		}
		if got := pages(t, func(cursor string) ([]groups.Group, string, error) { return s.GroupsPage(ctx, cursor, 2) },
			func(g groups.Group) string { return g.Key }); got != "ga gb gc idms-editors idms-owners idms-readers" {
			t.Errorf("the groups are %s", got)
		}
		if got := pages(t, func(cursor string) ([]Version, string, error) { return s.VersionsPage(ctx, "a", cursor, 2) },
			func(v Version) string { return fmt.Sprint(v.Number) }); got != "3 2 1" {
			t.Errorf("the versions are %s", got)
		}
	})
}

// The plans of what is asked most often must name an index: a list that sorts, or
// reads a table from end to end, answers a small service and not a large one.
func TestListsAreReadFromAnIndex(t *testing.T) {
	s := sqliteHouse(t).open(t)
	for _, tt := range []struct{ statement, index string }{
		{"SELECT ref FROM traces WHERE (at, ref) < (1, 'a') ORDER BY at DESC, ref DESC LIMIT 2", "traces_at"},
		{"SELECT ref FROM traces WHERE record_key = 'a' AND (at, ref) < (1, 'a') ORDER BY at DESC, ref DESC LIMIT 2", "traces_record"},
		{"SELECT ref FROM traces WHERE NOT admitted ORDER BY at DESC, ref DESC LIMIT 2", "traces_refused"},
		{"SELECT id FROM audit_events WHERE record_key = 'a' AND record_key <> '' ORDER BY at DESC, id DESC LIMIT 2", "audit_events_record"},
		{"SELECT id FROM users u WHERE (u.username_folded, u.id) > ('a', 'b') ORDER BY u.username_folded, u.id LIMIT 2", "users_username"},
		{"SELECT DISTINCT user_id FROM membership_sources WHERE group_key = 'a' AND user_id > 'b' ORDER BY user_id LIMIT 2", "membership_sources_group"},
	} {
		var plan []struct{ Detail string }
		must(t, s.read.Raw("EXPLAIN QUERY PLAN "+tt.statement).Scan(&plan).Error)
		if !slices.ContainsFunc(plan, func(step struct{ Detail string }) bool { return strings.Contains(step.Detail, tt.index) }) ||
			slices.ContainsFunc(plan, func(step struct{ Detail string }) bool { return strings.Contains(step.Detail, "TEMP B-TREE") }) {
			t.Errorf("%s\nis read by %v, not from %s alone", tt.statement, plan, tt.index)
		}
	}
}
