package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"idms/internal/fault"
	"idms/test/program"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// post is a mail server of the test, and what it took.
type post struct {
	port   int
	caFile string

	mutex   sync.Mutex
	letters []letter
}

type letter struct {
	from, to string
	secure   bool
	user     string
	text     []byte
}

type settings struct {
	implicit, noTLS bool
	password        string // asked for where it is not ""
	refuse          string // a recipient
	block           chan struct{}
}

// startPost starts a mail server on loopback.
func startPost(t *testing.T, how settings) *post {
	t.Helper()
	certificate, caPEM := issue(t)
	p := &post{caFile: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(p.caFile, caPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		if how.block != nil {
			<-how.block
		}
		return &visit{post: p, conn: c, how: how}, nil
	}))
	server.Domain, server.ReadTimeout, server.WriteTimeout = "localhost", 20*time.Second, 20*time.Second
	server.ErrorLog = silence{}
	server.AllowInsecureAuth = how.noTLS
	if !how.noTLS {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = listener.Addr().(*net.TCPAddr).Port
	if how.implicit {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}

// visit is one connection.
type visit struct {
	post *post
	conn *smtp.Conn
	how  settings
	now  letter
}

func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if password != v.how.password {
			return smtp.ErrAuthFailed
		}
		v.now.user = username
		return nil
	}), nil
}

func (v *visit) Mail(from string, _ *smtp.MailOptions) error {
	if v.how.password != "" && v.now.user == "" {
		return smtp.ErrAuthRequired
	}
	v.now.from = from
	_, v.now.secure = v.conn.TLSConnectionState()
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == v.how.refuse {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody here is called " + to}
	}
	v.now.to = to
	return nil
}

func (v *visit) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	v.now.text = text
	v.post.mutex.Lock()
	defer v.post.mutex.Unlock()
	v.post.letters = append(v.post.letters, v.now)
	return nil
}

func (v *visit) Reset()        {}
func (v *visit) Logout() error { return nil }

func (p *post) took() []letter {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.letters
}

// issue makes a certificate of 127.0.0.1 and the PEM of who signed it.
func issue(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "post"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	raw, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}

func sender(t *testing.T, c Config) *Sender {
	t.Helper()
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	if c.From == "" {
		c.From = "Cloud portal <idms@example.com>"
	}
	s, err := New(c, func() time.Time { return noon }, uncounted)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var hello = Letter{To: "ada@example.com", Subject: "Wählen Sie ein Passwort für Ihr Portal", Text: "Hello Ada,\n\nhttps://login.example.com/door/choose/abc\n"}

func TestALetterArrivesWholeAndEncrypted(t *testing.T) {
	for _, tt := range []struct {
		name string
		how  settings
		tls  string
	}{
		{"by STARTTLS", settings{}, "starttls"},
		{"by STARTTLS with a password", settings{password: "crate anvil"}, "starttls"},
		{"by implicit TLS", settings{implicit: true, password: "crate anvil"}, "implicit"},
		{"in the clear on this machine", settings{noTLS: true, password: "crate anvil"}, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := startPost(t, tt.how)
			c := Config{Port: p.port, TLS: tt.tls, CAFile: p.caFile}
			if tt.how.password != "" {
				c.Username, c.Password = "idms", tt.how.password
			}
			if err := sender(t, c).Send(t.Context(), hello); err != nil {
				t.Fatal(err)
			}
			if len(p.took()) != 1 {
				t.Fatalf("the server took %d letters", len(p.took()))
			}
			got := p.took()[0]
			if got.from != "idms@example.com" || got.to != "ada@example.com" || got.secure != (tt.tls != "none") || tt.how.password != "" && got.user != "idms" {
				t.Errorf("from %q to %q, encrypted %v, as %q", got.from, got.to, got.secure, got.user)
			}
			read, err := netmail.ReadMessage(bytes.NewReader(got.text))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
			if err != nil || subject != hello.Subject {
				t.Errorf("the subject is %q (%v)", subject, err)
			}
			if to, err := read.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != hello.To {
				t.Errorf("the letter is to %v", to)
			}
			if at, err := read.Header.Date(); err != nil || !at.Equal(noon) {
				t.Errorf("the letter is of %v", at)
			}
			if read.Header.Get("Auto-Submitted") == "" {
				t.Error("an absence note would answer")
			}
			if !strings.Contains(string(got.text), "https://login.example.com/door/choose/abc") {
				t.Errorf("the text is\n%s", got.text)
			}
		})
	}
}

