package samltest

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"idms/internal/saml"
	"idms/internal/trace"
)

// Logout is a provider's logout message before it is written: a LogoutRequest, or
// a LogoutResponse when Status is set. [Scene.Logout] and [Scene.LogoutAnswer]
// make honest ones. Methods return a changed copy.
type Logout struct {
	ID, Version, Issuer string // "" is the honest value, Absent none
	Issued              time.Time
	Destination         string
	NotOnOrAfter        time.Time // zero leaves it out
	NameID              saml.NameID
	Encryption          *Encryption // of the NameID; nil sends it plain
	SP                  saml.SP     // to encrypt to
	SessionIndexes      []string
	InResponseTo        string
	Status              []string // the top-level code, then the nested one

	// How it travels.
	Binding    saml.Binding
	RelayState string // Absent sends none
	Signs      bool   // the document by POST, the query by redirect
	Embedded   bool   // by redirect, the document is signed as well
	Signature  Signature
	Query      QuerySignature

	drafts, seals []func(message *etree.Element)
}

// QuerySignature is how a query is signed. The zero value is RSA-SHA256 by the
// provider's first key over the query as it is sent.
type QuerySignature struct {
	Key       saml.Key
	Algorithm string
	// Escape writes a value into the query; nil is Go's own way.
	Escape func(string) string
	// Signed edits the octets that are signed, Sent the query that is sent.
	Signed, Sent func(string) string
	// Message edits the compressed message.
	Message func([]byte) []byte
}

// LowerCase escapes as ADFS does: the hexadecimal digits are small.
func LowerCase(value string) string {
	escaped := []byte(url.QueryEscape(value))
	for i := 0; i+2 < len(escaped); i++ {
		if escaped[i] == '%' {
			copy(escaped[i+1:i+3], bytes.ToLower(escaped[i+1:i+3]))
			i += 2
		}
	}
	return string(escaped)
}

// Logout is the honest request of this scene: to end one session of ada's.
func (s Scene) Logout(binding saml.Binding) Logout {
	return Logout{
		Issued: s.Expect.Now, Destination: s.SP.SLO, NameID: saml.NameID{Value: "ada", Format: FormatPersistent},
		SP: s.SP, SessionIndexes: []string{"_session-1"}, Binding: binding, RelayState: Absent, Signs: true,
	}
}

// LogoutAnswer is the honest answer to a request of ours.
func (s Scene) LogoutAnswer(binding saml.Binding, inResponseTo string) Logout {
	l := s.Logout(binding)
	l.InResponseTo, l.Status = inResponseTo, []string{StatusSuccess}
	return l
}

// With changes fields in the middle of a sentence.
func (l Logout) With(change func(*Logout)) Logout {
	l.SessionIndexes, l.Status = slices.Clone(l.SessionIndexes), slices.Clone(l.Status)
	change(&l)
	return l
}

// Draft edits the message before it is signed, Sealed afterwards.
func (l Logout) Draft(edit func(message *etree.Element)) Logout {
	l.drafts = append(slices.Clip(l.drafts), edit)
	return l
}

// Sealed edits the message after it is signed; by POST only.
func (l Logout) Sealed(edit func(message *etree.Element)) Logout {
	l.seals = append(slices.Clip(l.seals), edit)
	return l
}

// Send writes the message in this scene's name, as a browser brings it.
func (s Scene) Send(l Logout) saml.LogoutArrival {
	p := s.IdP
	document := p.buildLogout(l)
	root := document.Root()
	apply(l.drafts, root)
	if l.Signs && (l.Binding == saml.POST || l.Embedded) {
		p.sign(root, l.Signature)
	}
	apply(l.seals, root)
	message := write(document)
	relayState, has := l.RelayState, l.RelayState != Absent
	if !has {
		relayState = ""
	}
	if l.Binding == saml.POST {
		arrival := saml.LogoutArrival{Binding: saml.POST, RelayState: relayState}
		if field := base64.StdEncoding.EncodeToString(message); l.Status != nil {
			arrival.Response = field
		} else {
			arrival.Request = field
		}
		return arrival
	}
	return saml.LogoutArrival{Binding: saml.Redirect, Query: p.query(l, message, relayState, has)}
}

