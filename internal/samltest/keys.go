package samltest

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"fmt"
	"sync"

	"idms/internal/saml"
)

// KeyName names one of the fixed test keys. They are fixed so that tests start
// at once and that committed fuzz seeds stay signed.
type KeyName string

const (
	Signer     KeyName = "signer"      // of an IdP
	NextSigner KeyName = "next-signer" // the one it rolls over to
	Stranger   KeyName = "stranger"    // of nobody we trust
	Impostor   KeyName = "impostor"    // of nobody either; its certificate has the subject and serial number of Signer's
	Service    KeyName = "service"     // of the service provider
	OldService KeyName = "old-service" // the one before it
	Short      KeyName = "short"       // RSA of 1,024 bits
	Expired    KeyName = "expired"     // its certificate ended in 2015; the others hold until 2120
	Elliptic   KeyName = "elliptic"    // P-256, only for [Elliptical]
)

//go:embed testdata/test-key-*.pem
var testdata embed.FS

// PEM is the file of a test key: the private key (PKCS #8) and then the
// certificate, as xmlsec1 and openssl read it.
func PEM(name KeyName) []byte {
	file, err := testdata.ReadFile("testdata/test-key-" + string(name) + ".pem")
	if err != nil {
		panic(fmt.Sprintf("samltest: no key is called %q", name))
	}
	return file
}

type signer struct {
	private     crypto.Signer
	certificate *x509.Certificate
}

var loaded sync.Map // KeyName → signer

func load(name KeyName) signer {
	if key, ok := loaded.Load(name); ok {
		return key.(signer)
	}
	private, rest := pem.Decode(PEM(name))
	certificate, _ := pem.Decode(rest)
	parsed, err := x509.ParsePKCS8PrivateKey(private.Bytes)
	if err != nil {
		panic("samltest: " + err.Error())
	}
	cert, err := x509.ParseCertificate(certificate.Bytes)
	if err != nil {
		panic("samltest: " + err.Error())
	}
	key, _ := loaded.LoadOrStore(name, signer{parsed.(crypto.Signer), cert})
	return key.(signer)
}

// Key is a fixed RSA key with its certificate.
func Key(name KeyName) saml.Key {
	key := load(name)
	return saml.Key{Private: key.private.(*rsa.PrivateKey), Certificate: key.certificate}
}

// Elliptical is the fixed key that is not RSA.
func Elliptical() (crypto.Signer, *x509.Certificate) {
	key := load(Elliptic)
	return key.private, key.certificate
}
