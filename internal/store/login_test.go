package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/users"
)

// posted is how many times one response arrives at once.
const posted = 20

// asOneOfMany runs a transaction posted times at once, on two processes that
// share the database, and counts those in which won was true.
func asOneOfMany(t *testing.T, h house, try func(tx *Tx) (won bool, err error)) int {
	t.Helper()
	processes := [2]*Store{h.open(t), h.open(t)}
	var wins atomic.Int64
	var wait sync.WaitGroup
	for i := range posted {
		wait.Go(func() {
			won := false
			err := processes[i%2].InTx(ctx, func(tx *Tx) (err error) {
				won, err = try(tx)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if won {
				wins.Add(1)
			}
		})
	}
	wait.Wait()
	return int(wins.Load())
}

func TestOneOfTwentyPostsUsesTheAssertionM17(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		wins := asOneOfMany(t, h, func(tx *Tx) (bool, error) {
			return tx.UseAssertion("https://idp.example", "_abc", noon.Add(time.Hour))
		})
		if wins != 1 {
			t.Errorf("%d of %d used the assertion", wins, posted)
		}
	})
}

func TestOneOfTwentyPostsConsumesThePendingRequestM15(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		s := h.open(t)
		request := begin(t, s, newRecord(t, s, "acme"), "h1")
		wins := asOneOfMany(t, h, func(tx *Tx) (bool, error) { return tx.ConsumePending(request.Handle) })
		if wins != 1 {
			t.Errorf("%d of %d consumed the request", wins, posted)
		}
	})
}

func TestTwentyFirstLoginsOfOnePersonMakeOneAccount(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		acme := newRecord(t, h.open(t), "acme", "platform")
		spellings := []string{"ada", "Ada", "ADA"}
		var turn atomic.Int64
		created := asOneOfMany(t, h, func(tx *Tx) (bool, error) {
			username := spellings[int(turn.Add(1))%len(spellings)]
			known, err := tx.Known(acme, username)
			if err != nil {
				return false, err
			}
			logIn(t, tx, acme, username, "platform")
			return known.Account == nil, nil
		})
		s := h.open(t)
		if users, sources := count(t, s, "users"), count(t, s, "membership_sources"); created != 1 || users != 1 || sources != 1 {
			t.Errorf("%d logins created %d accounts with %d sources, want one of each (S35)", created, users, sources)
		}
		if sessions := count(t, s, "sessions"); sessions != posted {
			t.Errorf("%d sessions, want %d: the account is one, the logins are many", sessions, posted)
		}
	})
}

func TestALoginThatGivesUpLeavesTheAssertionToTheNext(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		gaveUp := errors.New("gave up")
		use := func(fail error) (won bool) {
			err := s.InTx(ctx, func(tx *Tx) (err error) {
				if won, err = tx.UseAssertion("https://idp.example", "_abc", noon); err != nil {
					return err
				}
				return fail
			})
			if !errors.Is(err, fail) {
				t.Error(err)
			}
			return won
		}
		if !use(gaveUp) || !use(nil) || use(nil) {
			t.Error("want: used and given back, used, refused")
		}
	})
}

func TestAnAssertionIsItsIssuersOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		must(t, s.InTx(ctx, func(tx *Tx) error {
			for _, one := range []struct {
				issuer, id string
				want       bool
			}{
				{"https://a", "_1", true},
				{"https://b", "_1", true},
				{"https://a", "_2", true},
				{"https://a_", "1", true},
				{"https://a", "_1", false},
			} {
				if fresh, err := tx.UseAssertion(one.issuer, one.id, noon); err != nil || fresh != one.want {
					t.Errorf("%s %s: fresh %v (%v)", one.issuer, one.id, fresh, err)
				}
			}
			return nil
		}))
	})
}

