package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/docs"
	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/upkeep"
)

// adminRecordPage is one record at a glance.
type adminRecordPage struct {
	recordFrame
	form
	Row       recordRow
	Reason    string // as typed
	Sessions  int
	Warnings  []recordWarning
	Waiting   *waitingMetadata // nil when nothing waits for approval
	Addresses []address
	Provider  provider
	Decides   []decides
	Logins    []loginRow
	LoginsURL string
	Text      string // as in the record file
	Cut       bool   // there is more of it
	// SwitchOn, Disable and Delete are the addresses of these pages; "" for who may
	// not, or where it is so already.
	SwitchOn, Disable, Delete string
	SetUp                     string // address of a draft's set-up
	Directory                 string // address of the record's directory
}

// address is what to enter at the identity provider.
type address struct {
	ID, Word string
	Also     synonyms
	Value    string
}

// recordWarning is what an administrator may not have meant.
type recordWarning struct {
	Field, Message string
	URL            string // where it can be changed; "" when nowhere here
}

// waitingMetadata is what the provider's metadata would change, for somebody to
// approve.
type waitingMetadata struct {
	Since   exact
	Seen    string // of the form: what somebody has looked at
	Changes []audit.Change
	People  int // of the record
}

// provider is the identity provider as a business card.
type provider struct {
	Unknown      string // why nothing is known of it; "" when it is
	Issuer       string
	SSO, Logout  []saml.Endpoint
	Certificates []certificateRow // by which it signs
	From         string           // where all this comes from, in words
	MetadataURL  string           // that is read again and again; may be none
	Read         exact
	ValidUntil   exact
}

// decides is one question that the record answers.
type decides struct{ Question, Answer string }

func (adminRecordPage) file() string { return "admin_record.html" }

// Bounds of a record's page.
const maxRecordShown = 256 << 10 // bytes

func (s *Site) adminRecord(c echo.Context, who login.Visitor) error {
	return s.showRecord(c, who, http.StatusOK, nil)
}

// showRecord renders a record's page, with what could not be done.
func (s *Site) showRecord(c echo.Context, who login.Visitor, status int, problems fault.Problems) error {
	ctx := c.Request().Context()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	view, err := s.recordView(ctx, record)
	if err != nil {
		return err
	}
	page, err := adminRecordPageOf(s.recordFrame(c, record, "", who), record, view)
	if err != nil {
		return err
	}
	logins, _, err := s.Flow.Store.Traces(ctx, store.TraceFilter{Record: record.Key}, "", loginsShown)
	if err != nil {
		return err
	}
	if page.Logins, err = s.loginRows(ctx, logins, page.Edits()); err != nil {
		return err
	}
	page.Problems, page.Reason = problems, reasonIn(c.Request().PostForm)
	return s.render(c, status, page)
}

// recordView is what a record's page shows beside the record.
type recordView struct {
	row      recordRow
	sessions int
	sp       saml.SP
	source   store.MetadataSource
	standing upkeep.Standing
	warnings fault.Problems
	now      time.Time
}

func (s *Site) recordView(ctx context.Context, record idms.Record) (recordView, error) {
	view := recordView{now: s.Clock(), sp: record.SAML.SP(record.Key, s.Flow.Base, nil)}
	list, _, err := s.Flow.Store.Summaries(ctx, store.RecordFilter{Key: record.Key}, "", 1)
	if err != nil {
		return view, err
	}
	rows, err := s.recordRows(ctx, list)
	if err != nil {
		return view, err
	}
	if len(rows) == 0 {
		return view, fault.New(fault.NotFound, "There is no such record any more.")
	}
	view.row = rows[0]
	standings, err := s.Upkeep.Standings(ctx, []store.Edition{list[0].Edition})
	if err != nil {
		return view, err
	}
	view.standing = standings[record.Key]
	if view.sessions, err = s.Flow.Store.OpenSessions(ctx, record.ID, view.now); err != nil {
		return view, err
	}
	if record.SAML.MetadataURL != "" {
		if view.source, err = s.Flow.Store.MetadataSource(ctx, record.ID, record.SAML.MetadataURL); err != nil {
			return view, err
		}
	}
	view.warnings = s.adviceOn(record)
	return view, nil
}

// adviceOn is what a record in any state and this process's configuration have to say.
func (s *Site) adviceOn(record idms.Record) fault.Problems {
	warnings := record.Warnings(s.Clock())
	if s.Warn != nil {
		warnings = append(warnings, s.Warn(record)...)
	}
	return warnings
}

