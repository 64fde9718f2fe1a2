package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/fetch"
	"idms/internal/saml"
	"idms/internal/upkeep"
)

type metadataCommand struct {
	Show    metadataShowCommand    `cmd:"" help:"Show what metadata holds, before any record is made of it."`
	Status  metadataStatusCommand  `cmd:"" help:"Show what waits for approval at a record."`
	Refresh metadataRefreshCommand `cmd:"" help:"Read a record's metadata again, now."`
	Approve metadataApproveCommand `cmd:"" help:"Take over what waits for approval at a record."`
}

type metadataShowCommand struct {
	settings
	From   string `arg:"" help:"Address, or file; - is standard input."`
	Entity string `help:"Entity ID of the provider that is meant, when there are several." placeholder:"ID"`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c metadataShowCommand) Run(p *program) error {
	cfg, err := c.load(p, nil)
	if err != nil {
		return err
	}
	var preview saml.Preview
	if strings.HasPrefix(c.From, "https://") || strings.HasPrefix(c.From, "http://") {
		// Nothing is opened: whoever sets up the first record has no database yet.
		looker := upkeep.New(upkeep.Config{Clock: p.clock, Fetch: fetch.New(fetch.Config{
			Networks: cfg.MetadataNetworks(), AllowPlainHTTP: cfg.Metadata.AllowPlainHTTP, MaxBytes: saml.MaxMetadata})})
		preview, err = looker.Preview(p.ctx, c.From, c.Entity)
	} else {
		var text []byte
		if text, err = p.readFile(c.From, saml.MaxMetadata); err == nil {
			preview, err = saml.PreviewMetadata(text, c.Entity, nil, p.clock())
		}
	}
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return writeJSON(p.stdout, previewOf(preview))
	}
	return showPreview(p.stdout, preview)
}

