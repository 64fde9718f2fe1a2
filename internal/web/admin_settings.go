package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/mail"
	"idms/internal/roles"
	"idms/internal/store"
)

const settingsPath = adminPath + "/settings"

// adminSettingsPage shows what the service goes by, and changes what can be changed
// while it runs.
type adminSettingsPage struct {
	adminFrame
	form
	Fields []settingField
	Seen   string // the settings that the form shows
	// Doomed says what would be removed for good. The form then asks for a tick, which
	// holds for the times that it was shown for and no others: Agreement.
	Agreement string
	Doomed    []string

	Enforced            bool
	Provider, BackDoor  proofRow
	Exempt, Local       int // exempt people; owners with a password
	ThroughRecord       int // owners who come through an active record
	DoorShut            bool
	Tests               []option // records that a test login can prove
	BaseURLs, Portals   []string
	MailServer, Sender  string
	MyEmail             string
	EnforceProblem      string
	MailProblem, MailTo string
}

// settingField is one setting that the database may have.
type settingField struct {
	Name, Label, Hint string
	Value             string // as typed
	Default           string
	By                string // what configuration sets it; "" when it can be changed here
	Ignored           string // what the database has of it and does not count; "" for nothing
}

// proofRow is whether a way in has been seen to work.
type proofRow struct {
	Proved bool
	At     exact
	How    string
}

func (adminSettingsPage) file() string { return "admin_settings.html" }

// Provable is true when enforcement may be switched on.
func (p adminSettingsPage) Provable() bool { return p.Provider.Proved && p.BackDoor.Proved }

// settingWords are how people call the settings that can be adjusted.
var settingWords = map[string][2]string{
	"portal_name":          {"Name of the portal", "On every page and in letters"},
	"session.length":       {"Session length", "End of a session, whatever the person does; 1m to 30d. It counts for sessions that begin from now on"},
	"session.idle":         {"Idle time", "End of a session that nobody uses, at most the session length; 0 for never. It counts at once, for open sessions too"},
	"session.elevation":    {"Elevation length", "How long an elevation lasts, within the session"},
	"retention.traces":     {"Logins are explained for", "Traces, and what providers said in them; 1h to 3660d"},
	"retention.unverified": {"Unverified responses kept", "The newest so many of responses that could not be verified; 0 to 1000000"},
	"retention.assertions": {"Last assertion of a person kept for", "To apply changed rules before their next login, and to rehearse; 1h to 3660d. 0 records none and removes what is there"},
	"retention.audit":      {"Audit trail goes back for", "1d to 3660d"},
}

