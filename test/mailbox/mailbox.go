// Package mailbox is a mail server on loopback for tests of what idms sends. It
// owns taking letters and showing them; it leaves refusing them, and everything
// else that a mail server may do wrong, to the tests of internal/mail.
package mailbox

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// Box is the server, and what it took.
type Box struct {
	Port   int
	server *smtp.Server
	mutex  sync.Mutex
	texts  []string
}

// Open takes letters until the test ends. It knows no encryption: mail.tls is none.
func Open(t testing.TB) *Box {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &Box{Port: listener.Addr().(*net.TCPAddr).Port}
	box.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return visit{box}, nil }))
	go func() { _ = box.server.Serve(listener) }()
	t.Cleanup(box.Close)
	return box
}

// Close is the end of the server: nobody can reach it any more.
func (b *Box) Close() { _ = b.server.Close() }

// Letters are the texts of what it took, headers and all, with long lines whole.
func (b *Box) Letters() []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return slices.Clone(b.texts)
}

// visit is one conversation with it.
type visit struct{ box *Box }

func (visit) Mail(string, *smtp.MailOptions) error { return nil }
func (visit) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (visit) Reset()                               {}
func (visit) Logout() error                        { return nil }
func (v visit) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	v.box.mutex.Lock()
	defer v.box.mutex.Unlock()
	v.box.texts = append(v.box.texts, strings.ReplaceAll(string(text), "=\r\n", "")) // quoted-printable
	return err
}
