package fault

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with one field of what somebody entered.
type Problem struct {
	Field   string // path as in the record file, for example "access_rules[2].pattern"
	Message string // one sentence that says what to do
}

// Problems are all that is wrong, so that a person mends a form once and not
// field by field. The zero value is "nothing is wrong".
type Problems []Problem

// Add notes one more problem.
func (p *Problems) Add(field, format string, args ...any) {
	*p = append(*p, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// AddError notes err, if there is one, in the words its visitor may read.
func (p *Problems) AddError(field string, err error) {
	if err == nil {
		return
	}
	if _, ok := outermost(err); ok {
		p.Add(field, "%s", Sentence(err))
		return
	}
	p.Add(field, "%s", err)
}

// Under adds the problems of a part, each below the part's own path.
func (p *Problems) Under(path string, part Problems) {
	for _, one := range part {
		*p = append(*p, Problem{Field: Join(path, one.Field), Message: one.Message})
	}
}

// Any is true when there is at least one problem.
func (p Problems) Any() bool { return len(p) > 0 }

// Err is nil when nothing is wrong, and otherwise an Invalid error that lists
// every problem on a line of its own.
func (p Problems) Err() error {
	if !p.Any() {
		return nil
	}
	return &hidden{kind: Invalid, sentence: p.String(), problems: p}
}

// ProblemsOf are the problems that Err made an error of; of any other error none.
func ProblemsOf(err error) Problems {
	if h, ok := outermost(err); ok {
		return h.problems
	}
	return nil
}

func (p Problems) String() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Message
		if one.Field != "" {
			lines[i] = one.Field + ": " + one.Message
		}
	}
	return strings.Join(lines, "\n")
}

// Join makes a field path of a part's path and a path within it.
func Join(path, field string) string {
	switch {
	case path == "":
		return field
	case field == "" || strings.HasPrefix(field, "["):
		return path + field
	}
	return path + "." + field
}
