package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/login"
	"idms/internal/store"
)

// The settings of a directory are many fields of few kinds: each is described once
// below, and everything else, reading, showing and checking, follows from that.

// directoryField is one field of the settings. One of text, number and tick says where
// its value belongs.
type directoryField struct {
	path    string // below "directory."
	label   string
	also    string // what others call it
	hint    string
	area    bool // a text of several lines
	options []option
	text    func(s *ldapsync.Settings) *string
	number  func(s *ldapsync.Settings) *int
	tick    func(s *ldapsync.Settings) *bool
	limit   func(s *ldapsync.Settings) **ldapsync.Limit
}

type directoryPart struct {
	name, hint string
	closed     bool // rarely needed
	fields     []directoryField
}

var directoryParts = []directoryPart{
	{name: "The server", fields: []directoryField{
		{path: "preset", label: "Kind of directory", hint: "Its usual values stand in the empty fields below, in grey.",
			options: []option{{Value: "", Label: "another one: fill in everything"}, {Value: string(ldapsync.ActiveDirectory), Label: "Active Directory"},
				{Value: string(ldapsync.OpenLDAP), Label: "OpenLDAP"}, {Value: string(ldapsync.FreeIPA), Label: "FreeIPA or 389 Directory Server"}},
			text: func(s *ldapsync.Settings) *string { return (*string)(&s.Preset) }},
		{path: "hosts", label: "Hosts", also: "Server · Domain controller", hint: "One on each line, with or without a port. The first that answers is read for the whole run.", area: true},
		{path: "port", label: "Port", hint: "Of hosts that name none.", number: func(s *ldapsync.Settings) *int { return &s.Port }},
		{path: "security", label: "Protection", also: "TLS · SSL · StartTLS", options: []option{{Value: "", Label: "LDAPS"}, {Value: string(ldapsync.StartTLS), Label: "StartTLS"},
			{Value: string(ldapsync.InsecurePlaintext), Label: "none: passwords travel readable, for tests alone"}},
			text: func(s *ldapsync.Settings) *string { return (*string)(&s.Security) }},
		{path: "ca_certificate", label: "CA certificate", also: "Trusted root", hint: "As PEM. When there is one, nobody else is trusted; without, those whom this machine trusts.", area: true,
			text: func(s *ldapsync.Settings) *string { return &s.CACertificate }},
		{path: "bind_dn", label: "Bind DN", also: "Service account · Bind user", hint: "A DN, or user@domain at Active Directory. Empty: nobody logs in to read.", text: func(s *ldapsync.Settings) *string { return &s.BindDN }},
	}},
	{name: "Who is read", hint: "A change here makes the next plan wait for approval, whatever it holds.", fields: []directoryField{
		{path: "base_dn", label: "Base DN", also: "Search base", hint: "Everything is below it, for example dc=example,dc=com.", text: func(s *ldapsync.Settings) *string { return &s.BaseDN }},
		{path: "user_base", label: "Base of people", hint: "Where it is narrower than the base DN.", text: func(s *ldapsync.Settings) *string { return &s.UserBase }},
		{path: "user_filter", label: "Filter of people", text: func(s *ldapsync.Settings) *string { return &s.UserFilter }},
		{path: "group_base", label: "Base of groups", hint: "Where it is narrower than the base DN.", text: func(s *ldapsync.Settings) *string { return &s.GroupBase }},
		{path: "group_filter", label: "Filter of groups", text: func(s *ldapsync.Settings) *string { return &s.GroupFilter }},
	}},
	{name: "What is read of them", hint: "Names of attributes. Empty is the usual one of this kind of directory; - is none.", fields: []directoryField{
		{path: "external_id_attribute", label: "External ID", also: "objectGUID · entryUUID", hint: "By which somebody stays the same person for ever: it must never change.", text: func(s *ldapsync.Settings) *string { return &s.ExternalID }},
		{path: "username_attribute", label: "Username", text: func(s *ldapsync.Settings) *string { return &s.UsernameAttribute }},
		{path: "email_attribute", label: "E-mail address", text: func(s *ldapsync.Settings) *string { return &s.EmailAttribute }},
		{path: "first_name_attribute", label: "First name", text: func(s *ldapsync.Settings) *string { return &s.FirstNameAttribute }},
		{path: "last_name_attribute", label: "Last name", text: func(s *ldapsync.Settings) *string { return &s.LastNameAttribute }},
		{path: "phone_attribute", label: "Phone", text: func(s *ldapsync.Settings) *string { return &s.PhoneAttribute }},
		{path: "group_name_attribute", label: "Name of a group", text: func(s *ldapsync.Settings) *string { return &s.GroupNameAttribute }},
		{path: "member_attribute", label: "Members of a group", text: func(s *ldapsync.Settings) *string { return &s.MemberAttribute }},
		{path: "disabled_rule", label: "Who is disabled there", options: []option{{Value: "", Label: "as usual for this kind"}, {Value: string(ldapsync.NeverDisabled), Label: "nobody"},
			{Value: string(ldapsync.UserAccountControl), Label: "userAccountControl and accountExpires"}, {Value: string(ldapsync.AccountLock), Label: "nsAccountLock"},
			{Value: string(ldapsync.PasswordPolicy), Label: "pwdAccountLockedTime, locked for ever"}, {Value: string(ldapsync.LoginDisabled), Label: "loginDisabled"}},
			text: func(s *ldapsync.Settings) *string { return (*string)(&s.Disabled) }},
		{path: "direct_members_only", label: "Leave out the members of groups within groups", tick: func(s *ldapsync.Settings) *bool { return &s.DirectMembersOnly }},
	}},
	{name: "When", hint: "Every so often, or at the times of a cron line, which has a time zone.", fields: []directoryField{
		{path: "schedule.every", label: "Every", hint: "5m to 168h, for example 30m or 4h.", text: func(s *ldapsync.Settings) *string { return &s.Schedule.Every }},
		{path: "schedule.cron", label: "Or at the times of a cron line", hint: "Minute, hour, day of the month, month, day of the week: 30 2 * * 1-5.", text: func(s *ldapsync.Settings) *string { return &s.Schedule.Cron }},
		{path: "schedule.zone", label: "Time zone of the cron line", hint: "For example Europe/Berlin.", text: func(s *ldapsync.Settings) *string { return &s.Schedule.Zone }},
		{path: "schedule.paused", label: "Do not sync by itself", tick: func(s *ldapsync.Settings) *bool { return &s.Schedule.Paused }},
	}},
	{name: "What waits for somebody", hint: "A plan is held that takes away more than both numbers of a limit: so many, and so many percent of what there is.", fields: []directoryField{
		{path: "limits.deactivations", label: "People shut out", limit: func(s *ldapsync.Settings) **ldapsync.Limit { return &s.Limits.Deactivations }},
		{path: "limits.membership_removals", label: "Memberships ended", limit: func(s *ldapsync.Settings) **ldapsync.Limit { return &s.Limits.MembershipRemovals }},
		{path: "limits.group_removals", label: "Groups gone", limit: func(s *ldapsync.Settings) **ldapsync.Limit { return &s.Limits.GroupRemovals }},
		{path: "limits.one_group", label: "One group that loses members", hint: "A group of at least so many that loses over so many percent waits alone.", limit: func(s *ldapsync.Settings) **ldapsync.Limit { return &s.Limits.OneGroup }},
		{path: "vanished", label: "People whom the directory no longer has", options: []option{{Value: "", Label: "are shut out"}, {Value: string(ldapsync.KeepVanished), Label: "are listed, and stay as they are"}},
			text: func(s *ldapsync.Settings) *string { return (*string)(&s.Vanished) }},
	}},
	{name: "For slow and unusual directories", closed: true, fields: []directoryField{
		{path: "page_size", label: "Entries on one page", hint: "10 to 1000.", number: func(s *ldapsync.Settings) *int { return &s.PageSize }},
		{path: "deadline", label: "A whole reading takes at most", hint: "1s to 24h.", text: func(s *ldapsync.Settings) *string { return &s.Deadline }},
		{path: "page_deadline", label: "One answer takes at most", hint: "1s to 10m.", text: func(s *ldapsync.Settings) *string { return &s.PageDeadline }},
		{path: "plain_reader", label: "Read with the slow, plain reader", tick: func(s *ldapsync.Settings) *bool { return &s.PlainReader }},
	}},
}

