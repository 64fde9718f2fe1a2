package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/fault"
	"idms/internal/login"
)

func (a *API) testLoginRoutes() {
	tags := []string{"test-logins"}
	route(a, huma.Operation{OperationID: "invite-test-login", Method: http.MethodPost, Path: "/records/{key}/test-logins", Tags: tags,
		Summary: "Make the one-time address of a test login",
		Description: "Whoever opens it in a browser within ten minutes may log in at the provider; it creates nobody and opens no session. " +
			"The address shows everything that came: give it to nobody else.", DefaultStatus: http.StatusCreated}, a.inviteTest)
	route(a, huma.Operation{OperationID: "get-test-login", Method: http.MethodGet, Path: "/test-logins/{ref}", Tags: tags,
		Summary: "Say how a test login went"}, a.getTestLogin)
}

type invitation struct {
	Ref     string    `json:"ref" doc:"of the trace that it will end with"`
	Address string    `json:"address" doc:"to open in a browser, once"`
	Record  string    `json:"record"`
	Version int       `json:"version" doc:"that is tested"`
	Expires time.Time `json:"expires" doc:"until when it can begin"`
}

type invitationAnswer struct {
	Location string `header:"Location"`
	Body     invitation
}

func (a *API) inviteTest(ctx context.Context, in *struct {
	Key     string `path:"key"`
	Version int    `query:"version" minimum:"1" maximum:"2147483647" doc:"Which of its versions; left out: the one in force."`
	Reasoned
}) (*invitationAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if _, err := a.record(ctx, in.Key); err != nil {
		return nil, err
	}
	made, err := a.Flow.InviteTest(ctx, login.Asking{Record: in.Key, Version: in.Version, By: by.Who})
	if err != nil {
		return nil, err
	}
	return &invitationAnswer{base + "/test-logins/" + made.Ref,
		invitation{made.Ref, made.Address, in.Key, made.Version, made.Expires}}, nil
}

type testLogin struct {
	Ref     string    `json:"ref"`
	Record  string    `json:"record"`
	Version int       `json:"version"`
	Expires time.Time `json:"expires" doc:"until when it can begin"`
	Begun   bool      `json:"begun"`
	Ended   bool      `json:"ended"`
	Passed  bool      `json:"passed" doc:"somebody would have been let in"`
	Text    string    `json:"text" doc:"the whole trace in words, once it has ended and while it is kept"`
}

type testLoginAnswer struct{ Body testLogin }

func (a *API) getTestLogin(ctx context.Context, in *struct {
	Ref string `path:"ref" maxLength:"40"`
}) (*testLoginAnswer, error) {
	kept, err := a.Flow.Store.TestLogin(ctx, in.Ref)
	if fault.KindOf(err) == fault.NotFound { // in words that do not repeat what stands in the address
		err = fault.New(fault.NotFound, "There is no such test login. They are kept for a short time only.")
	}
	if err != nil {
		return nil, err
	}
	told, err := a.Flow.TestLogin(ctx, kept.RecordKey, kept.Ref)
	if err != nil {
		return nil, err
	}
	out := testLogin{
		Ref: told.Ref, Record: told.Record, Version: told.Version, Expires: told.Expires,
		Begun: told.Begun, Ended: told.Ended, Passed: told.Passed,
	}
	if told.Trace != nil {
		var text bytes.Buffer
		if err := told.Trace.Print(&text); err != nil {
			return nil, err
		}
		out.Text = text.String()
	}
	return &testLoginAnswer{out}, nil
}
