package trace

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
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
trace by that id (` + "`idms trace ID`" + `).

<!-- Written by go test ./internal/trace -update from internal/trace/codes.go. -->
`)
	for _, m := range Meanings {
		fmt.Fprintf(&page, "\n## `%s`\n\n- **Rule:** %s\n- **Cause:** %s\n- **What to change:** %s\n- **The visitor reads:** “%s”\n",
			m.Code, m.Rule, m.Cause, m.Remedy, m.Visitor)
	}
	return page.String()
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
