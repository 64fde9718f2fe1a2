package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/fault"
	"idms/internal/store"
)

func (a *API) leftBehindRoutes() {
	tags := []string{"memberships"}
	route(a, huma.Operation{OperationID: "list-left-behind", Method: http.MethodGet, Path: "/left-behind", Tags: tags,
		Summary:     "List what deleted associations left in groups (S34)",
		Description: "By group, record and rule; at most 1,000, and more is true when there are further ones."}, a.listLeftBehind)
	route(a, takes[settleDocument](a, huma.Operation{OperationID: "settle-left-behind", Method: http.MethodPost, Path: "/left-behind", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Remove what deleted associations left, or adopt it",
		Description: "remove takes the reason away, and whoever has no other leaves the group; adopt puts the author's hand in its place. " +
			"One transaction for at most 1,000 associations. The built-in groups are for owners: 403 by name, and left out of all."}, maxSmall), a.settleLeftBehind)
}

// LeftBehind is what one deleted association left in one group.
type LeftBehind struct {
	Group   groupDocument `json:"group"`
	Record  string        `json:"record"`
	Rule    string        `json:"rule" doc:"key of the association, which is gone or speaks of another group"`
	Members int           `json:"members" doc:"people for whom it is a reason to be in the group"`
}

// LeftBehindOf writes down a list of what was left; without any it is [].
func LeftBehindOf(list []store.Left) []LeftBehind {
	shown := make([]LeftBehind, len(list))
	for i, one := range list {
		shown[i] = LeftBehind{groupDocument{one.Group.Key, one.Group.Name}, one.Record, one.Rule, one.Members}
	}
	return shown
}

type leftBehindAnswer struct{ Body leftBehindItems }

type leftBehindItems struct {
	Items []LeftBehind `json:"items"`
	More  bool         `json:"more"`
}

func (a *API) listLeftBehind(ctx context.Context, in *struct {
	Group  string `query:"group" maxLength:"63" doc:"Only in this group."`
	Record string `query:"record" maxLength:"63" doc:"Only by this record."`
	User   string `query:"user" maxLength:"36" doc:"Only for this account."`
}) (*leftBehindAnswer, error) {
	list, more, err := a.Flow.Store.LeftBehind(ctx, store.LeftChoice{Group: in.Group, Record: in.Record, User: in.User})
	if err != nil {
		return nil, err
	}
	return &leftBehindAnswer{leftBehindItems{LeftBehindOf(list), more}}, nil
}

// settleDocument says what to do with what was left. Nothing that is left out of it
// means everything: for that there is all.
type settleDocument struct {
	Action string `json:"action"`
	All    bool   `json:"all,omitempty"`
	Group  string `json:"group,omitempty"`
	Record string `json:"record,omitempty"`
	Rule   string `json:"rule,omitempty"`
	User   string `json:"user,omitempty"`
	Expect int    `json:"expect,omitempty"`
	Hash   string `json:"hash,omitempty"`
}

func (d settleDocument) problems() fault.Problems {
	var problems fault.Problems
	if d.Action != "remove" && d.Action != "adopt" {
		problems.Add("action", "Write remove or adopt.")
	}
	named := d.Group+d.Record+d.Rule+d.User != ""
	switch {
	case d.All && named:
		problems.Add("all", "Choose all, or name a group, a record, a rule or a user.")
	case !d.All && !named:
		problems.Add("group", "Name a group, a record, a rule or a user; or write all.")
	}
	if d.Expect < 0 {
		problems.Add("expect", "Write how many reasons you have seen.")
	}
	return problems
}

// Settled is what a settlement did, or in a dry run would have done.
type Settled struct {
	DryRun  bool         `json:"dry_run"`
	Items   []LeftBehind `json:"items" doc:"what was left, before"`
	More    bool         `json:"more" doc:"there is further: ask again"`
	Reasons int          `json:"reasons" doc:"taken away: a person in a group by one association is one"`
	People  int          `json:"people" doc:"in a group each"`
	Leaving int          `json:"leaving" doc:"of them, those whom nothing else keeps in the group"`
	Hash    string       `json:"hash" doc:"the same as long as the same is done to the same people; what a change holds itself to"`
}

// SettledOf writes down what was done.
func SettledOf(how store.Settlement, done store.Settled) Settled {
	return Settled{how.DryRun, LeftBehindOf(done.Left), done.More, done.Reasons, done.People, done.Leaving, done.Hash}
}

type settledAnswer struct{ Body Settled }

// settleLeftBehind asks for no If-Match: what it changes has no document. Hash, or
// Expect, takes its place.
func (a *API) settleLeftBehind(ctx context.Context, in *struct {
	Tried
	Reasoned
}) (*settledAnswer, error) {
	document, problems := read[settleDocument](ctx)
	if err := invalid(merged(problems, document.problems())); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	how := store.Settlement{Adopt: document.Action == "adopt", DryRun: in.DryRun, Expect: document.Expect, Seen: document.Hash}
	done, err := a.Flow.Store.SettleLeftBehind(ctx,
		store.LeftChoice{Group: document.Group, Record: document.Record, Rule: document.Rule, User: document.User}, how, by)
	if err != nil {
		return nil, err
	}
	return &settledAnswer{SettledOf(how, done)}, nil
}
