package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/groups"
	"idms/internal/store"
)

func (a *API) memberRoutes() {
	tags := []string{"memberships"}
	route(a, huma.Operation{OperationID: "list-members", Method: http.MethodGet, Path: "/groups/{key}/members", Tags: tags,
		Summary: "List the people of a group, and why each is in it"}, a.listMembers)
	route(a, huma.Operation{OperationID: "add-member", Method: http.MethodPut, Path: "/groups/{key}/members/{user}", Tags: tags,
		Summary:     "Put a person into a group by hand",
		Description: "Who is in it already gets one more reason (S35). A login with update_on_login may end it again (S31)."}, a.addMember)
	route(a, huma.Operation{OperationID: "remove-member", Method: http.MethodDelete, Path: "/groups/{key}/members/{user}", Tags: tags, DefaultStatus: http.StatusOK,
		Summary:     "End what administrators granted to a person",
		Description: "Who is in the group for other reasons alone stays: 409, with the reasons."}, a.removeMember)
	route(a, huma.Operation{OperationID: "list-groups-of-user", Method: http.MethodGet, Path: "/users/{user}/groups", Tags: tags,
		Summary: "List the groups of a person, and why they are in each"}, a.listGroupsOfUser)
}

// Member is a person of a group, and why they are in it.
type Member struct {
	User    UserSummary     `json:"user"`
	Sources []groups.Source `json:"sources" doc:"every reason for being in the group, and since when"`
}

// MemberOf writes down a person of a group.
func MemberOf(m store.Member) Member { return Member{UserSummaryOf(m.Listed), m.Sources} }

type membership struct {
	Group   groupDocument   `json:"group"`
	Sources []groups.Source `json:"sources" doc:"every reason for being in the group, and since when; [] is not in it"`
}

type membershipAnswer struct{ Body membership }

func (a *API) listMembers(ctx context.Context, in *struct {
	Key string `path:"key"`
	Paged
}) (*listed[Member], error) {
	list, next, err := a.Flow.Store.Members(ctx, in.Key, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, MemberOf), nil
}

func (a *API) addMember(ctx context.Context, in *struct {
	Key  string `path:"key"`
	User string `path:"user"`
	Reasoned
}) (*membershipAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if err := a.Flow.Store.AddMember(ctx, in.Key, in.User, by); err != nil {
		return nil, err
	}
	return a.membership(ctx, in.Key, in.User)
}

func (a *API) removeMember(ctx context.Context, in *struct {
	Key  string `path:"key"`
	User string `path:"user"`
	Reasoned
}) (*membershipAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if err := a.Flow.Store.RemoveMember(ctx, in.Key, in.User, by); err != nil {
		return nil, err
	}
	return a.membership(ctx, in.Key, in.User)
}

// membership is a person's in one group, as it is now.
func (a *API) membership(ctx context.Context, key, user string) (*membershipAnswer, error) {
	group, err := a.Flow.Store.Group(ctx, key)
	if err != nil {
		return nil, err
	}
	person, err := a.person(ctx, user)
	if err != nil {
		return nil, err
	}
	answer := &membershipAnswer{membership{groupDocument{group.Key, group.Name}, []groups.Source{}}}
	for _, one := range person.Groups {
		if one.Group.Key == key {
			answer.Body.Sources = one.Sources
		}
	}
	return answer, nil
}

// membershipsAnswer is not a page: a person's groups are read at every login, all
// of them.
type membershipsAnswer struct{ Body membershipItems }

type membershipItems struct {
	Items []membership `json:"items"`
}

func (a *API) listGroupsOfUser(ctx context.Context, in *struct {
	User string `path:"user"`
}) (*membershipsAnswer, error) {
	person, err := a.person(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return &membershipsAnswer{membershipItems{membershipsOf(person)}}, nil
}

func membershipsOf(person store.Person) []membership {
	list := []membership{}
	for _, one := range person.Groups {
		list = append(list, membership{groupDocument{one.Group.Key, one.Group.Name}, one.Sources})
	}
	return list
}
