package login_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// forget asks for an address at the door, and is its token: "" without one.
func (h *house) forget(username string) string {
	h.t.Helper()
	made, ok, err := h.Forget(h.t.Context(), username, "192.0.2.1")
	if err != nil {
		h.t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return made.Token
}

// app sets up an authenticator app, and gives its secret.
func (h *house) app(userID string) string {
	h.t.Helper()
	made, err := door.NewAuthenticator("Portal", userID)
	if err != nil {
		h.t.Fatal(err)
	}
	_, hashes := door.NewRecoveryCodes()
	if err := h.store.SetAuthenticator(h.t.Context(), userID, made.Secret, 0, hashes, store.Author{Now: *h.now}); err != nil {
		h.t.Fatal(err)
	}
	return made.Secret
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

const anotherPassword = "another anvil, another pond"

func TestS50S51S52ALetterGoesToWhomTheDoorWouldLetInAndToNobodyElse(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.owner()
		owner := func() store.Author { return store.Author{Role: roles.Owner, Who: "Grace", Now: *h.now} }
		carla := h.local("carla", roles.None)
		blocked := h.local("blocked", roles.None)
		_, err := h.store.Block(t.Context(), blocked, owner())
		h.must(err)
		h.local("rita", roles.Reader)
		h.app(h.local("edith", roles.Editor))
		_, err = h.store.CreateLocal(t.Context(), users.Profile{Username: "invited", Email: "invited@example.test"}, roles.None, owner())
		h.must(err)
		var b browser
		h.logIn(&b) // of ada, whose provider knows her password
		_, err = h.knock("grace", password, "")
		h.must(err)

		asked := func(when string, want ...string) {
			t.Helper()
			for _, name := range []string{"nobody", "", "ada", "carla", "blocked", "invited", "rita", "grace", "edith", "EDITH", "ca\x00rla"} {
				if got := h.forget(name) != ""; got != slices.Contains(want, name) {
					t.Errorf("%s, for %q there is an address: %v", when, name, got)
				}
			}
		}
		asked("at the beginning", "carla", "edith", "EDITH")
		for _, event := range h.events(t) {
			if event.Action == audit.PasswordForgotten && (event.User == "" || event.Who != "" || event.Address != "192.0.2.1") {
				t.Errorf("the audit trail has %+v", event)
			}
		}
		h.wait(login.ForgottenAddressLasts)
		h.must(h.store.SetSettings(t.Context(), store.Settings{DoorShut: true}, owner()))
		asked("while the door is shut")
		h.must(h.store.SetSettings(t.Context(), store.Settings{Enforced: true}, owner()))
		asked("while single sign-on is enforced", "edith", "EDITH")
		h.wait(login.ForgottenAddressLasts)
		h.must(h.store.Exempt(t.Context(), carla, "works for us", h.now.Add(3*time.Hour), owner()))
		asked("exempt", "carla", "edith", "EDITH")
		h.wait(3 * time.Hour)
		asked("after the exemption", "edith", "EDITH")
	})
}

func TestS52AForgottenPasswordIsChosenByLetterAndTheDoorAsksForAllElse(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		former := h.owner()
		id := h.local("ada.l", roles.Editor)
		secret := h.app(id)
		for range 7 {
			if _, err := h.knock("ada.l", "wrong wrong wrong", ""); fault.KindOf(err) != fault.Denied {
				t.Fatal(err)
			}
		}
		before, err := h.store.CredentialOf(t.Context(), id)
		h.must(err)
		token := h.forget("Ada.L")
		if invited, err := h.Invited(t.Context(), token); err != nil || !invited.Forgotten || invited.First || invited.Username != "ada.l" {
			t.Errorf("the address is of %+v (%v)", invited, err)
		}
		if _, problems, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: "short"}); err != nil || !problems.Any() {
			t.Errorf("a bad password: %v, %v", problems, err)
		}
		ticket, problems, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: anotherPassword, Address: "192.0.2.7"})
		if err != nil || problems.Any() || ticket != (login.Ticket{}) {
			t.Fatalf("choosing: %+v, %v, %v", ticket, problems, err)
		}
		after, err := h.store.CredentialOf(t.Context(), id)
		h.must(err)
		if after.Authenticator != secret || after.Recoveries != before.Recoveries || after.Failures != before.Failures || after.Failures == 0 || !after.Failed.Equal(before.Failed) {
			t.Errorf("a letter changed more than the password: %+v, %+v", before, after)
		}
		h.wait(door.Wait(after.Failures))
		if _, err := h.knock("ada.l", anotherPassword, ""); fault.KindOf(err) != fault.Denied {
			t.Errorf("without the second factor: %v", err)
		}
		code, err := hotp.GenerateCode(secret, uint64(h.now.Unix()/30))
		h.must(err)
		h.wait(door.Wait(after.Failures + 1))
		if visitor, err := h.knock("ada.l", anotherPassword, code); err != nil || visitor.Level != console.Full {
			t.Errorf("with the second factor: %+v, %v", visitor, err)
		}
		if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: password}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("the address again: %v", err)
		}
		if _, err := h.Visitor(t.Context(), former.Value); err != nil {
			t.Errorf("another person's session: %v", err)
		}
		changed := slices.DeleteFunc(h.events(t), func(e audit.Event) bool { return e.Action != audit.PasswordChanged || e.User != id })
		if len(changed) != 2 || !slices.ContainsFunc(changed, func(e audit.Event) bool { return e.Reason == "a forgotten password" && e.Address == "192.0.2.7" }) {
			t.Errorf("the audit trail has %+v", changed)
		}
	})
}

