package saml_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/test/needs"
)

// xmlsec1 signs, checks, encrypts and decrypts without sharing a line of code
// with us or with goxmldsig. Where it and we agree, we agree with the standard.
type xmlsec1 struct {
	t       testing.TB
	program string
	folder  string
}

func newXmlsec1(t testing.TB) *xmlsec1 {
	x := &xmlsec1{t: t, program: needs.Xmlsec1(t), folder: t.TempDir()}
	for _, name := range []samltest.KeyName{samltest.Signer, samltest.NextSigner, samltest.Stranger, samltest.Impostor, samltest.Service, samltest.OldService, samltest.Short, samltest.Expired} {
		x.write(string(name)+".pem", samltest.PEM(name))
	}
	return x
}

func (x *xmlsec1) write(name string, content []byte) string {
	x.t.Helper()
	path := filepath.Join(x.folder, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		x.t.Fatal(err)
	}
	return path
}

// run calls xmlsec1 on a document; ID is an XML ID on what SAML signs.
func (x *xmlsec1) run(command string, document []byte, arguments ...string) ([]byte, error) {
	x.t.Helper()
	output := filepath.Join(x.folder, "output.xml")
	all := []string{command, "--output", output}
	for _, element := range []string{"assertion:Assertion", "protocol:Response", "assertion:AuthnStatement"} {
		all = append(all, "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:"+element)
	}
	all = append(append(all, arguments...), x.write("input.xml", document))
	os.Remove(output)
	if said, err := exec.Command(x.program, all...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("xmlsec1 %s: %w\n%s", command, err, said)
	}
	out, err := os.ReadFile(output)
	if err != nil && command == "--verify" {
		return nil, nil
	}
	return out, err
}

func (x *xmlsec1) key(name samltest.KeyName) string {
	return filepath.Join(x.folder, string(name)+".pem")
}

// signatureOf is the path to the Signature of the element with this ID.
func signatureOf(id string) string {
	return fmt.Sprintf(`//*[@ID="%s"]/*[local-name()="Signature"]`, id)
}

// sign returns document with the signature of the element called id made by
// xmlsec1 in the place of the one that is there.
func (x *xmlsec1) sign(document []byte, id string, key samltest.KeyName) ([]byte, error) {
	return x.run("--sign", document, "--privkey-pem", x.key(key), "--node-xpath", signatureOf(id))
}

// verify checks one signature with the key and nothing else.
func (x *xmlsec1) verify(document []byte, id string, key samltest.KeyName) error {
	_, err := x.run("--verify", document, "--pubkey-cert-pem", x.key(key), "--node-xpath", signatureOf(id), "--enabled-key-data", "rsa")
	return err
}

// provider is an IdP of whose signatures xmlsec1 makes one in every; a start of
// the program costs some twenty milliseconds. made counts them.
func (x *xmlsec1) provider(made *int, every int) *samltest.IdP {
	idp := samltest.NewIdP("https://idp.example.test/saml")
	asked := 0
	idp.SignElsewhere = func(document []byte, id string, key saml.Key) (string, string, bool) {
		if asked++; asked%every != 0 || strings.ContainsAny(id, `"'`) || id == "" {
			return "", "", false
		}
		for _, name := range []samltest.KeyName{samltest.Signer, samltest.NextSigner, samltest.Stranger, samltest.Impostor, samltest.Service, samltest.Short, samltest.Expired} {
			if !samltest.Key(name).Private.Equal(key.Private) {
				continue
			}
			signed, err := x.sign(document, id, name)
			if err != nil {
				return "", "", false
			}
			doc := etree.NewDocument()
			if err := doc.ReadFromBytes(signed); err != nil {
				return "", "", false
			}
			for _, element := range doc.FindElements("//[@ID]") {
				signature := element.SelectElement("Signature")
				if element.SelectAttrValue("ID", "") != id || signature == nil {
					continue
				}
				digest, value := signature.FindElement("SignedInfo/Reference/DigestValue"), signature.SelectElement("SignatureValue")
				if digest == nil || value == nil {
					return "", "", false
				}
				*made++
				return digest.Text(), value.Text(), true
			}
		}
		return "", "", false
	}
	return idp
}

