// Package portal drives the example portal (examples/portal) behind a real nginx
// and a real Caddy, on a host name of its own, with Chromium. It owns the proof
// that the hand-over works between two host names and that the example's
// configuration is right; the tests of internal/web look at every refusal more
// closely, with a clock that they set.
package portal
