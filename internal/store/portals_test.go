package store

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/users"
)

const examplePortal = "https://portal.example"

func openToken(t testing.TB, s *Store, hash []byte, sessionID, portal string, now time.Time) (opened bool) {
	t.Helper()
	must(t, s.InTx(ctx, func(tx *Tx) (err error) {
		_, _, opened, err = tx.OpenPortalToken(hash, sessionID, portal, now)
		return err
	}))
	return opened
}

func TestAPortalsCodeIsUsedOnceHoweverManyTry(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		v := loggedIn(t, s, newRecord(t, s, "acme"), "ada")
		code := PortalCode{
			Hash: []byte("code"), SessionID: v.session.ID, Portal: examplePortal,
			BrowserHash: []byte("browser"), ReturnTo: "/deep?x=1", Expires: noon.Add(time.Minute),
		}
		must(t, s.KeepPortalCode(ctx, code, v.hash))
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				err := s.InTx(ctx, func(tx *Tx) error {
					got, found, err := tx.ConsumePortalCode(code.Hash)
					if !found || err != nil {
						return err
					}
					taken.Add(1)
					if got.SessionID != code.SessionID || got.Portal != code.Portal || got.ReturnTo != code.ReturnTo ||
						!got.Expires.Equal(code.Expires) || !bytes.Equal(got.BrowserHash, code.BrowserHash) {
						t.Errorf("got %+v, want %+v", got, code)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := taken.Load(); got != 1 {
			t.Errorf("%d got the code, want 1", got)
		}
	})
}

func TestAPortalsTokenOpensItsSessionAndNoOther(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		ada, grace := loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "grace")
		_, hash := session.NewToken()
		if !openToken(t, s, hash, ada.session.ID, examplePortal, noon) {
			t.Fatal("a living session got no token")
		}
		visit, portal, err := s.PortalSession(ctx, hash, noon)
		if want := (Visit{Session: ada.session, Account: ada.account, Record: acme}); err != nil || visit != want || portal != examplePortal {
			t.Errorf("got  %+v at %s (%v)\nwant %+v", visit, portal, err, want)
		}
		if _, err := s.Session(ctx, hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a portal's token is good at the login host (%v)", err)
		}
		if _, _, err := s.PortalSession(ctx, grace.hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the login host's token is good at a portal (%v)", err)
		}
		if _, _, err := s.PortalSession(ctx, hash, ada.session.Expires); fault.KindOf(err) != fault.NotFound {
			t.Errorf("it outlives its session (%v)", err)
		}
		must(t, s.InTx(ctx, func(tx *Tx) error { return tx.ForgetPortalToken(hash) }))
		if _, _, err := s.PortalSession(ctx, hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a forgotten token is good (%v)", err)
		}
		visitOf(t, s, ada.hash)
	})
}

func TestPortalsTokensGoWithTheirSession(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		for name, end := range map[string]func(v visitor) error{
			"logged out": func(v visitor) error { _, err := s.EndSession(ctx, v.hash); return err },
			"elevated, which changes every token (S26)": func(v visitor) error {
				return s.InTx(ctx, func(tx *Tx) error {
					_, hash := session.NewToken()
					_, _, err := tx.SetElevated(v.session.ID, hash, console.Full, "mfa", noon.Add(time.Hour), saml.NameID{Value: "ada"}, "")
					return err
				})
			},
		} {
			v, other := loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "grace")
			_, one := session.NewToken()
			_, two := session.NewToken()
			_, others := session.NewToken()
			openToken(t, s, one, v.session.ID, examplePortal, noon)
			openToken(t, s, two, v.session.ID, "https://second.example", noon)
			openToken(t, s, others, other.session.ID, examplePortal, noon)
			must(t, end(v))
			for _, hash := range [][]byte{one, two} {
				if _, _, err := s.PortalSession(ctx, hash, noon); fault.KindOf(err) != fault.NotFound {
					t.Errorf("%s: a portal's token is still good (%v)", name, err)
				}
			}
			if _, _, err := s.PortalSession(ctx, others, noon); err != nil {
				t.Errorf("%s: somebody else's is gone: %v", name, err)
			}
		}
	})
}

