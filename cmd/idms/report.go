package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"idms/internal/audit"
	"idms/internal/store"
)

// report is what a change did, or would do, in the form of its JSON.
type report struct {
	DryRun    bool            `json:"dry_run"`
	Changed   bool            `json:"changed"`
	Groups    []groupReport   `json:"groups"`
	Records   []recordReport  `json:"records"`
	Unchanged unchanged       `json:"unchanged"`
	Warnings  []recordWarning `json:"warnings"`
	Rehearsal []rehearsed     `json:"rehearsal,omitempty"` // with --rehearse: of each changed record
}

type groupReport struct {
	Key     string         `json:"key"`
	Name    string         `json:"name"`
	Change  store.Kind     `json:"change"`
	Fields  []audit.Change `json:"fields"`
	Members int            `json:"members_leaving"`
}

type recordReport struct {
	Key           string         `json:"key"`
	Name          string         `json:"name"`
	Change        store.Kind     `json:"change"`
	Version       int            `json:"version"`
	Fields        []audit.Change `json:"fields"`
	SessionsEnded int            `json:"sessions_ended"`
	People        int            `json:"people_deleted"`
	Memberships   int            `json:"memberships_deleted"`
}

type unchanged struct {
	Groups  int `json:"groups"`
	Records int `json:"records"`
}

type recordWarning struct {
	Record  string `json:"record"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

func (w recordWarning) String() string {
	return fmt.Sprintf("record %s: %s: %s", w.Record, w.Field, w.Message)
}

func reportOf(applied store.Applied, dryRun bool) report {
	r := report{
		DryRun: dryRun, Changed: applied.Any(),
		Groups: []groupReport{}, Records: []recordReport{}, Warnings: []recordWarning{},
		Unchanged: unchanged{Groups: applied.GroupsUnchanged, Records: applied.RecordsUnchanged},
	}
	fields := func(list []audit.Change) []audit.Change {
		shown := []audit.Change{} // [] and not null
		for _, field := range list {
			if field.Field != "schema" { // of the document, not of the record
				shown = append(shown, field)
			}
		}
		return shown
	}
	for _, d := range applied.Groups {
		r.Groups = append(r.Groups, groupReport{d.Key, d.Name, d.Kind, fields(d.Fields), d.People})
	}
	for _, d := range applied.Records {
		r.Records = append(r.Records, recordReport{d.Key, d.Name, d.Kind, d.Version, fields(d.Fields), d.SessionsEnded, d.People, d.Memberships})
		for _, warning := range d.Warnings {
			r.Warnings = append(r.Warnings, recordWarning{d.Key, warning.Field, warning.Message})
		}
	}
	return r
}

// tell prints a report and ends the command: with errChanges when a dry run
// found some. A warning of the text goes to standard error, so that the
// difference can be piped alone.
func (p *program) tell(r report, format string) error {
	if err := p.print(r, format); err != nil {
		return err
	}
	if r.DryRun && r.Changed {
		return errChanges
	}
	return nil
}

func (p *program) print(r report, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	var text strings.Builder
	r.write(&text)
	_, err := io.WriteString(p.stdout, text.String())
	for _, warning := range r.Warnings {
		_, failed := fmt.Fprintf(p.stderr, "warning: %s\n", warning)
		err = errors.Join(err, failed)
	}
	return err
}

// signs of a line, as in any other difference.
var signs = map[store.Kind]string{store.Created: "+", store.Changed: "~", store.Deleted: "-"}

func (r report) write(w *strings.Builder) {
	for _, group := range r.Groups {
		fmt.Fprintf(w, "%s group %s %q", signs[group.Change], group.Key, group.Name)
		if group.Change == store.Deleted {
			fmt.Fprintf(w, ": %s", quantity(group.Members, "member leaves it", "members leave it"))
		}
		w.WriteString("\n")
		if group.Change == store.Changed {
			writeFields(w, group.Fields)
		}
	}
	for _, record := range r.Records {
		fmt.Fprintf(w, "%s record %s %q", signs[record.Change], record.Key, record.Name)
		if record.Change == store.Deleted {
			fmt.Fprintf(w, ": %s with %s", quantity(record.People, "person is deleted", "people are deleted"),
				quantity(record.Memberships, "membership", "memberships"))
		}
		if record.SessionsEnded > 0 {
			fmt.Fprintf(w, ": %s", quantity(record.SessionsEnded, "session ends", "sessions end"))
		}
		w.WriteString("\n")
		writeFields(w, record.Fields)
	}
	for _, record := range r.Rehearsal {
		record.write(w)
	}
	fmt.Fprintf(w, "unchanged: %s, %s\n", quantity(r.Unchanged.Records, "record", "records"), quantity(r.Unchanged.Groups, "group", "groups"))
	switch {
	case !r.Changed:
		w.WriteString("Nothing to change.\n")
	case r.DryRun:
		w.WriteString("A dry run: nothing was written.\n")
	default:
		w.WriteString("Applied.\n")
	}
}

// writeFields quotes values, so that none of them can write on a terminal what
// it likes.
func writeFields(w *strings.Builder, fields []audit.Change) {
	value := func(text string) string {
		if text == "" {
			return "nothing"
		}
		return fmt.Sprintf("%q", text)
	}
	for _, field := range fields {
		fmt.Fprintf(w, "    %s: %s → %s\n", field.Field, value(field.From), value(field.To))
	}
}

func quantity(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
