package saml

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// M22, and seed values of vendors' guides.
func TestAPathIsSafeWhenEveryReaderStaysOnThisHost(t *testing.T) {
	for _, path := range []string{
		"/", "/reports", "/reports/", "/a/b.html?x=1&y=2", "/a?next=https://elsewhere.example/", "/a?next=%2F%2Fx",
		"/search?q=a+b%20c", "/a#part", "/#/route", "/~ada/@home:1;v=2", "/gr%C3%BC%C3%9Fe", "/a.b/..c", "/...", "/?", "/#",
	} {
		if got, ok := SafePath(path); !ok || got != path {
			t.Errorf("%q was refused", path)
		}
	}
	for _, tt := range []struct{ why, value string }{
		{"nothing", ""},
		{"no slash first", "reports"},
		{"a whole address", "https://evil.example/"},
		{"a scheme", "javascript:alert(1)"},
		{"a host", "//evil.example"},
		{"a host after a query mark too early", "?//evil.example"},
		{"a backslash, which browsers read as a slash", `/\evil.example`},
		{"two backslashes", `\\evil.example`},
		{"a backslash anywhere", `/a\..\evil`},
		{"a backslash in the query", `/a?\`},
		{"a tab, which browsers drop", "/\t/evil.example"},
		{"a line break, which browsers drop", "/\n/evil.example"},
		{"a line break in the header", "/a\r\nSet-Cookie: x=y"},
		{"an encoded line break", "/a%0d%0aSet-Cookie:x"},
		{"an encoded line break in the query", "/a?x=%0D%0Ay"},
		{"a blank first, which browsers drop", " /a"},
		{"a blank within", "/a b"},
		{"a blank last", "/a "},
		{"a null byte", "/a\x00"},
		{"an encoded null byte", "/a%00"},
		{"DEL", "/a\x7f"},
		{"dot segments that bring two slashes to the front", "/.//evil.example"},
		{"two dots", "/a/..//evil.example"},
		{"encoded dots, which browsers fold", "/%2e%2e//evil.example"},
		{"half encoded dots", "/.%2E/evil"},
		{"an empty segment", "/a//b"},
		{"an encoded slash", "/%2f/evil.example"},
		{"an encoded slash, capital", "/%2Fevil.example"},
		{"an encoded backslash", "/%5cevil.example"},
		{"a twice encoded slash", "/%252fevil.example"},
		{"an overlong slash", "/%c0%afevil.example"},
		{"an encoding of nothing", "/%zz"},
		{"an encoding cut off", "/a%2"},
		{"letters beyond ASCII", "/grüße"},
		{"a slash that is none", "/／evil.example"},
		{"longer than 2,048 bytes", "/" + strings.Repeat("a", 2048)},
	} {
		if got, ok := SafePath(tt.value); ok || got != "" {
			t.Errorf("%s: %q was taken as %q", tt.why, tt.value, got)
		}
	}
}

// Seed 000: the record hands out a RelayState value, the provider sends it with
// the logins it starts, and the person lands where the record says.
func TestWhereALoginThatTheProviderStartedLands(t *testing.T) {
	s := Settings{RelayState: "acme-portal-7f3a", Landing: "/reports"}
	for _, tt := range []struct {
		name, relayState, want string
		settings               Settings
	}{
		{"the record's own value", "acme-portal-7f3a", "/reports", s},
		{"a path of ours", "/people?sort=name", "/people?sort=name", s},
		{"nothing", "", "/", s},
		{"another record's value", "beta-portal", "/", s},
		{"the value in other letters", "ACME-portal-7f3a", "/", s},
		{"another host (M22)", "https://evil.example/", "/", s},
		{"another host, shortly (M22)", "//evil.example/", "/", s},
		{"nothing, and the record has no value", "", "/", Settings{Landing: "/reports"}},
		{"a value that is a path, and no landing page", "/start", "/start", Settings{RelayState: "/start"}},
		{"a value, and no landing page", "acme-portal-7f3a", "/", Settings{RelayState: "acme-portal-7f3a"}},
	} {
		if got := tt.settings.Land(tt.relayState); got != tt.want {
			t.Errorf("%s: lands on %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzRelayState holds SafePath against three readers of a redirect: net/url,
// net/http, and the rules by which browsers resolve a URL (M22).
func FuzzRelayState(f *testing.F) {
	for _, seed := range []string{
		"/", "//evil.example", `/\evil.example`, "/\t/evil.example", "/.//evil.example", "/%2e%2e//evil.example",
		"/a?b#c", "https://evil.example", "/%2f", "/%252f", "/a/../b", "/#//x", "/?\\", "/;/../x", "/a%0d%0ab", "/\u2028/x",
	} {
		f.Add(seed)
	}
	base, err := url.Parse("https://idms.example/saml/acme/acs")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		path, ok := SafePath(value)
		if !ok {
			if path != "" {
				t.Fatalf("refused, and yet gave %q", path)
			}
			return
		}
		if path != value || len(path) > maxPath {
			t.Fatalf("%q became %q", value, path)
		}
		resolved, err := base.Parse(path)
		if err != nil || resolved.Scheme != "https" || resolved.Host != "idms.example" || resolved.User != nil {
			t.Fatalf("net/url goes to %v, %v", resolved, err)
		}
		// A proxy that decodes the path once or twice before a browser or
		// another server reads it.
		for reading := path; ; {
			host, first := browserResolve("idms.example", reading)
			if host != "idms.example" {
				t.Fatalf("a browser that reads %q goes to %q", reading, host)
			}
			if strings.HasPrefix(first, "//") {
				t.Fatalf("a browser that reads %q shows the path %q, which is a host to the next reader", reading, first)
			}
			decoded, err := url.PathUnescape(onlyPath(reading))
			if err != nil || decoded == reading {
				break
			}
			reading = decoded
		}
		if strings.ContainsAny(path, "\r\n\x00") {
			t.Fatal("a header could be split")
		}
		recorder := httptest.NewRecorder()
		http.Redirect(recorder, httptest.NewRequest(http.MethodPost, base.String(), nil), path, http.StatusSeeOther)
		if got := recorder.Header().Get("Location"); got != path && !strings.Contains(path, "#") {
			t.Fatalf("net/http redirects to %q instead of %q", got, path)
		}
	})
}

func onlyPath(value string) string {
	if i := strings.IndexAny(value, "?#"); i >= 0 {
		return value[:i]
	}
	return value
}

// browserResolve is what the WHATWG URL standard (4.4, basic URL parser) makes
// of a reference on an https page: the host, and the path shown.
func browserResolve(host, reference string) (toHost, path string) {
	reference = strings.TrimFunc(reference, func(r rune) bool { return r <= ' ' })
	reference = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(reference)
	if scheme, rest, found := strings.Cut(reference, ":"); found && isScheme(scheme) {
		switch strings.ToLower(scheme) {
		case "http", "https", "ws", "wss", "ftp":
			if !strings.EqualFold(scheme, "https") || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, `\`) {
				return authority(rest), ""
			}
			reference = rest // "https:path" is relative on an https page
		default:
			return scheme + ":", ""
		}
	}
	slashed := strings.ReplaceAll(onlyPath(reference), `\`, "/")
	if strings.HasPrefix(slashed, "//") {
		return authority(slashed), ""
	}
	var segments []string
	parts := strings.Split(strings.TrimPrefix(slashed, "/"), "/")
	for i, part := range parts {
		folded := strings.ReplaceAll(strings.ToLower(part), "%2e", ".")
		last := i == len(parts)-1
		switch folded {
		case "..":
			if len(segments) > 0 {
				segments = segments[:len(segments)-1]
			}
			if last {
				segments = append(segments, "")
			}
		case ".":
			if last {
				segments = append(segments, "")
			}
		default:
			segments = append(segments, part)
		}
	}
	return host, "/" + strings.Join(segments, "/")
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(s[i]))) {
			return false
		}
	}
	return s != ""
}

func authority(rest string) string {
	host, _, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(rest, `\`, "/"), "/"), "/")
	return host
}

// The oracle itself: it must see the tricks that SafePath is there for.
func TestTheBrowserRulesSeeTheKnownTricks(t *testing.T) {
	for _, tt := range []struct{ reference, host, path string }{
		{"/a/b", "idms.example", "/a/b"},
		{"//evil.example/x", "evil.example", ""},
		{`/\evil.example/x`, "evil.example", ""},
		{"/\t/evil.example", "evil.example", ""},
		{" //evil.example", "evil.example", ""},
		{"https:/evil.example", "evil.example", ""},
		{"javascript:alert(1)", "javascript:", ""},
		{"/.//evil.example", "idms.example", "//evil.example"},
		{"/%2e%2E//evil.example", "idms.example", "//evil.example"},
	} {
		host, path := browserResolve("idms.example", tt.reference)
		if host != tt.host || path != tt.path {
			t.Errorf("%q: host %q, path %q", tt.reference, host, path)
		}
	}
}
