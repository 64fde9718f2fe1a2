package login_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

const password = "crate anvil pond quill"

var grace = users.Profile{Username: "Grace", Email: "grace@example.test"}

// owner makes the first owner at the one-time address, as a browser does.
func (h *house) owner() login.Ticket {
	h.t.Helper()
	token, err := h.FirstAddress(h.t.Context())
	if err != nil || token == "" {
		h.t.Fatalf("the first address: %q, %v", token, err)
	}
	ticket, _, err := h.Choose(h.t.Context(), login.Chosen{Token: token, Profile: grace, Password: password})
	if err != nil {
		h.t.Fatal(err)
	}
	return ticket
}

// local makes a local person with a password and a role.
func (h *house) local(username string, role roles.Role) (userID string) {
	h.t.Helper()
	by := store.Author{Role: roles.Owner, Who: "test", Now: *h.now}
	userID, err := h.store.CreateLocal(h.t.Context(), users.Profile{Username: username, Email: username + "@example.test"}, role, by)
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := h.PasswordAddress(h.t.Context(), userID, by)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, _, err := h.Choose(h.t.Context(), login.Chosen{Token: token, Password: password}); err != nil {
		h.t.Fatal(err)
	}
	return userID
}

func (h *house) knock(username, password, code string) (login.Visitor, error) {
	h.t.Helper()
	ticket, err := h.Knock(h.t.Context(), login.Knock{Username: username, Password: password, Code: code, Address: "192.0.2.1"})
	if err != nil {
		return login.Visitor{}, err
	}
	visitor, err := h.Visitor(h.t.Context(), ticket.Value)
	if err != nil {
		h.t.Fatal(err)
	}
	return visitor, nil
}

func TestTheFirstOwnerIsMadeOnceAtAnAddressThatEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		stale, err := h.FirstAddress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h.wait(login.FirstAddressLasts)
		if _, err := h.Invited(t.Context(), stale); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an address whose time is over: %v", err)
		}
		former, _ := h.FirstAddress(t.Context())
		token, _ := h.FirstAddress(t.Context())
		if _, err := h.Invited(t.Context(), former); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an address that another one took the place of: %v", err)
		}

		_, problems, err := h.Choose(t.Context(), login.Chosen{Token: token, Profile: users.Profile{Username: "a b", Email: "nowhere"}, Password: "short"})
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"username", "email", "password"} {
			if !strings.Contains(problems.String(), field) {
				t.Errorf("a bad choice, and no word of the %s: %v", field, problems)
			}
		}

		// Of many at once, one becomes the owner.
		var wins, losses int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				_, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Profile: grace, Password: password})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					wins++
				} else if kind := fault.KindOf(err); kind == fault.NotFound || kind == fault.Conflict {
					losses++
				} else {
					t.Errorf("choosing at once: %v", err)
				}
			})
		}
		all.Wait()
		if wins != 1 || losses != 3 {
			t.Errorf("%d became the first owner, %d did not", wins, losses)
		}
		if token, err := h.FirstAddress(t.Context()); token != "" || err != nil {
			t.Errorf("with an owner there is still a first address: %q, %v", token, err)
		}
	})
}

func TestALocalPersonLogsInWithPasswordAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ticket := h.owner()
		visitor, err := h.Visitor(t.Context(), ticket.Value)
		if err != nil {
			t.Fatal(err)
		}
		if visitor.Role != roles.Owner || !visitor.Local || visitor.Level != console.Restricted {
			t.Errorf("the first owner: %+v", visitor)
		}
		visitor, err = h.knock("gRACE", password, "")
		if err != nil || visitor.Account.Username != "Grace" || visitor.Level != console.Restricted || visitor.CanElevate {
			t.Errorf("knocking: %+v, %v", visitor, err)
		}
		for _, tt := range []struct{ name, username, password string }{
			{"a wrong password", "grace", "crate anvil pond quilt"},
			{"no password", "grace", ""},
			{"nobody", "mallory", password},
			{"nobody without a password", "", ""},
		} {
			if _, err := h.knock(tt.username, tt.password, ""); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "does not let you in") {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	})
}

