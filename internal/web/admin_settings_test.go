package web_test

import (
	"testing"
	"time"

	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/tokens"
)

// token makes an API token and returns its ID.
func (h *house) token(t *testing.T, name string) string {
	t.Helper()
	_, hash := tokens.New()
	kept, err := h.store.CreateToken(t.Context(), tokens.Token{Name: name, Role: roles.Reader, Expires: h.clock().Add(time.Hour)}, hash,
		store.Author{Role: roles.Owner, Who: "test", Now: h.clock()})
	check(t, err)
	return kept.ID
}