func (p *IdP) query(l Logout, message []byte, relayState string, has bool) string {
	q := l.Query
	if q.Escape == nil {
		q.Escape = url.QueryEscape
	}
	if q.Key.Private == nil {
		q.Key = p.Keys[0]
	}
	q.Algorithm = or(q.Algorithm, RSASHA256)
	compressed := deflated(message)
	if q.Message != nil {
		compressed = q.Message(compressed)
	}
	name := "SAMLRequest"
	if l.Status != nil {
		name = "SAMLResponse"
	}
	query := name + "=" + q.Escape(base64.StdEncoding.EncodeToString(compressed))
	if has {
		query += "&RelayState=" + q.Escape(relayState)
	}
	if l.Signs {
		query += "&SigAlg=" + q.Escape(q.Algorithm)
		signed := query
		if q.Signed != nil {
			signed = q.Signed(query)
		}
		query += "&Signature=" + q.Escape(base64.StdEncoding.EncodeToString(signQuery(q, signed)))
	}
	if q.Sent != nil {
		query = q.Sent(query)
	}
	return query
}

func signQuery(q QuerySignature, signed string) []byte {
	var hash crypto.Hash
	var digest []byte
	switch q.Algorithm {
	case HMACSHA1, HMACSHA256:
		// The "secret" that everybody knows: the public key.
		mac := hmac.New(sha256.New, x509.MarshalPKCS1PublicKey(&q.Key.Private.PublicKey))
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	case RSASHA1:
		sum := sha1.Sum([]byte(signed))
		hash, digest = crypto.SHA1, sum[:]
	case RSASHA512:
		sum := sha512.Sum512([]byte(signed))
		hash, digest = crypto.SHA512, sum[:]
	default:
		sum := sha256.Sum256([]byte(signed))
		hash, digest = crypto.SHA256, sum[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, q.Key.Private, hash, digest)
	must(err)
	return signature
}

func (p *IdP) buildLogout(l Logout) *etree.Document {
	d := p.Dialect
	document := etree.NewDocument()
	tag := "LogoutRequest"
	if l.Status != nil {
		tag = "LogoutResponse"
	}
	root := document.CreateElement(d.protocol(tag))
	d.declareProtocol(root)
	d.declareAssertion(root)
	set(root, "ID", or(l.ID, NewID()))
	set(root, "Version", or(l.Version, "2.0"))
	d.setInstant(root, "IssueInstant", l.Issued)
	d.setInstant(root, "NotOnOrAfter", l.NotOnOrAfter)
	set(root, "Destination", l.Destination)
	set(root, "InResponseTo", l.InResponseTo)
	if issuer := or(l.Issuer, p.EntityID); issuer != Absent {
		root.CreateElement(d.assertion("Issuer")).SetText(issuer)
	}
	if l.Status != nil {
		parent := root.CreateElement(d.protocol("Status"))
		for _, code := range l.Status {
			parent = parent.CreateElement(d.protocol("StatusCode"))
			parent.CreateAttr("Value", code)
		}
		return document
	}
	if l.NameID.Value != Absent {
		name := root.CreateElement(d.assertion("NameID"))
		set(name, "Format", l.NameID.Format)
		set(name, "NameQualifier", l.NameID.NameQualifier)
		set(name, "SPNameQualifier", l.NameID.SPNameQualifier)
		name.SetText(l.NameID.Value)
		if l.Encryption != nil {
			holder := etree.NewElement(d.assertion("EncryptedID"))
			inner := etree.NewDocument()
			inner.SetRoot(detach(name))
			root.RemoveChild(name)
			root.AddChild(holder)
			p.fill(holder, *l.Encryption, l.SP, write(inner))
		}
	}
	for _, index := range l.SessionIndexes {
		root.CreateElement(d.protocol("SessionIndex")).SetText(index)
	}
	return document
}

// LogoutAttack is a logout message that must be refused.
type LogoutAttack struct {
	Scene
	Name    string // a sentence; unique
	Codes   []trace.Code
	Arrival saml.LogoutArrival
}

// LogoutAttacks are hostile logout messages against one record: the honest ones of
// both kinds by both bindings, each with one thing wrong.
func LogoutAttacks(scene Scene) []LogoutAttack {
	var attacks []LogoutAttack
	for _, binding := range []saml.Binding{saml.Redirect, saml.POST} {
		for _, honest := range []struct {
			name   string
			logout Logout
		}{{"request", scene.Logout(binding)}, {"answer", scene.LogoutAnswer(binding, "_request-1")}} {
			prefix := fmt.Sprintf("%s by %s: ", honest.name, binding)
			for _, attack := range anyLogout(scene) {
				attacks = append(attacks, LogoutAttack{scene, prefix + attack.name, attack.codes, scene.Send(attack.change(honest.logout))})
			}
			if binding == saml.POST {
				for _, attack := range postedLogout() {
					attacks = append(attacks, LogoutAttack{scene, prefix + attack.name, attack.codes, scene.Send(attack.change(honest.logout))})
				}
				continue
			}
			for _, attack := range queriedLogout() {
				attacks = append(attacks, LogoutAttack{scene, prefix + attack.name, attack.codes, scene.Send(attack.change(honest.logout))})
			}
		}
		for _, attack := range requestedLogout() {
			attacks = append(attacks, LogoutAttack{scene, fmt.Sprintf("request by %s: %s", binding, attack.name), attack.codes, scene.Send(attack.change(scene.Logout(binding)))})
		}
	}
	return append(attacks, strangeLogout(scene)...)
}

type logoutChange struct {
	name   string
	codes  []trace.Code
	change func(Logout) Logout
}

func logoutWith(name string, code trace.Code, change func(*Logout)) logoutChange {
	return logoutChange{name, []trace.Code{code}, func(l Logout) Logout { return l.With(change) }}
}

// anyLogout is wrong with both kinds by both bindings.
func anyLogout(scene Scene) []logoutChange {
	now := scene.Expect.Now
	return []logoutChange{
		logoutWith("unsigned", trace.Unsigned, func(l *Logout) { l.Signs = false }),
		logoutWith("signed by a stranger", trace.UnknownKey, func(l *Logout) {
			l.Signature.Key, l.Query.Key = Key(Stranger), Key(Stranger)
		}),
		logoutWith("signed by a key whose certificate has the provider's name", trace.UnknownKey, func(l *Logout) {
			l.Signature.Key, l.Query.Key = Key(Impostor), Key(Impostor)
		}),
		logoutWith("RSA-SHA1", trace.SignatureAlgorithm, func(l *Logout) {
			l.Signature.Method, l.Query.Algorithm = RSASHA1, RSASHA1
		}),
		logoutWith("HMAC with the public key", trace.SignatureAlgorithm, func(l *Logout) {
			l.Query.Algorithm, l.Signature.Method = HMACSHA256, HMACSHA256
			l.Signature.Value = func(canonical []byte) []byte {
				return signQuery(QuerySignature{Key: Key(Signer), Algorithm: HMACSHA256}, string(canonical))
			}
		}),
		logoutWith("another issuer", trace.IssuerMismatch, func(l *Logout) { l.Issuer = "https://evil.example" }),
		logoutWith("no issuer", trace.IssuerMismatch, func(l *Logout) { l.Issuer = Absent }),
		logoutWith("for another record", trace.DestinationMismatch, func(l *Logout) { l.Destination = strings.Replace(l.Destination, "corp", "other", 1) }),
		logoutWith("for the ACS", trace.DestinationMismatch, func(l *Logout) { l.Destination = scene.SP.ACS }),
		logoutWith("no destination", trace.DestinationMismatch, func(l *Logout) { l.Destination = Absent }),
		logoutWith("ten minutes old", trace.TooLate, func(l *Logout) { l.Issued = now.Add(-10 * time.Minute) }),
		logoutWith("of the future", trace.TooEarly, func(l *Logout) { l.Issued = now.Add(10 * time.Minute) }),
		logoutWith("without an instant", trace.Version, func(l *Logout) { l.Issued = time.Time{} }),
		logoutWith("SAML 1.1", trace.Version, func(l *Logout) { l.Version = "1.1" }),
		{"no ID", []trace.Code{trace.Version, trace.SignatureStructure}, func(l Logout) Logout {
			return l.With(func(l *Logout) { l.ID = Absent })
		}},
		{"an instant without a zone", []trace.Code{trace.TimeFormat}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) { m.CreateAttr("IssueInstant", now.UTC().Format("2006-01-02T15:04:05")) })
		}},
		{"a comment in it", []trace.Code{trace.XMLForbidden}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) { child(m, "Issuer").CreateComment("x") })
		}},
		{"an assertion in its extensions", []trace.Code{trace.ResponseStructure}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) {
				extensions := etree.NewElement("samlp:Extensions")
				extensions.CreateElement("saml:Assertion")
				m.InsertChildAt(1, extensions)
			})
		}},
		{"another root", []trace.Code{trace.WrongMessage}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) { m.Tag = "ManageNameIDRequest" })
		}},
		{"in another namespace", []trace.Code{trace.WrongMessage}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) { m.Space = "saml" })
		}},
		{"two issuers", []trace.Code{trace.ResponseStructure}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) { m.InsertChildAt(0, child(m, "Issuer").Copy()) })
		}},
	}
}