// M06, M08: what xmlsec1 signs, in every way a record may take, is accepted.
func TestXmlsec1SignsAndWeAccept(t *testing.T) {
	x := newXmlsec1(t)
	made := 0
	scene := samltest.SceneFor(x.provider(&made, 1), now)
	scene.Settings.LegacySHA1, scene.Settings.LegacyInclusiveC14N = true, true
	want := 0
	for _, way := range ways {
		for _, how := range []struct {
			name      string
			signature samltest.Signature
			dialect   samltest.Dialect
		}{
			{"RSA-SHA256", samltest.Signature{Method: samltest.RSASHA256}, samltest.Dialect{}},
			{"RSA-SHA384", samltest.Signature{Method: samltest.RSASHA384, Digest: samltest.DigestSHA384}, samltest.Dialect{}},
			{"RSA-SHA512", samltest.Signature{Method: samltest.RSASHA512, Digest: samltest.DigestSHA512}, samltest.Dialect{}},
			{"RSA-SHA1 by the legacy switch", samltest.Signature{Method: samltest.RSASHA1, Digest: samltest.DigestSHA1}, samltest.Dialect{}},
			{"with comments", samltest.Signature{C14N: samltest.ExclusiveWithComments,
				Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}, {Algorithm: samltest.ExclusiveWithComments}}}, samltest.Dialect{}},
			{"a PrefixList of xs", samltest.Signature{Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}, {Algorithm: samltest.Exclusive, PrefixList: "xs"}}},
				samltest.Dialect{Type: "xs:string", TypesOnRoot: true}},
			{"a PrefixList of the default namespace", samltest.Signature{Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}, {Algorithm: samltest.Exclusive, PrefixList: "#default xs"}}},
				samltest.Dialect{Assertion: samltest.NoPrefix, Signature: samltest.NoPrefix, Type: "xs:string"}},
			{"default namespaces", samltest.Signature{}, samltest.Dialect{Assertion: samltest.NoPrefix, Signature: samltest.NoPrefix}},
			{"prefixes declared on the Response only", samltest.Signature{}, samltest.Dialect{Lean: true}},
			{"pretty-printed", samltest.Signature{}, samltest.Dialect{Indent: 4}},
			{"inclusive 1.0 by the legacy switch", samltest.Signature{C14N: samltest.Inclusive10,
				Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}, {Algorithm: samltest.Inclusive10}}}, samltest.Dialect{}},
			{"inclusive 1.1 by the legacy switch", samltest.Signature{C14N: samltest.Inclusive11,
				Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}, {Algorithm: samltest.Inclusive11}}}, samltest.Dialect{Rootward: true}},
			{"no canonicalisation but enveloped, by the legacy switch", samltest.Signature{C14N: samltest.Exclusive,
				Transforms: []samltest.Transform{{Algorithm: samltest.Enveloped}}}, samltest.Dialect{}},
		} {
			scene.IdP.Dialect = how.dialect
			answer := scene.Answer().Attribute("text", "<&>\t\"'", "Ünïcödé 日本語").Sign(way.what).SignWith(how.signature).
				With(func(a *samltest.Answer) { a.AssertionID = samltest.NewID() })
			want++
			if way.what == samltest.SignBoth {
				want++
			}
			got := judge(scene, scene.Respond(answer))
			if !got.Accepted {
				t.Errorf("%s, %s: refused: %+v", how.name, way.name, got.Steps.Refusal())
				continue
			}
			t.Run(how.name+", "+way.name, func(t *testing.T) {
				sameAssertion(t, got.Assertion, scene.Want(answer, samltest.Key(samltest.Signer)))
			})
		}
	}
	if made != want {
		t.Errorf("xmlsec1 made %d of %d signatures", made, want)
	}
}

