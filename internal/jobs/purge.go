package jobs

import (
	"context"
	"log/slog"
	"time"

	"idms/internal/store"
)

// Purge removes what has been kept long enough.
func Purge(s *store.Store, every time.Duration, log *slog.Logger) Job {
	return Job{Name: "purge", Schedule: Every(every, 0), Run: func(ctx context.Context, now time.Time) error {
		purged, err := s.Purge(ctx, now)
		if purged != (store.Purged{}) {
			log.InfoContext(ctx, "purged", "traces", purged.Traces, "unverified", purged.Unverified, "audit", purged.Audit,
				"sessions", purged.Sessions, "pending", purged.Pending, "assertions", purged.Assertions, "codes", purged.Codes, "recorded", purged.Recorded, "logouts", purged.Logouts,
				"tests", purged.Tests, "runs", purged.Runs, "responses", purged.Responses, "letters", purged.Letters)
		}
		return err
	}}
}
