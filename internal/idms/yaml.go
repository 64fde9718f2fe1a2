package idms

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"idms/internal/fault"
	"idms/internal/trace"
)

// MaxFile bounds, in bytes, a file of records and each file that it names.
const MaxFile = 16 << 20

// What no file of ours needs, and what the parser needs time for that grows
// with the square: levels (a record has 7), and fields in one mapping.
const (
	maxNesting = 32
	maxFields  = 200
)

// reader fills documents from a YAML file and reports everything that is wrong
// with it, each with its line. It is stricter than YAML: a field that is not
// known, or there twice, is a mistake of somebody who believes it counts, and
// anchors, aliases, tags and merge keys would let a short file become a huge
// or a surprising one.
type reader struct {
	lines    map[string]int // of every field, by path
	problems fault.Problems
	fields   map[reflect.Type]map[string][]int // index of each field, by its name in the file
}

// readYAML fills into, a pointer to a struct, whose fields are named by their
// json tags.
func readYAML(data []byte, into any) *reader {
	r := &reader{lines: map[string]int{}, fields: map[reflect.Type]map[string][]int{}}
	switch {
	case len(data) > MaxFile:
		r.problems.Add("", "The file has more than %d MiB.", MaxFile>>20)
		return r
	case !utf8.Valid(data):
		r.problems.Add("", "The file is not UTF-8 text.")
		return r
	}
	root, line, err := parseYAML(data)
	if err != nil {
		r.problems.Add("", "%s%s", fault.Sentence(err), atLine(line))
		return r
	}
	if root != nil {
		r.value("", root, reflect.ValueOf(into).Elem())
	}
	return r
}

var errNotYAML = fault.New(fault.Invalid, "The file cannot be read as YAML.")

