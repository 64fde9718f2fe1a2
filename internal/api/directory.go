package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/store"
)

func (a *API) directoryRoutes() {
	tags := []string{"directory"}
	const of = "/records/{key}/directory"
	route(a, huma.Operation{OperationID: "get-directory", Method: http.MethodGet, Path: of, Tags: tags,
		Summary: "Tell where the directory sync of a record stands"}, a.getDirectory)
	route(a, takes[passwordDocument](a, huma.Operation{OperationID: "set-bind-password", Method: http.MethodPut, Path: of + "/password", Tags: tags,
		Summary: "Keep the password by which the directory is read", Description: "It is kept encrypted, and nothing shows it again. An empty one forgets it.",
		DefaultStatus: http.StatusNoContent}, maxSmall), a.setBindPassword)
	route(a, takes[testDocument](a, huma.Operation{OperationID: "test-directory", Method: http.MethodPost, Path: of + "/test", Tags: tags,
		Summary:     "Ask the directory for a connection, a user or a group",
		Description: "A user by username, e-mail address or DN, a group by name or DN; neither tests the connection. A directory that fails is an answer too: see steps and fault."}, maxSmall), a.testDirectory)
	route(a, huma.Operation{OperationID: "run-directory", Method: http.MethodPost, Path: of + "/run", Tags: tags, DefaultStatus: http.StatusAccepted, Responses: a.okIs(reflect.TypeFor[tried]()),
		Summary:     "Sync now",
		Description: "202: a service does it within ten seconds, and it stands in the runs. A dry run is made at once, within 30 seconds, writes nothing, and answers 200 with the plan."}, a.runDirectory)
	route(a, huma.Operation{OperationID: "pause-directory", Method: http.MethodPost, Path: of + "/pause", Tags: tags,
		Summary: "Keep the record from being synced by itself", DefaultStatus: http.StatusOK}, a.pauseDirectory)
	route(a, huma.Operation{OperationID: "resume-directory", Method: http.MethodPost, Path: of + "/resume", Tags: tags,
		Summary: "Let the record be synced by itself again", DefaultStatus: http.StatusOK}, a.resumeDirectory)
	route(a, huma.Operation{OperationID: "list-runs", Method: http.MethodGet, Path: of + "/runs", Tags: tags,
		Summary: "List the runs of a record, newest first"}, a.listRuns)
	route(a, huma.Operation{OperationID: "get-run", Method: http.MethodGet, Path: of + "/runs/{run}", Tags: tags,
		Summary: "Read one run, by its id, or the plan that waits, by the word held"}, a.getRun)
	route(a, huma.Operation{OperationID: "list-run-changes", Method: http.MethodGet, Path: of + "/runs/{run}/changes", Tags: tags,
		Summary: "List what a run changed, or would change, in the plan's order"}, a.listRunChanges)
	route(a, huma.Operation{OperationID: "get-run-table", Method: http.MethodGet, Path: of + "/runs/{run}/changes.csv", Tags: tags,
		Summary: "Read all that a run changed, or would change, as CSV",
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}},
		}}}}, a.getRunTable)
	route(a, huma.Operation{OperationID: "approve-plan", Method: http.MethodPost, Path: of + "/plans/{hash}/approve", Tags: tags,
		Summary:     "Let a held plan through at the next run, once",
		Description: "The next run applies it if it finds the same one; have it run now with run."}, a.approvePlan)
	route(a, huma.Operation{OperationID: "why-in-group", Method: http.MethodGet, Path: "/users/{user}/groups/{group}/why", Tags: []string{"memberships"},
		Summary: "Tell why a person is in a group: every source, since when, and the run that brought it"}, a.whyInGroup)
}

// okIs documents the answer 200 beside the usual one.
func (a *API) okIs(t reflect.Type) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(t, true, "")},
	}}}
}

