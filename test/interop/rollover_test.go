package interop_test

import (
	"testing"

	"idms/test/interop"
)

func TestM09SimpleSAMLphpChangesItsCertificate(t *testing.T) {
	t.Parallel()
	certificateChanges(t, simpleSAMLphp(t))
}

// certificateChanges changes the provider's key as its guide says: the next one
// is in its metadata before it signs, so that nobody is refused on the day. A
// record that was not told refuses, and says so.
func certificateChanges(t *testing.T, idp provider) {
	signs := interop.ServiceProvider{SignResponse: true, SignAssertion: true}
	told, untold := connection{"told", "", signs}, connection{"untold", "", signs}
	s := serve(t, idp, told, untold)
	login := func(record string) *interop.Page {
		visitor := interop.NewVisitor(t)
		return authenticate(t, visitor, s.begin(t, visitor, record), grace)
	}
	tells(t, login("told"), "Grace Hopper")

	sign := idp.running.(interface {
		AddKey(testing.TB) (sign func())
	}).AddKey(t)
	s.apply(t, file(idp, []connection{told}))
	tells(t, login("told"), "Grace Hopper")
	sign()
	tells(t, login("told"), "Grace Hopper")
	s.refuses(t, login("untold"), "unknown_key")
}