// requestedLogout is wrong with a request by either binding.
func requestedLogout() []logoutChange {
	return []logoutChange{
		logoutWith("past its own end", trace.TooLate, func(l *Logout) {
			l.Issued, l.NotOnOrAfter = l.Issued.Add(-4*time.Minute), l.Issued.Add(-210*time.Second)
		}),
		logoutWith("no NameID", trace.NameID, func(l *Logout) { l.NameID.Value = Absent }),
		logoutWith("an empty NameID", trace.NameID, func(l *Logout) { l.NameID.Value = " " }),
		logoutWith("a NameID made for another service", trace.NameID, func(l *Logout) { l.NameID.SPNameQualifier = "https://other.example/sp" }),
		logoutWith("an empty session index beside one", trace.NameID, func(l *Logout) { l.SessionIndexes = append(l.SessionIndexes, "") }),
		logoutWith("a NameID encrypted to somebody else", trace.DecryptionFailed, func(l *Logout) { l.Encryption = &Encryption{To: Key(Stranger)} }),
		logoutWith("a NameID encrypted with RSA-1_5", trace.EncryptionAlgorithm, func(l *Logout) { l.Encryption = &Encryption{Transport: RSA15} }),
		{"two NameIDs", []trace.Code{trace.ResponseStructure}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) { m.AddChild(child(m, "NameID").Copy()) })
		}},
		{"markup in the NameID", []trace.Code{trace.NameID}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) { child(m, "NameID").CreateElement("b") })
		}},
		{"a status in a request", []trace.Code{trace.ResponseStructure}, func(l Logout) Logout {
			return l.Draft(func(m *etree.Element) {
				m.RemoveChild(child(m, "NameID"))
				m.InsertChildAt(1, etree.NewElement("samlp:Status"))
			})
		}},
	}
}