func TestS52EachUseOfTheBackDoorIsAnAlarm(t *testing.T) {
	h := onSQLite(t)
	h.owner()
	h.local("eddie", roles.None)
	if _, err := h.knock("grace", password, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.knock("eddie", password, ""); err != nil {
		t.Fatal(err)
	}
	var uses []audit.Event
	for _, event := range h.events(t) {
		if event.Action == audit.BackDoorUsed {
			uses = append(uses, event)
		}
	}
	if len(uses) != 2 || !uses[0].Alarm || !uses[1].Alarm || uses[0].Address != "192.0.2.1" {
		t.Errorf("of the first choice and one login of an administrator there are %d alarms: %+v", len(uses), uses)
	}
}

func TestS52TheSecondFactorIsAskedOnceItIsSetUp(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		id := h.local("ada.l", roles.Editor)
		made, err := door.NewAuthenticator("Portal", "ada.l")
		if err != nil {
			t.Fatal(err)
		}
		codes, hashes := door.NewRecoveryCodes()
		by := store.Author{Who: "ada.l", Now: *h.now}
		if err := h.store.SetAuthenticator(t.Context(), id, made.Secret, 0, hashes, by); err != nil {
			t.Fatal(err)
		}
		code, err := hotp.GenerateCode(made.Secret, uint64(h.now.Unix()/30))
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []string{"", "000000", "aaaa-aaaa-aaaa-aaaa"} {
			if _, err := h.knock("ada.l", password, wrong); fault.KindOf(err) != fault.Denied {
				t.Errorf("with the code %q: %v", wrong, err)
			}
		}
		if _, err := h.knock("ada.l", "crate anvil pond quilt", code); fault.KindOf(err) != fault.Denied {
			t.Errorf("with the code and a wrong password: %v", err)
		}
		visitor, err := h.knock("ada.l", password, code)
		if err != nil || visitor.Level != console.Full {
			t.Fatalf("with password and code: %+v, %v", visitor, err)
		}
		if _, err := h.knock("ada.l", password, code); fault.KindOf(err) != fault.Denied {
			t.Errorf("with the same code again: %v", err)
		}
		if _, err := h.knock("ada.l", password, codes[3]); err != nil {
			t.Errorf("with a recovery code: %v", err)
		}
		if _, err := h.knock("ada.l", password, codes[3]); fault.KindOf(err) != fault.Denied {
			t.Errorf("with the same recovery code again: %v", err)
		}
		if who, err := h.store.CredentialOf(t.Context(), id); err != nil || who.Recoveries != door.Recoveries-1 || who.Authenticator != made.Secret {
			t.Errorf("left: %+v, %v", who, err)
		}
	})
}

func TestGuessingSlowsAnAccountDownAndLocksNobodyOutForGood(t *testing.T) {
	h := onSQLite(t)
	h.owner()
	for range 6 {
		if _, err := h.knock("grace", "wrong wrong wrong", ""); fault.KindOf(err) != fault.Denied {
			t.Fatal(err)
		}
	}
	if _, err := h.knock("grace", password, ""); fault.KindOf(err) != fault.Denied {
		t.Errorf("at once after six failures the right password: %v", err)
	}
	refusals := slices.DeleteFunc(h.events(t), func(e audit.Event) bool { return e.Action != audit.BackDoorRefused })
	if len(refusals) != 1 || !refusals[0].Alarm {
		t.Errorf("six failures are %d events: %+v", len(refusals), refusals)
	}
	h.wait(door.Wait(6))
	if _, err := h.knock("grace", password, ""); err != nil {
		t.Errorf("a moment later the right password: %v", err)
	}
	if who, _ := h.store.Credential(t.Context(), "grace"); who.Failures != 0 {
		t.Errorf("a login left %d failures", who.Failures)
	}
}

