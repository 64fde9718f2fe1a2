package api

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"idms/test/needs"
)

var example = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestTheExamplesOfTheReferenceWork runs every command of docs/reference/api.md, in
// the order of the page. None may be answered with a problem.
func TestTheExamplesOfTheReferenceWork(t *testing.T) {
	needs.Curl(t)
	h := newHouse(t)
	page, err := os.ReadFile("../../docs/reference/api.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	examples := example.FindAllStringSubmatch(string(page), -1)
	if len(examples) < 5 {
		t.Fatalf("%d examples were found", len(examples))
	}
	for _, one := range examples {
		command := exec.CommandContext(t.Context(), "bash", "-euc", one[1])
		command.Dir = folder
		command.Env = append(os.Environ(), "IDMS="+h.url, "TOKEN="+h.token, "USER_ID="+h.user, "TRACE="+h.trace)
		said, err := command.CombinedOutput()
		if err != nil || strings.Contains(string(said), `"status":4`) || strings.Contains(string(said), `"status":5`) || len(said) == 0 {
			t.Errorf("%s\nsaid %s (%v)", one[1], said, err)
		}
	}
}
