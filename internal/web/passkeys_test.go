package web_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/fxamacker/cbor/v2"

	"idms/internal/audit"
	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

const ownersPassword = "crate anvil pond quill"

// device is an authenticator that does as it is told, wrong things included.
type device struct {
	key        *ecdsa.PrivateKey
	credential []byte
	handle     []byte // of its user, as it was told when the key was made
	counter    uint32
}

// answer is how a device answers; the zero value of each field is the honest one.
type answer struct {
	origin     string // "" is that of the house
	host       string // RP ID; "" is that of the options
	unverified bool   // the device did not ask for a finger or a PIN
	absent     bool   // nobody touched it
	kind       string // "" is that of the page
	handle     []byte // nil is its own
	anonymous  bool   // without a handle
	spoil      func(response map[string]string)
}

var b64 = base64.RawURLEncoding

func (d *device) data(host string, how answer, attested []byte) []byte {
	if how.host != "" {
		host = how.host
	}
	hash := sha256.Sum256([]byte(host))
	flags := byte(0)
	if !how.absent {
		flags |= 1
	}
	if !how.unverified {
		flags |= 4
	}
	if attested != nil {
		flags |= 0x40
	}
	return append(binary.BigEndian.AppendUint32(append(hash[:], flags), d.counter), attested...)
}

