package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/trace"
)

func (a *API) reapplyRoutes() {
	route(a, huma.Operation{OperationID: "apply-rules-to-user", Method: http.MethodPost, Path: "/users/{user}/apply-rules", DefaultStatus: http.StatusOK,
		Summary:     "Apply the rules now, to the last assertion of a person (S43)",
		Description: "Groups change as at a login; open sessions that the rules would not give any more end or are lowered. No level is raised."}, a.applyToUser)
	route(a, huma.Operation{OperationID: "apply-rules-to-record", Method: http.MethodPost, Path: "/records/{key}/apply-rules", DefaultStatus: http.StatusOK,
		Summary:     "Apply the rules now, to the last assertion of each person of a record (S43)",
		Description: "Each person is a transaction. When there are too many for one request, complete is false: those that were counted are done."}, a.applyToRecord)
	route(a, takes[idms.Document](a, huma.Operation{OperationID: "rehearse-record", Method: http.MethodPost, Path: "/records/{key}/rehearse", DefaultStatus: http.StatusOK,
		Summary:     "Say what a changed record would do to its people",
		Description: "The document is what the record would become. Nothing is written."}, maxRecord), a.rehearse)
}

type appliedRules struct {
	DryRun   bool               `json:"dry_run"`
	Changed  bool               `json:"changed"`
	User     string             `json:"user" doc:"account"`
	Username string             `json:"username"`
	Record   string             `json:"record"`
	Version  int                `json:"version" doc:"of the record that decided"`
	Recorded time.Time          `json:"recorded" doc:"when the assertion came"`
	Until    time.Time          `json:"until" doc:"when it is too old to decide by"`
	Admitted bool               `json:"admitted" doc:"false: a login would be refused now"`
	Code     trace.Code         `json:"code" doc:"why it would be refused; empty when admitted"`
	Console  string             `json:"console" enum:"full,restricted,none" doc:"what a login would give"`
	Groups   []idms.GroupReason `json:"groups" doc:"that change, and why"`
	Sessions []appliedSession   `json:"sessions" doc:"open ones that end, or may do less"`
	Trace    string             `json:"trace" doc:"reference; empty in a dry run and when nothing changed"`
}

type appliedSession struct {
	ID     string    `json:"id"`
	Opened time.Time `json:"opened"`
	From   string    `json:"from" enum:"full,restricted,none"`
	To     string    `json:"to" enum:"full,restricted,none"`
	Ends   bool      `json:"ends"`
}

func appliedRulesOf(done login.Reapplied, dryRun bool) appliedRules {
	out := appliedRules{
		DryRun: dryRun, Changed: done.Any(), User: done.Account.ID, Username: done.Account.Username,
		Record: done.Record, Version: done.Version, Recorded: done.Recorded, Until: done.Until,
		Admitted: done.Decision.Admitted, Code: done.Decision.Code, Console: done.Decision.Level.String(),
		Groups: orEmpty(done.Groups), Sessions: []appliedSession{}, Trace: done.Trace,
	}
	for _, one := range done.Sessions {
		out.Sessions = append(out.Sessions, appliedSession{one.ID, one.Opened, one.From.String(), one.To.String(), one.Ends})
	}
	return out
}

type appliedRulesAnswer struct{ Body appliedRules }

func (a *API) applyToUser(ctx context.Context, in *struct {
	User string `path:"user"`
	Tried
	Reasoned
}) (*appliedRulesAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if _, err := a.person(ctx, in.User); err != nil {
		return nil, err
	}
	done, err := a.Flow.Reapply(ctx, in.User, login.How{By: by, Preview: in.DryRun})
	if err != nil {
		return nil, err
	}
	return &appliedRulesAnswer{appliedRulesOf(done, in.DryRun)}, nil
}

// maxApplied bounds the people that an answer tells of; all are counted.
const maxApplied = 100

type appliedToAll struct {
	DryRun   bool                 `json:"dry_run"`
	Complete bool                 `json:"complete" doc:"false: time was over before everybody was looked at. idms reapply --all has no such end."`
	Totals   login.ReappliedToAll `json:"totals"`
	Items    []appliedRules       `json:"items" doc:"those for whom something changes, at most 100 of them"`
}

type appliedToAllAnswer struct{ Body appliedToAll }

// answerTime is left of a request's time to write what was done.
const answerTime = 2 * time.Second

func (a *API) applyToRecord(ctx context.Context, in *struct {
	Key string `path:"key"`
	Tried
	Reasoned
}) (*appliedToAllAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	out := appliedToAll{DryRun: in.DryRun, Complete: true, Items: []appliedRules{}}
	working, stop := context.WithTimeout(ctx, handlerTime-answerTime)
	defer stop()
	out.Totals, err = a.Flow.ReapplyToAll(working, in.Key, login.How{By: by, Preview: in.DryRun}, func(done login.Reapplied) error {
		if len(out.Items) < maxApplied {
			out.Items = append(out.Items, appliedRulesOf(done, in.DryRun))
		}
		return nil
	})
	if errors.Is(working.Err(), context.DeadlineExceeded) && err != nil {
		out.Complete, err = false, nil
	}
	if err != nil {
		return nil, err
	}
	return &appliedToAllAnswer{out}, nil
}

type rehearsal struct {
	Record       string     `json:"record"`
	People       int        `json:"people" doc:"of the record"`
	Unknown      int        `json:"unknown" doc:"nothing is recorded to go by"`
	Unchanged    int        `json:"unchanged"`
	GainLogin    idms.Some  `json:"gain_login"`
	LoseLogin    idms.Some  `json:"lose_login"`
	OtherAccount idms.Some  `json:"other_account" doc:"whom the mapping would take for another account"`
	Raised       idms.Some  `json:"level_raised"`
	Lowered      idms.Some  `json:"level_lowered"`
	Joins        []groupSum `json:"join"`
	Leaves       []groupSum `json:"leave"`
}

type groupSum struct {
	Group string `json:"group"`
	idms.Some
}

type rehearsalAnswer struct{ Body rehearsal }

func (a *API) rehearse(ctx context.Context, in *struct {
	Key string `path:"key"`
	Reasoned
}) (*rehearsalAnswer, error) {
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	document, problems := read[idms.Document](ctx)
	if document.Key != in.Key && document.Key != "" {
		problems.Add("key", "The key of a record never changes. Write %s.", in.Key)
	}
	candidate, wrong := document.Checked()
	if err := invalid(merged(problems, wrong)); err != nil {
		return nil, err
	}
	if candidate, err = a.filled(ctx, candidate, by); err != nil {
		return nil, err
	}
	r, err := a.Flow.Rehearse(ctx, candidate)
	if fault.KindOf(err) == fault.Invalid {
		return nil, inRecord(err)
	}
	if err != nil {
		return nil, err
	}
	return &rehearsalAnswer{rehearsal{
		Record: in.Key, People: r.People, Unknown: r.Unknown, Unchanged: r.Unchanged,
		GainLogin: some(r.GainLogin), LoseLogin: some(r.LoseLogin), OtherAccount: some(r.OtherAccount),
		Raised: some(r.Raised), Lowered: some(r.Lowered), Joins: groupSums(r.Joins), Leaves: groupSums(r.Leaves),
	}}, nil
}

func some(of idms.Some) idms.Some {
	of.First = orEmpty(of.First)
	return of
}

func groupSums(of map[string]idms.Some) []groupSum {
	list := []groupSum{}
	for _, key := range slices.Sorted(maps.Keys(of)) {
		list = append(list, groupSum{key, some(of[key])})
	}
	return list
}
