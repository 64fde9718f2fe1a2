// Package secret owns encryption at rest: the keyset, where it is kept, and
// sealing values for exactly one place. It leaves to store which values are
// sealed, and finding out that a database was sealed with another keyset.
//
// A sealed value opens only with the associated data it was sealed with. Who
// can write to the database therefore cannot move one record's key, or one
// person's trace, to another row.
package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"idms/internal/fault"
)

// maxKeyset bounds a keyset: some 5,000 keys, in bytes.
const maxKeyset = 1 << 20

// Box seals and unseals with one keyset. It is safe for concurrent use.
type Box struct {
	path string // "" when the keyset did not come from a file

	mu      sync.RWMutex
	aead    tink.AEAD
	changed time.Time // of the file that aead was read from
	size    int64
}

// Parse returns the box of a keyset given as text, as a keyset file holds it:
// for a keyset that comes by environment. The error is fault.Invalid.
func Parse(text []byte) (*Box, error) {
	handle, err := read(text)
	if err != nil {
		return nil, err
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, notAKeyset(err)
	}
	return &Box{aead: primitive}, nil
}

// Open returns the box of the keyset file at path. When there is none yet, it
// makes one that only this user can read. Of several processes that start at
// once, one makes it and all use it.
func Open(path string) (*Box, error) {
	_, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		err = create(path)
	}
	if err != nil {
		return nil, unusable(path, err)
	}
	box := &Box{path: path}
	if err := box.load(); err != nil {
		return nil, unusable(path, err)
	}
	return box, nil
}

// unusable says what to do about a file, or a folder, that this user may not read
// or write, or that is not there.
func unusable(path string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return fault.Hide(err, fault.Invalid, "The keyset "+path+" can be neither read nor made. Choose another folder, or let this user read and write there.")
	}
	return fmt.Errorf("keyset %s: %w", path, err)
}

// Source is where the keyset came from, for messages.
func (b *Box) Source() string {
	if b.path == "" {
		return "the keyset given by environment"
	}
	return b.path
}

// Seal encrypts plain so that it opens only with the same associated data.
func (b *Box) Seal(plain, associated []byte) ([]byte, error) {
	sealed, err := b.primitive().Encrypt(plain, associated)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// ErrSealed means that a value cannot be unsealed: another keyset sealed it, it
// was sealed for another place, or somebody changed it. Which of them, nobody
// can tell.
var ErrSealed = errors.New("a sealed value does not open: it was sealed with another keyset or for another place, or it was changed")

// Unseal returns what was sealed, or ErrSealed. It notices when the keyset file
// was rotated by another process.
func (b *Box) Unseal(sealed, associated []byte) ([]byte, error) {
	plain, err := b.primitive().Decrypt(sealed, associated)
	if err != nil && b.reload() {
		plain, err = b.primitive().Decrypt(sealed, associated)
	}
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (b *Box) primitive() tink.AEAD {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.aead
}

// reload reads the file again when it is another than the one in use.
func (b *Box) reload() bool {
	if b.path == "" {
		return false
	}
	info, err := os.Stat(b.path)
	b.mu.RLock()
	same := err != nil || info.ModTime().Equal(b.changed) && info.Size() == b.size
	b.mu.RUnlock()
	return !same && b.load() == nil
}

func (b *Box) load() error {
	// Looked at first: if the file changes in between, the next reload sees it.
	info, err := os.Stat(b.path)
	if err != nil {
		return err
	}
	handle, err := readFile(b.path)
	if err != nil {
		return err
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return notAKeyset(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.aead, b.changed, b.size = primitive, info.ModTime(), info.Size()
	return nil
}

func read(text []byte) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, notAKeyset(err)
	}
	return handle, nil
}

func notAKeyset(err error) error {
	return fault.Hide(err, fault.Invalid, "This is not a keyset. Put back the file from a backup.")
}
