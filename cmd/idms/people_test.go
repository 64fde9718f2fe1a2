package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"idms/internal/api"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/samltest"
	"idms/internal/store"
	"idms/test/mailbox"
)

// peopled is a shell with ada, who is in the group ops, and bert; the record keeps
// responses.
func peopled(t *testing.T) shell {
	t.Helper()
	s := newShell(t)
	s.desk.apply(strings.Replace(checkRecord, `origin: "https://login`, `allow_unsolicited: true, keep_responses_until: "2026-03-02T12:00:00Z", origin: "https://login`, 1))
	s.logIn("ada", "admins", "ops")
	s.logIn("bert", "admins")
	return s
}

// do is run for commands of several words.
func (s shell) do(exit int, words ...string) (stdout, stderr string) {
	s.t.Helper()
	stdout, stderr, got := run(s.t, append(words, "--data", s.data)...)
	if got != exit {
		s.t.Errorf("idms %s: exit %d, want %d\n%s%s", strings.Join(words, " "), got, exit, stdout, stderr)
	}
	return stdout, stderr
}

// "A laptop was stolen, and there is no browser at hand."
func TestAPersonIsFoundBlockedAndErasedFromTheCommandLine(t *testing.T) {
	s := peopled(t)
	listed, _ := s.do(exitOK, "people")
	if !regexp.MustCompile(`(?m)^"ada" +corp +enabled +2026-03-01 +ada@\S+$`).MatchString(listed) || !strings.Contains(listed, `"bert"`) {
		t.Errorf("the list is\n%s", listed)
	}
	var page page[api.UserSummary]
	listed, _ = s.do(exitOK, "people", "list", "--search", "ADA", "--format", "json")
	if err := json.Unmarshal([]byte(listed), &page); err != nil || len(page.Items) != 1 || page.Items[0].Username != "ada" || page.Next != "" {
		t.Errorf("%v: %s", err, listed)
	}
	if first, _ := s.do(exitOK, "people", "list", "--limit", "1"); !strings.Contains(first, "More with --after ") || strings.Contains(first, "bert") {
		t.Errorf("a page of one is\n%s", first)
	}
	shown, _ := s.do(exitOK, "people", "show", "corp", "ADA")
	for _, want := range []string{`"ada" of corp: enabled`, "account     " + page.Items[0].ID, "e-mail", `in ops "Operations"`, "by the rule ops of corp, since 2026-03-01T12:00:00Z"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in\n%s", want, shown)
		}
	}
	var person api.User
	shown, _ = s.do(exitOK, "people", "show", "corp", "ada", "--format", "json")
	if err := json.Unmarshal([]byte(shown), &person); err != nil || len(person.Groups) != 1 || person.Groups[0].Group.Key != "ops" {
		t.Errorf("%v: %s", err, shown)
	}

	if said, _ := s.do(exitOK, "people", "block", "corp", "ada", "--reason", "a stolen laptop"); said != "\"ada\" of corp is blocked, 1 session ended\n" {
		t.Errorf("it says %q", said)
	}
	if listed, _ := s.do(exitOK, "people", "list", "--state", "blocked"); !strings.Contains(listed, `"ada"`) || strings.Contains(listed, `"bert"`) {
		t.Errorf("blocked are\n%s", listed)
	}
	s.do(exitOK, "people", "unblock", "corp", "ada", "--reason", "found again")

	_, said := s.do(exitUsage, "people", "erase", "corp", "Ada")
	if !strings.Contains(said, "exactly") {
		t.Errorf("another spelling: %s", said)
	}
	would, _ := s.do(exitChanges, "people", "erase", "corp", "ada", "--dry-run")
	if would != "\"ada\" of corp would be erased, with 0 sessions, 1 membership and 1 explained login\nA dry run: nothing was written.\n" {
		t.Errorf("a dry run says %q", would)
	}
	erased, _ := s.do(exitOK, "people", "erase", "corp", "ada", "--reason", "she asked", "--format", "json")
	var gone api.Erased
	if err := json.Unmarshal([]byte(erased), &gone); err != nil || gone != (api.Erased{Memberships: 1, Traces: 1}) {
		t.Errorf("%v: %s", err, erased)
	}
	s.do(exitRefused, "people", "show", "corp", "ada")
	s.do(exitRefused, "people", "block", "nowhere", "ada")
	trail, _ := s.do(exitOK, "audit")
	for _, want := range []string{"user_blocked  by command line", `because "a stolen laptop"`, "user_unblocked  by command line", "person_erased  by command line", `because "she asked"`} {
		if !strings.Contains(trail, want) {
			t.Errorf("%q is not in the trail\n%s", want, trail)
		}
	}
}

