package door

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
)

// Recoveries is how many recovery codes a person is given at a time.
const Recoveries = 10

// NewRecoveryCodes are codes for somebody whose authenticator is lost, each good
// for one login, and what may be kept of them. A code has 80 bits, so that one
// plain SHA-256 is enough.
func NewRecoveryCodes() (codes []string, hashes [][]byte) {
	for range Recoveries {
		text := strings.ToLower(rand.Text()[:16])
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
		sum := sha256.Sum256([]byte(text))
		hashes = append(hashes, sum[:])
	}
	return codes, hashes
}

// RecoveryHash is what is kept of a recovery code, however it was typed: blanks,
// hyphens and capitals do not count. It is false for what cannot be one.
func RecoveryHash(typed string) ([]byte, bool) {
	text := strings.ToLower(strings.NewReplacer("-", "", " ", "", "\t", "").Replace(typed))
	if len(text) != 16 {
		return nil, false
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:], true
}