// postedLogout is wrong with a signed document.
func postedLogout() []logoutChange {
	invalid := []trace.Code{trace.SignatureInvalid}
	form := []trace.Code{trace.SignatureStructure, trace.ResponseStructure}
	wrap := func(name string, codes []trace.Code, wrapped func(m, original *etree.Element)) logoutChange {
		return logoutChange{name, codes, func(l Logout) Logout {
			return l.Sealed(func(m *etree.Element) {
				original := m.Copy()
				wrapped(m, original)
			})
		}}
	}
	into := func(m *etree.Element) *etree.Element {
		extensions := etree.NewElement("samlp:Extensions")
		m.InsertChildAt(2, extensions)
		return extensions
	}
	return []logoutChange{
		{"changed after it was signed", invalid, func(l Logout) Logout {
			return l.Sealed(func(m *etree.Element) { m.CreateAttr("Consent", "urn:x") })
		}},
		{"another destination after it was signed", invalid, func(l Logout) Logout {
			return l.Sealed(func(m *etree.Element) { m.CreateAttr("Destination", "https://login.example.test/saml/other/slo") })
		}},
		wrap("XSW: the signed message in the extensions of another, signature outside", form, func(m, original *etree.Element) {
			original.RemoveChild(child(original, "Signature"))
			m.CreateAttr("ID", "_evil")
			into(m).AddChild(original)
		}),
		wrap("XSW: the signed message in the extensions of an unsigned one", []trace.Code{trace.ResponseStructure, trace.Unsigned}, func(m, original *etree.Element) {
			m.CreateAttr("ID", "_evil")
			m.RemoveChild(child(m, "Signature"))
			extensions := etree.NewElement("samlp:Extensions")
			extensions.AddChild(original)
			m.InsertChildAt(1, extensions)
		}),
		wrap("XSW: the signed message in the signature's Object", form, func(m, original *etree.Element) {
			original.RemoveChild(child(original, "Signature"))
			m.CreateAttr("ID", "_evil")
			child(m, "Signature").CreateElement("ds:Object").AddChild(original)
		}),
		wrap("the same ID twice", []trace.Code{trace.XMLForbidden}, func(m, original *etree.Element) {
			original.RemoveChild(child(original, "Signature"))
			into(m).AddChild(original)
		}),
		wrap("the signature at the end", form, func(m, _ *etree.Element) {
			signature := child(m, "Signature")
			m.RemoveChild(signature)
			m.AddChild(signature)
		}),
		wrap("two signatures", form, func(m, _ *etree.Element) { m.InsertChildAt(2, child(m, "Signature").Copy()) }),
		logoutWith("inclusive canonicalisation", trace.SignatureAlgorithm, func(l *Logout) { l.Signature.C14N = Inclusive10 }),
	}
}