// adminDirectoryEditPage is the form of all settings.
type adminDirectoryEditPage struct {
	adminFrame
	form
	Nav         []section
	Name, URL   string
	New         bool // the record has no directory yet
	Seen        int
	Association []option
	Parts       []directoryInputs
	Password    bool
	Reason      string
	Unsaved     bool // something was typed
	Trial       directoryTrial
}

type directoryInputs struct {
	Name, Hint string
	Closed     bool
	Fields     []directoryInput
}

// directoryInput is a field as the form shows it.
type directoryInput struct {
	Path, Label, Also, Hint string
	Value, Usual            string // as typed; what an empty one means
	Second, SecondUsual     string // percent, of a limit
	Area, Tick, On, Limit   bool
	File                    bool // may be given as a file too
	Options                 []option
	Problem, SecondProblem  fieldProblem
}

// ID is the id of the field in the page.
func (f directoryInput) ID() string { return fieldID(f.Path) }

func (adminDirectoryEditPage) file() string { return "admin_directory_edit.html" }

// directoryPrefix is the directory's in the paths of a record's fields.
const directoryPrefix = "directory."

// directoryTyped are the settings as somebody would type them.
func directoryTyped(s ldapsync.Settings, association idms.AssociationType) url.Values {
	typed := url.Values{"association_type": {string(association)}, directoryPrefix + "hosts": {strings.Join(s.Hosts, "\n")}}
	for _, part := range directoryParts {
		for _, field := range part.fields {
			path := directoryPrefix + field.path
			switch {
			case field.text != nil:
				typed.Set(path, *field.text(&s))
			case field.number != nil && *field.number(&s) != 0:
				typed.Set(path, strconv.Itoa(*field.number(&s)))
			case field.tick != nil && *field.tick(&s):
				typed.Set(path, "yes")
			case field.limit != nil && *field.limit(&s) != nil:
				limit := **field.limit(&s)
				typed.Set(path+".count", strconv.Itoa(limit.Count))
				typed.Set(path+".percent", strconv.Itoa(limit.Percent))
			}
		}
	}
	if typed.Get(directoryPrefix+"preset") == string(ldapsync.Custom) {
		typed.Set(directoryPrefix+"preset", "")
	}
	return typed
}

