package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/store"
)

func (a *API) recordRoutes() {
	a.schemaOf(reflect.TypeFor[idms.Document]())
	route(a, huma.Operation{OperationID: "list-records", Method: http.MethodGet, Path: "/records", Summary: "List records by key"}, a.listRecords)
	route(a, takes[idms.Document](a, huma.Operation{OperationID: "create-record", Method: http.MethodPost, Path: "/records",
		Summary: "Create a record", Description: "The document is one record of a record file. A dry run answers 200 and writes nothing.",
		DefaultStatus: http.StatusCreated, Responses: a.alsoOK()}, maxRecord), a.createRecord)
	route(a, huma.Operation{OperationID: "get-record", Method: http.MethodGet, Path: "/records/{key}", Summary: "Read a record"}, a.getRecord)
	route(a, takes[idms.Document](a, huma.Operation{OperationID: "replace-record", Method: http.MethodPut, Path: "/records/{key}",
		Summary: "Replace a record", Description: "What the document leaves out gets its default."}, maxRecord), a.replaceRecord)
	route(a, huma.Operation{OperationID: "delete-record", Method: http.MethodDelete, Path: "/records/{key}", Summary: "Delete a record",
		Description: "Its sessions end, and its people are deleted with their memberships. Whoever wants to keep them disables the record.", DefaultStatus: http.StatusOK}, a.deleteRecord)
}

// alsoOK documents the answer of a dry run beside that of the real one.
func (a *API) alsoOK() map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: "A dry run: what would have happened.",
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[saved](), true, "Saved"),
		}},
	}}
}

// Tried is the parameter of every change that can be tried first.
type Tried struct {
	DryRun bool `query:"dry_run" doc:"Go the whole way, and take everything back at its end."`
}

// saved is what saving a record did, or in a dry run would have done.
type saved struct {
	DryRun   bool           `json:"dry_run"`
	Changed  bool           `json:"changed" doc:"false: it was so already, and there is no new version"`
	Version  int            `json:"version" doc:"that is in force now; of a dry run the one that there would be"`
	Changes  []audit.Change `json:"changes" doc:"field by field; a rule's path has its key"`
	Warnings []FieldProblem `json:"warnings" doc:"what the record does to people (S23, S32, S34) and what protects less than it seems"`
	Ended    int            `json:"sessions_ended" doc:"of a record that is not active any more (S53)"`
	Record   recordBody     `json:"record"`
}

type savedRecord struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     saved
}

type recordSummary struct {
	Key     string     `json:"key"`
	Name    string     `json:"name"`
	State   idms.State `json:"state" enum:"draft,active,disabled"`
	Version int        `json:"version"`
}

