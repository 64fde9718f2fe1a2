package load

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idms/test/needs"
	"idms/test/program"
)

var (
	clients = flag.Int("clients", 16, "how many browsers log in at once")
	sent    = flag.Int("groups", 20, "how many groups each response carries")
)

// BenchmarkLoad logs people in at running servers: as many as -benchtime says,
// 5000x for 5,000. Every login is begun and every response signed before the
// clock starts. Then all responses are posted, and after that all of them once
// more, each at the other process where there are two.
func BenchmarkLoad(b *testing.B) {
	for _, setup := range []struct {
		name      string
		database  func(testing.TB) string
		processes int
	}{
		{"SQLite", func(testing.TB) string { return "" }, 1},
		{"PostgreSQL", needs.PostgreSQL, 1},
		{"PostgreSQL-two-processes", needs.PostgreSQL, 2},
	} {
		b.Run(setup.name, func(b *testing.B) {
			benchmarkLoad(b, startFarm(b, setup.database(b), setup.processes, *sent, "session:\n  pending: 1h\n"))
		})
	}
}

func benchmarkLoad(b *testing.B, f *farm) {
	visits := make([]visit, b.N)
	check(b, inParallel(4, b.N, func(i int) (err error) {
		visits[i], err = f.begin(i, personOf(i%500))
		return err
	}))

	start, startDatabase := f.cpu(b), f.databaseCPU(b)
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	check(b, inParallel(*clients, b.N, func(i int) error {
		begun := time.Now()
		admitted, err := f.post(i, visits[i])
		took[i] = time.Since(begun)
		if err == nil && !admitted {
			err = fmt.Errorf("login %d was refused", i)
		}
		return err
	}))
	b.StopTimer()
	cpu, databaseCPU, wall := f.cpu(b)-start, f.databaseCPU(b)-startDatabase, b.Elapsed()

	var refused atomic.Int64
	check(b, inParallel(*clients, b.N, func(i int) error {
		admitted, err := f.post(i+1, visits[i]) // at the other process, if there is one
		if err == nil && !admitted {
			refused.Add(1)
		}
		return err
	}))
	if refused.Load() != int64(b.N) {
		b.Errorf("M17: of %d replayed responses %d were refused", b.N, refused.Load())
	}
	if sessions := f.count(b, "sessions"); sessions != b.N {
		b.Errorf("%d logins opened %d sessions", b.N, sessions)
	}

	slices.Sort(took)
	milliseconds := func(share float64) float64 {
		return float64(took[min(b.N-1, int(share*float64(b.N)))]) / float64(time.Millisecond)
	}
	b.ReportMetric(float64(b.N)/cpu.Seconds(), "logins/cpu-s")
	b.ReportMetric(float64(b.N)/wall.Seconds(), "logins/s")
	b.ReportMetric(float64(databaseCPU.Microseconds())/float64(b.N), "database-cpu-µs/op")
	b.ReportMetric(milliseconds(.50), "p50-ms")
	b.ReportMetric(milliseconds(.95), "p95-ms")
	b.ReportMetric(milliseconds(.99), "p99-ms")
	b.ReportMetric(f.memory(b, "VmHWM"), "peak-MiB")
	b.ReportMetric(float64(refused.Load()), "replays-refused")
}

// farm is `idms serve` on loopback, once or several times over one database.
type farm struct {
	processes []*program.Process
	addresses []string // of the processes
	host      string   // as browsers know it
	database  string   // URL; "" is SQLite
	folder    string   // of the data
	provider  *provider
	lasting   time.Duration // of a response
	client    *http.Client
}

// patience bounds one request of a driver.
const patience = 30 * time.Second

