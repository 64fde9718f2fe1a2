package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

func (a *API) userRoutes() {
	route(a, huma.Operation{OperationID: "list-users", Method: http.MethodGet, Path: "/users", Summary: "List people by username"}, a.listUsers)
	route(a, takes[localDocument](a, huma.Operation{OperationID: "create-user", Method: http.MethodPost, Path: "/users", DefaultStatus: http.StatusCreated,
		Summary:     "Make a local person, who comes with a password of their own",
		Description: "They have none yet: make a password-address for them. With a role they are an administrator. People of other records are made by their logins, and by a directory."}, maxSmall), a.createUser)
	route(a, huma.Operation{OperationID: "get-user", Method: http.MethodGet, Path: "/users/{user}", Summary: "Read a person, with their groups"}, a.getUser)
	route(a, huma.Operation{OperationID: "block-user", Method: http.MethodPost, Path: "/users/{user}/block", DefaultStatus: http.StatusOK,
		Summary: "Keep a person from logging in, and end their sessions"}, a.blockUser)
	route(a, huma.Operation{OperationID: "unblock-user", Method: http.MethodPost, Path: "/users/{user}/unblock", DefaultStatus: http.StatusOK,
		Summary: "Unblock a person"}, a.unblockUser)
	route(a, takes[erasureDocument](a, huma.Operation{OperationID: "erase-user", Method: http.MethodPost, Path: "/users/{user}/erase", DefaultStatus: http.StatusOK,
		Summary: "Erase a person with all that is kept of them",
		Description: "It cannot be taken back. The username must be the person's, exactly: 422 otherwise. The audit trail keeps what happened under the account's id, " +
			"without name and addresses. The last owner who can log in stays: 409."}, maxSmall), a.eraseUser)
	route(a, huma.Operation{OperationID: "list-sessions-of-user", Method: http.MethodGet, Path: "/users/{user}/sessions", Tags: []string{"sessions"},
		Summary: "List the sessions of a person, newest first"}, a.listSessionsOfUser)
	route(a, huma.Operation{OperationID: "end-sessions-of-user", Method: http.MethodDelete, Path: "/users/{user}/sessions", Tags: []string{"sessions"},
		DefaultStatus: http.StatusOK, Summary: "End all sessions of a person"}, a.endSessionsOfUser)
}

// UserSummary is a person as a list shows them.
type UserSummary struct {
	ID        string      `json:"id"`
	Record    string      `json:"record" doc:"key of the record through which they come"`
	Username  string      `json:"username" doc:"as it was sent last; unique within its record only"`
	Email     string      `json:"email"`
	FirstName string      `json:"first_name"`
	LastName  string      `json:"last_name"`
	Phone     string      `json:"phone"`
	State     users.State `json:"state" enum:"enabled,blocked,disabled" doc:"blocked by an administrator, disabled by the directory"`
	Created   time.Time   `json:"created"`
	LastSeen  *time.Time  `json:"last_seen" doc:"last admitted login; null: none"`
}

// UserSummaryOf writes down a person of a list.
func UserSummaryOf(one store.Listed) UserSummary {
	a := one.Account
	summary := UserSummary{
		ID: a.ID, Record: one.Record.Key, Username: a.Username, Email: a.Email, FirstName: a.FirstName, LastName: a.LastName,
		Phone: a.Phone, State: a.State, Created: a.Created, LastSeen: instantOrNull(a.LastSeen),
	}
	if summary.State == "" {
		summary.State = users.Enabled
	}
	return summary
}

func instantOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// User is a person with their groups.
type User struct {
	UserSummary
	NameID string       `json:"name_id" doc:"of the last login (S42)"`
	Groups []membership `json:"groups"`
}

type userAnswer struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     User
}

// UserOf writes down a person.
func UserOf(person store.Person) User {
	return User{
		UserSummary: UserSummaryOf(store.Listed{Account: person.Account, Record: person.Record}),
		NameID:      person.Account.NameID, Groups: membershipsOf(person),
	}
}

// person finds somebody by account ID, or is fault.NotFound.
func (a *API) person(ctx context.Context, id string) (store.Person, error) {
	person, err := a.Flow.Store.Person(ctx, id)
	if fault.KindOf(err) == fault.NotFound { // in words that do not repeat what stands in the address
		err = fault.New(fault.NotFound, "There is no such person.")
	}
	return person, err
}

func (a *API) listUsers(ctx context.Context, in *struct {
	Paged
	Search string `query:"q" maxLength:"200" doc:"Part of the username, the e-mail address or the name, case aside."`
	Record string `query:"record" maxLength:"63" doc:"Only people of this record."`
	State  string `query:"state" enum:"enabled,blocked,disabled" doc:"Only people in this state."`
}) (*listed[UserSummary], error) {
	list, next, err := a.Flow.Store.Users(ctx, store.UserFilter{Search: in.Search, Record: in.Record, State: users.State(in.State)}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, UserSummaryOf), nil
}

