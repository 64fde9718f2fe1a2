package login

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"idms/internal/config"
	"idms/internal/door"
	"idms/internal/metrics"
	"idms/internal/saml"
	"idms/internal/store"
)

// Config is what a Flow is made of.
type Config struct {
	Store *store.Store
	Clock func() time.Time
	Log   *slog.Logger

	// Base is the first configured public base URL: the origin of every record
	// that names none.
	Base string

	// Published says, for the trace, whether the provider of a record publishes a
	// certificate by this SHA-256 fingerprint ("" when the message shows none) in
	// the metadata at its address: a sentence, or "" when that is not known. It is
	// asked when a signature was made by a key that the record does not know, and
	// changes nothing about the refusal. nil: nobody is asked.
	Published func(ctx context.Context, record, fingerprint string) string

	Times         Times // as configured; owners may adjust them (TimesNow)
	Limits        saml.Limits
	Verifications int // at once; 0 is twice the processors

	// AskForMetadata reads a record's metadata out of turn, because a response
	// was signed with an unknown key. It is true when that changed the record.
	// nil: nobody is asked.
	AskForMetadata func(ctx context.Context, record string) bool

	Metrics *metrics.Metrics // nil: nothing is counted
}

// Times are how long things last.
type Times struct {
	Session   time.Duration
	Idle      time.Duration // 0 is no idle end
	Elevation time.Duration
	Pending   time.Duration
}

// TimesNow are the times that count at present: those that owners have adjusted, and
// otherwise the configured ones.
func (f *Flow) TimesNow(ctx context.Context) Times { return f.Times.adjusted(f.Store.Adjusted(ctx)) }

func (t Times) adjusted(a config.Adjusted) Times {
	return Times{
		Session:   a.Duration("session.length", t.Session),
		Idle:      a.Duration("session.idle", t.Idle),
		Elevation: a.Duration("session.elevation", t.Elevation),
		Pending:   t.Pending,
	}
}

// Flow carries logins from the button to the session. It is safe for
// concurrent use, and any number of processes may share one database.
type Flow struct {
	Config
	passwords   *door.Passwords
	connections connections
	noted       noted
	verifying   chan struct{} // a place for each verification under way (M01)
}

// New returns a flow over a store.
func New(c Config) *Flow {
	if c.Verifications == 0 {
		c.Verifications = 2 * runtime.GOMAXPROCS(0)
	}
	if c.Limits == (saml.Limits{}) {
		c.Limits = saml.DefaultLimits()
	}
	return &Flow{Config: c, passwords: door.NewPasswords(), verifying: make(chan struct{}, c.Verifications)}
}
