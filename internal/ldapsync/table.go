package ldapsync

import (
	"encoding/csv"
	"io"

	"idms/internal/audit"
)

// Table writes changes as CSV (RFC 4180): a line for each person, group, changed
// field and membership. No field of it is a formula to a spreadsheet.
type Table struct {
	out    *csv.Writer
	failed error
}

// NewTable writes the line of headings.
func NewTable(to io.Writer) *Table {
	t := &Table{out: csv.NewWriter(to)}
	t.failed = t.out.Write([]string{"kind", "person", "user", "dn", "group", "name", "field", "from", "to", "why"})
	return t
}

// Write adds a change, and is false when it could not.
func (t *Table) Write(c Change) bool {
	for _, field := range c.Fields {
		t.line(c, c.Person, field.Field, field.From, field.To)
	}
	for _, person := range c.People {
		t.line(c, person, "", "", "")
	}
	if len(c.Fields)+len(c.People) == 0 {
		t.line(c, c.Person, "", "", "")
	}
	return t.failed == nil
}

func (t *Table) line(c Change, person, field, from, to string) {
	fields := []string{string(c.Kind), person, c.User, c.DN, c.Group, c.Name, field, from, to, c.Why}
	for i := range fields {
		fields[i] = audit.NoFormula(fields[i])
	}
	if t.failed == nil {
		t.failed = t.out.Write(fields)
	}
}

// Close writes what is left, and tells what failed.
func (t *Table) Close() error {
	t.out.Flush()
	if t.failed != nil {
		return t.failed
	}
	return t.out.Error()
}
