package ldapsync

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/fault"
)

// dialTimeout bounds the whole way to one host: name, connection and TLS.
const dialTimeout = 5 * time.Second

// What one reading may hold, so that no directory can fill our memory.
const (
	maxEntries   = 2_000_000 // of people, and of groups
	maxReferrals = 10_000
	maxIdlePages = 100 // in a row without an entry
)

// directory is one connection to one host, bound, for a whole run.
type directory struct {
	settings Settings // with defaults
	host     string
	wire     *wire
	client   *ldap.Conn
	release  func() bool // stops watching the context
	steps    *Steps      // what was done, for the tests of a connection; may be nil

	referrals int
}

// connect goes through the hosts in their order and stays with the first that
// can be reached. A host that answers and refuses the bind ends the search:
// the next would refuse too, and a locked-out account helps nobody.
func connect(ctx context.Context, s Settings, password string, steps *Steps) (*directory, error) {
	if problems := s.Check(); problems.Any() {
		return nil, &Fault{Phase: Connecting, Code: SettingsInvalid,
			Sentence: "The settings of the directory have problems.", cause: problems.Err()}
	}
	s = s.Defaults()
	trust, err := tlsConfig(s)
	if err != nil {
		return nil, blame(ctx, err, Connecting, 0, "")
	}
	var failed error
	for _, host := range s.Hosts {
		address := withPort(host, s.Port)
		conn, err := dial(ctx, s, address, trust)
		if err != nil {
			failed = blame(ctx, err, Connecting, 0, address)
			steps.failed("Connect to "+address, failed)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		steps.done("Connect to "+address, protection(conn))
		d := open(ctx, s, address, conn)
		d.steps = steps
		if err := d.bind(ctx, password); err != nil {
			d.close()
			return nil, err
		}
		return d, nil
	}
	return nil, failed
}

func tlsConfig(s Settings) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CACertificate == "" {
		return config, nil
	}
	pool, err := certificates(s.CACertificate)
	config.RootCAs = pool
	return config, err
}

// protection says how a connection is protected.
func protection(conn net.Conn) string {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return "without TLS"
	}
	state := secured.ConnectionState()
	text := tls.VersionName(state.Version)
	if len(state.PeerCertificates) > 0 {
		text += fmt.Sprintf(", certificate of %s until %s",
			bounded(state.PeerCertificates[0].Subject.String(), 200), state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly))
	}
	return text
}

