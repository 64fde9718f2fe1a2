package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/fault"
	"idms/internal/idms"
)

// Bounds of what a request may send, in bytes.
const (
	maxRecord = idms.MaxFile
	maxSmall  = 64 << 10
)

// takes says that an operation takes a document of type T, of at most so many bytes.
// It is read here and not by huma, so that what is wrong with it is found by
// idms.ReadJSON, in the words and by the paths of the record file.
func takes[T any](a *API, op huma.Operation, most int64) huma.Operation {
	op.RequestBody = &huma.RequestBody{
		Required: true,
		Content:  map[string]*huma.MediaType{"application/json": {Schema: a.schemaOf(reflect.TypeFor[T]())}},
	}
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		text, err := readBody(ctx, most)
		if err != nil {
			p := a.problemOf(ctx.Context(), err)
			ctx.SetHeader("Content-Type", "application/problem+json")
			ctx.SetStatus(p.Status)
			// Too late for another status; whoever has gone reads nothing.
			_ = a.huma.Marshal(ctx.BodyWriter(), "application/json", p)
			return
		}
		next(huma.WithValue(ctx, bodyKey, text))
	})
	return op
}

func readBody(ctx huma.Context, most int64) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(ctx.Header("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, newProblem(http.StatusUnsupportedMediaType, "")
	}
	text, err := io.ReadAll(io.LimitReader(ctx.BodyReader(), most+1))
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return nil, newProblem(http.StatusRequestTimeout, "")
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "")
	case int64(len(text)) > most:
		return nil, newProblem(http.StatusRequestEntityTooLarge, "")
	case len(text) == 0:
		return nil, newProblem(http.StatusBadRequest, "There is no document in the request.")
	}
	return text, nil
}

// read is the document that came, and everything in it that cannot be read.
func read[T any](ctx context.Context) (T, fault.Problems) {
	var document T
	text, _ := ctx.Value(bodyKey).([]byte)
	problems := idms.ReadJSON(text, &document)
	return document, problems
}
