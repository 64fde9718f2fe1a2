package fetch

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestOnlyPublicAddressesAreAsked(t *testing.T) {
	c := New(Config{})
	for _, tt := range []struct {
		address string
		public  bool
	}{
		{"8.8.8.8", true}, {"2606:4700::1111", true}, {"::ffff:8.8.8.8", true},
		{"127.0.0.1", false}, {"127.8.9.1", false}, {"::1", false}, {"::ffff:127.0.0.1", false},
		{"10.1.2.3", false}, {"172.16.0.1", false}, {"172.31.255.255", false}, {"192.168.1.1", false}, {"fd00::1", false},
		{"169.254.169.254", false}, {"fe80::1%eth0", false}, {"::ffff:169.254.169.254", false},
		{"0.0.0.0", false}, {"::", false}, {"224.0.0.1", false}, {"ff02::1", false}, {"255.255.255.255", false},
		{"100.64.0.1", false}, {"198.18.0.1", false}, {"192.0.2.1", false}, {"240.0.0.1", false}, {"2001:db8::1", false},
		{"64:ff9b::7f00:1", false}, {"2002:7f00:1::", false}, {"::7f00:1", false},
	} {
		ip := netip.MustParseAddr(tt.address)
		err := c.checkAddress(netip.AddrPortFrom(ip, 443).String())
		if (err == nil) != tt.public || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", tt.address, err)
		}
	}
	allowed := New(Config{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	if allowed.checkAddress("10.1.2.3:443") != nil || allowed.checkAddress("10.2.2.3:443") == nil {
		t.Error("a network that is allowed is not asked, or another is")
	}
}

// provider is a server that answers over TLS on loopback, and a client that
// trusts it.
func provider(t *testing.T, answer http.HandlerFunc, change func(*Config)) (*httptest.Server, *Client) {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	config := Config{Networks: loopback, Roots: roots, MaxBytes: 1000}
	if change != nil {
		change(&config)
	}
	return server, New(config)
}

func TestAnAddressIsCheckedWhereTheConnectionIsMade(t *testing.T) {
	asked := false
	server, client := provider(t, func(http.ResponseWriter, *http.Request) { asked = true }, func(c *Config) { c.Networks = nil })
	// Whatever name leads to loopback: the resolver's answer is what is checked.
	for _, address := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		_, err := client.Get(t.Context(), address, Known{})
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), "metadata.allow_networks") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if asked {
		t.Error("the server was asked")
	}
}

func TestRedirectsAreFewAndCheckedLikeTheFirstAddress(t *testing.T) {
	inside := false
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside = true }))
	defer plain.Close()
	server, client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/plain":
			http.Redirect(w, r, plain.URL, http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "https://169.254.169.254/latest", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/once":
			http.Redirect(w, r, "/there", http.StatusFound)
		default:
			w.Write([]byte("here"))
		}
	}, nil)
	for path, say := range map[string]string{
		"/plain": "allow_plain_http", "/inside": "169.254.169.254", "/file": "https://", "/loop": "more than 3 times",
	} {
		if _, err := client.Get(t.Context(), server.URL+path, Known{}); err == nil || !strings.Contains(fault.Sentence(err), say) {
			t.Errorf("%s: %v, want %q", path, err, say)
		}
	}
	if inside {
		t.Error("a redirect led inside")
	}
	if document, err := client.Get(t.Context(), server.URL+"/once", Known{}); err != nil || string(document.Body) != "here" || document.URL != server.URL+"/there" {
		t.Errorf("%+v (%v)", document, err)
	}
}

func TestADocumentIsAskedForOnceAndThenOnlyWhenItChanged(t *testing.T) {
	server, client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"7"`)
		w.Header().Set("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
		if r.Header.Get("If-None-Match") == `"7"` && r.Header.Get("If-Modified-Since") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write([]byte("seven"))
	}, nil)
	first, err := client.Get(t.Context(), server.URL, Known{})
	if err != nil || string(first.Body) != "seven" || first.Unchanged || first.Date.IsZero() {
		t.Fatalf("%+v (%v)", first, err)
	}
	second, err := client.Get(t.Context(), server.URL, first.Known)
	if err != nil || !second.Unchanged || len(second.Body) > 0 || second.Known != first.Known {
		t.Errorf("%+v (%v)", second, err)
	}
}

func TestAnAnswerIsBoundedAndItsFailuresAreTold(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	server, client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			w.Write(make([]byte, 1001))
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/unasked":
			w.WriteHeader(http.StatusNotModified)
		case "/slow":
			select {
			case <-r.Context().Done():
			case <-stop:
			}
		default:
			w.Write(make([]byte, 1000))
		}
	}, func(c *Config) { c.Timeout = 500 * time.Millisecond })
	for path, say := range map[string]string{
		"/large": "more than 1000 bytes", "/gone": "status 410", "/unasked": "status 304", "/slow": "in time",
	} {
		_, err := client.Get(t.Context(), server.URL+path, Known{})
		if fault.KindOf(err) != fault.Upstream || !strings.Contains(fault.Sentence(err), say) {
			t.Errorf("%s: %v, want %q", path, err, say)
		}
	}
	if document, err := client.Get(t.Context(), server.URL, Known{}); err != nil || len(document.Body) != 1000 {
		t.Errorf("%d bytes (%v)", len(document.Body), err)
	}
	if _, err := New(Config{Networks: loopback}).Get(t.Context(), server.URL, Known{}); !strings.Contains(fault.Sentence(err), "not trusted") {
		t.Errorf("an unknown TLS certificate: %v", err)
	}
	for _, address := range []string{"http://127.0.0.1/", "ftp://127.0.0.1/", "https:///x", "https://user@127.0.0.1/", "::"} {
		if _, err := client.Get(t.Context(), address, Known{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", address, err)
		}
	}
}
