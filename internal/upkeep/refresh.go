package upkeep

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/fetch"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
)

// refresher is the author of what metadata changes by itself. It may change every
// record: an owner has named the address that it reads, or could have.
func (u *Upkeep) refresher() store.Author {
	return store.Author{Role: roles.Owner, Who: "metadata refresh", Now: u.Clock()}
}

// Refreshed is what came of reading a record's metadata again.
type Refreshed struct {
	Changes []audit.Change // taken over
	Waits   []audit.Change // for somebody to approve
}

// Preview reads the metadata at an address as a record would, for a person to
// look at. entityID is the provider that is meant, "" the only one.
func (u *Upkeep) Preview(ctx context.Context, address, entityID string) (saml.Preview, error) {
	document, err := u.Fetch.Get(ctx, address, fetch.Known{})
	if err != nil {
		return saml.Preview{}, err
	}
	return saml.PreviewMetadata(document.Body, entityID, nil, u.Clock())
}

// Refresh reads the metadata of a record again, by itself, and takes over what may
// be. Of a record without a metadata address the error is fault.Invalid;
// fault.Upstream when the address does not answer: the last good metadata serves
// on.
func (u *Upkeep) Refresh(ctx context.Context, key string) (Refreshed, error) {
	return u.RefreshBy(ctx, key, u.refresher())
}

// RefreshBy is Refresh for somebody who asks for it now. A record that makes
// administrators is for owners: fault.Denied.
func (u *Upkeep) RefreshBy(ctx context.Context, key string, by store.Author) (Refreshed, error) {
	record, err := u.Store.Record(ctx, key)
	if err != nil {
		return Refreshed{}, err
	}
	if err := u.Store.MayChange(ctx, record, by); err != nil {
		return Refreshed{}, err
	}
	if record.SAML.MetadataURL == "" {
		return Refreshed{}, fault.New(fault.Invalid, "The record %s has no metadata address.", key)
	}
	source, err := u.Store.MetadataSource(ctx, record.ID, record.SAML.MetadataURL)
	if err != nil {
		return Refreshed{}, err
	}
	former := source
	reading, trusted, err := u.read(ctx, record, &source)
	if err != nil {
		return Refreshed{}, err
	}
	now := u.Clock()
	by.Now, by.Reason = now, cmp.Or(by.Reason, record.SAML.MetadataURL)
	source.Fetched = now

	have := saml.IdP{}
	result := staged{next: reading}
	if record.SAML.Metadata != "" {
		if have, err = inForce(record); err != nil {
			return Refreshed{}, err
		}
		used, err := u.used(ctx, record.ID)
		if err != nil {
			return Refreshed{}, err
		}
		result = stage(have, reading, evidence{trusted: trusted, used: used, keep: u.KeepUsed, now: now})
	} else {
		result.changes = idms.ProviderChanges(have, reading)
	}
	var events []audit.Event
	var changed *idms.Record
	if len(result.changes) > 0 {
		record.SAML.Metadata = result.next.Metadata()
		changed = &record
		events = append(events, audit.Event{At: now, Action: audit.MetadataRefreshed, Who: by.Who, Reason: by.Reason, Record: key, Changes: result.changes})
	}
	source.Waiting, source.WaitingSince, source.WaitingFor = "", time.Time{}, nil
	if len(result.waits) > 0 {
		source.Waiting, source.WaitingSince, source.WaitingFor = reading.Metadata(), now, result.waits
		if source.Waiting == former.Waiting {
			source.WaitingSince = former.WaitingSince
		} else {
			events = append(events, audit.Event{At: now, Action: audit.MetadataWaits, Alarm: true, Who: by.Who, Reason: by.Reason, Record: key, Changes: result.waits})
			u.Log.WarnContext(ctx, "metadata waits for approval", "record", key, "changes", len(result.waits))
		}
	}
	if err := u.Store.SaveMetadata(ctx, source, changed, by, events...); err != nil {
		return Refreshed{}, err
	}
	if changed != nil {
		u.Log.InfoContext(ctx, "metadata refreshed", "record", key, "changes", len(result.changes))
	}
	return Refreshed{Changes: result.changes, Waits: result.waits}, nil
}

