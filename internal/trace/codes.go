package trace

// Code is the stable name of one reason to refuse a login: one word, one
// meaning (S62). Codes are public: they stand in the API, in metrics and in
// docs/reference/codes.md, which a test keeps equal to the table below.
type Code string

// Meaning is what a code says to its two readers.
type Meaning struct {
	Code    Code
	Rule    string // the requirement or semantic rule behind it
	Visitor string // the plain sentence on the refusal page: no value, no rule (S60)
	Cause   string // for the administrator
	Remedy  string // for the administrator: what to change
}

// The sentences a visitor may read. Few on purpose: which check refused is for
// the administrator (S60).
const (
	visitorRetry   = "The login took too long or was started elsewhere. Please start again."
	visitorIdP     = "Your identity provider did not confirm the login."
	visitorBroken  = "The answer of your identity provider could not be accepted."
	visitorNotIn   = "You are not allowed to log in here with this account."
	visitorProfile = "Your identity provider did not send everything we need to know about you."
	visitorOff     = "This way to log in is switched off at the moment."
)

// The codes, in the order of a login.
const (
	RecordInactive        Code = "record_inactive"
	NoPendingRequest      Code = "no_pending_request"
	RequestExpired        Code = "request_expired"
	Busy                  Code = "busy"
	MessageTooLarge       Code = "message_too_large"
	MessageEncoding       Code = "message_encoding"
	XMLMalformed          Code = "xml_malformed"
	XMLForbidden          Code = "xml_forbidden"
	XMLTooComplex         Code = "xml_too_complex"
	XMLAmbiguous          Code = "xml_ambiguous"
	VerifierFailed        Code = "verifier_failed"
	WrongMessage          Code = "wrong_message"
	ResponseStructure     Code = "response_structure"
	SignatureStructure    Code = "signature_structure"
	SignatureAlgorithm    Code = "signature_algorithm"
	Unsigned              Code = "unsigned"
	SignatureInvalid      Code = "signature_invalid"
	UnknownKey            Code = "unknown_key"
	CertificateExpired    Code = "certificate_expired"
	DecryptionFailed      Code = "decryption_failed"
	EncryptionAlgorithm   Code = "encryption_algorithm"
	Version               Code = "version"
	IssuerMismatch        Code = "issuer_mismatch"
	DestinationMismatch   Code = "destination_mismatch"
	RecipientMismatch     Code = "recipient_mismatch"
	SubjectConfirmation   Code = "subject_confirmation"
	RequestMismatch       Code = "request_mismatch"
	Unsolicited           Code = "unsolicited"
	TooEarly              Code = "too_early"
	TooLate               Code = "too_late"
	TimeFormat            Code = "time_format"
	Conditions            Code = "conditions"
	AudienceMissing       Code = "audience_missing"
	AudienceMismatch      Code = "audience_mismatch"
	AuthnStatement        Code = "authn_statement"
	AuthnTooOld           Code = "authn_too_old"
	AuthnInFuture         Code = "authn_in_future"
	SessionOver           Code = "session_over"
	Replayed              Code = "replayed"
	NameID                Code = "name_id"
	AttributeLimit        Code = "attribute_limit"
	IdPStatus             Code = "idp_status"
	AuthContextMissing    Code = "auth_context_missing"
	AuthContextNotAllowed Code = "auth_context_not_allowed"
	ValueTooLong          Code = "value_too_long"
	FieldMissing          Code = "field_missing"
	OtherUser             Code = "other_user"
	UserUnknown           Code = "user_unknown"
	AccountDisabled       Code = "account_disabled"
	DirectoryUnknown      Code = "directory_unknown"
	DirectoryDisabled     Code = "directory_disabled"
	DirectoryOutOfScope   Code = "directory_out_of_scope"
	ValidationFailed      Code = "validation_failed"
	ValidationIncomplete  Code = "validation_incomplete"
	NoAccess              Code = "no_access"
	NoAccessRule          Code = "no_access_rule"
	AccessIncomplete      Code = "access_incomplete"
)

