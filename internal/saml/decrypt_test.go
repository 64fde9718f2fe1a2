package saml

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"testing"
)

// M11: a CBC padding counts itself, is at most a block, and may be filled with
// anything (XML encryption 5.2).
func TestM11OnlyAWholePaddingIsTakenOff(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 16)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(padded []byte) []byte {
		out := make([]byte, blockSize+len(padded))
		cipher.NewCBCEncrypter(block, out[:blockSize]).CryptBlocks(out[blockSize:], padded)
		return out
	}
	text := func(n int, end ...byte) []byte { return append(bytes.Repeat([]byte{'x'}, n), end...) }
	for _, tt := range []struct {
		name   string
		cipher []byte
		want   int // bytes of text; -1 refused
	}{
		{"one byte of padding", sealed(text(15, 1)), 15},
		{"PKCS #7", sealed(text(12, 4, 4, 4, 4)), 12},
		{"ISO 10126", sealed(text(12, 9, 0, 200, 4)), 12},
		{"zero bytes before the count, which are not stripped as padding", sealed(text(12, 0, 0, 0, 1)), 15},
		{"a whole block of padding", sealed(append(text(16), text(15, 16)...)), 16},
		{"nothing but padding", sealed(text(15, 16)), 0},
		{"no padding", sealed(text(15, 0)), -1},
		{"more padding than a block", sealed(append(text(16), text(15, 17)...)), -1},
		{"half a block", sealed(text(15, 1))[:24], -1},
		{"only the vector", make([]byte, blockSize), -1},
		{"nothing", nil, -1},
	} {
		plain, err := decipher(blockCipher{key: 16}, key, bytes.Clone(tt.cipher))
		if (err != nil) != (tt.want < 0) || err == nil && len(plain) != tt.want {
			t.Errorf("%s: %d bytes, %v; want %d", tt.name, len(plain), err, tt.want)
		}
	}
}

// M11: gosaml2 before v0.12 panicked on a ciphertext shorter than a nonce.
func TestM11AShortOrChangedGCMCiphertextIsRefused(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	block, _ := aes.NewCipher(key)
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	good := gcm.Seal(make([]byte, 12), make([]byte, 12), []byte("<a/>"), nil)
	if plain, err := decipher(blockCipher{32, true}, key, bytes.Clone(good)); err != nil || string(plain) != "<a/>" {
		t.Fatalf("%q, %v", plain, err)
	}
	for n := range len(good) {
		if _, err := decipher(blockCipher{32, true}, key, bytes.Clone(good[:n])); err != errDecryption {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 1
		if _, err := decipher(blockCipher{32, true}, key, changed); err != errDecryption {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}

func testKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// M11: every key of the record is tried on every EncryptedKey, but an attacker
// who sends many does not get many RSA decryptions.
func TestM11EveryKeyIsTriedAndNoMoreOftenThanNeeded(t *testing.T) {
	next, old, foreign := testKey(t), testKey(t), testKey(t)
	v := &Verifier{sp: SP{EntityID: "us", Keys: []Key{{Private: next}, {}, {Private: old}}}}
	secret := bytes.Repeat([]byte{1}, 32)
	options := rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA1, Label: []byte("label")}
	wrap := func(to *rsa.PrivateKey, secret []byte) keyTransport {
		ciphertext, err := rsa.EncryptOAEPWithOptions(rand.Reader, &to.PublicKey, secret, &options)
		if err != nil {
			t.Fatal(err)
		}
		return keyTransport{options: options, ciphertext: ciphertext}
	}
	short := wrap(next, secret)
	short.ciphertext = short.ciphertext[1:]
	other := wrap(next, secret)
	other.options.MGFHash = crypto.SHA256
	unlabelled := wrap(next, secret)
	unlabelled.options.Label = nil
	strangers := []keyTransport{wrap(foreign, secret), wrap(foreign, secret)}
	for _, tt := range []struct {
		name       string
		transports []keyTransport
		want       bool
	}{
		{"the first key", []keyTransport{wrap(next, secret)}, true},
		{"the last key", []keyTransport{wrap(old, secret)}, true},
		{"the second EncryptedKey", []keyTransport{wrap(foreign, secret), wrap(old, secret)}, true},
		{"behind two strangers' keys there is no try left", append(strangers, wrap(next, secret)), false},
		{"a key that is too short for the cipher", []keyTransport{wrap(next, secret[:16])}, false},
		{"a key that is too long for the cipher", []keyTransport{wrap(next, append(secret, 1))}, false},
		{"an empty key", []keyTransport{wrap(next, nil)}, false},
		{"a foreign key", strangers[:1], false},
		{"a ciphertext that lacks a byte", []keyTransport{short}, false},
		{"another hash for the mask", []keyTransport{other}, false},
		{"another label", []keyTransport{unlabelled}, false},
		{"none", nil, false},
	} {
		key, err := v.unwrap(tt.transports, 32)
		if (err == nil) != tt.want || tt.want && !bytes.Equal(key, secret) {
			t.Errorf("%s: %x, %v", tt.name, key, err)
		}
	}
}
