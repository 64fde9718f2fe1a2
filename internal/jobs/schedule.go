package jobs

import (
	"cmp"
	"hash/fnv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"idms/internal/fault"
	"idms/internal/ldapsync"
	"idms/internal/store"
)

// Schedule says when a job runs. The zero value is always.
type Schedule struct {
	every  time.Duration
	cron   cron.Schedule
	jitter time.Duration
}

// Every runs a job at once and then at this distance, from beginning to
// beginning. Each run comes up to jitter later, a different while each time.
func Every(distance, jitter time.Duration) Schedule {
	return Schedule{every: distance, jitter: jitter}
}

var fields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Cron runs a job by the clock on the wall of a zone: minute, hour, day of the
// month, month, day of the week, as in "30 2 * * 1-5", or @daily. The zone is
// an IANA name; "" is UTC. An hour that a change of clocks leaves out is skipped.
// Errors are fault.Invalid.
func Cron(expression, zone string, jitter time.Duration) (Schedule, error) {
	place, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" { // which would follow the machine
		return Schedule{}, errZone
	}
	if strings.Contains(expression, "TZ=") || strings.HasPrefix(expression, "@every") {
		return Schedule{}, errExpression
	}
	parsed, err := fields.Parse("CRON_TZ=" + place.String() + " " + strings.TrimSpace(expression))
	if err != nil {
		return Schedule{}, errExpression
	}
	return Schedule{cron: parsed, jitter: jitter}, nil
}

// syncJitter spreads the syncs of many records.
const syncJitter = time.Minute

// BySettings is the schedule of a directory's settings. Errors are fault.Invalid.
func BySettings(s ldapsync.Schedule) (Schedule, error) {
	if s.Cron != "" {
		return Cron(s.Cron, s.Zone, syncJitter)
	}
	every, err := time.ParseDuration(cmp.Or(s.Every, ldapsync.DefaultInterval.String()))
	if err != nil {
		return Schedule{}, fault.New(fault.Invalid, "The interval %.40q is no duration.", s.Every)
	}
	return Every(every, syncJitter), nil
}

var (
	errZone       = fault.New(fault.Invalid, "Write a time zone such as Europe/Berlin, or UTC.")
	errExpression = fault.New(fault.Invalid, "Write a schedule of five fields: minute, hour, day of the month, month and day of the week; for example 30 2 * * 1-5.")
)

// after is the first instant of the schedule that follows the last run.
func (s Schedule) after(state store.Job) time.Time {
	switch {
	case s.cron != nil && state.Started.IsZero():
		return s.cron.Next(state.Since).UTC()
	case s.cron != nil:
		return s.cron.Next(state.Started).UTC()
	case state.Started.IsZero():
		return state.Since.Add(-s.jitter) // at once, whatever the shift
	}
	return state.Started.Add(s.every)
}

// shift is how much later than its schedule one turn comes. It follows from name
// and turn, so that everybody who looks sees one instant, and many jobs of one
// schedule do not run all at once.
func (s Schedule) shift(name string, turn int64) time.Duration {
	if s.jitter <= 0 {
		return 0
	}
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(name))
	for range 8 {
		_, _ = sum.Write([]byte{byte(turn)})
		turn >>= 8
	}
	return time.Duration(sum.Sum64() % uint64(s.jitter))
}
