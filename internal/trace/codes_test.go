package trace

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/reference/codes.md anew")

// S62: a code is one word with one meaning, and the reference says the same as
// the table that the product uses.
func TestTheReferenceOfCodesIsTheTable(t *testing.T) {
	const file = "../../docs/reference/codes.md"
	want := reference()
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
		t.Errorf("%s differs from codes.go; write it anew with: go test ./internal/trace -update", file)
	}
}

func reference() string {
	var page strings.Builder
	page.WriteString(`# Codes

Why a login was refused, in one word. A code is stable: it stands in traces, in the audit, in metrics and in
` + "`idms check --format json`" + `. It is that of the first step that refused, and this page lists them in the order
of a login. The letter and number name the rule behind a code: S-rules stand in [semantics.md](semantics.md), the
requirements on SAML messages, M-rules, in [saml.md](saml.md#requirements).

The visitor reads one of a few plain sentences and a reference id, never the code. The administrator finds the
trace by that id (` + "`idms trace ID`" + `), which says more exactly than this page what to change: the field of the
record and the value to put there, the setting at the provider and what to enter, when these can be known. A
[test login](../how-to/test-login.md) finds everything that is wrong at once.

*At the provider* names the setting in the words of those who make it; their pages change, and the
[glossary](../glossary.md) has our fields in their words.

<!-- Written by go test ./internal/trace -update from internal/trace/codes.go. -->
`)
	for _, m := range Meanings {
		fmt.Fprintf(&page, "\n## `%s`\n\n- **Rule:** %s\n- **Cause:** %s\n- **What to change:** %s\n- **The visitor reads:** “%s”\n",
			m.Code, m.Rule, m.Cause, m.Remedy, m.Visitor)
		if list := atProvider[m.Code]; len(list) > 0 {
			page.WriteString("- **At the provider:**\n")
			for _, one := range list {
				fmt.Fprintf(&page, "  - %s: %s\n", one.Vendor, one.Says)
			}
		}
	}
	return page.String()
}

// Guides link to the codes. A link to one that there is not leads nowhere.
func TestEveryLinkToACodeIsToOneThatThereIs(t *testing.T) {
	link := regexp.MustCompile(`codes\.md#([a-z_]+)`)
	err := filepath.WalkDir("../../docs", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			if Code(match[1]).Meaning().Cause == "" {
				t.Errorf("%s links to the code %s, which there is not", path, match[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A code about which something can be set at the provider says it for the
// providers that most people have.
func TestTheReferenceSpeaksInTheWordsOfTheProviders(t *testing.T) {
	for code, list := range atProvider {
		if code.Meaning().Cause == "" {
			t.Errorf("%s is no code", code)
		}
		seen := map[string]bool{}
		for _, one := range list {
			if seen[one.Vendor] || one.Says == "" {
				t.Errorf("%s: %s is there twice, or says nothing", code, one.Vendor)
			}
			seen[one.Vendor] = true
		}
	}
	for _, code := range []Code{AudienceMismatch, RecipientMismatch, DestinationMismatch, Unsigned, UnknownKey, IssuerMismatch, FieldMissing} {
		for _, vendor := range []string{entra, okta, adfs, google, keycloak, pingFederate, oneLogin, shibboleth, simpleSAMLphp} {
			if !slices.ContainsFunc(atProvider[code], func(one Wording) bool { return one.Vendor == vendor }) {
				t.Errorf("%s does not speak of %s", code, vendor)
			}
		}
	}
}

func TestEveryCodeIsOneWordWithOneMeaning(t *testing.T) {
	word, rule := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`), regexp.MustCompile(`^[SM]\d+$`)
	seen := map[Code]bool{}
	for _, m := range Meanings {
		if seen[m.Code] {
			t.Errorf("%s has two meanings", m.Code)
		}
		seen[m.Code] = true
		if !word.MatchString(string(m.Code)) {
			t.Errorf("%q is not a word", m.Code)
		}
		if !rule.MatchString(m.Rule) || m.Visitor == "" || m.Cause == "" || m.Remedy == "" {
			t.Errorf("the meaning of %s is incomplete: %+v", m.Code, m)
		}
	}
	for _, code := range declared(t) {
		if !seen[code] {
			t.Errorf("%s has no meaning", code)
		}
	}
}

// declared are the constants of type Code in codes.go.
func declared(t *testing.T) []Code {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, Code(text))
		}
		return true
	})
	if len(codes) == 0 {
		t.Fatal("codes.go declares no code: this test no longer reads it")
	}
	return codes
}

func TestTheFirstRefusedStepGivesTheCode(t *testing.T) {
	var steps Steps
	steps.Pass("S20", "allowed auth context", "", "")
	steps.Note("S21", "email", "mail", "two values")
	if steps.Code() != "" || steps.Refusal() != nil {
		t.Errorf("nothing refused, yet %q", steps.Code())
	}
	steps.Refuse(Step{Name: "validation rules", Code: ValidationFailed})
	steps.Refuse(Step{Name: "access rules", Code: NoAccess})
	if steps.Code() != ValidationFailed {
		t.Errorf("code = %q", steps.Code())
	}
	if steps[2].State != Refused {
		t.Errorf("state = %v", steps[2].State)
	}
}

func TestAnUnknownCodeTellsTheVisitorTheLeast(t *testing.T) {
	if got := Code("never_heard_of").Meaning(); got.Visitor != visitorBroken || got.Cause != "" {
		t.Errorf("%+v", got)
	}
}

func TestAStateIsWrittenAndReadAsAWord(t *testing.T) {
	for state := NotReached; state <= Refused; state++ {
		text, _ := state.MarshalText()
		var back State
		if err := back.UnmarshalText(text); err != nil || back != state {
			t.Errorf("%q read as %v, %v", text, back, err)
		}
	}
	state := Passed
	if err := state.UnmarshalText([]byte("fine")); err != nil || state != NotReached {
		t.Errorf("an unknown word proves nothing, yet %v, %v", state, err)
	}
}
