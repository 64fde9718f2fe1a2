// Package fetch owns getting a document from an address that somebody else
// chose: bounded in size and time, over https, and never from the inside of our
// own network unless a setting allows it (M25). It leaves what a document means to
// others.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"idms/internal/fault"
)

// Config is what a Client allows. The zero value allows https to public
// addresses.
type Config struct {
	Networks       []netip.Prefix // private ones that may be asked all the same
	AllowPlainHTTP bool
	MaxBytes       int64          // of a document; 0 is 4 MiB
	Timeout        time.Duration  // of all of it; 0 is 10 seconds
	Roots          *x509.CertPool // nil is the system's
}

const (
	usualBytes   = 4 << 20
	usualTimeout = 10 * time.Second
	maxRedirects = 3
	maxHeaders   = 64 << 10
)

// Client gets documents. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
}

// New makes a client. It uses no proxy: the addresses are checked where the
// connection is made, and a proxy would make it elsewhere.
func New(config Config) *Client {
	if config.MaxBytes == 0 {
		config.MaxBytes = usualBytes
	}
	if config.Timeout == 0 {
		config.Timeout = usualTimeout
	}
	c := &Client{config: config}
	dialer := &net.Dialer{
		Timeout: config.Timeout,
		// After the name is resolved and before the connection: whatever the name
		// says by now, this is the address (DNS rebinding).
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error { return c.checkAddress(address) },
	}
	c.http = &http.Client{
		Timeout: config.Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: config.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: config.Timeout, MaxResponseHeaderBytes: maxHeaders, ForceAttemptHTTP2: true,
			DisableKeepAlives: true, // the next time is hours away
		},
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fault.New(fault.Upstream, "The address leads from one to the next more than %d times. Enter the last one.", maxRedirects)
			}
			return c.checkURL(request.URL)
		},
	}
	return c
}

// Known is what a former answer said of itself, to ask only for a newer one.
type Known struct{ ETag, Modified string }

// Document is an answer.
type Document struct {
	Body      []byte
	Unchanged bool      // since what was known: there is no Body
	Known     Known     // for the next time
	URL       string    // where it came from in the end
	Date      time.Time // the server's clock; zero when it does not say
}

// Get gets a document. The error is fault.Invalid for an address that is not
// allowed, and fault.Upstream for a server that does not answer as it should; its
// sentence says why.
func (c *Client) Get(ctx context.Context, address string, known Known) (Document, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Document{}, fault.Hide(err, fault.Invalid, "The address cannot be read.")
	}
	if err := c.checkURL(request.URL); err != nil {
		return Document{}, err
	}
	request.Header.Set("Accept", "application/samlmetadata+xml, application/xml, text/xml, */*;q=0.1")
	request.Header.Set("User-Agent", "idms")
	if known.ETag != "" {
		request.Header.Set("If-None-Match", known.ETag)
	}
	if known.Modified != "" {
		request.Header.Set("If-Modified-Since", known.Modified)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return Document{}, unanswered(err)
	}
	defer answer.Body.Close()
	document := Document{URL: answer.Request.URL.String(), Known: Known{ETag: short(answer.Header.Get("ETag")), Modified: short(answer.Header.Get("Last-Modified"))}}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		document.Date = date.UTC()
	}
	switch {
	case answer.StatusCode == http.StatusNotModified && known != (Known{}):
		document.Unchanged, document.Known = true, known
		return document, nil
	case answer.StatusCode != http.StatusOK:
		return document, fault.New(fault.Upstream, "The server answered with status %d.", answer.StatusCode)
	}
	document.Body, err = io.ReadAll(io.LimitReader(answer.Body, c.config.MaxBytes+1))
	switch {
	case err != nil:
		return document, unanswered(err)
	case int64(len(document.Body)) > c.config.MaxBytes:
		return document, fault.New(fault.Upstream, "The document has more than %d bytes.", c.config.MaxBytes)
	}
	return document, nil
}

// short leaves out a header too long to keep.
func short(header string) string {
	if len(header) > 256 {
		return ""
	}
	return header
}

// unanswered tells why there was no answer, without repeating one.
func unanswered(err error) error {
	var classified error
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if fault.KindOf(cause) != fault.Internal {
			classified = cause
		}
	}
	var dns *net.DNSError
	var network net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case classified != nil:
		return fault.Hide(err, fault.KindOf(classified), fault.Sentence(classified))
	case errors.As(err, &dns):
		return fault.Hide(err, fault.Upstream, "The host of the address is not known.")
	case errors.As(err, &certificate):
		return fault.Hide(err, fault.Upstream, "The server's TLS certificate is not trusted.")
	case errors.As(err, &network) && network.Timeout():
		return fault.Hide(err, fault.Upstream, "The server did not answer in time.")
	}
	return fault.Hide(err, fault.Upstream, "The server does not answer.")
}

func (c *Client) checkURL(address *url.URL) error {
	switch {
	case address.Scheme == "https":
	case address.Scheme == "http" && c.config.AllowPlainHTTP:
	case address.Scheme == "http":
		return fault.New(fault.Invalid, "The address begins with http://, which is not allowed here. Use https://, or say metadata.allow_plain_http.")
	default:
		return fault.New(fault.Invalid, "The address does not begin with https://.")
	}
	if address.Host == "" || address.User != nil {
		return fault.New(fault.Invalid, "The address has no host, or a user name in it.")
	}
	return nil
}

// checkAddress is asked about each address that a connection is made to.
func (c *Client) checkAddress(hostPort string) error {
	address, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	ip := address.Addr().Unmap().WithZone("")
	if isPublic(ip) || slices.ContainsFunc(c.config.Networks, func(network netip.Prefix) bool { return network.Contains(ip) }) {
		return nil
	}
	return fault.New(fault.Invalid, "The address is %s, inside of a private network. Allow its network with metadata.allow_networks, if that is right.", ip)
}

// inside are addresses that IsGlobalUnicast takes for public ones and that are
// not (RFC 6890 and its registries; the last ones embed IPv4 addresses).
var inside = prefixes("0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 " +
	"100::/64 2001::/23 2001:db8::/32 fec0::/10 ::/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16")

func prefixes(list string) []netip.Prefix {
	var all []netip.Prefix
	for text := range strings.FieldsSeq(list) {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func isPublic(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() &&
		!slices.ContainsFunc(inside, func(network netip.Prefix) bool { return network.Contains(ip) })
}
