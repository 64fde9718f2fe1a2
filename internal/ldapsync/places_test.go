package ldapsync

import (
	"math/rand/v2"
	"testing"
)

func TestAPlaceIsFoundByItsKeyAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var table places
	want := map[key]uint32{}
	for i := range uint32(20_000) {
		// Few different beginnings: most keys collide with others.
		k := key{random.Uint64N(500), random.Uint64N(1 << 16)}
		table.put(k, i)
		want[k] = i
	}
	for k, place := range want {
		if got, ok := table.find(k); !ok || got != place {
			t.Fatalf("%v is at %d, %v, want %d", k, got, ok, place)
		}
	}
	for range 10_000 {
		k := key{random.Uint64N(500), 1<<16 + random.Uint64N(1<<15)}
		if _, ok := table.find(k); ok {
			t.Fatalf("%v is found and was never put", k)
		}
	}
	if _, ok := new(places).find(key{}); ok {
		t.Error("the empty table has something")
	}
}
