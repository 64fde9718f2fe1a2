package idms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"idms/internal/fault"
)

// The documents of records for who sends them as JSON: the same fields as in a
// file, checked by the same code in the same words.
type (
	Document            = recordDocument
	RuleDocument        = ruleDocument
	GrantDocument       = grantDocument
	AssociationDocument = associationDocument
)

// DocumentOf writes a record down, and leaves out whatever has its default.
func DocumentOf(r Record) Document { return documentOf(r) }

// Checked makes a record of a document and finds everything that is wrong with it,
// each problem at its field. Files cannot be named in it.
func (d recordDocument) Checked() (Record, fault.Problems) {
	record, read := d.record(nil)
	return record, checkOnce(record, read)
}

// ReadJSON fills into, a pointer to a struct, whose fields are named by their json
// tags. It is as strict as the reader of files: a field that is not known, or there
// twice, or null, is a mistake of somebody who believes it counts. Every problem is
// at its field; problems at "" are those of the text as a whole.
func ReadJSON(data []byte, into any) fault.Problems {
	r := jsonReader{fields: map[reflect.Type]map[string][]int{}}
	switch {
	case len(data) > MaxFile:
		r.problems.Add("", "The document has more than %d MiB.", MaxFile>>20)
		return r.problems
	case !utf8.Valid(data):
		r.problems.Add("", "The document is not UTF-8 text.")
		return r.problems
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	root, err := r.node(decoder, "", 0)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("there is more after its end")
		}
	}
	if err != nil {
		r.problems = nil
		r.problems.Add("", "The document cannot be read as JSON: %s.", whyNotJSON(err))
		return r.problems
	}
	r.value("", root, reflect.ValueOf(into).Elem())
	return r.problems
}

func whyNotJSON(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%s (byte %d)", wrong, wrong.Offset)
	}
	return err.Error()
}

// member is one field of an object, in the order of the text.
type member struct {
	name  string
	value any
}

type jsonReader struct {
	problems fault.Problems
	fields   map[reflect.Type]map[string][]int
}

// node reads one value whole: []member, []any, string, bool, json.Number or nil.
func (r *jsonReader) node(decoder *json.Decoder, path string, depth int) (any, error) {
	if depth > maxNesting {
		return nil, errors.New("it is nested too deeply")
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		members := []member{}
		seen := map[string]bool{}
		for decoder.More() {
			token, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			name, _ := token.(string) // the decoder refuses anything else
			within := fault.Join(path, name)
			if seen[name] {
				r.problems.Add(within, "This field is here twice.")
			}
			seen[name] = true
			value, err := r.node(decoder, within, depth+1)
			if err != nil {
				return nil, err
			}
			members = append(members, member{name, value})
		}
		_, err = decoder.Token()
		return members, err
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			value, err := r.node(decoder, fmt.Sprintf("%s[%d]", path, len(list)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = decoder.Token()
		return list, err
	}
	return token, nil
}

func (r *jsonReader) value(path string, node any, into reflect.Value) {
	if node == nil {
		r.problems.Add(path, "Leave the field out instead of null.")
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		r.value(path, node, into.Elem())
	case reflect.Slice:
		list, ok := node.([]any)
		if !ok {
			r.problems.Add(path, "Write a list, between [ and ].")
			return
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i, element := range list {
			r.value(fmt.Sprintf("%s[%d]", path, i), element, into.Index(i))
		}
	case reflect.Bool:
		if flag, ok := node.(bool); ok {
			into.SetBool(flag)
		} else {
			r.problems.Add(path, wordsOfFlag)
		}
	case reflect.String:
		if text, ok := node.(string); ok {
			into.SetString(text)
		} else {
			r.problems.Add(path, wordsOfText)
		}
	case reflect.Int:
		if number, ok := wholeNumber(node); ok {
			into.SetInt(number)
		} else {
			r.problems.Add(path, wordsOfNumber)
		}
	case reflect.Struct:
		if instant, ok := into.Addr().Interface().(*time.Time); ok {
			r.instant(path, node, instant)
		} else {
			r.structure(path, node, into)
		}
	default:
		panic("idms: no document has a field of kind " + into.Kind().String())
	}
}

// wholeNumber is a number of a document, in the 32 bits that files have too. 2.0
// and 2e0 are whole (RFC 8259, 6).
func wholeNumber(node any) (int64, bool) {
	number, ok := node.(json.Number)
	if !ok {
		return 0, false
	}
	if whole, err := strconv.ParseInt(number.String(), 10, 32); err == nil {
		return whole, true
	}
	value, err := number.Float64()
	if err != nil || value != math.Trunc(value) || math.Abs(value) > math.MaxInt32 {
		return 0, false
	}
	return int64(value), true
}

func (r *jsonReader) instant(path string, node any, into *time.Time) {
	text, _ := node.(string)
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.problems.Add(path, wordsOfInstant)
		return
	}
	*into = instant.UTC()
}

func (r *jsonReader) structure(path string, node any, into reflect.Value) {
	members, ok := node.([]member)
	if !ok {
		r.problems.Add(path, "Write an object, between { and }.")
		return
	}
	names, known := r.fields[into.Type()]
	if !known {
		names = fieldNames(into.Type())
		r.fields[into.Type()] = names
	}
	for _, one := range members {
		within := fault.Join(path, one.name)
		if index, known := names[one.name]; known {
			r.value(within, one.value, into.FieldByIndex(index))
			continue
		}
		r.problems.Add(within, "%s", noSuchField(one.name, names))
	}
}
