package idms

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/ldapsync"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/users"
)

// Schema is the number of the form in which store keeps a record version. It
// grows when a document could be read wrongly by those who know the old form.
const Schema = 1

// storedDocument is what store keeps.
type storedDocument struct {
	Schema int `json:"schema"`
	recordDocument
}

// recordDocument is a record as it is written down: in a file by people, and
// in JSON by store. A field that is absent has its default. Its fields are
// described in docs/reference/record-file.md.
type recordDocument struct {
	Key         string                `json:"key"`
	Name        string                `json:"name"`
	State       State                 `json:"state,omitempty"`
	Button      buttonDocument        `json:"button,omitzero"`
	SAML        samlDocument          `json:"saml,omitzero"`
	Mapping     mappingDocument       `json:"mapping,omitzero"`
	CreateUsers *bool                 `json:"create_users,omitempty"`
	Validation  []ruleDocument        `json:"validation_rules,omitempty"`
	Access      []grantDocument       `json:"access_rules,omitempty"`
	Type        AssociationType       `json:"association_type,omitempty"`
	Association []associationDocument `json:"associations,omitempty"`
	Directory   *directoryDocument    `json:"directory,omitempty"`
}

// directoryDocument is the directory as ldapsync describes it. The bind password
// is in no document: it has a way of its own (docs/reference/directory-sync.md).
type directoryDocument struct {
	ldapsync.Settings `yaml:",inline"`
	CAFile            string `json:"ca_certificate_file,omitempty"`
}

type buttonDocument struct {
	Label    string `json:"label,omitempty"`
	Icon     string `json:"icon,omitempty"` // base64
	IconFile string `json:"icon_file,omitempty"`
}

type samlDocument struct {
	Metadata         string       `json:"metadata,omitempty"`
	MetadataFile     string       `json:"metadata_file,omitempty"`
	MetadataURL      string       `json:"metadata_url,omitempty"`
	MetadataRefresh  string       `json:"metadata_refresh,omitempty"`
	MetadataSigners  []string     `json:"metadata_certificates,omitempty"`
	Issuer           string       `json:"issuer,omitempty"`
	SSOURL           string       `json:"sso_url,omitempty"`
	SSOBinding       saml.Binding `json:"sso_binding,omitempty"`
	SLOURL           string       `json:"slo_url,omitempty"`
	SLOAnswerURL     string       `json:"slo_answer_url,omitempty"`
	SLOBinding       saml.Binding `json:"slo_binding,omitempty"`
	Certificates     []string     `json:"certificates,omitempty"`
	CertificateFiles []string     `json:"certificate_files,omitempty"`
	ChangePassword   string       `json:"change_password_url,omitempty"`

	SPIssuer        string   `json:"sp_issuer,omitempty"`
	Audience        string   `json:"audience,omitempty"`
	Origin          string   `json:"origin,omitempty"`
	PreviousOrigins []string `json:"previous_origins,omitempty"`

	RequestBinding  saml.Binding       `json:"request_binding,omitempty"`
	SignRequests    bool               `json:"sign_requests,omitempty"`
	SignMetadata    bool               `json:"sign_metadata,omitempty"`
	Canonicalizer   saml.Canonicalizer `json:"canonicalizer,omitempty"`
	NameIDFormat    string             `json:"name_id_format,omitempty"`
	ForceAuthn      bool               `json:"force_authn,omitempty"`
	RequestContexts bool               `json:"request_auth_contexts,omitempty"`
	CustomLoginURL  string             `json:"custom_login_url,omitempty"`

	SingleLogout bool   `json:"single_logout,omitempty"`
	LogoutURL    string `json:"logout_url,omitempty"`

	Signed                    saml.Signed    `json:"signed,omitempty"`
	AllowUnsolicited          bool           `json:"allow_unsolicited,omitempty"`
	RelayState                string         `json:"relay_state,omitempty"`
	Landing                   string         `json:"landing,omitempty"`
	ClockSkew                 string         `json:"clock_skew,omitempty"`
	RefuseExpiredCertificates bool           `json:"refuse_expired_certificates,omitempty"`
	Legacy                    legacyDocument `json:"legacy,omitzero"`

	KeepResponsesUntil string `json:"keep_responses_until,omitempty"`

	AllowedContexts   []string `json:"allowed_auth_contexts,omitempty"`
	ElevationContexts []string `json:"elevation_auth_contexts,omitempty"`
}

