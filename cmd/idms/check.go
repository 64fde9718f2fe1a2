package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/trace"
)

type checkCommand struct {
	Record    string   `help:"Record file (YAML)." required:"" placeholder:"FILE"`
	RecordKey string   `help:"Which record of the file; not needed when there is one." placeholder:"KEY"`
	Response  string   `help:"The captured response: XML, or base64 as posted; - is standard input." required:"" placeholder:"FILE"`
	At        instant  `help:"Decide as at this instant (RFC 3339) instead of now." placeholder:"TIME"`
	RequestID string   `help:"The ID of the AuthnRequest that the response must answer. Without it the response counts as unsolicited." placeholder:"ID"`
	SPKey     []string `help:"Our private key (PEM), to decrypt with; several times for several." placeholder:"FILE"`
	Known     string   `help:"What is known about the person (YAML); nothing when not given." placeholder:"FILE"`
	BaseURL   string   `help:"Origin of a record that names none." default:"http://localhost:8080" placeholder:"URL"`
	Format    string   `help:"text or json." enum:"text,json" default:"text"`
}

// Bounds of what is read.
const (
	maxKeyFile   = 64 << 10
	maxKnownFile = idms.MaxFile
)

func (c checkCommand) Run(p *program) error {
	record, err := c.record(p)
	if err != nil {
		return err
	}
	if err := config.CheckBase(c.BaseURL); err != nil {
		return fault.New(fault.Invalid, "--base-url: %v", err)
	}
	policy, verifier, err := c.compile(p, record)
	if err != nil {
		return err
	}
	known, err := c.known(p)
	if err != nil {
		return err
	}
	answer, err := c.verify(p, verifier, record, known.Now)
	if err != nil {
		return err
	}
	answer.policy = policy
	if answer.Accepted {
		decision := policy.Decide(answer.assertion, known)
		answer.decide(decision)
	}
	if err := answer.print(p, c.Format); err != nil {
		return err
	}
	if !answer.Admitted {
		return errRefused
	}
	return nil
}

// record finds the one that is meant.
func (c checkCommand) record(p *program) (idms.Record, error) {
	file, err := p.readRecords(c.Record)
	if err != nil {
		return idms.Record{}, err
	}
	if len(file.Records) == 0 {
		return idms.Record{}, fault.New(fault.Invalid, "%s holds no record.", c.Record)
	}
	var keys []string
	for _, record := range file.Records {
		if record.Key == c.RecordKey || c.RecordKey == "" && len(file.Records) == 1 {
			return record, nil
		}
		keys = append(keys, record.Key)
	}
	return idms.Record{}, fault.New(fault.Invalid, "--record-key must name one of the file's records: %s", strings.Join(keys, ", "))
}

func (c checkCommand) compile(p *program, record idms.Record) (*idms.Policy, *saml.Verifier, error) {
	var keys []saml.Key
	for _, name := range c.SPKey {
		text, err := p.readFile(name, maxKeyFile)
		if err != nil {
			return nil, nil, err
		}
		key, err := saml.ParseKey(text)
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "%s: %s", name, fault.Sentence(err))
		}
		keys = append(keys, key)
	}
	policy, err := idms.Compile(record)
	if err != nil {
		return nil, nil, err
	}
	idp, err := record.SAML.IdP()
	if err != nil {
		return nil, nil, err
	}
	verifier, err := saml.NewVerifier(record.SAML, idp, record.SAML.SP(record.Key, c.BaseURL, keys))
	return policy, verifier, err
}

func (c checkCommand) known(p *program) (idms.Known, error) {
	var known idms.Known
	if c.Known != "" {
		text, err := p.readFile(c.Known, maxKnownFile)
		if err != nil {
			return known, err
		}
		if known, err = idms.ParseKnown(text); err != nil {
			return known, fault.New(fault.Invalid, "%s has problems:\n%s", c.Known, indent(fault.Sentence(err)))
		}
	}
	switch {
	case !c.At.IsZero():
		known.Now = c.At.Time
	case known.Now.IsZero():
		known.Now = p.clock().UTC()
	}
	return known, nil
}

