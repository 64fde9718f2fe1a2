package saml

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
)

// M09: a certificate is only the wrapping of a key, and it arrives in many.
func TestCertificatesAreReadInEveryFormTheyArriveIn(t *testing.T) {
	text, bare := certificateFile(t, "a"), bareCertificate(t, "a")
	der, err := base64.StdEncoding.DecodeString(bare)
	if err != nil {
		t.Fatal(err)
	}
	const a, b = fingerprintA, fingerprintB
	ended := certificateOf(t, "ended", time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"PEM", text, []string{a}},
		{"PEM with Windows line breaks", strings.ReplaceAll(text, "\n", "\r\n"), []string{a}},
		{"PEM that lost its line breaks in a field of one line", strings.ReplaceAll(text, "\n", ""), []string{a}},
		{"PEM with blanks for line breaks", strings.ReplaceAll(text, "\n", " "), []string{a}},
		{"PEM with text around it", "subject=CN = idp\n" + text + "\n# the end", []string{a}},
		{"PEM with a byte-order mark", "\ufeff" + text, []string{a}},
		{"several in one PEM", text + certificateFile(t, "b"), []string{a, b}},
		{"bare base64, one line", bare, []string{a}},
		{"bare base64 with line breaks and indentation", "\n   " + bare[:64] + "\n\t " + bare[64:], []string{a}},
		{"PEM around the one line that metadata has (seed of a vendor's guide)", "-----BEGIN CERTIFICATE-----\n" + bare + "\n-----END CERTIFICATE-----", []string{a}},
		{"the bytes of a .cer file", string(der), []string{a}},
		{"an ended certificate", block("CERTIFICATE", ended.Raw), []string{Fingerprint(ended)}},
	} {
		got, err := ParseCertificates(tt.text)
		if err != nil || len(got) != len(tt.want) {
			t.Errorf("%s: %d certificates, %v", tt.name, len(got), err)
			continue
		}
		for i, certificate := range got {
			if Fingerprint(certificate) != tt.want[i] {
				t.Errorf("%s: got %s", tt.name, Fingerprint(certificate))
			}
		}
	}
}

func TestWhatIsNoCertificateSaysWhatToPaste(t *testing.T) {
	text := certificateFile(t, "a")
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", " \n", "Paste the certificate"},
		{"a SHA-1 fingerprint", "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01", "fingerprint"},
		{"a SHA-256 fingerprint", strings.Repeat("ab", 32), "fingerprint"},
		{"a private key", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(serviceKey().Private)), "private key"},
		{"a request", block("CERTIFICATE REQUEST", []byte{1}), "BEGIN CERTIFICATE"},
		{"the last line lost", strings.Replace(text, "-----END CERTIFICATE-----", "", 1), "last line"},
		{"cut short", bareCertificate(t, "a")[:400], "not an X.509"},
		{"not base64", "hello, world", "neither PEM nor base64"},
		{"a stray letter", strings.Replace(text, "\n", "\n!", 1), "not base64"},
		{"an elliptic curve (M06)", certificateFile(t, "ec"), "no RSA key"},
		{"an RSA key of 1,024 bits (M06)", certificateFile(t, "weak"), "length"},
		{"seventeen", strings.Repeat(text, 17), "at most 16"},
		{"too long", strings.Repeat("A", maxCertificateText+1), "at most 64 KiB"},
	} {
		_, err := ParseCertificates(tt.text)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func certificateOf(t testing.TB, name string, from, to time.Time) *x509.Certificate {
	t.Helper()
	certificate, err := selfSigned(serviceKey().Private, x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    from,
		NotAfter:     to,
	})
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
