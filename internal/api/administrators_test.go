package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// local makes a local person of a role.
func (h *house) local(name string, role roles.Role) (id string) {
	h.t.Helper()
	id, err := h.store.CreateLocal(h.t.Context(), users.Profile{Username: name, Email: name + "@example.test"}, role, store.Author{Role: roles.Owner, Who: "test", Now: *h.now})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func TestOwnersSeeWhoAdministers(t *testing.T) {
	h := newHouse(t)
	h.local("grace", roles.Owner)
	h.local("edith", roles.Editor)
	var list administratorItems
	h.ask(roles.Owner, "GET", "/administrators", "").is(http.StatusOK).into(&list)
	if len(list.Items) != 2 || list.Items[0].User.Username != "grace" || list.Items[0].Role != roles.Owner || !list.Items[0].Local || list.Items[0].Able {
		t.Errorf("the administrators are %+v", list.Items)
	}
}

func TestALocalPersonIsMadeByAnOwner(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Editor, "POST", "/users", `{"username": "carl", "email": "carl@example.test"}`).is(http.StatusForbidden)
	_, problems := h.ask(roles.Owner, "POST", "/users", `{"username": "c arl", "email": "nowhere", "role": "king", "state": "blocked"}`).is(http.StatusUnprocessableEntity).problem()
	for _, field := range []string{"username", "email", "role", "state"} {
		if problems[field] == "" {
			t.Errorf("the problems are %v", problems)
		}
	}
	var made User
	answer := h.ask(roles.Owner, "POST", "/users", `{"username": "carl", "email": "carl@example.test", "first_name": "Carl", "role": "reader"}`, "Idms-Reason", "an auditor").is(http.StatusCreated).into(&made)
	if made.Record != "local" || made.FirstName != "Carl" || len(made.Groups) != 1 || made.Groups[0].Group.Key != "idms-readers" || answer.Header().Get("Location") != base+"/users/"+made.ID {
		t.Errorf("made is %+v", made)
	}
	h.ask(roles.Reader, "GET", "/users/"+made.ID, "", "If-None-Match", answer.etag()).is(http.StatusNotModified)
	h.ask(roles.Owner, "POST", "/users/"+made.ID+"/password-address", "").is(http.StatusCreated)
	h.ask(roles.Owner, "POST", "/users", `{"username": "Carl", "email": "other@example.test"}`).is(http.StatusConflict).problem()
	h.ask(roles.Owner, "POST", "/users", `{"username": "eve", "email": "eve@example.test"}`).is(http.StatusCreated).into(&made)
	if len(made.Groups) != 0 {
		t.Errorf("without a role she is %+v", made)
	}
	has(t, h.ask(roles.Reader, "GET", "/audit?action=local_person_created", "").Body.String(), "an auditor", "token: owner")
}