// verify proves the response. A response that is not even base64 is refused,
// like any other that cannot be verified.
func (c checkCommand) verify(p *program, verifier *saml.Verifier, record idms.Record, now time.Time) (answer, error) {
	limits := saml.DefaultLimits()
	data, err := p.readFile(c.Response, limits.Body)
	if err != nil {
		return answer{}, err
	}
	// Editors put a byte order mark before XML that they save.
	message := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	if !bytes.HasPrefix(message, []byte("<")) {
		decoded, refused := saml.DecodePost(posted(string(message)), limits.Message)
		if refused != nil {
			var steps trace.Steps
			steps.Refuse(*refused)
			return unverified(steps), nil
		}
		message = decoded
	}
	expect := saml.Expect{Now: now}
	if c.RequestID != "" {
		// When it was issued is not known from a capture: ForceAuthn is judged as if
		// the request had been made at the earliest time it could be answered.
		expect.Requests = []saml.Request{{ID: c.RequestID, ForceAuthn: record.SAML.ForceAuthn}}
	}
	verification := verifier.Verify(message, expect)
	if !verification.Accepted {
		return unverified(verification.Steps), nil
	}
	found := unverified(verification.Steps)
	found.Accepted = true
	found.assertion = verification.Assertion
	found.Subject = verification.Assertion.NameID.Value
	found.AuthContext = verification.Assertion.AuthnContext
	for _, attribute := range verification.Assertion.Attributes {
		found.Attributes[attribute.Name] = append([]string{}, attribute.Values...)
	}
	return found, nil
}

// posted finds the field's value in what browsers show of a form: the whole
// body, or one value of it, in the encoding of forms.
func posted(text string) string {
	if strings.HasPrefix(text, "SAMLResponse=") || strings.Contains(text, "&SAMLResponse=") {
		if fields, err := url.ParseQuery(text); err == nil {
			return fields.Get("SAMLResponse")
		}
	}
	// Not as a query: a plus sign is base64's own here.
	if value, err := url.PathUnescape(text); err == nil {
		return value
	}
	return text
}

// instant is a time as a flag.
type instant struct{ time.Time }

// UnmarshalText says how an instant is written, as the time package does not.
func (i *instant) UnmarshalText(text []byte) error {
	parsed, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fault.New(fault.Invalid, "write an instant such as 2026-03-01T12:00:30Z, not %q", text)
	}
	i.Time = parsed.UTC()
	return nil
}

// answer is what check found, in the form of its JSON.
type answer struct {
	Accepted    bool                `json:"accepted"` // by the protocol alone
	Admitted    bool                `json:"admitted"` // with the record's rules
	Code        trace.Code          `json:"code"`     // "" when admitted
	Username    string              `json:"username"`
	Subject     string              `json:"subject"`
	Attributes  map[string][]string `json:"attributes"`
	AuthContext string              `json:"auth_context"`
	Console     string              `json:"console"` // full, restricted, none
	Groups      groupsAnswer        `json:"groups"`
	Findings    []idms.RuleFinding  `json:"findings"`
	Steps       trace.Steps         `json:"steps"`
	Fix         *trace.Fix          `json:"fix"`

	assertion saml.Assertion
	policy    *idms.Policy
	decision  idms.Decision
	protocol  trace.Steps
}

type groupsAnswer struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

func unverified(steps trace.Steps) answer {
	a := answer{
		Code: steps.Code(), Attributes: map[string][]string{}, Console: "none",
		Groups: groupsAnswer{Add: []string{}, Remove: []string{}}, Findings: []idms.RuleFinding{},
		Steps: steps, protocol: steps,
	}
	if refusal := steps.Refusal(); refusal != nil {
		a.Fix = refusal.Fix
	}
	return a
}

func (a *answer) decide(decision idms.Decision) {
	a.decision = decision
	a.Admitted, a.Code, a.Username, a.Console = decision.Admitted, decision.Code, decision.Profile.Username, decision.Level.String()
	a.Steps = append(append(trace.Steps{}, a.protocol...), decision.Steps...)
	a.Findings = append(a.Findings, a.policy.Findings(decision)...)
	if refusal := decision.Steps.Refusal(); refusal != nil {
		a.Fix = refusal.Fix
	}
	for _, outcome := range decision.Groups {
		switch outcome.Verdict {
		case groups.Added:
			a.Groups.Add = append(a.Groups.Add, outcome.Group)
		case groups.Removed:
			a.Groups.Remove = append(a.Groups.Remove, outcome.Group)
		}
	}
}

func (a *answer) print(p *program, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(a)
	}
	var text strings.Builder
	text.WriteString("Verification:\n")
	for _, step := range a.protocol {
		idms.PrintStep(&text, step)
	}
	if !a.Accepted {
		fmt.Fprintf(&text, "\nRefused: %s\n", a.Code)
	} else {
		fmt.Fprintf(&text, "\nSubject %s\nAttributes:\n", a.Subject)
		for _, attribute := range a.assertion.Attributes {
			fmt.Fprintf(&text, "  %s = %q\n", attribute.Name, attribute.Values)
		}
		text.WriteString("\n")
	}
	if _, err := fmt.Fprint(p.stdout, text.String()); err != nil || !a.Accepted {
		return err
	}
	return a.policy.Print(p.stdout, a.decision)
}
