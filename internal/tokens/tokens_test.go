package tokens

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"idms/internal/roles"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestASecretIsFoundByItsHashAlone(t *testing.T) {
	secret, kept := New()
	if !strings.HasPrefix(secret, "idms_") || len(secret) != len("idms_")+43 {
		t.Errorf("the secret is %q", secret)
	}
	if found, ok := Hash(secret); !ok || !bytes.Equal(found, kept) {
		t.Errorf("its hash is %x, kept is %x", found, kept)
	}
	if again, _ := New(); again == secret {
		t.Error("two secrets are the same")
	}
	for _, text := range []string{"", "idms_", secret[5:], secret + "A", "IDMS_" + secret[5:], secret[:47]} {
		if _, ok := Hash(text); ok {
			t.Errorf("%q was taken for a secret", text)
		}
	}
}

func TestATokenHasANameARoleAndAnEnd(t *testing.T) {
	good := Token{Name: "ci", Role: roles.Reader, Expires: noon.Add(time.Hour)}
	if problems := good.Check(noon); problems.Any() {
		t.Fatalf("a good token: %s", problems)
	}
	for _, tt := range []struct {
		name  string
		spoil func(*Token)
		field string
	}{
		{"without a name", func(t *Token) { t.Name = "" }, "name"},
		{"with a name of two lines", func(t *Token) { t.Name = "ci\nroot" }, "name"},
		{"with a long name", func(t *Token) { t.Name = strings.Repeat("a", 64) }, "name"},
		{"without a role", func(t *Token) { t.Role = "" }, "role"},
		{"with another role", func(t *Token) { t.Role = "root" }, "role"},
		{"without an end", func(t *Token) { t.Expires = time.Time{} }, "expires"},
		{"that ends now", func(t *Token) { t.Expires = noon }, "expires"},
		{"for ever", func(t *Token) { t.Expires = noon.Add(MaxLife + time.Second) }, "expires"},
	} {
		token := good
		tt.spoil(&token)
		if problems := token.Check(noon); len(problems) != 1 || problems[0].Field != tt.field {
			t.Errorf("%s: %v", tt.name, problems)
		}
	}
}
