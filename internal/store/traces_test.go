package store

import (
	"bytes"
	"crypto/sha256"
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

func TestWhoWasRefusedWithoutAnAccountIsFoundByNameS61(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		dora := Trace{Ref: "0000000001", Record: "acme", Version: 1, At: noon, Verified: true, Code: trace.ValidationFailed, Username: "Dora"}
		for i, change := range []func(*Trace){
			func(*Trace) {},
			func(t *Trace) { t.At = noon.Add(2 * time.Minute); t.Record = "corp" },
			func(t *Trace) { t.Verified = false }, // anybody can say so
			func(t *Trace) { t.Test = true },
			func(t *Trace) { t.Username = "" },
			func(t *Trace) { t.Username = "doran" },
			func(t *Trace) { t.UserID = NewID() }, // whose name stands with the account
		} {
			one := dora
			change(&one)
			one.Ref = fmt.Sprintf("%010d", i+1)
			must(t, s.SaveTrace(ctx, one))
		}
		if got, err := s.Trace(ctx, dora.Ref); err != nil || got.Username != "Dora" {
			t.Errorf("her login is of %q (%v)", got.Username, err)
		}
		if n := count(t, s, "traces WHERE name_hash IS NOT NULL OR name_sealed IS NOT NULL"); n != 3 {
			t.Errorf("%d traces have a name, want those of three refused strangers", n)
		}
		var sealed, hash []byte
		must(t, s.read.Raw("SELECT name_sealed, name_hash FROM traces WHERE ref = ?", dora.Ref).Row().Scan(&sealed, &hash))
		plain := sha256.Sum256([]byte("dora"))
		if bytes.Contains(bytes.ToLower(append(sealed, hash...)), []byte("dora")) || bytes.Equal(hash, plain[:]) {
			t.Error("whoever reads the database reads the name, or can try names")
		}

		// She has come through another record meanwhile.
		account := loggedIn(t, s, acme, "dora", "platform").account
		must(t, s.SaveTrace(ctx, Trace{Ref: "0000000009", Record: "acme", At: noon.Add(time.Minute), Verified: true, Admitted: true, UserID: account.ID}))
		found := func(filter TraceFilter) string {
			return pages(t, func(cursor string) ([]Trace, string, error) { return s.Traces(ctx, filter, cursor, 1) },
				func(one Trace) string { return strings.TrimLeft(one.Ref, "0") + one.Username })
		}
		for _, tt := range []struct {
			filter TraceFilter
			want   string
		}{
			{TraceFilter{Username: "dORA"}, "2Dora 9 1Dora"},
			{TraceFilter{Username: "dora", Oldest: true}, "1Dora 9 2Dora"},
			{TraceFilter{Username: "dora", Record: "acme"}, "9 1Dora"},
			{TraceFilter{Username: "dora", Outcome: Refused, From: noon.Add(time.Minute)}, "2Dora"},
			{TraceFilter{Username: "doran"}, "6doran"},
			{TraceFilter{Username: "dor"}, ""},
			{TraceFilter{Username: "d\x00ora"}, ""},
		} {
			if got := found(tt.filter); got != tt.want {
				t.Errorf("%+v finds %q, want %q", tt.filter, got, tt.want)
			}
		}

		// Erased, she is named in no trace of the record; another record's is another
		// person's (S40).
		if _, err := s.ErasePerson(ctx, account.ID, Erasure{Username: "dora"}, owner); err != nil {
			t.Fatal(err)
		}
		if got := found(TraceFilter{Username: "dora"}); got != "2Dora" {
			t.Errorf("after she is erased: %q", got)
		}
	})
}

func TestNamesInTracesAreFoundAfterAnotherStart(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		must(t, s.SaveTrace(ctx, Trace{Ref: "0000000001", Record: "acme", At: noon, Verified: true, Username: "dora"}))
		former := s.nameKey
		s.nameKey = nil
		must(t, s.readNameKey(ctx))
		if len(former) == 0 || !bytes.Equal(s.nameKey, former) {
			t.Error("the key of names is another one after a start")
		}
		list, _, err := s.Traces(ctx, TraceFilter{Username: "dora"}, "", 10)
		if err != nil || len(list) != 1 {
			t.Errorf("%d logins (%v)", len(list), err)
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