// Meanings is the table of all codes, in the order of a login.
var Meanings = []Meaning{
	{RecordInactive, "S53", visitorOff,
		"The record is a draft or disabled, so its button is gone and its assertions are refused.",
		"Activate the record, or send people through another one. A draft takes test logins alone."},
	{NoPendingRequest, "M15", visitorRetry,
		"The browser that posted the response carries no pending request of this record, and the record does not allow unsolicited responses. Typical: a bookmark of the provider's login page, a second click on an old tab, blocked cookies.",
		"Begin at the record's sign-on URL; or allow unsolicited responses when people start at the provider's portal."},
	{RequestExpired, "M15", visitorRetry,
		"The pending request of this browser had ended before the response came.",
		"Begin again; if people need longer to authenticate, lengthen the pending time."},
	{Busy, "M01", visitorRetry,
		"More responses arrived at once than are verified at once.",
		"Nothing, if it passes; otherwise add a replica."},
	{MessageTooLarge, "M01", visitorBroken,
		"The posted body or the decoded message is over its limit.",
		"Send fewer attributes from the provider, or raise the message limit."},
	{MessageEncoding, "M02", visitorBroken,
		"The SAMLResponse field is missing, given twice, or not base64; or the answer came in an address instead of a form.",
		"The provider must use the HTTP-POST binding for responses."},
	{XMLMalformed, "M03", visitorBroken,
		"The message is not well-formed XML in UTF-8.",
		"Ask the provider for a plain UTF-8 response."},
	{XMLForbidden, "M03", visitorBroken,
		"The message holds what a SAML message must not: a document type, a processing instruction, a comment, a second root, the same attribute or ID twice.",
		"Nobody's provider sends this by itself: treat it as an attack, or find the proxy that rewrites messages."},
	{XMLTooComplex, "M03", visitorBroken,
		"The message has more tokens, depth, attributes or longer names than a login needs.",
		"Send fewer attributes from the provider."},
	{XMLAmbiguous, "M04", visitorBroken,
		"Two XML parsers could read the message differently.",
		"Treat it as an attack, or find the proxy that rewrites messages."},
	{VerifierFailed, "M05", visitorBroken,
		"The verifier itself failed on this message; this is an alarm.",
		"Keep the message and report it to us."},
	{WrongMessage, "M06", visitorBroken,
		"The message is not a SAML 2.0 Response.",
		"The provider's ACS setting must point here with the HTTP-POST binding."},
	{ResponseStructure, "M06", visitorBroken,
		"The Response has not exactly one Status and one Assertion, or an Assertion or Signature where none may stand.",
		"Treat it as an attack unless the provider sends several assertions: then configure it to send one."},
	{SignatureStructure, "M06", visitorBroken,
		"A signature is not of the one shape SAML allows: one reference, to its own parent, with the two allowed transforms.",
		"Choose the provider's default signature settings."},
	{SignatureAlgorithm, "M06", visitorBroken,
		"The signature uses an algorithm or a key size that is no longer safe, or that this record does not allow.",
		"Set the provider to RSA-SHA256 with a key of 2048 bits or more; or allow the legacy algorithm in the record."},
	{Unsigned, "M10", visitorBroken,
		"What the record demands to be signed is not.",
		"Switch on response or assertion signing at the provider, or change what the record demands."},
	{SignatureInvalid, "M08", visitorBroken,
		"The message was changed after it was signed, or the signature is damaged.",
		"Treat it as an attack, or find the proxy that rewrites messages."},
	{UnknownKey, "M09", visitorBroken,
		"The message was signed by a key that the record does not know.",
		"Import the provider's current metadata, or add its signing certificate."},
	{CertificateExpired, "M09", visitorBroken,
		"The certificate of the signing key is outside its dates, and this record refuses that.",
		"Renew the provider's certificate and import it."},
	{DecryptionFailed, "M11", visitorBroken,
		"The assertion could not be decrypted with any key of this record.",
		"Give the provider the record's current certificate from its SP metadata."},
	{EncryptionAlgorithm, "M11", visitorBroken,
		"The assertion is encrypted with an algorithm that this record does not allow.",
		"Set the provider to AES-GCM; or allow the legacy algorithm in the record."},
	{Version, "M12", visitorBroken,
		"The message is not SAML version 2.0, or lacks its ID or instant.",
		"Set the provider to SAML 2.0."},
	{IssuerMismatch, "M12", visitorBroken,
		"The issuer is missing or not the record's Identity Provider Issuer.",
		"Put the issuer that came into Identity Provider Issuer, if it is the right provider."},
	{DestinationMismatch, "M13", visitorBroken,
		"The Response names another Destination than this record's ACS URL.",
		"Enter this record's ACS URL at the provider."},
	{RecipientMismatch, "M13", visitorBroken,
		"The subject confirmation names another Recipient than this record's ACS URL.",
		"Enter this record's ACS URL at the provider, letter for letter."},
	{SubjectConfirmation, "M14", visitorBroken,
		"No bearer subject confirmation passes all its checks.",
		"Set the provider to the Web Browser SSO profile."},
	{RequestMismatch, "M15", visitorRetry,
		"The response answers another request than the one this browser is waiting for.",
		"Begin again at the record's sign-on URL."},
	{Unsolicited, "M15", visitorRetry,
		"The response answers no request, and the record does not allow that.",
		"Allow unsolicited responses when people start at the provider's portal."},
	{TooEarly, "M16", visitorBroken,
		"The assertion is not valid yet, by this clock.",
		"Set both clocks by NTP, or widen the record's clock skew up to 5 minutes."},
	{TooLate, "M16", visitorRetry,
		"The assertion is no longer valid, by this clock.",
		"Begin again; if it stays, set both clocks by NTP or widen the clock skew."},
	{TimeFormat, "M16", visitorBroken,
		"An instant is missing or has no time zone.",
		"Set the provider to send xs:dateTime in UTC."},
	{Conditions, "M16", visitorBroken,
		"Conditions are missing, doubled, or hold a condition we do not know.",
		"Set the provider to the Web Browser SSO profile."},
	{AudienceMissing, "M16", visitorBroken,
		"The assertion names no audience.",
		"Enter this record's Service Provider Issuer as audience at the provider."},
	{AudienceMismatch, "M16", visitorBroken,
		"The assertion is meant for another audience.",
		"Put the audience that came into Audience URI, or the record's issuer at the provider."},
	{AuthnStatement, "M16", visitorBroken,
		"The assertion does not say how or when the person authenticated.",
		"Set the provider to the Web Browser SSO profile."},
	{AuthnTooOld, "S54", visitorRetry,
		"A new authentication was asked for, and the provider answered with an old one.",
		"Switch Force Authn off, or let the provider honour it."},
	{AuthnInFuture, "M16", visitorBroken,
		"The person authenticated in the future, by this clock.",
		"Set both clocks by NTP."},
	{SessionOver, "M16", visitorRetry,
		"The provider's session had already ended.",
		"Begin again."},
	{Replayed, "M17", visitorRetry,
		"This assertion has opened a session before.",
		"Begin again; many of these are an attack."},
	{NameID, "M19", visitorBroken,
		"The subject has no usable NameID, or one qualified for somebody else.",
		"Set the provider to send a NameID of the record's format."},
	{AttributeLimit, "M20", visitorBroken,
		"The assertion holds more attributes or values than the limits.",
		"Send only the groups this service needs."},
	{IdPStatus, "M21", visitorIdP,
		"The provider answered with an error of its own.",
		"See the status codes in the trace; often the Name ID Format or the requested authentication context."},
	{AuthContextMissing, "S20", visitorNotIn,
		"The record allows only certain authentication contexts, and the assertion names none.",
		"Let the provider send AuthnContextClassRef, or empty Allowed Auth Context."},
	{AuthContextNotAllowed, "S20", visitorNotIn,
		"The authentication context is not among the allowed ones.",
		"Add the context that came to Allowed Auth Context, or let the person authenticate more strongly."},
	{ValueTooLong, "S10", visitorProfile,
		"A value that a rule reads is longer than 16 KiB, or one that a mapped field reads is longer than 1 KiB.",
		"Send a shorter value from the provider."},
	{FieldMissing, "S21", visitorProfile,
		"A required field did not come out of the mapping.",
		"Map the field to an attribute the provider sends, or let the provider send it."},
	{OtherUser, "S26", visitorRetry,
		"The answer to an elevation names another person than the session.",
		"Log out at the provider and elevate again as the same person."},
	{UserUnknown, "S41", visitorNotIn,
		"The person is not known, and this record creates nobody.",
		"Create the person, or switch just-in-time creation on."},
	{AccountDisabled, "S41", visitorNotIn,
		"The account is blocked by an administrator, or disabled by the directory.",
		"Unblock the person, or enable the entry in the directory."},
	{DirectoryUnknown, "S37", visitorNotIn,
		"The record takes groups from a directory, and the last good sync of it does not hold this person.",
		"Add the person to the directory, or widen the sync's filter, and sync again."},
	{DirectoryDisabled, "S37", visitorNotIn,
		"The record takes groups from a directory, and the last good sync of it found this person disabled or expired.",
		"Enable the person in the directory, and sync again."},
	{DirectoryOutOfScope, "S37", visitorNotIn,
		"The record takes groups from a directory, which has this person outside of the sync's base or filter.",
		"Move the person back, or widen base or filter, and sync again."},
	{ValidationFailed, "S22", visitorNotIn,
		"At least one validation rule is false.",
		"See the rule in the trace: change the rule, or the person's attributes at the provider."},
	{ValidationIncomplete, "S14", visitorProfile,
		"A validation rule reads an attribute of which the provider sent only a pointer, not the values.",
		"Let the provider send fewer groups, or only those assigned to the application."},
	{NoAccess, "S24", visitorNotIn,
		"Access rules exist, none matches, and the default is then No Access.",
		"Let an access rule match this person, or take the rules away."},
	{NoAccessRule, "S24", visitorNotIn,
		"A No Access rule matches; it wins over every other.",
		"Change the rule, or the person's attributes at the provider."},
	{AccessIncomplete, "S14", visitorProfile,
		"A No Access rule reads an attribute of which the provider sent only a pointer, not the values.",
		"Let the provider send fewer groups, or only those assigned to the application."},
}

var byCode = func() map[Code]Meaning {
	table := make(map[Code]Meaning, len(Meanings))
	for _, meaning := range Meanings {
		table[meaning.Code] = meaning
	}
	return table
}()

// Meaning of a code. An unknown code means nothing to the administrator and
// the plainest sentence to the visitor.
func (c Code) Meaning() Meaning {
	if meaning, ok := byCode[c]; ok {
		return meaning
	}
	return Meaning{Code: c, Visitor: visitorBroken}
}