func (a *API) listRecords(ctx context.Context, in *struct{ Paged }) (*listed[recordSummary], error) {
	records, next, err := a.Flow.Store.Editions(ctx, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(records, next, func(r store.Edition) recordSummary {
		return recordSummary{r.Key, r.Name, r.State, r.Version}
	}), nil
}

type recordAnswer struct {
	ETag string `header:"ETag"`
	Body recordBody
}

func (a *API) getRecord(ctx context.Context, in *struct {
	Key string `path:"key"`
	Known
}) (*recordAnswer, error) {
	record, err := a.record(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	etag := versionTag(record.Version)
	if err := in.of(etag); err != nil {
		return nil, err
	}
	return &recordAnswer{etag, recordBody(idms.DocumentOf(record))}, nil
}

// record is one that a file could name: the built-in one has no document.
func (a *API) record(ctx context.Context, key string) (idms.Record, error) {
	if key == idms.LocalKey {
		return idms.Record{}, fault.New(fault.NotFound, "The built-in record has no document: local people belong to it, and nobody changes it.")
	}
	return a.Flow.Store.Record(ctx, key)
}

func (a *API) createRecord(ctx context.Context, in *struct {
	Tried
	Reasoned
}) (*savedRecord, error) {
	document, problems := read[idms.Document](ctx)
	out, err := a.save(ctx, document, problems, 0, Seen{}, in.Tried, in.Reasoned)
	if err != nil {
		return nil, err
	}
	out.Status = http.StatusOK
	if !in.DryRun {
		out.Status, out.Location = http.StatusCreated, base+"/records/"+document.Key
	}
	return out, nil
}

func (a *API) replaceRecord(ctx context.Context, in *struct {
	Key string `path:"key"`
	Seen
	Tried
	Reasoned
}) (*savedRecord, error) {
	before, err := a.record(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	document, problems := read[idms.Document](ctx)
	if document.Key != before.Key && document.Key != "" {
		problems.Add("key", "The key of a record never changes. Write %s, or create another record.", before.Key)
	}
	return a.save(ctx, document, problems, before.Version, in.Seen, in.Tried, in.Reasoned)
}

// save writes a document over the version of the record that its author says they
// have seen; version is the one that is there, 0 for a record that is not there
// yet. unread is what could not be read of the document. What is wrong with it is
// told before what has changed meanwhile: reading the record again mends only that.
func (a *API) save(ctx context.Context, document idms.Document, unread fault.Problems, version int, seen Seen, t Tried, r Reasoned) (*savedRecord, error) {
	record, problems := document.Checked()
	if err := invalid(merged(unread, problems)); err != nil {
		return nil, err
	}
	if version > 0 {
		if err := seen.of(versionTag(version)); err != nil {
			return nil, err
		}
	}
	by, err := a.author(ctx, r)
	if err != nil {
		return nil, err
	}
	if record, err = a.filled(ctx, record, by); err != nil {
		return nil, err
	}
	applied, err := a.Flow.Store.ApplyWith(ctx, idms.File{Records: []idms.Record{record}}, by,
		store.How{DryRun: t.DryRun, Seen: map[string]int{record.Key: version}})
	if err != nil {
		return nil, inRecord(err)
	}
	return a.savedAs(record, applied, version, t), nil
}

// filled is a record with what its metadata address says, where nobody has read it
// yet: what can be saved by file can be saved here.
func (a *API) filled(ctx context.Context, record idms.Record, by store.Author) (idms.Record, error) {
	if !record.SAML.AwaitsMetadata() {
		return record, nil
	}
	// Nothing is asked of an address on behalf of somebody who may not save it.
	if err := a.Flow.Store.MayChange(ctx, record, by); err != nil {
		return idms.Record{}, err
	}
	file := idms.File{Records: []idms.Record{record}}
	if err := a.Upkeep.Fill(ctx, &file); err != nil {
		return idms.Record{}, inRecord(err)
	}
	return file.Records[0], nil
}

// merged is both, but of what could not even be read nothing more: it would only
// be said to be empty.
func merged(unread, problems fault.Problems) fault.Problems {
	at := map[string]bool{}
	for _, one := range unread {
		if one.Field == "" {
			return unread
		}
		at[one.Field] = true
	}
	for _, one := range problems {
		if !at[one.Field] {
			unread = append(unread, one)
		}
	}
	return unread
}

// inRecord tells problems that the database found by their paths in one record.
func inRecord(err error) error {
	list := fault.ProblemsOf(err)
	if list == nil {
		return err
	}
	p := newProblem(http.StatusUnprocessableEntity, "")
	for _, one := range list {
		p.Problems = append(p.Problems, FieldProblem{withinRecord(one.Field), one.Message})
	}
	return p
}

// withinRecord takes the place in a file away: records[0].name is name.
func withinRecord(field string) string {
	const alone = "records[0]."
	if len(field) > len(alone) && field[:len(alone)] == alone {
		return field[len(alone):]
	}
	return field
}

func (a *API) savedAs(record idms.Record, applied store.Applied, before int, t Tried) *savedRecord {
	out := &savedRecord{Status: http.StatusOK, Body: saved{
		DryRun: t.DryRun, Changed: applied.Any(), Version: before, Ended: applied.SessionsEnded,
		Changes: []audit.Change{}, Warnings: []FieldProblem{}, Record: recordBody(idms.DocumentOf(record)),
	}}
	for _, difference := range applied.Records {
		out.Body.Version = difference.Version
		out.Body.Changes = append(out.Body.Changes, shown(difference.Fields)...)
		out.Body.warn(difference.Warnings)
	}
	out.Body.warn(record.Warnings(a.Clock()))
	if a.Warn != nil {
		out.Body.warn(a.Warn(record))
	}
	if !t.DryRun {
		out.ETag = versionTag(out.Body.Version)
	}
	return out
}

func (s *saved) warn(warnings fault.Problems) {
	for _, one := range warnings {
		s.Warnings = append(s.Warnings, FieldProblem(one))
	}
}

// shown are the changes of a record, without those of the form it is kept in.
func shown(changes []audit.Change) []audit.Change {
	list := []audit.Change{}
	for _, change := range changes {
		if change.Field != "schema" {
			list = append(list, change)
		}
	}
	return list
}

// deleted is what deleting a record did, or in a dry run would have done.
type deleted struct {
	DryRun      bool `json:"dry_run"`
	Ended       int  `json:"sessions_ended"`
	People      int  `json:"people_deleted"`
	Memberships int  `json:"memberships_deleted"`
}

type deletedRecord struct{ Body deleted }

func (a *API) deleteRecord(ctx context.Context, in *struct {
	Key string `path:"key"`
	Seen
	Tried
	Reasoned
}) (*deletedRecord, error) {
	before, err := a.record(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	if err := in.of(versionTag(before.Version)); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	gone, err := a.Flow.Store.DeleteRecord(ctx, in.Key, before.Version, by, store.How{DryRun: in.DryRun})
	if err != nil {
		return nil, err
	}
	return &deletedRecord{deleted{in.DryRun, gone.SessionsEnded, gone.People, gone.Memberships}}, nil
}
