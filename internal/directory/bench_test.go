package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/idms"
	"idms/internal/store"
	"idms/test/directories"
	"idms/test/needs"
)

// benchVariable asks this program, in a process of its own, for one run against a
// real directory, so that processor time and memory are those of a run alone.
const benchVariable = "IDMS_TEST_SYNC_RUN" // url, path, keyset, plan

// spent is what one run took.
type spent struct {
	CPU, Apply time.Duration // user and system: of the run, and of its last step
	Peak       int64         // bytes, of the process
	Written    int           // rows
	Statements int
	Outcome    store.RunOutcome
	Counts     string
}

func oneRun(task string) error {
	values, err := url.ParseQuery(task)
	if err != nil {
		return err
	}
	s, err := tryOpen(context.Background(), values.Get("url"), values.Get("path"), values.Get("keyset"))
	if err != nil {
		return err
	}
	defer s.Close()
	sync := &Sync{Store: s, Clock: time.Now, Log: slog.New(slog.DiscardHandler)}
	before := processor()
	var apply time.Duration
	report, err := sync.Run(context.Background(), Request{Record: "acme", Plan: values.Get("plan"), By: byBob, Progress: func(p Progress) {
		if p.Phase == "apply" {
			apply = processor()
		}
	}})
	if err != nil {
		return err
	}
	one := spent{CPU: processor() - before, Written: report.Run.Written, Statements: report.Run.Statements, Outcome: report.Run.Outcome, Counts: fmt.Sprint(report.Run.Counts)}
	if apply > 0 {
		one.Apply = processor() - apply
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(after, &one.Peak); err != nil {
		return err
	}
	one.Peak <<= 10
	return json.NewEncoder(os.Stdout).Encode(one)
}

// processor is the processor time of this process so far.
func processor() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// bench is a directory, a database, and the programs that measure beside us.
type bench struct {
	*testing.B
	ldap *directories.Directory
	cast directories.Cast
	task url.Values
	// server is the processor time of the database's own processes so far.
	server func() time.Duration
	store  *store.Store
}

// BenchmarkSync syncs directories.Large into both databases, beside what bounds
// it: ldapsearch, and the database's own bulk import of the same rows. Every
// number is processor time of client and database server together, and every
// ratio is of one run of this benchmark. BENCH_PEOPLE makes it smaller.
func BenchmarkSync(b *testing.B) {
	cast := directories.Large
	if text := os.Getenv("BENCH_PEOPLE"); text != "" {
		people, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		cast = directories.Cast{Seed: 1, People: people, Groups: people / 50, Memberships: people * 5}
	}
	for _, dialect := range []string{"postgres", "sqlite"} {
		b.Run(dialect, func(b *testing.B) {
			m := &bench{B: b, ldap: directories.OpenLDAP(b, cast.LDIF()), cast: cast, server: func() time.Duration { return 0 }}
			m.task = url.Values{"keyset": {filepath.Join(b.TempDir(), "keyset.json")}}
			var limit func() time.Duration
			if dialect == "postgres" {
				cluster := needs.OwnPostgreSQL(b)
				m.task.Set("url", cluster.URL)
				m.server = func() time.Duration { return cluster.Processor(b) }
				limit = func() time.Duration { return m.copied(cluster) }
			} else {
				m.task.Set("path", filepath.Join(b.TempDir(), "idms.sqlite"))
				limit = m.imported
			}
			m.begin()
			b.ResetTimer()
			m.measure(dialect, limit)
		})
	}
}

// begin makes the record, and the plan of its first run, which waits.
func (m *bench) begin() {
	m.store = openStore(m, m.task.Get("url"), m.task.Get("path"), m.task.Get("keyset"))
	settings := m.ldap.PlainSettings()
	settings.PageSize = 1000
	record := idms.Record{Key: "acme", Name: "Acme", State: idms.Active, Association: idms.FromDirectory, Directory: &settings}
	if _, err := m.store.Apply(m.Context(), idms.File{Records: []idms.Record{record}}, byBob); err != nil {
		m.Fatal(err)
	}
	if err := m.store.SetBindPassword(m.Context(), "acme", m.ldap.Password, byBob); err != nil {
		m.Fatal(err)
	}
	m.run(store.RunHeld)
}

// run makes one run in a process of its own. What the database server took is
// part of it.
func (m *bench) run(want store.RunOutcome) spent {
	m.Helper()
	if held, err := m.store.Run(m.Context(), "acme", "held"); err == nil && want == store.RunApplied {
		m.task.Set("plan", held.Hash)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), benchVariable+"="+m.task.Encode())
	command.Stderr = os.Stderr
	before := m.server()
	out, err := command.Output()
	if err != nil {
		m.Fatalf("%v: %s", err, out)
	}
	var one spent
	if err := json.Unmarshal(out, &one); err != nil || one.Outcome != want {
		m.Fatalf("the run ended %q (%v), want %q: %+v", one.Outcome, err, want, one)
	}
	served := m.server() - before
	one.CPU += served
	if one.Apply > 0 {
		one.Apply += served
	}
	return one
}

