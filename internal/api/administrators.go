package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
)

func (a *API) adminRoutes() {
	route(a, huma.Operation{OperationID: "list-administrators", Method: http.MethodGet, Path: "/administrators",
		Summary: "List all people with a role, owners first", Description: "A role is a membership of a built-in group, and is given and taken there."}, a.listAdministrators)
	tags := []string{"administrators"}
	route(a, huma.Operation{OperationID: "list-exemptions", Method: http.MethodGet, Path: "/exemptions", Tags: tags,
		Summary: "List who is exempt (S51)"}, a.listExemptions)
	route(a, takes[exemptionDocument](a, huma.Operation{OperationID: "grant-exemption", Method: http.MethodPut, Path: "/users/{user}/exemption", Tags: tags,
		Summary: "Exempt a person until an end: a local one uses a password while single sign-on is enforced, and no directory sync touches the others"}, maxSmall), a.grantExemption)
	route(a, huma.Operation{OperationID: "end-exemption", Method: http.MethodDelete, Path: "/users/{user}/exemption", Tags: tags,
		Summary: "Take an exemption back"}, a.endExemption)
	route(a, huma.Operation{OperationID: "make-password-address", Method: http.MethodPost, Path: "/users/{user}/password-address", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Make a one-time address at which a local person chooses a password",
		Description: "It logs in whoever has it, also when the back door is shut. One made before counts no more. With mail it is sent to its person too: 409 when there is no mail server."}, a.makePasswordAddress)
	route(a, huma.Operation{OperationID: "end-password-address", Method: http.MethodDelete, Path: "/users/{user}/password-address", Tags: tags,
		Summary: "End the one-time address of a local person"}, a.endPasswordAddress)
	route(a, huma.Operation{OperationID: "get-settings", Method: http.MethodGet, Path: "/settings", Summary: "Read the settings"}, a.getSettings)
	route(a, takes[settingsChange](a, huma.Operation{OperationID: "replace-settings", Method: http.MethodPut, Path: "/settings",
		Summary:     "Replace the settings",
		Description: "Single sign-on is enforced only when a login through a record and one at the back door were both seen within seven days: 409 says what is missing."}, maxSmall), a.replaceSettings)
}

type administrator struct {
	User         UserSummary `json:"user"`
	Role         roles.Role  `json:"role" enum:"owner,editor,reader"`
	Local        bool        `json:"local" doc:"they come with a password"`
	Able         bool        `json:"able" doc:"to log in, as far as idms knows"`
	SecondFactor bool        `json:"second_factor"`
}

type administratorsAnswer struct{ Body administratorItems }

type administratorItems struct {
	Items []administrator `json:"items"`
}

func (a *API) listAdministrators(ctx context.Context, _ *struct{}) (*administratorsAnswer, error) {
	list, err := a.Flow.Store.Administrators(ctx)
	if err != nil {
		return nil, err
	}
	items := []administrator{}
	for _, one := range list {
		person := UserSummaryOf(store.Listed{Account: one.Account, Record: store.Edition{Key: one.Record}})
		items = append(items, administrator{person, one.Role, one.Local, one.Able, one.SecondFactor})
	}
	return &administratorsAnswer{administratorItems{items}}, nil
}

type exemption struct {
	User    UserSummary `json:"user"`
	Reason  string      `json:"reason"`
	By      string      `json:"granted_by"`
	Granted time.Time   `json:"granted"`
	Ends    time.Time   `json:"ends"`
}

type exemptionsAnswer struct{ Body exemptionItems }

type exemptionItems struct {
	Items []exemption `json:"items" doc:"the first to end first; those that have ended too, until they are taken back"`
}

func (a *API) listExemptions(ctx context.Context, _ *struct{}) (*exemptionsAnswer, error) {
	list, err := a.Flow.Store.Exemptions(ctx)
	if err != nil {
		return nil, err
	}
	items := []exemption{}
	for _, one := range list {
		items = append(items, exemptionOf(store.Listed{Account: one.Account, Record: one.Record}, one.Exemption))
	}
	return &exemptionsAnswer{exemptionItems{items}}, nil
}

