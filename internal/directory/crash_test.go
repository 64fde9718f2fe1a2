package directory

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"idms/internal/ldapsync"
	"idms/internal/store"
	"idms/test/needs"
)

// child is a process of its own that makes one run, and says when it begins to
// apply: what the tests below kill.
const childVariable = "IDMS_TEST_SYNC_CHILD" // url, path, keyset, round

func TestMain(m *testing.M) {
	if task := os.Getenv(childVariable); task != "" {
		if err := child(task); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if task := os.Getenv(benchVariable); task != "" {
		if err := oneRun(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(task string) error {
	values, err := url.ParseQuery(task)
	if err != nil {
		return err
	}
	round, err := strconv.Atoi(values.Get("round"))
	if err != nil {
		return err
	}
	s, err := tryOpen(context.Background(), values.Get("url"), values.Get("path"), values.Get("keyset"))
	if err != nil {
		return err
	}
	defer s.Close()
	began := time.Now()
	sync := &Sync{Store: s, Clock: func() time.Time { return roundTime(round) }, Log: slog.New(slog.DiscardHandler), Source: variant(round)}
	_, err = approved(context.Background(), sync, func(p Progress) {
		if p.Phase == "apply" {
			began = time.Now()
			fmt.Println("apply")
		}
	})
	fmt.Println("done", time.Since(began).Microseconds())
	return err
}

// approved makes a run whose plan goes through, whatever it is.
func approved(ctx context.Context, sync *Sync, progress func(Progress)) (Report, error) {
	dry, err := sync.Run(ctx, Request{Record: "acme", DryRun: true, By: byBob})
	if err != nil {
		return dry, err
	}
	return sync.Run(ctx, Request{Record: "acme", Plan: dry.Run.Hash, By: byBob, Progress: progress})
}

func roundTime(round int) time.Time { return noon.Add(time.Duration(round) * time.Hour) }

// variant is the directory of one round: of its people some are new, renamed,
// disabled or gone, and its groups gain and lose members, by the round's number.
func variant(round int) *paper {
	p := company(1500, 30, 60)
	chance := rand.New(rand.NewPCG(7, uint64(round)))
	for i := range p.people {
		switch e := &p.people[i]; chance.IntN(10) {
		case 0:
			e.username = fmt.Sprintf("renamed%06d-%d", i, round)
		case 1:
			e.off = ldapsync.SwitchedOff
		case 2:
			p.hidden[e.id] = true
		}
	}
	p.people = slices.DeleteFunc(p.people, func(e entry) bool { return p.hidden[e.id] })
	for i := range p.groups {
		members := p.groups[i].members
		p.groups[i].members = members[chance.IntN(20) : len(members)-chance.IntN(20)]
		p.groups[i].name += strings.Repeat(" new", chance.IntN(2))
	}
	p.groups = p.groups[chance.IntN(3):]
	return p
}

// holding is all that a record's syncs left, as a digest: it is equal for two
// databases in which everybody has the same state and groups.
func holding(t testing.TB, s *store.Store) string {
	t.Helper()
	record, err := s.Edition(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Holdings(t.Context(), record.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := ldapsync.Want{Keys: true}
	for _, held := range h.People {
		want.Users = append(want.Users, held.User)
	}
	for _, group := range h.Groups {
		want.Groups = append(want.Groups, group.Key)
	}
	d, err := s.Details(t.Context(), record, want)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	names := map[uuid.UUID]string{}
	for _, account := range d.Accounts {
		names[account.User] = account.Profile.Username
		lines = append(lines, fmt.Sprintf("account %q %q %q %q", account.ID, account.Profile, account.State, account.DN))
	}
	for _, held := range h.People {
		lines = append(lines, fmt.Sprintf("person %q %x %q", held.ID, held.Mark, held.Off))
	}
	for _, group := range h.Groups {
		lines = append(lines, fmt.Sprintf("group %+v", group))
		if len(d.Members[group.Key]) != group.Members {
			t.Errorf("the group %s has %d members and is said to have %d", group.Key, len(d.Members[group.Key]), group.Members)
		}
		for _, user := range d.Members[group.Key] {
			lines = append(lines, fmt.Sprintf("member %s %s", group.Key, names[user]))
		}
	}
	for key, name := range d.Keys {
		lines = append(lines, "here "+key+" "+name)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

// victim starts a child and returns when it applies its plan.
type victim struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, task url.Values) *victim {
	t.Helper()
	v := &victim{Cmd: exec.Command(os.Args[0])}
	v.Env = append(os.Environ(), childVariable+"="+task.Encode())
	out, err := v.StdoutPipe()
	if err == nil {
		err = v.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	v.lines = bufio.NewScanner(out)
	if !v.lines.Scan() || v.lines.Text() != "apply" {
		t.Fatalf("the child says %q, want that it applies", v.lines.Text())
	}
	return v
}

// took is how long a child needed to apply that was left alone.
func (v *victim) took(t *testing.T) time.Duration {
	t.Helper()
	v.lines.Scan()
	micros, err := strconv.Atoi(strings.TrimPrefix(v.lines.Text(), "done "))
	if failed := v.Wait(); err != nil || failed != nil {
		t.Fatalf("the child says %q (%v)", v.lines.Text(), failed)
	}
	return time.Duration(micros) * time.Microsecond
}

// rounds is how often each test kills. The moments are random and always the
// same share of the time that applying takes.
const rounds = 6

// A process that is killed while it applies leaves all or nothing, and the next
// run completes it: whatever the moment.
func TestAKilledProcessLeavesAllOrNothing(t *testing.T) {
	for name, address := range map[string]func(t *testing.T) url.Values{
		"sqlite":   func(t *testing.T) url.Values { return url.Values{"path": {filepath.Join(t.TempDir(), "idms.sqlite")}} },
		"postgres": func(t *testing.T) url.Values { return url.Values{"url": {needs.PostgreSQL(t)}} },
	} {
		t.Run(name, func(t *testing.T) {
			task := address(t)
			task.Set("keyset", filepath.Join(t.TempDir(), "keyset.json"))
			killed(t, task, func(v *victim) { _ = v.Process.Kill() }, func() {})
		})
	}
}

// killed runs rounds in which kill strikes while a child applies; mend makes the
// database answer again.
func killed(t *testing.T, task url.Values, kill func(*victim), mend func()) {
	t.Helper()
	s := openStore(t, task.Get("url"), task.Get("path"), task.Get("keyset"))
	applyRecord(t, s, "dc=example,dc=com")
	task.Set("round", "0")
	start(t, task).took(t)
	task.Set("round", "1")
	whole := start(t, task).took(t) // a run like those that are killed
	chance := rand.New(rand.NewPCG(11, 13))
	nothing, all := 0, 0
	for round := 2; round < 2+rounds; round++ {
		before := holding(t, s)
		task.Set("round", strconv.Itoa(round))
		v := start(t, task)
		// Somewhere in each part of the time that applying takes.
		moment := time.Duration(float64(whole) * (float64(round-2) + chance.Float64()) / rounds)
		timer := time.NewTimer(moment)
		<-timer.C
		kill(v)
		_ = v.Wait()
		mend()
		after := holding(t, s)
		// The next run, by another process whose clock is past the lease, completes.
		sync := &Sync{Store: s, Clock: func() time.Time { return roundTime(round).Add(time.Minute * 30) }, Log: slog.New(slog.DiscardHandler), Source: variant(round)}
		report, err := approved(t.Context(), sync, nil)
		if err != nil {
			t.Fatalf("round %d, killed after %v of %v: the next run failed: %v", round, moment, whole, err)
		}
		done := holding(t, s)
		switch after {
		case before:
			nothing++
			if report.Run.Outcome != store.RunApplied {
				t.Errorf("round %d: the next run ended %s, want applied", round, report.Run.Outcome)
			}
		case done:
			all++
		default:
			t.Errorf("round %d, killed after %v of %v: neither all nor nothing", round, moment, whole)
		}
		if again, err := approved(t.Context(), sync, nil); err != nil || again.Run.Outcome != store.RunUnchanged {
			t.Errorf("round %d: the run after it ended %s (%v), want unchanged", round, again.Run.Outcome, err)
		}
	}
	t.Logf("killed %d times within %v: %d left nothing, %d all", rounds, whole, nothing, all)
	if nothing == 0 {
		t.Error("no kill struck before the end: the test proves nothing")
	}
}

// The same when the database server is killed, all its processes at once.
func TestAKilledPostgreSQLLeavesAllOrNothing(t *testing.T) {
	cluster := needs.OwnPostgreSQL(t)
	task := url.Values{"url": {cluster.URL}, "keyset": {filepath.Join(t.TempDir(), "keyset.json")}}
	killed(t, task, func(*victim) { cluster.Kill(t) }, func() { cluster.Start(t) })
}
