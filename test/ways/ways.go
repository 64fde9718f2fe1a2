// Package ways reads the table of docs/reference/ways.md for the tests that hold it
// to the routes of the pages, those of the API, and the commands. It owns its form;
// it leaves what stands in it to them.
package ways

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The columns.
const (
	Page    = "page"
	API     = "API"
	Command = "command"
)

var chip = regexp.MustCompile("`([^`]+)`")

// Column is all that stands as code in one column, sorted and each once. It is for
// tests of packages two folders below the repository's.
func Column(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/reference/ways.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	at := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") {
			at = 0
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if at == 0 {
			if at = slices.Index(cells, name); at < 0 {
				t.Fatalf("a table has no column %s", name)
			}
			continue
		}
		for _, one := range chip.FindAllStringSubmatch(cells[at], -1) {
			found = append(found, one[1])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Same complains about what stands in the table and is not there, and about what is
// there and stands not in it.
func Same(t testing.TB, table, there []string) {
	t.Helper()
	slices.Sort(there)
	there = slices.Compact(there)
	for _, one := range table {
		if _, ok := slices.BinarySearch(there, one); !ok {
			t.Errorf("docs/reference/ways.md has %s, which there is not", one)
		}
	}
	for _, one := range there {
		if _, ok := slices.BinarySearch(table, one); !ok {
			t.Errorf("%s stands nowhere in docs/reference/ways.md: say which page, which route and which command do the same", one)
		}
	}
}
