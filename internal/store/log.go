package store

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm/logger"
)

// slow is from when on a statement is worth a line in the log.
const slow = 500 * time.Millisecond

// sqlLog writes slow statements to the log, without their values: those are
// people's. Errors are returned, and logged by whoever ends them.
type sqlLog struct{ log *slog.Logger }

func (l sqlLog) LogMode(logger.LogLevel) logger.Interface { return l }
func (l sqlLog) Info(context.Context, string, ...any)     {}
func (l sqlLog) Warn(context.Context, string, ...any)     {}
func (l sqlLog) Error(context.Context, string, ...any)    {}
func (l sqlLog) ParamsFilter(_ context.Context, statement string, _ ...any) (string, []any) {
	return statement, nil
}

func (l sqlLog) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), _ error) {
	took := time.Since(begin)
	if took < slow {
		return
	}
	text, rows := statement()
	l.log.WarnContext(ctx, "slow statement", "sql", text, "rows", rows, "took", took)
}
