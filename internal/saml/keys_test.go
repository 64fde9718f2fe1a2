package saml

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/internal/fault"
)

var keyMadeAt = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("CET", 3600))

// serviceKey is one key of ours for all tests: making one takes a while.
var serviceKey = sync.OnceValue(func() Key {
	key, err := NewKey(rand.Reader, "idms acme", keyMadeAt)
	if err != nil {
		panic(err)
	}
	return key
})

func TestANewKeyIsOneThatEveryProviderTakes(t *testing.T) {
	key := serviceKey()
	certificate := key.Certificate
	if bits := key.Private.N.BitLen(); bits != 2048 {
		t.Errorf("%d bits", bits)
	}
	if err := certificate.CheckSignature(x509.SHA256WithRSA, certificate.RawTBSCertificate, certificate.Signature); err != nil {
		t.Errorf("not signed by itself: %v", err)
	}
	if !key.Private.PublicKey.Equal(certificate.PublicKey) {
		t.Error("the certificate is of another key")
	}
	if certificate.SerialNumber.Sign() <= 0 || certificate.SerialNumber.BitLen() > 159 { // RFC 5280 4.1.2.2
		t.Errorf("serial %v", certificate.SerialNumber)
	}
	if certificate.Subject.CommonName != "idms acme" || certificate.IsCA {
		t.Errorf("subject %v, authority %v", certificate.Subject, certificate.IsCA)
	}
	from, to := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC), time.Date(2036, 3, 1, 11, 0, 0, 0, time.UTC)
	if !certificate.NotBefore.Equal(from) || !certificate.NotAfter.Equal(to) {
		t.Errorf("valid %v to %v", certificate.NotBefore, certificate.NotAfter)
	}
	if unusable(certificate) != "" {
		t.Error("we would not take our own key")
	}
}

func TestACertificatesNameHasItsBounds(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("x", 65)} {
		if _, err := NewKey(rand.Reader, name, keyMadeAt); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%d characters: %v", len(name), err)
		}
	}
}

func TestAKeyIsReadAsItWasWritten(t *testing.T) {
	key := serviceKey()
	again, err := ParseKey(key.PEM())
	if err != nil {
		t.Fatal(err)
	}
	if !again.Private.Equal(key.Private) || !again.Certificate.Equal(key.Certificate) {
		t.Error("another key came back")
	}
}

func TestKeyFilesOfEveryKindAreRead(t *testing.T) {
	key := serviceKey()
	pkcs1 := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key.Private))
	certificate := block("CERTIFICATE", key.Certificate.Raw)
	for _, tt := range []struct{ name, text string }{
		{"PKCS#1, as openssl of old wrote it", pkcs1 + certificate},
		{"the certificate first", certificate + pkcs1},
		{"text around, as openssl pkcs12 writes it", "Bag Attributes\n  friendlyName: idms\n" + pkcs1 + "subject=CN = idms\n" + certificate},
		{"a chain: the key's own certificate is found", pkcs1 + certificateFile(t, "ca") + certificate},
	} {
		got, err := ParseKey([]byte(tt.text))
		if err != nil || !got.Private.Equal(key.Private) || !got.Certificate.Equal(key.Certificate) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAKeyWithoutACertificateAlwaysGetsTheSame(t *testing.T) {
	text := []byte(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(serviceKey().Private)))
	first, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Certificate.Raw, second.Certificate.Raw) {
		t.Error("the metadata would change at every start")
	}
	if first.Certificate.SerialNumber.Sign() <= 0 || !serviceKey().Private.PublicKey.Equal(first.Certificate.PublicKey) {
		t.Error("not a certificate of this key")
	}
}

func TestKeyFilesThatCannotBeUsedSayWhy(t *testing.T) {
	key := serviceKey()
	private := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key.Private))
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveDER, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "no private key"},
		{"a certificate alone", block("CERTIFICATE", key.Certificate.Raw), "no private key"},
		{"a certificate of another key", private + certificateFile(t, "a"), "another key"},
		{"two keys", private + private, "more than one"},
		{"a password on it", block("ENCRYPTED PRIVATE KEY", []byte{1}), "Unlock"},
		{"a password on it, the old way", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQ==\n-----END RSA PRIVATE KEY-----\n", "Unlock"},
		{"an elliptic curve", block("PRIVATE KEY", curveDER), "not an RSA key"},
		{"an elliptic curve, its own form", block("EC PRIVATE KEY", []byte{1}), "neither"},
		{"1,024 bits", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short)), "1024 bits"},
		{"a damaged key", block("PRIVATE KEY", []byte{1, 2, 3}), "cannot be read"},
		{"a damaged certificate", private + block("CERTIFICATE", []byte{1}), "beside the key"},
		{"too long", strings.Repeat("x", maxKeyFile+1), "at most 64 KiB"},
	} {
		_, err := ParseKey([]byte(tt.text))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
