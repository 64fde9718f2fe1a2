package idms

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// writeYAML writes a document as readYAML reads it: fields in the order of
// their types, those with their default left out, one to a line. It is ours,
// because the writers tried lose line ends and white space of some texts, and
// metadata must come back to the byte.
func writeYAML(document any) []byte {
	var w writer
	w.fields(reflect.ValueOf(document), 0)
	if w.Len() == 0 {
		return []byte("{}\n")
	}
	return []byte(w.String())
}

type writer struct{ strings.Builder }

func (w *writer) fields(of reflect.Value, depth int) {
	for _, field := range reflect.VisibleFields(of.Type()) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		value := of.FieldByIndex(field.Index)
		omitted := options == "omitzero" && value.IsZero() ||
			options == "omitempty" && (value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0)
		if name == "" || omitted {
			continue
		}
		fmt.Fprintf(w, "%*s%s:", 2*depth, "", name)
		w.value(value, depth+1)
	}
}

// value writes what stands behind a colon, or behind the hyphen of a list.
func (w *writer) value(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		w.value(v.Elem(), depth)
	case reflect.Bool:
		fmt.Fprintf(w, " %t\n", v.Bool())
	case reflect.Int:
		fmt.Fprintf(w, " %d\n", v.Int())
	case reflect.String:
		w.WriteString(" " + scalar(v.String(), depth) + "\n")
	case reflect.Struct:
		w.WriteString("\n")
		w.fields(v, depth)
	case reflect.Slice:
		w.WriteString("\n")
		for i := range v.Len() {
			w.element(v.Index(i), depth)
		}
	default:
		panic("idms: no document has a field of kind " + v.Kind().String())
	}
}

// element writes one element of a list. The first field of a structure stands
// behind the hyphen, the others below it.
func (w *writer) element(v reflect.Value, depth int) {
	if v.Kind() != reflect.Struct {
		fmt.Fprintf(w, "%*s-", 2*depth, "")
		w.value(v, depth+1)
		return
	}
	var inner writer
	inner.fields(v, depth+1)
	text := inner.String()
	fmt.Fprintf(w, "%*s- %s", 2*depth, "", text[2*(depth+1):])
}

var (
	// plain text needs no quotes: no sign in it means anything in YAML, and it
	// begins with a letter, so that it is no number.
	plain = regexp.MustCompile(`^[A-Za-z](?:[A-Za-z0-9_./@=+^-]|:[A-Za-z0-9_./-]| [A-Za-z0-9])*$`)
	// Words that some YAML or other takes for true, false or nothing.
	taken = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)

// scalar writes a text in the plainest of YAML's forms that gives it back.
func scalar(text string, depth int) string {
	switch {
	case plain.MatchString(text) && !slices.Contains(taken, strings.ToLower(text)):
		return text
	case isBlock(text):
		return block(text, depth)
	case strings.IndexFunc(text, unprintable) < 0:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}

	var quoted strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			quoted.WriteString(`\` + string(r))
		case r == '\n':
			quoted.WriteString(`\n`)
		case !unprintable(r):
			quoted.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&quoted, `\U%08X`, r)
		default:
			fmt.Fprintf(&quoted, `\u%04X`, r)
		}
	}
	return `"` + quoted.String() + `"`
}

// isBlock is true for text of several lines that is safe to write as it is:
// its indentation is found by its first line, and every line can be seen.
func isBlock(text string) bool {
	if !strings.Contains(text, "\n") || strings.HasSuffix(text, "\n\n") || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") {
		return false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimRight(line, " ") != line || strings.ContainsFunc(line, unprintable) {
			return false
		}
	}
	return true
}

func block(text string, depth int) string {
	head := "|"
	if !strings.HasSuffix(text, "\n") {
		head = "|-"
	}
	for line := range strings.Lines(text) {
		head += "\n"
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			head += strings.Repeat("  ", depth) + line
		}
	}
	return head
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
