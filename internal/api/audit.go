package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/audit"
	"idms/internal/store"
)

func (a *API) auditRoutes() {
	route(a, huma.Operation{OperationID: "list-events", Method: http.MethodGet, Path: "/audit", Summary: "List the audit trail, newest first"}, a.listEvents)
}

func (a *API) listEvents(ctx context.Context, in *struct {
	Paged
	Record string    `query:"record" maxLength:"63" doc:"Only events of this record."`
	User   string    `query:"user" maxLength:"36" doc:"Only events of this account."`
	Group  string    `query:"group" maxLength:"63" doc:"Only events of this group."`
	Action string    `query:"action" maxLength:"63" doc:"Only events of this action."`
	Who    string    `query:"who" maxLength:"400" doc:"Only events by this administrator, as their events name them: grace, command line: root, or token: ci."`
	Alarms bool      `query:"alarms" doc:"Only those that somebody should look at."`
	From   time.Time `query:"from" doc:"Only events from this instant on."`
	To     time.Time `query:"to" doc:"Only events before this instant."`
}) (*listed[audit.Event], error) {
	events, next, err := a.Flow.Store.Events(ctx, store.EventFilter{
		Record: in.Record, User: in.User, Group: in.Group, Action: audit.Action(in.Action), Who: in.Who, Alarms: in.Alarms, From: in.From, To: in.To,
	}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(events, next, func(e audit.Event) audit.Event { return e }), nil
}