type legacyDocument struct {
	SHA1          bool `json:"sha1,omitempty"`
	CBC           bool `json:"cbc,omitempty"`
	InclusiveC14N bool `json:"inclusive_c14n,omitempty"`
}

type mappingDocument struct {
	Username      string `json:"username,omitempty"`
	Email         string `json:"email,omitempty"`
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
	Phone         string `json:"phone,omitempty"`
	NamesOptional bool   `json:"names_optional,omitempty"`
}

type ruleDocument struct {
	Key        string `json:"key,omitempty"`
	Attribute  string `json:"attribute"`
	Pattern    string `json:"pattern"`
	Match      string `json:"match,omitempty"`
	IgnoreCase bool   `json:"ignore_case,omitempty"`
	Values     string `json:"values,omitempty"`
	Enabled    *bool  `json:"enabled,omitempty"`
}

type grantDocument struct {
	ruleDocument `yaml:",inline"`
	Level        string `json:"level"`
}

type associationDocument struct {
	ruleDocument  `yaml:",inline"`
	Group         string           `json:"group"`
	UpdateOnLogin bool             `json:"update_on_login,omitempty"`
	OnlyOwn       bool             `json:"only_own,omitempty"`
	OnMissing     groups.OnMissing `json:"on_missing,omitempty"`
}

// MarshalDocument writes the record as store keeps it: JSON, the same bytes
// for the same record. ID and Version are no part of it; store knows them.
func (r Record) MarshalDocument() ([]byte, error) {
	return json.Marshal(storedDocument{Schema, documentOf(r)})
}

// Connection is a record as far as it speaks of the provider and the directory:
// for what looks at all records again and again, and must not compile their rules
// each time. It is a type of its own, since a record without rules lets everyone in.
type Connection struct {
	ID, Key, Name string
	Version       int
	State         State
	SAML          saml.Settings
	Association   AssociationType
	Directory     *ldapsync.Settings
}

// ParseConnection is ParseDocument without mapping and rules.
func ParseConnection(data []byte) (Connection, error) {
	stored, err := readDocument(data)
	if err != nil {
		return Connection{}, err
	}
	stored.Validation, stored.Access, stored.Association = nil, nil, nil
	record, problems := stored.record(nil)
	if err := problems.Err(); err != nil {
		return Connection{}, fmt.Errorf("reading a record version: %w", err)
	}
	return record.Connection(), nil
}

// Connection is this part of a record.
func (r Record) Connection() Connection {
	return Connection{r.ID, r.Key, r.Name, r.Version, r.State, r.SAML, r.Association, r.Directory}
}

// ParseAssociations is ParseDocument for which rule adds to which group, and no
// more: it compiles nothing, and the patterns that it leaves out match nothing. It
// is for who asks of all records which of them point at a group (S34, S38).
func ParseAssociations(data []byte) ([]groups.Association, error) {
	var stored struct {
		Schema      int `json:"schema"`
		Association []struct {
			Key     string `json:"key"`
			Group   string `json:"group"`
			Enabled *bool  `json:"enabled"`
		} `json:"associations"`
	}
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, fmt.Errorf("reading a record version: %w", err)
	}
	if err := knownSchema(stored.Schema); err != nil {
		return nil, err
	}
	list := make([]groups.Association, len(stored.Association))
	for i, one := range stored.Association {
		list[i] = groups.Association{Rule: rules.Rule{Key: one.Key, Disabled: one.Enabled != nil && !*one.Enabled}, Group: one.Group}
	}
	return list, nil
}

// ParseDocument reads what MarshalDocument wrote. A document of a newer schema
// is refused rather than half understood.
func ParseDocument(data []byte) (Record, error) {
	stored, err := readDocument(data)
	if err != nil {
		return Record{}, err
	}
	record, problems := stored.record(nil)
	if err := problems.Err(); err != nil {
		return Record{}, fmt.Errorf("reading a record version: %w", err)
	}
	return record, nil
}

func checkSchema(data []byte) error {
	var schema struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		return fmt.Errorf("reading a record version: %w", err)
	}
	return knownSchema(schema.Schema)
}

func knownSchema(number int) error {
	if number < 1 || number > Schema {
		return fmt.Errorf("reading a record version: its schema is %d, and this program knows 1 to %d; a newer version of idms wrote it", number, Schema)
	}
	return nil
}