// directorySettings reads what was typed. What is no number is a problem here; the
// rest is for the check of the record.
func directorySettings(typed url.Values) (ldapsync.Settings, fault.Problems) {
	var s ldapsync.Settings
	var problems fault.Problems
	s.Hosts = append(s.Hosts, strings.FieldsFunc(typed.Get(directoryPrefix+"hosts"), func(r rune) bool { return strings.ContainsRune("\r\n, ", r) })...)
	whole := func(path, label string) (int, bool) {
		text := strings.TrimSpace(typed.Get(path))
		if text == "" {
			return 0, false
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			problems.Add(path, "%s: write a whole number.", label)
		}
		return int(n), err == nil
	}
	usual := s.Defaults()
	for _, part := range directoryParts {
		for _, field := range part.fields {
			path := directoryPrefix + field.path
			switch {
			case field.text != nil:
				*field.text(&s) = strings.TrimSpace(typed.Get(path))
			case field.number != nil:
				if n, ok := whole(path, field.label); ok {
					*field.number(&s) = n
					if n == 0 {
						problems.Add(path, "%s: write a number above 0, or nothing.", field.label)
					}
				}
			case field.tick != nil:
				*field.tick(&s) = typed.Get(path) != ""
			case field.limit != nil:
				count, one := whole(path+".count", field.label)
				percent, two := whole(path+".percent", field.label)
				if !one && !two {
					continue
				}
				limit := **field.limit(&usual)
				if one {
					limit.Count = count
				}
				if two {
					limit.Percent = percent
				}
				*field.limit(&s) = &limit
			}
		}
	}
	return s, problems
}

