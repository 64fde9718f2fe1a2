package load

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"idms/test/needs"
)

var alone = flag.Bool("alone", false, "run idms without the usual way beside it: for profiles")

// onEach runs on SQLite and on PostgreSQL; newDatabase is "" for a new file.
func onEach[TB interface {
	testing.TB
	Run(string, func(TB)) bool
}](tb TB, run func(tb TB, newDatabase func() string)) {
	tb.Run("SQLite", func(tb TB) { run(tb, func() string { return "" }) })
	tb.Run("PostgreSQL", func(tb TB) { run(tb, func() string { return needs.PostgreSQL(tb) }) })
}

// What is compared must be worth comparing: both ways let the right ones in, put
// them into their groups, and refuse the same.
func TestBothWaysOfALoginDoTheSame(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() string) {
		for name, contender := range map[string]contender{
			"ours": newOurs(t, newDatabase(), 20), "usual": newUsual(t, newDatabase(), 20, false), "rows": newUsual(t, newDatabase(), 20, true),
		} {
			t.Run(name, func(t *testing.T) {
				honest := contender.prepare(t, "ada")
				form, cookies := formOf(t, honest), honest.Cookies()
				if got := sessionAfter(contender, form, cookies...); got == "" {
					t.Fatal("an honest response opened no session")
				}
				if got := contender.memberships(t, "ada"); got != 20 {
					t.Errorf("ada is in %d groups, not in 20", got)
				}
				if sessionAfter(contender, form, cookies...) != "" {
					t.Error("M17: a replayed response opened a session")
				}
				fresh := contender.prepare(t, "ada")
				form = formOf(t, fresh)
				if sessionAfter(contender, form) != "" {
					t.Error("M15: a browser that waits for nothing got a session")
				}
				if sessionAfter(contender, tamper(t, form, "ada@example.test", "eve@example.test"), fresh.Cookies()...) != "" {
					t.Error("M06: a changed response opened a session")
				}
				if sessionAfter(contender, form, fresh.Cookies()...) == "" {
					t.Error("the honest response was refused afterwards")
				}
			})
		}
	})
}

func formOf(tb testing.TB, request *http.Request) string {
	tb.Helper()
	form, err := io.ReadAll(request.Body)
	check(tb, err)
	return string(form)
}

// sessionAfter is the token of the session that a posted form opens, or "".
func sessionAfter(contender contender, form string, cookies ...*http.Cookie) string {
	recorded := httptest.NewRecorder()
	contender.ServeHTTP(recorded, post(form, cookies...))
	return sessionOf(recorded.Result())
}

// tamper changes a word inside of the signed response.
func tamper(tb testing.TB, form, from, to string) string {
	tb.Helper()
	values, err := url.ParseQuery(form)
	check(tb, err)
	message, err := base64.StdEncoding.DecodeString(values.Get("SAMLResponse"))
	check(tb, err)
	changed := strings.ReplaceAll(string(message), from, to)
	if changed == string(message) {
		tb.Fatalf("no %s in the response", from)
	}
	return url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(changed))}}.Encode()
}

// BenchmarkLogin is one login of somebody known whose groups stay as they are,
// from the POST until the cookie, with as many rules as groups. The usual way
// takes turns with ours, because a shared machine drifts: x_vs_usual says how
// many times more processor time it takes, x_vs_rows the same of one that keeps
// each finding as a row of its own. A database in another process is not seen.
func BenchmarkLogin(b *testing.B) {
	onEach(b, func(b *testing.B, newDatabase func() string) {
		for _, many := range []int{20, 200} {
			b.Run(fmt.Sprintf("groups=%d", many), func(b *testing.B) {
				contenders := []contender{newOurs(b, newDatabase(), many)}
				if !*alone {
					contenders = append(contenders, newUsual(b, newDatabase(), many, false), newUsual(b, newDatabase(), many, true))
				}
				benchmarkLogin(b, contenders)
			})
		}
	})
}

// round is how many logins of one contender follow each other.
const round = 25

func benchmarkLogin(b *testing.B, contenders []contender) {
	for _, contender := range contenders { // the first login of each is another story
		for i := range round {
			logIn(b, contender, contender.prepare(b, personOf(i)))
		}
	}
	took := make([]cost, len(contenders))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += round {
		for i, contender := range contenders {
			b.StopTimer()
			posts := make([]*http.Request, min(round, b.N-done))
			for j := range posts {
				posts[j] = contender.prepare(b, personOf(j))
			}
			if i == 0 {
				b.StartTimer()
			}
			// The label tells ours apart in a profile: go tool pprof -tagfocus who=0
			pprof.Do(context.Background(), pprof.Labels("who", fmt.Sprint(i)), func(context.Context) {
				took[i].measure(len(posts), func(j int) { logIn(b, contender, posts[j]) })
			})
		}
	}
	b.StopTimer()
	b.ReportMetric(took[0].cpuMicros(), "cpu-µs/op")
	if len(took) > 1 {
		b.ReportMetric(took[1].cpuMicros(), "usual-cpu-µs/op")
		b.ReportMetric(took[1].cpuMicros()/took[0].cpuMicros(), "x_vs_usual")
		b.ReportMetric(took[2].cpuMicros()/took[0].cpuMicros(), "x_vs_rows")
		b.ReportMetric(float64(took[0].bytes)/float64(took[1].bytes), "alloc_vs_usual")
	}
}

func personOf(i int) string { return fmt.Sprintf("person-%05d", i) }

func logIn(tb testing.TB, contender contender, request *http.Request) {
	recorded := httptest.NewRecorder()
	contender.ServeHTTP(recorded, request)
	if recorded.Code != http.StatusSeeOther {
		tb.Fatalf("a login ends with %d: %s", recorded.Code, recorded.Body)
	}
}

// cost is what some runs took of the processor, collecting garbage included,
// and how many bytes they allocated.
type cost struct {
	runs  int
	cpu   time.Duration
	bytes uint64
}

func (c *cost) measure(runs int, run func(i int)) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime()
	for i := range runs {
		run(i)
	}
	c.cpu += processorTime() - start
	runtime.ReadMemStats(&after)
	c.bytes += after.TotalAlloc - before.TotalAlloc
	c.runs += runs
}

func (c cost) cpuMicros() float64 {
	return float64(c.cpu) / float64(c.runs) / float64(time.Microsecond)
}

// processorTime is what this process has used so far, in user and system mode.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
