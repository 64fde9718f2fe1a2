package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/store"
)

func (a *API) keyRoutes() {
	tags := []string{"keys"}
	route(a, huma.Operation{OperationID: "list-keys", Method: http.MethodGet, Path: "/records/{key}/keys", Tags: tags,
		Summary: "List a record's own SAML keys: the current one, the next, the former ones"}, a.listKeys)
	route(a, huma.Operation{OperationID: "announce-key", Method: http.MethodPost, Path: "/records/{key}/keys/next", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Make the next key, and announce it in our metadata"}, a.announceKey)
	route(a, huma.Operation{OperationID: "switch-key", Method: http.MethodPost, Path: "/records/{key}/keys/switch", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Sign with the next key from now on"}, a.switchKey)
	route(a, huma.Operation{OperationID: "retire-key", Method: http.MethodPost, Path: "/records/{key}/keys/retire", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Remove the former key, or the next one when there is no former"}, a.retireKey)
}

type key struct {
	Part        store.KeyPart `json:"part" enum:"current,next,former"`
	Since       time.Time     `json:"since" doc:"it has played this part"`
	Fingerprint string        `json:"fingerprint" doc:"of its certificate, SHA-256"`
	NotAfter    time.Time     `json:"not_after"`
}

type keysAnswer struct{ Body keyItems }

type keyItems struct {
	Items []key `json:"items"`
}

func (a *API) listKeys(ctx context.Context, in *struct {
	Key string `path:"key"`
}) (*keysAnswer, error) {
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	return a.keys(ctx, in.Key)
}

func (a *API) keys(ctx context.Context, record string) (*keysAnswer, error) {
	list, err := a.Upkeep.Keys(ctx, record)
	if err != nil {
		return nil, err
	}
	items := []key{}
	for _, one := range list {
		items = append(items, key{one.Part, one.Since, one.Fingerprint, one.NotAfter.UTC()})
	}
	return &keysAnswer{keyItems{items}}, nil
}

// Forced is the parameter of a step of a roll-over.
type Forced struct {
	Force bool `query:"force" doc:"Also before two days have passed since the step before, in which providers read our metadata. For owners."`
}

// roll takes a step of a roll-over, and shows the keys after it.
func (a *API) roll(ctx context.Context, record string, r Reasoned, step func(store.Author) error) (*keysAnswer, error) {
	by, err := a.author(ctx, r)
	if err != nil {
		return nil, err
	}
	if _, err := a.record(ctx, record); err != nil {
		return nil, err
	}
	if err := step(by); err != nil {
		return nil, err
	}
	return a.keys(ctx, record)
}

func (a *API) announceKey(ctx context.Context, in *struct {
	Key string `path:"key"`
	Reasoned
}) (*keysAnswer, error) {
	return a.roll(ctx, in.Key, in.Reasoned, func(by store.Author) error { return a.Upkeep.AnnounceKey(ctx, in.Key, by) })
}

func (a *API) switchKey(ctx context.Context, in *struct {
	Key string `path:"key"`
	Forced
	Reasoned
}) (*keysAnswer, error) {
	return a.roll(ctx, in.Key, in.Reasoned, func(by store.Author) error { return a.Upkeep.SwitchKey(ctx, in.Key, in.Force, by) })
}

func (a *API) retireKey(ctx context.Context, in *struct {
	Key string `path:"key"`
	Forced
	Reasoned
}) (*keysAnswer, error) {
	return a.roll(ctx, in.Key, in.Reasoned, func(by store.Author) error { return a.Upkeep.RetireKey(ctx, in.Key, in.Force, by) })
}