func readDocument(data []byte) (storedDocument, error) {
	if err := checkSchema(data); err != nil {
		return storedDocument{}, err
	}
	var stored storedDocument
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&stored); err != nil {
		return storedDocument{}, fmt.Errorf("reading a record version: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return storedDocument{}, errors.New("reading a record version: there is more after its end")
	}
	return stored, nil
}

// documentOf leaves out whatever has its default, so that a file shows what
// somebody chose. Rule keys are always written: a file that was exported once
// keeps them (see derivedKey).
func documentOf(r Record) recordDocument {
	s := r.SAML
	d := recordDocument{
		Key: r.Key, Name: r.Name, State: r.State,
		Button: buttonDocument{Label: r.Button.Label, Icon: base64.StdEncoding.EncodeToString(r.Button.Icon)},
		SAML: samlDocument{
			Metadata: s.Metadata, Issuer: s.Issuer, SSOURL: s.SSOURL, SSOBinding: s.SSOBinding, Certificates: s.Certificates,
			SLOURL: s.SLOURL, SLOAnswerURL: s.SLOAnswerURL, SLOBinding: s.SLOBinding, ChangePassword: s.ChangePasswordURL,
			MetadataURL: s.MetadataURL, MetadataSigners: s.MetadataCertificates, SignMetadata: s.SignMetadata,
			SPIssuer: s.SPIssuer, Audience: s.Audience, Origin: s.Origin, PreviousOrigins: s.PreviousOrigins,
			RequestBinding: s.RequestBinding, SignRequests: s.SignRequests, Canonicalizer: s.Canonicalizer, NameIDFormat: s.NameIDFormat,
			ForceAuthn: s.ForceAuthn, RequestContexts: s.RequestContexts, CustomLoginURL: s.CustomLoginURL,
			SingleLogout: s.SingleLogout, LogoutURL: s.LogoutURL,
			Signed: s.Signed, AllowUnsolicited: s.AllowUnsolicited, RelayState: s.RelayState, Landing: s.Landing,
			RefuseExpiredCertificates: s.RefuseExpiredCertificates,
			Legacy:                    legacyDocument{s.LegacySHA1, s.LegacyCBC, s.LegacyInclusiveC14N},
			AllowedContexts:           s.AllowedContexts, ElevationContexts: s.ElevationContexts,
		},
		Mapping: mappingDocument(r.Mapping),
		Type:    r.Association,
	}
	if s.ClockSkew != saml.DefaultClockSkew {
		d.SAML.ClockSkew = s.ClockSkew.String()
	}
	if s.MetadataRefresh != 0 {
		d.SAML.MetadataRefresh = s.MetadataRefresh.String()
	}
	if !s.KeepResponsesUntil.IsZero() {
		d.SAML.KeepResponsesUntil = s.KeepResponsesUntil.UTC().Format(time.RFC3339)
	}
	if !r.CreateUsers {
		d.CreateUsers = new(false)
	}
	for _, rule := range r.Validation {
		d.Validation = append(d.Validation, documentOfRule(rule))
	}
	for _, grant := range r.Access {
		d.Access = append(d.Access, grantDocument{documentOfRule(grant.Rule), grant.Level.String()})
	}
	if r.Directory != nil {
		d.Directory = &directoryDocument{Settings: *r.Directory}
	}
	for _, a := range r.Associations {
		d.Association = append(d.Association, associationDocument{documentOfRule(a.Rule), a.Group, a.UpdateOnLogin, a.OnlyOwn, a.OnMissing})
	}
	return d
}

func documentOfRule(rule rules.Rule) ruleDocument {
	options := rule.Pattern.Options()
	d := ruleDocument{Key: rule.Key, Attribute: rule.Attribute, Pattern: rule.Pattern.String(), IgnoreCase: options.IgnoreCase}
	if options.Full {
		d.Match = matchFull
	}
	if rule.Values != rules.Any {
		d.Values = rule.Values.String()
	}
	if rule.Disabled {
		d.Enabled = new(false)
	}
	return d
}

const (
	matchSearch = "search"
	matchFull   = "full"
)

// opener reads a file that a record names. It is nil where files cannot be
// named: in what store keeps and in what came over the network.
type opener func(path string) ([]byte, error)