// parseYAML returns the one document of a file; nil when the file is empty.
func parseYAML(data []byte) (root ast.Node, line int, err error) {
	defer func() {
		if recover() != nil { // the parser's own; what it cannot read is not ours to mend
			root, line, err = nil, 0, errNotYAML
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if line := tooMuch(tokens); line > 0 {
		return nil, line, fault.New(fault.Invalid, "This is nested too deeply, or has too many fields.")
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		if where, ok := errors.AsType[yaml.Error](err); ok {
			return nil, lineOf(where.GetToken()), fault.New(fault.Invalid, "This cannot be read as YAML: %s.", where.GetMessage())
		}
		return nil, 0, errNotYAML
	}
	for _, document := range file.Docs {
		if document.Body == nil || document.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			return nil, lineOf(document.GetToken()), fault.New(fault.Invalid, "Here begins a second document. One file holds one.")
		}
		root = document.Body
	}
	return root, 0, nil
}

// tooMuch is the line on which a file goes beyond maxNesting or maxFields, or 0.
// It knows of the file only its tokens: brackets, hyphens, and the columns in
// which fields stand.
func tooMuch(tokens token.Tokens) int {
	brackets, markers, line := 0, 0, 0
	var flow [maxNesting + 1]int // fields so far within each open bracket
	block := map[int]int{}       // fields so far in each column
	for i, t := range tokens {
		if t.Position.Line != line {
			markers, line = 0, t.Position.Line
			for column := range block { // further left, what stood further right has ended
				if brackets == 0 && column > t.Position.Column {
					delete(block, column)
				}
			}
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			if brackets++; brackets+markers <= maxNesting {
				flow[brackets] = 0
			}
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(0, brackets-1)
		case token.SequenceEntryType, token.MappingKeyType:
			markers++
		case token.MappingValueType:
			of := &flow[brackets]
			if brackets == 0 && i > 0 {
				column := tokens[i-1].Position.Column
				block[column]++
				*of = block[column]
			} else {
				*of++
			}
			if *of > maxFields {
				return line
			}
		}
		if brackets+markers > maxNesting {
			return line
		}
	}
	return 0
}

// value reads one node. What is left empty is as if it were absent.
func (r *reader) value(path string, node ast.Node, into reflect.Value) {
	switch node := node.(type) {
	case nil, *ast.NullNode:
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		r.refuse(path, node, "Anchors (&), aliases (*) and tags (!) are not read here. Put text that begins with one of these signs between quotes.")
		return
	}
	if own, ok := into.Addr().Interface().(interface {
		readYAML(r *reader, path string, node ast.Node)
	}); ok {
		own.readYAML(r, path, node)
		return
	}

	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		r.value(path, node, into.Elem())
	case reflect.Slice:
		r.list(path, node, into)
	case reflect.Bool:
		if flag, ok := node.(*ast.BoolNode); ok {
			into.SetBool(flag.Value)
		} else {
			r.refuse(path, node, wordsOfFlag)
		}
	case reflect.Int:
		number, ok := node.(*ast.IntegerNode)
		value, err := int64(0), error(nil)
		if ok {
			value, err = strconv.ParseInt(number.GetToken().Value, 10, 32)
		}
		if !ok || err != nil {
			r.refuse(path, node, wordsOfNumber)
			return
		}
		into.SetInt(value)
	case reflect.String:
		if text, ok := textOf(node); ok {
			into.SetString(text)
		} else {
			r.refuse(path, node, wordsOfText)
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

func (r *reader) structure(path string, node ast.Node, into reflect.Value) {
	names := r.names(into.Type())
	r.pairs(path, node, func(name, path string, pair *ast.MappingValueNode) {
		if index, known := names[name]; known {
			r.value(path, pair.Value, into.FieldByIndex(index))
			return
		}
		r.refuse(path, pair.Key, noSuchField(name, names))
	})
}

// What is said of a field that cannot be read, in YAML and in JSON.
const (
	wordsOfFlag    = "Write true or false."
	wordsOfNumber  = "Write a whole number of at most 32 bits."
	wordsOfText    = "Write one text."
	wordsOfInstant = "Write a time as 2026-03-01T09:30:00Z."
)

func noSuchField(name string, known map[string][]int) string {
	if near := trace.Nearest(name, slices.Sorted(maps.Keys(known))); len(near) > 0 {
		return "There is no such field here. Did you mean " + near[0] + "?"
	}
	return "There is no such field here."
}

// pairs goes through a mapping in the order of the file.
func (r *reader) pairs(path string, node ast.Node, each func(name, path string, pair *ast.MappingValueNode)) {
	var pairs []*ast.MappingValueNode
	switch node := node.(type) {
	case *ast.MappingNode:
		pairs = node.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{node}
	default:
		r.refuse(path, node, "Write fields, each as name: value.")
		return
	}
	for _, pair := range pairs {
		name, ok := textOf(pair.Key)
		if !ok {
			r.refuse(path, pair.Key, "Write a field's name, without signs before it.")
			continue
		}
		within := fault.Join(path, name)
		r.lines[within] = lineOf(pair.Key.GetToken())
		each(name, within, pair)
	}
}

func (r *reader) list(path string, node ast.Node, into reflect.Value) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		r.refuse(path, node, "Write a list: each element on a line of its own, after a hyphen.")
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values)))
	for i, element := range sequence.Values {
		within := fmt.Sprintf("%s[%d]", path, i)
		r.lines[within] = lineOf(element.GetToken())
		if _, empty := element.(*ast.NullNode); empty {
			r.refuse(within, element, "This element is empty. Remove its hyphen.")
			continue
		}
		r.value(within, element, into.Index(i))
	}
}

func (r *reader) instant(path string, node ast.Node, into *time.Time) {
	text, _ := textOf(node)
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.refuse(path, node, wordsOfInstant)
		return
	}
	*into = instant.UTC()
}

// textOf is a scalar as text. Numbers are taken as they are written: a phone
// number keeps its zeros. What YAML takes for true or false is no text; the
// author of a file must not have to know which words those are.
func textOf(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

func (r *reader) names(of reflect.Type) map[string][]int {
	if known, ok := r.fields[of]; ok {
		return known
	}
	r.fields[of] = fieldNames(of)
	return r.fields[of]
}

// fieldNames are the indexes of a document's fields, by their names in a file.
func fieldNames(of reflect.Type) map[string][]int {
	names := map[string][]int{}
	for _, field := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names[name] = field.Index
		}
	}
	return names
}

func (r *reader) refuse(path string, node ast.Node, message string) {
	r.problems.Add(path, "%s%s", message, atLine(lineOf(node.GetToken())))
}

// locate adds to each problem the line of its field, or of the nearest one
// around it that stands in the file.
func (r *reader) locate(problems fault.Problems) fault.Problems {
	located := make(fault.Problems, len(problems))
	for i, problem := range problems {
		line := 0
		for path := problem.Field; path != "" && line == 0; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
			line = r.lines[path]
		}
		located[i] = fault.Problem{Field: problem.Field, Message: problem.Message + atLine(line)}
	}
	return located
}

func lineOf(t *token.Token) int {
	if t == nil || t.Position == nil {
		return 0
	}
	return t.Position.Line
}

func atLine(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", line)
}
