// Package directories starts real directories for tests and fills them: OpenLDAP
// with a generated cast of any size, and an Active Directory made by Samba. It
// owns starting and stopping them on loopback, their certificates, and the
// settings with which a record reaches them.
//
// It leaves finding and installing the programs to test/needs and test/install,
// and faults that no real directory commits on demand to the tests of
// internal/ldapsync.
package directories

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/ldapsync"
)

// Times that bound a directory which does not do as it should.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// Directory is a running directory.
type Directory struct {
	Host     string // an address of loopback
	Plain    int    // port without TLS, and for StartTLS
	Secure   int    // port with TLS
	CA       string // PEM of who issued its certificate
	BaseDN   string
	BindDN   string // may read and write everything
	Password string // of the bind DN
	Folder   string // of its configuration and what it keeps
	preset   ldapsync.Preset

	running *process
}

// Settings are those of a record that is synced from the directory, by LDAPS.
func (d *Directory) Settings() ldapsync.Settings {
	return ldapsync.Settings{
		Preset:        d.preset,
		Hosts:         []string{fmt.Sprintf("%s:%d", d.Host, d.Secure)},
		CACertificate: d.CA,
		BindDN:        d.BindDN,
		BaseDN:        d.BaseDN,
	}
}

// PlainSettings are the same without TLS.
func (d *Directory) PlainSettings() ldapsync.Settings {
	s := d.Settings()
	s.Hosts = []string{fmt.Sprintf("%s:%d", d.Host, d.Plain)}
	s.Security, s.CACertificate = ldapsync.InsecurePlaintext, ""
	return s
}

// URL is where the directory listens without TLS, for programs such as
// ldapsearch.
func (d *Directory) URL() string { return fmt.Sprintf("ldap://%s:%d", d.Host, d.Plain) }

// Client is a connection of somebody who may change everything. It is closed
// when the test ends.
func (d *Directory) Client(t testing.TB) *ldap.Conn {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(d.CA))
	client, err := ldap.DialURL(fmt.Sprintf("ldaps://%s:%d", d.Host, d.Secure),
		ldap.DialWithTLSConfig(&tls.Config{RootCAs: pool, ServerName: d.Host}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.SetTimeout(time.Minute)
	if err := client.Bind(d.BindDN, d.Password); err != nil {
		t.Fatal(err)
	}
	return client
}

// process is a program of a directory that runs.
type process struct {
	command *exec.Cmd
	stdin   io.Closer
	said    *log
	done    chan struct{}
}

// launch starts a program and returns when it takes connections at an address.
func launch(command *exec.Cmd, address string) (*process, error) {
	p := &process{command: command, said: &log{}, done: make(chan struct{})}
	command.Stdout, command.Stderr = p.said, p.said
	// Samba ends when its input does, also when this process is killed.
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait()
		close(p.done)
	}()
	ready := time.NewTicker(20 * time.Millisecond)
	defer ready.Stop()
	late := time.After(startTimeout)
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return p, nil
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("%s ended: %s", filepath.Base(command.Path), p.said)
		case <-late:
			p.stop()
			return nil, fmt.Errorf("%s did not listen within %s: %s", filepath.Base(command.Path), startTimeout, p.said)
		case <-ready.C:
		}
	}
}

func (p *process) stop() {
	p.stdin.Close()
	_ = p.command.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.done
	}
}

// maxLog is, in bytes, how much is kept of what a directory says.
const maxLog = 64 << 10

// log collects what a process says.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) Write(data []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if room := maxLog - l.text.Len(); room > 0 {
		l.text.Write(data[:min(len(data), room)])
	}
	return len(data), nil
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// issue makes a CA and a server's certificate for an address of loopback, in
// ca.pem, cert.pem and key.pem of the folder. It returns the CA's PEM.
func issue(folder, host string) (string, error) {
	now := time.Now()
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(now.UnixNano()),
			Subject:      pkix.Name{CommonName: name},
			NotBefore:    now.Add(-time.Hour),
			NotAfter:     now.Add(48 * time.Hour),
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	ca := template("the CA of a directory in a test")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	server := template("a directory in a test")
	server.IPAddresses = []net.IP{net.ParseIP(host)}
	server.KeyUsage, server.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, server, ca, &key.PublicKey, caKey)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	caPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	for name, data := range map[string][]byte{
		"ca.pem":   caPEM,
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			return "", err
		}
	}
	return string(caPEM), nil
}
