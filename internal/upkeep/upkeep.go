// Package upkeep owns what keeps the connections to identity providers alive
// between logins: reading metadata again from its address and deciding what of
// it is taken over, rolling our own keys, watching certificates end, and the
// doctor that looks at every record. Each is a function that a command, the API
// and a job call alike.
//
// It leaves what metadata says to saml, getting it to fetch, when things happen
// to jobs, and keeping them to store.
package upkeep

import (
	"log/slog"
	"sync"
	"time"

	"idms/internal/fetch"
	"idms/internal/store"
)

// Config is what an Upkeep is made of.
type Config struct {
	Store *store.Store
	Fetch *fetch.Client
	Clock func() time.Time
	Log   *slog.Logger

	// Bases are the configured public base URLs; the first is the origin of
	// every record that names none.
	Bases []string

	// KeepUsed is how long a certificate that signed a login is kept after its
	// provider's metadata has dropped it, unless somebody approves.
	KeepUsed time.Duration
}

// Upkeep keeps connections alive. It is safe for concurrent use, and any number
// of processes may share one database.
type Upkeep struct {
	Config

	mu          sync.Mutex
	connections map[string]connection // by the record's ID
}

// New returns the upkeep of a store's records.
func New(c Config) *Upkeep { return &Upkeep{Config: c, connections: map[string]connection{}} }