// queriedLogout is wrong with a query.
func queriedLogout() []logoutChange {
	encoding := []trace.Code{trace.MessageEncoding}
	unknown := []trace.Code{trace.UnknownKey}
	sent := func(name string, codes []trace.Code, edit func(string) string) logoutChange {
		return logoutChange{name, codes, func(l Logout) Logout {
			return l.With(func(l *Logout) { l.Query.Sent = edit })
		}}
	}
	first := func(query string) string { part, _, _ := strings.Cut(query, "&"); return part }
	return []logoutChange{
		{"signed as Go would write it, sent as ADFS does", unknown, func(l Logout) Logout {
			return l.With(func(l *Logout) {
				l.Query.Escape = LowerCase
				l.Query.Signed = func(query string) string {
					var parts []string
					for part := range strings.SplitSeq(query, "&") {
						name, value, _ := strings.Cut(part, "=")
						plain, err := url.QueryUnescape(value)
						must(err)
						parts = append(parts, name+"="+url.QueryEscape(plain))
					}
					return strings.Join(parts, "&")
				}
			})
		}},
		sent("re-encoded on its way", unknown, func(query string) string { return strings.ReplaceAll(query, "%3A", "%3a") }),
		sent("a RelayState added", unknown, func(query string) string { return query + "&RelayState=x" }),
		{"a RelayState changed", unknown, func(l Logout) Logout {
			return l.With(func(l *Logout) {
				l.RelayState, l.Query.Sent = "mine", func(query string) string { return strings.Replace(query, "=mine", "=yours", 1) }
			})
		}},
		{"a RelayState taken away", unknown, func(l Logout) Logout {
			return l.With(func(l *Logout) {
				l.RelayState, l.Query.Sent = "mine", func(query string) string { return strings.Replace(query, "&RelayState=mine", "", 1) }
			})
		}},
		sent("the message twice", encoding, func(query string) string { return query + "&" + first(query) }),
		sent("the message first empty, then real", encoding, func(query string) string {
			name, _, _ := strings.Cut(query, "=")
			return name + "=&" + query
		}),
		sent("the signature twice", encoding, func(query string) string { return query + "&Signature=AAAA" }),
		sent("SigAlg twice", encoding, func(query string) string { return query + "&SigAlg=" + url.QueryEscape(RSASHA256) }),
		sent("a second message under an encoded name", encoding, func(query string) string { return query + "&SAML%52equest=x" }),
		sent("request and response at once", encoding, func(query string) string { return query + "&SAMLRequest=x&SAMLResponse=x" }),
		sent("SigAlg without a signature", []trace.Code{trace.Unsigned}, func(query string) string { return query[:strings.Index(query, "&Signature=")] }),
		sent("an empty signature", encoding, func(query string) string { return query[:strings.Index(query, "&Signature=")] + "&Signature=" }),
		sent("a short signature", unknown, func(query string) string { return query[:strings.Index(query, "&Signature=")] + "&Signature=AAAA" }),
		sent("another encoding named", encoding, func(query string) string { return query + "&SAMLEncoding=urn:x" }),
		sent("a broken percent-encoding", encoding, func(query string) string { return strings.Replace(query, "=", "=%zz", 1) }),
		{"MD5", []trace.Code{trace.SignatureAlgorithm}, func(l Logout) Logout {
			return l.With(func(l *Logout) { l.Query.Algorithm = RSAMD5 })
		}},
		{"not deflated", encoding, func(l Logout) Logout {
			return l.With(func(l *Logout) { l.Query.Message = func([]byte) []byte { return []byte("<samlp:LogoutRequest/>") } })
		}},
		{"a bomb", []trace.Code{trace.MessageTooLarge}, func(l Logout) Logout {
			return l.With(func(l *Logout) { l.Query.Message = func([]byte) []byte { return DeflateBomb(64 << 20) } })
		}},
		{"an embedded signature by a stranger beside the query's", unknown, func(l Logout) Logout {
			return l.With(func(l *Logout) { l.Embedded, l.Signature.Key = true, Key(Stranger) })
		}},
	}
}

