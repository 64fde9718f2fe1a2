package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/session"
	"idms/internal/store"
)

// securityPath is where local people change how they prove who they are.
const securityPath = "/security"

// securityPage is how a local person proves who they are, and where they change it.
type securityPage struct {
	frame
	form
	securityState
	Username   string
	Party      bool // there may be passkeys for this address
	Proved     bool // this session may change second factors
	Has        bool // an authenticator app
	Recoveries int  // codes left
	Passkeys   []ownPasskey
	Sessions   []ownSession
	// Offer is a fresh secret to scan, for those who have no app.
	Offer *offer
}

// securityState is what a page has from the request that it answers.
type securityState struct {
	Notice  string   // what was done
	Problem string   // why nothing was
	Codes   []string // recovery codes, shown once
	Name    string   // of a passkey, as typed
	Open    bool     // the app's secret was being scanned

	secret   string // of the app
	problems fault.Problems
}

type ownPasskey struct {
	ID         string
	Name       string
	Synced     bool
	Elsewhere  string // host that it is for, where that is another one than this
	Made, Used exact
}

type ownSession struct {
	ID           string
	Opened, Seen exact
	Level        level
	Here         bool // the one that asks
}

// offer is an authenticator that waits for its first code.
type offer struct {
	Secret string // in groups of four, to type
	Raw    string // as it goes back with the form
	Path   string // of the QR code, as an SVG path
	Side   int    // of the QR code, in squares, with its quiet zone
}

func (securityPage) file() string    { return "security.html" }
func (securityPage) formsTo() string { return ownForms }

// Second is true of who has a second factor.
func (p securityPage) Second() bool { return p.Has || len(p.Passkeys) > 0 }

// Full is true of who has as many passkeys as there may be.
func (p securityPage) Full() bool { return len(p.Passkeys) >= door.MaxPasskeys }

// FewCodes is true when it is time for new ones.
func (p securityPage) FewCodes() bool { return p.Recoveries <= 3 }

// Shortest is how long a password must be.
func (securityPage) Shortest() int { return door.MinPassword }

// quiet is the zone around a QR code, in squares.
const quiet = 4

func newOffer(made door.Authenticator) (*offer, error) {
	rows, err := made.Squares()
	if err != nil {
		return nil, err
	}
	var path strings.Builder
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				path.WriteString("M" + strconv.Itoa(x+quiet) + " " + strconv.Itoa(y+quiet) + "h1v1h-1z")
			}
		}
	}
	var groups []string
	for rest := made.Secret; rest != ""; rest = rest[min(4, len(rest)):] {
		groups = append(groups, rest[:min(4, len(rest))])
	}
	return &offer{Secret: strings.Join(groups, " "), Raw: made.Secret, Path: path.String(), Side: len(rows) + 2*quiet}, nil
}

const securityTitle = "Security"

// securityPage shows a local person what they have; the others have nothing here.
func (s *Site) securityPage(c echo.Context) error {
	return s.security(c, http.StatusOK, securityState{Notice: notices[c.QueryParam(doneParam)]})
}

func (s *Site) security(c echo.Context, status int, state securityState) error {
	who, known, err := s.visitor(c)
	if err != nil {
		return err
	}
	if !known {
		return toLogin(c)
	}
	if !who.Local {
		return see(c, "/")
	}
	has, err := s.Flow.Factors(c.Request().Context(), who)
	if err != nil {
		return err
	}
	page := securityPageOf(s.frame(securityTitle), who, has, s.party(c), state)
	if !page.Has && page.Proved {
		made, err := door.NewAuthenticator(s.portalName(), who.Account.Username)
		if state.secret != "" {
			made, err = door.AuthenticatorOf(state.secret, s.portalName(), who.Account.Username)
		}
		if err != nil {
			return err
		}
		if page.Offer, err = newOffer(made); err != nil {
			return err
		}
	}
	return s.render(c, status, page)
}

