package web

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"idms/docs"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
)

// The fields of a record, once: what stands here is what forms show, read and write.
// What a field is called and means is docs/glossary.md's to say, and what may stand
// in it is for idms.Document to check.

// document is a record as it is typed.
type document = idms.Document

// recordForm is the long form: its sections are the chapters of
// docs/reference/record-file.md, and those of saml the chapters of the glossary.
// Rules and directory have pages of their own.
var recordForm = []formSection{
	{"record", "Record", "", []recordField{
		oneLine("name", "Acme", func(d *document) *string { return &d.Name }),
		oneOf("state", func(d *document) *idms.State { return &d.State }, stateChoices),
		yesUnlessNo("create_users", func(d *document) **bool { return &d.CreateUsers }),
	}},
	{"button", "Button", "How the record looks on the login page.", []recordField{
		oneLine("button.label", "Log in with your Acme account", func(d *document) *string { return &d.Button.Label }),
	}},
	{"provider", "SAML: the identity provider’s side", "What you copy from the provider. Metadata says all of it; values by hand fill its gaps, and must agree with it.", []recordField{
		oneLine("saml.metadata_url", "https://idp.example.com/metadata", func(d *document) *string { return &d.SAML.MetadataURL }),
		oneLine("saml.metadata_refresh", "24h", func(d *document) *string { return &d.SAML.MetadataRefresh }),
		certificateList("saml.metadata_certificates", func(d *document) *[]string { return &d.SAML.MetadataSigners }),
		manyLines("saml.metadata", func(d *document) *string { return &d.SAML.Metadata }),
		oneLine("saml.issuer", "https://idp.example.com/saml", func(d *document) *string { return &d.SAML.Issuer }),
		oneLine("saml.sso_url", "https://idp.example.com/saml/sso", func(d *document) *string { return &d.SAML.SSOURL }),
		oneOf("saml.sso_binding", func(d *document) *saml.Binding { return &d.SAML.SSOBinding }, bindingChoices("Redirect")),
		certificateList("saml.certificates", func(d *document) *[]string { return &d.SAML.Certificates }),
		oneLine("saml.slo_url", "https://idp.example.com/saml/slo", func(d *document) *string { return &d.SAML.SLOURL }),
		oneLine("saml.slo_answer_url", "", func(d *document) *string { return &d.SAML.SLOAnswerURL }),
		oneOf("saml.slo_binding", func(d *document) *saml.Binding { return &d.SAML.SLOBinding }, bindingChoices("As the provider offers, redirect first")),
		oneLine("saml.change_password_url", "", func(d *document) *string { return &d.SAML.ChangePassword }),
	}},
	{"service", "SAML: this service’s side", "What the provider was told of us. Change it there too.", []recordField{
		oneLine("saml.sp_issuer", "", func(d *document) *string { return &d.SAML.SPIssuer }),
		oneLine("saml.audience", "", func(d *document) *string { return &d.SAML.Audience }),
		oneLine("saml.origin", "https://login.example.com", func(d *document) *string { return &d.SAML.Origin }),
		listOf("saml.previous_origins", func(d *document) *[]string { return &d.SAML.PreviousOrigins }),
	}},
	{"requests", "SAML: requests", "", []recordField{
		oneLine("saml.name_id_format", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", func(d *document) *string { return &d.SAML.NameIDFormat }).suggesting(usualNameIDFormats...),
		oneOf("saml.request_binding", func(d *document) *saml.Binding { return &d.SAML.RequestBinding }, bindingChoices("As the provider offers, redirect first")),
		yesNo("saml.sign_requests", func(d *document) *bool { return &d.SAML.SignRequests }),
		oneOf("saml.canonicalizer", func(d *document) *saml.Canonicalizer { return &d.SAML.Canonicalizer }, canonicalizerChoices),
		yesNo("saml.force_authn", func(d *document) *bool { return &d.SAML.ForceAuthn }),
		oneLine("saml.custom_login_url", "", func(d *document) *string { return &d.SAML.CustomLoginURL }),
		yesNo("saml.single_logout", func(d *document) *bool { return &d.SAML.SingleLogout }),
		oneLine("saml.logout_url", "", func(d *document) *string { return &d.SAML.LogoutURL }),
		yesNo("saml.sign_metadata", func(d *document) *bool { return &d.SAML.SignMetadata }),
	}},
	{"responses", "SAML: responses", "", []recordField{
		oneOf("saml.signed", func(d *document) *saml.Signed { return &d.SAML.Signed }, signedChoices),
		yesNo("saml.allow_unsolicited", func(d *document) *bool { return &d.SAML.AllowUnsolicited }),
		oneLine("saml.relay_state", "", func(d *document) *string { return &d.SAML.RelayState }),
		oneLine("saml.landing", "/groups", func(d *document) *string { return &d.SAML.Landing }),
		oneLine("saml.clock_skew", "3m", func(d *document) *string { return &d.SAML.ClockSkew }),
		yesNo("saml.refuse_expired_certificates", func(d *document) *bool { return &d.SAML.RefuseExpiredCertificates }),
		oneLine("saml.keep_responses_until", "2026-12-01T00:00:00Z", func(d *document) *string { return &d.SAML.KeepResponsesUntil }),
		yesNo("saml.legacy.sha1", func(d *document) *bool { return &d.SAML.Legacy.SHA1 }),
		yesNo("saml.legacy.cbc", func(d *document) *bool { return &d.SAML.Legacy.CBC }),
		yesNo("saml.legacy.inclusive_c14n", func(d *document) *bool { return &d.SAML.Legacy.InclusiveC14N }),
	}},
	{"contexts", "SAML: who may come", "", []recordField{
		listOf("saml.allowed_auth_contexts", func(d *document) *[]string { return &d.SAML.AllowedContexts }),
		listOf("saml.elevation_auth_contexts", func(d *document) *[]string { return &d.SAML.ElevationContexts }),
		yesNo("saml.request_auth_contexts", func(d *document) *bool { return &d.SAML.RequestContexts }),
	}},
	{"mapping", "Mapping", "Where a person’s fields come from: the name of an attribute, exactly as it is received, or a name with @, such as @name_id.", mappingFields},
	{"groups", "Groups", "", []recordField{
		oneOf("association_type", func(d *document) *idms.AssociationType { return &d.Type }, associationChoices),
	}},
}

// mappingFields are the third step of a set-up too.
var mappingFields = []recordField{
	oneLine("mapping.username", "uid", func(d *document) *string { return &d.Mapping.Username }).suggesting("@name_id"),
	oneLine("mapping.email", "mail", func(d *document) *string { return &d.Mapping.Email }).suggesting("@name_id"),
	oneLine("mapping.first_name", "givenName", func(d *document) *string { return &d.Mapping.FirstName }),
	oneLine("mapping.last_name", "sn", func(d *document) *string { return &d.Mapping.LastName }),
	oneLine("mapping.phone", "", func(d *document) *string { return &d.Mapping.Phone }),
	yesNo("mapping.names_optional", func(d *document) *bool { return &d.Mapping.NamesOptional }),
}

// The choices of fields. The one without a value is the default.
var (
	stateChoices = []option{
		{Value: string(idms.Draft), Label: "Draft: takes test logins alone"},
		{Value: string(idms.Active), Label: "Active: takes logins"},
		{Value: string(idms.Disabled), Label: "Disabled: takes none, and its sessions end"},
	}
	canonicalizerChoices = []option{
		{Value: "", Label: "Exclusive"},
		{Value: string(saml.ExclusiveWithComments), Label: "Exclusive, with comments"},
		{Value: string(saml.C14N10), Label: "Canonical XML 1.0"},
		{Value: string(saml.C14N10WithComments), Label: "Canonical XML 1.0, with comments"},
		{Value: string(saml.C14N11), Label: "Canonical XML 1.1"},
		{Value: string(saml.C14N11WithComments), Label: "Canonical XML 1.1, with comments"},
	}
	signedChoices = []option{
		{Value: "", Label: "Either: the response or the assertion"},
		{Value: string(saml.SignedResponse), Label: "The response"},
		{Value: string(saml.SignedAssertion), Label: "The assertion"},
		{Value: string(saml.SignedBoth), Label: "Both"},
	}
	associationChoices = []option{
		{Value: "", Label: "The record’s associations"},
		{Value: string(idms.FromDirectory), Label: "The record’s directory"},
	}
	usualNameIDFormats = []string{
		"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
		"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
		"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
		"urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
	}
)

func bindingChoices(unsaid string) []option {
	return []option{{Value: "", Label: unsaid}, {Value: string(saml.Redirect), Label: "Redirect"}, {Value: string(saml.POST), Label: "POST"}}
}

// formSection is a chapter of the long form.
type formSection struct {
	ID, Title, Say string
	Fields         []recordField
}

// recordField is one field of a record: its place in the record file, how it is
// typed, and how it is read from a document and written into one. A list is typed
// one element to a line.
type recordField struct {
	Path    string
	Kind    fieldKind
	Example string   // shown while the field is empty
	Suggest []string // what is often entered
	choices []option
	get     func(*document) string
	set     func(*document, string)
}

// fieldKind is how a field is typed.
type fieldKind string

const (
	asLine   fieldKind = "line"
	asText   fieldKind = "text"  // several lines that are one value
	asLines  fieldKind = "lines" // a list
	asPEM    fieldKind = "pem"   // a list of certificates
	asChoice fieldKind = "choice"
	asTick   fieldKind = "tick"
)

func oneLine(path, example string, of func(*document) *string) recordField {
	return recordField{Path: path, Kind: asLine, Example: example,
		get: func(d *document) string { return *of(d) },
		set: func(d *document, typed string) { *of(d) = strings.TrimSpace(typed) }}
}

func manyLines(path string, of func(*document) *string) recordField {
	return recordField{Path: path, Kind: asText,
		get: func(d *document) string { return *of(d) },
		set: func(d *document, typed string) {
			if *of(d) = typed; strings.TrimSpace(typed) == "" {
				*of(d) = ""
			}
		}}
}

func listOf(path string, of func(*document) *[]string) recordField {
	return recordField{Path: path, Kind: asLines,
		get: func(d *document) string { return strings.Join(*of(d), "\n") },
		set: func(d *document, typed string) { *of(d) = elements(strings.Split(typed, "\n")) }}
}

func certificateList(path string, of func(*document) *[]string) recordField {
	return recordField{Path: path, Kind: asPEM,
		get: func(d *document) string { return strings.Join(*of(d), "\n\n") },
		set: func(d *document, typed string) { *of(d) = certificatesIn(typed) }}
}

func oneOf[T ~string](path string, of func(*document) *T, choices []option) recordField {
	return recordField{Path: path, Kind: asChoice, choices: choices,
		get: func(d *document) string { return string(*of(d)) },
		set: func(d *document, typed string) { *of(d) = T(typed) }}
}

// ticked is what a box that is ticked sends; another one sends nothing.
const ticked = "true"

func yesNo(path string, of func(*document) *bool) recordField {
	return recordField{Path: path, Kind: asTick,
		get: func(d *document) string { return tickOf(*of(d)) },
		set: func(d *document, typed string) { *of(d) = typed == ticked }}
}

// tickUnlessOff is a box whose default is ticked.
func yesUnlessNo(path string, of func(*document) **bool) recordField {
	return recordField{Path: path, Kind: asTick,
		get: func(d *document) string { return tickOf(*of(d) == nil || **of(d)) },
		set: func(d *document, typed string) {
			if *of(d) = nil; typed != ticked {
				*of(d) = new(false)
			}
		}}
}

func tickOf(on bool) string {
	if on {
		return ticked
	}
	return ""
}

func (f recordField) suggesting(values ...string) recordField {
	f.Suggest = append(slices.Clone(f.Suggest), values...)
	return f
}

// elements are the lines that hold something.
func elements(all []string) []string {
	var list []string
	for _, one := range all {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}

const endOfPEM = "-----END CERTIFICATE-----"

// certificatesIn takes a text of several certificates apart: each ends with its PEM
// or with an empty line.
func certificatesIn(typed string) []string {
	typed = strings.ReplaceAll(typed, endOfPEM, endOfPEM+"\n\n")
	return elements(strings.Split(typed, "\n\n"))
}

// read writes what was typed into a document. What was not touched stays as it is,
// to the byte: browsers send their own line ends.
func (f recordField) read(typed url.Values, into *document) {
	value := plainLines(typed.Get(f.Path))
	if value != plainLines(f.get(into)) {
		f.set(into, value)
	}
}

func readFields(fields []recordField, typed url.Values, into *document) {
	for _, one := range fields {
		one.read(typed, into)
	}
}

func plainLines(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
}

// typedField is a field as a page shows it.
type typedField struct {
	recordField
	ID     string
	Word   string // ours
	Means  string
	There  string // what the provider that is set up calls it; "" without one, or without a word
	Also   synonyms
	Value  string
	Wrong  []string // what is wrong with it
	Locked bool     // shown, and not to be typed into
	Learns bool     // suggestions come while it is shown
}

// Options are the choices, with the one that is made.
func (f typedField) Options() []option {
	chosen := f.Value
	if !slices.ContainsFunc(f.choices, func(o option) bool { return o.Value == chosen }) {
		chosen = "" // the default by its own name, as files may write it
	}
	return optionsOf(chosen, slices.Clone(f.choices)...)
}

// Ticked is of a box.
func (f typedField) Ticked() bool { return f.Value != "" }

// Aria says what describes a field: its hint, and what is wrong with it.
func (f typedField) Aria() template.HTMLAttr {
	id := template.HTMLEscapeString(f.ID)
	if len(f.Wrong) > 0 {
		return template.HTMLAttr(`aria-invalid="true" aria-describedby="` + id + `-problem ` + id + `-hint"`)
	}
	return template.HTMLAttr(`aria-describedby="` + id + `-hint"`)
}

// Problem is for the template of that name.
func (f typedField) Problem() fieldProblem { return fieldProblem{f.ID, f.Wrong} }

// typedFields are fields with what stands in a document, in the words of a provider.
func typedFields(fields []recordField, d document, problems fault.Problems, at vendor) []typedField {
	list := make([]typedField, 0, len(fields))
	for _, one := range fields {
		term := docs.Words.Field(one.Path)
		list = append(list, typedField{
			recordField: one, ID: fieldID(one.Path), Word: term.Word, Means: term.Meaning,
			There: at.calls(term), Also: alsoCalled(term, at), Value: one.get(&d), Wrong: form{problems}.At(one.Path).Messages,
		})
	}
	return list
}

// atFields finds each problem's field in a form: one of a list stands at the list's
// field and says which element it is of; one that no field shows says where it is.
func atFields(problems fault.Problems, fields ...recordField) fault.Problems {
	var list fault.Problems
	shown := func(path string) bool {
		return slices.ContainsFunc(fields, func(f recordField) bool { return f.Path == path })
	}
	for _, one := range problems {
		whole, place, of := strings.Cut(one.Field, "[")
		var i int
		switch _, err := fmt.Sscanf(place, "%d]", &i); {
		case shown(one.Field):
			list = append(list, one)
		case of && err == nil && shown(whole):
			list.Add(whole, "Number %d: %s", i+1, one.Message)
		case one.Field == "":
			list = append(list, one)
		default:
			list.Add("", "%s: %s", one.Field, one.Message)
		}
	}
	return list
}

// allFields are those of the long form.
func allFields() []recordField {
	var list []recordField
	for _, section := range recordForm {
		list = append(list, section.Fields...)
	}
	return list
}

// fieldsAt are fields of the long form by their paths.
func fieldsAt(paths ...string) []recordField {
	var list []recordField
	for _, path := range paths {
		i := slices.IndexFunc(allFields(), func(f recordField) bool { return f.Path == path })
		list = append(list, allFields()[i])
	}
	return list
}

// editAddress is where a field of a record is changed; "" for a field that no form
// of these pages has.
func editAddress(key, path string) string {
	path, _, _ = strings.Cut(path, "[")
	if !slices.ContainsFunc(allFields(), func(f recordField) bool { return f.Path == path }) {
		return ""
	}
	return editPath(key) + "#" + fieldID(path)
}