// record makes a record of a document. Only what cannot be written into a
// Record at all is a problem here; the rest is Check's to find.
func (d recordDocument) record(open opener) (Record, fault.Problems) {
	var problems fault.Problems
	r := Record{
		Key: d.Key, Name: d.Name, State: d.State,
		Mapping:     users.Mapping(d.Mapping),
		CreateUsers: d.CreateUsers == nil || *d.CreateUsers,
		Association: d.Type,
	}
	if r.State == "" {
		r.State = Draft
	}
	if r.Association == "" {
		r.Association = ByRules
	}

	var part fault.Problems
	r.Button, part = d.Button.button(open)
	problems.Under("button", part)
	r.SAML, part = d.SAML.settings(open)
	problems.Under("saml", part)

	if d.Directory != nil {
		settings, part := d.Directory.settings(open)
		problems.Under("directory", part)
		r.Directory = &settings
	}

	// The kinds are part of a derived key: one attribute and pattern may well
	// stand in several lists.
	for i, one := range d.Validation {
		rule, part := one.rule("validation")
		problems.Under(fmt.Sprintf("validation_rules[%d]", i), part)
		r.Validation = append(r.Validation, rule)
	}
	for i, one := range d.Access {
		rule, part := one.rule("access " + one.Level)
		level, err := console.ParseLevel(one.Level)
		part.AddError("level", err)
		problems.Under(fmt.Sprintf("access_rules[%d]", i), part)
		r.Access = append(r.Access, console.Grant{Rule: rule, Level: level})
	}
	for i, one := range d.Association {
		rule, part := one.rule("association " + one.Group)
		problems.Under(fmt.Sprintf("associations[%d]", i), part)
		r.Associations = append(r.Associations, groups.Association{
			Rule: rule, Group: one.Group, UpdateOnLogin: one.UpdateOnLogin, OnlyOwn: one.OnlyOwn, OnMissing: one.OnMissing,
		})
	}
	return r, problems
}

func (d directoryDocument) settings(open opener) (ldapsync.Settings, fault.Problems) {
	var problems fault.Problems
	settings := d.Settings
	if d.CAFile != "" {
		if settings.CACertificate != "" {
			problems.Add("ca_certificate_file", "The certificate is given twice. Remove ca_certificate or ca_certificate_file.")
		}
		text, err := open.read(d.CAFile)
		problems.AddError("ca_certificate_file", err)
		settings.CACertificate = string(text)
	}
	return settings, problems
}

func (d buttonDocument) button(open opener) (Button, fault.Problems) {
	var problems fault.Problems
	button := Button{Label: d.Label}
	switch {
	case d.Icon != "" && d.IconFile != "":
		problems.Add("icon_file", "The icon is given twice. Remove icon or icon_file.")
	case d.Icon != "":
		icon, err := base64.StdEncoding.DecodeString(d.Icon)
		if err != nil {
			problems.Add("icon", "The icon is not base64; use icon_file to name a picture.")
		}
		button.Icon = icon
	case d.IconFile != "":
		upload, err := open.read(d.IconFile)
		if err == nil {
			button.Icon, err = ParseIcon(upload)
		}
		problems.AddError("icon_file", err)
	}
	return button, problems
}

