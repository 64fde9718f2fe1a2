package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// tokenSize is the length of a token in bytes, and of the hash that is kept.
const tokenSize = 32

// encoding is strict, so that one token has one spelling.
var encoding = base64.RawURLEncoding.Strict()

// NewToken returns a fresh token for a cookie, and the only thing that may be
// stored of it: whoever reads the database can open no session with a hash. A
// token is 256 random bits, so one plain SHA-256 is enough; slow hashes are for
// passwords.
func NewToken() (token string, hash []byte) {
	var random [tokenSize]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	sum := sha256.Sum256(random[:])
	return encoding.EncodeToString(random[:]), sum[:]
}

// Hash finds what is stored of a token that a browser sent. It is false for
// anything that NewToken could not have made; then there is nothing to look up.
func Hash(token string) ([]byte, bool) {
	if len(token) != encoding.EncodedLen(tokenSize) {
		return nil, false
	}
	random, err := encoding.DecodeString(token)
	// The decoder passes over line breaks, which would give one token two spellings.
	if err != nil || len(random) != tokenSize {
		return nil, false
	}
	sum := sha256.Sum256(random)
	return sum[:], true
}