func adminDirectoryEditPageOf(around adminFrame, record idms.Record, typed url.Values, problems fault.Problems, password bool) adminDirectoryEditPage {
	page := adminDirectoryEditPage{
		adminFrame: around, form: form{onDirectoryForm(problems)}, Nav: recordNav(around.Role, record.Key, "directory"), Name: record.Name, URL: directoryPath(record.Key),
		New: record.Directory == nil, Seen: record.Version, Password: password, Reason: typed.Get("reason"),
		Trial: directoryTrial{Person: typed.Get(trialPerson), Group: typed.Get(trialGroup)},
		Association: optionsOf(typed.Get("association_type"),
			option{string(idms.ByRules), "the record’s own group rules: the directory is only described, and can be tested and rehearsed", false},
			option{string(idms.FromDirectory), "this directory, from its first approved sync on", false}),
	}
	settings, _ := directorySettings(typed)
	usual := settings.Defaults()
	for _, part := range directoryParts {
		shown := directoryInputs{Name: part.name, Hint: part.hint, Closed: part.closed}
		for _, field := range part.fields {
			path := directoryPrefix + field.path
			one := directoryInput{
				Path: path, Label: field.label, Also: field.also, Hint: field.hint, Value: typed.Get(path), Area: field.area, Problem: page.At(path),
				File: field.path == "ca_certificate", Tick: field.tick != nil, On: field.tick != nil && typed.Get(path) != "", Limit: field.limit != nil,
			}
			switch {
			case field.options != nil:
				one.Options = optionsOf(one.Value, append([]option(nil), field.options...)...)
			case field.limit != nil:
				limit := **field.limit(&usual)
				one.Value, one.Second = typed.Get(path+".count"), typed.Get(path+".percent")
				one.Usual, one.SecondUsual = strconv.Itoa(limit.Count), strconv.Itoa(limit.Percent)
				one.Problem, one.SecondProblem = page.At(path+".count"), page.At(path+".percent")
			case field.text != nil && !field.area:
				one.Usual = *field.text(&usual)
			case field.number != nil && *field.number(&usual) != 0:
				one.Usual = strconv.Itoa(*field.number(&usual))
			}
			if one.Problem.Messages != nil || one.SecondProblem.Messages != nil {
				shown.Closed = false
			}
			shown.Fields = append(shown.Fields, one)
		}
		page.Parts = append(page.Parts, shown)
	}
	return page
}

// onDirectoryForm puts problems where this form can show them: those of one host at
// the list of hosts, and those of other parts of the record at the top.
func onDirectoryForm(problems fault.Problems) fault.Problems {
	var shown fault.Problems
	for _, one := range problems {
		switch {
		case strings.HasPrefix(one.Field, directoryPrefix+"hosts["):
			number, _, _ := strings.Cut(strings.TrimPrefix(one.Field, directoryPrefix+"hosts["), "]")
			at, _ := strconv.Atoi(number)
			shown.Add(directoryPrefix+"hosts", "Host %d: %s", at+1, one.Message)
		case strings.HasPrefix(one.Field, directoryPrefix), strings.HasPrefix(one.Field, trialPrefix), one.Field == "association_type", one.Field == "reason", one.Field == "":
			shown.Add(one.Field, "%s", one.Message)
		default:
			shown.Add("", "Elsewhere in the record, at %s: %s", one.Field, one.Message)
		}
	}
	return shown
}

func (s *Site) adminEditDirectory(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	password, err := s.Flow.Store.HasBindPassword(c.Request().Context(), record.ID)
	if err != nil {
		return err
	}
	var settings ldapsync.Settings
	if record.Directory != nil {
		settings = *record.Directory
	}
	typed := directoryTyped(settings, record.Association)
	if record.Directory == nil {
		if preset := ldapsync.Preset(c.QueryParam("preset")); preset == ldapsync.ActiveDirectory || preset == ldapsync.OpenLDAP || preset == ldapsync.FreeIPA {
			typed.Set(directoryPrefix+"preset", string(preset))
		}
	}
	return s.render(c, http.StatusOK, adminDirectoryEditPageOf(s.directoryFrame(c, "Directory settings", record, who), record, typed, nil, password))
}

// maxDirectoryForm bounds the form, in bytes: a certificate by paste and one by file, and
// everything else.
const maxDirectoryForm = 3 << 20

// maxCertificate bounds a certificate that is given as a file, in bytes.
const maxCertificate = 1 << 20