// Whoever has stolen a password must not get rid of their wrong codes by asking for
// the passkey in between, which they do not have.
func TestS52APasswordAloneForgivesNoWrongCodes(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		id := h.local("ada.l", roles.Owner)
		made, err := door.NewAuthenticator("Portal", "ada.l")
		if err != nil {
			t.Fatal(err)
		}
		_, hashes := door.NewRecoveryCodes()
		by := store.Author{Who: "ada.l", Now: *h.now}
		if err := h.store.SetAuthenticator(t.Context(), id, made.Secret, 0, hashes, by); err != nil {
			t.Fatal(err)
		}
		key := store.Passkey{Passkey: door.Passkey{Credential: []byte("credential"), Key: []byte("key")}, Host: "portal.example", Name: "Telephone"}
		if _, err := h.store.AddPasskey(t.Context(), id, key, nil, by); err != nil {
			t.Fatal(err)
		}
		party, _ := door.PartyAt("Portal", "https://portal.example")
		asked := 0
		for range 4 {
			for range 3 {
				if _, err := h.knock("ada.l", password, "000000"); fault.KindOf(err) != fault.Denied {
					t.Fatalf("a wrong code: %v", err)
				}
			}
			opened, err := h.Knock(t.Context(), login.Knock{Username: "ada.l", Password: password, Party: party})
			if err == nil && opened.Second != nil {
				asked++
			}
		}
		who, err := h.store.CredentialOf(t.Context(), id)
		if err != nil || who.Failures <= 5 || asked == 0 || asked == 4 {
			t.Errorf("after twelve wrong codes there are %d failures, and the passkey was asked for %d times: %v", who.Failures, asked, err)
		}

		// Nor by giving themselves the same password in a session that a one-time address opened.
		h.wait(door.Wait(who.Failures))
		token, err := h.PasswordAddress(t.Context(), id, store.Author{Role: roles.Owner, Who: "test", Now: *h.now})
		if err != nil {
			t.Fatal(err)
		}
		ticket, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: password, Address: "192.0.2.7"})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := h.knock("ada.l", password, "000000"); fault.KindOf(err) != fault.Denied {
				t.Fatalf("a wrong code: %v", err)
			}
		}
		if _, err := h.ChangePassword(t.Context(), ticket.Value, password, password+" again", "192.0.2.8"); err != nil {
			t.Fatal(err)
		}
		if who, err := h.store.CredentialOf(t.Context(), id); err != nil || who.Failures != 3 {
			t.Errorf("after another password there are %d failures: %v", who.Failures, err)
		}
		var from []string
		for _, event := range h.events(t) {
			if event.Action == audit.PasswordChanged && event.User == id {
				from = append(from, event.Address)
			}
		}
		slices.Sort(from)
		if want := []string{"", "192.0.2.7", "192.0.2.8"}; !slices.Equal(from, want) {
			t.Errorf("the passwords were chosen from %q, want %q", from, want)
		}
	})
}

func TestGuessesMadeAtOnceAreNotFree(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.owner()
		before, err := h.store.Credential(t.Context(), "grace")
		if err != nil {
			t.Fatal(err)
		}
		const guesses = 12
		var all sync.WaitGroup
		for range guesses {
			all.Go(func() {
				guess := func() error {
					_, err := h.Knock(t.Context(), login.Knock{Username: "grace", Password: "wrong wrong wrong"})
					return err
				}
				err := guess()
				for fault.KindOf(err) == fault.Upstream { // a busy machine had no place for it in time
					err = guess()
				}
				if fault.KindOf(err) != fault.Denied {
					t.Errorf("a guess: %v", err)
				}
			})
		}
		all.Wait()
		refusals := slices.DeleteFunc(h.events(t), func(e audit.Event) bool { return e.Action != audit.BackDoorRefused })
		if len(refusals) != 1 {
			t.Errorf("%d guesses at once are %d events: %+v", guesses, len(refusals), refusals)
		}
		// A right guess that began before the wrong ones ended is one of them.
		err = h.store.InTx(t.Context(), func(tx *store.Tx) error {
			alone, err := tx.ForgetFailures(before.Account.ID, before.Failures)
			if err == nil && alone {
				t.Error("what was seen before other guesses counts")
			}
			return err
		})
		if after, _ := h.store.Credential(t.Context(), "grace"); err != nil || after.Failures > guesses || after.Failures <= 5 {
			t.Errorf("%d failures after %d guesses: %v", after.Failures, guesses, err)
		}
	})
}