// answerOf is what the script of the page that p shows would post.
func (d *device) answerOf(t *testing.T, p *person, how answer) url.Values {
	t.Helper()
	form := p.page.Find("form[data-passkey]")
	if form.Length() != 1 {
		t.Fatalf("%s, %d, waits for no passkey:\n%s", p.at, p.status, p.text)
	}
	var options struct {
		Challenge string
		RpID      string
		Rp        struct{ ID string }
		User      struct{ ID string }
	}
	check(t, json.Unmarshal([]byte(form.AttrOr("data-options", "")), &options))
	making := form.AttrOr("data-passkey", "") == "make"
	client := map[string]any{"type": "webauthn.get", "challenge": options.Challenge, "origin": p.house.base, "crossOrigin": false}
	if making {
		client["type"] = "webauthn.create"
	}
	if how.kind != "" {
		client["type"] = how.kind
	}
	if how.origin != "" {
		client["origin"] = how.origin
	}
	clientData, err := json.Marshal(client)
	check(t, err)
	response := map[string]string{"clientDataJSON": b64.EncodeToString(clientData)}
	if making {
		d.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		d.credential = make([]byte, 32)
		_, _ = rand.Read(d.credential)
		d.handle, err = b64.DecodeString(options.User.ID)
		check(t, err)
		point, err := d.key.PublicKey.Bytes()
		check(t, err)
		cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
		check(t, err)
		attested := append(make([]byte, 16), 0, byte(len(d.credential)))
		attested = append(append(attested, d.credential...), cose...)
		object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": d.data(options.Rp.ID, how, attested)})
		check(t, err)
		response["attestationObject"] = b64.EncodeToString(object)
	} else {
		data := d.data(options.RpID, how, nil)
		clientHash := sha256.Sum256(clientData)
		digest := sha256.Sum256(append(bytes.Clone(data), clientHash[:]...))
		signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
		check(t, err)
		response["authenticatorData"] = b64.EncodeToString(data)
		response["signature"] = b64.EncodeToString(signature)
		handle := d.handle
		if how.handle != nil {
			handle = how.handle
		}
		if !how.anonymous {
			response["userHandle"] = b64.EncodeToString(handle)
		}
	}
	if how.spoil != nil {
		how.spoil(response)
	}
	text, err := json.Marshal(map[string]any{"id": b64.EncodeToString(d.credential), "rawId": b64.EncodeToString(d.credential),
		"type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	check(t, err)
	values := url.Values{"answer": {string(text)}}
	form.Find(`input[type="hidden"]`).Each(func(_ int, input *goquery.Selection) {
		if name := input.AttrOr("name", ""); name != "answer" {
			values.Set(name, input.AttrOr("value", ""))
		}
	})
	return values
}

// answer posts it.
func (d *device) answer(t *testing.T, p *person, how answer) {
	t.Helper()
	values := d.answerOf(t, p, how)
	p.post(t, p.page.Find("form[data-passkey]").AttrOr("action", ""), values)
}

// makes registers a passkey of whoever is logged in.
func (d *device) makes(t *testing.T, p *person, password, name string) {
	t.Helper()
	p.post(t, "/security/passkeys", url.Values{"name": {name}, "password": {password}})
	d.answer(t, p, answer{})
}

// atPasskey is a browser that has asked at the door to use a passkey.
func (h *house) atPasskey(t *testing.T) *person {
	t.Helper()
	p := h.visitor(t)
	p.post(t, h.base+"/door/passkey", url.Values{"return_to": {"/groups"}})
	return p
}

func (p *person) staysOut(t *testing.T, what string) {
	t.Helper()
	if p.status != http.StatusForbidden || p.session() != "" || p.page.Find(`.refusal[role="alert"]`).Length() != 1 {
		t.Errorf("%s: %d at %s, session %q:\n%s", what, p.status, p.at, p.session(), p.text)
	}
}

// localPerson makes a local person who logs in with ownersPassword.
func (h *house) localPerson(t *testing.T, username string, role roles.Role) (userID string, p *person) {
	t.Helper()
	by := h.owner()
	userID, err := h.store.CreateLocal(t.Context(), users.Profile{Username: username, Email: username + "@example.test"}, role, by)
	check(t, err)
	token, err := h.flow.PasswordAddress(t.Context(), userID, by)
	check(t, err)
	p = h.visitor(t)
	p.post(t, h.base+"/door/choose/"+token, url.Values{"password": {ownersPassword}})
	return userID, p
}

func TestAPasskeyAloneIsBothFactors(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	p := h.firstOwner(t)
	var key device
	p.post(t, "/security/passkeys", url.Values{"name": {""}, "password": {ownersPassword}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-name-problem").Length() != 1 {
		t.Errorf("without a name: %d\n%s", p.status, p.text)
	}
	p.post(t, "/security/passkeys", url.Values{"name": {"Telephone"}, "password": {"crate anvil pond quilt"}})
	if p.status != http.StatusForbidden || p.page.Find(`input[name="name"]`).AttrOr("value", "") != "Telephone" {
		t.Errorf("with a wrong password: %d, or the name is lost:\n%s", p.status, p.text)
	}
	key.makes(t, p, ownersPassword, "Telephone")
	codes := p.page.Find(".codes code")
	if p.status != http.StatusOK || codes.Length() != door.Recoveries || !strings.Contains(p.page.Find("table").First().Text(), "Telephone") {
		t.Fatalf("making a passkey: %d, %d recovery codes:\n%s", p.status, codes.Length(), p.text)
	}

	// The password opens nothing by itself any more, S52.
	q := h.visitor(t)
	q.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {ownersPassword}, "return_to": {"/groups"}})
	if q.session() != "" || q.page.Find("form[data-passkey]").Length() != 1 {
		t.Fatalf("the password alone: %d, session %q\n%s", q.status, q.session(), q.text)
	}
	key.counter = 1
	key.answer(t, q, answer{unverified: true, anonymous: true}) // the password has proved the person
	if q.at.Path != "/groups" {
		t.Fatalf("after the password: %s, %d\n%s", q.at, q.status, q.text)
	}

	key.counter = 2
	r := h.atPasskey(t)
	key.answer(t, r, answer{})
	if r.at.Path != "/groups" || r.session() == "" {
		t.Fatalf("the passkey alone: %s, %d\n%s", r.at, r.status, r.text)
	}
	r.open(t, "/")
	if r.badge() != "Full Access" || !strings.Contains(r.text, "You logged in with a passkey.") {
		t.Errorf("a passkey gives %q:\n%s", r.badge(), r.text)
	}
	if uses := h.events(t, audit.BackDoorUsed); len(uses) != 3 || !uses[0].Alarm || len(uses[0].Changes) != 1 {
		t.Errorf("the audit trail has %+v", uses)
	}

	// A recovery code stands in for it.
	s := h.visitor(t)
	s.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {ownersPassword}, "code": {codes.First().Text()}})
	if s.session() == "" {
		t.Errorf("a recovery code: %d\n%s", s.status, s.text)
	}

	// Removed, it opens nothing.
	r.open(t, "/security")
	remove := r.page.Find(`form[action$="/remove"][action*="/passkeys/"]`)
	r.post(t, remove.AttrOr("action", ""), url.Values{"password": {"wrong"}})
	if r.status != http.StatusForbidden {
		t.Errorf("removing with a wrong password: %d", r.status)
	}
	r.post(t, remove.AttrOr("action", ""), url.Values{"password": {ownersPassword}})
	if r.at.Path != "/security" || r.page.Find(`form[action*="/passkeys/"]`).Length() != 0 {
		t.Errorf("removing: %s\n%s", r.at, r.text)
	}
	key.counter = 3
	u := h.atPasskey(t)
	key.answer(t, u, answer{})
	u.staysOut(t, "a passkey that was removed")
	u.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {ownersPassword}, "code": {codes.Last().Text()}})
	if u.session() == "" {
		t.Error("without any second factor the password alone does not let in")
	}
	u.open(t, "/")
	if u.badge() != "Restricted" {
		t.Errorf("the recovery codes outlived the last second factor: %q", u.badge())
	}
}