// S26: who held the token before the elevation cannot have kept a code back for
// the session that is elevated now.
func TestS26AnElevationForgetsTheCodesThatAreOnTheirWay(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		v, other := loggedIn(t, s, acme, "ada"), loggedIn(t, s, acme, "grace")
		code := func(name string, of visitor) PortalCode {
			return PortalCode{Hash: []byte(name), SessionID: of.session.ID, Portal: examplePortal,
				BrowserHash: []byte("browser"), ReturnTo: "/", Expires: noon.Add(time.Minute)}
		}
		must(t, s.KeepPortalCode(ctx, code("before", v), v.hash))
		must(t, s.KeepPortalCode(ctx, code("other", other), other.hash))
		_, elevated := session.NewToken()
		must(t, s.InTx(ctx, func(tx *Tx) error {
			_, _, err := tx.SetElevated(v.session.ID, elevated, console.Full, "mfa", noon.Add(time.Hour), saml.NameID{Value: "ada"}, "")
			return err
		}))
		if err := s.KeepPortalCode(ctx, code("late", v), v.hash); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the token from before the elevation still gets a code (%v)", err)
		}
		must(t, s.KeepPortalCode(ctx, code("after", v), elevated))
		for name, want := range map[string]bool{"before": false, "late": false, "after": true, "other": true} {
			must(t, s.InTx(ctx, func(tx *Tx) error {
				if _, found, err := tx.ConsumePortalCode([]byte(name)); err != nil || found != want {
					t.Errorf("%s: found %v (%v), want %v", name, found, err, want)
				}
				return nil
			}))
		}
	})
}

func TestAnEndedSessionGetsNoPortalToken(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		v := loggedIn(t, s, newRecord(t, s, "acme"), "ada")
		_, hash := session.NewToken()
		if openToken(t, s, hash, v.session.ID, examplePortal, v.session.Expires) {
			t.Error("one that has expired got a token")
		}
		_, err := s.EndSession(ctx, v.hash)
		must(t, err)
		if openToken(t, s, hash, v.session.ID, examplePortal, noon) {
			t.Error("one that was ended got a token")
		}
	})
}

func TestAPortalEndsTheSessionOfItsOwnTokenAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		v := loggedIn(t, s, newRecord(t, s, "acme"), "ada")
		_, hash := session.NewToken()
		openToken(t, s, hash, v.session.ID, examplePortal, noon)
		for _, step := range []struct {
			portal string
			want   bool
		}{{"https://second.example", false}, {examplePortal, true}, {examplePortal, false}} {
			if ended, err := s.EndPortalSession(ctx, hash, step.portal); err != nil || ended != step.want {
				t.Errorf("%s: ended %v (%v), want %v", step.portal, ended, err, step.want)
			}
		}
		if _, err := s.Session(ctx, v.hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the login host still has it (%v)", err)
		}
	})
}

// A portal's proxy asks about every picture: it must cost one statement.
func TestAPortalsProxyIsAnsweredInOneStatement(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "staff", "platform", "zoo")
		ada, grace := loggedIn(t, s, acme, "ada", "zoo", "platform", "staff"), loggedIn(t, s, acme, "grace")
		// A second reason for one membership is no second group.
		byHand := groups.Change{Group: "zoo", Source: groups.Source{Kind: groups.Manual, By: "bob"}}
		must(t, s.InTx(ctx, func(tx *Tx) error { return tx.ApplyChanges(ada.account.ID, []groups.Change{byHand}, noon) }))
		for _, one := range []struct {
			visitor
			want []string
		}{{ada, []string{"platform", "staff", "zoo"}}, {grace, nil}} {
			_, hash := session.NewToken()
			openToken(t, s, hash, one.session.ID, examplePortal, noon)
			took := readings(s, func() {
				visit, portal, keys, err := s.PortalPass(ctx, hash, noon)
				same, there, samesErr := s.PortalSession(ctx, hash, noon)
				if err != nil || samesErr != nil || visit != same || portal != there || !slices.Equal(keys, one.want) {
					t.Errorf("got %+v at %s in %v (%v)\nwant %+v at %s in %v", visit, portal, keys, err, same, there, one.want)
				}
			})
			if took != 2 {
				t.Errorf("two questions took %d statements", took)
			}
			if _, _, _, err := s.PortalPass(ctx, hash, one.session.Expires); fault.KindOf(err) != fault.NotFound {
				t.Errorf("it outlives its session (%v)", err)
			}
			must(t, s.write.Exec("UPDATE records SET state = ?", idms.Disabled).Error)
			if _, _, _, err := s.PortalPass(ctx, hash, noon); fault.KindOf(err) != fault.NotFound {
				t.Errorf("S53: a disabled record lets pass (%v)", err)
			}
			must(t, s.write.Exec("UPDATE records SET state = ?", idms.Active).Error)
			must(t, s.write.Exec("UPDATE users SET state = ? WHERE id = ?", users.Blocked, one.account.ID).Error)
			if _, _, _, err := s.PortalPass(ctx, hash, noon); fault.KindOf(err) != fault.NotFound {
				t.Errorf("somebody blocked passes (%v)", err)
			}
		}
	})
}