func TestS50WhereSingleSignOnIsEnforcedPasswordsAreForAdministratorsAndExemptPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.owner()
		contractor := h.local("contractor", roles.None)
		owner := store.Author{Role: roles.Owner, Who: "Grace", Now: *h.now}

		// Nobody enforces what has not been proved.
		if err := h.store.SetSettings(t.Context(), store.Settings{Enforced: true}, owner); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "identity provider") {
			t.Errorf("without a login through a provider: %v", err)
		}
		var b browser
		h.logIn(&b)
		if err := h.store.SetSettings(t.Context(), store.Settings{Enforced: true}, owner); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "back door") {
			t.Errorf("without a login at the back door: %v", err)
		}
		if _, err := h.knock("grace", password, ""); err != nil {
			t.Fatal(err)
		}
		if err := h.store.SetSettings(t.Context(), store.Settings{Enforced: true}, store.Author{Role: roles.Editor, Now: *h.now}); fault.KindOf(err) != fault.Denied {
			t.Errorf("by an editor: %v", err)
		}
		if err := h.store.SetSettings(t.Context(), store.Settings{Enforced: true}, owner); err != nil {
			t.Fatal(err)
		}

		if _, err := h.knock("contractor", password, ""); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "exempt") {
			t.Errorf("somebody who is not exempt: %v", err)
		}
		if _, err := h.knock("grace", password, ""); err != nil {
			t.Errorf("an administrator: %v", err)
		}
		// S51
		if err := h.store.Exempt(t.Context(), contractor, "works for us until the summer", h.now.Add(time.Hour), owner); err != nil {
			t.Fatal(err)
		}
		if _, err := h.knock("contractor", password, ""); err != nil {
			t.Errorf("somebody exempt: %v", err)
		}
		h.wait(time.Hour)
		if _, err := h.knock("contractor", password, ""); fault.KindOf(err) != fault.Denied {
			t.Errorf("somebody whose exemption has ended: %v", err)
		}
	})
}

func TestS52AShutDoorStillOpensToAOneTimeAddress(t *testing.T) {
	h := onSQLite(t)
	h.owner()
	owner := store.Author{Role: roles.Owner, Who: "Grace", Now: *h.now}
	if err := h.store.SetSettings(t.Context(), store.Settings{DoorShut: true}, owner); err != nil {
		t.Fatal(err)
	}
	if _, err := h.knock("grace", password, ""); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "idms admin unlock") {
		t.Errorf("at a shut door: %v", err)
	}
	who, err := h.store.Credential(t.Context(), "grace")
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.PasswordAddress(t.Context(), who.Account.ID, owner)
	if err != nil {
		t.Fatal(err)
	}
	ticket, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: "another anvil, another pond"})
	if err != nil {
		t.Fatal(err)
	}
	if visitor, err := h.Visitor(t.Context(), ticket.Value); err != nil || visitor.Role != roles.Owner {
		t.Errorf("at the address: %+v, %v", visitor, err)
	}
	if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: password}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("at the same address again: %v", err)
	}
}

func TestWhoIsBlockedChoosesNoPassword(t *testing.T) {
	h := onSQLite(t)
	h.owner()
	id := h.local("eve", roles.None)
	by := store.Author{Role: roles.Owner, Who: "test", Now: *h.now}
	token, err := h.PasswordAddress(t.Context(), id, by)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Block(t.Context(), id, by); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: password}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a blocked person at a one-time address: %v", err)
	}
	if err := h.store.Unblock(t.Context(), id, by); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: password}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an address that was made before a block: %v", err)
	}
}

func TestANewPasswordEndsTheSessionsOfTheOldOne(t *testing.T) {
	h := onSQLite(t)
	former := h.owner()
	who, _ := h.store.Credential(t.Context(), "grace")
	token, err := h.PasswordAddress(t.Context(), who.Account.ID, store.Author{Role: roles.Owner, Who: "test", Now: *h.now})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: "another anvil, another pond"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Visitor(t.Context(), former.Value); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the session of the former password: %v", err)
	}
}

// adminRecord lets people of the provider's group ops be owners.
func adminRecord(r *idms.Record) { r.Associations[0].Group = roles.Owner.Group() }