func exemptionOf(who store.Listed, is store.Exemption) exemption {
	return exemption{UserSummaryOf(who), is.Reason, is.By, is.Granted, is.Ends}
}

// exemptionDocument is an exemption that somebody grants.
type exemptionDocument struct {
	Reason string    `json:"reason"`
	Ends   time.Time `json:"ends"`
}

type exemptionAnswer struct{ Body exemption }

// grantExemption asks for no If-Match: it names the state that it leads to.
func (a *API) grantExemption(ctx context.Context, in *struct {
	User string `path:"user"`
	Reasoned
}) (*exemptionAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	person, err := a.person(ctx, in.User)
	if err != nil {
		return nil, err
	}
	document, problems := read[exemptionDocument](ctx)
	reason := strings.TrimSpace(document.Reason)
	wrong := store.CheckExemption(reason, document.Ends, by.Now)
	if err := invalid(merged(problems, wrong)); err != nil {
		return nil, err
	}
	if err := a.Flow.Store.Exempt(ctx, in.User, reason, document.Ends, by); err != nil {
		return nil, err
	}
	exempt, err := a.Flow.Store.ExemptionOf(ctx, in.User)
	if err != nil {
		return nil, err
	}
	if exempt == nil {
		return nil, fault.New(fault.Conflict, "The exemption was taken back a moment ago.")
	}
	return &exemptionAnswer{exemptionOf(store.Listed{Account: person.Account, Record: person.Record}, *exempt)}, nil
}

func (a *API) endExemption(ctx context.Context, in *struct {
	User string `path:"user"`
	Reasoned
}) (*nothing, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	exempt, err := a.Flow.Store.ExemptionOf(ctx, in.User)
	if err != nil {
		return nil, err
	}
	if exempt == nil {
		return nil, fault.New(fault.NotFound, "There is no such exemption.")
	}
	return nil, a.Flow.Store.EndExemption(ctx, in.User, by)
}

type passwordAddress struct {
	Address   string    `json:"address" doc:"it works once, and logs in whoever has it; shown this once"`
	Expires   time.Time `json:"expires"`
	MailedTo  string    `json:"mailed_to" doc:"e-mail address; empty when it was not mailed"`
	NotMailed string    `json:"not_mailed" doc:"why not, when that was asked for; the address is good all the same"`
}

type passwordAddressAnswer struct{ Body passwordAddress }

func (a *API) makePasswordAddress(ctx context.Context, in *struct {
	User string `path:"user"`
	Mail bool   `query:"mail" doc:"Send it to the person's e-mail address too."`
	Reasoned
}) (*passwordAddressAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	who, err := a.Flow.Store.CredentialOf(ctx, in.User)
	if err != nil {
		return nil, err
	}
	if in.Mail && !a.Mail.Ready() {
		return nil, fault.New(fault.Conflict, "There is no mail server to send the address through: mail.host is not set. Leave mail out, and hand the address over.")
	}
	token, err := a.Flow.PasswordAddress(ctx, in.User, by)
	if err != nil {
		return nil, err
	}
	made := passwordAddress{Address: a.PasswordAddress(token), Expires: by.Now.Add(login.PasswordAddressLasts)}
	if in.Mail {
		err := a.Flow.MailAddress(ctx, a.Mail, login.AddressLetter{To: who.Account, Address: made.Address, Ends: made.Expires, Portal: a.PortalName}, by)
		switch {
		case err == nil:
			made.MailedTo = who.Account.Email
		case fault.KindOf(err) == fault.Internal:
			return nil, err
		default:
			made.NotMailed = fault.Sentence(err)
			a.Log.WarnContext(ctx, "a one-time address could not be sent by mail", "error", err)
		}
	}
	return &passwordAddressAnswer{made}, nil
}

