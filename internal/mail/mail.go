// Package mail owns sending a letter to a person through the organisation's mail
// server: the encryption on the way there, how long it may take, how many letters an
// address may get, and saying in words why one could not be sent. It leaves what
// stands in a letter to whoever writes it, and the settings' form to config.
//
// A letter can hold an address that lets somebody in. So none leaves this machine in
// the clear, and nothing of it is ever in an error.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"idms/internal/fault"
)

// Bounds of sending.
const (
	// sendTime is for one letter, from the first packet to the server's promise. The
	// person who caused it waits for so long.
	sendTime = 10 * time.Second
	// PerAddress is how many letters one address may get within While, and inAll is how
	// many go out, of all processes together: whoever can cause letters must not be able
	// to flood anybody with them.
	PerAddress = 5
	inAll      = 200
	While      = time.Hour
)

// Config says which server takes the letters. It has been checked by config.
type Config struct {
	Host               string // "" is none
	Port               int    // 0 is 587, and 465 where TLS is implicit
	TLS                string // starttls, implicit; none on loopback alone
	Username, Password string
	From               string // address, or Name <address>
	CAFile             string // PEM; "" trusts whom the system trusts
}

// Sender sends letters through one server. It is safe for concurrent use. A nil
// Sender is one that has no server: Ready is false.
type Sender struct {
	config Config
	roots  *x509.CertPool
	from   *mail.Address
	clock  func() time.Time
	count  Count
}

// Past is how many letters went out before one: to its address, and in all.
type Past struct{ To, InAll int }

// Count notes that a letter goes out to an address, folded, at an instant, unless may
// objects to the letters that went out in the time within before it. Its error is
// that of may, or its own.
type Count func(ctx context.Context, address string, at time.Time, within time.Duration, may func(Past) error) error

// New returns the sender of a configuration that has been checked, and nil for one
// without a server. It sends nothing that count objects to. clock nil is time.Now. A
// file of certificates that cannot be read is fault.Invalid.
func New(c Config, clock func() time.Time, count Count) (*Sender, error) {
	if c.Host == "" {
		return nil, nil
	}
	from, err := mail.ParseAddress(c.From)
	if err != nil {
		return nil, fault.New(fault.Invalid, "mail.from is no address.")
	}
	s := &Sender{config: c, from: from, clock: clock, count: count}
	if clock == nil {
		s.clock = time.Now
	}
	if c.CAFile == "" {
		return s, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The file of mail.ca_file cannot be read: %v", err)
	}
	if s.roots, err = x509.SystemCertPool(); err != nil {
		s.roots = x509.NewCertPool()
	}
	if !s.roots.AppendCertsFromPEM(text) {
		return nil, fault.New(fault.Invalid, "The file of mail.ca_file holds no certificate in PEM.")
	}
	return s, nil
}

// Ready is true when there is a server to send through.
func (s *Sender) Ready() bool { return s != nil }

// Server is where letters go and from whom they come, for people to read.
func (s *Sender) Server() (host, from string) { return s.config.Host, s.from.Address }

// Letter is a short plain text to one person.
type Letter struct {
	To      string // address alone
	Subject string // one line
	Text    string // lines end with \n
}

// Send takes a letter to the server. When it returns nil, the server has promised to
// deliver it. Otherwise the sentence of the error says what an administrator can do:
// fault.Invalid for an address or a subject that is none, fault.Conflict when the
// address got PerAddress letters within the hour, and fault.Upstream when the server
// does not take it within sendTime, or cannot be asked with these settings. What stays
// fault.Internal is of Count: the letter could not be counted, and was not sent.
func (s *Sender) Send(ctx context.Context, letter Letter) error {
	to, err := mail.ParseAddress(letter.To)
	if err != nil || to.Address != letter.To || strings.ContainsFunc(letter.To, unicode.IsControl) {
		return fault.New(fault.Invalid, "The e-mail address is none that a letter could be sent to.")
	}
	if strings.ContainsFunc(letter.Subject, unicode.IsControl) {
		return fault.New(fault.Invalid, "The subject of a letter is one line.")
	}
	if err := s.count(ctx, strings.ToLower(to.Address), s.clock(), While, admit); err != nil {
		return err
	}
	message, err := s.message(to, letter)
	if err != nil {
		return fault.New(fault.Invalid, "The letter cannot be written to this address.")
	}
	client, err := s.client()
	if err != nil {
		return fault.Hide(err, fault.Upstream, "The letter cannot be sent with these settings. Look at mail in the configuration.")
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	// The library bounds each command; a server that answers each one late would take
	// many times as long. Whoever waits goes on without it then.
	done := make(chan error, 1)
	go func() { done <- client.DialAndSendWithContext(ctx, message) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fault.New(fault.Upstream, "%s", s.why(err))
	}
	return nil
}

func (s *Sender) message(to *mail.Address, letter Letter) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.from)
	if err := m.To(to.Address); err != nil {
		return nil, err
	}
	m.Subject(letter.Subject)
	m.SetDateWithValue(s.clock())
	m.SetMessageID()
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's absence note shall answer
	m.SetBodyString(gomail.TypeTextPlain, letter.Text)
	return m, nil
}

