package saml

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	_ "crypto/sha1" // the hashes that OAEP may name
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/trace"
)

// Decryption (M11) reads XML encryption by hand and leaves the deciphering to
// the standard library. gosaml2's has one hash for OAEP and its mask, takes
// RSA-1_5, compares keys with certificates, and cannot try a second key: see
// docs/decisions/0002-own-verifier.md.

const encryption11Namespace = "http://www.w3.org/2009/xmlenc11#"

// blockCipher is an algorithm for the data.
type blockCipher struct {
	key int // its length in bytes
	gcm bool
}

var blockCiphers = map[string]blockCipher{
	encryption11Namespace + "aes128-gcm": {16, true},
	encryption11Namespace + "aes192-gcm": {24, true},
	encryption11Namespace + "aes256-gcm": {32, true},
	encryptionNamespace + "aes128-cbc":   {16, false},
	encryptionNamespace + "aes192-cbc":   {24, false},
	encryptionNamespace + "aes256-cbc":   {32, false},
}

const (
	oaepMGF1P = encryptionNamespace + "rsa-oaep-mgf1p" // the mask is always over SHA-1 (XML encryption 1.0, 5.4.2)
	oaep      = encryption11Namespace + "rsa-oaep"     // the mask names its hash (1.1, 5.5.2)
)

// SHA-1 is no weakness in OAEP, and what nearly every provider uses.
var oaepDigests = map[string]crypto.Hash{
	digestSHA1:                       crypto.SHA1,
	encryptionNamespace + "sha256":   crypto.SHA256,
	encryptionNamespace + "sha512":   crypto.SHA512,
	signatureMore + "sha384":         crypto.SHA384,
	encryption11Namespace + "sha384": crypto.SHA384,
}

const signatureMore = "http://www.w3.org/2001/04/xmldsig-more#"

var oaepMasks = map[string]crypto.Hash{
	encryption11Namespace + "mgf1sha1":   crypto.SHA1,
	encryption11Namespace + "mgf1sha256": crypto.SHA256,
	encryption11Namespace + "mgf1sha384": crypto.SHA384,
	encryption11Namespace + "mgf1sha512": crypto.SHA512,
}

const (
	maxEncryptedKeys = 16 // of one encrypted element; a provider adds one for each recipient
	maxTransports    = 4  // RSA decryptions of one element at least, 2 ms each; more only with more keys of our own
	minGCM           = 12 + 16
	blockSize        = aes.BlockSize
)

// keyTransport is one EncryptedKey.
type keyTransport struct {
	options    rsa.OAEPOptions
	ciphertext []byte
	recipient  string
	shown      []byte // DER of the certificate it says it is for: a hint
}

// errDecryption is the one error of every failure to decipher (M11): which step
// failed would tell an attacker how close a forged ciphertext came.
var errDecryption = errors.New("not decrypted with any key of the record")

// decrypt returns the plain bytes of what an EncryptedAssertion, EncryptedID or
// EncryptedAttribute holds, and whether they are what somebody encrypted.
// authentic says that a verified signature covers the ciphertext: nobody can
// then have changed it to learn from how CBC fails.
func (v *Verifier) decrypt(holder *etree.Element, authentic bool) (plain []byte, whole bool, bad *malformed) {
	data, several := only(holder, encryptionNamespace, "EncryptedData")
	if data == nil || several {
		return nil, false, failedDecryption("not one EncryptedData")
	}
	algorithm, ciphertext, bad := v.encryptedData(data, authentic)
	if bad != nil {
		return nil, false, bad
	}
	transports, bad := v.keyTransports(holder, data)
	if bad != nil {
		return nil, false, bad
	}
	key, err := v.unwrap(transports, algorithm.key)
	if err != nil {
		return nil, false, v.wrongKey(err, transports)
	}
	if plain, err = decipher(algorithm, key, ciphertext); err != nil {
		return nil, false, failedDecryption(err.Error())
	}
	return plain, authentic || algorithm.gcm, nil
}