// The other way round: what samltest signs, xmlsec1 confirms, so that samltest
// speaks the standard and not our verifier's dialect.
func TestXmlsec1ConfirmsWhatSamltestSigns(t *testing.T) {
	x := newXmlsec1(t)
	confirmed := 0
	byFingerprint := map[string]samltest.KeyName{}
	for _, name := range []samltest.KeyName{samltest.Signer, samltest.NextSigner, samltest.Expired} {
		byFingerprint[saml.Fingerprint(samltest.Key(name).Certificate)] = name
	}
	ids := regexp.MustCompile(` ID="([^"]+)"`)
	for _, style := range styles() {
		if len(style.Message) > 100_000 {
			continue
		}
		for _, id := range ids.FindAllSubmatch(style.Message, -1) {
			if !bytes.Contains(style.Message, []byte(`URI="#`+string(id[1])+`"`)) {
				continue
			}
			if err := x.verify(style.Message, string(id[1]), byFingerprint[style.Want.SignedBy]); err != nil {
				t.Errorf("%s: %v", style.Name, err)
			}
			confirmed++
		}
	}
	if confirmed < 100 {
		t.Errorf("only %d signatures confirmed", confirmed)
	}
}

// M11: what xmlsec1 encrypts, to either of our keys, is opened.
func TestXmlsec1EncryptsAndWeOpen(t *testing.T) {
	x := newXmlsec1(t)
	for _, cipher := range []struct{ algorithm, session string }{
		{samltest.AES128GCM, "aes-128"}, {samltest.AES192GCM, "aes-192"}, {samltest.AES256GCM, "aes-256"},
		{samltest.AES128CBC, "aes-128"}, {samltest.AES192CBC, "aes-192"}, {samltest.AES256CBC, "aes-256"},
	} {
		for _, to := range []samltest.KeyName{samltest.Service, samltest.OldService} {
			for _, dialect := range []samltest.Dialect{{}, {Lean: true}, {Assertion: samltest.NoPrefix, Type: "xs:string"}} {
				scene := samltest.NewScene(now)
				scene.IdP.Dialect = dialect
				scene.Settings.LegacyCBC = strings.HasSuffix(cipher.algorithm, "-cbc")
				answer := scene.Answer().With(func(a *samltest.Answer) { a.AssertionID = samltest.NewID() })
				message := x.encrypt(scene.Respond(answer), cipher.algorithm, cipher.session, to)
				got := judge(scene, message)
				if !got.Accepted {
					t.Errorf("%s to %s, %+v: refused: %+v", cipher.algorithm, to, dialect, got.Steps.Refusal())
					continue
				}
				want := scene.Want(answer, samltest.Key(samltest.Signer))
				want.Encrypted = true
				sameAssertion(t, got.Assertion, want)
			}
		}
	}
}

// encrypt replaces the assertion by an EncryptedAssertion that xmlsec1 fills.
func (x *xmlsec1) encrypt(message []byte, algorithm, session string, to samltest.KeyName) []byte {
	x.t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(message); err != nil {
		x.t.Fatal(err)
	}
	assertion := doc.Root().SelectElement("Assertion")
	holder := etree.NewElement("enc:EncryptedAssertion")
	holder.CreateAttr("xmlns:enc", "urn:oasis:names:tc:SAML:2.0:assertion")
	doc.Root().InsertChildAt(assertion.Index(), holder)
	holder.AddChild(assertion)
	document, err := doc.WriteToBytes()
	if err != nil {
		x.t.Fatal(err)
	}
	template := x.write("template.xml", fmt.Appendf(nil, `<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">
  <xenc:EncryptionMethod Algorithm="%s"/>
  <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
    <xenc:EncryptedKey>
      <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>
      <ds:KeyInfo><ds:KeyName/></ds:KeyInfo>
      <xenc:CipherData><xenc:CipherValue/></xenc:CipherData>
    </xenc:EncryptedKey>
  </ds:KeyInfo>
  <xenc:CipherData><xenc:CipherValue/></xenc:CipherData>
</xenc:EncryptedData>`, algorithm))
	data := x.write("data.xml", document)
	// The template is what xmlsec1 calls its input here.
	output := filepath.Join(x.folder, "encrypted.xml")
	said, err := exec.Command(x.program, "--encrypt", "--pubkey-cert-pem", x.key(to), "--session-key", session,
		"--xml-data", data, "--node-xpath", `//*[local-name()="Assertion"]`, "--output", output, template).CombinedOutput()
	if err != nil {
		x.t.Fatalf("xmlsec1 --encrypt: %v\n%s", err, said)
	}
	encrypted, err := os.ReadFile(output)
	if err != nil {
		x.t.Fatal(err)
	}
	if bytes.Contains(encrypted, []byte(">ada<")) {
		x.t.Fatal("xmlsec1 has encrypted nothing")
	}
	return encrypted
}