// S52: a one-time address may have come to somebody else, by a letter for instance.
// Whom it lets in is no administrator before the second factor, where there is one.
func TestS52NobodyAdministersWithoutTheSecondFactorThatTheyHave(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	p := h.firstOwner(t)
	p.open(t, "/admin/administrators")
	if p.status != http.StatusOK {
		t.Fatalf("an owner who has no second factor: %d", p.status)
	}
	var key device
	key.makes(t, p, ownersPassword, "Telephone")
	who, err := h.store.Credential(t.Context(), "grace")
	check(t, err)
	token, err := h.flow.PasswordAddress(t.Context(), who.Account.ID, store.Author{Role: roles.Owner, Who: "test", Now: h.clock()})
	check(t, err)
	q := h.visitor(t)
	q.post(t, h.base+"/door/choose/"+token, url.Values{"password": {ownersPassword}})
	if q.session() == "" {
		t.Fatalf("the address does not let in: %d\n%s", q.status, q.text)
	}
	for _, path := range []string{"/admin/logins", "/admin/administrators", "/admin/tokens"} {
		q.open(t, path)
		if q.status != http.StatusForbidden || !strings.Contains(q.text, "second factor") {
			t.Errorf("%s: %d\n%s", path, q.status, q.page.Find("main").Text())
		}
	}
	q.post(t, h.base+"/admin/administrators/invite", url.Values{"username": {"mallory"}, "email": {"m@example.test"}, "role": {"owner"}})
	if _, err := h.store.Credential(t.Context(), "mallory"); q.status != http.StatusForbidden || fault.KindOf(err) != fault.NotFound {
		t.Errorf("inviting an owner: %d, %v", q.status, err)
	}

	key.counter = 1
	r := h.atPasskey(t)
	key.answer(t, r, answer{})
	r.open(t, "/admin/administrators")
	if r.status != http.StatusOK {
		t.Errorf("with the passkey: %d\n%s", r.status, r.text)
	}
}