func failedDecryption(why string) *malformed {
	return &malformed{trace.DecryptionFailed, why,
		&trace.Fix{Say: "Give the provider the current encryption certificate of the record, from its SP metadata."}}
}

func refusedEncryption(what, name string) *malformed {
	return &malformed{trace.EncryptionAlgorithm, what + shown(name),
		&trace.Fix{Say: "Set the provider to encrypt with AES-GCM, and the key with RSA-OAEP.", There: goodCipher()}}
}

// encryptedData reads an EncryptedData up to its key.
func (v *Verifier) encryptedData(data *etree.Element, authentic bool) (blockCipher, []byte, *malformed) {
	name := encryptionMethod(data)
	algorithm, known := blockCiphers[name]
	switch {
	case !known:
		return algorithm, nil, refusedEncryption("cipher ", name)
	case !algorithm.gcm && !authentic && !v.settings.LegacyCBC:
		// M10: who can change a CBC ciphertext and watch us fail learns the text.
		return algorithm, nil, &malformed{trace.EncryptionAlgorithm, "cipher " + shown(name) + " in a response that is not signed",
			&trace.Fix{Field: "saml.legacy.cbc", Present: "false", Suggested: "true",
				Say: "Set the provider to AES-GCM, or to sign the response; until it is, the legacy switch lets CBC pass.", There: goodCipher()}}
	}
	ciphertext, ok := cipherValue(data)
	if !ok {
		return algorithm, nil, failedDecryption("no CipherValue in base64")
	}
	return algorithm, ciphertext, nil
}

// encryptionMethod is the algorithm that an EncryptedData or EncryptedKey names.
func encryptionMethod(element *etree.Element) string {
	method, _ := only(element, encryptionNamespace, "EncryptionMethod")
	if method == nil {
		return ""
	}
	return algorithm(method)
}

// cipherValue reads the bytes out of CipherData. A CipherReference would point
// elsewhere, and is not followed.
func cipherValue(element *etree.Element) ([]byte, bool) {
	data, _ := only(element, encryptionNamespace, "CipherData")
	if data == nil {
		return nil, false
	}
	value, _ := only(data, encryptionNamespace, "CipherValue")
	if value == nil {
		return nil, false
	}
	text, simple := content(value)
	if !simple {
		return nil, false
	}
	ciphertext, err := decodeBlanked(text)
	return ciphertext, err == nil
}

// keyTransports are the EncryptedKeys inside the KeyInfo of the data and beside
// the data, those meant for us first. A RetrievalMethod points at one of the
// latter (XML encryption 3.5); they are all tried anyway.
func (v *Verifier) keyTransports(holder, data *etree.Element) ([]keyTransport, *malformed) {
	var found []*etree.Element
	collect := func(in *etree.Element) {
		for child := range in.ChildElementsSeq() {
			if is(child, encryptionNamespace, "EncryptedKey") {
				found = append(found, child)
			}
		}
	}
	if info, _ := only(data, dsig.Namespace, dsig.KeyInfoTag); info != nil {
		collect(info)
	}
	collect(holder)
	if len(found) == 0 || len(found) > maxEncryptedKeys {
		return nil, failedDecryption("no EncryptedKey, or too many")
	}

	var transports []keyTransport
	var bad *malformed
	for _, element := range found {
		transport, refused := readTransport(element)
		if refused != nil {
			bad = refused
			continue
		}
		transports = append(transports, transport)
	}
	if len(transports) == 0 {
		return nil, bad
	}
	slices.SortStableFunc(transports, func(a, b keyTransport) int { return v.distance(a) - v.distance(b) })
	return transports, nil
}

// distance orders EncryptedKeys: those that name us, those that name nobody,
// the others.
func (v *Verifier) distance(transport keyTransport) int {
	switch {
	case transport.recipient == v.sp.EntityID || v.keyShown(transport) >= 0:
		return 0
	case transport.recipient == "":
		return 1
	}
	return 2
}

