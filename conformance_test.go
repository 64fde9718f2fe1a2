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

// requirements are those of the profiles that speak to a service provider: of
// the Kantara implementation profile 1.1 and of SAML2Int 2.0, by their numbers.
func requirements() []string {
	var all []string
	for _, part := range []struct {
		name string
		last int
	}{
		{"IIP-G", 3}, {"IIP-MD", 12}, {"IIP-SSO", 7}, {"IIP-EXT", 1}, {"IIP-ALG", 8}, {"IIP-SP", 17},
		{"SDP-G", 4}, {"SDP-MD", 10}, {"SDP-ALG", 1}, {"SDP-SP", 40},
	} {
		for n := 1; n <= part.last; n++ {
			all = append(all, fmt.Sprintf("%s%02d", part.name, n))
		}
	}
	return all
}

// TestTheConformanceTableIsWholeAndItsTestsExist: every requirement has its row,
// in order; what is kept names a test that there is, and what is not says why.
func TestTheConformanceTableIsWholeAndItsTestsExist(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "bin" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			tests[match[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	rows := regexp.MustCompile(`(?m)^\| ((?:IIP|SDP)-\w+) \| (.+?) \| (.+?) \| (.+) \|$`).FindAllStringSubmatch(string(page), -1)
	wanted := requirements()
	if len(rows) != len(wanted) {
		t.Errorf("%d rows for %d requirements", len(rows), len(wanted))
	}
	named := regexp.MustCompile("`(Test\\w+)`")
	for i, row := range rows {
		requirement, kept, shown := row[1], row[3], row[4]
		if i < len(wanted) && requirement != wanted[i] {
			t.Errorf("row %d is of %s, and %s is due", i+1, requirement, wanted[i])
		}
		for _, test := range named.FindAllStringSubmatch(shown, -1) {
			if !tests[test[1]] {
				t.Errorf("%s names %s, which is no test", requirement, test[1])
			}
		}
		said := strings.TrimSpace(named.ReplaceAllString(shown, ""))
		refers := regexp.MustCompile(`\b(?:IIP|SDP)-\w+`).MatchString(said)
		switch kept {
		case "yes":
			if !named.MatchString(shown) {
				t.Errorf("%s is kept, and no test shows it", requirement)
			}
		case "in part":
			if !named.MatchString(shown) || len(said) < 60 && !refers {
				t.Errorf("%s is kept in part: by which test, and why not wholly?", requirement)
			}
		case "no":
			if len(said) < 60 && !refers {
				t.Errorf("%s is not kept, and the page does not say why", requirement)
			}
		default:
			t.Errorf("%s is kept %q, which is neither yes, in part nor no", requirement, kept)
		}
	}
}