// dial makes the connection with the protection that the settings ask for.
func dial(ctx context.Context, s Settings, address string, trust *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn = newPatient(conn)
	if s.Security == InsecurePlaintext {
		return conn, nil
	}
	until, _ := ctx.Deadline()
	if err := conn.SetDeadline(until); err != nil {
		conn.Close()
		return nil, err
	}
	if s.Security == StartTLS {
		if err := askForTLS(conn); err != nil {
			conn.Close()
			return nil, err
		}
	}
	trust = trust.Clone()
	trust.ServerName, _, _ = net.SplitHostPort(address)
	secured := tls.Client(conn, trust)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// open puts go-ldap on top of a connection, with our wire between them. When
// the context ends, so does the connection.
func open(ctx context.Context, s Settings, address string, conn net.Conn) *directory {
	d := &directory{settings: s, host: address, wire: newWire(conn, s.PlainReader)}
	_, secured := conn.(*tls.Conn)
	d.client = ldap.NewConn(d.wire, secured)
	// Longer than the deadline of the connection, which comes first.
	d.client.SetTimeout(s.pageDeadline() + dialTimeout)
	d.client.Start()
	d.release = context.AfterFunc(ctx, func() { conn.Close() })
	return d
}

func (d *directory) close() {
	d.release()
	// First the socket: go-ldap's own Close waits for its reader.
	d.wire.Close()
	d.client.Close()
}

func (d *directory) bind(ctx context.Context, password string) error {
	if d.settings.BindDN == "" {
		d.steps.done("Bind", "without a name")
		return nil
	}
	d.wire.expect(nil, d.settings.pageDeadline())
	err := d.client.Bind(d.settings.BindDN, password)
	if reason := d.wire.failed(); err != nil && reason != nil {
		err = reason
	}
	if err != nil {
		err = blame(ctx, err, Binding, 0, d.host)
		d.steps.failed("Bind as "+bounded(d.settings.BindDN, maxDN), err)
		return err
	}
	d.steps.done("Bind as "+bounded(d.settings.BindDN, maxDN), "the password is right")
	return nil
}

// question is one search.
type question struct {
	phase      Phase
	base       string
	scope      int
	filter     string
	attributes []string
}

// ask reads all pages of a search and hands every entry on, in order and one at
// a time. It fails unless the answer is complete by the directory's own word.
// The entries of a failed search have been handed on in part: whoever took them
// throws them away (L5). progress is called after each page.
func (d *directory) ask(ctx context.Context, q question, each func(entry) error, progress func(page, entries int)) error {
	paging := ldap.NewControlPaging(uint32(d.settings.PageSize))
	entries, idle := 0, 0
	for page := 1; ; page++ {
		before := entries
		cookie, err := d.page(ctx, q, paging, func(e entry) error {
			if entries++; entries > maxEntries {
				return &Fault{Code: SizeLimit, Sentence: fmt.Sprintf("The directory has more than %d entries here.", maxEntries)}
			}
			return each(e)
		})
		if idle++; entries > before {
			idle = 0
		}
		if err == nil && idle > maxIdlePages {
			err = &Fault{Code: PagingLost, Sentence: "The directory sends empty pages without an end."}
		}
		if err == nil && len(cookie) > 0 && bytes.Equal(cookie, paging.Cookie) && entries == before {
			err = &Fault{Code: PagingLost, Sentence: "The directory sends the same empty page again."}
		}
		if err != nil {
			return blame(ctx, err, q.phase, page, d.host)
		}
		if progress != nil {
			progress(page, entries)
		}
		if len(cookie) == 0 {
			return nil
		}
		paging.SetCookie(cookie)
	}
}

// page reads one page and returns the cookie of the next, empty after the last.
func (d *directory) page(ctx context.Context, q question, paging *ldap.ControlPaging, each func(entry) error) ([]byte, error) {
	result, err := d.search(ctx, q, each, paging)
	if err != nil {
		return nil, err
	}
	// Without the control nobody says that this was the last page (RFC 2696 3):
	// a server that forgot the pages between two of them answers like that.
	control, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if !ok {
		return nil, &Fault{Code: PagingLost, Sentence: "The directory does not say whether there are further pages."}
	}
	return control.Cookie, nil
}

// search is one request and all that is said to it.
func (d *directory) search(ctx context.Context, q question, each func(entry) error, controls ...ldap.Control) (*ldap.SearchResult, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	request := ldap.NewSearchRequest(q.base, q.scope, ldap.NeverDerefAliases, 0, 0, false, q.filter, q.attributes, controls)
	d.wire.expect(each, d.settings.pageDeadline())
	result, err := d.client.Search(request)
	// What the wire saw comes first: go-ldap only knows that something ended.
	if reason := d.wire.failed(); reason != nil {
		return nil, reason
	}
	if err != nil {
		return nil, err
	}
	d.referrals += len(result.Referrals)
	if d.referrals > maxReferrals {
		return nil, &Fault{Code: SizeLimit, Sentence: fmt.Sprintf("The directory refers to other servers more than %d times.", maxReferrals)}
	}
	for _, one := range result.Entries { // of the plain reader
		if err := each(plainEntry(one)); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func plainEntry(from *ldap.Entry) entry {
	e := entry{dn: []byte(from.DN), attributes: make([]attribute, len(from.Attributes))}
	for i, one := range from.Attributes {
		e.attributes[i] = attribute{[]byte(one.Name), one.ByteValues}
	}
	return e
}

// isAbsent tells whether a search failed because its base is not there.
func isAbsent(err error) bool {
	return isCode(err, NoSuchBase) || ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject)
}

func isCode(err error, code FaultCode) bool {
	f, ok := errors.AsType[*Fault](err)
	return ok && f.Code == code
}

// Steps are what was done to answer a question of an administrator, in order.
type Steps []Step

// Step is one of them.
type Step struct {
	Did    string `json:"did"`
	Result string `json:"result"`
	Failed bool   `json:"failed,omitempty"`
	Fix    string `json:"fix,omitempty"` // what can be done about a failed one
}

func (s *Steps) done(did, result string) {
	if s != nil {
		*s = append(*s, Step{Did: did, Result: result})
	}
}

func (s *Steps) failed(did string, err error) {
	if s != nil {
		step := Step{Did: did, Result: fault.Sentence(err), Failed: true}
		if of, ok := errors.AsType[*Fault](err); ok {
			step.Fix = of.Code.Advice()
		}
		*s = append(*s, step)
	}
}