func TestTheLastOwnerIsNotErasedFromTheCommandLineS44(t *testing.T) {
	s := peopled(t)
	s.do(exitOK, "admin", "role", "ada", "owner", "--record", "corp")
	if _, said := s.do(exitRefused, "people", "erase", "corp", "ada"); !strings.Contains(said, "no owner") {
		t.Errorf("it says %s", said)
	}
}

func TestLoginsAreListedAndWhatArrivedIsPrintedAndTold(t *testing.T) {
	s := peopled(t)
	outcome, err := s.house().flow.Complete(t.Context(), login.Post{Record: "corp", Origin: "https://login.example.test", Response: "%1b[31m"})
	if err != nil {
		t.Fatal(err)
	}
	listed, _ := s.do(exitOK, "logins")
	admitted := regexp.MustCompile(`(?m)^2026-03-01T12:00:00Z +(\S{10}) +corp +admitted +"ada"$`).FindStringSubmatch(listed)
	if admitted == nil || strings.Count(listed, "\n") != 3 {
		t.Fatalf("the list is\n%s", listed)
	}
	refused, _ := s.do(exitOK, "logins", "--outcome", "refused")
	if !strings.Contains(refused, outcome.Reference) || !strings.Contains(refused, "refused: ") || !strings.Contains(refused, "nobody known") || strings.Count(refused, "\n") != 1 {
		t.Errorf("refused are\n%s", refused)
	}
	var page page[api.TraceSummary]
	found, _ := s.do(exitOK, "logins", "--username", "Ada", "--from", "2026-03-01T00:00:00Z", "--format", "json")
	if err := json.Unmarshal([]byte(found), &page); err != nil || len(page.Items) != 1 || page.Items[0].Ref != admitted[1] {
		t.Errorf("%v: %s", err, found)
	}
	s.do(exitUsage, "logins", "--from", "yesterday")
	record := s.records()["corp"]
	answer := samltest.For(record.SAML.SP("corp", "https://login.example.test", nil)).At(noon).Person("dora").Attribute("groups", "visitors")
	outcome, err = s.house().flow.Complete(t.Context(), login.Post{Record: "corp", Origin: "https://login.example.test", Response: samltest.Base64(s.scene.IdP.Response(answer))})
	if err != nil || outcome.Session != nil {
		t.Fatalf("dora comes in: %v", err)
	}
	if found, _ := s.do(exitOK, "logins", "--username", "Dora"); !regexp.MustCompile(`^2026-03-01T12:00:00Z +` + outcome.Reference + ` +corp +refused: \S+ +"dora", who had no account here\n$`).MatchString(found) {
		t.Errorf("who was refused and has no account is found as\n%s", found)
	}

	s.do(exitUsage, "trace", admitted[1], "--response", "--compare")
	arrived, _ := s.do(exitOK, "trace", strings.ToLower(admitted[1]), "--response", "--reason", "their support asks")
	if !strings.HasPrefix(arrived, "<") || !strings.Contains(arrived, "Response") {
		t.Errorf("what arrived is %s", arrived)
	}
	// What is printed is what idms check reads.
	if judged, said, exit := run(t, "check", "--record", filepath.Join(s.folder, "apply.yaml"), "--record-key", "corp", "--response", s.put("arrived.xml", []byte(arrived))); exit != exitOK || !strings.Contains(judged, "ada") {
		t.Errorf("idms check: exit %d\n%s%s", exit, judged, said)
	}
	if judged, _ := s.do(exitOK, "trace", admitted[1]); !strings.Contains(judged, "admitted") {
		t.Errorf("the trace is\n%s", judged)
	}
	trail, _ := s.do(exitOK, "audit", "--action", "response_read")
	if !strings.Contains(trail, "by command line") || !strings.Contains(trail, "trace "+admitted[1]) || !strings.Contains(trail, `because "their support asks"`) || strings.Count(trail, "response_read") != 1 {
		t.Errorf("the trail is\n%s", trail)
	}
	s.do(exitRefused, "trace", "ABCDEFGHJK", "--response")
}

func TestWhatSomebodyPostedWritesNothingOnATerminal(t *testing.T) {
	for posted, want := range map[store.Arrived]string{
		store.Arrived(samltest.Base64([]byte("<a>\n\x1b[31m</a>"))): "<a>\n\ufffd[31m</a>\n",
		"\x1b[31m": "\ufffd[31m\n",
	} {
		var out strings.Builder
		if err := printResponse(&out, posted, true); err != nil || out.String() != want {
			t.Errorf("%q is printed as %q (%v)", posted, out.String(), err)
		}
	}
}

