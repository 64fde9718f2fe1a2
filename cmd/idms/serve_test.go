package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"idms/internal/config"
	"idms/internal/demo"
	test "idms/test/program" // program is a type here
)

// running is a command that goes on until it is stopped.
type running struct {
	t     *testing.T
	said  chan string // line by line, of both streams
	stop  context.CancelFunc
	ended chan int // gets the exit code
}

// start starts a command line.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	r := &running{t: t, said: make(chan string, 1000), stop: stop, ended: make(chan int, 1)}
	p := newProgram(t, "")
	p.ctx, p.stdout, p.stderr = ctx, writer, writer
	go func() {
		r.ended <- p.run(args)
		writer.Close()
	}()
	go func() {
		defer close(r.said)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			r.said <- lines.Text()
		}
	}()
	t.Cleanup(func() { r.end() })
	return r
}

// await returns what was said up to a line with this text, that line included.
func (r *running) await(text string) string {
	r.t.Helper()
	said := ""
	for line := range r.said {
		said += line + "\n"
		if strings.Contains(line, text) {
			return said
		}
	}
	r.t.Fatalf("it ended without saying %q:\n%s", text, said)
	return ""
}

// end stops the command and returns its exit code; -1 when it was stopped before.
func (r *running) end() int {
	r.stop()
	for range r.said {
	}
	select {
	case exit := <-r.ended:
		return exit
	default:
		return -1
	}
}

// listening is the address that serve says it listens at.
func (r *running) listening() string {
	r.t.Helper()
	match := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(r.await("listening"))
	if match == nil {
		r.t.Fatal("it does not say where it listens")
	}
	return match[1]
}

func TestServeNeedsNoConfigurationAndStopsWhenAsked(t *testing.T) {
	t.Chdir(t.TempDir())
	service := start(t, "serve", "--listen", "127.0.0.1:0")
	_, port, err := net.SplitHostPort(service.listening())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/healthz", "/readyz", "/login"} {
		test.Read(t, http.DefaultClient, "http://localhost:"+port+path)
	}
	for _, name := range []string{"idms.sqlite", "keyset.json"} {
		if _, err := os.Stat(filepath.Join("idms-data", name)); err != nil {
			t.Error(err)
		}
	}
	if exit := service.end(); exit != exitOK {
		t.Errorf("stopped, it ends with %d", exit)
	}
}

func TestServeRefusesPlainHTTPOffLoopbackUnlessTold(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	plain := []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--base-url", "http://login.example.test"}
	_, stderr, exit := run(t, plain...)
	if exit != exitUsage || !strings.Contains(stderr, "base_urls") || !strings.Contains(stderr, "in the clear") {
		t.Errorf("exit %d\n%s", exit, stderr)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the data folder was made all the same")
	}
	told := start(t, append(plain, "--allow-plain-http")...)
	told.listening()
	if exit := told.end(); exit != exitOK {
		t.Errorf("told so, it ends with %d", exit)
	}
}

func TestServeSaysThatTheAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, stderr, exit := run(t, "serve", "--listen", taken.Addr().String(), "--data", t.TempDir())
	if exit != exitUsage || !strings.Contains(stderr, taken.Addr().String()) || !strings.Contains(stderr, "--listen") {
		t.Errorf("exit %d\n%s", exit, stderr)
	}
}

// Whoever reads the terminal and whoever looks at the pages expect the same.
func TestTheDemoPrintsWhatItsPagesShow(t *testing.T) {
	house := start(t, "demo", "--port", "0")
	said := house.await("Nothing is kept")
	address := regexp.MustCompile(`ready: +(\S+)`).FindStringSubmatch(said)
	if address == nil {
		t.Fatalf("it does not say where:\n%s", said)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	if body := test.Read(t, browser, address[1]+"/login"); !strings.Contains(body, "/saml/acme/login") {
		t.Fatalf("the login page has no button for acme:\n%s", body)
	}
	page, err := goquery.NewDocumentFromReader(strings.NewReader(test.Read(t, browser, address[1]+"/saml/acme/login")))
	if err != nil {
		t.Fatal(err)
	}
	for _, person := range demo.Cast() {
		for _, way := range person.Ways {
			if !regexp.MustCompile(regexp.QuoteMeta(way.Button) + ` +` + regexp.QuoteMeta(way.Acme.Say)).MatchString(said) {
				t.Errorf("the terminal does not say %q of %s: %s", way.Acme.Say, person.Name(), way.Button)
			}
			button := page.Find(fmt.Sprintf("button[aria-label=%q]", person.Name()+": "+way.Button))
			if shown := button.Parent().Find(".expect").Text(); shown != way.Acme.Say {
				t.Errorf("the page says %q of %s: %s, want %q", shown, person.Name(), way.Button, way.Acme.Say)
			}
		}
		if !strings.Contains(said, person.Name()) {
			t.Errorf("the terminal does not name %s", person.Name())
		}
	}
	if exit := house.end(); exit != exitOK {
		t.Errorf("stopped, it ends with %d", exit)
	}
}

func TestThePurgeIsAsFrequentAsConfigured(t *testing.T) {
	p := newProgram(t, "")
	cfg, err := config.Load("", nil, map[string]any{"data": t.TempDir(), "retention.purge_every": "3m"})
	if err != nil {
		t.Fatal(err)
	}
	house, err := p.open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer house.Close()
	if house.purge != 3*time.Minute {
		t.Errorf("it purges every %v", house.purge)
	}
}