// keyShown is the place of the key whose certificate an EncryptedKey shows, or
// -1.
func (v *Verifier) keyShown(transport keyTransport) int {
	if transport.shown == nil {
		return -1
	}
	return slices.IndexFunc(v.sp.Keys, func(key Key) bool {
		return key.Certificate != nil && bytes.Equal(key.Certificate.Raw, transport.shown)
	})
}

func readTransport(element *etree.Element) (transport keyTransport, bad *malformed) {
	method, _ := only(element, encryptionNamespace, "EncryptionMethod")
	if method == nil {
		return transport, refusedEncryption("key transport ", "")
	}
	name := algorithm(method)
	// Nothing named is SHA-1, for both.
	transport.options = rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	switch name {
	case oaepMGF1P:
	case oaep:
		if mask, _ := only(method, encryption11Namespace, "MGF"); mask != nil {
			hash, known := oaepMasks[algorithm(mask)]
			if !known {
				return transport, refusedEncryption("OAEP mask ", algorithm(mask))
			}
			transport.options.MGFHash = hash
		}
	default: // RSA-1_5 among them
		return transport, refusedEncryption("key transport ", name)
	}
	if digest, _ := only(method, dsig.Namespace, dsig.DigestMethodTag); digest != nil {
		hash, known := oaepDigests[algorithm(digest)]
		if !known {
			return transport, refusedEncryption("OAEP digest ", algorithm(digest))
		}
		transport.options.Hash = hash
	}
	if params, _ := only(method, encryptionNamespace, "OAEPparams"); params != nil {
		text, _ := content(params)
		label, err := decodeBlanked(text)
		if err != nil {
			return transport, failedDecryption("OAEPparams that are not base64")
		}
		transport.options.Label = label
	}
	var ok bool
	if transport.ciphertext, ok = cipherValue(element); !ok {
		return transport, failedDecryption("no CipherValue in base64")
	}
	recipient, _ := attribute(element, "Recipient")
	transport.recipient = strings.Trim(recipient, xmlBlanks)
	if info, _ := only(element, dsig.Namespace, dsig.KeyInfoTag); info != nil {
		transport.shown = shownCertificate(info)
	}
	return transport, nil
}

// unwrap tries every key of the record on every EncryptedKey, the likeliest
// first and no more often than maxTransports or the number of keys.
func (v *Verifier) unwrap(transports []keyTransport, length int) ([]byte, error) {
	left := max(maxTransports, len(v.sp.Keys))
	for _, transport := range transports {
		for _, own := range startingWith(v.keyShown(transport), v.sp.Keys) {
			private := own.Private
			if private == nil || len(transport.ciphertext) != private.Size() {
				continue
			}
			if left == 0 {
				return nil, errDecryption
			}
			left--
			key, err := private.Decrypt(nil, transport.ciphertext, &transport.options)
			if err == nil && len(key) == length {
				return key, nil
			}
		}
	}
	return nil, errDecryption
}

// decipher opens the data with its own key. The ciphertext is used up.
func decipher(algorithm blockCipher, key, ciphertext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errDecryption
	}
	if algorithm.gcm {
		if len(ciphertext) < minGCM {
			return nil, errDecryption
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, errDecryption
		}
		nonce, sealed := ciphertext[:gcm.NonceSize()], ciphertext[gcm.NonceSize():]
		plain, err := gcm.Open(sealed[:0], nonce, sealed, nil)
		if err != nil {
			return nil, errDecryption
		}
		return plain, nil
	}
	if len(ciphertext) < 2*blockSize || len(ciphertext)%blockSize != 0 {
		return nil, errDecryption
	}
	vector, plain := ciphertext[:blockSize], ciphertext[blockSize:]
	cipher.NewCBCDecrypter(block, vector).CryptBlocks(plain, plain)
	// The last byte counts the padding; the others may be anything (XML
	// encryption 5.2).
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > blockSize {
		return nil, errDecryption
	}
	return plain[:len(plain)-padding], nil
}
