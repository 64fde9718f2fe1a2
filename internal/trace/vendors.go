package trace

// What the settings of a provider are called by those who make it: the reference
// of codes and the page of a login speak in their words.

// Wording is what one vendor calls the setting that mends a refusal. In Says, what
// stands on a screen is between *, and what stands in a file between `.
type Wording struct{ Vendor, Says string }

// AtProvider is where a code is mended at the provider, vendor by vendor; none for a
// code about which nothing is set there.
func AtProvider(code Code) []Wording { return atProvider[code] }

const (
	entra         = "Entra ID"
	okta          = "Okta"
	adfs          = "ADFS"
	google        = "Google Workspace"
	keycloak      = "Keycloak"
	pingFederate  = "PingFederate"
	oneLogin      = "OneLogin"
	shibboleth    = "Shibboleth"
	simpleSAMLphp = "SimpleSAMLphp"
)

var (
	inAudience = []Wording{
		{entra, "*Identifier (Entity ID)*"},
		{okta, "*Audience URI (SP Entity ID)*"},
		{adfs, "*Relying party trust identifiers*, tab *Identifiers*"},
		{google, "*Entity ID*, under *Service provider details*"},
		{keycloak, "*Client ID*"},
		{pingFederate, "*Partner's Entity ID*"},
		{oneLogin, "*Audience (EntityID)*"},
		{shibboleth, "`entityID` in the service's metadata"},
		{simpleSAMLphp, "the key of `$metadata[…]` in `saml20-sp-remote.php`"},
	}
	inACS = []Wording{
		{entra, "*Reply URL (Assertion Consumer Service URL)*"},
		{okta, "*Single sign-on URL*, with *Use this for Recipient URL and Destination URL*"},
		{adfs, "*SAML Assertion Consumer Endpoints*, tab *Endpoints*, binding *POST*"},
		{google, "*ACS URL*"},
		{keycloak, "*Assertion Consumer Service POST Binding URL*, and *Valid redirect URIs*"},
		{pingFederate, "*Assertion Consumer Service URL*, binding *POST*"},
		{oneLogin, "*ACS (Consumer) URL*, *Recipient* and *ACS (Consumer) URL Validator*"},
		{shibboleth, "`AssertionConsumerService` in the service's metadata"},
		{simpleSAMLphp, "`AssertionConsumerService`"},
	}
	inSigning = []Wording{
		{entra, "*Signing Option*, under *SAML Certificates*"},
		{okta, "*Response* and *Assertion Signature*: *Signed*"},
		{adfs, "`Set-AdfsRelyingPartyTrust -SamlResponseSignature`: `MessageAndAssertion`, `AssertionOnly` or `MessageOnly`"},
		{google, "*Signed response*: on signs the response, off the assertion"},
		{keycloak, "*Sign documents* and *Sign assertions*"},
		{pingFederate, "*Signature Policy*"},
		{oneLogin, "*SAML signature element*: *Assertion*, *Response* or *Both*"},
		{shibboleth, "`signResponses` and `signAssertions` of the profile"},
		{simpleSAMLphp, "`saml20.sign.response` and `saml20.sign.assertion`"},
	}
	inAlgorithm = []Wording{
		{entra, "*Signing Algorithm*: *SHA-256*"},
		{okta, "*Signature Algorithm*: *RSA-SHA256*; *Digest Algorithm*: *SHA256*"},
		{adfs, "*Secure hash algorithm*: *SHA-256*, tab *Advanced*"},
		{keycloak, "*Signature algorithm*: *RSA_SHA256*; *Canonicalization method*: *EXCLUSIVE*"},
		{pingFederate, "*Signing Algorithm*: *RSA SHA256*"},
		{oneLogin, "*SAML Signature Algorithm*: *SHA-256*"},
		{simpleSAMLphp, "`signature.algorithm`"},
	}
	inCertificate = []Wording{
		{entra, "*SAML Certificates*: *Federation Metadata XML*, or *App Federation Metadata Url*"},
		{okta, "*SAML Signing Certificates*, tab *Sign On*: the active one; *View IdP metadata*"},
		{adfs, "*Certificates*, *Token-signing*; `/FederationMetadata/2007-06/FederationMetadata.xml` holds it"},
		{google, "*Google Identity Provider details*: *Certificate*; *Download metadata*"},
		{keycloak, "*Realm settings*: *SAML 2.0 Identity Provider Metadata*"},
		{pingFederate, "*Digital Signature Settings* of the connection; *Export Metadata*"},
		{oneLogin, "*X.509 Certificate*, tab *SSO*; *More Actions*: *SAML Metadata*"},
		{shibboleth, "`idp-signing.crt`; `idp-metadata.xml`"},
		{simpleSAMLphp, "`certificate` in `saml20-idp-hosted.php`"},
	}
	inEncryption = []Wording{
		{entra, "*Token encryption*: import the certificate and activate it"},
		{okta, "*Assertion Encryption*, *Encryption Certificate*, *Encryption Algorithm* (*AES256-GCM*), *Key Transport Algorithm* (*RSA-OAEP*)"},
		{adfs, "tab *Encryption*; ADFS encrypts with CBC, so let it sign the response too"},
		{keycloak, "*Encrypt assertions*, tab *Keys*"},
		{pingFederate, "*Encryption Policy*; *Select XML Encryption Certificate*"},
		{oneLogin, "*SAML encryption method*; *Public key*"},
		{shibboleth, "`encryptAssertions`; the `KeyDescriptor` in the service's metadata"},
		{simpleSAMLphp, "`assertion.encryption`, `sharedkey_algorithm`, and the certificate in the service's metadata"},
	}
	inIssuer = []Wording{
		{entra, "*Microsoft Entra Identifier*"},
		{okta, "*Issuer*, under *View SAML setup instructions*"},
		{adfs, "*Federation Service identifier*"},
		{google, "*Entity ID*, under *Google Identity Provider details*"},
		{keycloak, "the realm's address, `…/realms/NAME`"},
		{pingFederate, "*SAML 2.0 Entity ID*, or the connection's virtual server ID"},
		{oneLogin, "*Issuer URL*, tab *SSO*"},
		{shibboleth, "`idp.entityID`"},
		{simpleSAMLphp, "the entity ID in `saml20-idp-hosted.php`"},
	}
	inAttributes = []Wording{
		{entra, "*Attributes & Claims*; the name that comes is *Namespace*, a slash and *Name*"},
		{okta, "*Attribute Statements*; groups: *Group Attribute Statements*"},
		{adfs, "*Edit Claim Issuance Policy*: *Send LDAP Attributes as Claims*"},
		{google, "*Attribute mapping*"},
		{keycloak, "*Client scopes*, the dedicated scope's *Mappers*: *SAML Attribute Name* counts, *Friendly Name* does not"},
		{pingFederate, "*Attribute Contract* and *Attribute Contract Fulfillment*"},
		{oneLogin, "tab *Parameters*, with *Include in SAML assertion*"},
		{shibboleth, "`attribute-resolver.xml` and `attribute-filter.xml`"},
		{simpleSAMLphp, "`attributes` and `authproc`"},
	}
	inGroups = []Wording{
		{entra, "*Add a group claim*: *Groups assigned to the application*; *Source attribute* chooses names or object IDs"},
		{okta, "*Group Attribute Statements*: a *Filter* that these groups match"},
		{adfs, "*Send Group Membership as a Claim*, or the LDAP attribute *Token-Groups - Unqualified Names*"},
		{google, "*Group membership*: each group is listed"},
		{keycloak, "the *Group list* mapper: *Full group path*, *Single Group Attribute*"},
		{pingFederate, "*Attribute Contract Fulfillment*, from the directory"},
		{oneLogin, "the groups parameter, with *Multi-value parameter*"},
		{shibboleth, "`attribute-filter.xml`: the values that are released"},
		{simpleSAMLphp, "`authproc`, with `core:AttributeMap` or `core:AttributeLimit`"},
	}
	inNameID = []Wording{
		{entra, "*Unique User Identifier (Name ID)*"},
		{okta, "*Name ID format* and *Application username*"},
		{adfs, "a claim rule whose *Outgoing claim type* is *Name ID*"},
		{google, "*Name ID format* and *Name ID*"},
		{keycloak, "*Name ID format* and *Force name ID format*"},
		{pingFederate, "*SAML_SUBJECT* in the *Attribute Contract*"},
		{oneLogin, "*SAML nameID format*, and the parameter *NameID value*"},
		{shibboleth, "`saml-nameid.xml`"},
		{simpleSAMLphp, "`NameIDFormat`, and the `saml:…NameID` filters of `authproc`"},
	}
	inContext = []Wording{
		{entra, "*Conditional Access*"},
		{okta, "*Authentication context class*, and the application's authentication policy"},
		{adfs, "*Authentication Methods*, and the access control policy"},
		{keycloak, "*ACR to LoA Mapping*, and the browser flow"},
		{pingFederate, "the authentication policy's *AuthN Context*"},
		{shibboleth, "`defaultAuthenticationMethods`, and the flows' `supportedPrincipals`"},
		{simpleSAMLphp, "`AuthnContextClassRef`, or `saml:AuthnContextClassRef` in `authproc`"},
	}
	inAssignment = []Wording{
		{entra, "*Users and groups*; *Assignment required?*"},
		{okta, "tab *Assignments*"},
		{adfs, "*Edit Access Control Policy*"},
		{google, "*User access*: *ON* for the organizational unit or group"},
		{keycloak, "the client's *Authentication flow overrides*"},
		{pingFederate, "*Issuance Criteria*"},
		{oneLogin, "*Access* and *Users*"},
	}
	inForce = []Wording{
		{okta, "*Honor Force Authentication*: *Yes*"},
		{simpleSAMLphp, "the authentication source must support it"},
	}
	inStart = []Wording{
		{entra, "*Sign on URL*: the record's sign-on URL"},
		{okta, "a *Bookmark App* with the record's sign-on URL, in place of the application's own tile"},
		{keycloak, "*Home URL*: the record's sign-on URL; *IDP-Initiated SSO URL name*: empty"},
		{oneLogin, "*SAML initiator*: *Service Provider*; *Login URL*: the record's sign-on URL"},
	}
	inBinding = []Wording{
		{adfs, "the endpoint's *Binding*: *POST*"},
		{keycloak, "*Force POST binding*: *On*"},
		{pingFederate, "the ACS endpoint's *Binding*: *POST*"},
		{shibboleth, "`Binding` of the `AssertionConsumerService` in the service's metadata"},
		{simpleSAMLphp, "`Binding` of the `AssertionConsumerService`"},
	}
	inClock = []Wording{
		{adfs, "the server's clock; `Set-AdfsRelyingPartyTrust -NotBeforeSkew`"},
		{keycloak, "the server's clock; *Assertion Lifespan*"},
		{pingFederate, "the server's clock; *Assertion Lifetime*: *Minutes Before* and *Minutes After*"},
		{oneLogin, "*SAML notBefore* and *SAML notOnOrAfter*"},
		{shibboleth, "the server's clock; `assertionLifetime`"},
		{simpleSAMLphp, "the server's clock; `assertion.lifetime`"},
	}
)

