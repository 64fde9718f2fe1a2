package door

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"idms/internal/fault"
)

func TestAPasswordIsJudgedByLengthAndByWhatEverybodyTries(t *testing.T) {
	for _, tt := range []struct{ name, password, problem string }{
		{"four words", "crate anvil pond quill", ""},
		{"twelve characters", "xk4-Pw!s9qLm", ""},
		{"letters of any alphabet", "пароль для входа", ""},
		{"eleven characters", "xk4-Pw!s9qL", "longer"},
		{"letters count, not bytes", "ääääöööüüü", "longer"},
		{"more than anybody types", strings.Repeat("crate anvil ", 12), "shorter"},
		{"one of the list", "Passw0rd1234", "everybody tries"},
		{"one letter", strings.Repeat("a", 20), "everybody tries"},
		{"a short piece again and again", "abc1abc1abc1", "everybody tries"},
		{"counting", "234567890123", "everybody tries"},
		{"counting down", "zyxwvutsrqpo", "everybody tries"},
		{"the username in it", "my name is ADA.L ok", "username"},
		{"not text", "crate\x00anvil pond", "typed"},
		{"not UTF-8", "crate\xffanvil pond", "typed"},
	} {
		problems := CheckPassword(tt.password, "ada.l")
		switch {
		case tt.problem == "" && problems.Any():
			t.Errorf("%s: %v", tt.name, problems)
		case tt.problem != "" && (len(problems) == 0 || !strings.Contains(problems.Err().Error(), tt.problem)):
			t.Errorf("%s: want a problem about %q, got %v", tt.name, tt.problem, problems)
		}
	}
	if problems := CheckPassword("all of them are jo's", "jo"); problems.Any() {
		t.Errorf("a username of two letters is in every other password: %v", problems)
	}
}

func TestAPasswordMatchesItsHashAndNoOther(t *testing.T) {
	passwords := NewPasswords()
	const password = "crate anvil pönd quill" // composed
	hash, err := passwords.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(hash, "crate") || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("kept as %s", hash)
	}
	for _, tt := range []struct {
		name, password, hash string
		want                 bool
	}{
		{"the password", password, hash, true},
		{"the same typed on another keyboard", "crate anvil po\u0308nd quill", hash, true},
		{"another", "crate anvil pond quill", hash, false},
		{"none", "", hash, false},
		{"somebody without a password", password, "", false},
		{"the empty password of somebody without one", "", "", false},
		{"a megabyte", strings.Repeat("x", 1<<20), hash, false},
	} {
		if got, err := passwords.Match(t.Context(), tt.password, tt.hash); got != tt.want || err != nil {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

func TestHashingWaitsForAPlaceAndSaysSo(t *testing.T) {
	passwords := NewPasswords()
	for range AtOnce {
		passwords.places <- struct{}{}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := passwords.Match(gone, "crate anvil pond quill", "")
	if fault.KindOf(err) != fault.Upstream || !errors.Is(err, context.Canceled) {
		t.Errorf("with all places taken: %v", err)
	}
}

// rfcSecret is the key of RFC 6238, appendix B.
const rfcSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestACodeCountsOnceAndHalfAMinuteEitherWay(t *testing.T) {
	// The last six digits of the values in RFC 6238, appendix B.
	now := time.Unix(1111111109, 0)
	step, ok := Code("081804", rfcSecret, 0, now)
	if !ok || step != 1111111109/30 {
		t.Fatalf("the code of RFC 6238: %d, %v", step, ok)
	}
	if _, ok := Code(" 081 804 ", rfcSecret, 0, now); !ok {
		t.Error("blanks count")
	}
	if _, ok := Code("081804", rfcSecret, step, now); ok {
		t.Error("a code counts twice")
	}
	for _, tt := range []struct {
		shift int64
		want  bool
	}{{-2, false}, {-1, true}, {0, true}, {1, true}, {2, false}} {
		code, err := hotp.GenerateCode(rfcSecret, uint64(step+tt.shift))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := Code(code, rfcSecret, 0, now); ok != tt.want {
			t.Errorf("a code %d periods away: %v", tt.shift, ok)
		}
	}
	for _, wrong := range []string{"", "81804", "0081804", "081805", "O81804"} {
		if _, ok := Code(wrong, rfcSecret, 0, now); ok {
			t.Errorf("%q counts", wrong)
		}
	}
}

func TestAnAuthenticatorNamesThePortalAndThePerson(t *testing.T) {
	made, err := NewAuthenticator("Cloud portal", "ada.l")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthenticator("Cloud portal", "ada.l")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.URL, "otpauth://totp/Cloud%20portal:ada.l?") || !strings.Contains(made.URL, "secret="+made.Secret) {
		t.Errorf("the address is %s", made.URL)
	}
	if made.Secret == other.Secret || len(made.Secret) != 32 {
		t.Errorf("two secrets: %s and %s", made.Secret, other.Secret)
	}
}

func TestARecoveryCodeIsKnownHoweverItIsTyped(t *testing.T) {
	codes, hashes := NewRecoveryCodes()
	if len(codes) != Recoveries || len(hashes) != Recoveries {
		t.Fatalf("%d codes and %d hashes", len(codes), len(hashes))
	}
	seen := map[string]bool{}
	for i, code := range codes {
		seen[code] = true
		for _, typed := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " ")} {
			if hash, ok := RecoveryHash(typed); !ok || hex.EncodeToString(hash) != hex.EncodeToString(hashes[i]) {
				t.Errorf("%q is not known", typed)
			}
		}
	}
	if len(seen) != Recoveries {
		t.Error("a code was made twice")
	}
	for _, wrong := range []string{"", "abcd", codes[0] + "x"} {
		if _, ok := RecoveryHash(wrong); ok {
			t.Errorf("%q could be a code", wrong)
		}
	}
}

func TestGuessingIsSlowedDownAndNeverStoppedForGood(t *testing.T) {
	for _, tt := range []struct {
		failures int
		want     time.Duration
	}{
		{0, 0}, {5, 0}, {6, time.Second}, {7, 2 * time.Second}, {10, 16 * time.Second},
		{15, 512 * time.Second}, {16, 15 * time.Minute}, {1 << 30, 15 * time.Minute},
	} {
		if got := Wait(tt.failures); got != tt.want {
			t.Errorf("after %d failures: %v, not %v", tt.failures, got, tt.want)
		}
	}
}