func TestAPasskeysAnswerIsBelievedInNothing(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	p := h.firstOwner(t)
	var key device
	key.makes(t, p, ownersPassword, "Telephone")
	_, other := h.localPerson(t, "other", roles.None)
	var others device
	others.makes(t, other, ownersPassword, "Theirs")

	flip := func(field string, at int) func(map[string]string) {
		return func(response map[string]string) {
			raw, _ := b64.DecodeString(response[field])
			raw[at] ^= 1
			response[field] = b64.EncodeToString(raw)
		}
	}
	for _, tt := range []struct {
		name string
		how  answer
	}{
		{"another site", answer{origin: "https://evil.example"}},
		{"the same name on another port", answer{origin: "http://localhost:1"}},
		{"another scheme", answer{origin: strings.Replace(h.base, "http:", "https:", 1)}},
		{"another RP ID", answer{host: "evil.example"}},
		{"a device that did not verify its user", answer{unverified: true}},
		{"a device that nobody touched", answer{absent: true}},
		{"an answer to another question", answer{kind: "webauthn.create"}},
		{"somebody else's handle", answer{handle: others.handle}},
		{"nobody's handle", answer{anonymous: true}},
		{"a tampered signature", answer{spoil: flip("signature", 9)}},
		{"tampered data", answer{spoil: flip("authenticatorData", 36)}},
		{"a tampered page", answer{spoil: func(response map[string]string) {
			raw, _ := b64.DecodeString(response["clientDataJSON"])
			response["clientDataJSON"] = b64.EncodeToString(append(raw[:len(raw)-1], []byte(`,"x":1}`)...))
		}}},
		{"no signature", answer{spoil: func(response map[string]string) { delete(response, "signature") }}},
	} {
		key.counter++
		q := h.atPasskey(t)
		key.answer(t, q, tt.how)
		q.staysOut(t, tt.name)
	}

	t.Run("an answer counts once", func(t *testing.T) {
		key.counter++
		q := h.atPasskey(t)
		values := key.answerOf(t, q, answer{})
		cookie := q.Jar.Cookies(q.at)
		q.post(t, "/door/passkey/answer", values)
		if q.session() == "" {
			t.Fatalf("the first time: %d\n%s", q.status, q.text)
		}
		again := h.visitor(t)
		base, _ := url.Parse(h.base)
		again.Jar.SetCookies(base, cookie)
		again.post(t, h.base+"/door/passkey/answer", values)
		again.staysOut(t, "the same answer again")
	})
	t.Run("an answer counts in its own browser", func(t *testing.T) {
		key.counter++
		values := key.answerOf(t, h.atPasskey(t), answer{})
		for name, thief := range map[string]*person{"that waits for nothing": h.visitor(t), "that waits for another": h.atPasskey(t)} {
			thief.post(t, h.base+"/door/passkey/answer", values)
			thief.staysOut(t, "a browser "+name)
		}
	})
	t.Run("an answer that comes too late does not count", func(t *testing.T) {
		q := h.atPasskey(t)
		h.wait(store.ChallengeLasts)
		key.answer(t, q, answer{})
		q.staysOut(t, "too late")
	})
	t.Run("another person's passkey is no second factor", func(t *testing.T) {
		q := h.visitor(t)
		q.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {ownersPassword}})
		others.counter++
		others.answer(t, q, answer{})
		q.staysOut(t, "another person's passkey after the password")
	})
	t.Run("an answer to making is none to logging in, and the reverse", func(t *testing.T) {
		q := h.visitor(t)
		q.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {ownersPassword}})
		key.counter++
		key.answer(t, q, answer{})
		q.post(t, "/security/passkeys", url.Values{"name": {"Second"}, "password": {ownersPassword}})
		key.counter++
		values := url.Values{"name": {"Second"}, "answer": {key.answerOf(t, h.atPasskey(t), answer{}).Get("answer")}}
		q.post(t, "/security/passkeys/add", values)
		if q.status != http.StatusUnprocessableEntity {
			t.Errorf("a login's answer as a new passkey: %d\n%s", q.status, q.text)
		}
	})
	t.Run("what is no answer is refused", func(t *testing.T) {
		for _, text := range []string{"", "{}", "null", "[]", `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`,
			strings.Repeat("[", 10_000), `{"id":"` + strings.Repeat("A", door.MaxAnswer) + `"}`, strings.Repeat("x", 1<<20)} {
			q := h.atPasskey(t)
			q.post(t, "/door/passkey/answer", url.Values{"answer": {text}})
			q.staysOut(t, "a body that begins "+text[:min(len(text), 20)])
		}
	})
	if copies := h.events(t, audit.PasskeyCopied); len(copies) != 0 {
		t.Errorf("hostile answers are alarms about copies: %+v", copies)
	}
}

