// Package jobs owns what runs by itself. There is one such thing so far: the
// purge of what has been kept long enough. Several processes may purge one
// database at once, so it needs neither a lease nor a job library
// (docs/decisions/0005). It leaves what is removed to store.
package jobs

import (
	"context"
	"log/slog"
	"time"

	"idms/internal/store"
)

// Run purges at once and at every tick, until ctx ends. A purge that fails is
// logged and tried again at the next tick.
func Run(ctx context.Context, s *store.Store, clock func() time.Time, log *slog.Logger, tick <-chan time.Time) {
	for {
		Purge(ctx, s, clock(), log)
		select {
		case <-tick:
		case <-ctx.Done():
			return
		}
	}
}

// Purge removes once what is due.
func Purge(ctx context.Context, s *store.Store, now time.Time, log *slog.Logger) {
	purged, err := s.Purge(ctx, now)
	if err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "purge failed, and will be tried again", "error", err)
	}
	if purged != (store.Purged{}) {
		log.InfoContext(ctx, "purged", "traces", purged.Traces, "unverified", purged.Unverified, "audit", purged.Audit,
			"sessions", purged.Sessions, "pending", purged.Pending, "assertions", purged.Assertions, "codes", purged.Codes)
	}
}
