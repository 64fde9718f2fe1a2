package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/store"
)

func (a *API) sessionRoutes() {
	route(a, huma.Operation{OperationID: "list-sessions", Method: http.MethodGet, Path: "/sessions", Summary: "List open sessions, newest first"}, a.listSessions)
	route(a, huma.Operation{OperationID: "end-session", Method: http.MethodDelete, Path: "/sessions/{session}", Summary: "End a session"}, a.endSession)
}

type sessionSummary struct {
	ID            string        `json:"id" doc:"safe to show: it opens nothing"`
	User          string        `json:"user" doc:"account"`
	Username      string        `json:"username"`
	Record        string        `json:"record"`
	Level         console.Level `json:"level" doc:"full, restricted or none, now"`
	Why           string        `json:"why"`
	ElevatedUntil *time.Time    `json:"elevated_until" doc:"null unless elevated now"`
	Opened        time.Time     `json:"opened"`
	Seen          time.Time     `json:"seen" doc:"last use, exact to a minute"`
	Expires       time.Time     `json:"expires"`
}

func (a *API) listSessions(ctx context.Context, in *struct {
	Paged
	User   string `query:"user" maxLength:"36" doc:"Only sessions of this account."`
	Record string `query:"record" maxLength:"63" doc:"Only sessions through this record."`
}) (*listed[sessionSummary], error) {
	return a.sessions(ctx, store.SessionFilter{User: in.User, Record: in.Record}, in.Paged)
}

func (a *API) sessions(ctx context.Context, filter store.SessionFilter, in Paged) (*listed[sessionSummary], error) {
	now := a.Clock()
	list, next, err := a.Flow.Store.Sessions(ctx, filter, now, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, func(one store.OpenSession) sessionSummary {
		s := one.Session
		summary := sessionSummary{
			ID: s.ID, User: s.UserID, Username: one.Username, Record: s.RecordKey, Level: s.LevelAt(now), Why: s.Why,
			Opened: s.Opened, Seen: s.Seen, Expires: s.Expires,
		}
		if now.Before(s.ElevatedUntil) {
			summary.ElevatedUntil = &s.ElevatedUntil
		}
		return summary
	}), nil
}

func (a *API) endSession(ctx context.Context, in *struct {
	Session string `path:"session"`
	Reasoned
}) (*nothing, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	ended, err := a.Flow.Store.EndSessionByID(ctx, in.Session, by)
	if err == nil && !ended {
		err = fault.New(fault.NotFound, "There is no such session, or it has ended.")
	}
	return nil, err
}
