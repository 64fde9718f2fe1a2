package audit

import (
	"encoding/csv"
	"io"
	"strings"
	"time"
)

// Table writes events as CSV (RFC 4180): a line for each changed field, or one for
// an event that changed none. Instants are in UTC (RFC 3339). No field of it is a
// formula to a spreadsheet.
type Table struct {
	out    *csv.Writer
	failed error
}

// Headings are the columns of a Table.
var Headings = []string{"at", "id", "action", "alarm", "who", "address", "record", "user", "group", "trace", "code", "reason", "field", "from", "to"}

// NewTable writes the line of headings.
func NewTable(to io.Writer) *Table {
	t := &Table{out: csv.NewWriter(to)}
	t.failed = t.out.Write(Headings)
	return t
}

// Write adds an event, and is false when it could not.
func (t *Table) Write(e Event) bool {
	for _, change := range e.Changes {
		t.line(e, change)
	}
	if len(e.Changes) == 0 {
		t.line(e, Change{})
	}
	return t.failed == nil
}

func (t *Table) line(e Event, c Change) {
	alarm := ""
	if e.Alarm {
		alarm = "alarm"
	}
	fields := []string{e.At.UTC().Format(time.RFC3339Nano), e.ID, string(e.Action), alarm, e.Who, e.Address,
		e.Record, e.User, e.Group, e.Trace, string(e.Code), e.Reason, c.Field, c.From, c.To}
	for i := range fields {
		fields[i] = NoFormula(fields[i])
	}
	if t.failed == nil {
		t.failed = t.out.Write(fields)
	}
}

// Flush writes what is left, and tells what failed.
func (t *Table) Flush() error {
	t.out.Flush()
	if t.failed != nil {
		return t.failed
	}
	return t.out.Error()
}

// NoFormula keeps a spreadsheet from taking text for a formula (OWASP, CSV
// injection). Some look behind blanks, and take the wide forms of East Asian text
// for the signs.
func NoFormula(text string) string {
	if begins := strings.TrimLeft(text, " \u00a0\u3000"); begins != "" {
		for _, sign := range "=+-@\t\r\n|%＝＋－＠" {
			if strings.HasPrefix(begins, string(sign)) {
				return "'" + text
			}
		}
	}
	return text
}
