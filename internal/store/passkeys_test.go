package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/session"
	"idms/internal/users"
)

// local is a local person with a password.
func local(t *testing.T, s *Store, username string, role roles.Role) string {
	t.Helper()
	by := Author{Role: roles.Owner, Who: "test", Now: noon}
	id, err := s.CreateLocal(ctx, users.Profile{Username: username, Email: username + "@example.test"}, role, by)
	must(t, err)
	must(t, s.SetPassword(ctx, id, "hash", by))
	return id
}

func passkey(credential string) Passkey {
	return Passkey{Passkey: door.Passkey{Credential: []byte(credential), Key: []byte("key"), Counter: 7, Synced: true}, Host: "login.example.com", Name: "Telephone"}
}

func TestAPasskeyIsKeptOnceAndFoundByItsCredential(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ada, eve := local(t, s, "ada", roles.Owner), local(t, s, "eve", roles.None)
		kept, err := s.AddPasskey(ctx, ada, passkey("one"), [][]byte{{1}, {2}}, Author{Now: noon})
		must(t, err)
		if !kept {
			t.Error("somebody without recovery codes got none")
		}
		if kept, err = s.AddPasskey(ctx, ada, passkey("two"), [][]byte{{3}}, Author{Now: noon.Add(time.Second)}); err != nil || kept {
			t.Errorf("recovery codes took the place of others: %v, %v", kept, err)
		}
		if _, err := s.AddPasskey(ctx, eve, passkey("one"), nil, Author{Now: noon}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a credential of somebody else: %v", err)
		}
		who, found, err := s.HolderOf(ctx, []byte("one"))
		must(t, err)
		if who.Account.ID != ada || found.Counter != 7 || !found.Synced || found.Name != "Telephone" || !found.Made.Equal(noon) || !found.Used.IsZero() {
			t.Errorf("found %+v of %s", found, who.Account.Username)
		}
		if len(who.Passkeys) != 2 || who.Recoveries != 2 || !who.SecondFactor() || len(who.PasskeysAt("login.example.com")) != 2 || len(who.PasskeysAt("other.example.com")) != 0 {
			t.Errorf("the person has %+v", who)
		}
		if _, _, err := s.HolderOf(ctx, []byte("none")); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an unknown credential: %v", err)
		}
		list, err := s.Administrators(ctx)
		must(t, err)
		if len(list) != 1 || !list[0].SecondFactor {
			t.Errorf("the administrators are %+v", list)
		}

		if err := s.RemovePasskey(ctx, eve, found.ID, Author{Now: noon}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("somebody else removes it: %v", err)
		}
		must(t, s.RemovePasskey(ctx, ada, found.ID, Author{Now: noon}))
		if who, err = s.CredentialOf(ctx, ada); err != nil || len(who.Passkeys) != 1 || who.Recoveries != 2 {
			t.Errorf("with one left: %+v, %v", who, err)
		}
		must(t, s.SetAuthenticator(ctx, ada, "secret", 1, nil, Author{Now: noon}))
		must(t, s.RemovePasskey(ctx, ada, who.Passkeys[0].ID, Author{Now: noon}))
		if who, err = s.CredentialOf(ctx, ada); err != nil || who.Recoveries != 2 {
			t.Errorf("with an app left: %+v, %v", who, err)
		}
		must(t, s.SetAuthenticator(ctx, ada, "", 0, nil, Author{Now: noon}))
		if who, err = s.CredentialOf(ctx, ada); err != nil || who.Recoveries != 0 || who.SecondFactor() {
			t.Errorf("with no second factor left: %+v, %v", who, err)
		}
	})
}

func TestOfManyPasskeysAtOnceAsManyAreKeptAsThereMayBe(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ada := local(t, s, "ada", roles.None)
		var all sync.WaitGroup
		for i := range door.MaxPasskeys + 4 {
			all.Go(func() {
				_, err := s.AddPasskey(ctx, ada, passkey(fmt.Sprint(i)), nil, Author{Now: noon})
				if err != nil && fault.KindOf(err) != fault.Conflict {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if who, err := s.CredentialOf(ctx, ada); err != nil || len(who.Passkeys) != door.MaxPasskeys {
			t.Errorf("%d passkeys, %v", len(who.Passkeys), err)
		}
	})
}

func TestTheCounterOfAPasskeyOnlyRises(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ada := local(t, s, "ada", roles.None)
		still := passkey("counts nothing")
		still.Counter = 0
		_, err := s.AddPasskey(ctx, ada, still, nil, Author{Now: noon})
		must(t, err)
		who, err := s.CredentialOf(ctx, ada)
		must(t, err)
		for _, step := range []struct {
			counter uint32
			want    bool
		}{{0, true}, {0, true}, {3, true}, {3, false}, {2, false}, {0, false}, {1<<32 - 1, true}} {
			must(t, s.InTx(ctx, func(tx *Tx) error {
				used, err := tx.UsePasskey(who.Passkeys[0].ID, step.counter, noon.Add(time.Hour))
				if used != step.want {
					t.Errorf("counter %d: used %v", step.counter, used)
				}
				return err
			}))
		}
		if who, err = s.CredentialOf(ctx, ada); err != nil || who.Passkeys[0].Counter != 1<<32-1 || !who.Passkeys[0].Used.Equal(noon.Add(time.Hour)) {
			t.Errorf("afterwards %+v, %v", who.Passkeys, err)
		}
	})
}