func TestAPasskeyWhoseCounterFellIsRefusedWithAnAlarm(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	var key device
	key.makes(t, h.firstOwner(t), ownersPassword, "Telephone")
	for _, tt := range []struct {
		counter uint32
		in      bool
	}{{0, true}, {0, true}, {5, true}, {5, false}, {4, false}, {0, false}, {4_294_967_295, true}} {
		key.counter = tt.counter
		p := h.atPasskey(t)
		before := len(h.events(t, audit.PasskeyCopied))
		key.answer(t, p, answer{})
		if in := p.session() != ""; in != tt.in {
			t.Errorf("counter %d: let in %v", tt.counter, in)
		}
		copies := h.events(t, audit.PasskeyCopied)
		if alarmed := len(copies) > before; alarmed == tt.in || alarmed && !copies[0].Alarm {
			t.Errorf("counter %d: %+v", tt.counter, copies)
		}
	}
}

func TestS50S52ThePasskeyKeepsTheRulesOfTheDoor(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	var owners, contractors device
	owners.makes(t, h.firstOwner(t), ownersPassword, "Telephone")
	id, contractor := h.localPerson(t, "contractor", roles.None)
	contractors.makes(t, contractor, ownersPassword, "Telephone")
	owner := func() store.Author { return store.Author{Role: roles.Owner, Who: "grace", Now: h.clock()} }
	knock := func(key *device) *person {
		t.Helper()
		key.counter++
		p := h.atPasskey(t)
		key.answer(t, p, answer{})
		return p
	}

	// Somebody slows the account down with wrong passwords: the passkey is not slower.
	for range 12 {
		h.visitor(t).post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {"wrong wrong wrong"}})
	}
	if p := knock(&owners); p.session() == "" {
		t.Errorf("a stranger with wrong passwords keeps a passkey out: %d\n%s", p.status, p.text)
	}

	h.visitor(t).logIn(t, "acme", "ada", "card")
	check(t, h.store.SetSettings(t.Context(), store.Settings{Enforced: true}, owner()))
	if p := knock(&owners); p.session() == "" {
		t.Errorf("S50: an administrator where single sign-on is enforced: %d", p.status)
	}
	p := knock(&contractors)
	p.staysOut(t, "S50: somebody who is not exempt")
	check(t, h.store.Exempt(t.Context(), id, "works for us", h.clock().Add(time.Hour), owner()))
	if p := knock(&contractors); p.session() == "" {
		t.Errorf("S51: somebody exempt: %d", p.status)
	}
	h.wait(time.Hour)
	knock(&contractors).staysOut(t, "S51: somebody whose exemption has ended")

	_, err := h.store.Block(t.Context(), id, owner())
	check(t, err)
	check(t, h.store.SetSettings(t.Context(), store.Settings{}, owner()))
	knock(&contractors).staysOut(t, "somebody blocked")

	check(t, h.store.SetSettings(t.Context(), store.Settings{DoorShut: true}, owner()))
	knock(&owners).staysOut(t, "S52: a shut door")
}

func TestPasskeysAreFewAndTheirPersonsOwn(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	p := h.firstOwner(t)
	var key device
	key.makes(t, p, ownersPassword, "Telephone")

	// A session without the second factor changes none: it may be of a one-time
	// address that somebody else got hold of.
	for path, form := range map[string]url.Values{
		"/security/passkeys":             {"name": {"Mine"}, "password": {ownersPassword}},
		"/security/recovery-codes":       {"password": {ownersPassword}},
		"/security/authenticator/remove": {"password": {ownersPassword}},
	} {
		p.post(t, path, form)
		if p.status != http.StatusForbidden || !strings.Contains(p.page.Find(".refusal").Text(), "Log in with it first") {
			t.Errorf("%s without the second factor: %d\n%s", path, p.status, p.page.Find("main").Text())
		}
	}
	key.counter++
	p = h.atPasskey(t)
	key.answer(t, p, answer{})

	p.post(t, "/security/recovery-codes", url.Values{"password": {ownersPassword}})
	if p.page.Find(".codes code").Length() != door.Recoveries {
		t.Errorf("new recovery codes: %d\n%s", p.status, p.text)
	}
	id, other := h.localPerson(t, "other", roles.None)
	var theirs device
	theirs.makes(t, other, ownersPassword, "Theirs")
	has, err := h.store.CredentialOf(t.Context(), id)
	check(t, err)
	p.post(t, "/security/passkeys/"+has.Passkeys[0].ID+"/remove", url.Values{"password": {ownersPassword}})
	if p.status != http.StatusNotFound {
		t.Errorf("removing another person's passkey: %d", p.status)
	}
	for i := 1; i < door.MaxPasskeys; i++ {
		var more device
		more.makes(t, p, ownersPassword, "One more")
		if p.at.Path != "/security" || p.status != http.StatusOK {
			t.Fatalf("passkey %d: %d\n%s", i+1, p.status, p.text)
		}
	}
	var many device
	many.makes(t, p, ownersPassword, "One too many")
	if p.status != http.StatusConflict {
		t.Errorf("one passkey too many: %d\n%s", p.status, p.text)
	}

	check(t, h.store.RemoveSecondFactors(t.Context(), id, h.owner()))
	theirs.counter++
	q := h.atPasskey(t)
	theirs.answer(t, q, answer{})
	q.staysOut(t, "a passkey that an owner took away")
}