func TestS51AnExemptionHasAReasonAndAnEnd(t *testing.T) {
	h := newHouse(t)
	path := "/users/" + h.local("grace", roles.None) + "/exemption"
	h.ask(roles.Owner, "DELETE", path, "").is(http.StatusNotFound)
	_, problems := h.ask(roles.Owner, "PUT", path, `{"reason": " ", "ends": "2026-03-01T12:00:00Z"}`).is(http.StatusUnprocessableEntity).problem()
	if len(problems) != 2 {
		t.Errorf("the problems are %v", problems)
	}
	var said exemption
	h.ask(roles.Owner, "PUT", path, `{"reason": "works for us until the summer", "ends": "2026-06-01T00:00:00+02:00"}`).is(http.StatusOK).into(&said)
	if said.By != "token: owner" || !said.Granted.Equal(noon) || !said.Ends.Equal(time.Date(2026, 5, 31, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("the exemption is %+v", said)
	}
	var list exemptionItems
	h.ask(roles.Owner, "GET", "/exemptions", "").is(http.StatusOK).into(&list)
	if len(list.Items) != 1 || list.Items[0].User.Username != "grace" || list.Items[0].Reason != said.Reason || list.Items[0].User.Record != "local" {
		t.Errorf("the exemptions are %+v", list.Items)
	}
	h.ask(roles.Owner, "DELETE", path, "").is(http.StatusNoContent)
	h.ask(roles.Owner, "GET", "/exemptions", "").into(&list)
	if len(list.Items) != 0 {
		t.Errorf("after its end: %+v", list.Items)
	}
	// Of who comes through a provider, no directory sync changes anything until then.
	h.logIn("ada")
	path = "/users/" + h.userID("ada") + "/exemption"
	h.ask(roles.Owner, "PUT", path, `{"reason": "x", "ends": "2026-06-01T00:00:00Z"}`).is(http.StatusOK).into(&said)
	h.ask(roles.Owner, "GET", "/exemptions", "").into(&list)
	if said.User.Record != "acme" || len(list.Items) != 1 || list.Items[0].User.Record != "acme" {
		t.Errorf("the exemption is %+v, and the list %+v", said, list.Items)
	}
	h.ask(roles.Owner, "DELETE", path, "").is(http.StatusNoContent)
	h.ask(roles.Owner, "PUT", "/users/01234567-89ab-7def-8123-456789abcdef/exemption", `{"reason": "x", "ends": "2026-06-01T00:00:00Z"}`).is(http.StatusNotFound)
}

func TestAOneTimeAddressIsMadeAndStandsInTheTrail(t *testing.T) {
	h := newHouse(t)
	grace := h.local("grace", roles.None)
	var said passwordAddress
	h.ask(roles.Owner, "POST", "/users/"+grace+"/password-address", "", "Idms-Reason", "she forgot it").is(http.StatusCreated).into(&said)
	token, ok := strings.CutPrefix(said.Address, origin+"/choose/")
	if !ok || !said.Expires.Equal(noon.Add(24*time.Hour)) {
		t.Fatalf("the address is %+v", said)
	}
	if who, err := h.api.Flow.Invited(t.Context(), token); err != nil || who.Username != "grace" {
		t.Errorf("it lets in %+v (%v)", who, err)
	}
	trail := h.ask(roles.Reader, "GET", "/audit?action=password_address_made&user="+grace, "").is(http.StatusOK).Body.String()
	has(t, trail, "she forgot it", "token: owner")
	if strings.Contains(trail, token) || strings.Contains(h.log.String(), token) {
		t.Error("the token is in the trail or in the log")
	}
	h.logIn("ada")
	h.ask(roles.Owner, "POST", "/users/"+h.userID("ada")+"/password-address", "").is(http.StatusNotFound)
}

func TestS50SettingsAreReplacedByWhoHasSeenThem(t *testing.T) {
	h := newHouse(t)
	seen := h.ask(roles.Owner, "GET", "/settings", "").is(http.StatusOK)
	has(t, seen.Body.String(), `"single_sign_on_enforced":false`, `"back_door_shut":false`)
	shut := `{"single_sign_on_enforced": false, "back_door_shut": true}`
	h.ask(roles.Owner, "PUT", "/settings", shut).is(http.StatusPreconditionRequired)
	if _, problems := h.ask(roles.Owner, "PUT", "/settings", `{"back_door_shut": true}`, "If-Match", "*").is(http.StatusUnprocessableEntity).problem(); problems["single_sign_on_enforced"] == "" {
		t.Errorf("the problems are %v", problems)
	}
	changed := h.ask(roles.Owner, "PUT", "/settings", shut, "If-Match", seen.etag()).is(http.StatusOK)
	h.ask(roles.Owner, "PUT", "/settings", shut, "If-Match", seen.etag()).is(http.StatusPreconditionFailed)
	// Nobody has proved that both ways in work.
	detail, _ := h.ask(roles.Owner, "PUT", "/settings", `{"single_sign_on_enforced": true, "back_door_shut": true}`, "If-Match", changed.etag()).is(http.StatusConflict).problem()
	has(t, detail, "in the last 7 days")
	if now, err := h.store.Settings(t.Context()); err != nil || now.Enforced || !now.DoorShut {
		t.Errorf("the settings are %+v (%v)", now, err)
	}
}