func TestKnownIsTheAccountWithItsMembershipsAndTheirSources(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "audit", "platform")
		known := knownOf(t, s, acme, "ada")
		if known.Account != nil || known.Memberships != nil || known.Directory != nil {
			t.Errorf("before the first login %+v is known", known)
		}
		v := loggedIn(t, s, acme, "Ada", "platform", "audit")
		byBob := groups.Source{Kind: groups.Manual, By: "bob", Since: noon.Add(-day)}
		change(t, s, v, groups.Change{Group: "platform", Source: byBob})

		known = knownOf(t, s, acme, "aDA")
		if known.Account == nil || *known.Account != v.account {
			t.Fatalf("got  %+v\nwant %+v", known.Account, v.account)
		}
		want := []groups.Membership{
			{Group: "audit", Sources: []groups.Source{byRule("acme", "audit")}},
			{Group: "platform", Sources: []groups.Source{byRule("acme", "platform"), byBob}},
		}
		if !slices.EqualFunc(known.Memberships, want, sameMembership) {
			t.Errorf("got  %+v\nwant %+v", known.Memberships, want)
		}
	})
}

func TestARecordThatChangedDuringTheLoginIsStale(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		was := newRecord(t, s, "acme")
		changed := sample("acme")
		changed.Name = "Another name"
		apply(t, s, idms.File{Records: []idms.Record{changed}})
		err := s.InTx(ctx, func(tx *Tx) error { _, err := tx.Known(was, "ada"); return err })
		if !errors.Is(err, ErrStale) || fault.KindOf(err) != fault.Conflict {
			t.Errorf("a policy of version 1 decided on version 2 (%v)", err)
		}
		knownOf(t, s, edition(t, s, "acme"), "ada") // and this one is in force

		gone := Edition{ID: NewID(), Version: 1}
		if err := s.InTx(ctx, func(tx *Tx) error { _, err := tx.Known(gone, "ada"); return err }); !errors.Is(err, ErrStale) {
			t.Errorf("a record that is no more: %v", err)
		}
	})
}

// While a login is under way, its record stays as it is: the change waits, and
// the session that the login opened is one that the change sees.
func TestARecordSwitchedOffDuringALoginEndsThatLoginsSessionS53(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		s, admin := h.open(t), h.open(t)
		acme := newRecord(t, s, "acme")
		off := sample("acme")
		off.State = idms.Disabled
		var applied Applied
		var wait sync.WaitGroup
		v := visitor{}
		must(t, s.InTx(ctx, func(tx *Tx) error {
			if _, err := tx.Known(acme, "ada"); err != nil {
				return err
			}
			wait.Go(func() {
				var err error
				if applied, err = admin.Apply(ctx, idms.File{Records: []idms.Record{off}}, bob); err != nil {
					t.Error(err)
				}
			})
			v = logIn(t, tx, acme, "ada")
			return nil
		}))
		wait.Wait()
		if applied.SessionsEnded != 1 {
			t.Errorf("switching the record off ended %d sessions, want that of the login under way", applied.SessionsEnded)
		}
		if _, err := s.Session(ctx, v.hash, noon); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the session of a disabled record is alive (%v)", err)
		}
	})
}

func TestOneUsernameOfTwoRecordsIsTwoAccountsS40(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme"), newRecord(t, s, "beta")
		a, b := loggedIn(t, s, acme, "ada"), loggedIn(t, s, beta, "ada")
		if a.account.ID == b.account.ID || count(t, s, "users") != 2 {
			t.Error("a username reached another record's account")
		}
		if known := knownOf(t, s, beta, "ada"); known.Account.ID != b.account.ID {
			t.Error("one record knows the other's account")
		}
	})
}

func TestAUsernameIsKeptAsItWasSentLastS40(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		first := loggedIn(t, s, acme, "Zoë")
		second := loggedIn(t, s, acme, "ZOË")
		known := knownOf(t, s, acme, "zoë")
		if first.account.ID != second.account.ID || known.Account.Username != "ZOË" {
			t.Errorf("known as %q under %s, first login %s", known.Account.Username, known.Account.ID, first.account.ID)
		}
	})
}

func TestASecondAccountOfOneUsernameIsAConflict(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		v := loggedIn(t, s, newRecord(t, s, "acme"), "ada")
		again := v.account
		again.ID, again.Username = NewID(), "ADA"
		err := s.InTx(ctx, func(tx *Tx) error { return tx.CreateUser(again) })
		if fault.KindOf(err) != fault.Conflict {
			t.Errorf("created with %v", err)
		}
	})
}

