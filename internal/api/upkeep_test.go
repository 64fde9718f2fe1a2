package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
)

// followed is a document of a record that reads its metadata at an address.
func followed(address string, more string) string {
	return `{"key": "globex", "name": "Globex", "state": "active", "saml": {"metadata_url": "` + address + `"},
		"mapping": {"username": "uid", "email": "mail", "first_name": "givenName", "last_name": "sn"},
		"access_rules": [{"key": "all", "attribute": "groups", "pattern": ".", "level": "full"}]` + more + `}`
}

func TestARecordMadeHereReadsItsMetadataAddressLikeOneByFile(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Editor, "POST", "/records?dry_run=true", followed(h.address, "")).is(http.StatusOK)
	h.ask(roles.Editor, "POST", "/records", followed(h.address, "")).is(http.StatusCreated)
	record, err := h.store.Record(t.Context(), "globex")
	if err != nil || !strings.Contains(record.SAML.Metadata, "https://idp.example.test/saml") {
		t.Errorf("its metadata is %q (%v)", record.SAML.Metadata, err)
	}
	// What is shown can be put back: the address is not asked again.
	h.publish = nil
	shown := h.ask(roles.Reader, "GET", "/records/globex", "").is(http.StatusOK)
	var said saved
	h.ask(roles.Editor, "PUT", "/records/globex", shown.Body.String(), "If-Match", shown.etag()).is(http.StatusOK).into(&said)
	if said.Changed {
		t.Errorf("putting it back changes %+v", said.Changes)
	}
	elsewhere := strings.Replace(followed(h.address+"2", ""), "globex", "initech", 1)
	_, problems := h.ask(roles.Editor, "POST", "/records", elsewhere).is(http.StatusUnprocessableEntity).problem()
	if problems["saml.metadata_url"] == "" {
		t.Errorf("the problems are %v", problems)
	}
}