func TestS52StrangersGetAPersonFewLettersAndEndNoAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		id := h.local("carla", roles.None)
		invitation, err := h.PasswordAddress(t.Context(), id, store.Author{Role: roles.Owner, Who: "test", Now: *h.now})
		h.must(err)
		first := h.forget("carla")
		var mutex sync.Mutex
		var all sync.WaitGroup
		tokens := []string{first}
		for range 4 * login.MostForgotten {
			all.Go(func() {
				made, ok, err := h.Forget(t.Context(), "carla", "192.0.2.1")
				mutex.Lock()
				defer mutex.Unlock()
				if err != nil {
					t.Errorf("at once: %v", err)
				}
				if ok {
					tokens = append(tokens, made.Token)
				}
			})
		}
		all.Wait()
		if len(tokens) != login.MostForgotten || slices.Contains(tokens, "") {
			t.Fatalf("%d addresses within a moment", len(tokens))
		}
		for _, token := range append(tokens, invitation) {
			if _, err := h.Invited(t.Context(), token); err != nil {
				t.Errorf("one of them has ended: %v", err)
			}
		}
		if _, _, err := h.Choose(t.Context(), login.Chosen{Token: first, Password: anotherPassword}); err != nil {
			t.Fatal(err)
		}
		for _, token := range append(tokens, invitation) {
			if _, err := h.Invited(t.Context(), token); fault.KindOf(err) != fault.NotFound {
				t.Errorf("after a new password one of them works: %v", err)
			}
		}
		late := h.forget("carla")
		if ends, err := h.store.OutstandingAddress(t.Context(), id); err != nil || !ends.IsZero() {
			t.Errorf("an owner is told of what a stranger asked for: until %v (%v)", ends, err)
		}
		h.wait(login.ForgottenAddressLasts)
		if _, _, err := h.Choose(t.Context(), login.Chosen{Token: late, Password: password}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("after its time: %v", err)
		}
	})
}

func TestS50S52AnAddressIsWorthWhatItsPersonMayDoWhenTheyUseIt(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.owner()
		owner := store.Author{Role: roles.Owner, Who: "Grace", Now: *h.now}
		id := h.local("carla", roles.None)
		for _, tt := range []struct {
			name  string
			begin func() error
			end   func() error
		}{
			{"the door is shut", func() error { return h.store.SetSettings(t.Context(), store.Settings{DoorShut: true}, owner) },
				func() error { return h.store.SetSettings(t.Context(), store.Settings{}, owner) }},
			{"they administer without a second factor", func() error { return h.store.SetRole(t.Context(), id, roles.Reader, owner) },
				func() error { return h.store.SetRole(t.Context(), id, roles.None, owner) }},
		} {
			token := h.forget("carla")
			h.must(tt.begin())
			if _, err := h.Invited(t.Context(), token); fault.KindOf(err) != fault.NotFound {
				t.Errorf("when %s the address shows a form: %v", tt.name, err)
			}
			if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: anotherPassword}); fault.KindOf(err) != fault.NotFound {
				t.Errorf("when %s the address works: %v", tt.name, err)
			}
			h.must(tt.end())
			if _, err := h.Invited(t.Context(), token); err != nil {
				t.Errorf("when it is over the address is gone: %v", err)
			}
		}
		token := h.forget("carla")
		_, err := h.store.Block(t.Context(), id, owner)
		h.must(err)
		h.must(h.store.Unblock(t.Context(), id, owner))
		if _, _, err := h.Choose(t.Context(), login.Chosen{Token: token, Password: anotherPassword}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an address from before a block: %v", err)
		}
		if _, err := h.knock("carla", password, ""); err != nil {
			t.Errorf("the password was changed all the same: %v", err)
		}
	})
}