// settingsPage is the page as things are.
func (s *Site) settingsPage(c echo.Context, who login.Visitor) (adminSettingsPage, error) {
	ctx, now := c.Request().Context(), s.Clock()
	page := adminSettingsPage{adminFrame: s.adminFrame(c, "Settings", "settings", who), BaseURLs: s.BaseURLs, Portals: s.Portals, MyEmail: who.Account.Email}
	settings, err := s.Flow.Store.Settings(ctx)
	if err != nil {
		return page, err
	}
	page.Seen, page.Enforced, page.DoorShut = seenSettings(settings), settings.Enforced, settings.DoorShut
	page.Fields = settingFields(s.Settings, settings.Adjusted)
	if s.Mail.Ready() {
		page.MailServer, page.Sender = s.Mail.Server()
	}
	proofs, err := s.Flow.Store.Proofs(ctx, now)
	if err != nil {
		return page, err
	}
	page.Provider, page.BackDoor = proofRowOf(proofs.Provider), proofRowOf(proofs.BackDoor)
	if page.Exempt, err = s.Flow.Store.RunningExemptions(ctx, now); err != nil {
		return page, err
	}
	for cursor := ""; ; {
		owners, next, err := s.Flow.Store.AdministratorsFound(ctx, store.AdministratorFilter{Role: roles.Owner}, cursor, perPage)
		if err != nil {
			return page, err
		}
		for _, one := range owners {
			switch {
			case !one.Able:
			case one.Local:
				page.Local++
			default:
				page.ThroughRecord++
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	records, err := s.Flow.Store.Choices(ctx)
	for _, record := range records {
		page.Tests = append(page.Tests, option{Value: record.Key, Label: record.Name})
	}
	return page, err
}

func proofRowOf(one store.Proof) proofRow {
	row := proofRow{Proved: !one.At.IsZero(), At: exact(one.At)}
	switch {
	case !row.Proved:
	case one.Test:
		row.How = fmt.Sprintf("a test login of the record %s, by %s", one.Record, cmp.Or(one.Who, "an administrator"))
	case one.Record != "":
		row.How = fmt.Sprintf("%s logged in through the record %s", cmp.Or(one.Who, "somebody"), one.Record)
	default:
		row.How = cmp.Or(one.Who, "an administrator") + " came in with a password"
	}
	return row
}

// settingFields are the settings as they count in this process.
func settingFields(base config.Config, kept map[string]string) []settingField {
	adjusted, _ := config.ReadAdjusted(kept)
	counts := base.Adjust(adjusted)
	var fields []settingField
	for _, name := range config.Adjustable() {
		words := settingWords[name]
		field := settingField{Name: name, Label: words[0], Hint: words[1], Value: counts.Value(name), Default: base.Value(name), By: base.Given[name]}
		if field.By != "" {
			field.Ignored = kept[name]
		}
		fields = append(fields, field)
	}
	return fields
}

// seenSettings tells one state of the settings from another.
func seenSettings(settings store.Settings) string {
	digest := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(settings.Adjusted)) {
		fmt.Fprintf(digest, "%q %q\n", name, settings.Adjusted[name])
	}
	return hex.EncodeToString(digest.Sum(nil)[:8])
}

func (s *Site) adminSettings(c echo.Context, who login.Visitor) error {
	page, err := s.settingsPage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

// agreementOf are the times for which things are kept, as somebody agrees to them.
func agreementOf(wanted map[string]string) string {
	var times []string
	for name, value := range wanted {
		if strings.HasPrefix(name, "retention.") {
			times = append(times, name+"="+value)
		}
	}
	slices.Sort(times)
	return "kept for " + strings.Join(times, " ")
}

// adminAdjust changes what the configuration leaves to the database. What a shorter
// time would remove for good is counted first, and asked about.
func (s *Site) adminAdjust(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	page, err := s.settingsPage(c, who)
	if err != nil {
		return err
	}
	if _, sent := values["seen"]; !sent {
		page.Problems.Add("", "Nothing was sent that could be saved.")
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	ctx, by := c.Request().Context(), s.author(who)
	wanted := map[string]string{} // what differs from the configuration and its defaults
	for i, field := range page.Fields {
		if field.By != "" {
			continue
		}
		if typed, sent := values[field.Name]; sent {
			page.Fields[i].Value = strings.TrimSpace(typed[0])
		}
		if value := page.Fields[i].Value; value != "" && value != field.Default {
			wanted[field.Name] = value
		}
	}
	adjusted, problems := config.ReadAdjusted(wanted)
	page.Problems = problems
	after := s.Settings.Adjust(adjusted)
	if idle := adjusted.Duration("session.idle", 0); !problems.Any() && idle > after.Session.Length {
		page.Problems.Add("session.idle", "An idle time is at most the session length, %s.", config.FormatDuration(after.Session.Length))
	}
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	if page.Agreement = agreementOf(wanted); values.Get("agreed") != page.Agreement {
		if page.Doomed, err = s.doomed(c, adjusted); err != nil {
			return err
		}
		if len(page.Doomed) > 0 {
			page.Problems.Add("agreed", "This removes things for good. Look at what, and agree to it below.")
			return s.render(c, http.StatusUnprocessableEntity, page)
		}
	}
	seen := values.Get("seen")
	err = s.Flow.Store.ChangeSettings(ctx, by, func(now *store.Settings) error {
		if seenSettings(*now) != seen {
			return errSettingsMoved
		}
		kept := maps.Clone(now.Adjusted)
		for _, field := range page.Fields {
			if field.By != "" {
				continue // what the database has counts again when the configuration leaves it
			}
			delete(kept, field.Name)
			if value, ok := wanted[field.Name]; ok {
				kept[field.Name] = value
			}
		}
		now.Adjusted = kept
		return nil
	})
	if err == errSettingsMoved {
		page.Problems.Add("", "%s", fault.Sentence(err))
		return s.render(c, http.StatusConflict, page)
	}
	if err != nil {
		return err
	}
	return done(c, settingsPath, "settings")
}

var errSettingsMoved = fault.New(fault.Conflict, "Somebody else has changed the settings meanwhile. What you typed is below; save again to put it over theirs, or open the page anew to see theirs.")

// doomed says what the next purge would remove that it leaves as things are.
func (s *Site) doomed(c echo.Context, adjusted config.Adjusted) ([]string, error) {
	ctx, now := c.Request().Context(), s.Clock()
	as, err := s.Flow.Store.Doomed(ctx, s.Flow.Store.Adjusted(ctx), now)
	if err != nil {
		return nil, err
	}
	then, err := s.Flow.Store.Doomed(ctx, adjusted, now)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, one := range []struct {
		what      string
		now, then int
	}{
		{"logins that are explained", as.Traces, then.Traces},
		{"responses that could not be verified", as.Unverified, then.Unverified},
		{"last assertions of people", as.Recorded, then.Recorded},
		{"events of the audit trail", as.Audit, then.Audit},
	} {
		if more := one.then - one.now; more > 0 {
			list = append(list, fmt.Sprintf("%d %s", more, one.what))
		}
	}
	return list, nil
}

// adminEnforce enforces single sign-on, or not any more (S50).
func (s *Site) adminEnforce(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	on, ok := switched(values.Get("enforced"))
	if !ok {
		return s.settingsRefused(c, who, http.StatusUnprocessableEntity, errNotSwitched)
	}
	err = s.Flow.Store.ChangeSettings(c.Request().Context(), s.author(who), func(now *store.Settings) error {
		now.Enforced = on
		return nil
	})
	switch {
	case fault.KindOf(err) == fault.Conflict:
		return s.settingsRefused(c, who, http.StatusConflict, err)
	case err != nil:
		return err
	case on:
		return done(c, settingsPath, "enforced")
	}
	return done(c, settingsPath, "optional")
}

var errNotSwitched = fault.New(fault.Invalid, "Say whether to switch it on or off.")

func switched(word string) (on, ok bool) { return word == "on", word == "on" || word == "off" }

// settingsRefused shows the page with what was wrong on top.
func (s *Site) settingsRefused(c echo.Context, who login.Visitor, status int, why error) error {
	page, err := s.settingsPage(c, who)
	if err != nil {
		return err
	}
	page.Problems.Add("", "%s", fault.Sentence(why))
	return s.render(c, status, page)
}

// adminDoor shuts the back door, or opens it (S52).
func (s *Site) adminDoor(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	open, ok := switched(values.Get("door"))
	if !ok {
		return s.settingsRefused(c, who, http.StatusUnprocessableEntity, errNotSwitched)
	}
	if !open && values.Get("agreed") != "yes" {
		return s.settingsRefused(c, who, http.StatusUnprocessableEntity, errDoorNotAgreed)
	}
	err = s.Flow.Store.ChangeSettings(c.Request().Context(), s.author(who), func(now *store.Settings) error {
		now.DoorShut = !open
		return nil
	})
	if err != nil {
		return err
	}
	if open {
		return done(c, settingsPath, "door-open")
	}
	return done(c, settingsPath, "door-shut")
}

var errDoorNotAgreed = fault.New(fault.Invalid, "Shutting the door was not confirmed, so it stays open. Tick the box beside the button when you mean it.")

// adminProveRecord leads to a test login of a record, for the first proof.
func (s *Site) adminProveRecord(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	invitation, err := s.Flow.InviteTest(c.Request().Context(), login.Asking{Record: clip(70, values.Get("record")), By: who.Account.Username})
	if kind := fault.KindOf(err); kind == fault.NotFound || kind == fault.Invalid {
		return s.settingsRefused(c, who, http.StatusUnprocessableEntity, fault.New(fault.Invalid, "Choose an active record to test."))
	}
	if err != nil {
		return err
	}
	return see(c, invitation.Address)
}

// adminTryMail sends a letter to whoever asks for it.
func (s *Site) adminTryMail(c echo.Context, who login.Visitor) error {
	if _, err := posted(c, smallPost); err != nil {
		return err
	}
	if !s.Mail.Ready() {
		return s.settingsRefused(c, who, http.StatusConflict, fault.New(fault.Conflict, "No mail server is configured, so no letter can be tried."))
	}
	portal := s.portalName()
	err := s.Mail.Send(c.Request().Context(), mail.Letter{To: who.Account.Email, Subject: "A letter from " + portal,
		Text: "Hello,\n\nthis letter was sent from the page Settings of " + portal + ", to see whether letters arrive.\nThere is nothing to do.\n"})
	switch {
	case err == nil:
		return done(c, settingsPath, "mail-tried")
	case fault.KindOf(err) == fault.Internal: // it could not be counted, which is for the log
		return err
	}
	return s.settingsRefused(c, who, http.StatusBadGateway, err)
}

// Badge is the state of a proof for the eyes.
func (p proofRow) Badge() badge {
	if p.Proved {
		return badge{"Proved", good}
	}
	return badge{"Missing", bad}
}
