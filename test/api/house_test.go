package api

import (
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/secret"
	"idms/internal/store"
	"idms/test/program"
)

// house is idms at work with something of everything in it.
type house struct {
	url, token  string
	user, trace string // ada's account, and the trace of her login
}

const origin = "https://login.example.test"

const recordFile = `
groups:
  - {key: platform, name: Platform team}
  - {key: staff, name: Staff}
  - {key: former-team, name: Former team}
records:
  - key: acme
    name: Acme
    state: active
    saml: {metadata_file: idp.xml, allow_unsolicited: true}
    mapping: {username: username, email: email, first_name: first_name, last_name: last_name}
    validation_rules:
      - {key: not-suspended, attribute: status, pattern: ^suspended$, values: none}
    access_rules:
      - {key: admins, attribute: groups, pattern: ^admins$, level: full}
      - {key: everyone, attribute: username, pattern: ., level: restricted}
    associations:
      - {key: ops, attribute: groups, pattern: ^ops$, group: platform, update_on_login: true}
      - {key: former, attribute: groups, pattern: ^ops$, group: former-team}
`

// newHouse logs ada in before the service starts: nobody needs a browser then.
func newHouse(t *testing.T) house {
	t.Helper()
	data := t.TempDir()
	h := house{}
	h.user, h.trace = seed(t, data)
	token, problem, exit := program.Run(t, "token", "create", "--data", data, "--name", "ci", "--role", "owner", "--expires", "1d")
	if exit != 0 {
		t.Fatal(problem)
	}
	h.token = strings.TrimSpace(token)
	h.url = program.Serve(t, "--data", data).URL
	return h
}

func seed(t *testing.T, data string) (user, trace string) {
	t.Helper()
	box, err := secret.Open(filepath.Join(data, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := store.Open(t.Context(), store.Config{
		Path: filepath.Join(data, "idms.sqlite"), Box: box, Retention: store.Retention{Unverified: 100, Assertions: 30 * 24 * time.Hour},
		NewKey: func(string, time.Time) (saml.Key, error) { return samltest.Key(samltest.Service), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	flow := login.New(login.Config{Store: opened, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Base: origin,
		Times: login.Times{Session: 12 * time.Hour, Pending: 10 * time.Minute}})

	idp := samltest.NewIdP("https://idp.example.test/saml")
	file, problems := idms.ParseFile([]byte(recordFile), func(string) ([]byte, error) { return idp.Metadata(), nil })
	if problems.Any() {
		t.Fatal(problems)
	}
	if _, err := opened.Apply(t.Context(), file, store.Author{Who: "test", Reason: "the beginning", Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	sp := file.Records[0].SAML.SP("acme", origin, []saml.Key{samltest.Key(samltest.Service)})
	answer := samltest.For(sp).At(time.Now()).Person("ada").Attribute("groups", "ops", "admins").Attribute("status", "active")
	outcome, err := flow.Complete(t.Context(), login.Post{
		Record: "acme", Origin: origin, Address: "192.0.2.7", Response: base64.StdEncoding.EncodeToString(idp.Response(answer)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Session == nil {
		t.Fatalf("ada was refused: %+v", outcome.Refusal)
	}
	// A deleted association leaves ada in its group (S34).
	record := &file.Records[0]
	record.Associations = record.Associations[:1]
	if _, err := opened.Apply(t.Context(), file, store.Author{Who: "test", Reason: "the former team is no more", Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	people, _, err := opened.Users(t.Context(), store.UserFilter{Search: "ada"}, "", 1)
	if err != nil || len(people) != 1 {
		t.Fatalf("%v, %v", people, err)
	}
	return people[0].Account.ID, outcome.Reference
}

// write puts a file into a folder of the test's own.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
