package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/saml"
	"idms/internal/upkeep"
)

func (a *API) metadataRoutes() {
	tags := []string{"metadata"}
	route(a, takes[previewDocument](a, huma.Operation{OperationID: "preview-metadata", Method: http.MethodPost, Path: "/metadata/preview", DefaultStatus: http.StatusOK,
		Summary:     "Show what metadata holds, before any record is made of it",
		Description: "Give either its text or its address."}, 2*saml.MaxMetadata), a.previewMetadata) // in JSON, where each < may be six bytes
	route(a, huma.Operation{OperationID: "get-metadata", Method: http.MethodGet, Path: "/records/{key}/metadata", Tags: tags,
		Summary: "Say when a record's metadata was read, and what waits for approval"}, a.getMetadata)
	route(a, huma.Operation{OperationID: "refresh-metadata", Method: http.MethodPost, Path: "/records/{key}/metadata/refresh", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Read a record's metadata again, now"}, a.refreshMetadata)
	route(a, takes[approveDocument](a, huma.Operation{OperationID: "approve-metadata", Method: http.MethodPost, Path: "/records/{key}/metadata/approve", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Take over what waits for approval at a record, whole"}, maxSmall), a.approveMetadata)
	route(a, huma.Operation{OperationID: "list-certificates", Method: http.MethodGet, Path: "/certificates", Summary: "List the certificates of all records, the providers' and ours"}, a.listCertificates)
	route(a, huma.Operation{OperationID: "examine", Method: http.MethodGet, Path: "/doctor", Summary: "Look at every record that is not disabled, or at one: metadata, certificates, clock, address, rules",
		Description: "It asks the metadata addresses of providers, one after the other. With many records that do not answer, ask for one at a time."}, a.examine)
}

// previewDocument is metadata that somebody wants to look at.
type previewDocument struct {
	URL      string `json:"url,omitempty"`
	Metadata string `json:"metadata,omitempty"`
	Issuer   string `json:"issuer,omitempty"`
}

type metadataPreview struct {
	IdentityProviders  []string         `json:"identity_providers" doc:"in the document; of several without issuer, all else is empty: choose one"`
	Issuer             string           `json:"issuer"`
	SSO                []endpoint       `json:"sso"`
	Logout             []endpoint       `json:"logout"`
	Certificates       []certificateRaw `json:"certificates"`
	NameIDFormats      []string         `json:"name_id_formats"`
	WantRequestsSigned bool             `json:"want_requests_signed"`
	ValidUntil         *time.Time       `json:"valid_until" doc:"null: it does not say"`
	CacheSeconds       int64            `json:"cache_seconds" doc:"0: it does not say"`
	Warnings           []string         `json:"warnings"`
}

type endpoint struct {
	Binding string `json:"binding"`
	URL     string `json:"url"`
}

type certificateRaw struct {
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint" doc:"SHA-256"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
}

type metadataPreviewAnswer struct{ Body metadataPreview }

func (a *API) previewMetadata(ctx context.Context, _ *struct{}) (*metadataPreviewAnswer, error) {
	asked, problems := read[previewDocument](ctx)
	if (asked.URL == "") == (asked.Metadata == "") && !problems.Any() {
		problems.Add("url", "Give either the address or the text of the metadata.")
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	var preview saml.Preview
	var err error
	field := "metadata"
	if asked.URL != "" {
		field = "url"
		preview, err = a.Upkeep.Preview(ctx, asked.URL, asked.Issuer)
	} else {
		preview, err = saml.PreviewMetadata([]byte(asked.Metadata), asked.Issuer, nil, a.Clock())
	}
	if err != nil {
		// Whoever typed it can mend it, also when a server does not answer.
		problems.AddError(field, err)
		return nil, invalid(problems)
	}
	out := metadataPreview{
		IdentityProviders: orEmpty(preview.IdentityProviders), Issuer: preview.EntityID,
		SSO: endpointsOf(preview.SSO), Logout: endpointsOf(preview.Logout), Certificates: []certificateRaw{},
		NameIDFormats: orEmpty(preview.NameIDFormats), WantRequestsSigned: preview.WantRequestsSigned,
		ValidUntil: instantOrNull(preview.ValidUntil), CacheSeconds: int64(preview.Fresh / time.Second), Warnings: orEmpty(preview.Warnings),
	}
	for _, one := range preview.Certificates {
		out.Certificates = append(out.Certificates, certificateRaw{one.Subject, one.Fingerprint, one.NotBefore.UTC(), one.NotAfter.UTC()})
	}
	return &metadataPreviewAnswer{out}, nil
}

func endpointsOf(list []saml.Endpoint) []endpoint {
	all := []endpoint{}
	for _, one := range list {
		all = append(all, endpoint{string(one.Binding), one.URL})
	}
	return all
}

type metadataStatus struct {
	URL        string         `json:"url"`
	Fetched    *time.Time     `json:"fetched" doc:"last time that it could be read; null: never"`
	ValidUntil *time.Time     `json:"valid_until" doc:"null: it does not say"`
	Since      *time.Time     `json:"waiting_since" doc:"null: nothing waits for approval"`
	Waiting    []audit.Change `json:"waiting" doc:"what an approval would change"`
}

type metadataStatusAnswer struct{ Body metadataStatus }

func (a *API) getMetadata(ctx context.Context, in *struct {
	Key string `path:"key"`
}) (*metadataStatusAnswer, error) {
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	source, err := a.Upkeep.Waiting(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	if source.URL == "" {
		return nil, fault.New(fault.NotFound, "The record has no metadata address.")
	}
	return &metadataStatusAnswer{metadataStatus{source.URL, instantOrNull(source.Fetched), instantOrNull(source.ValidUntil),
		instantOrNull(source.WaitingSince), orEmpty(source.WaitingFor)}}, nil
}

type refreshed struct {
	Changes []audit.Change `json:"changes" doc:"taken over"`
	Waiting []audit.Change `json:"waiting" doc:"for approval"`
}

type refreshedAnswer struct{ Body refreshed }

func (a *API) refreshMetadata(ctx context.Context, in *struct {
	Key string `path:"key"`
	Reasoned
}) (*refreshedAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	done, err := a.Upkeep.RefreshBy(ctx, in.Key, by)
	if err != nil {
		return nil, err
	}
	return &refreshedAnswer{refreshed{orEmpty(done.Changes), orEmpty(done.Waits)}}, nil
}

// approveDocument says what somebody has looked at.
type approveDocument struct {
	Since time.Time `json:"waiting_since"`
}

func (a *API) approveMetadata(ctx context.Context, in *struct {
	Key string `path:"key"`
	Reasoned
}) (*refreshedAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	seen, problems := read[approveDocument](ctx)
	if seen.Since.IsZero() && !problems.Any() {
		problems.Add("waiting_since", "Write the waiting_since of what you have looked at.")
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	changes, err := a.Upkeep.Approve(ctx, in.Key, seen.Since, by)
	if err != nil {
		return nil, err
	}
	return &refreshedAnswer{refreshed{orEmpty(changes), []audit.Change{}}}, nil
}

type certificate struct {
	Record      string     `json:"record" doc:"key"`
	Name        string     `json:"name" doc:"of the record"`
	Purpose     string     `json:"purpose" doc:"in words"`
	Ours        bool       `json:"ours"`
	Subject     string     `json:"subject"`
	Fingerprint string     `json:"fingerprint" doc:"SHA-256"`
	NotBefore   time.Time  `json:"not_before"`
	NotAfter    time.Time  `json:"not_after"`
	Used        *time.Time `json:"used" doc:"the last login signed with it, to about an hour; null: none that is known"`
	DaysLeft    int        `json:"days_left" doc:"negative when it has ended"`
	Warn        int        `json:"warn" enum:"0,1,7,14,30,60" doc:"it ends within so many days; 0 is no warning"`
}

type certificatesAnswer struct{ Body certificateItems }

type certificateItems struct {
	Items []certificate `json:"items"`
}

func (a *API) listCertificates(ctx context.Context, _ *struct{}) (*certificatesAnswer, error) {
	list, err := a.Upkeep.Certificates(ctx)
	if err != nil {
		return nil, err
	}
	items := []certificate{}
	for _, one := range list {
		items = append(items, certificate{one.Record, one.Name, one.Purpose, one.Ours, one.Subject, one.Fingerprint,
			one.NotBefore, one.NotAfter, instantOrNull(one.Used), one.DaysLeft, one.Warn})
	}
	return &certificatesAnswer{certificateItems{items}}, nil
}

type findings struct {
	Problems int              `json:"problems"`
	Warnings int              `json:"warnings"`
	Items    []upkeep.Finding `json:"items"`
}

type findingsAnswer struct{ Body findings }

func (a *API) examine(ctx context.Context, in *struct {
	Record string `query:"record" maxLength:"63" doc:"Only this one, also when it is disabled."`
}) (*findingsAnswer, error) {
	if in.Record != "" {
		if _, err := a.record(ctx, in.Record); err != nil {
			return nil, err
		}
	}
	list, err := a.Upkeep.Examine(ctx, in.Record)
	if err != nil {
		return nil, err
	}
	out := findings{Items: orEmpty(list)}
	for _, one := range list {
		switch one.Gravity {
		case upkeep.Problem:
			out.Problems++
		case upkeep.Warning:
			out.Warnings++
		}
	}
	return &findingsAnswer{out}, nil
}