func (s *Site) adminSaveDirectory(c echo.Context, who login.Visitor) error {
	typed, err := posted(c, maxDirectoryForm)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	password, err := s.Flow.Store.HasBindPassword(ctx, record.ID)
	if err != nil {
		return err
	}
	seen := seenIn(typed)
	var problems fault.Problems
	file, unread := uploaded(c, "ca_file", maxCertificate)
	problems.AddError(directoryPrefix+"ca_certificate", unread)
	if file != nil {
		typed.Set(directoryPrefix+"ca_certificate", strings.ToValidUTF8(string(file), "\ufffd"))
	}
	var results []directoryTested
	show := func(status int, problems fault.Problems) error {
		page := adminDirectoryEditPageOf(s.directoryFrame(c, "Directory settings", record, who), record, typed, problems, password)
		page.Seen, page.Unsaved, page.Trial.Results = seen, true, results
		return s.render(c, status, page)
	}
	secret := typed.Get(trialPassword)
	typed.Del(trialPassword) // from here on it is in no page, whatever becomes of the form
	settings, read := directorySettings(typed)
	switch typed.Get("do") {
	case "preset":
		return show(http.StatusOK, nil)
	case "test":
		tested, status, wrong, err := s.tryDirectory(c, who, record, settings, secret, typed, append(problems, read...))
		if err != nil {
			return err
		}
		results = tested
		return show(status, wrong)
	}
	next := record
	if seen > 0 {
		if next, err = s.recordSeen(ctx, record, seen); err != nil {
			return err
		}
	}
	next.Directory, next.Association = &settings, idms.AssociationType(typed.Get("association_type"))
	checked, found := idms.DocumentOf(next).Checked()
	problems = append(append(problems, read...), found...)
	problems = append(problems, checkReason(typed.Get("reason"))...)
	if problems.Any() {
		return show(http.StatusUnprocessableEntity, problems)
	}
	checked.ID, checked.Version = record.ID, record.Version
	err = s.propose(c, who, proposal{Record: checked, Seen: seen, Reason: strings.TrimSpace(typed.Get("reason")), Then: directoryPath(record.Key)})
	if back, ok := newerBack(err); ok {
		var settings ldapsync.Settings
		if back.Document.Directory != nil {
			settings = back.Document.Directory.Settings
		}
		newer := directoryTyped(settings, cmp.Or(back.Document.Type, idms.ByRules))
		for _, other := range []string{"reason", trialPerson, trialGroup} {
			newer.Set(other, typed.Get(other))
		}
		typed, seen = newer, back.Base.Version
	}
	if found := problemsOf(err); found.Any() {
		return show(backStatus(found), found)
	}
	return err
}

// adminBindPasswordPage takes the password by which a directory is read. Nothing ever
// shows it.
type adminBindPasswordPage struct {
	adminFrame
	form
	Nav       []section
	Name, URL string
	Kept      bool
	BindDN    string
	Server    string
	Reason    string
}

func (adminBindPasswordPage) file() string { return "admin_directory_password.html" }

func (s *Site) bindPasswordPage(c echo.Context, record idms.Record, who login.Visitor) (adminBindPasswordPage, error) {
	kept, err := s.Flow.Store.HasBindPassword(c.Request().Context(), record.ID)
	settings := record.Directory.Defaults()
	return adminBindPasswordPage{
		adminFrame: s.directoryFrame(c, "Bind password", record, who), Nav: recordNav(who.Role, record.Key, "directory"), Name: record.Name, URL: directoryPath(record.Key),
		Kept: kept, BindDN: settings.BindDN, Server: strings.Join(settings.Hosts, ", "),
	}, err
}