func TestWhatADeletedAssociationLeftIsSettledFromTheCommandLineS34(t *testing.T) {
	s := peopled(t)
	if said, _ := s.do(exitOK, "left-behind"); said != "Nothing is left by a deleted association.\n" {
		t.Errorf("before anything is deleted: %q", said)
	}
	s.do(exitRefused, "left-behind", "remove", "--all")
	s.desk.apply(strings.Replace(checkRecord, "      - {key: ops, attribute: groups, pattern: ^ops$, group: ops, update_on_login: true}\n", "", 1))
	if listed, _ := s.do(exitOK, "left-behind", "list", "--group", "ops"); !regexp.MustCompile(`(?m)^ops +corp +ops +1$`).MatchString(listed) {
		t.Errorf("left is\n%s", listed)
	}
	var left struct {
		Items []api.LeftBehind
		More  bool
	}
	listed, _ := s.do(exitOK, "left-behind", "--format", "json")
	if err := json.Unmarshal([]byte(listed), &left); err != nil || len(left.Items) != 1 || left.Items[0].Rule != "ops" {
		t.Errorf("%v: %s", err, listed)
	}
	// A flag that a script lost does not mean everything.
	s.do(exitUsage, "left-behind", "remove")
	s.do(exitUsage, "left-behind", "remove", "--all", "--group", "ops")
	s.do(exitUsage, "left-behind", "adopt", "--group", "ops", "--expect=-1")
	s.do(exitRefused, "left-behind", "remove", "--group", "ops", "--expect", "2")

	would, _ := s.do(exitChanges, "left-behind", "remove", "--group", "ops", "--dry-run")
	if would != "- group ops, by the rule ops of corp: 1 person\n1 membership of 1 person: 1 leave the group, 0 stay\nA dry run: nothing was written.\n" {
		t.Errorf("a dry run says\n%s", would)
	}
	var done api.Settled
	seen := func(action string) string {
		t.Helper()
		said, _ := s.do(exitChanges, "left-behind", action, "--record", "corp", "--dry-run", "--format", "json")
		if err := json.Unmarshal([]byte(said), &done); err != nil || !done.DryRun || done.Hash == "" {
			t.Fatalf("%v: %s", err, said)
		}
		return done.Hash
	}
	if _, said := s.do(exitRefused, "left-behind", "adopt", "--record", "corp", "--hash", seen("remove")); !strings.Contains(said, "Something else would happen") {
		t.Errorf("adopting what was seen to be removed: %s", said)
	}
	adopted, _ := s.do(exitOK, "left-behind", "adopt", "--record", "corp", "--rule", "ops", "--expect", "1", "--hash", seen("adopt"), "--reason", "she stays", "--format", "json")
	if err := json.Unmarshal([]byte(adopted), &done); err != nil || done.DryRun || done.Reasons != 1 || done.Leaving != 0 {
		t.Errorf("%v: %s", err, adopted)
	}
	if shown, _ := s.do(exitOK, "people", "show", "corp", "ada"); !strings.Contains(shown, "in ops") || !strings.Contains(shown, "by command line") {
		t.Errorf("she is\n%s", shown)
	}
	if trail, _ := s.do(exitOK, "audit", "--group", "ops"); !strings.Contains(trail, "left_behind_adopted  by command line") || !strings.Contains(trail, `because "she stays"`) {
		t.Errorf("the trail is\n%s", trail)
	}
}

func TestAnAddressIsMailedFromTheCommandLineWhenSomebodyAsks(t *testing.T) {
	s := peopled(t)
	create := []string{"admin", "create", "grace", "--email", "grace@example.test", "--mail"}
	if _, said := s.do(exitUsage, create...); !strings.Contains(said, "mail.host") {
		t.Errorf("without a mail server it says %s", said)
	}
	box := mailbox.Open(t)
	mailed := func(exit int, args ...string) (stdout, stderr string) {
		t.Helper()
		stdout, stderr, got := runWith(t, []string{"IDMS_MAIL__HOST=127.0.0.1", "IDMS_MAIL__PORT=" + strconv.Itoa(box.Port), "IDMS_MAIL__TLS=none", "IDMS_MAIL__FROM=idms@example.test"}, append(args, "--data", s.data)...)
		if got != exit {
			t.Fatalf("%v: exit %d, want %d\n%s%s", args, got, exit, stdout, stderr)
		}
		return stdout, stderr
	}
	made, _ := mailed(exitOK, create...) // that nothing was made before shows here
	address := regexp.MustCompile(`(?m)^  (http\S+/door/choose/\S{43})$`).FindStringSubmatch(made)
	if address == nil || !strings.Contains(made, "It was sent to grace@example.test.") || len(box.Letters()) != 1 || !strings.Contains(box.Letters()[0], address[1]) || !strings.Contains(box.Letters()[0], "An administrator has made a login for you") {
		t.Fatalf("it says\n%s\nand the letters are %q", made, box.Letters())
	}
	if unlocked, _ := mailed(exitOK, "admin", "unlock", "grace", "--mail"); !strings.Contains(unlocked, "It was sent to") || !strings.Contains(box.Letters()[1], "choose a new password") {
		t.Errorf("it says\n%s\nand the letters are %q", unlocked, box.Letters())
	}
	if trail, _ := s.do(exitOK, "audit", "--action", "password_address_sent"); strings.Count(trail, "by command line") != 2 {
		t.Errorf("the trail is\n%s", trail)
	}
	box.Close()
	unlocked, said := mailed(exitRefused, "admin", "unlock", "grace", "--mail")
	if !strings.Contains(unlocked, "/door/choose/") || !strings.Contains(said, "The address is good, but it was not mailed") || !strings.Contains(said, "cannot be reached") {
		t.Errorf("without its server it says\n%s%s", unlocked, said)
	}
}

