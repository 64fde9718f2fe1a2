package load

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xrate "golang.org/x/time/rate"
)

var rate = flag.Int("rate", 60, "logins a second of the soak")

// BenchmarkSoak logs people in at a steady rate, as many as -benchtime says,
// while the purge runs every minute and sessions end after one. Its log tells,
// as it goes, what the server holds in memory and what the database has grown
// to: memory and what is purged stay, audit trail and traces grow.
func BenchmarkSoak(b *testing.B) {
	f := startFarm(b, "", 1, *sent, "session: {length: 1m, idle: 1m, pending: 1m, elevation: 1m}\nretention: {purge_every: 1m}\n")
	f.lasting = time.Minute // used assertions are kept six more: MaxClockSkew, and a purge
	start, begun := f.cpu(b), time.Now()
	steady := xrate.NewLimiter(xrate.Limit(*rate), 1)
	if b.N > 1 {
		b.Log("logins   after   RSS MiB   database MiB   sessions   pending   used   traces")
	}
	part := max(1, b.N/20)
	for done := 0; done < b.N; done += part {
		check(b, inParallel(*clients, min(part, b.N-done), func(i int) error {
			if err := steady.Wait(context.Background()); err != nil {
				return err
			}
			v, err := f.begin(i, personOf((done+i)%2000))
			if err != nil {
				return err
			}
			admitted, err := f.post(i, v)
			if err == nil && !admitted {
				err = fmt.Errorf("login %d was refused", done+i)
			}
			return err
		}))
		if b.N > 1 {
			b.Logf("%6d %7s %9.1f %14.1f %10d %9d %6d %8d", min(done+part, b.N), time.Since(begun).Round(time.Second),
				f.memory(b, "VmRSS"), f.databaseMiB(b),
				f.count(b, "sessions"), f.count(b, "pending_requests"), f.count(b, "used_assertions"), f.count(b, "traces"))
		}
	}
	if traces, events := f.count(b, "traces"), f.count(b, "audit_events WHERE action = 'logged_in'"); traces != b.N || events != b.N {
		b.Errorf("%d logins left %d traces and %d audit events", b.N, traces, events)
	}
	if b.N > 1 {
		for line := range strings.Lines(f.processes[0].Said()) {
			if strings.Contains(line, "msg=purged") {
				b.Log(strings.TrimSpace(line))
			}
		}
	}
	b.ReportMetric(float64((f.cpu(b)-start).Microseconds())/float64(b.N), "cpu-µs/op") // begin and login
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "logins/s")
	b.ReportMetric(f.memory(b, "VmHWM"), "peak-MiB")
	b.ReportMetric(f.databaseMiB(b)*1024/float64(b.N), "database-KiB/op")
}

// databaseMiB is the size of the SQLite file with its log.
func (f *farm) databaseMiB(tb testing.TB) float64 {
	files, err := filepath.Glob(filepath.Join(f.folder, "idms.sqlite*"))
	check(tb, err)
	sum := 0.0
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			sum += float64(info.Size()) / (1 << 20)
		}
	}
	return sum
}
