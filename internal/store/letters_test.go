package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idms/internal/mail"
)

func TestLettersAreCountedForAllProcessesTogether(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		here, there := h.open(t), h.open(t)
		enough := errors.New("enough")
		few := func(past mail.Past) error {
			if past.To >= 3 || past.InAll >= 5 {
				return enough
			}
			return nil
		}
		note := func(s *Store, address string, at time.Time) error {
			return s.NoteLetter(ctx, address, at, time.Hour, few)
		}
		var went atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				s := here
				if i%2 == 0 {
					s = there
				}
				switch err := note(s, "ada@example.test", noon); {
				case err == nil:
					went.Add(1)
				case !errors.Is(err, enough):
					t.Errorf("at once: %v", err)
				}
			})
		}
		all.Wait()
		if went.Load() != 3 {
			t.Errorf("%d letters went to one address at once", went.Load())
		}
		must(t, note(here, "grace@example.test", noon))
		must(t, note(there, "grace@example.test", noon.Add(time.Minute)))
		if err := note(here, "alan@example.test", noon.Add(time.Minute)); !errors.Is(err, enough) {
			t.Errorf("more than all: %v", err)
		}
		later := noon.Add(time.Hour)
		must(t, note(there, "ada@example.test", later))
		if purged, err := here.Purge(ctx, later); err != nil || purged.Letters != 4 || count(t, here, "letters") != 2 {
			t.Errorf("an hour later %d are removed (%v), and %d left", purged.Letters, err, count(t, here, "letters"))
		}
	})
}
