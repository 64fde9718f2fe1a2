package web

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// Limits are how often one client address may begin or post a login.
type Limits struct {
	PerSecond float64 // in the long run
	Burst     int     // at once
}

// DefaultLimits let an office of thousands behind one address log in within
// minutes of each other, and keep one machine from filling the database.
var DefaultLimits = Limits{PerSecond: 20, Burst: 200}

// maxAddresses bounds the memory of a limiter: two generations of so many
// addresses, some 100 bytes each.
const maxAddresses = 10_000

// limiter counts by client address. The oldest addresses are forgotten when
// there are too many: who can come from that many addresses is not stopped by
// counting them anyway.
type limiter struct {
	limits Limits
	clock  func() time.Time

	mu            sync.Mutex
	young, former map[netip.Addr]*rate.Limiter
}

func newLimiter(limits Limits, clock func() time.Time) *limiter {
	return &limiter{limits: limits, clock: clock, young: map[netip.Addr]*rate.Limiter{}}
}

// NewLimit counts by client address as the pages do, for what stands beside them: it
// is true when address may do one more thing now.
func NewLimit(limits Limits, clock func() time.Time) func(address string) bool {
	return newLimiter(limits, clock).allow
}

// allow is true when address may do one more thing now.
func (l *limiter) allow(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	client := network(address)
	bucket, known := l.young[client]
	if !known {
		if bucket, known = l.former[client]; !known {
			bucket = rate.NewLimiter(rate.Limit(l.limits.PerSecond), l.limits.Burst)
		}
		if len(l.young) >= maxAddresses {
			l.young, l.former = map[netip.Addr]*rate.Limiter{}, l.young
		}
		l.young[client] = bucket
	}
	return bucket.AllowN(l.clock(), 1)
}

// network is what counts as one client: an IPv4 address, or the /64 that a
// provider gives to one customer. What is no address at all shares one bucket.
func network(address string) netip.Addr {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64) // 64 bits are always in range
		return prefix.Addr()
	}
	return ip
}

// limit refuses a client address that comes too often.
func (s *Site) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.limiter.allow(c.RealIP()) {
			return next(c)
		}
		c.Response().Header().Set("Retry-After", "10")
		return echo.NewHTTPError(http.StatusTooManyRequests)
	}
}
