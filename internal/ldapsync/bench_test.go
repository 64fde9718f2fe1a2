package ldapsync_test

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"idms/internal/ldapsync"
	"idms/test/directories"
	"idms/test/needs"
)

// The benchmark reads in a process of its own, which is this program again: its
// processor time and its peak of memory are then those of a reading alone, and
// are counted as those of ldapsearch are.
const (
	readVariable  = "IDMS_TEST_READ"  // settings to read with, as JSON; set in the child
	marksVariable = "IDMS_TEST_MARKS" // a file of marks: held when it is there, else written
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(readVariable); settings != "" {
		if err := readOnce(settings, os.Getenv(marksVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(directories.Run(m))
}

// given is what the child is told.
type given struct {
	Settings ldapsync.Settings
	Password string
}

func readOnce(text, file string) error {
	var g given
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		return err
	}
	marks := map[ldapsync.ID]ldapsync.Mark{}
	first := true
	if data, err := os.Open(file); err == nil {
		first = false
		if err := gob.NewDecoder(data).Decode(&marks); err != nil {
			return err
		}
		data.Close()
	}
	held := func(id ldapsync.ID) (ldapsync.Mark, bool) { mark, ok := marks[id]; return mark, ok }
	runtime.GC()
	before := processor()
	snapshot, err := ldapsync.Read(context.Background(), g.Settings, g.Password, held, nil)
	if err != nil {
		return err
	}
	took := processor() - before
	peak, err := peak()
	if err != nil {
		return err
	}
	memberships, profiles := 0, 0
	for _, group := range snapshot.Groups {
		memberships += len(group.Members)
	}
	for _, person := range snapshot.People {
		if person.Profile != nil {
			profiles++
		}
	}
	read := fmt.Sprintf("%d people, %d profiles, %d groups, %d memberships", len(snapshot.People), profiles, len(snapshot.Groups), memberships)
	if err := json.NewEncoder(os.Stdout).Encode(spent{took, peak, read}); err != nil {
		return err
	}
	if !first || file == "" {
		return nil
	}
	for _, person := range snapshot.People {
		marks[person.ID] = person.Mark
	}
	data, err := os.Create(file)
	if err != nil {
		return err
	}
	defer data.Close()
	return gob.NewEncoder(data).Encode(marks)
}

// spent is what a reading took.
type spent struct {
	CPU  time.Duration // user and system
	Peak int64         // bytes of memory, of the process from its beginning
	Read string
}

// processor is the processor time of this process so far.
func processor() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peak is the most memory that this process ever had (proc(5)). What wait(2)
// tells of a child would begin with the memory of its parent.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	var kilobytes int64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(after, &kilobytes)
	return kilobytes << 10, err
}

// BenchmarkRead reads directories.Large beside ldapsearch, which asks for the
// same attributes in the same pages: turn by turn, and shown as ratios of
// processor time. BENCH_PEOPLE makes it smaller.
func BenchmarkRead(b *testing.B) {
	cast := directories.Large
	if text := os.Getenv("BENCH_PEOPLE"); text != "" {
		people, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		cast = directories.Cast{Seed: 1, People: people, Groups: people / 50, Memberships: people * 5}
	}
	d := directories.OpenLDAP(b, cast.LDIF())
	search := needs.OpenLDAP(b).Search
	folder := b.TempDir()
	read := func(plain bool, marks string) spent {
		s := d.PlainSettings()
		s.PlainReader = plain
		text, err := json.Marshal(given{s, d.Password})
		if err != nil {
			b.Fatal(err)
		}
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), readVariable+"="+string(text), marksVariable+"="+marks)
		output, err := command.Output()
		if err != nil {
			b.Fatal(err)
		}
		var one spent
		if err := json.Unmarshal(output, &one); err != nil {
			b.Fatal(err)
		}
		return one
	}
	usual := func() (all spent) {
		for _, what := range [][]string{
			{directories.People, "(objectClass=inetOrgPerson)", "entryUUID", "uid", "mail", "givenName", "sn", "telephoneNumber", "pwdAccountLockedTime"},
			{directories.Groups, "(objectClass=groupOfNames)", "entryUUID", "cn", "member"},
		} {
			arguments := []string{"-LLL", "-x", "-o", "ldif-wrap=no", "-H", d.URL(), "-D", d.BindDN, "-w", d.Password, "-E", "pr=1000/noprompt", "-b"}
			command := exec.Command(search, append(arguments, what...)...)
			if err := command.Run(); err != nil {
				b.Fatal(err)
			}
			all.CPU += command.ProcessState.UserTime() + command.ProcessState.SystemTime()
		}
		return all
	}
	marks := filepath.Join(folder, "marks")
	read(false, marks)
	plain := read(true, "")

	b.ResetTimer()
	var limit, first, same spent
	add := func(to *spent, one spent) {
		to.CPU += one.CPU
		to.Peak = max(to.Peak, one.Peak)
		to.Read = one.Read
	}
	for range b.N {
		add(&limit, usual())
		add(&first, read(false, ""))
		add(&same, read(false, marks))
	}
	b.StopTimer()
	b.Logf("first run: %s; no change: %s", first.Read, same.Read)
	plain.CPU *= time.Duration(b.N)
	ratio := func(one spent) float64 { return float64(one.CPU) / float64(limit.CPU) }
	b.ReportMetric(limit.CPU.Seconds()/float64(b.N), "ldapsearch-s")
	b.ReportMetric(ratio(first), "first/ldapsearch")
	b.ReportMetric(ratio(same), "same/ldapsearch")
	b.ReportMetric(ratio(plain), "plain/ldapsearch")
	b.ReportMetric(float64(first.Peak)/1e6, "first-MB")
	b.ReportMetric(float64(same.Peak)/1e6, "same-MB")
	b.ReportMetric(float64(plain.Peak)/1e6, "plain-MB")
}
