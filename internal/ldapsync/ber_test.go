package ldapsync

import (
	"bufio"
	"bytes"
	"net"
	"slices"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

func FuzzAnEntryIsDecodedAsGoLDAPDecodesIt(f *testing.F) {
	valid := encode("uid=ada,dc=example,dc=com", map[string][]string{"uid": {"ada"}, "mail": {"a@example.com", "b@example.com"}, "member": nil})
	f.Add(valid)
	f.Add(append(slices.Clone(valid), 0))
	f.Add(encode("", nil))
	f.Add(encode("cn=ü", map[string][]string{"objectGUID": {"\x00\xff\x30\x84"}}))
	f.Add([]byte("\x30\x84\x00\x00\x00\x10\x02\x01\x01\x64\x84\x00\x00\x00\x07\x04\x01x\x30\x84\x00\x00\x00\x00"))
	f.Add([]byte("\x30\x80\x02\x01\x01\x64\x80\x04\x00\x30\x80\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := readMessage(data)
		if err != nil || message.op != opSearchEntry {
			return
		}
		got, err := new(decoder).entry(message.content)
		if err != nil {
			return
		}
		// What we take, the oracle takes too, and reads the same in it.
		want, err := oracle(data)
		if err != nil {
			t.Fatalf("we read %q, which go-ldap does not: %v", got.dn, err)
		}
		if string(got.dn) != want.DN || len(got.attributes) != len(want.Attributes) {
			t.Fatalf("we read %q with %d attributes, go-ldap %q with %d", got.dn, len(got.attributes), want.DN, len(want.Attributes))
		}
		for i, one := range want.Attributes {
			if string(got.attributes[i].name) != one.Name || !slices.EqualFunc(got.attributes[i].values, one.ByteValues, bytes.Equal) {
				t.Errorf("attribute %d: we read %q %q, go-ldap %q %q", i, got.attributes[i].name, got.attributes[i].values, one.Name, one.ByteValues)
			}
		}
	})
}

// TestEverythingGoLDAPWritesIsRead is the other half of the fuzz test, which
// passes for a decoder that takes nothing.
func TestEverythingGoLDAPWritesIsRead(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), 70_000))
	for _, values := range [][]string{nil, {""}, {"a"}, {"a", "b", "\x00\xff"}, {long}, slices.Repeat([]string{"cn=member"}, 3000)} {
		data := encode("cn=Jörg\\, Ärger,dc=example", map[string][]string{"member": values, "cn": {"x"}})
		message, err := readMessage(data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := new(decoder).entry(message.content)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.values("MEMBER")) != len(values) || string(got.first("cn")) != "x" {
			t.Errorf("%d values came as %d", len(values), len(got.values("member")))
		}
	}
}

// encode writes an entry as go-ldap's own library does.
func encode(dn string, attributes map[string][]string) []byte {
	octets := func(text string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
	}
	list := ber.NewSequence("")
	for _, name := range []string{"uid", "mail", "member", "cn", "objectGUID"} {
		values, ok := attributes[name]
		if !ok {
			continue
		}
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, value := range values {
			set.AppendChild(octets(value))
		}
		pair := ber.NewSequence("")
		pair.AppendChild(octets(name))
		pair.AppendChild(set)
		list.AppendChild(pair)
	}
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	entry.AppendChild(octets(dn))
	entry.AppendChild(list)
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	message.AppendChild(entry)
	return message.Bytes()
}

// oracle has go-ldap decode a message: a client that searches, and a server that
// answers with it.
func oracle(data []byte) (*ldap.Entry, error) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	client := ldap.NewConn(ours, false)
	client.SetTimeout(5 * time.Second)
	client.Start()
	defer client.Close()
	go func() {
		request, err := ber.ReadPacket(bufio.NewReader(theirs))
		if err != nil {
			return
		}
		// Its own id in place of whatever the fuzzer chose.
		_, content, _, _ := element(data, tagSequence)
		_, _, content, _ = element(content, tagInteger)
		id := ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, request.Children[0].Value, "").Bytes()
		message := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		message.Data.Write(append(id, content...))
		_, _ = theirs.Write(message.Bytes())
		done := ber.NewSequence("")
		done.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, request.Children[0].Value, ""))
		result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultDone, nil, "")
		result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 0, ""))
		for range 2 {
			result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
		}
		done.AppendChild(result)
		_, _ = theirs.Write(done.Bytes())
	}()
	result, err := client.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", nil, nil))
	if err != nil {
		return nil, err
	}
	if len(result.Entries) != 1 {
		return nil, errUnasked
	}
	return result.Entries[0], nil
}

func TestNoLengthIsBelievedBeforeItIsThere(t *testing.T) {
	for name, data := range map[string]string{
		"longer than what holds it": "\x30\x05\x02\x01\x01\x64\x7f",
		"a tag of several bytes":    "\x30\x05\x02\x01\x01\x7f\x81\x01\x00",
		"no id":                     "\x30\x02\x64\x00",
		"an id below zero":          "\x30\x05\x02\x01\xff\x64\x00",
		"an id without bytes":       "\x30\x04\x02\x00\x64\x00",
		"bytes after the message":   "\x30\x05\x02\x01\x01\x64\x00\x00",
		"bytes after the controls":  "\x30\x08\x02\x01\x01\x64\x00\xa0\x00\x00",
		"something for controls":    "\x30\x07\x02\x01\x01\x64\x00\xa1\x00",
	} {
		if _, err := readMessage([]byte(data)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	for name, data := range map[string]string{
		"no attributes":                     "\x04\x01x",
		"bytes after the entry":             "\x04\x01x\x30\x00\x00",
		"an attribute that is none":         "\x04\x01x\x30\x02\x04\x00",
		"a name that is none":               "\x04\x01x\x30\x06\x30\x04\x02\x00\x31\x00",
		"values that are no set":            "\x04\x01x\x30\x06\x30\x04\x04\x00\x30\x00",
		"a value that is no octets":         "\x04\x01x\x30\x08\x30\x06\x04\x00\x31\x02\x02\x00",
		"a value longer than the attribute": "\x04\x01x\x30\x09\x30\x07\x04\x00\x31\x03\x04\x02x",
	} {
		if _, err := new(decoder).entry([]byte(data)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if _, known, err := messageSize([]byte("\x30\x84\x7f\xff\xff\xff")); err == nil || known {
		t.Error("a length of two gigabytes is believed")
	}
}
