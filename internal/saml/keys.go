package saml

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"idms/internal/fault"
)

const (
	// keyBits is the length of our own keys. Every provider takes 2048, some
	// take nothing else, and NIST SP 800-57 part 1 holds it good to 2030.
	keyBits = 2048
	// keyYears: metadata says that dates mean nothing (SAML metadata
	// interoperability profile 2.6.1), yet some providers refuse an ended one.
	keyYears = 10

	maxKeyFile = 64 << 10 // bytes
	maxCN      = 64       // characters (RFC 5280, ub-common-name)
)

// NewKey makes a key of our own and a self-signed certificate around it, valid
// from now for ten years. commonName is what an administrator of the provider
// will read; it has 1 to 64 characters. random is normally crypto/rand.Reader.
func NewKey(random io.Reader, commonName string, now time.Time) (Key, error) {
	if n := len([]rune(commonName)); n < 1 || n > maxCN {
		return Key{}, fault.New(fault.Invalid, "The name in a certificate has 1 to %d characters.", maxCN)
	}
	private, err := rsa.GenerateKey(random, keyBits)
	if err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Key{}, fmt.Errorf("make a serial number: %w", err)
	}
	serial.Add(serial, big.NewInt(1)) // RFC 5280 4.1.2.2: positive
	now = now.UTC().Truncate(time.Second)
	certificate, err := selfSigned(private, x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    now,
		NotAfter:     now.AddDate(keyYears, 0, 0),
	})
	return Key{Private: private, Certificate: certificate}, err
}

// ParseKey reads a private RSA key (PKCS#8 or PKCS#1) and, when there is one,
// its certificate, from PEM in any order. A key without a certificate gets a
// self-signed one that follows from the key alone and never ends, so that the
// same file always gives the same metadata. The error is fault.Invalid.
func ParseKey(text []byte) (Key, error) {
	if len(text) > maxKeyFile {
		return Key{}, fault.New(fault.Invalid, "A key file has at most %d KiB.", maxKeyFile>>10)
	}
	var (
		private      *rsa.PrivateKey
		certificates []*x509.Certificate
	)
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type == "CERTIFICATE" {
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return Key{}, fault.Hide(err, fault.Invalid, "The certificate beside the key cannot be read.")
			}
			certificates = append(certificates, certificate)
			continue
		}
		if private != nil {
			return Key{}, fault.New(fault.Invalid, "The file holds more than one private key. Give each its own file.")
		}
		parsed, err := parsePrivateKey(block)
		if err != nil {
			return Key{}, err
		}
		private = parsed
	}
	if private == nil {
		return Key{}, fault.New(fault.Invalid, "The file holds no private key. It begins with -----BEGIN PRIVATE KEY-----.")
	}
	if len(certificates) == 0 {
		certificate, err := plainCertificate(private)
		return Key{Private: private, Certificate: certificate}, err
	}
	for _, certificate := range certificates { // a chain has the key's own somewhere
		if private.PublicKey.Equal(certificate.PublicKey) {
			return Key{Private: private, Certificate: certificate}, nil
		}
	}
	return Key{}, fault.New(fault.Invalid, "The certificate in the file belongs to another key.")
}

func parsePrivateKey(block *pem.Block) (*rsa.PrivateKey, error) {
	var (
		parsed any
		err    error
	)
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, encryptedKey()
		}
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, encryptedKey()
	default:
		return nil, fault.New(fault.Invalid, "The file holds something that is neither an RSA private key nor a certificate. Remove it.")
	}
	if err != nil {
		return nil, fault.Hide(err, fault.Invalid, "The private key cannot be read.")
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fault.New(fault.Invalid, "The private key is not an RSA key.")
	}
	if bits := private.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, fault.New(fault.Invalid, "The RSA key has %d bits. It needs %d to %d.", bits, minRSABits, maxRSABits)
	}
	return private, nil
}

func encryptedKey() error {
	return fault.New(fault.Invalid, "The private key is locked with a password. Unlock it first: openssl pkey -in FILE -out UNLOCKED.")
}

// PEM is the key as ParseKey reads it: PKCS#8, then the certificate. It is a
// secret.
func (k Key) PEM() []byte {
	private, err := x509.MarshalPKCS8PrivateKey(k.Private)
	if err != nil {
		return nil // only for kinds of keys that the type excludes
	}
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if k.Certificate != nil {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate.Raw})
	}
	return out.Bytes()
}

// KeyCertificate is the certificate of a key that [Key.PEM] wrote, without reading the
// private key: that takes much longer, and nobody needs it to see when the certificate
// ends.
func KeyCertificate(text []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	key, err := ParseKey(text)
	return key.Certificate, err
}

// plainCertificate depends on nothing but the key. RFC 5280 4.1.2.5 has
// 9999-12-31T23:59:59Z for a certificate without an end.
func plainCertificate(private *rsa.PrivateKey) (*x509.Certificate, error) {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&private.PublicKey))
	sum[0] = sum[0]&0x7f | 0x40 // positive, and always of one length
	return selfSigned(private, x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(sum[:16]),
		Subject:      pkix.Name{CommonName: "idms"},
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	})
}

func selfSigned(private *rsa.PrivateKey, template x509.Certificate) (*x509.Certificate, error) {
	template.SignatureAlgorithm = x509.SHA256WithRSA // PKCS #1 v1.5: the same bytes each time
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate made: %w", err)
	}
	return certificate, nil
}

var errNoKey = errors.New("the record has no key of its own")
