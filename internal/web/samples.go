package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/console"
	"idms/internal/door"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/trace"
	"idms/internal/users"
)

// sample is one state of one page. A test renders every one of them, and
// /dev/pages shows them.
type sample struct {
	Name   string
	Status int
	Page   page
}

// samples are the states that somebody once thought of. Add one whenever a page
// can look different.
func samples(around func(title string) frame, now time.Time) []sample {
	novel := strings.Repeat("The Very Reverend and Honourable Wolfeschlegelsteinhausenbergerdorff ", 4)
	choices := []login.Choice{
		{Key: "acme", Label: "Acme", HasIcon: false},
		{Key: "globex", Label: "Globex Corporation"},
		{Key: "initech", Label: "Initech"},
	}
	long := []login.Choice{
		{Key: "long", Label: "The United Federation of Regional Hospitals, Hospices and Ambulance Services of the North"},
		{Key: "unbroken", Label: strings.Repeat("Donaudampfschifffahrt", 4)},
		{Key: "arabic", Label: "شركة الاتصالات الوطنية"},
		{Key: "hebrew", Label: "אקמה בע״מ"},
	}
	many := make([]login.Choice, 24)
	for i := range many {
		many[i] = login.Choice{Key: fmt.Sprintf("site-%02d", i+1), Label: fmt.Sprintf("Site %d", i+1)}
	}
	logIn := around("Log in")

	groups := []login.Group{
		{Key: "cloud", Name: "Cloud administrators", Sources: []string{"by the rule cloud of acme, since 2026-03-01"}},
		{Key: "everyone", Name: "Everyone at Acme", Sources: []string{"by the rule everyone of acme, since 2025-11-12", "by grace, since 2024-01-09"}},
		{Key: "platform", Name: "Platform team", Sources: []string{"by the rule platform of acme, since 2026-03-01"}},
	}
	crowd := make([]login.Group, 500)
	for i := range crowd {
		crowd[i] = login.Group{
			Key:     fmt.Sprintf("team-%03d", i+1),
			Name:    fmt.Sprintf("Team %03d", i+1),
			Sources: []string{fmt.Sprintf("by the rule team-%03d of initech, since 2026-03-01", i+1)},
		}
	}
	crowd[499].Name = sampleName
	ada := users.Profile{Username: "ada", Email: "ada@acme.example", FirstName: "Ada", LastName: "Okafor"}
	visitor := func(profile users.Profile, level console.Level, why string, groups []login.Group) login.Visitor {
		return login.Visitor{
			Session:    session.Session{Level: level, Opened: now, Expires: now.Add(12 * time.Hour)},
			Account:    users.Account{Profile: profile},
			RecordName: "Acme",
			Level:      level,
			Why:        why,
			Groups:     groups,
		}
	}
	const byRule = "The access rule cloud-admins of Acme gives you Full Access."
	full := visitor(ada, console.Full, byRule, groups)
	restricted := visitor(users.Profile{Username: "layla", Email: "layla@acme.example", FirstName: "ليلى", LastName: "حداد"}, console.Restricted, "The access rule staff of Acme gives you Restricted.", groups[1:2])
	passwordElsewhere := full
	passwordElsewhere.ChangePasswordURL = "https://account.acme.example/password?from=portal"
	canElevate := visitor(users.Profile{Username: "chen", Email: "chen@acme.example", FirstName: "Chen", LastName: "Wei"}, console.Restricted,
		byRule+" It is Restricted until you authenticate more strongly.", groups)
	canElevate.CanElevate = true
	elevated := canElevate
	elevated.CanElevate, elevated.Level = false, console.Full
	elevated.Session.Elevated, elevated.Session.ElevatedUntil = console.Full, now.Add(59*time.Minute)
	elevated.Why = "You have elevated this session."

	administrator := full
	administrator.Local, administrator.Role = true, roles.Owner
	atDoor, choosing := around("Administrators’ door"), around(chooseTitle)
	named := atDoor
	named.Portal = sampleName
	who := around("Who you are here")
	yours := around("Your groups")
	refused := func(code trace.Code, purpose string) sample {
		outcome := login.Outcome{
			Reference: "EAETGN8VW2",
			Purpose:   purpose,
			ReturnTo:  "/groups",
			Refusal:   &login.Refusal{Code: code, Sentence: code.Meaning().Visitor, Record: "acme"},
		}
		return sample{
			Name:   "refused-" + purpose + "-" + strings.ReplaceAll(string(code), "_", "-"),
			Status: http.StatusForbidden,
			Page:   refusedPageOf(around("You could not be logged in"), outcome, code == trace.IdPStatus),
		}
	}

	portals := whoPageOf(who, full, now)
	portals.Portals = []link{linkTo("https://portal.example.com/"), linkTo("https://another-portal-with-a-long-name.example.com:8443/")}
	leaving := func(going bool, request saml.Outgoing, answer saml.LogoutEnd, others int) signedOutPage {
		farewell := login.Farewell{Told: true, Answer: answer, Others: others}
		if request.URL != "" {
			farewell.Request = &request
		}
		page := signedOutPageOf(around("Logged out"), farewell)
		page.Going = going
		return page
	}

	list := []sample{
		{"login-none", http.StatusOK, loginPageOf(logIn, nil, "", "")},
		{"login-one", http.StatusOK, loginPageOf(logIn, choices[:1], "", "")},
		{"login-three", http.StatusOK, loginPageOf(logIn, choices, "", "")},
		{"login-three-last-first", http.StatusOK, loginPageOf(logIn, choices, "globex", "/groups?q=a")},
		{"login-many", http.StatusOK, loginPageOf(logIn, many, "site-07", "")},
		{"login-long-names", http.StatusOK, loginPageOf(logIn, long, "arabic", "")},
		{"door", http.StatusOK, doorPage{frame: atDoor, Passkeys: true, Letters: true}},
		{"door-password-chosen", http.StatusOK, doorPage{frame: atDoor, Notice: notices["password-chosen"], Letters: true}},
		{"forgotten", http.StatusOK, forgottenPageOf(around(forgottenTitle), "", "")},
		{"forgotten-asked", http.StatusOK, forgottenPageOf(around(forgottenTitle), notices["forgotten"], "")},
		{"forgotten-too-often", http.StatusTooManyRequests, forgottenPageOf(around(forgottenTitle), "", tooForgetful)},
		{"door-shut", http.StatusOK, doorPage{frame: named, Shut: true}},
		{"door-refused", http.StatusForbidden, doorPage{frame: atDoor, Username: "ada", ReturnTo: "/groups",
			Refusal: "This does not let you in. Look at username, password and code."}},
		{"choose-first", http.StatusOK, choosePageOf(choosing, login.Invited{First: true}, users.Profile{}, nil)},
		{"choose-first-problems", http.StatusUnprocessableEntity, choosePageOf(choosing, login.Invited{First: true}, users.Profile{Username: "a b", Email: "nowhere"},
			append(users.Profile{Username: "a b", Email: "nowhere"}.CheckLocal(), door.CheckPassword("short", "a b")...))},
		{"choose-forgotten", http.StatusOK, choosePageOf(choosing, login.Invited{Forgotten: true, Username: "ada"}, users.Profile{}, nil)},
		{"choose-new", http.StatusOK, choosePageOf(choosing, login.Invited{Username: "ada"}, users.Profile{}, nil)},
		{"who-administrator", http.StatusOK, whoPageOf(who, administrator, now)},
		{"continue", http.StatusOK, continuePage{frame: around("Continue"), Host: "idp.example.com", Action: "https://idp.example.com/sso",
			Fields: []saml.Field{{Name: "SAMLRequest", Value: "PHNhbWxwOkF1dGhuUmVxdWVzdC8+"}, {Name: "RelayState", Value: "h1"}}}},
		{"who-full", http.StatusOK, whoPageOf(who, full, now)},
		{"who-portals", http.StatusOK, portals},
		{"who-password-elsewhere", http.StatusOK, whoPageOf(who, passwordElsewhere, now)},
		{"who-restricted-right-to-left", http.StatusOK, whoPageOf(who, restricted, now)},
		{"who-can-elevate", http.StatusOK, whoPageOf(who, canElevate, now)},
		{"who-elevated", http.StatusOK, whoPageOf(who, elevated, now)},
		{"who-no-groups", http.StatusOK, whoPageOf(who, visitor(ada, console.Full, "", nil), now)},
		{"who-500-groups", http.StatusOK, whoPageOf(who, visitor(ada, console.Full, byRule, crowd), now)},
		{"who-no-name", http.StatusOK, whoPageOf(who, visitor(users.Profile{Username: "svc-backup-7", Email: "svc-backup-7@acme.example"}, console.Restricted, "", nil), now)},
		{"who-long-name", http.StatusOK, whoPageOf(who, visitor(users.Profile{
			Username: strings.Repeat("wolfeschlegelstein", 8), Email: strings.Repeat("w", 64) + "@" + strings.Repeat("long-domain.", 10) + "example",
			FirstName: novel, LastName: strings.Repeat("berger", 40)}, console.Full, byRule, groups), now)},
		{"groups-none", http.StatusOK, groupsPageOf(yours, nil, "")},
		{"groups-500", http.StatusOK, groupsPageOf(yours, crowd, "")},
		{"groups-filtered", http.StatusOK, groupsPageOf(yours, crowd, "Team 04")},
		{"groups-nothing-found", http.StatusOK, groupsPageOf(yours, crowd, "<b>no such team</b>")},
		{"elevate", http.StatusOK, elevatePage{frame: around("Elevate your access"), Level: levelWords(console.Restricted), ReturnTo: "/hand-over?portal=x"}},
		{"signed-out", http.StatusOK, signedOutPage{frame: around("Logged out")}},
		{"signed-out-onward", http.StatusOK, signedOutPage{frame: around("Logged out"), Onward: linkTo("https://idp.example.com/logout")}},
		{"signed-out-on-the-way", http.StatusOK, leaving(true, saml.Outgoing{Binding: saml.Redirect, URL: "https://idp.example.com/slo?SAMLRequest=x"}, "", 0)},
		{"signed-out-unanswered", http.StatusOK, leaving(false, saml.Outgoing{Binding: saml.POST, URL: "https://idp.example.com/slo",
			Fields: []saml.Field{{Name: "SAMLRequest", Value: "PHNhbWxwOkxvZ291dFJlcXVlc3QvPg=="}}}, "", 3)},
		{"signed-out-done", http.StatusOK, leaving(false, saml.Outgoing{}, saml.LogoutDone, 1)},
		{"signed-out-partial", http.StatusOK, leaving(false, saml.Outgoing{}, saml.LogoutPartial, 0)},
		{"signed-out-failed", http.StatusOK, leaving(false, saml.Outgoing{}, saml.LogoutFailed, 0)},
		{"signed-out-not-told", http.StatusOK, leaving(false, saml.Outgoing{}, "", 0)},
		{"signed-out-answer-refused", http.StatusOK, signedOutPage{frame: around("Logged out"), Reference: "EAETGN8VW2"}},
		{"logout-refused", http.StatusForbidden, refusedPage{frame: around("You were not logged out"), Reference: "EAETGN8VW2", LoggingOut: true, Inside: true,
			Sentence: "Your identity provider asked to end sessions here, and the request could not be accepted. Nothing has ended because of it."}},
		{"continue-logging-out", http.StatusOK, continuePage{frame: around("Continue"), Host: "idp.example.com", Action: "https://idp.example.com/slo",
			Fields: []saml.Field{{Name: "SAMLResponse", Value: "PHNhbWxwOkxvZ291dFJlc3BvbnNlLz4="}}, LoggingOut: true}},
	}
	for _, code := range []trace.Code{
		trace.RecordInactive, trace.NoPendingRequest, trace.IdPStatus, trace.SignatureInvalid, trace.NoAccess, trace.FieldMissing,
	} {
		list = append(list, refused(code, "login"))
	}
	list = append(list, refused(trace.OtherUser, "elevate"))
	list = append(list, testSamples(around)...)
	list = append(list, securitySamples(around, now)...)
	list = append(list, adminSamples(around, now)...)
	for _, status := range []int{400, 403, 404, 405, 409, 413, 415, 421, 429, 500, 502, 503} {
		said := words[status]
		list = append(list, sample{fmt.Sprintf("error-%d", status), status, errorPage{
			frame: around(said.heading), Status: status, Sentence: said.sentence,
			Reference: "k3v9q1x7m2p8w4zt", Lost: status == http.StatusMisdirectedRequest,
		}})
	}
	return list
}

// samplesPage lists the sample states.
func (s *Site) samplesPage(c echo.Context) error {
	page := samplesPage{frame: s.frame("Sample states")}
	for _, one := range samples(s.frame, s.Clock()) {
		page.Names = append(page.Names, one.Name)
	}
	return s.render(c, http.StatusOK, page)
}

// samplePage shows one sample state, with the headers it would have.
func (s *Site) samplePage(c echo.Context) error {
	for _, one := range samples(s.frame, s.Clock()) {
		if one.Name == c.Param("sample") {
			return s.render(c, one.Status, one.Page)
		}
	}
	return echo.ErrNotFound
}
