package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

func (a *API) traceRoutes() {
	route(a, huma.Operation{OperationID: "list-traces", Method: http.MethodGet, Path: "/traces",
		Summary: "List logins, newest first, without what came"}, a.listTraces)
	route(a, huma.Operation{OperationID: "get-trace", Method: http.MethodGet, Path: "/traces/{ref}", Summary: "Explain a login by its reference",
		Description: "It holds everything that the provider said about the person."}, a.getTrace)
	route(a, huma.Operation{OperationID: "get-trace-text", Method: http.MethodGet, Path: "/traces/{ref}/text", Summary: "Explain a login in words",
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}},
		}}}}, a.getTraceText)
}

// TraceSummary is a login as a list shows it.
type TraceSummary struct {
	Ref      string     `json:"ref"`
	Record   string     `json:"record"`
	Version  int        `json:"version" doc:"of the record that decided"`
	At       time.Time  `json:"at"`
	Verified bool       `json:"verified" doc:"the response was proved"`
	Admitted bool       `json:"admitted"`
	Code     trace.Code `json:"code" doc:"why it was refused; empty when admitted"`
	User     string     `json:"user" doc:"account; empty when nobody is known by it"`
	Test     bool       `json:"test" doc:"a test login, which let nobody in; code is empty when it passed"`
}

func traceSummaryOf(t store.Trace) TraceSummary {
	return TraceSummary{t.Ref, t.Record, t.Version, t.At, t.Verified, t.Admitted, t.Code, t.UserID, t.Test}
}

func (a *API) listTraces(ctx context.Context, in *struct {
	Paged
	Record  string    `query:"record" maxLength:"63" doc:"Only logins through this record."`
	User    string    `query:"user" maxLength:"36" doc:"Only logins of this account."`
	Outcome string    `query:"outcome" enum:"admitted,refused" doc:"Only logins that ended so."`
	Code    string    `query:"code" maxLength:"63" doc:"Only logins refused for this reason."`
	From    time.Time `query:"from" doc:"Only logins from this instant on."`
	To      time.Time `query:"to" doc:"Only logins before this instant."`
}) (*listed[TraceSummary], error) {
	list, next, err := a.Flow.Store.Traces(ctx, store.TraceFilter{
		Record: in.Record, User: in.User, Outcome: store.Outcome(in.Outcome), Code: trace.Code(in.Code), From: in.From, To: in.To,
	}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, traceSummaryOf), nil
}

type traceWhole struct {
	TraceSummary
	Purpose  idms.Purpose     `json:"purpose"`
	Protocol []trace.Step     `json:"protocol" doc:"how the response was verified"`
	Decision *decisionOfTrace `json:"decision" doc:"null when the response was not verified"`
}

type decisionOfTrace struct {
	Attributes  []attribute        `json:"attributes" doc:"what came"`
	Steps       []trace.Step       `json:"steps" doc:"every check and every rule, in order"`
	Findings    []idms.RuleFinding `json:"findings" doc:"every rule of the record and what it found"`
	Profile     users.Profile      `json:"profile"`
	CreatesUser bool               `json:"creates_user"`
	Console     console.Level      `json:"console" doc:"full, restricted or none"`
	Groups      []groups.Outcome   `json:"groups"`
	Changes     []groups.Change    `json:"changes" doc:"of memberships"`
}

type attribute struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

type traceAnswer struct{ Body traceWhole }

func (a *API) getTrace(ctx context.Context, in *struct {
	Ref string `path:"ref" maxLength:"40"`
}) (*traceAnswer, error) {
	told, err := a.Flow.Trace(ctx, in.Ref)
	if err != nil {
		return nil, ofTrace(err)
	}
	whole := traceWhole{TraceSummary: traceSummaryOf(told.Trace), Purpose: told.Purpose, Protocol: orEmpty(told.Protocol)}
	if d := told.Decision; d != nil {
		whole.Decision = &decisionOfTrace{
			Attributes: []attribute{}, Steps: orEmpty(told.Policy.Explain(*d)), Findings: orEmpty(told.Policy.Findings(*d)),
			Profile: d.Profile, CreatesUser: d.CreatesUser, Console: d.Level, Groups: orEmpty(d.Groups), Changes: orEmpty(d.Changes),
		}
		for _, fact := range d.Facts {
			whole.Decision.Attributes = append(whole.Decision.Attributes, attribute{fact.Name, orEmpty(fact.Values)})
		}
	}
	return &traceAnswer{whole}, nil
}

// ofTrace keeps what stands in an address out of the answer.
func ofTrace(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "There is no such trace. Traces are kept for a set time.")
	}
	return err
}

// orEmpty is [] instead of null.
func orEmpty[T any, List ~[]T](list List) []T { return append([]T{}, list...) }

type textAnswer struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) getTraceText(ctx context.Context, in *struct {
	Ref string `path:"ref" maxLength:"40"`
}) (*textAnswer, error) {
	told, err := a.Flow.Trace(ctx, in.Ref)
	if err != nil {
		return nil, ofTrace(err)
	}
	var text bytes.Buffer
	if err := told.Print(&text); err != nil {
		return nil, err
	}
	return &textAnswer{"text/plain; charset=utf-8", text.Bytes()}, nil
}
