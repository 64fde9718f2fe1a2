package portal_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"idms/internal/demo"
	"idms/internal/session"
	"idms/test/browser"
	"idms/test/needs"
	"idms/test/program"
)

// startTimeout bounds the start of a process. It takes tens of milliseconds; the
// rest is for a machine busy with other tests.
const startTimeout = 30 * time.Second

// proxies are the ones whose configuration the example has.
var proxies = []struct {
	name, file string
	command    func(t *testing.T, config, folder string) *exec.Cmd
}{
	{"nginx", "nginx.conf", func(t *testing.T, config, folder string) *exec.Cmd {
		return exec.Command(needs.Nginx(t), "-p", folder, "-c", config, "-g", "daemon off; master_process off;")
	}},
	{"caddy", "Caddyfile", func(t *testing.T, config, folder string) *exec.Cmd {
		command := exec.Command(needs.Caddy(t), "run", "--config", config, "--adapter", "caddyfile")
		command.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
		return command
	}},
}

// scene is everything at work: idms at login.localhost, the identity provider at
// idp.localhost, a proxy at portal.localhost and the portal behind it.
type scene struct {
	login, portal string // origins
	proxy         string // address of the proxy
	idms          string // address of idms
}

func start(t *testing.T, config string, command func(t *testing.T, config, folder string) *exec.Cmd) scene {
	t.Helper()
	idms, proxy, backEnd := program.FreeAddress(t), program.FreeAddress(t), program.FreeAddress(t)
	s := scene{login: at("login.localhost", idms), portal: at("portal.localhost", proxy), proxy: proxy, idms: idms}
	folder := t.TempDir()

	there, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	check(t, err)
	provider, err := demo.New(demo.Config{BaseURL: at("idp.localhost", there.Addr().String()), ServiceURL: s.login})
	check(t, err)
	records, err := provider.RecordsFile()
	check(t, err)
	write(t, filepath.Join(folder, "records.yaml"), string(records))
	settings := filepath.Join(folder, "idms.yaml")
	write(t, settings, fmt.Sprintf(`
listen: %s
base_urls: [%s]
portals: [%s]
trusted_proxies: [127.0.0.1/32]
data: %s
`, idms, s.login, s.portal, filepath.Join(folder, "data")))
	if stdout, stderr, exit := program.Run(t, "apply", "--config", settings, "-f", filepath.Join(folder, "records.yaml")); exit != 0 {
		t.Fatalf("apply: exit %d\n%s%s", exit, stdout, stderr)
	}
	program.Start(t, "serve", "--config", settings)
	await(t, idms)
	provider.TrustServiceKey(keyOf(t, s))
	people := &http.Server{Handler: provider, ReadHeaderTimeout: startTimeout}
	go func() { _ = people.Serve(there) }()
	t.Cleanup(func() { _ = people.Close() })

	example := filepath.Join("..", "..", "examples", "portal")
	program := filepath.Join(folder, "portal")
	if output, err := exec.Command("go", "build", "-o", program, "./"+filepath.Join(example, "serve")).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	run(t, exec.Command(program, "-listen", backEnd, "-idms", "http://"+idms))

	text, err := os.ReadFile(filepath.Join(example, config))
	check(t, err)
	ours := strings.NewReplacer("127.0.0.1:8080", idms, "127.0.0.1:8082", backEnd,
		"portal.localhost:8081", "portal.localhost:"+portOf(proxy), "127.0.0.1:8081", proxy).Replace(string(text))
	file := filepath.Join(folder, config)
	write(t, file, ours)
	run(t, command(t, file, folder))
	for _, address := range []string{idms, backEnd, proxy} {
		await(t, address)
	}
	return s
}

// keyOf reads the certificate by which acme signs out of its metadata.
func keyOf(t *testing.T, s scene) *x509.Certificate {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+s.idms+"/saml/acme/metadata", nil)
	check(t, err)
	request.Host = strings.TrimPrefix(s.login, "http://")
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	document, err := io.ReadAll(response.Body)
	check(t, err)
	found := regexp.MustCompile(`X509Certificate>([^<]+)<`).FindSubmatch(document)
	if found == nil {
		t.Fatalf("no certificate in %s", document)
	}
	der, err := base64.StdEncoding.DecodeString(string(found[1]))
	check(t, err)
	certificate, err := x509.ParseCertificate(der)
	check(t, err)
	return certificate
}

func at(host, address string) string { return "http://" + host + ":" + portOf(address) }

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	check(t, os.WriteFile(file, []byte(text), 0o600))
}

