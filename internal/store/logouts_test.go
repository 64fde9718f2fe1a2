package store

import (
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/saml"
	"idms/internal/session"
)

func idsNamed(t *testing.T, s *Store, recordID, name string) (ids []string) {
	t.Helper()
	must(t, s.InTx(ctx, func(tx *Tx) error {
		list, err := tx.SessionsNamed(recordID, name)
		ids = nil
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		return err
	}))
	return ids
}

// A release without the digest may run beside this one, and open sessions.
func TestM24SessionsOfAnOlderReleaseAreFoundByNameToo(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme"), newRecord(t, s, "beta")
		ada, again, grace := loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "grace")
		loggedIn(t, s, beta, "ada")
		must(t, s.write.Exec("UPDATE sessions SET name_digest = NULL WHERE id IN ?", []string{again.session.ID, grace.session.ID}).Error)
		want := []string{ada.session.ID, again.session.ID}
		slices.Sort(want)
		if got := idsNamed(t, s, acme.ID, ada.session.NameID.Value); !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
		if got := idsNamed(t, s, acme.ID, "nobody"); len(got) != 0 {
			t.Errorf("nobody has %q", got)
		}
	})
}

func TestM24ALogoutWaitsForOneAnswerAndIsPurged(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme"), newRecord(t, s, "beta")
		v := loggedIn(t, s, acme, "ada")
		kept := Logout{
			Handle: "H", RequestID: "_r", RecordID: acme.ID, UserID: v.account.ID, NameID: v.session.NameID, SessionIndex: "s",
			Others: 2, Issued: noon, Expires: noon.Add(10 * time.Minute),
		}
		must(t, s.KeepLogout(ctx, kept))
		got, key, err := s.Logout(ctx, "H", noon)
		if err != nil || got != kept || key != "acme" {
			t.Errorf("got %+v of %s (%v), want %+v", got, key, err, kept)
		}
		for i, want := range []bool{true, false} {
			if first, err := s.SendLogout(ctx, "H"); err != nil || first != want {
				t.Errorf("sent %d times before: first %v (%v)", i, first, err)
			}
		}
		for _, tt := range []struct {
			name, record, request string
			now                   time.Time
			want                  bool
		}{
			{"another record's answer", beta.ID, "_r", noon, false},
			{"another request's", acme.ID, "_x", noon, false},
			{"one that came too late", acme.ID, "_r", kept.Expires, false},
			{"the right one", acme.ID, "_r", noon, true},
			{"a second one", acme.ID, "_r", noon, false},
		} {
			must(t, s.InTx(ctx, func(tx *Tx) error {
				handle, user, awaited, err := tx.AnswerLogout(tt.record, tt.request, saml.LogoutDone, tt.now)
				if awaited != tt.want || awaited && (handle != "H" || user != v.account.ID) {
					t.Errorf("%s: awaited %v, %s of %s", tt.name, awaited, handle, user)
				}
				return err
			}))
		}
		if got, _, err := s.Logout(ctx, "H", noon); err != nil || got.Answer != saml.LogoutDone || !got.Sent {
			t.Errorf("answered: %+v (%v)", got, err)
		}
		if _, _, err := s.Logout(ctx, "H", kept.Expires); fault.KindOf(err) != fault.NotFound {
			t.Errorf("after its end: %v", err)
		}
		for instant, want := range map[time.Time]int{kept.Expires.Add(-time.Microsecond): 0, kept.Expires: 1} {
			must(t, s.write.Exec("DELETE FROM pending_logouts").Error)
			must(t, s.KeepLogout(ctx, kept))
			if purged, err := s.Purge(ctx, instant); err != nil || purged.Logouts != want {
				t.Errorf("purged at %v: %+v (%v), want %d", instant, purged, err, want)
			}
		}
	})
}

func TestM24OnlySessionsThatAreNamedEndAndTheirPortalTokensWithThem(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		ada, again := loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "ada")
		for _, v := range []visitor{ada, again} {
			_, hash := session.NewToken()
			if !openToken(t, s, hash, v.session.ID, "https://portal.example", noon) {
				t.Fatal("no portal token")
			}
		}
		must(t, s.InTx(ctx, func(tx *Tx) error {
			ended, err := tx.EndSessions([]string{ada.session.ID, NewID()})
			if !slices.Equal(ended, []string{ada.session.ID}) {
				t.Errorf("ended %q", ended)
			}
			return err
		}))
		if sessions, tokens := count(t, s, "sessions"), count(t, s, "portal_tokens"); sessions != 1 || tokens != 1 {
			t.Errorf("%d sessions and %d portal tokens are left, want one of each", sessions, tokens)
		}
	})
}

// A NameID may be longer than an index takes.
func TestM24ALongNameIsFound(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		v := loggedIn(t, s, acme, "ada")
		long := v.session
		long.ID, long.NameID.Value = NewID(), strings.Repeat("ü", 5000)
		_, hash := session.NewToken()
		must(t, s.InTx(ctx, func(tx *Tx) error { return tx.OpenSession(long, hash) }))
		if got := idsNamed(t, s, acme.ID, long.NameID.Value); !slices.Equal(got, []string{long.ID}) {
			t.Errorf("found %q", got)
		}
	})
}
