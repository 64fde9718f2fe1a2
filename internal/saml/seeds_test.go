package saml_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"idms/internal/samltest"
)

var updateSeeds = flag.Bool("update-seeds", false, "write the committed seeds of FuzzVerify anew")

const seedFolder = "testdata/fuzz/FuzzVerify"

// The committed seeds of FuzzVerify are signed with the fixed test keys and are
// good at the fixed instant of these tests. One that is no longer signed for
// the scene would leave the fuzzer at the gate. After a change of keys or scene:
//
//	go test ./internal/saml -run Seeds -update-seeds
func TestSeedsOfTheFuzzerAreStillGood(t *testing.T) {
	scene := samltest.NewScene(now)
	if *updateSeeds {
		writeSeeds(t, samltest.Seeds(scene))
	}
	files, err := filepath.Glob(filepath.Join(seedFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`(?s)^go test fuzz v1\n\[\]byte\((.*)\)\n$`)
	honest, hostile := 0, 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		quoted := form.FindSubmatch(content)
		if quoted == nil {
			t.Errorf("%s is no seed", file)
			continue
		}
		message, err := strconv.Unquote(string(quoted[1]))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		want := strings.HasPrefix(filepath.Base(file), "honest")
		if want {
			honest++
		} else {
			hostile++
		}
		if got := judge(scene, []byte(message)); got.Accepted != want {
			t.Errorf("%s: accepted is %v (%s)", file, got.Accepted, got.Steps.Code())
		}
	}
	if honest < 5 || hostile < 10 {
		t.Errorf("%d honest seeds and %d hostile ones", honest, hostile)
	}
}

func writeSeeds(t *testing.T, seeds map[string][]byte) {
	if err := os.RemoveAll(seedFolder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(seedFolder, 0o755); err != nil {
		t.Fatal(err)
	}
	odd := regexp.MustCompile(`[^a-z0-9]+`)
	for _, name := range slices.Sorted(maps.Keys(seeds)) {
		file := odd.ReplaceAllString(strings.ToLower(name), "-")
		file = filepath.Join(seedFolder, strings.Trim(file[:min(len(file), 80)], "-"))
		if err := os.WriteFile(file, fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", seeds[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
