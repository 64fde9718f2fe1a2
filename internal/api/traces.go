package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/audit"
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
	route(a, huma.Operation{OperationID: "compare-trace", Method: http.MethodGet, Path: "/traces/{ref}/compare",
		Summary:     "Compare a login with the last one of the same person that was admitted",
		Description: "When nobody is known by it, with anybody's last one through the record: its steps and the record alone then."}, a.compareTrace)
	route(a, huma.Operation{OperationID: "get-response", Method: http.MethodGet, Path: "/traces/{ref}/response", Summary: "Read the response of a login as it arrived",
		Description: "Of a record that keeps them (saml.keep_responses_until), for seven days. A response that nobody has accepted yet could log somebody in: " +
			"each reading is an event response_read."}, a.getResponse)
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
	Username string     `json:"username,omitempty" doc:"of somebody who was refused and had no account, as a response that was proved said it"`
	Test     bool       `json:"test" doc:"a test login, which let nobody in; code is empty when it passed"`
}

// TraceSummaryOf writes down a login of a list.
func TraceSummaryOf(t store.Trace) TraceSummary {
	return TraceSummary{t.Ref, t.Record, t.Version, t.At, t.Verified, t.Admitted, t.Code, t.UserID, t.Username, t.Test}
}

func (a *API) listTraces(ctx context.Context, in *struct {
	Paged
	Record  string    `query:"record" maxLength:"63" doc:"Only logins through this record."`
	User    string    `query:"user" maxLength:"36" doc:"Only logins of this account."`
	Name    string    `query:"username" maxLength:"1024" doc:"Only logins of this username, whole and case aside, through whatever record: those of who was refused and had no account included, when the response was proved."`
	Outcome string    `query:"outcome" enum:"admitted,refused" doc:"Only logins that ended so."`
	Code    string    `query:"code" maxLength:"63" doc:"Only logins refused for this reason."`
	From    time.Time `query:"from" doc:"Only logins from this instant on."`
	To      time.Time `query:"to" doc:"Only logins before this instant."`
}) (*listed[TraceSummary], error) {
	list, next, err := a.Flow.Store.Traces(ctx, store.TraceFilter{
		Record: in.Record, User: in.User, Username: in.Name, Outcome: store.Outcome(in.Outcome), Code: trace.Code(in.Code), From: in.From, To: in.To,
	}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, TraceSummaryOf), nil
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
	whole := traceWhole{TraceSummary: TraceSummaryOf(told.Trace), Purpose: told.Purpose, Protocol: orEmpty(told.Protocol)}
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

type traceComparison struct {
	Say        string           `json:"say" doc:"what is different since it last worked, in words"`
	Now        TraceSummary     `json:"now"`
	Then       *TraceSummary    `json:"then,omitempty" doc:"left out: none is still explained"`
	With       string           `json:"with" enum:"person,record" doc:"whose login it is compared with"`
	Record     []audit.Change   `json:"record" doc:"what its later version says otherwise"`
	Steps      []comparedStep   `json:"steps" doc:"that ended otherwise, or found something else"`
	Attributes []comparedValues `json:"attributes"`
	Rules      []comparedRule   `json:"rules"`
	Groups     []comparedGroup  `json:"groups" doc:"that one of the two logins gave and the other not"`
}

type comparedStep struct {
	Name string     `json:"name"`
	Then trace.Step `json:"then"`
	Now  trace.Step `json:"now"`
}

type comparedValues struct {
	Name string   `json:"name"`
	Gone []string `json:"gone"`
	Came []string `json:"came"`
}

type comparedRule struct {
	List    string            `json:"list"`
	Key     string            `json:"key"`
	Changed bool              `json:"changed" doc:"the rule itself says something else now"`
	Then    *idms.RuleFinding `json:"then,omitempty" doc:"left out: the rule was not there"`
	Now     *idms.RuleFinding `json:"now,omitempty" doc:"left out: the rule is not there any more"`
}

type comparedGroup struct {
	Group string `json:"group"`
	Then  bool   `json:"then"`
	Now   bool   `json:"now"`
}

type traceComparisonAnswer struct{ Body traceComparison }

func (a *API) compareTrace(ctx context.Context, in *struct {
	Ref string `path:"ref" maxLength:"40"`
}) (*traceComparisonAnswer, error) {
	c, err := a.Flow.CompareLogin(ctx, in.Ref)
	if err != nil {
		return nil, ofTrace(err)
	}
	out := traceComparison{Say: c.Say(), Now: TraceSummaryOf(c.Now.Trace), With: string(c.With), Record: orEmpty(c.Record),
		Steps: []comparedStep{}, Attributes: []comparedValues{}, Rules: []comparedRule{}, Groups: []comparedGroup{}}
	if c.Then != nil {
		out.Then = new(TraceSummaryOf(c.Then.Trace))
	}
	for _, one := range c.Steps {
		out.Steps = append(out.Steps, comparedStep{one.Name, one.Then, one.Now})
	}
	for _, one := range c.Attributes {
		out.Attributes = append(out.Attributes, comparedValues{one.Name, orEmpty(one.Gone), orEmpty(one.Came)})
	}
	for _, one := range c.Rules {
		out.Rules = append(out.Rules, comparedRule{one.List, one.Key, one.Changed, one.Then, one.Now})
	}
	for _, one := range c.Groups {
		out.Groups = append(out.Groups, comparedGroup{one.Group, one.Then, one.Now})
	}
	return &traceComparisonAnswer{out}, nil
}

type arrived struct {
	Ref    string `json:"ref"`
	Posted string `json:"posted" doc:"the SAMLResponse field as the browser posted it, which idms check reads: base64 of XML, if it is what it should be"`
}

type arrivedAnswer struct{ Body arrived }

func (a *API) getResponse(ctx context.Context, in *struct {
	Ref string `path:"ref" maxLength:"40"`
	Reasoned
}) (*arrivedAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	kept, err := a.Flow.Store.Trace(ctx, in.Ref)
	if err != nil {
		return nil, ofTrace(err)
	}
	posted, err := a.Flow.Store.ReadResponse(ctx, kept.Ref, by)
	if err != nil {
		return nil, err
	}
	return &arrivedAnswer{arrived{kept.Ref, string(posted)}}, nil
}

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