func TestAnAdministratorMayComeThroughAProvider(t *testing.T) {
	h := onSQLite(t)
	h.saveAs(roles.Owner, adminRecord)
	var b browser
	h.logIn(&b)
	if visitor := h.visitor(&b); visitor.Role != roles.Owner || visitor.Local {
		t.Errorf("somebody of the provider's group: %+v", visitor)
	}
	if token, err := h.FirstAddress(t.Context()); token != "" || err != nil {
		t.Errorf("there is an owner, and still a first address: %v", err)
	}
}

func TestARecordThatMakesAdministratorsIsForOwnersToChange(t *testing.T) {
	h := onSQLite(t)
	denied := func(what string, err error) {
		t.Helper()
		if fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	denied("an editor makes administrators", h.trySave(roles.Editor, adminRecord))
	h.saveAs(roles.Owner, adminRecord)
	denied("an editor takes the association away", h.trySave(roles.Editor))
	denied("an editor changes the mapping", h.trySave(roles.Editor, adminRecord, func(r *idms.Record) { r.Mapping.Username = "email" }))
	_, err := h.store.Restore(t.Context(), "corp", 1, store.Author{Role: roles.Editor, Who: "eve", Now: *h.now}, store.How{})
	denied("an editor restores", err)
	_, err = h.store.ApplyWith(t.Context(), idms.File{Groups: []groups.Group{{Key: "platform", Name: "Platform"}}}, store.Author{Role: roles.Editor, Who: "eve", Now: *h.now}, store.How{Prune: true})
	denied("an editor deletes", err)
	if _, err := h.store.CreateLocal(t.Context(), users.Profile{Username: "eve", Email: "eve@example.test"}, roles.Owner, store.Author{Role: roles.Editor, Who: "eve", Now: *h.now}); fault.KindOf(err) != fault.Denied {
		t.Errorf("an editor makes an owner: %v", err)
	}
}

func TestARecordOfAnAdministratorIsForTheirEqualsToChangeHoweverTheyBecameOne(t *testing.T) {
	h := onSQLite(t)
	h.saveAs(roles.Owner)
	var b browser
	h.logIn(&b)
	by := func(role roles.Role) store.Author { return store.Author{Role: role, Who: "eve", Now: *h.now} }
	ada := h.visitor(&b).Account.ID
	denied := func(what string, err error) {
		t.Helper()
		if fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	label := func(text string) func(*idms.Record) { return func(r *idms.Record) { r.Button.Label = text } }
	if err := h.store.AddMember(t.Context(), roles.Editor.Group(), ada, by(roles.Owner)); err != nil {
		t.Fatal(err)
	}
	if err := h.trySave(roles.Editor, label("by an equal")); err != nil {
		t.Errorf("an editor changes the record of an editor: %v", err)
	}
	if err := h.store.AddMember(t.Context(), roles.Owner.Group(), ada, by(roles.Owner)); err != nil {
		t.Fatal(err)
	}
	denied("an editor changes the record of an owner", h.trySave(roles.Editor, label("by an editor")))
	corp, err := h.store.Edition(t.Context(), "corp")
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.store.DeleteRecord(t.Context(), "corp", corp.Version, by(roles.Editor), store.How{})
	denied("an editor deletes it", err)
	if err := h.trySave(roles.Owner, label("by an owner")); err != nil {
		t.Errorf("an owner changes it: %v", err)
	}

	_, err = h.store.EndSessionsOfUser(t.Context(), ada, by(roles.Editor))
	denied("an editor ends an owner's sessions", err)
	_, err = h.store.EndSessionByID(t.Context(), h.visitor(&b).Session.ID, by(roles.Editor))
	denied("an editor ends one of them", err)
	if ended, err := h.store.EndSessionByID(t.Context(), h.visitor(&b).Session.ID, by(roles.Owner)); err != nil || !ended {
		t.Errorf("an owner ends it: %v, %v", ended, err)
	}
}

func TestS44NoChangeTakesTheLastOwnerAway(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.saveAs(roles.Owner, adminRecord)
		var b browser
		h.logIn(&b)
		ada := h.visitor(&b).Account.ID
		refused := func(what string, err error) {
			t.Helper()
			if fault.KindOf(err) != fault.Conflict {
				t.Errorf("%s: %v", what, err)
			}
		}
		disable := func(r *idms.Record) { r.State = idms.Disabled }
		refused("her record is switched off", h.trySave(roles.Owner, adminRecord, disable))
		owner := store.Author{Role: roles.Owner, Who: "test", Now: *h.now}
		_, err := h.store.ApplyWith(t.Context(), idms.File{}, owner, store.How{Prune: true})
		refused("her record is deleted", err)
		_, err = h.store.ApplyWith(t.Context(), idms.File{}, owner, store.How{Prune: true, DryRun: true})
		refused("a dry run of that", err)

		// Another owner, who cannot log in yet, does not count; one who can, does.
		grace, err := h.store.CreateLocal(t.Context(), grace, roles.Owner, owner)
		if err != nil {
			t.Fatal(err)
		}
		refused("her record is switched off beside somebody without a password", h.trySave(roles.Owner, adminRecord, disable))
		token, err := h.PasswordAddress(t.Context(), grace, owner)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: password}); err != nil {
			t.Fatal(err)
		}
		if err := h.trySave(roles.Owner, adminRecord, disable); err != nil {
			t.Errorf("with another owner who can log in: %v", err)
		}
		refused("the other one steps down", h.store.SetRole(t.Context(), grace, roles.Editor, owner))
		if person, err := h.store.Person(t.Context(), ada); err != nil || len(person.Groups) == 0 {
			t.Errorf("ada: %+v, %v", person, err)
		}
	})
}

