package house

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// promised are the rules of docs/reference/semantics.md (S) and saml.md (M) that
// this release carries out. The rest of the law waits for the capability that
// needs it, and is listed there as such.
func promised() []string {
	var rules []string
	span := func(format string, from, to int) {
		for n := from; n <= to; n++ {
			rules = append(rules, fmt.Sprintf(format, n))
		}
	}
	span("S%d", 1, 4)
	span("S%d", 10, 15)
	span("S%d", 20, 26)
	span("S%d", 30, 38)
	span("S%d", 40, 42)
	span("S%d", 53, 55)
	span("S%d", 60, 62)
	span("M%02d", 1, 23)
	span("M%02d", 25, 26)
	return rules
}

// TestEveryRuleIsProvedByATestThatNamesIt looks for each promised rule in a test
// or a scenario file.
func TestEveryRuleIsProvedByATestThatNamesIt(t *testing.T) {
	cited := map[string]bool{}
	number := regexp.MustCompile(`(?:\b|_|Test)([SM]\d{1,2})(?:\b|[A-Z_])`)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "bin" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		scenario := strings.Contains(path, filepath.Join("testdata", "scenarios")) && strings.HasSuffix(path, ".yaml")
		if !strings.HasSuffix(path, "_test.go") && !scenario || path == "cited_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range number.FindAllStringSubmatch(string(text), -1) {
			cited[match[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range promised() {
		if !cited[rule] {
			t.Errorf("no test and no scenario names %s", rule)
		}
	}
}
