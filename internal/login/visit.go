package login

import (
	"context"
	"fmt"
	"time"

	"idms/internal/audit"
	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/session"
	"idms/internal/store"
)

var errNotLoggedIn = fault.New(fault.NotFound, "You are not logged in.")

// visit finds the session of a token, and notes that it is in use.
func (f *Flow) visit(ctx context.Context, token string) (store.Visit, error) {
	hash, ok := session.Hash(token)
	if !ok {
		return store.Visit{}, errNotLoggedIn
	}
	now := f.Clock()
	visit, err := f.Store.Session(ctx, hash, now)
	if err != nil {
		return store.Visit{}, err
	}
	if visit.Session.Over(now, f.TimesNow(ctx).Idle) {
		return store.Visit{}, errNotLoggedIn
	}
	return visit, f.Store.Touch(ctx, visit.Session, now)
}

// Visitor is who holds a token, or fault.NotFound when their session is over.
func (f *Flow) Visitor(ctx context.Context, token string) (Visitor, error) {
	visit, err := f.visit(ctx, token)
	if err != nil {
		return Visitor{}, err
	}
	return f.visitor(ctx, visit)
}

// visitor is all about the person of a visit.
func (f *Flow) visitor(ctx context.Context, visit store.Visit) (Visitor, error) {
	person, err := f.Store.Person(ctx, visit.Account.ID)
	if err != nil {
		return Visitor{}, err
	}
	now := f.Clock()
	visitor := Visitor{
		Session: visit.Session, Account: person.Account, RecordName: visit.Record.Name,
		Level: visit.Session.LevelAt(now), Why: visit.Session.Why,
		Local: visit.Record.Key == idms.LocalKey,
	}
	if !visitor.Local {
		c, err := f.connection(ctx, visit.Record.Key)
		if err != nil {
			return Visitor{}, err
		}
		visitor.ChangePasswordURL = c.record.SAML.ChangePasswordURL
		visitor.CanElevate = visitor.Level == console.Restricted && c.canElevate()
	}
	if visitor.Level > visit.Session.Level {
		visitor.Why = "You have elevated this session."
	}
	var keys []string
	for _, membership := range person.Groups {
		group := Group{Key: membership.Group.Key, Name: membership.Group.Name, From: membership.Sources}
		for _, source := range membership.Sources {
			group.Sources = append(group.Sources, source.Words()+", since "+source.Since.UTC().Format(time.DateOnly))
		}
		visitor.Groups = append(visitor.Groups, group)
		keys = append(keys, group.Key)
	}
	visitor.Role = roles.Of(keys)
	return visitor, nil
}

// why says to a person, in one sentence, what gave them their level.
func why(record idms.Record, decision idms.Decision) string {
	outcome := decision.Console
	because := ""
	switch outcome.Reason {
	case console.ByNoGrants:
		because = fmt.Sprintf("Everyone who comes through %s has Full Access.", record.Name)
	case console.ByGrant:
		because = fmt.Sprintf("The access rule %s of %s gives you %s.", record.Access[outcome.Winner].Key, record.Name, outcome.Level.Label())
	}
	if decision.Capped() {
		because += " It is Restricted until you authenticate more strongly."
	}
	return because
}

// EndElevation gives up an elevation before its time (S26).
func (f *Flow) EndElevation(ctx context.Context, token string) error {
	visit, err := f.visit(ctx, token)
	if err != nil {
		return err
	}
	return f.Store.EndElevation(ctx, visit.Session.ID, f.Clock())
}

// End ends a session here that another one takes the place of: its provider is
// told nothing. Ending what has ended already is nothing.
func (f *Flow) End(ctx context.Context, token string) error {
	hash, ok := session.Hash(token)
	if !ok {
		return nil
	}
	now := f.Clock()
	visit, unknown := f.Store.Session(ctx, hash, now)
	if _, err := f.Store.EndSession(ctx, hash); err != nil {
		return err
	}
	if fault.KindOf(unknown) == fault.NotFound {
		return nil
	}
	if unknown != nil {
		return unknown
	}
	return f.Store.Audit(ctx, audit.Event{At: now, Action: audit.LoggedOut, Record: visit.Record.Key, User: visit.Account.ID,
		Changes: store.EndedSessions([]string{visit.Session.ID})})
}

// Choices are the ways to log in: the active records, by name.
func (f *Flow) Choices(ctx context.Context) ([]Choice, error) {
	records, err := f.Store.Choices(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Choice, len(records))
	for i, record := range records {
		list[i] = Choice{Key: record.Key, Label: record.Label, HasIcon: record.HasIcon}
		if record.Label == "" {
			list[i].Label = record.Name
		}
	}
	return list, nil
}

// Icon is the picture on a record's button: PNG, or fault.NotFound.
func (f *Flow) Icon(ctx context.Context, recordKey string) ([]byte, error) {
	return f.Store.Icon(ctx, recordKey)
}

// Metadata describes this service to the identity provider of a record: also
// while the record is a draft that knows nothing of its provider yet, since the
// provider is often set up first.
func (f *Flow) Metadata(ctx context.Context, recordKey string) ([]byte, error) {
	record, err := f.Store.Record(ctx, recordKey)
	if err != nil {
		return nil, err
	}
	if recordKey == idms.LocalKey {
		return nil, noRecord(recordKey)
	}
	keys, err := f.Store.SPKeys(ctx, record.ID)
	if err != nil {
		return nil, err
	}
	return saml.SPMetadata(record.SAML, record.SAML.SP(record.Key, f.Base, keys), f.Clock())
}

// Ready is nil when logins can be taken.
func (f *Flow) Ready(ctx context.Context) error { return f.Store.Ping(ctx) }
