// Package load measures whole logins, from the POST to the ACS until the
// session's cookie: in one process beside a handler written the usual way, and
// against running servers, with thousands of distinct responses and then with
// every one of them again. It owns the drivers and what they report; it leaves
// what a part of a login costs to the benchmarks beside that part.
//
// Everything that takes long is a benchmark, so that `make test` never runs it:
// `make bench-login`, `make load` and `make soak` do. Nothing is asserted of how
// fast anything is. That every login is right is asserted everywhere.
package load