// directoryNow is where the directory sync of a record stands.
type directoryNow struct {
	Synced       bool         `json:"synced" doc:"its groups come from the directory: association_type is ldap"`
	Password     bool         `json:"password" doc:"there is a bind password"`
	FirstApplied *time.Time   `json:"first_applied" doc:"of the first approved sync; until then the manual associations decide (S37)"`
	LastRun      *time.Time   `json:"last_run" doc:"when the last run began, however it ended"`
	LastGood     *time.Time   `json:"last_good" doc:"when the last good run ended"`
	Waits        bool         `json:"waits" doc:"a plan waits for approval: read the run held"`
	Approved     string       `json:"approved" doc:"hash of the plan that the next run may apply"`
	ApprovedBy   string       `json:"approved_by"`
	Job          directoryJob `json:"job"`
}

// directoryJob is what runs by itself.
type directoryJob struct {
	Name     string `json:"name"`
	Running  bool   `json:"running"`
	Paused   bool   `json:"paused" doc:"by pause, or by the record's schedule"`
	Asked    bool   `json:"asked" doc:"runs as soon as a service looks"`
	Failures int    `json:"failures" doc:"in a row"`
	Problem  string `json:"problem" doc:"of the last failure"`
}

type directoryAnswer struct{ Body directoryNow }

// described is a record that has a directory.
func (a *API) described(ctx context.Context, key string) (idms.Record, error) {
	record, err := a.record(ctx, key)
	if err == nil && record.Directory == nil {
		err = fault.New(fault.Invalid, "The record %s describes no directory.", key)
	}
	return record, err
}

