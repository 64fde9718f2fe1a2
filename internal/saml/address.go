package saml

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"idms/internal/fault"
)

// Bounds of what an administrator or a metadata document names.
const (
	maxURL      = 2048 // bytes; what browsers, proxies and providers all take
	maxEntityID = 1024 // characters (SAML core 8.3.6)
)

// parseURL reads the address of a page or endpoint that a browser is sent to:
// whole, without credentials and without a fragment, over https. Plain http is
// taken for loopback hosts alone, for demos and tests on one machine: anywhere
// else, whoever sits on the wire could send the person to another provider.
func parseURL(value string) (*url.URL, error) {
	if len(value) > maxURL {
		return nil, fault.New(fault.Invalid, "The address is longer than %d characters.", maxURL)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, isOddInURL) {
		return nil, fault.New(fault.Invalid, "Remove white space, control characters and backslashes from the address.")
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII }) {
		return nil, fault.New(fault.Invalid, "Write letters beyond ASCII in their encoded form: xn-- in the host, %%C3%%BC in the path.")
	}
	address, err := url.Parse(value)
	if err != nil || address.Host == "" || address.Hostname() == "" || address.Opaque != "" {
		return nil, fault.New(fault.Invalid, "Write the whole address, beginning with https:// and the host.")
	}
	if port := address.Port(); port != "" {
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
			return nil, fault.New(fault.Invalid, "The port of the address is between 1 and 65535.")
		}
	}
	switch {
	case address.Scheme == "http" && isLoopback(address.Hostname()):
	case address.Scheme != "https":
		return nil, fault.New(fault.Invalid, "The address begins with https:// (http:// is taken for localhost and 127.0.0.1 only).")
	}
	if address.User != nil {
		return nil, fault.New(fault.Invalid, "Remove the user name and password from the address.")
	}
	if strings.Contains(value, "#") {
		return nil, fault.New(fault.Invalid, "Remove the part of the address from # on.")
	}
	return address, nil
}

// parseOrigin reads scheme://host[:port], the beginning of addresses that this
// service answers at. Whether that may be plain http is for the configuration
// to say, which names the origins there are.
func parseOrigin(value string) error {
	port := ":443"
	if host, plain := strings.CutPrefix(value, "http://"); plain {
		value, port = "https://"+host, ":80"
	}
	address, err := parseURL(value)
	if err != nil {
		return err
	}
	if strings.Trim(address.Path, "/") != "" || strings.Contains(value, "?") || strings.HasSuffix(value, "//") {
		return fault.New(fault.Invalid, "Write the scheme, host and port only, for example https://login.example.com.")
	}
	// Providers compare our addresses byte for byte, and browsers send the
	// shortest form.
	if strings.ToLower(value) != value || strings.HasSuffix(address.Host, port) {
		return fault.New(fault.Invalid, "Write the host in small letters, and leave out the port %s.", port[1:])
	}
	return nil
}

// parseSSOURL reads an address that requests are sent to. gosaml2 and every
// provider would be at a loss with a second SAMLRequest in its query.
func parseSSOURL(value string) error {
	address, err := parseURL(value)
	if err != nil {
		return err
	}
	for _, name := range [...]string{"SAMLRequest", "SAMLResponse", "SAMLEncoding", "RelayState", "SigAlg", "Signature"} {
		if address.Query().Has(name) {
			return fault.New(fault.Invalid, "Remove %s from the address: each login brings its own.", name)
		}
	}
	return nil
}

// checkURI reads an identifier that is an absolute URI: a Name ID Format, an
// authentication context.
func checkURI(value string) error {
	if err := checkEntityID(value); err != nil {
		return err
	}
	if address, err := url.Parse(value); err != nil || !address.IsAbs() || strings.HasSuffix(value, ":") {
		return fault.New(fault.Invalid, "Write the whole URI, for example urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken.")
	}
	return nil
}

// checkEntityID reads an identifier of a party. SAML core 8.3.6 wants a URI;
// providers in the field use plain names too, and nobody resolves either.
func checkEntityID(value string) error {
	switch {
	case utf8.RuneCountInString(value) > maxEntityID:
		return fault.New(fault.Invalid, "An identifier has at most %d characters.", maxEntityID)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, isSpaceOrControl):
		return fault.New(fault.Invalid, "Remove white space and control characters: an identifier holds none.")
	}
	return nil
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// isOddInURL: browsers drop tabs and line breaks from an address and read a
// backslash as a slash (WHATWG URL 4.4), so that we and they would disagree on
// the host.
func isOddInURL(r rune) bool { return isSpaceOrControl(r) || r == '\\' }

// isLoopback: RFC 6761 6.3 keeps localhost and all below it on this machine.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
