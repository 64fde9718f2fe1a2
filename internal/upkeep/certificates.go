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

func (u *Upkeep) certificatesOf(ctx context.Context, record idms.Connection, uses map[string]store.CertificateUse, now time.Time) ([]Certificate, error) {
	var list []Certificate
	line := func(purpose string, ours bool, certificate *x509.Certificate) {
		left := certificate.NotAfter.Sub(now)
		fingerprint := saml.Fingerprint(certificate)
		list = append(list, Certificate{
			Record: record.Key, Name: record.Name, Purpose: purpose, Ours: ours,
			Subject: certificate.Subject.String(), Fingerprint: fingerprint,
			NotBefore: certificate.NotBefore.UTC(), NotAfter: certificate.NotAfter.UTC(), Used: uses[fingerprint].Used,
			DaysLeft: days(left), Warn: warning(left),
		})
	}
	// A draft may not say yet who its provider is.
	if idp, err := record.SAML.IdP(); err == nil {
		for _, certificate := range idp.Certificates {
			line(providerSigns, false, certificate)
		}
	}
	for _, text := range record.SAML.MetadataCertificates {
		pinned, err := saml.ParseCertificates(text)
		if err != nil {
			return nil, err
		}
		for _, certificate := range pinned {
			line("provider: signs its metadata", false, certificate)
		}
	}
	own, err := u.ourCertificates(ctx, record)
	if err != nil {
		return nil, err
	}
	for _, one := range own.list {
		line(ourPurpose[one.part], true, one.certificate)
	}
	slices.SortStableFunc(list, func(a, b Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return list, nil
}

// ourCertificates are those of one version of a record: a change of keys makes
// another.
type ourCertificates struct {
	version int
	list    []ourCertificate
}

type ourCertificate struct {
	part        store.KeyPart
	certificate *x509.Certificate
}

// ourCertificates remembers them: to read one, the key around it is opened, and
// monitoring asks for all of them every few seconds.
func (u *Upkeep) ourCertificates(ctx context.Context, record idms.Connection) (ourCertificates, error) {
	u.mu.Lock()
	have, ok := u.ours[record.ID]
	u.mu.Unlock()
	if ok && have.version == record.Version {
		return have, nil
	}
	ring, err := u.Store.SPKeyring(ctx, record.ID)
	if err != nil {
		return ourCertificates{}, err
	}
	fresh := ourCertificates{version: record.Version}
	for _, key := range ring {
		fresh.list = append(fresh.list, ourCertificate{key.Part, key.Certificate})
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ours[record.ID] = fresh
	return fresh, nil
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
