package samltest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"github.com/beevik/etree"

	"idms/internal/saml"
)

// IdP is an identity provider: a name, addresses and keys. It keeps nothing
// about the responses it has written.
type IdP struct {
	EntityID string
	SSO      string // speaks both bindings
	Logout   string // "" is none
	// Keys sign; metadata publishes all of their certificates, in order. The
	// first one signs unless an Answer says otherwise.
	Keys []saml.Key
	// Dialect is how this provider writes XML.
	Dialect Dialect
	// SignElsewhere, when set, makes every signature with another program. It is
	// given the document with the signature's template in it, the ID of the element
	// that is signed and the key, and returns the two values to put there, or false
	// when that program does not make such signatures: ours stands then.
	SignElsewhere func(document []byte, id string, key saml.Key) (digestValue, signatureValue string, ok bool)
}

// NewIdP returns a provider with its addresses under entityID. Without keys it
// signs with the fixed test key [Signer].
func NewIdP(entityID string, keys ...saml.Key) *IdP {
	if len(keys) == 0 {
		keys = []saml.Key{Key(Signer)}
	}
	return &IdP{EntityID: entityID, SSO: entityID + "/sso", Logout: entityID + "/slo", Keys: keys}
}

// SAML is the provider as the verifier knows it.
func (p *IdP) SAML() saml.IdP {
	idp := saml.IdP{
		EntityID: p.EntityID,
		SSO: []saml.Endpoint{
			{Binding: saml.Redirect, URL: p.SSO},
			{Binding: saml.POST, URL: p.SSO},
		},
	}
	if p.Logout != "" {
		idp.Logout = []saml.Endpoint{{Binding: saml.Redirect, URL: p.Logout}}
		idp.LogoutAnswers = idp.Logout
	}
	for _, key := range p.Keys {
		idp.Certificates = append(idp.Certificates, key.Certificate)
	}
	return idp
}

// Settings are the least an administrator enters for this provider: its issuer
// and its metadata.
func (p *IdP) Settings() saml.Settings {
	return saml.Settings{Issuer: p.EntityID, Metadata: string(p.Metadata()), ClockSkew: saml.DefaultClockSkew}
}

// Metadata is the provider's EntityDescriptor (SAML metadata 2.3.2).
func (p *IdP) Metadata() []byte {
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	entity := doc.CreateElement("md:EntityDescriptor")
	entity.CreateAttr("xmlns:md", "urn:oasis:names:tc:SAML:2.0:metadata")
	entity.CreateAttr("xmlns:ds", nsSignature)
	entity.CreateAttr("entityID", p.EntityID)
	role := entity.CreateElement("md:IDPSSODescriptor")
	role.CreateAttr("WantAuthnRequestsSigned", "false")
	role.CreateAttr("protocolSupportEnumeration", nsProtocol)
	for _, key := range p.Keys {
		descriptor := role.CreateElement("md:KeyDescriptor")
		descriptor.CreateAttr("use", "signing")
		descriptor.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data").
			CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(key.Certificate.Raw))
	}
	endpoint := func(name, binding, address string) {
		element := role.CreateElement("md:" + name)
		element.CreateAttr("Binding", "urn:oasis:names:tc:SAML:2.0:bindings:"+binding)
		element.CreateAttr("Location", address)
	}
	if p.Logout != "" {
		endpoint("SingleLogoutService", "HTTP-Redirect", p.Logout)
	}
	for _, format := range []string{FormatPersistent, FormatEmail, FormatUnspecified} {
		role.CreateElement("md:NameIDFormat").SetText(format)
	}
	endpoint("SingleSignOnService", "HTTP-Redirect", p.SSO)
	endpoint("SingleSignOnService", "HTTP-POST", p.SSO)
	return write(doc)
}

func certificatePEM(certificate *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}

func write(doc *etree.Document) []byte {
	out, err := doc.WriteToBytes()
	if err != nil {
		panic("samltest: " + err.Error())
	}
	return out
}