// read gets what the record's metadata address says now, and notes in source
// what it says of itself. trusted is true when new certificates in it may be
// taken over.
func (u *Upkeep) read(ctx context.Context, record idms.Record, source *store.MetadataSource) (found saml.IdP, trusted bool, err error) {
	known := fetch.Known{ETag: source.ETag, Modified: source.Modified}
	if record.SAML.Metadata == "" || source.Waiting != "" {
		// What waits is read anew, since "unchanged" would not say whether it came
		// from here, or was signed, back then.
		known = fetch.Known{}
	}
	document, err := u.Fetch.Get(ctx, record.SAML.MetadataURL, known)
	if err != nil {
		return saml.IdP{}, false, err
	}
	source.ETag, source.Modified = document.Known.ETag, document.Known.Modified
	trusted = sameAddress(record.SAML.MetadataURL, document.URL)
	if document.Unchanged { // since it was taken over whole
		found, err = inForce(record)
		return found, trusted, err
	}
	reading, err := record.SAML.ReadMetadataAt(document.Body)
	if err != nil {
		return saml.IdP{}, false, err
	}
	now := u.Clock()
	if until := reading.IdP.ValidUntil; !until.IsZero() && !now.Before(until) {
		return saml.IdP{}, false, fault.New(fault.Upstream, "The metadata at the address was valid until %s. Ask the provider to publish newer metadata.", until.Format(time.RFC3339))
	}
	source.Fresh, source.ValidUntil = reading.Fresh, reading.IdP.ValidUntil
	found = reading.IdP
	found.ValidUntil = time.Time{}
	return found, trusted || reading.SignedBy != "", nil
}

// inForce is the provider as the record's metadata has it, the values by hand
// aside.
func inForce(record idms.Record) (saml.IdP, error) {
	reading, err := saml.ReadMetadata([]byte(record.SAML.Metadata), record.SAML.Issuer, nil)
	idp := reading.IdP
	idp.ValidUntil = time.Time{}
	return idp, err
}

// sameAddress is true when a document came over https from the host that was
// asked, whatever was redirected there.
func sameAddress(asked, came string) bool {
	from, err := url.Parse(asked)
	to, err2 := url.Parse(came)
	return err == nil && err2 == nil && from.Scheme == "https" && to.Scheme == "https" && from.Host == to.Host
}

// used are the certificates of a record that signed logins, and when last.
func (u *Upkeep) used(ctx context.Context, recordID string) (map[string]time.Time, error) {
	uses, err := u.Store.CertificateUses(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]time.Time{}
	for fingerprint, use := range uses[recordID] {
		if !use.Used.IsZero() {
			used[fingerprint] = use.Used
		}
	}
	return used, nil
}

// Waiting is what waits for approval at a record; its URL is "" when the record
// has no metadata address.
func (u *Upkeep) Waiting(ctx context.Context, key string) (store.MetadataSource, error) {
	record, err := u.Store.Record(ctx, key)
	if err != nil || record.SAML.MetadataURL == "" {
		return store.MetadataSource{}, err
	}
	return u.Store.MetadataSource(ctx, record.ID, record.SAML.MetadataURL)
}

// Approve takes over what waits at a record, whole: also what it drops. seen is
// when what the author looked at began to wait, so that nothing is approved
// unseen; zero is whatever waits. When there is something else by now, or
// nothing, the error is fault.Conflict; fault.Denied when the record makes
// administrators and the author is no owner.
func (u *Upkeep) Approve(ctx context.Context, key string, seen time.Time, by store.Author) ([]audit.Change, error) {
	record, err := u.Store.Record(ctx, key)
	if err != nil {
		return nil, err
	}
	source, err := u.Store.MetadataSource(ctx, record.ID, record.SAML.MetadataURL)
	if err != nil {
		return nil, err
	}
	switch {
	case source.Waiting == "":
		return nil, fault.New(fault.Conflict, "Nothing waits for approval at %s.", key)
	case !seen.IsZero() && !seen.Equal(source.WaitingSince):
		return nil, fault.New(fault.Conflict, "Something else waits for approval at %s by now. Look at it again.", key)
	}
	reading, err := saml.ReadMetadata([]byte(source.Waiting), "", nil)
	if err != nil {
		return nil, err
	}
	have, err := inForce(record)
	if err != nil {
		return nil, err
	}
	changes := idms.ProviderChanges(have, reading.IdP)
	if record.SAML.Issuer != "" {
		record.SAML.Issuer = reading.IdP.EntityID
	}
	record.SAML.Metadata = source.Waiting
	source.Waiting, source.WaitingSince, source.WaitingFor = "", time.Time{}, nil
	err = u.Store.SaveMetadata(ctx, source, &record, by, audit.Event{
		At: by.Now, Action: audit.MetadataApproved, Who: by.Who, Reason: by.Reason, Record: key, Changes: changes,
	})
	return changes, err
}

