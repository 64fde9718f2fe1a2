// Package program runs idms itself for a test, as people run it: the built
// binary, in a process of its own, with a data folder of its own. It owns
// building, starting and stopping it and reading what it says; it leaves what to
// ask of it to the tests.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Bounds of a process that does not do as it should.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
	runTimeout   = time.Minute
)

// build makes the binary, once for each test process. It is kept in bin/test, so
// that the next one finds it fresh and has nothing to link.
var build = sync.OnceValues(func() (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	// go test remembers the result of a test until a file that it looked at has
	// changed. The binary is made of these, so we look at their folders.
	for _, folder := range []string{"cmd", "internal", "migrations"} {
		if err := filepath.WalkDir(filepath.Join(root, folder), func(string, fs.DirEntry, error) error { return nil }); err != nil {
			return "", err
		}
	}
	folder := filepath.Join(root, "bin", "test")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	// Packages are tested side by side, and only one may write the file.
	lock, err := os.Create(filepath.Join(folder, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "idms")
	command := exec.Command("go", "build", "-o", path, "./cmd/idms")
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/idms: %w\n%s", err, output)
	}
	return path, nil
})

// Path returns the idms binary, built from the code as it is.
func Path(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// root is the folder of go.mod.
func root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("no go.mod above %s", start)
		}
	}
}

// Run runs one command of idms to its end and returns what it printed and its
// exit code.
func Run(t testing.TB, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	path := Path(t) // building it may take longer than any command
	ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, path, args...)
	command.Env = environment()
	command.Dir = t.TempDir()
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("idms %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), problems.String(), command.ProcessState.ExitCode()
}

// Process is idms at work.
type Process struct {
	URL string // what it is reached at; http://localhost:port

	command *exec.Cmd
	said    *said
	done    chan struct{} // closed when the process has ended
	once    sync.Once
}

// Serve starts `idms serve` on a free loopback port, with these further
// arguments, and returns when it answers. It is stopped when the test ends; what
// it said is shown when the test failed.
func Serve(t testing.TB, args ...string) *Process {
	t.Helper()
	address := FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://localhost:" + port
	p := Start(t, append([]string{"serve", "--listen", address, "--base-url", url}, args...)...)
	p.URL = url
	p.await(t, url+"/readyz")
	return p
}

// Start starts any command of idms that does not end by itself.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	p := &Process{said: &said{changed: make(chan struct{})}, done: make(chan struct{})}
	p.command = exec.Command(Path(t), args...)
	p.command.Env = environment()
	p.command.Dir = t.TempDir()
	p.command.Stdout, p.command.Stderr = p.said, p.said
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.command.Wait()
	}()
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("idms %s said:\n%s", args[0], p.Said())
		}
	})
	return p
}

// Stop asks the process to end, as a service manager does, and waits until it
// has. It returns the exit code. A second call returns the same.
func (p *Process) Stop(t testing.TB) int {
	t.Helper()
	p.once.Do(func() {
		_ = p.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(stopTimeout):
			_ = p.command.Process.Kill()
			<-p.done
			t.Errorf("idms did not end within %s of SIGTERM", stopTimeout)
		}
	})
	return p.command.ProcessState.ExitCode()
}

// PID is the process's, for what the system tells about it.
func (p *Process) PID() int { return p.command.Process.Pid }

// Said is everything that the process wrote so far.
func (p *Process) Said() string { return p.said.String() }

// Queued is how long the threads of the process that are still there have waited
// for a processor, together (the second number of Linux' schedstat); 0 where the
// kernel does not count that.
func (p *Process) Queued(t testing.TB) time.Duration {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var all time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended meanwhile
		}
		var ran, queued time.Duration
		if _, err := fmt.Sscan(string(text), &ran, &queued); err != nil {
			t.Fatalf("%s: %v", thread, err)
		}
		all += queued
	}
	return all
}

// AwaitLine waits until the process has written a line that contains text, and
// returns that line.
func (p *Process) AwaitLine(t testing.TB, text string) string {
	t.Helper()
	late := time.After(startTimeout)
	for {
		line, changed := p.said.find(text)
		if line != "" {
			return line
		}
		select {
		case <-changed:
		case <-p.done:
			if line, _ := p.said.find(text); line != "" {
				return line
			}
			t.Fatalf("idms ended without saying %q", text)
		case <-late:
			t.Fatalf("idms did not say %q within %s", text, startTimeout)
		}
	}
}

// await asks an address again and again until it is answered with 200.
func (p *Process) await(t testing.TB, address string) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	late := time.After(startTimeout)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	var last error
	for {
		response, err := client.Get(address)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			err = errors.New(response.Status)
		}
		last = err
		select {
		case <-again.C:
		case <-p.done:
			t.Fatal("idms ended before it answered")
		case <-late:
			t.Fatalf("idms did not answer within %s: %v", startTimeout, last)
		}
	}
}

// Read fetches an address as a browser with these cookies would, and returns what
// it finds there. Anything but 200 fails the test.
func Read(t testing.TB, client *http.Client, address string) string {
	t.Helper()
	response, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s\n%s", address, response.Status, text)
	}
	return string(text)
}

// FreeAddress is a loopback address that nobody listens on now, and that no other
// test is given while this one runs. Its port is below those that Linux gives to
// connections and to servers that take any (from 32768 on, ip(7)), so that none of
// them takes it before its own server does.
func FreeAddress(t testing.TB) string {
	t.Helper()
	// Packages are tested side by side: a port belongs to whoever has locked its file.
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("idms-test-ports-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	var problem error
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		lock, err := os.Create(filepath.Join(folder, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		if problem = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); problem == nil {
			var listener net.Listener
			if listener, problem = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); problem == nil {
				address := listener.Addr().String()
				_ = listener.Close()
				t.Cleanup(func() { _ = lock.Close() })
				return address
			}
		}
		_ = lock.Close()
	}
	t.Fatal(problem)
	return ""
}

// environment is ours without the settings of an idms that somebody runs here.
func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "IDMS_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// said collects what a process writes and tells when there is more.
type said struct {
	mutex   sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed, and replaced, at every write
}

func (s *said) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// find returns the first whole line that contains text, or what to wait for.
func (s *said) find(text string) (string, <-chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for line := range strings.Lines(s.text.String()) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, text) {
			return strings.TrimSuffix(line, "\n"), s.changed
		}
	}
	return "", s.changed
}