func TestMetadataIsShownBeforeARecordIsMadeOfIt(t *testing.T) {
	h := newHouse(t)
	text, err := json.Marshal(string(h.publish))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"url": "` + h.address + `"}`, `{"metadata": ` + string(text) + `}`} {
		var said metadataPreview
		h.ask(roles.Editor, "POST", "/metadata/preview", body).is(http.StatusOK).into(&said)
		if said.Issuer != "https://idp.example.test/saml" || len(said.SSO) == 0 || len(said.Certificates) == 0 || said.Certificates[0].Fingerprint == "" || said.ValidUntil != nil {
			t.Errorf("%s shows %+v", body, said)
		}
	}
	for body, field := range map[string]string{
		`{"url": "https://192.0.2.1/"}`: "url", `{"url": "ldap://x"}`: "url", `{}`: "url", `{"metadata": "<html>"}`: "metadata",
		`{"metadata": "x", "url": "y"}`: "url",
	} {
		if _, problems := h.ask(roles.Editor, "POST", "/metadata/preview", body).is(http.StatusUnprocessableEntity).problem(); problems[field] == "" {
			t.Errorf("%s: %v", body, problems)
		}
	}
}

// moved publishes the provider at another address of its own, which waits.
func (h *house) moved(host string) {
	h.t.Helper()
	reading, err := saml.ReadMetadata(h.idp.Metadata(), "", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := range reading.IdP.SSO {
		reading.IdP.SSO[i].URL = "https://" + host + "/sso"
	}
	h.publish = []byte(reading.IdP.Metadata())
}

func TestWhatWaitsIsApprovedByWhoHasSeenIt(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Reader, "GET", "/records/acme/metadata", "").is(http.StatusNotFound) // it has no address
	h.ask(roles.Editor, "POST", "/records/acme/metadata/refresh", "").is(http.StatusUnprocessableEntity)
	h.ask(roles.Editor, "POST", "/records", followed(h.address, "")).is(http.StatusCreated)
	var status metadataStatus
	h.ask(roles.Reader, "GET", "/records/globex/metadata", "").is(http.StatusOK).into(&status)
	if status.URL != h.address || status.Since != nil || len(status.Waiting) != 0 {
		t.Errorf("the status is %+v", status)
	}
	approve := func(since time.Time, status int) answer {
		text, err := json.Marshal(approveDocument{since})
		if err != nil {
			t.Fatal(err)
		}
		return h.ask(roles.Editor, "POST", "/records/globex/metadata/approve", string(text), "Idms-Reason", "they moved").is(status)
	}
	approve(noon, http.StatusConflict) // nothing waits

	h.moved("new.example.test")
	var said refreshed
	h.ask(roles.Editor, "POST", "/records/globex/metadata/refresh", "").is(http.StatusOK).into(&said)
	if len(said.Changes) != 0 || len(said.Waiting) == 0 || said.Waiting[0].Field != "sso_url" {
		t.Fatalf("the refresh says %+v", said)
	}
	h.ask(roles.Reader, "GET", "/records/globex/metadata", "").into(&status)
	seen := *status.Since

	*h.now = h.now.Add(time.Hour)
	h.moved("newest.example.test")
	h.ask(roles.Editor, "POST", "/records/globex/metadata/refresh", "").is(http.StatusOK)
	approve(seen, http.StatusConflict) // something else waits by now
	h.ask(roles.Editor, "POST", "/records/globex/metadata/approve", `{}`).is(http.StatusUnprocessableEntity)
	h.ask(roles.Reader, "GET", "/records/globex/metadata", "").into(&status)
	approve(*status.Since, http.StatusOK).into(&said)
	if len(said.Changes) == 0 {
		t.Error("nothing was taken over")
	}
	var events list[audit.Event]
	h.ask(roles.Reader, "GET", "/audit?action=metadata_approved", "").into(&events)
	if len(events.Items) != 1 || events.Items[0].Who != "token: editor" || events.Items[0].Reason != "they moved" {
		t.Errorf("the events are %+v", events.Items)
	}
}

func TestOurKeysRollOverStepByStep(t *testing.T) {
	h := newHouse(t)
	parts := func(a answer) string {
		var said keyItems
		a.is(http.StatusOK).into(&said)
		var all []string
		for _, one := range said.Items {
			all = append(all, string(one.Part))
		}
		return strings.Join(all, " ")
	}
	is := func(want string, a answer) {
		t.Helper()
		if got := parts(a); got != want {
			t.Errorf("the keys are %s, want %s", got, want)
		}
	}
	is("current", h.ask(roles.Reader, "GET", "/records/acme/keys", ""))
	h.ask(roles.Editor, "POST", "/records/acme/keys/switch", "").is(http.StatusConflict)
	is("current next", h.ask(roles.Editor, "POST", "/records/acme/keys/next", ""))
	h.ask(roles.Editor, "POST", "/records/acme/keys/switch", "").is(http.StatusConflict) // providers may not know it yet
	h.ask(roles.Editor, "POST", "/records/acme/keys/switch?force=true", "").is(http.StatusForbidden)
	is("current former", h.ask(roles.Owner, "POST", "/records/acme/keys/switch?force=true", ""))
	*h.now = h.now.Add(48*time.Hour - 24*time.Hour) // the tokens end
	h.ask(roles.Editor, "GET", "/records", "").is(http.StatusUnauthorized)
}

func TestAFormerKeyIsRetired(t *testing.T) {
	h := newHouse(t)
	h.ask(roles.Editor, "POST", "/records/acme/keys/next", "").is(http.StatusOK)
	h.ask(roles.Owner, "POST", "/records/acme/keys/switch?force=true", "").is(http.StatusOK)
	h.ask(roles.Editor, "POST", "/records/acme/keys/retire", "").is(http.StatusConflict)
	h.ask(roles.Editor, "POST", "/records/acme/keys/retire?force=true", "").is(http.StatusForbidden)
	var said keyItems
	h.ask(roles.Owner, "POST", "/records/acme/keys/retire?force=true", "").is(http.StatusOK).into(&said)
	if len(said.Items) != 1 || said.Items[0].Part != store.CurrentKey {
		t.Errorf("the keys are %+v", said.Items)
	}
}

// Decision 20: whoever changes the provider or the keys of a record that makes
// administrators could make themselves one.
func TestARecordThatMakesAdministratorsIsForOwners(t *testing.T) {
	h := newHouse(t)
	admins := followed(h.address, `, "associations": [{"key": "bosses", "attribute": "groups", "pattern": "^bosses$", "group": "idms-owners"}]`)
	h.ask(roles.Editor, "POST", "/records", admins).is(http.StatusForbidden)
	h.ask(roles.Owner, "POST", "/records", admins).is(http.StatusCreated)
	h.moved("new.example.test")
	for _, path := range []string{"metadata/refresh", "keys/next", "keys/switch", "keys/retire"} {
		if detail, _ := h.ask(roles.Editor, "POST", "/records/globex/"+path, "").is(http.StatusForbidden).problem(); !strings.Contains(detail, "bosses") {
			t.Errorf("%s: %s", path, detail)
		}
	}
	h.ask(roles.Owner, "POST", "/records/globex/metadata/refresh", "").is(http.StatusOK)
	var status metadataStatus
	h.ask(roles.Reader, "GET", "/records/globex/metadata", "").into(&status)
	since, err := json.Marshal(approveDocument{*status.Since})
	if err != nil {
		t.Fatal(err)
	}
	h.ask(roles.Editor, "POST", "/records/globex/metadata/approve", string(since)).is(http.StatusForbidden)
	if record, err := h.store.Record(t.Context(), "globex"); err != nil || strings.Contains(record.SAML.Metadata, "new.example.test") || record.Version != 1 {
		t.Errorf("it was changed: version %d (%v)", record.Version, err)
	}
	h.ask(roles.Owner, "POST", "/records/globex/metadata/approve", string(since)).is(http.StatusOK)
	h.ask(roles.Owner, "POST", "/records/globex/keys/next", "").is(http.StatusOK)
}

func TestCertificatesAndRecordsAreLookedAfter(t *testing.T) {
	h := newHouse(t)
	var list certificateItems
	h.ask(roles.Reader, "GET", "/certificates", "").is(http.StatusOK).into(&list)
	ours := 0
	for _, one := range list.Items {
		if one.Record != "acme" || one.Fingerprint == "" || one.NotAfter.IsZero() {
			t.Errorf("a certificate is %+v", one)
		}
		if one.Ours {
			ours++
		}
	}
	if len(list.Items) != 2 || ours != 1 {
		t.Errorf("the certificates are %+v", list.Items)
	}
	var said findings
	h.ask(roles.Editor, "GET", "/doctor?record=acme", "").is(http.StatusOK).into(&said)
	problems := 0
	for _, one := range said.Items {
		if one.Gravity == "problem" {
			problems++
		}
	}
	if len(said.Items) == 0 || said.Problems != problems {
		t.Errorf("the doctor says %+v", said)
	}
	h.ask(roles.Editor, "GET", "/doctor?record=nowhere", "").is(http.StatusNotFound)
}
