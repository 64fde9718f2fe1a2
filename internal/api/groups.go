package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/groups"
	"idms/internal/idms"
)

func (a *API) groupRoutes() {
	route(a, huma.Operation{OperationID: "list-groups", Method: http.MethodGet, Path: "/groups", Summary: "List groups by key"}, a.listGroups)
	route(a, takes[groupDocument](a, huma.Operation{OperationID: "create-group", Method: http.MethodPost, Path: "/groups",
		Summary: "Create a group", DefaultStatus: http.StatusCreated}, maxSmall), a.createGroup)
	route(a, huma.Operation{OperationID: "get-group", Method: http.MethodGet, Path: "/groups/{key}", Summary: "Read a group"}, a.getGroup)
	route(a, takes[groupDocument](a, huma.Operation{OperationID: "rename-group", Method: http.MethodPut, Path: "/groups/{key}", Summary: "Rename a group"}, maxSmall), a.renameGroup)
	route(a, huma.Operation{OperationID: "delete-group", Method: http.MethodDelete, Path: "/groups/{key}", Summary: "Delete a group and its memberships",
		Description: "A group that a rule points at cannot be deleted: 409, with the rules' names (S38)."}, a.deleteGroup)
}

// groupDocument is a group, as in a record file.
type groupDocument struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

type groupAnswer struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     groupDocument
}

func groupAnswerOf(g groups.Group) *groupAnswer {
	shown := groupDocument{g.Key, g.Name}
	return &groupAnswer{ETag: digestTag(shown), Body: shown}
}

func (a *API) listGroups(ctx context.Context, in *struct{ Paged }) (*listed[groupDocument], error) {
	list, next, err := a.Flow.Store.GroupsPage(ctx, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, func(g groups.Group) groupDocument { return groupDocument{g.Key, g.Name} }), nil
}

func (a *API) getGroup(ctx context.Context, in *struct {
	Key string `path:"key"`
	Known
}) (*groupAnswer, error) {
	group, err := a.Flow.Store.Group(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	answer := groupAnswerOf(group)
	if err := in.of(answer.ETag); err != nil {
		return nil, err
	}
	return answer, nil
}

// readGroup is the group that came in, and everything that is wrong with it.
func readGroup(ctx context.Context) (groups.Group, error) {
	document, unread := read[groupDocument](ctx)
	group := groups.Group{Key: document.Key, Name: document.Name}
	return group, invalid(merged(unread, idms.CheckGroup(group)))
}

func (a *API) createGroup(ctx context.Context, in *struct{ Reasoned }) (*groupAnswer, error) {
	group, err := readGroup(ctx)
	if err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if err := a.Flow.Store.CreateGroup(ctx, group, by); err != nil {
		return nil, err
	}
	answer := groupAnswerOf(group)
	answer.Location = base + "/groups/" + group.Key
	return answer, nil
}

func (a *API) renameGroup(ctx context.Context, in *struct {
	Key string `path:"key"`
	Seen
	Reasoned
}) (*groupAnswer, error) {
	before, err := a.Flow.Store.Group(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	document, problems := read[groupDocument](ctx)
	group := groups.Group{Key: document.Key, Name: document.Name}
	problems = merged(problems, idms.CheckGroup(group))
	if group.Key != before.Key && group.Key != "" {
		problems.Add("key", "The key of a group never changes. Write %s, or create another group.", before.Key)
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if err := in.of(groupAnswerOf(before).ETag); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if err := a.Flow.Store.RenameGroup(ctx, group, before.Name, by); err != nil {
		return nil, err
	}
	return groupAnswerOf(group), nil
}

func (a *API) deleteGroup(ctx context.Context, in *struct {
	Key string `path:"key"`
	Seen
	Reasoned
}) (*nothing, error) {
	before, err := a.Flow.Store.Group(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	if err := in.of(groupAnswerOf(before).ETag); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	return nil, a.Flow.Store.DeleteSeenGroup(ctx, before.Key, before.Name, by)
}
