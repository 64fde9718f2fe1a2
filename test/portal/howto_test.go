package portal_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the how-tos tell people to copy is what is proved here: every line of the
// example but its addresses, in its order.
func TestTheHowTosSayWhatTheExampleDoes(t *testing.T) {
	for _, tt := range []struct{ howTo, example, from string }{
		{"nginx.md", "nginx.conf", "# Whatever"},
		{"caddy.md", "Caddyfile", "# route keeps"},
	} {
		read := func(path ...string) []string {
			text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
			check(t, err)
			var lines []string
			for line := range strings.Lines(string(text)) {
				if line = strings.TrimSpace(line); line != "" {
					lines = append(lines, line)
				}
			}
			first := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, tt.from) })
			if first < 0 {
				t.Fatalf("%s has no line that begins with %q", path, tt.from)
			}
			return lines[first:]
		}
		told, proved := read("docs", "how-to", tt.howTo), read("examples", "portal", tt.example)
		proved = proved[:slices.IndexFunc(proved, func(line string) bool {
			return strings.HasSuffix(line, "127.0.0.1:8082") || strings.HasSuffix(line, "127.0.0.1:8082;")
		})+1]
		if len(proved) < 10 || len(told) < len(proved) {
			t.Fatalf("%s: %d lines against %d", tt.howTo, len(told), len(proved))
		}
		for i, line := range proved {
			if told[i] != line {
				t.Errorf("%s says %q where the example says %q", tt.howTo, told[i], line)
			}
		}
	}
}
