package trace

import (
	"slices"
	"testing"
)

func TestNearestNamesAreThoseAPersonCouldHaveMeant(t *testing.T) {
	const claims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	received := []string{"groups", claims + "emailaddress", claims + "givenname", "Department", "telephoneNumber", "urn:oid:1.3.6.1.4.1.5923.1.1.1.1"}
	for _, tt := range []struct {
		name, wrote string
		want        []string
	}{
		{"another case", "department", []string{"Department"}},
		{"the last part of a claim", "emailaddress", []string{claims + "emailaddress"}},
		{"one written short", "email", []string{claims + "emailaddress"}},
		{"punctuation between words", "given_name", []string{claims + "givenname"}},
		{"another namespace", "urn:example:groups", []string{"groups"}},
		{"a letter lost", "telephonNumber", []string{"telephoneNumber"}},
		{"the friendly name of an object identifier", "eduPersonAffiliation", []string{"urn:oid:1.3.6.1.4.1.5923.1.1.1.1"}},
		{"nothing alike", "manager", nil},
		{"too short to guess", "sn", nil},
		{"nothing written", "", nil},
	} {
		if got := Nearest(tt.wrote, received); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q: got %q, want %q", tt.name, tt.wrote, got, tt.want)
		}
	}
}

func TestNearestNamesAreAtMostThreeAndTheBestComesFirst(t *testing.T) {
	got := Nearest("mail", []string{"mailbox", "email", "xmail", "Mail"})
	if want := []string{"Mail", "mailbox", "email"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