// strangeLogout comes with no message at all, or with another kind.
func strangeLogout(scene Scene) []LogoutAttack {
	response := base64.StdEncoding.EncodeToString(scene.Respond(scene.Answer().Sign(SignBoth)))
	request := scene.Send(scene.Logout(saml.POST))
	add := func(name string, arrival saml.LogoutArrival, codes ...trace.Code) LogoutAttack {
		return LogoutAttack{scene, name, codes, arrival}
	}
	elsewhere := scene.Send(scene.Logout(saml.POST))
	elsewhere.At = strings.Replace(scene.SP.SLO, "corp", "other", 1)
	return []LogoutAttack{
		add("nothing by redirect", saml.LogoutArrival{Binding: saml.Redirect}, trace.MessageEncoding),
		add("nothing by POST", saml.LogoutArrival{Binding: saml.POST}, trace.MessageEncoding),
		add("both fields by POST", saml.LogoutArrival{Binding: saml.POST, Request: request.Request, Response: request.Request}, trace.MessageEncoding),
		add("a login's response", saml.LogoutArrival{Binding: saml.POST, Response: response}, trace.WrongMessage),
		add("a request as a response", saml.LogoutArrival{Binding: saml.POST, Response: request.Request}, trace.WrongMessage),
		add("a message by POST that is deflated", saml.LogoutArrival{Binding: saml.POST, Request: base64.StdEncoding.EncodeToString(deflated([]byte("<a/>")))}, trace.XMLMalformed, trace.XMLForbidden),
		add("a RelayState of 2 KiB", saml.LogoutArrival{Binding: saml.POST, Request: request.Request, RelayState: strings.Repeat("x", 2<<10)}, trace.MessageEncoding),
		add("at an address that is not the record's", elsewhere, trace.DestinationMismatch),
	}
}

// DeflateBomb is so many zero bytes, compressed.
func DeflateBomb(size int) []byte {
	var out bytes.Buffer
	writer, err := flate.NewWriter(&out, flate.BestCompression)
	must(err)
	zeros := make([]byte, 1<<20)
	for range size / len(zeros) {
		_, err := writer.Write(zeros)
		must(err)
	}
	must(writer.Close())
	return out.Bytes()
}