// What cannot be sent is said in words, within a bounded time, and the words hold
// nothing of the letter, of the address or of the password.
func TestALetterThatCannotBeSentSaysWhyAndTellsNothing(t *testing.T) {
	open := startPost(t, settings{})
	plain := startPost(t, settings{noTLS: true})
	locked := startPost(t, settings{password: "crate anvil"})
	picky := startPost(t, settings{refuse: hello.To})
	_, nobody, _ := net.SplitHostPort(program.FreeAddress(t))
	gone, err := strconv.Atoi(nobody)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, says string
		config     Config
	}{
		{"a server that offers no encryption", "STARTTLS", Config{Port: plain.port}},
		{"a certificate that nobody vouches for", "cannot be trusted", Config{Port: open.port}},
		{"implicit TLS where there is none", "mail.tls", Config{Port: open.port, CAFile: open.caFile, TLS: "implicit"}},
		{"a wrong password", "mail.password", Config{Port: locked.port, CAFile: locked.caFile, Username: "idms", Password: "wrong"}},
		{"no password where one is asked for", "(502)", Config{Port: locked.port, CAFile: locked.caFile}},
		{"a refused recipient", "this address (550)", Config{Port: picky.port, CAFile: picky.caFile}},
		{"nobody there", "cannot be reached", Config{Port: gone}},
		{"a port that is none", "Look at mail in the configuration", Config{Port: 70_000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := sender(t, tt.config).Send(t.Context(), hello)
			if fault.KindOf(err) != fault.Upstream || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want %q", err, tt.says)
			}
			for _, private := range []string{hello.To, "choose/abc", "wrong", "crate"} {
				if strings.Contains(err.Error(), private) {
					t.Errorf("the error tells %q: %v", private, err)
				}
			}
		})
	}
	for _, p := range []*post{open, plain, locked, picky} {
		if len(p.took()) != 0 {
			t.Errorf("a server took %d letters all the same", len(p.took()))
		}
	}
}

func TestNobodyWaitsForAServerThatSaysNothing(t *testing.T) {
	block := make(chan struct{})
	p := startPost(t, settings{block: block})
	defer close(block)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := sender(t, Config{Port: p.port, CAFile: p.caFile}).Send(ctx, hello)
	if fault.KindOf(err) != fault.Upstream || !strings.Contains(err.Error(), "did not take") {
		t.Errorf("got %v", err)
	}
}

func TestNothingInALetterBecomesAHeader(t *testing.T) {
	p := startPost(t, settings{})
	s := sender(t, Config{Port: p.port, CAFile: p.caFile})
	for _, tt := range []Letter{
		{To: "ada@example.com\r\nBcc: eve@example.com", Subject: "x", Text: "x"},
		{To: "ada@example.com, eve@example.com", Subject: "x", Text: "x"},
		{To: "Ada <ada@example.com>", Subject: "x", Text: "x"},
		{To: "", Subject: "x", Text: "x"},
		{To: "ada@example.com", Subject: "x\r\nBcc: eve@example.com", Text: "x"},
	} {
		if err := s.Send(t.Context(), tt); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if len(p.took()) != 0 {
		t.Fatal("one of them was sent")
	}
	text := "Bcc: eve@example.com\n.\r\n.\nQUIT\nMAIL FROM:<eve@example.com>\n"
	if err := s.Send(t.Context(), Letter{To: "ada@example.com", Subject: "x", Text: text}); err != nil {
		t.Fatal(err)
	}
	if got := p.took(); len(got) != 1 || !strings.Contains(string(got[0].text), "MAIL FROM:<eve@example.com>") {
		t.Errorf("the text became something else: %v", got)
	}
	read, err := netmail.ReadMessage(bytes.NewReader(p.took()[0].text))
	if err != nil || read.Header.Get("Bcc") != "" {
		t.Errorf("the text became a header: %v, %v", read.Header, err)
	}
}

// uncounted is a Count for who sends few letters.
func uncounted(_ context.Context, _ string, _ time.Time, _ time.Duration, may func(Past) error) error {
	return may(Past{})
}

func TestAnAddressGetsFiveLettersAnHourAndNobodyMoreThanAll(t *testing.T) {
	p := startPost(t, settings{})
	var past Past
	var asked string
	s, err := New(Config{Host: "127.0.0.1", Port: p.port, CAFile: p.caFile, From: "idms@example.com"}, func() time.Time { return noon },
		func(_ context.Context, address string, at time.Time, within time.Duration, may func(Past) error) error {
			if asked = address; !at.Equal(noon) || within != time.Hour {
				t.Errorf("counted are the letters of %s before %s", within, at)
			}
			return may(past)
		})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		past Past
		goes bool
	}{{Past{}, true}, {Past{PerAddress - 1, inAll - 1}, true}, {Past{PerAddress, PerAddress}, false}, {Past{0, inAll}, false}} {
		past = tt.past
		err := s.Send(t.Context(), Letter{To: "ADA@Example.com", Subject: "x", Text: "x"})
		if tt.goes != (err == nil) || err != nil && fault.KindOf(err) != fault.Conflict || asked != "ada@example.com" {
			t.Errorf("after %+v, to %s: %v", tt.past, asked, err)
		}
	}
	if len(p.took()) != 2 {
		t.Errorf("%d letters went out", len(p.took()))
	}
}

func TestWithoutAServerThereIsNoSender(t *testing.T) {
	s, err := New(Config{}, nil, nil)
	if err != nil || s.Ready() {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := New(Config{Host: "127.0.0.1", From: "idms@example.com", CAFile: "/nowhere"}, nil, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a file that is not there: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Host: "127.0.0.1", From: "idms@example.com", CAFile: empty}, nil, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a file without certificates: %v", errors.Unwrap(err))
	}
}
