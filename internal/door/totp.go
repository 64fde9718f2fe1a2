package door

import (
	"encoding/base32"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
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

// Squares is the URL as a QR code: rows of squares, true is dark, without the
// quiet zone of four squares around it (ISO/IEC 18004, 5.3.8).
func (a Authenticator) Squares() ([][]bool, error) {
	code, err := qr.Encode(a.URL, qr.M, qr.Auto)
	if err != nil {
		return nil, err
	}
	side := code.Bounds().Dx()
	rows := make([][]bool, side)
	for y := range rows {
		rows[y] = make([]bool, side)
		for x := range rows[y] {
			red, _, _, _ := code.At(x, y).RGBA()
			rows[y][x] = red == 0
		}
	}
	return rows, nil
}

// AuthenticatorOf is the authenticator of a secret that NewAuthenticator gave, to
// show it once more.
func AuthenticatorOf(secret, portal, username string) (Authenticator, error) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil || len(raw) != 20 {
		return NewAuthenticator(portal, username)
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: portal, AccountName: username, Period: uint(period / time.Second), Secret: raw})
	if err != nil {
		return Authenticator{}, err
	}
	return Authenticator{Secret: key.Secret(), URL: key.URL()}, nil
}
