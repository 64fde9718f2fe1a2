package ldapsync

import (
	"bytes"
	"testing"
)

func TestSpellingsOfOneNameAreOneName(t *testing.T) {
	for _, same := range [][]string{
		{"uid=ada,ou=people,dc=example,dc=com", "UID=Ada, OU=People, DC=example, DC=com", "userid=ADA,organizationalUnitName=people,0.9.2342.19200300.100.1.25=example,dc=com",
			`uid=\61da,ou=people,dc=example,dc=com`, "uid = ada , ou=people,dc=example,dc=com"},
		{`cn=Lovelace\, Ada,dc=x`, `cn=Lovelace\2C Ada,dc=x`, `CN=lovelace\2c  ada,DC=X`},
		{"cn=Jörg Ärger,dc=x", `cn=J\C3\B6rg \C3\84rger,dc=x`, "cn=JÖRG ÄRGER,dc=x", "cn=Jo\u0308rg A\u0308rger,dc=x"},
		{"cn=a+uid=b,dc=x", "uid=b+cn=a,dc=x", "UID=B + CN=A,dc=x"},
		{"cn=a b,dc=x", "cn=a  b,dc=x", `cn=\ a b\ ,dc=x`},
		{`cn=\#1,dc=x`, `cn=\231,dc=x`},
		{"cn=a=b,dc=x", `cn=a\=b,dc=x`, `cn=a\3Db,dc=x`},
	} {
		first, err := appendDN(nil, []byte(same[0]))
		if err != nil {
			t.Fatalf("%s: %v", same[0], err)
		}
		for _, name := range same[1:] {
			got, err := appendDN(nil, []byte(name))
			if err != nil || !bytes.Equal(got, first) {
				t.Errorf("%s is %q (%v), and %s is %q", name, got, err, same[0], first)
			}
		}
	}
}

func TestTwoNamesStayTwo(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"cn=a,dc=x", "cn=ab,dc=x", "cn=a b,dc=x", "cn=a,cn=b,dc=x", `cn=a\,cn=b,dc=x`, "cn=a+cn=b,dc=x", `cn=a\+cn=b,dc=x`, `cn=a\\,cn=b,dc=x`,
		"ou=a,dc=x", "cn=weiß,dc=x", "cn=weiss,dc=x", "cn=ı,dc=x", "cn=i,dc=x", "dc=x", "cn=a,dc=x,dc=y", `cn=a\00,dc=x`,
	} {
		got, err := appendDN(nil, []byte(name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if other, ok := seen[string(got)]; ok {
			t.Errorf("%s and %s are both %q", name, other, got)
		}
		seen[string(got)] = name
	}
}

func TestTheShortWayThroughANameIsTheLongOne(t *testing.T) {
	for _, name := range []string{"cn=a,dc=x", "CN=Some Body-1_2.3,OU=Über", "uid=a@b,dc=x", "commonName=A'B(c),dc=x", "cn=a, dc=x", "cn=a/b:c*d,dc=x"} {
		short, ok := appendSimpleDN(nil, []byte(name))
		if !ok {
			continue
		}
		// An escaped letter forces the long way.
		escaped := bytes.Replace([]byte(name), []byte("x"), []byte(`\78`), 1)
		long, err := appendDN(nil, escaped)
		if err != nil || !bytes.Equal(short, long) {
			t.Errorf("%s: %q and %q (%v)", name, short, long, err)
		}
	}
}

func TestWhatIsNoNameIsAnError(t *testing.T) {
	for _, name := range []string{"ada", "=ada", "cn=a,,dc=x", "cn=a,", ",cn=a", `cn=a\`, `cn=\zz`} {
		if got, err := appendDN(nil, []byte(name)); err == nil {
			t.Errorf("%q is read as %q", name, got)
		}
	}
}

func TestBelowABaseIsByParts(t *testing.T) {
	for _, tt := range []struct {
		name, base string
		want       bool
	}{
		{"uid=a,ou=people,dc=x", "OU=People,dc=x", true},
		{"ou=people,dc=x", "ou=people,dc=x", true},
		{"ou=other people,dc=x", "ou=people,dc=x", false},
		{`cn=a\,ou=people,dc=x`, "ou=people,dc=x", false},
		{`cn=a\\,ou=people,dc=x`, "ou=people,dc=x", true},
		{"dc=x", "ou=people,dc=x", false},
	} {
		if got := isBelow([]byte(tt.name), tt.base); got != tt.want {
			t.Errorf("%s below %s: %v", tt.name, tt.base, got)
		}
	}
}

func FuzzANameHasOneForm(f *testing.F) {
	f.Add("uid=ada,ou=people,dc=example,dc=com")
	f.Add(`cn=Lovelace\, Ada+ou=\C3\84,dc=x`)
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 300 {
			return
		}
		simple, ok := appendSimpleDN(nil, []byte(name))
		if !ok {
			return
		}
		// The short way's form, read again, is itself.
		again, ok := appendSimpleDN(nil, simple[:len(simple)-1])
		if !ok || !bytes.Equal(simple, again) {
			t.Errorf("%q is %q, which is %q", name, simple, again)
		}
	})
}
