package door

import (
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// Authenticator is the secret that an authenticator app shares with us: time-based
// one-time codes of six digits, a new one every 30 seconds (RFC 6238). It is
// sealed where it is kept.
type Authenticator struct {
	Secret string // base32, as the app shows it
	URL    string // otpauth:, as a QR code holds it
}

// period is how long one code lasts. Codes of the period before and after count
// too: clocks of telephones differ (RFC 6238, 5.2).
const period = 30 * time.Second

// NewAuthenticator is a fresh secret for a person, 160 bits (RFC 4226, 4 R6).
func NewAuthenticator(portal, username string) (Authenticator, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: portal, AccountName: username, Period: uint(period / time.Second), SecretSize: 20})
	if err != nil {
		return Authenticator{}, err
	}
	return Authenticator{Secret: key.Secret(), URL: key.URL()}, nil
}

// Code checks what somebody typed against a secret. Each code counts once: after
// is the step of the last one that did, and step is the one of this, to be kept
// in its place.
func Code(typed, secret string, after int64, now time.Time) (step int64, ok bool) {
	typed = strings.Join(strings.Fields(typed), "")
	if len(typed) != 6 {
		return 0, false
	}
	current := now.Unix() / int64(period/time.Second)
	for step := current - 1; step <= current+1; step++ {
		if step <= after {
			continue
		}
		matches, err := hotp.ValidateCustom(typed, uint64(step), secret, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && matches {
			return step, true
		}
	}
	return 0, false
}
