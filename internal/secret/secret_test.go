package secret

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"idms/internal/fault"
)

var (
	plain = []byte("-----BEGIN PRIVATE KEY-----")
	place = []byte("secrets/acme/sp-key/1")
)

func TestASealedValueOpensInItsPlaceAlone(t *testing.T) {
	box := open(t, keysetPath(t))
	sealed := seal(t, box, plain, place)
	if bytes.Contains(sealed, plain) {
		t.Fatal("what is sealed can be read")
	}
	if again := seal(t, box, plain, place); bytes.Equal(again, sealed) {
		t.Error("the same value sealed twice looks the same")
	}
	if got, err := box.Unseal(sealed, place); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("unsealed %q (%v)", got, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, try := range map[string]struct{ sealed, place []byte }{
		"moved to another record": {sealed, []byte("secrets/other/sp-key/1")},
		"moved to no place":       {sealed, nil},
		"changed by a bit":        {changed, place},
		"cut short":               {sealed[:7], place},
		"nothing":                 {nil, place},
	} {
		if got, err := box.Unseal(try.sealed, try.place); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if other := open(t, keysetPath(t)); unseals(other, sealed) {
		t.Error("another keyset opens it")
	}
}

func TestTheKeysetIsMadeOnceAndForThisUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "idms-data", "keyset.json")
	sealed := seal(t, open(t, path), plain, place)
	if !unseals(open(t, path), sealed) {
		t.Error("the second start has another keyset")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keyset file has mode %v (%v)", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("the folder holds %v, want the keyset alone", left)
	}
}

func TestProcessesThatStartAtOnceUseOneKeyset(t *testing.T) {
	path := keysetPath(t)
	boxes := make([]*Box, 8)
	var wait sync.WaitGroup
	for i := range boxes {
		wait.Go(func() {
			box, err := Open(path)
			if err != nil {
				t.Error(err)
			}
			boxes[i] = box
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	sealed := seal(t, boxes[0], plain, place)
	for i, box := range boxes {
		if !unseals(box, sealed) {
			t.Errorf("process %d has a keyset of its own", i)
		}
	}
}

func TestAKeysetMayComeAsText(t *testing.T) {
	path := keysetPath(t)
	sealed := seal(t, open(t, path), plain, place)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	box, err := Parse(text)
	if err != nil || !unseals(box, sealed) {
		t.Errorf("the same keyset as text does not open what the file sealed (%v)", err)
	}
}

func TestRotationSealsAnewAndStillOpensTheOld(t *testing.T) {
	path := keysetPath(t)
	running := open(t, path)
	old := seal(t, running, plain, place)
	if err := Rotate(path); err != nil {
		t.Fatal(err)
	}
	rotated := open(t, path)
	if !unseals(rotated, old) {
		t.Error("what the old key sealed is lost")
	}
	fresh := seal(t, rotated, plain, place)
	// Tink writes the key's ID in bytes 1 to 4.
	if bytes.Equal(fresh[:5], old[:5]) {
		t.Error("the old key still seals")
	}
	if !unseals(running, fresh) {
		t.Error("a process that was running during the rotation cannot open what the new key sealed")
	}
}

func TestRotationKeepsOwnerAndModeOfTheFile(t *testing.T) {
	path := keysetPath(t)
	open(t, path)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // only root can make it somebody else's
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Rotate(path); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	was, is := before.Sys().(*syscall.Stat_t), after.Sys().(*syscall.Stat_t)
	if after.Mode() != before.Mode() || is.Uid != was.Uid || is.Gid != was.Gid || is.Ino == was.Ino {
		t.Errorf("a file of %d:%d with mode %v became one of %d:%d with mode %v", was.Uid, was.Gid, before.Mode(), is.Uid, is.Gid, after.Mode())
	}
}

func TestTwoRotationsAtOnceLoseNoKey(t *testing.T) {
	path := keysetPath(t)
	box := open(t, path)
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := seal(t, box, plain, place)
	if err := Rotate(path); fault.KindOf(err) != fault.Conflict || !strings.Contains(fault.Sentence(err), path+".new") {
		t.Errorf("a rotation during another one ended with %v", err)
	}
	if _, err := os.Stat(path + ".new"); err != nil {
		t.Error("it took away the other one's file")
	}
	if !unseals(open(t, path), before) {
		t.Error("it changed the keyset")
	}
}

func TestManyRotationsAtOnceEachAddTheirKeyOrSayThatTheyDidNot(t *testing.T) {
	path := keysetPath(t)
	open(t, path)
	var wait sync.WaitGroup
	var rotated atomic.Int64
	for range 8 {
		wait.Go(func() {
			switch err := Rotate(path); fault.KindOf(err) {
			case fault.Conflict:
			default:
				if err != nil {
					t.Error(err)
				}
				rotated.Add(1)
			}
		})
	}
	wait.Wait()
	handle, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := handle.Len(), int(rotated.Load())+1; got != want {
		t.Errorf("%d keys after %d rotations", got, want-1)
	}
}

func TestWhatIsNoKeysetIsRefusedAndKept(t *testing.T) {
	for name, text := range map[string]string{
		"an empty file":         "",
		"half a file":           `{"primaryKeyId":12`,
		"a keyset without keys": `{"primaryKeyId":1,"key":[]}`,
		"too large":             strings.Repeat(" ", maxKeyset+1),
	} {
		path := keysetPath(t)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: opened with %v", name, err)
		}
		if err := Rotate(path); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: rotated with %v", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s: the file was replaced", name)
		}
	}
	if _, err := Parse([]byte("IDMS_KEYSET")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("text that is no keyset: %v", err)
	}
	if err := Rotate(keysetPath(t)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("rotating a keyset that is not there: %v", err)
	}
}

func BenchmarkSeal(b *testing.B) {
	box, err := Open(filepath.Join(b.TempDir(), "keyset.json"))
	if err != nil {
		b.Fatal(err)
	}
	document := bytes.Repeat([]byte("x"), 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Seal(document, place); err != nil {
			b.Fatal(err)
		}
	}
}

func keysetPath(t *testing.T) string { return filepath.Join(t.TempDir(), "keyset.json") }

func open(t *testing.T, path string) *Box {
	t.Helper()
	box, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func seal(t *testing.T, box *Box, plain, place []byte) []byte {
	t.Helper()
	sealed, err := box.Seal(plain, place)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func unseals(box *Box, sealed []byte) bool {
	got, err := box.Unseal(sealed, place)
	return err == nil && bytes.Equal(got, plain)
}

func TestAKeysetThatCannotBeMadeSaysWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "keyset.json") // a file where a folder should be
	if _, err := Open(path); fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), path) {
		t.Errorf("it ended with %v", err)
	}
}