func adminRecordPageOf(around recordFrame, record idms.Record, view recordView) (adminRecordPage, error) {
	page := adminRecordPage{
		recordFrame: around, Row: view.row, Sessions: view.sessions,
		Addresses: ourAddresses(view.sp), Directory: directoryPath(record.Key),
		Provider:  providerOf(record, view),
		Decides:   decidesOf(record),
		LoginsURL: addressOf(adminPath+"/logins", url.Values{"record": {record.Key}}),
	}
	for _, one := range view.warnings {
		page.Warnings = append(page.Warnings, recordWarning{one.Field, one.Message, fieldPage(record.Key, one.Field)})
	}
	if view.source.Waiting != "" {
		page.Waiting = &waitingMetadata{exact(view.source.WaitingSince), view.source.WaitingSince.Format(time.RFC3339Nano), view.source.WaitingFor, view.row.People}
	}
	if page.Edits() {
		if record.State == idms.Active {
			page.Disable = page.URL + "/disable"
		} else {
			page.SwitchOn = page.URL + "/switch-on"
		}
		if record.State == idms.Draft {
			page.SetUp = setUpRoot + "/" + url.PathEscape(record.Key)
		}
	}
	if page.Role.May(roles.Owner) {
		page.Delete = page.URL + "/delete"
	}
	text, err := recordText(record)
	page.Text, page.Cut = trace.Beginning(text, maxRecordShown), len(text) > maxRecordShown
	return page, err
}

// recordText is a record as in a record file, without the picture of its button: it
// has nothing to read, and would hide what has.
func recordText(record idms.Record) (string, error) {
	record.Button.Icon = nil
	text, err := idms.File{Groups: []groups.Group{}, Records: []idms.Record{record}}.Marshal()
	return string(text), err
}

// fieldPage is where a field of a record is changed; "" when nowhere on these pages.
func fieldPage(key, field string) string {
	for _, rules := range []string{"validation_rules", "access_rules", "associations", "association_type"} {
		if strings.HasPrefix(field, rules) {
			return partOf(key, "rules")
		}
	}
	if strings.HasPrefix(field, "directory") {
		return partOf(key, "directory")
	}
	return editAddress(key, field)
}

// ourAddresses are what the identity provider needs to know of us, in the words of the
// set-up.
func ourAddresses(sp saml.SP) []address {
	var list []address
	add := func(id, word, value string) {
		list = append(list, address{id, word, alsoCalled(docs.Words.Word(word), vendor{}), value})
	}
	add("acs", "ACS URL", sp.ACS)
	add("sp-issuer", "Service Provider Issuer", sp.EntityID)
	if sp.Audience != sp.EntityID {
		add("audience", "Audience URI", sp.Audience)
	}
	add("metadata", "Metadata address", sp.MetadataURL)
	add("sign-on", "Login URL", sp.LoginURL)
	add("slo", "Our single logout URL", sp.SLO)
	for i, previous := range sp.PreviousACS {
		list = append(list, address{fmt.Sprintf("previous-acs-%d", i), "Previous ACS URL", synonyms{Shown: "still accepted, until it is retired"}, previous})
	}
	return list
}

func providerOf(record idms.Record, view recordView) provider {
	settings := record.SAML
	card := provider{MetadataURL: settings.MetadataURL, Read: exact(view.source.Fetched), ValidUntil: exact(view.source.ValidUntil)}
	switch {
	case !settings.NamesProvider():
	case settings.MetadataURL != "":
		card.From = "Its metadata is read again by itself."
	case settings.Metadata != "":
		card.From = "Its metadata was pasted, so a new certificate must be entered by hand."
	default:
		card.From = "It was entered by hand, and so must be a new certificate."
	}
	idp, err := settings.IdP()
	switch {
	case settings.AwaitsMetadata():
		card.Unknown = "Its metadata has not been read yet."
	case err != nil:
		card.Unknown = "This draft does not say enough yet of who the provider is."
	default:
		card.Issuer, card.SSO, card.Logout = idp.EntityID, idp.SSO, idp.Logout
	}
	for _, one := range view.standing.Certificates {
		if !one.Ours && one.Signs() {
			card.Certificates = append(card.Certificates, certificateRowOf(one, view.now))
		}
	}
	return card
}

// someOf is a number of things, in words: "1 rule", "no rules".
func someOf(n int, thing string) string {
	if n == 0 {
		return "no " + thing + "s"
	}
	return plural("%d "+thing, n)
}

// decidesOf says in words what a record decides, in the order of a login.
func decidesOf(record idms.Record) []decides {
	newcomers := "They are refused: accounts are not made at a login."
	if record.CreateUsers {
		newcomers = "They get one at their first login."
	}
	return []decides{
		{"Who may log in", admits(record)},
		{"People without an account", newcomers},
		{"Console level", levels(record)},
		{"Groups", groupsFrom(record)},
	}
}

func admits(record idms.Record) string {
	on := 0
	for _, rule := range record.Validation {
		if !rule.Disabled {
			on++
		}
	}
	say := fmt.Sprintf("All of %d validation rules must be true.", on)
	switch {
	case len(record.Validation) == 0:
		say = "There are no validation rules: whoever the provider vouches for passes."
	case on == 0:
		say = "All validation rules are switched off: whoever the provider vouches for passes."
	case on == 1:
		say = "One validation rule must be true."
	}
	if on > 0 {
		say += switchedOff(len(record.Validation) - on)
	}
	if n := len(record.SAML.AllowedContexts); n > 0 {
		say += " They must have authenticated by " + someOf(n, "allowed context") + "."
	}
	return say
}

