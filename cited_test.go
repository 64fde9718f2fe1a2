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

// promised are the rules of docs/reference/semantics.md (S), saml.md (M) and
// directory-sync.md (L) that this release carries out. The rest of the law waits
// for the capability that needs it, and is listed there as such.
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
	span("S%d", 40, 44)
	span("S%d", 50, 55)
	span("S%d", 60, 62)
	span("M%02d", 1, 26)
	span("L%d", 1, 8)
	return rules
}

// TestEveryRuleIsProvedByATestThatNamesIt looks for each promised rule in a test
// or a scenario file.
func TestEveryRuleIsProvedByATestThatNamesIt(t *testing.T) {
	cited := map[string]bool{}
	number := regexp.MustCompile(`(?:\b|_|Test)([SML]\d{1,2})(?:\b|[A-Z_])`)
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

// TestTheReferenceSaysWhereEachRuleIs: whoever looks a rule up finds it in the
// file that the reference names, by its number and by the name given there.
func TestTheReferenceSaysWhereEachRuleIs(t *testing.T) {
	type place struct{ files, by string }
	places := map[string]place{}
	for file, row := range map[string]*regexp.Regexp{
		"semantics.md":      regexp.MustCompile(`(?m)^\| (S\d+) \| (.+) \| (.+) \|$`),
		"directory-sync.md": regexp.MustCompile(`(?m)^\| (L\d) \| (.+) \| (.+) \|$`),
		"saml.md":           regexp.MustCompile(`(?m)^\| (M\d+) \| .+ \| (.+)() \|$`),
	} {
		text, err := os.ReadFile(filepath.Join("docs", "reference", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range row.FindAllStringSubmatch(string(text), -1) {
			places[match[1]] = place{match[2], match[3]}
		}
	}
	backticked := regexp.MustCompile("`([^`]+)`")
	for _, rule := range promised() {
		files := backticked.FindAllStringSubmatch(places[rule].files, -1)
		if len(files) == 0 {
			t.Errorf("the reference does not say where %s is", rule)
		}
		for _, file := range files {
			source := sourceOf(t, file[1])
			if !regexp.MustCompile(`\b` + rule + `\b`).MatchString(source) {
				t.Errorf("%s should be in %s, which does not cite it", rule, file[1])
			}
			if name := backticked.FindStringSubmatch(places[rule].by); name != nil && !declares(source, name[1]) {
				t.Errorf("%s should be in %s by the name of %s, which it does not declare", rule, file[1], name[1])
			}
		}
	}
}

// sourceOf is the code, without tests, of a place as the reference writes it: a
// file or a package of internal, or a file of internal/saml.
func sourceOf(t *testing.T, place string) string {
	t.Helper()
	pattern := filepath.Join("internal", place, "*.go")
	switch {
	case strings.Contains(place, "/"):
		pattern = filepath.Join("internal", place)
	case strings.HasSuffix(place, ".go"):
		pattern = filepath.Join("internal", "saml", place)
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Errorf("the reference names %s, which is not there", place)
	}
	var source strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	return source.String()
}

// declares says whether a function, a type, a variable or a field of this name
// is made in a source; of Type.Name the name counts.
func declares(source, name string) bool {
	name = regexp.QuoteMeta(name[strings.LastIndex(name, ".")+1:])
	return regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |var |\t)` + name + `\b`).MatchString(source)
}