func (s *Site) adminBindPassword(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	if record.Directory == nil {
		return see(c, directoryPath(record.Key))
	}
	page, err := s.bindPasswordPage(c, record, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

// maxPassword bounds a bind password, in bytes.
const maxPassword = 1024

func (s *Site) adminSetBindPassword(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	record, err := s.describedRecord(c)
	if err != nil {
		return err
	}
	page, err := s.bindPasswordPage(c, record, who)
	if err != nil {
		return err
	}
	password, forget := values.Get("password"), values.Get("do") == "forget"
	page.Reason = strings.TrimSpace(values.Get("reason"))
	switch {
	case forget:
		password = ""
	case password == "":
		page.Problems.Add("password", "Write the password. A directory would take an empty one for no password at all.")
	case len(password) > maxPassword:
		page.Problems.Add("password", "The password is longer than %d bytes.", maxPassword)
	}
	page.Problems = append(page.Problems, checkReason(page.Reason)...)
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	by := s.author(who)
	by.Reason = page.Reason
	if err := s.Flow.Store.SetBindPassword(c.Request().Context(), record.Key, password, by); err != nil {
		return err
	}
	if forget {
		return done(c, page.URL, "directory-password-forgotten")
	}
	return done(c, page.URL, "directory-password")
}

// adminRemoveDirectoryPage says what becomes of everything before a directory is taken
// away.
type adminRemoveDirectoryPage struct {
	adminFrame
	form
	Nav       []section
	Name, Key string
	URL       string
	Seen      int
	Holds     store.Holds
	Words     []string
	Password  bool
	Rules     int
	Typed     string
	Reason    string
}

func (adminRemoveDirectoryPage) file() string { return "admin_directory_remove.html" }

func (s *Site) removePage(c echo.Context, record idms.Record, who login.Visitor) (adminRemoveDirectoryPage, error) {
	ctx := c.Request().Context()
	holds, err := s.Flow.Store.Holds(ctx, store.Edition{ID: record.ID, Key: record.Key})
	if err != nil {
		return adminRemoveDirectoryPage{}, err
	}
	password, err := s.Flow.Store.HasBindPassword(ctx, record.ID)
	return adminRemovePageOf(s.directoryFrame(c, "Take the directory away", record, who), record, holds, password), err
}

func adminRemovePageOf(around adminFrame, record idms.Record, holds store.Holds, password bool) adminRemoveDirectoryPage {
	page := adminRemoveDirectoryPage{adminFrame: around, Nav: recordNav(around.Role, record.Key, "directory"), Name: record.Name, Key: record.Key, URL: directoryPath(record.Key),
		Seen: record.Version, Holds: holds, Password: password, Rules: len(record.Associations)}
	say := func(format string, args ...any) { page.Words = append(page.Words, fmt.Sprintf(format, args...)) }
	say("%s that the directory gave stay, and nothing ends them any more but an administrator, a rule or a later sync.", countOf(holds.Memberships, "membership", "memberships"))
	if holds.Off > 0 {
		say("%s whom the directory has shut out stay shut out.", people(holds.Off))
	} else {
		say("Nobody is shut out by the directory now.")
	}
	say("%s of the directory can log in as before; whether they are still there is not looked at any more.", people(holds.People))
	if record.Association == idms.FromDirectory {
		if page.Rules > 0 {
			say("The record’s %s decide about groups again, from the next login on.", countOf(page.Rules, "group rule", "group rules"))
		} else {
			say("The record has no group rules, so that logins change no groups.")
		}
	}
	if password {
		say("The bind password is forgotten.")
	}
	say("The history stays as long as the audit trail, and the settings stay in the record’s former versions. With a directory set up again, its first plan waits for approval.")
	return page
}

func (s *Site) adminTakeDirectory(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	if record.Directory == nil {
		return see(c, directoryPath(record.Key))
	}
	page, err := s.removePage(c, record, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) adminRemoveDirectory(c echo.Context, who login.Visitor) error {
	values, err := posted(c, smallPost)
	if err != nil {
		return err
	}
	record, err := s.describedRecord(c)
	if err != nil {
		return err
	}
	page, err := s.removePage(c, record, who)
	if err != nil {
		return err
	}
	page.Typed, page.Reason = strings.TrimSpace(values.Get("key")), strings.TrimSpace(values.Get("reason"))
	page.Seen = seenIn(values)
	if page.Typed != record.Key {
		page.Problems.Add("key", "Write %s: the key of the record.", record.Key)
	}
	page.Problems = append(page.Problems, checkReason(page.Reason)...)
	if page.Problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	if page.Seen > 0 {
		if record, err = s.recordSeen(c.Request().Context(), record, page.Seen); err != nil {
			return err
		}
	}
	record.Directory, record.Association = nil, idms.ByRules
	err = s.propose(c, who, proposal{Record: record, Seen: page.Seen, Reason: page.Reason, Then: page.URL})
	if back, ok := newerBack(err); ok {
		page.Seen = back.Base.Version // of which the page tells
	}
	if problems := problemsOf(err); problems.Any() {
		page.Problems = onDirectoryForm(problems)
		return s.render(c, backStatus(problems), page)
	}
	return err
}
