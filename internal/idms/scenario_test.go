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

// elsewhere are the tests of rules that no single login can show, and of the
// parts of rules that are other packages'.
var elsewhere = map[string][]string{
	"S3":  {"idms.TestTheLawsOfADecision", "idms.FuzzDecide"},
	"S34": {"groups.TestWhatADeletedAssociationLeavesBehind", "idms.TestReplacingARecordSaysWhoGainsAndWhoStays"},
	"S38": {"groups.TestAGroupThatRulesPointAtIsNotDeletedUnseen"},
	"S40": {"users.TestUsernamesOfOnePersonFoldAlike", "users.TestUsernamesOfTwoPeopleStayApart"},
	"S10": {"users.TestATooLongValueRefuses"},
	"S21": {"users.TestAMissingFieldRefuses", "users.TestTheFixNamesWhatCameInstead"},
	"S23": {"console.TestWhichGrantWins", "idms.TestReplacingARecordSaysWhoGainsAndWhoStays"},
	"S24": {"console.TestWhichGrantWins"},
	"S25": {"console.TestTheCapOfPrivilegeElevation"},
	"S30": {"groups.TestWhatOneLoginDoesToOneGroup"},
	"S31": {"groups.TestWhatOneLoginDoesToOneGroup"},
	"S32": {"groups.TestWhatOneLoginDoesToOneGroup", "idms.TestARecordWarnsOfWhatNobodyMayHaveMeant"},
	"S33": {"groups.TestWhatOneLoginDoesToOneGroup"},
	"S35": {"groups.TestWhatOneLoginDoesToOneGroup"},
	"S36": {"groups.TestGroupsWithoutAnAssociationAreLeftAlone"},
	"S37": {"groups.TestADirectoryGivesAndTakesItsOwnGroups"},
}

// decided are the rules of semantics.md that a decision carries out.
var decided = []string{
	"S3", "S4",
	"S10", "S11", "S12", "S13", "S14", "S15",
	"S20", "S21", "S22", "S23", "S24", "S25", "S26",
	"S30", "S31", "S32", "S33", "S34", "S35", "S36", "S37", "S38",
	"S40", "S41", "S42", "S44",
}

func TestEveryRuleOfADecisionIsShown(t *testing.T) {
	shown := map[string]bool{}
	for _, s := range scenarios(t) {
		for _, rule := range s.Rules {
			shown[rule] = true
			if !slices.Contains(decided, rule) {
				t.Errorf("%s names %s, which no decision carries out", s.file, rule)
			}
		}
		if first := strings.ToUpper(s.file[:strings.Index(s.file, "_")]); strings.Replace(s.Rules[0], "S4", "S04", 1) != first && s.Rules[0] != first {
			t.Errorf("%s is filed under another rule than %s", s.file, s.Rules[0])
		}
	}
	for rule, names := range elsewhere {
		for _, name := range names {
			folder, name, _ := strings.Cut(name, ".")
			if isTest(t, folder, name) {
				shown[rule] = true
			} else {
				t.Errorf("%s: there is no test %s in %s", rule, name, folder)
			}
		}
	}
	for _, rule := range decided {
		if !shown[rule] {
			t.Errorf("%s has no scenario and no test", rule)
		}
	}
}

func isTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob("../" + folder + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(code), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

func TestTheScenariosAreListedInTheReference(t *testing.T) {
	const file = "../../docs/reference/scenarios.md"
	want := listOfScenarios(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the scenarios; write it anew with: go test ./internal/idms -update", file)
	}
}

func listOfScenarios(t *testing.T) string {
	var page strings.Builder
	page.WriteString(`# Scenarios

What a login decides, by example: each line is a file with a record, an assertion, what was known about the person,
and the decision as ` + "`idms check`" + ` prints it. The tests carry every file out and compare the decision to the letter,
so this page cannot be wrong. The rules stand in [semantics.md](semantics.md).

A scenario writes only what matters. The rest is that of the record ` + "`acme`" + `, which maps the username from ` + "`uid`" + ` and
the e-mail address from ` + "`mail`" + `, does not ask for names, and creates people; of an assertion of ` + "`https://idp.example.com`" + `
with ` + "`uid`" + ` ada and ` + "`mail`" + ` ada@example.com; and of a person nobody knows yet, at 10:00 UTC on 22 November 2026.
In a scenario, ` + "`incomplete`" + ` lists attributes of which the provider sent only a pointer, and ` + "`x × 20000`" + ` stands for
that many letters x. The fields of records and of what is known are those of [record-file.md](record-file.md).

<!-- Written by go test ./internal/idms -update from internal/idms/testdata/scenarios. -->

| rule | what happens | ends | file |
| --- | --- | --- | --- |
`)
	for _, s := range scenarios(t) {
		d := s.policy(t).Decide(s.assertion(), s.known(t))
		ends := "`" + string(d.Code) + "`"
		if d.Admitted {
			ends = d.Level.Label()
		}
		fmt.Fprintf(&page, "| %s | %s | %s | [%s](../../internal/idms/testdata/scenarios/%s) |\n",
			strings.Join(s.Rules, ", "), s.Says, ends, strings.TrimSuffix(s.file, ".yaml"), s.file)
	}

	page.WriteString("\n## Rules that no single login can show\n\nThese tests show them, and more of some of the rules above.\n\n| rule | tests |\n| --- | --- |\n")
	for _, rule := range decided {
		if names := elsewhere[rule]; len(names) > 0 {
			fmt.Fprintf(&page, "| %s | `%s` |\n", rule, strings.Join(names, "`, `"))
		}
	}
	return page.String()
}
