package upkeep

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"idms/internal/saml"
)

// Published says of a certificate that signed a refused response whether the
// metadata at the record's address has it: one sentence for the trace, by what was
// read last. It is "" when there is no address, or no fingerprint to look for. The
// fingerprint is the SHA-256 in hexadecimal, small letters.
func (u *Upkeep) Published(ctx context.Context, key, fingerprint string) string {
	source, err := u.Waiting(ctx, key)
	if err != nil || source.URL == "" || fingerprint == "" {
		return ""
	}
	if reading, err := saml.ReadMetadata([]byte(source.Waiting), "", nil); err == nil && slices.ContainsFunc(reading.IdP.Certificates,
		func(c *x509.Certificate) bool { return saml.Fingerprint(c) == fingerprint }) {
		return fmt.Sprintf("The metadata at %s has this certificate, and waits for approval since %s: look at it with idms metadata status %s.",
			source.URL, source.WaitingSince.Format(time.RFC3339), key)
	}
	if source.Fetched.IsZero() {
		return fmt.Sprintf("The metadata at %s could not be read yet, so nobody knows whether it has this certificate.", source.URL)
	}
	return fmt.Sprintf("The metadata at %s, read %s, does not have this certificate.", source.URL, source.Fetched.Format(time.RFC3339))
}
