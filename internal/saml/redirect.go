package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	dsig "github.com/russellhaering/goxmldsig"

	"idms/internal/trace"
)

// A logout message that came in a query (SAML bindings 3.4; M24). gosaml2 verifies no such
// signature, and parsing a query and writing it anew loses what was signed: ADFS
// encodes in lower case, others leave characters alone that Go encodes. So the
// octets as received are kept and verified (3.4.4.1).

// queryMessage is a query taken apart.
type queryMessage struct {
	message    []byte // inflated
	answers    bool   // it came as SAMLResponse
	relayState string
	algorithm  string
	signature  []byte
	signed     string // the octets that the signature is over, as they came
}

// queryParameters are those of the redirect binding. Others may stand beside
// them: nobody reads them.
var queryParameters = [...]string{"SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding"}

const deflateEncoding = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"

// maxEchoed bounds the RelayState of somebody else's message, in bytes. The
// binding says 80; providers send more.
const maxEchoed = 1 << 10

// readQuery takes the raw query of an address apart and inflates its message to
// at most limit bytes (M02). Each parameter stands there once, under its plain
// name, so that no other reader of queries finds another one.
func readQuery(query string, limit int) (q queryMessage, bad *malformed) {
	encoding := func(why string) (queryMessage, *malformed) {
		return q, &malformed{code: trace.MessageEncoding, why: why}
	}
	raw := map[string]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || !isQueryParameter(plain) {
			continue
		}
		if plain != name {
			return encoding("the parameter " + plain + " under an encoded name")
		}
		if _, twice := raw[name]; twice {
			return encoding("the parameter " + name + " twice")
		}
		raw[name] = value
	}
	_, asks := raw["SAMLRequest"]
	_, q.answers = raw["SAMLResponse"]
	if asks == q.answers {
		return encoding("not one SAMLRequest or SAMLResponse")
	}
	values := map[string]string{}
	for name, value := range raw {
		text, err := url.QueryUnescape(value)
		if err != nil {
			return encoding("the parameter " + name + " with a broken percent-encoding")
		}
		values[name] = text
	}
	if encoding, has := values["SAMLEncoding"]; has && encoding != deflateEncoding {
		return q, &malformed{code: trace.MessageEncoding, why: "SAMLEncoding " + shown(encoding)}
	}
	if q.relayState = values["RelayState"]; len(q.relayState) > maxEchoed {
		return encoding("a RelayState of " + strconv.Itoa(len(q.relayState)) + " bytes")
	}

	name := "SAMLRequest"
	if q.answers {
		name = "SAMLResponse"
	}
	compressed, err := base64.StdEncoding.Strict().DecodeString(values[name])
	if err != nil || len(compressed) == 0 {
		return encoding(name + " that is not base64")
	}
	if q.message, err = inflate(compressed, limit); errors.Is(err, errInflated) {
		return q, &malformed{code: trace.MessageTooLarge, why: "more than " + strconv.Itoa(limit) + " bytes when inflated"}
	} else if err != nil {
		return encoding(name + " that cannot be inflated")
	}

	_, hasSignature := raw["Signature"]
	_, hasAlgorithm := raw["SigAlg"]
	if !hasSignature || !hasAlgorithm {
		return q, nil // whoever verifies it says so
	}
	q.algorithm = values["SigAlg"]
	if q.signature, err = base64.StdEncoding.Strict().DecodeString(values["Signature"]); err != nil || len(q.signature) == 0 {
		return encoding("a Signature that is not base64")
	}
	// In this order, whichever they came in, and RelayState only if it came.
	q.signed = name + "=" + raw[name]
	if state, has := raw["RelayState"]; has {
		q.signed += "&RelayState=" + state
	}
	q.signed += "&SigAlg=" + raw["SigAlg"]
	return q, nil
}

func isQueryParameter(name string) bool {
	for _, known := range queryParameters {
		if name == known {
			return true
		}
	}
	return false
}

var errInflated = errors.New("inflated beyond the limit")

// inflate is DEFLATE without any frame (RFC 1951), to at most limit bytes: a bomb
// of a few KB ends there.
func inflate(data []byte, limit int) ([]byte, error) {
	reader := flate.NewReader(bytes.NewReader(data))
	defer reader.Close()
	out, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	if len(out) > limit {
		return nil, errInflated
	}
	return out, err
}

// deflate is the opposite of inflate.
func deflate(data []byte) ([]byte, error) {
	var out bytes.Buffer
	writer, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(data); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// queryHashes are the hashes of the signature methods. An HMAC, of which the
// public key would be the secret, is not among them.
var queryHashes = map[string]crypto.Hash{
	dsig.RSASHA256SignatureMethod: crypto.SHA256,
	dsig.RSASHA384SignatureMethod: crypto.SHA384,
	dsig.RSASHA512SignatureMethod: crypto.SHA512,
	dsig.RSASHA1SignatureMethod:   crypto.SHA1,
}

// proveQuery verifies the signature of a query with every key of the record. It
// shows no certificate, so that there is nothing to choose by.
func (v *Verifier) proveQuery(q queryMessage) (*signer, error) {
	hash, known := queryHashes[q.algorithm]
	if !known {
		return nil, fmt.Errorf("signature method %s", shown(q.algorithm))
	}
	digester := hash.New()
	digester.Write([]byte(q.signed)) // never fails
	digest := digester.Sum(nil)
	for _, key := range v.signers {
		public, ok := key.certificate.PublicKey.(*rsa.PublicKey)
		if ok && rsa.VerifyPKCS1v15(public, hash, digest, q.signature) == nil {
			return key, nil
		}
	}
	return nil, errUnknownKey
}
