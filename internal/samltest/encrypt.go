package samltest

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"

	"github.com/beevik/etree"

	"idms/internal/saml"
)

// Algorithms of XML encryption, good and bad.
const (
	AES128GCM    = nsXenc11 + "aes128-gcm"
	AES192GCM    = nsXenc11 + "aes192-gcm"
	AES256GCM    = nsXenc11 + "aes256-gcm"
	AES128CBC    = nsXenc + "aes128-cbc"
	AES192CBC    = nsXenc + "aes192-cbc"
	AES256CBC    = nsXenc + "aes256-cbc"
	TripleDESCBC = nsXenc + "tripledes-cbc"

	OAEPMGF1P = nsXenc + "rsa-oaep-mgf1p" // MGF1 is always over SHA-1
	OAEP      = nsXenc11 + "rsa-oaep"     // MGF1 names its own hash
	RSA15     = nsXenc + "rsa-1_5"

	MGF1SHA1   = nsXenc11 + "mgf1sha1"
	MGF1SHA256 = nsXenc11 + "mgf1sha256"
	MGF1SHA384 = nsXenc11 + "mgf1sha384"
	MGF1SHA512 = nsXenc11 + "mgf1sha512"
)

// Encryption is how an assertion is encrypted. The zero value is AES-256-GCM
// under OAEP with SHA-1, which is what most providers send, to the service's
// first key, with the EncryptedKey inside the EncryptedData.
type Encryption struct {
	Data      string
	Transport string
	Digest    string // of OAEP; "" names none, which means SHA-1
	MGF       string // of OAEP; "" names none, which means SHA-1
	To        saml.Key
	Beside    bool // the EncryptedKey is a sibling of the EncryptedData (Shibboleth)
	Show      bool // the certificate stands in the EncryptedKey's KeyInfo
	Line      int  // length of base64 lines; 0 is one line

	// Plain edits the serialised assertion before it is encrypted.
	Plain func([]byte) []byte
	// Cipher edits the ciphertext, Wrapped the encrypted key.
	Cipher, Wrapped func([]byte) []byte
	// ContentKey is used instead of a random key of the right length.
	ContentKey []byte
}

func (p *IdP) encrypt(assertion *etree.Element, e Encryption, sp saml.SP) {
	d := p.Dialect
	response := assertion.Parent()
	place := assertion.Index()

	holder := etree.NewElement(d.assertion("EncryptedAssertion"))
	if !d.Lean && !d.Rootward {
		d.declareAssertion(holder)
	}
	var plain []byte
	if d.Lean {
		// Serialised as it stands: its prefixes are declared outside.
		doc := etree.NewDocument()
		doc.SetRoot(assertion.Copy())
		plain = write(doc)
	} else {
		doc := etree.NewDocument()
		doc.SetRoot(detach(assertion))
		plain = write(doc)
	}
	response.RemoveChild(assertion)
	response.InsertChildAt(place, holder)
	p.fill(holder, e, sp, plain)
}