func TestAnOwnerTakesEverySecondFactorAway(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ada := local(t, s, "ada", roles.None)
		must(t, s.SetAuthenticator(ctx, ada, "secret", 1, [][]byte{{1}}, Author{Now: noon}))
		_, err := s.AddPasskey(ctx, ada, passkey("one"), nil, Author{Now: noon})
		must(t, err)
		if err := s.RemoveSecondFactors(ctx, ada, Author{Role: roles.Editor, Now: noon}); fault.KindOf(err) != fault.Denied {
			t.Errorf("an editor: %v", err)
		}
		must(t, s.RemoveSecondFactors(ctx, ada, Author{Role: roles.Owner, Who: "grace", Now: noon}))
		if who, err := s.CredentialOf(ctx, ada); err != nil || who.SecondFactor() || who.Recoveries != 0 {
			t.Errorf("afterwards %+v, %v", who, err)
		}
		for _, action := range []audit.Action{audit.AuthenticatorRemoved, audit.PasskeyRemoved} {
			if events, _, err := s.Events(ctx, EventFilter{Action: action}, "", 10); err != nil || len(events) != 1 || events[0].Who != "grace" {
				t.Errorf("%s: %+v, %v", action, events, err)
			}
		}
	})
}

func TestAChallengeIsUsedOnceAndInTime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ada := local(t, s, "ada", roles.None)
		kept := func(purpose ChallengePurpose, userID string) []byte {
			_, hash := session.NewToken()
			must(t, s.KeepChallenge(ctx, Challenge{Purpose: purpose, UserID: userID, Expires: noon.Add(ChallengeLasts)}, hash))
			return hash
		}
		hash := kept(LogIn, "")
		var mu sync.Mutex
		var all sync.WaitGroup
		wins := 0
		for range 6 {
			all.Go(func() {
				got, err := s.UseChallenge(ctx, hash, noon)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && got.Purpose == LogIn {
					wins++
				} else if fault.KindOf(err) != fault.NotFound {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if wins != 1 {
			t.Errorf("%d of 6 tries got it", wins)
		}
		if _, err := s.UseChallenge(ctx, kept(LogIn, ""), noon.Add(ChallengeLasts)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("too late: %v", err)
		}
		former := kept(AfterPassword, ada)
		making, newest := kept(MakePasskey, ada), kept(AfterPassword, ada)
		if _, err := s.UseChallenge(ctx, former, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("one that another took the place of: %v", err)
		}
		for purpose, hash := range map[ChallengePurpose][]byte{MakePasskey: making, AfterPassword: newest} {
			if got, err := s.UseChallenge(ctx, hash, noon); err != nil || got.Purpose != purpose || got.UserID != ada {
				t.Errorf("%s: %+v, %v", purpose, got, err)
			}
		}
		kept(LogIn, "")
		_, err := s.Purge(ctx, noon.Add(ChallengeLasts))
		must(t, err)
		var left int64
		must(t, s.read.Model(&challengeRow{}).Count(&left).Error)
		if left != 0 {
			t.Errorf("%d are left after the purge", left)
		}
	})
}

func TestChallengesAreBoundedAndTheOldestGoFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		rows := make([]challengeRow, maxChallenges)
		for i := range rows {
			rows[i] = challengeRow{TokenHash: fmt.Appendf(nil, "%032d", i), Purpose: string(LogIn), Expires: micros(noon.Add(time.Duration(i) * time.Millisecond))}
		}
		for batch := range slices.Chunk(rows, 1000) {
			must(t, s.write.Create(batch).Error)
		}
		_, known := session.NewToken() // older than all, and of somebody whose password was right
		must(t, s.KeepChallenge(ctx, Challenge{Purpose: AfterPassword, UserID: NewID(), Expires: noon.Add(-time.Second)}, known))
		_, hash := session.NewToken()
		must(t, s.KeepChallenge(ctx, Challenge{Purpose: LogIn, Expires: noon.Add(time.Hour)}, hash))
		var left int64
		must(t, s.read.Model(&challengeRow{}).Where("user_id = ''").Count(&left).Error)
		if left != maxChallenges {
			t.Errorf("%d wait", left)
		}
		if _, err := s.UseChallenge(ctx, known, noon.Add(-time.Hour)); err != nil {
			t.Errorf("strangers made us forget somebody whom we know: %v", err)
		}
		if _, err := s.UseChallenge(ctx, rows[0].TokenHash, noon.Add(-time.Hour)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the oldest: %v", err)
		}
		if _, err := s.UseChallenge(ctx, hash, noon); err != nil {
			t.Errorf("the newest: %v", err)
		}
	})
}
