package upkeep

import (
	"context"
	"encoding/pem"
	"time"

	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/saml"
	"idms/internal/store"
)

// PublishFor is how long our metadata has to say something before anybody may
// count on it: twice as long as a provider may keep it (cacheDuration).
const PublishFor = 48 * time.Hour

// Key is one of a record's own SAML keys, as a person sees it.
type Key struct {
	Part        store.KeyPart
	Since       time.Time // it has played this part
	Fingerprint string    // of its certificate, SHA-256
	NotAfter    time.Time
	PEM         []byte // the certificate, which is public
}

// Keys are a record's own SAML keys: the current one, the next, the former ones.
func (u *Upkeep) Keys(ctx context.Context, recordKey string) ([]Key, error) {
	record, err := u.Store.Record(ctx, recordKey)
	if err != nil {
		return nil, err
	}
	ring, err := u.Store.SPKeyring(ctx, record.ID)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, len(ring))
	for i, key := range ring {
		keys[i] = Key{Part: key.Part, Since: key.Since, Fingerprint: saml.Fingerprint(key.Certificate), NotAfter: key.Certificate.NotAfter,
			PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key.Certificate.Raw})}
	}
	return keys, nil
}

// AnnounceKey makes the key of the next roll-over: our metadata names it, and
// what is encrypted for it is read already.
func (u *Upkeep) AnnounceKey(ctx context.Context, recordKey string, by store.Author) error {
	return u.Store.AnnounceSPKey(ctx, recordKey, by)
}

// SwitchKey lets the next key sign. Before it has been announced for
// [PublishFor], a provider may not know it, and the error is fault.Conflict
// unless forced, which is for owners.
func (u *Upkeep) SwitchKey(ctx context.Context, recordKey string, forced bool, by store.Author) error {
	if err := u.waited(ctx, recordKey, store.NextKey, "The next key has been announced since %s only. A provider may keep our metadata for a day, and would refuse what it signs: wait until %s, or force it.", forced, by); err != nil {
		return err
	}
	return u.Store.SwitchSPKey(ctx, recordKey, by)
}

// RetireKey removes the key that was current before; without one, the next one,
// which ends a roll-over that was not wanted. Before [PublishFor] has passed, a
// provider may still encrypt for it, and the error is fault.Conflict unless
// forced, which is for owners.
func (u *Upkeep) RetireKey(ctx context.Context, recordKey string, forced bool, by store.Author) error {
	if err := u.waited(ctx, recordKey, store.FormerKey, "The former key has not signed since %s. A provider may keep our metadata for a day, and go on encrypting for it: wait until %s, or force it.", forced, by); err != nil {
		return err
	}
	return u.Store.RetireSPKeys(ctx, recordKey, by)
}

// waited refuses, with a sentence of two instants, when a key plays its part
// only since a short while.
func (u *Upkeep) waited(ctx context.Context, recordKey string, part store.KeyPart, sentence string, forced bool, by store.Author) error {
	if forced && !by.Role.May(roles.Owner) {
		return fault.New(fault.Denied, "Only an owner may force it: logins may fail until the provider reads our metadata again.")
	}
	keys, err := u.Keys(ctx, recordKey)
	if err != nil || forced {
		return err
	}
	for _, key := range keys {
		if until := key.Since.Add(PublishFor); key.Part == part && by.Now.Before(until) {
			const form = "2006-01-02 15:04 UTC"
			return fault.New(fault.Conflict, sentence, key.Since.Format(form), until.Format(form))
		}
	}
	return nil
}

// Certificate is a line of the page of certificates.
type Certificate struct {
	Record      string // key
	Name        string // of the record
	Purpose     string // what it is for, in words
	Ours        bool
	Subject     string
	Fingerprint string
	NotBefore   time.Time
	NotAfter    time.Time
	Used        time.Time // the last login signed with it, to about an hour; zero is none that is known
	DaysLeft    int       // whole days, negative when it has ended
	Warn        int       // 60, 30, 14, 7 or 1: it ends within so many days; 0 is no warning
}

// Signs is true of a certificate by which the provider signs responses.
func (c Certificate) Signs() bool { return c.Purpose == providerSigns }

// warnAt are the days before a certificate's end on which people are told.
var warnAt = [...]int{1, 7, 14, 30, 60}

// warning is the smallest of warnAt that is not smaller than the time left; 0
// when there is more left.
func warning(left time.Duration) int {
	for _, days := range warnAt {
		if left <= time.Duration(days)*24*time.Hour {
			return days
		}
	}
	return 0
}

// Certificates are those of all records: the providers', by which responses are
// verified, and our own. By record; the first to end comes first within it.
func (u *Upkeep) Certificates(ctx context.Context) ([]Certificate, error) {
	records, err := u.Store.AllEditions(ctx)
	if err != nil {
		return nil, err
	}
	standings, err := u.Standings(ctx, records)
	if err != nil {
		return nil, err
	}
	var list []Certificate
	for _, record := range records {
		list = append(list, standings[record.Key].Certificates...)
	}
	return list, nil
}
