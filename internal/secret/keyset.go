package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"idms/internal/fault"
)

// template is XAES-256-GCM: AES alone, and a random nonce of 192 bits, so that
// the number of values one key may seal is no concern (plain AES-GCM with its
// 96 bits is good for 2³² of them, C2SP XAES-256-GCM).
var template = aead.XAES256GCM192BitNonceKeyTemplate

// Rotate adds a key to the keyset file at path and makes it the one that seals.
// The older keys stay and unseal what they sealed. A process that has the file
// open goes on sealing with its key until it starts anew, and reads the file
// again when it meets a value of the new one.
func Rotate(path string) error {
	// The new file is also the lock: the second of two rotations at once would
	// lose the first one's key, and what it sealed.
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return fault.Hide(err, fault.Invalid, "There is no keyset at "+path+". Name the data folder or the keyset of the running service.")
	}
	next := path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "Another rotation is under way, or one was cut short: if none is running, remove %s.", next)
	}
	if err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	renamed := false
	defer func() {
		file.Close()
		// Once renamed, a file of this name is another rotation's.
		if !renamed {
			os.Remove(next)
		}
	}()
	// An administrator may rotate as root what the service reads as itself.
	if err := sameOwner(file, path); err != nil {
		return fmt.Errorf("keyset %s: keep its owner: %w", path, err)
	}
	handle, err := readFile(path)
	if err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(template())
	if err != nil {
		return fmt.Errorf("keyset %s: add a key: %w", path, err)
	}
	if err := manager.SetPrimary(id); err != nil {
		return fmt.Errorf("keyset %s: choose the new key: %w", path, err)
	}
	if handle, err = manager.Handle(); err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	if err := write(file, handle); err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	renamed = true
	return syncFolder(path)
}

// sameOwner gives file the owner and the mode of the file at path.
func sameOwner(file *os.File, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := file.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return file.Chmod(info.Mode().Perm())
}

// create makes a keyset file at path, unless another process did so first.
func create(path string) error {
	handle, err := keyset.NewHandle(template())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := write(file, handle); err != nil {
		return err
	}
	// Link, unlike rename, does not replace: nobody ever sees half a keyset, and
	// nobody's keyset is lost.
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncFolder(path)
}

func write(file *os.File, handle *keyset.Handle) error {
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return err
	}
	if _, err := file.Write(text.Bytes()); err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// syncFolder makes a new name last through a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func readFile(path string) (*keyset.Handle, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyset+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyset {
		return nil, fault.New(fault.Invalid, "A keyset has at most %d bytes.", maxKeyset)
	}
	return read(text)
}
