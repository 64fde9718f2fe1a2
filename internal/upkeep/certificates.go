package upkeep

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/store"
)

// ourPurpose is what each part of our own keys does.
var ourPurpose = map[store.KeyPart]string{
	store.CurrentKey: "ours: signs and decrypts",
	store.NextKey:    "ours: announced, decrypts",
	store.FormerKey:  "ours: decrypts",
}

const providerSigns = "provider: signs responses"

// Standing is what a list says of a record's connection to its provider.
type Standing struct {
	Certificates []Certificate // the first to end comes first
	// FromDirectory is true when the groups of its people come from a directory.
	FromDirectory bool
}

// Standings are those of records in these versions, by key. What a version says of
// itself is read once.
func (u *Upkeep) Standings(ctx context.Context, of []store.Edition) (map[string]Standing, error) {
	uses, err := u.Store.CertificateUses(ctx)
	if err != nil {
		return nil, err
	}
	var unread []string
	for _, one := range of {
		if _, ok := u.remembered(one.ID, one.Version); !ok {
			unread = append(unread, one.Key)
		}
	}
	if len(unread) > 0 {
		fresh, err := u.Store.Connections(ctx, unread...)
		if err != nil {
			return nil, err
		}
		if err := u.connect(ctx, fresh...); err != nil {
			return nil, err
		}
	}
	now := u.Clock()
	all := make(map[string]Standing, len(of))
	for _, one := range of {
		// A version that came meanwhile is read by the next who asks.
		known, _ := u.remembered(one.ID, 0)
		all[one.Key] = Standing{known.lines(one.Key, one.Name, uses[one.ID], now), known.fromDirectory}
	}
	return all, nil
}

func (u *Upkeep) certificatesOf(ctx context.Context, record idms.Connection, uses map[string]store.CertificateUse, now time.Time) ([]Certificate, error) {
	if _, ok := u.remembered(record.ID, record.Version); !ok {
		if err := u.connect(ctx, record); err != nil {
			return nil, err
		}
	}
	known, _ := u.remembered(record.ID, 0)
	return known.lines(record.Key, record.Name, uses, now), nil
}

// connection is what is remembered of one version of a record: a change of keys or
// metadata makes another. To read it, keys are opened and metadata is parsed, and
// monitoring asks for all of them every few seconds.
type connection struct {
	version       int
	fromDirectory bool
	certificates  []held // the first to end comes first
}

// held is one certificate of a record.
type held struct {
	purpose     string
	ours        bool
	certificate *x509.Certificate
	fingerprint string
}

// remembered is what is known of a record; version 0 is any.
func (u *Upkeep) remembered(recordID string, version int) (connection, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	have, ok := u.connections[recordID]
	return have, ok && (version == 0 || have.version == version)
}

// connect reads and remembers what records say of their connections.
func (u *Upkeep) connect(ctx context.Context, records ...idms.Connection) error {
	ids := make([]string, len(records))
	for i, record := range records {
		ids[i] = record.ID
	}
	own, err := u.Store.SPCertificates(ctx, ids)
	if err != nil {
		return err
	}
	for _, record := range records {
		fresh, err := connectionOf(record, own[record.ID])
		if err != nil {
			return err
		}
		u.mu.Lock()
		u.connections[record.ID] = fresh
		u.mu.Unlock()
	}
	return nil
}

func connectionOf(record idms.Connection, own []store.SPCertificate) (connection, error) {
	c := connection{version: record.Version, fromDirectory: record.Association == idms.FromDirectory && record.Directory != nil}
	hold := func(purpose string, ours bool, certificate *x509.Certificate) {
		c.certificates = append(c.certificates, held{purpose, ours, certificate, saml.Fingerprint(certificate)})
	}
	// A draft may not say yet who its provider is.
	if idp, err := record.SAML.IdP(); err == nil {
		for _, certificate := range idp.Certificates {
			hold(providerSigns, false, certificate)
		}
	}
	for _, text := range record.SAML.MetadataCertificates {
		pinned, err := saml.ParseCertificates(text)
		if err != nil {
			return connection{}, err
		}
		for _, certificate := range pinned {
			hold("provider: signs its metadata", false, certificate)
		}
	}
	for _, one := range own {
		hold(ourPurpose[one.Part], true, one.Certificate)
	}
	slices.SortStableFunc(c.certificates, func(a, b held) int { return a.certificate.NotAfter.Compare(b.certificate.NotAfter) })
	return c, nil
}

// lines are the certificates as the page of certificates has them.
func (c connection) lines(key, name string, uses map[string]store.CertificateUse, now time.Time) []Certificate {
	var list []Certificate
	for _, one := range c.certificates {
		left := one.certificate.NotAfter.Sub(now)
		list = append(list, Certificate{
			Record: key, Name: name, Purpose: one.purpose, Ours: one.ours,
			Subject: one.certificate.Subject.String(), Fingerprint: one.fingerprint,
			NotBefore: one.certificate.NotBefore.UTC(), NotAfter: one.certificate.NotAfter.UTC(), Used: uses[one.fingerprint].Used,
			DaysLeft: days(left), Warn: warning(left),
		})
	}
	return list
}

// Pressing is the certificate of a record that ends first without another that could
// take its place: the last one of the provider's to end, or ours that signs. It is
// false when nothing ends within 60 days.
func Pressing(list []Certificate) (first Certificate, ok bool) {
	var theirs, ours Certificate
	for _, one := range list {
		switch one.Purpose {
		case providerSigns:
			if theirs.NotAfter.Before(one.NotAfter) {
				theirs = one
			}
		case ourPurpose[store.CurrentKey]:
			ours = one
		}
	}
	for _, one := range []Certificate{theirs, ours} {
		if one.Fingerprint != "" && one.Warn > 0 && (!ok || one.NotAfter.Before(first.NotAfter)) {
			first, ok = one, true
		}
	}
	return first, ok
}

// days are whole days, rounded down.
func days(left time.Duration) int {
	whole := int(left / (24 * time.Hour))
	if left < 0 && left%(24*time.Hour) != 0 {
		whole--
	}
	return whole
}

// ended is remembered as the last warning of all: each certificate's end is told
// once.
const ended = -1

// WarnOfCertificates tells the log of each certificate that ends within 60, 30,
// 14, 7 and 1 days, and that it has ended, once each.
func (u *Upkeep) WarnOfCertificates(ctx context.Context, now time.Time) error {
	records, err := u.Store.Connections(ctx)
	if err != nil {
		return err
	}
	uses, err := u.Store.CertificateUses(ctx)
	if err != nil {
		return err
	}
	for _, record := range records {
		if record.State == idms.Disabled {
			continue
		}
		list, err := u.certificatesOf(ctx, record, uses[record.ID], now)
		if err != nil {
			return err
		}
		for _, one := range list {
			stage := one.Warn
			if now.After(one.NotAfter) {
				stage = ended
			}
			warned := uses[record.ID][one.Fingerprint].Warned
			if stage == 0 || !later(stage, warned) {
				continue
			}
			u.Log.WarnContext(ctx, "a certificate ends", "record", one.Record, "purpose", one.Purpose,
				"fingerprint", one.Fingerprint, "ends", one.NotAfter.Format(time.RFC3339), "days_left", one.DaysLeft)
			if err := u.Store.NoteCertificateWarning(ctx, record.ID, one.Fingerprint, stage); err != nil {
				return err
			}
		}
	}
	return nil
}

// later is true when one warning comes after another: the fewer days, the later,
// and the end after all of them.
func later(stage, warned int) bool { return warned == 0 || stage < warned }
