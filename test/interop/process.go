package interop

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Times that bound a process which does not answer.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 5 * time.Second
)

// launch starts a provider and returns when it has said a line that is ready. It
// is stopped when the test ends; what it said, but for the noise, is shown when
// the test failed.
func launch(t testing.TB, name string, command *exec.Cmd, ready, noise func(line string) bool) error {
	t.Helper()
	return launchWithin(t, startTimeout, name, command, ready, noise)
}

// launchWithin is launch for a provider that may take another time to start.
func launchWithin(t testing.TB, limit time.Duration, name string, command *exec.Cmd, ready, noise func(line string) bool) error {
	t.Helper()
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		return err
	}

	logged := &log{}
	listening := make(chan bool, 2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		waiting := true
		lines := bufio.NewReaderSize(output, maxLogLine)
		for {
			line, _, err := lines.ReadLine()
			if err != nil {
				break
			}
			if waiting && ready(string(line)) {
				waiting = false
				listening <- true
			}
			if !noise(string(line)) {
				logged.add(line)
			}
		}
		listening <- false
		_ = command.Wait()
	}()
	stop := func() {
		_ = command.Process.Signal(os.Interrupt)
		select {
		case <-done:
		case <-time.After(stopTimeout):
			_ = command.Process.Kill()
			<-done
		}
	}

	select {
	case ok := <-listening:
		if !ok {
			return fmt.Errorf("%s ended: %s", name, logged)
		}
	case <-time.After(limit):
		stop()
		return fmt.Errorf("%s did not listen within %s: %s", name, limit, logged)
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, logged)
		}
	})
	return nil
}

// makeKey makes a provider's RSA key and certificate for this run, idp.key and
// idp.crt in folder.
func makeKey(t testing.TB, folder string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "an identity provider in a test"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"idp.key": {Type: "PRIVATE KEY", Bytes: private},
		"idp.crt": {Type: "CERTIFICATE", Bytes: certificate},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// maxLogLine is where a logged line is broken, in bytes: the addresses in it
// carry whole SAML messages.
const maxLogLine = 400

// log collects what a process says while a test may read it.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) add(line []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.text.Write(line)
	l.text.WriteByte('\n')
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}
