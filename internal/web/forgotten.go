package web

import (
	"context"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/login"
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
	// The address is at the base URL of the configuration, wherever who asked is.
	err = s.Flow.MailForgotten(ctx, s.Mail, made, s.BaseURLs[0]+ChoosePath(made.Token), s.PortalName)
	if err != nil && fault.KindOf(err) != fault.Internal {
		s.Log.WarnContext(ctx, "a one-time address could not be sent by mail", "error", err)
		return nil
	}
	return err
}
