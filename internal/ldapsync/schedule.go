package ldapsync

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"idms/internal/fault"
)

// Schedule says when a record is synced by itself: every so often, or at the
// times of a cron line. One of both; without either, every DefaultInterval.
type Schedule struct {
	Every  string `json:"every,omitempty"` // a duration, "1h"; MinInterval to MaxInterval
	Cron   string `json:"cron,omitempty"`  // minute, hour, day of month, month, day of week
	Zone   string `json:"zone,omitempty"`  // of the cron line, by its IANA name; "" is UTC
	Paused bool   `json:"paused,omitempty"`
}

func (s Schedule) defaults() Schedule {
	if s.Every == "" && s.Cron == "" {
		s.Every = DefaultInterval.String()
	}
	if s.Cron != "" && s.Zone == "" {
		s.Zone = "UTC"
	}
	return s
}

// Next is when a sync is due that last began at the time given, and zero when it
// is paused or its settings are not those that Check lets through.
func (s Schedule) Next(after time.Time) time.Time {
	s = s.defaults()
	if s.Paused || s.check().Any() {
		return time.Time{}
	}
	if s.Cron == "" {
		return after.Add(duration(s.Every, DefaultInterval))
	}
	plan, zone := s.plan(new(fault.Problems))
	return plan.Next(after.In(zone)).UTC()
}

func (s Schedule) check() fault.Problems {
	var problems fault.Problems
	if s.Every != "" && s.Cron != "" {
		problems.Add("every", "Give an interval or a cron line, not both.")
	}
	if s.Every != "" {
		checkDuration(&problems, "every", s.Every, MinInterval, MaxInterval)
	}
	if s.Cron == "" {
		if s.Zone != "" {
			problems.Add("zone", "A zone belongs to a cron line: an interval has none.")
		}
		return problems
	}
	s.plan(&problems)
	return problems
}

// plan parses the cron line. The library's own extensions are not ours: a zone
// within the line would stand beside the field, and "@every" beside the interval.
func (s Schedule) plan(problems *fault.Problems) (cron.Schedule, *time.Location) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil || s.Zone == "Local" {
		problems.Add("zone", "There is no time zone %.64q. Use a name such as Europe/Berlin.", s.Zone)
		zone = time.UTC
	}
	if len(s.Cron) > 256 || len(strings.Fields(s.Cron)) != 5 || strings.ContainsAny(s.Cron, "@=?") {
		problems.Add("cron", "Write five fields: minute, hour, day of month, month, day of week.")
		return nil, zone
	}
	plan, err := cron.ParseStandard(s.Cron)
	if err != nil {
		problems.Add("cron", "The cron line cannot be read: %s.", err)
		return nil, zone
	}
	// A leap day is at most eight years away, and the library looks five ahead;
	// the date is any, so that the answer is always the same.
	for year := 2000; year < 2008; year++ {
		if !plan.Next(time.Date(year, 1, 1, 0, 0, 0, 0, zone)).IsZero() {
			return plan, zone
		}
	}
	problems.Add("cron", "This cron line names a day that never comes.")
	return nil, zone
}