func (a *API) getDirectory(ctx context.Context, in *struct {
	Key string `path:"key"`
}) (*directoryAnswer, error) {
	record, err := a.described(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	state, err := a.Flow.Store.DirectoryState(ctx, record.ID)
	if err != nil {
		return nil, err
	}
	now := directoryNow{
		Synced:       record.Association == idms.FromDirectory,
		FirstApplied: instantOrNull(state.FirstApplied), LastRun: instantOrNull(state.LastRun), LastGood: instantOrNull(state.LastGood),
		Approved: state.Approved.Hash, ApprovedBy: state.Approved.By,
	}
	if now.Password, err = a.Flow.Store.HasBindPassword(ctx, record.ID); err != nil {
		return nil, err
	}
	if now.Waits, err = a.Flow.Store.DirectoryWaits(ctx, record.Key); err != nil {
		return nil, err
	}
	jobs, err := a.Flow.Store.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	name := directory.JobName(record.Key)
	job := jobs[name]
	now.Job = directoryJob{
		Name: name, Running: job.Running(a.Clock()), Paused: job.Paused || record.Directory.Schedule.Paused,
		Asked: !job.Asked.IsZero(), Failures: job.Failures, Problem: job.Problem,
	}
	return &directoryAnswer{now}, nil
}

// passwordDocument has a pointer, so that a document without the password does not
// forget the one that is kept.
type passwordDocument struct {
	Password *string `json:"password"`
}

// maxPassword bounds a bind password, in bytes.
const maxPassword = 1024

func (a *API) setBindPassword(ctx context.Context, in *struct {
	Key string `path:"key"`
	Reasoned
}) (*nothing, error) {
	document, problems := read[passwordDocument](ctx)
	switch {
	case problems.Any():
	case document.Password == nil:
		problems.Add("password", "Give the password. An empty one forgets the one that is kept.")
	case len(*document.Password) > maxPassword:
		problems.Add("password", "The password is longer than %d bytes.", maxPassword)
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	return nil, a.Flow.Store.SetBindPassword(ctx, in.Key, *document.Password, by)
}

type testDocument struct {
	User  string `json:"user"`
	Group string `json:"group"`
}

// tested is what a test found. What it is about is there, and null otherwise.
type tested struct {
	Connection *ldapsync.Connection `json:"connection,omitempty"`
	Found      *ldapsync.Found      `json:"found,omitempty"`
	Fault      *directoryFault      `json:"fault" doc:"null: the directory answered"`
}

// directoryFault is a code of docs/reference/directory-sync.md, and a sentence.
type directoryFault struct {
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
}

type testedAnswer struct{ Body tested }

// maxLookedUp bounds a name that is looked up, in bytes.
const maxLookedUp = 1024

func (a *API) testDirectory(ctx context.Context, in *struct {
	Key string `path:"key"`
}) (*testedAnswer, error) {
	document, problems := read[testDocument](ctx)
	if document.User != "" && document.Group != "" {
		problems.Add("group", "Ask for a user or for a group, not for both.")
	}
	for field, name := range map[string]string{"user": document.User, "group": document.Group} {
		if len(name) > maxLookedUp {
			problems.Add(field, "The name is longer than %d bytes.", maxLookedUp)
		}
	}
	if err := invalid(problems); err != nil {
		return nil, err
	}
	if _, err := a.described(ctx, in.Key); err != nil {
		return nil, err
	}
	var out tested
	var err error
	if document.User == "" && document.Group == "" {
		var connection ldapsync.Connection
		connection, err = a.Directory.TestConnection(ctx, in.Key)
		out.Connection = &connection
	} else {
		look, name := a.Directory.TestUser, document.User
		if document.Group != "" {
			look, name = a.Directory.TestGroup, document.Group
		}
		var found ldapsync.Found
		found, err = look(ctx, in.Key, name)
		out.Found = &found
	}
	if code, sentence, ok := directory.Blame(err); ok {
		out.Fault = &directoryFault{code, sentence}
		err = nil
	}
	return &testedAnswer{out}, err
}

// tried is what a dry run found.
type tried struct {
	DryRun  bool              `json:"dry_run"`
	Asked   bool              `json:"asked" doc:"a service makes the run"`
	Run     *store.Run        `json:"run" doc:"of a dry run: how it would end"`
	Changes []ldapsync.Change `json:"changes" doc:"of a dry run: the first 200 lines of the plan"`
	More    bool              `json:"more" doc:"there are further lines: make the dry run with idms ldap sync"`
}

type triedAnswer struct {
	Status int
	Body   tried
}

// triedLines is how many lines of a plan a dry run shows.
const triedLines = 200

func (a *API) runDirectory(ctx context.Context, in *struct {
	Key    string `path:"key"`
	DryRun bool   `query:"dry_run" doc:"Make the plan, and write nothing."`
	Reasoned
}) (*triedAnswer, error) {
	record, err := a.described(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	out := &triedAnswer{Status: http.StatusAccepted, Body: tried{Asked: true, Changes: []ldapsync.Change{}}}
	if !in.DryRun {
		return out, a.Directory.Ask(ctx, record.Key, directory.ByAPI, by)
	}
	report, err := a.Directory.Run(ctx, directory.Request{Record: record.Key, Cause: directory.ByAPI, By: by, DryRun: true})
	if err != nil {
		return nil, err
	}
	out.Status, out.Body.DryRun, out.Body.Asked, out.Body.Run = http.StatusOK, true, false, &report.Run
	for change := range report.Plan.Changes() {
		if len(out.Body.Changes) == triedLines {
			out.Body.More = true
			break
		}
		out.Body.Changes = append(out.Body.Changes, change)
	}
	return out, nil
}

type directoryChange struct {
	Key string `path:"key"`
	Reasoned
}

func (a *API) pauseDirectory(ctx context.Context, in *directoryChange) (*directoryAnswer, error) {
	return a.setPaused(ctx, in, true)
}

func (a *API) resumeDirectory(ctx context.Context, in *directoryChange) (*directoryAnswer, error) {
	return a.setPaused(ctx, in, false)
}

func (a *API) setPaused(ctx context.Context, in *directoryChange, paused bool) (*directoryAnswer, error) {
	record, err := a.described(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if err := a.Directory.Pause(ctx, record.Key, paused, by); err != nil {
		return nil, err
	}
	return a.getDirectory(ctx, &struct {
		Key string `path:"key"`
	}{in.Key})
}

func (a *API) listRuns(ctx context.Context, in *struct {
	Key string `path:"key"`
	Paged
}) (*listed[store.Run], error) {
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	runs, next, err := a.Flow.Store.Runs(ctx, in.Key, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(runs, next, func(r store.Run) store.Run { return r }), nil
}

// OfRun names one run.
type OfRun struct {
	Key string `path:"key"`
	Run string `path:"run" maxLength:"36" doc:"id of a run; held: the plan that waits"`
}

func (a *API) run(ctx context.Context, of OfRun) (store.Run, error) {
	if _, err := a.record(ctx, of.Key); err != nil {
		return store.Run{}, err
	}
	return a.Flow.Store.Run(ctx, of.Key, of.Run)
}

type runAnswer struct{ Body store.Run }

func (a *API) getRun(ctx context.Context, in *OfRun) (*runAnswer, error) {
	run, err := a.run(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &runAnswer{run}, nil
}

func (a *API) listRunChanges(ctx context.Context, in *struct {
	OfRun
	Paged
	Kind string `query:"kind" maxLength:"63" doc:"Only changes of this kind."`
}) (*listed[ldapsync.Change], error) {
	from := 0
	if in.Cursor != "" {
		var err error
		if from, err = strconv.Atoi(in.Cursor); err != nil || from < 0 {
			return nil, fault.New(fault.Invalid, "This page of the changes does not exist. Begin at the first one.")
		}
	}
	run, err := a.run(ctx, in.OfRun)
	if err != nil {
		return nil, err
	}
	list, more, err := a.Flow.Store.RunChanges(ctx, run, ldapsync.Kind(in.Kind), from, in.Limit)
	if err != nil {
		return nil, err
	}
	next := ""
	if more {
		next = strconv.Itoa(from + len(list))
	}
	return pageOf(list, next, func(c ldapsync.Change) ldapsync.Change { return c }), nil
}

func (a *API) getRunTable(ctx context.Context, in *OfRun) (*huma.StreamResponse, error) {
	run, err := a.run(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(to huma.Context) {
		to.SetHeader("Content-Type", "text/csv; charset=utf-8")
		to.SetHeader("Content-Disposition", `attachment; filename="changes.csv"`)
		to.SetStatus(http.StatusOK)
		table := ldapsync.NewTable(to.BodyWriter())
		err := a.Flow.Store.EachRunChange(to.Context(), run, "", 0, table.Write)
		if err == nil {
			err = table.Close()
		}
		if err != nil {
			// Half a table must not pass for a whole one.
			a.Log.Error("a table of changes broke off", "id", reference(to.Context()), "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

type approvedAnswer struct{ Body approved }

type approved struct {
	Approved   string `json:"approved" doc:"hash of the plan"`
	ApprovedBy string `json:"approved_by"`
}

func (a *API) approvePlan(ctx context.Context, in *struct {
	Key  string `path:"key"`
	Hash string `path:"hash" maxLength:"16"`
	Reasoned
}) (*approvedAnswer, error) {
	if _, err := a.described(ctx, in.Key); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if err := a.Directory.Approve(ctx, in.Key, in.Hash, by); err != nil {
		return nil, err
	}
	return &approvedAnswer{approved{in.Hash, by.Who}}, nil
}

type whyAnswer struct{ Body whys }

type whys struct {
	In      bool     `json:"in" doc:"the person is in the group"`
	Reasons []reason `json:"reasons"`
}

type reason struct {
	groups.Source
	Run string `json:"run" doc:"of the directory that brought it; empty when it was none, or the history does not go back so far"`
}

func (a *API) whyInGroup(ctx context.Context, in *struct {
	User  string `path:"user"`
	Group string `path:"group"`
}) (*whyAnswer, error) {
	person, err := a.person(ctx, in.User)
	if err != nil {
		return nil, err
	}
	list, err := a.Flow.Store.ReasonsOf(ctx, person, in.Group)
	if err != nil {
		return nil, err
	}
	out := whys{In: len(list) > 0, Reasons: []reason{}}
	for _, one := range list {
		out.Reasons = append(out.Reasons, reason{one.Source, one.Run})
	}
	return &whyAnswer{out}, nil
}
