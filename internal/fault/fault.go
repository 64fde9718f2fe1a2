// Package fault owns errors that carry two messages: a plain sentence for the
// person in front of the screen, and the cause for the log. It leaves HTTP
// status codes to web and api, and refusals of a login, which are decisions
// and not errors, to trace and idms.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what the caller can do about an error.
type Kind uint8

const (
	// Internal is ours to mend; the zero value, so that an error nobody
	// classified is never blamed on the caller.
	Internal Kind = iota
	// Invalid means the request itself must change.
	Invalid
	// Denied means this person may not do this.
	Denied
	// NotFound means the thing does not exist, or not any more.
	NotFound
	// Conflict means something stands in the way: another edit, a rule that
	// points here, a second use of what may be used once.
	Conflict
	// Upstream means somebody else's service did not answer properly.
	Upstream
)

var kindNames = [...]string{"internal", "invalid", "denied", "not found", "conflict", "upstream"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

type hidden struct {
	kind     Kind
	sentence string
	cause    error // nil when the sentence says it all
	problems Problems
}

func (h *hidden) Error() string {
	if h.cause == nil {
		return h.sentence
	}
	return h.sentence + " (" + h.cause.Error() + ")"
}

func (h *hidden) Unwrap() error { return h.cause }

// New returns an error whose text may be shown to the visitor as it is.
func New(kind Kind, format string, args ...any) error {
	return &hidden{kind: kind, sentence: fmt.Sprintf(format, args...)}
}

// Hide returns an error that shows the visitor sentence and keeps err for the
// log. Hide(nil, …) is nil.
func Hide(err error, kind Kind, sentence string) error {
	if err == nil {
		return nil
	}
	return &hidden{kind: kind, sentence: sentence, cause: err}
}

// KindOf is the kind of the outermost classified error in err's chain, and
// Internal when there is none.
func KindOf(err error) Kind {
	if h, ok := outermost(err); ok {
		return h.kind
	}
	return Internal
}

// Sentence is what the visitor may read of err. An error without a sentence
// of its own says nothing of its cause.
func Sentence(err error) string {
	if h, ok := outermost(err); ok {
		return h.sentence
	}
	return "Something went wrong on our side."
}

func outermost(err error) (*hidden, bool) {
	if h, ok := errors.AsType[*hidden](err); ok {
		return h, true
	}
	return nil, false
}
