package api

import (
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
)

// The schemas of what comes in. They are made of the same types that read it, so
// that no field can be in one and not in the other.

// schemaNames are the names of components, for the documents that have one.
var schemaNames = map[reflect.Type]string{
	reflect.TypeFor[idms.Document]():            "Record",
	reflect.TypeFor[idms.RuleDocument]():        "Rule",
	reflect.TypeFor[idms.GrantDocument]():       "AccessRule",
	reflect.TypeFor[idms.AssociationDocument](): "Association",
}

// nameSchema is huma's way to name the schemas of answers, save where two packages
// use one word.
func nameSchema(t reflect.Type, hint string) string {
	switch t {
	case reflect.TypeFor[groups.Change]():
		return "MembershipChange"
	case reflect.TypeFor[groups.Outcome]():
		return "GroupOutcome"
	}
	if t.PkgPath() == reflect.TypeFor[ldapsync.Change]().PkgPath() {
		return "Directory" + huma.DefaultSchemaNamer(t, hint)
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// keyPattern is what idms.IsKey accepts.
const keyPattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

// keyOrNone is it, or nothing.
const keyOrNone = "^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$"

// said is what a schema says of a field beyond its type, by the field's name.
var said = map[string]huma.Schema{
	"state":                {Enum: []any{"draft", "active", "disabled"}},
	"association_type":     {Enum: []any{"manual", "ldap"}},
	"match":                {Enum: []any{"search", "full"}},
	"values":               {Enum: []any{"any", "all", "none"}},
	"level":                {Enum: []any{"full", "restricted", "none"}},
	"on_missing":           {Enum: []any{"remove", "keep"}},
	"role":                 {Enum: []any{"owner", "editor", "reader"}},
	"key":                  {Description: "small letters and digits, with hyphens between them", Pattern: keyPattern, MaxLength: new(idms.MaxKey)},
	"group":                {Description: "key of the group", Pattern: keyPattern, MaxLength: new(idms.MaxKey)},
	"name":                 {MinLength: new(1), MaxLength: new(idms.MaxName)},
	"attribute":            {MinLength: new(1)},
	"pattern":              {Description: "regular expression (RE2)", MinLength: new(1)},
	"icon_file":            {Description: "for files only; refused here"},
	"metadata_file":        {Description: "for files only; refused here"},
	"certificate_files":    {Description: "for files only; refused here"},
	"keep_responses_until": {Description: "instant, such as 2026-12-01T00:00:00Z; at most 30 days ahead"},
	"before":               {Description: "key of the rule to stand before; left out: last"},
	"action":               {Enum: []any{"remove", "adopt"}},
}

// schemaOf is a reference to the schema of a document type, or its schema.
func (a *API) schemaOf(t reflect.Type) *huma.Schema {
	schemas := a.huma.OpenAPI().Components.Schemas
	name := schemaNames[t]
	if name == "" {
		return a.structure(t)
	}
	if _, there := schemas.Map()[name]; !there {
		schemas.Map()[name] = a.structure(t)
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

func (a *API) structure(t reflect.Type) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	for _, field := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		property := a.property(field.Type)
		more := said[name]
		if property.Type == huma.TypeString {
			property.Enum, property.Pattern = more.Enum, more.Pattern
			property.MinLength, property.MaxLength = more.MinLength, more.MaxLength
		}
		property.Description = more.Description
		s.Properties[name] = property
		if options == "" {
			s.Required = append(s.Required, name)
		} else {
			allowEmpty(property)
		}
	}
	return s
}

// allowEmpty is for the text of a field that can be left out: empty, it is as if it
// were.
func allowEmpty(property *huma.Schema) {
	property.MinLength = nil
	if property.Pattern == keyPattern {
		property.Pattern = keyOrNone
	}
	if property.Enum != nil {
		property.Enum = append([]any{""}, property.Enum...)
	}
}

func (a *API) property(t reflect.Type) *huma.Schema {
	switch {
	case t.Kind() == reflect.Pointer:
		return a.property(t.Elem())
	case t == reflect.TypeFor[time.Time]():
		return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	case t.Kind() == reflect.Slice:
		return &huma.Schema{Type: huma.TypeArray, Items: a.property(t.Elem())}
	case t.Kind() == reflect.Struct:
		return a.schemaOf(t)
	case t.Kind() == reflect.Bool:
		return &huma.Schema{Type: huma.TypeBoolean}
	case t.Kind() == reflect.Int:
		return &huma.Schema{Type: huma.TypeInteger, Format: "int32", Minimum: new(float64(math.MinInt32)), Maximum: new(float64(math.MaxInt32))}
	case t.Kind() == reflect.String:
		return &huma.Schema{Type: huma.TypeString}
	}
	panic("api: no document has a field of type " + t.String())
}

// refer is the schema of a document that goes out: the one by which it comes in.
func refer(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }

// The documents as answers.
type (
	recordBody      idms.Document
	ruleBody        idms.RuleDocument
	accessBody      idms.GrantDocument
	associationBody idms.AssociationDocument
)

func (recordBody) Schema(huma.Registry) *huma.Schema      { return refer("Record") }
func (ruleBody) Schema(huma.Registry) *huma.Schema        { return refer("Rule") }
func (accessBody) Schema(huma.Registry) *huma.Schema      { return refer("AccessRule") }
func (associationBody) Schema(huma.Registry) *huma.Schema { return refer("Association") }
