package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"idms/internal/idms"
	"idms/internal/mail"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/test/mailbox"
)

func TestOwnersEraseAPersonWhoseNameTheyWrite(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	ada := h.userID("ada")
	path := "/users/" + ada + "/erase"
	for body, field := range map[string]string{`{"username":"Ada"}`: "username", `{"username":""}`: "username", `{}`: "username", `{"name":"ada"}`: "name", `{"username":7}`: "username"} {
		if _, problems := h.ask(roles.Owner, "POST", path, body).is(http.StatusUnprocessableEntity).problem(); problems[field] == "" {
			t.Errorf("%s: the problems are %v", body, problems)
		}
	}
	h.ask(roles.Owner, "POST", "/users/01234567-89ab-7def-8123-456789abcdef/erase", `{"username":"ada"}`).is(http.StatusNotFound).problem()

	var would, gone Erased
	h.ask(roles.Owner, "POST", path+"?dry_run=true", `{"username":"ada"}`).is(http.StatusOK).into(&would)
	if want := (Erased{DryRun: true, Sessions: 1, Memberships: 1, Traces: 1}); would != want {
		t.Errorf("a dry run says %+v, want %+v", would, want)
	}
	h.ask(roles.Reader, "GET", "/users/"+ada, "").is(http.StatusOK)
	h.ask(roles.Owner, "POST", path, `{"username":"ada"}`, "Idms-Reason", "she asked").is(http.StatusOK).into(&gone)
	if want := (Erased{Sessions: 1, Memberships: 1, Traces: 1}); gone != want {
		t.Errorf("what went is %+v, want %+v", gone, want)
	}
	h.ask(roles.Reader, "GET", "/users/"+ada, "").is(http.StatusNotFound)
	has(t, h.ask(roles.Reader, "GET", "/audit?action=person_erased&user="+ada, "").is(http.StatusOK).Body.String(), "she asked", "token: owner")
}

func TestS44TheLastOwnerIsNotErasedByToken(t *testing.T) {
	h := newHouse(t)
	h.logIn("ada")
	ada := h.userID("ada")
	if err := h.store.SetRole(t.Context(), ada, roles.Owner, store.Author{Role: roles.Owner, Who: "test", Now: noon}); err != nil {
		t.Fatal(err)
	}
	detail, _ := h.ask(roles.Owner, "POST", "/users/"+ada+"/erase", `{"username":"ada"}`).is(http.StatusConflict).problem()
	has(t, detail, "no owner")
}

// S61, as far as a record asks for it.
func TestWhatArrivedIsForOwnersAndEachLookIsTold(t *testing.T) {
	h := newHouse(t)
	before := h.logIn("ada")
	record, err := h.store.Record(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	record.SAML.KeepResponsesUntil = noon.Add(time.Hour)
	if _, err := h.store.Apply(t.Context(), idms.File{Records: []idms.Record{record}}, store.Author{Who: "test", Now: noon}); err != nil {
		t.Fatal(err)
	}
	*h.now = noon.Add(time.Minute)
	ref := h.logIn("ada")

	var said arrived
	path := "/traces/" + strings.ToLower(ref) + "/response"
	h.ask(roles.Editor, "GET", path, "").is(http.StatusForbidden)
	h.ask(roles.Owner, "GET", path, "", "Idms-Reason", "their support asks").is(http.StatusOK).into(&said)
	if message, ok := store.Arrived(said.Posted).Message(); !ok || !strings.Contains(string(message), "Response") || said.Ref != ref {
		t.Errorf("it is %+v", said)
	}
	looks := h.ask(roles.Reader, "GET", "/audit?action=response_read", "").is(http.StatusOK).Body.String()
	if has(t, looks, "their support asks", "token: owner", ref); strings.Count(looks, "response_read") != 1 {
		t.Errorf("the trail is %s", looks)
	}
	detail, _ := h.ask(roles.Owner, "GET", "/traces/"+before+"/response", "").is(http.StatusNotFound).problem()
	has(t, detail, "Nothing is kept")
	h.ask(roles.Owner, "GET", "/traces/ABCDEFGHJK/response", "").is(http.StatusNotFound)
}

func TestLoginsAreFoundByUsername(t *testing.T) {
	h := newHouse(t)
	ref := h.logIn("ada")
	h.logIn("bert")
	var found list[TraceSummary]
	h.ask(roles.Reader, "GET", "/traces?username=ADA", "").is(http.StatusOK).into(&found)
	if len(found.Items) != 1 || found.Items[0].Ref != ref {
		t.Errorf("found are %+v", found.Items)
	}
	h.ask(roles.Reader, "GET", "/traces?username="+url.QueryEscape("nobody here"), "").is(http.StatusOK).into(&found)
	if len(found.Items) != 0 {
		t.Errorf("found are %+v", found.Items)
	}
}

func TestAOneTimeAddressIsMailedWhereThereIsAServer(t *testing.T) {
	h := newHouse(t)
	path := "/users/" + h.local("grace", roles.None) + "/password-address"
	detail, _ := h.ask(roles.Owner, "POST", path+"?mail=true", "").is(http.StatusConflict).problem()
	has(t, detail, "mail.host")
	if made := h.ask(roles.Reader, "GET", "/audit?action=password_address_made", "").Body.String(); strings.Contains(made, "grace") || strings.Contains(made, "token: owner") {
		t.Errorf("the refusal made one: %s", made)
	}

	box := mailbox.Open(t)
	letters, err := mail.New(mail.Config{Host: "127.0.0.1", Port: box.Port, TLS: "none", From: "idms@example.test"}, nil, h.store.NoteLetter)
	if err != nil {
		t.Fatal(err)
	}
	h.api.Mail, h.api.PortalName = letters, "Cloud portal"
	var said passwordAddress
	if h.ask(roles.Owner, "POST", path, "").is(http.StatusCreated).into(&said); said.MailedTo != "" || said.NotMailed != "" || len(box.Letters()) != 0 {
		t.Errorf("unasked: %+v and %d letters", said, len(box.Letters()))
	}
	h.ask(roles.Owner, "POST", path+"?mail=true", "").is(http.StatusCreated).into(&said)
	if said.MailedTo != "grace@example.test" || said.NotMailed != "" || len(box.Letters()) != 1 {
		t.Fatalf("it says %+v, and there are %d letters", said, len(box.Letters()))
	}
	has(t, box.Letters()[0], said.Address, "To: <grace@example.test>", "Subject: Choose your password for Cloud portal", "Your username there is grace", "An administrator lets you choose", "ask your administrators")
	has(t, h.ask(roles.Reader, "GET", "/audit?action=password_address_sent", "").Body.String(), "token: owner")

	box.Close()
	h.ask(roles.Owner, "POST", path+"?mail=true", "").is(http.StatusCreated).into(&said)
	if said.Address == "" || said.MailedTo != "" || !strings.Contains(said.NotMailed, "cannot be reached") {
		t.Errorf("without its server it says %+v", said)
	}
	has(t, h.log.String(), "could not be sent by mail", "cannot be reached")

	token := strings.TrimPrefix(said.Address, origin+"/choose/")
	h.ask(roles.Owner, "DELETE", path, "").is(http.StatusNoContent)
	h.ask(roles.Owner, "DELETE", path, "").is(http.StatusNoContent) // twice is once
	if who, err := h.api.Flow.Invited(t.Context(), token); err == nil {
		t.Errorf("it still lets in %+v", who)
	}
	h.logIn("ada")
	h.ask(roles.Owner, "DELETE", "/users/"+h.userID("ada")+"/password-address", "").is(http.StatusNotFound)
}
