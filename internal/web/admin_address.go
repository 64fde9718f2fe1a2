package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/store"
	"idms/internal/users"
)

// adminAddressPage shows a one-time address, this once: the database has its hash
// alone.
type adminAddressPage struct {
	adminFrame
	Username string
	Made     bool // the person was made a moment ago
	Address  string
	Ends     exact
	Mail     string // to whom it was sent; "" when it was not
	NotSent  string // why, when there is a mail server; "" otherwise
	Back     target // where to go on
}

// target is a link with what it says.
type target struct{ Name, URL string }

func (adminAddressPage) file() string { return "admin_address.html" }

// giveAddress makes a one-time address for a local person, sends it to them where
// there is a mail server, and shows it in any case: a letter that is lost must not
// lose the address.
func (s *Site) giveAddress(c echo.Context, who login.Visitor, person users.Account, made bool, back target) error {
	ctx, by := c.Request().Context(), s.author(who)
	token, err := s.Flow.PasswordAddress(ctx, person.ID, by)
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "Who comes through an identity provider has no password here, so there is no address to make.")
	}
	if err != nil {
		return err
	}
	page := adminAddressPage{adminFrame: s.adminFrame(c, "One-time address", "administrators", who), Username: person.Username, Made: made,
		Address: s.BaseURLs[0] + ChoosePath(token), Ends: exact(by.Now.Add(login.PasswordAddressLasts)), Back: back}
	if s.Mail.Ready() {
		err := s.Flow.MailAddress(ctx, s.Mail, login.AddressLetter{To: person, Made: made, Address: page.Address, Ends: time.Time(page.Ends), Portal: s.PortalName}, by)
		switch {
		case err == nil:
			page.Mail = person.Email
		case fault.KindOf(err) == fault.Internal:
			return err
		default:
			page.NotSent = fault.Sentence(err)
			s.Log.WarnContext(ctx, "a one-time address could not be sent by mail", "error", err)
		}
	}
	return s.render(c, http.StatusOK, page)
}

// invite makes a local person and shows the address at which they choose a password.
// What is wrong comes back at the fields of the form.
func (s *Site) invite(c echo.Context, who login.Visitor, profile users.Profile, create func(store.Author) (userID string, err error), back target) (fault.Problems, error) {
	id, err := create(s.author(who))
	if fault.KindOf(err) == fault.Conflict {
		var taken fault.Problems
		taken.Add("username", "%s", fault.Sentence(err))
		return taken, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, s.giveAddress(c, who, users.Account{ID: id, Profile: profile}, true, back)
}
