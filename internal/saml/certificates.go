package saml

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"

	"idms/internal/fault"
)

// Bounds of the certificates of one identity provider.
const (
	maxCertificates    = 16       // keys that may sign; each costs a verification when a signature is wrong
	maxCertificateText = 64 << 10 // bytes of one entry
	minRSABits         = 2048     // M06
	maxRSABits         = 8192     // a verification still takes well under a millisecond
)

// Fingerprint is the SHA-256 fingerprint of a certificate in lower-case
// hexadecimal.
func Fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// ParseCertificates reads the signing certificates of an identity provider in
// every form that administrators have them in: PEM with one or several
// certificates, line breaks kept or lost; the bare base64 of one, as metadata
// holds it; or the bytes of a .cer file. Each has an RSA key of 2048 to 8192
// bits. Dates are not looked at (M09). The error is fault.Invalid.
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	if len(text) > maxCertificateText {
		return nil, fault.New(fault.Invalid, "A certificate entry has at most %d KiB.", maxCertificateText>>10)
	}
	ders, err := certificateBytes(text)
	if err != nil {
		return nil, err
	}
	certificates := make([]*x509.Certificate, len(ders))
	for i, der := range ders {
		if certificates[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fault.Hide(err, fault.Invalid, "This is not an X.509 certificate, or a part of it is missing. Copy it again, whole.")
		}
		if why := unusable(certificates[i]); why != "" {
			return nil, fault.New(fault.Invalid, "%s", why)
		}
	}
	return certificates, nil
}

// unusable says why a certificate's key cannot verify a response (M06), or "".
func unusable(certificate *x509.Certificate) string {
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return "The certificate holds no RSA key. Let the provider sign with an RSA key of 2048 bits or more."
	}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return "The certificate's RSA key has a length outside 2048 to 8192 bits. Let the provider sign with another key."
	}
	return ""
}

var fingerprintLike = regexp.MustCompile(`(?i)^([0-9a-f]{2}[: ]?){20}([0-9a-f]{2}[: ]?){0,12}$`)

const pemBegin, pemEnd, pemDashes = "-----BEGIN ", "-----END ", "-----"

func certificateBytes(text string) ([][]byte, error) {
	// A DER sequence has its length in the next bytes: never ASCII for
	// anything as long as a certificate.
	if len(text) > 2 && text[0] == 0x30 && text[1] >= 0x80 {
		return [][]byte{[]byte(text)}, nil
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.TrimSpace(text) == "" {
		return nil, fault.New(fault.Invalid, "Paste the certificate, or remove this entry.")
	}
	if fingerprintLike.MatchString(strings.TrimSpace(text)) {
		return nil, fault.New(fault.Invalid, "This is a fingerprint. Paste the whole certificate: its key is needed.")
	}
	if !strings.Contains(text, pemBegin) {
		der, err := decodeBase64Text(text)
		if err != nil {
			return nil, fault.Hide(err, fault.Invalid, "This is neither PEM nor base64. Copy the certificate again, whole.")
		}
		return [][]byte{der}, nil
	}

	// Not encoding/pem: fields of one line lose the line breaks it asks for.
	var ders [][]byte
	for {
		_, rest, found := strings.Cut(text, pemBegin)
		if !found {
			return ders, nil
		}
		label, rest, _ := strings.Cut(rest, pemDashes)
		switch {
		case strings.Contains(label, "PRIVATE KEY"):
			return nil, fault.New(fault.Invalid, "This is a private key. Paste the provider's certificate, and have the key replaced if it is the provider's.")
		case label != "CERTIFICATE" && label != "X509 CERTIFICATE":
			return nil, fault.New(fault.Invalid, "Paste a certificate: its first line is -----BEGIN CERTIFICATE-----.")
		}
		body, after, found := strings.Cut(rest, pemEnd+label+pemDashes)
		if !found {
			return nil, fault.New(fault.Invalid, "The certificate's last line is missing. Copy it again, whole.")
		}
		der, err := decodeBase64Text(body)
		if err != nil {
			return nil, fault.Hide(err, fault.Invalid, "The lines of the certificate are not base64. Copy it again, whole.")
		}
		if ders = append(ders, der); len(ders) > maxCertificates {
			return nil, tooManyCertificates()
		}
		text = after
	}
}

func tooManyCertificates() error {
	return fault.New(fault.Invalid, "A provider has at most %d certificates. Remove those that no longer sign.", maxCertificates)
}

// decodeBase64Text reads base64 whose lines were broken, indented or joined on
// the way.
func decodeBase64Text(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
}
