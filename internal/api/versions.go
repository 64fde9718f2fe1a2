package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/audit"
	"idms/internal/idms"
	"idms/internal/store"
)

func (a *API) versionRoutes() {
	tags := []string{"versions"}
	route(a, huma.Operation{OperationID: "list-versions", Method: http.MethodGet, Path: "/records/{key}/versions", Tags: tags,
		Summary: "List the versions of a record, newest first"}, a.listVersions)
	route(a, huma.Operation{OperationID: "get-version", Method: http.MethodGet, Path: "/records/{key}/versions/{version}", Tags: tags,
		Summary: "Read one version of a record"}, a.getVersion)
	route(a, huma.Operation{OperationID: "compare-versions", Method: http.MethodGet, Path: "/records/{key}/compare", Tags: tags,
		Summary: "Tell two versions of a record apart"}, a.compareVersions)
	route(a, huma.Operation{OperationID: "restore-version", Method: http.MethodPost, Path: "/records/{key}/versions/{version}/restore", Tags: tags,
		Summary: "Make a former version the current one again, as a new version", DefaultStatus: http.StatusOK}, a.restoreVersion)
}

type versionSummary struct {
	Version int       `json:"version"`
	Author  string    `json:"author"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

func (a *API) listVersions(ctx context.Context, in *struct {
	Key string `path:"key"`
	Paged
}) (*listed[versionSummary], error) {
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	versions, next, err := a.Flow.Store.VersionsPage(ctx, in.Key, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(versions, next, func(v store.Version) versionSummary {
		return versionSummary{v.Number, v.Author, v.Reason, v.At}
	}), nil
}

// version is one of a record that is there. The versions of a deleted one are kept
// for the traces of its logins alone.
func (a *API) version(ctx context.Context, key string, number int) (idms.Record, error) {
	if _, err := a.record(ctx, key); err != nil {
		return idms.Record{}, err
	}
	return a.Flow.Store.RecordAt(ctx, key, number)
}

func (a *API) getVersion(ctx context.Context, in *struct {
	Key     string `path:"key"`
	Version int    `path:"version" minimum:"1" maximum:"2147483647"`
	Known
}) (*recordAnswer, error) {
	record, err := a.version(ctx, in.Key, in.Version)
	if err != nil {
		return nil, err
	}
	etag := versionTag(record.Version)
	if err := in.of(etag); err != nil {
		return nil, err
	}
	return &recordAnswer{etag, recordBody(idms.DocumentOf(record))}, nil
}

// Comparison is what is different between two versions.
type Comparison struct {
	From    int            `json:"from"`
	To      int            `json:"to"`
	Changes []audit.Change `json:"changes"`
}

type comparisonAnswer struct{ Body Comparison }

func (a *API) compareVersions(ctx context.Context, in *struct {
	Key  string `path:"key"`
	From int    `query:"from" required:"true" minimum:"1" maximum:"2147483647"`
	To   int    `query:"to" required:"true" minimum:"1" maximum:"2147483647"`
}) (*comparisonAnswer, error) {
	var sides [2]idms.Record
	for i, number := range []int{in.From, in.To} {
		var err error
		if sides[i], err = a.version(ctx, in.Key, number); err != nil {
			return nil, err
		}
	}
	changes, err := idms.Changes(sides[0], sides[1])
	if err != nil {
		return nil, err
	}
	return &comparisonAnswer{Comparison{in.From, in.To, orEmpty(changes)}}, nil
}

func (a *API) restoreVersion(ctx context.Context, in *struct {
	Key     string `path:"key"`
	Version int    `path:"version" minimum:"1" maximum:"2147483647"`
	Seen
	Tried
	Reasoned
}) (*savedRecord, error) {
	before, err := a.record(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	if err := in.of(versionTag(before.Version)); err != nil {
		return nil, err
	}
	former, err := a.Flow.Store.RecordAt(ctx, in.Key, in.Version)
	if err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	applied, err := a.Flow.Store.Restore(ctx, in.Key, in.Version, by, store.How{DryRun: in.DryRun, Seen: map[string]int{in.Key: before.Version}})
	if err != nil {
		return nil, inRecord(err)
	}
	return a.savedAs(former, applied, before.Version, in.Tried), nil
}
