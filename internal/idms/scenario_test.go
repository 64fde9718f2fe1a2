package idms

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/ast"

	"idms/internal/fault"
	"idms/internal/rules"
	"idms/internal/saml"
)

var update = flag.Bool("update", false, "write the decisions in testdata/scenarios, and docs/reference/scenarios.md, anew")

// scenario is one file of testdata/scenarios: a sentence, what a login meets,
// and the decision as idms check prints it.
type scenario struct {
	Says      string            `json:"says"`
	Rules     []string          `json:"rules"`
	Record    recordDocument    `json:"record"`
	Assertion assertionDocument `json:"assertion"`
	Known     knownDocument     `json:"known"`
	Decision  string            `json:"decision"`

	file string
	head string // everything before the decision, as written
}

type assertionDocument struct {
	NameID       string             `json:"name_id"`
	NameIDFormat string             `json:"name_id_format"`
	AuthContext  string             `json:"auth_context"`
	SessionIndex string             `json:"session_index"`
	Attributes   attributesDocument `json:"attributes"`
	Incomplete   []string           `json:"incomplete"` // names of which only a pointer came
}

// attributesDocument is written as a mapping from names to a value or a list.
type attributesDocument rules.Attributes

func (a *attributesDocument) readYAML(r *reader, path string, node ast.Node) {
	r.pairs(path, node, func(name, path string, pair *ast.MappingValueNode) {
		attribute := rules.Attribute{Name: name}
		if one, ok := textOf(pair.Value); ok {
			attribute.Values = []string{one}
		} else if list, ok := pair.Value.(*ast.SequenceNode); ok {
			for _, element := range list.Values {
				value, _ := textOf(element)
				attribute.Values = append(attribute.Values, value)
			}
		}
		// "x × 20000" stands for a value that nobody wants to read.
		for i, value := range attribute.Values {
			var n int
			if _, err := fmt.Sscanf(value, "x × %d", &n); err == nil {
				attribute.Values[i] = strings.Repeat("x", n)
			}
		}
		*a = append(*a, attribute)
	})
}

// The moment of every scenario that names no other.
var scenarioNow = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// policy compiles the scenario's record. What it does not say is that of the
// record acme, whose mapping scenarios.md describes.
func (s scenario) policy(t *testing.T) *Policy {
	t.Helper()
	document := s.Record
	if document.Key == "" {
		document.Key, document.Name = "acme", "Acme"
	}
	if document.Mapping == (mappingDocument{}) {
		document.Mapping = mappingDocument{Username: "uid", Email: "mail", NamesOptional: true}
	}
	record, problems := document.record(nil)
	if problems.Any() {
		t.Fatalf("%s: %s", s.file, problems)
	}
	policy, err := Compile(record)
	if err != nil {
		t.Fatalf("%s: %s", s.file, err)
	}
	return policy
}

// assertion is the scenario's, with ada's uid and mail where it names none.
func (s scenario) assertion() saml.Assertion {
	d := s.Assertion
	a := saml.Assertion{
		ID: "_1", Issuer: "https://idp.example.com", SessionIndex: d.SessionIndex, AuthnContext: d.AuthContext,
		NameID: saml.NameID{Value: d.NameID, Format: d.NameIDFormat},
	}
	for _, usual := range []rules.Attribute{{Name: "uid", Values: []string{"ada"}}, {Name: "mail", Values: []string{"ada@example.com"}}} {
		if !slices.ContainsFunc(d.Attributes, func(a rules.Attribute) bool { return a.Name == usual.Name }) {
			a.Attributes = append(a.Attributes, usual)
		}
	}
	for _, attribute := range d.Attributes {
		if len(attribute.Values) > 0 {
			a.Attributes = append(a.Attributes, attribute)
		}
	}
	for _, name := range d.Incomplete {
		a.Attributes = append(a.Attributes, rules.Attribute{Name: name, Incomplete: true})
	}
	return a
}

func (s scenario) known(t *testing.T) Known {
	t.Helper()
	known, problems := s.Known.known()
	if problems.Any() {
		t.Fatalf("%s: %s", s.file, problems)
	}
	if known.Now.IsZero() {
		known.Now = scenarioNow
	}
	return known
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var all []scenario
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := scenario{file: filepath.Base(file)}
		if problems := readYAML(data, &s).problems; problems.Any() {
			t.Fatalf("%s: %s", file, problems)
		}
		s.head, _, _ = strings.Cut(string(data), "\ndecision:")
		s.head = strings.TrimRight(s.head, "\n") + "\n"
		if s.Says == "" || len(s.Rules) == 0 {
			t.Errorf("%s says nothing, or names no rule", file)
		}
		all = append(all, s)
	}
	return all
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(strings.TrimSuffix(s.file, ".yaml"), func(t *testing.T) {
			policy := s.policy(t)
			decision := policy.Decide(s.assertion(), s.known(t))
			var printed strings.Builder
			if err := policy.Print(&printed, decision); err != nil {
				t.Fatal(err)
			}
			if *update {
				s.write(t, printed.String())
				return
			}
			if got := printed.String(); got != s.Decision {
				t.Errorf("%s\n\ngot\n%s\nwant\n%s\nif that is right: go test ./internal/idms -update", s.Says, got, s.Decision)
			}
		})
	}
}

func (s scenario) write(t *testing.T, decision string) {
	text := s.head + "\ndecision: |\n"
	for line := range strings.Lines(decision) {
		if strings.TrimSpace(line) != "" {
			line = "  " + line
		}
		text += line
	}
	if err := os.WriteFile(filepath.Join("testdata/scenarios", s.file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var again scenario
	if r := readYAML([]byte(text), &again); r.problems.Any() || again.Decision != decision {
		t.Errorf("%s does not read as it was written: %s", s.file, r.problems)
	}
}

var _ = fault.Problems(nil)
