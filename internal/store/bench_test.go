package store

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"idms/internal/audit"
)

// BenchmarkLogin is what the database costs of a login of a known person whose
// groups do not change: look-ups, transaction, audit event and trace.
func BenchmarkLogin(b *testing.B) {
	for _, dialect := range []struct {
		name  string
		house func(testing.TB) house
	}{{"sqlite", sqliteHouse}, {"postgres", postgresHouse}} {
		for _, many := range []int{0, 20, 200} {
			b.Run(fmt.Sprintf("%s/groups=%d", dialect.name, many), func(b *testing.B) { benchmarkLogin(b, dialect.house(b).open(b), many) })
		}
	}
}

func benchmarkLogin(b *testing.B, s *Store, many int) {
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("group-%04d", i))
	}
	acme := newRecord(b, s, "acme", names...)
	loggedIn(b, s, acme, "ada", names...)
	document := make([]byte, 4<<10)
	b.ReportAllocs()
	began := cpu(b)
	for i := 0; b.Loop(); i++ {
		cookie := fmt.Sprint(i)
		must(b, s.BeginRequest(ctx, Pending{Handle: cookie, CookieHash: []byte(cookie), RecordID: acme.ID, Issued: noon, Expires: noon.Add(day)}))
		_, err := s.Edition(ctx, "acme")
		must(b, err)
		_, _, err = s.Pending(ctx, acme.ID, [][]byte{[]byte(cookie)}, noon)
		must(b, err)
		must(b, s.InTx(ctx, func(tx *Tx) error {
			v := logIn(b, tx, acme, "ada")
			if _, err := tx.ConsumePending(cookie); err != nil {
				return err
			}
			if err := tx.Audit(audit.Event{At: noon, Action: audit.LoggedIn, Record: "acme", User: v.account.ID}); err != nil {
				return err
			}
			return tx.SaveTrace(Trace{Ref: NewRef(), Record: "acme", At: noon, Verified: true, Admitted: true, UserID: v.account.ID, Document: document})
		}))
	}
	// SQLite works in this process, PostgreSQL in another whose share is not seen.
	b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is what this process has used so far, user and system.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkForwardAuth is what the database costs of one question of a portal's
// proxy, beside the same answer put together from the statements that pages use:
// token, session, person with groups by name, and record. ratio says how many
// times as much CPU that takes, in rounds that take turns.
func BenchmarkForwardAuth(b *testing.B) {
	for _, dialect := range []struct {
		name  string
		house func(testing.TB) house
	}{{"sqlite", sqliteHouse}, {"postgres", postgresHouse}} {
		for _, many := range []int{0, 20, 200} {
			b.Run(fmt.Sprintf("%s/groups=%d", dialect.name, many), func(b *testing.B) { benchmarkForwardAuth(b, dialect.house(b).open(b), many) })
		}
	}
}

func benchmarkForwardAuth(b *testing.B, s *Store, many int) {
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("group-%04d", i))
	}
	acme := newRecord(b, s, "acme", names...)
	v := loggedIn(b, s, acme, "ada", names...)
	hash := []byte("hash of a portal's token")
	must(b, s.InTx(ctx, func(tx *Tx) error {
		_, _, _, err := tx.OpenPortalToken(hash, v.session.ID, "https://portal.example", noon)
		return err
	}))
	lean := func() {
		_, _, keys, err := s.PortalPass(ctx, hash, noon)
		must(b, err)
		if len(keys) != many {
			b.Fatalf("%d groups", len(keys))
		}
	}
	pieces := func() {
		var tokens [][]byte
		must(b, s.read.Raw("SELECT s.token_hash FROM portal_tokens p JOIN sessions s ON s.id = p.session_id WHERE p.token_hash = ?", hash).Scan(&tokens).Error)
		visit, err := s.Session(ctx, tokens[0], noon)
		must(b, err)
		person, err := s.Person(ctx, visit.Account.ID)
		must(b, err)
		_, err = s.Edition(ctx, visit.Record.Key)
		must(b, err)
		if len(person.Groups) != many {
			b.Fatalf("%d groups", len(person.Groups))
		}
	}
	spent := func(do func()) (used, took time.Duration) {
		began, at := cpu(b), time.Now()
		do()
		return cpu(b) - began, time.Since(at)
	}
	b.ReportAllocs()
	var ours, theirs, oursTook, theirsTook time.Duration
	for b.Loop() {
		used, took := spent(lean)
		ours, oursTook = ours+used, oursTook+took
		b.StopTimer()
		used, took = spent(pieces)
		theirs, theirsTook = theirs+used, theirsTook+took
		b.StartTimer()
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(per(ours), "cpu-µs/op")
	b.ReportMetric(float64(theirs)/float64(ours), "ratio")
	b.ReportMetric(float64(theirsTook)/float64(oursTook), "time-ratio")
}