// run starts a process that ends with the test.
func run(t *testing.T, command *exec.Cmd) {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	check(t, err)
	command.Stdout, command.Stderr = said, said
	check(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		_ = said.Close()
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", command.Path, text)
		}
	})
}

// await waits until somebody listens at an address.
func await(t *testing.T, address string) {
	t.Helper()
	late := time.After(startTimeout)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		connection, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
		if err == nil {
			_ = connection.Close()
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("nobody listens at %s: %v", address, err)
		}
	}
}

// ask sends one request as somebody with curl would, and follows nothing.
func (s scene) ask(t *testing.T, method, origin, path string, header http.Header, cookies map[string]string) (*http.Response, string) {
	t.Helper()
	host, _ := url.Parse(origin)
	request, err := http.NewRequestWithContext(context.Background(), method, "http://127.0.0.1:"+host.Port()+path, nil)
	check(t, err)
	request.Host = host.Host
	for name, values := range header {
		request.Header[name] = values
	}
	for name, value := range cookies {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := &http.Client{Timeout: startTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	check(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(t, err)
	return response, string(body)
}

// choose clicks through the demo's identity provider.
func choose(t *testing.T, b *browser.Browser, name, way string) {
	t.Helper()
	b.See(t, "ul.cast")
	b.Follow(t, `button[aria-label="`+name+`: `+way+`"]`)
}

func TestThePortalOnAHostOfItsOwn(t *testing.T) {
	for _, proxy := range proxies {
		t.Run(proxy.name, func(t *testing.T) {
			s := start(t, proxy.file, proxy.command)
			b := browser.Start(t)

			t.Log("From a deep link of the portal through the login and back.")
			deep := s.portal + "/machines/7?tab=disks&q=a%20b"
			b.Open(t, deep)
			if got := b.Location(t); !strings.HasPrefix(got, s.login+"/login?return_to=") {
				t.Fatalf("the portal led to %s", got)
			}
			b.Follow(t, `a.way[href^="/saml/acme/login"]`)
			choose(t, b, "Chen Wei", "Log in with a password")
			header := func(name string) string { return b.See(t, `[id="`+name+`"]`) }
			if got := header("X-Idms-User"); got != "chen" || b.Location(t) != deep {
				t.Fatalf("%s at %s", got, b.Location(t))
			}
			for name, want := range map[string]string{
				"X-Idms-Email": "chen@acme.example", "X-Idms-Console": "restricted", "X-Idms-Record": "acme", "X-Idms-Groups-Cut": "false",
			} {
				if got := header(name); got != want {
					t.Errorf("the portal sees %s %q, want %q", name, got, want)
				}
			}
			cookies := b.Cookies(t, s.portal)
			if len(cookies) != 1 || cookies["idms_portal"] == "" {
				t.Errorf("the portal's host has the cookies %v", cookies)
			}

			t.Log("What a visitor makes up never reaches the portal.")
			spoofed := http.Header{
				"X-Idms-User": {"root"}, "X-Idms-Email": {"root@evil.test"}, "X-Idms-Groups": {"cloud"}, "X-Idms-Console": {"full"},
				"X-Idms-Extra": {"planted"}, "X_Idms_User": {"planted"}, "X-Idms_User": {"planted"}, "X_Idms-User": {"planted"}, "X-Forwarded-Host": {"evil.test"}, "X-Forwarded-Uri": {"/.idms/"}, "X-Forwarded-Proto": {"https"},
				"X-Forwarded-Method": {"DELETE"},
			}
			response, body := s.ask(t, "GET", s.portal, "/", spoofed, cookies)
			if response.StatusCode != http.StatusOK || !strings.Contains(body, "Hello, chen") ||
				strings.Contains(body, "root") || strings.Contains(body, ">full") || proxy.name == "caddy" && strings.Contains(body, "planted") {
				t.Errorf("with made-up headers: %d\n%s", response.StatusCode, body)
			}
			if response, _ := s.ask(t, "GET", s.portal, "/there", spoofed, nil); response.StatusCode != http.StatusFound ||
				response.Header.Get("Location") != s.portal+"/.idms/start?return_to=%2Fthere" {
				t.Errorf("made-up headers and no session: %d to %s", response.StatusCode, response.Header.Get("Location"))
			}
			if response, _ := s.ask(t, "POST", s.portal, "/there", nil, nil); response.Header.Get("Location") != s.portal+"/.idms/start?return_to=%2F" {
				t.Errorf("a form without a session led to %s (%d)", response.Header.Get("Location"), response.StatusCode)
			}
			if response, _ := s.ask(t, "GET", s.portal, "/", http.Header{"Sec-Fetch-Mode": {"cors"}}, nil); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("a script without a session hears %d", response.StatusCode)
			}

			t.Log("The console: not yet, elevate, and back (S26).")
			b.Follow(t, "#console")
			if got := b.Location(t); !strings.HasPrefix(got, s.login+"/elevate?") {
				t.Fatalf("the console led to %s", got)
			}
			b.Accessible(t)
			b.Follow(t, `form[action="/elevate"] button`)
			choose(t, b, "Chen Wei", "Log in with the smart card")
			if got := b.See(t, "h1"); got != "The console is open" || b.Location(t) != s.portal+"/console" {
				t.Errorf("%q at %s", got, b.Location(t))
			}
			t.Log("The elevation ends at the portal, and the session goes on (S26).")
			b.Follow(t, "#end")
			if got := header("X-Idms-Console"); got != "restricted" || b.Location(t) != s.portal+"/" {
				t.Errorf("after its end: %s at %s", got, b.Location(t))
			}
			if response, _ := s.ask(t, "GET", s.portal, "/", nil, cookies); response.StatusCode != http.StatusFound {
				t.Errorf("the cookie from before the elevation still opens: %d", response.StatusCode)
			}

			s.codes(t, b)

			t.Log("Logging out at the portal ends the session everywhere.")
			b.Open(t, s.portal+"/")
			mine := b.Cookies(t, s.portal)
			b.Follow(t, "#logout")
			b.See(t, "#answer") // it goes to the provider and back by itself
			if got := b.See(t, "h1"); got != "You are logged out" || !strings.HasPrefix(b.Location(t), s.login+"/signed-out") {
				t.Errorf("%q at %s", got, b.Location(t))
			}
			if response, _ := s.ask(t, "GET", s.portal, "/", nil, mine); response.StatusCode != http.StatusFound {
				t.Errorf("a cookie from before still opens: %d", response.StatusCode)
			}
			b.Open(t, s.portal+"/")
			b.See(t, `a.way[href^="/saml/acme/login"]`)
			b.Open(t, s.login+"/groups")
			b.See(t, `a.way[href^="/saml/acme/login"]`)
		})
	}
}

// codes shows the browser's own codes, from the login host, to whom they are not
// for.
func (s scene) codes(t *testing.T, b *browser.Browser) {
	t.Helper()
	t.Log("A code is good once, in the browser that began.")
	token, hash := session.NewToken()
	code := func() string {
		path := "/hand-over?" + url.Values{"portal": {s.portal}, "challenge": {base64.RawURLEncoding.EncodeToString(hash)}, "return_to": {"/deep"}}.Encode()
		response, _ := s.ask(t, "GET", s.login, path, nil, b.Cookies(t, s.login))
		where, err := url.Parse(response.Header.Get("Location"))
		if err != nil || response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(where.String(), s.portal+"/.idms/callback?code=") {
			t.Fatalf("the hand-over led to %s (%d)", where, response.StatusCode)
		}
		return where.RequestURI()
	}
	began := map[string]string{"idms_begin_test": token}

	good := code()
	if response, _ := s.ask(t, "GET", s.portal, good, nil, began); response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != s.portal+"/deep" {
		t.Errorf("in the browser that began: %d to %s", response.StatusCode, response.Header.Get("Location"))
	}
	if response, _ := s.ask(t, "GET", s.portal, good, nil, began); response.StatusCode != http.StatusForbidden || len(response.Cookies()) != 0 {
		t.Errorf("used again: %d", response.StatusCode)
	}
	// Somebody lures another person's browser to a code of theirs.
	victim := browser.Start(t)
	victim.Open(t, s.portal+"/") // has a hand-over of its own
	victim.Open(t, s.portal+code())
	if got := victim.See(t, "h1"); got != "That is not allowed" {
		t.Errorf("another browser sees %q", got)
	}
	victim.Accessible(t)
	for name := range victim.Cookies(t, s.portal) {
		if name == "idms_portal" {
			t.Error("another browser was let in")
		}
	}
	// A code for another portal cannot even be had.
	path := "/hand-over?" + url.Values{"portal": {"http://evil.localhost"}, "challenge": {base64.RawURLEncoding.EncodeToString(hash)}}.Encode()
	if response, _ := s.ask(t, "GET", s.login, path, nil, b.Cookies(t, s.login)); response.StatusCode != http.StatusBadRequest {
		t.Errorf("for a host that is no portal: %d", response.StatusCode)
	}
}