func (m *bench) measure(dialect string, limit func() time.Duration) {
	search := m.search()
	first := m.run(store.RunApplied)
	bulk := limit()

	// No change and ldapsearch by turns: the machine drifts.
	var same spent
	var searched time.Duration
	const turns = 5
	for range turns {
		searched += m.search()
		one := m.run(store.RunUnchanged)
		same.CPU += one.CPU
		same.Peak = max(same.Peak, one.Peak)
		same.Written += one.Written
	}
	m.change()
	between := m.run(store.RunApplied)
	after := m.run(store.RunUnchanged)

	seconds := func(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
	ratio := func(a, b time.Duration) float64 { return float64(a) / float64(b) }
	m.ReportMetric(seconds(search), "ldapsearch-s")
	m.ReportMetric(seconds(bulk), "import-s")
	m.ReportMetric(ratio(first.CPU, search+bulk), "first/limit")
	m.ReportMetric(ratio(first.Apply, bulk), "apply/import")
	m.ReportMetric(ratio(same.CPU, searched), "same/ldapsearch")
	m.ReportMetric(float64(same.Written), "same-rows")
	m.ReportMetric(ratio(between.CPU, after.CPU), "delta/same")
	m.ReportMetric(float64(first.Peak>>20), "first-MiB")
	m.ReportMetric(float64(same.Peak>>20), "same-MiB")
	m.Logf("%s: first run %.2f s, of which applying %.2f s, %d rows in %d statements; limits: ldapsearch %.2f s, import %.2f s", dialect,
		seconds(first.CPU), seconds(first.Apply), first.Written, first.Statements, seconds(search), seconds(bulk))
	m.Logf("%s: without changes %.2f s beside ldapsearch %.2f s; 1 %% changed: %.2f s, %d rows in %d statements (%s)", dialect,
		seconds(same.CPU/turns), seconds(searched/turns), seconds(between.CPU), between.Written, between.Statements, between.Counts)
}

// search is ldapsearch asking for what a sync asks for.
func (m *bench) search() time.Duration {
	var took time.Duration
	for _, what := range [][]string{
		{directories.People, "(objectClass=inetOrgPerson)", "entryUUID", "uid", "mail", "givenName", "sn", "telephoneNumber", "pwdAccountLockedTime"},
		{directories.Groups, "(objectClass=groupOfNames)", "entryUUID", "cn", "member"},
	} {
		arguments := []string{"-LLL", "-x", "-o", "ldif-wrap=no", "-H", m.ldap.URL(), "-D", m.ldap.BindDN, "-w", m.ldap.Password, "-E", "pr=1000/noprompt", "-b"}
		took += m.program(needs.OpenLDAP(m).Search, append(arguments, what...)...)
	}
	return took
}

// program runs one, and returns its processor time.
func (m *bench) program(name string, arguments ...string) time.Duration {
	m.Helper()
	command := exec.Command(name, arguments...)
	var problem strings.Builder
	command.Stderr = &problem
	if err := command.Run(); err != nil {
		m.Fatalf("%s: %v\n%s", name, err, problem.String())
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime()
}

// change changes one person in a hundred, and adds one membership for each
// hundred, in one group of ten.
func (m *bench) change() {
	client := m.ldap.Client(m)
	for i := 0; i < m.cast.People; i += 100 {
		request := ldap.NewModifyRequest(directories.UserDN(i), nil)
		request.Replace("sn", []string{"Changed"})
		if err := client.Modify(request); err != nil {
			m.Fatal(err)
		}
	}
	for i := 0; i < m.cast.Groups; i += 10 {
		for j := range m.cast.Memberships / m.cast.Groups / 10 {
			request := ldap.NewModifyRequest(fmt.Sprintf("cn=group%05d,%s", i, directories.Groups), nil)
			request.Add("member", []string{directories.UserDN((i*31 + j*977) % m.cast.People)})
			if err := client.Modify(request); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultAttributeOrValueExists) {
				m.Fatal(err)
			}
		}
	}
}

// tables are those that a first run fills, in the order of their references.
var tables = []string{"users", "groups", "directory_people", "directory_groups", "membership_sources"}

// copied is PostgreSQL's own COPY of the rows of the first run, into tables of
// the same shape, with their indexes and references.
func (m *bench) copied(cluster *needs.Cluster) time.Duration {
	folder := m.TempDir()
	twin := strings.Replace(cluster.URL, "/postgres?", "/twin?", 1)
	m.program(cluster.Program("psql"), "-q", cluster.URL, "-c", "CREATE DATABASE twin")
	s := openStore(m, twin, "", m.task.Get("keyset"))
	if err := s.Close(); err != nil {
		m.Fatal(err)
	}
	var in []string
	for _, table := range append([]string{"records"}, tables...) {
		file := filepath.Join(folder, table)
		m.program(cluster.Program("psql"), "-q", cluster.URL, "-c", `\copy `+table+` TO '`+file+`' (FORMAT binary)`)
		if table == "records" {
			m.program(cluster.Program("psql"), "-q", twin, "-c", "DELETE FROM records", "-c", "DELETE FROM groups", "-c", `\copy records FROM '`+file+`' (FORMAT binary)`)
			continue
		}
		in = append(in, "-c", `\copy `+table+` FROM '`+file+`' (FORMAT binary)`)
	}
	before := m.server()
	took := m.program(cluster.Program("psql"), append([]string{"-q", "-1", twin}, in...)...)
	return took + m.server() - before
}

// imported is what the shell of SQLite takes to import the rows of the first run
// as CSV, into tables of the same shape.
func (m *bench) imported() time.Duration {
	shell := needs.SQLiteShell(m)
	folder := m.TempDir()
	twin := filepath.Join(folder, "twin.sqlite")
	s := openStore(m, "", twin, m.task.Get("keyset"))
	if err := s.Close(); err != nil {
		m.Fatal(err)
	}
	m.program(shell, twin, "DELETE FROM records", "DELETE FROM groups", "ATTACH '"+m.task.Get("path")+"' AS full", "INSERT INTO records SELECT * FROM full.records")
	script := []string{twin, "PRAGMA synchronous = NORMAL", "PRAGMA foreign_keys = ON", ".mode csv", "BEGIN"}
	for _, table := range tables {
		file := filepath.Join(folder, table+".csv")
		m.program(shell, m.task.Get("path"), ".mode csv", ".once "+file, "SELECT * FROM "+textual(table))
		if table == "directory_people" || table == "directory_groups" { // which hold bytes, as no CSV does
			script = append(script, "CREATE TEMP TABLE in_"+table+" AS SELECT * FROM "+table+" WHERE 0", ".import "+file+" in_"+table,
				"INSERT INTO "+table+" SELECT "+fromText[table]+" FROM in_"+table)
			continue
		}
		script = append(script, ".import "+file+" "+table)
	}
	return m.program(shell, append(script, "COMMIT")...)
}

// textual and fromText write bytes as hexadecimal digits and back.
func textual(table string) string {
	switch table {
	case "directory_people":
		return "(SELECT record_id, hex(external_id), user_id, hex(mark), off, dn FROM directory_people)"
	case "directory_groups":
		return "(SELECT record_id, hex(external_id), group_key, name, made, hex(mark), off, members FROM directory_groups)"
	}
	return table
}

// An older shell of SQLite has no unhex: the digits' own bytes are as long or
// longer, which is in our favour by a little.
var fromText = map[string]string{
	"directory_people": "record_id, CAST(substr(external_id, 1, 36) AS BLOB), user_id, CAST(substr(mark, 1, 16) AS BLOB), off, dn",
	"directory_groups": "record_id, CAST(substr(external_id, 1, 36) AS BLOB), group_key, name, CAST(made AS INTEGER), CAST(substr(mark, 1, 16) AS BLOB), off, CAST(members AS INTEGER)",
}