func TestAnyoneIsExemptedAndListedS51(t *testing.T) {
	s := peopled(t)
	if said, _ := s.do(exitOK, "admin", "exemptions"); said != "Nobody is exempt.\n" {
		t.Errorf("it says %q", said)
	}
	s.do(exitOK, "admin", "exempt", "bert", "--record", "corp", "--until", "2026-12-31", "--reason", "an audit")
	ada, err := s.house().store.AccountID(t.Context(), "corp", "ada")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.house().store.Exempt(t.Context(), ada, "short", noon.Add(time.Minute), store.Author{Role: roles.Owner, Who: "grace", Now: noon.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	listed, _ := s.do(exitOK, "admin", "exemptions")
	if !regexp.MustCompile(`(?m)^"bert" +corp +exempt +2027-01-01T00:00:00Z +command line\S* ?\S* +"an audit"$`).MatchString(listed) || strings.Count(listed, "\n") != 3 {
		t.Errorf("exempt are\n%s", listed)
	}
	s.do(exitOK, "admin", "exempt", "bert", "--record", "corp", "--end")
	s.do(exitRefused, "admin", "exempt", "bert", "--until", "2026-12-31", "--reason", "x") // of the built-in record there is none
	if _, said := s.do(exitRefused, "admin", "exempt", "nobody", "--record", "corp", "--end"); !strings.Contains(said, "nobody") {
		t.Errorf("it says %s", said)
	}
}

func TestPeopleArePutIntoGroupsAndTakenOutFromTheCommandLineS36(t *testing.T) {
	s := peopled(t)
	if listed, _ := s.do(exitOK, "groups"); !regexp.MustCompile(`(?m)^ops +"Operations" +1$`).MatchString(listed) || !strings.Contains(listed, "idms-owners") {
		t.Errorf("the groups are\n%s", listed)
	}
	s.do(exitOK, "groups", "add", "ops", "corp", "Bert", "--reason", "he helps")
	members, _ := s.do(exitOK, "groups", "members", "ops")
	if !regexp.MustCompile(`(?m)^"ada" +corp +by the rule ops of corp +since 2026-03-01T12:00:00Z$`).MatchString(members) || !regexp.MustCompile(`(?m)^"bert" +corp +by command line`).MatchString(members) {
		t.Errorf("in the group are\n%s", members)
	}
	var page page[api.Member]
	members, _ = s.do(exitOK, "groups", "members", "ops", "--format", "json")
	if err := json.Unmarshal([]byte(members), &page); err != nil || len(page.Items) != 2 || len(page.Items[0].Sources) != 1 {
		t.Errorf("%v: %s", err, members)
	}
	if said, _ := s.do(exitOK, "groups", "remove", "ops", "corp", "bert"); said != "\"bert\" of corp is not in ops by hand any more\n" {
		t.Errorf("it says %q", said)
	}
	if _, said := s.do(exitRefused, "groups", "remove", "ops", "corp", "ada"); !strings.Contains(said, "by the rule ops of corp") {
		t.Errorf("who is in it by a rule stays, and it says %s", said)
	}
	s.do(exitRefused, "groups", "members", "nowhere")
	s.do(exitRefused, "groups", "add", "nowhere", "corp", "ada")
	if trail, _ := s.do(exitOK, "audit", "--group", "ops"); !strings.Contains(trail, "member_added  by command line") || !strings.Contains(trail, `because "he helps"`) {
		t.Errorf("the trail is\n%s", trail)
	}
}