func TestAPasskeyNeedsAHostName(t *testing.T) {
	h := newHouse(t, false) // at 127.0.0.1
	p := h.firstOwner(t)
	if p.page.Find(`form[action="/security/passkeys"]`).Length() != 0 || !strings.Contains(p.text, "Passkeys cannot be made at this address") {
		t.Errorf("the page offers what cannot be:\n%s", p.text)
	}
	p.post(t, "/security/passkeys", url.Values{"name": {"Telephone"}, "password": {ownersPassword}})
	if p.status != http.StatusConflict {
		t.Errorf("making one: %d", p.status)
	}
	q := h.atPasskey(t)
	if q.status != http.StatusConflict {
		t.Errorf("using one: %d", q.status)
	}
}

func TestAPersonChangesTheirOwnPassword(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	const chosen = "lamp river socket moth"
	elsewhere := h.visitor(t)
	elsewhere.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {ownersPassword}})
	has, err := h.store.Credential(t.Context(), "grace")
	check(t, err)
	address, err := h.flow.PasswordAddress(t.Context(), has.Account.ID, h.owner())
	check(t, err)

	p.post(t, "/security/password", url.Values{"password": {ownersPassword}, "chosen": {"short"}})
	if p.status != http.StatusUnprocessableEntity || p.page.Find("#f-chosen-problem").Length() != 1 {
		t.Errorf("a bad choice: %d\n%s", p.status, p.text)
	}
	p.post(t, "/security/password", url.Values{"password": {"wrong wrong wrong"}, "chosen": {chosen}})
	if p.status != http.StatusForbidden || strings.Contains(p.text, chosen) {
		t.Errorf("without the present one: %d, or the page tells the new one", p.status)
	}
	p.post(t, "/security/password", url.Values{"password": {ownersPassword}, "chosen": {chosen}})
	if p.at.Path != "/security" || p.status != http.StatusOK || p.page.Find(".notice").Length() != 1 {
		t.Fatalf("changing it: %d\n%s", p.status, p.text)
	}
	elsewhere.open(t, "/security")
	if elsewhere.at.Path != "/login" {
		t.Errorf("a session of the former password is at %s", elsewhere.at)
	}
	elsewhere.open(t, h.base+"/door/choose/"+address)
	if elsewhere.status != http.StatusNotFound {
		t.Errorf("a one-time address of before: %d", elsewhere.status)
	}
	for password, in := range map[string]bool{ownersPassword: false, chosen: true} {
		q := h.visitor(t)
		q.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {password}})
		if got := q.session() != ""; got != in {
			t.Errorf("%q lets in: %v", password, got)
		}
	}
	if events := h.events(t, audit.PasswordChanged); len(events) != 2 || events[0].Address != "127.0.0.1" {
		t.Errorf("the audit trail has %+v", events)
	}

	// Guessing is as slow as at the door, also when the right one is among the guesses.
	for range 8 {
		p.post(t, "/security/password", url.Values{"password": {"wrong wrong wrong"}, "chosen": {ownersPassword}})
	}
	p.post(t, "/security/password", url.Values{"password": {chosen}, "chosen": {ownersPassword}})
	if p.status != http.StatusForbidden {
		t.Errorf("the right password right after many wrong ones: %d", p.status)
	}
}

