package saml

// Limits bound what one response may cost before anybody vouches for it (M01,
// M03, M20). Zero in a field means none at all: begin with [DefaultLimits].
type Limits struct {
	Body       int // bytes of a posted form; who reads the form keeps it
	Message    int // bytes of the decoded message; a form field of it takes about half as much again
	Tokens     int // tags, runs of text and CDATA sections
	Depth      int // of elements
	Attributes int // XML attributes of one element, namespace declarations counted
	Name       int // bytes of one XML name, and of one SAML attribute's Name
	Namespaces int // namespace declarations in scope at once

	// Of one assertion.
	AttributeNames  int // different SAML attributes
	AttributeValues int // values of all of them together
}

// DefaultLimits let 5,000 Keycloak roles pass, which are 1.35 MiB, or 2.4 MiB
// as a form field when they are encrypted.
func DefaultLimits() Limits {
	return Limits{
		Body:            4 << 20,
		Message:         2 << 20,
		Tokens:          100_000,
		Depth:           64,
		Attributes:      64,
		Name:            1 << 10,
		Namespaces:      48,
		AttributeNames:  1_000,
		AttributeValues: 30_000,
	}
}

// scan are the limits of the scan of a message.
func (l Limits) scan() scanLimits {
	return scanLimits{
		bytes:      l.Message,
		tokens:     l.Tokens,
		depth:      l.Depth,
		attributes: l.Attributes,
		name:       l.Name,
		namespaces: l.Namespaces,
		density:    messageDensity,
	}
}

// messageDensity is three quarters of a byte: the shortest attribute value that
// a provider could send, <AttributeValue>x</AttributeValue>, has 33 bytes and
// weighs 8 and one for each prefix in scope.
const messageDensity = 3
