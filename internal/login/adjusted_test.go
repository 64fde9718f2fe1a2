package login_test

import (
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/store"
)

// What an owner sets on the page Settings counts at the next login, and for idleness
// in sessions that are open.
func TestSessionsLastAsLongAsOwnersSay(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		adjust := func(name, value string) {
			t.Helper()
			err := h.store.ChangeSettings(t.Context(), store.Author{Role: roles.Owner, Who: "olga", Now: *h.now}, func(now *store.Settings) error {
				now.Adjusted[name] = value
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		h.local("contractor", roles.None)
		lasts := func() time.Duration {
			t.Helper()
			visitor, err := h.knock("contractor", password, "")
			if err != nil {
				t.Fatal(err)
			}
			return visitor.Session.Expires.Sub(visitor.Session.Opened)
		}
		if got := lasts(); got != 12*time.Hour {
			t.Fatalf("at first %v", got)
		}
		adjust("session.length", "3h")
		if got := lasts(); got != 3*time.Hour {
			t.Errorf("a session at the door lasts %v, want 3h", got)
		}
		var b browser
		outcome := h.logIn(&b)
		visitor, err := h.Visitor(t.Context(), outcome.Session.Value)
		if err != nil {
			t.Fatal(err)
		}
		if got := visitor.Session.Expires.Sub(visitor.Session.Opened); got != 3*time.Hour {
			t.Errorf("a session through a record lasts %v, want 3h", got)
		}
		adjust("session.idle", "10m")
		*h.now = h.now.Add(11 * time.Minute)
		if _, err := h.Visitor(t.Context(), outcome.Session.Value); fault.KindOf(err) != fault.NotFound {
			t.Errorf("unused for 11 minutes it is still open: %v", err)
		}
	})
}