// endPasswordAddress is as good without one: it names the state that it leads to.
func (a *API) endPasswordAddress(ctx context.Context, in *struct {
	User string `path:"user"`
	Reasoned
}) (*nothing, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	if _, err := a.Flow.Store.CredentialOf(ctx, in.User); err != nil {
		return nil, err
	}
	return nil, a.Flow.Store.EndOneTime(ctx, in.User, by)
}

// settingsDocument is all that owners set while the service runs.
type settingsDocument struct {
	Enforced bool              `json:"single_sign_on_enforced"`
	DoorShut bool              `json:"back_door_shut"`
	Adjusted []adjustedSetting `json:"adjusted" doc:"settings of the configuration that owners have changed, by name; what the configuration sets counts instead of them"`
}

// settingsChange names both switches: one that is left out would be switched off by
// somebody who did not mean it. Without adjusted, those stay as they are.
type settingsChange struct {
	Enforced *bool `json:"single_sign_on_enforced"`
	DoorShut *bool `json:"back_door_shut"`

	Adjusted []adjustedSetting `json:"adjusted,omitempty" doc:"takes the place of all of them; left out, they stay"`
}

// adjustedSetting is a setting of the configuration that owners have changed.
type adjustedSetting struct {
	Name  string `json:"name" doc:"portal_name, session.length, session.idle, session.elevation, retention.traces, retention.unverified, retention.assertions or retention.audit"`
	Value string `json:"value" doc:"as in the configuration; a time may have days, such as 90d"`
}

type settingsAnswer struct {
	ETag string `header:"ETag"`
	Body settingsDocument
}

func (a *API) settings(ctx context.Context) (*settingsAnswer, error) {
	now, err := a.Flow.Store.Settings(ctx)
	if err != nil {
		return nil, err
	}
	shown := settingsDocument{Enforced: now.Enforced, DoorShut: now.DoorShut, Adjusted: []adjustedSetting{}}
	for _, name := range slices.Sorted(maps.Keys(now.Adjusted)) {
		shown.Adjusted = append(shown.Adjusted, adjustedSetting{name, now.Adjusted[name]})
	}
	return &settingsAnswer{digestTag(shown), shown}, nil
}

func (a *API) getSettings(ctx context.Context, in *struct{ Known }) (*settingsAnswer, error) {
	now, err := a.settings(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.of(now.ETag); err != nil {
		return nil, err
	}
	return now, nil
}

func (a *API) replaceSettings(ctx context.Context, in *struct {
	Seen
	Reasoned
}) (*settingsAnswer, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	to, problems := read[settingsChange](ctx)
	var missing fault.Problems
	for field, value := range map[string]*bool{"single_sign_on_enforced": to.Enforced, "back_door_shut": to.DoorShut} {
		if value == nil {
			missing.Add(field, "Write true or false.")
		}
	}
	adjusted := map[string]string{}
	for i, one := range to.Adjusted {
		if _, twice := adjusted[one.Name]; twice {
			missing.Add(fmt.Sprintf("adjusted[%d].name", i), "This setting stands here twice.")
		}
		adjusted[one.Name] = one.Value
		_, wrong := config.ReadAdjusted(map[string]string{one.Name: one.Value})
		for _, problem := range wrong {
			missing.Add(fmt.Sprintf("adjusted[%d].value", i), "%s", problem.Message)
		}
	}
	if err := invalid(merged(problems, missing)); err != nil {
		return nil, err
	}
	before, err := a.settings(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.of(before.ETag); err != nil {
		return nil, err
	}
	err = a.Flow.Store.ChangeSettings(ctx, by, func(now *store.Settings) error {
		now.Enforced, now.DoorShut = *to.Enforced, *to.DoorShut
		if to.Adjusted != nil {
			now.Adjusted = adjusted
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.settings(ctx)
}
