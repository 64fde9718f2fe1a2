package web

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/mail"
)

// forgottenPath is where local people ask for a letter when they have forgotten
// their password.
const forgottenPath = doorPath + "/forgotten"

// forgottenLimits are how often one client address may ask: whoever asks makes us send
// letters to others.
var forgottenLimits = Limits{PerSecond: 1.0 / 60, Burst: 5}

// lettersAtOnce is how many letters to who has forgotten their password are on their
// way at a time; whoever asks beyond that gets none, and asks again.
const lettersAtOnce = 16

// letterTime bounds finding out whom to write to, and sending it.
const letterTime = 20 * time.Second

// forgottenPage asks for a username, and says the same to everybody.
type forgottenPage struct {
	frame
	Notice  string // what was done
	Refusal string // this client address asked too often
	Most    int    // letters within the hour
}

func (forgottenPage) file() string    { return "forgotten.html" }
func (forgottenPage) formsTo() string { return ownForms }

const (
	forgottenTitle = "Forgotten password"
	tooForgetful   = "From where you are, this was asked for several times within a few minutes. Wait a few minutes, and ask again."
)

var errNoLetters = fault.New(fault.NotFound, "No letters about forgotten passwords are sent here. Ask an owner of this service for an address at which you choose a new one.")

// sendsLetters is true while people may ask for a letter: there is a mail server, and the
// door is open.
func (s *Site) sendsLetters(ctx context.Context) bool {
	return s.Mail.Ready() && !s.Flow.Store.Current(ctx).DoorShut
}

func (s *Site) forgottenPage(c echo.Context) error {
	if !s.sendsLetters(c.Request().Context()) {
		return errNoLetters
	}
	return s.render(c, http.StatusOK, forgottenPageOf(s.frame(forgottenTitle), notices[c.QueryParam(doneParam)], ""))
}

// forget has a letter sent to whoever has a username, if anybody: after the answer,
// which is the same and takes as long whoever it is, and whether or not there is a
// letter.
func (s *Site) forget(c echo.Context) error {
	if !s.sendsLetters(c.Request().Context()) {
		return errNoLetters
	}
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	if !s.forgotten.allow(c.RealIP()) {
		c.Response().Header().Set("Retry-After", "60")
		return s.render(c, http.StatusTooManyRequests, forgottenPageOf(s.frame(forgottenTitle), "", tooForgetful))
	}
	username, client := strings.TrimSpace(values.Get("username")), c.RealIP()
	s.later(func(ctx context.Context) error { return s.writeTo(ctx, username, client) })
	return done(c, forgottenPath, "forgotten")
}

func forgottenPageOf(around frame, notice, refusal string) forgottenPage {
	return forgottenPage{frame: around, Notice: notice, Refusal: refusal, Most: login.MostForgotten}
}

// later does work that the visitor does not wait for, if there is a place for it. What
// goes wrong is for the log alone.
func (s *Site) later(work func(context.Context) error) {
	select {
	case s.letters <- struct{}{}:
	default:
		s.Log.Warn("letters about forgotten passwords are left out: too many are on their way", "places", lettersAtOnce)
		return
	}
	s.Later(func() {
		defer func() { <-s.letters }()
		defer func() {
			if cause := recover(); cause != nil {
				s.Log.Error("panic", "route", forgottenPath, "stack", string(debug.Stack()))
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), letterTime)
		defer cancel()
		if err := work(ctx); err != nil {
			s.Log.Error("a letter about a forgotten password was not sent", "error", err)
		}
	})
}

// writeTo sends a one-time address to the person who has a username. No log says
// whose it is.
func (s *Site) writeTo(ctx context.Context, username, client string) error {
	made, ok, err := s.Flow.Forget(ctx, username, client)
	if err != nil || !ok {
		return err
	}
	if err := s.Mail.Send(ctx, forgottenLetter(s.portalName(), s.BaseURLs[0], made)); err != nil {
		if fault.KindOf(err) == fault.Internal {
			return err
		}
		s.Log.WarnContext(ctx, "a one-time address could not be sent by mail", "reason", fault.Sentence(err))
		return nil
	}
	return s.Flow.Store.Audit(ctx, audit.Event{At: s.Clock(), Action: audit.PasswordAddressSent, Record: idms.LocalKey, User: made.Person.ID})
}

// forgottenLetter is what a person reads who, as somebody at the door says, has
// forgotten their password. Its address is at the base URL of the configuration, wherever
// that somebody is.
func forgottenLetter(portal, base string, made login.Forgotten) mail.Letter {
	return mail.Letter{To: made.Person.Email, Subject: "A new password for " + portal, Text: fmt.Sprintf(`Hello,

somebody, most likely you, has forgotten the password for %s.
Your username there is %s.

Open this address and choose a new password, before %s:

  %s

It works once. Then log in with the new password, and with your second factor
if you have one. Whoever has this letter could change your password: pass it on
to nobody.
If it was not you, leave the address alone and nothing changes.
`, portal, made.Person.Username, made.Ends.UTC().Format("2 January 2006, 15:04 MST"), base+ChoosePath(made.Token))}
}