func showPreview(w io.Writer, preview saml.Preview) error {
	var text strings.Builder
	if preview.EntityID == "" {
		fmt.Fprintf(&text, "%d identity providers; choose one with --entity:\n", len(preview.IdentityProviders))
		for _, id := range preview.IdentityProviders {
			fmt.Fprintf(&text, "  %s\n", id)
		}
		_, err := io.WriteString(w, text.String())
		return err
	}
	fmt.Fprintf(&text, "Issuer          %s\n", preview.EntityID)
	for _, endpoint := range preview.SSO {
		fmt.Fprintf(&text, "Sign-on         %s (%s)\n", endpoint.URL, endpoint.Binding)
	}
	for _, endpoint := range preview.Logout {
		fmt.Fprintf(&text, "Logout          %s (%s)\n", endpoint.URL, endpoint.Binding)
	}
	for _, one := range preview.Certificates {
		fmt.Fprintf(&text, "Certificate     %s\n                %s to %s\n                SHA-256 %s\n", one.Subject,
			one.NotBefore.UTC().Format(minuteForm), one.NotAfter.UTC().Format(minuteForm), one.Fingerprint)
	}
	for _, format := range preview.NameIDFormats {
		fmt.Fprintf(&text, "Name ID format  %s\n", format)
	}
	if preview.WantRequestsSigned {
		text.WriteString("Wants signed requests\n")
	}
	if !preview.ValidUntil.IsZero() {
		fmt.Fprintf(&text, "Valid until     %s\n", preview.ValidUntil.Format(minuteForm))
	}
	if preview.Fresh != 0 {
		fmt.Fprintf(&text, "May be kept     %v\n", preview.Fresh)
	}
	for _, warning := range preview.Warnings {
		fmt.Fprintf(&text, "Warning: %s\n", warning)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// previewDocument is saml.Preview in JSON.
type previewDocument struct {
	IdentityProviders  []string              `json:"identity_providers"`
	Issuer             string                `json:"issuer"`
	SSO                []endpointDocument    `json:"sso"`
	Logout             []endpointDocument    `json:"logout"`
	Certificates       []certificateDocument `json:"certificates"`
	NameIDFormats      []string              `json:"name_id_formats"`
	WantRequestsSigned bool                  `json:"want_requests_signed"`
	ValidUntil         *time.Time            `json:"valid_until"`
	CacheSeconds       int                   `json:"cache_seconds"`
	Warnings           []string              `json:"warnings"`
}

type endpointDocument struct {
	Binding string `json:"binding"`
	URL     string `json:"url"`
}

type certificateDocument struct {
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
}

func previewOf(preview saml.Preview) previewDocument {
	document := previewDocument{
		IdentityProviders: orEmpty(preview.IdentityProviders), Issuer: preview.EntityID,
		SSO: endpointsOf(preview.SSO), Logout: endpointsOf(preview.Logout), Certificates: []certificateDocument{},
		NameIDFormats: orEmpty(preview.NameIDFormats), WantRequestsSigned: preview.WantRequestsSigned,
		CacheSeconds: int(preview.Fresh / time.Second), Warnings: orEmpty(preview.Warnings),
	}
	if !preview.ValidUntil.IsZero() {
		document.ValidUntil = &preview.ValidUntil
	}
	for _, one := range preview.Certificates {
		document.Certificates = append(document.Certificates, certificateDocument{one.Subject, one.Fingerprint, one.NotBefore.UTC(), one.NotAfter.UTC()})
	}
	return document
}

func endpointsOf(list []saml.Endpoint) []endpointDocument {
	all := []endpointDocument{}
	for _, one := range list {
		all = append(all, endpointDocument{string(one.Binding), one.URL})
	}
	return all
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

type metadataStatusCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
}

func (c metadataStatusCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	source, err := h.upkeep.Waiting(p.ctx, c.Record)
	if err != nil {
		return err
	}
	if source.URL == "" {
		return fault.New(fault.Invalid, "The record %s has no metadata address.", c.Record)
	}
	fetched := "never"
	if !source.Fetched.IsZero() {
		fetched = source.Fetched.Format(minuteForm)
	}
	fmt.Fprintf(p.stdout, "Address    %s\nRead last  %s\n", source.URL, fetched)
	if source.Waiting == "" {
		_, err = fmt.Fprintln(p.stdout, "Nothing waits for approval.")
		return err
	}
	fmt.Fprintf(p.stdout, "Since %s this waits for approval:\n", source.WaitingSince.Format(minuteForm))
	return showChanges(p.stdout, source.WaitingFor)
}

func showChanges(w io.Writer, changes []audit.Change) error {
	for _, change := range changes {
		if change.From != "" {
			fmt.Fprintf(w, "  - %s %s\n", change.Field, change.From)
		}
		if change.To != "" {
			fmt.Fprintf(w, "  + %s %s\n", change.Field, change.To)
		}
	}
	return nil
}

type metadataRefreshCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
}

func (c metadataRefreshCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	refreshed, err := h.upkeep.RefreshBy(p.ctx, c.Record, p.byServer(""))
	if err != nil {
		return err
	}
	switch {
	case len(refreshed.Changes) == 0 && len(refreshed.Waits) == 0:
		_, err = fmt.Fprintln(p.stdout, "Nothing has changed.")
		return err
	case len(refreshed.Changes) > 0:
		fmt.Fprintln(p.stdout, "Taken over:")
		if err := showChanges(p.stdout, refreshed.Changes); err != nil {
			return err
		}
	}
	if len(refreshed.Waits) > 0 {
		fmt.Fprintf(p.stdout, "Waits for approval (idms metadata approve %s):\n", c.Record)
	}
	return showChanges(p.stdout, refreshed.Waits)
}

type metadataApproveCommand struct {
	settings
	Record string `arg:"" help:"Key of the record."`
	Reason string `help:"Why, for the audit trail and the version."`
}

func (c metadataApproveCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	changes, err := h.upkeep.Approve(p.ctx, c.Record, time.Time{}, p.byServer(c.Reason))
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "Taken over:")
	return showChanges(p.stdout, changes)
}
