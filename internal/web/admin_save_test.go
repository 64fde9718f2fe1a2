package web

import (
	"context"
	"errors"
	"testing"
	"time"

	"idms/internal/idms"
)

// A full house keeps a rehearsal waiting until its time is over, and not a moment
// of the logins' time is spent on it: the flow, which is not there, is never asked.
func TestARehearsalWaitsForItsPlace(t *testing.T) {
	site := &Site{rehearsals: make(chan struct{}, rehearsalsAtOnce)}
	for range rehearsalsAtOnce {
		site.rehearsals <- struct{}{}
	}
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := site.inTurn(over, idms.Record{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a place it ends with %v", err)
	}
	if len(site.rehearsals) != rehearsalsAtOnce {
		t.Errorf("%d places are taken, want the same %d", len(site.rehearsals), rehearsalsAtOnce)
	}
}
