package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/secret"
	"idms/internal/trace"
)

func TestATraceIsFoundByItsReferenceHoweverItIsTypedS61(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		kept := Trace{
			Ref: "0123456ABC", Record: "acme", Version: 3, At: noon, Verified: true,
			Code: trace.ValidationFailed, UserID: NewID(), Document: []byte(`{"groups":["cloud-admins"]}`),
		}
		must(t, s.InTx(ctx, func(tx *Tx) error { return tx.SaveTrace(kept) }))
		admitted := Trace{Ref: "ZZZZZZZZZZ", Record: "acme", Version: 3, At: noon, Verified: true, Admitted: true}
		must(t, s.SaveTrace(ctx, admitted))
		for _, typed := range []string{"0123456ABC", "0123456abc", " O123-456-ABC\n", "oI23456abc", "0l23456abc", "0123456ABC.", "\"0123456abc\","} {
			got, err := s.Trace(ctx, typed)
			if err != nil || !reflect.DeepEqual(got, kept) {
				t.Errorf("%q finds %+v (%v)", typed, got, err)
			}
		}
		if got, err := s.Trace(ctx, admitted.Ref); err != nil || !got.Admitted || got.Code != "" || len(got.Document) != 0 {
			t.Errorf("got %+v (%v), want %+v", got, err, admitted)
		}
		for _, typed := range []string{"", "0123456AB", "0123456ABCD", "0123456ABU", "%"} {
			if _, err := s.Trace(ctx, typed); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%q: %v", typed, err)
			}
		}
	})
}

func TestAReferenceIsShortAndReadable(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		ref := NewRef()
		if parsed, ok := parseRef(ref); !ok || parsed != ref {
			t.Fatalf("%q is read as %q", ref, parsed)
		}
		if seen[ref] {
			t.Fatalf("%q came twice", ref)
		}
		seen[ref] = true
	}
}

func TestWhatATraceHoldsOfAPersonIsSealedInItsRow(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		document := []byte(strings.Repeat("ada@example.com in cloud-admins; ", 50))
		one, two := Trace{Ref: NewRef(), At: noon, Document: document}, Trace{Ref: NewRef(), At: noon, Document: []byte("another")}
		must(t, s.SaveTrace(ctx, one))
		must(t, s.SaveTrace(ctx, two))
		var sealed []byte
		must(t, s.read.Raw("SELECT sealed FROM traces WHERE ref = ?", one.Ref).Row().Scan(&sealed))
		if bytes.Contains(sealed, []byte("ada")) {
			t.Error("the database holds the attributes in the clear")
		}
		if len(sealed) > len(document)/2 {
			t.Errorf("%d bytes are kept of a document of %d", len(sealed), len(document))
		}
		must(t, s.write.Exec("UPDATE traces SET sealed = ? WHERE ref = ?", sealed, two.Ref).Error)
		if _, err := s.Trace(ctx, two.Ref); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("a document moved to another row opens (%v)", err)
		}
	})
}

func TestATraceIsBoundedInSize(t *testing.T) {
	s := sqliteHouse(t).open(t)
	noise := make([]byte, MaxTrace)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	whole := Trace{Ref: NewRef(), At: noon, Document: noise}
	must(t, s.SaveTrace(ctx, whole))
	if got, err := s.Trace(ctx, whole.Ref); err != nil || !bytes.Equal(got.Document, noise) {
		t.Errorf("the largest document came back with %d bytes (%v)", len(got.Document), err)
	}
	if err := s.SaveTrace(ctx, Trace{Ref: NewRef(), At: noon, Document: append(noise, 'x')}); err == nil {
		t.Error("a larger one was kept")
	}
	// A few bytes in the database must not become many in memory.
	bomb, err := pack(make([]byte, MaxTrace+1))
	must(t, err)
	if document, err := unpack(bomb); err == nil {
		t.Errorf("%d bytes became %d", len(bomb), len(document))
	}
}

// Anybody can post what cannot be verified, between two purges too.
func TestTracesOfWhatCannotBeVerifiedAreBoundedInNumberS61(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		verified := Trace{Ref: NewRef(), At: noon.Add(-day), Verified: true}
		must(t, s.SaveTrace(ctx, verified))
		var last []string
		for i := range trimEvery {
			one := Trace{Ref: fmt.Sprintf("%010d", i), At: noon.Add(time.Duration(i) * time.Second)}
			must(t, s.SaveTrace(ctx, one))
			last = append(last, one.Ref)
		}
		keep := s.retention.Unverified
		if n := count(t, s, "traces"); n != keep+1 {
			t.Errorf("%d traces are kept, want the newest %d and the verified one", n, keep)
		}
		for _, ref := range append(last[len(last)-keep:], verified.Ref) {
			if _, err := s.Trace(ctx, ref); err != nil {
				t.Errorf("%s: %v", ref, err)
			}
		}
	})
}