// Behind a shut door a password lets nobody in, so it does not make up for the last
// owner who comes through a provider.
func TestS44WithAShutDoorTheLastOwnerWhoComesThroughAProviderStays(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.saveAs(roles.Owner, adminRecord)
		var b browser
		h.logIn(&b)
		ada := h.visitor(&b).Account.ID
		grace := h.local("grace", roles.Owner)
		owner := store.Author{Role: roles.Owner, Who: "test", Now: *h.now}
		if err := h.store.SetSettings(t.Context(), store.Settings{DoorShut: true}, owner); err != nil {
			t.Fatal(err)
		}
		refused := func(what string, err error) {
			t.Helper()
			if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "door is shut") {
				t.Errorf("%s: %v", what, err)
			}
		}
		disable := func(r *idms.Record) { r.State = idms.Disabled }
		refused("her record is switched off", h.trySave(roles.Owner, adminRecord, disable))
		_, err := h.store.Block(t.Context(), ada, owner)
		refused("she is blocked", err)
		_, err = h.store.ErasePerson(t.Context(), ada, store.Erasure{Username: h.visitor(&b).Account.Username}, owner)
		refused("she is erased", err)

		if err := h.store.SetSettings(t.Context(), store.Settings{}, owner); err != nil {
			t.Fatal(err)
		}
		if err := h.trySave(roles.Owner, adminRecord, disable); err != nil {
			t.Errorf("at an open door: %v", err)
		}
		// Who has shut the door behind all owners is still kept from taking the last one away.
		if err := h.store.SetSettings(t.Context(), store.Settings{DoorShut: true}, owner); err != nil {
			t.Fatal(err)
		}
		if err := h.store.SetRole(t.Context(), grace, roles.Editor, owner); fault.KindOf(err) != fault.Conflict {
			t.Errorf("the last owner behind a shut door: %v", err)
		}
	})
}

func TestS44ApplyingTheRulesNowKeepsTheLastOwner(t *testing.T) {
	h := onSQLite(t)
	h.saveAs(roles.Owner, adminRecord)
	var b browser
	h.logIn(&b)
	ada := h.visitor(&b).Account.ID
	h.saveAs(roles.Owner, adminRecord, func(r *idms.Record) {
		r.Associations[0].Attribute, r.Associations[0].UpdateOnLogin = "nobody brings it", true
	})
	if _, err := h.Reapply(t.Context(), ada, login.How{By: store.Author{Role: roles.Owner, Who: "test", Now: *h.now}}); err != nil {
		t.Fatal(err)
	}
	if has, err := h.store.HasOwner(t.Context()); err != nil || !has {
		t.Errorf("applying the rules took the last owner away: %v", err)
	}
}