// A username may have 1,024 bytes and folding makes up to three of one, while
// PostgreSQL takes 2,704 into an index: after making them small, which it always
// can, since the few letters that grow so much are much alike.
func TestTheLongestUsernamesAreAccountsOfTheirOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		random := rand.New(rand.NewPCG(1, 2))
		// All letters that become three (Unicode composition exclusions), at random.
		grow := []rune("\U0001D160\U0001D161\U0001D162\U0001D163\U0001D164\U0001D1BD\U0001D1BE\U0001D1BF\U0001D1C0")
		long := func() string {
			var b strings.Builder
			for b.Len()+4 <= users.MaxField {
				b.WriteRune(grow[random.IntN(len(grow))])
			}
			return b.String()
		}
		one, two := long(), long()
		if n := len(users.Fold(one)); n < 2704 {
			t.Fatalf("the folded username has %d bytes, which any index takes", n)
		}
		first, other, again := loggedIn(t, s, acme, one), loggedIn(t, s, acme, two), loggedIn(t, s, acme, one)
		if again.account.ID != first.account.ID || other.account.ID == first.account.ID {
			t.Error("a long username reached another account, or not its own")
		}
	})
}

func TestUpdatingNobodyIsAnError(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		nobody := users.Account{ID: NewID(), RecordID: acme.ID, Profile: users.Profile{Username: "ada"}}
		err := s.InTx(ctx, func(tx *Tx) error { return tx.UpdateUser(nobody) })
		if fault.KindOf(err) != fault.NotFound || count(t, s, "users") != 0 {
			t.Errorf("updated with %v", err)
		}
	})
}

func TestSourcesComeAndGoAndTheLastOneTakesTheMembershipS35(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		v := loggedIn(t, s, acme, "ada")
		rule, manual := byRule("acme", "platform"), groups.Source{Kind: groups.Manual, By: "bob", Since: noon.Add(time.Hour)}
		later := rule
		later.Since = noon.Add(day)
		add := func(source groups.Source) groups.Change { return groups.Change{Group: "platform", Source: source} }
		remove := func(source groups.Source) groups.Change {
			return groups.Change{Group: "platform", Source: source, Remove: true}
		}
		for _, step := range []struct {
			name string
			do   groups.Change
			want []groups.Source
		}{
			{"a rule adds", add(rule), []groups.Source{rule}},
			{"it adds again, and is since the first time", add(later), []groups.Source{rule}},
			{"an administrator adds too", add(manual), []groups.Source{rule, manual}},
			{"another rule's removal touches neither", remove(groups.Source{Kind: groups.FromAssociation, Record: "acme", By: "another"}), []groups.Source{rule, manual}},
			{"another record's removal neither", remove(groups.Source{Kind: groups.FromAssociation, Record: "beta", By: rule.By}), []groups.Source{rule, manual}},
			{"the rule removes its own", remove(rule), []groups.Source{manual}},
			{"a second time is nothing", remove(rule), []groups.Source{manual}},
			{"the last source goes, and the membership with it", remove(manual), nil},
		} {
			change(t, s, v, step.do)
			var got []groups.Source
			for _, membership := range knownOf(t, s, acme, "ada").Memberships {
				got = append(got, membership.Sources...)
			}
			if !slices.Equal(got, step.want) {
				t.Errorf("%s: got %+v, want %+v", step.name, got, step.want)
			}
		}
	})
}

func TestASourceWithoutAnInstantIsSinceNow(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		v := loggedIn(t, s, acme, "ada")
		change(t, s, v, groups.Change{Group: "platform", Source: groups.Source{Kind: groups.Manual, By: "bob"}})
		if got := knownOf(t, s, acme, "ada").Memberships[0].Sources[0].Since; got != noon {
			t.Errorf("since %v, want %v", got, noon)
		}
	})
}

