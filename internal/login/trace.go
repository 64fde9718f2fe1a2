package login

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/rules"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// Trace is a kept login as an administrator reads it (S61).
type Trace struct {
	store.Trace
	Purpose  idms.Purpose
	Protocol trace.Steps // how the response was verified
	Decision *idms.Decision
	Policy   *idms.Policy // the version that decided; nil without a decision
	// Would is what a refused test login would have done to groups, had nothing
	// refused it.
	Would []groups.Change
}

// document is what is kept of a trace. What a rule found is three bytes by the
// rule's place in the record's version, which never changes: the sentences are
// written when somebody reads them (S61).
type document struct {
	Schema   int               `json:"schema"`
	Purpose  idms.Purpose      `json:"purpose"`
	Address  string            `json:"address,omitempty"`
	Protocol trace.Steps       `json:"protocol"`
	Decision *decisionDocument `json:"decision,omitempty"`
	Would    []groups.Change   `json:"would,omitempty"`
}

type decisionDocument struct {
	Admitted     bool             `json:"admitted"`
	Code         trace.Code       `json:"code,omitempty"`
	Steps        trace.Steps      `json:"steps"`
	Profile      users.Profile    `json:"profile"`
	CreatesUser  bool             `json:"creates_user,omitempty"`
	Level        console.Level    `json:"level"`
	Changes      []groups.Change  `json:"changes,omitempty"`
	Groups       []groups.Outcome `json:"groups,omitempty"`
	Console      console.Outcome  `json:"console"`
	Facts        rules.Attributes `json:"facts"`
	Validation   []byte           `json:"validation,omitempty"`
	Access       []byte           `json:"access,omitempty"`
	Associations []byte           `json:"associations,omitempty"`
}

const documentSchema = 1

// trace is what is kept of the attempt. A decision that never happened is the
// zero one.
func (a *attempt) trace(decision idms.Decision, would ...groups.Change) store.Trace {
	kept := store.Trace{
		Ref: a.ref, Record: a.edition.Key, Version: a.edition.Version, At: a.now,
		// A replay tells nothing new, and whoever has the response can post it again
		// and again: its traces are bounded in number like those of garbage.
		Verified: a.verified && a.steps.Code() != trace.Replayed, Admitted: decision.Admitted, Code: a.steps.Code(),
	}
	doc := document{Schema: documentSchema, Purpose: a.purpose(), Address: a.post.Address, Protocol: a.steps, Would: would}
	if decision.Steps != nil {
		if kept.Code == "" {
			kept.Code = decision.Code
		}
		doc.Decision = documentOf(decision)
		kept.Username = decision.Profile.Username // kept of who was refused without an account alone
	}
	kept.Document = packTrace(doc)
	if a.record.SAML.KeepResponsesUntil.After(a.now) {
		kept.Response = a.post.Response
	}
	return kept
}

func documentOf(decision idms.Decision) *decisionDocument {
	return &decisionDocument{
		Admitted: decision.Admitted, Code: decision.Code, Steps: decision.Steps, Profile: decision.Profile,
		CreatesUser: decision.CreatesUser, Level: decision.Level, Changes: decision.Changes, Groups: decision.Groups,
		Console: decision.Console, Facts: decision.Facts,
		Validation: packFindings(decision.Validation), Access: packFindings(decision.Access), Associations: packFindings(decision.Associations),
	}
}

func packTrace(doc document) []byte {
	text := mustMarshal(doc)
	if len(text) > store.MaxTrace && doc.Decision != nil {
		// Only a message limit raised far above its default gets here. What came
		// is given up then, and what was decided is kept.
		doc.Decision.Facts = nil
		text = mustMarshal(doc)
	}
	return text
}

func mustMarshal(doc document) []byte {
	text, err := json.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("login: a trace cannot be written: %v", err)) // plain values can
	}
	return text
}

// packFindings writes each finding as its outcome and truth in one byte, and
// the deciding value's place as a varint.
func packFindings(findings []rules.Finding) []byte {
	packed := make([]byte, 0, 2*len(findings))
	for _, f := range findings {
		first := byte(f.Outcome) << 1
		if f.True {
			first |= 1
		}
		packed = append(packed, first)
		packed = binary.AppendUvarint(packed, uint64(f.Value+1)) // -1 is no value
	}
	return packed
}

