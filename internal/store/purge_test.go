package store

import (
	"testing"
	"time"

	"idms/internal/audit"
)

func TestAPurgeRemovesWhatWasKeptLongEnough(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		now := noon.Add(500 * day)
		s.retention = Retention{Traces: 90 * day, Unverified: 2, Audit: 400 * day, Idle: 2 * time.Hour}

		used := loggedIn(t, s, acme, "ada")
		idle, expired := loggedIn(t, s, acme, "grace"), loggedIn(t, s, acme, "alan")
		set := func(v visitor, seen, expires time.Time) {
			must(t, s.write.Exec("UPDATE sessions SET seen = ?, expires = ? WHERE id = ?", micros(seen), micros(expires), v.session.ID).Error)
		}
		set(used, now.Add(-time.Hour), now.Add(time.Hour))
		set(idle, now.Add(-2*time.Hour), now.Add(time.Hour))
		set(expired, now.Add(-time.Hour), now)

		must(t, s.write.Exec("DELETE FROM used_assertions").Error)
		must(t, s.InTx(ctx, func(tx *Tx) error {
			for id, until := range map[string]time.Time{"_over": now.Add(-time.Minute), "_over by this clock": now, "_good": now.Add(time.Second)} {
				if _, err := tx.UseAssertion("https://idp.example", id, until); err != nil {
					return err
				}
			}
			return nil
		}))
		for cookie, ends := range map[string]time.Time{"long over": now.Add(-time.Hour), "just over": now.Add(-time.Minute), "live": now.Add(time.Minute)} {
			must(t, s.BeginRequest(ctx, Pending{Handle: cookie, CookieHash: []byte(cookie), RecordID: acme.ID, Expires: ends}))
		}
		for code, ends := range map[string]time.Time{"long over": now.Add(-time.Hour), "just over": now.Add(-time.Minute), "live": now.Add(time.Minute)} {
			must(t, s.KeepPortalCode(ctx, PortalCode{Hash: []byte(code), SessionID: used.session.ID, BrowserHash: []byte("b"), Expires: ends}, used.hash))
		}
		for ref, at := range map[string]time.Time{"old": now.Add(-91 * day), "young": now.Add(-89 * day)} {
			must(t, s.InviteTestLogin(ctx, TestLogin{Ref: ref, SecretHash: []byte(ref), RecordID: acme.ID, Version: 1, Created: at, Expires: at.Add(time.Minute)}))
		}
		for _, v := range []visitor{used, idle, expired} {
			openToken(t, s, []byte(v.session.ID), v.session.ID, "https://portal.example", noon)
		}
		for ref, one := range map[string]Trace{
			"old":     {At: now.Add(-91 * day), Verified: true},
			"young":   {At: now.Add(-89 * day), Verified: true},
			"forged1": {At: now.Add(-3 * time.Second)},
			"forged2": {At: now.Add(-2 * time.Second)},
			"forged3": {At: now.Add(-1 * time.Second)},
			"tested":  {At: now.Add(-4 * time.Second), Test: true},
		} {
			one.Ref = ref
			must(t, s.SaveTrace(ctx, one))
		}
		must(t, s.write.Exec("DELETE FROM audit_events").Error)
		must(t, s.Audit(ctx, audit.Event{At: now.Add(-401 * day)}, audit.Event{At: now.Add(-399 * day)}))

		want := Purged{Traces: 1, Unverified: 1, Audit: 1, Sessions: 2, Pending: 1, Assertions: 1, Codes: 1, Tests: 1}
		if got, err := s.Purge(ctx, now); err != nil || got != want {
			t.Errorf("purged %+v (%v), want %+v", got, err, want)
		}
		if got, err := s.Purge(ctx, now); err != nil || got != (Purged{}) {
			t.Errorf("a second purge found %+v (%v)", got, err)
		}
		for table, left := range map[string]int{"traces": 4, "audit_events": 1, "sessions": 1, "pending_requests": 2, "used_assertions": 2, "users": 3, "portal_codes": 2, "portal_tokens": 1, "test_logins": 1} {
			if got := count(t, s, table); got != left {
				t.Errorf("%s has %d rows left, want %d", table, got, left)
			}
		}
		if _, err := s.Session(ctx, used.hash, now); err != nil {
			t.Errorf("the session in use is gone: %v", err)
		}
	})
}

func TestWhatHasNoEndIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		s.retention = Retention{Unverified: 1}
		must(t, s.SaveTrace(ctx, Trace{Ref: "old", At: noon.Add(-3650 * day), Verified: true}))
		must(t, s.Audit(ctx, audit.Event{At: noon.Add(-3650 * day)}))
		v := loggedIn(t, s, newRecord(t, s, "acme"), "ada")
		got, err := s.Purge(ctx, v.session.Expires.Add(-time.Second))
		got.Assertions = 0 // of the login
		if err != nil || got != (Purged{}) {
			t.Errorf("purged %+v (%v)", got, err)
		}
	})
}

// A login must not wait for a purge: no statement removes more than a batch.
func TestAPurgeGoesInBatches(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		const rows = 2*purgeAtOnce + 1
		events := make([]audit.Event, rows)
		for i := range events {
			events[i] = audit.Event{At: noon}
		}
		must(t, s.Audit(ctx, events...))
		var purged Purged
		took := statements(s, func() {
			var err error
			purged, err = s.Purge(ctx, noon.Add(500*day))
			must(t, err)
		})
		// Three for the trail, one for each other thing.
		if purged.Audit != rows || took != 3+15 {
			t.Errorf("%d events were removed in %d statements, want %d in 18", purged.Audit, took, rows)
		}
	})
}