// atProvider is where each code is mended at the provider. Codes about which
// nothing is set there are left out.
var atProvider = map[Code][]Wording{
	NoPendingRequest: inStart, Unsolicited: inStart,
	MessageTooLarge: inGroups, XMLTooComplex: inGroups, AttributeLimit: inGroups,
	MessageEncoding: inBinding, WrongMessage: inACS,
	SignatureStructure: inAlgorithm, SignatureAlgorithm: inAlgorithm,
	Unsigned: inSigning, UnknownKey: inCertificate, CertificateExpired: inCertificate,
	DecryptionFailed: inEncryption, EncryptionAlgorithm: inEncryption,
	IssuerMismatch: inIssuer, DestinationMismatch: inACS, RecipientMismatch: inACS,
	TooEarly: inClock, TooLate: inClock, AuthnInFuture: inClock,
	AudienceMissing: inAudience, AudienceMismatch: inAudience,
	AuthnTooOld: inForce, NameID: inNameID, IdPStatus: inAssignment,
	AuthContextMissing: inContext, AuthContextNotAllowed: inContext,
	ValueTooLong: inAttributes, FieldMissing: inAttributes,
	ValidationFailed: inAttributes, ValidationIncomplete: inGroups,
	NoAccess: inGroups, NoAccessRule: inAttributes, AccessIncomplete: inGroups,
}
