package ldapsync

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Whoever reads that a directory failed reads what to do about it, wherever the
// reference knows something.
func TestEveryFaultThatTheReferenceHasAdviceForHasOne(t *testing.T) {
	reference, err := os.ReadFile("../../docs/reference/directory-sync.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(reference), "| Code | What happened | What to do |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := 0
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		for _, code := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
			rows++
			if has, want := FaultCode(code[1]).Advice() != "", strings.TrimSpace(cells[3]) != ""; has != want {
				t.Errorf("%s: there is advice here: %v, in the reference: %v", code[1], has, want)
			}
		}
	}
	if rows < 15 {
		t.Errorf("%d codes in the reference", rows)
	}
}
