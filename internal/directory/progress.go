package directory

import (
	"context"
	"time"

	"idms/internal/ldapsync"
	"idms/internal/store"
)

// Phases of a run beside those of reading a directory.
const (
	Comparing = "compare"
	Applying  = "apply"
)

// Phases are all phases, in their order.
var Phases = []string{
	string(ldapsync.Connecting), string(ldapsync.Binding), string(ldapsync.ReadingPeople), string(ldapsync.ReadingGroups),
	string(ldapsync.ReadingRest), string(ldapsync.Assembling), Comparing, string(ldapsync.LookingUp), Applying,
}

// tellEvery is how often the progress of one phase is written at most.
const tellEvery = time.Second

// tellAll begins to write how far the run is, where every process can read it.
func (t *turn) tellAll(ctx context.Context) error {
	now := t.Clock()
	t.told = &store.Progress{
		Run: t.run.ID, RecordID: t.edition.ID, Rehearsal: t.DryRun, Cause: t.run.Cause, Who: t.run.Who,
		Began: t.run.Began, Phase: string(ldapsync.Connecting), PhaseFrom: now, Seen: now,
	}
	return t.Store.BeginProgress(ctx, *t.told)
}

// tell passes on how far the run is. A run does not fail because nobody can be told.
func (t *turn) tell(ctx context.Context, p Progress) {
	if t.Progress != nil {
		t.Progress(p)
	}
	now := t.Clock()
	if t.told == nil || p.Phase == t.told.Phase && now.Sub(t.told.Seen) < tellEvery {
		return
	}
	if p.Phase != t.told.Phase {
		t.told.Phase, t.told.PhaseFrom = p.Phase, now
	}
	t.told.Entries, t.told.Expected, t.told.Seen = p.Entries, p.Expected, now
	if err := t.Store.NoteProgress(ctx, *t.told); err != nil {
		t.Log.WarnContext(ctx, "how far a directory sync is could not be written", "record", t.run.Record, "error", err)
	}
}