func TestAPersonEndsAnotherOfTheirSessions(t *testing.T) {
	h := newHouse(t, false)
	p := h.firstOwner(t)
	elsewhere := h.visitor(t)
	elsewhere.post(t, h.base+"/door", url.Values{"username": {"grace"}, "password": {ownersPassword}})
	_, other := h.localPerson(t, "other", roles.None)
	p.open(t, "/security")
	end := p.page.Find(`form[action^="/security/sessions/"]`)
	if end.Length() != 1 {
		t.Fatalf("%d sessions to end, want the other one:\n%s", end.Length(), p.text)
	}
	other.post(t, end.AttrOr("action", ""), nil)
	elsewhere.open(t, "/security")
	if elsewhere.at.Path != "/security" {
		t.Fatal("somebody else ended it")
	}
	p.post(t, end.AttrOr("action", ""), nil)
	elsewhere.open(t, "/security")
	if elsewhere.at.Path != "/login" {
		t.Errorf("the session that was ended is at %s", elsewhere.at)
	}
	p.open(t, "/security")
	if p.at.Path != "/security" {
		t.Error("the session that ended it has ended too")
	}
}

func TestANewPasskeyIsBelievedInNothing(t *testing.T) {
	h := newHouseAt(t, false, "localhost")
	p := h.firstOwner(t)
	offered := func(p *person) {
		t.Helper()
		p.post(t, h.base+"/security/passkeys", url.Values{"name": {"Telephone"}, "password": {ownersPassword}})
	}
	refused := func(p *person, what string, status int) {
		t.Helper()
		if p.status != status || p.page.Find("table").First().Is("#passkeys + table") {
			t.Errorf("%s: %d, want %d:\n%s", what, p.status, status, p.page.Find("main").Text())
		}
	}
	for _, tt := range []struct {
		name string
		how  answer
	}{
		{"made at another site", answer{origin: "https://evil.example"}},
		{"made for another RP ID", answer{host: "evil.example"}},
		{"made without verifying anybody", answer{unverified: true}},
		{"made without a touch", answer{absent: true}},
		{"an answer to logging in", answer{kind: "webauthn.get"}},
		{"no key", answer{spoil: func(response map[string]string) { response["attestationObject"] = "oA" }}},
		{"half a key", answer{spoil: func(response map[string]string) {
			response["attestationObject"] = response["attestationObject"][:120]
		}}},
		{"nothing", answer{spoil: func(response map[string]string) { clear(response) }}},
	} {
		offered(p)
		var key device
		key.answer(t, p, tt.how)
		refused(p, tt.name, http.StatusUnprocessableEntity)
	}

	var key device
	offered(p)
	values := key.answerOf(t, p, answer{})
	_, other := h.localPerson(t, "other", roles.None)
	other.post(t, h.base+"/security/passkeys/add", values)
	refused(other, "in another person's browser", http.StatusNotFound)
	offered(other)
	other.post(t, h.base+"/security/passkeys/add", values)
	refused(other, "in another person's browser that waits for its own", http.StatusUnprocessableEntity)

	offered(p)
	h.wait(store.ChallengeLasts)
	key.answer(t, p, answer{})
	refused(p, "too late", http.StatusNotFound)
	stranger := h.visitor(t)
	stranger.post(t, h.base+"/security/passkeys/add", values)
	if stranger.at.Path != "/login" {
		t.Errorf("somebody who is not logged in is at %s", stranger.at)
	}

	offered(p)
	values = key.answerOf(t, p, answer{})
	p.post(t, "/security/passkeys/add", values)
	if p.page.Find("#passkeys + table").Length() != 1 {
		t.Fatalf("the honest one: %d\n%s", p.status, p.text)
	}
	p.post(t, "/security/passkeys/add", values)
	if who, err := h.store.Credential(t.Context(), "grace"); err != nil || len(who.Passkeys) != 1 {
		t.Errorf("the same answer again: %+v, %v", who.Passkeys, err)
	}
}
