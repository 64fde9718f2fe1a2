package web_test

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"idms/internal/audit"
	"idms/internal/directory"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/internal/tokens"
	"idms/internal/trace"
	"idms/internal/upkeep"
	"idms/internal/users"
	"idms/internal/web"
	"idms/test/needs"
)

// What is in the database that BenchmarkLists asks.
const (
	crowdRecords = 200
	crowdGroups  = 1000
	crowdPeople  = 10_000
	crowdLogins  = 100_000 // each with its trace and its event
	crowdBig     = 5_000   // members of the group "everyone"
)

var onlyPages = flag.String("pages", "", "which pages BenchmarkLists asks: a pattern of their addresses")

// listLimit is what every list should stay under, on the server. It is reported
// beside the time, and asserted nowhere.
const listLimit = 200 * time.Millisecond

// BenchmarkLists asks every page that administrators read, and every page of theirs
// that is added later, of a database with 10,000 people, 1,000 groups, 200 records
// and 100,000 logins. -benchtime 100x asks each of them 100 times, in turns.
func BenchmarkLists(b *testing.B) {
	for _, of := range []struct {
		name     string
		database func(testing.TB) string
	}{{"SQLite", func(testing.TB) string { return "" }}, {"PostgreSQL", needs.PostgreSQL}} {
		b.Run(of.name, func(b *testing.B) {
			crowd := newCrowd(b, of.database(b))
			asked := crowd.addresses(b)
			took, used := make([][]time.Duration, len(asked)), make([][]time.Duration, len(asked))
			b.ResetTimer()
			for range b.N {
				for i, address := range asked {
					elapsed, cpu := crowd.ask(b, address)
					took[i], used[i] = append(took[i], elapsed), append(used[i], cpu)
				}
			}
			b.StopTimer()
			b.Log("\n" + table(asked, took, used))
			var slowest, over float64
			for _, list := range took {
				median, _ := spread(list)
				slowest = max(slowest, milliseconds(median))
				if median > listLimit {
					over++
				}
			}
			b.ReportMetric(float64(len(asked)), "pages")
			b.ReportMetric(slowest, "slowest-median-ms")
			b.ReportMetric(over, "over-the-limit")
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func spread(list []time.Duration) (median, p99 time.Duration) {
	slices.Sort(list)
	return list[len(list)/2], list[min(len(list)-1, len(list)*99/100)]
}

// unnamed are the parts of an address that another run has otherwise.
var unnamed = regexp.MustCompile(`(people/|user=|logins/|cursor=|runs/|administrators/|tokens/|certificates/)[^/?&]{10,}`)

// table is for docs/performance.md.
func table(asked []string, took, used [][]time.Duration) string {
	var text strings.Builder
	fmt.Fprintf(&text, "| page | median ms | p99 ms | of the limit | median CPU ms |\n| --- | --- | --- | --- | --- |\n")
	for i, address := range asked {
		median, p99 := spread(took[i])
		cpu, _ := spread(used[i])
		fmt.Fprintf(&text, "| `%s` | %.1f | %.1f | %.0f %% | %.1f |\n", unnamed.ReplaceAllString(address, "$1…"), milliseconds(median), milliseconds(p99), 100*float64(median)/float64(listLimit), milliseconds(cpu))
	}
	return text.String()
}

// crowd is a whole site over a full database, with an owner who is logged in.
type crowd struct {
	handler http.Handler
	store   *store.Store
	cookie  string
	person  string // who has the most groups and logins
	ref     string // of a login that was decided here
	fill    *strings.Replacer
}

const crowdOrigin = "http://login.example.test"

// ask is one request, how long the server took, and what it used of the processor:
// on SQLite all that it costs, on PostgreSQL without the database's share.
func (c *crowd) ask(b *testing.B, address string) (took, cpu time.Duration) {
	b.Helper()
	request := httptest.NewRequest(http.MethodGet, crowdOrigin+address, nil)
	request.Header.Set("Cookie", c.cookie)
	recorder := httptest.NewRecorder()
	used, began := cpuTime(b), time.Now()
	c.handler.ServeHTTP(recorder, request)
	took, cpu = time.Since(began), cpuTime(b)-used
	if recorder.Code != http.StatusOK {
		b.Errorf("%s answers %d:\n%.2000s", address, recorder.Code, recorder.Body)
	}
	return took, cpu
}

// cpuTime is what this process has used so far, user and system.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// addresses are those of all routes for administrators that read, as far as what
// stands in their paths is known here, and for lists those of filters and of the
// deepest page.
func (c *crowd) addresses(b *testing.B) []string {
	b.Helper()
	ctx := b.Context()
	last := func(next func(cursor string) (string, error)) string {
		b.Helper()
		for cursor := ""; ; {
			further, err := next(cursor)
			if err != nil {
				b.Fatal(err)
			}
			if further == "" {
				return url.QueryEscape(cursor)
			}
			cursor = further
		}
	}
	const most = 500
	deepLogins := last(func(cursor string) (string, error) {
		_, next, err := c.store.Traces(ctx, store.TraceFilter{}, cursor, most)
		return next, err
	})
	deepPeople := last(func(cursor string) (string, error) {
		_, next, err := c.store.Users(ctx, store.UserFilter{}, cursor, most)
		return next, err
	})
	deepRecords := last(func(cursor string) (string, error) {
		_, next, err := c.store.Summaries(ctx, store.RecordFilter{}, cursor, 50)
		return next, err
	})
	deepGroups := last(func(cursor string) (string, error) {
		_, next, err := c.store.GroupsPage(ctx, cursor, most)
		return next, err
	})
	deepMembers := last(func(cursor string) (string, error) {
		_, next, err := c.store.Members(ctx, "everyone", cursor, most)
		return next, err
	})
	deepEvents := last(func(cursor string) (string, error) {
		_, next, err := c.store.Events(ctx, store.EventFilter{}, cursor, most)
		return next, err
	})
	deepAdministrators := last(func(cursor string) (string, error) {
		_, next, err := c.store.AdministratorsFound(ctx, store.AdministratorFilter{}, cursor, most)
		return next, err
	})
	queries := map[string][]string{
		"/admin/logins": {"", "?outcome=refused", "?record=r007", "?record=r007&outcome=refused", "?code=validation_failed", "?user=" + c.person, "?cursor=" + deepLogins,
			"?name=person-00007", "?name=visitor", "?name=nobody-at-all", "?order=oldest", "?from=2026-01-01T00:00", "?name=person-00007&record=r007&outcome=refused"},
		"/admin/people": {"", "?q=person-00", "?q=nobody-at-all", "?record=r007", "?state=blocked", "?q=person&record=r199", "?cursor=" + deepPeople,
			"?order=last_login", "?order=created", "?q=person&order=last_login"},
		"/admin/records":           {"", "?cursor=" + deepRecords, "?q=record-1", "?state=active", "?order=people", "?order=last_login&q=r1"},
		"/admin/certificates":      {"", "?whose=ours", "?record=r007", "?soon=yes"},
		"/admin/administrators":    {"", "?q=person-00", "?role=reader", "?role=owner", "?record=r007", "?order=username", "?order=last_login", "?cursor=" + deepAdministrators},
		"/admin/exemptions":        {"", "?q=nobody", "?state=ended", "?order=username"},
		"/admin/tokens":            {"", "?q=night", "?role=reader&state=running", "?order=used"},
		"/admin/groups":            {"", "?q=group-9", "?q=nothing-at-all", "?order=name", "?cursor=" + deepGroups},
		"/admin/groups/:group":     {"", "?kind=manual", "?kind=directory", "?kind=scim", "?cursor=" + deepMembers},
		"/admin/groups/:group/add": {"?q=person-01"},
		"/admin/audit": {"", "?action=logged_in", "?action=group_created", "?action=nothing", "?alarms=yes", "?who=nobody", "?who=crowd", "?record=r007",
			"?user=" + c.person, "?group=everyone", "?record=r007&action=record_created", "?order=oldest", "?order=oldest&record=r007", "?from=2026-01-01T00:00&to=2026-01-01T01:00", "?cursor=" + deepEvents},
		// More than 100,000 events are not sent at once.
		"/admin/audit.csv":  {"?record=r007"},
		"/admin/audit.json": {"?user=" + c.person},
	}
	var list []string
	for _, route := range web.AdminRoutes() {
		if route.Method != http.MethodGet || route.Path == "/admin" {
			continue
		}
		path := c.fill.Replace(route.Path)
		if strings.Contains(path, ":") {
			b.Fatalf("%s cannot be measured: nothing is known for what stands in its path", route.Path)
		}
		more, ok := queries[route.Path]
		if !ok {
			more = []string{""}
		}
		for _, query := range more {
			list = append(list, path+query)
		}
	}
	chosen := regexp.MustCompile(*onlyPages)
	list = slices.DeleteFunc(list, func(address string) bool { return !chosen.MatchString(address) })
	// A page whose thing the crowd does not have answers otherwise, and is no list.
	return slices.DeleteFunc(list, func(address string) bool {
		request := httptest.NewRequest(http.MethodGet, crowdOrigin+address, nil)
		request.Header.Set("Cookie", c.cookie)
		recorder := httptest.NewRecorder()
		c.handler.ServeHTTP(recorder, request)
		switch {
		case recorder.Code >= http.StatusInternalServerError:
			b.Fatalf("%s answers %d:\n%.2000s", address, recorder.Code, recorder.Body)
		case recorder.Code != http.StatusOK:
			b.Logf("%s is not measured: it answers %d", address, recorder.Code)
		}
		return recorder.Code != http.StatusOK
	})
}

// newCrowd fills a database: an empty URL is SQLite.
func newCrowd(b *testing.B, database string) *crowd {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx, clock := context.Background(), func() time.Time { return noon }
	box, err := secret.Open(filepath.Join(b.TempDir(), "keyset.json"))
	must(err)
	c := &crowd{}
	c.store, err = store.Open(ctx, store.Config{
		URL: database, Path: filepath.Join(b.TempDir(), "idms.sqlite"), Box: box, Clock: clock,
		NewKey: func(string, time.Time) (saml.Key, error) { return samltest.Key(samltest.Service), nil },
	})
	must(err)
	b.Cleanup(func() { _ = c.store.Close() })
	quiet := slog.New(slog.DiscardHandler)
	flow := login.New(login.Config{Store: c.store, Clock: clock, Base: crowdOrigin, Log: quiet,
		Times: login.Times{Session: 12 * time.Hour, Idle: 2 * time.Hour, Elevation: time.Hour, Pending: 10 * time.Minute}})
	c.handler, err = web.New(web.Config{
		Flow: flow, PortalName: "Cloud portal", BaseURLs: []string{crowdOrigin}, Clock: clock, Log: quiet,
		Upkeep:    upkeep.New(upkeep.Config{Store: c.store, Clock: clock, Log: quiet, Bases: []string{crowdOrigin}}),
		Directory: &directory.Sync{Store: c.store, Clock: clock, Log: quiet},
	})
	must(err)

	by := store.Author{Role: roles.Owner, Who: "crowd", Now: noon.AddDate(0, -6, 0)}
	idp := samltest.NewIdP("https://idp.example.test/saml")
	_, err = c.store.Apply(ctx, crowdFile(b, idp.Metadata()), by)
	must(err)
	everybody := crowdPeopleOf(b, c.store)
	c.person = everybody[7].account
	run := holdEverybody(b, c.store, everybody)

	// One login is decided here, and what explains it explains all the others.
	record, err := c.store.Record(ctx, "r007")
	must(err)
	answer := samltest.For(record.SAML.SP("r007", crowdOrigin, []saml.Key{samltest.Key(samltest.Service)})).At(noon).Person("visitor").Attribute("groups", "g1")
	outcome, err := flow.Complete(ctx, login.Post{Record: "r007", Origin: crowdOrigin, Response: base64.StdEncoding.EncodeToString(idp.Response(answer))})
	must(err)
	c.ref = outcome.Reference
	decided, err := c.store.Trace(ctx, c.ref)
	must(err)
	crowdLoginsOf(b, c.store, everybody, decided.Document)

	id, err := c.store.CreateLocal(ctx, users.Profile{Username: "olga", Email: "olga@example.test"}, roles.Owner, by)
	must(err)
	address, err := flow.PasswordAddress(ctx, id, store.Author{Role: roles.Owner, Who: "crowd", Now: noon})
	must(err)
	request := httptest.NewRequest(http.MethodPost, crowdOrigin+web.ChoosePath(address), strings.NewReader(url.Values{"password": {"crate anvil pond quill"}}.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	c.handler.ServeHTTP(recorder, request)
	for _, cookie := range recorder.Result().Cookies() {
		c.cookie = cookie.Name + "=" + cookie.Value
	}
	if c.cookie == "" {
		text, _ := io.ReadAll(recorder.Body)
		b.Fatalf("nobody is logged in: %d\n%s", recorder.Code, text)
	}
	token, err := c.store.CreateToken(ctx, tokens.Token{Name: "nightly", Role: roles.Reader, Expires: noon.AddDate(0, 1, 0)}, []byte("a hash"), by)
	must(err)
	edition, err := c.store.Edition(ctx, "r007")
	must(err)
	keys, err := c.store.SPKeyring(ctx, edition.ID)
	must(err)
	c.fill = strings.NewReplacer(":run", run, ":token", token.ID, ":fingerprint", saml.Fingerprint(keys[0].Certificate), ":ref", c.ref, ":user", c.person, ":record", "r007", ":group", "everyone", ":version", "1")
	return c
}

// crowdFile has the groups and the records. Each record has five associations of
// its own, and twenty of them one for the group of everyone.
func crowdFile(b *testing.B, metadata []byte) idms.File {
	var text strings.Builder
	text.WriteString("groups:\n  - {key: everyone, name: Everyone}\n")
	for i := range crowdGroups - 1 {
		fmt.Fprintf(&text, "  - {key: group-%03d, name: Team %d of the house}\n", i, i)
	}
	text.WriteString("records:\n")
	for i := range crowdRecords {
		fmt.Fprintf(&text, `  - key: r%03d
    name: Record %d
    state: active
    saml: {metadata_file: idp.xml, allow_unsolicited: true}
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    access_rules:
      - {key: everyone, attribute: username, pattern: ., level: restricted}
    associations:
`, i, i)
		for j := range 5 {
			fmt.Fprintf(&text, "      - {key: a%d, attribute: groups, pattern: ^g%d$, group: group-%03d}\n", j, j, (i*5+j)%(crowdGroups-1))
		}
		if i < 20 {
			text.WriteString("      - {key: all, attribute: username, pattern: ., group: everyone}\n")
		}
		if i == 7 {
			text.WriteString("    directory: {preset: openldap, hosts: [ldap.example.test], base_dn: \"dc=example,dc=test\"}\n")
		}
	}
	file, problems := idms.ParseFile([]byte(text.String()), func(string) ([]byte, error) { return metadata, nil })
	if problems.Any() {
		b.Fatal(problems)
	}
	return file
}

type crowdPerson struct{ account, record, username string }

// crowdPeopleOf makes the people, each in five groups by association, half of them
// in that of everyone: the first through a directory, a tenth by hand, most by an
// association, which for 180 records is deleted (S34). One is in 200 groups, and half
// of them are readers.
func crowdPeopleOf(b *testing.B, s *store.Store) []crowdPerson {
	b.Helper()
	records := make([]store.Edition, crowdRecords)
	for i := range records {
		var err error
		if records[i], err = s.Edition(b.Context(), fmt.Sprintf("r%03d", i)); err != nil {
			b.Fatal(err)
		}
	}
	everybody := make([]crowdPerson, crowdPeople)
	for from := 0; from < crowdPeople; from += 500 {
		err := s.InTx(b.Context(), func(tx *store.Tx) error {
			for i := from; i < from+500; i++ {
				record := records[i%crowdRecords]
				account := users.Account{ID: store.NewID(), RecordID: record.ID, State: users.Enabled, Created: noon.AddDate(0, -3, 0), LastSeen: noon,
					Profile: users.Profile{Username: fmt.Sprintf("person-%05d", i), Email: fmt.Sprintf("person-%05d@example.test", i), FirstName: fmt.Sprintf("First%d", i%97), LastName: fmt.Sprintf("Last%d", i%911)}}
				if i%100 == 0 {
					account.State = users.Blocked
				}
				everybody[i] = crowdPerson{account.ID, record.Key, account.Username}
				if err := tx.CreateUser(account); err != nil {
					return err
				}
				var changes []groups.Change
				add := func(group string, source groups.Source) {
					changes = append(changes, groups.Change{Group: group, Source: source})
				}
				for j := range 5 {
					add(fmt.Sprintf("group-%03d", (i%crowdRecords*5+j)%(crowdGroups-1)), groups.Source{Kind: groups.FromAssociation, Record: record.Key, By: fmt.Sprintf("a%d", j), Since: noon})
				}
				if i%2 == 1 { // whom an association makes readers
					add(roles.Reader.Group(), groups.Source{Kind: groups.FromAssociation, Record: record.Key, By: "readers", Since: noon})
				}
				if i == 7 {
					for j := range 200 {
						add(fmt.Sprintf("group-%03d", j), groups.Source{Kind: groups.Manual, By: "grace", Since: noon})
					}
				}
				switch {
				case i >= crowdBig:
				case i%10 == 0:
					add("everyone", groups.Source{Kind: groups.Manual, By: "grace", Since: noon})
				case i < crowdBig/2:
					add("everyone", groups.Source{Kind: groups.FromDirectory, Record: "r007", By: "r007", Since: noon})
				default:
					add("everyone", groups.Source{Kind: groups.FromAssociation, Record: record.Key, By: "all", Since: noon})
				}
				if err := tx.ApplyChanges(account.ID, changes, noon); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return everybody
}

// crowdLoginsOf writes the logins of 90 days with their events; one in twenty is
// refused, and one person has a hundred times as many as others.
func crowdLoginsOf(b *testing.B, s *store.Store, everybody []crowdPerson, document []byte) {
	b.Helper()
	chance := rand.New(rand.NewPCG(1, 2))
	for from := 0; from < crowdLogins; from += 1000 {
		events := make([]audit.Event, 0, 1000)
		err := s.InTx(b.Context(), func(tx *store.Tx) error {
			for i := from; i < from+1000; i++ {
				who := everybody[chance.IntN(len(everybody))]
				if i%100 == 0 {
					who = everybody[7]
				}
				one := store.Trace{Ref: store.NewRef(), Record: who.record, Version: 1, At: noon.AddDate(0, 0, -90).Add(time.Duration(i) * 77 * time.Second),
					Verified: true, Admitted: i%20 != 0, UserID: who.account, Document: document}
				event := audit.Event{At: one.At, Action: audit.LoggedIn, Record: who.record, User: who.account, Trace: one.Ref, Address: "192.0.2.7"}
				if !one.Admitted {
					one.Code = trace.Code("no_access")
					if i%2000 == 0 {
						one.Code = "validation_failed"
					}
					event.Action, event.Code = audit.LoginRefused, one.Code
				}
				if i%10_000 == 0 {
					event = audit.Event{At: one.At, Action: audit.JobFailed, Alarm: true, Who: "system"}
				}
				events = append(events, event)
				if err := tx.SaveTrace(one); err != nil {
					return err
				}
			}
			return tx.Audit(events...)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// holdEverybody has a directory want half the group of everyone out, and a stop
// hold that among 500 groups that shrink too.
func holdEverybody(b *testing.B, s *store.Store, everybody []crowdPerson) (run string) {
	b.Helper()
	record, err := s.Edition(b.Context(), "r007")
	if err != nil {
		b.Fatal(err)
	}
	plan := &ldapsync.Plan{Record: "r007", Names: map[uuid.UUID]string{}}
	for i := range 500 {
		leave := ldapsync.Members{Kind: ldapsync.RemoveMember, Group: fmt.Sprintf("group-%03d", i)}
		if i == 250 {
			leave.Group = "everyone"
		}
		for _, one := range everybody[:100] {
			id := uuid.MustParse(one.account)
			plan.Names[id] = one.username
			leave.Users = append(leave.Users, id)
		}
		plan.Leaves = append(plan.Leaves, leave)
	}
	held := store.Run{ID: store.NewID(), Record: "r007", Began: noon, Ended: noon, Cause: "schedule", Outcome: store.RunHeld, Hash: "held"}
	if err := s.SaveRun(b.Context(), record, held, plan); err != nil {
		b.Fatal(err)
	}
	return held.ID
}