func unpackFindings(packed []byte) ([]rules.Finding, error) {
	var findings []rules.Finding
	for len(packed) > 0 {
		value, n := binary.Uvarint(packed[1:])
		if n <= 0 || value > 1<<31-1 {
			return nil, fmt.Errorf("login: the findings of a trace cannot be read")
		}
		findings = append(findings, rules.Finding{
			Outcome: rules.Outcome(packed[0] >> 1), True: packed[0]&1 == 1, Value: int32(value) - 1,
		})
		packed = packed[1+n:]
	}
	return findings, nil
}

// Trace explains a login by its reference, as the person reads it out
// (fault.NotFound when there is none).
func (f *Flow) Trace(ctx context.Context, ref string) (Trace, error) {
	kept, err := f.Store.Trace(ctx, ref)
	if err != nil {
		return Trace{}, err
	}
	var doc document
	if err := json.Unmarshal(kept.Document, &doc); err != nil {
		return Trace{}, fmt.Errorf("login: trace %s: %w", kept.Ref, err)
	}
	if doc.Schema != documentSchema {
		return Trace{}, fault.New(fault.Conflict, "Trace %s was written by another release of idms.", kept.Ref)
	}
	told := Trace{Trace: kept, Purpose: doc.Purpose, Protocol: doc.Protocol, Would: doc.Would}
	if doc.Decision == nil {
		return told, nil
	}
	d := doc.Decision
	told.Decision = &idms.Decision{
		Admitted: d.Admitted, Code: d.Code, Steps: d.Steps, Profile: d.Profile, CreatesUser: d.CreatesUser,
		Level: d.Level, Changes: d.Changes, Groups: d.Groups, Console: d.Console, Facts: d.Facts,
	}
	if kept.Stranger() { // also when an older release wrote it
		told.Username = d.Profile.Username
	}
	for _, part := range []struct {
		packed []byte
		into   *[]rules.Finding
	}{
		{d.Validation, &told.Decision.Validation},
		{d.Access, &told.Decision.Access},
		{d.Associations, &told.Decision.Associations},
	} {
		if *part.into, err = unpackFindings(part.packed); err != nil {
			return Trace{}, err
		}
	}
	record, err := f.Store.RecordAt(ctx, kept.Record, kept.Version)
	if err != nil {
		return Trace{}, err
	}
	told.Policy, err = idms.Compile(record)
	return told, err
}

// Print writes the trace as text: what happened when, how the response was
// verified, what came, and every rule with what it looked for and found.
func (t Trace) Print(w io.Writer) error {
	var text strings.Builder
	what, how := t.heading()
	fmt.Fprintf(&text, "%s %s, %s, %s\n", what, t.Ref, t.At.Format(time.RFC3339), how)
	fmt.Fprintf(&text, "Record %s, version %d; purpose: %s\n", t.Record, t.Version, t.Purpose)
	if t.Username != "" {
		fmt.Fprintf(&text, "Person: %q, who had no account here\n", t.Username)
	}
	text.WriteString("\nVerification:\n")
	for _, step := range t.Protocol {
		idms.PrintStep(&text, step)
	}
	if t.Decision != nil {
		text.WriteString("\nWhat came:\n")
		for _, fact := range t.Decision.Facts {
			fmt.Fprintf(&text, "  %s = %q\n", fact.Name, fact.Values)
		}
		text.WriteString("\n")
		if t.Test && t.Protocol.Refusal() != nil {
			text.WriteString("If the response were accepted (nobody has proved what came):\n")
		}
	}
	if _, err := io.WriteString(w, text.String()); err != nil || t.Decision == nil {
		return err
	}
	if err := t.Policy.Print(w, *t.Decision); err != nil || len(t.Would) == 0 {
		return err
	}
	text.Reset()
	text.WriteString("\nGroup changes, if nothing refused the login:\n")
	for _, change := range t.Would {
		sign := "+"
		if change.Remove {
			sign = "-"
		}
		fmt.Fprintf(&text, "  %s %s, %s\n", sign, change.Group, change.Source.Words())
	}
	_, err := io.WriteString(w, text.String())
	return err
}
