package needs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a PostgreSQL server that belongs to one test, which may kill it.
type Cluster struct {
	URL string // of a superuser's database

	folder, programs string
	as               *syscall.Credential // the user it runs as; nil is this one
}

// OwnPostgreSQL starts a PostgreSQL server for this test alone, with the
// durability of a real one.
func OwnPostgreSQL(t testing.TB) *Cluster {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		missing(t, "the PostgreSQL server (no /usr/lib/postgresql/*/bin/initdb)")
	}
	slices.Sort(found)
	// Not t.TempDir: a socket's path has at most 107 bytes.
	folder, err := os.MkdirTemp("/tmp", "idms-cluster.")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{folder: folder, programs: filepath.Dir(found[len(found)-1])}
	c.URL = "postgres://postgres@/postgres?host=" + folder
	t.Cleanup(func() {
		c.end()
		_ = os.RemoveAll(folder)
	})
	if os.Geteuid() == 0 { // which the server refuses to run as
		c.as = postgres(t)
		if err := os.Chown(folder, int(c.as.Uid), int(c.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	c.run(t, "initdb", "-D", c.data(), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
	config, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = config.WriteString("listen_addresses = ''\nunix_socket_directories = '" + folder + "'\n")
		_ = config.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Start(t)
	return c
}

func postgres(t testing.TB) *syscall.Credential {
	t.Helper()
	number := func(flag string) uint32 {
		out, err := exec.Command("id", flag, "postgres").Output()
		id, failed := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 32)
		if err != nil || failed != nil {
			t.Fatalf("there is no user postgres: %v", err)
		}
		return uint32(id)
	}
	return &syscall.Credential{Uid: number("-u"), Gid: number("-g")}
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(c.programs, program), args...)
	command.Dir = c.folder
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	return command
}

func (c *Cluster) run(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := c.command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// Start starts the server, also after Kill, and returns when it answers: when it
// has recovered.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	// A process that was killed a moment ago may still hold the shared memory.
	for until := time.Now().Add(databaseTimeout); ; time.Sleep(100 * time.Millisecond) {
		out, err := c.command("pg_ctl", "-D", c.data(), "-s", "-w", "-t", "60", "-l", filepath.Join(c.folder, "log"), "start").CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(until) {
			log, _ := os.ReadFile(filepath.Join(c.folder, "log"))
			t.Fatalf("pg_ctl: %v\n%s\n%s", err, out, log)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), databaseTimeout)
	defer cancel()
	connection, err := pgx.Connect(ctx, c.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = connection.Close(ctx)
}

// Program is the path of one of the programs that belong to the server's version.
func (c *Cluster) Program(name string) string { return filepath.Join(c.programs, name) }

// Processor is the processor time, user and system, that all processes of the
// server have taken so far.
func (c *Cluster) Processor(t testing.TB) time.Duration {
	t.Helper()
	postmaster, ok := c.postmaster()
	if !ok {
		t.Fatal("the server is not running")
	}
	const perSecond = 100 // of sysconf(_SC_CLK_TCK), on every Linux
	var ticks int64
	for _, pid := range append(children(postmaster), postmaster) {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			continue // it has ended, and counts among the postmaster's children
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		count := 2 // utime and stime; proc(5)
		if pid == postmaster {
			count = 4 // and those of children that have ended
		}
		for _, field := range fields[11 : 11+count] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / perSecond
}

// Kill ends every process of the server at once, as a power cut does, and
// returns when they are gone.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	if !c.end() {
		t.Fatal("the server was not running")
	}
}

// postmaster is the server's first process.
func (c *Cluster) postmaster() (pid int, running bool) {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err = strconv.Atoi(first)
	return pid, err == nil
}

func (c *Cluster) end() bool {
	postmaster, ok := c.postmaster()
	if !ok {
		return false
	}
	all := append(children(postmaster), postmaster)
	for _, pid := range slices.Backward(all) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, pid := range all {
		for gone := time.Now().Add(databaseTimeout); syscall.Kill(pid, 0) == nil && !isZombie(pid) && time.Now().Before(gone); {
			time.Sleep(time.Millisecond)
		}
	}
	return true
}

// children of a process, as /proc lists them.
func children(of int) []int {
	var list []int
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(of) + "/task/*/children")
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				list = append(list, pid)
			}
		}
	}
	return list
}

// isZombie is true for a process that has ended and that nobody has asked about.
func isZombie(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}