func (s *Sender) client() (*gomail.Client, error) {
	port := s.config.Port
	options := []gomail.Option{gomail.WithTimeout(sendTime), gomail.WithTLSConfig(&tls.Config{
		ServerName: s.config.Host, RootCAs: s.roots, MinVersion: tls.VersionTLS12,
	})}
	switch s.config.TLS {
	case "implicit":
		options = append(options, gomail.WithSSL())
		if port == 0 {
			port = 465 // RFC 8314
		}
	case "none": // on loopback alone, as config sees to
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if port == 0 {
		port = 587 // RFC 6409
	}
	options = append(options, gomail.WithPort(port))
	if s.config.Username != "" {
		options = append(options, gomail.WithUsername(s.config.Username), gomail.WithPassword(s.config.Password))
		kind := gomail.SMTPAuthAutoDiscover
		if s.config.TLS == "none" {
			kind = gomail.SMTPAuthPlainNoEnc // it does not leave this machine
		}
		options = append(options, gomail.WithSMTPAuth(kind))
	}
	return gomail.NewClient(s.config.Host, options...)
}

// admit objects to one letter too many.
func admit(past Past) error {
	if past.To >= PerAddress {
		return fault.New(fault.Conflict, "This address was sent %d letters within the last hour, and is sent no more for a while.", PerAddress)
	}
	if past.InAll >= inAll {
		return fault.New(fault.Conflict, "%d letters were sent within the last hour, and no more are for a while.", inAll)
	}
	return nil
}

// why says what was wrong, for an administrator. It tells nothing of what the server
// said but its code: servers repeat addresses.
func (s *Sender) why(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || os.IsTimeout(err) {
		return "The mail server " + s.config.Host + " did not take the letter within 10 seconds."
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "The certificate of the mail server " + s.config.Host + " cannot be trusted. Where it is your organisation's own, name the file of its authority in mail.ca_file."
	}
	if failure, ok := errors.AsType[*gomail.SendError](err); ok {
		said := ""
		if code := failure.ErrorCode(); code != 0 {
			said = " (" + strconv.Itoa(code) + ")"
		}
		switch failure.Reason {
		case gomail.ErrSMTPRcptTo:
			return "The mail server " + s.config.Host + " does not take letters to this address" + said + "."
		case gomail.ErrSMTPMailFrom:
			return "The mail server " + s.config.Host + " does not take letters from " + s.from.Address + said + ". mail.from has that address."
		}
		return "The mail server " + s.config.Host + " did not take the letter" + said + "."
	}
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		if answer.Code == 535 || answer.Code == 534 || answer.Code == 530 || answer.Code == 454 {
			return "The mail server " + s.config.Host + " does not let us in (" + strconv.Itoa(answer.Code) + "). Look at mail.username and mail.password."
		}
		return "The mail server " + s.config.Host + " refuses us (" + strconv.Itoa(answer.Code) + ")."
	}
	if refused, ok := errors.AsType[*net.OpError](err); ok && refused.Op == "dial" {
		return "The mail server " + s.config.Host + " cannot be reached. Look at mail.host and mail.port."
	}
	if strings.Contains(err.Error(), "STARTTLS") {
		return "The mail server " + s.config.Host + " offers no encryption (STARTTLS), and letters do not go in the clear. Some want mail.tls: implicit."
	}
	return "The mail server " + s.config.Host + " does not speak as it should. Look at mail.port and mail.tls."
}