func (d samlDocument) settings(open opener) (saml.Settings, fault.Problems) {
	var problems fault.Problems
	s := saml.Settings{
		Metadata: d.Metadata, Issuer: d.Issuer, SSOURL: d.SSOURL, SSOBinding: d.SSOBinding,
		SLOURL: d.SLOURL, SLOAnswerURL: d.SLOAnswerURL, SLOBinding: d.SLOBinding,
		Certificates: slices.Clone(d.Certificates), ChangePasswordURL: d.ChangePassword,
		MetadataURL: d.MetadataURL, MetadataCertificates: d.MetadataSigners, SignMetadata: d.SignMetadata,
		SPIssuer: d.SPIssuer, Audience: d.Audience, Origin: d.Origin, PreviousOrigins: d.PreviousOrigins,
		RequestBinding: d.RequestBinding, SignRequests: d.SignRequests, Canonicalizer: d.Canonicalizer, NameIDFormat: d.NameIDFormat,
		ForceAuthn: d.ForceAuthn, RequestContexts: d.RequestContexts, CustomLoginURL: d.CustomLoginURL,
		SingleLogout: d.SingleLogout, LogoutURL: d.LogoutURL,
		Signed: d.Signed, AllowUnsolicited: d.AllowUnsolicited, RelayState: d.RelayState, Landing: d.Landing,
		ClockSkew: saml.DefaultClockSkew, RefuseExpiredCertificates: d.RefuseExpiredCertificates,
		LegacySHA1: d.Legacy.SHA1, LegacyCBC: d.Legacy.CBC, LegacyInclusiveC14N: d.Legacy.InclusiveC14N,
		AllowedContexts: d.AllowedContexts, ElevationContexts: d.ElevationContexts,
	}
	if d.ClockSkew != "" {
		skew, err := time.ParseDuration(d.ClockSkew)
		if err != nil {
			problems.Add("clock_skew", "Write a time such as 90s or 3m.")
		}
		s.ClockSkew = skew
	}
	if d.MetadataRefresh != "" {
		refresh, err := time.ParseDuration(d.MetadataRefresh)
		if err != nil {
			problems.Add("metadata_refresh", "Write a time such as 1h or 24h.")
		}
		s.MetadataRefresh = refresh
	}
	if d.KeepResponsesUntil != "" {
		until, err := time.Parse(time.RFC3339, d.KeepResponsesUntil)
		if err != nil {
			problems.Add("keep_responses_until", "%s", wordsOfInstant)
		}
		s.KeepResponsesUntil = until.UTC().Truncate(time.Second)
	}
	if d.MetadataFile != "" {
		if d.Metadata != "" {
			problems.Add("metadata_file", "The metadata is given twice. Remove metadata or metadata_file.")
		}
		text, err := open.read(d.MetadataFile)
		problems.AddError("metadata_file", err)
		s.Metadata = string(text)
	}
	for i, path := range d.CertificateFiles {
		text, err := open.read(path)
		problems.AddError(fmt.Sprintf("certificate_files[%d]", i), err)
		if err == nil {
			s.Certificates = append(s.Certificates, CertificateText(text))
		}
	}
	return s, problems
}

// CertificateText is the form in which Settings take a certificate. Providers
// offer a download of the bare DER too: it begins with an ASN.1 sequence, as
// neither PEM nor the base64 of a certificate does.
func CertificateText(file []byte) string {
	if len(file) > 1 && file[0] == 0x30 && file[1] == 0x82 {
		return base64.StdEncoding.EncodeToString(file)
	}
	return string(file)
}

func (open opener) read(path string) ([]byte, error) {
	if open == nil {
		return nil, fault.New(fault.Invalid, "Files cannot be named here. Put the text itself into the record.")
	}
	data, err := open(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The file cannot be read: %s", err)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fault.New(fault.Invalid, "The file is empty.")
	}
	return data, nil
}

func (d ruleDocument) rule(kind string) (rules.Rule, fault.Problems) {
	var problems fault.Problems
	rule := rules.Rule{Key: d.Key, Attribute: d.Attribute, Disabled: d.Enabled != nil && !*d.Enabled}

	options := rules.Options{IgnoreCase: d.IgnoreCase}
	switch d.Match {
	case "", matchSearch:
	case matchFull:
		options.Full = true
	default:
		problems.Add("match", "Write search or full.")
	}
	pattern, err := rules.ParsePattern(d.Pattern, options)
	problems.AddError("pattern", err)
	rule.Pattern = pattern

	if d.Values != "" && rule.Values.UnmarshalText([]byte(d.Values)) != nil {
		problems.Add("values", "Write any, all or none.")
	}
	if rule.Key == "" {
		rule.Key = derivedKey(kind, rule)
	}
	return rule, problems
}

// derivedKey names a rule that its author did not name, after what it reads
// and a digest of what it says. Its place in the list would not do: rules move,
// and memberships and traces would then name another one. A rule that is
// changed becomes a new one by this; who wants to keep it gives it a key.
func derivedKey(kind string, rule rules.Rule) string {
	options := rule.Pattern.Options()
	said := fmt.Sprintf("%q %q %q %t %t %s", kind, rule.Attribute, rule.Pattern, options.Full, options.IgnoreCase, rule.Values)
	digest := sha256.Sum256([]byte(said))

	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, rule.Attribute[strings.LastIndexAny(rule.Attribute, "/:#")+1:])
	word = word[:min(len(word), 40)]
	if word == "" {
		word = "rule"
	}
	return word + "-" + hex.EncodeToString(digest[:4])
}
