package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/store"
	"idms/internal/users"
)

// What keeps a person out, lets them in again, or takes them away: each on a page of
// its own that says whom it touches before it happens.

// adminActPage asks before something is done to a person.
type adminActPage struct {
	adminFrame
	Person    place
	Heading   string
	Says      []string
	Refusal   string // why it was not done
	Possible  bool
	Action    string // address
	Button    string
	Danger    bool
	Username  string // to be typed; "" asks for nothing
	Typed     string
	Reason    string
	Audited   string // what the audit trail will say
	NameError string
}

func (adminActPage) file() string { return "admin_person_act.html" }

// countedSessions bounds how many sessions are counted before they end.
const countedSessions = 500

// openSessions says how many sessions somebody has open.
func (s *Site) openSessions(ctx context.Context, userID string) (string, error) {
	list, next, err := s.Flow.Store.Sessions(ctx, store.SessionFilter{User: userID}, s.Clock(), "", countedSessions)
	switch {
	case err != nil:
		return "", err
	case next != "":
		return fmt.Sprintf("More than %d open sessions end", len(list)), nil
	case len(list) == 0:
		return "No session of theirs is open", nil
	case len(list) == 1:
		return "One open session ends", nil
	}
	return fmt.Sprintf("%d open sessions end", len(list)), nil
}

func actPageOf(around adminFrame, person store.Person, path string) adminActPage {
	whole := adminPersonPageOf(around, person)
	return adminActPage{adminFrame: around, Person: place{whole.URL, whole.Heading()}, Action: whole.URL + "/" + path, Possible: true}
}

func blockPageOf(around adminFrame, person store.Person, sessions string) adminActPage {
	page := actPageOf(around, person, "block")
	page.Heading, page.Button, page.Danger = "Block this person", "Block "+clip(40, person.Account.Username), true
	page.Says = []string{
		"Nobody logs in as this person until somebody unblocks them, whatever their identity provider says. " + sessions + " at once.",
		"Groups and everything else stay as they are.",
	}
	switch person.Account.State {
	case users.Blocked:
		page.Possible, page.Says = false, []string{"This person is blocked already."}
	case users.Disabled:
		page.Possible, page.Says = false, []string{"The directory has disabled this person, which keeps them out already. Only the directory enables them again."}
	}
	return page
}

func unblockPageOf(around adminFrame, person store.Person) adminActPage {
	page := actPageOf(around, person, "unblock")
	page.Heading, page.Button = "Unblock this person", "Unblock "+clip(40, person.Account.Username)
	page.Says = []string{"The person can log in again, as the rules of their record decide. No session comes back."}
	if person.Account.State != users.Blocked {
		page.Possible, page.Says = false, []string{"This person is not blocked."}
	}
	return page
}

func erasePageOf(around adminFrame, person store.Person, sessions string) adminActPage {
	page := actPageOf(around, person, "erase")
	page.Heading, page.Button, page.Danger = "Erase this person", "Erase "+clip(40, person.Account.Username), true
	page.Username = person.Account.Username
	page.Says = []string{
		fmt.Sprintf("The account goes, with %s, what is recorded of the last login, and the explanations of all logins. %s. This cannot be taken back.",
			countOf(len(person.Groups), "group membership", "group memberships"), sessions),
		"The audit trail keeps what happened under the account’s id, without name and addresses.",
		"To keep somebody out, block them instead: whom the provider sends again, or the directory still holds, is made anew.",
	}
	return page
}

// acting is one of them, on its way: the person and the page as it would be asked.
func (s *Site) acting(c echo.Context, who login.Visitor, what string) (store.Person, adminActPage, error) {
	ctx := c.Request().Context()
	person, err := s.person(ctx, c.Param("user"))
	if err != nil {
		return person, adminActPage{}, err
	}
	sessions, err := s.openSessions(ctx, person.Account.ID)
	if err != nil {
		return person, adminActPage{}, err
	}
	around := s.adminFrame(c, "Person", "people", who)
	var page adminActPage
	switch what {
	case "block":
		page = blockPageOf(around, person, sessions)
	case "unblock":
		page = unblockPageOf(around, person)
	default:
		page = erasePageOf(around, person, sessions)
	}
	page.Title = page.Heading
	return person, page, nil
}

// ask answers with the page that says what would happen.
func ask(what string) func(*Site, echo.Context, login.Visitor) error {
	return func(s *Site, c echo.Context, who login.Visitor) error {
		_, page, err := s.acting(c, who, what)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusOK, page)
	}
}

// act does it; refused, the page says why and keeps what was typed.
func act(what string, do func(s *Site, ctx context.Context, person store.Person, by store.Author, typed url.Values) error, then func(store.Person) string, word string) func(*Site, echo.Context, login.Visitor) error {
	return func(s *Site, c echo.Context, who login.Visitor) error {
		typed, err := posted(c, smallPost)
		if err != nil {
			return err
		}
		person, page, err := s.acting(c, who, what)
		if err != nil {
			return err
		}
		by, err := s.reasoned(who, typed.Get("reason"))
		if err == nil {
			err = do(s, c.Request().Context(), person, by, typed)
		}
		if err == nil {
			return done(c, then(person), word)
		}
		kind := fault.KindOf(err)
		if kind == fault.Internal || kind == fault.Upstream {
			return err
		}
		page.Refusal, page.Reason, page.Typed = fault.Sentence(err), clip(maxReason, typed.Get("reason")), clip(users.MaxField, typed.Get("username"))
		status := statuses[kind]
		if kind == fault.Invalid {
			status = http.StatusUnprocessableEntity
			page.NameError = page.Refusal
		}
		return s.render(c, status, page)
	}
}

func personURL(person store.Person) string { return below("people", person.Account.ID) }

var (
	adminBlock = act("block", func(s *Site, ctx context.Context, person store.Person, by store.Author, _ url.Values) error {
		_, err := s.Flow.Store.Block(ctx, person.Account.ID, by)
		return err
	}, personURL, "blocked")
	adminUnblock = act("unblock", func(s *Site, ctx context.Context, person store.Person, by store.Author, _ url.Values) error {
		return s.Flow.Store.Unblock(ctx, person.Account.ID, by)
	}, personURL, "unblocked")
	adminErase = act("erase", func(s *Site, ctx context.Context, person store.Person, by store.Author, typed url.Values) error {
		_, err := s.Flow.Store.ErasePerson(ctx, person.Account.ID, store.Erasure{Username: typed.Get("username")}, by)
		return err
	}, func(store.Person) string { return adminPath + "/people" }, "erased")
)