// What samltest encrypts, xmlsec1 opens, and finds the assertion in.
func TestXmlsec1OpensWhatSamltestEncrypts(t *testing.T) {
	x := newXmlsec1(t)
	scene := samltest.NewScene(now)
	for _, algorithm := range []string{samltest.AES128GCM, samltest.AES192GCM, samltest.AES256GCM, samltest.AES128CBC, samltest.AES192CBC, samltest.AES256CBC} {
		for _, encryption := range []samltest.Encryption{{}, {Digest: samltest.DigestSHA1, Line: 64}} {
			encryption.Data = algorithm
			message := scene.Respond(scene.Answer().Encrypt(encryption))
			plain, err := x.run("--decrypt", message, "--privkey-pem", x.key(samltest.Service))
			if err != nil {
				t.Errorf("%s: %v", algorithm, err)
				continue
			}
			if !bytes.Contains(plain, []byte(">ada</saml:NameID>")) {
				t.Errorf("%s: no NameID in what xmlsec1 has opened", algorithm)
			}
		}
	}
}

// Every hostile family again, one signature in four by xmlsec1 where it makes
// such a signature: no refusal depends on how our own test provider signs.
func TestXmlsec1SignsHostileResponsesAndWeRefuse(t *testing.T) {
	x := newXmlsec1(t)
	made := 0
	scene := samltest.SceneFor(x.provider(&made, 4), now)
	for _, way := range ways {
		if got := judge(scene, scene.Respond(scene.Answer().Sign(way.what))); !got.Accepted {
			t.Fatalf("%s: the honest answer is refused: %+v", way.name, got.Steps.Refusal())
		}
	}
	for _, attack := range samltest.Against(scene) {
		t.Run(attack.Rule+" "+attack.Name, func(t *testing.T) {
			refused(t, attack, judge(attack.Scene, attack.Message))
		})
	}
	if made < 100 {
		t.Errorf("xmlsec1 made only %d signatures", made)
	}
	t.Logf("xmlsec1 made %d signatures", made)
}

// Tampering is found by xmlsec1 too: the attacks that change a signed message
// change what the signature covers, and are not refused for another reason.
func TestXmlsec1AgreesThatTamperingBreaksTheSignature(t *testing.T) {
	x := newXmlsec1(t)
	reference := regexp.MustCompile(`<ds:Reference URI="#([^"]+)"`)
	checked := 0
	for _, attack := range attacks() {
		if !strings.HasPrefix(attack.Name, "changed after signing: ") {
			continue
		}
		broken := false
		for _, id := range reference.FindAllSubmatch(attack.Message, -1) {
			broken = broken || x.verify(attack.Message, string(id[1]), samltest.Signer) != nil
		}
		if !broken {
			t.Errorf("%s: xmlsec1 finds every signature right", attack.Name)
		}
		checked++
	}
	if checked < 50 {
		t.Errorf("only %d attacks were checked", checked)
	}
}