// performance.md: what a login costs must not grow by a statement for each group.
func TestALoginTakesFewStatementsHoweverManyGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		var names []string
		for i := range 2500 {
			names = append(names, fmt.Sprintf("group-%04d", i))
		}
		acme := newRecord(t, s, "acme", names...)
		var v visitor
		for _, step := range []struct {
			name   string
			groups []string
			most   int
		}{
			// known, created, assertion, session; PostgreSQL locks before.
			{"a first login without a group", nil, 5},
			{"a first membership of 500", names[:500], 8},
			{"the same 500 again", names[:500], 8},
			{"2,500 groups", names, 10},
		} {
			took := statements(s, func() { v = loggedIn(t, s, acme, "ada", step.groups...) })
			if took > step.most {
				t.Errorf("%s: %d statements, want at most %d", step.name, took, step.most)
			}
		}
		if got := len(knownOf(t, s, acme, "ada").Memberships); got != len(names) {
			t.Fatalf("in %d groups, want %d", got, len(names))
		}
		var gone []groups.Change
		for _, name := range names {
			gone = append(gone, groups.Change{Group: name, Source: byRule("acme", name), Remove: true})
		}
		if took := statements(s, func() { change(t, s, v, gone...) }); took > 3 {
			t.Errorf("leaving all groups took %d statements, want at most 3", took)
		}
		if left := knownOf(t, s, acme, "ada").Memberships; left != nil {
			t.Errorf("still in %d groups", len(left))
		}
	})
}

func TestABrowserFindsItsOwnPendingRequestsOfThatRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, beta := newRecord(t, s, "acme"), newRecord(t, s, "beta")
		one, two := begin(t, s, acme, "h1"), begin(t, s, acme, "h2")
		begin(t, s, acme, "another browser")
		begin(t, s, beta, "h3")
		mine := [][]byte{[]byte("h1"), []byte("h2"), []byte("h3"), []byte("unknown")}
		for _, tt := range []struct {
			name    string
			hashes  [][]byte
			now     time.Time
			live    []Pending
			expired int
		}{
			{"its own, of this record", mine, noon, []Pending{one, two}, 0},
			{"no cookie", nil, noon, nil, 0},
			{"at their end they only count", mine, one.Expires, nil, 2},
		} {
			live, expired, err := s.Pending(ctx, acme.ID, tt.hashes, tt.now)
			if err != nil || expired != tt.expired || !slices.EqualFunc(live, tt.live, samePending) {
				t.Errorf("%s: got %+v and %d expired (%v)", tt.name, live, expired, err)
			}
		}
	})
}

func TestAnElevationWaitsForItsSessionS26(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme")
		v := loggedIn(t, s, acme, "ada")
		request := Pending{
			Handle: "e", CookieHash: []byte("e"), RecordID: acme.ID, RequestID: "_e",
			Purpose: idms.Elevate, SessionID: v.session.ID, UserID: v.account.ID, ReturnTo: "/x", ForceAuthn: true,
			Issued: noon, Expires: noon.Add(time.Minute),
		}
		must(t, s.BeginRequest(ctx, request))
		live, _, err := s.Pending(ctx, acme.ID, [][]byte{[]byte("e")}, noon)
		if err != nil || len(live) != 1 || !samePending(live[0], request) {
			t.Errorf("got %+v (%v), want %+v", live, err, request)
		}
	})
}

func begin(t *testing.T, s *Store, record Edition, cookie string) Pending {
	t.Helper()
	p := Pending{
		Handle: "handle of " + cookie, CookieHash: []byte(cookie), RecordID: record.ID, RequestID: "_" + cookie,
		Purpose: idms.LogIn, ReturnTo: "/reports?month=3", Issued: noon, Expires: noon.Add(10 * time.Minute),
	}
	must(t, s.BeginRequest(ctx, p))
	return p
}

func samePending(a, b Pending) bool {
	return string(a.CookieHash) == string(b.CookieHash) && fmt.Sprint(a) == fmt.Sprint(b)
}

func sameMembership(a, b groups.Membership) bool {
	return a.Group == b.Group && slices.Equal(a.Sources, b.Sources)
}

func knownOf(t *testing.T, s *Store, record Edition, username string) idms.Known {
	t.Helper()
	var known idms.Known
	must(t, s.InTx(ctx, func(tx *Tx) (err error) {
		known, err = tx.Known(record, username)
		return err
	}))
	return known
}

func change(t *testing.T, s *Store, v visitor, changes ...groups.Change) {
	t.Helper()
	must(t, s.InTx(ctx, func(tx *Tx) error { return tx.ApplyChanges(v.account.ID, changes, noon) }))
}

func apply(t *testing.T, s *Store, file idms.File) Applied {
	t.Helper()
	applied, err := s.Apply(ctx, file, bob)
	if err != nil {
		t.Fatal(err)
	}
	return applied
}
