package login_test

import (
	"strings"
	"testing"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// The identity provider is often set up first and asks for our values: a draft
// needs no more than a key and a name to have them.
func TestADraftHasItsMetadataBeforeTheProviderIsKnown(t *testing.T) {
	h := onSQLite(t)
	file, problems := idms.ParseFile([]byte("records: [{key: new, name: New}]"), nil)
	if problems.Any() {
		t.Fatal(problems)
	}
	if _, err := h.store.Apply(t.Context(), file, store.Author{Who: "test", Now: noon}); err != nil {
		t.Fatal(err)
	}
	metadata, err := h.Metadata(t.Context(), "new")
	if err != nil || !strings.Contains(string(metadata), origin+"/saml/new/acs") {
		t.Errorf("%v\n%s", err, metadata)
	}
	if _, err := h.Begin(t.Context(), login.Start{Record: "new", Origin: origin}); fault.KindOf(err) != fault.Denied {
		t.Errorf("begin: %v", err)
	}
	active := strings.Replace("records: [{key: new, name: New}]", "name: New", "name: New, state: active", 1)
	if _, problems := idms.ParseFile([]byte(active), nil); !problems.Any() {
		t.Error("a record without a provider was switched on")
	}
}