// startFarm starts it with a record for so many groups and further settings.
func startFarm(tb testing.TB, database string, processes, groups int, settings string) *farm {
	tb.Helper()
	f := &farm{database: database, folder: tb.TempDir()}
	f.lasting = time.Hour // so that only its use makes a response useless
	for range processes {
		f.addresses = append(f.addresses, program.FreeAddress(tb))
	}
	_, port, _ := strings.Cut(f.addresses[0], ":")
	f.host = "localhost:" + port
	f.provider = newProvider("http://"+f.host, groups)
	transport := &http.Transport{MaxIdleConnsPerHost: *clients + 8, IdleConnTimeout: time.Minute}
	tb.Cleanup(transport.CloseIdleConnections)
	f.client = &http.Client{Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

	files := map[string]string{
		"idms.yaml":    "limits:\n  logins_per_second: 1000000\n  logins_burst: 1000000\n" + settings,
		"records.yaml": recordFile(groups),
		"idp.xml":      string(f.provider.Metadata()),
	}
	for name, text := range files {
		check(tb, os.WriteFile(filepath.Join(f.folder, name), []byte(text), 0o600))
	}
	common := []string{"--config", filepath.Join(f.folder, "idms.yaml"), "--data", f.folder}
	if database != "" {
		common = append(common, "--database", database)
	}
	apply := append([]string{"apply", "-f", filepath.Join(f.folder, "records.yaml")}, common...)
	if said, problems, exit := program.Run(tb, apply...); exit != 0 {
		tb.Fatalf("apply ends with %d: %s%s", exit, said, problems)
	}
	for _, address := range f.addresses {
		process := program.Start(tb, append([]string{"serve", "--listen", address, "--base-url", "http://" + f.host}, common...)...)
		process.AwaitLine(tb, "msg=listening")
		f.processes = append(f.processes, process)
	}
	return f
}

// visit is one login on its way: what the browser brings to the ACS.
type visit struct{ form, cookie string }

// begin begins login i at one of the processes, and has the provider answer.
func (f *farm) begin(i int, person string) (visit, error) {
	request, err := f.request(http.MethodGet, i, "/saml/corp/login", "")
	if err != nil {
		return visit{}, err
	}
	answer, err := f.do(request)
	if err != nil {
		return visit{}, err
	}
	id, err := requestID(answer.Header.Get("Location"))
	if err != nil {
		return visit{}, fmt.Errorf("begin: %s: %w", answer.Status, err)
	}
	begun := visit{form: f.provider.answer(id, person, time.Now(), f.lasting)}
	for _, cookie := range answer.Cookies() {
		if strings.HasPrefix(cookie.Name, "idms_pending_") {
			begun.cookie = cookie.Name + "=" + cookie.Value
		}
	}
	return begun, nil
}

// post ends a login at one of the processes, and is true when it opened a
// session. Anything but a session or a refusal is an error.
func (f *farm) post(i int, v visit) (admitted bool, err error) {
	request, err := f.request(http.MethodPost, i, "/saml/corp/acs", v.form)
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Cookie", v.cookie)
	answer, err := f.do(request)
	if err != nil {
		return false, err
	}
	admitted = sessionOf(answer) != ""
	switch {
	case admitted && answer.StatusCode == http.StatusSeeOther:
	case !admitted && answer.StatusCode == http.StatusForbidden:
	default:
		err = fmt.Errorf("a login ends with %s", answer.Status)
	}
	return admitted, err
}

// request goes to process i, under the one name that browsers know.
func (f *farm) request(method string, i int, path, form string) (*http.Request, error) {
	at := url.URL{Scheme: "http", Host: f.addresses[i%len(f.addresses)], Path: path}
	request, err := http.NewRequestWithContext(context.Background(), method, at.String(), strings.NewReader(form))
	if err == nil {
		request.Host = f.host
	}
	return request, err
}

// do reads the answer to its end, so that its connection can be used again.
func (f *farm) do(request *http.Request) (*http.Response, error) {
	answer, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer, err
}

// cpu is what the processes have used so far, user and system.
func (f *farm) cpu(tb testing.TB) time.Duration {
	var sum time.Duration
	for _, process := range f.processes {
		sum += processorTimeOf(tb, process.PID())
	}
	return sum
}

// databaseCPU is the same of the PostgreSQL server with all its processes; of
// SQLite there is nothing to add.
func (f *farm) databaseCPU(tb testing.TB) time.Duration {
	if f.database == "" {
		return 0
	}
	db := f.open(tb)
	defer db.Close()
	var folder string
	check(tb, db.QueryRow("SHOW data_directory").Scan(&folder))
	lock, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	check(tb, err)
	first, _, _ := strings.Cut(string(lock), "\n")
	postmaster, err := strconv.Atoi(first)
	check(tb, err)
	return processorTimeOf(tb, postmaster) + processorTimeOfChildren(tb, postmaster)
}

// processorTimeOfChildren is that of the processes which a process has started
// and which run still.
func processorTimeOfChildren(tb testing.TB, pid int) (sum time.Duration) {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	check(tb, err)
	for _, child := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(child)
		check(tb, err)
		sum += processorTimeOf(tb, pid)
	}
	return sum
}

// tick is the unit of times in /proc, USER_HZ: 100 a second on every Linux.
const tick = 10 * time.Millisecond

// processorTimeOf reads utime, stime and those of children that have ended
// (proc_pid_stat(5), fields 14 to 17).
func processorTimeOf(tb testing.TB, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(tb, err)
	_, after, _ := strings.Cut(string(text), ") ") // the name may hold anything
	fields := strings.Fields(after)
	var sum time.Duration
	for _, field := range fields[11:15] {
		ticks, err := strconv.Atoi(field)
		check(tb, err)
		sum += time.Duration(ticks) * tick
	}
	return sum
}

// memory is a line of /proc/PID/status in MiB, the largest of the processes:
// VmHWM is the peak of what was resident, VmRSS what is now.
func (f *farm) memory(tb testing.TB, line string) float64 {
	most := 0.0
	for _, process := range f.processes {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.PID()))
		check(tb, err)
		_, after, _ := strings.Cut(string(status), line+":")
		kib, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
		check(tb, err)
		most = max(most, kib/1024)
	}
	return most
}

// open looks into the database beside the processes.
func (f *farm) open(tb testing.TB) *sql.DB {
	driver, address := "pgx", f.database
	if f.database == "" {
		driver, address = "sqlite", "file:"+filepath.Join(f.folder, "idms.sqlite")+"?_pragma=query_only(1)&_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, address)
	check(tb, err)
	return db
}

// count counts the rows of a table.
func (f *farm) count(tb testing.TB, table string) (rows int) {
	db := f.open(tb)
	defer db.Close()
	check(tb, db.QueryRow("SELECT count(*) FROM "+table).Scan(&rows))
	return rows
}

// inParallel runs work for 0 to n-1, so many at once, until one fails.
func inParallel(workers, n int, work func(i int) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, workers)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for range min(workers, n) {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := work(i); err != nil {
					failed <- err
					stop()
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}
