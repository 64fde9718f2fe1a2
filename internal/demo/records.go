package demo

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	_ "embed"

	"idms/internal/saml"
)

// The records of the demonstration, by key.
const (
	Acme    = "acme"    // access rules, groups, elevation
	Globex  = "globex"  // request by POST, logins that the provider starts, a certificate that ends soon
	Initech = "initech" // asks anew every time, five hundred groups
	// Umbrella, whose groups come from a directory, is in directory.go.
)

// demoRecord is what the provider needs to know of a record.
type demoRecord struct {
	Key, Name string
	// LogoutBinding is how single logout travels to the record; "" is not at all.
	LogoutBinding saml.Binding
	// RelayState and Landing are of the record that takes logins which the
	// provider starts.
	RelayState, Landing string
}

var records = []demoRecord{
	{Key: Acme, Name: "Acme", LogoutBinding: saml.Redirect},
	{Key: Globex, Name: "Globex", LogoutBinding: saml.POST, RelayState: "globex-start", Landing: "/groups"},
	{Key: Initech, Name: "Initech"},
	{Key: Umbrella, Name: "Umbrella"},
}

//go:embed records.yaml
var recordsText string

var recordsTemplate = template.Must(template.New("records.yaml").
	Funcs(template.FuncMap{"quote": quote, "indent": indent}).
	Parse(recordsText))

// quote writes a YAML string: every JSON string is one.
func quote(text string) (string, error) {
	out, err := json.Marshal(text)
	return string(out), err
}

// indent moves text so far to the right that it can be a block in YAML.
func indent(spaces int, text string) string {
	margin := strings.Repeat(" ", spaces)
	return margin + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+margin)
}

//go:embed idle.yaml
var idleText string

var idleTemplate = template.Must(template.New("idle.yaml").Funcs(template.FuncMap{"indent": indent}).Parse(idleText))

// IdleRecordsFile is the record file of the records that nobody can log in
// through: without them a list of records would show one state alone.
func (p *IdP) IdleRecordsFile() ([]byte, error) {
	metadata, err := p.Metadata()
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	if err := idleTemplate.Execute(&buffer, struct{ Metadata string }{string(metadata)}); err != nil {
		return nil, fmt.Errorf("writing the demo's idle records: %w", err)
	}
	return buffer.Bytes(), nil
}

// RecordsFile is the record file of the demonstration, as `idms apply` reads
// it: three records for this provider, and the groups that they grant.
func (p *IdP) RecordsFile() ([]byte, error) {
	metadata, err := p.Metadata()
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	err = recordsTemplate.Execute(&buffer, struct {
		Metadata, Issuer, SSO, SLO, Logout, Certificate string
		Password, SmartCard                             string
		RelayState, Landing                             string
		Teams                                           []string
	}{
		Metadata:    string(metadata),
		Issuer:      p.EntityID(),
		SSO:         p.provider.SSOURL.String(),
		SLO:         p.provider.LogoutURL.String(),
		Logout:      p.LogoutURL(),
		Certificate: base64.StdEncoding.EncodeToString(p.byHand.Raw),
		Password:    password,
		SmartCard:   smartCard,
		RelayState:  records[1].RelayState,
		Landing:     records[1].Landing,
		Teams:       allTeams(),
	})
	if err != nil {
		return nil, fmt.Errorf("writing the demo's record file: %w", err)
	}
	return buffer.Bytes(), nil
}
