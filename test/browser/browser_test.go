package browser_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idms/test/browser"
)

// A page that is well under the strictest policy, and one of each way to be not.
var pages = map[string]string{
	"/good": `<!doctype html><html lang="en"><head><title>Sign in</title><meta name="viewport" content="width=device-width">
		<style nonce="n">@media (prefers-color-scheme: dark) { body { background: black; color: white } }</style></head>
		<body><main><h1>Sign in</h1><form action="/welcome"><label>Name <input name="name" value="old"></label> <button>Go on</button></form></main></body></html>`,
	"/welcome":     `<!doctype html><html lang="en"><head><title>Welcome</title></head><body><main><h1>Welcome</h1><p id="who">`,
	"/unlabelled":  `<!doctype html><html lang="en"><head><title>Form</title></head><body><main><h1>Form</h1><form><input name="name"></form></main></body></html>`,
	"/folded":      `<!doctype html><html lang="en"><head><title>Folded</title></head><body><main><h1>Folded</h1><details><summary>More</summary><input name="name"></details></main></body></html>`,
	"/wide":        `<!doctype html><html lang="en"><head><title>Wide</title></head><body><main><h1>Wide</h1><pre>` + strings.Repeat("wide", 200) + `</pre></main></body></html>`,
	"/inline":      `<!doctype html><html lang="en"><head><title>Inline</title></head><body><main><h1 id="h">Before</h1><script>document.getElementById("h").textContent = "After"</script></main></body></html>`,
	"/nonce":       `<!doctype html><html lang="en"><head><title>Nonce</title></head><body><main><h1 id="h">Before</h1><script nonce="n">document.getElementById("h").textContent = "After"</script></main></body></html>`,
	"/elsewhere":   `<!doctype html><html lang="en"><head><title>Elsewhere</title></head><body><main><h1>Elsewhere</h1><img alt="" src="https://example.org/pixel.png"></main></body></html>`,
	"/favicon.ico": ``,
}

func serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-n'; script-src 'nonce-n'; img-src *; form-action 'self'")
		fmt.Fprint(w, page)
		if name := r.FormValue("name"); name != "" {
			fmt.Fprintf(w, "Hello, %s</p></main></body></html>", name)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAPageIsSeenAsAPersonSeesIt(t *testing.T) {
	base := serve(t)
	b := browser.Start(t)

	t.Run("a form is filled and sent", func(t *testing.T) {
		b.Open(t, base+"/good")
		b.Fill(t, "input[name=name]", "Ada")
		b.Follow(t, "button")
		if got := b.See(t, "#who"); got != "Hello, Ada" {
			t.Errorf("the page says %q", got)
		}
		if got := b.Location(t); got != base+"/welcome?name=Ada" {
			t.Errorf("the tab is at %s", got)
		}
	})
	t.Run("a page that is well has no violation, under the strictest policy", func(t *testing.T) {
		b.Open(t, base+"/good")
		b.Accessible(t)
		if problems := b.Problems(); len(problems) != 0 {
			t.Errorf("the browser complains: %q", problems)
		}
	})
	t.Run("a field without a label is a violation", func(t *testing.T) {
		b.Open(t, base+"/unlabelled")
		violations := b.Violations(t)
		if len(violations) != 1 || violations[0].ID != "label" || len(violations[0].Nodes) != 1 {
			t.Errorf("got %v, want the rule named label, once", violations)
		}
	})
	t.Run("what is folded is looked at once it is open", func(t *testing.T) {
		b.Open(t, base+"/folded")
		b.Accessible(t)
		b.Unfold(t)
		if violations := b.Violations(t); len(violations) != 1 || violations[0].ID != "label" {
			t.Errorf("got %v, want the rule named label, once", violations)
		}
	})
	t.Run("a page too wide for 320 pixels is found", func(t *testing.T) {
		b.Size(t, 320, 640)
		b.Open(t, base+"/wide")
		if got := b.SidewaysScroll(t); got <= 0 {
			t.Errorf("the wide page scrolls sideways by %d", got)
		}
		b.Open(t, base+"/good")
		if got := b.SidewaysScroll(t); got != 0 {
			t.Errorf("the good page scrolls sideways by %d", got)
		}
		picture, err := png.DecodeConfig(bytes.NewReader(b.Screenshot(t, "narrow")))
		if err != nil || picture.Width != 320 {
			t.Errorf("the screenshot is %d pixels wide (%v), want 320", picture.Width, err)
		}
		b.Size(t, 1280, 900)
	})
	t.Run("dark is dark", func(t *testing.T) {
		for _, dark := range []bool{true, false} {
			b.Dark(t, dark)
			b.Open(t, base+"/good")
			picture, err := png.Decode(bytes.NewReader(b.Screenshot(t, fmt.Sprintf("dark-%v", dark))))
			if err != nil {
				t.Fatal(err)
			}
			red, _, _, _ := picture.At(picture.Bounds().Max.X-1, 0).RGBA()
			if black := red == 0; black != dark {
				t.Errorf("asked for dark %v, the corner is black: %v", dark, black)
			}
		}
	})
	t.Run("a script runs unless it is switched off", func(t *testing.T) {
		for _, tt := range []struct {
			on   bool
			want string
		}{{true, "After"}, {false, "Before"}} {
			b.JavaScript(t, tt.on)
			b.Open(t, base+"/nonce")
			if got := b.See(t, "h1"); got != tt.want {
				t.Errorf("with JavaScript %v the page says %q, want %q", tt.on, got, tt.want)
			}
		}
		b.JavaScript(t, true)
	})
	for _, tt := range []struct{ name, page, problem string }{
		{"what the policy refuses is a problem", "/inline", "Content Security Policy"},
		{"a page that asks for something outside this machine has a problem", "/elsewhere", "example.org"},
		{"a missing page is a problem", "/missing", "404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.Problems()
			b.Open(t, base+tt.page)
			if problems := b.Problems(); len(problems) != 1 || !strings.Contains(problems[0], tt.problem) {
				t.Errorf("got %q, want one about %s", problems, tt.problem)
			}
		})
	}
}

func TestAxeCoreIsWhatItsChecksumsSay(t *testing.T) {
	sums, err := os.ReadFile("axe/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"SHA256SUMS": true, "README.md": true}
	for line := range strings.Lines(string(sums)) {
		want, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("not a line of sha256sum: %q", line)
		}
		listed[name] = true
		file, err := os.Open(filepath.Join("axe", name))
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		_, err = io.Copy(hash, file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(hash.Sum(nil)); got != want {
			t.Errorf("%s has the checksum %s, want %s", name, got, want)
		}
	}
	entries, err := os.ReadDir("axe")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !listed[entry.Name()] {
			t.Errorf("axe/%s has no checksum", entry.Name())
		}
	}
}
