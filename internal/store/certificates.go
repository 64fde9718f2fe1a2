package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"
)

// CertificateUse is what is remembered of one certificate of a provider.
type CertificateUse struct {
	Used   time.Time // a login was signed with it, to about an hour; zero is never
	Warned int       // how many days before its end the last warning was; 0 is none
}

type certificateRow struct {
	RecordID    string `gorm:"primaryKey"`
	Fingerprint string `gorm:"primaryKey"`
	Used        int64
	Warned      int
}

func (certificateRow) TableName() string { return "certificate_uses" }

// CertificateUses are all that are remembered, by the record's ID and the
// certificate's fingerprint.
func (s *Store) CertificateUses(ctx context.Context) (map[string]map[string]CertificateUse, error) {
	var rows []certificateRow
	if err := s.read.WithContext(ctx).Find(&rows).Error; err != nil {
		return nil, wrap(err, "read the uses of certificates")
	}
	all := map[string]map[string]CertificateUse{}
	for _, row := range rows {
		if all[row.RecordID] == nil {
			all[row.RecordID] = map[string]CertificateUse{}
		}
		all[row.RecordID][row.Fingerprint] = CertificateUse{Used: instant(row.Used), Warned: row.Warned}
	}
	return all, nil
}

// NoteCertificateUse remembers that a login was signed with a certificate.
func (s *Store) NoteCertificateUse(ctx context.Context, recordID, fingerprint string, now time.Time) error {
	return s.noteCertificate(ctx, certificateRow{RecordID: recordID, Fingerprint: fingerprint, Used: micros(now)}, "used")
}

// NoteCertificateWarning remembers which warning of a certificate's end was
// given.
func (s *Store) NoteCertificateWarning(ctx context.Context, recordID, fingerprint string, days int) error {
	return s.noteCertificate(ctx, certificateRow{RecordID: recordID, Fingerprint: fingerprint, Warned: days}, "warned")
}

func (s *Store) noteCertificate(ctx context.Context, row certificateRow, column string) error {
	return wrap(s.write.WithContext(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "record_id"}, {Name: "fingerprint"}},
		DoUpdates: clause.AssignmentColumns([]string{column}),
	}).Create(&row).Error, "remember a certificate")
}