func (a *API) getUser(ctx context.Context, in *struct {
	User string `path:"user"`
	Known
}) (*userAnswer, error) {
	person, err := a.person(ctx, in.User)
	if err != nil {
		return nil, err
	}
	shown := UserOf(person)
	etag := digestTag(shown)
	if err := in.of(etag); err != nil {
		return nil, err
	}
	return &userAnswer{ETag: etag, Body: shown}, nil
}

// localDocument is a local person whom somebody makes.
type localDocument struct {
	Username  string `json:"username"`
	Email     string `json:"email"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Phone     string `json:"phone,omitempty"`
	Role      string `json:"role,omitempty"`
}

func (a *API) createUser(ctx context.Context, in *struct{ Reasoned }) (*userAnswer, error) {
	document, problems := read[localDocument](ctx)
	profile := users.Profile{Username: document.Username, Email: document.Email, FirstName: document.FirstName, LastName: document.LastName, Phone: document.Phone}
	role := roles.Role(document.Role)
	wrong := profile.CheckLocal()
	if role != roles.None && !role.Known() {
		wrong.Add("role", "Write owner, editor or reader, or leave it out.")
	}
	if err := invalid(merged(problems, wrong)); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	id, err := a.Flow.Store.CreateLocal(ctx, profile, role, by)
	if err != nil {
		return nil, err
	}
	person, err := a.person(ctx, id)
	if err != nil {
		return nil, err
	}
	shown := UserOf(person)
	return &userAnswer{digestTag(shown), base + "/users/" + id, shown}, nil
}

type userChange struct {
	User  User `json:"user"`
	Ended int  `json:"sessions_ended"`
}

type userChangeAnswer struct{ Body userChange }

// Blocking and unblocking ask for no If-Match: each names the state that it leads
// to, and nobody's edit can be lost.
func (a *API) blockUser(ctx context.Context, in *struct {
	User string `path:"user"`
	Reasoned
}) (*userChangeAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	ended, err := a.Flow.Store.Block(ctx, in.User, by)
	if err != nil {
		return nil, err
	}
	return a.changedUser(ctx, in.User, ended)
}

func (a *API) unblockUser(ctx context.Context, in *struct {
	User string `path:"user"`
	Reasoned
}) (*userChangeAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if err := a.Flow.Store.Unblock(ctx, in.User, by); err != nil {
		return nil, err
	}
	return a.changedUser(ctx, in.User, 0)
}

// erasureDocument names whom to erase once more, as the page asks for it: an
// account ID shows nobody who it is that goes.
type erasureDocument struct {
	Username string `json:"username"`
}

// Erased is what went with a person, or in a dry run would have gone.
type Erased struct {
	DryRun      bool `json:"dry_run"`
	Sessions    int  `json:"sessions_ended"`
	Memberships int  `json:"memberships_deleted"`
	Traces      int  `json:"traces_deleted"`
}

// ErasedOf writes down what went.
func ErasedOf(how store.Erasure, gone store.Erased) Erased {
	return Erased{how.DryRun, gone.Sessions, gone.Memberships, gone.Traces}
}

type erasedAnswer struct{ Body Erased }

// eraseUser asks for no If-Match: whatever somebody changed of the person meanwhile
// goes with them.
func (a *API) eraseUser(ctx context.Context, in *struct {
	User string `path:"user"`
	Tried
	Reasoned
}) (*erasedAnswer, error) {
	document, problems := read[erasureDocument](ctx)
	if err := invalid(problems); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	how := store.Erasure{Username: document.Username, DryRun: in.DryRun}
	gone, err := a.Flow.Store.ErasePerson(ctx, in.User, how, by)
	if fault.KindOf(err) == fault.Invalid {
		problems.AddError("username", err)
		return nil, invalid(problems)
	}
	if err != nil {
		return nil, err
	}
	return &erasedAnswer{ErasedOf(how, gone)}, nil
}

func (a *API) changedUser(ctx context.Context, id string, ended int) (*userChangeAnswer, error) {
	person, err := a.person(ctx, id)
	if err != nil {
		return nil, err
	}
	return &userChangeAnswer{userChange{UserOf(person), ended}}, nil
}

func (a *API) listSessionsOfUser(ctx context.Context, in *struct {
	User string `path:"user"`
	Paged
}) (*listed[sessionSummary], error) {
	person, err := a.person(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return a.sessions(ctx, store.SessionFilter{User: person.Account.ID}, in.Paged)
}

type endedAnswer struct{ Body ended }

type ended struct {
	Ended int `json:"sessions_ended"`
}

func (a *API) endSessionsOfUser(ctx context.Context, in *struct {
	User string `path:"user"`
	Reasoned
}) (*endedAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	n, err := a.Flow.Store.EndSessionsOfUser(ctx, in.User, by)
	return &endedAnswer{ended{n}}, err
}