// switchedOff follows a sentence about those that are on; "" for none.
func switchedOff(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " 1 more is switched off."
	}
	return fmt.Sprintf(" %d more are switched off.", n)
}

// levels is how the console level comes about: without rules everybody has Full
// Access (S23), with any of them the default is No Access (S24).
func levels(record idms.Record) string {
	say := console.Full.Label() + " for everybody who logs in: there are no access rules."
	if len(record.Access) > 0 {
		say = console.NoAccess.Label() + ", which refuses the login, unless a rule gives more."
		gives := map[console.Level]int{}
		off := 0
		for _, grant := range record.Access {
			if grant.Disabled {
				off++
			} else {
				gives[grant.Level]++
			}
		}
		for _, level := range []console.Level{console.Full, console.Restricted, console.NoAccess} {
			if n := gives[level]; n > 0 {
				say += fmt.Sprintf(" %s: %s.", level.Label(), someOf(n, "rule"))
			}
		}
		if gives[console.NoAccess] > 0 {
			say += " " + console.NoAccess.Label() + " wins over all others."
		}
		say += switchedOff(off)
	}
	switch n := len(record.SAML.ElevationContexts); n {
	case 0:
	case 1:
		say += " Without the elevation context it is " + console.Restricted.Label() + " at most."
	default:
		say += fmt.Sprintf(" Without one of %d elevation contexts it is %s at most.", n, console.Restricted.Label())
	}
	return say
}

func groupsFrom(record idms.Record) string {
	into := map[string]bool{}
	on, removes := 0, 0
	for _, one := range record.Associations {
		if one.Disabled {
			continue
		}
		on++
		into[one.Group] = true
		if one.UpdateOnLogin {
			removes++
		}
	}
	off := len(record.Associations) - on
	switch {
	case record.Association == idms.FromDirectory:
		say := "They come from the directory, from its first approved sync on."
		if on > 0 {
			say += " Until then " + someOf(on, "association") + " will do."
		}
		return say
	case on == 0 && off > 0:
		return "A login changes no group: all associations are switched off."
	case on == 0:
		return "A login changes no group: there are no associations."
	}
	say := fmt.Sprintf("%s with %s.", someOf(on, "association"), someOf(len(into), "group"))
	switch removes {
	case 0:
		say += " A login adds to groups, and removes from none."
	case on:
		say += " A login adds to groups, and removes from them."
	default:
		say += fmt.Sprintf(" A login adds to groups; %d also remove.", removes)
	}
	return say + switchedOff(off)
}

// maxNote bounds a form that holds little more than a reason, in bytes.
const maxNote = 16 << 10

// mendable makes of an error what a page can show at its top; an error that it cannot
// mend is passed on.
func mendable(err error) (status int, problems fault.Problems, rest error) {
	if errors.Is(err, store.ErrStale) {
		return http.StatusConflict, fault.Problems{{Message: "The record was changed at the same moment, so nothing was done. Look at it, and try again."}}, nil
	}
	kind := fault.KindOf(err)
	switch kind {
	case fault.Invalid, fault.Conflict, fault.Upstream:
	default:
		return 0, nil, err
	}
	if problems = problemsOf(err); !problems.Any() {
		problems.Add("", "%s", fault.Sentence(err))
	}
	status = statuses[kind]
	if kind == fault.Invalid {
		status = http.StatusUnprocessableEntity
	}
	return status, problems, nil
}

// adminReadMetadata reads the provider's metadata again, now.
func (s *Site) adminReadMetadata(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	came, err := s.Upkeep.RefreshBy(c.Request().Context(), record.Key, s.author(who))
	if err != nil {
		status, problems, err := mendable(err)
		if err != nil {
			return err
		}
		return s.showRecord(c, who, status, problems)
	}
	what := "metadata-same"
	switch {
	case len(came.Waits) > 0:
		what = "metadata-waits"
	case len(came.Changes) > 0:
		what = "metadata-taken"
	}
	return done(c, recordPage(record.Key), what)
}

// adminApproveMetadata takes over what waits, if it is what was looked at.
func (s *Site) adminApproveMetadata(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	values, err := posted(c, maxNote)
	if err != nil {
		return err
	}
	seen, err := time.Parse(time.RFC3339Nano, values.Get("seen"))
	if err != nil {
		return s.showRecord(c, who, http.StatusUnprocessableEntity, fault.Problems{{Message: "Look at what waits for approval first, and approve it from there."}})
	}
	by := s.author(who)
	by.Reason = reasonIn(values)
	if _, err := s.Upkeep.Approve(c.Request().Context(), record.Key, seen, by); err != nil {
		status, problems, err := mendable(err)
		if err != nil {
			return err
		}
		return s.showRecord(c, who, status, problems)
	}
	return done(c, recordPage(record.Key), "metadata-approved")
}