func securityPageOf(around frame, who login.Visitor, has login.Factors, party door.Party, state securityState) securityPage {
	page := securityPage{frame: around, form: form{Problems: state.problems}, securityState: state,
		Username: who.Account.Username, Party: party.Known(), Proved: has.Proved, Has: has.Authenticator, Recoveries: has.Recoveries}
	for _, one := range has.Passkeys {
		page.Passkeys = append(page.Passkeys, ownPasskeyOf(one, party.Host))
	}
	for _, one := range has.Sessions {
		page.Sessions = append(page.Sessions, ownSessionOf(one, who.Session))
	}
	return page
}

func ownPasskeyOf(one store.Passkey, host string) ownPasskey {
	shown := ownPasskey{ID: one.ID, Name: one.Name, Synced: one.Synced, Made: exact(one.Made), Used: exact(one.Used)}
	if one.Host != host {
		shown.Elsewhere = one.Host
	}
	return shown
}

func ownSessionOf(one, here session.Session) ownSession {
	return ownSession{ID: one.ID, Opened: exact(one.Opened), Seen: exact(one.Seen), Level: levelWords(one.Level), Here: one.ID == here.ID}
}

// securityRefused shows the page again with what was wrong. Who is not logged in any
// more is sent to the login page by it.
func (s *Site) securityRefused(c echo.Context, err error, state securityState) error {
	status := http.StatusUnprocessableEntity
	switch fault.KindOf(err) {
	case fault.Invalid:
	case fault.Denied:
		status = http.StatusForbidden
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Conflict:
		status = http.StatusConflict
	default:
		if err != nil {
			return err
		}
	}
	if err != nil {
		state.Problem = fault.Sentence(err)
	}
	return s.security(c, status, state)
}

// addAuthenticator keeps an app that has proved itself with a code, and shows the
// recovery codes once to somebody who had none.
func (s *Site) addAuthenticator(c echo.Context) error {
	form, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	codes, err := s.Flow.AddAuthenticator(c.Request().Context(), read(c, sessionCookie), form.Get("password"), form.Get("secret"), form.Get("code"))
	if err != nil {
		return s.securityRefused(c, err, securityState{secret: form.Get("secret"), Open: true})
	}
	if codes == nil {
		return done(c, securityPath, "app-added")
	}
	return s.security(c, http.StatusOK, securityState{Codes: codes, Notice: notices["app-added"]})
}

// removeAuthenticator takes the app away from somebody who types their password.
func (s *Site) removeAuthenticator(c echo.Context) error {
	form, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	if err := s.Flow.RemoveAuthenticator(c.Request().Context(), read(c, sessionCookie), form.Get("password")); err != nil {
		return s.securityRefused(c, err, securityState{})
	}
	return done(c, securityPath, "app-removed")
}

// newRecoveryCodes shows new ones once to somebody who types their password.
func (s *Site) newRecoveryCodes(c echo.Context) error {
	form, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	codes, err := s.Flow.NewRecoveryCodes(c.Request().Context(), read(c, sessionCookie), form.Get("password"))
	if err != nil {
		return s.securityRefused(c, err, securityState{})
	}
	return s.security(c, http.StatusOK, securityState{Codes: codes})
}

// changePassword gives somebody who types their password another one.
func (s *Site) changePassword(c echo.Context) error {
	form, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	problems, err := s.Flow.ChangePassword(c.Request().Context(), read(c, sessionCookie), form.Get("password"), form.Get("chosen"), c.RealIP())
	if err != nil || problems.Any() {
		return s.securityRefused(c, err, securityState{problems: problems})
	}
	return done(c, securityPath, "password-changed")
}

// endOwnSession ends another session of the same person.
func (s *Site) endOwnSession(c echo.Context) error {
	if err := s.Flow.EndOther(c.Request().Context(), read(c, sessionCookie), c.Param("session")); err != nil {
		return s.securityRefused(c, err, securityState{})
	}
	return done(c, securityPath, "session-ended")
}