// fill puts EncryptedData and EncryptedKey into holder.
func (p *IdP) fill(holder *etree.Element, e Encryption, sp saml.SP, plain []byte) {
	if e.To.Certificate == nil {
		e.To = sp.Keys[0]
	}
	e.Data, e.Transport = or(e.Data, AES256GCM), or(e.Transport, OAEPMGF1P)
	if e.Plain != nil {
		plain = e.Plain(plain)
	}
	contentKey := e.ContentKey
	if contentKey == nil {
		contentKey = make([]byte, keyLengths[e.Data])
		rand.Read(contentKey)
	}
	ciphertext := seal(e.Data, contentKey, plain)
	if e.Cipher != nil {
		ciphertext = e.Cipher(ciphertext)
	}
	transported := e.wrapKey(contentKey)
	if e.Wrapped != nil {
		transported = e.Wrapped(transported)
	}

	data := holder.CreateElement("xenc:EncryptedData")
	data.CreateAttr("xmlns:xenc", nsXenc)
	data.CreateAttr("Id", NewID())
	data.CreateAttr("Type", nsXenc+"Element")
	data.CreateElement("xenc:EncryptionMethod").CreateAttr("Algorithm", e.Data)
	info := data.CreateElement("ds:KeyInfo")
	info.CreateAttr("xmlns:ds", nsSignature)

	key := etree.NewElement("xenc:EncryptedKey")
	key.CreateAttr("Id", NewID())
	method := key.CreateElement("xenc:EncryptionMethod")
	method.CreateAttr("Algorithm", e.Transport)
	if e.Digest != "" {
		digest := method.CreateElement("ds:DigestMethod")
		digest.CreateAttr("xmlns:ds", nsSignature)
		digest.CreateAttr("Algorithm", e.Digest)
	}
	if e.MGF != "" {
		mgf := method.CreateElement("xenc11:MGF")
		mgf.CreateAttr("xmlns:xenc11", nsXenc11)
		mgf.CreateAttr("Algorithm", e.MGF)
	}
	if e.Show {
		shown := key.CreateElement("ds:KeyInfo")
		shown.CreateAttr("xmlns:ds", nsSignature)
		shown.CreateElement("ds:X509Data").CreateElement("ds:X509Certificate").
			SetText(wrapped(e.To.Certificate.Raw, e.Line))
	}
	key.CreateElement("xenc:CipherData").CreateElement("xenc:CipherValue").SetText(wrapped(transported, e.Line))

	data.CreateElement("xenc:CipherData").CreateElement("xenc:CipherValue").SetText(wrapped(ciphertext, e.Line))
	if !e.Beside {
		info.AddChild(key)
		return
	}
	retrieval := info.CreateElement("ds:RetrievalMethod")
	retrieval.CreateAttr("Type", nsXenc+"EncryptedKey")
	retrieval.CreateAttr("URI", "#"+key.SelectAttrValue("Id", ""))
	key.CreateAttr("xmlns:xenc", nsXenc)
	if sp.EntityID != "" {
		key.CreateAttr("Recipient", sp.EntityID)
	}
	key.CreateElement("xenc:ReferenceList").CreateElement("xenc:DataReference").
		CreateAttr("URI", "#"+data.SelectAttrValue("Id", ""))
	holder.AddChild(key)
}

var keyLengths = map[string]int{
	AES128GCM: 16, AES192GCM: 24, AES256GCM: 32, AES128CBC: 16, AES192CBC: 24, AES256CBC: 32, TripleDESCBC: 24,
}

// seal encrypts as XML encryption 1.1 says: nonce and tag around GCM (5.2.4),
// initialisation vector and a padding that counts itself for CBC (5.2.2).
func seal(algorithm string, key, plain []byte) []byte {
	if algorithm == AES128GCM || algorithm == AES192GCM || algorithm == AES256GCM {
		block, err := aes.NewCipher(key)
		must(err)
		gcm, err := cipher.NewGCM(block)
		must(err)
		nonce := make([]byte, gcm.NonceSize())
		rand.Read(nonce)
		return gcm.Seal(nonce, nonce, plain, nil)
	}
	var block cipher.Block
	var err error
	if algorithm == TripleDESCBC {
		block, err = des.NewTripleDESCipher(key)
	} else {
		block, err = aes.NewCipher(key)
	}
	must(err)
	size := block.BlockSize()
	padding := make([]byte, size-len(plain)%size)
	rand.Read(padding)
	padding[len(padding)-1] = byte(len(padding))
	padded := append(bytes.Clone(plain), padding...)
	out := make([]byte, size+len(padded))
	rand.Read(out[:size])
	cipher.NewCBCEncrypter(block, out[:size]).CryptBlocks(out[size:], padded)
	return out
}

func (e Encryption) wrapKey(key []byte) []byte {
	public := e.To.Certificate.PublicKey.(*rsa.PublicKey)
	if e.Transport == RSA15 {
		//lint:ignore SA1019 the attack is that somebody still does this
		out, err := rsa.EncryptPKCS1v15(rand.Reader, public, key)
		must(err)
		return out
	}
	options := &rsa.OAEPOptions{Hash: oaepHashes[e.Digest], MGFHash: oaepHashes[e.MGF]}
	out, err := rsa.EncryptOAEPWithOptions(rand.Reader, public, key, options)
	must(err)
	return out
}

var oaepHashes = map[string]crypto.Hash{
	"": crypto.SHA1, DigestSHA1: crypto.SHA1, DigestSHA256: crypto.SHA256, DigestSHA384: crypto.SHA384, DigestSHA512: crypto.SHA512,
	MGF1SHA1: crypto.SHA1, MGF1SHA256: crypto.SHA256, MGF1SHA384: crypto.SHA384, MGF1SHA512: crypto.SHA512,
}

func must(err error) {
	if err != nil {
		panic("samltest: " + err.Error())
	}
}

// Base64 is a message as the SAMLResponse field carries it.
func Base64(message []byte) string { return base64.StdEncoding.EncodeToString(message) }