const (
	// askAgain is how often logins may have a record's metadata read out of turn,
	// all processes together.
	askAgain = 5 * time.Minute
	// askPatience is how long a login waits for it.
	askPatience = 5 * time.Second
)

// Ask reads a record's metadata out of turn, because a login was signed with a
// key that nobody knows. It is true when something was taken over, so that
// looking at the login again is worth it. Anybody can send such logins, so it is
// done at most every five minutes a record; a failure is for the log.
func (u *Upkeep) Ask(ctx context.Context, key string) bool {
	failed := func(err error) bool {
		u.Log.WarnContext(ctx, "metadata was asked for by a login, and could not be read", "record", key, "error", err)
		return false
	}
	record, err := u.Store.Record(ctx, key)
	if err != nil {
		return failed(err)
	}
	now := u.Clock()
	mine, err := u.Store.AskForMetadata(ctx, record.ID, record.SAML.MetadataURL, now, now.Add(-askAgain))
	if err != nil {
		return failed(err)
	}
	if !mine {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	refreshed, err := u.Refresh(ctx, key)
	if errors.Is(err, store.ErrStale) {
		return true // somebody else was quicker
	}
	if err != nil {
		return failed(err)
	}
	return len(refreshed.Changes) > 0
}

// Fill reads the metadata of the records of a file that name an address and no
// metadata, unless the record in force was read from the same address. Problems
// come all at once, each at its field.
func (u *Upkeep) Fill(ctx context.Context, file *idms.File) error {
	var problems fault.Problems
	for i := range file.Records {
		record := &file.Records[i]
		if !record.SAML.AwaitsMetadata() {
			continue
		}
		former, err := u.Store.Record(ctx, record.Key)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		if err == nil && former.SAML.MetadataURL == record.SAML.MetadataURL && former.SAML.Metadata != "" {
			continue
		}
		document, err := u.Fetch.Get(ctx, record.SAML.MetadataURL, fetch.Known{})
		if err == nil {
			var reading saml.Reading
			if reading, err = record.SAML.ReadMetadataAt(document.Body); err == nil {
				record.SAML.Metadata = reading.IdP.Metadata()
				problems.Under(file.Path(i), record.Check())
				continue
			}
		}
		problems.AddError(file.Path(i)+".saml.metadata_url", err)
	}
	return problems.Err()
}

// Source is a record whose metadata is read again by itself.
type Source struct {
	Record string // key
	Every  time.Duration
}

// Sources are all records whose metadata is to be read again.
func (u *Upkeep) Sources(ctx context.Context) ([]Source, error) {
	records, err := u.Store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	remembered, err := u.Store.MetadataSources(ctx)
	if err != nil {
		return nil, err
	}
	var list []Source
	for _, record := range records {
		if record.SAML.MetadataURL != "" && record.State != idms.Disabled {
			list = append(list, Source{record.Key, refreshEvery(record.SAML.MetadataRefresh, remembered[record.ID])})
		}
	}
	return list, nil
}

// refreshEvery is how long metadata serves before it is read again: as long as
// the provider says (cacheDuration), at most as the record says, and so that
// half of the way to validUntil is left to mend a failure.
func refreshEvery(setting time.Duration, source store.MetadataSource) time.Duration {
	if setting == 0 {
		setting = saml.DefaultMetadataRefresh
	}
	if source.Fresh != 0 {
		setting = min(setting, source.Fresh)
	}
	if !source.ValidUntil.IsZero() {
		setting = min(setting, source.ValidUntil.Sub(source.Fetched)/2)
	}
	return max(setting, saml.MinMetadataRefresh)
}
